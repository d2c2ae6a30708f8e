#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the objects of the field arithmetic that valgrind cannot run. Speaks TAP.

usage: objects_test.py LEAKS LIBRARY..

Of every function of core/math with an instruction of GFNI, AVX-512 or 256-bit PCLMULQDQ it says
that no general register, flag or mask register ever gets anything that came from memory or from a
vector register. What is in them is then made of the function's arguments alone, pointers, the
public coefficient and the size, and so is every branch, address and mask. A function that it calls
has to be one that was read here too, or one that valgrind can run (constant_time_arithmetic):
another of core/math, or one that moves or wipes bytes.

What this does not show: that an instruction takes the same time for all data, which is the maker's
word; nor that the results are right, which the test math_variants does against the portable ones.
LEAKS is a library of functions that have to be refused, each for its own reason.
"""

import re
import subprocess
import sys

GENERAL = re.compile(r'%(?:[re]?[abcd]x|[abcd][lh]|[re]?[sd]il?|[re]?bpl?|[re]?spl?'
                     r'|r(?:8|9|1[0-5])[dwb]?)$')
VECTOR = re.compile(r'%[xyz]?mm\d+')
MASK = re.compile(r'^%k[0-7]$')
NEEDS = re.compile(r'%zmm|%k[0-7]|%[xyz]mm(?:1[6-9]|2\d|3[01])|gf2p8|^vpclmul\S*\s.*%ymm')
FLAGS = re.compile(r'v?(?:ptest|testp[sd]|u?comis[sdh]|pcmp[ei]str[im])$|k(?:or)?test[bwdq]$')
# They name memory and do not read it into a register: or only put back what the caller had.
HARMLESS = re.compile(r'^(?:lea|nop|prefetch|endbr|push|pop|ret|leave|cs nop|data16)')
GUARD = re.compile(r'(?:mov|sub) %fs:0x28,%\w+$')
# They look at sizes and at nothing that is secret: what is moved or overwritten, and the guard.
ELSEWHERE = {name: [] for name in ('memcpy', 'memset', 'skex_wipe', '__stack_chk_fail')}
JUMP = re.compile(r'^(?:bnd |notrack )*(j\w+|call\w*)\s+(\S+)')


def operands(text):
    """Splits at the commas outside of brackets, and leaves decorations like {%k1}{z} out."""
    parts = re.split(r',(?![^(]*\))', re.sub(r'\{[^}]*\}', '', text))
    return [part.strip() for part in parts if part.strip()]


def complaint(line):
    """Why an instruction may let data steer, or None."""
    mnemonic, _, rest = line.partition(' ')
    ops = operands(rest)
    memory = [op for op in ops if '(' in op or re.match(r'(?:%[cdefgs]s:|0x)', op)]
    vectors = [op for op in ops if VECTOR.match(op)]
    if FLAGS.match(mnemonic):
        return 'flags'
    if any(VECTOR.search(op) for op in memory):
        return 'gather'
    if not ops or HARMLESS.match(line):
        return None
    last = ops[-1]
    if GENERAL.match(last):
        if vectors or any(MASK.match(op) for op in ops):
            return 'move'
        if memory:
            return 'load'
    if MASK.match(last) and (memory or vectors):
        return 'mask'
    # A comparison has no destination: its flags come from both.
    if memory and not vectors and re.match(r'(?:cmp|test|bt)', mnemonic):
        return 'load'
    # Changes memory and leaves flags of it behind.
    if last in memory and not vectors and not re.match(r'k?mov|vmov|set|rep|stos', mnemonic):
        return 'load'
    return None


def functions(path):
    """Of the objects of core/math, or of all: {name: [(instruction, whether it jumps inside)]}."""
    output = subprocess.run(['objdump', '-dr', '--no-show-raw-insn', '-w', path],
                            stdout=subprocess.PIPE, text=True, check=True).stdout
    found, lines, wanted, start_of = {}, None, True, ''
    for line in output.split('\n'):
        member = re.match(r'(\S+):\s+file format', line)
        if member:
            wanted = 'leaks' in path or re.search(r'(?:^|[/_])math_', member.group(1))
            continue
        start = re.match(r'[0-9a-f]+ <(.+)>:$', line)
        if start:
            start_of = start.group(1)
            lines = found.setdefault(start_of, []) if wanted else None
            continue
        code = re.match(r'\s+[0-9a-f]+:\s+(.*)$', line)
        if code and lines is not None:
            relocation = re.search(r'\s+[0-9a-f]+: R_X86_64_\w+\s+(\S+)', code.group(1))
            text = re.sub(r'\s+[0-9a-f]+: R_X86_64_.*', '', code.group(1))
            text = re.sub(r'\s*(?:#|<).*', '', text).strip()
            text = re.sub(r'\s+', ' ', text)
            inside = re.search(r'<%s(?:\+0x\w+)?>' % re.escape(start_of), code.group(1))
            beside = re.search(r'<([^>+]+)>$', code.group(1))
            if relocation and JUMP.match(text):
                text = re.sub(r'\S+$', re.sub(r'-0x\w+$', '', relocation.group(1)), text)
            elif beside and JUMP.match(text):
                text = re.sub(r'\S+$', beside.group(1), text)
            lines.append((text, bool(inside) and not relocation))
    return found


def without_guard(lines):
    """Leaves the compiler's stack guard out: a number of its own, stored, read and compared."""
    left = []
    for number, (text, inside) in enumerate(lines):
        after = lines[number + 1][0] if number + 1 < len(lines) else ''
        before = lines[number - 1][0] if number > 0 else ''
        own = re.match(r'(mov|cmp) 0x\w+\(%rsp\),(%\w+)$', text)
        if own and own.group(1) == 'mov':  # as GCC does it
            guard = after == 'sub %fs:0x28,' + own.group(2)
        else:  # as clang does
            guard = own and before == 'mov %fs:0x28,' + own.group(2)
        if not (GUARD.match(text) or guard):
            left.append((text, inside))
    return left


def read(lines, known):
    """[(why, instruction)] of a function."""
    problems = []
    for text, inside in without_guard(lines):
        jump = JUMP.match(text)
        if jump:
            target = jump.group(2)
            if target.startswith('*') or not (inside or target in known):
                problems.append(('call', text))
            continue
        why = complaint(text)
        if why:
            problems.append((why, text))
    return problems


def main():
    leaks, libraries = sys.argv[1], sys.argv[2:]
    number, failed = 0, 0

    def count(name, good, lines=()):
        nonlocal number, failed
        number += 1
        failed += not good
        print('%s %d - %s' % ('ok' if good else 'not ok', number, name))
        for line in lines:
            print('# ' + line)

    known = functions(leaks)
    for name, lines in sorted(known.items()):
        found = {why for why, _ in read(lines, known)}
        wanted = {'stack': 'load'}.get(name[6:], name[6:])
        count('%s is refused' % name, wanted in found, ['found: %s' % ' '.join(sorted(found))])
    for path in libraries:
        known = {**functions(path), **ELSEWHERE}
        mine = {name: lines for name, lines in known.items()
                if any(NEEDS.search(text) for text, _ in lines)}
        library = path.split('/')[-1]
        count('%s has four functions that valgrind cannot run' % library, len(mine) == 4,
              sorted(mine))
        for name, lines in sorted(mine.items()):
            problems = read(lines, known)
            count('%s: %s: no data steers a branch, an address or a mask' % (library, name),
                  not problems, ['%s: %s' % problem for problem in problems])
    print('1..%d' % number)
    sys.exit(1 if failed else 0)


main()
