/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_DSKE_SPENT_H
#define SKEX_CORE_DSKE_SPENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The block counters of one initiator that are over: accepted, failed or expired.  Constant memory:
 * everything below `floor`, and up to SKEX_SPENT_RANGES ranges above it.  When there would be more
 * ranges, the lowest is joined with what is below it: the blocks in that gap count as spent, and
 * are lost, never taken twice.
 */
#define SKEX_SPENT_RANGES 32u

struct skex_spent {
	uint64_t floor;
	uint32_t count;
	struct {
		uint64_t from;
		uint64_t to;         /* one past the last */
	} ranges[SKEX_SPENT_RANGES]; /* ascending, apart from each other and from floor */
};

void skex_spent_init(struct skex_spent *spent);
/* True when any of the counters from .. from + blocks - 1 is spent. */
bool skex_spent_any(const struct skex_spent *spent, uint64_t from, uint32_t blocks);
void skex_spent_add(struct skex_spent *spent, uint64_t from, uint32_t blocks);

#endif
