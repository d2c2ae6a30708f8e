#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Key material carried by hand: two real agents, no hub, no network between them."""

import os
import re
import shutil

from lab_harness import (AGAIN, ENVIRONMENT, LIMIT, OK, PEER, REFUSED, USAGE, Agents, Tap, ask,
                         is_confined, skex)

tap = Tap()
agents = Agents('skex-keyfill-')
path, sock, write, start, stop = (agents.path, agents.socket, agents.write, agents.start,
                                  agents.stop)


def make_agent(name, peers, more=''):
    listed = ', '.join('{ name = "%s"; profiles = []; accept = ["app:*"]; }' % p for p in peers)
    agents.make(name, 'identities = ["sae-%s"];\npeers = ( %s );\n%s' % (name, listed, more))


def keyfill(agent, *words, stdin=''):
    return skex('keyfill', *words, '--socket', sock(agent), stdin=stdin)


def take(agent, file, *words, stdin=''):
    return keyfill(agent, 'take', file, *words, stdin=stdin)


def get(agent, peer, *words):
    return skex('key', 'get', peer, '--socket', sock(agent), '--json', '--show-key', '--require',
                'nothing', *words)


def fetch(agent, peer, key_id, *words):
    return skex('key', 'fetch', key_id, '--peer', peer, '--socket', sock(agent), '--json',
                '--show-key', '--require', 'nothing', *words)


def fills(agent):
    return keyfill(agent, 'ls', '--json').json['keyfills']


def refusal(name, result, code, text):
    tap.check(name, result.code == code and text in result.err and 'what to do: ' in result.err,
              result)


def carry(name):
    """A copy on another medium."""
    shutil.copy(path(name), path(name + '.copy'))
    return path(name + '.copy')


def exchange(name, maker, other, *words):
    got = get(maker, other, *words)
    key = got.json['keys'][0] if got.code == OK else {}
    fetched = fetch(other, maker, key.get('key_id', '-'))
    same = fetched.code == OK and fetched.json['keys'][0]['key'] == key['key']
    tap.check(name, got.code == OK and same, '%s\n%s' % (got, fetched))
    return key, fetched.json['keys'][0] if fetched.code == OK else {}


# --- the order of things ---

def before():
    refusal('without material there is no key', get('alice', 'bob', '--wait', '0'), AGAIN,
            'no key material was carried')
    tap.equal('and no list', fills('alice'), [])
    doctor = skex('doctor', '--socket', sock('alice'))
    tap.check('doctor says that there is nothing', 'enrolled at no hub' in doctor.out, doctor)


def made():
    result = keyfill('alice', 'make', 'bob', '--bytes', '256KiB', '--out', path('fill'))
    tap.check('made', result.code == OK and '2048 keys of 256 bits from each end' in result.out and
              'two copies exist' in result.out and 'no passphrase' in result.out, result)
    tap.equal('for its owner only', os.stat(path('fill')).st_mode & 0o777, 0o600)
    tap.check('nothing stays at the maker',
              not os.path.exists(path('alice', 'state', 'keyfill.spool')))
    refusal('a file is not replaced', keyfill('alice', 'make', 'bob', '--out', path('fill')),
            REFUSED, 'is there already')
    refusal('not for oneself', keyfill('alice', 'make', 'alice', '--out', path('x')), USAGE,
            'no name of another agent')
    refusal('of whole pieces', keyfill('alice', 'make', 'bob', '--bytes', '5000', '--out',
            path('x')), USAGE, 'not a multiple')
    tap.check('none was written', not os.path.exists(path('x')))
    tap.equal('and the maker has nothing yet', fills('alice'), [])
    spool = path('alice', 'state', 'keyfill.spool')
    stop('alice')
    with open(spool, 'wb') as f:
        f.write(bytes(80) + os.urandom(1000))
    start('alice')
    tap.check('what a crash left at the maker goes with the start', not os.path.exists(spool))


def refused():
    copy = carry('fill')
    refusal('a third agent may not', take('carol', copy), REFUSED, 'this is carol')
    refusal('nor one to whom the other is no peer', take('bob', copy), REFUSED, 'is no peer')
    added = skex('peer', 'add', 'alice', '--no-hubs', '--socket', sock('bob'))
    tap.equal('a peer without hubs is added', added.code, OK)
    joined = skex('join', copy, '--config', path('bob', 'conf'))
    refusal('it is no kit', joined, REFUSED, 'skex keyfill take')
    with open(copy, 'rb') as f:
        good = f.read()
    for what, bad, code, text in (
            ('damaged', good[:70000] + b'!' + good[70001:], PEER, 'damaged'),
            ('cut off', good[:-1], ENVIRONMENT, 'truncated'),
            ('other', b'x' * 200, PEER, 'not a kit')):
        write(path('bad'), bad)
        result = take('bob', path('bad'))
        tap.check(what + ' is refused', result.code == code and text in result.err, result)
        tap.check(what + ' is left where it is', os.path.exists(path('bad')))
    tap.equal('nothing of them is here', fills('bob'), [])
    refusal('no such file', take('bob', path('none')), REFUSED, 'no such file')


