/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/pad_internal.h"
#include "store/path.h"

/* ---- caches ---- */

void skex_pad_cache_trim(struct skex_pad_file *file, uint64_t mark)
{
	uint64_t number = mark / SKEX_PAD_SEGMENT_BYTES;

	for (size_t i = 0; i < SKEX_PAD_CACHED_SEGMENTS; i++) {
		struct skex_pad_segment *segment = file->segments[i];
		if (segment == NULL || segment->number > number)
			continue;
		if (segment->number == number) {
			uint16_t from = (uint16_t)(mark % SKEX_PAD_SEGMENT_BYTES);
			skex_wipe(segment->bytes, from);
			if (from > segment->from)
				segment->from = from;
		} else {
			skex_secret_free(segment);
			file->segments[i] = NULL;
		}
	}
}

void skex_pad_cache_clear(struct skex_pad_file *file)
{
	for (size_t i = 0; i < SKEX_PAD_CACHED_SEGMENTS; i++) {
		skex_secret_free(file->segments[i]);
		file->segments[i] = NULL;
	}
	for (size_t i = 0; i < SKEX_PAD_CACHED_CHUNKS; i++) {
		skex_secret_free(file->cached[i]);
		file->cached[i] = NULL;
	}
}

enum skex_error skex_pad_chunk_get(
	struct skex_pad_file *file, uint32_t number, struct skex_pad_chunk **chunk)
{
	if (file->cached[1] != NULL && file->cached[1]->number == number) {
		struct skex_pad_chunk *first = file->cached[0];
		file->cached[0] = file->cached[1];
		file->cached[1] = first;
	}
	if (file->cached[0] != NULL && file->cached[0]->number == number) {
		*chunk = file->cached[0];
		return SKEX_OK;
	}
	uint8_t *data = skex_secret_new(SKEX_SLOT_BYTES);
	struct skex_pad_chunk *made = skex_secret_new(sizeof(*made));
	enum skex_error error = data == NULL || made == NULL ? SKEX_E_MEMORY : SKEX_OK;
	if (error == SKEX_OK)
		error = skex_key_slots_get(file->slots, number, data);
	if (error == SKEX_OK) {
		made->number = number;
		error = skex_pad_chunk_decode(&file->seal, made, data);
	}
	skex_secret_free(data);
	if (error != SKEX_OK) {
		skex_secret_free(made);
		return error;
	}
	skex_secret_free(file->cached[1]);
	file->cached[1] = file->cached[0];
	file->cached[0] = made;
	*chunk = made;
	return SKEX_OK;
}

/* ---- segments ---- */

/* Once for a chunk: they lie together behind its segments. */
static enum skex_error tags_read(struct skex_pad_file *file, struct skex_pad_chunk *chunk)
{
	enum skex_error error;

	if (chunk->tagged)
		return SKEX_OK;
	error = file->platform->files->read(file->file,
		skex_pad_chunk_offset(chunk->number) + SKEX_PAD_CHUNK_BYTES, chunk->tags,
		sizeof(chunk->tags));
	chunk->tagged = error == SKEX_OK;
	return error;
}

/* Reads and opens what is left of segment j, which lies in the tail area, into segment->bytes. */
static enum skex_error tail_load(struct skex_pad_file *file, const struct skex_pad_chunk *chunk,
	unsigned j, struct skex_pad_segment *segment)
{
	const struct skex_files *files = file->platform->files;
	const size_t size = skex_pad_segment_size(file->size, chunk->number, j);
	const size_t from = chunk->tail_offset;
	uint8_t tag[SKEX_AEAD_TAG_BYTES];

	if (chunk->tail_area == 0 || j + 1u != chunk->first)
		return SKEX_E_SPENT;
	if (from >= size)
		return SKEX_E_CORRUPT;
	const uint64_t at = skex_pad_tail_offset(chunk->tail_area);
	enum skex_error error = files->read(file->file, at, segment->bytes + from, size - from);
	if (error == SKEX_OK)
		error = files->read(file->file, at + SKEX_PAD_SEGMENT_BYTES, tag, sizeof(tag));
	if (error != SKEX_OK)
		return error;
	segment->from = (uint16_t)from;
	return skex_pad_tail_open(&file->seal, chunk, skex_view(segment->bytes + from, size - from),
		tag, segment->bytes + from);
}

