# SPDX-License-Identifier: Apache-2.0
"""What the pairwise mode carries and seals, and what of it and of its messages is refused.

A row of a message is refused at the point where the run of the first whole row expects it; why is
the reason of the document: sections 6, 5 and 7 in this order.
"""

import copy

from armour import PAIR, line_of
from pairwise_carried import Batch, Credential, bits_of, fields, psk_of, word_of, words_of
from pairwise_math import (
    ACKREQ, ALLOWED, K1, M1, M3, ONEPASS, P1, PAD, R1, R2, Association, Refused, Run, r1, r2,
    read_r1, read_r2, split, tlv, u8, u16)

PSK = bytes(range(32))
CODES = {'M': M1, 'K': K1, 'P': P1}


def reason(take, *args):
    """Why something is refused, or None."""
    try:
        take(*args)
    except Refused as error:
        return str(error)
    return None


def association(row, ids=(b'node-0', b'node-1')):
    return Association(PSK, *ids, b'\x01', row['d'], b'test')


# --- messages ---

class Place:
    """Where a message is expected: the run just before it, and the message itself."""

    def __init__(self, row, kind):
        self.row, self.kind, self.step = row, kind, int(kind[1]) - 1
        self.a, self.r, self.i = association(row), row['r'], int(row['i'], 16)
        self.leaf, self.all = bytes.fromhex(row['leaf']), row['m']
        if kind[0] == 'K':
            again = row['rekey']
            self.r, self.i = again['requester'], again['attempt']
            self.leaf, self.all = bytes.fromhex(again['leaf']), again['k']
        elif kind[0] == 'P':
            self.all = [row['push']['p1']]
        self.all = [bytes.fromhex(x) for x in self.all]
        self.true = self.all[self.step]
        self.run = self.other()
        self.code = self.run.first + self.step

    def other(self, ac=None, r=None, i=None, leaf=None):
        """The run, or one that differs in this, with all that comes before the message."""
        run = Run(ac or self.a.ac, leaf or self.leaf, self.r if r is None else r,
                  self.i if i is None else i, CODES[self.kind[0]])
        for message in self.all[:self.step]:
            self.write(run, split(message))
        return run

    def write(self, run, m):
        """The message that this one is, written by another run; what it has sealed is its own."""
        step, plain = m.kind - run.first, self.plain(m)
        if step < 2:
            return (run.one, run.two)[step](m.nonce, plain, m.flags)
        return (run.three, run.four)[step - 2](plain, m.flags)

    def plain(self, m):
        if self.kind[0] == 'K':
            return b''
        if self.kind[0] == 'P':
            return bytes.fromhex(self.row['push']['plain'])
        return bytes.fromhex(self.row['plain'][m.kind - M1])

    def seal(self, plain, flags=0):
        run, nonce = copy.copy(self.run), split(self.true).nonce
        write = (run.one, run.two, run.three, run.four)[self.step]
        return write(*((nonce,) if nonce else ()), plain, flags)

    def take(self, data):
        m = split(data)
        if m.kind != self.code:
            raise Refused('not authentic')
        fields(copy.copy(self.run).read(data), m.flags)


class Resync:
    """The same of R1 and R2, which stand alone."""

    def __init__(self, row, kind):
        self.row, self.a, self.r = row, association(row), row['r']
        self.nonce = bytes.fromhex(row['na' if kind == 'R1' else 'nb'])
        self.ask = bytes.fromhex(row['recovery']['r1'])
        self.true = bytes.fromhex(row['recovery'][kind.lower()])
        self.number = int(row['i'] if kind == 'R1' else row['recovery']['target'], 16)
        self.kind, self.code = kind, R1 if kind == 'R1' else R2

    def make(self, a, r, ask):
        lane = self.row['lane']
        if self.kind == 'R1':
            return r1(a.recovery(lane), a.ac, r, self.nonce, self.number)
        return r2(a.recovery(lane), a.ac, r, ask, self.nonce, self.number)

    def take(self, data):
        if split(data).kind != self.code:
            raise Refused('not authentic')
        rec = self.a.recovery(self.row['lane'])
        if self.kind == 'R1':
            read_r1(rec, self.a.ac, self.r, data)
        else:
            read_r2(rec, self.a.ac, self.r, self.ask, data)


