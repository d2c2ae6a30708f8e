/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/bindings/schedule.h"

#include <stdlib.h>

enum skex_error schedule_init(struct schedule *schedule, size_t room)
{
	schedule->heap = calloc(room + 1, sizeof(struct schedule_entry *));
	schedule->count = 0;
	schedule->room = room;
	return schedule->heap == NULL ? SKEX_E_MEMORY : SKEX_OK;
}

void schedule_clear(struct schedule *schedule)
{
	free(schedule->heap);
	*schedule = (struct schedule){0};
}

static void put(struct schedule *schedule, size_t place, struct schedule_entry *entry)
{
	schedule->heap[place - 1] = entry;
	entry->place = place;
}

static void rise(struct schedule *schedule, struct schedule_entry *entry)
{
	size_t place = entry->place;

	while (place > 1 && schedule->heap[place / 2 - 1]->due_ms > entry->due_ms) {
		put(schedule, place, schedule->heap[place / 2 - 1]);
		place /= 2;
	}
	put(schedule, place, entry);
}

static void sink(struct schedule *schedule, struct schedule_entry *entry)
{
	size_t place = entry->place;

	for (;;) {
		size_t below = place * 2;

		if (below < schedule->count &&
			schedule->heap[below]->due_ms < schedule->heap[below - 1]->due_ms)
			below++;
		if (below > schedule->count || schedule->heap[below - 1]->due_ms >= entry->due_ms)
			break;
		put(schedule, place, schedule->heap[below - 1]);
		place = below;
	}
	put(schedule, place, entry);
}

void schedule_set(struct schedule *schedule, struct schedule_entry *entry, uint64_t due_ms)
{
	if (entry->place == 0) {
		if (schedule->count == schedule->room)
			abort(); /* room was for all there are */
		put(schedule, ++schedule->count, entry);
	}
	entry->due_ms = due_ms;
	rise(schedule, entry);
	sink(schedule, entry);
}

void *schedule_take(struct schedule *schedule, uint64_t now_ms)
{
	struct schedule_entry *first;
	struct schedule_entry *last;

	if (schedule->count == 0 || schedule->heap[0]->due_ms > now_ms)
		return NULL;
	first = schedule->heap[0];
	last = schedule->heap[--schedule->count];
	if (last != first) {
		put(schedule, 1, last);
		sink(schedule, last);
	}
	first->place = 0;
	return first->item;
}

uint64_t schedule_first_ms(const struct schedule *schedule)
{
	return schedule->count == 0 ? UINT64_MAX : schedule->heap[0]->due_ms;
}
