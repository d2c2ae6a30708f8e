/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/request.h"
#include "link/internal.h"
#include "tests/sim/keyfill_scene.h"

/* Material that was carried by hand, between agents that have hubs as well. */
#define PURPOSE "app:test"
#define BYTES   65536u

static struct world *world_with_both(uint64_t seed, struct carried *carried)
{
	struct world *world = world_new_ratchets(seed, 3, 2, 2);

	world_run(world, 1000);
	assert_true(carried_make(world, 0, 1, BYTES, carried));
	carried_give(world, carried, 0, 1);
	return world;
}

static struct asked get_confirmed(struct world *world)
{
	const struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 1))->name.text,
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1,
		.require_confirmed = true,
		.wait_ms = 3000,
	};

	return ask_key(world, world_agent(world, 0), &request);
}

/* What was carried is not touched while hubs make keys, nor for those who want confirmed ones; and
 * it is there when they are away. */
static void rule_hubs_come_before_what_was_carried(void **state)
{
	struct carried carried;
	struct world *world = world_with_both(1, &carried);
	struct asked asked;
	unsigned i;

	(void)state;
	for (i = 0; i < 20; i++) {
		asked = carried_get(world, 0, 1, PURPOSE, 32);
		assert_true(asked.good && asked.confirmed);
	}
	assert_int_equal(carried_status(world, 0).get_left, carried.keys_256);
	hubs(world, false);
	world_run(world, 40000);
	while (get_confirmed(world).good)
		;
	assert_int_equal(carried_status(world, 0).get_left, carried.keys_256);
	asked = carried_get(world, 0, 1, PURPOSE, 32);
	assert_true(asked.good && !asked.confirmed);
	assert_memory_equal(
		fetch_any(world, 1, 0, PURPOSE, asked.key.id).key.bytes, asked.key.bytes, 32);
	assert_true(carried_status(world, 0).get_left < carried.keys_256);
	/* What is left of its block in the pool is no confirmed key, and holds up none. */
	assert_string_equal(get_confirmed(world).code, "pool_empty");
	hubs(world, true);
	world_run(world, 40000);
	asked = get_confirmed(world);
	assert_true(asked.good && asked.confirmed);
	carried_free(&carried);
	world_free(world);
}

/* What hubs make is not forward secret: whoever wants that gets what was carried. */
static void forward_secret_keys_come_out_of_what_was_carried(void **state)
{
	struct carried carried;
	struct world *world = world_with_both(4, &carried);
	const struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 1))->name.text,
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1,
		.require_forward_secret = true,
	};
	struct asked asked;

	(void)state;
	assert_true(get_confirmed(world).good);
	world_run(world, 1000);
	asked = ask_key(world, world_agent(world, 0), &request);
	assert_true(asked.good && asked.forward_secret && !asked.confirmed);
	assert_true(fetch_any(world, 1, 0, PURPOSE, asked.key.id).forward_secret);
	carried_free(&carried);
	world_free(world);
}

/* Two keys of one block, out of what was carried: what hubs made before goes first. */
static void carried_two(struct world *world, struct asked got[static 2])
{
	for (unsigned i = 0; i < 2; i++) {
		do
			got[i] = carried_get(world, 0, 1, PURPOSE, 32);
		while (got[i].good && !got[i].forward_secret);
		assert_true(got[i].good);
	}
}

/* The answer to a fetch that is to get no key. */
static void nothing(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	(void)keys;
	assert_non_null(problem);
	assert_int_equal(count, 0);
	++*(unsigned *)owner;
}

/* What was claimed within a start's grace waits for hubs after it, as what was not claimed does. */
static void rule_the_grace_of_a_start_frees_no_carried_key_for_good(void **state)
{
	struct carried carried;
	struct world *world = world_with_both(7, &carried);
	struct world_node *node = world_agent(world, 1);
	struct asked got[2];

	(void)state;
	hubs(world, false);
	world_run(world, 40000);
	carried_two(world, got);
	world_crash(node);
	world_agent_config(node)->pool.start_grace_s = 60;
	world_start(node);
	world_run(world, 5000);
	assert_true(fetch_any(world, 1, 0, PURPOSE, got[0].key.id).good);
	world_run(world, 60000);
	assert_string_equal(fetch_any(world, 1, 0, PURPOSE, got[1].key.id).code, "unproven");
	carried_free(&carried);
	world_free(world);
}

