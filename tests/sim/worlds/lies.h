/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLDS_LIES_H
#define SKEX_TESTS_SIM_WORLDS_LIES_H

#include "tests/sim/worlds/plan.h"

/* The hubs of a world that lie as tests/system/lying_hub does; linked instead of hub/pass.c. */

/* From now on, until another world is chosen. */
void lies_choose(struct world *world, const struct plan *plan);
/* What liars kept is freed: before a hub stops. */
void lies_forget(void);

#endif
