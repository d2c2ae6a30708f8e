/* SPDX-License-Identifier: Apache-2.0 */

/*
 * An agent with many peers, in a world in memory, of which one gets keys from it:
 *   agent_peers PEERS KEYS
 * To be run under callgrind with --instr-atstart=no: it counts what two agents and three hubs do
 * for these keys, and not the start.  Only the first agent has so many peers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/callgrind.h>

#include "tests/sim/world.h"

#define HUBS        3
#define THRESHOLD   2
#define PAD_BYTES   (256u << 10)
#define PATIENCE_MS 60000u

/* As many peers as asked for: the real one first. */
static void add_peers(struct skex_agent_config *config, uint32_t count)
{
	struct skex_peer_config *peers = calloc(count, sizeof(*peers));
	char name[32];

	if (peers == NULL)
		exit(1);
	for (uint32_t i = 0; i < count; i++) {
		peers[i] = config->peers[0];
		if (i == 0)
			continue;
		snprintf(name, sizeof(name), "nobody%05u", (unsigned)i);
		if (!skex_name_parse(&peers[i].name, skex_view(name, strlen(name))))
			exit(1);
	}
	free(config->peers);
	config->peers = peers;
	config->peers_count = count;
}

int main(int argc, char **argv)
{
	const uint32_t peers = argc < 3 ? 0 : (uint32_t)strtoul(argv[1], NULL, 10);
	const uint32_t keys = argc < 3 ? 0 : (uint32_t)strtoul(argv[2], NULL, 10);
	struct world_node *agent;
	struct world_key key;
	struct world *world;
	uint32_t got = 0;

	if (peers == 0 || keys == 0) {
		fputs("usage: agent_peers PEERS KEYS\n", stderr);
		return 1;
	}
	world = world_new(7, HUBS, THRESHOLD, 2, PAD_BYTES);
	agent = world_agent(world, 0);
	world_crash(agent);
	add_peers(world_agent_config(agent), peers);
	world_start(agent);
	/* Until all is up and both pools are filled. */
	for (uint8_t at = 0; at < 2; at++) {
		if (!world_get(world, world_agent(world, at), world_agent(world, 1 - at),
			    "app:scale", 32, PATIENCE_MS, &key))
			return 1;
	}
	world_run(world, 10000);
	CALLGRIND_START_INSTRUMENTATION;
	for (uint32_t i = 0; i < keys; i++)
		got += world_get(world, world_agent(world, i % 2), world_agent(world, 1 - i % 2),
			"app:scale", 32, PATIENCE_MS, &key);
	CALLGRIND_STOP_INSTRUMENTATION;
	printf("{\"keys\":%u}\n", (unsigned)got);
	world_free(world);
	return got == keys ? 0 : 1;
}
