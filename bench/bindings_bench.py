#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""1,000 bindings between two agents, through real hubs, each with a new key every 120 s: the
processor time that all processes of one agent take, as a share of a core."""

import os
import time

from lab import Lab, result, say

MANY = 1000
PERIOD_S = 120
PERIODS = 2
SHARE = 5.0  # percent of a core
ROLES = ['leads', 'follows']


def write_bindings(lab, end):
    """Half of the keys stand in files side by side, half in one place."""
    me, other = (lab.what['agents'][i]['name'] for i in (end, 1 - end))
    folder = os.path.join(lab.directory, me)
    os.mkdir(folder)
    lab.skex('lab', 'stop', '--dir', lab.dir, me)
    with open(os.path.join(lab.dir, me, 'conf'), 'a', encoding='ascii') as f:
        f.write('bindings = (\n')
        f.write(',\n'.join(
            '{ name = "b%04d"; peer = "%s"; role = "%s"; period = "%d s"; '
            'hook = { file = "%s/%04d"; one_place = %s; }; }'
            % (i, other, ROLES[end], PERIOD_S, folder, i, 'true' if i % 2 else 'false')
            for i in range(MANY)))
        f.write(');\n')
    lab.skex('lab', 'start', '--dir', lab.dir, me)


def processes_of(pid):
    """The process and all below it."""
    found = [pid]
    for one in found:
        with open('/proc/%d/task/%d/children' % (one, one), encoding='ascii') as f:
            found += [int(child) for child in f.read().split()]
    return found


def busy_s(pids):
    """Processor time of these processes, by what each is."""
    taken = {}
    for pid in pids:
        with open('/proc/%d/stat' % pid, encoding='ascii') as f:
            words = f.read().rsplit(')', 1)[1].split()
        taken[pid] = (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')
    return taken


def rotations(lab, end):
    return [one['rotations'] for one in lab.api(end).ask(op='bindings')['bindings']]


def wait_rotated(lab, times):
    while any(min(rotations(lab, end)) < times for end in range(2)):
        time.sleep(1)


def measure(lab):
    """From when all have their second key until all have had PERIODS more."""
    pids = [processes_of(lab.agent_pid(end)) for end in range(2)]
    before = [busy_s(of) for of in pids]
    began = time.monotonic()
    time.sleep(PERIODS * PERIOD_S)  # the agents are not asked meanwhile
    wait_rotated(lab, 2 + PERIODS)
    after = [busy_s(of) for of in pids]
    took = time.monotonic() - began
    for end in range(2):
        share = 100 * (sum(after[end].values()) - sum(before[end].values())) / took
        each = [100 * (after[end][pid] - before[end][pid]) / took for pid in pids[end]]
        say('bindings_bench: the one that %s: %s %% of a core each, in %.0f s' % (
            ROLES[end], ' + '.join('%.2f' % one for one in each), took))
        result('bindings/processor of an agent that %s %d' % (ROLES[end], MANY), [share],
               '% of a core', must=SHARE, most=True)
    result('bindings/a period of %d s until all have the key' % PERIOD_S, [took / PERIODS], 's',
           must=1.1 * PERIOD_S, most=True)


def main():
    with Lab(pad='32MiB') as lab:
        for end in range(2):
            write_bindings(lab, end)
        lab.wait_up()
        began = time.monotonic()
        wait_rotated(lab, 1)
        say('bindings_bench: all have the first key after %.0f s' % (time.monotonic() - began))
        wait_rotated(lab, 2)
        measure(lab)


main()
