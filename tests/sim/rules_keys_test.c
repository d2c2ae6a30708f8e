/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/key_id.h"
#include "crypto/openssl.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/* The rules of what is handed out (docs/spec/rules.md): each key once, and its class is true. */

#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)
#define AWAY_MS   35000u

static const char *name_of(struct world *world, uint8_t i)
{
	return world_agent_config(world_agent(world, i))->name.text;
}

/* ---- once --------------------------------------------------------------------------------------
 */

#define KEYS_MAX 400u

struct handed {
	struct disk *disk;
	bool done;
	uint32_t count;
	uint8_t ids[KEYS_MAX][SKEX_KEY_ID_BYTES];
	uint8_t bytes[KEYS_MAX][32];
};

static struct handed handed;

/* At this very instant, when the caller has the key, the power fails. */
static void delivered(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	size_t i;

	(void)owner;
	handed.done = true;
	if (problem != NULL)
		return;
	for (i = 0; i < count; i++) {
		assert_true(handed.count < KEYS_MAX);
		memcpy(handed.ids[handed.count], keys[i].id, SKEX_KEY_ID_BYTES);
		memcpy(handed.bytes[handed.count], keys[i].bytes, 32);
		handed.count++;
	}
	disk_stop_after(handed.disk, 0);
}

static void cut(struct world *world, struct world_node *node, uint64_t seed)
{
	world_crash(node);
	disk_power_cut(world_disk(node), seed);
	world_start(node);
	world_run(world, AWAY_MS);
}

/* Asks, and cuts the power as soon as there is an answer; true when there were keys. */
static bool ask_and_cut(struct world *world, struct world_node *node,
	const struct skex_key_request *request, uint64_t seed)
{
	const uint32_t before = handed.count;
	struct skex_problem problem;
	uint64_t ticket;
	int i;

	handed.disk = world_disk(node);
	handed.done = false;
	if ((request->ids != NULL ? skex_agent_fetch : skex_agent_get)(
		    world_agent_of(node), request, delivered, NULL, &ticket, &problem) != SKEX_OK)
		return false;
	for (i = 0; i < 5000 && !handed.done; i++)
		world_run(world, 5);
	cut(world, node, seed);
	return handed.count > before;
}

/* Several pieces to a batch, so that one outlives the other. */
static void long_batches(struct world *world)
{
	world_set_pools(world, 200, 400);
	world_agent_config(world_agent(world, 0))->pool.blocks = 64;
}

static void rule_a_key_is_handed_out_once_at_the_initiator(void **state)
{
	struct world *world = world_new(1, 3, 2, 2, PAD_BYTES);
	struct skex_key_request request = {0};
	uint32_t i;
	uint32_t j;

	(void)state;
	long_batches(world);
	world_run(world, 1000);
	memset(&handed, 0, sizeof(handed));
	request.peer = name_of(world, 1);
	request.purpose = PURPOSE;
	request.bytes = 32;
	request.require_confirmed = true;
	request.wait_ms = 20000;
	for (i = 0; i < 12; i++) {
		request.count = 1 + i;
		assert_true(ask_and_cut(world, world_agent(world, 0), &request, i));
	}
	assert_int_equal(handed.count, 78);
	for (i = 0; i < handed.count; i++) {
		for (j = 0; j < i; j++) {
			assert_memory_not_equal(handed.ids[i], handed.ids[j], SKEX_KEY_ID_BYTES);
			assert_memory_not_equal(handed.bytes[i], handed.bytes[j], 32);
		}
	}
	world_free(world);
}

static enum skex_error shorter(
	struct world *world, const uint8_t id[static SKEX_KEY_ID_BYTES], uint8_t *out)
{
	const struct skex_name *a = &world_agent_config(world_agent(world, 0))->name;
	const struct skex_name *b = &world_agent_config(world_agent(world, 1))->name;
	struct skex_key_id key;
	enum skex_error error = skex_key_id_decode(skex_crypto_openssl(), &key, a, b, id);

	if (error != SKEX_OK)
		return error;
	key.size = 16;
	return skex_key_id_encode(skex_crypto_openssl(), &key, a, b, out);
}

