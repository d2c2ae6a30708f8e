#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sync of a registry fails once: the daemon ends, and the next one goes on.

usage: sync_fails.py BUILD
"""

import os
import signal

from lab_harness import BUILD, ENVIRONMENT, OK, Lab, Tap, alive, skex, until

FAILING = os.path.join(BUILD, 'tests', 'sync_fails.so')

tap = Tap()


def see_its_end(lab, name, change, status):
    """A change whose sync fails is refused, and the daemon is gone; a new one takes it."""
    lab.stop(name)
    os.environ['LD_PRELOAD'] = FAILING
    pid = lab.start(name)
    del os.environ['LD_PRELOAD']
    tap.equal('%s is there' % name, status().code, OK)
    os.kill(pid, signal.SIGUSR1)
    result = change()
    tap.equal('%s: the change is refused' % name, result.code, ENVIRONMENT)
    ended = status().code != OK
    tap.check('%s ends' % name, ended and until(lambda: not alive(pid)))
    tap.check('%s says why' % name, 'the store failed (io)' in lab.log(name), lab.log(name)[-500:])
    if not ended:
        lab.kill(name)
    lab.start(name)
    tap.equal('%s: the change is made at the next start' % name, change().code, OK)


with Lab(hubs=2) as lab:
    see_its_end(lab, 'hub1', lambda: lab.hub('hub1', 'ban', 'agent1'),
                lambda: skex('hub', 'status', '--admin', lab.admin('hub1')))
    tap.equal('the agent is banned', lab.member('hub1', 'agent1')['state'], 'banned')
    see_its_end(lab, 'agent2', lambda: skex('peer', 'add', 'agent9', '--no-hubs', '--socket',
                                            lab.socket('agent2')),
                lambda: skex('status', '--socket', lab.socket('agent2')))
tap.end()
