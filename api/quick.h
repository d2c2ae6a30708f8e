/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_QUICK_H
#define SKEX_API_QUICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/fields.h"

/*
 * The usual request, read without a JSON library, whose share of the time for a key from a pool was
 * a third: one flat object of strings in printable ASCII without escapes, whole numbers of at most
 * 15 digits, true, false and lists of such strings.
 *
 * Whatever else comes, wrong or only unusual, is left to the library, which knows all of JSON and
 * says what is wrong.  So this reader may give up whenever it likes, but never understand a line
 * differently; a test holds both against each other.
 */
#define SKEX_QUICK_LINE_MAX 8192u
#define SKEX_QUICK_MEMBERS  12u
#define SKEX_QUICK_TEXTS    160u /* in lists */

enum skex_quick_kind {
	SKEX_QUICK_STRING,
	SKEX_QUICK_INTEGER,
	SKEX_QUICK_BOOL,
	SKEX_QUICK_LIST,
};

struct skex_quick_member {
	const char *name;
	enum skex_quick_kind kind;
	const char *text; /* of a string */
	size_t size;      /* of a string its bytes, of a list its items */
	uint64_t integer; /* of a number, and of true */
	const char *const *list;
};

/* The names and strings lie in line. */
struct skex_quick {
	size_t count;
	struct skex_quick_member members[SKEX_QUICK_MEMBERS];
	size_t texts_count;
	const char *texts[SKEX_QUICK_TEXTS];
	char line[SKEX_QUICK_LINE_MAX];
	size_t line_size;
};

/* False when it gives up; *quick is then not to be used. */
bool skex_quick_parse(struct skex_quick *quick, const char *line, size_t size);
/* Wipes the line. */
void skex_quick_clear(struct skex_quick *quick);

/* NULL when there is no such member. */
const struct skex_quick_member *skex_quick_find(const struct skex_quick *quick, const char *name);

/* As skex_fields_read, but for SKEX_FIELD_STRINGS it stores a const struct skex_quick_member *.
 * False when skex_fields_read would fail, or it gives up. */
bool skex_quick_read(
	const struct skex_field *fields, size_t count, const struct skex_quick *quick, void *out);

#endif
