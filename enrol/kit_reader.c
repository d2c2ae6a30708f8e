/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "enrol/kit_stream.h"
#include "platform/memory.h"

#define ACT_COPY                                                                                   \
	"copy it again from where it was made, or ask whoever made it (of a kit the hub's "        \
	"operator) for a new one"
#define ACT_NO_KIT                                                                                 \
	"give the file that `skex hub enrol`, `skex hub refill` or `skex keyfill make` wrote"

struct skex_kit {
	const struct skex_platform *platform;
	const struct skex_crypto *crypto;
	struct skex_file *file;
	char *path;
	uint64_t file_size;
	uint64_t at;     /* of the next chunk in the file */
	uint64_t number; /* of the next chunk */
	uint64_t pads_left;
	size_t begin, end; /* of what is open and not yet given, in plain */
	struct skex_kit_lock lock;
	struct skex_kit_header header;
	uint8_t key[SKEX_AEAD_KEY_BYTES];
	uint8_t plain[SKEX_KIT_SEALED_BYTES];
};

static enum skex_error fail_file(
	struct skex_reason *reason, enum skex_error error, const char *path)
{
	if (error == SKEX_E_UNKNOWN)
		return skex_reason_set(reason, error, "kit_missing", "check the path",
			"%s: there is no such file", path);
	return skex_reason_set(reason, error, "kit_unreadable",
		"check that the file can be read by this user, and its medium",
		"%s: cannot be read (%s)", path, skex_error_name(error));
}

static enum skex_error check_size(
	struct skex_reason *reason, const char *path, uint64_t said, uint64_t found)
{
	if (found < said)
		return skex_reason_set(reason, SKEX_E_CORRUPT, "kit_truncated", ACT_COPY,
			"%s: truncated: %" PRIu64 " of %" PRIu64 " bytes are there", path, found,
			said);
	if (found > said)
		return skex_reason_set(reason, SKEX_E_CORRUPT, "kit_oversized", ACT_COPY,
			"%s: has %" PRIu64 " bytes, but the kit ends after %" PRIu64, path, found,
			said);
	return SKEX_OK;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

static enum skex_error check_preamble(struct skex_reason *reason, const char *path,
	const uint8_t preamble[static SKEX_KIT_PREAMBLE_BYTES], struct skex_kit_lock *lock,
	uint64_t *said)
{
	enum skex_error error = skex_kit_preamble_decode(preamble, lock, said);

	if (error == SKEX_E_VERSION)
		return skex_reason_set(reason, error, "kit_version",
			"update skex on this machine to the version that made it",
			"%s: a kit of version %u; this program reads version %u", path,
			(unsigned)preamble[8] << 8 | preamble[9], SKEX_KIT_VERSION);
	if (error != SKEX_OK && is_zero(preamble, SKEX_KIT_PREAMBLE_BYTES))
		return skex_reason_set(reason, error, "kit_unfinished",
			"run the command that made it again with the same arguments",
			"%s: a kit that was not finished", path);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "kit_malformed", ACT_NO_KIT,
			"%s: not a kit, or its first bytes are damaged", path);
	return SKEX_OK;
}

static enum skex_error read_preamble(const struct skex_platform *platform, const char *path,
	struct skex_file *file, struct skex_kit_lock *lock, uint64_t *size,
	struct skex_reason *reason)
{
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES];
	uint64_t found;
	uint64_t said = 0;
	enum skex_error error = platform->files->size(file, &found);

	if (error != SKEX_OK)
		return fail_file(reason, error, path);
	if (found < sizeof(preamble))
		return skex_reason_set(reason, SKEX_E_SYNTAX, "kit_malformed", ACT_NO_KIT,
			"%s: not a kit, or truncated: it has only %" PRIu64 " bytes", path, found);
	error = platform->files->read(file, 0, preamble, sizeof(preamble));
	if (error == SKEX_OK)
		error = check_preamble(reason, path, preamble, lock, &said);
	else
		(void)fail_file(reason, error, path);
	skex_wipe(preamble, sizeof(preamble));
	if (error == SKEX_OK)
		error = check_size(reason, path, said, found);
	if (error == SKEX_OK)
		*size = said;
	else
		skex_kit_lock_clear(lock);
	return error;
}

enum skex_error skex_kit_look(const struct skex_platform *platform, const char *path,
	struct skex_kit_lock *lock, struct skex_reason *reason)
{
	const struct skex_files *files = platform->files;
	struct skex_kit_lock read;
	struct skex_file *file;
	uint64_t size;
	enum skex_error error = files->open(files->context, path, SKEX_OPEN_READ, &file);

