#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""skex lab: what it prints, that it stops what it started, and what it refuses."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from lab_harness import (AGAIN, BUILD, ENVIRONMENT, OK, PATIENCE, REFUSED, SKEX, USAGE, Lab, Sae,
                         Tap, alive, skex, until)

tap = Tap()

TOP = ['version', 'dir', 'n', 'k', 'hubs', 'agents']
HUB = ['name', 'index', 'host', 'port', 'pid', 'admin_socket', 'log']
AGENT = ['name', 'pid', 'pids', 'socket', 'etsi014_url', 'ca', 'cert', 'key', 'sae', 'log']


def processes_of(directory):
    """Processes that have the directory in their command line."""
    found = []
    for name in os.listdir('/proc'):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open('/proc/%s/cmdline' % name, 'rb') as f:
                words = f.read()
        except OSError:
            continue
        if directory.encode() in words and b'skex' in words.split(b'\0')[0] and alive(int(name)):
            found.append(int(name))
    return found


def pids_of(what):
    return [hub['pid'] for hub in what['hubs']] + \
        [pid for agent in what['agents'] for pid in agent['pids']]


def types_of(one):
    return [type(value) for value in one.values()]


def is_absolute_and_there(path):
    return os.path.isabs(path) and os.path.exists(path)


def check_json(what):
    hubs, agents = what['hubs'], what['agents']
    tap.equal('members, in order', list(what), TOP)
    tap.check('members of hubs', all(list(hub) == HUB for hub in hubs), hubs)
    tap.check('members of agents', all(list(agent) == AGENT for agent in agents), agents)
    tap.equal('types', types_of(what), [int, str, int, int, list, list])
    tap.check('types of hubs', all(
        types_of(hub) == [str, int, str, int, int, str, str] for hub in hubs), hubs)
    tap.check('types of agents', all(
        types_of(agent) == [str, int, list] + [str] * 7 for agent in agents), agents)
    tap.equal('names of agents', [a['name'] for a in agents], ['agent1', 'agent2'])
    tap.check('addresses', all(hub['host'] == '127.0.0.1' for hub in hubs) and all(
        a['etsi014_url'].startswith('https://127.0.0.1:') for a in agents), what)
    tap.equal('names of hubs', [hub['name'] for hub in hubs], ['hub1', 'hub2', 'hub3'])
    tap.equal('indices', [hub['index'] for hub in hubs], [1, 2, 3])
    tap.equal('n and k', (what['version'], what['n'], what['k']), (1, 3, 2))
    tap.equal('names of SAEs', [a['sae'] for a in agents], ['sae-agent1', 'sae-agent2'])
    tap.check('files are there', all(
        is_absolute_and_there(one[name]) for one in hubs for name in ['admin_socket', 'log']) and
        all(is_absolute_and_there(one[name]) for one in agents
            for name in ['socket', 'ca', 'cert', 'key', 'log']))
    tap.check('all processes run', all(alive(pid) for pid in pids_of(what)))
    tap.check('an agent has a process for 014, and one that starts it', all(
        agent['pids'][0] == agent['pid'] and len(agent['pids']) == 3 for agent in agents))


def whole_life():
    with Lab() as lab:
        what = lab.what
        check_json(what)
        lab.stop('hub2')
        tap.check('stop stops one', not alive(what['hubs'][1]['pid']) and
                  alive(what['hubs'][0]['pid']))
        tap.equal('stop again', lab.stop('hub2').code, OK)
        tap.check('keys without one hub', lab.key('agent1', 'agent2').code == OK)
        pid = lab.start('hub2')
        tap.check('start starts it', alive(pid))
        tap.check('its legs come up again', lab.up('agent1', 'hub2') and lab.up('agent2', 'hub2'))
        tap.equal('start of what runs', skex('lab', 'start', '--dir', lab.dir, 'hub2').code, USAGE)
        tap.equal('an unknown name', lab.stop('hub9').code, REFUSED)
        siblings = what['agents'][0]['pids']
        lab.kill('agent1')
        tap.check('a killed agent\'s siblings end',
                  until(lambda: not any(alive(p) for p in siblings)))
        tap.check('a killed agent starts again', alive(lab.start('agent1')))
        tap.check('and has keys', lab.key('agent1', 'agent2').code == OK)
        tap.equal('down', skex('lab', 'down', '--dir', lab.dir).code, OK)
        tap.equal('nothing runs', processes_of(lab.directory), [])
        tap.equal('down again', skex('lab', 'down', '--dir', lab.dir).code, OK)
        up = skex('lab', 'up', '--dir', lab.dir)
        tap.equal('up where a lab was', up.code, REFUSED)
        tap.check('says what to do', 'lab down' in up.err, up)


