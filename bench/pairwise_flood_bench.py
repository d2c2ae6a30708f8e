#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two paired agents on one core, and a flood of datagrams of nobody from the other core at both of
their ports: every honest run has to give its keys, to both ends."""

import json
import os
import shutil
import subprocess
import tempfile
import time

from lab import BUILD, Agent, result, say

FLOOD_S = 6
CALM_RUNS = 50
WAIT_MS = 60000


def honest_run(apis, number):
    """A key for a purpose that is new, which takes a run of its own; seconds, or None."""
    (first, name), (second, other) = apis if number % 2 == 0 else apis[::-1]
    purpose = 'app:run%d' % number
    began = time.monotonic()
    got = first.ask(op='get', peer=other, purpose=purpose, wait_ms=WAIT_MS,
                    require=['confirmed', 'forward-secret'])
    if 'keys' not in got:
        say('pairwise_flood_bench: run %d: %s' % (number, got))
        return None
    took = time.monotonic() - began
    key = got['keys'][0]
    same = second.ask(op='fetch', peer=name, purpose=purpose, key_ids=[key['key_id']])
    if 'keys' not in same or same['keys'][0]['key'] != key['key']:
        say('pairwise_flood_bench: run %d: %s' % (number, same))
        return None
    return took


def datagrams():
    """Of all sockets of this machine: taken in, and dropped because a socket had no room."""
    with open('/proc/net/snmp', encoding='ascii') as f:
        names, values = [line.split() for line in f if line.startswith('Udp:')]
    counts = dict(zip(names[1:], map(int, values[1:])))
    return counts['InDatagrams'], counts['RcvbufErrors']


def measure(agents):
    apis = [(agent.api(), agent.name) for agent in agents]
    made = apis[0][0].ask(op='pair_make', peer=agents[1].name,
                          address='127.0.0.1:%d' % agents[1].port)
    apis[1][0].ask(op='pair_take', credential=made['credential'])
    calm = [honest_run(apis, i) for i in range(CALM_RUNS)]

    before = datagrams()
    floods = [subprocess.Popen(['taskset', '-c', '1', os.path.join(BUILD, 'bench', 'flood'),
                                str(agent.port), str(FLOOD_S)],
                               stdout=subprocess.PIPE, text=True) for agent in agents]
    flooded, number = [], CALM_RUNS
    while any(flood.poll() is None for flood in floods):
        flooded.append(honest_run(apis, number))
        number += 1
    after = datagrams()
    sent = sum(json.loads(flood.communicate()[0])['sent'] for flood in floods)

    lost = calm.count(None) + flooded.count(None)
    result('flood/datagrams of nobody', [sent / FLOOD_S], '1/s', digits=3)
    result('flood/of these taken in by the agents', [(after[0] - before[0]) / FLOOD_S], '1/s',
           digits=3)
    result('flood/of all, dropped by the kernel', [(after[1] - before[1]) / sent], 'ratio',
           digits=3)
    result('flood/honest runs lost, of %d' % (CALM_RUNS + len(flooded)), [lost], 'runs',
           must=0, most=True)
    for name, times in (('without', calm), ('with', flooded)):
        result('flood/honest run, %s flood' % name,
               [1000 * took for took in times if took is not None], 'ms', digits=3)


def main():
    if (os.cpu_count() or 1) < 2:
        raise SystemExit('pairwise_flood_bench: needs two cores')
    directory = tempfile.mkdtemp(prefix='skex-bench-')
    agents = [Agent(directory, name, core=0) for name in ('alpha', 'bravo')]
    try:
        for agent in agents:
            agent.start()
        measure(agents)
    finally:
        for agent in agents:
            agent.stop()
        shutil.rmtree(directory, ignore_errors=True)


main()
