/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/world.h"

/*
 * Small worlds of real hubs and agents.  What must hold in each: the two ends of a key have the
 * same bytes, no key is handed out twice, no range of pad carries two messages, and when the faults
 * end keys come again without anybody's help.
 */
#define PURPOSE "app:test"

static uint32_t worlds(uint32_t usual)
{
	return getenv("SKEX_LONG") != NULL ? usual * 50 : usual; /* rule 6: a switch */
}

/* One key from a to b: both ends agree, and the second fetch is refused. */
static bool exchange(struct world *world, uint8_t a, uint8_t b, uint32_t patience_ms)
{
	struct world_key got = {0};
	struct world_key fetched = {0};

	if (!world_get(world, world_agent(world, a), world_agent(world, b), PURPOSE, 32,
		    patience_ms, &got))
		return false;
	if (!world_fetch(world, world_agent(world, b), world_agent(world, a), PURPOSE, got.id,
		    patience_ms, &fetched))
		return false;
	assert_int_equal(got.size, 32);
	assert_int_equal(fetched.size, 32);
	assert_memory_equal(got.bytes, fetched.bytes, 32);
	assert_false(world_fetch(
		world, world_agent(world, b), world_agent(world, a), PURPOSE, got.id, 0, &fetched));
	return true;
}

static void test_keys_come_and_agree(void **state)
{
	struct world *world = world_new(1, 5, 3, 3, 1u << 20);
	uint8_t a;
	uint8_t b;
	int i;

	(void)state;
	world_run(world, 1000);
	for (i = 0; i < 20; i++) {
		for (a = 0; a < 3; a++) {
			for (b = 0; b < 3; b++)
				assert_true(a == b || exchange(world, a, b, 3000));
		}
	}
	assert_true(world_ranges(world) > 100);
	assert_true(world_pads_intact(world));
	world_free(world);
}

static void test_no_two_keys_are_the_same(void **state)
{
	struct world *world = world_new(2, 3, 2, 2, 1u << 20);
	static struct world_key keys[200];
	int i;
	int j;

	(void)state;
	for (i = 0; i < 200; i++) {
		assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE,
			32, 5000, &keys[i]));
		for (j = 0; j < i; j++) {
			assert_memory_not_equal(keys[i].id, keys[j].id, SKEX_KEY_ID_BYTES);
			assert_memory_not_equal(keys[i].bytes, keys[j].bytes, 32);
		}
	}
	world_free(world);
}

static void test_a_third_agent_cannot_fetch(void **state)
{
	struct world *world = world_new(3, 3, 2, 3, 1u << 20);
	struct world_key got = {0};
	struct world_key stolen = {0};

	(void)state;
	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 5000, &got));
	assert_false(world_fetch(
		world, world_agent(world, 2), world_agent(world, 0), PURPOSE, got.id, 0, &stolen));
	assert_false(world_fetch(
		world, world_agent(world, 2), world_agent(world, 1), PURPOSE, got.id, 0, &stolen));
	assert_false(world_fetch(
		world, world_agent(world, 1), world_agent(world, 2), PURPOSE, got.id, 0, &stolen));
	assert_false(world_fetch(world, world_agent(world, 1), world_agent(world, 0), "app:other",
		got.id, 0, &stolen));
	assert_true(world_fetch(
		world, world_agent(world, 1), world_agent(world, 0), PURPOSE, got.id, 0, &stolen));
	assert_memory_equal(got.bytes, stolen.bytes, 32);
	world_free(world);
}

/* n - k hubs may be away; with one more there are no new keys, and it is said; when it is back they
 * come. */
static void test_hubs_away(void **state)
{
	struct world *world = world_new(4, 5, 3, 2, 1u << 20);
	int i;

	(void)state;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	world_crash(world_hub(world, 1));
	world_crash(world_hub(world, 4));
	for (i = 0; i < 20; i++)
		assert_true(exchange(world, 0, 1, 10000));
	assert_int_equal(world_events(world_agent(world, 0), "hub_unreachable", "hub1"), 0);
	world_run(world, 10000);
	assert_true(world_events(world_agent(world, 0), "hub_unreachable", "hub2") > 0);
	assert_true(world_events(world_agent(world, 0), "hub_unreachable", "hub5") > 0);

	world_crash(world_hub(world, 2));
	world_run(world, 1000);
	for (i = 0; i < 300 && exchange(world, 0, 1, 100); i++)
		;
	assert_true(i < 300);
	world_start(world_hub(world, 2));
	world_run(world, 70000);
	assert_true(exchange(world, 0, 1, 30000));
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* An agent that was away gets what waited for it. */
static void test_the_responder_away(void **state)
{
	struct world *world = world_new(5, 3, 2, 2, 1u << 20);
	struct world_key got = {0};

	(void)state;
	world_run(world, 1000);
	assert_true(exchange(world, 0, 1, 3000));
	world_crash(world_agent(world, 1));
	(void)!world_get(
		world, world_agent(world, 0), world_agent(world, 1), "app:away", 32, 500, &got);
	world_run(world, 3000);
	world_start(world_agent(world, 1));
	assert_true(exchange(world, 0, 1, 60000));
	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), "app:away", 32, 60000, &got));
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* One world with faults of every kind at random moments. */
static void faulty_world(uint64_t seed, uint32_t rounds)
{
	static const uint8_t shapes[][3] = {{3, 2, 2}, {5, 3, 2}, {5, 3, 3}, {7, 4, 2}};
	const uint8_t *shape = shapes[seed % 4];
	struct world *world = world_new(seed, shape[0], shape[1], shape[2], 1u << 22);
	struct world_faults faults = {
		.delay_ms = 20, .reset_per_million = 2000, .flip_per_million = 1000};
	uint32_t i;

	world_set_faults(world, &faults);
	for (i = 0; i < rounds; i++) {
		const bool hub = world_below(world, 2) == 0;
		struct world_node *node = hub
			? world_hub(world, (uint8_t)world_below(world, shape[0]))
			: world_agent(world, (uint8_t)world_below(world, shape[2]));
		const uint8_t a = (uint8_t)world_below(world, shape[2]);
		const uint8_t b = (uint8_t)((a + 1 + world_below(world, shape[2] - 1u)) % shape[2]);

		world_run(world, world_below(world, 300));
		if (world_below(world, 2) == 0)
			world_crash(node);
		else
			world_power_cut(node);
		world_run(world, world_below(world, 500));
		world_start(node);
		if (!exchange(world, a, b, 60000))
			fail_msg("seed %llu round %u: no key within a minute",
				(unsigned long long)seed, i);
	}
	if (!world_pads_intact(world))
		fail_msg("seed %llu: pad used twice", (unsigned long long)seed);
	world_free(world);
}

