/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_TRACE_H
#define SKEX_TESTS_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/view.h"

/*
 * Records every range of pad that is sent, over all lives of all nodes: linked instead of
 * link/trace.c. The same range may carry the same bytes again (a retransmission); anything else is
 * reuse of pad, and is found when it is sent.
 */
struct skex_leg;

void sim_trace_clear(void);
/* How many ranges were sent; one that was sent again counts once. */
uint64_t sim_trace_ranges(void);
/* Of all messages on pad since clear, in their order: worlds whose nodes did the same have the same
 * one. */
uint64_t sim_trace_digest(void);
/* False when any range since clear was used for two messages; what was found has been printed. */
bool sim_trace_intact(void);

/* Who sent them was taken back in time, and the other end had not got them: ranges from here on may
 * be used again, which nobody can find. */
void sim_trace_forget(uint64_t leg, uint8_t direction, uint32_t generation, uint64_t offset);

/* These legs have two agents that send on them, of which neither knows of the other: what one sent
 * and the hub did not get the other may use as well.  NULL: there are none. */
void sim_trace_share(bool (*legs)(void *owner, uint64_t leg), void *owner);

/* Is told of each message that uses pad when it is sent; NULL: nobody is. */
typedef void (*sim_trace_fn)(
	void *owner, const struct skex_leg *leg, struct skex_view header, struct skex_view body);
void sim_trace_watch(sim_trace_fn sent, void *owner);

#endif
