#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys from KMEs of other houses: two real agents, and at each a KME that is not of skex; then one
that is, of another lab.

usage: qkd014.py BUILD
"""

import base64
import json
import os
import signal
import subprocess
import sys

from docs_harness import SOURCE, run_page
from lab_harness import BUILD, Lab, Sae, Tap, alive, ask, skex, until
from qkd014_kme import Authority, Kme, Link

PAGE = os.path.join(SOURCE, 'docs', 'integration', 'qkd014.md')

tap = Tap()
AGENTS = ('agent1', 'agent2')
SAES = {'agent1': 'SAE-1', 'agent2': 'SAE-2'}
OTHER = {'agent1': 'agent2', 'agent2': 'agent1'}
GROUP = '''qkd014 = ( { name = "kme-%s"; url = "%s"; ca = "%s"; certificate = "%s"; key = "%s";
  sae_id = "%s"; %s
  peers = ( { peer = "%s"; sae_id = "%s"; class = "its"; } ); } );
'''


class World:
    """A lab whose agents have KMEs."""

    def __init__(self, lab):
        self.lab, self.link = lab, Link()
        os.mkdir(lab.path('kme'))
        self.authority = Authority(lab.path('kme'), 'house')
        self.stranger = Authority(lab.path('kme'), 'stranger')
        self.server = self.authority.issue('kme', 'IP:127.0.0.1')
        self.certificates = {a: self.authority.issue(SAES[a]) for a in AGENTS}
        self.originals = {}
        self.kmes = {a: Kme(self.link, [SAES[a]], self.authority, self.server) for a in AGENTS}
        for agent in AGENTS:
            with open(lab.config(agent), encoding='ascii') as f:
                self.originals[agent] = f.read()
            self.configure(agent)

    def group(self, agent, more=''):
        certificate, key = self.certificates[agent]
        return GROUP % (agent, self.kmes[agent].url, self.authority.certificate, certificate, key,
                        SAES[agent], more, OTHER[agent], SAES[OTHER[agent]])

    def configure(self, agent, more='', combine=False, group=None):
        """As an operator does: in the file, and with a restart."""
        text = self.originals[agent]
        if combine:
            text = text.replace('profiles = ["lab"]; ', 'profiles = ["lab"]; combine = true; ')
        with open(self.lab.config(agent), 'w', encoding='ascii') as f:
            f.write(text + (group or self.group(agent, more)))
        self.lab.stop(agent)
        self.lab.start(agent)

    def restart_kme(self, agent, certificate=None):
        """The KME of an agent ends, and is there again at the same place."""
        kme = self.kmes[agent]
        kme.stop()
        self.kmes[agent] = Kme(self.link, kme.saes, self.authority, certificate or self.server,
                               kme.port)

    def holds(self, key):
        """Whether these bytes are a piece of what the KMEs gave."""
        return key in b''.join(k for _, k in self.link.given)


def get(lab, at, purpose='app:q', require='its,confirmed', wait='30s'):
    return skex('key', 'get', OTHER[at], '--purpose', purpose, '--require', require, '--wait', wait,
                '--json', '--show-key', '--socket', lab.socket(at))


def fetch(lab, at, key_id, purpose='app:q', require='its,confirmed'):
    return skex('key', 'fetch', key_id, '--peer', OTHER[at], '--purpose', purpose, '--require',
                require, '--json', '--show-key', '--socket', lab.socket(at))


def one(result):
    return json.loads(result.out)['keys'][0] if result.code == 0 else {}


def raw(key):
    return base64.b64decode(key.get('key', ''))


def kme_of(lab, agent):
    return ask(lab.socket(agent), op='status')['status']['kmes'][0]


def same(world, name, at='agent1', **more):
    """A key from one agent to the other."""
    lab, got = world.lab, get(world.lab, at, wait='90s', **more)
    key = one(got)
    if not tap.check('%s: a key' % name, raw(key) != b'', got):
        return b''
    more.pop('wait', None)
    fetched = until(lambda: one(fetch(lab, OTHER[at], key['key_id'], **more)), pause=0.2)
    tap.equal('%s: the same at the other end' % name, raw(fetched or {}), raw(key))
    return raw(key)


# --- the cases ---

def consumers(world):
    """The same keys for those who never heard of a KME: a binding, and SAEs of our own servers."""
    same(world, 'first', purpose='app:first')
    # The lab tried whether it works: keys of hubs are there already, and are used first.
    sae, got = Sae(world.lab, 'sae-agent2', 'agent2'), []

    def of_kme():
        got[:] = sae.get('sae-agent1', number=100)[1]
        return got and world.holds(base64.b64decode(got[-1][1]))
    tap.check('an SAE gets one', until(of_kme), got[-1:])
    number, there = Sae(world.lab, 'sae-agent1', 'agent1').fetch('sae-agent2', [got[-1][0]])
    tap.equal('and the other one the same', (number, there), (200, [got[-1][1]]))
    files = {a: world.lab.path('key-' + a) for a in AGENTS}
    for agent, role in (('agent1', 'leads'), ('agent2', 'follows')):
        world.configure(agent, group=world.group(agent) + """
