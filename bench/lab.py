# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: results as JSON lines, and a lab of real processes."""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('SKEX_BENCH_BUILD', os.path.join(ROOT, 'build'))


def result(name, values, unit, must=None, most=False, digits=4):
    """Prints the median of some values; must is the least it has to be, or the most."""
    value = statistics.median(values)
    ok = must is None or (value <= must if most else value >= must)
    print(json.dumps({
        'name': name, 'value': rounded(value, digits), 'unit': unit,
        'min': rounded(min(values), digits), 'max': rounded(max(values), digits),
        'runs': len(values), 'must': must, 'ok': ok}), flush=True)


def rounded(value, digits):
    return float('%.*g' % (max(digits, len(str(int(value)))), value))


def counted(arguments, whole=False):
    """Instructions that callgrind counts in a program of bench/, in all of it or where the program
    turns the counting on, and what it prints."""
    run = subprocess.run(
        ['valgrind', '--tool=callgrind', '--instr-atstart=no',
         '--collect-atstart=' + ('yes' if whole else 'no'), '--callgrind-out-file=/dev/null',
         os.path.join(BUILD, 'bench', arguments[0])] + [str(word) for word in arguments[1:]],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return int(re.search(r'Collected : (\d+)', run.stderr).group(1)), run.stdout


class Api:
    """One connection to a local API."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.lines = self.socket.makefile('rb')

    def ask(self, **request):
        self.socket.sendall(json.dumps(dict(request, id=1)).encode() + b'\n')
        return json.loads(self.lines.readline())


class Lab:
    """Some hubs and two agents; gone when the with statement ends."""

    def __init__(self, pad='64MiB', hubs=5, threshold=3, flushes=False):
        self.directory = tempfile.mkdtemp(prefix='skex-bench-')
        self.dir = os.path.join(self.directory, 'lab')
        self.pad, self.hubs, self.threshold = pad, hubs, threshold
        self.env = dict(os.environ)
        if flushes:
            self.flushes = os.path.join(self.directory, 'flushes')
            os.mkdir(self.flushes)
            self.env.update(LD_PRELOAD=os.path.join(BUILD, 'bench', 'flushes.so'),
                            SKEX_FLUSHES=self.flushes)

    def skex(self, *arguments):
        return subprocess.run([os.path.join(BUILD, 'skex')] + list(arguments), check=True,
                              stdout=subprocess.PIPE, text=True, env=self.env).stdout

    def __enter__(self):
        try:
            self.what = json.loads(self.skex(
                'lab', 'up', '--dir', self.dir, '--hubs', str(self.hubs),
                '--threshold', str(self.threshold), '--agents', '2', '--pad-bytes', self.pad))
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([os.path.join(BUILD, 'skex'), 'lab', 'down', '--dir', self.dir])
        shutil.rmtree(self.directory, ignore_errors=True)

    def configure(self, pool, more=None):
        """Starts both agents again with these settings of their pools; more(agent) gives further
        lines of an agent's configuration."""
        for agent in self.what['agents']:
            self.skex('lab', 'stop', '--dir', self.dir, agent['name'])
            path = os.path.join(self.dir, agent['name'], 'conf')
            with open(path, encoding='ascii') as f:
                text = f.read().split('pool = ')[0]
            with open(path, 'w', encoding='ascii') as f:
                f.write(text + 'pool = { %s };\n' % pool + (more(agent) if more else ''))
        for agent in self.what['agents']:
            self.skex('lab', 'start', '--dir', self.dir, agent['name'])
        self.wait_up()

    def wait_up(self):
        for i in range(len(self.what['agents'])):
            while not all(leg['connected'] for leg in self.status(i)['legs']):
                time.sleep(0.1)

    def api(self, agent):
        return Api(self.what['agents'][agent]['socket'])

    def status(self, agent):
        return self.api(agent).ask(op='status')['status']

    def agent_pid(self, agent):
        return self.pids('agents')[agent]


    def pids(self, kind):
        """Of the daemons, without the processes that they start: 'hubs' or 'agents'."""
        found = []
        for one in self.what[kind]:
            with open(os.path.join(self.dir, one['name'], 'pid'), encoding='ascii') as f:
                found.append(int(f.read().split()[0]))
        return found

    def flushed(self, pids):
        """How often these waited for the disk."""
        total = 0
        for pid in pids:
            with open(os.path.join(self.flushes, str(pid)), 'rb') as f:
                total += int.from_bytes(f.read(8), 'little')
        return total


def processor_s(pids):
    """Processor time that these used, in the kernel too."""
    total = 0
    for pid in pids:
        with open('/proc/%d/stat' % pid, encoding='ascii') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf('SC_CLK_TCK')


def free_port(kind=socket.SOCK_DGRAM):
    """A UDP port of this machine, or a TCP port, that nobody has."""
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Agent:
    """One skexd with the pairwise mode and without hubs, in a directory that the caller removes."""

    def __init__(self, directory, name, core=None):
        self.name, self.core, self.port = name, core, free_port()
        self.directory = os.path.join(directory, name)
        self.socket = os.path.join(self.directory, 'api.sock')
        self.process = None
        os.makedirs(os.path.join(self.directory, 'state'), 0o700)
        with open(os.path.join(self.directory, 'kek'), 'xb', opener=private) as f:
            f.write(os.urandom(32))
        with open(os.path.join(self.directory, 'conf'), 'x', encoding='ascii') as f:
            f.write('name = "%s"; directory = "%s/state"; kek = { file = "%s/kek"; };\n'
                    'socket = "%s";\n'
                    'pairwise = { listen = "127.0.0.1:%d"; advertise = "127.0.0.1:%d"; };\n' % (
                        name, self.directory, self.directory, self.socket, self.port, self.port))

    def start(self):
        """Seconds until it answers."""
        began = time.monotonic()
        pin = [] if self.core is None else ['taskset', '-c', str(self.core)]
        self.process = subprocess.Popen(
            pin + [os.path.join(BUILD, 'skexd'), '-c', os.path.join(self.directory, 'conf')],
            stderr=subprocess.DEVNULL)
        while True:
            try:
                self.api().ask(op='status')
                return time.monotonic() - began
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit('skexd ended with %d' % self.process.returncode)
                time.sleep(0.005)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def api(self):
        return Api(self.socket)


def private(path, flags):
    return os.open(path, flags, 0o600)


def say(text):
    print(text, file=sys.stderr, flush=True)
