#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Enrolment with real hubs and agents: kits, joining, refill, ban, eviction, and every refusal."""

import os
import shutil
import socket

from lab_harness import (AGAIN, ENVIRONMENT, LIMIT, OK, PEER, REFUSED, USAGE, Lab, Tap, ask,
                         free_port, is_confined, skex, until)

tap = Tap()
lab = None
PAD = '256KiB'


def kit(name):
    return os.path.join(lab.directory, name)


def refusal(name, result, code, text):
    """A command that fails with this class, naming what it is about and what to do."""
    tap.check(name, result.code == code and text in result.err and 'what to do: ' in result.err
              and result.out == '', result)


# --- the order of things ---

def a_used_leg():
    refusal('a used leg is not enrolled again', lab.hub('hub1', 'enrol', 'agent1', '--out',
            kit('x'), '--pad', PAD), REFUSED, 'has used its leg')
    refusal('nor with --again', lab.hub('hub1', 'enrol', 'agent1', '--again', '--out', kit('x'),
            '--pad', PAD), REFUSED, 'has used its leg')
    tap.check('no file was made', not os.path.exists(kit('x')))
    tap.equal('the leg is as it was', lab.member('hub1', 'agent1')['state'], 'up')


def a_pending_leg():
    first = lab.hub('hub1', 'enrol', 'agent7', '--out', kit('7a'), '--pad', PAD, '--group', 'g1',
                    '--group', 'g2', '--json')
    tap.check('a new agent', first.code == OK and list(first.json) == [
        'agent', 'leg', 'generation', 'class', 'kit', 'bytes', 'passphrase'], first)
    tap.equal('its kit is for its owner only', os.stat(kit('7a')).st_mode & 0o777, 0o600)
    member = lab.member('hub1', 'agent7')
    tap.check('listed as taken, not used', member['kit'] == 'taken' and
              member['groups'] == ['g1', 'g2'] and member['class'] == 'computational', member)
    refusal('enrolled twice', lab.hub('hub1', 'enrol', 'agent7', '--out', kit('7b'), '--pad', PAD),
            REFUSED, 'has not connected yet')
    refusal('refill before the first use', lab.hub('hub1', 'refill', 'agent7', '--out', kit('7b'),
            '--pad', PAD), USAGE, 'has not connected yet')
    again = lab.hub('hub1', 'enrol', 'agent7', '--again', '--out', kit('7b'), '--pad', PAD,
                    '--json')
    tap.check('--again makes another leg', again.code == OK and
              again.json['leg'] != first.json['leg'], again)
    tap.check('and says so in the log', 'enrolment_voided: agent agent7' in lab.log('hub1'))
    tap.equal('groups stay', lab.member('hub1', 'agent7')['groups'], ['g1', 'g2'])
    tap.check('pads of the first are gone', not any(
        f.startswith(first.json['leg']) for f in lab.pads('hub1')), lab.pads('hub1'))
    refusal('an output file is never replaced', lab.hub('hub1', 'enrol', 'agent8', '--out',
            kit('7b'), '--pad', PAD), REFUSED, 'is there already')
    tap.equal('and nobody was enrolled', lab.member('hub1', 'agent8'), {})


def an_untaken_kit():
    """The command died before it had copied the kit: the next one gets the same."""
    answer = ask(lab.admin('hub2'), op='enrol', agent='agent9', pad_bytes=262144)
    tap.equal('listed as waiting', lab.member('hub2', 'agent9').get('kit'), 'waiting')
    spool = answer['spool']
    with open(spool, 'rb') as f:
        tap.equal('what lies in the spool is no kit', f.read(80), bytes(80))
    refusal('it is no kit', lab.join('agent1', spool), PEER, 'not finished')
    lab.kill('hub2')
    lab.start('hub2')
    tap.equal('it waits over a crash', lab.member('hub2', 'agent9').get('kit'), 'waiting')
    refusal('a refill has to wait', lab.hub('hub2', 'refill', 'agent9', '--out', kit('9'), '--pad',
            PAD), AGAIN, 'waits to be taken')
    got = lab.hub('hub2', 'enrol', 'agent9', '--out', kit('9'), '--pad', PAD, '--json')
    tap.check('the same leg', got.code == OK and got.json['leg'] == answer['leg'], got)
    tap.check('the spool is empty', until(lambda: not os.path.exists(spool)))
    joined = skex('join', kit('9'), '--dir', kit('state9'), '--kek', lab.path('agent1', 'kek'))
    tap.equal('and the kit is good', joined.code, OK)


