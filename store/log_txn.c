/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/log.h"

#define FIRST_ROOM   1024u
#define DONATE_BYTES 65536u /* a transaction of this size becomes a chunk of its own, uncopied */

struct skex_txn *skex_log_txn_begin(struct skex_store *store)
{
	struct skex_txn *txn = calloc(1, sizeof(*txn));

	if (txn == NULL)
		return NULL;
	txn->data = malloc(FIRST_ROOM);
	if (txn->data == NULL) {
		free(txn);
		return NULL;
	}
	txn->log = skex_log_of(store);
	txn->room = FIRST_ROOM;
	txn->size = SKEX_LOG_FRAME_BYTES;
	return txn;
}

void skex_log_txn_free(struct skex_txn *txn)
{
	while (txn->first != NULL) {
		struct skex_log_entry *entry = txn->first;
		txn->first = entry->next[0];
		skex_log_entry_free(entry);
	}
	free(txn->data);
	free(txn);
}

/* ---- building ---- */

static enum skex_error make_room(struct skex_txn *txn, size_t size)
{
	if (size > SKEX_LOG_FRAME_MAX - txn->size)
		return SKEX_E_ARGUMENT;
	if (size <= txn->room - txn->size)
		return SKEX_OK;
	size_t room = txn->room * 2;
	if (room < txn->size + size)
		room = txn->size + size;
	uint8_t *data = realloc(txn->data, room);
	if (data == NULL)
		return SKEX_E_MEMORY;
	txn->data = data;
	txn->room = room;
	return SKEX_OK;
}

/* Room for a record and the entry of the change; on success the record's head is written, its value
 * is not, and nothing is linked yet. */
static enum skex_error record_begin(struct skex_txn *txn, uint8_t table, enum skex_log_kind kind,
	uint32_t slot, struct skex_view key, size_t value_size, struct skex_log_entry **entry)
{
	size_t size = skex_log_record_size(key.size, value_size);
	enum skex_error error = make_room(txn, size);

	if (error != SKEX_OK)
		return error;
	struct skex_log_entry *made = skex_log_entry_new(&txn->log->index, table, key);
	if (made == NULL)
		return SKEX_E_MEMORY;
	made->kind = (uint8_t)kind;
	made->slot = slot;
	made->value_size = (uint32_t)value_size;
	made->offset = (uint32_t)txn->size;
	uint8_t *at = txn->data + txn->size;
	memset(at + size - 8, 0, 8);
	skex_log_record_begin(at, table, (uint8_t)kind, slot, key, (uint32_t)value_size);
	*entry = made;
	return SKEX_OK;
}

static void record_end(struct skex_txn *txn, struct skex_log_entry *entry)
{
	if (txn->last == NULL)
		txn->first = entry;
	else
		txn->last->next[0] = entry;
	txn->last = entry;
	txn->records++;
	txn->size += skex_log_record_size(entry->key_size, entry->value_size);
}

static uint8_t *record_value(struct skex_txn *txn, struct skex_view key)
{
	return txn->data + txn->size + SKEX_LOG_RECORD_BYTES + key.size;
}

static void join(uint8_t *out, const struct skex_view *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (parts[i].size > 0)
			memcpy(out, parts[i].data, parts[i].size);
		out += parts[i].size;
	}
}

/* The sum of the parts, or SIZE_MAX when a record cannot hold them. */
static size_t value_size_of(
	uint8_t table, struct skex_view key, const struct skex_view *parts, size_t count)
{
	size_t size = 0;

	if (table == 0 || table >= SKEX_STORE_TABLES || key.size > SKEX_STORE_KEY_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].size > SKEX_STORE_VALUE_MAX - size)
			return SIZE_MAX;
		size += parts[i].size;
	}
	return size;
}

void skex_log_txn_put(struct skex_txn *txn, uint8_t table, struct skex_view key,
	const struct skex_view *parts, size_t count)
{
	struct skex_log_entry *entry;
	size_t size = value_size_of(table, key, parts, count);

	if (txn->error != SKEX_OK)
		return;
	txn->error = SKEX_E_ARGUMENT;
	if (size == SIZE_MAX)
		return;
	txn->error = record_begin(txn, table, SKEX_LOG_PUT, SKEX_SLOT_NONE, key, size, &entry);
	if (txn->error != SKEX_OK)
		return;
	join(record_value(txn, key), parts, count);
	record_end(txn, entry);
}

