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
#include "store/tables.h"
#include "tests/sim/hostile.h"

/* What an agent keeps and spends is bounded (docs/spec/rules.md), whoever asks for more. */

#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)

static const char *name_of(struct world *world, uint8_t i)
{
	return world_agent_config(world_agent(world, i))->name.text;
}

static struct agent_pool *pool_of(
	struct world *world, uint8_t at, uint8_t peer, enum agent_side side, const char *purpose)
{
	struct agent_peer *found = agent_peer_find(
		agent_of(world, at), &world_agent_config(world_agent(world, peer))->name);

	assert_non_null(found);
	return agent_pool_find(found, side, purpose);
}

static struct skex_key_request request_to(struct world *world, uint8_t peer, uint32_t wait_ms)
{
	struct skex_key_request request = {0};

	request.peer = name_of(world, peer);
	request.purpose = PURPOSE;
	request.bytes = 32;
	request.count = 1;
	request.require_confirmed = true;
	request.wait_ms = wait_ms;
	return request;
}

/* ---- what requests want ------------------------------------------------------------------------
 */

static void ignore(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	uint32_t *answers = owner;

	(void)problem;
	(void)keys;
	(void)count;
	(*answers)++;
}

/* Half a megabyte is asked of a peer that is away, and then nobody wants it any more. */
static void rule_what_nobody_waits_for_is_not_made(void **state)
{
	int cancelled;

	(void)state;
	for (cancelled = 0; cancelled < 2; cancelled++) {
		struct world *world = world_new(1, 3, 2, 2, PAD_BYTES);
		struct skex_key_request request = request_to(world, 1, cancelled ? 60000 : 1000);
		struct agent_pool *pool;
		struct skex_problem problem;
		uint32_t answers = 0;
		uint64_t ticket;

		world_run(world, 1000);
		world_crash(world_agent(world, 1));
		request.bytes = 4096;
		request.count = 128;
		assert_int_equal(skex_agent_get(agent_of(world, 0), &request, ignore, &answers,
					 &ticket, &problem),
			SKEX_OK);
		world_run(world, 500);
		pool = pool_of(world, 0, 1, AGENT_INITIATOR, PURPOSE);
		assert_true(pool->wanted_bytes >= 128 * 4096);
		if (cancelled)
			skex_agent_cancel(agent_of(world, 0), ticket);
		else
			world_run(world, 5000);
		assert_int_equal(answers, !cancelled);
		assert_int_equal(pool->wanted_bytes, 0);
		/* What was begun for it comes to its end; the pool is filled as usual then. */
		world_run(world, 40000);
		world_start(world_agent(world, 1));
		world_run(world, 70000);
		assert_in_range(pool->ready_bytes, 16 * 32, 2 * 8 * pool->block_bytes);
		world_free(world);
	}
}

/* ---- lifetime ----------------------------------------------------------------------------------
 */

#define LIFETIME_S 5u

static uint64_t wall(struct world *world)
{
	return agent_wall(agent_of(world, 0));
}

/* A pool with keys in memory, and nobody to make more with; both ends at `ms` after the end of
 * their block, or a little before when ms is below 0. */
static struct world *with_old_keys(uint64_t seed, int ms, struct world_key *unfetched)
{
	struct world *world = world_new(seed, 3, 2, 2, PAD_BYTES);
	const struct agent_piece *stride;
	const struct agent_pool *pool;
	uint64_t until = 0;
	uint32_t i;

	world_agent_config(world_agent(world, 0))->pool.lifetime_s = LIFETIME_S;
	world_set_pools(world, 1, 1);
	world_run(world, 1000);
	assert_true(world_get(
		world, world_agent(world, 0), world_agent(world, 1), PURPOSE, 16, 3000, unfetched));
	world_run(world, 200); /* what was begun is there */
	pool = pool_of(world, 0, 1, AGENT_INITIATOR, PURPOSE);
	assert_non_null(pool->strides);
	for (stride = pool->strides; stride != NULL; stride = stride->next)
		until = stride->expires_wall_ms > until ? stride->expires_wall_ms : until;
	for (i = 0; i < pool->batches_count; i++)
		until = pool->batches[i]->expires_wall_ms > until
			? pool->batches[i]->expires_wall_ms
			: until;
	until += (uint64_t)(int64_t)ms;
	assert_in_range(until, wall(world), wall(world) + LIFETIME_S * 1000 + 1000);
	/* Blocks that are made later expire later: none are. */
	world_crash(world_hub(world, 0));
	world_crash(world_hub(world, 1));
	world_run(world, until - wall(world));
	return world;
}