/* Reads and opens segments from j on, which all have their keys, size bytes that end with one of
 * them.  What out holds after an error is nothing. */
static enum skex_error run_load(struct skex_pad_file *file, struct skex_pad_chunk *chunk,
	unsigned j, uint8_t *out, size_t size)
{
	enum skex_error error = tags_read(file, chunk);
	size_t done = 0;

	if (error == SKEX_OK)
		error = file->platform->files->read(file->file,
			skex_pad_chunk_offset(chunk->number) + (uint64_t)j * SKEX_PAD_SEGMENT_BYTES,
			out, size);
	for (; done < size && error == SKEX_OK; j++) {
		const size_t piece =
			size - done < SKEX_PAD_SEGMENT_BYTES ? size - done : SKEX_PAD_SEGMENT_BYTES;

		error = skex_pad_segment_open(&file->seal, chunk, j, skex_view(out + done, piece),
			chunk->tags[j], out + done);
		done += piece;
	}
	return error;
}

/* Segment j of a chunk, or its tail, into segment->bytes. */
static enum skex_error segment_load(struct skex_pad_file *file, struct skex_pad_chunk *chunk,
	unsigned j, struct skex_pad_segment *segment)
{
	const size_t size = skex_pad_segment_size(file->size, chunk->number, j);

	if (j < chunk->first)
		return tail_load(file, chunk, j, segment);
	if (size == 0)
		return SKEX_E_CORRUPT;
	segment->from = 0;
	return run_load(file, chunk, j, segment->bytes, size);
}

/* A place in the cache: a free one, or the one used longest ago. */
static size_t cache_place(struct skex_pad_file *file)
{
	size_t place = 0;

	for (size_t i = 0; i < SKEX_PAD_CACHED_SEGMENTS; i++) {
		if (file->segments[i] == NULL)
			return i;
		if (file->segments[i]->used_at < file->segments[place]->used_at)
			place = i;
	}
	return place;
}

enum skex_error skex_pad_segment_get(struct skex_pad_file *file, uint64_t number, unsigned from,
	struct skex_pad_segment **segment)
{
	struct skex_pad_chunk *chunk = NULL;

	for (size_t i = 0; i < SKEX_PAD_CACHED_SEGMENTS; i++) {
		struct skex_pad_segment *cached = file->segments[i];
		if (cached != NULL && cached->number == number && cached->from <= from) {
			cached->used_at = ++file->reads;
			*segment = cached;
			return SKEX_OK;
		}
	}
	enum skex_error error =
		skex_pad_chunk_get(file, (uint32_t)(number / SKEX_PAD_SEGMENTS), &chunk);
	if (error != SKEX_OK)
		return error == SKEX_E_UNKNOWN ? SKEX_E_SPENT : error;
	struct skex_pad_segment *made = skex_secret_new(sizeof(*made));
	if (made == NULL)
		return SKEX_E_MEMORY;
	made->number = number;
	made->used_at = ++file->reads;
	error = segment_load(file, chunk, (unsigned)(number % SKEX_PAD_SEGMENTS), made);
	if (error == SKEX_OK && made->from > from)
		error = SKEX_E_SPENT;
	if (error != SKEX_OK) {
		skex_secret_free(made);
		return error;
	}
	size_t place = cache_place(file);
	skex_secret_free(file->segments[place]);
	file->segments[place] = made;
	*segment = made;
	return SKEX_OK;
}

/* ---- reading ---- */

/*
 * Whole segments from where at stands, as many as lie in one chunk, opened where they are wanted;
 * *done is how many bytes, 0 where the way is by the cache.  They are read once, as a rule: to keep
 * them would only let used pad live longer.
 */
static enum skex_error whole_read(
	struct skex_pad_file *file, uint64_t at, uint8_t *out, size_t size, size_t *done)
{
	const unsigned within = (unsigned)(at % SKEX_PAD_CHUNK_BYTES);
	const unsigned j = within / SKEX_PAD_SEGMENT_BYTES;
	size_t run = SKEX_PAD_CHUNK_BYTES - within;
	struct skex_pad_chunk *chunk = NULL;
	enum skex_error error;

