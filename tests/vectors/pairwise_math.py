# SPDX-License-Identifier: Apache-2.0
"""The key schedule, tree and messages of the pairwise mode, independently of the C code.

Only what docs/spec/pairwise.md says, with hashlib and hmac of Python.
"""

import collections
import copy
import hashlib
import hmac
import struct

M1, M2, M3, M4, R1, R2 = 1, 2, 3, 4, 5, 6
K1, K2, K3, K4, P1 = 9, 10, 11, 12, 13
PAD, ACKREQ, ONEPASS = 1, 2, 4
NONCE = TAG = 16

NAMES = {M1: 'M1', M2: 'M2', M3: 'M3', M4: 'M4', R1: 'R1', R2: 'R2',
         K1: 'K1', K2: 'K2', K3: 'K3', K4: 'K4', P1: 'P1'}
ALLOWED = {M1: PAD, M2: PAD, M3: PAD | ACKREQ, M4: PAD, R1: 0, R2: 0,
           K1: PAD, K2: PAD, K3: PAD | ACKREQ, K4: PAD, P1: PAD | ONEPASS}
WITHOUT_NONCE = (M3, M4, K3, K4)


class Refused(Exception):
    """What is not expected, not authentic or malformed."""


def u8(value):
    return struct.pack('>B', value)


def u16(value):
    return struct.pack('>H', value)


def u32(value):
    return struct.pack('>I', value)


def u64(value):
    return struct.pack('>Q', value)


def lp(text):
    return u16(len(text)) + text


def lp8(text):
    return u8(len(text)) + text


def H(*parts):
    return hashlib.sha256(b''.join(parts)).digest()


