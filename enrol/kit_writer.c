/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "enrol/kit_stream.h"
#include "platform/memory.h"

/* A sync now and then beside the writing, so that the last one does not stand still for long. */
#define SYNC_EVERY_BYTES (UINT64_C(16) << 20)

struct skex_kit_writer {
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	struct skex_file *file;
	char *path;
	uint64_t file_size;
	uint64_t plain_left; /* of the stream, not yet added */
	uint64_t at;         /* where the next chunk goes */
	uint64_t synced;     /* up to here it was asked for */
	bool syncing;
	enum skex_error failed; /* of a sync beside the writing */
	uint64_t number;        /* of the next chunk */
	size_t filled;          /* of the chunk in the making */
	bool finished;
	struct { /* locked memory */
		uint8_t key[SKEX_AEAD_KEY_BYTES];
		uint8_t chunk[SKEX_KIT_SEALED_BYTES];
	} * secret;
};

/* The preamble's place stays zero until somebody fills it. */
static enum skex_error begin_file(struct skex_kit_writer *writer)
{
	static const uint8_t zero[SKEX_KIT_PREAMBLE_BYTES];
	const struct skex_files *files = writer->platform->files;
	enum skex_error error = files->open(
		files->context, writer->path, SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &writer->file);

	if (error == SKEX_OK)
		error = files->resize(writer->file, 0);
	if (error == SKEX_OK)
		error = files->write(writer->file, 0, zero, sizeof(zero));
	writer->at = sizeof(zero);
	return error;
}

static enum skex_error begin_stream(struct skex_kit_writer *writer,
	const struct skex_kit_lock *lock, const struct skex_kit_header *header)
{
	uint8_t encoded[4 + SKEX_KIT_HEADER_MAX];
	struct skex_writer prefix;
	enum skex_error error;
	size_t size;

	error = skex_kit_header_encode(header, encoded + 4, &size);
	if (error != SKEX_OK)
		return error;
	skex_writer_init(&prefix, encoded, 4);
	skex_write_u32(&prefix, (uint32_t)size);
	writer->plain_left = 4 + size + header->pad_bytes[0] + header->pad_bytes[1];
	writer->file_size = skex_kit_file_size(writer->plain_left);
	error = skex_kit_stream_key(writer->crypto, lock, writer->file_size, writer->secret->key);
	if (error == SKEX_OK)
		error = skex_kit_writer_add(writer, encoded, 4 + size);
	skex_wipe(encoded, sizeof(encoded));
	return error;
}

enum skex_error skex_kit_writer_new(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path, const struct skex_kit_lock *lock,
	const struct skex_kit_header *header, struct skex_kit_writer **writer)
{
	struct skex_kit_writer *made = calloc(1, sizeof(*made));
	enum skex_error error;

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->platform = platform;
	made->crypto = crypto;
	made->path = strdup(path);
	made->secret = skex_secret_new(sizeof(*made->secret));
	error = made->path == NULL || made->secret == NULL ? SKEX_E_MEMORY : begin_file(made);
	if (error == SKEX_OK)
		error = begin_stream(made, lock, header);
	if (error != SKEX_OK) {
		skex_kit_writer_free(made);
		return error;
	}
	*writer = made;
	return SKEX_OK;
}

uint64_t skex_kit_writer_size(const struct skex_kit_writer *writer)
{
	return writer->file_size;
}

static void synced(void *owner, enum skex_error error)
{
	struct skex_kit_writer *writer = owner;

	writer->syncing = false;
	if (error != SKEX_OK)
		writer->failed = error;
}

static enum skex_error seal_chunk(struct skex_kit_writer *writer, bool last)
{
	const struct skex_files *files = writer->platform->files;
	uint8_t *chunk = writer->secret->chunk;
	uint8_t nonce[SKEX_AEAD_NONCE_BYTES];
	uint8_t tag[SKEX_AEAD_TAG_BYTES];
	enum skex_error error;

	skex_kit_nonce(writer->number, last, nonce);
	error = writer->crypto->aead_seal(writer->crypto->context, SKEX_AEAD_AES_256_GCM,
		writer->secret->key, nonce, skex_view(NULL, 0), skex_view(chunk, writer->filled),
		chunk, tag);
	if (error != SKEX_OK)
		return error;
	memcpy(chunk + writer->filled, tag, sizeof(tag));
	error = files->write(writer->file, writer->at, chunk, writer->filled + sizeof(tag));
	if (error != SKEX_OK)
		return error;
	writer->at += writer->filled + sizeof(tag);
	writer->number++;
	writer->filled = 0;
	if (writer->syncing || writer->at - writer->synced < SYNC_EVERY_BYTES)
		return writer->failed;
	writer->synced = writer->at;
	error = files->sync(writer->file, synced, writer);
	writer->syncing = error == SKEX_OK;
	return error;
}

enum skex_error skex_kit_writer_add(
	struct skex_kit_writer *writer, const uint8_t *bytes, size_t size)
{
	enum skex_error error = SKEX_OK;

	if (size > writer->plain_left)
		return SKEX_E_ARGUMENT;
	while (size > 0 && error == SKEX_OK) {
		size_t piece = SKEX_KIT_CHUNK_BYTES - writer->filled;

		if (piece > size)
			piece = size;
		memcpy(writer->secret->chunk + writer->filled, bytes, piece);
		writer->filled += piece;
		writer->plain_left -= piece;
		bytes += piece;
		size -= piece;
		/* Whether a chunk is the last is known here: the size of the stream is. */
		if (writer->filled == SKEX_KIT_CHUNK_BYTES && writer->plain_left > 0)
			error = seal_chunk(writer, false);
	}
	return error;
}

enum skex_error skex_kit_writer_finish(struct skex_kit_writer *writer)
{
	enum skex_error error;

	if (writer->plain_left > 0 || writer->finished)
		return SKEX_E_STATE;
	error = seal_chunk(writer, true);
	if (error == SKEX_OK)
		error = writer->failed;
	if (error == SKEX_OK)
		error = writer->platform->files->sync_wait(writer->file);
	if (error == SKEX_OK)
		writer->finished = true;
	return error;
}

void skex_kit_writer_free(struct skex_kit_writer *writer)
{
	const struct skex_files *files;

	if (writer == NULL)
		return;
	files = writer->platform->files;
	if (writer->file != NULL) {
		files->close(writer->file);
		if (!writer->finished)
			(void)files->remove(files->context, writer->path);
	}
	skex_secret_free(writer->secret);
	free(writer->path);
	free(writer);
}
