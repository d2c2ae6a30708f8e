/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keyfill_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "store/tables.h"

#define RECORD_VERSION 1
#define KEY_MAX        (SKEX_KIT_ID_BYTES + 5u)
#define LOW_PART       10u /* what is left below a tenth is told */

/* ---- records -----------------------------------------------------------------------------------
 */

static struct skex_view fill_id(const struct agent_fill *fill)
{
	return skex_view(fill->id, sizeof(fill->id));
}

static struct skex_view piece_key(
	const struct agent_fill *fill, uint8_t direction, uint32_t piece, uint8_t key[KEY_MAX])
{
	struct skex_writer writer;

	skex_writer_init(&writer, key, KEY_MAX);
	skex_write_bytes(&writer, fill->id, sizeof(fill->id));
	skex_write_u8(&writer, direction);
	skex_write_u32(&writer, piece);
	return skex_view(key, KEY_MAX);
}

static size_t encode(const struct agent_fill *fill, uint8_t value[FILL_RECORD_MAX])
{
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, value, FILL_RECORD_MAX);
	skex_write_u8(&writer, RECORD_VERSION);
	skex_write_u8(&writer, (uint8_t)fill->state);
	skex_write_u8(&writer, fill->end);
	skex_write_u8(&writer, (uint8_t)fill->class);
	skex_write_u8(&writer, fill->kept);
	skex_write_lp8(&writer, skex_name_view(&fill->peer->name));
	skex_write_u32(&writer, fill->instances[0]);
	skex_write_u32(&writer, fill->instances[1]);
	skex_write_u32(&writer, fill->pieces);
	skex_write_u64(&writer, fill->taken_wall_ms);
	skex_write_lp8(&writer, skex_view(fill->source, strlen(fill->source)));
	return skex_writer_end(&writer, &size) == SKEX_OK ? size : 0;
}

static enum skex_error decode(
	struct skex_view value, struct agent_fill *fill, struct skex_name *peer)
{
	struct skex_reader reader;
	struct skex_view source;
	uint8_t kept;

	skex_reader_init(&reader, value);
	if (skex_read_u8(&reader) != RECORD_VERSION)
		return SKEX_E_VERSION;
	fill->state = (enum fill_state)skex_read_u8(&reader);
	fill->end = skex_read_u8(&reader);
	fill->class = (enum skex_class)skex_read_u8(&reader);
	kept = skex_read_u8(&reader);
	fill->kept = kept == 1;
	skex_read_name(&reader, peer);
	fill->instances[0] = skex_read_u32(&reader);
	fill->instances[1] = skex_read_u32(&reader);
	fill->pieces = skex_read_u32(&reader);
	fill->taken_wall_ms = skex_read_u64(&reader);
	source = skex_read_lp8(&reader, SKEX_KIT_SOURCE_MAX);
	if (skex_reader_end(&reader) != SKEX_OK || fill->state < FILL_TAKING ||
		fill->state > FILL_OVER || fill->end > 1 || kept > 1 || fill->pieces == 0 ||
		!skex_kit_source_valid(source) || fill->pieces > SKEX_FILL_PIECES_MAX ||
		(fill->class != SKEX_CLASS_ITS && fill->class != SKEX_CLASS_COMPUTATIONAL))
		return SKEX_E_CORRUPT;
	memcpy(fill->source, source.data, source.size);
	fill->source[source.size] = '\0';
	return SKEX_OK;
}

void fill_put(const struct agent_fill *fill, struct skex_txn *txn)
{
	uint8_t value[FILL_RECORD_MAX];
	struct skex_view part = skex_view(value, encode(fill, value));

	skex_txn_put(txn, fill->agent->link.store, SKEX_TABLE_KEYFILL, fill_id(fill), &part, 1);
}

void fill_forget(const struct agent_fill *fill, struct skex_txn *txn)
{
	skex_txn_remove(txn, fill->agent->link.store, SKEX_TABLE_KEYFILL, fill_id(fill));
}

enum skex_error fill_known(struct skex_agent *agent, const uint8_t id[static SKEX_KIT_ID_BYTES],
	enum fill_state *state)
{
	uint8_t value[FILL_RECORD_MAX];
	struct agent_fill found = {0};
	struct skex_name peer;
	size_t size = 0;
	enum skex_error error = skex_store_get(agent->link.store, SKEX_TABLE_KEYFILL,
		skex_view(id, SKEX_KIT_ID_BYTES), value, sizeof(value), &size);

