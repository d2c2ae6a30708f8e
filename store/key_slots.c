/* SPDX-License-Identifier: Apache-2.0 */
#include "store/key_slots.h"

#include <stdlib.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/path.h"

/*
 * The file: a header page, then groups of two pages.  Copy 0 of slots 32g .. 32g+31 lies in the
 * first page of group g, copy 1 in the second.
 */
#define PAGE_BYTES  4096u
#define COPY_BYTES  128u
#define GROUP_SLOTS (PAGE_BYTES / COPY_BYTES)
#define GROUP_BYTES (2u * PAGE_BYTES)
#define GROW_GROUPS 16u
#define SLOTS_MAX   (UINT32_MAX / 2u)

#define MAGIC               UINT64_C(0x736B6578736C6F74) /* "skexslot" */
#define VERSION             1u
#define ID_BYTES            16u
#define HEADER_BYTES        48u
#define HEADER_TAGGED_BYTES 32u

#define SALT_BYTES   24u
#define SEQUENCE_MAX ((UINT64_C(1) << 56) - 1u)

enum kind {
	KIND_EMPTY = 0, /* all zero: never written, or an older copy that was destroyed */
	KIND_VALUE = 1,
	KIND_DESTROYED = 2,
	KIND_DAMAGED = 255, /* does not verify */
};

/* A copy, opened. */
struct copy {
	enum kind kind;
	uint64_t sequence;
	uint8_t data[SKEX_SLOT_BYTES];
};

/*
 * What this life knows of a slot, because it wrote it last: which copy counts, of what kind, and
 * its sequence.  So to write a slot again nothing is read and opened.  Nothing of it is secret.
 */
struct known {
	uint64_t sequence; /* 0: nothing is known */
	uint8_t newest; /* 0 or 1; without sequence 2: a write was tried, the file has to be asked
			 */
	bool value;     /* and not a mark of destruction */
};

/*
 * Neighbours that are written one after the other leave in one write: when another place is
 * written, before anything is read, and before a sync.  All of it is sealed.
 */
struct gathered {
	uint64_t offset;
	size_t size;
	uint8_t bytes[PAGE_BYTES];
};

/* Lies in secret memory as a whole. */
struct skex_key_slots {
	const struct skex_crypto *crypto;
	const struct skex_platform *platform;
	struct skex_file *file;
	uint32_t count;
	uint8_t id[ID_BYTES];
	uint8_t key[SKEX_HASH_BYTES]; /* KDF(KEK, "skex key slots", id) */
	struct copy copies[2];        /* of the slot that is worked on; wiped after it */
	struct known *known;          /* known_count of them */
	uint32_t known_count;
	uint32_t grown_from; /* later slots were added in this life: empty where nothing is known */
	struct gathered *gathered[2]; /* of first and second copies; NULL: nothing is */
	enum skex_error failed;       /* SKEX_OK, or why what was gathered is not in the file */
};

static const uint8_t nonce_zero[SKEX_AEAD_NONCE_BYTES];

static uint64_t copy_offset(uint32_t slot, unsigned which)
{
	return PAGE_BYTES + (uint64_t)(slot / GROUP_SLOTS) * GROUP_BYTES + which * PAGE_BYTES +
		(uint64_t)(slot % GROUP_SLOTS) * COPY_BYTES;
}

static void gathered_drop(struct skex_key_slots *slots, unsigned which)
{
	free(slots->gathered[which]);
	slots->gathered[which] = NULL;
}

static void gathered_write(struct skex_key_slots *slots, unsigned which)
{
	const struct gathered *gathered = slots->gathered[which];

	if (gathered == NULL)
		return;
	if (slots->failed == SKEX_OK)
		slots->failed = slots->platform->files->write(
			slots->file, gathered->offset, gathered->bytes, gathered->size);
	gathered_drop(slots, which);
}

/* All is in the file, or it never will be. */
static enum skex_error gathered_write_all(struct skex_key_slots *slots)
{
	gathered_write(slots, 0);
	gathered_write(slots, 1);
	return slots->failed;
}

