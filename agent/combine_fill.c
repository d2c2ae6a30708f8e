/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/combine.h"
#include "agent/initiate.h"
#include "agent/provider.h"
#include "agent/qkd014_internal.h"

/*
 * The provider `combined`.  A pool that lacks keys gets them out of parts that are there: for each
 * batch a run of the pair, or a block out of keys of the peer's KME.  When there are too few, hubs
 * are asked for more, into the pool of the parts.
 */
#define ASK_MS 60000u

static bool paired(const struct agent_peer *peer)
{
	return agent_provider_pairwise.class(peer) != 0;
}

/* Is what hubs make combined with keys of a KME, and not with those of a pair? */
static bool has_kme(const struct agent_peer *peer)
{
	return peer->qkd != NULL;
}

static uint8_t better(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

static uint8_t class_for(const struct agent_peer *peer)
{
	const uint8_t class = agent_provider_dske.class(peer);

	/* What may be this house itself goes through a KDF. */
	if (has_kme(peer))
		return peer->qkd->kme->config->independent
			? better(class, agent_provider_qkd014.class(peer))
			: SKEX_CLASS_COMPUTATIONAL;
	/* Also when nothing can be made: what is missing is said then. */
	return paired(peer) ? better(class, SKEX_CLASS_COMPUTATIONAL) : SKEX_CLASS_COMPUTATIONAL;
}

/* Nobody whose class is passed on is sure of it. */
static bool doubtful(const struct agent_peer *peer)
{
	return !agent_provider_sure(&agent_provider_dske, peer) &&
		!(has_kme(peer) && agent_provider_sure(&agent_provider_qkd014, peer));
}

static bool is_forward_secret(const struct agent_peer *peer)
{
	return !has_kme(peer) && paired(peer);
}

static bool ready(const struct agent_peer *peer)
{
	if (has_kme(peer))
		return agent_qkd014_ready(peer) && agent_provider_dske.ready(peer);
	return paired(peer) && agent_provider_pairwise.ready(peer) &&
		agent_provider_dske.ready(peer);
}

static bool answered(const struct agent_pool *pool)
{
	return has_kme(pool->peer) ? agent_qkd014_answered(pool) : agent_block_answered(pool);
}

static bool able(const struct agent_pool *pool)
{
	return ready(pool->peer) && answered(pool) &&
		(pool->twin == NULL || agent_provider_dske.able(pool->twin));
}

static bool may_begin(struct agent_pool *pool, uint64_t now_ms)
{
	return has_kme(pool->peer) ? agent_qkd014_may_begin(pool, now_ms)
				   : agent_block_may_begin(pool, now_ms);
}

static bool begin(struct agent_pool *pool, const struct agent_batch *part)
{
	if (has_kme(pool->peer))
		return agent_qkd014_begin(pool, part->secret_size, part->first);
	return agent_block_begin(pool, part->blocks, part->secret_size, part->first);
}

/* Of parts only those that a run is under way for: the others need one. */
static uint64_t making(const struct agent_pool *pool)
{
	return pool->pair_bytes + pool->qkd_bytes;
}

/* Its confirmation is on its way to the peer, which does not take the part before. */
static bool is_told(const struct agent_batch *batch)
{
	return !agent_confirm_waits(
		batch->pool->agent, SKEX_CONFIRM_AB, batch->pool->peer, batch->first);
}

/* A block out of keys of a KME has one size, which changes with key_bits. */
static bool fits(const struct agent_pool *pool, const struct agent_batch *part)
{
	return !has_kme(pool->peer) ||
		(part->blocks == 1 && part->secret_size == agent_qkd014_room(pool, true));
}

/* Begins runs for the parts that are there; gives how many bytes those and the others will be. */
static uint64_t combine(
	struct agent_pool *pool, struct agent_pool *parts, uint64_t bytes, uint64_t now_ms)
{
	uint64_t coming = 0;
	uint32_t i;

	for (i = 0; i < parts->batches_count; i++) {
		struct agent_batch *batch = parts->batches[i];

		if (batch->combining || !fits(pool, batch))
			continue; /* counted as being made already; or left until it expires */
		if (coming < bytes && agent_combine_usable(batch) && is_told(batch) &&
			may_begin(pool, now_ms))
			batch->combining = begin(pool, batch);
		coming += agent_batch_bytes(batch);
	}
	return coming;
}

/* Hubs are asked for parts that fit into one run of the pair each, or one block of a KME. */
static void make_parts(
	struct agent_pool *pool, struct agent_pool *parts, uint64_t bytes, uint64_t now_ms)
{
	const uint32_t block =
		has_kme(pool->peer) ? agent_qkd014_room(pool, true) : pool->block_bytes;
	const uint64_t most = has_kme(pool->peer) ? block : AGENT_PAIR_BYTES / block * block;

	parts->block_bytes = block;
	while (bytes > 0) {
		const uint64_t want = bytes < most ? bytes : most;
		const uint32_t before = parts->runs_all;

		agent_initiate_fill(parts, want, now_ms);
		if (parts->runs_all == before)
			return;
		bytes -= want;
	}
}

/*
 * Hubs bring no answer: the pair, which may, is asked whether the peer combines at all.  The part
 * that the question names is one that nobody has.
 */
static void ask_peer(struct agent_pool *pool, const struct agent_pool *parts, uint64_t now_ms)
{
	struct agent_peer *peer = pool->peer;
	const struct skex_block_id nowhere = {pool->agent->instance, SKEX_COUNTER_MAX};

	if (has_kme(peer) || (parts->silences == 0 && parts->failures == 0) ||
		parts->batches_count > 0 || pool->pair_runs > 0 ||
		(peer->combine_asked_ms != 0 && now_ms - peer->combine_asked_ms < ASK_MS) ||
		!agent_block_may_begin(pool, now_ms))
		return;
	peer->combine_asked_ms = now_ms;
	(void)agent_block_begin(pool, 1, SKEX_SECRET_MIN, nowhere);
}

static void fill(struct agent_pool *pool, uint64_t bytes, uint64_t now_ms)
{
	const struct agent_peer *peer = pool->peer;
	struct agent_pool *parts;
	uint64_t coming;

	if (has_kme(peer) && !agent_qkd014_fits(pool, true))
		return;
	if (!has_kme(peer) && !paired(peer)) {
		agent_pool_error(pool,
			"combine is set for %s, and there is no association with it: skex pair "
			"make %s",
			peer->name.text, peer->name.text);
		return;
	}
	parts = agent_combine_parts(pool);
	if (parts == NULL) {
		agent_pool_error(pool,
			"no memory, or a purpose of more than %u bytes, which is too long for "
			"keys that are combined",
			AGENT_PART_PURPOSE_MAX);
		return;
	}
	parts->asked_ms = now_ms;
	parts->wanted_bytes = pool->wanted_bytes;
	coming = combine(pool, parts, bytes, now_ms) + agent_provider_dske.making(parts);
	if (coming < bytes)
		make_parts(pool, parts, bytes - coming, now_ms);
	ask_peer(pool, parts, now_ms);
	if (has_kme(peer) && peer->qkd->failures > 0 && pool->last_error[0] == '\0')
		agent_pool_error(pool, "%s", peer->qkd->last_error);
	if (pool->last_error[0] == '\0' && parts->last_error[0] != '\0')
		agent_pool_error(pool, "%s", parts->last_error);
}

const struct agent_provider agent_provider_combined = {
	.name = "combined",
	.combined = true,
	.class = class_for,
	.doubtful = doubtful,
	.forward_secret = is_forward_secret,
	.ready = ready,
	.fill = fill,
	.making = making,
	.able = able,
};
