/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "store/log.h"
#include "store/path.h"

#define FILES_OPEN_MAX 16u

struct skex_log_segment *skex_log_segment_of(struct skex_log *log, uint32_t number)
{
	if (number < log->oldest || number - log->oldest >= log->segments_count)
		return NULL;
	return log->segments[number - log->oldest];
}

enum skex_error skex_log_segments_add(struct skex_log *log, struct skex_log_segment *segment)
{
	if (log->segments_count == log->segments_room) {
		size_t room = log->segments_room == 0 ? 16 : log->segments_room * 2;
		struct skex_log_segment **segments =
			realloc(log->segments, room * sizeof(struct skex_log_segment *));
		if (segments == NULL)
			return SKEX_E_MEMORY;
		log->segments = segments;
		log->segments_room = room;
	}
	log->segments[log->segments_count++] = segment;
	return SKEX_OK;
}

/* A new file under its first name with space and header; nothing is synced yet. */
static enum skex_error segment_make(
	struct skex_log *log, struct skex_log_segment *segment, uint64_t previous_end)
{
	const struct skex_files *files = log->platform->files;
	struct skex_log_header header = {.sequence = log->sequence,
		.previous_end = previous_end,
		.number = segment->number,
		.oldest = log->oldest};
	uint8_t bytes[SKEX_LOG_HEADER_BYTES];
	char path[SKEX_PATH_BYTES];

	memcpy(header.store, log->id, sizeof(header.store));
	enum skex_error error =
		log->platform->random(log->platform->context, header.salt, sizeof(header.salt));
	if (error == SKEX_OK)
		error = skex_log_segment_key(segment, log->crypto, log->kek, &header);
	if (error == SKEX_OK)
		error = skex_log_header_encode(segment, log->crypto, &header, bytes);
	if (error == SKEX_OK)
		error = skex_log_segment_path(path, log->directory, segment->number, false);
	if (error == SKEX_OK)
		error = skex_path_remove(files, path);
	if (error == SKEX_OK) {
		error = files->open(files->context, path,
			SKEX_OPEN_WRITE | SKEX_OPEN_CREATE | SKEX_OPEN_NEW, &segment->file);
	}
	if (error != SKEX_OK)
		return error;
	segment->end = SKEX_LOG_HEADER_BYTES;
	error = skex_log_segment_reserve(log, segment, 0);
	if (error == SKEX_OK)
		error = files->write(segment->file, 0, bytes, sizeof(bytes));
	if (error != SKEX_OK && skex_path_remove(files, path) != SKEX_OK)
		error = SKEX_E_IO;
	return error;
}

enum skex_error skex_log_segment_begin(struct skex_log *log)
{
	uint32_t number = log->oldest + (uint32_t)log->segments_count;
	struct skex_log_segment *last = skex_log_segment_of(log, number - 1);

	if (number == UINT32_MAX)
		return SKEX_E_EXHAUSTED;
	struct skex_log_segment *segment = skex_log_segment_new(number);
	if (segment == NULL)
		return SKEX_E_MEMORY;
	enum skex_error error = segment_make(log, segment, last == NULL ? 0 : last->end);
	if (error == SKEX_OK)
		error = skex_log_segments_add(log, segment);
	if (error != SKEX_OK) {
		skex_log_segment_free(segment, log->platform);
		return error;
	}
	log->files_open++;
	log->total_bytes += segment->end;
	log->current = segment;
	return SKEX_OK;
}

enum skex_error skex_log_segment_name(struct skex_log *log, struct skex_log_segment *segment)
{
	const struct skex_files *files = log->platform->files;
	char from[SKEX_PATH_BYTES], to[SKEX_PATH_BYTES];

	enum skex_error error = skex_log_segment_path(from, log->directory, segment->number, false);
	if (error == SKEX_OK)
		error = skex_log_segment_path(to, log->directory, segment->number, true);
	if (error == SKEX_OK)
		error = files->rename(files->context, from, to);
	if (error == SKEX_OK)
		error = files->sync_directory(files->context, log->directory);
	if (error == SKEX_OK)
		segment->named = true;
	return error;
}

enum skex_error skex_log_segment_reserve(
	struct skex_log *log, struct skex_log_segment *segment, size_t size)
{
	uint64_t need = segment->end + size;

	if (need <= segment->reserved)
		return SKEX_OK;
	need = (need + log->reserve_bytes - 1) / log->reserve_bytes * log->reserve_bytes;
	enum skex_error error = log->platform->files->resize(segment->file, need);
	if (error == SKEX_OK)
		segment->reserved = need;
	return error;
}

/* Closes the file that was not read for longest, when too many are open. */
static void close_one(struct skex_log *log)
{
	struct skex_log_segment *oldest = NULL;

	if (log->files_open < FILES_OPEN_MAX)
		return;
	for (size_t i = 0; i < log->segments_count; i++) {
		struct skex_log_segment *segment = log->segments[i];
		if (segment->file == NULL || segment == log->current ||
			segment == log->flight.segment)
			continue;
		if (oldest == NULL || segment->used_at < oldest->used_at)
			oldest = segment;
	}
	if (oldest != NULL) {
		log->platform->files->close(oldest->file);
		oldest->file = NULL;
		log->files_open--;
	}
}

/* Opens the segment's file when it is not open, and notes that it is used.  What a life before read
 * out of memory only, after a sync that failed, is not taken for durable at a start. */
static enum skex_error segment_use(struct skex_log *log, struct skex_log_segment *segment)
{
	const struct skex_files *files = log->platform->files;
	char path[SKEX_PATH_BYTES];

	segment->used_at = ++log->reads;
	if (segment->file != NULL)
		return SKEX_OK;
	close_one(log);
	enum skex_error error = skex_log_segment_path(path, log->directory, segment->number, true);
	if (error == SKEX_OK)
		error = files->open(files->context, path,
			log->current == NULL ? SKEX_OPEN_FRESH : SKEX_OPEN_READ, &segment->file);
	if (error == SKEX_OK)
		log->files_open++;
	return error == SKEX_E_UNKNOWN ? SKEX_E_CORRUPT : error;
}

enum skex_error skex_log_segment_read(struct skex_log *log, struct skex_log_segment *segment,
	uint64_t offset, void *out, size_t size)
{
	enum skex_error error = segment_use(log, segment);

	return error == SKEX_OK ? log->platform->files->read(segment->file, offset, out, size)
				: error;
}

enum skex_error skex_log_segment_size(
	struct skex_log *log, struct skex_log_segment *segment, uint64_t *size)
{
	enum skex_error error = segment_use(log, segment);

	return error == SKEX_OK ? log->platform->files->size(segment->file, size) : error;
}

void skex_log_segment_drop(struct skex_log *log)
{
	const struct skex_files *files = log->platform->files;
	struct skex_log_segment *segment = log->segments[0];
	char path[SKEX_PATH_BYTES];

	/* Should the removal fail or be lost, the next opening does it: the log says that it is
	 * void. */
	if (skex_log_segment_path(path, log->directory, segment->number, true) == SKEX_OK &&
		skex_path_remove(files, path) != SKEX_OK) {
		skex_log(log->platform, SKEX_LEVEL_WARNING, "store: cannot remove %s", path);
	}
	if (segment->file != NULL)
		log->files_open--;
	log->total_bytes -= segment->end;
	skex_log_segment_free(segment, log->platform);
	log->segments_count--;
	memmove(log->segments, log->segments + 1,
		log->segments_count * sizeof(struct skex_log_segment *));
	log->oldest++;
}
