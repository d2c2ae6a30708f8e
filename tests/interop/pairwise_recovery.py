#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real agent and a peer find each other again when either, or both, come back from the past.

The agent compares indices after two runs that nobody answered, which is two minutes: its clock is
one that runs fast.
"""

import os
import shutil

from pairwise_scene import AGENT, Scene, agents, begins, events, run, same, tap
from pairwise_math import r1
from pairwise_wire import Silence


def unanswered(name, scene, request, take):
    try:
        scene.ask(request, take, 0.5)
        tap.check(name, False, 'there was an answer')
    except Silence:
        tap.check(name, True)


def compares(name, scene, moves):
    """R1 and R2, of which one gets lost."""
    scene.lose.update(['R1', 'R2'])
    tap.equal(name, (scene.compare(), scene.lose.total()), (moves, 0))


# --- the peer begins ---

def peer_went_back():
    for d in (0, 8, 32):
        with Scene('back-%d' % d, d) as scene:
            at = 'd = %d: ' % d
            backup = scene.peer.backup()
            for i in range(12):
                begins(at + 'run %d' % i, scene)
            newest = scene.peer.backup()
            scene.peer.restore(backup)
            begun = scene.peer.begin(scene.batch())
            unanswered(at + 'an index that was used is not answered', scene, begun.first,
                       begun.third)
            compares(at + 'R2 moves the peer', scene, True)
            tap.equal(at + 'to where it was', scene.peer.state.n, newest.n)
            tap.check(at + 'which raises no event', 'peer_rollback' not in events(scene.name))
            begins(at + 'the next run', scene)
            tap.equal(at + 'says that it went back', events(scene.name).count('peer_rollback'), 1)
            begins(at + 'the one after it', scene)
            tap.equal(at + 'does not say so again', events(scene.name).count('peer_rollback'), 1)


def peer_went_back_a_little():
    with Scene('little') as scene:
        begins('run 0', scene)
        backup = scene.peer.backup()
        begins('run 1', scene)
        begins('run 2', scene)
        scene.peer.restore(backup)
        for i in (1, 2):
            begun = scene.peer.begin(scene.batch())
            unanswered('index %d was used' % i, scene, begun.first, begun.third)
        begins('and 3 is new', scene)


def agent_missed_runs():
    with Scene('missed', 8) as scene:
        begins('a run', scene)
        for _ in range(7):
            scene.peer.begin(scene.batch())
        begins('the last of the table, after seven runs that were lost', scene)
        for _ in range(300):
            scene.peer.begin(scene.batch())
        begun = scene.peer.begin(scene.batch())
        unanswered('after 300 more the index is unknown', scene, begun.first, begun.third)
        compares('R2 says that the indices agree', scene, False)
        begins('and the next run is answered', scene)
        tap.equal('nobody went back', [e for e in events('missed') if 'rollback' in e], [])


def too_far():
    # How far the peer goes: 2^32 at d = 8 is 2^24 steps, which Python takes a minute for.
    for d, jump, goes in ((0, 1 << 16, 1 << 16), (8, 1 << 32, 1 << 20), (32, 1 << 32, 1 << 32)):
        with Scene('far-%d' % d, d) as scene:
            at = 'd = %d: ' % d
            begins(at + 'a run', scene)

            def claim(index):
                return r1(scene.peer.rec, scene.peer.a.ac, 1, os.urandom(16), index)
            unanswered(at + 'a claim too far has no answer', scene, claim(jump + 2), lambda _: 1)
            tap.check(at + 'but an alarm', 'alarm' in ' '.join(events(scene.name)),
                      events(scene.name))
            begins(at + 'and moves nothing', scene)
            scene.ask(claim(goes + 2), lambda _: 1)
            scene.peer.move_own(goes + 2)
            begins(at + 'one that is not moves the window', scene)


# --- the agent begins ---

def runs_of_agent(scene, count):
    for i in range(count):
        same('run %d of the agent with %s' % (i, scene.name), scene, purpose='app:%d' % i)


def peer_window_went_back():
    with Scene('window', 8) as scene:
        backup = scene.peer.backup()
        runs_of_agent(scene, 10)
        top = scene.peer.state.top
        scene.peer.restore(backup)
        scene.lose['R2'] = 1
        runs = same('the agent is heard again', scene, purpose='app:x', wait=600000)
        tap.check('after R1, and by a new index', scene.heard['R1'] > 1 and runs[0].index > top,
                  (scene.heard, runs[0].index, top))
        tap.equal('nobody went back', ([e for e in events('window') if 'rollback' in e],
                                       scene.peer.rollbacks), ([], 0))


def agent_went_back():
    """Alone, and then together with its peer."""
    with Scene('past-0', 0) as first, Scene('past-32', 32, 0) as second:
        for scene in (first, second):
            runs_of_agent(scene, 1)
            begins('a run of ' + scene.name, scene)
        agents.stop(AGENT)
        shutil.copytree(agents.path(AGENT, 'state'), agents.path('backup'))
        agents.start(AGENT)
        old = second.peer.backup()
        for scene in (first, second):
            runs_of_agent(scene, 9)
            for i in range(5):
                begins('run %d of %s' % (i, scene.name), scene)
        agents.stop(AGENT)
        shutil.rmtree(agents.path(AGENT, 'state'))
        shutil.copytree(agents.path('backup'), agents.path(AGENT, 'state'))
        second.peer.restore(old)
        agents.start(AGENT)

        first.forge = {'R2'}
        top = first.peer.state.top
        runs = same('the agent went back', first, purpose='app:x', wait=600000)
        tap.check('R2 moved it to a new index', runs[0].index >= top, (runs[0].index, top))
        tap.equal('which it tells here', events('past-0').count('rollback_suspected'), 1)
        tap.check('and its peer', first.peer.rollbacks > 0)
        begins('the peer is answered', first)
        same('both went back: the agent', second, purpose='app:x', wait=600000)
        begins('and its peer', second)
        for scene in (first, second):
            same('another run with ' + scene.name, scene, purpose='app:y')
            begins('and another of ' + scene.name, scene)


run([peer_went_back, peer_went_back_a_little, agent_missed_runs, too_far, peer_window_went_back,
     agent_went_back], hasty=True)
