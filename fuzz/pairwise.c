/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/message.h"
#include "core/pairwise/payload.h"
#include "crypto/sha256_small.h"
#include "fuzz/fuzz.h"
#include "tests/unit/core/pairwise/scene.h"

/*
 * The pairwise mode.  The first byte says what the rest is: a message, a payload, the fields of a
 * stored state under a right integrity, or a sequence of events for two ends and the network
 * between them, after which no end may have accepted what the other one does not know.
 */

#define OPERATIONS 120u

static struct scene scene;

static void messages(const uint8_t *data, size_t size)
{
	struct skex_pairwise_message message;

	if (skex_pairwise_decode(&message, skex_view(data, size)) != SKEX_OK)
		return;
	must(message.body.size + SKEX_PAIRWISE_TAG_BYTES == size);
	must(message.sealed.size <= SKEX_PAIRWISE_SEALED_MAX);
}

static void payloads(const uint8_t *data, size_t size)
{
	struct skex_pairwise_payload payload;
	uint8_t out[2048];
	size_t made = 0;

	if (size < 1 || size > 1025 ||
		skex_pairwise_payload_decode(
			&payload, skex_view(data + 1, size - 1), (data[0] & 1) != 0) != SKEX_OK)
		return;
	must(skex_pairwise_payload_encode(&payload, out, sizeof(out), &made) == SKEX_OK);
	/* Unknown fields are left out, and padding is made anew: nothing else is lost. */
	must(made <= size + 1);
}

static void states(const uint8_t *data, size_t size)
{
	static struct skex_pairwise_node out[SCENE_NODES], in[SCENE_NODES], spare[SCENE_NODES];
	static struct skex_pairwise_reseed reseed;
	const struct skex_pairwise_memory memory = {out, in, &reseed, spare, 64};
	static uint8_t bytes[SCENE_SLOT], again[SCENE_SLOT];
	struct skex_pairwise_state state;
	struct skex_view body;
	uint8_t hash[SKEX_HASH_BYTES];
	size_t made = 0;

	if (size < 10 || size > SCENE_SLOT - SKEX_PAIRWISE_INTEGRITY_BYTES)
		return;
	memcpy(bytes, data, size);
	memcpy(bytes, "SKXU\x01", 5);
	bytes[6] = bytes[7] = 0;
	bytes[8] = (uint8_t)((size + SKEX_PAIRWISE_INTEGRITY_BYTES) >> 8);
	bytes[9] = (uint8_t)(size + SKEX_PAIRWISE_INTEGRITY_BYTES);
	body = skex_view(bytes, size);
	must(skex_pairwise_hash(skex_crypto_small(), "state", &body, 1, hash) == SKEX_OK);
	memcpy(bytes + size, hash, SKEX_PAIRWISE_INTEGRITY_BYTES);
	size += SKEX_PAIRWISE_INTEGRITY_BYTES;
	if (skex_pairwise_state_decode(
		    &state, skex_crypto_small(), skex_view(bytes, size), &memory) != SKEX_OK)
		return;
	if (state.sequence == UINT64_MAX || bytes[5] == 0)
		return;
	must(skex_pairwise_state_encode(&state, skex_crypto_small(), state.sequence, again,
		     sizeof(again), &made) == SKEX_OK);
	must(made == size && memcmp(bytes, again, size) == 0);
	skex_pairwise_state_wipe(&state);
}

static bool has_room(const struct party *party)
{
	for (unsigned i = 0; i < SCENE_RUNS; i++) {
		const uint8_t state = party->runs[i].state;

		if (state == SKEX_PAIRWISE_RUN_IDLE || state == SKEX_PAIRWISE_RUN_DONE ||
			state == SKEX_PAIRWISE_RUN_FAILED)
			return scene.logged + 400 < SCENE_LOG && scene.queued + 60 < SCENE_QUEUE;
	}
	return false;
}

static void begin(uint8_t who, unsigned how)
{
	const struct skex_pairwise_start reseed = {.reseed = true};
	struct party *party = &scene.party[who];

	if (!party->alive || !has_room(party))
		return;
	if (how == 0)
		scene_start(&scene, who);
	else if (how == 1)
		scene_push(&scene, who, NULL);
	else if (how == 2)
		scene_start_with(&scene, who, &reseed);
	else if (party->session != NULL)
		scene_rekey(&scene, who, party->session);
}

