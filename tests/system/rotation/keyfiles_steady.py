#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A minute, or ten with SKEX_LONG=1, in which the key of a TLS service changes every 5 s: no
connection is refused, and a session that goes on all the time moves from key to key without a gap.

usage: keyfiles_steady.py BUILD stunnel|gnutls|mosquitto
"""

import os
import re
import socket
import subprocess
import sys
import threading
import time

from keyfile_services import (CLIENT, PLAIN, SERVER, SUITES, Echo, EchoServer, Gnutls, Mosquitto,
                              Stunnel, Traffic, keys_in, own_network, read, takes)
from rotation_harness import MINUTES, main, ok

MOST_AGE = 8  # seconds that a session may last: more than a period


class ByStunnel:
    """A connection through the client's stunnel, to the echo behind the server's."""

    def __init__(self, service):
        self.socket = socket.create_connection(('127.0.0.1', CLIENT), timeout=120)
        good = self.asks()
        named = re.findall(r'PSK client configured for identity "(\S+)"',
                           read(service.path('client.log')))
        self.identity = named[-1] if good else None

    def asks(self):
        try:
            self.socket.sendall(b'hello\n')
            return self.socket.recv(64) == b'hello\n'
        except OSError:
            return False

    def close(self):
        self.socket.close()


class ByOpenssl:
    """A connection of openssl(1) with the key that stands first in the client's file."""

    GREETING, ASK, ANSWER = b'', b'hello\n', b'hello\n'

    def __init__(self, service):
        self.identity, key = keys_in(service.path('client.psk'))[0]
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ['openssl', 's_client', '-connect', '127.0.0.1:%d' % SERVER, '-tls1_3',
             '-ciphersuites', SUITES, '-psk_identity', self.identity, '-psk', key, '-quiet'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.GREETING and not self.exchanges(self.GREETING, Mosquitto.CONNACK):
            self.identity = None

    def exchanges(self, said, wanted):
        try:
            self.process.stdin.write(said)
            self.process.stdin.flush()
        except OSError:
            return False
        return self.process.stdout.read(len(wanted)) == wanted

    def asks(self):
        return self.exchanges(self.ASK, self.ANSWER)

    def close(self):
        self.process.kill()
        self.process.communicate()


class ByMqtt(ByOpenssl):
    """The same, to a broker: PINGREQ and PINGRESP. Each client has an id of its own, as a second
    one with the same id ends the first."""

    ASK, ANSWER = b'\xc0\x00', b'\xd0\x00'

    @property
    def GREETING(self):  # pylint: disable=invalid-name
        return Mosquitto.CONNECT[:-4] + self.identity[-4:].encode()


KINDS = {'stunnel': (Stunnel, ByStunnel), 'gnutls': (Gnutls, ByOpenssl),
         'mosquitto': (Mosquitto, ByMqtt)}


class Session(threading.Thread):
    """Asks all the time, and goes over to a new connection before it leaves the old one: when there
    is a new key, or when it has got too old."""

    def __init__(self, service, kind):
        super().__init__()
        self.service, self.kind = service, kind
        self.asked = self.unanswered = self.stale = 0
        self.identities, self.made = set(), 0
        self.over = False

    def connect(self):
        """As once(): with the key that the client's file has."""
        path = self.service.path('client.psk')
        while True:
            newest = keys_in(path)[0]
            made = self.kind(self.service)
            if made.asks() or keys_in(path)[0] == newest:
                break
            made.close()
        self.made += 1
        self.identities.add(made.identity)
        return made, time.monotonic()

    def run(self):
        one, began = self.connect()
        while not self.over:
            self.unanswered += not one.asks()
            self.asked += 1
            newest = keys_in(self.service.path('client.psk'))[0][0]
            if newest != one.identity or time.monotonic() > began + MOST_AGE:
                before = one
                one, began = self.connect()
                self.unanswered += not one.asks()
                # The old one works until it is left, and nothing of it is lost.
                self.unanswered += not before.asks()
                before.close()
                # The file may change again while it connects; a key from before is too old.
                self.stale += one.identity not in (newest, *(
                    key[0] for key in keys_in(self.service.path('client.psk'))))
            time.sleep(0.05)
        one.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.join()


def steady(service, session):
    client = service.path('client.psk')
    with service.ends(5000) as ends:
        ends.until(lambda _: all(os.path.exists(service.path(name + '.psk'))
                                 for name in ('client', 'server')))
        for name in ['server', 'client']:
            if name == 'server' or service.client[0] != '-':
                service.start(name)
        ok(ends.rotated(1) and service.once(), 'the first key is agreed')
        first, rotations, failures = keys_in(client)[0], ends.last[0]['rotations'], \
            ends.most_failures
        ends.was_closed = False
        with Traffic(service.once) as traffic, Session(service, session) as long:
            began = time.monotonic()
            ok(ends.until(lambda last: time.monotonic() > began + 60 * MINUTES and all(
                end['rotations'] > rotations + 10 * MINUTES for end in last), 1000 * MINUTES),
               'a minute at least, and more than ten rotations for each')
        rotations = min(last['rotations'] for last in ends.last) - rotations
        ok(ends.most_failures == failures and not ends.was_closed,
           'none of %d failed' % rotations)
        ok(traffic.made > rotations and not traffic.failures,
           'none of %d connections was refused' % traffic.made)
        ok(long.asked > 100 and long.unanswered == 0,
           'a session was answered each of %d times (but %d)' % (long.asked, long.unanswered))
        ok(None not in long.identities and len(long.identities) >= rotations and long.stale == 0,
           'over %d connections, with each of %d keys' % (long.made, len(long.identities)))
        ok(not takes(*first), 'the first key is refused')


def test(folder):
    own_network()
    kind, session = KINDS[sys.argv[2]]
    with EchoServer(('127.0.0.1', PLAIN), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        os.chmod(folder, 0o755)
        with kind(folder) as service:
            steady(service, session)
        echo.shutdown()


main('keyfiles-' + sys.argv[2], test)
