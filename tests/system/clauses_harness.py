# SPDX-License-Identifier: Apache-2.0
"""Clause tables of a page of docs/integration/: read, and asked row by row with curl(1)."""

import json
import os
import re
import subprocess

from etsi014_harness import Authority

HEADER = ['Clause', 'Who', 'Request', 'Answer']
REQUEST = re.compile(r'`(\S+) ([^`]*)`(?: `([^`]*)`)?(?: as `([^`]*)`)?')
REPEATED = re.compile(r'<([^<>]+?)\*(\d+)>')


class Row:
    """One row: where it stands, who asks what, and the answer as the page words it."""

    def __init__(self, line, cells):
        self.line = line
        self.clause, self.who, self.request, self.answer = cells
        self.step = self.request.strip('*') if self.request.startswith('*') else None
        found = REQUEST.fullmatch(self.request)
        if not found and not self.step:
            raise ValueError('line %d: no request: %s' % (line, self.request))
        self.method, self.target, self.body, self.kind = found.groups() if found else [None] * 4

    def __str__(self):
        return ('%d: %s: %s: %s' % (self.line, self.who, self.request, self.answer))[:160]


def read_rows(page):
    """The rows of all clause tables, in order; a clause goes on until the next one is named."""
    rows, inside, clause = [], False, ''
    with open(page, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            cells = [cell.strip() for cell in line.strip().split('|')[1:-1]]
            if not line.startswith('|'):
                inside = False
            elif cells == HEADER:
                inside = True
            elif inside and not set(line) <= set('| -\n'):
                clause = cells[0] or clause
                rows.append(Row(number, [clause, *cells[1:]]))
    return rows


def some_row(rows, code, words):
    """Is there a row with this code, and with all of these words?"""
    return any(row.answer.startswith(code) and all(
        word in row.request or word in row.answer for word in words) for row in rows)


def filled(text, known):
    """<x*80> is 80 times x, <K1> what is known as K1."""
    text = re.sub(r'<([A-Za-z][0-9]+)>', lambda m: known[m.group(1)], text)
    return REPEATED.sub(lambda m: m.group(1) * int(m.group(2)), text)


class Answer:
    """What curl got; the status is 0 when there was no answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None

    @property
    def message(self):
        return (self.json or {}).get('message', '')

    def __repr__(self):
        return '%d %r %r' % (self.status, self.headers, self.body[:300])


def parse_head(text):
    """Status and headers of the last block: one of "100 Continue" may stand before it."""
    head = text.replace('\r', '').strip().split('\n\n')[-1].split('\n')
    return (int(head[0].split()[1]) if head[0] else 0,
            dict(line.lower().split(': ', 1) for line in head[1:] if ': ' in line))


def curl(directory, url, method, words, body=None, kind=None):
    """Asks with curl(1); words: its options for TLS."""
    files = [os.path.join(directory, name) for name in ('curl-head', 'curl-body')]
    command = ['curl', '-s', '-g', '--path-as-is', '--max-time', '60', '-D', files[0],
               '-o', files[1], *words]
    command += ['-I'] if method == 'HEAD' else ['-X', method]
    if body is not None:
        command += ['--data-binary', '@-']
    if body is not None or method == 'POST':
        command += ['-H', 'Content-Type: ' + (kind or 'application/json')]
    for name in files:
        with open(name, 'wb'):
            pass
    subprocess.run([*command, url], input=(body or '').encode(), check=False)
    with open(files[0], encoding='latin-1') as f:
        status, headers = parse_head(f.read())
    with open(files[1], 'rb') as f:
        text = f.read()
    return Answer(status, headers, b'' if method == 'HEAD' else text)


class LabAuthority(Authority):
    """The lab's own authority, whose files have other names."""

    def __init__(self, lab):  # pylint: disable=super-init-not-called
        self.directory = os.path.join(lab.directory, 'clients')
        self.certificate, self.key = lab.path('tls', 'ca.pem'), lab.path('tls', 'ca.key')
        os.mkdir(self.directory)


def words_of(lab, certificate):
    """curl's options for a client with this (certificate, key) pair, or None for none."""
    words = ['--cacert', lab.path('tls', 'ca.pem')]
    return words + (['--cert', certificate[0], '--key', certificate[1]] if certificate else [])


def move_in(lab, homes, more=None):
    """The identities of a page live at the agents, in place of the lab's; more: further lines."""
    for agent in homes:
        lab.stop(agent)
    for agent in homes:
        with open(lab.config(agent), encoding='utf-8') as f:
            text = f.read()
        for home, identities in homes.items():
            text = text.replace('["sae-%s"]' % home, json.dumps(identities))
        with open(lab.config(agent), 'w', encoding='utf-8') as f:
            f.write(text + (more or {}).get(agent, ''))
    for agent in homes:
        lab.start(agent)


def stop_hubs(lab):
    for hub in lab.what['hubs']:
        lab.stop(hub['name'])


STEPS = {'all hubs are stopped': stop_hubs}


def walk(tap, lab, rows, ask, faults):
    """Asks row after row; ask(row) gives an answer, faults(row, answer) what is wrong with it."""
    for row in rows:
        if row.step:
            STEPS[row.step](lab)
            continue
        answer = ask(row)
        found = faults(row, answer)
        tap.check(str(row), not found, '%s\n%r' % (found, answer))


def differs(wanted, got):
    """The members of an answer that are not as a row's JSON says."""
    return [name for name, value in wanted.items() if (got or {}).get(name) != value]


def message_is(wanted, got):
    """`...` stands for more text."""
    return got.startswith(wanted[:-3]) if wanted.endswith('...') else got == wanted
