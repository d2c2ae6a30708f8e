/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/initiate.h"
#include "agent/pairwise.h"
#include "core/base/cursor.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/*
 * Which instance of an initiator is current at its responder, when hubs bring blocks late, when one
 * of them lies, and when the initiator's state is put back.  Whatever comes, new keys come after
 * it.
 */
#define PURPOSE   "app:test"
#define HUBS      4u
#define K         2u
#define PAD_BYTES (1u << 20)
#define REFILL    (12u << 20) /* more than what can be in flight */
#define DAY_MS    86400000u

static const struct agent_peer *initiator_at_responder(struct world *world)
{
	return agent_peer_find(agent_of(world, 1), &agent_of(world, 0)->name);
}

/* True when, within so many keys, one comes out of a block of the instance that is begun here. */
static bool new_key_comes(struct world *world, int keys)
{
	struct world_key got;

	while (keys-- > 0 &&
		world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 120000,
			&got)) {
		struct skex_reader reader;

		skex_reader_init(&reader, skex_view(got.id, sizeof(got.id)));
		if (skex_read_u32(&reader) == agent_of(world, 0)->instance)
			return true;
	}
	return false;
}

/* All keys that are there, so that blocks are made. */
static void use_up(struct world *world)
{
	struct world_key got;

	while (world_get(world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 0, &got))
		;
	world_run(world, 10000);
}

static void part(struct world *world, uint32_t agent, uint32_t first, bool apart)
{
	uint32_t hub;

	for (hub = first; hub < first + 2; hub++)
		world_part(world_agent(world, agent), world_hub(world, hub), apart);
}

/* ---- what comes late --------------------------------------------------------------------------
 */

/*
 * Two hubs have the shares of blocks of an instance that the responder never saw, and bring them
 * when it has had blocks of the one after it.
 */
static void rule_an_instance_between_that_comes_late_stops_nothing(void **state)
{
	struct world *world = world_new(1, HUBS, K, 2, PAD_BYTES);
	uint32_t between;
	uint32_t after;

	(void)state;
	world_set_pools(world, 1, 4);
	exchange_key(world, 0, 1);
	part(world, 0, 2, true);
	part(world, 1, 0, true);
	world_run(world, 70000);
	/* Twice the operator's word. */
	assert_int_equal(agent_past_word(agent_of(world, 0)), SKEX_OK);
	world_run(world, 10000);
	between = agent_of(world, 0)->instance;
	assert_int_equal(agent_past_word(agent_of(world, 0)), SKEX_OK);
	world_run(world, 1000);
	after = agent_of(world, 0)->instance;
	part(world, 0, 2, false);
	assert_true(new_key_comes(world, 20));
	assert_int_equal(initiator_at_responder(world)->spent_instance, after);
	assert_int_equal(agent_of(world, 0)->instance, after);

	part(world, 1, 0, false);
	world_run(world, 10000);
	use_up(world);
	assert_int_equal(world_events(world_agent(world, 0), "instance_left", NULL), 1);
	assert_true(skex_instances_left(&initiator_at_responder(world)->spent_left, between));
	assert_true(skex_instances_left(&initiator_at_responder(world)->spent_left, after));
	assert_true(new_key_comes(world, 20));
	exchange_key(world, 0, 1);
	world_free(world);
}

static void tell(struct world *world, const struct forged *forged, uint8_t hubs)
{
	uint8_t hub;

	for (hub = 0; hub < hubs; hub++)
		forged_tell(world, forged, hub, 1, NULL);
}

