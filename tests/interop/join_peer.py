# SPDX-License-Identifier: Apache-2.0
"""An agent that joins a hub with a token and opens its leg, from docs/spec/ alone.

join.md for the token, the run and what comes of it, pairwise.md for the run, distributed.md for the
packets of the leg. Numbers in comments are sections of join.md.
"""

import os
import os.path
import socket
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ['system', 'vectors']:
    sys.path.insert(0, os.path.join(HERE, '..', folder))

from armour import JOIN, bytes_of  # noqa: E402
from distributed_wire import (  # noqa: E402
    ACK, AEADS, HELLO, PING, ack, hello, next_epoch_key, packet, ping, ratchet_pad, with_prefix)
from join import ask_of, association_of, leg_of, token_bytes  # noqa: E402
from pairwise_carried import Credential, Reader  # noqa: E402
from pairwise_content import BLOB  # noqa: E402
from pairwise_math import NAMES, tlv, u32  # noqa: E402
from pairwise_peer import Peer  # noqa: E402

PATIENCE = 60.0  # seconds; only against hanging
START = {'generation': 0, 'offset': 0}


class Closed(Exception):
    """The hub ended the connection without a word."""


class Token:
    """What a line says (2); ValueError when it is none."""

    def __init__(self, line):
        data = bytes_of(JOIN, line)
        read = Reader(data)
        version = read.number(1)
        said = {'id': read.take(16).hex(), 'secret': read.take(32).hex(),
                'hub_id': read.take(16).hex(), 'hub': read.lp8().decode(),
                'agent': read.lp8().decode(), 'expires_ms': read.number(8),
                'suite': read.number(1),
                'limits': [read.number(8), read.number(8), read.number(4)]}
        said['addresses'] = read.take(read.number(2)).decode()
        read.end()
        if version != 1 or token_bytes(said) != data:
            raise ValueError('no token of this version')
        self.said = said
        self.addresses = [(host, int(port)) for host, port in (
            address.split(' ') for address in said['addresses'].split(','))]


class Connection:
    """Frames over TCP: u32 size, then what it says (4)."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(u32(len(data)) + data)
        except OSError as error:
            raise Closed from error

    def take(self, size):
        data = b''
        while len(data) < size:
            try:
                piece = self.socket.recv(size - len(data))
            except ConnectionError:
                piece = b''
            if not piece:
                raise Closed
            data += piece
        return data

    def receive(self):
        return self.take(int.from_bytes(self.take(4), 'big'))

    def answer(self, data):
        self.send(data)
        return self.receive()


class Joiner:
    """An agent with a token; each run gives another leg."""

    def __init__(self, line, name, **changed):
        self.token, self.name = Token(line), name.encode()
        said = dict(self.token.said, **changed)
        ids, purpose = association_of(said)
        self.peer = Peer(Credential(bytes.fromhex(said['secret']), 1, ids, purpose=purpose), 1)

    def connect(self):
        return Connection(self.token.addresses[0])

    def begin(self, blob=None):
        return self.peer.begin(None, plain=tlv(BLOB, ask_of(self.name) if blob is None else blob))

    def run(self, blob=None):
        """M1 to M4 (5); the leg that comes of it (6)."""
        begun = self.begin(blob)
        with self.connect() as hub:
            third = begun.third(hub.answer(begun.first))
            session = begun.session(hub.answer(third))
        return Leg(self.token, *leg_of(session.exp, self.name))


class Leg:
    """The agent's end of a ratchet leg, as far as it is needed to see that it works."""

    def __init__(self, token, number, pads, seed, keys):
        self.token, self.number, self.pads, self.seed = token, number, pads, seed
        self.envelope_keys = keys   # of epoch 0
        # A sender begins a new epoch at each start (distributed.md, 3).
        self.epoch, self.key = 1, next_epoch_key(keys[0])
        self.hub_keys = [keys[1]]
        self.sequence = self.offset = 0

    def seal(self, header):
        sealed = packet(self.number, {'epoch': self.epoch, 'sequence': self.sequence,
                                      'epoch_key': self.key, 'aead': self.token.said['suite']},
                        header, b'')
        self.sequence += 1
        return sealed

    def open(self, data):
        """The header of a packet of the hub."""
        size, epoch = int.from_bytes(data[2:4], 'big'), int.from_bytes(data[4:8], 'big')
        while len(self.hub_keys) <= epoch:
            self.hub_keys.append(next_epoch_key(self.hub_keys[-1]))
        aead = AEADS[self.token.said['suite']](self.hub_keys[epoch])
        return aead.decrypt(bytes(8) + data[16:20], data[20:36 + size], data[:20])

    def greet(self, hub):
        """HELLO 1 to 3 (distributed.md, 6.4); what HELLO 2 says."""
        nonce = os.urandom(16)
        said = {'direction': 0, 'stage': 1, 'highest_version': 1, 'nonce': nonce,
                'echo': bytes(16), 'sent': START, 'received': START, 'wall_ms': 0}
        answer = self.open(hub.answer(self.seal(hello(said))))
        if answer[:3] != bytes([HELLO, 1, 2]) or answer[20:36] != nonce:
            raise ValueError('no answer to HELLO')
        hub.send(self.seal(hello(dict(said, stage=3, echo=answer[4:20]))))
        return answer

    def ack(self):
        """An ACK of nothing, which takes a tag key out of the ratchet's pad."""
        at = {'generation': 0, 'offset': self.offset}
        key = ratchet_pad(self.seed, self.number, 0, 0, self.offset, 32)
        scope = {'direction': 0, 'pad': self.pads[0], 'leg': self.number,
                 'hub': bytes.fromhex(self.token.said['hub_id'])}
        self.offset += 32
        return self.seal(with_prefix(scope, ACK, at, key,
                                     ack({'received': START, 'refused': []}), b''))

    def received(self, hub):
        """How much of the pad to the hub it has received, by its PING."""
        hub.send(self.seal(ping({'direction': 0, 'answer_wanted': 1, 'received': START})))
        while True:
            answer = self.open(hub.receive())
            if answer[:3] == bytes([PING, 1, 0]):
                return int.from_bytes(answer[8:16], 'big')


def name_of(data):
    return NAMES[data[0] & 15]
