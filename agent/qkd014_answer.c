/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/consumer.h"
#include "agent/note.h"
#include "agent/qkd014_internal.h"
#include "core/base/mem.h"
#include "platform/memory.h"

/* Blocks begun by peers.  One is checked before its keys are fetched, for a KME gives them once,
 * and again when they are here. */

#define ANSWERS_MAX    8u /* of one peer, under way */
#define REFUSALS_MAX   4u /* the same: an honest one begins no more at a time */
#define REFUSE_WAIT_MS 15000u
#define ORDER_MS       30000u /* for its keys: the peer gives a block up 40 s after its offer */

void qkd_answer_free(struct agent_qkd_answer *answer)
{
	answer->source->answers--;
	*answer->self = answer->next;
	if (answer->next != NULL)
		answer->next->self = answer->self;
	free(answer);
}

static struct agent_qkd_answer *answer_new(struct agent_qkd_peer *source,
	struct agent_profile *profile, const struct skex_source_note *offer, struct skex_view note)
{
	struct agent_qkd *qkd = source->all;
	struct agent_qkd_answer *answer = calloc(1, sizeof(*answer));

	if (answer == NULL)
		return NULL;
	answer->source = source;
	answer->profile = profile;
	answer->offer = *offer;
	memcpy(answer->note, note.data, note.size);
	answer->note_size = note.size;
	answer->next = qkd->answers;
	answer->self = &qkd->answers;
	if (answer->next != NULL)
		answer->next->self = &answer->next;
	qkd->answers = answer;
	source->answers++;
	return answer;
}

/* ---- refusing ----------------------------------------------------------------------------------
 */

static void refusal_done(void *owner, const struct skex_problem *problem,
	const uint8_t id[SKEX_NOTE_ID_BYTES], uint32_t hubs)
{
	struct agent_peer *peer = owner;

	(void)problem;
	(void)id;
	(void)hubs;
	peer->refusals--;
}

static void refuse(struct skex_agent *agent, struct agent_peer *peer, struct skex_block_id block,
	uint8_t reason, const char *why)
{
	const struct skex_source_note refusal = {
		.form = SKEX_SOURCE_REFUSAL, .block = block, .reason = reason};
	uint8_t note[SKEX_SOURCE_NOTE_MAX];
	struct skex_problem problem;
	uint64_t ticket;
	size_t size = 0;

	agent->counters.blocks_refused++;
	agent_event(agent, SKEX_LEVEL_NOTICE, "block_refused", peer->name.text, "", "%s", why);
	/* An initiator that is not told gives up after a while.  How often there is something to be
	 * told it decides alone: so that takes few of the places that notes have. */
	if (peer->refusals < REFUSALS_MAX && agent->notes_count < SKEX_NOTES_WAITING / 2 &&
		skex_source_note_encode(&refusal, note, &size) == SKEX_OK &&
		skex_agent_note_send(agent, peer->name.text, skex_view(note, size), REFUSE_WAIT_MS,
			refusal_done, peer, &ticket, &problem) == SKEX_OK)
		peer->refusals++;
}

static struct agent_block_ask ask_of(const struct skex_source_note *offer)
{
	struct agent_block_ask ask = {.first = offer->block,
		.part = offer->part,
		.blocks = 1,
		.secret_size = skex_source_secret_size(offer->count, offer->key_bytes),
		.lifetime_s = offer->lifetime_s};

	memcpy(ask.purpose, offer->purpose, sizeof(ask.purpose));
	return ask;
}

static uint8_t class_of(const struct agent_qkd_peer *source, const struct skex_source_note *offer)
{
	const uint8_t own = (uint8_t)qkd_class(source);

	return own < offer->class_initiator ? own : offer->class_initiator;
}

static uint8_t reason_of(uint8_t alert)
{
	return alert == AGENT_ALERT_PART_LATER ? SKEX_SOURCE_PART_LATER : SKEX_SOURCE_NO_PART;
}

/* Of a peer that combines with this KME there are combined keys, and of another one no such. */
static bool combining_differs(struct agent_peer *peer, const struct skex_source_note *offer)
{
	return agent_combines(peer, offer->purpose) != (offer->part.instance != 0);
}

/* Why the block is not wanted now: 0, or the reason, with *why for people. */
static uint8_t unwelcome(
	struct agent_peer *peer, const struct skex_source_note *offer, const char **why)
{
	struct agent_qkd_peer *source = peer->qkd;
	struct skex_agent *agent = source->all->agent;
	const struct agent_consumer *consumer = agent_consumer_of(offer->purpose);
	const struct agent_block_ask ask = ask_of(offer);
	const char mark[] = {AGENT_PART_MARK, '\0'};
	uint8_t alert;

