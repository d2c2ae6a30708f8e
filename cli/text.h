/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_TEXT_H
#define SKEX_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How things are said to people. */

#define SKEX_TEXT_MAX 64u

/* "3.0 MiB", "512 B". */
void skex_text_size(char text[static SKEX_TEXT_MAX], uint64_t bytes);
/* "45 s", "3 min", "5 h", "12 days". */
void skex_text_duration(char text[static SKEX_TEXT_MAX], uint64_t milliseconds);
/* How long ago: "never" for 0, "just now", "3 min ago"; a time that is to come is "in 3 min". */
void skex_text_age(char text[static SKEX_TEXT_MAX], uint64_t then_ms, uint64_t now_ms);
/* Milliseconds since 1970 as "2026-11-21 10:48:00 UTC"; "unknown" for 0. */
void skex_text_time(char text[static SKEX_TEXT_MAX], uint64_t wall_ms);
/* "1 key", "1,234 keys": the word gets an s. */
void skex_text_count(char text[static SKEX_TEXT_MAX], uint64_t count, const char *word);

/*
 * Rows in aligned columns.  What does not come from us is cleaned of control characters.  Printing
 * frees it; when memory runs out rows are missing and print gives false.
 */
#define SKEX_COLUMNS_MAX 10u

struct skex_columns {
	size_t count;
	size_t rows;
	char **cells; /* rows * count */
	bool failed;
};

/* The first row, of count words. */
void skex_columns_init(struct skex_columns *columns, const char *const *heads, size_t count);
/* One more row of as many words. */
void skex_columns_add(struct skex_columns *columns, const char *const *cells);
/* Prints each line after this indent, without spaces at its end, and frees. */
bool skex_columns_print(struct skex_columns *columns, FILE *out, const char *indent);

#endif
