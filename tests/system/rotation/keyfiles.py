#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real stunnel, GnuTLS and mosquitto, whose TLS PSKs are rotated in their key files.

usage: keyfiles.py BUILD
"""

import ctypes
import os
import secrets
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time

from rotation_harness import Ends, main, ok, run

SERVER, CLIENT, PLAIN = 4433, 4455, 4477  # ports: TLS, the client's own, and what lies behind
SUITES = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256'
HOUR = 3600000

# What systemd does for stunnel: the socket is there already, and stays open at a reload.
ACTIVATE = '''
import os, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', int(sys.argv[1])))
s.listen(100)
if s.fileno() != 3:
    os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv('/usr/bin/stunnel4', ['stunnel4', sys.argv[2]])
'''

STUNNEL = '''
foreground = yes
debug = 6
output = %(folder)s/%(name)s.log
pid = %(folder)s/%(name)s.pid
[test]
client = %(client)s
accept = 127.0.0.1:%(accept)d
connect = 127.0.0.1:%(connect)d
ciphers = PSK
sslVersionMin = TLSv1.3
sessionResume = no
PSKsecrets = %(folder)s/%(name)s.psk
'''

MOSQUITTO = '''
listener %(port)d 127.0.0.1
psk_file %(folder)s/server.psk
psk_hint test
use_identity_as_username true
allow_anonymous false
pid_file %(folder)s/server.pid
user mosquitto
'''

# In use is what a connection through the client was made with, as its log says.
CHECK = '''#!/bin/bash
exec 4<>/dev/tcp/127.0.0.1/4455 || exit 1
echo hello >&4
read -r -t 5 line <&4
[ "$line" = hello ] || exit 1
grep -q "PSK client configured for identity \\"$SKEX_KEY_NAME\\"" %(folder)s/client.log
'''


def own_network():
    """This process and its children get a network of their own, which goes with them."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x40000000) != 0:
        raise OSError(ctypes.get_errno(), 'unshare')
    run('ip', 'link', 'set', 'lo', 'up')


