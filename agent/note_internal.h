/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_NOTE_INTERNAL_H
#define SKEX_AGENT_NOTE_INTERNAL_H

#include "agent/internal.h"
#include "agent/note.h"

/*
 * What the agent keeps of notes, all in memory: note.c sends, note_receive.c receives.
 */

/* A note on its way out: first it waits for its key, then for hubs. */
struct agent_note {
	struct agent_note *next;
	struct agent_note **self;
	struct skex_agent *agent;
	struct agent_peer *peer;
	uint64_t ticket;
	skex_note_done_fn done; /* NULL: nobody asks any more */
	void *owner;
	uint64_t key_ticket;  /* of the request for the key; 0: the note is sealed */
	bool key_over;        /* the key was dropped with what is left of its pool */
	bool key_unproven;    /* it may be from before the start: past.c */
	uint64_t deadline_ms; /* of a sealed one */
	uint8_t *plain;       /* until it is sealed; locked */
	size_t plain_size;
	uint8_t id[SKEX_NOTE_ID_BYTES];
	uint8_t fields[SKEX_HEADER_MAX - SKEX_MESSAGE_PREFIX_BYTES];
	size_t fields_size;
	struct agent_profile *profile; /* NULL: none was usable yet */
	uint32_t sent;                 /* bit (1 << index): hubs that it was given to */
	uint32_t delivered;            /* that have it */
	uint32_t refused;              /* that do not take it, or have no pad left from us */
	uint32_t declined;             /* that say the recipient refused it */
	uint16_t status;               /* of the last that refused it itself */
	struct skex_pad_position at[SKEX_HUBS_MAX]; /* where it stood in each leg's pad */
};

/*
 * A note that came in after a start, before the pool with its key is known not to be from the past.
 * For AGENT_GATHER_MS the mark of its leg stays before it, so that after a crash its hub sends it
 * again; not longer, for the hubs of its sender may stay away, and others are heard through the
 * same leg.  It waits on in memory, where a later one takes its place when there are too many.
 */
struct agent_note_wait {
	struct agent_note_wait *next;
	struct agent_leg *leg;
	bool held; /* the mark of the leg stays before it */
	struct skex_hold hold;
	uint64_t hold_ms; /* so long */
	size_t size;
	uint8_t fields[]; /* as they came */
};

/* A note that came in and whose key is being made spent.  Until that is durable it is told to
 * nobody. */
struct agent_note_in {
	struct agent_note_in *next;
	struct agent_note_in **self;
	struct skex_agent *agent;
	struct agent_pool *pool;    /* of its key; NULL until that is taken */
	struct agent_limits limits; /* of its key */
	bool forgotten;             /* its key was dropped with what is left of the pool */
	struct skex_name sender;
	uint8_t id[SKEX_NOTE_ID_BYTES];
	size_t size;
	uint64_t wall_ms;
	uint8_t bytes[SKEX_NOTE_MAX];
};

struct agent_note_watch {
	struct agent_note_watch *next;
	uint64_t number;
	skex_note_fn note;
	void *owner;
};

/* note_receive.c; see agent_notes_forget(). */
void agent_notes_in_forget(const struct agent_pool *pool);
void agent_notes_in_clear(struct skex_agent *agent);
/* Takes the notes that waited until the state was known not to be from the past. */
void agent_notes_in_turn(struct skex_agent *agent, uint64_t now_ms);

#endif
