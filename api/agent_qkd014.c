/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/qkd014.h"
#include "api/agent_internal.h"
#include "api/client/base64.h"
#include "platform/memory.h"

/*
 * KMEs of other houses: what the process that speaks to them (deliver/qkd014) is told to fetch, and
 * brings.  Its connection alone has these operations.
 */
#define KEYS_TEXT_MAX (((SKEX_SOURCE_BYTES_MAX + 2u) / 3u) * 4u)
#define TEXT_MAX      512u
#define NUMBER_MAX    (UINT64_C(1) << 52)

struct qkd014_request {
	uint64_t order;
	const struct json_t *ids;
	const char *keys;
	const char *how;
	const char *text;
	const char *kme;
	const char *problem;
};

#define AT(member) offsetof(struct qkd014_request, member)
#define ORDER      "order", SKEX_FIELD_INTEGER, true, 1, NUMBER_MAX, AT(order)

/* Processes that serve consumers speak to the network: what they say is not of KMEs. */
static bool read_own(struct skex_api_call *call, const struct skex_field *fields, size_t count,
	const struct json_t *request, struct qkd014_request *in)
{
	if (strcmp(skex_api_call_consumer(call), SKEX_QKD014_CONSUMER) == 0)
		return skex_agent_ops_read(call, fields, count, request, in);
	skex_api_fail(call, SKEX_E_REFUSED, "not_here",
		"this connection belongs to another consumer",
		"ask in the name of the consumer that the daemon started");
	return false;
}

/* ---- orders ------------------------------------------------------------------------------------
 */

