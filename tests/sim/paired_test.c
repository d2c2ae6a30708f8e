/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/combine.h"
#include "agent/record.h"
#include "tests/sim/disk.h"
#include "tests/sim/given.h"
#include "tests/sim/world.h"

/* Keys between paired agents without any hub, over datagrams that are lost, doubled and late, with
 * power cuts and restored backups: real agents with real stores. */

/* A key from one agent to the other, the same at both. */
static void one_key(struct world *world, uint8_t from, uint8_t to, const char *purpose)
{
	struct world_key got;
	struct world_key fetched;

	assert_true(world_get(
		world, world_agent(world, from), world_agent(world, to), purpose, 32, 10000, &got));
	assert_true(world_fetch(world, world_agent(world, to), world_agent(world, from), purpose,
		got.id, 5000, &fetched));
	assert_memory_equal(got.bytes, fetched.bytes, 32);
	assert_memory_equal(got.fingerprint, fetched.fingerprint, sizeof(got.fingerprint));
	assert_true(got.confirmed && fetched.confirmed);
	assert_true(got.forward_secret && fetched.forward_secret);
	assert_int_equal(got.class, SKEX_CLASS_COMPUTATIONAL);
	assert_int_equal(fetched.class, SKEX_CLASS_COMPUTATIONAL);
}

static void test_keys(void **state)
{
	struct world *world = world_new_paired(1, 0, 0, 3);
	char purpose[16];
	uint8_t i;
	uint8_t k;

	(void)state;
	for (i = 0; i < 3; i++) {
		for (k = 0; k < 3; k++) {
			snprintf(purpose, sizeof(purpose), "app:%u", (unsigned)k);
			if (i != k)
				one_key(world, i, k, purpose);
		}
	}
	/* More than a pool holds. */
	for (i = 0; i < 100; i++)
		one_key(world, 0, 1, "app:many");
	world_free(world);
}

/* ---- requests ----------------------------------------------------------------------------------
 */

struct said {
	bool done;
	char code[32];
	size_t count;
};

static void listen(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct said *said = owner;

	(void)keys;
	said->done = true;
	said->count = count;
	snprintf(said->code, sizeof(said->code), "%s", problem == NULL ? "" : problem->code);
}

/* What a get with these requirements comes to. */
static const char *ask(struct world *world, const struct skex_key_request *request)
{
	static struct said said;
	struct skex_problem problem;
	uint64_t ticket;
	unsigned i;

	memset(&said, 0, sizeof(said));
	if (skex_agent_get(world_agent_of(world_agent(world, 0)), request, listen, &said, &ticket,
		    &problem) != SKEX_OK)
		return problem.code;
	for (i = 0; i < 200 && !said.done; i++)
		world_run(world, 100);
	assert_true(said.done);
	return said.code;
}

static void test_requirements(void **state)
{
	struct skex_key_request request = {
		.peer = "agent2", .purpose = "app:x", .bytes = 32, .count = 1, .wait_ms = 5000};
	struct world *world = world_new_paired(2, 0, 0, 2);

	(void)state;
	request.require_forward_secret = true;
	assert_string_equal(ask(world, &request), "");
	request.require_its = true;
	assert_string_equal(ask(world, &request), "not_its");
	request.require_its = false;
	request.purpose = "other:x";
	assert_string_equal(ask(world, &request), "pool_empty");
	assert_true(world_events(world_agent(world, 1), "block_refused", NULL) > 0);
	assert_true(world_events(world_agent(world, 0), "block_failed", NULL) > 0);
	/* A refusal of one purpose holds up no other. */
	one_key(world, 0, 1, "app:y");
	world_free(world);
}

