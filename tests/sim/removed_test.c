/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/hostile.h"

/* A peer is removed while keys with it are under way: none is stored, at either end. */
#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)

static const struct skex_name *name_of(struct world *world, uint8_t i)
{
	return &world_agent_config(world_agent(world, i))->name;
}

/* Two agents that added each other at run time. */
static struct world *strangers(uint64_t seed)
{
	struct world *world = world_new(seed, 2, 2, 2, PAD_BYTES);
	uint8_t i;

	for (i = 0; i < 2; i++) {
		struct world_node *node = world_agent(world, i);
		struct skex_problem problem;

		world_crash(node);
		world_agent_config(node)->peers_count = 0;
		world_start(node);
		assert_int_equal(
			skex_agent_peer_add(world_agent_of(node), name_of(world, 1 - i)->text,
				world_agent_config(node)->profiles[0].name, &problem),
			SKEX_OK);
	}
	world_run(world, 2000);
	return world;
}

static void nothing(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	(void)owner;
	(void)problem;
	(void)keys;
	(void)count;
}

/* Keys begin to be made, as far as they come in so many milliseconds. */
static void begin(struct world *world, uint32_t ms)
{
	struct skex_key_request request = {0};
	struct skex_problem problem;
	uint64_t ticket = 0;

	request.peer = name_of(world, 1)->text;
	request.purpose = PURPOSE;
	request.bytes = 32;
	request.count = 1;
	request.require_confirmed = true;
	request.wait_ms = 1000;
	assert_int_equal(
		skex_agent_get(agent_of(world, 0), &request, nothing, NULL, &ticket, &problem),
		SKEX_OK);
	world_run(world, ms);
}

static uint32_t left(struct world *world, uint8_t at)
{
	const struct agent_pool *pool =
		agent_peer_find(agent_of(world, at), name_of(world, 1 - at))->pools;
	uint32_t count = 0;

	for (; pool != NULL; pool = pool->next)
		count += pool->batches_count + (pool->strides != NULL) + pool->runs_all;
	return count;
}

/* At every moment of a run, at either end. */
static void rule_a_removed_peer_stores_no_key(void **state)
{
	const struct world_faults slow = {.delay_ms = 20};
	uint32_t under_way = 0;
	uint8_t row;
	uint32_t ms;

	(void)state;
	for (row = 0; row < 4; row++) {
		const uint8_t at = row % 2;
		const bool held = row > 1; /* what is being written then is so after */

		for (ms = 0; ms < 120; ms += 4) {
			struct world *world = strangers(100 + ms);
			struct skex_agent *agent;
			struct skex_problem problem;

			world_set_faults(world, &slow);
			begin(world, ms);
			world_hold_disk(world_agent(world, at), held);
			world_run(world, held ? 200 : 0);
			agent = agent_of(world, at);
			under_way += agent->runs_count + agent->groups_count;
			assert_int_equal(skex_agent_peer_remove(
						 agent, name_of(world, 1 - at)->text, &problem),
				SKEX_OK);
			assert_int_equal(
				world_events(world_agent(world, at), "peer_removed", NULL), 1);
			world_run(world, 100);
			if (held) /* and the other end says nothing more */
				world_crash(world_agent(world, 1 - at));
			world_hold_disk(world_agent(world, at), false);
			world_run(world, 5000);
			assert_int_equal(left(world, at), 0);
			assert_int_equal(agent->runs_count, 0);
			assert_int_equal(agent->groups_count, 0);
			assert_null(agent->confirms);
			world_free(world);
		}
	}
	assert_true(under_way > 20);
}

/* ---- a profile is replaced ---------------------------------------------------------------------
 */

static struct skex_profile_config profiles[2];

static void add_peer(struct world *world, uint8_t at, const char *list)
{
	struct skex_problem problem;

	assert_int_equal(skex_agent_peer_add(
				 agent_of(world, at), name_of(world, 1 - at)->text, list, &problem),
		SKEX_OK);
}

/* The same, with three hubs and two profiles of them: two are enough for one, all are needed for
 * the other.  Both accept both. */
