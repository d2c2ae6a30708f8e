# SPDX-License-Identifier: Apache-2.0
"""What the pairwise mode carries and seals: credentials, words, payloads, what is asked for.

Made from docs/spec/pairwise.md alone; numbers in comments are its sections. What is refused raises
Refused with the reason.
"""

import re

from armour import PAIR, bytes_of, line_of
from pairwise_math import PAD, Association, Refused, export, lp8, u8, u16, u32, u64

SIZES = {1: (1, 32), 2: (8, 8), 3: (1, 16), 4: (1, 1), 5: (1, 255), 6: (1, 255), 7: (4, 4),
         8: (4, 4), 9: (1, 255), 10: (1, 1), 11: (0, 255), 12: (0, 255), 13: (1, 255), 14: (8, 8)}
ALERT, PADDING = 10, 12


class Reader:
    """Bytes from the left; Refused when they do not suffice."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        if len(self.data) < size:
            raise Refused('malformed')
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def number(self, size):
        return int.from_bytes(self.take(size), 'big')

    def lp8(self):
        return self.take(self.number(1))

    def end(self):
        if self.data:
            raise Refused('malformed')


# --- what people carry (3.1) ---

class Credential:
    """What both ends are given; slot is that of who takes it in."""

    def __init__(self, psk, slot, ids, d=0, suites=b'\x01', purpose=b'skex-agent/1', host=b'',
                 port=0):
        self.psk, self.slot, self.ids, self.d = psk, slot, ids, d
        self.suites, self.purpose, self.host, self.port = suites, purpose, host, port

    @classmethod
    def of_line(cls, line):
        try:
            data = bytes_of(PAIR, line)
        except ValueError as error:
            if line.startswith(PAIR.decode()):
                raise Refused('miscopied') from error
            other = re.match('SKEX-PAIR-[0-9]+:', line)
            raise Refused('version' if other else 'another line') from error
        read = Reader(data)
        psk, slot, d = read.take(32), read.number(1), read.number(1)
        made = cls(psk, slot, (read.lp8(), read.lp8()), d, read.lp8(), read.lp8(), read.lp8(),
                   read.number(2))
        read.end()
        made.check()
        return made

    def check(self):
        texts = self.ids + (self.purpose, self.host)
        if (self.slot > 1 or self.d not in (0, 8, 32) or not all(self.ids)
                or self.ids[0] == self.ids[1] or not 1 <= len(self.suites) <= 16
                or any(0 in text for text in texts) or any(not 33 <= c <= 126 for c in self.host)
                or bool(self.host) != bool(self.port)):
            raise Refused('malformed')
        if self.suites[0] != 1:
            raise Refused('suite')

    def data(self):
        return (self.psk + u8(self.slot) + u8(self.d) + lp8(self.ids[0]) + lp8(self.ids[1])
                + lp8(self.suites) + lp8(self.purpose) + lp8(self.host) + u16(self.port))

    def line(self):
        return line_of(PAIR, self.data())

    def association(self):
        return Association(self.psk, *self.ids, self.suites, self.d, self.purpose)


CONSONANTS, VOWELS = 'bdfghjklmnprstvz', 'aiou'


def word_of(bits):
    return (CONSONANTS[bits >> 12] + VOWELS[bits >> 10 & 3] + CONSONANTS[bits >> 6 & 15]
            + VOWELS[bits >> 4 & 3] + CONSONANTS[bits & 15])


def bits_of(word):
    if len(word) != 5 or any(c not in (VOWELS if i % 2 else CONSONANTS)
                             for i, c in enumerate(word)):
        raise Refused('a word')
    bits = 0
    for i, c in enumerate(word):
        bits = bits << 2 | VOWELS.index(c) if i % 2 else bits << 4 | CONSONANTS.index(c)
    return bits


def crc16(number, data):
    crc = number
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc >> 15 else 0)) & 0xffff
    return crc


def words_of(psk):
    groups = []
    for number in range(1, 5):
        data = psk[8 * number - 8:8 * number]
        words = [int.from_bytes(data[at:at + 2], 'big') for at in range(0, 8, 2)]
        groups.append([word_of(word) for word in words + [crc16(number, data)]])
    return groups


def psk_of(text):
    """The bytes of words, separated by spaces."""
    words, psk = text.split(), b''
    for number in range(1, 5):
        group = [bits_of(word) for word in words[5 * number - 5:5 * number]]
        if len(group) != 5:
            raise Refused('a word')
        data = b''.join(map(u16, group[:4]))
        if crc16(number, data) != group[4]:
            raise Refused('a check')
        psk += data
    if len(words) != 20:
        raise Refused('a word')
    return psk


# --- what is sealed (7) ---

def fields(plain, flags):
    """The known fields of a sealed part, by type, and padding; Refused of what cannot be taken."""
    read, found, last, padded, unknown = Reader(plain), {}, 0, False, False
    while read.data:
        first, value = read.number(1), read.lp8()
        kind = first & 127
        if padded and first != PADDING:
            raise Refused('malformed')  # padding is last
        if kind == PADDING:
            if first != PADDING or any(value):
                raise Refused('malformed')  # never critical, and zeros
            padded = True
        elif kind <= last:
            raise Refused('malformed')  # out of order, or double
        else:
            last = kind
        if kind not in SIZES:
            unknown = unknown or first != kind
            continue
        least, most = SIZES[kind]
        if not least <= len(value) <= most or kind == ALERT and not value[0]:
            raise Refused('malformed')
        found[kind] = value
    if padded != bool(flags & PAD):
        raise Refused('malformed')
    if unknown:
        raise Refused('unknown')
    return found


# --- what is asked for (13.1), and combining.md, 4 ---

class Batch:
    """Blocks that M1 or K1 asks for; part is None, or the instance and counter of one."""

    def __init__(self, instance, counter, blocks=1, size=64, lifetime=3600, purpose='app:interop',
                 part=None):
        self.instance, self.counter, self.blocks = instance, counter, blocks
        self.size, self.lifetime, self.purpose = size, lifetime, purpose.encode('latin-1')
        self.part = part

    @classmethod
    def of(cls, blob):
        read = Reader(blob)
        version = read.number(1)
        if version not in (1, 2):
            raise Refused('version')
        made = cls(read.number(4), read.number(8), read.number(2), read.number(4), read.number(4))
        made.purpose = read.lp8()
        if version == 2:
            made.part = (read.number(4), read.number(8))
        read.end()
        made.check()
        return made

    def check(self):
        if not (self.instance and 1 <= self.blocks <= 256 and 16 <= self.size <= 65536
                and self.size % 16 == 0 and self.blocks * self.size <= 65536
                and self.counter + self.blocks <= 1 << 42 and 1 <= self.lifetime < 1 << 31
                and 1 <= len(self.purpose) <= 191 and self.purpose[0] != ord('+')
                and all(33 <= c <= 126 and c not in b'"\\' for c in self.purpose)
                and (self.part is None or self.part[0] and self.part[1] < 1 << 42)):
            raise Refused('out of range')

    def blob(self):
        made = (u8(2 if self.part else 1) + u32(self.instance) + u64(self.counter)
                + u16(self.blocks) + u32(self.size) + u32(self.lifetime) + lp8(self.purpose))
        return made + (u32(self.part[0]) + u64(self.part[1]) if self.part else b'')

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
