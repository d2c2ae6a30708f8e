/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_ASK_H
#define SKEX_CLI_ASK_H

#include <jansson.h>

#include "core/base/error.h"
#include "enrol/reason.h"

/*
 * One question to a daemon, over its Unix socket: a line out, a line in (docs/api.md).  Takes the
 * reference to request, which has its "op"; the answer is the caller's.  An answer that is an error
 * becomes the reason, whose error has the class of the daemon's.  wait_ms below 0: for ever.
 *
 * SKEX_E_OFFLINE, code "no_daemon", when nobody listens there.
 */
SKEX_MUST_USE enum skex_error skex_ask(const char *socket, json_t *request, int wait_ms,
	json_t **answer, struct skex_reason *reason);

/* Prints the reason as a command does; gives the exit code. */
int skex_ask_fail(const struct skex_reason *reason);

/* Overwrites a string inside a JSON value.  NULL and other values are fine. */
void skex_json_wipe(json_t *text);

#endif
