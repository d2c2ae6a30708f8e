/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/keyfill.h"
#include "api/agent_internal.h"
#include "api/client/base64.h"
#include "api/kit_text.h"
#include "core/base/mem.h"
#include "core/wire/key_id.h"

/* keyfill_make, keyfill_fetched, keyfill_take, keyfill_rm, and what status tells of fills. */

#define PATH_BYTES 1023u

static const char *class_word(enum skex_class class)
{
	return class == SKEX_CLASS_ITS ? "its" : "computational";
}

static json_t *fill_json(const struct skex_fill_status *fill)
{
	char id[SKEX_KEY_ID_TEXT_BYTES];

	skex_uuid_print(fill->id, id);
	return json_pack("{ss ss si ss sb ss ss sI sI sI so sI}", "fill", id, "peer",
		fill->peer.text, "end", (int)fill->end, "class", class_word(fill->class), "kept",
		(int)fill->kept, "state", fill->state, "source", fill->source, "keys_256",
		(json_int_t)fill->keys_256, "get_left", (json_int_t)fill->get_left, "fetch_left",
		(json_int_t)fill->fetch_left, "days_left",
		fill->days_left >= 0 && fill->days_left < 1e9 ? json_real(fill->days_left)
							      : json_null(),
		"taken_ms", (json_int_t)fill->taken_wall_ms);
}

static void add_fill(void *owner, const struct skex_fill_status *fill)
{
	(void)json_array_append_new(owner, fill_json(fill));
}

json_t *skex_agent_fills_json(struct skex_agent *agent)
{
	json_t *list = json_array();

	if (list != NULL)
		skex_agent_fills(agent, add_fill, list);
	return list;
}

/* One is at work at a time, so that whoever waits is the one. */
static void caller_gone(void *owner, uint64_t data)
{
	(void)data;
	skex_agent_fill_forget(owner);
}

static void fail(struct skex_api_call *call, const struct skex_reason *reason)
{
	skex_api_fail(call, reason->error, reason->code, reason->message, reason->act);
}

/* ---- make --------------------------------------------------------------------------------------
 */

struct make_request {
	const char *peer;
	uint64_t bytes;
	const char *pad_source;
	bool pad_source_unmarked;
	struct skex_kit_lock_text lock;
};

static const struct skex_field make_fields[] = {
	{"peer", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX, offsetof(struct make_request, peer)},
	{"bytes", SKEX_FIELD_INTEGER, true, SKEX_FILL_BYTES_MIN, SKEX_FILL_BYTES_MAX,
		offsetof(struct make_request, bytes)},
	{"pad_source", SKEX_FIELD_STRING, false, 1, PATH_BYTES,
		offsetof(struct make_request, pad_source)},
	{"pad_source_unmarked", SKEX_FIELD_BOOL, false, 0, 0,
		offsetof(struct make_request, pad_source_unmarked)},
	SKEX_KIT_LOCK_FIELDS(offsetof(struct make_request, lock)),
};

static void made(void *owner, const struct skex_reason *reason, const struct skex_fill_made *fill)
{
	struct skex_api_call *call = owner;
	char id[SKEX_KEY_ID_TEXT_BYTES];
	char head[256];

	if (reason != NULL) {
		fail(call, reason);
		return;
	}
	skex_uuid_print(fill->id, id);
	snprintf(head, sizeof(head), "\"fill\":\"%s\",\"class\":\"%s\",\"keys_256\":%" PRIu64, id,
		class_word(fill->class), fill->keys_256);
	skex_kit_reply(call, head, fill->path, fill->size, fill->preamble);
}

