/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BINDINGS_INTERNAL_H
#define SKEX_DELIVER_BINDINGS_INTERNAL_H

#include "config/config.h"
#include "core/wire/key_id.h"
#include "deliver/bindings/confined.h"
#include "deliver/bindings/consumers.h"
#include "deliver/bindings/local_api.h"
#include "deliver/rotation/binding.h"
#include "net/loop.h"
#include "platform/schedule.h"

/* Shared by the files of this process. */

#define BINDINGS_PURPOSE_MAX 192u /* its purposes are shorter than any may be */

struct bindings;

/* This agent's end of one binding. */
struct bindings_end {
	struct bindings *all;
	const struct skex_binding_config *config;
	struct skex_binding_config *own; /* the same, when it is this end's: it was added later */
	struct skex_rotation_policy policy;
	struct bindings_consumer consumer;
	struct skex_binding_host host;
	struct skex_binding *binding; /* NULL: its memory is not here yet */
	char purpose[BINDINGS_PURPOSE_MAX];
	uint8_t hash[16]; /* of the purpose */

	bool refused; /* its adapter did not take it; why is in `wrong` */

	bool left;                      /* it is removed, and */
	bool retiring;                  /* its consumer is being told, */
	uint64_t late_ms;               /* until then */
	struct bindings_end *next_left; /* all that there is goes with the process */

	bool unasked; /* the agent could not be asked for the key that is waited for */

	struct skex_schedule_entry due;
	struct bindings_end *next_changed;
	bool changed; /* it is in the list of those */

	bool telling; /* a note is on its way to the hubs, and */
	bool untold;  /* since then there is another */
	uint8_t note[SKEX_ROTATION_VIEW_BYTES];

	bool reporting; /* the same for what it reports */
	bool unreported;
	struct skex_rotation reported; /* what was reported last, and */
	bool ever_reported;
	bool reported_unsafe;
	char problem[256]; /* the same of the words for it */
	uint32_t keyless;  /* `failed` after the agent gave no key last */
	bool same_role;    /* both ends lead, or both follow */
	char wrong[256];   /* why no key was had; "" when all is
			    fine */
};

struct bindings {
	const struct skex_agent_config *config;
	struct skex_loop *loop;
	const struct skex_platform *platform;
	struct local_api *api;
	struct skex_schedule schedule;
	struct bindings_end **ends;    /* in the order of their names */
	struct bindings_end **by_hash; /* in the order of the hashes */
	size_t count;
	struct bindings_end *left; /* that were removed: what was asked for them may be answered */
	size_t left_count;
	struct bindings_end *changed;
	struct bindings_rights rights; /* what this process can do */
	struct bindings_others *others;
	enum skex_error failed;
	uint64_t began_ms;
	uint64_t renew_ms;    /* another process is to go on then; UINT64_MAX: no */
	bool ending;          /* as soon as no consumer is in the middle of something, and */
	uint64_t end_ms;      /* at the latest */
	size_t resting;       /* that this was said of, and not heard yet */
	uint64_t alive_ms;    /* when to say to the kernel that this process does not hang */
	uint64_t stranger_ms; /* when a view of no binding was told last */
};

/* bindings.c */
void bindings_changed(struct bindings_end *end);
void bindings_stop(struct bindings *bindings, enum skex_error error);
/* end.c: this agent's end of a binding, which begins as soon as its memory is here.  One that its
 * adapter does not take is there as well, and says so.  own: it is taken, or NULL.  SKEX_E_MEMORY;
 * nothing is taken then. */
SKEX_MUST_USE enum skex_error bindings_end_add(struct bindings *bindings,
	const struct skex_binding_config *config, struct skex_binding_config *own,
	struct bindings_end **added);
