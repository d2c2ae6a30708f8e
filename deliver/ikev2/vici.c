/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/ikev2/vici.h"

#include <string.h>

/* ---- writing ----------------------------------------------------------------------------------
 */

static struct skex_view text_view(const char *text)
{
	return skex_view(text, strlen(text));
}

static void put_u16_value(struct skex_writer *writer, struct skex_view value)
{
	if (value.size > UINT16_MAX) {
		writer->failed = true;
		return;
	}
	skex_write_u16(writer, (uint16_t)value.size);
	skex_write_bytes(writer, value.data, value.size);
}

void skex_vici_begin(struct skex_writer *writer, enum skex_vici_type type, const char *name)
{
	skex_write_u32(writer, 0);
	skex_write_u8(writer, (uint8_t)type);
	skex_write_lp8(writer, text_view(name));
}

void skex_vici_section(struct skex_writer *writer, struct skex_view name)
{
	skex_write_u8(writer, SKEX_VICI_SECTION_START);
	skex_write_lp8(writer, name);
}

void skex_vici_section_end(struct skex_writer *writer)
{
	skex_write_u8(writer, SKEX_VICI_SECTION_END);
}

void skex_vici_value(struct skex_writer *writer, const char *name, struct skex_view value)
{
	skex_write_u8(writer, SKEX_VICI_KEY_VALUE);
	skex_write_lp8(writer, text_view(name));
	put_u16_value(writer, value);
}

void skex_vici_text(struct skex_writer *writer, const char *name, const char *value)
{
	skex_vici_value(writer, name, text_view(value));
}

void skex_vici_list(struct skex_writer *writer, struct skex_view name)
{
	skex_write_u8(writer, SKEX_VICI_LIST_START);
	skex_write_lp8(writer, name);
}

void skex_vici_item(struct skex_writer *writer, struct skex_view value)
{
	skex_write_u8(writer, SKEX_VICI_LIST_ITEM);
	put_u16_value(writer, value);
}

void skex_vici_list_end(struct skex_writer *writer)
{
	skex_write_u8(writer, SKEX_VICI_LIST_END);
}

enum skex_error skex_vici_end(struct skex_writer *writer, size_t *size)
{
	struct skex_writer head;
	size_t all;
	enum skex_error error = skex_writer_end(writer, &all);

