#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""skex against a daemon with made-up keys: cli_test.py SKEX FAKE_SKEXD"""

import base64
import json
import os
import pty
import shutil
import stat
import subprocess
import sys
import tempfile

from tap import Tap, run, wait_for

SKEX, FAKE_SKEXD = sys.argv[1:3]
FOLDER = tempfile.mkdtemp(prefix='skex-cli-')
SOCKET = os.path.join(FOLDER, 'api.sock')
MADE_UP = 'abababab-abab-80ab-80ab-abababab%04x'

tap = Tap()


def skex(*words, **more):
    return run([SKEX, *words], env={'SKEX_SOCKET': SOCKET}, **more)


def key_bytes(number, size=32):
    return bytes((number * 31 + i * 7 + 1) % 256 for i in range(size))


def made():
    """How many keys were given out so far: the number of the next one."""
    return json.loads(skex('status', '--json').out)['counters']['keys_delivered']


def on_terminal(*words):
    """Runs skex with a terminal as its standard output; gives what it shows."""
    parent, child = pty.openpty()
    process = subprocess.Popen([SKEX, *words], env={'SKEX_SOCKET': SOCKET},
                               stdin=subprocess.DEVNULL, stdout=child, stderr=child)
    process.wait(20)
    os.close(child)
    shown = b''
    try:
        while True:
            piece = os.read(parent, 65536)
            if not piece:
                break
            shown += piece
    except OSError:
        pass
    os.close(parent)
    return process.returncode, shown


# --- the command table ---

def dispatch():
    result = skex()
    tap.equal('no command is a usage error', result.code, 1)
    tap.check('which shows the commands', 'key get' in result.err and result.out == '', result)
    tap.equal('--help is none', skex('--help').code, 0)
    tap.check('--version', skex('--version').out.startswith('skex '))
    result = skex('nonsense')
    tap.check('an unknown command', result.code == 1 and '"nonsense"' in result.err, result)
    result = skex('key')
    tap.check('a group alone shows its commands', result.code == 1 and 'key fetch' in result.err
              and 'peer ls' not in result.err, result)
    tap.equal('help of a group', skex('key', '--help').code, 0)
    result = skex('key', 'nonsense')
    tap.check('an unknown command of a group', result.code == 1 and '"nonsense"' in result.err)
    commands = skex('--commands').out.splitlines()
    tap.check('all commands are there', {'status', 'events', 'peer ls', 'peer add', 'peer rm',
              'key get', 'key fetch', 'leg resume', 'plan', 'doctor', 'join', 'hub enrol',
              'lab up'} <= set(commands), commands)
    for command in commands:
        result = skex(*command.split(), '--help')
        tap.check('help of ' + command, result.code == 0 and result.out.startswith(
            'usage: skex ' + command) and result.err == '', result)


def bad_words():
    for words in [('status', 'x'), ('status', '--jsn'), ('status', '--json', '--json'),
                  ('status', '--socket'), ('peer', 'add', 'x'), ('peer', 'rm'),
                  ('key', 'get'), ('key', 'get', 'a', 'b'), ('key', 'get', 'a', '--bits', '7'),
                  ('key', 'get', 'a', '--bits', '12'), ('key', 'get', 'a', '--bits', '-8'),
                  ('key', 'get', 'a', '--bits', '0x20'), ('key', 'get', 'a', '--count', '129'),
                  ('key', 'get', 'a', '--count', '0'), ('key', 'get', 'a', '--wait', '5'),
                  ('key', 'get', 'a', '--wait', '11min'), ('key', 'get', 'a', '--wait', '5 sec'),
                  ('key', 'get', 'a', '--require', 'its,'), ('key', 'get', 'a', '--require', ''),
                  ('key', 'get', 'a', '--show-key'), ('key', 'get', 'a', '--fd', '777'),
                  ('key', 'get', 'a', '--out', 'x', '--fd', '1'),
                  ('key', 'get', 'a', '--out', FOLDER),
                  ('key', 'fetch', MADE_UP % 0), ('key', 'fetch', '--peer', 'a'),
                  ('key', 'get', 'a', '--require', 'nothing,its'),
                  ('events', '--count', '0'), ('plan', '--n', '2', '--k', '3'),
                  ('plan', '--n', '17'), ('plan', '--k', '1'), ('plan', '--block', '100'),
                  ('plan', '--block', '16', '--bits', '256'), ('plan', '--bits', '12'),
                  ('plan', '--block', '64KiB', '--blocks', '256'),
                  ('plan', '--every', '1h', '--keys-per-day', '24'),
                  ('plan', '--every', '1h', '--pool', '24'), ('plan', '--every', '1h', '--bits',
                                                              '4096'),
                  ('plan', '--peers', '1000000', '--keys-per-day', '1000000000', '--block', '32',
                   '--n', '16')]:
        result = skex(*words)
        tap.check('refused: ' + ' '.join(words), result.code == 1 and result.err != ''
                  and result.out == '', result)


