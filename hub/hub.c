/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/backoff.h"
#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "hub/internal.h"
#include "platform/memory.h"
#include "store/tables.h"

#define SHARD_BUCKETS 4096u
#define SWEEP_MS      1000u
#define UNLOAD_MS     60000u
#define LOAD_MIN_MS   5000u      /* before a leg that cannot be read is tried again */
#define LOAD_MAX_MS   60000u     /* from try to try, in the end */
#define EXPIRE_MAX    4096u      /* messages that expire in one turn */
#define DROP_BYTES    (8u << 20) /* of removals in one transaction */
#define ORPHANS_MAX   65536u     /* removed at a start, in one transaction; more at the next */

uint64_t hub_wall_ms(const struct skex_hub *hub)
{
	return hub->link.platform->wall_ms(hub->link.platform->context);
}

void hub_alarm(struct skex_hub *hub, const struct hub_leg *leg, const char *name, const char *text)
{
	skex_log(hub->link.platform, SKEX_LEVEL_WARNING, "%s: agent %s: %s", name,
		leg == NULL || leg->member == NULL ? "?" : leg->member->row.name.text, text);
}

/* ---- legs in use -------------------------------------------------------------------------------
 */

static struct hub_shard *shard_of(struct skex_hub *hub, uint64_t number)
{
	return &hub->shards[number % hub->shards_count];
}

static struct hub_leg **bucket_of(struct hub_shard *shard, uint64_t number)
{
	return &shard->buckets[(number >> 8) & shard->bucket_mask];
}

struct hub_leg *hub_leg_find(struct skex_hub *hub, uint64_t number)
{
	struct hub_leg *leg = *bucket_of(shard_of(hub, number), number);

	while (leg != NULL && leg->number != number)
		leg = leg->next;
	return leg;
}

struct hub_leg *hub_leg_get(struct skex_hub *hub, uint64_t number)
{
	struct hub_leg *leg = hub_leg_find(hub, number);
	struct skex_leg_record record;
	struct hub_member *member;
	struct hub_leg **bucket;

	if (leg != NULL)
		return leg;
	if (skex_registry_leg_get(hub->link.registry, number, &record) != SKEX_OK)
		return NULL;
	member = hub_member_find(&hub->members, &record.other);
	leg = member == NULL ? NULL : calloc(1, sizeof(*leg));
	if (leg == NULL)
		return NULL;
	leg->hub = hub;
	leg->member = member;
	leg->number = number;
	hub_queue_init(&leg->queue, &hub->expiry, number);
	bucket = bucket_of(shard_of(hub, number), number);
	leg->next = *bucket;
	*bucket = leg;
	shard_of(hub, number)->count++;
	return leg;
}

/* Told when that begins: anybody who knows the number of a leg can have it looked for. */
static void unusable(struct hub_leg *leg, enum skex_error why)
{
	char text[160];

	leg->leg = NULL;
	if (leg->load_failures == 0) {
		snprintf(text, sizeof(text),
			"its state on the disk cannot be used (%s): tried again and again; if it "
			"stays so, evict the agent and enrol it anew",
			skex_error_name(why));
		hub_alarm(leg->hub, leg, "leg_unusable", text);
	}
	leg->load_ms = leg->used_ms + skex_back_off(LOAD_MIN_MS, leg->load_failures, LOAD_MAX_MS);
	leg->load_failures++;
}

struct skex_leg *hub_leg_load(struct hub_leg *leg)
{
	leg->used_ms = leg->hub->link.platform->now_ms(leg->hub->link.platform->context);
	if (leg->leg == NULL) {
		enum skex_error error;

		if (leg->load_failures != 0 && leg->used_ms < leg->load_ms)
			return NULL;
		error = skex_leg_load(&leg->hub->link, leg->number, &leg->leg);
		if (error != SKEX_OK) {
			unusable(leg, error);
			return NULL;
		}
		if (leg->load_failures != 0)
			hub_alarm(leg->hub, leg, "leg_usable", "its leg can be used again");
		leg->load_failures = 0;
		leg->leg->owner_data = leg;
		if (leg->envelopes != NULL) {
			leg->leg->envelope_tx = leg->envelopes->tx;
			leg->leg->envelope_rx = leg->envelopes->rx;
			leg->leg->rx.failures = leg->envelopes->tags_failed;
			leg->leg->tags_reserved = leg->envelopes->tags_reserved;
			skex_secret_free(leg->envelopes);
			leg->envelopes = NULL;
		}
	}
	return leg->leg;
}

