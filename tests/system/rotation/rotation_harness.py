# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces with a link between them, and both ends of a binding across it."""

import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time

BUILD = sys.argv[1]
TAG = '%x' % (os.getpid() & 0xfffff)
SPACES = ['skra' + TAG, 'skrb' + TAG]
LINK = ['10.67.0.1', '10.67.0.2']
MINUTES = 10 if os.environ.get('SKEX_LONG') else 1  # of rotation under traffic

# Counts what passes a device, and how much of it has one of two addresses, until its input ends.
WATCH = '''
import select, socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
s.bind((sys.argv[1], 0))
inner = [socket.inet_aton(address) for address in sys.argv[2:]]
seen = clear = 0
print('ready', flush=True)
while sys.stdin not in select.select([s, sys.stdin], [], [])[0]:
    packet, (_, kind, *_) = s.recvfrom(65536)
    seen += kind == 0x0800
    clear += kind == 0x0800 and (packet[12:16] in inner or packet[16:20] in inner)
print(seen, clear)
'''

AFTER = 10  # echo requests behind those that count

count = failed = 0


def ok(good, name):
    global count, failed
    count += 1
    failed += not good
    print('%sok %d - %s' % ('' if good else 'not ', count, name), flush=True)


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True,
                          **options).stdout


def enter(end):
    """What stands before a command to be run in a namespace. Not `ip netns exec`, which changes
    mounts, and so needs more than a root of its own."""
    return ['nsenter', '--net=/run/netns/' + SPACES[end]]


def inside(end, *command, **options):
    return run(*enter(end), *command, **options)


class Spaces:
    """Two namespaces and a link; what stands at its ends is a subclass's."""

    tunnel = [None, None]  # the address of each end inside its tunnel

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        for space in SPACES:
            run('ip', 'netns', 'add', space)
        run('ip', 'link', 'add', 'va' + TAG, 'netns', SPACES[0], 'type', 'veth', 'peer',
            'name', 'vb' + TAG, 'netns', SPACES[1])
        for end in range(2):
            device = 'v%s%s' % ('ab'[end], TAG)
            inside(end, 'ip', 'addr', 'add', LINK[end] + '/24', 'dev', device)
            inside(end, 'ip', 'link', 'set', device, 'up')
            inside(end, 'ip', 'link', 'set', 'lo', 'up')
            self.start(end)
        return self

    def start(self, end):
        raise NotImplementedError

    def stop(self, end):
        raise NotImplementedError

    def ping(self, packets, interval='0.05'):
        """How many of so many packets were lost."""
        # Some more follow, for ping does not wait for long after the last one.
        done = subprocess.run(
            [*enter(0), 'ping', '-n', '-i', interval, '-c', str(packets + AFTER), '-W', '1',
             self.tunnel[1]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        answered = {int(number) for number in re.findall(r'icmp_seq=(\d+) ttl', done.stdout)}
        lost = set(range(1, packets + 1)) - answered
        if lost:
            print('# lost of %d: %s' % (packets, sorted(lost)[:20]), flush=True)
        return len(lost)

    def long_ping(self, ends, packets):
        """As ping, and takes what both ends say meanwhile; also, of all packets on the link below
        the tunnel, how many there were and how many of these were the tunnel's own, in clear."""
        lost = []
        with subprocess.Popen(
                [*enter(0), sys.executable, '-c', WATCH, 'va' + TAG, *self.tunnel],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watch:
            watch.stdout.readline()
            pinging = threading.Thread(target=lambda: lost.append(self.ping(packets)))
            pinging.start()
            while pinging.is_alive():
                ends.read(0.2)
            pinging.join()
            seen, clear = watch.communicate('')[0].split()
        return lost[0], int(seen), int(clear)

    def __exit__(self, *_):
        for end in range(2):
            self.stop(end)
            subprocess.run(['ip', 'netns', 'del', SPACES[end]])


class Ends:
    """Both ends of the binding: rotation-ends, see ends.c."""

    def __init__(self, kind, arguments, period_ms, grace_ms=3600000):
        self.process = subprocess.Popen(
            [os.path.join(BUILD, 'tests', 'rotation-ends'), kind, str(period_ms), str(grace_ms),
             *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.last = [{}, {}]
        self.events = [[], []]
        self.log = []
        self.most_failures = 0
        self.was_closed = False
        self.buffer = b''
        self.did = None

    def __enter__(self):
        return self

    def order(self, line):
        self.did = None
        self.process.stdin.write(line.encode() + b'\n')
        self.process.stdin.flush()
        return self.until(lambda _: self.did == line)

    def read(self, seconds):
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return
        self.buffer += os.read(self.process.stdout.fileno(), 65536)
        *lines, self.buffer = self.buffer.split(b'\n')
        for line in lines:
            said = json.loads(line)
            if 'did' in said:
                self.did = said['did']
            elif 'log' in said:
                self.log.append(said['log'])
            elif 'event' in said:
                self.events[said['end']].append(said['event'])
            else:
                self.last[said['end']] = said
                self.most_failures = max(self.most_failures, said['failures'])
                self.was_closed = self.was_closed or said['closed']

    def until(self, good, seconds=120):
        """Waits until it is so; False if it never is."""
        end = time.monotonic() + seconds
        while not good(self.last):
            if self.process.poll() is not None or time.monotonic() > end:
                print('# given up:', *self.last, self.events[0][-2:], self.events[1][-2:],
                      self.log[-2:], self.process.poll(), flush=True)
                return False
            self.read(0.2)
        return True

    def rest(self):
        """Nothing is under way."""
        return self.until(lambda last: all(end and end['state'] == 0 for end in last))

    def rotated(self, times):
        return self.until(lambda last: all(
            end and end['state'] == 0 and end['rotations'] >= times for end in last))

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def main(name, test):
    """test is called with a folder of its own."""
    print('TAP version 13')
    if not os.path.exists('/dev/net/tun') or subprocess.run(
            ['unshare', '--net', 'true'], stderr=subprocess.DEVNULL).returncode != 0:
        print('1..0 # skip no network namespaces or no /dev/net/tun for this user')
        return
    folder = tempfile.mkdtemp(prefix='skex-%s-' % name)
    try:
        test(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print('1..%d' % count)
    sys.exit(failed != 0)
