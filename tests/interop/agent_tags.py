# SPDX-License-Identifier: Apache-2.0
"""distributed.md, section 5: one-time authentication; and the POLYVAL of RFC 8452 under it."""

import hmac
from dataclasses import dataclass

from agent_packet import VERSION, Forged, Position, xor, u8, u64

MODULUS = 1 << 128 | 1 << 127 | 1 << 126 | 1 << 121 | 1
KEY = 32    # bytes of pad
PREFIX = 32  # bytes of a header, of which the last 16 are the tag


def dot(a, b):
    """a * b * x^-128: for each bit of b, from the lowest, add a and divide by x."""
    made = 0
    for i in range(128):
        if b >> i & 1:
            made ^= a
        if made & 1:
            made ^= MODULUS
        made >>= 1
    return made


def polyval(key, data):
    """RFC 8452, section 3; data are whole blocks."""
    point, made = int.from_bytes(key, 'little'), 0
    for at in range(0, len(data), 16):
        made = dot(made ^ int.from_bytes(data[at:at + 16], 'little'), point)
    return made.to_bytes(16, 'little')


def pad16(data):
    return data + bytes(-len(data) % 16)


def lengths(associated, text):
    """In bits, as in RFC 8452."""
    return b''.join((8 * size).to_bytes(8, 'little') for size in (associated, text))


def one_time_tag(key, associated, text):
    c, d = key[:16], key[16:]
    return xor(d, polyval(c, pad16(associated) + pad16(text)
                          + lengths(len(associated), len(text))))


@dataclass(frozen=True)
class Scope:
    """Where messages of one direction of a leg belong."""

    direction: int
    pad: int
    leg: int
    hub: bytes

    def associated(self, kind, at, fields):
        return (u8(VERSION) + u8(kind) + u8(self.direction) + u8(0) + at.encode() + u64(self.pad)
                + u64(self.leg) + self.hub + fields)

    def header(self, kind, at, key, fields, body=b''):
        """A whole header: the prefix (4.4) and the fields."""
        tag = one_time_tag(key, self.associated(kind, at, fields), body)
        return u8(kind) + u8(self.direction) + bytes(2) + at.encode() + tag + fields

    def verify(self, header, body, key):
        """Forged unless the one-time tag of a header is right."""
        at = Position(int.from_bytes(header[4:8], 'big'), int.from_bytes(header[8:16], 'big'))
        tag = one_time_tag(key, self.associated(header[0], at, header[PREFIX:]), body)
        if header[1] != self.direction or not hmac.compare_digest(tag, header[16:PREFIX]):
            raise Forged('one-time tag')
