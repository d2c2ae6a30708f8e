/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_PAIRWISE_H
#define SKEX_AGENT_PAIRWISE_H

#include "agent/internal.h"
#include "pairwise/endpoint.h"

/*
 * The pairwise mode in an agent: pairs with other agents, and the provider that makes blocks with
 * them (docs/spec/pairwise.md, "Blocks of key").
 *
 *   pairwise.c         life, and what an association tells
 *   pairwise_pair.c    pairing: making, taking, listing and revoking credentials
 *   pairwise_block.c   blocks: begun here, and begun by peers
 *   pairwise_record.c  the record of a pair, and what a first message asks for
 *
 * A pair is recorded in SKEX_TABLE_PAIRED under lp8 peer: what both ends agreed on, none of it
 * secret.  The state of its association lies in SKEX_TABLE_PAIRWISE under the same key.
 */
#define AGENT_PAIR_BYTES  65536u /* of secret, of one run */
/*
 * What a peer can have here of blocks that it began without hubs and that nobody has fetched, in
 * pieces (AGENT_PIECE_BYTES), of which each batch takes one at least: no quota of hubs bounds
 * those.  So many, 64 MiB; and for each purpose twice what a pool of this agent holds at most, once
 * for what the peer has to hand out, and once for what it forgot when it was started anew.
 */
#define AGENT_PAIR_PIECES 65536u

struct agent_pair {
	struct agent_pair *next;
	struct agent_pair **self;
	struct skex_agent *agent;
	struct agent_peer *peer;
	struct skex_association *association;
	struct agent_block_run *runs;
	uint8_t slot;
	uint8_t depth;
	uint8_t fingerprint[SKEX_PAIRWISE_ID_BYTES];
	uint16_t port;
	char host[SKEX_HOST_MAX + 1]; /* "": none was given */
	uint32_t failures;
	uint64_t retry_ms;     /* after silence: not before */
	skex_paired_fn paired; /* who waits until it is durable, or NULL */
	void *owner;
};

struct agent_pairwise {
	struct skex_endpoint *endpoint;
	struct agent_pair *pairs;
	uint64_t wake_ms; /* when the first of those that lack blocks may be tried again */
};

/* pairwise.c */
/* Binds the socket and opens what was paired; after the peers, before the pools are loaded. */
SKEX_MUST_USE enum skex_error agent_pairwise_load(struct skex_agent *agent);
/* After the pools were loaded. */
void agent_pairwise_fresh(struct skex_agent *agent);
void agent_pairwise_clear(struct skex_agent *agent);
extern const struct skex_association_events agent_pairwise_events;
/* Where runs with it are begun: as the configuration says, or as it was paired. */
SKEX_MUST_USE enum skex_error agent_pair_aim(struct agent_pair *pair);
struct agent_pair *agent_pair_new(struct skex_agent *agent, struct agent_peer *peer);
/* The peer says that it knows of things which this end does not remember: its state is from the
 * past.  True when block ids begin anew: see agent_leave_instance(). */
bool agent_pair_past(struct agent_pair *pair);
/* Frees it and the runs; its association is gone already. */
void agent_pair_free(struct agent_pair *pair);

/* pairwise_block.c */
void agent_block_asked(
	struct agent_pair *pair, struct skex_view blob, struct skex_association_answer *answer);
bool agent_block_made(struct agent_pair *pair, const struct skex_association_keys *keys);
void agent_block_ended(
	struct agent_pair *pair, void *cookie, enum skex_association_end how, uint8_t alert);
void agent_blocks_clear(struct agent_pair *pair);
/* Is there a place for a run that makes blocks for this pool, and is it time for one? */
bool agent_block_may_begin(struct agent_pool *pool, uint64_t now_ms);
/* Begins one, for blocks that are combined with a part, or, with instance 0, with none. */
bool agent_block_begin(
	struct agent_pool *pool, uint16_t blocks, uint32_t size, struct skex_block_id part);
/* The peer answers as long as it is asked, and takes this purpose. */
bool agent_block_answered(const struct agent_pool *pool);

/* pairwise_record.c */

/* What a first message asks for: u8 1 | u32 instance | u64 counter | u16 blocks | u32 size of each
 * | u32 lifetime in seconds | lp8 purpose.  Version 2 ends with u32 instance | u64 counter of the
 * part that the blocks are combined with. */
struct agent_block_ask {
	struct skex_block_id first;
	struct skex_block_id part; /* see combine.h; instance 0: none */
	uint16_t blocks;
	uint32_t secret_size;
	uint32_t lifetime_s;
	char purpose[SKEX_PURPOSE_MAX + 1];
};
#define AGENT_BLOCK_ASK_MAX (1u + 4u + 8u + 2u + 4u + 4u + 1u + SKEX_PURPOSE_MAX + 12u)
size_t agent_block_ask_encode(
	const struct agent_block_ask *ask, uint8_t out[static AGENT_BLOCK_ASK_MAX]);
/* False for anything malformed or out of its range. */
bool agent_block_ask_decode(struct agent_block_ask *ask, struct skex_view blob);
/* The secret of block number i of these: context u32 rekey | u32 instance | u64 counter | u32
 * offset | lp8 purpose. */
SKEX_MUST_USE enum skex_error agent_block_secret(const struct skex_association_keys *keys,
	const struct agent_block_ask *ask, uint16_t i, uint8_t *out);

/* The key of both records of a pair. */
struct skex_view agent_pair_key(const struct agent_pair *pair, uint8_t out[SKEX_NAME_MAX + 1]);
/* u8 1 | u8 slot | u8 depth | 8 fingerprint | lp8 host | u16 port */
void agent_pair_put(const struct agent_pair *pair, struct skex_txn *txn);
SKEX_MUST_USE enum skex_error agent_pair_decode(struct agent_pair *pair, struct skex_view value);
SKEX_MUST_USE enum skex_error agent_pair_peer(struct skex_view key, struct skex_name *name);

#endif
