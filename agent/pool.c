/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/combine.h"
#include "agent/consumer.h"
#include "agent/internal.h"
#include "agent/pool_internal.h"
#include "agent/record.h"
#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/tables.h"

struct agent_pool *agent_pool_find(
	struct agent_peer *peer, enum agent_side side, const char *purpose)
{
	struct agent_pool *pool = peer->pools;

	while (pool != NULL && !(pool->side == side && strcmp(pool->purpose, purpose) == 0))
		pool = pool->next;
	return pool;
}

struct agent_pool *agent_pool_holding(
	const struct agent_peer *peer, const char *purpose, const struct skex_key_id *id)
{
	struct agent_pool *pool = peer->pools;

	while (pool != NULL &&
		!(pool->side == AGENT_RESPONDER &&
			(id == NULL || agent_batch_find(pool, id->block) != NULL) &&
			agent_purpose_place(pool->purpose, purpose) >= 0))
		pool = pool->next;
	return pool;
}

bool agent_pool_has_room(struct agent_peer *peer, enum agent_side side, const char *purpose)
{
	return peer->pools_counts[side] < AGENT_POOLS_MAX ||
		agent_pool_find(peer, side, purpose) != NULL;
}

struct agent_pool *agent_pool_get(struct skex_agent *agent, struct agent_peer *peer,
	enum agent_side side, const char *purpose)
{
	const struct agent_consumer *consumer = agent_consumer_of(purpose);
	struct agent_pool *pool = agent_pool_find(peer, side, purpose);

	if (pool != NULL)
		return pool;
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return NULL;
	pool->agent = agent;
	pool->peer = peer;
	pool->side = side;
	pool->expires_wall_ms = UINT64_MAX;
	pool->sharers = side == AGENT_RESPONDER ? (uint8_t)agent_purpose_responders(purpose) : 1;
	snprintf(pool->purpose, sizeof(pool->purpose), "%s", purpose);
	pool->block_bytes = agent->config->pool.block_bytes;
	if (consumer != NULL && consumer->few_bytes > 0) {
		pool->block_bytes = consumer->few_bytes;
		pool->few_bytes = consumer->few_bytes;
	}
	pool->asked_ms = agent_now(agent);
	pool->next = peer->pools;
	peer->pools = pool;
	peer->pools_counts[side]++;
	agent_ring_init(&pool->lacking);
	pool->lacking.item = pool;
	agent_pool_lacks(pool);
	return pool;
}

void agent_pool_lacks(struct agent_pool *pool)
{
	/* Pools of parts are filled for those of their keys. */
	if (pool->side == AGENT_INITIATOR && !agent_ring_linked(&pool->lacking) &&
		!agent_purpose_is_part(pool->purpose))
		agent_ring_append(&pool->agent->lacking, &pool->lacking);
}

void agent_pool_error(struct agent_pool *pool, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(pool->last_error, sizeof(pool->last_error), format, arguments);
	va_end(arguments);
}

void pool_piece_free(struct agent_piece *piece)
{
	skex_secret_free(piece->bytes);
	free(piece);
}

void pool_batch_free(struct agent_batch *batch)
{
	while (batch->loaded != NULL) {
		struct agent_piece *piece = batch->loaded;

		batch->loaded = piece->next;
		pool_piece_free(piece);
	}
	free(batch->there);
	free(batch);
}

void agent_pool_free(struct agent_pool *pool)
{
	uint32_t i;

	for (i = 0; i < pool->batches_count; i++)
		pool_batch_free(pool->batches[i]);
	free(pool->batches);
	while (pool->strides != NULL) {
		struct agent_piece *piece = pool->strides;

		pool->strides = piece->next;
		pool_piece_free(piece);
	}
	if (pool->twin != NULL)
		pool->twin->twin = NULL;
	pool->peer->pools_counts[pool->side]--;
	agent_ring_remove(&pool->lacking);
	free(pool);
}

enum skex_class agent_pool_class(const struct agent_pool *pool)
{
	enum skex_class class = SKEX_CLASS_ITS;
	const struct agent_piece *piece;
	uint32_t i;

	for (i = 0; i < pool->batches_count; i++)
		class = pool->batches[i]->class < class ? pool->batches[i]->class : class;
	for (piece = pool->strides; piece != NULL; piece = piece->next)
		class = piece->class < class ? piece->class : class;
	return class;
}

