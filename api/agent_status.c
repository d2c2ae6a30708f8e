/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/qkd014.h"
#include "api/agent_internal.h"
#include "api/pad_cost.h"
#include "platform/memory.h"

/* status, peers and identity_status. */

struct list {
	json_t *items;
	bool failed;
	const struct skex_pool_config *pool;
};

static void append(struct list *list, json_t *item)
{
	if (json_array_append_new(list->items, item) != 0)
		list->failed = true;
}

static const char *class_word(enum skex_class class)
{
	return class == SKEX_CLASS_ITS ? "its" : "computational";
}

static json_t *text(const char *value)
{
	return json_string(value != NULL ? value : "");
}

static json_t *number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* The rate that a forecast rests on may be unknown. */
static json_t *days(double value)
{
	return value >= 0 && value < 1e9 ? json_real(value) : json_null();
}

/* How many 256-bit keys the pad is good for, with blocks as they are made here; a ratchet's does
 * not end. */
static json_t *keys_left(const struct skex_leg_status *leg, const struct skex_pool_config *pool)
{
	uint64_t left = leg->send_left_bytes < leg->receive_left_bytes ? leg->send_left_bytes
								       : leg->receive_left_bytes;

	if (leg->kind != SKEX_PAD_TABLE)
		return json_null();
	return number(left / skex_pad_cost_share(pool->blocks, pool->block_bytes) * pool->blocks *
		skex_keys_of_block(pool->block_bytes, 32));
}

static void add_leg(void *owner, const struct skex_leg_status *leg)
{
	struct list *list = owner;
	char id[17];

	snprintf(id, sizeof(id), "%016" PRIx64, leg->leg);
	append(list,
		json_pack("{ss ss sb so so ss ss so so so so so so so so so so}", "hub",
			leg->hub.text, "leg", id, "connected", (int)leg->connected, "state",
			text(leg->state), "last_error", text(leg->last_error), "class",
			class_word(leg->class), "pad",
			leg->kind == SKEX_PAD_TABLE ? "table" : "ratchet", "send_left_bytes",
			number(leg->send_left_bytes), "send_size_bytes",
			number(leg->send_size_bytes), "receive_left_bytes",
			number(leg->receive_left_bytes), "receive_size_bytes",
			number(leg->receive_size_bytes), "keys_left", keys_left(leg, list->pool),
			"days_left", days(leg->days_left), "sent_messages",
			number(leg->sent_messages), "received_messages",
			number(leg->received_messages), "refused_packets",
			number(leg->refused_packets), "inconsistent", number(leg->inconsistent)));
}

static void add_pool(void *owner, const struct skex_pool_status *pool)
{
	append(owner,
		json_pack("{ss so ss so so so so so}", "peer", pool->peer.text, "purpose",
			text(pool->purpose), "direction", pool->initiator ? "get" : "fetch",
			"ready_bytes", number(pool->ready_bytes), "keys_256",
			number(pool->keys_256), "class",
			pool->ready_bytes == 0 ? json_null() : text(class_word(pool->class)),
			"last_block_ms",
			pool->last_block_wall_ms == 0 ? json_null()
						      : number(pool->last_block_wall_ms),
			"last_error", text(pool->last_error)));
}

static void add_peer(void *owner, const struct skex_peer_status *peer)
{
	append(owner,
		json_pack("{ss sb so si si si sb so}", "name", peer->name.text, "configured",
			(int)peer->configured, "profile", text(peer->profile), "n", (int)peer->n,
			"k", (int)peer->k, "legs_up", (int)peer->legs_up, "combine",
			(int)peer->combine, "last_error", text(peer->last_error)));
}

static json_t *counters(const struct skex_agent *agent)
{
	struct skex_agent_counters c;

	skex_agent_counters(agent, &c);
	return json_pack("{so so so so so so so so so so so so so so so so so}", "blocks_initiated",
		number(c.blocks_initiated), "blocks_accepted", number(c.blocks_accepted),
		"blocks_confirmed", number(c.blocks_confirmed), "blocks_failed",
		number(c.blocks_failed), "keys_delivered", number(c.keys_delivered), "keys_fetched",
		number(c.keys_fetched), "shares_received", number(c.shares_received),
		"shares_refused", number(c.shares_refused), "shares_late", number(c.shares_late),
		"inconsistent_shares", number(c.inconsistent_shares), "packets_refused",
		number(c.packets_refused), "tags_wrong", number(c.tags_wrong), "rollbacks",
		number(c.rollbacks), "notes_sent", number(c.notes_sent), "notes_received",
		number(c.notes_received), "notes_repeated", number(c.notes_repeated),
		"notes_refused", number(c.notes_refused));
}

