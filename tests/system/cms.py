#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""skex cms between two agents of a lab, with openssl-cms(1), damaged messages, and its page."""

import os
import resource
import subprocess
import time

from docs_harness import run_page
from lab_harness import (BUILD, ENVIRONMENT, OK, PEER, REFUSED, SKEX, USAGE, Lab, Result, Tap, skex,
                         until)

tap = Tap()
PAGE = os.path.join(os.path.dirname(__file__), '..', '..', 'docs', 'integration', 'cms.md')
NAME = 'skex1/%s/agent1/agent2/cms:default'


def path(*names):
    return os.path.join(lab.directory, *names)


def write(name, data):
    with open(path(name), 'wb') as f:
        f.write(data)
    return path(name)


def read(name):
    with open(path(name), 'rb') as f:
        return f.read()


def cms(verb, agent, *words, data=b'', **more):
    """skex cms with bytes; standard output stays bytes."""
    done = subprocess.run([SKEX, 'cms', verb, '--socket', lab.socket(agent), *map(str, words)],
                          input=data, capture_output=True, check=False, **more)
    return Result(done.returncode, done.stdout, done.stderr.decode())


def encrypt(data, *words):
    done = cms('encrypt', 'agent1', '--peer', 'agent2', *words, data=data)
    if done.code != OK:
        raise RuntimeError('encrypt: %s' % done)
    return done.out


def decrypt(data, *words, agent='agent2'):
    return cms('decrypt', agent, *words, data=data)


def openssl(*words):
    return subprocess.run(['openssl', 'cms', *words], capture_output=True, check=False)


def key(verb, *words):
    """A key and its bytes."""
    done = skex('key', verb, *words, '--purpose', 'cms:default', '--json', '--out', path('key'))
    return done.json['keys'][0]['key_id'], read('key').hex()


def refused(name, done, code, *words):
    tap.check(name, done.code == code and done.out == b'' and all(w in done.err for w in words),
              done)


# --- what works ---

def sizes():
    for size in (0, 1, 32768, 3000001):
        data = os.urandom(size)
        done = decrypt(encrypt(data))
        tap.check('%d bytes through pipes' % size, done.code == OK and done.out == data, done.err)
        tap.check('it says from whom', 'from agent1 to agent2' in done.err, done.err)
    write('plain', b'x' * 100000)
    sent = cms('encrypt', 'agent2', '--peer', 'agent1', '--in', path('plain'), '--out',
               path('message'), '--json')
    got = cms('decrypt', 'agent1', '--in', path('message'), '--out', path('again'), '--json')
    tap.check('between files, the other way', got.code == OK and read('again') == read('plain'),
              '%s\n%s' % (sent, got))
    tap.check('both ends tell the same', sent.json == got.json and
              got.json['from'] == 'agent2' and got.json['purpose'] == 'cms:default', got.json)
    tap.equal('for its owner only', os.stat(path('again')).st_mode & 0o777, 0o600)
    other = encrypt(b'data', '--purpose', 'cms:other')
    tap.check('another purpose', decrypt(other, '--peer', 'agent1', '--purpose', 'cms:other').out ==
              b'data')


