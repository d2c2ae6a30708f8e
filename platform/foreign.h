/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_PLATFORM_FOREIGN_H
#define SKEX_PLATFORM_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * A file of another program: read whole, and replaced whole, so that the other program finds the
 * old content or the new one, also after a power cut.  A link, or anything else that is no plain
 * file, is refused, and never followed.
 *
 * These wait for the disk: call them from work of the platform table.  The new file is made beside
 * the old one as PATH.skex-new; what a crash left under that name is replaced.  Links, access lists
 * and labels of the old file do not pass over to the new one.
 */
#define SKEX_FOREIGN_BYTES_MAX (1024u * 1024u)
/* What happened, where, and what to do. */
#define SKEX_FOREIGN_WHY_BYTES 512u

#define SKEX_FOREIGN_KEEP                                                                          \
	(-1) /* as the old file has it; else mode 0600, and our own user and group */

struct skex_foreign_file {
	const char *path; /* absolute */
	int32_t mode;     /* permission bits, or KEEP */
	int64_t user;     /* or KEEP */
	int64_t group;    /* or KEEP */
};

/* Which file it was, to see whether it is still the same. */
struct skex_foreign_mark {
	bool there;
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int64_t changed_s;
	int64_t changed_ns;
	uint32_t mode;
	uint32_t user;
	uint32_t group;
};

struct skex_foreign_content {
	struct skex_foreign_mark mark;
	uint8_t *bytes; /* secret memory; NULL when there is no file, or it is empty */
	size_t size;
};

/* No file is SKEX_OK.  SKEX_E_REFUSED when it is no plain file, SKEX_E_SPACE above
 * SKEX_FOREIGN_BYTES_MAX, SKEX_E_MEMORY, SKEX_E_IO. */
SKEX_MUST_USE enum skex_error skex_foreign_read(const struct skex_foreign_file *file,
	struct skex_foreign_content *content, char why[static SKEX_FOREIGN_WHY_BYTES]);
void skex_foreign_clear(struct skex_foreign_content *content);

/*
 * Replaces the file, and reads back that it is so.  before: the file that the content was made of;
 * SKEX_E_BUSY when there is another one by now.  NULL: whatever is there.  SKEX_E_REFUSED as above,
 * SKEX_E_SPACE when the disk is full, SKEX_E_CORRUPT when something else is read back, SKEX_E_IO.
 */
SKEX_MUST_USE enum skex_error skex_foreign_write(const struct skex_foreign_file *file,
	const struct skex_foreign_mark *before, struct skex_view bytes,
	char why[static SKEX_FOREIGN_WHY_BYTES]);

/* Fine when there is none.  SKEX_E_REFUSED as above, SKEX_E_IO. */
SKEX_MUST_USE enum skex_error skex_foreign_remove(
	const struct skex_foreign_file *file, char why[static SKEX_FOREIGN_WHY_BYTES]);

#endif
