/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/etsi014/client_batch.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/wire/key_id.h"
#include "deliver/etsi014/client_internal.h"

static enum skex_error senseless(const struct skex_etsi014_client *client,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX], const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static enum skex_error senseless(const struct skex_etsi014_client *client,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX], const char *format, ...)
{
	const int at = snprintf(message, SKEX_ETSI014_CLIENT_MESSAGE_MAX, "%s: ", client->url);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(
		message + at, SKEX_ETSI014_CLIENT_MESSAGE_MAX - (size_t)at, format, arguments);
	va_end(arguments);
	return SKEX_E_SYNTAX;
}

/* The path of a method, with the SAE id as a part of a path has to be; false without memory. */
static bool make_path(const struct skex_etsi014_client *client, const char *sae, const char *method,
	char path[static CLIENT_PATH_MAX])
{
	char *escaped = curl_easy_escape(client->curl, sae, 0);
	int size;

	if (escaped == NULL)
		return false;
	size = snprintf(path, CLIENT_PATH_MAX, "/api/v1/keys/%s/%s", escaped, method);
	curl_free(escaped);
	return size > 0 && (size_t)size < CLIENT_PATH_MAX;
}

static enum skex_error post(struct skex_etsi014_client *client, const char *sae, const char *method,
	json_t *body, char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	char path[CLIENT_PATH_MAX];
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	json_malloc_t grow;
	json_free_t give_back;
	enum skex_error error = SKEX_E_MEMORY;

	message[0] = '\0';
	if (text != NULL && make_path(client, sae, method, path))
		error = client_post(client, path, text, message);
	json_get_alloc_funcs(&grow, &give_back);
	if (text != NULL)
		give_back(text);
	json_decref(body);
	return error;
}

/* ---- key containers ----------------------------------------------------------------------------
 */

static bool is_among(const struct skex_etsi014_batch *batch, uint32_t from, uint32_t to,
	const uint8_t id[static 16], uint32_t *at)
{
	for (*at = from; *at < to; (*at)++) {
		if (memcmp(batch->ids[*at], id, 16) == 0) /* rule 3: a public id */
			return true;
	}
	return false;
}

/* One key to its place.  `wanted`: the ids are those that were asked for, in any order. */
static enum skex_error read_key(const struct skex_etsi014_client *client, const json_t *item,
	bool wanted, uint32_t number, uint32_t first, uint32_t count,
	struct skex_etsi014_batch *batch, uint32_t *seen,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	const char *id = json_string_value(json_object_get(item, "key_ID"));
	const json_t *text = json_object_get(item, "key");
	uint32_t at = first + number;
	uint32_t other;
	uint8_t uuid[16];
	size_t size = 0;

	if (id == NULL || !json_is_string(text))
		return senseless(client, message, "a key without key_ID or key");
	if (skex_uuid_parse(uuid, skex_view(id, strlen(id))) != SKEX_OK)
		return senseless(client, message, "a key_ID that is no UUID");
	if (wanted && !is_among(batch, first, first + count, uuid, &at))
		return senseless(client, message, "a key that was not asked for");
	if ((!wanted && is_among(batch, 0, first + number, uuid, &other)) ||
		(*seen & (UINT32_C(1) << at)) != 0)
		return senseless(client, message, "the same key_ID twice");
	if (!skex_base64_decode(batch->keys + (size_t)at * batch->key_bytes, batch->key_bytes,
		    &size, json_string_value(text), json_string_length(text)) ||
		size != batch->key_bytes)
		return senseless(client, message,
			"a key that does not have the %" PRIu32 " bits that were asked for",
			batch->key_bytes * 8);
	memcpy(batch->ids[at], uuid, sizeof(uuid));
	*seen |= UINT32_C(1) << at;
	return SKEX_OK;
}