	*why = "a profile that is not accepted from this peer";
	if (!agent_peer_serves(peer) || agent_profile_accepted(peer, offer->profile) == NULL)
		return SKEX_SOURCE_UNWANTED;
	*why = "a purpose not accepted from this peer: see skexd.conf";
	if (agent_purpose_is_part(offer->purpose) || (consumer != NULL && consumer->only != NULL) ||
		!agent_purpose_accepted(agent, peer, offer->purpose))
		return SKEX_SOURCE_UNWANTED;
	*why = "one purpose more than the 1,024 that a peer can have keys for at a time";
	if (!agent_pool_has_room(peer, AGENT_RESPONDER, offer->purpose))
		return SKEX_SOURCE_UNWANTED;
	*why = "what is combined at one end is not at the other: see combine in skexd.conf";
	if (combining_differs(peer, offer)) {
		(void)agent_combine_unwelcome(
			agent, peer, offer->part.instance != 0 ? mark : offer->purpose);
		return SKEX_SOURCE_COMBINE;
	}
	*why = "independent is set for the KME of one of the two ends only: see skexd.conf";
	if (offer->independent != source->kme->config->independent)
		return SKEX_SOURCE_DECLARED;
	*why = "require_its is set, and the KME of one of the ends is not declared so";
	if (agent->config->require_its && offer->part.instance == 0 &&
		class_of(source, offer) != SKEX_CLASS_ITS)
		return SKEX_SOURCE_NOT_ITS;
	*why = "too much of the peer waits for its confirmation, or is under way";
	if (peer->emptying || agent_confirms_full(peer))
		return SKEX_SOURCE_BUSY;
	*why = "a block that was accepted before: the peer's state is an older one";
	if (agent_is_spent(agent, peer, offer->block, 1))
		return SKEX_SOURCE_PAST;
	*why = "the part that hubs gave both ends to be combined is not here, or not confirmed";
	alert = offer->part.instance != 0 ? agent_combine_part_asked(peer, &ask) : 0;
	return alert == 0 ? 0 : reason_of(alert);
}

/* ---- an offer ----------------------------------------------------------------------------------
 */

static bool under_way(const struct agent_qkd *qkd, const struct agent_peer *peer,
	const struct skex_source_note *offer)
{
	const struct agent_qkd_answer *answer = qkd->answers;

	while (answer != NULL &&
		!(answer->source->peer == peer &&
			answer->offer.block.instance == offer->block.instance &&
			answer->offer.block.counter == offer->block.counter))
		answer = answer->next;
	return answer != NULL;
}

void qkd_answer_offer(struct agent_qkd *qkd, struct agent_peer *peer,
	const struct skex_source_note *offer, struct skex_view note)
{
	struct skex_agent *agent = qkd->agent;
	struct agent_qkd_peer *source = peer->qkd;
	struct agent_profile *profile = agent_profile_accepted(peer, offer->profile);
	struct agent_qkd_answer *answer;
	const char *why = "";
	uint8_t reason;

	/* A copy: what answers it is on its way. */
	if (under_way(qkd, peer, offer) ||
		agent_confirm_waits(agent, SKEX_CONFIRM_BA, peer, offer->block))
		return;
	if (source == NULL) {
		refuse(agent, peer, offer->block, SKEX_SOURCE_NO_KME,
			"keys of a KME are offered, and none is set for this peer: see qkd014 in "
			"skexd.conf");
		return;
	}
	reason = unwelcome(peer, offer, &why);
	if (reason == 0 && source->answers >= ANSWERS_MAX) {
		reason = SKEX_SOURCE_BUSY;
		why = "too many keys of a KME are being fetched for this peer";
	} else if (reason == 0 && qkd_seen(source->kme, offer->ids, offer->count)) {
		reason = SKEX_SOURCE_WRONG_KEYS;
		why = "keys of a KME are offered that were fetched before";
	}
	if (reason != 0) {
		refuse(agent, peer, offer->block, reason, why);
		return;
	}
	answer = answer_new(source, profile, offer, note);
	if (answer != NULL &&
		qkd_order(source, &answer->wait, offer->count, offer->key_bytes, ORDER_MS,
			offer->ids))
		return;
	if (answer != NULL)
		qkd_answer_free(answer);
	refuse(agent, peer, offer->block, SKEX_SOURCE_KME_AWAY,
		"the process that speaks to KMEs is being started");
}