def sockets_of(pids):
    """The sockets that these processes have open, as the tables of the network name them."""
    links = []
    for pid in pids:
        folder = '/proc/%d/fd' % pid
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(os.path.join(folder, name)))
    return {link[8:-1] for link in links if link.startswith('socket:[')}


def listening(table, pids):
    """The (address, port) at which these processes listen; others' labs have ports of their own,
    which may have the same number in another table."""
    with open('/proc/net/' + table, encoding='ascii') as f:
        rows = [line.split() for line in f.readlines()[1:]]
    theirs = sockets_of(pids)
    return {tuple(row[1].split(':')) for row in rows if row[3] == '0A' and row[9] in theirs}


def exchange(lab, master=1, slave=2):
    """One key through 014 at both ends; the URLs' addresses are in the certificates."""
    saes = [Sae(lab, 'sae-agent%d' % i, 'agent%d' % i) for i in (master, slave)]
    for sae in saes:
        sae.context.check_hostname = True
    code, keys = saes[0].get(saes[1].name)
    if code != 200:
        return code
    return saes[1].fetch(saes[0].name, [keys[0][0]]) == (200, [keys[0][1]])


def over_ipv6():
    """A whole life on ::1: keys by command and by 014, hubs that go and come back."""
    with Lab(more=('--host', '::1')) as lab:
        what = lab.what
        tap.check('a lab on ::1', all(hub['host'] == '::1' for hub in what['hubs']) and all(
            a['etsi014_url'].startswith('https://[::1]:') for a in what['agents']), what)
        loopback = '00000000000000000000000001000000'
        ports = ['%04X' % hub['port'] for hub in what['hubs']] + \
            ['%04X' % int(a['etsi014_url'].rsplit(':', 1)[1]) for a in what['agents']]
        pids = pids_of(what)
        tap.equal('all listen there, and nowhere else', listening('tcp6', pids),
                  {(loopback, port) for port in ports})
        tap.equal('and not on IPv4', listening('tcp', pids), set())
        tap.equal('::1: a key through 014', exchange(lab), True)
        tap.equal('::1: and the other way', exchange(lab, 2, 1), True)
        lab.kill('hub1')
        tap.check('::1: keys without one hub', lab.key(
            'agent1', 'agent2', '--purpose', 'app:without').code == OK)
        lab.start('hub1')
        tap.check('::1: its legs come up again',
                  lab.up('agent1', 'hub1') and lab.up('agent2', 'hub1'))
        lab.kill('agent2')
        lab.start('agent2')
        tap.check('::1: an agent that was killed is back', lab.up('agent2', 'hub1'))
        tap.equal('::1: and gives keys through 014', exchange(lab, 2, 1), True)
        tap.equal('::1: down', skex('lab', 'down', '--dir', lab.dir).code, OK)
        tap.equal('::1: nothing runs', processes_of(lab.directory), [])


def base_port():
    """Hubs first, then the key servers of agents, from this port on."""
    for attempt in range(20):
        port = 20000 + (os.getpid() * 7 + attempt * 501) % 12000
        try:
            with Lab(hubs=2, agents=2, more=('--base-port', port)) as lab:
                what = lab.what
            break
        except RuntimeError as error:
            # Somebody else may have one of them.
            if 'port' not in str(error):
                raise
    tap.equal('--base-port', [hub['port'] for hub in what['hubs']] +
              [int(a['etsi014_url'].rsplit(':', 1)[1]) for a in what['agents']],
              [port, port + 1, port + 2, port + 3])


