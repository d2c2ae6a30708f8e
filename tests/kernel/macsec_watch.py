# SPDX-License-Identifier: Apache-2.0
"""Watches one end of a MACsec link: which keys its kernel is given, and what it sends under each.

usage: macsec_watch.py LINK

Runs in the network namespace of that end, where LINK is the device under the MACsec interface and
nlmon0 is one of nlmon, which has what is said to the kernel by netlink. For each line on standard
input it prints what there was since it began, in JSON:

  frames, clear   on LINK, both ways; and those that are none of MACsec's
  keys, sent      how many times a key was put in to send; and frames that were sent under one
  wrong           what must never be: see the words
"""

import json
import select
import socket
import struct
import sys

BOTH, OUTGOING = 3, 4  # ETH_P_ALL, PACKET_OUTGOING
GENERIC = 16  # NETLINK_GENERIC, and the number of its family that knows the others
REQUEST, ERROR = 1, 2  # NLM_F_REQUEST, NLMSG_ERROR
ADD_TXSA, ADD_RXSA = 4, 7  # of linux/if_macsec.h
SA_CONFIG = 3
AN, KEY, KEYID = 1, 4, 5


def attributes(data):
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from('=HH', data)
        if size < 4:
            break
        found[kind & 0x3fff] = data[4:size]
        data = data[(size + 3) & ~3:]
    return found


def family():
    """The number of the family "macsec"."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, GENERIC) as s:
        name = struct.pack('=HH8s', 4 + 7, 2, b'macsec')
        s.send(struct.pack('=IHHIIBBH', 20 + len(name), GENERIC, REQUEST, 1, 0, 3, 1, 0) + name)
        return struct.unpack('=H', attributes(s.recv(65536)[20:])[1])[0]


class Watch:
    def __init__(self, link):
        self.link = link
        self.family = family()
        # All devices come through one socket, and so in their order.
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(BOTH))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
        self.socket.setblocking(False)
        self.frames = self.clear = self.keys = self.sent = 0
        self.wrong = []
        self.asked = {}  # number of a request: what is to be put in
        self.given = set()  # (sends, id) and (sends, bytes) of all keys that were put in
        self.key = {}  # number: id of the key under which it sends
        self.numbers = {}  # (SCI, id): packet numbers that were used

    def say(self, text):
        if len(self.wrong) < 20:
            self.wrong.append(text)

    def put_in(self, sends, number, key_id, key):
        if sends:
            self.keys += 1
            self.key[number] = key_id
        for what in (key_id, key):
            if (sends, what) in self.given:
                self.say('key %s was put in again, to %s'
                         % (key_id.hex(), 'send' if sends else 'receive'))
                break
        self.given |= {(sends, key_id), (sends, key)}

    def message(self, kind, flags, sequence, rest):
        if kind == ERROR:
            asked = self.asked.pop(sequence, None)
            if asked and struct.unpack_from('=i', rest)[0] == 0:
                self.put_in(*asked)
        elif kind == self.family and flags & REQUEST and rest[0] in (ADD_TXSA, ADD_RXSA):
            config = attributes(attributes(rest[4:])[SA_CONFIG])
            self.asked[sequence] = (rest[0] == ADD_TXSA, config[AN][0], config[KEYID], config[KEY])

    def netlink(self, data):
        while len(data) >= 16:
            size, kind, flags, sequence = struct.unpack_from('=IHHI', data)
            if size < 16:
                break
            self.message(kind, flags, sequence, data[16:size])
            data = data[(size + 3) & ~3:]

    def frame(self, frame, outgoing):
        self.frames += 1
        if frame[12:14] != b'\x88\xe5':
            self.clear += 1
            return
        if not outgoing:
            return
        # Flags and number, short length, packet number, SCI.
        number, pn, sci = frame[14] & 3, int.from_bytes(frame[16:20], 'big'), frame[20:28]
        if number not in self.key:
            self.say('a frame under number %d, which has no key' % number)
            return
        self.sent += 1
        used = self.numbers.setdefault((sci, self.key[number]), set())
        if pn in used:
            self.say('packet number %d of %s came again under key %s'
                     % (pn, sci.hex(), self.key[number].hex()))
        used.add(pn)

    def read(self):
        """All that is there."""
        while True:
            try:
                data, (device, protocol, kind, *_) = self.socket.recvfrom(65536)
            except BlockingIOError:
                return
            if device == self.link:
                self.frame(data, kind == OUTGOING)
            elif device == 'nlmon0' and protocol == GENERIC:
                self.netlink(data)

    def report(self):
        self.read()
        # struct tpacket_stats of SOL_PACKET, PACKET_STATISTICS.
        missed = struct.unpack('=II', self.socket.getsockopt(263, 6, 8))[1]
        if missed:
            self.say('%d packets were too many to be watched' % missed)
        print(json.dumps({'frames': self.frames, 'clear': self.clear, 'keys': self.keys,
                          'sent': self.sent, 'wrong': self.wrong}), flush=True)


def main():
    watch = Watch(sys.argv[1])
    print('ready', flush=True)
    while True:
        ready = select.select([watch.socket, sys.stdin], [], [])[0]
        watch.read()
        if sys.stdin in ready:
            if not sys.stdin.readline():
                return
            watch.report()


main()
