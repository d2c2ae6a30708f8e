/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/qkd014.h"
#include "api/agent_internal.h"
#include "api/keys_cost.h"
#include "api/keys_text.h"
#include "core/wire/key_id.h"
#include "platform/memory.h"

/* get and fetch. */

#define WAIT_MAX_MS     600000u
#define WAIT_DEFAULT_MS 5000u /* the first keys for a purpose have to be made */
#define REQUIRE_MAX     4u
#define ADDITIONAL_MAX  16u /* the agent says how many it takes */

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
	/* Lists as the reader gave them, and then their texts. */
	const void *require;
	const void *key_ids;
	size_t require_count;
	const char *require_texts[REQUIRE_MAX];
	size_t ids_count;
	const char *ids_texts[SKEX_KEYS_MAX];
	const void *additional;
	size_t additional_count;
	const char *additional_texts[ADDITIONAL_MAX];
};

#define AT(member)                     offsetof(struct keys_request, member)
#define STRING(m, required, most)      #m, SKEX_FIELD_STRING, required, 1, most, AT(m)
#define NUMBER(m, least, most)         #m, SKEX_FIELD_INTEGER, false, least, most, AT(m)
#define LIST(m, required, least, most) #m, SKEX_FIELD_STRINGS, required, least, most, AT(m)

static const struct skex_field get_fields[] = {
	{STRING(peer, true, SKEX_NAME_MAX)},
	{STRING(purpose, false, SKEX_PURPOSE_MAX)},
	{NUMBER(bits, 8, SKEX_KEY_MAX * 8)},
	{NUMBER(count, 1, SKEX_KEYS_MAX)},
	{LIST(require, false, 0, REQUIRE_MAX)},
	{NUMBER(wait_ms, 0, WAIT_MAX_MS)},
};

static const struct skex_field fetch_fields[] = {
	{STRING(peer, true, SKEX_NAME_MAX)},
	{STRING(purpose, false, SKEX_PURPOSE_MAX)},
	{LIST(key_ids, true, 1, SKEX_KEYS_MAX)},
	{LIST(require, false, 0, REQUIRE_MAX)},
	{NUMBER(wait_ms, 0, WAIT_MAX_MS)},
};

static const struct skex_field consumer_get_fields[] = {
	{STRING(consumer, true, SKEX_NAME_MAX)},
	{STRING(local, true, SKEX_PURPOSE_MAX)},
	{STRING(remote, true, SKEX_PURPOSE_MAX)},
	{LIST(additional, false, 0, ADDITIONAL_MAX)},
	{NUMBER(bits, 8, SKEX_KEY_MAX * 8)},
	{NUMBER(count, 1, SKEX_KEYS_MAX)},
	{LIST(require, false, 0, REQUIRE_MAX)},
	{NUMBER(wait_ms, 0, WAIT_MAX_MS)},
};

static const struct skex_field consumer_fetch_fields[] = {
	{STRING(consumer, true, SKEX_NAME_MAX)},
	{STRING(local, true, SKEX_PURPOSE_MAX)},
	{STRING(remote, true, SKEX_PURPOSE_MAX)},
	{LIST(key_ids, true, 1, SKEX_KEYS_MAX)},
	{LIST(require, false, 0, REQUIRE_MAX)},
	{NUMBER(wait_ms, 0, WAIT_MAX_MS)},
};

static const struct table {
	const struct skex_field *fields;
	size_t count;
} tables[2][2] = {
	{{get_fields, SKEX_COUNT(get_fields)}, {fetch_fields, SKEX_COUNT(fetch_fields)}},
	{{consumer_get_fields, SKEX_COUNT(consumer_get_fields)},
		{consumer_fetch_fields, SKEX_COUNT(consumer_fetch_fields)}},
};

/* The process that runs bindings names peers and purposes; other consumers name identities. */
static const char *consumer_with_identities(const struct skex_api_call *call)
{
	const char *consumer = skex_api_call_consumer(call);

	return consumer != NULL && strcmp(consumer, SKEX_BINDINGS_CONSUMER) == 0 ? NULL : consumer;
}

static const struct table *table_of(const struct skex_api_call *call, bool fetch)
{
	return &tables[consumer_with_identities(call) != NULL][fetch];
}

/* ---- reading ---- */

