/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_PSKFILE_EDIT_H
#define SKEX_DELIVER_PSKFILE_EDIT_H

#include "deliver/pskfile/lines.h"
#include "deliver/pskfile/signal.h"
#include "platform/foreign.h"

/* What is done with a key file in another thread. */
struct skex_pskfile_edit {
	void *owner; /* the caller's */
	const struct skex_foreign_file *file;
	const struct skex_pskfile_signal *signal;
	struct skex_pskfile_lines *lines; /* the file is to have; those that it may lack go */
	bool due;                         /* a signal is, also if the file has them already */
	bool exact;                       /* for reading: no other line of ours may be there */

	bool changed;
	bool signalled;
	bool is_there; /* after reading */
	enum skex_error error;
	char why[SKEX_FOREIGN_WHY_BYTES];
};

/* Makes the file have the lines, and signals if it was changed.  owner is the edit. */
void skex_pskfile_edit_write(void *owner);
/* Sees whether it has them. */
void skex_pskfile_edit_read(void *owner);

#endif
