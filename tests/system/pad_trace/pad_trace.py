#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves from the records of pad_trace.c that no pad byte ever carried two different messages.

usage: pad_trace.py FILE...
"""

import collections
import struct
import sys

RECORD = struct.Struct('>QQBBIQQ32s')
TYPES = {16: 'SHARE', 17: 'CONFIRM', 18: 'ACK', 19: 'NOTE'}

Range = collections.namedtuple('Range', 'leg pad direction type generation offset size digest')


class Trace:
    """What was sent, over all lives of all processes that wrote these files."""

    def __init__(self, *paths):
        self.ranges = []
        self.faults = []
        for path in paths:
            self.read(path)

    def read(self, path):
        with open(path, 'rb') as f:
            data = f.read()
        if len(data) % RECORD.size:
            self.faults.append('%s: ends in the middle of a record' % path)
            data = data[:len(data) // RECORD.size * RECORD.size]
        self.ranges += [Range(*fields) for fields in RECORD.iter_unpack(data)]

    @staticmethod
    def text(r):
        return 'leg %016x pad %016x %s generation %d: %s at %d, %d bytes, digest %s' % (
            r.leg, r.pad, ['to hub', 'to agent'][r.direction], r.generation,
            TYPES.get(r.type, r.type), r.offset, r.size, r.digest.hex()[:16])

    def check(self):
        """The faults: ranges with two messages, and ranges that overlap."""
        pads = collections.defaultdict(set)
        for r in self.ranges:
            pads[(r.leg, r.direction, r.generation)].add(r)
        for ranges in pads.values():
            furthest = None
            for r in sorted(ranges, key=lambda r: (r.offset, r.size)):
                if r.size < 32 or r.size % 16 or r.offset % 16:
                    self.faults.append('no range: %s' % self.text(r))
                if furthest is not None and r.offset < furthest.offset + furthest.size:
                    self.faults.append('pad used twice:\n  %s\n  %s' % (
                        self.text(furthest), self.text(r)))
                if furthest is None or r.offset + r.size > furthest.offset + furthest.size:
                    furthest = r
        return self.faults

    def summary(self):
        distinct = set(self.ranges)
        return '%d transmissions, %d messages, %d again, %d pads' % (
            len(self.ranges), len(distinct), len(self.ranges) - len(distinct),
            len({(r.leg, r.direction, r.generation) for r in distinct}))


def main():
    trace = Trace(*sys.argv[1:])
    faults = trace.check()
    print('\n'.join(faults + [trace.summary()]))
    sys.exit(1 if faults or not trace.ranges else 0)


if __name__ == '__main__':
    main()
