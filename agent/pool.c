/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/consumer.h"
#include "agent/internal.h"
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
	return pool;
}

void agent_pool_error(struct agent_pool *pool, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(pool->last_error, sizeof(pool->last_error), format, arguments);
	va_end(arguments);
}

static void piece_free(struct agent_piece *piece)
{
	skex_secret_free(piece->bytes);
	free(piece);
}

static void batch_free(struct agent_batch *batch)
{
	while (batch->loaded != NULL) {
		struct agent_piece *piece = batch->loaded;

		batch->loaded = piece->next;
		piece_free(piece);
	}
	free(batch->there);
	free(batch);
}

void agent_pool_free(struct agent_pool *pool)
{
	uint32_t i;

	for (i = 0; i < pool->batches_count; i++)
		batch_free(pool->batches[i]);
	free(pool->batches);
	while (pool->strides != NULL) {
		struct agent_piece *piece = pool->strides;

		pool->strides = piece->next;
		piece_free(piece);
	}
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

static int compare_id(struct skex_block_id a, struct skex_block_id b)
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

		if (compare_id(pool->batches[middle]->first, block) <= 0)
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

static bool insert(struct agent_pool *pool, struct agent_batch *batch)
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
	return true;
}

/* Takes it out and frees it; its records are gone already. */
static void remove_batch(struct agent_batch *batch)
{
	struct agent_pool *pool = batch->pool;
	struct agent_group *group;
	uint32_t at = upper(pool, batch->first) - 1;

	for (group = pool->agent->groups; group != NULL; group = group->next) {
		if (group->batch == batch)
			group->batch = NULL;
	}
	memmove(pool->batches + at, pool->batches + at + 1,
		(pool->batches_count - at - 1) * sizeof(struct agent_batch *));
	pool->batches_count--;
	batch_free(batch);
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

static void put_piece(const struct agent_pool *pool, struct skex_block_id first, uint32_t piece,
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
static enum skex_error read_piece(
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

static struct agent_batch *batch_new(
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
		put_piece(batch->pool, batch->first, i, unused, parts, count, txn);
		batch->there[i] = 1;
	}
	batch->pieces_left = batch->pieces_count;
}

struct agent_batch *agent_batch_add(struct agent_pool *pool, struct skex_block_id first,
	uint16_t blocks, uint32_t secret_size, const uint8_t *vectors, uint32_t stride_bytes,
	uint32_t skip, enum skex_class class, bool confirmed, uint64_t expires_wall_ms)
{
	struct skex_txn *txn = skex_commit_txn(&pool->agent->link.commit);
	struct agent_batch *batch = txn == NULL ? NULL : batch_new(first, blocks, secret_size);

	if (batch == NULL)
		return NULL;
	batch->class = class;
	batch->confirmed = confirmed;
	batch->expires_wall_ms = expires_wall_ms;
	if (!insert(pool, batch)) {
		batch_free(batch);
		return NULL;
	}
	put_batch(batch, txn);
	put_pieces(batch, txn, vectors, stride_bytes, skip);
	return batch;
}

void agent_batch_durable(struct agent_batch *batch)
{
	batch->durable = true;
	batch->pool->ready_bytes += (uint64_t)batch->blocks * batch->secret_size;
	batch->pool->last_block_wall_ms = agent_wall(batch->pool->agent);
}

void agent_batch_update(struct agent_batch *batch)
{
	struct skex_txn *txn = skex_commit_txn(&batch->pool->agent->link.commit);

	if (txn != NULL)
		put_batch(batch, txn);
}

/* The units that no identity can fetch any more. */
static uint64_t gone(const uint64_t *used, uint8_t sharers)
{
	uint64_t units = used[0];
	uint8_t i;

	for (i = 1; i < sharers; i++)
		units &= used[i];
	return units;
}

static uint64_t bytes_of(uint64_t units)
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
			left -= bytes_of(gone(piece->used, batch->pool->sharers));
	}
	return left;
}

static void less_ready(struct agent_pool *pool, uint64_t bytes)
{
	pool->ready_bytes -= bytes < pool->ready_bytes ? bytes : pool->ready_bytes;
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
		less_ready(pool, bytes_left(batch));
	remove_batch(batch);
}

static void piece_gone(struct agent_batch *batch, uint32_t index, struct skex_txn *txn)
{
	remove_record(batch->pool, batch->first, SKEX_TABLE_PIECE, index, txn);
	batch->there[index] = 0;
	if (--batch->pieces_left > 0)
		return;
	remove_record(batch->pool, batch->first, SKEX_TABLE_BATCH, UINT32_MAX, txn);
	remove_batch(batch);
}

