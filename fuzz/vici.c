/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "deliver/ikev2/vici.h"
#include "fuzz/fuzz.h"

/*
 * What charon says, in one piece and byte by byte: the same tokens, and what is whole is written
 * again as it was.
 */

#define SUM_START 2166136261u

static uint32_t sum(uint32_t sum, const void *bytes, size_t size)
{
	const uint8_t *byte = bytes;
	size_t i;

	for (i = 0; i < size; i++)
		sum = (sum ^ byte[i]) * 16777619u;
	return sum;
}

/* A sum of all tokens up to the last one. */
static uint32_t read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
	static struct skex_vici_reader reader;
	uint32_t tokens = SUM_START;
	size_t at;

	skex_vici_reader_init(&reader);
	for (at = 0; at < size; at += piece) {
		struct skex_view view = skex_view(data + at, size - at < piece ? size - at : piece);
		enum skex_vici_token token;

		while ((token = skex_vici_next(&reader, &view)) != SKEX_VICI_MORE) {
			tokens = sum(tokens, &token, sizeof(token));
			if (token == SKEX_VICI_BAD)
				return tokens;
			if (reader.name_size > sizeof(reader.name) ||
				reader.value_size > sizeof(reader.value) ||
				reader.depth > SKEX_VICI_DEPTH_MAX)
				abort();
			tokens = sum(tokens, reader.name, reader.name_size);
			tokens = sum(tokens, reader.value, reader.value_size);
		}
	}
	return tokens;
}

static void write_element(const struct skex_vici_reader *reader, struct skex_writer *writer)
{
	const struct skex_view name = skex_view(reader->name, reader->name_size);
	const struct skex_view value = skex_view(reader->value, reader->value_size);
	char text[sizeof(reader->name) + 1] = "";

	switch (reader->element) {
	case SKEX_VICI_SECTION_START:
		skex_vici_section(writer, name);
		break;
	case SKEX_VICI_SECTION_END:
		skex_vici_section_end(writer);
		break;
	case SKEX_VICI_KEY_VALUE:
		memcpy(text, name.data, name.size);
		skex_vici_value(writer, text, value);
		break;
	case SKEX_VICI_LIST_START:
		skex_vici_list(writer, name);
		break;
	case SKEX_VICI_LIST_ITEM:
		skex_vici_item(writer, value);
		break;
	default:
		skex_vici_list_end(writer);
		break;
	}
}

/* The first packet, when it is a whole event without zeros in names and without long values. */
static void write_again(const uint8_t *data, size_t size)
{
	static uint8_t out[4096];
	static struct skex_vici_reader reader;
	struct skex_view view = skex_view(data, size);
	char text[sizeof(reader.name) + 1] = "";
	struct skex_writer writer;
	enum skex_vici_token token;
	size_t written;

	skex_vici_reader_init(&reader);
	if (skex_vici_next(&reader, &view) != SKEX_VICI_PACKET || reader.type != SKEX_VICI_EVENT ||
		memchr(reader.name, 0, reader.name_size) != NULL)
		return;
	memcpy(text, reader.name, reader.name_size);
	skex_writer_init(&writer, out, sizeof(out));
	skex_vici_begin(&writer, SKEX_VICI_EVENT, text);
	while ((token = skex_vici_next(&reader, &view)) == SKEX_VICI_ELEMENT) {
		if (memchr(reader.name, 0, reader.name_size) != NULL ||
			reader.value_size == sizeof(reader.value))
			return;
		write_element(&reader, &writer);
	}
	if (token != SKEX_VICI_DONE || skex_vici_end(&writer, &written) != SKEX_OK)
		return;
	if (written != size - view.size || memcmp(out, data, written) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (read_in_pieces(data, size, size + 1) != read_in_pieces(data, size, 1))
		abort();
	write_again(data, size);
	return 0;
}
