/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/pairwise.h"
#include "tests/sim/combined_scene.h"
#include "tests/sim/hostile.h"

/* What agents that combine say to each other (docs/spec/combining.md, section 4), and when. */

static struct world *new_world(uint64_t seed)
{
	struct world *world = world_new_combined(seed, 3, 2, 2, PAD_BYTES);

	world_run(world, 1000);
	return world;
}

static uint64_t begun(struct world *world)
{
	struct skex_association_status status;

	skex_association_status(
		pool_at(world, 0, 1, AGENT_INITIATOR, PURPOSE)->peer->pair->association, &status);
	return status.begun + status.rekeyed;
}

/* What is in a pool, whole batches and pieces of them. */
static uint32_t held(const struct agent_pool *pool)
{
	return pool == NULL ? 0 : pool->batches_count + (pool->strides != NULL);
}

/* Whatever a peer answers again and again, it is asked less and less. */
static void rule_an_initiator_pauses_whatever_it_is_told(void **state)
{
	static const uint8_t alerts[] = {
		AGENT_ALERT_COMBINE, AGENT_ALERT_NO_PART, AGENT_ALERT_PART_LATER};
	struct world_key key;
	struct world *world;
	uint64_t before;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(alerts); i++) {
		mixed_forget();
		world = new_world(1 + i);
		(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
		combine_answers = alerts[i];
		while (world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32,
			5000, &key))
			;
		before = begun(world);
		world_run(world, 120000);
		assert_in_range(begun(world) - before, 1, 20);
		combine_answers = 0;
		world_run(world, 120000);
		(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
		world_free(world);
	}
}

/* A part that the peer never gets confirmed is given up, after sixteen times. */
static void a_part_that_waits_for_ever_is_dropped(void **state)
{
	struct world *world = new_world(5);
	const struct agent_pool *parts;
	struct skex_block_id first;
	struct world_key key;

	(void)state;
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	combine_answers = AGENT_ALERT_PART_LATER;
	while (world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 5000, &key))
		;
	parts = pool_at(world, 0, 1, AGENT_INITIATOR, PARTS);
	assert_true(parts->batches_count > 0);
	first = parts->batches[0]->first;
	world_run(world, 60000);
	assert_non_null(agent_batch_find(pool_at(world, 0, 1, AGENT_INITIATOR, PARTS), first));
	/* 0.25, 0.5 ... 64 s, and 64 s each after that, of all parts together. */
	world_run(world, 16u * 64u * 16u * 1000u);
	assert_null(agent_batch_find(pool_at(world, 0, 1, AGENT_INITIATOR, PARTS), first));
	world_free(world);
}

/* Parts and results alike, at both ends, with nobody who asks. */
static void parts_and_results_expire(void **state)
{
	static const char *const purposes[] = {PARTS, PURPOSE};
	struct world *world = world_new_combined(8, 3, 2, 2, PAD_BYTES);
	struct world_key unfetched;
	uint32_t i;

	(void)state;
	for (i = 0; i < 2; i++)
		world_agent_config(world_agent(world, i))->pool.lifetime_s = 60;
	world_run(world, 1000);
	assert_true(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32,
		20000, &unfetched));
	/* No run goes through any more: what hubs make stays a part. */
	world_set_faults(world, &(struct world_faults){.lost_per_million = 1000000});
	for (i = 0; i < 40; i++)
		(void)world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32,
			500, &unfetched);
	for (i = 0; i < 2; i++) {
		assert_true(held(pool_at(world, 0, 1, AGENT_INITIATOR, purposes[i])) > 0 || i == 1);
		assert_true(held(pool_at(world, 1, 0, AGENT_RESPONDER, purposes[i])) > 0);
	}
	hubs(world, false);
	world_run(world, 30000);
	for (i = 0; i < 2; i++)
		assert_true(held(pool_at(world, 1, 0, AGENT_RESPONDER, purposes[i])) > 0);
	world_run(world, 61000);
	for (i = 0; i < 2; i++) {
		assert_int_equal(held(pool_at(world, 0, 1, AGENT_INITIATOR, purposes[i])), 0);
		assert_int_equal(held(pool_at(world, 1, 0, AGENT_RESPONDER, purposes[i])), 0);
	}
	world_free(world);
}

/* Hubs bring shares for nothing: the peer, which does not combine, is asked over the pair. */
static void who_is_not_answered_asks_once_a_minute(void **state)
{
	struct world *world = world_new_combined(9, 3, 2, 2, PAD_BYTES);
	struct world_key key;
	uint64_t before;
	int i;

	(void)state;
	world_combine(world, 1, 0, false);
	world_run(world, 1000);
	assert_false(world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 60000, &key));
	before = begun(world);
	for (i = 0; i < 5; i++)
		assert_false(world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE,
			32, 60000, &key));
	assert_in_range(begun(world) - before, 2, 6);
	world_free(world);
}

static uint8_t answer_to(struct world *world, const struct agent_block_ask *ask)
{
	struct agent_peer *peer = pool_at(world, 1, 0, AGENT_RESPONDER, PARTS)->peer;

	return agent_combine_asked(peer->pair, ask);
}

