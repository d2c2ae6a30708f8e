/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and HMAC by the block calls of libcrypto, with a context on the stack.  They are
 * deprecated, for EVP, which makes and frees a context on the heap for each hash: that takes ten
 * times as long as hashing what is hashed here, and lets no state be kept.  The code beneath is the
 * same.
 *
 * What is hashed here are one to three blocks out of several parts of a few bytes.  Gathering them
 * and padding are done here as well, in the context as libcrypto lays it out, because its calls for
 * these two take as long as the blocks themselves.  Long parts go the usual way.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/openssl_hash.h"

#include <endian.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/mem.h"

#define BLOCK_BYTES 64u
#define LENGTH_AT   56u  /* in the last block */
#define SHORT_BYTES 16u  /* up to here a loop is faster than a call */
#define LONG_BYTES  256u /* from here on libcrypto takes several blocks at once */

_Static_assert(sizeof(((SHA256_CTX *)0)->data) == BLOCK_BYTES, "data holds one block");
_Static_assert(sizeof(((SHA256_CTX *)0)->h) == SKEX_HASH_BYTES, "h is the state");

/*
 * Vectors of the compiler: libcrypto reads blocks and states 16 bytes at a time, and a processor
 * waits when these were just written in smaller pieces.
 */
typedef uint32_t four_words __attribute__((vector_size(16)));

/* FIPS 180-4, section 5.3.3. */
static const uint32_t first_state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
	0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static uint8_t *block_of(SHA256_CTX *hash)
{
	return (uint8_t *)hash->data;
}

/* Goes on from a state behind so many blocks.  Behind what was taken, a block is zero. */
static void begin(SHA256_CTX *hash, const uint32_t state[8], unsigned blocks)
{
	memcpy(hash->h, state, sizeof(hash->h));
	memset(hash->data, 0, sizeof(hash->data));
	hash->Nl = 8 * BLOCK_BYTES * blocks;
	hash->Nh = 0;
	hash->num = 0;
}

static void take_block(SHA256_CTX *hash)
{
	SHA256_Transform(hash, block_of(hash));
	memset(hash->data, 0, sizeof(hash->data));
	hash->num = 0;
}

static void copy_short(uint8_t *out, const uint8_t *data, size_t size)
{
	size_t i;

	if (size > SHORT_BYTES) {
		memcpy(out, data, size);
		return;
	}
	for (i = 0; i < size; i++) {
		out[i] = data[i];
		/* Keeps the compiler from making the call out of it after all. */
		__asm__ volatile("");
	}
}

static void take_short(SHA256_CTX *hash, const uint8_t *data, size_t size)
{
	const uint32_t bits = hash->Nl + 8 * (uint32_t)size;

	hash->Nh += bits < hash->Nl;
	hash->Nl = bits;
	while (size > 0) {
		const size_t room = BLOCK_BYTES - hash->num;
		const size_t part = size < room ? size : room;

		copy_short(block_of(hash) + hash->num, data, part);
		hash->num += (unsigned)part;
		data += part;
		size -= part;
		if (hash->num == BLOCK_BYTES)
			take_block(hash);
	}
}

static bool take_long(SHA256_CTX *hash, const uint8_t *data, size_t size)
{
	const bool good = SHA256_Update(hash, data, size) == 1;

	memset(block_of(hash) + hash->num, 0, BLOCK_BYTES - hash->num);
	return good;
}

static bool update(SHA256_CTX *hash, const struct skex_view *parts, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (parts[i].size < LONG_BYTES)
			take_short(hash, parts[i].data, parts[i].size);
		else if (!take_long(hash, parts[i].data, parts[i].size))
			return false;
	}
	return true;
}

/* The state as bytes, most significant first. */
static void put_state(uint8_t out[SKEX_HASH_BYTES], const SHA256_CTX *hash)
{
	four_words words[2] SKEX_UNSET;
	size_t i;

	memcpy(words, hash->h, sizeof(words));
	for (i = 0; i < 2; i++) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		words[i] = (words[i] & 0x00ff00ff) << 8 | (words[i] >> 8 & 0x00ff00ff);
		words[i] = words[i] << 16 | words[i] >> 16;
#endif
		memcpy(out + 16 * i, &words[i], 16);
	}
	skex_wipe(words, sizeof(words));
}

/* Pads as FIPS 180-4, section 5.1.1, says. */
static void finish(SHA256_CTX *hash, uint8_t out[SKEX_HASH_BYTES])
{
	const uint32_t length[2] = {htobe32(hash->Nh), htobe32(hash->Nl)};
	uint8_t *block = block_of(hash);

	block[hash->num] = 0x80;
	if (hash->num >= LENGTH_AT)
		take_block(hash);
	memcpy(block + LENGTH_AT, length, sizeof(length));
	SHA256_Transform(hash, block);
	put_state(out, hash);
}

