/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_RING_H
#define SKEX_AGENT_RING_H

#include <stdbool.h>
#include <stddef.h>

/* A list whose entries leave it in constant time.  The list is an entry without an item. */
struct agent_ring {
	struct agent_ring *next;
	struct agent_ring *previous;
	void *item;
};

/* An empty list, or an entry that is in none; item stays. */
static inline void agent_ring_init(struct agent_ring *ring)
{
	ring->next = ring;
	ring->previous = ring;
}

/* Of an entry: it is in a list.  Of a list: there is something in it. */
static inline bool agent_ring_linked(const struct agent_ring *ring)
{
	return ring->next != ring;
}

/* The entry is in no list. */
static inline void agent_ring_append(struct agent_ring *ring, struct agent_ring *entry)
{
	entry->previous = ring->previous;
	entry->next = ring;
	ring->previous->next = entry;
	ring->previous = entry;
}

/* Fine for one that is in none. */
static inline void agent_ring_remove(struct agent_ring *entry)
{
	entry->previous->next = entry->next;
	entry->next->previous = entry->previous;
	agent_ring_init(entry);
}

/* The item of the oldest entry; NULL when there is none. */
static inline void *agent_ring_first(const struct agent_ring *ring)
{
	return agent_ring_linked(ring) ? ring->next->item : NULL;
}

#endif
