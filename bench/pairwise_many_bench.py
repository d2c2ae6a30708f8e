#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""10,000 associations in one endpoint and in one agent: datagrams of nobody rejected a second,
instructions for a run against those with ten associations, memory, and the start."""

import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

from lab import BUILD, Agent, counted, result, say

MANY = 10000
FEW = 10
RUNS = 256
STARTS = 3
ASKERS = 16
REJECTED = 1e7
GROWTH = 0.1
PROGRAM = os.path.join(BUILD, 'bench', 'pairwise_many')


def measure_rejects(associations, must_messages):
    run = subprocess.run([PROGRAM, 'reject', str(associations)], check=True,
                         stdout=subprocess.PIPE, text=True)
    done = 0
    for line in run.stdout.splitlines():
        found = json.loads(line)
        bound = REJECTED if must_messages or found['what'] != 'whole messages' else None
        result('pairwise/rejected, %s, %d associations' % (found['what'], associations),
               found['per_s'], '1/s', must=bound)
        done += found['hashes'] + found['disk'] + found['sent']
    result('pairwise/hashes, writes and answers for them', [done], 'calls', must=0, most=True)


def instructions(associations):
    """Of the endpoint, for one run, with its commit."""
    return counted(['pairwise_many', 'runs', associations, RUNS])[0] / RUNS


def measure_instructions():
    few, many = instructions(FEW), instructions(MANY)
    result('pairwise/instructions for a run, %d associations' % FEW, [few], 'Ir', digits=6)
    result('pairwise/instructions for a run, %d associations' % MANY, [many], 'Ir', digits=6)
    result('pairwise/instructions for a run, %d against %d' % (MANY, FEW), [many / few], 'ratio',
           must=1 + GROWTH, most=True)


def memory_kib(process):
    with open('/proc/%d/status' % process.pid, encoding='ascii') as f:
        return int(re.search(r'^RssAnon:\s+(\d+) kB', f.read(), re.M).group(1))


def pair(agent, first, step, wrong):
    api = agent.api()
    for i in range(first, MANY, step):
        if 'credential' not in api.ask(op='pair_make', peer='peer%05d' % i):
            wrong.append(i)


def pair_all(agent):
    """Several at a time, which share commits."""
    wrong = []
    askers = [threading.Thread(target=pair, args=(agent, i, ASKERS, wrong)) for i in range(ASKERS)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    if wrong:
        raise SystemExit('%d pairs could not be made' % len(wrong))


def measure_agent():
    directory = tempfile.mkdtemp(prefix='skex-bench-')
    agent = Agent(directory, 'alpha')
    try:
        agent.start()
        empty = memory_kib(agent.process)
        pair_all(agent)
        starts, memories = [], []
        for _ in range(STARTS):
            agent.stop()
            starts.append(agent.start())
            if len(agent.api().ask(op='pair_ls')['pairs']) != MANY:
                raise SystemExit('pairs are missing after the start')
            time.sleep(1)
            memories.append((memory_kib(agent.process) - empty) / MANY)
        result('pairwise/start of an agent, %d associations' % MANY, starts, 's')
        result('pairwise/memory of an association in an agent', memories, 'KiB')
    finally:
        agent.stop()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    if shutil.which('valgrind') is None or not os.path.exists(PROGRAM):
        say('pairwise_many_bench: no valgrind: instructions for a run are not counted')
        raise SystemExit(1)
    measure_rejects(FEW, True)
    measure_rejects(MANY, False)
    measure_instructions()
    measure_agent()


main()
