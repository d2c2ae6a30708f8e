/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dske/spent.h"

#include "core/base/mem.h"

void skex_spent_init(struct skex_spent *spent)
{
	memset(spent, 0, sizeof(*spent));
}

bool skex_spent_any(const struct skex_spent *spent, uint64_t from, uint32_t blocks)
{
	uint32_t i;

	if (from < spent->floor)
		return true;
	for (i = 0; i < spent->count; i++) {
		if (from < spent->ranges[i].to && from + blocks > spent->ranges[i].from)
			return true;
	}
	return false;
}

static void remove_range(struct skex_spent *spent, uint32_t at)
{
	for (spent->count--; at < spent->count; at++)
		spent->ranges[at] = spent->ranges[at + 1];
}

/* Everything up to the end of the lowest range is over. */
static void join_lowest(struct skex_spent *spent)
{
	if (spent->floor < spent->ranges[0].to)
		spent->floor = spent->ranges[0].to;
	remove_range(spent, 0);
}

void skex_spent_add(struct skex_spent *spent, uint64_t from, uint32_t blocks)
{
	uint64_t to = from + blocks;
	uint32_t i;
	uint32_t j;

	if (spent->count == SKEX_SPENT_RANGES)
		join_lowest(spent);
	if (from < spent->floor)
		from = spent->floor;
	if (to <= from)
		return;
	for (i = 0; i < spent->count; i++) {
		if (to < spent->ranges[i].from)
			break;
		if (from > spent->ranges[i].to)
			continue;
		/* Touches or overlaps: take it into the new one. */
		if (spent->ranges[i].from < from)
			from = spent->ranges[i].from;
		if (spent->ranges[i].to > to)
			to = spent->ranges[i].to;
		remove_range(spent, i);
		i--;
	}
	for (i = 0; i < spent->count && spent->ranges[i].from < from; i++)
		;
	for (j = spent->count; j > i; j--)
		spent->ranges[j] = spent->ranges[j - 1];
	spent->ranges[i].from = from;
	spent->ranges[i].to = to;
	spent->count++;
	while (spent->count > 0 && spent->ranges[0].from <= spent->floor)
		join_lowest(spent);
}
