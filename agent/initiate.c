/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/initiate.h"
#include "core/wire/share_message.h"
#include "platform/memory.h"
#include "store/tables.h"

/*
 * Fills the pools that we hand out from.  SKEX_TABLE_COUNTER, key "block": the claimed block
 * counters of this instance.
 *
 * Runs that are under way at a time.  One that is not answered soon is stalled: it may still come
 * to its end, but takes no place any more, and its pool is silent until the next answer; so is its
 * peer, unless that answered others meanwhile.  Peers that are away thus hold up nobody: the silent
 * have few places together, one each, and wait longer after each attempt; peers that never answered
 * in this life have few each, and do not get all.  The last places are for those that answer.
 */
#define RUNS_MAX         64u
#define RUNS_PEER        32u /* of one peer */
#define RUNS_PEER_NEW    2u  /* of one that never answered */
#define RUNS_NEW         48u /* under way at most when such a one may begin */
#define RUNS_NEW_UNASKED 32u /* the same when nobody waits for its keys */
#define RUNS_SILENT      16u /* of all that are silent */
#define STALLED_MAX      4u
#define COUNTERS_CLAIMED 4096u

/* ---- counters ----------------------------------------------------------------------------------
 */

static void claimed(void *owner, enum skex_error error, uint64_t from, uint64_t to)
{
	struct skex_agent *agent = owner;

	agent->counter_pending = false;
	if (error != SKEX_OK)
		return;
	agent->counter_next = from;
	agent->counter_end = to;
	agent_wake(agent);
}

bool agent_take_counters(struct skex_agent *agent, uint32_t blocks, uint64_t *first)
{
	static const char key[] = "block";

	if (agent->counter_end - agent->counter_next >= blocks) {
		*first = agent->counter_next;
		agent->counter_next += blocks;
		return true;
	}
	if (!agent->counter_pending &&
		skex_store_claim(agent->link.store, SKEX_TABLE_COUNTER,
			skex_view(key, sizeof(key) - 1), COUNTERS_CLAIMED, SKEX_COUNTER_MAX + 1,
			claimed, agent) == SKEX_OK)
		agent->counter_pending = true;
	return false;
}

/* ---- one run -----------------------------------------------------------------------------------
 */

/* The first profile of the peer with enough legs ready for a message of this size. */
static struct agent_profile *choose(const struct agent_peer *peer, uint64_t body_size)
{
	size_t p;

	for (p = 0; p < peer->profiles_count; p++) {
		struct agent_profile *profile = peer->profiles[p];
		uint8_t ready = 0;
		uint8_t i;

		if (!profile->usable)
			continue;
		for (i = 0; i < profile->profile.n; i++)
			ready = (uint8_t)(ready +
				skex_leg_can_take(profile->legs[i]->leg, body_size));
		if (ready >= profile->profile.k)
			return profile;
	}
	return NULL;
}

/*
 * Moves the marks of the legs that are up but have too little reserved.  Also when enough others
 * are ready: a leg that is never taken from would never be asked to reserve.
 */
static void want_reserve(const struct agent_profile *profile, uint64_t body_size)
{
	uint8_t i;

	if (!profile->usable)
		return;
	for (i = 0; i < profile->profile.n; i++) {
		struct skex_leg *leg = profile->legs[i]->leg;
		uint64_t need = skex_pad_align(SKEX_ONETIME_KEY_BYTES + body_size);

		if (leg->state != SKEX_LEG_UP || skex_leg_can_take(leg, body_size))
			continue;
		leg->tx_need = need > leg->tx_need ? need : leg->tx_need;
		skex_leg_want_reserve(leg);
	}
}

/* What the split needs for the moment: pads and bodies of every leg. */
struct material {
	struct skex_pad_range ranges[SKEX_HUBS_MAX];
	struct skex_initiator_pads pads;
	uint8_t *bytes; /* locked: n pads, then n bodies */
	size_t size;    /* of one */
};

