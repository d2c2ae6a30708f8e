/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/leg/ratchet.h"
#include "crypto/openssl.h"
#include "store/pad_file.h"
#include "store/tables.h"
#include "tests/sim/disk.h"
#include "tests/sim/net.h"
#include "tests/sim/trace.h"

#define HUB_PORT  7100
#define PAIR_PORT 7500
#define DIRECTORY "/state"

struct world_node {
	struct world *world;
	uint32_t number;
	bool is_hub;
	char name[16];
	struct disk *disk;
	struct skex_platform platform;
	struct skex_registry *registry; /* small and synchronous: it outlives a crash */
	struct skex_store *store;
	struct skex_listener *listener;
	struct skex_hub *hub;
	struct skex_agent *agent;
	struct skex_hub_config hub_config;
	struct skex_agent_config agent_config;
	bool woken;
	bool disk_held;
	int64_t clock_off_ms;
	uint64_t turn_ms;
};

struct world {
	uint64_t state; /* of the generator */
	uint64_t now;
	uint8_t hubs;
	uint8_t agents;
	uint8_t k;
	struct sim_net *net;
	struct world_node nodes[WORLD_NODES_MAX];
	struct skex_profile_config profile;
	struct skex_policy_rule policy;
	bool verbose;
	bool paired;
};

static const uint8_t kek[SKEX_KEK_BYTES] = "a key that all nodes share, here";

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
}

/* ---- making legs -------------------------------------------------------------------------------
 */

struct filler {
	uint64_t state;
};

/* The same pad bytes at both ends, from the numbers of the leg. */
static enum skex_error fill(void *owner, uint8_t *out, size_t size)
{
	struct filler *filler = owner;
	size_t i;

	for (i = 0; i < size; i++) {
		filler->state = filler->state * UINT64_C(6364136223846793005) +
			UINT64_C(1442695040888963407);
		out[i] = (uint8_t)(filler->state >> 56);
	}
	return SKEX_OK;
}

static struct filler filler_of(uint64_t leg, uint8_t direction, uint32_t generation)
{
	struct filler filler = {(leg * 2 + direction) * 16 + generation + 77};

	return filler;
}

static void must(enum skex_error error, const char *what)
{
	if (error == SKEX_OK)
		return;
	fprintf(stderr, "world: %s: %s\n", what, skex_error_name(error));
	abort();
}

static void put_epochs(struct world_node *node, uint64_t leg)
{
	struct skex_txn *txn = skex_txn_begin(node->store);
	uint8_t direction;

	for (direction = 0; direction < 2; direction++) {
		uint8_t key[9];
		uint8_t value[4 + SKEX_AEAD_KEY_BYTES];
		struct skex_view part = skex_view(value, sizeof(value));
		struct skex_writer writer;

		memset(value, (int)(leg * 2 + direction), sizeof(value));
		skex_writer_init(&writer, value, 4);
		skex_write_u32(&writer, 0);
		skex_writer_init(&writer, key, sizeof(key));
		skex_write_u64(&writer, leg);
		skex_write_u8(&writer, direction);
		skex_txn_put_secret(
			txn, node->store, SKEX_TABLE_EPOCH, skex_view(key, sizeof(key)), &part, 1);
	}
	must(skex_txn_submit(txn, node->store, NULL, NULL), "epochs");
}

static void put_ratchets(struct world_node *node, uint64_t leg)
{
	struct skex_txn *txn = skex_txn_begin(node->store);
	const uint8_t seed[SKEX_HASH_BYTES] = {(uint8_t)leg, 1};
	uint8_t direction;

	for (direction = 0; direction < 2; direction++) {
		struct skex_ratchet ratchet;
		uint8_t key[9];
		uint8_t value[8 + SKEX_HASH_BYTES] = {0};
		struct skex_view part = skex_view(value, sizeof(value));
		struct skex_writer writer;

		must(skex_ratchet_init(&ratchet, skex_crypto_openssl(), seed, leg, direction, 0),
			"ratchet");
		memcpy(value + 8, ratchet.key, sizeof(ratchet.key));
		skex_writer_init(&writer, key, sizeof(key));
		skex_write_u64(&writer, leg);
		skex_write_u8(&writer, direction);
		skex_txn_put_secret(txn, node->store, SKEX_TABLE_RATCHET,
			skex_view(key, sizeof(key)), &part, 1);
	}
	must(skex_txn_submit(txn, node->store, NULL, NULL), "ratchets");
}

/* Both pads of one generation. */
static void make_pads(
	struct world_node *node, uint64_t leg, uint32_t generation, uint64_t pad_bytes)
{
	uint8_t direction;

