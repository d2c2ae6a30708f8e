# SPDX-License-Identifier: Apache-2.0
"""A WireGuard tunnel between two network namespaces: by wireguard-go, or by the kernel where
SKEX_KERNEL_WIREGUARD is set."""

import base64
import os
import re
import socket
import subprocess
import threading
import time

from rotation_harness import LINK, TAG, Ends, Spaces, enter, inside, run

KERNEL = bool(os.environ.get('SKEX_KERNEL_WIREGUARD'))
INTERFACES = ['wga' + TAG, 'wgb' + TAG]
ATTEMPTS = 200


class Tunnel(Spaces):
    """An interface with one peer in each namespace."""

    tunnel = ['10.66.0.1', '10.66.0.2']

    def __init__(self, folder):
        super().__init__(folder)
        self.processes = [None, None]
        self.secret = [run('wg', 'genkey').strip() for _ in range(2)]
        self.public = [run('wg', 'pubkey', input=key).strip() for key in self.secret]

    def begin(self, end):
        """Makes the interface."""
        if KERNEL:
            inside(end, 'ip', 'link', 'add', INTERFACES[end], 'type', 'wireguard')
            return
        # It ends at once where the kernel has not yet done with the last one of that name.
        for _ in range(ATTEMPTS):
            self.processes[end] = process = subprocess.Popen(
                [*enter(end), 'wireguard-go', '-f', INTERFACES[end]],
                env=dict(os.environ, WG_PROCESS_FOREGROUND='1', LOG_LEVEL='error'),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while process.poll() is None:
                if os.path.exists(self.socket(end)):
                    return
                time.sleep(0.05)
            time.sleep(0.5)
        raise RuntimeError('wireguard-go ends with status %d' % process.returncode)

    def start(self, end):
        self.begin(end)
        self.configure(end)

    def configure(self, end):
        path = os.path.join(self.folder, 'key%d' % end)
        with open(path, 'w', opener=lambda p, f: os.open(p, f, 0o600), encoding='ascii') as f:
            f.write(self.secret[end])
        inside(end, 'wg', 'set', INTERFACES[end], 'listen-port', '51820', 'private-key', path,
               'peer', self.public[1 - end], 'allowed-ips', self.tunnel[1 - end] + '/32',
               'endpoint', LINK[1 - end] + ':51820')
        inside(end, 'ip', 'addr', 'add', self.tunnel[end] + '/24', 'dev', INTERFACES[end])
        inside(end, 'ip', 'link', 'set', INTERFACES[end], 'up')

    def stop(self, end):
        if KERNEL:
            subprocess.run([*enter(end), 'ip', 'link', 'del', INTERFACES[end]],
                           stderr=subprocess.DEVNULL)
            return
        if self.processes[end] is not None:
            self.processes[end].terminate()
            self.processes[end].wait()
        self.processes[end] = None
        while os.path.exists(self.socket(end)):
            time.sleep(0.05)

    @staticmethod
    def socket(end):
        return '/var/run/wireguard/%s.sock' % INTERFACES[end]

    def peer(self, end):
        return base64.b64decode(self.public[1 - end]).hex()

    def psk(self, end):
        return inside(end, 'wg', 'show', INTERFACES[end], 'preshared-keys').split()[1]

    def private(self, end):
        return inside(end, 'wg', 'show', INTERFACES[end], 'private-key').strip()

    def ends(self, period_ms, sockets=None, **options):
        arguments = []
        for end in range(2):
            arguments += [sockets[end] if sockets else self.socket(end), self.peer(end)]
        return Ends('wireguard', arguments, period_ms, **options)


class Liar(threading.Thread):
    """A socket that passes what it is asked on to WireGuard's, and lies about it as `lie` says."""

    REFUSES, SWALLOWS, BABBLES, FORGETS, IS_SILENT = range(5)

    def __init__(self, path, real):
        super().__init__(daemon=True)
        self.path, self.real, self.lie = path, real, None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.silent = []

    def run(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(near,), daemon=True).start()

    @staticmethod
    def block(stream):
        """A request or an answer, up to its empty line; b'' at the end."""
        lines = b''
        while not lines.endswith(b'\n\n'):
            line = stream.readline()
            if not line:
                return b''
            lines += line
        return lines

    def serve(self, near):
        with near, near.makefile('rb') as asked, socket.socket(socket.AF_UNIX) as far:
            far.connect(self.real)
            with far.makefile('rb') as told:
                while request := self.block(asked):
                    answer = self.answer(request, far, told)
                    if answer is None:
                        self.silent.append(near.dup())
                        return
                    near.sendall(answer)

    def answer(self, request, far, told):
        sets = request.startswith(b'set=1')
        if self.lie == self.IS_SILENT:
            return None
        if sets and self.lie == self.REFUSES:
            return b'errno=-22\n\n'
        if sets and self.lie == self.SWALLOWS:
            return b'errno=0\n\n'
        far.sendall(request)
        answer = self.block(told)
        if self.lie == self.BABBLES:
            return b'preshared_key=no key\n\n'
        if self.lie == self.FORGETS:
            return re.sub(rb'public_key=.*?errno', b'errno', answer, flags=re.S)
        return answer

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        os.unlink(self.path)
