# SPDX-License-Identifier: Apache-2.0
"""distributed.md, section 4: the messages, as classes that encode themselves and read strictly."""

from dataclasses import dataclass, field, replace

from agent_packet import (
    BODY_MOST, Position, Reader, Refused, lp8, name, name_of, u8, u16, u32, u64)
from agent_tags import PREFIX

HELLO, PING, BYE, SHARE, CONFIRM, ACK, NOTE = 1, 2, 3, 16, 17, 18, 19
TO_HUB, TO_AGENT = 0, 1
CLOSING, ROLLBACK, BANNED, PAUSED, REPLACED = 1, 2, 3, 4, 5                      # BYE
(REFUSED, UNKNOWN, QUOTA, EXHAUSTED, DUPLICATE, EXPIRED, BANNED_THERE, SYNTAX,
 DECLINED) = range(1, 10)                                                       # ACK
COMPUTATIONAL, ITS = 1, 2
COUNTERS = 1 << 42
BLOCKS_MOST = 256
EXTRA = 112     # bytes of a vector besides the secret
TAG_KEY = 32    # bytes of pad
BY_RESPONDER, BY_INITIATOR = 1, 2


def require(true, what):
    if not true:
        raise Refused(what)


# --- 4.1 to 4.3: without pad ---

@dataclass
class Hello:
    """Opens a connection."""

    direction: int
    stage: int
    nonce: bytes
    echo: bytes
    sent: Position
    received: Position
    wall_ms: int = 0
    highest_version: int = 1

    def encode(self):
        return (bytes([HELLO, self.direction, self.stage, self.highest_version]) + self.nonce
                + self.echo + self.sent.encode() + self.received.encode() + u64(self.wall_ms))

    @classmethod
    def read(cls, read, direction):
        stage, version = read.number(1), read.number(1)
        made = cls(direction, stage, read.take(16), read.take(16), Position.read(read),
                   Position.read(read), read.number(8), version)
        require(stage in (1, 2, 3) and direction == (stage == 2), 'stage')
        require(version >= 1, 'version')
        require(any(made.nonce), 'nonce')
        require(any(made.echo) == (stage != 1), 'echo')
        return made


@dataclass
class Ping:
    """Keeps a connection alive and tells the received mark."""

    direction: int
    answer_wanted: int
    received: Position

    def encode(self):
        return bytes([PING, self.direction, self.answer_wanted, 0]) + self.received.encode()

    @classmethod
    def read(cls, read, direction):
        wanted, reserved = read.number(1), read.number(1)
        require(wanted <= 1 and reserved == 0, 'ping')
        return cls(direction, wanted, Position.read(read))


@dataclass
class Bye:
    """Says why a leg is not served."""

    direction: int
    reason: int

    def encode(self):
        return bytes([BYE, self.direction]) + u16(self.reason)

    @classmethod
    def read(cls, read, direction):
        made = cls(direction, read.number(2))
        require(1 <= made.reason <= 5, 'reason')
        return made


# --- 4.5: C ---

def purpose_of(data):
    require(1 <= len(data) <= 191, 'purpose')
    require(all(33 <= c <= 126 and c not in b'"\\' for c in data), 'purpose')
    return data.decode()


@dataclass(frozen=True)
class Common:
    """What the initiator says of a batch."""

    initiator: str
    responder: str
    instance: int
    counter: int
    profile: bytes
    n: int
    k: int
    secret_size: int
    klass: int
    purpose: str
    lifetime_s: int

    def encode(self):
        return (u8(1) + name(self.initiator) + name(self.responder) + u32(self.instance)
                + u64(self.counter) + self.profile + u8(self.n) + u8(self.k)
                + u32(self.secret_size) + u8(self.klass) + u8(0) + lp8(self.purpose.encode())
                + u32(self.lifetime_s))

    @classmethod
    def read(cls, read):
        require(read.number(1) == 1, 'version of C')
        head = (name_of(read.lp8()), name_of(read.lp8()), read.number(4), read.number(8),
                read.take(16), read.number(1), read.number(1), read.number(4), read.number(1))
        require(read.number(1) == 0, 'purpose form')
        made = cls(*head, purpose_of(read.lp8()), read.number(4))
        require(made.initiator != made.responder, 'names')
        require(made.counter < COUNTERS, 'counter')
        require(2 <= made.k <= made.n <= 16, 'n and k')
        require(made.secret_size % 16 == 0 and 16 <= made.secret_size <= 65536, 'secret size')
        require(made.klass in (1, 2), 'class')
        require(1 <= made.lifetime_s < 1 << 31, 'lifetime')
        return made

    def of_block(self, i):
        """C with the counter of one block of the batch."""
        return replace(self, counter=self.counter + i)


