/* SPDX-License-Identifier: Apache-2.0 */
#include "api/agent_metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/agent_internal.h"

/*
 * The text format wants all samples of a metric together, so that legs, pools and peers are gone
 * through once per metric.  Names and purposes hold nothing that has to be escaped in a label.
 */
enum leg_metric {
	LEG_UP,
	LEG_SEND_LEFT,
	LEG_RECEIVE_LEFT,
	LEG_DAYS_LEFT,
	LEG_REFUSED,
	LEG_INCONSISTENT,
};

enum pool_metric {
	POOL_READY,
	POOL_AGE,
};

enum binding_metric {
	BINDING_SERVED,
	BINDING_AGE,
	BINDING_CLOSED,
	BINDING_ROTATIONS,
	BINDING_FAILED,
};

struct page {
	FILE *out;
	const char *name;
	int metric;
	uint64_t wall_ms;
};

static void head(struct page *page, const char *name, const char *type, const char *help)
{
	page->name = name;
	fprintf(page->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_leg(void *owner, const struct skex_leg_status *leg)
{
	struct page *page = owner;
	double value = 0;

	switch ((enum leg_metric)page->metric) {
	case LEG_UP:
		value = leg->connected ? 1 : 0;
		break;
	case LEG_SEND_LEFT:
		value = (double)leg->send_left_bytes;
		break;
	case LEG_RECEIVE_LEFT:
		value = (double)leg->receive_left_bytes;
		break;
	case LEG_DAYS_LEFT:
		if (leg->days_left < 0)
			return;
		value = leg->days_left;
		break;
	case LEG_REFUSED:
		value = (double)leg->refused_packets;
		break;
	case LEG_INCONSISTENT:
		value = (double)leg->inconsistent;
		break;
	}
	fprintf(page->out, "%s{hub=\"%s\"} %.15g\n", page->name, leg->hub.text, value);
}

static void add_pool(void *owner, const struct skex_pool_status *pool)
{
	struct page *page = owner;
	uint64_t age_ms = page->wall_ms - pool->last_block_wall_ms;
	bool age = page->metric == POOL_AGE;

	if (age && (pool->last_block_wall_ms == 0 || pool->last_block_wall_ms > page->wall_ms))
		return;
	fprintf(page->out, "%s{peer=\"%s\",purpose=\"%s\",direction=\"%s\"} %.15g\n", page->name,
		pool->peer.text, pool->purpose, pool->initiator ? "get" : "fetch",
		age ? (double)age_ms / 1000 : (double)pool->keys_256);
}

static void add_peer(void *owner, const struct skex_peer_status *peer)
{
	struct page *page = owner;

	/* How many hubs more may fail; below zero there are no new keys. */
	fprintf(page->out, "%s{peer=\"%s\"} %d\n", page->name, peer->name.text,
		(int)peer->legs_up - (int)peer->k);
}

static void add_legs(struct page *page, struct skex_agent *agent, enum leg_metric metric,
	const char *name, const char *type, const char *help)
{
	head(page, name, type, help);
	page->metric = (int)metric;
	skex_agent_legs(agent, add_leg, page);
}

static void add_pools(struct page *page, struct skex_agent *agent, enum pool_metric metric,
	const char *name, const char *help)
{
	head(page, name, "gauge", help);
	page->metric = (int)metric;
	skex_agent_pools(agent, add_pool, page);
}

static void add_counters(struct page *page, const struct skex_agent *agent)
{
	struct skex_agent_counters c;

	skex_agent_counters(agent, &c);
	const struct {
		const char *name;
		const char *help;
		uint64_t value;
	} all[] = {
		{"skexd_blocks_initiated_total", "Blocks begun here.", c.blocks_initiated},
		{"skexd_blocks_accepted_total", "Blocks accepted from peers.", c.blocks_accepted},
		{"skexd_blocks_confirmed_total", "Blocks confirmed by both ends.",
			c.blocks_confirmed},
		{"skexd_blocks_failed_total", "Blocks that came to nothing.", c.blocks_failed},
		{"skexd_keys_delivered_total", "Keys handed out by get.", c.keys_delivered},
		{"skexd_keys_fetched_total", "Keys handed out by fetch.", c.keys_fetched},
		{"skexd_shares_received_total", "Shares received.", c.shares_received},
		{"skexd_shares_refused_total", "Shares refused.", c.shares_refused},
		{"skexd_shares_late_total", "Shares of blocks that were accepted before.",
			c.shares_late},
		{"skexd_inconsistent_shares_total", "Shares that did not fit the others.",
			c.inconsistent_shares},
		{"skexd_packets_refused_total", "Packets refused.", c.packets_refused},
		{"skexd_tags_wrong_total", "Wrong one-time tags.", c.tags_wrong},
		{"skexd_rollbacks_total", "States from the past seen.", c.rollbacks},
		{"skexd_notes_sent_total", "Notes that hubs have taken.", c.notes_sent},
		{"skexd_notes_received_total", "Notes received.", c.notes_received},
		{"skexd_notes_repeated_total", "Copies of notes received.", c.notes_repeated},
		{"skexd_notes_refused_total", "Notes that were dropped.", c.notes_refused},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		head(page, all[i].name, "counter", all[i].help);
		fprintf(page->out, "%s %" PRIu64 "\n", all[i].name, all[i].value);
	}
}

static void add_binding(struct page *page, const struct skex_agent_binding_status *status)
{
	const bool active = status->served && status->active_key[0] != '\0';
	double value = 0;

	switch ((enum binding_metric)page->metric) {
	case BINDING_SERVED:
		value = status->served;
		break;
	case BINDING_AGE:
		if (!active)
			return;
		value = (double)status->age_ms / 1000;
		break;
	case BINDING_CLOSED:
		value = status->closed;
		break;
	case BINDING_ROTATIONS:
		value = (double)status->rotations;
		break;
	case BINDING_FAILED:
		value = (double)status->failed;
		break;
	}
	fprintf(page->out, "%s{binding=\"%s\",consumer=\"%s\",peer=\"%s\"} %.15g\n", page->name,
		status->config->name.text, skex_binding_consumer(status->config),
		status->config->peer.text, value);
}

static void add_bindings(struct page *page, const struct skex_agent_ops *ops,
	enum binding_metric metric, const char *name, const char *type, const char *help)
{
	const struct skex_binding_config *binding;
	struct skex_agent_binding_status status;

	head(page, name, type, help);
	page->metric = (int)metric;
	for (binding = skex_agent_binding_next(ops->agent, NULL); binding != NULL;
		binding = skex_agent_binding_next(ops->agent, binding->name.text)) {
		skex_agent_binding_status(ops, binding, &status);
		add_binding(page, &status);
	}
}

char *skex_agent_metrics(const struct skex_agent_ops *ops)
{
	const struct skex_platform *platform = ops->platform;
	struct skex_agent *agent = ops->agent;
	struct page page = {.wall_ms = platform->wall_ms(platform->context)};
	char *text = NULL;
	size_t size = 0;

	page.out = open_memstream(&text, &size);
	if (page.out == NULL)
		return NULL;
	add_legs(&page, agent, LEG_UP, "skexd_hub_up", "gauge", "Whether the hub is connected.");
	add_legs(&page, agent, LEG_SEND_LEFT, "skexd_pad_to_hub_bytes", "gauge",
		"Pad left towards the hub.");
	add_legs(&page, agent, LEG_RECEIVE_LEFT, "skexd_pad_to_agent_bytes", "gauge",
		"Pad left from the hub.");
	add_legs(&page, agent, LEG_DAYS_LEFT, "skexd_pad_days", "gauge",
		"How long the pad lasts at the present rate.");
	add_legs(&page, agent, LEG_REFUSED, "skexd_hub_packets_refused_total", "counter",
		"Packets from the hub that were refused.");
	add_legs(&page, agent, LEG_INCONSISTENT, "skexd_hub_inconsistent_shares_total", "counter",
		"Shares through the hub that did not fit the others.");
	head(&page, "skexd_peer_spare_hubs", "gauge",
		"Hubs of the peer's profile that are up, less those that are needed.");
	skex_agent_peers(agent, add_peer, &page);
	add_pools(&page, agent, POOL_READY, "skexd_pool_keys", "256-bit keys that are ready.");
	add_pools(&page, agent, POOL_AGE, "skexd_pool_block_age_seconds",
		"Time since the last block of the pool.");
	add_bindings(&page, ops, BINDING_SERVED, "skexd_binding_served", "gauge",
		"Whether the process that runs the binding says how it is.");
	add_bindings(&page, ops, BINDING_AGE, "skexd_binding_key_age_seconds", "gauge",
		"For how long the key has been in use.");
	add_bindings(&page, ops, BINDING_CLOSED, "skexd_binding_closed", "gauge",
		"Whether the consumer is closed, because no fresh key could be had.");
	add_bindings(&page, ops, BINDING_ROTATIONS, "skexd_binding_rotations_total", "counter",
		"Keys that came into use.");
	add_bindings(&page, ops, BINDING_FAILED, "skexd_binding_failed_total", "counter",
		"Rotations that came to nothing.");
	add_counters(&page, agent);
	if (fclose(page.out) == 0)
		return text;
	free(text);
	return NULL;
}
