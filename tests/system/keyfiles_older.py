#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/integration/tls12.md: its bindings and services, with TLS 1.2.

usage: keyfiles_older.py BUILD
"""

import os
import re
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'rotation'))

from docs_harness import SOURCE  # noqa: E402
from keyfile_services import (  # noqa: E402
    ACTIVATE, CLIENT, PLAIN, SERVER, Echo, EchoServer, listens, own_network, passes, read, wait_for,
    write)
from lab_harness import Lab, Tap, ask, skex, until  # noqa: E402

PAGE = os.path.join(SOURCE, 'docs', 'integration', 'tls12.md')
AGENTS = ['agent1', 'agent2']
NAMES = ['client', 'server']
SUITES = ['ECDHE-PSK-CHACHA20-POLY1305', 'DHE-PSK-AES256-GCM-SHA384']

tap = Tap()


def blocks(kind):
    with open(PAGE, encoding='utf-8') as f:
        return re.findall(r'^```%s\n(.*?)^```$' % kind, f.read(), re.M | re.S)


class Old:
    """What stands at the two ends of a connection, all of it in a folder."""

    def __init__(self, lab):
        self.lab = lab
        self.processes = {}
        for end, block in enumerate(blocks('conf')[:2]):
            os.makedirs(self.path(end, ''))
            with open(lab.config(AGENTS[end]), 'a', encoding='utf-8') as f:
                f.write(self.here(end, block))
            lab.stop(AGENTS[end])
            lab.start(AGENTS[end])

    def path(self, end, name):
        return self.lab.path(NAMES[end], name)

    def here(self, end, text):
        """The page's text with the places of this test."""
        for folder in ('/etc/stunnel/', '/run/stunnel4/', '/var/log/stunnel4/'):
            text = text.replace(folder, self.path(end, ''))
        return text

    def spawn(self, end, *command):
        with open(self.path(end, 'out'), 'ab') as out:
            self.processes[end] = subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def stunnel(self, end):
        text = self.here(end, blocks('ini')[0])
        if end == 0:
            text = text.replace('accept = 127.0.0.1:%d' % SERVER, 'client = yes\naccept = '
                                '127.0.0.1:%d' % CLIENT).replace(str(PLAIN), str(SERVER))
        write(self.path(end, 'old.conf'), 'foreground = yes\n' + text)
        self.spawn(end, sys.executable, '-c', ACTIVATE, str([CLIENT, SERVER][end]),
                   self.path(end, 'old.conf'))
        wait_for(lambda: os.path.exists(self.path(end, 'old.pid')))

    def stop(self, end):
        process = self.processes.pop(end, None)
        if process is not None:
            process.terminate()
            process.wait()

    def keys(self, end=1):
        return [tuple(line.split(':')) for line in read(self.path(end, 'old.psk')).split('\n')
                if line.startswith('old.')]

    def log(self, end):
        return read(self.path(end, 'old.log'))

    def binding(self, end):
        return ask(self.lab.socket(AGENTS[end]), op='bindings')['bindings'][0]

    def in_step(self, other_than=None):
        """The key id that both ends use, once they do and nothing is under way."""
        def look():
            ends = [self.binding(end) for end in range(2)]
            ids = {end['active_key'] for end in ends}
            return len(ids) == 1 and ids != {other_than} and ids != {None} and \
                all(end['state'] == 'idle' for end in ends) and ids.pop()
        return until(look, 120, 0.2)


