#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hook keys real WireGuard in two network namespaces: the one of examples/.

usage: hooks.py BUILD
"""

import os

from rotation_harness import Ends, enter, main, ok
from wireguard_tunnel import INTERFACES, KERNEL, Tunnel

HOOK = os.path.realpath(os.path.join(
    os.path.dirname(__file__), '..', '..', '..', 'examples', 'hook-wireguard'))


def hook(tunnel, end):
    """The program; one that enters the namespace first where the interface is the kernel's."""
    if not KERNEL:
        return HOOK
    path = os.path.join(tunnel.folder, 'hook%d' % end)
    with open(path, 'w', opener=lambda p, f: os.open(p, f, 0o700), encoding='ascii') as f:
        f.write('#!/bin/sh\nexec %s %s "$@"\n' % (' '.join(enter(end)), HOOK))
    return path


def hooks(tunnel, period_ms, **options):
    arguments = []
    for end in range(2):
        arguments += [hook(tunnel, end), INTERFACES[end], tunnel.public[1 - end], tunnel.folder]
    return Ends('hook', arguments, period_ms, **options)


def under_traffic(tunnel):
    # Such a kernel runs in an emulator, where a hook takes seconds.
    period_ms, packets, least = (15000, 1240, 3) if KERNEL else (6000, 620, 4)
    with hooks(tunnel, period_ms) as ends:
        ok(ends.rotated(1), 'the first key is agreed')
        ok(tunnel.psk(0) == tunnel.psk(1) != '(none)', 'both interfaces have it')
        before, private = tunnel.psk(0), tunnel.private(0)
        ok(tunnel.ping(packets) == 0, 'no packet at 50 ms is lost in half a minute')
        ends.read(0)
        print('# %d rotations' % ends.last[0]['rotations'], *ends.events[0], *ends.events[1],
              sep='\n# ', flush=True)
        ok(ends.last[0]['rotations'] >= least and ends.most_failures == 0,
           'in rotations of which none failed')
        ok(tunnel.psk(0) != before and tunnel.private(0) == private,
           'the keys have changed, and the private key has not')


def hostile_times(tunnel):
    with hooks(tunnel, 3600000, grace_ms=60000) as ends:
        ok(ends.rotated(1) and tunnel.ping(20) == 0, 'a key that stays')
        first = tunnel.psk(0)
        ends.order('wrong')
        ends.order('order')
        ok(ends.until(lambda last: last[0]['failures'] >= 1) and ends.last[0]['rotations'] == 1,
           'another key at each end is never called active')
        ok(ends.rotated(2) and ends.until(lambda _: tunnel.ping(20) == 0) and
           tunnel.psk(0) == tunnel.psk(1) != first, 'and the next round has the same')
        ends.order('cut')
        ends.order('skip 4000000')
        ok(ends.until(lambda last: last[0]['closed'] and last[1]['closed']) and
           ends.until(lambda _: tunnel.ping(10, '0.2') == 10),
           'when its grace is over nothing goes through')
        ends.order('mend')
        ok(ends.until(lambda last: not last[0]['closed'] and not last[1]['closed']) and
           ends.until(lambda _: tunnel.ping(10) == 0), 'until there is a new key')
        # The consumer is away.
        tunnel.stop(1)
        ends.order('order')
        said = 'hook%s ended with status' % ('1' if KERNEL else '-wireguard')
        ok(ends.until(lambda _: any(said in event for event in ends.events[1])),
           'an operator is told what the hook says')
        tunnel.begin(1)
        ok(ends.until(lambda _: any('; set it up' in event for event in ends.events[1])),
           'and that the interface is there and not set up')
        tunnel.configure(1)
        ok(ends.until(lambda _: tunnel.psk(0) == tunnel.psk(1) != '(none)') and
           ends.until(lambda _: tunnel.ping(10) == 0), 'and it is keyed when it is back')


def test(folder):
    with Tunnel(folder) as tunnel:
        under_traffic(tunnel)
        hostile_times(tunnel)


main('hooks', test)