static void test_crashes_power_cuts_resets(void **state)
{
	const uint32_t count = worlds(24);
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= count; seed++)
		faulty_world(seed, 12);
}

/* Pads run out: keys stop with a reason, no range is used twice, and a refill brings them back. */
static void test_pad_runs_out_and_is_refilled(void **state)
{
	struct world *world = world_new(7, 3, 2, 2, 32768);
	uint8_t h;
	uint8_t a;
	int i;

	(void)state;
	world_set_pools(world, 1, 1);
	for (i = 0; i < 1000 && exchange(world, 0, 1, 500); i++)
		;
	assert_true(i > 10);
	assert_true(i < 1000);
	assert_true(world_events(world_agent(world, 0), "pad_low", NULL) > 0);
	for (h = 0; h < 3; h++) {
		for (a = 0; a < 2; a++)
			world_refill(world, h, a, 32768);
	}
	world_run(world, 70000);
	assert_true(exchange(world, 0, 1, 60000));
	assert_true(world_pads_intact(world));
	world_free(world);
}

/*
 * A restored backup: both ends see it, the leg stops, nothing is handed out of the old pools, no
 * pad is used twice; after the operator's word keys come again.
 */
static void restored_agent(uint64_t seed)
{
	struct world *world = world_new(seed, 2, 2, 2, 12u << 20);
	struct world_node *node = world_agent(world, 0);
	struct disk *backup;
	struct skex_problem problem;
	struct world_key before[8];
	struct world_key after = {0};
	int i;
	int j;

	world_run(world, 1000);
	assert_true(exchange(world, 0, 1, 3000));
	backup = world_snapshot(node);
	for (i = 0; i < 8; i++)
		assert_true(world_get(
			world, node, world_agent(world, 1), PURPOSE, 32, 5000, &before[i]));
	for (i = 0; i < 40; i++)
		assert_true(exchange(world, 0, 1, 5000));
	world_crash(node);
	world_restore(node, backup);
	world_start(node);
	world_run(world, 20000);
	assert_true(world_events(node, "rollback", NULL) >= 2);
	assert_false(world_get(world, node, world_agent(world, 1), PURPOSE, 32, 100, &after));
	assert_true(world_pads_intact(world));

	for (i = 1; i <= 2; i++) {
		struct skex_name name;
		char hub[8];

		snprintf(hub, sizeof(hub), "hub%d", i);
		assert_int_equal(
			skex_agent_leg_resume(world_agent_of(node), hub, &problem), SKEX_OK);
		assert_true(skex_name_parse(&name, skex_view("agent1", 6)));
		(void)!skex_hub_leg_resume(world_hub_of(world_hub(world, (uint8_t)(i - 1))), &name);
	}
	world_run(world, 70000);
	assert_true(world_get(world, node, world_agent(world, 1), PURPOSE, 32, 60000, &after));
	for (j = 0; j < 8; j++)
		assert_memory_not_equal(after.bytes, before[j].bytes, 32);
	assert_true(exchange(world, 0, 1, 60000));
	assert_true(world_pads_intact(world));
	world_free(world);
}

static void test_a_restored_backup_of_an_agent(void **state)
{
	const uint32_t count = worlds(1);
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= count; seed++)
		restored_agent(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_come_and_agree),
		cmocka_unit_test(test_no_two_keys_are_the_same),
		cmocka_unit_test(test_a_third_agent_cannot_fetch),
		cmocka_unit_test(test_hubs_away),
		cmocka_unit_test(test_the_responder_away),
		cmocka_unit_test(test_crashes_power_cuts_resets),
		cmocka_unit_test(test_pad_runs_out_and_is_refilled),
		cmocka_unit_test(test_a_restored_backup_of_an_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
