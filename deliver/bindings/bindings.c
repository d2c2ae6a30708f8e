/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bindings/bindings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "deliver/bindings/internal.h"
#include "platform/memory.h"
#include "platform/posix.h"

/* A turn that lasts as long is the last. */
#define HANGS_S 60

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

	if (end->binding == NULL) {
		bindings_retire_late(end, now_ms);
		return;
	}
	if (end->unasked) {
		end->unasked = false;
		bindings_keyless(end);
	}
	due_ms = skex_binding_turn(end->binding, now_ms);
	/* What wants to be called again at once gets the next turn, not this one. */
	skex_schedule_set(&end->all->schedule, &end->due, due_ms > now_ms ? due_ms : now_ms + 1);
	bindings_report(end);
	if (end->all->ending)
		bindings_rest(end);
}

/* What a disk that hangs holds up, when a piece of work is to be dropped, is all of this process:
 * no key is rotated, and none closed.  The kernel ends it then, and another one goes on. */
static uint64_t keep_alive(struct bindings *bindings, uint64_t now_ms, uint64_t next_ms)
{
	static const struct itimerval hangs = {.it_value = {.tv_sec = HANGS_S}};

	if (now_ms >= bindings->alive_ms) {
		(void)setitimer(ITIMER_REAL, &hangs, NULL);
		bindings->alive_ms = now_ms + HANGS_S * UINT64_C(500);
	}
	return next_ms < bindings->alive_ms ? next_ms : bindings->alive_ms;
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
	return keep_alive(bindings, now_ms,
		bindings_end_turn(bindings, now_ms, skex_schedule_first_ms(&bindings->schedule)));
}

/* ---- start -------------------------------------------------------------------------------------
 */

void bindings_stop(struct bindings *bindings, enum skex_error error)
{
	/* Why first: what ends after that is of no interest. */
	if (bindings->failed == SKEX_OK)
		bindings->failed = error;
	skex_loop_stop(bindings->loop);
}

static void rotate(struct bindings *bindings, const char *name)
{
	struct bindings_end *end = bindings_named(bindings, name);

	if (end != NULL && end->binding != NULL)
		skex_binding_order(end->binding);
}

static void on_watched(void *owner, const json_t *answer)
{
	struct bindings *bindings = owner;
	const json_t *told = json_object_get(answer, "told");
	const char *name = json_string_value(json_object_get(answer, "rotate"));
	const char *gone_name = json_string_value(json_object_get(answer, "remove"));
	char text[256];

	if (bindings_error(answer, text, sizeof(text))) {
		skex_log(bindings->platform, SKEX_LEVEL_ERROR, "bindings: %s", text);
		bindings_stop(bindings, SKEX_E_BUSY);
	} else if (told != NULL) {
		bindings_told(bindings, told);
	} else if (name != NULL) {
		rotate(bindings, name);
	} else if (gone_name != NULL) {
		bindings_remove(
			bindings, gone_name, json_is_true(json_object_get(answer, "leave")));
	} else if (json_is_true(json_object_get(answer, "changed"))) {
		bindings_others_come(bindings);
	}
}

static void gone(void *owner)
{
	bindings_stop(owner, SKEX_OK);
}

static enum skex_error ends_init(struct bindings *bindings)
{
	enum skex_error error = SKEX_OK;
	struct bindings_end *added;
	size_t i;

	for (i = 0; error == SKEX_OK && i < bindings->config->bindings_count; i++)
		error = bindings_end_add(bindings, &bindings->config->bindings[i], NULL, &added);
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
		error = bindings_end_begin(bindings->ends[i]);
	return error;
}

/* ---- the process -------------------------------------------------------------------------------
 */

static void stopping(void *owner)
{
	bindings_stop(owner, SKEX_OK);
}

static void reload(void *owner)
{
	(void)owner; /* the agent says what it reads again */
}

static void end_all(struct bindings *bindings)
{
	size_t i;

	for (i = 0; i < bindings->count; i++)
		bindings_end_free(bindings->ends[i]);
	while (bindings->left != NULL) {
		struct bindings_end *end = bindings->left;

		bindings->left = end->next_left;
		bindings_end_free(end);
	}
	local_api_free(bindings->api);
	bindings_others_free(bindings);
	bindings_rights_clear(&bindings->rights);
	skex_schedule_clear(&bindings->schedule);
	free(bindings->by_hash);
	free(bindings->ends);
	skex_loop_free(bindings->loop);
}

bool skex_bindings_check(const struct skex_platform *platform,
	const struct skex_binding_config *bindings, size_t count, char why[SKEX_CONFIG_MESSAGE_MAX])
{
	struct bindings_consumer consumer;
	char what[BINDINGS_WHY_BYTES] = "";
	enum skex_error error = SKEX_OK;
	size_t i;

	for (i = 0; error == SKEX_OK && i < count; i++) {
		error = bindings_consumer_new(platform, &bindings[i], &consumer, what);
		if (error == SKEX_OK)
			bindings_consumer_free(&consumer);
	}
	if (error != SKEX_OK)
		(void)snprintf(why, SKEX_CONFIG_MESSAGE_MAX, "binding %s: %s",
			bindings[i - 1].name.text, what[0] != '\0' ? what : skex_error_name(error));
	return error == SKEX_OK;
}

static enum skex_error confine(struct bindings *bindings)
{
	enum skex_error error = SKEX_OK;
	size_t i;

	for (i = 0; error == SKEX_OK && i < bindings->config->bindings_count; i++)
		error = bindings_rights_add(&bindings->rights, &bindings->config->bindings[i]);
	bindings_rights_end(&bindings->rights);
	if (error == SKEX_OK)
		error = bindings_confine(bindings->platform, &bindings->rights);
	return error;
}

int skex_bindings_main(int api_descriptor, struct skex_agent_config *config)
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
	bindings.began_ms = bindings.platform->now_ms(bindings.platform->context);
	bindings.renew_ms = UINT64_MAX;
	/* From the start on, and so before the first turn. */
	(void)keep_alive(&bindings, bindings.began_ms, UINT64_MAX);
	error = bindings_take_added(bindings.platform, api_descriptor, config);
	if (error == SKEX_OK)
		error = confine(&bindings);
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
