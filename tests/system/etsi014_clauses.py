#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every row of docs/integration/etsi014-clauses.md, asked with curl of agents with real hubs.

usage: etsi014_clauses.py BUILD
"""

import base64
import glob
import json
import os
import re
import time

from clauses_harness import (LabAuthority, curl, differs, filled, message_is, move_in, read_rows,
                             some_row, walk, words_of)
from docs_harness import SOURCE
from etsi014_harness import Authority
from etsi014_schema import answer_faults
from lab_harness import Lab, Tap, until

PAGE = os.path.join(SOURCE, 'docs', 'integration', 'etsi014-clauses.md')
PREFIX = '/api/v1/keys/'
HOMES = {'agent1': ['sae-a'], 'agent2': ['sae-b', 'sae-c', 'sae-d'], 'agent3': ['sae-far']}
DAY = 86400

tap = Tap()


# --- who asks ---

def callers(lab):
    """Who: the agent that is asked, and the certificate that is shown."""
    ca, now = LabAuthority(lab), time.time()
    other = Authority(ca.directory, 'other')
    found = {'`%s`' % sae: (agent, ca.issue(sae)) for agent in ('agent1', 'agent2')
             for sae in HOMES[agent]}
    found['nobody, without a certificate'] = ('agent1', None)
    found['`sae-a` of another authority'] = (
        'agent1', other.issue('other-a', subject='/CN=sae-a'))
    found['`sae-a` with a certificate that has expired'] = (
        'agent1', expiring(ca, 'old-a', now - 2 * DAY, now - DAY))
    found['`sae-a` with a certificate that is not valid yet'] = (
        'agent1', expiring(ca, 'new-a', now + DAY, now + 2 * DAY))
    found['`sae-a` with a certificate for servers only'] = (
        'agent1', ca.issue('server-a', subject='/CN=sae-a', usage='serverAuth'))
    found['`sae-a` and `sae-b` in one certificate'] = (
        'agent1', ca.issue('two', subject='/CN=sae-a/CN=sae-b'))
    found['`sae-x`, who lives nowhere'] = ('agent1', ca.issue('sae-x'))
    found['`sae-b` at the first agent'] = ('agent1', found['`sae-b`'][1])
    return found


def expiring(ca, name, start, end):
    """A certificate of sae-a for this time; each has a directory, as openssl-ca(1) keeps a list."""
    one = Authority.__new__(Authority)
    one.directory = os.path.join(ca.directory, name)
    one.certificate, one.key = ca.certificate, ca.key
    os.mkdir(one.directory)
    return one.issue_until('sae-a', start, end)


# --- answers ---

class Walk:
    """The keys that were made so far, and what is wrong with an answer."""

    def __init__(self):
        self.keys = {}  # name: (id, key)

    def made(self, words, keys):
        """'made K1 K2 of 256 bits', 'made 128 keys of 256 bits'."""
        names, bits = re.fullmatch(r'made (.*) of (\d+) bits', words).groups()
        count = re.fullmatch(r'(\d+) keys?', names)
        names = [None] * int(count.group(1)) if count else names.split()
        for name, key in zip(names, keys):
            if name:
                self.keys[name] = (key['key_ID'], key['key'])
        good = len(keys) == len(names) and all(
            len(base64.b64decode(key['key'])) * 8 == int(bits) for key in keys)
        return [] if good and len({key['key'] for key in keys}) == len(keys) else ['other keys']

    def faults(self, row, answer):
        code, words = row.answer[:3], row.answer[3:].strip(' ,')
        if words == 'or no answer' and answer.status == 0:
            return []
        found = [] if answer.status == int(code) else ['not %s' % code]
        quoted = re.fullmatch(r'`(.*)`', words)
        if code == '401':
            return found + (['a body'] if answer.body else [])
        if row.method != 'HEAD' and words != 'or no answer':
            found += answer_faults('error' if code != '200' else 'status' if 'status' in row.target
                                   else 'container', answer)
        if words.startswith('Allow: '):
            found += [] if answer.headers.get('allow') == words[7:].lower() else ['another Allow']
        elif quoted and code == '200':
            found += differs(json.loads(quoted.group(1)), answer.json)
        elif quoted:
            found += [] if message_is(quoted.group(1), answer.message) else ['another message']
        elif words.startswith('made '):
            found += found or self.made(words, answer.json['keys'])
        elif words.startswith('the keys '):
            wanted = [self.keys[name] for name in words.split()[2:]]
            found += found or ([] if wanted == [(k['key_ID'], k['key'])
                                                for k in answer.json['keys']] else ['other keys'])
        elif words not in ('', 'or no answer'):
            found.append('the row cannot be read')
        if code == '200' and answer.headers.get('cache-control') != 'no-store':
            found.append('it may be stored')
        return found

    def ask(self, lab, urls, who, row):
        agent, certificate = who[row.who]
        ids = {name: key[0] for name, key in self.keys.items()}
        target = filled(row.target, ids)
        target = target if target.startswith('/') else PREFIX + target
        return curl(lab.directory, urls[agent] + target, row.method,
                    words_of(lab, certificate),
                    None if row.body is None else filled(row.body, ids), filled(row.kind or '', {}))


# --- the page as a whole ---

def source(name):
    with open(os.path.join(SOURCE, 'deliver', 'etsi014', name), encoding='utf-8') as f:
        return f.read()


def complete(rows):
    """Nothing that the server knows is without a row: calls, methods, members, messages."""
    def has(code, *words):
        return some_row(rows, code, words)

    for call, allow in re.findall(r'\{"(\w+)", \w+, "([A-Z, ]+)"\}', source('request.c')):
        for method in allow.split(', '):
            for code in ('200', '400', '401'):
                tap.check('%s %s: %s is in the table' % (method, call, code), any(
                    row.method == method and '/' + call in row.target and
                    row.answer.startswith(code) for row in rows))
        tap.check('%s: 405 is in the table' % call, has('405', '/' + call, 'Allow: ' + allow))
    members = re.findall(r'^\t\{"(\w+)", SKEX', source('body.c'), re.M)
    tap.equal('the server reads these members', len(members), 7)
    for member in members:
        tap.check(member + ': good and bad are in the table', has('200', '"%s"' % member) and
                  has('400', '"%s"' % member))
    for message in re.findall(r'SKEX_ETSI014_MESSAGE_\w+ +"(.*)"', source('request.h')):
        tap.check('prescribed, and in the table: ' + message, has('400', message))
    written = ''.join(source(os.path.basename(path)) for path in sorted(glob.glob(os.path.join(
        SOURCE, 'deliver', 'etsi014', '*.c'))))
    refused = re.findall(r'refuse\(problem, "([^"]*)"\)', written)
    tap.check('messages are found', len(refused) > 10, refused)
    for message in refused:
        tap.check('in the table: ' + message, has('400', message))
    for code in ('413', '414', '503'):
        tap.check(code + ' is in the table', has(code))


def walk_all(lab, rows):
    move_in(lab, HOMES)
    urls = {agent['name']: agent['etsi014_url'].rstrip('/') for agent in lab.what['agents']}
    who, walking = callers(lab), Walk()
    first = [next(row for row in rows if row.who == '`%s`' % name and row.method == 'GET' and
                  'enc_keys' in row.target and 'made' in row.answer)
             for name in ('sae-a', 'sae-b')]
    tap.check('keys are made both ways', all(until(
        lambda row=row: walking.ask(lab, urls, who, row).status == 200, 120) for row in first))
    walk(tap, lab, rows, lambda row: walking.ask(lab, urls, who, row), walking.faults)


def run_all():
    rows = read_rows(PAGE)
    with Lab(hubs=2, threshold=2, agents=3, pad='16MiB') as lab:
        tap.run([lambda: complete(rows), lambda: walk_all(lab, rows)])


run_all()
tap.end()
