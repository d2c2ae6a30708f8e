/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/combine.h"
#include "agent/consumer.h"
#include "agent/keyfill_internal.h"
#include "agent/provider.h"
#include "core/base/backoff.h"
#include "platform/memory.h"

/*
 * Blocks made by the two ends alone.  A run, or the rekey of a young session, makes a batch: the
 * first message says which, and the secrets are exports of the session.  They are never on the
 * wire, and nothing that is kept gives them again.
 *
 * The responder has its batch durable before it says so (M4); the initiator has it only then.  An
 * initiator that hears no M4 takes no keys: the responder's are left until they expire.
 */
#define RETRY_FIRST_MS 500u
#define RETRY_MOST_MS  60000u
#define SOON_MS        3000u /* a peer that is there has answered by then */

/* One batch that is begun here; the cookie of its run. */
struct agent_block_run {
	struct agent_block_run *next;
	struct agent_block_run **self;
	struct agent_pair *pair;
	struct agent_pool *pool;
	struct agent_block_ask ask;
	uint64_t bytes;
	uint64_t begun_ms;
};

static void run_free(struct agent_block_run *run)
{
	if (run->ask.part.instance != 0)
		agent_combine_over(run->pool, &run->ask);
	run->pool->runs_all--;
	run->pool->pair_runs--;
	run->pool->pair_bytes -= run->bytes;
	*run->self = run->next;
	if (run->next != NULL)
		run->next->self = run->self;
	free(run);
}

void agent_blocks_clear(struct agent_pair *pair)
{
	while (pair->runs != NULL)
		run_free(pair->runs);
}

static struct agent_block_run *run_new(struct agent_pool *pool, uint16_t blocks, uint32_t size,
	uint64_t counter, struct skex_block_id part)
{
	struct agent_pair *pair = pool->peer->pair;
	struct agent_block_run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return NULL;
	run->pair = pair;
	run->pool = pool;
	run->ask.first.instance = pair->agent->instance;
	run->ask.first.counter = counter;
	run->ask.blocks = blocks;
	run->ask.part = part;
	run->ask.secret_size = size;
	run->ask.lifetime_s = pair->agent->config->pool.lifetime_s;
	memcpy(run->ask.purpose, pool->purpose, sizeof(run->ask.purpose));
	run->bytes = (uint64_t)blocks * size;
	run->begun_ms = agent_now(pair->agent);
	run->next = pair->runs;
	run->self = &pair->runs;
	if (run->next != NULL)
		run->next->self = &run->next;
	pair->runs = run;
	pool->runs_all++;
	pool->pair_runs++;
	pool->pair_bytes += run->bytes;
	return run;
}

/* ---- the secrets -------------------------------------------------------------------------------
 */

/* The batch goes into the commit of this turn; NULL when it cannot. */
static struct agent_batch *add(struct agent_pool *pool, const struct skex_association_keys *keys,
	const struct agent_block_ask *ask)
{
	struct skex_agent *agent = pool->agent;
	const uint64_t expires = agent_wall(agent) + (uint64_t)ask->lifetime_s * 1000;
	uint8_t *secrets = skex_secret_new((size_t)ask->blocks * ask->secret_size);
	struct agent_quality quality = {
		.class = SKEX_CLASS_COMPUTATIONAL, .confirmed = true, .forward_secret = true};
	struct agent_batch *batch = NULL;
	struct agent_batch *part = NULL;
	enum skex_error error = secrets == NULL ? SKEX_E_MEMORY : SKEX_OK;
	uint16_t i;

	for (i = 0; i < ask->blocks && error == SKEX_OK; i++)
		error = agent_block_secret(keys, ask, i, secrets + (size_t)i * ask->secret_size);
	if (error == SKEX_OK && ask->part.instance != 0)
		error = agent_combine_mix(pool, ask, secrets, &part, &quality);
	if (error == SKEX_OK)
		batch = agent_batch_add(pool, ask->first, ask->blocks, ask->secret_size, secrets,
			ask->secret_size, 0, &quality, expires);
	skex_secret_free(secrets);
	/* In the same transaction: it is used once. */
	if (batch != NULL && part != NULL)
		agent_batch_drop(part);
	return batch;
}

