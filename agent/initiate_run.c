/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/initiate.h"
#include "core/base/backoff.h"
#include "platform/memory.h"

/*
 * The life of a run: what comes back of it, and what its pool and its peer count of it.  One that
 * is not answered soon is stalled: it may still come to its end, but takes no place any more, and
 * its pool is silent until the next answer; so is its peer, unless that answered others meanwhile.
 */
#define RUNS_KEPT       192u /* when there are more, the oldest stalled ones go */
#define RUN_DEADLINE_MS 30000u
#define RUN_STALLED_MS  1500u
#define RETRY_FIRST_MS  250u
#define RETRY_MOST_MS   60000u

/* It does not count as under way any more. */
static void leave(struct agent_run *run)
{
	run->pool->runs--;
	run->pool->peer->runs--;
	run->pool->agent->runs_active--;
	run->pool->agent->runs_probing -= run->probe;
}

void agent_run_free(struct agent_run *run)
{
	*run->self = run->next;
	if (run->next != NULL)
		run->next->self = run->self;
	if (!run->stalled)
		leave(run);
	agent_ring_remove(&run->waits);
	run->pool->agent->runs_count--;
	run->pool->runs_all--;
	skex_secret_free(run->secret);
	free(run);
}

/* Not before that: longer each time. */
static void back_off(struct agent_pool *pool, uint32_t times, uint64_t now_ms)
{
	const uint64_t at = now_ms + skex_back_off(RETRY_FIRST_MS, times, RETRY_MOST_MS);

	pool->retry_ms = at > pool->retry_ms ? at : pool->retry_ms;
}

void agent_run_back_off(struct agent_pool *pool, uint64_t now_ms)
{
	back_off(pool, pool->failures++, now_ms);
}

bool agent_run_silent(const struct agent_pool *pool)
{
	return pool->silences > 0 || pool->peer->silent;
}

/* Runs that were begun together are one attempt. */
static void stall(struct agent_run *run, uint64_t now_ms)
{
	struct agent_pool *pool = run->pool;

	leave(run);
	run->stalled = true;
	pool->peer->silent |= run->began_ms >= pool->peer->answered_ms;
	agent_ring_append(&pool->agent->stalled, &run->waits);
	if (now_ms >= pool->retry_ms)
		back_off(pool, pool->silences++, now_ms);
}

struct agent_run *agent_run_new(
	struct agent_pool *pool, struct agent_profile *profile, uint16_t blocks, uint64_t counter)
{
	struct skex_agent *agent = pool->agent;
	const size_t vector = (size_t)blocks * (SKEX_BLOCK_EXTRA_BYTES + pool->block_bytes);
	const size_t tags = (size_t)blocks * SKEX_BLOCK_TAG_BYTES;
	struct agent_run *run = calloc(1, sizeof(*run));
	struct skex_common common = {0};

	if (run == NULL)
		return NULL;
	run->secret_size = vector + 2 * tags;
	run->secret = skex_secret_new(run->secret_size);
	if (run->secret == NULL) {
		free(run);
		return NULL;
	}
	common.initiator = agent->name;
	common.responder = pool->peer->name;
	common.first.instance = agent->instance;
	common.first.counter = counter;
	memcpy(common.profile, profile->profile.id, sizeof(common.profile));
	common.n = profile->profile.n;
	common.k = profile->profile.k;
	common.secret_size = pool->block_bytes;
	common.class_initiator = (uint8_t)agent_profile_class(profile);
	common.purpose_size = (uint8_t)strlen(pool->purpose);
	memcpy(common.purpose, pool->purpose, common.purpose_size);
	common.lifetime_s = agent->config->pool.lifetime_s;
	skex_initiator_init(&run->engine, agent->link.math, &profile->profile, &common, blocks,
		run->secret, run->secret + vector, run->secret + vector + tags);
	run->pool = pool;
	run->profile = profile;
	run->began_ms = agent_now(agent);
	run->deadline_ms = run->began_ms + RUN_DEADLINE_MS;
	run->self = &agent->runs;
	run->next = agent->runs;
	if (run->next != NULL)
		run->next->self = &run->next;
	agent->runs = run;
	run->probe = agent_run_silent(pool);
	run->waits.item = run;
	agent_ring_init(&run->waits);
	agent->runs_count++;
	agent->runs_active++;
	agent->runs_probing += run->probe;
	pool->peer->runs++;
	pool->runs++;
	pool->runs_all++;
	return run;
}

/* ---- what comes back ---------------------------------------------------------------------------
 */