/* A block whose shares do not agree waits for more of them, while the initiator begins anew. */
static void rule_a_block_that_fails_late_brings_no_instance_back(void **state)
{
	struct world *world = world_new(2, HUBS, K, 2, PAD_BYTES);
	static struct forged forged;
	uint64_t accepted;

	(void)state;
	world_run(world, 1000);
	forge(world, &forged, 0, 1, (struct skex_block_id){100, 1}, 1, PURPOSE);
	tell(world, &forged, HUBS);
	forge(world, &forged, 0, 1, (struct skex_block_id){100, 2}, 1, PURPOSE);
	forged.shares[1][0] ^= 1;
	tell(world, &forged, K);
	world_run(world, 1000);
	forge(world, &forged, 0, 1, (struct skex_block_id){101, 3}, 1, PURPOSE);
	tell(world, &forged, HUBS);
	world_run(world, 1000);
	assert_int_equal(initiator_at_responder(world)->spent_instance, 101);
	world_run(world, 60000);
	assert_int_equal(world_events(world_agent(world, 1), "block_failed", NULL), 1);
	assert_int_equal(initiator_at_responder(world)->spent_instance, 101);
	accepted = agent_of(world, 1)->counters.blocks_accepted;
	forge(world, &forged, 0, 1, (struct skex_block_id){101, 4}, 1, PURPOSE);
	tell(world, &forged, HUBS);
	world_run(world, 1000);
	assert_int_equal(agent_of(world, 1)->counters.blocks_accepted, accepted + 1);
	world_free(world);
}

/* ---- what hubs say of a responder --------------------------------------------------------------
 */

/* The hub says that the responder declined its share of the newest run. */
static void say_declined(struct world *world, const struct agent_run *run, uint32_t hub)
{
	skex_leg_refuse(hostile_hub_leg(world, hub, 0), run->sent[hub], SKEX_ACK_DECLINED);
	world_run(world, 200);
}

static void all_say_declined(struct world *world, const struct agent_run *run)
{
	uint32_t hub;

	for (hub = 0; hub < HUBS; hub++)
		skex_leg_refuse(hostile_hub_leg(world, hub, 0), run->sent[hub], SKEX_ACK_DECLINED);
	world_run(world, 200);
}

/* A run that the responder does not answer, for it is away. */
static const struct agent_run *begin_run(struct world *world)
{
	struct world_node *at = world_agent(world, 0);
	struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 1))->name.text,
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1};
	const uint64_t begun_ms = world_now(world);

	while (agent_of(world, 0)->runs == NULL || agent_of(world, 0)->runs->began_ms < begun_ms) {
		assert_true(world_now(world) < begun_ms + 200000);
		(void)ask_key(world, at, &request);
		world_run(world, 100);
	}
	return agent_of(world, 0)->runs;
}

/* Three of four: of a run that two hubs refuse for themselves no key can come. */
static void rule_fewer_than_k_hubs_begin_no_instance(void **state)
{
	struct world *world = world_new(3, HUBS, 3, 2, PAD_BYTES);
	const uint32_t first = agent_of(world, 0)->instance;
	const struct agent_run *run;
	uint32_t second;

	(void)state;
	world_set_pools(world, 1, 4);
	world_run(world, 1000);
	world_crash(world_agent(world, 1));
	run = begin_run(world);
	say_declined(world, run, 0);
	say_declined(world, run, 0);
	say_declined(world, run, 1);
	assert_int_equal(__builtin_popcount(run->declined), 2);
	assert_int_equal(agent_of(world, 0)->instance, first);
	say_declined(world, run, 2);
	second = agent_of(world, 0)->instance;
	assert_int_not_equal(second, first);
	/* All of them, again and again: once a day. */
	while (world_now(world) < DAY_MS - 400000) {
		run = begin_run(world);
		all_say_declined(world, run);
		assert_int_equal(agent_of(world, 0)->instance, second);
		world_run(world, 7200000);
	}
	world_run(world, 1000000);
	run = begin_run(world);
	all_say_declined(world, run);
	assert_int_not_equal(agent_of(world, 0)->instance, second);
	world_free(world);
}

/* What one hub refuses for itself is not what the responder refused, and hides nothing of it. */
static void rule_a_hub_that_refuses_for_itself_hides_nothing(void **state)
{
	struct world *world = world_new(5, HUBS, 3, 2, PAD_BYTES);
	const uint32_t first = agent_of(world, 0)->instance;
	const struct agent_run *run;

	(void)state;
	world_run(world, 1000);
	world_crash(world_agent(world, 1));
	run = begin_run(world);
	skex_leg_refuse(hostile_hub_leg(world, 0, 0), run->sent[0], SKEX_ACK_EXHAUSTED);
	world_run(world, 200);
	say_declined(world, run, 1);
	say_declined(world, run, 2);
	assert_int_equal(agent_of(world, 0)->instance, first);
	say_declined(world, run, 3);
	assert_int_not_equal(agent_of(world, 0)->instance, first);
	world_free(world);
}

