/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/qkd014_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/disk.h"

#define STEP_MS   5u
#define DELAY_MS  20u
#define KEYS_MAX  65536u
#define ORDER_MAX 64u
#define KEY_MAX   1024u

/* A key of the link. */
struct link_key {
	uint8_t id[16];
	uint8_t bytes[KEY_MAX];
	uint32_t size;
	uint8_t master; /* whose KME gave it first */
	bool fetched;   /* at the other end */
};

struct order {
	bool used;
	uint64_t due_ms;
	uint64_t number;
	uint32_t count;
	uint32_t key_bytes;
	bool by_id;
	uint8_t ids[SKEX_SOURCE_IDS_MAX][16];
};

static struct end {
	struct skex_qkd014_config config;
	struct skex_qkd014_peer_config peer;
	enum kme_mood mood;
	uint32_t again; /* which key comes again */
	struct order orders[ORDER_MAX];
	struct world *world;
	unsigned given[2];
	unsigned asked;
	uint8_t index;
} ends[2];
static struct link_key *keys;
static uint32_t keys_count;

/* ---- the KMEs ----------------------------------------------------------------------------------
 */

static void fill_random(struct world *world, uint8_t *out, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		out[i] = (uint8_t)world_random(world);
}

static void on_order(void *owner, const struct skex_qkd014_order *order)
{
	struct end *end = owner;
	struct order *kept = end->orders;

	end->asked++;
	while (kept->used) {
		kept++;
		assert_true(kept < end->orders + ORDER_MAX);
	}
	assert_ptr_equal(order->kme, &end->config);
	assert_ptr_equal(order->peer, &end->peer);
	assert_in_range(order->count, 1, SKEX_SOURCE_IDS_MAX);
	*kept = (struct order){true, world_now(end->world) + DELAY_MS, order->number, order->count,
		order->key_bytes, order->ids != NULL, {{0}}};
	if (order->ids != NULL)
		memcpy(kept->ids, order->ids, order->count * 16u);
}

static struct link_key *key_of(const uint8_t id[16])
{
	uint32_t i = 0;

	while (i < keys_count && memcmp(keys[i].id, id, 16) != 0)
		i++;
	return i < keys_count ? &keys[i] : NULL;
}

static void make_keys(struct end *end, struct order *order, uint8_t *out)
{
	const uint32_t before = keys_count;
	uint32_t i;

	for (i = 0; i < order->count; i++) {
		struct link_key *key = &keys[keys_count++];

		assert_true(keys_count < KEYS_MAX);
		memset(key, 0, sizeof(*key));
		fill_random(end->world, key->id, 16);
		fill_random(end->world, key->bytes, order->key_bytes);
		key->size = order->key_bytes;
		key->master = end->index;
		if (end->mood == KME_SAME_ID && i == 0 && before > 0)
			memcpy(key->id, keys[end->again].id, 16);
		if (end->mood == KME_SAME_BYTES && i == 0 && before > 0)
			memcpy(key->bytes, keys[end->again].bytes, KEY_MAX);
		memcpy(order->ids[i], key->id, 16);
		memcpy(out + (size_t)i * order->key_bytes, key->bytes, order->key_bytes);
	}
}

/* False when one is not to be had, and then none is. */
static bool find_keys(struct end *end, struct order *order, uint8_t *out)
{
	uint32_t i;

	for (i = 0; i < order->count; i++) {
		struct link_key *key = key_of(order->ids[i]);

		if (key == NULL || key->master == end->index || key->size != order->key_bytes ||
			key->fetched)
			return false;
	}
	for (i = 0; i < order->count; i++) {
		struct link_key *key = key_of(order->ids[i]);

		key->fetched = true;
		memcpy(out + (size_t)i * order->key_bytes, key->bytes, order->key_bytes);
		if (end->mood == KME_OTHER_BYTES)
			out[i * order->key_bytes] ^= 1;
	}
	return true;
}