/* ---- begun by the peer -------------------------------------------------------------------------
 */

static uint8_t refuse(struct agent_pair *pair, const char *why)
{
	pair->agent->counters.blocks_refused++;
	agent_event(pair->agent, SKEX_LEVEL_NOTICE, "block_refused", pair->peer->name.text, "",
		"%s", why);
	return SKEX_PAIRWISE_ALERT_REFUSED;
}

/*
 * The peer's state is old: what was carried for both is of no use to it any more, nor here.  But an
 * instance that it left says nothing: a message that was under way then may come late.
 */
static uint8_t past(struct agent_pair *pair, const struct agent_block_ask *ask)
{
	if (ask->first.instance == pair->peer->spent_instance)
		agent_fills_drop(pair->agent, pair->peer);
	return SKEX_PAIRWISE_ALERT_PAST;
}

/* One end combines, the other does not: no keys of a weaker kind than either operator wants. */
static uint8_t refuse_kind(struct agent_pair *pair, const struct agent_block_ask *ask)
{
	const char mark[] = {AGENT_PART_MARK, '\0'};
	const char *purpose = ask->part.instance != 0 ? mark : ask->purpose;
	const char *why = agent_combine_unwelcome(pair->agent, pair->peer, purpose);

	(void)refuse(pair, why != NULL ? why : "combined with a pair, and not with a KME");
	return AGENT_ALERT_COMBINE;
}

/* Of what it began before, so much is here that nobody has fetched. */
static bool is_full(const struct agent_peer *peer, const struct skex_pool_config *config)
{
	const uint64_t pool = (uint64_t)config->high_keys * 32 / AGENT_PIECE_BYTES + 1;

	return peer->paired_pieces >=
		AGENT_PAIR_PIECES + 2 * pool * peer->pools_counts[AGENT_RESPONDER];
}

/* Why a block of it is not taken, whichever it is; NULL when that is no reason. */
static const char *unwelcome(const struct agent_pair *pair, const struct agent_block_ask *ask)
{
	struct skex_agent *agent = pair->agent;
	struct agent_peer *peer = pair->peer;

	if (!agent_purpose_accepted(agent, peer, ask->purpose))
		return "a purpose not accepted from this peer: see skexd.conf";
	if (!agent_pool_has_room(peer, AGENT_RESPONDER, ask->purpose))
		return "one purpose more than the 1,024 that a peer can have keys for at a time";
	if (ask->lifetime_s > SKEX_LIFETIME_MAX_S)
		return "keys that live longer than 400 days";
	if (is_full(peer, &agent->config->pool))
		return "too many of its keys are here that nobody has fetched: until they are "
		       "fetched or expire, no more are taken";
	if (agent->config->require_its && ask->part.instance == 0)
		return "require_its is set, and keys made without hubs are computational";
	return peer->emptying ? "the pools are being emptied after a rollback" : NULL;
}

void agent_block_asked(
	struct agent_pair *pair, struct skex_view blob, struct skex_association_answer *answer)
{
	struct agent_peer *peer = pair->peer;
	struct agent_block_ask ask;
	const char *why;

	if (!agent_block_ask_decode(&ask, blob)) {
		answer->alert = refuse(pair, "a run that asks for something unknown here");
		return;
	}
	if (agent_combines(peer, ask.purpose) != (ask.part.instance != 0) ||
		(ask.part.instance != 0 && peer->qkd != NULL)) {
		answer->alert = refuse_kind(pair, &ask);
		return;
	}
	why = unwelcome(pair, &ask);
	if (why != NULL)
		answer->alert = refuse(pair, why);
	else if (agent_is_spent(pair->agent, peer, ask.first, ask.blocks))
		answer->alert = past(pair, &ask);
	else if (ask.part.instance != 0)
		answer->alert = agent_combine_asked(pair, &ask);
}

