/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/pad_internal.h"
#include "store/path.h"

/* A sync now and then, so that the last one is short. */
#define SYNC_CHUNKS 256u

struct skex_pad_maker {
	const struct skex_platform *platform;
	struct skex_pad_seal seal;
	struct skex_file *file;
	struct skex_key_slots *slots;
	uint64_t size;
	uint64_t added;
	enum skex_error failed;
	bool finished;
	uint8_t *buffer;              /* of the chunk that fills; secret memory */
	struct skex_pad_chunk *chunk; /* its keys */
	char path[SKEX_PATH_BYTES];
	char half_path[SKEX_PATH_BYTES]; /* until it is finished */
	char keys_path[SKEX_PATH_BYTES];
};

static enum skex_error paths_set(struct skex_pad_maker *maker, const char *path)
{
	enum skex_error error = skex_path_append(maker->path, path, "");

	if (error == SKEX_OK)
		error = skex_path_append(maker->half_path, path, ".new");
	if (error == SKEX_OK)
		error = skex_path_append(maker->keys_path, path, ".keys");
	return error;
}

/* Nothing stays of a file that is not finished: its keys go first. */
static enum skex_error leftovers_remove(const struct skex_pad_maker *maker)
{
	const struct skex_files *files = maker->platform->files;

	enum skex_error error = skex_key_slots_erase(maker->platform, maker->keys_path);
	if (error == SKEX_OK)
		error = skex_path_remove(files, maker->half_path);
	if (error == SKEX_OK)
		error = skex_path_remove(files, maker->keys_path);
	return error;
}

static enum skex_error files_make(
	struct skex_pad_maker *maker, const uint8_t kek[static SKEX_KEK_BYTES])
{
	const struct skex_files *files = maker->platform->files;
	uint8_t header[SKEX_PAD_HEADER_BYTES];
	uint32_t chunks =
		(uint32_t)((maker->size + SKEX_PAD_CHUNK_BYTES - 1) / SKEX_PAD_CHUNK_BYTES);

	enum skex_error error = files->open(files->context, maker->half_path,
		SKEX_OPEN_WRITE | SKEX_OPEN_CREATE | SKEX_OPEN_NEW, &maker->file);
	/* A disk that is too small says so now, not at the last byte. */
	if (error == SKEX_OK)
		error = files->resize(maker->file, skex_pad_chunk_offset(chunks));
	if (error == SKEX_OK) {
		error = skex_key_slots_open(
			maker->platform, maker->seal.crypto, maker->keys_path, kek, &maker->slots);
	}
	if (error == SKEX_OK)
		error = skex_key_slots_grow(maker->slots, chunks);
	if (error == SKEX_OK) {
		error = maker->platform->random(
			maker->platform->context, maker->seal.id, sizeof(maker->seal.id));
	}
	if (error == SKEX_OK)
		error = skex_pad_header_encode(&maker->seal, kek, maker->size, header);
	if (error == SKEX_OK)
		error = files->write(maker->file, 0, header, sizeof(header));
	return error;
}

enum skex_error skex_pad_maker_new(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t size, struct skex_pad_maker **maker)
{
	bool exists = false;

	if (size == 0 || size % 16 != 0 ||
		size > (uint64_t)SKEX_PAD_CHUNKS_MAX * SKEX_PAD_CHUNK_BYTES)
		return SKEX_E_ARGUMENT;
	enum skex_error error = skex_path_exists(platform->files, path, &exists);
	if (error != SKEX_OK)
		return error;
	/* Who finished it may have been ended before its name was on the disk. */
	if (exists) {
		error = skex_path_sync_parent(platform->files, path);
		return error == SKEX_OK ? SKEX_E_BUSY : error;
	}
	struct skex_pad_maker *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return SKEX_E_MEMORY;
	made->platform = platform;
	made->seal.crypto = crypto;
	made->size = size;
	made->buffer = skex_secret_new(SKEX_PAD_CHUNK_BYTES);
	made->chunk = skex_secret_new(sizeof(*made->chunk));
	error = made->buffer == NULL || made->chunk == NULL ? SKEX_E_MEMORY : SKEX_OK;
	if (error == SKEX_OK)
		error = paths_set(made, path);
	if (error != SKEX_OK) {
		made->finished = true; /* nothing on the disk is ours */
	} else {
		error = leftovers_remove(made);
		if (error == SKEX_OK)
			error = files_make(made, kek);
	}
	if (error != SKEX_OK) {
		skex_pad_maker_free(made);
		return error;
	}
	*maker = made;
	return SKEX_OK;
}

