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
#include "link/internal.h"
#include "tests/sim/disk.h"
#include "tests/sim/hostile.h"

/*
 * The rules of states from the past at an agent (docs/spec/rules.md): what hubs that lie about it
 * can do to its pools, and what they cannot.
 */
#define PURPOSE   "app:test"
#define PAD_BYTES (12u << 20) /* more than what can be in flight */
#define AWAY_MS   40000u
#define AHEAD     (4u << 20) /* more than is reserved */

enum lie {
	MARKS,  /* the hub says that it received what was never sent */
	GOODBYE /* it says that the marks contradict */
};

static struct asked get_key(struct world *world)
{
	struct skex_key_request request = {0};

	request.peer = world_agent_config(world_agent(world, 1))->name.text;
	request.purpose = PURPOSE;
	request.bytes = 32;
	request.count = 1;
	request.require_confirmed = true;
	request.wait_ms = 200;
	return ask_key(world, world_agent(world, 0), &request);
}

/* Three hubs, two of them needed, and pools that are full. */
static struct world *filled_world(uint64_t seed)
{
	struct world *world = world_new(seed, 3, 2, 2, PAD_BYTES);

	world_run(world, 1000);
	exchange_key(world, 0, 1);
	world_run(world, 2000);
	return world;
}

/* What lies in the pools of the first agent towards another. */
static uint64_t ready(struct world *world, uint8_t peer)
{
	struct skex_agent *agent = world_agent_of(world_agent(world, 0));
	const struct agent_pool *pool =
		agent_peer_find(agent, &world_agent_config(world_agent(world, peer))->name)->pools;
	uint64_t bytes = 0;

	for (; pool != NULL; pool = pool->next)
		bytes += pool->ready_bytes;
	return bytes;
}

/* The hub says to the first agent, with all keys that a hub has, that its state is from the past.
 */
static void claim(struct world *world, uint8_t hub, enum lie lie)
{
	struct skex_leg *leg = hostile_hub_leg(world, hub, 0);

	assert_int_equal(leg->state, SKEX_LEG_UP);
	if (lie == GOODBYE) {
		skex_leg_bye(leg, SKEX_BYE_ROLLBACK);
	} else {
		leg->rx_durable.offset = leg->rx.mark.offset + AHEAD;
		connection_close(leg->connection, "to say it in a HELLO");
	}
	world_run(world, 3000);
}

static void hubs_away(struct world *world)
{
	uint8_t i;

	for (i = 0; i < 3; i++)
		world_crash(world_hub(world, i));
	world_run(world, 1000);
}

/* It stops its own leg, the operator is told, and the pools stay, over a restart too. */
static void rule_one_hub_cannot_empty_the_pools(void **state)
{
	enum lie lie;

	(void)state;
	for (lie = MARKS; lie <= GOODBYE; lie++) {
		struct world *world = filled_world(lie + 1u);
		struct world_node *agent = world_agent(world, 0);
		const uint64_t before = ready(world, 1);
		struct world_key key;

		assert_true(before >= 1024);
		claim(world, 0, lie);
		assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_STOPPED);
		assert_int_equal(world_events(agent, "rollback", "hub1"), 1);
		assert_int_equal(world_events(agent, "pools_emptied", NULL), 0);
		world_run(world, AWAY_MS);
		assert_true(ready(world, 1) >= before);
		/* And they are good for keys: hubs are not needed. */
		hubs_away(world);
		assert_true(world_get(world, agent, world_agent(world, 1), PURPOSE, 32, 0, &key));
		world_crash(agent);
		world_start(agent);
		world_run(world, 5000);
		assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_STOPPED);
		assert_int_equal(world_events(agent, "pools_emptied", NULL), 0);
		assert_true(ready(world, 1) > 0);
		world_free(world);
	}
}

/* One of k is honest: the pools go, whatever crashes meanwhile, and what is made after it stays. */
static void rule_k_hubs_empty_the_pools(void **state)
{
	unsigned row;

	(void)state;
	for (row = 0; row < 4; row++) {
		struct world *world = filled_world(row + 11);
		struct world_node *agent = world_agent(world, 0);
		const uint32_t instance = world_agent_of(agent)->instance;
		struct world_key key;

		claim(world, 0, MARKS);
		if (row > 0)
			disk_stop_after(world_disk(agent), row - 1);
		claim(world, 1, row % 2 == 0 ? MARKS : GOODBYE);
		if (row > 0) {
			world_crash(agent);
			world_start(agent);
			world_run(world, 3000);
		}
		assert_int_equal(world_events(agent, "pools_emptied", NULL), 1);
		assert_int_equal(ready(world, 1), 0);
		assert_int_not_equal(world_agent_of(agent)->instance, instance);
		assert_false(world_get(world, agent, world_agent(world, 1), PURPOSE, 32, 0, &key));
		assert_true(world_pads_intact(world));
		world_free(world);
	}
}

