# SPDX-License-Identifier: Apache-2.0
"""A network of which one process is struck at its n-th call: see calls.py.

Everything begins from one state, which is put back before each strike, so that n means the same
every time as far as clocks and threads let it.
"""

import errno
import os
import random
import shutil
import signal
import time

from network import PATIENCE, Broken, Ledger, Network, Traffic
from powercut import FAIL, GROUP, KILL, NOTHING, SHORT, Strike

# What can happen at a call, and with which error.
WAYS = {
    'kill': (KILL, 0),
    'cut': (GROUP, 0),
    'cut all': (GROUP, 0),  # nothing of what was not synced is kept
    'EIO': (FAIL, errno.EIO),
    'ENOSPC': (FAIL, errno.ENOSPC),
    'short': (SHORT, 0),
}
DISK_BROKE = 99  # the test disk itself failed, see platter_die
POOL = 'pool = { block = "256B"; blocks = 1; low = 4; high = 8; reserve = 2; };\n'


def session_is_over(leader):
    """No process of a session lives."""
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                with open('/proc/%s/stat' % name, encoding='ascii', errors='replace') as f:
                    words = f.read().rsplit(')', 1)[1].split()
            except OSError:
                continue
            if int(words[3]) == leader and words[0] not in 'ZX':
                return False
    return True


def end(process):
    """With all of its children."""
    process.kill()
    process.wait()
    while not session_is_over(process.pid):
        time.sleep(0.005)


class Struck:
    """The one that a strike is for; node is None for a command."""

    def __init__(self, network, name):
        self.name = name
        self.node = next((n for n in network.hubs + network.agents if n.name == name), None)
        self.strike = Strike(os.path.join(network.directory, 'strike-' + name))
        self.way = 'kill'
        self.chance = random.Random(0)
        self.ended = False  # because of the strike
        if self.node is not None:
            self.node.control = self.strike

    def arm(self, at, way, seed):
        """at 0: calls are only counted."""
        self.way, self.ended = way, False
        self.chance = None if way == 'cut all' else random.Random(seed)
        self.strike.arm(at, *(WAYS[way] if at else (NOTHING, 0)))

    @property
    def happened(self):
        return self.strike.happened

    def loses(self):
        """The power fails; also after a write or sync that failed, for what a disk has then is not
        known."""
        return self.way in ('cut', 'cut all', 'EIO')

    def fall_last(self):
        """A daemon that goes on after an error falls now: if it took what failed for done, that
        shows. From here on nothing happens any more."""
        self.strike.disarm()
        if self.node is None or not self.happened or self.ended or WAYS[self.way][0] != FAIL:
            return False
        if self.node.process.poll() is not None:
            return self.tend(lambda node: None)
        self.ended = True
        end(self.node.process)
        if self.loses():
            for disk in self.node.disks():
                disk.cut(self.chance)
        self.node.start()
        return True

    def tend(self, before_cut):
        """Sees to a daemon: True when it fell and was started again."""
        process = self.node.process
        code = process.poll()  # before it is asked why
        if self.happened is None or self.ended:
            if code is not None:
                self.node.check()
            return False
        if WAYS[self.way][0] == GROUP and process.poll() is None:
            # One of its children was at it; the power takes all.
            process.kill()
            code = process.wait()
        if code is None:
            return False
        self.ended = True
        killed = WAYS[self.way][0] in (KILL, GROUP) and (
            self.strike.process == process.pid or self.way != 'kill')
        # A call that did half of its work is an ordinary one.
        if code == DISK_BROKE or (code > 0 and self.way == 'short') or \
                (code <= 0 and not (killed and code == -signal.SIGKILL)):
            raise Broken('%s ended with %d:\n%s' % (self.name, code, self.node.tail()))
        end(process)
        if self.loses():
            before_cut(self.node)
            for disk in self.node.disks():
                disk.cut(self.chance)
        self.node.start()
        return True


