/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_SIM_EVENTS_H
#define SKEX_TESTS_SIM_EVENTS_H

#include <stddef.h>
#include <stdint.h>

/* What is to happen in a virtual world, by time, and at one time in the order of adding. */
struct sim_event {
	uint64_t at;
	int64_t order;
};

/* A heap; all zero: empty. */
struct sim_events {
	struct sim_event **heap;
	size_t count;
	size_t room;
	int64_t order;
	int64_t lowest; /* that was given out */
	int64_t next_before;
};

/* The event is the first member of something that was allocated. */
void sim_events_add(struct sim_events *events, struct sim_event *event, uint64_t at);
/* So many are added before all that are there: first this, then each, in their order. */
void sim_events_make_room_before(struct sim_events *events, size_t count);
void sim_events_add_before(struct sim_events *events, struct sim_event *event);
/* When the first is due; UINT64_MAX: there is none. */
uint64_t sim_events_due(const struct sim_events *events);
/* Takes out the first of one or more. */
struct sim_event *sim_events_take(struct sim_events *events);
/* And what is in it. */
void sim_events_free(struct sim_events *events);

#endif