static enum skex_error gather(struct skex_key_slots *slots, uint32_t slot, unsigned which,
	const uint8_t bytes[static COPY_BYTES])
{
	const uint64_t offset = copy_offset(slot, which);
	struct gathered *gathered = slots->gathered[which];

	if (gathered != NULL &&
		(gathered->offset + gathered->size != offset ||
			gathered->size == sizeof(gathered->bytes)))
		gathered_write(slots, which);
	if (slots->failed != SKEX_OK)
		return slots->failed;
	gathered = slots->gathered[which];
	if (gathered == NULL) {
		gathered = malloc(sizeof(*gathered));
		if (gathered == NULL)
			return slots->platform->files->write(
				slots->file, offset, bytes, COPY_BYTES);
		gathered->offset = offset;
		gathered->size = 0;
		slots->gathered[which] = gathered;
	}
	memcpy(gathered->bytes + gathered->size, bytes, COPY_BYTES);
	gathered->size += COPY_BYTES;
	return SKEX_OK;
}

enum skex_error skex_key_slots_failed(const struct skex_key_slots *slots)
{
	return slots->failed;
}

/* Reads of the file, with all that was written. */
static enum skex_error slots_read(
	struct skex_key_slots *slots, uint64_t offset, uint8_t *out, size_t size)
{
	enum skex_error error = gathered_write_all(slots);

	return error == SKEX_OK ? slots->platform->files->read(slots->file, offset, out, size)
				: error;
}

/*
 * A copy on the disk: u8 kind | 7-byte sequence | 24 salt | 16 tag | 80 sealed.  Each has a key of
 * its own, from 192 random bits, so that no number of writes wears the file key out.
 */
static enum skex_error copy_key(const struct skex_key_slots *slots, uint32_t slot,
	const uint8_t salt[static SALT_BYTES], uint8_t key[static SKEX_AEAD_KEY_BYTES])
{
	uint8_t context[SALT_BYTES + 4];
	struct skex_writer writer;

	skex_writer_init(&writer, context, sizeof(context));
	skex_write_bytes(&writer, salt, SALT_BYTES);
	skex_write_u32(&writer, slot);
	return skex_kdf(slots->crypto, slots->key, "skex slot", skex_view(context, sizeof(context)),
		key, SKEX_AEAD_KEY_BYTES);
}

static struct skex_view copy_associated(const struct skex_key_slots *slots, uint32_t slot,
	uint64_t head, uint8_t out[static ID_BYTES + 12])
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, ID_BYTES + 12);
	skex_write_bytes(&writer, slots->id, ID_BYTES);
	skex_write_u32(&writer, slot);
	skex_write_u64(&writer, head);
	return skex_view(out, ID_BYTES + 12);
}

static enum skex_error copy_write(struct skex_key_slots *slots, uint32_t slot, unsigned which,
	enum kind kind, uint64_t sequence, const uint8_t data[static SKEX_SLOT_BYTES])
{
	uint8_t salt[SALT_BYTES], tag[SKEX_AEAD_TAG_BYTES], key[SKEX_AEAD_KEY_BYTES];
	uint8_t sealed[SKEX_SLOT_BYTES], bytes[COPY_BYTES], associated[ID_BYTES + 12];
	uint64_t head = (uint64_t)kind << 56 | sequence;
	struct skex_writer writer;

	enum skex_error error =
		slots->platform->random(slots->platform->context, salt, sizeof(salt));
	if (error != SKEX_OK)
		return error;
	error = copy_key(slots, slot, salt, key);
	if (error != SKEX_OK)
		goto out;
	error = slots->crypto->aead_seal(slots->crypto->context, SKEX_AEAD_AES_256_GCM, key,
		nonce_zero, copy_associated(slots, slot, head, associated),
		skex_view(data, SKEX_SLOT_BYTES), sealed, tag);
	if (error != SKEX_OK)
		goto out;
	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_write_u64(&writer, head);
	skex_write_bytes(&writer, salt, sizeof(salt));
	skex_write_bytes(&writer, tag, sizeof(tag));
	skex_write_bytes(&writer, sealed, sizeof(sealed));
	error = gather(slots, slot, which, bytes);
out:
	skex_wipe(key, sizeof(key));
	return error;
}

/* Opens what a copy holds; a copy that does not verify is no error here. */
static enum skex_error copy_read(
	struct skex_key_slots *slots, uint32_t slot, unsigned which, struct copy *copy)
{
	uint8_t bytes[COPY_BYTES], key[SKEX_AEAD_KEY_BYTES], associated[ID_BYTES + 12];
	struct skex_reader reader;

