/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CRYPTO_ARGON2_H
#define SKEX_CRYPTO_ARGON2_H

#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * A key from a passphrase: Argon2id (RFC 9106), version 1.3, one lane.  ops is the number of
 * passes, mem_bytes the memory (whole KiB count).  Defaults for what a person types once, and the
 * most that is taken from a file that somebody else wrote.
 */
#define SKEX_ARGON2_KEY_BYTES  32u
#define SKEX_ARGON2_SALT_BYTES 16u
#define SKEX_ARGON2_OPS        3u
#define SKEX_ARGON2_MEM_BYTES  (UINT64_C(256) << 20)
#define SKEX_ARGON2_OPS_MAX    64u
#define SKEX_ARGON2_MEM_MAX    (UINT64_C(4) << 30)

/* SKEX_E_ARGUMENT when ops is not 1..SKEX_ARGON2_OPS_MAX, mem_bytes not 8 KiB..SKEX_ARGON2_MEM_MAX
 * or the passphrase too long; SKEX_E_MEMORY; SKEX_E_CRYPTO.  out is then untouched. */
SKEX_MUST_USE enum skex_error skex_argon2id(uint8_t out[static SKEX_ARGON2_KEY_BYTES],
	struct skex_view passphrase, const uint8_t salt[static SKEX_ARGON2_SALT_BYTES],
	uint32_t ops, uint64_t mem_bytes);

#endif
