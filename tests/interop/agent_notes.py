# SPDX-License-Identifier: Apache-2.0
"""distributed.md, section 13: notes; and how they and confirmations are kept until they arrived."""

import os
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent_keys import place_of
from agent_messages import PADDED, Confirm, Note
from agent_packet import Forged, Reader, Refused

PURPOSE = 'skex:note'
NOTE_KEY = 64
TEXT_MOST = 256
PAUSE, PAUSE_MOST = 2.0, 540.0    # seconds, after a refusal


# --- what goes through several hubs, until k have it ---

class Kept:
    """The fields of a CONFIRM or NOTE; what is sent again is the same fields."""

    def __init__(self, agent, row):
        self.agent, self.row, self.pause, self.again = agent, row, PAUSE, {}
        self.under_way = set()     # hubs

    @property
    def message(self):
        row = self.row
        return PADDED[row['kind']].read(Reader(bytes.fromhex(row['fields'])), 0, 0)

    def send(self, now):
        for hub in self.row['hubs']:
            leg = self.agent.legs.get(hub)
            if hub in self.row['accepted'] or hub in self.under_way or not leg or \
                    not leg.room(32) or self.again.get(hub, 0) > now:
                continue
            self.under_way.add(hub)
            leg.send(self.message, self.result(hub))

    def result(self, hub):
        def told(status):
            self.under_way.discard(hub)
            if status == 0 and hub not in self.row['accepted']:
                self.row['accepted'].append(hub)
            elif status > 0:
                if hub in self.row['accepted']:
                    self.row['accepted'].remove(hub)
                self.row['refused'] = status
                self.again[hub] = time.monotonic() + self.pause
                self.pause = min(PAUSE_MOST, 2 * self.pause)
            self.agent.store.changed()
        return told

    @property
    def done(self):
        return len(self.row['accepted']) >= self.row['k']


class Outbox:
    """All that is kept; over a restart too."""

    def __init__(self, agent):
        self.agent, self.rows = agent, agent.store.data['outbox']
        self.kept = [Kept(agent, row) for row in self.rows]

    def add(self, message, profile, hubs, until, kind=17):
        row = {'kind': kind, 'fields': message.encode().hex(), 'hubs': list(hubs),
               'accepted': [], 'refused': 0, 'k': profile.k, 'until': until}
        self.rows.append(row)
        made = Kept(self.agent, row)
        self.kept.append(made)
        self.agent.store.changed()
        return made

    def tick(self, now):
        for kept in list(self.kept):
            if kept.done or kept.row['until'] < time.time():
                self.remove(kept)
            else:
                kept.send(now)

    def remove(self, kept):
        self.kept.remove(kept)
        self.rows.remove(kept.row)
        self.agent.store.changed()

    def over(self, confirm):
        """The other end has answered: what it answers need not be sent any more."""
        for kept in [k for k in self.kept if k.row['kind'] == 17]:
            own = kept.message
            if isinstance(own, Confirm) and own.which != confirm.which and (
                    own.initiator, own.instance, own.counter) == (
                        confirm.initiator, confirm.instance, confirm.counter):
                self.remove(kept)


# --- notes ---

def seal_note(key, message, text):
    """The associated data is the fields up to the note id; a key seals one note."""
    return AESGCM(key[:32]).encrypt(bytes(12), text, message.associated())


def open_note(key, message):
    try:
        return AESGCM(key[:32]).decrypt(bytes(12), message.sealed, message.associated())
    except InvalidTag:
        raise Forged('note') from None


def make_note(agent, peer, key, text):
    """A note under a key that was taken from the pool, durably."""
    message = Note(agent.name, peer, bytes.fromhex(key.id.replace('-', '')), os.urandom(16), b'')
    message.sealed = seal_note(key.data, message, text)
    return message


class Recipient:
    """Notes that come in."""

    def __init__(self, agent):
        self.agent, self.notes = agent, []      # sender and text

    def hear(self, note, leg):
        """The rules 2 to 4 of section 13."""
        agent, text = self.agent, note.key_id.hex()
        text = '-'.join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
        try:
            if note.recipient != agent.name or note.sender not in agent.peers:
                raise Refused('for another one')
            instance, counter, offset, size = place_of(text, note.sender, agent.name)
            batch = agent.pool.of(note.sender, agent.name, instance, counter)
            if not batch or batch['purpose'] != PURPOSE or offset % NOTE_KEY or size != NOTE_KEY \
                    or not agent.knows_its_state(batch):
                raise Refused('no such key')
            i = counter - batch['counter']
            key = bytes.fromhex(batch['secrets'][i])[offset:offset + size]
            if len(key) != size or [offset, size] in batch['used'][i]:
                raise Refused('used')
            opened = open_note(key, note)
            agent.pool.spend(batch, i, offset, size)
        except Refused as error:
            agent.event('note_refused', note.sender, leg.hub, str(error))
            return
        self.notes.append((note.sender, opened))