/* Both ends of the first agent's leg to the hub go on, by the word of both operators. */
static void resume(struct world *world, uint8_t hub)
{
	const struct skex_name *agent = &world_agent_config(world_agent(world, 0))->name;
	struct skex_problem problem;
	char name[16];

	snprintf(name, sizeof(name), "hub%u", hub + 1u);
	assert_int_equal(
		skex_agent_leg_resume(world_agent_of(world_agent(world, 0)), name, &problem),
		SKEX_OK);
	(void)!skex_hub_leg_resume(world_hub_of(world_hub(world, hub)), agent);
	world_run(world, AWAY_MS);
	assert_int_equal(hostile_agent_leg(world, 0, hub)->state, SKEX_LEG_UP);
}

/* Until two of four hubs that said so go on, what is made through the others is not dropped at each
 * start; it waits for k hubs, as after any.  A leg that was resumed counts again. */
static void rule_what_hubs_said_is_acted_on_once(void **state)
{
	struct world *world = world_new(91, 4, 2, 2, PAD_BYTES);
	struct world_node *agent = world_agent(world, 0);
	unsigned life;
	uint8_t i;

	(void)state;
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	claim(world, 0, MARKS);
	claim(world, 1, GOODBYE);
	assert_int_equal(world_events(agent, "pools_emptied", NULL), 1);
	exchange_key(world, 0, 1);
	world_run(world, 2000);
	for (life = 0; life < 3; life++) {
		assert_true(ready(world, 1) > 0);
		for (i = 0; i < 4; i++)
			world_crash(world_hub(world, i));
		world_crash(agent);
		if (life > 0)
			disk_power_cut(world_disk(agent), life);
		world_start(agent);
		world_run(world, 5000);
		assert_int_equal(world_events(agent, "pools_emptied", NULL), 0);
		assert_true(ready(world, 1) > 0);
		assert_string_equal(get_key(world).code, "unproven");
		for (i = 0; i < 4; i++)
			world_start(world_hub(world, i));
		world_run(world, AWAY_MS);
		assert_true(get_key(world).good);
	}
	/* One word that is new and one that was acted on are one. */
	claim(world, 2, MARKS);
	assert_int_equal(world_events(agent, "pools_emptied", NULL), 0);
	resume(world, 0);
	exchange_key(world, 0, 1);
	world_run(world, 2000);
	/* At this word of the operator all that was said before was acted on. */
	claim(world, 0, MARKS);
	assert_int_equal(world_events(agent, "pools_emptied", NULL), 0);
	assert_true(ready(world, 1) > 0);
	claim(world, 3, GOODBYE);
	assert_int_equal(world_events(agent, "pools_emptied", NULL), 1);
	assert_int_equal(ready(world, 1), 0);
	world_free(world);
}

/* The operator says that a leg goes on: the pools are emptied first, whatever crashes meanwhile. */
static void rule_the_operators_word_empties_the_pools(void **state)
{
	unsigned row;

	(void)state;
	for (row = 0; row < 5; row++) {
		struct world *world = filled_world(row + 21);
		struct world_node *agent = world_agent(world, 0);
		struct skex_problem problem;

		claim(world, 0, MARKS);
		hubs_away(world);
		assert_true(ready(world, 1) > 0);
		if (row > 0)
			disk_stop_after(world_disk(agent), row - 1);
		assert_int_equal(
			skex_agent_leg_resume(world_agent_of(agent), "hub1", &problem), SKEX_OK);
		world_run(world, 3000);
		if (row > 0) {
			world_crash(agent);
			disk_power_cut(world_disk(agent), row);
			world_start(agent);
			world_run(world, 3000);
		}
		assert_int_equal(ready(world, 1), 0);
		/* Once: keys that are made later stay. */
		world_start(world_hub(world, 1));
		world_start(world_hub(world, 2));
		world_run(world, AWAY_MS);
		exchange_key(world, 0, 1);
		world_run(world, 2000);
		world_crash(agent);
		world_start(agent);
		world_run(world, 3000);
		assert_true(ready(world, 1) > 0);
		world_free(world);
	}
}

