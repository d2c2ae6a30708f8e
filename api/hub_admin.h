/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_HUB_ADMIN_H
#define SKEX_API_HUB_ADMIN_H

#include <stdint.h>

#include "api/server.h"
#include "config/config.h"
#include "enrol/enrol_hub.h"
#include "hub/hub.h"
#include "token/hub.h"

/*
 * The operations of skex-hub on its admin socket, for root and the hub's own user
 * (docs/hub-api.md): status, ls, show, metrics; enrol, refill, kit_taken; evict, ban, unban, purge,
 * resume; token, tokens, token_revoke, token_approve, token_reject.
 *
 * Making a kit takes long.  It is done in pieces, a few hundred KiB in each turn of the loop, and
 * the call is answered at its end; when the caller has gone the kit waits all the same.  The answer
 * names the file in the spool and holds the preamble that makes it a kit: the caller copies the
 * one, puts the other in its place, and says kit_taken.
 */
struct skex_hub_admin;

struct skex_hub_admin_setup {
	const struct skex_platform *platform;
	struct skex_hub *hub;
	const struct skex_hub_config *config;
	/* All but changed and owner is filled; outlives the admin, which sets these two. */
	struct skex_enrol_hub *enrol;
	struct skex_token_hub *tokens;
};

/* Registers the operations.  What the setup names outlives the server, and the admin does too. */
SKEX_MUST_USE enum skex_error skex_hub_admin_new(const struct skex_hub_admin_setup *setup,
	struct skex_api_server *server, struct skex_hub_admin **admin);
/* Once per turn of the loop; gives when to call it again at the latest. */
uint64_t skex_hub_admin_turn(struct skex_hub_admin *admin, uint64_t now_ms);
/* After the server and the store were closed: kits in the making are as after a crash.  NULL is
 * fine. */
void skex_hub_admin_free(struct skex_hub_admin *admin);

/* The hub's counters as Prometheus text (version 0.0.4), on the heap; NULL when there is no memory.
 */
char *skex_hub_admin_metrics(const struct skex_hub_admin *admin);

#endif
