/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/confirm_message.h"
#include "tests/sim/hostile.h"

/* What one initiator can have at a responder that is accepted and never confirmed is bounded
 * (docs/spec/rules.md). */
#define PURPOSE   "app:test"
#define PAD_BYTES (4u << 20)

/* The first agent as the second knows it. */
static struct agent_peer *initiator(struct world *world)
{
	return agent_peer_find(
		agent_of(world, 1), &world_agent_config(world_agent(world, 0))->name);
}

/* The second agent has a CONF_AB for the first that never leaves, and is older than all. */
static const struct agent_confirm *own_confirm(struct world *world)
{
	static const uint8_t tags[SKEX_CONFIRM_TAG_BYTES] = {1};
	struct skex_agent *agent = agent_of(world, 1);
	const struct skex_block_id id = {agent->instance, 1};
	struct agent_peer *peer = initiator(world);

	assert_int_equal(agent_confirm_add(agent, peer, peer->profiles[0], SKEX_CONFIRM_AB, id, 1,
				 0, tags, NULL, agent_wall(agent) + 86400000),
		SKEX_OK);
	agent->confirms->retry_ms = UINT64_MAX;
	agent->confirms->since_ms = 0;
	agent_wake(agent);
	return agent->confirms;
}

/* An initiator has its blocks accepted and confirms none. */
static void rule_what_is_never_confirmed_is_bounded(void **state)
{
	struct world *world = world_new(1, 2, 2, 2, PAD_BYTES);
	static struct forged forged;
	struct skex_agent_counters counters;
	const struct agent_peer *peer;
	const struct agent_confirm *ours;
	struct agent_pool *pool;
	uint32_t batches = 0;
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	world_crash(world_agent(world, 0));
	for (i = 0; i < AGENT_UNCONFIRMED_MAX + 40; i++) {
		forge(world, &forged, 0, 1, (struct skex_block_id){0x12345678, i + 1}, 1, PURPOSE);
		forged_tell(world, &forged, 0, 1, NULL);
		forged_tell(world, &forged, 1, 1, NULL);
		world_run(world, 2);
	}
	world_run(world, 1000);
	peer = initiator(world);
	assert_int_equal(peer->confirms[0], AGENT_UNCONFIRMED_MAX);
	assert_int_equal(peer->confirms_bytes, AGENT_UNCONFIRMED_MAX * FORGED_SECRET);
	for (pool = peer->pools; pool != NULL; pool = pool->next)
		batches += pool->batches_count;
	assert_int_equal(batches, AGENT_UNCONFIRMED_MAX);
	skex_agent_counters(agent_of(world, 1), &counters);
	assert_int_equal(counters.shares_refused, 80);
	assert_true(world_events(world_agent(world, 1), "share_refused", NULL) > 0);
	/* It counts what it has over a restart too. */
	world_crash(world_agent(world, 1));
	world_start(world_agent(world, 1));
	world_run(world, 1000);
	peer = initiator(world);
	assert_int_equal(peer->confirms[0], AGENT_UNCONFIRMED_MAX);
	assert_int_equal(peer->confirms_bytes, AGENT_UNCONFIRMED_MAX * FORGED_SECRET);
	/* Nothing could come while the hubs are away, and what this agent confirms itself is
	 * another matter. */
	ours = own_confirm(world);
	for (i = 0; i < 2; i++)
		world_crash(world_hub(world, (uint8_t)i));
	world_run(world, 1000000);
	assert_int_equal(peer->confirms[0], AGENT_UNCONFIRMED_MAX);
	for (i = 0; i < 2; i++)
		world_start(world_hub(world, (uint8_t)i));
	world_run(world, 500000);
	assert_int_equal(peer->confirms[0], AGENT_UNCONFIRMED_MAX);
	/* It does not lock out the initiator for good: half of it makes room in time. */
	world_run(world, 160000);
	assert_int_equal(peer->confirms[0], AGENT_UNCONFIRMED_MAX / 2);
	assert_int_equal(peer->confirms[1], 1);
	assert_ptr_equal(agent_of(world, 1)->confirms, ours);
	assert_true(world_events(world_agent(world, 1), "block_given_up", NULL) > 0);
	for (batches = 0, pool = peer->pools; pool != NULL; pool = pool->next)
		batches += pool->batches_count;
	assert_int_equal(batches, AGENT_UNCONFIRMED_MAX / 2);
	world_free(world);
}

/* The same of bytes: few blocks, which have more than half of what they may. */
static void rule_what_is_never_confirmed_is_bounded_in_bytes(void **state)
{
	struct world *world = world_new(3, 2, 2, 2, PAD_BYTES);
	static struct forged forged;
	struct agent_peer *peer;
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	world_crash(world_agent(world, 0));
	for (i = 0; i < 3; i++) {
		forge(world, &forged, 0, 1, (struct skex_block_id){0x12345678, i + 1}, 1, PURPOSE);
		forged_tell(world, &forged, 0, 1, NULL);
		forged_tell(world, &forged, 1, 1, NULL);
		world_run(world, 2);
	}
	peer = initiator(world);
	world_run(world, 700000);
	assert_int_equal(peer->confirms[0], 3);
	peer->confirms_bytes += AGENT_UNCONFIRMED_BYTES / 2 - FORGED_SECRET;
	world_run(world, 2000);
	assert_int_equal(peer->confirms[0], 1);
	assert_int_equal(peer->confirms_bytes, AGENT_UNCONFIRMED_BYTES / 2);
	world_free(world);
}

/* The initiator is told at once, through the hubs, and why. */
static void rule_the_initiator_is_told_that_it_has_too_much(void **state)
{
	struct world *world = world_new(2, 3, 2, 2, PAD_BYTES);
	struct skex_key_request request = {0};
	const struct agent_pool *pool;
	struct skex_agent_counters counters;
	struct agent_peer *peer;
	struct asked asked;

	(void)state;
	world_run(world, 1000);
	peer = initiator(world);
	peer->confirms_bytes += AGENT_UNCONFIRMED_BYTES;
	request.peer = world_agent_config(world_agent(world, 1))->name.text;
	request.purpose = PURPOSE;
	request.bytes = 32;
	request.count = 1;
	request.require_confirmed = true;
	request.wait_ms = 1000; /* less than any deadline of a run */
	asked = ask_key(world, world_agent(world, 0), &request);
	assert_false(asked.good);
	pool = agent_peer_find(agent_of(world, 0), &world_agent_config(world_agent(world, 1))->name)
		       ->pools;
	assert_non_null(strstr(pool->last_error, "never confirmed"));
	skex_agent_counters(agent_of(world, 0), &counters);
	assert_true(counters.shares_refused > 1);
	peer->confirms_bytes -= AGENT_UNCONFIRMED_BYTES;
	world_run(world, 60000);
	exchange_key(world, 0, 1);
	world_run(world, 2000);
	assert_int_equal(peer->confirms[0], 0);
	assert_int_equal(peer->confirms_bytes, 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_what_is_never_confirmed_is_bounded),
		cmocka_unit_test(rule_what_is_never_confirmed_is_bounded_in_bytes),
		cmocka_unit_test(rule_the_initiator_is_told_that_it_has_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
