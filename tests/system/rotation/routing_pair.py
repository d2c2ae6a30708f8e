# SPDX-License-Identifier: Apache-2.0
"""Two real BIRDs at the ends of a link between two network namespaces: OSPF, BFD and BGP."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

from rotation_harness import LINK, TAG, Ends, Spaces, enter

PROTOCOLS = {'ospf': 'ospf1', 'bfd': 'bfd1', 'tcp-md5': 'bgp1', 'tcp-ao': 'bgp1'}
SHOW = {'ospf': ['show', 'ospf', 'neighbors', 'ospf1'], 'bfd': ['show', 'bfd', 'sessions', 'bfd1'],
        'tcp-md5': ['show', 'protocols', 'bgp1']}
UP = {'ospf': 'Full/', 'bfd': ' Up ', 'tcp-md5': 'Established'}
LEFT = {'ospf': 'changed state from Full to', 'bfd': 'changed state from Up to',
        'tcp-md5': 'BGP session closed'}
NOBODY = '00000000-0000-0000-0000-000000000000'

CONF = '''log "%(log)s" all;
router id %(here)s;
debug protocols { events, states };
protocol device { }
protocol bfd bfd1 {
    neighbor %(there)s dev "%(device)s";
    interface "%(device)s" {
        interval 200 ms; multiplier 10;
        include "%(bfd)s";
    };
}
protocol ospf v2 ospf1 {
    ipv4 { import all; export none; };
    area 0 {
        interface "%(device)s" {
            type ptp; hello 2; dead 10;
            include "%(ospf)s";
        };
    };
}
protocol bgp bgp1 {
    local %(here)s as 6500%(end)d;
    neighbor %(there)s as 6500%(other)d;
    connect delay time 1; connect retry time 3; error wait time 1, 2;
    include "%(tcp-md5)s";
    ipv4 { import all; export none; };
}
'''

# The source of each OSPF packet on a link, its authentication, and the number of its key.
SNIFF = '''
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
s.bind((sys.argv[1], 3))
print('ready', flush=True)
while True:
    p = s.recv(2048)
    if p[0] >> 4 == 4 and p[9] == 89:
        o = p[(p[0] & 15) * 4:]
        print(socket.inet_ntoa(p[12:16]), int.from_bytes(o[14:16], 'big'), o[18],
              flush=True)
'''


def device(end):
    return 'v%s%s' % ('ab'[end], TAG)


class Birds:
    """Both, in the namespaces that are there."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = [None, None]
        os.chmod(folder, 0o755)
        for end in range(2):
            for method in PROTOCOLS:
                with open(self.keys(end, method), 'w', encoding='ascii'):
                    pass
            self.configure(end)

    def path(self, end, name):
        return os.path.join(self.folder, '%s%d' % (name, end))

    def socket(self, end):
        return self.path(end, 'ctl')

    def keys(self, end, method):
        """The file that is included."""
        return self.path(end, method + '.conf')

    def configure(self, end, edit=lambda text: text):
        names = {method: self.keys(end, method) for method in PROTOCOLS}
        with open(self.path(end, 'bird.conf'), 'w', encoding='ascii') as f:
            f.write(edit(CONF % dict(names, log=self.path(end, 'log'), here=LINK[end],
                                     there=LINK[1 - end], device=device(end), end=end + 1,
                                     other=2 - end)))

    def start(self, end):
        self.processes[end] = subprocess.Popen(
            [*enter(end), 'bird', '-f', '-c', self.path(end, 'bird.conf'), '-s',
             self.socket(end), '-P', self.path(end, 'pid')], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self.birdc(end, 'show', 'status'):
            if self.processes[end].poll() is not None:
                raise RuntimeError('BIRD %d did not start' % end)
            time.sleep(0.05)

    def stop(self, end, how=signal.SIGTERM):
        self.processes[end].send_signal(how)
        self.processes[end].wait()

    def birdc(self, end, *command):
        return subprocess.run(['birdc', '-s', self.socket(end), *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout

    def is_up(self, end, method):
        return UP[method] in self.birdc(end, *SHOW[method])

    def both_up(self, method):
        return self.is_up(0, method) and self.is_up(1, method)

    def left(self, method):
        """How often a neighbor was left, at either end, so far."""
        count = 0
        for end in range(2):
            with open(self.path(end, 'log'), encoding='ascii') as f:
                count += sum(1 for line in f if LEFT[method] in line)
        return count

    def held(self, end, method):
        """The keys in the file: (secret, number, id) each."""
        with open(self.keys(end, method), encoding='ascii') as f:
            return re.findall(r'"([^"]+)"(?: \{ id (\d+);.*?\})?;  # (\S+)', f.read())

    @contextlib.contextmanager
    def edited(self, end, edit):
        """With another configuration."""
        self.configure(end, edit)
        try:
            yield
        finally:
            self.configure(end)


class Pair(Spaces):
    """The same, with namespaces of their own."""

    def __init__(self, folder):
        super().__init__(folder)
        self.birds = Birds(folder)

    def start(self, end):
        self.birds.start(end)

    def stop(self, end):
        self.birds.stop(end)

    def ends(self, method, period_ms=3600000, **options):
        arguments = []
        for end in range(2):
            arguments += [self.birds.socket(end), method, PROTOCOLS[method],
                          '-' if method.startswith('tcp') else device(end),
                          self.birds.keys(end, method)]
        return Ends('routing-one-place' if method == 'tcp-md5' else 'routing', arguments,
                    period_ms, **options)

    @staticmethod
    @contextlib.contextmanager
    def sniff():
        """Gives a list, in which is afterwards what SNIFF has seen meanwhile."""
        seen = []
        with subprocess.Popen([*enter(0), sys.executable, '-c', SNIFF, device(0)],
                              stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            yield seen
            process.terminate()
            seen += [tuple(line.split()) for line in process.stdout]