def put(data, at, value):
    return data[:at] + value + data[at + len(value):]


def flip(data, at):
    return put(data, at, u8(data[at] ^ 1))


def resized(data, change):
    """One byte of the sealed part more or less, and n such."""
    size = int.from_bytes(data[2:4], 'big') + change
    return put(data[:-16] + b'\0' if change > 0 else data[:-17], 2, u16(size)) + data[-16:]


def changed(true, code):
    """Of any message."""
    yield 'a bit of the type', put(true, 0, u8(true[0] ^ 8))
    yield 'version 0', put(true, 0, u8(code))
    yield 'version 2', put(true, 0, u8(0x20 | code))
    for kind in (0, 7, 8, 14, 15):
        yield 'type %d' % kind, put(true, 0, u8(0x10 | kind))
    for bit in range(8):
        yield 'flag %d turned' % (1 << bit), put(true, 1, u8(true[1] ^ 1 << bit))
    yield 'the first bit of the id', put(true, 4, u8(true[4] ^ 128))
    yield 'the last bit of the id', flip(true, 11)
    if code not in (M3, M3 + 1, K1 + 2, K1 + 3):
        yield 'the first bit of the nonce', put(true, 12, u8(true[12] ^ 128))
        yield 'the last bit of the nonce', flip(true, 27)
    if len(true) > 44:
        yield 'the last bit that is sealed', flip(true, len(true) - 17)
    yield 'the first bit of the tag', put(true, len(true) - 16, u8(true[-16] ^ 128))
    yield 'the last bit of the tag', flip(true, len(true) - 1)
    yield 'a tag of zeros', true[:-16] + bytes(16)
    yield 'nothing', b''
    yield 'one byte', true[:1]
    yield 'the header alone', true[:4]
    yield 'without tag', true[:-16]
    yield 'a byte less', true[:-1]
    yield 'a byte more', true + b'\0'
    yield 'n one more than there is', put(true, 2, u16((true[2] << 8 | true[3]) + 1))
    if true[2:4] != b'\0\0':
        yield 'n one less than there is', put(true, 2, u16((true[2] << 8 | true[3]) - 1))
        yield 'a byte of the sealed part less', resized(true, -1)
    yield 'a byte of the sealed part more', resized(true, 1)


def of_runs(place):
    """Of the messages of a run: such as another run would have, and such as hold what they must
    not."""
    def by(**other):
        return place.write(place.other(**other), split(place.true))

    yield 'of an association with other identities', by(
        ac=association(place.row, (b'node-0', b'node-2')).ac)
    yield 'of the other direction', by(r=1 - place.r)
    yield 'of another index', by(i=place.i + 1)
    yield 'of another leaf', by(leaf=bytes(32))
    if place.step:
        first = place.other()
        first.one(bytes(16))
        for message in place.all[1:place.step]:
            place.write(first, split(message))
        yield 'behind another first message', place.write(first, split(place.true))
    yield '1,025 sealed bytes', place.seal(tlv(0x7f, bytes(255)) * 3 + tlv(0x7f, bytes(252)))
    yield 'sealed: a field out of order', place.seal(tlv(11, b'b') + tlv(1, b'c'))
    yield 'sealed: a field twice', place.seal(tlv(11, b'b') + tlv(11, b'b'))
    yield 'sealed: a critical field that is not known', place.seal(tlv(0x80 | 99, b''))
    yield 'sealed: a field that is cut off', place.seal(tlv(11, b'blob')[:-1])
    yield 'sealed: no padding, with the flag PAD', place.seal(tlv(11, b'b'), PAD)
    yield 'sealed: padding, without the flag PAD', place.seal(tlv(11, b'b') + tlv(12, b'\0'))
    if ALLOWED[place.code] & ACKREQ == 0:
        yield 'with the flag ACKREQ, authentic', place.seal(b'', ACKREQ)
    if place.code != P1:
        yield 'with the flag ONEPASS, authentic', place.seal(b'', ONEPASS)


