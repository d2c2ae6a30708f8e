/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/memory.h"
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

/* What a node was given at first is on its disk, and it starts. */
static void begin(struct world_node *node)
{
	struct skex_txn *txn = skex_txn_begin(node->store);
	bool settled = false;

	world_must(skex_txn_submit(txn, node->store, settle_setup, &settled), "setup");
	while (!settled) {
		(void)skex_store_turn(node->store, node->world->now);
		disk_turn(node->disk);
	}
	world_start(node);
}

struct world *world_make(const struct world_setup *setup)
{
	struct world *world = calloc(1, sizeof(*world));
	const uint32_t nodes = setup->hubs + setup->agents;
	uint32_t i;
	uint32_t j;

	world->state = setup->seed;
	world->now = 1000;
	world->hubs = setup->hubs;
	world->agents = setup->agents;
	world->group = setup->group == 0 ? setup->agents : setup->group;
	world->k = setup->k;
	world->paired = setup->paired;
	world->leg_stride = nodes <= WORLD_NODES_MAX ? WORLD_NODES_MAX : SIM_NODES_MAX;
	world->leg_scale = nodes <= WORLD_NODES_MAX ? 1 : 257;
	world->nodes_count = nodes + setup->clones;
	world->nodes = calloc(world->nodes_count, sizeof(*world->nodes));
	world_turns_init(world);
	world->verbose = getenv("WORLD_VERBOSE") != NULL; /* rule 6: a switch of the test */
	world->net = sim_net_new(random_for_net, world);
	sim_trace_clear();
	snprintf(world->policy.a, sizeof(world->policy.a), "*");
	snprintf(world->policy.b, sizeof(world->policy.b), "*");
	snprintf(world->profile.name, sizeof(world->profile.name), "main");
	world->profile.n = (uint8_t)setup->hubs;
	world->profile.k = setup->k;
	for (i = 0; i < nodes; i++)
		world_node_init(world, i, i < setup->hubs, i < setup->hubs ? i : i - setup->hubs);
	for (i = 0; i < nodes; i++)
		world_must(skex_registry_begin(world->nodes[i].registry), "registry");
	for (i = 0; i < setup->hubs; i++) {
		(void)skex_name_parse(&world->profile.hubs[i].name,
			skex_view(world->nodes[i].name, strlen(world->nodes[i].name)));
		world_hub_configure(&world->nodes[i]);
		for (j = 0; j < setup->agents; j++)
			world_enrol(&world->nodes[i], &world->nodes[setup->hubs + j],
				setup->tables == 0 || j < setup->tables ? setup->pad_bytes : 0);
	}
	for (j = 0; j < setup->agents; j++)
		world_agent_configure(&world->nodes[setup->hubs + j]);
	for (i = 0; i < nodes; i++) {
		world_must(skex_registry_commit(world->nodes[i].registry), "registry");
		begin(&world->nodes[i]);
	}
	return world;
}

static struct world *make(
	uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents, uint64_t pad_bytes, bool paired)
{
	const struct world_setup setup = {.seed = seed,
		.hubs = hubs,
		.k = k,
		.agents = agents,
		.pad_bytes = pad_bytes,
		.paired = paired,
		.clones = 1};

	return world_make(&setup);
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

void world_pair(struct world *world, uint32_t maker, uint32_t taker)
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
	uint32_t i;
	uint32_t j;

	for (i = 0; i < world->agents; i++) {
		for (j = i + 1; j < world->agents; j++)
			world_pair(world, i, j);
	}
}

struct world *world_new_paired(uint64_t seed, uint8_t hubs, uint8_t k, uint8_t agents)
{
	struct world *world = make(seed, hubs, k, agents, 0, true);

	pair_all(world);
	return world;
}

void world_combine(struct world *world, uint32_t at, uint32_t with, bool combine)
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

	for (i = 0; i < world->nodes_count; i++) {
		struct world_node *node = &world->nodes[i];

		world_node_stop(node);
		skex_store_close(node->store);
		world_registry_close(node);
		disk_free(node->disk);
		free(node->agent_config.peers);
	}
	sim_net_free(world->net);
	world_turns_free(world);
	free(world->nodes);
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

void world_record(struct world *world)
{
	sim_net_record(world->net);
}

bool world_replay(struct world *world, uint64_t any)
{
	return sim_net_replay(world->net, any);
}

uint64_t world_now(const struct world *world)
{
	return world->now;
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

uint64_t world_memory(void)
{
	const struct mallinfo2 heap = mallinfo2();

	return heap.uordblks + heap.hblkhd + skex_secret_bytes();
}
