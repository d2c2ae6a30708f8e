#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Configurations and commands of pages that have no test of their own, with real programs.

usage: documents.py BUILD
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'rotation'))

from docs_harness import SOURCE, alone, blocks, checked, pattern  # noqa: E402
from keyfile_services import (  # noqa: E402
    ACTIVATE, CLIENT, PLAIN, SERVER, Echo, EchoServer, listens, own_network, read, takes, wait_for,
    write)
from lab_harness import BUILD, OK, Agents, Lab, Tap, ask, skex, until  # noqa: E402
from qr_image import at_terminal  # noqa: E402

SKEXD = os.path.join(BUILD, 'skexd')
BASE = '''name = "%s";
directory = "/var/lib/skex";
kek = { credential = "kek"; };
profiles = ( { name = "%s"; k = 2; hubs = ( { name = "hub1"; owner = "north"; },
	{ name = "hub2"; owner = "south"; } ); } );
'''

tap = Tap()


# --- what skexd reads ---

def settings():
    """Each configuration is taken behind the least that an agent has."""
    with tempfile.TemporaryDirectory(prefix='skex-test-') as directory:
        for page in ('pairwise.md', 'integration/cms.md', 'integration/tls.md',
                     'integration/etsi014.md', 'integration/skip.md', 'integration/qkd014.md',
                     'bindings.md'):
            found = blocks(page, 'conf')
            tap.check('%s has configurations' % page, found or page == 'bindings.md')
            for block in found:
                peer = re.search(r'peers = \( ?\{\s*name = "(\w+)"', block)
                own = 'agent2' if peer and peer.group(1) == 'agent1' else 'agent1'
                if 'combine' in block and 'qkd014' not in block:
                    block += '\n' + blocks('pairwise.md', 'conf')[0]
                profile = 'main' if '"main"' in block else 'default'
                tap.check('%s: %s' % (page, block.split('\n', maxsplit=1)[0]),
                          *checked(SKEXD, BASE % (own, profile) + block, directory))
        tap.check('one with a mistake is not', not checked(
            SKEXD, BASE % ('agent1', 'main') + 'skip = { lisen = "127.0.0.1:1"; };', directory)[0])


# --- what other programs read ---

def run(*words, **more):
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **more)


def bird():
    """BIRD takes the blocks of routing.md, with a file such as skexd writes."""
    with tempfile.TemporaryDirectory(prefix='skex-test-') as directory:
        for block in blocks('integration/routing.md', 'conf'):
            if not block.startswith('protocol'):
                continue
            keys = os.path.join(directory, 'keys')
            conf = os.path.join(directory, 'bird.conf')
            ospf = block.startswith('protocol ospf')
            write(keys, 'authentication cryptographic;\n'
                  'password "x" { id 1; algorithm hmac sha256; };\n' if ospf else 'password "x";\n')
            text = 'router id 192.0.2.1;\nprotocol device {}\n' + block.replace(
                '/etc/bird/skex/site-b.conf', keys)
            write(conf, text)
            first = block.split('\n', maxsplit=1)[0]
            done = run('bird', '-p', '-c', conf)
            tap.check('BIRD reads ' + first, done.returncode == 0, done.stdout)
            write(conf, text.replace('protocol', 'protocoll', 2))
            tap.check('and not with a mistake', run('bird', '-p', '-c', conf).returncode != 0)


