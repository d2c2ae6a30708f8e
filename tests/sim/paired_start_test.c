/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/sim/world.h"

/*
 * A paired agent is killed and started again while the other one is in a run with it: whatever was
 * under way, the next key comes soon.
 */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_that_starts_again_in_a_run_is_asked_anew),
	};

	return cmocka_run_group_tests_name("paired start", tests, NULL, NULL);
}
