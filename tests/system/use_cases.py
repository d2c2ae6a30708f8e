#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/use-cases.md: its configurations are read, at both ends, and its commands run.

usage: use_cases.py BUILD
"""

import os
import re

from docs_harness import SOURCE, alone, checked, run_page
from lab_harness import BUILD, Agents, Lab, Tap

PAGE = os.path.join(SOURCE, 'docs', 'use-cases.md')
EXCHANGED = [('agent1', 'agent2'), ('"leads"', '"follows"'), ('sae-a', 'sae-b'),
             ('SAE-1', 'SAE-2'), ('desk-a', 'desk-b'), ('192.0.2.1', '192.0.2.2'),
             ('a.example', 'b.example'), ('10.1.', '10.2.')]

SKEXD, HUB = (os.path.join(BUILD, name) for name in ('skexd', 'skex-hub'))

tap = Tap()


def page():
    with open(PAGE, encoding='utf-8') as f:
        return f.read()


def other_end(text):
    """The same configuration as the other end has it."""
    for one, other in EXCHANGED:
        text = text.replace(one, '\0').replace(other, one).replace('\0', other)
    return text


def configurations(agents):
    """Each one, behind the one that all have in common."""
    sections = re.split(r'^## ', page(), flags=re.M)
    common = ''
    for section in sections:
        heading = section.split('\n', maxsplit=1)[0]
        blocks = re.findall(r'^```conf\n(.*?)^```$', section, re.M | re.S)
        if heading == 'Configurations':
            common = blocks[0]
        elif re.match(r'U\d', heading):
            tap.check('there is a configuration for ' + heading, blocks)
            for block in blocks:
                if block.startswith('name = "hub'):
                    tap.check('of a hub', *checked(HUB, block, agents.directory))
                    continue
                # A setting that the use case has stands in place of the common one.
                own = set(re.findall(r'^(\w+) = ', block, re.M))
                before = re.sub(r'^profiles = .*', '', common, flags=re.M | re.S) \
                    if 'profiles' in own else common
                for name, text in (('this end', before + block),
                                   ('the other end', other_end(before + block))):
                    tap.check(name, *checked(SKEXD, text, agents.directory))


def wrong(agents):
    """That a configuration with a mistake would be found."""
    good, _ = checked(SKEXD, 'name = "agent1"; directory = "/x"; kek = { file = "/y"; };\n'
                      'peer = ();\n', agents.directory)
    tap.check('a setting that is not there is refused', not good)


def commands(agents):
    alone(agents, 'gateway', 'device', True)
    alone(agents, 'post1', 'post2', False)
    with Lab(more=['--pairwise']) as lab:
        run_page(tap, PAGE, {
            'AGENT1': lab.socket('agent1'), 'AGENT2': lab.socket('agent2'),
            'GATEWAY': agents.socket('gateway'), 'DEVICE': agents.socket('device'),
            'POST1': agents.socket('post1'), 'POST2': agents.socket('post2'),
            'PATH': os.path.abspath(BUILD) + ':' + os.environ['PATH']}, {})


def main():
    with Agents('skex-cases-') as agents:
        tap.run([lambda: configurations(agents), lambda: wrong(agents), lambda: commands(agents)])


main()
tap.end()
