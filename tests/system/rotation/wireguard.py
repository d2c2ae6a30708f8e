#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real WireGuard in two network namespaces: keys change under a ping and nothing is lost.

usage: wireguard.py BUILD
"""

import base64
import os
import subprocess
import time

from rotation_harness import LINK, SPACES, TAG, Ends, Spaces, inside, main, ok, run

INTERFACES = ['wga' + TAG, 'wgb' + TAG]


class Tunnel(Spaces):
    """An interface with one peer in each namespace."""

    tunnel = ['10.66.0.1', '10.66.0.2']

    def __init__(self, folder):
        super().__init__(folder)
        self.processes = [None, None]
        self.secret = [run('wg', 'genkey').strip() for _ in range(2)]
        self.public = [run('wg', 'pubkey', input=key).strip() for key in self.secret]

    def start(self, end):
        self.processes[end] = subprocess.Popen(
            ['ip', 'netns', 'exec', SPACES[end], 'wireguard-go', '-f', INTERFACES[end]],
            env=dict(os.environ, WG_PROCESS_FOREGROUND='1', LOG_LEVEL='error'),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(self.socket(end)):
            time.sleep(0.05)
        path = os.path.join(self.folder, 'key%d' % end)
        with open(path, 'w', opener=lambda p, f: os.open(p, f, 0o600), encoding='ascii') as f:
            f.write(self.secret[end])
        inside(end, 'wg', 'set', INTERFACES[end], 'listen-port', '51820', 'private-key', path,
               'peer', self.public[1 - end], 'allowed-ips', self.tunnel[1 - end] + '/32',
               'endpoint', LINK[1 - end] + ':51820')
        inside(end, 'ip', 'addr', 'add', self.tunnel[end] + '/24', 'dev', INTERFACES[end])
        inside(end, 'ip', 'link', 'set', INTERFACES[end], 'up')

    def stop(self, end):
        if self.processes[end] is not None:
            self.processes[end].terminate()
            self.processes[end].wait()
        self.processes[end] = None
        while os.path.exists(self.socket(end)):
            time.sleep(0.05)

    @staticmethod
    def socket(end):
        return '/var/run/wireguard/%s.sock' % INTERFACES[end]

    def peer(self, end):
        return base64.b64decode(self.public[1 - end]).hex()

    def psk(self, end):
        return inside(end, 'wg', 'show', INTERFACES[end], 'preshared-keys').split()[1]

    def private(self, end):
        return inside(end, 'wg', 'show', INTERFACES[end], 'private-key').strip()

    def ends(self, period_ms, **options):
        arguments = []
        for end in range(2):
            arguments += [self.socket(end), self.peer(end)]
        return Ends('wireguard', arguments, period_ms, **options)


def under_traffic(tunnel):
    with tunnel.ends(6000) as ends:
        ok(ends.rotated(1), 'the first key is agreed')
        ok(tunnel.psk(0) == tunnel.psk(1), 'both interfaces have it')
        before, private = tunnel.psk(0), tunnel.private(0)
        ok(tunnel.ping(1240) == 0, 'no packet at 50 ms is lost in a minute')
        ends.read(0)
        ok(ends.last[0]['rotations'] >= 10 and ends.last[1]['rotations'] >= 10,
           'in ten rotations')
        ok(ends.most_failures == 0, 'none of which failed')
        ok(ends.rotated(11), 'and they go on')
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
        closed(tunnel)


main('wireguard', test)
