/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/tables.h"
#include "tests/sim/hostile.h"

/* What waits at a hub: it goes in the order of its expiry, and a long queue costs no more per
 * message than a short one. */

#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)

static const uint32_t forged_instance = 0x12345678;
static struct forged forged;
static uint64_t counter = 1;

static struct skex_hub *hub_of(struct world *world)
{
	return world_hub_of(world_hub(world, 0));
}

static struct skex_link *agent_link(struct world *world, uint8_t i)
{
	return &world_agent_of(world_agent(world, i))->link;
}

static struct hub_leg *hub_leg_of(struct world *world, uint8_t agent)
{
	return hostile_hub_leg(world, 0, agent)->owner_data;
}

/* Agent 0 gives hub 0 a share for agent 1, who need not be up; *range is where it stood. */
static void give(struct world *world, uint32_t lifetime_s, struct skex_pad_range *range)
{
	forged.common.first = (struct skex_block_id){forged_instance, counter++};
	forged.common.lifetime_s = lifetime_s;
	forged_give(world, &forged, 0, 0, range);
	world_run(world, 20);
}

static struct world *world_with_hub_only(uint64_t seed)
{
	struct world *world = world_new(seed, 2, 2, 2, PAD_BYTES);

	world_run(world, 1000);
	forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, counter++}, 1, PURPOSE);
	world_crash(world_agent(world, 1));
	world_run(world, 100);
	seen_watch(agent_link(world, 0));
	return world;
}

/* ---- expiry ------------------------------------------------------------------------------------
 */

static uint16_t refusal(struct world *world, struct skex_pad_range range)
{
	return seen_refusal(
		agent_link(world, 0), hostile_agent_leg(world, 0, 0)->record.leg, range);
}

/* Short-lived messages behind, before and between long-lived ones, over a restart of the hub. */
static void a_short_life_does_not_wait_for_a_long_one(void **state)
{
	static const uint32_t lives[] = {3600, 10, 7200, 30, 20, 3600, 10};
	const size_t count = sizeof(lives) / sizeof(lives[0]);
	struct skex_pad_range ranges[sizeof(lives) / sizeof(lives[0])];
	int restart;
	size_t i;

	(void)state;
	for (restart = 0; restart < 2; restart++) {
		struct world *world = world_with_hub_only((uint64_t)restart + 1);
		uint64_t end;

		for (i = 0; i < count; i++)
			give(world, lives[i], &ranges[i]);
		assert_int_equal(hub_leg_of(world, 1)->queue.count, count);
		if (restart) {
			world_crash(world_hub(world, 0));
			world_start(world_hub(world, 0));
			world_run(world, 5000);
		}
		end = world_now(world) + 40000;
		while (world_now(world) < end) {
			world_run(world, 500);
			/* Each within two seconds of its time. */
			for (i = 0; i + 1 < count && restart == 0; i++) {
				if (lives[i] < 100 &&
					world_now(world) > 1300 + lives[i] * 1000 + 3000)
					assert_int_equal(
						refusal(world, ranges[i]), SKEX_ACK_EXPIRED);
			}
		}
		for (i = 0; i < count; i++)
			assert_int_equal(
				refusal(world, ranges[i]), lives[i] < 100 ? SKEX_ACK_EXPIRED : 0);
		assert_int_equal(hub_leg_of(world, 1)->queue.count, 3);
		assert_int_equal(hub_of(world)->counters.expired, 4);
		/* What is left gets through. */
		world_start(world_agent(world, 1));
		seen_watch(agent_link(world, 1));
		world_run(world, 5000);
		assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), 3);
		assert_true(world_pads_intact(world));
		world_free(world);
	}
}

/* ---- no walks ----------------------------------------------------------------------------------
 */

/* Messages that were sent and not acknowledged stand before the next; who walks along them meets
 * the end of the list instead, for it is cut there. */
static void a_message_costs_no_walk_along_the_queue(void **state)
{
	struct world *world = world_with_hub_only(3);
	struct hub_waiting *first;
	struct hub_waiting *rest;
	struct hub_leg *leg;
	int i;

	(void)state;
	world_start(world_agent(world, 1));
	world_run(world, 5000);
	seen_watch(agent_link(world, 0));
	seen_watch(agent_link(world, 1));
	/* The responder cannot make them durable, and so does not acknowledge. */
	world_hold_disk(world_agent(world, 1), true);
	for (i = 0; i < 10; i++)
		give(world, 3600, NULL);
	leg = hub_leg_of(world, 1);
	assert_true(leg->queue.count >= 10);
	first = leg->queue.first;
	rest = first->next;
	first->next = NULL;
	for (i = 0; i < 10; i++)
		give(world, 3600, NULL);
	first->next = rest;
	assert_true(leg->queue.count >= 20);
	assert_null(leg->queue.unsent);
	assert_null(leg->queue.undurable);
	assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), 20);
	world_hold_disk(world_agent(world, 1), false);
	world_run(world, 1000);
	world_free(world);
}

