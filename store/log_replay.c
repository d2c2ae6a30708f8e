/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "store/log.h"
#include "store/path.h"

#define WINDOW_BYTES (UINT64_C(64) << 10)

struct replay {
	struct skex_log *log;
	uint32_t *numbers; /* of the files NNNNNNNN.log, ascending */
	size_t numbers_count;
	size_t numbers_room;
	struct skex_log_header *headers; /* of the segments in log */
	enum skex_error error;           /* of the callback that lists the directory */
	uint64_t sequence;               /* of the next frame */
	uint32_t trim;                   /* segments before this one are void */

	uint8_t *window; /* a piece of the segment that is read */
	size_t window_room;
	size_t window_size;
	uint64_t window_at;
	uint64_t file_size;
};

/* ---- which segments there are ---- */

/* NNNNNNNN.suffix; more digits when eight do not suffice. */
static bool number_parse(const char *name, const char *suffix, uint32_t *number)
{
	uint64_t value = 0;
	size_t digits = 0;

	for (; name[digits] >= '0' && name[digits] <= '9' && digits < 10; digits++)
		value = value * 10 + (uint64_t)(name[digits] - '0');
	if (digits < 8 || value == 0 || value >= UINT32_MAX || strcmp(name + digits, suffix) != 0)
		return false;
	*number = (uint32_t)value;
	return true;
}

static void note_file(void *owner, const char *name)
{
	struct replay *replay = owner;
	uint32_t number;

	if (!number_parse(name, ".log", &number) || replay->error != SKEX_OK)
		return;
	if (replay->numbers_count == replay->numbers_room) {
		size_t room = replay->numbers_room == 0 ? 64 : replay->numbers_room * 2;
		uint32_t *numbers = realloc(replay->numbers, room * sizeof(*numbers));
		if (numbers == NULL) {
			replay->error = SKEX_E_MEMORY;
			return;
		}
		replay->numbers = numbers;
		replay->numbers_room = room;
	}
	replay->numbers[replay->numbers_count++] = number;
}

