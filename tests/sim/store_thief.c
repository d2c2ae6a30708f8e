/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/store_thief.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_BYTES    80u
#define COPY_BYTES    128u
#define PAGE_BYTES    4096u
#define SEGMENT_BYTES 4096u
#define SEGMENTS      16u
#define CHUNK_BYTES   65536u
#define CHUNK_STRIDE  (CHUNK_BYTES + 512u)

struct file {
	uint8_t *bytes;
	size_t size;
};

/* A slot's value, and which slot it is in. */
struct opened {
	uint32_t slot;
	uint8_t data[SLOT_BYTES];
};

struct thief {
	const struct skex_crypto *crypto;
	uint8_t kek[32];
	struct file *files;
	size_t files_count;
	struct opened *slots;
	size_t slots_count;
	struct file *values;
	size_t values_count;
};

static const uint8_t zero[16];

static void *need(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static uint64_t number_at(const uint8_t *at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

static void number_put(uint8_t *at, uint64_t value, size_t size)
{
	for (size_t i = size; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

static bool kdf(const struct thief *thief, const uint8_t key[static 32], const char *label,
	const uint8_t *context, size_t size, uint8_t out[static 32])
{
	return skex_kdf(thief->crypto, key, label, skex_view(context, size), out, 32) == SKEX_OK;
}

static bool aead(const struct thief *thief, const uint8_t key[static 32],
	struct skex_view associated, struct skex_view sealed, const uint8_t *tag, uint8_t *out)
{
	return thief->crypto->aead_open(thief->crypto->context, SKEX_AEAD_AES_256_GCM, key, zero,
		       associated, sealed, tag, out) == SKEX_OK;
}

/* ---- the key slots ---- */

static void copy_try(struct thief *thief, const uint8_t file_key[static 32], const uint8_t *id,
	uint32_t slot, const uint8_t *copy)
{
	uint8_t context[28], associated[28], key[32];
	struct opened opened = {.slot = slot};

	memcpy(context, copy + 8, 24);
	number_put(context + 24, slot, 4);
	memcpy(associated, id, 16);
	number_put(associated + 16, slot, 4);
	memcpy(associated + 20, copy, 8);
	if (copy[0] != 1 || !kdf(thief, file_key, "skex slot", context, sizeof(context), key) ||
		!aead(thief, key, skex_view(associated, sizeof(associated)),
			skex_view(copy + 48, SLOT_BYTES), copy + 32, opened.data))
		return;
	thief->slots =
		need(realloc(thief->slots, (thief->slots_count + 1) * sizeof(*thief->slots)));
	thief->slots[thief->slots_count++] = opened;
}

static void slots_open(struct thief *thief, const struct file *file)
{
	const uint8_t *id = file->bytes + 16;
	uint8_t key[32];

	if (file->size < PAGE_BYTES || memcmp(file->bytes, "skexslot", 8) != 0 ||
		!kdf(thief, thief->kek, "skex key slots", id, 16, key))
		return;
	for (size_t at = PAGE_BYTES; at + COPY_BYTES <= file->size; at += COPY_BYTES) {
		size_t page = (at - PAGE_BYTES) / PAGE_BYTES;
		size_t slot = page / 2 * 32 + at % PAGE_BYTES / COPY_BYTES;
		copy_try(thief, key, id, (uint32_t)slot, file->bytes + at);
	}
}

/* ---- secret records ---- */

static void value_add(struct thief *thief, uint8_t *bytes, size_t size)
{
	thief->values =
		need(realloc(thief->values, (thief->values_count + 1) * sizeof(*thief->values)));
	thief->values[thief->values_count++] = (struct file){bytes, size};
}

/* Is there a secret record here, with the table and the kind of one?  Then it is tried with every
 * key that its slot ever held. */
static void record_try(struct thief *thief, const uint8_t *at, size_t room)
{
	uint8_t associated[165];
	size_t key_size = (size_t)number_at(at + 18, 2), value_size = (size_t)number_at(at + 20, 4);
	uint32_t slot = (uint32_t)number_at(at + 24, 4);

	if (key_size > 160 || value_size < 16 || number_at(at + 28, 4) != 0 || value_size > room ||
		32 + key_size > room - value_size)
		return;
	const uint8_t *value = at + 32 + key_size;
	associated[0] = at[16];
	number_put(associated + 1, slot, 4);
	memcpy(associated + 5, at + 32, key_size);
	for (size_t i = 0; i < thief->slots_count; i++) {
		if (thief->slots[i].slot != slot)
			continue;
		uint8_t *plain = need(malloc(value_size));
		if (aead(thief, thief->slots[i].data, skex_view(associated, 5 + key_size),
			    skex_view(value, value_size - 16), value + value_size - 16, plain))
			value_add(thief, plain, value_size - 16);
		else
			free(plain);
	}
}

static bool is_pad(const struct file *file)
{
	return file->size >= 8 && memcmp(file->bytes, "skexpadf", 8) == 0;
}

/* Anywhere but in pads, which hold no records and take long to go through. */
static void records_open(struct thief *thief, const struct file *file)
{
	if (is_pad(file))
		return;
	for (size_t at = 0; at + 32 <= file->size; at += 8) {
		const uint8_t *bytes = file->bytes + at;

		if (bytes[16] != 0 && bytes[16] <= 31 && bytes[17] == 2)
			record_try(thief, bytes, file->size - at);
	}
}

/* ---- the thief ---- */

static void take_file(void *owner, const char *path, const uint8_t *bytes, size_t size)
{
	struct thief *thief = owner;
	struct file file = {need(malloc(size)), size};

	(void)path;
	memcpy(file.bytes, bytes, size);
	thief->files =
		need(realloc(thief->files, (thief->files_count + 1) * sizeof(*thief->files)));
	thief->files[thief->files_count++] = file;
}

struct thief *thief_new(
	const struct disk *disk, const struct skex_crypto *crypto, const uint8_t kek[static 32])
{
	struct thief *thief = need(calloc(1, sizeof(*thief)));

	thief->crypto = crypto;
	memcpy(thief->kek, kek, 32);
	disk_image(disk, take_file, thief);
	for (size_t i = 0; i < thief->files_count; i++)
		slots_open(thief, &thief->files[i]);
	for (size_t i = 0; i < thief->files_count; i++)
		records_open(thief, &thief->files[i]);
	return thief;
}

void thief_free(struct thief *thief)
{
	for (size_t i = 0; i < thief->files_count; i++)
		free(thief->files[i].bytes);
	for (size_t i = 0; i < thief->values_count; i++)
		free(thief->values[i].bytes);
	free(thief->files);
	free(thief->values);
	free(thief->slots);
	free(thief);
}

size_t thief_count(const struct thief *thief)
{
	return thief->values_count;
}

bool thief_has(const struct thief *thief, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < thief->values_count; i++) {
		if (memmem(thief->values[i].bytes, thief->values[i].size, bytes, size) != NULL)
			return true;
	}
	return false;
}

/* ---- the pad ---- */

struct pad_view {
	const struct thief *thief;
	const struct file *file;
	const uint8_t *original;
	size_t size;
	uint8_t *found;
};

static size_t segment_size(const struct pad_view *view, uint64_t at)
{
	if (at >= view->size)
		return 0;
	return view->size - at < SEGMENT_BYTES ? view->size - (size_t)at : SEGMENT_BYTES;
}

static void mark(const struct pad_view *view, uint64_t at, const uint8_t *plain, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (view->original[at + i] == plain[i])
			view->found[at + i] = 1;
	}
}

/* All segments from j on, with the ratchet from this key; in case the key is another chunk's, no
 * tag fits. */
static void chunk_try(const struct pad_view *view, uint64_t chunk, unsigned j, const uint8_t *start)
{
	uint8_t key[32], next[32], segment_key[32], context[9], associated[25];
	uint8_t plain[SEGMENT_BYTES];
	size_t base = 16384 + (size_t)chunk * CHUNK_STRIDE;

	memcpy(key, start, 32);
	for (; j < SEGMENTS; j++) {
		uint64_t at = chunk * CHUNK_BYTES + j * SEGMENT_BYTES;
		size_t size = segment_size(view, at);
		number_put(context, chunk, 8);
		context[8] = (uint8_t)j;
		memcpy(associated, view->file->bytes + 16, 16);
		memcpy(associated + 16, context, 9);
		const uint8_t *sealed = view->file->bytes + base + j * SEGMENT_BYTES;
		const uint8_t *tag = view->file->bytes + base + CHUNK_BYTES + j * 16u;
		if (size > 0 &&
			kdf(view->thief, key, "pad segment", context, sizeof(context),
				segment_key) &&
			aead(view->thief, segment_key, skex_view(associated, sizeof(associated)),
				skex_view(sealed, size), tag, plain))
			mark(view, at, plain, size);
		kdf(view->thief, key, "pad next", NULL, 0, next);
		memcpy(key, next, 32);
	}
}

/* Either tail area under this key, as the tail of one place. */
static void tail_try_at(const struct pad_view *view, uint64_t chunk, unsigned j, unsigned offset,
	const uint8_t *key)
{
	uint8_t associated[27], plain[SEGMENT_BYTES];
	uint64_t at = chunk * CHUNK_BYTES + (uint64_t)j * SEGMENT_BYTES;
	size_t size = segment_size(view, at);

	if (offset >= size)
		return;
	memcpy(associated, view->file->bytes + 16, 16);
	number_put(associated + 16, chunk, 8);
	associated[24] = (uint8_t)j;
	number_put(associated + 25, offset, 2);
	for (size_t area = 0; area < 2; area++) {
		const uint8_t *sealed = view->file->bytes + 4096 + area * 4608;
		if (aead(view->thief, key, skex_view(associated, sizeof(associated)),
			    skex_view(sealed, size - offset), sealed + 4096, plain))
			mark(view, at + offset, plain, size - offset);
	}
}

/* The place that the slot means, and those shortly before: the key could have served for them too.
 */
static void tail_try(const struct pad_view *view, uint64_t chunk, unsigned j, unsigned offset,
	const uint8_t *key)
{
	for (unsigned before = 0; before <= offset; before += 16)
		tail_try_at(view, chunk, j, before, key);
	for (unsigned before = 0; j > 0 && before < SEGMENT_BYTES; before += 16)
		tail_try_at(view, chunk, j - 1, before, key);
}

void thief_pad(const struct thief *thief, const uint8_t *original, size_t size, uint8_t *found)
{
	memset(found, 0, size);
	for (size_t i = 0; i < thief->files_count; i++) {
		const struct file *file = &thief->files[i];
		struct pad_view view = {thief, file, original, size, found};
		size_t chunks = (size + CHUNK_BYTES - 1) / CHUNK_BYTES;
		if (file->size < 16384 + chunks * CHUNK_STRIDE || !is_pad(file))
			continue;
		for (size_t k = 0; k < thief->slots_count; k++) {
			const struct opened *slot = &thief->slots[k];
			unsigned first = slot->data[64];
			if (slot->slot >= chunks || first > SEGMENTS)
				continue;
			if (first < SEGMENTS)
				chunk_try(&view, slot->slot, first, slot->data);
			if (first > 0)
				tail_try(&view, slot->slot, first - 1,
					(unsigned)number_at(slot->data + 66, 2), slot->data + 32);
		}
	}
}
