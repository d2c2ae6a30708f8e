/* SPDX-License-Identifier: Apache-2.0 */
/* The block calls of SHA-256 are deprecated, and the only ones that let a state be kept. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/openssl.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

#define HASH_BLOCK_BYTES 64u
#define INPUT_MAX        ((size_t)1 << 30) /* libcrypto takes sizes as int */

/* Fetching an algorithm by name takes longer than using it: once for the process. */
static struct {
	EVP_MD *sha256;
	EVP_CIPHER *aes_gcm;
	EVP_CIPHER *chacha;
	EVP_CIPHER *aes_ctr;
	pthread_key_t key;
	bool ready;
} shared;

static pthread_once_t once = PTHREAD_ONCE_INIT;

struct contexts {
	EVP_MD_CTX *hash;
	EVP_CIPHER_CTX *cipher;
};

static void contexts_free(void *data)
{
	struct contexts *contexts = data;

	EVP_MD_CTX_free(contexts->hash);
	EVP_CIPHER_CTX_free(contexts->cipher);
	free(contexts);
}

static void fetch_all(void)
{
	shared.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	shared.aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	shared.chacha = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	shared.aes_ctr = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	shared.ready = shared.sha256 != NULL && shared.aes_gcm != NULL && shared.chacha != NULL &&
		shared.aes_ctr != NULL && pthread_key_create(&shared.key, contexts_free) == 0;
}

static enum skex_error contexts_new(struct contexts **out)
{
	struct contexts *contexts = calloc(1, sizeof(*contexts));

	if (contexts == NULL)
		return SKEX_E_MEMORY;
	contexts->hash = EVP_MD_CTX_new();
	contexts->cipher = EVP_CIPHER_CTX_new();
	if (contexts->hash == NULL || contexts->cipher == NULL)
		goto err;
	if (EVP_DigestInit_ex2(contexts->hash, shared.sha256, NULL) != 1)
		goto err;
	if (pthread_setspecific(shared.key, contexts) != 0)
		goto err;
	*out = contexts;
	return SKEX_OK;
err:
	contexts_free(contexts);
	return SKEX_E_MEMORY;
}

static enum skex_error contexts_get(struct contexts **out)
{
	struct contexts *contexts;

	if (pthread_once(&once, fetch_all) != 0 || !shared.ready)
		return SKEX_E_CRYPTO;
	contexts = pthread_getspecific(shared.key);
	if (contexts == NULL)
		return contexts_new(out);
	*out = contexts;
	return SKEX_OK;
}

/* SHA-256 of a prefix and the parts.  Beginning anew at the end overwrites the chaining value. */
static enum skex_error hash_parts(EVP_MD_CTX *hash, struct skex_view prefix,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	enum skex_error error = SKEX_E_CRYPTO;
	size_t i;

	if (EVP_DigestInit_ex2(hash, NULL, NULL) != 1)
		goto out;
	if (prefix.size != 0 && EVP_DigestUpdate(hash, prefix.data, prefix.size) != 1)
		goto out;
	for (i = 0; i < count; i++) {
		if (parts[i].size != 0 && EVP_DigestUpdate(hash, parts[i].data, parts[i].size) != 1)
			goto out;
	}
	if (EVP_DigestFinal_ex(hash, digest, NULL) != 1)
		goto out;
	memcpy(out, digest, SKEX_HASH_BYTES);
	error = SKEX_OK;
out:
	(void)EVP_DigestInit_ex2(hash, NULL, NULL);
	skex_wipe(digest, sizeof(digest));
	return error;
}

static enum skex_error sha256(
	void *context, const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	struct contexts *contexts;
	enum skex_error error;

	(void)context;
	error = contexts_get(&contexts);
	if (error != SKEX_OK)
		return error;
	return hash_parts(contexts->hash, skex_view(NULL, 0), parts, count, out);
}

/*
 * HMAC of RFC 2104 out of two hashes: half the time of EVP_MAC for short inputs, which keeps the
 * key in its context besides.
 */
static enum skex_error hmac_sha256(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES])
{
	uint8_t block[HASH_BLOCK_BYTES] = {0};
	uint8_t inner[SKEX_HASH_BYTES] = {0};
	struct skex_view inner_view = skex_view(inner, sizeof(inner));
	struct contexts *contexts;
	enum skex_error error;
	size_t i;

	(void)context;
	error = contexts_get(&contexts);
	if (error != SKEX_OK)
		return error;

	if (key.size > sizeof(block))
		error = hash_parts(contexts->hash, key, NULL, 0, block);
	else if (key.size != 0)
		memcpy(block, key.data, key.size);
	if (error != SKEX_OK)
		goto out;

