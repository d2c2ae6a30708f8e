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

/* A disk that is slower than the network: the daemon slows down, and loses and refuses nothing. */

#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)
#define BLOCKS    8u
#define MESSAGES  200u
#define ONE       4096u /* more than one message, and what is kept about it */
#define HIGH      (32u << 10)
#define LOW       (8u << 10)

static const uint32_t forged_instance = 0x12345678;

static struct skex_link *hub_link(struct world *world)
{
	return &world_hub_of(world_hub(world, 0))->link;
}

static struct skex_link *agent_link(struct world *world, uint8_t i)
{
	return &world_agent_of(world_agent(world, i))->link;
}

static uint64_t load(struct world *world)
{
	return skex_commit_load(&hub_link(world)->commit) + hub_link(world)->posted;
}

/* One in which little is much. */
static struct world *small_world(uint64_t seed)
{
	struct world *world = world_new(seed, 2, 2, 2, PAD_BYTES);

	world_hub_config(world_hub(world, 0))->unacknowledged_bytes = 64u << 20;
	world_run(world, 1000);
	hub_link(world)->load_high = HIGH;
	hub_link(world)->load_low = LOW;
	return world;
}

/* Agent 0 sends more than the hub may hold; *most is what it ever held. */
static void flood(struct world *world, uint64_t *most)
{
	static struct forged forged;
	uint64_t counter;

	for (counter = 0; counter < MESSAGES; counter++) {
		forge(world, &forged, 0, 1,
			(struct skex_block_id){forged_instance, 1 + counter * BLOCKS}, BLOCKS,
			PURPOSE);
		forged_give(world, &forged, 0, 0, NULL);
		/* Some come alone and some together. */
		world_run(world, counter % 3 == 0 ? 4 : 0);
		assert_true(world_is_up(world_hub(world, 0)));
		*most = load(world) > *most ? load(world) : *most;
	}
}

static void all_arrived(struct world *world)
{
	uint32_t refused = 0;

	assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), MESSAGES);
	/* A hub takes the blocks of a pair in their order only. */
	refused += seen_count(agent_link(world, 0), SKEX_MESSAGE_ACK);
	assert_int_equal(refused, 0);
	assert_true(world_pads_intact(world));
}

static void a_slow_disk_slows_the_network(void **state)
{
	struct world *world = small_world(1);
	uint64_t most = 0;

	(void)state;
	seen_watch(agent_link(world, 0));
	seen_watch(agent_link(world, 1));
	world_hold_disk(world_hub(world, 0), true);
	flood(world, &most);
	world_run(world, 40000);
	most = load(world) > most ? load(world) : most;
	assert_true(hub_link(world)->paused);
	assert_true(most > HIGH && most < HIGH + ONE);
	assert_int_equal(seen_count(agent_link(world, 1), SKEX_MESSAGE_SHARE), 0);

	/* What TCP held comes at once, and is more than may be taken at once. */
	world_hold_disk(world_hub(world, 0), false);
	world_run(world, 5000);
	assert_false(hub_link(world)->paused);
	assert_true(hub_link(world)->pauses > 2);
	all_arrived(world);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	world_free(world);
}

/* The hub dies while it holds back: what it had taken and not made durable is sent again. */
static void a_death_while_paused_repeats_no_pad(void **state)
{
	struct world *world = small_world(2);
	uint64_t most = 0;

	(void)state;
	world_hold_disk(world_hub(world, 0), true);
	flood(world, &most);
	assert_true(hub_link(world)->paused);
	world_power_cut(world_hub(world, 0));
	world_hold_disk(world_hub(world, 0), false);
	world_run(world, 100);
	world_start(world_hub(world, 0));
	world_run(world, 40000);
	exchange_key(world, 0, 1);
	assert_true(world_pads_intact(world));
	world_free(world);
}

/* ---- the commit --------------------------------------------------------------------------------
 */

struct told {
	uint32_t next;
	uint32_t wrong;
};

struct one {
	struct told *told;
	uint32_t number;
};

static void tell(void *owner, enum skex_error error)
{
	struct one *one = owner;

	one->told->wrong += error != SKEX_OK || one->number != one->told->next;
	one->told->next++;
	free(one);
}

static void put(struct skex_commit *commit, struct told *told, uint32_t number)
{
	static const uint8_t large[SKEX_STORE_VALUE_MAX];
	const struct skex_view value = skex_view(large, sizeof(large));
	uint8_t key[4] = {0xff, 0, 0, (uint8_t)number};
	struct skex_txn *txn = skex_commit_txn(commit);
	struct one *one = malloc(sizeof(*one));

	assert_non_null(txn);
	assert_non_null(one);
	*one = (struct one){told, number};
	skex_txn_put(
		txn, commit->store, SKEX_TABLE_COUNTER, skex_view(key, sizeof(key)), &value, 1);
	skex_commit_after(commit, tell, one);
	skex_commit_flush(commit);
}

/* More than the store takes: it waits its turn, and stops nothing. */
static void what_the_store_cannot_take_waits(void **state)
{
	const uint32_t count = SKEX_STORE_PENDING_MAX / SKEX_STORE_VALUE_MAX + 4;
	struct world *world = world_new(3, 2, 2, 2, 1u << 16);
	struct skex_commit *commit;
	struct told told = {0};
	uint32_t i;

	(void)state;
	world_run(world, 1000);
	commit = &hub_link(world)->commit;
	world_hold_disk(world_hub(world, 0), true);
	for (i = 0; i < count; i++)
		put(commit, &told, i);
	world_run(world, 1000);
	assert_true(world_is_up(world_hub(world, 0)));
	assert_int_equal(commit->failed, SKEX_OK);
	assert_int_equal(told.next, 0);
	/* An orderly stop waits for all of it. */
	assert_int_equal(skex_commit_settle(commit), SKEX_OK);
	assert_int_equal(told.next, count);
	assert_int_equal(told.wrong, 0);
	assert_int_equal(commit->failed, SKEX_OK);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_disk_slows_the_network),
		cmocka_unit_test(a_death_while_paused_repeats_no_pad),
		cmocka_unit_test(what_the_store_cannot_take_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