enum skex_error client_read_keys(struct skex_etsi014_client *client, bool wanted, uint32_t first,
	uint32_t count, struct skex_etsi014_batch *batch,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	json_t *container = client_answer(client);
	const json_t *keys = json_object_get(container, "keys");
	enum skex_error error = SKEX_OK;
	uint32_t seen = 0;
	uint32_t i;

	if (!json_is_array(keys))
		error = senseless(client, message, "the answer is no key container");
	else if (json_array_size(keys) != count)
		error = senseless(client, message, "%zu keys where %" PRIu32 " were asked for",
			json_array_size(keys), count);
	for (i = 0; i < count && error == SKEX_OK; i++)
		error = read_key(client, json_array_get(keys, i), wanted, i, first, count, batch,
			&seen, message);
	json_decref(container);
	return error;
}

/* ---- the methods -------------------------------------------------------------------------------
 */

static uint32_t at_once(uint32_t left, uint32_t per_request)
{
	return per_request > 0 && left > per_request ? per_request : left;
}

enum skex_error skex_etsi014_batch_enc(struct skex_etsi014_client *client, const char *slave,
	uint32_t per_request, struct skex_etsi014_batch *batch,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	enum skex_error error = SKEX_OK;
	uint32_t done = 0;

	while (done < batch->count && error == SKEX_OK) {
		const uint32_t count = at_once(batch->count - done, per_request);

		error = post(client, slave, "enc_keys",
			json_pack("{si si}", "number", (int)count, "size",
				(int)(batch->key_bytes * 8)),
			message);
		if (error == SKEX_OK)
			error = client_read_keys(client, false, done, count, batch, message);
		done += count;
	}
	skex_wipe(client->body, client->filled);
	return error;
}

static json_t *ids_json(const struct skex_etsi014_batch *batch, uint32_t first, uint32_t count)
{
	json_t *list = json_array();
	char text[SKEX_KEY_ID_TEXT_BYTES];
	uint32_t i;

	for (i = first; i < first + count; i++) {
		skex_uuid_print(batch->ids[i], text);
		if (json_array_append_new(list, json_pack("{ss}", "key_ID", text)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

enum skex_error skex_etsi014_batch_dec(struct skex_etsi014_client *client, const char *master,
	uint32_t per_request, struct skex_etsi014_batch *batch,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	enum skex_error error = SKEX_OK;
	uint32_t done = 0;

	while (done < batch->count && error == SKEX_OK) {
		const uint32_t count = at_once(batch->count - done, per_request);

		error = post(client, master, "dec_keys",
			json_pack("{so}", "key_IDs", ids_json(batch, done, count)), message);
		if (error == SKEX_OK)
			error = client_read_keys(client, true, done, count, batch, message);
		done += count;
	}
	skex_wipe(client->body, client->filled);
	return error;
}

static uint64_t number_of(const json_t *object, const char *name)
{
	const json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

enum skex_error skex_etsi014_client_says(struct skex_etsi014_client *client, const char *slave,
	struct skex_etsi014_says *says, char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX])
{
	char path[CLIENT_PATH_MAX];
	enum skex_error error = SKEX_E_MEMORY;
	const char *master;
	json_t *answer;

	message[0] = '\0';
	if (make_path(client, slave, "status", path))
		error = client_get(client, path, message);
	if (error != SKEX_OK)
		return error;
	answer = client_answer(client);
	if (!json_is_object(answer)) {
		json_decref(answer);
		return senseless(client, message, "the status is no JSON object");
	}
	memset(says, 0, sizeof(*says));
	master = json_string_value(json_object_get(answer, "master_SAE_ID"));
	(void)snprintf(says->master, sizeof(says->master), "%s", master == NULL ? "" : master);
	skex_text_mend(says->master);
	says->max_per_request = number_of(answer, "max_key_per_request");
	says->min_bits = number_of(answer, "min_key_size");
	says->max_bits = number_of(answer, "max_key_size");
	json_decref(answer);
	return SKEX_OK;
}
