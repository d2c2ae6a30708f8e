/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TOKEN_JOINER_H
#define SKEX_TOKEN_JOINER_H

#include "enrol/join.h"
#include "token/token.h"

/*
 * An agent joins a hub on line, with a token (docs/spec/join.md): one connection is one run.  A
 * connection that ends, or on which nothing comes, is followed by another one and a fresh run, a
 * few times.  What the run needs after a crash lies in the store, so that joining is simply done
 * again with the same token, until its leg was used.
 */
struct skex_joiner;

/*
 * setup as for a kit; its platform has a network.  With its agent NULL the name is the one in the
 * token, or that of an earlier kit.  Refused with the reason and without having spoken to anybody.
 */
SKEX_MUST_USE enum skex_error skex_joiner_begin(const struct skex_join_setup *setup,
	const struct skex_token *token, struct skex_joiner **joiner, struct skex_reason *reason);
/*
 * Does what there is to do; once per turn of the loop, before that of the store, until
 * skex_joiner_over.  Before that it gives SKEX_E_BUSY: call again in the next turn, or
 * SKEX_E_EMPTY: in the turn after the next event, and at *next_ms at the latest.  At the end
 * SKEX_OK: the leg is there; otherwise why it is not, which may be SKEX_E_BUSY: the operator has to
 * approve.
 */
SKEX_MUST_USE enum skex_error skex_joiner_step(
	struct skex_joiner *joiner, uint64_t now_ms, uint64_t *next_ms, struct skex_reason *reason);
bool skex_joiner_over(const struct skex_joiner *joiner);
/* When it is over, or given up: true when the store owes it nothing any more.  A daemon, whose
 * store goes on, calls this once per turn, and frees it only then. */
bool skex_joiner_stop(struct skex_joiner *joiner, uint64_t now_ms);
/* After that, or right before the store is closed.  The token can be used again, if its leg is not
 * there.  NULL is fine. */
void skex_joiner_free(struct skex_joiner *joiner);
/* What was joined; valid after SKEX_OK, as long as the joiner. */
const struct skex_kit_header *skex_joiner_header(const struct skex_joiner *joiner);
/* The leg that was ended for it; 0 for none. */
uint64_t skex_joiner_replaced(const struct skex_joiner *joiner);

#endif
