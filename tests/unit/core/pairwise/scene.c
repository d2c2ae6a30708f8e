/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

#include <stdio.h>

#include "crypto/sha256_small.h"

uint64_t scene_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void scene_fill(uint64_t *state, void *out, size_t size)
{
	uint8_t *bytes = out;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)scene_next(state);
}

/* ---- storage ---- */

static enum skex_error nvm_read(
	void *context, uint8_t slot, size_t offset, uint8_t *out, size_t size)
{
	const struct nvm *nvm = context;

	assert_true(offset + size <= nvm->size);
	memcpy(out, nvm->cached[slot] + offset, size);
	return SKEX_OK;
}

static enum skex_error nvm_write(void *context, uint8_t slot, const uint8_t *data, size_t size)
{
	struct nvm *nvm = context;
	const bool torn = nvm->torn < size;
	const size_t written = torn ? nvm->torn : size;

	assert_int_equal(size, nvm->size);
	if (nvm->fails > 0)
		return SKEX_E_IO;
	memcpy(nvm->cached[slot], data, written);
	if (nvm->flips)
		nvm->cached[slot][size / 2] ^= 1;
	nvm->flips = false;
	if (nvm->lies == 0)
		memcpy(nvm->slot[slot], nvm->cached[slot], written);
	nvm->zeroed += skex_ct_is_zero(data, size);
	nvm->dead = nvm->torn != SIZE_MAX;
	nvm->torn = SIZE_MAX;
	return nvm->dead ? SKEX_E_IO : SKEX_OK;
}

static enum skex_error nvm_sync(void *context)
{
	(void)context;
	return SKEX_OK;
}

/* False: not durable, or the power is gone. */
static bool commit(struct party *party)
{
	struct nvm *nvm = &party->nvm;
	enum skex_error error = SKEX_E_IO;

	nvm->dead = nvm->dead_before;
	if (!nvm->dead) {
		nvm->commits += nvm->fails == 0;
		error = skex_pairwise_slots_commit(&party->slots, &party->state);
		nvm->dead = nvm->dead || nvm->dead_after;
	}
	nvm->fails -= nvm->fails > 0;
	nvm->lies -= nvm->lies > 0;
	nvm->dead_before = false;
	nvm->dead_after = false;
	if (nvm->dead)
		scene_crash(party);
	return error == SKEX_OK && !nvm->dead;
}

void scene_crash(struct party *party)
{
	party->alive = false;
	party->session = NULL;
	memcpy(party->nvm.cached, party->nvm.slot, sizeof(party->nvm.cached));
	memset(&party->pairwise, 0, sizeof(party->pairwise));
	memset(&party->state, 0, sizeof(party->state));
	memset(party->out, 0, sizeof(party->out));
	memset(party->in, 0, sizeof(party->in));
	memset(party->spare, 0, sizeof(party->spare));
	memset(&party->reseed, 0, sizeof(party->reseed));
	memset(party->runs, 0, sizeof(party->runs));
	memset(party->halves, 0, sizeof(party->halves));
	memset(party->ids, 0, sizeof(party->ids));
	memset(party->spare_ids, 0, sizeof(party->spare_ids));
}

static void open_party(struct party *party, bool locators)
{
	struct skex_pairwise_parts parts = {.ids = party->ids,
		.spare_ids = party->spare_ids,
		.spare = party->memory.reseed == NULL ? NULL : &party->spare_listener,
		.locators = locators ? party->locators : NULL,
		.runs = party->runs,
		.runs_count = party->runs_count,
		.halves = party->halves,
		.halves_count = party->halves_count,
		.plain = party->plain,
		.plain_room = sizeof(party->plain),
		.policy = &party->policy};

	for (unsigned i = 0; i < SCENE_RUNS; i++)
		skex_pairwise_run_init(&party->runs[i], party->run_messages[i], SCENE_MESSAGE);
	for (unsigned i = 0; i < SCENE_HALVES; i++)
		skex_pairwise_half_init(&party->halves[i], party->half_messages[i], SCENE_MESSAGE);
	assert_int_equal(
		skex_pairwise_open(&party->pairwise, &party->state, &party->hasher.crypto, &parts),
		SKEX_OK);
	party->alive = true;
}