# --- joining ---

def damaged_kits():
    """Every class of damage is found and named, and nothing is taken in."""
    lab.hub('hub1', 'enrol', 'agentd', '--out', kit('d'), '--pad', PAD)
    with open(kit('d'), 'rb') as f:
        good = f.read()
    words = ['--dir', kit('stated'), '--kek', lab.path('agent1', 'kek')]

    def attempt(name, data, code, text):
        with open(kit('bad'), 'wb') as f:
            f.write(data)
        refusal(name, skex('join', kit('bad'), *words), code, text)
        tap.check('%s: the file is kept' % name, os.path.exists(kit('bad')))

    attempt('empty', b'', PEER, 'not a kit')
    attempt('a few bytes', good[:79], PEER, 'not a kit')
    attempt('the preamble only', good[:80], ENVIRONMENT, 'truncated')
    attempt('cut in a chunk', good[:70000], ENVIRONMENT, 'truncated')
    attempt('cut between chunks', good[:80 + 2 * 65552], ENVIRONMENT, 'truncated')
    attempt('one byte short', good[:-1], ENVIRONMENT, 'truncated')
    attempt('one byte long', good + b'x', ENVIRONMENT, 'ends after')
    attempt('no kit at all', b'hello' * 1000, PEER, 'not a kit')
    attempt('another version', good[:9] + b'\2' + good[10:], PEER, 'version 2')
    for name, at in [('key', 40), ('kit id', 70), ('header', 100), ('first pad', 70000),
                     ('last chunk', len(good) - 100), ('last tag', len(good) - 1)]:
        flipped = bytearray(good)
        flipped[at] ^= 1
        attempt('a bit in the %s' % name, bytes(flipped), PEER, 'damaged')
    swapped = good[:80 + 65552] + good[80 + 2 * 65552:80 + 3 * 65552] + \
        good[80 + 65552:80 + 2 * 65552] + good[80 + 3 * 65552:]
    attempt('chunks in another order', swapped, PEER, 'damaged')
    refusal('no file', skex('join', kit('nothing'), *words), REFUSED, 'no such file')
    joined = skex('join', kit('d'), *words)
    tap.check('the good one is taken in', joined.code == OK and 'overwritten' in joined.out, joined)
    tap.check('and shredded', not os.path.exists(kit('d')))


def joined_twice():
    lab.hub('hub1', 'enrol', 'agentt', '--out', kit('t'), '--pad', PAD)
    shutil.copy(kit('t'), kit('copy'))
    words = ['--dir', kit('statet'), '--kek', lab.path('agent1', 'kek')]
    refusal('another agent\'s name', lab.join('agent1', kit('t')), REFUSED,
            'made for agent agentt')
    first = skex('join', kit('t'), '--keep', '--json', *words)
    tap.check('joined', first.code == OK and first.json['kit_file'] == 'kept', first)
    refusal('the same kit again', skex('join', kit('copy'), *words), REFUSED, 'taken in already')
    refusal('also with --replace', skex('join', kit('copy'), '--replace', *words), REFUSED,
            'taken in already')
    lab.hub('hub1', 'enrol', 'agentt', '--again', '--out', kit('t2'), '--pad', PAD)
    refusal('a second leg with one hub', skex('join', kit('t2'), *words), REFUSED,
            'not replaced silently')
    replaced = skex('join', kit('t2'), '--replace', '--json', *words)
    tap.check('--replace', replaced.code == OK and replaced.json['replaced'], replaced)
    refusal('a wrong key file', skex('join', kit('copy'), '--dir', kit('statet'), '--kek',
            lab.path('agent2', 'kek')), PEER, 'not its key-encryption key')


