/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/provider.h"

#include "agent/combine.h"

/* In the order in which they are asked: a KME, which is set for some peers because its keys are
 * wanted; hubs, where they can be reached, may give the better class; what was carried is finite.
 * For keys that are combined the first one alone is asked. */
static const struct agent_provider *const providers[] = {
	&agent_provider_combined,
	&agent_provider_qkd014,
	&agent_provider_dske,
	&agent_provider_pairwise,
	&agent_provider_keyfill,
};

#define PROVIDERS (sizeof(providers) / sizeof(providers[0]))

/* Is the peer one of its, for keys that are combined or for others? */
static bool serves(
	const struct agent_provider *provider, const struct agent_peer *peer, bool combined)
{
	return provider->combined == combined && provider->class(peer) != 0;
}

bool agent_provider_sure(const struct agent_provider *provider, const struct agent_peer *peer)
{
	return provider->class(peer) == SKEX_CLASS_ITS &&
		!(provider->doubtful != NULL && provider->doubtful(peer));
}

static bool forgets(const struct agent_provider *provider, const struct agent_peer *peer)
{
	return provider->forward_secret != NULL && provider->forward_secret(peer);
}

/* What the keys that it makes for a peer can be, but for their confirmation. */
static bool gives(const struct agent_provider *provider, const struct agent_peer *peer,
	bool combined, unsigned needs)
{
	return serves(provider, peer, combined) &&
		((needs & AGENT_NEED_ITS) == 0 || provider->class(peer) == SKEX_CLASS_ITS) &&
		((needs & AGENT_NEED_FORWARD_SECRET) == 0 || forgets(provider, peer)) &&
		((needs & AGENT_NEED_COMBINED) == 0 || provider->combined);
}

/* A pool that is looked at, and whether its keys are combined: asked for once. */
struct look {
	struct agent_pool *pool;
	bool combined;
};

/* The same for a pool, whether or not it is in doubt that they are its. */
static bool may_give_pool(
	const struct agent_provider *provider, const struct look *look, unsigned needs)
{
	return gives(provider, look->pool->peer, look->combined, needs) &&
		(provider->makes == NULL || provider->makes(look->pool));
}

static bool gives_pool(
	const struct agent_provider *provider, const struct look *look, unsigned needs)
{
	return may_give_pool(provider, look, needs) &&
		((needs & AGENT_NEED_ITS) == 0 || agent_provider_sure(provider, look->pool->peer));
}

/* How many bytes the pool should have more, of keys that meet the needs: wanted by requests, or to
 * reach the high water mark. */
static uint64_t missing(struct agent_pool *pool, unsigned needs, uint64_t making, uint64_t now_ms)
{
	const struct skex_pool_config *config = &pool->agent->config->pool;
	const uint64_t have = agent_pool_ready(pool, needs) + making;
	const bool idle = agent_pool_is_idle(pool, now_ms);
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

/*
 * Of those whose blocks are confirmed and of this kind the first of which some can be expected;
 * when there is none, the first that is ready, and then the first at all: it says why not.
 */
static const struct agent_provider *choose(const struct look *look, unsigned kind)
{
	const struct agent_pool *pool = look->pool;
	const struct agent_provider *found = NULL;
	bool found_ready = false;
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		const struct agent_provider *provider = providers[i];
		bool ready;

		if (provider->unconfirmed || !gives_pool(provider, look, kind))
			continue;
		ready = provider->ready(pool->peer);
		if (ready && provider->able(pool))
			return provider;
		if (found == NULL || (ready && !found_ready))
			found = provider;
		found_ready = found_ready || ready;
	}
	return found;
}

/* Those before the one that is asked are tried, so that they are known when they answer again. */
static void try_others(const struct look *look, const struct agent_provider *chosen, unsigned kind,
	uint64_t bytes, uint64_t now_ms)
{
	struct agent_pool *pool = look->pool;
	size_t i;

	for (i = 0; i < PROVIDERS && providers[i] != chosen; i++) {
		if (!providers[i]->unconfirmed && gives_pool(providers[i], look, kind) &&
			providers[i]->ready(pool->peer))
			providers[i]->fill(pool, bytes, now_ms);
	}
}

static bool gives_any(const struct look *look, unsigned needs)
{
	size_t i = 0;

	while (i < PROVIDERS && !gives_pool(providers[i], look, needs))
		i++;
	return i < PROVIDERS;
}

/* Does somebody wait for such keys now? */
static bool wants_its(const struct agent_pool *pool)
{
	unsigned by;

	for (by = 0; by <= AGENT_NEEDS_ALL; by++) {
		if ((by & AGENT_NEED_ITS) != 0 && pool->wanted_by[by] > 0)
			return true;
	}
	return false;
}

/* What kind of keys the pool is filled with: all that somebody asked for, as far as there is one
 * provider for it. */
static unsigned kind_of(const struct look *look)
{
	const struct agent_pool *pool = look->pool;
	const unsigned secret = pool->forward_secret ? AGENT_NEED_FORWARD_SECRET : 0;
	const unsigned its = pool->its ? AGENT_NEED_ITS : 0;

	if (gives_any(look, secret | its))
		return secret | its;
	if (wants_its(pool) && gives_any(look, its))
		return its;
	if (gives_any(look, secret))
		return secret;
	return gives_any(look, its) ? its : 0;
}

static uint64_t above(uint64_t wanted, uint64_t have)
{
	return wanted > have ? wanted - have : 0;
}

