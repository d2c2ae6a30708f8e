/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/confirm_message.h"

#include "core/base/cursor.h"

static bool class_valid(const struct skex_confirm_message *message)
{
	/* The responder states its class once; a second statement could differ. */
	if (message->which == SKEX_CONFIRM_AB)
		return message->class_responder == 0;
	return message->which == SKEX_CONFIRM_BA &&
		(message->class_responder == SKEX_CLASS_COMPUTATIONAL ||
			message->class_responder == SKEX_CLASS_ITS);
}

/* Everything but the names and the size of the view. */
static bool numbers_valid(const struct skex_confirm_message *message)
{
	if (!class_valid(message))
		return false;
	if (message->blocks < 1 || message->blocks > SKEX_BATCH_MAX)
		return false;
	return message->first.counter <= SKEX_COUNTER_MAX - (message->blocks - 1u);
}

enum skex_error skex_confirm_message_encode(
	const struct skex_confirm_message *message, uint8_t *out, size_t room, size_t *size)
{
	struct skex_writer writer;

	if (!skex_name_pair_valid(&message->initiator, &message->responder))
		return SKEX_E_ARGUMENT;
	if (!numbers_valid(message))
		return SKEX_E_ARGUMENT;
	if (message->tags.size != message->blocks * SKEX_CONFIRM_TAG_BYTES)
		return SKEX_E_ARGUMENT;

	skex_writer_init(&writer, out, room);
	skex_write_u8(&writer, message->which);
	skex_write_lp8(&writer, skex_name_view(&message->initiator));
	skex_write_lp8(&writer, skex_name_view(&message->responder));
	skex_write_u32(&writer, message->first.instance);
	skex_write_u64(&writer, message->first.counter);
	skex_write_u8(&writer, message->class_responder);
	skex_write_u16(&writer, message->blocks);
	skex_write_bytes(&writer, message->tags.data, message->tags.size);
	return skex_writer_end(&writer, size);
}

enum skex_error skex_confirm_message_decode(
	struct skex_confirm_message *message, struct skex_view fields)
{
	struct skex_confirm_message found;
	struct skex_reader reader;

	skex_reader_init(&reader, fields);
	found.which = skex_read_u8(&reader);
	skex_read_name(&reader, &found.initiator);
	skex_read_name(&reader, &found.responder);
	found.first.instance = skex_read_u32(&reader);
	found.first.counter = skex_read_u64(&reader);
	found.class_responder = skex_read_u8(&reader);
	found.blocks = skex_read_u16(&reader);
	if (reader.failed || !numbers_valid(&found))
		return SKEX_E_SYNTAX;
	found.tags = skex_read_view(&reader, found.blocks * SKEX_CONFIRM_TAG_BYTES);
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_SYNTAX;
	if (!skex_name_pair_valid(&found.initiator, &found.responder))
		return SKEX_E_SYNTAX;

	*message = found;
	return SKEX_OK;
}