static bool take(struct agent_pair *pair, const struct skex_association_keys *keys)
{
	struct skex_agent *agent = pair->agent;
	struct skex_association_answer answer = {0};
	struct agent_block_ask ask;
	struct agent_batch *batch;
	struct agent_pool *pool;

	/* Another run may have brought the same ids since this one was asked for. */
	if (!agent_block_ask_decode(&ask, keys->blob) ||
		agent_is_spent(agent, pair->peer, ask.first, ask.blocks))
		return false;
	/* Nor need it be wanted any more. */
	agent_block_asked(pair, keys->blob, &answer);
	if (answer.alert != 0)
		return false;
	pool = agent_pool_get(agent, pair->peer, AGENT_RESPONDER, ask.purpose);
	if (pool == NULL)
		return false;
	batch = add(pool, keys, &ask);
	if (batch == NULL)
		return false;
	agent_spend(agent, pair->peer, ask.first, ask.blocks);
	if (!agent_batch_settle(batch)) {
		agent_batch_drop(batch);
		return false;
	}
	agent->counters.blocks_accepted += ask.blocks;
	return true;
}

/* ---- begun here --------------------------------------------------------------------------------
 */

static void back_off(struct agent_pair *pair, uint64_t now_ms)
{
	pair->retry_ms = now_ms + skex_back_off(RETRY_FIRST_MS, pair->failures, RETRY_MOST_MS);
	pair->failures++;
}

static void failed(struct agent_block_run *run, const char *why)
{
	struct agent_pair *pair = run->pair;
	struct skex_agent *agent = pair->agent;

	agent->counters.blocks_failed += run->ask.blocks;
	agent_pool_error(run->pool, "%s", why);
	if (pair->failures == 0 || pair->failures % 16 == 15)
		agent_event(agent, SKEX_LEVEL_WARNING, "block_failed", pair->peer->name.text, "",
			"%s (%s)", why, run->pool->purpose);
	back_off(pair, agent_now(agent));
	run_free(run);
}

static void succeed(struct agent_block_run *run, const struct skex_association_keys *keys)
{
	struct agent_pair *pair = run->pair;
	struct agent_pool *pool = run->pool;
	struct agent_batch *batch;

	if (!keys->confirmed) {
		failed(run, "the peer did not say that it has the keys: they are left");
		return;
	}
	batch = pair->peer->emptying ? NULL : add(pool, keys, &run->ask);
	if (batch == NULL || !agent_batch_settle(batch)) {
		if (batch != NULL)
			agent_batch_drop(batch);
		failed(run, "no memory, or the store failed");
		return;
	}
	pair->agent->counters.blocks_confirmed += run->ask.blocks;
	pair->failures = 0;
	pair->retry_ms = 0;
	pool->pair_refusals = 0;
	pool->last_error[0] = '\0';
	run_free(run);
}

bool agent_block_made(struct agent_pair *pair, const struct skex_association_keys *keys)
{
	if (!keys->initiator)
		return take(pair, keys);
	succeed(keys->cookie, keys);
	agent_wake(pair->agent);
	return true;
}

/* The state here is from the past: block ids begin anew. */
static void told_of_past(struct agent_block_run *run)
{
	struct agent_pool *pool = run->pool;

	agent_event(pool->agent, SKEX_LEVEL_ERROR, "rollback_suspected", pool->peer->name.text, "",
		"the peer has had blocks of these numbers before: the state here is from "
		"the past, or a copy of it is at work elsewhere");
	agent_pool_error(pool,
		"the peer has had blocks of these numbers before: others are begun, once a day at "
		"most");
	/* At once, but once: a peer that always says so is asked less and less. */
	if (agent_pair_past(run->pair) && pool->pair_refusals == 1)
		pool->pair_retry_ms = 0;
}