/* What requests wait for that meets these needs, or more, and need not be confirmed. */
static uint64_t wanted_unconfirmed(const struct agent_pool *pool, unsigned needs)
{
	uint64_t bytes = 0;
	unsigned by;

	for (by = needs; by <= AGENT_NEEDS_ALL; by++) {
		if ((by & AGENT_NEED_CONFIRMED) == 0 && (by & needs) == needs)
			bytes += pool->wanted_by[by];
	}
	return bytes;
}

/* What somebody waits for and need not be confirmed: as far as the one who is asked for confirmed
 * keys makes none, or none of that kind. */
static void fill_unconfirmed(
	const struct look *look, const struct agent_provider *chosen, uint64_t now_ms)
{
	const struct agent_provider *provider = NULL;
	struct agent_pool *pool = look->pool;
	const bool able = chosen != NULL && chosen->able(pool);
	uint64_t most = 0;
	unsigned needs;
	size_t i;

	for (i = 0; i < PROVIDERS && provider == NULL; i++) {
		if (providers[i]->unconfirmed && gives_pool(providers[i], look, 0))
			provider = providers[i];
	}
	for (needs = 0; needs <= AGENT_NEEDS_ALL && provider != NULL; needs++) {
		const uint64_t wanted = wanted_unconfirmed(pool, needs);
		uint64_t bytes;

		if (wanted == 0 || (able && gives_pool(chosen, look, needs)))
			continue;
		bytes = above(wanted, agent_pool_ready(pool, needs) + provider->making(pool));
		most = bytes > most ? bytes : most;
	}
	if (most > 0)
		provider->fill(pool, most, now_ms);
}

/* Where it is in doubt that keys are its one block is made to see. */
static void try_doubtful(const struct look *look, uint64_t now_ms)
{
	struct agent_pool *pool = look->pool;
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		const struct agent_provider *provider = providers[i];

		if (!provider->unconfirmed && may_give_pool(provider, look, AGENT_NEED_ITS) &&
			!agent_provider_sure(provider, pool->peer) && provider->ready(pool->peer) &&
			provider->making(pool) == 0)
			provider->fill(pool, 1, now_ms);
	}
}

/* False when it holds what it should, and nobody waits: it is not looked at until that changes. */
static bool fill(struct agent_pool *pool, uint64_t now_ms)
{
	const struct look look = {pool, agent_combines(pool->peer, pool->purpose)};
	const unsigned kind = kind_of(&look);
	const struct agent_provider *chosen = choose(&look, kind);
	uint64_t making = 0;
	uint64_t bytes;
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		if (!providers[i]->unconfirmed && gives_pool(providers[i], &look, kind))
			making += providers[i]->making(pool);
	}
	bytes = chosen == NULL ? 0 : missing(pool, AGENT_NEED_CONFIRMED | kind, making, now_ms);
	if (bytes > 0) {
		try_others(&look, chosen, kind, bytes, now_ms);
		chosen->fill(pool, bytes, now_ms);
	}
	if (wants_its(pool) || (bytes > 0 && (kind & AGENT_NEED_ITS) != 0))
		try_doubtful(&look, now_ms);
	if (wanted_unconfirmed(pool, 0) > 0)
		fill_unconfirmed(&look, chosen, now_ms);
	/* What is being made may come to nothing. */
	return bytes > 0 || making > 0 || pool->wanted_bytes > 0;
}

/* Those for which somebody waits, or the others; the first that was held up. */
static struct agent_pool *fill_some(struct skex_agent *agent, bool wanted, uint64_t now_ms)
{
	struct agent_ring *entry = agent->lacking.next;
	struct agent_pool *first = NULL;

	while (entry != &agent->lacking) {
		struct agent_pool *pool = entry->item;

		entry = entry->next;
		if ((pool->wanted_bytes > 0) != wanted)
			continue;
		if (!pool->peer->emptying && !fill(pool, now_ms))
			agent_ring_remove(&pool->lacking);
		if (first == NULL && agent->held_up)
			first = pool;
	}
	return first;
}

/* A turn costs what is lacking, not what is there: the sweep alone looks at all pools. */
static void fill_pools(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_pool *first;
	struct agent_pool *other;

	/* A pool that is filled far ahead takes all runs with a peer: who waits comes first. */
	agent->held_up = false;
	first = fill_some(agent, true, now_ms);
	other = fill_some(agent, false, now_ms);
	first = first != NULL ? first : other;
	/* Who was held up by others is asked before them: the list begins there. */
	if (first != NULL) {
		agent_ring_remove(&agent->lacking);
		agent_ring_append(&first->lacking, &agent->lacking);
	}
}

void agent_providers_turn(struct skex_agent *agent, uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		if (providers[i]->turn != NULL)
			providers[i]->turn(agent, now_ms);
	}
	fill_pools(agent, now_ms);
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
		uint64_t due =
			providers[i]->due == NULL ? UINT64_MAX : providers[i]->due(agent, now_ms);

		next = due < next ? due : next;
	}
	return next;
}

void agent_providers_clear(struct skex_agent *agent)
{
	size_t i;

	for (i = 0; i < PROVIDERS; i++) {
		if (providers[i]->clear != NULL)
			providers[i]->clear(agent);
	}
}

bool agent_providers_give(const struct agent_peer *peer, unsigned needs)
{
	const bool combined = agent_peer_combines(peer);
	size_t i = 0;

	while (i < PROVIDERS && !gives(providers[i], peer, combined, needs))
		i++;
	return i < PROVIDERS;
}
