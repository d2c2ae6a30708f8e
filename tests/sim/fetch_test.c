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

/*
 * A fetch takes its keys out of their pools, and nobody gets them before that is durable.  Until
 * then much may happen: they expire, a rollback is noticed, what is left of their pool is dropped,
 * who asked goes away, the disk hangs.
 */
#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)
#define LIFE_S    6u

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

static bool is_forgotten(struct world *world)
{
	const struct agent_request *last = last_request(world, 1);

	return last != NULL && last->forgotten;
}

/* A fetch, and what came of it. */
struct waiting {
	uint64_t ticket;
	unsigned answers;
	size_t keys;
	char code[32];
};

static void answered(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct waiting *waiting = owner;

	(void)keys;
	if (problem != NULL)
		snprintf(waiting->code, sizeof(waiting->code), "%s", problem->code);
	waiting->answers++;
	waiting->keys += count;
}

/* Keys that are to be those that the other end has. */
struct together {
	const struct world_key *keys;
	size_t same;
};

static void come_together(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct together *together = owner;

	assert_null(problem);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(keys[i].size, together->keys[i].size);
		assert_memory_equal(keys[i].bytes, together->keys[i].bytes, keys[i].size);
		together->same++;
	}
}

/* Asks for a key whose removal then waits for the disk. */
static void begin(struct world *world, const struct world_key *key, struct waiting *waiting)
{
	waiting->ticket = fetch_and_hang(world, 1, 0, PURPOSE, key->id, answered, waiting);
}

static struct asked fetch(struct world *world, const struct world_key *key)
{
	return fetch_within(world, 1, 0, PURPOSE, key->id, 4000);
}

static struct agent_peer *peer_of(struct world *world)
{
	return agent_peer_find(world_agent_of(world_agent(world, 1)),
		&world_agent_config(world_agent(world, 0))->name);
}

/* The disk goes on: who waited was answered once, without a key, and nothing is left. */
static void nothing_comes(struct world *world, const struct world_key *key,
	const struct waiting *waiting, unsigned answers)
{
	world_hold_disk(world_agent(world, 1), false);
	world_run(world, 5000);
	assert_int_equal(waiting->answers, answers);
	assert_int_equal(waiting->keys, 0);
	assert_null(last_request(world, 1));
	assert_false(fetch(world, key).good);
	world_free(world);
}

static void rule_a_taken_key_waits_for_no_disk_for_ever(void **state)
{
	struct world_key key;
	struct world *world = world_with_key(1, &key);
	struct waiting waiting = {0};

	(void)state;
	begin(world, &key, &waiting);
	world_run(world, 5500);
	assert_int_equal(waiting.answers, 0);
	world_run(world, 1000);
	assert_int_equal(waiting.answers, 1);
	assert_string_equal(waiting.code, "disk_busy");
	assert_true(is_forgotten(world));
	world_run(world, 60000);
	nothing_comes(world, &key, &waiting, 1);
}

static void who_hangs_up_leaves_nothing(void **state)
{
	struct world_key key;
	struct world *world = world_with_key(2, &key);
	struct waiting waiting = {0};

	(void)state;
	begin(world, &key, &waiting);
	skex_agent_cancel(world_agent_of(world_agent(world, 1)), waiting.ticket);
	assert_true(is_forgotten(world));
	nothing_comes(world, &key, &waiting, 0);
}

/* The power goes before it is durable, as far as anybody knows: nobody has it, and it is there or
 * used up, as the disk says. */
static void what_the_power_took_was_given_to_nobody(void **state)
{
	unsigned there = 0;

	(void)state;
	for (unsigned seed = 10; seed < 30; seed++) {
		struct world_key key;
		struct world *world = world_with_key(seed, &key);
		struct world_node *node = world_agent(world, 1);
		struct waiting waiting = {0};
		struct asked fetched;

		begin(world, &key, &waiting);
		world_power_cut(node);
		world_hold_disk(node, false);
		world_start(node);
		world_run(world, 3000);
		fetched = fetch(world, &key);
		assert_int_equal(waiting.answers, 0);
		there += fetched.good;
		if (!fetched.good)
			assert_string_equal(fetched.code, "spent_key");
		world_free(world);
	}
	assert_true(there > 0);
}

