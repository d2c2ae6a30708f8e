# SPDX-License-Identifier: Apache-2.0
"""What the tests with real hubs and agents share: TAP lines, running skex, a lab."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback

BUILD = sys.argv[1] if len(sys.argv) > 1 else 'build'
SKEX = os.path.join(BUILD, 'skex')

PATIENCE = 120.0  # seconds, for what surely comes, however slow the machine is

OK, USAGE, AGAIN, PEER, LIMIT, ENVIRONMENT, REFUSED, FATAL = range(8)


def is_confined():
    """Not in a build for coverage or with sanitizers: nothing keeps its programs in."""
    with open(os.path.join(BUILD, 'meson-info', 'intro-buildoptions.json'), encoding='utf-8') as f:
        options = {option['name']: option['value'] for option in json.load(f)}
    return options['b_sanitize'] == 'none' and not options['b_coverage']


def free_port(kind=socket.SOCK_STREAM):
    """One that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


# --- TAP ---

class Tap:
    """Counts test cases; end() prints the plan."""

    def __init__(self):
        self.count = self.failed = 0

    def check(self, name, good, note=''):
        self.count += 1
        self.failed += not good
        print('%s %d - %s' % ('ok' if good else 'not ok', self.count, name), flush=True)
        if not good and note != '':
            print('# %s' % str(note).replace('\n', '\n# '), flush=True)
        return good

    def equal(self, name, got, wanted):
        return self.check(name, got == wanted, 'got %r, wanted %r' % (got, wanted))

    def run(self, cases):
        """Runs functions one by one; one that raises has failed."""
        # A test that is told to end takes its lab down.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
        for case in cases:
            began = time.monotonic()
            try:
                case()
            except Exception:  # a broken case is a failure of that case
                self.check(case.__name__, False, traceback.format_exc(-3))
            print('# %s: %.1f s' % (case.__name__, time.monotonic() - began), flush=True)

    def end(self):
        print('1..%d' % self.count, flush=True)
        sys.exit(1 if self.failed or not self.count else 0)


# --- commands and processes ---

class Result:
    """What a command gave."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __str__(self):
        return 'exit code %d\n%s\n%s' % (self.code, self.out, self.err)

    @property
    def json(self):
        return json.loads(self.out)


def skex(*words, stdin=''):
    """Runs skex with these words; a number is made a word."""
    done = subprocess.run([SKEX] + [str(w) for w in words], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE)
    return Result(done.returncode, done.stdout, done.stderr)


def alive(pid):
    """True while a process runs; one that waits for its parent to look does not."""
    try:
        with open('/proc/%d/stat' % pid, encoding='ascii', errors='replace') as f:
            return f.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


def until(what, seconds=PATIENCE, pause=0.05):
    """Waits until what() is true; its last value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause)


def ask(path, **request):
    """One question to a daemon's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(60)
        s.connect(path)
        s.sendall(json.dumps(dict(request, id=1)).encode() + b'\n')
        return json.loads(s.makefile('rb').readline())


# --- a lab ---

class Lab:
    """A lab in a directory of its own; gone when the with statement ends."""

    def __init__(self, hubs=3, threshold=2, agents=2, pad='2MiB', more=()):
        self.directory = tempfile.mkdtemp(prefix='skex-test-')
        self.dir = os.path.join(self.directory, 'lab')
        self.words = ['--hubs', hubs, '--threshold', threshold, '--agents', agents,
                      '--pad-bytes', pad, *more]
        self.printed = ''
        self.what = None

    def __enter__(self):
        up = skex('lab', 'up', '--dir', self.dir, *self.words)
        if up.code != 0:
            self.__exit__()
            raise RuntimeError('lab up: %s' % up)
        self.printed = up.out
        self.what = up.json
        return self

    def __exit__(self, *_):
        skex('lab', 'down', '--dir', self.dir)
        shutil.rmtree(self.directory)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def config(self, name):
        return self.path(name, 'conf')

    def admin(self, hub):
        return self.path(hub, 'admin.sock')

    def socket(self, agent):
        return self.path(agent, 'api.sock')

    def hub(self, hub, *words, stdin=''):
        """skex hub WORDS at one hub."""
        return skex('hub', *words, '--admin', self.admin(hub), stdin=stdin)

    def join(self, agent, kit, *words, stdin=''):
        return skex('join', kit, '--config', self.config(agent), *words, stdin=stdin)

    def start(self, name):
        started = skex('lab', 'start', '--dir', self.dir, name)
        if started.code != 0:
            raise RuntimeError('lab start %s: %s' % (name, started))
        return started.json['pid']

    def stop(self, name):
        return skex('lab', 'stop', '--dir', self.dir, name)

    def kill(self, name):
        """SIGKILL, and waits for the end."""
        with open(self.path(name, 'pid'), encoding='ascii') as f:
            pid = int(f.read().split()[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: not alive(pid))

    def log(self, name):
        with open(self.path(name, 'log'), encoding='utf-8') as f:
            return f.read()

    def member(self, hub, agent):
        """What `skex hub show` says, {} when it knows of none."""
        shown = self.hub(hub, 'show', agent, '--json')
        return shown.json if shown.code == 0 else {}

    def leg(self, agent, hub):
        """The agent's view of its leg; {} when there is none."""
        status = ask(self.socket(agent), op='status')['status']
        return next((leg for leg in status['legs'] if leg['hub'] == hub), {})

    def up(self, agent, hub):
        return until(lambda: self.leg(agent, hub).get('state') == 'up')

    def key(self, agent, peer, *words):
        """One key; the result of the command."""
        return skex('key', 'get', peer, '--socket', self.socket(agent), '--wait', '20s', '--json',
                    *words)

    def pads(self, name):
        """The pad files of a hub or agent, their key files apart."""
        return sorted(f for f in os.listdir(self.path(name, 'state', 'pads'))
                      if f.endswith('.pad'))


