/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "api/agent_internal.h"
#include "api/keys_text.h"
#include "platform/memory.h"

/* get and fetch. */

#define WAIT_MAX_MS 600000u

/* Consumers of the house have keys under these names only through the process that serves them:
 * otherwise whoever may use the socket could take the keys of any SAE. */
static const char *const reserved[] = {"etsi004:", "etsi014:", "etsi020:", "skip:", "skex:"};

struct keys_request {
	const char *peer;
	const char *purpose;
	const char *consumer;
	const char *local;
	const char *remote;
	uint64_t bits;
	uint64_t count;
	uint64_t wait_ms;
	const struct json_t *require;
	const struct json_t *key_ids;
};

#define AT(member) offsetof(struct keys_request, member)
#define PEER                                                                                       \
	{"peer", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX, AT(peer)},                             \
	{                                                                                          \
		"purpose", SKEX_FIELD_STRING, false, 1, SKEX_PURPOSE_MAX, AT(purpose)              \
	}
#define IDENTITIES                                                                                 \
	{"consumer", SKEX_FIELD_STRING, true, 1, SKEX_NAME_MAX, AT(consumer)},                     \
		{"local", SKEX_FIELD_STRING, true, 1, SKEX_PURPOSE_MAX, AT(local)},                \
	{                                                                                          \
		"remote", SKEX_FIELD_STRING, true, 1, SKEX_PURPOSE_MAX, AT(remote)                 \
	}
#define FRESH                                                                                      \
	{"bits", SKEX_FIELD_INTEGER, false, 8, SKEX_KEY_MAX * 8, AT(bits)},                        \
	{                                                                                          \
		"count", SKEX_FIELD_INTEGER, false, 1, SKEX_KEYS_MAX, AT(count)                    \
	}
#define KNOWN                                                                                      \
	{                                                                                          \
		"key_ids", SKEX_FIELD_STRINGS, true, 1, SKEX_KEYS_MAX, AT(key_ids)                 \
	}
#define TERMS                                                                                      \
	{"require", SKEX_FIELD_STRINGS, false, 0, 3, AT(require)},                                 \
	{                                                                                          \
		"wait_ms", SKEX_FIELD_INTEGER, false, 0, WAIT_MAX_MS, AT(wait_ms)                  \
	}

static const struct skex_field get_fields[] = {PEER, FRESH, TERMS};
static const struct skex_field fetch_fields[] = {PEER, KNOWN, TERMS};
static const struct skex_field consumer_get_fields[] = {IDENTITIES, FRESH, TERMS};
static const struct skex_field consumer_fetch_fields[] = {IDENTITIES, KNOWN, TERMS};

/* ---- reading
 * ------------------------------------------------------------------------------------- */

static bool read_require(
	struct skex_api_call *call, const json_t *list, struct skex_key_request *out)
{
	const struct {
		const char *word;
		bool *flag;
	} terms[] = {
		{"its", &out->require_its},
		{"confirmed", &out->require_confirmed},
		{"forward-secret", &out->require_forward_secret},
	};
	size_t i;
	size_t j;

	for (i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));

		for (j = 0; j < SKEX_COUNT(terms); j++)
			if (strcmp(word, terms[j].word) == 0 && !*terms[j].flag)
				break;
		if (j == SKEX_COUNT(terms)) {
			skex_agent_ops_bad(call,
				"\"require\" takes \"its\", \"confirmed\" and "
				"\"forward-secret\", each once");
			return false;
		}
		*terms[j].flag = true;
	}
	return true;
}

static bool read_purpose(struct skex_api_call *call, const char *purpose)
{
	const char *colon = strchr(purpose, ':');
	size_t i;

	if (!skex_purpose_valid(skex_view(purpose, strlen(purpose))) || colon == NULL ||
		colon == purpose || colon[1] == '\0') {
		skex_agent_ops_bad(call,
			"\"purpose\" has to be KIND:NAME, such as \"app:backup\", "
			"in printable ASCII without space, quote and backslash");
		return false;
	}
	for (i = 0; i < SKEX_COUNT(reserved); i++) {
		if (strncmp(purpose, reserved[i], strlen(reserved[i])) != 0)
			continue;
		skex_api_fail(call, SKEX_E_REFUSED, "reserved_purpose",
			"this purpose belongs to a consumer that the daemon serves by itself",
			"use a purpose of your own, such as \"app:NAME\"");
		return false;
	}
	return true;
}

static bool read_whom(
	struct skex_api_call *call, const struct keys_request *in, struct skex_key_request *out)
{
	const char *consumer = skex_api_call_consumer(call);
	struct skex_name name;

	if (consumer == NULL) {
		if (!skex_name_parse(&name, skex_view(in->peer, strlen(in->peer)))) {
			skex_agent_ops_bad(call, "\"peer\" has to be the name of an agent");
			return false;
		}
		out->peer = in->peer;
		out->purpose = in->purpose;
		return read_purpose(call, in->purpose);
	}
	if (strcmp(consumer, in->consumer) != 0) {
		skex_api_fail(call, SKEX_E_REFUSED, "not_here",
			"this connection belongs to another consumer",
			"ask in the name of the consumer that the daemon started");
		return false;
	}
	out->local = in->local;
	out->remote = in->remote;
	out->purpose = consumer;
	return true;
}

