/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dske/spent.h"

#include "core/base/mem.h"

void skex_spent_init(struct skex_spent *spent)
{
	memset(spent, 0, sizeof(*spent));
}

/* One past the last; no counter on the wire comes near the end of 64 bits. */
static uint64_t end_of(uint64_t from, uint32_t blocks)
{
	return from > UINT64_MAX - blocks ? UINT64_MAX : from + blocks;
}

bool skex_spent_any(const struct skex_spent *spent, uint64_t from, uint32_t blocks)
{
	const uint64_t to = end_of(from, blocks);
	uint32_t i;

	if (from < spent->floor)
		return true;
	for (i = 0; i < spent->count; i++) {
		if (from < spent->ranges[i].to && to > spent->ranges[i].from)
			return true;
	}
	return false;
}

static void remove_range(struct skex_spent *spent, uint32_t at)
{
	for (spent->count--; at < spent->count; at++)
		spent->ranges[at] = spent->ranges[at + 1];
}

static void insert_range(struct skex_spent *spent, uint32_t at, uint64_t from, uint64_t to)
{
	uint32_t i;

	for (i = spent->count++; i > at; i--)
		spent->ranges[i] = spent->ranges[i - 1];
	spent->ranges[at].from = from;
	spent->ranges[at].to = to;
}

void skex_spent_add(struct skex_spent *spent, uint64_t from, uint32_t blocks)
{
	uint64_t to = end_of(from, blocks);
	uint32_t at = 0;

	if (from < spent->floor)
		from = spent->floor;
	if (to <= from)
		return;

	/* What it touches or overlaps becomes part of it. */
	while (at < spent->count && spent->ranges[at].to < from)
		at++;
	while (at < spent->count && spent->ranges[at].from <= to) {
		if (spent->ranges[at].from < from)
			from = spent->ranges[at].from;
		if (spent->ranges[at].to > to)
			to = spent->ranges[at].to;
		remove_range(spent, at);
	}

	/* No room, and the new one is the lowest: then it is the one that joins the floor. */
	if (from == spent->floor || (spent->count == SKEX_SPENT_RANGES && at == 0)) {
		spent->floor = to;
		return;
	}
	if (spent->count == SKEX_SPENT_RANGES) {
		spent->floor = spent->ranges[0].to;
		remove_range(spent, 0);
		at--;
	}
	insert_range(spent, at, from, to);
}
