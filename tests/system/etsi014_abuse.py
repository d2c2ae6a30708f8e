#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The 014 server under slow, many, large and broken requests, and when its agent is gone.

usage: etsi014_abuse.py LAUNCHER
"""

import base64
import concurrent.futures
import contextlib
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

from etsi014_harness import PATIENCE, Server, Tap, run_cases

LAUNCHER = sys.argv[1]
GET = b'GET /api/v1/keys/sae-b/enc_keys HTTP/1.1\r\nHost: x\r\n\r\n'
POST = b'POST /api/v1/keys/sae-b/enc_keys HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'

IDLE_S = 60  # so long a connection may say nothing

tap = Tap()
server = Server(LAUNCHER)
agent = server.agent
agent.ready = 10 ** 9


def read_all(tls, seconds=PATIENCE):
    """What comes until the end of the stream, or None in place of an end."""
    tls.settimeout(seconds)
    received = b''
    try:
        while part := tls.recv(65536):
            received += part
    except socket.timeout:
        return None
    except OSError:
        pass
    return received


def served(name):
    answer = server.client('sae-a').get('sae-b/enc_keys')
    return tap.check(name, answer.status == 200, answer)


# --- one connection ---

def pipelining():
    with server.tls('sae-a') as tls:
        body = b'{"number":2}'
        post = POST + b'Content-Length: %d\r\n\r\n%s' % (len(body), body)
        wrong = GET.replace(b'enc_keys', b'enc_keys?size=3')
        last = GET.replace(b'Host', b'Connection: close\r\nHost')
        tls.sendall((GET + post + wrong) * 20 + last)
        received = read_all(tls) or b''
        tap.equal('pipelined requests are answered in order',
                  [int(code) for code in re.findall(rb'HTTP/1.1 (\d+) ', received)],
                  [200, 200, 400] * 20 + [200])
        tap.equal('with a key or two each', received.count(b'"key_ID"'), 61)


def keep_alive():
    client = server.client('sae-a')
    client.get('sae-b/enc_keys')
    address = client.http.sock.getsockname()
    for _ in range(300):
        client.get('sae-b/enc_keys')
    tap.equal('a connection is kept', client.http.sock.getsockname(), address)
    with server.tls('sae-a') as tls:
        tls.sendall(b'GET /api/v1/keys/sae-b/status HTTP/1.0\r\n\r\n')
        tap.check('HTTP/1.0 is answered and closed', b' 200 OK' in (read_all(tls) or b''))


def in_pieces():
    body = json.dumps({'number': 3, 'size': 128}).encode()
    text = POST + b'Connection: close\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body)
    chunked = POST + b'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n' + b''.join(
        b'1\r\n%c\r\n' % byte for byte in body) + b'0\r\n\r\n'
    for name, data in [('a body by its length', text), ('a body in chunks', chunked)]:
        with server.tls('sae-a') as tls:
            for byte in data:
                tls.sendall(bytes([byte]))
            received = read_all(tls) or b''
            tap.check(name + ', byte by byte', received.count(b'"key_ID"') == 3, received)


# --- large ---

def large_bodies():
    def padded(size):
        return b'{"number":1}' + b' ' * (size - 12)
    client = server.client('sae-a')
    tap.equal('64 KiB', client.post('sae-b/enc_keys', padded(65536)).status, 200)
    for size in [65537, 100000, 1000000]:
        answer = client.post('sae-b/enc_keys', padded(size))
        tap.check('%d bytes: 413' % size, answer.status == 413 and 'message' in answer.json, answer)
    with server.tls('sae-a') as tls:
        tls.sendall(POST + b'Content-Length: 99999999999\r\n\r\n')
        tap.check('100 GB: refused at once', b' 413 ' in (read_all(tls, 5) or b''))
    with server.tls('sae-a') as tls:
        received = b''
        try:
            tls.sendall(POST + b'Transfer-Encoding: chunked\r\n\r\n')
            for _ in range(1000):
                tls.sendall(b'10000\r\n' + b' ' * 65536 + b'\r\n')
        except OSError:
            received = None
        tap.check('endless chunks are cut off', received is None)
    with server.tls('sae-a') as tls:
        received = b''
        try:
            tls.sendall(b'GET /api/v1/keys/sae-b/status HTTP/1.1\r\nX: %s\r\n' % (b'x' * 60000))
            received = read_all(tls, 5)
        except OSError:  # closed before all was sent
            pass
        tap.check('long headers are refused', received is not None and b' 200 ' not in received)
    served('others are served after that')


def large_answers():
    client, far = server.client('sae-a'), server.client('sae-b')
    answer = client.post('sae-b/enc_keys', {'number': 128, 'size': 65536})
    keys = answer.json['keys']
    tap.equal('128 keys of 8 KiB', len({k['key'] for k in keys}), 128)
    tap.check('of that size', all(len(base64.b64decode(k['key'])) == 8192 for k in keys))
    again = far.post('sae-a/dec_keys', {'key_IDs': [{'key_ID': k['key_ID']} for k in keys]})
    tap.equal('and fetched', again.json, answer.json)


def does_not_read():
    """Sockets and TLS take some of the answers; then the server has to wait for this client."""
    tls = server.tls('sae-a')
    big = POST + b'Content-Length: 27\r\n\r\n{"number":128,"size":65536}'
    tls.settimeout(3)
    try:
        tls.sendall(big * 20)
    except OSError:
        pass
    time.sleep(1)
    served('others are served while one does not read')
    tls.close()


# --- slow ---

def half_handshake():
    """A connection that has said hello and nothing more."""
    hello = ssl.MemoryBIO()
    try:
        server.context('sae-a').wrap_bio(ssl.MemoryBIO(), hello).do_handshake()
    except ssl.SSLWantReadError:
        pass
    raw = socket.create_connection((server.host, server.port))
    raw.sendall(hello.read())
    raw.recv(65536)
    return raw


def cpu_seconds():
    with open('/proc/%d/stat' % server.process.pid, encoding='ascii') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def slow_clients():
    cpu = cpu_seconds()
    began = time.monotonic()
    hello = half_handshake()
    start = GET[:20]
    silent = socket.create_connection((server.host, server.port))
    bare = server.tls('sae-a')
    line = server.tls('sae-a')
    line.sendall(start)
    head = server.tls('sae-a')
    head.sendall(GET[:-2])
    body = server.tls('sae-a')
    body.sendall(POST + b'Content-Length: 1000\r\n\r\n')
    stranger = server.tls(None)
    stranger.sendall(GET[:-2])
    open_until = {}
    everyone = {'silent': silent, 'half a handshake': hello, 'no request': bare,
                'slow request line': line, 'slow headers': head, 'slow body': body,
                'slow stranger': stranger}
    drip = {'slow request line': b'x', 'slow headers': b'X: y\r\n', 'slow body': b' ',
            'slow stranger': b'X: y\r\n'}
    worst = 0
    while len(open_until) < len(everyone) and time.monotonic() - began < PATIENCE:
        for name, connection in everyone.items():
            if name in open_until:
                continue
            try:
                if name in drip:
                    connection.sendall(drip[name])
                connection.settimeout(0.01)
                if connection.recv(100) == b'':
                    raise ConnectionResetError
            except (ssl.SSLWantReadError, socket.timeout):
                pass
            except OSError:
                open_until[name] = time.monotonic() - began
        asked = time.monotonic()
        server.client('sae-a').get('sae-b/status')
        worst = max(worst, time.monotonic() - asked)
        time.sleep(0.5)
    for name in everyone:
        # Of a stranger the request line is enough to be refused.
        least = 0 if name == 'slow stranger' else 5
        tap.check('%s: closed, and not at once' % name, open_until.get(name, 0) > least,
                  open_until.get(name))
    # A server of one after the other lets them wait until a slow one was closed.
    first = min((open_until[name] for name in open_until if name != 'slow stranger'), default=0)
    tap.check('others did not wait', worst < first - 1, (worst, first))
    share = (cpu_seconds() - cpu) / (time.monotonic() - began)
    tap.check('and the server did not turn for nothing', share < 0.2, share)


# --- many ---

def parallel():
    def work(number):
        client = server.client('sae-a')
        keys = []
        for _ in range(25):
            answer = client.post('sae-b/enc_keys', {'number': 1 + number % 3})
            keys += [key['key_ID'] for key in answer.json['keys']]
        client.close()
        return keys
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        done = list(pool.map(work, range(60)))
    keys = [key for part in done for key in part]
    tap.equal('parallel clients have all their keys', len(keys), 60 * 25 * 2)
    tap.equal('and each its own', len(set(keys)), len(keys))


def out_of_order():
    """Answers are matched by id: eight wait, and the last is answered first."""
    held = []

    def hold(request):
        held.append(request)
        if len(held) < 8:
            return None
        return [agent.answer(one) for one in reversed(held)]
    agent.override = hold
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            done = list(pool.map(lambda n: server.client('sae-a').get(
                'sae-b/enc_keys?size=%d' % (64 * n)), range(1, 9)))
    finally:
        agent.override = None
    tap.equal('everyone has the answer to its own question', [
        len(base64.b64decode(answer.json['keys'][0]['key'])) for answer in done],
        [8 * n for n in range(1, 9)])


def agent_is_slow():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        agent.override = lambda r: time.sleep(5.5) or agent.answer(r)
        began = time.monotonic()
        answer = server.client('sae-a').get('sae-b/enc_keys')
        tap.equal('an answer after 5.5 s', answer.status, 200)
        agent.override = lambda r: None
        began = time.monotonic()
        waiting = pool.submit(server.client('sae-a').get, 'sae-b/enc_keys')
        gone = server.tls('sae-a')
        gone.sendall(GET)
        time.sleep(0.5)
        gone.close()
        time.sleep(0.5)
        agent.override = None
        served('others are served meanwhile')
        answer = waiting.result()
        tap.check('no answer: 503', answer.status == 503 and 'message' in answer.json, answer)
        tap.check('after some seconds', time.monotonic() - began > 8)


def too_many_connections():
    connections = []
    refused = set()
    for _ in range(160):
        connection = socket.create_connection((server.host, server.port))
        connection.settimeout(0.001)
        connections.append(connection)
    end = time.monotonic() + PATIENCE
    while len(refused) < 20 and time.monotonic() < end:
        for connection in set(connections) - refused:
            with contextlib.suppress(socket.timeout):
                try:
                    closed = connection.recv(1) == b''
                except ConnectionError:
                    closed = True
                if closed:
                    refused.add(connection)
    tap.check('160 connections from one address are too many', 20 <= len(refused) < 160,
              len(refused))
    for connection in connections:
        connection.close()
    time.sleep(0.5)
    served('served again when they are gone')


# --- broken ---

def garbage():
    dice = random.Random(14)
    texts = [GET, POST + b'Content-Length: 12\r\n\r\n{"number":2}',
             b'GET /api/v1/keys/sae-a/dec_keys?key_ID=x HTTP/1.1\r\nHost: x\r\n\r\n']
    for _ in range(300):
        text = bytearray(dice.choice(texts))
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(len(text))
            text[at:at + dice.randrange(3)] = bytes([dice.randrange(256)] * dice.randrange(3))
        with server.tls('sae-a') as tls:
            tls.sendall(bytes(text))
            tls.settimeout(0.02)
            try:
                tls.recv(10000)
            except OSError:
                pass
    for _ in range(100):
        with socket.create_connection((server.host, server.port)) as raw:
            raw.sendall(dice.randbytes(dice.randrange(1, 600)))
    for lie in [b'Content-Length: -1', b'Content-Length: x',
                b'Content-Length: 5\r\nContent-Length: 7',
                b'Content-Length: 2\r\nContent-Length: 2', b'Transfer-Encoding: x',
                b'Transfer-Encoding: chunked\r\nContent-Length: 2',
                b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked']:
        with server.tls('sae-a') as tls:
            tls.sendall(POST + lie + b'\r\n\r\n{}')
            received = read_all(tls, 8)
            tap.check('%r: refused and closed' % lie.decode(), received is not None and
                      received.startswith(b'HTTP/1.1 400') and b' 200 ' not in received, received)
    tap.equal('alive after garbage', server.process.poll(), None)
    served('and serves')


# --- secrets ---

def memory_holds(pid, needles):
    """How often needles are in the memory of a process (of ours, or we are root)."""
    found = 0
    with open('/proc/%d/maps' % pid, encoding='ascii') as maps, \
            open('/proc/%d/mem' % pid, 'rb', 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            low, high = (int(part, 16) for part in span.split('-'))
            if not rights.startswith('rw') or high - low > 1 << 30:  # the map of a sanitizer
                continue
            try:
                memory.seek(low)
                piece = memory.read(high - low)
                found += sum(piece.count(needle) for needle in needles)
            except (OSError, ValueError, OverflowError):
                pass
    return found


def secrets():
    with open('/proc/%d/status' % server.process.pid, encoding='ascii') as f:
        status = f.read()
    tap.check('no new privileges', 'NoNewPrivs:\t1' in status)
    with open('/proc/%d/limits' % server.process.pid, encoding='ascii') as f:
        tap.check('no core dumps', re.search(r'core file size +0 +0 ', f.read()) is not None)
    client = server.client('sae-a')
    texts = []
    for number in [1, 1, 5, 128]:
        texts += [k['key'] for k in client.get('sae-b/enc_keys?number=%d' % number).json['keys']]
    client.get('sae-b/status')
    try:
        left = memory_holds(server.process.pid, [text.encode() for text in texts])
    except PermissionError:
        return
    tap.check('the memory can be searched', memory_holds(server.process.pid, [b'kme-1']) > 0)
    tap.equal('no key is left in memory once it was sent', left, 0)
    tap.check('no key is in the log', not any(text in server.log_text() for text in texts))


# --- start and end ---

def starts_badly():
    good = [server.ca.certificate, *server.paths('server'), 'kme-1', '10', '256']
    near, far = socket.socketpair()
    busy = str(server.port)
    for name, arguments, words, codes in [
            ('no CA file', ['0', '/nowhere', *good[1:]], 'cannot read the CA', [5]),
            ('no certificate', ['0', good[0], '/nowhere', *good[2:]], 'cannot read the cert', [5]),
            ('no key', ['0', *good[:2], '/nowhere', *good[3:]], 'cannot read the key', [5]),
            ('a directory', ['0', *good[:2], '/tmp', *good[3:]], 'cannot read the key', [5]),
            ('an endless file', ['0', *good[:2], '/dev/zero', *good[3:]], 'cannot read', [4]),
            ('no PEM', ['0', *good[:2], good[0], *good[3:]], 'for TLS', [1]),
            ('another key', ['0', *good[:2], server.paths('sae-a')[1], *good[3:]], 'for TLS', [1]),
            ('a port in use', [busy, *good], 'cannot listen', [5])]:
        done = subprocess.run([LAUNCHER, str(far.fileno()), server.host, *arguments],
                              pass_fds=[far.fileno()], capture_output=True, timeout=PATIENCE,
                              check=False)
        tap.check('%s: says so and ends' % name, done.returncode in codes and
                  words in done.stderr.decode(), (done.returncode, done.stderr))
    near.close()
    far.close()


def ended(process):
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return None


def agent_ends():
    """With idle connections, and with one that waits for the agent."""
    one = Server(LAUNCHER)
    idle = one.client('sae-a')
    idle.get('sae-b/status')
    one.agent.override = lambda r: None
    waiting = one.tls('sae-a')
    waiting.sendall(GET)
    time.sleep(0.3)
    one.agent.stream.shutdown(socket.SHUT_RDWR)
    began = time.monotonic()
    tap.equal('ends when the agent is gone', ended(one.process), 0)
    took = time.monotonic() - began
    tap.equal('who waits for an answer is not waited for', read_all(waiting), b'')
    tap.check('nor is who is idle', took < IDLE_S / 2, took)
    one.stop()


def agent_is_mad():
    for name, text in [('no JSON', b'hello\n'), ('no object', b'[1]\n'), ('no id', b'{}\n'),
                       ('a text as id', b'{"id":"1"}\n'), ('an endless line', b' ' * (3 << 20))]:
        one = Server(LAUNCHER)
        one.agent.override = lambda r, t=text: t
        try:
            one.client('sae-a', timeout=5).get('sae-b/enc_keys')
        except OSError:
            pass
        tap.equal('the agent says %s: the server ends' % name, ended(one.process), 3)
        tap.check('and says so', 'stopped: syntax' in one.log_text(), one.log_text())
        one.stop()


def signals():
    one = Server(LAUNCHER)
    one.agent.override = lambda r: None
    waiting = one.tls('sae-a')
    waiting.sendall(GET)
    time.sleep(0.3)
    one.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    tap.equal('SIGHUP does not end it', one.process.poll(), None)
    one.process.send_signal(signal.SIGTERM)
    tap.equal('SIGTERM ends it, with a request under way', ended(one.process), 0)
    tap.equal('which is not waited for', read_all(waiting), b'')
    one.stop()


def ipv6():
    try:
        one = Server(LAUNCHER, host='::1')
    except RuntimeError:
        return
    answer = one.client('sae-a').get('sae-b/enc_keys')
    tap.check('on ::1', answer.status == 200, answer)
    one.stop()


def end():
    tap.equal('ended well', server.stop(), 0)


run_cases(tap, [pipelining, keep_alive, in_pieces, large_bodies, large_answers, does_not_read,
                slow_clients, parallel, out_of_order, agent_is_slow, too_many_connections, garbage,
                secrets, starts_badly, agent_ends, agent_is_mad, signals, ipv6, end])
tap.end()