def no_daemon():
    for words in [('status',), ('peer', 'ls'), ('key', 'get', 'agent2'), ('events',)]:
        result = run([SKEX, *words, '--socket', '/tmp/skex-nobody'])
        tap.check('no daemon: ' + words[0], result.code == 5
                  and 'nobody listens on /tmp/skex-nobody' in result.err
                  and 'what to do: ' in result.err, result)
    result = run([SKEX, 'status', '--json', '--socket', '/tmp/skex-nobody'])
    tap.equal('the same in JSON', json.loads(result.out)['error']['code'], 'no_daemon')
    result = run([SKEX, 'doctor', '--socket', '/tmp/skex-nobody'])
    tap.check('doctor fails', result.code == 11 and 'fail  daemon' in result.out, result)


# --- what is going on ---

def status():
    result = skex('status')
    tap.check('status', result.code == 0 and 'agent agent1, skexd' in result.out
              and 'connection refused' in result.out and '61,824 keys' in result.out
              and '4 of 5' in result.out and 'never' in result.out, result)
    tap.equal('status names the hubs whose shares do not fit',
              [line.split(';')[0] for line in result.out.splitlines() if 'through' in line],
              ['inconsistent shares through hub%d: 9223372036854775807' % i for i in (1, 2)])
    tap.check('no space at the end of a line',
              all(line == line.rstrip() for line in result.out.splitlines()))
    answer = json.loads(skex('status', '--json').out)
    tap.equal('status in JSON', (answer['name'], len(answer['legs']), len(answer['peers'])),
              ('agent1', 2, 2))
    tap.equal('--socket goes before SKEX_SOCKET',
              run([SKEX, 'status', '--socket', SOCKET], env={'SKEX_SOCKET': '/nowhere'}).code, 0)


def events():
    result = skex('events', '--recent', '--count', '2')
    lines = result.out.splitlines()
    tap.check('events', result.code == 0 and len(lines) == 2
              and 'hub_unreachable hub hub2: hub2 does not answer' in lines[0]
              and 'pad_low' in lines[1], result)
    result = skex('events', '--count', '1', '--json')
    tap.equal('events in JSON', json.loads(result.out)['name'], 'pad_low')


def peers():
    result = skex('peer', 'ls')
    tap.check('peer ls', result.code == 0 and 'too few hubs' in result.out, result)
    tap.equal('peer ls in JSON', len(json.loads(skex('peer', 'ls', '--json').out)['peers']), 2)
    result = skex('peer', 'add', 'x', '--profile', 'a', '--profile', 'b')
    tap.equal('peer add', (result.code, result.out), (0, 'added x\n'))
    tap.equal('peer add in JSON', json.loads(
        skex('peer', 'add', 'x', '--profile', 'a', '--json').out), {'peer': 'x'})
    result = skex('peer', 'add', 'x', '--profile', 'none')
    tap.check('peer add with an unknown profile', result.code == 6
              and 'add it to the configuration' in result.err, result)
    tap.equal('a name that is none', skex('peer', 'add', 'X Y', '--profile', 'a').code, 1)
    tap.equal('peer rm', skex('peer', 'rm', 'x').out, 'removed x\n')
    tap.equal('peer rm of a configured one', skex('peer', 'rm', 'agent2').code, 1)
    tap.equal('leg resume', skex('leg', 'resume', 'hub1').out, 'resumed the leg to hub1\n')
    tap.equal('leg resume without reason', skex('leg', 'resume', 'hub2').code, 1)


# --- keys ---

def key_through_a_pipe():
    number = made()
    result = skex('key', 'get', 'agent2')
    tap.equal('a pipe gets the bytes and nothing else', result.raw, key_bytes(number))
    tap.check('what is known of the key is told beside', MADE_UP % number in result.err, result)
    result = skex('key', 'get', 'agent2', '--bits', '8', '--count', '3')
    tap.equal('several keys, one after another', result.raw,
              b''.join(key_bytes(number + i, 1) for i in (1, 2, 3)))
    result = skex('key', 'fetch', MADE_UP % number, '--peer', 'agent2')
    tap.equal('fetched, the same bytes', result.raw, key_bytes(number))
    result = skex('key', 'fetch', MADE_UP % number)
    tap.check('with several peers it has to be said which', result.code == 1
              and '--peer is missing' in result.err and result.raw == b'', result)
    result = skex('key', 'fetch', MADE_UP % number, '--peer', 'agent2')
    tap.check('not twice', result.code == 6 and result.raw == b''
              and 'has been fetched already' in result.err, result)


