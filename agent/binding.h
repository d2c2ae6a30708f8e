/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_BINDING_H
#define SKEX_AGENT_BINDING_H

#include "agent/agent.h"

/*
 * Bindings, as far as the agent has to know them: that their purposes are accepted, and what they
 * remember over a start.  They live in a process of their own (deliver/bindings).
 *
 * The keys of a binding have the purpose CONSUMER:NAME, such as "wireguard:site-b".  A peer may use
 * it when a binding of this name and consumer is configured with this peer, and nobody else.
 */

#define SKEX_BINDINGS_CONSUMER "bindings" /* that process, on the local API */

/* What a binding remembers; no secret. */
struct skex_binding_memory {
	uint64_t round;
	bool active; /* there was an active key, and the rest is about it */
	uint8_t key_id[SKEX_KEY_ID_BYTES];
	uint64_t since_wall_ms;
};

/* All of them, in the order of their names. */
const struct skex_binding_config *skex_agent_bindings(
	const struct skex_agent *agent, size_t *count);
/* The configured binding of this name, or with this peer whose keys have this purpose; NULL. */
const struct skex_binding_config *skex_agent_binding_named(
	const struct skex_agent *agent, const char *name);
const struct skex_binding_config *skex_agent_binding_of(
	const struct skex_agent *agent, const char *peer, const char *purpose);
/* Is this a purpose of a consumer that has bindings, configured or not? */
bool skex_agent_binding_purpose(const char *purpose);

/* Durable with the next commit: what was there before counts after a crash until then.
 * SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_agent_binding_remember(struct skex_agent *agent,
	const struct skex_binding_config *binding, const struct skex_binding_memory *memory);
/* SKEX_E_UNKNOWN when there is nothing, SKEX_E_VERSION and SKEX_E_CORRUPT when it is of another
 * version or damaged: then the binding is as one that remembers nothing.  Others when the store
 * cannot give it. */
SKEX_MUST_USE enum skex_error skex_agent_binding_recall(const struct skex_agent *agent,
	const struct skex_binding_config *binding, struct skex_binding_memory *memory);

#endif
