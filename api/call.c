/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/connection.h"
#include "api/fields.h"
#include "core/base/mem.h"

/* The answers to requests. */

/* Sends an object as a line; takes the reference. */
static void send_json(struct skex_api_connection *connection, json_t *object)
{
	char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
	struct skex_view parts[2];
	size_t size;

	json_decref(object);
	if (text == NULL) {
		skex_api_connection_end(connection, "no memory for an answer");
		return;
	}
	size = strlen(text);
	parts[0] = skex_view(text, size);
	parts[1] = skex_view("\n", 1);
	skex_api_connection_send(connection, parts, 2);
	/* It may be a note. */
	skex_wipe(text, size);
	free(text);
}

/* {"id":ID, the members}; takes the reference. */
static void send_answer(struct skex_api_connection *connection, int64_t id, json_t *members)
{
	json_t *answer = json_object();

	if (answer == NULL || members == NULL ||
		json_object_set_new(answer, "id", id < 0 ? json_null() : json_integer(id)) != 0 ||
		json_object_update(answer, members) != 0) {
		json_decref(answer);
		answer = NULL;
	}
	json_decref(members);
	send_json(connection, answer);
}

void skex_api_connection_error(struct skex_api_connection *connection, int64_t id,
	enum skex_error error, const char *code, const char *message, const char *act)
{
	send_answer(connection, id,
		json_pack("{s{sssssoso}}", "error", "class", skex_error_class_name(error), "code",
			code, "message", skex_text_json(message), "do", skex_text_json(act)));
}

const char *skex_api_call_consumer(const struct skex_api_call *call)
{
	return call->connection->consumer;
}

void skex_api_call_expect(struct skex_api_call *call, size_t bytes)
{
	call->connection->expected += bytes - call->expected;
	call->expected = bytes;
}

void skex_api_call_on_cancel(struct skex_api_call *call,
	void (*cancelled)(void *owner, uint64_t data), void *owner, uint64_t data)
{
	call->cancelled = cancelled;
	call->owner = owner;
	call->data = data;
}

void skex_api_send(struct skex_api_call *call, struct json_t *members)
{
	send_answer(call->connection, call->id, members);
}

void skex_api_reply(struct skex_api_call *call, struct json_t *members)
{
	if (members == NULL) {
		skex_api_fail(call, SKEX_E_MEMORY, "memory", "no memory for the answer",
			"look at the daemon's memory limit");
		return;
	}
	skex_api_send(call, members);
	skex_api_call_free(call);
}

void skex_api_reply_text(struct skex_api_call *call, struct skex_view text)
{
	struct skex_view parts[3];
	char id[32];
	int size = snprintf(id, sizeof(id), "{\"id\":%" PRId64 ",", call->id);

	parts[0] = skex_view(id, (size_t)size);
	parts[1] = text;
	parts[2] = skex_view("}\n", 2);
	skex_api_connection_send(call->connection, parts, 3);
	skex_api_call_free(call);
}

void skex_api_fail(struct skex_api_call *call, enum skex_error error, const char *code,
	const char *message, const char *act)
{
	skex_api_connection_error(call->connection, call->id, error, code, message, act);
	skex_api_call_free(call);
}
