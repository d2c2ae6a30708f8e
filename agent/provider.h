/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_PROVIDER_H
#define SKEX_AGENT_PROVIDER_H

#include "agent/internal.h"

/*
 * Who makes blocks.  A pool that keys are handed out from lacks some bytes; the first provider of
 * the table that serves its peer, gives keys of the kind that is asked for and can be expected to
 * make some is asked for them, and adds what it makes with agent_batch_add, in the transaction of
 * the turn.  One before it that is ready and had no answer is tried as well, as often as it finds
 * right.  Keys that are to be combined are made by the provider that combines, and by no other.
 *
 * Whoever takes a key does not see which provider made it, only what is known of it: class,
 * confirmation and forward secrecy of its batch.
 *
 * A provider whose blocks are not confirmed is not asked to fill a pool up, but for what somebody
 * waits for who takes such keys, and only while no other makes any that will do.
 *
 * What a provider receives from a peer it adds to the pool of the responder's side by itself, after
 * agent_purpose_accepted.
 */
struct agent_provider {
	const char *name;
	bool unconfirmed; /* its blocks are, and stay so */
	bool combined;    /* it makes those of peers that have combined ones only, and no others */

	/* The best class that a block for this peer can have now; 0 when it makes none for it. */
	uint8_t (*class)(const struct agent_peer *peer);
	/* The last block for this peer was less than its: none of that class is made ahead, until
	 * one that is made to see was its.  NULL: never. */
	bool (*doubtful)(const struct agent_peer *peer);
	/* Does it make keys for this purpose at all?  NULL: for any. */
	bool (*makes)(const struct agent_pool *pool);
	/* Are those that it makes for this peer forward-secret?  NULL: never. */
	bool (*forward_secret)(const struct agent_peer *peer);
	/* Whether it can make some now: who cannot is passed over for one who can.  NULL of one
	 * whose blocks are not confirmed. */
	bool (*ready)(const struct agent_peer *peer);
	/* Keys for the pool can be expected of it soon.  NULL as above. */
	bool (*able)(const struct agent_pool *pool);
	/* Makes about so many bytes of blocks for the pool, as far as it can now; asked in every
	 * turn in which they are lacking, so that what cannot be done now is not remembered.  It
	 * says in pool->last_error why there are none. */
	void (*fill)(struct agent_pool *pool, uint64_t bytes, uint64_t now_ms);
	/* How many bytes are being made for the pool: they are not asked for again. */
	uint64_t (*making)(const struct agent_pool *pool);
	/* Once per turn: deadlines; and when the next one is.  These and what follows: NULL when
	 * there is nothing to do. */
	void (*turn)(struct skex_agent *agent, uint64_t now_ms);
	/* The same after the pools were filled. */
	void (*filled)(struct skex_agent *agent, uint64_t now_ms);
	uint64_t (*due)(const struct skex_agent *agent, uint64_t now_ms);
	/* Ends and wipes what is under way. */
	void (*clear)(struct skex_agent *agent);
};

extern const struct agent_provider agent_provider_combined;
extern const struct agent_provider agent_provider_dske;
extern const struct agent_provider agent_provider_qkd014;
extern const struct agent_provider agent_provider_pairwise;
extern const struct agent_provider agent_provider_keyfill;

/* Are its blocks for this peer its, as far as anyone knows? */
bool agent_provider_sure(const struct agent_provider *provider, const struct agent_peer *peer);
/* Gives every provider its turn, and fills the pools. */
void agent_providers_turn(struct skex_agent *agent, uint64_t now_ms);
uint64_t agent_providers_due(const struct skex_agent *agent, uint64_t now_ms);
void agent_providers_clear(struct skex_agent *agent);
/* Can keys towards this peer meet these needs, bits of enum agent_need, all at once?  Whether they
 * are confirmed is not looked at. */
bool agent_providers_give(const struct agent_peer *peer, unsigned needs);

#endif
