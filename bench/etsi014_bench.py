#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""enc_keys of ETSI GS QKD 014 on one kept-alive connection with mutual TLS: one key a request,
the next request when the answer is there."""

import json
import os
import subprocess
import time

from lab import BUILD, Lab, result

RUNS = 5
SECONDS = '2'


def measure(lab):
    agent, peer = lab.what['agents']
    port = agent['etsi014_url'].rsplit(':', 1)[1]
    client = os.path.join(BUILD, 'bench', 'etsi014_client')
    return json.loads(subprocess.run(
        [client, '127.0.0.1', port, agent['ca'], agent['cert'], agent['key'], peer['sae'], SECONDS],
        check=True, stdout=subprocess.PIPE, text=True).stdout)['rate']


with Lab('32MiB') as lab:
    lab.configure('block = "64 KiB"; blocks = 1; low = 20000; high = 100000;')
    measure(lab)
    time.sleep(2)
    result('etsi014/enc_keys on one connection', [measure(lab) for _ in range(RUNS)], 'keys/s',
           must=3000)
