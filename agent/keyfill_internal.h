/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_KEYFILL_INTERNAL_H
#define SKEX_AGENT_KEYFILL_INTERNAL_H

#include "agent/internal.h"
#include "agent/keyfill.h"

/*
 * What the files of the keyfill share, and what the agent needs of them.
 *
 *   keyfill.c         fills, their records, what is told of them
 *   keyfill_draw.c    material out of a fill into a pool, at both ends
 *   keyfill_take.c    a fill is taken in
 *   keyfill_make.c    a fill is made
 *
 * The material lies in the store, in pieces that are secret records, and not in a pad file: its
 * owner uses its half in order, but the other end in the order in which keys are fetched, so that
 * each piece must be destroyed by itself; and a piece leaves the fill and enters the pool in one
 * transaction, so that no crash repeats one or loses one.  What it costs, an entry of the store's
 * index for each 2 KiB, bounds a fill at 64 MiB.
 *
 * A block of key is 1 to 8 pieces in a row.  Its counter says where it lies:
 *
 *    13 bits  check of the purpose: finds an id that is fetched for another one
 *     3 bits  pieces, less one
 *    26 bits  first piece, counted in this direction
 *
 * Nothing tells the responder for which purpose a block was taken.  So that whoever may fetch for
 * one purpose does not get the key of another, a block is hashed by its purpose: of each piece, 64
 * units a and 64 units b of 16 bytes, unit i of the key is a_i * x + b_i in GF(2^128), where x is
 * made of the purpose.  For another purpose the same material gives a key that is independent of
 * it, without any assumption: the material is twice the key.
 *
 * Records (store/tables.h):
 *
 *   SKEX_TABLE_KEYFILL        key 16 id; value u8 1 | u8 state | u8 end | u8 class | u8 kept | lp8
 *                             peer | 2 * u32 instance | u32 pieces | u64 taken wall ms | lp8 source
 *   SKEX_TABLE_KEYFILL_PIECE  key 16 id | u8 direction | u32 piece; secret value u8 1 | bytes
 *
 * A fill's record stays when it is used up: it is not taken in again.
 */
#define FILL_KEY_BYTES  (SKEX_FILL_PIECE_BYTES / 2)
#define FILL_BLOCK_MAX  8u
#define FILL_RECORD_MAX (5u + 64u + 12u + 8u + 64u)

enum fill_state {
	FILL_TAKING = 1, /* pieces come; after a crash they are removed */
	FILL_READY = 2,
	FILL_OVER = 3,
};

struct agent_fill {
	struct agent_fill *next;
	struct skex_agent *agent;
	struct agent_peer *peer;
	uint8_t id[SKEX_KIT_ID_BYTES];
	enum fill_state state;
	uint8_t end; /* ours; direction d is of the keys that end d initiates */
	enum skex_class class;
	bool kept;
	bool old; /* from before the start, of a peer with hubs: it waits for them */
	uint32_t instances[2];
	uint32_t pieces;      /* of each direction, when it was new */
	uint32_t left[2];     /* of them */
	uint32_t next_own;    /* every piece of ours before this one is used */
	uint8_t *there[2];    /* one byte per piece */
	uint32_t left_before; /* of ours, at the start; for the forecast */
	uint64_t since_ms;
	uint64_t taken_wall_ms;
	char source[SKEX_KIT_SOURCE_MAX + 1];
	bool low_told;
};

/* What makes or takes in a fill, a step in each turn.  SKEX_E_BUSY: again in the next turn;
 * SKEX_E_EMPTY: it waits. */
struct agent_fill_job {
	enum skex_error (*step)(struct agent_fill_job *job, struct skex_reason *reason);
	/* It is over, with SKEX_OK or the reason. */
	void (*end)(struct agent_fill_job *job, const struct skex_reason *reason);
	void (*free)(struct agent_fill_job *job);
	struct skex_agent *agent;
	uint64_t number; /* of the job, for answers of the store that come late */
	bool waiting;    /* for the store */
	bool idle;       /* its source had nothing just now */
	void *owner;
};

/* keyfill.c */
SKEX_MUST_USE enum skex_error agent_fills_load(struct skex_agent *agent);
void agent_fills_clear(struct skex_agent *agent);
struct agent_fill *fill_new(struct skex_agent *agent, uint32_t pieces);
void fill_free(struct agent_fill *fill);
void fill_append(struct agent_fill *fill);
struct agent_fill *fill_find(struct skex_agent *agent, const uint8_t id[static SKEX_KIT_ID_BYTES]);
/* Its record, with this turn's transaction. */
void fill_put(const struct agent_fill *fill, struct skex_txn *txn);
/* Removes it: it never was here. */
void fill_forget(const struct agent_fill *fill, struct skex_txn *txn);
/* Is there a record of this id, and in which state? */
SKEX_MUST_USE enum skex_error fill_known(struct skex_agent *agent,
	const uint8_t id[static SKEX_KIT_ID_BYTES], enum fill_state *state);
