#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""skex pair with real agents: a credential is made, carried, taken in and destroyed."""

import glob
import json
import os
import re
import shutil
import subprocess

from lab_harness import (AGAIN, BUILD, ENVIRONMENT, Lab, OK, PEER, REFUSED, SKEX, Tap, USAGE, alive,
                         skex, until)
from qr_image import at_terminal, modules, write_png

tap = Tap()
LINE = re.compile(r'SKEX-PAIR-1:[A-Z2-7]+')

# Agents of the lab, already paired with each other by it; revoked below.
A, B, C = 'agent1', 'agent2', 'agent3'

lab = None
# Every secret that was made, as a line and as words, to look for in logs.
secrets = []


def pair(agent, *words, **more):
    return skex('pair', *words, '--socket', lab.socket(agent), **more)


def path(name):
    return os.path.join(lab.directory, name)


def make(agent, peer, *words):
    """Makes a credential; its line."""
    made = pair(agent, 'make', peer, *words)
    if made.code != OK:
        raise RuntimeError('make: %s' % made)
    line = made.out.strip()
    remember(line)
    return line


def remember(line):
    secrets.append(line)
    secrets.append(line.split(':')[1][8:60])


def make_file(agent, peer, name, *words):
    file = path(name)
    made = pair(agent, 'make', peer, '--out', file, '--json', *words)
    if made.code != OK:
        raise RuntimeError('make --out: %s' % made)
    with open(file, encoding='ascii') as f:
        remember(f.read().strip())
    return file, made


def show(agent, peer):
    shown = pair(agent, 'show', peer, '--json')
    return shown.json if shown.code == OK else {}


def revoke(*ends):
    for agent, peer in ends:
        pair(agent, 'revoke', peer)


def key_between(a, b, note):
    """Keys of the pair reach the other end: forward secret ones are made without hubs only."""
    got = until(lambda: take_key(a, b), pause=0.5)
    if not tap.check('%s: a forward-secret key is made' % note, bool(got)):
        return
    fetched = skex('key', 'fetch', got['key_id'], '--peer', a, '--socket', lab.socket(b), '--json',
                   '--show-key', '--wait', '20s')
    tap.check('%s: and is the same at the other end' % note, fetched.code == OK
              and fetched.json['keys'][0]['key'] == got['key'], fetched.err)


def take_key(a, b):
    got = lab.key(a, b, '--require', 'forward-secret', '--show-key')
    return got.json['keys'][0] if got.code == OK else None


# --- revoke: the lab had paired them ---

def revoking():
    before = pair(A, 'ls', '--json').json['pairs']
    tap.equal('ls lists the pairs', sorted(p['peer'] for p in before), [B, C])
    shown = pair(A, 'ls')
    tap.check('and shows people what to compare', shown.code == OK
              and 'FINGERPRINT' in shown.out and re.search(
                  r'%s +[0-9a-f]{4} [0-9a-f]{4} [0-9a-f]{4} [0-9a-f]{4} +%s +0' % (B, A),
                  shown.out), shown)
    key_between(A, B, 'as the lab paired them')
    gone = pair(A, 'revoke', B)
    tap.check('revoke says that the other end has to do the same', gone.code == OK
              and 'revoked agent2; its end has to be revoked there' in gone.out, gone)
    tap.equal('in JSON', pair(A, 'revoke', C, '--json').json, {'peer': C})
    tap.equal('nothing is left', pair(A, 'ls', '--json').json['pairs'], [])
    again = pair(A, 'revoke', B, '--json')
    tap.check('not twice', again.code == REFUSED and again.json['error']['code'] == 'unpaired'
              and 'what to do: ' in again.err, again)
    missing = pair(A, 'show', B, '--json')
    tap.check('show of what is not there', missing.code == REFUSED
              and missing.json['error']['code'] == 'unpaired'
              and 'not paired with agent2' in missing.err, missing)
    tap.equal('the other end has it until it is revoked there', show(B, A).get('peer'), A)
    revoke((B, A), (B, C), (C, A), (C, B))
    for agent in (A, B, C):
        tap.equal('no pairs at ' + agent, pair(agent, 'ls', '--json').json['pairs'], [])


# --- a file ---

