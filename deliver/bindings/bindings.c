/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bindings/bindings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/openssl.h"
#include "deliver/bindings/confined.h"
#include "deliver/bindings/internal.h"
#include "platform/memory.h"
#include "platform/posix.h"

/* ---- turns -------------------------------------------------------------------------------------
 */

void bindings_changed(struct bindings_end *end)
{
	struct bindings *all = end->all;

	if (end->changed || end->binding == NULL)
		return;
	end->changed = true;
	end->next_changed = all->changed;
	all->changed = end;
	all->platform->wake(all->platform->context);
}

static void serve(struct bindings_end *end, uint64_t now_ms)
{
	uint64_t due_ms;

	if (end->unasked) {
		end->unasked = false;
		bindings_keyless(end);
	}
	due_ms = skex_binding_turn(end->binding, now_ms);
	/* What wants to be called again at once gets the next turn, not this one. */
	skex_schedule_set(&end->all->schedule, &end->due, due_ms > now_ms ? due_ms : now_ms + 1);
	bindings_report(end);
}

/* Only those are touched to which something happened, or that are due. */
static uint64_t turn(void *owner, uint64_t now_ms)
{
	struct bindings *bindings = owner;
	struct bindings_end *end = bindings->changed;

	bindings->changed = NULL;
	while (end != NULL) {
		struct bindings_end *next = end->next_changed;

		end->changed = false;
		serve(end, now_ms);
		end = next;
	}
	while ((end = skex_schedule_take(&bindings->schedule, now_ms)) != NULL)
		serve(end, now_ms);
	return skex_schedule_first_ms(&bindings->schedule);
}

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
			json_pack("{ss sI}", "active_key", id, "active_since_ms",
				(json_int_t)(wall_ms > memory->age_ms ? wall_ms - memory->age_ms
								      : 0))) != 0) {
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

/* ---- start -------------------------------------------------------------------------------------
 */

static void stop(struct bindings *bindings, enum skex_error error)
{
	/* Why first: what ends after that is of no interest. */
	if (bindings->failed == SKEX_OK)
		bindings->failed = error;
	skex_loop_stop(bindings->loop);
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
	};
	enum skex_error error;
	char text[256];

	if (bindings_error(answer, text, sizeof(text))) {
		skex_log(platform, SKEX_LEVEL_ERROR, "%s: %s", end->purpose, text);
		stop(end->all, SKEX_E_IO);
		return;
	}
	memory.active = key != NULL &&
		skex_uuid_parse(memory.key_id, skex_view(key, strlen(key))) == SKEX_OK;
	error = skex_binding_new(end->purpose, &end->policy, end->consumer.consumer,
		end->consumer.context, &end->host, end->hash, &memory, now_ms_of(end),
		&end->binding);
	if (error != SKEX_OK)
		stop(end->all, error);
	else
		bindings_changed(end);
}

static void rotate(struct bindings *bindings, const char *name)
{
	size_t i;

	for (i = 0; i < bindings->count; i++) {
		struct bindings_end *end = &bindings->ends[i];

		if (strcmp(end->config->name.text, name) == 0 && end->binding != NULL)
			skex_binding_order(end->binding);
	}
}

static void on_watched(void *owner, const json_t *answer)
{
	struct bindings *bindings = owner;
	const json_t *told = json_object_get(answer, "told");
	const char *name = json_string_value(json_object_get(answer, "rotate"));
	char text[256];

	if (bindings_error(answer, text, sizeof(text))) {
		skex_log(bindings->platform, SKEX_LEVEL_ERROR, "bindings: %s", text);
		stop(bindings, SKEX_E_BUSY);
	} else if (told != NULL) {
		bindings_told(bindings, told);
	} else if (name != NULL) {
		rotate(bindings, name);
	}
}

static void gone(void *owner)
{
	stop(owner, SKEX_OK);
}

static enum skex_error end_init(struct bindings_end *end)
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
	if (error == SKEX_OK)
		error = bindings_consumer_new(end->all->platform, config, &end->consumer, why);
	if (error != SKEX_OK)
		skex_log(end->all->platform, SKEX_LEVEL_ERROR, "binding %s: %s", config->name.text,
			why[0] != '\0' ? why : skex_error_name(error));
	if (error != SKEX_OK)
		return error;
	memcpy(end->hash, digest, sizeof(end->hash));
	end->due.item = end;
	end->host = (struct skex_binding_host){end, now_ms_of, changed, bindings_get,
		bindings_fetch, bindings_tell, remember, event};
	end->policy = (struct skex_rotation_policy){
		.period_ms = config->period_s * UINT64_C(1000),
		.grace_ms = config->grace_s * UINT64_C(1000),
		.close = config->expired == SKEX_BINDING_CLOSES,
		.leads = config->role == SKEX_BINDING_LEADS,
		.one_place = end->consumer.consumer->one_place,
	};
	return SKEX_OK;
}

