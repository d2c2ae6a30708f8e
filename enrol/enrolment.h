/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_ENROL_ENROLMENT_H
#define SKEX_ENROL_ENROLMENT_H

#include "enrol/enrol_hub.h"
#include "enrol/leg_state.h"
#include "enrol/pending.h"
#include "enrol/source.h"

/* Inside of enrol_hub.h: what is decided when an enrolment begins, and what its steps keep. */

#define ENROL_PIECE_BYTES 65536u

enum enrol_phase {
	ENROL_RECORD,   /* the pending record has to be submitted */
	ENROL_RECORDED, /* and waits to be durable */
	ENROL_FILL,     /* pads go into the pad files and the kit */
	ENROL_KEYS,     /* the kit is whole; keys and the ready record wait to be durable */
	ENROL_DONE,
	ENROL_FAILED,
};

struct skex_enrolment {
	const struct skex_enrol_hub *hub;
	enum enrol_phase phase;
	bool begun;   /* something was recorded, which a failure has to undo */
	bool copy;    /* a lost refill kit: its pads are here already and are only read */
	bool waiting; /* for the store; then only its answer may free this */
	bool abandoned;
	enum skex_error stored;

	struct skex_kit_header header;
	struct skex_kit_lock lock;
	struct skex_pending pending;
	struct skex_member member; /* the row to put, of a new leg */
	uint64_t old_leg;          /* whose rows go then; 0: none */
	enum skex_class class;

	struct skex_pad_source *source;
	struct skex_pad_makers makers;
	struct skex_pad_file *files[2]; /* of a copy */
	struct skex_kit_writer *writer;
	uint64_t filled[2];
	char path[1024]; /* of the kit in the spool */
	uint8_t piece[ENROL_PIECE_BYTES];
};

/* Checks of the request against what the hub knows; fill the plan, change nothing. */
SKEX_MUST_USE enum skex_error enrol_plan(struct skex_enrolment *plan,
	const struct skex_enrol_request *request, bool *evict, struct skex_reason *reason);

/* Do the registry's rows have this generation of this leg?  If not, and nobody is making it, it is
 * being undone.  What the registry gave. */
SKEX_MUST_USE enum skex_error enrol_is_real(
	const struct skex_enrol_hub *hub, const struct skex_pending *pending, bool *real);
/* Drops a kit, and everything of a generation that has no rows: its pads and its keys. */
void enrol_undo(const struct skex_enrol_hub *hub, const struct skex_pending *pending);
/* A kit that waits is not given out for an agent that is banned. */
SKEX_MUST_USE enum skex_error enrol_check_banned(const struct skex_enrol_hub *hub,
	const struct skex_name *agent, struct skex_reason *reason);

/* Removes the files of the spool that have no record any more: nobody can open them. */
void enrol_sweep(const struct skex_enrol_hub *hub);
/* Drops a kit's record, then its file, and the keys of its leg when with_keys. */
SKEX_MUST_USE enum skex_error enrol_forget(
	const struct skex_enrol_hub *hub, const struct skex_pending *pending, bool with_keys);
/* The state is evicted already: destroys what is left. */
SKEX_MUST_USE enum skex_error enrol_finish_eviction(
	const struct skex_enrol_hub *hub, const struct skex_member *member);

/* The rows of what was made, in one transaction; of a new leg the member's too, whose time is set.
 */
enum skex_error enrol_put_rows(const struct skex_enrol_hub *hub,
	const struct skex_kit_header *header, enum skex_class class, struct skex_member *member,
	uint64_t old_leg);

#endif
