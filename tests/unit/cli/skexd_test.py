#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""skexd as a process, without hubs: start, stop, what is refused.  skexd_test.py SKEXD SKEX"""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile

from tap import Tap, run, wait_for

SKEXD, SKEX = sys.argv[1:3]
FOLDER = tempfile.mkdtemp(prefix='skexd-')
CONFIG = os.path.join(FOLDER, 'skexd.conf')
STATE = os.path.join(FOLDER, 'state')
SOCKET = os.path.join(STATE, 'api.sock')
KEK = os.path.join(FOLDER, 'kek')

tap = Tap()


def write_config(more='', path=CONFIG):
    with open(path, 'w', encoding='utf-8') as file:
        file.write('name = "agent1";\ndirectory = "%s";\nkek = { file = "%s"; };\n'
                   'socket_mode = "0600";\n%s\n' % (STATE, KEK, more))


def write_kek(path=KEK):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as file:
        file.write(os.urandom(32))


class Daemon:
    """A running skexd; its log goes to a file."""

    def __init__(self, env=None, **more):
        self.log_path = os.path.join(FOLDER, 'log')
        self.log_file = open(self.log_path, 'wb')
        self.process = subprocess.Popen([SKEXD, '-c', CONFIG], stderr=self.log_file,
                                        stdin=subprocess.DEVNULL, env=env or {}, **more)

    def ready(self):
        return wait_for(lambda: self.process.poll() is not None or status() is not None) \
            and self.process.poll() is None

    def log(self):
        with open(self.log_path, encoding='utf-8') as file:
            return file.read()

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(10)
        self.log_file.close()
        return code


def status():
    result = run([SKEX, 'status', '--json', '--socket', SOCKET])
    return json.loads(result.out) if result.code == 0 else None


def children_of(process):
    found = []
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                with open('/proc/%s/stat' % entry, encoding='utf-8') as file:
                    if int(file.read().rsplit(')', 1)[1].split()[1]) == process:
                        found.append(int(entry))
            except OSError:
                pass
    return found


def serving(process, role):
    """The children with this role; one more child starts them."""
    found = []
    for child in children_of(process):
        try:
            with open('/proc/%d/cmdline' % child, 'rb') as file:
                if role in file.read().split(b'\0'):
                    found.append(child)
        except OSError:
            pass
    return found


# --- the command line ---

def options():
    tap.check('--version', run([SKEXD, '--version']).out.startswith('skexd '))
    tap.check('--help', run([SKEXD, '--help']).out.startswith('usage: skexd'))
    tap.equal('no configuration', run([SKEXD]).code, 1)
    tap.equal('an unknown option', run([SKEXD, '-c', CONFIG, '--chck']).code, 1)
    tap.equal('-c without a file', run([SKEXD, '-c']).code, 1)


def check_only():
    result = run([SKEXD, '-c', CONFIG, '--check'])
    tap.equal('--check of a good one', (result.code, result.out), (0, CONFIG + ': ok\n'))
    tap.check('touches nothing', not os.path.exists(STATE))
    result = run([SKEXD, '-c', CONFIG + '.none', '--check'])
    tap.check('no file', result.code == 6 and CONFIG + '.none' in result.err, result)
    bad = CONFIG + '.bad'
    write_config('colour = "red";', bad)
    result = run([SKEXD, '-c', bad, '--check'])
    tap.check('--check of a bad one', result.code == 1 and bad + ':5: colour' in result.err, result)
    tap.equal('which does not start either', run([SKEXD, '-c', bad]).code, 1)


def no_kek():
    result = run([SKEXD, '-c', CONFIG])
    tap.check('no key file', result.code != 0 and KEK in result.err
              and 'what to do: ' in result.err, result)
    write_kek()
    os.chmod(KEK, 0o644)
    result = run([SKEXD, '-c', CONFIG])
    tap.check('a key file that others may read', result.code != 0 and KEK in result.err, result)
    os.chmod(KEK, 0o600)


# --- life ---

def start_and_stop():
    daemon = Daemon()
    tap.check('it starts', daemon.ready(), daemon.log())
    tap.equal('the socket has its mode', stat.S_IMODE(os.stat(SOCKET).st_mode), 0o600)
    tap.equal('the state is its own', stat.S_IMODE(os.stat(STATE).st_mode), 0o700)
    answer = status()
    tap.equal('status', (answer['name'], answer['legs'], answer['pools']), ('agent1', [], []))
    result = run([SKEX, 'key', 'get', 'agent2', '--json', '--socket', SOCKET])
    tap.check('no peer, no key', result.code == 6
              and json.loads(result.out)['error']['code'] != '', result)
    result = run([SKEX, 'doctor', '--socket', SOCKET])
    tap.check('doctor says what is missing', result.code == 11 and 'skex join' in result.out,
              result)
    tap.equal('it ends well', daemon.end(), 0)
    tap.check('its socket is gone', not os.path.exists(SOCKET))
    tap.check('the log has no debug lines', 'debug' not in daemon.log(), daemon.log())
    tap.check('and says start and end', 'ready' in daemon.log() and 'stopping' in daemon.log(),
              daemon.log())


