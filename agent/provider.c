/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/provider.h"

/* In the order in which they are asked: hubs, where they can be reached, may give the better class;
 * what was carried is finite. */
static const struct agent_provider *const providers[] = {
	&agent_provider_dske,
	&agent_provider_pairwise,
	&agent_provider_keyfill,
};

#define PROVIDERS (sizeof(providers) / sizeof(providers[0]))

static bool forgets(const struct agent_provider *provider, const struct agent_peer *peer)
{
	return provider->forward_secret != NULL && provider->forward_secret(peer);
}

/* How many bytes the pool should have more, of keys that meet the needs: wanted by requests, or to
 * reach the high water mark. */
static uint64_t missing(struct agent_pool *pool, unsigned needs, uint64_t making, uint64_t now_ms)
{
	const struct skex_pool_config *config = &pool->agent->config->pool;
	const uint64_t have = agent_pool_ready(pool, needs) + making;
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

/* Of those whose blocks are confirmed the first that is ready; when none is, the first that serves
 * the peer at all: it says why not. */
static const struct agent_provider *choose(const struct agent_peer *peer, bool forward_secret)
{
	const struct agent_provider *first = NULL;
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		const struct agent_provider *provider = providers[i];

		if (provider->unconfirmed || provider->class(peer) == 0 ||
			(forward_secret && !forgets(provider, peer)))
			continue;
		if (provider->ready(peer))
			return provider;
		first = first == NULL ? provider : first;
	}
	return first;
}

static uint64_t above(uint64_t wanted, uint64_t have)
{
	return wanted > have ? wanted - have : 0;
}

/* What somebody waits for and need not be confirmed: as far as the one who is asked for confirmed
 * keys makes none, or none that are forward-secret. */
static void fill_unconfirmed(
	struct agent_pool *pool, const struct agent_provider *chosen, uint64_t now_ms)
{
	const bool able = chosen != NULL && chosen->able(pool);
	const bool secret = able && forgets(chosen, pool->peer);
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		const struct agent_provider *provider = providers[i];
		uint64_t making;
		uint64_t bytes = 0;
		uint64_t more = 0;

		if (!provider->unconfirmed || provider->class(pool->peer) == 0)
			continue;
		making = provider->making(pool);
		if (!able)
			bytes = above(
				pool->wanted_unconfirmed_bytes, agent_pool_ready(pool, 0) + making);
		if (!secret)
			more = above(pool->wanted_secret_bytes,
				agent_pool_ready(pool, AGENT_NEED_FORWARD_SECRET) + making);
		bytes = more > bytes ? more : bytes;
		if (bytes > 0)
			provider->fill(pool, bytes, now_ms);
		return;
	}
}

static void fill(struct agent_pool *pool, uint64_t now_ms)
{
	const struct agent_provider *chosen =
		pool->forward_secret ? choose(pool->peer, true) : NULL;
	const bool secret = chosen != NULL;
	uint64_t making = 0;
	uint64_t bytes;
	size_t i;

	if (!secret)
		chosen = choose(pool->peer, false);
	for (i = 0; i < PROVIDERS; i++) {
		if (!providers[i]->unconfirmed && (!secret || forgets(providers[i], pool->peer)))
			making += providers[i]->making(pool);
	}
	bytes = chosen == NULL
		? 0
		: missing(pool, AGENT_NEED_CONFIRMED | (secret ? AGENT_NEED_FORWARD_SECRET : 0u),
			  making, now_ms);
	if (bytes > 0)
		chosen->fill(pool, bytes, now_ms);
	if (pool->wanted_unconfirmed_bytes > 0)
		fill_unconfirmed(pool, chosen, now_ms);
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
		if (forgets(providers[i], peer))
			return true;
	}
	return false;
}
