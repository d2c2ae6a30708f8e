/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_HUB_PAIR_H
#define SKEX_HUB_PAIR_H

#include "core/base/name.h"
#include "core/dske/instances.h"
#include "core/wire/common.h"
#include "store/store.h"

/*
 * What a hub remembers of a sender and a recipient: the last block, so that a second share for a
 * block is refused, the instances that the sender left, and how much of the recipient's pad the
 * sender has used up today, so that no one can drain an absent agent.  Durable in SKEX_TABLE_PAIR:
 * key lp8 sender | lp8 recipient; value u8 version 2 | u32 instance | u64 next counter | u64 day |
 * u64 bytes | the instances left.  Version 1 ends before those.  From a record that cannot be read
 * nothing follows but refusals: every block of it is spent, and so is the quota.
 *
 * The memory is bounded: of records that nothing waits for, the one that was used last stays
 * longest.
 */
struct hub_pair {
	struct hub_pair *next; /* in its bucket */
	struct hub_pair *newer;
	struct hub_pair *older; /* among the idle */
	struct skex_name sender;
	struct skex_name recipient;
	uint32_t instance;
	uint64_t next_counter; /* blocks of this instance below it were here; 0: none ever */
	struct skex_instances left;
	uint64_t day;   /* since 1970 */
	uint64_t bytes; /* of the recipient's pad used on that day */
	/* Changes on their way to the disk.  Until they are durable the store does not know what
	 * memory does. */
	uint32_t pending;
	bool unread;
	bool told;
};

struct hub_pairs {
	struct skex_store *store;
	struct hub_pair **buckets;
	uint32_t bucket_mask;
	uint32_t count;
	uint32_t room;
	struct hub_pair *newest; /* of the idle: those that can be read again */
	struct hub_pair *oldest;
};

#define HUB_PAIRS_CACHED_MAX 65536u

/* So many at most in memory, whatever is pending. */
SKEX_MUST_USE enum skex_error hub_pairs_init(
	struct hub_pairs *pairs, struct skex_store *store, uint32_t room);
void hub_pairs_clear(struct hub_pairs *pairs);
/* Found in memory, read from the store, or new; NULL when there is no memory, or everything in it
 * waits to be durable.  Only for whom policy allows: a stranger takes no room. */
struct hub_pair *hub_pair_get(
	struct hub_pairs *pairs, const struct skex_name *sender, const struct skex_name *recipient);
bool hub_pair_block_is_new(const struct hub_pair *pair, struct skex_block_id first);
bool hub_pair_within_quota(
	const struct hub_pair *pair, uint64_t bytes, uint64_t quota, uint64_t wall_ms);
/* Counts and adds the new state to a transaction.  blocks 0: no block, only bytes.  The pair stays
 * in memory until hub_pair_durable is called for it, once for each use. */
void hub_pair_use(struct hub_pairs *pairs, struct hub_pair *pair, struct skex_txn *txn,
	struct skex_block_id first, uint32_t blocks, uint64_t bytes, uint64_t wall_ms);
void hub_pair_durable(struct hub_pairs *pairs, struct hub_pair *pair);

#endif