/* ---- its keys ----------------------------------------------------------------------------------
 */

/* With the block its id is spent. */
static enum skex_error commit(struct agent_qkd_answer *answer, uint8_t *keys)
{
	const struct skex_source_note *offer = &answer->offer;
	struct agent_qkd_peer *source = answer->source;
	struct agent_peer *peer = source->peer;
	struct skex_agent *agent = source->all->agent;
	const uint8_t own = (uint8_t)qkd_class(source);
	struct qkd_block block = {.source = source,
		.pool = agent_pool_get(agent, peer, AGENT_RESPONDER, offer->purpose),
		.profile = answer->profile,
		.ask = ask_of(offer),
		.independent = offer->independent,
		.class = class_of(source, offer),
		.class_responder = own,
		.secret = keys + SKEX_SOURCE_W_BYTES,
		.which = SKEX_CONFIRM_BA,
		.ids = offer->ids,
		.ids_count = offer->count};
	enum skex_error error = SKEX_E_MEMORY;
	uint8_t i;

	for (i = 0; i < 2; i++)
		skex_source_confirm(agent->link.math, keys,
			i == 0 ? SKEX_CONFIRM_BA : SKEX_CONFIRM_AB, &peer->name, &agent->name,
			skex_view(answer->note, answer->note_size), own, block.tags[i]);
	if (block.pool != NULL)
		error = qkd_block_add(&block);
	/* Whatever became of it: these keys are gone. */
	agent_spend(agent, peer, offer->block, 1);
	skex_wipe(block.tags, sizeof(block.tags));
	return error;
}

static void drop(struct agent_qkd_answer *answer, uint8_t reason, const char *why)
{
	struct agent_qkd_peer *source = answer->source;

	refuse(source->all->agent, source->peer, answer->offer.block, reason, why);
	qkd_answer_free(answer);
}

void qkd_answer_keys(struct agent_qkd_answer *answer, const uint8_t (*ids)[SKEX_SOURCE_ID_BYTES],
	const uint8_t *keys)
{
	const struct skex_source_note *offer = &answer->offer;
	struct agent_qkd_peer *source = answer->source;
	const size_t size = (size_t)offer->count * offer->key_bytes;
	uint8_t *copy = skex_secret_new(size);
	const char *why = qkd_see(source, ids, offer->count, keys, offer->key_bytes);
	uint8_t reason = SKEX_SOURCE_WRONG_KEYS;
	enum skex_error error = SKEX_OK;

	if (why == NULL && memcmp(ids, offer->ids, (size_t)offer->count * sizeof(ids[0])) != 0)
		why = "other keys came than were asked for"; /* rule 3: public ids */
	qkd_problem(source, why);
	if (why == NULL)
		reason = unwelcome(source->peer, offer, &why);
	if (reason == 0 && copy == NULL) {
		reason = SKEX_SOURCE_BUSY;
		why = "no memory for the keys of a KME";
	}
	if (reason == 0) {
		memcpy(copy, keys, size);
		error = commit(answer, copy);
	}
	if (error != SKEX_OK) {
		reason = error == SKEX_E_REFUSED ? SKEX_SOURCE_NOT_ITS : SKEX_SOURCE_BUSY;
		why = error == SKEX_E_REFUSED
			? "require_its is set, and what comes of combining is not its"
			: "no memory, the store failed, or the part is gone";
	}
	skex_secret_free(copy);
	if (reason == 0) {
		source->all->agent->counters.blocks_accepted++;
		source->kme->blocks++;
		qkd_answer_free(answer);
		return;
	}
	source->kme->keys_dropped += offer->count;
	drop(answer, reason, why);
}

void qkd_answer_failed(
	struct agent_qkd_answer *answer, enum skex_qkd014_failure how, const char *text)
{
	static const uint8_t reasons[] = {
		[SKEX_QKD014_AWAY] = SKEX_SOURCE_KME_AWAY,
		[SKEX_QKD014_EMPTY] = SKEX_SOURCE_NO_KEYS,
		[SKEX_QKD014_REFUSED] = SKEX_SOURCE_NO_KEYS,
		[SKEX_QKD014_WRONG] = SKEX_SOURCE_WRONG_KEYS,
	};

	qkd_problem(answer->source, text);
	drop(answer, reasons[how], text);
}