static void drop(struct agent_run *run, const char *why)
{
	struct agent_pool *pool = run->pool;
	struct skex_agent *agent = pool->agent;

	agent->counters.blocks_failed += run->engine.blocks;
	agent_pool_error(pool, "%s", why);
	agent_run_back_off(pool, agent_now(agent));
	if (pool->failures == 1 || pool->failures % 16 == 0)
		agent_event(agent, SKEX_LEVEL_WARNING, "block_failed", pool->peer->name.text, "",
			"%s (%s)", why, pool->purpose);
	agent_run_free(run);
}

static void unconfirmed(struct agent_run *run)
{
	const uint32_t others = run->engine.members & ~(run->engine.refused | run->declined);
	char why[AGENT_WHY_TEXT];

	/* Of those that refused some may have said status 9, and fewer than k. */
	if (__builtin_popcount(others) < run->profile->profile.k)
		agent_why_refused(run, why, sizeof(why));
	else
		agent_why_unconfirmed(
			run->pool->peer, run->profile, run->engine.members, why, sizeof(why));
	drop(run, why);
}

static void refused(struct agent_run *run)
{
	char why[AGENT_WHY_TEXT];

	agent_why_refused(run, why, sizeof(why));
	drop(run, why);
}

/*
 * One honest hub at least says that the peer refused it, as it refuses an instance that it takes
 * for left: hubs that were late may have brought it blocks of another one since, or this state was
 * put back.  Nobody else would ever tell.
 */
static void leave_instance(const struct agent_run *run)
{
	struct skex_agent *agent = run->pool->agent;

	if (run->engine.common.first.instance != agent->instance || !agent_leave_instance(agent))
		return;
	agent_event(agent, SKEX_LEVEL_NOTICE, "instance_left", run->pool->peer->name.text, "",
		"it refused keys, as it does when it had others that were begun later: the "
		"numbers of blocks begin anew");
}

/*
 * Gives up when fewer than k hubs can still deliver.  Status 9 counts only when k hubs say it, for
 * who gives up sooner does not hear all of them: one hub that refuses for itself would keep this
 * agent in an instance that was left.
 */
static void hear_refusal(struct agent_run *run, uint8_t index, uint16_t status)
{
	bool counts;
	uint8_t i;

	if (run->engine.state != SKEX_INITIATOR_SHARING)
		return;
	if (status == SKEX_ACK_DECLINED)
		run->declined |= UINT32_C(1) << index;
	else
		run->status = status;
	counts = __builtin_popcount(run->declined) >= run->profile->profile.k;
	if (counts)
		leave_instance(run);
	else if (status == SKEX_ACK_DECLINED)
		return;
	for (i = 1; i <= run->profile->profile.n; i++) {
		if (i != index && (!counts || (run->declined & UINT32_C(1) << i) == 0))
			continue;
		(void)skex_initiator_step(&run->engine, SKEX_INITIATOR_REFUSED, &i);
		if ((run->engine.actions & SKEX_DSKE_DROP) != 0) {
			refused(run);
			return;
		}
	}
}

void agent_run_refused(struct agent_leg *leg, struct skex_pad_position at, uint16_t status)
{
	struct agent_run *run = leg->agent->runs;

	while (run != NULL) {
		uint8_t index = run->profile->usable
			? skex_profile_index(&run->profile->profile, leg->leg->record.hub)
			: 0;

		if (index != 0 && (run->engine.members & (UINT32_C(1) << index)) != 0 &&
			skex_pad_compare(run->sent[index - 1], at) == 0) {
			leg->agent->counters.shares_refused++;
			hear_refusal(run, index, status);
			return;
		}
		run = run->next;
	}
}

/* The pair of keys is in both states now: deliver. */
static void durable(void *owner, enum skex_error error)
{
	struct agent_run *run = owner;
	struct agent_batch *batch;
	struct agent_pool *pool;
	struct skex_agent *agent;

	if (error != SKEX_OK)
		return;
	pool = run->pool;
	agent = pool->agent;
	(void)skex_initiator_step(&run->engine, SKEX_INITIATOR_DURABLE, NULL);
	batch = agent_batch_find(pool, run->engine.common.first);
	if (batch != NULL)
		agent_batch_durable(batch);
	agent->counters.blocks_confirmed += run->engine.blocks;
	pool->failures = 0;
	pool->silences = 0;
	pool->peer->answered_ms = agent_now(agent);
	pool->peer->silent = false;
	pool->retry_ms = 0;
	pool->last_error[0] = '\0';
	agent_run_free(run);
	agent_wake(agent);
}

