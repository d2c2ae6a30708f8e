/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/log.h"

/* ---- secret values ---- */

#define BINDING_MAX (5u + SKEX_STORE_KEY_MAX)

static const uint8_t nonce_zero[SKEX_AEAD_NONCE_BYTES];

/* The associated data of a value: u8 table | u32 slot | key. */
static struct skex_view binding(
	uint8_t out[static BINDING_MAX], uint8_t table, uint32_t slot, struct skex_view key)
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, BINDING_MAX);
	skex_write_u8(&writer, table);
	skex_write_u32(&writer, slot);
	skex_write_bytes(&writer, key.data, key.size);
	return skex_view(out, writer.at);
}

enum skex_error skex_log_value_seal(struct skex_log *log, uint8_t table, struct skex_view key,
	uint32_t slot, struct skex_view plain, uint8_t *out)
{
	uint8_t associated[BINDING_MAX];
	uint8_t *data = skex_secret_new(SKEX_SLOT_BYTES);

	if (data == NULL)
		return SKEX_E_MEMORY;
	/* The key is fresh and seals this one value: the nonce may be constant. */
	enum skex_error error =
		log->platform->random(log->platform->context, data, SKEX_AEAD_KEY_BYTES);
	if (error == SKEX_OK) {
		error = skex_key_slots_put(log->slots.file, slot, data);
		/* A slot that may be half-written is no reason to trust the disk any longer. */
		if (error == SKEX_E_IO || error == SKEX_E_SPACE || error == SKEX_E_CORRUPT)
			skex_log_fail(log, error);
	}
	if (error == SKEX_OK) {
		error = log->crypto->aead_seal(log->crypto->context, SKEX_AEAD_AES_256_GCM, data,
			nonce_zero, binding(associated, table, slot, key), plain, out,
			out + plain.size);
	}
	skex_secret_free(data);
	return error;
}

enum skex_error skex_log_value_open(
	struct skex_log *log, const struct skex_log_record *record, uint8_t *out)
{
	uint8_t associated[BINDING_MAX];

	if (record->value.size < SKEX_AEAD_TAG_BYTES)
		return SKEX_E_CORRUPT;
	uint8_t *data = skex_secret_new(SKEX_SLOT_BYTES);
	if (data == NULL)
		return SKEX_E_MEMORY;
	struct skex_view sealed =
		skex_view(record->value.data, record->value.size - SKEX_AEAD_TAG_BYTES);
	enum skex_error error = skex_key_slots_get(log->slots.file, record->slot, data);
	if (error == SKEX_OK) {
		error = log->crypto->aead_open(log->crypto->context, SKEX_AEAD_AES_256_GCM, data,
			nonce_zero, binding(associated, record->table, record->slot, record->key),
			sealed, sealed.data + sealed.size, out);
	}
	skex_secret_free(data);
	/* What was put in before could not be written: as when the put itself says so. */
	if (error != SKEX_OK && skex_key_slots_failed(log->slots.file) != SKEX_OK) {
		skex_log_fail(log, skex_key_slots_failed(log->slots.file));
		return SKEX_E_IO;
	}
	/* A live record has its key, or the state is damaged. */
	return error == SKEX_E_UNKNOWN || error == SKEX_E_AUTH ? SKEX_E_CORRUPT : error;
}

/* ---- reading ---- */

static size_t plain_size(const struct skex_log_entry *entry)
{
	size_t sealing = entry->kind == SKEX_LOG_PUT_SECRET ? SKEX_AEAD_TAG_BYTES : 0;

	return entry->value_size < sealing ? 0 : entry->value_size - sealing;
}

