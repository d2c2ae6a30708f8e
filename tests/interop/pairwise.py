#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real agent makes keys with a peer that was written from docs/spec/pairwise.md alone."""

import base64
import itertools
import json
import os
import os.path
import socket
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ['system', 'vectors']:
    sys.path.insert(0, os.path.join(HERE, '..', folder))

from lab_harness import OK, Agents, Tap, ask, skex, until  # noqa: E402
from pairwise_math import NAMES, tlv  # noqa: E402
from pairwise_content import (  # noqa: E402
    BLOB, NO, PAST, Batch, Credential, key_id)
from pairwise_peer import Alert, Peer  # noqa: E402
from pairwise_wire import Silence, Wire, name_of  # noqa: E402

tap = Tap()
agents = Agents('skex-interop-')
AGENT = 'alpha'
# An address of this machine that nobody else binds, and a port that no socket gets by itself.
HOST = '127.%d.%d.%d' % (64 + (os.getpid() >> 16 & 63), os.getpid() >> 8 & 255, os.getpid() & 255)
PORT = 7400
PURPOSE = 'app:interop'


# --- the agent ---

def pair(*words, stdin=''):
    return skex('pair', *words, '--socket', agents.socket(AGENT), stdin=stdin)


def pair_of(name):
    return next(p for p in pair('ls', '--json').json['pairs'] if p['peer'] == name)


def add_peer(name):
    added = skex('peer', 'add', name, '--no-hubs', '--socket', agents.socket(AGENT))
    if added.code != OK:
        raise RuntimeError('peer add: %s' % added)


def credential_of(name, address, d, slot):
    """Made at the agent for a peer with slot 1, and taken in there from one with slot 0."""
    if slot == 1:
        made = pair('make', name, '--depth', d, '--address', address)
        if made.code != OK:
            raise RuntimeError('pair make: %s' % made)
        return Credential.of_line(made.out)
    credential = Credential(os.urandom(32), 1, (name.encode(), AGENT.encode()), d)
    taken = pair('take', '--in', '-', '--address', address, stdin=credential.line() + '\n')
    if taken.code != OK:
        raise RuntimeError('pair take: %s' % taken)
    return credential


class Scene(Wire):
    """A peer that the agent was paired with."""

    def __init__(self, name, d=0, slot=1, **sizes):
        super().__init__((HOST, PORT))
        self.name = name
        add_peer(name)
        self.credential = credential_of(name, self.address, d, slot)
        self.peer = Peer(self.credential, slot, **sizes)
        self.instance, self.counter = int.from_bytes(os.urandom(4), 'big') or 1, 0

    def batch(self, blocks=2, size=64, **more):
        """The next blocks of this peer."""
        made = Batch(self.instance, self.counter, blocks, size, **more)
        self.counter += blocks
        return made

    def fetched(self, session, offset=0, size=32):
        """Whether the agent has the same key out of the last block of a session."""
        batch = session.batch
        instance, counter = batch.instance, batch.counter + batch.blocks - 1
        name = key_id(self.name.encode(), AGENT.encode(), instance, counter, offset, size)
        answer = ask(agents.socket(AGENT), op='fetch', peer=self.name, key_ids=[name],
                     purpose=batch.purpose.decode())
        key = answer.get('keys', [{}])[0]
        return base64.b64decode(key.get('key', '')) == \
            session.blocks[instance, counter][offset:offset + size] and \
            (key['class'], key['confirmed'], key['forward_secret']) == ('computational', True, True)

    def asked(self, purpose=PURPOSE, wait=20000, count=1):
        """What the agent answers to an application that wants a key, while the peer is there."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.connect(agents.socket(AGENT))
            s.sendall(json.dumps({'id': 1, 'op': 'get', 'peer': self.name, 'purpose': purpose,
                                  'wait_ms': wait, 'count': count}).encode() + b'\n')
            if not self.answer_until(s, 60):
                raise Silence('the agent')
            return json.loads(s.makefile('rb').readline())

    def got(self, **more):
        """Keys that the agent gives out: whether the peer has all of them, and of which runs."""
        keys = self.asked(**more).get('keys', [])
        own = [self.peer.key_of(key['key_id']) for key in keys]
        same = all(base64.b64decode(key['key']) == mine for key, (mine, _) in zip(keys, own))
        return bool(keys) and same, [run for _, run in own]

    def kinds(self, runs):
        return sorted({NAMES[run.first[0] & 15] for run in runs})


def same(name, scene, kinds=('M1',), **more):
    """The agent gives out keys of runs of these kinds, and the peer has the same."""
    good, runs = scene.got(**more)
    tap.equal(name, (good, scene.kinds(runs)), (True, list(kinds)))
    return runs


def both(name, scene):
    """A run of the agent, and one in the session that it gave."""
    same(name + ' begins', scene)
    good, kinds = True, []
    while good and 'K1' not in kinds:
        good, runs = scene.got(count=34)
        kinds += scene.kinds(runs)
    tap.check(name + ' rekeys', good, kinds)


def begins(name, scene, session=None, **more):
    """The peer begins a run or rekeys, and the agent has the same key; the session."""
    batch = scene.batch(**more)
    made = scene.rekey(session, batch) if session else scene.run(batch)
    tap.check(name, scene.fetched(made))
    return made


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
                      (scene.peer.rollbacks, scene.heard['R1'], scene.heard['M2']), (0, 0, 6))


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
        answers = sum((scene.sent(begun.first) for _ in range(20)), [])
        tap.equal('M1 twenty times: one M2, and sixteen times more',
                  [len(answers), len(set(answers))], [17, 1])
        third = begun.third(answers[0])
        answers = scene.sent(third) + scene.sent(third) + scene.sent(begun.first) + \
            scene.sent(third)
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
        tap.equal('and the true ones once', [scene.heard[n] for n in ('M2', 'M4', 'K2', 'K4')],
                  [1, 1, 1, 1])
        counted = pair_of('forged')['forged']
        tap.check('wrong tags are counted', counted > 0, counted)
        scene.forge = {'M2', 'M4', 'K2', 'K4'}
        both('with forgeries before each answer the agent', scene)
        tap.equal('each message came once', [scene.heard['M1'], scene.heard['M3']], [1, 1])
        tap.check('those are counted too', pair_of('forged')['forged'] > counted)


CASES = [both_roles, credentials, sizes, losses, repetitions, forgeries]


def main():
    agents.make(AGENT, 'pairwise = { listen = "%s:%d"; advertise = "%s:%d"; };\n'
                'pool = { block = "64 B"; low = 0; high = 1; reserve = 0; };\n'
                % (HOST, PORT, HOST, PORT))
    agents.start(AGENT)
    tap.run(CASES)


with agents:
    main()
tap.end()