class Bed:
    """The network, its first state, and what has to hold at the end of each strike."""

    def __init__(self, hubs=3, settings=lambda network, name: POOL):
        self.network = Network(hubs, 2, 0, True)
        for name in ('agent1', 'agent2'):
            self.network.settings = settings(self.network, name)
            self.network.add_agent()
        self.nodes = self.network.hubs + self.network.agents
        self.saved = os.path.join(self.network.directory, 'saved')
        self.struck = {}
        self.beside = None, []  # the command under way, and the disks that it writes to
        self.felled = []        # commands that fell with a node
        self.falls = 0

    def close(self, good):
        self.network.__exit__(None if good else Broken)

    def role(self, name):
        if name not in self.struck:
            self.struck[name] = Struck(self.network, name)
        return self.struck[name]

    # --- the first state ---

    def stop(self):
        for node in self.nodes:
            if node.process is not None:
                node.process.terminate()
                if node.process.wait(PATIENCE) != 0:
                    raise Broken('%s does not stop in order: %s' % (node.name, node.tail()))
                node.process = None

    def save(self):
        self.stop()
        for node in self.nodes:
            for disk in node.disks():
                shutil.copytree(disk.directory, os.path.join(
                    self.saved, node.name, os.path.basename(disk.directory)))

    def restore(self):
        for node in self.nodes:
            if node.process is not None:
                end(node.process)
                node.process = None
            for disk in node.disks():
                shutil.rmtree(disk.directory)
                shutil.copytree(os.path.join(
                    self.saved, node.name, os.path.basename(disk.directory)), disk.directory)
                disk.arm()
            if os.path.exists(node.path('log')):
                os.unlink(node.path('log'))
        for disk in [self.network.kits_disk]:
            shutil.rmtree(disk.directory)
            os.mkdir(disk.directory)
            disk.arm()
        if os.path.exists(self.network.trace):
            os.unlink(self.network.trace)

    def start(self):
        for node in self.nodes:
            if node.process is None:
                node.start()

    # --- during a strike ---

    def tend(self, struck):
        """Looks after all: those that are not struck never end."""
        for node in self.nodes:
            if struck is not None and node is struck.node and node.process is not None:
                self.falls += struck.tend(self.fell_beside)
            else:
                node.check()

    def until(self, struck, what, good):
        end = time.monotonic() + PATIENCE
        while not good():
            self.tend(struck)
            if time.monotonic() > end:
                raise Broken('%s never is so' % what)
            time.sleep(0.005)

    def fell_beside(self, node):
        """The power fails for a command that works on the same disk, too."""
        command, disks = self.beside
        if command is not None and any(disk in node.disks() for disk in disks):
            command.kill()
            command.wait()
            self.felled.append(command)

    def power_fails(self, disks, chance):
        """For a command that fell, and so for the daemons that work on the same disks."""
        nodes = [node for node in self.nodes if node.process is not None and
                 any(disk in node.disks() for disk in disks)]
        for node in nodes:
            end(node.process)
        for disk in disks + [disk for node in nodes for disk in node.disks() if disk not in disks]:
            disk.cut(chance)
        for node in nodes:
            node.start()

    def is_up(self, node):
        """It answers; False while it cannot."""
        try:
            return node.ask(op='status')
        except OSError:
            return False

    # --- at the end of one ---

    def check(self):
        self.network.check_states()
        faults, summary = self.network.check_trace()
        if faults:
            raise Broken('\n'.join(faults[:5]))
        return summary


class Keys:
    """Applications that use keys in both directions of two agents."""

    def __init__(self, bed):
        self.bed = bed
        self.ledger = Ledger()
        one, other = bed.network.agents[:2]
        self.traffic = [Traffic(self.ledger, a, b, 'app:x', 0.01)
                        for a, b in ((one, other), (other, one))]
        for traffic in self.traffic:
            traffic.start()

    def more(self, struck, rounds):
        """So many more keys each way."""
        wanted = [traffic.rounds + rounds for traffic in self.traffic]

        def done():
            if self.ledger.broken:
                raise Broken('\n'.join(self.ledger.broken[:5]))
            return all(t.rounds >= want for t, want in zip(self.traffic, wanted))
        try:
            self.bed.until(struck, 'keys', done)
        except Broken as broken:
            raise Broken('%s; last errors: %s' % (
                broken, [traffic.last_error for traffic in self.traffic])) from None

    def end(self):
        for traffic in self.traffic:
            traffic.end()
        if self.ledger.broken:
            raise Broken('\n'.join(self.ledger.broken[:5]))
