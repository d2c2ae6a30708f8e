/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "hub/queue.h"

#define FIRST_ROOM 64u

void hub_expiry_clear(struct hub_expiry *expiry)
{
	free(expiry->heap);
	*expiry = (struct hub_expiry){0};
}

struct hub_waiting *hub_expiry_first(const struct hub_expiry *expiry)
{
	return expiry->count == 0 ? NULL : expiry->heap[0];
}

static void place(struct hub_expiry *expiry, uint32_t at, struct hub_waiting *waiting)
{
	expiry->heap[at] = waiting;
	waiting->expiry_at = at;
}

/* Moves one that stands too deep, at `at`, to where it belongs. */
static void rise(struct hub_expiry *expiry, uint32_t at)
{
	struct hub_waiting *waiting = expiry->heap[at];

	while (at > 0 && waiting->expires_ms < expiry->heap[(at - 1) / 2]->expires_ms) {
		place(expiry, at, expiry->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(expiry, at, waiting);
}

static void sink(struct hub_expiry *expiry, uint32_t at)
{
	struct hub_waiting *waiting = expiry->heap[at];

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= expiry->count)
			break;
		if (child + 1 < expiry->count &&
			expiry->heap[child + 1]->expires_ms < expiry->heap[child]->expires_ms)
			child++;
		if (waiting->expires_ms <= expiry->heap[child]->expires_ms)
			break;
		place(expiry, at, expiry->heap[child]);
		at = child;
	}
	place(expiry, at, waiting);
}

static enum skex_error resize(struct hub_expiry *expiry, uint32_t room)
{
	struct hub_waiting **heap = realloc(expiry->heap, room * sizeof(struct hub_waiting *));

	if (heap == NULL)
		return SKEX_E_MEMORY;
	expiry->heap = heap;
	expiry->room = room;
	return SKEX_OK;
}

enum skex_error hub_expiry_add(struct hub_expiry *expiry, struct hub_waiting *waiting)
{
	enum skex_error error = SKEX_OK;

	if (expiry->count == expiry->room)
		error = expiry->room > UINT32_MAX / 4
			? SKEX_E_MEMORY
			: resize(expiry, expiry->room == 0 ? FIRST_ROOM : expiry->room * 2);
	if (error != SKEX_OK)
		return error;
	place(expiry, expiry->count++, waiting);
	rise(expiry, waiting->expiry_at);
	return SKEX_OK;
}

void hub_expiry_remove(struct hub_expiry *expiry, struct hub_waiting *waiting)
{
	const uint32_t at = waiting->expiry_at;
	struct hub_waiting *last = expiry->heap[--expiry->count];

	if (last != waiting) {
		place(expiry, at, last);
		rise(expiry, at);
		sink(expiry, last->expiry_at);
	}
	/* Without memory for a smaller one the larger stays. */
	if (expiry->room > FIRST_ROOM && expiry->count < expiry->room / 4)
		(void)!resize(expiry, expiry->room / 2);
}
