#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mathematics of the distributed mode, a second time and independently of the C code.

usage: distributed_math.py write FILE       makes the published vectors
       distributed_math.py check FILE KAT   holds FILE against this program, and the program KAT
                                            against FILE, random cases and bad input; speaks TAP

KAT is build/tests/distributed_kat: one JSON object per line in, one line out.
"""

import hashlib
import itertools
import json
import subprocess
import sys

U, W = 48, 64
EXTRA = U + W

# --- GF(2^8), polynomial 0x11B: powers of the generator 3 ---

EXP = [1]
while len(EXP) < 255:
    doubled = EXP[-1] << 1
    EXP.append(EXP[-1] ^ (doubled ^ (0x11b if doubled & 0x100 else 0)))
LOG = {value: power for power, value in enumerate(EXP)}


def times(a, b):
    return EXP[(LOG[a] + LOG[b]) % 255] if a and b else 0


def divided(a, b):
    return EXP[(LOG[a] - LOG[b]) % 255] if a else 0


TABLES = [bytes(times(c, value) for value in range(256)) for c in range(256)]


def xor(a, b):
    return (int.from_bytes(a, 'big') ^ int.from_bytes(b, 'big')).to_bytes(len(a), 'big')


def interpolate(points, at):
    """f(at) over bytes, from {x: f(x)}."""
    total = bytes(len(next(iter(points.values()))))
    for x, share in points.items():
        coefficient = 1
        for other in points:
            if other != x:
                coefficient = divided(times(coefficient, at ^ other), x ^ other)
        total = xor(total, share.translate(TABLES[coefficient]))
    return total


# --- GF(2^128) as RFC 8452 has it: bit i of the little-endian number is x^i ---

POLYNOMIAL = 1 << 128 | 1 << 127 | 1 << 126 | 1 << 121 | 1


def dot(a, b):
    """a * b * x^-128: shift out the low bit 128 times, adding the polynomial where it is set."""
    product = 0
    while b:
        low = b & -b
        product ^= a * low
        b ^= low
    for _ in range(128):
        if product & 1:
            product ^= POLYNOMIAL
        product >>= 1
    return product


def polyval(key, blocks):
    h = int.from_bytes(key, 'little')
    total = 0
    for at in range(0, len(blocks), 16):
        total = dot(total ^ int.from_bytes(blocks[at:at + 16], 'little'), h)
    return total.to_bytes(16, 'little')


def secret_tag(vector):
    """o = d XOR POLYVAL(c, y_m, ..., y_1, e)"""
    c, d, e = vector[:16], vector[16:32], vector[32:48]
    y = vector[U:]
    backwards = b''.join(y[at:at + 16] for at in range(len(y) - 16, -1, -16))
    return xor(d, polyval(c, backwards + e))


# --- the block ---

def split(n, k, pads):
    legs = {i + 1: pad for i, pad in enumerate(pads) if pad is not None}
    first = dict(itertools.islice(legs.items(), k))
    vector = interpolate(first, 0)
    shares = {x: interpolate(first, x) for x in legs}
    return {
        'vector': vector.hex(),
        'shares': [shares[x].hex() if x in legs else None for x in range(1, n + 1)],
        'z': [None if x not in legs else
              '' if x in first else xor(shares[x], legs[x]).hex() for x in range(1, n + 1)],
        'tag': secret_tag(vector).hex(),
    }


def combine(k, tag, received):
    """(secret, liars) of each polynomial that carries the tag and leaves out the fewest."""
    found = {}
    for xs in itertools.combinations(sorted(received), k):
        base = {x: received[x] for x in xs}
        vector = interpolate(base, 0)
        if secret_tag(vector) == tag:
            liars = tuple(x for x in sorted(received) if interpolate(base, x) != received[x])
            found[liars] = vector[EXTRA:]
    fewest = min(map(len, found), default=0)
    return [(secret, list(liars)) for liars, secret in found.items() if len(liars) == fewest]


# --- the vectors ---

def stream(name, size):
    """Bytes that anybody can make again."""
    return hashlib.shake_256(('skex distributed math/1: ' + name).encode()).digest(size)


def pads_of(name, n, size, missing=()):
    return [None if i + 1 in missing else stream('%s: pad %d' % (name, i + 1), size)
            for i in range(n)]


def hexes(pads):
    return [None if pad is None else pad.hex() for pad in pads]


def split_case(name, n, k, length, missing=()):
    pads = pads_of(name, n, EXTRA + length, missing)
    return {'name': name, 'request': {'n': n, 'k': k, 'pads': hexes(pads), 'tag': True},
            'response': split(n, k, pads)}


def lie(name, share, start=0, end=None):
    """Another share from start to end."""
    end = len(share) if end is None else end
    return share[:start] + stream('%s: lie' % name, end - start) + share[end:]


def combine_request(name, n, k, length, liars=None, silent=()):
    """liars: index -> (start, end) of the bytes that are replaced."""
    made = split(n, k, pads_of(name, n, EXTRA + length))
    received = {x: bytes.fromhex(made['shares'][x - 1])
                for x in range(1, n + 1) if x not in silent}
    for x, (start, end) in (liars or {}).items():
        received[x] = lie('%s: %d' % (name, x), received[x], start, end)
    request = {'n': n, 'k': k, 'length': length, 'tag': made['tag'],
               'received': {str(x): share.hex() for x, share in received.items()}}
    return request, received, bytes.fromhex(made['tag']), made['vector'][2 * EXTRA:]


def combine_case(name, n, k, length, liars=None, silent=()):
    request, received, tag, secret = combine_request(name, n, k, length, liars, silent)
    found = combine(k, tag, received)
    assert found == [(bytes.fromhex(secret), sorted(liars or {}))], name
    return {'name': name, 'request': request,
            'response': {'secret': found[0][0].hex(), 'liars': found[0][1]}}


def refused(name, request):
    return {'name': name, 'request': request, 'refused': True}


def no_candidate(name, n, k, length, liars):
    request, received, tag, _ = combine_request(name, n, k, length, liars)
    assert combine(k, tag, received) == [], name
    return refused(name, request)


def polyval_case(name, key, blocks):
    return {'name': name, 'request': {'polyval_key': key.hex(), 'blocks': blocks.hex()},
            'response': {'polyval': polyval(key, blocks).hex()}}


ALL, ONLY_U, ONLY_W, ONLY_S = (0, None), (0, U), (U, EXTRA), (EXTRA, None)


def polyval_cases():
    appendix_a = polyval_case(
        'polyval, RFC 8452 appendix A', bytes.fromhex('25629347589242761d31f826ba4b757b'),
        bytes.fromhex('4f4f95668c83dfb6401762bb2d01a262d1a24ddd2721d006bbe45f20d3c9f362'))
    assert appendix_a['response'] == {'polyval': 'f7a3b47b846119fae5b7866cf5e5b77e'}
    appendix_c = polyval_case(
        'polyval, RFC 8452 appendix C.1', bytes.fromhex('d9b360279694941ac5dbc6987ada7377'),
        bytes.fromhex('0100000000000000000000000000000000000000000000004000000000000000'))
    assert appendix_c['response'] == {'polyval': 'eb93b7740962c5e49d2a90a7dc5cec74'}
    cases = [appendix_a, appendix_c]
    for count in (0, 1, 2, 7, 16):
        name = 'polyval of %d blocks' % count
        cases.append(polyval_case(name, stream(name + ': key', 16), stream(name, 16 * count)))
    cases.append(polyval_case('polyval under the zero key', bytes(16), stream('zero key', 32)))
    cases.append(polyval_case('polyval of all bits', b'\xff' * 16, b'\xff' * 48))
    return cases


def vectors():
    cases = polyval_cases()
    for n, k, length in ((2, 2, 16), (3, 2, 32), (5, 3, 32), (5, 3, 64), (7, 4, 16), (16, 8, 16)):
        cases.append(split_case('split (%d,%d) of %d bytes' % (n, k, length), n, k, length))
    cases.append(split_case('split, no pad on leg 2', 5, 3, 16, missing=[2]))
    cases.append(split_case('split, pad on k legs only', 5, 3, 16, missing=[1, 4]))
    cases.append(combine_case('combine (3,2), all honest', 3, 2, 32))
    cases.append(combine_case('combine (5,3), all honest', 5, 3, 32))
    cases.append(combine_case('combine (5,3), two silent', 5, 3, 32, silent=[1, 4]))
    cases.append(combine_case('combine (3,2), hub 1 lies', 3, 2, 32, {1: ALL}))
    cases.append(combine_case('combine (5,3), hub 3 lies in u', 5, 3, 32, {3: ONLY_U}))
    cases.append(combine_case('combine (5,3), hubs 1 and 2 lie in w', 5, 3, 32,
                              {1: ONLY_W, 2: ONLY_W}))
    cases.append(combine_case('combine (5,3), hubs 2 and 5 lie in S', 5, 3, 32,
                              {2: ONLY_S, 5: ONLY_S}))
    cases.append(combine_case('combine (5,3), hub 1 silent, hub 2 lies', 5, 3, 48, {2: ALL},
                              silent=[1]))
    cases.append(combine_case('combine (7,4), hubs 1, 2, 3 lie', 7, 4, 16,
                              {1: ALL, 2: ONLY_S, 3: ONLY_U}))
    cases.append(combine_case('combine (16,8), hub 1 lies', 16, 8, 16, {1: ALL}, silent=[15, 16]))
    cases.append(no_candidate('combine (3,2), two of three lie', 3, 2, 32, {1: ALL, 3: ALL}))
    cases.append(no_candidate('combine (5,3), three of five lie', 5, 3, 32,
                              {1: ONLY_S, 2: ONLY_S, 3: ONLY_S}))
    few, _, _, _ = combine_request('combine (5,3), fewer than k', 5, 3, 32, silent=[1, 2, 3])
    cases.append(refused('combine (5,3), fewer than k', few))
    return {
        'version': 1,
        'what': 'Each request is a line for build/tests/distributed_kat; response is its answer; '
                'refused means an answer with the one field "error".',
        'made_by': 'tests/vectors/distributed_math.py',
        'cases': cases,
    }


def text_of(document):
    return json.dumps(document, indent=1) + '\n'


# --- the checks ---

class Kat:
    """The program under test, asked line by line."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask_raw(self, line):
        self.process.stdin.write(line + b'\n')
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer.endswith(b'\n'):
            raise EOFError('no answer')
        return json.loads(answer)

    def ask(self, request):
        return self.ask_raw(json.dumps(request).encode())

    def end(self):
        """Its exit code after the end of input; what it still said is an error."""
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode if rest == b'' else -1


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def check(self, name, good, detail=''):
        self.count += 1
        self.failed += not good
        print('%sok %d - %s' % ('' if good else 'not ', self.count, name.replace('#', '')))
        if not good and detail:
            print('# ' + str(detail)[:500])

    def finish(self):
        print('1..%d' % self.count)
        sys.exit(1 if self.failed else 0)