/* ---- where things lie --------------------------------------------------------------------------
 */

static uint32_t pieces_of(uint16_t blocks, uint32_t secret_size)
{
	const uint32_t whole =
		secret_size <= AGENT_PIECE_BYTES ? AGENT_PIECE_BYTES / secret_size : 0;

	if (whole > 0)
		return (blocks + whole - 1) / whole;
	return blocks * ((secret_size + AGENT_PIECE_BYTES - 1) / AGENT_PIECE_BYTES);
}

void agent_piece_place(const struct agent_batch *batch, uint32_t index, uint32_t *block,
	uint32_t *offset, uint32_t *size)
{
	const uint32_t secret = batch->secret_size;

	if (secret <= AGENT_PIECE_BYTES) {
		const uint32_t whole = AGENT_PIECE_BYTES / secret;
		const uint32_t left = batch->blocks - index * whole;

		*block = index * whole;
		*offset = 0;
		*size = (left < whole ? left : whole) * secret;
	} else {
		const uint32_t parts = (secret + AGENT_PIECE_BYTES - 1) / AGENT_PIECE_BYTES;

		*block = index / parts;
		*offset = index % parts * AGENT_PIECE_BYTES;
		*size = secret - *offset < AGENT_PIECE_BYTES ? secret - *offset : AGENT_PIECE_BYTES;
	}
}

int pool_compare_id(struct skex_block_id a, struct skex_block_id b)
{
	if (a.instance != b.instance)
		return a.instance < b.instance ? -1 : 1;
	return a.counter < b.counter ? -1 : a.counter > b.counter;
}

