/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_DSKE_SPENT_H
#define SKEX_CORE_DSKE_SPENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The block counters of one initiator and instance that are over.  Constant memory: everything
 * below `floor`, and up to SKEX_SPENT_RANGES ranges above it.  When there would be more ranges, the
 * lowest is joined with what is below it: the blocks in that gap count as spent, and are lost,
 * never taken twice.
 *
 * A counter is over when its block was accepted, or when at least k hubs brought a share for it and
 * it failed: one of those hubs is honest, so the initiator did use the counter.  What fewer than k
 * hubs say spends nothing, or one lying hub could spend counters that are still to come.
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

/* Nothing is spent. */
void skex_spent_init(struct skex_spent *spent);
/* True when any of the counters from .. from + blocks - 1 is spent. */
bool skex_spent_any(const struct skex_spent *spent, uint64_t from, uint32_t blocks);
/* The counters from .. from + blocks - 1 are over. */
void skex_spent_add(struct skex_spent *spent, uint64_t from, uint32_t blocks);

#endif