/* A fetch that waits for the disk gets nothing of material that is removed meanwhile. */
static void rule_what_is_removed_is_not_given_by_a_fetch_that_waits(void **state)
{
	struct carried carried;
	struct world *world = world_with_both(8, &carried);
	struct world_node *node = world_agent(world, 1);
	struct skex_fill_status fill = carried_status(world, 1);
	struct asked got[2];
	struct skex_agent *agent = world_agent_of(node);
	unsigned answers = 0;

	(void)state;
	hubs(world, false);
	world_run(world, 40000);
	carried_two(world, got);
	/* Their block is in the pool then. */
	assert_true(fetch_any(world, 1, 0, PURPOSE, got[0].key.id).good);
	(void)fetch_and_hang(world, 1, 0, PURPOSE, got[1].key.id, nothing, &answers);
	assert_int_equal(skex_agent_fill_remove(agent, fill.id), SKEX_OK);
	world_hold_disk(node, false);
	world_run(world, 1000);
	assert_int_equal(answers, 1);
	carried_free(&carried);
	world_free(world);
}

/* So does a pair, whose keys are confirmed and forward-secret: only when it has no answer either
 * what was carried is used. */
static void rule_a_pair_comes_before_what_was_carried(void **state)
{
	struct carried carried;
	struct world *world = world_new_paired(5, 3, 2, 2);
	struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 1))->name.text,
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1,
		.wait_ms = 5000,
	};
	struct asked asked;
	unsigned i;

	(void)state;
	world_run(world, 1000);
	assert_true(carried_make(world, 0, 1, BYTES, &carried));
	carried_give(world, &carried, 0, 1);
	request.require_forward_secret = true;
	asked = ask_key(world, world_agent(world, 0), &request);
	assert_true(asked.good && asked.confirmed && asked.forward_secret);
	request.require_forward_secret = false;
	hubs(world, false);
	world_run(world, 40000);
	for (i = 0; i < 100; i++) {
		asked = carried_get(world, 0, 1, PURPOSE, 32);
		assert_true(asked.good && asked.confirmed);
		world_run(world, 200);
	}
	assert_int_equal(carried_status(world, 0).get_left, carried.keys_256);
	world_crash(world_agent(world, 1));
	do
		asked = ask_key(world, world_agent(world, 0), &request);
	while (asked.good && asked.confirmed);
	assert_true(asked.good && !asked.confirmed && asked.forward_secret);
	assert_true(carried_status(world, 0).get_left < carried.keys_256);
	world_start(world_agent(world, 1));
	world_run(world, 1000);
	hubs(world, true);
	world_run(world, 40000);
	assert_memory_equal(
		fetch_any(world, 1, 0, PURPOSE, asked.key.id).key.bytes, asked.key.bytes, 32);
	carried_free(&carried);
	world_free(world);
}

/* Hubs are up, and the peer takes nothing that comes through them: it is asked over the pair. */
static void rule_a_pair_is_tried_when_hubs_bring_no_answer(void **state)
{
	struct carried carried;
	struct world *world = world_new_paired(6, 3, 2, 2);
	const struct skex_name *name = &world_agent_config(world_agent(world, 0))->name;
	struct agent_peer *peer;
	struct asked asked;
	unsigned i;

	(void)state;
	world_run(world, 1000);
	assert_true(carried_make(world, 0, 1, BYTES, &carried));
	carried_give(world, &carried, 0, 1);
	peer = agent_peer_find(world_agent_of(world_agent(world, 1)), name);
	peer->profiles_count = 0;
	for (i = 0; i < 100; i++) {
		asked = get_confirmed(world);
		assert_true(asked.good && asked.forward_secret);
		asked = carried_get(world, 0, 1, PURPOSE, 32);
		assert_true(asked.good && asked.confirmed);
		world_run(world, 200);
	}
	assert_int_equal(carried_status(world, 0).get_left, carried.keys_256);
	/* And hubs again when they bring answers. */
	peer->profiles_count = 1;
	world_run(world, 60000);
	for (i = 0; i < 2000 && asked.forward_secret; i++)
		asked = get_confirmed(world);
	assert_true(asked.good && !asked.forward_secret);
	carried_free(&carried);
	world_free(world);
}

