/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/message.h"

#include "core/wire/packet.h"

/* What the tag covers before the fields. */
#define SCOPE_BYTES (4u + 4u + 8u + 8u + 8u + SKEX_HUB_ID_BYTES)

static bool has_prefix(uint8_t type)
{
	return type == SKEX_MESSAGE_SHARE || type == SKEX_MESSAGE_CONFIRM ||
		type == SKEX_MESSAGE_ACK || type == SKEX_MESSAGE_NOTE;
}

enum skex_error skex_prefix_decode(struct skex_prefix *prefix, struct skex_view header)
{
	struct skex_prefix found;
	struct skex_pad_position at;
	struct skex_reader reader;

	skex_reader_init(&reader, header);
	found.type = skex_read_u8(&reader);
	found.direction = skex_read_u8(&reader);
	if (!has_prefix(found.type) || found.direction > SKEX_TO_AGENT)
		return SKEX_E_SYNTAX;
	if (skex_read_u16(&reader) != 0)
		return SKEX_E_SYNTAX;
	at = skex_read_position(&reader);
	found.generation = at.generation;
	found.offset = at.offset;
	found.tag = skex_read_view(&reader, SKEX_ONETIME_TAG_BYTES);
	found.fields = skex_read_rest(&reader);
	if (skex_reader_end(&reader) != SKEX_OK)
		return SKEX_E_SYNTAX;

	*prefix = found;
	return SKEX_OK;
}

struct skex_pad_position skex_read_position(struct skex_reader *reader)
{
	struct skex_pad_position position;

	position.generation = skex_read_u32(reader);
	position.offset = skex_read_u64(reader);
	if (!skex_pad_position_valid(position))
		skex_reader_fail(reader);
	return position;
}

void skex_write_position(struct skex_writer *writer, struct skex_pad_position position)
{
	skex_write_u32(writer, position.generation);
	skex_write_u64(writer, position.offset);
}

uint8_t skex_message_type(struct skex_view header)
{
	struct skex_reader reader;

	skex_reader_init(&reader, header);
	return skex_read_u8(&reader);
}

static void scope_encode(uint8_t out[static SCOPE_BYTES], const struct skex_scope *scope,
	uint8_t type, struct skex_pad_position at)
{
	struct skex_writer writer;

	skex_writer_init(&writer, out, SCOPE_BYTES);
	skex_write_u8(&writer, SKEX_WIRE_VERSION);
	skex_write_u8(&writer, type);
	skex_write_u8(&writer, scope->direction);
	skex_write_u8(&writer, 0);
	skex_write_position(&writer, at);
	skex_write_u64(&writer, scope->pad);
	skex_write_u64(&writer, scope->leg);
	skex_write_bytes(&writer, scope->hub, SKEX_HUB_ID_BYTES);
}

void skex_message_seal(const struct skex_math *math, const struct skex_scope *scope, uint8_t type,
	struct skex_pad_position at, const uint8_t key[static SKEX_ONETIME_KEY_BYTES],
	uint8_t *header, size_t header_size, struct skex_view body)
{
	uint8_t covered[SCOPE_BYTES];
	uint8_t tag[SKEX_ONETIME_TAG_BYTES];
	struct skex_onetime state;
	struct skex_writer writer;

	scope_encode(covered, scope, type, at);
	skex_onetime_init(&state, math, key);
	skex_onetime_associated(&state, skex_view(covered, sizeof(covered)));
	skex_onetime_associated(&state,
		skex_view(header + SKEX_MESSAGE_PREFIX_BYTES,
			header_size - SKEX_MESSAGE_PREFIX_BYTES));
	skex_onetime_text(&state, body);
	skex_onetime_final(&state, tag);

	skex_writer_init(&writer, header, SKEX_MESSAGE_PREFIX_BYTES);
	skex_write_u8(&writer, type);
	skex_write_u8(&writer, scope->direction);
	skex_write_u16(&writer, 0);
	skex_write_position(&writer, at);
	skex_write_bytes(&writer, tag, sizeof(tag));
}

bool skex_message_verify(const struct skex_math *math, const struct skex_scope *scope,
	const struct skex_prefix *prefix, const uint8_t key[static SKEX_ONETIME_KEY_BYTES],
	struct skex_view body)
{
	const struct skex_pad_position at = {prefix->generation, prefix->offset};
	uint8_t covered[SCOPE_BYTES];
	struct skex_onetime state;

	if (prefix->direction != scope->direction || prefix->tag.size != SKEX_ONETIME_TAG_BYTES)
		return false;

	scope_encode(covered, scope, prefix->type, at);
	skex_onetime_init(&state, math, key);
	skex_onetime_associated(&state, skex_view(covered, sizeof(covered)));
	skex_onetime_associated(&state, prefix->fields);
	skex_onetime_text(&state, body);
	return skex_onetime_verify(&state, prefix->tag.data);
}
