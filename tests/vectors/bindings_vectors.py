#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The notes of bindings (docs/spec/bindings.md, section 2), independently of the C code.

usage: bindings_vectors.py write FILE      makes the published vectors
       bindings_vectors.py --check FILE    exits with 1 when FILE is not what this program makes
"""

import hashlib
import json
import re
import sys

sys.dont_write_bytecode = True

from combining import main  # noqa: E402

PHASES = ('NOTHING', 'OFFERED', 'STAGED', 'ACTIVE', 'REFUSED', 'DROPPED')
REASONS = ('none', 'NO_KEY', 'CONSUMER', 'NOT_USED', 'LOST', 'FORGOTTEN', 'OVER')
SIZE = 61


def binding_of(purpose):
    kind = '(wireguard|ikev2|tlsfile|routing|macsec|hook)'
    assert re.fullmatch(kind + ':[a-z0-9][a-z0-9._-]{0,62}', purpose), purpose
    return hashlib.sha256(purpose.encode()).digest()[:16]


def note_of(row):
    return (bytes([1, 1]) + binding_of(row['purpose']) + int(row['round'], 16).to_bytes(8, 'big')
            + bytes([row['phase'], row['asks'], row['reason']]) + bytes.fromhex(row['key_id'])
            + bytes.fromhex(row['active_id']))


def why(note):
    """Why a note is ignored, or None."""
    if note[:1] != b'\1':
        return 'kind'
    if note[1:2] != b'\1':
        return 'later version' if note[1:2] > b'\1' else 'version'
    if len(note) != SIZE:
        return 'size'
    for at, values, name in ((26, len(PHASES), 'phase'), (27, 2, 'asks'),
                             (28, len(REASONS), 'reason')):
        if note[at] >= values:
            return name
    return 'round' if int.from_bytes(note[18:26], 'big') >= 1 << 48 else None


def row(purpose, number, phase, asks, reason, active='b0b1b2b3b4b5b6b7b8b9babbbcbdbebf'):
    made = {'what': '%s, %s%s' % (PHASES[phase], REASONS[reason], ', asks' if asks else ''),
            'purpose': purpose, 'binding': binding_of(purpose).hex(), 'round': '%016x' % number,
            'phase': phase, 'asks': asks, 'reason': reason,
            'key_id': 'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf', 'active_id': active}
    made['note'] = note_of(made).hex()
    return made


def notes():
    yield row('wireguard:site-b', 5, 1, 1, 0)  # that of the document
    for phase in range(len(PHASES)):
        for reason in range(len(REASONS)):
            yield row('macsec:uplink', 7 * phase + reason, phase, (phase + reason) % 2, reason)
    for number, purpose in enumerate(('ikev2:a', 'tlsfile:0', 'routing:' + 'x' * 63,
                                      'hook:a.b_c-d')):
        yield row(purpose, (1 << 48) - 1 - number, 3, 0, 0)
    yield row('hook:new', 0, 0, 0, 0, '00' * 16)


def refused(good):
    for size in (0, 1, 2, 26, 29, 45, 60):
        yield 'of %d bytes' % size, good[:size]
    yield 'of 62 bytes', good + b'\0'
    for what, at, values in (('kind', 0, (0, 2, 3, 32, 255)), ('version', 1, (0, 2, 255)),
                             ('phase', 26, (6, 7, 255)), ('asks', 27, (2, 255)),
                             ('reason', 28, (7, 8, 255)),
                             ('first byte of the round', 18, (1, 128)),
                             ('second byte of the round', 19, (1, 255))):
        for value in values:
            yield '%s %d' % (what, value), good[:at] + bytes([value]) + good[at + 1:]


def vectors():
    rows = list(notes())
    for made in rows:
        assert why(bytes.fromhex(made['note'])) is None, made['what']
    bad = [{'what': what, 'note': note.hex(), 'why': why(note)}
           for what, note in refused(bytes.fromhex(rows[0]['note']))]
    assert all(made['why'] for made in bad)
    return json.dumps({'about': 'Vectors of docs/spec/bindings.md, section 2. Bytes and rounds are '
                                'hexadecimal. Made by tests/vectors/bindings_vectors.py; do '
                                'not edit.',
                       'notes': rows, 'refused': bad}, indent=1) + '\n'


if __name__ == '__main__':
    sys.exit(main(vectors))