def is_error(answer):
    return list(answer) == ['error'] and isinstance(answer['error'], str) and answer['error'] != ''


def check_file(tap, path):
    with open(path, encoding='ascii') as f:
        text = f.read()
    tap.check('the published vectors are what this program makes', text == text_of(vectors()))
    return json.loads(text)


def check_cases(tap, kat, document):
    for case in document['cases']:
        answer = kat.ask(case['request'])
        good = is_error(answer) if case.get('refused') else answer == case['response']
        tap.check(case['name'], good, answer)


def check_random(tap, kat):
    """Round trips with as many independent liars as (n, k) bears."""
    numbers = iter(stream('random cases', 100000))
    for _ in range(150):
        n = 2 + next(numbers) % 8
        k = 2 + next(numbers) % (n - 1)
        length = 16 * (1 + next(numbers) % 6)
        name = 'random %d %d %d %d' % (n, k, length, next(numbers))
        hubs = sorted(range(1, n + 1), key=lambda _: next(numbers))
        silent = hubs[:next(numbers) % (n - k + 1)]
        bears = min(k - 1, n - len(silent) - k)
        liars = sorted(hubs[len(silent):][:next(numbers) % (bears + 1)])
        request, received, tag, secret = combine_request(
            name, n, k, length, {x: ALL for x in liars}, silent)
        pads = pads_of(name, n, EXTRA + length)
        answer = kat.ask({'n': n, 'k': k, 'pads': hexes(pads), 'tag': True})
        good = answer == split(n, k, pads)
        answer = kat.ask(request)
        good = good and answer == {'secret': secret, 'liars': liars} and \
            combine(k, tag, received) == [(bytes.fromhex(secret), liars)]
        if not good:
            tap.check(name, False, answer)
            return
    tap.check('150 random round trips', True)


