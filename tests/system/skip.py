#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every row of docs/integration/skip-clauses.md, asked of agents with real hubs: with curl(1), or,
by TLS-PSK, with openssl(1).

usage: skip.py BUILD
"""

import json
import os
import re
import subprocess

from clauses_harness import (Answer, LabAuthority, curl, filled, message_is, move_in, parse_head,
                             read_rows, some_row, walk, words_of)
from docs_harness import SOURCE
from etsi014_harness import Authority
from lab_harness import Lab, Tap, until

PAGE = os.path.join(SOURCE, 'docs', 'integration', 'skip-clauses.md')
HOMES = {'agent1': ['router-a'], 'agent2': ['router-b', 'router-c']}
SUITE = 'DHE-PSK-AES256-GCM-SHA384'
HEX = re.compile(r'[0-9a-f]+')
PSKS = {name: os.urandom(32).hex() for name in ('router-b', 'router-c', 'stranger')}
WRONG = os.urandom(32).hex()

tap = Tap()


# --- who asks ---

def by_certificate(lab, url, certificate):
    return lambda method, target, body: curl(lab.directory, url + target, method,
                                             words_of(lab, certificate), body)


def by_psk(port, name, key, suite):
    """Asks with openssl(1): curl can not do TLS-PSK."""
    version = ['-tls1_3', '-ciphersuites'] if suite.startswith('TLS_') else ['-tls1_2', '-cipher']
    words = ['openssl', 's_client', '-connect', '127.0.0.1:%d' % port, '-quiet', '-psk_identity',
             name, '-psk', key, *version, suite]

    def ask(method, target, body):
        request = '%s %s HTTP/1.1\r\nHost: skip\r\nConnection: close\r\n\r\n%s' % (
            method, target, body or '')
        done = subprocess.run(words, input=request.encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        head, _, rest = done.stdout.partition(b'\r\n\r\n')
        return Answer(*parse_head(head.decode('latin-1')), rest)
    return ask


def callers(lab, ports):
    """Who, as the page calls them: how they ask."""
    ca = LabAuthority(lab)
    url = ['https://127.0.0.1:%d' % port for port in ports]
    other = Authority(ca.directory, 'other').issue('other-a', subject='/CN=router-a')
    b = ca.issue('router-b')
    found = {
        '`router-a`': by_certificate(lab, url[0], ca.issue('router-a')),
        'nobody, without a certificate': by_certificate(lab, url[0], None),
        '`router-a` of another authority': by_certificate(lab, url[0], other),
        '`router-x`, who lives nowhere': by_certificate(lab, url[0], ca.issue('router-x')),
        '`router-b` with a certificate, at the first agent': by_certificate(lab, url[0], b),
        '`router-b` with a certificate, where PSKs are wanted': by_certificate(lab, url[1], b),
        '`router-x` with a PSK that the agent has under another name':
            by_psk(ports[1], 'router-x', PSKS['router-b'], SUITE),
        '`stranger`, who has a PSK there and lives nowhere':
            by_psk(ports[1], 'stranger', PSKS['stranger'], SUITE),
        '`router-c`': by_psk(ports[1], 'router-c', PSKS['router-c'], SUITE)}

    def look(who):
        if who in found:
            return found[who]
        wrong, suite = re.fullmatch(r'`router-b`( with another PSK)?(?: by (\S+))?', who).groups()
        return by_psk(ports[1], 'router-b', WRONG if wrong else PSKS['router-b'], suite or SUITE)
    return look


def serve(lab):
    """Both agents serve SKIP; their ports."""
    tls = tuple(lab.path('tls', name) for name in ('ca.pem', 'kme-agent1.pem', 'kme-agent1.key'))
    psks = lab.path('agent2', 'psks')
    with open(psks, 'w', encoding='ascii') as f:
        f.write('# SKIP clients\n\n' + ''.join('%s:%s\n' % psk for psk in PSKS.items()))
    os.chmod(psks, 0o600)
    form = 'skip = { listen = "127.0.0.1:0"; %s };\n'
    move_in(lab, HOMES, {
        'agent1': form % ('ca = "%s"; certificate = "%s"; key = "%s";' % tls),
        'agent2': form % ('psk_file = "%s";' % psks)})
    return [int(until(lambda agent=agent: re.search(
        r'skip: listening on https://\S*:(\d+)\n', lab.log(agent))).group(1)) for agent in HOMES]


# --- answers ---

class Walk:
    """The keys that were made so far, and what is wrong with an answer."""

    def __init__(self, look):
        self.look = look
        self.keys = {}    # name: (id, key)
        self.random = set()

    def ask(self, row):
        known = {name: key[0] for name, key in self.keys.items()}
        known.update({name.lower(): key.upper() for name, key in known.items()})
        return self.look(row.who)(row.method, filled(row.target, known), row.body)

    def good(self, words, json_):
        """What is wrong with the JSON of an answer of 200."""
        quoted = re.fullmatch(r'`(.*)`', words)
        made = re.fullmatch(r'made (\w+) of (\d+) bits', words)
        same = re.fullmatch(r'the key (\w+)', words)
        drawn = re.fullmatch(r'(\d+) random bits', words)
        if words == '`...`':
            return []
        if quoted:
            return [] if json_ == json.loads(quoted.group(1)) else ['another answer']
        if drawn:
            bits = int(drawn.group(1))
            text = json_.pop('randomStr')
            good = json_ == {'minentropy': bits} and len(text) == bits // 4 and \
                HEX.fullmatch(text) and (bits < 64 or text not in self.random)
            self.random.add(text)
            return [] if good else ['no such random bits']
        if not (made or same) or set(json_) != {'keyId', 'key'}:
            return ['no key, or the row cannot be read']
        if same:
            return [] if self.keys[same.group(1)] == (json_['keyId'], json_['key']) else [
                'another key']
        self.keys[made.group(1)] = (json_['keyId'], json_['key'])
        return [] if len(json_['keyId']) == 32 and len(json_['key']) == int(made.group(2)) // 4 \
            and HEX.fullmatch(json_['keyId'] + json_['key']) else ['no such key']

    def faults(self, row, answer):
        if row.answer == 'no answer':
            return [] if answer.status == 0 else ['an answer']
        code, words = row.answer[:3], row.answer[3:].strip(' ,')
        found = [] if answer.status == int(code) else ['not %s' % code]
        if found:
            return found
        if code == '200':
            return self.good(words, answer.json) + (
                [] if answer.headers.get('cache-control') == 'no-store' else ['it may be stored'])
        if code == '401':
            return ['a body'] if answer.body else []
        if row.method != 'HEAD' and list(answer.json or {}) != ['message']:
            return ['no message']
        if words.startswith('Allow: '):
            return [] if answer.headers.get('allow') == words[7:].lower() else ['another Allow']
        return [] if message_is(words.strip('`'), answer.message) else ['another message']


# --- the page as a whole ---

def complete(rows):
    """Nothing that the server knows is without a row: paths, parameters, messages."""
    def has(code, *words):
        return some_row(rows, code, words)

    with open(os.path.join(SOURCE, 'deliver', 'skip', 'request.c'), encoding='utf-8') as f:
        source = f.read()
    paths = re.findall(r'^\t\{"(/\w+)", SKEX_SKIP', source, re.M) + ['/key/']
    tap.equal('the server knows these paths', sorted(paths),
              ['/capabilities', '/entropy', '/key', '/key/'])
    for path in paths:
        for code in ('200', '400', '405'):
            tap.check('%s: %s is in the table' % (path, code), has(code, path))
    for name in re.findall(r'named\(name, "(\w+)"\)', source):
        tap.check(name + ': good and bad are in the table',
                  has('200', name + '=') and has('400', name + '='))
    messages = re.findall(r'wrong\(problem, "([^"]*)"\)', source)
    tap.check('messages are found', len(messages) > 7, messages)
    for message in messages:
        tap.check('in the table: ' + message, has('400', message))
    for code in ('401', '404', '503'):
        tap.check(code + ' is in the table', has(code))


def walk_all(lab, rows):
    walking = Walk(callers(lab, serve(lab)))
    for remote, who in (('router-b', 'router-a'), ('router-a', 'router-b')):
        ask = walking.look('`%s`' % who)
        tap.check('%s gets keys' % who, until(lambda ask=ask, remote=remote: ask(
            'GET', '/key?remoteSystemID=' + remote, None).status == 200, 120))
    walk(tap, lab, rows, walking.ask, walking.faults)


def run_all():
    rows = read_rows(PAGE)
    with Lab(hubs=2, threshold=2, agents=2, pad='8MiB') as lab:
        tap.run([lambda: complete(rows), lambda: walk_all(lab, rows)])


run_all()
tap.end()
