/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/qkd014/orders.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/client/base64.h"
#include "core/wire/key_id.h"
#include "deliver/qkd014/fetch.h"
#include "platform/memory.h"

/* For all that has to be asked for one order, of a KME that gives a few keys at a time as well. */
#define FETCH_MS      30000u
#define KEYS_TEXT_MAX (SKEX_ETSI014_BATCH_MAX * SKEX_ETSI014_CLIENT_KEY_MAX * 4u / 3u + 5u)

/* One order, or the question how the KME is. */
struct order {
	struct order *next;
	json_int_t number;
	const struct skex_qkd014_peer_config *peer; /* NULL: the question */
	uint32_t wait_ms;                           /* as the agent has it; 0: no end */
	uint64_t until_ms;                          /* when that is over */
	uint32_t count;
	uint32_t key_bytes;
	bool by_id;
	uint8_t ids[SKEX_ETSI014_BATCH_MAX][16];
};

/* The orders for one KME: of the first one a fetch is under way, when there is one. */
struct queue {
	struct qkd014_orders *all;
	struct qkd014_kme kme;
	struct order *first;
	struct qkd014_fetch *fetch; /* locked; NULL: none */
};

struct qkd014_orders {
	const struct skex_platform *platform;
	qkd014_say_fn say;
	void *owner;
	atomic_bool ending; /* nothing more is fetched */
	size_t count;
	struct queue queues[];
};

static uint64_t now(const struct qkd014_orders *orders)
{
	return orders->platform->now_ms(orders->platform->context);
}

/* ---- answers -----------------------------------------------------------------------------------
 */

static const char *how(enum skex_error error)
{
	if (error == SKEX_E_EMPTY)
		return "empty";
	if (error == SKEX_E_REFUSED)
		return "refused";
	return error == SKEX_E_SYNTAX ? "wrong" : "away";
}

