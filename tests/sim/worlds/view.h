/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLDS_VIEW_H
#define SKEX_TESTS_SIM_WORLDS_VIEW_H

#include "tests/sim/worlds/plan.h"

/*
 * What an adversary sees who reads every wire, under every envelope, and has all pads of some hubs:
 * whether the secret of a block follows from it, by linear algebra.
 *
 * Of each block one byte position is looked at.  Its unknowns are the k coefficients of the
 * polynomial, and the byte of each pad that the shares use there.  A share is a linear function of
 * the coefficients; each message says that a share and a byte of pad have a known sum.  The secret
 * follows if its row is a combination of the rows that the adversary knows.  Runs do not help one
 * another, for no byte of pad serves two of them, which trace.h proves.
 *
 * That these rows are what was sent is checked as well: each body of an honest sender is held
 * against the pads as they were made.  The tags are no linear functions; that they tell nothing of
 * the secret is an argument of docs/spec/distributed.md.
 */
struct view;

/* Watches the trace of this world from now on, on the legs whose pads are tables.  Of the plan it
 * reads which hubs lie, and the seed. */
struct view *view_new(
	const struct world *world, const struct plan *plan, void (*breach)(const char *text));
void view_free(struct view *view);
/* Forgets what was seen so far. */
void view_clear(struct view *view);
/* Whether anything follows for whoever has the pads of these hubs (bits by index - 1).  A breach
 * where a body is not what it should be. */
struct view_count {
	uint64_t blocks;
	uint64_t known; /* the secret of these follows */
};
struct view_count view_count(struct view *view, uint32_t hubs);

#endif