bool scene_boot(struct scene *scene, uint8_t who)
{
	struct party *party = &scene->party[who];

	scene_crash(party);
	if (skex_pairwise_slots_load(&party->slots, &party->state, &party->memory) != SKEX_OK)
		return false;
	open_party(party, true);
	return true;
}

static void set_up(struct scene *scene, uint8_t who, const struct scene_options *options)
{
	struct party *party = &scene->party[who];
	const struct skex_pairwise_local local = {
		.slot = options->slots_given ? options->slot[who] : who,
		.lane = options->lane,
		.window = options->window,
		.ahead = options->ahead,
	};
	struct skex_pairwise_config config = {
		.suites = skex_view("\x01", 1),
		.depth = options->depth,
	};
	const char *purpose = options->purpose[who] == NULL ? "test" : options->purpose[who];
	uint8_t psk[SKEX_HASH_BYTES];

	for (unsigned i = 0; i < 2; i++) {
		static const char *const names[] = {"node-0", "node-1"};
		const char *name = options->id[who][i] == NULL ? names[i] : options->id[who][i];

		config.id[i] = skex_view(name, strlen(name));
	}
	config.purpose = skex_view(purpose, strlen(purpose));
	for (unsigned i = 0; i < sizeof(psk); i++)
		psk[i] = (uint8_t)(i + options->psk);
	hasher_init(&party->hasher);
	party->memory.out = party->out;
	party->memory.in = party->in;
	party->memory.spare = party->spare;
	party->memory.window_max = options->window;
	party->memory.reseed = options->reseed ? &party->reseed : NULL;
	party->nvm.size =
		skex_pairwise_state_size(options->depth, options->window, options->reseed);
	party->nvm.torn = SIZE_MAX;
	assert_true(party->nvm.size <= SCENE_SLOT);
	assert_int_equal(skex_pairwise_state_init(&party->state, &party->hasher.crypto, &config,
				 &local, psk, &party->memory),
		SKEX_OK);
	party->medium.context = &party->nvm;
	party->medium.read = nvm_read;
	party->medium.write = nvm_write;
	party->medium.sync = nvm_sync;
	/* The store has a hash of its own, which does not fail. */
	skex_pairwise_slots_init(&party->slots, &party->medium, skex_crypto_small(), party->work,
		(uint32_t)party->nvm.size);
	assert_int_equal(skex_pairwise_slots_create(&party->slots, &party->state), SKEX_OK);
	party->nvm.zeroed = 0;
	open_party(party, !options->no_locators);
}

void scene_init(struct scene *scene, const struct scene_options *options, uint64_t seed)
{
	struct scene_options usual = {0};

	memset(scene, 0, sizeof(*scene));
	if (options != NULL)
		usual = *options;
	if (usual.window == 0)
		usual.window = 8;
	if (usual.ahead == 0)
		usual.ahead = 8;
	scene->now_ms = 1000000;
	scene->wall_ms = 1893456000000;
	for (uint8_t who = 0; who < 2; who++) {
		struct party *party = &scene->party[who];

		party->random = seed * 2 + who;
		party->runs_count = SCENE_RUNS;
		party->halves_count = SCENE_HALVES;
		set_up(scene, who, &usual);
	}
}

/* ---- events and actions ---- */

static struct skex_pairwise_input circumstances(
	struct scene *scene, struct party *party, uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES])
{
	struct skex_pairwise_input input = {
		.now_ms = scene->now_ms, .wall_ms = scene->wall_ms, .session = party->session};

	scene_fill(&party->random, random, SKEX_PAIRWISE_RANDOM_BYTES);
	if (party->same_random)
		memset(random, 0x55, SKEX_PAIRWISE_RANDOM_BYTES);
	input.random = skex_view(random, party->no_random ? 0 : SKEX_PAIRWISE_RANDOM_BYTES);
	return input;
}