def swanctl():
    """A charon takes the blocks of ipsec.md."""
    with tempfile.TemporaryDirectory(prefix='skex-test-') as directory:
        path = os.path.join(directory, 'charon')
        write(path + '.conf', 'charon-systemd {\n  load = random nonce aes sha1 sha2 hmac kdf '
              'kernel-netlink socket-default vici\n  plugins { vici { socket = unix://%s.vici } }\n'
              '}\n' % path)
        env = dict(os.environ, STRONGSWAN_CONF=path + '.conf')
        charon = subprocess.Popen(  # pylint: disable=consider-using-with
            ['/usr/sbin/charon-systemd'], env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: os.path.exists(path + '.vici') or charon.poll() is not None)

            def load(text):
                write(path + '.swanctl', text)
                return run('swanctl', '--load-all', '--noprompt', '--uri', 'unix://%s.vici' % path,
                           '--file', path + '.swanctl', env=env)
            found = blocks('integration/ipsec.md', 'conf')
            tap.equal('there are two', len(found), 2)
            done = load('\n'.join(found))
            tap.check('charon takes them', done.returncode == 0 and 'ike-site-b' in done.stdout and
                      "loaded connection 'no-clear'" in done.stdout, done.stdout)
            done = load(found[1].replace('mode = drop', 'mode = drip'))
            tap.check('and not with a mistake', done.returncode != 0, done.stdout)
        finally:
            charon.terminate()
            charon.wait()


