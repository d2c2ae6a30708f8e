/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An agent with many peers, in a world in memory, of which some get keys from it and it from them:
 *   agent_peers ACTIVE PEERS KEYS
 * Prints the keys; what memory the agent takes with its peers before any is active; and processor
 * time: of its start, of the keys (all agents and three hubs), and of its own next 50 idle seconds.
 * Under callgrind with --instr-atstart=no the keys are counted, and not the start.  Only the first
 * agent has so many peers.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <valgrind/callgrind.h>

#include "tests/sim/world.h"

#define HUBS        3
#define THRESHOLD   2
#define PAD_BYTES   (256u << 10) /* where one peer is active; the pads of more are computed */
#define PATIENCE_MS 60000u
#define IDLE_S      50u /* before a leg ends for silence: the world stands still meanwhile */
#define PURPOSE     "app:scale"

static double processor_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static size_t allocated(void)
{
	const struct mallinfo2 memory = mallinfo2();

	return memory.uordblks + memory.hblkhd;
}

/* As many peers as asked for: the real ones first. */
static void add_peers(struct skex_agent_config *config, uint32_t count)
{
	struct skex_peer_config *peers = calloc(count, sizeof(*peers));
	char name[32];

	if (peers == NULL)
		exit(1);
	for (uint32_t i = 0; i < count; i++) {
		peers[i] = config->peers[i < config->peers_count ? i : 0];
		if (i < config->peers_count)
			continue;
		snprintf(name, sizeof(name), "nobody%05u", (unsigned)i);
		if (!skex_name_parse(&peers[i].name, skex_view(name, strlen(name))))
			exit(1);
	}
	free(config->peers);
	config->peers = peers;
	config->peers_count = count;
}

static bool get(struct world *world, uint32_t peer, bool first)
{
	struct world_key key;

	return world_get(world, world_agent(world, first ? 0 : peer),
		world_agent(world, first ? peer : 0), PURPOSE, 32, PATIENCE_MS, &key);
}

/* All are up, and the pools of both directions are filled. */
static void make_active(struct world *world, uint32_t active)
{
	for (uint32_t peer = 1; peer <= active; peer++) {
		if (!get(world, peer, true) || !get(world, peer, false))
			exit(1);
	}
	world_run(world, 10000);
}

/* The first agent alone, as its loop would: with nothing to do but what comes with time. */
static double idle_seconds(struct world *world)
{
	struct skex_agent *agent = world_agent_of(world_agent(world, 0));
	const double before = processor_seconds();
	uint64_t now = world_now(world);
	const uint64_t end = now + IDLE_S * UINT64_C(1000);

	while (now < end) {
		const uint64_t next = skex_agent_turn(agent, now);

		now = next > now ? next : now + 1;
	}
	return processor_seconds() - before;
}

int main(int argc, char **argv)
{
	const uint32_t active = argc < 4 ? 0 : (uint32_t)strtoul(argv[1], NULL, 10);
	const uint32_t peers = argc < 4 ? 0 : (uint32_t)strtoul(argv[2], NULL, 10);
	const uint32_t keys = argc < 4 ? 0 : (uint32_t)strtoul(argv[3], NULL, 10);
	const struct world_setup setup = {.seed = 7,
		.hubs = HUBS,
		.k = THRESHOLD,
		.agents = active + 1,
		.pad_bytes = active > 1 ? 0 : PAD_BYTES};
	struct world *world;
	uint32_t got = 0;
	size_t memory;
	double started;
	double used;

	if (active == 0 || peers < active || keys == 0) {
		fputs("usage: agent_peers ACTIVE PEERS KEYS\n", stderr);
		return 1;
	}
	world = world_make(&setup);
	world_crash(world_agent(world, 0));
	memory = allocated();
	add_peers(world_agent_config(world_agent(world, 0)), peers);
	started = processor_seconds();
	world_start(world_agent(world, 0));
	started = processor_seconds() - started;
	memory = allocated() - memory;
	make_active(world, active);
	CALLGRIND_START_INSTRUMENTATION;
	used = processor_seconds();
	for (uint32_t i = 0; i < keys; i++)
		got += get(world, 1 + i / 2 % active, i % 2 == 0);
	used = processor_seconds() - used;
	CALLGRIND_STOP_INSTRUMENTATION;
	printf("{\"keys\":%u,\"bytes\":%zu,\"start_seconds\":%.6f,\"keys_seconds\":%.6f,"
	       "\"idle_seconds\":%.6f}\n",
		(unsigned)got, memory, started, used, idle_seconds(world));
	world_free(world);
	return got == keys ? 0 : 1;
}
