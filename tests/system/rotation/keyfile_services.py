# SPDX-License-Identifier: Apache-2.0
"""Real stunnel, GnuTLS and mosquitto, which read TLS PSKs from files, and clients of them."""

import ctypes
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time

from rotation_harness import Ends, run

SERVER, CLIENT, PLAIN = 4433, 4455, 4477  # ports: TLS, the client's own, and what lies behind
SUITES = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256'

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


def wait_for(good, seconds=120):
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


def passes():
    """Something goes through the client's stunnel and comes back."""
    try:
        with socket.create_connection(('127.0.0.1', CLIENT), timeout=120) as s:
            s.sendall(b'hello\n')
            return s.recv(64) == b'hello\n'
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

    def connects(self, identity, key):
        return takes(identity, key)

    def once(self):
        """With the key that a client would take; one that was on its way with the old key when the
        file changed reads it again, as docs/integration/keyfiles.md says."""
        while True:
            key = keys_in(self.path('client.psk'))[0]
            if self.connects(*key):
                return True
            if keys_in(self.path('client.psk'))[0] == key:
                return False

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
        return passes()


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

    def connects(self, identity, key):
        return subprocess.run(
            ['mosquitto_pub', '-h', '127.0.0.1', '-p', str(SERVER), '-t', 'test', '-m', 'hello',
             '--psk-identity', identity, '--psk', key, '-q', '1'], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0