	if (error != SKEX_OK)
		return error;
	if (all - 4 > SKEX_VICI_PACKET_MAX)
		return SKEX_E_SPACE;
	if (writer->data != NULL) {
		skex_writer_init(&head, writer->data, 4);
		skex_write_u32(&head, (uint32_t)(all - 4));
	}
	*size = all;
	return SKEX_OK;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

enum state {
	LENGTH, /* of a packet */
	TYPE,
	PACKET_NAME_LENGTH,
	PACKET_NAME,
	ELEMENT,
	NAME_LENGTH,
	NAME,
	VALUE_LENGTH,
	VALUE,
	BROKEN,
};

static enum skex_vici_token broken(struct skex_vici_reader *reader)
{
	reader->state = BROKEN;
	return SKEX_VICI_BAD;
}

static void expect_number(struct skex_vici_reader *reader, enum state state, uint8_t bytes)
{
	reader->state = (uint8_t)state;
	reader->length = 0;
	reader->length_bytes = bytes;
}

void skex_vici_reader_init(struct skex_vici_reader *reader)
{
	memset(reader, 0, sizeof(*reader));
	expect_number(reader, LENGTH, 4);
}

static enum skex_vici_token element_done(struct skex_vici_reader *reader)
{
	reader->state = ELEMENT;
	return SKEX_VICI_ELEMENT;
}

/* One more byte of a number; true when it was the last. */
static bool read_number(struct skex_vici_reader *reader, uint8_t byte)
{
	reader->length = reader->length << 8 | byte;
	return --reader->length_bytes == 0;
}

static enum skex_vici_token read_length(struct skex_vici_reader *reader, uint8_t byte)
{
	if (!read_number(reader, byte))
		return SKEX_VICI_MORE;
	if (reader->length == 0 || reader->length > SKEX_VICI_PACKET_MAX)
		return broken(reader);
	reader->left = reader->length;
	reader->state = TYPE;
	reader->depth = 0;
	reader->in_list = false;
	reader->name_size = 0;
	reader->value_size = 0;
	return SKEX_VICI_MORE;
}

static enum skex_vici_token read_type(struct skex_vici_reader *reader, uint8_t byte)
{
	reader->type = byte;
	switch (byte) {
	case SKEX_VICI_CMD_REQUEST:
	case SKEX_VICI_EVENT_REGISTER:
	case SKEX_VICI_EVENT_UNREGISTER:
	case SKEX_VICI_EVENT:
		expect_number(reader, PACKET_NAME_LENGTH, 1);
		return SKEX_VICI_MORE;
	case SKEX_VICI_CMD_RESPONSE:
		reader->state = ELEMENT;
		return SKEX_VICI_PACKET;
	case SKEX_VICI_CMD_UNKNOWN:
	case SKEX_VICI_EVENT_CONFIRM:
	case SKEX_VICI_EVENT_UNKNOWN:
		reader->state = ELEMENT;
		return reader->left == 0 ? SKEX_VICI_PACKET : broken(reader);
	default:
		return broken(reader);
	}
}

/* The length of a name has come. */
static enum skex_vici_token begin_name(
	struct skex_vici_reader *reader, uint8_t byte, enum state state)
{
	if (byte == 0 || byte > reader->left)
		return broken(reader);
	reader->name_size = 0;
	reader->name_left = byte;
	reader->state = (uint8_t)state;
	return SKEX_VICI_MORE;
}

/* A name is complete: what comes after it? */
static enum skex_vici_token end_name(struct skex_vici_reader *reader)
{
	if (reader->state == PACKET_NAME) {
		reader->state = ELEMENT;
		return SKEX_VICI_PACKET;
	}
	if (reader->element != SKEX_VICI_KEY_VALUE)
		return element_done(reader);
	expect_number(reader, VALUE_LENGTH, 2);
	return SKEX_VICI_MORE;
}

static enum skex_vici_token begin_element(struct skex_vici_reader *reader, uint8_t byte)
{
	reader->element = byte;
	reader->value_size = 0;
	if (reader->in_list != (byte == SKEX_VICI_LIST_ITEM || byte == SKEX_VICI_LIST_END))
		return broken(reader);
	switch (byte) {
	case SKEX_VICI_SECTION_START:
		if (++reader->depth > SKEX_VICI_DEPTH_MAX)
			return broken(reader);
		expect_number(reader, NAME_LENGTH, 1);
		return SKEX_VICI_MORE;
	case SKEX_VICI_LIST_START:
		reader->in_list = true;
		expect_number(reader, NAME_LENGTH, 1);
		return SKEX_VICI_MORE;
	case SKEX_VICI_KEY_VALUE:
		expect_number(reader, NAME_LENGTH, 1);
		return SKEX_VICI_MORE;
	case SKEX_VICI_LIST_ITEM:
		expect_number(reader, VALUE_LENGTH, 2);
		return SKEX_VICI_MORE;
	case SKEX_VICI_LIST_END:
		reader->in_list = false;
		return element_done(reader);
	case SKEX_VICI_SECTION_END:
		if (reader->depth == 0)
			return broken(reader);
		reader->depth--;
		return element_done(reader);
	default:
		return broken(reader);
	}
}

static enum skex_vici_token begin_value(struct skex_vici_reader *reader, uint8_t byte)
{
	if (!read_number(reader, byte))
		return SKEX_VICI_MORE;
	if (reader->length > reader->left)
		return broken(reader);
	reader->value_left = reader->length;
	reader->state = VALUE;
	return reader->length == 0 ? element_done(reader) : SKEX_VICI_MORE;
}

static enum skex_vici_token read_byte(struct skex_vici_reader *reader, uint8_t byte)
{
	switch (reader->state) {
	case LENGTH:
		return read_length(reader, byte);
	case TYPE:
		return read_type(reader, byte);
	case PACKET_NAME_LENGTH:
		return begin_name(reader, byte, PACKET_NAME);
	case NAME_LENGTH:
		return begin_name(reader, byte, NAME);
	case PACKET_NAME:
	case NAME:
		reader->name[reader->name_size++] = byte;
		return --reader->name_left == 0 ? end_name(reader) : SKEX_VICI_MORE;
	case ELEMENT:
		return begin_element(reader, byte);
	case VALUE_LENGTH:
		return begin_value(reader, byte);
	case VALUE:
		if (reader->value_size < sizeof(reader->value))
			reader->value[reader->value_size++] = byte;
		return --reader->value_left == 0 ? element_done(reader) : SKEX_VICI_MORE;
	default:
		return broken(reader);
	}
}

/* The last byte of the packet was read. */
static enum skex_vici_token end_packet(struct skex_vici_reader *reader)
{
	if (reader->depth != 0 || reader->in_list)
		return broken(reader);
	expect_number(reader, LENGTH, 4);
	return SKEX_VICI_DONE;
}

enum skex_vici_token skex_vici_next(struct skex_vici_reader *reader, struct skex_view *bytes)
{
	for (;;) {
		const bool inside = reader->state != LENGTH;
		enum skex_vici_token token;

		if (reader->state == BROKEN)
			return SKEX_VICI_BAD;
		if (reader->state == ELEMENT && reader->left == 0)
			return end_packet(reader);
		if (bytes->size == 0)
			return SKEX_VICI_MORE;
		if (inside)
			reader->left--;
		token = read_byte(reader, bytes->data[0]);
		*bytes = skex_view(bytes->data + 1, bytes->size - 1);
		if (token != SKEX_VICI_MORE)
			return token;
		/* In the middle of something, and the packet is over. */
		if (inside && reader->left == 0 && reader->state != ELEMENT)
			return broken(reader);
	}
}

bool skex_vici_name_is(const struct skex_vici_reader *reader, const char *text)
{
	return skex_view_equal(skex_view(reader->name, reader->name_size), text_view(text));
}

bool skex_vici_value_is(const struct skex_vici_reader *reader, const char *text)
{
	return skex_view_equal(skex_view(reader->value, reader->value_size), text_view(text));
}
