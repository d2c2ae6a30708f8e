/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "store/pad_internal.h"

#define MAGIC               UINT64_C(0x736B657870616466) /* "skexpadf" */
#define HEADER_TAGGED_BYTES 48u
#define ASSOCIATED_MAX      (SKEX_PAD_ID_BYTES + 11u)

static const uint8_t nonce_zero[SKEX_AEAD_NONCE_BYTES];

uint64_t skex_pad_chunk_offset(uint32_t chunk)
{
	return SKEX_PAD_CHUNKS_AT + (uint64_t)chunk * SKEX_PAD_CHUNK_STRIDE;
}

uint64_t skex_pad_tail_offset(unsigned area)
{
	return SKEX_PAD_TAILS_AT + (uint64_t)(area - 1) * SKEX_PAD_TAIL_STRIDE;
}

size_t skex_pad_segment_size(uint64_t pad_size, uint32_t chunk, unsigned segment)
{
	uint64_t from =
		(uint64_t)chunk * SKEX_PAD_CHUNK_BYTES + (uint64_t)segment * SKEX_PAD_SEGMENT_BYTES;

	if (from >= pad_size)
		return 0;
	return pad_size - from < SKEX_PAD_SEGMENT_BYTES ? (size_t)(pad_size - from)
							: SKEX_PAD_SEGMENT_BYTES;
}

/* ---- keys ---- */

enum skex_error skex_pad_chunk_derive(
	const struct skex_pad_seal *seal, struct skex_pad_chunk *chunk)
{
	for (unsigned j = chunk->first; j + 1 < SKEX_PAD_SEGMENTS; j++) {
		enum skex_error error = skex_kdf(seal->crypto, chunk->keys[j], "pad next",
			skex_view(NULL, 0), chunk->keys[j + 1], sizeof(chunk->keys[j + 1]));
		if (error != SKEX_OK)
			return error;
	}
	return SKEX_OK;
}

static enum skex_error segment_key(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, unsigned segment,
	uint8_t key[static SKEX_AEAD_KEY_BYTES])
{
	uint8_t context[9];
	struct skex_writer writer;

	skex_writer_init(&writer, context, sizeof(context));
	skex_write_u64(&writer, chunk->number);
	skex_write_u8(&writer, (uint8_t)segment);
	return skex_kdf(seal->crypto, chunk->keys[segment], "pad segment",
		skex_view(context, sizeof(context)), key, SKEX_AEAD_KEY_BYTES);
}

void skex_pad_chunk_encode(const struct skex_pad_chunk *chunk, uint8_t data[static SKEX_SLOT_BYTES])
{
	struct skex_writer writer;

	memset(data, 0, SKEX_SLOT_BYTES);
	skex_writer_init(&writer, data, SKEX_SLOT_BYTES);
	if (chunk->first < SKEX_PAD_SEGMENTS)
		memcpy(data, chunk->keys[chunk->first], SKEX_HASH_BYTES);
	writer.at = SKEX_HASH_BYTES;
	skex_write_bytes(&writer, chunk->tail_key, sizeof(chunk->tail_key));
	skex_write_u8(&writer, chunk->first);
	skex_write_u8(&writer, chunk->tail_area);
	skex_write_u16(&writer, chunk->tail_offset);
}

enum skex_error skex_pad_chunk_decode(const struct skex_pad_seal *seal,
	struct skex_pad_chunk *chunk, const uint8_t data[static SKEX_SLOT_BYTES])
{
	struct skex_reader reader;

	skex_reader_init(&reader, skex_view(data, SKEX_SLOT_BYTES));
	struct skex_view key = skex_read_view(&reader, SKEX_HASH_BYTES);
	skex_read_bytes(&reader, chunk->tail_key, sizeof(chunk->tail_key));
	chunk->first = skex_read_u8(&reader);
	chunk->tail_area = skex_read_u8(&reader);
	chunk->tail_offset = skex_read_u16(&reader);
	if (chunk->first > SKEX_PAD_SEGMENTS || chunk->tail_area > 2 ||
		chunk->tail_offset >= SKEX_PAD_SEGMENT_BYTES ||
		(chunk->tail_area != 0 && chunk->first == 0))
		return SKEX_E_CORRUPT;
	if (chunk->first == SKEX_PAD_SEGMENTS)
		return SKEX_OK;
	memcpy(chunk->keys[chunk->first], key.data, SKEX_HASH_BYTES);
	return skex_pad_chunk_derive(seal, chunk);
}

/* ---- segments and tails ---- */

static struct skex_view segment_associated(const struct skex_pad_seal *seal, uint64_t chunk,
	unsigned segment, uint8_t out[static ASSOCIATED_MAX])
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, ASSOCIATED_MAX);
	skex_write_bytes(&writer, seal->id, sizeof(seal->id));
	skex_write_u64(&writer, chunk);
	skex_write_u8(&writer, (uint8_t)segment);
	return skex_view(out, writer.at);
}

static struct skex_view tail_associated(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, uint8_t out[static ASSOCIATED_MAX])
{
	struct skex_writer writer;
	struct skex_view view = segment_associated(seal, chunk->number, chunk->first - 1u, out);

	skex_writer_init(&writer, out + view.size, ASSOCIATED_MAX - view.size);
	skex_write_u16(&writer, chunk->tail_offset);
	return skex_view(out, view.size + writer.at);
}

enum skex_error skex_pad_segment_seal(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, unsigned segment, struct skex_view plain, uint8_t *out,
	uint8_t tag[static SKEX_AEAD_TAG_BYTES])
{
	uint8_t key[SKEX_AEAD_KEY_BYTES], associated[ASSOCIATED_MAX];
	const struct skex_crypto *crypto = seal->crypto;
	enum skex_error error = segment_key(seal, chunk, segment, key);

	if (error == SKEX_OK) {
		error = crypto->aead_seal(crypto->context, SKEX_AEAD_AES_256_GCM, key, nonce_zero,
			segment_associated(seal, chunk->number, segment, associated), plain, out,
			tag);
	}
	skex_wipe(key, sizeof(key));
	return error;
}