/* A part of this purpose, number of blocks, size and id, or none; confirmed, or later. */
static void what_is_asked_for_is_answered_by_the_table(void **state)
{
	static const uint8_t secret[2048] = {1};
	struct world *world = new_world(6);
	struct agent_block_ask good = {
		.part = {9, 9}, .blocks = 2, .secret_size = 1024, .purpose = PURPOSE};
	struct agent_quality quality = {.class = SKEX_CLASS_ITS};
	struct agent_block_ask ask;
	struct agent_pool *pool;
	struct agent_batch *part;

	(void)state;
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	pool = pool_at(world, 1, 0, AGENT_RESPONDER, PARTS);
	assert_non_null(pool);
	quality.profile = pool->peer->profiles[0]->profile.id;
	assert_int_equal(answer_to(world, &good), AGENT_ALERT_NO_PART);
	part = agent_batch_add(pool, good.part, 2, 1024, secret, 1024, 0, &quality, UINT64_MAX);
	assert_non_null(part);
	agent_batch_durable(part);
	world_run(world, 1000);
	assert_int_equal(answer_to(world, &good), AGENT_ALERT_PART_LATER);
	part->confirmed = true;
	assert_int_equal(answer_to(world, &good), 0);
	ask = good;
	ask.blocks = 1;
	assert_int_equal(answer_to(world, &ask), AGENT_ALERT_NO_PART);
	ask = good;
	ask.secret_size = 512;
	assert_int_equal(answer_to(world, &ask), AGENT_ALERT_NO_PART);
	ask = good;
	ask.part.counter++;
	assert_int_equal(answer_to(world, &ask), AGENT_ALERT_NO_PART);
	ask = good;
	ask.part.instance++;
	assert_int_equal(answer_to(world, &ask), AGENT_ALERT_NO_PART);
	ask = good;
	memcpy(ask.purpose, "app:z", sizeof("app:z"));
	assert_int_equal(answer_to(world, &ask), AGENT_ALERT_NO_PART);
	world_free(world);
}

/* While hubs cannot say that they have CONF_AB, nothing is begun. */
static void a_part_waits_until_k_hubs_have_its_confirmation(void **state)
{
	const struct world_faults slow = {.delay_ms = 20};
	struct world *world = world_new_combined(7, 3, 2, 2, PAD_BYTES);
	const struct agent_pool *parts = NULL;
	struct world_key key;
	uint64_t before;
	unsigned i;
	uint8_t h;

	(void)state;
	world_set_faults(world, &slow);
	for (i = 0; i < 20000 && (parts == NULL || parts->batches_count == 0); i++) {
		assert_false(world_get(
			world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 1, &key));
		parts = pool_at(world, 0, 1, AGENT_INITIATOR, PARTS);
	}
	assert_non_null(parts);
	assert_true(parts->batches_count > 0);
	for (h = 0; h < 3; h++)
		world_hold_disk(world_hub(world, h), true);
	before = begun(world);
	world_run(world, 8000);
	/* It is durable here, and nothing came of it at either end. */
	parts = pool_at(world, 0, 1, AGENT_INITIATOR, PARTS);
	assert_true(parts->batches_count > 0);
	assert_true(agent_combine_usable(parts->batches[0]));
	assert_int_equal(mixed_count(), 0);
	assert_true(begun(world) == before);
	for (h = 0; h < 3; h++)
		world_hold_disk(world_hub(world, h), false);
	world_set_faults(world, &(struct world_faults){0});
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	world_free(world);
}

static uint64_t kept(struct world *world, const char *purpose)
{
	const struct agent_pool *pool = pool_at(world, 0, 1, AGENT_INITIATOR, purpose);

	return pool == NULL ? 0 : pool->batches_count;
}

static void revoking_the_pair_drops_parts_and_results(void **state)
{
	struct world *world = new_world(8);
	struct skex_problem problem;
	struct world_key key;

	(void)state;
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	/* Parts that no run takes any more. */
	combine_answers = AGENT_ALERT_PART_LATER;
	while (world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 1000, &key))
		;
	combine_answers = 0;
	assert_true(kept(world, PARTS) > 0);
	assert_int_equal(skex_agent_pair_revoke(agent_of(world, 0), "agent2", &problem), SKEX_OK);
	world_run(world, 1000);
	assert_int_equal(kept(world, PARTS), 0);
	assert_int_equal(skex_agent_pair_revoke(agent_of(world, 1), "agent1", &problem), SKEX_OK);
	world_run(world, 1000);
	world_pair(world, 0, 1);
	(void)one_key(world, 0, 1, PURPOSE, SKEX_CLASS_ITS);
	world_run(world, 5000);
	assert_true(kept(world, PURPOSE) > 0);
	assert_int_equal(skex_agent_pair_revoke(agent_of(world, 0), "agent2", &problem), SKEX_OK);
	world_run(world, 1000);
	assert_int_equal(kept(world, PURPOSE), 0);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_is_not_answered_asks_once_a_minute, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			parts_and_results_expire, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			rule_an_initiator_pauses_whatever_it_is_told, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			a_part_that_waits_for_ever_is_dropped, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_asked_for_is_answered_by_the_table, mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(a_part_waits_until_k_hubs_have_its_confirmation,
			mixed_setup, mixed_teardown),
		cmocka_unit_test_setup_teardown(
			revoking_the_pair_drops_parts_and_results, mixed_setup, mixed_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