/* The chunk in the buffer, size bytes, goes to the disk, sealed; its key into its slot. */
static enum skex_error chunk_write(struct skex_pad_maker *maker, uint32_t number, size_t size)
{
	const struct skex_platform *platform = maker->platform;
	uint8_t tags[SKEX_PAD_SEGMENTS * SKEX_AEAD_TAG_BYTES] = {0};
	struct skex_pad_chunk *chunk = maker->chunk;

	chunk->number = number;
	chunk->first = 0;
	enum skex_error error =
		platform->random(platform->context, chunk->keys[0], sizeof(chunk->keys[0]));
	if (error == SKEX_OK)
		error = skex_pad_chunk_derive(&maker->seal, chunk);
	for (unsigned j = 0; error == SKEX_OK && j * SKEX_PAD_SEGMENT_BYTES < size; j++) {
		uint8_t *at = maker->buffer + j * SKEX_PAD_SEGMENT_BYTES;
		size_t piece = skex_pad_segment_size(maker->size, number, j);
		error = skex_pad_segment_seal(&maker->seal, chunk, j, skex_view(at, piece), at,
			tags + j * SKEX_AEAD_TAG_BYTES);
	}
	if (error == SKEX_OK) {
		error = platform->files->write(
			maker->file, skex_pad_chunk_offset(number), maker->buffer, size);
	}
	if (error == SKEX_OK) {
		error = platform->files->write(maker->file,
			skex_pad_chunk_offset(number) + SKEX_PAD_CHUNK_BYTES, tags, sizeof(tags));
	}
	if (error == SKEX_OK) {
		uint8_t data[SKEX_SLOT_BYTES];
		skex_pad_chunk_encode(chunk, data);
		error = skex_key_slots_put(maker->slots, number, data);
		skex_wipe(data, sizeof(data));
	}
	return error;
}

static void synced(void *owner, enum skex_error error)
{
	struct skex_pad_maker *maker = owner;

	if (error != SKEX_OK && maker->failed == SKEX_OK)
		maker->failed = error;
}

static enum skex_error chunk_flush(struct skex_pad_maker *maker)
{
	uint32_t number = (uint32_t)((maker->added - 1) / SKEX_PAD_CHUNK_BYTES);
	size_t size = (size_t)(maker->added - (uint64_t)number * SKEX_PAD_CHUNK_BYTES);
	enum skex_error error = chunk_write(maker, number, size);

	if (error == SKEX_OK && number % SYNC_CHUNKS == SYNC_CHUNKS - 1)
		error = maker->platform->files->sync(maker->file, synced, maker);
	return error;
}

enum skex_error skex_pad_maker_add(struct skex_pad_maker *maker, const uint8_t *bytes, size_t size)
{
	if (size > maker->size - maker->added)
		return SKEX_E_ARGUMENT;
	while (size > 0 && maker->failed == SKEX_OK) {
		size_t filled = (size_t)(maker->added % SKEX_PAD_CHUNK_BYTES);
		size_t piece = SKEX_PAD_CHUNK_BYTES - filled;
		if (piece > size)
			piece = size;
		memcpy(maker->buffer + filled, bytes, piece);
		bytes += piece;
		size -= piece;
		maker->added += piece;
		if (maker->added % SKEX_PAD_CHUNK_BYTES == 0 || maker->added == maker->size)
			maker->failed = chunk_flush(maker);
	}
	return maker->failed;
}

