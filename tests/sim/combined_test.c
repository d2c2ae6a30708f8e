/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/combined_scene.h"
#include "tests/sim/hostile.h"
#include "tests/sim/store_thief.h"

/* Keys that are combined out of those of hubs and of a pair: real agents, real hubs, and what both
 * components were. */

/* Whoever has all hubs, or the credential and every datagram, but not both, lacks a one-time pad of
 * the size of the key. */
static void rule_a_combined_key_needs_both_components(void **state)
{
	struct world *world = world_new_combined(1, 3, 2, 2, PAD_BYTES);
	const struct mixed *found[2];
	struct world_key key;
	uint32_t k;
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	for (k = 0; k < 20; k++) {
		key = one_key(
			world, k % 2 == 0 ? 0 : 1, k % 2 == 0 ? 1 : 0, PURPOSE, SKEX_CLASS_ITS);
		assert_int_equal(made_of(key.bytes, found), 2);
		for (i = 0; i < found[0]->size; i++)
			assert_int_equal(
				found[0]->result[i], found[0]->of_hubs[i] ^ found[0]->of_pair[i]);
		assert_true(found[0]->disjoint && found[1]->disjoint);
		assert_int_equal(found[0]->hubs, 3);
		/* Both ends combined the same two. */
		assert_memory_equal(found[0]->of_hubs, found[1]->of_hubs, found[0]->size);
		assert_memory_equal(found[0]->of_pair, found[1]->of_pair, found[0]->size);
		assert_int_equal(found[0]->ids[0].counter, found[1]->ids[0].counter);
		assert_int_equal(found[0]->ids[1].counter, found[1]->ids[1].counter);
		assert_int_not_equal(found[0]->ids[0].counter, found[0]->ids[1].counter);
	}
	world_free(world);
}

/* Of computed pads they are computational; requirements are those of other keys. */
static void test_requirements(void **state)
{
	struct world *world = world_new_combined(2, 3, 2, 2, 0);
	struct skex_key_request request = {.peer = "agent2",
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1,
		.require_confirmed = true,
		.require_forward_secret = true,
		.require_combined = true,
		.wait_ms = 5000};

	(void)state;
	world_run(world, 1000);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_COMPUTATIONAL);
	assert_true(ask_key(world, world_agent(world, 0), &request).good);
	request.require_its = true;
	assert_string_equal(ask_key(world, world_agent(world, 0), &request).code, "not_its");
	world_free(world);

	world = world_new_combined(3, 3, 2, 2, PAD_BYTES);
	world_run(world, 1000);
	/* With true pads all of them at once; neither hubs nor a pair alone give that. */
	assert_true(ask_key(world, world_agent(world, 0), &request).good);
	world_agent_config(world_agent(world, 0))->require_its = true;
	world_agent_config(world_agent(world, 1))->require_its = true;
	request.purpose = "app:y";
	assert_true(ask_key(world, world_agent(world, 0), &request).good);
	world_combine(world, 0, 1, false);
	assert_string_equal(ask_key(world, world_agent(world, 0), &request).code, "not_combined");
	request.require_combined = false;
	assert_string_equal(ask_key(world, world_agent(world, 0), &request).code, "not_its");
	world_free(world);
}

/* Blocks of any size, and sizes of keys that grow. */
static void test_sizes(void **state)
{
	struct world *world = world_new_combined(4, 3, 2, 2, 8 * PAD_BYTES);
	struct world_key key;
	struct world_key fetched;
	uint32_t size;

	(void)state;
	world_run(world, 1000);
	for (size = 1; size <= 64; size += 21) {
		assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE,
			size, 60000, &key));
		assert_true(world_fetch(world, world_agent(world, 1), world_agent(world, 0),
			PURPOSE, key.id, 5000, &fetched));
		assert_memory_equal(key.bytes, fetched.bytes, size);
	}
	/* Those of notes are combined as well, in small blocks. */
	(void)one_key(world, 1, 0, "skex:note", SKEX_CLASS_ITS);
	world_free(world);
}

static void set_identities(struct world *world)
{
	static char left[1][SKEX_PURPOSE_MAX + 1] = {"a"};
	static char right[2][SKEX_PURPOSE_MAX + 1] = {"b", "c"};
	struct skex_agent_config *config;
	uint8_t i;

	for (i = 0; i < 2; i++) {
		config = world_agent_config(world_agent(world, i));
		config->identities = i == 0 ? left : right;
		config->identities_count = i == 0 ? 1 : 2;
		config->peers[0].identities = i == 0 ? right : left;
		config->peers[0].identities_count = i == 0 ? 2 : 1;
	}
}

