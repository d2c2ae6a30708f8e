/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/api/fake_agent.h"

const struct skex_binding_config *skex_agent_bindings(const struct skex_agent *agent, size_t *count)
{
	*count = FAKE_BINDINGS;
	return agent->bindings;
}

const struct skex_binding_config *skex_agent_binding_named(
	const struct skex_agent *agent, const char *name)
{
	size_t i;

	for (i = 0; i < FAKE_BINDINGS; i++) {
		if (strcmp(agent->bindings[i].name.text, name) == 0)
			return &agent->bindings[i];
	}
	return NULL;
}

const struct skex_binding_config *skex_agent_binding_of(
	const struct skex_agent *agent, const char *peer, const char *purpose)
{
	const struct skex_binding_config *binding = NULL;

	if (strncmp(purpose, "wireguard:", 10) == 0)
		binding = skex_agent_binding_named(agent, purpose + 10);
	return binding != NULL && strcmp(binding->peer.text, peer) == 0 ? binding : NULL;
}

bool skex_agent_binding_purpose(const char *purpose)
{
	return strncmp(purpose, "wireguard:", 10) == 0;
}

enum skex_error skex_agent_binding_remember(struct skex_agent *agent,
	const struct skex_binding_config *binding, const struct skex_binding_memory *memory)
{
	agent->memories[binding - agent->bindings] = *memory;
	return SKEX_OK;
}

enum skex_error skex_agent_binding_recall(const struct skex_agent *agent,
	const struct skex_binding_config *binding, struct skex_binding_memory *memory)
{
	if (agent->recall_error != SKEX_OK)
		return agent->recall_error;
	*memory = agent->memories[binding - agent->bindings];
	return memory->round == 0 ? SKEX_E_UNKNOWN : SKEX_OK;
}
