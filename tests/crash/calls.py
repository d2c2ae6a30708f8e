#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hubs, agents and commands are struck at the n-th call that changes a file, syncs it or sends.

usage: calls.py BUILD establishment|enrolment|rotation|version

The calls of each process in a phase are counted, and then the phase is run with one of these at
call n: SIGKILL; a power cut that keeps a random part of what was not synced, or nothing of it; the
call fails once, with EIO and a power cut when the daemon has stopped or the phase is over, or with
ENOSPC; a write does only half. Whatever ends is started again and nothing else. n is a sample that
is spread evenly; SKEX_LONG=1 takes every n, and each of these with it.
SKEX_STRIKE=ROLE:WAY:N[,...] runs only these, SKEX_SEED repeats the choices of a run, SKEX_KEEP=1
keeps a directory when something fails.
"""

import concurrent.futures
import json
import os
import queue
import random
import sqlite3
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from network import PATIENCE, Broken, until_done  # noqa: E402
from struck import DISK_BROKE, POOL, WAYS, Bed, Keys  # noqa: E402
from lab_harness import Tap  # noqa: E402
from powercut import Disk  # noqa: E402

PHASE = sys.argv[2]
LONG = bool(os.environ.get('SKEX_LONG'))
ONE = os.environ.get('SKEX_STRIKE')
SEED = int(os.environ.get('SKEX_SEED', time.time_ns() % 1000000))
WORKERS = os.cpu_count() or 2
PAD = '64KiB'

tap = Tap()


class Phase:
    """What is done while a process is struck; ROLES are those that may be it, each with the number
    of strikes in the short check."""

    ROLES = {}
    HUBS = 3

    def __init__(self):
        self.bed = Bed(self.HUBS, self.settings)
        self.network = self.bed.network
        self.struck = None

    def settings(self, network, name):
        del network, name
        return POOL

    # --- commands ---

    def finish(self, command):
        """A command's exit code and what it said; daemons are looked after meanwhile."""
        self.bed.until(self.struck, 'the end of a command', lambda: command.poll() is not None)
        _, text = command.communicate()
        return command.returncode, text

    def command(self, role, words, disks):
        """A command that may be the one that is struck; then its code is None."""
        own = self.struck if self.struck is not None and self.struck.name == role else None
        before = own.happened if own is not None else None
        command = self.network.begin(*words, disks=disks,
                                     strike=own.strike if own is not None else None)
        self.bed.beside = command, disks
        try:
            code, text = self.finish(command)
        finally:
            self.bed.beside = None, []
        if command in self.bed.felled:
            return None, text
        if own is not None and before is None and own.happened is not None:
            if code not in (0, 1, DISK_BROKE):
                if own.loses():
                    self.bed.power_fails(disks, own.chance)
                self.bed.falls += 1
                return None, text
        if code in (1, DISK_BROKE) or code < 0:
            raise Broken('%s: %d %s' % (' '.join(words), code, text))
        if code == 0:
            # What a command said to be done is done, whatever happens to the power then.
            for disk in disks:
                if not self.lives_on(disk):
                    disk.cut(None)
        return code, text

    def lives_on(self, disk):
        return any(disk in node.disks() and node.process is not None for node in self.bed.nodes)

    def again(self, what, attempt):
        until_done(what, attempt, lambda: self.bed.tend(self.struck))

    def up(self, node):
        self.bed.until(self.struck, '%s answers' % node.name, lambda: self.bed.is_up(node))

    def kit_state(self, hub, agent):
        self.up(hub)
        code, text = self.show(hub, agent)
        return text.get('kit') if code == 0 else None

    def show(self, hub, agent):
        show = self.network.begin('hub', 'show', agent.name, '--admin', hub.socket, '--json')
        out, _ = show.communicate(timeout=PATIENCE)
        return show.returncode, json.loads(out) if show.returncode == 0 else {}

    def kit(self, hub, agent, order):
        path = os.path.join(self.network.kits, '%s-%s-%s' % (order, hub.name, agent.name))

        def attempt():
            if os.path.exists(path):
                # The hub knows whether the copy was finished.
                if self.kit_state(hub, agent) in ('taken', 'used'):
                    return True, ''
                os.unlink(path)
            self.up(hub)
            code, text = self.command(
                'order', ['hub', order, agent.name, '--out', path, '--pad', PAD, '--admin',
                          hub.socket], [self.network.kits_disk])
            return code == 0, text
        self.again('%s of %s at %s' % (order, agent.name, hub.name), attempt)
        return path

    def join(self, agent, kit):
        def attempt():
            if agent.process is not None:
                self.up(agent)
            code, text = self.command('join', ['join', kit, '--config', agent.path('conf'),
                                               '--keep'], [agent.disk])
            return code == 0 or 'taken in already' in text, text
        self.again('join of %s' % agent.name, attempt)
        os.unlink(kit)

    def enrol(self, agent, hubs):
        for hub in hubs:
            self.up(hub)
            self.join(agent, self.kit(hub, agent, 'enrol'))

    # --- what phases differ in ---

    def prepare(self):
        """The first state, from nothing."""
        for hub in self.network.hubs:
            hub.start()
        for agent in self.network.agents:
            self.enrol(agent, self.network.hubs)

    def body(self):
        """What is counted and struck."""
        raise NotImplementedError

    def after(self):
        """That it goes on."""

    def more(self):
        """Further checks, for the first of the beds."""

    # --- one strike ---

    def run(self, role, at, way, seed):
        """Gives the number of calls that there were, and the one that was struck."""
        self.bed.restore()
        self.struck = self.bed.role(role)
        self.struck.arm(at, way, seed)
        try:
            self.body()
            count = self.struck.strike.count
            self.bed.falls += self.struck.fall_last()
            self.after()
            self.bed.check()
            return count, self.struck.happened
        except Exception as error:
            logs = ['%s:\n%s' % (node.name, node.tail()) for node in self.bed.nodes
                    if os.path.exists(node.path('log'))]
            raise Broken('SKEX_SEED=%d SKEX_STRIKE=%s:%s:%d, at %s: %s\n%s' % (
                SEED, role, way, at, self.struck.happened, error, '\n'.join(logs))) from error
        finally:
            self.struck.arm(0, 'kill', 0)


