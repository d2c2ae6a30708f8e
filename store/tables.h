/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_STORE_TABLES_H
#define SKEX_STORE_TABLES_H

#include <stdint.h>
#include <stdio.h>

/*
 * The tables of the store and the form of their records; all integers big-endian.  Numbers are
 * never used again for something else.
 *
 * Of a leg, in both daemons:
 */
enum skex_table {
	/* key u64 leg | u8 direction; secret value u32 epoch | 32 envelope key */
	SKEX_TABLE_EPOCH = 1,
	/* key u64 leg | u8 direction; value u32 generation | u64 offset: the sender's reserved
	 * mark, the receiver's received mark.  Absent: generation 0, offset 0. */
	SKEX_TABLE_MARK = 2,
	/* key u64 leg | u8 direction; secret value u64 segment | 32 key, of a ratchet leg */
	SKEX_TABLE_RATCHET = 3,
	/* key u64 leg | u8 direction; value u32 generation | u32 count: so many wrong one-time tags
	 * were received at most.  Absent: none. */
	SKEX_TABLE_TAGS = 4,
	/* key u64 leg | u8 direction; value u32 epoch: the sender's last one in which the other end
	 * answered a HELLO; see link/epoch.c */
	SKEX_TABLE_ANSWERED = 5,

	/* Of a hub: */
	SKEX_TABLE_QUEUE = 8, /* a message that waits for an agent; see hub/queue.h */
	/* 9 was never written. */
	/* sender and recipient: the last block, the instances left, the quota; see hub/pair.h */
	SKEX_TABLE_PAIR = 10,
	SKEX_TABLE_ENROLMENT =
		11, /* a kit that is being made or waits to be taken; see enrol/pending.h */
	/* key u64 leg | u8 direction (to the agent); value as that of a mark: what the agent told
	 * to have received.  Absent: nothing. */
	SKEX_TABLE_TOLD = 12,

	/* key 16 token id; value see token/record.h: a token that an agent may join with */
	SKEX_TABLE_TOKEN = 13,

	/* Of an agent: */
	SKEX_TABLE_BATCH = 16,   /* a batch that is not finished; see agent/record.h */
	SKEX_TABLE_PIECE = 17,   /* a piece of key in a pool; see agent/record.h */
	SKEX_TABLE_COUNTER = 18, /* claimed block counters; see agent/initiate.c */
	SKEX_TABLE_SPENT = 19,   /* spent block ids of an initiator; see agent/spent.c */
	SKEX_TABLE_CONFIRM = 20, /* confirmations that wait; see agent/confirm.c */

	/* Of associations of the pairwise mode, in both daemons: */
	SKEX_TABLE_PAIRWISE = 21, /* the state, a secret value; see pairwise/persist.c */
	SKEX_TABLE_PAIRED = 22,   /* with whom, and how; see agent/pairwise.h */
	SKEX_TABLE_JOIN = 23,    /* the state of the association of a token, a secret value, at both
				    ends; key 16 token id; see token/token.h */
	SKEX_TABLE_KEYFILL = 24, /* material carried by hand; see agent/keyfill_internal.h */
	SKEX_TABLE_KEYFILL_PIECE = 25,

	/* Of an agent: on whose word pools were emptied; see agent/past.c */
	SKEX_TABLE_PAST = 26,
	/* Of an agent: where bindings are; see agent/binding.c */
	SKEX_TABLE_BINDING = 27,
	/* Of an agent: bindings that were added at run time; see agent/binding_add.c */
	SKEX_TABLE_BINDING_ADDED = 28,
	/* Of an agent: ids of keys that a KME gave and that were used; see agent/qkd014_seen.c */
	SKEX_TABLE_QKD014 = 29,
};

/* Where the bytes of one generation of one pad lie: DIRECTORY/pads/LEG-DIRECTION-GENERATION.pad
 * with the leg as 16 hexadecimal digits.  Sets path and gives true when it fits. */
static inline int skex_pad_path(char *path, size_t room, const char *directory, uint64_t leg,
	uint8_t direction, uint32_t generation)
{
	int size = snprintf(path, room, "%s/pads/%016llx-%s-%u.pad", directory,
		(unsigned long long)leg, direction == 0 ? "to-hub" : "to-agent",
		(unsigned)generation);

	return size > 0 && (size_t)size < room;
}

#endif
