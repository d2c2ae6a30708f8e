/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/schedule.h"

#include <stdlib.h>

#define ROOM_FIRST 16u

enum skex_error skex_schedule_reserve(struct skex_schedule *schedule, size_t count)
{
	size_t room = schedule->room == 0 ? ROOM_FIRST : schedule->room;
	struct skex_schedule_entry **grown;

	while (room < count)
		room *= 2;
	if (room == schedule->room)
		return SKEX_OK;
	grown = realloc(schedule->heap, room * sizeof(struct skex_schedule_entry *));
	if (grown == NULL)
		return SKEX_E_MEMORY;
	schedule->heap = grown;
	schedule->room = room;
	return SKEX_OK;
}

void skex_schedule_clear(struct skex_schedule *schedule)
{
	free(schedule->heap);
	*schedule = (struct skex_schedule){0};
}

static void put(struct skex_schedule *schedule, size_t place, struct skex_schedule_entry *entry)
{
	schedule->heap[place - 1] = entry;
	entry->place = place;
}

static void rise(struct skex_schedule *schedule, struct skex_schedule_entry *entry)
{
	size_t place = entry->place;

	while (place > 1 && schedule->heap[place / 2 - 1]->due_ms > entry->due_ms) {
		put(schedule, place, schedule->heap[place / 2 - 1]);
		place /= 2;
	}
	put(schedule, place, entry);
}

static void sink(struct skex_schedule *schedule, struct skex_schedule_entry *entry)
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

void skex_schedule_set(
	struct skex_schedule *schedule, struct skex_schedule_entry *entry, uint64_t due_ms)
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

void skex_schedule_remove(struct skex_schedule *schedule, struct skex_schedule_entry *entry)
{
	struct skex_schedule_entry *last;

	if (entry->place == 0)
		return;
	last = schedule->heap[--schedule->count];
	if (last != entry) {
		put(schedule, entry->place, last);
		rise(schedule, last);
		sink(schedule, last);
	}
	entry->place = 0;
}

void *skex_schedule_take(struct skex_schedule *schedule, uint64_t now_ms)
{
	struct skex_schedule_entry *first;

	if (schedule->count == 0 || schedule->heap[0]->due_ms > now_ms)
		return NULL;
	first = schedule->heap[0];
	skex_schedule_remove(schedule, first);
	return first->item;
}

uint64_t skex_schedule_first_ms(const struct skex_schedule *schedule)
{
	return schedule->count == 0 ? UINT64_MAX : schedule->heap[0]->due_ms;
}
