#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hubs that lie, are silent or dead, in a lab of real processes.

usage: hub_faults.py BUILD HUBS THRESHOLD

With up to t = min(k - 1, n - k) of them keys agree, and who lied is named and nobody else; with one
more there is no key, and a clear error.  The slow modes run with every number of hubs if SKEX_LONG
is set, otherwise with t.
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

# mode: the events that name a hub in it. Empty: it does nothing that can be told from honesty.
NAMED = {
    'bad-share': {'inconsistent_share'},
    'bad-w': {'inconsistent_share'},
    'bad-tag': {'inconsistent_share'},
    'bad-confirm': {'bad_confirmation'},
    'replay': {'inconsistent_share'},
    'swap-shares': {'inconsistent_share'},
    'wrong-purpose': {'inconsistent_share'},
    'wrong-time': set(),
    'redirect': {'hub_unreachable'},
    'silent': {'hub_unreachable'},
    'wrong-sender': {'hub_unreachable'},
}
ACCUSING = {'inconsistent_share', 'bad_confirmation', 'share_refused', 'hub_unreachable'}

AGENTS = ['agent1', 'agent2', 'agent3']
LONG = 100  # seconds; what a condition is given that has to come true
# Blocks of which too few shares come are given up after 45 s.  The simulator waits for that always.
PATIENT = bool(os.environ.get('SKEX_LONG'))

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
        self.fetched = []
        self.hubs = ['hub%d' % (i + 1) for i in range(N)]
        self.serial = 0
        for agent in AGENTS:
            self.small_pools(agent)
        self.wait_legs()
        self.listeners = [Listener(lab.socket(a)) for a in AGENTS[:2]]

    def small_pools(self, agent):
        """Each case takes keys of purposes of its own; two blocks a pool spare the pads."""
        with open(self.lab.config(agent), 'a', encoding='utf-8') as f:
            f.write('pool = { low = 32; high = 64; reserve = 0; };\n')
        self.lab.stop(agent)
        self.lab.start(agent)

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
        self.wait_legs()

    def honest(self):
        """
        All hubs are honest again, and a block came through all of them to both agents: from here on
        no hub is told to be silent for what was before.
        """
        self.modes({})
        tap.check('honest again: keys through all hubs',
                  self.interval('agent1', 'agent2') and self.interval('agent2', 'agent1'))
        for listener in self.listeners:
            listener.events.clear()

    def wait_legs(self):
        for agent in AGENTS:
            for hub in self.hubs:
                def up(agent=agent, hub=hub):
                    return self.lab.leg(agent, hub).get('state') == 'up'
                assert until(up, LONG), (agent, hub, self.lab.leg(agent, hub))

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
        got = self.get(a, b, purpose, LONG * 1000)
        if 'keys' not in got:
            return got
        ids = [key['key_id'] for key in got['keys']]
        fetched = ask(self.lab.socket(b), op='fetch', peer=a, purpose=purpose, key_ids=ids)
        if 'keys' not in fetched:
            return fetched
        self.fetched = fetched['keys']
        ours, theirs = ([(k['key_id'], k['key']) for k in keys['keys']] for keys in (got, fetched))
        return None if sorted(ours) == sorted(theirs) else 'the keys differ'

    def interval(self, a, b):
        """
        That of a fresh key at b; with these n and k it is known once the shares of all hubs are
        there.
        """
        def known():
            return self.keys_agree(a, b) is None and self.fetched[0]['interval']
        return until(known, LONG)

    def both_ways(self):
        return [self.keys_agree('agent1', 'agent2'), self.keys_agree('agent2', 'agent1')]

    def told(self, agent, name, words):
        """An event of this name whose text has all the words."""
        return any(e['name'] == name and all(word in e['text'] for word in words)
                   for e in list(self.listeners[agent].events))

    def accused(self, but=()):
        """What either agent told: hubs, but these, with the event."""
        return {one for listener in self.listeners for one in listener.accused()
                if one[0] not in but}


def liars(scene, count, turn):
    """Some hubs, others each time."""
    return [scene.hubs[(turn + i) % N] for i in range(count)]


def test_mode(scene, mode, count, turn):
    chosen = liars(scene, count, turn)
    what = '%s at %s' % (mode, ' '.join(chosen))
    scene.modes({name: mode for name in chosen})
    tap.equal('%s: keys agree' % what, scene.both_ways(), [None, None])
    # Some lies show in many blocks only: a hub brings nothing, or its share comes too late.
    tap.check('%s: each is named' % what, until(
        lambda: not unnamed(scene, chosen, NAMED[mode]) or any(scene.both_ways()), LONG, 0.2) and
        not unnamed(scene, chosen, NAMED[mode]), unnamed(scene, chosen, NAMED[mode]))
    tap.equal('%s: nobody else is named' % what, scene.accused(but=chosen), set())
    scene.honest()