def of_resync(place):
    other = association(place.row, (b'node-0', b'node-2'))
    yield 'of an association with other identities', place.make(other, place.r, place.ask)
    yield 'of the other direction', place.make(place.a, 1 - place.r, place.ask)
    if place.kind == 'R2':
        yield 'for another R1', place.make(place.a, place.r, flip(place.ask, 51))
    yield 'a bit of the index', flip(place.true, 35)


def messages(row):
    made = []
    for kind in ('M1', 'M2', 'M3', 'M4', 'K1', 'K2', 'K3', 'K4', 'P1', 'R1', 'R2'):
        place = Resync(row, kind) if kind[0] == 'R' else Place(row, kind)
        assert reason(place.take, place.true) is None, kind
        more = of_resync if kind[0] == 'R' else of_runs
        for what, data in list(changed(place.true, place.code)) + list(more(place)):
            made.append({'what': what, 'message': kind, 'bytes': data.hex(),
                         'why': reason(place.take, data)})
    return made


# --- what is sealed ---

def good_payloads():
    yield 'nothing', False, b'', b''
    every = (tlv(1, b'c') + tlv(2, bytes(8)) + tlv(3, b'\x01') + tlv(4, b'\x02') + tlv(5, b'e')
             + tlv(6, b'd') + tlv(0x87, b'\0\0\0\x01') + tlv(8, b'\0\0\0\x02') + tlv(9, b'g')
             + tlv(10, b'\xff') + tlv(11, b''))
    last = tlv(13, b'k') + tlv(14, bytes(7) + b'\x09')
    yield 'every field, at its least', False, every + last, every + last
    large = tlv(1, b'c' * 32) + tlv(3, bytes(range(16)))
    large += tlv(11, b'b' * 255) + tlv(13, b'k' * 255)
    yield 'fields at their most', False, large, large
    yield 'padding alone', True, tlv(12, b''), b''
    yield 'padding twice, behind a higher type', True, last + tlv(12, bytes(255)) \
        + tlv(12, b''), last
    yield 'known, and critical', False, tlv(0x81, b'c') + tlv(0x8b, b'b'), \
        tlv(0x81, b'c') + tlv(0x8b, b'b')
    yield 'an unknown field at the end', False, tlv(1, b'c') + tlv(127, b'x' * 255), tlv(1, b'c')
    yield 'unknown fields, then padding', True, tlv(14, bytes(8)) + tlv(15, b'') + tlv(16, b'y') \
        + tlv(12, b''), tlv(14, bytes(8))
    full = tlv(11, b'b' * 255)
    yield '1,024 bytes', True, full + tlv(12, bytes(255)) * 2 + tlv(12, bytes(251)), full