/* Nor do the keys with a peer come back that was not configured when the word was given. */
static void rule_the_operators_word_reaches_peers_that_are_away(void **state)
{
	struct world *world = world_new(41, 3, 2, 3, PAD_BYTES);
	struct world_node *agent = world_agent(world, 0);
	struct skex_problem problem;
	struct world_key key;

	(void)state;
	world_run(world, 1000);
	assert_true(world_get(world, agent, world_agent(world, 2), PURPOSE, 32, 20000, &key));
	world_run(world, 2000);
	claim(world, 0, MARKS);
	hubs_away(world);
	world_crash(agent);
	world_agent_config(agent)->peers_count = 1;
	world_start(agent);
	world_run(world, 100);
	assert_int_equal(skex_agent_leg_resume(world_agent_of(agent), "hub1", &problem), SKEX_OK);
	world_run(world, 3000);
	world_crash(agent);
	world_agent_config(agent)->peers_count = 2;
	world_start(agent);
	world_run(world, 3000);
	assert_int_equal(ready(world, 2), 0);
	world_free(world);
}

/* Two hubs, enough for a peer of whom two are trusted, do not take the keys with a peer for whom
 * three are needed. */
static void rule_a_weak_profile_does_not_empty_the_pools_of_others(void **state)
{
	struct world *world = world_new(31, 3, 2, 3, PAD_BYTES);
	struct skex_profile_config profiles[2] = {
		world_agent_config(world_agent(world, 0))->profiles[0],
		world_agent_config(world_agent(world, 0))->profiles[0]};
	struct world_node *agent = world_agent(world, 0);
	struct world_key key;
	uint8_t i;

	(void)state;
	snprintf(profiles[1].name, sizeof(profiles[1].name), "strict");
	profiles[1].k = 3;
	for (i = 0; i < 3; i++) {
		struct skex_agent_config *config = world_agent_config(world_agent(world, i));

		world_crash(world_agent(world, i));
		config->profiles_count = 2;
		config->profiles = profiles;
		/* The first and the third agent know each other by the strict one. */
		if (i != 1)
			snprintf(config->peers[i == 0].profiles[0],
				sizeof(config->peers[0].profiles[0]), "strict");
		world_start(world_agent(world, i));
	}
	world_run(world, 3000);
	for (i = 1; i < 3; i++)
		assert_true(
			world_get(world, agent, world_agent(world, i), PURPOSE, 32, 20000, &key));
	world_run(world, 2000);
	assert_true(ready(world, 1) > 0 && ready(world, 2) > 0);
	claim(world, 0, MARKS);
	claim(world, 1, GOODBYE);
	assert_int_equal(ready(world, 1), 0);
	assert_true(ready(world, 2) > 0);
	assert_true(world_get(world, agent, world_agent(world, 2), PURPOSE, 32, 0, &key));
	world_free(world);
}

/* ---- after a start -----------------------------------------------------------------------------
 */

/* Neither get nor fetch gives a key that was in a pool before the start, until k hubs compared
 * their marks; a daemon that runs needs no hub. */
static void rule_keys_from_before_a_start_wait_for_k_hubs(void **state)
{
	struct world *world = filled_world(51);
	struct asked first = get_key(world);
	struct asked asked;
	uint8_t i;

	(void)state;
	assert_true(first.good);
	hubs_away(world);
	for (i = 0; i < 2; i++) {
		world_crash(world_agent(world, i));
		world_start(world_agent(world, i));
	}
	world_run(world, 3000);
	assert_true(ready(world, 1) > 0);
	for (i = 0; i < 2; i++) {
		asked = get_key(world);
		assert_false(asked.good);
		assert_string_equal(asked.code, "unproven");
		asked = fetch_any(world, 1, 0, PURPOSE, first.key.id);
		assert_false(asked.good);
		assert_string_equal(asked.code, "unproven");
		/* One hub could lie. */
		if (i == 0)
			world_start(world_hub(world, 0));
		world_run(world, AWAY_MS);
	}
	world_start(world_hub(world, 1));
	world_run(world, AWAY_MS);
	hubs_away(world);
	world_run(world, AWAY_MS);
	asked = get_key(world);
	assert_true(asked.good);
	assert_memory_not_equal(asked.key.bytes, first.key.bytes, 32);
	asked = fetch_any(world, 1, 0, PURPOSE, first.key.id);
	assert_true(asked.good);
	assert_memory_equal(asked.key.bytes, first.key.bytes, 32);
	world_free(world);
}

