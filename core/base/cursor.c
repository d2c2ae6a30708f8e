/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/cursor.h"
#include "core/base/mem.h"

void skex_reader_init(struct skex_reader *reader, struct skex_view view)
{
	reader->data = view.data;
	reader->size = view.size;
	reader->at = 0;
	reader->failed = false;
}

/* The next size bytes, or NULL: then the reader has failed, or size is 0. */
static const uint8_t *advance(struct skex_reader *reader, size_t size)
{
	const uint8_t *data;

	if (reader->failed || size > reader->size - reader->at) {
		reader->failed = true;
		return NULL;
	}
	if (size == 0)
		return NULL;
	data = reader->data + reader->at;
	reader->at += size;
	return data;
}

/* A big-endian integer of size bytes, at most 8. */
static uint64_t read_integer(struct skex_reader *reader, size_t size)
{
	const uint8_t *data = advance(reader, size);
	uint64_t value = 0;
	size_t i;

	if (data == NULL)
		return 0;
	for (i = 0; i < size; i++)
		value = (value << 8) | data[i];
	return value;
}

uint8_t skex_read_u8(struct skex_reader *reader)
{
	return (uint8_t)read_integer(reader, 1);
}

uint16_t skex_read_u16(struct skex_reader *reader)
{
	return (uint16_t)read_integer(reader, 2);
}

uint32_t skex_read_u32(struct skex_reader *reader)
{
	return (uint32_t)read_integer(reader, 4);
}

uint64_t skex_read_u64(struct skex_reader *reader)
{
	return read_integer(reader, 8);
}

struct skex_view skex_read_view(struct skex_reader *reader, size_t size)
{
	const uint8_t *data = advance(reader, size);

	return skex_view(data, data == NULL ? 0 : size);
}

void skex_read_bytes(struct skex_reader *reader, uint8_t *out, size_t size)
{
	const uint8_t *data = advance(reader, size);

	if (data != NULL)
		memcpy(out, data, size);
}

struct skex_view skex_read_lp8(struct skex_reader *reader, size_t most)
{
	size_t size = skex_read_u8(reader);

	if (size > most)
		reader->failed = true;
	return skex_read_view(reader, size);
}

struct skex_view skex_read_rest(struct skex_reader *reader)
{
	return skex_read_view(reader, reader->size - reader->at);
}

void skex_reader_fail(struct skex_reader *reader)
{
	reader->failed = true;
}

enum skex_error skex_reader_end(const struct skex_reader *reader)
{
	return reader->failed || reader->at != reader->size ? SKEX_E_SYNTAX : SKEX_OK;
}

void skex_writer_init(struct skex_writer *writer, uint8_t *data, size_t size)
{
	writer->data = data;
	writer->size = size;
	writer->at = 0;
	writer->failed = false;
}

void skex_write_bytes(struct skex_writer *writer, const uint8_t *data, size_t size)
{
	if (writer->failed || size > writer->size - writer->at) {
		writer->failed = true;
		return;
	}
	if (writer->data != NULL && size != 0)
		memcpy(writer->data + writer->at, data, size);
	writer->at += size;
}

/* The low size bytes of value, big-endian. */
static void write_integer(struct skex_writer *writer, uint64_t value, size_t size)
{
	uint8_t bytes[8];
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
	skex_write_bytes(writer, bytes, size);
}

void skex_write_u8(struct skex_writer *writer, uint8_t value)
{
	write_integer(writer, value, 1);
}

void skex_write_u16(struct skex_writer *writer, uint16_t value)
{
	write_integer(writer, value, 2);
}

void skex_write_u32(struct skex_writer *writer, uint32_t value)
{
	write_integer(writer, value, 4);
}

void skex_write_u64(struct skex_writer *writer, uint64_t value)
{
	write_integer(writer, value, 8);
}

void skex_write_lp8(struct skex_writer *writer, struct skex_view view)
{
	if (view.size > 255) {
		writer->failed = true;
		return;
	}
	skex_write_u8(writer, (uint8_t)view.size);
	skex_write_bytes(writer, view.data, view.size);
}

enum skex_error skex_writer_end(const struct skex_writer *writer, size_t *size)
{
	if (writer->failed)
		return SKEX_E_SPACE;
	*size = writer->at;
	return SKEX_OK;
}
