#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real agent makes keys with a peer that was written from docs/spec/pairwise.md alone."""

import itertools
import time

from pairwise_scene import AGENT, HOST, NAMES, PORT, Scene, begins, both, pair_of, run, same, tap
from pairwise_wire import name_of


# --- both roles, both slots, each depth ---

def both_roles():
    for d, slot in itertools.product((0, 8, 32), (0, 1)):
        at = 'd = %d, slot %d: ' % (d, slot)
        with Scene('peer-%d-%d' % (d, slot), d, slot) as scene:
            shown = pair_of(scene.name)
            tap.equal(at + 'fingerprint, depth, and the other slot',
                      (shown['fingerprint'], shown['depth'], shown['slot']),
                      (scene.peer.a.fp.hex(), d, 1 - slot))
            session = begins(at + 'the peer begins', scene)
            session = begins(at + 'the peer rekeys', scene, session)
            begins(at + 'and rekeys that', scene, session)
            both(at + 'the agent', scene)
            # For another purpose the agent has no session, so it begins.
            seen = [same(at + 'run %d of the agent' % i, scene, purpose='app:%d' % i)[0].index
                    for i in range(1, 6)]
            tap.check(at + 'each by an index of its own', 0 < seen[0] and seen == sorted(set(seen)),
                      seen)
            sids = {begins(at + 'run %d of the peer' % i, scene).sid for i in range(1, 6)}
            tap.equal(at + 'each another session', (len(sids), scene.peer.state.n), (5, 6))
            tap.equal(at + 'and all that without recovery, rollback or repetition',
                      (scene.peer.rollbacks, scene.different('R1', 'M2')), (0, [0, 6]))


def credentials():
    with Scene('carried') as scene:
        c = scene.credential
        tap.equal('what a credential says', (c.slot, c.ids, c.suites, c.purpose, c.d),
                  (1, (AGENT.encode(), b'carried'), b'\x01', b'skex-agent/1', 0))
        tap.equal('and where its maker is', (c.host, c.port), (HOST.encode(), PORT))


def sizes():
    """Blocks of one byte string and of several, keys from anywhere in them."""
    with Scene('sizes') as scene:
        session = None
        for blocks, size, offset, length in ((1, 16, 0, 16), (3, 512, 480, 32), (2, 528, 512, 16),
                                             (256, 256, 16, 33), (1, 65536, 65520, 16),
                                             (1, 65536, 0, 1024)):
            batch = scene.batch(blocks, size)
            session = scene.rekey(session, batch) if session and session.number else \
                scene.run(batch)
            tap.check('%d blocks of %d bytes, %d bytes at %d' % (blocks, size, length, offset),
                      scene.fetched(session, offset, length))


# --- a bad network ---

def losses():
    """Each message gets lost once, in either direction; the agent sends again after a second."""
    with Scene('losses') as scene:
        session = None
        for name in ('M1', 'M2', 'M3', 'M4', 'K1', 'K2', 'K3', 'K4'):
            scene.lose[name] = 1
            session = begins('the peer\'s run without its first ' + name, scene,
                             session if name[0] == 'K' else None)
            tap.equal('which was lost', scene.lose[name], 0)
        scene.lose.update(['M1', 'M3'])
        same('the agent\'s run without its first M1 and M3', scene, count=2)
        scene.lose.update(['M2', 'M4'])
        same('one without its first M2 and M4', scene, purpose='app:2')
        tap.equal('which were lost', scene.lose.total(), 0)
    for first, second in (('K1', 'K3'), ('K2', 'K4')):
        with Scene('losses-' + first.lower()) as scene:
            scene.lose.update([first, second])
            both('without its first %s and %s the agent' % (first, second), scene)
            tap.equal('which were lost', scene.lose.total(), 0)


def repetitions():
    """Everything comes twice, and old messages come again."""
    with Scene('twice') as scene:
        scene.twice = set(NAMES.values())
        first = begins('the peer\'s run, all twice', scene)
        begins('its rekey, all twice', scene, first)
        both('all twice, the agent', scene)
        scene.twice = set()
        scene.quiet()

        begun = scene.peer.begin(scene.batch())
        since = time.monotonic()
        answers = scene.sent(begun.first, 1)
        answers += sum((scene.sent(begun.first) for _ in range(19)), []) + scene.quiet(0.3)
        # Each second gives one back.
        most = 17 + int(time.monotonic() - since)
        tap.check('M1 twenty times: one M2, and sixteen times more, with what time gives back',
                  17 <= len(answers) <= most and len(set(answers)) == 1, (len(answers), most))
        third = begun.third(answers[0])
        answers = scene.sent(third, 1) + scene.sent(third, 1) + scene.sent(begun.first) + \
            scene.sent(third, 1)
        tap.equal('M3 three times: one M4; and M1 of a run that is over is not answered',
                  ([name_of(a) for a in answers], len(set(answers))), (['M4'] * 3, 1))
        tap.check('the same key', scene.fetched(begun.session(answers[0])))

        before = pair_of('twice')
        for old in (begun.first, first.begun.first, scene.last['M1'], scene.last['M3']):
            scene.send(old)
        tap.equal('old messages, and the agent\'s own: silence', scene.quiet(), [])
        tap.equal('no tag was even looked at', pair_of('twice')['forged'], before['forged'])


def forgeries():
    """One bit of each byte of each message is changed, and then it comes as it is."""
    with Scene('forged') as scene:
        scene.forge = {'M1', 'M3', 'K1', 'K3'}
        session = begins('the peer\'s run, with forgeries before each message', scene)
        begins('its rekey', scene, session)
        tap.equal('none was answered', scene.quiet(), [])
        tap.equal('and the true ones, each in one way', scene.different('M2', 'M4', 'K2', 'K4'),
                  [1, 1, 1, 1])
        counted = pair_of('forged')['forged']
        tap.check('wrong tags are counted', counted > 0, counted)
        scene.forge = {'M2', 'M4', 'K2', 'K4'}
        both('with forgeries before each answer the agent', scene)
        tap.check('those are counted too', pair_of('forged')['forged'] > counted)


run([both_roles, credentials, sizes, losses, repetitions, forgeries])