def by_file():
    file, made = make_file(A, B, 'bravo.cred')
    tap.equal('the file is for its owner alone', os.stat(file).st_mode & 0o777, 0o600)
    with open(file, encoding='ascii') as f:
        text = f.read()
    tap.check('it holds one line', LINE.fullmatch(text[:-1]) and text.endswith('\n'))
    tap.check('JSON has no credential', 'credential' not in made.json
              and made.json['credential_file'] == file and not LINE.search(made.out + made.err))
    repeated = pair(A, 'make', B, '--out', path('second.cred'), '--json')
    tap.check('make twice for one peer is refused', repeated.code == USAGE
              and repeated.json['error']['code'] == 'paired', repeated)
    tap.check('and leaves no file', not os.path.exists(path('second.cred')))
    there = pair(C, 'make', B, '--out', file)
    tap.check('a file that is there is not replaced', there.code == USAGE
              and 'is there already' in there.err and open(file, encoding='ascii').read() == text
              and show(C, B) == {}, there)
    third = pair(C, 'take', '--in', file, '--json')
    tap.check('another agent cannot take it', third.code == REFUSED
              and third.json['error']['code'] == 'other_agent', third)
    tap.check('the file stays as it was', open(file, encoding='ascii').read() == text)
    itself = pair(A, 'take', '--in', file, '--json')
    tap.check('nor can who made it: both would be the same end', itself.code == REFUSED
              and itself.json['error']['code'] == 'other_agent', itself)
    wrong = pair(B, 'take', '--in', file, '--peer', C, '--json')
    tap.check('nor when somebody else was expected', wrong.code == REFUSED
              and wrong.json['error']['code'] == 'other_peer', wrong)
    copy = path('copy.cred')
    shutil.copy(file, copy)
    held = open(file, 'rb')  # reads what becomes of its blocks
    taken = pair(B, 'take', '--in', file, '--json')
    tap.equal('taken', (taken.code, taken.json.get('credential_copy')), (OK, 'destroyed'))
    tap.check('the file is gone', not os.path.exists(file))
    tap.check('after it was overwritten', held.read() == bytes(len(text)))
    held.close()
    both = made.json, taken.json
    tap.equal('the same fingerprint at both ends', both[0]['fingerprint'], both[1]['fingerprint'])
    tap.equal('and different slots and identities',
              [(e['identity'], e['slot'], e['peer']) for e in both], [(A, 0, B), (B, 1, A)])
    tap.equal('show says the same', [show(A, B)['fingerprint'], show(B, A)['fingerprint']],
              [made.json['fingerprint']] * 2)
    twice = pair(B, 'take', '--in', copy, '--json')
    tap.check('taking it twice is refused', twice.code == USAGE
              and twice.json['error']['code'] == 'paired' and 'revoke' in twice.err, twice)
    tap.check('and destroys nothing', os.path.exists(copy))
    key_between(A, B, 'carried in a file')
    tap.check('shown as ready', show(A, B)['state'] == 'ready'
              and show(A, B)['last_success_ms'] is not None, show(A, B))
    tap.check('and silence is not explained any more', 'No key was ever made'
              not in pair(A, 'show', B).out)
    revoke((A, B))
    late = pair(A, 'take', '--in', copy, '--json')
    tap.equal('a revoked end cannot take its own credential', late.code, REFUSED)
    revoke((B, A))


