#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a real responder refuses from an initiator in Python that breaks the rules."""

import os
import re
from dataclasses import replace

from agent_initiator import Run
from agent_messages import Share
from agent_whole import Agent
from distributed_scene import PROFILE, REAL, Scene, tap, wait_for

FIRST = 'hub1'


class LyingRun(Run):
    """change(share, index) is what a hub is sent instead."""

    change = None

    def altered(self, share, index):
        return type(self).change(share, index) if type(self).change else share

    def start(self):
        if type(self).common_of:
            self.common = type(self).common_of(self.common)
        super().start()

    common_of = None

    mute = False

    def hear(self, confirm, i):
        before = self.state
        super().hear(confirm, i)
        if type(self).mute and self.state == 'COMMITTING' != before:
            kept = self.agent.confirms.kept[-1]
            self.answer = kept.message
            self.agent.confirms.remove(kept)


class Liar(Agent):
    """An agent whose runs break the rules that a test says."""

    run_class = LyingRun

    def lie(self, change=None, common_of=None, mute=False):
        LyingRun.change = staticmethod(change) if change else None
        LyingRun.common_of = staticmethod(common_of) if common_of else None
        LyingRun.mute = mute


def told(scene, event, text=''):
    """How often the real agent told an event whose line has a text."""
    return len(re.findall(r' %s: .*%s' % (event, re.escape(text)), scene.log(REAL)))


def refusals():
    """Conditions of 12.1: dropped and reported, while the true one is taken."""
    with Scene(3, 2) as scene:
        agent = scene.agent('py1', cls=Liar)
        agent.until(lambda: all(leg.up for leg in agent.legs.values()))
        for what, common_of in (
                ('another profile', lambda c: replace(c, profile=os.urandom(16))),
                ('another k', lambda c: replace(c, k=3)),
                ('another n', lambda c: replace(c, n=4)),
                ('a purpose that is not accepted', lambda c: replace(c, purpose='other:x')),
                ('a purpose with foreign identities', lambda c: replace(c, purpose='etsi014:a>b')),
                ('a part, where nothing is combined', lambda c: replace(c, purpose='+app:x'))):
            before = told(scene, 'share_refused')
            agent.lie(common_of=common_of)
            run = agent.begin(REAL, 'app:x')
            wait_for(what + ' is refused and reported', lambda before=before: told(
                scene, 'share_refused') > before)
            tap.equal('and not confirmed', run.state, 'SHARING')
        agent.lie()
        key = agent.get(REAL)
        tap.check('the true one is taken', scene.fetched(agent, key)[0])


def up(scene):
    agent = scene.agent('py1', cls=Liar)
    agent.until(lambda: all(leg.up for leg in agent.legs.values()))
    return agent


def unlike():
    """What goes through one hub is not like the rest: the key is made, and that hub is reported."""
    def other_tag(share, index):
        return Share(share.common, [bytes(16)]) if index == 1 else share

    def other_lifetime(share, index):
        return Share(replace(share.common, lifetime_s=77), share.tags) if index == 1 else share

    with Scene(3, 2) as scene:
        agent = up(scene)
        for what, change in (('another tag', other_tag), ('another lifetime', other_lifetime)):
            before = scene.leg(REAL, FIRST)['inconsistent']
            agent.lie(change)
            key = agent.get(REAL, 'app:' + what[-3:])
            tap.check(what + ' through one hub: the key is made',
                      scene.fetched(agent, key, 'app:' + what[-3:])[0])
            wait_for('and that hub is counted', lambda before=before: scene.leg(
                REAL, FIRST)['inconsistent'] > before)
        tap.check('and named', told(scene, 'inconsistent_share', 'hub ' + FIRST))
        tap.equal('no other', [scene.leg(REAL, hub)['inconsistent'] for hub in scene.hubs[1:]],
                  [0, 0])


def two_polynomials():
    """Two secrets under one block id, each through k hubs: one is final."""
    with Scene(4, 2) as scene:
        agent = up(scene)
        with agent.lock:
            halves = [TwoFaced(agent, hubs) for hubs in ((1, 2), (3, 4))]
            common = agent.begin(REAL, 'app:claimed').common
            for half in halves:
                half.begin(replace(common, counter=common.counter + 1, purpose='app:two'))
            agent.store.data['counter'] += 1
        agent.until(lambda: all(half.over for half in halves), 40)
        states = sorted(half.state for half in halves)
        tap.equal('one of two is confirmed', states, ['DONE', 'FAILED'])
        keys = [agent.pool.cut(REAL, 'app:two', 32)]
        tap.check('and is the one that is fetched', keys[0] and scene.fetched(
            agent, keys[0], 'app:two')[0])


class TwoFaced(Run):
    """A run over some of the hubs only."""

    def __init__(self, agent, hubs):
        self.hubs = hubs
        super().__init__(agent, agent.profiles[PROFILE], None, 1)
        self.deadline -= 20    # the one that is not taken hears nothing

    def begin(self, common):
        self.common = common
        self.agent.runs.append(self)
        whole, self.agent.legs = self.agent.legs, {
            hub: leg for hub, leg in self.agent.legs.items() if int(hub[3:]) in self.hubs}
        self.start()
        self.agent.legs = whole


def confirmations():
    """CONF_AB: a hub brings one candidate; without the true one the key is not confirmed."""
    with Scene(3, 2) as scene:
        agent = up(scene)
        agent.lie(mute=True)
        run = agent.begin(REAL, 'app:x')
        agent.until(lambda: run.over)
        with agent.lock:
            true = run.answer
            wrong = replace(true, tags=[bytes(16)])
            key = agent.pool.cut(REAL, 'app:x', 32)
            for hub in (FIRST, 'hub2'):
                agent.legs[hub].send(wrong)
            agent.legs[FIRST].send(true)
        wait_for('wrong confirmations are reported',
                 lambda: told(scene, 'bad_confirmation', 'peer py1') >= 2)
        good, answer = scene.fetched(agent, key, 'app:x', wait_ms=0)
        tap.equal('a hub that brought a wrong one is not heard again',
                  (good, answer.get('error', {}).get('code')), (False, 'unconfirmed'))
        with agent.lock:
            agent.legs['hub3'].send(true)
        good, answer = scene.fetched(agent, key, 'app:x', wait_ms=50000)
        tap.check('but another one is', good, answer)


def classes():
    """Where `its` is required a computational block is refused; and twice the same counter is."""
    with Scene(3, 2) as scene:
        agent = up(scene)
        agent.get(REAL)
        scene.stop(REAL)
        with open(scene.config(REAL), 'a', encoding='utf-8') as f:
            f.write('require_its = true;\n')
        scene.start(REAL)
        agent.lie(common_of=lambda c: replace(c, klass=2))
        for what, change in (('computational', None), ('what is called its', 2)):
            agent.lie(common_of=(lambda c: replace(c, klass=2)) if change else None)
            before = told(scene, 'share_refused')
            agent.begin(REAL, 'app:x')
            wait_for(what + ' is refused', lambda before=before: told(
                scene, 'share_refused') > before)


tap.run([refusals, unlike, two_polynomials, confirmations, classes])
tap.end()