/* Reads what get and fetch have in common; on failure the call has ended. */
static bool read_request(struct skex_api_call *call, const struct json_t *request, bool fetch,
	struct keys_request *in, struct skex_key_request *out)
{
	const struct skex_field *fields = fetch ? fetch_fields : get_fields;
	size_t count = fetch ? SKEX_COUNT(fetch_fields) : SKEX_COUNT(get_fields);

	if (skex_api_call_consumer(call) != NULL) {
		fields = fetch ? consumer_fetch_fields : consumer_get_fields;
		count = fetch ? SKEX_COUNT(consumer_fetch_fields) : SKEX_COUNT(consumer_get_fields);
	} else if (json_object_get(request, "consumer") != NULL) {
		skex_api_fail(call, SKEX_E_REFUSED, "not_here",
			"requests by consumer are for processes that the daemon starts",
			"ask with \"peer\" and \"purpose\"");
		return false;
	}
	memset(out, 0, sizeof(*out));
	memset(in, 0, sizeof(*in));
	in->purpose = "app:default";
	in->bits = 256;
	in->count = 1;
	if (!skex_agent_ops_read(call, fields, count, request, in) || !read_whom(call, in, out) ||
		!read_require(call, in->require, out))
		return false;
	out->wait_ms = (uint32_t)in->wait_ms;
	return true;
}

static bool read_ids(struct skex_api_call *call, const json_t *list,
	uint8_t (*ids)[SKEX_KEY_ID_BYTES], uint32_t *count)
{
	size_t size = json_array_size(list);
	size_t i;
	size_t j;

	for (i = 0; i < size; i++) {
		const json_t *text = json_array_get(list, i);

		if (skex_uuid_parse(
			    ids[i], skex_view(json_string_value(text), json_string_length(text))) !=
			SKEX_OK) {
			skex_agent_ops_bad(call, "\"key_ids\" holds something that is no key id");
			return false;
		}
		for (j = 0; j < i; j++) {
			if (skex_view_equal(skex_view(ids[i], SKEX_KEY_ID_BYTES),
				    skex_view(ids[j], SKEX_KEY_ID_BYTES))) {
				skex_agent_ops_bad(call, "\"key_ids\" holds a key id twice");
				return false;
			}
		}
	}
	*count = (uint32_t)size;
	return true;
}

/* ---- answering
 * ----------------------------------------------------------------------------------- */

static void on_keys(
	void *owner, const struct skex_problem *problem, const struct skex_key *keys, size_t count)
{
	struct skex_api_call *call = owner;
	char *text;
	size_t size;

	if (problem != NULL) {
		skex_agent_ops_problem(call, problem);
		return;
	}
	if (skex_keys_text(keys, count, &text, &size) != SKEX_OK) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory",
			"no memory for the keys, they are lost",
			"look at the daemon's memory limit, then ask for other keys");
		return;
	}
	skex_api_reply_text(call, skex_view(text, size));
	skex_secret_free(text);
}

static void on_cancelled(void *owner, uint64_t ticket)
{
	skex_agent_cancel(owner, ticket);
}

static void start(struct skex_api_call *call, struct skex_agent *agent, bool fetch,
	const struct skex_key_request *request)
{
	struct skex_problem problem;
	uint64_t ticket;
	enum skex_error error;

	error = fetch ? skex_agent_fetch(agent, request, on_keys, call, &ticket, &problem)
		      : skex_agent_get(agent, request, on_keys, call, &ticket, &problem);
	if (error != SKEX_OK)
		skex_agent_ops_problem(call, &problem);
	else
		skex_api_call_on_cancel(call, on_cancelled, agent, ticket);
}

void skex_agent_op_get(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_agent_ops *ops = owner;
	struct keys_request in;
	struct skex_key_request out;

	if (!read_request(call, request, false, &in, &out))
		return;
	if (in.bits % 8 != 0) {
		skex_agent_ops_bad(call, "\"bits\" has to be a multiple of 8");
		return;
	}
	out.bytes = (uint32_t)in.bits / 8;
	out.count = (uint32_t)in.count;
	skex_api_call_expect(call, skex_keys_text_most(out.count, out.bytes));
	start(call, ops->agent, false, &out);
}

void skex_agent_op_fetch(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	const struct skex_agent_ops *ops = owner;
	uint8_t ids[SKEX_KEYS_MAX][SKEX_KEY_ID_BYTES];
	struct keys_request in;
	struct skex_key_request out;

	if (!read_request(call, request, true, &in, &out) ||
		!read_ids(call, in.key_ids, ids, &out.count))
		return;
	out.ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	/* How long they are is in their ids; the usual size is near enough here. */
	skex_api_call_expect(call, skex_keys_text_most(out.count, 32));
	start(call, ops->agent, true, &out);
}