bindings = ( { name = "site"; peer = "%s"; role = "%s"; period = "2 s"; require = ["its"];
  hook = { file = "%s"; format = "hex"; }; } );
""" % (OTHER[agent], role, files[agent]))

    def held(agent):
        try:
            with open(files[agent], encoding='ascii') as f:
                return bytes.fromhex(f.read().strip())
        except (OSError, ValueError):
            return b''

    used = set()

    def agreed():
        both = [held(a) for a in AGENTS]
        if both[0] and both[0] == both[1]:
            used.add(both[0])
        return len(used) >= 3
    tap.check('a binding goes from key to key', until(agreed), len(used))
    tap.check('which are what the KMEs gave', used and all(world.holds(key) for key in used))
    for agent in AGENTS:
        world.configure(agent)


def keys(world):
    key = same(world, 'from a KME')
    tap.check('it is what the KMEs gave', world.holds(key))
    key = same(world, 'the other way', 'agent2')
    tap.check('as well', world.holds(key))
    found = one(get(world.lab, 'agent1'))
    tap.equal('what is said of it', [found.get(word) for word in (
        'class', 'confirmed', 'forward_secret', 'combined', 'interval')],
              ['its', True, False, False, None])
    tap.equal('KME', [kme_of(world.lab, a)['state'] for a in AGENTS], ['ok', 'ok'])
    status = skex('status', '--socket', world.lab.socket('agent1')).out
    tap.check('skex status shows it', 'KME' in status and 'kme-agent1' in status and
              'agent2 (its)' in status, status)
    doctor = skex('doctor', '--socket', world.lab.socket('agent1')).out
    tap.check('and skex doctor', 'pass  kme      kme-agent1 at https://127.0.0.1' in doctor, doctor)
    tap.check('no key is on the command line or in the log', all(
        base64.b64encode(k).decode() not in world.lab.log(a) and k.hex() not in world.lab.log(a)
        for _, k in world.link.given for a in AGENTS))


def fails(world, name, agent, text, purpose):
    """No key now, and these words at this agent."""
    got = get(world.lab, 'agent1', purpose, wait='3s')
    tap.check('%s: no key' % name, got.code != 0, got)
    shown = until(lambda: text in kme_of(world.lab, agent)['problem'] and
                  kme_of(world.lab, agent)['state'] == 'failing', 20)
    tap.check('%s: it is said in skex status' % name, shown, kme_of(world.lab, agent))
    tap.check('%s: and in the log' % name, until(lambda: text in world.lab.log(agent)))
    doctor = skex('doctor', '--socket', world.lab.socket(agent)).out
    tap.check('%s: and by skex doctor' % name, 'fail  kme' in doctor and text in doctor, doctor)
    return got


def moods(world):
    for mood, text in (('503', 'HTTP 503 (it has no key to give now): no keys left'),
                       ('400', 'HTTP 400: what a nonsense'),
                       ('short', 'does not have the 256 bits'),
                       ('no uuid', 'a key_ID that is no UUID'),
                       ('too few', 'keys where'),
                       ('no container', 'no key container'),
                       ('same id', 'a key_ID that it gave before'),
                       ('same bytes', 'the bytes of a key that it gave before')):
        world.kmes['agent1'].mood = mood
        fails(world, mood, 'agent1', text, 'app:%s' % mood.replace(' ', '-'))
        world.kmes['agent1'].mood = ''
        same(world, 'after ' + mood, purpose='app:%s' % mood.replace(' ', '-'))


def down(world):
    world.kmes['agent1'].stop()
    got = fails(world, 'KME down', 'agent1', 'Failed to connect', 'app:down')
    tap.check('who asks is told', 'Failed to connect' in got.out, got)
    hubs = one(get(world.lab, 'agent1', 'app:hubs', 'confirmed', '20s'))
    tap.check('keys of hubs are there for who takes them, and say what they are',
              hubs.get('class') == 'computational' and not world.holds(raw(hubs)), hubs)
    world.kmes['agent1'] = Kme(world.link, ['SAE-1'], world.authority, world.server,
                               world.kmes['agent1'].port)
    same(world, 'the KME is back', purpose='app:down')


def certificates(world):
    for name, certificate in (
            ('of a stranger', world.stranger.issue('kme', 'IP:127.0.0.1')),
            ('for another host', world.authority.issue('elsewhere', 'DNS:elsewhere.example'))):
        world.restart_kme('agent1', certificate)
        purpose = 'app:%s' % name.replace(' ', '-')
        fails(world, 'a certificate ' + name, 'agent1', 'certificate', purpose)
        tap.equal('no request went there', world.kmes['agent1'].asked, [])
        world.restart_kme('agent1')
        same(world, 'after one ' + name, purpose=purpose)
    world.kmes['agent1'].saes = ['SAE-9']
    fails(world, '401', 'agent1', 'HTTP 401 (it does not take this certificate', 'app:unknown')
    world.kmes['agent1'].saes = ['SAE-1']
    same(world, 'after 401', purpose='app:unknown')


def lost(world):
    """What one end got and the other did not is of no use to either."""
    for mood, text in (('lost', 'one or more keys specified are not found'),
                       ('503', 'no keys left'), ('other bytes', None)):
        purpose = 'app:lost-%s' % mood.replace(' ', '-')
        dropped = kme_of(world.lab, 'agent1')['dropped']
        world.kmes['agent2'].mood = mood
        got = get(world.lab, 'agent1', purpose, wait='5s')
        tap.check('%s at the peer: no key' % mood, got.code != 0, got)
        tap.check('%s: they are dropped' % mood, until(
            lambda d=dropped: kme_of(world.lab, 'agent1')['dropped'] > d))
        if text:
            tap.check('%s: it is said there' % mood, until(
                lambda t=text: t in kme_of(world.lab, 'agent2')['problem']))
            tap.check('%s: and who asks is told' % mood, 'KME' in got.out, got)
        else:
            tap.check('%s: it is said here' % mood, until(
                lambda: 'other keys under the same key_IDs' in world.lab.log('agent1')))
        world.kmes['agent2'].mood = ''
        same(world, 'after %s at the peer' % mood, purpose=purpose)


def crashes(world):
    seen = set()
    for i in range(8):
        victim = AGENTS[i % 2]
        for at in AGENTS:
            found = one(get(world.lab, at, 'app:crash', wait='90s'))
            tap.check('a key before crash %d' % i, raw(found) not in seen and raw(found) != b'')
            seen.add(raw(found))
        # While keys are on their way.
        waiting = subprocess.Popen(  # pylint: disable=consider-using-with
            [os.path.join(BUILD, 'skex'), 'key', 'get', OTHER[victim], '--purpose',
             'app:crash%d' % i, '--require', 'its', '--wait', '2s', '--socket',
             world.lab.socket(victim)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        world.lab.kill(victim)
        waiting.wait()
        world.lab.start(victim)
    tap.equal('none came twice', len(seen), 16)
    same(world, 'after all crashes', purpose='app:crash')
    fetched = [name for name, _ in world.link.fetched]
    tap.equal('and none was fetched twice', len(fetched), len(set(fetched)))


def children(lab, agent, role):
    """The processes of an agent in this role."""
    found = []
    for pid in os.listdir('/proc'):
        try:
            with open('/proc/%s/cmdline' % pid, 'rb') as f:
                words = f.read().split(b'\0')
        except OSError:
            continue
        if role in words and lab.config(agent).encode() in words and alive(int(pid)):
            found.append((int(pid), words))
    return found


def process(world):
    found = children(world.lab, 'agent1', b'--qkd014')
    if not tap.equal('one process speaks to KMEs', len(found), 1):
        return
    os.kill(found[0][0], signal.SIGKILL)
    until(lambda: not alive(found[0][0]))
    tap.check('it is started again', until(
        lambda: len(children(world.lab, 'agent1', b'--qkd014')) == 1))
    same(world, 'by the new one', purpose='app:process')
    answer = ask(world.lab.socket('agent1'), op='qkd014_watch')
    tap.equal('nobody else can be it', answer.get('error', {}).get('code'), 'not_here')


def settings(world):
    """What does not fit is said at the start, without a key that was asked for."""
    world.configure('agent1', 'key_bits = 8192;')
    same(world, 'large keys', purpose='app:large')
    world.kmes['agent1'].mood = 'other SAE'
    world.configure('agent1')
    tap.check('an SAE id that is another', until(
        lambda: 'it knows this certificate as the SAE "nobody"' in world.lab.log('agent1')))
    world.kmes['agent1'].mood = ''
    Kme.sizes = (256, 256)
    world.configure('agent1', 'key_bits = 512;')
    tap.check('a size that it does not have', until(
        lambda: 'it has keys of 256 to 256 bits, and key_bits is 512' in world.lab.log('agent1')))
    world.configure('agent1')
    same(world, 'as it was', purpose='app:size')
    Kme.sizes = (64, 8192)
    path = world.lab.path('bad.conf')
    with open(path, 'w', encoding='ascii') as f:
        f.write(world.originals['agent1'].replace('profiles = ["lab"]; ', '') +
                world.group('agent1'))
    done = subprocess.run([os.path.join(BUILD, 'skexd'), '-c', path, '--check'],
                          capture_output=True, text=True, check=False)
    tap.check('without hubs it says what is needed', done.returncode != 0 and
              'by notes through hubs' in done.stderr and 'name profiles' in done.stderr,
              done.stderr)


def combined(world):
    for agent in AGENTS:
        world.configure(agent, 'independent = true;', combine=True)
    key = same(world, 'combined', require='combined,its,confirmed')
    tap.check('it is not what the KMEs gave', not world.holds(key))
    same(world, 'combined, the other way', 'agent2', require='combined,its,confirmed')
    world.kmes['agent1'].mood = '503'
    got = get(world.lab, 'agent1', 'app:half', 'confirmed', '5s')
    tap.check('hubs alone give none', got.code != 0 and 'HTTP 503' in got.out, got)
    world.kmes['agent1'].mood = ''
    for hub in ('hub1', 'hub2', 'hub3'):
        world.lab.kill(hub)
    got = get(world.lab, 'agent1', 'app:other', 'confirmed', '5s')
    tap.check('nor does the KME alone', got.code != 0, got)
    for hub in ('hub1', 'hub2', 'hub3'):
        world.lab.start(hub)
    for agent in AGENTS:
        world.lab.kill(agent)
        world.lab.start(agent)
        same(world, 'combined, after a crash of ' + agent, require='combined,its,confirmed')
    world.configure('agent2', 'independent = true;')
    got = get(world.lab, 'agent1', 'app:one', 'confirmed', '10s')
    tap.check('one end alone combines nothing', got.code != 0, got)
    tap.check('and its operator is told', until(
        lambda: 'combine_mismatch' in world.lab.log('agent2')))
    for agent in AGENTS:
        world.configure(agent, combine=True)
    got = get(world.lab, 'agent1', 'app:house', 'combined,its', '5s')
    tap.equal('what nobody vouches for makes no its keys', json.loads(got.out)['error']['code'],
              'not_its')
    same(world, 'and computational ones', purpose='app:house', require='combined,confirmed')


def our_own(world):
    """The 014 servers of another lab, as a second vendor's."""
    with Lab(hubs=3, threshold=2, agents=2) as other:
        urls = {a['name']: a['etsi014_url'].rstrip('/') for a in other.what['agents']}
        for agent in AGENTS:
            world.configure(agent, group=GROUP % (
                'lab', urls[agent], other.path('tls', 'ca.pem'),
                other.path('tls', 'sae-%s.pem' % agent), other.path('tls', 'sae-%s.key' % agent),
                'sae-' + agent, '', OTHER[agent], 'sae-' + OTHER[agent]))
        key = same(world, 'from another lab', purpose='app:lab')
        tap.check('it is of that lab', not world.holds(key))
        same(world, 'the other way', 'agent2', purpose='app:lab')
        blocks = [kme_of(world.lab, a)['blocks'] for a in AGENTS]
        tap.check('blocks were made of them', min(blocks) > 0, blocks)


def page(world):
    """Last, for its key begins a pool that goes on asking the KMEs."""
    for agent in AGENTS:
        world.configure(agent)
    run_page(tap, PAGE, {'SKEX_SOCKET': world.lab.socket('agent1'),
                         'PATH': os.path.abspath(BUILD) + ':' + os.environ['PATH']}, {})


def main():
    with Lab(hubs=3, threshold=2, agents=2, pad='16MiB') as lab:
        world = World(lab)
        cases = (keys, consumers, moods, down, certificates, lost, process, crashes, settings,
                 combined, our_own, page)
        wanted = sys.argv[2:]
        tap.run([lambda c=c: c(world) for c in cases if not wanted or c.__name__ in wanted])
    tap.end()


main()