static bool read_require(
	struct skex_api_call *call, const struct keys_request *in, struct skex_key_request *out)
{
	const struct {
		const char *word;
		bool *flag;
	} terms[] = {
		{"its", &out->require_its},
		{"confirmed", &out->require_confirmed},
		{"forward-secret", &out->require_forward_secret},
		{"combined", &out->require_combined},
	};
	size_t i;
	size_t j;

	/* Who says nothing gets what both ends are known to have. */
	out->require_confirmed = in->require == NULL;
	for (i = 0; i < in->require_count; i++) {
		for (j = 0; j < SKEX_COUNT(terms); j++)
			if (strcmp(in->require_texts[i], terms[j].word) == 0 && !*terms[j].flag)
				break;
		if (j == SKEX_COUNT(terms)) {
			skex_agent_ops_bad(call,
				"\"require\" takes \"its\", \"confirmed\", "
				"\"forward-secret\" and \"combined\", each once");
			return false;
		}
		*terms[j].flag = true;
	}
	return true;
}

/* Keys of bindings are for the process that runs them, and it has no others. */
static bool is_for_caller(const struct skex_api_call *call, const struct skex_agent *agent,
	const struct keys_request *in)
{
	size_t i;

	if (skex_api_call_consumer(call) != NULL)
		return skex_agent_binding_of(agent, in->peer, in->purpose) != NULL;
	for (i = 0; i < SKEX_COUNT(reserved); i++) {
		if (strncmp(in->purpose, reserved[i], strlen(reserved[i])) == 0)
			return false;
	}
	return !skex_agent_binding_purpose(in->purpose);
}

static bool read_purpose(
	struct skex_api_call *call, const struct skex_agent *agent, const struct keys_request *in)
{
	const char *purpose = in->purpose;
	const char *colon = strchr(purpose, ':');

	if (!skex_purpose_valid(skex_view(purpose, strlen(purpose))) || colon == NULL ||
		colon == purpose || colon[1] == '\0') {
		skex_agent_ops_bad(call,
			"\"purpose\" has to be KIND:NAME, such as \"app:backup\", "
			"in printable ASCII without space, quote and backslash");
		return false;
	}
	if (is_for_caller(call, agent, in))
		return true;
	skex_api_fail(call, SKEX_E_REFUSED, "reserved_purpose",
		"this purpose belongs to a consumer that the daemon serves by itself",
		"use a purpose of your own, such as \"app:NAME\"");
	return false;
}

static bool read_whom(struct skex_api_call *call, const struct skex_agent *agent,
	const struct keys_request *in, struct skex_key_request *out)
{
	const char *consumer = consumer_with_identities(call);
	struct skex_name name;

	if (consumer == NULL) {
		if (!skex_name_parse(&name, skex_view(in->peer, strlen(in->peer)))) {
			skex_agent_ops_bad(call, "\"peer\" has to be the name of an agent");
			return false;
		}
		out->peer = in->peer;
		out->purpose = in->purpose;
		return read_purpose(call, agent, in);
	}
	if (strcmp(consumer, in->consumer) != 0 || strcmp(consumer, SKEX_QKD014_CONSUMER) == 0) {
		skex_api_fail(call, SKEX_E_REFUSED, "not_here",
			"this connection belongs to another consumer",
			"ask in the name of the consumer that the daemon started");
		return false;
	}
	out->local = in->local;
	out->remote = in->remote;
	out->additional = in->additional_texts;
	out->additional_count = (uint32_t)in->additional_count;
	out->purpose = consumer;
	return true;
}

