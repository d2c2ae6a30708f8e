/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_LINK_COMMIT_H
#define SKEX_LINK_COMMIT_H

#include "platform/platform.h"
#include "store/store.h"

/*
 * One transaction per turn: what the events of a turn change is gathered into one transaction, and
 * what has to wait for it (SEND, DELIVER) is kept in a list that runs, in order, once it is
 * durable.
 */
struct skex_after;
struct skex_commit_round;
struct skex_commit_erasing;

struct skex_commit {
	struct skex_store *store;
	struct skex_commit_round *open;      /* being gathered, or NULL */
	struct skex_commit_round *pending;   /* submitted, not yet durable: in order */
	struct skex_commit_erasing *erasing; /* durable, and keys are being destroyed */
	enum skex_error failed;              /* skex_commit_failed says more */
};

void skex_commit_init(struct skex_commit *commit, struct skex_store *store);
/* The transaction of this turn; NULL after a failure. */
struct skex_txn *skex_commit_txn(struct skex_commit *commit);
/*
 * When this turn's transaction is durable call done(owner, SKEX_OK), or with the error if it cannot
 * become so.  It is called once, in any case.  After an error it frees owner if nobody else does,
 * and looks at nothing else: at the end of a daemon what others own is gone already.  Without any
 * change in the turn it is called all the same, at the next flush.
 */
void skex_commit_after(struct skex_commit *commit, skex_done_fn done, void *owner);
/* The same for what has to wait until the keys of the secrets that this turn's transaction deletes
 * or replaces are destroyed as well, and that durable. */
void skex_commit_after_erased(struct skex_commit *commit, skex_done_fn done, void *owner);
/* Submits what was gathered; called at the end of each turn.  When the store cannot take it yet, it
 * stays where it is, and what comes joins it: nothing is lost, and nothing passes it. */
void skex_commit_flush(struct skex_commit *commit);
/* Before an orderly stop: flushes, and waits until all is durable and what it replaced destroyed.
 */
SKEX_MUST_USE enum skex_error skex_commit_settle(struct skex_commit *commit);
/* Bytes that are gathered, or submitted and not durable. */
uint64_t skex_commit_load(const struct skex_commit *commit);
/* SKEX_OK, or why nothing is taken any more: what the commit met, or the store in the background.
 */
enum skex_error skex_commit_failed(const struct skex_commit *commit);
/* True while something is gathered or pending. */
bool skex_commit_busy(const struct skex_commit *commit);
/* Ends all that waits, with SKEX_E_STATE: it may be durable or not.  The store, which tells nobody
 * any more, is closed next. */
void skex_commit_clear(struct skex_commit *commit);

#endif
