# SPDX-License-Identifier: Apache-2.0
"""distributed.md, section 10: the initiator's machine for one batch."""

import hmac
import time

from agent_block import Vector, split, vectors
from agent_messages import BY_INITIATOR, BY_RESPONDER, EXTRA, TAG_KEY, Confirm, Share
from agent_packet import Refused

DEADLINE = 30.0   # seconds


class Run:
    """States are those of the table; what has no row changes nothing."""

    def __init__(self, agent, profile, common, count):
        self.agent, self.profile, self.common, self.count = agent, profile, common, count
        self.state, self.deadline = 'NEW', time.monotonic() + DEADLINE
        self.members, self.refused, self.tried = {}, {}, set()
        self.why = ''

    # --- events ---

    def start(self):
        """START: pads are there: split. The counters were claimed."""
        size = TAG_KEY + self.count * (EXTRA + self.common.secret_size)
        self.members = {i: leg for i, leg in self.agent.legs_of(self.profile).items()
                        if leg.room(size)}
        if len(self.members) < self.profile.k:
            self.fail('too few hubs can be reached')
            return
        taken = {i: leg.sending.take(size) for i, leg in self.members.items()}
        whole, _, bodies = split(self.profile.k, {i: r.rest for i, r in taken.items()})
        self.blocks = [Vector(v) for v in vectors(whole, self.count, self.common.secret_size)]
        self.tags = [block.secret_tag() for block in self.blocks]
        self.state = 'SHARING'
        share = Share(self.common, self.tags)
        for i, leg in self.members.items():
            leg.send(self.altered(share, i), self.result(i), taken[i], bodies[i])

    def altered(self, share, _):
        """What is sent to a hub: the same for all, unless a test makes it another."""
        return share

    def result(self, i):
        def told(status):
            if status > 0 and self.state == 'SHARING':
                self.refused[i] = status
                if len(self.members) - len(self.refused) < self.profile.k:
                    self.fail('refused by hubs')
        return told

    def hear(self, confirm, i):
        """CONFIRM: through the hub of index i."""
        common = self.common
        if self.state != 'SHARING' or i not in self.members or i in self.tried or (
                confirm.which, confirm.initiator, confirm.responder, confirm.instance,
                confirm.counter, len(confirm.tags)) != (
                    BY_RESPONDER, common.initiator, common.responder, common.instance,
                    common.counter, self.count):
            return
        self.tried.add(i)
        pairs = [block.confirmations(common.of_block(b), self.tags[b], confirm.klass)
                 for b, block in enumerate(self.blocks)]
        if not hmac.compare_digest(b''.join(p[0] for p in pairs), b''.join(confirm.tags)):
            self.agent.event('bad_confirmation', common.responder, self.members[i].hub)
            return
        self.state = 'COMMITTING'
        klass = min(common.klass, confirm.klass)
        self.agent.pool.add(common, [block.secret for block in self.blocks], klass, True)
        answer = Confirm(BY_INITIATOR, common.initiator, common.responder, common.instance,
                         common.counter, 0, [p[1] for p in pairs])
        self.blocks = None
        self.agent.confirms.add(answer, self.profile, [leg.hub for leg in self.members.values()],
                                time.time() + common.lifetime_s)
        self.agent.store.after(self.durable)

    def durable(self):
        """DURABLE: the confirmation leaves (agent_confirms.py), the secret may be used."""
        self.state = 'DONE'

    def tick(self, now):
        if self.state in ('NEW', 'SHARING') and now > self.deadline:
            self.fail('no confirmation in time')

    def fail(self, why):
        """DROP."""
        self.state, self.why, self.blocks = 'FAILED', why, None
        self.agent.event('block_failed', self.common.responder, '')

    @property
    def over(self):
        return self.state in ('DONE', 'FAILED')


def check_sizes(count, secret_size):
    if not 1 <= count <= 256 or secret_size % 16 or not 16 <= secret_size <= 65536 or \
            count * (EXTRA + secret_size) > 1 << 20:
        raise Refused('sizes')