def bad_payloads():
    for kind, sizes in ((1, (0, 33)), (2, (7, 9)), (3, (0, 17)), (4, (0, 2)), (5, (0,)), (6, (0,)),
                        (7, (3, 5)), (8, (3, 5)), (9, (0,)), (10, (0, 2)), (13, (0,)),
                        (14, (7, 9))):
        for size in sizes:
            yield 'type %d of %d bytes' % (kind, size), False, tlv(kind, b'\x01' * size)
    yield 'alert 0', False, tlv(10, b'\0')
    yield 'type 0', False, tlv(0, b'')
    yield 'type 0, critical', False, tlv(0x80, b'')
    yield 'out of order', False, tlv(2, bytes(8)) + tlv(1, b'c')
    yield 'out of order, critical', False, tlv(0x82, bytes(8)) + tlv(1, b'c')
    yield 'unknown, out of order', False, tlv(90, b'') + tlv(89, b'')
    yield 'a known one behind an unknown one', False, tlv(15, b'') + tlv(14, bytes(8))
    yield 'twice', False, tlv(11, b'b') + tlv(11, b'c')
    yield 'twice, once critical', False, tlv(11, b'b') + tlv(0x8b, b'b')
    yield 'unknown, twice', False, tlv(77, b'') + tlv(77, b'')
    yield 'unknown and critical', False, tlv(1, b'c') + tlv(0x80 | 15, b'')
    yield 'unknown and critical, the last type', False, tlv(0xff, b'x')
    yield 'unknown and critical, then padding', True, tlv(0xff, b'x') + tlv(12, b'')
    yield 'a type and no size', False, tlv(1, b'c') + b'\x0b'
    yield 'a byte less than its size says', False, tlv(11, b'blob')[:-1]
    yield 'a byte more', False, tlv(4, b'\x01') + b'\0'
    yield 'no padding, with the flag PAD', True, tlv(11, b'b')
    yield 'nothing, with the flag PAD', True, b''
    yield 'padding, without the flag PAD', False, tlv(11, b'b') + tlv(12, b'')
    yield 'padding that is not zero', True, tlv(12, b'\0\x01')
    yield 'padding that is not zero, the second', True, tlv(12, b'') + tlv(12, b'\x80')
    yield 'critical padding', True, tlv(0x8c, b'')
    yield 'critical padding, the second', True, tlv(12, b'') + tlv(0x8c, b'')
    yield 'a field behind padding', True, tlv(12, b'') + tlv(13, b'k')
    yield 'an unknown field behind padding', True, tlv(12, b'') + tlv(99, b'')
    yield 'padding that is cut off', True, tlv(12, b'') + b'\x0c'


def payload_rows():
    good, bad = [], []
    for what, padded, plain, known in good_payloads():
        found = fields(plain, PAD if padded else 0)
        assert sorted(set(found) - {12}) == sorted(fields(known, 0)), what
        good.append({'what': what, 'padded': padded, 'plain': plain.hex(), 'known': known.hex()})
    for what, padded, plain in bad_payloads():
        bad.append({'what': what, 'padded': padded, 'plain': plain.hex(),
                    'why': reason(fields, plain, PAD if padded else 0)})
    return good, bad


# --- what people carry ---

IDS = b'alpha', b'bravo'


def credential(**more):
    made = Credential(PSK, 1, IDS, 8, host=b'192.0.2.7', port=7400)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def good_credentials():
    yield 'that of the document', credential()
    yield 'the least', credential(slot=0, ids=(b'a', b'b'), d=0, purpose=b'', host=b'', port=0)
    yield 'the most', Credential(b'\xff' * 32, 1, (b'x' * 255, b'y' * 255), 32, b'\x01' * 16,
                                 b'p' * 255, b'h' * 255, 65535)


def damaged(line, data):
    letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
    body, at = line[len(PAIR):], len(PAIR)

    def put_letter(i, letter):
        return line[:at + i] + letter + line[at + i + 1:]

    yield 'a letter changed', put_letter(8, 'B' if body[8] != 'B' else 'C')
    yield 'the last letter but one changed', put_letter(len(body) - 2,
                                                        'A' if body[-2] != 'A' else 'B')
    yield 'two letters exchanged', line[:at + 6] + body[7] + body[6] + body[8:]
    yield 'another check', PAIR.decode() + line_of(b'', data)
    yield 'lower case', PAIR.decode() + body.lower()
    for letter in '0189=+ ':
        yield 'a letter that base32 does not have: "%s"' % letter, put_letter(20, letter)
    yield 'padding', line + '='
    yield 'a letter less', line[:-1]
    yield 'a letter more', line + 'A'
    yield 'eight letters more', line + 'AAAAAAAA'
    assert (len(data) + 4) % 5, 'nothing is left over'
    yield 'a bit left over that is not zero', line[:-1] + letters[letters.index(line[-1]) + 1]
    yield 'nothing behind the prefix', PAIR.decode()
    yield 'another prefix', line.replace('PAIR', 'JOIN')
    yield 'a prefix in lower case', line.replace('SKEX-PAIR', 'skex-pair')
    yield 'no prefix', body
    yield 'nothing', ''
    yield 'version 2', line.replace('-1:', '-2:')
    yield 'version 10', line.replace('-1:', '-10:')
    yield 'version 0', line.replace('-1:', '-0:')


