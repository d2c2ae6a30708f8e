/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_KIT_STREAM_H
#define SKEX_ENROL_KIT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "enrol/kit.h"

/* What writer and reader of a kit share: the sizes, the key and the nonces of its chunks. */
#define SKEX_KIT_SEALED_BYTES (SKEX_KIT_CHUNK_BYTES + SKEX_AEAD_TAG_BYTES)

/* The size of a kit whose stream has `plain` bytes, plain > 0. */
static inline uint64_t skex_kit_file_size(uint64_t plain)
{
	uint64_t chunks = (plain + SKEX_KIT_CHUNK_BYTES - 1) / SKEX_KIT_CHUNK_BYTES;

	return SKEX_KIT_PREAMBLE_BYTES + plain + chunks * SKEX_AEAD_TAG_BYTES;
}

/* KDF(file key, "skex kit", preamble): a changed preamble gives another key. */
SKEX_MUST_USE enum skex_error skex_kit_stream_key(const struct skex_crypto *crypto,
	const struct skex_kit_lock *lock, uint64_t file_size,
	uint8_t key[static SKEX_AEAD_KEY_BYTES]);
/* u8 last | 3 zero bytes | u64 number. */
void skex_kit_nonce(uint64_t number, bool last, uint8_t nonce[static SKEX_AEAD_NONCE_BYTES]);

#endif
