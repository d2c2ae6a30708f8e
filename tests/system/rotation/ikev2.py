#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real strongSwan in two network namespaces: PPKs change under a ping and nothing is lost.

usage: ikev2.py BUILD

There is one charon in each namespace, with ESP in user space (kernel-libipsec), or with the
kernel's where SKEX_KERNEL_ESP is set and the kernel has it: see tools/check-kernel.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import uuid

from rotation_harness import AFTER, LINK, MINUTES, Ends, Spaces, enter, inside, main, ok, run

PLUGINS = ('random nonce aes sha1 sha2 hmac kdf mgf1 pem pkcs1 pkcs8 x509 pubkey constraints '
           'curve25519 openssl gcm revocation kernel-libipsec kernel-netlink socket-default vici '
           'updown')
KERNEL = bool(os.environ.get('SKEX_KERNEL_ESP'))
PERIOD_S = 5
TIMEOUT_S = 0.5  # after which charon says it again
if KERNEL:
    PERIOD_S, TIMEOUT_S = 10, 4  # such a kernel runs in an emulator, some fifty times slower
    PLUGINS = PLUGINS.replace('kernel-libipsec ', '')
CONF = '''
charon-systemd {
  load = %(plugins)s
  retransmit_timeout = %(timeout)s
  retransmit_base = 1
  retransmit_tries = 3
  plugins {
    vici { socket = unix://%(socket)s }
    kernel-libipsec { load = yes }
  }
  filelog { log { path = %(log)s
    default = 1
    flush_line = yes } }
}
swanctl { load = random openssl }
'''
# What the operator has in swanctl.conf: how the ends authenticate.
SECRETS = 'secrets { ike-1 { id-1 = a.test\nid-2 = b.test\nsecret = "%s" } }\n' % ('operator' * 4)
STAGING, PREPARED, SWITCHING, PROVING = 4, 5, 6, 7  # of enum skex_rotation_state
IDS = ['a.test', 'b.test']


