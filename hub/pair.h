/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_HUB_PAIR_H
#define SKEX_HUB_PAIR_H

#include "core/base/name.h"
#include "core/wire/common.h"
#include "store/store.h"

/*
 * What a hub remembers of a sender and a recipient: the last block, so that a second share for a
 * block is refused, and how much of the recipient's pad the sender has used up today, so that no
 * one can drain an absent agent.  Durable in SKEX_TABLE_PAIR: key lp8 sender | lp8 recipient; value
 * u8 version 1 | u32 instance | u64 next counter | u64 day | u64 bytes.
 */
struct hub_pair {
	struct hub_pair *next;
	struct skex_name sender;
	struct skex_name recipient;
	uint32_t instance;
	uint64_t next_counter; /* blocks of this instance below it were here */
	uint64_t day;          /* since 1970 */
	uint64_t bytes;        /* of the recipient's pad used on that day */
};

struct hub_pairs {
	struct skex_store *store;
	struct hub_pair **buckets;
	uint32_t bucket_mask;
	uint32_t count;
};

SKEX_MUST_USE enum skex_error hub_pairs_init(struct hub_pairs *pairs, struct skex_store *store);
void hub_pairs_clear(struct hub_pairs *pairs);
/* Empties the memory; only when no transaction is pending, for reading sees what is durable. */
void hub_pairs_forget(struct hub_pairs *pairs);
#define HUB_PAIRS_CACHED_MAX 65536u
/* Found in memory, read from the store, or new; NULL when there is no memory or the store fails. */
struct hub_pair *hub_pair_get(
	struct hub_pairs *pairs, const struct skex_name *sender, const struct skex_name *recipient);
bool hub_pair_block_is_new(const struct hub_pair *pair, struct skex_block_id first);
bool hub_pair_within_quota(
	const struct hub_pair *pair, uint64_t bytes, uint64_t quota, uint64_t wall_ms);
/* Counts and adds the new state to a transaction.  blocks 0: no block, only bytes. */
void hub_pair_use(struct hub_pairs *pairs, struct hub_pair *pair, struct skex_txn *txn,
	struct skex_block_id first, uint32_t blocks, uint64_t bytes, uint64_t wall_ms);

#endif
