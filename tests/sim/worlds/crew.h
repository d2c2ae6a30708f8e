/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLDS_CREW_H
#define SKEX_TESTS_SIM_WORLDS_CREW_H

#include "tests/sim/worlds/run.h"

/*
 * Worlds in processes of their own, one for each processor: what ends a process ends no other
 * world, and is told with the seed that did it.
 */
struct crew_fault {
	bool any;
	uint64_t seed;
	char text[300];
};

/* Runs the worlds first .. first + count - 1 of this size until one fails.  figures: sums, and the
 * most memory. */
void crew_run(uint64_t first, uint64_t count, const struct plan_size *size,
	struct run_figures *figures, struct crew_fault *fault);
/* Runs one plan; true when it fails, and how. */
bool crew_fails(const struct plan *plan, struct crew_fault *fault);
/* Makes a plan that fails as small as can be found by leaving out events, faults and lies; it fails
 * with the same text after it. */
void crew_shrink(struct plan *plan, const struct crew_fault *fault);

#endif