/* One transaction: the secret, and the confirmation that will be sent. */
static void persist(struct agent_run *run)
{
	struct agent_pool *pool = run->pool;
	struct skex_agent *agent = pool->agent;
	const struct skex_common *common = &run->engine.common;
	const uint64_t expires = agent_wall(agent) + (uint64_t)common->lifetime_s * 1000;
	const uint8_t class = run->engine.class_responder < common->class_initiator
		? run->engine.class_responder
		: common->class_initiator;
	const struct agent_quality quality = {
		.class = class == SKEX_CLASS_ITS ? SKEX_CLASS_ITS : SKEX_CLASS_COMPUTATIONAL,
		.confirmed = true,
		.profile = common->profile};
	struct agent_batch *batch;

	agent_dske_heard(pool->peer, quality.class, agent_now(agent));
	if (agent->config->require_its && class != SKEX_CLASS_ITS) {
		drop(run, "require_its is set, and a leg of the peer is not its");
		return;
	}
	batch = pool->peer->emptying
		? NULL
		: agent_batch_add(pool, common->first, run->engine.blocks, common->secret_size,
			  run->engine.vector, skex_vector_size(common), SKEX_BLOCK_EXTRA_BYTES,
			  &quality, expires);
	if (batch == NULL ||
		agent_confirm_add(agent, pool->peer, run->profile, SKEX_CONFIRM_AB, common->first,
			run->engine.blocks, 0, run->engine.confirm, NULL, expires) != SKEX_OK) {
		/* The peer would never be told of it. */
		if (batch != NULL)
			agent_batch_drop(batch);
		drop(run, "no memory, or the store failed");
		return;
	}
	agent_ring_remove(&run->waits); /* it stays until its commit is durable */
	skex_commit_after(&agent->link.commit, durable, run);
}

void agent_run_confirm(struct agent_leg *leg, const struct skex_confirm_message *message)
{
	struct skex_initiator_confirm from = {0};
	struct agent_run *run;
	uint32_t tried;

	from.message = message;
	for (run = leg->agent->runs; run != NULL; run = run->next) {
		if (run->engine.common.first.counter != message->first.counter ||
			run->engine.common.first.instance != message->first.instance)
			continue;
		from.index = skex_profile_index(&run->profile->profile, leg->leg->record.hub);
		if (from.index == 0)
			return;
		tried = run->engine.tried;
		if (skex_initiator_step(&run->engine, SKEX_INITIATOR_CONFIRM, &from) &&
			(run->engine.actions & SKEX_DSKE_PERSIST) != 0)
			persist(run);
		else if (run->engine.tried != tried)
			agent_suspect_confirmation(leg, run->pool->peer);
		return;
	}
}

/* ---- what is due, and what is given up ---------------------------------------------------------
 */

void agent_runs_turn(struct skex_agent *agent, uint64_t now_ms)
{
	struct agent_run *run = agent->runs;

	while (run != NULL) {
		struct agent_run *next = run->next;

		if (run->engine.state == SKEX_INITIATOR_SHARING && !run->stalled &&
			now_ms - run->began_ms > RUN_STALLED_MS)
			stall(run, now_ms);
		if (run->engine.state == SKEX_INITIATOR_SHARING && now_ms >= run->deadline_ms) {
			(void)skex_initiator_step(&run->engine, SKEX_INITIATOR_DEADLINE, NULL);
			unconfirmed(run);
		}
		run = next;
	}
	while (agent->runs_count > RUNS_KEPT && (run = agent_ring_first(&agent->stalled)) != NULL)
		unconfirmed(run);
}

uint64_t agent_runs_due(const struct skex_agent *agent)
{
	uint64_t due = UINT64_MAX;
	const struct agent_run *run;

	/* One that waits for its commit is due at no time. */
	for (run = agent->runs; run != NULL; run = run->next) {
		uint64_t at = run->stalled ? run->deadline_ms : run->began_ms + RUN_STALLED_MS + 1;

		if (run->engine.state == SKEX_INITIATOR_SHARING)
			due = at < due ? at : due;
	}
	return due;
}

uint32_t agent_runs_part(struct skex_agent *agent, const struct agent_peer *peer)
{
	struct agent_run *run = agent->runs;
	uint32_t count = 0;

	while (run != NULL) {
		struct agent_run *next = run->next;

		if (run->pool->peer == peer && run->engine.state == SKEX_INITIATOR_SHARING &&
			agent_profile_accepted(peer, run->profile->profile.id) == NULL) {
			drop(run,
				peer->listed ? "its profile is none of the peer's any more"
					     : "the peer was removed");
			count++;
		}
		run = next;
	}
	return count;
}

void agent_runs_end(const struct agent_pool *pool)
{
	struct agent_run *run = pool->agent->runs;

	while (run != NULL) {
		struct agent_run *next = run->next;

		if (run->pool == pool && run->engine.state == SKEX_INITIATOR_SHARING)
			drop(run, "its keys are wanted no more");
		run = next;
	}
}

void agent_runs_clear(struct skex_agent *agent)
{
	while (agent->runs != NULL)
		agent_run_free(agent->runs);
}
