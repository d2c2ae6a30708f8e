#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The process that fetches keys from KMEs of other houses: what one of them says or does is of no
consequence for the others. The test plays the agent, and the KMEs.

usage: kmes.py LAUNCHER
"""

import sys

from etsi014_harness import Tap, run_cases
from kmes_harness import Process

LAUNCHER = sys.argv[1]

tap = Tap()


def served(process, name, number):
    """The next answer is that of this order, to which the KME gave a key."""
    process.order(number, name)
    answer = process.take()
    return answer['op'] == 'qkd014_keys' and answer['order'] == number


# --- what one says ---

def words():
    """Long ones are cut, maybe in the middle of a character, and are told all the same."""
    process = Process(LAUNCHER, ['odd', 'good'])
    process.reports()
    odd = process.kmes['odd']
    for number, before in enumerate(range(156, 161), 1):
        odd.says = 503, {'message': 'x' * before + '\u00e9\u20ac\U0001f511' * 10}
        process.order(number, 'odd')
        answer = process.take()
        tap.check('%d bytes and then others: it is told' % before, answer['order'] == number and
                  answer.get('how') == 'empty' and 'HTTP 503' in answer['text'] and
                  'x' * before in answer['text'], answer)
    odd.says = 400, {'message': '\u00e9'}
    process.order(10, 'odd')
    tap.equal('what is not cut is as it was', process.take()['text'],
              odd.url + ': HTTP 400: \u00e9')
    tap.check('and another KME is served by the same process', served(process, 'good', 11))
    tap.equal('which ends when it is told to', process.end(), 0)


def names():
    """The same of the SAE that a KME takes the agent for."""
    names = ['sae-%d' % before for before in range(61, 64)]

    def before(kmes):
        for name in names:
            kmes[name].says = 200, {'master_SAE_ID': 'x' * int(name[4:]) + '\u00e9' * 9}
    process = Process(LAUNCHER, names + ['good'], before)
    found = process.reports()
    tap.check('an SAE id that is cut is told', all(
        'it knows this certificate as the SAE "xxx' in found.get(name, '') for name in names),
              found)
    tap.equal('and of another KME nothing is wrong', found.get('good'), '')
    tap.equal('ends', process.end(), 0)


run_cases(tap, [words, names])
tap.end()