/* ---- initiator: strides ------------------------------------------------------------------------
 */

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
	piece->index = from;
	agent_piece_place(batch, from, &piece->block, &piece->offset, &piece->size);
	piece->bytes = skex_secret_new((size_t)count * AGENT_PIECE_BYTES);
	piece->size = 0;
	for (i = 0; piece->bytes != NULL && i < count; i++) {
		uint32_t block;
		uint32_t offset;
		uint32_t size;

		agent_piece_place(batch, from + i, &block, &offset, &size);
		if (read_piece(batch, from + i, used, piece->bytes + piece->size) != SKEX_OK)
			break;
		piece->size += size;
	}
	if (piece->bytes == NULL || i < count) {
		agent_event(pool->agent, SKEX_LEVEL_ERROR, "pool_damaged", pool->peer->name.text,
			"", "a piece of the pool \"%s\" cannot be read: the batch is dropped",
			pool->purpose);
		piece_free(piece);
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
		piece_gone(batch, from + i, txn);
	return true;
}

static uint32_t align(uint32_t bytes)
{
	return (bytes + AGENT_UNIT_BYTES - 1) / AGENT_UNIT_BYTES * AGENT_UNIT_BYTES;
}

/* Skips what is too short for the key, up to the next block; true when there is room for it. */
static bool fits(const struct agent_piece *piece, uint32_t size, uint32_t *at)
{
	uint32_t from = piece->at;
	const uint32_t in_block = (piece->offset + from) % piece->secret_size;

	if (piece->secret_size - in_block < size)
		from += piece->secret_size - in_block;
	*at = from;
	return size <= piece->secret_size && from < piece->size && piece->size - from >= size;
}