def lying_hub():
    """Two of them, who lie still when they are started again."""
    with Lab(hubs=5, threshold=3, more=('--lying-hub', '2:bad-share',
                                        '--lying-hub', '4:bad-tag')) as lab:
        tap.equal('liars are no part of what is printed', [list(hub) for hub in lab.what['hubs']],
                  [HUB] * 5)
        for name in ['hub2', 'hub4']:
            lab.stop(name)
            lab.start(name)
        for name in ['hub2', 'hub4']:
            lab.up('agent1', name)
            lab.up('agent2', name)
        before = {name: lab.leg('agent2', name)['inconsistent'] for name in ['hub2', 'hub4']}
        serial = iter(range(1000))
        tap.check('both are named, and nobody else', until(
            lambda: lab.key('agent1', 'agent2', '--purpose', 'app:l%d' % next(serial)).code != OK or
            all(lab.leg('agent2', name)['inconsistent'] > before[name] for name in before), 60) and
            all(lab.leg('agent2', name)['inconsistent'] == 0 for name in ['hub1', 'hub3', 'hub5']))
        shown = skex('status', '--socket', lab.socket('agent2')).out
        tap.check('status says so', all(
            'inconsistent shares through %s' % name in shown for name in before), shown)
    refused('a mode that there is not', AGAIN, 'hub1/log', '--lying-hub', '1:nonsense')


def foreign_process():
    """A pid file that names somebody else's process ends nobody."""
    with Lab(hubs=2, threshold=2, agents=1) as lab:
        lab.kill('hub1')
        stranger = subprocess.Popen(['sleep', '60'])
        with open(lab.path('hub1', 'pid'), 'w', encoding='ascii') as f:
            f.write('%d 1\n' % stranger.pid)
        skex('lab', 'down', '--dir', lab.dir)
        tap.check('a stranger is left alone', stranger.poll() is None)
        stranger.kill()
        stranger.wait()


def refused(name, code, text, *words):
    directory = tempfile.mkdtemp(prefix='skex-test-')
    result = skex('lab', 'up', '--dir', os.path.join(directory, 'lab'), *words)
    tap.check('%s: exit code %d and a reason' % (name, code),
              result.code == code and text in result.err and result.out == '', result)
    tap.equal('%s: nothing runs' % name, processes_of(directory), [])
    shutil.rmtree(directory)


def bad_arguments():
    refused('threshold above hubs', USAGE, '--threshold', '--hubs', 3, '--threshold', 4)
    refused('one hub', USAGE, '--hubs', '--hubs', 1)
    refused('no number', USAGE, '--agents', '--agents', 'two')
    refused('no address', USAGE, '--host', '--host', 'localhost')
    refused('ports too high', USAGE, '--base-port', '--base-port', 65534)
    refused('pads too small', USAGE, '--pad-bytes', '--pad-bytes', 16)
    refused('an unknown option', USAGE, '--hub', '--hub', 3)
    refused('an option without value', USAGE, '--hubs', '--hubs')
    refused('a liar out of range', USAGE, '--lying-hub', '--lying-hub', '6:bad_share')
    refused('a liar without mode', USAGE, '--lying-hub', '--lying-hub', '2')
    refused('a word too many', USAGE, 'word', 'word')
    tap.equal('no directory', skex('lab', 'up').code, USAGE)
    tap.equal('no lab', skex('lab', 'down', '--dir', '/').code, REFUSED)
    tap.equal('no such directory', skex('lab', 'down', '--dir', '/nonexistent/lab').code,
              ENVIRONMENT)


def port_taken():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        # The first that the lab wants: the ones beside it may be anybody's.
        refused('a port that is taken', AGAIN, str(port), '--base-port', port)


