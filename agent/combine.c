/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/combine.h"

#include <string.h>

#include "agent/consumer.h"
#include "core/base/backoff.h"
#include "core/combiner/combiner.h"
#include "platform/memory.h"

#define TELL_MS        60000u /* a mismatch is told again after that */
#define REFUSALS_MAX   16u    /* a part that the peer does not get confirmed is given up */
#define RETRY_FIRST_MS 250u
#define RETRY_MOST_MS  64000u

/* ---- purposes ----------------------------------------------------------------------------------
 */

bool agent_peer_combines(const struct agent_peer *peer)
{
	return peer->config != NULL && peer->config->combine;
}

bool agent_combines(const struct agent_peer *peer, const char *purpose)
{
	const struct agent_consumer *consumer;

	if (!agent_peer_combines(peer) || peer->qkd == NULL)
		return agent_peer_combines(peer);
	consumer = agent_consumer_of(purpose + agent_purpose_is_part(purpose));
	return consumer == NULL || consumer->only == NULL;
}

bool agent_purpose_is_part(const char *purpose)
{
	return purpose[0] == AGENT_PART_MARK;
}

/* False when it is too long for one. */
static bool part_purpose(const char *purpose, char out[static SKEX_PURPOSE_MAX + 1])
{
	const size_t size = strlen(purpose);

	if (size > AGENT_PART_PURPOSE_MAX)
		return false;
	out[0] = AGENT_PART_MARK;
	memcpy(out + 1, purpose, size + 1);
	return true;
}

static struct agent_pool *find_parts(const struct agent_pool *pool)
{
	char purpose[SKEX_PURPOSE_MAX + 1];

	if (pool->twin != NULL)
		return pool->twin;
	return part_purpose(pool->purpose, purpose)
		? agent_pool_find(pool->peer, pool->side, purpose)
		: NULL;
}

struct agent_pool *agent_combine_parts(struct agent_pool *pool)
{
	char purpose[SKEX_PURPOSE_MAX + 1];
	struct agent_pool *parts;

	if (pool->twin != NULL)
		return pool->twin;
	if (!part_purpose(pool->purpose, purpose))
		return NULL;
	parts = agent_pool_get(pool->agent, pool->peer, pool->side, purpose);
	if (parts == NULL)
		return NULL;
	pool->twin = parts;
	parts->twin = pool;
	return parts;
}

/* ---- one end combines, the other does not ------------------------------------------------------
 */

static void tell_mismatch(struct skex_agent *agent, struct agent_peer *peer, const char *what)
{
	const uint64_t now_ms = agent_now(agent);

	if (peer->mismatch_ms != 0 && now_ms - peer->mismatch_ms < TELL_MS)
		return;
	peer->mismatch_ms = now_ms;
	agent_event(agent, SKEX_LEVEL_WARNING, "combine_mismatch", peer->name.text, "",
		"%s: there are keys with %s only when combine is set for the other in skexd.conf "
		"at both ends, or at neither; set it so, and restart skexd",
		what, peer->name.text);
}

/* What a share says nobody has vouched for yet. */
const char *agent_combine_unwelcome(
	struct skex_agent *agent, struct agent_peer *peer, const char *purpose)
{
	const bool wanted = agent_combines(peer, purpose);

	if (agent_purpose_is_part(purpose) == wanted)
		return NULL;
	tell_mismatch(agent, peer,
		wanted ? "combine is set here, and blocks come in that are not to be combined"
		       : "blocks come in that are to be combined, and combine is not set here");
	return wanted ? "combine is set for this peer, and the block is not to be combined"
		      : "a block to be combined, and combine is not set for this peer";
}

/* ---- the part ----------------------------------------------------------------------------------
 */

static bool is_first(const struct agent_batch *batch, struct skex_block_id id)
{
	return batch->first.instance == id.instance && batch->first.counter == id.counter;
}

/* The part of an ask, of its size; NULL when it is not there or can never be combined. */
static struct agent_batch *find_part(struct agent_pool *parts, const struct agent_block_ask *ask)
{
	struct agent_batch *batch = parts == NULL ? NULL : agent_batch_find(parts, ask->part);

