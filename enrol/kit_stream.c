/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/kit_stream.h"

#include "core/base/cursor.h"
#include "core/base/mem.h"

enum skex_error skex_kit_stream_key(const struct skex_crypto *crypto,
	const struct skex_kit_lock *lock, uint64_t file_size,
	uint8_t key[static SKEX_AEAD_KEY_BYTES])
{
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES];
	enum skex_error error;

	skex_kit_preamble_encode(lock, file_size, preamble);
	error = skex_kdf(crypto, lock->key, "skex kit", skex_view(preamble, sizeof(preamble)), key,
		SKEX_AEAD_KEY_BYTES);
	skex_wipe(preamble, sizeof(preamble));
	return error;
}

void skex_kit_nonce(uint64_t number, bool last, uint8_t nonce[static SKEX_AEAD_NONCE_BYTES])
{
	struct skex_writer writer;

	skex_writer_init(&writer, nonce, SKEX_AEAD_NONCE_BYTES);
	skex_write_u8(&writer, last ? 1 : 0);
	skex_write_u8(&writer, 0);
	skex_write_u16(&writer, 0);
	skex_write_u64(&writer, number);
}
