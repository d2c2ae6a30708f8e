# SPDX-License-Identifier: Apache-2.0
"""The key schedule, tree and messages of the pairwise mode, independently of the C code.

Only what docs/spec/pairwise.md says, with hashlib and hmac of Python.
"""

import hashlib
import hmac
import struct

M1, M2, M3, M4, R1, R2 = 1, 2, 3, 4, 5, 6
K1, K2, K3, K4, P1 = 9, 10, 11, 12, 13
PAD, ACKREQ, ONEPASS = 1, 2, 4
TAG = 16


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

def r1(rec, ac, r, nonce, claim):
    body = header(R1, 0, 8) + kdf(rec, b'l1', u8(r) + u8(nonce[0] & 15), 8) + nonce
    body += xor(u64(claim), kdf(rec, b'q1', u8(r) + nonce, 8))
    return body + mac(rec, b'u1', ac, u8(r), body)[:TAG]


def r2(rec, ac, r, request, nonce, target):
    h1 = H(request)
    body = header(R2, 0, 8) + kdf(rec, b'l2', u8(r) + h1, 8) + nonce
    body += xor(u64(target), kdf(rec, b'q2', u8(r) + h1 + nonce, 8))
    return body + mac(rec, b'u2', ac, u8(r), h1, body)[:TAG]


def tlv(kind, value):
    return u8(kind) + u8(len(value)) + value
