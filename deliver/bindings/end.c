/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/openssl.h"
#include "deliver/bindings/internal.h"

/* How this agent's end of a binding comes to be, and what it has of this process. */

/* ---- the host of a binding ---------------------------------------------------------------------
 */

static uint64_t now_ms_of(void *context)
{
	const struct bindings_end *end = context;

	return end->all->platform->now_ms(end->all->platform->context);
}

static void changed(void *context, struct skex_binding *binding)
{
	(void)binding;
	bindings_changed(context);
}

static void on_remembered(void *owner, const json_t *answer)
{
	const struct bindings_end *end = owner;
	char text[256];

	if (bindings_error(answer, text, sizeof(text)))
		skex_log(end->all->platform, SKEX_LEVEL_WARNING, "%s: not remembered: %s",
			end->purpose, text);
}

static void remember(
	void *context, struct skex_binding *binding, const struct skex_rotation_memory *memory)
{
	struct bindings_end *end = context;
	const struct skex_platform *platform = end->all->platform;
	const uint64_t wall_ms = platform->wall_ms(platform->context);
	json_t *members = json_pack(
		"{ss sI}", "binding", end->config->name.text, "round", (json_int_t)memory->round);
	char id[SKEX_KEY_ID_TEXT_BYTES];

	(void)binding;
	skex_uuid_print(memory->key_id, id);
	if (memory->active &&
		json_object_update_missing_new(members,
			json_pack("{ss sI sb}", "active_key", id, "active_since_ms",
				(json_int_t)(wall_ms > memory->age_ms ? wall_ms - memory->age_ms
								      : 0),
				"settled", memory->settled)) != 0) {
		json_decref(members);
		members = NULL;
	}
	/* What is not remembered is caught up with the other end's help. */
	(void)!local_api_ask(end->all->api, "binding_remember", members, on_remembered, end);
}

static void event(void *context, struct skex_binding *binding, const char *text)
{
	const struct bindings_end *end = context;

	(void)binding;
	skex_log(end->all->platform, SKEX_LEVEL_WARNING, "%s: %s", end->purpose, text);
}

/* ---- a start -----------------------------------------------------------------------------------
 */

static bool is_unknown(const json_t *answer)
{
	const char *code =
		json_string_value(json_object_get(json_object_get(answer, "error"), "code"));

	return code != NULL && strcmp(code, "unknown_binding") == 0;
}

/* What it remembers is here: it begins. */
static void on_recalled(void *owner, const json_t *answer)
{
	struct bindings_end *end = owner;
	const struct skex_platform *platform = end->all->platform;
	const uint64_t wall_ms = platform->wall_ms(platform->context);
	const char *key = json_string_value(json_object_get(answer, "active_key"));
	const json_t *since = json_object_get(answer, "active_since_ms");
	const uint64_t since_ms = (uint64_t)json_integer_value(since);
	struct skex_rotation_memory memory = {
		.round = (uint64_t)json_integer_value(json_object_get(answer, "round")),
		.age_ms = wall_ms > since_ms ? wall_ms - since_ms : 0,
		.settled = json_is_true(json_object_get(answer, "settled")),
		/* By a clock that went back it would be young again at each start. */
		.rested = since_ms <= wall_ms && json_is_true(json_object_get(answer, "rested")),
	};
	enum skex_error error;
	char text[256];

	/* It was removed, or is not to begin anything any more. */
	if (end->left || end->all->ending)
		return;
	if (is_unknown(answer)) {
		/* The same, and nobody waits for a word of it. */
		bindings_end_leave(end);
		return;
	}
	if (bindings_error(answer, text, sizeof(text))) {
		skex_log(platform, SKEX_LEVEL_ERROR, "%s: %s", end->purpose, text);
		bindings_stop(end->all, SKEX_E_IO);
		return;
	}
	if (end->refused) {
		bindings_report_refused(end);
		return;
	}
	memory.active = key != NULL &&
		skex_uuid_parse(memory.key_id, skex_view(key, strlen(key))) == SKEX_OK;
	error = skex_binding_new(end->purpose, &end->policy, end->consumer.consumer,
		end->consumer.context, &end->host, end->hash, &memory, now_ms_of(end),
		&end->binding);
	if (error != SKEX_OK)
		bindings_stop(end->all, error);
	else
		bindings_changed(end);
}

enum skex_error bindings_end_begin(struct bindings_end *end)
{
	return local_api_ask(end->all->api, "binding_recall",
		json_pack("{ss}", "binding", end->config->name.text), on_recalled, end);
}

/* ---- coming and going --------------------------------------------------------------------------
 */

static enum skex_error init(struct bindings_end *end)
{
	const struct skex_binding_config *config = end->config;
	const struct skex_crypto *crypto = skex_crypto_openssl();
	char why[BINDINGS_WHY_BYTES] = "";
	uint8_t digest[SKEX_HASH_BYTES];
	struct skex_view purpose;
	enum skex_error error;

