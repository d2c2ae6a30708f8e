/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_segment.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "platform/memory.h"

#define SEGMENT_MAGIC       UINT64_C(0x736B6578736C6F67) /* "skexslog" */
#define FRAME_MAGIC         UINT32_C(0x736B7866)         /* "skxf" */
#define HEADER_TAGGED_BYTES 72u
#define FRAME_TAGGED_BYTES  32u
#define TAG_BYTES           SKEX_AEAD_TAG_BYTES

enum tagged {
	TAGGED_RECORD = 1,
	TAGGED_FRAME = 2,
	TAGGED_HEADER = 3,
};

struct skex_log_segment *skex_log_segment_new(uint32_t number)
{
	struct skex_log_segment *segment = calloc(1, sizeof(*segment));

	if (segment == NULL)
		return NULL;
	segment->key = skex_secret_new(SKEX_AEAD_KEY_BYTES);
	if (segment->key == NULL) {
		free(segment);
		return NULL;
	}
	segment->number = number;
	return segment;
}

void skex_log_segment_free(struct skex_log_segment *segment, const struct skex_platform *platform)
{
	if (segment == NULL)
		return;
	platform->files->close(segment->file);
	if (segment->gmac != NULL)
		segment->crypto->gmac_free(segment->gmac);
	skex_secret_free(segment->key);
	free(segment);
}

enum skex_error skex_log_segment_path(
	char path[static 4096], const char *directory, uint32_t number, bool named)
{
	int size = snprintf(
		path, 4096, "%s/%08u.%s", directory, (unsigned)number, named ? "log" : "new");

	return size > 0 && size < 4096 ? SKEX_OK : SKEX_E_ARGUMENT;
}

static enum skex_error gmac(const struct skex_log_segment *segment,
	const struct skex_crypto *crypto, uint64_t offset, enum tagged tagged,
	struct skex_view bytes, uint8_t tag[static TAG_BYTES])
{
	uint8_t nonce[SKEX_AEAD_NONCE_BYTES], nothing[1] = {0};
	struct skex_writer writer;

	skex_writer_init(&writer, nonce, sizeof(nonce));
	skex_write_u64(&writer, offset);
	skex_write_u32(&writer, tagged);
	if (segment->gmac != NULL)
		return crypto->gmac(segment->gmac, nonce, bytes, tag);
	return crypto->aead_seal(crypto->context, SKEX_AEAD_AES_256_GCM, segment->key, nonce, bytes,
		skex_view(nothing, 0), nothing, tag);
}

/* ---- header ---- */

enum skex_error skex_log_segment_key(struct skex_log_segment *segment,
	const struct skex_crypto *crypto, const uint8_t kek[static SKEX_KEK_BYTES],
	const struct skex_log_header *header)
{
	uint8_t context[36];
	struct skex_writer writer;
	enum skex_error error;

	skex_writer_init(&writer, context, sizeof(context));
	skex_write_bytes(&writer, header->store, sizeof(header->store));
	skex_write_u32(&writer, header->number);
	skex_write_bytes(&writer, header->salt, sizeof(header->salt));
	error = skex_kdf(crypto, kek, "skex log segment", skex_view(context, sizeof(context)),
		segment->key, SKEX_AEAD_KEY_BYTES);
	if (error != SKEX_OK || crypto->gmac_new == NULL)
		return error;
	if (segment->gmac != NULL)
		segment->crypto->gmac_free(segment->gmac);
	segment->gmac = NULL;
	segment->crypto = crypto;
	return crypto->gmac_new(crypto->context, segment->key, &segment->gmac);
}

enum skex_error skex_log_header_encode(const struct skex_log_segment *segment,
	const struct skex_crypto *crypto, const struct skex_log_header *header,
	uint8_t out[static SKEX_LOG_HEADER_BYTES])
{
	struct skex_writer writer;

	memset(out, 0, SKEX_LOG_HEADER_BYTES);
	skex_writer_init(&writer, out, SKEX_LOG_HEADER_BYTES);
	skex_write_u64(&writer, SEGMENT_MAGIC);
	skex_write_u32(&writer, SKEX_LOG_VERSION);
	skex_write_u32(&writer, header->number);
	skex_write_bytes(&writer, header->store, sizeof(header->store));
	skex_write_bytes(&writer, header->salt, sizeof(header->salt));
	skex_write_u64(&writer, header->sequence);
	skex_write_u64(&writer, header->previous_end);
	skex_write_u32(&writer, header->oldest);
	return gmac(segment, crypto, 0, TAGGED_HEADER, skex_view(out, HEADER_TAGGED_BYTES),
		out + HEADER_TAGGED_BYTES);
}

