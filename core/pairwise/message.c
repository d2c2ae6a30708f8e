/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/message.h"

#include "core/pairwise/close_message.h"
#include "core/pairwise/open_message.h"
#include "core/pairwise/resync_message.h"

void skex_pairwise_write_header(struct skex_writer *writer, uint8_t type, uint8_t flags,
	const uint8_t id[static SKEX_PAIRWISE_ID_BYTES], size_t sealed)
{
	if (sealed > SKEX_PAIRWISE_SEALED_MAX) {
		writer->failed = true;
		return;
	}
	skex_write_u8(writer, (uint8_t)(SKEX_PAIRWISE_VERSION << 4 | type));
	skex_write_u8(writer, flags);
	skex_write_u16(writer, (uint16_t)sealed);
	skex_write_bytes(writer, id, SKEX_PAIRWISE_ID_BYTES);
}

enum skex_error skex_pairwise_read_fields(
	struct skex_pairwise_message *message, struct skex_view bytes, bool nonce)
{
	struct skex_pairwise_message found;
	struct skex_reader reader;
	uint16_t sealed;

	skex_reader_init(&reader, bytes);
	found.type = skex_read_u8(&reader) & 15;
	found.flags = skex_read_u8(&reader);
	sealed = skex_read_u16(&reader);
	if (sealed > SKEX_PAIRWISE_SEALED_MAX)
		skex_reader_fail(&reader);
	found.id = skex_read_view(&reader, SKEX_PAIRWISE_ID_BYTES).data;
	found.nonce = nonce ? skex_read_view(&reader, SKEX_PAIRWISE_NONCE_BYTES).data : NULL;
	found.sealed = skex_read_view(&reader, sealed);
	found.body = skex_view(bytes.data, reader.at);
	found.tag = skex_read_view(&reader, SKEX_PAIRWISE_TAG_BYTES).data;
	found.whole = bytes;
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_SYNTAX;
	*message = found;
	return SKEX_OK;
}

enum skex_error skex_pairwise_decode(struct skex_pairwise_message *message, struct skex_view bytes)
{
	if (bytes.size == 0)
		return SKEX_E_SYNTAX;
	if (bytes.data[0] >> 4 != SKEX_PAIRWISE_VERSION)
		return SKEX_E_VERSION;
	switch (bytes.data[0] & 15) {
	case SKEX_PAIRWISE_M1:
	case SKEX_PAIRWISE_M2:
	case SKEX_PAIRWISE_K1:
	case SKEX_PAIRWISE_K2:
	case SKEX_PAIRWISE_P1:
		return skex_pairwise_open_decode(message, bytes);
	case SKEX_PAIRWISE_M3:
	case SKEX_PAIRWISE_M4:
	case SKEX_PAIRWISE_K3:
	case SKEX_PAIRWISE_K4:
		return skex_pairwise_close_decode(message, bytes);
	case SKEX_PAIRWISE_R1:
	case SKEX_PAIRWISE_R2:
		return skex_pairwise_resync_decode(message, bytes);
	default:
		return SKEX_E_SYNTAX;
	}
}

enum skex_error skex_pairwise_append_tag(
	const uint8_t tag[static SKEX_PAIRWISE_TAG_BYTES], uint8_t *out, size_t room, size_t *size)
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, room);
	writer.at = *size;
	skex_write_bytes(&writer, tag, SKEX_PAIRWISE_TAG_BYTES);
	return skex_writer_end(&writer, size);
}
