/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_TRACE_H
#define SKEX_TESTS_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Records every range of pad that is sent, over all lives of all nodes: linked instead of
 * link/trace.c. The same range may carry the same bytes again (a retransmission); anything else is
 * reuse of pad.
 */
void sim_trace_clear(void);
uint64_t sim_trace_ranges(void);
/* Compares all ranges recorded since clear; prints what it finds. */
bool sim_trace_intact(void);

#endif
