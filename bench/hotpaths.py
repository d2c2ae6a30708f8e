#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions on the hottest paths, counted by callgrind, and the functions that take most.

usage: bench/hotpaths.py [BUILD]

Real hubs, agents and endpoints in memory, with the portable arithmetic, and libcrypto as valgrind
can run it, without the processor's SHA instructions.
"""

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, 'build')
FUNCTIONS = 8

# What, for how many, the program and its arguments, whether all of it is counted.
PATHS = [
    ('hub: a share of a 1 KiB block, from packet to forgotten record', 64,
     ['hub_shares', '100', '64'], False),
    ('three hubs and two agents: a key taken from a pool, with what fills it again', 128,
     ['agent_peers', '1', '10', '128'], True),
    ('pairwise: a run, at one end', 64, ['pairwise_many', 'runs', '10', '64'], False),
]


def count(arguments, whole):
    """Instructions, and [(part of them, function)]."""
    with tempfile.TemporaryDirectory(prefix='skex-bench-') as directory:
        out = os.path.join(directory, 'callgrind')
        subprocess.run(
            ['valgrind', '--tool=callgrind', '--instr-atstart=no',
             '--collect-atstart=' + ('yes' if whole else 'no'), '--callgrind-out-file=' + out,
             os.path.join(BUILD, 'bench', arguments[0])] + arguments[1:],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        text = subprocess.run(['callgrind_annotate', '--auto=no', out], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    total, found = 0, []
    for line in text.splitlines():
        row = re.match(r'\s*([\d,]+) \(\s*([\d.]+)%\)\s+(.*)$', line)
        if row and 'PROGRAM TOTALS' in line:
            total = int(row.group(1).replace(',', ''))
        elif row:
            where = re.sub(r' \[.*\]$', '', row.group(3))
            found.append((float(row.group(2)), re.sub(r'.*/', '', where)))
    return total, found[:FUNCTIONS]


def main():
    for what, number, arguments, whole in PATHS:
        total, functions = count(arguments, whole)
        print('%s: %.0f instructions' % (what, total / number))
        for part, name in functions:
            print('    %5.1f %%  %s' % (part, name), flush=True)


main()
