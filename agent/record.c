/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/record.h"

#include <string.h>

#include "core/base/cursor.h"

#define BATCH_VERSION 3
#define PIECE_VERSION 2

/* What the properties of each version are. */
static const uint8_t properties_of[BATCH_VERSION + 1] = {0, 1, 7, 15};

enum property {
	PROPERTY_CONFIRMED = 1,
	PROPERTY_CARRIED = 2,
	PROPERTY_FORWARD_SECRET = 4,
	PROPERTY_COMBINED = 8,
};

size_t record_key(uint8_t key[RECORD_KEY_MAX], enum agent_side side, const struct skex_name *peer,
	struct skex_block_id first, uint32_t piece)
{
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, key, RECORD_KEY_MAX);
	skex_write_u8(&writer, (uint8_t)side);
	skex_write_lp8(&writer, skex_name_view(peer));
	skex_write_u32(&writer, first.instance);
	skex_write_u64(&writer, first.counter);
	if (piece != UINT32_MAX)
		skex_write_u32(&writer, piece);
	return skex_writer_end(&writer, &size) == SKEX_OK ? size : 0;
}

enum skex_error record_key_decode(struct skex_view key, uint8_t *side, struct skex_name *peer,
	struct skex_block_id *first, uint32_t *piece)
{
	struct skex_reader reader;
	struct skex_name name;
	struct skex_block_id id;
	uint32_t index = UINT32_MAX;
	uint8_t which;

	skex_reader_init(&reader, key);
	which = skex_read_u8(&reader);
	if (!skex_name_parse(&name, skex_read_lp8(&reader, SKEX_NAME_MAX)))
		return SKEX_E_CORRUPT;
	id.instance = skex_read_u32(&reader);
	id.counter = skex_read_u64(&reader);
	if (reader.at < reader.size) {
		index = skex_read_u32(&reader);
		/* That is the batch itself, whose key has no piece. */
		if (index == UINT32_MAX)
			skex_reader_fail(&reader);
	}
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_CORRUPT;
	*side = which;
	*peer = name;
	*first = id;
	*piece = index;
	return SKEX_OK;
}

size_t record_batch(uint8_t value[RECORD_BATCH_MAX], const struct agent_batch *batch)
{
	const uint8_t properties = (uint8_t)((batch->confirmed ? PROPERTY_CONFIRMED : 0) |
		(batch->carried ? PROPERTY_CARRIED : 0) |
		(batch->forward_secret ? PROPERTY_FORWARD_SECRET : 0) |
		(batch->combined ? PROPERTY_COMBINED : 0));
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, value, RECORD_BATCH_MAX);
	skex_write_u8(&writer, BATCH_VERSION);
	skex_write_u16(&writer, batch->blocks);
	skex_write_u32(&writer, batch->secret_size);
	skex_write_u8(&writer, (uint8_t)batch->class);
	skex_write_u8(&writer, properties);
	skex_write_u8(&writer, batch->interval_known);
	skex_write_u64(&writer, batch->earliest_ms);
	skex_write_u64(&writer, batch->latest_ms);
	skex_write_u64(&writer, batch->expires_wall_ms);
	skex_write_lp8(&writer, skex_view(batch->pool->purpose, strlen(batch->pool->purpose)));
	skex_write_bytes(&writer, batch->profile, sizeof(batch->profile));
	return skex_writer_end(&writer, &size) == SKEX_OK ? size : 0;
}

enum skex_error record_batch_decode(
	struct skex_view value, struct agent_batch *batch, char *purpose)
{
	struct skex_reader reader;
	struct skex_view text;
	uint8_t version;
	uint8_t properties;

	skex_reader_init(&reader, value);
	version = skex_read_u8(&reader);
	if (version == 0 || version > BATCH_VERSION)
		return SKEX_E_VERSION;
	batch->blocks = skex_read_u16(&reader);
	batch->secret_size = skex_read_u32(&reader);
	batch->class =
		skex_read_u8(&reader) == SKEX_CLASS_ITS ? SKEX_CLASS_ITS : SKEX_CLASS_COMPUTATIONAL;
	properties = skex_read_u8(&reader);
	batch->confirmed = (properties & PROPERTY_CONFIRMED) != 0;
	batch->carried = (properties & PROPERTY_CARRIED) != 0;
	batch->forward_secret = (properties & PROPERTY_FORWARD_SECRET) != 0;
	batch->combined = (properties & PROPERTY_COMBINED) != 0;
	batch->interval_known = skex_read_u8(&reader) != 0;
	batch->earliest_ms = skex_read_u64(&reader);
	batch->latest_ms = skex_read_u64(&reader);
	batch->expires_wall_ms = skex_read_u64(&reader);
	text = skex_read_lp8(&reader, SKEX_PURPOSE_MAX);
	if (version >= 3)
		skex_read_bytes(&reader, batch->profile, sizeof(batch->profile));
	if (skex_reader_end(&reader) != SKEX_OK || properties > properties_of[version] ||
		batch->blocks == 0 || batch->blocks > SKEX_BATCH_MAX ||
		batch->secret_size < SKEX_SECRET_MIN || batch->secret_size > SKEX_SECRET_MAX ||
		!skex_purpose_valid(text))
		return SKEX_E_CORRUPT;
	memcpy(purpose, text.data, text.size);
	purpose[text.size] = '\0';
	return SKEX_OK;
}

size_t record_piece(uint8_t head[RECORD_PIECE_MAX], const uint64_t *used, uint8_t sharers)
{
	struct skex_writer writer;
	size_t size = 0;
	uint8_t i;

	skex_writer_init(&writer, head, RECORD_PIECE_MAX);
	skex_write_u8(&writer, PIECE_VERSION);
	skex_write_u8(&writer, sharers);
	for (i = 0; i < sharers; i++)
		skex_write_u64(&writer, used[i]);
	return skex_writer_end(&writer, &size) == SKEX_OK ? size : 0;
}

enum skex_error record_piece_decode(
	struct skex_view value, uint8_t sharers, uint64_t *used, size_t *head)
{
	uint64_t found[AGENT_SHARERS_MAX] = {0};
	struct skex_reader reader;
	uint8_t count = 1;
	uint8_t version;
	uint8_t i;

	skex_reader_init(&reader, value);
	version = skex_read_u8(&reader);
	if (version == PIECE_VERSION)
		count = skex_read_u8(&reader);
	else if (version != 1)
		return SKEX_E_VERSION;
	if (count != sharers || count > AGENT_SHARERS_MAX)
		return SKEX_E_CORRUPT;
	for (i = 0; i < count; i++)
		found[i] = skex_read_u64(&reader);
	if (reader.failed)
		return SKEX_E_CORRUPT;
	memcpy(used, found, sizeof(found));
	*head = reader.at;
	return SKEX_OK;
}
