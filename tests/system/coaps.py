#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/integration/coap.md and dtls-quic.md: CoAP of libcoap, and OpenSSL, by DTLS 1.2.

usage: coaps.py BUILD
"""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'rotation'))

from docs_harness import SOURCE, run_page  # noqa: E402
from keyfile_services import own_network  # noqa: E402
from lab_harness import BUILD, OK, Lab, Tap, until  # noqa: E402

FOLDER = os.path.join(SOURCE, 'docs', 'integration')

tap = Tap()


def page(lab, name, replaced):
    run_page(tap, os.path.join(FOLDER, name), {
        'SKEX_SOCKET': lab.socket('agent1'), 'AGENT2': lab.socket('agent2'),
        'PATH': os.path.abspath(BUILD) + ':' + os.environ['PATH']}, replaced)


def run_all():
    if not shutil.which('coap-server-openssl') or os.geteuid() != 0:
        print('1..0 # skip no coap-server-openssl (package libcoap3-bin), or not root')
        sys.exit(0)
    own_network()
    with Lab(hubs=2, threshold=2, agents=2) as lab:
        for purpose in ('app:coap', 'app:dtls'):
            until(lambda p=purpose: lab.key('agent1', 'agent2', '--purpose', p).code == OK)
        for server in ('openssl', 'gnutls'):
            for client in ('openssl', 'gnutls'):
                print('# a server with %s, a client with %s' % (server, client))
                page(lab, 'coap.md', {'coap-server-openssl': 'coap-server-' + server,
                                      'coap-client-openssl': 'coap-client-' + client})
        page(lab, 'dtls-quic.md', {})


tap.run([run_all])
tap.end()
