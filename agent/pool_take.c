/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/combine.h"
#include "agent/consumer.h"
#include "agent/pool_internal.h"
#include "agent/record.h"
#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/tables.h"

static struct agent_piece *load_piece(
	struct agent_batch *batch, uint32_t index, enum skex_error *error)
{
	struct agent_piece *piece = batch->loaded;

	*error = SKEX_OK;
	while (piece != NULL && piece->index != index)
		piece = piece->next;
	if (piece != NULL)
		return piece;
	if (!batch->there[index]) {
		*error = SKEX_E_SPENT;
		return NULL;
	}
	piece = calloc(1, sizeof(*piece));
	if (piece != NULL)
		piece->bytes = skex_secret_new(AGENT_PIECE_BYTES);
	if (piece == NULL || piece->bytes == NULL) {
		free(piece);
		*error = SKEX_E_MEMORY;
		return NULL;
	}
	piece->pool = batch->pool;
	piece->index = index;
	agent_piece_place(batch, index, &piece->block, &piece->offset, &piece->size);
	*error = pool_read_piece(batch, index, piece->used, piece->bytes);
	if (*error != SKEX_OK) {
		pool_piece_free(piece);
		return NULL;
	}
	piece->next = batch->loaded;
	batch->loaded = piece;
	return piece;
}

/* The piece that holds byte `offset` of block `block`, and where in it. */
static uint32_t piece_of(
	const struct agent_batch *batch, uint32_t block, uint32_t offset, uint32_t *at)
{
	const uint32_t secret = batch->secret_size;

	if (secret <= AGENT_PIECE_BYTES) {
		const uint32_t whole = AGENT_PIECE_BYTES / secret;

		*at = block % whole * secret + offset;
		return block / whole;
	}
	*at = offset % AGENT_PIECE_BYTES;
	return block * ((secret + AGENT_PIECE_BYTES - 1) / AGENT_PIECE_BYTES) +
		offset / AGENT_PIECE_BYTES;
}

bool agent_pool_for_others(const struct agent_peer *peer, const char *purpose,
	const uint8_t (*ids)[SKEX_KEY_ID_BYTES], uint32_t count)
{
	struct agent_pool *pool;
	struct skex_key_id id;
	uint32_t i;

	for (pool = peer->pools; pool != NULL; pool = pool->next) {
		if (pool->side != AGENT_RESPONDER ||
			!agent_purpose_for_others(pool->purpose, purpose))
			continue;
		for (i = 0; i < count; i++) {
			if (skex_key_id_decode(pool->agent->link.crypto, &id, &peer->name,
				    &pool->agent->name, ids[i]) == SKEX_OK &&
				agent_batch_find(pool, id.block) != NULL)
				return true;
		}
	}
	return false;
}

static uint64_t units(uint32_t at, uint32_t size)
{
	const uint32_t first = at / AGENT_UNIT_BYTES;
	const uint32_t count = (size + AGENT_UNIT_BYTES - 1) / AGENT_UNIT_BYTES;
	const uint64_t ones = count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;

	return ones << first;
}

/* Is every byte of the key there and unused?  Loads the pieces; out may be NULL. */
static enum skex_error check_take(struct agent_batch *batch, const struct skex_key_id *id,
	uint32_t block, uint32_t place, uint8_t *out)
{
	uint32_t done;
	uint32_t part;

	for (done = 0; done < id->size; done += part) {
		uint32_t at = 0;
		uint32_t index = piece_of(batch, block, id->offset + done, &at);
		enum skex_error error;
		struct agent_piece *piece = load_piece(batch, index, &error);

		if (piece == NULL)
			return error;
		part = piece->size - at < id->size - done ? piece->size - at : id->size - done;
		if ((piece->used[place] & units(at, part)) != 0)
			return SKEX_E_SPENT;
		if (out != NULL)
			memcpy(out + done, piece->bytes + at, part);
	}
	return SKEX_OK;
}