	if (error != SKEX_OK)
		return fail_file(reason, error, path);
	error = read_preamble(platform, path, file, &read, &size, reason);
	files->close(file);
	if (error == SKEX_OK)
		*lock = read;
	skex_kit_lock_clear(&read);
	return error;
}

static enum skex_error fail_chunk(struct skex_kit *kit, struct skex_reason *reason)
{
	if (kit->number == 0 && kit->lock.passphrase)
		return skex_reason_set(reason, SKEX_E_AUTH, "kit_passphrase",
			"give the passphrase that it was made with; if it is right, copy the kit "
			"again",
			"%s: wrong passphrase, or the file is damaged", kit->path);
	return skex_reason_set(reason, SKEX_E_AUTH, "kit_damaged", ACT_COPY,
		"%s: damaged: the bytes from %" PRIu64 " on do not verify", kit->path, kit->at);
}

/* Opens the next chunk into plain. */
static enum skex_error open_chunk(struct skex_kit *kit, struct skex_reason *reason)
{
	uint64_t left = kit->file_size - kit->at;
	bool last = left <= SKEX_KIT_SEALED_BYTES;
	size_t size = last ? (size_t)left : SKEX_KIT_SEALED_BYTES;
	uint8_t nonce[SKEX_AEAD_NONCE_BYTES];
	enum skex_error error;

	if (size <= SKEX_AEAD_TAG_BYTES)
		return fail_chunk(kit, reason);
	error = kit->platform->files->read(kit->file, kit->at, kit->plain, size);
	if (error != SKEX_OK)
		return fail_file(reason, error, kit->path);
	size -= SKEX_AEAD_TAG_BYTES;
	skex_kit_nonce(kit->number, last, nonce);
	error = kit->crypto->aead_open(kit->crypto->context, SKEX_AEAD_AES_256_GCM, kit->key, nonce,
		skex_view(NULL, 0), skex_view(kit->plain, size), kit->plain + size, kit->plain);
	if (error == SKEX_E_AUTH)
		return fail_chunk(kit, reason);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "crypto", "try again",
			"%s: cannot be opened (%s)", kit->path, skex_error_name(error));
	kit->at += size + SKEX_AEAD_TAG_BYTES;
	kit->number++;
	kit->begin = 0;
	kit->end = size;
	return SKEX_OK;
}

static enum skex_error fail_header(
	struct skex_kit *kit, enum skex_error error, struct skex_reason *reason)
{
	if (error == SKEX_E_VERSION)
		return skex_reason_set(reason, error, "kit_version",
			"update skex on this machine to the version that made it",
			"%s: made by a newer version, for something unknown here", kit->path);
	return skex_reason_set(reason, SKEX_E_SYNTAX, "kit_malformed",
		"ask the hub's operator for a new kit",
		"%s: authentic, but its header makes no sense", kit->path);
}

/* The header stands wholly in the first chunk: it is shorter than one. */
static enum skex_error read_header(struct skex_kit *kit, struct skex_reason *reason)
{
	struct skex_reader reader;
	struct skex_view bytes;
	enum skex_error error = open_chunk(kit, reason);

	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(kit->plain, kit->end));
	bytes = skex_read_view(&reader, skex_read_u32(&reader));
	if (reader.failed)
		return fail_header(kit, SKEX_E_SYNTAX, reason);
	error = skex_kit_header_decode(&kit->header, bytes);
	if (error != SKEX_OK)
		return fail_header(kit, error, reason);
	kit->pads_left = kit->header.pad_bytes[0] + kit->header.pad_bytes[1];
	if (skex_kit_file_size(4 + bytes.size + kit->pads_left) != kit->file_size)
		return fail_header(kit, SKEX_E_SYNTAX, reason);
	kit->begin = 4 + bytes.size;
	return SKEX_OK;
}

static enum skex_error open_kit(
	struct skex_kit *kit, const uint8_t *key, struct skex_reason *reason)
{
	const struct skex_files *files = kit->platform->files;
	enum skex_error error = files->open(files->context, kit->path, SKEX_OPEN_READ, &kit->file);

