#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The units for systemd as they are installed: systemd knows all of them; each is a sandbox."""

import os
import re
import shutil
import subprocess
import tempfile

from lab_harness import BUILD, Tap

tap = Tap()

THRESHOLD = 30  # of 100; what a unit without any sandbox has is above 90
UNITS = {'skexd.service': 'skexd', 'skex-hub.service': 'skex-hub'}
SYSUSERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'packaging',
                        'systemd', 'skex.sysusers')


def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


class Units:
    """The units, with the programs where they were built, in a folder of their own."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix='skex-test-')
        self.text = {}
        for unit, program in UNITS.items():
            with open(os.path.join(BUILD, 'packaging', unit), encoding='utf-8') as f:
                text = f.read()
            built = os.path.join(os.path.abspath(BUILD), program)
            self.text[unit] = re.sub(r'^ExecStart=\S+', 'ExecStart=' + built, text, flags=re.M)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def write(self, unit, text):
        path = os.path.join(self.folder, unit)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def verify(self, unit, text):
        """Nothing is printed for a unit that systemd knows all of."""
        return run('systemd-analyze', 'verify', '--man=no', self.write(unit, text))

    def security(self, unit, text):
        return run('systemd-analyze', 'security', '--no-pager', '--offline=true',
                   '--threshold=%d' % THRESHOLD, self.write(unit, text))


def known():
    with Units() as units:
        for unit, text in units.text.items():
            tap.equal('%s: systemd-analyze verify' % unit, units.verify(unit, text), (0, ''))
            code, said = units.verify(unit, text.replace('ProtectHome', 'ProtectHouse'))
            tap.check('%s: a word that systemd does not know is seen' % unit,
                      'ProtectHouse' in said, (code, said))


def sandbox():
    with Units() as units:
        for unit, text in units.text.items():
            code, said = units.security(unit, text)
            tap.check('%s: systemd-analyze security, at most %d' % (unit, THRESHOLD), code == 0,
                      said)
            bare = re.sub(r'^(Protect|Private|Restrict|SystemCall|Capability|NoNew|User).*\n', '',
                          text, flags=re.M)
            tap.check('%s: without its sandbox it is above that' % unit,
                      units.security(unit, bare)[0] != 0)


def secrets():
    """What keeps secrets off the disk, and the key of keys out of the configuration."""
    with Units() as units:
        for unit, text in units.text.items():
            for line in ['LimitCORE=0', 'MemorySwapMax=0', 'LimitMEMLOCK=infinity', 'Type=notify',
                         'LoadCredential=kek:/etc/skex/%s.kek' % UNITS[unit]]:
                tap.check('%s: %s' % (unit, line), line in text.split('\n'))


def users():
    with tempfile.TemporaryDirectory(prefix='skex-test-') as root:
        os.makedirs(os.path.join(root, 'etc'))
        code, said = run('systemd-sysusers', '--root=' + root, SYSUSERS)
        with open(os.path.join(root, 'etc', 'passwd'), encoding='utf-8') as f:
            made = [line.split(':')[0] for line in f]
    tap.check('systemd-sysusers makes both users', {'skex', 'skex-hub'} <= set(made),
              (code, said, made))
    with Units() as units:
        for unit, text in units.text.items():
            user = re.search(r'^User=(\S+)$', text, re.M).group(1)
            tap.check('%s runs as one of them' % unit, user in made)


tap.run([known, sandbox, secrets, users])
tap.end()
