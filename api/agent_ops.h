/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_AGENT_OPS_H
#define SKEX_API_AGENT_OPS_H

#include "agent/agent.h"
#include "api/server.h"

/*
 * The operations of skexd on the local API, as docs/api.md describes them: get, fetch, status,
 * peers, subscribe, note, notes, pair_ls, keyfill_ls; peer_add, peer_remove, leg_resume, pair_make,
 * pair_take, pair_revoke, keyfill_make, keyfill_fetched, keyfill_take, keyfill_rm, binding_add,
 * binding_remove for administrators; identity_status for consumers; bindings, binding_rotate, and
 * what the processes that run bindings and that speak to KMEs ask.
 */
struct skex_agent_ops;

/* Who has the process that runs bindings. */
struct skex_agent_bindings_host {
	void *owner;
	/* Do the adapters take these?  why says what one does not. */
	bool (*check)(void *owner, const struct skex_binding_config *bindings, size_t count,
		char why[SKEX_CONFIG_MESSAGE_MAX]);
	/* There are others now, and durably so: the process has to be started anew. */
	void (*changed)(void *owner);
};

/* Registers them.  agent, platform and pool (of which forecasts are made) outlive the server, and
 * so does ops (the caller's, to free); host is copied. */
SKEX_MUST_USE enum skex_error skex_agent_ops_new(struct skex_api_server *server,
	struct skex_agent *agent, const struct skex_platform *platform,
	const struct skex_pool_config *pool, const struct skex_agent_bindings_host *host,
	struct skex_agent_ops **ops);
void skex_agent_ops_free(struct skex_agent_ops *ops);
/* Says to the process that runs bindings that there are others; to one that is still being started,
 * when it comes.  It ends by itself, with 0, when another one has to go on with them. */
void skex_agent_ops_bindings_changed(struct skex_agent_ops *ops);

#endif