static void rule_an_expired_key_is_not_handed_out(void **state)
{
	struct skex_key_request request;
	struct world_key unfetched;
	struct agent_pool *pool;
	struct world *world;
	uint64_t seed;
	int ms;

	(void)state;
	world = with_old_keys(7, -100, &unfetched);
	request = request_to(world, 1, 0);
	request.bytes = 16;
	assert_true(ask_key(world, world_agent(world, 0), &request).good);
	assert_true(fetch_any(world, 1, 0, PURPOSE, unfetched.id).good);
	world_free(world);
	/* At once, before anybody cleans up, and at the other end. */
	for (ms = 0, seed = 8; ms < 2; ms++, seed++) {
		world = with_old_keys(seed, ms, &unfetched);
		request = request_to(world, 1, 0);
		request.bytes = 16;
		assert_string_equal(
			ask_key(world, world_agent(world, 0), &request).code, "pool_empty");
		assert_null(pool_of(world, 0, 1, AGENT_INITIATOR, PURPOSE)->strides);
		world_free(world);
	}
	world = with_old_keys(10, 100, &unfetched);
	assert_string_equal(fetch_any(world, 1, 0, PURPOSE, unfetched.id).code, "unknown_key");
	/* And without anybody who asks they are gone. */
	world_run(world, 1000);
	pool = pool_of(world, 0, 1, AGENT_INITIATOR, PURPOSE);
	assert_null(pool->strides);
	assert_int_equal(pool->ready_bytes, 0);
	world_free(world);
}

/* The first keys of a request are there, the rest comes after these have expired. */
static void rule_keys_that_wait_for_others_expire(void **state)
{
	struct world_key unfetched;
	struct world *world = with_old_keys(11, -100, &unfetched);
	struct skex_key_request request = request_to(world, 1, 30000);
	struct skex_problem problem;
	uint32_t answers = 0;
	uint64_t ticket;

	(void)state;
	request.bytes = 16;
	request.count = 100;
	assert_int_equal(
		skex_agent_get(agent_of(world, 0), &request, ignore, &answers, &ticket, &problem),
		SKEX_OK);
	world_run(world, 50);
	assert_true(agent_of(world, 0)->requests->done > 0);
	world_run(world, 1100); /* a turn after that */
	assert_int_equal(agent_of(world, 0)->requests->done, 0);
	assert_int_equal(answers, 0);
	world_free(world);
}

/* ---- class -------------------------------------------------------------------------------------
 */

static uint64_t accepted(struct world *world, uint8_t i)
{
	struct skex_agent_counters counters;

	skex_agent_counters(agent_of(world, i), &counters);
	return counters.blocks_accepted;
}

/* Through all hubs, so that nothing but policy can stand against it. */
static void tell_all(struct world *world, const struct forged *forged, uint8_t to)
{
	uint8_t i;

	for (i = 0; i < 3; i++)
		forged_tell(world, forged, i, to, NULL);
	world_run(world, 1000);
}

/* The initiator says that its legs are computational; or the responder's own leg is. */
static void rule_its_is_required_of_what_comes_in(void **state)
{
	struct world *world = world_new(20, 3, 2, 2, PAD_BYTES);
	struct world_node *bob = world_agent(world, 1);
	static struct forged forged;

	(void)state;
	world_agent_config(bob)->require_its = true;
	world_run(world, 1000);
	forge(world, &forged, 0, 1, (struct skex_block_id){1, 1}, 1, PURPOSE);
	forged.common.class_initiator = SKEX_CLASS_COMPUTATIONAL;
	tell_all(world, &forged, 1);
	assert_int_equal(accepted(world, 1), 0);
	assert_int_equal(world_events(bob, "share_refused", NULL), 3);
	assert_null(pool_of(world, 1, 0, AGENT_RESPONDER, PURPOSE));
	/* One that is its is taken, until a leg here is not any more. */
	forged.common.class_initiator = SKEX_CLASS_ITS;
	tell_all(world, &forged, 1);
	assert_int_equal(accepted(world, 1), 1);
	lower_leg(world, 1, 2);
	world_run(world, 35000);
	forge(world, &forged, 0, 1, (struct skex_block_id){1, 2}, 1, PURPOSE);
	tell_all(world, &forged, 1);
	assert_int_equal(accepted(world, 1), 0); /* since its start */
	assert_int_equal(world_events(bob, "share_refused", NULL), 3);
	world_agent_config(bob)->require_its = false;
	tell_all(world, &forged, 1);
	assert_int_equal(accepted(world, 1), 1);
	world_free(world);
}