static json_t *keys_members(const struct order *order, const struct skex_etsi014_batch *batch)
{
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

static void answer(const struct queue *queue, const struct order *order, enum skex_error error,
	const char *message)
{
	const struct qkd014_orders *all = queue->all;

	if (order->peer == NULL)
		all->say(all->owner, "qkd014_report",
			json_pack("{ss ss}", "kme", queue->kme.config->name.text, "problem",
				error == SKEX_OK ? "" : message));
	else if (error == SKEX_OK)
		all->say(all->owner, "qkd014_keys", keys_members(order, &queue->fetch->batch));
	else
		all->say(all->owner, "qkd014_failed",
			json_pack("{sI ss ss}", "order", order->number, "how", how(error), "text",
				message[0] != '\0' ? message : skex_error_name(error)));
}

/* ---- one after the other -----------------------------------------------------------------------
 */

static void begin(struct queue *queue);

static void run(void *owner)
{
	const struct queue *queue = owner;

	if (!atomic_load(&queue->all->ending))
		qkd014_fetch_run(queue->fetch);
}

static void on_fetched(void *owner)
{
	struct queue *queue = owner;
	struct order *order = queue->first;

	queue->first = order->next;
	if (!atomic_load(&queue->all->ending))
		answer(queue, order, queue->fetch->error, queue->fetch->message);
	skex_secret_free(queue->fetch);
	queue->fetch = NULL;
	free(order);
	begin(queue);
}

static void fail_first(struct queue *queue, const char *message)
{
	struct order *order = queue->first;

	queue->first = order->next;
	answer(queue, order, SKEX_E_MEMORY, message);
	free(order);
}

static void fill(struct qkd014_fetch *fetch, struct queue *queue, const struct order *order)
{
	const uint64_t until_ms = now(queue->all) + FETCH_MS;

	fetch->kme = &queue->kme;
	fetch->peer = order->peer;
	fetch->by_id = order->by_id;
	fetch->until_ms = order->until_ms < until_ms ? order->until_ms : until_ms;
	fetch->batch.count = order->count;
	fetch->batch.key_bytes = order->key_bytes;
	memcpy(fetch->batch.ids, order->ids, sizeof(order->ids));
}

/* The first of the queue, when none is under way. */
static void begin(struct queue *queue)
{
	const struct skex_jobs *jobs = queue->all->platform->jobs;
	struct skex_work *work;

	while (queue->fetch == NULL && queue->first != NULL && !atomic_load(&queue->all->ending)) {
		queue->fetch = skex_secret_new(sizeof(*queue->fetch));
		if (queue->fetch != NULL)
			fill(queue->fetch, queue, queue->first);
		if (queue->fetch != NULL &&
			jobs->work(jobs->context, SKEX_WORK_FOR_OTHERS, run, on_fetched, queue,
				&work) == SKEX_OK)
			return;
		skex_secret_free(queue->fetch);
		queue->fetch = NULL;
		fail_first(queue, "no memory for the keys of a KME");
	}
}

static void add(struct queue *queue, struct order *order)
{
	struct order **end = &queue->first;

	while (*end != NULL)
		end = &(*end)->next;
	*end = order;
	begin(queue);
}

/* ---- what has waited too long ------------------------------------------------------------------
 */

static void drop(const struct queue *queue, struct order *order)
{
	char message[SKEX_ETSI014_CLIENT_MESSAGE_MAX];

	(void)snprintf(message, sizeof(message),
		"%s: it is too slow: an order waited for %" PRIu32
		" ms, and those before it were not done",
		queue->kme.config->url, order->wait_ms);
	answer(queue, order, SKEX_E_OFFLINE, message);
	free(order);
}

/* Of one that is under way its own time sees to it. */
static uint64_t drop_late(struct queue *queue, uint64_t now_ms)
{
	struct order **at = &queue->first;
	uint64_t due = UINT64_MAX;

	if (queue->fetch != NULL)
		at = &queue->first->next;
	while (*at != NULL) {
		struct order *order = *at;

		if (now_ms < order->until_ms) {
			due = order->until_ms < due ? order->until_ms : due;
			at = &order->next;
			continue;
		}
		*at = order->next;
		drop(queue, order);
	}
	return due;
}

uint64_t qkd014_orders_turn(struct qkd014_orders *orders, uint64_t now_ms)
{
	uint64_t due = UINT64_MAX;
	size_t i;

	for (i = 0; i < orders->count; i++) {
		const uint64_t next = drop_late(&orders->queues[i], now_ms);

		due = next < due ? next : due;
	}
	return due;
}

/* ---- orders ------------------------------------------------------------------------------------
 */

enum skex_error qkd014_orders_look(struct qkd014_orders *orders)
{
	size_t i;

	for (i = 0; i < orders->count; i++) {
		struct order *order = calloc(1, sizeof(*order));

		if (order == NULL)
			return SKEX_E_MEMORY;
		order->until_ms = UINT64_MAX;
		add(&orders->queues[i], order);
	}
	return SKEX_OK;
}

static struct queue *queue_named(struct qkd014_orders *orders, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < orders->count; i++) {
		if (strcmp(orders->queues[i].kme.config->name.text, name) == 0)
			return &orders->queues[i];
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

static bool read_ids(const json_t *list, struct order *order)
{
	uint32_t i;

	if (json_array_size(list) != order->count)
		return false;
	for (i = 0; i < order->count; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL ||
			skex_uuid_parse(order->ids[i], skex_view(text, strlen(text))) != SKEX_OK)
			return false;
	}
	return true;
}

/* A whole number from 1 to most; 0 when it is none. */
static uint32_t number_of(const json_t *object, const char *name, uint32_t most)
{
	const json_int_t value = json_integer_value(json_object_get(object, name));

	return value < 1 || value > (json_int_t)most ? 0 : (uint32_t)value;
}

enum skex_error qkd014_orders_take(struct qkd014_orders *orders, const json_t *asked)
{
	struct queue *queue = queue_named(orders, json_string_value(json_object_get(asked, "kme")));
	const json_t *ids = json_object_get(asked, "ids");
	struct order read = {
		.number = json_integer_value(json_object_get(asked, "order")),
		.peer = queue == NULL ? NULL
				      : peer_named(queue->kme.config,
						json_string_value(json_object_get(asked, "peer"))),
		.wait_ms = number_of(asked, "wait_ms", UINT32_MAX),
		.count = number_of(asked, "count", SKEX_ETSI014_BATCH_MAX),
		.key_bytes = number_of(asked, "key_bytes", SKEX_ETSI014_CLIENT_KEY_MAX),
		.by_id = ids != NULL,
	};
	struct order *order;

	if (read.peer == NULL || read.wait_ms == 0 || read.count == 0 || read.key_bytes == 0 ||
		(ids != NULL && !read_ids(ids, &read)))
		return SKEX_E_SYNTAX;
	read.until_ms = now(orders) + read.wait_ms;
	order = malloc(sizeof(*order));
	if (order == NULL)
		return SKEX_E_MEMORY;
	*order = read;
	add(queue, order);
	return SKEX_OK;
}

/* ---- life --------------------------------------------------------------------------------------
 */

enum skex_error qkd014_orders_new(const struct skex_platform *platform,
	const struct skex_agent_config *config, qkd014_say_fn say, void *owner,
	struct qkd014_orders **out)
{
	const size_t count = config->qkd014_count;
	struct qkd014_orders *orders =
		calloc(1, sizeof(*orders) + count * sizeof(orders->queues[0]));

	if (orders == NULL)
		return SKEX_E_MEMORY;
	orders->platform = platform;
	orders->say = say;
	orders->owner = owner;
	for (orders->count = 0; orders->count < count; orders->count++) {
		struct queue *queue = &orders->queues[orders->count];

		queue->all = orders;
		queue->kme.config = &config->qkd014[orders->count];
	}
	*out = orders;
	return SKEX_OK;
}

void qkd014_orders_end(struct qkd014_orders *orders)
{
	if (orders != NULL)
		atomic_store(&orders->ending, true);
}

void qkd014_orders_free(struct qkd014_orders *orders)
{
	size_t i;

	for (i = 0; orders != NULL && i < orders->count; i++) {
		struct queue *queue = &orders->queues[i];

		while (queue->first != NULL) {
			struct order *order = queue->first;

			queue->first = order->next;
			free(order);
		}
		qkd014_kme_clear(&queue->kme);
	}
	free(orders);
}
