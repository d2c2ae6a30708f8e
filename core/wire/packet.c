/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/packet.h"

#include "core/auth/crypto.h"
#include "core/base/cursor.h"

enum skex_error skex_packet_decode(struct skex_packet *packet, struct skex_view bytes)
{
	struct skex_packet found;
	struct skex_reader reader;
	uint8_t version;
	uint8_t flags;
	uint16_t header_size;

	/* The version first: of another one nothing else is known, not even the least size. */
	skex_reader_init(&reader, bytes);
	version = skex_read_u8(&reader);
	if (reader.failed)
		return SKEX_E_SYNTAX;
	if (version != SKEX_WIRE_VERSION)
		return SKEX_E_VERSION;

	flags = skex_read_u8(&reader);
	header_size = skex_read_u16(&reader);
	found.epoch = skex_read_u32(&reader);
	found.leg = skex_read_u64(&reader);
	found.sequence = skex_read_u32(&reader);
	found.sealed = skex_read_view(&reader, header_size);
	found.tag = skex_read_view(&reader, SKEX_AEAD_TAG_BYTES);
	found.body = skex_read_rest(&reader);
	if (skex_reader_end(&reader) != SKEX_OK || flags != 0)
		return SKEX_E_SYNTAX;
	if (header_size < SKEX_HEADER_MIN || header_size > SKEX_HEADER_MAX)
		return SKEX_E_SYNTAX;
	if (found.body.size > SKEX_BODY_MAX)
		return SKEX_E_SYNTAX;

	found.clear = skex_view(bytes.data, SKEX_PACKET_CLEAR_BYTES);
	*packet = found;
	return SKEX_OK;
}

void skex_packet_encode_clear(uint8_t out[static SKEX_PACKET_CLEAR_BYTES], uint16_t header_size,
	uint32_t epoch, uint64_t leg, uint32_t sequence)
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, SKEX_PACKET_CLEAR_BYTES);
	skex_write_u8(&writer, SKEX_WIRE_VERSION);
	skex_write_u8(&writer, 0);
	skex_write_u16(&writer, header_size);
	skex_write_u32(&writer, epoch);
	skex_write_u64(&writer, leg);
	skex_write_u32(&writer, sequence);
}
