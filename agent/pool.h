/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_POOL_H
#define SKEX_AGENT_POOL_H

#include "agent/agent.h"
#include "agent/ring.h"
#include "core/wire/key_id.h"

/*
 * Pools of key: per peer, direction and purpose.
 *
 * The secret of an accepted batch is kept in pieces of at most 1 KiB, each a secret record of its
 * own, so that what was handed out is destroyed piece by piece.  A piece holds whole blocks when
 * they are small, or a part of one block.
 *
 * The initiator's side takes whole pieces into locked memory (a stride): the record is removed
 * first, and when that is durable keys are cut from memory.  A crash wastes what was left of a
 * stride. The responder's side is asked for keys by id, in any order: the piece is written again
 * without them, and they are delivered when that is durable.
 *
 * Records (store/tables.h), both under
 *
 *   u8 side (1 initiator, 2 responder) | lp8 peer | u32 instance | u64 counter
 *
 *   SKEX_TABLE_BATCH  value: see record.c
 *   SKEX_TABLE_PIECE  the same key, then u32 piece; a secret value: see record.c
 *
 * A key may be for several identities of the responder, each of which gets it once: a piece has a
 * mask of used units for each of them, in the order of the purpose, and a unit is gone when all
 * have used it.
 */
#define AGENT_PIECE_BYTES 1024u
#define AGENT_UNIT_BYTES  16u
#define AGENT_SHARERS_MAX 8u   /* identities that one key can be for */
#define AGENT_WHY_TEXT    256u /* of a sentence that says what holds up the keys */
#define AGENT_FEW_BYTES   256u /* of a pool of the house's own: a few keys */
/* Purposes of one peer and direction: a peer that invents new ones all the time takes no more. */
#define AGENT_POOLS_MAX   1024u

struct skex_agent;
struct agent_peer;

/* What a key has to be for the one who asks. */
enum agent_need {
	AGENT_NEED_CONFIRMED = 1,
	AGENT_NEED_FORWARD_SECRET = 2,
	AGENT_NEED_ITS = 4,
	AGENT_NEED_COMBINED = 8, /* out of hubs and a pair; see combine.h */
	AGENT_NEEDS_ALL = 15,
};

enum agent_side {
	AGENT_INITIATOR = 1,
	AGENT_RESPONDER = 2,
};

/* A piece in memory: of an initiator a stride (several pieces in a row for long keys); of a
 * responder one that is being fetched from. */
struct agent_piece {
	struct agent_piece *next;
	struct agent_pool *pool;
	struct skex_block_id first; /* of the batch */
	uint32_t secret_size;
	uint32_t block;  /* the first block that it holds, counted in the batch */
	uint32_t offset; /* in that block's secret */
	uint32_t index;  /* of the piece in the batch */
	uint32_t size;
	uint32_t at;                      /* initiator: bytes cut so far */
	uint64_t used[AGENT_SHARERS_MAX]; /* responder: of each identity, bit per unit */
	uint8_t *bytes;                   /* locked */
	bool durable;                     /* initiator: its removal is */
	unsigned meets; /* initiator: enum agent_need of its batch, which may be gone */
	enum skex_class class;
	bool old;                 /* of an old batch */
	uint64_t expires_wall_ms; /* initiator: of its batch, which may be gone */
};

struct agent_batch {
	struct agent_pool *pool;
	struct skex_block_id first;
	uint16_t blocks;
	uint32_t secret_size;
	enum skex_class class;
	bool confirmed;
	bool carried;        /* its material came by hand: good unconfirmed, and of its class */
	bool forward_secret; /* no state of either end gives a key of it once both have taken it */
	bool combined;
	uint8_t profile[SKEX_PROFILE_ID_BYTES]; /* of hubs that made it; 0: none did */
	bool old; /* from before the start, and hubs may know that it is from the past: see past.c
		   */
	bool durable;
	bool interval_known;
	uint64_t earliest_ms;
	uint64_t latest_ms;
	uint64_t expires_wall_ms;
	uint32_t pieces_count;
	uint32_t pieces_left;       /* whose record is there */
	uint8_t *there;             /* one byte per piece: 1 its record is there */
	struct agent_piece *loaded; /* responder */
	struct agent_group *group;  /* responder: whose late shares are still judged */
	bool combining;   /* a part at the initiator: a run that combines it is under way */
	uint8_t refusals; /* the same: how often the peer could not combine it yet */
};

struct agent_pool {
	struct agent_pool *next;
	struct skex_agent *agent;
	struct agent_peer *peer;
	/* What each sweep looks at lies together. */
	uint64_t expires_wall_ms; /* nothing here expires before that; it may be later */
	uint64_t asked_ms;        /* last request; of a responder's pool also the last block */
	uint32_t batches_count;
	enum agent_side side;
	struct agent_ring lacking; /* initiator: of those that are to be filled */
	bool unwanted;             /* its binding was removed */
	char purpose[SKEX_PURPOSE_MAX + 1];