def large():
    """More than the programs may have of memory."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (96 << 20, 96 << 20))
    line = ('head -c %d /dev/zero | %s cms encrypt --peer agent2 --socket %s | '
            '%s cms decrypt --socket %s | cmp - <(head -c %d /dev/zero)')
    size = 160 << 20
    done = subprocess.run(['bash', '-o', 'pipefail', '-c', line % (
        size, SKEX, lab.socket('agent1'), SKEX, lab.socket('agent2'), size)],
        capture_output=True, check=False, preexec_fn=limit)
    tap.check('160 MiB with 96 MiB of memory', done.returncode == 0, done.stderr)


def with_openssl():
    data = os.urandom(70000)
    write('plain', data)
    for name, more in (('DER', ()), ('a stream', ('-stream',))):
        key_id, secret = key('get', 'agent2', '--socket', lab.socket('agent1'))
        made = openssl('-encrypt', '-binary', *more, '-aes-256-gcm', '-outform', 'DER', '-in',
                       path('plain'), '-out', path('theirs'), '-secretkey', secret, '-secretkeyid',
                       (NAME % key_id).encode().hex())
        done = decrypt(read('theirs'))
        tap.check('%s of openssl is decrypted' % name, done.out == data, '%s %s' % (made, done.err))
    message = encrypt(data)
    name = message[message.index(b'skex1/'):message.index(b'cms:default') + 11].decode()
    _, secret = key('fetch', name.split('/')[1], '--peer', 'agent1', '--socket',
                    lab.socket('agent2'))
    done = openssl('-decrypt', '-inform', 'DER', '-in', write('ours', message), '-secretkey',
                   secret, '-secretkeyid', name.encode().hex())
    tap.check('openssl decrypts ours', done.stdout == data, done.stderr)


def recipients():
    """Several, of which one is this agent."""
    certificate = lab.path('tls', 'sae-agent1.pem')
    key_id, secret = key('get', 'agent2', '--socket', lab.socket('agent1'))
    made = openssl('-encrypt', '-binary', '-aes-256-gcm', '-outform', 'DER', '-in', path('plain'),
                   '-out', path('theirs'), '-secretkey', secret, '-secretkeyid',
                   (NAME % key_id).encode().hex(), '-recip', certificate)
    done = decrypt(read('theirs'))
    tap.check('one of several', done.code == OK and done.out == read('plain'),
              '%s %s' % (made, done.err))
    openssl('-encrypt', '-binary', '-aes-256-gcm', '-outform', 'DER', '-in', path('plain'), '-out',
            path('theirs'), '-recip', certificate)
    refused('none of them', decrypt(read('theirs')), REFUSED, 'no key of skex')


# --- what is refused ---

def a_refused_message_keeps_its_key():
    """Refused before the key is fetched: the whole message opens afterwards."""
    data = os.urandom(100000)
    message = encrypt(data)
    write('out', b'what was there')
    for what, bad, word in (('cut off', message[:-1], 'truncated'),
                            ('cut in the middle', message[:50000], 'truncated'),
                            ('cut in its head', message[:60], 'truncated'),
                            ('followed by something', message + b'\n', 'behind'),
                            ('nothing', b'', 'no CMS'), ('a text', b'hello\n', 'no CMS')):
        refused(what, decrypt(bad), PEER, word, 'get the message again')
        refused(what + ', into a file', decrypt(bad, '--out', path('out')), PEER, word)
    refused('at the agent that made it', decrypt(message, agent='agent1'), REFUSED,
            'for the agent agent2, and this is agent1')
    refused('from another peer', decrypt(message, '--peer', 'agent3'), REFUSED,
            'from the agent agent1, not from agent3')
    refused('for another purpose', decrypt(message, '--purpose', 'cms:x'), REFUSED, 'cms:default')
    refused('nowhere to write', decrypt(message, '--out', path('none', 'out')), ENVIRONMENT, 'none')
    tap.equal('what was there is there', read('out'), b'what was there')
    app = skex('key', 'get', 'agent2', '--socket', lab.socket('agent1'), '--json').json['keys'][0]
    other = encrypt(b'x' * 10)
    start, end = other.index(b'skex1/'), other.index(b'cms:default') + 11
    name = b'skex1/%s/agent1/agent2/app:default' % app['key_id'].encode()
    refused('that names the key of something else', decrypt(other[:start] + name + other[end:]),
            REFUSED, 'app:default')
    fetched = skex('key', 'fetch', app['key_id'], '--peer', 'agent1', '--socket',
                   lab.socket('agent2'), '--json')
    tap.equal('which is still there', fetched.code, OK)
    done = decrypt(message)
    tap.check('after all that it opens', done.code == OK and done.out == data, done.err)
    refused('and once', decrypt(message), REFUSED, 'fetched already')


def nothing_unverified_is_given_out():
    before = sorted(os.listdir(lab.directory))
    for at, word in ((-12, 'tag'), (-60, 'tag'), (150, 'does not open it')):
        for more in ((), ('--out', path('new'))):
            message = bytearray(encrypt(os.urandom(200000)))
            message[at] ^= 4
            refused('changed at %d, %s' % (at, 'a file' if more else 'a pipe'),
                    decrypt(bytes(message), *more), PEER, word, 'used up')
    tap.equal('nothing is left', sorted(os.listdir(lab.directory)), before)
    key_id, _ = key('get', 'agent2', '--socket', lab.socket('agent1'))
    openssl('-encrypt', '-binary', '-aes-256-gcm', '-outform', 'DER', '-in', path('plain'), '-out',
            path('theirs'), '-secretkey', '11' * 32, '-secretkeyid', (NAME % key_id).encode().hex())
    refused('made with another key', decrypt(read('theirs')), PEER, 'does not open it')


def a_killed_command_leaves_nothing():
    message = encrypt(os.urandom(200000))
    before = sorted(os.listdir(lab.directory))
    with subprocess.Popen([SKEX, 'cms', 'decrypt', '--socket', lab.socket('agent2'), '--out',
                           path('new')], stdin=subprocess.PIPE) as process:
        process.stdin.write(message[:100000])
        process.stdin.flush()
        until(lambda: any(os.readlink(f).startswith(lab.directory)
                          for f in descriptors(process.pid)))
        process.kill()
    tap.equal('killed, it leaves nothing', sorted(os.listdir(lab.directory)), before)
    tap.equal('and the message opens', decrypt(message).code, OK)


def descriptors(pid):
    folder = '/proc/%d/fd' % pid
    time.sleep(0.05)
    return [os.path.join(folder, name) for name in os.listdir(folder)]


def misuse():
    for words, text in ((('encrypt',), '--peer is missing'),
                        (('encrypt', '--peer', 'agent2', '--purpose', 'app:x'), 'begins with cms:'),
                        (('decrypt', '--json'), '--json goes with --out')):
        done = cms(words[0], 'agent1', *words[1:])
        refused('misuse: ' + text, done, USAGE, text)
    refused('no such file', cms('encrypt', 'agent1', '--peer', 'agent2', '--in', path('none')),
            ENVIRONMENT, 'none')
    refused('an unknown peer', cms('encrypt', 'agent1', '--peer', 'agent9'), REFUSED,
            'no such peer')
    with open('/dev/full', 'wb') as full:
        done = subprocess.run([SKEX, 'cms', 'encrypt', '--peer', 'agent2', '--socket',
                               lab.socket('agent1')], input=b'x', stdout=full,
                              stderr=subprocess.PIPE, check=False)
    tap.check('a full disk is said', done.returncode == ENVIRONMENT and
              b'No space' in done.stderr, done)


def page():
    run_page(tap, PAGE, {
        'AGENT1': lab.socket('agent1'), 'AGENT2': lab.socket('agent2'),
        'PATH': '%s:%s' % (os.path.abspath(BUILD), os.environ['PATH'])}, {})


with Lab() as lab:
    tap.run([sizes, large, with_openssl, recipients, a_refused_message_keeps_its_key,
             nothing_unverified_is_given_out, a_killed_command_leaves_nothing, misuse, page])
tap.end()