/* Keys for several identities, each of which gets it once, also out of what was combined before a
 * start. */
static void keys_for_several_identities_are_combined(void **state)
{
	static const char *const additional[] = {"c"};
	static const char *const readers[] = {"b", "c"};
	struct world *world = world_new_combined(14, 3, 2, 2, PAD_BYTES);
	struct skex_key_request get = {.local = "a",
		.remote = "b",
		.additional = additional,
		.additional_count = 1,
		.purpose = "etsi014",
		.bytes = 32,
		.count = 1,
		.require_confirmed = true,
		.require_combined = true,
		.wait_ms = 5000};
	struct skex_key_request fetch = get;
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	struct asked got;
	struct asked fetched;
	unsigned i;

	(void)state;
	set_identities(world);
	world_run(world, 1000);
	got = ask_key(world, world_agent(world, 0), &get);
	assert_true(got.good);
	memcpy(ids[0], got.key.id, sizeof(ids[0]));
	fetch.remote = "a";
	fetch.additional_count = 0;
	fetch.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	for (i = 0; i < 2; i++) {
		fetch.local = readers[i];
		fetched = ask_key(world, world_agent(world, 1), &fetch);
		assert_true(fetched.good);
		assert_memory_equal(fetched.key.bytes, got.key.bytes, 32);
		assert_string_equal(
			ask_key(world, world_agent(world, 1), &fetch).code, "spent_key");
		world_power_cut(world_agent(world, 1));
		world_start(world_agent(world, 1));
		world_run(world, 2000);
	}
	world_free(world);
}

/* In a pool with keys of other kinds those that are wanted are found, at either end. */
static void rule_its_keys_are_found_among_others(void **state)
{
	struct world *world = world_new_combined(13, 3, 2, 2, PAD_BYTES);
	struct skex_key_request request = {.peer = "agent2",
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1,
		.require_confirmed = true,
		.wait_ms = 5000};
	struct asked its;
	struct asked secret;
	struct asked fetched;
	uint8_t ids[1][SKEX_KEY_ID_BYTES];
	unsigned i;

	(void)state;
	world_combine(world, 0, 1, false);
	world_combine(world, 1, 0, false);
	world_run(world, 1000);
	for (i = 0; i < 5; i++) {
		request.require_forward_secret = true;
		secret = ask_key(world, world_agent(world, 0), &request);
		assert_true(secret.good && secret.forward_secret);
		assert_int_equal(secret.class, SKEX_CLASS_COMPUTATIONAL);
		request.require_forward_secret = false;
		request.require_its = true;
		its = ask_key(world, world_agent(world, 0), &request);
		assert_true(its.good);
		assert_int_equal(its.class, SKEX_CLASS_ITS);
		request.require_its = false;
	}
	world_run(world, 1000);
	request.peer = "agent1";
	request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	request.require_its = true;
	memcpy(ids[0], its.key.id, sizeof(ids[0]));
	fetched = ask_key(world, world_agent(world, 1), &request);
	assert_true(fetched.good);
	assert_int_equal(fetched.class, SKEX_CLASS_ITS);
	memcpy(ids[0], secret.key.id, sizeof(ids[0]));
	assert_string_equal(ask_key(world, world_agent(world, 1), &request).code, "not_its");
	world_free(world);
}

/* ---- what is not handed out --------------------------------------------------------------------
 */

