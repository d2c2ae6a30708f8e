#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages and completion say what the programs do: manual_test.py SKEX SKEXD ROOT"""

import os
import re
import subprocess
import sys
import tempfile

from tap import Tap, run

SKEX, SKEXD, ROOT = sys.argv[1:4]

tap = Tap()


def page(name):
    with open(os.path.join(ROOT, 'man', name), encoding='utf-8') as file:
        return file.read()


def options_of(*command):
    return set(re.findall(r'--?[a-z][a-z0-9-]*', run(list(command)).out.split('\n', 1)[0]))


def skex_1():
    text = page('skex.1')
    options = set()
    for command in run([SKEX, '--commands']).out.splitlines():
        tap.check('skex.1 has ' + command, re.search(
            r'^\.It.*\bCm %s\b' % re.escape(command), text, re.M) is not None)
        options |= {word for word in options_of(SKEX, *command.split(), '--help')
                    if word.startswith('--')}
    written = {'-' + word for word in re.findall(r'\bFl (-[a-z][a-z0-9-]*)', text)}
    tap.equal('skex.1 has every option', sorted(options - written), [])
    tap.equal('and no other', sorted(written - options - {'--help', '--version'}), [])
    codes = re.findall(r'^\.It (\d+)$', text, re.M)
    tap.equal('exit codes', codes, ['0', '1', '2', '3', '4', '5', '6', '7', '10', '11'])


def skexd_8():
    written = {'-' + word for word in re.findall(r'\bFl (-?[a-z]+)', page('skexd.8'))}
    shown = set(re.findall(r'(?<![\w-])--?[a-z]+', run([SKEXD, '--help']).out))
    tap.equal('skexd.8 has the options of --help', written, shown)


def skex_client_3():
    with open(os.path.join(ROOT, 'include', 'skex', 'client.h'), encoding='utf-8') as file:
        header = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)
    functions = set(re.findall(r'\b(skex_client_\w+)\(', header))
    synopsis = page('skex-client.3').split('.Sh DESCRIPTION')[0]
    tap.equal('skex-client.3 has every function', set(re.findall(r'\.Fn (\w+)', synopsis)),
              functions)
    for name in sorted(functions):
        prototype = re.search(r'\b%s\(([^)]*)\)' % name, header).group(1)
        wanted = [' '.join(part.split()) for part in prototype.split(',')]
        line = re.search(r'^\.Fn %s (.*)$' % name, synopsis, re.M).group(1)
        tap.equal('its prototype of ' + name, re.findall(r'"([^"]*)"', line), wanted)
    classes = set(re.findall(r'\b(SKEX_CLIENT_\w+) = \d', header.split('};')[0]))
    tap.equal('it has every class', set(re.findall(
        r'\.Dv (SKEX_CLIENT_\w+)', page('skex-client.3'))), classes)


def complete(*words):
    """What bash offers for the last of the words."""
    script = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _skex; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(
        ['bash', '-c', script, os.path.join(ROOT, 'packaging', 'bash-completion', 'skex'), SKEX,
         *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=120)
    return done.stdout.decode().split()


def completion():
    tap.check('commands and groups', {'status', 'key', 'peer', 'hub', 'doctor'}
              <= set(complete('')), complete(''))
    tap.equal('a beginning', complete('doc'), ['doctor'])
    tap.equal('commands of a group', sorted(complete('key', '')), ['fetch', 'get'])
    tap.equal('options', complete('key', 'get', 'agent2', '--pu'), ['--purpose'])
    tap.check('options of a command without group', {'--json', '--socket'}
              <= set(complete('status', '--')))
    tap.equal('requirements', complete('key', 'get', 'agent2', '--require', 'c'),
              ['confirmed', 'combined'])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'one.kit')
        with open(path, 'wb'):
            pass
        tap.equal('files', complete('join', os.path.join(folder, 'on')), [path])
        tap.equal('files of an option', complete('key', 'get', 'x', '--out',
                                                 os.path.join(folder, 'o')), [path])
    tap.equal('nothing for nonsense', complete('nonsense', 'x', ''), [])


tap.run([skex_1, skexd_8, skex_client_3, completion])