/* The name goes before the keys do: a pad that is there can be opened. */
static bool name_taken_back(const struct skex_pad_maker *maker)
{
	const struct skex_files *files = maker->platform->files;
	enum skex_error error = skex_path_remove(files, maker->path);

	if (error == SKEX_OK)
		error = skex_path_sync_parent(files, maker->path);
	if (error != SKEX_OK)
		skex_log(maker->platform, SKEX_LEVEL_WARNING, "pad: cannot remove %s", maker->path);
	return error == SKEX_OK;
}

enum skex_error skex_pad_maker_finish(struct skex_pad_maker *maker)
{
	const struct skex_files *files = maker->platform->files;

	if (maker->failed != SKEX_OK)
		return maker->failed;
	if (maker->added != maker->size || maker->finished)
		return SKEX_E_STATE;
	enum skex_error error = files->sync_wait(maker->file);
	if (error == SKEX_OK)
		error = skex_key_slots_sync_wait(maker->slots);
	/* The keys have their name before the pad has its own: a finished file is a whole one. */
	if (error == SKEX_OK)
		error = skex_path_sync_parent(files, maker->path);
	if (error == SKEX_OK)
		error = files->rename(files->context, maker->half_path, maker->path);
	if (error == SKEX_OK) {
		error = skex_path_sync_parent(files, maker->path);
		/* Where it may come back, its keys stay. */
		maker->finished = error == SKEX_OK || !name_taken_back(maker);
	}
	maker->failed = error;
	return error;
}

void skex_pad_maker_free(struct skex_pad_maker *maker)
{
	if (maker == NULL)
		return;
	maker->platform->files->close(maker->file);
	skex_key_slots_close(maker->slots);
	if (!maker->finished && leftovers_remove(maker) != SKEX_OK) {
		skex_log(maker->platform, SKEX_LEVEL_WARNING, "pad: cannot remove %s",
			maker->half_path);
	}
	skex_secret_free(maker->buffer);
	skex_secret_free(maker->chunk);
	free(maker);
}

enum skex_error skex_pad_file_make(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t size,
	enum skex_error (*fill)(void *owner, uint8_t *out, size_t size), void *owner)
{
	struct skex_pad_maker *maker = NULL;
	uint8_t *piece = skex_secret_new(SKEX_PAD_CHUNK_BYTES);

	if (piece == NULL)
		return SKEX_E_MEMORY;
	enum skex_error error = skex_pad_maker_new(platform, crypto, path, kek, size, &maker);
	for (uint64_t left = size; error == SKEX_OK && left > 0;) {
		size_t now = left < SKEX_PAD_CHUNK_BYTES ? (size_t)left : SKEX_PAD_CHUNK_BYTES;
		error = fill(owner, piece, now);
		if (error == SKEX_OK)
			error = skex_pad_maker_add(maker, piece, now);
		left -= now;
	}
	if (error == SKEX_OK)
		error = skex_pad_maker_finish(maker);
	skex_pad_maker_free(maker);
	skex_secret_free(piece);
	return error;
}

enum skex_error skex_pad_file_destroy(const struct skex_platform *platform, const char *path)
{
	const struct skex_files *files = platform->files;
	char keys_path[SKEX_PATH_BYTES];
	char half_path[SKEX_PATH_BYTES];

	enum skex_error error = skex_path_append(keys_path, path, ".keys");
	if (error == SKEX_OK)
		error = skex_key_slots_erase(platform, keys_path);
	if (error == SKEX_OK)
		error = skex_path_remove(files, path);
	if (error == SKEX_OK)
		error = skex_path_append(half_path, path, ".new");
	if (error == SKEX_OK)
		error = skex_path_remove(files, half_path);
	/* Key slots that were still being laid out: there is no key in them yet. */
	if (error == SKEX_OK)
		error = skex_path_append(half_path, path, ".keys.new");
	if (error == SKEX_OK)
		error = skex_path_remove(files, half_path);
	/* The name of the pad goes first: a pad without keys would look like damage. */
	if (error == SKEX_OK)
		error = skex_path_sync_parent(files, path);
	if (error == SKEX_OK)
		error = skex_path_remove(files, keys_path);
	if (error == SKEX_OK)
		error = skex_path_sync_parent(files, path);
	return error;
}
