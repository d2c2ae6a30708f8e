#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The process that fetches keys from KMEs of other houses: what one of them says or does is of no
consequence for the others. The test plays the agent, and the KMEs.

usage: kmes.py LAUNCHER
"""

import re
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


# --- what one does ---

def hold(names):
    """For the start of a process: these KMEs do not answer."""
    def before(kmes):
        for name in names:
            kmes[name].gate.clear()
    return before


def side_by_side():
    """More that are slow than there are threads for work that is done in turn."""
    slow = ['slow-%d' % i for i in range(8)]
    process = Process(LAUNCHER, slow + ['good'], hold(slow))
    process.order(1, 'good')
    first = [process.take() for _ in range(2)]
    tap.equal('one that answers is served while eight others do not',
              [(said['op'], said.get('kme', said.get('order'))) for said in first],
              [('qkd014_report', 'good'), ('qkd014_keys', 1)])
    for name in slow:
        process.kmes[name].gate.set()
    tap.equal('and then they are', sorted(process.take().get('kme') for _ in slow), slow)
    tap.check('in any order', all(served(process, name, 10 + i) for i, name in enumerate(slow)))
    tap.equal('it ends', process.end(), 0)


def too_late():
    """What the agent does not wait for any more is not asked for, and is answered all the same."""
    process = Process(LAUNCHER, ['slow', 'good'])
    process.reports()
    slow = process.kmes['slow']
    slow.gate.clear()
    slow.requests.clear()
    process.order(1, 'slow')
    slow.came.acquire()
    for number in (2, 3):
        process.order(number, 'slow', wait_ms=250 * number)
    process.order(4, 'slow')
    said = [process.take() for _ in range(2)]
    tap.check('two that waited too long behind another one are dropped',
              [(one['order'], one.get('how')) for one in said] == [(2, 'away'), (3, 'away')], said)
    tap.check('with words for it', 'too slow: an order waited for 500 ms' in said[0]['text'], said)
    said = process.take()
    tap.check('the first has the time of a call', said['order'] == 1 and
              'timed out after 10' in said['text'], said)
    slow.gate.set()
    said = process.take()
    tap.check('and the last its keys', (said['op'], said['order']) == ('qkd014_keys', 4), said)
    tap.equal('what was dropped was never asked for', slow.requests, ['enc_keys'] * 2)
    tap.equal('it ends', process.end(), 0)


def a_few_at_a_time():
    """Each answer is in time, and all of them together are not."""
    def before(kmes):
        kmes['slow'].per_request = 1
    process = Process(LAUNCHER, ['slow', 'good'], before)
    process.reports()
    slow = process.kmes['slow']
    slow.delay = 0.5
    slow.requests.clear()
    process.order(1, 'slow', count=16, wait_ms=1200)
    said = process.take()
    tap.check('an order ends when nobody waits for it any more', said['order'] == 1 and
              said.get('how') == 'away', said)
    tap.check('and with it what is asked for', 0 < len(slow.requests) < 16, slow.requests)
    slow.delay = 0
    tap.check('the next is served', served(process, 'slow', 2))
    tap.equal('it ends', process.end(), 0)


def data_bytes(process):
    with open('/proc/%d/status' % process.process.pid, encoding='ascii') as f:
        return 1024 * int(re.search(r'VmData:\s+(\d+) kB', f.read()).group(1))


def many():
    """Orders that wait have no memory for keys yet."""
    process = Process(LAUNCHER, ['slow', 'good'])
    process.reports()
    tap.check('served before', served(process, 'slow', 1) and served(process, 'good', 2))
    process.kmes['slow'].gate.clear()
    before = data_bytes(process)
    for number in range(10, 510):
        process.order(number, 'slow', count=16, wait_ms=8000)
    tap.check('another KME is served behind 500', served(process, 'good', 3))
    more = data_bytes(process) - before
    tap.check('which take less than 2 KB each', more < 2048 * 500, more)
    said = {process.take()['order'] for _ in range(500)}
    tap.equal('each is answered', said, set(range(10, 510)))
    process.kmes['slow'].gate.set()
    tap.check('and the next is served', served(process, 'slow', 4))
    tap.equal('it ends', process.end(), 0)


run_cases(tap, [words, names, side_by_side, too_late, a_few_at_a_time, many])
tap.end()
