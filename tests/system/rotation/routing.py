#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real BIRDs in two network namespaces: their keys for OSPF, BFD and BGP change.

usage: routing.py BUILD [ospf|bfd|tcp-md5]
"""

import functools
import os
import signal
import sys
import time
import uuid

from rotation_harness import LINK, main, ok
from routing_pair import NOBODY, Pair

SWITCHING, PROVING = 6, 7


def keyed(pair, ends, method):
    """Both ends have the active key, and no other."""
    ends.read(0)
    active = ends.last[0].get('active', '')
    return (active != '' and ends.last[1].get('active') == active and
            pair.birds.held(0, method) == pair.birds.held(1, method) and
            [key[2] for key in pair.birds.held(0, method)] == [str(uuid.UUID(active))])


def settled(pair, ends, method):
    return ends.rest() and ends.until(
        lambda _: keyed(pair, ends, method) and pair.birds.both_up(method)) and ends.rest()


def rotated_since(ends, done):
    return ends.until(lambda last: all(end['rotations'] > before
                                       for end, before in zip(last, done)))


def said(ends, end, text):
    return any(text in line for line in ends.events[end])


def taken_number(pair, ends, method):
    """A key whose own number the key before it has, so that it has the next one."""
    number, key = pair.birds.held(0, method)[0][1], os.urandom(16)
    while 1 + functools.reduce(lambda a, b: (a * 31 + b) % 255, key, 0) != int(number):
        key = os.urandom(16)
    ends.order('id ' + key.hex())
    ends.order('order')
    return ends.until(lambda last: last[1]['active'] == key.hex()) and settled(
        pair, ends, method) and int(pair.birds.held(0, method)[0][1]) == int(number) % 255 + 1


def hitless(pair, method, rotations):
    with pair.ends(method, period_ms=1000) as ends:
        ok(ends.until(lambda _: pair.birds.both_up(method)) and ends.rotated(1),
           '%s: the first key is agreed, and the neighbors are up' % method)
        before, left = pair.birds.held(0, method), pair.birds.left(method)
        most, numbers = 0, []
        while ends.last[0]['rotations'] < rotations + 1:
            if not ends.until(lambda last, n=ends.last[0]['rotations']: last[0]['rotations'] > n):
                break
            keys = pair.birds.held(0, method)
            most = max(most, len(keys))
            numbers.append(keys[0][1])
        ok(len(numbers) >= rotations and ends.most_failures == 0,
           '%s: there are %d more, none of which failed' % (method, rotations))
        ok(pair.birds.left(method) == left and pair.birds.both_up(method),
           '%s: no neighbor was left meanwhile' % method)
        ok(all(a != b for a, b in zip(numbers, numbers[1:])),
           '%s: the next key has another number' % method)
        ok(pair.birds.held(0, method) != before and most >= 2,
           '%s: the new key stood beside the old one, and took its place' % method)


def on_the_wire(pair):
    with pair.ends('ospf') as ends:
        ok(settled(pair, ends, 'ospf'), 'ospf: a key that stays')
        old = pair.birds.held(0, 'ospf')[0][1]
        with pair.sniff() as seen:
            time.sleep(5)  # more than a hello interval, as below
            ends.order('order')
            ok(ends.rotated(2) and settled(pair, ends, 'ospf'), 'ospf: and another one')
            time.sleep(5)
        new = pair.birds.held(0, 'ospf')[0][1]
        # 2: cryptographic.
        ok(set(seen) == {(link, '2', number) for link in LINK for number in (old, new)} and
           seen[-1][2] == new, 'ospf: every packet of both is authenticated, with these keys')
        ok(seen.index((LINK[0], '2', new)) < seen.index((LINK[1], '2', new)) and
           (LINK[1], '2', old) in seen[seen.index((LINK[0], '2', new)):],
           'ospf: the end that leads begins, and the other one takes both meanwhile')
        status = os.stat(pair.birds.keys(0, 'ospf'))
        ok(status.st_mode & 0o777 == 0o640, 'ospf: others cannot read it')
        secret = pair.birds.held(0, 'ospf')[0][0]
        text = ' '.join(ends.log + ends.events[0] + ends.events[1])
        ok(len(secret) == 64 and secret not in text, 'ospf: nobody is told the key')


def hostile_keys(pair, method):
    with pair.ends(method) as ends:
        ok(settled(pair, ends, method), '%s: a key that stays' % method)
        first, left = ends.last[0]['active'], pair.birds.left(method)
        ends.order('keyless')
        ends.order('order')
        ok(ends.until(lambda last: last[0]['failures'] >= 1 and last[0]['state'] == 0) and
           pair.birds.both_up(method) and keyed(pair, ends, method) and
           ends.last[0]['active'] == first,
           '%s: the follower finds no key: the old one stays at work' % method)
        ends.order('keys')
        ok(ends.rotated(2) and settled(pair, ends, method) and ends.last[0]['active'] != first,
           '%s: it finds one: both change' % method)
        second = ends.last[0]['active']
        ends.order('wrong')
        ends.order('order')
        ok(ends.until(lambda last: last[0]['failures'] >= 1) and
           ends.last[0]['rotations'] == 2 and ends.last[0]['active'] == second,
           '%s: another key at each end is never called active' % method)
        if method == 'ospf':
            ok(said(ends, 1, 'nothing is taken from the neighbor with the new key') and
               pair.birds.left(method) == left,
               'ospf: it is said, and no neighbor was left')
        ok(ends.rotated(3) and settled(pair, ends, method) and
           ends.last[0]['active'] not in (first, second),
           '%s: the next round has the same' % method)


def restarts(pair, method):
    with pair.ends(method) as ends:
        ok(settled(pair, ends, method), '%s: a key' % method)
        left = pair.birds.left(method)
        ends.order('start 1')
        ok(ends.rest() and settled(pair, ends, method),
           '%s: the agent of the follower starts again, and the key is the same' % method)
        before = ends.last[0]['active']
        ends.order('start 0')
        ok(ends.until(lambda last: last[0]['active'] == last[1]['active'] != before) and
           settled(pair, ends, method),
           '%s: the agent of the leader starts again, and gives a new key' % method)
        if method != 'tcp-md5':
            ok(pair.birds.left(method) == left, '%s: no neighbor was left' % method)
        for end, how in ((0, signal.SIGKILL), (1, signal.SIGTERM)):
            done = [last['rotations'] for last in ends.last]
            ends.order('order')
            ends.until(lambda last: last[0]['state'] != 0)
            pair.birds.stop(end, how)
            pair.birds.start(end)
            # The round that was interrupted may have failed, and the next one comes a little later.
            ok(rotated_since(ends, done) and settled(pair, ends, method),
               '%s: BIRD of end %d is started again after signal %d, in a rotation: it has the '
               'key' % (method, end, how))
        if method != 'tcp-md5':
            ok(taken_number(pair, ends, method),
               '%s: the next key has another number than the one in use' % method)
        for end in range(2):
            before = pair.birds.held(end, method)
            with open(pair.birds.keys(end, method), 'w', encoding='ascii') as f:
                f.write('# nothing\n')
            ok(ends.until(lambda _: pair.birds.held(end, method) == before) and
               settled(pair, ends, method),
               '%s: the file of end %d is overwritten, and mended' % (method, end))


def absent(pair, method):
    for end in range(2):
        with pair.ends(method) as ends:
            ok(settled(pair, ends, method), '%s: a key' % method)
            pair.birds.stop(end)
            before = ends.last[0]['rotations']
            ends.order('order')
            ok(ends.until(lambda _: said(ends, end, 'is BIRD running, and may') and
                          said(ends, 1 - end, 'is BIRD running at the other end')),
               '%s: BIRD of end %d is not there: both say so' % (method, end))
            ok(ends.last[0]['rotations'] == before, '%s: and no key is called active' % method)
            pair.birds.start(end)
            ok(ends.until(lambda last: last[0]['rotations'] > before) and
               settled(pair, ends, method), '%s: it is back: there is a new key' % method)


def closed(pair, method):
    with pair.ends(method, grace_ms=60000) as ends:
        ok(settled(pair, ends, method), '%s: a key with little grace' % method)
        ends.order('cut')
        ends.order('skip 4000000')
        ok(ends.until(lambda last: all(
            last[end]['closed'] and not pair.birds.is_up(end, method) and
            [key[2] for key in pair.birds.held(end, method)] == [NOBODY] for end in range(2))),
           '%s: when its grace is over the neighbors are not up' % method)
        ends.order('mend')
        ok(ends.until(lambda last: not last[0]['closed'] and not last[1]['closed']) and
           settled(pair, ends, method), '%s: until there is a new key' % method)


def stranger(pair, method):
    """A neighbor with another key under the same number, and no agent that would mend it."""
    with pair.ends(method) as ends:
        ok(settled(pair, ends, method), '%s: a key' % method)
    secret = pair.birds.held(1, method)[0][0]
    with open(pair.birds.keys(1, method), encoding='ascii') as f:
        text = f.read()
    with open(pair.birds.keys(1, method), 'w', encoding='ascii') as f:
        f.write(text.replace(secret, secret[1:] + secret[0]))
    pair.birds.birdc(1, 'configure')
    end = time.monotonic() + 60
    while (pair.birds.is_up(0, method) or pair.birds.is_up(1, method)) and \
            time.monotonic() < end:
        time.sleep(0.2)
    ups = 0
    for _ in range(40):
        ups += pair.birds.is_up(0, method) + pair.birds.is_up(1, method)
        time.sleep(0.2)
    ok(ups == 0, '%s: a neighbor with another key is lost, and does not come up' % method)


def misconfigured(pair, method):
    with pair.ends(method) as ends:
        ok(settled(pair, ends, method), '%s: a key' % method)
        for edit, words in (
                (lambda text: text.replace('include "%s"' % pair.birds.keys(1, method), '#'),
                 'it does not read ' + pair.birds.keys(1, method)),
                (lambda text: text + 'nonsense;\n', 'it does not take its configuration')):
            before = ends.last[0]['rotations']
            with pair.birds.edited(1, edit):
                ends.order('order')
                ok(ends.until(lambda _, w=words: said(ends, 1, w)) and
                   ends.last[0]['rotations'] == before,
                   '%s: "%s" is said, and no key called active' % (method, words.split('/')[0]))
            ok(ends.until(lambda last, n=before: last[0]['rotations'] > n) and
               settled(pair, ends, method), '%s: it is mended: there is a new key' % method)


def one_place(pair, method, rotations):
    """A new key resets the session, and it comes back."""
    with pair.ends(method, period_ms=1000) as ends:
        ok(ends.rotated(1) and ends.until(lambda _: pair.birds.both_up(method)),
           '%s: the first key is agreed, and the session is up' % method)
        left = pair.birds.left(method)
        ok(ends.rotated(rotations + 1) and ends.most_failures == 0,
           '%s: there are %d more, none of which failed' % (method, rotations))
        ok(pair.birds.left(method) > left, '%s: each has reset the session' % method)
    with pair.ends(method) as ends:
        ok(settled(pair, ends, method), '%s: and it is up again' % method)


def without_ao(pair):
    """Neither BIRD of Debian 12 nor its kernel can do TCP-AO."""
    with pair.ends('tcp-ao') as ends:
        ok(ends.until(lambda _: said(ends, 0, 'its version 2.0 has no TCP-AO') and
                      said(ends, 1, 'its version 2.0 has no TCP-AO')),
           'tcp-ao: a BIRD that cannot do it is told apart')
        ok(ends.last[0].get('rotations', 0) == 0 and
           not any(pair.birds.held(end, 'tcp-ao') for end in range(2)),
           'tcp-ao: and gets nothing that it would not read')


def test(folder):
    with Pair(folder) as pair:
        for method in sys.argv[2:] or ('ospf', 'bfd', 'tcp-md5'):
            if method == 'tcp-md5':
                without_ao(pair)
                one_place(pair, method, 3)
            else:
                hitless(pair, method, 10)
            if method == 'ospf':
                on_the_wire(pair)
            hostile_keys(pair, method)
            restarts(pair, method)
            closed(pair, method)
            stranger(pair, method)
            if method != 'bfd':
                absent(pair, method)
                misconfigured(pair, method)


if __name__ == '__main__':
    main('routing', test)