/* The hub does as if it had never heard of what the restored agent forgot. */
static void cover_up(struct world *world, uint8_t hub)
{
	struct skex_leg *leg = hostile_hub_leg(world, hub, 0);

	memset(&leg->rx_durable, 0, sizeof(leg->rx_durable));
	memset(&leg->rx.mark, 0, sizeof(leg->rx.mark));
	memset(&leg->released, 0, sizeof(leg->released));
}

/* A backup is put back, and a hub that lies says that all is well: no key is handed out twice, and
 * when k hubs spoke the pools are empty. */
static void rule_a_restored_pool_gives_no_key(void **state)
{
	struct world *world = filled_world(61);
	struct world_node *agent = world_agent(world, 0);
	struct disk *backup = world_snapshot(agent);
	struct asked asked;
	int i;

	(void)state;
	for (i = 0; i < 60; i++)
		exchange_key(world, 0, 1);
	world_run(world, 1000);
	world_crash(agent);
	for (i = 1; i < 3; i++)
		world_crash(world_hub(world, (uint8_t)i));
	cover_up(world, 0);
	world_restore(agent, backup);
	world_start(agent);
	world_run(world, 3000);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	for (i = 1; i < 3; i++) {
		assert_true(ready(world, 1) > 0);
		asked = get_key(world);
		assert_false(asked.good);
		assert_string_equal(asked.code, "unproven");
		world_start(world_hub(world, (uint8_t)i));
		world_run(world, AWAY_MS);
	}
	assert_int_equal(world_events(agent, "rollback", NULL), 2);
	assert_int_equal(world_events(agent, "pools_emptied", NULL), 1);
	assert_int_equal(ready(world, 1), 0);
	world_free(world);
}

/* The operator chose a time: it ends, it is told, and a hub that says otherwise ends it. */
static void rule_the_grace_of_a_start_is_bounded(void **state)
{
	int claimed;

	(void)state;
	for (claimed = 0; claimed < 2; claimed++) {
		struct world *world = filled_world((uint64_t)claimed + 71);
		struct world_node *agent = world_agent(world, 0);
		struct asked asked;

		if (claimed)
			claim(world, 0, MARKS);
		hubs_away(world);
		world_crash(agent);
		world_agent_config(agent)->pool.start_grace_s = 60;
		world_start(agent);
		world_run(world, 30000);
		asked = get_key(world);
		assert_int_equal(asked.good, !claimed);
		assert_int_equal(world_events(agent, "unproven_keys", NULL), !claimed);
		world_run(world, 31000);
		asked = get_key(world);
		assert_false(asked.good);
		assert_string_equal(asked.code, "unproven");
		world_free(world);
	}
}

static void ignore(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	(void)owner;
	(void)problem;
	(void)keys;
	(void)count;
}

/* A request that has some of its keys and waits for the rest keeps none of them. */
static void rule_keys_that_wait_for_others_are_dropped_too(void **state)
{
	struct world *world = filled_world(81);
	struct skex_agent *agent = world_agent_of(world_agent(world, 0));
	struct skex_key_request request = {0};
	struct skex_problem problem;
	uint64_t ticket = 0;

	(void)state;
	hubs_away(world);
	request.peer = world_agent_config(world_agent(world, 1))->name.text;
	request.purpose = PURPOSE;
	request.bytes = 32;
	request.count = SKEX_KEYS_MAX;
	request.require_confirmed = true;
	request.wait_ms = 600000;
	/* As many as the pool cannot fill any more. */
	do
		assert_int_equal(
			skex_agent_get(agent, &request, ignore, NULL, &ticket, &problem), SKEX_OK);
	while (world_run(world, 1000), agent->requests == NULL);
	assert_true(agent->requests->done > 0);
	assert_int_equal(agent_past_word(agent), SKEX_OK);
	world_run(world, 3000);
	assert_int_equal(ready(world, 1), 0);
	assert_non_null(agent->requests);
	assert_int_equal(agent->requests->done, 0);
	world_free(world);
}

/* Pools that are being emptied give nothing, and a disk that does not answer keeps them so: who
 * asks meanwhile is told in his time, and gets a key of the new life later. */