/* Purged while the newest is not durable yet: the end of its commit finds nothing. */
static void a_purge_meets_what_is_not_durable(void **state)
{
	struct world *world = world_with_hub_only(4);
	const struct skex_name *name = &world_agent_config(world_agent(world, 1))->name;
	struct skex_pad_position purged;
	struct hub_leg *leg;

	(void)state;
	give(world, 3600, NULL);
	world_hold_disk(world_hub(world, 0), true);
	give(world, 3600, NULL);
	give(world, 3600, NULL);
	leg = hub_leg_of(world, 1);
	assert_int_equal(leg->queue.count, 3);
	assert_non_null(leg->queue.undurable);
	purged = leg->queue.undurable->at;
	assert_int_equal(skex_hub_purge(hub_of(world), name), SKEX_OK);
	give(world, 3600, NULL);
	/* And not the message that stands there now. */
	assert_null(hub_queue_durable(&leg->queue, purged));
	assert_non_null(leg->queue.undurable);
	world_hold_disk(world_hub(world, 0), false);
	world_run(world, 100);
	assert_int_equal(leg->queue.count, 1);
	assert_null(leg->queue.undurable);
	assert_int_equal(hub_of(world)->expiry.count, 1);
	world_free(world);
}

/* ---- bans --------------------------------------------------------------------------------------
 */

static enum skex_error count_one(void *owner, struct skex_view key, struct skex_view value)
{
	uint32_t *count = owner;

	(void)key;
	(void)value;
	++*count;
	return SKEX_OK;
}

static uint32_t stored(struct world *world)
{
	uint32_t count = 0;

	assert_int_equal(skex_store_each(hub_of(world)->link.store, SKEX_TABLE_QUEUE,
				 skex_view(NULL, 0), count_one, &count),
		SKEX_OK);
	return count;
}

/* What waits for an agent that is banned goes, in memory and in the store, and its sender is told;
 * also when the hub falls before it knows. */
static void what_waits_for_a_banned_agent_goes(void **state)
{
	const struct skex_name *name;
	struct skex_pad_range range;
	struct skex_member member;
	int falls;

	(void)state;
	for (falls = 0; falls < 2; falls++) {
		struct world *world = world_with_hub_only((uint64_t)falls + 11);
		struct skex_registry *registry = world_registry(world_hub(world, 0));

		name = &world_agent_config(world_agent(world, 1))->name;
		give(world, 3600, &range);
		assert_int_equal(stored(world), 1);
		assert_int_equal(skex_registry_member_get(registry, name, &member), SKEX_OK);
		member.state = SKEX_MEMBER_BANNED;
		assert_int_equal(skex_registry_member_put(registry, &member), SKEX_OK);
		if (falls) {
			world_crash(world_hub(world, 0));
			world_start(world_hub(world, 0));
		} else {
			assert_int_equal(skex_hub_member_changed(hub_of(world), name), SKEX_OK);
		}
		world_run(world, 2000);
		assert_int_equal(stored(world), 0);
		assert_int_equal(hub_of(world)->expiry.count, 0);
		if (!falls)
			assert_int_equal(refusal(world, range), SKEX_ACK_BANNED);
		world_free(world);
	}
}

/* ---- the heap ----------------------------------------------------------------------------------
 */

enum {
	WAITING_MAX = 3000
};

