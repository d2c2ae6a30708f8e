/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HOOK_FORMAT_H
#define SKEX_DELIVER_HOOK_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "deliver/rotation/view.h"

/* How a key is written down. */
enum skex_key_format {
	SKEX_KEY_RAW,    /* its bytes, and nothing else */
	SKEX_KEY_HEX,    /* and the end of the line, as in the two below */
	SKEX_KEY_BASE64, /* of RFC 4648 section 4, as wg(8) has it */
	SKEX_KEY_ID_HEX, /* "ID:HEX", the id as a UUID */
	SKEX_KEY_FORMATS,
};

#define SKEX_KEY_FORMAT_BYTES_MAX 64u /* of a key */
#define SKEX_KEY_FORMAT_MAX       (36u + 1u + 2u * SKEX_KEY_FORMAT_BYTES_MAX + 1u)

/* out has SKEX_KEY_FORMAT_MAX bytes; size is at most SKEX_KEY_FORMAT_BYTES_MAX.  Gives how many
 * were written; no zero is added. */
size_t skex_key_format_write(enum skex_key_format format, const uint8_t id[SKEX_ROTATION_ID_BYTES],
	const uint8_t *bytes, size_t size, uint8_t *out);
/* The other way round: the bytes of a key that was written down so, with SKEX_KEY_FORMAT_BYTES_MAX
 * of room in bytes.  Gives how many; 0 for what is no key in this format. */
size_t skex_key_format_read(
	enum skex_key_format format, const uint8_t *text, size_t size, uint8_t *bytes);

#endif
