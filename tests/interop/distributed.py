#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys through real hubs between a real agent and agents made from docs/spec/ alone.

Also between two of those, and with up to min(k - 1, n - k) hubs that lie, are silent or dead.
"""

import json
import shutil
import socket
import time

from agent_keys import key_id
from agent_messages import DECLINED, Note
from agent_notes import NOTE_KEY, PURPOSE, make_note, seal_note
from agent_packet import Refused
from distributed_scene import (
    PROFILE, REAL, Scene, both_roles, confirmed, random_purpose, taken, tap, until, wait_for)
from lab_harness import OK, skex

LYING = ('bad-share', 'bad-w', 'bad-tag', 'swap-shares', 'wrong-purpose', 'bad-confirm')


def legs_are_up(agent, but=()):
    for hub, leg in agent.legs.items():
        if hub not in but:
            wait_for('%s: HELLO with %s' % (agent.name, hub), lambda leg=leg: leg.up)


def between(one, two, purpose='app:default'):
    """A key of one is fetched at the other, both in Python."""
    key = one.get(two.name, purpose)
    good = taken(two, one.name, [(key.id, key.data, key.fingerprint)], purpose)
    tap.check('%s and %s have the same key' % (one.name, two.name), good is True, good)


def meet(scene, *agents):
    """Agents in Python become peers of each other."""
    for one in agents:
        with one.lock:
            for two in agents:
                if one is not two:
                    one.peer(two.name, [PROFILE])


# --- what works ---

def all_roles(n, k):
    """Legs of both suites, of tables and ratchets, of kits and tokens; batches; two in Python."""
    with Scene(n, k) as scene:
        agent = scene.agent('py1')
        legs_are_up(agent)
        for hub in scene.hubs:
            tap.check('nothing was refused by ' + hub, not agent.legs[hub].counts['refused'])
            wait_for('the hub calls it connected',
                     lambda hub=hub: scene.member(hub, 'py1').get('connected'))
        both_roles('(%d, %d)' % (n, k), scene, agent, sizes=(1, 32, 100, 1024))
        both_roles('another purpose', scene, agent, random_purpose())
        run = agent.begin(REAL, 'app:batch', 40, 1024)
        agent.until(lambda: run.over)
        tap.equal('a batch of 40 blocks', run.state, 'DONE')
        keys = [agent.get(REAL, 'app:batch', 1024) for _ in range(40)]
        good = [scene.fetched(agent, key, 'app:batch') for key in keys]
        tap.check('of which all are fetched', all(g for g, _ in good), good[-1])
        run = agent.begin(REAL, 'app:big', 1, 65536)
        agent.until(lambda: run.over)
        key = agent.get(REAL, 'app:big', 4096)
        good, answer = scene.fetched(agent, key, 'app:big')
        tap.check('a piece of a block of 64 KiB', good, answer)
        got = scene.got(agent, 'app:many', count=20)
        good = taken(agent, REAL, got, 'app:many')
        tap.check('20 keys of skexd', good is True and len(got) == 20, good)
        known = [b for b in agent.pool.batches if b['purpose'] == 'app:many']
        wait_for('the responder knows when', lambda: all(b['interval'] for b in known))
        other = scene.agent('py2', [])
        meet(scene, agent, other)
        legs_are_up(other)
        between(agent, other)
        between(other, agent)
        tap.equal('nobody was named', [e for a in (agent, other) for e in a.events], [])
        refused(scene, agent, other)


def refused(scene, agent, other):
    """What the ends refuse to hand out."""
    key = agent.get(REAL)
    tap.check('a key is fetched', scene.fetched(agent, key)[0])
    for what, purpose, code in (('not twice', 'app:default', 'spent_key'),
                                ('not for another purpose', 'app:other', 'unknown_key')):
        answer = scene.fetched(agent, key, purpose)[1]
        tap.equal(what, answer.get('error', {}).get('code'), code)
    key = agent.get(REAL)
    answer = scene.fetched(other, key)[1]
    tap.check('not as a key of another initiator', 'error' in answer, answer)
    place = int(key.id[:8], 16), agent.store.data['counter'] - 1
    wrong = type(key)(key_id('py1', REAL, *place, 65520, 16), b'', {
        'class': 1, 'confirmed': True, 'interval': None})
    answer = scene.fetched(agent, wrong)[1]
    tap.check('nor a place beyond the block', 'error' in answer, answer)
    with other.lock:
        other.bound = 0
    run = agent.begin('py2', 'app:x')
    agent.until(lambda: run.over)
    tap.equal('what the responder declines', (run.state, set(run.refused.values())),
              ('FAILED', {DECLINED}))
    run = agent.begin('py2', 'etsi014:x>y')
    wait_for('a purpose that is not accepted is reported', lambda: any(
        e[0] == 'share_refused' and e[3] == 'purpose' for e in other.events))


# --- notes ---

def note_of(scene, lines):
    return json.loads(lines.readline()).get('note', {})


def notes():
    """END to END, in both directions, and between two in Python."""
    with Scene(3, 2) as scene:
        agent, other = scene.agent('py1'), scene.agent('py2', [])
        meet(scene, agent, other)
        legs_are_up(agent)
        legs_are_up(other)
        with socket.socket(socket.AF_UNIX) as watch:
            watch.settimeout(60)
            watch.connect(scene.socket(REAL))
            watch.sendall(b'{"id":1,"op":"notes"}\n')
            lines = watch.makefile('rb')
            tap.check('skexd is asked for notes', json.loads(lines.readline()).get('subscribed'))
            for text in ('new key at noon', 'x', 'ü' * 128):
                hubs = agent.note(REAL, text.encode())
                tap.check('k hubs have a note', hubs >= scene.k, hubs)
                note = note_of(scene, lines)
                tap.equal('and skexd has it', (note.get('peer'), note.get('text')), ('py1', text))
        sent = skex('note', 'send', 'py1', '--socket', scene.socket(REAL), stdin='from skexd')
        tap.equal('skexd sends one', sent.code, OK)
        wait_for('which arrives once', lambda: agent.recipient.notes == [(REAL, b'from skexd')])
        agent.note('py2', b'between')
        wait_for('one between two in Python',
                 lambda: other.recipient.notes == [('py1', b'between')])
        repeated(agent, other)


def repeated(agent, other):
    """A note key opens one note, however often and in which form it comes.

    Of the note before, which three hubs carried, two copies were refused.
    """
    key = agent.get('py2', PURPOSE, NOTE_KEY, NOTE_KEY)
    with agent.lock:
        true = make_note(agent, 'py2', key, b'true')
        forged = Note(true.sender, true.recipient, true.key_id, bytes(16), true.sealed)
        second = Note(true.sender, true.recipient, true.key_id, bytes([1] * 16), b'')
        second.sealed = seal_note(key.data, second, b'second')
        for note in (forged, true, true, second):
            agent.legs['hub1'].send(note)
    wait_for('a forged note leaves the key good, the true one opens, no other does', lambda: len(
        [e for e in other.events if e[0] == 'note_refused']) == 5)
    tap.equal('once', other.recipient.notes[1:], [('py1', b'true')])


# --- hubs that are away, and crashes ---

def away():
    """One hub is dead, comes back, and another one goes while keys are made."""
    with Scene(3, 2) as scene:
        agent = scene.agent('py1')
        legs_are_up(agent)
        for dead in scene.hubs:
            scene.kill(dead)
            agent.until(lambda dead=dead: not agent.legs[dead].up)
            both_roles('without ' + dead, scene, agent, random_purpose())
            scene.start(dead)
            wait_for(dead + ' is back', lambda dead=dead: agent.legs[dead].up)
            until(lambda dead=dead: scene.leg(REAL, dead).get('state') == 'up')
        both_roles('with all', scene, agent, random_purpose())
        for dead in scene.hubs[:2]:
            scene.kill(dead)
        agent.until(lambda: not any(agent.legs[dead].up for dead in scene.hubs[:2]))
        run = agent.begin(REAL, 'app:none')
        tap.equal('with fewer than k there is no block', (run.state, run.why),
                  ('FAILED', 'too few hubs can be reached'))


def crashes():
    """The agent in Python dies and comes again; what was durable is used on, and nothing twice."""
    with Scene(3, 2) as scene:
        agent = scene.agent('py1')
        legs_are_up(agent)
        got = scene.got(agent)
        agent.until(lambda: confirmed(agent, REAL, got[0][0]))
        before = {hub: (leg.sending.next, leg.sealer.epoch) for hub, leg in agent.legs.items()}
        kept = agent.get(REAL)
        agent = scene.again(agent)
        for hub, leg in agent.legs.items():
            next_, epoch = before[hub]
            tap.check('at %s pad and epoch are new ones' % hub,
                      leg.sending.next > next_ and leg.sealer.epoch > epoch)
        legs_are_up(agent)
        agent.until(lambda: all(leg.proven for leg in agent.legs.values()))
        tap.check('a key from before is fetched at skexd', scene.fetched(agent, kept)[0])
        good = taken(agent, REAL, got)
        tap.check('and one here', good is True, good)
        both_roles('after a crash', scene, agent, random_purpose())
        run = agent.begin(REAL, 'app:lost')
        agent = scene.again(agent)
        tap.check('a run that a crash cut off is given up', run.state in ('SHARING', 'DONE'))
        legs_are_up(agent)
        both_roles('after another one', scene, agent, random_purpose())
        scene.kill(REAL)
        scene.start(REAL)
        until(lambda: all(scene.leg(REAL, hub).get('state') == 'up' for hub in scene.hubs))
        both_roles('after a crash of skexd', scene, agent, random_purpose())


# --- refills ---

def refills():
    """Both ends of each leg go to the next generation, in both directions; refused kits."""
    with Scene(2, 2) as scene:
        one, two = (scene.agent(name, [], (('--pad', '64KiB'),)) for name in ('py1', 'py2'))
        meet(scene, one, two)
        legs_are_up(one)
        legs_are_up(two)
        between(one, two)
        between(two, one)
        agents = {}
        for agent in (one, two):
            agent.stop()
            for hub in scene.hubs:
                kit = scene.path('%s-%s.refill' % (agent.name, hub))
                made = scene.hub(hub, 'refill', agent.name, '--out', kit, '--pad', '1MiB')
                tap.equal('%s refills %s' % (hub, agent.name), made.code, OK)
                other = two if agent is one else one
                shutil.copy(kit, kit + '.copy')
                for what, who in (
                        ('another agent', other), ('', agent), ('taken in before', agent)):
                    try:
                        who.join(kit if not what else kit + '.copy')
                        tap.equal('the kit of %s is taken in once' % agent.name, what, '')
                    except Refused as error:
                        tap.check('a kit is refused: ' + str(error), what and what in str(error))
            agents[agent.name] = type(agent)(agent.name, agent.directory)
            scene.run(agents[agent.name], list(agent.peers))
        one, two = agents.values()
        legs_are_up(one)
        legs_are_up(two)
        for _ in range(12):
            for a, b in ((one, two), (two, one)):
                run = a.begin(b.name, 'app:x', 1, 8192)
                a.until(lambda run=run: run.over)
                if run.state != 'DONE':
                    tap.check('a run', False, run.why)
        tap.equal('all are in the next generation', {
            (leg.sending.next.generation, leg.receiving.mark.generation)
            for agent in (one, two) for leg in agent.legs.values()}, {(1, 1)})
        between(one, two, 'app:after')
        between(two, one, 'app:after')
        two = scene.again(two)
        legs_are_up(two)
        between(one, two, 'app:again')
        between(two, one, 'app:again')


# --- hubs that lie ---

def lies(n, k, modes):
    """Lying hubs stop no key, and the responder in Python names them and nobody else."""
    more = [word for i, mode in modes.items() for word in ('--lying-hub', '%d:%s' % (i, mode))]
    with Scene(n, k, more=more) as scene:
        agent, other = scene.agent('py1'), scene.agent('py2', [])
        meet(scene, agent, other)
        legs_are_up(agent)
        legs_are_up(other)
        what = ' and '.join(modes.values())
        both_roles(what, scene, agent, random_purpose())
        between(agent, other)
        between(other, agent)
        liars = {'hub%d' % i for i in modes}
        wanted = {'bad-confirm': 'bad_confirmation'}
        def all_named():
            return all(any(e[0] == wanted.get(mode, 'inconsistent_share') and e[2] == 'hub%d' % i
                           for a in (agent, other) for e in a.events) for i, mode in modes.items())

        for _ in range(50):
            # A wrong confirmation that comes after a right one is not looked at.
            if until(all_named, 1.0):
                break
            agent.get('py2', random_purpose())
        tap.check('%s: the liars are named' % what, all_named())
        named = {e[2] for a in (agent, other) for e in a.events
                 if e[0] in ('inconsistent_share', 'bad_confirmation')}
        tap.check('and nobody else', named <= liars, named)


def silent():
    """A hub that is connected and gives no share is reported, after some batches."""
    with Scene(3, 2, more=('--lying-hub', '1:silent')) as scene:
        agent = scene.agent('py1')
        agent.until(lambda: agent.legs['hub2'].up and agent.legs['hub3'].up)
        wait_for('the silent hub is up', lambda: agent.legs['hub1'].up)
        for _ in range(6):
            both_roles('a silent hub', scene, agent, random_purpose())
        wait_for('the silent hub is reported, and no other', lambda: {
            e[2] for e in agent.events if e[0] == 'hub_unreachable'} == {'hub1'})


def wrong_time():
    """One false stamp moves the interval of a key not out of the range of the true ones (12.5)."""
    with Scene(3, 2, more=('--lying-hub', '2:wrong-time')) as scene:
        agent = scene.agent('py1')
        legs_are_up(agent)
        before = int(time.time() * 1000)
        good = taken(agent, REAL, scene.got(agent))
        tap.check('a key', good is True, good)
        wait_for('its interval is known', lambda: agent.pool.batches[0]['interval'])
        earliest, latest = agent.pool.batches[0]['interval']
        tap.check('and true', before - 1000 <= earliest <= latest <= time.time() * 1000 + 1000,
                  (before, earliest, latest))


def lying():
    for i, mode in enumerate(LYING):
        lies(3, 2, {i % 3 + 1: mode})
    lies(5, 3, {1: 'bad-share', 4: 'bad-w'})


def small():
    all_roles(3, 2)


def large():
    all_roles(5, 3)


def main(*cases):
    tap.run(cases)
    tap.end()


main(small, large, notes, away, crashes, refills, silent, wrong_time, lying)
