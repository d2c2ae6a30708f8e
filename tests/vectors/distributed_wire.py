#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/spec/vectors/distributed-wire.json out of docs/spec/distributed.md alone.

This is a second implementation of the wire format, written from the specification and sharing
nothing with the one in C, so that a mistake in either shows.

    distributed_wire.py FILE            writes FILE
    distributed_wire.py --check FILE    exits with 1 when FILE is not what it would write
"""

import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

HELLO, PING, BYE, SHARE, CONFIRM, ACK, NOTE = 1, 2, 3, 16, 17, 18, 19
TO_HUB, TO_AGENT = 0, 1
AEADS = {1: AESGCM, 2: ChaCha20Poly1305}


def u8(value):
    return value.to_bytes(1, 'big')


def u16(value):
    return value.to_bytes(2, 'big')


def u32(value):
    return value.to_bytes(4, 'big')


def u64(value):
    return value.to_bytes(8, 'big')


def lp8(data):
    return u8(len(data)) + data


def pad16(data):
    return data + bytes(-len(data) % 16)


def sample(label, size):
    """Bytes without pattern, the same in every run."""
    out = b''
    while len(out) < size:
        out += hashlib.sha256(label.encode() + u32(len(out))).digest()
    return out[:size]


# Section "One-time authentication".

POLY = 1 << 128 | 1 << 127 | 1 << 126 | 1 << 121 | 1


def dot(a, b):
    product = 0
    for i in range(128):
        if a >> i & 1:
            product ^= b << i
    for _ in range(128):
        if product & 1:
            product ^= POLY
        product >>= 1
    return product


def polyval(key, blocks):
    acc = 0
    for at in range(0, len(blocks), 16):
        acc = dot(acc ^ int.from_bytes(blocks[at:at + 16], 'little'), int.from_bytes(key, 'little'))
    return acc.to_bytes(16, 'little')


def one_time_tag(key, associated, text):
    lengths = (8 * len(associated)).to_bytes(8, 'little') + (8 * len(text)).to_bytes(8, 'little')
    hashed = polyval(key[:16], pad16(associated) + pad16(text) + lengths)
    return bytes(a ^ b for a, b in zip(hashed, key[16:]))


# Sections "Envelope" and "Ratchet".

def kdf(key, label, context, size):
    info = lp8(label) + u16(len(context)) + context + u16(size)
    out = last = b''
    while len(out) < size:
        last = hmac.new(key, last + info + u8(len(out) // 32 + 1), hashlib.sha256).digest()
        out += last
    return out[:size]


def next_epoch_key(key):
    return kdf(key, b'skex epoch', b'', 32)


def stream(key, size):
    return Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(bytes(size))


def ratchet_pad(seed, leg, direction, generation, offset, size):
    key = kdf(seed, b'pad', u64(leg) + u8(direction) + u32(generation), 32)
    segment, out = 0, b''
    while len(out) < offset % 1024 + size:
        if segment >= offset // 1024:
            out += stream(kdf(key, b'out', b'', 32), 1024)
        key = kdf(key, b'next', b'', 32)
        segment += 1
    return out[offset % 1024:offset % 1024 + size]


# Section "Packet".

def clear_part(leg, m, size):
    return u8(1) + u8(0) + u16(size) + u32(m['epoch']) + u64(leg) + u32(m['sequence'])


def packet(leg, m, header, body):
    clear = clear_part(leg, m, len(header))
    nonce = bytes(8) + u32(m['sequence'])
    return clear + AEADS[m['aead']](m['epoch_key']).encrypt(nonce, header, clear) + body


# Section "Messages". `v` are the values that stand in the vectors beside the bytes.

def position(p):
    return u32(p['generation']) + u64(p['offset'])


def hello(v):
    return (u8(HELLO) + u8(v['direction']) + u8(v['stage']) + u8(v['highest_version']) +
            v['nonce'] + v['echo'] + position(v['sent']) + position(v['received']) +
            u64(v['wall_ms']))


def ping(v):
    return u8(PING) + u8(v['direction']) + u8(v['answer_wanted']) + u8(0) + position(v['received'])


def bye(v):
    return u8(BYE) + u8(v['direction']) + u16(v['reason'])


def common(v):
    return (u8(1) + lp8(v['initiator']) + lp8(v['responder']) + u32(v['instance']) +
            u64(v['counter']) + v['profile'] + u8(v['n']) + u8(v['k']) + u32(v['secret_size']) +
            u8(v['class']) + u8(0) + lp8(v['purpose']) + u32(v['lifetime_s']))


def share(v):
    tags = v['secret_tags']
    return common(v) + u16(len(tags) // 16) + tags + u64(v['stamp_ms'])


def confirm(v):
    return (u8(v['which']) + lp8(v['initiator']) + lp8(v['responder']) + u32(v['instance']) +
            u64(v['counter']) + u8(v['class']) + u16(len(v['tags']) // 16) + v['tags'])


def ack(v):
    refused = b''.join(position(e) + u16(e['status']) for e in v['refused'])
    return position(v['received']) + u16(len(v['refused'])) + refused


def note(v):
    return (lp8(v['sender']) + lp8(v['recipient']) + v['key_id'] + v['note_id'] +
            u16(len(v['sealed'])) + v['sealed'])


WITHOUT_PAD = {HELLO: hello, PING: ping, BYE: bye}
FIELDS = {SHARE: share, CONFIRM: confirm, ACK: ack, NOTE: note}


def covered(scope, mtype, at, fields):
    return (u8(1) + u8(mtype) + u8(scope['direction']) + u8(0) + position(at) +
            u64(scope['pad']) + u64(scope['leg']) + scope['hub'] + fields)


def with_prefix(scope, mtype, at, key, fields, body):
    tag = one_time_tag(key, covered(scope, mtype, at, fields), body)
    return u8(mtype) + u8(scope['direction']) + u16(0) + position(at) + tag + fields


# Section "Key identifiers".

def key_id(v):
    size = v['size'] & 0xffff
    located = v['instance'] << 70 | v['counter'] << 28 | v['offset'] // 16 << 16 | size
    text = (b'skex key id/1' + lp8(v['initiator']) + lp8(v['responder']) +
            (located << 2).to_bytes(13, 'big'))
    check = int.from_bytes(hashlib.sha256(text).digest()[:3], 'big') >> 4
    free = located << 20 | check
    whole = (free >> 74 << 80 | 8 << 76 | (free >> 62 & 0xfff) << 64 | 2 << 62 |
             free & (1 << 62) - 1)
    text = '%032x' % whole
    return '-'.join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


# The samples.

LEG = 0x0102030405060708
HUB = sample('hub', 16)
PADS = {TO_HUB: 0x1112131415161718, TO_AGENT: 0x2122232425262728}
AT = {'generation': 1, 'offset': 0x12340}
BLOCK = {'initiator': b'alice', 'responder': b'bob', 'instance': 0x01020304,
         'counter': 0x050607, 'profile': sample('profile', 16), 'n': 5, 'k': 3, 'secret_size': 32,
         'class': 2, 'purpose': b'etsi014:sae-a>sae-b', 'lifetime_s': 86400}
LONGEST = dict(BLOCK, initiator=b'a' * 63, responder=b'b' * 63, instance=0xffffffff,
               counter=(1 << 42) - 1, n=16, k=16, purpose=b'~' * 191, lifetime_s=0x7fffffff)
CONFIRMED = {k: BLOCK[k] for k in ('initiator', 'responder', 'instance', 'counter')}
SENT = {'generation': 1, 'offset': 0x12340}
RECEIVED = {'generation': 0, 'offset': 0}


def samples():
    """(name, type, direction, values, body)"""
    opening = {'direction': TO_HUB, 'stage': 1, 'highest_version': 1, 'nonce': sample('a', 16),
               'echo': bytes(16), 'sent': SENT, 'received': RECEIVED, 'wall_ms': 1800000000000}
    answer = {'direction': TO_AGENT, 'stage': 2, 'highest_version': 1, 'nonce': sample('h', 16),
              'echo': sample('a', 16), 'sent': RECEIVED, 'received': SENT, 'wall_ms': 0}
    two = dict(BLOCK, secret_size=48)
    refused = [{'generation': 1, 'offset': 0x12000, 'status': 1},
               {'generation': 0, 'offset': 0x40, 'status': 6}]
    return [
        ('hello: opening', HELLO, TO_HUB, opening, b''),
        ('hello: answer', HELLO, TO_AGENT, answer, b''),
        ('hello: end', HELLO, TO_HUB, dict(opening, stage=3, echo=sample('h', 16)), b''),
        ('ping', PING, TO_AGENT,
         {'direction': TO_AGENT, 'answer_wanted': 1, 'received': SENT}, b''),
        ('bye', BYE, TO_AGENT, {'direction': TO_AGENT, 'reason': 3}, b''),
        ('share: the pad itself', SHARE, TO_HUB,
         dict(BLOCK, secret_tags=sample('o', 16), stamp_ms=0), b''),
        ('share: with a body', SHARE, TO_HUB,
         dict(BLOCK, secret_tags=sample('o', 16), stamp_ms=0), sample('z', 144)),
        ('share: two blocks, to the responder', SHARE, TO_AGENT,
         dict(two, secret_tags=sample('oo', 32), stamp_ms=1800000000123), sample('zz', 320)),
        ('share: the longest of one block', SHARE, TO_AGENT,
         dict(LONGEST, secret_tags=sample('ol', 16), stamp_ms=1800000000123), sample('zl', 144)),
        ('confirm: by the responder', CONFIRM, TO_HUB,
         dict(CONFIRMED, which=1, **{'class': 1}, tags=sample('ba', 32)), b''),
        ('confirm: by the initiator', CONFIRM, TO_AGENT,
         dict(CONFIRMED, which=2, **{'class': 0}, tags=sample('ab', 16)), b''),
        ('ack: all is well', ACK, TO_AGENT, {'received': SENT, 'refused': []}, b''),
        ('ack: two refused', ACK, TO_AGENT, {'received': SENT, 'refused': refused}, b''),
        ('note', NOTE, TO_HUB,
         {'sender': b'alice', 'recipient': b'bob', 'key_id': sample('key', 16),
          'note_id': sample('note', 16), 'sealed': sample('sealed', 45)}, b''),
        ('ack: declined by the responder', ACK, TO_AGENT,
         {'received': SENT, 'refused': [dict(refused[0], status=9)]}, b''),
    ]


def message(number, name, mtype, direction, values, body):
    m = {'name': name, 'type': mtype, 'aead': 1 + number % 2, 'epoch': 1 + number,
         'epoch_key': sample('epoch %d %d' % (number, direction), 32), 'sequence': 7 * number,
         'values': values, 'body': body}
    if mtype in WITHOUT_PAD:
        m['header'] = WITHOUT_PAD[mtype](values)
    else:
        m['scope'] = {'hub': HUB, 'leg': LEG, 'pad': PADS[direction], 'direction': direction}
        m['at'] = dict(AT, offset=AT['offset'] + 1024 * number)
        m['tag_key'] = sample('tag key %d' % number, 32)
        m['header'] = with_prefix(m['scope'], mtype, m['at'], m['tag_key'],
                                  FIELDS[mtype](values), body)
    m['packet'] = packet(LEG, m, m['header'], body)
    return m


def put(data, at, new):
    return data[:at] + new + data[at + len(new):]


def refused_packets(m):
    good = m['packet']
    return [('version 2', put(good, 0, u8(2)), 'version'),
            ('version 0', put(good, 0, u8(0)), 'version'),
            ('flags', put(good, 1, u8(1)), 'syntax'),
            ('header of 3 bytes', put(good, 2, u16(3)), 'syntax'),
            ('header above 8,192 bytes', put(good, 2, u16(8193)), 'syntax'),
            ('cut in the envelope tag', good[:-1], 'syntax'),
            ('nothing', b'', 'syntax')]


def refused_headers(by_name):
    opening, answer = by_name['hello: opening']['header'], by_name['hello: answer']['header']
    ping_, bye_ = by_name['ping']['header'], by_name['bye']['header']
    empty, ack_ = by_name['share: the pad itself'], by_name['ack: two refused']['header']
    share_, confirm_ = empty['header'], by_name['confirm: by the responder']['header']
    to_agent = by_name['share: two blocks, to the responder']['header']
    note_ = by_name['note']['header']
    c = 32  # the fields begin here
    after_names = c + 1 + 6 + 4
    purpose = after_names + 4 + 8 + 16 + 1 + 1 + 4 + 1
    return [
        ('unknown type', put(share_, 0, u8(20)), 0),
        ('direction 2', put(share_, 1, u8(2)), 0),
        ('reserved bits', put(share_, 2, u16(1)), 0),
        ('offset no multiple of 16', put(share_, 15, u8(0x48)), 0),
        ('offset above 2^62', put(share_, 8, u64((1 << 62) + 16)), 0),
        ('hello: stage 4', put(opening, 2, u8(4)), 0),
        ('hello: opening by a hub', put(opening, 1, u8(1)), 0),
        ('hello: answer by an agent', put(answer, 1, u8(0)), 0),
        ('hello: highest version 0', put(opening, 3, u8(0)), 0),
        ('hello: nonce of zeros', put(opening, 4, bytes(16)), 0),
        ('hello: opening with an echo', put(opening, 35, u8(1)), 0),
        ('hello: answer without echo', put(answer, 20, bytes(16)), 0),
        ('hello: cut', opening[:-1], 0),
        ('hello: extended', opening + u8(0), 0),
        ('ping: answer wanted 2', put(ping_, 2, u8(2)), 0),
        ('ping: reserved', put(ping_, 3, u8(1)), 0),
        ('bye: reason 0', put(bye_, 2, u16(0)), 0),
        ('bye: reason 6', put(bye_, 2, u16(6)), 0),
        ('share: common version 2', put(share_, c, u8(2)), 0),
        ('share: capital in a name', put(share_, c + 2, b'A'), 0),
        ('share: initiator is responder',
         share_[:c + 7] + lp8(b'alice') + share_[c + 11:], 0),
        ('share: empty name', share_[:c + 1] + lp8(b'') + share_[c + 7:], 0),
        ('share: counter 2^42', put(share_, after_names + 4, u64(1 << 42)), 0),
        ('share: n 17', put(share_, after_names + 28, u8(17)), 0),
        ('share: k 1', put(share_, after_names + 29, u8(1)), 0),
        ('share: k above n', put(share_, after_names + 29, u8(6)), 0),
        ('share: secret of 40 bytes', put(share_, after_names + 30, u32(40)), 0),
        ('share: secret of 65,552 bytes', put(share_, after_names + 30, u32(65552)), 0),
        ('share: class 3', put(share_, after_names + 34, u8(3)), 0),
        ('share: sealed purpose', put(share_, purpose, u8(1)), 0),
        ('share: space in the purpose', put(share_, purpose + 2, b' '), 0),
        ('share: lifetime 0', put(share_, purpose + 21, u32(0)), 0),
        ('share: lifetime 2^31', put(share_, purpose + 21, u32(1 << 31)), 0),
        ('share: no blocks', put(share_, purpose + 25, u16(0)), 0),
        ('share: two blocks, one tag', put(share_, purpose + 25, u16(2)), 0),
        ('share: stamp by the initiator', share_[:-1] + u8(1), 0),
        ('share: body too short', share_, 143),
        ('share: body too long', share_, 145),
        ('share: empty body to the responder', to_agent, 0),
        ('share: cut', share_[:-1], 0),
        ('share: extended', share_ + u8(0), 0),
        ('confirm: which 3', put(confirm_, c, u8(3)), 0),
        ('confirm: class 0 of the responder', put(confirm_, after_names + 12, u8(0)), 0),
        ('confirm: class 1 of the initiator', put(confirm_, c, u8(2)), 0),
        ('confirm: 257 blocks', put(confirm_, after_names + 13, u16(257)), 0),
        ('confirm: with a body', confirm_, 16),
        ('ack: status 0', put(ack_, c + 14 + 12, u16(0)), 0),
        ('ack: status 10', put(ack_, c + 14 + 12, u16(10)), 0),
        ('ack: refused at the mark', put(ack_, c + 14, ack_[c:c + 12]), 0),
        ('ack: count 3 of 2', put(ack_, c + 12, u16(3)), 0),
        ('note: sealed of 16 bytes', put(note_, c + 10 + 32, u16(16))[:c + 44 + 16], 0),
        ('note: cut', note_[:-1], 0),
    ]


def refused_tags(m):
    scope = m['scope']

    def other(name, **changes):
        new = dict(header=m['header'], body=m['body'], scope=scope, tag_key=m['tag_key'])
        new.update(changes)
        return dict(new, name=name, error='auth')

    return [
        other('another hub', scope=dict(scope, hub=put(HUB, 0, u8(HUB[0] ^ 1)))),
        other('another leg', scope=dict(scope, leg=LEG + 1)),
        other('another pad', scope=dict(scope, pad=PADS[TO_AGENT])),
        other('another direction', scope=dict(scope, direction=TO_AGENT)),
        other('reflected', scope=dict(scope, direction=TO_AGENT),
              header=put(m['header'], 1, u8(TO_AGENT))),
        other('another type', header=put(m['header'], 0, u8(NOTE))),
        other('another generation', header=put(m['header'], 4, u32(2))),
        other('another offset', header=put(m['header'], 8, u64(m['at']['offset'] + 16))),
        other('another tag', header=put(m['header'], 16, bytes(16))),
        other('another name', header=put(m['header'], 34, b'b')),
        other('another body', body=put(m['body'], 0, u8(m['body'][0] ^ 1))),
        other('a shorter body', body=m['body'][:-16]),
        other('another key', tag_key=sample('no key', 32)),
    ]


def refused_envelopes(m):
    good = m['packet']

    def other(name, error, data, **changes):
        new = dict(aead=m['aead'], epoch=m['epoch'], epoch_key=m['epoch_key'], packet=data)
        new.update(changes)
        return dict(new, name=name, error=error)

    far = dict(m, epoch=m['epoch'] + 1025)
    late = dict(m, sequence=1 << 20)
    return [
        other('a changed leg', 'auth', put(good, 15, u8(9))),
        other('a changed sequence', 'auth', put(good, 19, u8(good[19] ^ 1))),
        other('a changed header', 'auth', put(good, 20, u8(good[20] ^ 1))),
        other('a changed tag', 'auth', good[:-1] + u8(good[-1] ^ 1)),
        other('another key', 'auth', good, epoch_key=sample('no key', 32)),
        other('the other suite', 'auth', good, aead=3 - m['aead']),
        other('an epoch that is over', 'replay', good, epoch=m['epoch'] + 1),
        other('1,025 epochs ahead', 'auth', packet(LEG, far, m['header'], b'')),
        other('sequence 2^20', 'auth', packet(LEG, late, m['header'], b'')),
    ]


def epochs():
    key = sample('epoch keys', 32)
    rows = [{'number': 0, 'key': key}]
    for number in range(1, 1025):
        key = next_epoch_key(key)
        if number in (1, 2, 1024):
            rows.append({'number': number, 'key': key})
    return rows


def ratchets():
    rows = []
    for direction, generation, offset, size in (
            (TO_HUB, 0, 0, 32), (TO_AGENT, 0, 0, 32),
            (TO_HUB, 3, 1000, 48), (TO_HUB, 3, 10240, 64)):
        row = {'seed': sample('seed', 32), 'leg': LEG, 'direction': direction,
               'generation': generation, 'offset': offset}
        row['bytes'] = ratchet_pad(row['seed'], LEG, direction, generation, offset, size)
        rows.append(row)
    return rows


def key_ids():
    rows = []
    for instance, counter, offset, size in (
            (0, 0, 0, 1), (1, 1, 16, 32), (0x01020304, 0x050607, 65504, 32),
            (0xffffffff, (1 << 42) - 1, 65520, 16), (7, 1 << 41, 0, 65536), (7, 0x4000, 0, 65535)):
        row = {'initiator': b'alice', 'responder': b'bob', 'instance': instance,
               'counter': counter, 'offset': offset, 'size': size}
        rows.append(dict(row, key_id=key_id(row)))
    return rows


def refused_key_ids():
    row = dict(key_ids()[2], name='')
    text = row['key_id']
    digit = '%x' % (int(text[-1], 16) ^ 1)
    rows = [dict(row, name='another pair', initiator=b'bob', responder=b'alice'),
            dict(row, name='a mistyped digit', key_id=text[:-1] + digit),
            dict(row, name='version 7', key_id=text[:14] + '7' + text[15:]),
            dict(row, name='variant of Microsoft',
                 key_id=text[:19] + '%x' % (int(text[19], 16) | 0xc) + text[20:]),
            dict(row, name='without hyphens', key_id=text.replace('-', ''))]
    past = dict(row, name='past the end of the block', offset=65520, size=17)
    rows.append(dict(past, key_id=key_id(past)))
    return [{k: r[k] for k in ('name', 'initiator', 'responder', 'key_id')} for r in rows]


ASCII = {'initiator', 'responder', 'purpose', 'sender', 'recipient'}
WIDE = {'leg', 'pad'}


def plain(value, name=None):
    """What JSON can hold: names as text, ids and bytes in hexadecimal."""
    if isinstance(value, dict):
        return {k: plain(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, bytes):
        return value.decode('ascii') if name in ASCII else value.hex()
    if name in WIDE:
        return '%016x' % value
    return value


def document():
    messages = [message(i, *s) for i, s in enumerate(samples())]
    by_name = {m['name']: m for m in messages}
    bye_ = by_name['bye']
    return plain({
        'about': 'Wire vectors of docs/spec/distributed.md, version 1. Bytes are hexadecimal. '
                 'Made by tests/vectors/distributed_wire.py; do not edit.',
        'messages': messages,
        'refused_packets': [{'name': n, 'packet': p, 'error': e}
                            for n, p, e in refused_packets(bye_)],
        'refused_headers': [{'name': n, 'header': h, 'body_size': b, 'error': 'syntax'}
                            for n, h, b in refused_headers(by_name)],
        'refused_tags': refused_tags(by_name['share: with a body']),
        'refused_envelopes': refused_envelopes(bye_),
        'epochs': epochs(),
        'ratchet': ratchets(),
        'key_ids': key_ids(),
        'refused_key_ids': refused_key_ids(),
    })


def main():
    check = sys.argv[1:2] == ['--check']
    path = sys.argv[-1]
    text = json.dumps(document(), indent=1) + '\n'
    if not check:
        with open(path, 'w', encoding='ascii') as f:
            f.write(text)
        return 0
    with open(path, encoding='ascii') as f:
        same = f.read() == text
    print('%s: %s' % (path, 'as it would be made' if same else 'differs: make it anew'))
    return 0 if same else 1


if __name__ == '__main__':
    sys.exit(main())