enum skex_error skex_pad_segment_open(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, unsigned segment, struct skex_view sealed,
	const uint8_t tag[static SKEX_AEAD_TAG_BYTES], uint8_t *out)
{
	uint8_t key[SKEX_AEAD_KEY_BYTES], associated[ASSOCIATED_MAX];
	const struct skex_crypto *crypto = seal->crypto;
	enum skex_error error = segment_key(seal, chunk, segment, key);

	if (error == SKEX_OK) {
		error = crypto->aead_open(crypto->context, SKEX_AEAD_AES_256_GCM, key, nonce_zero,
			segment_associated(seal, chunk->number, segment, associated), sealed, tag,
			out);
	}
	skex_wipe(key, sizeof(key));
	return error == SKEX_E_AUTH ? SKEX_E_CORRUPT : error;
}

enum skex_error skex_pad_tail_seal(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, struct skex_view plain, uint8_t *out,
	uint8_t tag[static SKEX_AEAD_TAG_BYTES])
{
	uint8_t associated[ASSOCIATED_MAX];
	const struct skex_crypto *crypto = seal->crypto;

	return crypto->aead_seal(crypto->context, SKEX_AEAD_AES_256_GCM, chunk->tail_key,
		nonce_zero, tail_associated(seal, chunk, associated), plain, out, tag);
}

enum skex_error skex_pad_tail_open(const struct skex_pad_seal *seal,
	const struct skex_pad_chunk *chunk, struct skex_view sealed,
	const uint8_t tag[static SKEX_AEAD_TAG_BYTES], uint8_t *out)
{
	uint8_t associated[ASSOCIATED_MAX];
	const struct skex_crypto *crypto = seal->crypto;
	enum skex_error error =
		crypto->aead_open(crypto->context, SKEX_AEAD_AES_256_GCM, chunk->tail_key,
			nonce_zero, tail_associated(seal, chunk, associated), sealed, tag, out);

	return error == SKEX_E_AUTH ? SKEX_E_CORRUPT : error;
}

/* ---- header ---- */

static enum skex_error header_tag(const struct skex_pad_seal *seal,
	const uint8_t kek[static SKEX_KEK_BYTES], const uint8_t *header,
	uint8_t tag[static SKEX_HASH_BYTES])
{
	uint8_t key[SKEX_HASH_BYTES];
	const struct skex_view part = skex_view(header, HEADER_TAGGED_BYTES);

	enum skex_error error = skex_kdf(seal->crypto, kek, "skex pad header",
		skex_view(seal->id, sizeof(seal->id)), key, sizeof(key));
	if (error == SKEX_OK) {
		error = seal->crypto->hmac_sha256(
			seal->crypto->context, skex_view(key, sizeof(key)), &part, 1, tag);
	}
	skex_wipe(key, sizeof(key));
	return error;
}

enum skex_error skex_pad_header_encode(const struct skex_pad_seal *seal,
	const uint8_t kek[static SKEX_KEK_BYTES], uint64_t size,
	uint8_t out[static SKEX_PAD_HEADER_BYTES])
{
	struct skex_writer writer;

	memset(out, 0, SKEX_PAD_HEADER_BYTES);
	skex_writer_init(&writer, out, SKEX_PAD_HEADER_BYTES);
	skex_write_u64(&writer, MAGIC);
	skex_write_u32(&writer, SKEX_PAD_VERSION);
	skex_write_u32(&writer, SKEX_PAD_SEGMENT_BYTES);
	skex_write_bytes(&writer, seal->id, sizeof(seal->id));
	skex_write_u64(&writer, size);
	skex_write_u32(&writer, SKEX_PAD_CHUNK_BYTES);
	return header_tag(seal, kek, out, out + HEADER_TAGGED_BYTES);
}

enum skex_error skex_pad_header_decode(struct skex_pad_seal *seal,
	const uint8_t kek[static SKEX_KEK_BYTES], const uint8_t in[static SKEX_PAD_HEADER_BYTES],
	uint64_t *size)
{
	struct skex_pad_seal read = {.crypto = seal->crypto};
	struct skex_reader reader;
	uint8_t tag[SKEX_HASH_BYTES];

	skex_reader_init(&reader, skex_view(in, SKEX_PAD_HEADER_BYTES));
	if (skex_read_u64(&reader) != MAGIC)
		return SKEX_E_CORRUPT;
	if (skex_read_u32(&reader) != SKEX_PAD_VERSION)
		return SKEX_E_VERSION;
	uint32_t segment_bytes = skex_read_u32(&reader);
	skex_read_bytes(&reader, read.id, sizeof(read.id));
	uint64_t pad_size = skex_read_u64(&reader);
	uint32_t chunk_bytes = skex_read_u32(&reader);
	enum skex_error error = header_tag(&read, kek, in, tag);
	if (error != SKEX_OK)
		return error;
	if (!skex_ct_equal(tag, in + HEADER_TAGGED_BYTES, sizeof(tag)))
		return SKEX_E_AUTH;
	if (segment_bytes != SKEX_PAD_SEGMENT_BYTES || chunk_bytes != SKEX_PAD_CHUNK_BYTES ||
		pad_size == 0 || pad_size % 16 != 0 ||
		pad_size > (uint64_t)SKEX_PAD_CHUNKS_MAX * SKEX_PAD_CHUNK_BYTES)
		return SKEX_E_CORRUPT;
	*seal = read;
	*size = pad_size;
	return SKEX_OK;
}
