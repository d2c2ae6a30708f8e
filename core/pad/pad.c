/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pad/pad.h"

/*
 * Invariants, which every function here keeps and none takes for granted:
 *   sender:   next.generation == reserved.generation, next.offset <= reserved.offset <= size
 *   receiver: mark.offset <= size
 * with every offset and size a multiple of 16 and every size at most 2^62.  No sum is formed before
 * its terms were bounded, so that nothing can wrap around.
 */

static bool aligned(uint64_t value)
{
	return value % SKEX_PAD_ALIGN == 0;
}

static bool size_valid(uint64_t size)
{
	return aligned(size) && size <= SKEX_PAD_SIZE_MAX;
}

bool skex_pad_position_valid(struct skex_pad_position position)
{
	return size_valid(position.offset);
}

int skex_pad_compare(struct skex_pad_position a, struct skex_pad_position b)
{
	if (a.generation != b.generation)
		return a.generation < b.generation ? -1 : 1;
	if (a.offset != b.offset)
		return a.offset < b.offset ? -1 : 1;
	return 0;
}

struct skex_pad_position skex_pad_end(struct skex_pad_range range)
{
	struct skex_pad_position end = {range.generation, UINT64_MAX};

	if (range.size <= UINT64_MAX - range.offset)
		end.offset = range.offset + range.size;
	return end;
}

uint64_t skex_pad_align(uint64_t size)
{
	const uint64_t most = UINT64_MAX - (SKEX_PAD_ALIGN - 1);

	/* most is a multiple of 16 itself: what lies above it saturates instead of wrapping to 0.
	 */
	if (size > most)
		return most;
	return (size + (SKEX_PAD_ALIGN - 1)) / SKEX_PAD_ALIGN * SKEX_PAD_ALIGN;
}

enum skex_error skex_pad_tx_init(
	struct skex_pad_tx *tx, struct skex_pad_position mark, uint64_t size)
{
	if (!size_valid(size) || !aligned(mark.offset) || mark.offset > size)
		return SKEX_E_ARGUMENT;

	tx->size = size;
	tx->next = mark;
	tx->reserved = mark;
	return SKEX_OK;
}

enum skex_error skex_pad_tx_switch(struct skex_pad_tx *tx, uint64_t size)
{
	if (!size_valid(size))
		return SKEX_E_ARGUMENT;
	if (tx->next.generation == UINT32_MAX)
		return SKEX_E_EXHAUSTED;

	tx->size = size;
	tx->next.generation += 1;
	tx->next.offset = 0;
	tx->reserved = tx->next;
	return SKEX_OK;
}

uint64_t skex_pad_tx_left(const struct skex_pad_tx *tx)
{
	return tx->next.offset < tx->size ? tx->size - tx->next.offset : 0;
}

enum skex_error skex_pad_tx_plan(
	const struct skex_pad_tx *tx, uint64_t stride, struct skex_pad_position *mark)
{
	const uint64_t left = skex_pad_tx_left(tx);
	struct skex_pad_position plan = tx->next;

	if (tx->reserved.offset >= tx->size)
		return SKEX_E_EXHAUSTED;

	/* left is a multiple of 16, so that rounding up a smaller stride stays within it. */
	plan.offset += stride < left ? skex_pad_align(stride) : left;
	*mark = skex_pad_compare(plan, tx->reserved) > 0 ? plan : tx->reserved;
	return SKEX_OK;
}

void skex_pad_tx_reserved(struct skex_pad_tx *tx, struct skex_pad_position mark)
{
	/* The write of a mark may complete after a switch; that mark is then of no use any more. */
	if (mark.generation != tx->next.generation)
		return;
	if (!aligned(mark.offset) || mark.offset > tx->size)
		return;
	if (mark.offset > tx->reserved.offset)
		tx->reserved.offset = mark.offset;
}

enum skex_error skex_pad_tx_take(
	struct skex_pad_tx *tx, uint64_t size, struct skex_pad_range *range)
{
	uint64_t take;

	if (size == 0)
		return SKEX_E_ARGUMENT;
	if (size > skex_pad_tx_left(tx))
		return SKEX_E_EXHAUSTED;

	/* left is a multiple of 16 and at least size, so that it is at least take as well. */
	take = skex_pad_align(size);
	if (tx->reserved.offset < tx->next.offset || take > tx->reserved.offset - tx->next.offset)
		return SKEX_E_RESERVE;

	range->generation = tx->next.generation;
	range->offset = tx->next.offset;
	range->size = take;
	tx->next.offset += take;
	return SKEX_OK;
}

enum skex_error skex_pad_rx_init(
	struct skex_pad_rx *rx, struct skex_pad_position mark, uint64_t size)
{
	if (!size_valid(size) || !aligned(mark.offset) || mark.offset > size)
		return SKEX_E_ARGUMENT;

	rx->size = size;
	rx->mark = mark;
	rx->failures = 0;
	return SKEX_OK;
}

enum skex_error skex_pad_rx_check(
	const struct skex_pad_rx *rx, struct skex_pad_range range, uint64_t size)
{
	if (!aligned(range.offset) || !aligned(range.size) || range.size == 0)
		return SKEX_E_SYNTAX;
	if (range.size > UINT64_MAX - range.offset)
		return SKEX_E_SYNTAX;
	if (rx->failures >= SKEX_PAD_FAILURES_MAX)
		return SKEX_E_PAUSED;

	if (range.generation < rx->mark.generation)
		return SKEX_E_REPLAY;
	if (range.generation == rx->mark.generation) {
		if (range.offset < rx->mark.offset)
			return SKEX_E_REPLAY;
		size = rx->size;
	} else if (size == 0) {
		return SKEX_E_UNKNOWN;
	}

	if (range.offset > size || range.size > size - range.offset)
		return SKEX_E_EXHAUSTED;
	return SKEX_OK;
}

void skex_pad_rx_advance(struct skex_pad_rx *rx, struct skex_pad_range range, uint64_t size)
{
	const struct skex_pad_position end = skex_pad_end(range);

	/* Never back, and never out of the pad, even for a range that nobody checked. */
	if (!size_valid(size) || !aligned(end.offset) || end.offset > size)
		return;
	if (skex_pad_compare(end, rx->mark) <= 0)
		return;

	if (end.generation != rx->mark.generation)
		rx->failures = 0;
	rx->size = size;
	rx->mark = end;
}

void skex_pad_rx_failed(struct skex_pad_rx *rx)
{
	if (rx->failures < SKEX_PAD_FAILURES_MAX)
		rx->failures += 1;
}