/* The number of batches that begin at or before the block. */
static uint32_t upper(const struct agent_pool *pool, struct skex_block_id block)
{
	uint32_t low = 0;
	uint32_t high = pool->batches_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (pool_compare_id(pool->batches[middle]->first, block) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct agent_batch *agent_batch_find(struct agent_pool *pool, struct skex_block_id block)
{
	uint32_t at = upper(pool, block);
	struct agent_batch *batch = at == 0 ? NULL : pool->batches[at - 1];

	if (batch == NULL || batch->first.instance != block.instance ||
		block.counter - batch->first.counter >= batch->blocks)
		return NULL;
	return batch;
}

struct agent_batch *agent_peer_batch(
	const struct agent_peer *peer, enum agent_side side, struct skex_block_id block)
{
	struct agent_batch *batch = NULL;
	struct agent_pool *pool;

	for (pool = peer->pools; pool != NULL && batch == NULL; pool = pool->next)
		batch = pool->side == side ? agent_batch_find(pool, block) : NULL;
	return batch;
}

uint64_t agent_batch_bytes(const struct agent_batch *batch)
{
	return (uint64_t)batch->blocks * batch->secret_size;
}

static bool pool_overlaps(
	const struct agent_pool *pool, struct skex_block_id first, uint16_t blocks)
{
	const uint32_t at = upper(pool, first);
	const struct agent_batch *before = at == 0 ? NULL : pool->batches[at - 1];
	const struct agent_batch *after = at == pool->batches_count ? NULL : pool->batches[at];

	return (before != NULL && before->first.instance == first.instance &&
		       first.counter - before->first.counter < before->blocks) ||
		(after != NULL && after->first.instance == first.instance &&
			after->first.counter - first.counter < blocks);
}

/* Is any of these blocks here already, for whatever purpose?  Records are named by side, peer and
 * block: two batches with one block would share them, and what was used of one be forgotten. */
static bool overlaps(const struct agent_pool *pool, struct skex_block_id first, uint16_t blocks)
{
	const struct agent_pool *each;

	for (each = pool->peer->pools; each != NULL; each = each->next) {
		if (each->side == pool->side && pool_overlaps(each, first, blocks))
			return true;
	}
	return false;
}

bool pool_insert(struct agent_pool *pool, struct agent_batch *batch)
{
	uint32_t at;

	if (pool->batches_count == pool->batches_room) {
		uint32_t room = pool->batches_room == 0 ? 16 : pool->batches_room * 2;
		struct agent_batch **grown =
			realloc(pool->batches, room * sizeof(struct agent_batch *));

		if (grown == NULL)
			return false;
		pool->batches = grown;
		pool->batches_room = room;
	}
	at = upper(pool, batch->first);
	memmove(pool->batches + at + 1, pool->batches + at,
		(pool->batches_count - at) * sizeof(struct agent_batch *));
	pool->batches[at] = batch;
	pool->batches_count++;
	batch->pool = pool;
	if (batch->expires_wall_ms < pool->expires_wall_ms)
		pool->expires_wall_ms = batch->expires_wall_ms;
	return true;
}

/* Takes it out and frees it; its records are gone already. */
static void remove_batch(struct agent_batch *batch)
{
	struct agent_pool *pool = batch->pool;
	uint32_t at = upper(pool, batch->first) - 1;

	if (batch->group != NULL)
		batch->group->batch = NULL;
	pool->carried -= batch->carried;
	pool_count_pieces(batch, -(int32_t)batch->pieces_left);
	memmove(pool->batches + at, pool->batches + at + 1,
		(pool->batches_count - at - 1) * sizeof(struct agent_batch *));
	pool->batches_count--;
	pool_batch_free(batch);
}

/* ---- records -----------------------------------------------------------------------------------
 */

static void put_batch(const struct agent_batch *batch, struct skex_txn *txn)
{
	const struct agent_pool *pool = batch->pool;
	uint8_t key[RECORD_KEY_MAX];
	uint8_t value[RECORD_BATCH_MAX];
	struct skex_view part = skex_view(value, record_batch(value, batch));

	skex_txn_put(txn, pool->agent->link.store, SKEX_TABLE_BATCH,
		skex_view(key,
			record_key(key, pool->side, &pool->peer->name, batch->first, UINT32_MAX)),
		&part, 1);
}

static void remove_record(const struct agent_pool *pool, struct skex_block_id first, uint8_t table,
	uint32_t piece, struct skex_txn *txn)
{
	uint8_t key[RECORD_KEY_MAX];

	skex_txn_remove(txn, pool->agent->link.store, table,
		skex_view(key, record_key(key, pool->side, &pool->peer->name, first, piece)));
}

void pool_put_piece(const struct agent_pool *pool, struct skex_block_id first, uint32_t piece,
	const uint64_t *used, const struct skex_view *parts, size_t count, struct skex_txn *txn)
{
	uint8_t key[RECORD_KEY_MAX];
	uint8_t head[RECORD_PIECE_MAX];
	struct skex_view all[2 + AGENT_PIECE_BYTES / SKEX_SECRET_MIN];
	size_t i;

	all[0] = skex_view(head, record_piece(head, used, pool->sharers));
	for (i = 0; i < count; i++)
		all[1 + i] = parts[i];
	skex_txn_put_secret(txn, pool->agent->link.store, SKEX_TABLE_PIECE,
		skex_view(key, record_key(key, pool->side, &pool->peer->name, first, piece)), all,
		count + 1);
}

/* Reads a piece's record; used has AGENT_SHARERS_MAX, bytes AGENT_PIECE_BYTES. */
enum skex_error pool_read_piece(
	const struct agent_batch *batch, uint32_t piece, uint64_t *used, uint8_t *bytes)
{
	const struct agent_pool *pool = batch->pool;
	uint8_t key[RECORD_KEY_MAX];
	uint8_t value[RECORD_PIECE_MAX + AGENT_PIECE_BYTES];
	uint32_t block;
	uint32_t offset;
	uint32_t expected;
	enum skex_error error;
	size_t size = 0;
	size_t head = 0;

	agent_piece_place(batch, piece, &block, &offset, &expected);
	error = skex_store_get(pool->agent->link.store, SKEX_TABLE_PIECE,
		skex_view(key, record_key(key, pool->side, &pool->peer->name, batch->first, piece)),
		value, sizeof(value), &size);
	if (error == SKEX_OK)
		error = record_piece_decode(skex_view(value, size), pool->sharers, used, &head);
	if (error == SKEX_OK && size != head + expected)
		error = SKEX_E_CORRUPT;
	if (error == SKEX_OK)
		memcpy(bytes, value + head, expected);
	skex_wipe(value, sizeof(value));
	return error;
}

/* ---- batches -----------------------------------------------------------------------------------
 */

struct agent_batch *pool_batch_new(
	struct skex_block_id first, uint16_t blocks, uint32_t secret_size)
{
	struct agent_batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL)
		return NULL;
	batch->first = first;
	batch->blocks = blocks;
	batch->secret_size = secret_size;
	batch->pieces_count = pieces_of(blocks, secret_size);
	batch->there = calloc(1, batch->pieces_count);
	if (batch->there == NULL) {
		free(batch);
		return NULL;
	}
	return batch;
}

static void put_pieces(struct agent_batch *batch, struct skex_txn *txn, const uint8_t *vectors,
	uint32_t stride_bytes, uint32_t skip)
{
	static const uint64_t unused[AGENT_SHARERS_MAX];
	struct skex_view parts[AGENT_PIECE_BYTES / SKEX_SECRET_MIN];
	uint32_t i;

	for (i = 0; i < batch->pieces_count; i++) {
		uint32_t block;
		uint32_t offset;
		uint32_t size;
		size_t count = 0;

		agent_piece_place(batch, i, &block, &offset, &size);
		while (size > 0) {
			uint32_t part = size < batch->secret_size ? size : batch->secret_size;

			parts[count++] = skex_view(
				vectors + (size_t)block * stride_bytes + skip + offset, part);
			size -= part;
			block++;
		}
		pool_put_piece(batch->pool, batch->first, i, unused, parts, count, txn);
		batch->there[i] = 1;
	}
	batch->pieces_left = batch->pieces_count;
	pool_count_pieces(batch, (int32_t)batch->pieces_count);
}

struct agent_batch *agent_batch_add(struct agent_pool *pool, struct skex_block_id first,
	uint16_t blocks, uint32_t secret_size, const uint8_t *vectors, uint32_t stride_bytes,
	uint32_t skip, const struct agent_quality *quality, uint64_t expires_wall_ms)
{
	struct skex_txn *txn = skex_commit_txn(&pool->agent->link.commit);
	struct agent_batch *batch = txn == NULL ? NULL : pool_batch_new(first, blocks, secret_size);

	if (batch == NULL)
		return NULL;
	if (pool->side == AGENT_RESPONDER)
		pool->asked_ms = agent_now(pool->agent);
	batch->class = quality->class;
	batch->confirmed = quality->confirmed;
	batch->carried = quality->carried;
	batch->forward_secret = quality->forward_secret;
	batch->combined = quality->combined;
	if (quality->profile != NULL)
		memcpy(batch->profile, quality->profile, sizeof(batch->profile));
	batch->expires_wall_ms = expires_wall_ms;
	if (overlaps(pool, first, blocks) || !pool_insert(pool, batch)) {
		pool_batch_free(batch);
		return NULL;
	}
	put_batch(batch, txn);
	pool->carried += batch->carried;
	put_pieces(batch, txn, vectors, stride_bytes, skip);
	return batch;
}

void agent_batch_durable(struct agent_batch *batch)
{
	batch->durable = true;
	batch->pool->ready_bytes += agent_batch_bytes(batch);
	batch->pool->last_block_wall_ms = agent_wall(batch->pool->agent);
}

void agent_batch_update(struct agent_batch *batch)
{
	struct skex_txn *txn = skex_commit_txn(&batch->pool->agent->link.commit);

	if (txn != NULL)
		put_batch(batch, txn);
}

enum skex_error agent_batch_read(const struct agent_batch *batch, uint8_t *out)
{
	uint64_t used[AGENT_SHARERS_MAX];
	enum skex_error error = SKEX_OK;
	uint32_t i;

	for (i = 0; i < batch->pieces_count && error == SKEX_OK; i++) {
		uint32_t block;
		uint32_t offset;
		uint32_t size;

		agent_piece_place(batch, i, &block, &offset, &size);
		error = pool_read_piece(
			batch, i, used, out + (size_t)block * batch->secret_size + offset);
	}
	return error;
}

/* The units that no identity can fetch any more. */
uint64_t pool_gone(const uint64_t *used, uint8_t sharers)
{
	uint64_t units = used[0];
	uint8_t i;

	for (i = 1; i < sharers; i++)
		units &= used[i];
	return units;
}

uint64_t pool_bytes_of(uint64_t units)
{
	return (uint64_t)__builtin_popcountll(units) * AGENT_UNIT_BYTES;
}

static uint64_t bytes_left(const struct agent_batch *batch)
{
	uint64_t left = 0;
	uint32_t i;

	for (i = 0; i < batch->pieces_count; i++) {
		const struct agent_piece *piece = batch->loaded;
		uint32_t block;
		uint32_t offset;
		uint32_t size;

		if (!batch->there[i])
			continue;
		agent_piece_place(batch, i, &block, &offset, &size);
		left += size;
		while (piece != NULL && piece->index != i)
			piece = piece->next;
		if (piece != NULL)
			left -= pool_bytes_of(pool_gone(piece->used, batch->pool->sharers));
	}
	return left;
}

unsigned pool_meets(const struct agent_batch *batch)
{
	return (batch->confirmed || !batch->carried ? AGENT_NEED_CONFIRMED : 0u) |
		(batch->forward_secret ? AGENT_NEED_FORWARD_SECRET : 0u) |
		(batch->class == SKEX_CLASS_ITS ? AGENT_NEED_ITS : 0u) |
		(batch->combined ? AGENT_NEED_COMBINED : 0u);
}

unsigned pool_needs(const struct agent_pool *pool, unsigned needs)
{
	return needs | (agent_combines(pool->peer, pool->purpose) ? AGENT_NEED_COMBINED : 0u);
}

uint64_t agent_pool_held(const struct agent_pool *pool)
{
	if (pool->old_bytes == 0 || !agent_past_holds(pool->agent, pool->peer))
		return 0;
	return pool->old_bytes < pool->ready_bytes ? pool->old_bytes : pool->ready_bytes;
}

uint64_t agent_pool_ready(const struct agent_pool *pool, unsigned needs)
{
	/* Hubs alone do not make in their place what they will give free. */
	const uint64_t held = pool->peer->pair == NULL ? 0 : agent_pool_held(pool);
	const unsigned all_needs = pool_needs(pool, needs);
	const bool all = (all_needs & ~(unsigned)AGENT_NEED_CONFIRMED) != 0 || pool->carried > 0;
	const struct agent_piece *piece;
	uint64_t less = held;
	uint32_t i;

	for (i = 0; all && i < pool->batches_count; i++) {
		const struct agent_batch *batch = pool->batches[i];

		if (batch->durable && !(held > 0 && batch->old) &&
			(all_needs & ~pool_meets(batch)) != 0)
			less += bytes_left(batch);
	}
	for (piece = pool->strides; piece != NULL; piece = piece->next) {
		if (!(held > 0 && piece->old) && (all_needs & ~piece->meets) != 0)
			less += piece->size - piece->at;
	}
	return less < pool->ready_bytes ? pool->ready_bytes - less : 0;
}

void pool_less_ready(struct agent_pool *pool, uint64_t bytes)
{
	pool->ready_bytes -= bytes < pool->ready_bytes ? bytes : pool->ready_bytes;
	agent_pool_lacks(pool);
}

void agent_batch_drop(struct agent_batch *batch)
{
	struct agent_pool *pool = batch->pool;
	struct skex_txn *txn = skex_commit_txn(&pool->agent->link.commit);
	uint32_t i;

	if (txn == NULL)
		return;
	for (i = 0; i < batch->pieces_count; i++) {
		if (batch->there[i])
			remove_record(pool, batch->first, SKEX_TABLE_PIECE, i, txn);
	}
	remove_record(pool, batch->first, SKEX_TABLE_BATCH, UINT32_MAX, txn);
	if (batch->durable)
		pool_less_ready(pool, bytes_left(batch));
	remove_batch(batch);
}

void pool_piece_gone(struct agent_batch *batch, uint32_t index, struct skex_txn *txn)
{
	remove_record(batch->pool, batch->first, SKEX_TABLE_PIECE, index, txn);
	batch->there[index] = 0;
	pool_count_pieces(batch, -1);
	if (--batch->pieces_left > 0)
		return;
	remove_record(batch->pool, batch->first, SKEX_TABLE_BATCH, UINT32_MAX, txn);
	remove_batch(batch);
}