/* The initiator learns only from the confirmation that the responder's legs are not its. */
static void rule_its_is_required_of_the_confirmation(void **state)
{
	struct world *world = world_new(21, 3, 2, 2, PAD_BYTES);
	struct skex_key_request request = request_to(world, 1, 3000);

	(void)state;
	world_agent_config(world_agent(world, 0))->require_its = true;
	world_run(world, 1000);
	lower_leg(world, 1, 2);
	world_run(world, 35000);
	assert_string_equal(ask_key(world, world_agent(world, 0), &request).code, "pool_empty");
	assert_true(accepted(world, 1) > 0);
	assert_int_equal(pool_of(world, 0, 1, AGENT_INITIATOR, PURPOSE)->batches_count, 0);
	assert_true(world_events(world_agent(world, 0), "block_failed", NULL) > 0);
	world_agent_config(world_agent(world, 0))->require_its = false;
	world_run(world, 60000);
	assert_true(ask_key(world, world_agent(world, 0), &request).good);
	world_free(world);
}

/* ---- peers that are no more --------------------------------------------------------------------
 */

struct holding {
	const char *name;
	uint32_t count;
};

static enum skex_error count_holding(void *owner, struct skex_view key, struct skex_view value)
{
	struct holding *holding = owner;
	const size_t size = strlen(holding->name);
	size_t i;

	(void)value;
	for (i = 0; i + size <= key.size; i++) {
		if (memcmp(key.data + i, holding->name, size) == 0) {
			holding->count++;
			break;
		}
	}
	return SKEX_OK;
}

/* How many records with this name in their key are durable. */
static uint32_t records(struct world *world, uint8_t at, uint8_t table, const char *name)
{
	struct holding holding = {name, 0};

	assert_int_equal(skex_store_each(agent_of(world, at)->link.store, table, skex_view(NULL, 0),
				 count_holding, &holding),
		SKEX_OK);
	return holding.count;
}

/* The agent starts again, and knows only the first peers of its configuration. */
static void restart_with_peers(struct world *world, uint8_t at, size_t peers)
{
	world_crash(world_agent(world, at));
	world_agent_config(world_agent(world, at))->peers_count = peers;
	world_start(world_agent(world, at));
	world_run(world, 35000);
}

/* An agent that was a peer is none any more, and later it is one again: keys with it are gone, and
 * no old block comes to life. */
static void rule_who_is_no_peer_leaves_nothing_but_what_is_spent(void **state)
{
	static const uint8_t tables[] = {SKEX_TABLE_BATCH, SKEX_TABLE_PIECE, SKEX_TABLE_CONFIRM};
	struct world *world = world_new(30, 3, 2, 3, PAD_BYTES);
	static struct forged forged;
	uint8_t id[SKEX_KEY_ID_BYTES];
	struct world_key key;
	uint32_t kept;
	size_t i;

	(void)state;
	world_run(world, 1000);
	/* Agent 1 of agents 0 and 2, its peers in this order. */
	assert_true(world_get(
		world, world_agent(world, 1), world_agent(world, 2), PURPOSE, 32, 3000, &key));
	assert_true(world_get(
		world, world_agent(world, 1), world_agent(world, 0), PURPOSE, 32, 3000, &key));
	forge(world, &forged, 2, 1, (struct skex_block_id){0x12345678, 5}, 1, PURPOSE);
	tell_all(world, &forged, 1);
	assert_int_equal(accepted(world, 1), 1);
	for (i = 0; i < sizeof(tables); i++)
		assert_true(records(world, 1, tables[i], "agent3") > 0);
	kept = records(world, 1, SKEX_TABLE_PIECE, "agent1");
	assert_true(kept > 0);

	restart_with_peers(world, 1, 1);
	for (i = 0; i < sizeof(tables); i++)
		assert_int_equal(records(world, 1, tables[i], "agent3"), 0);
	assert_int_equal(records(world, 1, SKEX_TABLE_PIECE, "agent1"), kept);
	assert_int_equal(records(world, 1, SKEX_TABLE_SPENT, "agent3"), 1);
	assert_int_equal(world_events(world_agent(world, 1), "keys_removed", NULL), 1);

	restart_with_peers(world, 1, 2);
	assert_int_equal(world_events(world_agent(world, 1), "keys_removed", NULL), 0);
	tell_all(world, &forged, 1);
	assert_int_equal(accepted(world, 1), 0);
	forged_key_id(&forged, 0, id);
	assert_false(fetch_any(world, 1, 2, PURPOSE, id).good);
	/* New ones are made as ever. */
	assert_true(world_get(
		world, world_agent(world, 1), world_agent(world, 2), PURPOSE, 32, 3000, &key));
	world_free(world);
}

