/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/argon2.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "core/base/mem.h"

_Static_assert(SKEX_ARGON2_SALT_BYTES == crypto_pwhash_argon2id_SALTBYTES, "salt of libsodium");
_Static_assert(SKEX_ARGON2_KEY_BYTES >= crypto_pwhash_argon2id_BYTES_MIN, "key of libsodium");

#define PASSPHRASE_MAX 65536u

enum skex_error skex_argon2id(uint8_t out[static SKEX_ARGON2_KEY_BYTES],
	struct skex_view passphrase, const uint8_t salt[static SKEX_ARGON2_SALT_BYTES],
	uint32_t ops, uint64_t mem_bytes)
{
	uint8_t key[SKEX_ARGON2_KEY_BYTES] = {0};
	enum skex_error error = SKEX_OK;

	if (ops < crypto_pwhash_argon2id_OPSLIMIT_MIN || ops > SKEX_ARGON2_OPS_MAX)
		return SKEX_E_ARGUMENT;
	if (mem_bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN || mem_bytes > SKEX_ARGON2_MEM_MAX ||
		mem_bytes > crypto_pwhash_argon2id_MEMLIMIT_MAX)
		return SKEX_E_ARGUMENT;
	if (passphrase.size > PASSPHRASE_MAX)
		return SKEX_E_ARGUMENT;
	if (sodium_init() < 0)
		return SKEX_E_CRYPTO;

	errno = 0;
	if (crypto_pwhash_argon2id(key, sizeof(key),
		    passphrase.size == 0 ? "" : (const char *)passphrase.data, passphrase.size,
		    salt, ops, (size_t)mem_bytes, crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
		error = errno == ENOMEM ? SKEX_E_MEMORY : SKEX_E_CRYPTO;
	else
		memcpy(out, key, sizeof(key));
	skex_wipe(key, sizeof(key));
	return error;
}
