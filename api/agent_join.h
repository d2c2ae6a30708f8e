/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_AGENT_JOIN_H
#define SKEX_API_AGENT_JOIN_H

#include <stdint.h>

#include "agent/agent.h"
#include "api/server.h"

/*
 * The operation `join` of skexd, for root and the daemon's own user: takes in a kit while the
 * daemon runs, in pieces, one kit at a time.
 */
struct skex_agent_join;

/* Registers it.  setup and what it names, and agent, outlive the server, and the join does too. */
SKEX_MUST_USE enum skex_error skex_agent_join_new(struct skex_api_server *server,
	const struct skex_agent_setup *setup, struct skex_agent *agent,
	struct skex_agent_join **join);
/* Once per turn of the loop; gives when to call it again at the latest. */
uint64_t skex_agent_join_turn(struct skex_agent_join *join, uint64_t now_ms);
/* Before the store is closed: gives up a run with a token.  NULL is fine. */
void skex_agent_join_stop(struct skex_agent_join *join);
/* After the server and the store were closed.  NULL is fine. */
void skex_agent_join_free(struct skex_agent_join *join);

#endif
