# SPDX-License-Identifier: Apache-2.0
"""A peer on a socket for datagrams, on which messages get lost or come twice on purpose."""

import collections
import select
import socket
import time

from pairwise_math import K1, M1, NAMES, R1, Refused

PATIENCE = 60.0  # seconds; only against hanging
AGAIN = 0.3  # seconds until a message is sent again; sooner than section 11 says, for tests


ANSWERS = ('M2', 'M4', 'K2', 'K4', 'R2')


class Silence(Exception):
    """No answer."""


def name_of(data):
    return NAMES.get(data[0] & 15, '?') if data else '?'


def forgeries(data):
    """The message with one bit of each byte changed, cut off, and too long."""
    for at in range(len(data)):
        yield data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:]
    yield data[:-1]
    yield data + b'\0'
    yield b''


class Wire:
    """One peer at a port of its own; other is where the daemon listens."""

    def __init__(self, other):
        self.peer, self.other = None, other
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self.socket.getsockname()[1]
        self.lose = collections.Counter()   # how many messages of a name get lost
        self.twice = set()                  # names of messages that go out twice
        self.forge = set()                  # and of those that forgeries go before
        self.heard = collections.Counter()  # names of what came in, lost or not
        self.last = {}                      # by name, the last that came in
        self.all = collections.defaultdict(set)  # by name, what came in, each once

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        name = name_of(data)
        if self.lose[name]:
            self.lose[name] -= 1
            return
        for forged in forgeries(data) if name in self.forge else ():
            self.socket.sendto(forged, self.other)
        for _ in range(2 if name in self.twice else 1):
            self.socket.sendto(data, self.other)

    def receive(self):
        """What came in; None when it got lost."""
        data = self.socket.recv(65536)
        name = name_of(data)
        self.heard[name] += 1
        self.last[name] = data
        self.all[name].add(data)
        if self.lose[name]:
            self.lose[name] -= 1
            return None
        return data

    def hear(self, data):
        """Answers as a responder."""
        answer = self.peer.hear(data) if data else None
        if answer:
            self.send(answer)

    def answer_until(self, done, seconds=PATIENCE):
        """Is a responder until this descriptor can be read, or for a time; whether it can."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            ready = select.select([self.socket] + ([done] if done else []), [], [], left)[0]
            if self.socket in ready:
                self.hear(self.receive())
            if done in ready:
                return True
        return False

    def ask(self, request, take, patience=PATIENCE):
        """Sends a request until take(answer) gives something but Refused; what it gives.

        Everything else that comes in meanwhile is answered.
        """
        end = time.monotonic() + patience
        while time.monotonic() < end:
            self.send(request)
            again = min(time.monotonic() + AGAIN, end)
            while (left := again - time.monotonic()) > 0:
                if not select.select([self.socket], [], [], left)[0]:
                    continue
                data = self.receive()
                if data is None:
                    continue
                if data[0] & 15 in (M1, K1, R1):
                    self.hear(data)
                    continue
                try:
                    return take(data)
                except Refused:
                    self.hear(data)
        raise Silence(name_of(request))

    def quiet(self, seconds=0.1):
        """Answers that come in until nothing does for so long; what the agent begins is left."""
        came = []
        while select.select([self.socket], [], [], seconds)[0]:
            came.append(self.receive())
        return [data for data in came if name_of(data) in ANSWERS]

    def sent(self, data, least=0):
        """Answers that come in when this is sent, so many at least."""
        end = time.monotonic() + PATIENCE
        self.send(data)
        answers = self.quiet(0.05)
        while len(answers) < least and time.monotonic() < end:
            answers += self.quiet(0.05)
        return answers

    def different(self, *names):
        """How many different messages of each name came in."""
        return [len(self.all[name]) for name in names]

    # --- runs of the peer ---

    def finish(self, begun, patience=PATIENCE, **sealed):
        """The rest of a run that was begun; its session."""
        third = self.ask(begun.first, lambda second: begun.third(second, **sealed), patience)
        session = self.ask(third, begun.session, patience)
        session.begun = begun
        return session

    def run(self, batch):
        return self.finish(self.peer.begin(batch))

    def rekey(self, session, batch):
        return self.finish(self.peer.rekey(session, batch))

    def compare(self):
        """R1 and R2; whether the own index moved."""
        request = self.peer.compare()
        return self.ask(request, lambda answer: self.peer.compared(request, answer))