class Establishment(Phase):
    """Daemons start, connect, and make the first keys of two agents."""

    ROLES = {'agent1': 9, 'agent2': 7, 'hub1': 7}

    def body(self):
        self.bed.start()
        self.keys = Keys(self.bed)
        self.keys.more(self.struck, 1)

    def after(self):
        self.keys.more(self.struck, 2)
        self.keys.end()


class Enrolment(Phase):
    """A new agent takes in kits, by itself and by its daemon, and a refill."""

    ROLES = {'hub1': 7, 'order': 4, 'join': 5, 'agent1': 7}

    def prepare(self):
        for hub in self.network.hubs:
            hub.start()
        self.enrol(self.network.agents[1], self.network.hubs)

    def body(self):
        hubs, agent = self.network.hubs, self.network.agents[0]
        for node in [*hubs, self.network.agents[1]]:
            node.start()
        self.enrol(agent, hubs[:2])
        agent.start()
        self.enrol(agent, hubs[2:])
        self.again('the first connection', lambda: (
            self.kit_state(hubs[0], agent) == 'used', ''))
        self.join(agent, self.kit(hubs[0], agent, 'refill'))

    def after(self):
        keys = Keys(self.bed)
        keys.more(self.struck, 2)
        keys.end()


    def more(self):
        """Whichever of its calls fails: a kit that the command said to have made is on the disk."""
        self.bed.restore()
        hub, struck = self.network.hubs[0], self.bed.role('order')
        hub.start()
        self.up(hub)
        lost, refused, at = [], 0, 0
        while at == 0 or struck.happened is not None:
            at += 1
            out = os.path.join(self.network.kits, 'kit%d' % at)
            struck.arm(at, 'EIO', 0)
            command = self.network.begin(
                'hub', 'enrol', 'new%d' % at, '--out', out, '--pad', PAD, '--admin', hub.socket,
                disks=[self.network.kits_disk], strike=struck.strike)
            command.communicate()
            self.network.kits_disk.cut(None)
            refused += command.returncode != 0
            if command.returncode == 0 and not os.path.exists(out):
                lost.append(struck.happened)
        tap.check('enrolment: of %d orders with one call that failed each, %d failed, and no kit '
                  'that was made is lost' % (at - 1, refused), not lost and refused, lost)


class Version(Phase):
    """Daemons bring up a state of the older version, and go on."""

    ROLES = {'agent1': 8, 'hub1': 8}

    def prepare(self):
        super().prepare()
        self.bed.stop()
        for node in self.bed.nodes:
            path = node.path('state', 'registry.db')
            database = sqlite3.connect(path)
            database.execute('PRAGMA user_version = 1')
            database.close()

    def body(self):
        self.bed.start()
        for node in self.bed.nodes:
            self.up(node)

    def after(self):
        keys = Keys(self.bed)
        keys.more(self.struck, 2)
        keys.end()
        for node in self.bed.nodes:
            database = sqlite3.connect('file:%s?mode=ro' % node.path('state', 'registry.db'),
                                       uri=True)
            found = database.execute('PRAGMA user_version').fetchone()[0]
            database.close()
            if found != 2:
                raise Broken('%s has a registry of version %d' % (node.name, found))


