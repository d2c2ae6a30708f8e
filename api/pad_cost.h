/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_PAD_COST_H
#define SKEX_API_PAD_COST_H

#include <stdint.h>

/*
 * What one batch of m blocks with secrets of S bytes takes of a leg's pads
 * (docs/spec/distributed.md: every message takes a tag key of 32 bytes and what encrypts its body).
 *
 * In the direction of the share 32 + m * (112 + S) for the share, and 32 each for a confirmation
 * and for two acknowledgements of what came the other way; in the other direction 32 each for a
 * confirmation and three acknowledgements. Mostly it is less, as one acknowledgement serves many
 * messages, and tests/system/plan.py sees that it is not more.
 */
#define SKEX_PAD_COST_SMALL UINT64_C(128)

static inline uint64_t skex_pad_cost_share(uint64_t blocks, uint64_t secret_bytes)
{
	return SKEX_PAD_COST_SMALL + blocks * (112 + secret_bytes);
}

/* How many keys of this size a block holds; they begin at multiples of 16 bytes. */
static inline uint64_t skex_keys_of_block(uint64_t secret_bytes, uint64_t key_bytes)
{
	return secret_bytes / ((key_bytes + 15) / 16 * 16);
}

#endif
