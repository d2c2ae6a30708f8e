/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/hostile.h"

/* A hub with more legs than descriptors for their pads. */

#define AGENTS 8u
#define MAX    6u /* of 4 files for each leg */

static void everyone_has_keys(struct world *world)
{
	uint8_t i;

	for (i = 0; i < AGENTS; i++)
		exchange_key(world, i, (uint8_t)((i + 1) % AGENTS));
}

/* In the turns between, the used pad of all legs is destroyed, too. */
static void few_descriptors_serve_many_legs(void **state)
{
	struct world *world = world_new(1, 2, 2, AGENTS, 1u << 18);
	struct skex_link *link = &world_hub_of(world_hub(world, 0))->link;
	uint32_t most = 0;
	int i;

	(void)state;
	link->pad_files.max = MAX;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	assert_int_equal(link->connections_count, AGENTS);
	for (i = 0; i < 10; i++) {
		everyone_has_keys(world);
		world_run(world, 300);
		most = link->pad_files.open > most ? link->pad_files.open : most;
	}
	assert_true(most <= MAX);
	/* Nobody is forgotten while the pool is crowded: all is destroyed in the end. */
	world_run(world, 40000);
	assert_int_equal(link->pad_files.pinned, 0);
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* While the disk is busy no more is begun than has descriptors, and every leg has its turn. */
static void a_busy_disk_does_not_collect_descriptors(void **state)
{
	struct world *world = world_new(2, 2, 2, AGENTS, 1u << 18);
	struct skex_link *link = &world_hub_of(world_hub(world, 0))->link;
	struct skex_leg *first;

	(void)state;
	link->pad_files.max = MAX;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	everyone_has_keys(world);
	first = link->legs[SKEX_LEGS_TABLES];
	world_hold_disk(world_hub(world, 0), true);
	world_run(world, 20000);
	assert_true(skex_file_pool_crowded(&link->pad_files));
	assert_true(link->pad_files.open <= MAX);
	assert_ptr_not_equal(link->legs[SKEX_LEGS_TABLES], first);
	world_hold_disk(world_hub(world, 0), false);
	world_run(world, 40000);
	assert_int_equal(link->pad_files.pinned, 0);
	everyone_has_keys(world);
	assert_true(world_pads_intact(world));
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_descriptors_serve_many_legs),
		cmocka_unit_test(a_busy_disk_does_not_collect_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