	if (error == SKEX_OK)
		error = decode(skex_view(value, size), &found, &peer);
	if (error == SKEX_OK)
		*state = found.state;
	return error;
}

void fill_piece_put(const struct agent_fill *fill, uint8_t direction, uint32_t piece,
	const uint8_t *bytes, struct skex_txn *txn)
{
	static const uint8_t version = RECORD_VERSION;
	const struct skex_view parts[2] = {
		skex_view(&version, 1), skex_view(bytes, SKEX_FILL_PIECE_BYTES)};
	uint8_t key[KEY_MAX];

	skex_txn_put_secret(txn, fill->agent->link.store, SKEX_TABLE_KEYFILL_PIECE,
		piece_key(fill, direction, piece, key), parts, 2);
}

enum skex_error fill_piece_read(const struct agent_fill *fill, uint8_t direction, uint32_t piece,
	uint8_t out[static SKEX_FILL_PIECE_BYTES])
{
	uint8_t value[1 + SKEX_FILL_PIECE_BYTES];
	uint8_t key[KEY_MAX];
	size_t size = 0;
	enum skex_error error = skex_store_get(fill->agent->link.store, SKEX_TABLE_KEYFILL_PIECE,
		piece_key(fill, direction, piece, key), value, sizeof(value), &size);

	if (error == SKEX_OK && (size != sizeof(value) || value[0] != RECORD_VERSION))
		error = size > 0 && value[0] != RECORD_VERSION ? SKEX_E_VERSION : SKEX_E_CORRUPT;
	if (error == SKEX_OK)
		memcpy(out, value + 1, SKEX_FILL_PIECE_BYTES);
	skex_wipe(value, sizeof(value));
	return error;
}

static void remove_piece(
	struct agent_fill *fill, uint8_t direction, uint32_t piece, struct skex_txn *txn)
{
	uint8_t key[KEY_MAX];

	skex_txn_remove(txn, fill->agent->link.store, SKEX_TABLE_KEYFILL_PIECE,
		piece_key(fill, direction, piece, key));
	fill->there[direction][piece] = 0;
	fill->left[direction]--;
	agent_sweep_soon(fill->agent);
}

void fill_piece_gone(
	struct agent_fill *fill, uint8_t direction, uint32_t piece, struct skex_txn *txn)
{
	remove_piece(fill, direction, piece, txn);
	if (fill->left[0] > 0 || fill->left[1] > 0)
		return;
	fill->state = FILL_OVER;
	fill_put(fill, txn);
}

/* ---- fills -------------------------------------------------------------------------------------
 */

struct agent_fill *fill_new(struct skex_agent *agent, uint32_t pieces)
{
	struct agent_fill *fill = calloc(1, sizeof(*fill));

	if (fill == NULL)
		return NULL;
	fill->agent = agent;
	fill->pieces = pieces;
	fill->since_ms = agent_now(agent);
	fill->there[0] = calloc(2, pieces);
	if (fill->there[0] == NULL) {
		free(fill);
		return NULL;
	}
	fill->there[1] = fill->there[0] + pieces;
	return fill;
}

void fill_free(struct agent_fill *fill)
{
	if (fill == NULL)
		return;
	free(fill->there[0]);
	free(fill);
}

/* The oldest are used first. */
void fill_append(struct agent_fill *fill)
{
	struct agent_fill **end = &fill->agent->fills;

	while (*end != NULL && (*end)->taken_wall_ms <= fill->taken_wall_ms)
		end = &(*end)->next;
	fill->next = *end;
	*end = fill;
}

struct agent_fill *fill_find(struct skex_agent *agent, const uint8_t id[static SKEX_KIT_ID_BYTES])
{
	struct agent_fill *fill = agent->fills;

	while (fill != NULL && memcmp(fill->id, id, sizeof(fill->id)) != 0)
		fill = fill->next;
	return fill;
}

bool fill_destroy(struct agent_fill *fill)
{
	struct skex_txn *txn = skex_commit_txn(&fill->agent->link.commit);
	uint8_t direction;
	uint32_t i;

	if (txn == NULL)
		return false;
	for (direction = 0; direction < 2; direction++) {
		for (i = 0; i < fill->pieces; i++) {
			if (fill->there[direction][i])
				remove_piece(fill, direction, i, txn);
		}
	}
	fill->state = FILL_OVER;
	fill_put(fill, txn);
	return true;
}

