/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/disk.h"
#include "tests/sim/world_internal.h"

/* The registry of an agent, for a backup or a clone. */
struct copying {
	struct skex_registry *from;
	struct skex_registry *to;
};

static bool copy_pad(void *owner, const struct skex_pad_record *pad)
{
	struct copying *copying = owner;

	world_must(skex_registry_pad_put(copying->to, pad), "copy: pad");
	return true;
}

static bool copy_leg(void *owner, const struct skex_leg_record *leg)
{
	struct copying *copying = owner;
	uint8_t direction;

	world_must(skex_registry_leg_put(copying->to, leg), "copy: leg");
	for (direction = 0; direction < 2; direction++)
		world_must(
			skex_registry_pads(copying->from, leg->leg, direction, copy_pad, copying),
			"copy: pads");
	return true;
}

struct skex_registry *world_copy_registry(struct world_node *agent)
{
	struct copying copying = {.from = agent->registry};
	uint8_t instance[64];
	size_t size = 0;

	world_must(skex_registry_open(":memory:", &copying.to), "copy: registry");
	world_must(skex_registry_begin(copying.to), "copy: begin");
	world_must(skex_registry_legs(copying.from, copy_leg, &copying), "copy: legs");
	if (skex_registry_get(copying.from, "instance", instance, sizeof(instance), &size) ==
		SKEX_OK)
		world_must(skex_registry_set(copying.to, "instance", skex_view(instance, size)),
			"copy: instance");
	world_must(skex_registry_commit(copying.to), "copy: commit");
	return copying.to;
}

static void forget_clone(struct world_node *clone)
{
	world_node_stop(clone);
	skex_store_close(clone->store);
	skex_registry_close(clone->registry);
	disk_free(clone->disk);
	free(clone->agent_config.peers);
	clone->store = NULL;
	clone->registry = NULL;
	clone->disk = NULL;
	clone->agent_config.peers = NULL;
}

struct world_node *world_clone(struct world_node *agent)
{
	struct world *world = agent->world;
	struct world_node *clone = &world->nodes[world->hubs + world->agents];
	const size_t peers_size =
		(agent->agent_config.peers_count + 1) * sizeof(*agent->agent_config.peers);

	if (clone->disk != NULL)
		forget_clone(clone);
	world_node_init(world, world->hubs + world->agents, false, agent->number - world->hubs);
	skex_store_close(clone->store);
	clone->store = NULL;
	world_restore(clone, disk_copy(agent->disk));
	world_restore_registry(clone, world_copy_registry(agent));
	clone->agent_config = agent->agent_config;
	clone->agent_config.peers = malloc(peers_size);
	memcpy(clone->agent_config.peers, agent->agent_config.peers,
		agent->agent_config.peers_count * sizeof(*agent->agent_config.peers));
	clone->clock_off_ms = agent->clock_off_ms;
	return clone;
}
