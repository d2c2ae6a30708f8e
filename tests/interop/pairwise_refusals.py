#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a real agent does with peers that know other things, or ask for what cannot be.

Where there should be silence, something is sent after it that is answered: datagrams of one socket
come in one after another, so what was to be answered before was answered before.
"""

import os
import time

from pairwise_scene import Scene, begins, pair_of, run, same, tap
from pairwise_content import ALERT, BLOB, NO, PAST, PAYLOAD
from pairwise_carried import Batch, Credential
from pairwise_math import M1, P1, PAD, Run, tlv, u32
from pairwise_peer import Alert, Begun, Peer, Session
from pairwise_wire import Silence, name_of
from lab_harness import until

DAY = 86400
SHORT = 0.4  # seconds of silence; what comes later is counted at the end


def outcome(scene, begun, wanted='session', **sealed):
    """What comes of a run: a session, an alert or silence."""
    more = {'patience': SHORT} if wanted == 'silence' else {}
    try:
        scene.finish(begun, **more, **sealed)
        return 'session'
    except Alert as alert:
        return 'alert %d' % alert.why
    except Silence:
        return 'silence'


def comes_to(name, wanted, scene, begun, **sealed):
    tap.equal('%s: %s' % (name, wanted), outcome(scene, begun, wanted, **sealed), wanted)


# --- peers that were told something else ---

def mismatches():
    with Scene('told', 8) as scene:
        good = scene.credential

        def other(slot=1, **changed):
            made = Credential(good.psk, 1, good.ids, good.d, good.suites, good.purpose)
            made.__dict__.update(changed)
            return Peer(made, slot)
        flipped = bytes([good.psk[0] ^ 1]) + good.psk[1:]
        for name, peer in (('one bit of the credential', other(psk=flipped)),
                           ('another identity', other(ids=(b'alpha', b'tolt'))),
                           ('identities exchanged', other(ids=good.ids[::-1])),
                           ('another depth', other(d=32)), ('depth 0', other(d=0)),
                           ('more suites', other(suites=b'\x01\x02')),
                           ('another purpose', other(purpose=b'skex-agent/2')),
                           ('the same slot', other(slot=0))):
            tap.equal(name + ': another fingerprint' if name != 'the same slot' else
                      'the same slot: the same fingerprint',
                      peer.a.fp != scene.peer.a.fp, name != 'the same slot')
            for data in (peer.begin(Batch(1, 0)).first, peer.begin(Batch(1, 0), P1).first,
                         peer.compare()):
                scene.send(data)
        begins('only the true peer is answered', scene)
        tap.equal('with one M2', (scene.different('M2', 'R2'), scene.quiet()), ([1, 0], []))
        tap.equal('and no tag was looked at', pair_of('told')['forged'], 0)


def impostor():
    """At the address of the peer somebody answers who has another credential."""
    with Scene('impostor') as scene:
        true, wrong = scene.peer, Credential(os.urandom(32), 1, scene.credential.ids)
        scene.peer = Peer(wrong, 1)
        answer = scene.asked(wait=2000)
        tap.equal('no key with an impostor', answer.get('error', {}).get('code'), 'pool_empty')
        tap.check('who is asked, and asked again', scene.heard['M1'] > 1 and
                  set(scene.heard) == {'M1'}, scene.heard)
        scene.peer = true
        same('a key with the peer that is there then, of the same run', scene)


# --- what cannot be asked for ---

def payloads():
    """Section 7, and the blob of section 13.1."""
    with Scene('payloads') as scene:
        def tell(name, wanted, plain, flags=0):
            comes_to(name, wanted, scene,
                     scene.peer.begin(scene.batch(), plain=plain, flags=flags))

        def blob(**changed):
            return tlv(BLOB, scene.batch(**changed).blob())

        bad, no, good = 'alert %d' % PAYLOAD, 'alert %d' % NO, 'session'
        tell('no fields', no, b'')
        tell('a field cut off', bad, b'\x0b\x05abc')
        tell('one twice', bad, tlv(1, b'x') + tlv(1, b'x') + blob())
        tell('one twice, once critical', bad, tlv(1, b'x') + tlv(0x81, b'x') + blob())
        tell('out of order', bad, blob() + tlv(1, b'x'))
        tell('type 0', bad, tlv(0, b'x') + blob())
        tell('unknown', good, blob() + tlv(50, b'x'))
        tell('unknown and critical', bad, blob() + tlv(0x80 | 50, b'x'))
        tell('known and critical', good, tlv(0x81, b'x') + blob())
        tell('ordered without the bit that says critical', good,
             tlv(0x80 | BLOB, scene.batch().blob()) + tlv(13, b'x'))
        tell('ordered with it', bad, tlv(13, b'x') + tlv(0x80 | BLOB, scene.batch().blob()))
        tell('a field of another message', good, tlv(4, b'\1') + blob())
        tell('too long for its field', bad, tlv(2, bytes(9)) + blob())
        tell('alert 0', bad, tlv(ALERT, b'\0') + blob())
        tell('a generation that nobody wants', 'alert 5', tlv(0x87, u32(1)) + blob())
        tell('padding', good, blob() + tlv(12, bytes(7)) + tlv(12, b'') + tlv(12, bytes(255)), PAD)
        tell('padding without its flag', bad, blob() + tlv(12, bytes(7)))
        tell('its flag without padding', bad, blob(), PAD)
        tell('padding that is not zero', bad, blob() + tlv(12, b'\0\1'), PAD)
        tell('padding that is not last', bad, tlv(12, b'\0') + tlv(13, b'x'), PAD)
        tell('critical padding', bad, blob() + tlv(0x8c, b'\0'), PAD)
        tell('as much as there may be', good,
             blob() + tlv(12, bytes(255)) * 3 + tlv(12, bytes(1024 - 46 - 3 * 257 - 2)), PAD)

        batch = scene.batch().blob()
        tell('the empty blob', no, tlv(BLOB, b''))
        tell('another version of it', no, tlv(BLOB, b'\2' + batch[1:]))
        tell('more behind it', no, tlv(BLOB, batch + b'\0'))
        for changed in ({'size': 0}, {'size': 8}, {'size': 24}, {'size': 65552, 'blocks': 1},
                        {'blocks': 0}, {'blocks': 257, 'size': 16}, {'blocks': 256, 'size': 272},
                        {'purpose': ''}, {'purpose': 'app:a b'}, {'purpose': 'app:' + 'x' * 188},
                        {'purpose': 'etsi014:a>b'}, {'lifetime': 0}, {'lifetime': 1 << 31},
                        {'lifetime': 400 * DAY + 1}):
            tell('%s' % changed, no, blob(**changed))
        tell('instance 0', no, tlv(BLOB, Batch(0, 0).blob()))
        last = (1 << 42) - 1
        tell('a counter too high', no, tlv(BLOB, Batch(scene.instance, last, 2).blob()))
        tell('the last that can be', good, tlv(BLOB, Batch(scene.instance, last).blob()))
        tell('a lifetime as long as can be', good, blob(lifetime=400 * DAY))
        tell('a purpose as long as can be', good, blob(purpose='app:' + 'x' * 187))

        scene.counter = 1000
        first = begins('blocks 1000 and 1001', scene)
        scene.counter = 1001
        tell('1001 and 1002, of which one was there', 'alert %d' % PAST, blob())
        tap.check('and the first are what they were', scene.fetched(first, 32))


def thirds():
    """M3 that cannot be taken, or asks for no answer."""
    with Scene('thirds') as scene:
        begun = scene.peer.begin(scene.batch())
        comes_to('M3 with a payload that cannot be taken', 'alert %d' % PAYLOAD, scene, begun,
                 plain=b'\1\5a')
        tap.check('which gives no key', not scene.fetched(Session(begun.run, 1, 0, begun.batch)))
        begun = scene.peer.begin(scene.batch())
        comes_to('M3 with a field that nobody needs', 'session', scene, begun,
                 plain=tlv(1, b'x'))
        begun = scene.peer.begin(scene.batch())
        third = scene.ask(begun.first, lambda second: begun.third(second, flags=0))
        tap.equal('M3 that does not ask for M4 gets none', scene.sent(third), [])
        session = Session(begun.run, 1, 0, begun.batch)
        tap.check('and the keys are there', until(lambda: scene.fetched(session)))

        batch = scene.batch()
        begun, other = scene.peer.begin(batch), scene.peer.begin(batch)
        pair = [scene.ask(b.first, b.third) for b in (begun, other)]
        session = scene.ask(pair[1], other.session)
        late = scene.sent(pair[0])
        tap.equal('of two runs for the same blocks one gives keys',
                  [name_of(data) for data in late if outcome_of(begun, data) == 'session'], [])
        tap.check('the one that was first with M3', scene.fetched(session))


def outcome_of(begun, fourth):
    try:
        begun.session(fourth)
        return 'session'
    except Alert as alert:
        return 'alert %d' % alert.why


def rekeys():
    with Scene('rekeys') as scene:
        def tell(name, wanted, session, **more):
            comes_to(name, wanted, scene, scene.peer.rekey(session, **more))

        session = begins('a session', scene)
        late = scene.peer.rekey(session, scene.batch())
        second = scene.peer.rekey(session, scene.batch())
        begun = scene.finish(second)
        tap.check('the second attempt, of which the first did not arrive', scene.fetched(begun))
        comes_to('the first, which comes late', 'silence', scene, late)
        tell('a third in the session that was left', 'silence', session, batch=scene.batch())
        session = begun
        tell('what M1 would be refused for', 'silence', session,
             batch=scene.batch(purpose='etsi014:a>b'))
        tell('a payload that cannot be taken', 'silence', session, batch=scene.batch(),
             plain=b'\x0b\x05abc')
        tell('blocks that were there', 'silence', session, batch=begun.batch)
        session = begins('and after those the fourth attempt', scene, session)
        for _ in range(4):
            scene.peer.rekey(session, scene.batch())
        tell('a fifth', 'silence', session, batch=scene.batch())

        same('a session that the agent began', scene)
        theirs = scene.peer.sessions[-1]
        tell('the peer rekeys that', 'silence', theirs, batch=scene.batch())
        begins('a run', scene)
        tap.equal('of all those two were answered', scene.different('K2', 'K4'), [2, 2])


def pushes():
    with Scene('pushes') as scene:
        batch = scene.batch()
        pushed = scene.peer.begin(batch, P1)
        tap.equal('P1 is not answered', scene.sent(pushed.first), [])
        tap.check('and gives no key', not scene.fetched(Session(pushed.run, 1, 0, batch)))
        index = scene.peer.state.n - 1
        again = Begun(scene.peer, Run(scene.peer.a.ac, pushed.run.leaf, 1, index, M1), batch)
        comes_to('its index is used', 'silence', scene, again)
        begins('the next one is not', scene)
        tap.equal('which alone is answered', scene.different('M2'), [1])


def comparisons():
    """R1 costs work, so there is a bucket of 4, and one more each 10 s."""
    with Scene('r1') as scene:
        begins('a run', scene)
        began = time.monotonic()
        answers = sum((scene.sent(scene.peer.compare()) for _ in range(12)), []) + scene.quiet(0.3)
        most = 4 + (time.monotonic() - began) // 10
        tap.check('of twelve R1 four are answered', 4 <= len(answers) <= most, len(answers))
        begins('and runs go on', scene)


# --- what the peer refuses ---

def refused_again_and_again():
    """An agent that is refused tries again, less and less, and says why."""
    for alert, says in ((NO, 'accepts no keys for this purpose'),
                        (PAYLOAD, 'refuses what this agent'),
                        (64, 'combine is set at one of the two ends'),
                        (65, 'refuses what this agent'), (66, 'refuses what this agent'),
                        (PAST, 'had blocks of these numbers')):
        with Scene('alert-%d' % alert) as scene:
            scene.peer.refuse = alert
            answer = scene.asked(wait=1000)
            tap.check('alert %d: no key, and why' % alert, says in answer['error']['message'],
                      answer)
            tap.check('and only a few tries', 0 < scene.heard['M1'] < 10, scene.heard)
            tap.equal('of which nothing came', scene.heard['M3'], 0)
            scene.peer.refuse = 0
            same('until it is not refused any more', scene)


run([mismatches, impostor, payloads, thirds, rekeys, pushes, comparisons,
     refused_again_and_again])
