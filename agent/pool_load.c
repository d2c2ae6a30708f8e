/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/combine.h"
#include "agent/initiate.h"
#include "agent/pool_internal.h"
#include "agent/record.h"
#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/tables.h"

void pool_count_pieces(const struct agent_batch *batch, int32_t more)
{
	if (batch->pool->side == AGENT_RESPONDER && batch->forward_secret)
		batch->pool->peer->paired_pieces += (uint32_t)more;
}

/* When the first of what is there expires. */
static uint64_t expires_first(const struct agent_pool *pool)
{
	uint64_t first_ms = UINT64_MAX;
	const struct agent_piece *piece;
	uint32_t i;

	for (piece = pool->strides; piece != NULL; piece = piece->next) {
		if (piece->expires_wall_ms < first_ms)
			first_ms = piece->expires_wall_ms;
	}
	for (i = 0; i < pool->batches_count; i++) {
		if (pool->batches[i]->expires_wall_ms < first_ms)
			first_ms = pool->batches[i]->expires_wall_ms;
	}
	return first_ms;
}

void agent_pool_sweep(struct agent_pool *pool, uint64_t wall_ms)
{
	uint32_t i = 0;

	if (wall_ms < pool->expires_wall_ms)
		return;
	pool_strides_expire(pool, wall_ms);
	while (i < pool->batches_count) {
		struct agent_batch *batch = pool->batches[i];

		if (batch->durable && batch->expires_wall_ms <= wall_ms) {
			const uint32_t count = pool->batches_count;

			agent_batch_drop(batch);
			if (pool->batches_count == count)
				return; /* the store takes nothing any more */
			continue;
		}
		i++;
	}
	pool->expires_wall_ms = expires_first(pool);
}

/* Which batch: it and its pool may be gone when it is durable. */
struct settled {
	struct skex_agent *agent;
	struct skex_name peer;
	enum agent_side side;
	struct skex_block_id first;
	char purpose[SKEX_PURPOSE_MAX + 1];
};

static void durable(void *owner, enum skex_error error)
{
	struct settled *settled = owner;
	struct agent_batch *batch = NULL;
	struct agent_peer *peer;
	struct agent_pool *pool;

	if (error == SKEX_OK) {
		peer = agent_peer_find(settled->agent, &settled->peer);
		pool = peer == NULL ? NULL : agent_pool_find(peer, settled->side, settled->purpose);
		batch = pool == NULL ? NULL : agent_batch_find(pool, settled->first);
		if (batch != NULL)
			agent_batch_durable(batch);
		agent_wake(settled->agent);
	}
	free(settled);
}

bool agent_batch_settle(const struct agent_batch *batch)
{
	const struct agent_pool *pool = batch->pool;
	struct settled *settled = calloc(1, sizeof(*settled));

	if (settled == NULL)
		return false;
	settled->agent = pool->agent;
	settled->peer = pool->peer->name;
	settled->side = pool->side;
	settled->first = batch->first;
	memcpy(settled->purpose, pool->purpose, sizeof(settled->purpose));
	skex_commit_after(&pool->agent->link.commit, durable, settled);
	return true;
}

bool agent_pool_is_idle(const struct agent_pool *pool, uint64_t now_ms)
{
	const uint64_t idle_ms = (uint64_t)pool->agent->config->pool.idle_s * 1000;

	return pool->unwanted || now_ms - pool->asked_ms > idle_ms;
}

static bool is_over(const struct agent_pool *pool, uint64_t now_ms)
{
	const struct skex_pool_config *config = &pool->agent->config->pool;

	if (!agent_pool_is_idle(pool, now_ms) || pool->requests > 0 || pool->drawing_bytes > 0 ||
		pool->runs_all > 0 || pool->batches_count > 0 || pool->strides != NULL)
		return false;
	/* What an initiator keeps in reserve is made again. */
	return pool->side == AGENT_RESPONDER || pool->few_bytes > 0 || config->reserve_keys == 0 ||
		agent_purpose_is_part(pool->purpose);
}

void agent_pools_retire(struct agent_peer *peer, uint64_t now_ms)
{
	struct agent_pool **link = &peer->pools;

	while (*link != NULL) {
		struct agent_pool *pool = *link;

		if (!is_over(pool, now_ms)) {
			link = &pool->next;
			continue;
		}
		*link = pool->next;
		agent_pool_free(pool);
	}
}

void agent_pool_empty(struct agent_pool *pool)
{
	agent_requests_forget(pool);
	agent_notes_forget(pool);
	agent_pool_strides_drop(pool, 0);
	while (pool->batches_count > 0) {
		const uint32_t count = pool->batches_count;

		agent_batch_drop(pool->batches[0]);
		if (pool->batches_count == count)
			return;
	}
}

void agent_pools_want(struct agent_peer *peer, const char *purpose, bool wanted)
{
	struct agent_pool *pool;

	for (pool = peer->pools; pool != NULL; pool = pool->next) {
		const size_t part = agent_purpose_is_part(pool->purpose);

		if (strcmp(pool->purpose + part, purpose) != 0)
			continue;
		pool->unwanted = !wanted;
		if (wanted)
			continue;
		agent_runs_end(pool);
		agent_pool_empty(pool);
		agent_sweep_soon(pool->agent);
		pool->filling = false;
	}
}

struct dropping {
	struct skex_agent *agent;
	struct skex_txn *txn;
	uint8_t table;
};

