#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The example of docs/spec/qkd014.md, made again from the words of that document alone.

usage: qkd014.py FILE      FILE is that document; speaks TAP
"""

import re
import sys

R = (1 << 128) | (1 << 127) | (1 << 126) | (1 << 121) | 1  # x^128 + x^127 + x^126 + x^121 + 1
COUNT = 0


def times(a, b):
    product = 0
    for i in range(128):
        if b >> i & 1:
            product ^= a << i
    for i in range(254, 127, -1):
        if product >> i & 1:
            product ^= R << (i - 128)
    return product


def over(a):
    """a * x^-128."""
    for _ in range(128):
        a = (a ^ R if a & 1 else a) >> 1
    return a


def polyval(key, blocks):
    total, h = 0, int.from_bytes(key, 'little')
    for i in range(0, len(blocks), 16):
        total = over(times(total ^ int.from_bytes(blocks[i:i + 16], 'little'), h))
    return total.to_bytes(16, 'little')


def tag(key, text):
    """The one-time tag of distributed.md, section 5, without associated data."""
    padded = text + bytes(-len(text) % 16)
    lengths = (0).to_bytes(8, 'little') + (8 * len(text)).to_bytes(8, 'little')
    return bytes(x ^ y for x, y in zip(key[16:], polyval(key[:16], padded + lengths)))


def u(size, value):
    return value.to_bytes(size, 'big')


def lp8(text):
    return u(1, len(text)) + text


def check(name, good):
    global COUNT  # pylint: disable=global-statement
    COUNT += 1
    print('%s %d - %s' % ('ok' if good else 'not ok', COUNT, name))
    return good


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        block = re.search(r'(?m)^    w = .*\n(?:    .*\n)+', f.read()).group(0)
    written = {name: bytes.fromhex(value) for name, value in
               re.findall(r'(CONF_..) ([0-9a-f]{32})', block)}
    head, tail = block.split('CONF_BA')[0].split('offer')[1].split('\n')[:2]
    # Runs of bytes are written by their ends.
    ids = b''.join(bytes(range(int(first, 16), int(last, 16) + 1)) for first, last in
                   re.findall(r'(?:^|\s)([0-9a-f]{2})[0-9a-f]{4}\.\.([0-9a-f]{2})', tail))
    start = bytes.fromhex(head + re.split(r'000102\.\.', tail)[0])
    offer = (u(1, 2) + u(1, 1) + u(1, 1) + u(4, 0x01020304) + u(8, 0x0205060708) +
             bytes(range(0x60, 0x70)) + u(1, 2) + u(1, 1 | 2) + u(2, 32) + u(4, 86400) +
             u(4, 0x0a0b0c0d) + u(8, 7) + lp8(b'app:x') + bytes(range(48)))
    good = check('the offer', start + ids == offer)
    w = bytes(range(64))
    for which, name, key in ((1, 'CONF_BA', w[:32]), (2, 'CONF_AB', w[32:])):
        made = tag(key, u(1, which) + lp8(b'alice') + lp8(b'bob') + offer + u(1, 2))
        good = check(name, written.get(name) == made) and good
    # RFC 8452, appendix A.
    good = check('the arithmetic', polyval(
        bytes.fromhex('25629347589242761d31f826ba4b757b'),
        bytes.fromhex('4f4f95668c83dfb6401762bb2d01a262d1a24ddd2721d006bbe45f20d3c9f362')) ==
        bytes.fromhex('f7a3b47b846119fae5b7866cf5e5b77e')) and good
    print('1..%d' % COUNT)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
