/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/path.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/* An agent that cannot read what its disk has of one leg: to it that hub is away. */
#define PURPOSE   "app:test"
#define PAD_BYTES 65536u
#define ASIDE     "/aside"

/* The keys of the pad that an agent sends with to a hub: without them the pad is nothing. */
static void keys_path(struct world *world, uint8_t agent, uint8_t hub, char path[SKEX_PATH_BYTES])
{
	const struct skex_leg *leg = hostile_agent_leg(world, agent, hub);
	char pad[SKEX_PATH_BYTES];

	assert_true(skex_pad_path(
		pad, sizeof(pad), leg->link->directory, leg->record.leg, SKEX_TO_HUB, 0));
	assert_int_equal(skex_path_append(path, pad, ".keys"), SKEX_OK);
}

/* The agent starts again; meanwhile the file at one path went to another. */
static void start_without(struct world *world, uint8_t agent, const char *from, const char *to)
{
	struct world_node *node = world_agent(world, agent);
	const struct skex_files *files = disk_files(world_disk(node));

	world_crash(node);
	assert_int_equal(files->rename(files->context, from, to), SKEX_OK);
	world_start(node);
	world_run(world, 5000);
}

static void find_first(void *owner, const struct skex_leg_status *leg)
{
	struct skex_leg_status *found = owner;

	if (found->state == NULL)
		*found = *leg;
}

static void keys_are_made_without_it(void **state)
{
	struct world *world = world_new(1, 3, 2, 2, PAD_BYTES);
	struct world_node *node = world_agent(world, 0);
	const struct skex_files *files = disk_files(world_disk(node));
	struct skex_leg_status status = {.state = NULL};
	struct skex_problem problem;
	struct world_key key;
	char path[SKEX_PATH_BYTES];

	(void)state;
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	keys_path(world, 0, 0, path);
	start_without(world, 0, path, ASIDE);
	assert_int_equal(world_events(node, "leg_unusable", "hub1"), 1);
	skex_agent_legs(world_agent_of(node), find_first, &status);
	assert_string_equal(status.hub.text, "hub1");
	assert_string_equal(status.state, "unusable");
	assert_non_null(strstr(status.last_error, "evicted"));
	assert_int_equal(status.send_left_bytes, 0);
	for (int i = 0; i < 100; i++) {
		exchange_key(world, 0, 1);
		exchange_key(world, 1, 0);
	}
	/* Nobody says that it goes on: it did not stop. */
	assert_int_equal(
		skex_agent_leg_resume(world_agent_of(node), "hub1", &problem), SKEX_E_STATE);
	assert_string_equal(problem.code, "not_stopped");
	/* It counts as none: without one more hub there are too few. */
	world_crash(world_hub(world, 1));
	world_run(world, 1000);
	while (world_get(world, node, world_agent(world, 1), PURPOSE, 32, 0, &key))
		;
	assert_false(world_get(world, node, world_agent(world, 1), PURPOSE, 32, 20000, &key));
	world_start(world_hub(world, 1));
	world_run(world, 60000);
	exchange_key(world, 0, 1);
	/* What was lost came back: it is not asked for a start. */
	assert_int_equal(files->rename(files->context, ASIDE, path), SKEX_OK);
	world_run(world, 70000);
	assert_int_equal(world_events(node, "leg_usable", "hub1"), 1);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	world_crash(world_hub(world, 2));
	world_run(world, 1000);
	for (int i = 0; i < 100; i++)
		exchange_key(world, 0, 1);
	world_free(world);
}

/* Of a leg that a rollback stopped before, the operator's word is not taken either: it would drop
 * all keys and mend nothing. */
static void it_cannot_be_told_to_go_on(void **state)
{
	struct world *world = world_new(3, 3, 2, 2, PAD_BYTES);
	struct world_node *node = world_agent(world, 0);
	struct skex_leg_record record;
	struct skex_problem problem;
	char path[SKEX_PATH_BYTES];

	(void)state;
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	keys_path(world, 0, 0, path);
	record = hostile_agent_leg(world, 0, 0)->record;
	record.halt = SKEX_HALT_OURS;
	world_crash(node);
	assert_int_equal(skex_registry_leg_put(world_registry(node), &record), SKEX_OK);
	world_start(node);
	start_without(world, 0, path, ASIDE);
	assert_int_equal(
		skex_agent_leg_resume(world_agent_of(node), "hub1", &problem), SKEX_E_STATE);
	assert_string_equal(problem.code, "not_stopped");
	assert_false(world_agent_of(node)->emptying);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->record.halt, SKEX_HALT_OURS);
	assert_true(hostile_agent_leg(world, 0, 0)->last_error[0] != '\0');
	world_free(world);
}

/* Both agents cannot use one, and not the same: two hubs of four are left for two. */
static void two_ends_without_different_ones(void **state)
{
	struct world *world = world_new(2, 4, 2, 2, PAD_BYTES);
	char path[SKEX_PATH_BYTES];

	(void)state;
	world_run(world, 1000);
	keys_path(world, 0, 0, path);
	start_without(world, 0, path, ASIDE);
	keys_path(world, 1, 3, path);
	start_without(world, 1, path, ASIDE);
	world_run(world, 60000);
	assert_int_equal(hostile_agent_legs(world, 0), 3);
	assert_int_equal(hostile_agent_legs(world, 1), 3);
	for (int i = 0; i < 20; i++) {
		exchange_key(world, 0, 1);
		exchange_key(world, 1, 0);
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_cannot_be_told_to_go_on),
		cmocka_unit_test(keys_are_made_without_it),
		cmocka_unit_test(two_ends_without_different_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
