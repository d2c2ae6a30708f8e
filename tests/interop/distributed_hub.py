#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a real hub refuses, and how it says so, by an agent made from docs/spec/ alone."""

import os
import shutil
import time
from dataclasses import replace

from agent_messages import (
    BANNED_THERE, BY_RESPONDER, COUNTERS, DUPLICATE, EXHAUSTED, EXPIRED, KINDS, QUOTA, REFUSED,
    REPLACED, SHARE, UNKNOWN, Bye, Common, Confirm, Hello, Note, Ping, Share, decode)
from agent_packet import FRAME_MOST, Packet, Position, seal, u32, u64
from agent_pads import FLIGHT
from distributed_scene import PROFILE, Scene, tap, wait_for
from join_peer import PATIENCE, Closed, Connection

DAY = 86400
PADS = (('--pad', '512KiB'),)


class One:
    """One leg of an agent, of which each step is taken by hand."""

    def __init__(self, agent, hub='hub1'):
        self.agent, self.leg, self.profile = agent, agent.legs[hub], agent.profiles[PROFILE]
        self.counter, self.instance = 0, int.from_bytes(os.urandom(4), 'big') or 1

    def common(self, to, **changed):
        self.counter += 1
        made = Common(self.agent.name, to, self.instance, self.counter, self.profile.id,
                      self.profile.n, self.profile.k, 32, 1, 'app:x', 3600)
        return replace(made, **changed)

    def share(self, to, **changed):
        return Share(self.common(to, **changed), [os.urandom(16)])

    def answer(self, message, body=b'', later=False):
        """What the hub says of it: 0 accepted, or a status; later: of an accepted one."""
        said = []
        with self.agent.lock:
            self.leg.send(message, said.append, body=body)
        self.agent.until(lambda: len(said) > later)
        return said[-1] if said else None

    def raw(self, header, body=b''):
        with self.agent.lock:
            self.leg.packet(header, body)

    def mark(self):
        """What the hub has received of the pad, by its PING."""
        before = self.leg.counts['pings']
        with self.agent.lock:
            self.leg.ping(1)
        self.agent.until(lambda: self.leg.counts['pings'] > before)
        return Position(*self.leg.row['heard'])

    def take(self, size):
        with self.agent.lock:
            return self.leg.sending.take(size)

    def header(self, kind, taken, fields, body=b''):
        return self.leg.scopes[0].header(kind, taken.at, taken.key, fields, body)


def statuses():
    """Checks 6 to 14 (11.1)."""
    with Scene(2, 2) as scene:
        one = One(scene.agent('py1', [], PADS))
        other = scene.agent('py2', [], PADS)
        for agent in (one.agent, other):
            agent.until(lambda agent=agent: all(leg.up for leg in agent.legs.values()))
        tap.equal('a share is accepted', one.answer(one.share('py2')), 0)
        tap.equal('6: another initiator', one.answer(one.share('py2', initiator='py3')), REFUSED)
        tap.equal('8: an unknown responder', one.answer(one.share('nobody')), UNKNOWN)
        tap.equal('11: too long a lifetime', one.answer(one.share('py2', lifetime_s=8 * DAY)),
                  REFUSED)
        tap.equal('12: a block that was there', one.answer(one.share('py2', counter=1)), DUPLICATE)
        tap.equal('the next one is accepted', one.answer(one.share('py2', counter=90)), 0)
        tap.equal('12: one below it', one.answer(one.share('py2', counter=89)), DUPLICATE)
        tap.equal('the same counter in another instance',
                  one.answer(one.share('py2', instance=one.instance ^ 1, counter=90)), 0)
        tap.equal('12: the instance that was left', one.answer(one.share('py2', counter=95)),
                  DUPLICATE)
        one.instance ^= 1
        tap.equal('the highest counter', one.answer(one.share('py2', counter=COUNTERS - 1)), 0)
        one.instance ^= 7
        confirm = Confirm(BY_RESPONDER, 'py2', 'py1', 1, 1, 1, [os.urandom(16)])
        tap.equal('a confirmation by the responder', one.answer(confirm), 0)
        tap.equal('one in the name of another',
                  one.answer(replace(confirm, initiator='py1', responder='py2')), REFUSED)
        note = Note('py1', 'py2', os.urandom(16), os.urandom(16), os.urandom(17))
        tap.equal('a note', one.answer(note), 0)
        tap.equal('a note in the name of another', one.answer(replace(note, sender='py2',
                                                                      recipient='py1')), REFUSED)
        scene.hub('hub1', 'ban', 'py2')
        tap.equal('10: a banned responder', one.answer(one.share('py2')), BANNED_THERE)
        wait_for('who is banned is told so', lambda: other.legs['hub1'].row['stopped'] == 'banned')
        scene.hub('hub1', 'unban', 'py2')
        tap.equal('what waits for one that is away', one.answer(one.share('py2', lifetime_s=1)), 0)
        tap.equal('expires, and that is told',
                  one.answer(one.share('py2', lifetime_s=1), later=True), EXPIRED)