	for (direction = 0; direction < 2; direction++) {
		struct skex_pad_record pad = {leg, direction, generation, pad_bytes, false};
		struct filler filler = filler_of(leg, direction, generation);
		char path[128];

		(void)skex_pad_path(path, sizeof(path), DIRECTORY, leg, direction, generation);
		must(skex_pad_file_make(&node->platform, skex_crypto_openssl(), path, kek,
			     pad_bytes, fill, &filler),
			"pad");
		must(skex_registry_pad_put(node->registry, &pad), "pad row");
	}
}

static void make_leg(struct world_node *node, uint64_t leg, const struct world_node *hub,
	const struct world_node *other, uint64_t pad_bytes)
{
	struct skex_leg_record record = {0};

	record.leg = leg;
	if (!skex_name_parse(&record.other, skex_view(other->name, strlen(other->name))))
		abort();
	memset(record.hub, (int)hub->number + 1, sizeof(record.hub));
	record.aead = SKEX_AEAD_AES_256_GCM;
	record.kind = pad_bytes == 0 ? SKEX_PAD_RATCHET : SKEX_PAD_TABLE;
	record.class = pad_bytes == 0 ? SKEX_CLASS_COMPUTATIONAL : SKEX_CLASS_ITS;
	snprintf(record.addresses, sizeof(record.addresses), "%s %d", hub->name, HUB_PORT);
	snprintf(record.source, sizeof(record.source), "world");
	record.pads[0] = leg * 2;
	record.pads[1] = leg * 2 + 1;
	must(skex_registry_leg_put(node->registry, &record), "leg row");
	if (pad_bytes == 0)
		put_ratchets(node, leg);
	else
		make_pads(node, leg, 0, pad_bytes);
	put_epochs(node, leg);
}

static uint64_t leg_number(const struct world_node *hub, const struct world_node *agent)
{
	return 100 + hub->number * 32 + agent->number;
}

static void enrol(
	struct world *world, struct world_node *hub, struct world_node *agent, uint64_t pad_bytes)
{
	const uint64_t leg = leg_number(hub, agent);
	struct skex_member member = {0};

	(void)world;
	if (!skex_name_parse(&member.name, skex_view(agent->name, strlen(agent->name))))
		abort();
	member.state = SKEX_MEMBER_ENROLLED;
	member.leg = leg;
	must(skex_registry_member_put(hub->registry, &member), "member");
	make_leg(hub, leg, hub, agent, pad_bytes);
	make_leg(agent, leg, hub, hub, pad_bytes);
}

/* ---- nodes -------------------------------------------------------------------------------------
 */

static enum skex_error open_store(struct world_node *node)
{
	return skex_log_store_open(
		&node->platform, skex_crypto_openssl(), DIRECTORY "/store", kek, &node->store);
}

static void node_init(struct world *world, uint32_t number, bool is_hub, uint32_t index)
{
	struct world_node *node = &world->nodes[number];
	uint8_t id[SKEX_HUB_ID_BYTES];

	node->world = world;
	node->number = number;
	node->is_hub = is_hub;
	snprintf(node->name, sizeof(node->name), "%s%u", is_hub ? "hub" : "agent", index + 1);
	node->disk = disk_new();
	node->platform.context = node;
	node->platform.now_ms = now_ms;
	node->platform.wall_ms = wall_ms;
	node->platform.random = random_bytes;
	node->platform.log = log_line;
	node->platform.wake = wake;
	node->platform.files = disk_files(node->disk);
	node->platform.net = sim_net_table(world->net, number, node->name);
	must(skex_registry_open(":memory:", &node->registry), "registry");
	must(node->platform.files->make_directory(node->platform.files->context, DIRECTORY "/pads"),
		"directory");
	must(node->platform.files->make_directory(
		     node->platform.files->context, DIRECTORY "/store"),
		"directory");
	must(node->platform.files->sync_directory(node->platform.files->context, DIRECTORY),
		"directory");
	must(open_store(node), "store");
	memset(id, (int)number + 1, sizeof(id));
	if (is_hub)
		must(skex_registry_set(node->registry, "hub_id", skex_view(id, sizeof(id))),
			"hub id");
}

static void configure_hub(struct world_node *node)
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

