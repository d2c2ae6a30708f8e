/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_COMBINE_H
#define SKEX_AGENT_COMBINE_H

#include "agent/pairwise.h"
#include "core/combiner/combiner.h"

/*
 * Keys that are safe while either the hubs or the credential of a pair is: docs/spec/combining.md,
 * "In use".
 *
 *   combine.c        who combines, parts and their purposes, the arithmetic, mismatches
 *   combine_fill.c   the provider `combined`: parts are made, and runs that combine them
 *
 * Of a peer whose keys come from a KME they are combined with these (qkd014_internal.h), of others
 * with those of the pair.  What follows is said of a pair; in place of the run there is an offer,
 * which names the part, and CONF_BA is what M4 is.
 *
 * A peer with combine = true in the configuration has combined keys only.  What hubs make for it
 * are parts: blocks whose purpose is AGENT_PART_MARK and then that of the keys, in pools of that
 * name.  No request can name such a purpose, and no key is cut or taken from such a pool.  A part
 * that both ends have confirmed is named in the first message of a run of the pair (version 2 of
 * what it asks for).  At each end one transaction drops the part and puts the result into the pool
 * of the keys, under the block ids of the run: at the responder before M4 leaves, at the initiator
 * on M4.
 *
 *   initiator              responder
 *   part                   part            both confirmed
 *   M1, names the part
 *                          part is there?  otherwise one of the alerts below
 *   M3
 *                          result, no part; durable; M4
 *   result, no part
 *
 * A part that only one end has left is of no use, and neither end waits for it: the initiator drops
 * it when the peer says so, and at both ends it expires.
 */
#define AGENT_PART_MARK        '+'
#define AGENT_PART_PURPOSE_MAX (SKEX_PURPOSE_MAX - 1u) /* of keys that can be combined */

/* Of the application, in the words of docs/spec/pairwise.md. */
enum agent_alert {
	AGENT_ALERT_COMBINE = 64,    /* one end combines, and the other does not */
	AGENT_ALERT_NO_PART = 65,    /* the part is not there */
	AGENT_ALERT_PART_LATER = 66, /* it is, and is not confirmed or waits for hubs */
};

/* Are keys with this peer to be combined ones, and no others? */
bool agent_peer_combines(const struct agent_peer *peer);
/* The same for a purpose, or that of its parts.  What is combined with keys of a KME needs notes,
 * whose own keys are those of hubs then. */
bool agent_combines(const struct agent_peer *peer, const char *purpose);
/* Is this the purpose of parts? */
bool agent_purpose_is_part(const char *purpose);
/* Why a block of this purpose that the peer begins is not taken, given which of the two ends is set
 * to combine; NULL when that is no reason.  Tells the operator of a mismatch. */
const char *agent_combine_unwelcome(
	struct skex_agent *agent, struct agent_peer *peer, const char *purpose);
/* The pool of the parts for a pool of keys, found or made; NULL without memory, or when the purpose
 * is too long for it. */
struct agent_pool *agent_combine_parts(struct agent_pool *pool);

/* ---- at the responder ----
 * Whether what the peer asks for can be combined: 0, or the alert that says why not. */
uint8_t agent_combine_asked(struct agent_pair *pair, const struct agent_block_ask *ask);
uint8_t agent_combine_part_asked(struct agent_peer *peer, const struct agent_block_ask *ask);

/* ---- at both ends ----
 *
 * Combines the part of the ask with the secrets of the run (blocks * secret_size bytes), in place;
 * *part is then what the caller drops in the transaction in which the result is added, and *quality
 * what is known of the result.  Gives the error of the store or of the hash, SKEX_E_UNKNOWN when
 * the part is not there (any more) as it has to be, SKEX_E_REFUSED when require_its is set and the
 * result is not; the secrets are not to be used then, and nothing else has changed.
 */
SKEX_MUST_USE enum skex_error agent_combine_mix(struct agent_pool *pool,
	const struct agent_block_ask *ask, uint8_t *secrets, struct agent_batch **part,
	struct agent_quality *quality);
/* The same with what is not of a pair: its block id and secret are set here. */
SKEX_MUST_USE enum skex_error agent_combine_mix_with(struct agent_pool *pool,
	const struct agent_block_ask *ask, struct skex_component *other, uint8_t *secrets,
	struct agent_batch **part, struct agent_quality *quality);

/* ---- at the initiator ----
 *
 * May a run that combines this part be begun now? */
bool agent_combine_usable(const struct agent_batch *batch);
/* The run of this ask is over, with or without keys: its part is free again, if it is there. */
void agent_combine_over(struct agent_pool *pool, const struct agent_block_ask *ask);
/* The peer refused a run because of combining: false when the alert is another one. */
bool agent_combine_refused(
	struct agent_pool *pool, const struct agent_block_ask *ask, uint8_t alert);

#endif
