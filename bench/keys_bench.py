#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Established secret end to end, by block size: five hubs, threshold three, two agents, all of them
processes of their own with durable state, over loopback.  And by the number of hubs.

Pools of new purposes are filled towards a far high water mark, and nobody takes from them. Counted
are blocks that are confirmed and committed in the pools of both agents; beside them how often the
agents and the hubs waited for the disk, and the processor time that they used.
"""

import time

from lab import Lab, processor_s, result

WINDOWS = 3
WINDOW_S = 2.0
PURPOSES = 4        # one pool each, of at most so many keys:
HIGH_KEYS = 1000000
QUIET_KEYS = 20000
QUIET_RUNS = 3
POOL = 'block = "%s"; blocks = %d; low = %d; high = %d; reserve = 0;'
KEY_BYTES = 32

# Name, setting, keys in a block, blocks in a batch, pad of a leg, and the keys and Gbit/s that have
# to be reached.
SIZES = [
    ('one-key blocks', '32 B', 1, 256, '48MiB', 10000, None),
    ('256 B blocks', '256 B', 8, 128, '64MiB', None, None),
    ('1 KiB blocks', '1 KiB', 32, 64, '64MiB', None, None),
    ('4 KiB blocks', '4 KiB', 128, 16, '64MiB', None, None),
    ('16 KiB blocks', '16 KiB', 512, 4, '96MiB', None, None),
    ('64 KiB blocks', '64 KiB', 2048, 1, '96MiB', None, 0.4),
]
# Hubs and threshold, with blocks of 4 KiB.
HUBS = [(2, 2), (3, 2), (5, 3), (7, 4)]


def confirmed(lab):
    """Blocks confirmed at both ends."""
    return min(lab.status(agent)['counters']['blocks_confirmed'] for agent in (0, 1))


def ask(lab, purpose):
    return lab.api(0).ask(op='get', peer='agent2', purpose=purpose, wait_ms=20000)


def pad_left(lab):
    """The part that is left of the pad that is used up most."""
    return min(leg['send_left_bytes'] / leg['send_size_bytes'] for leg in lab.status(0)['legs'])


def sample(lab):
    """Time, blocks, flushes and processor time of agents, and of hubs."""
    agents, hubs = lab.pids('agents'), lab.pids('hubs')
    return (time.monotonic(), confirmed(lab), lab.flushed(agents), lab.flushed(hubs),
            processor_s(agents), processor_s(hubs))


def windows(lab, keys_per_block):
    """Differences of the samples of some windows, while the pools are being filled."""
    most = 0.9 * PURPOSES * HIGH_KEYS / keys_per_block
    for i in range(PURPOSES):
        ask(lab, 'app:bench%d' % i)
    samples = [sample(lab)]
    end = samples[0][0] + WINDOWS * WINDOW_S
    while samples[-1][0] < end and samples[-1][1] < most and pad_left(lab) > 0.1:
        time.sleep(0.05)
        samples.append(sample(lab))
    picked = [samples[(len(samples) - 1) * i // WINDOWS] for i in range(WINDOWS + 1)]
    return [[b - a for a, b in zip(*pair)] for pair in zip(picked, picked[1:])]


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


def rates(name, lab, keys, must_keys=None, must_gbit=None):
    """Of a lab that is configured: what its blocks of so many keys cost."""
    found = [one for one in windows(lab, keys) if one[1] > 0]
    if not found:
        raise SystemExit('%s: no block was confirmed' % name)
    per_s = [one[1] * keys / one[0] for one in found]
    result('keys/%s' % name, per_s, 'keys/s', must=must_keys)
    result('keys/%s, secret' % name, [rate * KEY_BYTES * 8 / 1e9 for rate in per_s], 'Gbit/s',
           must=must_gbit)
    result('keys/%s, keys for a flush of an agent' % name,
           [2 * one[1] * keys / max(one[2], 1) for one in found], 'keys')
    result('keys/%s, keys for a flush of a hub' % name,
           [lab.hubs * one[1] * keys / max(one[3], 1) for one in found], 'keys')
    # Of which the keys of one agent are half, and both have to do with each.
    for at, kind in ((4, 'agents'), (5, 'hubs')):
        result('keys/%s, processor time of the %s' % (name, kind),
               [one[at] * 1e9 / (one[1] * keys * KEY_BYTES) for one in found], 'ns/B')


def main():
    for name, block, keys, blocks, pad, must_keys, must_gbit in SIZES:
        with Lab(pad, flushes=True) as lab:
            lab.configure(POOL % (block, blocks, HIGH_KEYS // 2, HIGH_KEYS))
            rates(name, lab, keys, must_keys, must_gbit)
    for name, block, keys, blocks in (SIZES[0][:4], SIZES[-1][:4]):
        with Lab('16MiB') as lab:
            lab.configure(POOL % (block, blocks, QUIET_KEYS, QUIET_KEYS))
            result('keys/%s/pad' % name, [pad_per_key(lab, 'app:quiet%d' % i, keys)
                                          for i in range(QUIET_RUNS)], 'B/key/leg')
    for hubs, threshold in HUBS:
        with Lab('48MiB', hubs=hubs, threshold=threshold, flushes=True) as lab:
            lab.configure(POOL % ('4 KiB', 16, HIGH_KEYS // 2, HIGH_KEYS))
            rates('%d hubs, threshold %d' % (hubs, threshold), lab, 128)


main()