	if (batch == NULL || !is_first(batch, ask->part) || batch->blocks != ask->blocks ||
		batch->secret_size != ask->secret_size ||
		batch->pieces_left != batch->pieces_count ||
		batch->expires_wall_ms <= agent_wall(parts->agent) ||
		agent_profile_accepted(parts->peer, batch->profile) == NULL)
		return NULL;
	return batch;
}

/* It is in both states, and not one from the past. */
static bool is_usable(const struct agent_batch *batch)
{
	const struct agent_pool *pool = batch->pool;

	return batch->durable && batch->confirmed &&
		!(batch->old && agent_past_holds(pool->agent, pool->peer));
}

bool agent_combine_usable(const struct agent_batch *batch)
{
	return is_usable(batch) && !batch->combining && batch->pieces_left == batch->pieces_count &&
		batch->expires_wall_ms > agent_wall(batch->pool->agent);
}

/* ---- what they hang on -------------------------------------------------------------------------
 */

static void root_hubs(const struct agent_profile *profile, struct skex_component *component)
{
	uint8_t i;

	component->roots_count = profile->profile.n;
	for (i = 0; i < profile->profile.n; i++) {
		component->roots[i].kind = SKEX_ROOT_HUB;
		memcpy(component->roots[i].id, profile->profile.hubs[i].id, SKEX_HUB_ID_BYTES);
	}
}

static void root_credential(const struct agent_pair *pair, struct skex_component *component)
{
	component->roots_count = 1;
	component->roots[0] = (struct skex_root){.kind = SKEX_ROOT_CREDENTIAL};
	memcpy(component->roots[0].id, pair->fingerprint, sizeof(pair->fingerprint));
}

_Static_assert(SKEX_HUB_ID_BYTES == SKEX_ROOT_ID_BYTES, "a hub's id is that of its root");

/* ---- the result --------------------------------------------------------------------------------
 */

static enum skex_error mix_blocks(struct agent_pool *pool, const struct agent_block_ask *ask,
	const struct agent_batch *part, const uint8_t *others, struct skex_component *other,
	uint8_t *secrets, struct skex_combined *combined)
{
	const struct skex_agent *agent = pool->agent;
	const bool initiator = pool->side == AGENT_INITIATOR;
	struct skex_component hubs = {
		.provider = "dske", .class = part->class, .confirmed = part->confirmed};
	const struct skex_combination combination = {
		.initiator = initiator ? &agent->name : &pool->peer->name,
		.responder = initiator ? &pool->peer->name : &agent->name,
		.purpose = skex_view(ask->purpose, strlen(ask->purpose)),
		.components = {&hubs, other},
		.size = ask->secret_size};
	enum skex_error error = SKEX_OK;
	uint16_t i;

	root_hubs(agent_profile_accepted(pool->peer, part->profile), &hubs);
	for (i = 0; i < ask->blocks && error == SKEX_OK; i++) {
		uint8_t *secret = secrets + (size_t)i * ask->secret_size;

		hubs.block = (struct skex_block_id){ask->part.instance, ask->part.counter + i};
		hubs.secret = others + (size_t)i * ask->secret_size;
		other->block = (struct skex_block_id){ask->first.instance, ask->first.counter + i};
		other->secret = secret;
		error = skex_combine_two(agent->link.crypto, &combination, secret, combined);
	}
	return error;
}

enum skex_error agent_combine_mix_with(struct agent_pool *pool, const struct agent_block_ask *ask,
	struct skex_component *other, uint8_t *secrets, struct agent_batch **part,
	struct agent_quality *quality)
{
	struct agent_batch *batch = find_part(find_parts(pool), ask);
	struct skex_combined combined = {0};
	uint8_t *others;
	enum skex_error error;

	if (batch == NULL || !is_usable(batch))
		return SKEX_E_UNKNOWN;
	others = skex_secret_new((size_t)ask->blocks * ask->secret_size);
	if (others == NULL)
		return SKEX_E_MEMORY;
	error = agent_batch_read(batch, others);
	if (error == SKEX_OK)
		error = mix_blocks(pool, ask, batch, others, other, secrets, &combined);
	skex_secret_free(others);
	if (error == SKEX_OK && pool->agent->config->require_its &&
		combined.class != SKEX_CLASS_ITS)
		error = SKEX_E_REFUSED;
	if (error != SKEX_OK)
		return error;
	*quality = (struct agent_quality){
		.class = combined.class, .confirmed = combined.confirmed, .combined = true};
	*part = batch;
	return SKEX_OK;
}