class Rotation(Phase):
    """A binding of two agents changes to a new key, in a file of each."""

    ROLES = {'agent1': 6, 'agent2': 6}

    def settings(self, network, name):
        leads = name == 'agent1'
        folder = os.path.join(network.directory, 'key-' + name)
        os.mkdir(folder)
        return POOL + (
            'bindings = ({ name = "b"; peer = "%s"; role = "%s"; period = "1 h";\n'
            '    hook = { file = "%s"; format = "id-hex"; }; });\n' % (
                'agent2' if leads else 'agent1', 'leads' if leads else 'follows',
                os.path.join(folder, 'key')))

    def prepare(self):
        for agent in self.network.agents:
            agent.more_disks = [Disk(os.path.join(self.network.directory, 'key-' + agent.name))]
        super().prepare()
        self.seen = {}
        for agent in self.network.agents:
            agent.start()
        self.struck = None
        self.in_step(None)

    def held(self, agent):
        """The key id and key in the file of an agent; what an id stands for never changes."""
        path = os.path.join(self.network.directory, 'key-' + agent.name, 'key')
        try:
            with open(path, encoding='ascii') as f:
                line = f.read()
        except OSError:
            return None
        name, key = line.strip().split(':')
        if self.seen.setdefault(name, key) != key:
            raise Broken('key %s is %s and %s' % (name, 'one', 'another'))
        return name

    def binding(self, agent):
        try:
            return agent.ask(op='bindings')['bindings'][0]
        except OSError:
            return None

    def in_step(self, other_than):
        """Both use the same key and have it in their files, and nothing is under way."""
        found = []

        def look():
            ends = [self.binding(agent) for agent in self.network.agents]
            held = [self.held(agent) for agent in self.network.agents]
            if None in ends or None in held or len({*held, *(e['active_key'] for e in ends)}) != 1:
                return False
            if held[0] == other_than or any(end['state'] != 'idle' for end in ends):
                return False
            found[:] = held
            return True
        try:
            self.bed.until(self.struck, 'both ends are in step', look)
        except Broken as broken:
            raise Broken('%s: %s; files: %s' % (
                broken, [self.binding(agent) for agent in self.network.agents],
                [self.held(agent) for agent in self.network.agents])) from broken
        return found[0]

    def rotate(self, before):
        def order():
            try:
                answer = self.network.agents[0].ask(op='binding_rotate', binding='b')
            except OSError as error:
                return False, error
            return 'error' not in answer, answer
        self.again('an order', order)
        return self.in_step(before)

    def body(self):
        self.seen = {}
        self.bed.start()
        self.last = self.rotate(self.in_step(None))

    def after(self):
        self.rotate(self.last)
        keys = Keys(self.bed)
        keys.more(self.struck, 1)
        keys.end()


PHASES = {'establishment': Establishment, 'enrolment': Enrolment, 'rotation': Rotation,
          'version': Version}


def samples(counts, chance):
    """Which calls of whom are struck, and how."""
    if ONE:
        return [(role, int(at), way) for role, way, at in
                (one.split(':') for one in ONE.split(','))]
    found = []
    ways = list(WAYS)
    for role, wanted in PHASES[PHASE].ROLES.items():
        if LONG:
            found += [(role, at, way) for at in range(1, counts[role] + 1) for way in ways]
            continue
        start = chance.random()
        for i in range(wanted):
            found.append((role, 1 + int((i + start) * counts[role] / wanted),
                          ways[(i + SEED) % len(ways)]))
    chance.shuffle(found)
    return found


def main():
    print('# SKEX_SEED=%d' % SEED, flush=True)
    chance = random.Random(SEED)
    beds = [PHASES[PHASE]() for _ in range(WORKERS)]
    good = False
    try:
        for bed in beds:
            bed.prepare()
            bed.bed.save()
        counts = {role: beds[0].run(role, 0, 'kill', 0)[0] for role in beds[0].ROLES}
        print('# calls: %s' % counts, flush=True)
        free = queue.Queue()
        for bed in beds:
            free.put(bed)
        faults, struck, done = [], {}, 0

        def work(sample):
            if len(faults) > 3:
                return sample, None, None
            bed = free.get()
            try:
                return sample, bed.run(sample[0], sample[1], sample[2], SEED + sample[1])[1], None
            except Broken as broken:
                return sample, None, broken
            finally:
                free.put(bed)
        with concurrent.futures.ThreadPoolExecutor(len(beds)) as pool:
            for sample, happened, broken in pool.map(work, samples(counts, chance)):
                if broken is not None:
                    faults.append('%s' % broken)
                    print('# %s' % str(broken).replace('\n', '\n# '), flush=True)
                elif happened is not None:
                    struck.setdefault(sample[0], []).append(happened)
                done += 1
        for role, calls in struck.items():
            print('# %s: %s' % (role, ', '.join(sorted(set(c.split()[0] for c in calls)))))
        hit = sum(len(calls) for calls in struck.values())
        print('# struck at %d of %d calls, %d falls' % (
            hit, done, sum(bed.bed.falls for bed in beds)), flush=True)
        for role in beds[0].ROLES if not ONE else ():
            tap.check('%s: %s is struck at its calls' % (PHASE, role), struck.get(role))
        beds[0].more()
        good = tap.check('%s: keys agree, none came twice, no pad was used twice, nothing was '
                         'repaired' % PHASE, not faults and hit, '\n'.join(faults[:3]))
    finally:
        for bed in beds:
            bed.bed.close(good)
    tap.end()


main()
