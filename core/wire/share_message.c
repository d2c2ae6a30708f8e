/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/share_message.h"

#include "core/base/cursor.h"
#include "core/wire/packet.h"

#define STAMP_BYTES 8u

size_t skex_share_message_body_bytes(const struct skex_share_message *message)
{
	return (size_t)message->blocks * (SKEX_SHARE_EXTRA_BYTES + message->common.secret_size);
}

/* The batch as a whole; the common header is valid. */
static bool batch_valid(const struct skex_share_message *message)
{
	if (message->blocks < 1 || message->blocks > SKEX_BATCH_MAX)
		return false;
	if (message->common.first.counter > SKEX_COUNTER_MAX - (message->blocks - 1u))
		return false;
	/* Although the body may be empty now: what the hub makes of it has to fit. */
	return skex_share_message_body_bytes(message) <= SKEX_BODY_MAX;
}

static bool body_valid(
	const struct skex_share_message *message, uint8_t direction, size_t body_size)
{
	if (direction == SKEX_TO_HUB && body_size == 0)
		return true;
	return body_size == skex_share_message_body_bytes(message);
}

enum skex_error skex_share_message_encode(
	const struct skex_share_message *message, uint8_t *out, size_t room, size_t *size)
{
	struct skex_writer writer;

	if (!skex_common_valid(&message->common) || !batch_valid(message))
		return SKEX_E_ARGUMENT;
	if (message->secret_tags.size != message->blocks * SKEX_SECRET_TAG_BYTES)
		return SKEX_E_ARGUMENT;

	skex_writer_init(&writer, out, room);
	skex_common_encode(&writer, &message->common);
	skex_write_u16(&writer, message->blocks);
	skex_write_bytes(&writer, message->secret_tags.data, message->secret_tags.size);
	skex_write_u64(&writer, message->stamp_ms);
	return skex_writer_end(&writer, size);
}

enum skex_error skex_share_message_decode(struct skex_share_message *message, uint8_t direction,
	struct skex_view fields, size_t body_size)
{
	struct skex_share_message found;
	struct skex_reader reader;

	skex_reader_init(&reader, fields);
	skex_common_decode(&reader, &found.common);
	found.blocks = skex_read_u16(&reader);
	if (reader.failed || !batch_valid(&found))
		return SKEX_E_SYNTAX;
	found.secret_tags = skex_read_view(&reader, found.blocks * SKEX_SECRET_TAG_BYTES);
	found.stamp_ms = skex_read_u64(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || !body_valid(&found, direction, body_size))
		return SKEX_E_SYNTAX;
	if (direction == SKEX_TO_HUB && found.stamp_ms != 0)
		return SKEX_E_SYNTAX;

	*message = found;
	return SKEX_OK;
}

struct skex_view skex_share_message_identity(struct skex_view fields)
{
	const size_t rest = fields.size < STAMP_BYTES ? fields.size : STAMP_BYTES;

	/* Everything but the hub's stamp, which is the last field. */
	return skex_view(fields.data, fields.size - rest);
}
