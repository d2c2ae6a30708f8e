#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The power cut itself: what was synced stays, what was not is lost or torn, SQLite included; and
what happens at the n-th call."""

import errno
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))

from lab_harness import BUILD, Tap  # noqa: E402
from powercut import (  # noqa: E402
    FAIL, GROUP, KILL, SECTOR, SHORT, Disk, Strike, environment)

PROBE = os.path.join(BUILD, 'tests', 'powercut_probe')
LIBRARY = os.path.join(BUILD, 'tests', 'powercut.so')

tap = Tap()
work = tempfile.mkdtemp(prefix='skex-test-')
count = 0


class Scene:
    """A probe on a disk of its own."""

    def __init__(self, *before):
        global count
        count += 1
        self.directory = os.path.join(work, 'disk%d' % count)
        os.mkdir(self.directory)
        for name, byte, size in before:
            with open(self.path(name), 'wb') as f:
                f.write(bytes([byte]) * size)
        self.disk = Disk(self.directory)
        self.strike = Strike(self.directory + '.strike')
        self.start()

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self):
        self.process = subprocess.Popen(
            [PROBE, self.directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=environment(LIBRARY, [self.disk], self.strike))

    def do(self, *lines):
        """The last answer."""
        for line in lines:
            self.process.stdin.write(line + '\n')
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            if 'done' not in answer:
                raise RuntimeError('%s: %s' % (line, self.process.stderr.read()))
        return answer.split()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def cut(self, chance=None):
        """What is found after it: name to bytes."""
        self.kill()
        self.disk.cut(chance)
        found = {}
        for name in os.listdir(self.directory):
            with open(self.path(name), 'rb') as f:
                found[name] = f.read()
        return found


def blocks(*parts):
    return b''.join(bytes([byte]) * size for byte, size in parts)


def test_bytes():
    scene = Scene(('a', 1, 1000))
    scene.do('write a 0 100 2')
    tap.equal('a process reads what it wrote', scene.do('read a 0')[0], '2')
    tap.equal('a write without a sync is lost', scene.cut(), {'a': blocks((1, 1000))})
    scene = Scene(('a', 1, 1000))
    scene.do('write a 0 100 2', 'sync a', 'write a 500 100 3')
    tap.equal('a write with a sync stays, one after it is lost', scene.cut(),
              {'a': blocks((2, 100), (1, 900))})
    scene = Scene(('a', 1, 1000), ('b', 1, 10))
    scene.do('write a 0 100 2', 'write b 0 5 2', 'sync a')
    tap.equal('a sync is for one file', scene.cut(),
              {'a': blocks((2, 100), (1, 900)), 'b': blocks((1, 10))})
    scene = Scene(('a', 1, 10))
    scene.do('append a 5 2', 'sync a', 'append a 5 3')
    tap.equal('appending is writing', scene.cut(), {'a': blocks((1, 10), (2, 5))})
    scene = Scene(('a', 1, 300000))
    scene.do(*['write a %d 16 2' % (i * 1024) for i in range(200)], 'sync a')
    tap.equal('many pieces', scene.cut(), {'a': blocks(
        *[part for i in range(200) for part in ((2, 16), (1, 1008))], (1, 300000 - 204800))})


def test_sizes():
    scene = Scene(('a', 1, 1000))
    scene.do('resize a 10')
    tap.equal('a cut file without a sync', scene.cut(), {'a': blocks((1, 1000))})
    scene = Scene(('a', 1, 1000))
    scene.do('resize a 10', 'resize a 20', 'sync a')
    tap.equal('cut and grown: zeros', scene.cut(), {'a': blocks((1, 10), (0, 10))})
    scene = Scene(('a', 1, 10))
    scene.do('allocate a 2000')
    tap.equal('allocated without a sync', scene.cut(), {'a': blocks((1, 10))})
    scene = Scene(('a', 1, 10))
    scene.do('allocate a 2000', 'sync a')
    tap.equal('allocated with a sync', scene.cut(), {'a': blocks((1, 10), (0, 1990))})


def test_names():
    scene = Scene()
    scene.do('write a 0 10 1', 'sync a')
    tap.equal('a new file without a sync of its directory', scene.cut(), {})
    scene = Scene()
    scene.do('write a 0 10 1', 'dirsync')
    tap.equal('its name without its bytes', scene.cut(), {'a': b''})
    scene = Scene()
    scene.do('write a 0 10 1', 'dirsync', 'sync a')
    tap.equal('both', scene.cut(), {'a': blocks((1, 10))})
    scene = Scene(('a', 1, 10))
    scene.do('remove a')
    tap.equal('removed without a sync', scene.cut(), {'a': blocks((1, 10))})
    scene = Scene(('a', 1, 10))
    scene.do('remove a', 'dirsync')
    tap.equal('removed with a sync', scene.cut(), {})
    scene = Scene(('a', 1, 10), ('b', 2, 10))
    scene.do('rename a b')
    tap.equal('renamed without a sync', scene.cut(), {'a': blocks((1, 10)), 'b': blocks((2, 10))})
    scene = Scene(('a', 1, 10), ('b', 2, 10))
    scene.do('rename a b', 'dirsync')
    tap.equal('renamed with a sync', scene.cut(), {'b': blocks((1, 10))})
    scene = Scene(('b', 2, 10))
    scene.do('write t 0 5 3', 'sync t', 'rename t b', 'dirsync')
    tap.equal('a new file in the place of another', scene.cut(), {'b': blocks((3, 5))})
    scene = Scene(('a', 1, 10))
    scene.do('rename a b', 'write a 0 4 2', 'sync a', 'dirsync')
    tap.equal('another file of the old name', scene.cut(),
              {'a': blocks((2, 4)), 'b': blocks((1, 10))})


def test_lives():
    scene = Scene(('a', 1, 1000))
    scene.do('write a 0 100 2')
    scene.kill()
    scene.start()
    tap.equal('a killed process leaves what it wrote', scene.do('read a 0')[0], '2')
    scene.do('write a 100 100 3')
    tap.equal('which is still not synced', scene.cut(), {'a': blocks((1, 1000))})
    scene = Scene(('a', 1, 1000))
    scene.do('write a 0 100 2')
    scene.kill()
    scene.start()
    scene.do('sync a')
    tap.equal('until the next process syncs it', scene.cut(), {'a': blocks((2, 100), (1, 900))})
    scene.start()
    scene.do('write a 0 100 4', 'sync a', 'write a 500 1 5')
    tap.equal('and a disk goes on after a cut', scene.cut(), {'a': blocks((4, 100), (1, 900))})
    scene.disk.tidy()


def test_torn():
    seen_old = seen_new = mixed = 0
    for seed in range(40):
        scene = Scene(('a', 1, 8 * SECTOR))
        scene.do('write a 0 %d 2' % (8 * SECTOR))
        found = scene.cut(random.Random(seed))['a']
        sectors = [found[at:at + SECTOR] for at in range(0, len(found), SECTOR)]
        if len(sectors) != 8 or any(s not in (b'\1' * SECTOR, b'\2' * SECTOR) for s in sectors):
            tap.check('sectors are whole', False, 'seed %d' % seed)
            return
        seen_old += found == b'\1' * len(found)
        seen_new += found == b'\2' * len(found)
        mixed += len(set(sectors)) == 2
    tap.check('an unsynced write is lost, kept or torn into sectors',
              seen_old and mixed, (seen_old, seen_new, mixed))
    kinds = set()
    for seed in range(40):
        scene = Scene(('a', 1, 10), ('b', 2, 10))
        scene.do('rename a b', 'write c 0 10 3')
        kinds.add(' '.join(sorted(scene.cut(random.Random(seed)))))
    tap.equal('names are kept or lost each on its own, a rename as a whole', kinds,
              {'a b', 'b', 'a b c', 'b c'})


def test_refuses():
    scene = Scene(('a', 1, 8192))
    scene.process.stdin.write('map a\n')
    scene.process.stdin.flush()
    tap.equal('writing through a mapping ends the process', scene.process.wait(), 99)
    tap.check('with a message', 'mapping' in scene.process.stderr.read())


# What is struck is the last call of each.
CALLS = ['write a 0 10 2', 'append a 10 3', 'resize a 30', 'allocate a 50', 'sync a', 'dirsync',
         'rename a b', 'remove b']


def calls_of(line):
    """What the probe calls for it."""
    scene = Scene(('a', 1, 40), ('b', 1, 40))
    scene.strike.arm()
    scene.do(line)
    scene.kill()
    return scene.strike.count


def test_strikes():
    # A file is opened with O_CREAT for a write.
    tap.equal('what is counted', [calls_of(line) for line in CALLS + ['read a 0']],
              [2, 2, 1, 1, 1, 1, 1, 1, 0])
    for line in CALLS:
        for number in (errno.EIO, errno.ENOSPC):
            scene = Scene(('a', 1, 40), ('b', 1, 40))
            scene.strike.arm(calls_of(line), FAIL, number)
            scene.process.stdin.write(line + '\n')
            scene.process.stdin.close()
            scene.process.wait()
            said = scene.process.stderr.read()
            if line.startswith('allocate'):
                # It has its error as its result.
                said = os.strerror(number)
            files = scene.cut()
            tap.check('%s fails, %s' % (line, scene.strike.happened),
                      scene.process.returncode == 1 and os.strerror(number) in said and
                      files == {'a': blocks((1, 40)), 'b': blocks((1, 40))}, (said, files))
        for way in (KILL, GROUP):
            scene = Scene(('a', 1, 40), ('b', 1, 40))
            scene.strike.arm(calls_of(line), way)
            scene.process.stdin.write(line + '\n')
            scene.process.stdin.close()
            tap.equal('%s is not come to, %s' % (line, scene.strike.happened),
                      scene.process.wait(), -signal.SIGKILL)
            found = {}
            for name in sorted(os.listdir(scene.directory)):
                with open(scene.path(name), 'rb') as f:
                    found[name] = f.read()
            tap.equal('nothing of it is there', found,
                      {'a': blocks((1, 40)), 'b': blocks((1, 40))})
    scene = Scene(('a', 1, 40))
    scene.do('write a 0 10 2')
    scene.strike.arm(1, FAIL)
    scene.do('try a', 'write a 20 10 3', 'sync a')
    tap.equal('what a failed sync left is not brought by the next', scene.cut(),
              {'a': blocks((1, 20), (3, 10), (1, 10))})
    for line, byte, count in ((CALLS[0], b'\2', 5), (CALLS[1], b'\3', 5)):
        scene = Scene(('a', 1, 40))
        scene.strike.arm(2, SHORT)
        scene.process.stdin.write(line + '\n')
        scene.process.stdin.close()
        scene.process.wait()
        with open(scene.path('a'), 'rb') as f:
            tap.equal('half of it: %s' % line, f.read().count(byte), count)


ROWS = '''
import sqlite3, sys
d = sqlite3.connect(sys.argv[1], isolation_level=None)
d.execute('PRAGMA journal_mode = ' + sys.argv[2])
d.execute('PRAGMA synchronous = ' + sys.argv[3])
d.execute('CREATE TABLE IF NOT EXISTS t (i INTEGER PRIMARY KEY, b BLOB)')
i = d.execute('SELECT coalesce(max(i), 0) FROM t').fetchone()[0]
while True:
    i += 1
    d.execute('INSERT INTO t VALUES (?, randomblob(700))', (i,))
    print(i, flush=True)
'''


def run_rows(mode, synchronous, seed):
    """Cuts the power of a database that is written to; how many rows it lost, -1 for damage."""
    chance = random.Random(seed)
    directory = os.path.join(work, 'rows-%s-%s-%d' % (mode, synchronous, seed))
    os.mkdir(directory)
    disk = Disk(directory)
    path = os.path.join(directory, 'rows.db')
    lost = 0
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, '-c', ROWS, path, mode, synchronous],
                                  stdout=subprocess.PIPE, text=True,
                                  env=environment(LIBRARY, [disk]))
        told = 0
        for _ in range(chance.randrange(1, 200)):
            told = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].split('\n')[:-1]
        told = int(rest[-1]) if rest else told
        disk.cut(chance)
        try:
            database = sqlite3.connect(path)
            good = database.execute('PRAGMA integrity_check').fetchone()[0] == 'ok'
            rows = database.execute('SELECT count(*), max(i) FROM t').fetchone()
            database.close()
        except sqlite3.DatabaseError:
            return -1
        if not good or rows[0] != rows[1]:
            return -1
        lost += max(0, told - rows[1])
        disk.arm()
    return lost


def test_sqlite():
    # Without a log FULL leaves the removal of the journal unsynced: a commit can come undone.
    for mode, synchronous in [('WAL', 'FULL'), ('DELETE', 'EXTRA')]:
        tap.equal('SQLite, %s, every commit synced: nothing is lost' % mode,
                  [run_rows(mode, synchronous, seed) for seed in range(6)], [0] * 6)
    tap.check('SQLite without syncs loses rows',
              any(run_rows('WAL', 'OFF', seed) for seed in range(6)))


try:
    tap.run([test_bytes, test_sizes, test_names, test_lives, test_torn, test_refuses, test_strikes,
             test_sqlite])
finally:
    shutil.rmtree(work, ignore_errors=True)
tap.end()
