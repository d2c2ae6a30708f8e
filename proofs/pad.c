/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */

/*
 * Pad accounting (core/pad/pad.c), proved for all inputs: what each function keeps and gives.
 * tools/prove runs it.  Contracts are written in ACSL, before the code that they are of.
 */
#include "core/pad/pad.h"

/*@
	predicate position_fits(integer offset, integer size) =
	offset % 16 == 0 && 0 <= offset <= size;
	predicate size_fits(integer size) = size % 16 == 0 && 0 <= size <= 0x4000000000000000;

	// The sender: nothing at or after next was used, and all before reserved is durable.
	predicate tx_good(struct skex_pad_tx *tx) =
	size_fits(tx->size) && position_fits(tx->next.offset, tx->size) &&
	position_fits(tx->reserved.offset, tx->size) && tx->next.offset <= tx->reserved.offset &&
	tx->next.generation == tx->reserved.generation;

	predicate rx_good(struct skex_pad_rx *rx) =
	size_fits(rx->size) && position_fits(rx->mark.offset, rx->size) &&
	rx->failures <= SKEX_PAD_FAILURES_MAX;

	predicate before(struct skex_pad_position a, struct skex_pad_position b) =
	a.generation < b.generation || (a.generation == b.generation && a.offset < b.offset);
*/

/*@ assigns \nothing;
	ensures \result <==> value % 16 == 0; */
static bool aligned(uint64_t value);

/*@ assigns \nothing;
	ensures \result <==> size_fits(size); */
static bool size_valid(uint64_t size);

/*@ assigns \nothing;
	ensures \result < 0 <==> before(a, b);
	ensures \result > 0 <==> before(b, a);
	ensures \result == 0 <==> a.generation == b.generation && a.offset == b.offset; */
int skex_pad_compare(struct skex_pad_position a, struct skex_pad_position b);

/*@ assigns \nothing;
	ensures \result.generation == range.generation;
	ensures range.offset + range.size <= UINT64_MAX ==>
		\result.offset == range.offset + range.size;
	ensures range.offset + range.size > UINT64_MAX ==> \result.offset == UINT64_MAX; */
struct skex_pad_position skex_pad_end(struct skex_pad_range range);

/*@ assigns \nothing;
	ensures \result % 16 == 0;
	ensures size <= UINT64_MAX - 15 ==> size <= \result < size + 16; */
uint64_t skex_pad_align(uint64_t size);

/*@ requires \valid(tx);
	assigns *tx;
	ensures \result == SKEX_OK || \result == SKEX_E_ARGUMENT;
	ensures \result == SKEX_OK <==> size_fits(size) && position_fits(mark.offset, size);
	ensures \result == SKEX_OK ==> tx_good(tx) && tx->size == size && tx->next == mark &&
		tx->reserved == mark;
	ensures \result != SKEX_OK ==> *tx == \old(*tx); */
enum skex_error skex_pad_tx_init(
	struct skex_pad_tx *tx, struct skex_pad_position mark, uint64_t size);

/*@ requires \valid(tx);
	assigns *tx;
	ensures \result == SKEX_OK ==> tx_good(tx) && before(\old(tx->next), tx->next) &&
		tx->next.offset == 0 && tx->next.generation == \old(tx->next.generation) + 1;
	ensures \result != SKEX_OK ==> *tx == \old(*tx); */
enum skex_error skex_pad_tx_switch(struct skex_pad_tx *tx, uint64_t size);

/*@ requires \valid_read(tx);
	assigns \nothing;
	ensures tx_good(tx) ==> \result == tx->size - tx->next.offset;
	ensures 0 <= \result <= tx->size; */
uint64_t skex_pad_tx_left(const struct skex_pad_tx *tx);

/*@ requires \valid_read(tx) && \valid(mark) && \separated(tx, mark) && tx_good(tx);
	assigns *mark;
	ensures \result == SKEX_OK ==> mark->generation == tx->next.generation &&
		position_fits(mark->offset, tx->size) && mark->offset >= tx->reserved.offset;
	ensures \result == SKEX_OK && stride <= tx->size - tx->next.offset ==>
		mark->offset >= tx->next.offset + stride;
	ensures \result != SKEX_OK ==> *mark == \old(*mark); */
enum skex_error skex_pad_tx_plan(
	const struct skex_pad_tx *tx, uint64_t stride, struct skex_pad_position *mark);

/*@ requires \valid(tx) && tx_good(tx);
	assigns tx->reserved.offset;
	ensures tx_good(tx) && tx->reserved.offset >= \old(tx->reserved.offset);
	ensures tx->reserved.offset == \old(tx->reserved.offset) ||
		tx->reserved == mark; */
void skex_pad_tx_reserved(struct skex_pad_tx *tx, struct skex_pad_position mark);

