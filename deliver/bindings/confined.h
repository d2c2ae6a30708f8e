/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_BINDINGS_CONFINED_H
#define SKEX_DELIVER_BINDINGS_CONFINED_H

#include "config/config.h"
#include "platform/confine.h"

/*
 * What the process that runs bindings gives up.  When none of them runs a program of the operator's
 * it opens their files and what looking up names needs, and starts nothing.  Otherwise it keeps
 * what such a program may need, for a program inherits all of it: then it has no files taken away,
 * and of its calls only those that no program is given.
 */

/* One folder of their files.  The kernel gives rights to what is there, not to a name: one that is
 * made later, or anew, is another one. */
struct bindings_folder {
	char path[SKEX_CONFINE_PATH_MAX];
	enum skex_path_rights rights;
	uint64_t device;
	uint64_t inode; /* 0: it is not there */
};

/* What some bindings need. */
struct bindings_rights {
	bool programs;                   /* anything: the rest is empty then */
	bool links;                      /* keys network interfaces */
	struct bindings_folder *folders; /* in their order, each once */
	size_t count;
};

/* Adds what this one needs; the folders are not in order before bindings_rights_end. */
SKEX_MUST_USE enum skex_error bindings_rights_add(
	struct bindings_rights *rights, const struct skex_binding_config *binding);
void bindings_rights_end(struct bindings_rights *rights);
bool bindings_rights_equal(const struct bindings_rights *a, const struct bindings_rights *b);
void bindings_rights_clear(struct bindings_rights *rights);

/* Gives up all else, and logs what holds.  SKEX_E_IO when it cannot be. */
SKEX_MUST_USE enum skex_error bindings_confine(
	const struct skex_platform *platform, const struct bindings_rights *rights);

#endif
