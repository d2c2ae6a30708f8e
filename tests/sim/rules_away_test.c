/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/hostile.h"

/* Many peers of an initiator are away (docs/spec/rules.md), and one is there. */

#define PURPOSE       "app:test"
#define PAD_BYTES     (1u << 20)
#define AWAY          20u /* agents 2 to 21 */
#define AWAY_PURPOSES 4u
#define FAR_KEYS      40000u

static struct skex_key_request request_to(
	struct world *world, uint8_t peer, uint32_t count, uint32_t wait_ms)
{
	struct skex_key_request request = {0};

	request.peer = world_agent_config(world_agent(world, peer))->name.text;
	request.purpose = PURPOSE;
	request.bytes = 32;
	request.count = count;
	request.wait_ms = wait_ms;
	return request;
}

static void count_keys(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	uint32_t *got = owner;

	(void)problem;
	(void)keys;
	*got += (uint32_t)count;
}

static uint64_t initiated(struct world *world)
{
	struct skex_agent_counters counters;

	skex_agent_counters(agent_of(world, 0), &counters);
	return counters.blocks_initiated;
}

/* Applications ask for 32 keys of each of many purposes at every peer that is away. */
static void ask_the_absent(struct world *world, uint32_t *got)
{
	struct skex_problem problem;
	char purpose[32];
	uint64_t ticket;
	uint32_t i;

	for (i = 0; i < AWAY * AWAY_PURPOSES; i++) {
		struct skex_key_request request =
			request_to(world, (uint8_t)(2 + i / AWAY_PURPOSES), 32, 600000);

		(void)snprintf(purpose, sizeof(purpose), "app:%u", i % AWAY_PURPOSES);
		request.purpose = purpose;
		assert_int_equal(skex_agent_get(agent_of(world, 0), &request, count_keys, got,
					 &ticket, &problem),
			SKEX_OK);
	}
}

static struct world *with_absent(uint64_t seed)
{
	struct world *world = world_new(seed, 3, 2, 2 + AWAY, PAD_BYTES);
	uint8_t i;

	world_agent_config(world_agent(world, 0))->pool.blocks = 2;
	world_run(world, 1000);
	for (i = 0; i < AWAY; i++)
		world_crash(world_agent(world, (uint8_t)(2 + i)));
	return world;
}

static void get(struct world *world, const char *purpose, uint32_t count, uint32_t wait_ms)
{
	struct skex_key_request request = request_to(world, 1, count, wait_ms);
	struct skex_problem problem;
	uint32_t got = 0;
	uint64_t ticket;

	request.purpose = purpose;
	assert_int_equal(
		skex_agent_get(agent_of(world, 0), &request, count_keys, &got, &ticket, &problem),
		SKEX_OK);
	world_run(world, wait_ms + 100);
	assert_int_equal(got, count);
}

/* What is there is served as if nobody were away: at once by a pool that was answered before, soon
 * by a new one, however long the others have been away. */
static void rule_peers_that_are_away_hold_up_nobody(void **state)
{
	struct world *world = with_absent(60);
	uint32_t got = 0;
	uint32_t n;

	(void)state;
	get(world, PURPOSE, 128, 3000);
	ask_the_absent(world, &got);
	world_run(world, 1);
	get(world, PURPOSE, 128, 500);
	for (n = 0; n < 20; n++) {
		char purpose[32];

		(void)snprintf(purpose, sizeof(purpose), "app:new-%u", n);
		get(world, purpose, 128, 4000);
		get(world, PURPOSE, 128, 500);
		assert_in_range(agent_of(world, 0)->runs_count, 0, 256);
		assert_in_range(agent_of(world, 0)->runs_active, 0, 64);
	}
	assert_int_equal(got, 0);
	world_free(world);
}

/* The same when nothing was heard of the one that is there before. */
static void rule_a_peer_that_is_new_is_not_held_up(void **state)
{
	struct world *world = with_absent(62);
	uint32_t got = 0;

	(void)state;
	ask_the_absent(world, &got);
	world_run(world, 1);
	get(world, PURPOSE, 128, 500);
	world_free(world);
}

