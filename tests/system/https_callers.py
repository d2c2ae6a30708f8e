#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Callers of one key delivery server share its agent, its connections and its memory: one that asks
for much, connects often or does not read what it asked for keeps no other from its keys.

The agent is scripted. As the real one it reads no more while it owes more than 2 MiB of answers,
and what the greedy caller asks it answers only when the test says so, as if its pool were empty.

usage: https_callers.py LAUNCHER
"""

import contextlib
import json
import os
import re
import select
import socket
import sys
import threading
import time

from etsi014_harness import Server, Tap, run_cases

LAUNCHER = sys.argv[1]
PROMISED_MAX = 2 << 20  # SKEX_API_PROMISED_MAX
CONNECTIONS_MAX = 512   # SKEX_HTTPS_CONNECTIONS_MAX
PER_IDENTITY_MAX = 96   # SKEX_HTTPS_PER_IDENTITY_MAX
KEYS = 128              # of 8 KiB: the most that can be asked at once
BODY = json.dumps({'number': KEYS, 'size': 65536}).encode()
MUCH = (b'POST /api/v1/keys/sae-b/enc_keys HTTP/1.1\r\nHost: x\r\n'
        b'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' % (len(BODY), BODY))
STATUS = b'GET /api/v1/keys/sae-b/status HTTP/1.1\r\nHost: x\r\n\r\n'
HEAD = re.compile(rb'HTTP/1.1 (\d+) .*?\r\nContent-Length: (\d+)\r\n(?:.*?\r\n)?\r\n',
                  re.DOTALL | re.IGNORECASE)

tap = Tap()


class Greedy:
    """sae-a, and the agent that holds what it asks."""

    def __init__(self):
        self.server = Server(LAUNCHER)
        self.agent = self.server.agent
        self.agent.ready = 10 ** 9
        self.held = []
        self.taken = 0  # of its requests, ever
        self.holds = True
        self.change = threading.Condition()
        self.agent.override = self.hold
        self.connections = []
        self.context = self.server.context('sae-a')

    @staticmethod
    def promised(request):
        return 16 + request['count'] * (320 + (request['bits'] // 8 + 2) // 3 * 4)

    def hold(self, request):
        if request['local'] != 'sae-a' or request['op'] != 'get':
            return self.agent.answer(request)
        with self.change:
            self.taken += 1
            if not self.holds:
                return self.agent.answer(request)
            self.held.append(request)
            self.change.notify_all()
            # Nothing more is read meanwhile.
            self.change.wait_for(lambda: sum(map(self.promised, self.held)) <= PROMISED_MAX)
        return None

    def let_go(self):
        with self.change:
            self.holds = False
            answers = [self.agent.answer(request) for request in self.held]
            self.held.clear()
            self.change.notify_all()
        self.agent.send(answers)

    def open(self, source='127.0.0.1', options=()):
        """A connection of sae-a; options: of setsockopt(2), before it connects."""
        raw = socket.socket()
        for option in options:
            raw.setsockopt(*option)
        raw.bind((source, 0))
        raw.connect((self.server.host, self.server.port))
        connection = self.context.wrap_socket(raw, server_hostname=self.server.host)
        self.connections.append(connection)
        return connection

    def connect(self, count, source='127.0.0.1'):
        """Connections that were served once, so that they may be idle for a while."""
        made = []
        for _ in range(count):
            made.append(self.open(source))
            made[-1].sendall(STATUS)
            read_answer(made[-1])
        return made

    def ask(self, connections):
        for connection in connections:
            connection.sendall(MUCH)

    def until_held(self):
        with self.change:
            self.change.wait_for(lambda: self.held)

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.server.process.pid))

    def end(self):
        self.let_go()
        for connection in self.connections:
            connection.close()
        return self.server.stop()


def read_answer(connection):
    """The status of an answer, and its body; 0 when there is none."""
    received = b''
    while not (match := HEAD.match(received)):
        try:
            part = connection.recv(65536)
        except ConnectionError:
            part = b''
        if not part:
            return 0, received
        received += part
    size = match.end() + int(match.group(2))
    parts = [received]
    have = len(received)
    while have < size and (part := connection.recv(65536)):
        parts.append(part)
        have += len(part)
    return int(match.group(1)), b''.join(parts)[match.end():]


def others_are_served():
    greedy = Greedy()
    try:
        greedy.ask(greedy.connect(40))
        greedy.until_held()
        other = greedy.server.client('sae-b')
        one = other.get('sae-a/enc_keys')
        tap.check('another has a key while one waits for much', one.status == 200, one)
        many = other.post('sae-a/enc_keys', {'number': KEYS})
        tap.check('and as many as can be asked at once', many.status == 200, many)
        answers = [other.get('sae-a/%s' % what).status for what in ['status', 'enc_keys'] * 5]
        tap.equal('and again', answers, [200] * 10)
        tap.check('what the one asks is not answered yet', greedy.held)
        greedy.let_go()
        statuses = {read_answer(connection)[0] for connection in greedy.connections}
        tap.check('the one has its answers too', 200 in statuses and statuses <= {200, 503},
                  statuses)
    finally:
        tap.equal('ended well', greedy.end(), 0)


def status_of(connection):
    """What it is answered now; 0 when it was closed."""
    try:
        connection.sendall(STATUS)
    except OSError:
        return 0
    return read_answer(connection)[0]


def idle_ones_make_way():
    """As many connections of one as the server has in all, of five addresses."""
    greedy = Greedy()
    try:
        before = greedy.descriptors()
        first = greedy.connect(PER_IDENTITY_MAX)
        tap.equal('as many as one may have are served, and again',
                  {status_of(connection) for connection in first[:1] + first[2:]}, {200})
        statuses = {status_of(greedy.open())}
        tap.equal('one more ends the one that was idle for longest',
                  [status_of(connection) for connection in first[:3]], [200, 0, 200])
        for i in range(CONNECTIONS_MAX - PER_IDENTITY_MAX):
            with contextlib.suppress(OSError):
                statuses.add(status_of(greedy.open('127.0.0.%d' % (2 + i % 4))))
        tap.equal('and is served, however often', statuses, {200})
        try:
            answer = greedy.server.client('sae-b').get('sae-a/enc_keys')
        except OSError as error:
            answer = error
        tap.check('another is served beside it', getattr(answer, 'status', 0) == 200, answer)
        kept = greedy.descriptors() - before
        tap.check('no more of the one are kept', kept <= PER_IDENTITY_MAX + 1, kept)
    finally:
        tap.equal('ended well', greedy.end(), 0)


def busy_ones_stay():
    """A request that has begun makes way for none, and those that hear so are not too many."""
    greedy = Greedy()
    served, told = [], []
    try:
        for i in range(3 * 100):
            connection = greedy.open('127.0.0.%d' % (1 + i % 3))
            connection.sendall(STATUS)
            status, text = read_answer(connection)
            if status == 200:
                connection.sendall(STATUS[:-2])
                served.append(connection)
            elif status == 503:
                told.append((text, connection.recv(1)))
                greedy.open('127.0.0.%d' % (1 + i % 3)).sendall(MUCH[:-1])
            else:
                break
        tap.check('as many as one may have are served', len(served) >= PER_IDENTITY_MAX,
                  len(served))
        tap.check('one more is told that there are too many, and closed', told and all(
            b'too many connections of this client' in text and rest == b'' for text, rest in told),
            told[:1])
        tap.equal('some more are closed at once', status, 0)
        answer = greedy.server.client('sae-b').get('sae-a/enc_keys')
        tap.check('another is served', answer.status == 200, answer)
    finally:
        tap.equal('ended well', greedy.end(), 0)


def who_does_not_read_is_asked_for_no_more():
    """So little of an answer goes into the sockets that the rest stays in the server."""
    narrow = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096),
              (socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)]
    greedy = Greedy()
    try:
        greedy.holds = False
        connections = [greedy.open(options=narrow) for _ in range(8)]
        greedy.ask(connections)
        other = greedy.server.client('sae-b')
        many = [other.post('sae-a/enc_keys', {'number': KEYS}).status for _ in range(10)]
        tap.equal('another has its keys', many, [200] * 10)
        tap.equal('the agent was asked for the one once', greedy.taken, 1)
        for connection in connections:
            connection.close()
        answer = greedy.server.client('sae-a').post('sae-b/enc_keys', json.loads(BODY))
        tap.equal('and again when it is not owed any more', answer.status, 200)
    finally:
        tap.equal('ended well', greedy.end(), 0)


def who_is_gone_takes_no_keys():
    greedy = Greedy()
    try:
        connections = greedy.connect(12)
        greedy.ask(connections[:1])
        greedy.until_held()
        before = greedy.descriptors()
        greedy.ask(connections[1:])
        gone = connections[2:]
        for connection in gone:
            connection.close()
        while greedy.descriptors() > before - len(gone):
            time.sleep(0.05)
        # For as long as one waits for its turn they have not waited.
        tap.check('who is gone does not wait', not select.select(connections[1:2], [], [], 1)[0])
        greedy.let_go()
        tap.equal('those that stayed have their keys',
                  [read_answer(connection)[0] for connection in connections[:2]], [200] * 2)
        answer = greedy.server.client('sae-a').get('sae-b/enc_keys')
        tap.check('and asks again', answer.status == 200, answer)
        tap.equal('the agent was asked for no one else', greedy.taken, 3)
    finally:
        tap.equal('ended well', greedy.end(), 0)


run_cases(tap, [others_are_served, who_is_gone_takes_no_keys, idle_ones_make_way, busy_ones_stay,
                who_does_not_read_is_asked_for_no_more])
tap.end()
