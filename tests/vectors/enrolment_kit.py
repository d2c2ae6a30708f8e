#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/spec/vectors/enrolment-kit.json out of docs/spec/enrolment.md alone.

This is a second implementation of the kit, written from the specification and sharing nothing with
the one in C, so that a mistake in either shows.

    enrolment_kit.py FILE            writes FILE
    enrolment_kit.py --check FILE    exits with 1 when FILE is not what it would write
"""

import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CHUNK = 65536

# Argon2id of "correct horse" with the salt below, 64 KiB and 1 pass: from another
# implementation, kept here because not every Python has it.
PASSPHRASE = 'correct horse'
PASSPHRASE_KEY = 'b22ea4649b69cf7675b4fca96b294c7c7cf2b850f2c6b90043c53aeef08e7ce1'


def number(value, size):
    return value.to_bytes(size, 'big')


def lp8(data):
    return number(len(data), 1) + data


def kdf(key, label, context, size):
    info = lp8(label) + number(len(context), 2) + context + number(size, 2)
    out, block, counter = b'', b'', 1
    while len(out) < size:
        block = hmac.new(key, block + info + number(counter, 1), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:size]


def header(kit):
    return b''.join([
        number(kit.get('version', 1), 1), number(kit['type'], 1), number(kit['suite'], 1),
        number(kit['pad_kind'], 1), number(kit['class'], 1), number(int(kit['leg'], 16), 8),
        bytes.fromhex(kit['hub_id']), lp8(kit['hub'].encode()), lp8(kit['agent'].encode()),
        number(kit['pads'][0], 8), number(kit['pads'][1], 8), number(kit['generation'], 4),
        number(kit['pad_bytes'][0], 8), number(kit['pad_bytes'][1], 8),
        lp8(kit['source'].encode('latin-1')),
        number(len(kit['addresses']), 2), kit['addresses'].encode(),
        number(kit['limits'][0], 8), number(kit['limits'][1], 8), number(kit['limits'][2], 4),
        bytes.fromhex(kit['envelope_keys'][0]), bytes.fromhex(kit['envelope_keys'][1]),
        bytes.fromhex(kit['seed'])]) + kit.get('behind', b'')


def preamble(kit, size):
    word = kit['passphrase'] is not None
    return b''.join([
        b'SKEX KIT', number(1, 2), number(int(word), 2), number(int(word), 1),
        number(int(word), 1), number(0, 2), number(kit['memory_kib'], 4),
        number(kit['passes'], 4), number(size, 8),
        bytes.fromhex(kit['salt']) + bytes(16) if word else bytes.fromhex(kit['file_key']),
        bytes.fromhex(kit['kit_id'])])


def pad_byte(i):
    """Pads of vectors are made by a rule, so that they need not be written out."""
    return (i * 131 + (i >> 8) * 7 + 3) & 255


def make(kit):
    head = header(kit)
    pads = kit.get('pads_here', sum(kit['pad_bytes']))
    stream = number(len(head), 4) + head + bytes(map(pad_byte, range(pads)))
    chunks = [stream[at:at + CHUNK] for at in range(0, len(stream), CHUNK)]
    front = bytearray(preamble(kit, 80 + len(stream) + 16 * len(chunks)))
    for at, data in kit.get('preamble', ()):
        front[at:at + len(data)] = data
    front = bytes(front)
    key = AESGCM(kdf(bytes.fromhex(kit['file_key']), b'skex kit', front, 32))
    sealed = [key.encrypt(number(i == len(chunks) - 1, 1) + bytes(3) + number(i, 8), chunk, None)
              for i, chunk in enumerate(chunks)]
    return front + b''.join(sealed)


def kits():
    plain = {
        'name': 'an enrolment without passphrase', 'type': 1, 'suite': 1, 'pad_kind': 1,
        'class': 2, 'leg': '0123456789abcdef', 'hub_id': '000102030405060708090a0b0c0d0e0f',
        'hub': 'hub1', 'agent': 'alice', 'pads': [0x1111, 0x2222], 'generation': 0,
        'pad_bytes': [32, 48], 'source': 'device /dev/hwrng',
        'addresses': 'hub.example 7100,2001:db8::1 7100',
        'limits': [1 << 30, 1 << 26, 604800],
        'envelope_keys': ['11' * 32, '22' * 32], 'seed': '00' * 32,
        'passphrase': None, 'memory_kib': 0, 'passes': 0, 'salt': '00' * 16,
        'file_key': '33' * 32, 'kit_id': '44' * 16}
    yield plain
    yield dict(plain, name='the other suite', suite=2, kit_id='45' * 16)
    yield dict(plain, name='three chunks, the last of 16 bytes or more',
               pad_bytes=[65536, 65536], kit_id='46' * 16)
    yield dict(plain, name='a refill', type=2, generation=7, envelope_keys=['00' * 32] * 2,
               kit_id='47' * 16)
    yield dict(plain, name='a ratchet', pad_kind=2, seed='55' * 32, source='kernel',
               pad_bytes=[0, 0], kit_id='48' * 16, **{'class': 1})
    yield dict(plain, name='with a passphrase', passphrase=PASSPHRASE, memory_kib=64, passes=1,
               salt='66' * 16, file_key=PASSPHRASE_KEY, kit_id='49' * 16)


def refused_kits():
    """Sealed as they should be, each with one thing that no kit has."""
    plain, _, _, refill, ratchet, word = kits()

    def spoilt(kit, name, **fields):
        return dict(kit, name=name, **fields)

    for name, fields in (
            ('header of another version', {'version': 2}), ('type 0', {'type': 0}),
            ('type 3, which has another header', {'type': 3}), ('suite 0', {'suite': 0}),
            ('suite 3', {'suite': 3}), ('pad kind 0', {'pad_kind': 0}),
            ('pad kind 3', {'pad_kind': 3}), ('class 0', {'class': 0}), ('class 3', {'class': 3}),
            ('leg 0', {'leg': '00' * 8}), ('hub id of zeros', {'hub_id': '00' * 16}),
            ('no name of the hub', {'hub': ''}), ('a bad name of the hub', {'hub': 'Hub1'}),
            ('a name of the hub of 64 bytes', {'hub': 'h' * 64}),
            ('no name of the agent', {'agent': ''}),
            ('a bad name of the agent', {'agent': '-alice'}),
            ('pad id 0 to the hub', {'pads': [0, 0x2222]}),
            ('pad id 0 to the agent', {'pads': [0x1111, 0]}),
            ('the same pad id twice', {'pads': [0x1111, 0x1111]}),
            ('an enrolment in generation 1', {'generation': 1}),
            ('no pad to the hub', {'pad_bytes': [0, 48]}),
            ('no pad to the agent', {'pad_bytes': [32, 0]}),
            ('a pad that is no multiple of 16', {'pad_bytes': [33, 47]}),
            ('a pad above 2^60', {'pad_bytes': [(1 << 60) + 16, 48], 'pads_here': 96}),
            ('no source', {'source': ''}), ('a source of 64 bytes', {'source': 's' * 64}),
            ('a source with an end of line', {'source': 'a\nb'}),
            ('a source that is no ASCII', {'source': 'a\xe4'}),
            ('a source with a zero', {'source': 'a\0'}),
            ('no address', {'addresses': ''}), ('port 0', {'addresses': 'a 0'}),
            ('port 65536', {'addresses': 'a 65536'}), ('a port with a zero', {'addresses': 'a 01'}),
            ('no host', {'addresses': ' 1'}), ('a bad host', {'addresses': 'a/b 1'}),
            ('a comma at the end', {'addresses': 'a 1,'}),
            ('an address with a zero', {'addresses': 'a 1\0'}),
            ('17 addresses', {'addresses': ','.join(['a 1'] * 17)}),
            ('addresses of 512 bytes', {'addresses': 'a' * 253 + ' 1,' + 'b' * 254 + ' 1'}),
            ('no envelope keys', {'envelope_keys': ['00' * 32] * 2}),
            ('a table with a seed', {'seed': '55' * 32}),
            ('a byte behind the header', {'behind': b'\0'}),
            ('a header of 1,025 bytes', {'behind': bytes(1025 - len(header(plain)))}),
            ('16 bytes of pad too few', {'pads_here': 64}),
            ('16 bytes of pad too many', {'pads_here': 96}),
            ('an unknown flag', {'preamble': [(10, b'\0\2')]}),
            ('the flag alone', {'preamble': [(10, b'\0\1')]}),
            ('derivation without a passphrase', {'preamble': [(12, b'\1')]}),
            ('lanes without a passphrase', {'preamble': [(13, b'\1')]}),
            ('a reserved field', {'preamble': [(14, b'\0\1')]}),
            ('memory without a passphrase', {'memory_kib': 8}),
            ('passes without a passphrase', {'passes': 1}),
            ('another mark', {'preamble': [(0, b'SKEX KIt')]}),
            ('version 0', {'preamble': [(8, b'\0\0')]}),
            ('version 2', {'preamble': [(8, b'\0\2')]})):
        yield spoilt(plain, name, **fields)
    yield spoilt(refill, 'a refill in generation 0', generation=0)
    yield spoilt(refill, 'a refill with a key to the hub', envelope_keys=['11' * 32, '00' * 32])
    yield spoilt(refill, 'a refill with a key to the agent', envelope_keys=['00' * 32, '22' * 32])
    yield spoilt(refill, 'a refill with a seed', seed='55' * 32)
    yield spoilt(refill, 'a refill of a ratchet', pad_kind=2, pad_bytes=[0, 0], **{'class': 1})
    yield spoilt(ratchet, 'a ratchet that is its', **{'class': 2})
    yield spoilt(ratchet, 'a ratchet without a seed', seed='00' * 32)
    yield spoilt(ratchet, 'a ratchet with a pad', pad_bytes=[16, 16])
    for name, at, data in (
            ('a passphrase without its flag', 10, b'\0\0'), ('derivation 0', 12, b'\0'),
            ('derivation 2', 12, b'\2'), ('no lanes', 13, b'\0'), ('2 lanes', 13, b'\2'),
            ('7 KiB of memory', 16, number(7, 4)),
            ('more than 1 GiB of memory', 16, number((1 << 20) + 1, 4)),
            ('0 passes', 20, number(0, 4)), ('65 passes', 20, number(65, 4)),
            ('bytes behind the salt', 63, b'\1')):
        yield spoilt(word, 'with a passphrase: ' + name, preamble=[(at, data)])


def document():
    cases = []
    for kit in kits():
        made = make(kit)
        long = len(made) > 2000
        cases.append(dict(kit, size=len(made), sha256=hashlib.sha256(made).hexdigest(),
                          **({} if long else {'kit': made.hex()})))
    return json.dumps({
        'about': 'Vectors of docs/spec/enrolment.md, version 1. Bytes are hexadecimal. Byte i of '
                 'the pads, both counted together, is (131 i + 7 floor(i / 256) + 3) mod 256. Made '
                 'by tests/vectors/enrolment_kit.py; do not edit.',
        'kits': cases,
        'refused': [{'name': kit['name'], 'passphrase': kit['passphrase'], 'kit': make(kit).hex()}
                    for kit in refused_kits()]}, indent=1) + '\n'


def main():
    if sys.argv[1] == '--check':
        with open(sys.argv[2], encoding='ascii') as f:
            sys.exit(f.read() != document())
    with open(sys.argv[1], 'w', encoding='ascii') as f:
        f.write(document())


main()