static void send(struct scene *scene, uint8_t who, struct skex_view bytes)
{
	struct scene_message *message = &scene->log[scene->logged];

	assert_true(scene->logged < SCENE_LOG && scene->queued < SCENE_QUEUE);
	assert_true(bytes.size <= SCENE_MESSAGE);
	message->from = who;
	message->size = (uint16_t)bytes.size;
	memcpy(message->bytes, bytes.data, bytes.size);
	scene->queue[scene->queued++] = scene->logged++;
	scene->party[who].sent++;
}

static void deliver_session(struct party *party, const struct skex_pairwise_session *session)
{
	if (party->delivered < SCENE_SESSIONS)
		party->sessions[party->delivered] = *session;
	party->delivered++;
}

static void act(struct scene *scene, uint8_t who, const struct skex_pairwise_output *out)
{
	struct party *party = &scene->party[who];
	struct skex_pairwise_reply reply = {party->reply, party->reply_alert};
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	struct skex_pairwise_input input = circumstances(scene, party, random);
	struct skex_pairwise_output next;

	if (out->has_payload)
		party->payload = out->payload;
	party->rollbacks += (out->actions & SKEX_PAIRWISE_ROLLBACK) != 0;
	party->peer_rollbacks += (out->actions & SKEX_PAIRWISE_PEER_ROLLBACK) != 0;
	party->alarms += (out->actions & SKEX_PAIRWISE_ALARM) != 0;
	party->confirmed += (out->actions & SKEX_PAIRWISE_CONFIRMED) != 0;
	party->unconfirmed += (out->actions & SKEX_PAIRWISE_UNCONFIRMED) != 0;
	party->refused += (out->actions & SKEX_PAIRWISE_REFUSED) != 0;
	party->dropped += (out->actions & SKEX_PAIRWISE_DROP) != 0;
	party->ready += (out->actions & SKEX_PAIRWISE_READY) != 0;
	party->retired += (out->actions & SKEX_PAIRWISE_RETIRE) != 0;
	if ((out->actions & SKEX_PAIRWISE_REFUSED) != 0)
		party->alert = out->alert;
	if ((out->actions & SKEX_PAIRWISE_PERSIST) != 0) {
		/* Nothing may leave before it is durable. */
		const bool durable = commit(party);

		assert_int_equal(out->actions &
				(SKEX_PAIRWISE_SEND | SKEX_PAIRWISE_DELIVER |
					SKEX_PAIRWISE_CONFIRMED),
			0);
		if (!party->alive)
			return;
		if (out->run != NULL)
			skex_pairwise_run_durable(
				&party->pairwise, out->run, durable, &input, &next);
		else if (out->half != NULL)
			skex_pairwise_half_durable(
				&party->pairwise, out->half, durable, &reply, &input, &next);
		else
			skex_pairwise_moved(&party->pairwise, durable);
		if (out->run != NULL || out->half != NULL)
			act(scene, who, &next);
		return;
	}
	if ((out->actions & SKEX_PAIRWISE_SEND) != 0)
		send(scene, who, out->message);
	if ((out->actions & SKEX_PAIRWISE_DELIVER) != 0)
		deliver_session(party, &out->session);
}

static struct skex_pairwise_run *free_run(struct party *party)
{
	for (unsigned i = 0; i < party->runs_count; i++) {
		const uint8_t state = party->runs[i].state;

		if (state == SKEX_PAIRWISE_RUN_IDLE || state == SKEX_PAIRWISE_RUN_DONE ||
			state == SKEX_PAIRWISE_RUN_FAILED)
			return &party->runs[i];
	}
	return NULL;
}

struct skex_pairwise_run *scene_start_with(
	struct scene *scene, uint8_t who, const struct skex_pairwise_start *start)
{
	struct party *party = &scene->party[who];
	struct skex_pairwise_run *run = free_run(party);
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	struct skex_pairwise_input input = circumstances(scene, party, random);
	struct skex_pairwise_output out;

	assert_non_null(run);
	skex_pairwise_run_start(&party->pairwise, run, start, &input, &out);
	act(scene, who, &out);
	return run;
}

struct skex_pairwise_run *scene_start(struct scene *scene, uint8_t who)
{
	const struct skex_pairwise_start start = {0};

