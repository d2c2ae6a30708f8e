/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_RECORD_H
#define SKEX_AGENT_RECORD_H

#include "agent/internal.h"

/*
 * The forms of the agent's durable records; all integers big-endian, all values begin with a
 * version, and a record of another version is an error at the start (SKEX_E_VERSION), never guessed
 * at.
 */
#define RECORD_KEY_MAX (1u + 64u + 4u + 8u + 4u)

/* side | lp8 peer | instance | counter, and the piece when it is not UINT32_MAX; gives the size. */
size_t record_key(uint8_t key[RECORD_KEY_MAX], enum agent_side side, const struct skex_name *peer,
	struct skex_block_id first, uint32_t piece);
SKEX_MUST_USE enum skex_error record_key_decode(struct skex_view key, uint8_t *side,
	struct skex_name *peer, struct skex_block_id *first, uint32_t *piece);

/* The value of a batch: u8 3 | u16 blocks | u32 secret size | u8 class | u8 properties | u8
 * interval known | u64 earliest | u64 latest | u64 expires | lp8 purpose | 16
 * profile of the hubs that made it, or zeros.  Properties: bit 0 confirmed, bit 1 carried, bit 2
 * forward secret, bit 3 combined.  Versions 1 and 2 are read: they have no profile, 1 has the first
 * property only, 2 the first three. */
#define RECORD_BATCH_MAX (1u + 2u + 4u + 3u + 24u + 256u + SKEX_PROFILE_ID_BYTES)
size_t record_batch(uint8_t value[RECORD_BATCH_MAX], const struct agent_batch *batch);
/* Fills batch but for its pool; purpose has SKEX_PURPOSE_MAX + 1 bytes. */
SKEX_MUST_USE enum skex_error record_batch_decode(
	struct skex_view value, struct agent_batch *batch, char *purpose);

/* What stands before the bytes of a piece: u8 2 | u8 sharers | sharers * u64 used units.  Version
 * 1, u8 1 | u64 used units, is read as of one sharer, and written as version 2 with the next
 * change. */
#define RECORD_PIECE_MAX (2u + 8u * AGENT_SHARERS_MAX)
size_t record_piece(uint8_t head[RECORD_PIECE_MAX], const uint64_t *used, uint8_t sharers);
/* used has AGENT_SHARERS_MAX; *head is the size of what stands before the bytes.  SKEX_E_CORRUPT
 * also when there are not so many sharers. */
SKEX_MUST_USE enum skex_error record_piece_decode(
	struct skex_view value, uint8_t sharers, uint64_t *used, size_t *head);

#endif