def taken():
    first = take('alice', path('fill'))
    tap.check('the maker takes it in', first.code == OK and 'end 0' in first.out and
              'Nobody has proved' in first.out, first)
    tap.check('which destroys the file', not os.path.exists(path('fill')))
    tap.equal('and is kept over a kill', (stop('alice'), start('alice'), len(fills('alice')))[2], 1)
    kept = take('bob', path('fill.copy'), '--json')
    tap.check('the other end as well', kept.code == OK and kept.json['end'] == 1 and
              kept.json['peer'] == 'alice' and kept.json['file'] == 'shredded' and
              kept.json['class'] == 'computational', kept)


def twice():
    keyfill('alice', 'make', 'bob', '--bytes', '4KiB', '--out', path('small'))
    carry('small')
    again = take('alice', path('small'), '--keep')
    tap.check('--keep keeps the file', again.code == OK and 'is kept' in again.out and
              os.path.exists(path('small')), again)
    refusal('the same is not taken in twice', take('alice', path('small')), REFUSED,
            'was taken in here already')
    tap.check('nor over a restart', (stop('alice'), start('alice'), take(
        'alice', path('small')).code)[2] == REFUSED)
    tap.equal('the other end takes the copy', take('bob', path('small.copy')).code, OK)
    os.unlink(path('small'))


def keys():
    for maker, other in (('alice', 'bob'), ('bob', 'alice')):
        key, fetched = exchange('a key of %s, nothing sent' % maker, maker, other)
        tap.check('its properties are true at both ends', all(
            k['class'] == 'computational' and not k['confirmed'] and k['forward_secret']
            for k in (key, fetched)), (key, fetched))
        refusal('fetched once', fetch(other, maker, key['key_id']), REFUSED, 'that key')
        exchange('a long key of %s' % maker, maker, other, '--bits', 65536)
        exchange('a short one', maker, other, '--bits', 8)
    key = get('alice', 'bob').json['keys'][0]
    stop('alice')
    stop('bob')
    start('bob')
    fetched = fetch('bob', 'alice', key['key_id'])
    tap.check('fetched while the maker is away', fetched.code == OK and
              fetched.json['keys'][0]['key'] == key['key'], fetched)
    start('alice')
    seen = set()
    for _ in range(40):
        many = get('alice', 'bob', '--count', 8).json['keys']
        seen.update(k['key'] for k in many)
        stop('alice')
        start('alice')
        if len(seen) >= 80:
            break
    tap.equal('killed again and again: no key is made twice', len(seen), 80)


def required():
    plain = skex('key', 'get', 'bob', '--socket', sock('alice'), '--json', '--wait', '0')
    refusal('confirmed keys are what is asked for by default', plain, AGAIN, 'nobody has proved')
    its = get('alice', 'bob', '--wait', '0')
    tap.equal('without that there is one', its.code, OK)
    wanted = skex('key', 'get', 'bob', '--socket', sock('alice'), '--json', '--require', 'its',
                  '--wait', '0')
    refusal('its is refused', wanted, REFUSED, 'is not its')
    secret = skex('key', 'get', 'bob', '--socket', sock('alice'), '--json', '--require',
                  'forward-secret', '--wait', '2s')
    tap.check('forward secrecy is given', secret.code == OK and
              secret.json['keys'][0]['forward_secret'], secret)
    key = get('alice', 'bob', '--purpose', 'app:a').json['keys'][0]
    refusal('for another purpose it is not found', fetch('bob', 'alice', key['key_id'], '--purpose',
            'app:b'), REFUSED, 'no key from this peer')
    tap.equal('for its own it is', fetch('bob', 'alice', key['key_id'], '--purpose', 'app:a').code,
              OK)


