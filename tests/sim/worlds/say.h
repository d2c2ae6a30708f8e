/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLDS_SAY_H
#define SKEX_TESTS_SIM_WORLDS_SAY_H

#include "tests/sim/worlds/plan.h"

/*
 * An agent that lies: what it says stands on its own pad, under a right tag and in the envelope of
 * its leg, and no honest agent says it.  `any` chooses: bytes without a meaning; a block of keys
 * that it gives to one hub, or to all; a block in the name of another agent that is up, under the
 * id that this one uses next.
 */
/* False: it could not say that now. */
bool say_lie(
	struct world *world, const struct plan *plan, uint8_t agent, uint8_t hub, uint32_t any);

/* Own blocks that were never begun have counters from here on, which no honest agent reaches. */
#define SAY_COUNTER (UINT64_C(1) << 40)

#endif
