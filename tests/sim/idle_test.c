/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/initiate.h"
#include "tests/sim/hostile.h"

/*
 * What a turn of an agent costs that has very many peers (docs/spec/rules.md): nothing for those
 * with whom nothing is to be done.
 */
#define PURPOSE   "app:test"
#define PAD_BYTES (1u << 20)
#define PEERS     10000u
#define TURNS     20000u

/* Two agents; the first has many peers besides, with whom it never had to do. */
static struct world *crowded_world(void)
{
	struct world *world = world_new(1, 3, 2, 2, PAD_BYTES);
	struct world_node *agent = world_agent(world, 0);
	struct skex_agent_config *config = world_agent_config(agent);
	struct skex_peer_config *peers = calloc(PEERS + 1, sizeof(*peers));
	char name[16];
	uint32_t i;

	assert_non_null(peers);
	world_crash(agent);
	for (i = 0; i <= PEERS; i++) {
		peers[i] = config->peers[0];
		if (i == PEERS / 2) /* the real one */
			continue;
		(void)snprintf(name, sizeof(name), "away%u", i);
		assert_true(skex_name_parse(&peers[i].name, skex_view(name, strlen(name))));
	}
	free(config->peers);
	config->peers = peers; /* the world frees it */
	config->peers_count = PEERS + 1;
	world_start(agent);
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	world_run(world, 5000);
	return world;
}

static struct agent_pool *pool_of(struct world *world)
{
	return agent_pool_find(agent_peer_find(world_agent_of(world_agent(world, 0)),
				       &world_agent_config(world_agent(world, 1))->name),
		AGENT_INITIATOR, PURPOSE);
}

/* Between two sweeps no turn walks along the peers: it does its work without the list of them. */
static void rule_a_turn_costs_what_is_due(void **state)
{
	struct world *world = crowded_world();
	struct skex_agent *agent = world_agent_of(world_agent(world, 0));
	struct agent_pool *pool = pool_of(world);
	struct agent_peer *peers = agent->peers;
	struct skex_agent_counters before;
	struct skex_agent_counters after;
	uint32_t i;

	(void)state;
	assert_non_null(pool);
	skex_agent_counters(agent, &before);
	agent->peers = NULL;
	agent->sweep_ms = UINT64_MAX;
	for (i = 0; i < 100; i++)
		exchange_key(world, 0, 1);
	world_run(world, 5000);
	skex_agent_counters(agent, &after);
	assert_true(after.blocks_confirmed > before.blocks_confirmed);
	/* It is full again, and nothing is left to look at. */
	assert_true(agent_pool_ready(pool, AGENT_NEED_CONFIRMED) >=
		(uint64_t)agent->config->pool.low_keys * 32);
	assert_null(agent_ring_first(&agent->lacking));
	for (i = 0; i < TURNS; i++)
		(void)skex_agent_turn(agent, world_now(world));
	agent->peers = peers;
	agent->sweep_ms = 0;
	world_run(world, 5000);
	exchange_key(world, 0, 1);
	world_free(world);
}

/* What becomes low while no hub is there is filled when hubs come back; and the sweep finds what no
 * event told of. */
static void what_is_lacking_is_not_forgotten(void **state)
{
	struct world *world = crowded_world();
	struct world_node *node = world_agent(world, 0);
	struct skex_agent *agent = world_agent_of(node);
	struct agent_pool *pool = pool_of(world);
	struct world_key key;
	uint8_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		world_crash(world_hub(world, i));
	world_run(world, 1000);
	while (world_get(world, node, world_agent(world, 1), PURPOSE, 32, 0, &key))
		;
	world_run(world, 60000);
	assert_ptr_equal(agent_ring_first(&agent->lacking), pool);
	for (i = 0; i < 3; i++)
		world_start(world_hub(world, i));
	world_run(world, 90000);
	assert_null(agent_ring_first(&agent->lacking));
	assert_true(pool->ready_bytes >= (uint64_t)agent->config->pool.low_keys * 32);
	agent_pool_empty(pool);
	agent_ring_remove(&pool->lacking);
	world_run(world, 5000);
	assert_true(pool->ready_bytes >= (uint64_t)agent->config->pool.low_keys * 32);
	world_free(world);
}

/* A run that waits for a disk is due at no time: the agent does not ask for turns until it answers
 * (the world stops at one that does). */
static void a_slow_disk_costs_no_turns(void **state)
{
	struct world *world = world_new(2, 3, 2, 2, PAD_BYTES);
	struct world_node *node = world_agent(world, 0);
	const struct world_faults far = {.delay_ms = 40};
	const struct agent_run *run;
	struct world_key key;
	int i;

	(void)state;
	world_set_faults(world, &far);
	world_run(world, 1000);
	exchange_key(world, 0, 1);
	world_run(world, 5000);
	while (world_get(world, node, world_agent(world, 1), PURPOSE, 32, 0, &key))
		;
	for (i = 0; i < 1000 && world_agent_of(node)->runs == NULL; i++)
		world_run(world, 1);
	world_hold_disk(node, true);
	world_run(world, 2000); /* after 1.5 s a run is stalled, when it waits for others */
	run = world_agent_of(node)->runs;
	assert_non_null(run);
	assert_int_equal(run->engine.state, SKEX_INITIATOR_COMMITTING);
	assert_true(agent_initiate_due(world_agent_of(node), world_now(world)) > world_now(world));
	world_run(world, 20000);
	world_hold_disk(node, false);
	world_run(world, 5000);
	exchange_key(world, 0, 1);
	world_free(world);
}

static uint32_t sent_by(const struct skex_agent *agent)
{
	const struct agent_leg *leg;
	uint32_t sent = 0;

	for (leg = agent->legs; leg != NULL; leg = leg->next)
		sent += leg->leg->envelope_tx.sequence;
	return sent;
}

/* Who has nothing under way looks about every five seconds, and says PING to all hubs at once. */
static void who_is_idle_sleeps(void **state)
{
	struct world *world = world_new_ratchets(5, 3, 2, 2);
	struct world_node *node = world_agent(world, 0);
	const struct skex_agent *agent = world_agent_of(node);
	uint32_t sweeps = 0;
	uint32_t wakes = 0;
	uint64_t sweep_ms;
	uint32_t first;
	uint32_t sent;
	int i;

	(void)state;
	exchange_key(world, 0, 1);
	world_run(world, 60000);
	first = sent_by(agent);
	for (i = 0; i < 120000; i++) {
		sweep_ms = agent->sweep_ms;
		sent = sent_by(agent);
		world_run(world, 1);
		sweeps += agent->sweep_ms != sweep_ms;
		wakes += sent_by(agent) != sent;
	}
	assert_in_range(sweeps, 23, 25);
	assert_in_range(wakes, 4, 6);
	assert_int_equal(sent_by(agent) - first, 3 * wakes);
	/* A hub that goes away is told as soon as before, and then costs no turns either. */
	world_crash(world_hub(world, 0));
	world_run(world, 7000);
	assert_int_equal(world_events(node, "hub_unreachable", NULL), 1);
	world_run(world, 1000);
	assert_true(agent->sweep_ms > world_now(world));
	sweep_ms = agent->sweep_ms;
	world_run(world, sweep_ms - world_now(world));
	assert_int_equal(agent->sweep_ms, sweep_ms + 5000);
	world_start(world_hub(world, 0));
	world_run(world, 90000);
	exchange_key(world, 0, 1);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_disk_costs_no_turns),
		cmocka_unit_test(rule_a_turn_costs_what_is_due),
		cmocka_unit_test(what_is_lacking_is_not_forgotten),
		cmocka_unit_test(who_is_idle_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
