# SPDX-License-Identifier: Apache-2.0
"""What peers of the pairwise mode carry and seal: credentials, payloads, blocks of key.

Made from docs/spec/pairwise.md alone; numbers in comments are its sections.
"""

import os.path
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'vectors'))

from armour import PAIR, bytes_of, line_of  # noqa: E402
from pairwise_math import (  # noqa: E402
    PAD, Association, H, Refused, export, lp8, u8, u16, u32, u64)

ALERT, BLOB, ROLLBACK = 10, 11, 14  # fields
PAYLOAD, NO, PAST = 1, 4, 6  # alerts
SIZES = {1: (1, 32), 2: (8, 8), 3: (1, 16), 4: (1, 1), 5: (1, 255), 6: (1, 255), 7: (4, 4),
         8: (4, 4), 9: (1, 255), 10: (1, 1), 11: (0, 255), 12: (0, 255), 13: (1, 255), 14: (8, 8)}


# --- what is carried (3.1) and sealed (7) ---

class Reader:
    """Bytes from the left; Refused when they do not suffice."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        if len(self.data) < size:
            raise Refused('cut off')
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, size):
        return int.from_bytes(self.take(size), 'big')

    def lp8(self):
        return self.take(self.number(1))

    def end(self):
        if self.data:
            raise Refused('too long')


class Credential:
    """What both ends are given; slot is that of who takes it in."""

    def __init__(self, psk, slot, ids, d=0, suites=b'\x01', purpose=b'skex-agent/1', host=b'',
                 port=0):
        self.psk, self.slot, self.ids, self.d = psk, slot, ids, d
        self.suites, self.purpose, self.host, self.port = suites, purpose, host, port

    @classmethod
    def of_line(cls, line):
        read = Reader(bytes_of(PAIR, line))
        psk, slot, d = read.take(32), read.number(1), read.number(1)
        made = cls(psk, slot, (read.lp8(), read.lp8()), d, read.lp8(), read.lp8(), read.lp8(),
                   read.number(2))
        read.end()
        return made

    def line(self):
        return line_of(PAIR, self.psk + u8(self.slot) + u8(self.d) + lp8(self.ids[0])
                       + lp8(self.ids[1]) + lp8(self.suites) + lp8(self.purpose)
                       + lp8(self.host) + u16(self.port))

    def association(self):
        return Association(self.psk, *self.ids, self.suites, self.d, self.purpose)


def fields(plain, flags):
    """The fields of a sealed part, by type."""
    read, found, last, padded = Reader(plain), {}, 0, False
    while read.data:
        kind, value = read.number(1), read.lp8()
        critical, kind = kind >> 7, kind & 127
        if padded and kind != 12 or kind <= last and not padded:
            raise Refused('order')
        padded, last = kind == 12, kind
        if kind not in SIZES:
            if critical:
                raise Refused('critical and unknown')
        elif not SIZES[kind][0] <= len(value) <= SIZES[kind][1] or padded and any(value):
            raise Refused('value')
        found[kind] = value
    if padded != bool(flags & PAD):
        raise Refused('padding')
    return found


# --- blocks of key (13.1) ---

class Batch:
    """What M1 and K1 ask for."""

    def __init__(self, instance, counter, blocks=1, size=64, lifetime=3600, purpose='app:interop'):
        self.instance, self.counter, self.blocks = instance, counter, blocks
        self.size, self.lifetime, self.purpose = size, lifetime, purpose.encode()

    @classmethod
    def of(cls, blob):
        read = Reader(blob)
        if read.number(1) != 1:
            raise Refused('version')
        made = cls(read.number(4), read.number(8), read.number(2), read.number(4), read.number(4))
        made.purpose = read.lp8()
        read.end()
        if not (1 <= made.blocks <= 256 and 16 <= made.size <= 65536 and made.size % 16 == 0
                and made.blocks * made.size <= 65536):
            raise Refused('sizes')
        return made

    def blob(self):
        return (u8(1) + u32(self.instance) + u64(self.counter) + u16(self.blocks) + u32(self.size)
                + u32(self.lifetime) + lp8(self.purpose))

    def made(self, exp, number):
        """The blocks, by instance and counter."""
        return {(self.instance, self.counter + i): self._block(exp, number, i)
                for i in range(self.blocks)}

    def _block(self, exp, number, i):
        parts = []
        for at in range(0, self.size, 512):
            context = (u32(number) + u32(self.instance) + u64(self.counter + i) + u32(at)
                       + lp8(self.purpose))
            parts.append(export(exp, b'skex-block', context, min(512, self.size - at)))
        return b''.join(parts)


def key_id(initiator, responder, instance, counter, offset, size):
    """distributed.md, 14; offset in bytes."""
    located = instance << 70 | counter << 28 | offset // 16 << 16 | size & 0xffff
    digest = H(b'skex key id/1', lp8(initiator), lp8(responder), (located << 2).to_bytes(13, 'big'))
    free = located << 20 | int.from_bytes(digest[:3], 'big') >> 4
    bits = free >> 74 << 80 | 8 << 76 | (free >> 62 & 0xfff) << 64 | 2 << 62 | free & (1 << 62) - 1
    text = '%032x' % bits
    return '-'.join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def place_of(text):
    """Instance, counter, offset and size in bytes of what an identifier names."""
    bits = int(text.replace('-', ''), 16)
    free = bits >> 80 << 74 | (bits >> 64 & 0xfff) << 62 | bits & (1 << 62) - 1
    located = free >> 20
    return (located >> 70, located >> 28 & (1 << 42) - 1, (located >> 16 & 0xfff) * 16,
            located & 0xffff or 65536)