/* ---- events of the legs ------------------------------------------------------------------------
 */

bool hub_leg_welcome(const struct hub_leg *leg)
{
	return leg->member->known && leg->member->row.state == SKEX_MEMBER_ENROLLED &&
		leg->member->row.leg == leg->number;
}

static struct skex_leg *find(void *owner, uint64_t number)
{
	struct hub_leg *leg = hub_leg_get(owner, number);

	return leg == NULL ? NULL : hub_leg_load(leg);
}

static void up(void *owner, struct skex_leg *link_leg)
{
	struct skex_hub *hub = owner;
	struct hub_leg *leg = link_leg->owner_data;

	if (!hub_leg_welcome(leg)) {
		skex_leg_bye(link_leg, SKEX_BYE_BANNED);
		return;
	}
	if (hub->foreign != NULL)
		hub->foreign->heard(hub->foreign->owner, leg->number);
	hub->counters.connections++;
	hub->counters.connected++;
	skex_log(hub->link.platform, SKEX_LEVEL_INFO, "agent %s is up", leg->member->row.name.text);
	hub_queue_rewind(&leg->queue);
	hub_pump(leg);
}

static void down(void *owner, struct skex_leg *link_leg)
{
	struct skex_hub *hub = owner;
	struct hub_leg *leg = link_leg->owner_data;

	if (hub->counters.connected > 0)
		hub->counters.connected--;
	leg->used_ms = hub->link.platform->now_ms(hub->link.platform->context);
	skex_log(hub->link.platform, SKEX_LEVEL_INFO, "agent %s is away: %s",
		leg->member->row.name.text, link_leg->last_error);
}

/* The header holds the one-time tag, which stands for the body. */
static void digest_of(const struct skex_hub *hub, struct skex_view header, uint8_t digest[16])
{
	uint8_t hash[SKEX_HASH_BYTES] = {0};

	if (hub->link.crypto->sha256(hub->link.crypto->context, &header, 1, hash) != SKEX_OK)
		memset(hash, 0, sizeof(hash));
	memcpy(digest, hash, 16);
}

static void message(void *owner, struct skex_leg *link_leg, const struct skex_incoming *incoming)
{
	struct skex_hub *hub = owner;
	struct hub_leg *leg = link_leg->owner_data;
	const uint32_t at = leg->digests_next++ % 16;

	leg->digests[at].at.generation = incoming->range.generation;
	leg->digests[at].at.offset = incoming->range.offset;
	digest_of(hub, incoming->header, leg->digests[at].digest);
	hub_forward(hub, leg, incoming);
}

/* A range that was used: the same bytes are a retransmission, others mean that the sender used pad
 * twice. */
static void duplicate(void *owner, struct skex_leg *link_leg, const struct skex_prefix *prefix,
	struct skex_view header, struct skex_view body)
{
	struct skex_hub *hub = owner;
	struct hub_leg *leg = link_leg->owner_data;
	const struct skex_pad_position at = {prefix->generation, prefix->offset};
	uint8_t digest[16];
	uint32_t i;

	(void)body;
	for (i = 0; i < 16; i++) {
		if (leg->digests_next <= i || skex_pad_compare(leg->digests[i].at, at) != 0)
			continue;
		digest_of(hub, header, digest);
		if (!skex_ct_equal(digest, leg->digests[i].digest, sizeof(digest))) {
			hub->counters.reuse_alarms++;
			hub_alarm(hub, leg, "pad_reuse",
				"sent two messages with one pad: a clone or a restored backup?");
		}
		return;
	}
}

