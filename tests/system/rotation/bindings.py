#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bindings of real agents, through real hubs, key real WireGuard.

usage: bindings.py BUILD
"""

import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))

from lab_harness import BUILD, Lab, alive, ask, skex, until  # noqa: E402
from rotation_harness import main, ok  # noqa: E402
from routing_pair import Birds, device  # noqa: E402
from wireguard_tunnel import INTERFACES, Tunnel  # noqa: E402

AGENTS = ['agent1', 'agent2']
HUBS = ['hub1', 'hub2', 'hub3']


def bindings_of(lab, tunnel, end, text):
    """The agent starts again with these bindings; what it had before is gone."""
    lab.stop(AGENTS[end])
    with open(lab.config(AGENTS[end]), encoding='utf-8') as f:
        conf = re.sub(r'\nbindings = .*', '', f.read(), flags=re.S).rstrip('\n')
    for setting, value in (('interface', INTERFACES[end]), ('public_key', tunnel.public[1 - end])):
        if 'wireguard' in text:
            text = re.sub(setting + ' = "[^"]*"', '%s = "%s"' % (setting, value), text)
    with open(lab.config(AGENTS[end]), 'w', encoding='utf-8') as f:
        f.write(conf + '\n' + text)
    lab.start(AGENTS[end])


def configure(lab, tunnel, end, role, name='site', period='6 s'):
    bindings_of(lab, tunnel, end,
                'bindings = ({ name = "%s"; peer = "%s"; role = "%s"; period = "%s";\n'
                '    wireguard = { interface = "-"; public_key = "-"; }; });\n'
                % (name, AGENTS[1 - end], role, period))


def documented():
    """The bindings of both ends, as the page shows them."""
    page = os.path.join(os.path.dirname(__file__), '../../../docs/integration/wireguard.md')
    with open(page, encoding='utf-8') as f:
        return re.findall(r'```conf\n(bindings = .*?)```', f.read(), flags=re.S)


def exemplary():
    """The same, as skex writes them."""
    out = skex('deliver', 'example', 'wireguard', '--leads', AGENTS[0], '--follows', AGENTS[1]).out
    return re.findall(r'(bindings = .*?\n\} \);\n)', out, flags=re.S)


def binding(lab, end):
    return ask(lab.socket(AGENTS[end]), op='bindings')['bindings'][0]


def keys(lab):
    return [binding(lab, end)['active_key'] for end in range(2)]


def in_step(lab, tunnel, other_than=None, seconds=120):
    """Both ends say the same key, at rest, and both interfaces have one; gives its id."""
    def look():
        ends = [binding(lab, end) for end in range(2)]
        same = ends[0]['active_key'] == ends[1]['active_key'] not in (None, other_than)
        rest = all(end['state'] == 'idle' and end['problem'] == '' for end in ends)
        return same and rest and tunnel.psk(0) == tunnel.psk(1) != '(none)' and \
            ends[0]['active_key']
    return until(look, seconds, 0.2)


def process_of(lab, agent):
    """The process that runs the bindings of an agent."""
    return int(re.findall(r'process (\d+) serves the bindings', lab.log(agent))[-1])


def rotating(lab, tunnel):
    first = in_step(lab, tunnel)
    ok(first, 'the first key is in use at both ends')
    before = binding(lab, 0)['rotations']
    ok(tunnel.ping(1400) == 0, 'no packet at 50 ms is lost in seventy seconds')
    ok(binding(lab, 0)['rotations'] - before >= 10 and binding(lab, 0)['failed'] == 0,
       'in ten rotations, none of which failed')
    ok(in_step(lab, tunnel, first), 'both ends are in step')
    shown = skex('binding', 'ls', '--socket', lab.socket('agent1'))
    ok(shown.code == 0 and 'wireguard' in shown.out and 'leads' in shown.out and
       binding(lab, 0)['active_key'].rsplit('-', 1)[1] in shown.out, 'skex binding ls shows it')
    secret = tunnel.psk(0)
    ok(all(secret not in lab.log(agent) for agent in AGENTS), 'the key is in no log')


def ordered(lab, tunnel):
    for end, text in enumerate(documented()):
        bindings_of(lab, tunnel, end, text)
    ok(in_step(lab, tunnel) and binding(lab, 1)['binding'] == 'site-b', 'as docs/ has it as well')
    for end, text in enumerate(exemplary()):
        bindings_of(lab, tunnel, end, text)
    ok(in_step(lab, tunnel) and binding(lab, 1)['binding'] == 'site',
       'and as skex deliver example has it')
    for end, role in enumerate(['leads', 'follows']):
        configure(lab, tunnel, end, role, period='1 h')
    first = in_step(lab, tunnel)
    ok(first, 'with a long period as well')
    refused = skex('binding', 'rotate', 'site', '--socket', lab.socket('agent2'))
    ok(refused.code == 1 and 'order it at the peer' in refused.err, 'the end that follows says so')
    ok(skex('binding', 'rotate', 'site', '--socket', lab.socket('agent1')).code == 0 and
       in_step(lab, tunnel, first), 'an order gives a new key')
    unknown = skex('binding', 'rotate', 'nowhere', '--socket', lab.socket('agent1'))
    ok(unknown.code == 6, 'an order for no binding is refused')


def killed(lab, tunnel):
    """The one that leads gives a new key after each start: nobody has the bytes of the old one."""
    for agent in AGENTS:
        def back(key):
            return in_step(lab, tunnel, key) if agent == 'agent1' else in_step(lab, tunnel) == key

        key = in_step(lab, tunnel)
        lab.kill(agent)
        ok(tunnel.ping(20) == 0, '%s is killed: the tunnel goes on' % agent)
        lab.start(agent)
        ok(back(key) and tunnel.ping(20) == 0, 'and is in step when it is back')
        key = in_step(lab, tunnel)
        process = process_of(lab, agent)
        os.kill(process, signal.SIGKILL)
        until(lambda: not alive(process))
        ok(until(lambda: process_of(lab, agent) != process) and back(key) and
           tunnel.ping(20) == 0, 'the same when only its process for bindings is killed')
    key = in_step(lab, tunnel)
    ok(skex('binding', 'rotate', 'site', '--socket', lab.socket('agent1')).code == 0 and
       in_step(lab, tunnel, key), 'and then they rotate')


def hasty(lab):
    """Hubs that let little wait for an answer: so much of a pad is over after a rollback."""
    for hub in HUBS:
        lab.stop(hub)
        with open(lab.config(hub), 'a', encoding='utf-8') as f:
            f.write('quota = { unacknowledged = "1 MiB"; };\n')
        lab.start(hub)


def restored(lab, tunnel):
    """An agent gets all of its state back out of a backup, from before some rotations: both ends
    find it out and use no pad again, and no key is handed out that cannot be known to be fresh.
    With its newest state it goes on when the operators of both ends say so and refill the pads,
    of which what can have been on its way is over."""
    for agent in AGENTS:
        state = lab.path(agent, 'state')
        backup, newest = ('%s/%s-%s' % (tunnel.folder, agent, name) for name in ('old', 'new'))
        lab.stop(agent)
        shutil.copytree(state, backup)
        lab.start(agent)
        for _ in range(2):
            key = in_step(lab, tunnel)
            skex('binding', 'rotate', 'site', '--socket', lab.socket('agent1'))
            in_step(lab, tunnel, key)
        key, psk = in_step(lab, tunnel), tunnel.psk(0)
        lab.stop(agent)
        shutil.move(state, newest)
        shutil.copytree(backup, state)
        lab.start(agent)
        skex('binding', 'rotate', 'site', '--socket', lab.socket('agent1'))
        ok(until(lambda a=agent: all(lab.leg(a, hub)['state'] == 'stopped' for hub in HUBS), 180),
           '%s is restored from a backup: it says so of every leg' % agent)
        ok(tunnel.ping(40) == 0 and tunnel.psk(0) == tunnel.psk(1) == psk,
           'the tunnel keeps its key, and no old one comes back')
        lab.stop(agent)
        shutil.rmtree(state)
        shutil.move(newest, state)
        lab.start(agent)
        for hub in HUBS:
            kit = '%s/%s-%s.kit' % (tunnel.folder, agent, hub)
            until(lambda a=agent, h=hub: lab.leg(a, h)['state'] == 'stopped')
            for said in (lab.hub(hub, 'resume', agent),
                         skex('leg', 'resume', hub, '--socket', lab.socket(agent)),
                         lab.hub(hub, 'refill', agent, '--out', kit, '--pad', '12MiB'),
                         lab.join(agent, kit)):
                ok(said.code == 0, 'its newest state is put back, and %s told: %s'
                   % (hub, said.err))
        ok(until(lambda a=agent: all(lab.leg(a, hub)['state'] == 'up' for hub in HUBS)),
           'the legs come back')
        skex('binding', 'rotate', 'site', '--socket', lab.socket('agent1'))
        ok(in_step(lab, tunnel, key, 300) and tunnel.ping(20) == 0, 'and there is a new key')


def without_hubs(lab, tunnel):
    key = in_step(lab, tunnel)
    for hub in HUBS:
        lab.kill(hub)
    skex('binding', 'rotate', 'site', '--socket', lab.socket('agent1'))
    ok(until(lambda: binding(lab, 0)['state'] == 'offering') and tunnel.ping(100) == 0 and
       binding(lab, 0)['active_key'] == key, 'without hubs the old key stays in use')
    for hub in HUBS:
        lab.start(hub)
    ok(in_step(lab, tunnel, key) and tunnel.ping(20) == 0, 'with them there is a new one')


def consumer_again(lab, tunnel):
    for end in range(2):
        tunnel.stop(end)
        ok(until(lambda e=end: 'socket' in binding(lab, e)['problem']),
           'end %d says that WireGuard is away' % end)
        tunnel.start(end)
        ok(in_step(lab, tunnel) and until(lambda: tunnel.ping(20) == 0),
           'it comes back, and gets its key again')


def misconfigured(lab, tunnel):
    key = in_step(lab, tunnel)
    configure(lab, tunnel, 1, 'leads', period='1 s')
    ok(until(lambda: 'both ends have the role leads' in
             binding(lab, 0)['problem'] + binding(lab, 1)['problem'], 60),
       'two ends that lead are told apart from a fault')
    configure(lab, tunnel, 1, 'follows', name='elsewhere')
    skex('binding', 'rotate', 'site', '--socket', lab.socket('agent1'))
    ok(until(lambda: 'agent1 has a binding with this agent that is not configured here' in
             lab.log('agent2'), 60), 'an end that lacks the binding says so')
    configure(lab, tunnel, 1, 'follows', period='1 h')
    ok(in_step(lab, tunnel, key), 'mended, they are in step again')


OTHERS = '''bindings = (
    { name = "files"; peer = "%(peer)s"; role = "%(role)s"; period = "5 s";
      hook = { file = "%(folder)s/hook%(end)d"; format = "id-hex"; one_place = true; }; },
    { name = "service"; peer = "%(peer)s"; role = "%(role)s"; period = "5 s";
      tls = { file = "%(folder)s/psk%(end)d"; }; },
    { name = "gateway"; peer = "%(peer)s"; role = "%(role)s";
      ikev2 = { socket = "%(folder)s/no.vici"; connection = "gateway";
                settings = [ "remote_addrs = 192.0.2.1", "children.net.local_ts = 10.1.0.0/16" ];
      }; },
    { name = "routes"; peer = "%(peer)s"; role = "%(role)s"; period = "5 s";
      routing = { method = "ospf"; protocol = "ospf1"; interface = "%(device)s";
                  socket = "%(folder)s/ctl%(end)d"; file = "%(folder)s/ospf.conf%(end)d"; }; });
'''


def others(lab, tunnel):
    """The other kinds of consumers, as the configuration has them."""
    birds = Birds(tunnel.folder)
    for end in range(2):
        birds.start(end)
    for end, role in enumerate(['leads', 'follows']):
        bindings_of(lab, tunnel, end, OTHERS % {
            'peer': AGENTS[1 - end], 'role': role, 'folder': tunnel.folder, 'end': end,
            'device': device(end)})

    def lines(name, end):
        try:
            with open('%s/%s%d' % (tunnel.folder, name, end), encoding='ascii') as f:
                return f.read().split('\n')[:-1]
        except OSError:
            return []

    def shown(end, name):
        return next(b for b in ask(lab.socket(AGENTS[end]), op='bindings')['bindings']
                    if b['binding'] == name)

    def keyed(name, read):
        """The key in use is in the file of each end; gives its id."""
        ids = [shown(end, name)['active_key'] for end in range(2)]
        return ids[0] and ids[0] == ids[1] and read(0, ids[0]) == read(1, ids[0]) != '' and ids[0]

    for name, read in (
            ('files', lambda end, key: ''.join(lines('hook', end)) if
             ''.join(lines('hook', end)).startswith(key + ':') else ''),
            ('service', lambda end, key: ''.join(
                line for line in lines('psk', end) if line.startswith('service.%s:' % key)))):
        first = until(lambda n=name, r=read: keyed(n, r))
        ok(first, '%s: both ends have one key in their files' % name)
        ok(until(lambda n=name, r=read, f=first: keyed(n, r) not in (False, None, f)),
           '%s: and then another one' % name)
    ok(until(lambda: 'charon' in shown(0, 'gateway')['problem'] and
             'charon' in shown(1, 'gateway')['problem'], 60),
       'gateway: where there is no charon it is said')
    def routes():
        ids = [shown(end, 'routes')['active_key'] for end in range(2)]
        return ids[0] and ids[0] == ids[1] and birds.both_up('ospf') and \
            all([key[2] for key in birds.held(end, 'ospf')] == [ids[0]] for end in range(2)) and \
            ids[0]
    first, left = until(routes), birds.left('ospf')
    ok(first, 'routes: both BIRDs have one key, and are neighbors')
    ok(until(lambda: routes() not in (False, None, first)) and birds.left('ospf') == left,
       'routes: and then another one, and stay so')
    for end in range(2):
        birds.stop(end)
    ok(until(lambda: all('is BIRD running' in shown(end, 'routes')['problem']
                         for end in range(2)), 60), 'routes: where there is no BIRD it is said')
    for kind, end in (('ikev2', 0), ('ikev2', 1), ('routing', 0), ('routing', 1),
                      ('macsec', 0), ('macsec', 1),
                      ('macsec-static', 0), ('macsec-static', 1)):
        example = skex('deliver', 'example', kind).out
        path = '%s/example%d' % (tunnel.folder, end)
        with open(path, 'w', encoding='utf-8') as f:
            f.write('name = "%s"; directory = "/tmp"; kek = { file = "/k"; };\n' % AGENTS[end])
            f.write(re.findall(r'(bindings = .*?\n\} \);\n)', example, flags=re.S)[end])
        checked = subprocess.run([os.path.join(BUILD, 'skexd'), '--check', '-c', path],
                                 stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, check=False)
        ok(checked.returncode == 0,
           'the example for %s of end %d is taken: %s' % (kind, end, checked.stderr))
    doctor = skex('doctor', '--socket', lab.socket('agent1'))
    ok('gateway with agent2: there was no key yet' in doctor.out and
       'files with agent2: a key' in doctor.out, 'skex doctor sees both')
    with open(lab.config('agent1'), encoding='utf-8') as f:
        text = f.read().replace('children.net.local_ts', 'ppk_required = no; x')
    with open(lab.config('agent1') + '.wrong', 'w', encoding='utf-8') as f:
        f.write(text)
    checked = subprocess.run([os.path.join(BUILD, 'skexd'), '--check', '-c',
                              lab.config('agent1') + '.wrong'],
                             stderr=subprocess.PIPE, text=True, check=False)
    ok(checked.returncode == 1 and 'binding gateway: ' in checked.stderr,
       'skexd --check says what an adapter does not take')


def test(folder):
    with Tunnel(folder) as tunnel, Lab() as lab:
        hasty(lab)
        for end, role in enumerate(['leads', 'follows']):
            configure(lab, tunnel, end, role)
        for case in (rotating, ordered, killed, restored, without_hubs, consumer_again,
                     misconfigured, others):
            case(lab, tunnel)


main('bindings', test)
