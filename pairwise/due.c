/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "pairwise/internal.h"

/* A binary heap of the associations with a timer, so that no turn looks at the others. */

static void set(struct skex_associations *all, size_t at, struct skex_association *association)
{
	all->heap[at] = association;
	association->heap_at = at;
}

static void rise(struct skex_associations *all, size_t at)
{
	struct skex_association *association = all->heap[at];

	while (at > 0 && all->heap[(at - 1) / 2]->due_ms > association->due_ms) {
		set(all, at, all->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	set(all, at, association);
}

static void sink(struct skex_associations *all, size_t at)
{
	struct skex_association *association = all->heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < all->heap_count &&
			all->heap[child + 1]->due_ms < all->heap[child]->due_ms)
			child++;
		if (child >= all->heap_count || all->heap[child]->due_ms >= association->due_ms)
			break;
		set(all, at, all->heap[child]);
		at = child;
	}
	set(all, at, association);
}

enum skex_error due_reserve(struct skex_associations *all, size_t count)
{
	size_t room = all->heap_room == 0 ? 16 : all->heap_room;
	struct skex_association **grown;

	while (room < count)
		room *= 2;
	if (room == all->heap_room)
		return SKEX_OK;
	grown = realloc(all->heap, room * sizeof(struct skex_association *));
	if (grown == NULL)
		return SKEX_E_MEMORY;
	all->heap = grown;
	all->heap_room = room;
	return SKEX_OK;
}

static void take_out(struct skex_associations *all, size_t at)
{
	struct skex_association *last = all->heap[--all->heap_count];

	if (at == all->heap_count)
		return;
	set(all, at, last);
	rise(all, at);
	sink(all, last->heap_at);
}

void due_update(struct skex_association *association, uint64_t due_ms)
{
	struct skex_associations *all = association->all;
	const size_t at = association->heap_at;

	association->due_ms = due_ms;
	if (at == SIZE_MAX) {
		if (due_ms == UINT64_MAX)
			return;
		set(all, all->heap_count++, association);
		rise(all, association->heap_at);
	} else if (due_ms == UINT64_MAX) {
		take_out(all, at);
		association->heap_at = SIZE_MAX;
	} else {
		rise(all, at);
		sink(all, association->heap_at);
	}
}
