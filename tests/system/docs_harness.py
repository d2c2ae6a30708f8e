# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a page of docs/, compares what they print, and reads its configurations."""

import os
import re
import shutil
import socket
import subprocess
import tempfile

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')


def pattern(text):
    """A block of `text` as what has to be printed: an id stands for any id, and so do a fingerprint
    and a group of words."""
    text = re.escape(text)
    text = re.sub(r'[0-9a-f]{4}(\\ [0-9a-f]{4}){3}', '[0-9a-f]{4}( [0-9a-f]{4}){3}', text)
    text = re.sub(r'[a-z]{5}(\\ [a-z]{5}){4}', '[a-z]{5}( [a-z]{5}){4}', text)
    return re.sub(r'[0-9a-f]{8}(\\-[0-9a-f]{4}){3}\\-[0-9a-f]{12}', r'[0-9a-f-]{36}', text)


def blocks(page, kind):
    """The blocks of a page of docs/ with this word."""
    with open(os.path.join(SOURCE, 'docs', page), encoding='utf-8') as f:
        return re.findall(r'^```%s\n(.*?)^```$' % kind, f.read(), re.M | re.S)


def checked(program, text, directory):
    """Whether a daemon takes a configuration, and what it said."""
    path = os.path.join(directory, 'conf')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    done = subprocess.run([program, '-c', path, '--check'], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode == 0, done.stdout + text


def alone(agents, one, other, paired):
    """Two agents without hubs, which can be paired or not."""
    for name, peer in ((one, other), (other, one)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        agents.make(name, 'peers = ( { name = "%s"; profiles = []; accept = [ "app:*" ]; } );\n'
                    % peer + ('pairwise = { listen = "127.0.0.1:%d"; advertise = "127.0.0.1:%d"; };'
                              '\n' % (port, port) if paired else ''))
        agents.start(name)


def run_page(tap, page, variables, replaced):
    """Blocks of sh run one after another in one directory, in one shell each; a block of `text`
    behind one says what it prints.  What a block starts with & is ended with the page."""
    with open(page, encoding='utf-8') as f:
        blocks = re.findall(r'^```(sh|text)\n(.*?)^```$', f.read(), re.M | re.S)
    directory = tempfile.mkdtemp(prefix='skex-page-')
    env = {**os.environ, **variables, 'SKEX_SOURCE': SOURCE}
    # One shell, so that variables and jobs of one block are there in the next.
    script = 'set -euo pipefail\ntrap \'kill $(jobs -p) 2>/dev/null || :\' EXIT\n'
    for number, (kind, text) in enumerate(blocks):
        if kind == 'sh':
            for old, new in replaced.items():
                text = text.replace(old, new)
            script += '{\n%s\n} >out.%d\n' % (text, number)
    with open(os.path.join(directory, 'err'), 'w', encoding='utf-8') as err:
        code = subprocess.run(['bash', '-c', script], cwd=directory, env=env, check=False,
                              stdin=subprocess.DEVNULL, stderr=err).returncode
    with open(os.path.join(directory, 'err'), encoding='utf-8') as f:
        said = f.read()
    tap.check('the commands of %s run' % os.path.basename(page), code == 0 and blocks, said)
    for number, (kind, text) in enumerate(blocks):
        out = os.path.join(directory, 'out.%d' % (number - 1))
        if kind == 'text' and os.path.exists(out):
            with open(out, encoding='utf-8') as f:
                printed = f.read()
            tap.check('prints what the page says: ' + text.split('\n', maxsplit=1)[0],
                      re.fullmatch(pattern(text), printed) is not None, printed)
    tap.check('and each block was come to', all(
        os.path.exists(os.path.join(directory, 'out.%d' % number))
        for number, (kind, _) in enumerate(blocks) if kind == 'sh'))
    shutil.rmtree(directory)