/* Asks for what it remembers. */
SKEX_MUST_USE enum skex_error bindings_end_begin(struct bindings_end *end);
/* It is none of them any more; what was asked for it may still be answered. */
void bindings_end_leave(struct bindings_end *end);
void bindings_end_free(struct bindings_end *end);
/* The one of this name, or whose purpose has this hash; or NULL. */
struct bindings_end *bindings_named(const struct bindings *bindings, const char *name);
struct bindings_end *bindings_hashed(const struct bindings *bindings, const uint8_t hash[16]);
/* added.c: those that were added at run time come to the others of the configuration.  The
 * descriptor is one that blocks. */
SKEX_MUST_USE enum skex_error bindings_take_added(
	const struct skex_platform *platform, int api_descriptor, struct skex_agent_config *config);
/* One answer of the agent, which gives them in the order of their names: moves `after` to its name,
 * and gives its text.  False: it is none, or does not go on. */
bool bindings_added_step(
	const struct json_t *answer, char after[SKEX_NAME_MAX + 1], const char **text);
/*
 * The binding of this name that the text says, which is the caller's.  Who speaks to the network
 * may have taken over the agent: what it gives may name only files and programs that the
 * configuration permits, which comes from elsewhere.  SKEX_E_REFUSED, and what skex_bindings_read
 * gives; it is logged.
 */
SKEX_MUST_USE enum skex_error bindings_added_read(const struct skex_platform *platform,
	const struct skex_agent_config *config, const char *name, const char *text,
	struct skex_binding_config **binding);
/* others.c: which are there has changed.  Asks which were added, and takes what is new; where this
 * process can do too little for them, or too much, another one goes on. */
void bindings_others_come(struct bindings *bindings);
/* One that is removed does not come any more. */
void bindings_others_drop(struct bindings *bindings, const char *name);
void bindings_others_free(struct bindings *bindings);
/* leave.c: takes a binding out.  Its consumer gets no more keys, and loses the last one where the
 * binding says that there is no traffic without a fresh one, unless it is left as it is. */
void bindings_remove(struct bindings *bindings, const char *name, bool leave);
/* Of one that has no binding any more: its consumer does not answer for too long. */
void bindings_retire_late(struct bindings_end *end, uint64_t now_ms);
/* Ends the process as soon as no consumer is in the middle of a change of its key, and not before
 * it has run for a while: another one goes on with what there is then. */
void bindings_renew(struct bindings *bindings);
/* When that is wanted: lets go of this one, if it can be. */
void bindings_rest(struct bindings_end *end);
/* At the end of a turn; gives when the next one is due. */
uint64_t bindings_end_turn(struct bindings *bindings, uint64_t now_ms, uint64_t next_ms);
/* keys.c: no key is to be had, as `wrong` says. */
void bindings_keyless(struct bindings_end *end);
/* The functions of a host that ask the agent for keys. */
void bindings_get(void *context, struct skex_binding *binding);
void bindings_fetch(
	void *context, struct skex_binding *binding, const uint8_t id[SKEX_ROTATION_ID_BYTES]);
/* tell.c: and those that the ends talk by. */
void bindings_tell(
	void *context, struct skex_binding *binding, const uint8_t note[SKEX_ROTATION_VIEW_BYTES]);
/* What another agent told. */
void bindings_told(struct bindings *bindings, const struct json_t *told);
/* report.c: says how the end is, when that has changed. */
void bindings_report(struct bindings_end *end);
/* The same of one whose adapter did not take it. */
void bindings_report_refused(struct bindings_end *end);
/* Words that are told, as JSON: at most 255 bytes, and where they are no UTF-8 (some may be a name
 * of a file, or cut) mended.  NULL when there is no memory. */
struct json_t *bindings_problem_json(const char *text);
/* Sets `wrong`, and logs it when it is new; "" is nothing. */
void bindings_wrong(struct bindings_end *end, const char *text);

/* The error of an answer as a sentence; false when it is none. */
bool bindings_error(const struct json_t *answer, char *text, size_t room);

#endif