static void the_heap_gives_the_earliest(void **state)
{
	struct world *world = world_new(5, 2, 2, 2, 1u << 16); /* for its numbers */
	struct hub_waiting *all = calloc(WAITING_MAX, sizeof(*all));
	struct hub_expiry expiry = {0};
	uint32_t in = 0;
	uint32_t most = 0;
	int step;

	(void)state;
	assert_non_null(all);
	/* bytes is 1 for those that are in; it grows, then shrinks. */
	for (step = 0; step < 20000; step++) {
		struct hub_waiting *one = &all[world_below(world, WAITING_MAX)];
		const bool add = world_below(world, 10) < (step < 10000 ? 8 : 1);

		if (add && one->bytes == 0) {
			one->expires_ms = world_below(world, 500);
			assert_int_equal(hub_expiry_add(&expiry, one), SKEX_OK);
			one->bytes = 1;
			in++;
		} else if (!add && one->bytes == 1) {
			hub_expiry_remove(&expiry, one);
			one->bytes = 0;
			in--;
		}
		assert_int_equal(expiry.count, in);
		most = expiry.room > most ? expiry.room : most;
		if (step % 50 == 0) {
			uint64_t earliest = UINT64_MAX;
			size_t i;

			for (i = 0; i < WAITING_MAX; i++) {
				if (all[i].bytes == 1 && all[i].expires_ms < earliest)
					earliest = all[i].expires_ms;
			}
			assert_int_equal(
				in == 0 ? UINT64_MAX : hub_expiry_first(&expiry)->expires_ms,
				earliest);
		}
	}
	while (hub_expiry_first(&expiry) != NULL) {
		struct hub_waiting *one = hub_expiry_first(&expiry);

		hub_expiry_remove(&expiry, one);
		assert_true(hub_expiry_first(&expiry) == NULL ||
			hub_expiry_first(&expiry)->expires_ms >= one->expires_ms);
	}
	assert_true(most > 1000 && expiry.room < 200);
	hub_expiry_clear(&expiry);
	free(all);
	world_free(world);
}

/* ---- order -------------------------------------------------------------------------------------
 */

/* An agent crashes with a share that it did not write down, another one is queued while it is away:
 * it gets both, the older one first.  Otherwise that is a replay when it comes. */
static void what_was_sent_before_comes_before_what_is_new(void **state)
{
	struct world *world = world_new(13, 2, 2, 2, PAD_BYTES);
	struct skex_pad_range range;
	struct hub_leg *leg;
	int life;

	(void)state;
	world_run(world, 1000);
	forge(world, &forged, 0, 1, (struct skex_block_id){forged_instance, counter++}, 1, PURPOSE);
	for (life = 0; life < 3; life++) {
		/* Sent on this connection, and kept until the agent can do something with it. */
		give(world, 600, &range);
		world_run(world, 200);
		world_crash(world_agent(world, 1));
		world_run(world, 100);
		give(world, 600, &range);
		leg = hub_leg_of(world, 1);
		assert_int_equal(leg->queue.count, 2 + 2 * life);
		world_start(world_agent(world, 1));
		seen_watch(agent_link(world, 1));
		world_run(world, 3000);
		assert_int_equal(
			seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), 2 + 2 * life);
	}
	world_free(world);
}

/* Between two sweeps a hub does its work without the list of its legs: no message makes it go along
 * them, however many there are. */
static void rule_a_message_walks_along_no_legs(void **state)
{
	struct world *world = world_new(14, 3, 2, 2, PAD_BYTES);
	struct skex_leg *legs[3][SKEX_LEG_LISTS];
	struct skex_link *link;
	uint32_t i;

	(void)state;
	world_run(world, 2000);
	exchange_key(world, 0, 1);
	for (i = 0; i < 3; i++) {
		link = &world_hub_of(world_hub(world, (uint8_t)i))->link;
		memcpy(legs[i], link->legs, sizeof(legs[i]));
		assert_non_null(legs[i][SKEX_LEGS_LOADED]);
		memset(link->legs, 0, sizeof(link->legs));
		link->sweep_ms = UINT64_MAX;
		world_hub_of(world_hub(world, (uint8_t)i))->sweep_ms = UINT64_MAX;
	}
	for (i = 0; i < 50; i++)
		exchange_key(world, (uint8_t)(i % 2), (uint8_t)(1 - i % 2));
	for (i = 0; i < 3; i++) {
		link = &world_hub_of(world_hub(world, (uint8_t)i))->link;
		assert_null(link->legs[SKEX_LEGS_LOADED]);
		memcpy(link->legs, legs[i], sizeof(legs[i]));
		link->sweep_ms = 0;
		world_hub_of(world_hub(world, (uint8_t)i))->sweep_ms = 0;
	}
	world_run(world, 5000);
	exchange_key(world, 0, 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_message_walks_along_no_legs),
		cmocka_unit_test(what_was_sent_before_comes_before_what_is_new),
		cmocka_unit_test(a_short_life_does_not_wait_for_a_long_one),
		cmocka_unit_test(a_message_costs_no_walk_along_the_queue),
		cmocka_unit_test(a_purge_meets_what_is_not_durable),
		cmocka_unit_test(what_waits_for_a_banned_agent_goes),
		cmocka_unit_test(the_heap_gives_the_earliest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