/* More are silent than there are places for, and all of them may be asked again: each is. */
static void rule_the_silent_take_turns(void **state)
{
	struct world *world = with_absent(63);
	uint32_t asked[AWAY + 2] = {0};
	struct agent_peer *peer;
	struct agent_pool *pool;
	uint32_t got = 0;
	uint32_t n;
	uint32_t i;

	(void)state;
	ask_the_absent(world, &got);
	world_run(world, 8000);
	for (n = 0; n < 100; n++) {
		for (i = 0, peer = agent_of(world, 0)->peers; peer != NULL; peer = peer->next) {
			assert_true(peer->runs <= 1);
			asked[i++] += peer->runs;
			for (pool = peer->pools; pool != NULL; pool = pool->next)
				pool->retry_ms = 0;
		}
		assert_true(agent_of(world, 0)->runs_active <= 16);
		world_run(world, 100);
	}
	for (i = 0; i < AWAY; i++)
		assert_true(asked[i] > 0);
	assert_int_equal(asked[AWAY], 0); /* of agent 1 nobody wants anything */
	world_free(world);
}

/* Pad is not spent on those who do not answer, but a little; and when they are back they are found,
 * all of them. */
static void rule_who_does_not_answer_is_asked_less_and_less(void **state)
{
	struct world *world = with_absent(61);
	struct agent_peer *peer;
	uint32_t got = 0;
	uint64_t before;
	uint8_t i;

	(void)state;
	ask_the_absent(world, &got);
	world_run(world, 120000);
	before = initiated(world);
	world_run(world, 120000);
	/* A batch for each pool a minute, and half as much again. */
	assert_in_range(initiated(world) - before, 1, AWAY * AWAY_PURPOSES * 2 * 2 * 3 / 2);
	for (i = 0; i < AWAY; i++)
		world_start(world_agent(world, (uint8_t)(2 + i)));
	world_run(world, 90000);
	assert_int_equal(got, 32 * AWAY * AWAY_PURPOSES);
	for (peer = agent_of(world, 0)->peers; peer != NULL; peer = peer->next)
		assert_int_equal(peer->runs, 0);
	assert_int_equal(agent_of(world, 0)->runs_active, 0);
	assert_int_equal(agent_of(world, 0)->runs_probing, 0);
	world_free(world);
}

static const struct agent_pool *pool_of(struct world *world, uint8_t peer, const char *purpose)
{
	const struct agent_pool *pool = agent_peer_find(
		agent_of(world, 0), &world_agent_config(world_agent(world, peer))->name)
						->pools;

	while (pool != NULL && strcmp(pool->purpose, purpose) != 0)
		pool = pool->next;
	return pool;
}

/* A pool that is filled far ahead has all runs with a peer, and each that ends makes room for
 * another: the first one is of the pool for which somebody waits, however long that list is. */
static void rule_who_waits_comes_before_what_is_filled_ahead(void **state)
{
	struct world *world = world_new(64, 3, 2, 2, 4 * PAD_BYTES);
	const struct agent_pool *far;
	uint32_t n;

	(void)state;
	world_agent_config(world_agent(world, 0))->pool.blocks = 1;
	world_run(world, 1000);
	get(world, "app:far", 1, 3000);
	world_set_pools(world, FAR_KEYS, FAR_KEYS);
	world_run(world, 1200);
	far = pool_of(world, 1, "app:far");
	for (n = 0; n < 5; n++) {
		char purpose[32];

		assert_int_equal(far->runs, far->peer->runs);
		assert_int_equal(far->runs, 32);
		(void)snprintf(purpose, sizeof(purpose), "app:near-%u", n);
		get(world, purpose, 1, 50);
		assert_true(agent_pool_ready(far, 0) < FAR_KEYS * 32 / 2);
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_peers_that_are_away_hold_up_nobody),
		cmocka_unit_test(rule_a_peer_that_is_new_is_not_held_up),
		cmocka_unit_test(rule_the_silent_take_turns),
		cmocka_unit_test(rule_who_does_not_answer_is_asked_less_and_less),
		cmocka_unit_test(rule_who_waits_comes_before_what_is_filled_ahead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
