/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "link/internal.h"
#include "store/path.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/*
 * One write to a disk fails, at every place in turn.  Where it is one to the file of a pad, that
 * leg rests; the pads of the others are not spent on blocks that cannot be made without it, and the
 * leg comes back.
 */
#define HUBS       3
#define WRITES_MAX 80u
#define SPENT_MOST 32768u

static bool hub_failed(struct world *world, uint8_t hub)
{
	const struct skex_leg *leg = hostile_agent_leg(world, 0, hub);

	return skex_pad_bytes_failed(leg->tx_pad, leg->tx.next.generation);
}

static bool pad_failed(struct world *world)
{
	uint8_t hub;

	for (hub = 0; hub < HUBS; hub++) {
		if (hub_failed(world, hub))
			return true;
	}
	return false;
}

static uint64_t spent(struct world *world)
{
	uint64_t all = 0;
	uint8_t hub;

	for (hub = 0; hub < HUBS; hub++)
		all += hostile_agent_leg(world, 0, hub)->tx.next.offset;
	return all;
}

/* Uses keys up, so that blocks are made, until a pad fails or the agent stops; true for the pad. */
static bool until_it_fails(struct world *world)
{
	struct world_node *agent = world_agent(world, 0);
	struct world_key key;
	int i;

	for (i = 0; i < 40 && world_is_up(agent); i++) {
		(void)!world_get(world, agent, world_agent(world, 1), "app:test", 32, 100, &key);
		world_run(world, 100);
		if (world_is_up(agent) && pad_failed(world))
			return true;
	}
	return false;
}

static void rule_a_pad_that_fails_burns_no_other(void **state)
{
	uint32_t seen = 0;
	uint32_t n;

	(void)state;
	for (n = 1; n <= WRITES_MAX; n++) {
		struct world *world = world_new(n, HUBS, HUBS, 2, 1u << 20);
		struct world_node *agent = world_agent(world, 0);
		struct world_key key;
		uint64_t before;
		int i;

		world_set_pools(world, 4, 8);
		world_run(world, 2000);
		disk_fail_write(world_disk(agent), n);
		if (until_it_fails(world)) {
			seen++;
			before = spent(world);
			for (i = 0; i < 20 && pad_failed(world); i++)
				(void)!world_get(world, agent, world_agent(world, 1), "app:test",
					32, 100, &key);
			assert_true(spent(world) - before <= SPENT_MOST);
			world_run(world, 10000);
			assert_false(pad_failed(world));
			exchange_key(world, 0, 1);
		}
		assert_true(world_pads_intact(world));
		world_free(world);
	}
	assert_true(seen > 0);
}

/* The keys' file of the pad that failed. */
static void keys_of_failed(struct world *world, char path[SKEX_PATH_BYTES], const char **hub_name)
{
	const struct skex_leg *leg;
	char pad[SKEX_PATH_BYTES];
	uint8_t hub = 0;

	while (hub + 1 < HUBS && !hub_failed(world, hub))
		hub++;
	leg = hostile_agent_leg(world, 0, hub);
	*hub_name = leg->record.other.text;
	assert_true(skex_pad_path(pad, sizeof(pad), leg->link->directory, leg->record.leg,
		SKEX_TO_HUB, leg->tx.next.generation));
	assert_int_equal(skex_path_append(path, pad, ".keys"), SKEX_OK);
}

struct looked {
	const char *hub;
	char state[16];
};

static void look(void *owner, const struct skex_leg_status *leg)
{
	struct looked *looked = owner;

	if (strcmp(leg->hub.text, looked->hub) == 0)
		snprintf(looked->state, sizeof(looked->state), "%s", leg->state);
}

/* One that cannot be opened again is told, once, and can be used as soon as what it lost is back.
 */
static void a_pad_that_stays_lost_is_told(void **state)
{
	uint32_t seen = 0;
	uint32_t n;

	(void)state;
	for (n = 1; n <= WRITES_MAX && seen < 3; n++) {
		struct world *world = world_new(n, HUBS, HUBS, 2, 1u << 20);
		struct world_node *agent = world_agent(world, 0);
		const struct skex_files *files = disk_files(world_disk(agent));
		struct looked looked = {.hub = NULL};
		char path[SKEX_PATH_BYTES];

		world_set_pools(world, 4, 8);
		world_run(world, 2000);
		disk_fail_write(world_disk(agent), n);
		if (until_it_fails(world)) {
			seen++;
			keys_of_failed(world, path, &looked.hub);
			assert_int_equal(files->rename(files->context, path, "/aside"), SKEX_OK);
			world_run(world, 60000);
			assert_int_equal(world_events(agent, "leg_unusable", looked.hub), 1);
			skex_agent_legs(world_agent_of(agent), look, &looked);
			assert_string_equal(looked.state, "unusable");
			assert_int_equal(files->rename(files->context, "/aside", path), SKEX_OK);
			world_run(world, 100000);
			assert_false(pad_failed(world));
			skex_agent_legs(world_agent_of(agent), look, &looked);
			assert_string_equal(looked.state, "up");
			exchange_key(world, 0, 1);
			assert_int_equal(world_events(agent, "leg_unusable", looked.hub), 1);
		}
		assert_true(world_pads_intact(world));
		world_free(world);
	}
	assert_true(seen > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_pad_that_fails_burns_no_other),
		cmocka_unit_test(a_pad_that_stays_lost_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
