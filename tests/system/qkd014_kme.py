# SPDX-License-Identifier: Apache-2.0
"""Two KMEs of one link, as another house would make them: ETSI GS QKD 014 V1.1.1 over mutual TLS.

Made from the standard's words, with nothing of skex: what one KME gives to its SAE under an id, the
other gives to the SAE that was named, once. `mood` says what a KME does instead.
"""

import base64
import http.server
import json
import os
import ssl
import subprocess
import threading
import urllib.parse
import uuid


class Authority:
    """A certificate authority made with openssl(1)."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        self.certificate = os.path.join(directory, name + '.pem')
        self.key = os.path.join(directory, name + '.key')
        self._openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                      '-nodes', '-days', '30', '-subj', '/CN=' + name, '-keyout', self.key, '-out',
                      self.certificate)

    @staticmethod
    def _openssl(*words):
        subprocess.run(['openssl', *words], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def issue(self, name, alternative=''):
        """The paths of a certificate and its key; of a server with an alternative name."""
        base = os.path.join(self.directory, '%s-%s' % (self.name, name))
        extensions = base + '.ext'
        with open(extensions, 'w', encoding='ascii') as f:
            f.write('basicConstraints = CA:FALSE\n')
            f.write('subjectAltName = %s\n' % alternative if alternative else '')
        self._openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                      '-subj', '/CN=' + name, '-keyout', base + '.key', '-out', base + '.csr')
        self._openssl('x509', '-req', '-in', base + '.csr', '-CA', self.certificate, '-CAkey',
                      self.key, '-CAcreateserial', '-days', '30', '-extfile', extensions, '-out',
                      base + '.pem')
        return base + '.pem', base + '.key'


class Link:
    """What both KMEs know: keys that wait for their slave SAE, and all that were ever given."""

    def __init__(self):
        self.lock = threading.Lock()
        self.waiting = {}  # (master, slave, id): key
        self.given = []    # keys, as they were first given
        self.fetched = []


class Kme:
    """One of the two."""

    sizes = (64, 8192)
    per_request = 5

    def __init__(self, link, saes, authority, certificate, port=0):
        self.link, self.saes, self.mood, self.asked = link, saes, '', []
        self.stopped = False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*certificate)
        context.load_verify_locations(authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        kme = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One connection."""

            protocol_version = 'HTTP/1.1'
            timeout = 30

            def setup(self):
                self.request = context.wrap_socket(self.request, server_side=True)
                super().setup()

            def log_message(self, *_):
                pass

            def do_GET(self):  # pylint: disable=invalid-name
                self.answer(None)

            def do_POST(self):  # pylint: disable=invalid-name
                size = int(self.headers.get('Content-Length', 0))
                self.answer(self.rfile.read(size))

            def answer(self, body):
                if kme.stopped:
                    self.close_connection = True
                    return
                subject = dict(pair[0] for pair in self.request.getpeercert()['subject'])
                code, value = kme.handle(subject.get('commonName', ''), self.command, self.path,
                                         body)
                text = b'' if value is None else json.dumps(value).encode()
                self.send_response(code)
                if text:
                    self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        class Server(http.server.ThreadingHTTPServer):
            """TLS in the thread of each connection."""

            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(('127.0.0.1', port), Handler)
        self.port = self.server.server_address[1]
        self.url = 'https://127.0.0.1:%d' % self.port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Connections that are open are not answered any more."""
        self.stopped = True
        self.server.shutdown()
        self.server.server_close()

    def handle(self, sae, method, path, body):
        """Code and JSON, which is None where there is no body."""
        parts = urllib.parse.urlsplit(path).path.split('/')
        if parts[:4] != ['', 'api', 'v1', 'keys'] or len(parts) != 6:
            return 404, {'message': 'no such path'}
        other, what = urllib.parse.unquote(parts[4]), parts[5]
        self.asked.append(what)
        if sae not in self.saes:
            return 401, None
        if self.mood == '503':
            return 503, {'message': 'no keys left'}
        if self.mood == '400':
            return 400, {'message': 'what a nonsense'}
        if what == 'status' and method == 'GET':
            return 200, self.status(sae, other)
        request = json.loads(body) if body else {}
        if what == 'enc_keys' and method == 'POST':
            return self.enc_keys(sae, other, request)
        if what == 'dec_keys' and method == 'POST':
            return self.dec_keys(sae, other, request)
        return 405, {'message': 'no such method'}

    def status(self, sae, other):
        return {'source_KME_ID': 'A', 'target_KME_ID': 'B',
                'master_SAE_ID': 'nobody' if self.mood == 'other SAE' else sae,
                'slave_SAE_ID': other, 'key_size': 256, 'stored_key_count': 1000,
                'max_key_count': 1000, 'max_key_per_request': self.per_request,
                'max_key_size': self.sizes[1], 'min_key_size': self.sizes[0],
                'max_SAE_ID_count': 0}

    def enc_keys(self, sae, other, request):
        number, size = request.get('number', 1), request.get('size', 256)
        if size % 8:
            return 400, {'message': 'size shall be a multiple of 8'}
        if number > self.per_request or not self.sizes[0] <= size <= self.sizes[1]:
            return 400, {'message': 'more than max_key_per_request, or a size that is not had'}
        keys = []
        with self.link.lock:
            for _ in range(number):
                key, name = os.urandom(size // 8), str(uuid.uuid4())
                # One of some time ago.
                if self.mood == 'same id' and not keys:
                    name = self.link.given[-20][0]
                if self.mood == 'same bytes' and not keys:
                    key = self.link.given[-20][1]
                self.link.waiting[sae, other, name] = key
                self.link.given.append((name, key))
                if self.mood == 'short':
                    key = key[1:]
                keys.append({'key_ID': 'no-uuid' if self.mood == 'no uuid' else name,
                             'key': base64.b64encode(key).decode()})
        if self.mood == 'too few':
            keys.pop()
        return 200, {'Keys' if self.mood == 'no container' else 'keys': keys}

    def dec_keys(self, sae, other, request):
        names = [item['key_ID'] for item in request.get('key_IDs', [])]
        with self.link.lock:
            if self.mood == 'lost' or any((other, sae, n) not in self.link.waiting for n in names):
                return 400, {'message': 'one or more keys specified are not found on KME'}
            keys = [(n, self.link.waiting.pop((other, sae, n))) for n in names]
            self.link.fetched += keys
        if self.mood == 'other bytes':
            keys = [(n, os.urandom(len(k))) for n, k in keys]
        # The order is nowhere promised.
        return 200, {'keys': [{'key_ID': n, 'key': base64.b64encode(k).decode()}
                              for n, k in reversed(keys)]}