	enum skex_error error = slots_read(slots, copy_offset(slot, which), bytes, sizeof(bytes));
	if (error != SKEX_OK)
		return error;
	copy->kind = KIND_EMPTY;
	copy->sequence = 0;
	if (skex_ct_is_zero(bytes, sizeof(bytes)))
		return SKEX_OK;

	skex_reader_init(&reader, skex_view(bytes, sizeof(bytes)));
	uint64_t head = skex_read_u64(&reader);
	struct skex_view salt = skex_read_view(&reader, SALT_BYTES);
	struct skex_view tag = skex_read_view(&reader, SKEX_AEAD_TAG_BYTES);
	struct skex_view sealed = skex_read_rest(&reader);
	error = copy_key(slots, slot, salt.data, key);
	if (error == SKEX_OK) {
		error = slots->crypto->aead_open(slots->crypto->context, SKEX_AEAD_AES_256_GCM, key,
			nonce_zero, copy_associated(slots, slot, head, associated), sealed,
			tag.data, copy->data);
	}
	skex_wipe(key, sizeof(key));
	uint8_t kind = (uint8_t)(head >> 56);
	if (error == SKEX_E_AUTH ||
		(error == SKEX_OK && kind != KIND_VALUE && kind != KIND_DESTROYED)) {
		copy->kind = KIND_DAMAGED;
		return SKEX_OK;
	}
	copy->kind = kind == KIND_VALUE ? KIND_VALUE : KIND_DESTROYED;
	copy->sequence = head & SEQUENCE_MAX;
	return error;
}

/* Reads both copies; *newest is the one that counts, or 2 when neither does. */
static enum skex_error slot_read(struct skex_key_slots *slots, uint32_t slot, unsigned *newest)
{
	unsigned best = 2;

	if (slot >= slots->count)
		return SKEX_E_ARGUMENT;
	for (unsigned which = 0; which < 2; which++) {
		enum skex_error error = copy_read(slots, slot, which, &slots->copies[which]);
		if (error != SKEX_OK)
			return error;
		enum kind kind = slots->copies[which].kind;
		if (kind != KIND_VALUE && kind != KIND_DESTROYED)
			continue;
		if (best == 2 || slots->copies[which].sequence > slots->copies[best].sequence)
			best = which;
	}
	*newest = best;
	return SKEX_OK;
}

/* Room for every slot; without memory less is known. */
static struct known *known_of(struct skex_key_slots *slots, uint32_t slot)
{
	if (slot >= slots->known_count && slot < slots->count) {
		struct known *more = realloc(slots->known, slots->count * sizeof(*more));

		if (more != NULL) {
			memset(more + slots->known_count, 0,
				(slots->count - slots->known_count) * sizeof(*more));
			slots->known = more;
			slots->known_count = slots->count;
		}
	}
	return slot < slots->known_count ? &slots->known[slot] : NULL;
}

static void learn(
	struct skex_key_slots *slots, uint32_t slot, unsigned newest, uint64_t sequence, bool value)
{
	struct known *known = known_of(slots, slot);

	if (known != NULL)
		*known = (struct known){sequence, (uint8_t)newest, value};
	else
		slots->grown_from = UINT32_MAX; /* this one is empty no more */
}

/* Before a slot is written: what happens to it may not be known when that fails. */
static void unlearn(struct skex_key_slots *slots, uint32_t slot)
{
	if (slot < slots->known_count)
		slots->known[slot] = (struct known){.newest = 2};
}

/* The copy that counts (2: neither) and its sequence, from what is known or from the disk. */
static enum skex_error slot_state(
	struct skex_key_slots *slots, uint32_t slot, unsigned *newest, uint64_t *sequence)
{
	const struct known *known = slot < slots->known_count ? &slots->known[slot] : NULL;
	enum skex_error error = SKEX_OK;

	if (known != NULL && known->sequence > 0) {
		*newest = known->newest;
		*sequence = known->sequence;
		return SKEX_OK;
	}
	if (slot >= slots->grown_from && slot < slots->count &&
		(known == NULL || known->newest != 2)) {
		*newest = 2;
		*sequence = 0;
		return SKEX_OK;
	}
	error = slot_read(slots, slot, newest);
	if (error == SKEX_OK)
		*sequence = *newest == 2 ? 0 : slots->copies[*newest].sequence;
	return error;
}

