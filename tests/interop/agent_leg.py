# SPDX-License-Identifier: Apache-2.0
"""distributed.md, sections 6.4 and 4.8: one leg: its connection, what is sent again, acks."""

import os
import socket
import time

from agent_messages import (
    ACK, BYE, CLOSING, HELLO, KINDS, PAUSED, PING, REPLACED, ROLLBACK, TO_AGENT, TO_HUB, Ack, Bye,
    Hello, Ping, Share, decode, pad_size)
from agent_packet import (
    FRAME_MOST, Forged, Opener, Other, Packet, Position, Refused, Replay, Sealer, u32)
from agent_pads import FLIGHT, Pads, Paused, ReceivePad, SendPad
from agent_tags import Scope

AGAIN, AGAIN_MOST = 0.2, 2.0   # seconds between connections
HELLO_PATIENCE = 5.0           # seconds
QUIET = 5.0                    # seconds after which the mark is told by a PING
SILENT = 10.0                  # seconds after which what a mark passed counts as accepted (4.8)
PING_ROOM = 256                # refusals in an ACK
ACCEPTED, PERHAPS = 0, -1      # what became of a message, besides the statuses of an ACK
KEPT = 4096                    # messages of which a late status is understood


class Message:
    """One that was sent, and is sent again until it arrived."""

    def __init__(self, at, header, body, result):
        self.at, self.header, self.body, self.result = at, header, body, result
        self.connection = self.passed = None   # in which it was sent last; when a mark passed it


