#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make demo`, but for the packages that it installs: it comes to its end, and keys are the same.

usage: demo.py BUILD
"""

import os
import re
import subprocess
import sys

from docs_harness import SOURCE
from lab_harness import BUILD, Tap

tap = Tap()


def demo():
    done = subprocess.run([os.path.join(SOURCE, 'tools', 'demo')], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    tap.check('the demonstration comes to its end', done.returncode == 0, done.stdout[-4000:])
    keys = re.findall(r'key of \d+ bits at (\w+), fingerprint (\w+)', done.stdout)
    tap.check('it shows keys, each at two ends', len(keys) >= 6 and len(keys) % 2 == 0, keys)
    for (one, key), (other, same) in zip(keys[::2], keys[1::2]):
        tap.check('%s and %s have the same' % (one, other), one != other and key == same)


if os.geteuid() != 0 or not os.path.samefile(BUILD, os.path.join(SOURCE, 'build')):
    print('1..0 # skip not root, or not in build/, where the demonstration looks')
    sys.exit(0)
tap.run([demo])
tap.end()
