/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/keyfill_internal.h"

/*
 * Is the state of this agent from the past, and what becomes of its pools then?  Keys in a state
 * that was restored may have been handed out in the life that it forgot.
 *
 * A hub says so by the marks of a HELLO, or by BYE, and a hub can lie: what fewer than k hubs of a
 * profile say stops their legs and is told, and the pools stay, for else one hub could take away
 * the keys of all peers.  When k hubs of a profile of a peer say so, one of them is honest, and the
 * pools towards that peer are emptied.  By the operator's word, skex leg resume, all are.
 *
 * And after a start nothing that was in the pools before is given out until k hubs of a profile of
 * the peer compared marks with this agent in this life and did not contradict: until then nobody
 * who could know has said that the state is not from the past.  In a life that runs, hubs may be
 * away.  An operator can choose a time after each start in which keys are given out all the same.
 *
 * The order on the disk, each step durable before the next: what hubs say (in their legs) or the
 * operator's word (setting "emptying"); the removals; a new instance; the setting is cleared.  A
 * crash repeats what came after the first.
 */
static const char setting[] = "emptying";

static bool says_past(const struct agent_leg *leg)
{
	return leg != NULL && leg->leg->record.halt == SKEX_HALT_OURS;
}

/* How many hubs of a profile say that our state is from the past; it need not be usable. */
static uint8_t sayers(struct skex_agent *agent, const struct agent_profile *profile)
{
	uint8_t count = 0;
	uint8_t i;

	for (i = 0; i < profile->config->n; i++)
		count = (uint8_t)(count +
			says_past(agent_leg_by_hub(agent, &profile->config->hubs[i].name)));
	return count;
}

static void judge_peer(struct skex_agent *agent, struct agent_peer *peer)
{
	size_t p;

	for (p = 0; p < peer->profiles_count && !peer->emptying; p++) {
		const struct agent_profile *profile = peer->profiles[p];
		const uint8_t count = sayers(agent, profile);

		if (count < profile->config->k)
			continue;
		peer->emptying = true;
		agent_event(agent, SKEX_LEVEL_ERROR, "pools_emptied", peer->name.text, "",
			"%u hubs of profile %s say that the state of this agent is from the past: "
			"the keys with %s that were not handed out yet are dropped",
			count, profile->config->name, peer->name.text);
	}
}

void agent_past_said(struct skex_agent *agent)
{
	struct agent_peer *peer;

	for (peer = agent->peers; peer != NULL; peer = peer->next)
		judge_peer(agent, peer);
	agent_wake(agent);
}

static void empty_all(struct skex_agent *agent)
{
	struct agent_peer *peer;

	agent->emptying = true;
	for (peer = agent->peers; peer != NULL; peer = peer->next)
		peer->emptying = true;
	agent_wake(agent);
}

enum skex_error agent_past_word(struct skex_agent *agent)
{
	const uint8_t yes = 1;
	enum skex_error error =
		skex_registry_set(agent->link.registry, setting, skex_view(&yes, sizeof(yes)));

	if (error == SKEX_OK)
		empty_all(agent);
	return error;
}

enum skex_error agent_past_load(struct skex_agent *agent)
{
	uint8_t yes = 0;
	size_t size = 0;
	enum skex_error error =
		skex_registry_get(agent->link.registry, setting, &yes, sizeof(yes), &size);

	if (error != SKEX_OK && error != SKEX_E_UNKNOWN)
		return error;
	if (error == SKEX_OK && (size != sizeof(yes) || yes > 1))
		return SKEX_E_CORRUPT;
	if (yes == 1)
		empty_all(agent);
	agent_past_said(agent);
	return SKEX_OK;
}

/* ---- emptying ----------------------------------------------------------------------------------
 */

