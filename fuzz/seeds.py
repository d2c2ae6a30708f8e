#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes first inputs into fuzz/corpus/, out of the vectors of the specification.

usage: fuzz/seeds.py

What lies there under another name stays. A target gets its inputs by a function of its name.
"""

import json
import os
import re
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, '..', 'docs', 'spec', 'vectors')


def vectors(name):
    with open(os.path.join(VECTORS, name + '.json'), encoding='utf-8') as f:
        return json.load(f)


def word(text):
    return re.sub(r'[^a-z0-9]+', '_', text.lower()).strip('_')


def lp16(data):
    return struct.pack('>H', len(data)) + data


def wire():
    data = vectors('distributed-wire')
    headers = []
    for m in data['messages']:
        header, body = bytes.fromhex(m['header']), bytes.fromhex(m['body'])
        headers.append(header)
        yield 'header_' + word(m['name']), b'\2' + struct.pack('>I', len(body)) + header
    yield 'packet', b'\0' + bytes.fromhex(data['messages'][0]['packet'])
    frames = b''.join(struct.pack('>I', len(h)) + h for h in headers[:5])
    yield 'stream', b'\1' + frames
    yield 'stream_empty', b'\1' + frames[:70] + bytes(4)
    yield 'envelope', b'\3' + b''.join(
        bytes([op, len(h) - 4]) + h for op, h in zip((1, 5, 4, 10, 200, 7), headers))
    for i, key in enumerate(data['key_ids'][:2]):
        yield 'key_id_%d' % i, b'\4' + struct.pack(
            '>IQII', key['instance'], key['counter'], key['offset'], key['size'])
        yield 'key_id_text_%d' % i, b'\4' + key['key_id'].encode()
        yield 'key_id_bytes_%d' % i, b'\4' + bytes.fromhex(key['key_id'].replace('-', ''))
    yield 'name', b'\5hub-1.example'
    yield 'instances', b'\5\2' + struct.pack('>II', 7, 9)
    view = b'\1\1' + bytes(range(16)) + struct.pack('>QBBB', 12, 1, 1, 0) + bytes(range(32))
    yield 'view', b'\6' + view
    yield 'view_other', b'\6\1\2' + view[2:]
    yield 'view_round', b'\6' + view[:18] + b'\0\1' + view[20:]
    ask = struct.pack('>IQHII', 7, 9, 2, 1024, 3600) + b'\5app:z'
    yield 'ask', b'\7\1' + ask
    yield 'ask_part', b'\7\2' + ask + struct.pack('>IQ', 8, 10)
    yield 'ask_part_none', b'\7\2' + ask + struct.pack('>IQ', 0, 10)
    yield 'ask_cut', b'\7\1' + ask[:-2]


def dske():
    yield 'spent', b'\0' + b''.join(
        struct.pack('>QB', at, n) for at, n in ((0, 3), (10, 1), (20, 255), (4, 5), (1 << 41, 0)))
    part = struct.pack('>IQBBB', 7, 40, 1, 1, 1)
    roots = bytes((1, 1, 1, 2))
    yield 'combine_xor', b'\1\x40' + part + roots + bytes(range(64)) + \
        part + bytes((2, 1, 2, 2)) + bytes(range(64, 128))
    yield 'combine_kdf', b'\1\x20' + part + roots + bytes(range(64)) + \
        part + roots + bytes(range(64, 128))
    for shape in range(7):
        yield 'conversation_%d' % shape, bytes((2, shape)) + bytes(range(shape, 200, 3))


def op(kind, who, data=b''):
    return bytes((kind, who)) + lp16(data)


def leg():
    data = vectors('distributed-wire')
    use = op(1, 0) + op(1, 1)
    yield 'use', b'\1' + use + op(4, 50) + use
    yield 'tables', b'\x81' + use + op(0, 5) + op(4, 50) + op(0, 5) + use
    said = b''
    for m in data['messages']:
        header = bytes.fromhex(m['header'])
        if header[0] < 16:
            said += op(7, 4, header)
            yield 'bare_' + word(m['name']), b'\1' + op(7, 4, header) + op(7, 0, header) + use
            continue
        fields = header[32:]
        body = bytes.fromhex(m['body'])
        say = bytes((header[0] - 16,)) + lp16(fields) + body
        yield 'say_' + word(m['name']), b'\1' + op(5, 4, say) + op(5, 0, say) + use
    yield 'ack', b'\1' + use + op(6, 4, b'\0') + op(6, 0, b'\1\1\2\3\7') + use
    yield 'forged', b'\1' + op(8, 4, b'12') + op(8, 0) + op(8, 6) + use
    yield 'no_envelope', b'\1' + op(9, 4, b'\0\0\0\4abcd') + use + op(9, 0, bytes(40)) + use
    yield 'stranger', b'\1' + op(2, 0, b'\0\0\0\1\x11') + op(3, 1, b'\x11' * 50) + \
        op(3, 0, bytes.fromhex(data['messages'][0]['packet'])) + use
    yield 'stops', b'\1' + op(0, 0) + op(4, 99) + op(0, 0) + use + op(0, 12) + op(0, 12) + \
        op(4, 255) + use


def text():
    key = '0188c0a0-1111-8222-9333-0123456789ab'
    yield 'identity', ('\0skex1/%s/agent1' % key).encode()
    yield 'identity_cms', ('\0skex1/%s/agent1/agent2/cms:mail' % key).encode()
    yield 'uri', b'\1sae%2Db%2f%41'
    yield 'psk', b'\2# clients\nrouter-a:' + b'0a' * 32 + b'\n\nrouter-b:' + b'bB' * 64 + b'\n'
    for i, one in enumerate(vectors('join')['tokens']):
        yield 'token_%d' % i, b'\3' + one['text'].encode()
        yield 'token_fields_%d' % i, b'\4' + bytes.fromhex(one['bytes'])
        yield 'token_ask_%d' % i, b'\5' + bytes.fromhex(one['ask'])
    for i, one in enumerate((b'64 MiB', b'7 d', b'18446744073709551615', b'[2001:db8::1]:7100',
                             b'0660', b'hub.example:0')):
        yield 'value_%d' % i, b'\6' + one
    yield 'base64', b'\7AAECAwQ='
    yield 'psk_file', b'\x08\x05other:11\r\nlab.02' + b'0' * 6 + b'-0000-0000-0000-' + \
        b'0' * 12 + b':22\nlab.' + key.encode() + b':33\nlast:44'


def record():
    instance = struct.pack('>IQ', 7, 40)
    yield 'key', b'\0\1\3bob' + instance
    yield 'key_piece', b'\0\2\3bob' + instance + struct.pack('>I', 3)
    for version, properties in ((1, 1), (2, 7), (3, 15)):
        yield 'batch_%d' % version, b'\1' + struct.pack(
            '>BHIBBBQQQ', version, 2, 256, 2, properties, 1, 5, 6, 7) + b'\5app:x' + \
            bytes(16 if version == 3 else 0)
    yield 'piece_1', b'\2\1\1' + bytes(8) + b'rest'
    yield 'piece_2', b'\2\2\2\2' + bytes(16) + b'rest'
    yield 'token', b'\3\1\3\4' + struct.pack('>QQ', 5, 6) + b'\5alice\2\1a\1b\1' + \
        struct.pack('>QQQ', 7, 8, 9)


BINDINGS = {
    'wireguard': 'wireguard={interface="wg7";public_key="' + 'A' * 43 + '=";};',
    'ikev2': 'ikev2={connection="gw";domain="d.example";settings=["a = 1","b = \\"2\\""];};',
    'tls': 'tls={file="/k";pid_file="/p";program="stunnel";probe="[::1]:853";};',
    'hook': 'hook={file="/k";format="id-hex";mode="0640";program=["/bin/x","y"];timeout="5 s";};',
    'routing': 'routing={method="ospf";protocol="o1";interface="eth1";file="/f";socket="/s";};',
    'macsec': 'macsec={sockets=["/a","/b"];cak="256";bond="bond0";interfaces=["e0","e1"];};',
    'static': 'macsec={mode="static";interface="m0";peer_sci="0200000000020001";cipher='
              '"GCM-AES-256";};',
}


def config():
    for number, name in enumerate(('skexd', 'skex-hub')):
        with open(os.path.join(HERE, '..', 'examples', name + '.conf'), 'rb') as f:
            yield word(name), bytes([number]) + f.read()
    least = 'name="a";directory="/d";kek={file="/k";};'
    yield 'agent_least', ('\0' + least).encode()
    yield 'hub_least', ('\1' + least + 'listen=["0.0.0.0:7100"];').encode()
    one = '{name="x";peer="b";role="%s";period="90 s";grace="3 h";require=["its"];%s}'
    for name, inside in BINDINGS.items():
        yield 'binding_' + name, ('\2bindings=(' + one % ('leads', inside) + ');').encode()
    yield 'agent_binding', ('\0' + least + 'peers=({name="b";});bindings=(' +
                            one % ('follows', BINDINGS['hook']) + ');').encode()


def kit():
    data = vectors('enrolment-kit')
    for i, one in enumerate(kit for kit in data['kits'] if 'kit' in kit):
        yield 'file_%d' % i, b'\1' + bytes.fromhex(one['kit'])
    for one in data['refused'][:6]:
        yield 'refused_' + word(one['name']), b'\1' + bytes.fromhex(one['kit'])
    for i, one in enumerate(vectors('keyfill')['headers']):
        header = bytes.fromhex(one['header'])
        yield 'fill_%d' % i, b'\0' + header
        yield 'fill_sealed_%d' % i, b'\2\0\0\0' + header
    key = bytes([0x11]) * 32
    header = struct.pack('>BBBBBQ', 1, 1, 1, 1, 2, 77) + bytes(range(16)) + b'\4hub1\5alice' + \
        struct.pack('>QQIQQ', 3, 4, 0, 65536, 48) + b'\6kernel' + lp16(b'hub.example 7100') + \
        struct.pack('>QQI', 1 << 30, 1 << 20, 604800) + key + key + bytes(32)
    yield 'header', b'\0' + header
    yield 'sealed', b'\2\0\0\0' + header
    yield 'sealed_changed', b'\2\1\0\1' + header


def lp8(data):
    return bytes([len(data)]) + data


def held(table, key, value):
    """A record on the shelf of fuzz/shelf.h."""
    return bytes([table]) + lp8(key) + lp16(value)


def loaded():
    """Whole records, and after each some that are cut, changed, or of another version."""
    def fill(state, peer, end=1, source=b'kernel', pieces=3):
        return bytes((1, state, end, 2, 1)) + lp8(peer) + struct.pack(
            '>IIIQ', 21, 22, pieces, 500) + lp8(source)

    def piece(which, direction, number):
        return held(25, which + struct.pack('>BI', direction, number), b'\1' + bytes(8))
    a, b = b'a' * 16, b'b' * 16
    yield 'fills', b'\0' + held(24, a, fill(2, b'bob')) + held(24, b, fill(3, b'carol', 0)) + \
        b''.join(piece(a, i & 1, i >> 1) for i in range(1, 6)) + piece(b, 0, 1)
    yield 'fills_aside', b'\0' + held(24, a, fill(1, b'bob')) + held(24, b, fill(2, b'dave')) + \
        held(24, b'c' * 16, fill(3, b'dave')) + piece(b'd' * 16, 1, 0) + piece(b, 1, 2)
    yield 'fills_beyond', b'\0' + held(24, a, fill(2, b'bob')) + piece(a, 0, 3)
    yield 'fills_cut', b'\0' + held(24, a, fill(2, b'bob')[:-1])
    yield 'fills_many', b'\0' + held(24, a, fill(2, b'bob', pieces=1 << 20))
    yield 'fills_source', b'\0' + held(24, a, fill(2, b'bob', source=b'ker\0nel'))
    yield 'fills_kept', b'\0' + held(24, a, fill(2, b'bob')[:4] + b'\2' + fill(2, b'bob')[5:])

    legs = struct.pack('>QQ', 77, 78)
    yield 'past', b'\1' + held(26, b'bob', b'\1' + legs) + held(26, b'carol', b'\1' + legs[:8]) + \
        held(26, b'dave', b'\1' + legs)
    yield 'past_cut', b'\1' + held(26, b'bob', b'\1' + legs[:-1])
    yield 'past_none', b'\1' + held(26, b'bob', b'\1')
    yield 'past_other', b'\1' + held(26, b'bob', b'\2' + legs)

    def spent(version, floor, *ranges, instance=5):
        return struct.pack('>BIQI', version, instance, floor, len(ranges)) + b''.join(
            struct.pack('>QQ', *one) for one in ranges)
    left = b'\2' + struct.pack('>II', 3, 4)
    many = [(20 + 4 * i, 22 + 4 * i) for i in range(32)]
    for name, value in (
            ('', spent(2, 10, (12, 15), (20, 21)) + left), ('_floor', spent(2, 10) + b'\0'),
            ('_zero', spent(2, 10, (12, 15), instance=0) + left),
            ('_1', spent(1, 10, (12, 15))), ('_many', spent(2, 10, *many) + left),
            ('_more', spent(2, 10, *many, (500, 501)) + left),
            ('_order', spent(2, 10, (20, 21), (12, 15)) + left),
            ('_floor_over', spent(2, 10, (3, 5), *many[1:]) + left),
            ('_cut', spent(2, 10, (12, 15)) + left[:-1]), ('_other', spent(3, 10) + b'\0')):
        yield 'spent' + name, b'\2' + held(19, b'bob', value)

    def pair(slot, host):
        return bytes((1, slot, 8)) + bytes(range(8)) + lp8(host) + struct.pack('>H', 7300)
    yield 'paired', b'\3' + held(22, b'\3bob', pair(1, b'bob.example')) + \
        held(22, b'\5carol', pair(0, b''))
    yield 'paired_slot', b'\3' + held(22, b'\3bob', pair(2, b'bob.example'))
    yield 'paired_host', b'\3' + held(22, b'\3bob', pair(1, b'bob\0example'))
    yield 'paired_cut', b'\3' + held(22, b'\3bob', pair(1, b'bob.example')[:-1])

    def confirm(which, blocks, tags, who=7):
        return struct.pack('>BBHBQ', 1, which, blocks, 2, 5000) + bytes([who] * 16) + bytes(tags)

    def block(side, piece=b''):
        return bytes([side]) + b'\3bob' + struct.pack('>IQ', 7, 40) + piece
    yield 'confirms', b'\4' + held(20, block(1), confirm(2, 2, 32)) + \
        held(20, block(2), confirm(1, 2, 64)) + \
        held(20, b'\1\4dave' + block(1)[5:], confirm(2, 1, 16))
    yield 'confirms_profile', b'\4' + held(20, block(1), confirm(2, 2, 32, 8))
    yield 'confirms_side', b'\4' + held(20, block(2), confirm(2, 2, 32))
    yield 'confirms_piece', b'\4' + held(20, block(1, struct.pack('>I', 3)), confirm(2, 2, 32))
    yield 'confirms_cut', b'\4' + held(20, block(1), confirm(2, 2, 31))

    def ids(place, number, size):
        return held(29, b'\3kme' + struct.pack('>H', place), struct.pack('>BQ', 1, number) +
                    bytes(range(1, 1 + size)))
    yield 'used', b'\5' + ids(3, 259, 32) + ids(4, 4, 16) + \
        held(29, b'\5other\0\0', b'\1' + bytes(8))
    yield 'used_place', b'\5' + ids(3, 4, 16)
    yield 'used_last', b'\5' + ids(255, (1 << 64) - 1, 16)
    yield 'used_cut', b'\5' + ids(3, 3, 15)

    def memory(version, active):
        return struct.pack('>BQB', version, 12, active) + bytes(range(16)) + struct.pack('>Q', 5)
    yield 'remembered', b'\6' + b''.join(
        held(27, b'gw%d' % i, memory(1, i)) for i in range(4)) + held(27, b'x', memory(2, 1))

    def sent(version):
        return struct.pack('>BIQQQ', version, 5, 11, 0, 3000)
    names = b'\5alice\3bob'
    yield 'pair', b'\7' + held(10, names, sent(2) + left) + held(10, b'\3bob\5alice', sent(1))
    yield 'pair_cut', b'\7' + held(10, names, sent(2) + left[:-1])
    yield 'pair_other', b'\7' + held(10, names, sent(3) + left) + held(10, b'\1a\1b', b'')

    def place(offset, leg=77):
        return struct.pack('>QIQ', leg, 1, offset)

    def waits(header, span=48, size=40):
        return struct.pack('>BQQQIQI', 1, 9000, span, 5, 1, 64, header) + bytes(size)
    yield 'queue', b'\x08' + held(8, place(0), waits(40)) + held(8, place(48), waits(30, 80)) + \
        held(8, place(0, 78), waits(40)) + held(8, place(128), waits(0, 0, 0))
    yield 'queue_header', b'\x08' + held(8, place(0), waits(41)) + held(8, place(48), waits(40))
    yield 'queue_large', b'\x08' + held(8, place(0), waits(40, (1 << 64) - 1)) + \
        held(8, place(48), waits(40, 2))
    yield 'queue_cut', b'\x08' + held(8, place(0)[:-1], waits(40)) + \
        held(8, place(48), waits(40)[:40])

    def kit(version, ready, kind, size=80):
        return struct.pack('>BBBQIQ', version, ready, kind, 77, 1, 4096) + bytes(range(size))
    yield 'pending', b'\x09' + held(11, b'alice', kit(1, 1, 1)) + held(11, b'bob', kit(1, 0, 2))
    for name, value in (('cut', kit(1, 1, 1, 79)), ('kind', kit(1, 1, 9)),
                        ('ready', kit(1, 2, 1)), ('other', kit(2, 1, 1)),
                        ('long', kit(1, 1, 1, 81))):
        yield 'pending_' + name, b'\x09' + held(11, b'alice', kit(1, 1, 1)) + \
            held(11, b'bob', value)


def store():
    put = bytes((1, 1, 255)) + lp8(b'key') + lp8(b'value')
    secret = bytes((2, 2, 0)) + lp8(b'key') + lp8(bytes(40))
    remove = bytes((1, 3, 255)) + lp8(b'key') + lp8(b'')
    trim = bytes((0, 4, 255)) + lp8(b'') + lp8(struct.pack('>I', 1))
    yield 'frames', b'\0\0' + b'\0' + put + b'\1' + put + remove + b'\0' + trim
    yield 'frames_secret', b'\0\0' + b'\1' + put + secret + b'\0' + put
    yield 'frames_lost', b'\0\0' + b'\0' + put + b'\x40' + put
    yield 'log', b'\1' + bytes((0, 9, 65, 0x21, 30, 66, 0x12, 0, 0, 0x80)) + \
        bytes((1, 8, 67, 0x21, 3, 68, 0x81)) + bytes((0x22, 9, 69, 0xff))
    yield 'log_damaged', b'\1' + bytes((0, 9, 65, 0x21, 30, 66, 0x82)) + \
        struct.pack('>IB', 560, 1) + bytes((3, 4, 70, 0x86)) + struct.pack('>IB', 600, 2)
    use = bytes((0x20,)) + struct.pack('>I', 4096) + bytes((0x70,)) + struct.pack('>I', 8000) + \
        bytes((0xa0,)) + bytes(4) + bytes((0x3f,)) + struct.pack('>I', 8000)
    for how in (0, 1):
        yield 'pad_%d' % how, b'\2' + struct.pack('>I', 6000) + bytes([how]) + use + \
            b'\xff' + bytes([how]) + use + b'\xff'
    yield 'pad_damaged', b'\2' + struct.pack('>I', 600) + b'\2' + use + b'\xff' + \
        struct.pack('>IB', 5000, 1) + b'\6' + use + b'\xff' + struct.pack('>IB', 700, 1)
    yield 'slots', b'\3' + bytes((0, 1, 2, 0x60, 0x80, 0x81, 4, 0x61, 0x40, 0x80, 0xc1, 0x80, 0x81,
                                  0x45, 0x60, 0xc2)) + struct.pack('>IB', 600, 1) + b'\x80\x81'
    name = b'source.abcdefghijklmnopqrstuvwxyz234567'
    yield 'mark', b'\4skex pad source used/1\n' + name + b' 4096\n'
    yield 'mark_other', b'\4skex pad source used/1\nsource.' + b'b' * 32 + b' 0\n'


# --- what other programs say to an adapter: operations of fuzz/consumer.h ---

# The next key, the active one, with their bytes; the same without bytes; none.
BOTH, KNOWN, NONE = 0x0f, 0x05, 0x00
SETTLE, STAGE, SWITCH, SWAP = 1, 2, 4, 8


def act(actions, keys):
    return bytes((0, actions, keys))


def look(keys):
    return bytes((1, keys))


def say(text, stream=0, pieces=0):
    """What comes on a stream, at most 63 bytes at once (0: whole)."""
    data = text if isinstance(text, bytes) else text.encode()
    return bytes((2, stream + 4 * pieces)) + lp16(data)


def pass_time(tenths):
    return bytes((4, tenths))


HANG_UP, GIVE_UP = b'\3\0', b'\5'


def wireguard():
    private, psk, other = '99' * 32, '11' * 32, '22' * 32
    mine = 'aabb' + '00' * 30

    def got(key, handshake=0, keepalive=0):
        return ('private_key=%s\nlisten_port=51820\npublic_key=%s\npreshared_key=%s\n'
                'public_key=%s\npreshared_key=%s\nprotocol_version=1\n'
                'last_handshake_time_sec=%d\nlast_handshake_time_nsec=5\ntx_bytes=148\n'
                'persistent_keepalive_interval=%d\nallowed_ip=10.0.0.0/8\nerrno=0\n\n' % (
                    private, 'cc' * 32, other, mine, key, handshake, keepalive))
    yield 'answer', b'\0' + got(psk).encode()
    yield 'answer_refused', b'\0errno=-22\n\n'
    yield 'stage_and_switch', b'\1' + act(STAGE | SWITCH, BOTH) + say(got(psk)) + \
        say('errno=0\n\n') + say('errno=0\n\n') + say(got(other)) + look(BOTH) + \
        say(got(other, 1700000001), pieces=7) + pass_time(200) + look(BOTH) + say(got(other, 9))
    yield 'settle', b'\1' + act(SETTLE, BOTH) + say(got(other, 0, 25)) + say('errno=0\n\n') + \
        say(got(psk)) + look(KNOWN) + say(got(psk)) + look(KNOWN) + say(got('00' * 32))
    yield 'close', b'\1' + act(SETTLE, NONE) + say(got(psk)) + say('errno=1\n\n')
    yield 'ends', b'\1' + act(STAGE, BOTH) + HANG_UP + look(BOTH) + say('nothing\n') + \
        act(SWAP, BOTH) + GIVE_UP + act(SWAP, 0x3f) + say(got(psk)) + b'\6\2' + HANG_UP


def vici_packet(kind, name=None, elements=b''):
    body = bytes([kind]) + (lp8(name.encode()) if name else b'') + elements
    return struct.pack('>I', len(body)) + body


def vici_value(name, text):
    return b'\3' + lp8(name.encode()) + lp16(text.encode())


def vici_section(name, inside):
    return b'\1' + lp8(name.encode()) + inside + b'\2'


def vici_list(name, items):
    return b'\4' + lp8(name.encode()) + b''.join(b'\5' + lp16(i.encode()) for i in items) + b'\6'


def ikev2():
    active, following = ('%s-%s-%s-%s-%s' % tuple(digits * n for n in (4, 2, 2, 2, 6))
                         for digits in ('11', '22'))
    confirm = vici_packet(5)
    fine = vici_packet(1, elements=vici_value('success', 'yes'))
    empty = vici_packet(1)

    def keys(*ids):
        return vici_packet(1, elements=vici_list('keys', ['skex/site/' + i for i in ids] + ['x']))

    def conns(*ids):
        return vici_packet(1, elements=vici_list('conns', ['site-' + i for i in ids] + ['site']))

    def sa(name, number='7', ppk='yes', state='ESTABLISHED'):
        child = vici_section('net-1', vici_value('name', 'net') + vici_value('state', 'INSTALLED'))
        return vici_packet(7, 'list-sa', vici_section(
            name, vici_value('uniqueid', number) + vici_value('state', state) +
            vici_value('ppk', ppk) + vici_section('child-sas', child)))

    def conn(name, ppk):
        child = vici_section('net', vici_value('priority', '390000'))
        return vici_packet(7, 'list-conn', vici_section(
            name, vici_list('local_addrs', ['%any']) + vici_value('ppk_id', ppk) +
            vici_value('ppk_required', 'yes') + vici_section('children', child)))
    log = vici_packet(7, 'control-log', vici_value('group', 'IKE') + vici_value('msg', 'no PPK'))
    heard = vici_packet(7, 'log', vici_value('msg', "using PPK for PPK_ID '%s@x.skex'" % following))
    stage = act(STAGE, BOTH) + say(keys(active)) + say(fine) + say(keys(active, following))
    switch = act(SWITCH, BOTH) + say(confirm) + say(confirm) + say(fine)
    yield 'leader', b'\0' + stage + switch + say(log + fine) + say(fine) + \
        say(sa('site-' + following) + empty) + say(conns(active, following)) + say(fine) + \
        look(BOTH) + say(confirm) + say(confirm) + \
        say(conn('site-' + following, following + '@x.skex') + empty) + \
        say(keys(active, following)) + say(sa('site-' + following) + empty, pieces=5)
    refused = vici_packet(1, elements=vici_value('success', 'no') + vici_value('errmsg', 'no'))
    yield 'leader_stays', b'\0' + stage + switch + say(log + refused) + say(fine) + say(fine) + \
        act(SWITCH, BOTH) + say(confirm) + say(confirm) + say(fine) + say(fine) + say(fine) + \
        say(sa('site-' + following, ppk='no') + empty) + say(fine) + say(fine)
    yield 'leader_settles', b'\0' + act(SETTLE, BOTH) + say(confirm) + \
        say(keys(active, following)) + say(conns(active, following)) + say(fine) + \
        say(fine) + say(fine) + say(fine) + \
        say(sa('site-' + active) + sa('site-' + following, '8') + empty) + say(fine) + \
        say(keys(active)) + say(sa('site-' + active) + empty)
    yield 'follower', b'\1' + act(STAGE, BOTH) + say(keys(active)) + say(fine) + \
        say(confirm) + \
        say(conn('site', '*@x.skex') + empty) + say(fine) + \
        say(conn('site', '*@x.skex') + empty) + say(keys(active, following)) + \
        say(confirm, 1) + say(heard, 1, 9) + look(BOTH) + say(confirm) + say(confirm) + \
        say(conn('site', '*@x.skex') + empty) + say(keys(active, following)) + \
        say(sa('site') + empty) + b'\3\1'
    yield 'follower_settles', b'\1' + act(SETTLE, NONE) + say(confirm) + say(confirm) + \
        say(conn('site', 'x') + empty) + say(keys(active)) + say(conns(active)) + say(fine) + \
        say(fine) + say(empty) + say(keys()) + say(empty)
    yield 'bad', b'\0' + act(STAGE, BOTH) + say(vici_packet(2)) + look(KNOWN) + say(confirm) + \
        say(fine) + act(STAGE, BOTH) + say(b'\0\0\0\1') + act(STAGE, BOTH) + HANG_UP + \
        b'\6\2' + act(STAGE, BOTH) + pass_time(1) + b'\6\1' + act(STAGE, BOTH)


BIRD_WELCOME = '0001 BIRD 2.0.12 ready.\n'
BIRD_STATUS = '1000-BIRD 2.0.12\n1011-Router ID is 10.68.0.1\n Hostname is vm\n' \
              '0013 Daemon is up and running\n'
BIRD_SHOWN = {
    'ospf': '1015-ospf1:\n Interface eth1 (10.68.0.0/24)\n \tHello timer: 10\n'
            ' \tDead timer: 40\n0000 \n'
            '1013-ospf1:\n Router ID   \tPri\t     State     \tDTime\tInterface  Router IP\n'
            ' 10.68.0.2   \t  1\tFull/PtP  \t38.180\teth1       10.68.0.2\n0000 \n',
    'bfd': '1020-bfd1:\n IP address  Interface  State  Since         Interval  Timeout\n'
           ' 10.68.0.2   eth1       Up     22:28:27.199    0.100    0.500\n0000 \n',
    'bgp': '1002-bgp1       BGP        ---        up     22:28:30.782  Established   \n'
           '1006-  BGP state:          Established\n     Current key:    17\n'
           '     RNext key:      255\n   Channel ipv4\n \n0000 \n',
}


def bird():
    for name, text in BIRD_SHOWN.items():
        yield 'reply_' + name, b'\0' + (BIRD_WELCOME + text).encode()
    yield 'reply_status', b'\0' + (BIRD_WELCOME + '+a line of the log\n' + BIRD_STATUS).encode()
    key = '%s; };  # 11111111-1111-1111-1111-111111111111\n'
    lines = [b'\1\0authentication cryptographic;\n' +
             (('password "%s" { id 7; algorithm hmac sha256' % ('1a' * 32)) + key[2:]).encode(),
             b'\1\2' + (('password "%s"' % ('1a' * 32)) + key[2:]).encode(),
             b'\1\3keys {\n' + (('key { id 7; secret "%s"; preferred' % ('1a' * 32)) +
                                key[2:]).encode()]
    for i, line in enumerate(lines):
        yield 'file_%d' % i, line
    work = pass_time(0)
    opened = b'\7\0\0\0'
    configured = say(BIRD_WELCOME) + opened + say('0002-Reading configuration\n0003 Reconfigured\n')
    for method, name in enumerate(('ospf', 'bfd', 'bgp', 'bgp')):
        first, second = (BIRD_SHOWN[name].split('1013-') + [''])[:2]
        shown = say(BIRD_WELCOME) + say(first) + (say('1013-' + second) if second else b'')
        one = work + work + configured + say(BIRD_STATUS)
        yield 'adapter_%d' % method, b'\2' + bytes([method]) + act(STAGE, BOTH) + one + \
            act(SWITCH, BOTH) + one + pass_time(250) + look(BOTH) + work + shown + \
            act(SETTLE, BOTH) + pass_time(30) + one
        yield 'adapter_fails_%d' % method, b'\2' + bytes([method + 128]) + act(STAGE, BOTH) + \
            work + work + say(BIRD_WELCOME) + say('8002 bird.conf:3: syntax error\n') + \
            look(KNOWN) + work + say(BIRD_WELCOME + '8003 No protocols match\n') + \
            b'\7\3\0\0' + look(KNOWN) + work + act(SETTLE, NONE) + work + work


def netlink(kind, fixed, attributes, seq, flags=0):
    body = fixed + attributes
    body += bytes(-len(body) % 4)
    return struct.pack('=IHHII', 16 + len(body), kind, flags, seq, 0) + body


def attribute(kind, value):
    return struct.pack('=HH', 4 + len(value), kind) + value + bytes(-len(value) % 4)


MACSEC_STATUS = 'bssid=01:80:c2:00:00:03\nwpa_state=COMPLETED\nPAE KaY status=Active\n' \
                'Secured=Yes\nIs Key Server=Yes\nckn=' + '22' + '00' * 15 + '\nlive_peers=1\n'


def macsec():
    yield 'status', b'\0' + MACSEC_STATUS.encode()
    networks = 'network id / ssid / bssid / flags\n'
    yield 'networks', b'\0' + (networks + '0\t\tany\t[CURRENT]\n').encode()
    ok, put = 'OK\n', ['OK\n'] * 8
    replies = [MACSEC_STATUS, networks + '0\t\tany\t\n', ok, networks, '1\n'] + put
    yield 'dialog', b'\1' + b''.join(lp16(r.encode()) for r in replies + [networks, '2\n'] +
                                     [ok] * 4 + [MACSEC_STATUS])
    yield 'dialog_refused', b'\1' + b''.join(lp16(r.encode()) for r in (
        MACSEC_STATUS, networks, '1\n', 'FAIL\n', 'FAIL\n'))

    def ack(seq, error=0):
        return netlink(2, struct.pack('=i', error) + bytes(16), b'', seq)

    def answer(where, *messages):
        return bytes([where]) + lp16(b''.join(messages))
    sa = attribute(1, attribute(1, b'\1') + attribute(2, b'\1') +
                   attribute(3, struct.pack('=I', 9)) + attribute(5, bytes([0x22] * 16)) +
                   attribute(6, attribute(1, bytes(4))))
    channel = attribute(1, attribute(1, bytes((2, 0, 0, 0, 0, 2, 0, 1))) + attribute(3, sa))
    dump = attribute(1, struct.pack('=I', 5)) + attribute(4, attribute(1, bytes(8)) + attribute(
        4, struct.pack('=Q', 0x0080c20001000002)) + attribute(6, b'\1') + attribute(8, b'\1')) + \
        attribute(5, sa) + attribute(6, channel)
    link = struct.pack('=BxHiII', 0, 1, 5, 0, 0)
    begin = answer(0, netlink(16, link, b'', 0), ack(0)) + \
        answer(1, netlink(16, struct.pack('=BBH', 1, 2, 0),
                          attribute(1, struct.pack('=H', 30)), 1)) + \
        answer(1, ack(1))
    read = answer(1, netlink(30, struct.pack('=BBH', 0, 1, 0), dump, 2), netlink(
        3, struct.pack('=i', 0), b'', 2))
    yield 'kernel', b'\2' + begin + read + b''.join(answer(1, ack(n)) for n in range(3, 13)) + \
        answer(0, ack(13)) + answer(0, ack(12))
    torn = netlink(3, struct.pack('=i', 0), b'', 2, 0x10)
    yield 'kernel_torn', b'\2' + begin + answer(1, torn) + \
        answer(1, netlink(30, struct.pack('=BBH', 0, 1, 0), dump, 3), netlink(
            3, struct.pack('=i', 0), b'', 3)) + answer(1, ack(4, -1)) + answer(1, ack(5, -1))


def hub_line():
    enrol = '{"id":1,"op":"enrol","agent":"alice","pad_bytes":65536}\n'
    agent = '{"id":2,"op":"%s","agent":"alice"}\n'
    every = ''.join(agent % op for op in ('show', 'kit_taken', 'ban', 'unban', 'purge', 'resume',
                                          'evict'))
    plain = ''.join('{"id":3,"op":"%s"}\n' % op for op in ('status', 'ls', 'metrics', 'tokens'))
    token = '{"id":4,"op":"token","agent":"bob","minutes":10,"ask":true}\n'
    for who in (0, 1, 5):
        yield 'all_%d' % who, bytes([who]) + (plain + enrol + every + token).encode()
    yield 'enrol_again', b'\3' + (enrol + enrol[:-2] + ',"again":true}\n' +
                                  agent % 'show').encode()
    yield 'refill', b'\3' + (enrol + agent % 'kit_taken' +
                             '{"id":1,"op":"refill","agent":"alice","pad_bytes":65536}\n').encode()
    yield 'tokens', b'\3' + (token + ''.join(
        '{"id":5,"op":"%s","token":"0a0b"}\n' % op
        for op in ('token_approve', 'token_reject', 'token_revoke'))).encode()
    yield 'no_json', b'\1{"id":1,"op":\n[]\n{"id":1}\n{"id":1,"op":"none"}\n'


def datagram():
    begin = bytes((0, 0, 1, 0)) + bytes((1, 0, 100, 10))
    back = bytes((0, 1, 2, 0)) + bytes((1, 0, 100, 10))
    yield 'begin', begin + back
    yield 'replayed', begin + b''.join(bytes((3, i, 0, 0)) for i in range(12)) + back
    yield 'changed', begin + b''.join(bytes((3, i, 20 + i, 1)) for i in range(8)) + back
    yield 'cut', begin + b''.join(bytes((4, i, 24, 4)) + b'rest' for i in range(6)) + back
    yield 'made_up', bytes((2, 0, 0, 8)) + b'\1' * 8 + bytes((2, 1, 1, 40)) + bytes(40) + begin
    yield 'dies', bytes((0, 0, 1, 0, 1, 0, 1, 2, 5, 1, 1, 0)) + begin + bytes((5, 0, 0, 0)) + back
    yield 'refused', bytes((6, 1, 9, 0)) + begin + bytes((6, 1, 0, 0)) + begin
    yield 'apart', bytes((7, 0, 0, 0)) + begin + back + bytes((7, 0, 0, 0)) + begin


TARGETS = [wire, dske, leg, text, record, loaded, config, kit, store, wireguard, ikev2, bird,
           macsec, hub_line, datagram]


def main():
    for target in TARGETS:
        folder = os.path.join(HERE, 'corpus', target.__name__)
        os.makedirs(folder, exist_ok=True)
        for name, data in target():
            with open(os.path.join(folder, name), 'wb') as f:
                f.write(data)


main()
