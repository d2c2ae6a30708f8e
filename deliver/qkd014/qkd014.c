/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/qkd014/qkd014.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deliver/bindings/local_api.h"
#include "deliver/qkd014/orders.h"
#include "net/loop.h"
#include "platform/confine.h"
#include "platform/memory.h"

struct kmes {
	struct skex_loop *loop;
	const struct skex_platform *platform;
	struct local_api *api;
	struct qkd014_orders *orders;
	enum skex_error failed;
};

static void stop(struct kmes *kmes, enum skex_error error)
{
	if (kmes->failed == SKEX_OK)
		kmes->failed = error;
	skex_loop_stop(kmes->loop);
}

/* ---- to and from the agent ----------------------------------------------------------------------
 */

/* What the agent says to that: nothing, or that it cannot be. */
static void on_taken(void *owner, const json_t *answer)
{
	const struct kmes *kmes = owner;
	const json_t *error = json_object_get(answer, "error");
	const char *message = json_string_value(json_object_get(error, "message"));

	if (error != NULL)
		skex_log(kmes->platform, SKEX_LEVEL_ERROR, "KMEs: the agent refuses an answer: %s",
			message != NULL ? message : "");
}

static void say(void *owner, const char *op, json_t *members)
{
	struct kmes *kmes = owner;

	/* When it cannot be said the agent starts another process. */
	if (local_api_ask(kmes->api, op, members, on_taken, kmes) != SKEX_OK)
		stop(kmes, SKEX_E_MEMORY);
}

static void on_watched(void *owner, const json_t *answer)
{
	struct kmes *kmes = owner;
	const json_t *asked = json_object_get(answer, "fetch");
	enum skex_error error = SKEX_OK;

	if (json_object_get(answer, "error") != NULL)
		error = SKEX_E_BUSY;
	else if (asked != NULL)
		error = qkd014_orders_take(kmes->orders, asked);
	if (error != SKEX_OK)
		stop(kmes, error);
}

/* ---- the process -------------------------------------------------------------------------------
 */

static void gone(void *owner)
{
	stop(owner, SKEX_OK);
}

static void stopping(void *owner)
{
	stop(owner, SKEX_OK);
}

static void reload(void *owner)
{
	(void)owner; /* the agent says what it reads again */
}

static uint64_t turn(void *owner, uint64_t now_ms)
{
	const struct kmes *kmes = owner;

	return qkd014_orders_turn(kmes->orders, now_ms);
}

static enum skex_error start(
	struct kmes *kmes, const struct skex_agent_config *config, int api_descriptor)
{
	struct skex_stream *stream;
	enum skex_error error;

	/* One for each KME, and libcurl is not to make itself ready in several of them at a time.
	 */
	skex_loop_threads((unsigned)config->qkd014_count);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return SKEX_E_CRYPTO;
	error = skex_loop_adopt(kmes->loop, api_descriptor, &stream);
	if (error == SKEX_OK)
		error = local_api_new(kmes->platform, stream, gone, kmes, &kmes->api);
	if (error == SKEX_OK)
		error = qkd014_orders_new(kmes->platform, config, say, kmes, &kmes->orders);
	if (error == SKEX_OK)
		error = local_api_subscribe(
			kmes->api, "qkd014_watch", json_object(), on_watched, kmes);
	if (error == SKEX_OK)
		error = qkd014_orders_look(kmes->orders);
	return error;
}

/* It reads its certificates and what the resolver and TLS look at, and connects. */
static enum skex_error confine(const struct kmes *kmes, const struct skex_agent_config *config)
{
	struct skex_confine_files files = {.connects = true};
	struct skex_confine_path *paths =
		calloc(SKEX_CONFINE_LOOKUP_PATHS + 3 * config->qkd014_count, sizeof(*paths));
	enum skex_error error;
	size_t i;

	if (paths == NULL)
		return SKEX_E_MEMORY;
	for (i = 0; i < SKEX_CONFINE_LOOKUP_PATHS; i++)
		paths[files.paths_count++].path = skex_confine_lookup_paths[i];
	for (i = 0; i < config->qkd014_count; i++) {
		paths[files.paths_count++].path = config->qkd014[i].ca;
		paths[files.paths_count++].path = config->qkd014[i].certificate;
		paths[files.paths_count++].path = config->qkd014[i].key;
	}
	for (i = 0; i < files.paths_count; i++) {
		paths[i].rights = SKEX_PATH_READ;
		paths[i].optional = true;
	}
	files.paths = paths;
	error = skex_confine(
		kmes->platform, "the process of the KMEs", &files, SKEX_CALLS_BINDINGS);
	free(paths);
	return error;
}

int skex_qkd014_main(int api_descriptor, const struct skex_agent_config *config)
{
	static struct kmes kmes;
	enum skex_error error;

	skex_process_protect();
	/* Key bytes pass through its strings. */
	json_set_alloc_funcs(skex_secret_new, skex_secret_free);
	error = skex_loop_new(&kmes.loop);
	if (error != SKEX_OK) {
		(void)close(api_descriptor);
		return (int)skex_error_class(error);
	}
	kmes.platform = skex_loop_platform(kmes.loop);
	error = confine(&kmes, config);
	if (error == SKEX_OK)
		error = start(&kmes, config, api_descriptor);
	if (error == SKEX_OK) {
		skex_loop_run(kmes.loop, turn, stopping, reload, &kmes);
		error = kmes.failed;
	}
	if (error != SKEX_OK)
		skex_log(kmes.platform, SKEX_LEVEL_ERROR, "KMEs: stopped: %s",
			skex_error_name(error));
	qkd014_orders_end(kmes.orders);
	local_api_free(kmes.api);
	/* A fetch that is under way is waited for here. */
	skex_loop_free(kmes.loop);
	qkd014_orders_free(kmes.orders);
	return (int)skex_error_class(error);
}
