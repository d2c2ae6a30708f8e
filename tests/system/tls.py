#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libskex-openssl between two agents of a lab: its examples, a man in the middle, its page."""

import os
import re
import socket
import subprocess
import threading

from docs_harness import run_page
from lab_harness import BUILD, OK, Lab, Tap, free_port, until

tap = Tap()
HRR = bytes.fromhex('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c')
UUID = r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
PAGE = os.path.join(os.path.dirname(__file__), '..', '..', 'docs', 'integration', 'tls.md')


def example(name, agent, more=None):
    """The example, and its environment at an agent."""
    return os.path.join(BUILD, 'examples', 'example_tls_' + name), {
        **os.environ, 'SKEX_SOCKET': lab.socket(agent), **(more or {})}


class Server:
    """A server that runs, and what it said."""

    def __init__(self, agent, more=None):
        self.port = free_port()
        program, env = example('server', agent, more)
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            [program, '127.0.0.1:%d' % self.port], stdout=subprocess.PIPE, text=True, env=env)
        self.line()

    def line(self):
        return self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def client(port, text='hello\n', agent='agent1', peer='agent2', more=None):
    program, env = example('client', agent, more)
    return subprocess.run([program, '127.0.0.1:%d' % port, peer], input=text, env=env, text=True,
                          capture_output=True, check=False, timeout=120)


class Middle:
    """Passes connections on; change(data) may alter what the client sends first."""

    def __init__(self, port, change=lambda data: data):
        self.to, self.change = port, change
        self.hello, self.answer = b'', b''
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with self.listener.accept()[0] as near, socket.create_connection(
                ('127.0.0.1', self.to)) as far:
            self.hello = near.recv(65536)
            far.sendall(self.change(self.hello))
            back = threading.Thread(target=self.pump, args=(far, near, True))
            back.start()
            self.pump(near, far, False)
            back.join()

    def pump(self, one, other, keep):
        try:
            while data := one.recv(65536):
                if keep:
                    self.answer += data
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def key_id(hello):
    return re.search(b'skex1/(' + UUID.encode() + b')/agent1', hello).group(1)


def other_digit(hello):
    at = hello.index(key_id(hello)) + 20
    return hello[:at] + (b'0' if hello[at:at + 1] != b'0' else b'1') + hello[at + 1:]


# --- what works ---

def rotation():
    with Server('agent2') as server:
        done = client(server.port, 'one\ntwo\n')
        lines = [line.split() for line in done.stdout.splitlines()]
        tap.check('two connections', done.returncode == 0 and len(lines) == 2, done)
        tap.equal('the peer, the suite, what was said', [[w[0], w[2], w[3]] for w in lines], [
            ['agent2', 'TLS_AES_256_GCM_SHA384', word] for word in ('one', 'two')])
        tap.equal('the server sees the agent and the same keys', [server.line(), server.line()],
                  ['agent1 ' + words[1] for words in lines])
        tap.check('each connection has a key of its own', lines[0][1] != lines[1][1], lines)
    with Server('agent1') as server:
        done = client(server.port, agent='agent2', peer='agent1')
        tap.check('the other way round', done.returncode == 0, done)


def retry():
    conf = lab.path('groups.cnf')
    with open(conf, 'w', encoding='ascii') as f:
        f.write('openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n'
                '[c]\nGroups = P-256\n')
    with Server('agent2', {'OPENSSL_CONF': conf}) as server, Middle(server.port) as middle:
        done = client(middle.port)
        tap.check('a server that asks for another group was answered', HRR in middle.answer)
        tap.equal('with the same key', (done.returncode, server.line()),
                  (0, 'agent1 ' + key_id(middle.hello).decode()))


# --- what is refused ---

def refused(name, server, done, words):
    tap.check(name + ': no connection', done.returncode == 1 and done.stdout == '', done)
    line = server.line()
    tap.check(name + ': the server says why', line.startswith('refused: ') and words in line, line)