/* The pair says that a state is from the past: what was carried is destroyed at both ends, as pools
 * are when hubs say so. */
static void rule_a_rollback_that_the_pair_tells_of_destroys_what_was_carried(void **state)
{
	struct carried carried;
	struct world *world = world_new_paired(7, 0, 0, 2);
	struct disk *backup;
	struct asked asked;
	unsigned i;
	unsigned k;

	(void)state;
	world_set_pools(world, 4, 8);
	world_run(world, 1000);
	assert_true(carried_make(world, 0, 1, BYTES, &carried));
	carried_give(world, &carried, 0, 1);
	world_run(world, 1000);
	backup = world_snapshot(world_agent(world, 0));
	for (i = 0; i < 4; i++) {
		/* Runs, and not only rekeys of one. */
		for (k = 0; k < 60; k++)
			assert_true(get_confirmed(world).good);
		world_run(world, 70000);
	}
	world_crash(world_agent(world, 0));
	world_restore(world_agent(world, 0), backup);
	world_start(world_agent(world, 0));
	assert_string_equal(carried_status(world, 0).state, "ready");
	for (i = 0; i < 60 && world_events(world_agent(world, 0), "rollback_suspected", NULL) == 0;
		i++) {
		(void)get_confirmed(world);
		world_run(world, 5000);
	}
	world_run(world, 120000);
	asked = get_confirmed(world);
	assert_true(asked.good);
	world_run(world, 5000);
	for (i = 0; i < 2; i++) {
		assert_string_equal(carried_status(world, (uint8_t)i).state, "used up");
		assert_true(
			world_events(world_agent(world, (uint8_t)i), "keyfill_dropped", NULL) > 0);
	}
	carried_free(&carried);
	world_free(world);
}

/* After a start it waits for the hubs, like keys in pools: the state may be a restored one. */
static void carried_keys_wait_for_hubs_after_a_start(void **state)
{
	struct carried carried;
	struct world *world = world_with_both(2, &carried);

	(void)state;
	hubs(world, false);
	world_run(world, 40000);
	world_crash(world_agent(world, 0));
	world_start(world_agent(world, 0));
	world_run(world, 3000);
	assert_string_equal(carried_get(world, 0, 1, PURPOSE, 32).code, "unproven");
	hubs(world, true);
	world_run(world, 40000);
	assert_true(carried_get(world, 0, 1, PURPOSE, 32).good);
	carried_free(&carried);
	world_free(world);
}

/* k hubs say so: both halves are dropped, for the forgotten life may have used them. */
static void rule_a_state_from_the_past_loses_what_was_carried(void **state)
{
	struct carried carried;
	struct world *world = world_with_both(3, &carried);
	struct took took;
	uint8_t hub;

	(void)state;
	for (hub = 0; hub < 2; hub++) {
		assert_string_equal(carried_status(world, 0).state, "ready");
		skex_leg_bye(hostile_hub_leg(world, hub, 0), SKEX_BYE_ROLLBACK);
		world_run(world, 3000);
	}
	assert_string_equal(carried_status(world, 0).state, "used up");
	assert_int_equal(carried_status(world, 0).get_left, 0);
	assert_int_equal(carried_status(world, 0).fetch_left, 0);
	carried_put(world, 0, &carried);
	took = carried_take(world, 0, false);
	assert_string_equal(took.code, "fill_taken");
	/* The other end is not told: its keys are not found here. */
	assert_string_equal(carried_status(world, 1).state, "ready");
	carried_free(&carried);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_hubs_come_before_what_was_carried),
		cmocka_unit_test(forward_secret_keys_come_out_of_what_was_carried),
		cmocka_unit_test(rule_the_grace_of_a_start_frees_no_carried_key_for_good),
		cmocka_unit_test(rule_what_is_removed_is_not_given_by_a_fetch_that_waits),
		cmocka_unit_test(rule_a_pair_comes_before_what_was_carried),
		cmocka_unit_test(rule_a_pair_is_tried_when_hubs_bring_no_answer),
		cmocka_unit_test(rule_a_rollback_that_the_pair_tells_of_destroys_what_was_carried),
		cmocka_unit_test(carried_keys_wait_for_hubs_after_a_start),
		cmocka_unit_test(rule_a_state_from_the_past_loses_what_was_carried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
