# SPDX-License-Identifier: Apache-2.0
"""Runs the tests in the kernel under test, one after the other; /mnt/names has those wanted.

Of a test for which this kernel has not what it needs, it says `lacks: NAME`.
"""

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ROTATION = os.path.join(ROOT, 'tests', 'system', 'rotation')

# name, script, what it gets in the environment, the kind of interface that it needs
TESTS = [
    ('esp', os.path.join(ROTATION, 'ikev2.py'), {'SKEX_KERNEL_ESP': '1'}, None),
    ('macsec', os.path.join(HERE, 'macsec.py'), {}, None),
    ('macsec-static', os.path.join(HERE, 'macsec_static.py'), {}, None),
    ('macsec-daemons', os.path.join(HERE, 'macsec_daemons.py'), {}, None),
    # User-mode Linux of Debian has none.
    ('wireguard', os.path.join(ROTATION, 'hooks.py'), {'SKEX_KERNEL_WIREGUARD': '1'}, 'wireguard'),
]


def has(kind):
    done = subprocess.run(['ip', 'link', 'add', 'probe', 'type', kind], check=False,
                          stderr=subprocess.DEVNULL)
    if done.returncode == 0:
        subprocess.run(['ip', 'link', 'del', 'probe'], check=True)
    return done.returncode == 0


def main():
    with open('/mnt/names', encoding='ascii') as f:
        names = f.read().split()
    build = os.environ['SKEX_BUILD']
    known = [test[0] for test in TESTS]
    for name in names:
        if name not in known and not os.path.exists(name):
            print('broken: there is no test %s' % name, flush=True)
    others = [(path, path, {}, None) for path in names if os.path.exists(path)]
    for name, script, more, kind in TESTS + others:
        if names and name not in names:
            continue
        if kind and not has(kind):
            print('lacks: %s' % name, flush=True)
            continue
        print('== %s' % name, flush=True)
        started = time.monotonic()
        planned = False
        with subprocess.Popen([sys.executable, script, build], env=dict(os.environ, **more),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True) as process:
            for line in process.stdout:
                print(line, end='', flush=True)
                planned = planned or line.startswith('1..')
        print('# %s took %.0f s' % (name, time.monotonic() - started), flush=True)
        if not planned:
            print('broken: %s ended before its end, with status %d' % (name, process.returncode),
                  flush=True)


main()
