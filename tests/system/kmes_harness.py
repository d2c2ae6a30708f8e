# SPDX-License-Identifier: Apache-2.0
"""The process that fetches keys from KMEs, with a test in the place of the agent, and KMEs whose
answers wait for the test."""

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from qkd014_kme import Authority, Kme, Link

CONFIG = '''name = "agent1"; directory = "%s"; kek = { file = "%s/kek"; };
profiles = ( { name = "main"; k = 2; hubs = (
  { name = "hub1"; owner = "a"; }, { name = "hub2"; owner = "b"; } ); } );
peers = ( %s );
qkd014 = ( %s );
'''
PEER = '{ name = "peer-%s"; profiles = [ "main" ]; }'
GROUP = '''{ name = "%s"; url = "%s"; ca = "%s"; certificate = "%s"; key = "%s"; sae_id = "SAE-1";
  peers = ( { peer = "peer-%s"; sae_id = "SAE-2"; } ); }'''


class Held(Kme):
    """A KME that answers when it may."""

    def __init__(self, link, authority, certificate):
        self.gate, self.came = threading.Event(), threading.Semaphore(0)
        self.gate.set()
        self.requests = []
        self.delay = 0    # seconds, of each answer
        self.says = None  # what it answers to everything: code and JSON
        super().__init__(link, ['SAE-1'], authority, certificate)

    def handle(self, sae, method, path, body):
        self.requests.append(path.rsplit('/', 1)[1])
        self.came.release()
        self.gate.wait()
        time.sleep(self.delay)
        if self.says:
            return self.says
        return super().handle(sae, method, path, body)


class Process:
    """The process, with KMEs of these names, each for a peer of its own; what it says waits in
    `said`, None for its end."""

    def __init__(self, launcher, names, before=None):
        self.directory = tempfile.mkdtemp(prefix='skex-kmes-')
        authority = Authority(self.directory, 'house')
        server = authority.issue('kme', 'IP:127.0.0.1')
        certificate, key = authority.issue('SAE-1')
        link = Link()
        self.kmes = {name: Held(link, authority, server) for name in names}
        if before:
            before(self.kmes)
        config = os.path.join(self.directory, 'skexd.conf')
        with open(config, 'w', encoding='ascii') as f:
            f.write(CONFIG % (
                self.directory, self.directory, ', '.join(PEER % name for name in names),
                ', '.join(GROUP % (name, self.kmes[name].url, authority.certificate, certificate,
                                   key, name) for name in names)))
        self.near, far = socket.socketpair()
        self.log = os.path.join(self.directory, 'log')
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [launcher, str(far.fileno()), config], pass_fds=[far.fileno()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        far.close()
        self.said = queue.Queue()
        self.watch = None
        threading.Thread(target=self.read, daemon=True).start()
        self.take('qkd014_watch')

    def read(self):
        with contextlib.suppress(OSError), self.near.makefile('rb') as lines:
            for line in lines:
                request = json.loads(line)
                if request['op'] == 'qkd014_watch':
                    self.watch = request['id']
                    self.say({'id': request['id'], 'subscribed': True})
                else:
                    self.say({'id': request['id']})
                self.said.put(request)
        self.said.put(None)

    def say(self, value):
        self.near.sendall(json.dumps(value).encode() + b'\n')

    def order(self, number, name, count=1, wait_ms=600000, ids=None):
        fetch = {'order': number, 'kme': name, 'peer': 'peer-' + name, 'count': count,
                 'key_bytes': 32, 'wait_ms': wait_ms}
        if ids:
            fetch['ids'] = ids
        self.say({'id': self.watch, 'fetch': fetch})

    def take(self, op=None):
        """What it says next, of one kind; other things are passed over. Its end, of any kind."""
        while True:
            request = self.said.get()
            if request is None:
                self.said.put(None)
                with open(self.log, encoding='utf-8', errors='replace') as f:
                    return {'op': 'its end', 'order': 0, 'text': f.read()}
            if op in (None, request['op']):
                return request

    def reports(self):
        """What it found out of each KME at its start."""
        found = {}
        while len(found) < len(self.kmes):
            report = self.take('qkd014_report')
            if report['op'] != 'qkd014_report':
                break
            found[report['kme']] = report['problem']
        return found

    def end(self):
        """Its exit code."""
        for kme in self.kmes.values():
            kme.gate.set()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait()
        for kme in self.kmes.values():
            kme.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        return code