def no_program():
    """Programs that skex needs beside it, one after the other."""
    directory = tempfile.mkdtemp(prefix='skex-test-')
    alone = shutil.copy(SKEX, directory)

    def up(*words):
        return subprocess.run([alone, 'lab', 'up', '--dir', directory + '/lab', *words],
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
    result = up()
    tap.check('no skexd', result.returncode == REFUSED and 'skexd' in result.stderr, result.stderr)
    os.symlink(os.path.join(os.path.abspath(BUILD), 'skexd'), directory + '/skexd')
    result = up()
    tap.check('no skex-hub', result.returncode == REFUSED and 'skex-hub' in result.stderr,
              result.stderr)
    os.symlink(os.path.join(os.path.abspath(BUILD), 'skex-hub'), directory + '/skex-hub')
    result = up('--lying-hub', '1:bad-share')
    tap.check('no lying hub', result.returncode == REFUSED and 'lying-hub' in result.stderr and
              'make test' in result.stderr, result.stderr)
    tap.equal('nothing runs without them', processes_of(directory), [])
    shutil.rmtree(directory)


def interrupted():
    """SIGTERM and SIGINT at several moments of the start leave nothing."""
    for number, delay in [(signal.SIGTERM, 0.1), (signal.SIGINT, 0.5), (signal.SIGTERM, 1.0)]:
        directory = tempfile.mkdtemp(prefix='skex-test-')
        with open(directory + '/out', 'w', encoding='utf-8') as out:
            process = subprocess.Popen(
                [SKEX, 'lab', 'up', '--dir', directory + '/lab', '--pad-bytes', '4MiB'],
                stdout=out, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            process.send_signal(number)
            code = process.wait(PATIENCE)
        tap.check('interrupted after %.1f s: fails' % delay, code != 0, code)
        tap.equal('interrupted after %.1f s: nothing runs' % delay,
                  until(lambda: processes_of(directory) == []), True)
        shutil.rmtree(directory)


def broken_node():
    """A hub that cannot keep running makes the whole start fail."""
    directory = tempfile.mkdtemp(prefix='skex-test-')
    stop = False
    process = subprocess.Popen([SKEX, 'lab', 'up', '--dir', directory + '/lab'],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pid_file = directory + '/lab/agent1/pid'
    stop = until(lambda: os.path.exists(pid_file) and os.path.getsize(pid_file) > 0, pause=0.001)
    with open(pid_file, encoding='ascii') as f:
        os.kill(int(f.read().split()[0]), signal.SIGKILL)
    out, err = process.communicate(timeout=PATIENCE)
    tap.check('an agent dies in the start: fails, and names the log',
              stop and process.returncode != 0 and out == '' and 'agent1/log' in err, err)
    tap.equal('and nothing runs', processes_of(directory), [])
    shutil.rmtree(directory)


def json_file():
    directory = tempfile.mkdtemp(prefix='skex-test-')
    path = os.path.join(directory, 'lab.json')
    with Lab(hubs=2, threshold=2, agents=1, more=('--json-file', path)) as lab:
        with open(path, encoding='utf-8') as f:
            tap.equal('--json-file', json.load(f), lab.what)
        tap.equal('one line without spaces is printed', lab.printed,
                  json.dumps(lab.what, separators=(',', ':')) + '\n')
    shutil.rmtree(directory)
    refused_late('a --json-file that cannot be written', '/nonexistent/lab.json',
                 '--json-file', '/nonexistent/lab.json')


def refused_late(name, text, *words):
    """What fails when everything runs already."""
    directory = tempfile.mkdtemp(prefix='skex-test-')
    result = skex('lab', 'up', '--dir', os.path.join(directory, 'lab'), '--hubs', 2,
                  '--threshold', 2, *words)
    tap.check('%s: fails, with a reason' % name, result.code != OK and text in result.err, result)
    tap.equal('%s: nothing runs' % name, processes_of(directory), [])
    shutil.rmtree(directory)


tap.run([whole_life, over_ipv6, foreign_process, json_file, base_port, lying_hub, bad_arguments,
         port_taken, no_program, interrupted, broken_node])
tap.end()
