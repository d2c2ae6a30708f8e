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
        number(1, 1), number(kit['type'], 1), number(kit['suite'], 1), number(kit['pad_kind'], 1),
        number(kit['class'], 1), number(int(kit['leg'], 16), 8), bytes.fromhex(kit['hub_id']),
        lp8(kit['hub'].encode()), lp8(kit['agent'].encode()),
        number(kit['pads'][0], 8), number(kit['pads'][1], 8), number(kit['generation'], 4),
        number(kit['pad_bytes'][0], 8), number(kit['pad_bytes'][1], 8),
        lp8(kit['source'].encode()),
        number(len(kit['addresses']), 2), kit['addresses'].encode(),
        number(kit['limits'][0], 8), number(kit['limits'][1], 8), number(kit['limits'][2], 4),
        bytes.fromhex(kit['envelope_keys'][0]), bytes.fromhex(kit['envelope_keys'][1]),
        bytes.fromhex(kit['seed'])])


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
    stream = number(len(head), 4) + head + bytes(map(pad_byte, range(sum(kit['pad_bytes']))))
    chunks = [stream[at:at + CHUNK] for at in range(0, len(stream), CHUNK)]
    front = preamble(kit, 80 + len(stream) + 16 * len(chunks))
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
        'kits': cases}, indent=1) + '\n'


def main():
    if sys.argv[1] == '--check':
        with open(sys.argv[2], encoding='ascii') as f:
            sys.exit(f.read() != document())
    with open(sys.argv[1], 'w', encoding='ascii') as f:
        f.write(document())


main()
