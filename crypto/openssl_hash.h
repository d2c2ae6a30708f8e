/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CRYPTO_OPENSSL_HASH_H
#define SKEX_CRYPTO_OPENSSL_HASH_H

#include "core/auth/crypto.h"

/* The hashing of the provider in crypto/openssl.h; see struct skex_crypto for each. */
enum skex_error skex_openssl_sha256(
	void *context, const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES]);
enum skex_error skex_openssl_hmac_sha256(void *context, struct skex_view key,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES]);
enum skex_error skex_openssl_hmac_key(
	void *context, const uint8_t key[SKEX_HASH_BYTES], struct skex_hmac *hmac);
enum skex_error skex_openssl_hmac_keyed(void *context, const struct skex_hmac *hmac,
	const struct skex_view *parts, size_t count, uint8_t out[SKEX_HASH_BYTES]);

#endif
