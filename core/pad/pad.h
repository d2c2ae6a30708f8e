/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAD_PAD_H
#define SKEX_CORE_PAD_PAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"

/*
 * Pad accounting: which bytes of a pad were used, so that none is ever used twice.  The module
 * knows positions, not bytes.
 *
 * A leg has one pad for each sending direction.  A pad is a series of generations (the first from
 * enrolment, more by refill), each `size` bytes long.  A position is a generation and an offset in
 * bytes, a multiple of 16; positions are ordered by generation first.  A message uses one
 * contiguous range inside one generation: 32 bytes tag key, then the bytes that encrypt its body.
 *
 * Sender and receiver both only ever go forward.  What is skipped is burnt.
 *
 * The size of a generation is a multiple of 16, at most 2^62; whoever makes a pad cuts it so.
 */
#define SKEX_PAD_ALIGN        16u
#define SKEX_PAD_SIZE_MAX     (UINT64_C(1) << 62)
#define SKEX_PAD_RATCHET_SIZE SKEX_PAD_SIZE_MAX /* of a generation that a ratchet makes */

struct skex_pad_position {
	uint32_t generation;
	uint64_t offset;
};

/* Bytes offset .. offset + size - 1 of one generation. */
struct skex_pad_range {
	uint32_t generation;
	uint64_t offset;
	uint64_t size;
};

/* True when the offset is a multiple of 16 and at most 2^62, as every one on the wire has to be. */
bool skex_pad_position_valid(struct skex_pad_position position);
/* Below 0, 0, above 0: a is before, at, after b. */
int skex_pad_compare(struct skex_pad_position a, struct skex_pad_position b);
/* The position just after a range; offset UINT64_MAX, which no pad has, when that overflows. */
struct skex_pad_position skex_pad_end(struct skex_pad_range range);
/* size rounded up to SKEX_PAD_ALIGN; above 2^64 - 16 it is rounded down instead. */
uint64_t skex_pad_align(uint64_t size);

/*
 * The sender's side.  next <= reserved, in the same generation, always.  reserved is durable before
 * anything below it is used: after a crash the sender begins at reserved, so what was used before
 * the crash is behind it.
 */
struct skex_pad_tx {
	uint64_t size;                     /* of the generation that next is in */
	struct skex_pad_position next;     /* nothing at or after it was used */
	struct skex_pad_position reserved; /* on stable storage */
};

/* After a start: next = reserved = the durable mark.  SKEX_E_ARGUMENT when the mark does not lie in
 * 0..size, or one of them is not aligned, or size is above 2^62. */
SKEX_MUST_USE enum skex_error skex_pad_tx_init(
	struct skex_pad_tx *tx, struct skex_pad_position mark, uint64_t size);

/* The pad of the next generation (next.generation + 1) becomes the current one; the rest of the old
 * one is burnt.  Its mark (generation, 0) counts as reserved up to offset 0 only, and has to be
 * persisted by the next reservation.  SKEX_E_ARGUMENT for a size that no generation can have,
 * SKEX_E_EXHAUSTED after generation 2^32 - 1 (a number that wrapped around would be used twice); tx
 * is then unchanged. */
SKEX_MUST_USE enum skex_error skex_pad_tx_switch(struct skex_pad_tx *tx, uint64_t size);

/* What is left to use in this generation, in bytes. */
uint64_t skex_pad_tx_left(const struct skex_pad_tx *tx);

/*
 * The mark to make durable so that `stride` more bytes than now can be used: *mark = next + stride,
 * at most the end of the pad and never before the reserved mark.  Persist it, then call
 * skex_pad_tx_reserved.  SKEX_E_EXHAUSTED when everything is reserved already.
 */
SKEX_MUST_USE enum skex_error skex_pad_tx_plan(
	const struct skex_pad_tx *tx, uint64_t stride, struct skex_pad_position *mark);
/* The mark is durable now.  Marks never go back: an older one changes nothing, nor does one that is
 * not in the current generation, whose write completed after a switch. */
void skex_pad_tx_reserved(struct skex_pad_tx *tx, struct skex_pad_position mark);

/*
 * Takes size bytes (rounded up to 16) for one message.  SKEX_E_EXHAUSTED when this generation has
 * not that much left; SKEX_E_RESERVE when the reserved mark has to move first; SKEX_E_ARGUMENT for
 * 0; tx is then unchanged.
 */
SKEX_MUST_USE enum skex_error skex_pad_tx_take(
	struct skex_pad_tx *tx, uint64_t size, struct skex_pad_range *range);

/* The receiver's side: everything before mark is used or burnt. */
struct skex_pad_rx {
	uint64_t size; /* of the generation that mark is in */
	struct skex_pad_position mark;
	uint32_t failures; /* wrong one-time tags in this generation; to be stored by the owner */
};

/* Failed tags after which a leg pauses: 2^20 attempts at forging a message of 2^12 blocks (one
 * share of 64 KiB) succeed with 2^-96; of 2^16.01 blocks (the longest message) with less than
 * 2^-91. */
#define SKEX_PAD_FAILURES_MAX (UINT32_C(1) << 20)

/* failures is 0 then.  SKEX_E_ARGUMENT as for the sender. */
SKEX_MUST_USE enum skex_error skex_pad_rx_init(
	struct skex_pad_rx *rx, struct skex_pad_position mark, uint64_t size);

/*
 * May a message use this range?  Of a later generation than that of the mark size is its size, or 0
 * when it is not here: not only of the next one, for a sender that went on after a rollback may
 * have gone over whole generations.  SKEX_E_REPLAY when it begins before the mark; SKEX_E_EXHAUSTED
 * when it does not lie inside its generation; SKEX_E_SYNTAX when not aligned, empty or overflowing;
 * SKEX_E_UNKNOWN for a generation that is not here; SKEX_E_PAUSED after too many failures.  Changes
 * nothing.
 */
SKEX_MUST_USE enum skex_error skex_pad_rx_check(
	const struct skex_pad_rx *rx, struct skex_pad_range range, uint64_t size);
/* The range was checked and its message verified: the mark moves to its end; a gap is burnt.  size
 * is that of the range's generation.  The mark never moves back or out of the pad. */
void skex_pad_rx_advance(struct skex_pad_rx *rx, struct skex_pad_range range, uint64_t size);
/* A one-time tag was wrong: counted (in the generation of the mark), nothing else changes. */
void skex_pad_rx_failed(struct skex_pad_rx *rx);

#endif