class Services:
    """The services of keyfiles.md, by its own words, in a folder."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='skex-test-')
        self.processes = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def spawn(self, *command):
        with open(self.path('out'), 'ab') as out:
            self.processes.append(subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out))

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.wait()
        self.processes = []

    def stunnel(self, end, change):
        """The page's configuration; change(text) makes the client's of it."""
        folder = self.path(end)
        os.makedirs(folder)
        text = blocks('integration/keyfiles.md', 'ini')[0]
        for old in ('/etc/stunnel', '/run/stunnel4', '/var/log/stunnel4'):
            text = text.replace(old, folder)
        shutil.copy(self.path('keys'), os.path.join(folder, 'vpn.psk'))
        write(os.path.join(folder, 'vpn.conf'), 'foreground = yes\n' + change(text))
        self.spawn(sys.executable, '-c', ACTIVATE, str(SERVER if end == 'server' else CLIENT),
                   os.path.join(folder, 'vpn.conf'))
        wait_for(lambda: os.path.exists(os.path.join(folder, 'vpn.pid')))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder)


NAME, KEY = 'vpn.0188c0a0-1111-8222-9333-0123456789ab', 'ab' * 32


def serves(name):
    tap.check(name + ' takes the key', takes(NAME, KEY))
    tap.check(name + ' takes no other', not takes(NAME, 'cd' * 32))


def key_files():
    """stunnel, a GnuTLS server and mosquitto, as keyfiles.md has them."""
    commands = blocks('integration/keyfiles.md', 'sh')
    check = next(block for block in commands if block.startswith('#!'))
    gnutls = next(block for block in commands if block.startswith('gnutls-serv'))
    with Services() as services:
        write(services.path('keys'), '%s:%s\n' % (NAME, KEY))
        services.stunnel('server', lambda text: text)
        services.stunnel('client', lambda text: text.replace(
            'accept = %d' % SERVER, 'client = yes\naccept = %d' % CLIENT).replace(
                str(PLAIN), str(SERVER)))
        serves('stunnel')
        write(services.path('check'), check.replace(
            '/var/log/stunnel4/client.log', services.path('client/vpn.log')), 0o755)
        for name, code in ((NAME, 0), (NAME[:-1] + '0', 1)):
            tap.equal('the check of %s' % name[-4:], run(
                services.path('check'), env=dict(os.environ, SKEX_KEY_NAME=name)).returncode, code)
        services.stop()
        wait_for(lambda: not listens(SERVER))
        services.spawn(*gnutls.replace('\\\n', ' ').replace(
            '/etc/skex/vpn.psk', services.path('keys')).split())
        wait_for(lambda: listens(SERVER))
        serves('gnutls-serv')
        services.stop()
        wait_for(lambda: not listens(SERVER))
        conf = blocks('integration/keyfiles.md', 'conf')[0]
        for old, new in (('8883', '%d 127.0.0.1' % SERVER),
                         ('/etc/mosquitto/vpn.psk', services.path('keys')),
                         ('/run/mosquitto/mosquitto.pid', services.path('pid'))):
            conf = conf.replace(old, new)
        write(services.path('mosquitto.conf'), conf + 'user root\n')
        services.spawn('mosquitto', '-c', services.path('mosquitto.conf'))
        wait_for(lambda: listens(SERVER))
        serves('mosquitto')


# --- what an administrator types ---

def run_console(agents, page, before, change):
    """A prompt `NAME$` or `NAME#` is a command at the agent NAME; the lines behind it are what it
    prints, at a terminal. change(command, said) may put in what the one before said."""
    said, directory = '', agents.path(page.replace('.md', ''))
    os.makedirs(directory)
    for block in blocks(page, 'console'):
        before(block)
        for name, command, wanted in re.findall(
                r'^ *(\w+)[#$] (.*)\n((?:(?! *\w+[#$] ).*\n)*)', block, re.M):
            command = change(command, said)
            words = '\n'.join(re.findall(r'^(?:[a-z]{5} ){4}[a-z]{5}$', said, re.M))
            typed = words + '\n' if 'take --words' in command else ''
            env = ['env', '-C', directory, 'SKEX_SOCKET=' + agents.socket(name),
                   'PATH=%s:%s' % (os.path.abspath(BUILD), os.environ['PATH'])]
            code, said = at_terminal([*env, 'bash', '-c', command], typed=typed)
            tap.check('%s: %s' % (page, command), code == 0, said)
            for line in wanted.strip().splitlines():
                tap.check('it prints: ' + line, re.search(pattern(line), said) is not None, said)


def carried():
    with Agents('skex-documents-') as agents:
        alone(agents, 'alice', 'bob', False)
        run_console(agents, 'keyfill.md', lambda _: os.makedirs(agents.path('keyfill', 'STICK')),
                    lambda command, said: command.replace('KEY-ID', next(iter(
                        re.findall(r'[0-9a-f]{8}-[0-9a-f-]{27}', said)), 'KEY-ID')))
        with open(agents.path('keyfill', 'key'), 'rb') as f:
            tap.equal('a key is there', len(f.read()), 32)
        tap.check('no file is', not os.path.exists(agents.path('keyfill', 'alice-bob')) and
                  os.listdir(agents.path('keyfill', 'STICK')) == [])


def paired():
    with Agents('skex-documents-') as agents:
        alone(agents, 'alpha', 'bravo', True)
        file = agents.path('bravo.cred')

        def shown():
            return [skex('pair', 'show', peer, '--json', '--socket', agents.socket(name))
                    for name, peer in (('alpha', 'bravo'), ('bravo', 'alpha'))]

        def agreed(what):
            ends = [end.json for end in shown()]
            tap.check('both ends have the fingerprint of ' + what, ends[0]['fingerprint'] ==
                      ends[1]['fingerprint'] and ends[0]['slot'] != ends[1]['slot'], ends)

        def before(block):
            if 'pair make' in block and shown()[0].code == OK:
                agreed('a file')
                for name, peer in (('alpha', 'bravo'), ('bravo', 'alpha')):
                    skex('pair', 'revoke', peer, '--socket', agents.socket(name))

        def change(command, _):
            for old, new in (('/run/skex/bravo.cred', file), ('/media/stick/bravo.cred', file),
                             ('gw-a.example', '127.0.0.1')):
                command = command.replace(old, new)
            return command
        run_console(agents, 'pairwise.md', before, change)
        agreed('words')


def at_run_time():
    """The commands of bindings.md, one by one, with the binding of wireguard.md."""
    found = blocks('bindings.md', 'sh')
    if not found:
        return
    with Lab(hubs=2, threshold=2, agents=2) as lab:
        directory, at = lab.path('site-d'), lab.socket('agent1')
        os.makedirs(directory)
        write(os.path.join(directory, 'site-d.conf'),
              blocks('integration/wireguard.md', 'conf')[0].replace('site-b', 'site-d'))
        for command in '\n'.join(found).strip().split('\n'):
            done = run('bash', '-c', command, cwd=directory, env=dict(
                os.environ, SKEX_SOCKET=at, PATH='%s:%s' % (
                    os.path.abspath(BUILD), os.environ['PATH'])))
            tap.check('bindings.md: ' + command, done.returncode == 0, done.stdout)
            # One that was added is at work before it can be removed.
            tap.check('and it is so', until(lambda c=command: [
                binding['problem'] != '' for binding in ask(at, op='bindings')['bindings']] ==
                ([True] if ' add ' in c else [])))


SET_UP = '''set -euo pipefail
cp -a /etc etc
mount --bind etc /etc
mkdir -p /etc/sysusers.d /etc/systemd/system
cp "$SYSUSERS" /etc/sysusers.d/skex.conf
cp "$BUILD"/packaging/skex*.service /etc/systemd/system/
export EDITOR=true SYSTEMD_OFFLINE=1
%s
stat -c '%%s %%a %%U' /etc/skex/skexd.kek
stat -c '%%a %%U:%%G' /etc/bird/skex
id -nG skex
readlink /etc/systemd/system/multi-user.target.wants/skexd.service
'''


def set_up():
    """What systemd.md and routing.md tell an administrator to do, in an /etc of its own."""
    commands = '\n'.join(blocks('systemd.md', 'sh') + blocks('integration/routing.md', 'sh'))
    commands = commands.replace('systemctl enable --now', 'systemctl enable')
    with tempfile.TemporaryDirectory(prefix='skex-test-') as directory:
        done = run('unshare', '--mount', 'bash', '-c', SET_UP % commands, cwd=directory, env=dict(
            os.environ, BUILD=os.path.abspath(BUILD),
            SYSUSERS=os.path.join(SOURCE, 'packaging', 'systemd', 'skex.sysusers')))
        lines = done.stdout.split('\n')
        tap.equal('users, folders, key and unit are there', (done.returncode, lines[-5:-1]), (
            0, ['32 600 root', '2750 skex:bird', 'skex bird',
                '/etc/systemd/system/skexd.service']))
        tap.check('the drop-in is one of a service', blocks('systemd.md', 'ini'))
        with open(os.path.join(BUILD, 'packaging', 'skexd.service'), encoding='utf-8') as f:
            unit = re.sub(r'^ExecStart=\S+', 'ExecStart=' + SKEXD, f.read(), flags=re.M)
        for block in blocks('systemd.md', 'ini'):
            for text, good in ((block, True), (block.replace('LoadCred', 'LoseCred'), False)):
                path = os.path.join(directory, 'skexd.service')
                write(path, unit.replace(SKEXD, os.path.abspath(SKEXD)) + '\n' + text)
                said = run('systemd-analyze', 'verify', '--man=no', path).stdout
                tap.check('systemd knows all of it' if good else 'and not of another',
                          (said == '') == good, said)


def made():
    """What README.md tells to make can be made."""
    lines = [line.split('#')[0].split() for line in
             blocks(os.path.join('..', 'README.md'), 'sh')[0].strip().split('\n')]
    commands = [words for words in lines if words]
    tap.check('there are some', commands and {words[0] for words in commands} == {'make'}, commands)
    for words in commands:
        done = run(*words, '-n', cwd=SOURCE)
        tap.check(' '.join(words), done.returncode == 0 and 'tools/' in done.stdout, done.stdout)
        for program in re.findall(r'^(tools/[\w-]+)', done.stdout, re.M):
            tap.check('there is ' + program, os.access(os.path.join(SOURCE, program), os.X_OK))


def main():
    if os.geteuid() != 0:
        print('1..0 # skip not root')
        sys.exit(0)
    own_network()
    echo = EchoServer(('127.0.0.1', PLAIN), Echo)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    tap.run([settings, bird, swanctl, key_files, carried, paired, at_run_time, set_up,
             made])


main()
tap.end()
