/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLDS_RUN_H
#define SKEX_TESTS_SIM_WORLDS_RUN_H

#include "tests/sim/worlds/plan.h"

/*
 * One world by its plan, in the process that calls it.  After all events everything is healed, and
 * keys have to come again: there is no state without a way out.
 */
struct run_figures {
	uint64_t events;
	uint64_t got;     /* keys */
	uint64_t fetched; /* of these, at the other end */
	uint64_t ranges;  /* of pad */
	uint64_t replays; /* pieces, or connections, that were said again */
	uint64_t lies;    /* of agents */
	uint64_t pairs;   /* that had to have a key at the end, and had */
	uint64_t opened;  /* secrets that a thief of the disks could open at the end */
	uint64_t blocks;  /* whose secret fewer than k hubs could not compute */
	uint64_t digest;  /* of all that was sent on pad; of many worlds, their sum */
	uint64_t memory;  /* bytes in use at most by a world, looked at after each event */
};

/* broken is told what does not hold, and does not return. */
void run_plan(const struct plan *plan, struct run_figures *figures, void (*broken)(const char *));

#endif
