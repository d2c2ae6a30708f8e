# SPDX-License-Identifier: Apache-2.0
"""What the tests of programs share: TAP lines, running a program, waiting."""

import os
import subprocess
import sys
import time
import traceback


class Tap:
    """Counts checks; each is one line."""

    def __init__(self):
        self.count = self.failed = 0

    def check(self, name, good, note=''):
        self.count += 1
        self.failed += not good
        print('%s %d - %s' % ('ok' if good else 'not ok', self.count, name), flush=True)
        if not good and note != '':
            print('# %s' % str(note).replace('\n', '\n# '), flush=True)
        return good

    def equal(self, name, got, wanted):
        return self.check(name, got == wanted, 'got %r, wanted %r' % (got, wanted))

    def run(self, cases):
        """Runs functions one by one; one that raises has failed.  Prints the plan and exits."""
        for case in cases:
            try:
                case()
            except Exception:  # a broken case is a failure of that case
                self.check(case.__name__, False, traceback.format_exc(-2))
        print('1..%d' % self.count, flush=True)
        sys.exit(1 if self.failed or not self.count else 0)


class Result:
    """What a program did."""

    def __init__(self, code, out, err):
        self.code = code
        self.raw = out
        self.out = out.decode(errors='replace')
        self.err = err.decode(errors='replace')

    def __repr__(self):
        return 'exit %d\n%s\n%s' % (self.code, self.out, self.err)


def run(command, env=None, timeout=120, **more):
    """Runs a program to its end, with nothing of our own environment but the path."""
    done = subprocess.run(command, env={'PATH': os.environ['PATH'], **(env or {})},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=timeout, check=False, **more)
    return Result(done.returncode, done.stdout, done.stderr)


def wait_for(what, seconds=120):
    """True as soon as what() is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False
