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


TARGETS = [wire, dske, leg, text, record, config, kit, store]


def main():
    for target in TARGETS:
        folder = os.path.join(HERE, 'corpus', target.__name__)
        os.makedirs(folder, exist_ok=True)
        for name, data in target():
            with open(os.path.join(folder, name), 'wb') as f:
                f.write(data)


main()