static void forget_copies(struct skex_key_slots *slots)
{
	skex_wipe(slots->copies, sizeof(slots->copies));
}

enum skex_error skex_key_slots_put(
	struct skex_key_slots *slots, uint32_t slot, const uint8_t data[static SKEX_SLOT_BYTES])
{
	unsigned newest;
	uint64_t sequence;
	enum skex_error error = slot_state(slots, slot, &newest, &sequence);

	if (error == SKEX_OK) {
		unsigned other = newest == 0 ? 1 : 0;
		unlearn(slots, slot);
		if (sequence == SEQUENCE_MAX)
			error = SKEX_E_EXHAUSTED;
		else
			error = copy_write(slots, slot, other, KIND_VALUE, sequence + 1, data);
		if (error == SKEX_OK)
			learn(slots, slot, other, sequence + 1, true);
	}
	forget_copies(slots);
	return error;
}

enum skex_error skex_key_slots_get(
	struct skex_key_slots *slots, uint32_t slot, uint8_t data[static SKEX_SLOT_BYTES])
{
	unsigned newest;
	enum skex_error error = slot_read(slots, slot, &newest);

	if (error == SKEX_OK && newest == 2) {
		bool empty =
			slots->copies[0].kind == KIND_EMPTY && slots->copies[1].kind == KIND_EMPTY;
		error = empty ? SKEX_E_UNKNOWN : SKEX_E_CORRUPT;
	} else if (error == SKEX_OK && slots->copies[newest].kind == KIND_DESTROYED) {
		error = SKEX_E_UNKNOWN;
	} else if (error == SKEX_OK) {
		memcpy(data, slots->copies[newest].data, SKEX_SLOT_BYTES);
	}
	forget_copies(slots);
	return error;
}

static enum skex_error destroy_older(struct skex_key_slots *slots, uint32_t slot)
{
	static const uint8_t zero[COPY_BYTES];
	unsigned newest;
	enum skex_error error = slot_read(slots, slot, &newest);

	if (error != SKEX_OK || newest == 2)
		return error;
	unsigned older = newest == 0 ? 1 : 0;
	if (slots->copies[older].kind == KIND_EMPTY)
		return SKEX_OK;
	return gather(slots, slot, older, zero);
}

/*
 * A mark of destruction with a higher sequence goes over the older copy, and another over the
 * newer: in whatever order these reach the disk, an older value does not come back.
 */
static enum skex_error destroy_both(struct skex_key_slots *slots, uint32_t slot)
{
	static const uint8_t zero[SKEX_SLOT_BYTES];
	unsigned newest;
	uint64_t sequence;
	enum skex_error error = slot_state(slots, slot, &newest, &sequence);

	if (error != SKEX_OK)
		return error;
	unsigned first = newest == 0 ? 1 : 0;
	unlearn(slots, slot);
	for (unsigned i = 0; i < 2; i++) {
		unsigned which = i == 0 ? first : 1 - first;
		if (sequence + i >= SEQUENCE_MAX)
			return SKEX_E_EXHAUSTED;
		error = copy_write(slots, slot, which, KIND_DESTROYED, sequence + 1 + i, zero);
		if (error != SKEX_OK)
			return error;
	}
	learn(slots, slot, 1 - first, sequence + 2, false);
	return SKEX_OK;
}

enum skex_error skex_key_slots_is_destroyed(
	struct skex_key_slots *slots, uint32_t slot, bool wholly, bool *destroyed)
{
	uint8_t kinds[2];

	if (slot >= slots->count)
		return SKEX_E_ARGUMENT;
	for (unsigned which = 0; which < 2; which++) {
		enum skex_error error =
			slots_read(slots, copy_offset(slot, which), &kinds[which], 1);
		if (error != SKEX_OK)
			return error;
	}
	bool bare[2];
	for (unsigned which = 0; which < 2; which++)
		bare[which] = kinds[which] == KIND_EMPTY || kinds[which] == KIND_DESTROYED;
	if (wholly)
		*destroyed = bare[0] && bare[1];
	else
		*destroyed =
			kinds[0] == KIND_EMPTY || kinds[1] == KIND_EMPTY || (bare[0] && bare[1]);
	return SKEX_OK;
}

enum skex_error skex_key_slots_destroy(struct skex_key_slots *slots, uint32_t slot, bool wholly)
{
	bool destroyed = false;
	enum skex_error error = SKEX_OK;