def limits():
    """Checks 9, 13 and 14: policy, quota, and pad towards the responder."""
    with Scene(2, 2) as scene:
        for hub, more in (('hub1', 'quota = { pair_per_day = "64 KiB"; };'), ('hub2', '')):
            scene.stop(hub)
            with open(scene.config(hub), encoding='utf-8') as f:
                text = f.read()
            with open(scene.config(hub), 'w', encoding='utf-8') as f:
                f.write(text.replace('"*", "*"', '"a", "b"') + more + '\n')
            scene.start(hub)
        groups = {'py1': 'a', 'py2': 'b', 'py3': 'a', 'py4': 'b'}
        agents = [scene.agent(name, [], (('--pad', '128KiB' if name != 'py4' else '4KiB', '--group',
                                          group),)) for name, group in groups.items()]
        for agent in agents:
            agent.until(lambda agent=agent: all(leg.up for leg in agent.legs.values()))
        one, two = One(agents[0]), One(agents[0], 'hub2')
        tap.equal('9: within a group that has no rule', one.answer(one.share('py3')), REFUSED)
        tap.equal('with one that has', one.answer(one.share('py2')), 0)
        big = [one.answer(one.share('py2', secret_size=8192)) for _ in range(8)]
        tap.equal('13: 64 KiB of one responder are all', (big[:6], big[-1]), ([0] * 6, QUOTA))
        tap.equal('while another hub counts by itself', two.answer(two.share('py2')), 0)
        small = [two.answer(two.share('py4', secret_size=1024)) for _ in range(5)]
        tap.equal('14: no pad left towards the responder', (small[0], small[-1]), (0, EXHAUSTED))


def pads():
    """What is no message here moves no mark; its range stays good for the true one."""
    with Scene(2, 2) as scene:
        one = One(scene.agent('py1', [], PADS))
        leg = one.leg
        one.agent.until(lambda: leg.up)
        taken = one.take(32)
        fields = Note('py1', 'agent1', bytes(16), bytes(16), bytes(20)).encode()
        good = one.header(KINDS[Note], taken, fields)
        start = one.mark()
        bad = {
            'a wrong tag': good[:16] + bytes([good[16] ^ 1]) + good[17:],
            'a changed field': flipped(good),
            'one byte more': good + b'\0',
            'one byte less': good[:-1],
            'another direction': good[:1] + b'\1' + good[2:],
            'an unknown type': b'\x14' + good[1:],
            'reserved bits': good[:2] + b'\1' + good[3:],
            'another generation': good[:4] + u32(2) + good[8:],
            'an offset beyond the pad': good[:8] + u64(1 << 40) + good[16:],
            'a tag of another leg': one.agent.legs['hub2'].scopes[0].header(
                KINDS[Note], taken.at, taken.key, fields),
        }
        share = one.share('agent1')
        stamped = share.encode()[:-8] + u64(1)
        bad['a stamp by the initiator'] = one.header(SHARE, taken, stamped)
        for what, header in bad.items():
            one.raw(header)
            tap.equal(what + ' moves nothing', one.mark(), start)
        one.raw(Ping(0, 1, Position()).encode(), b'body')
        tap.equal('a body behind a header without tag moves nothing', one.mark(), start)
        one.raw(good)
        wait_for('the true one does', lambda: one.mark() == taken.at.plus(32))
        one.raw(good)
        late, last = one.take(32), one.take(32)
        one.raw(one.header(KINDS[Note], last, fields))
        wait_for('what is left out is burnt', lambda: one.mark() == last.at.plus(32))
        one.raw(one.header(KINDS[Note], late, fields))
        tap.equal('and taken no more', one.answer(one.share('agent1')), 0)
        tap.equal('nothing else was acknowledged', leg.counts['acks'], 3)
        tap.check('the connection is the first still', leg.connection == 1, leg.connection)


