/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_RESEED_H
#define SKEX_CORE_PAIRWISE_RESEED_H

#include "core/pairwise/pairwise.h"

/*
 * Reseeding: a run's secret becomes a new generation, so that a thief of the old state who misses
 * that run is locked out (docs/spec/pairwise.md, "Reseeding").  Off unless state->reseed is there:
 * an old backup is the same as an old thief, so a restored one is locked out too.
 *
 * Slot 0 alone begins one, by a number that is durable before M1 and only rises.  Slot 1 makes the
 * generation pending, durably, before M4, and moves to it with the first M1 under it.  Slot 0 moves
 * with M4, and answers the old generation until it has seen an M2 under the new one.
 *
 * What fails leaves everything as it was, unless pairwise->broken says otherwise.
 */

/* Slot 0, at M4: state->reseed->secret becomes the generation in use; the old window stays. */
SKEX_MUST_USE enum skex_error skex_pairwise_reseed_own(struct skex_pairwise *pairwise);
/* Slot 0, at the first M2 of the new generation: the old window goes. */
void skex_pairwise_reseed_forget(struct skex_pairwise *pairwise);
/* Slot 1, at M3: a generation becomes pending, in place of an older one. */
SKEX_MUST_USE enum skex_error skex_pairwise_reseed_pend(struct skex_pairwise *pairwise,
	uint32_t attempt, const uint8_t secret[static SKEX_HASH_BYTES]);
/* Slot 1, at the first M1 of the pending generation: it becomes the one in use. */
SKEX_MUST_USE enum skex_error skex_pairwise_reseed_peer(struct skex_pairwise *pairwise);

#endif