def check_long(tap, kat):
    """The longest block, with liars, one in the very last byte."""
    request, _, _, secret = combine_request('long', 5, 3, 65536, {2: ALL, 4: (0, 1)})
    tap.check('65,536 bytes, two liars',
              kat.ask(request) == {'secret': secret, 'liars': [2, 4]})
    request, received, _, secret = combine_request('long', 3, 2, 65536)
    last = bytearray(received[3])
    last[-1] ^= 1
    request['received']['3'] = last.hex()
    tap.check('65,536 bytes, a lie in the last one',
              kat.ask(request) == {'secret': secret, 'liars': [3]})


def bad_requests():
    """(name, request): each to be answered by an error."""
    good_split = split_case('bad', 5, 3, 32)['request']
    good_combine, _, _, _ = combine_request('bad', 5, 3, 32)

    def changed(request, **fields):
        return {**request, **fields}

    def pads(change):
        copy = list(good_split['pads'])
        change(copy)
        return changed(good_split, pads=copy)

    def received(change):
        copy = dict(good_combine['received'])
        change(copy)
        return changed(good_combine, received=copy)

    for kind, request in (('split', good_split), ('combine', good_combine)):
        for field, values in (('n', (0, 1, 17, -5, 2 ** 40, 5.0, '5', None, True)),
                              ('k', (0, 1, 6, 17, -3, 3.0, '3', None, [3]))):
            for value in values:
                yield '%s with %s = %r' % (kind, field, value), changed(request, **{field: value})
            yield '%s without %s' % (kind, field), \
                {name: value for name, value in request.items() if name != field}
    for length in (0, 8, 17, 33, 65537, 65552, -16, 16, 48, 32.0, '32', None):
        yield 'length %r' % length, changed(good_combine, length=length)
    for tag in ('', '00', 15 * '00', 17 * '00', 'zz' * 16, 31 * '0', None, 5, True):
        yield 'tag %r' % tag, changed(good_combine, tag=tag)
    yield 'split with a tag that is hex', changed(good_split, tag='00' * 16)
    yield 'pads no array', changed(good_split, pads='00')
    yield 'too few pads', changed(good_split, pads=good_split['pads'][:4])
    yield 'too many pads', changed(good_split, pads=good_split['pads'] * 2)
    yield 'a longer pad', pads(lambda p: p.__setitem__(4, p[4] + '00' * 16))
    yield 'a shorter pad', pads(lambda p: p.__setitem__(0, p[0][:-32]))
    yield 'an empty pad', pads(lambda p: p.__setitem__(2, ''))
    yield 'half a byte', pads(lambda p: p.__setitem__(2, p[2][:-1]))
    yield 'no hex', pads(lambda p: p.__setitem__(2, 'g' + p[2][1:]))
    yield 'a pad that is a number', pads(lambda p: p.__setitem__(2, 7))
    yield 'pad on k - 1 legs', pads(lambda p: p.__setitem__(slice(0, 3), [None] * 3))
    yield 'pad on no leg', pads(lambda p: p.__setitem__(slice(0, 5), [None] * 5))
    for size in (0, 48, 112, 120, 127, 136, 112 + 65552):
        yield 'pads of %d bytes' % size, changed(good_split, pads=['00' * size] * 5)
    for index in ('0', '6', '17', '-1', '01', '+1', ' 1', '1 ', 'x', '', '1.0',
                  '99999999999999999999'):
        yield 'index %r' % index, \
            received(lambda r, i=index: r.__setitem__(i, r['1']))
    yield 'received no object', changed(good_combine, received=[])
    yield 'nothing received', changed(good_combine, received={})
    yield 'two received', received(lambda r: [r.__delitem__(i) for i in '125'])
    yield 'two received, the others null', \
        received(lambda r: [r.__setitem__(i, None) for i in '125'])
    yield 'an empty share', received(lambda r: r.__setitem__('4', ''))
    yield 'a share too long', received(lambda r: r.__setitem__('4', r['4'] + '00'))
    yield 'a share without hex', received(lambda r: r.__setitem__('4', 'x' * 288))
    yield 'a share that is a list', received(lambda r: r.__setitem__('4', []))
    yield 'another tag', changed(good_combine, tag='00' * 16)
    yield 'polyval key too short', {'polyval_key': '00' * 15, 'blocks': ''}
    yield 'polyval key too long', {'polyval_key': '00' * 17, 'blocks': ''}
    yield 'polyval with half a block', {'polyval_key': '00' * 16, 'blocks': '00' * 8}
    yield 'polyval without blocks', {'polyval_key': '00' * 16}
    yield 'polyval with a number', {'polyval_key': '00' * 16, 'blocks': 5}
    yield 'an empty object', {}
    yield 'an object that asks nothing', {'n': 5, 'k': 3}