static int by_hash(const void *a, const void *b)
{
	return memcmp((*(struct bindings_end *const *)a)->hash,
		(*(struct bindings_end *const *)b)->hash, 16);
}

static enum skex_error ends_init(struct bindings *bindings)
{
	enum skex_error error;
	size_t i;

	bindings->count = bindings->config->bindings_count;
	bindings->ends = calloc(bindings->count + 1, sizeof(*bindings->ends));
	bindings->by_hash = calloc(bindings->count + 1, sizeof(struct bindings_end *));
	if (bindings->ends == NULL || bindings->by_hash == NULL)
		return SKEX_E_MEMORY;
	error = skex_schedule_reserve(&bindings->schedule, bindings->count);
	for (i = 0; error == SKEX_OK && i < bindings->count; i++) {
		bindings->ends[i].all = bindings;
		bindings->ends[i].config = &bindings->config->bindings[i];
		bindings->by_hash[i] = &bindings->ends[i];
		error = end_init(&bindings->ends[i]);
	}
	if (error == SKEX_OK)
		qsort(bindings->by_hash, bindings->count, sizeof(struct bindings_end *), by_hash);
	return error;
}

static enum skex_error begin(struct bindings *bindings, int api_descriptor)
{
	struct skex_stream *stream;
	enum skex_error error;
	size_t i;

	error = skex_loop_adopt(bindings->loop, api_descriptor, &stream);
	if (error == SKEX_OK)
		error = local_api_new(bindings->platform, stream, gone, bindings, &bindings->api);
	if (error == SKEX_OK)
		error = ends_init(bindings);
	if (error == SKEX_OK)
		error = local_api_subscribe(
			bindings->api, "binding_watch", json_object(), on_watched, bindings);
	for (i = 0; error == SKEX_OK && i < bindings->count; i++)
		error = local_api_ask(bindings->api, "binding_recall",
			json_pack("{ss}", "binding", bindings->ends[i].config->name.text),
			on_recalled, &bindings->ends[i]);
	return error;
}

/* ---- the process -------------------------------------------------------------------------------
 */

static void stopping(void *owner)
{
	stop(owner, SKEX_OK);
}

static void reload(void *owner)
{
	(void)owner; /* the agent says what it reads again */
}

static void end_all(struct bindings *bindings)
{
	size_t i;

	for (i = 0; bindings->ends != NULL && i < bindings->count; i++) {
		skex_binding_free(bindings->ends[i].binding);
		bindings_consumer_free(&bindings->ends[i].consumer);
	}
	local_api_free(bindings->api);
	skex_schedule_clear(&bindings->schedule);
	free(bindings->by_hash);
	free(bindings->ends);
	skex_loop_free(bindings->loop);
}

bool skex_bindings_check(const struct skex_agent_config *config, char why[SKEX_CONFIG_MESSAGE_MAX])
{
	struct bindings_consumer consumer;
	char what[BINDINGS_WHY_BYTES] = "";
	struct skex_loop *loop = NULL;
	enum skex_error error = SKEX_OK;
	size_t i;

	if (config->bindings_count == 0)
		return true;
	error = skex_loop_new(&loop);
	for (i = 0; error == SKEX_OK && i < config->bindings_count; i++) {
		error = bindings_consumer_new(
			skex_loop_platform(loop), &config->bindings[i], &consumer, what);
		if (error == SKEX_OK)
			bindings_consumer_free(&consumer);
	}
	if (error != SKEX_OK)
		(void)snprintf(why, SKEX_CONFIG_MESSAGE_MAX, "binding %s: %s",
			i == 0 ? "" : config->bindings[i - 1].name.text,
			what[0] != '\0' ? what : skex_error_name(error));
	skex_loop_free(loop);
	return error == SKEX_OK;
}

int skex_bindings_main(int api_descriptor, const struct skex_agent_config *config)
{
	static struct bindings bindings;
	enum skex_error error;

	skex_process_protect();
	/* Key bytes pass through its strings. */
	json_set_alloc_funcs(skex_secret_new, skex_secret_free);
	bindings.config = config;
	error = skex_loop_new(&bindings.loop);
	if (error != SKEX_OK) {
		(void)close(api_descriptor);
		return (int)skex_error_class(error);
	}
	bindings.platform = skex_loop_platform(bindings.loop);
	error = skex_bindings_confine(bindings.platform, config);
	if (error == SKEX_OK)
		error = begin(&bindings, api_descriptor);
	if (error == SKEX_OK) {
		skex_loop_run(bindings.loop, turn, stopping, reload, &bindings);
		error = bindings.failed;
	}
	if (error != SKEX_OK)
		skex_log(bindings.platform, SKEX_LEVEL_ERROR, "bindings: stopped: %s",
			skex_error_name(error));
	end_all(&bindings);
	return (int)skex_error_class(error);
}