static void unwanted(struct agent_pool *pool, uint8_t alert)
{
	if (alert == SKEX_PAIRWISE_ALERT_REFUSED)
		agent_pool_error(pool,
			"the peer accepts no keys for this purpose, or has no room for more: see "
			"accept in its skexd.conf, and its events");
	else
		agent_pool_error(pool,
			"the peer refuses what this agent asks for (alert %u): is it of another "
			"version?",
			alert);
	if (pool->pair_refusals == 1)
		agent_event(pool->agent, SKEX_LEVEL_WARNING, "block_failed", pool->peer->name.text,
			"", "%s (%s)", pool->last_error, pool->purpose);
}

static void refused(struct agent_block_run *run, uint8_t alert)
{
	struct agent_pool *pool = run->pool;
	struct skex_agent *agent = pool->agent;

	agent->counters.blocks_failed += run->ask.blocks;
	if (agent_combine_refused(pool, &run->ask, alert)) {
		run_free(run);
		return;
	}
	/* Of several runs in one instance the first answer led to a new one. */
	if (alert != SKEX_PAIRWISE_ALERT_PAST || run->ask.first.instance == agent->instance) {
		pool->pair_retry_ms = agent_now(agent) +
			skex_back_off(RETRY_FIRST_MS, pool->pair_refusals, RETRY_MOST_MS);
		pool->pair_refusals++;
		if (alert == SKEX_PAIRWISE_ALERT_PAST)
			told_of_past(run);
		else
			unwanted(pool, alert);
	}
	run_free(run);
}

void agent_block_ended(
	struct agent_pair *pair, void *cookie, enum skex_association_end how, uint8_t alert)
{
	struct agent_block_run *run = cookie;

	if (how == SKEX_ASSOCIATION_REFUSED)
		refused(run, alert);
	else if (how == SKEX_ASSOCIATION_SILENT)
		failed(run, "the peer does not answer: is it running, and is its address right?");
	else
		failed(run, "a run could not be begun: see the log of skexd");
	agent_wake(pair->agent);
}

/* ---- the provider ------------------------------------------------------------------------------
 */

static bool works(const struct agent_peer *peer)
{
	return peer->pair != NULL && peer->pair->association != NULL;
}

static uint8_t class_for(const struct agent_peer *peer)
{
	return works(peer) ? SKEX_CLASS_COMPUTATIONAL : 0;
}

static bool ready(const struct agent_peer *peer)
{
	return works(peer) && skex_endpoint_aimed(peer->pair->association);
}

bool agent_block_answered(const struct agent_pool *pool)
{
	const struct agent_pair *pair = pool->peer->pair;
	const struct agent_block_run *run;

	if (!ready(pool->peer) || pair->failures > 0 || pool->pair_refusals > 0)
		return false;
	for (run = pair->runs; run != NULL; run = run->next) {
		if (agent_now(pool->agent) - run->begun_ms >= SOON_MS)
			return false;
	}
	return true;
}

static bool able(const struct agent_pool *pool)
{
	return agent_block_answered(pool) && !pool->agent->config->require_its;
}

static uint64_t making(const struct agent_pool *pool)
{
	return pool->pair_bytes;
}

/* A rekey is for what its session was begun for: the purpose. */
static uint64_t subject_of(const struct agent_pool *pool)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	const char *at;

	for (at = pool->purpose; *at != '\0'; at++)
		hash = (hash ^ (uint8_t)*at) * UINT64_C(0x100000001b3);
	return hash | 1;
}

bool agent_block_begin(
	struct agent_pool *pool, uint16_t blocks, uint32_t size, struct skex_block_id part)
{
	struct agent_pair *pair = pool->peer->pair;
	struct skex_association_start start = {.subject = subject_of(pool)};
	uint8_t blob[AGENT_BLOCK_ASK_MAX];
	struct agent_block_run *run;
	uint64_t counter;
	enum skex_error error;