/* The removals are durable. */
static void emptied(void *owner, enum skex_error error)
{
	const uint8_t no = 0;
	struct skex_agent *agent = owner;
	struct agent_peer *peer;
	bool left = false;

	if (error != SKEX_OK)
		return;
	agent->removing = false;
	/* Block ids of the forgotten life are never used again. */
	if (agent_new_instance(agent) != SKEX_OK)
		return;
	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		if (peer->emptied) {
			peer->emptying = false;
			peer->unproven = false;
		}
		peer->emptied = false;
		left |= peer->emptying;
	}
	if (agent->emptying && !left &&
		skex_registry_set(agent->link.registry, setting, skex_view(&no, sizeof(no))) ==
			SKEX_OK)
		agent->emptying = false;
	agent_wake(agent);
}

/* True when nothing is left in the pools towards the peer. */
static bool empty_peer(struct agent_peer *peer)
{
	struct agent_pool *pool;
	bool left = false;

	for (pool = peer->pools; pool != NULL; pool = pool->next) {
		agent_pool_empty(pool);
		left |= pool->batches_count > 0 || pool->strides != NULL;
	}
	return !left;
}

void agent_past_sweep(struct skex_agent *agent)
{
	struct agent_peer *peer;
	bool left = false;
	bool done = false;

	if (agent->removing)
		return;
	for (peer = agent->peers; peer != NULL; peer = peer->next) {
		if (peer->emptying)
			agent_fills_destroy(agent, peer);
		peer->emptied = peer->emptying && empty_peer(peer);
		done |= peer->emptied;
		left |= peer->emptying && !peer->emptied;
	}
	if (!done && (left || !agent->emptying))
		return;
	if (agent->emptying)
		agent_pools_drop_strangers(agent);
	agent->removing = true;
	skex_commit_after(&agent->link.commit, emptied, agent);
}

/* ---- after a start -----------------------------------------------------------------------------
 */

static uint8_t comparers(const struct skex_profile_config *config, struct skex_agent *agent)
{
	uint8_t count = 0;
	uint8_t i;

	for (i = 0; i < config->n; i++) {
		const struct agent_leg *leg = agent_leg_by_hub(agent, &config->hubs[i].name);

		count = (uint8_t)(count + (leg != NULL && leg->compared));
	}
	return count;
}

static bool is_proven(struct skex_agent *agent, const struct agent_peer *peer)
{
	size_t p;

	for (p = 0; p < peer->profiles_count; p++) {
		const struct skex_profile_config *config = peer->profiles[p]->config;

		if (comparers(config, agent) >= config->k)
			return true;
	}
	return false;
}

void agent_past_compared(struct agent_leg *leg)
{
	struct skex_agent *agent = leg->agent;
	struct agent_peer *peer;

	leg->compared = true;
	for (peer = agent->peers; peer != NULL; peer = peer->next)
		peer->unproven = peer->unproven && !is_proven(agent, peer);
	agent_wake(agent);
}

/* In the time that the operator chose, unless a hub says that it must not be. */
static bool in_grace(struct skex_agent *agent, struct agent_peer *peer)
{
	const struct agent_leg *leg;

	if (agent_now(agent) - agent->start_ms >=
		(uint64_t)agent->config->pool.start_grace_s * 1000)
		return false;
	for (leg = agent->legs; leg != NULL; leg = leg->next) {
		if (says_past(leg))
			return false;
	}
	if (!peer->grace_told)
		agent_event(agent, SKEX_LEVEL_WARNING, "unproven_keys", peer->name.text, "",
			"keys with %s are given out though too few hubs said since the start that "
			"they are not from the past: pool.start_grace allows it",
			peer->name.text);
	peer->grace_told = true;
	return true;
}

bool agent_past_holds(struct skex_agent *agent, struct agent_peer *peer)
{
	return peer->emptying || (peer->unproven && !in_grace(agent, peer));
}

void agent_past_why(
	struct skex_agent *agent, const struct agent_peer *peer, char *text, size_t size)
{
	const struct skex_profile_config *config =
		peer->profiles_count > 0 ? peer->profiles[0]->config : NULL;

	if (config == NULL)
		(void)snprintf(
			text, size, "keys from before the start wait, and no profile is left");
	else
		(void)snprintf(text, size,
			"keys from before the start wait for %u hubs of profile %s to confirm that "
			"they are not from the past: %u did",
			config->k, config->name, comparers(config, agent));
}
