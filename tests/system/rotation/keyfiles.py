#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real stunnel, GnuTLS and mosquitto, whose TLS PSKs are rotated in their key files.

usage: keyfiles.py BUILD
"""

import os
import secrets
import threading
import time

from keyfile_services import (PLAIN, Echo, EchoServer, Gnutls, Mosquitto, Stunnel, Traffic,
                              keys_in, own_network, read, takes, write)
from rotation_harness import main, ok

HOUR = 3600000


def under_traffic(service, what, rotations=10):
    """The agents are there first, and the service finds keys when it comes."""
    client, server = service.path('client.psk'), service.path('server.psk')
    with service.ends(2000) as ends:
        ok(ends.until(lambda _: os.path.exists(server) and os.path.exists(client) and
                      len(keys_in(server)) == len(keys_in(client)) == 1),
           '%s: there is a key that nobody knows before there is one' % what)
        for name in ['server', 'client']:
            if name == 'server' or service.client[0] != '-':
                service.start(name)
        ok(ends.rotated(1) and service.once(), '%s: the first key is agreed' % what)
        first = keys_in(client)[0]
        session = service.session(*first)
        failures = ends.most_failures
        with Traffic(service.once) as traffic:
            ok(ends.rotated(1 + rotations), '%s: ten rotations' % what)
        ok(ends.most_failures == failures, '%s: none of which failed' % what)
        ok(traffic.made > rotations and not traffic.failures,
           '%s: none of %d connections was refused' % (what, traffic.made))
        ok(not takes(*first), '%s: the first key is refused' % what)
        ok(not service.resumes(session), '%s: so is a session that was made with it' % what)
        ends.order('cut')
        ok(ends.until(lambda _: takes(*keys_in(client)[0])), '%s: the one in use is not' % what)
        identity = keys_in(client)[0][0]
        ok(not takes(identity, secrets.token_hex(32)) and
           not takes('test.nobody', secrets.token_hex(32)),
           '%s: a client without the key does not get through' % what)


def restarts(service, what):
    client, server = service.path('client.psk'), service.path('server.psk')
    with service.ends(HOUR) as ends:
        ok(ends.rotated(1) and service.once(), '%s: a key that stays' % what)
        before = keys_in(client)
        service.stop('server')
        service.start('server')
        ok(service.once() and keys_in(client) == before,
           '%s: started again, it has the same key' % what)
        # In the middle of a rotation: both keys are in the file, or one of them.
        ends.order('order')
        ends.until(lambda last: last[1]['state'] != 0)
        service.stop('server')
        ok(keys_in(client) != [] and not service.once(), '%s: it is away in a rotation' % what)
        service.start('server')
        ok(ends.rotated(2) and service.once() and keys_in(client) == keys_in(server) != before,
           '%s: it comes back, and the rotation comes to its end' % what)
        settled = keys_in(client)
        ends.order('start 0')
        ok(ends.until(lambda _: keys_in(client) == keys_in(server) != settled) and ends.rest() and
           service.once(),
           '%s: the agent of the client starts again, and gives a new key' % what)
        settled = keys_in(client)
        ends.order('start 1')
        ok(ends.rest() and service.once() and keys_in(client) == keys_in(server) == settled,
           '%s: the agent of the server starts again, and the key is the same' % what)
        # Lines of others, and an old copy of the file.
        old = read(server)
        ends.order('order')
        ok(ends.rotated(1) and ends.until(lambda _: keys_in(client) == keys_in(server) != settled),
           '%s: the next key' % what)
        write(server, 'their:0123456789abcdef0123456789abcdef\n' + old)
        ok(ends.until(lambda _: keys_in(server) == keys_in(client)) and service.once() and
           read(server).startswith('their:0123456789abcdef0123456789abcdef\n'),
           '%s: an old copy of the file is mended, and the line of others stays' % what)
        ok(ends.until(lambda _: not takes(*settled[0])), '%s: the old key is refused' % what)


def closed(service, what):
    client = service.path('client.psk')
    with service.ends(HOUR, grace_ms=60000) as ends:
        ok(ends.rotated(1) and service.once(), '%s: a key with little grace' % what)
        last_key = keys_in(client)[0]
        ends.order('cut')
        ends.order('skip 4000000')
        ok(ends.until(lambda last: last[0]['closed'] and last[1]['closed']) and
           ends.until(lambda _: not takes(*last_key)) and not service.once(),
           '%s: when its grace is over nothing goes through' % what)
        ends.order('mend')
        ok(ends.until(lambda last: not last[0]['closed'] and not last[1]['closed']) and
           ends.until(lambda _: service.once()), '%s: until there is a new key' % what)


def lost_reloads(service):
    """stunnel takes no file with a line that it cannot read, and goes on with the old one."""
    client, server = service.path('client.psk'), service.path('server.psk')
    with service.ends(HOUR) as ends:
        ok(ends.rotated(1) and service.once(), 'stunnel: a key that stays')
        for end, path in [(1, server), (0, client)]:
            before = keys_in(client)
            ends.order('start 0')
            ends.order('start 1')
            # After a start there is a new key.
            ends.until(lambda _, old=before: keys_in(client) == keys_in(server) != old)
            ends.rest()
            before = keys_in(client)
            write(path, read(path) + 'no line of keys\n')
            ends.order('order')
            with Traffic(service.once) as traffic:
                ok(ends.until(lambda last: last[0]['failures'] >= 1) and
                   ends.until(lambda _: keys_in(client) == before),
                   'stunnel: end %d cannot read its file: the old key stays' % end)
                # One by one: the agent changes the file as well.
                while 'no line' in read(path):
                    write(path, read(path).replace('no line of keys\n', ''))
                    time.sleep(0.2)
                ok(ends.until(lambda last: last[0]['failures'] == 0) and
                   ends.until(lambda _: keys_in(client) == keys_in(server) != before),
                   'stunnel: it can again: the next round goes through')
            ok(not traffic.failures, 'stunnel: none of %d connections was refused' % traffic.made)
        ok(any('does not take the key' in text for text in ends.events[1]),
           'stunnel: an operator is told what is wrong')
        # A signal that goes to nobody.
        os.rename(service.path('server.pid'), service.path('away'))
        ends.order('order')
        ok(ends.until(lambda last: 'start the service' in last[1]['problem']) and service.once(),
           'stunnel: without its pid file it is not told, and the old key stays')
        os.rename(service.path('away'), service.path('server.pid'))
        before = keys_in(client)
        ok(ends.until(lambda _: keys_in(client) == keys_in(server) != before) and service.once(),
           'stunnel: and then it is')


def test(folder):
    own_network()
    with EchoServer(('127.0.0.1', PLAIN), Echo) as echo:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        for kind in [Stunnel, Gnutls, Mosquitto]:
            what = kind.__name__.lower()
            place = os.path.join(folder, what)
            os.mkdir(place, 0o700)
            os.chmod(folder, 0o755)
            with kind(place) as service:
                under_traffic(service, what)
                restarts(service, what)
                closed(service, what)
                if kind is Stunnel:
                    lost_reloads(service)
        status = os.stat(os.path.join(folder, 'mosquitto', 'server.psk'))
        ok(status.st_mode & 0o777 == 0o640 and status.st_uid == 0 and status.st_gid != 0,
           'mosquitto: its file has the owner and mode that it had')
        echo.shutdown()


main('keyfiles', test)
