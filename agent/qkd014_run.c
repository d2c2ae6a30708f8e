/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/consumer.h"
#include "agent/note.h"
#include "agent/provider.h"
#include "agent/qkd014_internal.h"
#include "core/base/backoff.h"
#include "core/base/mem.h"
#include "platform/memory.h"

/* Blocks begun here.  What is under way lives in memory only: a crash abandons it, and the peer's
 * block is never confirmed. */

#define RUNS_MAX       4u /* with one peer, under way */
#define NOTE_WAIT_MS   15000u
#define RESEND_MS      10000u
#define CONFIRM_MS     40000u /* from the offer on */
#define ORDER_MS       50000u /* so long the process may take for the keys */
#define KEYS_MS        60000u /* it answers before that, or has ended */
#define RETRY_FIRST_MS 1000u
#define RETRY_MOST_MS  60000u

static const char unanswered[] =
	"the process that speaks to KMEs does not answer: see the log of skexd";
static const char unconfirmed[] =
	"the peer does not answer: is it connected to its hubs, and does it have the same qkd014?";

/* ---- a run -------------------------------------------------------------------------------------
 */

void qkd_run_free(struct agent_qkd_run *run)
{
	struct agent_pool *pool = run->pool;

	if (run->note_ticket != 0)
		skex_agent_note_cancel(pool->agent, run->note_ticket);
	if (run->ask.part.instance != 0)
		agent_combine_over(pool, &run->ask);
	pool->runs_all--;
	pool->qkd_bytes -= run->ask.secret_size;
	run->source->runs--;
	*run->self = run->next;
	if (run->next != NULL)
		run->next->self = run->self;
	skex_secret_free(run->keys);
	free(run);
}

static struct agent_qkd_run *run_new(struct agent_pool *pool, struct agent_profile *profile,
	uint32_t size, uint64_t counter, struct skex_block_id part)
{
	struct skex_agent *agent = pool->agent;
	struct agent_qkd_peer *source = pool->peer->qkd;
	struct agent_qkd_run *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return NULL;
	run->source = source;
	run->pool = pool;
	run->profile = profile;
	run->ask = (struct agent_block_ask){.first = {agent->instance, counter},
		.part = part,
		.blocks = 1,
		.secret_size = size,
		.lifetime_s = agent->config->pool.lifetime_s};
	memcpy(run->ask.purpose, pool->purpose, sizeof(run->ask.purpose));
	run->deadline_ms = agent_now(agent) + KEYS_MS;
	run->resend_ms = UINT64_MAX;
	run->next = source->all->runs;
	run->self = &source->all->runs;
	if (run->next != NULL)
		run->next->self = &run->next;
	source->all->runs = run;
	source->runs++;
	pool->runs_all++;
	pool->qkd_bytes += size;
	return run;
}

/* Runs that were under way together count once. */
static void back_off(struct agent_qkd_peer *source)
{
	const uint64_t now_ms = agent_now(source->all->agent);

	if (source->failures > 0 && now_ms < source->retry_ms)
		return;
	source->retry_ms = now_ms + skex_back_off(RETRY_FIRST_MS, source->failures, RETRY_MOST_MS);
	source->failures++;
}

/* Its keys are dropped.  Those that it says nothing of were not there. */
static void failed(struct agent_qkd_run *run, const char *text)
{
	struct agent_qkd_peer *source = run->source;
	struct skex_agent *agent = source->all->agent;

	agent->counters.blocks_failed++;
	if (run->keys != NULL)
		source->kme->keys_dropped += run->offer.count;
	agent_pool_error(run->pool, "%s", text);
	(void)snprintf(source->last_error, sizeof(source->last_error), "%s", text);
	if (source->failures == 0 || source->failures % 16 == 15)
		agent_event(agent, SKEX_LEVEL_WARNING, "block_failed", source->peer->name.text, "",
			"%s (%s)", text, run->pool->purpose);
	back_off(source);
	qkd_run_free(run);
}

void qkd_run_failed(struct agent_qkd_run *run, const char *text)
{
	failed(run, text);
}

/* ---- the offer ---------------------------------------------------------------------------------
 */

static void note_done(void *owner, const struct skex_problem *problem,
	const uint8_t id[SKEX_NOTE_ID_BYTES], uint32_t hubs)
{
	struct agent_qkd_run *run = owner;

	(void)id;
	(void)hubs;
	run->note_ticket = 0;
	/* The second one is for the case that the first was lost. */
	if (problem != NULL && run->resend_ms != UINT64_MAX)
		failed(run, problem->message);
}

