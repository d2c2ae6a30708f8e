/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_DSKE_BLOCK_H
#define SKEX_CORE_DSKE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"
#include "core/math/math.h"
#include "core/share/share.h"
#include "core/wire/common.h"

/*
 * The block: what one sharing carries.
 *
 *    V = u (48 bytes) || w (64 bytes) || S
 *
 * u = c || d || e keys the secret tag, w keys the two confirmations, S is the secret.  V is f(0) of
 * a polynomial over GF(2^8); the hub with index i carries f(i).  On k legs the share is the next
 * pad bytes themselves, so S is random and not chosen by fewer than k hubs' pads.
 *
 * Secret tag, over everything after u (Y = w || S in blocks y_1 .. y_m of 16 bytes):
 *
 *    o = d XOR POLYVAL(c, y_m, ..., y_1, e)
 *
 * A tag over S alone would let one hub shift w, break the confirmation and have honest hubs
 * accused; without the third element e the tag could be shifted to match a shifted secret.
 */
#define SKEX_BLOCK_U_BYTES     48u
#define SKEX_BLOCK_W_BYTES     64u
#define SKEX_BLOCK_EXTRA_BYTES (SKEX_BLOCK_U_BYTES + SKEX_BLOCK_W_BYTES)
#define SKEX_BLOCK_MAX         (SKEX_BLOCK_EXTRA_BYTES + SKEX_SECRET_MAX)
#define SKEX_BLOCK_TAG_BYTES   16u

/* The secret tag of a vector of size bytes (at least 128, a multiple of 16). */
void skex_block_tag(const struct skex_math *math, const uint8_t *vector, size_t size,
	uint8_t tag[static SKEX_BLOCK_TAG_BYTES]);

/*
 * Split: from the pads of n hubs (pads[i] for index i + 1; NULL where that leg has none) make the
 * vectors and the bodies.  All have `size` bytes: one vector, or those of a batch one after
 * another.
 *
 * The first k hubs with pad carry their pad as share; their body is empty.  bodies[i] has room for
 * size bytes for each further hub with pad and is set to share XOR pad; carried[i] says whether
 * body i was written.  SKEX_E_OFFLINE when fewer than k legs have pad; SKEX_E_ARGUMENT for n, k out
 * of range.
 */
SKEX_MUST_USE enum skex_error skex_block_split(const struct skex_math *math, uint8_t n, uint8_t k,
	const uint8_t *const *pads, size_t size, uint8_t *vector, uint8_t *const *bodies,
	bool *carried);

/* What skex_block_combine is given. */
struct skex_block_combine {
	const struct skex_math *math;
	uint8_t n;
	uint8_t k;
	const uint8_t *const *shares; /* n entries */
	size_t size;
	const uint8_t *tag; /* SKEX_BLOCK_TAG_BYTES */
	uint32_t suspects;  /* bit (1 << index): trusted last */
	uint32_t budget;    /* candidates, 0: no limit */
	uint8_t *scratch;
};

/*
 * Combine: find the one polynomial of degree below k whose vector carries the tag.
 *
 * shares[i] is the share of hub index i + 1, or NULL; all have size bytes (one block).  On success
 * the vector is written and *inconsistent gets a bit (1 << index) for every share that is not on
 * the accepted polynomial.
 *
 * When all shares lie on one polynomial there is one candidate.  Otherwise the largest sets of
 * shares that lie on one, over the whole block, are tried first; among sets of the same size, those
 * without the hubs in `suspects` (bits as in *inconsistent).  At most `budget` candidates have
 * their tag computed (0: no limit); there are at most C(members, k).
 *
 * The tag vouches for the vector, not for the polynomial.  Two or more hubs that work together,
 * when k is 3 or more, can shift their shares by a polynomial that is 0 at 0 and at up to k-2
 * honest hubs: the secret stays right, but the other honest shares may be the ones that look wrong.
 * So a bit in *inconsistent is a reason to look, never a proof.
 *
 * SKEX_E_ARGUMENT when n, k or size is out of range; SKEX_E_EMPTY when fewer than k shares are
 * there; SKEX_E_INCONSISTENT when no candidate carries the tag; SKEX_E_QUOTA when the budget ended
 * first; outputs are then untouched.  scratch has room for size bytes and is wiped; vector may not
 * overlap it or a share.
 */
SKEX_MUST_USE enum skex_error skex_block_combine(
	const struct skex_block_combine *input, uint8_t *vector, uint32_t *inconsistent);

/*
 * Confirmation of one block: w[at+16 .. at+31] XOR POLYVAL(w[at .. at+15], message), at = 0 for
 * SKEX_CONFIRM_BA and 32 for SKEX_CONFIRM_AB, and message = pad16(u8 which | C with this block's
 * counter | o | u8 class) || length block (0 and the bit count of the message, as in the one-time
 * tag).  class is the responder's in both.
 */
SKEX_MUST_USE enum skex_error skex_block_confirm(const struct skex_math *math,
	const uint8_t w[static SKEX_BLOCK_W_BYTES], uint8_t which, const struct skex_common *common,
	uint64_t counter, const uint8_t tag[static SKEX_BLOCK_TAG_BYTES], uint8_t class_responder,
	uint8_t out[static 16]);

#endif
