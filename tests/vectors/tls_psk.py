#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PSKs of libskex-openssl (docs/integration/tls.md), a second time, independently of the C code.

usage: tls_psk.py write FILE      makes the published vectors
       tls_psk.py --check FILE    exits with 1 when FILE is not what this program makes
"""

import hashlib
import json
import struct
import sys

from combining import lp8, main, stream

KEY = hashlib.sha256(b'a key').hexdigest()
KEY_ID = '0188c0a0-1111-8222-9333-0123456789ab'
SUITES = {'sha384': (0x1302, 48), 'sha256': (0x1301, 32)}


def row(hash_, purpose, client, server):
    suite, size = SUITES[hash_]
    identity = 'skex1/%s/%s' % (KEY_ID, client)
    context = lp8(purpose) + lp8(client) + lp8(server) + struct.pack('>H', suite) + lp8(identity)
    psk = stream(bytes.fromhex(KEY), 'skex tls psk/1', context, size)
    return {'hash': hash_, 'purpose': purpose, 'client': client, 'server': server,
            'key_id': KEY_ID, 'key': KEY, 'identity': identity, 'psk': psk.hex()}


def vectors():
    rows = [row('sha384', 'tls:default', 'agent1', 'agent2'),
            row('sha256', 'tls:default', 'agent1', 'agent2'),
            row('sha384', 'tls:default', 'agent2', 'agent1'),
            row('sha384', 'tls:' + 'x' * 187, 'a' * 63, 'b' * 63)]
    return json.dumps({'tls_psk': rows}, indent=1) + '\n'


sys.exit(main(vectors))
