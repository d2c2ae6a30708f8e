# SPDX-License-Identifier: Apache-2.0
"""Real MACsec under MKA, in two network namespaces: CAKs change under a ping and nothing is lost.

usage: macsec.py BUILD

At each end there are two wpa_supplicants on one link, with a MACsec interface each and a bond of
the two. To be run in a kernel that has MACsec: see tools/check-kernel.
"""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'system',
                                'rotation'))

from rotation_harness import SPACES, TAG, Ends, Spaces, enter, inside, main, ok, run  # noqa: E402

SLOTS = 'ab'
SWITCHING, PROVING = 6, 7  # of enum skex_rotation_state
MACSEC, MKA = '88e5', '888e'
# Prints the kinds of frames that were on a link, until standard input ends.
WATCH = '''
import select, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0))
s.settimeout(0.1)
print("ready", flush=True)
kinds = set()
while not select.select([0], [], [], 0)[0]:
    try:
        kinds.add("%04x" % int.from_bytes(s.recv(65536)[12:14], "big"))
    except socket.timeout:
        pass
print(*sorted(kinds), flush=True)
'''
CONF = 'ctrl_interface=%s\neapol_version=3\nap_scan=0\n'


class Link(Spaces):
    """Two wpa_supplicants in each namespace."""

    tunnel = ['10.66.0.1', '10.66.0.2']

    def __init__(self, folder):
        super().__init__(folder)
        self.processes = [[None, None], [None, None]]

    @staticmethod
    def device(end):
        return 'v%s%s' % ('ab'[end], TAG)

    def control(self, end, slot):
        return os.path.join(self.folder, 'wpa%d%s' % (end, SLOTS[slot]))

    def socket(self, end, slot):
        return os.path.join(self.control(end, slot), self.device(end))

    def start(self, end):
        """What an operator does once, before there is any key."""
        bond = 'bond0'
        # What would be on the link besides.
        inside(end, 'sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1')
        inside(end, 'ip', 'link', 'add', bond, 'type', 'bond', 'mode', 'active-backup', 'miimon',
               '50', 'all_slaves_active', '1')
        inside(end, 'ip', 'link', 'set', bond, 'mtu', '1468')
        for slot in range(2):
            name = 'macsec-' + SLOTS[slot]
            inside(end, 'ip', 'link', 'add', 'link', self.device(end), name, 'type', 'macsec',
                   'port', str(slot + 1), 'encrypt', 'on')
            inside(end, 'ip', 'link', 'set', name, 'master', bond)
            self.supply(end, slot)
        inside(end, 'ip', 'addr', 'add', self.tunnel[end] + '/24', 'dev', bond)
        inside(end, 'ip', 'link', 'set', bond, 'up')

    def supply(self, end, slot):
        path = self.control(end, slot) + '.conf'
        with open(path, 'w', encoding='ascii') as f:
            f.write(CONF % self.control(end, slot))
        self.processes[end][slot] = subprocess.Popen(
            [*enter(end), 'wpa_supplicant', '-D', 'macsec_linux', '-i', self.device(end), '-c',
             path, '-f', self.control(end, slot) + '.log', '-dd'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(self.socket(end, slot)):
            time.sleep(0.05)

    def end_of(self, end, slot, how='terminate'):
        process = self.processes[end][slot]
        if process is not None:
            getattr(process, how)()
            process.wait()
        self.processes[end][slot] = None
        if os.path.exists(self.socket(end, slot)):
            os.unlink(self.socket(end, slot))

    def stop(self, end):
        for slot in range(2):
            self.end_of(end, slot)

    def ask(self, end, slot, *words):
        return run('wpa_cli', '-s', self.folder, '-p', self.control(end, slot), '-i',
                   self.device(end), *words)

    def status(self, end, slot):
        lines = self.ask(end, slot, 'status').split('\n')
        return dict(line.split('=', 1) for line in lines if '=' in line)

    def keys(self, end):
        """The names of the CAKs at work."""
        found = [self.status(end, slot).get('ckn') for slot in range(2)]
        return [name for name in found if name]

    def seen_on_link(self, packets):
        """The kinds of frames on the link while so many pings are sent; how many were lost."""
        with subprocess.Popen([*enter(1), sys.executable, '-c', WATCH, self.device(1)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watch:
            watch.stdout.readline()
            lost = self.ping(packets)
            watch.stdin.close()
            return set(watch.stdout.readline().split()), lost

    def cipher_of(self, end):
        """The numbers of the interfaces that can send, and of those that can receive."""
        sends, receives, inside_rx = 0, 0, False
        for line in inside(end, 'ip', 'macsec', 'show').split('\n'):
            inside_rx = 'RXSC' in line or (inside_rx and 'TXSC' not in line)
            if 'PN ' in line and 'state on' in line:
                receives += inside_rx
                sends += not inside_rx
        return sends, receives

    def active(self, end):
        shown = inside(end, 'ip', '-d', 'link', 'show', 'bond0')
        return shown.split('active_slave ')[1].split()[0] if 'active_slave' in shown else None

    def ends(self, period_ms, **options):
        arguments = []
        for end in range(2):
            arguments += [self.socket(end, 0), self.socket(end, 1), self.folder,
                          '/run/netns/' + SPACES[end], 'bond0', 'macsec-a', 'macsec-b']
        return Ends('macsec', arguments, period_ms, **options)


def keyed(link, ends):
    """Both ends have the active key, and nothing else."""
    ends.read(0)
    active = ends.last[0]['active']
    return active == ends.last[1]['active'] != '' and \
        link.keys(0) == link.keys(1) == [active]


def words(said, text):
    return any(text in line for line in said)


def without_key(link):
    """The first key of all is another one at each end."""
    with link.ends(3600000) as ends:
        ends.order('wrong')
        ok(ends.until(lambda last: last[0]['failures'] >= 1), 'another key at each end')
        ok(ends.last[0]['rotations'] == 0, 'is never called active')
        ok(link.ping(5) == 5, 'and passes no frame')
        ok(ends.rotated(1) and ends.until(lambda _: link.ping(3) == 0),
           'the next round has the same: frames pass')
        kinds, lost = link.seen_on_link(20)
        ok(lost == 0 and MACSEC in kinds and kinds <= {MACSEC, MKA},
           'and all of them are protected')
        print('# kinds of frames: %s' % ' '.join(sorted(kinds)))


def under_traffic(link):
    with link.ends(20000) as ends:
        ok(ends.rotated(1) and ends.until(lambda _: link.ping(3) == 0) and keyed(link, ends),
           'a key that both ends have, and no other')
        first, slot = ends.last[0]['active'], link.active(0)
        lost = link.ping(1240)
        ends.read(0)
        print('# lost %d in %d rotations' % (lost, ends.last[0]['rotations']))
        ok(lost == 0, 'no packet at 50 ms is lost in a minute')
        ok(ends.last[0]['rotations'] >= 3 and ends.most_failures == 0 and
           ends.last[0]['active'] != first, 'in rotations of which none failed')
        ok(ends.until(lambda _: link.active(0) == link.active(1) not in (None, slot)),
           'the traffic goes over the one interface and then over the other')
        ok(ends.rest() and keyed(link, ends), 'the old keys are retired')
        ok(ends.until(lambda _: link.cipher_of(0) == link.cipher_of(1) == (1, 1)),
           'and so are the secure associations')


def hostile_keys(link):
    with link.ends(3600000) as ends:
        ok(ends.rotated(1) and ends.until(lambda _: link.ping(3) == 0), 'a key that stays')
        first = ends.last[0]['active']
        ends.order('keyless')
        ends.order('order')
        ok(ends.until(lambda last: last[0]['failures'] >= 1 and last[0]['state'] == 0) and
           link.ping(20) == 0 and ends.last[0]['active'] == first,
           'the follower finds no key: the old one stays at work')
        ends.order('keys')
        ok(ends.rotated(2) and link.ping(20) == 0, 'it finds one')
        second = ends.last[0]['active']
        ends.order('wrong')
        ends.order('order')
        ok(ends.until(lambda last: last[0]['state'] in (SWITCHING, PROVING)) and
           link.ping(100) == 0, 'another key at each end is tried: no packet is lost')
        ok(ends.until(lambda last: last[0]['failures'] >= 1 and last[0]['state'] == 0) and
           ends.last[0]['active'] == second, 'and it is never called active')
        ok(ends.rotated(3) and link.ping(20) == 0 and keyed(link, ends),
           'the next round has the same')


def hostile_times(link):
    with link.ends(3600000) as ends:
        ok(ends.rotated(1) and ends.until(lambda _: link.ping(3) == 0), 'a key')
        ends.order('start 1')
        ok(link.ping(20) == 0 and ends.rest() and keyed(link, ends),
           'the agent of the follower starts again: nothing is touched')
        before = ends.last[0]['active']
        ends.order('start 0')
        ok(ends.until(lambda last: last[0]['active'] == last[1]['active'] != before) and
           ends.rest() and link.ping(20) == 0 and keyed(link, ends),
           'the agent of the leader starts again, and gives a new key')
        for end in range(2):
            slot = SLOTS.index(link.active(end)[-1])
            link.end_of(end, slot, 'kill')
            ok(ends.until(lambda _: words(ends.events[end], 'does it run')),
               'a wpa_supplicant of end %d is killed: it is said' % end)
            link.supply(end, slot)
            ok(ends.until(lambda _: keyed(link, ends) and link.ping(5) == 0),
               'it is there again, and keyed again')


def closed(link):
    with link.ends(1000, grace_ms=60000) as ends:
        ok(ends.rotated(1) and ends.until(lambda _: link.ping(3) == 0), 'a key with little grace')
        ends.order('cut')
        ends.order('skip 400000')
        ok(ends.until(lambda last: last[0]['closed'] and last[1]['closed']) and
           ends.until(lambda _: link.ping(5) == 5), 'its grace is over: nothing goes through')
        ok(link.keys(0) == link.keys(1) == [] and
           link.cipher_of(0) == link.cipher_of(1) == (0, 0),
           'no key and no secure association is left')
        kinds, lost = link.seen_on_link(20)
        ok(lost == 20 and kinds <= {MKA}, 'and nothing leaves in the clear')
        ends.order('mend')
        ok(ends.until(lambda last: not last[0]['closed'] and not last[1]['closed']) and
           ends.until(lambda _: link.ping(3) == 0), 'until there is a new key')


def closed_without(link):
    """What a killed wpa_supplicant leaves in the kernel goes on, and ends with the grace."""
    with link.ends(1000, grace_ms=60000) as ends:
        ok(ends.rotated(1) and ends.until(lambda _: link.ping(3) == 0), 'a key with little grace')
        ends.order('cut')
        for end in range(2):
            for slot in range(2):
                link.end_of(end, slot, 'kill')
        ok(link.ping(10) == 0, 'all wpa_supplicants are killed: the kernel goes on')
        ends.order('skip 400000')
        ok(ends.until(lambda last: last[0]['closed'] and last[1]['closed']) and
           ends.until(lambda _: link.ping(5) == 5), 'until the grace is over')
        for end in range(2):
            for slot in range(2):
                link.supply(end, slot)
        ends.order('mend')
        ok(ends.until(lambda last: not last[0]['closed'] and not last[1]['closed']) and
           ends.until(lambda _: link.ping(3) == 0), 'they are there again: there is a new key')


def test(folder):
    with Link(folder) as link:
        ok(link.ping(5) == 5, 'without a key nothing passes')
        without_key(link)
        under_traffic(link)
        hostile_keys(link)
        hostile_times(link)
        closed(link)
        closed_without(link)


main('macsec', test)
