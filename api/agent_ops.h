/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_AGENT_OPS_H
#define SKEX_API_AGENT_OPS_H

#include "agent/agent.h"
#include "api/server.h"

/*
 * The operations of skexd on the local API, as docs/api.md describes them: get, fetch, status,
 * peers, subscribe, note, notes, pair_ls, keyfill_ls; peer_add, peer_remove, leg_resume, pair_make,
 * pair_take, pair_revoke, keyfill_make, keyfill_fetched, keyfill_take, keyfill_rm for
 * administrators; identity_status for consumers; bindings, binding_rotate, and what the processes
 * that run bindings and that speak to KMEs ask.
 */
struct skex_agent_ops;

/* Registers them.  agent, platform and pool (of which forecasts are made) outlive the server, and
 * so does ops (the caller's, to free). */
SKEX_MUST_USE enum skex_error skex_agent_ops_new(struct skex_api_server *server,
	struct skex_agent *agent, const struct skex_platform *platform,
	const struct skex_pool_config *pool, struct skex_agent_ops **ops);
void skex_agent_ops_free(struct skex_agent_ops *ops);

#endif
