/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pairwise.h"
#include "tests/sim/hostile.h"

/* What a peer can have here of blocks that it began without hubs: how much, and for how long. */

#define DAY_S 86400u

static struct agent_peer *peer_of(struct world *world, uint8_t at, uint8_t peer)
{
	return agent_peer_find(
		agent_of(world, at), &world_agent_config(world_agent(world, peer))->name);
}

/* The pieces of key that the second agent holds of the first, counted anew. */
static uint32_t pieces_held(struct world *world)
{
	const struct agent_pool *pool = peer_of(world, 1, 0)->pools;
	uint32_t pieces = 0;
	uint32_t i;

	for (; pool != NULL; pool = pool->next) {
		for (i = 0; pool->side == AGENT_RESPONDER && i < pool->batches_count; i++)
			pieces += pool->batches[i]->pieces_left;
	}
	return pieces;
}

static struct asked ask(struct world *world, const char *purpose, uint32_t wait_ms)
{
	const struct skex_key_request request = {.peer = "agent2",
		.purpose = purpose,
		.bytes = 32,
		.count = 1,
		.require_confirmed = true,
		.wait_ms = wait_ms};

	return ask_key(world, world_agent(world, 0), &request);
}

static const char *error_of(struct world *world, const char *purpose)
{
	return agent_pool_find(peer_of(world, 0, 1), AGENT_INITIATOR, purpose)->last_error;
}

/* An initiator fills as many pools as it can, and hands out nothing of them. */
static void rule_what_a_pair_makes_is_bounded(void **state)
{
	struct world *world = world_new_paired(1, 0, 0, 2);
	struct skex_agent_config *config = world_agent_config(world_agent(world, 0));
	const uint64_t own = 2 * (1024 * 32 / AGENT_PIECE_BYTES + 1);
	char purpose[16];
	uint32_t held;
	unsigned i;

	(void)state;
	config->pool.low_keys = config->pool.high_keys = 1000000;
	config->pool.block_bytes = SKEX_SECRET_MAX;
	world_agent_config(world_agent(world, 1))->pool.high_keys = 1024;
	for (i = 0; i < 4; i++) {
		(void)snprintf(purpose, sizeof(purpose), "app:%u", i);
		(void)ask(world, purpose, 5000);
		world_run(world, 30000);
	}
	held = pieces_held(world);
	assert_in_range(held, AGENT_PAIR_PIECES, AGENT_PAIR_PIECES + 4 * own + 64 * 64);
	assert_int_equal(peer_of(world, 1, 0)->paired_pieces, held);
	assert_true(world_events(world_agent(world, 1), "block_refused", NULL) > 0);
	assert_non_null(strstr(error_of(world, "app:3"), "no room for more"));
	world_run(world, 3600000);
	assert_int_equal(pieces_held(world), held);
	world_free(world);
}

/* What is counted is what is there: over fetches, a start, and to the end of its lifetime. */
static void what_is_counted_is_what_is_there(void **state)
{
	struct world *world = world_new_paired(2, 0, 0, 2);
	const struct agent_peer *peer;
	uint32_t before;
	unsigned i;

	(void)state;
	world_set_pools(world, 64, 256);
	exchange_key(world, 0, 1);
	world_run(world, 1000);
	peer = peer_of(world, 1, 0);
	before = peer->paired_pieces;
	assert_true(before > 4);
	assert_int_equal(pieces_held(world), before);
	for (i = 0; i < 40; i++)
		exchange_key(world, 0, 1);
	assert_int_equal(peer->paired_pieces, pieces_held(world));
	assert_true(peer->paired_pieces < before);
	world_power_cut(world_agent(world, 1));
	world_start(world_agent(world, 1));
	peer = peer_of(world, 1, 0);
	assert_true(peer->paired_pieces > 0);
	assert_int_equal(peer->paired_pieces, pieces_held(world));
	world_crash(world_agent(world, 0));
	world_run(world, UINT64_C(1000) * (DAY_S + 60));
	assert_int_equal(pieces_held(world), 0);
	assert_int_equal(peer->paired_pieces, 0);
	world_free(world);
}

/* The initiator slows down, says why, and goes on when there is room. */
static void who_has_too_much_is_told_and_goes_on(void **state)
{
	struct world *world = world_new_paired(3, 0, 0, 2);
	struct agent_peer *peer;
	uint32_t before;

	(void)state;
	exchange_key(world, 0, 1);
	peer = peer_of(world, 1, 0);
	peer->paired_pieces += AGENT_PAIR_PIECES * 2;
	assert_false(ask(world, "app:other", 3000).good);
	assert_non_null(strstr(error_of(world, "app:other"), "no room for more"));
	before = (uint32_t)agent_of(world, 1)->counters.blocks_refused;
	assert_true(before > 1);
	world_run(world, 600000);
	assert_in_range(agent_of(world, 1)->counters.blocks_refused - before, 8, 20);
	peer->paired_pieces -= AGENT_PAIR_PIECES * 2;
	assert_true(ask(world, "app:other", 65000).good);
	world_free(world);
}

static void rule_no_key_of_a_pair_lives_longer_than_can_be_configured(void **state)
{
	struct world *world = world_new_paired(4, 0, 0, 2);
	struct skex_agent_config *config = world_agent_config(world_agent(world, 0));

	(void)state;
	config->pool.lifetime_s = 400 * DAY_S;
	assert_true(ask(world, "app:a", 5000).good);
	assert_int_equal(world_events(world_agent(world, 1), "block_refused", NULL), 0);
	config->pool.lifetime_s = 400 * DAY_S + 1;
	assert_false(ask(world, "app:b", 5000).good);
	assert_true(world_events(world_agent(world, 1), "block_refused", NULL) > 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_what_a_pair_makes_is_bounded),
		cmocka_unit_test(what_is_counted_is_what_is_there),
		cmocka_unit_test(who_has_too_much_is_told_and_goes_on),
		cmocka_unit_test(rule_no_key_of_a_pair_lives_longer_than_can_be_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