/* Takes the next pad of every leg that has some; gives how many. */
static uint8_t take_pads(struct agent_run *run, struct material *material)
{
	uint8_t taken = 0;
	uint8_t i;

	for (i = 0; i < run->profile->profile.n; i++) {
		struct skex_leg *leg = run->profile->legs[i]->leg;
		uint8_t *pad = material->bytes + (size_t)i * material->size;

		if (!skex_leg_can_take(leg, material->size) ||
			skex_leg_take(leg, material->size, &material->ranges[i]) != SKEX_OK ||
			skex_leg_tx_pad(leg, material->ranges[i], pad, material->size) != SKEX_OK)
			continue;
		material->pads.pads[i] = pad;
		material->pads.bodies[i] =
			material->bytes + (size_t)(run->profile->profile.n + i) * material->size;
		taken++;
	}
	return taken;
}

static void send_shares(struct agent_run *run, const struct material *material)
{
	uint8_t fields[SKEX_HEADER_MAX - SKEX_MESSAGE_PREFIX_BYTES];
	struct skex_share_message share = {0};
	size_t size = 0;
	uint8_t i;

	share.common = run->engine.common;
	share.blocks = run->engine.blocks;
	share.secret_tags =
		skex_view(run->engine.tags, (size_t)run->engine.blocks * SKEX_BLOCK_TAG_BYTES);
	if (skex_share_message_encode(&share, fields, sizeof(fields), &size) != SKEX_OK)
		return;
	for (i = 0; i < run->profile->profile.n; i++) {
		const bool bare = (run->engine.bare & (UINT32_C(1) << (i + 1u))) != 0;
		struct skex_view body =
			skex_view(material->pads.bodies[i], bare ? 0 : material->size);
		struct skex_outgoing *message = NULL;

		if (material->pads.pads[i] == NULL)
			continue;
		run->sent[i].generation = material->ranges[i].generation;
		run->sent[i].offset = material->ranges[i].offset;
		if (skex_leg_compose(run->profile->legs[i]->leg, SKEX_MESSAGE_SHARE,
			    material->ranges[i], skex_view(fields, size), body,
			    &message) == SKEX_OK)
			agent_send(run->profile->legs[i], message);
	}
}

static bool start(struct agent_pool *pool, struct agent_profile *profile, uint16_t blocks)
{
	struct skex_agent *agent = pool->agent;
	struct material material = {0};
	struct agent_run *run;
	uint64_t counter;
	bool began = false;

	if (!agent_take_counters(agent, blocks, &counter))
		return false;
	run = agent_run_new(pool, profile, blocks, counter);
	if (run == NULL)
		return false;
	material.size = (size_t)blocks * skex_vector_size(&run->engine.common);
	material.bytes = skex_secret_new(2u * profile->profile.n * material.size);
	if (material.bytes != NULL && take_pads(run, &material) >= profile->profile.k)
		began = skex_initiator_step(&run->engine, SKEX_INITIATOR_START, &material.pads);
	if (began) {
		agent->counters.blocks_initiated += blocks;
		send_shares(run, &material);
	} else {
		/* What the other legs took for it is gone: not again in the next turn. */
		agent_pool_error(pool, "the pads of too few hubs can be read: look at the disk");
		agent_run_back_off(pool, agent_now(agent));
		agent_run_free(run);
	}
	skex_secret_free(material.bytes);
	return began;
}

/* ---- filling -----------------------------------------------------------------------------------
 */

/* As many of these blocks as k hubs have pad for; one at least. */
static uint64_t affordable(const struct agent_pool *pool, uint64_t blocks)
{
	const struct agent_profile *profile = pool->peer->profiles[0];
	const uint64_t vector = SKEX_BLOCK_EXTRA_BYTES + pool->block_bytes;
	const uint64_t left = blocks > 1 ? agent_pad_of_hubs(profile) : 0;

	while (blocks > 1 && left < skex_pad_align(SKEX_ONETIME_KEY_BYTES + blocks * vector))
		blocks /= 2;
	return blocks;
}