void skex_agent_op_keyfill_make(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_agent_ops *ops = owner;
	struct make_request in = {.peer = NULL};
	struct skex_fill_order order = {.source = NULL};
	struct skex_kit_lock lock = {0};
	struct skex_reason reason;
	bool given;

	if (!skex_agent_ops_read(call, make_fields, SKEX_COUNT(make_fields), request, &in))
		return;
	if (!skex_kit_lock_read(ops->platform, &in.lock, &lock, &given)) {
		skex_agent_ops_bad(call, skex_kit_lock_wrong);
	} else {
		order.peer = in.peer;
		order.bytes = in.bytes;
		order.source = in.pad_source;
		order.source_unmarked = in.pad_source_unmarked;
		order.lock = given ? &lock : NULL;
		if (skex_agent_fill_make(ops->agent, &order, made, call, &reason) == SKEX_OK)
			skex_api_call_on_cancel(call, caller_gone, ops->agent, 0);
		else
			fail(call, &reason);
	}
	skex_kit_lock_clear(&lock);
}

void skex_agent_op_keyfill_fetched(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_agent_ops *ops = owner;

	if (!skex_agent_ops_read(call, NULL, 0, request, NULL))
		return;
	skex_agent_fill_fetched(ops->agent);
	skex_api_reply(call, json_object());
}

/* ---- take --------------------------------------------------------------------------------------
 */

struct take_request {
	const char *file;
	const char *key;
	bool keep;
};

static void taken(
	void *owner, const struct skex_reason *reason, const struct skex_fill_status *fill)
{
	if (reason != NULL)
		fail(owner, reason);
	else
		skex_api_reply(owner, fill_json(fill));
}

void skex_agent_op_keyfill_take(
	void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"file", SKEX_FIELD_STRING, true, 1, PATH_BYTES,
			offsetof(struct take_request, file)},
		{"key", SKEX_FIELD_STRING, false, 44, 44, offsetof(struct take_request, key)},
		{"keep", SKEX_FIELD_BOOL, false, 0, 0, offsetof(struct take_request, keep)},
	};
	const struct skex_agent_ops *ops = owner;
	struct take_request in = {.file = NULL};
	uint8_t key[SKEX_HASH_BYTES] = {0};
	size_t size = SKEX_HASH_BYTES;
	struct skex_reason reason;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &in))
		return;
	if (in.key != NULL &&
		(!skex_base64_decode(key, sizeof(key), &size, in.key, strlen(in.key)) ||
			size != sizeof(key)))
		skex_agent_ops_bad(call, "\"key\" is no base64");
	else if (skex_agent_fill_take(ops->agent, in.file, in.key == NULL ? NULL : key, in.keep,
			 taken, call, &reason) == SKEX_OK)
		skex_api_call_on_cancel(call, caller_gone, ops->agent, 0);
	else
		fail(call, &reason);
	skex_wipe(key, sizeof(key));
}

/* ---- ls, rm ------------------------------------------------------------------------------------
 */

void skex_agent_op_keyfill_ls(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_agent_ops *ops = owner;

	if (skex_agent_ops_read(call, NULL, 0, request, NULL))
		skex_api_reply(
			call, json_pack("{so}", "keyfills", skex_agent_fills_json(ops->agent)));
}

void skex_agent_op_keyfill_rm(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	static const struct skex_field fields[] = {
		{"fill", SKEX_FIELD_STRING, true, 36, 36, 0},
	};
	const struct skex_agent_ops *ops = owner;
	uint8_t id[SKEX_KIT_ID_BYTES];
	const char *text = NULL;
	enum skex_error error;

	if (!skex_agent_ops_read(call, fields, SKEX_COUNT(fields), request, &text))
		return;
	if (skex_uuid_parse(id, skex_view(text, strlen(text))) != SKEX_OK) {
		skex_agent_ops_bad(call, "\"fill\" has to be an id as skex keyfill ls shows it");
		return;
	}
	error = skex_agent_fill_remove(ops->agent, id);
	if (error == SKEX_OK)
		skex_api_reply(call, json_pack("{ss}", "fill", text));
	else if (error == SKEX_E_UNKNOWN)
		skex_api_fail(call, error, "unknown_fill", "there is no such key material",
			"see skex keyfill ls");
	else if (error == SKEX_E_SPENT)
		skex_api_fail(call, error, "fill_over", "nothing of it is left",
			"nothing has to be done");
	else
		skex_api_fail(call, error, "store", "it could not be destroyed",
			"look at the disk and the log, and try again");
}