/* From a state behind so many blocks, over the parts; out is written at the end. */
static bool hash_on(const uint32_t state[8], unsigned blocks, const struct skex_view *parts,
	size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	SHA256_CTX hash SKEX_UNSET;
	bool good;

	begin(&hash, state, blocks);
	good = update(&hash, parts, count);
	if (good)
		finish(&hash, out);
	skex_wipe(&hash, sizeof(hash));
	return good;
}

enum skex_error skex_openssl_sha256(
	void *context, const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	(void)context;
	return hash_on(first_state, 0, parts, count, out) ? SKEX_OK : SKEX_E_CRYPTO;
}

/* The state behind one block that is the key, filled up with zeros, XOR pad. */
static void keyed_state(const uint8_t key[BLOCK_BYTES], uint32_t pad, uint32_t state[8])
{
	four_words words SKEX_UNSET;
	SHA256_CTX hash SKEX_UNSET;
	size_t i;

	begin(&hash, first_state, 0);
	for (i = 0; i < BLOCK_BYTES; i += sizeof(words)) {
		memcpy(&words, key + i, sizeof(words));
		words ^= pad;
		memcpy(block_of(&hash) + i, &words, sizeof(words));
	}
	SHA256_Transform(&hash, block_of(&hash));
	memcpy(state, hash.h, sizeof(hash.h));
	skex_wipe(&words, sizeof(words));
	skex_wipe(&hash, sizeof(hash));
}

static void make_ready(const uint8_t key[BLOCK_BYTES], struct skex_hmac *hmac)
{
	keyed_state(key, 0x36363636, hmac->inner);
	keyed_state(key, 0x5c5c5c5c, hmac->outer);
}

enum skex_error skex_openssl_hmac_key(
	void *context, const uint8_t key[SKEX_HASH_BYTES], struct skex_hmac *hmac)
{
	uint8_t block[BLOCK_BYTES] SKEX_UNSET;

	(void)context;
	memcpy(block, key, SKEX_HASH_BYTES);
	memset(block + SKEX_HASH_BYTES, 0, BLOCK_BYTES - SKEX_HASH_BYTES);
	make_ready(block, hmac);
	skex_wipe(block, sizeof(block));
	return SKEX_OK;
}

/* The outer hash of HMAC: one block, which is the inner one's result and padding. */
static void hash_outer(
	const uint32_t state[8], const uint8_t inner[SKEX_HASH_BYTES], uint8_t out[SKEX_HASH_BYTES])
{
	static const uint8_t padding[BLOCK_BYTES - SKEX_HASH_BYTES] = {
		[0] = 0x80, [30] = 8 * (BLOCK_BYTES + SKEX_HASH_BYTES) / 256};
	SHA256_CTX hash SKEX_UNSET;

	_Static_assert(8 * (BLOCK_BYTES + SKEX_HASH_BYTES) % 256 == 0, "the last byte is zero");
	begin(&hash, state, 1);
	memcpy(block_of(&hash), inner, SKEX_HASH_BYTES);
	memcpy(block_of(&hash) + SKEX_HASH_BYTES, padding, sizeof(padding));
	SHA256_Transform(&hash, block_of(&hash));
	put_state(out, &hash);
	skex_wipe(&hash, sizeof(hash));
}

enum skex_error skex_openssl_hmac_keyed(void *context, const struct skex_hmac *hmac,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	uint8_t inner[SKEX_HASH_BYTES] SKEX_UNSET;
	bool good = hash_on(hmac->inner, 1, parts, count, inner);

	(void)context;
	if (good)
		hash_outer(hmac->outer, inner, out);
	skex_wipe(inner, sizeof(inner));
	return good ? SKEX_OK : SKEX_E_CRYPTO;
}

/* HMAC of RFC 2104 for keys of any size. */
enum skex_error skex_openssl_hmac_sha256(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	uint8_t block[BLOCK_BYTES] = {0};
	enum skex_error error = SKEX_OK;
	struct skex_hmac hmac;

	if (key.size > sizeof(block))
		error = skex_openssl_sha256(context, &key, 1, block);
	else if (key.size != 0)
		memcpy(block, key.data, key.size);
	if (error == SKEX_OK) {
		make_ready(block, &hmac);
		error = skex_openssl_hmac_keyed(context, &hmac, parts, count, out);
		skex_wipe(&hmac, sizeof(hmac));
	}
	skex_wipe(block, sizeof(block));
	return error;
}