enum skex_error agent_combine_mix(struct agent_pool *pool, const struct agent_block_ask *ask,
	uint8_t *secrets, struct agent_batch **part, struct agent_quality *quality)
{
	struct skex_component pair = {
		.provider = "pairwise", .class = SKEX_CLASS_COMPUTATIONAL, .confirmed = true};
	enum skex_error error;

	if (pool->peer->pair == NULL)
		return SKEX_E_UNKNOWN;
	root_credential(pool->peer->pair, &pair);
	error = agent_combine_mix_with(pool, ask, &pair, secrets, part, quality);
	/* What made the keys of the pair is erased, and either component alone says nothing. */
	if (error == SKEX_OK)
		quality->forward_secret = true;
	return error;
}

/* ---- begun by the peer -------------------------------------------------------------------------
 */

uint8_t agent_combine_part_asked(struct agent_peer *peer, const struct agent_block_ask *ask)
{
	char purpose[SKEX_PURPOSE_MAX + 1];
	const struct agent_batch *batch;

	if (!part_purpose(ask->purpose, purpose))
		return AGENT_ALERT_NO_PART;
	batch = find_part(agent_pool_find(peer, AGENT_RESPONDER, purpose), ask);
	if (batch == NULL)
		return AGENT_ALERT_NO_PART;
	return is_usable(batch) ? 0 : AGENT_ALERT_PART_LATER;
}

uint8_t agent_combine_asked(struct agent_pair *pair, const struct agent_block_ask *ask)
{
	return agent_combine_part_asked(pair->peer, ask);
}

/* ---- begun here --------------------------------------------------------------------------------
 */

void agent_combine_over(struct agent_pool *pool, const struct agent_block_ask *ask)
{
	struct agent_batch *batch = find_part(find_parts(pool), ask);

	if (batch != NULL)
		batch->combining = false;
}

static void again_later(struct agent_pool *pool)
{
	pool->pair_retry_ms = agent_now(pool->agent) +
		skex_back_off(RETRY_FIRST_MS, pool->pair_refusals, RETRY_MOST_MS);
	pool->pair_refusals++;
}

/*
 * The peer combined it in a run whose end was lost, or lost it.  Once that is no trouble; a peer
 * that always says so is asked less and less.  Runs that were under way together count once.
 */
static void no_part(struct agent_pool *pool, struct agent_batch *batch)
{
	agent_batch_drop(batch);
	if (pool->pair_refusals == 0) {
		pool->pair_refusals = 1;
		return;
	}
	agent_pool_error(pool,
		"the peer does not have what hubs gave both ends to be combined: is its state an "
		"older one? see skex status there");
	if (agent_now(pool->agent) >= pool->pair_retry_ms)
		again_later(pool);
}

bool agent_combine_refused(
	struct agent_pool *pool, const struct agent_block_ask *ask, uint8_t alert)
{
	struct agent_batch *batch =
		ask->part.instance == 0 ? NULL : find_part(find_parts(pool), ask);

	/* Nothing was to be combined: refused as with any alert that says nothing here. */
	if (ask->part.instance == 0 && alert != AGENT_ALERT_COMBINE)
		return false;
	switch (alert) {
	case AGENT_ALERT_COMBINE:
		tell_mismatch(pool->agent, pool->peer,
			agent_combines(pool->peer, pool->purpose)
				? "combine is set here, and the peer says that it is not set there"
				: "the peer has combine set, and it is not set here");
		agent_pool_error(pool,
			"combine is set at one of the two ends only: set it in skexd.conf at both, "
			"or at neither");
		again_later(pool);
		return true;
	case AGENT_ALERT_NO_PART:
		/* Also what answers a question that names a part of nobody. */
		if (batch != NULL)
			no_part(pool, batch);
		return true;
	case AGENT_ALERT_PART_LATER:
		if (batch != NULL && ++batch->refusals >= REFUSALS_MAX)
			agent_batch_drop(batch);
		agent_pool_error(pool,
			"the peer waits for hubs to confirm its part of the keys: see skex status "
			"there");
		again_later(pool);
		return true;
	default:
		return false;
	}
}
