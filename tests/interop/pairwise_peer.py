# SPDX-License-Identifier: Apache-2.0
"""A peer of the pairwise mode, made from docs/spec/pairwise.md alone: it shares nothing with the C.

A Peer takes datagrams and gives datagrams; it has no socket and no clock. Numbers in comments are
sections of the specification. The key schedule is that of the vectors.
"""

import copy
import os

from pairwise_content import ALERT, BLOB, PAST, PAYLOAD, ROLLBACK, key_id, place_of
from pairwise_carried import Batch, fields
from pairwise_math import (
    ACKREQ, K1, K3, M1, M3, P1, R1, Refused, Run, Tree, hedged, locator, pseudonyms, r1, r2,
    read_r1, read_r2, rekey_leaf, split, tlv, u8, u64)

ANSWERS = 17  # times that one M1 is answered


class Alert(Exception):
    """The peer says that there is no session."""

    def __init__(self, why):
        super().__init__(why)
        self.why = why


class State:
    """What is on stable storage (8); a copy of it is a backup."""

    def __init__(self, association, slot):
        self.n = self.b = self.top = self.was = 0
        self.own = Tree(association.chain(slot), association.d)
        self.theirs = Tree(association.chain(1 - slot), association.d)


class Session:
    """What a run gave. number is that of the rekey, r the slot of who began the first run."""

    def __init__(self, run, r, number, batch):
        self.rs, self.exp, self.sid = run.rs, run.exp, run.sid
        self.r, self.number, self.batch = r, number, batch
        self.attempt = self.answered = 0
        self.blocks = batch.made(run.exp, number) if batch else {}


class Begun:
    """A run of this end: M1 to M4, or K1 to K4."""

    def __init__(self, peer, run, batch, session=None, plain=None, flags=0):
        self.peer, self.run, self.batch, self.before = peer, run, batch, session
        if plain is None:
            plain = tlv(BLOB, batch.blob())
        if not session and peer.state.was:
            plain += tlv(ROLLBACK, u64(peer.state.was - 1))
        self.first = run.one(hedged(run.leaf, b'na', os.urandom(32)), plain, flags)

    def read(self, data, step):
        """The fields of the answer that is expected now."""
        m = split(data)
        if m.kind != self.run.first + step:
            raise Refused('not expected')
        found = fields(self.run.read(data), m.flags)
        if not self.before:
            self.peer.state.was = 0  # the peer has seen field 14
        if ALERT in found:
            raise Alert(found[ALERT][0])
        return found

    def third(self, second, plain=b'', flags=ACKREQ):
        """M3 that answers this M2."""
        self.read(second, 1)
        return self.run.three(plain, flags)

    def session(self, fourth):
        """What M4 confirms."""
        self.read(fourth, 3)
        number = self.before.number + 1 if self.before else 0
        return Session(self.run, self.peer.slot, number, self.batch)


class Answered:
    """A run of the other end, as it is kept here."""

    def __init__(self, run, index, first, before=None):
        self.run, self.index, self.first, self.before = run, index, first, before
        self.second = self.third = self.fourth = self.batch = None
        self.times = 0