static void rule_a_key_is_handed_out_once_at_the_responder(void **state)
{
	struct world *world = world_new(2, 3, 2, 2, PAD_BYTES);
	struct world_node *bob = world_agent(world, 1);
	struct skex_key_request request = {0};
	uint8_t ids[2][SKEX_KEY_ID_BYTES];
	struct world_key key;
	uint32_t i;

	(void)state;
	long_batches(world);
	world_run(world, 1000);
	memset(&handed, 0, sizeof(handed));
	request.peer = name_of(world, 0);
	request.purpose = PURPOSE;
	request.count = 1;
	request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	request.wait_ms = 3000;
	for (i = 0; i < 12; i++) {
		assert_true(world_get(world, world_agent(world, 0), bob, PURPOSE, 32, 20000, &key));
		world_run(world, 1000);
		memcpy(ids[0], key.id, sizeof(ids[0]));
		/* The same bytes under two ids, in one request. */
		assert_int_equal(shorter(world, key.id, ids[1]), SKEX_OK);
		request.count = 2;
		assert_string_equal(ask_key(world, bob, &request).code, "spent_key");
		request.count = 1;
		assert_true(ask_and_cut(world, bob, &request, i));
		assert_memory_equal(handed.bytes[handed.count - 1], key.bytes, 32);
		/* Again, or a part of it, now and after another cut. */
		assert_false(ask_key(world, bob, &request).good);
		memcpy(ids[0], ids[1], sizeof(ids[0]));
		assert_false(ask_key(world, bob, &request).good);
		cut(world, bob, i);
		assert_false(ask_key(world, bob, &request).good);
		memcpy(ids[0], key.id, sizeof(ids[0]));
		assert_false(ask_key(world, bob, &request).good);
	}
	assert_int_equal(handed.count, 12);
	world_free(world);
}

/* ---- class -------------------------------------------------------------------------------------
 */

static struct asked ask_class(
	struct world *world, uint8_t at, const uint8_t (*ids)[SKEX_KEY_ID_BYTES], bool its)
{
	struct skex_key_request request = {0};

	request.peer = name_of(world, (uint8_t)(1 - at));
	request.purpose = PURPOSE;
	request.bytes = 32;
	request.count = 1;
	request.ids = ids;
	request.require_its = its;
	request.require_confirmed = true;
	request.wait_ms = 5000;
	return ask_key(world, world_agent(world, at), &request);
}

/* One leg at one end is computational, or none is. */
static void with_lower_leg(int end, uint8_t hub)
{
	struct world *world = world_new((uint64_t)(end + 1) * 4 + hub, 3, 2, 2, PAD_BYTES);
	const enum skex_class class = end < 0 ? SKEX_CLASS_ITS : SKEX_CLASS_COMPUTATIONAL;
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	struct asked asked;

	world_run(world, 1000);
	if (end >= 0)
		lower_leg(world, (uint8_t)end, hub);
	world_run(world, AWAY_MS);
	asked = ask_class(world, 0, NULL, true);
	assert_int_equal(asked.good, end < 0);
	if (asked.good)
		assert_int_equal(asked.class, SKEX_CLASS_ITS);
	else
		assert_string_equal(asked.code, "not_its");
	/* Without the requirement they come, and both ends say what they are. */
	asked = ask_class(world, 0, NULL, false);
	assert_true(asked.good);
	assert_int_equal(asked.class, class);
	memcpy(ids[0], asked.key.id, sizeof(ids[0]));
	world_run(world, 1000);
	if (end >= 0) {
		asked = ask_class(world, 1, (const uint8_t(*)[16])ids, true);
		assert_false(asked.good);
		assert_string_equal(asked.code, "not_its");
	}
	asked = ask_class(world, 1, (const uint8_t(*)[16])ids, false);
	assert_true(asked.good);
	assert_int_equal(asked.class, class);
	/* Also once the pool is there. */
	assert_int_equal(ask_class(world, 0, NULL, true).good, end < 0);
	world_free(world);
}