def passphrases():
    with open(kit('pass'), 'w', encoding='ascii') as f:
        f.write('correct horse\n')
    refusal('a passphrase that others can read', lab.hub('hub1', 'enrol', 'agentp', '--out',
            kit('p'), '--pad', PAD, '--passphrase-file', kit('pass')), REFUSED, 'read by others')
    os.chmod(kit('pass'), 0o600)
    source = lab.path('sources', 'random')
    with open(source, 'wb') as f:
        f.write(os.urandom(3 << 19))
    made = lab.hub('hub1', 'enrol', 'agentp', '--out', kit('p'), '--pad', PAD, '--pad-source',
                   source, '--passphrase-file', kit('pass'), '--json')
    tap.check('with a passphrase its becomes computational', made.code == OK and
              made.json['class'] == 'computational' and made.json['passphrase'], made)
    words = ['--dir', kit('statep'), '--kek', lab.path('agent1', 'kek')]
    refusal('no passphrase', skex('join', kit('p'), *words), USAGE, 'with a passphrase')
    refusal('a wrong passphrase', skex('join', kit('p'), '--passphrase-file', '-', *words,
            stdin='wrong\n'), PEER, 'wrong passphrase')
    refusal('an empty one', skex('join', kit('p'), '--passphrase-file', '-', *words, stdin='\n'),
            USAGE, 'is empty')
    joined = skex('join', kit('p'), '--passphrase-file', '-', '--json', *words,
                  stdin='correct horse\n')
    tap.check('the right one', joined.code == OK and joined.json['class'] == 'computational',
              joined)


def sources():
    source = lab.path('sources', 'random')
    its = lab.hub('hub1', 'enrol', 'agents', '--out', kit('s'), '--pad', PAD, '--pad-source',
                  source, '--json')
    tap.check('a declared source gives its', its.code == OK and its.json['class'] == 'its', its)
    tap.equal('and is recorded', lab.member('hub1', 'agents')['source'], 'file random')
    # 2 * 256 KiB for each of two kits are used of 1.5 MiB less 32 bytes.
    refusal('a source is used once', lab.hub('hub1', 'enrol', 'agentu', '--out', kit('u'), '--pad',
            PAD, '--pad-source', source), LIMIT, 'are used')
    shutil.copy(source, lab.path('sources', 'copy of random'))
    refusal('its copy is known', lab.hub('hub1', 'enrol', 'agentu', '--out', kit('u'), '--pad',
            PAD, '--pad-source', lab.path('sources', 'copy of random')), LIMIT, 'are used')
    with open(source + '.skex-used') as f:
        tap.check('how much is used stands beside it', f.read().endswith(f' {32 + (2 << 19)}\n'))
    # In the way of that note, for root too.
    unmarked = lab.path('sources', 'unmarked')
    os.mkdir(unmarked + '.skex-used.new')
    with open(unmarked, 'wb') as f:
        f.write(os.urandom(2 << 19))
    refusal('it has to be noted', lab.hub('hub1', 'enrol', 'agentu', '--out', kit('u'), '--pad',
            '4KiB', '--pad-source', unmarked), ENVIRONMENT, '.skex-used')
    made = lab.hub('hub1', 'enrol', 'agentn', '--out', kit('n'), '--pad', '4KiB', '--pad-source',
                   unmarked, '--pad-source-unmarked', '--json')
    tap.check('unless the operator says so', made.code == OK and made.json['class'] == 'its', made)
    refusal('the kernel is no such source', lab.hub('hub1', 'enrol', 'agentu', '--out', kit('u'),
            '--pad', PAD, '--pad-source', '/dev/urandom'), REFUSED, 'not truly random')
    refusal('nor is a directory', lab.hub('hub1', 'enrol', 'agentu', '--out', kit('u'), '--pad',
            PAD, '--pad-source', lab.path('sources')), USAGE, 'is no file')
    refusal('nor what is not there', lab.hub('hub1', 'enrol', 'agentu', '--out', kit('u'), '--pad',
            PAD, '--pad-source', lab.path('sources', 'none')), REFUSED, 'No such file')
    if is_confined():
        elsewhere = kit('elsewhere')
        shutil.copy(source, elsewhere)
        refusal('nor what is in no folder of pad_folders', lab.hub('hub1', 'enrol', 'agentu',
                '--out', kit('u'), '--pad', PAD, '--pad-source', elsewhere), ENVIRONMENT,
                'pad_folders')
    tap.equal('nobody was enrolled by that', lab.member('hub1', 'agentu'), {})
    joined = skex('join', kit('s'), '--dir', kit('states'), '--kek', lab.path('agent1', 'kek'),
                  '--json')
    tap.equal('the agent has the class too', joined.json['class'], 'its')