	for (i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36;
	error = hash_parts(contexts->hash, skex_view(block, sizeof(block)), parts, count, inner);
	if (error != SKEX_OK)
		goto out;
	for (i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	error = hash_parts(contexts->hash, skex_view(block, sizeof(block)), &inner_view, 1, out);
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

static enum skex_error hmac_key(
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
	for (i = 0; i < count && good; i++)
		good = parts[i].size == 0 ||
			SHA256_Update(&hash, parts[i].data, parts[i].size) == 1;
	good = good && SHA256_Final(out, &hash) == 1;
	skex_wipe(&hash, sizeof(hash));
	return good;
}

static enum skex_error hmac_keyed(void *context, const struct skex_hmac *hmac,
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

static const EVP_CIPHER *aead_cipher(enum skex_aead aead)
{
	switch (aead) {
	case SKEX_AEAD_AES_256_GCM:
		return shared.aes_gcm;
	case SKEX_AEAD_CHACHA20_POLY1305:
		return shared.chacha;
	}
	return NULL;
}

/* A context keyed for one message, with the associated data taken in; reset by the caller. */
static enum skex_error aead_begin(struct contexts **contexts, enum skex_aead aead, bool seal,
	const uint8_t *key, const uint8_t *nonce, struct skex_view associated,
	struct skex_view text)
{
	const EVP_CIPHER *cipher;
	enum skex_error error;
	int size;

	if (associated.size > INPUT_MAX || text.size > INPUT_MAX)
		return SKEX_E_ARGUMENT;
	error = contexts_get(contexts);
	if (error != SKEX_OK)
		return error;
	cipher = aead_cipher(aead);
	if (cipher == NULL)
		return SKEX_E_ARGUMENT;
	if (EVP_CipherInit_ex2((*contexts)->cipher, cipher, key, nonce, seal, NULL) == 1 &&
		(associated.size == 0 ||
			EVP_CipherUpdate((*contexts)->cipher, NULL, &size, associated.data,
				(int)associated.size) == 1))
		return SKEX_OK;
	EVP_CIPHER_CTX_reset((*contexts)->cipher);
	return SKEX_E_CRYPTO;
}

static bool update(EVP_CIPHER_CTX *cipher, struct skex_view text, uint8_t *out)
{
	int size = 0;

	if (text.size == 0)
		return true;
	return EVP_CipherUpdate(cipher, out, &size, text.data, (int)text.size) == 1 &&
		size == (int)text.size;
}

static enum skex_error aead_seal(void *context, enum skex_aead aead,
	const uint8_t key[SKEX_AEAD_KEY_BYTES], const uint8_t nonce[SKEX_AEAD_NONCE_BYTES],
	struct skex_view associated, struct skex_view plain, uint8_t *out,
	uint8_t tag[SKEX_AEAD_TAG_BYTES])
{
	uint8_t none[SKEX_AEAD_TAG_BYTES];
	struct contexts *contexts;
	EVP_CIPHER_CTX *cipher;
	enum skex_error error;
	int size = 0;

	(void)context;
	error = aead_begin(&contexts, aead, true, key, nonce, associated, plain);
	if (error != SKEX_OK)
		return error;
	cipher = contexts->cipher;
	if (!update(cipher, plain, out) || EVP_CipherFinal_ex(cipher, none, &size) != 1 ||
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, SKEX_AEAD_TAG_BYTES, tag) != 1)
		error = SKEX_E_CRYPTO;
	/* Frees the keyed part after overwriting it; making it anew costs less than a second key.
	 */
	EVP_CIPHER_CTX_reset(cipher);
	return error;
}

static enum skex_error aead_open(void *context, enum skex_aead aead,
	const uint8_t key[SKEX_AEAD_KEY_BYTES], const uint8_t nonce[SKEX_AEAD_NONCE_BYTES],
	struct skex_view associated, struct skex_view sealed,
	const uint8_t tag[SKEX_AEAD_TAG_BYTES], uint8_t *out)
{
	uint8_t expected[SKEX_AEAD_TAG_BYTES];
	uint8_t none[SKEX_AEAD_TAG_BYTES];
	struct contexts *contexts;
	EVP_CIPHER_CTX *cipher;
	enum skex_error error;
	int size = 0;

	(void)context;
	error = aead_begin(&contexts, aead, false, key, nonce, associated, sealed);
	if (error != SKEX_OK)
		return error;
	cipher = contexts->cipher;
	memcpy(expected, tag, sizeof(expected)); /* the control call takes no const */
	if (EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, sizeof(expected), expected) != 1 ||
		!update(cipher, sealed, out))
		error = SKEX_E_CRYPTO;
	else if (EVP_CipherFinal_ex(cipher, none, &size) != 1)
		error = SKEX_E_AUTH;
	EVP_CIPHER_CTX_reset(cipher);
	/* libcrypto decrypts before it compares. */
	if (error != SKEX_OK)
		skex_wipe(out, sealed.size);
	return error;
}

static enum skex_error stream(
	void *context, const uint8_t key[SKEX_AEAD_KEY_BYTES], uint8_t *out, size_t size)
{
	static const uint8_t counter[16];
	struct contexts *contexts;
	enum skex_error error;

	(void)context;
	if (size > INPUT_MAX)
		return SKEX_E_ARGUMENT;
	error = contexts_get(&contexts);
	if (error != SKEX_OK)
		return error;
	if (EVP_EncryptInit_ex2(contexts->cipher, shared.aes_ctr, key, counter, NULL) != 1) {
		error = SKEX_E_CRYPTO;
	} else {
		memset(out, 0, size);
		if (!update(contexts->cipher, skex_view(out, size), out))
			error = SKEX_E_CRYPTO;
	}
	EVP_CIPHER_CTX_reset(contexts->cipher);
	return error;
}

const struct skex_crypto *skex_crypto_openssl(void)
{
	static const struct skex_crypto crypto = {
		.context = NULL,
		.sha256 = sha256,
		.hmac_sha256 = hmac_sha256,
		.hmac_key = hmac_key,
		.hmac_keyed = hmac_keyed,
		.aead_seal = aead_seal,
		.aead_open = aead_open,
		.stream = stream,
	};

	return &crypto;
}
