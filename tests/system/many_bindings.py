#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A thousand bindings between two agents with real hubs: each gets one key after the other, none
waits for the others. How much processor that takes is measured by bench/bindings_bench.py.

usage: many_bindings.py BUILD
"""

import os

from lab_harness import Lab, Tap, ask, until

MANY = 1000
PERIOD = '30 s'
AGENTS = ['agent1', 'agent2']
LONG = 3600  # seconds, in which it surely happens, however slow the machine is

tap = Tap()


def configure(lab, end, role):
    folder = os.path.join(lab.directory, AGENTS[end])
    os.mkdir(folder)
    lab.stop(AGENTS[end])
    with open(lab.config(AGENTS[end]), 'a', encoding='ascii') as f:
        f.write('bindings = (\n%s);\n' % ',\n'.join(
            '{ name = "b%d"; peer = "%s"; role = "%s"; period = "%s";\n'
            '  hook = { file = "%s/%d"; format = "id-hex"; one_place = %s; }; }'
            % (i, AGENTS[1 - end], role, PERIOD, folder, i, 'true' if i % 2 else 'false')
            for i in range(MANY)))
    lab.start(AGENTS[end])


def bindings(lab, end):
    return ask(lab.socket(AGENTS[end]), op='bindings')['bindings']


def keyed(lab, end, number):
    """The line of the key that an end's file holds, '' when there is none."""
    try:
        with open(os.path.join(lab.directory, AGENTS[end], str(number)), encoding='ascii') as f:
            return f.read()
    except OSError:
        return ''


def all_rotate(lab):
    tap.check('each has its first key', until(lambda: all(
        one['rotations'] >= 1 for end in range(2) for one in bindings(lab, end)), LONG, 1))
    first = [keyed(lab, 0, number) for number in range(MANY)]
    tap.check('no two have the same', '' not in first and len(set(first)) == MANY)
    tap.check('each has two more', until(lambda: all(
        one['rotations'] >= 3 for end in range(2) for one in bindings(lab, end)), LONG, 1))
    most = max(one['rotations'] for one in bindings(lab, 0))
    tap.check('while none had many', most <= 6, most)
    tap.check('both ends of each hold the same key, and not the first', all(until(
        lambda n=number: keyed(lab, 0, n) == keyed(lab, 1, n) not in ('', first[n]), LONG)
        for number in range(MANY)))


def run_all():
    with Lab(hubs=3, threshold=2, agents=2, pad='16MiB') as lab:
        for end, role in enumerate(['leads', 'follows']):
            configure(lab, end, role)
        tap.run([lambda: all_rotate(lab)])


run_all()
tap.end()
