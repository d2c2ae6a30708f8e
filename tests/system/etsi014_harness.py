# SPDX-License-Identifier: Apache-2.0
"""What the etsi014 tests share: certificates, a scripted agent, the server, a client, TAP lines."""

import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid

PATIENCE = 120  # seconds, for what surely comes, however slow the machine is


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

    def end(self):
        print('1..%d' % self.count, flush=True)
        sys.exit(1 if self.failed or not self.count else 0)


def run_cases(tap, cases):
    """Runs functions one by one; one that raises has failed."""
    for case in cases:
        began = time.monotonic()
        try:
            case()
        except Exception:  # a broken case is a failure of that case
            tap.check(case.__name__, False, traceback.format_exc(-1))
        print('# %s: %.1f s' % (case.__name__, time.monotonic() - began), flush=True)


# --- certificates ---

class Authority:
    """A certificate authority made with openssl(1) in a directory."""

    def __init__(self, directory, name):
        self.directory = directory
        self.name = name
        self.certificate = os.path.join(directory, name + '.crt')
        self.key = os.path.join(directory, name + '.key')
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                '-keyout', self.key, '-out', self.certificate, '-days', '30',
                '-subj', '/CN=' + name, '-addext', 'basicConstraints=critical,CA:TRUE')

    def issue(self, name, subject=None, san=None, usage='clientAuth', more=()):
        """Makes NAME.crt and NAME.key; subject is openssl's -subj, more goes to openssl-x509(1)."""
        base = os.path.join(self.directory, name)
        request = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                   '-keyout', base + '.key', '-out', base + '.csr',
                   '-subj', '/CN=' + name if subject is None else subject]
        openssl(*request, '-utf8')
        with open(base + '.ext', 'w', encoding='ascii') as f:
            f.write('basicConstraints=CA:FALSE\n')
            if usage:
                f.write('extendedKeyUsage=%s\n' % usage)
            if san:
                f.write('subjectAltName=%s\n' % san)
        openssl('x509', '-req', '-in', base + '.csr', '-CA', self.certificate, '-CAkey', self.key,
                '-set_serial', str(int.from_bytes(os.urandom(8), 'big') | 1),
                '-extfile', base + '.ext', '-out', base + '.crt', '-days', '30', *more)
        return base + '.crt', base + '.key'

    def issue_until(self, name, start, end):
        """As issue, for a time in seconds since 1970; openssl-x509(1) cannot make that."""
        self.issue(name)
        base = os.path.join(self.directory, name)
        config = os.path.join(self.directory, 'ca.cnf')
        with open(config, 'w', encoding='ascii') as f:
            f.write('[ca]\ndefault_ca=c\n[c]\ndatabase=%s.db\nnew_certs_dir=%s\nserial=%s.serial\n'
                    'rand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\n'
                    '[p]\ncommonName=supplied\n' % (base, self.directory, base))
        with open(base + '.db', 'w', encoding='ascii'):
            pass
        times = [time.strftime('%Y%m%d%H%M%SZ', time.gmtime(t)) for t in (start, end)]
        openssl('ca', '-batch', '-notext', '-config', config, '-cert', self.certificate,
                '-keyfile', self.key, '-in', base + '.csr', '-out', base + '.crt',
                '-startdate', times[0], '-enddate', times[1])
        return base + '.crt', base + '.key'


