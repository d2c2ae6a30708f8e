# SPDX-License-Identifier: Apache-2.0
"""distributed.md, section 12: the responder: shares that gather, and what comes of them."""

import hmac
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from agent_block import combine, on_polynomial, vectors
from agent_messages import BY_INITIATOR, BY_RESPONDER, QUOTA, Confirm
from agent_packet import xor

DEADLINE = 45.0   # seconds
RANGES = 32       # of spent counters
LEFT = 8          # instances that are remembered
LATE = 5.0        # seconds after the acceptance in which a share still comes
AWAY = 4          # accepted batches without a share of a connected hub (12.4)


class Spent:
    """Counters of initiators that are over (12.2)."""

    def __init__(self, store):
        self.store, self.rows = store, store.data['spent']

    def is_spent(self, common, count):
        row = self.rows.get(common.initiator)
        if not row:
            return False
        if common.instance in row['left']:
            return True
        return common.instance == row['instance'] and any(
            a < common.counter + count and common.counter < b for a, b in row['ranges'])

    def spend(self, common, count):
        row = self.rows.setdefault(common.initiator,
                                   {'instance': common.instance, 'left': [], 'ranges': []})
        if row['instance'] != common.instance:
            row['left'] = (row['left'] + [row['instance']])[-LEFT:]
            row['instance'], row['ranges'] = common.instance, []
        merged = []
        for a, b in sorted(row['ranges'] + [[common.counter, common.counter + count]]):
            if merged and a <= merged[-1][1]:
                merged[-1][1] = max(b, merged[-1][1])
            else:
                merged.append([a, b])
        while len(merged) > RANGES:      # a gap is given up, and counts as spent
            merged[:2] = [[merged[0][0], merged[1][1]]]
        row['ranges'] = merged
        self.store.changed()


@dataclass
class Member:
    """What one hub brought."""

    leg: object
    at: object
    blocks: list
    stamp_ms: int


@dataclass
class Group:
    """Shares that agree on C, m and the secret tags (12.2)."""

    share: object
    profile: object
    deadline: float
    members: dict = field(default_factory=dict)   # by index
    state: str = 'GATHERING'
    bases: list = None                            # k shares of each block, when it is accepted
    judged_at: float = None
    batch: dict = None                            # what the pool has of it then
    off: set = field(default_factory=set)         # indices that are inconsistent

    @property
    def common(self):
        return self.share.common

    def overlaps(self, other):
        one, two = self.common, other.common
        return (one.initiator, one.instance) == (two.initiator, two.instance) and \
            one.counter < two.counter + len(other.share.tags) and \
            two.counter < one.counter + len(self.share.tags)


