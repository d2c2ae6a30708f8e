#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Callers of one key delivery server share its agent: one that asks for much starves no other.

The agent is scripted. As the real one it reads no more while it owes more than 2 MiB of answers,
and what the greedy caller asks it answers only when the test says so, as if its pool were empty.

usage: https_callers.py LAUNCHER
"""

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
WAITING_MAX = 128       # SKEX_HTTPS_WAITING_MAX
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

    def connect(self, count, source='127.0.0.1'):
        """Connections that were served once, so that they may be idle for a while."""
        made = []
        for _ in range(count):
            raw = socket.create_connection((self.server.host, self.server.port),
                                           source_address=(source, 0))
            made.append(self.server.context('sae-a').wrap_socket(
                raw, server_hostname=self.server.host))
            made[-1].sendall(STATUS)
            read_answer(made[-1])
        self.connections += made
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
    """The status of an answer, and its body."""
    received = b''
    while not (match := HEAD.match(received)):
        part = connection.recv(65536)
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


def refused_words(connections):
    """True when one of them is told that there are too many; others may be told something else."""
    open_ones = set(connections)
    while open_ones:
        for connection in select.select(open_ones, [], [])[0]:
            open_ones.remove(connection)
            status, text = read_answer(connection)
            if status == 503 and b'too many requests of this client' in text:
                return True
    return False


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


def too_many_are_refused():
    greedy = Greedy()
    try:
        connections = greedy.connect(100) + greedy.connect(WAITING_MAX, '127.0.0.2')
        greedy.ask(connections[:1])
        greedy.until_held()
        greedy.ask(connections[1:])
        tap.check('one too many is refused', refused_words(connections))
        answer = greedy.server.client('sae-b').get('sae-a/enc_keys')
        tap.check('another is not', answer.status == 200, answer)
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


run_cases(tap, [others_are_served, too_many_are_refused, who_is_gone_takes_no_keys])
tap.end()