bool agent_pool_stride(struct agent_pool *pool, uint32_t bytes)
{
	const uint32_t size = align(bytes);
	const uint32_t count = (size + AGENT_PIECE_BYTES - 1) / AGENT_PIECE_BYTES;
	const struct agent_piece *piece;
	uint64_t ahead = 0;
	bool there = false;
	uint32_t at;
	uint32_t i;

	for (piece = pool->strides; piece != NULL; piece = piece->next) {
		if (!fits(piece, size, &at))
			continue;
		ahead += piece->size - at;
		there |= piece->durable;
	}
	/* One stride ahead of use, so that asking does not wait for a flush. */
	for (i = 0; i < pool->batches_count && ahead < AGENT_PIECE_BYTES / 2 + (uint64_t)size;
		i++) {
		struct agent_batch *batch = pool->batches[i];
		uint32_t from;

		if (!batch->durable || !batch->confirmed || batch->secret_size < size)
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

static void fingerprint(
	const struct skex_agent *agent, const uint8_t *bytes, uint32_t size, struct skex_key *key)
{
	static const char label[] = "skex fingerprint/1";
	struct skex_view parts[2] = {skex_view(label, sizeof(label) - 1), skex_view(bytes, size)};
	uint8_t hash[SKEX_HASH_BYTES] = {0};

	if (agent->link.crypto->sha256(agent->link.crypto->context, parts, 2, hash) != SKEX_OK)
		memset(hash, 0, sizeof(hash));
	memcpy(key->fingerprint, hash, sizeof(key->fingerprint));
}

enum skex_error agent_pool_cut(
	struct agent_pool *pool, uint32_t bytes, uint8_t *out, struct skex_key *key)
{
	const uint32_t size = align(bytes);
	struct agent_piece **link = &pool->strides;
	struct agent_piece *piece;
	struct skex_key_id id;
	uint32_t at = 0;
	enum skex_error error;

	while (*link != NULL && !((*link)->durable && fits(*link, size, &at)))
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
	less_ready(pool, at + size - piece->at);
	piece->at = at + size;
	key->bytes = out;
	key->size = bytes;
	key->class = piece->class;
	key->confirmed = true;
	fingerprint(pool->agent, out, bytes, key);
	if (piece->at >= piece->size) {
		*link = piece->next;
		piece_free(piece);
	}
	return SKEX_OK;
}

/* ---- responder: by id --------------------------------------------------------------------------
 */

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
	*error = read_piece(batch, index, piece->used, piece->bytes);
	if (*error != SKEX_OK) {
		piece_free(piece);
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
	const uint64_t before = gone(piece->used, sharers);
	uint64_t now;
	uint32_t i;

	piece->used[place] |= taken;
	now = gone(piece->used, sharers) & ~before;
	less_ready(piece->pool, bytes_of(now));
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
		if (gone(piece->used, batch->pool->sharers) == units(0, piece->size)) {
			const bool last = batch->pieces_left == 1;

			piece_gone(batch, index, txn);
			if (last)
				return; /* the batch is gone, and the key ends here */
		} else {
			put_piece(batch->pool, batch->first, index, piece->used, &bytes, 1, txn);
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

	if (batch == NULL || !batch->durable || place >= pool->sharers)
		return SKEX_E_UNKNOWN;
	if (id->offset >= batch->secret_size || id->size > batch->secret_size - id->offset)
		return SKEX_E_UNKNOWN;
	block = (uint32_t)(id->block.counter - batch->first.counter);
	error = check_take(batch, id, block, place, check_only ? out : NULL);
	if (error != SKEX_OK || check_only) {
		if (error == SKEX_OK && !batch->confirmed)
			key->confirmed = false;
		return error;
	}
	txn = skex_commit_txn(&pool->agent->link.commit);
	if (txn == NULL)
		return SKEX_E_IO;
	key->class = batch->class;
	key->confirmed = batch->confirmed;
	key->interval_known = batch->interval_known;
	key->earliest_ms = batch->earliest_ms;
	key->latest_ms = batch->latest_ms;
	if (!batch->confirmed)
		key->class = SKEX_CLASS_COMPUTATIONAL;
	do_take(batch, id, block, place, out, txn);
	key->bytes = out;
	key->size = id->size;
	fingerprint(pool->agent, out, id->size, key);
	return SKEX_OK;
}

/* ---- upkeep ------------------------------------------------------------------------------------
 */

void agent_pool_sweep(struct agent_pool *pool, uint64_t wall_ms)
{
	uint32_t i = 0;

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
}

void agent_pool_empty(struct agent_pool *pool)
{
	while (pool->batches_count > 0) {
		const uint32_t count = pool->batches_count;

		agent_batch_drop(pool->batches[0]);
		if (pool->batches_count == count)
			return;
	}
	/* Those whose removal is pending are freed by it. */
	while (pool->strides_pending == 0 && pool->strides != NULL) {
		struct agent_piece *piece = pool->strides;

		pool->strides = piece->next;
		less_ready(pool, piece->size - piece->at);
		piece_free(piece);
	}
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
	if (peer == NULL)
		return SKEX_OK; /* of a peer that is not configured now: kept, not used */
	pool = agent_pool_get(
		agent, peer, side == AGENT_INITIATOR ? AGENT_INITIATOR : AGENT_RESPONDER, purpose);
	batch = pool == NULL ? NULL : batch_new(first, decoded.blocks, decoded.secret_size);
	if (batch == NULL)
		return SKEX_E_MEMORY;
	batch->class = decoded.class;
	batch->confirmed = decoded.confirmed;
	batch->interval_known = decoded.interval_known;
	batch->earliest_ms = decoded.earliest_ms;
	batch->latest_ms = decoded.latest_ms;
	batch->expires_wall_ms = decoded.expires_wall_ms;
	batch->durable = true;
	if (!insert(pool, batch)) {
		batch_free(batch);
		return SKEX_E_MEMORY;
	}
	return SKEX_OK;
}

static enum skex_error load_piece_record(void *owner, struct skex_view key, struct skex_view value)
{
	struct skex_agent *agent = owner;
	struct skex_block_id first = {0, 0};
	struct skex_name name;
	struct agent_peer *peer;
	struct agent_pool *pool;
	uint32_t index = 0;
	uint8_t side = 0;
	uint64_t used[AGENT_SHARERS_MAX];
	enum skex_error error;
	size_t head = 0;

	error = record_key_decode(key, &side, &name, &first, &index);
	if (error != SKEX_OK)
		return error;
	peer = agent_peer_find(agent, &name);
	for (pool = peer == NULL ? NULL : peer->pools; pool != NULL; pool = pool->next) {
		struct agent_batch *batch =
			(uint8_t)pool->side == side ? agent_batch_find(pool, first) : NULL;

		if (batch == NULL || compare_id(batch->first, first) != 0 ||
			index >= batch->pieces_count)
			continue;
		error = record_piece_decode(value, pool->sharers, used, &head);
		if (error != SKEX_OK)
			return error;
		batch->there[index] = 1;
		batch->pieces_left++;
		pool->ready_bytes += value.size - head - bytes_of(gone(used, pool->sharers));
	}
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
