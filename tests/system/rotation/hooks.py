#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hook keys real WireGuard in two network namespaces: the one of examples/.

usage: hooks.py BUILD
"""

import os

from rotation_harness import Ends, main, ok
from wireguard_tunnel import INTERFACES, Tunnel

HOOK = os.path.realpath(os.path.join(
    os.path.dirname(__file__), '..', '..', '..', 'examples', 'hook-wireguard'))


def hooks(tunnel, period_ms, **options):
    arguments = []
    for end in range(2):
        arguments += [HOOK, INTERFACES[end], tunnel.public[1 - end], tunnel.folder]
    return Ends('hook', arguments, period_ms, **options)


def under_traffic(tunnel):
    with hooks(tunnel, 6000) as ends:
        ok(ends.rotated(1), 'the first key is agreed')
        ok(tunnel.psk(0) == tunnel.psk(1) != '(none)', 'both interfaces have it')
        before, private = tunnel.psk(0), tunnel.private(0)
        ok(tunnel.ping(620) == 0, 'no packet at 50 ms is lost in half a minute')
        ends.read(0)
        ok(ends.last[0]['rotations'] >= 4 and ends.most_failures == 0,
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
        ok(ends.until(lambda last: 'hook-wireguard ended with status' in last[1]['problem']),
           'an operator is told what the hook says')
        tunnel.start(1)
        ok(ends.until(lambda _: tunnel.psk(0) == tunnel.psk(1) != '(none)') and
           ends.until(lambda _: tunnel.ping(10) == 0), 'and it is keyed when it is back')


def test(folder):
    with Tunnel(folder) as tunnel:
        under_traffic(tunnel)
        hostile_times(tunnel)


main('hooks', test)