/* Removals belong to no message: so many of them need not become durable at once. */
bool hub_drop(struct hub_leg *leg, struct hub_waiting *waiting)
{
	struct skex_link *link = &leg->hub->link;
	struct skex_txn *txn = skex_commit_txn(&link->commit);
	bool next;

	if (txn != NULL && skex_txn_size(txn, link->store) > DROP_BYTES) {
		skex_commit_flush(&link->commit);
		txn = skex_commit_txn(&link->commit);
	}
	if (txn == NULL)
		return false;
	next = leg->queue.unsent == waiting;
	hub_queue_remove(waiting, link->store, txn);
	/* An ACK may have waited for it to leave. */
	if (next && leg->leg != NULL && leg->queue.unsent != NULL)
		skex_leg_unsent(leg->leg, leg->queue.unsent->at);
	else if (next && leg->leg != NULL)
		skex_leg_pumped(leg->leg);
	return true;
}

static void released(void *owner, struct skex_leg *link_leg)
{
	struct hub_leg *leg = link_leg->owner_data;

	(void)owner;
	while (leg->queue.first != NULL && leg->queue.first->durable &&
		skex_pad_compare(leg->queue.first->at, link_leg->released) < 0) {
		if (!hub_drop(leg, leg->queue.first))
			return;
	}
	hub_pump(leg);
}

static void refused(
	void *owner, struct skex_leg *link_leg, struct skex_pad_position at, uint16_t status)
{
	struct hub_leg *leg = link_leg->owner_data;
	struct hub_waiting *waiting = leg->queue.first;

	(void)status;
	/* What stands before it goes with the mark of the same ACK. */
	while (waiting != NULL && skex_pad_compare(waiting->at, at) < 0)
		waiting = waiting->next;
	if (waiting == NULL || skex_pad_compare(waiting->at, at) != 0 || waiting->told)
		return;
	waiting->told = true;
	/* Whatever it says: a status of ours would say that we refuse. */
	hub_mail_refuse(owner, waiting->origin, waiting->origin_at, SKEX_ACK_DECLINED);
}

static void writable(void *owner, struct skex_leg *link_leg)
{
	(void)owner;
	hub_pump(link_leg->owner_data);
}

static void alarm_raised(void *owner, struct skex_leg *link_leg, const char *name, const char *text)
{
	struct skex_hub *hub = owner;

	hub->counters.rollbacks += strcmp(name, "rollback") == 0;
	hub_alarm(hub, link_leg->owner_data, name, text);
}

static bool foreign(void *owner, uint64_t connection, struct skex_view bytes)
{
	const struct skex_hub *hub = owner;

	return hub->foreign != NULL &&
		hub->foreign->message(hub->foreign->owner, connection, bytes);
}

static const struct skex_link_events events = {
	.find = find,
	.up = up,
	.down = down,
	.message = message,
	.duplicate = duplicate,
	.released = released,
	.refused = refused,
	.writable = writable,
	.alarm = alarm_raised,
	.foreign = foreign,
};

/* ---- life --------------------------------------------------------------------------------------
 */

static enum skex_error own_id(struct skex_hub *hub)
{
	enum skex_error error;
	size_t size = 0;

	error = skex_registry_get(hub->link.registry, "hub_id", hub->id, sizeof(hub->id), &size);
	if (error == SKEX_OK)
		return size == sizeof(hub->id) ? SKEX_OK : SKEX_E_CORRUPT;
	if (error != SKEX_E_UNKNOWN)
		return error;
	error = hub->link.platform->random(hub->link.platform->context, hub->id, sizeof(hub->id));
	if (error == SKEX_OK)
		error = skex_registry_set(
			hub->link.registry, "hub_id", skex_view(hub->id, sizeof(hub->id)));
	return error;
}

