# SPDX-License-Identifier: Apache-2.0
"""Secrets that people carry as one line: PREFIX, then base32 of the bytes and their CRC-32.

Out of docs/spec/pairwise.md, section 3.1, and docs/spec/join.md, section 2, alone.
"""

import base64

PAIR, JOIN = b'SKEX-PAIR-1:', b'SKEX-JOIN-1:'


def crc32(data):
    """Most significant bit first, begun with ones, inverted at the end."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04c11db7 if crc >> 31 else 0)) & 0xffffffff
    return crc ^ 0xffffffff


def line_of(prefix, data):
    check = crc32(prefix + data).to_bytes(4, 'big')
    return (prefix + base64.b32encode(data + check).rstrip(b'=')).decode()


def bytes_of(prefix, line):
    """The bytes of a line; ValueError when it is not the one that line_of gives."""
    text = line.strip().encode()
    if not text.startswith(prefix):
        raise ValueError('another prefix')
    letters = text[len(prefix):]
    data = base64.b32decode(letters + b'=' * (-len(letters) % 8))[:-4]
    if line_of(prefix, data).encode() != text:
        raise ValueError('miscopied')
    return data
