/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/note_seal.h"

#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"

#define ASSOCIATED_MAX (2u * (1u + SKEX_NAME_MAX) + 32u)

/* The nonce never changes, for a key seals one note. */
static const uint8_t nonce[SKEX_AEAD_NONCE_BYTES];

static struct skex_view associated(
	const struct skex_note_message *message, uint8_t out[static ASSOCIATED_MAX])
{
	struct skex_writer writer;
	size_t size = 0;

	skex_writer_init(&writer, out, ASSOCIATED_MAX);
	skex_write_lp8(&writer, skex_name_view(&message->sender));
	skex_write_lp8(&writer, skex_name_view(&message->recipient));
	skex_write_bytes(&writer, message->key_id, sizeof(message->key_id));
	skex_write_bytes(&writer, message->note_id, sizeof(message->note_id));
	return skex_writer_end(&writer, &size) == SKEX_OK ? skex_view(out, size)
							  : skex_view(NULL, 0);
}

enum skex_error skex_note_seal(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_NOTE_KEY_BYTES], struct skex_note_message *message,
	struct skex_view plain, uint8_t out[static SKEX_NOTE_SEALED_MAX])
{
	uint8_t bound[ASSOCIATED_MAX];
	uint8_t sealed[SKEX_NOTE_SEALED_MAX];
	const struct skex_view about = associated(message, bound);
	enum skex_error error;

	if (plain.size < 1 || plain.size > SKEX_NOTE_MAX || about.size == 0)
		return SKEX_E_ARGUMENT;
	error = crypto->aead_seal(crypto->context, SKEX_AEAD_AES_256_GCM, key, nonce, about, plain,
		sealed, sealed + plain.size);
	if (error == SKEX_OK) {
		memcpy(out, sealed, plain.size + SKEX_AEAD_TAG_BYTES);
		message->sealed = skex_view(out, plain.size + SKEX_AEAD_TAG_BYTES);
	}
	skex_wipe(sealed, sizeof(sealed));
	return error;
}

enum skex_error skex_note_open(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_NOTE_KEY_BYTES], const struct skex_note_message *message,
	uint8_t out[static SKEX_NOTE_MAX], size_t *size)
{
	uint8_t bound[ASSOCIATED_MAX];
	uint8_t plain[SKEX_NOTE_MAX];
	const struct skex_view about = associated(message, bound);
	const struct skex_view sealed = message->sealed;
	enum skex_error error;
	size_t text;

	if (about.size == 0 || sealed.size <= SKEX_AEAD_TAG_BYTES ||
		sealed.size > SKEX_NOTE_SEALED_MAX)
		return SKEX_E_AUTH;
	text = sealed.size - SKEX_AEAD_TAG_BYTES;
	error = crypto->aead_open(crypto->context, SKEX_AEAD_AES_256_GCM, key, nonce, about,
		skex_view(sealed.data, text), sealed.data + text, plain);
	if (error == SKEX_OK) {
		memcpy(out, plain, text);
		*size = text;
	}
	skex_wipe(plain, sizeof(plain));
	return error;
}
