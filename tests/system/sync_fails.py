#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sync of a registry fails once: the daemon ends, and the next one goes on.

usage: sync_fails.py BUILD
"""

import os
import signal
import time

from lab_harness import BUILD, ENVIRONMENT, OK, Lab, Tap, alive, skex, until

FAILING = os.path.join(BUILD, 'tests', 'sync_fails.so')

tap = Tap()


def start_failing(lab, name, status, which=1):
    """The daemon anew; of what it syncs of its registry this one fails. Its pid."""
    lab.stop(name)
    os.environ['LD_PRELOAD'] = FAILING
    pid = lab.start(name)
    del os.environ['LD_PRELOAD']
    tap.equal('%s is there' % name, status().code, OK)
    for _ in range(which):
        os.kill(pid, signal.SIGUSR1)
        time.sleep(0.1)  # signals that wait together are one
    return pid


def see_its_end(lab, name, change, status):
    """A change whose sync fails is refused, and the daemon is gone; a new one takes it."""
    pid = start_failing(lab, name, status)
    result = change()
    tap.equal('%s: the change is refused' % name, result.code, ENVIRONMENT)
    ended = status().code != OK
    tap.check('%s ends' % name, ended and until(lambda: not alive(pid)))
    tap.check('%s says why' % name, 'the store failed (io)' in lab.log(name), lab.log(name)[-500:])
    if not ended:
        lab.kill(name)
    lab.start(name)
    tap.equal('%s: the change is made at the next start' % name, change().code, OK)


def see_enrolments(lab):
    """What is said of an enrolment at whose n-th sync the registry fails is so."""
    said = []
    for which in range(1, 9):
        agent = 'new%d' % which
        pid = start_failing(lab, 'hub2', lambda: lab.hub('hub2', 'status'), which)
        result = lab.hub('hub2', 'enrol', agent, '--pad', '64KiB', '--out', lab.path(agent))
        if result.code == OK:
            break
        tap.check('sync %d: the hub ends' % which, until(lambda: not alive(pid)))
        lab.start('hub2')
        known = lab.member('hub2', agent) != {}
        said.append('nothing was' if 'nothing was enrolled' in result.err else
                    'in doubt' if 'whether it is enrolled is known when' in result.err else
                    result.err)
        tap.check('sync %d: nobody is enrolled who is said not to be' % which,
                  said[-1] == 'in doubt' or not known, (said[-1], known))
    tap.check('an enrolment in doubt is said to be', 'in doubt' in said, said)


with Lab(hubs=2) as lab:
    see_enrolments(lab)
    see_its_end(lab, 'hub1', lambda: lab.hub('hub1', 'ban', 'agent1'),
                lambda: skex('hub', 'status', '--admin', lab.admin('hub1')))
    tap.equal('the agent is banned', lab.member('hub1', 'agent1')['state'], 'banned')
    see_its_end(lab, 'agent2', lambda: skex('peer', 'add', 'agent9', '--no-hubs', '--socket',
                                            lab.socket('agent2')),
                lambda: skex('status', '--socket', lab.socket('agent2')))
tap.end()
