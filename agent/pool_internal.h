/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_POOL_INTERNAL_H
#define SKEX_AGENT_POOL_INTERNAL_H

#include "agent/pool.h"
#include "store/store.h"

/*
 * What the files of the pool share, and nobody else uses.
 *
 *   pool.c       pools, batches, where pieces lie, their records
 *   pool_cut.c   the initiator's side: strides in memory, keys cut from them
 *   pool_take.c  the responder's side: keys taken by id
 *   pool_load.c  upkeep, and reading all back after a start
 */

/* pool.c: memory of a piece and of a batch; neither touches records. */
void pool_piece_free(struct agent_piece *piece);
void pool_batch_free(struct agent_batch *batch);
/* Below 0, 0, above 0: a is before, at, after b. */
int pool_compare_id(struct skex_block_id a, struct skex_block_id b);
/* Puts a batch into its place; false without memory. */
bool pool_insert(struct agent_pool *pool, struct agent_batch *batch);
/* The record of a piece, with the units that are used (a mask for each sharer). */
void pool_put_piece(const struct agent_pool *pool, struct skex_block_id first, uint32_t piece,
	const uint64_t *used, const struct skex_view *parts, size_t count, struct skex_txn *txn);
enum skex_error pool_read_piece(
	const struct agent_batch *batch, uint32_t piece, uint64_t *used, uint8_t *bytes);
/* Without a pool, and with no piece there. */
struct agent_batch *pool_batch_new(
	struct skex_block_id first, uint16_t blocks, uint32_t secret_size);
/* The units that every sharer has used. */
uint64_t pool_gone(const uint64_t *used, uint8_t sharers);
uint64_t pool_bytes_of(uint64_t units);
/* What its keys are, bits of enum agent_need, once they may be handed out. */
unsigned pool_meets(const struct agent_batch *batch);
/* What keys of this pool have to be, whoever asks. */
unsigned pool_needs(const struct agent_pool *pool, unsigned needs);
/* ready_bytes, never below 0. */
void pool_less_ready(struct agent_pool *pool, uint64_t bytes);
/* Removes the record; with the last piece the batch, which is freed. */
void pool_piece_gone(struct agent_batch *batch, uint32_t index, struct skex_txn *txn);

/* pool_load.c: so many more of its pieces are here; counted of those that the peer made with this
 * agent alone, to be fetched here. */
void pool_count_pieces(const struct agent_batch *batch, int32_t more);

/* pool_cut.c */
/* Wipes the strides whose batch has expired. */
void pool_strides_expire(struct agent_pool *pool, uint64_t wall_ms);
void pool_fingerprint(
	const struct skex_agent *agent, const uint8_t *bytes, uint32_t size, struct skex_key *key);

#endif
