# SPDX-License-Identifier: Apache-2.0
"""What `skex` draws on a terminal, and its QR codes as pictures."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import zlib


def modules(drawing):
    """The light modules of a code drawn in half blocks: rows of 0 (dark) and 1."""
    rows = []
    for line in drawing.rstrip('\n').split('\n'):
        rows.append([c in '\u2588\u2580' for c in line])
        rows.append([c in '\u2588\u2584' for c in line])
    return rows


def write_png(file, rows, scale=6):
    """A grey PNG."""
    width = len(rows[0]) * scale
    raw = b''
    for row in rows:
        raw += (b'\0' + bytes(255 * m for m in row for _ in range(scale))) * scale
    with open(file, 'wb') as f:
        f.write(b'\x89PNG\r\n\x1a\n')
        head = struct.pack('>IIBBBBB', width, len(rows) * scale, 8, 0, 0, 0, 0)
        for kind, data in ((b'IHDR', head), (b'IDAT', zlib.compress(raw)), (b'IEND', b'')):
            f.write(struct.pack('>I', len(data)) + kind + data
                    + struct.pack('>I', zlib.crc32(kind + data)))


def at_terminal(command, columns=120, typed=''):
    """Runs a command with a terminal; its exit code and what is shown."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack('HHHH', 50, columns, 0, 0))
    with subprocess.Popen(command, stdin=child, stdout=child, stderr=child,
                          start_new_session=True) as process:
        os.close(child)
        os.write(parent, typed.encode())
        shown = b''
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:
                break
            if not piece:
                break
            shown += piece
    os.close(parent)
    return process.returncode, shown.decode().replace('\r\n', '\n')