	uint8_t sharers;              /* how many fetch each key; of an initiator's pool 1 */
	uint32_t block_bytes;         /* S of the blocks that it makes */
	uint32_t few_bytes;           /* of a purpose of the house: how much it holds; 0: as
					 configured */
	struct agent_batch **batches; /* ascending by instance and counter */
	uint32_t batches_room;
	uint64_t ready_bytes;    /* in records and strides, not handed out */
	uint64_t old_bytes;      /* of these, at most, in batches from before the start */
	uint32_t requests;       /* and notes that came in, that point here */
	struct agent_pool *twin; /* of keys that are combined and of their parts: the other one */

	/* Initiator: */
	struct agent_piece *strides; /* in memory, oldest first */
	uint32_t strides_pending;    /* taken, not durable yet */
	uint32_t runs;               /* under way and not stalled */
	uint32_t runs_all;
	uint32_t pair_runs;     /* under way without hubs */
	uint64_t pair_bytes;    /* that these make */
	uint64_t qkd_bytes;     /* that are being made out of keys of a KME */
	uint32_t asked_bytes;   /* of the largest key that was asked for, whole units */
	uint64_t pair_retry_ms; /* refused by the peer: not before */
	uint32_t pair_refusals;
	bool forward_secret; /* someone asked for keys that are */
	bool its;            /* the same */
	uint32_t failures;
	uint32_t silences;     /* how often in a row a run was not answered soon */
	uint64_t retry_ms;     /* after a failure or a silence: not before */
	bool filling;          /* was low, and has not reached the high mark since */
	uint64_t wanted_bytes; /* by requests that wait */
	uint64_t wanted_by[AGENT_NEEDS_ALL + 1]; /* of these, by what they have to be */
	uint64_t drawing_bytes;                  /* of carried material, not durable here yet */
	uint32_t carried;                        /* batches of it; of both sides */
	bool asked;

	uint64_t last_block_wall_ms;
	char last_error[AGENT_WHY_TEXT];
};

/* What is known of a batch from the start. */
struct agent_quality {
	enum skex_class class;
	bool confirmed;
	bool carried;
	bool forward_secret;
	bool combined;
	const uint8_t *profile; /* SKEX_PROFILE_ID_BYTES, of hubs; NULL: none */
};

/* Found or made; NULL when there is no memory. */
struct agent_pool *agent_pool_get(struct skex_agent *agent, struct agent_peer *peer,
	enum agent_side side, const char *purpose);
/* False when the peer has AGENT_POOLS_MAX others on this side: what asks for one more is refused.
 * What was recorded is read back in any case. */
bool agent_pool_has_room(struct agent_peer *peer, enum agent_side side, const char *purpose);
struct agent_pool *agent_pool_find(
	struct agent_peer *peer, enum agent_side side, const char *purpose);
/* The pool that an identity fetches this key from, or NULL; one key may be for several identities.
 * Without an id: any that it may fetch from. */
struct agent_pool *agent_pool_holding(
	const struct agent_peer *peer, const char *purpose, const struct skex_key_id *id);
/* Is one of these keys here, of this initiator, but for other identities than that of the purpose?
 */
bool agent_pool_for_others(const struct agent_peer *peer, const char *purpose,
	const uint8_t (*ids)[SKEX_KEY_ID_BYTES], uint32_t count);
void agent_pool_free(struct agent_pool *pool);
/* It may hold too little now: the providers look at it in this turn, and in each one until it holds
 * what it should.  Of others than the initiator's pools of keys nothing happens. */
