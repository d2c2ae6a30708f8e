/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_GIVEN_H
#define SKEX_TESTS_SIM_GIVEN_H

#include "tests/sim/world.h"

/* Every key that was ever handed out by get: none may come twice. */
struct given {
	size_t count;
	struct world_key key[4096];
};

/* Fails the test when the key, or its id, was there before. */
void given_note(struct given *given, const struct world_key *key);
/* How often something is repeated in the short run, and in the long one. */
unsigned given_rounds(unsigned few, unsigned many);

#endif
