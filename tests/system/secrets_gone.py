#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Secrets are where they have to be and nowhere else: in the memory of all processes, in all files;
and that memory is locked.

Run by root, for it reads /proc/PID/mem. What is looked for is known to the test: what the state of
an agent holds, opened with its key-encryption key by docs/spec/state.md; keys that were handed
out; and a note, a kit, a token and a credential, once they were used. The same scan has to find
each kind somewhere, or it would prove nothing.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import socket
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lab_harness import Agents, Lab, Sae, Tap, ask, free_port, skex, until

tap = Tap()

ZERO = bytes(12)
PIECE = 1 << 20
LONGEST = 64  # of what is looked for
HOOK = '{ name = "files"; peer = "%s"; role = "%s"; period = "1 h"; grace = "1 h"; ' \
    'hook = { file = "%s"; }; }'
PROFILE = 'profiles = ( { name = "p"; k = 2; hubs = ( { name = "hub1"; owner = "a"; }, ' \
    '{ name = "hub2"; owner = "b"; } ); } );\n'
PAIRWISE = 'pairwise = { listen = "127.0.0.1:%d"; advertise = "127.0.0.1:%d"; };\n'
SKIP = 'skip = { listen = "127.0.0.1:0"; ca = "%s"; certificate = "%s"; key = "%s"; };\n'


# --- what a state holds ---

def kdf(key, label, context=b''):
    info = bytes([len(label)]) + label + struct.pack('>H', len(context)) + context + b'\0 '
    return hmac.new(key, info + b'\1', hashlib.sha256).digest()


