# SPDX-License-Identifier: Apache-2.0
"""distributed.md, sections 1 to 3: notation, the packet, the envelope and its epochs."""

import hashlib
import hmac
import os.path
import sys
import time
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..', folder) for folder in ('system', 'vectors')]

from pairwise_carried import Reader  # noqa: E402
from pairwise_math import Refused, lp8, u8, u16, u32, u64  # noqa: E402

VERSION = 1
CLEAR, TAG = 20, 16                     # bytes
HEADER_MOST, BODY_MOST = 8192, 1 << 20  # bytes
FRAME_MOST = CLEAR + TAG + HEADER_MOST + BODY_MOST
PACKETS_MOST = 1 << 20                  # of an epoch
EPOCHS_MOST = 1 << 32
SKIP_MOST = 1024                        # epochs
WINDOW = 256                            # packets
PREVIOUS = 60.0                         # seconds that the epoch before is still opened
SUITES = {1: AESGCM, 2: ChaCha20Poly1305}


class Other(Refused):
    """Another version."""


class Replay(Refused):
    """It was there before, or may have been."""


class Forged(Refused):
    """All ways in which authentication fails."""


# --- 1. Conventions ---

def kdf(key, label, context, size):
    """HKDF-Expand with the info of section 1."""
    info = lp8(label) + u16(len(context)) + context + u16(size)
    made, block, count = b'', b'', 0
    while len(made) < size:
        count += 1
        block = hmac.digest(key, block + info + u8(count), hashlib.sha256)
        made += block
    return made[:size]


def xor(one, other):
    """Of two strings of one length."""
    if len(one) != len(other):
        raise ValueError('lengths differ')
    return (int.from_bytes(one, 'big') ^ int.from_bytes(other, 'big')).to_bytes(len(one), 'big')


NAME_FIRST = frozenset(b'abcdefghijklmnopqrstuvwxyz0123456789')
NAME_LATER = NAME_FIRST | frozenset(b'._-')


def name_of(data):
    """The text of a name; Refused when it is none."""
    if not 1 <= len(data) <= 63 or data[0] not in NAME_FIRST or not NAME_LATER.issuperset(data):
        raise Refused('no name')
    return data.decode()


def name(text):
    """A name as it stands in messages."""
    return lp8(name_of(text.encode()).encode())


@dataclass(frozen=True, order=True)
class Position:
    """Ordered by generation, then by offset."""

    generation: int = 0
    offset: int = 0

    def encode(self):
        return u32(self.generation) + u64(self.offset)

    @classmethod
    def read(cls, reader):
        read = cls(reader.number(4), reader.number(8))
        if read.offset % 16 or read.offset > 1 << 62:
            raise Refused('offset')
        return read

    def plus(self, size):
        return replace(self, offset=self.offset + size)


# --- 2. Packet ---

@dataclass
class Packet:
    """One packet, its header still sealed."""

    epoch: int
    leg: int
    sequence: int
    sealed: bytes   # with its tag
    body: bytes = b''

    @property
    def clear(self):
        return clear_part(len(self.sealed) - TAG, self.epoch, self.leg, self.sequence)

    def encode(self):
        return self.clear + self.sealed + self.body

    @classmethod
    def decode(cls, data):
        if data[:1] and data[0] != VERSION:
            raise Other('version')
        read = Reader(data)
        read.take(1)
        if read.number(1):
            raise Refused('flags')
        size = read.number(2)
        if not 4 <= size <= HEADER_MOST:
            raise Refused('header')
        made = cls(read.number(4), read.number(8), read.number(4), read.take(size + TAG),
                   read.data)
        if len(made.body) > BODY_MOST:
            raise Refused('body')
        return made


def clear_part(size, epoch, leg, sequence):
    return u8(VERSION) + u8(0) + u16(size) + u32(epoch) + u64(leg) + u32(sequence)


# --- 3. Envelope ---

def next_key(key):
    return kdf(key, b'skex epoch', b'', 32)


def nonce_of(sequence):
    return bytes(8) + u32(sequence)


def seal(suite, key, epoch, leg, sequence, header, body=b''):
    """A packet, as bytes."""
    clear = clear_part(len(header), epoch, leg, sequence)
    return clear + SUITES[suite](key).encrypt(nonce_of(sequence), header, clear) + body


def unseal(suite, key, packet):
    try:
        return SUITES[suite](key).decrypt(nonce_of(packet.sequence), packet.sealed, packet.clear)
    except InvalidTag:
        raise Forged('envelope') from None


class Sealer:
    """The sending end. The caller makes epoch and key durable before a packet leaves in them."""

    def __init__(self, suite, leg, epoch, key):
        self.suite, self.leg = suite, leg
        self.epoch, self.key, self.sequence = epoch, key, 0

    def step(self):
        if self.epoch + 1 == EPOCHS_MOST:
            raise Refused('the leg has to be enrolled again')
        self.epoch, self.key, self.sequence = self.epoch + 1, next_key(self.key), 0

    @property
    def full(self):
        return self.sequence == PACKETS_MOST

    def seal(self, header, body=b''):
        if self.full:
            raise Refused('the epoch is used up')
        self.sequence += 1
        return seal(self.suite, self.key, self.epoch, self.leg, self.sequence - 1, header, body)


class Window:
    """What was there of one epoch."""

    def __init__(self):
        self.next, self.seen = 0, set()

    def check(self, sequence):
        if sequence in self.seen or self.next and sequence < self.next - 1 - WINDOW:
            raise Replay('sequence')

    def enter(self, sequence):
        self.next = max(self.next, sequence + 1)
        self.seen = {s for s in self.seen | {sequence} if s >= self.next - 1 - WINDOW}


class Opener:
    """The receiving end."""

    def __init__(self, suite, leg, epoch, key, clock=time.monotonic):
        self.suite, self.leg, self.clock = suite, leg, clock
        self.epoch, self.key, self.window = epoch, key, Window()
        self.previous = None   # epoch, key, window, when it was left

    def open(self, packet):
        """The header. Nothing changes unless the tag is right."""
        if packet.leg != self.leg:
            raise Refused('leg')
        if packet.sequence >= PACKETS_MOST:
            raise Forged('sequence')
        if self.previous and self.clock() - self.previous[3] > PREVIOUS:
            self.previous = None
        if packet.epoch < self.epoch:
            if not self.previous or packet.epoch != self.previous[0]:
                raise Replay('epoch')
            _, key, window, _ = self.previous
        elif packet.epoch > self.epoch + SKIP_MOST:
            raise Forged('epoch')
        else:
            key, window = self.key, self.window
            for _ in range(self.epoch, packet.epoch):
                key, window = next_key(key), Window()
        window.check(packet.sequence)
        header = unseal(self.suite, key, packet)
        if packet.epoch > self.epoch:
            self.previous = self.epoch, self.key, self.window, self.clock()
            self.epoch, self.key, self.window = packet.epoch, key, window
        window.enter(packet.sequence)
        return header
