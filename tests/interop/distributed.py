#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys through real hubs between a real agent and agents made from docs/spec/ alone; and between those."""

from distributed_scene import REAL, Scene, both_roles, random_purpose, taken, tap, wait_for


def legs():
    """HELLO over legs of both suites, of tables and ratchets, of kits and tokens."""
    with Scene(5, 3) as scene:
        agent = scene.agent('py1')
        for hub in scene.hubs:
            wait_for('HELLO with ' + hub, lambda hub=hub: agent.legs[hub].up)
            tap.equal('nothing of it was refused', set(agent.legs[hub].counts.values()), {0})
            wait_for('the hub calls it connected',
                     lambda hub=hub: scene.member(hub, 'py1').get('connected'))
        both_roles('(5, 3)', scene, agent, sizes=(1, 32, 100, 1024))
        both_roles('another purpose', scene, agent, random_purpose())
        other = scene.agent('py2', [REAL, 'py1'])
        with agent.lock:
            agent.peer('py2', ['lab'])
        for hub in scene.hubs:
            wait_for('HELLO with %s' % hub, lambda hub=hub: other.legs[hub].up)
        for one, two in ((agent, other), (other, agent)):
            key = one.get(two.name)
            got = [(key.id, key.data, key.fingerprint)]
            good = taken(two, one.name, got)
            tap.check('%s and %s have the same key' % (one.name, two.name), good is True, good)


tap.run([legs])
tap.end()