/* ---- purposes ----------------------------------------------------------------------------------
 */

/* One block of a purpose that nobody used before, through all hubs. */
static void invent(struct world *world, uint64_t counter)
{
	static struct forged forged;
	char purpose[32];
	uint8_t i;

	(void)snprintf(purpose, sizeof(purpose), "app:%u", (unsigned)counter);
	forge(world, &forged, 0, 1, (struct skex_block_id){0x12345678, counter}, 1, purpose);
	forged.common.lifetime_s = 20;
	for (i = 0; i < 3; i++)
		forged_tell(world, &forged, i, 1, NULL);
	world_run(world, 5);
}

/* An initiator invents purposes; every one of them is accepted by policy. */
static void rule_a_peer_has_so_many_purposes(void **state)
{
	struct world *world = world_new(40, 3, 2, 3, PAD_BYTES);
	struct world_node *bob = world_agent(world, 1);
	static struct forged more;
	static struct forged other;
	struct agent_peer *alice;
	struct world_key key;
	uint64_t counter;

	(void)state;
	world_agent_config(bob)->pool.idle_s = 30;
	world_run(world, 1000);
	alice = agent_peer_find(
		agent_of(world, 1), &world_agent_config(world_agent(world, 0))->name);
	for (counter = 0; counter < AGENT_POOLS_MAX - 1; counter++)
		invent(world, counter);
	/* Two that begin while there is one place. */
	forge(world, &more, 0, 1, (struct skex_block_id){0x12345678, counter++}, 1, "app:last");
	more.common.lifetime_s = 20;
	forged_tell(world, &more, 0, 1, NULL);
	forge(world, &other, 0, 1, (struct skex_block_id){0x12345678, counter++}, 1, "app:late");
	forged_tell(world, &other, 0, 1, NULL);
	world_run(world, 100);
	forged_tell(world, &more, 1, 1, NULL);
	forged_tell(world, &other, 1, 1, NULL);
	world_run(world, 100);
	assert_int_equal(accepted(world, 1), AGENT_POOLS_MAX);
	assert_int_equal(alice->pools_counts[AGENT_RESPONDER], AGENT_POOLS_MAX);
	assert_null(pool_of(world, 1, 0, AGENT_RESPONDER, "app:late"));
	assert_int_equal(world_events(bob, "share_refused", NULL), 1);
	for (; counter < AGENT_POOLS_MAX + 11; counter++)
		invent(world, counter);
	world_run(world, 1000);
	assert_int_equal(accepted(world, 1), AGENT_POOLS_MAX);
	assert_int_equal(agent_of(world, 1)->counters.shares_refused, 31);
	assert_int_equal(alice->pools_counts[AGENT_RESPONDER], AGENT_POOLS_MAX);
	/* Nobody else is hindered, nor what is there already. */
	assert_true(world_get(world, world_agent(world, 2), bob, PURPOSE, 32, 3000, &key));
	forge(world, &more, 0, 1, (struct skex_block_id){0x12345678, counter++}, 1, "app:7");
	more.common.lifetime_s = 20;
	tell_all(world, &more, 1);
	assert_int_equal(pool_of(world, 1, 0, AGENT_RESPONDER, "app:7")->batches_count, 2);
	/* What is empty and idle goes, and new ones are taken again. */
	world_run(world, 60000);
	assert_int_equal(alice->pools_counts[AGENT_RESPONDER], 0);
	assert_null(pool_of(world, 1, 0, AGENT_RESPONDER, "app:0"));
	assert_non_null(pool_of(world, 1, 2, AGENT_RESPONDER, PURPOSE)); /* it has keys */
	invent(world, counter);
	world_run(world, 1000);
	assert_int_equal(alice->pools_counts[AGENT_RESPONDER], 1);
	world_free(world);
}