/* Is there a place for one more run of this pool? */
static bool may_begin(const struct agent_pool *pool)
{
	const struct skex_agent *agent = pool->agent;

	if (agent->runs_active >= RUNS_MAX || pool->peer->runs >= RUNS_PEER)
		return false;
	if (agent_run_silent(pool))
		return pool->runs == 0 && (!pool->peer->silent || pool->peer->runs == 0) &&
			agent->runs_probing < RUNS_SILENT;
	if (pool->peer->answered_ms == 0)
		return pool->peer->runs < RUNS_PEER_NEW &&
			agent->runs_active < (pool->wanted_bytes > 0 ? RUNS_NEW : RUNS_NEW_UNASKED);
	return true;
}

void agent_initiate_fill(struct agent_pool *pool, uint64_t bytes, uint64_t now_ms)
{
	struct skex_agent *agent = pool->agent;

	if (pool->peer->profiles_count == 0 || now_ms < pool->retry_ms ||
		pool->runs_all - pool->runs >= STALLED_MAX)
		return;
	if (pool->peer->confirms[1] >= AGENT_UNCONFIRMED_MAX) {
		agent_pool_error(pool,
			"%u confirmations wait for hubs that accept them: see skex status for hubs "
			"that are away",
			AGENT_UNCONFIRMED_MAX);
		return;
	}
	while (bytes > 0 && may_begin(pool)) {
		uint64_t blocks = (bytes + pool->block_bytes - 1) / pool->block_bytes;
		const uint64_t most = SKEX_BODY_MAX / (SKEX_BLOCK_EXTRA_BYTES + pool->block_bytes);
		struct agent_profile *profile;
		uint64_t body;

		if (blocks > agent->config->pool.blocks)
			blocks = agent->config->pool.blocks;
		if (blocks > most)
			blocks = most;
		if (choose(pool->peer, blocks * (SKEX_BLOCK_EXTRA_BYTES + pool->block_bytes)) ==
			NULL)
			blocks = affordable(pool, blocks);
		body = blocks * (SKEX_BLOCK_EXTRA_BYTES + pool->block_bytes);
		profile = choose(pool->peer, body);
		if (profile == NULL) {
			want_reserve(pool->peer->profiles[0], body);
			return;
		}
		if (agent->config->require_its && agent_profile_class(profile) != SKEX_CLASS_ITS) {
			agent_pool_error(pool, "require_its is set and a leg is not its");
			return;
		}
		want_reserve(profile, body);
		if (!start(pool, profile, (uint16_t)blocks))
			return;
		bytes = blocks * pool->block_bytes < bytes ? bytes - blocks * pool->block_bytes : 0;
	}
	if (bytes > 0 && pool->runs == 0 && pool->peer->runs < RUNS_PEER)
		agent->held_up = true;
}

void agent_initiate_init(struct skex_agent *agent)
{
	agent_ring_init(&agent->stalled);
	agent_ring_init(&agent->lacking);
}

/* When a pool that somebody waits for may try again. */
static uint64_t retry_of(const struct agent_pool *pool, uint64_t now_ms)
{
	return pool != NULL && pool->wanted_bytes > 0 && pool->retry_ms > now_ms ? pool->retry_ms
										 : UINT64_MAX;
}

uint64_t agent_initiate_due(const struct skex_agent *agent, uint64_t now_ms)
{
	const struct agent_ring *entry;
	uint64_t due = agent_runs_due(agent);
	uint64_t at;

	for (entry = agent->lacking.next; entry != &agent->lacking; entry = entry->next) {
		const struct agent_pool *pool = entry->item;

		at = retry_of(pool, now_ms);
		due = at < due ? at : due;
		at = retry_of(pool->twin, now_ms);
		due = at < due ? at : due;
	}
	return due;
}