static bool send_offer(struct agent_qkd_run *run)
{
	struct skex_problem problem;
	enum skex_error error = skex_agent_note_send(run->pool->agent, run->source->peer->name.text,
		skex_view(run->note, run->note_size), NOTE_WAIT_MS, note_done, run,
		&run->note_ticket, &problem);

	if (error != SKEX_OK)
		run->note_ticket = 0;
	return error == SKEX_OK;
}

static bool make_offer(struct agent_qkd_run *run, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES])
{
	struct skex_source_note *offer = &run->offer;

	*offer = (struct skex_source_note){.form = SKEX_SOURCE_OFFER,
		.block = run->ask.first,
		.class_initiator = (uint8_t)qkd_class(run->source),
		.independent = run->source->kme->config->independent,
		.key_bytes = (uint16_t)run->wait.key_bytes,
		.lifetime_s = run->ask.lifetime_s,
		.part = run->ask.part,
		.purpose_size = (uint8_t)strlen(run->ask.purpose),
		.count = (uint8_t)run->wait.count};
	memcpy(offer->profile, run->profile->profile.id, sizeof(offer->profile));
	memcpy(offer->purpose, run->ask.purpose, sizeof(offer->purpose));
	memcpy(offer->ids, ids, (size_t)run->wait.count * SKEX_SOURCE_ID_BYTES);
	return skex_source_note_encode(offer, run->note, &run->note_size) == SKEX_OK;
}

void qkd_run_keys(
	struct agent_qkd_run *run, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES], const uint8_t *keys)
{
	const size_t size = (size_t)run->wait.count * run->wait.key_bytes;
	const uint64_t now_ms = agent_now(run->pool->agent);
	const char *wrong = qkd_see(run->source, ids, run->wait.count, keys, run->wait.key_bytes);

	if (wrong != NULL) {
		run->source->kme->keys_dropped += run->wait.count;
		qkd_problem(run->source, wrong);
		failed(run, wrong);
		return;
	}
	qkd_problem(run->source, NULL);
	run->keys = skex_secret_new(size);
	if (run->keys == NULL || !make_offer(run, ids)) {
		failed(run, "no memory for the keys of a KME");
		return;
	}
	memcpy(run->keys, keys, size);
	run->wait.number = 0;
	run->deadline_ms = now_ms + CONFIRM_MS;
	run->resend_ms = now_ms + RESEND_MS;
	if (!send_offer(run))
		failed(run,
			"too many notes wait to be sent: see skex status for hubs that are away");
}

/* ---- the confirmation --------------------------------------------------------------------------
 */

static uint8_t class_of(const struct agent_qkd_run *run, uint8_t class_responder)
{
	return class_responder < run->offer.class_initiator ? class_responder
							    : run->offer.class_initiator;
}

static enum skex_error commit(struct agent_qkd_run *run, uint8_t class_responder)
{
	const struct skex_agent *agent = run->pool->agent;
	struct qkd_block block = {.source = run->source,
		.pool = run->pool,
		.profile = run->profile,
		.ask = run->ask,
		.independent = run->offer.independent,
		.class = class_of(run, class_responder),
		.secret = run->keys + SKEX_SOURCE_W_BYTES,
		.which = SKEX_CONFIRM_AB,
		.ids = (const uint8_t(*)[SKEX_SOURCE_ID_BYTES])run->offer.ids,
		.ids_count = run->offer.count};

	skex_source_confirm(agent->link.math, run->keys, SKEX_CONFIRM_AB, &agent->name,
		&run->source->peer->name, skex_view(run->note, run->note_size), class_responder,
		block.tags[1]);
	return qkd_block_add(&block);
}