/* ---- what one peer says -----------------------------------------------------------------------
 */

static struct agent_peer *peer_at(struct world *world, uint32_t at, uint32_t peer)
{
	return agent_peer_find(agent_of(world, (uint8_t)at), &agent_of(world, (uint8_t)peer)->name);
}

/* For so long the first agent asks the third, which answers by pair that it had all blocks before,
 * and makes keys with the second; how many instances it begins. */
static unsigned instances_begun(struct world *world, uint64_t ms)
{
	const struct skex_key_request request = {
		.peer = world_agent_config(world_agent(world, 2))->name.text,
		.purpose = PURPOSE,
		.bytes = 32,
		.count = 1,
		.require_forward_secret = true};
	const uint64_t end_ms = world_now(world) + ms;
	uint32_t instance = agent_of(world, 0)->instance;
	unsigned begun = 0;

	while (world_now(world) < end_ms) {
		(void)ask_key(world, world_agent(world, 0), &request);
		exchange_key(world, 0, 1);
		world_run(world, 1000);
		begun += agent_of(world, 0)->instance != instance;
		instance = agent_of(world, 0)->instance;
	}
	return begun;
}

/*
 * The second agent accepted a block through two hubs, of which one lies.  The third has the first
 * leave instances, until the second has forgotten the first of them, and the hub that lies tells
 * its share again, beside one that is late.
 */
static void rule_one_peer_makes_no_other_forget_an_instance(void **state)
{
	struct world *world = world_new_paired(6, HUBS, K, 3);
	static struct forged forged;
	uint8_t id[SKEX_KEY_ID_BYTES];
	uint32_t first;

	(void)state;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	first = agent_of(world, 0)->instance;
	forge(world, &forged, 0, 1, (struct skex_block_id){first, 1u << 20}, 1, "app:late");
	forged_tell(world, &forged, 0, 1, NULL);
	forged_tell(world, &forged, 1, 1, NULL);
	world_run(world, 1000);
	forged_key_id(&forged, 0, id);
	assert_true(fetch_any(world, 1, 0, "app:late", id).good);

	peer_at(world, 2, 0)->spent_read = true;
	peer_at(world, 2, 0)->spent_unread = true;
	assert_int_equal(instances_begun(world, 900000), 1);
	assert_true(world_events(world_agent(world, 0), "rollback_suspected", NULL) > 8);
	assert_true(skex_instances_left(&peer_at(world, 1, 0)->spent_left, first));
	forged_tell(world, &forged, 0, 1, NULL);
	forged_tell(world, &forged, 2, 1, NULL);
	world_run(world, 1000);
	assert_false(fetch_any(world, 1, 0, "app:late", id).good);
	world_free(world);
}

/* Pairs and what hubs say of peers have one such word a day together. */
static void rule_the_words_of_peers_begin_one_instance_a_day(void **state)
{
	struct world *world = world_new_paired(7, HUBS, K, 2);
	const struct agent_pair *pair;
	uint32_t first;
	uint32_t second;

	(void)state;
	world_run(world, 1000);
	first = agent_of(world, 0)->instance;
	pair = peer_at(world, 0, 1)->pair;
	agent_pairwise_events.told(agent_of(world, 0), pair->association, SKEX_LEVEL_ERROR,
		"rollback_suspected", "the peer is ahead");
	second = agent_of(world, 0)->instance;
	assert_int_not_equal(second, first);
	agent_pairwise_events.told(agent_of(world, 0), pair->association, SKEX_LEVEL_ERROR,
		"rollback_suspected", "the peer is ahead");
	assert_int_equal(agent_of(world, 0)->instance, second);
	world_crash(world_agent(world, 1));
	all_say_declined(world, begin_run(world));
	assert_int_equal(agent_of(world, 0)->instance, second);
	world_start(world_agent(world, 1));
	world_run(world, DAY_MS);
	pair = peer_at(world, 0, 1)->pair;
	agent_pairwise_events.told(agent_of(world, 0), pair->association, SKEX_LEVEL_ERROR,
		"rollback_suspected", "the peer is ahead");
	assert_int_not_equal(agent_of(world, 0)->instance, second);
	world_free(world);
}

