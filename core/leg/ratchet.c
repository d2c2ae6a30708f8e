/* SPDX-License-Identifier: Apache-2.0 */
#include "core/leg/ratchet.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"

#define SEGMENT_OF(offset) ((offset) / SKEX_RATCHET_SEGMENT_BYTES)

static enum skex_error step(struct skex_ratchet *ratchet, const struct skex_crypto *crypto)
{
	uint8_t key[SKEX_HASH_BYTES];
	enum skex_error error;

	error = skex_kdf(crypto, ratchet->key, "next", skex_view(NULL, 0), key, sizeof(key));
	if (error == SKEX_OK) {
		memcpy(ratchet->key, key, sizeof(key));
		ratchet->segment += 1;
	}
	skex_wipe(key, sizeof(key));
	return error;
}

/* Moves ratchet, a copy, to a segment. */
static enum skex_error go_to(
	struct skex_ratchet *ratchet, const struct skex_crypto *crypto, uint64_t segment)
{
	enum skex_error error = SKEX_OK;

	if (segment < ratchet->segment)
		return SKEX_E_REPLAY;
	if (segment - ratchet->segment > SKEX_RATCHET_JUMP_MAX)
		return SKEX_E_QUOTA;
	while (error == SKEX_OK && ratchet->segment != segment)
		error = step(ratchet, crypto);
	return error;
}

/* size bytes of the ratchet's segment, from `from` on; together they do not pass its end. */
static enum skex_error read_segment(const struct skex_ratchet *ratchet,
	const struct skex_crypto *crypto, size_t from, uint8_t *out, size_t size)
{
	uint8_t key[SKEX_HASH_BYTES];
	uint8_t segment[SKEX_RATCHET_SEGMENT_BYTES];
	enum skex_error error;

	error = skex_kdf(crypto, ratchet->key, "out", skex_view(NULL, 0), key, sizeof(key));
	if (error == SKEX_OK)
		error = crypto->stream(crypto->context, key, segment, from + size);
	if (error == SKEX_OK)
		memcpy(out, segment + from, size);
	skex_wipe(key, sizeof(key));
	skex_wipe(segment, sizeof(segment));
	return error;
}

enum skex_error skex_ratchet_init(struct skex_ratchet *ratchet, const struct skex_crypto *crypto,
	const uint8_t seed[static SKEX_HASH_BYTES], uint64_t leg, uint8_t direction,
	uint32_t generation)
{
	uint8_t context[8 + 1 + 4];
	uint8_t key[SKEX_HASH_BYTES];
	struct skex_writer writer;
	enum skex_error error;

	skex_writer_init(&writer, context, sizeof(context));
	skex_write_u64(&writer, leg);
	skex_write_u8(&writer, direction);
	skex_write_u32(&writer, generation);

	error = skex_kdf(
		crypto, seed, "pad", skex_view(context, sizeof(context)), key, sizeof(key));
	if (error == SKEX_OK) {
		memcpy(ratchet->key, key, sizeof(key));
		ratchet->segment = 0;
	}
	skex_wipe(key, sizeof(key));
	return error;
}

enum skex_error skex_ratchet_read(const struct skex_ratchet *ratchet,
	const struct skex_crypto *crypto, uint64_t offset, uint8_t *out, size_t size)
{
	struct skex_ratchet copy = *ratchet;
	size_t from = (size_t)(offset % SKEX_RATCHET_SEGMENT_BYTES);
	size_t done = 0;
	enum skex_error error;

	error = go_to(&copy, crypto, SEGMENT_OF(offset));
	if (error != SKEX_OK)
		goto out;
	while (done < size) {
		size_t part = SKEX_RATCHET_SEGMENT_BYTES - from;

		if (part > size - done)
			part = size - done;
		error = read_segment(&copy, crypto, from, out + done, part);
		if (error != SKEX_OK)
			break;
		done += part;
		from = 0;
		if (done < size) {
			error = step(&copy, crypto);
			if (error != SKEX_OK)
				break;
		}
	}
	if (error != SKEX_OK)
		skex_wipe(out, done);
out:
	skex_wipe(&copy, sizeof(copy));
	return error;
}

enum skex_error skex_ratchet_forget(
	struct skex_ratchet *ratchet, const struct skex_crypto *crypto, uint64_t offset)
{
	struct skex_ratchet copy = *ratchet;
	enum skex_error error;

	error = go_to(&copy, crypto, SEGMENT_OF(offset));
	if (error == SKEX_OK)
		*ratchet = copy;
	skex_wipe(&copy, sizeof(copy));
	return error;
}
