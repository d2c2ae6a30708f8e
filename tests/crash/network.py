# SPDX-License-Identifier: Apache-2.0
"""A network of real hubs and agents that can be struck: killed, or the power cut.

Every daemon is one with a pad trace, all into one file. With cuts, every state directory is a disk
of powercut.py, and so is the directory that kits are brought to.
"""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ['system', 'system/pad_trace', 'system/powercut']:
    sys.path.insert(0, os.path.join(HERE, '..', folder))

from lab_harness import AGAIN, BUILD, SKEX  # noqa: E402
from pad_trace import Trace  # noqa: E402
from powercut import Disk, environment  # noqa: E402

PROGRAMS = {'hub': os.path.join(BUILD, 'tests', 'skex-hub-traced'),
            'agent': os.path.join(BUILD, 'tests', 'skexd-traced')}
LIBRARY = os.path.join(BUILD, 'tests', 'powercut.so')
PATIENCE = 120.0  # only against hanging


class Broken(Exception):
    """An invariant does not hold."""


given_ports = set()


def until_done(what, attempt, tend):
    """Attempts until one gives (True, ..), or PATIENCE is over; tend comes before each."""
    end = time.monotonic() + PATIENCE
    while True:
        tend()
        done, text = attempt()
        if done:
            return
        if time.monotonic() > end:
            raise Broken('%s is never done: %s' % (what, text))
        time.sleep(0.02)


def free_ports(count):
    """Ports below those that the system gives out, so that a daemon gets its own back."""
    held, ports = [], []
    port = 20000 + os.getpid() * 7 % 10000
    while len(ports) < count:
        port += 1
        if port in given_ports:
            continue
        s = socket.socket()
        try:
            s.bind(('127.0.0.1', port))
            held.append(s)
            ports.append(port)
        except OSError:
            s.close()
    for s in held:
        s.close()
    given_ports.update(ports)
    return ports


def find(tree, name):
    """The value of a member somewhere in an answer."""
    if isinstance(tree, dict):
        if name in tree:
            return tree[name]
        for value in tree.values():
            found = find(value, name)
            if found is not None:
                return found
    return None