BAD_LINES = [
    b'', b' ', b'\t', b'nonsense', b'{', b'}', b'[]', b'null', b'5', b'"text"', b'{"n":5',
    b'{"n":5,}', b'{"n":5} x', b'{"n":5}{"k":3}', b'\xff\xfe', b'{"\xff":1}', b'{"a":"\\u0000"}',
    b'{"a":1\x00}', b'\x00', b'{"n":5,"n":5}', b'{"n":1e999}', b'[' * 100000, b'{"a":' * 100000,
    b'"' + b'a' * 1000000, b'x' * 1000000,
    b'{"n":99999999999999999999999999,"k":3,"pads":[]}',
]


def check_bad_input(tap, kat):
    for name, request in bad_requests():
        answer = kat.ask(request)
        tap.check('refused: ' + name, is_error(answer), answer)
    for number, line in enumerate(BAD_LINES, 1):
        answer = kat.ask_raw(line)
        tap.check('refused: bad line %d' % number, is_error(answer), answer)


def check_tolerance(tap, kat):
    """What is not an error: unknown fields, null for nothing, upper case, spaces, no tag asked."""
    request, _, _, secret = combine_request('tolerant', 5, 3, 32)
    right = {'secret': secret, 'liars': []}
    tap.check('an unknown field is ignored', kat.ask({**request, 'note': [1, {'a': 2}]}) == right)
    request['received']['1'] = None
    tap.check('a share that is null was not received', kat.ask(request) == right)
    request['received'] = {x: share and share.upper()
                           for x, share in request['received'].items()}
    request['tag'] = request['tag'].upper()
    tap.check('upper case is read', kat.ask(request) == right)
    line = json.dumps(request, indent=4).replace('\n', ' ').encode()
    tap.check('spaces and a carriage return are read', kat.ask_raw(b'  ' + line + b'\r') == right)
    case = split_case('tolerant', 3, 2, 16)
    without = {name: value for name, value in case['response'].items() if name != 'tag'}
    tap.check('without "tag" there is none',
              kat.ask({**case['request'], 'tag': False}) == without and
              kat.ask({n: v for n, v in case['request'].items() if n != 'tag'}) == without)


