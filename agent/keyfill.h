/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_KEYFILL_H
#define SKEX_AGENT_KEYFILL_H

#include "agent/agent.h"
#include "enrol/kit.h"
#include "enrol/reason.h"

/*
 * Key material that is carried by hand: a fill (docs/keyfill.md).  One agent makes a file for
 * itself, end 0, and another one, end 1; each takes it in once.  From then on each end cuts keys
 * out of its half of the material, and the other finds them by their ids: nothing is sent.
 *
 * One fill is made or taken in at a time: SKEX_E_BUSY for a second one.
 */
#define SKEX_FILL_BYTES_MIN (2u * SKEX_FILL_PIECE_BYTES)
#define SKEX_FILL_BYTES_MAX (2u * SKEX_FILL_PIECES_MAX * SKEX_FILL_PIECE_BYTES)

struct skex_fill_order {
	const char *peer;
	uint64_t bytes;       /* of material, for both directions: a multiple of the least */
	const char *source;   /* a file or device declared truly random; NULL: the kernel */
	bool source_unmarked; /* nothing has to be noted beside that file */
	const struct skex_kit_lock *lock; /* with passphrase; NULL: a key is made */
};

/* A fill that is made.  It lies below the agent's directory, unreadable without its preamble. */
struct skex_fill_made {
	const char *path;
	uint64_t size;                             /* of the file, preamble included */
	uint8_t preamble[SKEX_KIT_PREAMBLE_BYTES]; /* secret when there is no passphrase */
	uint8_t id[SKEX_KIT_ID_BYTES];
	enum skex_class class;
	uint64_t keys_256; /* for each direction */
};

/* Either made and reason NULL, or reason.  Valid during the call. */
typedef void (*skex_fill_made_fn)(
	void *owner, const struct skex_reason *reason, const struct skex_fill_made *made);

/* Begins; refused at once with the reason, and then made is not called. */
SKEX_MUST_USE enum skex_error skex_agent_fill_make(struct skex_agent *agent,
	const struct skex_fill_order *order, skex_fill_made_fn made, void *owner,
	struct skex_reason *reason);
/* What was made is safe elsewhere: the file below the agent's directory goes. */
void skex_agent_fill_fetched(struct skex_agent *agent);

/* A fill as this end sees it. */
struct skex_fill_status {
	uint8_t id[SKEX_KIT_ID_BYTES];
	struct skex_name peer;
	uint8_t end; /* which of the two ends this agent is */
	enum skex_class class;
	bool kept; /* the file that was taken in was kept: its keys are not forward secret */
	const char *state;   /* "ready", "used up" */
	const char *source;  /* of the material, as the maker wrote it */
	uint64_t keys_256;   /* for each direction, when it was new */
	uint64_t get_left;   /* of them, that this agent can still hand out */
	uint64_t fetch_left; /* and that the peer has not used, or nobody has fetched */
	double days_left;    /* of get_left, at the rate since the start; below 0: not known */
	uint64_t taken_wall_ms;
};

/* Either fill and reason NULL, or reason.  Valid during the call. */
typedef void (*skex_fill_taken_fn)(
	void *owner, const struct skex_reason *reason, const struct skex_fill_status *fill);

/*
 * Takes in the file at path.  key as for skex_kit_open.  kept: the file will not be destroyed.
 * Refused at once, or later when the file turns out to be damaged: nothing of it is here then, and
 * it can be tried again.  SKEX_E_SPENT when it was taken in before.
 */
SKEX_MUST_USE enum skex_error skex_agent_fill_take(struct skex_agent *agent, const char *path,
	const uint8_t *key, bool kept, skex_fill_taken_fn taken, void *owner,
	struct skex_reason *reason);
/* Whoever waits for made or taken is gone: they are not called any more.  The work goes on. */
void skex_agent_fill_forget(struct skex_agent *agent);
/* Destroys what is left of a fill.  SKEX_E_UNKNOWN, SKEX_E_SPENT (nothing is left), SKEX_E_IO. */
SKEX_MUST_USE enum skex_error skex_agent_fill_remove(
	struct skex_agent *agent, const uint8_t id[static SKEX_KIT_ID_BYTES]);
void skex_agent_fills(struct skex_agent *agent,
	void (*visit)(void *owner, const struct skex_fill_status *fill), void *owner);

#endif
