/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_MESSAGE_H
#define SKEX_CORE_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/onetime.h"
#include "core/base/cursor.h"
#include "core/base/error.h"
#include "core/base/view.h"
#include "core/math/math.h"
#include "core/pad/pad.h"

/*
 * The header inside the envelope begins with the message's type.  HELLO, PING and BYE use no pad
 * and carry no one-time tag.  All others begin with
 *
 *    0  u8   type
 *    1  u8   direction         0 agent to hub, 1 hub to agent
 *    2  u16  reserved          0
 *    4  u32  pad generation
 *    8  u64  pad offset        of the tag key; the bytes that encrypt the body follow it
 *   16  16   one-time tag
 *   32       fields            of the type; one file per type
 */
enum skex_message_type {
	SKEX_MESSAGE_HELLO = 1,
	SKEX_MESSAGE_PING = 2,
	SKEX_MESSAGE_BYE = 3,
	SKEX_MESSAGE_SHARE = 16,
	SKEX_MESSAGE_CONFIRM = 17,
	SKEX_MESSAGE_ACK = 18,
	SKEX_MESSAGE_NOTE = 19,
};

enum skex_direction {
	SKEX_TO_HUB = 0,
	SKEX_TO_AGENT = 1,
};

#define SKEX_MESSAGE_PREFIX_BYTES 32u
#define SKEX_HUB_ID_BYTES         16u
#define SKEX_BATCH_MAX            256u /* blocks in one message: 1..256 */

/*
 * What a one-time tag covers besides the message: who, over which leg, from which pad.  Without the
 * pad and its generation an offset would be ambiguous; without the hub and the leg a message could
 * be moved to another.
 */
struct skex_scope {
	uint8_t hub[SKEX_HUB_ID_BYTES];
	uint64_t leg;
	uint64_t pad;      /* the id of the pad, from the kit */
	uint8_t direction; /* enum skex_direction */
};

/* The prefix of a pad-using message, decoded; views borrow from the header. */
struct skex_prefix {
	uint8_t type;
	uint8_t direction;
	uint32_t generation;
	uint64_t offset;
	struct skex_view tag;    /* 16 bytes */
	struct skex_view fields; /* the rest of the header */
};

/* SKEX_E_SYNTAX for a header that is too short, has a wrong reserved field or direction, an offset
 * that no pad has, or a type without prefix. */
SKEX_MUST_USE enum skex_error skex_prefix_decode(
	struct skex_prefix *prefix, struct skex_view header);

/* Type of a header without looking further; 0 when it is empty. */
uint8_t skex_message_type(struct skex_view header);

/* A position as it stands on the wire: u32 generation, u64 offset.  One that no pad has fails the
 * reader. */
struct skex_pad_position skex_read_position(struct skex_reader *reader);
void skex_write_position(struct skex_writer *writer, struct skex_pad_position position);

/*
 * Completes a message whose fields stand at header + 32: writes the prefix and the one-time tag.
 *   associated data = version u8 | type u8 | direction u8 | 0 u8 | generation u32 | offset u64 |
 *                     pad u64 | leg u64 | hub 16 | fields
 *   text            = body
 * key is the 32 pad bytes at offset; header_size is at least 32; version is SKEX_WIRE_VERSION.
 */
void skex_message_seal(const struct skex_math *math, const struct skex_scope *scope, uint8_t type,
	struct skex_pad_position at, const uint8_t key[static SKEX_ONETIME_KEY_BYTES],
	uint8_t *header, size_t header_size, struct skex_view body);

/* True when the one-time tag is right; false when prefix->direction is not that of the scope.  key
 * is the 32 pad bytes at prefix->offset. */
SKEX_MUST_USE bool skex_message_verify(const struct skex_math *math, const struct skex_scope *scope,
	const struct skex_prefix *prefix, const uint8_t key[static SKEX_ONETIME_KEY_BYTES],
	struct skex_view body);

#endif
