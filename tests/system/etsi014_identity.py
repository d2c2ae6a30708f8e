#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may speak to the 014 server: certificates of every kind, and the SAE id that is read in them.

usage: etsi014_identity.py LAUNCHER
"""

import socket
import ssl
import subprocess
import sys
import time

from etsi014_harness import Authority, Server, Tap, openssl, run_cases

tap = Tap()
server = Server(sys.argv[1])
agent = server.agent
other = Authority(server.directory, 'other')
DAY = 86400


def identity_of(certificate):
    """The SAE that the agent is asked for, or the HTTP code and body when it is not asked."""
    before = len(agent.requests)
    client = server.client(certificate, weak=True)
    answer = client.get('sae-b/status')
    client.close()
    if len(agent.requests) > before:
        return agent.requests[-1]['local']
    return (answer.status, answer.body)


REFUSED = (401, b'')


def no_certificate():
    tap.equal('no certificate: 401 without a body', identity_of(None), REFUSED)
    before = len(agent.requests)
    for method, path, body in [('GET', '/', None), ('POST', '/api/v1/keys/sae-b/enc_keys', b'{}'),
                               ('PUT', '/x', b'x' * 100000), ('GET', '/api/v1/keys/ /x', None)]:
        client = server.client(None)
        try:
            answer = client.ask(method, path.replace(' ', '%20'), body)
            got = (answer.status, answer.body, answer.headers.get('connection'))
        except OSError as error:  # closed while the body was being sent
            got = error.__class__.__name__ if body and len(body) > 65536 else error
        tap.check('%s %s without a certificate' % (method, path),
                  got in [(401, b'', 'close'), 'ConnectionResetError', 'BrokenPipeError',
                          'SSLEOFError', 'SSLError'], got)
    tap.equal('the agent is asked nothing', len(agent.requests), before)


def nothing_else():
    """Whatever a stranger sends, the 401 is all of the answer."""
    line = b'GET /api/v1/keys/sae-b/status HTTP/1.1\r\n'
    for name, text in [('three requests', (line + b'Host: x\r\n\r\n') * 3),
                       ('no more than a request line', line),
                       ('a bad length', line + b'Content-Length: x\r\n\r\n'),
                       ('a bad header', line + b' : \r\n\xff\r\n\r\n'),
                       ('long headers', line + b'X: %s\r\n\r\n' % (b'x' * 20000)),
                       ('no method', b' / HTTP/1.1\r\n\r\n'),
                       ('no HTTP', b'hello\r\n\r\n')]:
        with server.tls(None) as tls:
            received = b''
            try:
                tls.sendall(text)
                tls.settimeout(30)
                while part := tls.recv(4096):
                    received += part
            except OSError:
                pass
            tap.check('a stranger sends %s' % name, received == b'' or (
                received.startswith(b'HTTP/1.1 401 ') and received.endswith(b'\r\n\r\n') and
                received.count(b'HTTP/1.') == 1), received)


def bad_certificates():
    self_signed = Authority(server.directory, 'sae-self')
    now = time.time()
    cases = {
        'self-signed': (self_signed.certificate, self_signed.key),
        'of another CA': other.issue('sae-other', subject='/CN=sae-a'),
        'expired': server.ca.issue_until('sae-expired', now - 2 * DAY, now - DAY),
        'not valid yet': server.ca.issue_until('sae-early', now + DAY, now + 2 * DAY),
        'for servers only': server.ca.issue('sae-server', usage='serverAuth'),
        'signed with SHA-1': server.ca.issue('sae-sha1', more=['-sha1']),
        'without a name': server.ca.issue('none', subject='/O=x'),
        'with two common names': server.ca.issue('two', subject='/CN=sae-a/CN=sae-b'),
        'with two in one part': server.ca.issue('multi', subject='/CN=sae-a+CN=sae-b'),
        'with two alternative names': server.ca.issue(
            'sans', subject='/O=x', san='URI:sae-a,DNS:sae-b'),
        'with a mail address only': server.ca.issue('mail', subject='/O=x', san='email:a@b.c'),
        'with a long alternative name': server.ca.issue(
            'long-san', subject='/O=x', san='DNS:%s,URI:sae-a' % ('x' * 100)),
    }
    for name, subject in [('a space', 'sae a'), ('a quote', 'sae"a'), ('an umlaut', 's\u00e4e'),
                          ("'>'", 'a>b'), ('a comma', 'a,b'), ('a backslash', 'a\\\\b')]:
        cases['with %s in the name' % name] = server.ca.issue('odd', subject='/CN=' + subject)
        got = identity_of(cases.pop('with %s in the name' % name))
        tap.equal('with %s in the name' % name, got, REFUSED)
    for name, certificate in cases.items():
        tap.equal(name, identity_of(certificate), REFUSED)
    # Signed with the right name, but by whoever holds an end entity's certificate.
    fake = Authority(server.directory, 'fake')
    fake.certificate, fake.key = server.paths('sae-b')
    tap.equal('signed by another SAE', identity_of(fake.issue('by-sae', subject='/CN=sae-a')),
              REFUSED)


def good_certificates():
    issue = server.ca.issue
    for name, certificate, wanted in [
            ('the common name', issue('good'), 'good'),
            ('for any purpose', issue('any', usage=None), 'any'),
            ('the common name goes before the others',
             issue('before', san='DNS:x.example,URI:urn:x'), 'before'),
            ('the only URI', issue('uri', subject='/O=x', san='URI:urn:sae:7'), 'urn:sae:7'),
            ('the only DNS name', issue('dns', subject='/O=x', san='DNS:a.example,email:a@b.c'),
             'a.example'),
            ('signs', issue('signs', subject='/CN=a\\+b\\=c;d<e#%'), 'a+b=c;d<e#%')]:
        tap.equal(name, identity_of(certificate), wanted)
    longest = issue('longest', subject='/O=x', san='URI:' + 'x' * 80)
    tap.equal('80 bytes', identity_of(longest), 'x' * 80)
    tap.equal('81 bytes', identity_of(
        issue('longer', subject='/O=x', san='URI:' + 'x' * 81)), REFUSED)


def chains():
    authority = Authority(server.directory, 'middle')
    request = server.directory + '/middle.csr'
    openssl('req', '-new', '-key', authority.key, '-subj', '/CN=middle', '-out', request)
    with open(server.directory + '/middle.ext', 'w', encoding='ascii') as f:
        f.write('basicConstraints=critical,CA:TRUE\n')
    openssl('x509', '-req', '-in', request, '-CA', server.ca.certificate, '-CAkey', server.ca.key,
            '-set_serial', '7', '-extfile', server.directory + '/middle.ext',
            '-out', authority.certificate, '-days', '30')
    certificate, key = authority.issue('below')
    tap.equal('the CA between is not known', identity_of((certificate, key)), REFUSED)
    with open(certificate, 'a', encoding='ascii') as f, \
            open(authority.certificate, encoding='ascii') as g:
        f.write(g.read())
    tap.equal('the client sends the CA between', identity_of((certificate, key)), 'below')


def expires_while_connected():
    now = time.time()
    client = server.client(server.ca.issue_until('sae-short', now - DAY, now + 5))
    tap.equal('before it expires', client.get('sae-b/status').status, 401)
    asked = agent.requests[-1]['local']
    time.sleep(max(0, now + 6.5 - time.time()))
    before = len(agent.requests)
    answer = client.get('sae-b/status')
    tap.equal('its SAE was asked about', asked, 'sae-short')
    tap.equal('after it has expired', (answer.status, len(agent.requests)), (401, before))


def versions():
    for version, name in [(ssl.TLSVersion.TLSv1_2, 'TLS 1.2'), (ssl.TLSVersion.TLSv1_3, 'TLS 1.3')]:
        context = server.context('sae-a')
        context.minimum_version = context.maximum_version = version
        with socket.create_connection((server.host, server.port)) as raw, \
                context.wrap_socket(raw, server_hostname=server.host) as tls:
            tls.sendall(b'GET /api/v1/keys/sae-b/status HTTP/1.0\r\n\r\n')
            tap.check(name, b'200 OK' in tls.recv(4096))
    # Whatever this machine's own policy is, OpenSSL is told to try.
    old = subprocess.run(
        ['openssl', 's_client', '-connect', '%s:%d' % (server.host, server.port), '-tls1_1',
         '-cipher', 'ALL:@SECLEVEL=0'], input=b'', capture_output=True, timeout=120, check=False)
    tap.check('TLS 1.1 is refused', old.returncode != 0 and b'Cipher is (NONE)' in old.stdout,
              old.stdout.decode(errors='replace'))
    with socket.create_connection((server.host, server.port)) as raw:
        raw.settimeout(15)
        raw.sendall(b'GET /api/v1/keys/sae-b/status HTTP/1.1\r\nHost: x\r\n\r\n')
        try:
            plain = raw.recv(4096)
        except OSError:
            plain = b''
        tap.check('without TLS there is no HTTP', b'HTTP' not in plain, plain)


def end():
    tap.check('refusals are logged',
              'without an acceptable client certificate: ' in server.log_text())
    tap.equal('ended well', server.stop(), 0)


run_cases(tap, [no_certificate, nothing_else, bad_certificates, good_certificates, chains,
                versions, expires_while_connected, end])
tap.end()