def passphrase():
    word = 'correct horse battery staple\n'
    locked = keyfill('bob', 'make', 'alice', '--bytes', '64KiB', '--out', path('locked'),
                     '--passphrase-file', '-', stdin=word)
    tap.check('with a passphrase', locked.code == OK and 'no passphrase' not in locked.out, locked)
    carry('locked')
    refusal('which is needed', take('alice', path('locked')), USAGE, 'with a passphrase')
    wrong = take('alice', path('locked'), '--passphrase-file', '-', stdin='wrong\n')
    refusal('and has to be right', wrong, PEER, 'wrong passphrase')
    for agent, name in (('alice', 'locked'), ('bob', 'locked.copy')):
        good = take(agent, path(name), '--passphrase-file', '-', stdin=word)
        tap.equal('%s takes it in' % agent, good.code, OK)


def true_random():
    if is_confined():
        write(path('elsewhere'), os.urandom(32 + 65536))
        refusal('a source elsewhere', keyfill('carol', 'make', 'dave', '--bytes', '64KiB',
                '--pad-source', path('elsewhere'), '--out', path('its')), ENVIRONMENT,
                'pad_folders')
    write(path('sources', 'random'), os.urandom(32 + 65536))
    source = keyfill('carol', 'make', 'dave', '--bytes', '64KiB', '--pad-source',
                     path('sources', 'random'), '--out', path('its'), '--json')
    tap.check('of a true random source', source.code == OK and source.json['class'] == 'its',
              source)
    refusal('which is used once', keyfill('carol', 'make', 'dave', '--bytes', '64KiB',
            '--pad-source', path('sources', 'random'), '--out', path('its2')), LIMIT,
            'bytes are used')
    carry('its')
    tap.equal('taken in where only its will do', take('dave', path('its.copy')).code, OK)
    tap.equal('and here', take('carol', path('its')).code, OK)
    key, fetched = exchange('a key of class its', 'carol', 'dave')
    tap.check('true at both ends', key['class'] == 'its' and fetched['class'] == 'its',
              (key, fetched))
    keyfill('carol', 'make', 'dave', '--bytes', '4KiB', '--out', path('weak'))
    refusal('what is not its is refused there', take('dave', path('weak')), REFUSED, 'require_its')


def used_up():
    keyfill('erin', 'make', 'frank', '--bytes', '4KiB', '--out', path('last'))
    carry('last')
    take('erin', path('last'))
    take('frank', path('last.copy'))
    got = [get('erin', 'frank').json['keys'][0] for _ in range(32)]
    refusal('when it is used up, that is said', get('erin', 'frank', '--wait', '0'), AGAIN,
            'is used up')
    status = skex('status', '--socket', sock('erin'))
    tap.check('in status too', re.search(r'frank +0 +ready +computational +0 keys', status.out),
              status)
    doctor = skex('doctor', '--socket', sock('erin'))
    tap.check('and by doctor', 'keyfill' in doctor.out and 'used up' in doctor.out and
              'skex keyfill make' in doctor.out, doctor)
    events = first_events('erin', 3)
    tap.check('and in an event', 'keyfill_low' in events, events)
    good = [fetch('frank', 'erin', k['key_id']).code for k in reversed(got)]
    tap.equal('all of them are fetched, in any order', good, [OK] * 32)
    fill = fills('frank')[0]
    removed = keyfill('frank', 'rm', fill['fill'])
    tap.equal('what is left is destroyed', removed.code, OK)
    tap.equal('and is over', fills('frank')[0]['state'], 'used up')
    refusal('once', keyfill('frank', 'rm', fill['fill']), REFUSED, 'nothing of it is left')


def first_events(agent, count):
    """The text of so many, once they have happened."""
    return skex('events', '--recent', '--count', count, '--json', '--socket', sock(agent)).out


def machine():
    answer = ask(sock('alice'), op='keyfill_take', file='relative', keep='yes')
    tap.equal('requests are read strictly', answer['error']['code'], 'bad_request')
    answer = ask(sock('alice'), op='keyfill_make', peer='bob', bytes=4096, salt='x' * 24)
    tap.equal('a lock is whole or not there', answer['error']['code'], 'bad_request')
    answer = ask(sock('alice'), op='keyfill_rm', fill='0' * 36)
    tap.equal('an id is an id', answer['error']['code'], 'bad_request')


def main():
    os.mkdir(path('sources'))
    sources = 'pad_folders = ["%s"];\n' % path('sources')
    for name, peers, more in (('alice', ['bob'], ''), ('bob', [], ''), ('carol', ['dave'], sources),
                              ('dave', ['carol'], 'require_its = true;\n'), ('erin', ['frank'], ''),
                              ('frank', ['erin'], '')):
        make_agent(name, peers, more)
        start(name)
    tap.run([before, made, refused, taken, twice, keys, required, passphrase, true_random, used_up,
             machine])


with agents:
    main()
tap.end()
