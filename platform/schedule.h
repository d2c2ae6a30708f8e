/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PLATFORM_SCHEDULE_H
#define SKEX_PLATFORM_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/* What is due next, of thousands: a binary heap, so that no turn looks at the others.  An entry is
 * part of what it is about.  Both start as zeros. */
struct skex_schedule_entry {
	uint64_t due_ms;
	size_t place; /* in the heap, from 1; 0: it is not there */
	void *item;
};

struct skex_schedule {
	struct skex_schedule_entry **heap;
	size_t count;
	size_t room;
};

/* Room for so many entries, before any is set.  SKEX_E_MEMORY: as it was. */
SKEX_MUST_USE enum skex_error skex_schedule_reserve(struct skex_schedule *schedule, size_t count);
void skex_schedule_clear(struct skex_schedule *schedule);

/* Puts the entry in, or changes when it is due. */
void skex_schedule_set(
	struct skex_schedule *schedule, struct skex_schedule_entry *entry, uint64_t due_ms);
/* Takes it out; fine when it is not there. */
void skex_schedule_remove(struct skex_schedule *schedule, struct skex_schedule_entry *entry);
/* Takes out and gives the item of the first entry that is due by now; NULL when none is. */
void *skex_schedule_take(struct skex_schedule *schedule, uint64_t now_ms);
/* When the first one is due; UINT64_MAX: there is none. */
uint64_t skex_schedule_first_ms(const struct skex_schedule *schedule);

#endif
