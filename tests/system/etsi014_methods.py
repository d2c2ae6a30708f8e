#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every method of the 014 server, in both forms, every field and every error it prescribes.

usage: etsi014_methods.py LAUNCHER
"""

import base64
import json
import sys
import uuid

from etsi014_harness import Server, Tap, run_cases
from etsi014_schema import answer_faults

SIZE = 'size shall be a multiple of 8'
MANDATORY = 'not all extension_mandatory parameters are supported'
NOT_FOUND = 'one or more keys specified are not found on KME'

tap = Tap()
server = Server(sys.argv[1], keys_max=20)
agent = server.agent
alice = server.client('sae-a')
bob = server.client('sae-b')
first = None  # address of alice's connection


def good(name, kind, answer):
    found = answer_faults(kind, answer)
    return tap.check(name, not found, '%s\n%r' % (found, answer))


def bad(name, answer, status, message=None):
    """An Error with this code; message has to be equal, or to begin so if it ends with '*'."""
    found = answer_faults('error', answer)
    if answer.status != status:
        found.append('not %d' % status)
    if message is not None and not (answer.message == message or message.endswith('*')
                                    and answer.message.startswith(message[:-1])):
        found.append('another message')
    return tap.check(name, not found, '%s\n%r' % (found, answer))


def status():
    global first
    agent.ready = 77
    answer = alice.get('sae-b/status')
    first = alice.http.sock.getsockname()
    good('status has the format of the standard', 'status', answer)
    tap.equal('status is true', answer.json, {
        'source_KME_ID': 'kme-1', 'target_KME_ID': 'agent2', 'master_SAE_ID': 'sae-a',
        'slave_SAE_ID': 'sae-b', 'key_size': 256, 'stored_key_count': 77, 'max_key_count': 77,
        'max_key_per_request': 20, 'max_key_size': 65536, 'min_key_size': 64,
        'max_SAE_ID_count': 0})
    agent.extra = {'capacity': 1024, 'max_bits': 4096, 'max_additional': 16}
    answer = alice.get('sae-b/status')
    agent.extra = {}
    tap.equal('status takes what the agent says', (
        answer.json['max_key_count'], answer.json['max_key_size'],
        answer.json['max_SAE_ID_count']), (1024, 4096, 16))
    bad('status of a slave that lives nowhere', alice.get('sae-x/status'), 400, 'this identity *')
    bad('status with a parameter', alice.get('sae-b/status?x=1'), 400, 'x is *')
    agent.ready = 10000


def enc_keys(name, answer, count, bits):
    if not good(name, 'container', answer):
        return
    keys = answer.json['keys']
    tap.equal(name + ': number', len(keys), count)
    tap.check(name + ': size', all(len(base64.b64decode(k['key'])) * 8 == bits for k in keys))
    tap.check(name + ': as the agent gave them', all(
        agent.keys[k['key_ID']][2] == base64.b64decode(k['key']) for k in keys))
    tap.equal(name + ': not to be stored', answer.headers.get('cache-control'), 'no-store')


def enc_keys_get():
    enc_keys('enc_keys by GET', alice.get('sae-b/enc_keys'), 1, 256)
    enc_keys('GET with number', alice.get('sae-b/enc_keys?number=3'), 3, 256)
    enc_keys('GET with size', alice.get('sae-b/enc_keys?size=64'), 1, 64)
    enc_keys('GET with both', alice.get('sae-b/enc_keys?size=128&number=20'), 20, 128)
    enc_keys('GET, encoded', alice.get('sae-b/enc_keys?%6eumber=%32'), 2, 256)
    asked = agent.requests[-1]
    asked.pop('id')
    tap.equal('what the agent is asked', asked, {
        'op': 'get', 'consumer': 'etsi014', 'local': 'sae-a', 'remote': 'sae-b', 'bits': 256,
        'count': 2, 'require': ['confirmed'], 'wait_ms': 5000})
    for query, status_code, message in [
            ('number=0', 400, 'number *'), ('number=21', 400, 'number shall be from 1 to 20'),
            ('number=', 400, 'number *'), ('number', 400, 'number *'),
            ('number=-1', 400, 'number *'), ('number=+1', 400, 'number *'),
            ('number=1.0', 400, 'number *'), ('number=01', 400, 'number *'),
            ('number=99999999999999999999', 400, 'number *'),
            ('number=1&number=1', 400, 'number is given twice'),
            ('size=255', 400, SIZE), ('size=7', 400, SIZE), ('size=0', 400, 'size *'),
            ('size=56', 400, 'size shall be from *'), ('size=65544', 400, 'size shall be from *'),
            ('size=x', 400, 'size *'), ('size=256&size=256', 400, 'size is given twice'),
            ('Number=1', 400, 'Number is *'), ('key_ID=x', 400, 'key_ID is *'),
            ('=', 400, None), ('a%', 400, None), ('%00=1', 400, None),
            ('n' * 200, 400, 'the query *')]:
        bad('GET enc_keys?' + query[:30], alice.get('sae-b/enc_keys?' + query), status_code,
            message)


def enc_keys_post():
    extension = [{'vendor_route': 'direct'}, {}]
    for name, body, count, bits in [
            ('an empty object', {}, 1, 256),
            ('number', {'number': 2}, 2, 256),
            ('size', {'size': 512}, 1, 512),
            ('the largest size', {'size': 65536}, 1, 65536),
            ('number and size', {'number': 20, 'size': 72}, 20, 72),
            ('empty lists', {'additional_slave_SAE_IDs': [], 'extension_mandatory': [],
                             'extension_optional': []}, 1, 256),
            ('extension_optional', {'number': 1, 'extension_optional': extension}, 1, 256)]:
        enc_keys('POST with ' + name, alice.post('sae-b/enc_keys', body), count, bits)
    enc_keys('POST with a charset', alice.post(
        'sae-b/enc_keys', {}, {'Content-Type': 'Application/JSON; charset=utf-8'}), 1, 256)
    bad('a mandatory extension', alice.post(
        'sae-b/enc_keys', {'extension_mandatory': extension}), 400, MANDATORY)


def enc_keys_additional():
    answer = alice.post('sae-b/enc_keys', {'additional_slave_SAE_IDs': ['sae-c']})
    enc_keys('additional SAEs that the agent serves', answer, 1, 256)
    tap.equal('the agent is told', agent.requests[-1]['additional'], ['sae-c'])
    path = 'sae-a/dec_keys?key_ID=' + answer.json['keys'][0]['key_ID']
    tap.equal('each of them has the key', [
        bob.get(path).json, server.client('sae-c').get(path).json], [answer.json] * 2)
    bad('additional SAEs that the agent refuses', alice.post(
        'sae-b/enc_keys', {'additional_slave_SAE_IDs': ['sae-far']}), 400, 'these additional_*')
    for value in [['sae-b'], ['sae-c', 'sae-c'], ['a b'], [''], ['x' * 81], ['a"b'], ["a'b"],
                  ['a,b'], ['a>b'], ['a\\b'], ['\u00e4'], [1], [None], 'sae-c', None, {},
                  ['s%d' % i for i in range(17)]]:
        bad('additional_slave_SAE_IDs %r' % value, alice.post(
            'sae-b/enc_keys', {'additional_slave_SAE_IDs': value}), 400)


def enc_keys_bad_bodies():
    before = len(agent.requests)
    for member in ['number', 'size']:
        for value in [None, 'x', '1', True, [], {}, 1.0, 1.5, 0, -1, 2 ** 40, 10 ** 30]:
            bad('%s %r' % (member, value), alice.post('sae-b/enc_keys', {member: value}), 400)
    for member in ['extension_mandatory', 'extension_optional']:
        for value in [None, 'x', 1, True, {}, [1], [None], ['x'], [[]]]:
            bad('%s %r' % (member, value), alice.post('sae-b/enc_keys', {member: value}), 400,
                member + ' *')
    bad('size 100', alice.post('sae-b/enc_keys', {'size': 100}), 400, SIZE)
    bad('number 21', alice.post('sae-b/enc_keys', {'number': 21}), 400, 'number shall be from *')
    answer = alice.post('sae-b/enc_keys', {'numbr': 1})
    bad('an unknown member is named', answer, 400, 'numbr is not known here')
    bad('a member of Key IDs', alice.post('sae-b/enc_keys', {'key_IDs': []}), 400, 'key_IDs is *')
    for body in [b'', b'x', b'null', b'[]', b'1', b'""', b'{', b'{}x', b'{"number":1,"number":1}',
                 b'{"number":1,}', b"{'number':1}", b'\xff\xfe{\0}\0', b'{"\xff":1}',
                 b'{"a\\u0000b":1}', b'[' * 60000, b'{"number":NaN}', b'\xef\xbb\xbf{}']:
        bad('the body %r' % body[:24], alice.post('sae-b/enc_keys', body), 400, 'the body *')
    tap.equal('the agent is asked nothing', len(agent.requests), before)


def content_types():
    for kind in ['text/plain', 'application/jsonx', 'application/x-www-form-urlencoded', '',
                 'multipart/form-data; boundary=x']:
        bad('Content-Type %r' % kind, alice.post(
            'sae-b/enc_keys', b'number=1', {'Content-Type': kind}), 400, 'Content-Type *')
    bad('a GET with a body', alice.ask('GET', '/api/v1/keys/sae-b/enc_keys', b'{}'), 400)
    bad('a POST with a query', alice.post('sae-b/enc_keys?number=1', {}), 400)


def dec_keys():
    made = alice.get('sae-b/enc_keys?number=6').json['keys']
    ids = [key['key_ID'] for key in made]
    answer = bob.get('sae-a/dec_keys?key_ID=' + ids[0])
    good('dec_keys by GET', 'container', answer)
    tap.equal('the same key', answer.json, {'keys': [made[0]]})
    tap.equal('dec_keys in capitals', bob.get('sae-a/dec_keys?key_ID=' + ids[1].upper()).json,
              {'keys': [made[1]]})
    answer = bob.post('sae-a/dec_keys', {
        'key_IDs': [{'key_ID': ids[2]}, {'key_ID': ids[3], 'key_ID_extension': {'x': 1}}],
        'key_IDs_extension': {}})
    good('dec_keys by POST', 'container', answer)
    tap.equal('the same keys', answer.json, {'keys': made[2:4]})
    bad('a used key', bob.get('sae-a/dec_keys?key_ID=' + ids[0]), 400, NOT_FOUND)
    bad('an unknown key', bob.get('sae-a/dec_keys?key_ID=%s' % uuid.uuid4()), 400, NOT_FOUND)
    bad('no UUID', bob.get('sae-a/dec_keys?key_ID=bogus'), 400, NOT_FOUND)
    bad('one of them is used', bob.post('sae-a/dec_keys', {
        'key_IDs': [{'key_ID': ids[4]}, {'key_ID': ids[0]}]}), 400, NOT_FOUND)
    bad('the same one twice', bob.post('sae-a/dec_keys', {
        'key_IDs': [{'key_ID': ids[4]}, {'key_ID': ids[4]}]}), 400, NOT_FOUND)
    bad('of another master', bob.get('sae-c/dec_keys?key_ID=' + ids[4]), 400, NOT_FOUND)
    answer = server.client('sae-c').get('sae-a/dec_keys?key_ID=' + ids[4])
    tap.equal('401 for who was not named', (answer.status, answer.body), (401, b''))
    tap.equal('none of these used it up', bob.get('sae-a/dec_keys?key_ID=' + ids[4]).json,
              {'keys': [made[4]]})
    answer = server.client('sae-nobody').get('sae-a/dec_keys?key_ID=' + ids[5])
    tap.equal('401 for who does not live here', (answer.status, answer.body), (401, b''))


def dec_keys_bad():
    for query in ['', '?key_ID=', '?key_id=x',
                  '?key_ID=%s&key_ID=%s' % (uuid.uuid4(), uuid.uuid4()), '?number=1',
                  '?key_ID=' + 'a' * 300]:
        bad('dec_keys' + query[:20], bob.get('sae-a/dec_keys' + query), 400)
    one = {'key_ID': str(uuid.uuid4())}
    for body in [{}, {'key_IDs': []}, {'key_IDs': None}, {'key_IDs': {}}, {'key_IDs': [None]},
                 {'key_IDs': [str(uuid.uuid4())]}, {'key_IDs': [{}]}, {'key_IDs': [{'key_ID': 1}]},
                 {'key_IDs': [{'key_ID': None}]}, {'key_IDs': [{'key_ID': 'x'}]},
                 {'key_IDs': [{**one, 'x': 1}]}, {'key_IDs': [{**one, 'key_ID_extension': 1}]},
                 {'key_IDs': [one], 'key_IDs_extension': []}, {'key_IDs': [one], 'number': 1},
                 {'key_IDs': [one], 'x': 1}, {'key_ID': one['key_ID']},
                 {'key_IDs': [{'key_ID': str(uuid.uuid4())} for _ in range(129)]}]:
        bad('dec_keys %s' % json.dumps(body)[:60], bob.post('sae-a/dec_keys', body), 400)


def agent_says_no():
    agent.ready = 0
    bad('an empty pool', alice.get('sae-b/enc_keys'), 503, 'no key is ready')
    agent.ready = 10000
    for kind, code, wanted in [('again', 'pool_empty', 503), ('limit', 'exhausted', 503),
                               ('environment', 'io', 503), ('peer', 'offline', 503),
                               ('fatal', 'fatal', 503), ('usage', 'bits', 400),
                               ('refused', 'unknown_identity', 400), ('refused', 'x', 400)]:
        agent.override = lambda r, k=kind, c=code: agent.error(r, k, c, 'it "says" \u00e4 no')
        bad('enc_keys, agent says %s' % code, alice.get('sae-b/enc_keys'), wanted,
            'it "says" \u00e4 no')
        bad('status, agent says %s' % code, alice.get('sae-b/status'), wanted)
        bad('dec_keys, agent says %s' % code, bob.get(
            'sae-a/dec_keys?key_ID=%s' % uuid.uuid4()), wanted,
            NOT_FOUND if wanted == 400 else None)
    agent.override = None
    answer = server.client('sae-nobody').get('sae-b/enc_keys')
    tap.equal('401 for an SAE that does not live here', (answer.status, answer.body), (401, b''))


def agent_talks_nonsense():
    key = {'key_id': str(uuid.uuid4()), 'key': base64.b64encode(bytes(32)).decode()}
    for keys in [None, [], {}, [key, key], [None], [{}], [{**key, 'key': None}],
                 [{**key, 'key_id': 'x'}], [{**key, 'key': 'A' * 48}], [{**key, 'key': ''}],
                 [{**key, 'key': '"' * 44}], [{**key, 'key': '\u00e4' * 22}]]:
        agent.override = lambda r, k=keys: {'id': r['id'], 'keys': k}
        bad('the agent gives %.60r' % keys, alice.get('sae-b/enc_keys'), 503)
    for answer in [{'ready': -1, 'peer': 'x'}, {'ready': 1}, {'ready': '1', 'peer': 'x'}, {},
                   {'error': None}, {'error': {}}]:
        agent.override = lambda r, a=answer: {'id': r['id'], **a}
        bad('the agent gives %r' % answer, alice.get('sae-b/status'), 503)
    agent.override = lambda r: [
        {'id': r['id'] + 65536, 'keys': []}, {'id': 2 ** 52, 'keys': []}, agent.answer(r)]
    enc_keys('answers to nobody are passed over', alice.get('sae-b/enc_keys'), 1, 256)
    agent.override = None


def paths():
    for path in ['/', '/api/v1/keys', '/api/v1/keys/', '/api/v1/keys/sae-b', '/api/v1/keys/sae-b/',
                 '/api/v1/keys/sae-b/status/', '/api/v1/keys/sae-b/Status',
                 '/api/v2/keys/sae-b/status', '/api/v1/keys/sae/b/status',
                 '//api/v1/keys/sae-b/status', '/api/v1/keys/sae-b/enc_keys2',
                 '/api/v1/keys/sae-b%2Fstatus', '*']:
        bad('the path ' + path, alice.ask('GET', path), 404)
    for segment in ['', '%', '%4', '%zz', '%00', '%20', 'a%20b', 'a%22', 'a%27', 'a%5C', 'a%3E',
                    'a,b', '%C3%A4', 'x' * 81, 'a%0Ab', '%7F']:
        bad('the SAE id %r' % segment[:20], alice.get(segment + '/status'), 400, 'the SAE id *')
    bad('a long URI', alice.get('x' * 600 + '/status'), 414)
    for segment, wanted in [('sae%2Db', 'sae-b'), ('urn:sae%2Fa', 'urn:sae/a'),
                            ('x' * 80, 'x' * 80), ('%41!$&()*+;=@~%25', 'A!$&()*+;=@~%')]:
        alice.get(segment + '/status')
        tap.equal('the SAE id %s' % segment[:20], agent.requests[-1]['remote'], wanted)


def methods():
    for call, allow in [('status', 'GET'), ('enc_keys', 'GET, POST'), ('dec_keys', 'GET, POST')]:
        wrong = ['PUT', 'DELETE', 'OPTIONS', 'PATCH', 'get', 'X'] + ['POST'] * (call == 'status')
        for method in wrong:
            body = b'{}' if method == 'POST' else None
            answer = alice.ask(method, '/api/v1/keys/sae-b/' + call, body)
            bad('%s %s' % (method, call), answer, 405, 'the method *')
            tap.equal('%s %s: Allow' % (method, call), answer.headers.get('allow'), allow)
        tap.equal('HEAD ' + call, alice.ask('HEAD', '/api/v1/keys/sae-b/' + call).status, 405)


def end():
    tap.equal('one connection served all of it', alice.http.sock.getsockname(), first)
    tap.equal('ended well', server.stop(), 0)


run_cases(tap, [status, enc_keys_get, enc_keys_post, enc_keys_additional, enc_keys_bad_bodies,
                content_types, dec_keys, dec_keys_bad, agent_says_no, agent_talks_nonsense, paths,
                methods, end])
tap.end()
