/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_LOCAL_H
#define SKEX_CLI_LOCAL_H

#include <jansson.h>
#include <stdbool.h>

#include <skex/client.h>

#include "cli/arguments.h"
#include "cli/text.h"

/*
 * What the commands that ask skexd have in common: --socket and --json, the connection, and how an
 * error is told: as text on standard error, and with --json as {"error":{...}} on standard output
 * as well.
 */
struct skex_local {
	const char *socket; /* NULL: SKEX_SOCKET, or the default */
	bool json;
	struct skex_client *client;
	struct skex_client_error error;
};

/* For the table of options. */
#define SKEX_LOCAL_ARGUMENTS(local)                                                                \
	{"--socket", SKEX_ARGUMENT_TEXT, &(local)->socket, 0, 0},                                  \
	{                                                                                          \
		"--json", SKEX_ARGUMENT_FLAG, &(local)->json, 0, 0                                 \
	}

/* What --require says, for a request; NULL leaves it.  Gives 0, or the exit code after it has said
 * what is wrong. */
int skex_require_read(const char *text, uint32_t *require);

/* The path that is meant: the one given, or SKEX_SOCKET, or the default. */
const char *skex_local_socket(const char *given);
/* Connects; gives 0, or the exit code after it has told the error. */
int skex_local_open(struct skex_local *local);
void skex_local_close(struct skex_local *local);
/* Tells local->error, gives its exit code. */
int skex_local_fail(const struct skex_local *local);
/* The status as an object, which is the caller's; gives 0 or the exit code. */
int skex_local_status(struct skex_local *local, json_t **status);
/* Asks an operation with these members (takes the reference); *answer, unless it is NULL, is the
 * caller's. Gives 0 or the exit code. */
int skex_local_ask(struct skex_local *local, const char *op, json_t *members, json_t **answer);

/* Connects, asks as above, and closes.  With --json the answer is printed and *answer NULL;
 * otherwise it is the caller's.  Gives 0 or the exit code; *answer is NULL then. */
int skex_local_run(struct skex_local *local, const char *op, json_t *members, json_t **answer);
/* A command without words: asks an operation without members, and prints the answer, which print
 * does as text.  Gives the exit code. */
int skex_local_list(int argc, char **argv, const char *op, void (*print)(const json_t *answer));

/* Prints an object as one line and takes the reference; gives 0, or 5 when it cannot be written. */
int skex_json_print(json_t *object);
/* Members of what the daemon answered; "", 0, false when there is no such one. */
const char *skex_json_text(const json_t *object, const char *name);
uint64_t skex_json_number(const json_t *object, const char *name);
/* "12 days" of a forecast, "-" when there is none. */
void skex_text_days(char text[static SKEX_TEXT_MAX], const json_t *days);
bool skex_json_true(const json_t *object, const char *name);

#endif