static bool read_ids(struct skex_api_call *call, const struct keys_request *in,
	uint8_t (*ids)[SKEX_KEY_ID_BYTES])
{
	size_t i;
	size_t j;

	for (i = 0; i < in->ids_count; i++) {
		if (skex_uuid_parse(ids[i],
			    skex_view(in->ids_texts[i], strlen(in->ids_texts[i]))) != SKEX_OK) {
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
	return true;
}

/* ---- answering ---- */

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

static void serve_fetch(struct skex_api_call *call, struct skex_agent *agent,
	const struct keys_request *in, struct skex_key_request *out)
{
	uint8_t ids[SKEX_KEYS_MAX][SKEX_KEY_ID_BYTES];
	size_t largest = 0;
	size_t i;

	if (!read_ids(call, in, ids))
		return;
	for (i = 0; i < in->ids_count; i++) {
		const size_t size = skex_key_id_size(ids[i]);

		largest = size > largest ? size : largest;
	}
	out->ids = (const uint8_t(*)[SKEX_KEY_ID_BYTES])ids;
	out->count = (uint32_t)in->ids_count;
	/* The agent has room for as many of the largest, and refuses what is larger still. */
	skex_api_call_expect(call,
		skex_keys_text_most(out->count, largest < SKEX_KEY_MAX ? largest : SKEX_KEY_MAX));
	start(call, agent, true, out);
}

static void serve_get(struct skex_api_call *call, struct skex_agent *agent,
	const struct keys_request *in, struct skex_key_request *out)
{
	if (in->bits % 8 != 0) {
		skex_agent_ops_bad(call, "\"bits\" has to be a multiple of 8");
		return;
	}
	out->bytes = (uint32_t)in->bits / 8;
	out->count = (uint32_t)in->count;
	skex_api_call_expect(call, skex_keys_text_most(out->count, out->bytes));
	start(call, agent, false, out);
}

/* The request's members are read: what they mean, and on to the agent. */
static void serve(struct skex_api_call *call, struct skex_agent *agent, bool fetch,
	const struct keys_request *in)
{
	struct skex_key_request out = {.wait_ms = (uint32_t)in->wait_ms};

	if (!read_whom(call, agent, in, &out) || !read_require(call, in, &out))
		return;
	if (fetch)
		serve_fetch(call, agent, in, &out);
	else
		serve_get(call, agent, in, &out);
}

static void set_defaults(struct keys_request *in)
{
	in->require = NULL;
	in->key_ids = NULL;
	in->additional = NULL;
	in->require_count = 0;
	in->ids_count = 0;
	in->additional_count = 0;
	in->wait_ms = WAIT_DEFAULT_MS;
	in->purpose = "app:default";
	in->bits = 256;
	in->count = 1;
}

/* ---- the two ways in ---- */

static size_t json_texts(const json_t *list, const char **texts)
{
	size_t size = json_array_size(list);
	size_t i;

	for (i = 0; i < size; i++)
		texts[i] = json_string_value(json_array_get(list, i));
	return size;
}

static void op_keys(const struct skex_agent_ops *ops, struct skex_api_call *call,
	const json_t *request, bool fetch)
{
	const struct table *table = table_of(call, fetch);
	struct keys_request in;

	if (skex_api_call_consumer(call) == NULL && json_object_get(request, "consumer") != NULL) {
		skex_api_fail(call, SKEX_E_REFUSED, "not_here",
			"requests by consumer are for processes that the daemon starts",
			"ask with \"peer\" and \"purpose\"");
		return;
	}
	set_defaults(&in);
	if (!skex_agent_ops_read(call, table->fields, table->count, request, &in))
		return;
	in.require_count = json_texts(in.require, in.require_texts);
	in.ids_count = json_texts(in.key_ids, in.ids_texts);
	in.additional_count = json_texts(in.additional, in.additional_texts);
	serve(call, ops->agent, fetch, &in);
}

static size_t quick_texts(const struct skex_quick_member *list, const char **texts)
{
	size_t size = list != NULL ? list->size : 0;
	size_t i;

	for (i = 0; i < size; i++)
		texts[i] = list->list[i];
	return size;
}

static bool quick_keys(const struct skex_agent_ops *ops, struct skex_api_call *call,
	const struct skex_quick *quick, bool fetch)
{
	const struct table *table = table_of(call, fetch);
	struct keys_request in;

	set_defaults(&in);
	if (!skex_quick_read(table->fields, table->count, quick, &in))
		return false;
	in.require_count = quick_texts(in.require, in.require_texts);
	in.ids_count = quick_texts(in.key_ids, in.ids_texts);
	in.additional_count = quick_texts(in.additional, in.additional_texts);
	serve(call, ops->agent, fetch, &in);
	return true;
}

void skex_agent_op_get(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	op_keys(owner, call, request, false);
}

void skex_agent_op_fetch(void *owner, struct skex_api_call *call, const struct json_t *request)
{
	op_keys(owner, call, request, true);
}

bool skex_agent_quick_get(void *owner, struct skex_api_call *call, const struct skex_quick *quick)
{
	return quick_keys(owner, call, quick, false);
}

bool skex_agent_quick_fetch(void *owner, struct skex_api_call *call, const struct skex_quick *quick)
{
	return quick_keys(owner, call, quick, true);
}
