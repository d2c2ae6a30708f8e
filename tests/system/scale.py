#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing per message may grow with how many are there: the instructions for the same messages are
counted by callgrind at two sizes, with the same few active. No time is measured. Speaks TAP.

usage: scale.py BUILD
"""

import os
import re
import subprocess
import sys

BUILD = sys.argv[1]
GROWTH = 0.1

# What, the program and its arguments before the size, the two sizes, and how many messages: of keys
# so many that the pools, of 48, are filled again.
CASES = [
    ('a share through a hub, by agents enrolled', ['hub_shares'], 100, 10000, 32),
    ('a key between agents, by peers', ['agent_peers', '1'], 10, 10000, 128),
    ('a run of the pairwise mode, by associations', ['pairwise_many', 'runs'], 10, 10000, 32),
]


def instructions(program, size, messages):
    """For a message: of the hub, of the whole world, of the endpoint."""
    whole = program[0] == 'agent_peers'
    run = subprocess.run(
        ['valgrind', '--tool=callgrind', '--instr-atstart=no',
         '--collect-atstart=' + ('yes' if whole else 'no'), '--callgrind-out-file=/dev/null',
         os.path.join(BUILD, 'bench', program[0])] + program[1:] + [str(size), str(messages)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    found = re.search(r'Collected : (\d+)', run.stderr)
    if run.returncode != 0 or not found or int(found.group(1)) == 0:
        for line in run.stderr.splitlines()[-10:]:
            print('# ' + line)
        return None
    return int(found.group(1)) / messages


def main():
    failed = 0
    print('1..%d' % len(CASES))
    for number, (what, program, few, many, messages) in enumerate(CASES, 1):
        counts = [instructions(program, size, messages) for size in (few, many)]
        good = None not in counts and counts[1] <= (1 + GROWTH) * counts[0]
        failed += not good
        print('%s %d - %s: %d and %d take as many instructions' % (
            'ok' if good else 'not ok', number, what, few, many))
        if None not in counts:
            print('# %.0f and %.0f: %.3f' % (counts[0], counts[1], counts[1] / counts[0]),
                  flush=True)
    sys.exit(1 if failed else 0)


main()
