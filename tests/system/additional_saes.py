#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Additional SAEs of ETSI GS QKD 014, with real hubs and agents: who gets a key, how often."""

import os
import subprocess

from lab_harness import Lab, Sae, Tap

tap = Tap()

# Three SAEs live at agent2, one at each of the others.
MORE = ['sae-b2', 'sae-b3']


def issue(lab, name):
    """A certificate of the lab's authority for one more SAE."""
    base = lab.path('tls', name)
    ca = ['-CA', lab.path('tls', 'ca.pem'), '-CAkey', lab.path('tls', 'ca.key')]
    for words in (['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                   '-keyout', base + '.key', '-out', base + '.csr', '-subj', '/CN=' + name],
                  ['x509', '-req', '-in', base + '.csr', *ca, '-set_serial',
                   str(int.from_bytes(os.urandom(8), 'big') | 1), '-out', base + '.pem']):
        subprocess.run(['openssl', *words], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def give_more_saes(lab):
    """Writes them into the configurations of all agents."""
    names = ['agent1', 'agent2', 'agent3']
    for name in names:
        lab.stop(name)
    for name in names:
        with open(lab.config(name), encoding='utf-8') as f:
            text = f.read()
        text = text.replace('identities = ["sae-agent2"]',
                            'identities = [%s]' % ', '.join('"%s"' % s
                                                            for s in ['sae-agent2', *MORE]))
        with open(lab.config(name), 'w', encoding='utf-8') as f:
            f.write(text)
    for name in names:
        lab.start(name)
    for name in MORE:
        issue(lab, name)


def saes(lab):
    return [Sae(lab, *who) for who in (('sae-agent1', 'agent1'), ('sae-agent2', 'agent2'),
                                       ('sae-b2', 'agent2'), ('sae-b3', 'agent2'),
                                       ('sae-agent3', 'agent3'))]


def check_status(a, c):
    tap.equal('the status tells how many', a.patient('sae-agent2/status')[1]['max_SAE_ID_count'], 2)
    tap.equal('the same for any of them', a.call('sae-b3/status')[1]['max_SAE_ID_count'], 2)
    tap.equal('none where one lives', a.call('sae-agent3/status')[1]['max_SAE_ID_count'], 0)
    tap.equal('seen from another', c.patient('sae-agent2/status')[1]['max_SAE_ID_count'], 2)


def check_each_gets_it_once(a, b, b2, b3, c):
    code, keys = a.get('sae-agent2', ['sae-b2'], 2)
    tap.equal('two keys for two SAEs', (code, len(keys)), (200, 2))
    (one, first), (two, second) = keys
    tap.equal('the slave gets one', b.fetch('sae-agent1', [one]), (200, [first]))
    tap.equal('and not again', b.fetch('sae-agent1', [one])[0], 400)
    tap.equal('nor with another', b.fetch('sae-agent1', [two, one])[0], 400)
    tap.equal('who was not named gets none', b3.fetch('sae-agent1', [two])[0], 401)
    tap.equal('nor does another agent\'s', c.fetch('sae-agent1', [two])[0], 400)
    tap.equal('the additional one gets both', b2.fetch('sae-agent1', [one, two]),
              (200, [first, second]))
    tap.equal('and not again', b2.fetch('sae-agent1', [two])[0], 400)
    tap.equal('the slave still gets the other', b.fetch('sae-agent1', [two]), (200, [second]))
    tap.equal('which is gone then', [x.fetch('sae-agent1', [two])[0] for x in (b, b2)], [400, 400])


def check_sets(a, b, b2, b3):
    code, keys = a.get('sae-b3', ['sae-b2', 'sae-agent2'])
    one, first = keys[0]
    tap.equal('three SAEs, in any order', (code, [x.fetch('sae-agent1', [one])
                                                  for x in (b, b2, b3)]),
              (200, [(200, [first])] * 3))
    alone = a.get('sae-agent2')[1][0]
    shared = a.get('sae-agent2', ['sae-b3'])[1][0]
    tap.equal('a key for one is for that one', b3.fetch('sae-agent1', [alone[0]])[0], 401)
    tap.equal('all or none', b3.fetch('sae-agent1', [shared[0], alone[0]])[0], 401)
    tap.equal('keys of several sets at once', b.fetch('sae-agent1', [alone[0], shared[0]]),
              (200, [alone[1], shared[1]]))
    tap.equal('and the rest', b3.fetch('sae-agent1', [shared[0]]), (200, [shared[1]]))


def check_refused(a):
    for name, additional in (('one that lives elsewhere', ['sae-b2', 'sae-agent3']),
                             ('one that lives here', ['sae-agent1']),
                             ('one that lives nowhere', ['sae-x']),
                             ('one that is named twice', ['sae-b2', 'sae-b2']),
                             ('the slave itself', ['sae-agent2'])):
        tap.equal(name, a.get('sae-agent2', additional)[0], 400)
    tap.equal('more than live there', a.get('sae-agent2', ['sae-%d' % i for i in range(9)])[0], 400)


def check_restart(lab, a, b, b2):
    code, keys = a.get('sae-agent2', ['sae-b2'], 3)
    tap.equal('before a crash', code, 200)
    tap.equal('one fetches', b.fetch('sae-agent1', [keys[0][0]]), (200, [keys[0][1]]))
    tap.equal('the other another', b2.fetch('sae-agent1', [keys[1][0]]), (200, [keys[1][1]]))
    lab.kill('agent2')
    lab.start('agent2')
    tap.equal('after it who has fetched is known', b.fetch('sae-agent1', [keys[0][0]])[0], 400)
    tap.equal('of both', b2.fetch('sae-agent1', [keys[1][0]])[0], 400)
    tap.equal('and the rest is there', [b.fetch('sae-agent1', [keys[1][0], keys[2][0]]),
                                        b2.fetch('sae-agent1', [keys[0][0], keys[2][0]])],
              [(200, [keys[1][1], keys[2][1]]), (200, [keys[0][1], keys[2][1]])])
    lab.kill('agent2')
    lab.start('agent2')
    tap.equal('until all have all', [x.fetch('sae-agent1', [k[0]])[0]
                                     for x in (b, b2) for k in keys], [400] * 6)


def run_all():
    with Lab(hubs=3, threshold=2, agents=3) as lab:
        give_more_saes(lab)
        a, b, b2, b3, c = saes(lab)
        tap.run([lambda: check_status(a, c),
                 lambda: check_each_gets_it_once(a, b, b2, b3, c),
                 lambda: check_sets(a, b, b2, b3),
                 lambda: check_refused(a),
                 lambda: check_restart(lab, a, b, b2)])


run_all()
tap.end()
