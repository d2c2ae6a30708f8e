/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_AGENT_BINDING_H
#define SKEX_AGENT_BINDING_H

#include "agent/agent.h"

/*
 * Bindings, as far as the agent has to know them: that their purposes are accepted, and what they
 * remember over a start.  They live in a process of their own (deliver/bindings).
 *
 * The keys of a binding have the purpose CONSUMER:NAME, such as "wireguard:site-b".  A peer may use
 * it when a binding of this name and consumer is there with this peer, and nobody else.
 *
 * Bindings are those of the configuration and those that were added at run time, which are kept in
 * the store.
 */

#define SKEX_BINDINGS_CONSUMER "bindings" /* that process, on the local API */

/* What a binding remembers; no secret. */
struct skex_binding_memory {
	uint64_t round;
	bool active;  /* there was an active key, and the rest is about it */
	bool settled; /* its consumer had that key then, and no other */
	uint8_t key_id[SKEX_KEY_ID_BYTES];
	uint64_t since_wall_ms;
};

/* The one whose name comes after that of another, which need not be there any more; of NULL the
 * first.  NULL: there is none. */
const struct skex_binding_config *skex_agent_binding_next(
	const struct skex_agent *agent, const char *name);
/* The binding of this name, or with this peer whose keys have this purpose; NULL. */
const struct skex_binding_config *skex_agent_binding_named(
	const struct skex_agent *agent, const char *name);
const struct skex_binding_config *skex_agent_binding_of(
	const struct skex_agent *agent, const char *peer, const char *purpose);
/* Is this a purpose of a consumer that has bindings, configured or not? */
bool skex_agent_binding_purpose(const char *purpose);

/* Was it added at run time, and is not in the configuration? */
bool skex_agent_binding_added(
	const struct skex_agent *agent, const struct skex_binding_config *binding);

/*
 * Adds those that are not there yet, of which *fresh is set to the number, all or none; they are
 * its own from here on, whatever happens.  done is called once that is durable, and with an error
 * it frees owner only.  Otherwise the problem, whose texts are good until the next call: a name
 * that a binding of the configuration has, or another binding than this one; a peer that is not
 * known; a consumer that has a binding already; too many.
 */
SKEX_MUST_USE enum skex_error skex_agent_bindings_add(struct skex_agent *agent,
	struct skex_binding_config *bindings, size_t count, size_t *fresh, skex_done_fn done,
	void *owner, struct skex_problem *problem);
/* Why it cannot be removed: it is in the configuration, or is not there. */
SKEX_MUST_USE enum skex_error skex_agent_binding_removable(
	struct skex_agent *agent, const char *name, struct skex_problem *problem);
/* Takes one back that was added, with what it remembers and the keys in its pools; done as above.
 */
SKEX_MUST_USE enum skex_error skex_agent_binding_remove(struct skex_agent *agent, const char *name,
	skex_done_fn done, void *owner, struct skex_problem *problem);

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