enum skex_error skex_log_header_decode(struct skex_log_segment *segment,
	const struct skex_crypto *crypto, const uint8_t kek[static SKEX_KEK_BYTES],
	const uint8_t in[static SKEX_LOG_HEADER_BYTES], struct skex_log_header *header)
{
	struct skex_log_header read = {0};
	struct skex_reader reader;
	uint8_t tag[TAG_BYTES];

	skex_reader_init(&reader, skex_view(in, SKEX_LOG_HEADER_BYTES));
	if (skex_read_u64(&reader) != SEGMENT_MAGIC)
		return SKEX_E_CORRUPT;
	if (skex_read_u32(&reader) != SKEX_LOG_VERSION)
		return SKEX_E_VERSION;
	read.number = skex_read_u32(&reader);
	skex_read_bytes(&reader, read.store, sizeof(read.store));
	skex_read_bytes(&reader, read.salt, sizeof(read.salt));
	read.sequence = skex_read_u64(&reader);
	read.previous_end = skex_read_u64(&reader);
	read.oldest = skex_read_u32(&reader);

	enum skex_error error = skex_log_segment_key(segment, crypto, kek, &read);
	if (error == SKEX_OK) {
		error = gmac(
			segment, crypto, 0, TAGGED_HEADER, skex_view(in, HEADER_TAGGED_BYTES), tag);
	}
	if (error != SKEX_OK)
		return error;
	if (!skex_ct_equal(tag, in + HEADER_TAGGED_BYTES, TAG_BYTES) ||
		read.number != segment->number)
		return SKEX_E_CORRUPT;
	*header = read;
	return SKEX_OK;
}

/* ---- records ---- */

size_t skex_log_record_size(size_t key_size, size_t value_size)
{
	return (SKEX_LOG_RECORD_BYTES + key_size + value_size + 7u) / 8u * 8u;
}

void skex_log_record_begin(uint8_t *at, uint8_t table, uint8_t kind, uint32_t slot,
	struct skex_view key, uint32_t value_size)
{
	struct skex_writer writer;

	skex_writer_init(&writer, at, SKEX_LOG_RECORD_BYTES + key.size);
	memset(at, 0, TAG_BYTES);
	writer.at = TAG_BYTES;
	skex_write_u8(&writer, table);
	skex_write_u8(&writer, kind);
	skex_write_u16(&writer, (uint16_t)key.size);
	skex_write_u32(&writer, value_size);
	skex_write_u32(&writer, slot);
	skex_write_u32(&writer, 0);
	skex_write_bytes(&writer, key.data, key.size);
}

/* Head and key; *value_size is what follows them. */
static enum skex_error record_head(
	struct skex_log_record *record, struct skex_reader *reader, size_t *value_size)
{
	struct skex_log_record read = {0};

	skex_read_view(reader, TAG_BYTES);
	read.table = skex_read_u8(reader);
	read.kind = skex_read_u8(reader);
	size_t key_size = skex_read_u16(reader);
	size_t size = skex_read_u32(reader);
	read.slot = skex_read_u32(reader);
	uint32_t zero = skex_read_u32(reader);
	read.key = skex_read_view(reader, key_size);
	if (reader->failed || zero != 0 || key_size > SKEX_STORE_KEY_MAX ||
		size > SKEX_STORE_VALUE_MAX + TAG_BYTES)
		return SKEX_E_CORRUPT;
	read.size = skex_log_record_size(key_size, size);
	*record = read;
	*value_size = size;
	return SKEX_OK;
}

enum skex_error skex_log_record_peek(struct skex_log_record *record, const uint8_t *at, size_t room)
{
	struct skex_reader reader;
	size_t value_size;

	skex_reader_init(&reader, skex_view(at, room));
	return record_head(record, &reader, &value_size);
}

enum skex_error skex_log_record_decode(
	struct skex_log_record *record, const uint8_t *at, size_t room)
{
	struct skex_log_record read;
	struct skex_reader reader;
	size_t value_size;

	skex_reader_init(&reader, skex_view(at, room));
	enum skex_error error = record_head(&read, &reader, &value_size);
	if (error != SKEX_OK)
		return error;
	if (read.size > room)
		return SKEX_E_CORRUPT;
	read.value = skex_read_view(&reader, value_size);
	if (!skex_ct_is_zero(at + reader.at, read.size - reader.at))
		return SKEX_E_CORRUPT;
	*record = read;
	return SKEX_OK;
}

static struct skex_view record_tagged(const uint8_t *at, const struct skex_log_record *record)
{
	return skex_view(at + TAG_BYTES,
		SKEX_LOG_RECORD_BYTES - TAG_BYTES + record->key.size + record->value.size);
}

enum skex_error skex_log_record_verify(const struct skex_log_segment *segment,
	const struct skex_crypto *crypto, uint64_t offset, const uint8_t *at,
	const struct skex_log_record *record)
{
	uint8_t tag[TAG_BYTES];
	enum skex_error error =
		gmac(segment, crypto, offset, TAGGED_RECORD, record_tagged(at, record), tag);

	if (error != SKEX_OK)
		return error;
	return skex_ct_equal(tag, at, TAG_BYTES) ? SKEX_OK : SKEX_E_CORRUPT;
}

/* ---- frames ---- */

/* The tag of a frame covers its head and the tags of its records; those are gathered for it. */
struct gathered {
	uint8_t *bytes;
	size_t size;
	uint8_t few[FRAME_TAGGED_BYTES + 30 * TAG_BYTES]; /* for most transactions */
};

static enum skex_error gather(struct gathered *gathered, const uint8_t *head, uint32_t records)
{
	size_t room = FRAME_TAGGED_BYTES + (size_t)records * TAG_BYTES;

