/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sha256_small.h"

#include "core/base/mem.h"

#define BLOCK_BYTES 64u
#define WORDS       8u

struct sha256 {
	uint32_t state[WORDS];
	uint64_t bytes;
	uint8_t block[BLOCK_BYTES];
};

/* FIPS 180-4 section 5.3.3 */
static const uint32_t initial[WORDS] = {
	0x6a09e667,
	0xbb67ae85,
	0x3c6ef372,
	0xa54ff53a,
	0x510e527f,
	0x9b05688c,
	0x1f83d9ab,
	0x5be0cd19,
};

/* FIPS 180-4 section 4.2.2 */
/* clang-format off */
static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
/* clang-format on */

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t load(const uint8_t *in)
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static void store(uint8_t *out, uint32_t x)
{
	out[0] = (uint8_t)(x >> 24);
	out[1] = (uint8_t)(x >> 16);
	out[2] = (uint8_t)(x >> 8);
	out[3] = (uint8_t)x;
}

/* The message schedule is kept as a ring of 16 words, which saves 192 bytes of stack. */
static void compress(uint32_t state[WORDS], const uint8_t block[BLOCK_BYTES])
{
	uint32_t w[16];
	uint32_t s[WORDS];
	unsigned t;

	memcpy(s, state, sizeof(s));
	for (t = 0; t < 16; t++)
		w[t] = load(block + 4u * t);
	for (t = 0; t < 64; t++) {
		uint32_t one;
		uint32_t two;

		if (t >= 16) {
			const uint32_t a = w[(t + 1) & 15];
			const uint32_t b = w[(t + 14) & 15];

			w[t & 15] += w[(t + 9) & 15] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
				(rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
		}
		one = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25)) +
			((s[4] & s[5]) ^ (~s[4] & s[6])) + constants[t] + w[t & 15];
		two = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22)) +
			((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		memmove(s + 1, s, 7 * sizeof(s[0]));
		s[4] += one;
		s[0] = one + two;
	}
	for (t = 0; t < WORDS; t++)
		state[t] += s[t];
	skex_wipe(w, sizeof(w));
	skex_wipe(s, sizeof(s));
}

static void update(struct sha256 *hash, struct skex_view data)
{
	size_t filled = (size_t)(hash->bytes & (BLOCK_BYTES - 1));
	size_t done = 0;

	hash->bytes += data.size;
	while (done < data.size) {
		size_t part = BLOCK_BYTES - filled;

		if (part > data.size - done)
			part = data.size - done;
		memcpy(hash->block + filled, data.data + done, part);
		done += part;
		filled += part;
		if (filled == BLOCK_BYTES) {
			compress(hash->state, hash->block);
			filled = 0;
		}
	}
}

static void final(struct sha256 *hash, uint8_t out[SKEX_HASH_BYTES])
{
	const uint64_t bits = hash->bytes * 8;
	size_t filled = (size_t)(hash->bytes & (BLOCK_BYTES - 1));
	unsigned i;

	hash->block[filled++] = 0x80;
	if (filled > BLOCK_BYTES - 8) {
		memset(hash->block + filled, 0, BLOCK_BYTES - filled);
		compress(hash->state, hash->block);
		filled = 0;
	}
	memset(hash->block + filled, 0, BLOCK_BYTES - 8 - filled);
	store(hash->block + BLOCK_BYTES - 8, (uint32_t)(bits >> 32));
	store(hash->block + BLOCK_BYTES - 4, (uint32_t)bits);
	compress(hash->state, hash->block);
	for (i = 0; i < WORDS; i++)
		store(out + 4u * i, hash->state[i]);
}

/* The hash of the parts, going on from a state behind a number of bytes. */
static void hash_from(const uint32_t state[WORDS], uint64_t bytes, const struct skex_view *parts,
	size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct sha256 hash;
	size_t i;

	memcpy(hash.state, state, sizeof(hash.state));
	hash.bytes = bytes;
	for (i = 0; i < count; i++)
		update(&hash, parts[i]);
	final(&hash, out);
	skex_wipe(&hash, sizeof(hash));
}

static enum skex_error sha256(
	void *context, const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	(void)context;
	hash_from(initial, 0, parts, count, out);
	return SKEX_OK;
}

static enum skex_error hmac_keyed(void *context, const struct skex_hmac *hmac,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	uint8_t inner[SKEX_HASH_BYTES];
	const struct skex_view view = skex_view(inner, sizeof(inner));

	(void)context;
	hash_from(hmac->inner, BLOCK_BYTES, parts, count, inner);
	hash_from(hmac->outer, BLOCK_BYTES, &view, 1, out);
	skex_wipe(inner, sizeof(inner));
	return SKEX_OK;
}

/* RFC 2104 section 2: a key longer than a block is hashed first. */
static void make_ready(struct skex_view key, struct skex_hmac *hmac)
{
	uint8_t block[BLOCK_BYTES] = {0};
	unsigned i;

	if (key.size > BLOCK_BYTES)
		hash_from(initial, 0, &key, 1, block);
	else if (key.size != 0)
		memcpy(block, key.data, key.size);
	for (i = 0; i < BLOCK_BYTES; i++)
		block[i] ^= 0x36;
	memcpy(hmac->inner, initial, sizeof(initial));
	compress(hmac->inner, block);
	for (i = 0; i < BLOCK_BYTES; i++)
		block[i] ^= 0x36 ^ 0x5c;
	memcpy(hmac->outer, initial, sizeof(initial));
	compress(hmac->outer, block);
	skex_wipe(block, sizeof(block));
}

static enum skex_error hmac_key(
	void *context, const uint8_t key[SKEX_HASH_BYTES], struct skex_hmac *hmac)
{
	(void)context;
	make_ready(skex_view(key, SKEX_HASH_BYTES), hmac);
	return SKEX_OK;
}

static enum skex_error hmac_sha256(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct skex_hmac hmac;
	enum skex_error error;

	make_ready(key, &hmac);
	error = hmac_keyed(context, &hmac, parts, count, out);
	skex_wipe(&hmac, sizeof(hmac));
	return error;
}

const struct skex_crypto *skex_crypto_small(void)
{
	static const struct skex_crypto crypto = {
		.context = NULL,
		.sha256 = sha256,
		.hmac_sha256 = hmac_sha256,
		.hmac_key = hmac_key,
		.hmac_keyed = hmac_keyed,
	};

	return &crypto;
}
