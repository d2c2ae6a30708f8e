# SPDX-License-Identifier: Apache-2.0
"""Real hubs and a real agent in a lab, and agents in Python that are enrolled at the same hubs."""

import base64
import os
import shutil

from agent_keys import place_of
from agent_packet import Refused
from agent_whole import Agent
from join_peer import Joiner
from lab_harness import OK, Lab, Tap, ask, skex, until

tap = Tap()
REAL = 'agent1'
PROFILE = 'lab'
# How the leg to the hub with this index is enrolled, by turns.
KITS = (('--pad', '512KiB'), ('--pad', '512KiB', '--suite', 'chacha20-poly1305'), ('--ratchet',))


class Scene(Lab):
    """A lab with one real agent; agents in Python are made in its directory."""

    def __init__(self, n=3, k=2, **more):
        super().__init__(hubs=n, threshold=k, agents=1, **more)
        self.n, self.k, self.agents = n, k, {}
        self.hubs = ['hub%d' % i for i in range(1, n + 1)]

    def __exit__(self, *what):
        for agent in self.agents.values():
            agent.stop(kill=True)
        return super().__exit__(*what)

    def enrol(self, agent, hub, *words):
        """A leg for an agent by a kit."""
        kit = self.path('%s-%s.kit' % (agent.name, hub))
        made = self.hub(hub, 'enrol', agent.name, '--out', kit, *words)
        if made.code != OK:
            raise RuntimeError('enrol: %s' % made)
        agent.join(kit)

    def enrol_by_token(self, agent, hub):
        token = self.hub(hub, 'token', agent.name, '--json').json['token']
        agent.join_leg(Joiner(token, agent.name).run())

    def agent(self, name, peers=(REAL,), kits=KITS, cls=Agent, token=True):
        """An agent in Python with a leg to each hub, up, and a peer of the real one."""
        agent = cls(name, self.path(name))
        for i, hub in enumerate(self.hubs):
            if token and i == 3:
                self.enrol_by_token(agent, hub)
            else:
                self.enrol(agent, hub, *kits[i % len(kits)])
        if REAL in peers:
            self.peer(name)
        return self.run(agent, peers)

    def peer(self, name):
        added = skex('peer', 'add', name, '--profile', PROFILE, '--socket', self.socket(REAL))
        if added.code != OK:
            raise RuntimeError('peer add: %s' % added)

    def run(self, agent, peers):
        agent.profile(PROFILE, self.k, self.hubs, ['owner%d' % i for i in range(1, self.n + 1)])
        for peer in peers:
            agent.peer(peer, [PROFILE])
        self.agents[agent.name] = agent.start()
        return agent

    def again(self, agent, kill=True):
        """The same agent after a crash or a stop, out of what it had stored."""
        agent.stop(kill)
        made = type(agent)(agent.name, agent.directory)
        return self.run(made, list(agent.peers))

    def backup(self, agent):
        """A copy of the state of an agent that is stopped."""
        copy = agent.directory + '.backup'
        shutil.copytree(agent.directory, copy)
        return copy

    # --- what the real agent has ---

    def fetched(self, agent, key, purpose='app:default', **more):
        """Whether the real agent has the same key of an agent in Python; its answer."""
        answer = ask(self.socket(REAL), op='fetch', peer=agent.name, key_ids=[key.id],
                     purpose=purpose, **more)
        got = answer.get('keys', [{}])[0]
        return base64.b64decode(got.get('key', '')) == key.data and \
            (got.get('fingerprint'), got.get('class'), got.get('confirmed')) == \
            (key.fingerprint, key.klass, key.confirmed), answer

    def got(self, agent, purpose='app:default', bits=256, count=1):
        """Keys that the real agent hands out towards one in Python: id, bytes, fingerprint."""
        answer = ask(self.socket(REAL), op='get', peer=agent.name, purpose=purpose, bits=bits,
                     count=count, wait_ms=50000)
        return [(key['key_id'], base64.b64decode(key['key']), key['fingerprint'])
                for key in answer.get('keys', [])] or answer


# --- what is tested again and again ---

def taken(agent, peer, got, purpose='app:default'):
    """Whether an agent in Python fetches the same keys that its peer handed out."""
    if isinstance(got, dict):
        return got
    agent.until(lambda: all(confirmed(agent, peer, text) for text, _, _ in got))
    try:
        keys = [agent.fetch(peer, text, purpose) for text, _, _ in got]
    except Refused as error:
        return repr(error)
    return [(key.id, key.data, key.fingerprint) for key in keys] == got or keys


def confirmed(agent, peer, text):
    """Whether the block of a key is here and confirmed."""
    instance, counter, _, _ = place_of(text, peer, agent.name)
    batch = agent.pool.of(peer, agent.name, instance, counter)
    return bool(batch) and batch['confirmed']


def both_roles(what, scene, agent, purpose='app:default', sizes=(32,)):
    """Keys in both directions between an agent in Python and the real one."""
    for size in sizes:
        key = agent.get(REAL, purpose, size)
        good, answer = scene.fetched(agent, key, purpose)
        tap.check('%s: %d bytes of a run of Python are fetched at skexd' % (what, size), good,
                  answer)
        good = taken(agent, REAL, scene.got(agent, purpose, 8 * size), purpose)
        tap.check('%s: and of a run of skexd in Python' % what, good is True, good)


def wait_for(what, true, seconds=120.0):
    """A condition that has to come true."""
    return tap.check(what, until(true, seconds))


def random_purpose():
    return 'app:' + os.urandom(4).hex()
