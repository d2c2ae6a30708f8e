/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/base/cursor.h"
#include "deliver/etsi014/reply.h"
#include "platform/memory.h"

/*
 * The one hot path: the base64 text of the API goes into the container as it is.  So that it cannot
 * break the JSON around it, its characters are checked, without a branch on any of them.
 */
#define ENTRY_BYTES 80u /* all of an entry but the key */

static void write_text(struct skex_writer *writer, const char *text)
{
	skex_write_bytes(writer, (const uint8_t *)text, strlen(text));
}

/* 1 when low <= c <= high, otherwise 0. */
static uint32_t in_range(uint32_t c, uint32_t low, uint32_t high)
{
	uint32_t above = c - low;

	return ((above - (high - low + 1)) >> 31) & ~(above >> 31) & 1u;
}

static bool base64_text(const char *text, size_t size)
{
	uint32_t good = 1;

	for (size_t i = 0; i < size; i++) {
		uint32_t c = (uint8_t)text[i];
		good &= in_range(c, 'A', 'Z') | in_range(c, 'a', 'z') | in_range(c, '/', '9') |
			in_range(c, '+', '+') | in_range(c, '=', '=');
	}
	return good == 1;
}

/* Of as many bits as were asked for; for dec_keys the id alone decides. */
static bool key_fits(const struct skex_etsi014_request *request, json_t *key)
{
	size_t size = json_string_length(key);

	if (!json_is_string(key) || size == 0 || size % 4 != 0)
		return false;
	if (request->call == SKEX_ETSI014_ENC_KEYS && size != (request->bits / 8 + 2) / 3 * 4)
		return false;
	return base64_text(json_string_value(key), size);
}

static bool entry_write(struct skex_writer *writer, const struct skex_etsi014_request *request,
	json_t *entry, bool first)
{
	json_t *id = json_object_get(entry, "key_id");
	json_t *key = json_object_get(entry, "key");
	char text[SKEX_KEY_ID_TEXT_BYTES];
	uint8_t uuid[SKEX_KEY_ID_BYTES];

	if (!json_is_string(id) || !key_fits(request, key))
		return false;
	if (skex_uuid_parse(uuid, skex_view(json_string_value(id), json_string_length(id))) !=
		SKEX_OK)
		return false;
	skex_uuid_print(uuid, text);
	write_text(writer, first ? "{\"key_ID\":\"" : ",{\"key_ID\":\"");
	write_text(writer, text);
	write_text(writer, "\",\"key\":\"");
	skex_write_bytes(writer, (const uint8_t *)json_string_value(key), json_string_length(key));
	write_text(writer, "\"}");
	return true;
}

static size_t container_room(json_t *keys)
{
	size_t room = sizeof("{\"keys\":[]}");
	json_t *entry;
	size_t i;

	json_array_foreach(keys, i, entry) room +=
		ENTRY_BYTES + json_string_length(json_object_get(entry, "key"));
	return room;
}

enum skex_error skex_etsi014_container_encode(
	struct skex_https_reply *reply, const struct skex_etsi014_request *request, json_t *keys)
{
	bool enc_keys = request->call == SKEX_ETSI014_ENC_KEYS;
	size_t wanted = enc_keys ? request->number : request->ids_count;
	struct skex_writer writer;
	bool good = true;
	json_t *entry;
	size_t size = 0;
	size_t i;

	if (!json_is_array(keys) || json_array_size(keys) != wanted)
		return SKEX_E_SYNTAX;
	size_t room = container_room(keys);
	char *body = skex_secret_new(room);
	if (body == NULL)
		return SKEX_E_MEMORY;
	skex_writer_init(&writer, (uint8_t *)body, room);
	write_text(&writer, "{\"keys\":[");
	json_array_foreach(keys, i, entry) good =
		good && entry_write(&writer, request, entry, i == 0);
	write_text(&writer, "]}");
	if (!good || skex_writer_end(&writer, &size) != SKEX_OK) {
		skex_secret_free(body);
		return SKEX_E_SYNTAX;
	}
	*reply = (struct skex_https_reply){.status = 200, .body = body, .size = size};
	return SKEX_OK;
}
