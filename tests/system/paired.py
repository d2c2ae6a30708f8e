#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys between two paired agents with all hubs stopped: real daemons, real datagrams."""

import os
import re
import socket
import threading

from lab_harness import Lab, Tap, ask, skex, until

TAP = Tap()


def key(lab, at, peer, purpose='app:paired', **more):
    """One key, and what is known of it."""
    answer = ask(lab.socket(at), op='get', peer=peer, purpose=purpose, wait_ms=30000, **more)
    return answer.get('keys', [answer])[0]


def fetch(lab, at, peer, key_id, purpose='app:paired'):
    answer = ask(lab.socket(at), op='fetch', peer=peer, purpose=purpose, key_ids=[key_id])
    return answer.get('keys', [answer])[0]


def same(lab, name, at, peer, purpose='app:paired'):
    """A key got at one end is fetched at the other, with the same properties."""
    got = key(lab, at, peer, purpose, require=['forward-secret', 'confirmed'])
    if not TAP.check('%s: a key' % name, 'key_id' in got, got):
        return
    other = fetch(lab, peer, at, got['key_id'], purpose)
    TAP.check('%s: the same key' % name,
              got['key'] == other.get('key') and got['fingerprint'] == other.get('fingerprint'))
    for end in (got, other):
        TAP.equal('%s: class, forward secrecy, confirmation' % name,
                  (end.get('class'), end.get('forward_secret'), end.get('confirmed')),
                  ('computational', True, True))


def pair(lab, at):
    return ask(lab.socket(at), op='pair_ls')['pairs'][0]


def crash(lab, agent):
    lab.kill(agent)
    lab.start(agent)


def before_a_start(lab):
    """What can be fetched waits for hubs after a start, unless the operator says otherwise."""
    got = key(lab, 'agent1', 'agent2', require=['forward-secret', 'confirmed'])
    crash(lab, 'agent2')
    late = fetch(lab, 'agent2', 'agent1', got['key_id'])
    TAP.equal('a key from before a start waits for hubs', late.get('error', {}).get('code'),
              'unproven')
    same(lab, 'one that is made then does not', 'agent1', 'agent2', 'app:then')
    for agent in ('agent1', 'agent2'):
        with open(lab.config(agent), 'a', encoding='ascii') as f:
            f.write('pool: { start_grace = "1 h"; };\n')


def without_hubs():
    with Lab(more=['--pairwise']) as lab:
        left, right = pair(lab, 'agent1'), pair(lab, 'agent2')
        TAP.equal('both show one fingerprint', left['fingerprint'], right['fingerprint'])
        TAP.equal('and different slots', (left['slot'], right['slot']), (0, 1))

        for hub in ('hub1', 'hub2', 'hub3'):
            lab.kill(hub)
        same(lab, 'all hubs killed', 'agent1', 'agent2')
        same(lab, 'the other way', 'agent2', 'agent1')

        before_a_start(lab)
        # Neither end needs the other to be there when it starts, or a person afterwards.
        crash(lab, 'agent2')
        same(lab, 'after a crash of agent2', 'agent1', 'agent2')
        crash(lab, 'agent1')
        same(lab, 'after a crash of agent1', 'agent1', 'agent2')
        same(lab, 'after both, the other way', 'agent2', 'agent1')

        refused = ask(lab.socket('agent1'), op='pair_make', peer='agent2')
        TAP.equal('a second pairing is refused', refused['error']['code'], 'paired')
        revoked = ask(lab.socket('agent1'), op='pair_revoke', peer='agent2')
        TAP.equal('it is revoked', revoked.get('peer'), 'agent2')
        gone = ask(lab.socket('agent1'), op='get', peer='agent2', purpose='app:paired',
                   wait_ms=0, require=['forward-secret'])
        TAP.equal('and there are no such keys any more', gone['error']['code'],
                  'not_forward_secret')
        TAP.check('hubs are asked for the others again',
                  until(lambda: skex('status', '--socket', lab.socket('agent1')).code == 0))


class Flood:
    """Datagrams of nobody at the ports of some agents, as fast as this process can."""

    def __init__(self, lab, agents):
        self.ports = []
        for agent in agents:
            with open(lab.config(agent), encoding='utf-8') as f:
                found = re.search(r'pairwise[^}]*listen\s*=\s*"[^"]*:(\d+)"', f.read())
            self.ports.append(int(found.group(1)))
        self.sent = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.send)

    def send(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            while not self.over.is_set():
                noise = os.urandom(1 + self.sent % 1400)
                # Every other one is an M1 as it has to be, but for its id and tag.
                if self.sent % 2 == 0:
                    noise = b'\x11\0\0\0' + os.urandom(40)
                for port in self.ports:
                    s.sendto(noise, ('127.0.0.1', port))
                self.sent += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def under_a_flood():
    """Each key is for a purpose that is new, and takes a run of its own."""
    with Lab(more=['--pairwise']) as lab:
        same(lab, 'before the flood', 'agent1', 'agent2')
        before = [pair(lab, agent)['runs_answered'] for agent in ('agent1', 'agent2')]
        with Flood(lab, ('agent1', 'agent2')) as flood:
            good = 0
            for i in range(20):
                at, peer = ('agent1', 'agent2') if i % 2 == 0 else ('agent2', 'agent1')
                purpose = 'app:flood%d' % i
                got = ask(lab.socket(at), op='get', peer=peer, purpose=purpose, wait_ms=55000,
                          require=['forward-secret', 'confirmed']).get('keys', [{}])[0]
                other = ask(lab.socket(peer), op='fetch', peer=at, purpose=purpose,
                            key_ids=[got.get('key_id', '')]).get('keys', [{}])[0]
                good += 'key' in got and got['key'] == other.get('key')
            TAP.equal('under a flood every run gives its key to both ends', good, 20)
        after = [pair(lab, agent)['runs_answered'] for agent in ('agent1', 'agent2')]
        TAP.check('with runs that were made meanwhile',
                  all(b >= a + 10 for a, b in zip(before, after)), (before, after))
        TAP.check('and a flood', flood.sent > 1000, flood.sent)


TAP.run([without_hubs, under_a_flood])
TAP.end()
