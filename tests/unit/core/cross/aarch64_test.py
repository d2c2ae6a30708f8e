#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The field arithmetic of 64-bit ARM, compiled by a cross compiler and run by an emulator.

usage: aarch64_test.py SOURCE-ROOT BUILD-FOLDER [COMPILER EMULATOR]

Runs variants_test.c, which holds every variant against the portable one.  Then each function is run
twice, with two sets of secrets, and the emulator writes down all general registers and the flags
before each instruction of it: both logs have to be the same.  So no secret was ever in a register
that can steer a branch or an address.  Functions that leak have to be found out in the same way.

What this does not show: how fast it is, or that an instruction takes the same time for all data.
"""

import concurrent.futures
import glob
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT, FOLDER = sys.argv[1], os.path.join(sys.argv[2], 'aarch64')
sys.path.insert(0, os.path.join(ROOT, 'tests', 'unit', 'cli'))

from tap import Tap  # noqa: E402

HERE = 'tests/unit/core/cross'
SHARED = ['core/math/*.c', 'core/base/mem.c', 'core/share/share.c', 'platform/posix.c']
VARIANTS = 'tests/unit/core/math/variants_test.c'
FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-Wall', '-Wextra', '-Werror', '-I.',
         '-I' + HERE + '/shim']
KERNELS = ['gf256_mul_add', 'gf256_rows', 'polyval', 'polyval_reverse']
LEAKS = ['leak_branch', 'leak_index', 'leak_flags']

tap = Tap()


def output(command, **more):
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **more)


def object_of(source):
    return os.path.join(FOLDER, source.replace('/', '_')[:-1] + 'o')


def build(compiler):
    """The two programs, or None."""
    shared = sorted(os.path.relpath(path, ROOT) for pattern in SHARED
                    for path in glob.glob(os.path.join(ROOT, pattern)))
    steps = [HERE + '/steps.c', HERE + '/leaks.c']
    commands = [[compiler, *FLAGS, '-c', source, '-o', object_of(source)]
                for source in shared + steps + [VARIANTS]]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        done = list(pool.map(output, commands))
    for name, own in (('variants', [VARIANTS]), ('steps', steps)):
        if all(one.returncode == 0 for one in done):
            done.append(output([compiler, '-static', '-o', os.path.join(FOLDER, name)] +
                               [object_of(source) for source in shared + own]))
    tools = os.path.basename(compiler)[:-len('gcc')]
    good = all(one.returncode == 0 for one in done)
    tap.check('the arithmetic is compiled for 64-bit ARM', good,
              '\n'.join(one.stdout for one in done))
    return tools if good else None


def variants(emulator):
    ran = output([emulator, os.path.join(FOLDER, 'variants')])
    for line in ran.stdout.split('\n'):
        case = re.match(r'(not )?ok - (.*)', line)
        if case:
            tap.check(case.group(2), not case.group(1))
    tap.check('the test of variants ends well', ran.returncode == 0, ran.stdout[-2000:])
    tap.check('the emulator has what both variants need',
              {'# variant neon', '# variant neon-pmull'} <= set(ran.stdout.split('\n')),
              ran.stdout[-2000:])


def ranges(tools, source, function):
    """Where the code of an object lies in the program: one of its functions says it."""
    def address(path):
        listed = output([tools + 'nm', path]).stdout
        return int(re.search(r'^([0-9a-f]+) T %s$' % function, listed, re.M).group(1), 16)

    sections = output([tools + 'size', '-A', object_of(source)]).stdout
    size = int(re.search(r'^\.text\s+(\d+)', sections, re.M).group(1))
    start = address(os.path.join(FOLDER, 'steps')) - address(object_of(source))
    return '0x%x+0x%x' % (start, size)


def log_of(emulator, name, seed, where):
    path = os.path.join(FOLDER, '%s.%d.log' % (name, seed))
    # A seed of the emulator's own: what it gives a program as random is then the same.
    ran = output([emulator, '-seed', '1', '-singlestep', '-d', 'cpu,nochain', '-dfilter', where,
                  '-D', path, os.path.join(FOLDER, 'steps'), name, str(seed)])
    with open(path, encoding='ascii', errors='replace') as f:
        text = f.read()
    os.remove(path)
    return text if ran.returncode == 0 else ''


def steps(emulator, tools):
    code = ','.join([ranges(tools, 'core/math/gf256_arm.c', 'skex_gf256_mul_add_neon'),
                     ranges(tools, 'core/math/polyval_arm.c', 'skex_polyval_pmull')])
    leaks = ranges(tools, HERE + '/leaks.c', 'leak_branch')
    for name in KERNELS + LEAKS:
        where = leaks if name in LEAKS else code
        first, second = (log_of(emulator, name, seed, where) for seed in (3, 4))
        count = first.count('PSTATE=')
        if name in LEAKS:
            tap.check('%s is found out' % name, count > 50 and first != second,
                      '%d steps' % count)
        else:
            differ = [pair for pair in zip(first.split('\n'), second.split('\n'))
                      if pair[0] != pair[1]]
            tap.check('%s: no secret in a general register or a flag' % name,
                      count > 150 and first == second,
                      '%d steps, %d in the second run, %s' % (
                          count, second.count('PSTATE='), differ[:3]))


def main():
    if len(sys.argv) < 5:
        print('1..0 # SKIP no cross compiler for aarch64, or no qemu-aarch64')
        return
    compiler, emulator = sys.argv[3:5]
    os.makedirs(FOLDER, exist_ok=True)
    tools = build(compiler)
    if tools is not None:
        tap.run([lambda: variants(emulator), lambda: steps(emulator, tools)])
    tap.run([])


main()
