#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real WireGuard in two network namespaces: keys change under a ping and nothing is lost.

usage: wireguard.py BUILD
"""

import os

from rotation_harness import MINUTES, main, ok
from wireguard_tunnel import Liar, Tunnel


def under_traffic(tunnel):
    with tunnel.ends(6000) as ends:
        ok(ends.rotated(1), 'the first key is agreed')
        ok(tunnel.psk(0) == tunnel.psk(1), 'both interfaces have it')
        before, private = tunnel.psk(0), tunnel.private(0)
        ends.was_closed = False  # as it was before the first key
        lost, seen, clear = tunnel.long_ping(ends, 1240 * MINUTES)
        ok(lost == 0, 'no packet at 50 ms is lost in %d minutes' % MINUTES)
        ok(seen > 2480 * MINUTES and clear == 0, 'none of %d on the link is in clear' % seen)
        rotations = ends.last[0]['rotations']
        ok(min(rotations, ends.last[1]['rotations']) > 9 * MINUTES, 'in %d rotations' % rotations)
        ok(ends.most_failures == 0 and not ends.was_closed, 'none of which failed')
        ok(ends.rotated(rotations + 1), 'and they go on')
        ok(tunnel.psk(0) == tunnel.psk(1) != before, 'the keys have changed at both ends')
        ok(tunnel.private(0) == private, 'the private key has not')


def hostile_times(tunnel):
    with tunnel.ends(3600000) as ends:
        ok(ends.rotated(1) and tunnel.ping(20) == 0, 'a key that stays')
        first = tunnel.psk(0)
        ends.order('keyless')
        ends.order('order')
        ok(ends.until(lambda last: last[0]['failures'] >= 1 and last[0]['state'] == 0) and
           tunnel.ping(40) == 0 and tunnel.psk(0) == tunnel.psk(1) == first,
           'the follower finds no key: the old one stays at work')
        ends.order('keys')
        ok(ends.rotated(2) and tunnel.ping(20) == 0 and tunnel.psk(0) == tunnel.psk(1) != first,
           'it finds one: both change')
        second = tunnel.psk(0)
        ends.order('wrong')
        ends.order('order')
        ok(ends.until(lambda last: last[0]['failures'] == 1 and last[0]['state'] == 0) and
           ends.last[0]['rotations'] == 2,
           'another key at each end is never called active')
        ok(ends.rotated(3) and tunnel.ping(10, '0.2') <= 9 and tunnel.ping(20) == 0 and
           tunnel.psk(0) == tunnel.psk(1) != second, 'and the next round has the same')
        for end in range(2):
            ends.order('start %d' % end)
            ok(tunnel.ping(20) == 0, 'the agent of end %d starts again: no traffic is lost' % end)
        rotations = ends.last[0]['rotations']
        for end in range(2):
            tunnel.stop(end)
            tunnel.start(end)
            ok(ends.until(lambda _: tunnel.psk(0) == tunnel.psk(1) != '(none)') and
               ends.rest() and tunnel.ping(20, '0.5') <= 19 and tunnel.ping(20) == 0,
               'WireGuard of end %d starts again, and has a key again' % end)
        ok(ends.last[0]['rotations'] >= rotations, 'by a new one where the old one is not known')


LIES = [(Liar.REFUSES, 'refuses what it is asked', 'it refuses the request'),
        (Liar.SWALLOWS, 'says yes and does nothing', 'it did not keep the key'),
        (Liar.BABBLES, 'gives no answer that can be read', 'its answer cannot be read'),
        (Liar.FORGETS, 'has no such peer any more', 'the interface has no such peer'),
        (Liar.IS_SILENT, 'gives no answer', 'does not answer')]


def lied_to(tunnel):
    """Between skex and WireGuard, of one end after the other, is one who lies."""
    for end in range(2):
        sockets = [tunnel.socket(0), tunnel.socket(1)]
        sockets[end] = os.path.join(tunnel.folder, 'liar')
        with Liar(sockets[end], tunnel.socket(end)) as liar, \
                tunnel.ends(3600000, sockets=sockets) as ends:
            ok(ends.rotated(1) and tunnel.ping(20) == 0, 'end %d: a key that stays' % end)
            for lie, what, words in LIES:
                before, rotations = tunnel.psk(0), ends.last[0]['rotations']
                liar.lie = lie
                ends.order('order')
                ok(ends.until(lambda last, w=words: w in last[end]['problem'] or any(
                    w in event for event in ends.events[end])),
                   'end %d: WireGuard %s: it is said' % (end, what))
                # One place: the end that follows has the new one for a moment in each try.
                ok(tunnel.ping(20) == 0 and ends.last[0]['rotations'] == rotations and
                   ends.until(lambda _, b=before: tunnel.psk(0) == tunnel.psk(1) == b),
                   'and the old key stays at work')
                liar.lie = None
                ok(ends.rotated(rotations + 1) and tunnel.ping(20) == 0 and
                   tunnel.psk(0) == tunnel.psk(1) != before, 'it is honest again: a new key')
                ends.events[end].clear()


def closed(tunnel):
    with tunnel.ends(1000, grace_ms=60000) as ends:
        ok(ends.rotated(1) and tunnel.ping(20) == 0, 'a key with little grace')
        ends.order('cut')
        ends.order('skip 400000')
        ok(ends.until(lambda last: last[0]['closed'] and last[1]['closed']) and
           ends.until(lambda last: tunnel.ping(10, '0.2') == 10),
           'when its grace is over nothing goes through')
        ends.order('mend')
        ok(ends.until(lambda last: not last[0]['closed'] and not last[1]['closed']) and
           ends.until(lambda last: tunnel.ping(10) == 0), 'until there is a new key')


def test(folder):
    with Tunnel(folder) as tunnel:
        ok(tunnel.ping(1) == 0, 'without skex there is a tunnel')
        under_traffic(tunnel)
        hostile_times(tunnel)
        lied_to(tunnel)
        closed(tunnel)


main('wireguard', test)