// What is taken was not used before, is durable, and counts as used from then on.
/*@ requires \valid(tx) && \valid(range) && \separated(tx, range) && tx_good(tx);
	assigns tx->next.offset, *range;
	ensures tx_good(tx);
	ensures \result == SKEX_OK ==> range->generation == tx->next.generation &&
		range->offset == \old(tx->next.offset) &&
		range->offset + range->size == tx->next.offset && size <= range->size < size + 16 &&
		size > 0 && tx->next.offset <= tx->reserved.offset;
	ensures \result != SKEX_OK ==> *tx == \old(*tx) && *range == \old(*range); */
enum skex_error skex_pad_tx_take(
	struct skex_pad_tx *tx, uint64_t size, struct skex_pad_range *range);

/*@ requires \valid(rx);
	assigns *rx;
	ensures \result == SKEX_OK <==> size_fits(size) && position_fits(mark.offset, size);
	ensures \result == SKEX_OK ==> rx_good(rx) && rx->size == size && rx->mark == mark;
	ensures \result != SKEX_OK ==> *rx == \old(*rx); */
enum skex_error skex_pad_rx_init(
	struct skex_pad_rx *rx, struct skex_pad_position mark, uint64_t size);

// What is accepted lies in its generation and at or behind the mark, whatever the wire says.
/*@ requires \valid_read(rx);
	assigns \nothing;
	ensures \result == SKEX_OK ==> range.size > 0 && range.offset % 16 == 0 &&
		range.size % 16 == 0 && rx->failures < SKEX_PAD_FAILURES_MAX &&
		(range.generation == rx->mark.generation ? range.offset + range.size <= rx->size &&
		range.offset >= rx->mark.offset :
		range.generation > rx->mark.generation && size > 0 &&
			range.offset + range.size <= size); */
enum skex_error skex_pad_rx_check(
	const struct skex_pad_rx *rx, struct skex_pad_range range, uint64_t size);

/*@ requires \valid(rx) && rx_good(rx);
	assigns *rx;
	ensures rx_good(rx);
	ensures rx->mark == \old(rx->mark) || before(\old(rx->mark), rx->mark);
	ensures size_fits(size) && position_fits(range.offset + range.size, size) ==>
		rx->mark.generation > range.generation ||
			(rx->mark.generation == range.generation &&
		rx->mark.offset >= range.offset + range.size); */
void skex_pad_rx_advance(struct skex_pad_rx *rx, struct skex_pad_range range, uint64_t size);

/*@ requires \valid(rx) && rx_good(rx);
	assigns rx->failures;
	ensures rx_good(rx) && rx->failures >= \old(rx->failures); */
void skex_pad_rx_failed(struct skex_pad_rx *rx);

#include "core/pad/pad.c"

// Two messages share no byte of a pad, whatever lies between them.
/*@ requires \valid(tx) && \valid(first) && \valid(second) && tx_good(tx) &&
		\separated(tx, first, second);
	assigns *tx, *first, *second;
	ensures \result ==> first->generation != second->generation ||
		first->offset + first->size <= second->offset; */
bool two_messages(struct skex_pad_tx *tx, uint64_t size, struct skex_pad_position mark,
	uint64_t pad, struct skex_pad_range *first, struct skex_pad_range *second)
{
	if (skex_pad_tx_take(tx, size, first) != SKEX_OK)
		return false;
	if (skex_pad_tx_switch(tx, pad) != SKEX_OK)
		skex_pad_tx_reserved(tx, mark);
	return skex_pad_tx_take(tx, size, second) == SKEX_OK;
}

// Nor does one after a crash, when the sender begins at what was durable.
/*@ requires \valid(tx) && \valid(first) && \valid(second) && tx_good(tx) &&
		\separated(tx, first, second);
	assigns *tx, *first, *second;
	ensures \result ==> first->generation == second->generation &&
		first->offset + first->size <= second->offset; */
bool after_a_crash(struct skex_pad_tx *tx, uint64_t size, struct skex_pad_range *first,
	struct skex_pad_range *second)
{
	if (skex_pad_tx_take(tx, size, first) != SKEX_OK)
		return false;
	if (skex_pad_tx_init(tx, tx->reserved, tx->size) != SKEX_OK)
		return false;
	return skex_pad_tx_take(tx, size, second) == SKEX_OK;
}

// A range is accepted once: from then on it is behind the mark.
/*@ requires \valid(rx) && rx_good(rx) && size_fits(size);
	assigns *rx;
	ensures !\result; */
bool accepted_twice(struct skex_pad_rx *rx, struct skex_pad_range range, uint64_t size)
{
	if (skex_pad_rx_check(rx, range, size) != SKEX_OK)
		return false;
	skex_pad_rx_advance(rx, range, range.generation == rx->mark.generation ? rx->size : size);
	return skex_pad_rx_check(rx, range, size) == SKEX_OK;
}