def ratchet():
    made = lab.hub('hub1', 'enrol', 'agentr', '--ratchet', '--out', kit('r'), '--json')
    tap.check('a ratchet kit is small', made.code == OK and made.json['bytes'] < 1000, made)
    tap.equal('a ratchet leg', lab.member('hub1', 'agentr')['pad'], 'ratchet')
    refusal('it has no source', lab.hub('hub1', 'enrol', 'agentv', '--ratchet', '--pad-source',
            kit('random'), '--out', kit('v')), USAGE, 'has no source')
    joined = skex('join', kit('r'), '--dir', kit('stater'), '--kek', lab.path('agent1', 'kek'))
    tap.equal('and can be joined', joined.code, OK)
    refusal('it needs no refill', lab.hub('hub1', 'refill', 'agentr', '--out', kit('v'), '--pad',
            PAD), REFUSED, 'does not run out')


# --- a live leg ---

def refills():
    before = lab.leg('agent1', 'hub1')
    made = lab.hub('hub1', 'refill', 'agent1', '--out', kit('f'), '--pad', PAD, '--json')
    tap.check('refill', made.code == OK and made.json['generation'] == 1, made)
    refusal('a second before the first is begun', lab.hub('hub1', 'refill', 'agent1', '--out',
            kit('f2'), '--pad', PAD), AGAIN, 'nothing of it is used yet')
    lost = lab.hub('hub1', 'refill', 'agent1', '--again', '--out', kit('f2'), '--pad', PAD,
                   '--json')
    tap.check('a lost kit is written again', lost.code == OK and lost.json['generation'] == 1, lost)
    refusal('for another agent', lab.join('agent2', kit('f')), REFUSED, 'made for agent agent1')
    joined = lab.join('agent1', kit('f'), '--json')
    tap.check('joined by the running agent', joined.code == OK and
              joined.json['type'] == 'refill' and not os.path.exists(kit('f')), joined)
    refusal('the copy too', lab.join('agent1', kit('f2')), REFUSED, 'is here already')
    refusal('no leg is replaced while the agent runs', lab.join('agent1', kit('f2'), '--replace'),
            AGAIN, 'while it does not run')
    after = lab.leg('agent1', 'hub1')
    tap.check('there is more pad', after['send_left_bytes'] > before['send_left_bytes'],
              (before, after))
    tap.check('keys go on', lab.key('agent1', 'agent2').code == OK)
    refusal('an unknown agent', lab.hub('hub1', 'refill', 'nobody', '--out', kit('g'), '--pad',
            PAD), REFUSED, 'not enrolled')


def used_up():
    """Small pads are used up; a refill of every leg brings the keys back."""
    with Lab(pad='64KiB') as small:
        def take():
            return skex('key', 'get', 'agent2', '--count', 128, '--socket',
                        small.socket('agent1'), '--wait', '2s', '--json').code
        got = 0
        while take() == OK and got < 200:
            got += 1
        tap.check('pads end', got < 200, got)
        for hub in ['hub1', 'hub2', 'hub3']:
            for agent in ['agent1', 'agent2']:
                out = os.path.join(small.directory, hub + agent)
                small.hub(hub, 'refill', agent, '--out', out, '--pad', '512KiB')
                small.join(agent, out)
        tap.check('keys after the refill', until(lambda: take() == OK))