	if (!agent_take_counters(pair->agent, blocks, &counter))
		return false;
	run = run_new(pool, blocks, size, counter, part);
	if (run == NULL)
		return false;
	start.blob = skex_view(blob, agent_block_ask_encode(&run->ask, blob));
	start.cookie = run;
	error = skex_association_begin(pair->association, &start);
	if (error != SKEX_OK) {
		agent_pool_error(pool, "a run cannot be begun: %s", skex_error_name(error));
		back_off(pair, agent_now(pair->agent));
		run_free(run);
		return false;
	}
	pair->agent->counters.blocks_initiated += blocks;
	return true;
}

/* In time for another try. */
static bool too_early(struct agent_pool *pool, uint64_t now_ms)
{
	struct agent_pairwise *pairwise = pool->agent->pairwise;
	const uint64_t pair_ms = pool->peer->pair->retry_ms;
	const uint64_t at = pair_ms > pool->pair_retry_ms ? pair_ms : pool->pair_retry_ms;

	if (at <= now_ms)
		return false;
	pairwise->wake_ms = at < pairwise->wake_ms ? at : pairwise->wake_ms;
	return true;
}

bool agent_block_may_begin(struct agent_pool *pool, uint64_t now_ms)
{
	return ready(pool->peer) && !too_early(pool, now_ms) &&
		skex_association_ready(pool->peer->pair->association);
}

static void fill(struct agent_pool *pool, uint64_t bytes, uint64_t now_ms)
{
	const struct agent_pair *pair = pool->peer->pair;
	const struct skex_block_id none = {0, 0};
	const uint64_t most = AGENT_PAIR_BYTES / pool->block_bytes;

	if (pool->agent->config->require_its) {
		agent_pool_error(
			pool, "require_its is set, and keys made without hubs are computational");
		return;
	}
	if (!skex_endpoint_aimed(pair->association)) {
		agent_pool_error(pool,
			"no address of the peer is known, and it was not heard from yet: set "
			"address in skexd.conf");
		return;
	}
	while (bytes > 0 && agent_block_may_begin(pool, now_ms)) {
		uint64_t blocks = (bytes + pool->block_bytes - 1) / pool->block_bytes;

		blocks = blocks < SKEX_BATCH_MAX ? blocks : SKEX_BATCH_MAX;
		blocks = blocks < most ? blocks : most;
		if (!agent_block_begin(pool, (uint16_t)blocks, pool->block_bytes, none))
			return;
		bytes -= blocks * pool->block_bytes < bytes ? blocks * pool->block_bytes : bytes;
	}
}

static void turn(struct skex_agent *agent, uint64_t now_ms)
{
	(void)now_ms;
	if (agent->pairwise != NULL)
		agent->pairwise->wake_ms = UINT64_MAX;
}

static uint64_t due(const struct skex_agent *agent, uint64_t now_ms)
{
	uint64_t associations;

	(void)now_ms;
	if (agent->pairwise == NULL)
		return UINT64_MAX;
	associations = skex_associations_due(skex_endpoint_associations(agent->pairwise->endpoint));
	return associations < agent->pairwise->wake_ms ? associations : agent->pairwise->wake_ms;
}

/* After the pools were filled: what that began becomes durable with this turn. */
static void filled(struct skex_agent *agent, uint64_t now_ms)
{
	if (agent->pairwise != NULL)
		skex_associations_turn(
			skex_endpoint_associations(agent->pairwise->endpoint), now_ms);
}

const struct agent_provider agent_provider_pairwise = {
	.name = "pairwise",
	.class = class_for,
	.forward_secret = works,
	.ready = ready,
	.fill = fill,
	.making = making,
	.able = able,
	.turn = turn,
	.filled = filled,
	.due = due,
	.clear = agent_pairwise_clear,
};
