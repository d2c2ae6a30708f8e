/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/api/fake_agent.h"

const struct skex_binding_config *skex_agent_binding_next(
	const struct skex_agent *agent, const char *name)
{
	size_t i;

	for (i = 0; i < agent->bindings_count; i++) {
		if (name == NULL || strcmp(agent->bindings[i].name.text, name) > 0)
			return &agent->bindings[i];
	}
	return NULL;
}

const struct skex_binding_config *skex_agent_binding_named(
	const struct skex_agent *agent, const char *name)
{
	size_t i;

	for (i = 0; i < agent->bindings_count; i++) {
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

/* The first two are configured. */
bool skex_agent_binding_added(
	const struct skex_agent *agent, const struct skex_binding_config *binding)
{
	return binding - agent->bindings >= FAKE_BINDINGS_CONFIGURED;
}

enum skex_error skex_agent_bindings_add(struct skex_agent *agent,
	struct skex_binding_config *bindings, size_t count, size_t *fresh, skex_done_fn done,
	void *owner, struct skex_problem *problem)
{
	enum skex_error error = SKEX_OK;
	size_t i;

	*fresh = 0;
	for (i = 0; error == SKEX_OK && i < count; i++) {
		if (strcmp(bindings[i].peer.text, "agent2") != 0) {
			*problem = (struct skex_problem){
				SKEX_E_UNKNOWN, "unknown_peer", "no such peer", "see them"};
			error = SKEX_E_UNKNOWN;
		} else if (skex_agent_binding_named(agent, bindings[i].name.text) != NULL) {
			continue;
		} else if (agent->bindings_count == FAKE_BINDINGS) {
			*problem = (struct skex_problem){
				SKEX_E_QUOTA, "too_many_bindings", "too many", "remove some"};
			error = SKEX_E_QUOTA;
		} else {
			agent->bindings[agent->bindings_count++] = bindings[i];
			(*fresh)++;
			memset(&bindings[i], 0, sizeof(bindings[i]));
		}
	}
	skex_bindings_clear(bindings, count);
	agent->bindings_done = error == SKEX_OK ? done : NULL;
	agent->bindings_owner = owner;
	return error;
}

enum skex_error skex_agent_binding_removable(
	struct skex_agent *agent, const char *name, struct skex_problem *problem)
{
	const struct skex_binding_config *binding = skex_agent_binding_named(agent, name);

	*problem = (struct skex_problem){
		SKEX_E_UNKNOWN, "unknown_binding", "there is none", "see them"};
	if (binding != NULL && !skex_agent_binding_added(agent, binding))
		*problem = (struct skex_problem){
			SKEX_E_STATE, "configured", "it is configured", "change it there"};
	else if (binding != NULL)
		return SKEX_OK;
	return problem->error;
}

enum skex_error skex_agent_binding_remove(struct skex_agent *agent, const char *name,
	skex_done_fn done, void *owner, struct skex_problem *problem)
{
	const enum skex_error error = skex_agent_binding_removable(agent, name, problem);
	size_t at;

	if (error != SKEX_OK)
		return error;
	at = (size_t)(skex_agent_binding_named(agent, name) - agent->bindings);
	agent->bindings_count--;
	memmove(&agent->bindings[at], &agent->bindings[at + 1],
		(agent->bindings_count - at) * sizeof(agent->bindings[0]));
	agent->bindings_done = done;
	agent->bindings_owner = owner;
	return SKEX_OK;
}

void fake_bindings_run(struct skex_agent *agent)
{
	const skex_done_fn done = agent->bindings_done;

	agent->bindings_done = NULL;
	if (done != NULL)
		done(agent->bindings_owner, SKEX_OK);
}

unsigned fake_changes;

static bool check(void *owner, const struct skex_binding_config *bindings, size_t count,
	char why[SKEX_CONFIG_MESSAGE_MAX])
{
	size_t i;

	(void)owner;
	for (i = 0; i < count; i++) {
		if (strcmp(bindings[i].name.text, "odd") == 0) {
			(void)snprintf(why, SKEX_CONFIG_MESSAGE_MAX, "binding odd: it is odd");
			return false;
		}
	}
	return true;
}

static void changed(void *owner)
{
	(void)owner;
	fake_changes++;
}

const struct skex_agent_bindings_host fake_host = {NULL, check, changed};
