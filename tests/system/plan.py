#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/sizing.md: its commands run, and real daemons take what `skex plan` says.

usage: plan.py BUILD
"""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'rotation'))

from docs_harness import SOURCE, run_page  # noqa: E402
from keyfile_services import own_network  # noqa: E402
from lab_harness import BUILD, OK, Lab, Tap, ask, skex, until  # noqa: E402

PAGE = os.path.join(SOURCE, 'docs', 'sizing.md')
AGENTS = ['agent1', 'agent2']
HUBS = 3
PAD_MIB = 8
LOG = 3 * 64 * 2**20 + 4 * 2**20
PING_MS = 20000
YEAR_MS = 365 * 86400 * 1000

tap = Tap()


# --- the page ---

def text_size(value):
    """As skex shows sizes to people."""
    value /= 2**10
    for unit in ('KiB', 'MiB', 'GiB', 'TiB'):
        if value < 1023.95:
            return '%.1f %s' % (value, unit)
        value /= 1024
    return 'much'


def table():
    """The rows of the page are what the command says."""
    with open(PAGE, encoding='utf-8') as f:
        rows = re.findall(r'^\| `(--[^`]+)` \|(.*)\|$', f.read(), re.M)
    tap.check('there are rows', len(rows) >= 8)
    for words, cells in rows:
        said = skex('plan', '--json', '--n', 5, '--k', 3, *words.split()).json
        wanted = ['{:,}'.format(said['keys_per_year'])] + [text_size(said[name]) for name in (
            'pad_bytes_per_kit', 'agent_disk_bytes', 'network_bytes_per_year', 'hub_disk_bytes')]
        tap.equal(words, [cell.strip() for cell in cells.split('|')], wanted)


def page():
    run_page(tap, PAGE, {'PATH': os.path.abspath(BUILD) + ':' + os.environ['PATH']}, {})


# --- what is used ---

def plan(*words):
    return skex('plan', '--json', '--n', HUBS, '--k', 2, '--margin', 0, *words).json


class Meter:
    """What was used since it was made: of pad, messages and network, by both agents together."""

    def __init__(self, lab):
        self.lab = lab
        self.rest()
        self.before = self.now()

    def now(self):
        pad = messages = blocks = 0
        for agent in AGENTS:
            said = ask(self.lab.socket(agent), op='status')['status']
            blocks += said['counters']['blocks_initiated']
            for leg in said['legs']:
                pad -= leg['send_left_bytes'] + leg['receive_left_bytes']
                messages += leg['sent_messages'] + leg['received_messages']
        with open('/proc/net/dev', encoding='ascii') as f:
            network = int(re.search(r'^ *lo: *(\d+)', f.read(), re.M).group(1))
        return {'pad': pad, 'messages': messages, 'network': network, 'blocks': blocks,
                'ms': time.monotonic() * 1000}

    def used(self):
        self.rest()
        now = self.now()
        return {name: now[name] - self.before[name] for name in now}

    def rest(self):
        """Waits until nothing is under way, PINGs apart."""
        seen = []

        def still():
            seen.append(self.now()['pad'])
            return len(seen) >= 4 and len(set(seen[-4:])) == 1
        return until(still, pause=0.3)


def within(name, used, planned, least):
    tap.check('%s: %.0f %% of what is planned' % (name, 100 * used / planned),
              least * planned <= used <= 1.02 * planned, 'used %d, planned %d' % (used, planned))


def compare(what, used, said, share):
    """Holds what both agents used against a share of a planned year; PINGs stand apart there."""
    pings = 2 * HUBS * (YEAR_MS // PING_MS)
    # At a leg of either end; and as many come from the other end.
    pad = 2 * (said['batches_per_year'] * said['batch_pad_bytes'] + said['notes_per_year'] * 64)
    within(what + ', pad', used['pad'], 2 * HUBS * pad * share, 0.8)
    within(what + ', messages', used['messages'],
           2 * (said['messages_per_year'] - pings) * share, 0.6)
    within(what + ', network', used['network'],
           2 * ((said['network_bytes_per_year'] - said['network_bytes_idle']) * share +
                said['network_bytes_idle'] * used['ms'] / YEAR_MS), 0.5)


def configure(lab, agent, more):
    lab.stop(agent)
    with open(lab.config(agent), encoding='utf-8') as f:
        conf = re.sub(r'\npool = .*', '', f.read()).rstrip('\n')
    with open(lab.config(agent), 'w', encoding='utf-8') as f:
        f.write(conf + '\n' + more)
    lab.start(agent)


def of_pools(lab, kib):
    """Keys that are asked for, from both ends in turns; a block is made for those of one."""
    times, keys = 10, 32 * kib
    for agent in AGENTS:
        configure(lab, agent, 'pool = { block = "%d KiB"; low = 32; high = 32; reserve = 32; };\n'
                  % kib)
    pairs = list(zip(AGENTS, reversed(AGENTS)))
    for agent, peer in pairs:
        until(lambda a=agent, p=peer: lab.key(a, p).code == OK)
    meter = Meter(lab)
    for _ in range(times):
        for agent, peer in pairs:
            got = [lab.key(agent, peer, '--count', 32).code for _ in range(kib)]
            if set(got) != {OK}:
                tap.check('keys are there', False, got)
        meter.rest()
    used = meter.used()
    tap.check('a block of %d KiB is made for each %d keys' % (kib, keys),
              abs(used['blocks'] - 2 * times) <= 2, used)
    said = plan('--keys-per-day', keys, '--block', '%dKiB' % kib, '--pool', 1)
    tap.equal('as is planned', said['batches_per_year'], 365)
    compare('blocks of %d KiB' % kib, used, said, used['blocks'] / 2 / 365)


def of_bindings(lab):
    """Both ends with a binding that changes all the time."""
    for end, agent in enumerate(AGENTS):
        folder = lab.path('site%d' % end)
        os.makedirs(folder)
        configure(lab, agent, 'bindings = ( { name = "site"; peer = "%s"; role = "%s"; %s '
                  'hook = { file = "%s/key"; }; } );\n' % (
                      AGENTS[1 - end], ['leads', 'follows'][end],
                      'period = "2 s";' if end == 0 else '', folder))

    def rotations():
        said = ask(lab.socket('agent1'), op='bindings')['bindings'][0]
        return said['rotations'] if said['state'] == 'idle' else 0
    until(lambda: rotations() >= 3)
    meter, before = Meter(lab), rotations()
    until(lambda: rotations() >= before + 10, 200)
    used, made = meter.used(), rotations() - before
    said = plan('--every', '2min')
    compare('%d rotations' % made, used, said, made / said['keys_per_year'])


def of_disk(lab):
    """The kits of this lab hold what the plan takes for a year of 8 MiB."""
    said = next(said for said in (plan('--keys-per-day', keys, '--pool', 1, '--agents', 2)
                                  for keys in range(480, 600))
                if said['pad_bytes_per_direction'] == PAD_MIB * 2**20)

    def size(name, folder):
        return sum(os.stat(os.path.join(path, file)).st_size
                   for path, _, files in os.walk(lab.path(name, 'state', folder))
                   for file in files)
    for name, planned in (('agent1', said['agent_disk_bytes']), ('hub1', said['hub_disk_bytes'])):
        pads = size(name, 'pads')
        rest = planned - pads
        tap.check('the pads of %s are as long as planned' % name, 0 <= rest - LOG < 2**16,
                  (pads, planned))
        tap.check('and there is room for the rest', 0 < size(name, '') - pads < rest,
                  (size(name, ''), planned))


def run_all():
    own_network()
    with Lab(hubs=HUBS, threshold=2, agents=2, pad='%dMiB' % PAD_MIB) as lab:
        tap.run([table, page, lambda: of_disk(lab), lambda: of_pools(lab, 1),
                 lambda: of_pools(lab, 8), lambda: of_bindings(lab)])


run_all()
tap.end()
