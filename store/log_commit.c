/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/log.h"

void skex_log_fail(struct skex_log *log, enum skex_error error)
{
	if (log->failed != SKEX_OK)
		return;
	log->failed = error;
	skex_log(log->platform, SKEX_LEVEL_ERROR, "store: %s: stopped, nothing more is taken",
		skex_error_name(error));
	if (log->platform->wake != NULL)
		log->platform->wake(log->platform->context);
}

/* ---- applying ---- */

void skex_log_retire(struct skex_log *log, struct skex_log_entry *entry, uint32_t kept_slot)
{
	struct skex_log_segment *segment = skex_log_segment_of(log, entry->segment);

	if (segment != NULL) {
		segment->live_records--;
		log->live_bytes -= skex_log_record_size(entry->key_size, entry->value_size);
	}
	if (entry->kind == SKEX_LOG_PUT_SECRET && entry->slot != kept_slot &&
		skex_log_slots_doom(&log->slots, entry->slot) != SKEX_OK)
		skex_log_fail(log, SKEX_E_MEMORY);
	skex_log_entry_free(entry);
}

static void apply_remove(struct skex_log *log, struct skex_log_entry *entry)
{
	struct skex_log_entry *old =
		skex_log_index_remove(&log->index, entry->table, skex_log_entry_key(entry));

	if (old != NULL)
		skex_log_retire(log, old, SKEX_SLOT_NONE);
	skex_log_entry_free(entry);
}

struct skex_log_entry *skex_log_link(struct skex_log *log, struct skex_log_entry *entry)
{
	struct skex_log_segment *segment = skex_log_segment_of(log, entry->segment);

	if (segment != NULL) {
		segment->live_records++;
		log->live_bytes += skex_log_record_size(entry->key_size, entry->value_size);
	}
	return skex_log_index_insert(&log->index, entry);
}

static void apply_put(struct skex_log *log, struct skex_log_entry *entry)
{
	struct skex_log_entry *old = skex_log_link(log, entry);

	/* A copy made by compaction keeps its slot. */
	if (old != NULL)
		skex_log_retire(log, old, entry->slot);
}

void skex_log_apply(struct skex_log *log, struct skex_log_entry *entry)
{
	switch ((enum skex_log_kind)entry->kind) {
	case SKEX_LOG_PUT:
	case SKEX_LOG_PUT_SECRET:
		apply_put(log, entry);
		break;
	case SKEX_LOG_REMOVE:
		apply_remove(log, entry);
		break;
	case SKEX_LOG_TRIM:
		skex_log_entry_free(entry);
		skex_log_trimmed(log);
		break;
	}
}

/* ---- the way of a group ---- */

/* Frees the bytes of a group, but for one buffer that the next one can use. */
static void chunks_clear(struct skex_log *log, struct skex_log_group *group)
{
	while (group->first_chunk != NULL) {
		struct skex_log_chunk *chunk = group->first_chunk;
		group->first_chunk = chunk->next;
		if (log->spare == NULL && chunk->room == SKEX_LOG_CHUNK_BYTES) {
			chunk->next = NULL;
			chunk->size = 0;
			log->spare = chunk;
		} else {
			free(chunk->data);
			free(chunk);
		}
	}
	group->last_chunk = NULL;
}

void skex_log_group_clear(struct skex_log *log, struct skex_log_group *group)
{
	chunks_clear(log, group);
	while (group->first != NULL) {
		struct skex_txn *txn = group->first;
		group->first = txn->next;
		skex_log_txn_free(txn);
	}
	*group = (struct skex_log_group){0};
}

/* Takes the transactions out of a group, whose bytes go. */
static struct skex_txn *group_take(struct skex_log *log, struct skex_log_group *group)
{
	struct skex_txn *first = group->first;

	group->first = NULL;
	skex_log_group_clear(log, group);
	return first;
}

static void tell(struct skex_txn *first, enum skex_error error)
{
	while (first != NULL) {
		struct skex_txn *txn = first;
		first = txn->next;
		if (txn->done != NULL)
			txn->done(txn->owner, error);
		skex_log_txn_free(txn);
	}
}

void skex_log_fail_waiting(struct skex_log *log)
{
	struct skex_txn *flight = group_take(log, &log->flight);
	struct skex_txn *waiting = group_take(log, &log->waiting);

	log->phase = SKEX_LOG_IDLE;
	tell(flight, log->failed);
	tell(waiting, log->failed);
	skex_log_erased_tell(log);
}

