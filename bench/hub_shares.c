/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A hub in memory, with many agents enrolled, of which two exchange shares through it:
 * hub_shares ENROLLED SHARES
 * To be run under callgrind with --collect-atstart=no: it counts what the hub does, and neither the
 * agents' part nor the start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/callgrind.h>

#include "bench/agents.h"
#include "bench/enrolled.h"
#include "bench/world.h"
#include "crypto/openssl.h"
#include "hub/hub.h"
#include "link/link.h"
#include "tests/sim/disk.h"
#include "tests/sim/net.h"

#define PORT      7100
#define DIRECTORY "/state"
#define BATCH     16u /* shares under way at once */

static const uint8_t kek[SKEX_KEK_BYTES] = "a key of no importance";

struct node {
	struct disk *disk;
	struct skex_platform platform;
	struct skex_net net; /* of the hub: what comes in is counted */
	struct skex_registry *registry;
	struct skex_store *store;
	bool woken;
	uint64_t turn_ms;
};

static struct node hub_node, agent_node;
static struct skex_hub *hub;
static struct skex_link agents; /* both of them */
static struct skex_leg *sender, *receiver;
static struct sim_net *net;
static const struct skex_net *bare_net; /* of the hub */
static uint32_t arrived;

/* ---- the platform ---- */

static void wake(void *context)
{
	struct node *node = context;

	node->woken = true;
}

static void node_init(struct node *node, uint32_t number, const char *name)
{
	const struct skex_files *files;

	node->disk = disk_new();
	files = disk_files(node->disk);
	node->platform = bench_platform(node);
	node->platform.wake = wake;
	node->platform.files = files;
	node->platform.net = sim_net_table(net, number, name);
	bench_must(skex_registry_open(":memory:", &node->registry), "registry");
	bench_must(files->make_directory(files->context, DIRECTORY "/store"), "directory");
	bench_must(skex_log_store_open(&node->platform, skex_crypto_openssl(), DIRECTORY "/store",
			   kek, &node->store),
		"store");
}

/* Until the disk has all. */
static void node_settle(struct node *node)
{
	for (int quiet = 0; quiet < 3; quiet++) {
		(void)skex_store_turn(node->store, bench_clock_ms);
		if (disk_turn(node->disk))
			quiet = 0;
	}
}

/* ---- counting: from the outside of the hub's callbacks ---- */

struct counted {
	const struct skex_stream_events *events;
	void *owner;
};

static void counted_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct counted *counted = owner;

	CALLGRIND_TOGGLE_COLLECT;
	counted->events->received(counted->owner, stream, bytes);
	CALLGRIND_TOGGLE_COLLECT;
}

static void counted_drained(void *owner, struct skex_stream *stream)
{
	struct counted *counted = owner;

	CALLGRIND_TOGGLE_COLLECT;
	counted->events->drained(counted->owner, stream);
	CALLGRIND_TOGGLE_COLLECT;
}

static void counted_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct counted *counted = owner;

	counted->events->closed(counted->owner, stream, why);
	free(counted);
}

static void counted_attach(
	struct skex_stream *stream, const struct skex_stream_events *events, void *owner)
{
	static const struct skex_stream_events counting = {
		.received = counted_received, .drained = counted_drained, .closed = counted_closed};
	struct counted *counted = calloc(1, sizeof(*counted));

	if (counted == NULL)
		abort();
	counted->events = events;
	counted->owner = owner;
	bare_net->attach(stream, &counting, counted);
}

static void accepted(void *owner, struct skex_stream *stream)
{
	(void)owner;
	skex_hub_accept(hub, stream);
}

/* ---- the two agents ---- */

static void leg_event(void *owner, struct skex_leg *leg)
{
	(void)owner;
	(void)leg;
}

static void message(void *owner, struct skex_leg *leg, const struct skex_incoming *incoming)
{
	(void)owner;
	(void)leg;
	arrived += incoming->type == SKEX_MESSAGE_SHARE;
}

static const struct skex_link_events agent_events = {
	.up = leg_event,
	.down = leg_event,
	.message = message,
	.duplicate = bench_duplicate,
	.released = leg_event,
	.refused = bench_refused,
	.writable = leg_event,
	.alarm = bench_alarm,
};

/* ---- the world ---- */

static void turn(struct node *node)
{
	node->woken = false;
	if (node == &agent_node) {
		node->turn_ms = skex_link_turn(&agents, bench_clock_ms);
		return;
	}
	CALLGRIND_TOGGLE_COLLECT;
	node->turn_ms = skex_hub_turn(hub, bench_clock_ms);
	CALLGRIND_TOGGLE_COLLECT;
}