class Slots:
    """A file of key slots: its own key, and what is in the slots."""

    def __init__(self, path, kek):
        with open(path, 'rb') as f:
            data = f.read()
        self.id = data[16:32]
        self.key = kdf(kek, b'skex key slots', self.id)
        self.values = {}
        for slot in range((len(data) - 4096) // 8192 * 32):
            group = 4096 + slot // 32 * 8192 + slot % 32 * 128
            copies = [self.open(slot, data[at:at + 128]) for at in (group, group + 4096)]
            best = max((copy for copy in copies if copy), default=None)
            if best and best[1] == 1:
                self.values[slot] = best[2]

    def open(self, slot, copy):
        """(sequence, kind, data), None when it is empty or damaged."""
        number = struct.pack('>I', slot)
        key = kdf(self.key, b'skex slot', copy[8:32] + number)
        try:
            data = AESGCM(key).decrypt(ZERO, copy[48:128] + copy[32:48],
                                       self.id + number + copy[:8])
        except InvalidTag:
            return None
        return int.from_bytes(copy[1:8], 'big'), copy[0], data


def last_of_pad(path, slots):
    """The last bytes of a pad that nobody has touched yet."""
    with open(path, 'rb') as f:
        data = f.read()
    size = struct.unpack('>Q', data[32:40])[0]
    chunk = (size - 1) // 65536
    key, first = slots.values[chunk][:32], slots.values[chunk][64]
    at = 16384 + 66048 * chunk
    segment = (size - 1) % 65536 // 4096
    for _ in range(first, segment):
        key = kdf(key, b'pad next')
    where = struct.pack('>QB', chunk, segment)
    length = (size - 1) % 4096 + 1
    sealed = data[at + segment * 4096:at + segment * 4096 + length]
    tag = data[at + 65536 + 16 * segment:at + 65536 + 16 * segment + 16]
    return AESGCM(kdf(key, b'pad segment', where)).decrypt(
        ZERO, sealed + tag, data[16:32] + where)[-32:]


def secrets_of(lab, agent):
    """{kind: [bytes]} of what the agent's state holds."""
    with open(lab.path(agent, 'kek'), 'rb') as f:
        kek = f.read()
    store = Slots(lab.path(agent, 'state', 'store', 'secrets.keys'), kek)
    found = {'key-encryption key': [kek], 'key of a file of keys': [store.key],
             'secret of the store': [value[:32] for value in list(store.values.values())[:16]],
             'key of a chunk of pad': [], 'pad': []}
    for name in lab.pads(agent):
        path = lab.path(agent, 'state', 'pads', name)
        slots = Slots(path + '.keys', kek)
        found['key of a file of keys'].append(slots.key)
        # Of a chunk that is used up there are zeros in its place.
        keys = [slots.values[i][:32] for i in sorted(slots.values) if any(slots.values[i][:32])]
        found['key of a chunk of pad'] += keys[:2]
        found['pad'].append(last_of_pad(path, slots))
    return found


# --- scanning ---

def mapped(pid):
    """[(words of its line, flags)] of the areas of a process's memory."""
    with open('/proc/%d/smaps' % pid, encoding='utf-8', errors='replace') as f:
        lines = [line.split() for line in f]
    flags = [words[1:] for words in lines if words[0] == 'VmFlags:']
    return list(zip([words for words in lines if not words[0].endswith(':')], flags))


def memory(pid, flag='rd'):
    """The readable memory of a process, or of it what has a flag, in pieces that overlap."""
    areas = [words for words, flags in mapped(pid) if flag in flags]
    with open('/proc/%d/mem' % pid, 'rb', buffering=0) as f:
        for words in areas:
            start, end = (int(word, 16) for word in words[0].split('-'))
            if words[-1] in ('[vvar]', '[vsyscall]'):
                continue
            for at in range(start, end, PIECE):
                try:
                    f.seek(at)
                    yield words[-1] if len(words) > 5 else 'memory', \
                        f.read(min(PIECE + LONGEST, end - at))
                except OSError:  # not there after all, or gone
                    break


def in_memory(pid, wanted):
    """Which of {name: bytes} are in the memory of a process, and where."""
    found = {}
    for area, data in memory(pid):
        found.update({name: area for name, secret in wanted.items() if secret in data})
    return found


def in_files(folder, wanted):
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(path, name)
            if not os.path.isfile(file):
                continue
            with open(file, 'rb') as f:
                data = f.read()
            found.update({one: file for one, secret in wanted.items() if secret in data})
    return found


def processes(lab):
    """{name: pid} of all of a lab."""
    found = {}
    for hub in lab.what['hubs']:
        found[hub['name']] = pid_of(lab, hub['name'])
    for agent in ['agent1', 'agent2']:
        pid = found[agent] = pid_of(lab, agent)
        served = dict((int(p), what) for p, what in
                      re.findall(r'process (\d+) serves ([A-Za-z0-9 ]+)', lab.log(agent)))
        with open('/proc/%d/task/%d/children' % (pid, pid), encoding='ascii') as f:
            for child in (int(word) for word in f.read().split()):
                found['%s, %s' % (agent, served.get(child, 'the starter'))] = child
    return found


def pid_of(lab, name):
    with open(lab.path(name, 'pid'), encoding='ascii') as f:
        return int(f.read().split()[0])


def forms(keys):
    """{name: bytes} of keys, as bytes and as the two texts that they are given out in. The second
    half of each: what is given back to malloc unwiped loses its first 16 bytes to links."""
    wanted = {}
    for name, key in keys.items():
        wanted[name] = key[16:]
        wanted[name + ', base64'] = base64.b64encode(key)[20:42]
        wanted[name + ', hex'] = key.hex().encode()[32:]
    return wanted


def anywhere(lab, wanted, more=None):
    found = {'%s in %s' % (name, who): where
             for who, pid in [*processes(lab).items(), *(more or {}).items()]
             for name, where in in_memory(pid, wanted).items()}
    found.update(in_files(lab.dir, wanted))
    return found


# --- the cases ---

KINDS = ['key-encryption key', 'key of a file of keys', 'key of a chunk of pad']


def named(known):
    return {'%s %d' % (kind, i): secret for kind, secrets in known.items()
            for i, secret in enumerate(secrets)}


def in_use(lab, pid):
    """While pads are used, which of KINDS are in the memory of the agent."""
    seen = set()
    for i in range(20):
        lab.key('agent1', 'agent2', '--purpose', 'app:pad%d' % i)
        # It lets go of the key of a chunk, or goes on to the next, while its memory is read.
        os.kill(pid, signal.SIGSTOP)
        try:
            own = in_memory(pid, named(secrets_of(lab, 'agent1')))
        finally:
            os.kill(pid, signal.SIGCONT)
        seen |= {kind for kind in KINDS if any(one.startswith(kind) for one in own)}
        if len(seen) == len(KINDS):
            break
    return seen


def at_rest(lab):
    """What the state of an agent holds is in the agent's memory alone, and in no file."""
    everybody = processes(lab)
    seen = in_use(lab, everybody.pop('agent1'))
    for kind in KINDS:
        tap.check('%s: is found in the agent' % kind, kind in seen, seen)
    known = secrets_of(lab, 'agent1')
    wanted = named(known)
    tap.check('the state is understood', all(known.values()), {k: len(v) for k, v in known.items()})
    tap.equal('all processes are looked at', sorted(name for name in everybody
                                                    if name.startswith('agent1, ')),
              ['agent1, ETSI 014', 'agent1, SKIP', 'agent1, the bindings', 'agent1, the starter'])
    shared = {name: secret for name, secret in wanted.items() if not name.startswith('pad ')}
    for name, pid in everybody.items():
        # A hub has the same pad; its keys at rest are others.
        found = in_memory(pid, wanted if ',' in name else shared)
        tap.equal('%s: has none of it' % name, found, {})
    kek = lab.path('agent1', 'kek')
    found = {name: file for name, file in in_files(lab.dir, wanted).items() if file != kek}
    tap.equal('nor has a file', found, {})


def unlocked(pid):
    """Of what is for secrets, and thus in no dump, what may be written to swap; None when a process
    has nothing for them."""
    kept = [(words, flags) for words, flags in mapped(pid) if len(words) == 5 and 'dd' in flags]
    return [words[0] for words, flags in kept if 'lo' not in flags] if kept else None


def locked(lab):
    """Secrets are in memory that is locked, of all processes that have any."""
    for name, pid in processes(lab).items():
        if name.endswith('the starter'):
            continue
        # What was mapped is locked a moment later.
        tap.check('%s: has memory for secrets, and all of it is locked' % name,
                  until(lambda p=pid: unlocked(p) == [], 10), unlocked(pid))
        if ',' not in name:
            with open(lab.path(name, 'kek'), 'rb') as f:
                kek = f.read()
            tap.check('%s: its key-encryption key is in there' % name,
                      any(kek in data for _, data in memory(pid, 'lo')))
    tap.equal('hub1: says the same',
              ask(lab.path('hub1', 'admin.sock'), op='status')['unlocked_bytes'], 0)
    for agent in ['agent1', 'agent2']:
        status = ask(lab.socket(agent), op='status')['status']
        tap.equal('%s: says the same' % agent, status['unlocked_bytes'], 0)
        said = skex('doctor', '--socket', lab.socket(agent))
        tap.check('%s: so does skex doctor' % agent,
                  'all secrets are locked in memory' in said.out, said)


def handed_out(lab):
    """Keys that were handed out at both ends, by the local API and by 014."""
    keys = {}
    for i in range(4):
        got = lab.key('agent1', 'agent2', '--show-key', '--purpose', 'app:gone').json['keys'][0]
        keys['key %d' % i] = base64.b64decode(got['key'])
        fetched = skex('key', 'fetch', got['key_id'], '--peer', 'agent1', '--socket',
                       lab.socket('agent2'), '--json', '--show-key', '--purpose', 'app:gone')
        tap.equal('key %d: the same at the other end' % i, fetched.json['keys'][0]['key'],
                  got['key'])
    saes = [Sae(lab, 'sae-agent%d' % i, 'agent%d' % i) for i in (1, 2)]
    for number in [1, 8]:
        _, given = saes[0].get('sae-agent2', number=number)
        keys.update(('014 key %d of %d' % (i, number), base64.b64decode(key))
                    for i, (_, key) in enumerate(given))
        tap.equal('014, %d: the same at the other end' % number,
                  saes[1].fetch('sae-agent1', [one for one, _ in given]),
                  (200, [key for _, key in given]))
    wanted = forms(keys)
    tap.check('a scan of the one who has them finds them',
              set(keys) <= set(in_memory(os.getpid(), wanted)))
    until(lambda: not anywhere(lab, wanted), pause=1)
    tap.equal('nobody else has them', anywhere(lab, wanted), {})


def content(lab, agent):
    path = lab.path('keys', agent)
    if not os.path.exists(path):
        return b''
    with open(path, 'rb') as f:
        return f.read()


def rotate(lab, before):
    """The next key of the binding at both ends."""
    tap.equal('a rotation is ordered', skex('binding', 'rotate', 'files', '--socket',
                                            lab.socket('agent1')).code, 0)
    return until(lambda: content(lab, 'agent1') not in (b'', before) and
                 content(lab, 'agent1') == content(lab, 'agent2') and content(lab, 'agent1'), 60)


def rotated(lab):
    """A key of a binding, once another and one more have come after it."""
    first = until(lambda: content(lab, 'agent1') == content(lab, 'agent2') != b'' and
                  content(lab, 'agent1'), 60)
    wanted = forms({'key': first})
    tap.check('the key in use is in the processes of the bindings', {
        'key in agent1, the bindings', 'key in agent2, the bindings'} <= set(anywhere(lab, wanted)),
        anywhere(lab, wanted))
    rotate(lab, rotate(lab, first))
    until(lambda: not anywhere(lab, wanted), pause=1)
    tap.equal('and nowhere two rotations later', anywhere(lab, wanted), {})


def gone(lab, what, wanted, more=None):
    """It is with the test, as it has to be for the scan to mean something, and with nobody else."""
    tap.equal('%s: a scan of the test finds it' % what,
              set(in_memory(os.getpid(), wanted)), set(wanted))
    until(lambda: not anywhere(lab, wanted, more), pause=1)
    tap.equal('%s: nobody else has it' % what, anywhere(lab, wanted, more), {})


def note(lab):
    """Notes that were told."""
    texts = [os.urandom(size).hex() for size in range(24, 129, 8)]
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(lab.socket('agent2'))
        lines = s.makefile('rwb', buffering=0)
        lines.write(b'{"id":1,"op":"notes"}\n')
        lines.readline()
        sent = [ask(lab.socket('agent1'), op='note', peer='agent2', text=text, wait_ms=60000)
                for text in texts]
        tap.check('note: hubs have them', all(one.get('hubs', 0) > 0 for one in sent), sent)
        tap.equal('note: they are told',
                  {json.loads(lines.readline())['note']['text'] for _ in texts}, set(texts))
    gone(lab, 'note', {'%d bytes' % len(text): text[-32:].encode() for text in texts})


def kit(lab):
    """A kit without a passphrase, which holds its own key."""
    path = lab.path('refill.kit')
    made = lab.hub('hub2', 'refill', 'agent1', '--out', path, '--pad', '256KiB')
    tap.equal('kit: it is made', made.code, 0)
    with open(path, 'rb') as f:
        data = f.read()
    wanted = {'its key': data[48:64], 'its key, base64': base64.b64encode(data[:80])[64:84],
              'what it is sealed with': kdf(data[32:64], b'skex kit', data[:80])[16:],
              'its end': data[-48:]}
    tap.equal('kit: and found', set(in_files(lab.dir, wanted)), {'its key', 'its end'})
    joined = lab.join('agent1', path)
    tap.check('kit: it is taken in', joined.code == 0 and not os.path.exists(path), joined)
    gone(lab, 'kit', wanted)


def carried(line, at, size):
    """{name: bytes} of a secret that stands there in a line that people carry; of half of it."""
    text = line.split(':', 1)[1]
    data = base64.b32decode(text + '=' * (-len(text) % 8))
    first, last = at + size // 2, at + size
    return {'secret': data[first:last],
            'secret, base32': text[-(-first * 8 // 5):last * 8 // 5].encode()}


def token(lab):
    """A token that a running agent took, once the leg that it gave is in use."""
    path = lab.path('token')
    made = lab.hub('hub1', 'token', 'agent3', '--out', path)
    with open(path, encoding='ascii') as f:
        wanted = carried(f.read().strip(), 17, 32)
    tap.equal('token: it is made, and found', (made.code, set(in_files(lab.dir, wanted))),
              (0, {'secret, base32'}))
    with Agents(lab.path('more-')) as more:
        more.make('agent3', PROFILE)
        more.start('agent3')
        joined = skex('join', '--token', path, '--config', more.path('agent3', 'conf'))
        tap.check('token: it is taken in', joined.code == 0 and not os.path.exists(path), joined)
        tap.check('token: it is spent', until(
            lambda: not lab.hub('hub1', 'token', 'ls', '--json').json['tokens']))
        gone(lab, 'token', wanted, {'agent3': more.daemons['agent3'].pid})


def credential(lab):
    """The credential of a pair."""
    path = lab.path('credential')
    made = skex('pair', 'make', 'agent2', '--socket', lab.socket('agent1'), '--out', path)
    with open(path, encoding='ascii') as f:
        wanted = carried(f.read().strip(), 0, 32)
    tap.equal('credential: it is made, and found', (made.code, set(in_files(lab.dir, wanted))),
              (0, {'secret, base32'}))
    taken = skex('pair', 'take', '--in', path, '--socket', lab.socket('agent2'))
    tap.check('credential: it is taken in', taken.code == 0 and not os.path.exists(path), taken)
    gone(lab, 'credential', wanted)


def main():
    if os.getuid() != 0:
        print('1..0 # SKIP only root reads the memory of these processes')
        return
    with Lab() as lab:
        os.mkdir(lab.path('keys'))
        tls = [lab.path('tls', name) for name in ['ca.pem', 'kme-agent1.pem', 'kme-agent1.key']]
        for agent, peer, role, more in (('agent1', 'agent2', 'leads', SKIP % tuple(tls)),
                                        ('agent2', 'agent1', 'follows', '')):
            lab.stop(agent)
            port = free_port(socket.SOCK_DGRAM)
            with open(lab.config(agent), 'a', encoding='utf-8') as f:
                f.write(more + PAIRWISE % ((port,) * 2) + 'bindings = ( %s );\n' % (
                    HOOK % (peer, role, lab.path('keys', agent))))
            lab.start(agent)
        for agent in ['agent1', 'agent2']:
            until(lambda a=agent: 'the bindings is confined' in lab.log(a))
        tap.run([lambda: locked(lab), lambda: at_rest(lab), lambda: handed_out(lab),
                 lambda: rotated(lab), lambda: note(lab), lambda: kit(lab), lambda: token(lab),
                 lambda: credential(lab)])
    tap.end()


if __name__ == '__main__':
    sys.exit(main())
