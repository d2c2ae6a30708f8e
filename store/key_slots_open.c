/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/key_slots_internal.h"
#include "store/path.h"

#define MAGIC               UINT64_C(0x736B6578736C6F74) /* "skexslot" */
#define VERSION             1u
#define HEADER_BYTES        48u
#define HEADER_TAGGED_BYTES 32u

/* The key of a header serves for that header alone. */
static const uint8_t nonce_zero[SKEX_AEAD_NONCE_BYTES];

/* The tag that shows the right KEK, over the first bytes of the header. */
static enum skex_error header_tag(const struct skex_crypto *crypto,
	const uint8_t kek[static SKEX_KEK_BYTES], const uint8_t header[static HEADER_TAGGED_BYTES],
	uint8_t tag[static SKEX_AEAD_TAG_BYTES])
{
	uint8_t key[SKEX_AEAD_KEY_BYTES], nothing[1];

	enum skex_error error = skex_kdf(crypto, kek, "skex key slots header",
		skex_view(header + HEADER_TAGGED_BYTES - SKEX_SLOTS_ID_BYTES, SKEX_SLOTS_ID_BYTES),
		key, sizeof(key));
	if (error == SKEX_OK) {
		error = crypto->aead_seal(crypto->context, SKEX_AEAD_AES_256_GCM, key, nonce_zero,
			skex_view(header, HEADER_TAGGED_BYTES), skex_view(nothing, 0), nothing,
			tag);
	}
	skex_wipe(key, sizeof(key));
	return error;
}

static enum skex_error header_write(
	struct skex_key_slots *slots, const uint8_t kek[static SKEX_KEK_BYTES])
{
	uint8_t page[SKEX_SLOTS_PAGE_BYTES] = {0};
	struct skex_writer writer;

	enum skex_error error =
		slots->platform->random(slots->platform->context, slots->id, sizeof(slots->id));
	if (error != SKEX_OK)
		return error;
	skex_writer_init(&writer, page, sizeof(page));
	skex_write_u64(&writer, MAGIC);
	skex_write_u32(&writer, VERSION);
	skex_write_u32(&writer, SKEX_SLOT_BYTES);
	skex_write_bytes(&writer, slots->id, sizeof(slots->id));
	error = header_tag(slots->crypto, kek, page, page + HEADER_TAGGED_BYTES);
	if (error != SKEX_OK)
		return error;
	return slots->platform->files->write(slots->file, 0, page, sizeof(page));
}

static enum skex_error header_read(
	struct skex_key_slots *slots, const uint8_t kek[static SKEX_KEK_BYTES])
{
	uint8_t header[HEADER_BYTES], tag[SKEX_AEAD_TAG_BYTES];
	const struct skex_files *files = slots->platform->files;
	struct skex_reader reader;
	uint64_t size;

	enum skex_error error = files->size(slots->file, &size);
	if (error == SKEX_OK)
		error = files->read(slots->file, 0, header, sizeof(header));
	if (error != SKEX_OK)
		return error;
	skex_reader_init(&reader, skex_view(header, sizeof(header)));
	if (skex_read_u64(&reader) != MAGIC)
		return SKEX_E_CORRUPT;
	if (skex_read_u32(&reader) != VERSION)
		return SKEX_E_VERSION;
	if (skex_read_u32(&reader) != SKEX_SLOT_BYTES || size < SKEX_SLOTS_PAGE_BYTES)
		return SKEX_E_CORRUPT;
	skex_read_bytes(&reader, slots->id, sizeof(slots->id));
	error = header_tag(slots->crypto, kek, header, tag);
	if (error != SKEX_OK)
		return error;
	if (!skex_ct_equal(tag, header + HEADER_TAGGED_BYTES, sizeof(tag)))
		return SKEX_E_AUTH;
	uint64_t groups = (size - SKEX_SLOTS_PAGE_BYTES) / SKEX_SLOTS_GROUP_BYTES;
	if (groups > SKEX_SLOTS_MAX / SKEX_SLOTS_PER_GROUP)
		return SKEX_E_CORRUPT;
	slots->count = (uint32_t)groups * SKEX_SLOTS_PER_GROUP;
	/* What a crash left behind the last whole group is not zero, perhaps. */
	bool cut = (size - SKEX_SLOTS_PAGE_BYTES) % SKEX_SLOTS_GROUP_BYTES > 0;
	slots->grown_from = slots->count + (cut ? SKEX_SLOTS_PER_GROUP : 0);
	return SKEX_OK;
}