/* Before it is confirmed, nobody but the hubs has said that the other end's legs are its. */
static void rule_its_needs_the_confirmation(void **state)
{
	struct world *world = world_new(9, 3, 2, 2, PAD_BYTES);
	static struct forged forged;
	struct skex_key_request request = {0};
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	struct asked asked;
	uint8_t i;

	(void)state;
	world_run(world, 1000);
	forge(world, &forged, 0, 1, (struct skex_block_id){0x12345678, 1}, 1, PURPOSE);
	for (i = 0; i < 3; i++)
		forged_tell(world, &forged, i, 1, NULL);
	world_run(world, 1000);
	forged_key_id(&forged, 0, ids[0]);
	request.peer = name_of(world, 0);
	request.purpose = PURPOSE;
	request.count = 1;
	request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	request.require_its = true;
	asked = ask_key(world, world_agent(world, 1), &request);
	assert_false(asked.good);
	assert_string_equal(asked.code, "unconfirmed");
	request.require_its = false;
	asked = ask_key(world, world_agent(world, 1), &request);
	assert_true(asked.good);
	assert_false(asked.confirmed);
	assert_int_equal(asked.class, SKEX_CLASS_COMPUTATIONAL);
	world_free(world);
}

static void rule_its_needs_every_leg_at_both_ends(void **state)
{
	int end;
	uint8_t hub;

	(void)state;
	with_lower_leg(-1, 0);
	for (end = 0; end < 2; end++) {
		for (hub = 0; hub < 3; hub++)
			with_lower_leg(end, hub);
	}
}

/* ---- class in doubt ----------------------------------------------------------------------------
 */

#define MINUTE_MS 60000u

static struct agent_pool *pool_of(struct world *world)
{
	return agent_pool_find(agent_peer_find(agent_of(world, 0),
				       &world_agent_config(world_agent(world, 1))->name),
		AGENT_INITIATOR, PURPOSE);
}

/* The blocks that the first agent begins in these minutes, in each of which it is asked. */
static uint64_t begun_in(struct world *world, unsigned minutes, unsigned plain, unsigned its)
{
	struct skex_agent_counters before;
	struct skex_agent_counters after;
	unsigned i;

	skex_agent_counters(agent_of(world, 0), &before);
	for (; minutes > 0; minutes--) {
		for (i = 0; i < plain; i++)
			assert_true(ask_class(world, 0, NULL, false).good);
		for (i = 0; i < its; i++)
			assert_string_equal(ask_class(world, 0, NULL, true).code, "not_its");
		world_run(world, MINUTE_MS);
	}
	skex_agent_counters(agent_of(world, 0), &after);
	return after.blocks_initiated - before.blocks_initiated;
}

static void raise_leg(struct world *world, uint8_t agent, uint8_t hub)
{
	struct world_node *node = world_agent(world, agent);
	struct skex_leg_record record = hostile_agent_leg(world, agent, hub)->record;

	world_crash(node);
	record.class = SKEX_CLASS_ITS;
	assert_int_equal(skex_registry_leg_put(world_registry(node), &record), SKEX_OK);
	world_start(node);
}

/* Once somebody asked for its keys, and the peer's legs are not: for those who take others, and for
 * nobody, no more blocks are made than they need; who asks again is the cause of one, later and
 * later. */
static void rule_its_in_doubt_costs_a_block(void **state)
{
	struct world *world = world_new(1, 3, 2, 2, PAD_BYTES);
	const struct skex_agent_config *config = world_agent_config(world_agent(world, 0));
	const uint64_t high = (uint64_t)config->pool.high_keys * 32;
	const uint32_t block = config->pool.block_bytes;
	unsigned minutes = 0;

	(void)state;
	world_run(world, 1000);
	assert_true(ask_class(world, 0, NULL, true).good);
	lower_leg(world, 1, 2);
	world_run(world, AWAY_MS);
	assert_in_range(begun_in(world, 60, 2, 0), 1, (2 * 60 * 32 + high) / block);
	assert_in_range(begun_in(world, 60, 0, 0), 0, 0);
	assert_in_range(begun_in(world, 60, 0, 1), 1, high / block + 7);
	assert_in_range(begun_in(world, 60, 0, 1), 1, 5);
	assert_in_range(pool_of(world)->ready_bytes, 1, 2 * high);
	/* It is found out when they are. */
	raise_leg(world, 1, 2);
	while (!ask_class(world, 0, NULL, true).good) {
		assert_true(minutes++ < 16);
		world_run(world, MINUTE_MS);
	}
	world_run(world, MINUTE_MS);
	assert_in_range(agent_pool_ready(pool_of(world), AGENT_NEED_ITS),
		(uint64_t)config->pool.low_keys * 32, 2 * high);
	world_free(world);
}

