/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_PSKFILE_LINES_H
#define SKEX_DELIVER_PSKFILE_LINES_H

#include <stdbool.h>

#include "core/base/error.h"
#include "core/base/view.h"
#include "deliver/rotation/view.h"

/*
 * The lines of one binding in a file of TLS PSKs, "IDENTITY:HEX" each.  Its identities are
 * NAME.UUID, and every line that does not begin with one of them and a colon belongs to others and
 * stays as it is, byte for byte.
 *
 * Without a key the binding has one line all the same, of the UUID that is all zeros and of bytes
 * that nobody knows: stunnel refuses a file without keys, and goes on with those that it has.
 */
#define SKEX_PSKFILE_NAME_MAX     63u
#define SKEX_PSKFILE_IDENTITY_MAX (SKEX_PSKFILE_NAME_MAX + 1u + 36u + 1u) /* with its zero */
#define SKEX_PSKFILE_KEY_MAX      64u
#define SKEX_PSKFILE_LINE_MAX     (SKEX_PSKFILE_IDENTITY_MAX + 2u * SKEX_PSKFILE_KEY_MAX + 1u)
#define SKEX_PSKFILE_LINES_MAX    4u

struct skex_pskfile_line {
	uint8_t id[SKEX_ROTATION_ID_BYTES];
	bool known;    /* bytes are: else the line is kept if it is there */
	bool keep;     /* if it is there it is kept, whatever it holds */
	bool optional; /* the file may lack it */
	size_t size;
	uint8_t bytes[SKEX_PSKFILE_KEY_MAX];
};

struct skex_pskfile_lines {
	const char *name;
	bool first; /* before those of others: a client of stunnel takes the first of all */
	size_t count;
	struct skex_pskfile_line line[SKEX_PSKFILE_LINES_MAX];
};

/* text has SKEX_PSKFILE_IDENTITY_MAX bytes. */
void skex_pskfile_identity(const char *name, const uint8_t id[SKEX_ROTATION_ID_BYTES], char *text);

/* How much room the merged file needs at most. */
size_t skex_pskfile_merge_room(size_t file_size);
/*
 * The file with these lines for ours, in this order, and nothing else that is ours.  A last line
 * without an end gets one when something comes after it.  SKEX_E_CORRUPT when the file holds a zero
 * byte, and is no text then.
 */
SKEX_MUST_USE enum skex_error skex_pskfile_merge(
	struct skex_view file, const struct skex_pskfile_lines *lines, uint8_t *out, size_t *size);

/* Takes the optional lines that the file lacks out of the list. */
void skex_pskfile_drop_absent(struct skex_view file, struct skex_pskfile_lines *lines);

/* Is each of these lines there, whatever it holds if its bytes are not known; and, if exact, no
 * other that is ours? */
bool skex_pskfile_has(struct skex_view file, const struct skex_pskfile_lines *lines, bool exact);

#endif