/* Makes the file under another name first, so that one of the right name is always whole. */
static enum skex_error file_make(
	struct skex_key_slots *slots, const char *path, const uint8_t kek[static SKEX_KEK_BYTES])
{
	const struct skex_files *files = slots->platform->files;
	char temporary[SKEX_PATH_BYTES];

	enum skex_error error = skex_path_append(temporary, path, ".new");
	if (error == SKEX_OK)
		error = skex_path_remove(files, temporary);
	if (error == SKEX_OK) {
		error = files->open(files->context, temporary,
			SKEX_OPEN_WRITE | SKEX_OPEN_CREATE | SKEX_OPEN_NEW, &slots->file);
	}
	if (error != SKEX_OK)
		return error;
	error = header_write(slots, kek);
	if (error == SKEX_OK)
		error = files->sync_wait(slots->file);
	if (error == SKEX_OK)
		error = files->rename(files->context, temporary, path);
	if (error == SKEX_OK)
		error = skex_path_sync_parent(files, path);
	return error;
}

static enum skex_error open_with(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], unsigned flags, struct skex_key_slots **slots)
{
	struct skex_key_slots *made = skex_secret_new(sizeof(*made));

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->platform = platform;
	made->crypto = crypto;
	enum skex_error error =
		platform->files->open(platform->files->context, path, flags, &made->file);
	if (error == SKEX_E_UNKNOWN)
		error = file_make(made, path, kek);
	else if (error == SKEX_OK)
		error = header_read(made, kek);
	if (error == SKEX_OK) {
		error = skex_kdf(crypto, kek, "skex key slots",
			skex_view(made->id, sizeof(made->id)), made->key, sizeof(made->key));
	}
	if (error != SKEX_OK) {
		skex_key_slots_close(made);
		return error;
	}
	*slots = made;
	return SKEX_OK;
}

enum skex_error skex_key_slots_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], struct skex_key_slots **slots)
{
	return open_with(platform, crypto, path, kek, SKEX_OPEN_WRITE, slots);
}

enum skex_error skex_key_slots_reopen(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], struct skex_key_slots **slots)
{
	return open_with(platform, crypto, path, kek, SKEX_OPEN_WRITE | SKEX_OPEN_FRESH, slots);
}

void skex_key_slots_close(struct skex_key_slots *slots)
{
	if (slots == NULL)
		return;
	/* Who closes without a sync does not ask for more. */
	(void)!skex_key_slots_write_gathered(slots);
	slots->platform->files->close(slots->file);
	free(slots->known);
	skex_secret_free(slots);
}

enum skex_error skex_key_slots_erase(const struct skex_platform *platform, const char *path)
{
	static const uint8_t zero[65536];
	const struct skex_files *files = platform->files;
	struct skex_file *file = NULL;
	uint64_t size = 0;

	enum skex_error error = files->open(files->context, path, SKEX_OPEN_WRITE, &file);
	if (error == SKEX_E_UNKNOWN)
		return SKEX_OK;
	if (error == SKEX_OK)
		error = files->size(file, &size);
	/* The header first: a file of which only a part is erased must not pass for a whole one. */
	for (uint64_t at = 0; error == SKEX_OK && at < size;) {
		uint64_t piece = at == 0 ? SKEX_SLOTS_PAGE_BYTES : sizeof(zero);
		if (piece > size - at)
			piece = size - at;
		error = files->write(file, at, zero, (size_t)piece);
		if (error == SKEX_OK && at == 0)
			error = files->sync_wait(file);
		at += piece;
	}
	if (error == SKEX_OK)
		error = files->sync_wait(file);
	files->close(file);
	return error;
}
