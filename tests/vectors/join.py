#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/spec/vectors/join.json out of docs/spec/join.md and pairwise.md alone.

A second implementation of tokens and of what a run gives, sharing nothing with the one in C.

    join.py FILE            writes FILE
    join.py --check FILE    exits with 1 when FILE is not what it would write
"""

import json
import sys

sys.dont_write_bytecode = True

from armour import JOIN, line_of  # noqa: E402
from pairwise_math import Association, export, lp8, u8, u16, u32, u64


def token_bytes(t):
    return b''.join([
        u8(1), bytes.fromhex(t['id']), bytes.fromhex(t['secret']), bytes.fromhex(t['hub_id']),
        lp8(t['hub'].encode()), lp8(t['agent'].encode()), u64(t['expires_ms']), u8(t['suite']),
        u64(t['limits'][0]), u64(t['limits'][1]), u32(t['limits'][2]),
        u16(len(t['addresses'])), t['addresses'].encode()])


def number(data):
    return int.from_bytes(data, 'big') & (1 << 63) - 1


def association_of(t):
    """The identities of a token's association, slot 0 first, and its purpose."""
    return (b'hub:' + t['hub_id'].encode(), b'join:' + t['id'].encode()), b'skex-join/1'


def ask_of(name):
    """The blob of M1."""
    return u8(1) + u8(2) + lp8(name)


def leg_of(exp, name, rekey=0):
    """Leg, pads to the hub and to the agent, seed, envelope keys likewise."""
    context = u32(rekey) + u32(0) + lp8(name)
    leg = export(exp, b'join-leg', context, 56)
    envelope = export(exp, b'join-envelope', context, 64)
    return (number(leg[:8]), [number(leg[8:16]), number(leg[16:24])], leg[24:],
            [envelope[:32], envelope[32:]])


def complete(t):
    data = token_bytes(t)
    t['bytes'], t['text'] = data.hex(), line_of(JOIN, data)
    ids, purpose = association_of(t)
    a = Association(bytes.fromhex(t['secret']), *ids, purpose=purpose)
    t['ac'], t['fingerprint'] = a.ac.hex(), a.fp.hex()
    name = t['name'].encode()
    t['ask'] = ask_of(name).hex()
    leg, pads, seed, keys = leg_of(bytes.fromhex(t['exp']), name, t['rekey'])
    t['leg'], t['pads'] = '%016x' % leg, ['%016x' % pad for pad in pads]
    t['seed'], t['envelope_keys'] = seed.hex(), [key.hex() for key in keys]
    t['source'] = 'token ' + t['id']
    return t


def tokens():
    yield {
        'about': 'a token for one agent', 'id': bytes(range(16)).hex(),
        'secret': bytes(range(64, 96)).hex(), 'hub_id': bytes(range(160, 176)).hex(),
        'hub': 'hub1', 'agent': 'alice', 'expires_ms': 1790000000000, 'suite': 1,
        'limits': [1 << 30, 1 << 24, 604800], 'addresses': 'hub1.example.org 7100',
        'name': 'alice', 'rekey': 0, 'exp': bytes(range(200, 232)).hex(),
    }
    yield {
        'about': 'a token for any agent, of a hub with two addresses; a rekeyed session',
        'id': 'ff' * 16, 'secret': '5a' * 32, 'hub_id': '80' + '00' * 15, 'hub': 'h',
        'agent': '', 'expires_ms': (1 << 63) - 1, 'suite': 2, 'limits': [0, 0, 0],
        'addresses': '192.0.2.1 7100,2001:db8::1 65535', 'name': 'shop-1.north_side',
        'rekey': 3, 'exp': 'e1' * 32,
    }


def text():
    made = {'about': 'Vectors of docs/spec/join.md, version 1. Bytes and wide numbers are '
                     'hexadecimal. Made by tests/vectors/join.py; do not edit.',
            'tokens': [complete(t) for t in tokens()]}
    return json.dumps(made, indent=1) + '\n'


def main():
    if len(sys.argv) == 3 and sys.argv[1] == '--check':
        with open(sys.argv[2], encoding='utf-8') as f:
            sys.exit(0 if f.read() == text() else 'join.json is not what join.py makes')
    with open(sys.argv[1], 'w', encoding='utf-8') as f:
        f.write(text())


if __name__ == '__main__':
    main()