	*done = 0;
	if (run > size)
		run = size / SKEX_PAD_SEGMENT_BYTES * SKEX_PAD_SEGMENT_BYTES;
	if (within % SKEX_PAD_SEGMENT_BYTES != 0 || run == 0)
		return SKEX_OK;
	error = skex_pad_chunk_get(file, (uint32_t)(at / SKEX_PAD_CHUNK_BYTES), &chunk);
	if (error != SKEX_OK)
		return error == SKEX_E_UNKNOWN ? SKEX_E_SPENT : error;
	if (j < chunk->first)
		return SKEX_OK;
	*done = run;
	return run_load(file, chunk, j, out, run);
}

/* A piece of one segment, by the cache. */
static enum skex_error piece_read(
	struct skex_pad_file *file, uint64_t at, uint8_t *out, size_t size, size_t *done)
{
	const unsigned from = (unsigned)(at % SKEX_PAD_SEGMENT_BYTES);
	const size_t left = SKEX_PAD_SEGMENT_BYTES - from;
	struct skex_pad_segment *segment = NULL;
	enum skex_error error =
		skex_pad_segment_get(file, at / SKEX_PAD_SEGMENT_BYTES, from, &segment);

	if (error != SKEX_OK)
		return error;
	*done = left < size ? left : size;
	memcpy(out, segment->bytes + from, *done);
	return SKEX_OK;
}

enum skex_error skex_pad_file_read(
	struct skex_pad_file *file, uint64_t offset, uint8_t *out, size_t size)
{
	enum skex_error error = file->failed;
	size_t done = 0;

	if (error != SKEX_OK)
		return error;
	if (offset > file->size || size > file->size - offset)
		return SKEX_E_EXHAUSTED;
	if (offset < file->mark && size > 0)
		return SKEX_E_SPENT;
	file->read_ms = file->platform->now_ms(file->platform->context);
	while (done < size && error == SKEX_OK) {
		size_t part = 0;

		error = whole_read(file, offset + done, out + done, size - done, &part);
		if (error == SKEX_OK && part == 0)
			error = piece_read(file, offset + done, out + done, size - done, &part);
		done += part;
	}
	if (error != SKEX_OK)
		skex_wipe(out, size);
	return error;
}

uint64_t skex_pad_file_size(const struct skex_pad_file *file)
{
	return file->size;
}

uint64_t skex_pad_file_begins(const struct skex_pad_file *file)
{
	return file->mark;
}

bool skex_pad_file_proven(const struct skex_pad_file *file)
{
	return file->done != UINT64_MAX;
}

bool skex_pad_file_over(const struct skex_pad_file *file)
{
	return file->done == file->size;
}

enum skex_error skex_pad_file_failed(const struct skex_pad_file *file)
{
	return file->failed;
}

/* ---- opening ---- */

static enum skex_error header_read(
	struct skex_pad_file *file, const uint8_t kek[static SKEX_KEK_BYTES])
{
	const struct skex_files *files = file->platform->files;
	uint8_t header[SKEX_PAD_HEADER_BYTES];

	enum skex_error error = files->read(file->file, 0, header, sizeof(header));
	if (error == SKEX_OK)
		error = skex_pad_header_decode(&file->seal, kek, header, &file->size);
	if (error != SKEX_OK)
		return error;
	file->chunks = (uint32_t)((file->size + SKEX_PAD_CHUNK_BYTES - 1) / SKEX_PAD_CHUNK_BYTES);
	uint64_t size = 0;
	error = files->size(file->file, &size);
	if (error == SKEX_OK && size < skex_pad_chunk_offset(file->chunks))
		error = SKEX_E_CORRUPT;
	return error;
}

/* Keys that are missing are never made anew here. */
static enum skex_error keys_open(struct skex_pad_file *file, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], bool fresh)
{
	char keys_path[SKEX_PATH_BYTES];
	bool exists = false;