void agent_fills_destroy(struct skex_agent *agent, const struct agent_peer *peer)
{
	struct agent_fill *fill;

	for (fill = agent->fills; fill != NULL; fill = fill->next) {
		if (fill->peer == peer && fill->state == FILL_READY)
			(void)fill_destroy(fill);
	}
}

bool agent_fills_instance(const struct skex_agent *agent, uint32_t instance)
{
	const struct agent_fill *fill;

	for (fill = agent->fills; fill != NULL; fill = fill->next) {
		if (fill->instances[0] == instance || fill->instances[1] == instance)
			return true;
	}
	return false;
}

/* What came out of it into pools and was not handed out. */
static void empty_pools(const struct agent_fill *fill)
{
	struct agent_pool *pool;
	uint32_t i;

	for (pool = fill->peer->pools; pool != NULL; pool = pool->next) {
		const uint32_t instance =
			fill->instances[pool->side == AGENT_INITIATOR ? fill->end : 1 - fill->end];

		agent_requests_forget(pool); /* no notes: fill_serves() */
		for (i = pool->batches_count; i > 0; i--) {
			if (pool->batches[i - 1]->first.instance == instance)
				agent_batch_drop(pool->batches[i - 1]);
		}
		agent_pool_strides_drop(pool, instance);
	}
}

void agent_fills_drop(struct skex_agent *agent, const struct agent_peer *peer)
{
	struct agent_fill *fill;
	bool dropped = false;

	for (fill = agent->fills; fill != NULL; fill = fill->next) {
		if (fill->peer != peer || fill->state == FILL_TAKING)
			continue;
		dropped |= fill->state == FILL_READY && fill_destroy(fill);
		empty_pools(fill);
	}
	if (dropped)
		agent_event(agent, SKEX_LEVEL_ERROR, "keyfill_dropped", peer->name.text, "",
			"one end has a state from the past: the key material carried for %s is "
			"destroyed, for pieces of it may have been used; carry more: skex keyfill "
			"make %s",
			peer->name.text, peer->name.text);
}

enum skex_error skex_agent_fill_remove(
	struct skex_agent *agent, const uint8_t id[static SKEX_KIT_ID_BYTES])
{
	struct agent_fill *fill = fill_find(agent, id);

	if (fill == NULL)
		return SKEX_E_UNKNOWN;
	if (fill->state != FILL_READY)
		return SKEX_E_SPENT;
	if (!fill_destroy(fill))
		return SKEX_E_IO;
	empty_pools(fill);
	agent_event(agent, SKEX_LEVEL_NOTICE, "keyfill_removed", fill->peer->name.text, "",
		"what was left of the key material for %s is destroyed", fill->peer->name.text);
	agent_wake(agent);
	return SKEX_OK;
}

/* ---- after a start -----------------------------------------------------------------------------
 */

/* A fill whose taking in was cut short is forgotten; one with an agent that is no peer any more is
 * over, and stays known. */
static enum skex_error set_aside(struct agent_fill *fill)
{
	struct skex_txn *txn = skex_commit_txn(&fill->agent->link.commit);
	const bool taking = fill->state == FILL_TAKING;

	if (txn == NULL)
		return SKEX_E_IO;
	fill->state = FILL_OVER;
	if (taking)
		fill_forget(fill, txn);
	else
		fill_put(fill, txn);
	return SKEX_OK;
}

static enum skex_error load_fill(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_agent *agent = owner;
	struct agent_fill decoded = {.agent = agent};
	struct agent_peer stranger = {0};
	struct agent_fill *fill;
	enum skex_error error = decode(value, &decoded, &stranger.name);

	if (error == SKEX_OK && key.size != sizeof(decoded.id))
		error = SKEX_E_CORRUPT;
	if (error != SKEX_OK)
		return error;
	memcpy(decoded.id, key.data, sizeof(decoded.id));
	decoded.peer = agent_peer_find(agent, &stranger.name);
	if (decoded.peer == NULL || decoded.state == FILL_TAKING) {
		decoded.peer = &stranger;
		return decoded.state == FILL_OVER ? SKEX_OK : set_aside(&decoded);
	}
	fill = fill_new(agent, decoded.pieces);
	if (fill == NULL)
		return SKEX_E_MEMORY;
	decoded.there[0] = fill->there[0];
	decoded.there[1] = fill->there[1];
	decoded.since_ms = fill->since_ms;
	*fill = decoded;
	fill_append(fill);
	return SKEX_OK;
}

