/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/events.h"

#include <stdbool.h>
#include <stdlib.h>

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct sim_events *events, struct sim_event *event)
{
	size_t i = events->count++;

	if (i == events->room) {
		events->room = events->room == 0 ? 64 : events->room * 2;
		events->heap = realloc(events->heap, events->room * sizeof(struct sim_event *));
		if (events->heap == NULL)
			abort();
	}
	for (; i > 0 && before(event, events->heap[(i - 1) / 2]); i = (i - 1) / 2)
		events->heap[i] = events->heap[(i - 1) / 2];
	events->heap[i] = event;
}

void sim_events_add(struct sim_events *events, struct sim_event *event, uint64_t at)
{
	event->at = at;
	event->order = events->order++;
	put(events, event);
}

void sim_events_make_room_before(struct sim_events *events, size_t count)
{
	events->lowest -= (int64_t)count;
	events->next_before = events->lowest;
}

void sim_events_add_before(struct sim_events *events, struct sim_event *event)
{
	event->at = 0;
	event->order = events->next_before++;
	put(events, event);
}

uint64_t sim_events_due(const struct sim_events *events)
{
	return events->count == 0 ? UINT64_MAX : events->heap[0]->at;
}

struct sim_event *sim_events_take(struct sim_events *events)
{
	struct sim_event *first = events->heap[0];
	struct sim_event *last = events->heap[--events->count];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < events->count &&
			before(events->heap[child + 1], events->heap[child]))
			child++;
		if (child >= events->count || !before(events->heap[child], last))
			break;
		events->heap[i] = events->heap[child];
		i = child;
	}
	events->heap[i] = last;
	return first;
}

void sim_events_free(struct sim_events *events)
{
	while (events->count > 0)
		free(events->heap[--events->count]);
	free(events->heap);
	*events = (struct sim_events){0};
}