def unnamed(scene, chosen, wanted):
    """Liars that no agent has named by these events; if there are none there is nobody to name."""
    if not wanted:
        return []
    named = {hub for listener in scene.listeners for hub, name in listener.accused()
             if name in wanted}
    return [hub for hub in chosen if hub not in named]


def test_time(scene):
    """The reported interval never leaves the time in which honest hubs had the shares."""
    for count in range(1, T + 1):
        chosen = liars(scene, count, count)
        scene.modes({name: 'wrong-time' for name in chosen})
        for a, b in [('agent1', 'agent2'), ('agent2', 'agent1')]:
            before = time.time() * 1000 - 1
            low, high = scene.interval(a, b) or (0, 0)
            after = time.time() * 1000 + 1
            tap.check('wrong-time at %s: %s is told an interval in the honest range' %
                      (' '.join(chosen), b), before <= low <= high <= after, (low, high))
    scene.honest()


def test_mixed(scene):
    """Different faults at the same time."""
    if T < 2:
        return
    modes = dict(zip(liars(scene, T, 2), ['silent', 'bad-tag', 'bad-share']))
    scene.modes(modes)
    tap.equal('different faults at once: keys agree', scene.both_ways(), [None, None])

    def missed():
        return [hub for hub, mode in modes.items() if unnamed(scene, [hub], NAMED[mode])]
    tap.check('different faults at once: each is named', until(
        lambda: not missed() or any(scene.both_ways()), LONG, 0.2) and not missed(), missed())
    tap.equal('different faults at once: nobody else is named', scene.accused(but=modes), set())
    scene.honest()


def test_third(scene):
    """A hub hands another pair's shares to a third agent, who asks for the keys as well."""
    third = Listener(scene.lab.socket('agent3'))
    chosen = liars(scene, T, 0)
    scene.modes({name: 'redirect' for name in chosen})
    tap.equal('shares go astray: keys agree', scene.both_ways(), [None, None])
    tap.check('the third agent refuses them, and names the hubs', until(
        lambda: set(chosen) <= {hub for hub, name in third.accused() if name == 'share_refused'},
        LONG), third.events)
    purpose = scene.purpose()
    got = scene.get('agent1', 'agent2', purpose, LONG * 1000)['keys'][0]
    for peer in ['agent1', 'agent2']:
        answer = ask(scene.lab.socket('agent3'), op='fetch', peer=peer, purpose=purpose,
                     key_ids=[got['key_id']])
        tap.equal('the third agent gets no key from %s' % peer,
                  answer.get('error', {}).get('code'), 'unknown_key')
    fetched = ask(scene.lab.socket('agent2'), op='fetch', peer='agent1', purpose=purpose,
                  key_ids=[got['key_id']])
    tap.equal('the second does', fetched['keys'][0]['key'], got['key'])
    status = ask(scene.lab.socket('agent3'), op='status')['status']
    tap.check('the third agent has no pool of that purpose',
              purpose not in [pool['purpose'] for pool in status['pools']])
    scene.honest()


def no_key(scene, what, hubs):
    """No key, and an error that names these hubs, or some of them in a list that goes on."""
    answer = scene.get('agent1', 'agent2', scene.purpose(), 1000)
    error = answer.get('error', {})
    tap.equal('%s: no key' % what, (error.get('class'), error.get('code')),
              ('again', 'pool_empty'))
    tap.check('%s: the error names them' % what,
              all(hub in error.get('message', '') for hub in hubs), error)
    tap.check('%s: and says what to do' % what, 'skex' in error.get('do', ''), error)


# With one fault too many: whether the responder gives up at once, or after 45 s, because shares
# of a block that it knows of do not come.
TOO_MANY = {
    'bad-share': True,
    'bad-w': True,
    'bad-tag': True,
    'swap-shares': True,
    'silent': False,
    'redirect': False,
    'wrong-sender': False,
}
# These are borne at any number of hubs: of confirmations one that is right is enough, and who
# repeats shares has passed them on.  wrong-time takes no key away, and wrong-purpose is the same
# lie at all hubs: k of them are in concert.
BORNE = ['bad-confirm', 'replay']