/* Parts are no keys: nobody can name their purpose. */
static void rule_parts_are_not_handed_out(void **state)
{
	struct world *world = world_new_combined(5, 3, 2, 2, PAD_BYTES);
	struct skex_key_request request = {
		.peer = "agent2", .purpose = PARTS, .bytes = 32, .count = 1, .wait_ms = 1000};
	struct agent_pool *parts;
	struct agent_batch *part;
	struct skex_key key = {0};
	struct skex_key_id id;
	uint8_t ids[1][SKEX_KEY_ID_BYTES] = {{0}};
	uint8_t bytes[32];

	(void)state;
	world_run(world, 1000);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	assert_string_equal(ask_key(world, world_agent(world, 0), &request).code, "bad_purpose");
	request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	assert_string_equal(ask_key(world, world_agent(world, 0), &request).code, "bad_purpose");
	/* Not even by who gets past that: a part is kept here, and its pool gives nothing. */
	request.ids = NULL;
	world_combine(world, 0, 1, false);
	world_combine(world, 1, 0, false);
	parts = pool_at(world, 1, 0, AGENT_RESPONDER, PARTS);
	assert_non_null(parts);
	part = agent_batch_add(parts, (struct skex_block_id){9, 9}, 1, 1024,
		(const uint8_t[1024]){1}, 1024, 0,
		&(struct agent_quality){.class = SKEX_CLASS_ITS, .confirmed = true}, UINT64_MAX);
	assert_non_null(part);
	agent_batch_durable(part);
	world_run(world, 1000);
	id = (struct skex_key_id){.block = {9, 9}, .size = 32};
	assert_int_equal(agent_pool_take(parts, &id, 0, bytes, &key, false), SKEX_E_REFUSED);
	world_free(world);
}

/* Keys from before combining was set are not given out any more, at neither end. */
static void rule_other_keys_are_not_given_out_where_combined_ones_are_wanted(void **state)
{
	struct world *world = world_new_combined(6, 3, 2, 2, PAD_BYTES);
	struct world_key plain;
	struct asked asked;
	uint8_t i;

	(void)state;
	for (i = 0; i < 2; i++)
		world_combine(world, i, (uint8_t)(1 - i), false);
	world_run(world, 1000);
	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 60000, &plain));
	assert_false(plain.combined);
	world_run(world, 1000);
	for (i = 0; i < 2; i++)
		world_combine(world, i, (uint8_t)(1 - i), true);
	assert_true(pool_at(world, 0, 1, AGENT_INITIATOR, PURPOSE)->ready_bytes > 0);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	asked = fetch_any(world, 1, 0, PURPOSE, plain.id);
	assert_false(asked.good);
	assert_string_equal(asked.code, "not_combined");
	/* The other way round is a requirement like others. */
	for (i = 0; i < 2; i++)
		world_combine(world, i, (uint8_t)(1 - i), false);
	assert_true(fetch_any(world, 1, 0, PURPOSE, plain.id).good);
	world_free(world);
}

/* ---- one end only ------------------------------------------------------------------------------
 */

/* No keys of a weaker kind than either wants, and both are told. */
static void mismatch(uint64_t seed, uint8_t combines)
{
	struct world *world = world_new_combined(seed, 3, 2, 2, PAD_BYTES);
	struct world_node *from = world_agent(world, 0);
	struct world_node *to = world_agent(world, 1);
	struct world_key key;

	world_combine(world, (uint8_t)(1 - combines), combines, false);
	world_run(world, 1000);
	assert_false(world_get(world, from, to, PURPOSE, 32, 60000, &key));
	assert_true(world_events(from, "combine_mismatch", NULL) > 0);
	assert_true(world_events(to, "combine_mismatch", NULL) > 0);
	/* Not for every share. */
	assert_in_range(world_events(to, "combine_mismatch", NULL), 1, 3);
	assert_int_equal(mixed_count(), 0);
	/* Mended, they are there without a start or a person. */
	world_combine(world, (uint8_t)(1 - combines), combines, true);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	world_free(world);
}

static void rule_one_end_that_combines_makes_no_keys(void **state)
{
	(void)state;
	mismatch(7, 0);
	mixed_forget();
	mismatch(8, 1);
}

/* ---- without one of the two --------------------------------------------------------------------
 */

static void rule_without_hubs_or_pair_no_key_is_made(void **state)
{
	struct world *world = world_new_combined(9, 3, 2, 2, PAD_BYTES);
	struct world_node *from = world_agent(world, 0);
	struct world_node *to = world_agent(world, 1);
	struct skex_problem problem;
	struct world_key key;

	(void)state;
	hubs(world, false);
	assert_false(world_get(world, from, to, PURPOSE, 32, 20000, &key));
	hubs(world, true);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	assert_int_equal(skex_agent_pair_revoke(world_agent_of(from), "agent2", &problem), SKEX_OK);
	assert_int_equal(skex_agent_pair_revoke(world_agent_of(to), "agent1", &problem), SKEX_OK);
	assert_false(world_get(world, from, to, PURPOSE, 32, 20000, &key));
	assert_non_null(strstr(pool_at(world, 0, 1, AGENT_INITIATOR, PURPOSE)->last_error,
		"skex pair make agent2"));
	world_pair(world, 0, 1);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	world_free(world);
}

