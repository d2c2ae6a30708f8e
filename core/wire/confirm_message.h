/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_CONFIRM_MESSAGE_H
#define SKEX_CORE_WIRE_CONFIRM_MESSAGE_H

#include "core/base/error.h"
#include "core/base/name.h"
#include "core/base/view.h"
#include "core/wire/common.h"
#include "core/wire/message.h"

/*
 * CONFIRM: end-to-end confirmation of a batch, carried by any hub.  Fields:
 *
 *    u8    which             1 responder to initiator (CONF_BA), 2 initiator to responder (CONF_AB)
 *    lp8   initiator         of the block, not of this message
 *    lp8   responder         another than the initiator
 *    u32   instance
 *    u64   counter           of the first block; that of the last is below 2^42
 *    u8    class             the responder's: the weakest of its legs; 0 in CONF_AB
 *    u16   m                 1 .. 256
 *    m*16  confirmation of each block
 *
 * No body.  The hub forwards it unchanged to the other of the two agents.
 */
#define SKEX_CONFIRM_BA        1
#define SKEX_CONFIRM_AB        2
#define SKEX_CONFIRM_TAG_BYTES 16u

struct skex_confirm_message {
	uint8_t which;
	struct skex_name initiator;
	struct skex_name responder;
	struct skex_block_id first;
	uint8_t class_responder;
	uint16_t blocks;
	struct skex_view tags; /* blocks * 16 bytes */
};

/* SKEX_E_ARGUMENT for a field out of its range, SKEX_E_SPACE. */
SKEX_MUST_USE enum skex_error skex_confirm_message_encode(
	const struct skex_confirm_message *message, uint8_t *out, size_t room, size_t *size);
/* tags borrows from fields. */
SKEX_MUST_USE enum skex_error skex_confirm_message_decode(
	struct skex_confirm_message *message, struct skex_view fields);

#endif
