#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real WireGuard in two network namespaces: keys change under a ping and nothing is lost.

usage: wireguard.py BUILD
"""

import base64
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = sys.argv[1]
TAG = '%x' % (os.getpid() & 0xfffff)
SPACES = ['skwa' + TAG, 'skwb' + TAG]
INTERFACES = ['wga' + TAG, 'wgb' + TAG]
TUNNEL = ['10.66.0.1', '10.66.0.2']
LINK = ['10.67.0.1', '10.67.0.2']

count = failed = 0


def ok(good, name):
    global count, failed
    count += 1
    failed += not good
    print('%sok %d - %s' % ('' if good else 'not ', count, name), flush=True)


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                          **options).stdout


def inside(end, *command, **options):
    return run('ip', 'netns', 'exec', SPACES[end], *command, **options)


class Tunnel:
    """Two namespaces, a link between them, and an interface with one peer in each."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = [None, None]
        self.secret = [run('wg', 'genkey').strip() for _ in range(2)]
        self.public = [run('wg', 'pubkey', input=key).strip() for key in self.secret]

    def __enter__(self):
        for space in SPACES:
            run('ip', 'netns', 'add', space)
        run('ip', 'link', 'add', 'va' + TAG, 'netns', SPACES[0], 'type', 'veth', 'peer',
            'name', 'vb' + TAG, 'netns', SPACES[1])
        for end in range(2):
            device = 'v%s%s' % ('ab'[end], TAG)
            inside(end, 'ip', 'addr', 'add', LINK[end] + '/24', 'dev', device)
            inside(end, 'ip', 'link', 'set', device, 'up')
            inside(end, 'ip', 'link', 'set', 'lo', 'up')
            self.start(end)
        return self

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
               'peer', self.public[1 - end], 'allowed-ips', TUNNEL[1 - end] + '/32', 'endpoint',
               LINK[1 - end] + ':51820')
        inside(end, 'ip', 'addr', 'add', TUNNEL[end] + '/24', 'dev', INTERFACES[end])
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

    @staticmethod
    def ping(packets, interval='0.05'):
        """How many of so many packets were lost."""
        out = subprocess.run(
            ['ip', 'netns', 'exec', SPACES[0], 'ping', '-n', '-q', '-i', interval, '-c',
             str(packets), '-W', '1', TUNNEL[1]], stdout=subprocess.PIPE, text=True).stdout
        sent, received = map(int, re.search(
            r'(\d+) packets transmitted, (\d+) received', out).groups())
        return sent - received

    def __exit__(self, *_):
        for end in range(2):
            self.stop(end)
            subprocess.run(['ip', 'netns', 'del', SPACES[end]])


class Ends:
    """Both ends of the binding."""

    def __init__(self, tunnel, period_ms, grace_ms=3600000):
        self.process = subprocess.Popen(
            [os.path.join(BUILD, 'tests', 'wireguard-ends'), str(period_ms), str(grace_ms),
             tunnel.socket(0), tunnel.peer(0), tunnel.socket(1), tunnel.peer(1)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.last = [{}, {}]
        self.most_failures = 0
        self.buffer = b''

    def __enter__(self):
        return self

    def order(self, line):
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()
        return self.until(lambda _: self.did == line)

    did = None

    def read(self, seconds):
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return
        self.buffer += os.read(self.process.stdout.fileno(), 65536)
        *lines, self.buffer = self.buffer.split(b'\n')
        for line in lines:
            said = json.loads(line)
            if 'did' in said:
                self.did = said['did']
            else:
                self.last[said['end']] = said
                self.most_failures = max(self.most_failures, said['failures'])

    def until(self, good, seconds=120):
        """Waits until it is so; False if it never is."""
        end = time.monotonic() + seconds
        while not good(self.last):
            if self.process.poll() is not None or time.monotonic() > end:
                return False
            self.read(0.2)
        return True

    def rotated(self, times):
        return self.until(lambda last: all(
            end and end['state'] == 0 and end['rotations'] >= times for end in last))

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def under_traffic(tunnel):
    with Ends(tunnel, 6000) as ends:
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
    with Ends(tunnel, 3600000) as ends:
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
               ends.until(lambda last: last[0]['state'] == last[1]['state'] == 0) and
               tunnel.ping(20, '0.5') <= 19 and tunnel.ping(20) == 0,
               'WireGuard of end %d starts again, and has a key again' % end)
        ok(ends.last[0]['rotations'] >= rotations, 'by a new one where the old one is not known')


def main():
    print('TAP version 13')
    if not os.path.exists('/dev/net/tun') or subprocess.run(
            ['unshare', '--net', 'true'], stderr=subprocess.DEVNULL).returncode != 0:
        print('1..0 # skip no network namespaces or no /dev/net/tun for this user')
        return
    folder = tempfile.mkdtemp(prefix='skex-wireguard-')
    try:
        with Tunnel(folder) as tunnel:
            ok(tunnel.ping(1) == 0, 'without skex there is a tunnel')
            under_traffic(tunnel)
            hostile_times(tunnel)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print('1..%d' % count)
    sys.exit(failed != 0)


main()