static enum skex_error restore(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_hub *hub = owner;
	struct skex_reader reader;
	struct skex_txn *txn;
	struct hub_leg *leg;
	uint64_t number;

	skex_reader_init(&reader, key);
	number = skex_read_u64(&reader);
	leg = hub_leg_get(hub, number);
	if (leg != NULL && hub_leg_welcome(leg))
		return hub_queue_restore(&leg->queue, key, value);
	/* Banned, evicted or enrolled anew, and a crash came before its queue was gone. */
	if (hub->orphans < ORPHANS_MAX && (txn = skex_commit_txn(&hub->link.commit)) != NULL) {
		skex_txn_remove(txn, hub->link.store, SKEX_TABLE_QUEUE, key);
		hub->orphans++;
	}
	return SKEX_OK;
}

static enum skex_error make_shards(struct skex_hub *hub)
{
	uint32_t i;

	hub->shards_count = hub->config->shards == 0 ? 1 : hub->config->shards;
	hub->shards = calloc(hub->shards_count, sizeof(*hub->shards));
	if (hub->shards == NULL)
		return SKEX_E_MEMORY;
	for (i = 0; i < hub->shards_count; i++) {
		struct hub_shard *shard = &hub->shards[i];

		shard->hub = hub;
		shard->bucket_mask = SHARD_BUCKETS - 1;
		shard->buckets = calloc(SHARD_BUCKETS, sizeof(struct hub_leg *));
		shard->mail_end = &shard->mail;
		if (shard->buckets == NULL)
			return SKEX_E_MEMORY;
	}
	return SKEX_OK;
}

enum skex_error skex_hub_new(const struct skex_hub_setup *setup, struct skex_hub **out)
{
	struct skex_hub *hub = calloc(1, sizeof(*hub));
	enum skex_error error;

	if (hub == NULL)
		return SKEX_E_MEMORY;
	hub->config = setup->config;
	hub->link.role = SKEX_ROLE_HUB;
	hub->link.platform = setup->platform;
	hub->link.crypto = setup->crypto;
	hub->link.math = setup->math;
	hub->link.store = setup->store;
	hub->link.registry = setup->registry;
	hub->link.directory = setup->directory;
	hub->link.span_bytes = SKEX_LEG_WINDOW_BYTES + setup->config->unacknowledged_bytes;
	hub->link.events = &events;
	hub->link.owner = hub;
	skex_link_init(&hub->link);
	hub->kek = skex_secret_new(SKEX_KEK_BYTES);
	error = hub->kek == NULL ? SKEX_E_MEMORY : SKEX_OK;
	if (error == SKEX_OK) {
		memcpy(hub->kek, setup->kek, SKEX_KEK_BYTES);
		hub->link.kek = hub->kek;
		error = make_shards(hub);
	}
	if (error == SKEX_OK)
		error = skex_link_start(&hub->link);
	if (error == SKEX_OK)
		error = hub_members_init(&hub->members, setup->registry);
	if (error == SKEX_OK)
		error = hub_pairs_init(&hub->pairs, setup->store, HUB_PAIRS_CACHED_MAX);
	if (error == SKEX_OK)
		error = own_id(hub);
	if (error == SKEX_OK)
		error = skex_store_each(
			setup->store, SKEX_TABLE_QUEUE, skex_view(NULL, 0), restore, hub);
	if (error != SKEX_OK) {
		skex_hub_free(hub);
		return error;
	}
	*out = hub;
	return SKEX_OK;
}

static void shard_clear(struct hub_shard *shard)
{
	uint32_t i;

	for (i = 0; shard->buckets != NULL && i <= shard->bucket_mask; i++) {
		while (shard->buckets[i] != NULL) {
			struct hub_leg *leg = shard->buckets[i];

			shard->buckets[i] = leg->next;
			hub_queue_clear(&leg->queue);
			skex_secret_free(leg->envelopes);
			free(leg);
		}
	}
	free(shard->buckets);
	while (shard->mail != NULL) {
		struct hub_mail *mail = shard->mail;

		shard->mail = mail->next;
		hub_mail_free(mail);
	}
}

void skex_hub_settle(struct skex_hub *hub)
{
	skex_link_settle(&hub->link);
}