/* Reads the record that an entry names and verifies it.  bytes has room for it. */
static enum skex_error record_read(struct skex_log *log, const struct skex_log_entry *entry,
	uint8_t *bytes, struct skex_log_record *record)
{
	struct skex_log_segment *segment = skex_log_segment_of(log, entry->segment);
	size_t size = skex_log_record_size(entry->key_size, entry->value_size);

	if (segment == NULL)
		return SKEX_E_CORRUPT;
	enum skex_error error = skex_log_segment_read(log, segment, entry->offset, bytes, size);
	if (error == SKEX_OK)
		error = skex_log_record_decode(record, bytes, size);
	if (error == SKEX_OK)
		error = skex_log_record_verify(segment, log->crypto, entry->offset, bytes, record);
	if (error == SKEX_OK &&
		(record->table != entry->table || record->size != size ||
			!skex_view_equal(record->key, skex_log_entry_key(entry))))
		error = SKEX_E_CORRUPT;
	return error;
}

static enum skex_error value_read(
	struct skex_log *log, const struct skex_log_entry *entry, uint8_t *out)
{
	struct skex_log_record record;
	uint8_t few[1024];
	size_t size = skex_log_record_size(entry->key_size, entry->value_size);
	uint8_t *bytes = size <= sizeof(few) ? few : malloc(size);

	if (bytes == NULL)
		return SKEX_E_MEMORY;
	enum skex_error error = record_read(log, entry, bytes, &record);
	if (error == SKEX_OK && entry->kind == SKEX_LOG_PUT_SECRET)
		error = skex_log_value_open(log, &record, out);
	else if (error == SKEX_OK && record.value.size > 0)
		memcpy(out, record.value.data, record.value.size);
	if (bytes != few)
		free(bytes);
	return error;
}

enum skex_error skex_log_get(struct skex_store *store, uint8_t table, struct skex_view key,
	uint8_t *out, size_t room, size_t *size)
{
	struct skex_log *log = skex_log_of(store);

	if (log->failed != SKEX_OK)
		return log->failed;
	const struct skex_log_entry *entry = skex_log_index_find(&log->index, table, key);
	if (entry == NULL)
		return SKEX_E_UNKNOWN;
	size_t need = plain_size(entry);
	if (need > room) {
		*size = need;
		return SKEX_E_SPACE;
	}
	enum skex_error error = value_read(log, entry, out);
	if (error == SKEX_OK)
		*size = need;
	return error;
}

/* Values of tables may be secret: the buffer for all of them is locked memory. */
static enum skex_error visit_one(struct skex_log *log, const struct skex_log_entry *entry,
	uint8_t **buffer, size_t *room,
	enum skex_error (*visit)(void *owner, struct skex_view key, struct skex_view value),
	void *owner)
{
	size_t size = plain_size(entry);

	if (size > *room || *buffer == NULL) {
		skex_secret_free(*buffer);
		*room = size < 4096 ? 4096 : size;
		*buffer = skex_secret_new(*room);
		if (*buffer == NULL)
			return SKEX_E_MEMORY;
	}
	enum skex_error error = value_read(log, entry, *buffer);
	return error == SKEX_OK ? visit(owner, skex_log_entry_key(entry), skex_view(*buffer, size))
				: error;
}

enum skex_error skex_log_each(struct skex_store *store, uint8_t table, struct skex_view prefix,
	enum skex_error (*visit)(void *owner, struct skex_view key, struct skex_view value),
	void *owner)
{
	struct skex_log *log = skex_log_of(store);
	uint8_t *buffer = NULL;
	size_t room = 0;
	enum skex_error error = log->failed;

	if (error != SKEX_OK)
		return error;
	for (const struct skex_log_entry *entry = skex_log_index_seek(&log->index, table, prefix);
		entry != NULL && entry->table == table && error == SKEX_OK;
		entry = entry->next[0]) {
		struct skex_view key = skex_log_entry_key(entry);
		if (key.size < prefix.size ||
			!skex_view_equal(skex_view(key.data, prefix.size), prefix))
			break;
		error = visit_one(log, entry, &buffer, &room, visit, owner);
	}
	skex_secret_free(buffer);
	return error;
}