	if (error != SKEX_OK)
		return fail_file(reason, error, kit->path);
	error = read_preamble(
		kit->platform, kit->path, kit->file, &kit->lock, &kit->file_size, reason);
	if (error != SKEX_OK)
		return error;
	if (kit->lock.passphrase != (key != NULL))
		return skex_reason_set(reason, SKEX_E_ARGUMENT, "kit_passphrase",
			kit->lock.passphrase ? "give --passphrase-file"
					     : "leave --passphrase-file out",
			"%s: %s", kit->path,
			kit->lock.passphrase ? "was made with a passphrase"
					     : "was made without a passphrase");
	if (key != NULL)
		memcpy(kit->lock.key, key, sizeof(kit->lock.key));
	kit->at = SKEX_KIT_PREAMBLE_BYTES;
	error = skex_kit_stream_key(kit->crypto, &kit->lock, kit->file_size, kit->key);
	if (error != SKEX_OK)
		return skex_reason_set(reason, error, "crypto", "try again",
			"%s: cannot be opened (%s)", kit->path, skex_error_name(error));
	return read_header(kit, reason);
}

enum skex_error skex_kit_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path, const uint8_t *key,
	struct skex_kit **kit, struct skex_reason *reason)
{
	struct skex_kit *made = skex_secret_new(sizeof(*made));
	enum skex_error error;

	if (made != NULL)
		made->path = strdup(path);
	if (made == NULL || made->path == NULL) {
		skex_secret_free(made);
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "%s: no memory", path);
	}
	made->platform = platform;
	made->crypto = crypto;
	error = open_kit(made, key, reason);
	if (error != SKEX_OK) {
		skex_kit_close(made);
		return error;
	}
	*kit = made;
	return SKEX_OK;
}

enum skex_error skex_kit_given(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *name, const struct skex_kit_header *header,
	struct skex_kit **kit, struct skex_reason *reason)
{
	struct skex_kit *made = skex_secret_new(sizeof(*made));
	size_t size = 0;
	enum skex_error error = SKEX_E_MEMORY;

	if (made == NULL)
		return skex_reason_set(reason, error, "memory", "free some memory", "no memory");
	made->platform = platform;
	made->crypto = crypto;
	made->path = strdup(name);
	made->header = *header;
	if (made->path != NULL)
		error = skex_kit_header_encode(header, made->plain, &size);
	skex_wipe(made->plain, sizeof(made->plain));
	if (error == SKEX_OK && header->kind != SKEX_PAD_RATCHET)
		error = SKEX_E_ARGUMENT;
	if (error == SKEX_OK)
		error = skex_kit_lock_make(platform, &made->lock);
	if (error != SKEX_OK) {
		skex_kit_close(made);
		return skex_reason_set(reason, error, "kit", "see the log",
			"%s: no leg can be made of it (%s)", name, skex_error_name(error));
	}
	*kit = made;
	return SKEX_OK;
}

const struct skex_kit_header *skex_kit_header_get(const struct skex_kit *kit)
{
	return &kit->header;
}

const struct skex_kit_lock *skex_kit_lock_get(const struct skex_kit *kit)
{
	return &kit->lock;
}

enum skex_error skex_kit_read(
	struct skex_kit *kit, uint8_t *out, size_t size, struct skex_reason *reason)
{
	if (size > kit->pads_left)
		return skex_reason_set(
			reason, SKEX_E_ARGUMENT, "kit_end", "", "%s: has no more pad", kit->path);
	while (size > 0) {
		size_t piece = kit->end - kit->begin;

		if (piece == 0) {
			enum skex_error error = open_chunk(kit, reason);

			if (error != SKEX_OK)
				return error;
			continue;
		}
		if (piece > size)
			piece = size;
		memcpy(out, kit->plain + kit->begin, piece);
		skex_wipe(kit->plain + kit->begin, piece);
		kit->begin += piece;
		kit->pads_left -= piece;
		out += piece;
		size -= piece;
	}
	return SKEX_OK;
}

enum skex_error skex_kit_end(struct skex_kit *kit, struct skex_reason *reason)
{
	/* The size of the file was bound into the key, so that the chunk at its end was the last.
	 */
	if (kit->pads_left == 0 && kit->begin == kit->end && kit->at == kit->file_size)
		return SKEX_OK;
	return skex_reason_set(
		reason, SKEX_E_STATE, "kit_end", "", "%s: not read to its end", kit->path);
}

void skex_kit_close(struct skex_kit *kit)
{
	if (kit == NULL)
		return;
	kit->platform->files->close(kit->file);
	free(kit->path);
	skex_secret_free(kit);
}
