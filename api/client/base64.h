/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_CLIENT_BASE64_H
#define SKEX_API_CLIENT_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Base64 (RFC 4648 section 4, with padding) for keys: no branch and no table index depends on the
 * bytes.
 */

/* Characters for size bytes, without a zero. */
static inline size_t skex_base64_size(size_t size)
{
	return (size + 2) / 3 * 4;
}

/* text has room for skex_base64_size(size) characters; no zero is added. */
void skex_base64_encode(char *text, const uint8_t *data, size_t size);

/*
 * True when text is what encode gives for some bytes, at most room of them; *size is set. Otherwise
 * false, with *size and data untouched.  data and text do not overlap.
 */
bool skex_base64_decode(
	uint8_t *data, size_t room, size_t *size, const char *text, size_t text_size);

#endif