/* With hubs they are used as long as enough are there; without them the pair goes on. */
static void test_hubs_stop(void **state)
{
	struct skex_key_request request = {
		.peer = "agent2", .purpose = "app:x", .bytes = 32, .count = 1, .wait_ms = 5000};
	struct world *world = world_new_paired(3, 3, 2, 2);
	struct world_key key;
	uint8_t i;

	(void)state;
	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), "app:x", 32, 10000, &key));
	assert_false(key.forward_secret);
	for (i = 0; i < 3; i++)
		world_crash(world_hub(world, i));
	world_run(world, 5000);
	one_key(world, 0, 1, "app:new");
	request.require_forward_secret = true;
	/* Those of the old purpose that are there already came through hubs: it gets new ones. */
	assert_string_equal(ask(world, &request), "");
	/* For others the old ones are used up, and then made without hubs. */
	for (i = 0; i < 200 && !key.forward_secret; i++)
		assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), "app:x",
			32, 20000, &key));
	assert_true(key.forward_secret);
	for (i = 0; i < 3; i++)
		world_start(world_hub(world, i));
	world_run(world, 60000);
	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), "app:newer", 32, 10000, &key));
	assert_false(key.forward_secret);
	/* Who wants it has it also while hubs are there. */
	request.purpose = "app:fresh";
	assert_string_equal(ask(world, &request), "");
	world_free(world);
}

/* ---- pairing -----------------------------------------------------------------------------------
 */

static void ignore(void *owner)
{
	(void)owner;
}

static void find_state(void *owner, const struct skex_pair_status *pair)
{
	struct skex_pair_status *found = owner;

	*found = *pair;
}

static void test_pairing(void **state)
{
	struct world *world = world_new_paired(4, 0, 0, 2);
	struct skex_agent *left = world_agent_of(world_agent(world, 0));
	struct skex_agent *right = world_agent_of(world_agent(world, 1));
	struct skex_pair_request request = {.peer = "agent2", .paired = ignore};
	struct skex_pair_status ends[2];
	struct skex_pair_terms terms;
	struct skex_problem problem;
	struct world_key key;

	(void)state;
	one_key(world, 0, 1, "app:x");
	skex_agent_pairs(left, find_state, &ends[0]);
	skex_agent_pairs(right, find_state, &ends[1]);
	assert_memory_equal(ends[0].fingerprint, ends[1].fingerprint, sizeof(ends[0].fingerprint));
	assert_int_not_equal(ends[0].slot, ends[1].slot);
	assert_string_equal(ends[0].state, "ready");
	assert_string_equal(ends[0].peer.text, "agent2");
	assert_true(ends[0].association.begun > 0);

	/* A second one is refused, at either end, with what to do. */
	assert_int_not_equal(skex_agent_pair_make(left, &request, &terms, &problem), SKEX_OK);
	assert_string_equal(problem.code, "paired");
	assert_non_null(strstr(problem.act, "revoke"));
	assert_int_equal(skex_agent_pair_revoke(left, "agent2", &problem), SKEX_OK);
	assert_int_equal(skex_agent_pair_make(left, &request, &terms, &problem), SKEX_OK);
	request.peer = NULL;
	request.terms = &terms;
	assert_int_not_equal(skex_agent_pair_take(right, &request, &problem), SKEX_OK);
	assert_string_equal(problem.code, "paired");

	/* A credential of another agent, or from another one. */
	assert_int_equal(skex_agent_pair_revoke(right, "agent1", &problem), SKEX_OK);
	assert_int_not_equal(skex_agent_pair_revoke(right, "agent1", &problem), SKEX_OK);
	assert_string_equal(problem.code, "unpaired");
	request.peer = "agent7";
	assert_int_not_equal(skex_agent_pair_take(right, &request, &problem), SKEX_OK);
	assert_string_equal(problem.code, "other_peer");
	request.peer = NULL;
	terms.slot = 0;
	assert_int_not_equal(skex_agent_pair_take(right, &request, &problem), SKEX_OK);
	assert_string_equal(problem.code, "other_agent");
	terms.slot = 1;

	/* Revoked at both ends: no keys, not the old ones either; paired again: new ones. */
	world_run(world, 100);
	assert_false(world_get(
		world, world_agent(world, 0), world_agent(world, 1), "app:x", 32, 1000, &key));
	assert_int_equal(skex_agent_pair_take(right, &request, &problem), SKEX_OK);
	one_key(world, 0, 1, "app:x");
	skex_agent_pairs(left, find_state, &ends[1]);
	assert_memory_not_equal(
		ends[0].fingerprint, ends[1].fingerprint, sizeof(ends[0].fingerprint));
	/* All of it outlives a start. */
	world_power_cut(world_agent(world, 0));
	world_power_cut(world_agent(world, 1));
	world_start(world_agent(world, 0));
	world_start(world_agent(world, 1));
	one_key(world, 1, 0, "app:x");
	world_free(world);
}

