/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_FIELDS_H
#define SKEX_API_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/*
 * Requests are read strictly, through a table of the members that an operation takes: an unknown
 * member, a missing one, a wrong type and a value out of range are errors that name the member.
 */
struct json_t;

enum skex_field_kind {
	SKEX_FIELD_STRING,  /* const char *, borrowed from the request; min..max bytes */
	SKEX_FIELD_INTEGER, /* uint64_t; min..max */
	SKEX_FIELD_BOOL,    /* bool */
	SKEX_FIELD_STRINGS, /* const struct json_t *, a list of min..max strings */
};

struct skex_field {
	const char *name;
	enum skex_field_kind kind;
	bool required;
	uint64_t min;
	uint64_t max;
	size_t offset; /* where the value goes in the structure that is filled */
};

#define SKEX_FIELD_MESSAGE_MAX 256u

/*
 * Reads request into out.  Members that are not there leave what out held: set the defaults first.
 * "id" and "op" are passed over.  On failure out is untouched, message says what is wrong with
 * which member, and the result is SKEX_E_ARGUMENT.
 */
SKEX_MUST_USE enum skex_error skex_fields_read(const struct skex_field *fields, size_t count,
	const struct json_t *request, void *out, char message[static SKEX_FIELD_MESSAGE_MAX]);

/* Copies text into out (room bytes with the zero), cut, with everything but printable ASCII as '?',
 * so that it can stand in a message. */
void skex_text_clean(char *out, size_t room, const char *text);

/* A JSON string of a text that may have been cut or be another's: what is no UTF-8 is a '?' in it.
 * The caller's; NULL without memory. */
struct json_t *skex_text_json(const char *text);

#endif
