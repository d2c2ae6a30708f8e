/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_KEY_ID_H
#define SKEX_CORE_WIRE_KEY_ID_H

#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/name.h"
#include "core/base/view.h"
#include "core/wire/common.h"

/*
 * A key id is a UUID version 8 (RFC 9562 section 5.8) that says by itself where the key lies.  Its
 * 122 free bits are, from the most significant on:
 *
 *    32  instance     of the initiator's state
 *    42  counter      of the block
 *    12  offset       in units of 16 bytes
 *    16  size         in bytes, 1 .. 65,535 (65,536 is written as 0)
 *    20  check        the first 20 bits of SHA-256("skex key id/1" | lp8(initiator) |
 *                     lp8(responder) | the 102 bits before it as 13 bytes, right-padded with
 *                     zero bits)
 *
 * The check finds mistyped ids and ids of another pair; it is no authentication.
 */
#define SKEX_KEY_ID_BYTES      16u
#define SKEX_KEY_ID_TEXT_BYTES 37u /* 8-4-4-4-12 and the zero */

struct skex_key_id {
	struct skex_block_id block;
	uint32_t offset; /* bytes, multiple of 16 */
	uint32_t size;   /* bytes, 1..65,536; offset + size is at most 65,536 */
};

/* SKEX_E_ARGUMENT when a field is out of range; SKEX_E_CRYPTO. */
SKEX_MUST_USE enum skex_error skex_key_id_encode(const struct skex_crypto *crypto,
	const struct skex_key_id *id, const struct skex_name *initiator,
	const struct skex_name *responder, uint8_t uuid[static SKEX_KEY_ID_BYTES]);
/* SKEX_E_SYNTAX when it is no such UUID, is out of range, or the check is wrong for this pair. */
SKEX_MUST_USE enum skex_error skex_key_id_decode(const struct skex_crypto *crypto,
	struct skex_key_id *id, const struct skex_name *initiator,
	const struct skex_name *responder, const uint8_t uuid[static SKEX_KEY_ID_BYTES]);

/* The size that an id says, 1..65,536, whatever else is wrong with it. */
uint32_t skex_key_id_size(const uint8_t uuid[static SKEX_KEY_ID_BYTES]);

/* The textual form of RFC 9562, lower case, and back (either case). */
void skex_uuid_print(
	const uint8_t uuid[static SKEX_KEY_ID_BYTES], char text[static SKEX_KEY_ID_TEXT_BYTES]);
SKEX_MUST_USE enum skex_error skex_uuid_parse(
	uint8_t uuid[static SKEX_KEY_ID_BYTES], struct skex_view text);

#endif