	(void)snprintf(end->purpose, sizeof(end->purpose), "%s:%s", skex_binding_consumer(config),
		config->name.text);
	purpose = skex_view(end->purpose, strlen(end->purpose));
	error = crypto->sha256(crypto->context, &purpose, 1, digest);
	if (error != SKEX_OK)
		return error;
	memcpy(end->hash, digest, sizeof(end->hash));
	end->due.item = end;
	error = bindings_consumer_new(end->all->platform, config, &end->consumer, why);
	if (error == SKEX_E_MEMORY)
		return error;
	if (error != SKEX_OK) {
		/* The others go on. */
		end->refused = true;
		bindings_wrong(end, why[0] != '\0' ? why : skex_error_name(error));
		return SKEX_OK;
	}
	end->host = (struct skex_binding_host){end, now_ms_of, changed, bindings_get,
		bindings_fetch, bindings_tell, remember, event};
	end->policy = (struct skex_rotation_policy){
		.period_ms = config->period_s * UINT64_C(1000),
		.grace_ms = config->grace_s * UINT64_C(1000),
		.close = config->expired == SKEX_BINDING_CLOSES,
		.leads = config->role == SKEX_BINDING_LEADS,
		.one_place = end->consumer.consumer->one_place,
		.once = end->consumer.consumer->once,
	};
	return SKEX_OK;
}

static enum skex_error make_room(struct bindings *bindings)
{
	const size_t room = (bindings->count + 1) * sizeof(struct bindings_end *);
	struct bindings_end **ends = realloc(bindings->ends, room);
	struct bindings_end **by_hash;

	if (ends == NULL)
		return SKEX_E_MEMORY;
	bindings->ends = ends;
	by_hash = realloc(bindings->by_hash, room);
	if (by_hash == NULL)
		return SKEX_E_MEMORY;
	bindings->by_hash = by_hash;
	return skex_schedule_reserve(
		&bindings->schedule, bindings->count + bindings->left_count + 1);
}

/* Where the one of this name stands, or would. */
static size_t name_place(const struct bindings *bindings, const char *name)
{
	size_t low = 0;
	size_t high = bindings->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (strcmp(bindings->ends[middle]->config->name.text, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The same of this hash. */
static size_t hash_place(const struct bindings *bindings, const uint8_t hash[16])
{
	size_t low = 0;
	size_t high = bindings->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (memcmp(bindings->by_hash[middle]->hash, hash, 16) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum skex_error bindings_end_add(struct bindings *bindings,
	const struct skex_binding_config *config, struct skex_binding_config *own,
	struct bindings_end **added)
{
	struct bindings_end *end = calloc(1, sizeof(*end));
	enum skex_error error = end == NULL ? SKEX_E_MEMORY : make_room(bindings);
	size_t place;
	size_t at;

	if (error == SKEX_OK) {
		end->all = bindings;
		end->config = config;
		error = init(end);
	}
	if (error != SKEX_OK) {
		free(end);
		return error;
	}
	end->own = own;
	at = hash_place(bindings, end->hash);
	memmove(&bindings->by_hash[at + 1], &bindings->by_hash[at],
		(bindings->count - at) * sizeof(struct bindings_end *));
	bindings->by_hash[at] = end;
	place = name_place(bindings, config->name.text);
	memmove(&bindings->ends[place + 1], &bindings->ends[place],
		(bindings->count - place) * sizeof(struct bindings_end *));
	bindings->ends[place] = end;
	bindings->count++;
	*added = end;
	return SKEX_OK;
}

void bindings_end_leave(struct bindings_end *end)
{
	struct bindings *bindings = end->all;
	const size_t place = hash_place(bindings, end->hash);
	const size_t at = name_place(bindings, end->config->name.text);

	bindings->count--;
	memmove(&bindings->ends[at], &bindings->ends[at + 1],
		(bindings->count - at) * sizeof(struct bindings_end *));
	memmove(&bindings->by_hash[place], &bindings->by_hash[place + 1],
		(bindings->count - place) * sizeof(struct bindings_end *));
	end->left = true;
	end->next_left = bindings->left;
	bindings->left = end;
	bindings->left_count++;
}

void bindings_end_free(struct bindings_end *end)
{
	skex_binding_free(end->binding);
	bindings_consumer_free(&end->consumer);
	skex_bindings_clear(end->own, 1);
	free(end);
}

struct bindings_end *bindings_named(const struct bindings *bindings, const char *name)
{
	const size_t at = name_place(bindings, name);

	return at < bindings->count && strcmp(bindings->ends[at]->config->name.text, name) == 0
		? bindings->ends[at]
		: NULL;
}

struct bindings_end *bindings_hashed(const struct bindings *bindings, const uint8_t hash[16])
{
	const size_t at = hash_place(bindings, hash);

	return at < bindings->count && memcmp(bindings->by_hash[at]->hash, hash, 16) == 0
		? bindings->by_hash[at]
		: NULL;
}