/* Different credentials, or swapped ones: no keys, never weaker ones, and the fingerprint tells. */
static void test_mismatch(void **state)
{
	struct world *world = world_new_paired(5, 0, 0, 2);
	struct skex_agent *left = world_agent_of(world_agent(world, 0));
	struct skex_agent *right = world_agent_of(world_agent(world, 1));
	struct skex_pair_request request = {.peer = "agent2", .paired = ignore};
	struct skex_pair_status ends[2];
	struct skex_pair_terms terms;
	struct skex_problem problem;
	struct world_key key;

	(void)state;
	assert_int_equal(skex_agent_pair_revoke(left, "agent2", &problem), SKEX_OK);
	assert_int_equal(skex_agent_pair_revoke(right, "agent1", &problem), SKEX_OK);
	assert_int_equal(skex_agent_pair_make(left, &request, &terms, &problem), SKEX_OK);
	terms.psk[0] ^= 1;
	request.peer = NULL;
	request.terms = &terms;
	assert_int_equal(skex_agent_pair_take(right, &request, &problem), SKEX_OK);
	world_run(world, 1000);
	assert_false(world_get(
		world, world_agent(world, 0), world_agent(world, 1), "app:x", 32, 200000, &key));
	skex_agent_pairs(left, find_state, &ends[0]);
	skex_agent_pairs(right, find_state, &ends[1]);
	assert_memory_not_equal(
		ends[0].fingerprint, ends[1].fingerprint, sizeof(ends[0].fingerprint));
	world_free(world);
}

/* Keys in memory go with the association, also what is just being taken out of the store; a peer
 * that has hubs as well keeps its pools. */
static void rule_revoking_leaves_no_key_in_memory(void **state)
{
	struct world *world = world_new_paired(9, 3, 2, 2);
	struct skex_agent *agent = world_agent_of(world_agent(world, 0));
	struct agent_pool *pool;
	struct skex_problem problem;
	struct skex_key key = {0};
	struct agent_limits limits = AGENT_LIMITS_NONE;
	uint8_t out[32];
	uint8_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		world_crash(world_hub(world, i));
	world_run(world, 1000);
	one_key(world, 0, 1, "app:x");
	world_run(world, 1000);
	pool = agent->peers->pools;
	while (pool->side != AGENT_INITIATOR || strcmp(pool->purpose, "app:x") != 0)
		pool = pool->next;
	/* Until one more is being taken while there is something left of another. */
	for (i = 0; i < 100 && pool->strides_pending == 0; i++) {
		assert_true(agent_pool_stride(pool, 32, 0));
		assert_int_equal(agent_pool_cut(pool, 32, 0, out, &key, &limits), SKEX_OK);
	}
	assert_int_equal(pool->strides_pending, 1);
	assert_true(agent_pool_stride(pool, 32, 0));
	assert_int_equal(skex_agent_pair_revoke(agent, "agent2", &problem), SKEX_OK);
	assert_int_equal(agent_pool_cut(pool, 32, 0, out, &key, &limits), SKEX_E_EMPTY);
	world_run(world, 1000);
	assert_int_equal(pool->strides_pending, 0);
	assert_int_equal(agent_pool_cut(pool, 32, 0, out, &key, &limits), SKEX_E_EMPTY);
	assert_null(pool->strides);
	assert_int_equal(pool->ready_bytes, 0);
	world_free(world);
}

