#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Strangers flood hubs, and the key servers of an agent, while keys are made: these come, memory
and connections stay bounded, and nobody is sent more than it sent. How much of an honest load is
served meanwhile is measured by bench/floods_bench.py, in the long check.

usage: floods.py BUILD
"""

import http.client
import json
import os
import re
import socket
import subprocess
import time

from lab_harness import BUILD, OK, Lab, Sae, Tap, ask, skex, until
from recorded import Record

STRANGERS = os.path.join(BUILD, 'bench', 'strangers')
AGENTS = ['agent1', 'agent2']
LONG = 3600       # seconds, in which it surely happens, however slow the machine is
RATE = 3000       # packets a second
ROUNDS = 8        # of keys and restarts in each flood
HUB_STRANGERS = 1024
SERVER_STRANGERS = 128  # what one address may have at a key server
SPARE = 64        # descriptors that have other reasons
GROWTH_KIB = 16 << 10
SKIP = 'skip = { listen = "127.0.0.1:0"; ca = "%s"; certificate = "%s"; key = "%s"; };\n'

tap = Tap()
serial = iter(range(100000))


class Process:
    """A daemon that is looked at while strangers come."""

    def __init__(self, pid):
        self.pid = pid
        self.descriptors, self.kib = self.look()
        self.most_descriptors, self.most_kib = self.descriptors, self.kib

    def look(self):
        with open('/proc/%d/status' % self.pid, encoding='ascii') as f:
            kib = next(int(line.split()[1]) for line in f if line.startswith('VmRSS'))
        return len(os.listdir('/proc/%d/fd' % self.pid)), kib

    def watch(self):
        descriptors, kib = self.look()
        self.most_descriptors = max(self.most_descriptors, descriptors)
        self.most_kib = max(self.most_kib, kib)

    def check(self, name, strangers):
        tap.check('%s: descriptors are bounded' % name,
                  self.most_descriptors <= self.descriptors + strangers + SPARE,
                  '%d before, %d at most' % (self.descriptors, self.most_descriptors))
        tap.check('%s: so is memory' % name, self.most_kib <= self.kib + GROWTH_KIB,
                  '%d KiB before, %d at most' % (self.kib, self.most_kib))


class Flood:
    """Strangers at a port until the with statement ends."""

    def __init__(self, address, port, how, *file):
        self.words = [STRANGERS, address, str(port), how, str(RATE), str(LONG), *file]
        self.told = {}

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.told = json.loads(self.process.communicate()[0])
        print('# %s' % self.told, flush=True)

    def check(self, name):
        # Without any, nothing was tried.
        tap.check('%s: there were some' % name, self.told['packets'] > 100 and
                  self.told['connections'] > 100, self.told)
        tap.check('%s: they are sent no more than they sent' % name,
                  self.told['received_bytes'] <= self.told['sent_bytes'], self.told)


def pid_of(lab, name):
    with open(lab.path(name, 'pid'), encoding='ascii') as f:
        return int(f.read().split()[0])


def same_key(lab, one, other):
    """A key of a purpose that is new, so that it is made now, at both ends."""
    purpose = 'app:f%d' % next(serial)
    got = until(lambda: ask(lab.socket(one), op='get', peer=other, purpose=purpose, wait_ms=20000,
                            require=['confirmed']).get('keys'), LONG)
    fetched = ask(lab.socket(other), op='fetch', peer=one, purpose=purpose,
                  key_ids=[got[0]['key_id']])
    return fetched.get('keys', [{}])[0].get('key') == got[0]['key']


def counters(lab, hub):
    return lab.hub(hub, 'status', '--json').json['counters']


def at_a_hub(lab, name, hub, flood):
    """Both hubs are needed for a key, and one of them is flooded."""
    process = Process(pid_of(lab, hub))
    good = []
    with flood:
        for i in range(ROUNDS):
            good.append(same_key(lab, *AGENTS[::1 if i % 2 else -1]))
            process.watch()
            if i % 4 == 1:
                lab.kill('agent1')
                lab.start('agent1')
                good.append(until(lambda: lab.leg('agent1', hub).get('state') == 'up', LONG))
                process.watch()
        until(lambda: process.watch() or flood.process.poll() is not None, 3)
        good.append(skex('hub', 'status', '--admin', lab.admin(hub)).code == OK)
    tap.check('%s: keys are made, agents connect, the operator is answered' % name, all(good), good)
    process.check(name, HUB_STRANGERS)
    flood.check(name)
    tap.check('%s: all of them are gone then' % name,
              until(lambda: counters(lab, hub)['strangers'] == 0, LONG))
    tap.check('%s: and keys are made' % name, same_key(lab, *AGENTS))


def hubs(lab):
    port = lab.what['hubs'][0]['port']
    for address in ('127.0.0.2', '127.0.0.1'):
        for how in ('silent', 'random'):
            at_a_hub(lab, '%s, from %s' % (how, address), 'hub1', Flood(address, port, how))
    tap.check('strangers were pushed out', counters(lab, 'hub1')['pushed_out'] > 0)
    if os.geteuid() != 0:
        print('# not root: nothing is recorded and sent again')
        return
    record = Record(port)
    lab.kill('agent2')
    lab.start('agent2')
    lab.up('agent2', 'hub1')
    same_key(lab, *AGENTS)
    streams = [stream for stream in record.streams() if len(stream) > 100]
    file = lab.path('recorded')
    with open(file, 'wb') as f:
        f.write(max(streams, key=len))
    rollbacks = counters(lab, 'hub1')['rollbacks'], counters(lab, 'hub1')['reuse_alarms']
    at_a_hub(lab, 'replay', 'hub1', Flood('127.0.0.2', port, 'replay', file))
    tap.equal('replay: raises no alarm', (counters(lab, 'hub1')['rollbacks'], counters(
        lab, 'hub1')['reuse_alarms']), rollbacks)


def port_014(lab):
    return int(lab.what['agents'][0]['etsi014_url'].rstrip('/').rsplit(':', 1)[1])


def port_skip(lab, agent):
    return int(until(lambda: re.findall(r'skip: listening on https://\S*:(\d+)\n',
                                        lab.log(agent)))[-1])


def process_of(port):
    """The key server's own process."""
    listening = subprocess.run(['ss', '-Hltnp', 'sport = :%d' % port], check=True,
                               stdout=subprocess.PIPE, text=True).stdout
    return int(listening.split('pid=')[1].split(',')[0])


