/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sha256_small.h"
#include "tests/unit/core/pairwise/scene.h"

/* The hash of a scene: it counts, fails when it is told to, and may be listened to. */

void (*hasher_hears)(const struct skex_hmac *key, const struct skex_view *parts, size_t count,
	const uint8_t out[SKEX_HASH_BYTES]);

static bool fails(struct hasher *hasher)
{
	return ++hasher->calls == hasher->fail_at;
}

static enum skex_error sha256(
	void *context, const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct hasher *hasher = context;

	hasher->sha++;
	if (fails(hasher))
		return SKEX_E_CRYPTO;
	return skex_crypto_small()->sha256(NULL, parts, count, out);
}

static enum skex_error hmac_key(
	void *context, const uint8_t key[SKEX_HASH_BYTES], struct skex_hmac *hmac)
{
	(void)context;
	return skex_crypto_small()->hmac_key(NULL, key, hmac);
}

/* The key or an input may stand where the output goes. */
static enum skex_error computed(const struct skex_hmac *key, const struct skex_view *parts,
	size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	uint8_t made[SKEX_HASH_BYTES];
	enum skex_error error = skex_crypto_small()->hmac_keyed(NULL, key, parts, count, made);

	if (error != SKEX_OK)
		return error;
	if (hasher_hears != NULL)
		hasher_hears(key, parts, count, made);
	memcpy(out, made, sizeof(made));
	return SKEX_OK;
}

static enum skex_error hmac_sha256(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct hasher *hasher = context;
	struct skex_hmac ready;

	hasher->hmac++;
	if (fails(hasher))
		return SKEX_E_CRYPTO;
	if (hasher_hears == NULL || key.size != SKEX_HASH_BYTES)
		return skex_crypto_small()->hmac_sha256(NULL, key, parts, count, out);
	assert_int_equal(hmac_key(context, key.data, &ready), SKEX_OK);
	return computed(&ready, parts, count, out);
}

static enum skex_error hmac_keyed(void *context, const struct skex_hmac *hmac,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct hasher *hasher = context;

	hasher->hmac++;
	if (fails(hasher))
		return SKEX_E_CRYPTO;
	return computed(hmac, parts, count, out);
}

void hasher_init(struct hasher *hasher)
{
	memset(hasher, 0, sizeof(*hasher));
	hasher->crypto.context = hasher;
	hasher->crypto.sha256 = sha256;
	hasher->crypto.hmac_sha256 = hmac_sha256;
	hasher->crypto.hmac_key = hmac_key;
	hasher->crypto.hmac_keyed = hmac_keyed;
}
