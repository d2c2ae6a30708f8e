#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hub with many agents: a real skex-hub that is started with 100,000 enrolled and driven over
real sockets by 18,000 of them, its memory, and the shares that it passes on. And the instructions
for a share, counted by callgrind in the hub's library, which must not grow with the agents.

With SKEX_LONG instructions are counted up to a million agents, which takes some minutes more.
"""

import json
import os
import resource
import shutil
import subprocess
import time

from hub_driven import FEW, Hub
from lab import BUILD, counted, result, say

ENROLLED = 100000
CONNECTED = 18000
RUNS = 3
SPARE_FILES = 800   # of the hub and of those who drive it, besides connections
# Blocks in a message, and shares in a run.
SERIES = [('in batches of 256', 256, 1024000, 300000), ('one in a message', 1, 100000, 100000)]

COUNTED = [10, 100, 1000, 10000, 100000] + ([1000000] if os.environ.get('SKEX_LONG') else [])
SHARES = 256
GROWTH = 0.1
ENROLLED_KIB = 2
CONNECTED_KIB = 16


def driven(hub, connected):
    """KiB before and after all are connected, seconds for it, and the runs of each series."""
    before = hub.anonymous_kib()
    said = hub.drive(connected, ['%d:%d' % (blocks, shares) for _, blocks, shares, _ in SERIES
                                 for _ in range(RUNS)])
    seconds = next(said)['seconds']
    time.sleep(1)
    after = hub.anonymous_kib()
    runs = list(said)
    return before, after, seconds, [runs[i * RUNS:(i + 1) * RUNS] for i in range(len(SERIES))]


def measure_load():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    connected = min(CONNECTED, most - SPARE_FILES)
    if connected < CONNECTED:
        say('hub_bench: %d open files are allowed: %d agents connect instead of %d' % (
            most, connected, CONNECTED))
    with Hub(FEW) as hub:
        hub.start()
        time.sleep(1)
        small = hub.anonymous_kib()
        few = driven(hub, FEW)[3]
    with Hub(ENROLLED) as hub:
        starts = []
        for _ in range(RUNS):
            hub.stop()
            starts.append(hub.start())
        result('hub/start with %d enrolled' % ENROLLED, starts, 's')
        time.sleep(1)
        before, after, seconds, many = driven(hub, connected)
    result('hub/connected a second', [connected / seconds], '1/s')
    result('hub/memory of an enrolled agent, %d enrolled' % ENROLLED,
           [(before - small) / (ENROLLED - FEW)], 'KiB', must=ENROLLED_KIB, most=True)
    result('hub/memory of a connected agent, %d connected' % connected,
           [(after - before) / connected], 'KiB', must=CONNECTED_KIB, most=True)
    for (name, _, _, must), least, runs in zip(SERIES, few, many):
        result('hub/shares a second and core, %s, %d agents' % (name, FEW),
               [run['shares'] / run['hub_seconds'] for run in least], '1/s')
        result('hub/shares a second and core, %s, %d agents' % (name, connected),
               [run['shares'] / run['hub_seconds'] for run in runs], '1/s', must=must)
        result('hub/shares a second, %s, %d agents' % (name, connected),
               [run['shares'] / run['seconds'] for run in runs], '1/s')
        result('hub/time for a share, %s, %d against %d agents' % (name, connected, FEW),
               [(b['hub_seconds'] / b['shares']) / (a['hub_seconds'] / a['shares'])
                for a, b in zip(least, runs)], 'ratio', must=2, most=True)


def instructions(enrolled):
    """Of the hub, for one share from one agent to another, with all that follows from it."""
    found, printed = counted(['hub_shares', enrolled, SHARES])
    if json.loads(printed)['arrived'] != SHARES:
        raise SystemExit('shares were lost')
    return found / SHARES


def measure_instructions():
    if shutil.which('valgrind') is None or \
            not os.path.exists(os.path.join(BUILD, 'bench', 'hub_shares')):
        say('hub_bench: no valgrind: instructions for a share are not counted')
        raise SystemExit(1)
    found = [(enrolled, instructions(enrolled)) for enrolled in COUNTED]
    for enrolled, each in found:
        result('hub/instructions for a share, %d agents' % enrolled, [each], 'Ir', digits=6)
    few, many = found[1], found[-1]
    result('hub/instructions for a share, %d against %d agents' % (many[0], few[0]),
           [many[1] / few[1]], 'ratio', must=1 + GROWTH, most=True)


measure_load()
measure_instructions()