def bans():
    tap.equal('ban', lab.hub('hub3', 'ban', 'agent2').code, OK)
    tap.check('it is disconnected', until(
        lambda: not lab.member('hub3', 'agent2')['connected']))
    tap.equal('listed so', lab.member('hub3', 'agent2')['state'], 'banned')
    tap.equal('ban again', lab.hub('hub3', 'ban', 'agent2').code, OK)
    refusal('no refill', lab.hub('hub3', 'refill', 'agent2', '--out', kit('b'), '--pad', PAD),
            REFUSED, 'is banned')
    refusal('no enrolment', lab.hub('hub3', 'enrol', 'agent2', '--out', kit('b'), '--pad', PAD),
            REFUSED, 'is banned')
    lab.kill('hub3')
    lab.start('hub3')
    tap.equal('over a crash', lab.member('hub3', 'agent2')['state'], 'banned')
    tap.check('keys through the others', lab.key('agent1', 'agent2').code == OK)
    tap.equal('unban', lab.hub('hub3', 'unban', 'agent2').code, OK)
    tap.check('it comes back', until(lambda: lab.leg('agent2', 'hub3').get('state') == 'up'))
    refusal('ban of nobody', lab.hub('hub3', 'ban', 'nobody'), REFUSED, 'never enrolled')


def evictions():
    leg = lab.member('hub3', 'agent2')['leg']
    tap.equal('evict', lab.hub('hub3', 'evict', 'agent2').code, OK)
    tap.equal('evict again', lab.hub('hub3', 'evict', 'agent2').code, OK)
    member = lab.member('hub3', 'agent2')
    tap.check('listed so', member['state'] == 'evicted' and member['kit'] == 'destroyed', member)
    tap.check('its pads are gone', not any(f.startswith(leg) for f in lab.pads('hub3')))
    refusal('unban does not help', lab.hub('hub3', 'unban', 'agent2'), REFUSED, 'is evicted')
    tap.check('it is disconnected', until(lambda: lab.leg('agent2', 'hub3')['state'] != 'up'))
    new = lab.hub('hub3', 'enrol', 'agent2', '--out', kit('e'), '--pad', PAD, '--json')
    tap.check('enrolled anew on another leg', new.code == OK and new.json['leg'] != leg, new)
    refusal('the running agent replaces nothing', lab.join('agent2', kit('e')), REFUSED,
            'not replaced silently')
    refusal('nor when told to', lab.join('agent2', kit('e'), '--replace'), AGAIN, 'skexd has it')
    lab.stop('agent2')
    joined = lab.join('agent2', kit('e'), '--replace')
    tap.equal('stopped, it does', joined.code, OK)
    tap.check('its old pads are gone', not any(f.startswith(leg) for f in lab.pads('agent2')))
    lab.start('agent2')
    tap.check('the new leg comes up', lab.up('agent2', 'hub3'))
    tap.check('and there are keys', lab.key('agent1', 'agent2').code == OK)
    tap.equal('purge', lab.hub('hub3', 'purge', 'agent2').code, OK)
    refusal('evict of nobody', lab.hub('hub3', 'evict', 'nobody'), REFUSED, 'never enrolled')


# --- words that make no sense ---

def bad_words():
    for name, words in [
            ('no name', ['enrol', '--out', kit('w')]),
            ('no file', ['enrol', 'w']),
            ('a bad name', ['enrol', 'Big Name', '--out', kit('w')]),
            ('a bad group', ['enrol', 'w', '--out', kit('w'), '--group', 'No Group']),
            ('a pad of no size', ['enrol', 'w', '--out', kit('w'), '--pad', 'much']),
            ('a pad too small', ['enrol', 'w', '--out', kit('w'), '--pad', '16']),
            ('an odd pad', ['enrol', 'w', '--out', kit('w'), '--pad', '4097']),
            ('a suite that is none', ['enrol', 'w', '--out', kit('w'), '--suite', 'rot13']),
            ('an option of enrol', ['refill', 'agent1', '--out', kit('w'), '--ratchet']),
            ('an option that is none', ['ls', '--all']),
            ('an option given twice', ['ls', '--json', '--json'])]:
        result = lab.hub('hub1', *words)
        tap.check(name, result.code == USAGE and result.out == '', result)
    tap.check('nothing was made', not os.path.exists(kit('w')))
    tap.equal('no hub there', skex('hub', 'ls', '--admin', kit('none.sock')).code, AGAIN)
    tap.equal('no command', skex('hub', 'explode').code, USAGE)
    for line, code in [({'op': 'enrol'}, 'bad_request'),
                       ({'op': 'enrol', 'agent': 'w', 'pad_bytes': -1}, 'bad_request'),
                       ({'op': 'enrol', 'agent': 'w', 'pad_bytes': 4096, 'key': 'A' * 44},
                        'bad_request'),
                       ({'op': 'enrol', 'agent': 'w', 'groups': [1]}, 'bad_request'),
                       ({'op': 'refill', 'agent': 'agent1', 'ratchet': True}, 'bad_request'),
                       ({'op': 'kit_taken', 'agent': 'agent1'}, 'no_kit'),
                       ({'op': 'show', 'agent': 'nobody'}, 'unknown_agent'),
                       ({'op': 'show', 'agent': 'No Name'}, 'bad_name'),
                       ({'op': 'resume', 'agent': 'nobody'}, 'unknown_agent'),
                       ({'op': 'ls', 'before': 'x'}, 'bad_request'),
                       ({'op': 'nothing'}, 'unknown_op')]:
        answer = ask(lab.admin('hub1'), **line)
        tap.equal('%s of %s' % (code, line), answer.get('error', {}).get('code'), code)


