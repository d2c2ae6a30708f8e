/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TOKEN_RECORD_H
#define SKEX_TOKEN_RECORD_H

#include "store/registry.h"
#include "store/store.h"
#include "token/token.h"

/*
 * What a hub writes down of a token, beside the state of its association (SKEX_TABLE_JOIN).  No
 * secret: the token's is not kept, and the leg's keys lie where those of all legs do.
 *
 *   u8 1 | u8 flags | u8 state | u64 made | u64 expires | lp8 name | u8 count, groups as lp8 |
 *   u8 suite | u64 leg | u64 pad to the hub | u64 pad to the agent
 */
enum skex_token_state {
	SKEX_TOKEN_OPEN = 0,
	SKEX_TOKEN_ASKED = 1, /* an agent waits for the operator's word */
	SKEX_TOKEN_APPROVED = 2,
	SKEX_TOKEN_DENIED = 3,
	SKEX_TOKEN_GRANTED = 4, /* there is a leg, which nobody has spoken over */
};

struct skex_token_record {
	uint8_t id[SKEX_TOKEN_ID_BYTES];
	bool ask;   /* the operator approves */
	bool fixed; /* the name stands in the token */
	enum skex_token_state state;
	uint64_t made_ms; /* milliseconds since 1970 */
	uint64_t expires_ms;
	struct skex_name agent; /* empty until a run named one */
	uint8_t groups_count;
	struct skex_name groups[SKEX_GROUPS_MAX];
	enum skex_aead aead;
	uint64_t leg; /* with SKEX_TOKEN_GRANTED */
	uint64_t pads[2];
};

void skex_token_record_put(
	struct skex_store *store, struct skex_txn *txn, const struct skex_token_record *record);
/* SKEX_E_CORRUPT, SKEX_E_VERSION. */
SKEX_MUST_USE enum skex_error skex_token_record_decode(
	struct skex_token_record *record, struct skex_view key, struct skex_view value);

#endif
