/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_NOTE_H
#define SKEX_AGENT_NOTE_H

#include "agent/agent.h"
#include "core/wire/note_message.h"

/*
 * Notes: up to SKEX_NOTE_MAX bytes from one agent to another without a connection between them,
 * encrypted and authenticated end to end under a key of the purpose "skex:note" that seals this one
 * note, stored and forwarded by any hub of the profile (docs/spec/distributed.md, "Notes").
 *
 * The first byte says for whom a note is: below SKEX_NOTE_TEXT_FIRST for parts of the house, from
 * there on it is text, for people and programs.
 */
#define SKEX_NOTE_PURPOSE    "skex:note"
#define SKEX_NOTE_TEXT_FIRST 0x20u
#define SKEX_NOTE_ID_BYTES   16u
/* Notes of this agent that are not sent yet, at most; to one peer no more than there are places
 * left for others: a peer that is away, or is told things again and again, holds up no other. */
#define SKEX_NOTES_WAITING   64u

/* What became of a note: problem NULL and how many hubs have it durably, or a problem. */
typedef void (*skex_note_done_fn)(void *owner, const struct skex_problem *problem,
	const uint8_t id[SKEX_NOTE_ID_BYTES], uint32_t hubs);

/*
 * Sends a note (1..SKEX_NOTE_MAX bytes, copied) to a peer.  done is called once k hubs of its
 * profile have taken it durably, or all that are up if those are fewer, but one at least; the
 * recipient gets it when it is there.  A note key is waited for up to wait_ms; without one the
 * problem is SKEX_E_EMPTY (again).  What is not sent yet is kept while hubs are away, or have not
 * said yet that its key is not from the past, until the key has expired at the recipient in any
 * case; a restart forgets it.
 *
 * Errors in the request come back at once with *problem filled, and done is not called then:
 * SKEX_E_ARGUMENT, SKEX_E_UNKNOWN (peer), SKEX_E_BUSY (SKEX_NOTES_WAITING), SKEX_E_MEMORY.
 */
SKEX_MUST_USE enum skex_error skex_agent_note_send(struct skex_agent *agent, const char *peer,
	struct skex_view note, uint32_t wait_ms, skex_note_done_fn done, void *owner,
	uint64_t *ticket, struct skex_problem *problem);
/* done is not called any more.  A note that no hub was given yet is not sent. */
void skex_agent_note_cancel(struct skex_agent *agent, uint64_t ticket);

/* A note that came in.  bytes are valid during the call only, in locked memory. */
struct skex_note {
	struct skex_name sender;
	uint8_t id[SKEX_NOTE_ID_BYTES];
	struct skex_view bytes;
	uint64_t wall_ms; /* when it came */
};

/*
 * Everyone who watches is told every note, once: that its key is used is durable before, so that a
 * copy through another hub, a replay, or a restart does not tell it again.  A crash between the two
 * can lose a note: who has to know asks for an answer.  *watch ends it.  SKEX_E_MEMORY.
 */
typedef void (*skex_note_fn)(void *owner, const struct skex_note *note);
SKEX_MUST_USE enum skex_error skex_agent_note_watch(
	struct skex_agent *agent, skex_note_fn note, void *owner, uint64_t *watch);
void skex_agent_note_unwatch(struct skex_agent *agent, uint64_t number);

#endif
