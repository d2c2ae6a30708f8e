/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/qkd014/qkd014.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/client/base64.h"
#include "core/wire/key_id.h"
#include "deliver/bindings/local_api.h"
#include "deliver/qkd014/fetch.h"
#include "net/loop.h"
#include "platform/confine.h"
#include "platform/memory.h"
#include "platform/posix.h"

#define KEYS_TEXT_MAX (SKEX_ETSI014_BATCH_MAX * SKEX_ETSI014_CLIENT_KEY_MAX * 4u / 3u + 5u)

struct kmes {
	const struct skex_agent_config *config;
	struct skex_loop *loop;
	const struct skex_platform *platform;
	struct local_api *api;
	struct qkd014_kme *kmes;
	struct order *orders; /* that are under way */
	enum skex_error failed;
	atomic_bool ending; /* nothing more is fetched */
};

/* One order of the agent, or the question how a KME is. */
struct order {
	struct order *next;
	struct order **self;
	struct kmes *all;
	json_int_t number;
	struct qkd014_fetch *fetch; /* locked */
};

static void stop(struct kmes *kmes, enum skex_error error)
{
	if (kmes->failed == SKEX_OK)
		kmes->failed = error;
	skex_loop_stop(kmes->loop);
}

/* ---- answers -----------------------------------------------------------------------------------
 */

static void order_free(struct order *order)
{
	*order->self = order->next;
	if (order->next != NULL)
		order->next->self = order->self;
	skex_secret_free(order->fetch);
	free(order);
}

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

static void say(struct kmes *kmes, const char *op, json_t *members)
{
	/* When it cannot be said the agent starts another process. */
	if (local_api_ask(kmes->api, op, members, on_taken, kmes) != SKEX_OK)
		stop(kmes, SKEX_E_MEMORY);
}

static const char *how(enum skex_error error)
{
	if (error == SKEX_E_EMPTY)
		return "empty";
	if (error == SKEX_E_REFUSED)
		return "refused";
	return error == SKEX_E_SYNTAX ? "wrong" : "away";
}

static json_t *keys_members(const struct order *order)
{
	const struct skex_etsi014_batch *batch = &order->fetch->batch;
	const size_t size = (size_t)batch->count * batch->key_bytes;
	char *keys = skex_secret_new(KEYS_TEXT_MAX);
	char id[SKEX_KEY_ID_TEXT_BYTES];
	json_t *ids = json_array();
	json_t *members = NULL;
	bool good = keys != NULL;
	uint32_t i;

	for (i = 0; i < batch->count && good; i++) {
		skex_uuid_print(batch->ids[i], id);
		good = json_array_append_new(ids, json_string(id)) == 0;
	}
	if (good) {
		skex_base64_encode(keys, batch->keys, size);
		members = json_pack("{sI sO ss%}", "order", order->number, "ids", ids, "keys", keys,
			skex_base64_size(size));
	}
	json_decref(ids);
	skex_secret_free(keys);
	return members;
}

static void on_fetched(void *owner)
{
	struct order *order = owner;
	struct kmes *kmes = order->all;
	const struct qkd014_fetch *fetch = order->fetch;

	if (atomic_load(&kmes->ending)) {
		order_free(order);
		return;
	}
	if (fetch->peer == NULL)
		say(kmes, "qkd014_report",
			json_pack("{ss ss}", "kme", fetch->kme->config->name.text, "problem",
				fetch->error == SKEX_OK ? "" : fetch->message));
	else if (fetch->error == SKEX_OK)
		say(kmes, "qkd014_keys", keys_members(order));
	else
		say(kmes, "qkd014_failed",
			json_pack("{sI ss ss}", "order", order->number, "how", how(fetch->error),
				"text",
				fetch->message[0] != '\0' ? fetch->message
							  : skex_error_name(fetch->error)));
	order_free(order);
}

/* ---- orders ------------------------------------------------------------------------------------
 */

static void run(void *owner)
{
	const struct order *order = owner;

	if (!atomic_load(&order->all->ending))
		qkd014_fetch_run(order->fetch);
}

static struct order *order_new(struct kmes *kmes, struct qkd014_kme *kme)
{
	struct order *order = calloc(1, sizeof(*order));

	if (order == NULL)
		return NULL;
	order->fetch = skex_secret_new(sizeof(*order->fetch));
	if (order->fetch == NULL) {
		free(order);
		return NULL;
	}
	order->all = kmes;
	order->fetch->kme = kme;
	order->next = kmes->orders;
	order->self = &kmes->orders;
	if (order->next != NULL)
		order->next->self = &order->next;
	kmes->orders = order;
	return order;
}

static void begin(struct kmes *kmes, struct order *order)
{
	const struct skex_jobs *jobs = kmes->platform->jobs;
	struct skex_work *work;

	if (order == NULL)
		stop(kmes, SKEX_E_MEMORY);
	else if (jobs->work(jobs->context, SKEX_WORK_FOR_DISK, run, on_fetched, order, &work) !=
		SKEX_OK) {
		order_free(order);
		stop(kmes, SKEX_E_MEMORY);
	}
}

static struct qkd014_kme *kme_named(struct kmes *kmes, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < kmes->config->qkd014_count; i++) {
		if (strcmp(kmes->kmes[i].config->name.text, name) == 0)
			return &kmes->kmes[i];
	}
	return NULL;
}

static const struct skex_qkd014_peer_config *peer_named(
	const struct skex_qkd014_config *config, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < config->peers_count; i++) {
		if (strcmp(config->peers[i].name.text, name) == 0)
			return &config->peers[i];
	}
	return NULL;
}

