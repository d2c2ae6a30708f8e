/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/note_message.h"

#include "core/auth/crypto.h"
#include "core/base/cursor.h"

#define SEALED_MIN (1u + SKEX_AEAD_TAG_BYTES)

static bool note_valid(const struct skex_note_message *message)
{
	if (!skex_name_pair_valid(&message->sender, &message->recipient))
		return false;
	return message->sealed.size >= SEALED_MIN && message->sealed.size <= SKEX_NOTE_SEALED_MAX;
}

enum skex_error skex_note_message_encode(
	const struct skex_note_message *message, uint8_t *out, size_t room, size_t *size)
{
	struct skex_writer writer;

	if (!note_valid(message))
		return SKEX_E_ARGUMENT;

	skex_writer_init(&writer, out, room);
	skex_write_lp8(&writer, skex_name_view(&message->sender));
	skex_write_lp8(&writer, skex_name_view(&message->recipient));
	skex_write_bytes(&writer, message->key_id, sizeof(message->key_id));
	skex_write_bytes(&writer, message->note_id, sizeof(message->note_id));
	skex_write_u16(&writer, (uint16_t)message->sealed.size);
	skex_write_bytes(&writer, message->sealed.data, message->sealed.size);
	return skex_writer_end(&writer, size);
}

enum skex_error skex_note_message_decode(struct skex_note_message *message, struct skex_view fields)
{
	struct skex_note_message found;
	struct skex_reader reader;

	skex_reader_init(&reader, fields);
	skex_read_name(&reader, &found.sender);
	skex_read_name(&reader, &found.recipient);
	skex_read_bytes(&reader, found.key_id, sizeof(found.key_id));
	skex_read_bytes(&reader, found.note_id, sizeof(found.note_id));
	found.sealed = skex_read_view(&reader, skex_read_u16(&reader));
	if (skex_reader_end(&reader) != SKEX_OK || !note_valid(&found))
		return SKEX_E_SYNTAX;

	*message = found;
	return SKEX_OK;
}