def check_last_line(tap, path):
    """A last line without its newline is a line."""
    request = json.dumps({'polyval_key': '00' * 16, 'blocks': ''}).encode()
    done = subprocess.run([path], input=request, stdout=subprocess.PIPE, timeout=60, check=False)
    tap.check('a last line without newline is answered',
              done.returncode == 0 and done.stdout == b'{"polyval":"' + b'0' * 32 + b'"}\n')
    done = subprocess.run([path], input=b'', stdout=subprocess.PIPE, timeout=60, check=False)
    tap.check('no line, no answer', done.returncode == 0 and done.stdout == b'')


def check(path, program):
    tap = Tap()
    kat = Kat(program)
    check_cases(tap, kat, check_file(tap, path))
    check_random(tap, kat)
    check_long(tap, kat)
    check_bad_input(tap, kat)
    check_tolerance(tap, kat)
    tap.check('it still answers, and ends with 0',
              kat.ask({'polyval_key': '00' * 16, 'blocks': ''}) == {'polyval': '00' * 16} and
              kat.end() == 0)
    check_last_line(tap, program)
    tap.finish()


def main():
    if sys.argv[1:2] == ['write'] and len(sys.argv) == 3:
        with open(sys.argv[2], 'w', encoding='ascii') as f:
            f.write(text_of(vectors()))
    elif sys.argv[1:2] == ['check'] and len(sys.argv) == 4:
        check(sys.argv[2], sys.argv[3])
    else:
        sys.exit(__doc__)


main()
