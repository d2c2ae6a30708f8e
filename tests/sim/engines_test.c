/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/engines.h"

/*
 * Random schedules from one seed: usage engines_test [SEED [SCHEDULE]], the second to look at one
 * schedule alone.  The seed is printed on standard error.
 */
#define SCHEDULES    10000u
#define DEFAULT_SEED UINT64_C(20240607)

static uint64_t seed = DEFAULT_SEED;
static bool only_one;
static uint64_t the_one;

static void conversations_agree_or_fail(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	uint64_t i;

	(void)state;
	assert_non_null(world);
	for (i = 0; i < SCHEDULES; i++) {
		if (only_one && i != the_one)
			continue;
		memset(world, 0, offsetof(struct world, seen));
		world->seed = seed;
		world_converse(world, i);
	}
	/* Everything that was to be tried has happened. */
	if (!only_one) {
		CHECK(world, world->seen.opened > SCHEDULES * 10);
		CHECK(world, world->seen.replays > SCHEDULES);
		CHECK(world, world->seen.lost > SCHEDULES);
		CHECK(world, world->seen.accepted > SCHEDULES / 2);
		CHECK(world, world->seen.both_delivered > SCHEDULES / 2);
		CHECK(world, world->seen.named > SCHEDULES / 10);
		CHECK(world, world->seen.failed > SCHEDULES / 10);
		CHECK(world, world->seen.refused_without_k > SCHEDULES / 50);
		CHECK(world, world->seen.intervals > SCHEDULES / 10);
		CHECK(world, world->seen.wrong_confirms > SCHEDULES / 10);
	}
	free(world);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversations_agree_or_fail),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 10);
	if (argc > 2) {
		only_one = true;
		the_one = strtoull(argv[2], NULL, 10);
	}
	fprintf(stderr, "seed %" PRIu64 "\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