	/* A slot that was put in this life is not. */
	if (!wholly || slot >= slots->known_count || slots->known[slot].sequence == 0 ||
		!slots->known[slot].value)
		error = skex_key_slots_is_destroyed(slots, slot, wholly, &destroyed);
	if (error == SKEX_OK && !destroyed)
		error = wholly ? destroy_both(slots, slot) : destroy_older(slots, slot);
	forget_copies(slots);
	return error;
}

uint32_t skex_key_slots_count(const struct skex_key_slots *slots)
{
	return slots->count;
}

enum skex_error skex_key_slots_grow(struct skex_key_slots *slots, uint32_t count)
{
	if (count <= slots->count)
		return SKEX_OK;
	if (count > SLOTS_MAX)
		return SKEX_E_ARGUMENT;
	uint32_t groups = (count + GROUP_SLOTS - 1) / GROUP_SLOTS;
	groups = (groups + GROW_GROUPS - 1) / GROW_GROUPS * GROW_GROUPS;
	enum skex_error error = slots->platform->files->resize(
		slots->file, PAGE_BYTES + (uint64_t)groups * GROUP_BYTES);
	if (error == SKEX_OK)
		slots->count = groups * GROUP_SLOTS;
	return error;
}

enum skex_error skex_key_slots_sync(struct skex_key_slots *slots, skex_done_fn done, void *owner)
{
	enum skex_error error = gathered_write_all(slots);

	return error == SKEX_OK ? slots->platform->files->sync(slots->file, done, owner) : error;
}

enum skex_error skex_key_slots_sync_wait(struct skex_key_slots *slots)
{
	enum skex_error error = gathered_write_all(slots);

	return error == SKEX_OK ? slots->platform->files->sync_wait(slots->file) : error;
}

/* ---- making and opening ---- */

/* The tag that shows the right KEK, over the first bytes of the header. */
static enum skex_error header_tag(const struct skex_crypto *crypto,
	const uint8_t kek[static SKEX_KEK_BYTES], const uint8_t header[static HEADER_TAGGED_BYTES],
	uint8_t tag[static SKEX_AEAD_TAG_BYTES])
{
	uint8_t key[SKEX_AEAD_KEY_BYTES], nothing[1];

	enum skex_error error = skex_kdf(crypto, kek, "skex key slots header",
		skex_view(header + HEADER_TAGGED_BYTES - ID_BYTES, ID_BYTES), key, sizeof(key));
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
	uint8_t page[PAGE_BYTES] = {0};
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
	if (skex_read_u32(&reader) != SKEX_SLOT_BYTES || size < PAGE_BYTES)
		return SKEX_E_CORRUPT;
	skex_read_bytes(&reader, slots->id, sizeof(slots->id));
	error = header_tag(slots->crypto, kek, header, tag);
	if (error != SKEX_OK)
		return error;
	if (!skex_ct_equal(tag, header + HEADER_TAGGED_BYTES, sizeof(tag)))
		return SKEX_E_AUTH;
	uint64_t groups = (size - PAGE_BYTES) / GROUP_BYTES;
	if (groups > SLOTS_MAX / GROUP_SLOTS)
		return SKEX_E_CORRUPT;
	slots->count = (uint32_t)groups * GROUP_SLOTS;
	/* What a crash left behind the last whole group is not zero, perhaps. */
	slots->grown_from =
		slots->count + ((size - PAGE_BYTES) % GROUP_BYTES > 0 ? GROUP_SLOTS : 0);
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

enum skex_error skex_key_slots_open(const struct skex_platform *platform,
	const struct skex_crypto *crypto, const char *path,
	const uint8_t kek[static SKEX_KEK_BYTES], struct skex_key_slots **slots)
{
	struct skex_key_slots *made = skex_secret_new(sizeof(*made));

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->platform = platform;
	made->crypto = crypto;
	enum skex_error error =
		platform->files->open(platform->files->context, path, SKEX_OPEN_WRITE, &made->file);
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

void skex_key_slots_close(struct skex_key_slots *slots)
{
	if (slots == NULL)
		return;
	(void)gathered_write_all(slots); /* who closes without a sync does not ask for more */
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
		uint64_t piece = at == 0 ? PAGE_BYTES : sizeof(zero);
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
