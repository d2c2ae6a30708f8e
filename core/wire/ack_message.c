/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/ack_message.h"

#include "core/base/cursor.h"

static bool entry_valid(const struct skex_ack_entry *entry, struct skex_pad_position received)
{
	if (entry->status < SKEX_ACK_REFUSED || entry->status > SKEX_ACK_DECLINED)
		return false;
	if (!skex_pad_position_valid(entry->at))
		return false;
	return skex_pad_compare(entry->at, received) < 0;
}

static struct skex_ack_entry read_entry(struct skex_reader *reader)
{
	struct skex_ack_entry entry;

	entry.at = skex_read_position(reader);
	entry.status = skex_read_u16(reader);
	return entry;
}

enum skex_error skex_ack_message_encode(struct skex_pad_position received,
	const struct skex_ack_entry *entries, size_t count, uint8_t *out, size_t room, size_t *size)
{
	struct skex_writer writer;
	size_t i;

	if (count > SKEX_ACK_ENTRIES_MAX || !skex_pad_position_valid(received))
		return SKEX_E_ARGUMENT;
	for (i = 0; i < count; i++) {
		if (!entry_valid(&entries[i], received))
			return SKEX_E_ARGUMENT;
	}

	skex_writer_init(&writer, out, room);
	skex_write_position(&writer, received);
	skex_write_u16(&writer, (uint16_t)count);
	for (i = 0; i < count; i++) {
		skex_write_position(&writer, entries[i].at);
		skex_write_u16(&writer, entries[i].status);
	}
	return skex_writer_end(&writer, size);
}

static bool entries_valid(const struct skex_ack_message *message)
{
	struct skex_reader reader;
	uint16_t i;

	skex_reader_init(&reader, message->entries);
	for (i = 0; i < message->count; i++) {
		const struct skex_ack_entry entry = read_entry(&reader);

		if (!entry_valid(&entry, message->received))
			return false;
	}
	return skex_reader_end(&reader) == SKEX_OK;
}

enum skex_error skex_ack_message_decode(struct skex_ack_message *message, struct skex_view fields)
{
	struct skex_ack_message found;
	struct skex_reader reader;

	skex_reader_init(&reader, fields);
	found.received = skex_read_position(&reader);
	found.count = skex_read_u16(&reader);
	if (reader.failed || found.count > SKEX_ACK_ENTRIES_MAX)
		return SKEX_E_SYNTAX;
	found.entries = skex_read_view(&reader, found.count * SKEX_ACK_ENTRY_BYTES);
	if (skex_reader_end(&reader) != SKEX_OK || !entries_valid(&found))
		return SKEX_E_SYNTAX;

	*message = found;
	return SKEX_OK;
}

struct skex_ack_entry skex_ack_message_entry(const struct skex_ack_message *message, size_t i)
{
	struct skex_reader reader;

	skex_reader_init(&reader, message->entries);
	(void)skex_read_view(&reader, i * SKEX_ACK_ENTRY_BYTES);
	return read_entry(&reader);
}