void skex_log_txn_add(struct skex_txn *txn, uint8_t table, enum skex_log_kind kind, uint32_t slot,
	struct skex_view key, struct skex_view value)
{
	struct skex_log_entry *entry;

	if (txn->error != SKEX_OK)
		return;
	txn->error = record_begin(txn, table, kind, slot, key, value.size, &entry);
	if (txn->error != SKEX_OK)
		return;
	join(record_value(txn, key), &value, 1);
	record_end(txn, entry);
}

void skex_log_txn_remove(struct skex_txn *txn, uint8_t table, struct skex_view key)
{
	if (txn->error == SKEX_OK && value_size_of(table, key, NULL, 0) == SIZE_MAX)
		txn->error = SKEX_E_ARGUMENT;
	skex_log_txn_add(txn, table, SKEX_LOG_REMOVE, SKEX_SLOT_NONE, key, skex_view(NULL, 0));
}

/* One part is sealed from where it is, several are joined in locked memory first. */
static enum skex_error seal(struct skex_txn *txn, const struct skex_log_entry *entry,
	const struct skex_view *parts, size_t count, uint8_t *out)
{
	struct skex_view key = skex_log_entry_key(entry);
	size_t size = entry->value_size - SKEX_AEAD_TAG_BYTES;

	if (count == 1)
		return skex_log_value_seal(txn->log, entry->table, key, entry->slot, parts[0], out);
	uint8_t *joined = skex_secret_new(size);
	if (joined == NULL)
		return SKEX_E_MEMORY;
	join(joined, parts, count);
	enum skex_error error = skex_log_value_seal(
		txn->log, entry->table, key, entry->slot, skex_view(joined, size), out);
	skex_secret_free(joined);
	return error;
}

void skex_log_txn_put_secret(struct skex_txn *txn, uint8_t table, struct skex_view key,
	const struct skex_view *parts, size_t count)
{
	struct skex_log *log = txn->log;
	struct skex_log_entry *entry;
	uint32_t slot = SKEX_SLOT_NONE;
	size_t size = value_size_of(table, key, parts, count);

	if (txn->error == SKEX_OK && log->failed != SKEX_OK)
		txn->error = log->failed;
	if (txn->error == SKEX_OK && size == SIZE_MAX)
		txn->error = SKEX_E_ARGUMENT;
	if (txn->error == SKEX_OK)
		txn->error = skex_log_slots_take(&log->slots, &slot);
	if (txn->error != SKEX_OK)
		return;
	txn->error = record_begin(
		txn, table, SKEX_LOG_PUT_SECRET, slot, key, size + SKEX_AEAD_TAG_BYTES, &entry);
	if (txn->error != SKEX_OK) {
		if (skex_log_slots_doom(&log->slots, slot) != SKEX_OK)
			skex_log_fail(log, SKEX_E_MEMORY);
		return;
	}
	txn->error = seal(txn, entry, parts, count, record_value(txn, key));
	/* Linked even when it failed, so that its slot is found again. */
	record_end(txn, entry);
	txn->secrets = true;
}

void skex_log_txn_abandon(struct skex_txn *txn)
{
	struct skex_log *log = txn->log;

	for (struct skex_log_entry *entry = txn->first; entry != NULL; entry = entry->next[0]) {
		if (entry->kind != SKEX_LOG_PUT_SECRET || txn->copies)
			continue;
		if (skex_log_slots_doom(&log->slots, entry->slot) != SKEX_OK)
			skex_log_fail(log, SKEX_E_MEMORY);
	}
	skex_log_txn_free(txn);
}

/* ---- handing over ---- */

/* Adds a chunk with room bytes; room 0 for one that is given its bytes later. */
static enum skex_error chunk_append(struct skex_log *log, size_t room)
{
	struct skex_log_group *group = &log->waiting;
	struct skex_log_chunk *chunk = NULL;

