# SPDX-License-Identifier: Apache-2.0
"""An agent of the distributed mode, made from docs/spec/ alone: it shares nothing with the C.

Its modules are named like what they are about; (6.3) in a comment is a section of distributed.md.
It runs in a thread of its own; what a test calls takes its lock. Not here: the emptying of pools at
the word of k hubs (6.4), the naming of batches that too few hubs brought (12.4), identities (12.6),
parts (combining.md), kits with a passphrase.
"""

import fnmatch
import os
import select
import threading
import time

from agent_block import profile_id
from agent_initiator import Run, check_sizes
from agent_keys import Pool
from agent_kit import ENROLMENT, RATCHET, Ratchet, read_kit
from agent_leg import Leg
from agent_messages import COMPUTATIONAL, COUNTERS, NOTE, Common, Confirm, Note, Share
from agent_notes import NOTE_KEY, PURPOSE, Outbox, Recipient, make_note
from agent_packet import Refused, name_of
from agent_responder import Responder
from agent_store import Store

PATIENCE = 60.0     # seconds; only against hanging
TURN = 0.05         # seconds
BOUND = 2048        # batches of an initiator that are accepted and not confirmed (12.1)
LIFETIME = 3600     # seconds


class Profile:
    """What two agents agree to trust (8.2): hubs in order, each with its owner."""

    def __init__(self, name, k, hubs, ids, owners):
        self.name, self.k, self.hubs = name, k, hubs
        self.id = profile_id(len(hubs), k, list(zip(ids, owners)))

    @property
    def n(self):
        return len(self.hubs)

    def index(self, hub):
        return self.hubs.index(hub) + 1

    def hub(self, index):
        return self.hubs[index - 1]


class Peer:
    """Another agent, the profiles that are accepted from it, and the purposes."""

    def __init__(self, profiles, accept=('app:*',)):
        self.profiles, self.accept = profiles, accept

    def accepts(self, purpose):
        return purpose == PURPOSE or any(fnmatch.fnmatchcase(purpose, p) for p in self.accept)


