#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hubs that lie, are silent or dead, in a lab of real processes.

usage: hub_faults.py BUILD HUBS THRESHOLD

With up to t = min(k - 1, n - k) of them keys agree, and who lied is named and nobody else; with one
more there is no key, and a clear error.
"""

import json
import os
import signal
import socket
import sys
import threading
import time

from lab_harness import Lab, Tap, ask, until

N, K = int(sys.argv[2]), int(sys.argv[3])
T = min(K - 1, N - K)

# mode: the events that name a hub in it. None: it does nothing that can be told from honesty.
NAMED = {
    'bad-share': {'inconsistent_share'},
    'bad-w': {'inconsistent_share'},
    'bad-tag': {'inconsistent_share'},
    'bad-confirm': {'bad_confirmation'},
    'replay': {'inconsistent_share'},
    'swap-shares': {'inconsistent_share'},
    'wrong-sender': {'inconsistent_share', 'hub_unreachable'},
    'wrong-purpose': {'inconsistent_share'},
    'wrong-time': None,
    'redirect': {'hub_unreachable'},
    'silent': {'hub_unreachable'},
}
ACCUSING = {'inconsistent_share', 'bad_confirmation', 'share_refused', 'hub_unreachable'}

tap = Tap()


class Listener(threading.Thread):
    """The events of one agent, from now on."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.events = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.socket.sendall(b'{"id":1,"op":"subscribe"}\n')
        self.lines = self.socket.makefile('rb')
        assert b'subscribed' in self.lines.readline()
        self.start()

    def run(self):
        for line in self.lines:
            event = json.loads(line).get('event')
            if event is not None:
                self.events.append(event)

    def accused(self):
        return {(e['hub'], e['name']) for e in list(self.events)
                if e['hub'] and e['name'] in ACCUSING}


class Scene:
    def __init__(self, lab):
        self.lab = lab
        self.hubs = ['hub%d' % (i + 1) for i in range(N)]
        self.listeners = [Listener(lab.socket(a)) for a in ['agent1', 'agent2']]
        self.serial = 0

    def modes(self, modes):
        """Hub names to modes; all others are honest. Restarts those that change."""
        path = self.lab.path('lab.json')
        with open(path, encoding='utf-8') as f:
            lab = json.load(f)
        changed = []
        for name, hub in zip(self.hubs, lab['hubs']):
            if hub.get('mode', '') != modes.get(name, ''):
                hub['mode'] = modes.get(name, '')
                changed.append(name)
        for name in changed:
            self.lab.stop(name)
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(lab, f)
        for name in changed:
            self.lab.start(name)
        self.wait_legs(self.hubs)

    def wait_legs(self, hubs):
        for agent in ['agent1', 'agent2']:
            for hub in hubs:
                assert self.lab.up(agent, hub), (agent, hub, self.lab.leg(agent, hub))

    def purpose(self):
        """A new one: its keys are made from now on."""
        self.serial += 1
        return 'app:t%d' % self.serial

    def get(self, a, b, purpose, wait_ms):
        return ask(self.lab.socket(a), op='get', peer=b, purpose=purpose, count=4,
                   require=['confirmed'], wait_ms=wait_ms)

    def keys_agree(self, a='agent1', b='agent2'):
        """None when fresh keys are the same at both ends; otherwise what is wrong."""
        purpose = self.purpose()
        got = self.get(a, b, purpose, 40000)
        if 'keys' not in got:
            return got
        ids = [key['key_id'] for key in got['keys']]
        # The end of the block's judging, for the interval.
        fetched = ask(self.lab.socket(b), op='fetch', peer=a, purpose=purpose, key_ids=ids)
        if 'keys' not in fetched:
            return fetched
        ours, theirs = ([(k['key_id'], k['key']) for k in keys['keys']] for keys in (got, fetched))
        self.fetched = fetched['keys']
        return None if sorted(ours) == sorted(theirs) else 'the keys differ'

    def both_ways(self):
        return [self.keys_agree('agent1', 'agent2'), self.keys_agree('agent2', 'agent1')]


def liars(scene, count, turn):
    """Some hubs, others each time."""
    return [scene.hubs[(turn + i) % N] for i in range(count)]


