#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much of an honest load is served while strangers flood: by a hub with agents that exchange
shares at a tenth of what it can do, and ten times as many packets of strangers; and by the key
server of an agent, to which an SAE connects anew for each request, under the same. The long check
runs it as its stage `floods`.

That keys come at all, and that memory is bounded, is tested by tests/system/floods.py.
"""

import atexit
import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time

from hub_driven import FEW, Hub
from lab import BUILD, ROOT, Lab, result

sys.path.insert(0, os.path.join(ROOT, 'tests', 'system'))
from recorded import Record  # noqa: E402

SECONDS = 10
SERVED = 0.99
CAPACITY_SHARES = 100000
STRANGER = '127.0.0.2'


class Flood:
    def __init__(self, port, how, rate, file):
        words = [os.path.join(BUILD, 'bench', 'strangers'), STRANGER, str(port), how, str(rate),
                 '3600'] + ([file] if how == 'replay' else [])
        self.how = how
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # when what is measured beside it fails

    def tell(self, where, honest):
        """Ends it, and prints what it came to beside so many honest packets a second."""
        self.process.terminate()
        told = json.loads(self.process.communicate()[0])
        rate = told['packets'] / told['seconds']
        result('floods/%s: packets of strangers, %s' % (where, self.how), [rate], '1/s')
        result('floods/%s: times the honest packets, %s' % (where, self.how), [rate / honest],
               'ratio')


def at_a_hub(directory):
    file = os.path.join(directory, 'recorded')
    with Hub(FEW) as hub:
        hub.start()
        said = list(hub.drive(FEW, ['1:%d' % CAPACITY_SHARES]))[-1]
    capacity = said['shares'] / said['seconds']
    rate = capacity / 10
    offered = int(rate * SECONDS)
    result('floods/shares a second that a hub passes on, one in a message', [capacity], '1/s')
    ways = [None, 'silent', 'random'] + (['replay'] if os.geteuid() == 0 else [])
    with Hub(FEW) as hub:
        hub.start()
        record = Record(hub.port) if 'replay' in ways else None
        runs = hub.drive(FEW, ['1:%d@%d' % (offered, rate)] * len(ways))
        next(runs)
        if record is not None:
            with open(file, 'wb') as f:
                f.write(max(record.streams(0.5), key=len))
        for how in ways:
            flood = Flood(hub.port, how, 10 * rate, file) if how is not None else None
            said = next(runs)
            if flood is not None:
                flood.tell('hub', rate)
            result('floods/hub: served of an honest load of %d shares/s, %s' % (
                rate, 'under %s' % how if how else 'without a flood'),
                [said['shares'] / offered], 'ratio', must=SERVED)
        list(runs)


class Sae:
    """Takes one key after the other, each over a connection of its own."""

    def __init__(self, lab):
        tls = os.path.join(lab.dir, 'tls')
        self.context = ssl.create_default_context(cafile=os.path.join(tls, 'ca.pem'))
        self.context.check_hostname = False
        self.context.load_cert_chain(*(os.path.join(tls, 'sae-agent1.' + kind)
                                       for kind in ('pem', 'key')))
        self.host = lab.what['agents'][0]['etsi014_url'].split('//')[1].rstrip('/')

    def take(self):
        """The status within two seconds; 0 when there was none."""
        connection = http.client.HTTPSConnection(self.host, context=self.context, timeout=2)
        try:
            connection.request('GET', '/api/v1/keys/sae-agent2/status')
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def served(sae, rate):
    """The share of requests that were answered, at this rate for some time."""
    began, good, count = time.monotonic(), 0, int(rate * SECONDS)
    for i in range(count):
        time.sleep(max(0.0, began + i / rate - time.monotonic()))
        good += sae.take() == 200
    return good / count


def at_a_server():
    with Lab(pad='4MiB', hubs=2, threshold=2) as lab:
        sae = Sae(lab)
        while sae.take() != 200:
            time.sleep(0.1)
        began, count = time.monotonic(), 0
        while time.monotonic() - began < 3:
            count += sae.take() == 200
        capacity = count / (time.monotonic() - began)
        result('floods/014: connections a second, one after the other', [capacity], '1/s')
        port = int(sae.host.rsplit(':', 1)[1])
        for how in [None, 'silent', 'random']:
            flood = Flood(port, how, capacity, None) if how is not None else None
            share = served(sae, capacity / 10)
            if flood is not None:
                flood.tell('014', capacity / 10)
            result('floods/014: served of %d connections/s, %s' % (
                capacity / 10, 'under %s' % how if how else 'without a flood'), [share], 'ratio',
                must=SERVED)


def main():
    directory = tempfile.mkdtemp(prefix='skex-bench-')
    try:
        at_a_hub(directory)
        at_a_server()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


main()
