# SPDX-License-Identifier: Apache-2.0
"""Real MACsec with static keys, in two network namespaces: keys change under a ping, none is lost.

usage: macsec_static.py BUILD

No wpa_supplicant and no MKA: the keys are put into the kernel's interface. To be run in a kernel
that has MACsec: see tools/check-kernel.
"""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'system',
                                'rotation'))

from rotation_harness import SPACES, TAG, Ends, Spaces, enter, inside, main, ok  # noqa: E402

DEVICE = 'macsec0'
SWITCHING, PROVING = 6, 7  # of enum skex_rotation_state
WATCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'macsec_watch.py')


class Link(Spaces):
    """A MACsec interface in each namespace."""

    tunnel = ['10.66.0.1', '10.66.0.2']
    cipher = 'gcm-aes-256'

    def __init__(self, folder):
        super().__init__(folder)
        self.watches = []

    @staticmethod
    def below(end):
        return 'v%s%s' % ('ab'[end], TAG)

    def start(self, end):
        # What would be on the link besides.
        inside(end, 'sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1')
        inside(end, 'ip', 'link', 'add', 'nlmon0', 'type', 'nlmon')
        inside(end, 'ip', 'link', 'set', 'nlmon0', 'up')
        self.watches.append(subprocess.Popen([*enter(end), sys.executable, WATCH, self.below(end)],
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             text=True))
        self.watches[end].stdout.readline()
        self.make(end)

    def make(self, end):
        """What an operator does once, before there is any key."""
        inside(end, 'ip', 'link', 'add', 'link', self.below(end), DEVICE, 'type', 'macsec',
               'cipher', self.cipher, 'encrypt', 'on', 'replay', 'on', 'window', '32')
        inside(end, 'ip', 'addr', 'add', self.tunnel[end] + '/24', 'dev', DEVICE)
        inside(end, 'ip', 'link', 'set', DEVICE, 'up')

    @staticmethod
    def remove(end):
        inside(end, 'ip', 'link', 'del', DEVICE)

    def stop(self, end):
        self.watches[end].stdin.close()
        self.watches[end].wait()
        self.watches[end].stdout.close()

    @staticmethod
    def set(end, *words):
        inside(end, 'ip', 'link', 'set', DEVICE, 'type', 'macsec', *words)

    @staticmethod
    def shown(end):
        """Of the interface: the association that sends; number: (key, next packet number) of those
        that are there to send, and to receive."""
        encoding, sends, receives, into = None, {}, {}, None
        for line in inside(end, 'ip', 'macsec', 'show', DEVICE).split('\n'):
            channel = re.search(r'([TR])XSC: \w+(?:.* on SA (\d))?', line)
            if channel:
                into = sends if channel.group(1) == 'T' else receives
                encoding = int(channel.group(2)) if channel.group(2) else encoding
            found = re.search(r'(\d): PN (\d+), state \w+,.* key (\w+)', line)
            if found:
                into[int(found.group(1))] = (found.group(3), int(found.group(2)))
        return encoding, sends, receives

    @staticmethod
    def sci(end):
        return re.search(r'TXSC: (\w+)', inside(end, 'ip', 'macsec', 'show', DEVICE)).group(1)

    def ends(self, period_ms, peers=None, kind='macsec-static', **options):
        peers = peers or [self.sci(1), self.sci(0)]
        arguments = []
        for end in range(2):
            arguments += [DEVICE, peers[end], '/run/netns/' + SPACES[end]]
        return Ends(kind, arguments, period_ms, **options)

    def seen(self):
        """What was seen at each end since the beginning: macsec_watch.py has the words."""
        for watch in self.watches:
            watch.stdin.write('\n')
            watch.stdin.flush()
        return [json.loads(watch.stdout.readline()) for watch in self.watches]

    def watched(self, what):
        """What it gives; and meanwhile frames on the link, and those of them not protected."""
        before = self.seen()[1]
        given = what()
        after = self.seen()[1]
        return given, [after[name] - before[name] for name in ('frames', 'clear')]

    def once(self):
        """No key was put in twice, and none came twice with one packet number: each end counts by
        the ids of keys, for as long as the test runs, and so sees both."""
        seen = self.seen()
        for end, of in enumerate(seen):
            print('# end %d: %d keys, %d frames' % (end, of['keys'], of['sent']))
            for text in of['wrong']:
                print('# end %d: %s' % (end, text), flush=True)
        return all(of['keys'] > 0 and of['sent'] > 0 and not of['wrong'] for of in seen)


