#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/spec/vectors/join.json out of docs/spec/join.md and pairwise.md alone.

A second implementation of tokens and of what a run gives, sharing nothing with the one in C.

    join.py FILE            writes FILE
    join.py --check FILE    exits with 1 when FILE is not what it would write
"""

import json
import re
import sys

sys.dont_write_bytecode = True

from armour import JOIN, bytes_of, line_of  # noqa: E402
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


class Reader:
    """Takes fields off the front; ValueError when they are not all there."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        if len(self.data) < size:
            raise ValueError('too short')
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, size):
        return int.from_bytes(self.take(size), 'big')


NAME = re.compile(rb'[a-z0-9]([a-z0-9._-]*[a-z0-9])?')


def read_token(line):
    """Of join.md, section 2: ValueError for what an encoder would not have made."""
    reader = Reader(bytes_of(JOIN, line))
    if reader.number(1) != 1:
        raise ValueError('another version')
    reader.take(16 + 32)
    if not any(reader.take(16)):
        raise ValueError('no hub id')
    hub, agent = reader.take(reader.number(1)), reader.take(reader.number(1))
    if not NAME.fullmatch(hub) or (agent and not NAME.fullmatch(agent)):
        raise ValueError('a name')
    reader.take(8)
    if reader.number(1) not in (1, 2):
        raise ValueError('a suite')
    reader.take(8 + 8 + 4)
    size = reader.number(2)
    if size > 511:
        raise ValueError('addresses')
    reader.take(size)
    if reader.data:
        raise ValueError('too long')


def refused():
    """(about, line) of lines that are no token."""
    first = complete(next(tokens()))
    data, line = bytes.fromhex(first['bytes']), first['text']
    body = line[len(JOIN):]
    yield 'another check', line_of(JOIN, data)[:-1] + ('A' if body[-1] != 'A' else 'Q')
    yield 'a byte changed, the check kept', 'SKEX-JOIN-1:' + body[:8] + (
        'B' if body[8] != 'B' else 'C') + body[9:]
    yield 'lower case', 'SKEX-JOIN-1:' + body.lower()
    yield 'a digit that base32 does not have', 'SKEX-JOIN-1:' + body[:20] + '1' + body[21:]
    yield 'padding', line + '='
    yield 'one character less', line[:-1]
    yield 'one character more', line + 'A'
    yield 'space within', line[:40] + ' ' + line[40:]
    yield 'bits left over that are not zero', left_over(data)
    yield 'another prefix', line.replace('JOIN', 'PAIR')
    yield 'version 2 in the prefix', line.replace('-1:', '-2:')
    yield 'a prefix in lower case', line.replace('SKEX', 'skex')
    yield 'nothing behind the prefix', 'SKEX-JOIN-1:'
    for about, changed in (
            ('a byte less', data[:-1]), ('a byte more', data + b'\0'),
            ('version 0', b'\0' + data[1:]), ('version 2', b'\2' + data[1:]),
            ('a hub id of zeros', data[:49] + bytes(16) + data[65:]),
            ('no name of the hub', token_bytes(dict(first, hub=''))),
            ('a name in capitals', token_bytes(dict(first, hub='Hub1'))),
            ('suite 0', token_bytes(dict(first, suite=0))),
            ('suite 3', token_bytes(dict(first, suite=3))),
            ('addresses of 512 bytes', token_bytes(dict(first, addresses='a' * 507 + ' 7100')))):
        yield about + ', with a right check', line_of(JOIN, changed)


def left_over(data):
    """A line whose last character has a bit that base32 leaves over."""
    letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
    line = line_of(JOIN, data)
    assert (len(data) + 4) % 5, 'nothing is left over'
    return line[:-1] + letters[letters.index(line[-1]) + 1]


def is_refused(line):
    try:
        read_token(line)
    except ValueError:
        return True
    return False


def text():
    for token in map(complete, tokens()):
        read_token(token['text'])
    for about, line in refused():
        assert is_refused(line), about
    made = {'about': 'Vectors of docs/spec/join.md, version 1. Bytes and wide numbers are '
                     'hexadecimal. Made by tests/vectors/join.py; do not edit.',
            'tokens': [complete(t) for t in tokens()],
            'refused': [{'about': about, 'text': line} for about, line in refused()]}
    return json.dumps(made, indent=1) + '\n'


def main():
    if len(sys.argv) == 3 and sys.argv[1] == '--check':
        with open(sys.argv[2], encoding='utf-8') as f:
            sys.exit(0 if f.read() == text() else 'join.json is not what join.py makes')
    with open(sys.argv[1], 'w', encoding='utf-8') as f:
        f.write(text())


if __name__ == '__main__':
    main()
