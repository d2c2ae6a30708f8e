/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_WORLD_THIEF_H
#define SKEX_TESTS_SIM_WORLD_THIEF_H

#include "tests/sim/store_thief.h"
#include "tests/sim/world.h"

/* Who has the disk of this agent as it is, and its KEK; NULL while it is down. */
struct thief *world_thief(struct world_node *agent);

#endif
