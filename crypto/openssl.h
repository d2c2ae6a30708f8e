/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CRYPTO_OPENSSL_H
#define SKEX_CRYPTO_OPENSSL_H

#include "core/auth/crypto.h"

/*
 * The provider over libcrypto of OpenSSL 3.  Never NULL, valid for ever, for all threads.  Each
 * thread keeps its own contexts, which hold no secret between two calls; they go with the thread.
 * SKEX_E_MEMORY when a thread's contexts cannot be made, SKEX_E_CRYPTO when libcrypto lacks an
 * algorithm or fails, SKEX_E_ARGUMENT for an unknown AEAD or an input above 2^30 bytes.
 */
const struct skex_crypto *skex_crypto_openssl(void);

#endif
