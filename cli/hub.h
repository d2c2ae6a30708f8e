/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CLI_HUB_H
#define SKEX_CLI_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "enrol/reason.h"

/* The commands of `skex hub`, which speak to a hub's admin socket. */

#define SKEX_HUB_DIRECTORY     "/var/lib/skex-hub"
#define SKEX_HUB_ADMIN_DEFAULT SKEX_HUB_DIRECTORY "/admin.sock"

int skex_hub_run_init(int argc, char **argv);
int skex_hub_run_enrol(int argc, char **argv);
int skex_hub_run_refill(int argc, char **argv);
int skex_hub_run_token(int argc, char **argv);
int skex_hub_run_pending(int argc, char **argv);
int skex_hub_run_approve(int argc, char **argv);
int skex_hub_run_reject(int argc, char **argv);

/* What commands take that ask one thing: reads it, and so many words; gives 0 or the exit code. */
struct skex_hub_options {
	const char *admin;
	bool json;
};
int skex_hub_read_options(
	int argc, char **argv, struct skex_hub_options *options, const char **words, size_t wanted);

/*
 * What `skex hub enrol` and `skex hub refill` do, also for the lab: asks the hub for a kit, copies
 * it to out, and tells the hub that it was taken.
 */
struct skex_hub_kit_order {
	const char *admin; /* socket */
	bool refill;
	const char *agent;
	const char *out;
	const char *const *groups;
	size_t groups_count;
	uint64_t pad_bytes;     /* of each direction */
	const char *pad_source; /* or NULL */
	bool pad_source_unmarked;
	const char *suite;           /* or NULL */
	const char *passphrase_file; /* or NULL */
	bool ratchet;
	bool again;
};

struct skex_hub_kit_result {
	uint64_t size;
	unsigned long generation;
	char leg[17];
	char class[16];
};

SKEX_MUST_USE enum skex_error skex_hub_kit_order(const struct skex_hub_kit_order *order,
	struct skex_hub_kit_result *result, struct skex_reason *reason);

#endif