static void rule_a_fetch_gives_nothing_that_was_forgotten(void **state)
{
	(void)state;
	for (unsigned row = 0; row < 3; row++) {
		struct world_key key;
		struct world *world = world_with_key(4, &key);
		struct waiting waiting = {0};

		if (row == 1) { /* a key from before the start */
			world_crash(world_agent(world, 1));
			world_start(world_agent(world, 1));
			world_run(world, 5000);
			assert_false(peer_of(world)->unproven);
		}
		begin(world, &key, &waiting);
		if (row != 1)
			assert_int_equal(
				agent_past_word(world_agent_of(world_agent(world, 1))), SKEX_OK);
		else /* that start's grace is over */
			peer_of(world)->unproven = true;
		if (row < 2) { /* else the disk comes back before anything was emptied */
			world_run(world, 1500);
			assert_true(is_forgotten(world));
		}
		nothing_comes(world, &key, &waiting, 1);
	}
}

static void rule_a_fetch_gives_nothing_that_expired(void **state)
{
	struct world_key key;
	struct world *world = world_of_lives(5, LIFE_S, &key);
	struct waiting waiting = {0};

	(void)state;
	begin(world, &key, &waiting);
	world_run(world, 5000);
	assert_int_equal(waiting.answers, 0);
	assert_true(is_forgotten(world));
	nothing_comes(world, &key, &waiting, 1);
	assert_string_equal(waiting.code, "unknown_key");
}

/* A peer, a pair, a binding or material that is removed takes with it what was taken already. */
static void rule_what_is_dropped_is_given_to_nobody(void **state)
{
	struct world_key key;
	struct world *world = world_with_key(6, &key);
	struct skex_agent *agent = world_agent_of(world_agent(world, 1));
	struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 0))->name.text,
		.purpose = "app:many",
		.count = SKEX_KEYS_MAX,
		.bytes = 256,
		.wait_ms = 60000,
	};
	struct waiting waiting = {0};
	const struct agent_request *last;
	struct skex_problem problem;

	(void)state;
	begin(world, &key, &waiting);
	agent_pools_want(peer_of(world), PURPOSE, false);
	assert_true(is_forgotten(world));
	world_hold_disk(world_agent(world, 1), false);
	world_run(world, 1000);
	assert_int_equal(waiting.answers, 1);
	assert_int_equal(waiting.keys, 0);
	/* Of a get the keys that wait for the others. */
	assert_int_equal(
		skex_agent_get(agent, &request, answered, &waiting, &waiting.ticket, &problem),
		SKEX_OK);
	for (last = last_request(world, 1); last != NULL && last->done == 0;
		last = last_request(world, 1))
		world_run(world, 1);
	assert_true(last != NULL && last->done > 0);
	if (last != NULL)
		agent_pool_empty(last->pool);
	assert_true(last != NULL && last->done == 0);
	skex_agent_cancel(agent, waiting.ticket);
	world_free(world);
}

/* Keys of any sizes in one fetch have the memory that they need. */
static void keys_of_many_sizes_come_together(void **state)
{
	static const uint32_t sizes[3] = {16, 64, 32};
	struct world_key keys[3];
	struct world *world = world_with_key(8, &keys[0]);
	uint8_t ids[3][SKEX_KEY_ID_BYTES];
	struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 0))->name.text,
		.purpose = PURPOSE,
		.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids,
		.count = 3,
		.wait_ms = 3000,
	};
	struct together together = {.keys = keys};
	const struct agent_request *last;
	struct skex_problem problem;
	uint64_t ticket;

	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE,
			sizes[i], 20000, &keys[i]));
		memcpy(ids[i], keys[i].id, sizeof(ids[i]));
	}
	world_run(world, 2000);
	assert_int_equal(skex_agent_fetch(world_agent_of(world_agent(world, 1)), &request,
				 come_together, &together, &ticket, &problem),
		SKEX_OK);
	last = last_request(world, 1);
	assert_true(last != NULL && last->secret_size == 16 + 64 + 32);
	world_run(world, 2000);
	assert_int_equal(together.same, 3);
	world_free(world);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_taken_key_waits_for_no_disk_for_ever),
		cmocka_unit_test(who_hangs_up_leaves_nothing),
		cmocka_unit_test(what_the_power_took_was_given_to_nobody),
		cmocka_unit_test(rule_a_fetch_gives_nothing_that_was_forgotten),
		cmocka_unit_test(rule_a_fetch_gives_nothing_that_expired),
		cmocka_unit_test(rule_what_is_dropped_is_given_to_nobody),
		cmocka_unit_test(keys_of_many_sizes_come_together),
		cmocka_unit_test(a_disk_that_fails_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
