# SPDX-License-Identifier: Apache-2.0
"""What the scripts share: the files to look at, C without comments, reports.

Each house-rule script is run as `tools/rules/NAME [ROOT]` and prints `file:line: rule N: what` for
each violation. It exits with 1 if there were any. A line that says `rule N: reason` in a comment is
allowed to break rule N.
"""

import os
import re
import sys

SKIPPED_FOLDERS = {'.git', '.cache', '__pycache__', 'build'}
SAMPLES = os.path.join('tools', 'rules', 'samples')
HERE = os.path.dirname(os.path.abspath(__file__))


def files(root, suffixes=None):
    """Paths below root, relative to it, sorted; of these suffixes, or all."""
    found = []
    for folder, subfolders, names in os.walk(root):
        here = os.path.relpath(folder, root)
        subfolders[:] = sorted(
            name for name in subfolders
            if name not in SKIPPED_FOLDERS and not name.startswith('build-')
            and os.path.normpath(os.path.join(here, name)) != SAMPLES)
        for name in sorted(names):
            if suffixes is None or name.endswith(tuple(suffixes)):
                found.append(os.path.normpath(os.path.join(here, name)))
    return sorted(found)


def read(root, path):
    """The text of a file, or None if it is not text."""
    with open(os.path.join(root, path), 'rb') as f:
        data = f.read()
    if b'\0' in data:
        return None
    try:
        return data.decode('utf-8')
    except UnicodeDecodeError:
        return None


_C_TOKEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def _blank(text):
    return re.sub(r'[^\n]', ' ', text)


def without_comments(text):
    """C with comments blanked; lines and columns stay where they were."""
    def replace(match):
        token = match.group(0)
        return _blank(token) if token.startswith('/') else token
    return _C_TOKEN.sub(replace, text)


def code_only(text):
    """C with comments and the insides of strings blanked."""
    def replace(match):
        token = match.group(0)
        if token.startswith('/'):
            return _blank(token)
        return token[0] + _blank(token[1:-1]) + token[-1]
    return _C_TOKEN.sub(replace, text)


def folder_of(path, folders):
    """The longest of these folders that holds path, or None."""
    best = None
    for folder in folders:
        if path.startswith(folder + '/') and (best is None or len(folder) > len(best)):
            best = folder
    return best


class Report:
    """Collects violations, honours the exceptions written beside them."""

    def __init__(self, root):
        self.root = root
        self.count = 0
        self._lines = {}

    def _line(self, path, number):
        if path not in self._lines:
            self._lines[path] = (read(self.root, path) or '').split('\n')
        lines = self._lines[path]
        return lines[number - 1] if 0 < number <= len(lines) else ''

    def allowed(self, path, number, rule):
        return re.search(r'\brule %d: *\w' % rule, self._line(path, number)) is not None

    def violation(self, path, number, rule, what):
        if not self.allowed(path, number, rule):
            print('%s:%d: rule %d: %s' % (path, number, rule, what))
            self.count += 1

    @staticmethod
    def warning(path, number, rule, what):
        print('%s:%d: warning, rule %d: %s' % (path, number, rule, what))

    def finish(self):
        sys.exit(1 if self.count else 0)


class Tap:
    """Of a script that is run as a test: its cases; notes go to standard error."""

    def __init__(self):
        self.count = self.failed = 0

    def check(self, name, good, notes=()):
        self.count += 1
        self.failed += not good
        print('%s %d - %s' % ('ok' if good else 'not ok', self.count, name.replace('#', '')))
        for note in notes if not good else ():
            print('# ' + note, file=sys.stderr)

    def unless(self, name, notes):
        """Good if there is no note."""
        self.check(name, not notes, notes)

    def end(self):
        """The plan; the exit code."""
        print('1..%d' % self.count)
        return 1 if self.failed or not self.count else 0


def root_argument():
    """The tree to look at: the first argument, or the one this script lies in."""
    if len(sys.argv) > 1:
        return sys.argv[1]
    return os.path.dirname(os.path.dirname(HERE))
