/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_JOIN_H
#define SKEX_CLI_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/carry.h"
#include "enrol/reason.h"
#include "platform/platform.h"
#include "store/state.h"

struct json_t; /* of jansson */

/*
 * What `skex join` does, also for the lab: through the daemon's socket when one answers there,
 * otherwise on the agent's directory, under its lock.
 */
struct skex_join_order {
	const char *kit;           /* or */
	struct skex_carried token; /* which is in a file, on standard input, or a QR code */
	const char *directory;
	const char *kek_file; /* one of these three */
	const char *kek_credential;
	const char *kek_passphrase_file;
	const char *socket;          /* of the daemon */
	const char *agent;           /* this agent's name; NULL: the one in the kit */
	const char *passphrase_file; /* of the kit; or NULL */
	bool replace;
};

struct skex_join_result {
	bool refill;
	bool running; /* the daemon took it in */
	uint32_t generation;
	uint64_t replaced; /* leg, 0 for none */
	char agent[64];
	char hub[64];
	char leg[17];
	char class[16];
};

/* The same with a token: on line, with the hub (token/joiner.h). */
SKEX_MUST_USE enum skex_error skex_join_token_order(const struct skex_join_order *order,
	struct skex_join_result *result, struct skex_reason *reason);

/* What both have in common: the agent's state, and the answer of a daemon. */
SKEX_MUST_USE enum skex_error skex_join_open_state(const struct skex_platform *platform,
	const struct skex_join_order *order, uint8_t *kek, struct skex_state *state,
	struct skex_reason *reason);
/* Takes over the request, of which secret, which may be NULL, is a part and is wiped. */
SKEX_MUST_USE enum skex_error skex_join_ask(const struct skex_join_order *order,
	struct json_t *request, struct json_t *secret, struct skex_join_result *result,
	struct skex_reason *reason);
SKEX_MUST_USE enum skex_error skex_join_order(const struct skex_join_order *order,
	struct skex_join_result *result, struct skex_reason *reason);

#endif