/* ---- crashes -----------------------------------------------------------------------------------
 */

/* Power cuts, crashes and starts at random moments at both agents, over a bad network, while keys
 * are asked for: no key is handed out twice, whatever is fetched is the same, and in the end keys
 * flow again without a person. */
static void storm(uint64_t seed, struct given *given)
{
	struct world *world = world_new_paired(seed, 0, 0, 2);
	const struct world_faults faults = {.delay_ms = 30,
		.lost_per_million = 100000,
		.twice_per_million = 100000,
		.late_per_million = 100000};
	const struct world_faults none = {0};
	unsigned step;

	given->count = 0;
	world_set_faults(world, &faults);
	for (step = 0; step < 40; step++) {
		struct world_node *from = world_agent(world, (uint8_t)(step % 2));
		struct world_node *to = world_agent(world, (uint8_t)(1 - step % 2));
		struct world_key got;
		struct world_key fetched;

		world_start(from);
		world_start(to);
		if (world_below(world, 3) == 0)
			disk_stop_after(world_disk(from), world_below(world, 60));
		if (world_get(world, from, to, "app:x", 32, (uint32_t)world_below(world, 3000),
			    &got)) {
			given_note(given, &got);
			if (world_fetch(world, to, from, "app:x", got.id, 1000, &fetched))
				assert_memory_equal(got.bytes, fetched.bytes, 32);
		}
		world_run(world, world_below(world, 1000));
		world_power_cut(from);
		if (world_below(world, 2) == 0)
			world_crash(to);
	}
	world_set_faults(world, &none);
	world_start(world_agent(world, 0));
	world_start(world_agent(world, 1));
	world_run(world, 300000);
	one_key(world, 0, 1, "app:x");
	one_key(world, 1, 0, "app:x");
	world_free(world);
}

static void no_key_twice_over_power_cuts(void **state)
{
	struct given *given = calloc(1, sizeof(*given));
	unsigned i;

	(void)state;
	for (i = 0; i < given_rounds(4, 60); i++)
		storm(100 + i, given);
	free(given);
}

/* ---- backups -----------------------------------------------------------------------------------
 */

static void use(struct world *world, struct given *given, uint8_t from, unsigned count)
{
	struct world_key got;
	struct world_key fetched;

	while (count-- > 0) {
		struct world_node *a = world_agent(world, from);
		struct world_node *b = world_agent(world, (uint8_t)(1 - from));

		/* After a restored backup the two find each other within minutes, by themselves. */
		assert_true(world_get(world, a, b, "app:x", 32, 600000, &got));
		given_note(given, &got);
		assert_true(world_fetch(world, b, a, "app:x", got.id, 5000, &fetched));
		assert_memory_equal(got.bytes, fetched.bytes, 32);
	}
}

/* Keys that a restored responder has forgotten: they are used up, or dropped when it says so. */
static void use_up(struct world *world, struct given *given, uint8_t from)
{
	struct world_node *a = world_agent(world, from);
	struct world_node *b = world_agent(world, (uint8_t)(1 - from));
	struct world_key got;
	struct world_key fetched;
	unsigned i;

	for (i = 0; i < 100; i++) {
		assert_true(world_get(world, a, b, "app:x", 32, 600000, &got));
		given_note(given, &got);
		if (world_fetch(world, b, a, "app:x", got.id, 100, &fetched))
			return;
	}
	fail_msg("the peer has no key that is handed out");
}

