/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/openssl.h"
#include "platform/posix.h"
#include "tests/sim/disk.h"
#include "tests/sim/world_internal.h"

/* ---- the platform of a node --------------------------------------------------------------------
 */

static uint64_t now_ms(void *context)
{
	struct world_node *node = context;

	return node->world->now;
}

static uint64_t wall_ms(void *context)
{
	struct world_node *node = context;

	return UINT64_C(1700000000000) + node->world->now + (uint64_t)node->clock_off_ms;
}

static enum skex_error random_bytes(void *context, void *out, size_t size)
{
	struct world_node *node = context;
	uint8_t *bytes = out;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)world_random(node->world);
	return SKEX_OK;
}

static void log_line(void *context, enum skex_level level, const char *line)
{
	struct world_node *node = context;

	(void)level;
	if (node->world->verbose)
		fprintf(stderr, "%8llu %s: %s\n", (unsigned long long)node->world->now, node->name,
			line);
}

static void wake(void *context)
{
	struct world_node *node = context;

	node->woken = true;
	world_attend(node);
}

static void asked_for_sync(void *owner)
{
	world_attend(owner);
}

/* ---- nodes -------------------------------------------------------------------------------------
 */

static enum skex_error open_store(struct world_node *node)
{
	return skex_log_store_open(&node->platform, skex_crypto_openssl(), DIRECTORY "/store",
		world_kek, &node->store);
}

/* Opening one takes longer than all that a small world writes there. */
#define REGISTRIES_MAX (2 * WORLD_NODES_MAX)
static struct skex_registry *registries[REGISTRIES_MAX];
static size_t registries_count;

static void registry_open(struct world_node *node)
{
	if (registries_count > 0)
		node->registry = registries[--registries_count];
	else
		world_must(skex_registry_open(":memory:", &node->registry), "registry");
}

void world_registry_close(struct world_node *node)
{
	if (node->registry == NULL)
		return;
	if (registries_count < REGISTRIES_MAX && skex_registry_clear(node->registry) == SKEX_OK)
		registries[registries_count++] = node->registry;
	else
		skex_registry_close(node->registry);
	node->registry = NULL;
}

void world_node_init(struct world *world, uint32_t number, bool is_hub, uint32_t index)
{
	struct world_node *node = &world->nodes[number];
	uint8_t id[SKEX_HUB_ID_BYTES];

	node->world = world;
	node->number = number;
	node->is_hub = is_hub;
	snprintf(node->name, sizeof(node->name), "%s%u", is_hub ? "hub" : "agent", index + 1);
	node->disk = disk_new();
	disk_on_sync(node->disk, asked_for_sync, node);
	node->platform.context = node;
	node->platform.now_ms = now_ms;
	node->platform.wall_ms = wall_ms;
	node->platform.random = random_bytes;
	node->platform.log = log_line;
	node->platform.wake = wake;
	node->platform.files = disk_files(node->disk);
	node->platform.net = sim_net_table(world->net, number, node->name);
	registry_open(node);
	world_must(node->platform.files->make_directory(
			   node->platform.files->context, DIRECTORY "/pads"),
		"directory");
	world_must(node->platform.files->make_directory(
			   node->platform.files->context, DIRECTORY "/store"),
		"directory");
	world_must(node->platform.files->sync_directory(node->platform.files->context, DIRECTORY),
		"directory");
	world_must(open_store(node), "store");
	memset(id, (int)number + 1, sizeof(id));
	if (is_hub)
		world_must(skex_registry_set(node->registry, "hub_id", skex_view(id, sizeof(id))),
			"hub id");
}

void world_hub_configure(struct world_node *node)
{
	struct skex_hub_config *config = &node->hub_config;

	(void)skex_name_parse(&config->name, skex_view(node->name, strlen(node->name)));
	config->policy_count = 1;
	config->policy = &node->world->policy;
	config->pair_quota_bytes = UINT64_C(1) << 40;
	config->unacknowledged_bytes = 1u << 20;
	config->lifetime_max_s = 7 * 86400;
	config->shards = 1 + node->number % 3;
}

void world_agent_configure(struct world_node *node)
{
	struct world *world = node->world;
	struct skex_agent_config *config = &node->agent_config;
	const uint32_t own = node->number - world->hubs;
	const uint32_t first = own / world->group * world->group;
	uint32_t i;

	(void)skex_name_parse(&config->name, skex_view(node->name, strlen(node->name)));
	config->profiles_count = world->hubs == 0 ? 0 : 1;
	config->pairwise.enabled = world->paired;
	snprintf(config->pairwise.listen.host, sizeof(config->pairwise.listen.host), "::");
	config->pairwise.listen.port = PAIR_PORT;
	config->profiles = &world->profile;
	config->peers = calloc(world->group, sizeof(*config->peers));
	for (i = first; i < first + world->group && i < world->agents; i++) {
		const struct world_node *peer = &world->nodes[world->hubs + i];
		struct skex_peer_config *row = &config->peers[config->peers_count];

		if (peer == node)
			continue;
		(void)skex_name_parse(&row->name, skex_view(peer->name, strlen(peer->name)));
		row->profiles_count = world->hubs == 0 ? 0 : 1;
		if (world->paired) {
			snprintf(row->address.host, sizeof(row->address.host), "%s", peer->name);
			row->address.port = PAIR_PORT;
		}
		snprintf(row->profiles[0], sizeof(row->profiles[0]), "main");
		config->peers_count++;
	}
	config->pool.block_bytes = 64;
	config->pool.blocks = 8;
	config->pool.low_keys = 16;
	config->pool.high_keys = 48;
	config->pool.reserve_keys = 4;
	config->pool.idle_s = 3600;
	config->pool.lifetime_s = 86400;
}