/* NULL for fresh keys, and without memory: then it is the same as an order that went astray. */
static json_t *ids_json(const struct skex_qkd014_order *order)
{
	json_t *list = order->ids == NULL ? NULL : json_array();
	char text[SKEX_KEY_ID_TEXT_BYTES];
	uint32_t i;

	for (i = 0; list != NULL && i < order->count; i++) {
		skex_uuid_print(order->ids[i], text);
		if (json_array_append_new(list, json_string(text)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static void on_order(void *owner, const struct skex_qkd014_order *order)
{
	skex_api_send(owner,
		json_pack("{s{sI ss ss si si sI so*}}", "fetch", "order", (json_int_t)order->number,
			"kme", order->kme->name.text, "peer", order->peer->name.text, "count",
			(int)order->count, "key_bytes", (int)order->key_bytes, "wait_ms",
			(json_int_t)order->wait_ms, "ids", ids_json(order)));
}

static void end_watch(void *owner, uint64_t unused)
{
	struct skex_agent_ops *ops = owner;

	(void)unused;
	ops->kmes = NULL;
	skex_agent_qkd014_detach(ops->agent);
}

void skex_agent_op_qkd014_watch(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	struct skex_agent_ops *ops = owner;

	if (!read_own(call, NULL, 0, request, NULL))
		return;
	if (ops->kmes != NULL || skex_agent_qkd014_attach(ops->agent, on_order, call) != SKEX_OK) {
		skex_api_fail(call, SKEX_E_BUSY, "busy",
			"another process has the KMEs, or none is "
			"configured",
			"wait until it has ended");
		return;
	}
	ops->kmes = call;
	skex_api_call_on_cancel(call, end_watch, ops, 0);
	skex_api_send(call, json_pack("{sb}", "subscribed", 1));
}

/* ---- answers -----------------------------------------------------------------------------------
 */

static bool read_ids(const struct json_t *list, uint8_t (*ids)[SKEX_SOURCE_ID_BYTES])
{
	size_t i;

	for (i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (skex_uuid_parse(ids[i], skex_view(text, strlen(text))) != SKEX_OK)
			return false;
	}
	return true;
}

void skex_agent_op_qkd014_keys(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{ORDER},
		{"ids", SKEX_FIELD_STRINGS, true, 1, SKEX_SOURCE_IDS_MAX, AT(ids)},
		{"keys", SKEX_FIELD_STRING, true, 4, KEYS_TEXT_MAX, AT(keys)}};
	const struct skex_agent_ops *ops = owner;
	struct qkd014_request in = {0};
	uint8_t ids[SKEX_SOURCE_IDS_MAX][SKEX_SOURCE_ID_BYTES];
	uint8_t *keys;
	size_t size = 0;
	bool good;

	if (!read_own(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	keys = skex_secret_new(SKEX_SOURCE_BYTES_MAX);
	if (keys == NULL) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no memory for the keys",
			"look at the daemon's memory limit");
		return;
	}
	good = read_ids(in.ids, ids) &&
		skex_base64_decode(keys, SKEX_SOURCE_BYTES_MAX, &size, in.keys, strlen(in.keys)) &&
		skex_agent_qkd014_keys(ops->agent, in.order,
			(const uint8_t(*)[SKEX_SOURCE_ID_BYTES])ids,
			(uint32_t)json_array_size(in.ids), skex_view(keys, size)) == SKEX_OK;
	skex_secret_free(keys);
	if (good)
		skex_api_reply(call, json_object());
	else
		skex_agent_ops_bad(call, "\"ids\" and \"keys\" have to be those of the order");
}

void skex_agent_op_qkd014_failed(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {{ORDER},
		{"how", SKEX_FIELD_STRING, true, 1, 16, AT(how)},
		{"text", SKEX_FIELD_STRING, true, 1, TEXT_MAX, AT(text)}};
	static const char *const hows[] = {[SKEX_QKD014_AWAY] = "away",
		[SKEX_QKD014_EMPTY] = "empty",
		[SKEX_QKD014_REFUSED] = "refused",
		[SKEX_QKD014_WRONG] = "wrong"};
	const struct skex_agent_ops *ops = owner;
	struct qkd014_request in = {0};
	char text[TEXT_MAX + 1];
	size_t how = 0;

	if (!read_own(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	while (how < SKEX_COUNT(hows) && strcmp(hows[how], in.how) != 0)
		how++;
	if (how == SKEX_COUNT(hows)) {
		skex_agent_ops_bad(call, "\"how\" has to be away, empty, refused or wrong");
		return;
	}
	/* Some of it may be what the KME said. */
	skex_text_clean(text, sizeof(text), in.text);
	skex_agent_qkd014_failed(ops->agent, in.order, (enum skex_qkd014_failure)how, text);
	skex_api_reply(call, json_object());
}

void skex_agent_op_qkd014_report(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"kme", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX, AT(kme)},
		{"problem", SKEX_FIELD_STRING, true, 0, TEXT_MAX, AT(problem)}};
	const struct skex_agent_ops *ops = owner;
	struct qkd014_request in = {0};
	char text[TEXT_MAX + 1];

	if (!read_own(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	skex_text_clean(text, sizeof(text), in.problem);
	if (skex_agent_qkd014_report(ops->agent, in.kme, text) == SKEX_OK)
		skex_api_reply(call, json_object());
	else
		skex_api_fail(call, SKEX_E_UNKNOWN, "unknown_kme", "no KME has this name here",
			"see qkd014 in skexd.conf");
}

/* ---- how they are ------------------------------------------------------------------------------
 */

struct kme_list {
	json_t *items;
	bool failed;
};

static void add_kme(void *owner, const struct skex_qkd014_status *status)
{
	struct kme_list *list = owner;
	const struct skex_qkd014_config *kme = status->kme;
	json_t *peers = json_array();
	size_t i;

	for (i = 0; i < kme->peers_count; i++) {
		if (json_array_append_new(peers,
			    json_pack("{ss ss}", "peer", kme->peers[i].name.text, "class",
				    kme->peers[i].class == SKEX_QKD014_ITS ? "its"
									   : "computational")) != 0)
			list->failed = true;
	}
	if (json_array_append_new(list->items,
		    json_pack("{ss ss ss so ss sI sI sI}", "kme", kme->name.text, "url", kme->url,
			    "state", status->state, "peers", peers, "problem", status->problem,
			    "keys", (json_int_t)status->keys, "blocks", (json_int_t)status->blocks,
			    "dropped", (json_int_t)status->dropped)) != 0)
		list->failed = true;
}

struct json_t *skex_agent_kmes_json(struct skex_agent *agent)
{
	struct kme_list list = {json_array(), false};

	skex_agent_qkd014_status(agent, add_kme, &list);
	if (!list.failed)
		return list.items;
	json_decref(list.items);
	return NULL;
}
