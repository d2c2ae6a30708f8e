# SPDX-License-Identifier: Apache-2.0
"""distributed.md, section 14: key identifiers; and the batches of which keys are handed out."""

import hashlib
import time

from agent_messages import COUNTERS
from agent_packet import Refused, name, xor

NAMES = {1: 'computational', 2: 'its'}
FINGERPRINT = b'skex fingerprint/1'


def check_of(initiator, responder, located):
    digest = hashlib.sha256(b'skex key id/1' + name(initiator) + name(responder)
                            + (located << 2).to_bytes(13, 'big')).digest()
    return int.from_bytes(digest[:3], 'big') >> 4


def key_id(initiator, responder, instance, counter, offset, size):
    """The text of an identifier; offset and size in bytes."""
    located = ((instance << 42 | counter) << 12 | offset // 16) << 16 | size & 0xffff
    free = located << 20 | check_of(initiator, responder, located)
    bits = free >> 74 << 80 | 8 << 76 | (free >> 62 & 0xfff) << 64 | 2 << 62 | free & (1 << 62) - 1
    text = '%032x' % bits
    return '-'.join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def place_of(text, initiator, responder):
    """Instance, counter, offset and size; Refused when it is no identifier of these two."""
    if len(text) != 36 or [i for i, c in enumerate(text) if c == '-'] != [8, 13, 18, 23]:
        raise Refused('no UUID')
    try:
        bits = int(text.replace('-', ''), 16)
    except ValueError:
        raise Refused('no UUID') from None
    if bits >> 76 & 15 != 8 or bits >> 62 & 3 != 2:
        raise Refused('version or variant')
    free = bits >> 80 << 74 | (bits >> 64 & 0xfff) << 62 | bits & (1 << 62) - 1
    located = free >> 20
    if free & 0xfffff != check_of(initiator, responder, located):
        raise Refused('check')
    offset, size = (located >> 16 & 0xfff) * 16, located & 0xffff or 65536
    if offset + size > 65536:
        raise Refused('past the end')
    return located >> 70, located >> 28 & COUNTERS - 1, offset, size


def fingerprint(key):
    """What both ends may show of a key."""
    return hashlib.sha256(FINGERPRINT + key).digest()[:8].hex()


class Key:
    """One that is handed out."""

    def __init__(self, text, data, batch):
        self.id, self.data = text, data
        self.klass, self.confirmed = NAMES[batch['class']], batch['confirmed']
        self.interval = batch['interval']

    @property
    def fingerprint(self):
        return fingerprint(self.data)


class Pool:
    """The batches that an agent has, of both roles."""

    def __init__(self, agent):
        self.agent, self.store = agent, agent.store
        self.batches = agent.store.data['batches']

    def add(self, common, secrets, klass, confirmed, **more):
        """A batch; durable with the next commit."""
        made = {'initiator': common.initiator, 'responder': common.responder,
                'instance': common.instance, 'counter': common.counter,
                'profile': common.profile.hex(), 'purpose': common.purpose,
                'class': klass, 'confirmed': confirmed, 'life': self.agent.life,
                'expires': time.time() + common.lifetime_s, 'interval': None,
                'secrets': [s.hex() for s in secrets], 'used': [[] for _ in secrets], **more}
        self.batches.append(made)
        self.store.changed()
        return made

    def expire(self, now):
        kept = [b for b in self.batches if b['expires'] > now]
        if len(kept) != len(self.batches):
            self.batches[:] = kept
            self.store.changed()

    def of(self, initiator, responder, instance, counter):
        """The batch with this block, None when there is none."""
        return next((b for b in self.batches if (b['initiator'], b['responder'], b['instance'])
                     == (initiator, responder, instance)
                     and b['counter'] <= counter < b['counter'] + len(b['secrets'])), None)

    def spend(self, batch, i, offset, size):
        """The bytes of a place, once: they are erased here, durably, before they are handed out."""
        secret = bytes.fromhex(batch['secrets'][i])
        if offset + size > len(secret) or any(
                offset < o + -(-s // 16) * 16 and o < offset + size for o, s in batch['used'][i]):
            raise Refused('spent')
        data = secret[offset:offset + size]
        batch['secrets'][i] = xor(
            secret, bytes(offset) + data + bytes(len(secret) - offset - size)).hex()
        batch['used'][i].append([offset, size])
        self.store.changed()
        self.store.commit()
        return data

    def cut(self, peer, purpose, size, unit=16):
        """A fresh key towards a peer, None when there is none."""
        for batch in self.batches:
            if (batch['initiator'], batch['responder'], batch['purpose']) != (
                    self.agent.name, peer, purpose) or not self.agent.knows_its_state(batch):
                continue
            for i, secret in enumerate(batch['secrets']):
                end = max((o + s for o, s in batch['used'][i]), default=0)
                offset = -(-end // unit) * unit
                if offset + size <= len(secret) // 2:
                    text = key_id(self.agent.name, peer, batch['instance'], batch['counter'] + i,
                                  offset, size)
                    return Key(text, self.spend(batch, i, offset, size), batch)
        return None

    def fetch(self, initiator, purpose, text, unconfirmed=False):
        """A key that an initiator handed out; Refused when there is none."""
        instance, counter, offset, size = place_of(text, initiator, self.agent.name)
        batch = self.of(initiator, self.agent.name, instance, counter)
        if not batch or batch['purpose'] != purpose:
            raise Refused('unknown')
        if not batch['confirmed'] and not unconfirmed or not self.agent.knows_its_state(batch):
            raise Refused('not yet')
        return Key(text, self.spend(batch, counter - batch['counter'], offset, size), batch)