def key_on_a_terminal():
    number = made()
    code, shown = on_terminal('key', 'get', 'agent2')
    tap.check('a terminal shows what is known', code == 0
              and (MADE_UP % number).encode() in shown, shown)
    key = key_bytes(number)
    tap.check('but not the key', key[:8] not in shown and key.hex()[:16].encode() not in shown
              and base64.b64encode(key)[:12] not in shown, shown)
    number = made()
    code, shown = on_terminal('key', 'get', 'agent2', '--fd', '1')
    tap.check('not even by --fd 1', code == 1 and b'is a terminal' in shown, shown)
    tap.equal('and no key was taken for it', made(), number)


def key_in_json():
    number = made()
    result = skex('key', 'get', 'agent2', '--json', '--require', 'its,confirmed')
    key = json.loads(result.out)['keys'][0]
    tap.equal('JSON without the key', key,
              {'key_id': MADE_UP % number, 'class': 'its', 'confirmed': True,
               'forward_secret': False, 'combined': False,
               'interval': [1763722000000, 1763722000250], 'fingerprint': key['fingerprint']})
    result = skex('key', 'get', 'agent2', '--json', '--show-key', '--count', '2')
    keys = json.loads(result.out)['keys']
    tap.equal('JSON with the keys', [base64.b64decode(key['key']) for key in keys],
              [key_bytes(number + 1), key_bytes(number + 2)])
    combined = skex('key', 'get', 'agent2', '--json', '--require', 'combined,confirmed')
    tap.equal('what is combined is said', json.loads(combined.out)['keys'][0]['combined'], True)
    result = skex('key', 'get', 'weak', '--json', '--require', 'combined')
    tap.check('what is not is refused', result.code == 6
              and json.loads(result.out)['error']['code'] == 'not_combined', result)
    weak = json.loads(skex('key', 'get', 'weak', '--json', '--require', 'nothing').out)['keys'][0]
    tap.equal('an unknown interval', (weak['interval'], weak['class'], weak['confirmed']),
              (None, 'computational', False))
    result = skex('key', 'get', 'empty', '--json', '--wait', '0s')
    tap.check('an error in JSON', result.code == 2
              and json.loads(result.out)['error']['code'] == 'pool_empty', result)


def key_to_a_file():
    path = os.path.join(FOLDER, 'key')
    number = made()
    result = skex('key', 'get', 'agent2', '--out', path)
    with open(path, 'rb') as file:
        tap.equal('--out', file.read(), key_bytes(number))
    tap.equal('with mode 0600', stat.S_IMODE(os.stat(path).st_mode), 0o600)
    tap.check('what is known of it on standard output', MADE_UP % number in result.out, result)
    os.chmod(path, 0o666)
    skex('key', 'get', 'agent2', '--out', path)
    with open(path, 'rb') as file:
        tap.equal('replaced by the next', file.read(), key_bytes(number + 1))
    tap.equal('with mode 0600 again', stat.S_IMODE(os.stat(path).st_mode), 0o600)
    result = skex('key', 'get', 'empty', '--out', path)
    with open(path, 'rb') as file:
        tap.check('kept when there is no key', result.code == 2
                  and file.read() == key_bytes(number + 1))
    number = made()
    result = skex('key', 'get', 'agent2', '--out', os.path.join(FOLDER, 'no', 'key'))
    tap.check('a folder that is not there', result.code == 5 and 'no/key' in result.err, result)
    os.symlink(path, path + '.link')
    tap.equal('no link', skex('key', 'get', 'agent2', '--out', path + '.link').code, 1)
    tap.equal('no device', skex('key', 'get', 'agent2', '--out', '/dev/null').code, 1)
    tap.equal('and no key was taken', made(), number)
    tap.equal('nothing is left behind', [name for name in os.listdir(FOLDER)
                                         if name.startswith('key.') and name != 'key.link'], [])
    result = skex('key', 'get', 'agent2', '--out', path, '--json')
    tap.equal('--out with --json', json.loads(result.out)['keys'][0]['key_id'], MADE_UP % number)