/* The same of applications here. */
static void rule_purposes_are_bounded_at_both_ends(void **state)
{
	struct world *world = world_new(41, 3, 2, 2, PAD_BYTES);
	struct skex_key_request request = request_to(world, 1, 100);
	struct agent_peer *bob;
	struct skex_problem problem;
	char purpose[32];
	uint32_t answers = 0;
	uint64_t ticket;
	uint32_t i;

	(void)state;
	world_agent_config(world_agent(world, 0))->pool.idle_s = 30;
	world_agent_config(world_agent(world, 0))->pool.reserve_keys = 0;
	world_run(world, 1000);
	world_crash(world_agent(world, 1));
	request.purpose = purpose;
	for (i = 0; i <= AGENT_POOLS_MAX; i++) {
		(void)snprintf(purpose, sizeof(purpose), "app:%u", i);
		request.wait_ms = i == 0 ? 100000 : 100; /* one waits for long */
		assert_int_equal(skex_agent_get(agent_of(world, 0), &request, ignore, &answers,
					 &ticket, &problem),
			i < AGENT_POOLS_MAX ? SKEX_OK : SKEX_E_QUOTA);
	}
	assert_string_equal(problem.code, "too_many_purposes");
	bob = agent_peer_find(agent_of(world, 0), &world_agent_config(world_agent(world, 1))->name);
	assert_int_equal(bob->pools_counts[AGENT_INITIATOR], AGENT_POOLS_MAX);
	world_run(world, 99000);
	assert_int_equal(answers, AGENT_POOLS_MAX - 1);
	assert_in_range(bob->pools_counts[AGENT_INITIATOR], 1, 4);
	assert_non_null(pool_of(world, 0, 1, AGENT_INITIATOR, "app:0"));
	world_run(world, 60000);
	assert_int_equal(answers, AGENT_POOLS_MAX);
	assert_int_equal(bob->pools_counts[AGENT_INITIATOR], 0);
	assert_int_equal(
		skex_agent_get(agent_of(world, 0), &request, ignore, &answers, &ticket, &problem),
		SKEX_OK);
	world_free(world);
}

/* ---- what is told ------------------------------------------------------------------------------
 */

struct told {
	uint32_t count;
	char last[AGENT_WHY_TEXT];
};

static void count_told(void *owner, const struct skex_agent_event *event)
{
	struct told *told = owner;

	told->count++;
	snprintf(told->last, sizeof(told->last), "%s", event->text);
}

/* A peer that causes the same event all the time fills no log, and hides nobody else's events. */
static void rule_one_cause_does_not_fill_the_log(void **state)
{
	struct world *world = world_new(60, 2, 2, 2, PAD_BYTES);
	struct skex_agent *agent = agent_of(world, 0);
	struct told told = {0};
	uint64_t watch;
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	assert_int_equal(skex_agent_watch(agent, count_told, &told, &watch), SKEX_OK);
	for (i = 0; i < 1000; i++)
		agent_event(agent, SKEX_LEVEL_NOTICE, "share_refused", "mallory", "hub1", "no");
	assert_int_equal(told.count, AGENT_EVENT_MOST);
	agent_event(agent, SKEX_LEVEL_NOTICE, "share_refused", "bob", "hub1", "no");
	agent_event(agent, SKEX_LEVEL_NOTICE, "share_refused", "mallory", "hub2", "no");
	agent_event(agent, SKEX_LEVEL_NOTICE, "block_failed", "mallory", "hub1", "no");
	assert_int_equal(told.count, AGENT_EVENT_MOST + 3);
	world_run(world, AGENT_EVENT_SPAN_MS);
	told.count = 0;
	agent_event(agent, SKEX_LEVEL_NOTICE, "share_refused", "mallory", "hub1", "no");
	assert_int_equal(told.count, 1);
	assert_string_equal(told.last, "no (and 990 more before)");
	agent_event(agent, SKEX_LEVEL_NOTICE, "share_refused", "mallory", "hub1", "no");
	assert_string_equal(told.last, "no");
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_what_nobody_waits_for_is_not_made),
		cmocka_unit_test(rule_an_expired_key_is_not_handed_out),
		cmocka_unit_test(rule_keys_that_wait_for_others_expire),
		cmocka_unit_test(rule_its_is_required_of_what_comes_in),
		cmocka_unit_test(rule_its_is_required_of_the_confirmation),
		cmocka_unit_test(rule_who_is_no_peer_leaves_nothing_but_what_is_spent),
		cmocka_unit_test(rule_a_peer_has_so_many_purposes),
		cmocka_unit_test(rule_purposes_are_bounded_at_both_ends),
		cmocka_unit_test(rule_one_cause_does_not_fill_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
