/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_LEG_RATCHET_H
#define SKEX_CORE_LEG_RATCHET_H

#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"

/*
 * A pad that is computed instead of carried, for devices that cannot hold a table; its class is
 * computational.
 *
 *   K_0     = KDF(seed, "pad", u64 leg | u8 direction | u32 generation, 32)
 *   segment j (1,024 bytes) = stream(KDF(K_j, "out", "", 32))
 *   K_{j+1} = KDF(K_j, "next", "", 32)
 *
 * The committed key may lag behind use by any number of segments; keys between live in memory only.
 */
#define SKEX_RATCHET_SEGMENT_BYTES 1024u
#define SKEX_RATCHET_JUMP_MAX      (UINT64_C(1) << 20) /* segments in one step: 1 GiB */
/*
 * What a receiver computes for messages whose tags it does not know to be right: so many segments
 * that were skipped at once (64 MiB, about what can be in flight), and so many more each second.
 */
#define SKEX_RATCHET_SKIP_MAX      (UINT64_C(1) << 16)
#define SKEX_RATCHET_SKIP_RATE     256u

struct skex_ratchet {
	uint64_t segment; /* j */
	uint8_t key[SKEX_HASH_BYTES];
};

/* At segment 0.  direction is that of enum skex_direction. */
SKEX_MUST_USE enum skex_error skex_ratchet_init(struct skex_ratchet *ratchet,
	const struct skex_crypto *crypto, const uint8_t seed[static SKEX_HASH_BYTES], uint64_t leg,
	uint8_t direction, uint32_t generation);
/*
 * Gives pad bytes offset .. offset + size - 1.  offset is not before the ratchet's segment
 * (SKEX_E_REPLAY) and not more than SKEX_RATCHET_JUMP_MAX segments after it (SKEX_E_QUOTA).  The
 * ratchet does not move: call skex_ratchet_forget when the bytes were used.  When the provider
 * fails, no pad bytes stand in out.
 */
SKEX_MUST_USE enum skex_error skex_ratchet_read(const struct skex_ratchet *ratchet,
	const struct skex_crypto *crypto, uint64_t offset, uint8_t *out, size_t size);
/* Moves to the segment that holds offset; what lies before cannot be computed any more. */
SKEX_MUST_USE enum skex_error skex_ratchet_forget(
	struct skex_ratchet *ratchet, const struct skex_crypto *crypto, uint64_t offset);

#endif
