#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real hub is joined with a token by an agent that was written from docs/spec/ alone."""

import os
import time

from join_peer import Closed, Joiner, Token, name_of
from lab_harness import OK, Lab, Tap, until
from pairwise_math import P1
from pairwise_peer import Alert

tap = Tap()
HUB = 'hub1'


def made(*words):
    token = lab.hub(HUB, 'token', *words, '--json')
    if token.code != OK:
        raise RuntimeError('token: %s' % token)
    return token.json


def states():
    return {t['id']: t['state'] for t in lab.hub(HUB, 'token', 'ls', '--json').json['tokens']}


def leg_at_hub(name):
    shown = lab.member(HUB, name)
    return shown.get('leg') if shown.get('state') not in ('evicted', 'banned') else None


def outcome(joiner, blob=None):
    try:
        return '%016x' % joiner.run(blob).number
    except Alert as alert:
        return 'alert %d' % alert.why
    except Closed:
        return 'silence'


# --- the token ---

def tokens():
    token = made('gave')
    said = Token(token['token']).said
    tap.equal('id, expiry and name', (said['id'], said['expires_ms'], said['agent'], said['hub']),
              (token['token_id'], token['expires_ms'], 'gave', HUB))
    tap.equal('no name in one of a group', Token(made('--group', 'g')['token']).said['agent'], '')


# --- a leg ---

def joins():
    token = made('snake')
    joiner = Joiner(token['token'], 'snake')
    first = joiner.run()
    tap.equal('enrolled, with the leg that was derived', leg_at_hub('snake'),
              '%016x' % first.number)
    tap.equal('the token was granted', states().get(token['token_id']), 'granted')
    second = joiner.run()
    tap.check('another run gives another leg', second.number != first.number)
    tap.equal('which the hub has instead', leg_at_hub('snake'), '%016x' % second.number)
    shown = lab.member(HUB, 'snake')
    tap.equal('of class computational', shown.get('class'), 'computational')

    with joiner.connect() as hub:
        try:
            first.greet(hub)
            tap.check('the first leg is void', False)
        except Closed:
            tap.check('the first leg is void', True)
    with joiner.connect() as hub:
        answer = second.greet(hub)
        tap.equal('HELLO goes through: the envelope keys are the same',
                  (answer[36:48], answer[48:60]), (bytes(12), bytes(12)))
        tap.equal('no pad was used', second.received(hub), 0)
        hub.send(second.ack())
        # It is told when it is durable.
        tap.check('a message with a tag out of the ratchet: the seed is the same',
                  until(lambda: second.received(hub) == 32))
        hub.send(second.ack())
        tap.check('and another one', until(lambda: second.received(hub) == 64))
        key = second.seed
        second.seed = bytes(32)
        hub.send(second.ack())
        second.seed, second.offset = key, second.offset - 32
        tap.equal('one with a wrong tag moves nothing', second.received(hub), 64)
        tap.check('and the first use has spent the token',
                  until(lambda: token['token_id'] not in states()), states())
    tap.equal('which is answered by silence from then on', outcome(joiner), 'silence')
    tap.equal('and the leg stays', leg_at_hub('snake'), '%016x' % second.number)


# --- words between ---

def asked():
    token = made('asks', '--ask')
    joiner = Joiner(token['token'], 'asks')
    tap.equal('the operator is asked', outcome(joiner), 'alert 64')
    tap.equal('it is pending', states().get(token['token_id']), 'pending')
    tap.equal('and not enrolled', leg_at_hub('asks'), None)
    lab.hub(HUB, 'approve', token['token_id'])
    leg = outcome(joiner)
    tap.equal('approved: enrolled', leg_at_hub('asks'), leg)
    token = made('--group', 'g', '--ask')
    joiner = Joiner(token['token'], 'asks2')
    tap.equal('another one asks', outcome(joiner), 'alert 64')
    lab.hub(HUB, 'reject', token['token_id'])
    tap.equal('rejected', outcome(joiner), 'alert 65')


def refused():
    token = made('right')
    right = Joiner(token['token'], 'right')
    tap.equal('another name', outcome(Joiner(token['token'], 'wrong')), 'alert 68')
    right.peer.move_own(1)
    name = b'\5right'
    for what, blob in (('no blob', b''), ('another version', b'\2\2' + name),
                       ('another kind of leg', b'\1\1' + name), ('cut off', b'\1\2' + name[:-1]),
                       ('too long', b'\1\2' + name + b'\0'), ('no name', b'\1\2\0'),
                       ('what is no name', b'\1\2\5Right')):
        tap.equal(what, outcome(right, blob), 'alert 4')
    tap.equal('nobody is enrolled by those', leg_at_hub('right'), None)
    leg = outcome(right)
    tap.equal('the true name is', leg_at_hub('right'), leg)

    group = made('--group', 'shops')
    first = Joiner(group['token'], 'shop1')
    leg = outcome(first)
    tap.equal('a token of a group', leg_at_hub('shop1'), leg)
    other = Joiner(group['token'], 'shop2')
    other.peer.restore(first.peer.backup())
    tap.equal('is bound to the first name', outcome(other), 'alert 68')
    taken = Joiner(made('--group', 'shops')['token'], 'shop1')
    tap.equal('a name that is enrolled', outcome(taken), 'alert 69')
    lab.hub(HUB, 'ban', 'shop1')
    tap.equal('a name that is banned', outcome(taken), 'alert 70')


