/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_AUTH_CRYPTO_H
#define SKEX_CORE_AUTH_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * What the core asks of a cryptographic library: a hash, a MAC, an AEAD and a stream.  A host
 * passes crypto/openssl.h, a microcontroller crypto/sha256_small.h or what its maker gives.  The
 * functions keep no state between calls but in a skex_gmac; context is theirs.  Secrets do not stay
 * behind in their memory.  The pairwise mode needs sha256 and hmac_sha256 only.
 */
#define SKEX_HASH_BYTES       32
#define SKEX_AEAD_KEY_BYTES   32
#define SKEX_AEAD_NONCE_BYTES 12
#define SKEX_AEAD_TAG_BYTES   16

enum skex_aead {
	SKEX_AEAD_AES_256_GCM = 1,       /* NIST SP 800-38D */
	SKEX_AEAD_CHACHA20_POLY1305 = 2, /* RFC 8439 */
};

/*
 * A key of HMAC-SHA256 made ready: the state of the inner and of the outer hash behind their key
 * block, which spares half of the work of a short message.  As secret as the key: wipe it.
 */
struct skex_hmac {
	uint32_t inner[8];
	uint32_t outer[8];
};

/* A key of GMAC made ready, which costs more than the tag of a short message; the provider's. */
struct skex_gmac;

struct skex_crypto {
	void *context;

	/* SHA-256 (FIPS 180-4) over the parts in order. */
	enum skex_error (*sha256)(void *context, const struct skex_view *parts, size_t count,
		uint8_t out[SKEX_HASH_BYTES]);

	/* HMAC-SHA256 (RFC 2104) over the parts in order. */
	enum skex_error (*hmac_sha256)(void *context, struct skex_view key,
		const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES]);

	/* The same in two steps, for several messages under one key.  Both or neither: a provider
	 * without them has NULL here, and skex_hmac_init and skex_hmac do without. */
	enum skex_error (*hmac_key)(
		void *context, const uint8_t key[SKEX_HASH_BYTES], struct skex_hmac *hmac);
	enum skex_error (*hmac_keyed)(void *context, const struct skex_hmac *hmac,
		const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES]);

	/* out has plain.size bytes and may be plain.data. */
	enum skex_error (*aead_seal)(void *context, enum skex_aead aead,
		const uint8_t key[SKEX_AEAD_KEY_BYTES], const uint8_t nonce[SKEX_AEAD_NONCE_BYTES],
		struct skex_view associated, struct skex_view plain, uint8_t *out,
		uint8_t tag[SKEX_AEAD_TAG_BYTES]);

	/* SKEX_E_AUTH when the tag is wrong, and then out holds no plain text.  out may be
	 * sealed.data. */
	enum skex_error (*aead_open)(void *context, enum skex_aead aead,
		const uint8_t key[SKEX_AEAD_KEY_BYTES], const uint8_t nonce[SKEX_AEAD_NONCE_BYTES],
		struct skex_view associated, struct skex_view sealed,
		const uint8_t tag[SKEX_AEAD_TAG_BYTES], uint8_t *out);

	/*
	 * GMAC, AES-256-GCM without text (NIST SP 800-38D), for many messages under one key.  All
	 * three or none: a provider without them has NULL here, and aead_seal with an empty plain
	 * gives the same tag.  The key made ready lies in ordinary memory until gmac_free, which
	 * wipes it; it is used by one thread at a time.
	 */
	enum skex_error (*gmac_new)(
		void *context, const uint8_t key[SKEX_AEAD_KEY_BYTES], struct skex_gmac **gmac);
	enum skex_error (*gmac)(struct skex_gmac *gmac, const uint8_t nonce[SKEX_AEAD_NONCE_BYTES],
		struct skex_view message, uint8_t tag[SKEX_AEAD_TAG_BYTES]);
	void (*gmac_free)(struct skex_gmac *gmac); /* NULL is fine */

	/* size bytes of AES-256-CTR key stream, counter from zero (NIST SP 800-38A). */
	enum skex_error (*stream)(
		void *context, const uint8_t key[SKEX_AEAD_KEY_BYTES], uint8_t *out, size_t size);
};

/* Makes a key of 32 bytes ready.  Any provider will do.  On failure hmac is untouched. */
SKEX_MUST_USE enum skex_error skex_hmac_init(const struct skex_crypto *crypto,
	struct skex_hmac *hmac, const uint8_t key[static SKEX_HASH_BYTES]);
/* HMAC-SHA256 over the parts in order, under a key that skex_hmac_init made ready for the same
 * provider. */
SKEX_MUST_USE enum skex_error skex_hmac(const struct skex_crypto *crypto,
	const struct skex_hmac *hmac, const struct skex_view *parts, size_t count,
	uint8_t out[static SKEX_HASH_BYTES]);

#define SKEX_KDF_CONTEXT_MAX 512u
#define SKEX_KDF_MAX         512u /* made on the stack first; a multiple of SKEX_HASH_BYTES */

/*
 * KDF(key, label, context, size) = HKDF-Expand(key, u8|label| u16|context| u16 size, size) of RFC
 * 5869 with SHA-256.  label is a constant text of at most 255 bytes, context at most
 * SKEX_KDF_CONTEXT_MAX bytes, size at most SKEX_KDF_MAX.  The length prefixes make the input
 * injective.  On failure out is untouched: SKEX_E_ARGUMENT for what is too long, or the provider's.
 */
SKEX_MUST_USE enum skex_error skex_kdf(const struct skex_crypto *crypto,
	const uint8_t key[static SKEX_HASH_BYTES], const char *label, struct skex_view context,
	uint8_t *out, size_t size);
/* The same under a key that was made ready: several derivations from one key cost less. */
SKEX_MUST_USE enum skex_error skex_kdf_keyed(const struct skex_crypto *crypto,
	const struct skex_hmac *key, const char *label, struct skex_view context, uint8_t *out,
	size_t size);

#define SKEX_KDF_STREAM_MAX 8160u /* 255 blocks, RFC 5869 section 2.3 */
/*
 * out[i] = in[i] XOR KDF(key, label, context, size)[i]: a key stream that is used once, without
 * room for all of it.  out may be in.  SKEX_E_ARGUMENT above SKEX_KDF_STREAM_MAX, and then out is
 * untouched; when the provider fails, out is wiped.
 */
SKEX_MUST_USE enum skex_error skex_kdf_xor(const struct skex_crypto *crypto,
	const struct skex_hmac *key, const char *label, struct skex_view context, const uint8_t *in,
	uint8_t *out, size_t size);

#endif
