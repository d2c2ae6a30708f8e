#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/integration/README.md: its commands run, and no consumer, page or version is missing.

usage: connects.py BUILD
"""

import os
import re

from docs_harness import SOURCE, run_page
from lab_harness import BUILD, OK, Lab, Tap, until

FOLDER = os.path.join(SOURCE, 'docs', 'integration')
PAGE = os.path.join(FOLDER, 'README.md')

tap = Tap()


def read(*names):
    with open(os.path.join(SOURCE, *names), encoding='utf-8') as f:
        return f.read()


def rows():
    """The cells of all tables."""
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in read('docs', 'integration', 'README.md').split('\n')
            if line.startswith('| ') and not line.startswith('| ---')]


def complete():
    text = read('docs', 'integration', 'README.md')
    links = re.findall(r'\]\(([^)#]+)[^)]*\)', text)
    for link in links:
        tap.check('there is ' + link, os.path.exists(os.path.join(FOLDER, link)))
    for name in sorted(os.listdir(FOLDER)):
        tap.check('it leads to ' + name, name == 'README.md' or name in links)
    kinds = re.findall(r'\{\.name = "(\w+)",\n\t\t\.type = SCHEMA_GROUP,',
                       read('config', 'binding_config.c').split('{.name = "require"')[1])
    tap.check('skexd knows kinds of bindings', len(kinds) >= 4, kinds)
    for kind in kinds:
        tap.check('a row has the binding ' + kind, 'binding `%s`' % kind in text)
    for name in re.findall(r'^\t\{"(\w+)", \w+\},', read('cli', 'deliver.c'), re.M):
        tap.check('the example for %s is shown' % name, 'skex deliver example ' + name in text)


def versions():
    """The version of a row is that of its page."""
    for cells in rows():
        if len(cells) != 7:
            continue
        page = re.search(r'\(([^)]+)\)', cells[6])
        for name, version in re.findall(r'([A-Za-z-]+) (\d+\.[\d.]+)', cells[5]):
            tap.check('%s %s is in %s' % (name, version, page.group(1)), '%s %s' % (
                name, version) in read('docs', 'integration', page.group(1)))


def in_short():
    """Each page says the same things first. Answers to requests, and wishes, are no consumers."""
    for name in sorted(os.listdir(FOLDER)):
        if name in ('README.md', 'extensions.md') or name.endswith('-clauses.md'):
            continue
        short = re.search(r'^## In short\n(.*?)^#', read('docs', 'integration', name),
                          re.M | re.S)
        said = re.findall(r'^\| ([A-Z][^|]*[a-z]) \| \S', short.group(1), re.M) if short else []
        tap.equal('%s in short' % name, said, [
            'The key protects', 'Identifiers', 'Rotation', 'Recommended', 'Pitfalls', 'Downgrade',
            'Tested with', 'Not tested'])


def linked():
    for name in (['README.md'], ['docs', 'architecture.md']):
        tap.check('%s leads to the page' % '/'.join(name), 'integration/README.md' in read(*name))


def commands(lab):
    until(lambda: lab.key('agent1', 'agent2', '--purpose', 'app:first').code == OK)
    run_page(tap, PAGE, {
        'SKEX_SOCKET': lab.socket('agent1'), 'AGENT2': lab.socket('agent2'),
        'PATH': os.path.abspath(BUILD) + ':' + os.environ['PATH']}, {})


def run_all():
    with Lab(hubs=2, threshold=2, agents=2) as lab:
        tap.run([complete, versions, in_short, linked, lambda: commands(lab)])


run_all()
tap.end()
