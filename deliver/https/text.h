/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_TEXT_H
#define SKEX_DELIVER_HTTPS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/view.h"

/* What the requests of all key delivery servers have in common. */
#define SKEX_HTTPS_URI_MAX  511u
#define SKEX_HTTPS_BODY_MAX 65536u
#define SKEX_HTTPS_NAME_MAX 80u

/* An identity, such as an SAE id: 1..80 bytes of printable ASCII without space, quotes, backslash,
 * '>' or ','. */
struct skex_https_name {
	char text[SKEX_HTTPS_NAME_MAX + 1]; /* zero-terminated */
};

/* Why a request is refused: the HTTP code, words, and at most one detail. */
struct skex_https_problem {
	unsigned status;
	const char *allow; /* of a 405; otherwise NULL */
	char message[192];
	char name[32]; /* of the one detail; "" for none */
	char value[192];
};

/* Sets *problem; format is printf's for the message. */
void skex_https_problem_set(struct skex_https_problem *problem, unsigned status, const char *format,
	...) __attribute__((format(printf, 3, 4)));
/* Adds the one detail; a value that is too long is cut. */
void skex_https_problem_detail(
	struct skex_https_problem *problem, const char *name, const char *value);

/* Copies UTF-8 text into to (size bytes, zero included); too much is cut. */
void skex_https_text_cut(char *to, size_t size, const char *from);

/* True and *sae set when text is a name; otherwise false and *sae untouched. */
bool skex_https_name_parse(struct skex_https_name *sae, struct skex_view text);

/* The value of a hexadecimal digit; -1 when it is none. */
int skex_https_hex_value(char c);
/* Undoes percent-encoding (RFC 3986 section 2.1); false when malformed or longer than out. */
bool skex_https_percent_decode(
	char *out, size_t out_size, size_t *size, const char *in, size_t in_size);

#endif