static bool read_ids(const json_t *list, struct skex_etsi014_batch *batch)
{
	uint32_t i;

	if (json_array_size(list) != batch->count)
		return false;
	for (i = 0; i < batch->count; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL ||
			skex_uuid_parse(batch->ids[i], skex_view(text, strlen(text))) != SKEX_OK)
			return false;
	}
	return true;
}

static void fetch(struct kmes *kmes, const json_t *asked)
{
	struct qkd014_kme *kme = kme_named(kmes, json_string_value(json_object_get(asked, "kme")));
	const json_int_t count = json_integer_value(json_object_get(asked, "count"));
	const json_int_t bytes = json_integer_value(json_object_get(asked, "key_bytes"));
	const json_t *ids = json_object_get(asked, "ids");
	const struct skex_qkd014_peer_config *peer = kme == NULL
		? NULL
		: peer_named(kme->config, json_string_value(json_object_get(asked, "peer")));
	struct order *order;

	if (peer == NULL || count < 1 || count > SKEX_ETSI014_BATCH_MAX || bytes < 1 ||
		bytes > SKEX_ETSI014_CLIENT_KEY_MAX) {
		stop(kmes, SKEX_E_SYNTAX);
		return;
	}
	order = order_new(kmes, kme);
	if (order != NULL) {
		order->number = json_integer_value(json_object_get(asked, "order"));
		order->fetch->peer = peer;
		order->fetch->by_id = ids != NULL;
		order->fetch->batch.count = (uint32_t)count;
		order->fetch->batch.key_bytes = (uint32_t)bytes;
		if (ids != NULL && !read_ids(ids, &order->fetch->batch)) {
			order_free(order);
			stop(kmes, SKEX_E_SYNTAX);
			return;
		}
	}
	begin(kmes, order);
}

static void on_watched(void *owner, const json_t *answer)
{
	struct kmes *kmes = owner;
	const json_t *asked = json_object_get(answer, "fetch");

	if (json_object_get(answer, "error") != NULL)
		stop(kmes, SKEX_E_BUSY);
	else if (asked != NULL)
		fetch(kmes, asked);
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
	(void)owner;
	(void)now_ms;
	return UINT64_MAX;
}

static enum skex_error start(struct kmes *kmes, int api_descriptor)
{
	struct skex_stream *stream;
	enum skex_error error;
	size_t i;

	kmes->kmes = calloc(kmes->config->qkd014_count + 1, sizeof(*kmes->kmes));
	if (kmes->kmes == NULL)
		return SKEX_E_MEMORY;
	error = skex_loop_adopt(kmes->loop, api_descriptor, &stream);
	if (error == SKEX_OK)
		error = local_api_new(kmes->platform, stream, gone, kmes, &kmes->api);
	for (i = 0; error == SKEX_OK && i < kmes->config->qkd014_count; i++)
		kmes->kmes[i].config = &kmes->config->qkd014[i];
	if (error == SKEX_OK)
		error = local_api_subscribe(
			kmes->api, "qkd014_watch", json_object(), on_watched, kmes);
	for (i = 0; error == SKEX_OK && i < kmes->config->qkd014_count; i++)
		begin(kmes, order_new(kmes, &kmes->kmes[i]));
	return error;
}

/* It reads its certificates and what the resolver and TLS look at, and connects. */
static enum skex_error confine(const struct kmes *kmes)
{
	struct skex_confine_files files = {.connects = true};
	struct skex_confine_path *paths =
		calloc(SKEX_CONFINE_LOOKUP_PATHS + 3 * kmes->config->qkd014_count, sizeof(*paths));
	enum skex_error error;
	size_t i;

	if (paths == NULL)
		return SKEX_E_MEMORY;
	for (i = 0; i < SKEX_CONFINE_LOOKUP_PATHS; i++)
		paths[files.paths_count++].path = skex_confine_lookup_paths[i];
	for (i = 0; i < kmes->config->qkd014_count; i++) {
		paths[files.paths_count++].path = kmes->config->qkd014[i].ca;
		paths[files.paths_count++].path = kmes->config->qkd014[i].certificate;
		paths[files.paths_count++].path = kmes->config->qkd014[i].key;
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
	size_t i;

	skex_process_protect();
	/* Key bytes pass through its strings. */
	json_set_alloc_funcs(skex_secret_new, skex_secret_free);
	kmes.config = config;
	error = skex_loop_new(&kmes.loop);
	if (error != SKEX_OK) {
		(void)close(api_descriptor);
		return (int)skex_error_class(error);
	}
	kmes.platform = skex_loop_platform(kmes.loop);
	error = confine(&kmes);
	if (error == SKEX_OK)
		error = start(&kmes, api_descriptor);
	if (error == SKEX_OK) {
		skex_loop_run(kmes.loop, turn, stopping, reload, &kmes);
		error = kmes.failed;
	}
	if (error != SKEX_OK)
		skex_log(kmes.platform, SKEX_LEVEL_ERROR, "KMEs: stopped: %s",
			skex_error_name(error));
	atomic_store(&kmes.ending, true);
	local_api_free(kmes.api);
	/* A fetch that is under way is waited for here. */
	skex_loop_free(kmes.loop);
	while (kmes.orders != NULL)
		order_free(kmes.orders);
	for (i = 0; kmes.kmes != NULL && i < config->qkd014_count; i++)
		qkd014_kme_clear(&kmes.kmes[i]);
	free(kmes.kmes);
	return (int)skex_error_class(error);
}
