/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_PSKFILE_PLAN_H
#define SKEX_DELIVER_PSKFILE_PLAN_H

#include "deliver/pskfile/lines.h"
#include "deliver/rotation/consumer.h"

/* What an action means for a key file, and what the service has to say to it afterwards.  Pure. */
struct skex_pskfile_want {
	bool taken; /* or refused */
	struct skex_pskfile_line key;
};

#define SKEX_PSKFILE_WANTS_MAX 3u

struct skex_pskfile_plan {
	bool writes; /* the file has these lines then */
	struct skex_pskfile_lines lines;
	size_t wants_count;
	struct skex_pskfile_want want[SKEX_PSKFILE_WANTS_MAX];
};

/* A copy of the keys of a call. */
struct skex_pskfile_keys {
	bool next_there;
	bool active_there;
	bool old_there;
	struct skex_pskfile_line next;
	struct skex_pskfile_line active;
	struct skex_pskfile_line old;
	uint8_t peer_active_id[SKEX_ROTATION_ID_BYTES];
	struct skex_pskfile_line nobody; /* for no key: its bytes are known to nobody */
};

/* nobody is the caller's. */
void skex_pskfile_keys_set(struct skex_pskfile_keys *copy, const struct skex_rotation_keys *keys);

/* action is one of those of consumer.h. */
void skex_pskfile_plan(struct skex_pskfile_plan *plan, uint32_t action, bool client,
	const char *name, const struct skex_pskfile_keys *keys);

#endif