def test_too_many(scene, mode):
    """One fault more than can be borne, and none of them in concert with another."""
    chosen = liars(scene, N - K + 1, list(TOO_MANY).index(mode))
    what = '%s at %d hubs' % (mode, len(chosen))
    scene.modes({name: mode for name in chosen})
    no_key(scene, what, chosen)
    if TOO_MANY[mode] or PATIENT:
        tap.check('%s: the responder says so, and through which hubs' % what, until(
            lambda hubs=chosen: scene.told(1, 'block_failed', hubs), LONG))
    tap.equal('%s: nobody honest is named' % what, scene.accused(but=chosen), set())
    scene.honest()


def test_borne(scene, mode):
    """One hub more than t in it: keys agree all the same, and each hub is named."""
    test_mode(scene, mode, N - K + 1, 0)


def test_dead(scene):
    """As many dead as can be, then one more, then they come back."""
    chosen = liars(scene, N - K, 1)
    for name in chosen:
        scene.lab.kill(name)
    tap.equal('%d killed: keys agree' % len(chosen), scene.both_ways(), [None, None])
    tap.check('%d killed: each is reported unreachable' % len(chosen), until(
        lambda: not unnamed(scene, chosen, {'hub_unreachable'}), LONG))
    tap.equal('%d killed: nobody else is' % len(chosen), scene.accused(but=chosen), set())
    states = [scene.lab.leg('agent1', name)['state'] for name in chosen]
    tap.check('%d killed: their legs are not up' % len(chosen), 'up' not in states, states)
    more = [name for name in scene.hubs if name not in chosen][0]
    scene.lab.kill(more)
    no_key(scene, '%d killed' % (len(chosen) + 1), chosen + [more])
    for name in chosen + [more]:
        scene.lab.start(name)
    scene.wait_legs()
    scene.honest()


def test_stopped(scene):
    """A hub that hangs with its connections open."""
    with open(scene.lab.path(scene.hubs[-1], 'pid'), encoding='ascii') as f:
        pid = int(f.read().split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        tap.equal('one hub hangs: keys agree', scene.both_ways(), [None, None])
        tap.check('it is reported unreachable', until(
            lambda: not unnamed(scene, scene.hubs[-1:], {'hub_unreachable'}) or
            any(scene.both_ways()), LONG, 0.2))
        tap.equal('nobody else is', scene.accused(but=scene.hubs[-1:]), set())
    finally:
        os.kill(pid, signal.SIGCONT)
    scene.wait_legs()
    scene.honest()


def test_made_up(scene):
    """Blocks of a wrong sender are given up after 45 s, and who made them up is named."""
    chosen = liars(scene, T, 0)
    scene.modes({name: 'wrong-sender' for name in chosen})
    for _ in range(5):
        tap.equal('blocks that are made up: keys agree', scene.both_ways(), [None, None])
    tap.check('blocks that are made up: each of the hubs is named', until(
        lambda: not unnamed(scene, chosen, {'inconsistent_share'}), LONG))
    tap.equal('blocks that are made up: nobody else is named',
              scene.accused(but=chosen), set())


def case(function, *arguments):
    """A function of a scene, for Tap.run."""
    def run():
        function(*arguments)
    run.__name__ = ' '.join([function.__name__] + [str(a) for a in arguments[1:]])
    return run


def counts(mode):
    """How many hubs misbehave: a hub that brings nothing is only known for it after seconds."""
    return range(1 if PATIENT or 'hub_unreachable' not in NAMED[mode] else T, T + 1)


def main():
    with Lab(hubs=N, threshold=K, agents=3, pad='4MiB') as lab:
        scene = Scene(lab)
        cases = [case(test_mode, scene, mode, count, turn) for turn, mode in enumerate(NAMED)
                 if mode != 'wrong-sender' for count in counts(mode)]
        cases += [case(test, scene) for test in [
            test_time, test_mixed, test_third, test_stopped, test_dead]]
        cases += [case(test_borne, scene, mode) for mode in BORNE]
        cases += [case(test_too_many, scene, mode) for mode in TOO_MANY
                  if mode != 'wrong-sender']
        # Last: what it made up is told 45 s later.
        cases += [case(test_mode, scene, 'wrong-sender', count, 0)
                  for count in counts('wrong-sender')]
        cases.append(case(test_too_many, scene, 'wrong-sender'))
        if PATIENT:
            cases.append(case(test_made_up, scene))
        tap.run(cases)
    tap.end()


main()
