/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BINDINGS_INTERNAL_H
#define SKEX_DELIVER_BINDINGS_INTERNAL_H

#include "config/config.h"
#include "core/wire/key_id.h"
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
	struct skex_rotation_policy policy;
	struct bindings_consumer consumer;
	struct skex_binding_host host;
	struct skex_binding *binding; /* NULL: its memory is not here yet */
	char purpose[BINDINGS_PURPOSE_MAX];
	uint8_t hash[16]; /* of the purpose */

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
	struct bindings_end *ends;
	struct bindings_end **by_hash; /* in the order of the hashes */
	size_t count;
	struct bindings_end *changed;
	enum skex_error failed;
	uint64_t stranger_ms; /* when a view of no binding was told last */
};

/* bindings.c */
void bindings_changed(struct bindings_end *end);
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
/* Sets `wrong`, and logs it when it is new; "" is nothing. */
void bindings_wrong(struct bindings_end *end, const char *text);

/* The error of an answer as a sentence; false when it is none. */
bool bindings_error(const struct json_t *answer, char *text, size_t room);

#endif
