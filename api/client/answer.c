/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/client/internal.h"

enum skex_client_class skex_lib_fail(struct skex_client_error *error,
	enum skex_client_class error_class, const char *code, const char *act, const char *format,
	...)
{
	va_list arguments;

	if (error == NULL)
		return error_class;
	error->error_class = error_class;
	snprintf(error->code, sizeof(error->code), "%s", code);
	snprintf(error->act, sizeof(error->act), "%s", act);
	va_start(arguments, format);
	vsnprintf(error->message, sizeof(error->message), format, arguments);
	va_end(arguments);
	return error_class;
}

enum skex_client_class skex_lib_bad_answer(struct skex_client_error *error)
{
	return skex_lib_fail(error, SKEX_CLIENT_PEER, "bad_answer",
		"check that the socket is skexd's and that library and daemon fit",
		"the daemon's answer is not what this library understands");
}

static enum skex_client_class class_of(const char *name)
{
	static const char *const names[] = {
		"ok", "usage", "again", "peer", "limit", "environment", "refused", "fatal"};
	size_t i;

	for (i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return (enum skex_client_class)i;
	return SKEX_CLIENT_FATAL;
}

static enum skex_client_class error_of(const json_t *object, struct skex_client_error *error)
{
	const char *name = json_string_value(json_object_get(object, "class"));
	const char *code = json_string_value(json_object_get(object, "code"));
	const char *message = json_string_value(json_object_get(object, "message"));
	const char *act = json_string_value(json_object_get(object, "do"));

	if (name == NULL || code == NULL || message == NULL || act == NULL)
		return skex_lib_bad_answer(error);
	return skex_lib_fail(error, class_of(name), code, act, "%s", message);
}

/* Whether the answer is for this request: an error that has no id is, as there is no other. */
static bool is_ours(const struct skex_client *client, const json_t *answer)
{
	const json_t *id = json_object_get(answer, "id");

	return json_is_integer(id) ? json_integer_value(id) == client->id
				   : json_object_get(answer, "error") != NULL;
}

/* What an answer comes to; one that is for an earlier request is fine, whatever it says. */
static enum skex_client_class judge(const struct skex_client *client, const json_t *object,
	struct skex_client_keys *extracted, bool wants_keys, struct skex_client_error *error)
{
	const json_t *told = json_object_get(object, "error");

	if (json_is_object(object) && !is_ours(client, object))
		return SKEX_CLIENT_OK;
	if (told != NULL)
		return error_of(told, error);
	if (!json_is_object(object) ||
		(wants_keys && !skex_lib_keys_describe(extracted, json_object_get(object, "keys"))))
		return skex_lib_bad_answer(error);
	return SKEX_CLIENT_OK;
}

/* One line; *answer is NULL when it was for an earlier request. */
static enum skex_client_class read_answer(struct skex_client *client, int64_t timeout_ms,
	json_t **answer, struct skex_client_keys **keys, struct skex_client_error *error)
{
	struct skex_client_keys *extracted = NULL;
	enum skex_client_class result;
	json_t *object;
	char *line;
	size_t size;

	result = skex_lib_read(client, timeout_ms, &line, &size, error);
	/* Always: a late answer may hold keys as well. */
	if (result == SKEX_CLIENT_OK)
		result = skex_lib_keys_extract(line, size, &extracted, error);
	if (result != SKEX_CLIENT_OK) {
		skex_lib_line_done(client);
		return result;
	}
	object = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);
	skex_lib_line_done(client);
	result = judge(client, object, extracted, keys != NULL, error);
	if (result != SKEX_CLIENT_OK || !is_ours(client, object)) {
		json_decref(object);
		skex_client_keys_free(extracted);
		return result;
	}
	*answer = object;
	if (keys != NULL)
		*keys = extracted;
	else
		skex_client_keys_free(extracted);
	return SKEX_CLIENT_OK;
}

enum skex_client_class skex_lib_exchange(struct skex_client *client, const char *op,
	json_t *members, uint32_t wait_ms, json_t **answer, struct skex_client_keys **keys,
	struct skex_client_error *error)
{
	int64_t deadline_ms = skex_lib_now_ms() + client->timeout_ms + wait_ms;
	enum skex_client_class result;
	json_t *got = NULL;

	if (client->subscribed) {
		json_decref(members);
		return skex_lib_fail(error, SKEX_CLIENT_USAGE, "subscribed",
			"open another client for other calls",
			"this client is subscribed to events");
	}
	result = skex_lib_send(client, op, members, error);
	json_decref(members);
	while (result == SKEX_CLIENT_OK && got == NULL) {
		int64_t left_ms = deadline_ms - skex_lib_now_ms();

		result = read_answer(client, left_ms > 0 ? left_ms : 0, &got, keys, error);
	}
	if (result == SKEX_CLIENT_OK)
		*answer = got;
	return result;
}
