/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_VECTORS_KAT_H
#define SKEX_TESTS_VECTORS_KAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

/*
 * What the programs that answer vectors have in common: one JSON object per line in, one line out,
 * flushed, which is {"error":"text"} when the line cannot be answered.
 */
#define KAT_TEXT_MAX 200

/* What one line is answered with: either reply or error. */
struct answer {
	json_t *reply;
	char error[KAT_TEXT_MAX];
};

/* The bytes that live as long as a line. */
struct kat;

/* Answers one object: sets reply and gives true, or gives what fail gives. */
typedef bool kat_handler(struct kat *kat, struct answer *answer, const json_t *request);

/* Answers all lines of standard input; the exit code of the program. */
int kat_run(const char *name, kat_handler *handle);

/* Sets the error; false. */
__attribute__((format(printf, 2, 3))) bool fail(struct answer *answer, const char *format, ...);
/* The pointer, unless it is NULL: then the program ends. */
void *must(void *pointer);
/* Zeroed. */
uint8_t *take_bytes(struct kat *kat, size_t size);
/* Bytes from a hex string; what names it in an error. */
bool get_hex(struct kat *kat, struct answer *answer, const json_t *value, const char *what,
	uint8_t **bytes, size_t *size);
bool get_integer(struct answer *answer, const json_t *request, const char *name, json_int_t least,
	json_int_t most, json_int_t *value);
json_t *hex_of(const uint8_t *bytes, size_t size);

#endif
