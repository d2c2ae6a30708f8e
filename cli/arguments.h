/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_ARGUMENTS_H
#define SKEX_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The options of a command, as a table.  Every option is given at most once, but for
 * SKEX_ARGUMENT_TEXTS; "--" ends them.
 */
enum skex_argument_kind {
	SKEX_ARGUMENT_FLAG,   /* bool */
	SKEX_ARGUMENT_TEXT,   /* const char * */
	SKEX_ARGUMENT_TEXTS,  /* struct skex_argument_texts */
	SKEX_ARGUMENT_SIZE,   /* uint64_t: bytes, or with KiB, MiB, GiB */
	SKEX_ARGUMENT_NUMBER, /* uint64_t */
	SKEX_ARGUMENT_TIME,   /* uint64_t: milliseconds; a number with ms, s, min, h or d */
};

#define SKEX_ARGUMENT_TEXTS_MAX 16u

struct skex_argument_texts {
	size_t count;
	const char *texts[SKEX_ARGUMENT_TEXTS_MAX];
};

struct skex_argument {
	const char *name; /* "--out"; NULL ends a table */
	enum skex_argument_kind kind;
	void *value; /* kept as it is when the option is not given */
	uint64_t least;
	uint64_t most; /* of a size, number or time; 0: no limit */
};

/*
 * Reads argv[1..]; words that are no options go to words, exactly `wanted` of them.  Gives 0, or
 * the exit code after it has said what is wrong.
 */
int skex_arguments_read(int argc, char **argv, const struct skex_argument *table,
	const char **words, size_t wanted);

/* A size as text: "65536", "64KiB", "1 GiB".  False when it is none. */
bool skex_size_parse(const char *text, uint64_t *bytes);

/* A time as text: "500ms", "5s", "2 min", "0".  False when it is none. */
bool skex_time_parse(const char *text, uint64_t *milliseconds);

#endif
