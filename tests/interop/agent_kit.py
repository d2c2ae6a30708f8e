# SPDX-License-Identifier: Apache-2.0
"""enrolment.md, sections 1 to 4: the kit; and of distributed.md, section 7, the ratchet."""

import time
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent_packet import Forged, Reader, Refused, SUITES, kdf, name_of, u8, u32, u64
from agent_messages import require

PREAMBLE, CHUNK, TAG = 80, 65536, 16
ENROLMENT, REFILL = 1, 2
TABLE, RATCHET = 1, 2


@dataclass
class Kit:
    """One leg, or one more generation of its pads; pads are (to the hub, to the agent)."""

    kit_id: bytes
    kind: int           # of kit
    suite: int
    pad_kind: int
    klass: int
    leg: int
    hub_id: bytes
    hub: str
    agent: str
    pad_ids: tuple
    generation: int
    pad_sizes: tuple
    source: str
    addresses: list
    limits: tuple
    envelope_keys: tuple
    seed: bytes
    pads: tuple = (b'', b'')


def read_header(read, kit_id):
    """Section 4."""
    version, kind, suite, pad_kind, klass = (read.number(1) for _ in range(5))
    made = Kit(kit_id, kind, suite, pad_kind, klass, read.number(8), read.take(16),
               name_of(read.lp8()), name_of(read.lp8()), (read.number(8), read.number(8)),
               read.number(4), (read.number(8), read.number(8)), read.lp8().decode('ascii'),
               addresses_of(read.take(read.number(2)).decode('ascii')),
               (read.number(8), read.number(8), read.number(4)), (read.take(32), read.take(32)),
               read.take(32))
    read.end()
    require(version == 1, 'version')
    require(kind in (ENROLMENT, REFILL) and suite in SUITES and pad_kind in (TABLE, RATCHET)
            and klass in (1, 2), 'kinds')
    require(made.leg and any(made.hub_id) and all(made.pad_ids)
            and made.pad_ids[0] != made.pad_ids[1], 'ids')
    require((made.generation > 0) == (kind == REFILL), 'generation')
    require(all(size % 16 == 0 and (0 < size <= 1 << 60 if pad_kind == TABLE else not size)
                for size in made.pad_sizes), 'sizes')
    require(any(made.seed) == (pad_kind == RATCHET), 'seed')
    require(kind == ENROLMENT or pad_kind == TABLE and not any(b''.join(made.envelope_keys)),
            'refill')
    require(pad_kind == TABLE or klass == 1, 'class')
    require(1 <= len(made.source) <= 63 and made.source.isprintable(), 'source')
    return made


def addresses_of(text):
    found = [part.split(' ') for part in text.split(',')]
    require(1 <= len(found) <= 16 and all(len(pair) == 2 and pair[0] for pair in found), 'address')
    return [(host, int(port)) for host, port in found]


def read_kit(data, file_key=None):
    """Sections 2 and 3. file_key is what a passphrase gives, None for a bearer kit."""
    preamble, read = data[:PREAMBLE], Reader(data)
    require(read.take(8) == b'SKEX KIT' and read.number(2) == 1, 'no kit of this version')
    flags, derivation = read.number(2), read.number(1)
    lanes, reserved, memory, passes = (read.number(size) for size in (1, 2, 4, 4))
    require(flags <= 1 and derivation == flags and lanes == flags and not reserved, 'preamble')
    require(8 <= memory <= 1 << 20 and 1 <= passes <= 64 if flags else not memory and not passes,
            'costs')
    require(read.number(8) == len(data), 'size')
    key, kit_id = read.take(32), read.take(16)
    require(bool(flags) == (file_key is not None), 'passphrase')
    stream = open_stream(kdf(file_key or key, b'skex kit', preamble, 32), read.data)
    read = Reader(stream)
    made = read_header(Reader(read.take(read.number(4))), kit_id)
    made.pads = tuple(read.take(size) for size in made.pad_sizes)
    read.end()
    return made


def open_stream(key, data):
    """The chunks of section 3, each sealed with its number and whether it is the last."""
    read, number, stream = Reader(data), 0, b''
    while read.data:
        last = len(read.data) <= CHUNK + TAG
        sealed = read.take(len(read.data) if last else CHUNK + TAG)
        nonce = u8(last) + bytes(3) + u64(number)
        try:
            stream += AESGCM(key).decrypt(nonce, sealed, None)
        except InvalidTag:
            raise Forged('chunk') from None
        number += 1
    return stream


# --- distributed.md, 7 ---

SEGMENT = 1024
ACCOUNT, ACCOUNT_GROWS = 1 << 16, 256   # segments, segments a second
ENDLESS = 1 << 62


class Ratchet:
    """One direction and generation of a pad that is computed; it begins at a segment and its K."""

    def __init__(self, key, at=0):
        self.key, self.at = key, at
        self.account, self.counted = ACCOUNT, time.monotonic()

    @classmethod
    def of_seed(cls, seed, leg, direction, generation):
        return cls(kdf(seed, b'pad', u64(leg) + u8(direction) + u32(generation), 32))

    def bytes(self, offset, size):
        """Bytes from the segment that is kept, or later; a copy steps."""
        key, at, made = self.key, self.at, b''
        if offset // SEGMENT < at:
            raise Refused('erased')
        begin = offset // SEGMENT
        while at * SEGMENT < offset + size:
            if at >= begin:
                made += segment(key)
            key, at = kdf(key, b'next', b'', 32), at + 1
        return made[offset - begin * SEGMENT:][:size]

    def may_skip(self, segments):
        """Whether a receiver may compute so far before a one-time tag was right."""
        now = time.monotonic()
        self.account = min(ACCOUNT, self.account + ACCOUNT_GROWS * (now - self.counted))
        self.counted = now
        if segments > self.account:
            return False
        self.account -= segments
        return True

    def step(self, offset):
        """Erases what lies before the segment of this offset."""
        while self.at < offset // SEGMENT:
            self.key, self.at = kdf(self.key, b'next', b'', 32), self.at + 1


def segment(key):
    counter = modes.CTR(bytes(16))
    cipher = Cipher(algorithms.AES(kdf(key, b'out', b'', 32)), counter).encryptor()
    return cipher.update(bytes(SEGMENT)) + cipher.finalize()
