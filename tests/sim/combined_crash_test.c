/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/combined_scene.h"
#include "tests/sim/disk.h"
#include "tests/sim/given.h"

/* Combined keys while power goes at either end, and with states from the past. */

/* ---- crashes -----------------------------------------------------------------------------------
 */

static void exchange(struct world *world, struct given *given, uint8_t from, uint32_t patience_ms)
{
	struct world_node *a = world_agent(world, from);
	struct world_node *b = world_agent(world, (uint8_t)(1 - from));
	struct world_key got;
	struct world_key fetched;

	if (!world_get(world, a, b, PURPOSE, 32, patience_ms, &got))
		return;
	assert_true(got.combined);
	given_note(given, &got);
	if (world_is_up(b) && world_fetch(world, b, a, PURPOSE, got.id, 1000, &fetched))
		assert_memory_equal(got.bytes, fetched.bytes, 32);
}

/* The power of one end goes at one operation of its disk, on the way from nothing to a key. */
static bool cut(uint64_t seed, uint8_t who, uint64_t operations, struct given *given)
{
	struct world *world = world_new_combined(seed, 3, 2, 2, PAD_BYTES);
	struct world_node *node = world_agent(world, who);
	bool died;

	world_run(world, 1000);
	disk_stop_after(world_disk(node), operations);
	exchange(world, given, 0, 3000);
	died = !world_is_up(node);
	world_power_cut(node);
	world_start(node);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	(void)one_key(world, 1, 0, PURPOSE, SKEX_CLASS_ITS);
	world_free(world);
	return died;
}

static void crash_of_either_end_at_every_write(void **state)
{
	struct given *given = calloc(1, sizeof(*given));
	uint64_t operations;
	unsigned died;
	unsigned lived;
	uint8_t who;

	(void)state;
	for (who = 0; who < 2; who++) {
		died = 0;
		lived = 0;
		/* Until it comes through to the key, and some more. */
		for (operations = 0; lived < 5; operations += given_rounds(3, 1)) {
			given->count = 0;
			mixed_forget();
			if (cut(20 + operations, who, operations, given))
				died++;
			else
				lived++;
		}
		assert_true(died > 5);
	}
	free(given);
}

/* All of it at once, over a bad network: no key twice, no key that differs, and in the end keys
 * flow again without a person. */
static void storm(uint64_t seed, struct given *given)
{
	struct world *world = world_new_combined(seed, 3, 2, 2, 8 * PAD_BYTES);
	const struct world_faults faults = {.delay_ms = 20,
		.lost_per_million = 100000,
		.twice_per_million = 100000,
		.late_per_million = 100000};
	const struct world_faults none = {0};
	unsigned step;

	given->count = 0;
	world_set_pools(world, 16, 64);
	world_run(world, 1000);
	world_set_faults(world, &faults);
	for (step = 0; step < 30; step++) {
		struct world_node *from = world_agent(world, (uint8_t)(step % 2));
		struct world_node *to = world_agent(world, (uint8_t)(1 - step % 2));

		world_start(from);
		world_start(to);
		if (world_below(world, 3) == 0)
			disk_stop_after(world_disk(world_below(world, 2) == 0 ? from : to),
				world_below(world, 80));
		exchange(world, given, (uint8_t)(step % 2), (uint32_t)world_below(world, 6000));
		world_run(world, world_below(world, 1000));
		if (world_below(world, 2) == 0)
			world_power_cut(from);
		if (world_below(world, 3) == 0)
			world_power_cut(to);
	}
	world_set_faults(world, &none);
	world_power_cut(world_agent(world, 0));
	world_power_cut(world_agent(world, 1));
	world_start(world_agent(world, 0));
	world_start(world_agent(world, 1));
	world_run(world, 120000);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	(void)one_key(world, 1, 0, PURPOSE, SKEX_CLASS_ITS);
	assert_true(world_pads_intact(world));
	world_free(world);
}

static void no_key_twice_over_power_cuts(void **state)
{
	struct given *given = calloc(1, sizeof(*given));
	unsigned i;

	(void)state;
	for (i = 0; i < given_rounds(3, 40); i++) {
		mixed_forget();
		storm(100 + i, given);
	}
	free(given);
}

/* A restored backup of either end: its keys are not handed out again. */
static void backups_of_either_end(void **state)
{
	struct given *given = calloc(1, sizeof(*given));
	struct world *world;
	struct disk *backup;
	uint8_t who;
	unsigned i;

	(void)state;
	for (who = 0; who < 2; who++) {
		world = world_new_combined(200 + who, 3, 2, 2, 8 * PAD_BYTES);
		given->count = 0;
		world_set_pools(world, 8, 32);
		world_run(world, 1000);
		for (i = 0; i < 10; i++)
			exchange(world, given, 0, 60000);
		backup = world_snapshot(world_agent(world, who));
		for (i = 0; i < 60; i++)
			exchange(world, given, 0, 60000);
		assert_int_equal(given->count, 70);
		world_crash(world_agent(world, who));
		world_restore(world_agent(world, who), backup);
		world_start(world_agent(world, who));
		for (i = 0; i < 60; i++)
			exchange(world, given, 0, 20000);
		world_free(world);
	}
	free(given);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			crash_of_either_end_at_every_write, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			no_key_twice_over_power_cuts, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(backups_of_either_end, mixed_setup, mixed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
