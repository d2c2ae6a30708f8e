#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page docs/hubs.md from its first command to its last, with hubs and agents that it starts."""

import os
import socket
import sys

from docs_harness import SOURCE, run_page
from lab_harness import BUILD, Tap

PAGE = os.path.join(SOURCE, 'docs', 'hubs.md')


def ports(count):
    """As many that are free."""
    held = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    numbers = [str(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return numbers


tap = Tap()
run_page(tap, PAGE, {'PATH': os.path.abspath(BUILD) + ':' + os.environ['PATH']},
         dict(zip(('7101', '7102', '7103'), ports(3))))
tap.end()
