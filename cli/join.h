/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_JOIN_H
#define SKEX_CLI_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrol/reason.h"

/*
 * What `skex join` does, also for the lab: through the daemon's socket when one answers there,
 * otherwise on the agent's directory, under its lock.
 */
struct skex_join_order {
	const char *kit;
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

SKEX_MUST_USE enum skex_error skex_join_order(const struct skex_join_order *order,
	struct skex_join_result *result, struct skex_reason *reason);

#endif
