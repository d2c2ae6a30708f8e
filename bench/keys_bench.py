#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Confirmed 256-bit keys per second, end to end: five hubs, threshold three, two agents, all of
them processes of their own with durable state, over loopback.

A pool of a new purpose is filled towards a far high water mark, and nobody takes from it. Counted
are keys in blocks that are confirmed and committed in the pools of both agents.
"""

import time

from lab import Lab, result

WINDOWS = 3
WINDOW_S = 2.0
PURPOSES = 4        # one pool each, of at most so many keys:
HIGH_KEYS = 1000000
QUIET_KEYS = 20000
QUIET_RUNS = 3


def confirmed(lab):
    """Blocks confirmed at both ends."""
    return min(lab.status(agent)['counters']['blocks_confirmed'] for agent in (0, 1))


def ask(lab, purpose):
    return lab.api(0).ask(op='get', peer='agent2', purpose=purpose, wait_ms=20000)


def pad_left(lab):
    """The part that is left of the pad that is used up most."""
    return min(leg['send_left_bytes'] / leg['send_size_bytes'] for leg in lab.status(0)['legs'])


def rates(lab, keys_per_block):
    """Keys per second in some windows, while the pools are being filled."""
    most = 0.9 * PURPOSES * HIGH_KEYS / keys_per_block
    for i in range(PURPOSES):
        ask(lab, 'app:bench%d' % i)
    samples = [(time.monotonic(), confirmed(lab))]
    end = samples[0][0] + WINDOWS * WINDOW_S
    while samples[-1][0] < end and samples[-1][1] < most and pad_left(lab) > 0.1:
        time.sleep(0.05)
        samples.append((time.monotonic(), confirmed(lab)))
    found = []
    for i in range(WINDOWS):
        (began, before), (ended, after) = (samples[(len(samples) - 1) * j // WINDOWS]
                                           for j in (i, i + 1))
        found.append((after - before) * keys_per_block / (ended - began))
    return found


def settled(lab):
    """Blocks confirmed at both ends once nothing is under way any more."""
    before, after = -1, confirmed(lab)
    while after != before:
        time.sleep(1)
        before, after = after, confirmed(lab)
    return after


def pad_used(lab):
    """Bytes, by all legs of both agents, in both directions."""
    legs = [leg for agent in (0, 1) for leg in lab.status(agent)['legs']]
    return sum(leg['send_size_bytes'] - leg['send_left_bytes'] + leg['receive_size_bytes'] -
               leg['receive_left_bytes'] for leg in legs), len(legs)


def pad_per_key(lab, purpose, keys_per_block):
    """Pad that a leg uses for a key, in both directions together, acknowledgements included."""
    blocks, (pad, legs) = settled(lab), pad_used(lab)
    ask(lab, purpose)
    blocks, (after, _) = settled(lab) - blocks, pad_used(lab)
    return (after - pad) / legs / (blocks * keys_per_block)


def series(name, block, keys_per_block, blocks, must):
    pool = 'block = "%s"; blocks = %d; low = %d; high = %d; reserve = 0;'
    with Lab('96MiB') as lab:
        lab.configure(pool % (block, blocks, HIGH_KEYS // 2, HIGH_KEYS))
        found = rates(lab, keys_per_block)
    result('keys/%s' % name, found, 'keys/s', must=must)
    with Lab('16MiB') as lab:
        lab.configure(pool % (block, blocks, QUIET_KEYS, QUIET_KEYS))
        result('keys/%s/pad' % name, [pad_per_key(lab, 'app:quiet%d' % i, keys_per_block)
                                      for i in range(QUIET_RUNS)], 'B/key/leg')


series('one-key blocks', '32 B', 1, 256, 2000)
series('64 KiB blocks', '64 KiB', 2048, 1, 100000)
