/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/cursor.h"
#include "store/log.h"

/*
 * Always the oldest segment, for a record of removal may be dropped only when nothing before it is
 * left that it removes.  What is alive in it is written again at the end of the log, as it is
 * sealed; then a record says that the segment counts no more, and when that is durable the file
 * goes.
 *
 * A copy must not come after a change of the same record that was submitted before it: while a
 * compaction is active, every submitted change marks the entry that it will replace or remove, and
 * a marked entry is not copied, for it dies before the segment does.
 */
#define STEP_RECORDS 256u
#define STEP_BYTES   (256u << 10)
#define RETRY_MS     1000u
/* More segments than these, and a few for what they hold, cost more to open than to copy. */
#define SEGMENTS_MAX 16u

void skex_log_compact_note(struct skex_log *log, const struct skex_log_entry *change)
{
	if (!log->compaction.active)
		return;
	struct skex_log_entry *entry =
		skex_log_index_find(&log->index, change->table, skex_log_entry_key(change));
	if (entry != NULL)
		entry->doomed = true;
}

static void note_group(struct skex_log *log, const struct skex_log_group *group)
{
	for (const struct skex_txn *txn = group->first; txn != NULL; txn = txn->next) {
		for (const struct skex_log_entry *entry = txn->first; entry != NULL;
			entry = entry->next[0])
			skex_log_compact_note(log, entry);
	}
}

/* True when nothing is written to the segment any more and all of it was applied. */
static bool is_settled(const struct skex_log *log, const struct skex_log_segment *segment)
{
	return segment != log->current && segment != log->flight.segment;
}

static bool is_wanted(const struct skex_log *log)
{
	uint64_t most = SEGMENTS_MAX + 4 * (log->live_bytes / log->segment_bytes);

	if (log->segments_count == 0 || !is_settled(log, log->segments[0]))
		return false;
	if (log->segments_count > 1 && log->segments[0]->live_records == 0)
		return true;
	return log->segments_count > most ||
		log->total_bytes > 2 * log->live_bytes + 2 * log->segment_bytes;
}

static void begin(struct skex_log *log)
{
	log->compaction = (struct skex_log_compaction){
		.active = true, .at = SKEX_LOG_HEADER_BYTES, .frame_end = SKEX_LOG_HEADER_BYTES};
	note_group(log, &log->flight);
	note_group(log, &log->waiting);
}

/* ---- copying ---- */

/* One record, whole; bytes is borrowed until the next call. */
static enum skex_error record_copy(
	struct skex_log *log, struct skex_txn *txn, const struct skex_log_entry *entry, size_t size)
{
	struct skex_log_segment *segment = log->segments[0];
	struct skex_log_record record;
	uint8_t *bytes = malloc(size);

	if (bytes == NULL)
		return SKEX_E_MEMORY;
	enum skex_error error = skex_log_segment_read(log, segment, entry->offset, bytes, size);
	if (error == SKEX_OK)
		error = skex_log_record_decode(&record, bytes, size);
	if (error == SKEX_OK)
		error = skex_log_record_verify(segment, log->crypto, entry->offset, bytes, &record);
	if (error == SKEX_OK) {
		skex_log_txn_add(txn, record.table, (enum skex_log_kind)record.kind, record.slot,
			record.key, record.value);
		error = txn->error;
	}
	free(bytes);
	return error;
}

/* The record at compaction.at is copied when it is alive, and passed. */
static enum skex_error record_pass(struct skex_log *log, struct skex_txn *txn)
{
	struct skex_log_compaction *compaction = &log->compaction;
	struct skex_log_segment *segment = log->segments[0];
	uint8_t head[SKEX_LOG_RECORD_BYTES + SKEX_STORE_KEY_MAX];
	uint64_t left = compaction->frame_end - compaction->at;
	size_t room = left < sizeof(head) ? (size_t)left : sizeof(head);
	struct skex_log_record record;

	enum skex_error error = skex_log_segment_read(log, segment, compaction->at, head, room);
	if (error == SKEX_OK)
		error = skex_log_record_peek(&record, head, room);
	if (error != SKEX_OK)
		return error;
	const struct skex_log_entry *entry =
		skex_log_index_find(&log->index, record.table, record.key);
	if (entry != NULL && !entry->doomed && entry->segment == segment->number &&
		entry->offset == compaction->at)
		error = record_copy(log, txn, entry, record.size);
	if (error == SKEX_OK)
		compaction->at += record.size;
	return error;
}

