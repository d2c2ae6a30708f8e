# SPDX-License-Identifier: Apache-2.0
"""distributed.md, sections 6.1 to 6.3: pads, and the marks of the sender and the receiver."""

from dataclasses import dataclass

from agent_kit import ENDLESS, RATCHET, Ratchet
from agent_messages import TO_AGENT, TO_HUB
from agent_packet import Position, Refused, Replay

STRIDE = 1 << 14      # bytes that are reserved at a time
FLIGHT = 1 << 17      # bytes that can have been in flight (6.4, Going on)
WRONG_MOST = 1 << 20  # wrong one-time tags of a generation
WRONG_STRIDE = 64     # of which so many may be computed before the count is written again


class Exhausted(Refused):
    """A range outside the pad, or no pad."""


class Paused(Refused):
    """Too many wrong tags; or too much would have to be computed for one."""


@dataclass
class Range:
    """Of the sender's pad: the tag key, and what follows it."""

    at: Position
    data: bytes

    @property
    def key(self):
        return self.data[:32]

    @property
    def rest(self):
        return self.data[32:]


class Pads:
    """The bytes of both directions of a leg (6.1). row is what the store has of the leg."""

    def __init__(self, store, row):
        self.store, self.row, self.number = store, row, row['leg']
        self.ratchets = {tuple(map(int, name.split('-'))): Ratchet(bytes.fromhex(key), at)
                         for name, (key, at) in row.get('ratchets', {}).items()}

    def size(self, direction, generation):
        """None when the generation is not here."""
        if self.row['pad_kind'] == RATCHET:
            return None if generation else ENDLESS
        return self.row['sizes'].get(str(generation), [None, None])[direction]

    def ratchet(self, direction, generation):
        return self.ratchets[direction, generation]

    def read(self, direction, at, size):
        if self.row['pad_kind'] == RATCHET:
            return self.ratchet(direction, at.generation).bytes(at.offset, size)
        return self.store.read_pad(self.number, direction, at, size)

    def erase(self, direction, begin, end):
        """What is spent; to be called when that is durable."""
        if self.row['pad_kind'] == RATCHET:
            ratchet = self.ratchet(direction, end.generation)
            ratchet.step(end.offset)
            # What is stored may lag behind: it goes with the next commit.
            self.row['ratchets']['%d-%d' % (direction, end.generation)] = [ratchet.key.hex(),
                                                                           ratchet.at]
        elif begin.generation == end.generation and begin < end:
            self.store.erase_pad(self.number, direction, begin, end.offset - begin.offset)


class SendPad:
    """The sender's marks (6.2)."""

    def __init__(self, pads, row, store):
        self.pads, self.row, self.store = pads, row, store
        self.next = self.reserved      # what was reserved and not used is burnt

    @property
    def reserved(self):
        return Position(*self.row['reserved'])

    def place(self, size):
        """Where the next message goes; Exhausted when there is no room."""
        at = self.next
        here = self.pads.size(TO_HUB, at.generation)
        if here is None or at.offset + size > here:
            at = Position(at.generation + 1, 0)
            here = self.pads.size(TO_HUB, at.generation)
            if here is None or size > here:
                raise Exhausted('pad to the hub')
        return at, here

    def fits(self, size):
        try:
            self.place(size)
        except Exhausted:
            return False
        return True

    def jump(self, mark):
        """The larger of both views, and beyond it what can have been in flight; False: no room."""
        mark = max(mark, self.next)
        here = self.pads.size(TO_HUB, mark.generation)
        if here is None or mark.offset > here:
            return False
        if mark.offset + FLIGHT <= here:
            mark = mark.plus(FLIGHT)
        else:
            mark = Position(mark.generation + 1, FLIGHT)
            here = self.pads.size(TO_HUB, mark.generation)
            if here is None or here < FLIGHT:
                return False
        self.next = mark
        self.row['reserved'] = [mark.generation, mark.offset]
        self.store.changed()
        return True

    def take(self, size):
        """A range, which is used once; the message leaves after the next commit."""
        at, here = self.place(size)
        end = at.plus(size)
        if end > self.reserved:
            self.row['reserved'] = [end.generation, min(end.offset + STRIDE, here)]
            self.store.changed()
        self.next = end
        taken = Range(at, self.pads.read(TO_HUB, at, size))
        self.store.after(lambda: self.pads.erase(TO_HUB, at, end))
        return taken


class ReceivePad:
    """The receiver's mark (6.3). Ranges may be held: then the durable mark stays before them."""

    def __init__(self, pads, row, store):
        self.pads, self.row, self.store = pads, row, store
        self.mark, self.held = self.durable, []
        self.erased = self.mark
        self.wrong = dict(row['wrong'])
        self.allow_wrong()

    @property
    def durable(self):
        """The mark that is told: all before it is used or burnt, after a crash too."""
        return Position(*self.row['mark'])

    def allow_wrong(self):
        """Some wrong tags are counted before they come (6.3, the count of wrong tags)."""
        generation = str(self.mark.generation)
        counted = self.wrong.setdefault(generation, 0)
        if self.row['wrong'].get(generation, 0) - counted < WRONG_STRIDE // 2:
            self.row['wrong'][generation] = counted + WRONG_STRIDE
            self.store.changed()

    def check(self, at, size):
        """The conditions of 6.3; the bytes of the range."""
        generation = str(at.generation)
        counted = self.wrong.get(generation, 0)
        if counted >= WRONG_MOST or counted >= self.row['wrong'].get(generation, WRONG_STRIDE):
            raise Paused('wrong tags')
        here = self.pads.size(TO_AGENT, at.generation)
        if at.generation < self.mark.generation:
            raise Replay('generation')
        if here is None:
            raise Exhausted('generation')
        if at < self.mark:
            raise Replay('range')
        if at.offset + size > here:
            raise Exhausted('range')
        if self.pads.row['pad_kind'] == RATCHET:
            ratchet = self.pads.ratchet(TO_AGENT, at.generation)
            skipped = max(0, at.offset - self.mark.offset) // 1024
            if not ratchet.may_skip(skipped):
                raise Paused('segments')
        return self.pads.read(TO_AGENT, at, size)

    def count_wrong(self, at):
        generation = str(at.generation)
        self.wrong[generation] = self.wrong.get(generation, 0) + 1
        self.allow_wrong()

    def move(self, end):
        """The tag of a range was right."""
        if end.generation != self.mark.generation:
            self.mark = end
            self.allow_wrong()
        self.mark = end
        self.settle()

    def jump(self, mark):
        """The larger of both views; False when it is not here."""
        here = self.pads.size(TO_AGENT, mark.generation)
        if mark > self.mark:
            if here is None or mark.offset > here:
                return False
            self.held = []
            self.move(mark)
        return True

    def hold(self, at):
        self.held.append(at)

    def release(self, at):
        if at in self.held:
            self.held.remove(at)
            self.settle()

    def settle(self):
        durable = min(self.held + [self.mark])
        if durable > self.durable:
            self.row['mark'] = [durable.generation, durable.offset]
            self.store.changed()
            self.store.after(self.erase)

    def erase(self):
        begin, self.erased = self.erased, self.durable
        self.pads.erase(TO_AGENT, begin, self.erased)