def interrupt_and_hangup():
    daemon = Daemon()
    daemon.ready()
    daemon.process.send_signal(signal.SIGHUP)
    tap.check('SIGHUP does not end it', wait_for(lambda: 'at the start only' in daemon.log())
              and status() is not None)
    tap.equal('SIGINT does', daemon.end(signal.SIGINT), 0)


def one_per_directory():
    daemon = Daemon()
    daemon.ready()
    result = run([SKEXD, '-c', CONFIG])
    tap.check('a second one is refused', result.code == 2
              and 'another process has it' in result.err, result)
    tap.check('and the first lives on', status() is not None)
    tap.equal('killed', daemon.end(signal.SIGKILL), -signal.SIGKILL)
    tap.check('leaves a socket', os.path.exists(SOCKET))
    daemon = Daemon()
    tap.check('which the next one replaces', daemon.ready(), daemon.log())
    daemon.end()


def wrong_kek():
    other = KEK + '.other'
    os.rename(KEK, other)
    write_kek()
    result = run([SKEXD, '-c', CONFIG])
    tap.check('another key-encryption key', result.code == 3
              and 'not its key-encryption key' in result.err, result)
    os.rename(other, KEK)


def socket_in_the_way():
    write_config('socket = "%s";' % os.path.join(FOLDER, 'there'))
    with open(os.path.join(FOLDER, 'there'), 'w', encoding='utf-8'):
        pass
    result = run([SKEXD, '-c', CONFIG])
    tap.check('a file where the socket goes', result.code == 2
              and os.path.join(FOLDER, 'there') in result.err, result)
    write_config('socket = "%s";' % os.path.join(FOLDER, 'none', 'api.sock'))
    result = run([SKEXD, '-c', CONFIG])
    tap.check('a folder that is not there', result.code == 5
              and os.path.join(FOLDER, 'none') in result.err, result)
    write_config()


def systemd():
    path = os.path.join(FOLDER, 'notify')
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(path)
    notify.settimeout(10)
    daemon = Daemon(env={'NOTIFY_SOCKET': path})
    tap.equal('systemd is told when it is ready', notify.recv(100), b'READY=1')
    daemon.end()
    tap.equal('and when it stops', notify.recv(100), b'STOPPING=1')
    notify.close()


def metrics():
    port = free_port()
    write_config('metrics = "127.0.0.1:%d";' % port)
    daemon = Daemon()
    tap.check('with metrics it starts', daemon.ready(), daemon.log())
    silent = socket.create_connection(('127.0.0.1', port))
    with socket.create_connection(('127.0.0.1', port), 5) as client:
        client.sendall(b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
        page = b''
        while piece := client.recv(65536):
            page += piece
    tap.check('metrics', page.startswith(b'HTTP/1.1 200')
              and b'\nskexd_keys_delivered_total 0\n' in page, page.decode())
    result = subprocess.run([SKEXD, '-c', CONFIG], stderr=subprocess.PIPE, check=False, env={})
    tap.equal('a second one is refused here too', result.returncode, 2)
    with silent:
        tap.equal('who asks for nothing is ended', silent.recv(1), b'')
    daemon.end()
    write_config()


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


# --- the process that serves 014 ---

def make_certificate():
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=kme', '-days', '2',
                    '-keyout', os.path.join(FOLDER, 'tls.key'),
                    '-out', os.path.join(FOLDER, 'tls.pem')],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def etsi014():
    make_certificate()
    write_config('etsi014 = { listen = "127.0.0.1:%d"; ca = "%s/tls.pem"; certificate = '
                 '"%s/tls.pem"; key = "%s/tls.key"; };' % (free_port(), FOLDER, FOLDER, FOLDER))
    daemon = Daemon()
    tap.check('with ETSI 014 it starts', daemon.ready(), daemon.log())
    tap.check('in a process of its own', wait_for(
        lambda: len(serving(daemon.process.pid, b'--etsi014')) == 1
        and 'listening' in daemon.log()), daemon.log())
    child = serving(daemon.process.pid, b'--etsi014')[0]
    descriptors = sorted(int(name) for name in os.listdir('/proc/%d/fd' % child))
    opened = [os.readlink('/proc/%d/fd/%d' % (child, number)) for number in descriptors]
    tap.check('it has nothing of the state open', not any(STATE in name for name in opened),
              opened)
    os.kill(child, signal.SIGKILL)
    tap.check('when it dies another is started', wait_for(
        lambda: serving(daemon.process.pid, b'--etsi014') not in ([], [child])), daemon.log())
    tap.check('and the log says so', 'ended with status 137' in daemon.log(), daemon.log())
    child = serving(daemon.process.pid, b'--etsi014')[0]
    daemon.end(signal.SIGKILL)
    tap.check('when the agent is killed it ends',
              wait_for(lambda: not os.path.exists('/proc/%d' % child) or is_zombie(child)))
    write_config()


def is_zombie(process):
    try:
        with open('/proc/%d/stat' % process, encoding='utf-8') as file:
            return file.read().rsplit(')', 1)[1].split()[0] == 'Z'
    except OSError:
        return True


def main():
    write_config()
    try:
        tap.run([options, check_only, no_kek, start_and_stop, interrupt_and_hangup,
                 one_per_directory, wrong_kek, socket_in_the_way, systemd, metrics, etsi014])
    finally:
        shutil.rmtree(FOLDER)


main()