def write(path, text, mode=None):
    """A new file has mode 0600, an old one keeps its own."""
    with open(path, 'w', encoding='ascii',
              opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(text)
    if mode is not None:
        os.chmod(path, mode)


def read(path):
    with open(path, encoding='ascii') as f:
        return f.read()


def wait_for(good, seconds=60):
    end = time.monotonic() + seconds
    while not good():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def listens(port):
    try:
        socket.create_connection(('127.0.0.1', port), timeout=5).close()
        return True
    except OSError:
        return False


def keys_in(path):
    """The binding's identities and keys, in order."""
    return [tuple(line.split(':')) for line in read(path).split('\n')
            if line.startswith('test.')]


def takes(identity, key):
    """Does the server take this key from OpenSSL?"""
    out = subprocess.run(
        ['openssl', 's_client', '-connect', '127.0.0.1:%d' % SERVER, '-tls1_3', '-ciphersuites',
         SUITES, '-psk_identity', identity, '-psk', key, '-brief'], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace').stdout
    return 'CONNECTION ESTABLISHED' in out and 'TLSv1.3' in out


def openssl_client(*options, said=b'', pause=1):
    """What the server answers to it; the connection is held open for a while."""
    client = subprocess.Popen(
        ['openssl', 's_client', '-connect', '127.0.0.1:%d' % SERVER, '-tls1_3', '-ciphersuites',
         SUITES, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    client.stdin.write(said)
    client.stdin.flush()
    time.sleep(pause)
    return client.communicate()[0]


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class EchoServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Traffic(threading.Thread):
    """Connects again and again; what went wrong is in failures."""

    def __init__(self, once):
        super().__init__()
        self.once = once
        self.made = 0
        self.failures = []
        self.over = False

    def run(self):
        while not self.over:
            if not self.once():
                self.failures.append(time.monotonic())
            self.made += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.join()


class Service:
    """A server that reads a key file, and clients of it."""

    pid_file = program = '-'
    client = ['-', '-', '-']  # pid file, program, check

    def __init__(self, folder):
        self.folder = folder
        self.processes = {}
        self.values = {'folder': folder, 'port': SERVER}

    def path(self, name):
        return os.path.join(self.folder, name)

    def spawn(self, name, *command):
        with open(self.path(name + '.out'), 'ab') as out:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def stop(self, name):
        process = self.processes.pop(name, None)
        if process is not None:
            process.terminate()
            process.wait()

    def ends(self, period_ms, **options):
        return Ends('pskfile', [
            self.path('client.psk'), *self.client[:2], str(SERVER), self.client[2],
            self.path('server.psk'), self.pid_file, self.program, str(SERVER), '-'],
            period_ms, **options)

    def once(self):
        """With the key that a client would take."""
        return takes(*keys_in(self.path('client.psk'))[0])

    def session(self, identity, key):
        """Makes a connection; what the client may resume it with later, if the server let it."""
        path = self.path('session')
        openssl_client('-psk_identity', identity, '-psk', key, '-sess_out', path)
        return path

    def resumes(self, session):
        return (os.path.exists(session) and
                b'Reused, TLSv1.3' in openssl_client('-sess_in', session))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for name in list(self.processes):
            self.stop(name)


class Stunnel(Service):
    """At both ends."""

    program = 'stunnel4'

    def __init__(self, folder):
        super().__init__(folder)
        self.pid_file = self.path('server.pid')
        write(self.path('check'), CHECK % self.values, 0o755)
        self.client = [self.path('client.pid'), 'stunnel4', self.path('check')]

    def start(self, name):
        client = name == 'client'
        accept, connect = (CLIENT, SERVER) if client else (SERVER, PLAIN)
        write(self.path(name + '.conf'), STUNNEL % dict(
            self.values, name=name, client='yes' if client else 'no', accept=accept,
            connect=connect))
        self.spawn(name, sys.executable, '-c', ACTIVATE, str(accept), self.path(name + '.conf'))
        # Its socket is there before it is.
        wait_for(lambda: os.path.exists(self.path(name + '.pid')))

    def once(self):
        try:
            with socket.create_connection(('127.0.0.1', CLIENT), timeout=20) as s:
                s.sendall(b'hello\n')
                return s.recv(64) == b'hello\n'
        except OSError:
            return False


class Gnutls(Service):
    """Reads its file at each handshake."""

    def start(self, name):
        self.spawn(name, 'gnutls-serv', '--echo', '--port', str(SERVER), '--pskpasswd',
                   self.path('server.psk'), '--noticket', '--priority',
                   'NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK')
        wait_for(lambda: listens(SERVER))


class Mosquitto(Service):
    """Keeps its file's owner, which is not ours."""

    program = 'mosquitto'

    def __init__(self, folder):
        super().__init__(folder)
        self.pid_file = self.path('server.pid')
        os.chmod(folder, 0o755)
        write(self.path('server.psk'), '', 0o640)
        shutil.chown(self.path('server.psk'), 'root', 'mosquitto')
        write(self.path('server.pid'), '')
        shutil.chown(self.path('server.pid'), 'mosquitto')

    def start(self, name):
        write(self.path('server.conf'), MOSQUITTO % self.values, 0o644)
        self.spawn(name, 'mosquitto', '-c', self.path('server.conf'))
        wait_for(lambda: listens(SERVER))

    # CONNECT of MQTT 3.1.1, and what accepts it.
    CONNECT = b'\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test'
    CONNACK = b'\x20\x02\x00\x00'

    def session(self, identity, key):
        """It has tickets, and no way to turn them off."""
        path = self.path('session')
        out = openssl_client('-psk_identity', identity, '-psk', key, '-sess_out', path, '-quiet',
                             '-no_ign_eof', said=self.CONNECT)
        return path if self.CONNACK in out else None

    def resumes(self, session):
        """TLS does; but who showed no identity is no user."""
        return (session is None or not super().resumes(session) or
                self.CONNACK in openssl_client('-sess_in', session, '-quiet',
                                               '-no_ign_eof', said=self.CONNECT))

    def once(self):
        identity, key = keys_in(self.path('client.psk'))[0]
        return subprocess.run(
            ['mosquitto_pub', '-h', '127.0.0.1', '-p', str(SERVER), '-t', 'test', '-m', 'hello',
             '--psk-identity', identity, '--psk', key, '-q', '1'], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0


def under_traffic(service, what, rotations=10):
    """The agents are there first, and the service finds keys when it comes."""
    client, server = service.path('client.psk'), service.path('server.psk')
    with service.ends(2000) as ends:
        ok(ends.until(lambda _: os.path.exists(server) and os.path.exists(client) and
                      len(keys_in(server)) == len(keys_in(client)) == 1),
           '%s: there is a key that nobody knows before there is one' % what)
        for name in ['server', 'client']:
            if name == 'server' or service.client[0] != '-':
                service.start(name)
        ok(ends.rotated(1) and service.once(), '%s: the first key is agreed' % what)
        first = keys_in(client)[0]
        session = service.session(*first)
        failures = ends.most_failures
        with Traffic(service.once) as traffic:
            ok(ends.rotated(1 + rotations), '%s: ten rotations' % what)
        ok(ends.most_failures == failures, '%s: none of which failed' % what)
        ok(traffic.made > rotations and not traffic.failures,
           '%s: none of %d connections was refused' % (what, traffic.made))
        ok(not takes(*first), '%s: the first key is refused' % what)
        ok(not service.resumes(session), '%s: so is a session that was made with it' % what)
        ends.order('cut')
        ok(ends.until(lambda _: takes(*keys_in(client)[0])), '%s: the one in use is not' % what)
        identity = keys_in(client)[0][0]
        ok(not takes(identity, secrets.token_hex(32)) and
           not takes('test.nobody', secrets.token_hex(32)),
           '%s: a client without the key does not get through' % what)


def restarts(service, what):
    client, server = service.path('client.psk'), service.path('server.psk')
    with service.ends(HOUR) as ends:
        ok(ends.rotated(1) and service.once(), '%s: a key that stays' % what)
        before = keys_in(client)
        service.stop('server')
        service.start('server')
        ok(service.once() and keys_in(client) == before,
           '%s: started again, it has the same key' % what)
        # In the middle of a rotation: both keys are in the file, or one of them.
        ends.order('order')
        ends.until(lambda last: last[1]['state'] != 0)
        service.stop('server')
        ok(keys_in(client) != [] and not service.once(), '%s: it is away in a rotation' % what)
        service.start('server')
        ok(ends.rotated(2) and service.once() and keys_in(client) == keys_in(server) != before,
           '%s: it comes back, and the rotation comes to its end' % what)
        settled = keys_in(client)
        ends.order('start 0')
        ok(ends.until(lambda _: keys_in(client) == keys_in(server) != settled) and ends.rest() and
           service.once(),
           '%s: the agent of the client starts again, and gives a new key' % what)
        settled = keys_in(client)
        ends.order('start 1')
        ok(ends.rest() and service.once() and keys_in(client) == keys_in(server) == settled,
           '%s: the agent of the server starts again, and the key is the same' % what)
        # Lines of others, and an old copy of the file.
        old = read(server)
        ends.order('order')
        ok(ends.rotated(1) and ends.until(lambda _: keys_in(client) == keys_in(server) != settled),
           '%s: the next key' % what)
        write(server, 'their:0123456789abcdef0123456789abcdef\n' + old)
        ok(ends.until(lambda _: keys_in(server) == keys_in(client)) and service.once() and
           read(server).startswith('their:0123456789abcdef0123456789abcdef\n'),
           '%s: an old copy of the file is mended, and the line of others stays' % what)
        ok(ends.until(lambda _: not takes(*settled[0])), '%s: the old key is refused' % what)


def closed(service, what):
    client = service.path('client.psk')
    with service.ends(HOUR, grace_ms=60000) as ends:
        ok(ends.rotated(1) and service.once(), '%s: a key with little grace' % what)
        last_key = keys_in(client)[0]
        ends.order('cut')
        ends.order('skip 4000000')
        ok(ends.until(lambda last: last[0]['closed'] and last[1]['closed']) and
           ends.until(lambda _: not takes(*last_key)) and not service.once(),
           '%s: when its grace is over nothing goes through' % what)
        ends.order('mend')
        ok(ends.until(lambda last: not last[0]['closed'] and not last[1]['closed']) and
           ends.until(lambda _: service.once()), '%s: until there is a new key' % what)


def lost_reloads(service):
    """stunnel takes no file with a line that it cannot read, and goes on with the old one."""
    client, server = service.path('client.psk'), service.path('server.psk')
    with service.ends(HOUR) as ends:
        ok(ends.rotated(1) and service.once(), 'stunnel: a key that stays')
        for end, path in [(1, server), (0, client)]:
            before = keys_in(client)
            ends.order('start 0')
            ends.order('start 1')
            # After a start there is a new key.
            ends.until(lambda _, old=before: keys_in(client) == keys_in(server) != old)
            ends.rest()
            before = keys_in(client)
            write(path, read(path) + 'no line of keys\n')
            ends.order('order')
            with Traffic(service.once) as traffic:
                ok(ends.until(lambda last: last[0]['failures'] >= 1) and
                   ends.until(lambda _: keys_in(client) == before),
                   'stunnel: end %d cannot read its file: the old key stays' % end)
                # One by one: the agent changes the file as well.
                while 'no line' in read(path):
                    write(path, read(path).replace('no line of keys\n', ''))
                    time.sleep(0.2)
                ok(ends.until(lambda last: last[0]['failures'] == 0) and
                   ends.until(lambda _: keys_in(client) == keys_in(server) != before),
                   'stunnel: it can again: the next round goes through')
            ok(not traffic.failures, 'stunnel: none of %d connections was refused' % traffic.made)
        ok(any('does not take the key' in text for text in ends.events[1]),
           'stunnel: an operator is told what is wrong')
        # A signal that goes to nobody.
        os.rename(service.path('server.pid'), service.path('away'))
        ends.order('order')
        ok(ends.until(lambda last: 'start the service' in last[1]['problem']) and service.once(),
           'stunnel: without its pid file it is not told, and the old key stays')
        os.rename(service.path('away'), service.path('server.pid'))
        before = keys_in(client)
        ok(ends.until(lambda _: keys_in(client) == keys_in(server) != before) and service.once(),
           'stunnel: and then it is')


def test(folder):
    own_network()
    with EchoServer(('127.0.0.1', PLAIN), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        for kind in [Stunnel, Gnutls, Mosquitto]:
            what = kind.__name__.lower()
            place = os.path.join(folder, what)
            os.mkdir(place, 0o700)
            os.chmod(folder, 0o755)
            with kind(place) as service:
                under_traffic(service, what)
                restarts(service, what)
                closed(service, what)
                if kind is Stunnel:
                    lost_reloads(service)
        status = os.stat(os.path.join(folder, 'mosquitto', 'server.psk'))
        ok(status.st_mode & 0o777 == 0o640 and status.st_uid == 0 and status.st_gid != 0,
           'mosquitto: its file has the owner and mode that it had')
        echo.shutdown()


main('keyfiles', test)