static void group_durable(struct skex_log *log)
{
	struct skex_log_group *group = &log->flight;

	if (group->size > 0)
		log->durable = group->sequence;
	struct skex_txn *first = group_take(log, group);
	for (struct skex_txn *txn = first; txn != NULL; txn = txn->next) {
		while (txn->first != NULL) {
			struct skex_log_entry *entry = txn->first;
			txn->first = entry->next[0];
			skex_log_apply(log, entry);
		}
	}
	log->phase = SKEX_LOG_IDLE;
	tell(first, SKEX_OK);
	/* What has become due needs a turn to say when. */
	if (log->slots.doomed_count > 0 && log->platform->wake != NULL)
		log->platform->wake(log->platform->context);
}

static void bytes_advance(struct skex_log *log, enum skex_error error)
{
	struct skex_log_segment *segment = log->flight.segment;

	if (log->failed != SKEX_OK)
		return;
	if (error == SKEX_OK && !segment->named)
		error = skex_log_segment_name(log, segment);
	/* A segment that is full gives back what it does not need. */
	if (error == SKEX_OK && segment != log->current)
		error = log->platform->files->resize(segment->file, segment->end);
	if (error != SKEX_OK) {
		skex_log_fail(log, error);
		return;
	}
	group_durable(log);
	skex_log_commit_start(log);
}

static void bytes_synced(void *owner, enum skex_error error)
{
	struct skex_log *log = owner;

	if (!log->settling)
		bytes_advance(log, error);
}

static enum skex_error bytes_write(struct skex_log *log)
{
	struct skex_log_group *group = &log->flight;
	uint64_t offset = group->offset;

	for (struct skex_log_chunk *chunk = group->first_chunk; chunk != NULL;
		chunk = chunk->next) {
		enum skex_error error = log->platform->files->write(
			group->segment->file, offset, chunk->data, chunk->size);
		if (error != SKEX_OK)
			return error;
		offset += chunk->size;
	}
	log->phase = SKEX_LOG_BYTES;
	if (log->settling)
		return SKEX_OK;
	return log->platform->files->sync(group->segment->file, bytes_synced, log);
}

static void slots_advance(struct skex_log *log, enum skex_error error)
{
	if (log->failed != SKEX_OK)
		return;
	if (error == SKEX_OK)
		skex_log_slots_synced(&log->slots, log->now_ms);
	if (error == SKEX_OK && log->flight.size > 0) {
		error = bytes_write(log);
	} else if (error == SKEX_OK) {
		group_durable(log);
		skex_log_commit_start(log);
	}
	if (error != SKEX_OK)
		skex_log_fail(log, error);
	else
		skex_log_erased_tell(log);
}

static void slots_synced(void *owner, enum skex_error error)
{
	struct skex_log *log = owner;

	if (!log->settling)
		slots_advance(log, error);
}

void skex_log_commit_start(struct skex_log *log)
{
	bool doomed = log->settling ? log->slots.doomed_count > 0
				    : skex_log_slots_due(&log->slots, log->now_ms) <= log->now_ms;

	if (log->failed != SKEX_OK || log->phase != SKEX_LOG_IDLE ||
		(log->waiting.first == NULL && !doomed))
		return;
	log->flight = log->waiting;
	log->waiting = (struct skex_log_group){0};

	enum skex_error error;
	if (log->flight.secrets || doomed) {
		error = skex_log_slots_destroy(&log->slots);
		log->phase = SKEX_LOG_SLOTS;
		if (error == SKEX_OK && !log->settling)
			error = skex_key_slots_sync(log->slots.file, slots_synced, log);
	} else if (log->flight.size > 0) {
		error = bytes_write(log);
	} else {
		error = SKEX_OK;
		group_durable(log);
	}
	if (error != SKEX_OK)
		skex_log_fail(log, error);
}

enum skex_error skex_log_settle(struct skex_store *store)
{
	struct skex_log *log = skex_log_of(store);

	log->settling = true;
	skex_log_commit_start(log);
	while (log->failed == SKEX_OK && log->phase != SKEX_LOG_IDLE) {
		if (log->phase == SKEX_LOG_SLOTS) {
			slots_advance(log, skex_key_slots_sync_wait(log->slots.file));
		} else {
			const struct skex_files *files = log->platform->files;
			bytes_advance(log, files->sync_wait(log->flight.segment->file));
		}
	}
	if (log->failed != SKEX_OK)
		skex_log_fail_waiting(log);
	return log->failed;
}