def key_to_a_descriptor():
    ours, theirs = os.pipe()
    number = made()
    result = skex('key', 'get', 'agent2', '--fd', str(theirs), pass_fds=[theirs])
    os.close(theirs)
    tap.equal('--fd', os.read(ours, 100), key_bytes(number))
    tap.check('what is known of it on standard output', MADE_UP % number in result.out, result)
    result = skex('key', 'get', 'agent2', '--fd', str(ours), pass_fds=[ours])
    tap.equal('a descriptor that cannot be written', result.code, 1)
    os.close(ours)
    result = run(['sh', '-c', '"$0" key get agent2 --fd 9 9>/dev/full', SKEX],
                 env={'SKEX_SOCKET': SOCKET})
    tap.check('a full disk', result.code == 5 and 'No space left' in result.err, result)


def key_waits():
    tap.equal('without --wait it waits a little', skex('key', 'get', 'slow').code, 0)
    tap.equal('not at all', skex('key', 'get', 'slow', '--wait', '0s').code, 2)
    tap.equal('with --wait', skex('key', 'get', 'slow', '--wait', '2s').code, 0)
    tap.equal('that is too short', skex('key', 'get', 'slow', '--wait', '20ms').code, 2)
    tap.equal('an unknown peer', skex('key', 'get', 'nobody').code, 6)
    tap.equal('a reserved purpose', skex('key', 'get', 'agent2', '--purpose', 'skip:x').code, 6)
    tap.equal('without a wish it is confirmed', skex('key', 'get', 'weak').code, 6)
    tap.equal('what it requires', skex('key', 'get', 'weak', '--require', 'its').code, 6)


# --- advice ---

def plan():
    result = skex('plan', '--json', '--peers', '10', '--keys-per-day', '24', '--n', '5', '--k',
                  '3', '--block', '1KiB', '--margin', '0', '--pool', '1')
    answer = json.loads(result.out)
    # A batch: 32 + (112 + 1024) for the share, three and four times 32 for the rest; 274 batches
    # of 32 keys in a year begun at each end; in MiB, rounded up.
    bytes_a_batch = 32 + 112 + 1024 + 3 * 32 + 4 * 32
    tap.equal('a batch', answer['batch_pad_bytes'], bytes_a_batch)
    tap.equal('batches', answer['batches_per_year'], 10 * -(-24 * 365 // 32))
    tap.equal('pad', answer['pad_bytes_per_direction'],
              -(-10 * 274 * bytes_a_batch // 2**20) * 2**20)
    tap.equal('kits', answer['pad_bytes_of_all_kits'], answer['pad_bytes_per_direction'] * 10)
    aged = json.loads(skex('plan', '--json', '--keys-per-day', '24', '--pool', '1000',
                           '--lifetime', '12h').out)
    tap.equal('keys that age in the pool', aged['keys_made_per_day'], 2000)
    binding = json.loads(skex('plan', '--json', '--every', '2min').out)
    tap.equal('a binding', [binding[name] for name in (
        'every_ms', 'keys_per_day', 'keys_per_year', 'block_bytes', 'agents')],
        [120000, 720, 262800, 256, 2])
    words = skex('plan', '--every', '2min')
    tap.check('of a binding in words', words.code == 0 and 'every 2 min' in words.out and
              'Each hub, with 2 such agents' in words.out, words)
    result = skex('plan')
    tap.check('in words', result.code == 0 and 'skex hub enrol NAME --pad' in result.out, result)


def doctor():
    result = skex('doctor')
    tap.check('doctor', result.code == 11
              and 'warn  hub      hub2: not connected: connection refused' in result.out
              and 'fail  peer     empty: 2 of 5 hubs are up, 3 are needed' in result.out
              and 'warn  pad      hub1' in result.out and 'do: ' in result.out, result)
    answer = json.loads(skex('doctor', '--json').out)
    tap.equal('in JSON', answer['result'], 'fail')
    tap.check('every finding says what to do', all(
        (check['do'] == '') == (check['result'] == 'pass') for check in answer['checks']), answer)
    os.chmod(SOCKET, 0o666)
    checks = {check['check']: check for check in json.loads(skex('doctor', '--json').out)['checks']}
    os.chmod(SOCKET, 0o600)
    tap.equal('a socket for everybody', checks['socket']['result'], 'warn')
    result = run([SKEX, 'doctor', '--socket', '/dev/null'])
    tap.check('no socket at all', result.code == 11 and 'is no socket' in result.out, result)


def main():
    with open(os.path.join(FOLDER, 'log'), 'wb') as log:
        daemon = subprocess.Popen([FAKE_SKEXD, SOCKET], stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: skex('status').code == 0)
        tap.run([dispatch, bad_words, no_daemon, status, events, peers, key_through_a_pipe,
                 key_on_a_terminal, key_in_json, key_to_a_file, key_to_a_descriptor, key_waits,
                 plan, doctor])
    finally:
        daemon.terminate()
        daemon.wait()
        shutil.rmtree(FOLDER)


main()
