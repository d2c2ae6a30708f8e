/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "api/client/base64.h"
#include "cli/ask.h"
#include "cli/hub.h"
#include "cli/kit_file.h"
#include "core/base/mem.h"
#include "enrol/unlock.h"
#include "platform/memory.h"
#include "platform/posix.h"

/* A kit is ordered at a hub and brought home. */

static const struct skex_platform platform = {
	.now_ms = skex_posix_now_ms,
	.wall_ms = skex_posix_wall_ms,
	.random = skex_posix_random,
	.log = skex_posix_log,
	.files = &skex_posix_files,
};

static bool set_base64(json_t *request, const char *name, const uint8_t *bytes, size_t size)
{
	char text[64];
	json_t *value;

	if (skex_base64_size(size) > sizeof(text))
		return false;
	skex_base64_encode(text, bytes, size);
	value = json_stringn(text, skex_base64_size(size));
	skex_wipe(text, sizeof(text));
	return json_object_set_new(request, name, value) == 0;
}

/* The passphrase stays here: the hub gets what Argon2id makes of it. */
static enum skex_error add_lock(json_t *request, const char *passphrase_file,
	struct skex_kit_lock *lock, struct skex_reason *reason)
{
	uint8_t *passphrase = skex_secret_new(SKEX_PASSPHRASE_MAX);
	size_t size = 0;
	enum skex_error error = SKEX_E_MEMORY;

	if (passphrase != NULL) {
		error = skex_passphrase_read(passphrase_file, passphrase, &size, reason);
		if (error != SKEX_OK) {
			skex_secret_free(passphrase);
			return error;
		}
		error = skex_kit_lock_make_passphrase(&platform, skex_view(passphrase, size),
			SKEX_KIT_MEMORY_KIB, SKEX_KIT_PASSES, lock);
	}
	skex_secret_free(passphrase);
	if (error == SKEX_OK &&
		(!set_base64(request, "key", lock->key, sizeof(lock->key)) ||
			!set_base64(request, "salt", lock->salt, sizeof(lock->salt)) ||
			json_object_set_new(request, "memory_kib",
				json_integer((json_int_t)lock->memory_kib)) != 0 ||
			json_object_set_new(
				request, "passes", json_integer((json_int_t)lock->passes)) != 0))
		error = SKEX_E_MEMORY;
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "passphrase",
			"free 256 MiB of memory, then try again",
			"no key could be made from the passphrase (%s)", skex_error_name(error));
	return SKEX_OK;
}

static json_t *make_request(const struct skex_hub_kit_order *order)
{
	json_t *request = json_pack(
		"{ss ss}", "op", order->refill ? "refill" : "enrol", "agent", order->agent);
	json_t *groups = NULL;

	if (request == NULL)
		return NULL;
	if (!order->ratchet)
		(void)json_object_set_new(
			request, "pad_bytes", json_integer((json_int_t)order->pad_bytes));
	if (order->groups_count > 0)
		groups = json_array();
	for (size_t i = 0; i < order->groups_count; i++)
		(void)json_array_append_new(groups, json_string(order->groups[i]));
	if (groups != NULL)
		(void)json_object_set_new(request, "groups", groups);
	if (order->pad_source != NULL)
		(void)json_object_set_new(request, "pad_source", json_string(order->pad_source));
	if (order->suite != NULL)
		(void)json_object_set_new(request, "suite", json_string(order->suite));
	if (order->ratchet)
		(void)json_object_set_new(request, "ratchet", json_true());
	if (order->again)
		(void)json_object_set_new(request, "again", json_true());
	return request;
}

static enum skex_error bad_answer(struct skex_reason *reason)
{
	return skex_reason_set(reason, SKEX_E_SYNTAX, "bad_answer",
		"use a skex of the hub's version", "the hub's answer makes no sense");
}

/* Copies the kit that the answer describes; fills the result. */
static enum skex_error take(const struct skex_hub_kit_order *order, json_t *answer,
	struct skex_hub_kit_result *result, struct skex_reason *reason)
{
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES];
	const char *spool, *text, *leg, *class;
	json_int_t size, generation;
	size_t got = 0;
	enum skex_error error;

	if (json_unpack(answer, "{ss ss ss ss sI sI}", "spool", &spool, "preamble", &text, "leg",
		    &leg, "class", &class, "size", &size, "generation", &generation) != 0 ||
		size < (json_int_t)sizeof(preamble) || strlen(leg) >= sizeof(result->leg) ||
		strlen(class) >= sizeof(result->class) ||
		!skex_base64_decode(preamble, sizeof(preamble), &got, text, strlen(text)) ||
		got != sizeof(preamble))
		return bad_answer(reason);
	error = skex_kit_file_copy(spool, (uint64_t)size, preamble, order->out, reason);
	skex_wipe(preamble, sizeof(preamble));
	if (error != SKEX_OK)
		return error;
	result->size = (uint64_t)size;
	result->generation = (unsigned long)generation;
	memcpy(result->leg, leg, strlen(leg) + 1);
	memcpy(result->class, class, strlen(class) + 1);
	return SKEX_OK;
}

static enum skex_error order_kit(const struct skex_hub_kit_order *order, json_t *request,
	struct skex_hub_kit_result *result, struct skex_reason *reason)
{
	json_t *answer = NULL;
	enum skex_error error = skex_ask(order->admin, request, -1, &answer, reason);

	if (error != SKEX_OK)
		return error;
	error = take(order, answer, result, reason);
	skex_json_wipe(json_object_get(answer, "preamble"));
	json_decref(answer);
	if (error != SKEX_OK)
		return error;
	error = skex_ask(order->admin,
		json_pack("{ss ss}", "op", "kit_taken", "agent", order->agent), -1, &answer,
		reason);
	if (error == SKEX_OK)
		json_decref(answer);
	return error;
}

enum skex_error skex_hub_kit_order(const struct skex_hub_kit_order *order,
	struct skex_hub_kit_result *result, struct skex_reason *reason)
{
	struct skex_kit_lock lock = {0};
	json_t *request = make_request(order);
	json_t *key;
	enum skex_error error = SKEX_OK;

	if (request == NULL)
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	if (order->passphrase_file != NULL)
		error = add_lock(request, order->passphrase_file, &lock, reason);
	skex_kit_lock_clear(&lock);
	if (error != SKEX_OK) {
		json_decref(request);
		return error;
	}
	key = json_incref(json_object_get(request, "key"));
	error = order_kit(order, request, result, reason);
	skex_json_wipe(key);
	json_decref(key);
	return error;
}
