/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_WIRE_NOTE_MESSAGE_H
#define SKEX_CORE_WIRE_NOTE_MESSAGE_H

#include "core/base/error.h"
#include "core/base/name.h"
#include "core/base/view.h"
#include "core/wire/common.h"
#include "core/wire/message.h"

/*
 * NOTE: up to 256 bytes between two agents, end-to-end authenticated and encrypted under a key cut
 * from a block of the purpose "skex:note", stored and forwarded by any one hub.  Fields:
 *
 *    lp8   sender
 *    lp8   recipient         another than the sender
 *    16    key id            of the 64-byte note key, used for this one note
 *    16    note id           random; the same when the note is sent again through another hub
 *    u16   size              1..256 + 16
 *    size  sealed            the note, sealed (docs/spec/distributed.md, "Notes")
 *
 * No body.
 */
#define SKEX_NOTE_MAX        256u
#define SKEX_NOTE_SEALED_MAX (SKEX_NOTE_MAX + 16u)

struct skex_note_message {
	struct skex_name sender;
	struct skex_name recipient;
	uint8_t key_id[16];
	uint8_t note_id[16];
	struct skex_view sealed;
};

/* SKEX_E_ARGUMENT for a field out of its range, SKEX_E_SPACE. */
SKEX_MUST_USE enum skex_error skex_note_message_encode(
	const struct skex_note_message *message, uint8_t *out, size_t room, size_t *size);
/* sealed borrows from fields. */
SKEX_MUST_USE enum skex_error skex_note_message_decode(
	struct skex_note_message *message, struct skex_view fields);

#endif