def keyed(link, ends):
    """Both ends have the active key, under the same number, and nothing else."""
    ends.read(0)
    active = ends.last[0]['active']
    (a, a_sends, a_receives), (b, b_sends, b_receives) = link.shown(0), link.shown(1)
    tables = [a_sends, a_receives, b_sends, b_receives]
    return active == ends.last[1]['active'] != '' and a == b and \
        all(list(table) == [a] and table[a][0] == active for table in tables)


def empty(link):
    return all(link.shown(end)[1:] == ({}, {}) for end in range(2))


def passes(link):
    return link.ping(3) == 0


def up(link, ends, times=1):
    return ends.rotated(times) and ends.until(lambda _: passes(link) and keyed(link, ends))


def said(ends, end, text):
    return any(text in line for line in ends.events[end])


def failed(ends):
    return ends.until(lambda last: last[0].get('failures', 0) >= 1 and last[0]['state'] == 0)


def tries(ends):
    """Another key at each end is tried. What is tried after that finds no key, until `keys`."""
    return ends.until(lambda last: last[0].get('state') in (SWITCHING, PROVING)) and \
        ends.order('keyless')


def without_key(link):
    with link.ends(3600000) as ends:
        ends.order('wrong')
        ok(tries(ends) and link.ping(40) == 40, 'another key at each end passes no frame')
        ok(failed(ends) and ends.last[0]['rotations'] == 0, 'and is never called active')
        ends.order('keys')
        ok(up(link, ends), 'the next round has the same: frames pass')
        lost, (frames, clear) = link.watched(lambda: link.ping(20))
        ok(lost == 0 and frames >= 40 and clear == 0,
           'all of them are protected (%d frames)' % frames)


def under_traffic(link):
    with link.ends(4000) as ends:
        ok(up(link, ends), 'a key that both ends have, and no other')
        numbers = set()
        before = ends.last[0]['rotations']
        lost, (frames, clear) = link.watched(lambda: link.ping(1400))
        ends.order('mend')  # and with its answer all that was said before is read
        rotations = ends.last[0]['rotations'] - before
        print('# lost %d in %d rotations, %d frames' % (lost, rotations, frames))
        ok(lost == 0, 'no packet at 50 ms is lost')
        ok(rotations >= 10 and ends.most_failures == 0, 'in ten rotations, of which none failed')
        ok(clear == 0, 'no frame is in the clear')
        ok(ends.until(lambda _: numbers.add(link.shown(0)[0]) or len(numbers) == 4),
           'association numbers take turns')


def hostile_keys(link):
    with link.ends(3600000) as ends:
        ok(up(link, ends), 'a key that stays')
        first = ends.last[0]['active']
        ends.order('keyless')
        ends.order('order')
        ok(failed(ends) and link.ping(20) == 0 and ends.last[0]['active'] == first,
           'the follower finds no key: the old one stays at work')
        ends.order('keys')
        ok(up(link, ends, 2), 'it finds one')
        second = ends.last[0]['active']
        ends.order('wrong')
        ends.order('order')
        ok(tries(ends), 'another key at each end')
        lost = link.ping(200)
        print('# lost %d of 200 while another key is tried' % lost)
        ok(lost <= 2, 'is tried with a frame now and then, and traffic goes on under the old one')
        ok(failed(ends) and ends.last[0]['active'] == second and
           said(ends, 0, 'nothing comes in under the new key'), 'and it is never called active')
        ends.order('keys')
        ok(up(link, ends, 3), 'the next round has the same')