def out_of_range(good):
    yield 'a byte less', good.data()[:-1]
    yield 'a byte more', good.data() + b'\0'
    yield 'the credential alone', PSK
    for what, more in (
            ('slot 2', {'slot': 2}), ('depth 1', {'d': 1}), ('depth 33', {'d': 33}),
            ('no ID0', {'ids': (b'', b'bravo')}), ('no ID1', {'ids': (b'alpha', b'')}),
            ('one identity twice', {'ids': (b'alpha', b'alpha')}),
            ('a zero in ID0', {'ids': (b'al\0ha', b'bravo')}),
            ('a zero in ID1', {'ids': (b'alpha', b'brav\0')}),
            ('a zero in the purpose', {'purpose': b'\0'}),
            ('no suite', {'suites': b''}), ('17 suites', {'suites': b'\x01' * 17}),
            ('a list that begins with suite 2', {'suites': b'\x02\x01'}),
            ('suite 0', {'suites': b'\0'}),
            ('a space in the host', {'host': b'a b'}), ('a zero in the host', {'host': b'a\0'}),
            ('a host that is not ASCII', {'host': b'\xc3\xa4'}),
            ('a host with a delete', {'host': b'a\x7f'}),
            ('a host without a port', {'port': 0}), ('a port without a host', {'host': b''})):
        yield what, credential(**more).data()


def credential_rows():
    good, bad = [], []
    for what, made in good_credentials():
        line = made.line()
        assert Credential.of_line(line).data() == made.data(), what
        good.append({'what': what, 'text': line, 'bytes': made.data().hex(),
                     'ac': made.association().ac.hex(), 'fingerprint': made.association().fp.hex()})
    first = credential()
    rows = list(damaged(first.line(), first.data()))
    rows += [(what + ', with a right check', line_of(PAIR, data))
             for what, data in out_of_range(first)]
    for what, line in rows:
        bad.append({'what': what, 'text': line, 'why': reason(Credential.of_line, line)})
    return good, bad


def text_of(groups):
    return ' '.join(' '.join(group) for group in groups)


def bad_words():
    groups = words_of(PSK)
    words = text_of(groups).split()
    for at in (0, 3, 4, 12, 19):
        other = word_of(bits_of(words[at]) ^ 1 << at % 16)
        yield 'one bit of word %d' % (at + 1), words[:at] + [other] + words[at + 1:]
    yield 'words exchanged', [words[1], words[0]] + words[2:]
    yield 'groups exchanged', words[5:10] + words[:5] + words[10:]
    yield 'the first group four times', words[:5] * 4
    yield 'a word less', words[:-1]
    yield 'a group less', words[:-5]
    yield 'a word more', words + ['babad']
    yield 'nothing', []
    for what, word in (('a consonant that is none', 'cabad'), ('a vowel that is none', 'bebad'),
                       ('a vowel first', 'ababd'), ('four letters', 'baba'),
                       ('six letters', 'babadb'), ('a digit', 'bab4d')):
        yield what, [word] + words[1:]


def word_rows():
    good, bad = [], []
    for psk in (PSK, bytes(32), b'\xff' * 32, bytes(7 * i * i & 255 for i in range(32))):
        text = text_of(words_of(psk))
        assert psk_of(text) == psk
        good.append({'psk': psk.hex(), 'text': text})
    for what, words in bad_words():
        text = ' '.join(words)
        bad.append({'what': what, 'text': text, 'why': reason(psk_of, text)})
    return good, bad