static int by_number(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/*
 * Only the unbroken series that ends with the last segment can count.  Removals may reach the disk
 * in any order: what lies before a gap was void, which the trim mark has to confirm.
 */
static enum skex_error series_find(struct replay *replay)
{
	struct skex_log *log = replay->log;
	size_t first = replay->numbers_count;

	if (first > 0)
		qsort(replay->numbers, first, sizeof(*replay->numbers), by_number);
	while (first > 0 &&
		(first == replay->numbers_count ||
			replay->numbers[first - 1] + 1 == replay->numbers[first]))
		first--;
	log->oldest = first < replay->numbers_count ? replay->numbers[first] : 1;
	for (size_t i = first; i < replay->numbers_count; i++) {
		struct skex_log_segment *segment = skex_log_segment_new(replay->numbers[i]);
		if (segment == NULL)
			return SKEX_E_MEMORY;
		segment->named = true;
		enum skex_error error = skex_log_segments_add(log, segment);
		if (error != SKEX_OK) {
			skex_log_segment_free(segment, log->platform);
			return error;
		}
	}
	replay->headers = calloc(log->segments_count + 1, sizeof(*replay->headers));
	return replay->headers == NULL ? SKEX_E_MEMORY : SKEX_OK;
}

static enum skex_error headers_read(struct replay *replay)
{
	struct skex_log *log = replay->log;
	uint8_t bytes[SKEX_LOG_HEADER_BYTES];

	for (size_t i = 0; i < log->segments_count; i++) {
		struct skex_log_header *header = &replay->headers[i];
		enum skex_error error =
			skex_log_segment_read(log, log->segments[i], 0, bytes, sizeof(bytes));
		if (error == SKEX_OK) {
			error = skex_log_header_decode(
				log->segments[i], log->crypto, log->kek, bytes, header);
		}
		if (error != SKEX_OK)
			return error;
		if (i == 0)
			memcpy(log->id, header->store, sizeof(log->id));
		else if (memcmp(log->id, header->store, sizeof(log->id)) != 0)
			return SKEX_E_CORRUPT;
		if (header->oldest > replay->trim)
			replay->trim = header->oldest;
	}
	return SKEX_OK;
}

/* ---- reading one ---- */

/* *at: size bytes of the segment from offset on.  SKEX_E_CORRUPT when it ends before. */
static enum skex_error window_get(struct replay *replay, struct skex_log_segment *segment,
	uint64_t offset, size_t size, const uint8_t **at)
{
	if (offset > replay->file_size || size > replay->file_size - offset)
		return SKEX_E_CORRUPT;
	if (offset < replay->window_at || offset + size > replay->window_at + replay->window_size) {
		uint64_t left = replay->file_size - offset;
		size_t want = size < WINDOW_BYTES ? WINDOW_BYTES : size;
		if (want > left)
			want = (size_t)left;
		if (want > replay->window_room) {
			uint8_t *window = realloc(replay->window, want);
			if (window == NULL)
				return SKEX_E_MEMORY;
			replay->window = window;
			replay->window_room = want;
		}
		replay->window_size = 0;
		enum skex_error error =
			skex_log_segment_read(replay->log, segment, offset, replay->window, want);
		if (error != SKEX_OK)
			return error;
		replay->window_at = offset;
		replay->window_size = want;
	}
	*at = replay->window + (offset - replay->window_at);
	return SKEX_OK;
}

static enum skex_error record_apply(struct replay *replay, struct skex_log_segment *segment,
	uint64_t offset, const struct skex_log_record *record)
{
	struct skex_log *log = replay->log;
	struct skex_log_entry *old;

	if (record->kind == SKEX_LOG_TRIM) {
		struct skex_reader reader;
		skex_reader_init(&reader, record->value);
		uint32_t trim = skex_read_u32(&reader);
		if (trim > replay->trim)
			replay->trim = trim;
		return skex_reader_end(&reader) == SKEX_OK ? SKEX_OK : SKEX_E_CORRUPT;
	}
	if (record->table == 0 || record->table >= SKEX_STORE_TABLES)
		return SKEX_E_CORRUPT;
	if (record->kind == SKEX_LOG_REMOVE) {
		old = skex_log_index_remove(&log->index, record->table, record->key);
	} else if (record->kind == SKEX_LOG_PUT || record->kind == SKEX_LOG_PUT_SECRET) {
		struct skex_log_entry *entry =
			skex_log_entry_new(&log->index, record->table, record->key);
		if (entry == NULL)
			return SKEX_E_MEMORY;
		entry->kind = record->kind;
		entry->segment = segment->number;
		entry->offset = (uint32_t)offset;
		entry->value_size = (uint32_t)record->value.size;
		entry->slot = record->slot;
		old = skex_log_link(log, entry);
	} else {
		return SKEX_E_CORRUPT;
	}
	/* Slots that no record names at the end are destroyed then, all at once. */
	if (old != NULL)
		skex_log_retire(log, old, old->slot);
	return SKEX_OK;
}

/* One frame at offset; *size is its size.  SKEX_E_CORRUPT when there is none that fits here. */
static enum skex_error frame_replay(
	struct replay *replay, struct skex_log_segment *segment, uint64_t offset, uint32_t *size)
{
	struct skex_log_frame head;
	struct skex_log_record record;
	const uint8_t *at = NULL;

	enum skex_error error = window_get(replay, segment, offset, SKEX_LOG_FRAME_BYTES, &at);
	if (error == SKEX_OK)
		error = skex_log_frame_decode(&head, at);
	if (error == SKEX_OK && head.sequence != replay->sequence)
		error = SKEX_E_CORRUPT;
	if (error == SKEX_OK)
		error = window_get(replay, segment, offset, head.size, &at);
	if (error == SKEX_OK)
		error = skex_log_frame_verify(segment, replay->log->crypto, offset, &head, at);
	size_t inside = SKEX_LOG_FRAME_BYTES;
	for (uint32_t i = 0; error == SKEX_OK && i < head.records; i++) {
		error = skex_log_record_decode(&record, at + inside, head.size - inside);
		if (error == SKEX_OK)
			error = record_apply(replay, segment, offset + inside, &record);
		if (error == SKEX_OK)
			inside += record.size;
	}
	if (error == SKEX_OK) {
		replay->sequence++;
		*size = head.size;
	}
	return error;
}

/* From offset on the first place, in the window that is read, at which a frame can begin; or the
 * first one that the window does not hold all of. */
static uint64_t frame_find(const struct replay *replay, uint64_t offset)
{
	const uint64_t end = replay->window_at + replay->window_size;

	while (offset + SKEX_LOG_FRAME_BYTES <= end &&
		!skex_log_frame_begins(replay->window + (offset - replay->window_at)))
		offset += 8;
	return offset;
}

/*
 * The frames end at offset.  Was that the end, or is it damage?  A frame further on that was made
 * when the one missing here was durable already says: damage.  Frames of the same unfinished group
 * prove nothing.
 */
static enum skex_error end_check(
	struct replay *replay, struct skex_log_segment *segment, uint64_t offset)
{
	struct skex_log_frame head;
	const uint8_t *at = NULL;

	for (offset += 8; offset + SKEX_LOG_FRAME_BYTES <= replay->file_size; offset += 8) {
		enum skex_error error =
			window_get(replay, segment, offset, SKEX_LOG_FRAME_BYTES, &at);
		if (error != SKEX_OK)
			return error;
		if (!skex_log_frame_begins(at)) {
			offset = frame_find(replay, offset) - 8;
			continue;
		}
		if (skex_log_frame_decode(&head, at) != SKEX_OK ||
			head.durable < replay->sequence || head.size > replay->file_size - offset)
			continue;
		error = window_get(replay, segment, offset, head.size, &at);
		if (error == SKEX_OK) {
			error = skex_log_frame_verify(
				segment, replay->log->crypto, offset, &head, at);
		}
		if (error != SKEX_E_CORRUPT)
			return error == SKEX_OK ? SKEX_E_CORRUPT : error;
	}
	return SKEX_OK;
}

static enum skex_error segment_replay(struct replay *replay, size_t i)
{
	struct skex_log *log = replay->log;
	struct skex_log_segment *segment = log->segments[i];
	bool last = i + 1 == log->segments_count;
	uint64_t offset = SKEX_LOG_HEADER_BYTES;

	replay->window_size = 0;
	if (i == 0)
		replay->sequence = replay->headers[0].sequence;
	if (replay->sequence != replay->headers[i].sequence)
		return SKEX_E_CORRUPT;
	enum skex_error error = skex_log_segment_size(log, segment, &replay->file_size);
	if (error != SKEX_OK)
		return error;
	uint64_t end = last ? replay->file_size : replay->headers[i + 1].previous_end;
	while (offset < end) {
		uint32_t size = 0;
		error = frame_replay(replay, segment, offset, &size);
		if (error == SKEX_E_CORRUPT && last) {
			error = end_check(replay, segment, offset);
			break;
		}
		if (error != SKEX_OK)
			return error;
		offset += size;
	}
	segment->end = offset;
	log->total_bytes += offset;
	return error == SKEX_OK && !last && offset != end ? SKEX_E_CORRUPT : error;
}

/* ---- afterwards ---- */

/* What was read has to last from now on, also when nobody had it synced; what follows the end is
 * void. */
static enum skex_error last_settle(struct replay *replay)
{
	struct skex_log *log = replay->log;
	const struct skex_files *files = log->platform->files;
	struct skex_file *file = NULL;
	char path[SKEX_PATH_BYTES];

	if (log->segments_count == 0)
		return SKEX_OK;
	struct skex_log_segment *last = log->segments[log->segments_count - 1];
	enum skex_error error = skex_log_segment_path(path, log->directory, last->number, true);
	if (error == SKEX_OK)
		error = files->open(files->context, path, SKEX_OPEN_WRITE, &file);
	if (error == SKEX_OK)
		error = files->resize(file, last->end);
	if (error == SKEX_OK)
		error = files->sync_wait(file);
	files->close(file);
	return error;
}

static enum skex_error void_remove(struct replay *replay)
{
	struct skex_log *log = replay->log;
	const struct skex_files *files = log->platform->files;
	enum skex_error error = SKEX_OK;
	char path[SKEX_PATH_BYTES];

	for (size_t i = 0;
		i < replay->numbers_count && replay->numbers[i] < log->oldest && error == SKEX_OK;
		i++) {
		error = skex_log_segment_path(path, log->directory, replay->numbers[i], true);
		if (error == SKEX_OK)
			error = skex_path_remove(files, path);
	}
	while (error == SKEX_OK && log->segments_count > 1 && log->oldest < replay->trim)
		skex_log_segment_drop(log);
	if (error == SKEX_OK)
		error = files->sync_directory(files->context, log->directory);
	return error;
}

/* Segments before the trim mark hold nothing alive, and none from it on is missing. */
static enum skex_error trim_check(const struct replay *replay)
{
	const struct skex_log *log = replay->log;

	if (log->segments_count == 0)
		return SKEX_OK;
	if (replay->trim < log->oldest ||
		replay->trim > log->segments[log->segments_count - 1]->number)
		return SKEX_E_CORRUPT;
	for (size_t i = 0; i < log->segments_count; i++) {
		if (log->segments[i]->number < replay->trim && log->segments[i]->live_records > 0)
			return SKEX_E_CORRUPT;
	}
	return SKEX_OK;
}

static enum skex_error slots_settle(struct skex_log *log)
{
	for (const struct skex_log_entry *entry = log->index.first[0]; entry != NULL;
		entry = entry->next[0]) {
		if (entry->kind != SKEX_LOG_PUT_SECRET)
			continue;
		enum skex_error error = skex_log_slots_claim(&log->slots, entry->slot);
		if (error != SKEX_OK)
			return error;
	}
	return skex_log_slots_reclaim(&log->slots);
}

static enum skex_error replay_all(struct replay *replay)
{
	struct skex_log *log = replay->log;
	const struct skex_files *files = log->platform->files;

	enum skex_error error = files->list(files->context, log->directory, note_file, replay);
	if (error == SKEX_OK)
		error = replay->error;
	if (error == SKEX_OK)
		error = series_find(replay);
	if (error == SKEX_OK)
		error = headers_read(replay);
	for (size_t i = 0; i < log->segments_count && error == SKEX_OK; i++) {
		error = segment_replay(replay, i);
		if (error == SKEX_E_CORRUPT) {
			skex_log(log->platform, SKEX_LEVEL_ERROR,
				"store: segment %u is damaged at frame %" PRIu64,
				(unsigned)log->segments[i]->number, replay->sequence);
		}
	}
	if (error == SKEX_OK)
		error = trim_check(replay);
	/* Nothing was changed until here. */
	if (error == SKEX_OK)
		error = last_settle(replay);
	if (error == SKEX_OK)
		error = void_remove(replay);
	if (error == SKEX_OK)
		error = slots_settle(log);
	return error;
}

enum skex_error skex_log_replay(struct skex_log *log)
{
	struct replay replay = {.log = log, .sequence = 1};
	enum skex_error error = replay_all(&replay);

	if (error == SKEX_OK && log->segments_count == 0)
		error = log->platform->random(log->platform->context, log->id, sizeof(log->id));
	if (error == SKEX_OK) {
		log->sequence = replay.sequence;
		log->durable = replay.sequence - 1;
	}
	free(replay.numbers);
	free(replay.headers);
	free(replay.window);
	return error;
}