def kept_or_not_destroyable():
    file, _ = make_file(A, B, 'kept.cred')
    os.chmod(file, 0o644)
    taken = pair(B, 'take', '--in', file, '--keep')
    tap.check('--keep keeps it, and says what that means', taken.code == OK
              and os.path.exists(file) and 'as long as it exists no key' in taken.out, taken)
    tap.check('that others could read it is told', 'can be read by others' in taken.err, taken)
    revoke((A, B), (B, A))
    link = path('link.cred')
    os.symlink(file, link)
    linked = pair(B, 'take', '--in', link)
    tap.check('a link is not followed: what would be destroyed?', linked.code == USAGE
              and 'is no plain file' in linked.err and os.path.exists(file), linked)
    tap.equal('no file', pair(B, 'take', '--in', path('nothing')).code, ENVIRONMENT)
    if os.getuid() != 0:
        return
    # A user who cannot write there is told before the credential is used.
    os.chmod(lab.directory, 0o755)
    done = subprocess.run([SKEX, 'pair', 'take', '--in', file, '--socket', lab.socket(B)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          user=65534) if reachable(file) else None
    if done is not None:
        tap.check('what cannot be destroyed is not taken', done.returncode == REFUSED
                  and 'cannot be overwritten and removed' in done.stderr, done)
        tap.equal('really not', show(B, A), {})


def reachable(file):
    """Whether somebody else gets to the programs and the file at all."""
    try:
        return subprocess.run([SKEX, '--version'], user=65534, stdout=subprocess.DEVNULL,
                              check=False).returncode == 0 and subprocess.run(
            ['cat', file], user=65534, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=False).returncode == 0
    except PermissionError:
        return False


# --- a pipe ---

def by_pipe():
    line = make(A, B)
    tap.check('a pipe gets the line and nothing else', LINE.fullmatch(line))
    for name, text, says in (('nothing', '', 'no credential'),
                             ('something else', 'hello\n', 'no credential'),
                             ('a wrong character', line[:40] + ('B' if line[40] != 'B' else 'C')
                              + line[41:], 'miscopied'),
                             ('a line cut off', line[:-3], 'miscopied'),
                             ('another version', line.replace('-1:', '-2:'), 'another version'),
                             ('a token', line.replace('PAIR', 'JOIN'), 'no credential'),
                             ('a zero byte', line + '\0', 'another kind of file'),
                             ('a large file', 'A' * 100000, 'another kind of file')):
        bad = pair(B, 'take', '--in', '-', stdin=text)
        tap.check('refused: ' + name, bad.code == PEER and says in bad.err
                  and 'what to do: ' in bad.err and bad.out == '' and not LINE.search(bad.err), bad)
    bad = pair(B, 'take', '--in', '-', '--address', 'x', stdin=line)
    tap.equal('refused: an address that is none', bad.code, USAGE)
    tap.equal('nothing came of it', show(B, A), {})
    taken = pair(B, 'take', '--in', '-', stdin='\n  %s\r\n' % line)
    tap.check('taken from standard input', taken.code == OK
              and 'Destroy what the credential came from' in taken.out, taken)
    tap.check('both name the fingerprint alike', re.search(
        'fingerprint   ([0-9a-f]{4} ){3}[0-9a-f]{4}\n', taken.out)[0] in pair(A, 'show', B).out)
    tap.check('and who is who', 'this end      agent2, slot 1\nother end     agent1, slot 0\n'
              in taken.out and 'this end      agent1, slot 0\nother end     agent2, slot 1\n'
              in pair(A, 'show', B).out, taken)
    key_between(B, A, 'through a pipe')
    revoke((A, B), (B, A))


# --- a QR code ---

def by_qr():
    made = pair(A, 'make', B, '--qr')
    rows = modules(made.out)
    tap.check('a code is drawn, square and with a border', made.code == OK
              and len(rows) // 2 * 2 == len(rows) and len(rows[0]) in (len(rows), len(rows) - 1)
              and all(all(row[:4]) and all(row[-4:]) for row in rows[:len(rows[0])]), made)
    tap.check('nothing but the code and what is said beside', not LINE.search(made.out + made.err)
              and 'fingerprint' in made.err and 'fingerprint' not in made.out)
    image = path('code.png')
    rows = rows[:len(rows[0])]
    write_png(image, rows)
    found = subprocess.run(['zbarimg', '-q', '--raw', '--nodbus', image], capture_output=True,
                           text=True, check=False).stdout.strip()
    tap.check('which another program reads', LINE.fullmatch(found) is not None)
    remember(found)
    bad = path('bad.png')
    second = modules(pair(C, 'make', B, '--qr').out)[:len(rows)]
    two = [row + other for row, other in zip(rows, second)]
    for name, draw, says in (
            ('no code', lambda: write_png(bad, [[True] * 60] * 60), 'no QR code is found'),
            ('half a code', lambda: write_png(bad, rows[:len(rows) // 2]), 'no QR code is found'),
            ('no image', lambda: copy_text(bad, found), 'neither a PNG nor a JPEG file'),
            ('a damaged image', lambda: copy_text(bad, '\x89PNG\r\n\x1a\nxxxxxxxxxxxx'),
             'cannot be read'),
            ('two codes', lambda: write_png(bad, two), 'more than one QR code')):
        draw()
        result = pair(B, 'take', '--qr-image', bad)
        tap.check('refused: ' + name, result.code == PEER and re.search(says, result.err)
                  and result.out == '' and not LINE.search(result.err), result)
    tap.check('what was refused is not destroyed', os.path.exists(bad))
    env = dict(os.environ, PATH='/nowhere')
    none = subprocess.run([SKEX, 'pair', 'take', '--qr-image', image, '--socket', lab.socket(B)],
                          env=env, capture_output=True, text=True, check=False)
    tap.check('without zbarimg it is said what to install', none.returncode == ENVIRONMENT
              and 'install zbar-tools' in none.stderr, none.stderr)
    what_zbarimg_gets(image)
    taken = pair(B, 'take', '--qr-image', image, '--json')
    tap.check('taken from the picture, which is destroyed', taken.code == OK
              and taken.json['credential_copy'] == 'destroyed' and not os.path.exists(image), taken)
    tap.equal('the same fingerprint', show(A, B)['fingerprint'], taken.json['fingerprint'])
    key_between(A, B, 'as a QR code')
    revoke((A, B), (B, A), (C, B))


def what_zbarimg_gets(image):
    """Its words and its environment: no name of a file, and nothing that it has no need of."""
    folder = path('bin')
    os.mkdir(folder)
    with open(os.path.join(folder, 'zbarimg'), 'w', encoding='ascii') as f:
        f.write('#!/bin/sh\nprintf "%%s\\n" "$@" >%s\nenv >%s\nexit 1\n'
                % (path('words.txt'), path('env.txt')))
    os.chmod(os.path.join(folder, 'zbarimg'), 0o755)
    done = subprocess.run([SKEX, 'pair', 'take', '--qr-image', image, '--socket', lab.socket(B)],
                          env=dict(os.environ, PATH=folder + ':/usr/bin:/bin', SOMETHING='private'),
                          capture_output=True, text=True, check=False)
    tap.check('a scanner that fails', done.returncode == PEER and 'cannot be read' in done.stderr,
              done.stderr)
    with open(path('words.txt'), encoding='ascii') as f:
        words = f.read().split()
    tap.check('the picture is its standard input, of a pinned format, and the bus hears nothing',
              words[-1] == 'png:-' and '--nodbus' in words and image not in words, words)
    with open(path('env.txt'), encoding='ascii') as f:
        names = {line.split('=')[0] for line in f}
    tap.equal('its environment', sorted(names - {'PWD', 'OLDPWD', 'SHLVL', '_'}),
              ['LC_ALL', 'MAGICK_DISK_LIMIT', 'PATH'])


def copy_text(file, text):
    with open(file, 'w', encoding='latin-1') as f:
        f.write(text)


def on_terminal(agent, *words, columns=120, typed=''):
    return at_terminal([SKEX, 'pair', *words, '--socket', lab.socket(agent)], columns, typed)


def qr_on_a_terminal():
    code, shown = on_terminal(A, 'make', B, '--qr', columns=30)
    tap.check('no code on a narrow terminal', code == USAGE and 'too narrow' in shown, shown)
    tap.check('and the pair that nobody has the credential of is gone', show(A, B) == {}
              and 'revoked again' in shown, shown)
    code, shown = on_terminal(A, 'make', B)
    tap.check('a terminal is not shown the line', code == USAGE and '--qr or --words' in shown
              and show(A, B) == {}, shown)
    code, shown = on_terminal(A, 'make', B, '--qr')
    lines = re.findall('\x1b\\[30;107m([\u2580\u2584\u2588 ]*)\x1b\\[0m\n', shown)
    # On a terminal the dark modules are drawn.
    rows = [[not m for m in row] for row in modules('\n'.join(lines))]
    image = path('terminal.png')
    write_png(image, rows[:len(rows[0])])
    taken = pair(B, 'take', '--qr-image', image, '--json')
    tap.check('black on white on a terminal', code == OK and taken.code == OK, (shown, taken))
    revoke((A, B), (B, A))


# --- words ---

def make_words(agent, peer, *more):
    made = pair(agent, 'make', peer, '--words', *more)
    if made.code != OK:
        raise RuntimeError('make --words: %s' % made)
    secrets.extend(made.out.split('\n')[:4])
    return made


def by_words():
    made = make_words(A, B)
    words = made.out
    groups = words.split('\n')[:4]
    tap.check('words are four groups of five, and nothing else on standard output', re.fullmatch(
        r'((([b-z][aiou]){2}[b-z] ){4}(([b-z][aiou]){2}[b-z])\n){4}', words), made.err)
    tap.check('beside them stands how to take them', 'take --words --peer agent1' in made.err)
    tap.equal('who made them has to be said', pair(B, 'take', '--words', stdin=words).code, USAGE)
    for name, text, says in (
            ('a wrong letter', words.replace(groups[2], 'q' + groups[2][1:]),
             'Group 3 is wrong: word 1'),
            ('another word', words.replace(groups[1], changed(groups[1])),
             'Group 2 is wrong: its words do not fit'),
            ('groups exchanged', '\n'.join([groups[1], groups[0]] + groups[2:]),
             'Group 1 is wrong'),
            ('a word left out', words[:-7], 'Group 4 is wrong: word 5'),
            ('a word too much', words + 'babab', 'too many words')):
        bad = pair(B, 'take', '--words', '--peer', A, stdin=text)
        tap.check('refused: ' + name, bad.code == PEER and says in bad.err, bad)
    taken = pair(B, 'take', '--words', '--peer', A, '--json',
                 stdin=words.upper().replace(' ', '-'))
    tap.equal('taken, as people type it', (taken.code, taken.json.get('credential_copy')),
              (OK, 'elsewhere'))
    tap.equal('the same fingerprint', show(A, B)['fingerprint'], taken.json['fingerprint'])
    key_between(A, B, 'as words')
    revoke((A, B), (B, A))


def changed(group):
    """The group with another word in the place of its second."""
    words = group.split(' ')
    words[1] = 'babab' if words[1] != 'babab' else 'zuzuz'
    return ' '.join(words)


def typed_words():
    groups = make_words(A, B).out.split('\n')[:4]
    code, shown = on_terminal(B, 'take', '--words', '--peer', A, typed='\n'.join(
        [groups[0], changed(groups[1]), 'babab', groups[1], groups[2], groups[3], '']))
    tap.check('a person is asked again for the group that is wrong', code == OK
              and shown.count('Group 2 of 4: ') == 3 and shown.count('Group 3 of 4: ') == 1
              and 'Group 2 is wrong: its words' in shown and 'Group 2 is wrong: word 2' in shown,
              shown)
    tap.equal('and is paired', show(A, B)['fingerprint'], show(B, A).get('fingerprint'))
    revoke((A, B), (B, A))


# --- settings that do not fit ---

def mismatched_settings():
    words = make_words(A, B, '--depth', '8').out
    right = show(A, B)['fingerprint']
    prints = {right}
    for name, more in (('another depth', ()), ('another maker', ('--peer', C, '--depth', '8')),
                       ('the same slot at both ends', ('--slot', '0', '--depth', '8'))):
        if '--peer' not in more:
            more = ('--peer', A, *more)
        peer = more[more.index('--peer') + 1]
        taken = pair(B, 'take', '--words', *more, '--json', stdin=words)
        tap.check('%s: only the fingerprint tells' % name, taken.code == OK
                  and taken.json['fingerprint'] not in prints, taken)
        prints.add(taken.json.get('fingerprint'))
        if name == 'the same slot at both ends':
            tap.equal('and the slot', (show(A, B)['slot'], show(B, A)['slot']), (0, 0))
            silence()
        revoke((B, peer))
    taken = pair(B, 'take', '--words', '--peer', A, '--depth', '8', '--json', stdin=words)
    tap.equal('with the right ones it is the same', taken.json['fingerprint'], right)
    key_between(A, B, 'after that')
    revoke((A, B), (B, A))


def silence():
    """No key, never a weaker one, and `skex pair show` says what that can mean."""
    got = skex('key', 'get', B, '--require', 'forward-secret', '--wait', '3s', '--json', '--socket',
               lab.socket(A))
    tap.check('there is no key', got.code in (AGAIN, REFUSED), got)
    shown = pair(A, 'show', B)
    tap.check('the silence is explained', shown.code == OK and 'No key was ever made' in shown.out
              and 'The fingerprints differ' in shown.out and 'last success  never' in shown.out,
              shown)


# --- arguments, and what must not be seen ---

def arguments():
    absent = path('absent')
    for words in (('make',), ('make', B, C), ('make', B, '--qr', '--words'),
                  ('make', B, '--out', absent, '--qr'), ('make', B, '--qr', '--json'),
                  ('make', B, '--depth', '1', '--out', absent), ('make', B, '--json'),
                  ('make', B, '--depth', '33', '--out', absent),
                  ('make', B, '--out', lab.directory), ('make', A, '--out', absent),
                  ('make', B, '--out', absent, '--address', 'x'),
                  ('make', 'NO NAME', '--out', absent), ('take',), ('take', 'SKEX-PAIR-1:AAAA'),
                  ('take', '--in', '-', '--words'), ('take', '--keep'),
                  ('take', 'file'), ('take', '--in', '-', '--slot', '1'),
                  ('take', '--in', '-', '--depth', '0'), ('take', '--words'),
                  ('take', '--words', '--peer', A, '--slot', '2'),
                  ('take', '--words', '--peer', A, '--keep'),
                  ('take', '--words', '--peer', A, '--depth', '9'),
                  ('take', '--in', '-', '--qr-image', 'x.png'), ('ls', 'x'), ('show',),
                  ('revoke',)):
        result = pair(A, *words)
        tap.check('refused: pair ' + ' '.join(words), result.code == USAGE and result.err != '',
                  result)
    tap.check('and no file was left', not os.path.exists(absent)
              and not glob.glob(absent + '.*'))
    for words in (('ls',), ('revoke', B), ('make', B, '--out', absent)):
        result = skex('pair', *words, '--socket', '/nowhere/api.sock')
        tap.equal('no daemon: pair ' + words[0], result.code, ENVIRONMENT)
    tap.check('still no file', not os.path.exists(absent))


def lost_output():
    """A credential that cannot be written out is revoked again: nobody has it."""
    read_end, broken = os.pipe()
    os.close(read_end)
    for name, output in (('a full disk', os.open('/dev/full', os.O_WRONLY)),
                         ('a reader that went away', broken)):
        for way in ((), ('--words',), ('--qr',)):
            done = subprocess.run([SKEX, 'pair', 'make', B, *way, '--socket', lab.socket(A)],
                                  stdout=output, stderr=subprocess.PIPE, text=True, check=False,
                                  stdin=subprocess.DEVNULL)
            tap.check('%s %s' % (name, ' '.join(way)), done.returncode == ENVIRONMENT
                      and 'revoked again' in done.stderr, done)
            tap.equal('leaves no pair', show(A, B), {})
        os.close(output)


def restart():
    file, made = make_file(A, B, 'restart.cred')
    pair(B, 'take', '--in', file)
    for name in (A, B):
        lab.kill(name)
        lab.start(name)
    until(lambda: show(A, B) and show(B, A))
    tap.equal('pairs are there after a crash', [show(A, B).get('fingerprint'),
              show(B, A).get('fingerprint')], [made.json['fingerprint']] * 2)
    key_between(B, A, 'after a crash')


def nothing_leaks():
    """No secret stands in a log, in the state, or among what is left in the folder."""
    tap.check('secrets to look for', len(secrets) > 20, len(secrets))
    places = 0
    found = []
    for folder, _, names in os.walk(lab.directory):
        for name in names:
            file = os.path.join(folder, name)
            if not os.path.isfile(file) or name in ('kept.cred', 'copy.cred', 'bad.png',
                                                    'link.cred'):
                continue
            with open(file, 'rb') as f:
                data = f.read()
            places += 1
            found += [name for secret in secrets if secret.encode() in data]
    tap.check('in logs, state and configuration', places > 20, places)
    tap.equal('none is found', found, [])


def main():
    global lab
    with Lab(hubs=2, threshold=2, agents=3, pad='1MiB', more=('--pairwise',)) as lab:
        tap.run([revoking, by_file, kept_or_not_destroyable, by_pipe, by_qr, qr_on_a_terminal,
                 by_words, typed_words, mismatched_settings, arguments, lost_output, restart,
                 nothing_leaks])
    tap.end()


main()