class Peer:
    """One end of an association, in lane 0; window and look-ahead are its own."""

    def __init__(self, credential, slot, window=8, ahead=8):
        self.a, self.slot = credential.association(), slot
        self.names = credential.ids
        self.window, self.ahead = window, ahead
        self.rec = self.a.recovery()
        self.state = State(self.a, slot)
        self.runs = []      # Answered, the oldest first
        self.sessions = []  # of both ends
        self.blocks = {}    # that the other end began, by instance and counter
        self.runs_of = {}   # and the first message of the run that gave each
        self.refuse = 0     # an alert for every M1
        self.rollbacks = 0  # that the other end told of

    # What waits for a commit is in memory only, so a copy is as good as a write here.

    def backup(self):
        return copy.deepcopy(self.state)

    def restore(self, state):
        """The power went, and this is what the disk has."""
        self.state, self.runs, self.sessions = copy.deepcopy(state), [], []

    def move_own(self, n):
        self.state.own.forget_below(n)
        self.state.n = n

    def move_top(self, top):
        s = self.state
        s.top = max(s.top, top)
        s.b = max(s.b, s.top - self.window)
        s.theirs.forget_below(s.b)

    # --- initiator (9) ---

    def begin(self, batch, first=M1, **sealed):
        """A run with the next index, which is used from now on."""
        i = self.state.n
        leaf = self.state.own.leaf(i)
        self.move_own(i + 1)
        return Begun(self, Run(self.a.ac, leaf, self.slot, i, first), batch, **sealed)

    def rekey(self, session, batch, **sealed):
        """A run in a session that this end began (12.2)."""
        session.attempt += 1
        leaf = rekey_leaf(session.rs, self.slot, session.attempt)
        run = Run(self.a.ac, leaf, self.slot, session.attempt, K1)
        return Begun(self, run, batch, session, **sealed)

    def compare(self):
        """R1 (12.1)."""
        return r1(self.rec, self.a.ac, self.slot, os.urandom(16), self.state.n)

    def compared(self, request, answer):
        """Whether R2 moved the own index."""
        target = read_r2(self.rec, self.a.ac, self.slot, request, answer)
        if target <= self.state.n:
            return False
        if target - self.state.n > self.jump():
            raise Refused('too far')
        self.state.was = self.state.n + 1
        self.move_own(target)
        return True

    def jump(self):
        return 1 << (32 if self.a.d else 16)

    # --- responder (10) ---

    def hear(self, data):
        """The answer to a datagram, or None."""
        try:
            m = split(data)
            if m.kind in (M1, P1):
                return self.hear_first(m, data)
            if m.kind == K1:
                return self.hear_rekey(m, data)
            if m.kind in (M3, K3):
                return self.hear_third(m, data)
            if m.kind == R1:
                return self.hear_compare(m, data)
        except Refused:
            pass
        return None

    def index_of(self, pid):
        s = self.state
        return next((i for i in range(s.b, s.top + self.ahead)
                     if s.theirs.holds(i) and pseudonyms(s.theirs.leaf(i))[0] == pid), None)

    def again(self, data):
        """The answer to a first message that came before."""
        run = next((r for r in self.runs if r.first == data), None)
        if not run or run.fourth or run.times == ANSWERS:
            return None
        run.times += 1
        return run.second

    def hear_first(self, m, data):
        i = self.index_of(m.id)
        if i is None:
            return self.again(data)
        run = Run(self.a.ac, self.state.theirs.leaf(i), 1 - self.slot, i, m.kind)
        plain = run.read(data)
        self.state.theirs.puncture(i)
        self.move_top(i + 1)
        if m.kind == P1:
            return None
        answered = Answered(run, i, data)
        alert = self.accept(answered, plain, m.flags)
        return self.answer(answered, tlv(ALERT, u8(alert)) if alert else b'')

    def hear_rekey(self, m, data):
        r = 1 - self.slot
        for session in self.sessions:
            for attempt in range(session.answered + 1, 5):
                leaf = rekey_leaf(session.rs, r, attempt)
                if pseudonyms(leaf)[0] != m.id:
                    continue
                run = Run(self.a.ac, leaf, r, attempt, K1)
                answered = Answered(run, attempt, data, session)
                if self.accept(answered, run.read(data), m.flags):
                    raise Refused('not acceptable')
                session.answered = attempt
                return self.answer(answered, b'')
        return self.again(data)

    def accept(self, answered, plain, flags):
        """Looks at what is asked for; an alert, or 0."""
        try:
            found = fields(plain, flags)
            answered.batch = Batch.of(found.get(BLOB, b''))
        except Refused:
            return PAYLOAD
        self.rollbacks += ROLLBACK in found
        batch = answered.batch
        wanted = {(batch.instance, batch.counter + i) for i in range(batch.blocks)}
        return PAST if wanted & set(self.blocks) else self.refuse

    def answer(self, answered, plain):
        run = answered.run
        answered.second = run.two(hedged(run.leaf, b'nb', os.urandom(32)), plain)
        answered.times = 1
        if plain:
            answered.batch = None
        self.runs.append(answered)
        return answered.second

    def hear_third(self, m, data):
        answered = next((r for r in self.runs if r.run.ids[2] == m.id), None)
        if not answered or not answered.batch:
            raise Refused('no run')
        if not answered.fourth:
            fields(answered.run.read(data), m.flags)
            number = answered.before.number + 1 if answered.before else 0
            session = Session(answered.run, 1 - self.slot, number, answered.batch)
            if answered.before:
                self.sessions.remove(answered.before)
            self.sessions.append(session)
            self.blocks.update(session.blocks)
            self.runs_of.update(dict.fromkeys(session.blocks, answered))
            answered.third, answered.fourth = data, answered.run.four()
        elif answered.third != data:
            raise Refused('another third message')
        return answered.fourth if m.flags & ACKREQ else None

    def hear_compare(self, m, data):
        r = 1 - self.slot
        if m.id not in [locator(self.rec, r, number) for number in range(16)]:
            raise Refused('unknown')
        claim, s = read_r1(self.rec, self.a.ac, r, data), self.state
        if claim - s.top > self.jump() or claim > 1 << 40:
            raise Refused('too far')
        if claim >= s.top + self.ahead:
            self.move_top(claim)
            return None
        return r2(self.rec, self.a.ac, r, data, os.urandom(16), max(s.top, claim))

    def key_of(self, text):
        """The key that an identifier names, of a block that the other end began, and its run."""
        instance, counter, offset, size = place_of(text)
        initiator, responder = self.names[1 - self.slot], self.names[self.slot]
        if text != key_id(initiator, responder, instance, counter, offset, size):
            raise ValueError('not an identifier of these two')
        return self.blocks[instance, counter][offset:offset + size], self.runs_of[instance, counter]
