/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/internal.h"
#include "agent/pool_internal.h"
#include "agent/record.h"
#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/tables.h"

static void stride_durable(void *owner, enum skex_error error)
{
	struct agent_piece *piece = owner;

	if (error != SKEX_OK)
		return;
	piece->durable = true;
	piece->pool->strides_pending--;
	agent_wake(piece->pool->agent);
}

/* The first run of `count` pieces in one block that are all there; UINT32_MAX when there is none.
 */
static uint32_t find_run(const struct agent_batch *batch, uint32_t count)
{
	uint32_t i;
	uint32_t j;

	for (i = 0; i + count <= batch->pieces_count; i++) {
		uint32_t first_block;
		uint32_t block = 0;
		uint32_t offset;
		uint32_t size;

		agent_piece_place(batch, i, &first_block, &offset, &size);
		for (j = 0; j < count && batch->there[i + j]; j++)
			;
		if (j < count)
			continue;
		agent_piece_place(batch, i + count - 1, &block, &offset, &size);
		if (block == first_block)
			return i;
	}
	return UINT32_MAX;
}

/* Takes `count` pieces in a row into memory; their records go with the transaction of this turn. */
static bool take_stride(struct agent_batch *batch, uint32_t from, uint32_t count)
{
	struct agent_pool *pool = batch->pool;
	struct skex_txn *txn = skex_commit_txn(&pool->agent->link.commit);
	struct agent_piece *piece = txn == NULL ? NULL : calloc(1, sizeof(*piece));
	struct agent_piece **end = &pool->strides;
	uint64_t used[AGENT_SHARERS_MAX];
	uint32_t i;

	if (piece == NULL)
		return false;
	piece->pool = pool;
	piece->first = batch->first;
	piece->secret_size = batch->secret_size;
	piece->class = batch->class;
	piece->old = batch->old;
	piece->meets = pool_meets(batch);
	piece->expires_wall_ms = batch->expires_wall_ms;
	if (piece->expires_wall_ms < pool->expires_wall_ms)
		pool->expires_wall_ms = piece->expires_wall_ms;
	piece->index = from;
	agent_piece_place(batch, from, &piece->block, &piece->offset, &piece->size);
	piece->bytes = skex_secret_new((size_t)count * AGENT_PIECE_BYTES);
	piece->size = 0;
	for (i = 0; piece->bytes != NULL && i < count; i++) {
		uint32_t block;
		uint32_t offset;
		uint32_t size;

		agent_piece_place(batch, from + i, &block, &offset, &size);
		if (pool_read_piece(batch, from + i, used, piece->bytes + piece->size) != SKEX_OK)
			break;
		piece->size += size;
	}
	if (piece->bytes == NULL || i < count) {
		agent_event(pool->agent, SKEX_LEVEL_ERROR, "pool_damaged", pool->peer->name.text,
			"", "a piece of the pool \"%s\" cannot be read: the batch is dropped",
			pool->purpose);
		pool_piece_free(piece);
		agent_batch_drop(batch);
		return false;
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = piece;
	pool->strides_pending++;
	skex_commit_after(&pool->agent->link.commit, stride_durable, piece);
	/* The last piece frees the batch. */
	for (i = 0; i < count; i++)
		pool_piece_gone(batch, from + i, txn);
	return true;
}

static uint32_t align(uint32_t bytes)
{
	return (bytes + AGENT_UNIT_BYTES - 1) / AGENT_UNIT_BYTES * AGENT_UNIT_BYTES;
}

/* Skips what is too short for the key, up to the next block; true when there is room for it. */
static bool fits(const struct agent_piece *piece, uint32_t size, unsigned needs, uint32_t *at)
{
	uint32_t from = piece->at;
	const uint32_t in_block = (piece->offset + from) % piece->secret_size;

	if (piece->secret_size - in_block < size)
		from += piece->secret_size - in_block;
	*at = from;
	return (needs & ~piece->meets) == 0 && size <= piece->secret_size && from < piece->size &&
		piece->size - from >= size;
}

void pool_strides_expire(struct agent_pool *pool, uint64_t wall_ms)
{
	struct agent_piece **link = &pool->strides;

	while (*link != NULL) {
		struct agent_piece *piece = *link;

		if (piece->expires_wall_ms > wall_ms) {
			link = &piece->next;
			continue;
		}
		pool_less_ready(pool, piece->size - piece->at);
		skex_wipe(piece->bytes, piece->size);
		piece->at = piece->size;
		if (piece->durable) {
			*link = piece->next;
			pool_piece_free(piece);
		} else {
			link = &piece->next; /* its removal is pending: it goes after that */
		}
	}
}

void agent_pool_strides_drop(struct agent_pool *pool, uint32_t instance)
{
	struct agent_piece *piece;

	for (piece = pool->strides; piece != NULL; piece = piece->next) {
		if (instance == 0 || piece->first.instance == instance)
			piece->expires_wall_ms = 0;
	}
	pool->expires_wall_ms = 0; /* those whose removal is pending go later */
	pool_strides_expire(pool, 0);
}

bool agent_pool_stride(struct agent_pool *pool, uint32_t bytes, unsigned asked)
{
	const unsigned needs = pool_needs(pool, asked);
	const uint64_t wall_ms = agent_wall(pool->agent);
	const uint32_t size = align(bytes);
	const uint32_t count = (size + AGENT_PIECE_BYTES - 1) / AGENT_PIECE_BYTES;
	const struct agent_piece *piece;
	const bool holds = agent_past_holds(pool->agent, pool->peer);
	uint64_t ahead = 0;
	bool there = false;
	uint32_t at;
	uint32_t i;

	pool_strides_expire(pool, wall_ms);
	for (piece = pool->strides; piece != NULL; piece = piece->next) {
		if ((holds && piece->old) || !fits(piece, size, needs, &at))
			continue;
		ahead += piece->size - at;
		there |= piece->durable;
	}
	/* One stride ahead of use, so that asking does not wait for a flush. */
	for (i = 0; i < pool->batches_count && ahead < AGENT_PIECE_BYTES / 2 + (uint64_t)size;
		i++) {
		struct agent_batch *batch = pool->batches[i];
		uint32_t from;

		if ((holds && batch->old) || !batch->durable ||
			!(batch->confirmed || batch->carried) ||
			(needs & ~pool_meets(batch)) != 0 || batch->secret_size < size ||
			batch->expires_wall_ms <= wall_ms)
			continue;
		from = find_run(batch, count);
		if (from == UINT32_MAX)
			continue;
		if (!take_stride(batch, from, count))
			break;
		ahead += (uint64_t)count * AGENT_PIECE_BYTES;
		i = UINT32_MAX; /* the list may have changed: from the front again */
	}
	return there;
}

void pool_fingerprint(
	const struct skex_agent *agent, const uint8_t *bytes, uint32_t size, struct skex_key *key)
{
	static const char label[] = "skex fingerprint/1";
	struct skex_view parts[2] = {skex_view(label, sizeof(label) - 1), skex_view(bytes, size)};
	uint8_t hash[SKEX_HASH_BYTES] = {0};

	if (agent->link.crypto->sha256(agent->link.crypto->context, parts, 2, hash) != SKEX_OK)
		memset(hash, 0, sizeof(hash));
	memcpy(key->fingerprint, hash, sizeof(key->fingerprint));
}

void agent_limits_narrow(struct agent_limits *limits, uint64_t expires_wall_ms, bool old)
{
	if (expires_wall_ms < limits->expires_wall_ms)
		limits->expires_wall_ms = expires_wall_ms;
	limits->old = limits->old || old;
}

bool agent_limits_over(const struct agent_limits *limits, const struct agent_pool *pool)
{
	return pool->peer->emptying || limits->expires_wall_ms <= agent_wall(pool->agent) ||
		(limits->old && agent_past_holds(pool->agent, pool->peer));
}

enum skex_error agent_pool_cut(struct agent_pool *pool, uint32_t bytes, unsigned asked,
	uint8_t *out, struct skex_key *key, struct agent_limits *limits)
{
	const unsigned needs = pool_needs(pool, asked);
	const bool holds = agent_past_holds(pool->agent, pool->peer);
	const uint32_t size = align(bytes);
	struct agent_piece **link = &pool->strides;
	struct agent_piece *piece;
	struct skex_key_id id;
	uint32_t at = 0;
	enum skex_error error;

	pool_strides_expire(pool, agent_wall(pool->agent));
	while (*link != NULL &&
		!((*link)->durable && !(holds && (*link)->old) && fits(*link, size, needs, &at)))
		link = &(*link)->next;
	piece = *link;
	if (piece == NULL)
		return SKEX_E_EMPTY;
	id.block.instance = piece->first.instance;
	id.block.counter =
		piece->first.counter + piece->block + (piece->offset + at) / piece->secret_size;
	id.offset = (piece->offset + at) % piece->secret_size;
	id.size = bytes;
	error = skex_key_id_encode(
		pool->agent->link.crypto, &id, &pool->agent->name, &pool->peer->name, key->id);
	if (error != SKEX_OK)
		return error;
	memcpy(out, piece->bytes + at, bytes);
	skex_wipe(piece->bytes + piece->at, at + size - piece->at);
	pool_less_ready(pool, at + size - piece->at);
	piece->at = at + size;
	key->bytes = out;
	key->size = bytes;
	key->class = piece->class;
	key->confirmed = (piece->meets & AGENT_NEED_CONFIRMED) != 0;
	key->forward_secret = (piece->meets & AGENT_NEED_FORWARD_SECRET) != 0;
	key->combined = (piece->meets & AGENT_NEED_COMBINED) != 0;
	pool_fingerprint(pool->agent, out, bytes, key);
	agent_limits_narrow(limits, piece->expires_wall_ms, piece->old);
	if (piece->at >= piece->size) {
		*link = piece->next;
		pool_piece_free(piece);
	}
	return SKEX_OK;
}
