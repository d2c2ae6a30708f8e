#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys that are combined out of those of hubs and of a pair: real daemons, real datagrams."""

import json

from lab_harness import Lab, Tap, ask, skex, until

TAP = Tap()
REFUSED = 6
PURPOSE = 'app:both'


def combine(lab, agent, yes):
    """As an operator sets it: in the file, and with a restart."""
    path = lab.config(agent)
    with open(path, encoding='ascii') as file:
        text = file.read().replace('combine = true; ', '')
    if yes:
        text = text.replace('profiles = ["lab"]; ', 'profiles = ["lab"]; combine = true; ')
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)
    lab.stop(agent)
    lab.start(agent)


def get(lab, at, peer, purpose=PURPOSE, require='combined,confirmed', wait='30s'):
    return skex('key', 'get', peer, '--purpose', purpose, '--require', require, '--wait', wait,
                '--json', '--show-key', '--socket', lab.socket(at))


def fetch(lab, at, peer, key_id, purpose=PURPOSE, require='combined,confirmed'):
    return skex('key', 'fetch', key_id, '--peer', peer, '--purpose', purpose, '--require', require,
                '--json', '--show-key', '--socket', lab.socket(at))


def one(result):
    return json.loads(result.out)['keys'][0] if result.code == 0 else {'error': str(result)}


def code(result):
    return json.loads(result.out).get('error', {}).get('code')


def same(lab, name, at, peer):
    got = one(get(lab, at, peer))
    if not TAP.check('%s: a key' % name, 'key_id' in got, got):
        return
    other = one(fetch(lab, peer, at, got['key_id']))
    TAP.equal('%s: the same key' % name, other.get('key'), got['key'])
    for end in (got, other):
        TAP.equal('%s: what it is' % name, [end.get(word) for word in (
            'combined', 'forward_secret', 'confirmed', 'class')],
                  [True, True, True, 'computational'])


def told(lab, agent):
    return 'combine_mismatch' in lab.log(agent)


def both_ends(lab):
    result = get(lab, 'agent1', 'agent2')
    TAP.equal('combined keys are refused where they are not made', (result.code, code(result)),
              (REFUSED, 'not_combined'))
    plain = one(get(lab, 'agent1', 'agent2', require='confirmed'))
    TAP.equal('others are there', plain.get('combined'), False)

    combine(lab, 'agent1', True)
    combine(lab, 'agent2', True)
    same(lab, 'both combine', 'agent1', 'agent2')
    same(lab, 'the other way', 'agent2', 'agent1')
    late = fetch(lab, 'agent2', 'agent1', plain['key_id'], require='confirmed')
    TAP.equal('a key from before is not delivered', (late.code, code(late)),
              (REFUSED, 'not_combined'))
    result = get(lab, 'agent1', 'agent2', require='its')
    TAP.equal('computed pads make no its keys', (result.code, code(result)), (REFUSED, 'not_its'))
    parts = skex('key', 'get', 'agent2', '--purpose', '+' + PURPOSE, '--socket',
                 lab.socket('agent1'))
    TAP.check('nobody gets a part', parts.code == 1 and "does not begin with '+'" in parts.err,
              parts)
    status = ask(lab.socket('agent1'), op='status')['status']
    TAP.check('skex status says so', status['peers'][0]['combine'] is True and
              not any(pool['purpose'].startswith('+') for pool in status['pools']), status)
    TAP.check('and skex peer ls', 'COMBINED' in skex(
        'peer', 'ls', '--socket', lab.socket('agent1')).out)


def crashes(lab):
    for agent in ('agent2', 'agent1'):
        lab.kill(agent)
        lab.start(agent)
        same(lab, 'after a crash of ' + agent, 'agent1', 'agent2')


def one_end(lab):
    combine(lab, 'agent2', False)
    result = get(lab, 'agent1', 'agent2', purpose='app:one', wait='10s')
    TAP.equal('one end only: no key', (result.code, code(result)), (2, 'pool_empty'))
    TAP.check('its operator is told', until(lambda: told(lab, 'agent1')))
    TAP.check('and the other one', until(lambda: told(lab, 'agent2')))
    result = get(lab, 'agent2', 'agent1', purpose='app:one', require='confirmed', wait='10s')
    TAP.equal('nor the other way', (result.code, code(result)), (2, 'pool_empty'))
    combine(lab, 'agent2', True)
    same(lab, 'both again', 'agent1', 'agent2')


def half(lab):
    for hub in ('hub1', 'hub2', 'hub3'):
        lab.kill(hub)
    result = get(lab, 'agent1', 'agent2', purpose='app:new', wait='5s')
    TAP.equal('a pair alone makes no key', (result.code, code(result)), (2, 'pool_empty'))
    for hub in ('hub1', 'hub2', 'hub3'):
        lab.start(hub)
    same(lab, 'with the hubs again', 'agent1', 'agent2')
    for agent, peer in (('agent1', 'agent2'), ('agent2', 'agent1')):
        ask(lab.socket(agent), op='pair_revoke', peer=peer)
    result = get(lab, 'agent1', 'agent2', wait='5s')
    TAP.check('hubs alone make none, and it says what to do', result.code != 0 and
              'skex pair make agent2' in result.out + result.err, result)


def combined():
    with Lab(more=['--pairwise']) as lab:
        both_ends(lab)
        crashes(lab)
        one_end(lab)
        half(lab)


TAP.run([combined])
TAP.end()