static void disk_events(struct node *node)
{
	if (node == &hub_node)
		CALLGRIND_TOGGLE_COLLECT;
	node->woken |= disk_turn(node->disk);
	if (node == &hub_node)
		CALLGRIND_TOGGLE_COLLECT;
}

/* All that can be done at this instant. */
static void settle(void)
{
	struct node *const nodes[] = {&hub_node, &agent_node};
	bool busy = true;

	while (busy) {
		uint32_t number = 0;

		busy = false;
		while (sim_net_step(net, bench_clock_ms, &number)) {
			nodes[number]->woken = true;
			busy = true;
		}
		for (size_t i = 0; i < 2; i++) {
			disk_events(nodes[i]);
			if (!nodes[i]->woken && nodes[i]->turn_ms > bench_clock_ms)
				continue;
			turn(nodes[i]);
			busy |= nodes[i]->woken || disk_busy(nodes[i]->disk) > 0;
		}
	}
}

static void start_hub(uint32_t enrolled)
{
	static struct skex_policy_rule policy = {"*", "*"};
	static struct skex_hub_config config = {.policy_count = 1,
		.policy = &policy,
		.pair_quota_bytes = UINT64_C(1) << 40,
		.unacknowledged_bytes = 64u << 20,
		.lifetime_max_s = 86400,
		.shards = 1};
	const struct skex_hub_setup setup = {.platform = &hub_node.platform,
		.crypto = skex_crypto_openssl(),
		.math = &skex_math_portable,
		.store = hub_node.store,
		.registry = hub_node.registry,
		.config = &config,
		.directory = DIRECTORY,
		.kek = kek};
	struct skex_listener *listener;
	uint8_t id[SKEX_HUB_ID_BYTES];

	memset(id, ENROLLED_HUB_BYTE, sizeof(id));
	bench_must(skex_registry_set(hub_node.registry, "hub_id", skex_view(id, sizeof(id))), "id");
	for (uint32_t at = 0; at < enrolled;) {
		const uint32_t last = enrolled - at < 1000 ? enrolled : at + 1000;

		enrolled_at_hub(hub_node.registry, hub_node.store, at + 1, last);
		node_settle(&hub_node);
		at = last;
	}
	bare_net = hub_node.platform.net;
	hub_node.net = *bare_net;
	hub_node.net.attach = counted_attach;
	hub_node.platform.net = &hub_node.net;
	bench_must(skex_hub_new(&setup, &hub), "hub");
	bench_must(bare_net->listen(bare_net->context, "hub", PORT, accepted, NULL, &listener),
		"listen");
}

static void start_agents(void)
{
	char addresses[32];

	snprintf(addresses, sizeof(addresses), "hub %d", PORT);
	for (uint32_t i = 1; i <= 2; i++)
		enrolled_at_agent(agent_node.registry, agent_node.store, i, "hub", addresses);
	node_settle(&agent_node);
	agents.role = SKEX_ROLE_AGENT;
	agents.platform = &agent_node.platform;
	agents.crypto = skex_crypto_openssl();
	agents.math = &skex_math_portable;
	agents.store = agent_node.store;
	agents.registry = agent_node.registry;
	agents.directory = DIRECTORY;
	agents.kek = kek;
	agents.events = &agent_events;
	skex_link_init(&agents);
	bench_must(skex_leg_load(&agents, 1, &sender), "leg");
	bench_must(skex_leg_load(&agents, 2, &receiver), "leg");
}

int main(int argc, char **argv)
{
	uint32_t shares, sent = 0;

	if (argc != 3) {
		fputs("usage: hub_shares ENROLLED SHARES\n", stderr);
		return 1;
	}
	shares = (uint32_t)strtoul(argv[2], NULL, 10);
	net = sim_net_new(bench_random, NULL);
	node_init(&hub_node, 0, "hub");
	node_init(&agent_node, 1, "agents");
	start_hub((uint32_t)strtoul(argv[1], NULL, 10));
	start_agents();
	for (int i = 0; i < 5; i++, bench_clock_ms += 100)
		settle();
	/* Whether or not it was on from the start. */
	CALLGRIND_START_INSTRUMENTATION;
	while (arrived < shares && bench_clock_ms < 600000) {
		for (uint32_t i = 0; i < BATCH && sent < shares; i++)
			sent += bench_send_share(sender, 1, 2, sent, 1, 1024);
		settle();
		bench_clock_ms += 1;
	}
	printf("{\"sent\":%u,\"arrived\":%u}\n", sent, arrived);
	return arrived == shares ? 0 : 1;
}