static struct world *two_profiles(uint64_t seed)
{
	struct world *world = world_new(seed, 3, 2, 2, PAD_BYTES);
	uint8_t i;

	profiles[0] = profiles[1] = world_agent_config(world_agent(world, 0))->profiles[0];
	memcpy(profiles[0].name, "weak", 5);
	memcpy(profiles[1].name, "strong", 7);
	profiles[1].k = 3;
	for (i = 0; i < 2; i++) {
		struct world_node *node = world_agent(world, i);

		world_crash(node);
		world_agent_config(node)->peers_count = 0;
		world_agent_config(node)->profiles = profiles;
		world_agent_config(node)->profiles_count = 2;
		world_start(node);
	}
	for (i = 0; i < 2; i++)
		add_peer(world, i, "weak,strong");
	world_run(world, 2000);
	return world;
}

/* Batches of the first profile that an agent has, or has nearly. */
static uint32_t weak_ones(struct world *world, uint8_t at)
{
	const struct skex_agent *agent = agent_of(world, at);
	const struct agent_pool *pool =
		agent_peer_find(agent_of(world, at), name_of(world, 1 - at))->pools;
	uint32_t count = 0;
	uint32_t i;

	for (; pool != NULL; pool = pool->next) {
		for (i = 0; i < pool->batches_count; i++)
			count += memcmp(pool->batches[i]->profile, agent->profiles[0].profile.id,
					 SKEX_PROFILE_ID_BYTES) == 0;
	}
	return count;
}

/* What is under way comes to nothing, at every moment; under a profile that stays it goes on. */
static void rule_a_profile_that_was_replaced_brings_no_key(void **state)
{
	const struct world_faults slow = {.delay_ms = 20};
	uint32_t under_way = 0;
	uint8_t at;
	uint32_t ms;

	(void)state;
	for (at = 0; at < 2; at++) {
		for (ms = 0; ms < 120; ms += 8) {
			struct world *world = two_profiles(100 + ms);
			uint32_t before;
			uint32_t runs;

			world_set_faults(world, &slow);
			begin(world, ms);
			before = weak_ones(world, at);
			runs = agent_of(world, at)->runs_count;
			under_way += runs + agent_of(world, at)->groups_count;
			add_peer(world, at, "strong,weak");
			assert_int_equal(agent_of(world, at)->runs_count, runs);
			add_peer(world, at, "strong");
			world_run(world, 5000);
			assert_in_range(weak_ones(world, at), 0, before);
			world_free(world);
		}
	}
	assert_true(under_way > 10);
}

/* Groups gather no more, also when the profile comes back. */
static void rule_groups_of_a_replaced_profile_are_gone(void **state)
{
	struct world *world = two_profiles(1);
	static struct forged forged;
	uint8_t id[SKEX_KEY_ID_BYTES];

	(void)state;
	forge(world, &forged, 0, 1, (struct skex_block_id){0x12345678, 1}, 1, PURPOSE);
	forged_tell(world, &forged, 0, 1, NULL);
	world_run(world, 1000);
	assert_int_equal(agent_of(world, 1)->groups_count, 1);
	/* One that stays is none of this. */
	add_peer(world, 1, "weak");
	assert_int_equal(agent_of(world, 1)->groups_count, 1);
	add_peer(world, 1, "strong");
	assert_int_equal(agent_of(world, 1)->groups_count, 0);
	forged_tell(world, &forged, 1, 1, NULL);
	world_run(world, 1000);
	forged_key_id(&forged, 0, id);
	assert_false(fetch_any(world, 1, 0, PURPOSE, id).good);
	add_peer(world, 1, "weak");
	forged_tell(world, &forged, 2, 1, NULL);
	world_run(world, 1000);
	assert_false(fetch_any(world, 1, 0, PURPOSE, id).good);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_removed_peer_stores_no_key),
		cmocka_unit_test(rule_a_profile_that_was_replaced_brings_no_key),
		cmocka_unit_test(rule_groups_of_a_replaced_profile_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
