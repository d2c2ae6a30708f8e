/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PAIRWISE_ARMOUR_H
#define SKEX_PAIRWISE_ARMOUR_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * Secret bytes as one line of text that people carry: in a file, as a QR code, by a paste buffer.
 *
 *   NAME "-" VERSION ":" base32(bytes | CRC-32 over "NAME-VERSION:" | bytes)
 *
 * The base32 is that of RFC 4648, in upper case and without padding, so the whole line consists of
 * characters of a QR code's alphanumeric mode.  The check finds every mistake within six
 * characters that follow each other and so each single one; it is no protection against anybody.
 * No branch and no index depends on the bytes.
 */
#define SKEX_ARMOUR_CHECK_BYTES 4u
#define SKEX_ARMOUR_HEAD_MAX    24u /* "NAME-VERSION:" */

/* The characters of the base32 of so many bytes. */
#define SKEX_BASE32_SIZE(bytes) (((bytes)*8u + 4u) / 5u)
/* The size of a line for so many bytes, with the zero at its end. */
#define SKEX_ARMOUR_SIZE(head, bytes)                                                              \
	((head) + SKEX_BASE32_SIZE((bytes) + SKEX_ARMOUR_CHECK_BYTES) + 1u)

/*
 * Encodes; head is "NAME-VERSION:" as it stands in the line.  text is
 * SKEX_ARMOUR_SIZE(strlen(head), bytes.size) and gets a zero at its end.  SKEX_E_SPACE, and text is
 * untouched.
 */
SKEX_MUST_USE enum skex_error skex_armour_encode(
	char *text, size_t room, const char *head, struct skex_view bytes);
/*
 * Decodes into out, which the caller wipes.  White space around the line is passed over.
 *
 *   SKEX_E_SYNTAX   this is no such line
 *   SKEX_E_VERSION  the name is right, the version is another one
 *   SKEX_E_CORRUPT  miscopied: a character is wrong, missing or too much
 *   SKEX_E_SPACE    more than room bytes
 *
 * On failure out and *size are untouched.
 */
SKEX_MUST_USE enum skex_error skex_armour_decode(
	struct skex_view text, const char *head, uint8_t *out, size_t room, size_t *size);

#endif