class Node:
    """One hub or agent: its directory, and its process while it lives."""

    def __init__(self, network, kind, name):
        self.network, self.kind, self.name = network, kind, name
        self.directory = os.path.join(network.directory, name)
        os.mkdir(self.directory)
        os.mkdir(self.path('state'), 0o700)
        with open(os.open(self.path('kek'), os.O_WRONLY | os.O_CREAT, 0o600), 'wb') as f:
            f.write(os.urandom(32))
        self.socket = self.path('sock')
        self.disk = None
        self.more_disks = []
        self.control = None  # with one it is struck at a call: see calls.py
        self.process = None
        self.falls = 0

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def configure(self, text):
        with open(self.path('conf'), 'w', encoding='ascii') as f:
            f.write('name = "%s";\ndirectory = "%s";\nkek = { file = "%s"; };\n%s' % (
                self.name, self.path('state'), self.path('kek'), text))
        if self.network.cuts:
            self.disk = Disk(self.path('state'))

    def disks(self):
        return [disk for disk in [self.disk, *self.more_disks] if disk is not None]

    def start(self):
        with open(self.path('log'), 'ab') as log:
            self.process = subprocess.Popen(
                [PROGRAMS[self.kind], '-c', self.path('conf')], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=self.control is not None,
                env=self.network.environment(*self.disks(), strike=self.control))

    def tail(self):
        with open(self.path('log'), 'rb') as log:
            return log.read()[-2000:].decode(errors='replace')

    def check(self):
        """A daemon that ended by itself would need somebody to repair it; but when it says that
        it can be started again later (a join has its directory), a service manager does that."""
        if self.process is None or self.process.poll() is None:
            return
        tail = self.tail()
        if self.process.returncode == AGAIN and '(busy)' in tail.strip().split('\n')[-2]:
            time.sleep(0.05)
            self.start()
            return
        raise Broken('%s ended by itself with %d:\n%s' % (
            self.name, self.process.returncode, tail))

    def kill(self):
        if self.process is not None:
            self.check()
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def strike(self, random):
        """It falls; what is left of its state is what the network's way to fall leaves."""
        self.kill()
        self.falls += 1
        if self.disk is not None:
            self.disk.cut(random)

    def ask(self, **request):
        """One question on its socket; OSError when it is not there or dies meanwhile."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(PATIENCE)
            s.connect(self.socket)
            s.sendall(json.dumps(dict(request, id=1)).encode() + b'\n')
            line = s.makefile('rb').readline()
        if not line.endswith(b'\n'):
            raise ConnectionResetError('%s died' % self.name)
        return json.loads(line)

    def wait(self):
        """Until it answers."""
        end = time.monotonic() + PATIENCE
        while True:
            self.check()
            try:
                return self.ask(op='status')
            except OSError:
                if time.monotonic() > end:
                    raise Broken('%s does not answer' % self.name) from None
                time.sleep(0.01)


class Network:
    """n hubs with threshold k, and agents that are all peers, whose number may grow; nobody is
    enrolled yet."""

    AGENTS_MAX = 40

    def __init__(self, hubs, threshold, agents, cuts, settings=''):
        self.directory = tempfile.mkdtemp(prefix='skex-test-')
        self.cuts = cuts
        self.trace = os.path.join(self.directory, 'trace')
        self.hubs = [Node(self, 'hub', 'hub%d' % (i + 1)) for i in range(hubs)]
        self.agents = []
        self.threshold, self.settings = threshold, settings
        for hub, port in zip(self.hubs, free_ports(hubs)):
            hub.configure('admin_socket = "%s";\nlisten = ["127.0.0.1:%d"];\n'
                          'policy = ( { between = ["*", "*"]; } );\n' % (hub.socket, port))
        for _ in range(agents):
            self.add_agent()
        self.kits = os.path.join(self.directory, 'kits')
        os.mkdir(self.kits)
        self.kits_disk = Disk(self.kits) if cuts else None

    def add_agent(self):
        names = ['agent%d' % (i + 1) for i in range(self.AGENTS_MAX)]
        agent = Node(self, 'agent', names[len(self.agents)])
        profile = ', '.join('{ name = "%s"; owner = "%s"; }' % (h.name, h.name) for h in self.hubs)
        peers = ', '.join('{ name = "%s"; profiles = ["all"]; }' % name
                          for name in names if name != agent.name)
        agent.configure('socket = "%s";\nprofiles = ( { name = "all"; k = %d; hubs = (%s); } );\n'
                        'peers = (%s);\n%s' % (
                            agent.socket, self.threshold, profile, peers, self.settings))
        self.agents.append(agent)
        return agent

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for node in self.hubs + self.agents:
            if node.process is not None:
                node.process.kill()
                node.process.wait()
        if kind is None or 'SKEX_KEEP' not in os.environ:
            shutil.rmtree(self.directory, ignore_errors=True)
        else:
            print('# kept: %s' % self.directory, flush=True)

    def environment(self, *disks, strike=None):
        disks = [disk for disk in disks if disk is not None]
        found = environment(LIBRARY, disks, strike) if disks else dict(os.environ)
        return dict(found, SKEX_PAD_TRACE=self.trace)

    def begin(self, *words, disks=(), strike=None):
        """Starts skex."""
        return subprocess.Popen([SKEX] + [str(w) for w in words], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                start_new_session=strike is not None,
                                env=self.environment(*disks, strike=strike))

    def check_states(self):
        """Nothing stopped, nothing to be repaired, no rollback seen."""
        for agent in self.agents:
            status = agent.wait()['status']
            states = {leg['hub']: leg['state'] for leg in status['legs']}
            if len(states) != len(self.hubs) or set(states.values()) - {
                    'up', 'connecting', 'down'} or status['counters']['rollbacks']:
                raise Broken('%s: %s %s' % (agent.name, states, status['counters']))
        for hub in self.hubs:
            status = hub.wait()
            bad = [name for name in ['rollbacks', 'reuse_alarms'] if find(status, name)]
            if bad:
                raise Broken('%s: %s in %s' % (hub.name, bad, status))

    def check_trace(self):
        trace = Trace(self.trace)
        return trace.check(), trace.summary()


class Ledger:
    """Every key that was handed out at either end."""

    def __init__(self):
        self.lock = threading.Lock()
        self.got = {}
        self.bytes = set()
        self.fetched = {}
        self.wasted = 0
        self.broken = []

    def add_got(self, key):
        raw = base64.b64decode(key['key'])
        with self.lock:
            if key['key_id'] in self.got or raw in self.bytes:
                self.broken.append('handed out twice: %s' % key['key_id'])
            self.got[key['key_id']] = raw
            self.bytes.add(raw)
            if not key['confirmed']:
                self.broken.append('not confirmed: %s' % key['key_id'])

    def add_fetched(self, key):
        raw = base64.b64decode(key['key'])
        with self.lock:
            if key['key_id'] in self.fetched:
                self.broken.append('fetched twice: %s' % key['key_id'])
            self.fetched[key['key_id']] = raw
            if self.got.get(key['key_id']) != raw:
                self.broken.append('differs between the ends: %s' % key['key_id'])

    def fault(self, text):
        with self.lock:
            self.broken.append(text)

    def summary(self):
        return '%d keys got, %d fetched, %d lost on the way' % (
            len(self.got), len(self.fetched), self.wasted)


class Traffic(threading.Thread):
    """One application on both sides of an ordered pair: gets keys and fetches them, for ever."""

    def __init__(self, ledger, a, b, purpose, pause=0.02):
        super().__init__(daemon=True)
        self.ledger, self.a, self.b, self.purpose, self.pause = ledger, a, b, purpose, pause
        self.over = threading.Event()
        self.rounds = 0
        self.last_error = None

    def get(self, count):
        """Keys; none when there are none now, or the agent died."""
        try:
            answer = self.a.ask(op='get', peer=self.b.name, purpose=self.purpose, count=count,
                                require=['confirmed'], wait_ms=1000)
        except OSError as error:
            self.last_error = error
            return []
        if 'error' in answer:
            self.last_error = answer['error']
            if answer['error']['class'] not in ('again', 'limit'):
                self.ledger.fault('get at %s: %s' % (self.a.name, answer['error']))
            return []
        return answer['keys']

    def fetch(self, ids):
        """Until there is an answer, whatever dies meanwhile."""
        interrupted = False
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                answer = self.b.ask(op='fetch', peer=self.a.name, purpose=self.purpose,
                                    key_ids=ids)
            except FileNotFoundError:
                answer = None
            except ConnectionRefusedError:
                answer = None
            except OSError:
                answer, interrupted = None, True
            if answer is not None and 'keys' in answer:
                for key in answer['keys']:
                    self.ledger.add_fetched(key)
                return
            if answer is not None and interrupted and answer['error']['code'] in (
                    'spent_key', 'unknown_key'):
                # It was taken, and its answer died with the agent: lost, never given twice.
                self.ledger.wasted += len(ids)
                return
            # Of a disk that failed: nothing was given, and it is there when the agent runs again.
            if answer is not None and answer['error']['class'] != 'again' and \
                    answer['error']['code'] != 'store':
                self.ledger.fault('fetch at %s of %s (interrupted: %s): %s' % (
                    self.b.name, ids, interrupted, answer['error']))
                return
            time.sleep(0.02)
        self.ledger.fault('fetch at %s never ended' % self.b.name)

    def run(self):
        count = 0
        while not self.over.is_set():
            count = count % 3 + 1
            keys = self.get(count)
            for key in keys:
                self.ledger.add_got(key)
            if keys:
                self.fetch([key['key_id'] for key in keys])
                self.rounds += 1
            time.sleep(self.pause)

    def end(self):
        self.over.set()
        self.join(PATIENCE * 2)
        if self.is_alive():
            raise Broken('the traffic %s to %s hangs' % (self.a.name, self.b.name))