static void configure_agent(struct world_node *node)
{
	struct world *world = node->world;
	struct skex_agent_config *config = &node->agent_config;
	uint8_t i;

	(void)skex_name_parse(&config->name, skex_view(node->name, strlen(node->name)));
	config->profiles_count = world->hubs == 0 ? 0 : 1;
	config->pairwise.enabled = world->paired;
	snprintf(config->pairwise.listen.host, sizeof(config->pairwise.listen.host), "::");
	config->pairwise.listen.port = PAIR_PORT;
	config->profiles = &world->profile;
	config->peers = calloc(world->agents, sizeof(*config->peers));
	for (i = 0; i < world->agents; i++) {
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

static enum skex_error start_hub(struct world_node *node)
{
	struct skex_hub_setup setup = {&node->platform, skex_crypto_openssl(), &skex_math_portable,
		node->store, node->registry, &node->hub_config, DIRECTORY, kek};
	enum skex_error error = skex_hub_new(&setup, &node->hub);

	if (error == SKEX_OK)
		must(node->platform.net->listen(node->platform.net->context, node->name, HUB_PORT,
			     accepted, node, &node->listener),
			"listen");
	return error;
}

static enum skex_error start_agent(struct world_node *node)
{
	struct skex_agent_setup setup = {&node->platform, skex_crypto_openssl(),
		&skex_math_portable, node->store, node->registry, &node->agent_config, DIRECTORY,
		kek};

	return skex_agent_new(&setup, &node->agent);
}

static enum skex_error start(struct world_node *node)
{
	enum skex_error error = node->store == NULL ? open_store(node) : SKEX_OK;

	if (error == SKEX_OK)
		error = node->is_hub ? start_hub(node) : start_agent(node);
	node->woken = true;
	return error;
}

void world_start(struct world_node *node)
{
	if (!world_is_up(node))
		must(start(node), "start");
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

static void stop(struct world_node *node)
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
}

void world_crash(struct world_node *node)
{
	stop(node);
}

void world_power_cut(struct world_node *node)
{
	if (!world_is_up(node))
		return;
	stop(node);
	disk_power_cut(node->disk, world_random(node->world));
}

static const char *const directories[] = {DIRECTORY "/store", DIRECTORY "/pads"};

struct copying {
	const struct skex_files *from;
	const struct skex_files *to;
	const char *directory;
};

static void copy_file(void *owner, const char *name)
{
	struct copying *copying = owner;
	struct skex_file *from = NULL;
	struct skex_file *to = NULL;
	uint64_t size = 0;
	char path[256];
	uint8_t *bytes;

	snprintf(path, sizeof(path), "%s/%s", copying->directory, name);
	must(copying->from->open(copying->from->context, path, SKEX_OPEN_READ, &from),
		"copy: open");
	must(copying->from->size(from, &size), "copy: size");
	bytes = malloc(size + 1);
	if (size > 0)
		must(copying->from->read(from, 0, bytes, size), "copy: read");
	must(copying->to->open(copying->to->context, path, SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &to),
		"copy: make");
	must(copying->to->resize(to, size), "copy: resize");
	if (size > 0)
		must(copying->to->write(to, 0, bytes, size), "copy: write");
	must(copying->to->sync_wait(to), "copy: sync");
	copying->from->close(from);
	copying->to->close(to);
	free(bytes);
}

struct disk *world_snapshot(struct world_node *node)
{
	struct disk *copy = disk_new();
	struct copying copying = {disk_files(node->disk), disk_files(copy), NULL};
	size_t i;

	for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		copying.directory = directories[i];
		must(copying.to->make_directory(copying.to->context, directories[i]),
			"copy: directory");
		must(copying.from->list(copying.from->context, directories[i], copy_file, &copying),
			"copy: list");
		must(copying.to->sync_directory(copying.to->context, directories[i]), "copy: sync");
	}
	must(copying.to->sync_directory(copying.to->context, DIRECTORY), "copy: sync");
	return copy;
}

void world_restore(struct world_node *node, struct disk *copy)
{
	if (world_is_up(node))
		abort();
	disk_free(node->disk);
	node->disk = copy;
	node->platform.files = disk_files(copy);
}

void world_restore_registry(struct world_node *node, struct skex_registry *copy)
{
	if (world_is_up(node))
		abort();
	skex_registry_close(node->registry);
	node->registry = copy;
}

void world_refill(struct world *world, uint8_t hub, uint8_t agent, uint64_t pad_bytes)
{
	world_refill_as(world, hub, agent, 1, pad_bytes);
}

void world_refill_as(
	struct world *world, uint8_t hub, uint8_t agent, uint32_t generation, uint64_t pad_bytes)
{
	struct world_node *at_hub = world_hub(world, hub);
	struct world_node *at_agent = world_agent(world, agent);
	const uint64_t leg = leg_number(at_hub, at_agent);

	make_pads(at_hub, leg, generation, pad_bytes);
	make_pads(at_agent, leg, generation, pad_bytes);
}

void world_pad(uint64_t leg, uint8_t direction, uint32_t generation, uint8_t *out, size_t size)
{
	struct filler filler = filler_of(leg, direction, generation);

	must(fill(&filler, out, size), "pad");
}

void world_set_pools(struct world *world, uint32_t low_keys, uint32_t high_keys)
{
	uint8_t i;

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
}

struct world_node *world_node_of(struct world *world, uint8_t number)
{
	return &world->nodes[number];
}

uint64_t world_leg(struct world *world, uint8_t hub, uint8_t agent)
{
	return leg_number(world_hub(world, hub), world_agent(world, agent));
}

void world_set_clock(struct world_node *node, int64_t off_ms)
{
	node->clock_off_ms = off_ms;
	node->woken = true;
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

struct world_node *world_hub(struct world *world, uint8_t i)
{
	return &world->nodes[i];
}

struct world_node *world_agent(struct world *world, uint8_t i)
{
	return &world->nodes[world->hubs + i];
}

/* ---- the world ---------------------------------------------------------------------------------
 */

static void settle_setup(void *owner, enum skex_error error)
{
	bool *settled = owner;

	must(error, "setup");
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
		node_init(world, i, i < hubs, i < hubs ? i : (uint32_t)(i - hubs));
	for (i = 0; i < hubs; i++) {
		(void)skex_name_parse(&world->profile.hubs[i].name,
			skex_view(world->nodes[i].name, strlen(world->nodes[i].name)));
		configure_hub(&world->nodes[i]);
		for (j = 0; j < agents; j++)
			enrol(world, &world->nodes[i], &world->nodes[hubs + j], pad_bytes);
	}
	for (j = 0; j < agents; j++)
		configure_agent(&world->nodes[hubs + j]);
	for (i = 0; i < hubs + agents; i++) {
		struct skex_txn *txn = skex_txn_begin(world->nodes[i].store);
		bool settled = false;

		must(skex_txn_submit(txn, world->nodes[i].store, settle_setup, &settled), "setup");
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

	must(skex_agent_pair_make(left->agent, &request, &terms, &problem), "make");
	request.peer = left->name;
	request.terms = &terms;
	must(skex_agent_pair_take(right->agent, &request, &problem), "take");
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

		stop(node);
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
		stop(node);
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

/* ---- asking ------------------------------------------------------------------------------------
 */

struct answer {
	bool done;
	bool good;
	struct world_key key;
};

static void answered(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct answer *answer = owner;

	answer->done = true;
	if (problem != NULL || count != 1 || keys[0].size > sizeof(answer->key.bytes))
		return;
	answer->good = true;
	memcpy(answer->key.id, keys[0].id, sizeof(answer->key.id));
	memcpy(answer->key.bytes, keys[0].bytes, keys[0].size);
	answer->key.class = keys[0].class;
	answer->key.forward_secret = keys[0].forward_secret;
	answer->key.combined = keys[0].combined;
	answer->key.confirmed = keys[0].confirmed;
	memcpy(answer->key.fingerprint, keys[0].fingerprint, sizeof(answer->key.fingerprint));
	answer->key.size = keys[0].size;
}

static bool ask(struct world *world, struct world_node *node,
	const struct skex_key_request *request, bool fetch, struct world_key *key)
{
	const uint64_t end = world->now + request->wait_ms + 5000;
	struct answer answer = {0};
	struct skex_problem problem;
	uint64_t ticket = 0;

	if (node->agent == NULL)
		return false;
	if ((fetch ? skex_agent_fetch : skex_agent_get)(
		    node->agent, request, answered, &answer, &ticket, &problem) != SKEX_OK)
		return false;
	while (!answer.done && world->now < end && node->agent != NULL)
		world_run(world, 5);
	if (!answer.done && node->agent != NULL)
		skex_agent_cancel(node->agent, ticket);
	if (answer.good)
		*key = answer.key;
	return answer.good;
}

bool world_get(struct world *world, struct world_node *from, struct world_node *to,
	const char *purpose, uint32_t bytes, uint32_t patience_ms, struct world_key *key)
{
	struct skex_key_request request = {0};

	request.peer = to->name;
	request.purpose = purpose;
	request.bytes = bytes;
	request.count = 1;
	request.require_confirmed = true;
	request.wait_ms = patience_ms;
	return ask(world, from, &request, false, key);
}

bool world_fetch(struct world *world, struct world_node *at, struct world_node *from,
	const char *purpose, const uint8_t id[SKEX_KEY_ID_BYTES], uint32_t patience_ms,
	struct world_key *key)
{
	struct skex_key_request request = {0};
	uint8_t ids[1][SKEX_KEY_ID_BYTES];

	memcpy(ids[0], id, SKEX_KEY_ID_BYTES);
	request.peer = from->name;
	request.purpose = purpose;
	request.count = 1;
	request.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	request.require_confirmed = true;
	request.wait_ms = patience_ms;
	return ask(world, at, &request, true, key);
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