def shakes(version, identity, key, *more):
    """What OpenSSL says of a handshake with the server."""
    return subprocess.run(
        ['openssl', 's_client', '-connect', '127.0.0.1:%d' % SERVER, version, '-psk_identity',
         identity, '-psk', key, '-brief', *more], stdin=subprocess.DEVNULL, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace').stdout


def takes(identity, key, suite):
    said = shakes('-tls1_2', identity, key, '-cipher', suite)
    return 'Protocol version: TLSv1.2' in said and 'Ciphersuite: ' + suite in said


def with_stunnel(old):
    for end in range(2):
        old.stunnel(end)
    used, last = [], None
    for _ in range(4):
        last = old.in_step(last)
        tap.check('a key is in use at both ends', last)
        tap.check('with which a connection is made', passes())
        tap.check('that says its name', 'PSK client configured for identity "old.%s"' % last in
                  old.log(0), old.log(0)[-2000:])
        used.append((old.keys()[0], old.keys(0)[0]))
        if len(used) < 4:
            skex('binding', 'rotate', 'old', '--socket', old.lab.socket('agent1'))
    tap.equal('the two ends have the same', [server for server, _ in used],
              [client for _, client in used])
    tap.equal('four different ones', len({key for (_, key), _ in used}), 4)
    tap.check('by TLS 1.2 and the first suite',
              'TLSv1.2 ciphersuite: ' + SUITES[0] in old.log(0) and
              'TLSv1.3 ciphersuite' not in old.log(0), old.log(0)[-2000:])
    now, before = used[-1][0], used[-2][0]
    for suite in SUITES:
        tap.check('OpenSSL is taken with the key and ' + suite, takes(*now, suite))
    tap.check('the key before is not', not takes(*before, SUITES[0]))
    tap.check('nor the name with another key', not takes(now[0], before[1], SUITES[0]))
    tap.check('nor a suite without an exchange', not takes(*now, 'PSK-AES256-GCM-SHA384'))
    tap.check('nor TLS 1.3', 'CONNECTION ESTABLISHED' not in shakes('-tls1_3', *now))
    secrets = [key for (_, key), _ in used]
    tap.check('no key is in a log', not any(
        key in text for key in secrets
        for text in [old.log(0), old.log(1)] + [old.lab.log(agent) for agent in AGENTS]))
    for end in range(2):
        old.stop(end)


def other_servers(old):
    """They read the file that the binding wrote."""
    now = old.keys()[0]
    mosquitto = next(block for block in blocks('conf') if block.startswith('listener'))
    write(old.path(1, 'mosquitto.conf'), old.here(1, mosquitto) + 'user root\n')
    gnutls = old.here(1, blocks('sh')[0]).replace('\\\n', ' ').split()
    for name, command in (('gnutls-serv', gnutls),
                          ('mosquitto', ['mosquitto', '-c', old.path(1, 'mosquitto.conf')])):
        old.spawn(1, *command)
        wait_for(lambda: listens(SERVER))
        for suite in SUITES:
            tap.check('%s takes the key with %s' % (name, suite), takes(*now, suite), shakes(
                '-tls1_2', *now, '-cipher', suite))
        tap.check(name + ' takes no other', not takes(now[0], '00' * 32, SUITES[0]))
        if name == 'mosquitto':
            tap.check('it speaks TLS 1.3 as well', 'TLSv1.3' in shakes('-tls1_3', *now))
            done = subprocess.run(
                ['mosquitto_pub', '-h', '127.0.0.1', '-p', str(SERVER), '-t', 'test', '-m', 'hello',
                 '--psk-identity', now[0], '--psk', now[1], '--tls-version', 'tlsv1.2', '-q', '1'],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            tap.check('a message is published', done.returncode == 0, done.stdout)
        old.stop(1)
        wait_for(lambda: not listens(SERVER))


def run_all():
    if not shutil.which('stunnel4') or os.geteuid() != 0:
        print('1..0 # skip no stunnel4, or not root')
        sys.exit(0)
    own_network()
    echo = EchoServer(('127.0.0.1', PLAIN), Echo)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    with Lab(hubs=2, threshold=2, agents=2) as lab:
        old = Old(lab)
        try:
            tap.run([lambda: with_stunnel(old), lambda: other_servers(old)])
        finally:
            for end in list(old.processes):
                old.stop(end)


run_all()
tap.end()
