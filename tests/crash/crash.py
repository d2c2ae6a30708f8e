#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hubs, agents and commands fall at random moments of enrolment, establishment and refill.

usage: crash.py BUILD kill|cut

By SIGKILL, or by a power cut that loses what was not synced: 100 times in each phase, and
SKEX_LONG=1 makes ten such labs. A fallen process is started again and nothing else: no repair.
SKEX_SEED repeats the choices of a run, SKEX_KEEP=1 keeps its directory when it fails.
"""

import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from network import PATIENCE, Broken, Ledger, Network, Traffic, until_done  # noqa: E402
from lab_harness import Tap  # noqa: E402

CUTS = sys.argv[2] == 'cut'
LABS = 10 if os.environ.get('SKEX_LONG') else 1
FALLS = 100  # in each phase of each lab
PHASES = ['enrolment', 'establishment', 'refill']
SEED = int(os.environ.get('SKEX_SEED', time.time_ns() % 1000000))
END = 'keys agree, none came twice, no pad was used twice, nothing was repaired'
PAD = '1MiB'  # of those with traffic all the time; it must last
PAD_OTHERS = '128KiB'
REFILL = '128KiB'
POOL = 'pool = { block = "256B"; blocks = 2; low = 8; high = 32; reserve = 4; };\n'
WAY = 'power cuts' if CUTS else 'kills'

tap = Tap()


class Lab:
    """One network from nothing to keys, under fire until each phase had its falls."""

    def __init__(self, network, chance):
        self.network, self.chance = network, chance
        self.ledger = Ledger()
        self.traffic = []
        self.phase = PHASES[0]
        self.counts = dict.fromkeys(PHASES, 0)
        self.operation = 0.1  # how long a command takes, about

    def under_fire(self):
        return self.counts.get(self.phase, FALLS) < FALLS

    def strike(self, node, *chance):
        node.strike(*(chance or [self.chance]))
        self.counts[self.phase] += 1
        if self.chance.random() < 0.2:
            time.sleep(self.chance.uniform(0, 0.3))
        node.start()

    def check(self):
        for node in self.network.hubs + self.network.agents:
            node.check()
        if self.ledger.broken:
            raise Broken('\n'.join(self.ledger.broken[:5]))

    # --- commands under fire ---

    def command_falls(self, command, disks):
        """The command itself falls; False when it had ended before."""
        if command.poll() is not None:
            return False
        command.kill()
        command.communicate()
        for disk in disks:
            disk.cut(self.chance)
        self.counts[self.phase] += 1
        return True

    def fate(self, node):
        if not self.under_fire() or self.chance.random() < 0.15:
            return 'nobody'
        return self.chance.choice(['node', 'command'] if node is not None else ['command'])

    def run(self, words, node=None, disks=(), own=()):
        """Runs a command once; node falls during it, or the command, or nobody. disks are those
        that it writes to, own those that fall with it. Its exit code, None when it fell."""
        if node is not None:
            node.wait()
        began = time.monotonic()
        command = self.network.begin(*words, disks=disks)
        fate = self.fate(node)
        if fate != 'nobody':
            time.sleep(self.chance.uniform(0, 1.2 * self.operation))
        if fate == 'node':
            if CUTS and node.disk in disks:
                # On the same machine: perhaps it works on the directory by itself.
                command.kill()
            self.strike(node)
        if fate == 'command' and self.command_falls(command, own):
            return None, ''
        try:
            _, text = command.communicate(timeout=PATIENCE)
        except Exception:
            command.kill()
            raise Broken('%s hangs' % ' '.join(words)) from None
        if fate == 'nobody':
            self.operation = 0.7 * self.operation + 0.3 * (time.monotonic() - began)
        if command.returncode == 1:
            raise Broken('%s: %s' % (' '.join(words), text))
        if command.returncode == 0:
            # What a command said to be done is done, whatever happens to the power then.
            for disk in own:
                disk.cut(None)
        return command.returncode, text

    def again(self, what, attempt):
        until_done(what, attempt, self.check)

    def kit_state(self, hub, agent):
        hub.wait()
        show = self.network.begin('hub', 'show', agent.name, '--admin', hub.socket, '--json')
        text, _ = show.communicate(timeout=PATIENCE)
        return json.loads(text).get('kit') if show.returncode == 0 else None

    def kit(self, hub, agent, order, pad):
        """Has a hub make a kit; a copy that was not finished is removed, and the same command
        given again."""
        path = os.path.join(self.network.kits, '%s-%s-%s' % (order, hub.name, agent.name))
        disks = [d for d in [self.network.kits_disk] if d is not None]

        def attempt():
            if os.path.exists(path):
                # The hub knows whether the copy was finished.
                if self.kit_state(hub, agent) in ('taken', 'used'):
                    return True, ''
                os.unlink(path)
            code, text = self.run(
                ['hub', order, agent.name, '--out', path, '--pad', pad, '--admin', hub.socket],
                hub, disks, disks)
            return code == 0, text
        self.again('%s of %s at %s' % (order, agent.name, hub.name), attempt)
        return path

    def join(self, agent, kit):
        """Takes a kit in, by the daemon when it runs."""
        offline = agent.process is None
        disks = [d for d in [agent.disk] if d is not None]
        words = ['join', kit, '--config', agent.path('conf'), '--keep']

        def attempt():
            code, text = self.run(words, None if offline else agent, disks,
                                  disks if offline else [])
            return code == 0 or 'taken in already' in text, text
        self.again('join of %s' % agent.name, attempt)
        if not offline and self.under_fire() and self.chance.random() < 0.3:
            # What the daemon said to be done is done, too.
            self.strike(agent, None)
            agent.wait()
            _, text = self.network.begin(*words, disks=disks).communicate(timeout=PATIENCE)
            if 'taken in already' not in text:
                raise Broken('a leg of %s is gone: %s' % (agent.name, text))
        os.unlink(kit)
        if self.network.kits_disk is not None:
            self.network.kits_disk.arm()

    # --- the phases ---

    def enrol(self, agents):
        """Agents become peers of all, some with their daemon at work already."""
        legs = [(hub, agent) for agent in agents for hub in self.network.hubs]
        self.chance.shuffle(legs)
        for hub, agent in legs:
            pad = PAD if agent in self.network.agents[:2] else PAD_OTHERS
            self.join(agent, self.kit(hub, agent, 'enrol', pad))
            if agent.process is None and self.chance.random() < 0.3:
                agent.start()
        for agent in agents:
            if agent.process is None:
                agent.start()

    def enrolment(self):
        for hub in self.network.hubs:
            hub.start()
        self.enrol(self.network.agents)
        while self.under_fire():
            self.enrol([self.network.add_agent()])

    def establishment(self):
        a, b = self.network.agents[:2]
        nodes = self.network.hubs + [a, b] * 2
        for one, other in [(a, b), (b, a)]:
            for purpose in ['app:x', 'app:y']:
                self.traffic.append(Traffic(self.ledger, one, other, purpose))
                self.traffic[-1].start()
        while self.under_fire():
            time.sleep(self.chance.choice([0.02, 0.1, 0.4]) * self.chance.random())
            # Now and then two fall at once.
            for node in set(self.chance.choices(nodes, k=self.chance.choice([1, 1, 1, 2]))):
                self.strike(node)
            self.check()

    def refill(self):
        """Every leg, and those of further agents, while the traffic of the first two goes on."""
        agents = list(self.network.agents)
        while self.under_fire():
            legs = [(hub, agent) for agent in agents for hub in self.network.hubs]
            self.chance.shuffle(legs)
            for hub, agent in legs:
                self.again('the first connection of %s to %s' % (agent.name, hub.name),
                                lambda: (self.kit_state(hub, agent) == 'used', ''))
                self.join(agent, self.kit(hub, agent, 'refill', REFILL))
            if self.under_fire():
                agents = [self.network.add_agent()]
                self.enrol(agents)

    def last_pairs(self):
        """Every agent with the first, both ways."""
        first, *others = self.network.agents
        return [pair for other in others for pair in [(first, other), (other, first)]]

    def peace(self):
        """Nobody falls any more, and the system makes keys between all."""
        rounds = [t.rounds for t in self.traffic]
        end = time.monotonic() + PATIENCE
        while any(t.rounds < before + 3 for t, before in zip(self.traffic, rounds)):
            self.check()
            if time.monotonic() > end:
                raise Broken('no keys any more: %s' % [t.last_error for t in self.traffic])
            time.sleep(0.05)
        for traffic in self.traffic:
            traffic.end()
        for a, b in self.last_pairs():
            last = Traffic(self.ledger, a, b, 'app:last')
            while not last.rounds and time.monotonic() < end:
                keys = last.get(1)
                for key in keys:
                    self.ledger.add_got(key)
                    last.fetch([key['key_id']])
                    last.rounds += 1
            if not last.rounds:
                raise Broken('no last key %s to %s: %s' % (a.name, b.name, last.last_error))
        self.check()


def run_lab(network, lab):
    for phase in PHASES:
        began = time.monotonic()
        lab.phase = phase
        getattr(lab, phase)()
        print('# %s: %d %s in %.0f s' % (phase, lab.counts[phase], WAY, time.monotonic() - began),
              flush=True)
    lab.phase = END
    lab.peace()
    network.check_states()
    faults, summary = network.check_trace()
    print('# %d agents; %s; pads: %s' % (len(network.agents), lab.ledger.summary(), summary),
          flush=True)
    if faults:
        raise Broken('\n'.join(faults[:5]))
    if len(lab.ledger.fetched) < 50:
        raise Broken('only %d keys were fetched' % len(lab.ledger.fetched))


def main():
    print('# SKEX_SEED=%d' % SEED, flush=True)
    falls = dict.fromkeys(PHASES, 0)
    faults = {}
    for i in range(LABS):
        with Network(5, 3, 2, CUTS, POOL) as network:
            lab = Lab(network, random.Random(SEED + i))
            try:
                run_lab(network, lab)
            except Broken as broken:
                faults.setdefault(lab.phase, 'seed %d: %s' % (SEED + i, broken))
        for phase in PHASES:
            falls[phase] += lab.counts[phase]
    for phase in PHASES:
        tap.check('%d %s during %s' % (falls[phase], WAY, phase),
                  falls[phase] >= FALLS * LABS and phase not in faults, faults.get(phase, ''))
    tap.check('after these %s: %s' % (WAY, END), not faults,
              faults.get(END, 'it did not come to that'))
    tap.end()


main()