def strangers():
    token = made('true')
    for what, changed in (('another secret', {'secret': os.urandom(32).hex()}),
                          ('another token', {'id': os.urandom(16).hex()}),
                          ('another hub', {'hub_id': os.urandom(16).hex()})):
        tap.equal(what + ': silence', outcome(Joiner(token['token'], 'true', **changed)), 'silence')
    true = Joiner(token['token'], 'true')

    def unanswered(what, data):
        with true.connect() as hub:
            try:
                tap.check(what + ' ends the connection', False, name_of(hub.answer(data)))
            except Closed:
                tap.check(what + ' ends the connection', True)
    first = true.begin().first
    unanswered('a flipped bit in the id', first[:4] + bytes([first[4] ^ 1]) + first[5:])
    unanswered('an empty frame', b'')
    unanswered('a frame too long', first + bytes(1100))
    with true.connect() as hub:
        hub.send(first[:-1] + bytes([first[-1] ^ 1]))
        hub.send(true.peer.begin(None, P1, plain=b'').first)
        tap.equal('a flipped bit in the tag, and P1: only M1 after them is answered',
                  name_of(hub.answer(first)), 'M2')
    leg = outcome(true)
    tap.equal('and the true one joins', leg_at_hub('true'), leg)


def order():
    """Which of several refusals it is (7): rejected, name, member, approval."""
    lab.hub(HUB, 'ban', 'shop1')
    name = made('one')
    tap.equal('another name, which is enrolled: it is the name', outcome(
        Joiner(name['token'], 'agent1')), 'alert 68')
    asks = made('--group', 'g', '--ask')
    joiner = Joiner(asks['token'], 'shop1')
    tap.equal('a banned member is not asked for', outcome(joiner), 'alert 70')
    tap.equal('nor bound', states().get(asks['token_id']), 'open')
    good = Joiner(asks['token'], 'good')
    good.peer.restore(joiner.peer.backup())
    tap.equal('another one is', outcome(good), 'alert 64')
    lab.hub(HUB, 'reject', asks['token_id'])
    other = Joiner(asks['token'], 'other')
    other.peer.restore(good.peer.backup())
    tap.equal('rejected, whatever the name', outcome(other), 'alert 65')


def between():
    """What is refused between M1 and M3 gives no leg (7)."""
    token = made('late', '--ask')
    joiner = Joiner(token['token'], 'late')
    tap.equal('it asks', outcome(joiner), 'alert 64')
    lab.hub(HUB, 'approve', token['token_id'])
    begun = joiner.begin()
    with joiner.connect() as hub:
        third = begun.third(hub.answer(begun.first))
        lab.hub(HUB, 'reject', token['token_id'])
        try:
            begun.session(hub.answer(third))
            tap.check('rejected after M2: no leg', False)
        except (Alert, Closed):
            tap.check('rejected after M2: no leg', leg_at_hub('late') is None)


def limits():
    """How much a connection without a leg may be (4)."""
    true = Joiner(made('bounded')['token'], 'bounded')
    first = true.begin().first
    wrong = first[:-16] + bytes([first[-16] ^ 1]) + first[-15:]

    def closed(hub, data=None):
        try:
            return name_of(hub.answer(data) if data is not None else hub.receive())
        except Closed:
            return 'closed'
    with true.connect() as hub:
        for _ in range(15):
            hub.send(wrong)
        tap.equal('the 16th message is answered', closed(hub, first), 'M2')
        tap.equal('the 17th ends it', closed(hub, first), 'closed')
    with true.connect() as hub:
        hub.send(wrong)
        tap.equal('a packet of a leg is no message here', closed(hub, b'\1' + bytes(60)), 'closed')
    opened = [true.connect() for _ in range(65)]
    for hub in opened[:64]:
        hub.send(wrong)
    tap.equal('the 64th is served', closed(opened[63], first), 'M2')
    tap.equal('the 65th is not', closed(opened[64], first), 'closed')
    opened[0].socket.close()

    def served():
        with true.connect() as hub:
            return closed(hub, first) == 'M2'
    tap.check('but when another one is gone', until(served))
    tap.equal('each ends', [closed(hub) for hub in opened[1:63]], ['closed'] * 62)
    for hub in opened:
        hub.socket.close()
    with true.connect() as hub:
        began = time.monotonic()
        hub.send(wrong)
        said = closed(hub)
        took = time.monotonic() - began
        tap.check('after 10 seconds', said == 'closed' and 9 < took, took)


with Lab(hubs=2, threshold=2, agents=2, pad='64KiB') as lab:
    tap.run([tokens, joins, asked, refused, order, between, strangers, limits])
tap.end()