/* Marks the units used by this identity, and wipes those that nobody can fetch any more. */
static void use_units(struct agent_piece *piece, uint32_t place, uint64_t taken)
{
	const uint8_t sharers = piece->pool->sharers;
	const uint64_t before = pool_gone(piece->used, sharers);
	uint64_t now;
	uint32_t i;

	piece->used[place] |= taken;
	now = pool_gone(piece->used, sharers) & ~before;
	pool_less_ready(piece->pool, pool_bytes_of(now));
	for (i = 0; i < piece->size / AGENT_UNIT_BYTES; i++) {
		if ((now >> i & 1) != 0)
			skex_wipe(piece->bytes + (size_t)i * AGENT_UNIT_BYTES, AGENT_UNIT_BYTES);
	}
}

static void do_take(struct agent_batch *batch, const struct skex_key_id *id, uint32_t block,
	uint32_t place, uint8_t *out, struct skex_txn *txn)
{
	uint32_t done;
	uint32_t part;

	for (done = 0; done < id->size; done += part) {
		uint32_t at = 0;
		uint32_t index = piece_of(batch, block, id->offset + done, &at);
		enum skex_error error;
		struct agent_piece *piece = load_piece(batch, index, &error);
		struct skex_view bytes;

		part = piece->size - at < id->size - done ? piece->size - at : id->size - done;
		memcpy(out + done, piece->bytes + at, part);
		use_units(piece, place, units(at, part));
		bytes = skex_view(piece->bytes, piece->size);
		if (pool_gone(piece->used, batch->pool->sharers) == units(0, piece->size)) {
			const bool last = batch->pieces_left == 1;

			pool_piece_gone(batch, index, txn);
			if (last)
				return; /* the batch is gone, and the key ends here */
		} else {
			pool_put_piece(
				batch->pool, batch->first, index, piece->used, &bytes, 1, txn);
		}
	}
}

enum skex_error agent_pool_take(struct agent_pool *pool, const struct skex_key_id *id,
	uint32_t place, uint8_t *out, struct skex_key *key, bool check_only)
{
	struct agent_batch *batch = agent_batch_find(pool, id->block);
	struct skex_txn *txn;
	uint32_t block;
	enum skex_error error;

	if (batch != NULL && batch->carried && !batch->durable)
		return SKEX_E_BUSY;
	if (batch == NULL || !batch->durable || place >= pool->sharers ||
		batch->expires_wall_ms <= agent_wall(pool->agent))
		return SKEX_E_UNKNOWN;
	if (id->offset >= batch->secret_size || id->size > batch->secret_size - id->offset)
		return SKEX_E_UNKNOWN;
	if (batch->old && agent_past_holds(pool->agent, pool->peer))
		return SKEX_E_OFFLINE;
	if (agent_purpose_is_part(pool->purpose) || (pool_needs(pool, 0) & ~pool_meets(batch)) != 0)
		return SKEX_E_REFUSED;
	block = (uint32_t)(id->block.counter - batch->first.counter);
	error = check_take(batch, id, block, place, check_only ? out : NULL);
	if (error != SKEX_OK || check_only) {
		if (error == SKEX_OK) {
			key->confirmed = key->confirmed && batch->confirmed;
			key->forward_secret = batch->forward_secret;
			key->combined = batch->combined;
		}
		return error;
	}
	txn = skex_commit_txn(&pool->agent->link.commit);
	if (txn == NULL)
		return SKEX_E_IO;
	pool->asked_ms = agent_now(pool->agent);
	key->class = batch->class;
	key->forward_secret = batch->forward_secret;
	key->combined = batch->combined;
	key->confirmed = batch->confirmed;
	key->interval_known = batch->interval_known;
	key->earliest_ms = batch->earliest_ms;
	key->latest_ms = batch->latest_ms;
	if (!batch->confirmed && !batch->carried)
		key->class = SKEX_CLASS_COMPUTATIONAL;
	do_take(batch, id, block, place, out, txn);
	key->bytes = out;
	key->size = id->size;
	pool_fingerprint(pool->agent, out, id->size, key);
	return SKEX_OK;
}