class Responder:
    """All groups of an agent."""

    def __init__(self, agent):
        self.agent, self.store = agent, agent.store
        self.groups, self.spent = {}, Spent(agent.store)
        self.tried = defaultdict(set)      # hubs that brought a candidate for a confirmation
        self.missing = Counter()           # accepted batches in a row without a share of a hub
        self.suspects = set()              # hubs that were inconsistent

    # --- shares ---

    def why_not(self, share, leg):
        """The conditions of 12.1: why a share is dropped and reported."""
        common, agent = share.common, self.agent
        peer = agent.peers.get(common.initiator)
        profile = agent.profile_of(common.profile) if peer else None
        if common.responder != agent.name:
            return 'for another agent'
        if not profile or profile.name not in peer.profiles:
            return 'no such peer or profile'
        if (profile.n, profile.k) != (common.n, common.k):
            return 'n and k'
        if leg.hub not in profile.hubs:
            return 'hub of another profile'
        if not peer.accepts(common.purpose):
            return 'purpose'
        if min(common.klass, agent.class_of(profile)) < agent.class_required:
            return 'class'
        return ''

    def hear(self, share, at, body, key, leg):
        """SHARE: an authentic one, whose range is held."""
        common, count = share.common, len(share.tags)
        why = self.why_not(share, leg)
        if why:
            self.agent.event('share_refused', common.initiator, leg.hub, why)
            leg.receiving.release(at)
            return
        profile = self.agent.profile_of(common.profile)
        index = profile.index(leg.hub)
        member = Member(leg, at, vectors(xor(body, key), count, common.secret_size),
                        share.stamp_ms)
        group = self.groups.get(share.identity())
        if group and index in group.members:
            leg.receiving.release(at)
        elif group and group.state != 'GATHERING':
            self.late(group, index, member)
        elif self.spent.is_spent(common, count) or self.known_through(share, index):
            leg.receiving.release(at)
            for other in self.groups.values():
                if other.state != 'GATHERING' and other.overlaps(Group(share, profile, 0)) \
                        and index not in other.members:
                    other.members[index] = member
                    self.name(other, {index})
        elif self.agent.unconfirmed(common.initiator) >= self.agent.bound:
            leg.refuse(at, QUOTA)
            leg.receiving.release(at)
            self.agent.event('share_refused', common.initiator, leg.hub, 'too much unconfirmed')
        else:
            group = self.groups.setdefault(
                share.identity(), Group(share, profile, time.monotonic() + DEADLINE))
            group.members[index] = member
            self.try_to_accept(group)

    def known_through(self, share, index):
        """Whether this hub brought another share for the same batch."""
        asked = Group(share, None, 0)
        return any(index in group.members and group.common.counter == asked.common.counter
                   and group.overlaps(asked) for group in self.groups.values())

    def try_to_accept(self, group):
        if len(group.members) < group.profile.k:
            return
        results, off, bases = [], set(), []
        for b, tag in enumerate(group.share.tags):
            points = {i: m.blocks[b] for i, m in group.members.items()}
            found = combine(group.profile.k, points, tag,
                            {i for i in points if group.profile.hub(i) in self.suspects})
            if not found:
                return
            results.append(found[0])
            off |= found[1]
            bases.append({i: points[i] for i in [i for i in points if i not in found[1]]
                          [:group.profile.k]})
        group.state, group.bases, group.off = 'COMMITTING', bases, off
        self.accept(group, results)
        self.name(group, off)
        for other in list(self.groups.values()):
            if other is not group and other.overlaps(group):
                self.name(other, set(other.members) - set(group.members))
                self.drop(other)
        group.judged_at = time.monotonic() + LATE

    def accept(self, group, results):
        """One commit: ranges, secrets, both confirmations, spent counters (12.3)."""
        common, tags = group.common, group.share.tags
        own = self.agent.class_of(group.profile)
        pairs = [v.confirmations(common.of_block(b), tags[b], own) for b, v in enumerate(results)]
        group.batch = self.agent.pool.add(
            common, [v.secret for v in results], min(common.klass, own), False,
            expected=[p[1].hex() for p in pairs], interval=interval(group))
        self.spent.spend(common, len(tags))
        answer = Confirm(BY_RESPONDER, common.initiator, common.responder, common.instance,
                         common.counter, own, [p[0] for p in pairs])
        self.agent.confirms.add(answer, group.profile, [m.leg.hub for m in group.members.values()],
                                time.time() + common.lifetime_s)
        for member in group.members.values():
            member.leg.receiving.release(member.at)

        def durable():
            group.state = 'ACCEPTED'
        self.store.after(durable)

    def late(self, group, index, member):
        """SHARE later: held against the polynomial of each block, and dropped."""
        member.leg.receiving.release(member.at)
        group.members[index] = member
        if any(on_polynomial({index: data}, base)
               for data, base in zip(member.blocks, group.bases)):
            group.off.add(index)
            self.name(group, {index})
        group.batch['interval'] = interval(group)
        self.store.changed()

    def name(self, group, indices):
        """Section 12.4: reported, and nothing else is done about it."""
        for i in sorted(indices):
            hub = group.profile.hub(i)
            self.suspects.add(hub)
            self.agent.event('inconsistent_share', group.common.initiator, hub)

    def judge(self, group):
        """Who brought no share of an accepted batch, also not later."""
        group.judged_at = None
        for i, hub in enumerate(group.profile.hubs, 1):
            leg = self.agent.legs.get(hub)
            if i in group.members:
                self.missing[hub] = 0
            elif leg and leg.up:
                self.missing[hub] += 1
                if self.missing[hub] == AWAY:
                    self.agent.event('hub_unreachable', group.common.initiator, hub)

    def drop(self, group):
        for member in group.members.values():
            member.leg.receiving.release(member.at)
        self.groups.pop(group.share.identity(), None)

    def tick(self, now):
        for group in [g for g in self.groups.values() if g.judged_at and now > g.judged_at]:
            self.judge(group)
        for group in [g for g in self.groups.values() if now > g.deadline]:
            if group.state == 'GATHERING':
                if len(group.members) >= group.profile.k:    # what fewer say spends nothing
                    self.spent.spend(group.common, len(group.share.tags))
                self.agent.event('block_failed', group.common.initiator, '')
            self.drop(group)

    # --- confirmations ---

    def confirm(self, confirm, leg):
        """CONFIRM: a CONF_AB for exactly one batch; a hub brings one candidate."""
        batch = self.agent.pool.of(confirm.initiator, self.agent.name, confirm.instance,
                                   confirm.counter)
        if confirm.which != BY_INITIATOR or confirm.responder != self.agent.name or not batch or \
                batch['counter'] != confirm.counter or batch['confirmed'] or \
                len(batch['secrets']) != len(confirm.tags):
            return
        tried = self.tried[confirm.initiator, confirm.instance, confirm.counter]
        if leg.hub in tried:
            return
        tried.add(leg.hub)
        if not hmac.compare_digest(''.join(batch['expected']).encode(),
                                   b''.join(confirm.tags).hex().encode()):
            self.agent.event('bad_confirmation', confirm.initiator, leg.hub)
            return
        batch['confirmed'] = True
        self.store.changed()
        self.agent.confirms.over(confirm)


def interval(group):
    """Section 12.5: earliest and latest, None when they are not known."""
    k = group.profile.k
    stamps = sorted(m.stamp_ms for i, m in group.members.items() if i not in group.off)
    return [stamps[k - 1], stamps[-k]] if len(stamps) >= 2 * k - 1 else None


