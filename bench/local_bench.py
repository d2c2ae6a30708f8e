#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A key from a filled pool over the local API, against a bare echo over a Unix socket of as many
bytes each way in the same run; and how long the first key of a purpose takes, with no pool yet."""

import json
import os
import subprocess
import time

from lab import BUILD, Lab, result

RUNS = 5
KEYS = 4000
COLD = 200
CLIENTS = 4         # that ask at the same time, for so many keys each
CLIENT_KEYS = 4000

# Who asks, and who answers: the agent, or the echo.  Where they run decides more than what they
# do, so that both are put in the same places.
PLACES = {'one core': ('0', '0'), 'two cores': ('0', '1'), 'any core': ()}


def fill(lab, keys, purpose='app:bench'):
    lab.api(0).ask(op='get', peer='agent2', purpose=purpose, wait_ms=10000)
    while not any(pool['purpose'] == purpose and pool['keys_256'] >= keys
                  for pool in lab.status(0)['pools']):
        time.sleep(0.1)


def measure(lab, cores):
    subprocess.run(['taskset', '-acp', cores[1] if cores else '0-%d' % (os.cpu_count() - 1),
                    str(lab.agent_pid(0))], check=True, stdout=subprocess.DEVNULL)
    client = os.path.join(BUILD, 'bench', 'local_client')
    return json.loads(subprocess.run(
        [client, lab.what['agents'][0]['socket'], 'agent2', 'app:bench', str(KEYS), *cores],
        check=True, stdout=subprocess.PIPE, text=True).stdout)


def report(place, runs):
    for at, name in enumerate(('median', 'p99', 'p99.9')):
        if place == 'any core':
            result('latency/from a pool, %s' % name,
                   [run['get_us'][at] / 1000 for run in runs], 'ms')
        result('local/get, %s, %s' % (place, name), [run['get_us'][at] for run in runs], 'us')
        result('local/bare echo, %s, %s' % (place, name), [run['echo_us'][at] for run in runs],
               'us')
    result('local/get against echo, medians, %s' % place,
           [run['get_us'][0] / run['echo_us'][0] for run in runs], 'ratio',
           must=1.3 if place == 'two cores' else None, most=True)


def cold(lab, number):
    """Milliseconds to the first key of a purpose that nobody asked for before."""
    api = lab.api(0)
    began = time.monotonic()
    answer = api.ask(op='get', peer='agent2', purpose='app:cold%d' % number, wait_ms=10000)
    seconds = time.monotonic() - began
    if 'keys' not in answer:
        raise SystemExit('no key: %s' % answer)
    return seconds * 1000


def half_load(lab):
    """The most keys a second that several get, and how long one takes at half of that."""
    load = os.path.join(BUILD, 'bench', 'local_load')
    runs = []
    for run in range(RUNS):
        # A pool of its own, for one that was used is filled again when it is nearly empty.
        fill(lab, 50000, 'app:half%d' % run)
        runs.append(json.loads(subprocess.run(
            [load, lab.what['agents'][0]['socket'], 'agent2', 'app:half%d' % run, str(CLIENTS),
             str(CLIENT_KEYS)], check=True, stdout=subprocess.PIPE, text=True).stdout))
    result('local/get, %d clients, most' % CLIENTS, [run['most_per_s'] for run in runs], 'keys/s')
    for at, name in enumerate(('median', 'p99', 'p99.9')):
        result('local/get, %d clients, half of the most, %s' % (CLIENTS, name),
               [run['half_us'][at] for run in runs], 'us')


with Lab('32MiB') as lab:
    found = sorted(cold(lab, i) for i in range(COLD))
    result('latency/from hubs with one block, median', found, 'ms')
    result('latency/from hubs with one block, p99', found[COLD * 99 // 100:], 'ms')
    lab.configure('block = "64 KiB"; blocks = 1; low = 256; high = 60000;')
    fill(lab, 50000)
    for place, cores in PLACES.items():
        if len(set(cores)) <= os.cpu_count():
            report(place, [measure(lab, cores) for _ in range(RUNS)])
    half_load(lab)
