#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/integration/etsi014.md and compares what they print.

usage: etsi014_docs.py LAUNCHER PAGE
"""

import json
import os
import re
import shutil
import subprocess
import sys

from etsi014_harness import Server, Tap, run_cases

tap = Tap()
with open(sys.argv[2], encoding='utf-8') as f:
    blocks = re.findall(r'^```(sh|json)\n(.*?)^```$', f.read(), re.M | re.S)


def run(directory, text, variables):
    """Runs one block in the directory; what it printed, or None when it failed."""
    done = subprocess.run(['bash', '-euo', 'pipefail', '-c', text], cwd=directory, timeout=120,
                          capture_output=True, text=True, check=False,
                          env={**os.environ, **variables})
    first = text.strip().split('\n', maxsplit=1)[0]
    good = tap.check('runs: ' + first, done.returncode == 0, done.stderr)
    return done.stdout if good else None


def shape(value):
    """The members of JSON, without their values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


def prepare(directory):
    run(directory, blocks.pop(0)[1], {})
    for kind in ('.crt', '.key'):
        shutil.copy(os.path.join(directory, 'agent1' + kind),
                    os.path.join(directory, 'server' + kind))


def commands():
    server = Server(sys.argv[1], prepare=prepare)
    url = 'https://localhost:%d' % server.port
    # Variables of one block are there in the next.
    before = ''
    printed = ''
    for kind, text in blocks:
        if kind == 'json':
            tap.equal('prints what the page says', shape(json.loads(printed)),
                      shape(json.loads(text)))
            continue
        printed = run(server.directory, before + text, {'KME_A': url, 'KME_B': url}) or 'null'
        saved = re.search(r'>(\S+\.json)$', text, re.M)
        if saved:
            with open(os.path.join(server.directory, saved.group(1)), encoding='utf-8') as f:
                printed = f.read()
        before += ''.join(re.findall(r'^\w+=\$\(.*\)\n', text, re.M))
    tap.equal('one server for both ends, and well', server.stop(), 0)


run_cases(tap, [commands])
tap.end()