void skex_agent_op_status(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_agent_ops *ops = owner;
	const struct skex_platform *platform = ops->platform;
	struct list legs = {json_array(), false, ops->pool};
	struct list pools = {json_array(), false, ops->pool};
	struct list peers = {json_array(), false, ops->pool};
	uint64_t wall_ms = platform->wall_ms(platform->context);
	json_t *status;

	if (skex_agent_ops_read(call, NULL, 0, request, NULL)) {
		skex_agent_legs(ops->agent, add_leg, &legs);
		skex_agent_pools(ops->agent, add_pool, &pools);
		skex_agent_peers(ops->agent, add_peer, &peers);
		status = json_pack("{s{ss ss so so so sO sO sO so so so so}}", "status", "name",
			skex_agent_name(ops->agent)->text, "version", SKEX_VERSION, "wall_ms",
			wall_ms == 0 ? json_null() : number(wall_ms), "uptime_ms",
			number(platform->now_ms(platform->context) - ops->started_ms),
			"unlocked_bytes", number(skex_secret_unlocked_bytes()), "legs", legs.items,
			"pools", pools.items, "peers", peers.items, "keyfills",
			skex_agent_fills_json(ops->agent), "bindings",
			skex_agent_bindings_json(ops), "kmes", skex_agent_kmes_json(ops->agent),
			"counters", counters(ops->agent));
		if (legs.failed || pools.failed || peers.failed) {
			json_decref(status);
			status = NULL;
		}
		skex_api_reply(call, status);
	}
	json_decref(legs.items);
	json_decref(pools.items);
	json_decref(peers.items);
}

void skex_agent_op_peers(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_agent_ops *ops = owner;
	struct list peers = {json_array(), false, ops->pool};

	if (skex_agent_ops_read(call, NULL, 0, request, NULL)) {
		skex_agent_peers(ops->agent, add_peer, &peers);
		skex_api_reply(call, peers.failed ? NULL : json_pack("{sO}", "peers", peers.items));
	}
	json_decref(peers.items);
}

struct identity_request {
	const char *consumer;
	const char *local;
	const char *remote;
	uint64_t bits;
};

void skex_agent_op_identity_status(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"consumer", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX,
			offsetof(struct identity_request, consumer)},
		{"local", SKEX_FIELD_STRING, true, 1, SKEX_PURPOSE_MAX,
			offsetof(struct identity_request, local)},
		{"remote", SKEX_FIELD_STRING, true, 1, SKEX_PURPOSE_MAX,
			offsetof(struct identity_request, remote)},
		{"bits", SKEX_FIELD_INTEGER, false, 8, SKEX_KEY_MAX * 8,
			offsetof(struct identity_request, bits)},
	};
	const struct skex_agent_ops *ops = owner;
	struct identity_request in = {.bits = 256};
	struct skex_name other;
	enum skex_error error;
	uint32_t additional;
	uint64_t ready;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	if (strcmp(in.consumer, skex_api_call_consumer(call)) != 0 ||
		strcmp(in.consumer, SKEX_BINDINGS_CONSUMER) == 0 ||
		strcmp(in.consumer, SKEX_QKD014_CONSUMER) == 0) {
		skex_api_fail(call, SKEX_E_REFUSED, "not_here",
			"this connection belongs to another consumer",
			"ask in the name of the consumer that the daemon started");
		return;
	}
	error = skex_agent_identity_status(ops->agent, in.consumer, in.local, in.remote,
		(uint32_t)((in.bits + 7) / 8), &ready, &other, &additional);
	if (error == SKEX_E_REFUSED)
		skex_api_fail(call, error, "foreign_identity",
			"that identity does not live at this agent",
			"see identities in skexd.conf");
	else if (error != SKEX_OK)
		skex_api_fail(call, SKEX_E_UNKNOWN, "unknown_identity",
			"no peer of this agent has that identity",
			"add it to the identities of its peer in the configuration");
	else
		skex_api_reply(call,
			json_pack("{ss so si}", "peer", other.text, "ready", number(ready),
				"max_additional", (int)additional));
}