# --- 4.6 to 4.9: with pad ---

def tags_of(read, count):
    require(1 <= count <= BLOCKS_MOST, 'number of blocks')
    return [read.take(16) for _ in range(count)]


@dataclass
class Share:
    """One batch, as one hub sees it; the body is apart."""

    common: Common
    tags: list      # the secret tag o of each block
    stamp_ms: int = 0

    def identity(self):
        return self.common.encode() + u16(len(self.tags)) + b''.join(self.tags)

    def encode(self):
        return self.identity() + u64(self.stamp_ms)

    @property
    def body_size(self):
        return len(self.tags) * (EXTRA + self.common.secret_size)

    @classmethod
    def read(cls, read, direction, body_size):
        common, count = Common.read(read), read.number(2)
        made = cls(common, tags_of(read, count), read.number(8))
        require(common.counter + count <= COUNTERS, 'counter')
        require(made.body_size <= BODY_MOST, 'size of the batch')
        require(body_size == made.body_size or direction == TO_HUB and not body_size, 'body')
        require(direction == TO_AGENT or not made.stamp_ms, 'stamp')
        return made


@dataclass
class Confirm:
    """The end-to-end confirmation of a batch."""

    which: int
    initiator: str
    responder: str
    instance: int
    counter: int
    klass: int
    tags: list      # the confirmation of each block

    def encode(self):
        return (u8(self.which) + name(self.initiator) + name(self.responder) + u32(self.instance)
                + u64(self.counter) + u8(self.klass) + u16(len(self.tags)) + b''.join(self.tags))

    @classmethod
    def read(cls, read, _, body_size):
        head = (read.number(1), name_of(read.lp8()), name_of(read.lp8()), read.number(4),
                read.number(8), read.number(1))
        made = cls(*head, tags_of(read, read.number(2)))
        require(made.initiator != made.responder, 'names')
        require(made.klass in {BY_RESPONDER: (1, 2), BY_INITIATOR: (0,)}.get(made.which, ()),
                'which and class')
        require(made.counter + len(made.tags) <= COUNTERS, 'counter')
        require(not body_size, 'body')
        return made


@dataclass
class Ack:
    """What arrived, and what of it is not served: position and status."""

    received: Position
    refused: list = field(default_factory=list)

    def encode(self):
        return self.received.encode() + u16(len(self.refused)) + b''.join(
            at.encode() + u16(status) for at, status in self.refused)

    @classmethod
    def read(cls, read, _, body_size):
        received, count = Position.read(read), read.number(2)
        require(count <= 256, 'count')
        made = cls(received, [(Position.read(read), read.number(2)) for _ in range(count)])
        require(all(at < received and 1 <= status <= DECLINED for at, status in made.refused),
                'refusals')
        require(not body_size, 'body')
        return made


@dataclass
class Note:
    """A sealed note."""

    sender: str
    recipient: str
    key_id: bytes
    note_id: bytes
    sealed: bytes

    def associated(self):
        return name(self.sender) + name(self.recipient) + self.key_id + self.note_id

    def encode(self):
        return self.associated() + u16(len(self.sealed)) + self.sealed

    @classmethod
    def read(cls, read, _, body_size):
        made = cls(name_of(read.lp8()), name_of(read.lp8()), read.take(16), read.take(16),
                   read.take(read.number(2)))
        require(made.sender != made.recipient, 'names')
        require(17 <= len(made.sealed) <= 272, 'size')
        require(not body_size, 'body')
        return made


KINDS = {Share: SHARE, Confirm: CONFIRM, Ack: ACK, Note: NOTE}
PLAIN = {HELLO: Hello, PING: Ping, BYE: Bye}
PADDED = {kind: cls for cls, kind in KINDS.items()}


def pad_size(message):
    """How much pad a message takes (6.1)."""
    return TAG_KEY + (message.body_size if isinstance(message, Share) else 0)


def direction_of(header):
    require(len(header) >= 2 and header[1] in (TO_HUB, TO_AGENT), 'direction')
    return header[1]


def decode(header, body_size):
    """A message, and where in the pad it lies: None for those without pad (4.4)."""
    direction, read = direction_of(header), Reader(header)
    kind = read.number(1)
    read.take(1)
    if kind in PLAIN:
        require(not body_size, 'a body without one-time tag')
        made, at = PLAIN[kind].read(read, direction), None
    else:
        require(kind in PADDED, 'type')
        require(read.number(2) == 0, 'reserved')
        at = Position.read(read)
        read.take(PREFIX - 16)
        made = PADDED[kind].read(read, direction, body_size)
    read.end()
    return made, at