/* Restores backups of one agent, or both, some of whose runs and keys came after them. */
static void restore(uint64_t seed, bool left, bool right, unsigned age)
{
	struct world *world = world_new_paired(seed, 0, 0, 2);
	struct given *given = calloc(1, sizeof(*given));
	struct disk *backups[2];
	unsigned i;

	world_set_pools(world, 4, 8);
	use(world, given, 0, 10);
	use(world, given, 1, 10);
	backups[0] = world_snapshot(world_agent(world, 0));
	backups[1] = world_snapshot(world_agent(world, 1));
	for (i = 0; i < age; i++) {
		use(world, given, 0, 60);
		use(world, given, 1, 60);
		/* So that sessions end, and runs are begun. */
		world_run(world, 70000);
	}
	if (left) {
		world_crash(world_agent(world, 0));
		world_restore(world_agent(world, 0), backups[0]);
		world_start(world_agent(world, 0));
	} else {
		disk_free(backups[0]);
	}
	if (right) {
		world_crash(world_agent(world, 1));
		world_restore(world_agent(world, 1), backups[1]);
		world_start(world_agent(world, 1));
	} else {
		disk_free(backups[1]);
	}
	use_up(world, given, 1);
	use_up(world, given, 0);
	use(world, given, 0, 60);
	use(world, given, 1, 60);
	if (left != right && age > 2) {
		const uint8_t old = left ? 0 : 1;

		assert_true(world_events(world_agent(world, old), "rollback_suspected", NULL) > 0);
		assert_true(world_events(world_agent(world, (uint8_t)(1 - old)), "peer_rollback",
				    NULL) > 0);
	}
	world_free(world);
	free(given);
}

static void backups_of_either_side(void **state)
{
	(void)state;
	restore(11, true, false, 1);
	restore(12, true, false, 4);
	restore(13, false, true, 1);
	restore(14, false, true, 4);
	restore(15, true, true, 4);
}

/* A state that is from the past by no more than two runs is not found by its indices; it numbers
 * its blocks as the life did that it forgot, and the responder knows those numbers. */
static void rule_no_block_is_accepted_twice(void **state)
{
	struct world *world = world_new_paired(31, 0, 0, 2);
	struct world_node *agent = world_agent(world, 0);
	struct given *given = calloc(1, sizeof(*given));
	struct disk *backup;

	(void)state;
	use(world, given, 0, 1);
	world_run(world, 1000);
	backup = world_snapshot(agent);
	world_crash(agent);
	world_start(agent);
	/* One run, and rekeys of its session. */
	use(world, given, 0, 300);
	world_crash(agent);
	world_restore(agent, backup);
	world_start(agent);
	use(world, given, 0, 60);
	assert_int_equal(world_events(agent, "rollback_suspected", NULL), 1);
	world_free(world);
	free(given);
}

/* Keys that were to be handed out are not the same after a start as before it. */
static void rule_keys_without_hubs_are_made_again_after_a_start(void **state)
{
	struct world *world = world_new_paired(21, 0, 0, 2);
	struct given *given = calloc(1, sizeof(*given));
	struct disk *backup;

	(void)state;
	use(world, given, 0, 1);
	world_run(world, 1000);
	backup = world_snapshot(world_agent(world, 0));
	use(world, given, 0, 8);
	world_crash(world_agent(world, 0));
	world_restore(world_agent(world, 0), backup);
	world_start(world_agent(world, 0));
	use(world, given, 0, 8);
	world_free(world);
	free(given);
}

/* ---- records -----------------------------------------------------------------------------------
 */