class Leg:
    """The agent's end."""

    def __init__(self, agent, hub, row):
        self.agent, self.store, self.hub, self.row = agent, agent.store, hub, row
        self.pads = Pads(self.store, row)
        self.sending = SendPad(self.pads, row, self.store)
        self.receiving = ReceivePad(self.pads, row, self.store)
        self.scopes = [Scope(d, row['pad_ids'][d], row['leg'], bytes.fromhex(row['hub_id']))
                       for d in (TO_HUB, TO_AGENT)]
        self.sealer = Sealer(row['suite'], row['leg'], row['send'][0],
                             bytes.fromhex(row['send'][1]))
        self.opener = Opener(row['suite'], row['leg'], row['receive'][0],
                             bytes.fromhex(row['receive'][1]))
        self.step_epoch()                      # at every start (3)
        self.socket, self.state = None, 'down'
        self.connection, self.tries, self.again = 0, 0, 0.0
        self.proven = False                    # the hub compared marks in this life
        self.waiting, self.sent = [], {}       # not known to be accepted; by position
        self.owed, self.told, self.refusals = False, self.receiving.durable, []
        self.counts = dict.fromkeys(('refused', 'forged', 'replayed', 'wrong', 'pings', 'acks'), 0)

    # --- epochs and packets ---

    def step_epoch(self):
        self.sealer.step()
        self.row['send'] = [self.sealer.epoch, self.sealer.key.hex()]
        self.store.changed()

    def packet(self, header, body=b''):
        if self.sealer.full:
            self.step_epoch()
            self.store.commit()
        sealed = self.sealer.seal(header, body)
        self.outgoing += u32(len(sealed)) + sealed

    # --- connection ---

    @property
    def up(self):
        return self.state == 'up'

    @property
    def runs(self):
        """Whether it may send what uses pad."""
        return self.up and not self.row['stopped']

    def tick(self, now):
        """Time went by."""
        if self.state == 'down' and now >= self.again and (
                not self.row['stopped'] or self.row['word']):
            self.connect(now)
        elif self.state == 'hello' and now >= self.again:
            self.close()
        elif self.up:
            if now - self.heard > 2 * QUIET and not self.asked:
                self.asked = True
                self.ping(1)
            elif self.told != self.receiving.durable and now - self.spoke > QUIET:
                self.ping(0)
            for message in [m for m in self.waiting if m.passed and now - m.passed > SILENT]:
                self.became(message, ACCEPTED)

    def connect(self, now):
        host, port = self.row['addresses'][self.tries % len(self.row['addresses'])]
        self.tries += 1
        try:
            self.socket = socket.create_connection((host, port), 1.0)
        except OSError:
            self.again = now + AGAIN
            return
        self.socket.setblocking(False)
        self.incoming, self.outgoing = b'', b''
        self.state, self.again, self.connection = 'hello', now + HELLO_PATIENCE, self.connection + 1
        self.heard = self.spoke = now
        self.asked = False
        self.nonce = os.urandom(16)
        self.told = self.receiving.durable
        self.greet(1, bytes(16))

    def greet(self, stage, echo):
        self.packet(Hello(TO_HUB, stage, self.nonce, echo, self.sending.next, self.told,
                          int(time.time() * 1000)).encode())

    def close(self):
        if self.socket:
            self.socket.close()
        if self.state == 'hello':
            # Perhaps this state is from the past, and the hub has left its epoch.
            self.step_epoch()
            self.store.commit()
        self.again = time.monotonic() + min(AGAIN_MOST, AGAIN * (1 + self.tries))
        self.socket, self.state = None, 'down'

    def resume(self):
        """The operator's word: durable, and good for one passage through the states of 6.4."""
        self.row['word'] = 'resumed'
        self.agent.empty()
        self.store.changed()
        self.store.commit()

    def take_larger(self, hub):
        """In resumed: the larger marks, durable before anything else is said."""
        if not self.sending.jump(hub.received) or not self.receiving.jump(hub.sent):
            self.agent.event('no_room', '', self.hub)
            return
        self.waiting, self.sent = [], {}
        self.row['word'] = 'taken'
        self.row['heard'] = [hub.received.generation, hub.received.offset]
        self.store.changed()
        self.store.commit()

    def runs_again(self):
        """In taken: the first packet that is neither HELLO nor BYE."""
        self.row['word'] = self.row['stopped'] = ''
        self.store.changed()
        self.store.after(self.flush)

    def stop(self, why):
        self.row['stopped'] = why
        self.store.changed()
        self.agent.event(why, '', self.hub)

    def write(self):
        """What can leave now."""
        try:
            while self.outgoing:
                self.outgoing = self.outgoing[self.socket.send(self.outgoing):]
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def read(self):
        try:
            came = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            came = b''
        if not came:
            self.close()
            return
        self.incoming += came
        while self.socket and len(self.incoming) >= 4:
            size = int.from_bytes(self.incoming[:4], 'big')
            if not 0 < size <= FRAME_MOST:
                self.close()
                return
            if len(self.incoming) < 4 + size:
                return
            data, self.incoming = self.incoming[4:4 + size], self.incoming[4 + size:]
            self.hear(data)

    def hear(self, data):
        """One packet; what is refused changes nothing but a counter."""
        try:
            packet = Packet.decode(data)
            header = self.opener.open(packet)
            if self.row['receive'][0] != self.opener.epoch:
                self.row['receive'] = [self.opener.epoch, self.opener.key.hex()]
                self.store.changed()
            message, at = decode(header, len(packet.body))
            if header[1] != TO_AGENT:
                raise Refused('direction')
            self.heard, self.asked = time.monotonic(), False
            if self.up and header[0] not in (HELLO, BYE) and self.row['word'] == 'taken':
                self.runs_again()
            if at is None:
                self.hear_plain(header[0], message)
            elif self.up:
                self.hear_padded(message, at, header, packet.body)
        except Other:
            self.counts['refused'] += 1
            self.close()
        except Paused:
            self.close()
        except Replay:
            self.counts['replayed'] += 1
            if self.up:
                self.ping(0)
        except Forged:
            self.counts['forged'] += 1
        except Refused:
            self.counts['refused'] += 1

    # --- HELLO, PING, BYE ---

    def hear_plain(self, kind, message):
        if kind == HELLO and self.state == 'hello' and message.echo == self.nonce:
            self.hear_hello(message)
        elif kind == PING and self.up:
            self.proven = True
            self.counts['pings'] += 1
            self.passed(message.received)
            if message.answer_wanted:
                self.ping(0)
        elif kind == BYE and self.up:
            if message.reason == ROLLBACK:
                if not self.row['word']:       # no end that is resumed or taken
                    self.stop('rollback')
            elif message.reason not in (CLOSING, PAUSED):
                self.stop('replaced' if message.reason == REPLACED else 'banned')
            self.close()

    def hear_hello(self, hub):
        """Both marks of the hub, for a nonce of this connection."""
        self.greet(3, hub.nonce)
        if self.row['word'] == 'resumed':
            self.take_larger(hub)
            self.write()
            self.close()
            return
        if hub.received > self.sending.next or hub.received < Position(*self.row['heard']) or \
                hub.sent < self.receiving.mark and not self.row['word']:
            self.packet(Bye(TO_HUB, ROLLBACK).encode())
            self.write()
            self.stop('rollback')
            self.close()
            return
        if self.row['word']:
            # The hub may have jumped over whole generations.
            self.receiving.jump(Position(hub.sent.generation, 0))
        self.row['heard'] = [hub.received.generation, hub.received.offset]
        self.store.changed()
        self.state, self.tries = 'up', 0
        for message in list(self.waiting):
            if message.at < hub.received:      # perhaps refused (4.8)
                self.became(message, PERHAPS)
        self.store.after(self.flush)
        self.agent.leg_is_up(self)
        self.ping(1)                           # a hub's word is needed; it says none by itself

    def ping(self, wanted):
        self.told = self.receiving.durable
        self.spoke = time.monotonic()
        self.packet(Ping(TO_HUB, wanted, self.told).encode())

    # --- sending ---

    def room(self, size):
        oldest = min((m.at.offset for m in self.waiting), default=1 << 62)
        flying = self.sending.next.offset - oldest
        return self.runs and flying + size <= FLIGHT and self.sending.fits(size)

    def send(self, message, result=lambda status: None, taken=None, body=b''):
        """Takes a range, unless it was taken, and sends when that is durable."""
        taken = taken or self.sending.take(pad_size(message))
        header = self.scopes[TO_HUB].header(KINDS[type(message)], taken.at, taken.key,
                                            message.encode(), body)
        sent = Message(taken.at, header, body, result)
        self.waiting.append(sent)
        self.sent[taken.at] = sent
        while len(self.sent) > KEPT:
            del self.sent[min(self.sent)]
        self.store.after(self.flush)

    def flush(self):
        """What was not sent in this connection, in the order of the ranges."""
        if self.runs:
            for message in sorted(self.waiting, key=lambda m: m.at):
                if message.connection != self.connection:
                    message.connection = self.connection
                    self.packet(message.header, message.body)

    def became(self, message, status):
        if message in self.waiting:
            self.waiting.remove(message)
        message.result(status)

    def passed(self, mark):
        """A mark of the hub: what is before it need not be sent again."""
        self.row['heard'] = max(self.row['heard'], [mark.generation, mark.offset])
        for message in [m for m in self.waiting if m.at < mark]:
            if message.header[0] == ACK:       # is released by any mark
                self.became(message, ACCEPTED)
            message.passed = message.passed or time.monotonic()

    # --- receiving ---

    def hear_padded(self, message, at, header, body):
        kind, size = type(message), pad_size(message)
        key = self.receiving.check(at, size)
        try:
            self.scopes[TO_AGENT].verify(header, body, key[:32])
        except Forged:
            self.counts['wrong'] += 1
            self.receiving.count_wrong(at)
            return
        self.proven = True
        if kind is Ack:
            self.receiving.move(at.plus(size))
            self.hear_ack(message)
            return
        self.owed = True
        if kind is Share:
            # Kept in memory with the mark before it, until the batch is over (12.3).
            self.receiving.hold(at)
        self.receiving.move(at.plus(size))
        self.agent.hear(self, message, at, body, key[32:])

    def hear_ack(self, ack):
        self.counts['acks'] += 1
        self.passed(ack.received)
        refused = dict(ack.refused)
        for at, status in refused.items():
            if at in self.sent:
                self.became(self.sent[at], status)
        for message in list(self.waiting):
            if message.at < ack.received and message.connection == self.connection:
                self.became(message, ACCEPTED)

    def refuse(self, at, status):
        self.refusals.append((at, status))

    def tell(self):
        """After a commit: an ACK, when something came that is durable now."""
        mark = self.receiving.durable
        if not self.up or not self.owed or mark == self.told and not self.refusals:
            return
        refused = [r for r in self.refusals if r[0] < mark][:PING_ROOM]
        if not self.room(32):
            return
        self.refusals = [r for r in self.refusals if r not in refused]
        self.told, self.spoke = mark, time.monotonic()
        self.owed = bool(self.receiving.held)
        self.send(Ack(mark, refused))

    def leave(self):
        if self.up:
            self.packet(Bye(TO_HUB, CLOSING).encode())
            self.write()
        self.close()