static void give(struct end *end, struct order *order)
{
	struct skex_agent *agent = world_agent_of(world_agent(end->world, end->index));
	static uint8_t bytes[SKEX_SOURCE_BYTES_MAX];

	if (end->mood == KME_AWAY)
		skex_agent_qkd014_failed(agent, order->number, SKEX_QKD014_AWAY, "no answer");
	else if (end->mood == KME_EMPTY)
		skex_agent_qkd014_failed(agent, order->number, SKEX_QKD014_EMPTY, "HTTP 503");
	else if (end->mood == KME_REFUSES)
		skex_agent_qkd014_failed(agent, order->number, SKEX_QKD014_REFUSED, "HTTP 401");
	else if (order->by_id && !find_keys(end, order, bytes))
		skex_agent_qkd014_failed(agent, order->number, SKEX_QKD014_REFUSED, "HTTP 400");
	else {
		if (!order->by_id)
			make_keys(end, order, bytes);
		end->given[order->by_id]++;
		assert_int_equal(skex_agent_qkd014_keys(agent, order->number,
					 (const uint8_t(*)[16])order->ids, order->count,
					 skex_view(bytes, (size_t)order->count * order->key_bytes)),
			SKEX_OK);
	}
}

static void kmes_answer(struct world *world)
{
	unsigned e;
	unsigned i;

	for (e = 0; e < 2; e++) {
		struct end *end = &ends[e];

		for (i = 0; i < ORDER_MAX && end->world == world; i++) {
			struct order *order = &end->orders[i];

			if (!order->used || order->due_ms > world_now(world) ||
				end->mood == KME_SILENT)
				continue;
			order->used = false;
			if (world_is_up(world_agent(world, end->index)))
				give(end, order);
		}
	}
}

void __real_world_run(struct world *world, uint64_t ms);
void __wrap_world_run(struct world *world, uint64_t ms);

void __wrap_world_run(struct world *world, uint64_t ms)
{
	while (ms > 0) {
		const uint64_t step = ms < STEP_MS ? ms : STEP_MS;

		__real_world_run(world, step);
		kmes_answer(world);
		ms -= step;
	}
}

/* ---- the scene ---------------------------------------------------------------------------------
 */

static void configure(struct world *world, uint8_t at, const struct scene *scene)
{
	struct skex_agent_config *config = world_agent_config(world_agent(world, at));
	struct end *end = &ends[at];

	memset(end, 0, sizeof(*end));
	end->world = world;
	end->index = at;
	(void)snprintf(end->config.name.text, sizeof(end->config.name.text), "kme");
	end->config.name.size = 3;
	end->config.key_bits = scene->key_bits == 0 ? 256 : scene->key_bits;
	end->config.independent = scene->independent[at];
	end->config.peers_count = 1;
	end->config.peers = &end->peer;
	end->peer.name = world_agent_config(world_agent(world, (uint8_t)(1 - at)))->name;
	end->peer.class = scene->its[at] ? SKEX_QKD014_ITS : SKEX_QKD014_COMPUTATIONAL;
	config->qkd014_count = 1;
	config->qkd014 = &end->config;
	config->peers[0].combine = scene->combine[at];
	config->require_its = scene->required_its;
}

void scene_process(struct world *world, uint8_t at, bool there)
{
	struct skex_agent *agent = world_agent_of(world_agent(world, at));

	memset(ends[at].orders, 0, sizeof(ends[at].orders));
	if (there)
		assert_int_equal(skex_agent_qkd014_attach(agent, on_order, &ends[at]), SKEX_OK);
	else
		skex_agent_qkd014_detach(agent);
}

void scene_start(struct world *world, uint8_t at)
{
	world_start(world_agent(world, at));
	scene_process(world, at, true);
}

struct world *scene_up(uint64_t seed, const struct scene *scene, uint64_t pad_bytes)
{
	struct world *world = world_new(seed, 3, 2, 2, pad_bytes);
	uint8_t i;

	keys = calloc(KEYS_MAX, sizeof(*keys));
	assert_non_null(keys);
	keys_count = 0;
	for (i = 0; i < 2; i++) {
		world_power_cut(world_agent(world, i));
		configure(world, i, scene);
		scene_start(world, i);
	}
	world_run(world, 1000);
	return world;
}

void scene_down(struct world *world)
{
	assert_true(world_pads_intact(world));
	world_free(world);
	free(keys);
	keys = NULL;
	memset(ends, 0, sizeof(ends));
}

void scene_mood(uint8_t at, enum kme_mood mood)
{
	ends[at].mood = mood;
	ends[at].again = keys_count > 0 ? keys_count - 1 : 0;
}

unsigned scene_given(uint8_t at, bool by_id)
{
	return ends[at].given[by_id];
}

unsigned scene_asked(uint8_t at)
{
	return ends[at].asked;
}