	return scene_start_with(scene, who, &start);
}

void scene_push(struct scene *scene, uint8_t who, const struct skex_pairwise_payload *payload)
{
	struct party *party = &scene->party[who];
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	struct skex_pairwise_input input = circumstances(scene, party, random);
	struct skex_pairwise_output out;

	skex_pairwise_run_push(&party->pairwise, free_run(party), payload, &input, &out);
	act(scene, who, &out);
}

struct skex_pairwise_run *scene_rekey(
	struct scene *scene, uint8_t who, struct skex_pairwise_session *session)
{
	struct party *party = &scene->party[who];
	const struct skex_pairwise_start start = {0};
	struct skex_pairwise_run *run = free_run(party);
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	struct skex_pairwise_input input = circumstances(scene, party, random);
	struct skex_pairwise_output out;

	assert_non_null(run);
	input.session = session;
	skex_pairwise_run_rekey(&party->pairwise, run, &start, &input, &out);
	act(scene, who, &out);
	return out.why == SKEX_OK ? run : NULL;
}

uint32_t scene_give(struct scene *scene, uint8_t to, const uint8_t *bytes, size_t size)
{
	struct party *party = &scene->party[to];
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES];
	struct skex_pairwise_input input = circumstances(scene, party, random);
	struct skex_pairwise_output out;

	if (!party->alive)
		return 0;
	skex_pairwise_receive(&party->pairwise, skex_view(bytes, size), &input, &out);
	act(scene, to, &out);
	return out.actions;
}

bool scene_deliver_one(struct scene *scene)
{
	enum scene_fate fate = SCENE_PASS;
	const struct scene_message *message;

	if (scene->queued == 0)
		return false;
	message = &scene->log[scene->queue[0]];
	scene->queued--;
	memmove(scene->queue, scene->queue + 1, scene->queued * sizeof(scene->queue[0]));
	if (scene->fate != NULL)
		fate = scene->fate(scene, message);
	if (fate == SCENE_LOSE)
		return true;
	scene_give(scene, (uint8_t)(1 - message->from), message->bytes, message->size);
	if (fate == SCENE_TWICE)
		scene_give(scene, (uint8_t)(1 - message->from), message->bytes, message->size);
	return true;
}

void scene_deliver(struct scene *scene)
{
	while (scene_deliver_one(scene)) {
	}
}

static void tick(struct scene *scene, uint8_t who)
{
	struct party *party = &scene->party[who];
	struct skex_pairwise_output out;

	for (unsigned i = 0; i < SCENE_RUNS && party->alive; i++) {
		skex_pairwise_run_tick(&party->pairwise, &party->runs[i], scene->now_ms, &out);
		act(scene, who, &out);
	}
	for (unsigned i = 0; i < SCENE_HALVES && party->alive; i++) {
		skex_pairwise_half_tick(&party->pairwise, &party->halves[i], scene->now_ms, &out);
		act(scene, who, &out);
	}
}

void scene_pass(struct scene *scene, uint64_t ms)
{
	const uint64_t end = scene->now_ms + ms;

	while (scene->now_ms < end) {
		scene->now_ms += 500;
		tick(scene, 0);
		tick(scene, 1);
		scene_deliver(scene);
	}
}

bool scene_succeed(struct scene *scene, uint8_t who)
{
	struct party *party = &scene->party[who];
	struct party *peer = &scene->party[1 - who];
	unsigned attempt;

	for (attempt = 0; attempt < 5; attempt++) {
		const unsigned before = party->delivered;
		const unsigned peers = peer->delivered;
		unsigned i;

		if (!party->alive && !scene_boot(scene, who))
			return false;
		if (!peer->alive && !scene_boot(scene, (uint8_t)(1 - who)))
			return false;
		scene_start(scene, who);
		scene_deliver(scene);
		for (i = 0; i < 200 && party->alive; i++) {
			if (party->delivered > before && peer->delivered > peers)
				return memcmp(&scene_last(party)->keys, &scene_last(peer)->keys,
					       sizeof(scene_last(party)->keys)) == 0;
			if (free_run(party) == &party->runs[0])
				break;
			scene_pass(scene, 500);
		}
	}
	return false;
}

