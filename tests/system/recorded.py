# SPDX-License-Identifier: Apache-2.0
"""A network that records what passes it."""

import socket
import struct
import time


class Record:
    """What is sent to a port of this machine, as a network sees it."""

    def __init__(self, port):
        self.port = port
        # Of loopback each packet comes twice, going out and coming in.
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.socket.bind(('lo', 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.settimeout(0.5)

    def streams(self, seconds=120):
        """The bytes of each connection from its beginning, without repetitions; until nothing
        comes any more, or for so long."""
        parts = {}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                packet, (_, _, kind, *_) = self.socket.recvfrom(65536)
            except TimeoutError:
                break
            if kind == socket.PACKET_OUTGOING or packet[9] != 6:
                continue
            tcp = packet[(packet[0] & 15) * 4:struct.unpack('>H', packet[2:4])[0]]
            source, target, number = struct.unpack('>HHI', tcp[:8])
            data = tcp[(tcp[12] >> 4) * 4:]
            if target == self.port and data:
                parts.setdefault(source, {})[number] = data
        self.socket.close()
        return [b''.join(one[at] for at in sorted(one)) for one in parts.values()]