static enum skex_error load_piece(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_agent *agent = owner;
	struct agent_fill *fill;
	struct skex_reader reader;
	struct skex_view id;
	struct skex_txn *txn;
	uint8_t direction;
	uint32_t piece;

	(void)value;
	skex_reader_init(&reader, key);
	id = skex_read_view(&reader, SKEX_KIT_ID_BYTES);
	direction = skex_read_u8(&reader);
	piece = skex_read_u32(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || direction > 1)
		return SKEX_E_CORRUPT;
	fill = fill_find(agent, id.data);
	if (fill == NULL || fill->state != FILL_READY) {
		txn = skex_commit_txn(&agent->link.commit);
		if (txn == NULL)
			return SKEX_E_IO;
		skex_txn_remove(txn, agent->link.store, SKEX_TABLE_KEYFILL_PIECE, key);
		return SKEX_OK;
	}
	if (piece >= fill->pieces)
		return SKEX_E_CORRUPT;
	fill->there[direction][piece] = 1;
	fill->left[direction]++;
	return SKEX_OK;
}

enum skex_error agent_fills_load(struct skex_agent *agent)
{
	struct skex_store *store = agent->link.store;
	const struct skex_files *files = agent->link.platform->files;
	struct agent_fill *fill;
	char path[1024];
	enum skex_error error =
		skex_store_each(store, SKEX_TABLE_KEYFILL, skex_view(NULL, 0), load_fill, agent);

	if (error == SKEX_OK)
		error = skex_store_each(
			store, SKEX_TABLE_KEYFILL_PIECE, skex_view(NULL, 0), load_piece, agent);
	for (fill = agent->fills; fill != NULL; fill = fill->next) {
		fill->left_before = fill->left[fill->end];
		while (fill->next_own < fill->pieces && !fill->there[fill->end][fill->next_own])
			fill->next_own++;
		/* As keys in pools: hubs, where there are some, say that it is not from the past.
		 */
		fill->old = fill->state == FILL_READY && fill->peer->profiles_count > 0;
		if (fill->old)
			fill->peer->unproven = true;
	}
	/* Nobody has its preamble any more. */
	fill_spool_path(agent, path, sizeof(path));
	(void)files->remove(files->context, path);
	return error;
}

void agent_fills_clear(struct skex_agent *agent)
{
	if (agent->fills_job != NULL)
		agent->fills_job->free(agent->fills_job);
	agent->fills_job = NULL;
	while (agent->fills != NULL) {
		struct agent_fill *fill = agent->fills;

		agent->fills = fill->next;
		fill_free(fill);
	}
}

/* ---- what is told ------------------------------------------------------------------------------
 */

static uint64_t keys(uint32_t pieces)
{
	return (uint64_t)pieces * FILL_KEY_BYTES / 32;
}

void fill_status(const struct agent_fill *fill, struct skex_fill_status *status)
{
	const uint8_t end = fill->end;

	memset(status, 0, sizeof(*status));
	memcpy(status->id, fill->id, sizeof(status->id));
	status->peer = fill->peer->name;
	status->end = end;
	status->class = fill->class;
	status->kept = fill->kept;
	status->state = fill->state == FILL_READY ? "ready" : "used up";
	status->source = fill->source;
	status->keys_256 = keys(fill->pieces);
	status->get_left = keys(fill->left[end]);
	status->fetch_left = keys(fill->left[1 - end]);
	status->days_left =
		agent_days_left(fill->agent, fill->left[end], fill->left_before, fill->since_ms);
	status->taken_wall_ms = fill->taken_wall_ms;
}

void skex_agent_fills(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_fill_status *fill), void *owner)
{
	const struct agent_fill *fill;
	struct skex_fill_status status;

	for (fill = agent->fills; fill != NULL; fill = fill->next) {
		fill_status(fill, &status);
		visit(owner, &status);
	}
}

void agent_fills_sweep(struct skex_agent *agent)
{
	struct agent_fill *fill;

	for (fill = agent->fills; fill != NULL; fill = fill->next) {
		const uint32_t left = fill->left[fill->end];

		if (fill->state != FILL_READY || fill->low_told || left * LOW_PART >= fill->pieces)
			continue;
		fill->low_told = true;
		agent_event(agent, SKEX_LEVEL_WARNING, "keyfill_low", fill->peer->name.text, "",
			"of the key material carried for %s %" PRIu64 " keys are left to hand "
			"out: skex keyfill make %s",
			fill->peer->name.text, keys(left), fill->peer->name.text);
	}
}
