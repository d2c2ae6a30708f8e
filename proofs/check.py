#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Searches the models with spin, and says in TAP what came of it.

usage: proofs/check.py FOLDER       FOLDER is for what is made; SKEX_LONG=1 takes the large sizes

Of each model: the claims hold in every state; each mutation breaks the claim that is named with it;
what must be reachable is reached; and every row of the engines' tables that is not in NOT_MODELLED
was gone through.  The models step through the rows as tools/states reads them from the code, so
neither can change alone; runs with rows that say something else show that this is so.
"""

import concurrent.futures
import glob
import importlib.machinery
import importlib.util
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
LONG = bool(os.environ.get('SKEX_LONG'))

# Rows that no model goes through, and why.
NOT_MODELLED = {
    'HALF ENDING UNDURABLE': 'a crash before the commit covers it',
}


def sync(**more):
    return {'indices': 2, 'runs': 1, 'halves': 1, 'window': 2, 'ahead': 1, 'jump': 8, **more}


SYNC = {
    'small': [
        sync(indices=3, runs=2, halves=2),
        sync(recoveries=1),
        sync(recoveries=1, failures=1, refusals=1, pushes=1),
        sync(recoveries=1, jump=0),
        sync(recoveries=1, window=1, ahead=2),
        sync(recoveries=1, indices=1, a_backs=1, b_backs=1, failures=1),
        sync(recoveries=1, indices=1, a_backs=1, jump=0),
        sync(a_backs=1, b_backs=1, clones=1),
    ],
    'large': [
        sync(indices=4, runs=2, halves=3),
        sync(recoveries=1, runs=2, halves=2, failures=1),
        sync(recoveries=1, a_backs=1, b_backs=1),
        sync(recoveries=1, runs=2, halves=2, b_backs=1),
        sync(recoveries=1, indices=3, failures=1),
        sync(a_backs=1, b_backs=1, clones=1, refusals=1, runs=2),
    ],
    'mutations': {
        'M1_BEFORE_COMMIT': (sync(), 'forward_secret index_once_at_a'),
        'M2_BEFORE_COMMIT': (sync(), 'forward_secret index_once_at_b'),
        'NO_MAX_AT_A': (sync(runs=2, recoveries=1), 'index_once_at_a forward_secret'),
        'NO_MAX_AT_B': (sync(recoveries=1, a_backs=1), 'recoverable'),
        'TAG3_WITHOUT_NB': (sync(b_backs=1), 'agreed'),
        'TAG2_WITHOUT_NA': (sync(a_backs=1, b_backs=1), 'answered'),
        'TAG4_WITHOUT_NONCES': (sync(a_backs=1, b_backs=1), 'confirmed'),
        'OLD_SLOT_KEPT_AT_A': (sync(), 'forward_secret'),
        'OLD_SLOT_KEPT_AT_B': (sync(), 'forward_secret'),
        'SENT_THOUGH_UNDURABLE_AT_A': (sync(failures=1), 'forward_secret index_once_at_a'),
        'SENT_THOUGH_UNDURABLE_AT_B': (sync(failures=1), 'forward_secret index_once_at_b'),
        'DEAD_GENERATORS': (sync(a_backs=1, b_backs=1), 'key_once_at_a key_once_at_b'),
        'NOT_PUNCTURED': (sync(), 'forward_secret index_once_at_b'),
        'WINDOW_NOT_DROPPED': (sync(window=1, ahead=2), 'nothing_too_old'),
        'JUMP_IGNORED_AT_A': (sync(a_backs=1, jump=0), 'no_jump_too_far'),
        'JUMP_IGNORED_AT_B': (sync(b_backs=1, jump=0), 'no_jump_too_far'),
        'CLAIM_BEFORE_COMMIT': (sync(runs=2, recoveries=1), 'rollback_is_true'),
        # Known, and said in the specification: a push is taken twice by a store that went back.
        'none': (sync(pushes=1, b_backs=1), 'push_once'),
    },
    # Mutations that the claims bear: a broken generator while the stores hold.
    'borne': {'DEAD_GENERATORS': sync(runs=2)},
    'reached': 'accepted completed completed_in_parallel unconfirmed recovered window_moved '
               'replay_dropped not_in_table evicted no_place refused pushed rollback_found alarm '
               'accepted_after_rollback_of_a accepted_after_rollback_of_b '
               'completed_after_both_went_back crash_within_commit_at_a crash_within_commit_at_b '
               'commit_failed_at_a commit_failed_at_b too_old apart',
}

REKEY_SMALL = {'keys': 2, 'attempts': 2}
REKEY = {
    'small': [REKEY_SMALL, {'keys': 3, 'attempts': 1}],
    'large': [{'keys': 3, 'attempts': 2}],
    'mutations': {
        'OLD_ATTEMPT_ANSWERED': ({'keys': 3, 'attempts': 1}, 'attempt_once'),
        'OLD_KEY_DROPPED_BY_RESPONDER': (REKEY_SMALL, 'heard'),
        'OLD_KEY_DROPPED_BY_REQUESTER': (REKEY_SMALL, 'heard'),
        'HALF_ENDS_EARLY': (REKEY_SMALL, 'heard'),
        'ANY_K2_TAKEN': (REKEY_SMALL, 'heard confirmed'),
        'NOBODY_GIVES_WAY': ({'keys': 3, 'attempts': 1}, 'heard same_key'),
        'CONFIRMED_BY_ANYTHING': (REKEY_SMALL, 'confirmed'),
    },
    'borne': {},
    'reached': 'accepted completed completed_twice both_ask gave_way ignored_while_asking '
               'replay_dropped unconfirmed',
}

RESEED_SMALL = {'generations': 2, 'tries': 1}
RESEED_STEADY = {'generations': 3, 'tries': 2, 'steady': 1}
RESEED = {
    'small': [RESEED_SMALL, RESEED_STEADY],
    'large': [{'generations': 3, 'tries': 2}],
    'mutations': {
        'ATTEMPT_BEFORE_COMMIT': (RESEED_SMALL, 'attempt_once never_apart'),
        'OLD_ATTEMPT_ANSWERED': (RESEED_STEADY, 'never_apart'),
        'OLD_ATTEMPT_PENDING': (RESEED_STEADY, 'never_apart'),
        'MOVED_ON_M2': (RESEED_SMALL, 'never_apart'),
        'OLD_NOT_ANSWERED': (RESEED_SMALL, 'never_apart'),
        'M4_BEFORE_COMMIT': (RESEED_SMALL, 'never_apart'),
        'MOVED_ON_M3': (RESEED_SMALL, 'never_apart'),
        'OLD_FORGOTTEN_ON_ANY_M2': (RESEED_SMALL, 'never_apart'),
        'MOVE_NOT_COMMITTED': (RESEED_SMALL, 'never_apart'),
        # Known, and why it is off by default: a store that went back is locked out.
        'none': ({'generations': 2, 'tries': 1, 'backs': 1}, 'never_apart'),
    },
    'borne': {},
    'reached': 'pending moved followed old_forgotten older_not_pending',
}

if LONG:
    RESEED['mutations']['BOTH_BEGIN'] = ({'generations': 3, 'tries': 1}, 'never_apart')

MODELS = {'sync': SYNC, 'rekey': REKEY, 'reseed': RESEED}

# Rows that say something else than the engine: the model has to find that.
OTHER_ROWS = {
    'M1 is sent before the commit':
        (('initiator', ('IDLE', 'START', 'COMMITTING', 'PERSIST')),
         ('IDLE', 'START', 'WAIT_ANSWER', 'PERSIST, SEND'), sync(),
         'forward_secret index_once_at_a'),
    'M2 is sent before the commit':
        (('responder', ('FREE', 'FIRST', 'COMMITTING', 'PERSIST')),
         ('FREE', 'FIRST', 'OPEN', 'PERSIST, SEND'), sync(),
         'forward_secret index_once_at_b'),
    'the jump after R2 is the end':
        (('initiator', ('JUMPING', 'DURABLE', 'DONE', 'READY')),
         ('JUMPING', 'DURABLE', 'FAILED', 'DROP'), sync(a_backs=1), 'recoverable'),
}


def states():
    """tools/states, which reads the rows from the code."""
    path = os.path.join(os.path.dirname(HERE), 'tools', 'states')
    loader = importlib.machinery.SourceFileLoader('states', path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('states', loader))
    loader.exec_module(module)
    return module


class Model:
    """A model, translated and compiled in a folder of its own."""

    def __init__(self, name, folder, rows):
        self.name = name
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for part in glob.glob(os.path.join(HERE, name + '*.pml')):
            shutil.copy(part, folder)
        shutil.copy(os.path.join(HERE, 'common.pml'), folder)
        with open(os.path.join(folder, 'engine.pml'), 'w', encoding='utf-8') as f:
            f.write(rows + '\n')
        with open(os.path.join(folder, name + '.pml'), encoding='utf-8') as f:
            self.numbers = dict(re.findall(r'^#define ([A-Z]\w+) (\d+)$', f.read(), re.M))
        self.log = ''
        self.good = self.make(['spin', '-a', name + '.pml']) and self.make(
            ['gcc', '-O2' if LONG else '-O1', '-w', '-DSAFETY', '-DMEMLIM=16000', '-o', 'pan',
             'pan.c'])

    def make(self, command):
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
        self.log += done.stdout
        return done.returncode == 0

    def search(self, number, settings, mutation='none'):
        """What the search said; each has a folder, for the trail of a claim that is broken."""
        folder = os.path.join(self.folder, str(number))
        os.makedirs(folder)
        said = {**settings, 'mutation': self.numbers.get(mutation, '0')}
        done = subprocess.run(
            [os.path.join(self.folder, 'pan'), '-m3000000', '-w20'], cwd=folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            env={**os.environ, **{name: str(value) for name, value in said.items()}})
        return done.stdout


def whole(output):
    """True if every state was looked at and no claim was broken."""
    return 'errors: 0' in output and 'Search not completed' not in output and \
        'too small' not in output and 'broken' not in output


def found(output, names):
    """True if one of these claims was broken, and none other."""
    broken = set(re.findall(r'^broken (\w+)', output, re.M))
    return bool(broken) and broken <= set(names.split())


def jobs(made):
    """(title, what to do, whether its output is good, whether its rows count)"""
    for name, what in MODELS.items():
        model = made[name]
        for settings in what['small'] + (what['large'] if LONG else []):
            title = ' '.join('%s=%s' % item for item in settings.items())
            yield '%s: the claims hold, %s' % (name, title), (model, settings), whole, name
        for mutation, settings in what['borne'].items():
            yield '%s: %s is borne' % (name, mutation), (model, settings, mutation), whole, None
        for mutation, (settings, names) in what['mutations'].items():
            title = mutation if mutation != 'none' else 'what is known to fail'
            yield ('%s: %s breaks %s' % (name, title, names), (model, settings, mutation),
                   lambda output, names=names: found(output, names), None)
    for title, (_, _, settings, names) in OTHER_ROWS.items():
        yield ('sync: a row by which %s breaks it' % title, (made[title], settings),
               lambda output, names=names: found(output, names), None)


def compile_all(folder):
    module = states()
    mode = module.MODES[1]
    wanted = {name: (name, lambda engine, row: row) for name in MODELS}
    for title, ((engine, row), other, _, _) in OTHER_ROWS.items():
        if row not in module.rows(mode, engine):
            sys.exit('no such row: %s' % (row,))
        wanted[title] = ('sync', lambda name, one, row=row, engine=engine, other=other:
                         other if (name, one) == (engine, row) else one)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        made = {key: pool.submit(Model, name, os.path.join(folder, re.sub(r'\W', '-', key)),
                                 '\n'.join(module.promela(mode, change)))
                for key, (name, change) in wanted.items()}
        rows = {'%s %s %s' % (mode.engines[engine][0].rstrip('('), row[0], row[1])
                for engine in mode.engines for row in module.rows(mode, engine)}
        return {key: job.result() for key, job in made.items()}, rows


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if shutil.which('spin') is None:
        print('1..1\nnot ok 1 - spin is installed: tools/bootstrap check')
        return 1
    made, rows = compile_all(os.path.abspath(sys.argv[1]))
    results = [('%s can be compiled' % key, model.good, model.log) for key, model in made.items()]
    reached = {name: set() for name in MODELS}
    gone = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        started = [(job, pool.submit(job[1][0].search, number, *job[1][1:]))
                   for number, job in enumerate(jobs(made)) if job[1][0].good]
        for (title, _, good, name), future in started:
            output = future.result()
            results.append((title, good(output), output))
            if name is not None:
                reached[name] |= set(re.findall(r'^reached (\w+)', output, re.M))
                gone |= set(re.findall(r'^row (.*)', output, re.M))
    for name, what in MODELS.items():
        for probe in what['reached'].split():
            results.append(('%s: %s is reached' % (name, probe), probe in reached[name], ''))
    for row in sorted(rows):
        if row in NOT_MODELLED:
            results.append(('%s is not gone through, as is said' % row, row not in gone, ''))
        else:
            results.append(('a model goes through %s' % row, row in gone, ''))
    for row in sorted(set(NOT_MODELLED) - rows):
        results.append(('%s is a row' % row, False, ''))
    print('1..%d' % len(results))
    for number, (title, good, output) in enumerate(results, 1):
        print('%s %d - %s' % ('ok' if good else 'not ok', number, title))
        if not good:
            print('\n'.join('# ' + line for line in output.split('\n')[-40:]))
    return 0 if all(good for _, good, _ in results) else 1


if __name__ == '__main__':
    sys.exit(main())