# --- agents without a lab ---

class Agents:
    """Agents by themselves, in a directory that is gone when the with statement ends."""

    def __init__(self, prefix):
        self.directory = tempfile.mkdtemp(prefix=prefix)
        self.daemons = {}
        self.preload = ''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for daemon in self.daemons.values():
            if alive(daemon.pid):
                daemon.kill()
                daemon.wait()
        shutil.rmtree(self.directory)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def socket(self, name):
        return self.path(name, 'api.sock')

    def write(self, name, data):
        with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as f:
            f.write(data if isinstance(data, bytes) else data.encode())

    def make(self, name, more):
        """The directory and configuration of an agent, with these settings."""
        os.makedirs(self.path(name, 'state'), 0o700)
        self.write(self.path(name, 'kek'), os.urandom(32))
        self.write(self.path(name, 'conf'),
                   'name = "%s";\ndirectory = "%s";\nkek = { file = "%s"; };\nsocket = "%s";\n%s'
                   % (name, self.path(name, 'state'), self.path(name, 'kek'), self.socket(name),
                      more))

    def start(self, name):
        with open(self.path(name, 'log'), 'ab') as log:
            self.daemons[name] = subprocess.Popen(  # pylint: disable=consider-using-with
                [os.path.join(BUILD, 'skexd'), '-c', self.path(name, 'conf')], stdout=log,
                stderr=log, env=dict(os.environ, LD_PRELOAD=self.preload))
        if not until(lambda: skex('status', '--socket', self.socket(name)).code == OK):
            with open(self.path(name, 'log'), encoding='utf-8') as log:
                raise RuntimeError('%s does not start: %s' % (name, log.read()))

    def stop(self, name, number=signal.SIGKILL):
        self.daemons[name].send_signal(number)
        self.daemons[name].wait()


# --- ETSI GS QKD 014 ---

class Sae:
    """One SAE at the 014 server of its agent."""

    def __init__(self, lab, name, agent):
        self.name = name
        context = ssl.create_default_context(cafile=lab.path('tls', 'ca.pem'))
        context.check_hostname = False
        context.load_cert_chain(lab.path('tls', name + '.pem'), lab.path('tls', name + '.key'))
        url = next(a for a in lab.what['agents'] if a['name'] == agent)['etsi014_url']
        self.host = url.split('//')[1].rstrip('/')
        self.context = context

    def call(self, path, body=None):
        """Status and what the answer says, once the server is there."""
        connection = http.client.HTTPSConnection(self.host, context=self.context, timeout=60)
        try:
            connection.request('POST' if body is not None else 'GET', '/api/v1/keys/' + path,
                               None if body is None else json.dumps(body),
                               {} if body is None else {'Content-Type': 'application/json'})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else {}
        finally:
            connection.close()

    def patient(self, path, body=None):
        """The same, while there is no key yet, or no server."""
        def once():
            try:
                answer = self.call(path, body)
            except (OSError, http.client.HTTPException):
                return None
            return answer if answer[0] != 503 else None
        return until(once, pause=0.2)

    def get(self, slave, additional=(), number=1):
        code, answer = self.patient(slave + '/enc_keys', {
            'number': number, 'size': 256, 'additional_slave_SAE_IDs': list(additional)})
        return code, [(k['key_ID'], k['key']) for k in answer.get('keys', [])]

    def fetch(self, master, ids):
        code, answer = self.patient(master + '/dec_keys',
                                    {'key_IDs': [{'key_ID': i} for i in ids]})
        return code, [k['key'] for k in answer.get('keys', [])]
