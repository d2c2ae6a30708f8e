# SPDX-License-Identifier: Apache-2.0
"""What an agent keeps: one file that is replaced as a whole, and the files of its pads.

It is durable, so that what the specification puts before SEND and DELIVER is so here; but nothing
is encrypted at rest: this is an agent for tests.
"""

import json
import os


def write_whole(path, data):
    """Replaces a file; when this returns the new one is on the disk."""
    with open(os.open(path + '.new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(path + '.new', path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Store:
    """data is changed in memory; commit() makes it durable and then does what waited for that."""

    def __init__(self, directory, fresh):
        self.directory = directory
        os.makedirs(self.path('pads'), 0o700, exist_ok=True)
        self.file, self.waiting, self.dirty = self.path('state.json'), [], False
        self.data = fresh
        if os.path.exists(self.file):
            with open(self.file, encoding='ascii') as f:
                self.data = json.load(f)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def changed(self):
        self.dirty = True

    def after(self, action):
        """To be done when all that was changed until now is durable."""
        self.waiting.append(action)

    def commit(self):
        while self.dirty or self.waiting:
            waiting, self.waiting = self.waiting, []
            if self.dirty:
                self.dirty = False
                write_whole(self.file, json.dumps(self.data).encode())
            for action in waiting:
                action()

    # --- pads ---

    def pad_path(self, leg, direction, generation):
        return self.path('pads', '%016x-%d-%d' % (leg, direction, generation))

    def put_pad(self, leg, direction, generation, data):
        write_whole(self.pad_path(leg, direction, generation), data)

    def read_pad(self, leg, direction, at, size):
        with open(self.pad_path(leg, direction, at.generation), 'rb') as f:
            return os.pread(f.fileno(), size, at.offset)

    def erase_pad(self, leg, direction, at, size):
        with open(self.pad_path(leg, direction, at.generation), 'r+b') as f:
            os.pwrite(f.fileno(), bytes(size), at.offset)