# --- what is asked for ---

LAST = (1 << 42) - 1


def ask_rows():
    good, bad = [], []
    exp = bytes(range(100, 132))
    for what, number, batch in (
            ('one block', 0, Batch(1, 0)),
            ('three of 528 bytes, of the second rekey', 2,
             Batch(0x01020304, 5, 3, 528, 1, 'app:x')),
            ('the last counters', 0, Batch(0xffffffff, LAST - 1, 2, 16, (1 << 31) - 1, 'p' * 191)),
            ('with a part', 0, Batch(7, 9, 1, 16, 60, 'app:x', (8, LAST)))):
        assert Batch.of(batch.blob()).blob() == batch.blob()
        good.append({'what': what, 'number': number, 'exp': exp.hex(), 'ask': batch.blob().hex(),
                     'blocks': [block.hex() for block in batch.made(exp, number).values()]})
    first = Batch(7, 9, 2, 32, 60, 'app:x')
    blob, part = first.blob(), Batch(7, 9, 2, 32, 60, 'app:x', (8, 1)).blob()
    rows = [('version 0', u8(0) + blob[1:]), ('version 3', u8(3) + part[1:]),
            ('version 2, without a part', u8(2) + blob[1:]), ('version 1, with a part',
                                                              u8(1) + part[1:]),
            ('nothing', b''), ('a byte less', blob[:-1]), ('a byte more', blob + b'\0'),
            ('a part with a byte less', part[:-1]), ('a part with a byte more', part + b'\0')]
    rows += [(what, Batch(*args).blob()) for what, args in (
        ('instance 0', (0, 9)), ('counter 2^42', (7, 1 << 42)),
        ('the last of two is counter 2^42', (7, LAST, 2, 16)), ('no block', (7, 9, 0)),
        ('257 blocks', (7, 9, 257, 16)), ('no bytes', (7, 9, 1, 0)), ('8 bytes', (7, 9, 1, 8)),
        ('24 bytes', (7, 9, 1, 24)), ('65,552 bytes', (7, 9, 1, 65552)),
        ('together more than 65,536 bytes', (7, 9, 129, 512)), ('lifetime 0', (7, 9, 1, 16, 0)),
        ('lifetime 2^31', (7, 9, 1, 16, 1 << 31)), ('no purpose', (7, 9, 1, 16, 60, '')),
        ('a purpose of 192 bytes', (7, 9, 1, 16, 60, 'p' * 192)),
        ('a space in the purpose', (7, 9, 1, 16, 60, 'a b')),
        ('a quote in the purpose', (7, 9, 1, 16, 60, 'a"b')),
        ('a backslash in the purpose', (7, 9, 1, 16, 60, 'a\\b')),
        ('a purpose that is not ASCII', (7, 9, 1, 16, 60, 'a\xe4b')),
        ('a purpose that begins with +', (7, 9, 1, 16, 60, '+app:x')),
        ('a part of instance 0', (7, 9, 1, 16, 60, 'app:x', (0, 1))),
        ('a part of counter 2^42', (7, 9, 1, 16, 60, 'app:x', (8, 1 << 42))))]
    for what, data in rows:
        bad.append({'what': what, 'ask': data.hex(), 'why': reason(Batch.of, data)})
    return good, bad


def made_of(row):
    """The rest of the published file; row is the first whole one."""
    kinds = {'payloads': payload_rows(), 'credentials': credential_rows(), 'words': word_rows(),
             'asks': ask_rows()}
    refused = {'messages': messages(row), **{name: bad for name, (_, bad) in kinds.items()}}
    for name, rows in refused.items():
        for one in rows:
            assert one['why'], (name, one['what'], one.get('message'))
    return {**{name: good for name, (good, _) in kinds.items()}, 'refused': refused}