def by_014(saes):
    code, keys = saes[0].get(saes[1].name)
    return code == 200 and saes[1].fetch(saes[0].name, [keys[0][0]]) == (200, [keys[0][1]])


def ask_skip(sae, port, target):
    """Status and answer, once the server is there and has a key."""
    def once():
        connection = http.client.HTTPSConnection('127.0.0.1', port, context=sae.context, timeout=60)
        try:
            connection.request('GET', target)
            answer = connection.getresponse()
            return answer.status != 503 and (answer.status, json.loads(answer.read()))
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
    return until(once, pause=0.2)


def by_skip(saes, ports):
    code, key = ask_skip(saes[0], ports[0], '/key?remoteSystemID=' + saes[1].name)
    return code == 200 and ask_skip(saes[1], ports[1], '/key/%s?remoteSystemID=%s' % (
        key['keyId'], saes[0].name)) == (200, key)


def key_server(lab, kind, port, take):
    """One of the first agent, while keys are taken from it."""
    for how in ('silent', 'random'):
        for address in ('127.0.0.2', '127.0.0.1'):
            process = Process(process_of(port))
            name = '%s, %s, from %s' % (kind, how, address)
            good = []
            flood = Flood(address, port, how)
            with flood:
                # Some thousand connections before the first of SAEs.
                time.sleep(2)
                for _ in range(ROUNDS):
                    good.append(take())
                    process.watch()
            tap.check('%s: they get their keys' % name, all(good), good)
            process.check(name, SERVER_STRANGERS)
            tap.check('%s: there were some' % name, flood.told['connections'] > 100, flood.told)
    tap.check('%s: keys are made then' % kind, same_key(lab, *AGENTS))


def is_open(connection):
    connection.settimeout(1)
    try:
        return connection.recv(1) != b''
    except TimeoutError:
        return True
    except OSError:
        return False


def own_network(lab):
    """One who waits is not ended for those of another address, however many they are."""
    port = port_014(lab)
    with socket.create_connection(('127.0.0.1', port), source_address=('127.0.0.1', 0)) as first:
        others = [socket.create_connection(('127.0.0.1', port), source_address=('127.0.0.2', 0))
                  for _ in range(300)]
        tap.check('014: others of another address are ended, and not who came before them',
                  not is_open(others[0]) and is_open(first))
        for other in others:
            other.close()


def key_servers(lab):
    saes = [Sae(lab, 'sae-%s' % agent, agent) for agent in AGENTS]
    key_server(lab, '014', port_014(lab), lambda: by_014(saes))
    ports = [port_skip(lab, agent) for agent in AGENTS]
    key_server(lab, 'SKIP', ports[0], lambda: by_skip(saes, ports))


def serve_skip(lab):
    """By certificates; its server is another process of the same kind as that of 014."""
    tls = [lab.path('tls', name) for name in ('ca.pem', 'kme-agent1.pem', 'kme-agent1.key')]
    for agent in AGENTS:
        lab.stop(agent)
        with open(lab.config(agent), 'a', encoding='utf-8') as f:
            f.write(SKIP % tuple(tls))
        lab.start(agent)


with Lab(hubs=2, threshold=2, agents=2) as LAB:
    serve_skip(LAB)
    tap.run([lambda: own_network(LAB), lambda: key_servers(LAB), lambda: hubs(LAB)])
tap.end()