def starts(link):
    with link.ends(3600000) as ends:
        ok(up(link, ends), 'a key')
        key = ends.last[0]['active']
        ends.order('start 1')
        ok(link.ping(20) == 0 and ends.rest() and keyed(link, ends) and
           ends.last[1]['active'] == key, 'the agent of the follower starts again: nothing happens')
        ends.order('start 0')
        ok(ends.until(lambda last: last[0]['active'] == last[1]['active'] != key) and
           ends.rest() and link.ping(20) == 0 and keyed(link, ends),
           'the agent of the leader starts again, and gives a new key')
        for end in range(2):
            key = ends.last[0]['active']
            link.remove(end)
            ok(ends.until(lambda _: said(ends, end, 'there is no MACsec interface')),
               'the interface of end %d is gone: it is said' % end)
            ends.events[end].clear()
            link.make(end)
            ok(ends.until(lambda _: passes(link) and keyed(link, ends)) and
               ends.last[0]['active'] != key, 'it is made anew: a new key, not the old one')
            key = ends.last[0]['active']
            number = link.shown(end)[0]
            inside(end, 'ip', 'macsec', 'set', DEVICE, 'tx', 'sa', str(number), 'off')
            inside(end, 'ip', 'macsec', 'del', DEVICE, 'tx', 'sa', str(number))
            ok(ends.until(lambda _: passes(link) and keyed(link, ends)) and
               ends.last[0]['active'] != key, 'its association is removed by hand: a new key')
            key = ends.last[0]['active']
            link.set(end, 'encodingsa', str((link.shown(end)[0] + 1) % 4))
            ok(ends.until(lambda _: passes(link) and keyed(link, ends)) and
               ends.last[0]['active'] == key, 'another one is made to send: it is put right')


def each_tries_another(ends):
    """For each end: a round is begun in which the two have another key each to try."""
    for end in range(2):
        before = ends.last[0]['rotations'], ends.last[0]['active']
        ends.order('wrong')
        ends.order('order')
        yield (end,) + before


def anew_in_a_round(link):
    """The interface is made anew while a key is tried: neither that nor the old one comes again."""
    with link.ends(3600000) as ends:
        ok(up(link, ends), 'a key')
        for end, times, key in each_tries_another(ends):
            ends.until(lambda last: last[0]['state'] in (SWITCHING, PROVING))
            tried = {found[0] for found in link.shown(end)[1].values()}
            link.remove(end)
            link.make(end)
            seen = set()

            def third(last):
                seen.update(found[0] for found in link.shown(end)[1].values())
                return last[0]['rotations'] > times and last[0]['state'] == 0

            ok(len(tried) == 2 and key in tried and ends.until(third) and up(link, ends) and
               not seen & tried and ends.last[0]['active'] in seen,
               'the interface of end %d is made anew in a round: a third key' % end)


def undone(link):
    """What is tried is removed by hand: the key in use stays."""
    with link.ends(3600000) as ends:
        ok(up(link, ends), 'a key')
        for end, times, key in each_tries_another(ends):
            ok(tries(ends), 'another key at each end')
            number = next(an for an, (of, _) in link.shown(end)[2].items() if of != key)
            of = [DEVICE, 'rx', 'sci', link.sci(1 - end), 'sa', str(number)]
            inside(end, 'ip', 'macsec', 'set', *of, 'off')
            try:
                inside(end, 'ip', 'macsec', 'del', *of)
            except subprocess.CalledProcessError:
                # The end has seen it already, and has given the round up.
                if number in link.shown(end)[2]:
                    raise
            ok(failed(ends) and link.ping(20) == 0 and ends.last[0]['active'] == key and
               ends.last[1]['active'] == key, 'end %d loses it: the old one stays at work' % end)
            ends.order('keys')
            ok(up(link, ends, times + 1), 'until the next round')


def volume(link):
    with link.ends(3600000) as ends:
        for end in range(2):
            ok(up(link, ends), 'a key')
            times = ends.last[0]['rotations']
            inside(end, 'ip', 'macsec', 'set', DEVICE, 'tx', 'sa', str(link.shown(end)[0]), 'pn',
                   str(1 << 31))
            ok(link.ping(3) == 0 and up(link, ends, times + 1) and
               link.shown(end)[1][link.shown(end)[0]][1] < 1000,
               'half the packet numbers of end %d are used up: there is a new key' % end)
        ends.order('cut')
        inside(0, 'ip', 'macsec', 'set', DEVICE, 'tx', 'sa', str(link.shown(0)[0]), 'pn',
               str((1 << 32) - 10))
        # For longer than it takes until the agent looks.
        lost, (_, clear) = link.watched(lambda: link.ping(300))
        number = link.shown(0)[0]
        ok(lost >= 285 and clear == 0 and link.shown(0)[1][number][1] == 0,
           'all are, and no new key is to be had: nothing is sent any more')
        ok(ends.until(lambda _: said(ends, 0, 'are used up')), 'and it is said')
        ends.order('mend')
        ok(ends.until(lambda _: passes(link) and keyed(link, ends)), 'until there is one')