	gathered->bytes = room <= sizeof(gathered->few) ? gathered->few : malloc(room);
	if (gathered->bytes == NULL)
		return SKEX_E_MEMORY;
	memcpy(gathered->bytes, head, FRAME_TAGGED_BYTES);
	gathered->size = FRAME_TAGGED_BYTES;
	return SKEX_OK;
}

static void gather_tag(struct gathered *gathered, const uint8_t *tag)
{
	memcpy(gathered->bytes + gathered->size, tag, TAG_BYTES);
	gathered->size += TAG_BYTES;
}

static void gather_end(struct gathered *gathered)
{
	if (gathered->bytes != gathered->few)
		free(gathered->bytes);
}

enum skex_error skex_log_frame_seal(const struct skex_log_segment *segment,
	const struct skex_crypto *crypto, uint64_t offset, const struct skex_log_frame *head,
	uint8_t *frame)
{
	struct skex_writer writer;
	struct gathered gathered;
	struct skex_log_record record;

	skex_writer_init(&writer, frame, FRAME_TAGGED_BYTES);
	skex_write_u32(&writer, FRAME_MAGIC);
	skex_write_u32(&writer, head->size);
	skex_write_u32(&writer, head->records);
	skex_write_u32(&writer, 0);
	skex_write_u64(&writer, head->sequence);
	skex_write_u64(&writer, head->durable);
	enum skex_error error = gather(&gathered, frame, head->records);
	if (error != SKEX_OK)
		return error;
	size_t at = SKEX_LOG_FRAME_BYTES;
	for (uint32_t i = 0; i < head->records && error == SKEX_OK; i++) {
		error = skex_log_record_decode(&record, frame + at, head->size - at);
		if (error != SKEX_OK)
			break;
		error = gmac(segment, crypto, offset + at, TAGGED_RECORD,
			record_tagged(frame + at, &record), frame + at);
		gather_tag(&gathered, frame + at);
		at += record.size;
	}
	if (error == SKEX_OK) {
		error = gmac(segment, crypto, offset, TAGGED_FRAME,
			skex_view(gathered.bytes, gathered.size), frame + FRAME_TAGGED_BYTES);
	}
	gather_end(&gathered);
	return error;
}

bool skex_log_frame_begins(const uint8_t at[static 4])
{
	return at[0] == (uint8_t)(FRAME_MAGIC >> 24) && at[1] == (uint8_t)(FRAME_MAGIC >> 16) &&
		at[2] == (uint8_t)(FRAME_MAGIC >> 8) && at[3] == (uint8_t)FRAME_MAGIC;
}

enum skex_error skex_log_frame_decode(
	struct skex_log_frame *head, const uint8_t at[static SKEX_LOG_FRAME_BYTES])
{
	struct skex_log_frame read;
	struct skex_reader reader;

	skex_reader_init(&reader, skex_view(at, SKEX_LOG_FRAME_BYTES));
	uint32_t magic = skex_read_u32(&reader);
	read.size = skex_read_u32(&reader);
	read.records = skex_read_u32(&reader);
	uint32_t zero = skex_read_u32(&reader);
	read.sequence = skex_read_u64(&reader);
	read.durable = skex_read_u64(&reader);
	if (magic != FRAME_MAGIC || zero != 0 || read.size % 8 != 0 ||
		read.size > SKEX_LOG_FRAME_MAX || read.records == 0 ||
		read.size < SKEX_LOG_FRAME_BYTES ||
		read.records > (read.size - SKEX_LOG_FRAME_BYTES) / SKEX_LOG_RECORD_BYTES)
		return SKEX_E_CORRUPT;
	*head = read;
	return SKEX_OK;
}

enum skex_error skex_log_frame_verify(const struct skex_log_segment *segment,
	const struct skex_crypto *crypto, uint64_t offset, const struct skex_log_frame *head,
	const uint8_t *frame)
{
	struct gathered gathered;
	struct skex_log_record record;
	uint8_t tag[TAG_BYTES];
	enum skex_error error = gather(&gathered, frame, head->records);

	if (error != SKEX_OK)
		return error;
	size_t at = SKEX_LOG_FRAME_BYTES;
	for (uint32_t i = 0; i < head->records && error == SKEX_OK; i++) {
		error = skex_log_record_decode(&record, frame + at, head->size - at);
		if (error == SKEX_OK)
			error = skex_log_record_verify(
				segment, crypto, offset + at, frame + at, &record);
		if (error == SKEX_OK) {
			gather_tag(&gathered, frame + at);
			at += record.size;
		}
	}
	if (error == SKEX_OK && at != head->size)
		error = SKEX_E_CORRUPT;
	if (error == SKEX_OK) {
		error = gmac(segment, crypto, offset, TAGGED_FRAME,
			skex_view(gathered.bytes, gathered.size), tag);
	}
	if (error == SKEX_OK && !skex_ct_equal(tag, frame + FRAME_TAGGED_BYTES, TAG_BYTES))
		error = SKEX_E_CORRUPT;
	gather_end(&gathered);
	return error;
}