void fill_piece_put(const struct agent_fill *fill, uint8_t direction, uint32_t piece,
	const uint8_t *bytes, struct skex_txn *txn);
SKEX_MUST_USE enum skex_error fill_piece_read(const struct agent_fill *fill, uint8_t direction,
	uint32_t piece, uint8_t out[static SKEX_FILL_PIECE_BYTES]);
/* Removes its record, and with the last one of all marks the fill as over. */
void fill_piece_gone(
	struct agent_fill *fill, uint8_t direction, uint32_t piece, struct skex_txn *txn);
/* All that is left goes, with this turn's transaction; false when the store takes nothing. */
bool fill_destroy(struct agent_fill *fill);
void fill_status(const struct agent_fill *fill, struct skex_fill_status *status);
/* Block ids of this instance are those of a fill. */
bool agent_fills_instance(const struct skex_agent *agent, uint32_t instance);
/* All fills with the peer: after a rollback. */
void agent_fills_destroy(struct skex_agent *agent, const struct agent_peer *peer);
/*
 * The same, and what came out of them into pools and was not handed out: one of the two ends has a
 * state from the past, as the pair says.  That state does not know which pieces were used, and
 * would use them again; the other end hears of it too, and drops its half.
 */
void agent_fills_drop(struct skex_agent *agent, const struct agent_peer *peer);
/* Tells what runs out. */
void agent_fills_sweep(struct skex_agent *agent);

/* keyfill_draw.c */
struct fill_block {
	uint16_t check; /* 13 bits */
	uint32_t count; /* of pieces */
	uint32_t first;
};
uint64_t fill_counter(struct fill_block block);
struct fill_block fill_block_of(uint64_t counter);
/* x and the check of a purpose, in this fill and direction. */
SKEX_MUST_USE enum skex_error fill_purpose(const struct skex_crypto *crypto,
	const uint8_t id[static SKEX_KIT_ID_BYTES], uint8_t direction, const char *purpose,
	uint8_t x[static 16], uint16_t *check);
/* The key of one piece. */
void fill_key(const struct skex_math *math, const uint8_t x[static 16],
	const uint8_t material[static SKEX_FILL_PIECE_BYTES], uint8_t key[static FILL_KEY_BYTES]);
/* The purposes that a fill has keys for: of one identity at the responder, and not of the house,
 * for notes need hubs anyway. */
bool fill_serves(const char *purpose);

/* Can the pool get more from a fill now? */
bool agent_keyfill_can(const struct agent_pool *pool);
/* Could it, if what is there did not wait for hubs? */
bool agent_keyfill_held(const struct agent_pool *pool);
/* The pool into which the key of this id would come out of a fill, or did; NULL when it is of none,
 * or not for this purpose. */
struct agent_pool *agent_keyfill_pool(
	struct agent_peer *peer, const char *purpose, const uint8_t uuid[static SKEX_KEY_ID_BYTES]);
/*
 * A key is asked for that no pool holds: moves its block out of the fill into the pool of the one
 * purpose that fetches it first.  SKEX_E_BUSY: it will be there when this turn is durable.
 * SKEX_E_SPENT, SKEX_E_UNKNOWN, SKEX_E_OFFLINE while it waits for hubs, and others change nothing.
 */
SKEX_MUST_USE enum skex_error agent_keyfill_claim(
	struct agent_peer *peer, const char *purpose, const struct skex_key_id *id);
/* False when fills are not what holds up the keys; needs_confirmed: of one who takes only such. */
bool agent_keyfill_why(const struct agent_pool *pool, bool needs_confirmed, struct agent_why *why);
extern const char agent_keyfill_unconfirmed[];
extern const char agent_keyfill_unconfirmed_act[];

/* keyfill_take.c, keyfill_make.c */
/* The job waits until this turn is durable; false without memory. */
bool fill_job_wait(struct agent_fill_job *job);
/* Makes it the agent's job. */
void fill_job_begin(struct agent_fill_job *job, struct skex_agent *agent);
/* Says that one is at work already. */
enum skex_error fill_busy(struct skex_reason *reason);
void fill_spool_path(const struct skex_agent *agent, char *path, size_t room);

#endif