/* ---- what is left over -------------------------------------------------------------------------
 */

/* Parts without runs that combine them: no datagram of the pair comes through, and hubs go on. */
static struct world *world_with_parts(uint64_t seed)
{
	struct world *world = world_new_combined(seed, 3, 2, 2, PAD_BYTES);
	struct world_key key;

	world_set_pools(world, 8, 64);
	world_run(world, 1000);
	world_set_faults(world, &(struct world_faults){.lost_per_million = 1000000});
	assert_false(world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 3000, &key));
	world_run(world, 3000);
	assert_true(pool_at(world, 0, 1, AGENT_INITIATOR, PARTS)->batches_count > 0);
	assert_true(pool_at(world, 1, 0, AGENT_RESPONDER, PARTS)->batches_count > 0);
	assert_int_equal(mixed_count(), 0);
	return world;
}

/* Parts that one end only has left go, and others are made. */
static void rule_a_part_without_its_other_half_is_given_up(void **state)
{
	struct skex_block_id first;
	struct world *world;
	uint8_t who;
	unsigned i;

	(void)state;
	for (who = 0; who < 2; who++) {
		mixed_forget();
		world = world_with_parts(10 + who);
		first = pool_at(world, 0, 1, AGENT_INITIATOR, PARTS)->batches[0]->first;
		agent_pool_empty(pool_at(world, who, (uint8_t)(1 - who),
			who == 0 ? AGENT_INITIATOR : AGENT_RESPONDER, PARTS));
		world_set_faults(world, &(struct world_faults){0});
		for (i = 0; i < 20; i++)
			(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
		world_run(world, 10000);
		/* The initiator has none left that nobody wants. */
		assert_null(agent_batch_find(pool_at(world, 0, 1, AGENT_INITIATOR, PARTS), first));
		world_free(world);
	}
}

/* A peer that has no part of anything is asked less and less, and it is said why. */
static void rule_a_peer_without_parts_is_asked_less_and_less(void **state)
{
	struct world *world = world_new_combined(15, 3, 2, 2, PAD_BYTES);
	struct skex_association_status status;
	const struct agent_pool *pool;
	struct agent_pair *pair;
	struct world_key key;
	uint64_t before;

	(void)state;
	world_run(world, 1000);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	pool = pool_at(world, 0, 1, AGENT_INITIATOR, PURPOSE);
	pair = pool->peer->pair;
	skex_association_status(pair->association, &status);
	before = status.begun + status.rekeyed;
	combine_answers = AGENT_ALERT_NO_PART;
	while (world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 5000, &key))
		;
	world_run(world, 60000);
	skex_association_status(pair->association, &status);
	/* The first two, those under way with them, and one after each of 0.5, 1, 2 ... s. */
	assert_in_range(status.begun + status.rekeyed - before, 3, 20);
	assert_false(agent_block_answered(pool));
	assert_non_null(strstr(pool->last_error, "does not have what hubs gave"));
	combine_answers = 0;
	world_run(world, 60000);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	assert_true(agent_block_answered(pool));
	world_free(world);
}

/* A purpose that is too long for one of parts is not cut to that of others. */
static void rule_a_purpose_too_long_for_parts_has_none(void **state)
{
	struct world *world = world_with_parts(16);
	struct skex_agent *agent = world_agent_of(world_agent(world, 1));
	struct skex_name name = world_agent_config(world_agent(world, 0))->name;
	struct agent_peer *peer = agent_peer_find(agent, &name);
	struct agent_block_ask ask = {
		.part = {9, 9}, .blocks = 1, .secret_size = 1024, .purpose = "app:"};
	char purpose[SKEX_PURPOSE_MAX + 1] = "+app:";
	struct agent_quality quality = {.class = SKEX_CLASS_ITS, .confirmed = true};
	struct agent_batch *part;

	(void)state;
	memset(ask.purpose + 4, 'x', AGENT_PART_PURPOSE_MAX - 4);
	memset(purpose + 5, 'x', SKEX_PURPOSE_MAX - 5);
	quality.profile = pool_at(world, 1, 0, AGENT_RESPONDER, PARTS)->batches[0]->profile;
	part = agent_batch_add(agent_pool_get(agent, peer, AGENT_RESPONDER, purpose), ask.part, 1,
		1024, (const uint8_t[1024]){1}, 1024, 0, &quality, UINT64_MAX);
	assert_non_null(part);
	agent_batch_durable(part);
	world_run(world, 1000);
	assert_int_equal(agent_combine_asked(peer->pair, &ask), 0);
	ask.purpose[AGENT_PART_PURPOSE_MAX] = 'x';
	assert_int_equal(agent_combine_asked(peer->pair, &ask), AGENT_ALERT_NO_PART);
	world_free(world);
}

