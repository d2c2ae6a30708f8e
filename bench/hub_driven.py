# SPDX-License-Identifier: Apache-2.0
"""A real skex-hub with agents that are driven over real sockets by bench/hub_load.c."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from lab import BUILD, Api, free_port

FEW = 100   # enrolled and connected
PAIRS = 50  # that exchange shares


def status_kib(pid, name):
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        return int(re.search(r'^%s:\s+(\d+) kB' % name, f.read(), re.M).group(1))


class Hub:
    """A skex-hub with so many agents enrolled, and a directory in memory for who drives it."""

    def __init__(self, enrolled):
        self.enrolled, self.port = enrolled, free_port(socket.SOCK_STREAM)
        self.directory = tempfile.mkdtemp(prefix='skex-bench-')
        self.memory = tempfile.mkdtemp(prefix='skex-bench-', dir='/dev/shm')
        self.process = None

    def __enter__(self):
        os.mkdir(os.path.join(self.directory, 'state'), 0o700)
        subprocess.run([os.path.join(BUILD, 'bench', 'enrol_many'),
                        os.path.join(self.directory, 'state'), os.path.join(self.directory, 'kek'),
                        str(self.enrolled)], check=True)
        with open(os.path.join(self.directory, 'conf'), 'w', encoding='ascii') as f:
            f.write('name = "hub1"; directory = "%s/state"; kek = { file = "%s/kek"; };\n'
                    'admin_socket = "%s/admin"; listen = ["127.0.0.1:%d"];\n'
                    'policy = ( { between = ["*", "*"]; } );\n' % (
                        (self.directory,) * 3 + (self.port,)))
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)
        # The key that hub_load made beside it.
        if os.path.exists(self.memory + '.kek'):
            os.remove(self.memory + '.kek')

    def start(self):
        """Seconds until it answers."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            [os.path.join(BUILD, 'skex-hub'), '-c', os.path.join(self.directory, 'conf')],
            stderr=subprocess.DEVNULL)
        while True:
            try:
                Api(os.path.join(self.directory, 'admin')).ask(op='status')
                return time.monotonic() - began
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit('skex-hub ended with %d' % self.process.returncode)
                time.sleep(0.005)

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.process = None

    def anonymous_kib(self):
        return status_kib(self.process.pid, 'RssAnon')

    def drive(self, connected, series):
        """Yields what is said when all are connected, and after each series."""
        child = subprocess.Popen(
            [os.path.join(BUILD, 'bench', 'hub_load'), self.memory, str(self.port),
             str(self.process.pid), str(connected), str(PAIRS)] + series,
            stdout=subprocess.PIPE, text=True)
        for line in child.stdout:
            yield json.loads(line)
        if child.wait() != 0:
            raise SystemExit('hub_load ended with %d' % child.returncode)