static void a_disk_that_does_not_answer_leaves_nobody_waiting(void **state)
{
	struct world *world = filled_world(82);
	struct world_node *node = world_agent(world, 0);
	struct asked asked;

	(void)state;
	assert_int_equal(agent_past_word(world_agent_of(node)), SKEX_OK);
	world_hold_disk(node, true);
	asked = get_key(world);
	assert_true(asked.done && !asked.good);
	assert_string_equal(asked.code, "disk_busy");
	world_run(world, 10000);
	world_hold_disk(node, false);
	world_run(world, 5000);
	exchange_key(world, 0, 1);
	world_free(world);
}

/* A node lives, and ends again, so many times; each time a key is made.  What was reserved is gone
 * with each: now and then there is new pad. */
static void live(struct world *world, struct world_node *node, int lives)
{
	for (int life = 0; life < lives; life++) {
		for (uint8_t hub = 0; life == 49 && hub < 3; hub++)
			world_refill(world, hub, 0, 1u << 20);
		exchange_key(world, 0, 1);
		world_crash(node);
		world_start(node);
		world_run(world, 40000);
	}
}

/* Of a state that is several lives old no HELLO is taken, for its epochs are over: until it is in a
 * later one, and the marks say what it is. */
static void rule_a_backup_of_several_lives_is_found(void **state)
{
	static const int lives[] = {2, 20, 100};

	(void)state;
	for (unsigned row = 0; row < 6; row++) {
		struct world *world = world_new(40 + row, 3, 2, 2, 1u << 20);
		struct world_node *node =
			row % 2 == 0 ? world_agent(world, 0) : world_hub(world, 0);
		struct disk *backup;

		world_run(world, 2000);
		backup = world_snapshot(node);
		live(world, node, lives[row / 2]);
		world_crash(node);
		world_restore(node, backup);
		world_start(node);
		world_run(world, 300000);
		assert_true(world_events(world_agent(world, 0), "rollback", "hub1") > 0);
		assert_true(world_pads_intact(world));
		world_free(world);
	}
}

/* Whoever spoils each HELLO makes an end go on, but not beyond what the other end follows, however
 * often it starts again. */
static void rule_unanswered_hellos_use_up_few_epochs(void **state)
{
	const struct world_faults spoilt = {.flip_per_million = 1000000};
	const struct world_faults none = {0};
	struct world *world = world_new(60, 3, 2, 2, 1u << 20);
	struct world_node *agent = world_agent(world, 0);
	const uint32_t lives = 12;
	uint32_t before;
	uint32_t begun;

	(void)state;
	world_run(world, 2000);
	before = hostile_agent_leg(world, 0, 0)->envelope_tx.epoch.number;
	for (uint32_t life = 0; life < lives; life++) {
		world_set_faults(world, &spoilt);
		world_crash(agent);
		world_start(agent);
		world_run(world, 600000);
	}
	world_set_faults(world, &none);
	world_run(world, 120000);
	assert_int_equal(hostile_agent_leg(world, 0, 0)->state, SKEX_LEG_UP);
	begun = hostile_agent_leg(world, 0, 0)->envelope_tx.epoch.number - before;
	/* Some are gone over, once, as a state from the past has to; and one for each life. */
	assert_in_range(begun, 100, 127 + lives);
	exchange_key(world, 0, 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_a_backup_of_several_lives_is_found),
		cmocka_unit_test(rule_unanswered_hellos_use_up_few_epochs),
		cmocka_unit_test(rule_one_hub_cannot_empty_the_pools),
		cmocka_unit_test(rule_k_hubs_empty_the_pools),
		cmocka_unit_test(rule_what_hubs_said_is_acted_on_once),
		cmocka_unit_test(rule_the_operators_word_empties_the_pools),
		cmocka_unit_test(rule_the_operators_word_reaches_peers_that_are_away),
		cmocka_unit_test(a_disk_that_does_not_answer_leaves_nobody_waiting),
		cmocka_unit_test(rule_keys_that_wait_for_others_are_dropped_too),
		cmocka_unit_test(rule_a_weak_profile_does_not_empty_the_pools_of_others),
		cmocka_unit_test(rule_keys_from_before_a_start_wait_for_k_hubs),
		cmocka_unit_test(rule_a_restored_pool_gives_no_key),
		cmocka_unit_test(rule_the_grace_of_a_start_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
