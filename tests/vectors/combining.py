#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two secrets made into one (docs/spec/combining.md), a second time, independently of the C code.

usage: combining.py write FILE      makes the published vectors
       combining.py --check FILE    exits with 1 when FILE is not what this program makes
"""

import hashlib
import hmac
import json
import struct
import sys

PIECE = 255 * 32


def lp8(text):
    return bytes([len(text)]) + text.encode()


def stream(key, label, context, size):
    info = lp8(label) + struct.pack('>H', len(context)) + context + struct.pack('>H', size)
    out, block = b'', b''
    for number in range(1, -(-size // 32) + 1):
        block = hmac.new(key, block + info + bytes([number]), hashlib.sha256).digest()
        out += block
    return out[:size]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def context_of(row):
    parts = sorted(row['components'], key=lambda part: part['provider'].encode())
    context = b'skex combine/1'
    for part in parts:
        context += lp8(part['provider']) + struct.pack('>IQ', part['instance'], part['counter'])
    context += lp8(row['initiator']) + lp8(row['responder']) + lp8(row['purpose'])
    return parts, hashlib.sha256(context).digest()


def disjoint(row):
    one, other = row['components']
    if (one['instance'], one['counter']) == (other['instance'], other['counter']):
        return False
    roots = [{(kind, ident) for kind, ident in part['roots']} for part in (one, other)]
    return not roots[0] & roots[1] and not any(kind == 5 for kind, _ in roots[0] | roots[1])


def combine(row):
    parts, context = context_of(row)
    secrets = [bytes.fromhex(part['secret']) for part in parts]
    if disjoint(row):
        return dict(row, disjoint=True, key=xor(*secrets).hex(),
                    **{'class': max(part['class'] for part in parts)})
    keys = [hmac.new(context, secret, hashlib.sha256).digest() for secret in secrets]
    out = b''
    for at in range(0, len(secrets[0]), PIECE):
        size = min(PIECE, len(secrets[0]) - at)
        number = struct.pack('>I', at // PIECE)
        out += xor(stream(keys[0], 'comb1', number, size), stream(keys[1], 'comb2', number, size))
    return dict(row, disjoint=False, key=out.hex(), **{'class': 1})


def component(provider, instance, counter, secret, klass, roots):
    return {'provider': provider, 'instance': instance, 'counter': counter,
            'secret': secret.hex(), 'class': klass, 'roots': roots}


def secret(name, size):
    return stream(hashlib.sha256(name.encode()).digest(), 'secret', b'', size) \
        if size <= PIECE else secret(name, PIECE) + secret(name + '+', size - PIECE)


HUBS = [[1, '%032x' % (0x11 * (i + 1))] for i in range(5)]
CREDENTIAL = [[2, '55669a87370baacb' + '00' * 8]]


def row(what, size, first, second, purpose='app:test'):
    return combine({
        'what': what, 'initiator': 'alice', 'responder': 'bob', 'purpose': purpose,
        'components': [
            component('dske', *first[:2], secret(what + '/1', size), *first[2:]),
            component('pairwise', *second[:2], secret(what + '/2', size), *second[2:])]})


def is_refused(row):
    """What section 1 does not allow to be combined at all."""
    one, other = row['components']
    size = len(one['secret']) // 2
    return one['provider'] == other['provider'] or row['initiator'] == row['responder'] or \
        len(other['secret']) // 2 != size or not 1 <= size <= 65536 or any(
            not 1 <= len(part['provider']) <= 32 or not 1 <= len(part['roots']) <= 16 or
            any(not 1 <= kind <= 5 for kind, _ in part['roots']) for part in (one, other))


def refused(good):
    """Rows that differ from a good one in one thing."""
    def changed(what, part=None, **fields):
        made = json.loads(json.dumps(good))
        (made if part is None else made['components'][part]).update(fields)
        kept = ('initiator', 'responder', 'purpose', 'components')
        made = {'what': what, **{name: made[name] for name in kept}}
        assert is_refused(made), what
        return made

    return [
        changed('one provider twice', 1, provider='dske'),
        changed('a provider without a name', 0, provider=''),
        changed('a provider with a name of 33 bytes', 1, provider='p' * 33),
        changed('a component without roots', 0, roots=[]),
        changed('17 roots', 0, roots=[[1, '%032x' % (i + 1)] for i in range(17)]),
        changed('a root of kind 0', 1, roots=[[0, '11' * 16]]),
        changed('a root of kind 6', 0, roots=HUBS[:2] + [[6, '11' * 16]]),
        changed('one end twice', responder='alice'),
        changed('no bytes', components=[dict(part, secret='') for part in good['components']]),
    ]


def vectors():
    own = (7, 41, 1, CREDENTIAL)
    rows = [
        row('nothing in common', 32, (7, 40, 2, HUBS), own),
        row('both computational', 32, (7, 40, 1, HUBS), own, 'etsi014:sae-a>sae-b'),
        row('a hub in common', 32, (7, 40, 2, HUBS), (7, 41, 1, HUBS[4:])),
        row('the same block', 16, (7, 41, 2, HUBS), own),
        row('perhaps the same house', 48, (7, 40, 2, HUBS), (7, 41, 2, [[5, '00' * 16]])),
        row('one byte more than a piece', PIECE + 1, (7, 40, 2, HUBS), (7, 41, 1, HUBS[:1])),
    ]
    turned = json.loads(json.dumps(rows[2]))
    turned['what'] = 'a hub in common, in the other order'
    turned['components'].reverse()
    rows.append(turned)
    assert not any(map(is_refused, rows))
    return json.dumps({'combining': rows, 'refused': refused(rows[0])}, indent=1) + '\n'


def main(make):
    """Writes or checks the file of what make() gives; the exit code."""
    if sys.argv[1] == 'write':
        with open(sys.argv[2], 'w', encoding='ascii') as f:
            f.write(make())
        return 0
    with open(sys.argv[2], encoding='ascii') as f:
        return 0 if f.read() == make() else 1


if __name__ == '__main__':
    sys.exit(main(vectors))
