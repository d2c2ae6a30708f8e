/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/base/mem.h"
#include "deliver/bindings/internal.h"

#define WAIT_MS                                                                                    \
	10000 /* for keys that have to be made, or confirmed; then the rotation tries again */

#define KEY_MAX 64u

/* The one key of an answer. */
static bool read_key(
	const json_t *answer, size_t size, uint8_t id[SKEX_KEY_ID_BYTES], uint8_t bytes[KEY_MAX])
{
	const json_t *keys = json_object_get(answer, "keys");
	const json_t *key = json_array_get(keys, 0);
	const char *id_text = json_string_value(json_object_get(key, "key_id"));
	const char *text = json_string_value(json_object_get(key, "key"));
	size_t got = 0;

	return json_array_size(keys) == 1 && id_text != NULL && text != NULL &&
		skex_uuid_parse(id, skex_view(id_text, strlen(id_text))) == SKEX_OK &&
		skex_base64_decode(bytes, KEY_MAX, &got, text, strlen(text)) && got == size;
}

void bindings_keyless(struct bindings_end *end)
{
	skex_binding_keyless(end->binding);
	end->keyless = skex_binding_machine(end->binding)->failed;
}

static void on_key(void *owner, const json_t *answer)
{
	struct bindings_end *end = owner;
	const size_t size = end->consumer.consumer->key_size;
	uint8_t id[SKEX_KEY_ID_BYTES];
	uint8_t bytes[KEY_MAX];
	char text[256];

	if (end->binding == NULL)
		return; /* it was let go of */
	if (bindings_error(answer, text, sizeof(text))) {
		bindings_wrong(end, text);
		bindings_keyless(end);
	} else if (read_key(answer, size, id, bytes)) {
		bindings_wrong(end, "");
		skex_binding_key(end->binding, id, bytes, size);
	} else {
		bindings_wrong(end, "the agent gave no key of the size that was asked for");
		bindings_keyless(end);
	}
	skex_wipe(bytes, sizeof(bytes));
}

static json_t *members_of(const struct bindings_end *end)
{
	json_t *require = json_array();
	size_t i;

	for (i = 0; i < end->config->require_count; i++) {
		if (json_array_append_new(require, json_string(end->config->require[i])) != 0) {
			json_decref(require);
			return NULL;
		}
	}
	return json_pack("{ss ss so si}", "peer", end->config->peer.text, "purpose", end->purpose,
		"require", require, "wait_ms", WAIT_MS);
}

static void ask(struct bindings_end *end, const char *op, json_t *members)
{
	if (local_api_ask(end->all->api, op, members, on_key, end) == SKEX_OK)
		return;
	/* A host answers, and not from inside: the next turn does. */
	bindings_wrong(end, "the agent cannot be asked for a key");
	end->unasked = true;
	bindings_changed(end);
}

void bindings_get(void *context, struct skex_binding *binding)
{
	struct bindings_end *end = context;
	json_t *members = members_of(end);

	(void)binding;
	if (json_object_set_new(members, "bits",
		    json_integer((json_int_t)end->consumer.consumer->key_size * 8)) != 0) {
		json_decref(members);
		members = NULL;
	}
	ask(end, "get", members);
}

void bindings_fetch(
	void *context, struct skex_binding *binding, const uint8_t id[SKEX_ROTATION_ID_BYTES])
{
	struct bindings_end *end = context;
	char text[SKEX_KEY_ID_TEXT_BYTES];
	json_t *members = members_of(end);

	(void)binding;
	skex_uuid_print(id, text);
	if (json_object_set_new(members, "key_ids", json_pack("[s]", text)) != 0) {
		json_decref(members);
		members = NULL;
	}
	ask(end, "fetch", members);
}
