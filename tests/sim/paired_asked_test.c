/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/binding.h"
#include "tests/sim/hostile.h"

/* A responder says yes to the first message of a run and has the keys with the third: what changed
 * in between counts (docs/spec/rules.md). */
#define PURPOSE "hook:x"
#define RUN_MS  100u /* a run takes no longer */

static struct agent_peer *initiator(struct world *world)
{
	return agent_peer_find(
		agent_of(world, 1), &world_agent_config(world_agent(world, 0))->name);
}

static void nothing(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	(void)owner;
	(void)problem;
	(void)keys;
	(void)count;
}

static void done(void *owner, enum skex_error error)
{
	(void)owner;
	(void)error;
}

/* The responder has a binding with the initiator, added at run time. */
static struct world *bound(uint64_t seed)
{
	static const char text[] = "bindings = ( { name = \"x\"; peer = \"agent1\"; role = "
				   "\"leads\"; hook = { file = \"/x\"; }; } );";
	const struct world_faults slow = {.delay_ms = 20};
	struct world *world = world_new_paired(seed, 0, 0, 2);
	struct skex_agent_config *config = world_agent_config(world_agent(world, 1));
	struct skex_agent *agent = agent_of(world, 1);
	struct skex_binding_config *bindings = NULL;
	struct skex_problem problem;
	char message[SKEX_CONFIG_MESSAGE_MAX];
	size_t count = 0;
	size_t fresh = 0;

	config->binding_folders[0][0] = '/';
	config->binding_folders[0][1] = '\0';
	config->binding_folders_count = 1;
	assert_int_equal(skex_bindings_read(
				 "test", text, skex_agent_name(agent), &bindings, &count, message),
		SKEX_OK);
	assert_int_equal(
		skex_agent_bindings_add(agent, bindings, count, &fresh, done, NULL, &problem),
		SKEX_OK);
	world_run(world, 2000);
	world_set_faults(world, &slow);
	return world;
}

/* The first keys for the binding begin to be made, as far as they come in so many milliseconds. */
static void begin(struct world *world, uint32_t ms)
{
	const struct skex_key_request request = {.peer = "agent2",
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1,
		.require_confirmed = true,
		.wait_ms = 1000};
	struct skex_problem problem;
	uint64_t ticket;

	assert_int_equal(
		skex_agent_get(agent_of(world, 0), &request, nothing, NULL, &ticket, &problem),
		SKEX_OK);
	world_run(world, ms);
}

static uint64_t accepted(struct world *world)
{
	struct skex_agent_counters counters;

	skex_agent_counters(agent_of(world, 1), &counters);
	return counters.blocks_accepted;
}

static const struct agent_pool *there(struct world *world)
{
	return agent_pool_find(initiator(world), AGENT_RESPONDER, PURPOSE);
}

/* For as long as a run may take. */
static void while_it_lasts(struct world *world, void (*change)(struct world *world))
{
	uint32_t ms;

	for (ms = 0; ms < RUN_MS; ms++) {
		change(world);
		world_run(world, 1);
	}
}

static void remove_binding(struct world *world)
{
	struct skex_problem problem;

	if (skex_agent_binding_named(agent_of(world, 1), "x") != NULL)
		assert_int_equal(
			skex_agent_binding_remove(agent_of(world, 1), "x", done, NULL, &problem),
			SKEX_OK);
}

static void empty(struct world *world)
{
	initiator(world)->emptying = true;
}

static void take_room(struct world *world)
{
	initiator(world)->pools_counts[AGENT_RESPONDER] = AGENT_POOLS_MAX;
}

/* At every moment of the first run; gives how often keys had been taken before. */
static uint32_t change_at_every_moment(void (*change)(struct world *world))
{
	uint32_t before = 0;
	uint32_t ms;

	for (ms = 0; ms < RUN_MS; ms += 2) {
		struct world *world = bound(100 + ms);
		uint64_t count;

		begin(world, ms);
		count = accepted(world);
		before += count > 0;
		while_it_lasts(world, change);
		/* A purpose that has its pool needs no room. */
		if (change != take_room || count == 0)
			assert_true(accepted(world) == count);
		if (change == take_room)
			initiator(world)->pools_counts[AGENT_RESPONDER] = there(world) != NULL;
		world_run(world, 5000);
		if (change == remove_binding)
			assert_true(there(world) == NULL || there(world)->batches_count == 0);
		world_free(world);
	}
	return before;
}

static void rule_what_was_welcome_is_looked_at_again_with_the_keys(void **state)
{
	(void)state;
	assert_in_range(change_at_every_moment(remove_binding), 1, RUN_MS / 2 - 1);
	assert_in_range(change_at_every_moment(empty), 1, RUN_MS / 2 - 1);
	assert_in_range(change_at_every_moment(take_room), 1, RUN_MS / 2 - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_what_was_welcome_is_looked_at_again_with_the_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
