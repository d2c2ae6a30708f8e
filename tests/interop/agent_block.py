# SPDX-License-Identifier: Apache-2.0
"""distributed.md, sections 8.2 and 9: the profile, and what one run establishes."""

import hashlib
import hmac
from itertools import combinations

from agent_messages import EXTRA
from agent_packet import lp8, u8, xor
from agent_tags import lengths, pad16, polyval

U, W = 48, 64                        # bytes of the vector before the secret
SEARCHES = 20000                     # candidates that are looked at for one block


def profile_id(n, k, hubs):
    """Of a list of (hub id, owner), in order (8.2)."""
    text = b'skex profile/1' + u8(n) + u8(k) + b''.join(
        hub_id + lp8(owner.encode()) for hub_id, owner in hubs)
    return hashlib.sha256(text).digest()[:16]


# --- GF(2^8) with 0x11B (9.2) ---

def times(a, b):
    made = 0
    while b:
        if b & 1:
            made ^= a
        a, b = a << 1 ^ (0x11b if a & 0x80 else 0), b >> 1
    return made


TIMES = [bytes(times(a, b) for b in range(256)) for a in range(256)]


def inverse(a):
    return TIMES[a].index(1)


def value_at(x, points):
    """At x, of the one polynomial through points {index: bytes}, for all bytes at once."""
    made = None
    for i, share in points.items():
        factor = 1
        for j in points:
            if j != i:
                factor = times(factor, times(x ^ j, inverse(i ^ j)))
        term = share.translate(TIMES[factor])
        made = term if made is None else xor(made, term)
    return made


def split(k, pads):
    """Of {index: R_i}: V, the shares, and Z, which is empty where the share is the pad."""
    if len(pads) < k:
        raise ValueError('fewer than k legs with pad')
    own = {i: pads[i] for i in sorted(pads)[:k]}
    shares = {i: own[i] if i in own else value_at(i, own) for i in pads}
    return value_at(0, own), shares, {i: b'' if i in own else xor(shares[i], pads[i]) for i in pads}


# --- one block ---

class Vector:
    """u | w | S of one block (9.1)."""

    def __init__(self, data):
        self.data = data
        self.c, self.d, self.e = data[:16], data[16:32], data[32:48]
        self.w, self.secret = data[U:U + W], data[U + W:]

    def secret_tag(self):
        """o (9.3): the blocks of Y in reverse order, then e."""
        y = self.w + self.secret
        blocks = [y[at:at + 16] for at in range(0, len(y), 16)]
        return xor(self.d, polyval(self.c, b''.join(reversed(blocks)) + self.e))

    def confirmations(self, common, tag, klass):
        """CONF_BA and CONF_AB (9.5); C has the counter of this block, klass is the responder's."""
        made = []
        for j in (1, 2):
            text = u8(j) + common.encode() + tag + u8(klass)
            key, mask = self.w[32 * (j - 1):][:16], self.w[32 * (j - 1) + 16:][:16]
            made.append(xor(mask, polyval(key, pad16(text) + lengths(0, len(text)))))
        return made


def vectors(data, count, secret_size):
    """Those of a batch stand one after another (9.1)."""
    size = EXTRA + secret_size
    return [data[i * size:(i + 1) * size] for i in range(count)]


def on_polynomial(points, base):
    """The indices of points that do not lie on the polynomial through base."""
    return {i for i in points if i not in base and value_at(i, base) != points[i]}


def combine(k, points, tag, last=()):
    """Section 9.4, of {index: share} of one block: V and the indices that are inconsistent.

    None when no candidate carries the tag. Hubs in last come late in the search.
    """
    if len(points) < k:
        return None
    order = sorted(points, key=lambda i: (i in last, i))
    tried = set()
    for number, chosen in enumerate(combinations(order, k)):
        if number > SEARCHES:
            return None
        base = {i: points[i] for i in chosen}
        off = frozenset(on_polynomial(points, base))
        if off in tried:          # another k of the same polynomial
            continue
        tried.add(off)
        vector = Vector(value_at(0, base))
        if hmac.compare_digest(vector.secret_tag(), tag):
            return vector, set(off)
    return None