def test_mode(scene, mode, turn):
    chosen = liars(scene, T, turn)
    scene.modes({name: mode for name in chosen})
    for listener in scene.listeners:
        listener.events.clear()
    for attempt in range(3):
        wrong = scene.both_ways()
        if any(wrong):
            break
    tap.equal('%s at %s: keys agree' % (mode, ' '.join(chosen)), wrong, [None, None])
    wanted = NAMED[mode]
    if wanted is not None:
        missing = until(lambda: not unnamed(scene, chosen, wanted), 20)
        tap.check('%s: each of them is named' % mode, missing, unnamed(scene, chosen, wanted))
    others = {(hub, name) for listener in scene.listeners for hub, name in listener.accused()
              if hub not in chosen}
    tap.equal('%s: nobody else is' % mode, others, set())


def unnamed(scene, chosen, wanted):
    """Liars that no agent has named."""
    named = {hub for listener in scene.listeners for hub, name in listener.accused()
             if name in wanted}
    return [hub for hub in chosen if hub not in named]


def test_time(scene):
    """The reported interval never leaves the time in which honest hubs had the shares."""
    chosen = liars(scene, T, 1)
    scene.modes({name: 'wrong-time' for name in chosen})
    known = 0
    for _ in range(5):
        before = time.time() * 1000 - 1
        assert scene.keys_agree() is None
        after = time.time() * 1000 + 1
        for key in scene.fetched:
            if key['interval'] is None:
                continue
            known += 1
            low, high = key['interval']
            if not before <= low <= high <= after:
                tap.check('the interval stays in the honest range', False, key['interval'])
                return
    tap.check('the interval stays in the honest range, and is known', known)


def test_mixed(scene):
    """Different faults at the same time."""
    if T < 2:
        return
    chosen = liars(scene, T, 2)
    scene.modes(dict(zip(chosen, ['bad-share', 'bad-tag', 'silent'])))
    tap.equal('different faults at once: keys agree', scene.both_ways(), [None, None])


def no_key(scene, what):
    began = time.monotonic()
    answer = scene.get('agent1', 'agent2', scene.purpose(), 4000)
    error = answer.get('error', {})
    tap.equal('%s: no key' % what, (error.get('class'), error.get('code')),
              ('again', 'pool_empty'))
    tap.check('%s: the error says why and what to do' % what,
              'hub' in error.get('message', '') and error.get('do'), error)
    print('# %.1f s: %s' % (time.monotonic() - began, error), flush=True)


def test_too_many(scene):
    """One fault more than can be borne, and none of them in concert with another."""
    chosen = liars(scene, N - K + 1, 0)
    scene.modes({name: 'bad-share' for name in chosen})
    no_key(scene, '%d hubs lie' % len(chosen))
    tap.check('the responder says so', until(lambda: any(
        e['name'] == 'block_failed' for e in scene.listeners[1].events), 20))
    scene.modes({})
    tap.equal('honest again: keys', scene.both_ways(), [None, None])


def test_dead(scene):
    """As many dead as can be, then one more, then they come back."""
    scene.modes({})
    for listener in scene.listeners:
        listener.events.clear()
    chosen = liars(scene, N - K, 1)
    for name in chosen:
        scene.lab.kill(name)
    tap.equal('%d hubs killed: keys' % len(chosen), scene.both_ways(), [None, None])
    tap.check('each is reported unreachable', until(
        lambda: not unnamed(scene, chosen, {'hub_unreachable'}), 20))
    states = [scene.lab.leg('agent1', name)['state'] for name in chosen]
    tap.check('and its leg is not up', 'up' not in states, states)
    more = [name for name in scene.hubs if name not in chosen][0]
    scene.lab.kill(more)
    no_key(scene, '%d hubs killed' % (len(chosen) + 1))
    for name in chosen + [more]:
        scene.lab.start(name)
    tap.check('started again: keys', until(
        lambda: scene.both_ways() == [None, None], 60))


def test_stopped(scene):
    """A hub that hangs with its connections open."""
    with open(scene.lab.path(scene.hubs[-1], 'pid'), encoding='ascii') as f:
        pid = int(f.read().split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        tap.equal('one hub hangs: keys', scene.both_ways(), [None, None])
    finally:
        os.kill(pid, signal.SIGCONT)


def main():
    with Lab(hubs=N, threshold=K, agents=3, pad='4MiB') as lab:
        scene = Scene(lab)
        cases = []
        for turn, mode in enumerate(NAMED):
            def case(mode=mode, turn=turn):
                test_mode(scene, mode, turn)
            case.__name__ = mode
            cases.append(case)
        cases += [lambda: test_time(scene), lambda: test_mixed(scene), lambda: test_stopped(scene),
                  lambda: test_dead(scene), lambda: test_too_many(scene)]
        tap.run(cases)
    tap.end()


main()
