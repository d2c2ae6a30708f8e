/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/provider.h"

/* In the order in which they are asked: hubs, where they can be reached, may give the better class.
 */
static const struct agent_provider *const providers[] = {
	&agent_provider_dske, &agent_provider_pairwise};

#define PROVIDERS (sizeof(providers) / sizeof(providers[0]))

/* How many bytes the pool should have more: wanted by requests, or to reach the high water mark. */
static uint64_t missing(struct agent_pool *pool, uint64_t making, uint64_t now_ms)
{
	const struct skex_pool_config *config = &pool->agent->config->pool;
	const uint64_t ready = agent_pool_ready(pool);
	const uint64_t have = ready + making;
	const bool idle = now_ms - pool->asked_ms > (uint64_t)config->idle_s * 1000;
	uint64_t low = (uint64_t)(idle ? config->reserve_keys : config->low_keys) * 32;
	uint64_t high = (uint64_t)(idle ? config->reserve_keys : config->high_keys) * 32;

	if (pool->few_bytes > 0) {
		/* On demand: a new block when half of the last one is used. */
		low = idle ? 0 : pool->few_bytes / 2;
		high = idle ? 0 : pool->few_bytes;
	}
	if (pool->wanted_bytes > low)
		low = pool->wanted_bytes;
	if (high < low)
		high = low;
	/* Filled up once it was low, also when nothing could be made for a moment in between. */
	if (have < low)
		pool->filling = true;
	if (have >= high)
		pool->filling = false;
	return pool->filling ? high - have : 0;
}

/* The first that is ready; when none is, the first that serves the peer at all: it says why not. */
static const struct agent_provider *choose(const struct agent_pool *pool)
{
	const struct agent_provider *first = NULL;
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		if (providers[i]->class(pool->peer) == 0 ||
			(pool->forward_secret && !providers[i]->forward_secret))
			continue;
		if (providers[i]->ready(pool->peer))
			return providers[i];
		first = first == NULL ? providers[i] : first;
	}
	return first;
}

static void fill(struct agent_pool *pool, uint64_t now_ms)
{
	const struct agent_provider *chosen = choose(pool);
	uint64_t making = 0;
	uint64_t bytes;
	size_t i;

	for (i = 0; i < PROVIDERS; i++)
		making += providers[i]->making(pool);
	bytes = chosen == NULL ? 0 : missing(pool, making, now_ms);
	if (bytes > 0)
		chosen->fill(pool, bytes, now_ms);
}

static void fill_peer(struct agent_peer *peer, uint64_t now_ms)
{
	struct agent_pool *pool;

	for (pool = peer->pools; pool != NULL; pool = pool->next) {
		if (pool->side == AGENT_INITIATOR && !peer->emptying)
			fill(pool, now_ms);
	}
}

void agent_providers_turn(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_peer *first;
	struct agent_peer *peer;
	size_t i;

	for (i = 0; i < PROVIDERS; i++)
		providers[i]->turn(agent, now_ms);
	/* Who was held up by others is asked before them. */
	first = agent->held_up != NULL ? agent->held_up : agent->peers;
	agent->held_up = NULL;
	for (peer = first; peer != NULL; peer = peer->next)
		fill_peer(peer, now_ms);
	for (peer = agent->peers; peer != first; peer = peer->next)
		fill_peer(peer, now_ms);
	for (i = 0; i < PROVIDERS; i++) {
		if (providers[i]->filled != NULL)
			providers[i]->filled(agent, now_ms);
	}
}

uint64_t agent_providers_due(const struct skex_agent *agent, uint64_t now_ms)
{
	uint64_t next = UINT64_MAX;
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		uint64_t due = providers[i]->due(agent, now_ms);

		next = due < next ? due : next;
	}
	return next;
}

void agent_providers_clear(struct skex_agent *agent)
{
	size_t i;

	for (i = 0; i < PROVIDERS; i++)
		providers[i]->clear(agent);
}

bool agent_providers_reach(const struct agent_peer *peer, enum skex_class class)
{
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		if (providers[i]->class(peer) >= (uint8_t) class)
			return true;
	}
	return false;
}

bool agent_providers_forget(const struct agent_peer *peer)
{
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		if (providers[i]->forward_secret && providers[i]->class(peer) != 0)
			return true;
	}
	return false;
}