def flipped(data):
    return data[:-1] + bytes([data[-1] ^ 1])


class Opening:
    """A connection on the leg of an agent whose own one is kept closed."""

    def __init__(self, one):
        self.one, self.leg, self.said = one, one.leg, []
        self.wire = Connection(tuple(one.leg.row['addresses'][0]))
        self.nonce = os.urandom(16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.socket.close()

    def send(self, header, body=b''):
        data = self.leg.sealer.seal(header, body)
        self.wire.send(data)
        return data

    def hello(self, stage, echo=bytes(16), **changed):
        at = self.leg.sending.next
        said = Hello(0, stage, self.nonce, echo, at, self.leg.receiving.durable)
        return self.send(replace(said, **changed).encode())

    def hello_1(self):
        self.hello(1)

    def receive(self, patience=PATIENCE):
        """The next message of the hub; None when it ended the connection, or 'silence'."""
        self.wire.socket.settimeout(patience)
        try:
            packet = Packet.decode(self.wire.receive())
        except Closed:
            return None
        except TimeoutError:
            return 'silence'
        return decode(self.leg.opener.open(packet), len(packet.body))[0]

    def greeted(self, **changed):
        """HELLO 1 to 3."""
        self.hello(1)
        answer = self.receive()
        self.hello(3, answer.nonce, **changed)
        return answer


def openings():
    """HELLO (6.4), what is not taken before its end, and frames (2)."""
    with Scene(2, 2) as scene:
        one = One(scene.agent('py1', [], PADS))
        scene.agents['py1'].until(lambda: one.leg.up)
        one.agent.stop()

        def answers(what, wanted, *steps, patience=PATIENCE):
            with Opening(one) as opening:
                for step in steps:
                    step(opening)
                got = opening.receive(patience)
                while isinstance(got, Hello):
                    got = opening.receive(patience)
                tap.equal(what, got.reason if isinstance(got, Bye) else type(got).__name__
                          if not isinstance(got, str) else got, wanted)

        def ping(opening):
            opening.send(Ping(0, 1, Position()).encode())

        answers('after HELLO a PING is answered', 'Ping', Opening.greeted, ping)
        answers('one before it ends the connection', 'NoneType', ping)
        answers('so does one after HELLO 1 alone', 'NoneType', Opening.hello_1, ping)
        answers('and an echo that is none', 'NoneType', Opening.hello_1,
                lambda o: o.hello(3, os.urandom(16)))
        answers('and another nonce in HELLO 3', 'NoneType',
                lambda o: o.greeted(nonce=os.urandom(16)))
        answers('a malformed header is dropped', 'Ping', Opening.greeted,
                lambda o: o.send(b'\x09\0\0\0'), ping)
        answers('a BYE with a body is none', 'Ping', Opening.greeted,
                lambda o: o.send(Bye(0, 1).encode(), b'body'), ping)
        answers('nor is such a HELLO', 'NoneType',
                lambda o: o.send(Hello(0, 1, o.nonce, bytes(16), o.leg.sending.next,
                                       o.leg.receiving.durable).encode(), b'body'))
        answers('an envelope that is wrong ends the connection', 'NoneType', Opening.greeted,
                lambda o: o.wire.send(flipped(o.leg.sealer.seal(bytes(20)))))
        answers('a higher version is taken, and 1 spoken', 'Ping',
                lambda o: o.greeted(highest_version=9), ping)
        answers('a packet of version 2 ends it', 'NoneType', Opening.greeted,
                lambda o: o.wire.send(b'\2' + o.leg.sealer.seal(bytes(4))[1:]))
        answers('so does a frame without bytes', 'NoneType', Opening.greeted,
                lambda o: o.wire.send(b''))
        answers('and one that is too long', 'NoneType', Opening.greeted,
                lambda o: o.wire.socket.sendall(u32(FRAME_MOST + 1)))
        answers('a packet of another leg', 'NoneType',
                lambda o: o.wire.send(seal(1, bytes(32), 1, 12345, 0, bytes(68))))

        recorded = []
        with Opening(one) as opening:
            recorded.append(opening.hello(1))
            recorded.append(opening.hello(3, opening.receive().nonce))
            ping(opening)
            tap.check('a connection', isinstance(opening.receive(), Ping))
            with Opening(one) as newer:
                newer.greeted()
                bye = opening.receive()
                tap.equal('a newer one replaces it', getattr(bye, 'reason', bye), REPLACED)
                newer.wire.send(recorded[0])
                tap.equal('which a recorded packet ends', newer.receive(), None)
        answers('recorded HELLOs open nothing', 'NoneType',
                *[lambda o, data=data: o.wire.send(data) for data in recorded])
        one.leg.sealer.step()
        with Opening(one) as opening:
            opening.greeted()
            ping(opening)
            tap.check('the next epoch is taken', isinstance(opening.receive(), Ping))
        for _ in range(1025):
            one.leg.sealer.step()
        answers('but not one that is 1,025 further on', 'NoneType', Opening.hello_1)


def rollbacks():
    """Marks that contradict stop the leg at both ends (6.4)."""
    with Scene(2, 2) as scene:
        one = One(scene.agent('py1', [], PADS))
        agent = one.agent
        agent.until(lambda: one.leg.up)
        tap.equal('a message', one.answer(one.share('agent1')), 0)
        agent.stop()
        copy = scene.backup(agent)
        restarted = scene.again(agent)
        one = One(restarted)
        restarted.until(lambda: one.leg.up)
        for _ in range(20):
            one.answer(one.share('agent1', secret_size=1024, instance=77))
        restarted.stop()
        shutil.rmtree(agent.directory)
        os.rename(copy, agent.directory)
        old = scene.again(restarted)
        leg = old.legs['hub1']
        old.until(lambda: leg.row['stopped'])
        tap.equal('an agent out of a backup stops the leg', leg.row['stopped'], 'rollback')
        wait_for('so does the hub', lambda: scene.member('hub1', 'py1').get('state') == 'stopped')
        tap.check('the other leg goes on', old.until(lambda: old.legs['hub2'].up))
        again = scene.again(old)
        time.sleep(1)
        tap.equal('over a restart too', again.legs['hub1'].state, 'down')
        goes_on(scene, again)


def goes_on(scene, agent):
    """By the words of both operators, the agent's first."""
    leg = agent.legs['hub1']
    with agent.lock:
        leg.resume()
    agent.until(lambda: leg.row['word'] == 'taken')
    tap.equal('one word alone: the larger marks are taken', leg.row['word'], 'taken')
    time.sleep(1)
    tap.check('and no pad is used', leg.row['stopped'] and not leg.runs)
    scene.hub('hub1', 'resume', 'py1')
    tap.check('with the other one the leg goes on', agent.until(lambda: leg.runs))
    one = One(agent)
    tap.equal('and a message is accepted', one.answer(one.share('agent1')), 0)
    wait_for('at a mark beyond what was in flight', lambda: one.mark().offset > FLIGHT)


tap.run([statuses, limits, pads, openings, rollbacks])
tap.end()
