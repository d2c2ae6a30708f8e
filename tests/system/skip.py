#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cisco SKIP with real hubs and agents: every clause of the table in docs/integration/skip.md.

usage: skip.py BUILD
"""

import json
import os
import re
import subprocess

from lab_harness import Lab, Tap, until

tap = Tap()
PSK = os.urandom(32).hex()
HEX = re.compile(r'[0-9a-f]+')


# --- clients ---

class ByCertificate:
    """Asks with curl, by mutual TLS."""

    def __init__(self, lab, port, name):
        self.url = 'https://127.0.0.1:%d' % port
        self.words = ['--cacert', lab.path('tls', 'ca.pem')]
        if name:
            self.words += ['--cert', lab.path('tls', name + '.pem'),
                           '--key', lab.path('tls', name + '.key')]

    def ask(self, path, *words):
        """The code and the JSON; (0, None) when there was no answer."""
        done = subprocess.run(
            ['curl', '-s', '-g', '--path-as-is', '--max-time', '60', '-w', '\n%{http_code}',
             *self.words, *words, self.url + path], stdout=subprocess.PIPE, check=False, text=True)
        body, code = done.stdout.rsplit('\n', 1)
        return int(code), json.loads(body) if body else None


class ByPsk:
    """Asks with openssl(1), by TLS-PSK."""

    def __init__(self, port, name, key, *suite):
        self.words = ['openssl', 's_client', '-connect', '127.0.0.1:%d' % port, '-quiet',
                      '-psk_identity', name, '-psk', key, *suite]

    def ask(self, path):
        request = 'GET %s HTTP/1.1\r\nHost: skip\r\nConnection: close\r\n\r\n' % path
        done = subprocess.run(self.words, input=request.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        head, _, body = done.stdout.partition(b'\r\n\r\n')
        return (int(head.split()[1]), json.loads(body)) if head else (0, None)


SUITES = [('-tls1_2', '-cipher', name) for name in (
    'DHE-PSK-AES256-GCM-SHA384', 'ECDHE-PSK-AES256-CBC-SHA384', 'PSK-AES256-GCM-SHA384',
    'DHE-PSK-AES256-CBC-SHA384')] + [('-tls1_3', '-ciphersuites', 'TLS_CHACHA20_POLY1305_SHA256')]


# --- the two ends ---

def serve(lab, agent, settings):
    """Adds SKIP to an agent; the port."""
    lab.stop(agent)
    with open(lab.config(agent), 'a', encoding='utf-8') as f:
        f.write('skip = { listen = "127.0.0.1:0"; %s };\n' % settings)
    lab.start(agent)
    found = until(lambda: re.search(r'skip: listening on https://\S*:(\d+)\n', lab.log(agent)))
    return int(found.group(1))


def ready(client, remote):
    """Waits until the pools are there."""
    return until(lambda: client.ask('/key?remoteSystemID=' + remote)[0] == 200, 60)


def ends(lab):
    tls = [lab.path('tls', name) for name in ('ca.pem', 'kme-agent1.pem', 'kme-agent1.key')]
    first = serve(lab, 'agent1', 'ca = "%s"; certificate = "%s"; key = "%s";' % tuple(tls))
    psks = lab.path('agent2', 'psks')
    with open(psks, 'w', encoding='ascii') as f:
        f.write('# SKIP clients\n\nsae-agent2:%s\nstranger:%s\n' % (PSK, PSK))
    os.chmod(psks, 0o600)
    return first, serve(lab, 'agent2', 'psk_file = "%s";' % psks)


# --- the clauses ---

def capabilities(a, b):
    for name, client, local, remote in (('a', a, 'sae-agent1', 'sae-agent2'),
                                        ('b', b, 'sae-agent2', 'sae-agent1')):
        tap.equal('S1 capabilities of ' + name, client.ask('/capabilities'), (200, {
            'entropy': True, 'key': True, 'algorithm': 'skex', 'localSystemID': local,
            'remoteSystemID': [remote]}))


def keys(a, b):
    code, made = a.ask('/key?remoteSystemID=sae-agent2')
    tap.check('S2 a key of 256 bits', code == 200 and set(made) == {'keyId', 'key'} and
              len(made['keyId']) == 32 and len(made['key']) == 64 and
              all(HEX.fullmatch(v) for v in made.values()), code)
    path = '/key/%s?remoteSystemID=sae-agent1'
    for name, wrong in (('another remoteSystemID', '/key/%s?remoteSystemID=sae-x'),
                        ('our own', '/key/%s?remoteSystemID=sae-agent2'),
                        ('none', '/key/%s'), ('a size', path + '&size=256')):
        tap.equal('S3 with %s it is refused' % name, b.ask(wrong % made['keyId'])[0], 400)
    tap.check('S3 the same key at the other end, nothing was lost',
              b.ask(path % made['keyId']) == (200, made))
    code, answer = b.ask(path % made['keyId'])
    tap.equal('S4 once only', (code, list(answer)), (400, ['message']))
    for bits in (64, 128, 512, 8192):
        code, made = a.ask('/key?remoteSystemID=sae-agent2&size=%d' % bits)
        tap.check('S2 a key of %d bits' % bits, code == 200 and len(made['key']) == bits // 4)
        tap.check('S3 in capitals', b.ask(path % made['keyId'].upper()) == (200, made))
    code, made = b.ask('/key?remoteSystemID=sae-agent1')
    tap.check('S3 the other way', code == 200 and a.ask(
        '/key/%s?remoteSystemID=sae-agent2' % made['keyId']) == (200, made))


def entropy(a, b):
    seen = set()
    for client, query, bits in ((a, '', 256), (b, '', 256), (a, '?minentropy=8', 8),
                                (a, '?minentropy=8192', 8192)):
        code, answer = client.ask('/entropy' + query)
        tap.check('S5 entropy' + query, code == 200 and answer['minentropy'] == bits and
                  len(answer['randomStr']) == bits // 4 and HEX.fullmatch(answer['randomStr']))
        seen.add(answer['randomStr'])
    tap.equal('S5 each another', len(seen), 4)


def nonsense(a):
    key = '/key?remoteSystemID=sae-agent2'
    for path in ('/key', '/key?', '/key?remoteSystemID', '/key?remoteSystemID=', '/key?size=256',
                 '/key?remoteSystemID=a%20b', '/key?remoteSystemID=%', '/key?remoteSystemID=%zz',
                 '/key?remoteSystemID=%00', '/key?remoteSystemID=' + 'x' * 81, key + '&size=',
                 '/key?remoteSystemID=sae-x', '/key?remoteSystemID=sae-agent1',
                 key + '&size=0', key + '&size=-8', key + '&size=100', key + '&size=56',
                 key + '&size=65544', key + '&size=99999999999', key + '&size=0x100',
                 key + '&size=256&size=256', key + '&remoteSystemID=sae-agent2', key + '&x=1',
                 key + '&minentropy=8', '/capabilities?x=1', '/entropy?minentropy=',
                 '/entropy?minentropy=7', '/entropy?minentropy=8200', '/entropy?size=8',
                 '/entropy?minentropy=8&minentropy=8', '/key/?remoteSystemID=sae-agent2',
                 '/key/xyz?remoteSystemID=sae-agent2',
                 '/key/%s?remoteSystemID=sae-agent2' % ('g' * 32),
                 '/key/%s?remoteSystemID=sae-agent2' % ('0' * 31),
                 '/key/%s?remoteSystemID=sae-agent2' % ('0' * 33),
                 '/key/%s?remoteSystemID=sae-agent2' % ('0' * 32),
                 key + '&' + 'x' * 600):
        code, answer = a.ask(path)
        tap.equal('S6 400 for %s' % path[:50], (code, list(answer)), (400, ['message']))
    for path in ('/', '/Key', '/keys', '/key/a/b', '/capabilities/', '/entropy/', '//key',
                 '/api/v1/keys/sae-agent2/enc_keys', '/key%2F'):
        tap.equal('S7 404 for ' + path, a.ask(path + '?remoteSystemID=sae-agent2')[0], 404)
    for path in ('/capabilities', key, '/entropy', '/key/%s' % ('0' * 32)):
        for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'get'):
            tap.equal('S8 405 for %s %s' % (method, path[:20]), a.ask(path, '-X', method)[0], 405)
    tap.equal('S6 a body', a.ask(key, '-X', 'GET', '-d', 'x')[0], 400)


def strangers(lab, first, second):
    tap.equal('S9 no certificate: 401', ByCertificate(lab, first, None).ask('/capabilities'),
              (401, None))
    far = ByCertificate(lab, first, 'sae-agent2')
    tap.equal('S9 who lives at another agent gets no key',
              far.ask('/key?remoteSystemID=sae-agent1')[0], 400)
    for name, who, key in (('another key', 'sae-agent2', os.urandom(32).hex()),
                           ('a name that is not known', 'sae-agent1', PSK)):
        for suite in SUITES:
            tap.equal('S9 %s, %s' % (name, suite[2]),
                      ByPsk(second, who, key, *suite).ask('/capabilities'), (0, None))
    tap.equal('S9 a known name that lives nowhere gets no key', ByPsk(
        second, 'stranger', PSK, *SUITES[0]).ask('/key?remoteSystemID=sae-agent1')[0], 400)
    tap.equal('S9 a certificate where keys are shared',
              ByCertificate(lab, second, 'sae-agent2').ask('/capabilities'), (0, None))


def suites(second):
    for suite in SUITES:
        client = ByPsk(second, 'sae-agent2', PSK, *suite)
        tap.equal('S10 ' + suite[2], client.ask('/capabilities')[0], 200)
    tap.equal('S10 no AES of 128 bits in TLS 1.2', ByPsk(
        second, 'sae-agent2', PSK, '-tls1_2', '-cipher', 'PSK-AES128-CBC-SHA').ask(
            '/capabilities'), (0, None))


def run_all():
    with Lab(hubs=2, threshold=2, agents=2) as lab:
        first, second = ends(lab)
        a = ByCertificate(lab, first, 'sae-agent1')
        b = ByPsk(second, 'sae-agent2', PSK, *SUITES[0])
        tap.check('keys are made', ready(a, 'sae-agent2') and ready(b, 'sae-agent1'))
        tap.run([lambda: capabilities(a, b), lambda: keys(a, b), lambda: entropy(a, b),
                 lambda: nonsense(a), lambda: strangers(lab, first, second),
                 lambda: suites(second)])


run_all()
tap.end()
