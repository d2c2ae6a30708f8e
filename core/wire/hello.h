/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_HELLO_H
#define SKEX_CORE_WIRE_HELLO_H

#include "core/base/error.h"
#include "core/base/view.h"
#include "core/pad/pad.h"

/*
 * HELLO opens a connection on a leg; nothing that uses pad passes before both ends have exchanged
 * their marks, each for a fresh nonce of the other.
 *
 *    0  u8   type              1
 *    1  u8   direction         0 in stages 1 and 3, 1 in stage 2
 *    2  u8   stage             1 agent's opening, 2 hub's answer, 3 agent's end
 *    3  u8   highest version   that the sender speaks (now 1), at least 1
 *    4  16   nonce             fresh random bytes of the sender, the same in its stages 1 and 3;
 *                              never all zero
 *   20  16   echo              the other end's nonce; all zero in stage 1 and in no other
 *   36  u32  sent generation   the sender's mark in the pad it sends from:
 *   40  u64  sent offset         nothing at or after it was used
 *   48  u32  received generation   the sender's mark in the pad it receives from:
 *   52  u64  received offset         everything before it is used or burnt
 *   60  u64  wall clock        milliseconds since 1970 at the sender, 0 for none; advice only
 *   68
 *
 * Offsets are multiples of 16 and at most 2^62, here and in every other message.
 */
#define SKEX_HELLO_BYTES       68u
#define SKEX_HELLO_NONCE_BYTES 16u

struct skex_hello {
	uint8_t direction;
	uint8_t stage;
	uint8_t highest_version;
	uint8_t nonce[SKEX_HELLO_NONCE_BYTES];
	uint8_t echo[SKEX_HELLO_NONCE_BYTES];
	struct skex_pad_position sent;
	struct skex_pad_position received;
	uint64_t wall_ms;
};

/* hello is as decode would give it. */
void skex_hello_encode(const struct skex_hello *hello, uint8_t out[static SKEX_HELLO_BYTES]);
/* SKEX_E_SYNTAX for anything that is not exactly this, as all decoders. */
SKEX_MUST_USE enum skex_error skex_hello_decode(struct skex_hello *hello, struct skex_view header);

/*
 * PING keeps a quiet connection alive and carries the received mark.
 *
 *    0  u8   type              2
 *    1  u8   direction
 *    2  u8   answer wanted     0 or 1
 *    3  u8   reserved          0
 *    4  u32  received generation
 *    8  u64  received offset
 *   16
 */
#define SKEX_PING_BYTES 16u

struct skex_ping {
	uint8_t direction;
	uint8_t answer_wanted;
	struct skex_pad_position received;
};

/* ping is as decode would give it. */
void skex_ping_encode(const struct skex_ping *ping, uint8_t out[static SKEX_PING_BYTES]);
SKEX_MUST_USE enum skex_error skex_ping_decode(struct skex_ping *ping, struct skex_view header);

/*
 * BYE says, inside the envelope, why a leg is not served, and is the last packet of a connection.
 *
 *    0  u8   type              3
 *    1  u8   direction
 *    2  u16  reason            enum skex_bye_reason; others are refused
 *    4
 */
#define SKEX_BYE_BYTES 4u

enum skex_bye_reason {
	SKEX_BYE_CLOSING = 1,  /* the sender is stopping: connect again later */
	SKEX_BYE_ROLLBACK = 2, /* the marks of the two ends contradict: the operator has to look */
	SKEX_BYE_BANNED = 3,   /* the agent is banned or evicted */
	SKEX_BYE_PAUSED = 4,   /* too many failed tags */
	SKEX_BYE_REPLACED = 5, /* a newer connection took over this leg */
};

struct skex_bye {
	uint8_t direction;
	uint16_t reason;
};

/* bye is as decode would give it. */
void skex_bye_encode(const struct skex_bye *bye, uint8_t out[static SKEX_BYE_BYTES]);
SKEX_MUST_USE enum skex_error skex_bye_decode(struct skex_bye *bye, struct skex_view header);

#endif