class Agent:
    """All of it. Legs come by join() and join_leg() before start()."""

    run_class = Run

    def __init__(self, name, directory):
        self.name, self.directory = name_of(name.encode()), directory
        self.profiles, self.peers, self.events = {}, {}, []
        self.bound, self.class_required = BOUND, COMPUTATIONAL
        self.lock = threading.RLock()
        self.turned = threading.Condition(self.lock)
        self.store = Store(directory, {
            'instance': int.from_bytes(os.urandom(4), 'big'), 'counter': 0, 'lives': 0,
            'kits': [], 'legs': {}, 'batches': [], 'outbox': [], 'spent': {}})
        self.thread, self.ending = None, False

    # --- enrolment.md, 8 ---

    def join(self, path):
        with open(path, 'rb') as f:
            kit = read_kit(f.read())
        row = self.store.data['legs'].get(kit.hub)
        if kit.agent != self.name:
            raise Refused('for another agent')
        if kit.kit_id.hex() in self.store.data['kits']:
            raise Refused('taken in before')
        if kit.kind == ENROLMENT:
            if row or kit.hub_id.hex() in [r['hub_id'] for r in self.store.data['legs'].values()]:
                raise Refused('there is a leg at this hub')
            row = self.store.data['legs'][kit.hub] = leg_row(kit)
        else:
            if not row or (row['leg'], row['hub_id'], row['pad_kind'], row['pad_ids']) != (
                    kit.leg, kit.hub_id.hex(), kit.pad_kind, list(kit.pad_ids)):
                raise Refused('refills another leg')
            if kit.generation != len(row['sizes']):
                raise Refused('generation')
            if kit.klass < row['class']:
                raise Refused('class')
        if kit.pad_kind != RATCHET:
            for direction in (0, 1):
                self.store.put_pad(kit.leg, direction, kit.generation, kit.pads[direction])
            row['sizes'][str(kit.generation)] = list(kit.pad_sizes)
        self.store.data['kits'].append(kit.kit_id.hex())
        self.store.changed()
        self.store.commit()
        os.unlink(path)

    def join_leg(self, leg):
        """A leg out of join.md, of join_peer.py."""
        said = leg.token.said
        self.store.data['legs'][said['hub']] = ratchet_row(
            leg.number, said['hub_id'], said['suite'], leg.pads, leg.token.addresses,
            (leg.envelope_keys, leg.seed))
        self.store.changed()
        self.store.commit()

    def profile(self, name, k, hubs, owners):
        """Of hubs that there are legs to; the hub ids are known from them."""
        ids = [bytes.fromhex(self.store.data['legs'][hub]['hub_id']) for hub in hubs]
        self.profiles[name] = Profile(name, k, hubs, ids, owners)

    def peer(self, name, profiles, accept=('app:*',)):
        self.peers[name] = Peer(profiles, accept)

    # --- life ---

    def start(self):
        data = self.store.data
        data['lives'] += 1
        self.life = data['lives']
        self.legs = {hub: Leg(self, hub, row) for hub, row in data['legs'].items()}
        self.pool, self.confirms = Pool(self), Outbox(self)
        self.responder, self.recipient, self.runs = Responder(self), Recipient(self), []
        self.store.changed()
        self.store.commit()       # epochs are durable before a packet leaves in them
        self.ending = False
        self.thread = threading.Thread(target=self.live, daemon=True)
        self.thread.start()
        return self

    def stop(self, kill=False):
        """An orderly end, or one as of a crash: what was not durable is gone."""
        self.ending = True
        self.thread.join()
        for leg in self.legs.values():
            leg.close() if kill else leg.leave()

    def live(self):
        while not self.ending:
            with self.lock:
                self.turn()
                self.turned.notify_all()
                sockets = {leg.socket: leg for leg in self.legs.values() if leg.socket}
                busy = [s for s, leg in sockets.items() if leg.outgoing]
            ready = select.select(list(sockets), busy, [], TURN)
            with self.lock:
                for s, leg in sockets.items():
                    if s in ready[1] and leg.socket is s:
                        leg.write()
                    if s in ready[0] and leg.socket is s:
                        leg.read()

    def turn(self):
        now = time.monotonic()
        for part in [*self.legs.values(), *self.runs, self.responder, self.confirms]:
            part.tick(now)
        self.runs = [run for run in self.runs if not run.over]
        self.pool.expire(time.time())
        self.store.commit()
        for leg in self.legs.values():
            leg.tell()
        self.store.commit()
        for leg in self.legs.values():
            if leg.socket:
                leg.write()

    def empty(self):
        """Keys that were not handed out are dropped with all peers; a new instance begins (6.4)."""
        data = self.store.data
        del data['batches'][:], self.confirms.rows[:], self.confirms.kept[:]
        data['instance'], data['counter'] = int.from_bytes(os.urandom(4), 'big'), 0
        self.store.changed()

    def event(self, name, peer, hub, text=''):
        self.events.append((name, peer, hub, text))

    # --- what legs bring ---

    def leg_is_up(self, leg):
        for kept in self.confirms.kept:
            kept.under_way.discard(leg.hub)

    def hear(self, leg, message, at, body, key):
        """An authentic message; of a SHARE the range is held."""
        if isinstance(message, Share):
            self.responder.hear(message, at, body, key, leg)
        elif isinstance(message, Confirm) and message.initiator == self.name:
            for run in self.runs:
                run.hear(message, run.profile.index(leg.hub) if leg.hub in run.profile.hubs else 0)
        elif isinstance(message, Confirm):
            self.responder.confirm(message, leg)
        elif isinstance(message, Note):
            self.recipient.hear(message, leg)

    # --- what the parts ask ---

    def legs_of(self, profile):
        return {i: self.legs[hub] for i, hub in enumerate(profile.hubs, 1) if hub in self.legs}

    def class_of(self, profile):
        """The least of the legs to the hubs of the profile (8.3)."""
        return min(leg.row['class'] for leg in self.legs_of(profile).values())

    def profile_of(self, identifier):
        return next((p for p in self.profiles.values() if p.id == identifier), None)

    def unconfirmed(self, initiator):
        return sum(b['initiator'] == initiator and not b['confirmed'] for b in self.pool.batches)

    def knows_its_state(self, batch):
        """After a start: k hubs of a profile of the peer compared marks, and none contradicted."""
        if batch['life'] == self.life:
            return True
        peer = batch['responder'] if batch['initiator'] == self.name else batch['initiator']
        return any(sum(leg.proven and not leg.row['stopped']
                       for leg in self.legs_of(profile).values()) >= profile.k
                   for profile in map(self.profiles.get, self.peers[peer].profiles))

    # --- what a test asks ---

    def until(self, what, seconds=PATIENCE):
        """Waits, with turns between, until what() is true; its last value."""
        end = time.monotonic() + seconds
        with self.turned:
            while not (value := what()) and time.monotonic() < end:
                self.turned.wait(0.2)
            return value

    def begin(self, peer, purpose, count=1, size=64, lifetime=LIFETIME):
        """A run, which may have failed already."""
        check_sizes(count, size)
        with self.lock:
            data, profile = self.store.data, self.profiles[self.peers[peer].profiles[0]]
            if data['counter'] + count > COUNTERS:
                raise Refused('counters are used up')
            common = Common(self.name, peer, data['instance'], data['counter'], profile.id,
                            profile.n, profile.k, size, self.class_of(profile), purpose, lifetime)
            data['counter'] += count
            self.store.changed()
            run = self.run_class(self, profile, common, count)
            self.runs.append(run)
            run.start()
            return run

    def get(self, peer, purpose='app:default', size=32, unit=16, blocks=1):
        """A fresh, confirmed key; of a new run when there is none."""
        with self.lock:
            key = self.pool.cut(peer, purpose, size, unit)
        if not key:
            run = self.begin(peer, purpose, blocks, -(-size // unit) * max(unit, 64))
            self.until(lambda: run.over)
            if run.state != 'DONE':
                raise Refused(run.why or run.state)
            with self.lock:
                key = self.pool.cut(peer, purpose, size, unit)
        return key

    def fetch(self, peer, text, purpose='app:default', unconfirmed=False):
        with self.lock:
            return self.pool.fetch(peer, purpose, text, unconfirmed)

    def note(self, peer, text):
        """Seals a note and gives it to hubs; how many have it."""
        key = self.get(peer, PURPOSE, NOTE_KEY, NOTE_KEY)
        with self.lock:
            profile = self.profiles[self.peers[peer].profiles[0]]
            hubs = [leg.hub for leg in self.legs_of(profile).values() if leg.up]
            kept = self.confirms.add(make_note(self, peer, key, text), profile, hubs,
                                     time.time() + LIFETIME, NOTE)
        self.until(lambda: kept.done)
        return len(kept.row['accepted'])


def leg_row(kit):
    """What the store has of a leg that a kit enrolled."""
    if kit.pad_kind == RATCHET:
        return ratchet_row(kit.leg, kit.hub_id.hex(), kit.suite, kit.pad_ids, kit.addresses,
                           (kit.envelope_keys, kit.seed))
    return row_of(kit.leg, kit.hub_id.hex(), kit.suite, kit.pad_ids, kit.addresses,
                  kit.envelope_keys, pad_kind=kit.pad_kind, **{'class': kit.klass})


def ratchet_row(leg, hub_id, suite, pad_ids, addresses, secrets):
    keys, seed = secrets
    ratchets = {'%d-0' % d: [Ratchet.of_seed(seed, leg, d, 0).key.hex(), 0] for d in (0, 1)}
    return row_of(leg, hub_id, suite, pad_ids, addresses, keys, pad_kind=RATCHET,
                  ratchets=ratchets, **{'class': COMPUTATIONAL})


def row_of(leg, hub_id, suite, pad_ids, addresses, keys, **more):
    return {'leg': leg, 'hub_id': hub_id, 'suite': suite, 'pad_ids': list(pad_ids),
            'addresses': addresses, 'send': [0, keys[0].hex()], 'receive': [0, keys[1].hex()],
            'reserved': [0, 0], 'mark': [0, 0], 'heard': [0, 0], 'wrong': {}, 'sizes': {},
            'stopped': '', 'word': '', **more}