static void accepted(void *owner, struct skex_stream *stream)
{
	struct world_node *node = owner;

	skex_hub_accept(node->hub, stream);
}

/* The one of this processor, as daemons have it: all variants give the same (math_variants). */
static const struct skex_math *math(void)
{
	return skex_math_select(skex_posix_cpu_features());
}

static enum skex_error start_hub(struct world_node *node)
{
	struct skex_hub_setup setup = {&node->platform, skex_crypto_openssl(), math(), node->store,
		node->registry, &node->hub_config, DIRECTORY, world_kek};
	enum skex_error error = skex_hub_new(&setup, &node->hub);

	if (error == SKEX_OK)
		world_must(node->platform.net->listen(node->platform.net->context, node->name,
				   HUB_PORT, accepted, node, &node->listener),
			"listen");
	return error;
}

static enum skex_error start_agent(struct world_node *node)
{
	struct skex_agent_setup setup = {&node->platform, skex_crypto_openssl(), math(),
		node->store, node->registry, &node->agent_config, DIRECTORY, world_kek};

	return skex_agent_new(&setup, &node->agent);
}

static enum skex_error start(struct world_node *node)
{
	enum skex_error error = node->store == NULL ? open_store(node) : SKEX_OK;

	if (error == SKEX_OK)
		error = node->is_hub ? start_hub(node) : start_agent(node);
	node->woken = true;
	world_attend(node);
	return error;
}

void world_start(struct world_node *node)
{
	if (!world_is_up(node))
		world_must(start(node), "start");
}

bool world_try_start(struct world_node *node)
{
	if (world_is_up(node) || start(node) == SKEX_OK)
		return true;
	skex_store_close(node->store);
	node->store = NULL;
	disk_crash(node->disk);
	return false;
}

void world_node_stop(struct world_node *node)
{
	if (!world_is_up(node))
		return;
	skex_hub_free(node->hub);
	skex_agent_free(node->agent);
	node->hub = NULL;
	node->agent = NULL;
	sim_net_kill(node->world->net, node->number);
	skex_store_close(node->store);
	node->store = NULL;
	disk_crash(node->disk);
	node->spins = 0;
	world_set_turn(node, UINT64_MAX);
}

void world_crash(struct world_node *node)
{
	world_node_stop(node);
}

void world_power_cut(struct world_node *node)
{
	if (!world_is_up(node))
		return;
	world_node_stop(node);
	disk_power_cut(node->disk, world_random(node->world));
}

struct disk *world_snapshot(struct world_node *node)
{
	return disk_copy(node->disk);
}

void world_restore(struct world_node *node, struct disk *copy)
{
	if (world_is_up(node))
		abort();
	disk_free(node->disk);
	node->disk = copy;
	disk_on_sync(copy, asked_for_sync, node);
	node->platform.files = disk_files(copy);
}

void world_restore_registry(struct world_node *node, struct skex_registry *copy)
{
	if (world_is_up(node))
		abort();
	skex_registry_close(node->registry);
	node->registry = copy;
}

void world_set_pools(struct world *world, uint32_t low_keys, uint32_t high_keys)
{
	uint32_t i;

	for (i = 0; i < world->agents; i++) {
		world_agent(world, i)->agent_config.pool.low_keys = low_keys;
		world_agent(world, i)->agent_config.pool.high_keys = high_keys;
	}
}

struct counting {
	const char *name;
	const char *hub;
	uint32_t count;
};

static void count_event(void *owner, const struct skex_agent_event *event)
{
	struct counting *counting = owner;

	counting->count += strcmp(event->name, counting->name) == 0 &&
		(counting->hub == NULL || strcmp(event->hub, counting->hub) == 0);
}

uint32_t world_events(struct world_node *agent, const char *name, const char *hub)
{
	struct counting counting = {name, hub, 0};

	if (agent->agent != NULL)
		skex_agent_events(agent->agent, count_event, &counting);
	return counting.count;
}

bool world_is_up(const struct world_node *node)
{
	return node->hub != NULL || node->agent != NULL;
}

struct skex_agent *world_agent_of(struct world_node *node)
{
	return node->agent;
}

struct skex_hub *world_hub_of(struct world_node *node)
{
	return node->hub;
}

struct disk *world_disk(struct world_node *node)
{
	return node->disk;
}

void world_hold_disk(struct world_node *node, bool held)
{
	node->disk_held = held;
	world_attend(node);
}

struct world_node *world_node_of(struct world *world, uint32_t number)
{
	return &world->nodes[number];
}

void world_set_clock(struct world_node *node, int64_t off_ms)
{
	node->clock_off_ms = off_ms;
	node->woken = true;
	world_attend(node);
}

void world_part(struct world_node *a, struct world_node *b, bool apart)
{
	sim_net_part(a->world->net, a->number, b->number, apart);
}

struct skex_registry *world_registry(struct world_node *node)
{
	return node->registry;
}

struct skex_hub_config *world_hub_config(struct world_node *hub)
{
	return &hub->hub_config;
}

struct skex_agent_config *world_agent_config(struct world_node *agent)
{
	return &agent->agent_config;
}

struct world_node *world_hub(struct world *world, uint32_t i)
{
	return &world->nodes[i];
}

struct world_node *world_agent(struct world *world, uint32_t i)
{
	return &world->nodes[world->hubs + i];
}
