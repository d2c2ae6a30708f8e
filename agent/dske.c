/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/initiate.h"
#include "agent/provider.h"

/* The distributed mode as a provider: initiate.c begins blocks, initiate_run.c ends them, respond.c
 * takes those of peers. */

/* By the legs here. */
static uint8_t own_class(const struct agent_peer *peer)
{
	uint8_t best = 0;
	size_t p;

	for (p = 0; p < peer->profiles_count; p++) {
		uint8_t class;

		if (!peer->profiles[p]->usable)
			continue;
		class = (uint8_t)agent_profile_class(peer->profiles[p]);
		best = class > best ? class : best;
	}
	return best;
}

static uint8_t class_for(const struct agent_peer *peer)
{
	const uint8_t class = own_class(peer);

	if (class == SKEX_CLASS_ITS &&
		agent_doubt_holds(&peer->doubt, agent_now(peer->profiles[0]->legs[0]->agent)))
		return SKEX_CLASS_COMPUTATIONAL;
	return class;
}

static bool doubtful(const struct agent_peer *peer)
{
	return peer->doubt.since_ms != 0;
}

void agent_dske_heard(struct agent_peer *peer, enum skex_class class, uint64_t now_ms)
{
	if (own_class(peer) == SKEX_CLASS_ITS)
		agent_doubt_heard(&peer->doubt, class, now_ms);
}

/* Enough hubs of one of its profiles are up. */
static bool ready(const struct agent_peer *peer)
{
	size_t p;

	for (p = 0; p < peer->profiles_count; p++) {
		const struct agent_profile *profile = peer->profiles[p];

		if (profile->usable && agent_profile_up(profile) >= profile->profile.k)
			return true;
	}
	return false;
}

/* What a run makes is counted at its most, so that a pool does not overflow. */
static uint64_t making(const struct agent_pool *pool)
{
	return (uint64_t)pool->runs * pool->agent->config->pool.blocks * pool->block_bytes;
}

/* Some are under way, or the peer answered what was begun last. */
static bool able(const struct agent_pool *pool)
{
	return pool->runs > 0 ||
		(ready(pool->peer) && pool->failures == 0 && pool->silences == 0 &&
			!pool->peer->silent);
}

static void turn(struct skex_agent *agent, uint64_t now_ms)
{
	agent_runs_turn(agent, now_ms);
	agent_respond_turn(agent, now_ms);
}

static void clear(struct skex_agent *agent)
{
	agent_runs_clear(agent);
	agent_groups_clear(agent);
}

const struct agent_provider agent_provider_dske = {
	.name = "dske",
	.class = class_for,
	.doubtful = doubtful,
	.ready = ready,
	.fill = agent_initiate_fill,
	.making = making,
	.able = able,
	.turn = turn,
	.due = agent_initiate_due,
	.clear = clear,
};
