#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pairwise mode's vectors, made by a second implementation.

usage: pairwise_vectors.py write FILE       makes the published vectors
       pairwise_vectors.py check FILE KAT   holds FILE against this program, and the program KAT
                                            against FILE, random cases and bad input; speaks TAP

KAT is build/tests/pairwise_kat: one JSON object per line in, one line out.
"""

import hashlib
import json
import subprocess
import sys

sys.dont_write_bytecode = True

from pairwise_math import (  # noqa: E402
    ACKREQ, K1, P1, PAD, Association, Refused, Run, Tree, export, hedged, next_phase, r1, r2,
    rekey_leaf, tlv, u32, u64)
from pairwise_refused import made_of  # noqa: E402

PSK = bytes(range(32))
NA, NB = bytes(range(0xa0, 0xb0)), bytes(range(0xb0, 0xc0))


def stream(name, size):
    """Bytes that anybody can make again."""
    return hashlib.shake_256(('skex pairwise/1: ' + name).encode()).digest(size)


# --- runs without payload, which the KAT answers too ---

def request(psk=PSK, id0='node-0', id1='node-1', suites='01', purpose='test', d=0, r=0, lane=0,
            i=5, na=NA, nb=NB):
    return {'psk': psk.hex(), 'suites': suites, 'na': na.hex(), 'nb': nb.hex(), 'id0': id0,
            'id1': id1, 'purpose': purpose, 'd': d, 'r': r, 'lane': lane, 'i': i}


def association(case):
    return Association(bytes.fromhex(case['psk']), case['id0'].encode(), case['id1'].encode(),
                       bytes.fromhex(case['suites']), case['d'], case['purpose'].encode())


def answer(case):
    a = association(case)
    leaf = a.leaf(case['r'], case['lane'], case['i'])
    run = Run(a.ac, leaf, case['r'], case['i'])
    m = [run.one(bytes.fromhex(case['na'])), run.two(bytes.fromhex(case['nb'])), run.three(),
         run.four()]
    out = {'ac': a.ac, 'leaf': leaf, 'm1': m[0], 'm2': m[1], 'm3': m[2], 'm4': m[3],
           'sid': run.sid, 'exp': run.exp, 'fp': a.fp}
    return {name: value.hex() for name, value in out.items()}


def named_runs():
    yield 'the first of the design', request()
    yield 'the other direction', request(r=1)
    yield 'another lane', request(lane=1)
    yield 'the first index', request(i=0)
    yield 'a tree of 8 levels', request(d=8, i=1000)
    yield 'a tree of 32 levels', request(d=32, i=(1 << 40) - 1)
    yield 'several suites', request(suites='010203')
    yield 'no purpose', request(purpose='')
    yield 'names in UTF-8', request(id0='g\u00e4rtner', id1='\u6771\u4eac')
    yield 'the longest names', request(id0='a' * 255, id1='b' * 255, purpose='c' * 255)
    yield 'names that share letters', request(id0='node-0n', id1='ode-1')


# --- runs with payloads, and what hangs on them ---

def padding(plain, size):
    while len(plain) < size:
        plain += tlv(12, bytes(min(255, max(0, size - len(plain) - 2))))
    return plain


def whole(name, d, lane, r, i):
    a = Association(PSK, b'node-0', b'node-1', b'\x01', d, b'test')
    leaf = a.leaf(r, lane, i)
    na = hedged(leaf, b'na', stream(name + ' A', 32))
    nb = hedged(leaf, b'nb', stream(name + ' B', 32))
    plain = [
        tlv(1, b'tunnel 7') + tlv(2, u64(1893456000123)) + tlv(3, b'\x02\x01'),
        tlv(4, b'\x02') + tlv(9, stream(name + ' group', 40)),
        padding(tlv(5, b'ike-ppk') + tlv(0x8b, stream(name + ' blob', 60)), 512),
        tlv(11, b''),
    ]
    run = Run(a.ac, leaf, r, i)
    m = [run.one(na, plain[0]), run.two(nb, plain[1]), run.three(plain[2], ACKREQ | PAD),
         run.four(plain[3])]
    rekey = Run(a.ac, rekey_leaf(run.rs, 1 - r, 3), 1 - r, 3, K1)
    k = [rekey.one(nb), rekey.two(na), rekey.three(), rekey.four()]
    push = Run(a.ac, leaf, r, i, P1)
    p = push.one(na, tlv(6, b'21.5 C'))
    ask = r1(a.recovery(lane), a.ac, r, na, i)
    said = r2(a.recovery(lane), a.ac, r, ask, nb, i + 40)
    context = u32(0) + b'peer'
    return {
        'name': name, 'd': d, 'lane': lane, 'r': r, 'i': u64(i).hex(), 'leaf': leaf.hex(),
        'random_a': stream(name + ' A', 32).hex(), 'random_b': stream(name + ' B', 32).hex(),
        'na': na.hex(), 'nb': nb.hex(), 'plain': [x.hex() for x in plain],
        'm': [x.hex() for x in m],
        'sid': run.sid.hex(), 'exp': run.exp.hex(), 'rs': run.rs.hex(),
        'next_phase': next_phase(run.exp).hex(),
        'reseed': {'attempt': 7, 'secret': run.reseed(7).hex()},
        'exports': [{'label': label, 'context': context.hex(), 'size': size,
                     'key': export(run.exp, label.encode(), context, size).hex()}
                    for label, size in (('ike-ppk', 32), ('tls-psk', 48), ('macsec-cak', 16),
                                        ('macsec-ckn', 32), ('tcp-ao', 32), ('wireguard-psk', 32),
                                        ('eap-msk', 64), ('oscore-salt', 8), ('app/x', 100))],
        'rekey': {'requester': 1 - r, 'attempt': 3, 'leaf': rekey.leaf.hex(),
                  'k': [x.hex() for x in k], 'sid': rekey.sid.hex(), 'exp': rekey.exp.hex()},
        'push': {'plain': tlv(6, b'21.5 C').hex(), 'p1': p.hex(), 'sid': push.sid.hex(),
                 'exp': push.exp.hex()},
        'recovery': {'r1': ask.hex(), 'r2': said.hex(), 'target': u64(i + 40).hex()},
    }


def leaf_row(d, r, lane, i):
    a = Association(PSK, b'node-0', b'node-1', b'\x01', d, b'test')
    return {'d': d, 'r': r, 'lane': lane, 'i': u64(i).hex(), 'leaf': a.leaf(r, lane, i).hex()}


def vectors():
    a = Association(PSK, b'node-0', b'node-1', b'\x01', 0, b'test')
    exp = bytes.fromhex(answer(request())['exp'])
    places = [(d, 0, 0, i) for d in (0, 8, 32) for i in (0, 1, 5, 255, 256)]
    places += [(8, 1, 2, 70000), (32, 1, 0, 1 << 32), (32, 0, 3, (1 << 40) - 1), (0, 1, 1, 300)]
    rows = [whole('a chain', 0, 0, 0, 5), whole('a tree of 8 levels', 8, 1, 1, 777),
            whole('a tree of 32 levels', 32, 200, 0, 1 << 35)]
    return {
        'description': 'pairwise mode, version 1: see docs/spec/pairwise.md',
        'config': {'psk': PSK.hex(), 'id0': 'node-0', 'id1': 'node-1', 'suites': '01',
                   'purpose': 'test'},
        'runs': [{'name': name, 'request': case, 'response': answer(case)}
                 for name, case in named_runs()],
        'design': {'wireguard_psk': export(exp, b'wireguard-psk', b'', 32).hex(), 'exp': exp.hex(),
                   'r1': r1(a.recovery(), a.ac, 0, NA, 5).hex(),
                   'r2': r2(a.recovery(), a.ac, 0, r1(a.recovery(), a.ac, 0, NA, 5), NB, 9).hex()},
        'leaves': [leaf_row(*place) for place in places],
        'whole': rows,
        **made_of(rows[0]),
    }


def text_of(made):
    return json.dumps(made, indent=1, ensure_ascii=True) + '\n'


# --- that what was written is read, and what a tree still holds is right ---

def reads(row):
    """Whether the run of a row, read, gives its payloads and keys; a changed bit gives nothing."""
    a = Association(PSK, b'node-0', b'node-1', b'\x01', row['d'], b'test')
    run = Run(a.ac, bytes.fromhex(row['leaf']), row['r'], int(row['i'], 16))
    for message, plain in zip(row['m'], row['plain']):
        data = bytes.fromhex(message)
        for at in range(len(data)):
            try:
                run.read(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:])
                return False
            except Refused:
                pass
        if run.read(data) != bytes.fromhex(plain):
            return False
    return run.exp.hex() == row['exp'] and run.sid.hex() == row['sid']


def holds(d):
    """Whether a tree has the leaves that were neither dropped nor punctured, and no others."""
    a = Association(PSK, b'node-0', b'node-1', b'\x01', d, b'test')
    tree, floor, punctured = Tree(a.chain(0), d), 0, set()
    for step in range(60):
        seed = stream('tree %d %d' % (d, step), 3)
        i = floor + (seed[0] % 20 if seed[2] & 1 else seed[0] << 2)
        if tree.holds(i) == (i in punctured):
            return False
        if i not in punctured and tree.leaf(i) != a.leaf(0, 0, i):
            return False
        if i not in punctured:
            tree.puncture(i)
            punctured.add(i)
        floor += seed[1] if seed[2] & 6 == 0 else 0
        tree.forget_below(floor)
        if floor and tree.holds(floor - 1) or any(tree.holds(i) for i in punctured):
            return False
    return True


# --- the check ---

def random_cases():
    for number in range(60):
        seed = stream('random %d' % number, 16)
        d = (0, 8, 32)[number % 3]
        i = int.from_bytes(seed[:5], 'big') >> (30, 22, 0)[number % 3]
        yield request(psk=stream('psk %d' % number, 32), id0='a%d' % number, purpose='p' * seed[5],
                      d=d, r=seed[6] & 1, lane=seed[7], i=i, na=stream('na %d' % number, 16),
                      nb=stream('nb %d' % number, 16))


def bad_lines():
    good = request()
    for name, value in (('psk', '00'), ('psk', 'zz' * 32), ('psk', '0' * 63), ('na', ''), ('nb', 5),
                        ('id0', ''), ('id0', 'node-1'), ('id0', 'x' * 256), ('id1', None),
                        ('purpose', 'x' * 256), ('suites', ''), ('suites', '02'),
                        ('suites', '01' * 17), ('d', 1), ('d', 33), ('d', '8'), ('r', 2),
                        ('lane', 256), ('lane', -1), ('i', -1), ('i', 1 << 40), ('i', 0.5),
                        ('i', 1 << 39)):
        yield json.dumps({**good, name: value})
    for name in good:
        yield json.dumps({key: value for key, value in good.items() if key != name})
    yield from ('', '[]', '7', '{', '{"psk":"00","psk":"00"}', 'null')


class Kat:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def ask(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def check(path, program):
    with open(path, encoding='utf-8') as f:
        published = f.read()
    kat = Kat(program)
    results = [('the published vectors are what this program makes',
                published == text_of(vectors()))]
    for row in json.loads(published)['runs']:
        results.append((row['name'], kat.ask(json.dumps(row['request'])) == row['response']))
    for row in json.loads(published)['whole']:
        results.append(('%s: read by this program' % row['name'], reads(row)))
    for d in (0, 8, 32):
        results.append(('a tree of %d levels holds what it should' % d, holds(d)))
    for number, case in enumerate(random_cases()):
        results.append(('random case %d' % number, kat.ask(json.dumps(case)) == answer(case)))
    for line in bad_lines():
        said = kat.ask(line)
        results.append(('refused: ' + line[:60].replace('#', ''), list(said) == ['error']))
    kat.process.stdin.close()
    results.append(('the program ends well', kat.process.wait() == 0))
    print('1..%d' % len(results))
    for number, (name, good) in enumerate(results, 1):
        print('%s %d - %s' % ('ok' if good else 'not ok', number, name))
    return 0 if all(good for _, good in results) else 1


def main():
    if len(sys.argv) == 3 and sys.argv[1] == 'write':
        with open(sys.argv[2], 'w', encoding='utf-8') as f:
            f.write(text_of(vectors()))
        return 0
    if len(sys.argv) == 4 and sys.argv[1] == 'check':
        return check(sys.argv[2], sys.argv[3])
    sys.exit(__doc__)


sys.exit(main())
