/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/openssl.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/mem.h"
#include "crypto/openssl_hash.h"

#define INPUT_MAX ((size_t)1 << 30) /* libcrypto takes sizes as int */

/* Fetching an algorithm by name takes longer than using it: once for the process. */
static struct {
	EVP_CIPHER *aes_gcm;
	EVP_CIPHER *chacha;
	EVP_CIPHER *aes_ctr;
	pthread_key_t key;
	bool ready;
} shared;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void cipher_free(void *cipher)
{
	EVP_CIPHER_CTX_free(cipher);
}

static void fetch_all(void)
{
	shared.aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	shared.chacha = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	shared.aes_ctr = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL);
	shared.ready = shared.aes_gcm != NULL && shared.chacha != NULL && shared.aes_ctr != NULL &&
		pthread_key_create(&shared.key, cipher_free) == 0;
}

/* The context of this thread. */
static enum skex_error cipher_get(EVP_CIPHER_CTX **out)
{
	EVP_CIPHER_CTX *cipher;

	if (pthread_once(&once, fetch_all) != 0 || !shared.ready)
		return SKEX_E_CRYPTO;
	cipher = pthread_getspecific(shared.key);
	if (cipher == NULL) {
		cipher = EVP_CIPHER_CTX_new();
		if (cipher == NULL)
			return SKEX_E_MEMORY;
		if (pthread_setspecific(shared.key, cipher) != 0) {
			EVP_CIPHER_CTX_free(cipher);
			return SKEX_E_MEMORY;
		}
	}
	*out = cipher;
	return SKEX_OK;
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
static enum skex_error aead_begin(EVP_CIPHER_CTX **out, enum skex_aead aead, bool seal,
	const uint8_t *key, const uint8_t *nonce, struct skex_view associated,
	struct skex_view text)
{
	const EVP_CIPHER *algorithm;
	EVP_CIPHER_CTX *cipher;
	enum skex_error error;
	int size;

	if (associated.size > INPUT_MAX || text.size > INPUT_MAX)
		return SKEX_E_ARGUMENT;
	error = cipher_get(&cipher);
	if (error != SKEX_OK)
		return error;
	algorithm = aead_cipher(aead);
	if (algorithm == NULL)
		return SKEX_E_ARGUMENT;
	if (EVP_CipherInit_ex2(cipher, algorithm, key, nonce, seal, NULL) == 1 &&
		(associated.size == 0 ||
			EVP_CipherUpdate(
				cipher, NULL, &size, associated.data, (int)associated.size) == 1)) {
		*out = cipher;
		return SKEX_OK;
	}
	EVP_CIPHER_CTX_reset(cipher);
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
	EVP_CIPHER_CTX *cipher;
	enum skex_error error;
	int size = 0;

	(void)context;
	error = aead_begin(&cipher, aead, true, key, nonce, associated, plain);
	if (error != SKEX_OK)
		return error;
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
	EVP_CIPHER_CTX *cipher;
	enum skex_error error;
	int size = 0;

	(void)context;
	error = aead_begin(&cipher, aead, false, key, nonce, associated, sealed);
	if (error != SKEX_OK)
		return error;
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

/* ---- GMAC -------------------------------------------------------------------------------------
 */

/* A skex_gmac is a context that was given the key and no nonce. */
static enum skex_error gmac_new(
	void *context, const uint8_t key[SKEX_AEAD_KEY_BYTES], struct skex_gmac **gmac)
{
	EVP_CIPHER_CTX *cipher;

	(void)context;
	if (pthread_once(&once, fetch_all) != 0 || !shared.ready)
		return SKEX_E_CRYPTO;
	cipher = EVP_CIPHER_CTX_new();
	if (cipher == NULL)
		return SKEX_E_MEMORY;
	if (EVP_EncryptInit_ex2(cipher, shared.aes_gcm, key, NULL, NULL) != 1) {
		EVP_CIPHER_CTX_free(cipher);
		return SKEX_E_CRYPTO;
	}
	*gmac = (struct skex_gmac *)cipher;
	return SKEX_OK;
}

static enum skex_error gmac(struct skex_gmac *gmac, const uint8_t nonce[SKEX_AEAD_NONCE_BYTES],
	struct skex_view message, uint8_t tag[SKEX_AEAD_TAG_BYTES])
{
	EVP_CIPHER_CTX *cipher = (EVP_CIPHER_CTX *)gmac;
	uint8_t made[SKEX_AEAD_TAG_BYTES];
	int size = 0;

	if (message.size > INPUT_MAX)
		return SKEX_E_ARGUMENT;
	if (EVP_EncryptInit_ex2(cipher, NULL, NULL, nonce, NULL) != 1 ||
		(message.size > 0 &&
			EVP_EncryptUpdate(cipher, NULL, &size, message.data, (int)message.size) !=
				1) ||
		EVP_EncryptFinal_ex(cipher, made, &size) != 1 ||
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, sizeof(made), made) != 1)
		return SKEX_E_CRYPTO;
	memcpy(tag, made, sizeof(made));
	return SKEX_OK;
}

static void gmac_free(struct skex_gmac *gmac)
{
	EVP_CIPHER_CTX_free((EVP_CIPHER_CTX *)gmac); /* wipes what is keyed */
}

static enum skex_error stream(
	void *context, const uint8_t key[SKEX_AEAD_KEY_BYTES], uint8_t *out, size_t size)
{
	static const uint8_t counter[16];
	EVP_CIPHER_CTX *cipher;
	enum skex_error error;

	(void)context;
	if (size > INPUT_MAX)
		return SKEX_E_ARGUMENT;
	error = cipher_get(&cipher);
	if (error != SKEX_OK)
		return error;
	if (EVP_EncryptInit_ex2(cipher, shared.aes_ctr, key, counter, NULL) != 1) {
		error = SKEX_E_CRYPTO;
	} else {
		memset(out, 0, size);
		if (!update(cipher, skex_view(out, size), out))
			error = SKEX_E_CRYPTO;
	}
	EVP_CIPHER_CTX_reset(cipher);
	return error;
}

const struct skex_crypto *skex_crypto_openssl(void)
{
	static const struct skex_crypto crypto = {
		.context = NULL,
		.sha256 = skex_openssl_sha256,
		.hmac_sha256 = skex_openssl_hmac_sha256,
		.hmac_key = skex_openssl_hmac_key,
		.hmac_keyed = skex_openssl_hmac_keyed,
		.aead_seal = aead_seal,
		.aead_open = aead_open,
		.gmac_new = gmac_new,
		.gmac = gmac,
		.gmac_free = gmac_free,
		.stream = stream,
	};

	return &crypto;
}