def what_a_hub_says():
    listed = lab.hub('hub1', 'ls', '--json').json['agents']
    names = [agent['agent'] for agent in listed]
    tap.check('ls in order of names', names == sorted(names) and 'agent1' in names, names)
    tap.check('ls for people', 'agent1' in lab.hub('hub1', 'ls').out)
    status = lab.hub('hub1', 'status', '--json').json
    tap.check('status', status['hub'] == 'hub1' and status['counters']['connected'] == 2, status)
    metrics = lab.hub('hub1', 'metrics').out
    tap.check('metrics', '\nskex_hub_connected 2\n' in metrics, metrics)


def is_ended(silent):
    """A stranger that comes later has as long, and the hub ends it in any case."""
    port = next(hub['port'] for hub in lab.what['hubs'] if hub['name'] == 'hub1')
    with socket.create_connection(('127.0.0.1', port)) as stranger:
        stranger.recv(1)
    lab.hub('hub1', 'status')  # answered after the turn that ended it
    silent.setblocking(False)
    try:
        return silent.recv(1) == b''
    except BlockingIOError:
        return False


def served_metrics():
    """Over HTTP: one answer for who asks, and an end for who does not."""
    port = free_port()
    with open(lab.config('hub1'), 'a', encoding='utf-8') as f:
        f.write('metrics = "127.0.0.1:%d";\n' % port)
    lab.stop('hub1')
    lab.start('hub1')
    silent = socket.create_connection(('127.0.0.1', port))
    with socket.create_connection(('127.0.0.1', port), 5) as client:
        client.sendall(b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
        page = b''.join(iter(lambda: client.recv(65536), b''))
    tap.check('metrics over HTTP', page.startswith(b'HTTP/1.1 200') and
              b'\nskex_hub_reuse_alarms_total 0\n' in page, page.decode())
    with silent:
        tap.check('who asks for nothing is ended', is_ended(silent))


def init():
    def make(*words):
        return skex('hub', 'init', '--config', kit('i.conf'), '--dir', kit('i'), '--kek',
                    kit('i.kek'), *words)
    bad = make('--name', 'No Name')
    tap.check('init with a bad name leaves nothing', bad.code == USAGE and
              not os.path.exists(kit('i.conf')) and not os.path.exists(kit('i.kek')), bad)
    tap.equal('init', make('--name', 'hubi', '--listen', '127.0.0.1:7109').code, OK)
    tap.equal('key file', (os.stat(kit('i.kek')).st_mode & 0o777, os.path.getsize(kit('i.kek'))),
              (0o600, 32))
    refusal('never over another', make('--name', 'hubi'), REFUSED, 'is there already')


with Lab() as lab:
    tap.run([what_a_hub_says, a_used_leg, a_pending_leg, an_untaken_kit, damaged_kits, joined_twice,
             passphrases, sources, ratchet, refills, bans, evictions, bad_words, served_metrics,
             init, used_up])
tap.end()
