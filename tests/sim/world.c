/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/disk.h"
#include "tests/sim/trace.h"
#include "tests/sim/world_internal.h"

const uint8_t world_kek[SKEX_KEK_BYTES] = "a key that all nodes share, here";

void world_must(enum skex_error error, const char *what)
{
	if (error == SKEX_OK)
		return;
	fprintf(stderr, "world: %s: %s\n", what, skex_error_name(error));
	abort();
}

/* splitmix64: small, and good enough for schedules. */
uint64_t world_random(struct world *world)
{
	uint64_t z = (world->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t world_below(struct world *world, uint64_t limit)
{
	return world_random(world) % limit;
}

static uint64_t random_for_net(void *owner)
{
	return world_random(owner);
}

/* ---- the world ---------------------------------------------------------------------------------
 */

static void settle_setup(void *owner, enum skex_error error)
{
	bool *settled = owner;

	world_must(error, "setup");
	*settled = true;
}

static struct world *make(
	uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents, uint64_t pad_bytes, bool paired)
{
	struct world *world = calloc(1, sizeof(*world));
	uint8_t i;
	uint8_t j;

	world->state = seed;
	world->now = 1000;
	world->hubs = hubs;
	world->agents = agents;
	world->k = k;
	world->paired = paired;
	world->verbose = getenv("WORLD_VERBOSE") != NULL; /* rule 6: a switch of the test */
	world->net = sim_net_new(random_for_net, world);
	sim_trace_clear();
	snprintf(world->policy.a, sizeof(world->policy.a), "*");
	snprintf(world->policy.b, sizeof(world->policy.b), "*");
	snprintf(world->profile.name, sizeof(world->profile.name), "main");
	world->profile.n = hubs;
	world->profile.k = k;
	for (i = 0; i < hubs + agents; i++)
		world_node_init(world, i, i < hubs, i < hubs ? i : (uint32_t)(i - hubs));
	for (i = 0; i < hubs; i++) {
		(void)skex_name_parse(&world->profile.hubs[i].name,
			skex_view(world->nodes[i].name, strlen(world->nodes[i].name)));
		world_hub_configure(&world->nodes[i]);
		for (j = 0; j < agents; j++)
			world_enrol(&world->nodes[i], &world->nodes[hubs + j], pad_bytes);
	}
	for (j = 0; j < agents; j++)
		world_agent_configure(&world->nodes[hubs + j]);
	for (i = 0; i < hubs + agents; i++) {
		struct skex_txn *txn = skex_txn_begin(world->nodes[i].store);
		bool settled = false;

		world_must(skex_txn_submit(txn, world->nodes[i].store, settle_setup, &settled),
			"setup");
		while (!settled) {
			(void)skex_store_turn(world->nodes[i].store, world->now);
			disk_turn(world->nodes[i].disk);
		}
		world_start(&world->nodes[i]);
	}
	return world;
}

struct world *world_new(uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents, uint64_t pad_bytes)
{
	return make(seed, hubs, k, agents, pad_bytes, false);
}

static void paired(void *owner)
{
	unsigned *count = owner;

	(*count)++;
}

void world_pair(struct world *world, uint8_t maker, uint8_t taker)
{
	struct world_node *left = world_agent(world, maker);
	struct world_node *right = world_agent(world, taker);
	unsigned count = 0;
	struct skex_pair_request request = {.peer = right->name, .paired = paired, .owner = &count};
	struct skex_pair_terms terms;
	struct skex_problem problem;

	world_must(skex_agent_pair_make(left->agent, &request, &terms, &problem), "make");
	request.peer = left->name;
	request.terms = &terms;
	world_must(skex_agent_pair_take(right->agent, &request, &problem), "take");
	world_run(world, 100);
	if (count != 2)
		abort();
}

static void pair_all(struct world *world)
{
	uint8_t i;
	uint8_t j;

	for (i = 0; i < world->agents; i++) {
		for (j = (uint8_t)(i + 1); j < world->agents; j++)
			world_pair(world, i, j);
	}
}

struct world *world_new_paired(uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents)
{
	struct world *world = make(seed, hubs, k, agents, 0, true);

	pair_all(world);
	return world;
}

void world_combine(struct world *world, uint8_t at, uint8_t with, bool combine)
{
	struct skex_agent_config *config = world_agent_config(world_agent(world, at));
	size_t i;

	for (i = 0; i < config->peers_count; i++) {
		if (strcmp(config->peers[i].name.text, world_agent(world, with)->name) == 0)
			config->peers[i].combine = combine;
	}
}

struct world *world_new_combined(
	uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents, uint64_t pad_bytes)
{
	struct world *world = make(seed, hubs, k, agents, pad_bytes, true);
	uint8_t i;
	uint8_t j;

	pair_all(world);
	for (i = 0; i < agents; i++) {
		for (j = 0; j < agents; j++)
			world_combine(world, i, j, true);
	}
	return world;
}

struct world *world_new_ratchets(uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents)
{
	return world_new(seed, hubs, k, agents, 0);
}

void world_free(struct world *world)
{
	uint32_t i;

	for (i = 0; i < (uint32_t)(world->hubs + world->agents); i++) {
		struct world_node *node = &world->nodes[i];

		world_node_stop(node);
		skex_store_close(node->store);
		skex_registry_close(node->registry);
		disk_free(node->disk);
		free(node->agent_config.peers);
	}
	sim_net_free(world->net);
	free(world);
}

void world_set_faults(struct world *world, const struct world_faults *faults)
{
	struct sim_net_rules rules = {
		.delay_ms = faults->delay_ms,
		.reset_per_million = faults->reset_per_million,
		.flip_per_million = faults->flip_per_million,
		.lost_per_million = faults->lost_per_million,
		.twice_per_million = faults->twice_per_million,
		.late_per_million = faults->late_per_million,
	};

	sim_net_rules(world->net, &rules);
}

uint64_t world_now(const struct world *world)
{
	return world->now;
}

static void turn(struct world_node *node)
{
	if (!world_is_up(node))
		return;
	node->woken = false;
	node->turn_ms = node->hub != NULL ? skex_hub_turn(node->hub, node->world->now)
					  : skex_agent_turn(node->agent, node->world->now);
	if ((node->hub != NULL ? skex_hub_failed(node->hub) : skex_agent_failed(node->agent)) !=
		SKEX_OK) {
		/* A daemon that cannot write stops. */
		world_node_stop(node);
	}
}

/* Everything that is due now; then the time of the next event. */
static uint64_t settle(struct world *world)
{
	uint64_t due = UINT64_MAX;
	bool busy = true;
	uint32_t i;

	while (busy) {
		uint32_t number = 0;

		busy = false;
		while (sim_net_step(world->net, world->now, &number)) {
			turn(&world->nodes[number]);
			busy = true;
		}
		for (i = 0; i < (uint32_t)(world->hubs + world->agents); i++) {
			struct world_node *node = &world->nodes[i];

			if (!node->disk_held && disk_turn(node->disk) && world_is_up(node)) {
				turn(node);
				busy = true;
			}
			if (world_is_up(node) && (node->woken || node->turn_ms <= world->now)) {
				turn(node);
				busy = busy || node->woken;
			}
		}
	}
	due = sim_net_due(world->net);
	for (i = 0; i < (uint32_t)(world->hubs + world->agents); i++) {
		const struct world_node *node = &world->nodes[i];

		if (world_is_up(node) && node->turn_ms < due)
			due = node->turn_ms;
	}
	return due;
}

void world_run(struct world *world, uint64_t ms)
{
	const uint64_t end = world->now + ms;

	for (;;) {
		uint64_t due = settle(world);

		if (due > end || world->now >= end)
			break;
		world->now = due > world->now ? due : world->now + 1;
	}
	world->now = end;
}

uint64_t world_ranges(const struct world *world)
{
	(void)world;
	return sim_trace_ranges();
}

bool world_pads_intact(const struct world *world)
{
	(void)world;
	return sim_trace_intact();
}