static void test_records(void **state)
{
	/* Version 1 of a batch: 2 blocks of 64 bytes, its, confirmed, no interval. */
	static const uint8_t old[] = {1, 0, 2, 0, 0, 0, 64, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 5, 'a', 'p', 'p', ':', 'x'};
	/* Version 2 of an ask. */
	static const uint8_t part[] = {2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 3, 0, 0, 0, 64, 0,
		0, 0, 100, 5, 'a', 'p', 'p', ':', 'z', 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 10};
	char purpose[SKEX_PURPOSE_MAX + 1];
	struct agent_pool pool = {.purpose = "app:y"};
	struct agent_batch batch = {0};
	struct agent_batch read = {.pool = &pool};
	uint8_t value[RECORD_BATCH_MAX];
	struct agent_block_ask ask = {.first = {7, 9},
		.blocks = 3,
		.secret_size = 64,
		.lifetime_s = 100,
		.purpose = "app:z"};
	struct agent_block_ask got = {0};
	uint8_t blob[AGENT_BLOCK_ASK_MAX];
	size_t size;
	size_t i;

	(void)state;
	batch.forward_secret = true;
	assert_int_equal(
		record_batch_decode(skex_view(old, sizeof(old)), &batch, purpose), SKEX_OK);
	assert_false(batch.forward_secret);
	assert_true(batch.confirmed);
	assert_string_equal(purpose, "app:x");
	read.blocks = 1;
	read.secret_size = 16;
	read.class = SKEX_CLASS_COMPUTATIONAL;
	read.forward_secret = true;
	size = record_batch(value, &read);
	assert_int_equal(record_batch_decode(skex_view(value, size), &batch, purpose), SKEX_OK);
	assert_true(batch.forward_secret);
	assert_false(batch.confirmed);
	value[0] = 4;
	assert_int_equal(
		record_batch_decode(skex_view(value, size), &batch, purpose), SKEX_E_VERSION);

	size = agent_block_ask_encode(&ask, blob);
	assert_true(agent_block_ask_decode(&got, skex_view(blob, size)));
	assert_int_equal(got.first.counter, 9);
	assert_string_equal(got.purpose, "app:z");
	for (i = 0; i < size; i++)
		assert_false(agent_block_ask_decode(&got, skex_view(blob, i)));
	assert_int_equal(got.part.instance, 0);
	/* Version 2 names what the blocks are combined with. */
	ask.part = (struct skex_block_id){8, 10};
	size = agent_block_ask_encode(&ask, blob);
	assert_int_equal(size, sizeof(part));
	assert_memory_equal(blob, part, sizeof(part));
	assert_true(agent_block_ask_decode(&got, skex_view(blob, size)));
	assert_int_equal(got.part.instance, 8);
	assert_int_equal(got.part.counter, 10);
	for (i = 0; i < size; i++)
		assert_false(agent_block_ask_decode(&got, skex_view(blob, i)));
	blob[0] = 1;
	assert_false(agent_block_ask_decode(&got, skex_view(blob, size)));
	blob[0] = 3;
	assert_false(agent_block_ask_decode(&got, skex_view(blob, size)));
	blob[0] = 2;
	memset(blob + size - 12, 0, 4);
	assert_false(agent_block_ask_decode(&got, skex_view(blob, size)));
	ask.part.counter = SKEX_COUNTER_MAX + 1;
	assert_false(
		agent_block_ask_decode(&got, skex_view(blob, agent_block_ask_encode(&ask, blob))));
	ask.part = (struct skex_block_id){0, 0};
	/* No keys are for what parts are for. */
	ask.purpose[0] = AGENT_PART_MARK;
	assert_false(
		agent_block_ask_decode(&got, skex_view(blob, agent_block_ask_encode(&ask, blob))));
	ask.purpose[0] = 'a';
	ask.blocks = 0;
	assert_false(
		agent_block_ask_decode(&got, skex_view(blob, agent_block_ask_encode(&ask, blob))));
	ask.blocks = 256;
	ask.secret_size = 65536;
	assert_false(
		agent_block_ask_decode(&got, skex_view(blob, agent_block_ask_encode(&ask, blob))));
	ask.blocks = 1;
	assert_true(
		agent_block_ask_decode(&got, skex_view(blob, agent_block_ask_encode(&ask, blob))));
	ask.secret_size = 65528;
	assert_false(
		agent_block_ask_decode(&got, skex_view(blob, agent_block_ask_encode(&ask, blob))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_requirements),
		cmocka_unit_test(test_hubs_stop),
		cmocka_unit_test(test_pairing),
		cmocka_unit_test(test_mismatch),
		cmocka_unit_test(rule_revoking_leaves_no_key_in_memory),
		cmocka_unit_test(no_key_twice_over_power_cuts),
		cmocka_unit_test(backups_of_either_side),
		cmocka_unit_test(rule_no_block_is_accepted_twice),
		cmocka_unit_test(rule_keys_without_hubs_are_made_again_after_a_start),
		cmocka_unit_test(test_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