def openssl(*arguments):
    subprocess.run(['openssl', *arguments], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


# --- the agent's side ---

class Agent:
    """Plays the local API of skexd for one stream: two agents' worth of keys in one place.

    Every key is in a pool by (master, slave) and is handed out once to each end.
    """

    HERE = {'sae-a', 'sae-b', 'sae-c', 'urn:sae/a'}
    ELSEWHERE = {'sae-b': 'agent2', 'sae-c': 'agent2', 'sae-a': 'agent2', 'sae-far': 'agent3',
                 'urn:sae/a': 'agent2'}

    def __init__(self, stream):
        self.stream = stream
        self.keys = {}      # id: (master, slaves, key)
        self.used = set()   # (id, slave)
        self.ready = 100
        self.requests = []  # as they came
        self.extra = {}     # members added to identity_status
        self.override = None  # function: request -> answer, a list of answers, or None for none
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        try:
            for line in self.stream.makefile('rb'):
                request = json.loads(line)
                self.requests.append(request)
                self.send(self.override(request) if self.override else self.answer(request))
        except (OSError, ValueError):
            pass

    def send(self, answer):
        for one in answer if isinstance(answer, list) else [answer]:
            if one is not None:
                data = one if isinstance(one, bytes) else json.dumps(one).encode() + b'\n'
                with self.lock:
                    self.stream.sendall(data)

    @staticmethod
    def error(request, kind, code, message, do='wait'):
        return {'id': request['id'], 'error': {'class': kind, 'code': code, 'message': message,
                                               'do': do}}

    def key(self, request, slaves, identity=None):
        key = os.urandom(request['bits'] // 8)
        identity = identity or str(uuid.uuid4())
        self.keys[identity] = (request['local'], set(slaves), key)
        return self.shown(identity, key)

    @staticmethod
    def shown(identity, key):
        return {'key_id': identity, 'key': base64.b64encode(key).decode(), 'class': 'its',
                'confirmed': True, 'forward_secret': False, 'combined': False, 'interval': None,
                'fingerprint': hashlib.sha256(b'skex fingerprint/1' + key).hexdigest()[:16]}

    def answer(self, request):
        if request['local'] not in self.HERE:
            return self.error(request, 'refused', 'foreign_identity', 'it does not live here')
        if request['remote'] not in self.ELSEWHERE:
            return self.error(request, 'refused', 'unknown_identity', 'this identity lives nowhere')
        return getattr(self, 'op_' + request['op'])(request)

    def op_get(self, request):
        additional = request.get('additional', [])
        if additional and 'sae-far' in additional:
            return self.error(request, 'usage', 'additional', 'sae-far lives at another agent')
        if self.ready < request['count']:
            return self.error(request, 'again', 'pool_empty', 'no key is ready')
        self.ready -= request['count']
        slaves = [request['remote'], *additional]
        return {'id': request['id'],
                'keys': [self.key(request, slaves) for _ in range(request['count'])]}

    def op_fetch(self, request):
        found = []
        for identity in request['key_ids']:
            master, slaves, key = self.keys.get(identity, (None, set(), b''))
            if master != request['remote'] or not key:
                return self.error(request, 'refused', 'unknown_key', 'no such key')
            if request['local'] not in slaves:
                return self.error(request, 'refused', 'not_named', 'another identity was named')
            found.append((identity, key))
        uses = {(identity, request['local']) for identity, _ in found}
        if len(uses) != len(found) or uses & self.used:
            return self.error(request, 'refused', 'spent_key', 'each key once')
        self.used |= uses
        return {'id': request['id'], 'keys': [self.shown(*one) for one in found]}

    def op_identity_status(self, request):
        return {'id': request['id'], 'ready': self.ready,
                'peer': self.ELSEWHERE[request['remote']], **self.extra}


# --- the server ---

class Server:
    """A directory with certificates, the agent, and the server process between them.

    prepare: makes ca.crt, server.crt and server.key in the directory, in place of our own.
    """

    def __init__(self, launcher, keys_max=128, bits=256, host='127.0.0.1', prepare=None):
        self.directory = tempfile.mkdtemp(prefix='skex-etsi014-')
        if prepare:
            prepare(self.directory)
        else:
            self.ca = Authority(self.directory, 'ca')
            self.ca.issue('server', san='IP:%s,DNS:localhost' % host, usage='serverAuth')
            for name in ('sae-a', 'sae-b', 'sae-c', 'sae-nobody'):
                self.ca.issue(name)
        near, far = socket.socketpair()
        self.log = os.path.join(self.directory, 'server.log')
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                [launcher, str(far.fileno()), host, '0', self.paths('ca')[0],
                 *self.paths('server'), 'kme-1', str(keys_max), str(bits)],
                pass_fds=[far.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        far.close()
        self.agent = Agent(near)
        self.host = host
        self.port = self.wait_port()

    def log_text(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def wait_port(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            match = re.search(r'listening on https://\S*:(\d+)\n', self.log_text())
            if match:
                return int(match.group(1))
            time.sleep(0.01)
        raise RuntimeError('the server did not start: ' + self.log_text())

    def paths(self, name):
        base = os.path.join(self.directory, name)
        return base + '.crt', base + '.key'

    def context(self, identity, weak=False):
        """identity: the name of a certificate, a (certificate, key) pair, or None for none.

        weak: the client itself does not mind a weak certificate.
        """
        context = ssl.create_default_context(cafile=self.paths('ca')[0])
        if weak:
            context.set_ciphers('DEFAULT:@SECLEVEL=0')
        if identity is not None:
            pair = self.paths(identity) if isinstance(identity, str) else identity
            context.load_cert_chain(*pair)
        return context

    def client(self, identity, timeout=PATIENCE, weak=False):
        return Client(self, self.context(identity, weak), timeout)

    def tls(self, identity):
        """A bare TLS connection, for what http.client would not send."""
        raw = socket.create_connection((self.host, self.port), timeout=PATIENCE)
        return self.context(identity).wrap_socket(raw, server_hostname=self.host)

    def stop(self):
        """Ends the server; its exit code, or None when it had to be killed."""
        code = None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
        return code


class Answer:
    """An HTTP answer; json is None when the body is none."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()
        try:
            self.json = json.loads(self.body)
        except ValueError:
            self.json = None

    def __repr__(self):
        return '%d %r' % (self.status, self.body[:300])

    @property
    def message(self):
        return (self.json or {}).get('message', '')


class Client:
    """An SAE with one connection that is kept."""

    def __init__(self, server, context, timeout):
        self.http = http.client.HTTPSConnection(
            server.host, server.port, context=context, timeout=timeout)

    def ask(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None and method == 'POST':
            headers.setdefault('Content-Type', 'application/json')
        self.http.request(method, path, body, headers)
        return Answer(self.http.getresponse())

    def get(self, path):
        return self.ask('GET', '/api/v1/keys/' + path)

    def post(self, path, body, headers=None):
        return self.ask('POST', '/api/v1/keys/' + path, body, headers)

    def close(self):
        self.http.close()
