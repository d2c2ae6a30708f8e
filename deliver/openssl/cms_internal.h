/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_OPENSSL_CMS_INTERNAL_H
#define SKEX_DELIVER_OPENSSL_CMS_INTERNAL_H

#include <openssl/evp.h>

#include "deliver/openssl/cms.h"

/* Object identifiers, encoded. */
extern const struct skex_view cms_auth_enveloped_data; /* 1.2.840.113549.1.9.16.1.23 */
extern const struct skex_view cms_data;                /* 1.2.840.113549.1.7.1 */
extern const struct skex_view cms_aes256_gcm;          /* 2.16.840.1.101.3.4.1.46 */
extern const struct skex_view cms_aes256_wrap;         /* 2.16.840.1.101.3.4.1.45 */

/* NIST SP 800-38D: 2^39 - 256 bits under one nonce. */
#define CMS_CONTENT_MAX ((UINT64_C(1) << 36) - 32)

/* Wraps and unwraps the message's key; false when OpenSSL fails, or the wrap does not fit the key.
 */
bool cms_wrap(const uint8_t key[static CMS_KEY_BYTES], const uint8_t plain[static CMS_KEY_BYTES],
	uint8_t wrapped[static CMS_WRAP_BYTES]);
bool cms_unwrap(const uint8_t key[static CMS_KEY_BYTES],
	const uint8_t wrapped[static CMS_WRAP_BYTES], uint8_t plain[static CMS_KEY_BYTES]);

#endif
