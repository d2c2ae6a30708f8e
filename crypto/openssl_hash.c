/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and HMAC by the block calls of libcrypto, with a context on the stack.  They are
 * deprecated, for EVP, which makes and frees a context on the heap for each hash: that takes ten
 * times as long as hashing what is hashed here, and lets no state be kept.  The code beneath is the
 * same.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/openssl_hash.h"

#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/mem.h"

#define HASH_BLOCK_BYTES 64u

static bool update(SHA256_CTX *hash, const struct skex_view *parts, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (parts[i].size != 0 && SHA256_Update(hash, parts[i].data, parts[i].size) != 1)
			return false;
	}
	return true;
}

/* SHA-256 of a prefix and the parts; out is written at the end. */
static enum skex_error hash_parts(struct skex_view prefix, const struct skex_view *parts,
	size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	SHA256_CTX hash;
	bool good = SHA256_Init(&hash) == 1 && update(&hash, &prefix, 1) &&
		update(&hash, parts, count) && SHA256_Final(out, &hash) == 1;

	skex_wipe(&hash, sizeof(hash));
	return good ? SKEX_OK : SKEX_E_CRYPTO;
}

enum skex_error skex_openssl_sha256(
	void *context, const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	(void)context;
	return hash_parts(skex_view(NULL, 0), parts, count, out);
}

/* HMAC of RFC 2104 out of two hashes, for keys of any size. */
enum skex_error skex_openssl_hmac_sha256(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	uint8_t block[HASH_BLOCK_BYTES] = {0};
	uint8_t inner[SKEX_HASH_BYTES] = {0};
	struct skex_view inner_view = skex_view(inner, sizeof(inner));
	enum skex_error error = SKEX_OK;
	size_t i;

	(void)context;
	if (key.size > sizeof(block))
		error = hash_parts(key, NULL, 0, block);
	else if (key.size != 0)
		memcpy(block, key.data, key.size);
	if (error != SKEX_OK)
		goto out;

	for (i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36;
	error = hash_parts(skex_view(block, sizeof(block)), parts, count, inner);
	if (error != SKEX_OK)
		goto out;
	for (i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	error = hash_parts(skex_view(block, sizeof(block)), &inner_view, 1, out);
out:
	skex_wipe(block, sizeof(block));
	skex_wipe(inner, sizeof(inner));
	return error;
}

/* The state behind one block that is the key XOR pad. */
static bool keyed_state(const uint8_t key[SKEX_HASH_BYTES], uint8_t pad, uint32_t state[8])
{
	uint8_t block[HASH_BLOCK_BYTES];
	SHA256_CTX hash;
	bool good;
	size_t i;

	memset(block, pad, sizeof(block));
	for (i = 0; i < SKEX_HASH_BYTES; i++)
		block[i] ^= key[i];
	good = SHA256_Init(&hash) == 1 && SHA256_Update(&hash, block, sizeof(block)) == 1;
	for (i = 0; i < 8; i++)
		state[i] = hash.h[i];
	skex_wipe(block, sizeof(block));
	skex_wipe(&hash, sizeof(hash));
	return good;
}

enum skex_error skex_openssl_hmac_key(
	void *context, const uint8_t key[SKEX_HASH_BYTES], struct skex_hmac *hmac)
{
	struct skex_hmac made = {{0}, {0}};
	bool good;

	(void)context;
	good = keyed_state(key, 0x36, made.inner) && keyed_state(key, 0x5c, made.outer);
	if (good)
		*hmac = made;
	skex_wipe(&made, sizeof(made));
	return good ? SKEX_OK : SKEX_E_CRYPTO;
}

/* Goes on from a state behind one block. */
static bool hash_on(const uint32_t state[8], const struct skex_view *parts, size_t count,
	uint8_t out[SKEX_HASH_BYTES])
{
	SHA256_CTX hash;
	bool good = SHA256_Init(&hash) == 1;
	size_t i;

	for (i = 0; i < 8; i++)
		hash.h[i] = state[i];
	hash.Nl = 8 * HASH_BLOCK_BYTES;
	good = good && update(&hash, parts, count) && SHA256_Final(out, &hash) == 1;
	skex_wipe(&hash, sizeof(hash));
	return good;
}

enum skex_error skex_openssl_hmac_keyed(void *context, const struct skex_hmac *hmac,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	uint8_t inner[SKEX_HASH_BYTES] = {0};
	const struct skex_view view = skex_view(inner, sizeof(inner));
	bool good;

	(void)context;
	good = hash_on(hmac->inner, parts, count, inner) && hash_on(hmac->outer, &view, 1, out);
	skex_wipe(inner, sizeof(inner));
	return good ? SKEX_OK : SKEX_E_CRYPTO;
}
