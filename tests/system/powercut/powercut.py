# SPDX-License-Identifier: Apache-2.0
"""The other half of powercut.c: makes platters, and cuts the power.

    disk = Disk('/absolute/state')        what is there now counts as synced
    process = Popen(..., env=environment(library, [disk]))
    ... process.kill(), process.wait()
    disk.cut(random.Random(seed))         and the state is what a power cut left

A cut keeps all that was synced and a random part of what was not: sectors of 512 bytes, sizes, and
names, each on its own; with random None nothing of it.  The processes that use it have to be dead.

    strike = Strike('/absolute/file')     outside of the disks
    process = Popen(..., env=environment(library, [disk], strike))
    strike.arm(7, KILL)                   at the seventh call from now on
"""

import errno
import mmap
import os
import shutil
import struct

SECTOR = 512

# What happens at a call: see strike.h.
NOTHING, KILL, GROUP, FAIL, SHORT = range(5)


def environment(library, disks, strike=None):
    """For the processes that are to run on these disks."""
    found = dict(os.environ, LD_PRELOAD=library, POWERCUT=':'.join(d.directory for d in disks))
    if strike is not None:
        found['STRIKE'] = strike.path
    return found


class Strike:
    """What happens at the n-th call, of all processes that have it in their environment."""

    SIZE = 128

    def __init__(self, path):
        self.path = path
        with open(path, 'w+b') as f:
            f.write(bytes(self.SIZE))
            f.flush()
            self.map = mmap.mmap(f.fileno(), self.SIZE)

    def arm(self, at=0, way=NOTHING, error=errno.EIO):
        """Counts from now on; at 0 nothing happens."""
        self.map[8:16] = bytes(8)
        self.map[16:] = struct.pack('=IIII', way, error, 0, 0) + bytes(96)
        self.map[:8] = bytes(8)
        self.map[8:16] = struct.pack('=Q', at)

    def disarm(self):
        """Nothing happens any more; what happened is still told."""
        self.map[8:16] = bytes(8)

    @property
    def count(self):
        return struct.unpack('=Q', self.map[:8])[0]

    @property
    def happened(self):
        """The call, or None."""
        if struct.unpack('=I', self.map[24:28])[0] == 0:
            return None
        return self.map[32:].split(b'\0')[0].decode(errors='replace')

    @property
    def process(self):
        """Whose call it was."""
        return struct.unpack('=I', self.map[28:32])[0]


class Disk:
    def __init__(self, directory):
        self.directory = os.path.realpath(directory)
        self.platter = self.directory + '.platter'
        self.arm()

    # --- making the platter ---

    def part(self, *names):
        return os.path.join(self.platter, *names)

    def arm(self):
        """Makes the platter hold what is there."""
        shutil.rmtree(self.platter, ignore_errors=True)
        for name in ['', 'objects', 'pins', 'names']:
            os.mkdir(self.part(name))
        self.arm_directory(self.directory)

    def arm_directory(self, directory):
        names = self.part('names', str(os.stat(directory).st_ino))
        os.mkdir(names)
        for entry in os.scandir(directory):
            inode = str(entry.inode())
            if entry.is_dir(follow_symlinks=False):
                os.symlink('d' + inode, os.path.join(names, entry.name))
                self.arm_directory(entry.path)
            elif entry.is_file(follow_symlinks=False):
                os.symlink('f' + inode, os.path.join(names, entry.name))
                os.link(entry.path, self.part('pins', inode))
                shutil.copyfile(entry.path, self.part('objects', inode))
                os.chmod(self.part('objects', inode), 0o600)

    # --- looking at both ---

    def durable_names(self, inode):
        """Name to target of a directory on the platter."""
        names = self.part('names', inode)
        if not os.path.isdir(names):
            return {}
        return {name: os.readlink(os.path.join(names, name)) for name in os.listdir(names)
                if name != '..new'}

    @staticmethod
    def cached_names(directory):
        found = {}
        for entry in os.scandir(directory) if directory is not None else ():
            if entry.is_dir(follow_symlinks=False):
                found[entry.name] = 'd%d' % entry.inode()
            elif entry.is_file(follow_symlinks=False):
                found[entry.name] = 'f%d' % entry.inode()
        return found

    # --- the cut ---

    def choose_names(self, durable, cached, random):
        """Some of the changes of a directory happened; a rename wholly or not at all."""
        names = dict(durable)
        if random is None:
            return names
        where = {target: name for name, target in durable.items()}
        changed = [name for name in cached if durable.get(name) != cached[name]]
        random.shuffle(changed)
        for name in changed:
            if random.random() < 0.5:
                continue
            names[name] = cached[name]
            old = where.get(cached[name])
            if old is not None and names.get(old) == cached[name]:
                del names[old]
        for name in [n for n in durable if n not in cached]:
            if random.random() < 0.5 and durable[name] not in cached.values():
                names.pop(name, None)
        return names

    def tear(self, inode, random):
        """Brings a part of the unsynced sectors to the platter."""
        chance = random.choice([0.0, 0.1, 0.5, 0.9])
        cached, durable = self.part('pins', inode), self.part('objects', inode)
        if chance == 0.0 or not os.path.exists(cached):
            return
        with open(cached, 'rb') as c, open(durable, 'r+b') as d:
            ours, theirs = c.read(), d.read()
            if ours == theirs:
                return
            if len(ours) != len(theirs) and random.random() < chance:
                d.truncate(len(ours))
            size = d.seek(0, os.SEEK_END)
            for at in range(0, min(size, len(ours)), SECTOR):
                sector = ours[at:min(at + SECTOR, size)]
                if sector != theirs[at:at + len(sector)] and random.random() < chance:
                    d.seek(at)
                    d.write(sector)

    def build(self, inode, cached, target, random):
        """Makes the directory target from what the platter holds."""
        names = self.choose_names(self.durable_names(inode), self.cached_names(cached), random)
        for name, what in sorted(names.items()):
            path = os.path.join(target, name)
            if what[0] == 'd':
                os.mkdir(path, 0o700)
                below = os.path.join(cached, name) if cached is not None else None
                if below is not None and not os.path.isdir(below):
                    below = None
                self.build(what[1:], below, path, random)
                continue
            durable = self.part('objects', what[1:])
            if not os.path.exists(durable):
                with open(durable, 'xb'):
                    os.chmod(durable, 0o600)
            if random is not None:
                self.tear(what[1:], random)
            shutil.copyfile(durable, path)
            os.chmod(path, 0o600)

    def cut(self, random=None):
        """The power fails: the directory becomes what the platter holds, and both are one again."""
        found = self.directory + '.found'
        shutil.rmtree(found, ignore_errors=True)
        os.mkdir(found, 0o700)
        self.build(str(os.stat(self.directory).st_ino), self.directory, found, random)
        for name in os.listdir(self.directory):
            path = os.path.join(self.directory, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        for name in os.listdir(found):
            os.rename(os.path.join(found, name), os.path.join(self.directory, name))
        os.rmdir(found)
        self.arm()

    def tidy(self):
        """After a restart without a cut: what neither side names goes from the platter."""
        used = set()
        for inode in os.listdir(self.part('names')):
            used.update(target[1:] for target in self.durable_names(inode).values())
        for inode in os.listdir(self.part('pins')):
            pin = self.part('pins', inode)
            if inode not in used and os.stat(pin).st_nlink == 1:
                os.unlink(pin)
                os.unlink(self.part('objects', inode))