def prf(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def kdf(key, label, context=b'', size=32):
    """HKDF-Expand of RFC 5869."""
    info = u8(len(label)) + label + u16(len(context)) + context + u16(size)
    out, block, counter = b'', b'', 0
    while len(out) < size:
        counter += 1
        block = prf(key, block + info + u8(counter))
        out += block
    return out[:size]


def mac(key, label, *parts):
    return prf(key, u8(len(label)) + label + b''.join(parts))


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


# --- the credential and the tree ---

class Association:
    """What both ends derive from the credential; generation 0 unless a secret is given."""

    def __init__(self, psk, id0, id1, suites=b'\x01', d=0, purpose=b'', generation=0, secret=None):
        self.d = d
        self.ac = H(b'SKEX-U/1 assoc', lp(id0), lp(id1), lp(suites), u8(d), lp(purpose))
        self.gs = secret or kdf(prf(self.ac, psk), b'gen', u32(generation))
        self.fp = kdf(self.gs, b'fp', b'', 8)

    def chain(self, r, lane=0):
        return kdf(self.gs, b'c0', u8(r) + u8(lane))

    def recovery(self, lane=0):
        return kdf(self.gs, b'rec', u8(lane) if lane else b'')

    def leaf(self, r, lane, i):
        key = self.chain(r, lane)
        for _ in range(i >> self.d):
            key = kdf(key, b'ck')
        node = kdf(key, b'rt')
        for bit in reversed(range(self.d)):
            node = kdf(node, b'n\x01' if i >> bit & 1 else b'n\x00')
        return node


class Tree:
    """What an end holds of the indices of one direction: nothing below a floor, or punctured."""

    def __init__(self, chain, d):
        self.d, self.chain, self.epoch = d, chain, 0
        self.nodes = {}  # (first index, height): key

    def _reach(self, epoch, floor=0):
        """Makes roots of the epochs up to this one, those below the floor left out."""
        while self.epoch <= epoch:
            if self.epoch + 1 << self.d > floor:
                self.nodes[self.epoch << self.d, self.d] = kdf(self.chain, b'rt')
            self.chain, self.epoch = kdf(self.chain, b'ck'), self.epoch + 1

    def _split(self, start, height):
        """The halves of a node in its place."""
        key = self.nodes.pop((start, height))
        half = 1 << height - 1
        self.nodes[start, height - 1] = kdf(key, b'n\x00')
        self.nodes[start + half, height - 1] = kdf(key, b'n\x01')

    def _node_of(self, i):
        return next((node for node in self.nodes if node[0] <= i < node[0] + (1 << node[1])), None)

    def holds(self, i):
        return i >> self.d >= self.epoch or self._node_of(i) is not None

    def leaf(self, i):
        """Computed beside what is held; only of an index that it holds."""
        beside = copy.deepcopy(self)
        beside._reach(i >> self.d, i)
        while (i, 0) not in beside.nodes:
            beside._split(*beside._node_of(i))
        return beside.nodes[i, 0]

    def puncture(self, i):
        self._reach(i >> self.d)
        while (i, 0) not in self.nodes:
            self._split(*self._node_of(i))
        del self.nodes[i, 0]

    def forget_below(self, floor):
        """Everything below an index is dropped."""
        inside = floor & (1 << self.d) - 1  # then the floor cuts an epoch
        self._reach((floor >> self.d) - (not inside), floor)
        while cut := next((n for n in self.nodes if n[0] < floor), None):
            if cut[0] + (1 << cut[1]) <= floor:
                del self.nodes[cut]
            else:
                self._split(*cut)


# --- messages as they stand on the wire ---

Message = collections.namedtuple('Message', 'kind flags id nonce ct tag')


def split(data):
    """A message of the form that section 6 prescribes, or Refused."""
    if data and data[0] >> 4 != 1:
        raise Refused('version')
    if data and data[0] & 15 not in ALLOWED:
        raise Refused('type')
    if len(data) < 12:
        raise Refused('size')
    kind, flags, size = data[0] & 15, data[1], data[2] << 8 | data[3]
    if flags & ~ALLOWED[kind] or kind == P1 and not flags & ONEPASS:
        raise Refused('flags')
    at = 12 if kind in WITHOUT_NONCE else 12 + NONCE
    if size > 1024 or kind in (R1, R2) and size != 8 or len(data) != at + size + TAG:
        raise Refused('size')
    return Message(kind, flags, data[4:12], data[12:at], data[at:at + size], data[at + size:])


# --- one run ---

def pseudonyms(leaf):
    ids = kdf(leaf, b'id')
    return [ids[at:at + 8] for at in range(0, 32, 8)]


def hedged(leaf, label, random):
    return mac(leaf, label, random)[:16]


def header(kind, flags, size):
    return u8(0x10 | kind) + u8(flags) + u16(size)


def sealed(key, label, context, plain):
    return xor(plain, kdf(key, label, context, len(plain))) if plain else b''


class Run:
    """The messages of one run from a leaf on; first is M1, K1 or P1."""

    def __init__(self, ac, leaf, r, i, first=M1):
        self.ac, self.leaf, self.where = ac, leaf, u8(r) + u64(i)
        self.first = first
        self.ids = pseudonyms(leaf)

    def one(self, nonce, plain=b'', flags=0):
        if self.first == P1:
            flags |= ONEPASS
        body = header(self.first, flags, len(plain)) + self.ids[0] + nonce
        body += sealed(self.leaf, b's1', nonce, plain)
        message = body + mac(self.leaf, b't1', self.ac, self.where, body)[:TAG]
        self.th1 = H(b'SKEX-U/1 th1', self.ac, self.where, message)
        if self.first == P1:
            self.hs = kdf(self.leaf, b'h1', self.th1)
            self.finish(self.th1)
        return message

    def two(self, nonce, plain=b'', flags=0):
        self.hs = kdf(self.leaf, b'hs', self.th1 + nonce)
        body = header(self.first + 1, flags, len(plain)) + self.ids[1] + nonce
        body += sealed(self.hs, b's2', b'', plain)
        message = body + mac(self.hs, b't2', self.th1, body)[:TAG]
        self.th2 = H(b'SKEX-U/1 th2', self.th1, message)
        self.finish(self.th2)
        return message

    def three(self, plain=b'', flags=ACKREQ):
        body = header(self.first + 2, flags, len(plain)) + self.ids[2]
        body += sealed(self.hs, b's3', b'', plain)
        message = body + mac(self.hs, b't3', self.th2, body)[:TAG]
        self.th3 = H(b'SKEX-U/1 th3', self.th2, message)
        return message

    def four(self, plain=b'', flags=0):
        body = header(self.first + 3, flags, len(plain)) + self.ids[3]
        body += sealed(self.hs, b's4', b'', plain)
        return body + mac(self.hs, b't4', self.th3, body)[:TAG]

    def read(self, data):
        """What a message of this run has sealed; the run goes on as at the one who wrote it.

        Each part but the tag is taken out, and the whole written again: it is authentic if that
        gives the same bytes. What is not changes nothing.
        """
        m = split(data)
        trial, step = copy.copy(self), m.kind - self.first
        if step == 0:
            plain = sealed(self.leaf, b's1', m.nonce, m.ct)
            again = trial.one(m.nonce, plain, m.flags)
        elif step == 1:
            plain = sealed(kdf(self.leaf, b'hs', self.th1 + m.nonce), b's2', b'', m.ct)
            again = trial.two(m.nonce, plain, m.flags)
        elif step == 2:
            plain = sealed(self.hs, b's3', b'', m.ct)
            again = trial.three(plain, m.flags)
        elif step == 3:
            plain = sealed(self.hs, b's4', b'', m.ct)
            again = trial.four(plain, m.flags)
        else:
            raise Refused('of another kind of run')
        if not hmac.compare_digest(again, data):
            raise Refused('not authentic')
        self.__dict__.update(trial.__dict__)
        return plain

    def finish(self, transcript):
        self.ms = kdf(self.hs, b'ms', transcript)
        self.exp = kdf(self.ms, b'exp')
        self.rs = kdf(self.ms, b'rs')
        self.sid = kdf(self.ms, b'sid', b'', 8)

    def reseed(self, attempt):
        return kdf(self.ms, b'reseed', u32(attempt) + self.th2)


def rekey_leaf(rs, requester, attempt):
    return kdf(rs, b'rk', u8(requester) + u32(attempt))


def export(exp, label, context, size):
    return kdf(exp, b'x:' + label, context, size)


def next_phase(exp):
    return kdf(exp, b'kp')


# --- finding each other again ---

def locator(rec, r, number):
    """One of the 16 by which an R1 is found."""
    return kdf(rec, b'l1', u8(r) + u8(number), 8)


def r1(rec, ac, r, nonce, claim):
    body = header(R1, 0, 8) + locator(rec, r, nonce[0] & 15) + nonce
    body += xor(u64(claim), kdf(rec, b'q1', u8(r) + nonce, 8))
    return body + mac(rec, b'u1', ac, u8(r), body)[:TAG]


def r2(rec, ac, r, request, nonce, target):
    h1 = H(request)
    body = header(R2, 0, 8) + kdf(rec, b'l2', u8(r) + h1, 8) + nonce
    body += xor(u64(target), kdf(rec, b'q2', u8(r) + h1 + nonce, 8))
    return body + mac(rec, b'u2', ac, u8(r), h1, body)[:TAG]


def read_r1(rec, ac, r, data):
    """The claim of an R1."""
    m = split(data)
    claim = int.from_bytes(xor(m.ct, kdf(rec, b'q1', u8(r) + m.nonce, 8)), 'big')
    if not hmac.compare_digest(r1(rec, ac, r, m.nonce, claim), data):
        raise Refused('not authentic')
    return claim


def read_r2(rec, ac, r, request, data):
    """The target of an R2 that answers this R1."""
    m = split(data)
    target = int.from_bytes(xor(m.ct, kdf(rec, b'q2', u8(r) + H(request) + m.nonce, 8)), 'big')
    if not hmac.compare_digest(r2(rec, ac, r, request, m.nonce, target), data):
        raise Refused('not authentic')
    return target


def tlv(kind, value):
    return u8(kind) + u8(len(value)) + value