def closed(link):
    with link.ends(1000, grace_ms=60000) as ends:
        ok(ends.rotated(1) and ends.until(lambda _: passes(link)), 'a key with little grace')
        ends.order('cut')
        ends.order('skip 400000')
        ok(ends.until(lambda last: last[0]['closed'] and last[1]['closed']) and
           ends.until(lambda _: empty(link)), 'its grace is over: no association is left')
        lost, (frames, clear) = link.watched(lambda: link.ping(20))
        ok(lost == 20 and frames == clear == 0, 'nothing passes, and nothing leaves in the clear')
        ends.order('mend')
        ok(ends.until(lambda last: not last[0]['closed'] and not last[1]['closed']) and
           ends.until(lambda _: passes(link)), 'until there is a new key')


def refused(link):
    own = link.sci(0)
    with link.ends(3600000, peers=[own, own]) as ends:
        ok(ends.until(lambda _: said(ends, 0, 'the same nonces')) and
           ends.last[0]['rotations'] == 0 and link.shown(0)[1:] == ({}, {}),
           'an end with the SCI of its peer does nothing')
    with link.ends(3600000, peers=[link.sci(1), '0200000000990001']) as ends:
        ok(failed(ends) and ends.last[0]['rotations'] == 0, 'a follower that expects another SCI')
        ok(all(pn == 1 for _, pn in link.shown(1)[1].values()), 'never sends anything')
    for words, back in ((['validate', 'check'], ['validate', 'strict']),
                        (['encrypt', 'off'], ['encrypt', 'on']),
                        (['protect', 'off'], ['protect', 'on'])):
        link.set(1, *words)
        with link.ends(3600000) as ends:
            ok(ends.until(lambda _: said(ends, 1, 'without protection')) and
               ends.last[0]['rotations'] == 0, 'an interface with %s gets no key' % ' '.join(words))
        link.set(1, *back)
    with link.ends(3600000, kind='macsec-static-128') as ends:
        ok(ends.until(lambda _: said(ends, 1, 'another cipher')) and
           ends.last[0]['rotations'] == 0, 'nor does one with another cipher')


def unsound(link):
    """What an interface becomes while it has a key."""
    def address(sci):
        return ':'.join(sci[i:i + 2] for i in range(0, 12, 2))

    with link.ends(3600000) as ends:
        ok(up(link, ends), 'a key')
        link.set(1, 'replay', 'off')
        ok(ends.until(lambda _: said(ends, 1, 'replay is off')), 'replay off is said')
        link.set(1, 'replay', 'on', 'window', '32')
        link.set(1, 'validate', 'check')
        ok(ends.until(lambda _: said(ends, 1, 'without protection')) and keyed(link, ends),
           'so is validate check')
        link.set(1, 'validate', 'strict')
        for end in range(2):
            key = ends.last[0]['active']
            own = link.sci(end)
            inside(end, 'ip', 'link', 'set', DEVICE, 'address', address(link.sci(1 - end)))
            # As Linux did until some 6.1.
            changed = link.sci(end) != own
            print('# its SCI %s' % ('changed' if changed else 'stays'))
            ok(not changed or ends.until(lambda _: said(ends, end, 'the same nonces') and
                                         link.shown(end)[1] == {}),
               'end %d is given the address of its peer: the SCI stays, or it sends no more' % end)
            inside(end, 'ip', 'link', 'set', DEVICE, 'address', address(own))
            ok(ends.until(lambda _: passes(link) and keyed(link, ends)) and
               (ends.last[0]['active'] != key) == changed, 'and has its own again')


def short(link):
    """GCM-AES-128, which is a name of its own in the kernel."""
    link.cipher = 'gcm-aes-128'
    for end in range(2):
        link.remove(end)
        link.make(end)
    with link.ends(3600000, kind='macsec-static-128') as ends:
        ok(up(link, ends), 'a key of 128 bits')


def test(folder):
    with Link(folder) as link:
        ok(link.ping(5) == 5, 'without a key nothing passes')
        for part in (without_key, under_traffic, hostile_keys, starts, anew_in_a_round, undone,
                     volume, closed, refused, unsound, short):
            print('# %s' % part.__name__, flush=True)
            part(link)
            ok(link.once(), 'no key was put in twice, and no nonce came twice')


main('macsec-static', test)
