#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent with 10,000 peers of which 200 are active, against one that has these 200 only: real
agents and hubs in a world in memory (agent_peers.c). What a peer takes, what a start and a minute
with nothing to do, and what a key takes, in processor time and in instructions.
"""

import json
import os
import shutil
import subprocess

from lab import BUILD, counted, result, say

PROGRAM = os.path.join(BUILD, 'bench', 'agent_peers')
ACTIVE = 200
PEERS = 10000
KEYS = 40000    # 100 for each direction with each: the pools, of 48, are filled again
COUNTED = 20000
RUNS = 3
IDLE_S = 50
GROWTH = 0.1


def measured(peers):
    found = []
    for _ in range(RUNS):
        run = subprocess.run([PROGRAM, str(ACTIVE), str(peers), str(KEYS)], check=True,
                             stdout=subprocess.PIPE, text=True)
        found.append(json.loads(run.stdout))
    return found


def instructions(peers):
    """For a key: of all agents and hubs."""
    return counted(['agent_peers', ACTIVE, peers, COUNTED], whole=True)[0] / COUNTED


def main():
    if not os.path.exists(PROGRAM):
        raise SystemExit('peers_bench: agent_peers was not built: valgrind.h is not there')
    few, many = measured(ACTIVE), measured(PEERS)
    of = '%d peers' % PEERS
    result('peers/memory of one, ' + of,
           [run['bytes'] / PEERS / 1024 for run in many], 'KiB')
    result('peers/start of an agent, ' + of, [run['start_seconds'] for run in many], 's')
    result('peers/idle, of a core, ' + of,
           [100 * run['idle_seconds'] / IDLE_S for run in many], '%')
    against = '%d active of %d against of %d' % (ACTIVE, PEERS, ACTIVE)
    result('peers/time for a key, ' + against,
           [b['keys_seconds'] / a['keys_seconds'] for a, b in zip(few, many)], 'ratio')
    if shutil.which('valgrind') is None:
        say('peers_bench: no valgrind: instructions for a key are not counted')
        raise SystemExit(1)
    result('peers/instructions for a key, ' + against,
           [instructions(PEERS) / instructions(ACTIVE)], 'ratio', must=1 + GROWTH, most=True)


main()
