#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Notes about keys of a KME, and the block that comes of them, out of docs/spec/qkd014.md alone.

usage: qkd014_vectors.py write FILE      makes the published vectors
       qkd014_vectors.py --check FILE    exits with 1 when FILE is not what this program makes
"""

import hashlib
import json
import sys

sys.dont_write_bytecode = True

import combining  # noqa: E402
from qkd014 import lp8, tag, u  # noqa: E402

COUNTERS, LIFETIMES = 1 << 42, 1 << 31
REASONS = 12


class Dropped(Exception):
    """Why a note is dropped."""


def head(row):
    return u(1, 2) + u(1, 1) + u(1, row['form']) + u(4, row['instance']) + u(8, row['counter'])


def note_of(row):
    if row['form'] == 2:
        return head(row) + u(1, row['reason'])
    part = row['part']
    flags = row['flags'] if 'flags' in row else row['independent'] | 2 * bool(part)
    return (head(row) + bytes.fromhex(row['profile']) + u(1, row['class']) + u(1, flags)
            + u(2, row['key_bytes']) + u(4, row['lifetime'])
            + (u(4, part[0]) + u(8, part[1]) if part else b'')
            + lp8(row['purpose'].encode('latin-1')) + bytes.fromhex(''.join(row['ids'])))


def take(data, size):
    if len(data) < size:
        raise Dropped('malformed')
    return data[:size], data[size:]


def numbers(data, *sizes):
    values = []
    for size in sizes:
        value, data = take(data, size)
        values.append(int.from_bytes(value, 'big'))
    return values, data


def demand(good, what):
    if not good:
        raise Dropped(what)


def read(data):
    """The note, as a row; sections 2 and 3."""
    (kind, version), data = numbers(data, 1, 1)
    demand(kind == 2, 'malformed')
    demand(version == 1, 'later version' if version > 1 else 'malformed')
    (form, instance, counter), data = numbers(data, 1, 4, 8)
    row = {'form': form, 'instance': instance, 'counter': counter}
    demand(form in (1, 2), 'malformed')
    demand(instance and counter < COUNTERS, 'out of range')
    if form == 2:
        (row['reason'],), data = numbers(data, 1)
        demand(not data, 'malformed')
        demand(1 <= row['reason'] <= REASONS, 'out of range')
        return row
    profile, data = take(data, 16)
    (klass, flags, size, lifetime), data = numbers(data, 1, 1, 2, 4)
    demand(klass in (1, 2) and flags < 4 and 8 <= size <= 1024 and 1 <= lifetime < LIFETIMES,
           'out of range')
    part = None
    if flags & 2:
        part, data = numbers(data, 4, 8)
        demand(part[0] and part[1] < COUNTERS, 'out of range')
    (length,), data = numbers(data, 1)
    purpose, data = take(data, length)
    demand(1 <= length <= 191 and all(33 <= c <= 126 and c not in b'"\\' for c in purpose),
           'purpose')
    demand(len(data) % 16 == 0, 'malformed')
    ids = [data[at:at + 16].hex() for at in range(0, len(data), 16)]
    demand(1 <= len(ids) <= 13 and len(set(ids)) == len(ids), 'ids')
    demand(len(ids) * size >= 80, 'too little')
    row.update({'profile': profile.hex(), 'class': klass, 'independent': flags & 1,
                'key_bytes': size, 'lifetime': lifetime, 'part': part,
                'purpose': purpose.decode(), 'ids': ids})
    return row


def dropped(data):
    try:
        if len(data) > 256:
            raise Dropped('malformed')  # distributed.md, 13
        read(data)
    except Dropped as error:
        return str(error)
    return None


def offer(**more):
    made = {'form': 1, 'instance': 0x01020304, 'counter': 0x0205060708,
            'profile': bytes(range(0x60, 0x70)).hex(), 'class': 2, 'independent': 1,
            'key_bytes': 32, 'lifetime': 86400, 'part': [0x0a0b0c0d, 7], 'purpose': 'app:x',
            'ids': ids(3)}
    made.update(more)
    return made


def refusal(reason):
    return {'form': 2, 'instance': 7, 'counter': 9, 'reason': reason}


def ids(count):
    return [bytes(range(16 * i, 16 * i + 16)).hex() for i in range(count)]


def notes():
    yield 'that of the document', offer()
    yield 'without a part', offer(part=None)
    yield 'a KME that may be skex itself', offer(independent=0)
    yield 'without a part, a KME that may be skex itself', offer(independent=0, part=None)
    yield 'computational', offer(**{'class': 1})
    yield 'the least', offer(instance=1, counter=0, part=None, lifetime=1, key_bytes=8,
                             purpose='p', ids=ids(10))
    yield 'the most', offer(instance=(1 << 32) - 1, counter=COUNTERS - 1, key_bytes=1024,
                            lifetime=LIFETIMES - 1, part=None, ids=ids(13), purpose='app:x')
    yield 'the last part', offer(part=[(1 << 32) - 1, COUNTERS - 1])
    yield 'one key', offer(key_bytes=80, ids=ids(1))
    yield 'a key size that leaves bytes over', offer(key_bytes=33, ids=ids(5))
    yield 'the longest purpose', offer(key_bytes=1024, part=None, ids=ids(1),
                                       purpose='p' * 191)
    for reason in range(1, REASONS + 1):
        yield 'refused: %d' % reason, refusal(reason)


def bad_notes():
    good = note_of(offer())
    yield 'kind 1', u(1, 1) + good[1:]
    yield 'kind 3', u(1, 3) + good[1:]
    yield 'version 0', good[:1] + u(1, 0) + good[2:]
    yield 'version 2', good[:1] + u(1, 2) + good[2:]
    for what, more in (
            ('form 0', {'form': 0}), ('form 3', {'form': 3}), ('instance 0', {'instance': 0}),
            ('counter 2^42', {'counter': COUNTERS}), ('class 0', {'class': 0}),
            ('class 3', {'class': 3}), ('flag 4', {'flags': 7}), ('flag 128', {'flags': 131}),
            ('a part that no flag says', {'flags': 1}),
            ('a flag without its part', {'flags': 3, 'part': None}),
            ('keys of 7 bytes', {'key_bytes': 7, 'ids': ids(12)}),
            ('keys of 1,025 bytes', {'key_bytes': 1025}),
            ('lifetime 0', {'lifetime': 0}), ('lifetime 2^31', {'lifetime': LIFETIMES}),
            ('a part of instance 0', {'part': [0, 7]}),
            ('a part of counter 2^42', {'part': [1, COUNTERS]}), ('no purpose', {'purpose': ''}),
            ('a space in the purpose', {'purpose': 'a b'}),
            ('a quote in the purpose', {'purpose': 'a"b'}),
            ('a backslash in the purpose', {'purpose': 'a\\b'}),
            ('a purpose that is not ASCII', {'purpose': 'a\xe4b'}),
            ('a zero in the purpose', {'purpose': 'a\0b'}),
            ('a purpose of 192 bytes', {'purpose': 'p' * 192, 'part': None, 'ids': ids(1),
                                        'key_bytes': 1024}),
            ('no ids', {'ids': []}), ('14 ids', {'ids': ids(14), 'part': None, 'purpose': 'p'}),
            ('13 ids, and more than 256 bytes', {'ids': ids(13)}),
            ('one id twice', {'ids': ids(3)[:2] + ids(1)}),
            ('all ids the same', {'ids': ids(1) * 3}),
            ('72 bytes of key', {'key_bytes': 8, 'ids': ids(9)}),
            ('79 bytes of key', {'key_bytes': 79, 'ids': ids(1)})):
        yield what, note_of(offer(**more))
    yield 'a byte less', good[:-1]
    yield 'a byte more', good + b'\0'
    for size in (0, 1, 2, 3, 14, 15, 31, 39, 51, 57):
        yield '%d bytes' % size, good[:size]
    yield 'a refusal without its reason', note_of(refusal(1))[:-1]
    yield 'a refusal with a byte more', note_of(refusal(1)) + b'\0'
    yield 'reason 0', note_of(refusal(0))
    yield 'reason 13', note_of(refusal(REASONS + 1))
    yield 'reason 255', note_of(refusal(255))


def block(what, initiator, responder, class_b, row):
    """The block of an offer: keys, what is secret of them, and the two confirmations."""
    size = row['key_bytes'] * len(row['ids'])
    m = hashlib.shake_256(('skex qkd014/1: ' + what).encode()).digest(size)
    text = lp8(initiator.encode()) + lp8(responder.encode()) + note_of(row) + u(1, class_b)
    return {'what': what, 'initiator': initiator, 'responder': responder, 'offer':
            note_of(row).hex(), 'class_responder': class_b, 'keys': m.hex(),
            'secret': m[64:64 + (size - 64) // 16 * 16].hex(),
            'class': min(row['class'], class_b),
            'conf_ba': tag(m[:32], u(1, 1) + text).hex(),
            'conf_ab': tag(m[32:64], u(1, 2) + text).hex()}


def blocks():
    yield block('three keys', 'alice', 'bob', 2, offer())
    yield block('the other way round', 'bob', 'alice', 2, offer())
    yield block('one end is computational', 'alice', 'bob', 1, offer())
    yield block('bytes left over', 'a', 'b' * 63, 2, offer(key_bytes=33, ids=ids(5), part=None))
    yield block('the least', 'alice', 'bob', 2, offer(key_bytes=8, ids=ids(10)))
    yield block('13 keys of 256 bits', 'alice', 'bob', 2, offer(ids=ids(13), part=None))


def wrong_confirmations():
    """Of the first block, each of something else."""
    first = next(blocks())
    w, text = bytes.fromhex(first['keys'])[:64], bytes.fromhex(first['offer'])
    names = lp8(b'alice') + lp8(b'bob')
    right = bytes.fromhex(first['conf_ba'])
    yield 'a bit of it', bytes([right[0] ^ 1]) + right[1:]
    yield 'that of the other direction', bytes.fromhex(first['conf_ab'])
    yield 'under the other key', tag(w[32:], u(1, 1) + names + text + u(1, 2))
    yield 'with the number of the other', tag(w[:32], u(1, 2) + names + text + u(1, 2))
    yield 'of the other class', tag(w[:32], u(1, 1) + names + text + u(1, 1))
    yield 'with the ends exchanged', tag(w[:32], u(1, 1) + lp8(b'bob') + lp8(b'alice') + text
                                         + u(1, 2))
    yield 'of another offer', tag(w[:32], u(1, 1) + names + note_of(offer(lifetime=1)) + u(1, 2))
    yield 'of another key', tag(bytes(32), u(1, 1) + names + text + u(1, 2))
    yield 'zeros', bytes(16)


def vectors():
    good, bad = [], []
    for what, row in notes():
        note = note_of(row)
        assert dropped(note) is None and read(note) == row, what
        good.append({'what': what, **row, 'note': note.hex()})
    for what, note in bad_notes():
        assert dropped(note), what
        bad.append({'what': what, 'note': note.hex(), 'why': dropped(note)})
    wrong = [{'what': what, 'conf_ba': made.hex()} for what, made in wrong_confirmations()]
    first = next(blocks())
    assert not any(made['conf_ba'] == first['conf_ba'] for made in wrong)
    return json.dumps({'about': 'Vectors of docs/spec/qkd014.md, version 1. Bytes are hexadecimal. '
                                'Made by tests/vectors/qkd014_vectors.py; do not edit.',
                       'notes': good, 'blocks': list(blocks()), 'refused': bad,
                       'refused_confirmations': wrong}, indent=1) + '\n'


if __name__ == '__main__':
    sys.exit(combining.main(vectors))
