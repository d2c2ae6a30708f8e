/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "store/key_slots_internal.h"

#define SALT_BYTES 24u

/* Each copy has a key of its own. */
static const uint8_t nonce_zero[SKEX_AEAD_NONCE_BYTES];

static uint64_t offset_of(uint32_t slot, unsigned which)
{
	return SKEX_SLOTS_PAGE_BYTES +
		(uint64_t)(slot / SKEX_SLOTS_PER_GROUP) * SKEX_SLOTS_GROUP_BYTES +
		which * SKEX_SLOTS_PAGE_BYTES +
		(uint64_t)(slot % SKEX_SLOTS_PER_GROUP) * SKEX_SLOT_COPY_BYTES;
}

static void gathered_drop(struct skex_key_slots *slots, unsigned which)
{
	free(slots->gathered[which]);
	slots->gathered[which] = NULL;
}

static void gathered_write(struct skex_key_slots *slots, unsigned which)
{
	const struct skex_slots_gathered *gathered = slots->gathered[which];

	if (gathered == NULL)
		return;
	if (slots->failed == SKEX_OK)
		slots->failed = slots->platform->files->write(
			slots->file, gathered->offset, gathered->bytes, gathered->size);
	gathered_drop(slots, which);
}

enum skex_error skex_key_slots_write_gathered(struct skex_key_slots *slots)
{
	gathered_write(slots, 0);
	gathered_write(slots, 1);
	return slots->failed;
}

static enum skex_error gather(struct skex_key_slots *slots, uint32_t slot, unsigned which,
	const uint8_t bytes[static SKEX_SLOT_COPY_BYTES])
{
	const uint64_t offset = offset_of(slot, which);
	struct skex_slots_gathered *gathered = slots->gathered[which];

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
				slots->file, offset, bytes, SKEX_SLOT_COPY_BYTES);
		gathered->offset = offset;
		gathered->size = 0;
		slots->gathered[which] = gathered;
	}
	memcpy(gathered->bytes + gathered->size, bytes, SKEX_SLOT_COPY_BYTES);
	gathered->size += SKEX_SLOT_COPY_BYTES;
	return SKEX_OK;
}

/* Reads of the file, with all that was written. */
static enum skex_error slots_read(
	struct skex_key_slots *slots, uint64_t offset, uint8_t *out, size_t size)
{
	enum skex_error error = skex_key_slots_write_gathered(slots);

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
	uint64_t head, uint8_t out[static SKEX_SLOTS_ID_BYTES + 12])
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, SKEX_SLOTS_ID_BYTES + 12);
	skex_write_bytes(&writer, slots->id, SKEX_SLOTS_ID_BYTES);
	skex_write_u32(&writer, slot);
	skex_write_u64(&writer, head);
	return skex_view(out, SKEX_SLOTS_ID_BYTES + 12);
}

enum skex_error skex_key_slots_copy_write(struct skex_key_slots *slots, uint32_t slot,
	unsigned which, enum skex_slot_kind kind, uint64_t sequence,
	const uint8_t data[static SKEX_SLOT_BYTES])
{
	uint8_t salt[SALT_BYTES], tag[SKEX_AEAD_TAG_BYTES], key[SKEX_AEAD_KEY_BYTES];
	uint8_t sealed[SKEX_SLOT_BYTES], bytes[SKEX_SLOT_COPY_BYTES],
		associated[SKEX_SLOTS_ID_BYTES + 12];
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

enum skex_error skex_key_slots_copy_clear(
	struct skex_key_slots *slots, uint32_t slot, unsigned which)
{
	static const uint8_t zero[SKEX_SLOT_COPY_BYTES];

	return gather(slots, slot, which, zero);
}

enum skex_error skex_key_slots_copy_read(
	struct skex_key_slots *slots, uint32_t slot, unsigned which, struct skex_slot_copy *copy)
{
	uint8_t bytes[SKEX_SLOT_COPY_BYTES], key[SKEX_AEAD_KEY_BYTES],
		associated[SKEX_SLOTS_ID_BYTES + 12];
	struct skex_reader reader;

	enum skex_error error = slots_read(slots, offset_of(slot, which), bytes, sizeof(bytes));
	if (error != SKEX_OK)
		return error;
	copy->kind = SKEX_SLOT_EMPTY;
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
		(error == SKEX_OK && kind != SKEX_SLOT_VALUE && kind != SKEX_SLOT_DESTROYED)) {
		copy->kind = SKEX_SLOT_DAMAGED;
		return SKEX_OK;
	}
	copy->kind = kind == SKEX_SLOT_VALUE ? SKEX_SLOT_VALUE : SKEX_SLOT_DESTROYED;
	copy->sequence = head & SKEX_SLOT_SEQUENCE_MAX;
	return error;
}

enum skex_error skex_key_slots_copy_kind(
	struct skex_key_slots *slots, uint32_t slot, unsigned which, uint8_t *kind)
{
	return slots_read(slots, offset_of(slot, which), kind, 1);
}
