/* SPDX-License-Identifier: Apache-2.0 */
#include "api/client/internal.h"

/* Notes that come in: a subscription of its own. */

enum skex_client_class skex_client_watch_notes(
	struct skex_client *client, struct skex_client_error *error)
{
	enum skex_client_class result;
	json_t *answer;

	result = skex_lib_exchange(client, "notes", json_object(), 0, &answer, NULL, error);
	if (result != SKEX_CLIENT_OK)
		return result;
	json_decref(answer);
	client->subscribed = true;
	client->watches_notes = true;
	return SKEX_CLIENT_OK;
}

enum skex_client_class skex_client_next_note(struct skex_client *client, int timeout_ms,
	struct skex_client_note *note, struct skex_client_error *error)
{
	enum skex_client_class result;
	struct skex_client_note got;
	const json_t *object;
	const json_t *when;
	char *line;
	size_t size;

	if (!client->watches_notes)
		return skex_lib_fail(error, SKEX_CLIENT_USAGE, "not_subscribed",
			"call skex_client_watch_notes first", "this client has asked for no notes");
	result = skex_lib_read(client, timeout_ms, &line, &size, error);
	if (result != SKEX_CLIENT_OK)
		return result;
	json_decref(client->event);
	client->event = json_loadb(line, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	object = json_object_get(client->event, "note");
	when = json_object_get(object, "wall_ms");
	got.id = json_string_value(json_object_get(object, "note_id"));
	got.peer = json_string_value(json_object_get(object, "peer"));
	got.text = json_string_value(json_object_get(object, "text"));
	got.size = json_string_length(json_object_get(object, "text"));
	got.wall_ms = (uint64_t)json_integer_value(when);
	if (got.id == NULL || got.peer == NULL || got.text == NULL || !json_is_integer(when))
		return skex_lib_bad_answer(error);
	*note = got;
	return SKEX_CLIENT_OK;
}