	if (room > 0 && log->spare != NULL) {
		chunk = log->spare;
		log->spare = NULL;
	} else {
		chunk = calloc(1, sizeof(*chunk));
		if (chunk == NULL)
			return SKEX_E_MEMORY;
		chunk->data = room > 0 ? malloc(room) : NULL;
		chunk->room = room;
	}
	if (room > 0 && chunk->data == NULL) {
		free(chunk);
		return SKEX_E_MEMORY;
	}
	if (group->last_chunk == NULL)
		group->first_chunk = chunk;
	else
		group->last_chunk->next = chunk;
	group->last_chunk = chunk;
	return SKEX_OK;
}

/* The group that waits has a segment with space on the disk, and memory, for these bytes. */
static enum skex_error group_room(struct skex_log *log, const struct skex_txn *txn)
{
	struct skex_log_group *group = &log->waiting;

	if (txn->size > SKEX_STORE_PENDING_MAX - group->size)
		return SKEX_E_BUSY;
	if (group->segment == NULL) {
		if (log->current == NULL || log->current->end >= log->segment_bytes) {
			enum skex_error error = skex_log_segment_begin(log);
			if (error != SKEX_OK)
				return error;
		}
		group->offset = log->current->end;
	}
	enum skex_error error = skex_log_segment_reserve(log, log->current, txn->size);
	if (error != SKEX_OK)
		return error;
	if (txn->size >= DONATE_BYTES)
		return chunk_append(log, 0);
	const struct skex_log_chunk *last = group->last_chunk;
	if (last != NULL && txn->size <= last->room - last->size)
		return SKEX_OK;
	return chunk_append(log, SKEX_LOG_CHUNK_BYTES);
}

static void group_copy(struct skex_log_group *group, struct skex_txn *txn)
{
	struct skex_log_chunk *last = group->last_chunk;

	if (txn->size >= DONATE_BYTES) {
		*last = (struct skex_log_chunk){NULL, txn->data, txn->size, txn->size};
	} else {
		memcpy(last->data + last->size, txn->data, txn->size);
		last->size += txn->size;
		free(txn->data);
	}
	txn->data = NULL;
}

static enum skex_error frame_add(struct skex_log *log, struct skex_txn *txn)
{
	struct skex_log_group *group = &log->waiting;
	enum skex_error error = group_room(log, txn);

	if (error == SKEX_E_IO)
		skex_log_fail(log, error);
	if (error != SKEX_OK)
		return error;
	struct skex_log_segment *segment = log->current;
	uint64_t offset = segment->end;
	const struct skex_log_frame head = {.size = (uint32_t)txn->size,
		.records = txn->records,
		.sequence = log->sequence,
		.durable = log->durable};
	error = skex_log_frame_seal(segment, log->crypto, offset, &head, txn->data);
	if (error != SKEX_OK)
		return error;

	group_copy(group, txn);
	for (struct skex_log_entry *entry = txn->first; entry != NULL; entry = entry->next[0]) {
		entry->segment = segment->number;
		entry->offset += (uint32_t)offset;
		skex_log_compact_note(log, entry);
	}
	group->segment = segment;
	group->sequence = log->sequence++;
	group->size += txn->size;
	group->secrets = group->secrets || txn->secrets;
	segment->end += txn->size;
	log->total_bytes += txn->size;
	return SKEX_OK;
}

enum skex_error skex_log_txn_submit(struct skex_txn *txn, skex_done_fn done, void *owner)
{
	struct skex_log *log = txn->log;
	struct skex_log_group *group = &log->waiting;
	enum skex_error error = log->failed != SKEX_OK ? log->failed : txn->error;

	if (error == SKEX_OK && txn->records > 0)
		error = frame_add(log, txn);
	if (error != SKEX_OK) {
		skex_log_txn_abandon(txn);
		return error;
	}
	txn->done = done;
	txn->owner = owner;
	if (group->last == NULL)
		group->first = txn;
	else
		group->last->next = txn;
	group->last = txn;
	if (group->first == txn && log->platform->wake != NULL)
		log->platform->wake(log->platform->context);
	return SKEX_OK;
}