	enum skex_error error = skex_path_append(keys_path, path, ".keys");
	if (error == SKEX_OK)
		error = skex_path_exists(file->platform->files, keys_path, &exists);
	if (error == SKEX_OK && !exists)
		error = SKEX_E_CORRUPT;
	if (error == SKEX_OK) {
		error = fresh ? skex_key_slots_reopen(file->platform, file->seal.crypto, keys_path,
					kek, &file->slots)
			      : skex_key_slots_open(file->platform, file->seal.crypto, keys_path,
					kek, &file->slots);
	}
	if (error == SKEX_OK && skex_key_slots_count(file->slots) < file->chunks)
		error = SKEX_E_CORRUPT;
	return error;
}

/* Moves mark on to where the keys that are left begin: a mark from a restored backup lies before
 * it. */
static enum skex_error mark_settle(struct skex_pad_file *file)
{
	while (file->mark < file->size) {
		uint32_t number = (uint32_t)(file->mark / SKEX_PAD_CHUNK_BYTES);
		uint64_t start = (uint64_t)number * SKEX_PAD_CHUNK_BYTES;
		struct skex_pad_chunk *chunk = NULL;
		enum skex_error error = skex_pad_chunk_get(file, number, &chunk);
		if (error != SKEX_OK && error != SKEX_E_UNKNOWN)
			return error;
		uint64_t left = start + SKEX_PAD_CHUNK_BYTES;
		if (error == SKEX_OK)
			left = start + (uint64_t)chunk->first * SKEX_PAD_SEGMENT_BYTES;
		if (error == SKEX_OK && chunk->tail_area != 0)
			left = left - SKEX_PAD_SEGMENT_BYTES + chunk->tail_offset;
		if (left > file->mark)
			file->mark = left;
		if (file->mark > file->size)
			file->mark = file->size;
		if (error == SKEX_OK && file->mark < start + SKEX_PAD_CHUNK_BYTES)
			break;
	}
	return SKEX_OK;
}

/* Whether what the keys lead to at the mark is there: a disk that says that it wrote and did not
 * may have kept the keys of a tail and not the tail, and then nothing can be destroyed any more. */
static enum skex_error mark_check(struct skex_pad_file *file)
{
	struct skex_pad_segment *segment = NULL;
	enum skex_error error;

	if (file->mark >= file->size)
		return SKEX_OK;
	error = skex_pad_segment_get(file, file->mark / SKEX_PAD_SEGMENT_BYTES,
		(unsigned)(file->mark % SKEX_PAD_SEGMENT_BYTES), &segment);
	/* Of many that are opened one after the other none is used yet. */
	skex_pad_cache_clear(file);
	return error == SKEX_E_SPENT ? SKEX_E_CORRUPT : error;
}

static enum skex_error open_with(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t mark, bool fresh,
	struct skex_pad_file **file)
{
	struct skex_pad_file *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->platform = platform;
	made->seal.crypto = crypto;
	made->mark = mark;
	made->done = UINT64_MAX;
	made->due_ms = platform->now_ms(platform->context);
	made->read_ms = made->due_ms;
	enum skex_error error = platform->files->open(platform->files->context, path,
		fresh ? SKEX_OPEN_WRITE | SKEX_OPEN_FRESH : SKEX_OPEN_WRITE, &made->file);
	if (error == SKEX_OK)
		error = header_read(made, kek);
	if (error == SKEX_OK && mark > made->size)
		error = SKEX_E_ARGUMENT;
	if (error == SKEX_OK)
		error = keys_open(made, path, kek, fresh);
	if (error == SKEX_OK)
		error = mark_settle(made);
	if (error == SKEX_OK)
		error = mark_check(made);
	if (error != SKEX_OK) {
		skex_pad_file_close(made);
		return error;
	}
	*file = made;
	return SKEX_OK;
}

enum skex_error skex_pad_file_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t mark, struct skex_pad_file **file)
{
	return open_with(platform, crypto, path, kek, mark, false, file);
}

enum skex_error skex_pad_file_reopen(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t mark, struct skex_pad_file **file)
{
	return open_with(platform, crypto, path, kek, mark, true, file);
}

void skex_pad_file_close(struct skex_pad_file *file)
{
	if (file == NULL)
		return;
	file->platform->files->close(file->file);
	skex_key_slots_close(file->slots);
	skex_pad_cache_clear(file);
	skex_secret_free(file->step.next);
	free(file);
}
