# SPDX-License-Identifier: Apache-2.0
"""A real agent, and peers of it in Python that it was paired with."""

import base64
import json
import os
import os.path
import re
import socket
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ['system', 'vectors']:
    sys.path.insert(0, os.path.join(HERE, '..', folder))

from lab_harness import BUILD, OK, Agents, Tap, ask, skex  # noqa: E402
from pairwise_carried import Batch, Credential  # noqa: E402
from pairwise_content import key_id  # noqa: E402
from pairwise_math import NAMES  # noqa: E402
from pairwise_peer import Peer  # noqa: E402
from pairwise_wire import Silence, Wire  # noqa: E402

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


def events(name):
    """Names of the events about a peer that stand in the log, the oldest first."""
    with open(agents.path(AGENT, 'log'), encoding='utf-8') as log:
        return re.findall(r' \w+: (\w+): peer %s ' % re.escape(name), log.read())


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

    def asked(self, purpose=PURPOSE, wait=100000, count=1):
        """What the agent answers to an application that wants a key, while the peer is there."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.connect(agents.socket(AGENT))
            s.sendall(json.dumps({'id': 1, 'op': 'get', 'peer': self.name, 'purpose': purpose,
                                  'wait_ms': wait, 'count': count}).encode() + b'\n')
            if not self.answer_until(s):
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


def run(cases, hasty=False):
    """All cases, with an agent, whose time runs faster when it is hasty."""
    with agents:
        if hasty:
            agents.preload = os.path.join(BUILD, 'tests', 'hasty_clock.so')
        agents.make(AGENT, 'pairwise = { listen = "%s:%d"; advertise = "%s:%d"; };\n'
                    'pool = { block = "64 B"; low = 0; high = 1; reserve = 0; };\n'
                    % (HOST, PORT, HOST, PORT))
        agents.start(AGENT)
        tap.run(cases)
    tap.end()