/* A message of the past, as it was or with one byte changed. */
static void replay(uint8_t which, uint8_t at, uint8_t change)
{
	const struct scene_message *old;
	uint8_t bytes[SCENE_MESSAGE];

	if (scene.logged == 0 || scene.logged + 400 > SCENE_LOG || scene.queued + 60 > SCENE_QUEUE)
		return;
	old = &scene.log[which % scene.logged];
	memcpy(bytes, old->bytes, old->size);
	bytes[at % old->size] ^= change;
	scene_give(&scene, (uint8_t)((which ^ at) & 1), bytes, old->size);
}

static void adopt(uint8_t who)
{
	struct party *party = &scene.party[who];

	if (!party->alive || party->delivered == 0 || party->delivered > SCENE_SESSIONS)
		return;
	for (unsigned i = 0; i < SCENE_RUNS; i++) {
		if (party->runs[i].session != NULL)
			return;
	}
	for (unsigned i = 0; i < SCENE_HALVES; i++) {
		if (party->halves[i].session != NULL)
			return;
	}
	party->session = scene_last(party);
	must(skex_pairwise_listen(&party->pairwise, party->session) == SKEX_OK);
}

static void operate(const uint8_t op[4])
{
	const uint8_t who = op[1] & 1;

	switch (op[0] % 10) {
	case 0:
		begin(who, op[2] % 4);
		break;
	case 1:
	case 2:
		(void)scene_deliver_one(&scene);
		break;
	case 3:
		if (scene.queued > 0)
			scene.queued--;
		break;
	case 4:
		if (scene.queued > 1) {
			const unsigned first = scene.queue[0];

			scene.queue[0] = scene.queue[scene.queued - 1];
			scene.queue[scene.queued - 1] = first;
		}
		break;
	case 5:
		replay(op[1], op[2], op[3]);
		break;
	case 6:
		if (scene.logged + 400 < SCENE_LOG)
			scene_pass(&scene, 500u * (1 + op[2] % 8));
		break;
	case 7:
		must(scene_boot(&scene, who));
		break;
	case 8:
		adopt(who);
		break;
	default:
		scene.party[who].nvm.fails = op[2] & 1;
		scene.party[who].nvm.dead_before = (op[2] & 2) != 0;
		scene.party[who].nvm.dead_after = (op[2] & 4) != 0;
		break;
	}
	for (uint8_t side = 0; side < 2; side++) {
		if (!scene.party[side].alive)
			must(scene_boot(&scene, side));
	}
}

/* What the responder of a run accepted, its initiator has accepted before. */
static void agree(void)
{
	for (unsigned who = 0; who < 2; who++) {
		const struct party *party = &scene.party[who];
		const struct party *peer = &scene.party[1 - who];

		if (peer->delivered > SCENE_SESSIONS)
			return;
		for (unsigned i = 0; i < party->delivered && i < SCENE_SESSIONS; i++) {
			if (party->sessions[i].number == 0 && party->sessions[i].initiator != who)
				must(scene_holds(peer, &party->sessions[i]));
		}
	}
	scene_assert_distinct(&scene);
}

static void sequences(const uint8_t *data, size_t size)
{
	const struct scene_options options = {.depth = size > 0 && data[0] % 2 ? 8 : 0,
		.window = 4,
		.ahead = 4,
		.reseed = size > 0 && data[0] % 4 > 1};
	size_t at = 1;

	scene_init(&scene, &options, size > 0 ? data[0] : 0);
	for (unsigned i = 0; i < OPERATIONS && at + 4 <= size; i++, at += 4)
		operate(data + at);
	/* And a datagram of the attacker's own. */
	if (at < size)
		scene_give(&scene, data[0] & 1, data + at, size - at > 1000 ? 1000 : size - at);
	agree();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % 5) {
	case 0:
		messages(data + 1, size - 1);
		break;
	case 1:
		payloads(data + 1, size - 1);
		break;
	case 2:
		states(data + 1, size - 1);
		break;
	default:
		sequences(data + 1, size - 1);
		break;
	}
	return 0;
}
