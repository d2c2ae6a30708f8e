#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hub with 10,000 enrolled agents: its memory, in a real skex-hub, and the instructions for a
share, counted by callgrind in the hub's library, which must not grow with the agents enrolled."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from lab import BUILD, Api, result, say

MANY = 10000
FEW = 10
SHARES = 256
RUNS = 3
MEMORY_MIB = 64
GROWTH = 0.1


def status_kib(pid, name):
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        return int(re.search(r'^%s:\s+(\d+) kB' % name, f.read(), re.M).group(1))


def configure(directory):
    path = os.path.join(directory, 'conf')
    with open(path, 'w', encoding='ascii') as f:
        f.write('name = "hub1"; directory = "%s/state"; kek = { file = "%s/kek"; };\n'
                'admin_socket = "%s/admin"; listen = ["127.0.0.1:0"];\n'
                'policy = ( { between = ["*", "*"]; } );\n' % ((directory,) * 3))
    return path


def memory(directory):
    """MiB of anonymous memory, some seconds after the start."""
    hub = subprocess.Popen([os.path.join(BUILD, 'skex-hub'), '-c', configure(directory)],
                           stderr=subprocess.DEVNULL)
    try:
        while not os.path.exists(os.path.join(directory, 'admin')):
            if hub.poll() is not None:
                raise SystemExit('skex-hub ended with %d' % hub.returncode)
            time.sleep(0.05)
        Api(os.path.join(directory, 'admin')).ask(op='status')
        time.sleep(2)
        return status_kib(hub.pid, 'RssAnon') / 1024
    finally:
        hub.send_signal(signal.SIGTERM)
        hub.wait()


def instructions(enrolled):
    """Of the hub, for one share from one agent to another, with all that follows from it."""
    run = subprocess.run(
        ['valgrind', '--tool=callgrind', '--collect-atstart=no', '--callgrind-out-file=/dev/null',
         os.path.join(BUILD, 'bench', 'hub_shares'), str(enrolled), str(SHARES)],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if json.loads(run.stdout)['arrived'] != SHARES:
        raise SystemExit('shares were lost')
    return int(re.search(r'Collected : (\d+)', run.stderr).group(1)) / SHARES


def measure_memory():
    directory = tempfile.mkdtemp(prefix='skex-bench-')
    try:
        os.mkdir(os.path.join(directory, 'state'), 0o700)
        subprocess.run([os.path.join(BUILD, 'bench', 'enrol_many'),
                        os.path.join(directory, 'state'), os.path.join(directory, 'kek'),
                        str(MANY)], check=True)
        result('hub/anonymous memory, %d agents' % MANY,
               [memory(directory) for _ in range(RUNS)], 'MiB', must=MEMORY_MIB, most=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def measure_instructions():
    if shutil.which('valgrind') is None or \
            not os.path.exists(os.path.join(BUILD, 'bench', 'hub_shares')):
        say('hub_bench: no valgrind: instructions for a share are not counted')
        raise SystemExit(1)
    few, many = [instructions(FEW)], [instructions(MANY)]
    result('hub/instructions for a share, %d agents' % FEW, few, 'Ir', digits=6)
    result('hub/instructions for a share, %d agents' % MANY, many, 'Ir', digits=6)
    result('hub/instructions for a share, %d against %d agents' % (MANY, FEW),
           [many[0] / few[0]], 'ratio', must=1 + GROWTH, most=True)


measure_memory()
measure_instructions()