/* A responder that comes back without hubs has parts that may be from the past: they wait. */
static void rule_a_part_from_before_a_start_waits_for_hubs(void **state)
{
	struct world *world = world_with_parts(12);
	struct world_node *from = world_agent(world, 0);
	struct world_node *to = world_agent(world, 1);
	struct world_key key;
	unsigned i;

	(void)state;
	hubs(world, false);
	world_power_cut(to);
	world_start(to);
	world_set_faults(world, &(struct world_faults){0});
	assert_false(world_get(world, from, to, PURPOSE, 32, 5000, &key));
	assert_true(pool_at(world, 1, 0, AGENT_RESPONDER, PARTS)->batches_count > 0);
	assert_int_equal(mixed_count(), 0);
	hubs(world, true);
	for (i = 0; i < 10; i++)
		(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	world_free(world);
}

/* ---- forward secrecy ---------------------------------------------------------------------------
 */

static struct thief *thief_at(struct world *world, uint8_t i)
{
	const struct skex_link *link = &world_agent_of(world_agent(world, i))->link;

	return thief_new(world_disk(world_agent(world, i)), link->crypto, link->kek);
}

/* The whole disks of both ends, with their keys, after a key was taken: neither it nor what it was
 * made of is there. */
static void assert_gone(struct world *world, uint8_t who, const struct mixed *made)
{
	struct thief *thief = thief_at(world, who);
	uint32_t k;

	for (k = 0; k + 32 <= made->size; k += 32) {
		assert_false(thief_has(thief, made->of_hubs + k, 32));
		assert_false(thief_has(thief, made->of_pair + k, 32));
	}
	thief_free(thief);
}

static void rule_components_are_gone_when_they_are_combined(void **state)
{
	struct world *world = world_new_combined(12, 3, 2, 2, PAD_BYTES);
	struct world_key keys[3];
	struct world_key got;
	const struct mixed *found[2];
	struct thief *thief;
	uint8_t who;
	unsigned i;

	(void)state;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	for (i = 0; i < 3; i++)
		assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE,
			32, 60000, &keys[i]));
	world_run(world, 2000);
	thief = thief_at(world, 1);
	for (i = 0; i < 3; i++)
		assert_true(thief_has(thief, keys[i].bytes, 32));
	thief_free(thief);
	for (i = 0; i < 3; i++)
		assert_true(world_fetch(world, world_agent(world, 1), world_agent(world, 0),
			PURPOSE, keys[i].id, 60000, &got));
	world_run(world, 3000);
	for (who = 0; who < 2; who++) {
		thief = thief_at(world, who);
		for (i = 0; i < 3; i++)
			assert_false(thief_has(thief, keys[i].bytes, 32));
		thief_free(thief);
		for (i = 0; i < 3; i++) {
			assert_int_equal(made_of(keys[i].bytes, found), 2);
			assert_gone(world, who, found[0]);
		}
	}
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			rule_a_combined_key_needs_both_components, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(test_requirements, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(test_sizes, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			keys_for_several_identities_are_combined, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			rule_its_keys_are_found_among_others, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			rule_parts_are_not_handed_out, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			rule_other_keys_are_not_given_out_where_combined_ones_are_wanted,
			mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			rule_one_end_that_combines_makes_no_keys, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			rule_without_hubs_or_pair_no_key_is_made, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(rule_a_part_without_its_other_half_is_given_up,
			mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(rule_a_peer_without_parts_is_asked_less_and_less,
			mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			rule_a_purpose_too_long_for_parts_has_none, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(rule_a_part_from_before_a_start_waits_for_hubs,
			mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(rule_components_are_gone_when_they_are_combined,
			mixed_setup, mixed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
