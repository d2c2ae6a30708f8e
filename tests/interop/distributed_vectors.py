#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The vectors of docs/spec/vectors, checked by what was made from docs/spec/ alone.

usage: distributed_vectors.py build/tests/distributed_kat
       distributed_vectors.py --make FILE    writes distributed-run.json, which is made here
"""

import hashlib
import json
import os
import subprocess
import sys

from agent_block import Vector, combine, profile_id, split, vectors
from agent_keys import fingerprint, key_id, place_of
from agent_kit import Ratchet, read_kit
from agent_messages import (
    BY_INITIATOR, BY_RESPONDER, EXTRA, KINDS, Common, Confirm, Note, Share, decode)
from agent_notes import open_note, seal_note
from agent_packet import (
    HERE, Forged, Opener, Other, Packet, Refused, Replay, next_key, seal, u64, unseal, xor)
from agent_tags import Scope, polyval
from lab_harness import Tap

VECTORS = os.path.join(HERE, '..', '..', 'docs', 'spec', 'vectors')
ERRORS = {'version': Other, 'syntax': Refused, 'auth': Forged, 'replay': Replay}
of_hex = bytes.fromhex
tap = Tap()


def load(name):
    with open(os.path.join(VECTORS, name), encoding='utf-8') as f:
        return json.load(f)


def error_of(call, *args):
    """The class of Refused that a call raises."""
    try:
        call(*args)
    except Refused as error:
        return type(error)
    return None


def scope_of(said):
    return Scope(said['direction'], int(said['pad'], 16), int(said['leg'], 16), of_hex(said['hub']))


# --- distributed-wire.json ---

def wire():
    said = load('distributed-wire.json')
    for m in said['messages']:
        header, body, key = of_hex(m['header']), of_hex(m['body']), of_hex(m['epoch_key'])
        message, at = decode(header, len(body))
        if at is None:
            same = message.encode() == header
        else:
            scope, tag_key = scope_of(m['scope']), of_hex(m['tag_key'])
            same = (at.generation, at.offset) == (m['at']['generation'], m['at']['offset']) and \
                scope.header(KINDS[type(message)], at, tag_key, message.encode(), body) == header
            scope.verify(header, body, tag_key)
        tap.check(m['name'] + ': read and written', same)
        packet = Packet.decode(of_hex(m['packet']))
        tap.check('its packet: opened and sealed', (
            unseal(m['aead'], key, packet), packet.body, packet.epoch, packet.sequence) == (
                header, body, m['epoch'], m['sequence']) and of_hex(m['packet']) == seal(
                    m['aead'], key, m['epoch'], packet.leg, m['sequence'], header, body))
    for m in said['refused_headers']:
        tap.equal('refused: ' + m['name'], error_of(decode, of_hex(m['header']), m['body_size']),
                  ERRORS[m['error']])
    for m in said['refused_packets']:
        tap.equal('refused packet: ' + m['name'], error_of(Packet.decode, of_hex(m['packet'])),
                  ERRORS[m['error']])
    for m in said['refused_tags']:
        tap.equal('refused tag: ' + m['name'], error_of(
            scope_of(m['scope']).verify, of_hex(m['header']), of_hex(m['body']),
            of_hex(m['tag_key'])), ERRORS[m['error']])
    leg = Packet.decode(of_hex(said['messages'][4]['packet'])).leg
    for m in said['refused_envelopes']:
        packet = Packet.decode(of_hex(m['packet']))
        opener = Opener(m['aead'], packet.leg if m['name'] == 'a changed leg' else leg,
                        m['epoch'], of_hex(m['epoch_key']))
        tap.equal('refused envelope: ' + m['name'], error_of(opener.open, packet),
                  ERRORS[m['error']])


def derivations():
    said = load('distributed-wire.json')
    key, number = of_hex(said['epochs'][0]['key']), 0
    for m in said['epochs']:
        while number < m['number']:
            key, number = next_key(key), number + 1
        tap.equal('key of epoch %d' % number, key.hex(), m['key'])
    for m in said['ratchet']:
        wanted = of_hex(m['bytes'])
        ratchet = Ratchet.of_seed(of_hex(m['seed']), int(m['leg'], 16), m['direction'],
                                  m['generation'])
        tap.equal('ratchet at %d' % m['offset'], ratchet.bytes(m['offset'], len(wanted)), wanted)
    for m in said['key_ids']:
        place = m['instance'], m['counter'], m['offset'], m['size']
        ends = m['initiator'], m['responder']
        tap.check('key id ' + m['key_id'], key_id(*ends, *place) == m['key_id'] and
                  place_of(m['key_id'], *ends) == place)
    for m in said['refused_key_ids']:
        tap.equal('refused key id: ' + m['name'], error_of(
            place_of, m['key_id'], m['initiator'], m['responder']), Refused)


# --- distributed-math.json and enrolment-kit.json ---

def arithmetic():
    for m in load('distributed-math.json')['cases']:
        asked, answer = m['request'], m.get('response')
        if 'blocks' in asked:
            good = polyval(of_hex(asked['polyval_key']), of_hex(asked['blocks'])).hex() == \
                answer['polyval']
        elif 'pads' in asked:
            pads = {i: of_hex(p) for i, p in enumerate(asked['pads'], 1) if p is not None}
            whole, shares, bodies = split(asked['k'], pads)
            good = whole == of_hex(answer['vector']) and \
                Vector(whole).secret_tag().hex() == answer['tag'] and all(
                    shares[i].hex() == answer['shares'][i - 1] and
                    bodies[i].hex() == answer['z'][i - 1] for i in pads)
        else:
            found = combine(asked['k'], {int(i): of_hex(s) for i, s in asked['received'].items()},
                            of_hex(asked['tag']))
            good = found is None if m.get('refused') else \
                (found[0].secret.hex(), sorted(found[1])) == (answer['secret'], answer['liars'])
        tap.check(m['name'], good)


def kits():
    for m in load('enrolment-kit.json')['kits']:
        if not m.get('kit'):
            continue
        data = of_hex(m['kit'])
        file_key = of_hex(m['file_key']) if m['passphrase'] is not None else None
        kit = read_kit(data, file_key)
        pads = b''.join(kit.pads)
        tap.check(m['name'], (
            kit.kind, kit.suite, kit.pad_kind, kit.klass, kit.leg, kit.hub_id.hex(), kit.hub,
            kit.agent, list(kit.pad_ids), kit.generation, list(kit.pad_sizes), kit.source,
            list(kit.limits), [k.hex() for k in kit.envelope_keys], kit.seed.hex()) == (
                m['type'], m['suite'], m['pad_kind'], m['class'], int(m['leg'], 16), m['hub_id'],
                m['hub'], m['agent'], m['pads'], m['generation'], m['pad_bytes'], m['source'],
                m['limits'], m['envelope_keys'], m['seed']) and pads == bytes(
                    (131 * i + 7 * (i // 256) + 3) % 256 for i in range(len(pads))))
        bad = [at for at in range(len(data)) if not error_of(
            read_kit, data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], file_key)]
        # With a passphrase the salt stands where the key does, and the key is given here.
        tap.equal(m['name'] + ': each changed byte is found', bad, [])
        tap.check(m['name'] + ': cut off or longer', error_of(read_kit, data[:-1], file_key)
                  and error_of(read_kit, data + b'\0', file_key))


# --- distributed-run.json ---

class Bytes:
    """Bytes that look random and are the same each time."""

    def __init__(self):
        self.count = 0

    def __call__(self, size):
        made = b''
        while len(made) < size:
            made += hashlib.sha256(b'distributed-run' + u64(self.count)).digest()
            self.count += 1
        return made[:size]


def a_batch(some, name, n, k, absent, count, size, klass, own):
    """Everything from the pads of one batch to both confirmations and the identifiers."""
    hubs = [(some(16), 'owner%d' % i if i % 2 else '') for i in range(1, n + 1)]
    pads = {i: some(count * (EXTRA + size)) for i in range(1, n + 1) if i not in absent}
    common = Common('alice', 'bob', int.from_bytes(some(4), 'big'), 4096 + n,
                    profile_id(n, k, hubs), n, k, size, klass, 'app:vector', 3600)
    whole, _, bodies = split(k, pads)
    blocks = [Vector(v) for v in vectors(whole, count, size)]
    tags = [block.secret_tag() for block in blocks]
    pairs = [block.confirmations(common.of_block(b), tags[b], own)
             for b, block in enumerate(blocks)]
    ids = common.initiator, common.responder, common.instance, common.counter
    to_b = {i: some(len(pads[i])) for i in pads}
    return {
        'name': name, 'n': n, 'k': k, 'hubs': [{'id': h.hex(), 'owner': o} for h, o in hubs],
        'profile': common.profile.hex(), 'initiator': ids[0], 'responder': ids[1],
        'instance': ids[2], 'counter': ids[3], 'secret_size': size, 'class': klass,
        'purpose': common.purpose, 'lifetime_s': common.lifetime_s, 'blocks': count,
        'common': common.encode().hex(),
        'pads': [pads[i].hex() if i in pads else None for i in range(1, n + 1)],
        'bodies': [bodies[i].hex() if i in pads else None for i in range(1, n + 1)],
        'pads_to_responder': [to_b[i].hex() if i in pads else None for i in range(1, n + 1)],
        'bodies_to_responder': [
            xor(xor(bodies[i] or bytes(len(pads[i])), pads[i]), to_b[i]).hex()
            if i in pads else None for i in range(1, n + 1)],
        'secret_tags': [t.hex() for t in tags], 'identity': Share(common, tags).identity().hex(),
        'secrets': [block.secret.hex() for block in blocks], 'responder_class': own,
        'conf_ba': [p[0].hex() for p in pairs], 'conf_ab': [p[1].hex() for p in pairs],
        'confirm_by_responder': Confirm(BY_RESPONDER, *ids, own, [p[0] for p in pairs])
                                .encode().hex(),
        'confirm_by_initiator': Confirm(BY_INITIATOR, *ids, 0, [p[1] for p in pairs])
                                .encode().hex(),
        'keys': [{'key_id': key_id(*ids[:3], ids[3] + b, 0, 16), 'key': block.secret[:16].hex(),
                  'fingerprint': fingerprint(block.secret[:16])}
                 for b, block in enumerate(blocks)]}


def a_note(some, name, text):
    key, note = some(64), Note('alice', 'bob', some(16), some(16), b'')
    note.sealed = seal_note(key, note, text)
    return {'name': name, 'sender': note.sender, 'recipient': note.recipient, 'key': key.hex(),
            'key_id': note.key_id.hex(), 'note_id': note.note_id.hex(), 'text': text.hex(),
            'sealed': note.sealed.hex(), 'fields': note.encode().hex()}


def refused_notes(good):
    """The same note with one thing changed: it does not open."""
    def flip(text):
        return '%02x' % (int(text[:2], 16) ^ 1) + text[2:]
    return [dict(good, name='another ' + what, **{field: value}) for what, field, value in (
        ('sender', 'sender', 'alicf'), ('recipient', 'recipient', 'bo'),
        ('key id', 'key_id', flip(good['key_id'])), ('note id', 'note_id', flip(good['note_id'])),
        ('key', 'key', flip(good['key'])), ('text', 'sealed', flip(good['sealed'])))]


def make():
    some = Bytes()
    notes = [a_note(some, 'one byte', b'x'), a_note(some, 'the longest', bytes(range(256)))]
    return {
        'about': 'Vectors of docs/spec/distributed.md, version 1, sections 8.2, 9, 11.2, 13 and '
                 '14: whole batches, from the pads to the keys, and notes. Bytes are hexadecimal. '
                 'Made by tests/interop/distributed_vectors.py; do not edit.',
        'batches': [a_batch(some, 'one block, (3, 2)', 3, 2, (), 1, 32, 2, 2),
                    a_batch(some, 'three blocks, (5, 3), no pad on leg 2', 5, 3, (2,), 3, 64, 2, 1),
                    a_batch(some, 'the least, (2, 2)', 2, 2, (), 1, 16, 1, 1)],
        'notes': notes, 'refused_notes': refused_notes(notes[0])}


def runs():
    said = load('distributed-run.json')
    tap.check('distributed-run.json is what is made here', said == make())
    for m in said['batches']:
        points = {i: xor(of_hex(z), of_hex(r)) for i, (z, r) in enumerate(
            zip(m['bodies_to_responder'], m['pads_to_responder']), 1) if z is not None}
        good = all(combine(m['k'], {i: vectors(p, m['blocks'], m['secret_size'])[b]
                                    for i, p in points.items()}, of_hex(m['secret_tags'][b]))[0]
                   .secret.hex() == m['secrets'][b] for b in range(m['blocks']))
        tap.check(m['name'] + ': the responder has the secrets', points and good)
    for m in said['notes']:
        tap.equal('a note: ' + m['name'], opened(m), of_hex(m['text']))
    for m in said['refused_notes']:
        tap.equal('refused note: ' + m['name'], error_of(opened, m), Forged)
    text = {'sender': 'agent1', 'recipient': 'agent2', 'key': bytes(range(64)).hex(),
            'key_id': bytes(range(0xa0, 0xb0)).hex(), 'note_id': bytes(range(0xc0, 0xd0)).hex(),
            'sealed': '66d9d9b2da180c9ab125c438f5eb3b575bb6b743ca'}
    tap.equal('the note in section 13', opened(text), b'hello')


# --- the C code ---

def answers(requests):
    """What distributed_kat answers, a line of JSON for each."""
    done = subprocess.run([sys.argv[1]], input=''.join(json.dumps(r) + '\n' for r in requests),
                          stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def other_code():
    """Batches that are made here are split and combined by the C code, also with liars."""
    some, sizes = Bytes(), [(2, 2), (3, 2), (4, 3), (5, 3), (6, 2), (7, 4), (9, 5), (16, 8)]
    requests, wanted = [], []
    for n, k in sizes:
        size = 16 * (n + k)
        pads = {i: some(EXTRA + size) for i in range(1, n + 1)}
        whole, shares, bodies = split(k, pads)
        tag, secret = Vector(whole).secret_tag().hex(), Vector(whole).secret.hex()
        requests.append({'n': n, 'k': k, 'pads': [p.hex() for p in pads.values()], 'tag': True})
        wanted.append({'vector': whole.hex(), 'shares': [s.hex() for s in shares.values()],
                       'z': [z.hex() for z in bodies.values()], 'tag': tag})
        for liars in range(min(k - 1, n - k) + 1):
            sent = dict(shares)
            for i in range(1, liars + 1):     # one byte, further on each time
                sent[i] = xor(shares[i], bytes(37 * i) + b'\1' + bytes(EXTRA + size - 37 * i - 1))
            requests.append({'n': n, 'k': k, 'length': size, 'tag': tag,
                             'received': {str(i): s.hex() for i, s in sent.items()}})
            wanted.append({'secret': secret, 'liars': list(range(1, liars + 1))})
    for asked, got, right in zip(requests, answers(requests), wanted):
        tap.check('C, (%d, %d): %s' % (asked['n'], asked['k'], '%d lie' % len(right['liars'])
                                       if 'liars' in right else 'split'), got == right)


def opened(m):
    return open_note(of_hex(m['key']), Note(m['sender'], m['recipient'], of_hex(m['key_id']),
                                            of_hex(m['note_id']), of_hex(m['sealed'])))


if sys.argv[1:2] == ['--make']:
    with open(sys.argv[2], 'w', encoding='utf-8') as out:
        json.dump(make(), out, indent=1)
        out.write('\n')
else:
    tap.run([wire, derivations, arithmetic, kits, runs, other_code])
    tap.end()
