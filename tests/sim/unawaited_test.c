/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/request.h"
#include "tests/sim/hostile.h"

/*
 * A fetch takes its keys out of their pools, and nobody gets them before that is durable.  Whoever
 * is gone by then, or was told that the disk is busy, may ask again: for a minute, and once.
 */
#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)
#define KEPT_MS   60000u
#define KEPT_MOST 16u
#define LIFE_S    20u

/* A key that the first agent got, and the second may fetch; it is of a block that lives so long. */
static struct world *world_of_lives(uint64_t seed, uint32_t lifetime_s, struct world_key *key)
{
	struct world *world = world_new(seed, 3, 2, 2, PAD_BYTES);

	for (uint8_t i = 0; i < 2 && lifetime_s > 0; i++) {
		world_crash(world_agent(world, i));
		world_agent_config(world_agent(world, i))->pool.lifetime_s = lifetime_s;
		world_start(world_agent(world, i));
	}
	world_run(world, 1000);
	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 20000, key));
	world_run(world, 2000);
	return world;
}

static struct world *world_with_key(uint64_t seed, struct world_key *key)
{
	return world_of_lives(seed, 0, key);
}

static const struct agent_request *last_of(struct world *world)
{
	const struct agent_request *last = world_agent_of(world_agent(world, 1))->requests;

	while (last != NULL && last->next != NULL)
		last = last->next;
	return last;
}

/* A fetch, and what came of it. */
struct waiting {
	uint64_t ticket;
	unsigned answers;
	size_t keys;
};

static void answered(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct waiting *waiting = owner;

	(void)problem;
	(void)keys;
	waiting->answers++;
	waiting->keys += count;
}

/* Asks for a key whose removal then waits for the disk. */
static void begin(struct world *world, const struct world_key *key, struct waiting *waiting)
{
	struct world_node *node = world_agent(world, 1);
	struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 0))->name.text,
		.purpose = PURPOSE,
		.count = 1,
		.wait_ms = 3000,
	};
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	const struct agent_request *last;
	struct skex_problem problem;

	memcpy(ids[0], key->id, sizeof(ids[0]));
	request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	assert_int_equal(skex_agent_fetch(world_agent_of(node), &request, answered, waiting,
				 &waiting->ticket, &problem),
		SKEX_OK);
	world_hold_disk(node, true);
	world_run(world, 100);
	last = last_of(world);
	assert_true(last != NULL && last->committing);
}

/* Asks for a key, and hangs up when its removal is on its way to the disk. */
static void hang_up(struct world *world, const struct world_key *key)
{
	struct world_node *node = world_agent(world, 1);
	struct waiting waiting = {0};

	begin(world, key, &waiting);
	skex_agent_cancel(world_agent_of(node), waiting.ticket);
	world_run(world, 100);
	world_hold_disk(node, false);
	world_run(world, 100);
	assert_int_equal(waiting.answers, 0);
}

static struct asked fetch(struct world *world, const struct world_key *key)
{
	return fetch_within(world, 1, 0, PURPOSE, key->id, 4000);
}

static void rule_who_hung_up_may_fetch_again(void **state)
{
	struct world_key key;
	struct world *world = world_with_key(1, &key);
	struct asked fetched;

	(void)state;
	hang_up(world, &key);
	world_run(world, KEPT_MS - 2000);
	fetched = fetch(world, &key);
	assert_true(fetched.good);
	assert_memory_equal(fetched.key.bytes, key.bytes, 32);
	assert_string_equal(fetch(world, &key).code, "spent_key");
	assert_null(last_of(world));
	world_free(world);
}

/* It hangs up while it waits for what is there, and then again. */
static void rule_who_is_told_that_the_disk_is_busy_may_fetch_again(void **state)
{
	struct world_key key;
	struct world *world = world_with_key(2, &key);
	struct world_node *node = world_agent(world, 1);
	struct asked fetched;

	(void)state;
	world_hold_disk(node, true);
	for (unsigned i = 0; i < 3; i++) {
		fetched = fetch(world, &key);
		assert_true(fetched.done && !fetched.good);
		assert_string_equal(fetched.code, "disk_busy");
		world_run(world, 10000);
	}
	world_hold_disk(node, false);
	world_run(world, 1000);
	fetched = fetch(world, &key);
	assert_true(fetched.good);
	assert_memory_equal(fetched.key.bytes, key.bytes, 32);
	assert_string_equal(fetch(world, &key).code, "spent_key");
	world_free(world);
}

/* Then it is gone, as it is after a crash. */
static void what_nobody_fetches_again_is_gone(void **state)
{
	struct world_key key;
	struct world *world;

	(void)state;
	for (unsigned crash = 0; crash < 2; crash++) {
		world = world_with_key(3, &key);
		hang_up(world, &key);
		if (crash) {
			world_crash(world_agent(world, 1));
			world_start(world_agent(world, 1));
			world_run(world, 2000);
		} else {
			world_run(world, KEPT_MS + 1000);
			assert_null(last_of(world));
		}
		assert_string_equal(fetch(world, &key).code, "spent_key");
		world_free(world);
	}
}