static enum skex_error frame_enter(struct skex_log *log)
{
	struct skex_log_compaction *compaction = &log->compaction;
	uint8_t bytes[SKEX_LOG_FRAME_BYTES];
	struct skex_log_frame head;

	enum skex_error error =
		skex_log_segment_read(log, log->segments[0], compaction->at, bytes, sizeof(bytes));
	if (error == SKEX_OK)
		error = skex_log_frame_decode(&head, bytes);
	if (error == SKEX_OK) {
		compaction->frame_end = compaction->at + head.size;
		compaction->at += SKEX_LOG_FRAME_BYTES;
	}
	return error;
}

static void written(void *owner, enum skex_error error)
{
	struct skex_log *log = owner;

	log->compaction.outstanding = false;
	if (error == SKEX_OK && log->platform->wake != NULL)
		log->platform->wake(log->platform->context);
}

/* Takes txn; what it holds lies in the log already, so that nothing is lost when it cannot go now.
 */
static enum skex_error hand_over(struct skex_log *log, struct skex_txn *txn)
{
	if (txn->records == 0) {
		skex_log_txn_free(txn);
		return SKEX_OK;
	}
	enum skex_error error = skex_log_txn_submit(txn, written, log);
	if (error == SKEX_OK)
		log->compaction.outstanding = true;
	return error;
}

static enum skex_error copy_step(struct skex_log *log)
{
	struct skex_log_compaction *compaction = &log->compaction;
	struct skex_txn *txn = skex_log_txn_begin(&log->store);
	enum skex_error error = SKEX_OK;
	uint64_t at = compaction->at, frame_end = compaction->frame_end;

	if (txn == NULL)
		return SKEX_E_MEMORY;
	txn->copies = true;
	for (unsigned i = 0; i < STEP_RECORDS && txn->size < STEP_BYTES && error == SKEX_OK &&
		compaction->at < log->segments[0]->end;
		i++) {
		if (compaction->at == compaction->frame_end)
			error = frame_enter(log);
		else
			error = record_pass(log, txn);
	}
	if (error == SKEX_OK)
		error = hand_over(log, txn);
	else
		skex_log_txn_free(txn);
	if (error != SKEX_OK) {
		compaction->at = at;
		compaction->frame_end = frame_end;
	}
	return error;
}

/* ---- the end of a segment ---- */

static enum skex_error trim(struct skex_log *log)
{
	struct skex_txn *txn = skex_log_txn_begin(&log->store);
	struct skex_writer writer;
	uint8_t value[4];
	size_t count = 1;

	if (txn == NULL)
		return SKEX_E_MEMORY;
	/* Those after it that hold nothing alive either go at the same time. */
	while (count < log->segments_count && log->segments[count]->live_records == 0 &&
		is_settled(log, log->segments[count]))
		count++;
	/* Without a current segment the record begins one: all that are there may go. */
	skex_writer_init(&writer, value, sizeof(value));
	skex_write_u32(&writer, log->oldest + (uint32_t)count);
	skex_log_txn_add(txn, 0, SKEX_LOG_TRIM, SKEX_SLOT_NONE, skex_view(NULL, 0),
		skex_view(value, sizeof(value)));
	enum skex_error error = hand_over(log, txn);
	if (error == SKEX_OK)
		log->compaction.trim = log->oldest + (uint32_t)count;
	return error;
}

void skex_log_trimmed(struct skex_log *log)
{
	while (log->oldest < log->compaction.trim) {
		if (log->segments[0]->live_records > 0) {
			skex_log_fail(log, SKEX_E_FATAL);
			return;
		}
		skex_log_segment_drop(log);
	}
	log->compaction = (struct skex_log_compaction){0};
}

bool skex_log_compact(struct skex_log *log)
{
	struct skex_log_compaction *compaction = &log->compaction;

	if (compaction->outstanding || compaction->trim != 0 || compaction->given_up ||
		log->now_ms < compaction->retry_ms)
		return false;
	if (!compaction->active) {
		if (!is_wanted(log))
			return false;
		begin(log);
	}
	enum skex_error error = SKEX_OK;
	if (compaction->at < log->segments[0]->end && log->segments[0]->live_records > 0)
		error = copy_step(log);
	else
		error = trim(log);
	if (error == SKEX_E_CORRUPT) {
		skex_log(log->platform, SKEX_LEVEL_ERROR,
			"store: segment %u is damaged; it is kept as it is",
			(unsigned)log->segments[0]->number);
		compaction->given_up = true;
	} else if (error != SKEX_OK) {
		compaction->retry_ms = log->now_ms + RETRY_MS;
	}
	return error == SKEX_OK && !compaction->outstanding;
}
