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
