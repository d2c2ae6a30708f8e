/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_ACK_MESSAGE_H
#define SKEX_CORE_WIRE_ACK_MESSAGE_H

#include "core/base/cursor.h"
#include "core/base/error.h"
#include "core/base/view.h"
#include "core/pad/pad.h"
#include "core/wire/message.h"

/*
 * ACK: everything before the mark has been received and is durable.  What was received but cannot
 * be served stands in a list; what does not stand there was accepted.  Fields:
 *
 *    u32   received generation
 *    u64   received offset
 *    u16   count             at most SKEX_ACK_ENTRIES_MAX
 *    count * { u32 generation, u64 offset, u16 status }    of the refused messages
 *
 * Every entry lies before the received mark.  No body.  An ACK is itself released by a later ACK,
 * PING or HELLO, and is never answered by one.
 */
#define SKEX_ACK_ENTRIES_MAX 256u
#define SKEX_ACK_ENTRY_BYTES 14u

enum skex_ack_status {
	SKEX_ACK_REFUSED = 1,   /* by policy: these two agents, or this purpose, may not */
	SKEX_ACK_UNKNOWN = 2,   /* no such responder here */
	SKEX_ACK_QUOTA = 3,     /* more than is allowed */
	SKEX_ACK_EXHAUSTED = 4, /* no pad left towards the responder */
	SKEX_ACK_DUPLICATE = 5, /* a share for this block was there already */
	SKEX_ACK_EXPIRED = 6,   /* accepted earlier, but never fetched within its lifetime */
	SKEX_ACK_BANNED = 7,    /* the responder is banned or evicted */
	SKEX_ACK_SYNTAX = 8,    /* authentic, but malformed */
	SKEX_ACK_DECLINED = 9,  /* accepted earlier, but the recipient refused it */
};

struct skex_ack_entry {
	struct skex_pad_position at; /* of the message that is refused */
	uint16_t status;
};

struct skex_ack_message {
	struct skex_pad_position received;
	uint16_t count;
	struct skex_view entries; /* count * SKEX_ACK_ENTRY_BYTES */
};

/* entries has count elements and is not kept.  SKEX_E_ARGUMENT for a field out of its range,
 * SKEX_E_SPACE. */
SKEX_MUST_USE enum skex_error skex_ack_message_encode(struct skex_pad_position received,
	const struct skex_ack_entry *entries, size_t count, uint8_t *out, size_t room,
	size_t *size);
SKEX_MUST_USE enum skex_error skex_ack_message_decode(
	struct skex_ack_message *message, struct skex_view fields);
/* Entry number i, below message->count. */
struct skex_ack_entry skex_ack_message_entry(const struct skex_ack_message *message, size_t i);

#endif
