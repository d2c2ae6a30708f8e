#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Joining on line with a one-time token: a real hub, real agents, and a network that loses things.

Between agent and hub stands a proxy that sees each message of a run (M1 to M4), and can lose it,
kill either end before or after it, or play what it recorded once more.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from lab_harness import (AGAIN, BUILD, ENVIRONMENT, OK, PEER, REFUSED, SKEX, Tap, USAGE, ask,
                         free_port, skex, until)
from qr_image import at_terminal, modules, write_png

tap = Tap()


def read_exactly(stream, size):
    data = b''
    while len(data) < size:
        piece = stream.recv(size - len(data))
        if not piece:
            return None
        data += piece
    return data


def read_frame(stream):
    size = read_exactly(stream, 4)
    return None if size is None else read_exactly(stream, struct.unpack('>I', size)[0])


def frame(message):
    return struct.pack('>I', len(message)) + message


class Proxy:
    """Carries frames; what it does with message number n is told by before(n) and after(n)."""

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.seen = []  # (connection, to_hub, bytes)
        self.connections = 0
        self.before = self.after = None
        self.listener = socket.create_server(('127.0.0.1', port))
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def reset(self, before=None, after=None):
        self.seen, self.before, self.after = [], before, after

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                far = socket.create_connection(('127.0.0.1', self.target))
            except OSError:
                near.close()
                continue
            for a, b, to_hub in ((near, far, True), (far, near, False)):
                threading.Thread(target=self.pump, args=(a, b, to_hub, self.connections),
                                 daemon=True).start()

    def pump(self, a, b, to_hub, connection):
        try:
            while True:
                message = read_frame(a)
                if message is None:
                    break
                self.seen.append((connection, to_hub, message))
                kind = message[0] - 16
                if self.before and self.before(kind):
                    break
                b.sendall(frame(message))
                if self.after:
                    self.after(kind)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Bed:
    """A hub behind the proxy, and agents."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix='skex-test-')
        port, near = free_port(), free_port()
        self.admin = self.path('hub', 'admin.sock')
        made = skex('hub', 'init', '--config', self.path('conf'), '--dir', self.path('hub'),
                    '--kek', self.path('kek'), '--name', 'hub1', '--listen',
                    '127.0.0.1:%d' % port, '--advertise', '127.0.0.1:%d' % near)
        assert made.code == OK, made
        self.process = None
        self.agents = []
        self.proxy = Proxy(near, port)
        self.lock = threading.Lock()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.proxy.close()
        for agent in self.agents:
            agent.stop()
        self.kill()
        shutil.rmtree(self.directory)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def start(self):
        with open(self.path('log'), 'ab') as log:
            self.process = subprocess.Popen([os.path.join(BUILD, 'skex-hub'), '-c',
                                             self.path('conf')],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert until(lambda: self.hub('status').code == OK, pause=0.02), self.log()

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def restart(self):
        with self.lock:
            self.kill()
            self.start()

    def log(self):
        with open(self.path('log'), encoding='utf-8') as f:
            return f.read()

    def hub(self, *words):
        return skex('hub', *words, '--admin', self.admin)

    def token(self, *words):
        made = self.hub('token', *words, '--json')
        assert made.code == OK, made
        return made.json

    def tokens(self):
        return {t['id']: t['state'] for t in self.hub('token', 'ls', '--json').json['tokens']}

    def legs(self):
        """name: leg, of those who are enrolled."""
        return {a['agent']: a['leg'] for a in self.hub('ls', '--json').json['agents']
                if a['state'] not in ('evicted', 'banned')}

    def agent(self, name):
        agent = Agent(self, name)
        self.agents.append(agent)
        return agent


class Agent:
    """A directory, and skexd on it when it is started."""

    def __init__(self, bed, name):
        self.name = name
        self.directory = tempfile.mkdtemp(prefix=name + '-', dir=bed.directory)
        self.process = None
        with open(self.path('kek'), 'wb') as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(os.urandom(32))
        with open(self.path('conf'), 'w', encoding='ascii') as f:
            f.write('name = "%s";\ndirectory = "%s";\nkek = { file = "%s"; };\nsocket = "%s";\n'
                    'profiles = ( { name = "p"; k = 2; hubs = ( { name = "hub1"; owner = "a"; }, '
                    '{ name = "hub2"; owner = "b"; } ); } );\n'
                    % (name, self.path('state'), self.path('kek'), self.path('sock')))

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def words(self, *more):
        return ['join', '--token', '-', '--config', self.path('conf'), '--json', *more]

    def join(self, token, *more):
        return skex(*self.words(*more), stdin=token)

    def begin(self, token):
        process = subprocess.Popen([SKEX] + self.words(), stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.stdin.write(token.encode())
        process.stdin.close()
        return process

    def start(self):
        with open(self.path('log'), 'ab') as log:
            self.process = subprocess.Popen([os.path.join(BUILD, 'skexd'), '-c',
                                             self.path('conf')],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert until(self.status), open(self.path('log'), encoding='utf-8').read()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def status(self):
        try:
            return ask(self.path('sock'), op='status')['status']
        except OSError:
            return None

    def up(self):
        """The leg carries messages in both directions."""
        return until(lambda: any(leg['state'] == 'up' for leg in self.status()['legs']))


def works_and_spends(bed, agent, token):
    """The leg works, and the token is gone with its first use."""
    agent.start()
    up = agent.up()
    gone = until(lambda: token['token_id'] not in bed.tokens())
    agent.stop()
    return up and gone


# --- cases ---

def plain():
    with Bed() as bed:
        token, a = bed.token('alice'), bed.agent('alice')
        tap.check('a token is one line that says what it is',
                  token['token'].startswith('SKEX-JOIN-1:') and '\n' not in token['token'])
        joined = a.join(token['token'])
        tap.equal('a token gives a leg', joined.code, OK)
        tap.equal('it is computational, and said so', joined.json['class'], 'computational')
        tap.equal('the hub has the same leg', bed.legs().get('alice'), joined.json['leg'])
        tap.equal('the token is not spent before the leg is used', bed.tokens(),
                  {token['token_id']: 'granted'})
        tap.check('the leg works, and the token is gone with its first use',
                  works_and_spends(bed, a, token), bed.log())
        again = a.join(token['token'])
        tap.check('taken in twice: refused, with the right words',
                  again.code == REFUSED and 'was taken in here already' in again.err and
                  'in use' in again.err, again)
        other = bed.agent('alice').join(token['token'])
        tap.check('used elsewhere: refused, with the right words',
                  other.code == REFUSED and 'does not answer to this token' in other.err and
                  'used, revoked' in other.err, other)
        bed.restart()
        tap.equal('nothing of it is there after a restart', bed.tokens(), {})
        tap.equal('and the hub knows no more of it', bed.agent('alice').join(
            token['token']).code, REFUSED)


def daemon():
    with Bed() as bed:
        token, a = bed.token('alice'), bed.agent('alice')
        a.start()
        joined = a.join(token['token'])
        tap.equal('a daemon that runs takes a token', joined.code, OK)
        tap.check('and its leg works at once', a.up())
        tap.check('so the token is spent', until(lambda: not bed.tokens()), bed.tokens())
        again = a.join(token['token'])
        tap.check('again: refused, and the daemon goes on',
                  again.code == REFUSED and a.status() is not None, again)
        bad = a.join('SKEX-JOIN-1:AAAA')
        tap.equal('what is no token is refused', bad.code, PEER)


def files():
    with Bed() as bed:
        a, path = bed.agent('alice'), bed.path('tok')
        made = bed.hub('token', 'alice', '--out', path)
        tap.check('a token in a file is for its owner only',
                  made.code == OK and os.stat(path).st_mode & 0o777 == 0o600 and
                  'SKEX-JOIN' not in made.out + made.err, made)
        joined = skex('join', '--token', path, '--config', a.path('conf'))
        tap.check('its file is destroyed once the leg is there',
                  joined.code == OK and not os.path.exists(path), joined)
        word = skex('join', '--token', 'SKEX-JOIN-1:ABC', '--config', a.path('conf'))
        tap.check('a token is no word of the command line', word.code != OK)
        tap.equal('no name and no group', bed.hub('token').code, USAGE)


def by_qr():
    with Bed() as bed:
        a, image, bad = bed.agent('alice'), bed.path('code.png'), bed.path('bad.png')
        join = ['--config', a.path('conf')]
        made = bed.hub('token', 'alice', '--qr')
        tap.check('a code is drawn, and the token not told beside', made.code == OK and
                  'SKEX-JOIN' not in made.out + made.err and '--token-qr' in made.err, made)
        rows = modules(made.out)
        rows = rows[:len(rows[0])]
        write_png(image, rows)
        for name, draw, code, says in (
                ('no code', lambda: write_png(bad, [[True] * 60] * 60), PEER,
                 'no QR code is found'),
                ('half a code', lambda: write_png(bad, rows[:len(rows) // 2]), PEER,
                 'no QR code is found'),
                ('two codes', lambda: write_png(bad, [row * 2 for row in rows]), PEER,
                 'more than one QR code'),
                ('no image', lambda: shutil.copy(a.path('conf'), bad), PEER,
                 'neither a PNG nor a JPEG file'),
                ('no file', lambda: os.remove(bad), ENVIRONMENT, 'No such file')):
            draw()
            got = skex('join', '--token-qr', bad, *join)
            tap.check('refused: ' + name, got.code == code and says in got.err and
                      not bed.proxy.seen, got)
        credential = bed.path('credential.png')
        write_png(credential, pair_code(bed))
        got = skex('join', '--token-qr', credential, *join)
        tap.check('refused: the credential of a pair, which is kept', got.code == PEER and
                  'token' in got.err and 'SKEX-PAIR' not in got.err and
                  os.path.exists(credential), got)
        both = skex('join', '--token-qr', image, '--token', '-', *join)
        tap.equal('one of both', both.code, USAGE)
        joined = skex('join', '--token-qr', image, *join)
        tap.check('joined from the picture, which is destroyed', joined.code == OK and
                  not os.path.exists(image) and list(bed.legs()) == ['alice'], joined)
        for more in (['--out', bed.path('tok')], ['--json']):
            tap.equal('--qr stands alone', bed.hub('token', 'bob', '--qr', *more).code, USAGE)
        tap.equal('and nothing was made then', len(bed.tokens()), 1)
        code, shown = at_terminal([SKEX, 'hub', 'token', 'bob', '--qr', '--admin', bed.admin], 20)
        tap.check('a terminal that is too narrow: nothing is drawn, and the token is revoked',
                  code == USAGE and 'revoked again' in shown and '\u2588' not in shown and
                  'SKEX-JOIN' not in shown and len(bed.tokens()) == 1, shown)


def pair_code(bed):
    """The modules of a credential of two agents: its text is not taken for a token's."""
    text = 'SKEX-PAIR-1:' + 'A' * 80
    drawn = subprocess.run(['qrencode', '-t', 'ASCII', '-m', '4', text], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    return [[c == ' ' for c in line[::2]] for line in drawn.rstrip('\n').split('\n')]


def wrong():
    with Bed() as bed:
        text = bed.token('alice')['token']
        a = bed.agent('alice')
        for what, spoilt in (('a character changed', text[:60] + ('A' if text[60] != 'A' else 'B') +
                              text[61:]), ('cut off', text[:-3]), ('empty', ''),
                             ('another text', 'hello')):
            got = a.join(spoilt)
            tap.check('%s: refused here, and nothing is sent' % what,
                      got.code == PEER and 'token' in got.err and not bed.proxy.seen, got)
        got = bed.agent('bob').join(text)
        tap.check('another name: refused here', got.code == REFUSED and
                  'made for agent alice; this is agent bob' in got.err and not bed.proxy.seen, got)
        with Bed() as other:
            # The same id at another hub says nothing.
            bed.proxy.target = other.proxy.target
            got = a.join(text)
            tap.check('another hub: silence, explained', got.code == REFUSED and
                      'does not answer to this token' in got.err, got)
            other.token('bob')
            got = a.join(text)
            tap.check('also with a token outstanding there', got.code == REFUSED and
                      'does not answer' in got.err, got)


def ended():
    with Bed() as bed:
        token = bed.token('alice')
        tap.equal('revoked', bed.hub('token', 'revoke', token['token_id']).code, OK)
        got = bed.agent('alice').join(token['token'])
        tap.check('revoked: refused, with the right words', got.code == REFUSED and
                  'revoked' in got.err, got)
        token, a = bed.token('alice'), bed.agent('alice')
        tap.equal('joined, not used', a.join(token['token']).code, OK)
        tap.equal('revoked then', bed.hub('token', 'revoke', token['token_id']).code, OK)
        tap.equal('the leg that nobody used is void', bed.legs(), {})
        tap.equal('revoked twice', bed.hub('token', 'revoke', token['token_id']).code, REFUSED)
        token = bed.token('carol', '--minutes', '1')
        bed.hub('token', 'ls')
        left = token['expires_ms'] / 1000 - time.time()
        tap.check('a minute is a minute', 50 < left <= 60, left)
        time.sleep(max(0, left) + 0.5)
        tap.equal('it is shown as expired', bed.tokens().get(token['token_id']), 'expired')
        got = bed.agent('carol').join(token['token'])
        tap.check('expired: refused, with the right words', got.code == REFUSED and
                  'the token has expired' in got.err, got)


def group():
    with Bed() as bed:
        token = bed.token('--group', 'shops')
        first = bed.agent('shop1')
        tap.equal('a token of a group', first.join(token['token']).code, OK)
        tap.equal('the agent is in the group', bed.hub('show', 'shop1', '--json').json['groups'],
                  ['shops'])
        got = bed.agent('shop2').join(token['token'])
        tap.check('it is bound to the first name', got.code == REFUSED and
                  'bound to an agent of another name' in got.err, got)
        taken = bed.token('--group', 'shops')
        got = bed.agent('shop1').join(taken['token'])
        tap.check('a name that is taken', got.code == REFUSED and 'enrolled there already' in
                  got.err, got)
        bed.hub('ban', 'shop1')
        got = bed.agent('shop1').join(taken['token'])
        tap.check('a name that is banned', got.code == REFUSED and 'banned' in got.err, got)


def asking():
    with Bed() as bed:
        token, a = bed.token('alice', '--ask'), bed.agent('alice')
        tap.equal('nobody has asked', bed.hub('approve', token['token_id']).code, USAGE)
        got = a.join(token['token'])
        tap.check('it has to be approved', got.code == AGAIN and 'approve' in got.err, got)
        tap.equal('it is pending', [t['agent'] for t in bed.hub('pending', '--json').json[
            'tokens']], ['alice'])
        bed.restart()
        tap.equal('also after a restart', a.join(token['token']).code, AGAIN)
        tap.equal('no leg yet', bed.legs(), {})
        tap.equal('approved', bed.hub('approve', token['token_id']).code, OK)
        tap.equal('then it joins', a.join(token['token']).code, OK)
        token, b = bed.token('--group', 'g', '--ask'), bed.agent('bob')
        b.join(token['token'])
        tap.equal('rejected', bed.hub('reject', token['token_id']).code, OK)
        got = b.join(token['token'])
        tap.check('rejected: refused, with the right words', got.code == REFUSED and
                  'rejected this agent' in got.err, got)


def lost():
    """Each message is lost once, and its connection with it."""
    for kind in (1, 2, 3, 4):
        with Bed() as bed:
            token, a = bed.token('alice'), bed.agent('alice')
            done = []

            def before(k, kind=kind, done=done):
                if k != kind or done:
                    return False
                done.append(k)
                return True

            bed.proxy.reset(before)
            joined = a.join(token['token'])
            tap.check('M%d lost: it joins all the same' % kind, joined.code == OK and done, joined)
            tap.equal('M%d lost: one leg, the same' % kind, bed.legs().get('alice'),
                      joined.json['leg'])
            tap.equal('M%d lost: a leg that M4 did not confirm is void' % kind,
                      bed.log().count('enrolment_voided'), int(kind == 4))
            tap.check('M%d lost: the leg works' % kind, works_and_spends(bed, a, token))


def hub_dies():
    """SIGKILL to the hub before and after it gets or sends each message."""
    for kind in (1, 2, 3, 4):
        for moment in ('before', 'after'):
            with Bed() as bed:
                token, a = bed.token('alice'), bed.agent('alice')
                done, over = [], threading.Event()

                def act(k, bed=bed, kind=kind, done=done, over=over):
                    if k != kind or done:
                        return False
                    done.append(k)
                    bed.restart()
                    over.set()
                    return False

                bed.proxy.reset(**{moment: act})
                joined = a.join(token['token'])
                if joined.code != OK:
                    joined = a.join(token['token'])
                # After M4 the agent is done before the hub is back.
                over.wait(60)
                name = 'the hub dies %s M%d' % (moment, kind)
                tap.check(name + ': it joins', joined.code == OK and done, joined)
                tap.equal(name + ': one leg, the same', bed.legs().get('alice'),
                          joined.json['leg'])
                tap.check(name + ': the leg works', works_and_spends(bed, a, token), bed.log())


def agent_dies():
    """SIGKILL to `skex join` at each message, and a moment after the last."""
    for kind, moment, pause in ((1, 'before', 0), (1, 'after', 0), (2, 'before', 0),
                                (2, 'after', 0), (3, 'before', 0), (3, 'after', 0),
                                (4, 'before', 0), (4, 'after', 0), (4, 'after', 0.01),
                                (4, 'after', 0.03), (4, 'after', 0.1)):
        with Bed() as bed:
            token, a = bed.token('alice'), bed.agent('alice')
            process, done = [], threading.Event()

            def act(k, kind=kind, pause=pause, process=process, done=done):
                if k != kind or done.is_set():
                    return False
                until(lambda: process, pause=0.001)
                time.sleep(pause)
                process[0].kill()
                process[0].wait()
                done.set()
                return False

            bed.proxy.reset(**{moment: act})
            process.append(a.begin(token['token']))
            process[0].wait()
            done.wait(60)
            again = a.join(token['token'])
            name = 'the agent dies %s M%d, %g s' % (moment, kind, pause)
            tap.check(name + ': the same token again', again.code == OK or
                      (again.code == REFUSED and 'taken in here already' in again.err), again)
            tap.check(name + ': the leg works', works_and_spends(bed, a, token), bed.log())


def replay():
    """What was recorded is sent again, before the token is spent and after."""
    with Bed() as bed:
        token, a = bed.token('alice'), bed.agent('alice')
        bed.proxy.reset()
        tap.equal('joined', a.join(token['token']).code, OK)
        to_hub = [m for _, to_hub, m in bed.proxy.seen if to_hub]
        tap.equal('two messages to the hub', [m[0] - 16 for m in to_hub], [1, 3])
        tap.check('no name is to be seen', not any(b'alice' in m for _, _, m in bed.proxy.seen))

        def play(messages):
            got = []
            with socket.create_connection(('127.0.0.1', bed.proxy.target)) as s:
                s.settimeout(3)
                try:
                    for m in messages:
                        s.sendall(frame(m))
                    while True:
                        answer = read_frame(s)
                        if answer is None:
                            break
                        got.append(answer)
                except OSError:
                    pass
            return got

        leg, log = bed.legs(), bed.log().count('\n')
        for messages in (to_hub, to_hub[:1] * 3, to_hub[1:] * 3, to_hub[::-1]):
            play(messages)
        tap.equal('replayed at once: no other leg', bed.legs(), leg)
        bed.restart()
        for messages in (to_hub, to_hub[:1] * 3, to_hub[1:] * 3, to_hub[::-1]):
            tap.equal('replayed after a restart: no answer', play(messages), [])
        tap.equal('and no other leg', bed.legs(), leg)
        tap.check('the leg works', works_and_spends(bed, a, token))
        for messages in (to_hub, to_hub[1:]):
            tap.equal('replayed when it is spent: no answer', play(messages), [])
        for junk in (b'\x11' + bytes(43), b'\x13\x02' + bytes(26), b'\x11' * 1101, b'\x1f'):
            tap.equal('junk has no answer', play([junk]), [])
        tap.equal('and none when no token is outstanding', play([to_hub[0]]), [])
        tap.check('the hub said nothing of it', log > 0 and 'alarm' not in bed.log())


def anew():
    """The agent's directory is lost, before and after the leg was used."""
    with Bed() as bed:
        token, a = bed.token('alice'), bed.agent('alice')
        tap.equal('joined', a.join(token['token']).code, OK)
        b = bed.agent('alice')
        joined = b.join(token['token'])
        tap.check('the directory is lost: the same token gives a fresh leg, the other is void',
                  joined.code == OK and bed.legs() == {'alice': joined.json['leg']} and
                  'enrolment_voided' in bed.log(), joined)
        tap.check('which works', works_and_spends(bed, b, token))
        a.start()
        time.sleep(2)
        tap.check('the void one does not', all(leg['state'] != 'up' for leg in
                                               a.status()['legs']))
        a.stop()


CASES = [plain, daemon, files, by_qr, wrong, ended, group, asking, lost, hub_dies, agent_dies,
         replay, anew]
tap.run([case for case in CASES if not sys.argv[2:] or case.__name__ in sys.argv[2:]])
tap.end()