static enum skex_error drop_stranger(void *owner, struct skex_view key, struct skex_view value)
{
	struct dropping *dropping = owner;
	struct skex_block_id first = {0, 0};
	struct skex_name name;
	uint32_t piece = 0;
	uint8_t side = 0;

	(void)value;
	if (record_key_decode(key, &side, &name, &first, &piece) == SKEX_OK &&
		agent_peer_find(dropping->agent, &name) == NULL)
		skex_txn_remove(dropping->txn, dropping->agent->link.store, dropping->table, key);
	return SKEX_OK;
}

void agent_pools_drop_strangers(struct skex_agent *agent)
{
	struct dropping dropping = {agent, skex_commit_txn(&agent->link.commit), SKEX_TABLE_BATCH};

	if (dropping.txn == NULL)
		return;
	if (skex_store_each(agent->link.store, SKEX_TABLE_BATCH, skex_view(NULL, 0), drop_stranger,
		    &dropping) != SKEX_OK)
		agent->link.commit.failed = SKEX_E_IO;
	dropping.table = SKEX_TABLE_PIECE;
	if (skex_store_each(agent->link.store, SKEX_TABLE_PIECE, skex_view(NULL, 0), drop_stranger,
		    &dropping) != SKEX_OK)
		agent->link.commit.failed = SKEX_E_IO;
}

static enum skex_error load_batch(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_agent *agent = owner;
	struct agent_batch decoded = {0};
	char purpose[SKEX_PURPOSE_MAX + 1];
	struct skex_block_id first = {0, 0};
	struct skex_name name;
	struct agent_peer *peer;
	struct agent_pool *pool;
	struct agent_batch *batch;
	uint32_t piece = 0;
	uint8_t side = 0;
	enum skex_error error;

	error = record_key_decode(key, &side, &name, &first, &piece);
	if (error == SKEX_OK)
		error = record_batch_decode(value, &decoded, purpose);
	if (error != SKEX_OK)
		return error;
	peer = agent_peer_find(agent, &name);
	if (peer == NULL) {
		agent_stranger_remove(agent, SKEX_TABLE_BATCH, key);
		return SKEX_OK;
	}
	pool = agent_pool_get(
		agent, peer, side == AGENT_INITIATOR ? AGENT_INITIATOR : AGENT_RESPONDER, purpose);
	batch = pool == NULL ? NULL : pool_batch_new(first, decoded.blocks, decoded.secret_size);
	if (batch == NULL)
		return SKEX_E_MEMORY;
	batch->class = decoded.class;
	batch->confirmed = decoded.confirmed;
	batch->carried = decoded.carried;
	batch->forward_secret = decoded.forward_secret;
	batch->combined = decoded.combined;
	memcpy(batch->profile, decoded.profile, sizeof(batch->profile));
	/* Where hubs are set for the peer all of it waits for them.  Where none are any more what
	 * they alone made does, and nothing else, which would wait for ever: docs/keyfill.md and
	 * docs/pairwise.md say what that leaves open.  Of those that two agents make alone only the
	 * responder's outlive a start.
	 */
	batch->old = peer->profiles_count > 0 ||
		!(batch->carried || batch->combined || batch->forward_secret);
	batch->interval_known = decoded.interval_known;
	batch->earliest_ms = decoded.earliest_ms;
	batch->latest_ms = decoded.latest_ms;
	batch->expires_wall_ms = decoded.expires_wall_ms;
	batch->durable = true;
	if (!pool_insert(pool, batch)) {
		pool_batch_free(batch);
		return SKEX_E_MEMORY;
	}
	pool->carried += batch->carried;
	peer->unproven = peer->unproven || batch->old;
	return SKEX_OK;
}

static enum skex_error load_piece_record(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_agent *agent = owner;
	struct skex_block_id first = {0, 0};
	struct skex_name name;
	struct agent_peer *peer;
	struct agent_pool *pool;
	struct agent_batch *batch;
	uint32_t index = 0;
	uint8_t side = 0;
	uint64_t used[AGENT_SHARERS_MAX];
	enum skex_error error;
	uint64_t left;
	size_t head = 0;

	error = record_key_decode(key, &side, &name, &first, &index);
	if (error != SKEX_OK)
		return error;
	peer = agent_peer_find(agent, &name);
	if (peer == NULL)
		agent_stranger_remove(agent, SKEX_TABLE_PIECE, key);
	batch = peer == NULL ? NULL : agent_peer_batch(peer, (enum agent_side)side, first);
	if (batch == NULL || pool_compare_id(batch->first, first) != 0 ||
		index >= batch->pieces_count)
		return SKEX_OK;
	pool = batch->pool;
	error = record_piece_decode(value, pool->sharers, used, &head);
	if (error != SKEX_OK)
		return error;
	batch->there[index] = 1;
	batch->pieces_left++;
	pool_count_pieces(batch, 1);
	left = value.size - head - pool_bytes_of(pool_gone(used, pool->sharers));
	pool->ready_bytes += left;
	pool->old_bytes += batch->old ? left : 0;
	return SKEX_OK;
}

enum skex_error agent_pools_load(struct skex_agent *agent)
{
	enum skex_error error;

	error = skex_store_each(
		agent->link.store, SKEX_TABLE_BATCH, skex_view(NULL, 0), load_batch, agent);
	if (error == SKEX_OK)
		error = skex_store_each(agent->link.store, SKEX_TABLE_PIECE, skex_view(NULL, 0),
			load_piece_record, agent);
	return error;
}
