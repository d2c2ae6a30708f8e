/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CRYPTO_SHA256_SMALL_H
#define SKEX_CRYPTO_SHA256_SMALL_H

#include "core/auth/crypto.h"

/*
 * SHA-256 (FIPS 180-4) and HMAC-SHA256 for small devices: no table but the round constants, no
 * branch and no index that depends on the data, no state, and nothing needed but the four memory
 * functions of the core.  It is freestanding, like the core, and built for the same targets.
 */

/* The provider.  Never NULL, valid for ever.  It has sha256, hmac_sha256, hmac_key and hmac_keyed,
 * which never fail; the AEAD and the stream are NULL: the pairwise mode needs none. */
const struct skex_crypto *skex_crypto_small(void);

#endif