/* The same where its keys could be had under another profile than that which is used. */
static void its_of_a_second_profile_are_not_made_for_ever(void **state)
{
	struct world *world = world_new(2, 4, 2, 2, PAD_BYTES);
	struct skex_profile_config profiles[2];
	uint8_t i;

	(void)state;
	profiles[0] = profiles[1] = world_agent_config(world_agent(world, 0))->profiles[0];
	profiles[0].n = profiles[1].n = 2;
	(void)snprintf(profiles[1].name, sizeof(profiles[1].name), "second");
	profiles[1].hubs[0] = profiles[0].hubs[2];
	profiles[1].hubs[1] = profiles[0].hubs[3];
	for (i = 0; i < 2; i++) {
		struct skex_agent_config *config = world_agent_config(world_agent(world, i));

		world_crash(world_agent(world, i));
		config->profiles = profiles;
		config->profiles_count = 2;
		config->peers[0].profiles_count = 2;
		(void)snprintf(config->peers[0].profiles[1], sizeof(config->peers[0].profiles[1]),
			"second");
		world_start(world_agent(world, i));
	}
	lower_leg(world, 0, 0);
	world_run(world, AWAY_MS);
	assert_string_equal(ask_class(world, 0, NULL, true).code, "not_its");
	assert_in_range(begun_in(world, 60, 0, 0), 0, 0);
	assert_in_range(begun_in(world, 60, 0, 1), 1, 7);
	assert_int_equal(ask_class(world, 0, NULL, false).class, SKEX_CLASS_COMPUTATIONAL);
	world_free(world);
}

/* ---- a block is in one pool --------------------------------------------------------------------
 */

static bool add(struct agent_pool *pool, uint32_t instance, uint64_t counter, uint16_t blocks)
{
	static const uint8_t secrets[4 * 32] = {1};
	const struct agent_quality quality = {.class = SKEX_CLASS_COMPUTATIONAL, .confirmed = true};
	struct agent_batch *batch = agent_batch_add(pool, (struct skex_block_id){instance, counter},
		blocks, 32, secrets, 32, 0, &quality, UINT64_MAX);

	if (batch != NULL)
		agent_batch_durable(batch);
	return batch != NULL;
}

/* Records are named by side, peer and block: one that comes again for another purpose would take
 * the place of what is there, used ranges included. */
static void rule_a_block_is_in_one_pool_of_a_peer(void **state)
{
	struct world *world = world_new(91, 3, 2, 2, PAD_BYTES);
	struct skex_agent *agent = world_agent_of(world_agent(world, 0));
	struct agent_peer *peer;
	struct agent_pool *pool;
	struct agent_pool *other;

	(void)state;
	world_run(world, 1000);
	peer = agent_peer_find(agent, &world_agent_config(world_agent(world, 1))->name);
	pool = agent_pool_get(agent, peer, AGENT_RESPONDER, PURPOSE);
	other = agent_pool_get(agent, peer, AGENT_RESPONDER, "app:other");
	assert_true(pool != NULL && other != NULL && pool != other);
	assert_true(add(pool, 9, 10, 4));
	assert_false(add(pool, 9, 12, 1));
	assert_false(add(other, 9, 10, 4));
	assert_false(add(other, 9, 13, 1));
	assert_false(add(other, 9, 7, 4));
	/* What lies beside it, of another instance, or at the other side is something else. */
	assert_true(add(other, 9, 14, 1));
	assert_true(add(other, 9, 8, 2));
	assert_true(add(other, 8, 10, 4));
	assert_true(add(agent_pool_get(agent, peer, AGENT_INITIATOR, "app:other"), 9, 10, 4));
	world_run(world, 1000);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_key_is_handed_out_once_at_the_initiator),
		cmocka_unit_test(rule_a_key_is_handed_out_once_at_the_responder),
		cmocka_unit_test(rule_its_needs_every_leg_at_both_ends),
		cmocka_unit_test(rule_its_needs_the_confirmation),
		cmocka_unit_test(rule_its_in_doubt_costs_a_block),
		cmocka_unit_test(its_of_a_second_profile_are_not_made_for_ever),
		cmocka_unit_test(rule_a_block_is_in_one_pool_of_a_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