static void confirmed(struct agent_qkd_run *run, uint8_t class_responder)
{
	struct agent_qkd_peer *source = run->source;
	struct skex_agent *agent = run->pool->agent;
	enum skex_error error;

	if (run->offer.class_initiator == SKEX_CLASS_ITS)
		agent_doubt_heard(&source->doubt, class_of(run, class_responder), agent_now(agent));
	if (source->peer->emptying) {
		failed(run, "the pools are being emptied after a rollback");
		return;
	}
	if (agent->config->require_its && run->ask.part.instance == 0 &&
		class_of(run, class_responder) != SKEX_CLASS_ITS) {
		failed(run, "require_its is set, and the peer does not declare its KME its");
		return;
	}
	error = commit(run, class_responder);
	if (error == SKEX_E_REFUSED) {
		failed(run, "require_its is set, and what comes of combining is not its");
	} else if (error != SKEX_OK) {
		failed(run, "no memory, the store failed, or the part is gone");
	} else {
		agent->counters.blocks_confirmed++;
		source->kme->blocks++;
		source->failures = 0;
		source->retry_ms = 0;
		run->pool->pair_refusals = 0;
		run->pool->last_error[0] = '\0';
		qkd_run_free(run);
	}
	agent_wake(agent);
}

bool agent_qkd014_confirm(struct agent_leg *leg, const struct skex_confirm_message *message)
{
	struct skex_agent *agent = leg->agent;
	struct agent_qkd_run *run = agent->qkd == NULL ? NULL : agent->qkd->runs;
	uint8_t expected[SKEX_CONFIRM_TAG_BYTES];
	uint32_t bit;

	while (run != NULL &&
		!(run->ask.first.instance == message->first.instance &&
			run->ask.first.counter == message->first.counter))
		run = run->next;
	if (run == NULL)
		return false;
	bit = UINT32_C(1) << skex_profile_index(&run->profile->profile, leg->leg->record.hub);
	if (run->keys == NULL || message->blocks != 1 || bit == 1 || (run->tried & bit) != 0 ||
		!skex_name_equal(&message->responder, &run->source->peer->name))
		return true;
	run->tried |= bit;
	skex_source_confirm(agent->link.math, run->keys, SKEX_CONFIRM_BA, &agent->name,
		&run->source->peer->name, skex_view(run->note, run->note_size),
		message->class_responder, expected);
	if (skex_ct_equal(expected, message->tags.data, sizeof(expected)))
		confirmed(run, message->class_responder);
	else if (__builtin_popcount(run->tried) >= run->profile->profile.k)
		/* k hubs say the same or lie: one of them is honest. */
		failed(run,
			"the two ends have other keys under the same key_IDs: are the two KMEs of "
			"one link?");
	else
		agent_suspect_confirmation(leg, run->source->peer);
	return true;
}

/* ---- a refusal ---------------------------------------------------------------------------------
 */

static const char *const refusals[SKEX_SOURCE_REASONS] = {
	[SKEX_SOURCE_UNWANTED] =
		"the peer accepts no keys for this purpose: see accept in its skexd.conf",
	[SKEX_SOURCE_NO_KME] = "the peer has no KME for keys with this agent: see qkd014 in its "
			       "skexd.conf",
	[SKEX_SOURCE_KME_AWAY] =
		"the peer cannot get the keys from its KME, which does not answer: "
		"see skex status there",
	[SKEX_SOURCE_NO_KEYS] = "the peer's KME does not give it these keys: are the two KMEs of "
				"one link, and sae_id right at both ends? see skex status there",
	[SKEX_SOURCE_WRONG_KEYS] = "the peer's KME gave it keys that are not as offered, or that "
				   "were used: see skex status there",
	[SKEX_SOURCE_PAST] = "the peer has had a block of this number before: other numbers are "
			     "begun, once a day at most",
	[SKEX_SOURCE_BUSY] = "the peer has too much under way, or too much that was never "
			     "confirmed",
	[SKEX_SOURCE_COMBINE] = "combine is set at one of the two ends only, or with something "
				"else: set it in skexd.conf at both, or at neither",
	[SKEX_SOURCE_NO_PART] = "the peer does not have what hubs gave both ends to be combined",
	[SKEX_SOURCE_PART_LATER] = "the peer waits for hubs to confirm its part of the keys: see "
				   "skex status there",
	[SKEX_SOURCE_NOT_ITS] = "the peer takes its keys only: require_its is set there",
	[SKEX_SOURCE_DECLARED] = "independent is set for the KME of one of the two ends only: set "
				 "it in skexd.conf at both, or at neither",
};

/* The state here is from the past, or a copy of it is at work: block ids begin anew. */
static void told_of_past(struct skex_agent *agent, const struct agent_peer *peer)
{
	agent_event(agent, SKEX_LEVEL_ERROR, "rollback_suspected", peer->name.text, "",
		"the peer has had blocks of these numbers before: the state here is from the past, "
		"or a copy of it is at work elsewhere");
	agent->counters.rollbacks++;
	(void)agent_leave_instance(agent);
}