void agent_pool_lacks(struct agent_pool *pool);
/* Nobody asks for its keys any more, or is to have them. */
bool agent_pool_is_idle(const struct agent_pool *pool, uint64_t now_ms);
void agent_pool_error(struct agent_pool *pool, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Adds a batch whose secrets stand in vectors (blocks * stride_bytes, the secret of each from
 * `skip` on), with the transaction of this turn; it is usable when agent_batch_durable was called.
 */
struct agent_batch *agent_batch_add(struct agent_pool *pool, struct skex_block_id first,
	uint16_t blocks, uint32_t secret_size, const uint8_t *vectors, uint32_t stride_bytes,
	uint32_t skip, const struct agent_quality *quality, uint64_t expires_wall_ms);
void agent_batch_durable(struct agent_batch *batch);
/* Calls that once this turn is durable, if the batch is still there; false without memory. */
SKEX_MUST_USE bool agent_batch_settle(const struct agent_batch *batch);
/* Confirmed, or the interval is known better: rewrites the record. */
void agent_batch_update(struct agent_batch *batch);
/* The batch that holds a block; NULL when there is none. */
struct agent_batch *agent_batch_find(struct agent_pool *pool, struct skex_block_id block);
/* The same in whatever pool that the peer has on this side: a block is in one of them only. */
struct agent_batch *agent_peer_batch(
	const struct agent_peer *peer, enum agent_side side, struct skex_block_id block);
/* The secrets that it was made of, also those that are gone; in bytes. */
uint64_t agent_batch_bytes(const struct agent_batch *batch);
/* Removes all that is left of it. */
void agent_batch_drop(struct agent_batch *batch);
/* Reads the secrets of one that is whole, block after block, into blocks * secret_size bytes. */
SKEX_MUST_USE enum skex_error agent_batch_read(const struct agent_batch *batch, uint8_t *out);
/* Where a piece lies: block number in the batch, offset in that block's secret (0 when it holds
 * whole blocks) and size in bytes. */
void agent_piece_place(const struct agent_batch *batch, uint32_t index, uint32_t *block,
	uint32_t *offset, uint32_t *size);

/* How long keys that are out of their pool, and wait, may be given. */
struct agent_limits {
	uint64_t expires_wall_ms; /* the first of them */
	bool old;                 /* some are in batches from before the start: past.c */
};

#define AGENT_LIMITS_NONE                                                                          \
	{                                                                                          \
		UINT64_MAX, false                                                                  \
	}

void agent_limits_narrow(struct agent_limits *limits, uint64_t expires_wall_ms, bool old);
/* They expired, are held by now, or their pools are being emptied. */
bool agent_limits_over(const struct agent_limits *limits, const struct agent_pool *pool);

/* Initiator: has memory for keys of this size that meet what is asked (bits of enum agent_need)?
 * Takes more pieces into memory when not. */
bool agent_pool_stride(struct agent_pool *pool, uint32_t bytes, unsigned asked);
/* Initiator: cuts one key from the strides in memory; SKEX_E_EMPTY when there is none of this size
 * that meets what is asked and has not expired.  limits is narrowed to its own. */
SKEX_MUST_USE enum skex_error agent_pool_cut(struct agent_pool *pool, uint32_t bytes,
	unsigned asked, uint8_t *out, struct skex_key *key, struct agent_limits *limits);
/* Responder: takes the bytes of a key out of its batch, with the transaction of this turn, for the
 * identity at this place of the pool's purpose (0 where there is one).  SKEX_E_SPENT,
 * SKEX_E_UNKNOWN, SKEX_E_OFFLINE while it is held (past.c), SKEX_E_REFUSED when it is not combined
 * and has to be (combine.h), SKEX_E_BUSY when it is not durable in the pool yet; nothing is changed
 * then.  check_only looks without taking; out may be NULL then.
 */
SKEX_MUST_USE enum skex_error agent_pool_take(struct agent_pool *pool, const struct skex_key_id *id,
	uint32_t place, uint8_t *out, struct skex_key *key, bool check_only);
/* Expired batches and strides go. */
void agent_pool_sweep(struct agent_pool *pool, uint64_t wall_ms);
/* Frees those of a peer that nobody asked for a while, that hold nothing and are to hold nothing.
 */
void agent_pools_retire(struct agent_peer *peer, uint64_t now_ms);
/* Wipes what is in memory to be cut into keys: of the batches of one instance, or all of it when
 * that is 0.  What is just being removed from the store is wiped as well, and gives no key when it
 * is.
 */
void agent_pool_strides_drop(struct agent_pool *pool, uint32_t instance);
/* Removes everything: after a rollback, or when keys of the peer are no longer to be trusted.  Nor
 * do those get it for whom some is out of it already, and waits, for the rest, the disk or a hub.
 */
void agent_pool_empty(struct agent_pool *pool);
/* Nobody wants keys of this purpose any more: those in the peer's pools go, and so do the pools
 * once nothing is under way for them; or they are wanted again. */
void agent_pools_want(struct agent_peer *peer, const char *purpose, bool wanted);
/* Removes the records of peers that are not configured: after a rollback. */
void agent_pools_drop_strangers(struct skex_agent *agent);
/* Reads all batches and pieces back after a start. */
SKEX_MUST_USE enum skex_error agent_pools_load(struct skex_agent *agent);
/* The weakest class among its batches; SKEX_CLASS_ITS when it is empty. */
enum skex_class agent_pool_class(const struct agent_pool *pool);
/* What is in it and waits until hubs have said that it is not from the past. */
uint64_t agent_pool_held(const struct agent_pool *pool);
/* What is in it, may be handed out or fetched now and meets the needs (bits of enum agent_need).
 * What waits for its confirmation is counted as confirmed. */
uint64_t agent_pool_ready(const struct agent_pool *pool, unsigned needs);

#endif
