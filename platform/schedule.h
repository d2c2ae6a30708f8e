/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BINDINGS_SCHEDULE_H
#define SKEX_DELIVER_BINDINGS_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/* What is due next, of thousands: a heap.  An entry is part of what it is about. */
struct schedule_entry {
	uint64_t due_ms;
	size_t place; /* in the heap, from 1; 0: it is not there */
	void *item;
};

struct schedule {
	struct schedule_entry **heap;
	size_t count;
	size_t room;
};

/* room is how many entries there can be.  SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error schedule_init(struct schedule *schedule, size_t room);
void schedule_clear(struct schedule *schedule);

/* Puts the entry in, or changes when it is due. */
void schedule_set(struct schedule *schedule, struct schedule_entry *entry, uint64_t due_ms);
/* Takes out and gives the item of the first entry that is due by now; NULL when none is. */
void *schedule_take(struct schedule *schedule, uint64_t now_ms);
/* When the first one is due; UINT64_MAX: there is none. */
uint64_t schedule_first_ms(const struct schedule *schedule);

#endif