/* What combining has to do with it is handled as that of a pair: the same alerts. */
static uint8_t alert_of(uint8_t reason)
{
	switch (reason) {
	case SKEX_SOURCE_COMBINE:
		return AGENT_ALERT_COMBINE;
	case SKEX_SOURCE_NO_PART:
		return AGENT_ALERT_NO_PART;
	case SKEX_SOURCE_PART_LATER:
		return AGENT_ALERT_PART_LATER;
	default:
		return 0;
	}
}

void qkd_run_refused(struct agent_qkd *qkd, const struct agent_peer *peer,
	const struct skex_source_note *refusal)
{
	struct agent_qkd_run *run = qkd->runs;
	uint8_t alert = alert_of(refusal->reason);

	while (run != NULL &&
		!(run->source->peer == peer && run->keys != NULL &&
			run->ask.first.instance == refusal->block.instance &&
			run->ask.first.counter == refusal->block.counter))
		run = run->next;
	if (run == NULL)
		return;
	if (refusal->reason == SKEX_SOURCE_PAST && run->ask.first.instance == qkd->agent->instance)
		told_of_past(qkd->agent, peer);
	if (alert != 0)
		(void)agent_combine_refused(run->pool, &run->ask, alert);
	failed(run, refusals[refusal->reason]);
}

/* ---- turns -------------------------------------------------------------------------------------
 */

void qkd_runs_turn(struct agent_qkd *qkd, uint64_t now_ms)
{
	struct agent_qkd_run *run = qkd->runs;

	while (run != NULL) {
		struct agent_qkd_run *next = run->next;

		if (run->source->peer->emptying || !agent_peer_serves(run->source->peer))
			failed(run, "keys with the peer are not wanted any more");
		else if (now_ms >= run->deadline_ms)
			failed(run, run->keys == NULL ? unanswered : unconfirmed);
		else if (now_ms >= run->resend_ms && run->note_ticket == 0) {
			run->resend_ms = UINT64_MAX;
			(void)send_offer(run);
		}
		run = next;
	}
}

uint64_t qkd_runs_due(const struct agent_qkd *qkd)
{
	const struct agent_qkd_run *run;
	uint64_t due = qkd->wake_ms;

	for (run = qkd->runs; run != NULL; run = run->next) {
		due = run->deadline_ms < due ? run->deadline_ms : due;
		if (run->note_ticket == 0 && run->resend_ms < due)
			due = run->resend_ms;
	}
	return due;
}

/* ---- the provider ------------------------------------------------------------------------------
 */

static struct agent_profile *profile_up(const struct agent_peer *peer)
{
	size_t p;

	for (p = 0; p < peer->profiles_count; p++) {
		struct agent_profile *profile = peer->profiles[p];

		if (profile->usable && agent_profile_up(profile) > 0)
			return profile;
	}
	return NULL;
}

bool agent_qkd014_serves(const struct agent_peer *peer)
{
	return peer->qkd != NULL;
}

bool agent_qkd014_ready(const struct agent_peer *peer)
{
	return peer->qkd != NULL && peer->qkd->all->order != NULL && profile_up(peer) != NULL;
}

uint32_t agent_qkd014_room(const struct agent_pool *pool, bool part)
{
	const struct agent_qkd_peer *source = pool->peer->qkd;

	return source == NULL
		? 0
		: skex_source_secret_size(skex_source_ids_room(strlen(pool->purpose), part),
			  (source->kme->config->key_bits + 7) / 8);
}

/* Those of the house make the notes that these keys need. */
static bool makes(const struct agent_pool *pool)
{
	const struct agent_consumer *consumer = agent_consumer_of(pool->purpose);

	return consumer == NULL || consumer->only == NULL;
}

bool agent_qkd014_answered(const struct agent_pool *pool)
{
	return agent_qkd014_ready(pool->peer) && pool->peer->qkd->failures == 0;
}

static bool able(const struct agent_pool *pool)
{
	return agent_qkd014_answered(pool) && agent_qkd014_room(pool, false) >= pool->asked_bytes;
}