const struct scene_message *scene_message(const struct scene *scene, int i)
{
	const unsigned at = i < 0 ? scene->logged - (unsigned)-i : (unsigned)i;

	assert_true(at < scene->logged);
	return &scene->log[at];
}

bool scene_holds(const struct party *party, const struct skex_pairwise_session *session)
{
	for (unsigned i = 0; i < party->delivered && i < SCENE_SESSIONS; i++) {
		if (memcmp(party->sessions[i].keys.exp, session->keys.exp, SKEX_HASH_BYTES) == 0)
			return true;
	}
	return false;
}

struct skex_pairwise_session *scene_last(struct party *party)
{
	assert_true(party->delivered > 0 && party->delivered <= SCENE_SESSIONS);
	return &party->sessions[party->delivered - 1];
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

uint64_t scene_print(const struct party *party)
{
	uint64_t hash = 0xcbf29ce484222325u;
	struct skex_pairwise pairwise = party->pairwise;

	memset(&pairwise.counters, 0, sizeof(pairwise.counters));
	pairwise.tokens = 0;
	pairwise.token_ms = 0;
	pairwise.check_ms = 0;
	pairwise.checks = 0;
	hash = mix(hash, &pairwise, sizeof(pairwise));
	hash = mix(hash, &party->state, sizeof(party->state));
	hash = mix(hash, party->out, sizeof(party->out));
	hash = mix(hash, party->in, sizeof(party->in));
	hash = mix(hash, party->spare, sizeof(party->spare));
	hash = mix(hash, &party->reseed, sizeof(party->reseed));
	hash = mix(hash, party->nvm.slot, sizeof(party->nvm.slot));
	hash = mix(hash, party->ids, sizeof(party->ids));
	hash = mix(hash, party->half_messages, sizeof(party->half_messages));
	hash = mix(hash, party->run_messages, sizeof(party->run_messages));
	for (unsigned i = 0; i < SCENE_RUNS; i++) {
		struct skex_pairwise_run run = party->runs[i];

		run.actions = 0;
		hash = mix(hash, &run, sizeof(run));
	}
	for (unsigned i = 0; i < SCENE_HALVES; i++) {
		struct skex_pairwise_half half = party->halves[i];

		half.actions = 0;
		half.repeats = 0;
		half.refilled = 0;
		hash = mix(hash, &half, sizeof(half));
	}
	return hash;
}

void scene_assert_distinct(const struct scene *scene)
{
	for (unsigned who = 0; who < 2; who++) {
		const struct party *party = &scene->party[who];

		for (unsigned i = 0; i < party->delivered && i < SCENE_SESSIONS; i++) {
			for (unsigned j = 0; j < i; j++)
				assert_memory_not_equal(party->sessions[i].keys.exp,
					party->sessions[j].keys.exp, SKEX_HASH_BYTES);
		}
	}
}

unsigned scene_type_of(const struct scene_message *message)
{
	return message->bytes[0] & 15;
}

void scene_give_logged(struct scene *scene, unsigned index)
{
	const struct scene_message *message = &scene->log[index];

	scene_give(scene, (uint8_t)(1 - message->from), message->bytes, message->size);
}

void scene_establish(struct scene *scene, const struct scene_options *options, uint64_t seed)
{
	scene_init(scene, options, seed);
	scene_start(scene, 0);
	scene_deliver(scene);
	for (unsigned who = 0; who < 2; who++) {
		struct party *party = &scene->party[who];

		party->session = scene_last(party);
		assert_int_equal(skex_pairwise_listen(&party->pairwise, party->session), SKEX_OK);
	}
}

void scene_assert_one_session(struct scene *scene, unsigned number)
{
	assert_int_equal(scene->party[0].delivered, number);
	assert_int_equal(scene->party[1].delivered, number);
	assert_memory_equal(&scene_last(&scene->party[0])->keys,
		&scene_last(&scene->party[1])->keys, sizeof(struct skex_pairwise_keys));
}