/* It is given to nobody who could not have had it, nor as what it is not. */
static void it_is_fetched_as_what_it_is(void **state)
{
	struct world_key key;
	struct world *world = world_with_key(4, &key);
	struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 0))->name.text,
		.purpose = "app:other",
		.count = 1,
		.wait_ms = 4000,
	};
	uint8_t ids[1][SKEX_KEY_ID_BYTES];

	(void)state;
	hang_up(world, &key);
	memcpy(ids[0], key.id, sizeof(ids[0]));
	request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	assert_false(ask_key(world, world_agent(world, 1), &request).good);
	request.purpose = PURPOSE;
	request.require_forward_secret = true;
	assert_false(ask_key(world, world_agent(world, 1), &request).good);
	request.require_forward_secret = false;
	assert_true(ask_key(world, world_agent(world, 1), &request).good);
	world_free(world);
}

/* What a state from the past made forget is given to nobody: not what waits for the disk, nor what
 * is kept. */
static void rule_a_fetch_gives_nothing_that_was_forgotten(void **state)
{
	(void)state;
	for (unsigned row = 0; row < 3; row++) {
		struct world_key key;
		struct world *world = world_with_key(5, &key);
		struct world_node *node = world_agent(world, 1);
		struct waiting waiting = {0};

		if (row == 0) {
			hang_up(world, &key);
		} else {
			begin(world, &key, &waiting);
			if (row == 2)
				skex_agent_cancel(world_agent_of(node), waiting.ticket);
		}
		assert_int_equal(agent_past_word(world_agent_of(node)), SKEX_OK);
		world_run(world, 500);
		world_hold_disk(node, false);
		world_run(world, 5000);
		assert_int_equal(waiting.answers, row == 1);
		assert_int_equal(waiting.keys, 0);
		assert_null(last_of(world));
		assert_false(fetch(world, &key).good);
		world_free(world);
	}
}

/* Nor is what expired meanwhile. */
static void rule_a_fetch_gives_nothing_that_expired(void **state)
{
	(void)state;
	for (unsigned row = 0; row < 3; row++) {
		struct world_key key;
		struct world *world = world_of_lives(8, LIFE_S, &key);
		struct world_node *node = world_agent(world, 1);
		struct waiting waiting = {0};

		if (row == 0) {
			hang_up(world, &key);
		} else {
			begin(world, &key, &waiting);
			if (row == 2)
				skex_agent_cancel(world_agent_of(node), waiting.ticket);
		}
		world_run(world, LIFE_S * 1000);
		world_hold_disk(node, false);
		world_run(world, 1000);
		assert_int_equal(waiting.keys, 0);
		assert_null(last_of(world));
		assert_false(fetch(world, &key).good);
		world_free(world);
	}
}

/* A disk that fails when a key is to be taken: that is said, and the key is there when the agent
 * runs again. */
static bool take_fails;

enum skex_error __real_agent_pool_take(struct agent_pool *pool, const struct skex_key_id *id,
	uint32_t place, uint8_t *out, struct skex_key *key, bool check_only);
enum skex_error __wrap_agent_pool_take(struct agent_pool *pool, const struct skex_key_id *id,
	uint32_t place, uint8_t *out, struct skex_key *key, bool check_only);

enum skex_error __wrap_agent_pool_take(struct agent_pool *pool, const struct skex_key_id *id,
	uint32_t place, uint8_t *out, struct skex_key *key, bool check_only)
{
	if (take_fails && !check_only)
		return SKEX_E_SPACE;
	return __real_agent_pool_take(pool, id, place, out, key, check_only);
}

static void a_disk_that_fails_is_told(void **state)
{
	struct world_key key;
	struct world *world = world_with_key(7, &key);
	struct asked fetched;

	(void)state;
	take_fails = true;
	assert_string_equal(fetch(world, &key).code, "store");
	take_fails = false;
	world_crash(world_agent(world, 1));
	world_start(world_agent(world, 1));
	world_run(world, 3000);
	fetched = fetch(world, &key);
	assert_true(fetched.good);
	assert_memory_equal(fetched.key.bytes, key.bytes, 32);
	world_free(world);
}

/* Who hangs up again and again holds no more memory than that: the oldest go. */
static void so_many_are_kept(void **state)
{
	struct world_key keys[KEPT_MOST + 2];
	struct world *world = world_with_key(6, &keys[0]);
	const struct agent_request *request;
	unsigned kept = 0;

	(void)state;
	for (unsigned i = 0; i < KEPT_MOST + 2; i++) {
		if (i > 0)
			assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1),
				PURPOSE, 32, 20000, &keys[i]));
		world_run(world, 500);
		hang_up(world, &keys[i]);
	}
	for (request = world_agent_of(world_agent(world, 1))->requests; request != NULL;
		request = request->next)
		kept++;
	assert_int_equal(kept, KEPT_MOST);
	assert_false(fetch(world, &keys[1]).good);
	assert_true(fetch(world, &keys[2]).good);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_who_hung_up_may_fetch_again),
		cmocka_unit_test(rule_who_is_told_that_the_disk_is_busy_may_fetch_again),
		cmocka_unit_test(what_nobody_fetches_again_is_gone),
		cmocka_unit_test(it_is_fetched_as_what_it_is),
		cmocka_unit_test(rule_a_fetch_gives_nothing_that_was_forgotten),
		cmocka_unit_test(rule_a_fetch_gives_nothing_that_expired),
		cmocka_unit_test(a_disk_that_fails_is_told),
		cmocka_unit_test(so_many_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