void scene_fresh(uint8_t at, uint8_t (*ids)[SKEX_SOURCE_ID_BYTES], uint32_t count)
{
	static uint8_t bytes[SKEX_SOURCE_BYTES_MAX];
	struct order order = {.count = count, .key_bytes = 32};

	make_keys(&ends[at], &order, bytes);
	memcpy(ids, order.ids, count * sizeof(ids[0]));
}

unsigned scene_holds(const uint8_t *key, size_t size)
{
	static uint8_t all[KEY_MAX * SKEX_SOURCE_IDS_MAX];
	unsigned found = 0;
	uint32_t i;

	/* A key may begin in one of the link and end in the next. */
	for (i = 0; i < keys_count; i++) {
		const uint32_t more = i + 1 < keys_count ? keys[i + 1].size : 0;
		uint32_t at;

		memcpy(all, keys[i].bytes, keys[i].size);
		if (more > 0)
			memcpy(all + keys[i].size, keys[i + 1].bytes, more);
		for (at = 0; at < keys[i].size && at + size <= keys[i].size + more; at++)
			found += memcmp(all + at, key, size) == 0; /* rule 3: a test's own */
	}
	return found;
}

bool scene_is_id(const uint8_t id[static 16])
{
	return key_of(id) != NULL;
}

struct search {
	unsigned ids;
	unsigned keys;
};

static bool stands_in(const uint8_t *bytes, size_t size, const uint8_t *wanted)
{
	const uint8_t *at = memchr(bytes, wanted[0], size);

	while (at != NULL && (size_t)(bytes + size - at) >= 16) {
		if (memcmp(at, wanted, 16) == 0) /* rule 3: a test's own */
			return true;
		at = memchr(at + 1, wanted[0], (size_t)(bytes + size - at) - 1);
	}
	return false;
}

static void search(void *owner, const char *path, const uint8_t *bytes, size_t size)
{
	struct search *found = owner;
	uint32_t i;

	(void)path;
	for (i = 0; i < keys_count; i++) {
		found->ids += stands_in(bytes, size, keys[i].id);
		found->keys += stands_in(bytes, size, keys[i].bytes);
	}
}

void scene_search(struct world *world, uint8_t at, unsigned *ids, unsigned *keys_found)
{
	struct search found = {0, 0};

	disk_image(world_disk(world_agent(world, at)), search, &found);
	*ids = found.ids;
	*keys_found = found.keys;
}

/* ---- keys --------------------------------------------------------------------------------------
 */

struct asked scene_get(struct world *world, uint8_t from, const char *purpose, bool its,
	bool combined, uint32_t wait_ms)
{
	const struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, (uint8_t)(1 - from)))->name.text,
		.purpose = purpose,
		.bytes = 32,
		.count = 1,
		.require_confirmed = true,
		.require_its = its,
		.require_combined = combined,
		.wait_ms = wait_ms};

	return ask_key(world, world_agent(world, from), &request);
}

struct asked scene_key(struct world *world, uint8_t from, const char *purpose)
{
	struct asked got = scene_get(world, from, purpose, false, false, 20000);
	struct asked fetched;

	assert_string_equal(got.code, "");
	assert_true(got.good && got.confirmed);
	/* CONF_AB is on its way. */
	world_run(world, 500);
	fetched = fetch_any(world, (uint8_t)(1 - from), from, purpose, got.key.id);
	assert_true(fetched.good);
	assert_memory_equal(got.key.bytes, fetched.key.bytes, 32);
	assert_true(fetched.confirmed);
	assert_int_equal(fetched.class, got.class);
	assert_int_equal(fetched.key.combined, got.key.combined);
	return got;
}

struct agent_pool *pool_of(
	struct world *world, uint8_t at, uint8_t other, enum agent_side side, const char *purpose)
{
	struct skex_agent *agent = world_agent_of(world_agent(world, at));
	const struct skex_name name = world_agent_config(world_agent(world, other))->name;

	return agent_pool_find(agent_peer_find(agent, &name), side, purpose);
}

const char *scene_error(struct world *world, uint8_t at, const char *purpose)
{
	const struct agent_pool *pool =
		pool_of(world, at, (uint8_t)(1 - at), AGENT_INITIATOR, purpose);

	return pool == NULL ? "" : pool->last_error;
}

static void take_status(void *owner, const struct skex_qkd014_status *status)
{
	*(struct skex_qkd014_status *)owner = *status;
}

struct skex_qkd014_status scene_status(struct world *world, uint8_t at)
{
	struct skex_qkd014_status status = {0};

	skex_agent_qkd014_status(world_agent_of(world_agent(world, at)), take_status, &status);
	return status;
}
