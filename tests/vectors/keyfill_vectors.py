#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys out of material that was carried, out of docs/keyfill.md and docs/spec/enrolment.md alone.

usage: keyfill_vectors.py write FILE      makes the published vectors
       keyfill_vectors.py --check FILE    exits with 1 when FILE is not what this program makes
"""

import hashlib
import json
import re
import sys

sys.dont_write_bytecode = True

import combining  # noqa: E402
from qkd014 import lp8, polyval, u  # noqa: E402

PIECE = 2048
FILL = bytes(range(0xf0, 0x100))
NAME = '[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?'


def stream(name, size):
    return hashlib.shake_256(('skex keyfill/1: ' + name).encode()).digest(size)


# --- keys ---

def purpose_of(fill, direction, purpose):
    """x, and the 13 bits of the check."""
    digest = hashlib.sha256(b'skex keyfill purpose/1' + fill + u(1, direction) + purpose.encode())
    return digest.digest()[:16], int.from_bytes(digest.digest()[16:18], 'big') >> 3


def key_of(x, material):
    a, b = material[:PIECE // 2], material[PIECE // 2:]
    return b''.join(bytes(p ^ q for p, q in zip(polyval(x, a[at:at + 16]), b[at:at + 16]))
                    for at in range(0, PIECE // 2, 16))


def counter_of(check, pieces, first):
    return check << 29 | pieces - 1 << 26 | first


def purposes():
    for fill, direction, purpose in ((FILL, 0, 'app:x'), (FILL, 1, 'app:x'),
                                     (bytes(16), 0, 'app:x'),
                                     (FILL, 0, 'etsi014:sae-a>sae-b'), (FILL, 1, 'p' * 191)):
        x, check = purpose_of(fill, direction, purpose)
        yield {'fill': fill.hex(), 'direction': direction, 'purpose': purpose, 'x': x.hex(),
               'check': check}


def keys():
    x = purpose_of(FILL, 0, 'app:x')[0]
    for what, point, material in (
            ('a piece', x, stream('a piece', PIECE)),
            ('the same piece, for another purpose', purpose_of(FILL, 0, 'app:y')[0],
             stream('a piece', PIECE)),
            ('a of zeros', x, bytes(PIECE // 2) + stream('b', PIECE // 2)),
            ('b of zeros', x, stream('a', PIECE // 2) + bytes(PIECE // 2)),
            ('x of zeros', bytes(16), stream('a piece', PIECE)),
            ('ones', b'\xff' * 16, b'\xff' * PIECE)):
        yield {'what': what, 'x': point.hex(), 'material': material.hex(),
               'key': key_of(point, material).hex()}


def counters():
    for check, pieces, first in ((0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1), (77, 5, 999),
                                 (0x1fff, 8, (1 << 26) - 1), (0x1000, 4, 1 << 25)):
        yield {'check': check, 'pieces': pieces, 'first': first,
               'counter': counter_of(check, pieces, first)}


def other_purposes():
    """Counters whose check is not that of the purpose for which they are asked for."""
    right = purpose_of(FILL, 0, 'app:x')[1]
    for what, fill, direction, purpose in (
            ('of another purpose', FILL, 0, 'app:y'), ('of the other direction', FILL, 1, 'app:x'),
            ('of another fill', FILL[:-1] + b'\0', 0, 'app:x'),
            ('of a longer purpose', FILL, 0, 'app:xy')):
        assert purpose_of(fill, direction, purpose)[1] != right, what
        yield {'what': what, 'fill': fill.hex(), 'direction': direction, 'purpose': purpose,
               'counter': counter_of(right, 1, 7)}


def served():
    for purpose, is_served in (('app:x', True), ('etsi014:a>b', True), ('etsi014:a>b,c', False),
                               ('skex:note', False)):
        yield {'purpose': purpose, 'served': is_served}


# --- the header of the file ---

def header_of(row):
    return (u(1, row.get('version', 0x81)) + u(1, row.get('type', 3)) + u(1, row['class'])
            + b''.join(lp8(end['name'].encode()) + u(4, end['instance']) + u(8, end['bytes'])
                       for end in row['ends']) + lp8(row['source'].encode('latin-1')))


def take(data, size):
    if len(data) < size:
        raise ValueError('malformed')
    return data[:size], data[size:]


def refusal_of(data):
    """Why this is no header of a fill, or None."""
    try:
        (version, kind, klass), rest = take(data, 3)
        ends = []
        for _ in range(2):
            (length,), rest = take(rest, 1)
            name, rest = take(rest, length)
            numbers, rest = take(rest, 12)
            ends.append((name, int.from_bytes(numbers[:4], 'big'),
                         int.from_bytes(numbers[4:], 'big')))
        (length,), rest = take(rest, 1)
        source, rest = take(rest, length)
    except ValueError:
        if data and data[0] not in (1, 0x81):
            return 'version'
        return 'malformed'
    if version != 0x81:
        return 'version'
    if rest:
        return 'malformed'
    if not all(re.fullmatch(NAME.encode(), name) for name, _, _ in ends) or \
            ends[0][0] == ends[1][0]:
        return 'names'
    if not ends[0][1] or not ends[1][1] or ends[0][1] == ends[1][1]:
        return 'instances'
    if ends[0][2] != ends[1][2] or not 1 <= ends[0][2] <= 1 << 25 or ends[0][2] % PIECE:
        return 'bytes'
    if kind != 3 or klass not in (1, 2):
        return 'out of range'
    if not 1 <= length <= 63 or any(not 32 <= c <= 126 for c in source):
        return 'source'
    return None


def header(**more):
    made = {'class': 2, 'ends': [end('alice', 1), end('bob', 2)], 'source': 'device /dev/qrng'}
    made.update(more)
    return made


def end(name, instance, size=1 << 19):
    return {'name': name, 'instance': instance, 'bytes': size}


def headers():
    yield 'of 1 MiB', header()
    yield 'the least', header(**{'class': 1}, ends=[end('a', 1, PIECE), end('b', 2, PIECE)],
                              source='k')
    yield 'the most', header(ends=[end('x' * 63, (1 << 32) - 1, 1 << 25),
                                   end('y' * 63, 1, 1 << 25)], source='~' * 63)


def bad_headers():
    good = header_of(header())
    for what, more in (
            ('version 0', {'version': 0}), ('version 2', {'version': 2}),
            ('version 0x82', {'version': 0x82}), ('type 1', {'type': 1}), ('type 2', {'type': 2}),
            ('type 4', {'type': 4}), ('class 0', {'class': 0}), ('class 3', {'class': 3}),
            ('no name of end 0', {'ends': [end('', 1), end('bob', 2)]}),
            ('no name of end 1', {'ends': [end('alice', 1), end('', 2)]}),
            ('a bad name', {'ends': [end('Alice', 1), end('bob', 2)]}),
            ('a name of 64 bytes', {'ends': [end('x' * 64, 1), end('bob', 2)]}),
            ('one name twice', {'ends': [end('bob', 1), end('bob', 2)]}),
            ('instance 0 of end 0', {'ends': [end('alice', 0), end('bob', 2)]}),
            ('instance 0 of end 1', {'ends': [end('alice', 1), end('bob', 0)]}),
            ('one instance twice', {'ends': [end('alice', 2), end('bob', 2)]}),
            ('no bytes', {'ends': [end('alice', 1, 0), end('bob', 2, 0)]}),
            ('no whole piece', {'ends': [end('alice', 1, 1024), end('bob', 2, 1024)]}),
            ('a piece and a half', {'ends': [end('alice', 1, 3072), end('bob', 2, 3072)]}),
            ('more than 2^25 bytes', {'ends': [end('alice', 1, PIECE + (1 << 25)),
                                               end('bob', 2, PIECE + (1 << 25))]}),
            ('2^63 bytes', {'ends': [end('alice', 1, 1 << 63), end('bob', 2, 1 << 63)]}),
            ('other bytes at the two ends', {'ends': [end('alice', 1, 4096), end('bob', 2, 2048)]}),
            ('no source', {'source': ''}), ('a source of 64 bytes', {'source': 's' * 64}),
            ('a source with an end of line', {'source': 'a\nb'}),
            ('a source with a zero', {'source': 'a\0'}),
            ('a source that is no ASCII', {'source': 'a\xe4'})):
        yield what, header_of(header(**more))
    yield 'nothing', b''
    yield 'the version alone', good[:1]
    yield 'a byte less', good[:-1]
    yield 'a byte more', good + b'\0'


def vectors():
    good, bad = [], []
    for what, row in headers():
        assert refusal_of(header_of(row)) is None, what
        good.append({'what': what, **row, 'header': header_of(row).hex()})
    for what, data in bad_headers():
        assert refusal_of(data), what
        bad.append({'what': what, 'header': data.hex(), 'why': refusal_of(data)})
    return json.dumps({'about': 'Vectors of docs/keyfill.md, and of the header of a fill in '
                                'docs/spec/enrolment.md, section 4. Bytes are hexadecimal. Made by '
                                'tests/vectors/keyfill_vectors.py; do not edit.',
                       'purposes': list(purposes()), 'keys': list(keys()),
                       'counters': list(counters()), 'served': list(served()), 'headers': good,
                       'refused_counters': list(other_purposes()), 'refused_headers': bad},
                      indent=1) + '\n'


if __name__ == '__main__':
    sys.exit(combining.main(vectors))
