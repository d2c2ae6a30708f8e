/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_NOTE_SEAL_H
#define SKEX_AGENT_NOTE_SEAL_H

#include "core/auth/crypto.h"
#include "core/wire/note_message.h"

/*
 * The seal of a note (docs/spec/distributed.md, "Notes"): AES-256-GCM under the first 32 bytes of
 * the note key with an all-zero nonce, over the fields before the size as associated data.  A note
 * key seals one note.
 */
#define SKEX_NOTE_KEY_BYTES 64u

/* Seals plain (1..SKEX_NOTE_MAX bytes) into out, which then is message->sealed; the other fields of
 * the message are set before.  SKEX_E_ARGUMENT for a size out of range; SKEX_E_CRYPTO. */
SKEX_MUST_USE enum skex_error skex_note_seal(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_NOTE_KEY_BYTES], struct skex_note_message *message,
	struct skex_view plain, uint8_t out[static SKEX_NOTE_SEALED_MAX]);
/* Opens a decoded message into out; *size is that of the note.  SKEX_E_AUTH, SKEX_E_CRYPTO. */
SKEX_MUST_USE enum skex_error skex_note_open(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_NOTE_KEY_BYTES], const struct skex_note_message *message,
	uint8_t out[static SKEX_NOTE_MAX], size_t *size);

#endif