def a_changed_identity_is_refused():
    with Server('agent2') as server:
        with Middle(server.port, other_digit) as middle:
            refused('a wrong id', server, client(middle.port), 'key')
        with Middle(server.port, lambda h: h.replace(b'/agent1', b'/agent2')) as middle:
            refused('another name', server, client(middle.port), 'itself handed out')
        with Middle(server.port, lambda h: h.replace(b'skex1', b'skex2')) as middle:
            refused('another version', server, client(middle.port), 'none of skex')
        other = lab.key('agent1', 'agent2', '--purpose', 'tls:default').json['keys'][0]['key_id']
        with Middle(server.port, lambda h: h.replace(key_id(h), other.encode())) as middle:
            refused('the id of another key', server, client(middle.port), 'binder')
        app = lab.key('agent1', 'agent2', '--purpose', 'app:x').json['keys'][0]['key_id']
        with Middle(server.port, lambda h: h.replace(key_id(h), app.encode())) as middle:
            refused('the id of a key for something else', server, client(middle.port), 'key')
        tap.check('and then one is served', client(server.port).returncode == 0)


def a_key_serves_one_handshake():
    with Server('agent2') as server, Middle(server.port) as middle:
        tap.check('a hello is served', client(middle.port).returncode == 0)
        server.line()
        with socket.create_connection(('127.0.0.1', server.port)) as s:
            s.sendall(middle.hello)
            answer = s.recv(65536)
        line = server.line()
        tap.check('and not again', line.startswith('refused: ') and 'already' in line, line)
        tap.equal('but answered with an alert', answer[:1], b'\x15')


def a_reflected_hello_finds_no_key():
    with Server('agent1') as own, Middle(own.port) as middle:
        refused('the client\'s hello at its own agent', own, client(middle.port),
                'itself handed out')


def no_certificate_in_place_of_a_key():
    with Server('agent2') as server:
        done = subprocess.run(['openssl', 's_client', '-connect', '127.0.0.1:%d' % server.port],
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        tap.check('a client without key is refused', done.returncode != 0 and
                  server.line().startswith('refused: '), done)
    port = free_port()
    cert, key = lab.path('tls', 'sae-agent1.pem'), lab.path('tls', 'sae-agent1.key')
    with subprocess.Popen(
            ['openssl', 's_server', '-accept', '127.0.0.1:%d' % port, '-cert', cert, '-key', key,
             '-rev'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True) as impostor:
        while not impostor.stdout.readline().startswith('ACCEPT'):
            pass
        done = client(port)
        tap.check('a server that shows a certificate is refused', done.returncode == 1 and
                  'showed a certificate' in done.stderr and done.stdout == '', done)
        impostor.kill()


def nobody():
    done = client(1, peer='agent9')
    tap.check('an unknown peer is said', done.returncode == 1 and done.stdout == '', done)
    done = client(1, peer='agent1')
    tap.check('oneself is no peer', done.returncode == 1 and 'on this machine' in done.stderr, done)
    lab.stop('agent2')
    with Server('agent1') as server:
        done = client(server.port, peer='agent2')
        tap.check('a server at another agent is refused', done.returncode == 1, done)
    lab.stop('agent1')
    done = client(1)
    tap.check('without a daemon it says so', done.returncode == 5 and
              'nobody listens' in done.stderr, done)


def pairs():
    """Both ends in one process, for what the examples do not do; it has its own cases."""
    done = subprocess.run([os.path.join(BUILD, 'tests', 'tls-pair'), lab.socket('agent1'),
                           lab.socket('agent2'), lab.path('tls', 'sae-agent1.pem'),
                           lab.path('tls', 'sae-agent1.key')],
                          capture_output=True, text=True, check=False)
    cases = re.findall(r'^(not )?ok \d+ - (.*)$', done.stdout, re.M)
    for bad, name in cases:
        tap.check(name, not bad, done.stderr)
    tap.check('both ends in one process', done.returncode == 0 and len(cases) > 0, done)


def page():
    build = os.path.abspath(BUILD)
    run_page(tap, PAGE, {
        'AGENT1': lab.socket('agent1'), 'AGENT2': lab.socket('agent2'),
        'LD_LIBRARY_PATH': '%s/api/client:%s/deliver/openssl' % (build, build),
        'PKG_CONFIG_PATH': os.path.join(build, 'meson-uninstalled'),
    }, {'4433': str(free_port())})


with Lab() as lab:
    until(lambda: lab.key('agent1', 'agent2', '--purpose', 'tls:default').code == OK)
    tap.run([rotation, retry, a_changed_identity_is_refused, a_key_serves_one_handshake,
             a_reflected_hello_finds_no_key, no_certificate_in_place_of_a_key, pairs, page, nobody])
tap.end()
