/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/qkd014_scene.h"

/* One end alone declares its KME its: that is found out, and the link is not drained to see it
 * again and again (docs/spec/rules.md). */
#define MINUTE_MS 60000u

/* How many orders the first KME has in these minutes, in each of which its keys are asked for, or
 * none. */
static unsigned asked_in(struct world *world, unsigned minutes, bool its)
{
	const unsigned before = scene_asked(0);

	for (; minutes > 0; minutes--) {
		if (its)
			assert_string_equal(
				scene_get(world, 0, PURPOSE, true, false, 3000).code, "not_its");
		world_run(world, MINUTE_MS);
	}
	return scene_asked(0) - before;
}

static void rule_a_kme_in_doubt_is_asked_for_a_block(void **state)
{
	const struct scene one = {.its = {true, false}};
	struct world *world = scene_up(1, &one, 0);
	struct asked got;
	unsigned minutes = 0;

	(void)state;
	assert_string_equal(scene_get(world, 0, PURPOSE, true, false, 3000).code, "not_its");
	world_run(world, MINUTE_MS);
	assert_in_range(scene_asked(0), 1, 12);
	assert_int_equal(asked_in(world, 60, false), 0);
	assert_in_range(asked_in(world, 60, true), 1, 7);
	/* Who takes others gets those of the KME as before. */
	got = scene_key(world, 0, PURPOSE);
	assert_int_equal(got.class, SKEX_CLASS_COMPUTATIONAL);
	assert_int_equal(scene_holds(got.key.bytes, 32), 1);
	/* The other operator declares it too. */
	world_agent_config(world_agent(world, 1))->qkd014[0].peers[0].class = SKEX_QKD014_ITS;
	while (!(got = scene_get(world, 0, PURPOSE, true, false, 3000)).good) {
		assert_true(minutes++ < 16);
		world_run(world, MINUTE_MS);
	}
	assert_int_equal(got.class, SKEX_CLASS_ITS);
	assert_int_equal(scene_holds(got.key.bytes, 32), 1);
	scene_down(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_kme_in_doubt_is_asked_for_a_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
