#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/rekeying.md: its binding, its limits, and every command in it.

usage: rekeying.py BUILD
"""

import os
import re

from docs_harness import SOURCE, run_page
from lab_harness import BUILD, Lab, Tap, ask, until

PAGE = os.path.join(SOURCE, 'docs', 'rekeying.md')
AGENTS = ['agent1', 'agent2']

tap = Tap()


def page():
    with open(PAGE, encoding='utf-8') as f:
        return f.read()


def site(lab, end):
    return lab.path('site%d' % (end + 1))


def configure(lab, end, change):
    """The agent starts again with another configuration."""
    lab.stop(AGENTS[end])
    with open(lab.config(AGENTS[end]), encoding='utf-8') as f:
        conf = f.read()
    with open(lab.config(AGENTS[end]), 'w', encoding='utf-8') as f:
        f.write(change(conf))
    lab.start(AGENTS[end])
    return conf


def configured(lab):
    """Both ends have the bindings of the page."""
    blocks = re.findall(r'^```conf\n(bindings = .*?)^```$', page(), re.M | re.S)
    tap.equal('both ends of a binding are shown', len(blocks), 2)
    for end, block in enumerate(blocks):
        os.makedirs(site(lab, end))
        text = block.replace('/run/site-b', site(lab, end))
        configure(lab, end, lambda conf, text=text: conf + text)

    def idle():
        return all(ask(lab.socket(agent), op='bindings')['bindings'][0]['state'] == 'idle' and
                   ask(lab.socket(agent), op='bindings')['bindings'][0]['active_key']
                   for agent in AGENTS)
    tap.check('which comes into use', until(idle))


def mentioned():
    """No command is named that is not run."""
    run = '\n'.join(re.findall(r'^```sh\n(.*?)^```$', page(), re.M | re.S))
    named = set(re.findall(r'`(skex [a-z]+(?: [a-z]+)?)', page()))
    tap.equal('named and not run', sorted(words for words in named if words not in run), [])


def ready(lab):
    """The bytes of key that agent1 has ready for agent2, of any purpose."""
    pools = ask(lab.socket('agent1'), op='status')['status']['pools']
    return sum(pool['ready_bytes'] for pool in pools if pool['peer'] == 'agent2')


def after_a_theft(lab):
    """agent2 is evicted by now; what is left at its peer goes as the page says."""
    tap.check('keys with the stolen agent are left at its peer', ready(lab) > 0)

    def without(conf):
        conf = re.sub(r'\nbindings = .*?\n\} \);\n', '\n', conf, flags=re.S)
        return re.sub(r'\npeers = \(.*?\n\);\n', '\n', conf, flags=re.S)
    before = configure(lab, 0, without)
    tap.equal('it is no peer', ask(lab.socket('agent1'), op='peers')['peers'], [])
    configure(lab, 0, lambda _: before)
    tap.equal('and when it is one again its keys are gone', ready(lab), 0)


def run_all():
    with Lab(hubs=3, threshold=2, agents=2) as lab:
        configured(lab)
        mentioned()
        run_page(tap, PAGE, {
            'SKEX_SOCKET': lab.socket('agent1'), 'AGENT2': lab.socket('agent2'),
            'SITE1': site(lab, 0), 'SITE2': site(lab, 1), 'LAB': lab.dir,
            'PATH': os.path.abspath(BUILD) + ':' + os.environ['PATH']}, {})
        after_a_theft(lab)


run_all()
tap.end()
