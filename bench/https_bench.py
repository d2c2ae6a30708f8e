#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys over mutual TLS, one request after the other on one kept-alive connection: enc_keys of ETSI
GS QKD 014 and /key of Cisco SKIP, each against an answer of the same server that is always the same
and for which it asks nobody."""

import json
import os
import socket
import subprocess
import time

from lab import BUILD, Lab, free_port, result

RUNS = 5
SECONDS = '2'
SKIP_PORT = free_port(socket.SOCK_STREAM)

# Percentiles that the client prints.
SHOWN = ('median', 'p99', 'p99.9')


def skip_of(agent):
    """The configuration of a SKIP server at the first agent, with the lab's own certificates."""
    if agent['name'] != 'agent1':
        return ''
    tls = os.path.dirname(agent['ca'])
    return ('skip = { listen = "127.0.0.1:%d"; ca = "%s"; certificate = "%s/kme-agent1.pem";'
            ' key = "%s/kme-agent1.key"; };\n' % (SKIP_PORT, agent['ca'], tls, tls))


def measure(lab, port, path, status='200'):
    agent = lab.what['agents'][0]
    client = os.path.join(BUILD, 'bench', 'https_client')
    return json.loads(subprocess.run(
        [client, '127.0.0.1', str(port), agent['ca'], agent['cert'], agent['key'], path, status,
         SECONDS], check=True, stdout=subprocess.PIPE, text=True).stdout)


def series(lab, name, port, path, constant, status, least=None, must=None):
    """A key and the constant answer in turns, so that what else the machine does meets both."""
    keys, others = [], []
    measure(lab, port, path)
    time.sleep(2)
    for _ in range(RUNS):
        keys.append(measure(lab, port, path))
        others.append(measure(lab, port, constant, status))
    result('%s on one connection' % name, [run['rate'] for run in keys], 'keys/s', must=least)
    result('%s, constant answer' % name, [run['rate'] for run in others], '1/s')
    result('%s against a constant answer' % name,
           [a['rate'] / b['rate'] for a, b in zip(keys, others)], 'ratio', must=must)
    for at, shown in enumerate(SHOWN):
        result('latency/%s, %s' % (name, shown), [run['us'][at] / 1000 for run in keys], 'ms')


with Lab('32MiB') as lab:
    lab.configure('block = "64 KiB"; blocks = 1; low = 20000; high = 100000;', skip_of)
    first, peer = lab.what['agents']
    series(lab, 'etsi014/enc_keys', first['etsi014_url'].rsplit(':', 1)[1],
           '/api/v1/keys/%s/enc_keys' % peer['sae'], '/api/v1/nothing', '404', least=3000,
           must=0.5)
    series(lab, 'skip/key', SKIP_PORT, '/key?remoteSystemID=%s' % peer['sae'], '/capabilities',
           '200')