static uint8_t class_for(const struct agent_peer *peer)
{
	if (peer->qkd == NULL)
		return 0;
	if (agent_doubt_holds(&peer->qkd->doubt, agent_now(peer->qkd->all->agent)))
		return SKEX_CLASS_COMPUTATIONAL;
	return (uint8_t)qkd_class(peer->qkd);
}

static bool doubtful(const struct agent_peer *peer)
{
	return peer->qkd->doubt.since_ms != 0;
}

static uint64_t making(const struct agent_pool *pool)
{
	return pool->qkd_bytes;
}

bool agent_qkd014_may_begin(struct agent_pool *pool, uint64_t now_ms)
{
	struct agent_qkd_peer *source = pool->peer->qkd;
	uint64_t at;

	if (!agent_qkd014_ready(pool->peer) || source->runs >= RUNS_MAX)
		return false;
	at = source->retry_ms > pool->pair_retry_ms ? source->retry_ms : pool->pair_retry_ms;
	if (at <= now_ms)
		/* After a failure one is tried, and the others wait for what becomes of it. */
		return source->failures == 0 || source->runs == 0;
	source->all->wake_ms = at < source->all->wake_ms ? at : source->all->wake_ms;
	return false;
}

bool agent_qkd014_begin(struct agent_pool *pool, uint32_t size, struct skex_block_id part)
{
	struct agent_qkd_peer *source = pool->peer->qkd;
	const uint32_t key_bytes = (source->kme->config->key_bits + 7) / 8;
	const uint32_t bytes = SKEX_SOURCE_W_BYTES + size;
	struct agent_profile *profile = profile_up(pool->peer);
	struct agent_qkd_run *run;
	uint64_t counter;

	if (profile == NULL || size == 0 || size > agent_qkd014_room(pool, part.instance != 0) ||
		!agent_take_counters(pool->agent, 1, &counter))
		return false;
	run = run_new(pool, profile, size, counter, part);
	if (run == NULL)
		return false;
	if (!qkd_order(source, &run->wait, (bytes + key_bytes - 1) / key_bytes, key_bytes, ORDER_MS,
		    NULL)) {
		qkd_run_free(run);
		return false;
	}
	pool->agent->counters.blocks_initiated++;
	return true;
}

bool agent_qkd014_fits(struct agent_pool *pool, bool part)
{
	const uint32_t room = agent_qkd014_room(pool, part);

	if (room > 0 && room >= pool->asked_bytes)
		return true;
	agent_pool_error(pool,
		"one note names keys of KME %s with %u usable bytes for this purpose, and a key of "
		"%u is asked for: raise its key_bits",
		pool->peer->qkd->kme->config->name.text, room, pool->asked_bytes);
	return false;
}

static void fill(struct agent_pool *pool, uint64_t bytes, uint64_t now_ms)
{
	const struct skex_block_id none = {0, 0};
	const struct agent_qkd_peer *source = pool->peer->qkd;
	const uint32_t room = agent_qkd014_room(pool, false);

	if (pool->agent->config->require_its && qkd_class(source) != SKEX_CLASS_ITS) {
		agent_pool_error(pool, "require_its is set, and its KME is not declared so");
		return;
	}
	if (!agent_qkd014_fits(pool, false))
		return;
	if (source->all->order == NULL)
		agent_pool_error(pool, "the process that speaks to KMEs is being started");
	else if (source->failures > 0 && pool->last_error[0] == '\0')
		agent_pool_error(pool, "%s", source->last_error);
	while (bytes > 0 && agent_qkd014_may_begin(pool, now_ms)) {
		if (!agent_qkd014_begin(pool, room, none))
			return;
		bytes -= room < bytes ? room : bytes;
	}
}

static void turn(struct skex_agent *agent, uint64_t now_ms)
{
	if (agent->qkd == NULL)
		return;
	agent->qkd->wake_ms = UINT64_MAX;
	qkd_runs_turn(agent->qkd, now_ms);
}

static uint64_t due(const struct skex_agent *agent, uint64_t now_ms)
{
	(void)now_ms;
	return agent->qkd == NULL ? UINT64_MAX : qkd_runs_due(agent->qkd);
}

const struct agent_provider agent_provider_qkd014 = {
	.name = "qkd014",
	.class = class_for,
	.doubtful = doubtful,
	.makes = makes,
	.ready = agent_qkd014_ready,
	.able = able,
	.fill = fill,
	.making = making,
	.turn = turn,
	.due = due,
	.clear = agent_qkd014_clear,
};
