/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_SHARE_MESSAGE_H
#define SKEX_CORE_WIRE_SHARE_MESSAGE_H

#include "core/base/error.h"
#include "core/base/view.h"
#include "core/wire/common.h"
#include "core/wire/message.h"

/*
 * SHARE: a batch of 1..256 blocks, as one hub sees it.  Fields:
 *
 *    C         the common header; its counter is that of the first block, the others follow
 *    u16       m, the number of blocks, such that m * (112 + secret size) <= SKEX_BODY_MAX
 *    m * 16    o, the secret tag of each block
 *    u64       stamp: milliseconds since 1970 when the hub accepted A's message; 0 agent to hub
 *
 * Body: Z of all blocks one after another, m * (112 + secret size) bytes, or empty.  Agent to hub
 * an empty body means that the share is the pad itself.  Hub to agent it is never empty.
 */
struct skex_share_message {
	struct skex_common common;
	uint16_t blocks;
	struct skex_view secret_tags; /* blocks * 16 bytes */
	uint64_t stamp_ms;
};

#define SKEX_SECRET_TAG_BYTES  16u
#define SKEX_SHARE_EXTRA_BYTES 112u /* u and w of each block: SKEX_BLOCK_EXTRA_BYTES */

/* The bytes of pad that the blocks take besides the tag key, and of a body that is not empty. */
size_t skex_share_message_body_bytes(const struct skex_share_message *message);

/* Writes the fields at out (header + 32); *size is set to their size.  SKEX_E_SPACE,
 * SKEX_E_ARGUMENT. */
SKEX_MUST_USE enum skex_error skex_share_message_encode(
	const struct skex_share_message *message, uint8_t *out, size_t room, size_t *size);
/* fields as skex_prefix_decode gives them; secret_tags borrows from them.  Checks that the counters
 * stay below 2^42 and that body_size is legal for the direction. */
SKEX_MUST_USE enum skex_error skex_share_message_decode(struct skex_share_message *message,
	uint8_t direction, struct skex_view fields, size_t body_size);

/* The part of the fields that is the same through every hub: C, m and o.  The view borrows from
 * fields, which decoded well. */
struct skex_view skex_share_message_identity(struct skex_view fields);

#endif