void skex_hub_free(struct skex_hub *hub)
{
	uint32_t i;

	if (hub == NULL)
		return;
	skex_link_clear(&hub->link);
	for (i = 0; hub->shards != NULL && i < hub->shards_count; i++)
		shard_clear(&hub->shards[i]);
	free(hub->shards);
	hub_expiry_clear(&hub->expiry);
	hub_members_clear(&hub->members);
	hub_pairs_clear(&hub->pairs);
	skex_secret_free(hub->kek);
	free(hub);
}

void skex_hub_limit(struct skex_hub *hub, uint32_t connections)
{
	skex_link_limit(&hub->link, connections);
}

void skex_hub_accept(struct skex_hub *hub, struct skex_stream *stream)
{
	skex_link_accept(&hub->link, stream);
}

void skex_hub_serve_foreign(struct skex_hub *hub, const struct skex_hub_foreign *foreign_served)
{
	hub->foreign = foreign_served;
}

void skex_hub_foreign_send(struct skex_hub *hub, uint64_t connection, struct skex_view bytes)
{
	skex_link_foreign_send(&hub->link, connection, bytes);
}

enum skex_error skex_hub_failed(const struct skex_hub *hub)
{
	return skex_link_failed(&hub->link);
}

const uint8_t *skex_hub_id(const struct skex_hub *hub)
{
	return hub->id;
}

/* ---- the turn ----------------------------------------------------------------------------------
 */

/* What was not fetched in time goes, the earliest first; its pad stays burnt; its sender is told.
 * True when there is more to do at once. */
static bool expire(struct skex_hub *hub, uint64_t wall_ms)
{
	struct hub_waiting *waiting;
	uint32_t count;

	for (count = 0; count < EXPIRE_MAX; count++) {
		waiting = hub_expiry_first(&hub->expiry);
		if (waiting == NULL || waiting->expires_ms > wall_ms || !waiting->durable)
			return false;
		hub_mail_refuse(hub, waiting->origin, waiting->origin_at, SKEX_ACK_EXPIRED);
		if (!hub_drop(hub_leg_find(hub, waiting->queue->leg), waiting))
			return false;
		hub->counters.expired++;
	}
	return true;
}

static void keep_envelopes(struct hub_leg *leg)
{
	leg->envelopes = skex_secret_new(sizeof(*leg->envelopes));
	if (leg->envelopes == NULL)
		return;
	leg->envelopes->tx = leg->leg->envelope_tx;
	leg->envelopes->rx = leg->leg->envelope_rx;
	leg->envelopes->tags_failed = leg->leg->rx.failures;
	leg->envelopes->tags_reserved = leg->leg->tags_reserved;
}

static void sweep_leg(struct hub_leg *leg, uint64_t now_ms)
{
	if ((now_ms - leg->used_ms > UNLOAD_MS || !hub_leg_welcome(leg)) &&
		skex_leg_idle(leg->leg)) {
		keep_envelopes(leg);
		skex_leg_unload(leg->leg);
		leg->leg = NULL;
	}
}

/* Those that are loaded and not connected. */
static void sweep(struct skex_hub *hub, uint64_t now_ms)
{
	struct skex_leg *leg;
	struct skex_leg *next;

	for (leg = hub->link.legs[SKEX_LEGS_NOT_UP]; leg != NULL; leg = next) {
		next = leg->in[SKEX_LEGS_NOT_UP].next;
		if (leg->connection == NULL)
			sweep_leg(leg->owner_data, now_ms);
	}
}

uint64_t skex_hub_turn(struct skex_hub *hub, uint64_t now_ms)
{
	uint64_t next;

	if (now_ms >= hub->sweep_ms) {
		sweep(hub, now_ms);
		hub->sweep_ms = now_ms + SWEEP_MS;
	}
	if (now_ms >= hub->expire_ms)
		hub->expire_ms = expire(hub, hub_wall_ms(hub)) ? now_ms : now_ms + SWEEP_MS;
	hub_mail_drain(hub);
	next = skex_link_turn(&hub->link, now_ms);
	next = hub->expire_ms < next ? hub->expire_ms : next;
	return hub->sweep_ms < next ? hub->sweep_ms : next;
}