/* A peer that truly takes the instance for left is heard a day after one that lies, at the latest;
 * at once, where the agent was started again. */
static void who_says_the_truth_is_heard_within_a_day(void **state)
{
	struct world *world = world_new_paired(8, 0, 0, 3);
	struct agent_peer *peer;
	struct world_key got;
	uint64_t since_ms;
	unsigned starts;

	(void)state;
	world_set_pools(world, 1, 4);
	for (starts = 0; starts < 2; starts++) {
		world_run(world, 1000);
		agent_pairwise_events.told(agent_of(world, 0),
			peer_at(world, 0, 2)->pair->association, SKEX_LEVEL_ERROR,
			"rollback_suspected", "the peer is ahead");
		exchange_key(world, 0, 1);
		peer = peer_at(world, 1, 0);
		skex_instances_leave(&peer->spent_left, peer->spent_instance);
		assert_int_equal(peer->spent_instance, agent_of(world, 0)->instance);
		if (starts == 1) {
			world_crash(world_agent(world, 0));
			world_start(world_agent(world, 0));
		}
		since_ms = world_now(world);
		use_up(world);
		while (!new_key_comes(world, 1))
			assert_true(world_now(world) - since_ms < DAY_MS + 600000);
		assert_int_equal(world_now(world) - since_ms > DAY_MS / 2, starts == 0);
	}
	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 32, 5000, &got));
	world_free(world);
}

/* ---- a state that is put back ------------------------------------------------------------------
 */

/* The operator's word at both ends of the legs of the first agent, with new pads. */
static void tend(struct world *world, uint32_t *generation)
{
	struct skex_problem problem;
	uint32_t hub;

	++*generation;
	for (hub = 0; hub < HUBS; hub++) {
		assert_int_equal(skex_hub_leg_resume(world_hub_of(world_hub(world, hub)),
					 &agent_of(world, 0)->name),
			SKEX_OK);
		assert_int_equal(
			skex_agent_leg_resume(agent_of(world, 0),
				world_hub_config(world_hub(world, hub))->name.text, &problem),
			SKEX_OK);
	}
	world_run(world, 5000);
	for (hub = 0; hub < HUBS; hub++)
		world_refill_as(world, hub, 0, *generation, REFILL);
}

/* The newest state of an initiator is put back after an older one was at work: hubs tell both. */
static void rule_the_newest_state_that_is_put_back_begins_anew(void **state)
{
	struct world *world = world_new(4, HUBS, K, 2, PAD_BYTES);
	struct world_node *node = world_agent(world, 0);
	struct disk *backup;
	struct disk *newest;
	uint32_t generation = 0;
	uint32_t first;
	uint32_t second;
	int i;

	(void)state;
	world_set_pools(world, 1, 4);
	exchange_key(world, 0, 1);
	first = agent_of(world, 0)->instance;
	backup = world_snapshot(node);
	for (i = 0; i < 50; i++)
		exchange_key(world, 0, 1);
	newest = world_snapshot(node);
	world_power_cut(node);
	world_restore(node, backup);
	world_start(node);
	world_run(world, 10000);
	second = agent_of(world, 0)->instance;
	assert_int_not_equal(second, first);

	world_power_cut(node);
	world_restore(node, newest);
	world_start(node);
	world_run(world, 10000);
	assert_int_not_equal(agent_of(world, 0)->instance, first);
	assert_int_not_equal(agent_of(world, 0)->instance, second);
	tend(world, &generation);
	assert_true(new_key_comes(world, 1));
	exchange_key(world, 0, 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_an_instance_between_that_comes_late_stops_nothing),
		cmocka_unit_test(rule_a_block_that_fails_late_brings_no_instance_back),
		cmocka_unit_test(rule_fewer_than_k_hubs_begin_no_instance),
		cmocka_unit_test(rule_a_hub_that_refuses_for_itself_hides_nothing),
		cmocka_unit_test(rule_one_peer_makes_no_other_forget_an_instance),
		cmocka_unit_test(rule_the_words_of_peers_begin_one_instance_a_day),
		cmocka_unit_test(who_says_the_truth_is_heard_within_a_day),
		cmocka_unit_test(rule_the_newest_state_that_is_put_back_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
