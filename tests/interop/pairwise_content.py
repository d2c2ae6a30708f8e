# SPDX-License-Identifier: Apache-2.0
"""What peers of the pairwise mode carry and seal, and the names of the keys.

Made from docs/spec alone: pairwise.md, and distributed.md for the names.
"""

import os.path
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'vectors'))

from pairwise_math import H, lp8  # noqa: E402

ALERT, BLOB, ROLLBACK = 10, 11, 14  # fields
PAYLOAD, NO, PAST = 1, 4, 6  # alerts


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