class Tunnel(Spaces):
    """A charon in each namespace."""

    tunnel = ['10.66.0.1', '10.66.0.2']

    def __init__(self, folder):
        super().__init__(folder)
        self.processes = [None, None]

    def path(self, end, name):
        return os.path.join(self.folder, '%s%d' % (name, end))

    def socket(self, end):
        return self.path(end, 'charon.vici')

    def start(self, end):
        with open(self.path(end, 'strongswan.conf'), 'w', encoding='ascii') as f:
            f.write(CONF % {'plugins': PLUGINS, 'socket': self.socket(end),
                            'log': self.path(end, 'log'), 'timeout': TIMEOUT_S})
        with open(self.path(end, 'swanctl.conf'), 'w', encoding='ascii') as f:
            f.write(SECRETS)
        if os.path.exists(self.socket(end)):
            os.unlink(self.socket(end))
        subprocess.run([*enter(end), 'ip', 'addr', 'replace',
                        self.tunnel[end] + '/32', 'dev', 'lo'], check=True)
        self.processes[end] = subprocess.Popen(
            [*enter(end), '/usr/sbin/charon-systemd'],
            env=dict(os.environ, STRONGSWAN_CONF=self.path(end, 'strongswan.conf')),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(self.socket(end)):
            time.sleep(0.05)
        self.swanctl(end, '--load-creds', '--file', self.path(end, 'swanctl.conf'))

    def stop(self, end, how=signal.SIGTERM):
        if self.processes[end] is not None:
            self.processes[end].send_signal(how)
            self.processes[end].wait()
        self.processes[end] = None

    def swanctl(self, end, *arguments):
        return run('swanctl', *arguments, '--uri', 'unix://' + self.socket(end),
                   stderr=subprocess.DEVNULL,
                   env=dict(os.environ, STRONGSWAN_CONF=self.path(end, 'strongswan.conf')))

    def sas(self, end):
        """The names of the IKE_SAs that are up, and whether each has a PPK."""
        found, name = [], None
        for line in self.swanctl(end, '--list-sas').split('\n'):
            if line and not line.startswith(' '):
                name = line.split(':')[0] if ', ESTABLISHED,' in line else None
                if name:
                    found.append([name, False])
            elif name and '/PPK' in line:
                found[-1][1] = True
        return found

    def settings(self, end, **more):
        values = {
            'local_addrs': LINK[end], 'remote_addrs': LINK[1 - end],
            'proposals': 'aes128-sha256-curve25519', 'dpd_delay': '1s',
            'local.auth': 'psk', 'local.id': IDS[end],
            'remote.auth': 'psk', 'remote.id': IDS[1 - end],
            'children.net.local_ts': self.tunnel[end] + '/32',
            'children.net.remote_ts': self.tunnel[1 - end] + '/32',
            'children.net.esp_proposals': 'aes128gcm16-curve25519, aes128-sha256',
        }
        values.update(more)
        return ';'.join('%s=%s' % item for item in values.items())

    def ends(self, period_ms, follower=None, **options):
        arguments = []
        for end in range(2):
            arguments += [self.socket(end), self.settings(end)]
        arguments[2] = follower or arguments[2]
        return Ends('ikev2', arguments, period_ms, **options)

    @staticmethod
    def echoes(end):
        """How many echo requests have come in."""
        names, values = inside(end, 'grep', '^Icmp:', '/proc/net/snmp').strip().split('\n')
        return int(values.split()[names.split().index('InEchos')])

    def arrive(self, packets):
        """Do so many arrive?  Answers can be lost in a rotation; see under_traffic."""
        before = self.echoes(1)
        self.ping(packets)
        return self.arrived(before, packets)

    def arrived(self, before, packets):
        """Have all requests of the last ping come in?"""
        for _ in range(40):
            if self.echoes(1) - before == packets + AFTER:
                return True
            time.sleep(0.05)
        print('# came in: %d of %d' % (self.echoes(1) - before, packets + AFTER), flush=True)
        return False

    def ours(self, end):
        """The connections and the secrets of skex in charon."""
        connections = [line.split(':')[0]
                       for line in self.swanctl(end, '--list-conns').split('\n')
                       if line.startswith('site')]
        return connections, re.findall(r'skex/site/[0-9a-f-]+', self.shared(end))

    def shared(self, end):
        """What get-shared answers, which swanctl does not show."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.socket(end))
            s.sendall(b'\0\0\0\x0c\0\x0aget-shared')
            size = int.from_bytes(s.recv(4, socket.MSG_WAITALL), 'big')
            return s.recv(size, socket.MSG_WAITALL).decode('latin-1')

    OTHER_PPK = 'secrets { ppk-1 { id = other@test.skex\nsecret = 0x%s } }\n' % ('5a' * 32)

    def operator(self, end, name, secrets='', keep=False):
        """The operator loads a connection by hand, which requires no PPK."""
        text = 'connections { %s { version = 2\n' % name
        for path, value in (item.split('=') for item in self.settings(end).split(';')):
            section = path.split('.')[:-1]
            text += ' { '.join(section + ['%s = %s\n' % (path.split('.')[-1], value)])
            text += ' }' * len(section) + '\n'
        path = self.path(end, name + '.conf')
        with open(path, 'w', encoding='ascii') as f:
            f.write(text + '} }\n' + SECRETS + secrets)
        if not keep:
            self.swanctl(end, '--load-all', '--file', path)
            return
        self.swanctl(end, '--load-conns', '--file', path)

    def initiates(self, end, name):
        return subprocess.run(
            ['swanctl', '--initiate', '--ike', name, '--child', 'net', '--timeout', '5', '--uri',
             'unix://' + self.socket(end)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0

    @contextlib.contextmanager
    def decoy(self):
        """A charon that talks to nobody but skex; gives its socket."""
        path = os.path.join(self.folder, 'decoy')
        with open(path + '.conf', 'w', encoding='ascii') as f:
            f.write(CONF % {'plugins': PLUGINS.replace('kernel-libipsec', ''),
                            'socket': path + '.vici', 'log': path + '.log',
                            'timeout': TIMEOUT_S})
        process = subprocess.Popen(
            ['unshare', '--net', '/usr/sbin/charon-systemd'],
            env=dict(os.environ, STRONGSWAN_CONF=path + '.conf'), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(path + '.vici'):
            time.sleep(0.05)
        yield path + '.vici'
        process.terminate()
        process.wait()


def name_of(last):
    """Of the leader's IKE_SA, by the active key."""
    return 'site-' + str(uuid.UUID(last['active']))


def keyed(tunnel, ends):
    """Both ends are up with the active key, and with nothing else."""
    ends.read(0)
    return (ends.last[0]['active'] == ends.last[1]['active'] != '' and
            tunnel.sas(0) == [[name_of(ends.last[0]), True]] and
            tunnel.sas(1) == [['site', True]])


def words(said, text):
    return any(text in line for line in said)


def under_traffic(tunnel):
    with tunnel.ends(PERIOD_S * 1000) as ends:
        ok(ends.rotated(1) and tunnel.ping(20) == 0, 'the first key is agreed, and used')
        before, first = tunnel.echoes(1), ends.last[0]['active']
        ends.was_closed = False  # as it was before the first key
        packets = 1240 * MINUTES
        lost, seen, clear = tunnel.long_ping(ends, packets)
        rotations = ends.last[0]['rotations']
        ok(min(rotations, ends.last[1]['rotations']) > 50 // PERIOD_S * MINUTES,
           'there are %d in %d minutes' % (rotations, MINUTES))
        ok(tunnel.arrived(before, packets), 'no packet at 50 ms is lost on its way there')
        # charon's responder sends with a new CHILD_SA before the initiator can have it.
        ok(lost <= rotations, 'nor on its way back, but what crosses the answer that makes the SA')
        # A kernel shows what it has decrypted once more, on the link that it came from.
        ok(seen > 2 * packets - lost and (KERNEL or clear == 0),
           'none of %d on the link is in clear' % seen)
        ok(ends.most_failures == 0 and not ends.was_closed, 'none of the rotations failed')
        print('#', *ends.events[0], *ends.events[1], sep='\n# ', flush=True)
        ok(ends.last[0]['active'] != first and ends.until(lambda _: keyed(tunnel, ends)),
           'and there is one IKE_SA, of the active key')


def hostile_keys(tunnel):
    with tunnel.ends(3600000) as ends:
        ok(ends.rotated(1) and tunnel.ping(20) == 0 and keyed(tunnel, ends), 'a key that stays')
        first = ends.last[0]['active']
        ends.order('keyless')
        ends.order('order')
        ok(ends.until(lambda last: last[0]['failures'] >= 1 and last[0]['state'] == 0) and
           tunnel.ping(20) == 0 and ends.last[0]['active'] == first,
           'the follower finds no key: the old one stays at work')
        ends.order('keys')
        ok(ends.rotated(2) and tunnel.ping(20) == 0 and ends.last[0]['active'] != first,
           'it finds one: both change')
        second = ends.last[0]['active']
        before = tunnel.echoes(1)
        ends.order('wrong')
        ends.order('order')
        # It is tried again a second later; nothing is to come of that while we look.
        ends.until(lambda last: last[1]['state'] in (STAGING, PREPARED) or last[1]['failures'])
        ends.order('keyless')
        ok(ends.until(lambda last: last[0]['failures'] >= 1 and last[0]['state'] == 0) and
           ends.last[0]['active'] == second and ends.until(lambda _: keyed(tunnel, ends)),
           'another key at each end is never called active')
        ok(words(ends.events[0], 'the new key is not in use') and
           words(ends.events[0], 'AUTHENTICATION_FAILED'), 'and it is said')
        ok(tunnel.ping(20, '0.01') == 0 and tunnel.arrived(before, 20),
           'the old key stays at work')
        ends.order('keys')
        ok(ends.rotated(3) and ends.last[0]['active'] != second and tunnel.ping(20) == 0 and
           keyed(tunnel, ends), 'the next round has the same')


def hostile_times(tunnel):
    with tunnel.ends(3600000) as ends:
        ok(ends.rotated(1), 'a key')
        before = ends.last[0]['active']
        ends.order('start 0')
        ok(tunnel.arrive(20) and
           ends.until(lambda last: last[0]['active'] == last[1]['active'] != before) and
           ends.rest() and keyed(tunnel, ends),
           'the agent of the leader starts again, and gives a new key')
        ends.order('start 1')
        ok(ends.rest() and tunnel.arrive(20) and keyed(tunnel, ends),
           'the agent of the follower starts again: no traffic is lost')
        for end in range(2):
            tunnel.swanctl(end, '--rekey', '--ike', tunnel.sas(end)[0][0])
            ok(ends.until(lambda _: keyed(tunnel, ends)) and tunnel.arrive(20),
               'charon of end %d makes a new IKE_SA from the old: it is kept' % end)
        for end in range(2):
            tunnel.swanctl(end, '--load-all', '--file', tunnel.path(end, 'swanctl.conf'))
            ok(tunnel.ours(end) == ([], []), 'swanctl at end %d clears what is not its' % end)
            # The follower was started since it had the key: it gets a new one.
            ok(ends.until(lambda _: tunnel.ours(end) != ([], []) and keyed(tunnel, ends)) and
               ends.rest() and ends.until(lambda _: tunnel.arrive(20)),
               'it is there again, and so is the tunnel')
        for delay in (0, 0.04, 0.07, 0.1, 0.15):
            ends.order('order')
            time.sleep(delay)
            ends.order('cut')
            ok(tunnel.arrive(20), 'notes are lost %g s into a rotation: traffic goes on' % delay)
            ends.order('mend')
            ok(ends.until(lambda last: last[0]['active'] == last[1]['active']) and ends.rest() and
               ends.until(lambda _: keyed(tunnel, ends)), 'they arrive: both ends agree')
        before = ends.last[0]['active']
        ends.order('order')
        ends.until(lambda last: last[0]['state'] in (SWITCHING, PROVING))
        ends.order('cut')
        ok(ends.until(lambda last: last[0]['active'] == last[1]['active'] != before),
           "the leader's word is lost: the follower sees by itself which key is used")
        ends.order('mend')
        ok(ends.rest() and keyed(tunnel, ends) and tunnel.arrive(20), 'it arrives')
        for end in range(2):
            for how in (signal.SIGTERM, signal.SIGKILL):
                tunnel.stop(end, how)
                tunnel.start(end)
                ok(ends.until(lambda _: keyed(tunnel, ends) and tunnel.ping(5) == 0),
                   'charon of end %d starts again after signal %d: the tunnel is back'
                   % (end, how))


def absent(tunnel):
    with tunnel.ends(3600000) as ends:
        ok(ends.rotated(1), 'a key')
        for end in range(2):
            tunnel.stop(end)
            ends.order('order')
            ok(ends.until(lambda _: words(ends.events[end], 'is strongSwan running')),
               'charon of end %d is not there: it is said' % end)
            tunnel.start(end)
            rotations = ends.last[0]['rotations']
            ok(ends.until(lambda last: last[0]['rotations'] > rotations) and ends.rest() and
               ends.until(lambda _: keyed(tunnel, ends) and tunnel.ping(5) == 0),
               'it is back: there is a new key')
        for end in range(2):
            tunnel.processes[end].send_signal(signal.SIGSTOP)
            ends.order('order')
            ends.events[end].clear()
            ends.order('skip 100')
            for _ in range(10):
                ends.read(0.1)
            ends.order('skip 61000')
            ok(ends.until(lambda _: words(ends.events[end], 'does not answer')),
               'charon of end %d hangs: it is said' % end)
            tunnel.processes[end].send_signal(signal.SIGCONT)
            rotations = ends.last[0]['rotations']
            ok(ends.until(lambda last: last[0]['rotations'] > rotations) and ends.rest() and
               ends.until(lambda _: keyed(tunnel, ends) and tunnel.ping(5) == 0),
               'it goes on: so does the binding')


def without_ppk(tunnel):
    """A peer that does not use a PPK."""
    with tunnel.ends(3600000) as ends:
        ok(ends.rotated(1) and keyed(tunnel, ends), 'a key')
        # End 0 has the operator's secret, and tries without a PPK.
        tunnel.operator(0, 'plain')
        ok(not tunnel.initiates(0, 'plain') and tunnel.sas(1) == [['site', True]],
           'a peer without the key gets no tunnel')
        # Even when something at end 1 has put another connection in the place of ours.
        tunnel.operator(1, 'site', keep=True)
        ok(tunnel.initiates(0, 'plain') and ['site', False] in tunnel.sas(1),
           'an IKE_SA without a PPK comes up behind the back of skex')
        ok(ends.until(lambda _: ['site', False] not in tunnel.sas(1) and
                      words(ends.log, 'without a PPK')), 'it is closed, and said')
        ok(ends.until(lambda _: not tunnel.initiates(0, 'plain')), 'and the next one refused')


def without_key(tunnel):
    """The leader's own key is fine, and the other end uses none."""
    with tunnel.decoy() as socket, tunnel.ends(3600000, follower=socket) as ends:
        for name, more, why in (
                ('knows no PPK', '', 'PPK required but peer does not support PPK'),
                ('has another PPK', tunnel.OTHER_PPK, "the new key is not in use")):
            tunnel.operator(1, 'plain', secrets=more)
            ends.events[0].clear()
            ok(ends.until(lambda _: words(ends.events[0], why)),
               'the other end %s, and none is required there: it is said' % name)
            ok(ends.last[0]['rotations'] == 0 and tunnel.sas(0) == [] and tunnel.ping(5) == 5,
               'the key is not active, and there is no tunnel')
        print('#', *ends.events[0], sep='\n# ', flush=True)


def closed(tunnel):
    with tunnel.ends(1000, grace_ms=60000) as ends:
        ok(ends.rotated(1) and tunnel.ping(20) <= 5, 'a key with little grace')
        ends.order('cut')
        ends.order('skip 400000')
        ok(ends.until(lambda last: last[0]['closed'] and last[1]['closed']) and
           ends.until(lambda _: tunnel.ping(5) == 5), 'its grace is over: nothing goes through')
        ok(ends.until(lambda _: tunnel.sas(0) == tunnel.sas(1) == [] and
                      tunnel.ours(0) == tunnel.ours(1) == ([], [])),
           'charon knows neither keys nor connections any more')
        ends.order('mend')
        ok(ends.until(lambda last: not last[0]['closed'] and not last[1]['closed']) and
           ends.until(lambda last: tunnel.ping(10) <= 1), 'until there is a new key')


def test(folder):
    with Tunnel(folder) as tunnel:
        ok(tunnel.ping(5) == 5, 'without skex there is no tunnel')
        under_traffic(tunnel)
        hostile_keys(tunnel)
        # What does not depend on the kernel, and on how fast things happen.
        if not KERNEL:
            hostile_times(tunnel)
            absent(tunnel)
            without_ppk(tunnel)
            closed(tunnel)
    with Tunnel(folder) as tunnel:
        without_key(tunnel)


main('ikev2', test)
