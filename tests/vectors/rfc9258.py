#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Imported PSKs (RFC 9258), a second time, independently of the C code, and against GnuTLS.

usage: rfc9258.py write FILE CLIENTHELLOS      makes the vectors
       rfc9258.py --check FILE CLIENTHELLOS    also says whether FILE is what this program makes

CLIENTHELLOS holds an EPSK and records with the ClientHellos of GnuTLS 3.8.9 that offer it imported.
"""

import hashlib
import hmac
import json
import struct
import sys

HASHES = {1: hashlib.sha256, 2: hashlib.sha384}


def lp16(data):
    return struct.pack('>H', len(data)) + data


def expand_label(hash_, secret, label, context, size):
    label = b'tls13 ' + label
    info = struct.pack('>HB', size, len(label)) + label + bytes([len(context)]) + context
    out, block = b'', b''
    for number in range(1, -(-size // hash_().digest_size) + 1):
        block = hmac.new(secret, block + info + bytes([number]), hash_).digest()
        out += block
    return out[:size]


def extract(hash_, key):
    return hmac.new(bytes(hash_().digest_size), key, hash_).digest()


def imported(epsk, identity, context, protocol, kdf):
    """The ImportedIdentity and the imported PSK."""
    wire = lp16(identity) + lp16(context) + struct.pack('>HH', protocol, kdf)
    epskx = extract(hashlib.sha256, epsk)
    return wire, expand_label(hashlib.sha256, epskx, b'derived psk', hashlib.sha256(wire).digest(),
                              HASHES[kdf]().digest_size)


def binder(psk, label, hello):
    """The PSK binder of a ClientHello without its binders (RFC 8446 section 4.2.11.2)."""
    sha = hashlib.sha256
    key = expand_label(sha, extract(sha, psk), label, sha(b'').digest(), 32)
    return hmac.new(expand_label(sha, key, b'finished', b'', 32), sha(hello).digest(), sha).digest()


def gnutls(lines):
    """(EPSK, [record]) of those that offer a PSK."""
    epsk, *records = [bytes.fromhex(line) for line in lines.split()]
    return epsk, [r for r in records if b'kid-0001' in r]


def check_gnutls(lines):
    epsk, records = gnutls(lines)
    assert len(records) == 2
    wire, psk = imported(epsk, b'kid-0001', b'nodeA>nodeB', 0x0304, 1)
    for record in records:
        hello, sent = record[5:-35], record[-32:]
        assert lp16(wire) in hello
        assert binder(psk, b'imp binder', hello) == sent
        assert binder(psk, b'ext binder', hello) != sent


def rows(epsk):
    cases = [(epsk, b'kid-0001', b'nodeA>nodeB')]
    cases.append((bytes(range(16)), b'i', b''))
    cases.append((bytes(range(100)), b'\x00\xff' * 200, b'context' * 90))
    for key, identity, context in cases:
        for protocol in (0x0304, 0xfefc):
            for kdf in HASHES:
                wire, psk = imported(key, identity, context, protocol, kdf)
                yield {'epsk': key.hex(), 'external_identity': identity.hex(),
                       'context': context.hex(), 'target_protocol': protocol, 'target_kdf': kdf,
                       'imported_identity': wire.hex(), 'ipskx': psk.hex()}


def main():
    command, path, hellos = sys.argv[1:]
    with open(hellos, encoding='ascii') as f:
        lines = f.read()
    check_gnutls(lines)
    text = json.dumps({'rows': list(rows(gnutls(lines)[0]))}, indent=1) + '\n'
    if command == 'write':
        with open(path, 'w', encoding='ascii') as f:
            f.write(text)
        return
    with open(path, encoding='ascii') as f:
        good = f.read() == text
    print('ok 1 - the binders of GnuTLS are those of the imported PSK')
    print('%sok 2 - the vectors are what this program makes' % ('' if good else 'not '))
    print('1..2')
    sys.exit(0 if good else 1)


main()
