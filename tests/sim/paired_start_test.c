/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/*
 * A paired agent is killed and started again while the other one is in a run with it: whatever was
 * under way, the next key comes soon.  And what it was to give out before a start waits for hubs,
 * where some are set for the peer.
 */
#define PURPOSE "app:test"
#define SOON_MS 10000u /* far less than a run that is never answered lasts */

/* So many milliseconds after somebody asked for a key, which began a run. */
static void killed_after(struct world *world, uint32_t after_ms, const char *purpose)
{
	struct world_node *from = world_agent(world, 0);
	struct world_node *to = world_agent(world, 1);
	struct world_key fetched;
	struct world_key got;

	(void)world_get(world, from, to, purpose, 32, after_ms, &got);
	world_crash(to);
	world_start(to);
	if (!world_get(world, from, to, purpose, 32, SOON_MS, &got))
		fail_msg("killed after %u ms: no key in %u ms", after_ms, SOON_MS);
	assert_true(world_fetch(world, to, from, purpose, got.id, SOON_MS, &fetched));
	assert_memory_equal(got.bytes, fetched.bytes, 32);
}

static void a_peer_that_starts_again_in_a_run_is_asked_anew(void **state)
{
	const struct world_faults faults = {.delay_ms = 40};
	struct world *world = world_new_paired(21, 0, 0, 2);
	char purpose[16];
	struct skex_agent_counters counters;
	uint32_t i;

	(void)state;
	world_set_faults(world, &faults);
	world_run(world, 1000);
	for (i = 0; i < 200; i++) {
		(void)snprintf(purpose, sizeof(purpose), "app:%u", i);
		killed_after(world, i, purpose);
	}
	/* The moment between M2 and M3 was among them. */
	skex_agent_counters(world_agent_of(world_agent(world, 0)), &counters);
	assert_true(counters.blocks_failed > 0);
	world_free(world);
}

/* ---- with hubs ---------------------------------------------------------------------------------
 */

static void hubs_away(struct world *world)
{
	uint8_t i;

	for (i = 0; i < 3; i++)
		world_crash(world_hub(world, i));
}

/* A key that the pair made for the second agent, which has not fetched it. */
static struct asked key_of_pair(struct world *world, const char *purpose)
{
	const struct skex_key_request request = {.peer = "agent2",
		.purpose = purpose,
		.bytes = 32,
		.count = 1,
		.require_forward_secret = true,
		.wait_ms = 5000};
	struct asked got = ask_key(world, world_agent(world, 0), &request);

	assert_true(got.good && got.forward_secret);
	world_run(world, 3000);
	return got;
}

/* It fetches a key, and then its state from before that is put back. */
static void rule_a_restored_responder_gives_no_key_of_a_pair_twice(void **state)
{
	struct world *world = world_new_paired(22, 3, 2, 2);
	struct world_node *agent = world_agent(world, 1);
	const struct asked got = key_of_pair(world, PURPOSE);
	struct disk *copy = world_snapshot(agent);
	struct skex_registry *registry = world_copy_registry(agent);
	struct asked fetched = fetch_any(world, 1, 0, PURPOSE, got.key.id);
	struct asked made;

	(void)state;
	assert_true(fetched.good);
	assert_memory_equal(fetched.key.bytes, got.key.bytes, 32);
	world_run(world, 3000);
	world_crash(agent);
	world_restore(agent, copy);
	world_restore_registry(agent, registry);
	hubs_away(world);
	world_start(agent);
	world_run(world, 3000);
	fetched = fetch_any(world, 1, 0, PURPOSE, got.key.id);
	assert_false(fetched.good);
	assert_string_equal(fetched.code, "unproven");
	/* What is made from now on waits for nobody. */
	made = key_of_pair(world, "app:new");
	assert_true(fetch_any(world, 1, 0, "app:new", made.key.id).good);
	world_free(world);
}

/* After a start with its own state it is given when k hubs have compared marks. */
static void what_a_pair_made_is_given_when_hubs_have_compared(void **state)
{
	struct world *world = world_new_paired(23, 3, 2, 2);
	const struct asked got = key_of_pair(world, PURPOSE);
	struct asked fetched;
	uint8_t i;

	(void)state;
	hubs_away(world);
	world_crash(world_agent(world, 1));
	world_start(world_agent(world, 1));
	for (i = 0; i < 2; i++) {
		world_run(world, 40000);
		fetched = fetch_any(world, 1, 0, PURPOSE, got.key.id);
		assert_false(fetched.good);
		assert_string_equal(fetched.code, "unproven");
		world_start(world_hub(world, i));
	}
	world_run(world, 40000);
	fetched = fetch_any(world, 1, 0, PURPOSE, got.key.id);
	assert_true(fetched.good);
	assert_memory_equal(fetched.key.bytes, got.key.bytes, 32);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_starts_again_in_a_run_is_asked_anew),
		cmocka_unit_test(rule_a_restored_responder_gives_no_key_of_a_pair_twice),
		cmocka_unit_test(what_a_pair_made_is_given_when_hubs_have_compared),
	};

	return cmocka_run_group_tests_name("paired start", tests, NULL, NULL);
}
