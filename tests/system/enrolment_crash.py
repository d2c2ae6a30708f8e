#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Enrolment, refill and joining, killed with SIGKILL at random moments.

Whatever the moment: what is half-made is invisible and goes away, what is whole stays whole, the
same command again goes on, and no repair is needed. SKEX_LONG=1 kills ten times as often; SKEX_SEED
repeats a run.
"""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

from lab_harness import (AGAIN, BUILD, OK, PATIENCE, REFUSED, SKEX, Lab, Tap, ask, skex, until)

ROUNDS = 1000 if os.environ.get('SKEX_LONG') else 100
SEED = int(os.environ.get('SKEX_SEED', time.time_ns() % 1000000))
PAD = '2MiB'

tap = Tap()
rng = random.Random(SEED)


def kill_after(process, seconds):
    """True when it was still running."""
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def begin(*words):
    return subprocess.Popen([SKEX] + [str(w) for w in words], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Hub:
    """One hub without agents."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix='skex-test-')
        self.config = self.path('conf')
        made = skex('hub', 'init', '--config', self.config, '--dir', self.path('state'), '--kek',
                    self.path('kek'), '--name', 'hub1', '--listen', '127.0.0.1:0')
        assert made.code == OK, made
        self.admin = self.path('state', 'admin.sock')
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def start(self):
        with open(self.path('log'), 'ab') as log:
            self.process = subprocess.Popen([os.path.join(BUILD, 'skex-hub'), '-c', self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert until(lambda: skex('hub', 'status', '--admin', self.admin).code == OK, pause=0.02)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def run(self, *words):
        return skex('hub', *words, '--admin', self.admin)

    def patient(self, *words):
        """Again for a moment, when what was half-made is being undone."""
        answers = []
        until(lambda: answers.append(self.run(*words)) or answers[-1].code != AGAIN)
        return answers[-1]

    def member(self, agent):
        shown = self.run('show', agent, '--json')
        return shown.json if shown.code == 0 else None

    def legs_on_disk(self):
        """The legs that have a pad file, and how many files each has."""
        legs = {}
        for name in os.listdir(self.path('state', 'pads')):
            leg = name.split('-')[0]
            legs[leg] = legs.get(leg, 0) + 1
        return legs

    def spooled(self):
        return os.listdir(self.path('state', 'spool'))


def show_progress(name, counts):
    print('# %s: %s' % (name, ', '.join('%s %d' % item for item in sorted(counts.items()))),
          flush=True)


def hub_killed():
    """The hub dies while it enrols."""
    counts = {}
    wrong = []
    with Hub() as hub:
        began = time.monotonic()
        assert hub.run('enrol', 'warm', '--out', hub.path('warm'), '--pad', PAD).code == OK
        full = time.monotonic() - began
        for i in range(ROUNDS):
            name, out = 'agent%d' % i, hub.path('kit%d' % i)
            command = begin('hub', 'enrol', name, '--out', out, '--pad', PAD, '--admin',
                            hub.admin)
            time.sleep(rng.uniform(0, 1.2 * full))
            hub.kill()
            command.wait(PATIENCE)
            hub.start()
            member = hub.member(name)
            state = member['kit'] if member else 'none'
            counts[state] = counts.get(state, 0) + 1
            leg = member['leg'] if member else None
            if os.path.exists(out):
                # Copied, but the hub does not know: the same kit again, or it was taken.
                os.remove(out)
            words = ['enrol', name, '--out', out, '--pad', PAD, '--json']
            made = hub.patient(*words)
            if state == 'taken':
                if made.code != REFUSED:
                    wrong.append((i, state, str(made)))
                made = hub.run(*words, '--again')
            elif state == 'waiting' and made.code == OK and made.json['leg'] != leg:
                wrong.append((i, 'another leg', str(made)))
            if made.code != OK:
                wrong.append((i, state, str(made)))
                continue
            legs = hub.legs_on_disk()
            if legs.get(made.json['leg']) != 4 or not until(lambda: not hub.spooled()):
                wrong.append((i, state, legs, hub.spooled()))
            hub.run('evict', name)
            joined = skex('join', out, '--dir', hub.path('agent%d' % i), '--kek', hub.path('kek'))
            if joined.code != OK:
                wrong.append((i, state, str(joined)))
            shutil.rmtree(hub.path('agent%d' % i))
        known = {agent['leg']: agent for agent in hub.run('ls', '--json').json['agents']
                 if agent['state'] != 'evicted'}
        tap.equal('no pad is left of what is not enrolled',
                  {leg: n for leg, n in hub.legs_on_disk().items() if leg not in known}, {})
    show_progress('hub killed in enrolment', counts)
    tap.check('hub killed in enrolment, %d times' % ROUNDS, not wrong, wrong[:3])


def join_killed():
    """`skex join` dies on the agent's directory."""
    counts = {'killed': 0, 'done': 0}
    wrong = []
    with Hub() as hub:
        kek, full = hub.path('kek'), 0.05
        for i in range(ROUNDS):
            name, out = 'agent%d' % i, hub.path('kit')
            state = hub.path('agent')
            made = hub.run('enrol', name, '--out', out, '--pad', PAD)
            assert made.code == OK, made
            words = ['join', out, '--dir', state, '--kek', kek, '--keep']
            if i == 0:
                began = time.monotonic()
                assert skex(*words).code == OK
                full = time.monotonic() - began
                shutil.rmtree(state)
            killed = kill_after(begin(*words), rng.uniform(0, 1.1 * full))
            counts['killed' if killed else 'done'] += 1
            if killed and rng.random() < 0.5:
                kill_after(begin(*words), rng.uniform(0, full))
            again = skex(*words)
            done = again.code == OK or (again.code == REFUSED and 'taken in already' in again.err)
            if not done:
                wrong.append((i, str(again)))
            twice = skex(*words)
            if twice.code != REFUSED or 'taken in already' not in twice.err:
                wrong.append((i, 'twice', str(twice)))
            if len(os.listdir(os.path.join(state, 'pads'))) != 4:
                wrong.append((i, os.listdir(os.path.join(state, 'pads'))))
            hub.run('evict', name)
            os.remove(out)
            shutil.rmtree(state)
    show_progress('join killed', counts)
    tap.check('join killed, %d times' % ROUNDS, not wrong, wrong[:3])


HUBS, AGENTS = ['hub1', 'hub2', 'hub3'], ['agent1', 'agent2']
REFILL = '64KiB'


def joined(lab, agent, kit):
    result = lab.join(agent, kit, '--keep')
    return result.code == OK or (result.code == REFUSED and 'already' in result.err)


def order(lab, hub, agent, out):
    """The same command again, with --again when the kit was taken but its copy is lost."""
    words = ['refill', agent, '--out', out, '--pad', REFILL]
    return lab.hub(hub, *words).code == OK or lab.hub(hub, *words, '--again').code == OK


def refill(lab, hub, agent):
    """One refill of one live leg, in which the hub, the agent or a command may die."""
    out = os.path.join(lab.directory, 'refill')
    victim = rng.choice(['hub', 'agent', 'order', 'join'])
    command = begin('hub', 'refill', agent, '--out', out, '--pad', REFILL, '--admin',
                    lab.admin(hub))
    if victim == 'order':
        kill_after(command, rng.uniform(0, 0.1))
    elif victim == 'hub':
        time.sleep(rng.uniform(0, 0.1))
        lab.kill(hub)
        lab.start(hub)
    if command.wait(PATIENCE) != 0:
        if os.path.exists(out):
            os.remove(out)
        assert until(lambda: order(lab, hub, agent, out)), (victim, lab.log(hub)[-1000:])
    command = begin('join', out, '--config', lab.config(agent), '--keep')
    if victim == 'agent':
        time.sleep(rng.uniform(0, 0.1))
        lab.kill(agent)
        # The command may have the directory now, as no daemon has it.
        command.wait(PATIENCE)
        lab.start(agent)
    elif victim == 'join':
        kill_after(command, rng.uniform(0, 0.05))
    command.wait(PATIENCE)
    assert until(lambda: joined(lab, agent, out)), (victim, lab.join(agent, out, '--keep'))
    os.remove(out)
    return victim


def unbegun(lab):
    """Legs of which the newest generation is not begun in either direction."""
    found = []
    for hub in HUBS:
        for agent in AGENTS:
            shown = lab.member(hub, agent)
            if all(shown[pad]['generation'] < shown[pad]['newest_generation']
                   for pad in ['to_hub', 'to_agent']):
                found.append((hub, agent))
    return found


def use_up(lab):
    """Takes keys until every leg has begun its newest generation, or there is no pad for more."""
    going = True
    while going and unbegun(lab):
        going = False
        for agent, peer in [AGENTS, reversed(AGENTS)]:
            going |= 'keys' in ask(lab.socket(agent), op='get', peer=peer, purpose='app:waste',
                                   count=128, wait_ms=2000)
    return unbegun(lab)


def refill_killed():
    """Hubs, agents and commands die around refills of live legs; keys agree all the time."""
    counts, wrong, done = {}, [], 0
    # A leg whose hub was away while the others were used up begins its new pad with theirs.
    left, late = [], {}
    with Lab(pad=REFILL) as lab:
        while done < ROUNDS and not wrong:
            for hub in HUBS:
                for agent in AGENTS:
                    if (hub, agent) in left:
                        continue
                    victim = refill(lab, hub, agent)
                    counts[victim] = counts.get(victim, 0) + 1
                    done += 1
            pair = check_key(lab)
            left = use_up(lab)
            late = {leg: late.get(leg, 0) + 1 for leg in left}
            if pair is not None or 3 in late.values():
                wrong.append((done, pair, left, lab.log('agent1')[-2000:]))
    show_progress('killed in a refill', counts)
    tap.check('killed in %d refills' % done, not wrong, wrong)


def check_key(lab):
    """None when agent2 has the same key as agent1 under one id, otherwise what is wrong."""
    def get():
        answer = ask(lab.socket('agent1'), op='get', peer='agent2', purpose='app:check',
                     wait_ms=20000, require=['confirmed'])
        return answer['keys'][0] if 'keys' in answer else None
    key = until(get)
    if not key:
        return 'no key'
    answer = ask(lab.socket('agent2'), op='fetch', peer='agent1', key_ids=[key['key_id']],
                 purpose='app:check')
    if 'keys' not in answer or answer['keys'][0]['key'] != key['key']:
        return answer.get('error', 'another key')
    return None


print('# SKEX_SEED=%d' % SEED, flush=True)
tap.run([hub_killed, join_killed, refill_killed])
tap.end()
