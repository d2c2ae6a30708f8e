/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/hook/format.h"

#include <string.h>

#include "api/client/base64.h"
#include "core/base/hex.h"
#include "core/wire/key_id.h"

static size_t write_hex(const uint8_t *bytes, size_t size, uint8_t *out)
{
	skex_hex_write(bytes, size, (char *)out);
	out[2 * size] = '\n';
	return 2 * size + 1;
}

size_t skex_key_format_write(enum skex_key_format format, const uint8_t id[SKEX_ROTATION_ID_BYTES],
	const uint8_t *bytes, size_t size, uint8_t *out)
{
	char text[SKEX_KEY_ID_TEXT_BYTES];
	const size_t id_size = sizeof(text) - 1;

	switch (format) {
	case SKEX_KEY_HEX:
		return write_hex(bytes, size, out);
	case SKEX_KEY_BASE64:
		skex_base64_encode((char *)out, bytes, size);
		out[skex_base64_size(size)] = '\n';
		return skex_base64_size(size) + 1;
	case SKEX_KEY_ID_HEX:
		skex_uuid_print(id, text);
		memcpy(out, text, id_size);
		out[id_size] = ':';
		return id_size + 1 + write_hex(bytes, size, out + id_size + 1);
	case SKEX_KEY_RAW:
	case SKEX_KEY_FORMATS:
		break;
	}
	memcpy(out, bytes, size);
	return size;
}

static size_t read_hex(const uint8_t *text, size_t size, uint8_t *bytes)
{
	const bool is_key = size % 2 == 0 && size / 2 <= SKEX_KEY_FORMAT_BYTES_MAX &&
		skex_hex_read((const char *)text, bytes, size / 2);

	return is_key ? size / 2 : 0;
}

size_t skex_key_format_read(
	enum skex_key_format format, const uint8_t *text, size_t size, uint8_t *bytes)
{
	const size_t line = size > 0 && text[size - 1] == '\n' ? size - 1 : size;
	const size_t before = SKEX_KEY_ID_TEXT_BYTES; /* the id, and a colon for its zero */
	size_t found = 0;

	switch (format) {
	case SKEX_KEY_HEX:
		return read_hex(text, line, bytes);
	case SKEX_KEY_BASE64:
		return skex_base64_decode(
			       bytes, SKEX_KEY_FORMAT_BYTES_MAX, &found, (const char *)text, line)
			? found
			: 0;
	case SKEX_KEY_ID_HEX:
		return line > before ? read_hex(text + before, line - before, bytes) : 0;
	case SKEX_KEY_RAW:
	case SKEX_KEY_FORMATS:
		break;
	}
	if (size == 0 || size > SKEX_KEY_FORMAT_BYTES_MAX)
		return 0;
	memcpy(bytes, text, size);
	return size;
}
