/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_DOUBT_H
#define SKEX_AGENT_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/wire/common.h"

/*
 * Whether blocks of one provider with one peer can be its.  What the peer's end makes of their
 * class is known only when one is there.  Once it was less, keys count as computational for a
 * while; then one block is made to see, for who waits for it, and when it is less again the while
 * is longer.
 */
struct agent_doubt {
	uint64_t since_ms; /* when a block was last less; 0: one was its since, or none was made */
	uint32_t times;    /* how often in a row one that was made to see was less */
};

/* Is it too early to try? */
bool agent_doubt_holds(const struct agent_doubt *doubt, uint64_t now_ms);
/* A block is there, of this class; it could have been its as far as this end knew. */
void agent_doubt_heard(struct agent_doubt *doubt, enum skex_class class, uint64_t now_ms);

#endif
