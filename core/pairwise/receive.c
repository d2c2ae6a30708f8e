/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/pairwise/engine.h"
#include "core/pairwise/reseed.h"

/* ---- the first message ---- */

/* The half that this first message has begun already, or NULL. */
static struct skex_pairwise_half *begun(
	const struct skex_pairwise *pairwise, const struct skex_pairwise_message *message)
{
	struct skex_pairwise_half *found = NULL;
	unsigned i;

	for (i = 0; i < pairwise->halves_count; i++) {
		struct skex_pairwise_half *half = &pairwise->halves[i];

		if (half->state != SKEX_PAIRWISE_HALF_FREE &&
			message->type == half->exchange.first &&
			skex_ct_equal(half->exchange.ids[0], message->id, SKEX_PAIRWISE_ID_BYTES))
			found = half;
	}
	return found;
}

/* How gladly a half is given up; 0: not at all. */
static unsigned worth(const struct skex_pairwise_half *half, uint64_t index, bool rekeys)
{
	switch (half->state) {
	case SKEX_PAIRWISE_HALF_FREE:
		return 4;
	case SKEX_PAIRWISE_HALF_REFUSED:
		return 3;
	case SKEX_PAIRWISE_HALF_DONE:
		return 2;
	case SKEX_PAIRWISE_HALF_OPEN:
		/* The newest index wins, so that old first messages that are let go together
		 * cannot keep the true one out. */
		return !rekeys && half->session == NULL && half->exchange.index < index ? 1 : 0;
	default:
		return 0;
	}
}

/* Of two that are equally dear: of open ones that with the lower index goes, else the older one. */
static bool goes_first(
	const struct skex_pairwise_half *half, const struct skex_pairwise_half *other)
{
	if (half->state == SKEX_PAIRWISE_HALF_OPEN)
		return half->exchange.index < other->exchange.index;
	return half->deadline_ms < other->deadline_ms;
}

/* A place for one more run, or NULL. */
static struct skex_pairwise_half *place(
	const struct skex_pairwise *pairwise, uint64_t index, bool rekeys)
{
	struct skex_pairwise_half *found = NULL;
	unsigned best = 0;
	unsigned i;

	for (i = 0; i < pairwise->halves_count; i++) {
		struct skex_pairwise_half *half = &pairwise->halves[i];
		const unsigned value = worth(half, index, rekeys);

		if (value > best || (found != NULL && value == best && goes_first(half, found))) {
			found = half;
			best = value;
		}
	}
	return found;
}

static void evict(struct skex_pairwise_half *half, struct skex_pairwise_step *step)
{
	struct skex_pairwise_output ignored;
	struct skex_pairwise_step other = *step;

	if (half->state == SKEX_PAIRWISE_HALF_FREE)
		return;
	skex_pairwise_nothing(&ignored, SKEX_OK);
	other.out = &ignored;
	skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_EVICT, &other);
}

/* The time in the message, by the clock of this end. */
static bool time_fits(const struct skex_pairwise_step *step)
{
	const struct skex_pairwise_policy *policy = step->pairwise->policy;
	const struct skex_pairwise_payload *payload = &step->out->payload;
	const uint64_t here = step->input->wall_ms;

	if (!skex_pairwise_has(payload, SKEX_PAIRWISE_FIELD_TIME))
		return !policy->time_needed;
	if (policy->time_window_ms == 0 || here == 0)
		return true;
	return payload->time_ms > here ? payload->time_ms - here <= policy->time_window_ms
				       : here - payload->time_ms <= policy->time_window_ms;
}

/* The session suite that this end wants most of those that are offered; false: there is none. */
static bool choose_suite(struct skex_pairwise_step *step)
{
	const struct skex_view wanted = step->pairwise->policy->suites;
	const struct skex_view offered = step->out->payload.offered;
	size_t i, j;

	if (wanted.size == 0)
		return true;
	if (!skex_pairwise_has(&step->out->payload, SKEX_PAIRWISE_FIELD_OFFERED))
		return false;
	for (i = 0; i < wanted.size; i++) {
		for (j = 0; j < offered.size; j++) {
			if (wanted.data[i] == offered.data[j]) {
				step->chosen = wanted.data[i];
				return true;
			}
		}
	}
	return false;
}

/* A reseed comes to slot 1 only, where it is allowed, and with a number that rises. */
static bool reseed_fits(struct skex_pairwise_step *step)
{
	const struct skex_pairwise_state *state = step->pairwise->state;
	const struct skex_pairwise_payload *payload = &step->out->payload;

	if (!skex_pairwise_has(payload, SKEX_PAIRWISE_FIELD_RESEED))
		return true;
	if (state->reseed == NULL || state->slot != 1 || payload->reseed <= state->reseed->attempt)
		return false;
	step->attempt = payload->reseed;
	return true;
}

/* Why there shall be no session, for a first message that is authentic; or ALERT_NONE. */
static void judge(struct skex_pairwise_step *step)
{
	if (skex_pairwise_take_payload(step->pairwise, step->message, step->out) != SKEX_OK)
		step->alert = SKEX_PAIRWISE_ALERT_PAYLOAD;
	else if (!time_fits(step))
		step->alert = SKEX_PAIRWISE_ALERT_TIME;
	else if (!choose_suite(step))
		step->alert = SKEX_PAIRWISE_ALERT_SUITE;
	else if (!reseed_fits(step))
		step->alert = SKEX_PAIRWISE_ALERT_RESEED;
}

/* Reads the first message under the leaf of one index. */
static enum skex_error read_at(struct skex_pairwise_step *step,
	struct skex_pairwise_exchange *exchange, const struct skex_pairwise_listener *listener,
	uint64_t index)
{
	const struct skex_pairwise_state *state = step->pairwise->state;
	const struct skex_crypto *crypto = step->pairwise->crypto;
	uint8_t leaf[SKEX_HASH_BYTES];
	enum skex_error error;

	error = skex_pairwise_tree_leaf(&listener->window->tree, crypto, index, NULL, leaf);
	if (error == SKEX_OK)
		error = skex_pairwise_begin(exchange, crypto, step->message->type,
			(uint8_t)(1 - state->slot), index, leaf);
	if (error == SKEX_OK)
		error = skex_pairwise_read_first(
			exchange, crypto, state->ac, step->message, step->pairwise->plain);
	skex_wipe(leaf, sizeof(leaf));
	return error;
}

/*
 * Looks the pseudonym up: a pass over a table of W + LA, without cryptography.  Where it is found,
 * the message is read; should two be the same, the tag decides.
 */
static enum skex_error find_first(struct skex_pairwise_step *step,
	struct skex_pairwise_exchange *exchange, struct skex_pairwise_listener *listener)
{
	const struct skex_pairwise_state *state = step->pairwise->state;
	const uint64_t mask = (uint64_t)state->window + state->ahead - 1;
	enum skex_error found = SKEX_E_UNKNOWN;
	uint64_t index;

	if (listener == NULL || listener->window == NULL)
		return SKEX_E_UNKNOWN;
	for (index = listener->window->base; index < listener->listed; index++) {
		if (!skex_ct_equal(
			    listener->ids[index & mask], step->message->id, SKEX_PAIRWISE_ID_BYTES))
			continue;
		if (!skex_pairwise_tree_holds(&listener->window->tree, index))
			continue;
		found = read_at(step, exchange, listener, index);
		if (found == SKEX_OK)
			return found;
	}
	return found;
}

/* Takes the index out of the window, which moves with it. */
static enum skex_error puncture(
	struct skex_pairwise *pairwise, struct skex_pairwise_listener *listener, uint64_t index)
{
	struct skex_pairwise_window *window = listener->window;
	const uint64_t top = window->top > index ? window->top : index + 1;
	const uint16_t most = pairwise->state->window;
	uint64_t base = window->base;
	enum skex_error error;

	if (top > most && top - most > base)
		base = top - most;
	error = skex_pairwise_tree_puncture(&window->tree, pairwise->crypto, index, base);
	if (error == SKEX_OK) {
		window->top = top;
		window->base = base;
		error = skex_pairwise_list(pairwise, listener);
	}
	if (error != SKEX_OK)
		pairwise->broken = true;
	return error;
}

/* An authentic first message: from here on its index is used, whatever comes of it. */
static void take_first(struct skex_pairwise_step *step, struct skex_pairwise_half *half,
	struct skex_pairwise_listener *listener)
{
	struct skex_pairwise *pairwise = step->pairwise;
	const bool pushes = step->message->type == SKEX_PAIRWISE_P1;
	enum skex_error error = SKEX_OK;

	judge(step);
	if (listener == pairwise->spare &&
		pairwise->state->reseed->pending == SKEX_PAIRWISE_PENDING_NEW) {
		error = skex_pairwise_reseed_peer(pairwise);
		listener = &pairwise->main;
	}
	if (error == SKEX_OK)
		error = puncture(pairwise, listener, step->exchange->index);
	if (error != SKEX_OK) {
		step->out->why = error;
		return;
	}
	evict(half, step);
	if (step->out->has_payload &&
		skex_pairwise_has(&step->out->payload, SKEX_PAIRWISE_FIELD_ROLLBACK))
		step->out->actions |= SKEX_PAIRWISE_PEER_ROLLBACK;
	skex_pairwise_half_step(
		half, pushes ? SKEX_PAIRWISE_HALF_PUSH : SKEX_PAIRWISE_HALF_FIRST, step);
}

void skex_pairwise_receive_first(struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_half *half = begun(pairwise, message);
	struct skex_pairwise_listener *listener = &pairwise->main;
	struct skex_pairwise_exchange exchange;
	struct skex_pairwise_step step = {.pairwise = pairwise,
		.input = input,
		.message = message,
		.exchange = &exchange,
		.out = out};

	if (half != NULL) {
		skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_AGAIN, &step);
		return;
	}
	out->why = find_first(&step, &exchange, listener);
	if (out->why == SKEX_E_UNKNOWN) {
		listener = pairwise->spare;
		out->why = find_first(&step, &exchange, listener);
	}
	if (out->why == SKEX_E_UNKNOWN) {
		pairwise->counters.unknown++;
		return;
	}
	if (out->why == SKEX_OK) {
		half = place(pairwise, exchange.index, false);
		if (half == NULL) {
			pairwise->counters.full++;
			out->why = SKEX_E_QUOTA;
		} else {
			take_first(&step, half, listener);
		}
	} else if (out->why == SKEX_E_AUTH) {
		pairwise->counters.forged++;
	}
	skex_wipe(&exchange, sizeof(exchange));
}

/* ---- rekey ---- */

/* Both ends ask at once: who began the session goes on, the other one's attempt gives way. */
static bool gives_way(struct skex_pairwise_step *step)
{
	struct skex_pairwise_run *own = step->session->asking;
	struct skex_pairwise_output ignored;

	if (own == NULL)
		return true;
	if (step->session->initiator == step->pairwise->state->slot ||
		own->state != SKEX_PAIRWISE_RUN_WAIT_ANSWER)
		return false;
	skex_pairwise_run_stop(step->pairwise, own, &ignored);
	return true;
}

static void take_rekey(struct skex_pairwise_step *step)
{
	struct skex_pairwise_half *half = place(step->pairwise, step->attempt, true);

	/* Times and suites are those of the session's first run.  There is nothing to refuse K1
	 * with that would not use the attempt. */
	step->out->why = skex_pairwise_take_payload(step->pairwise, step->message, step->out);
	if (step->out->why != SKEX_OK)
		return;
	if (half == NULL) {
		step->pairwise->counters.full++;
		step->out->why = SKEX_E_QUOTA;
	} else if (!gives_way(step)) {
		step->out->why = SKEX_E_BUSY;
	} else {
		evict(half, step);
		skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_REKEY, step);
	}
}

void skex_pairwise_receive_rekey(struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out)
{
	const uint8_t peer = (uint8_t)(1 - pairwise->state->slot);
	struct skex_pairwise_half *half = begun(pairwise, message);
	struct skex_pairwise_session *session = input->session;
	struct skex_pairwise_exchange exchange;
	struct skex_pairwise_step step = {.pairwise = pairwise,
		.input = input,
		.message = message,
		.exchange = &exchange,
		.session = session,
		.out = out};
	uint8_t leaf[SKEX_HASH_BYTES];

	if (half != NULL) {
		skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_AGAIN, &step);
		return;
	}
	step.attempt = session == NULL ? 0 : skex_pairwise_attempt_of(session, message->id);
	if (step.attempt == 0) {
		pairwise->counters.unknown++;
		out->why = SKEX_E_UNKNOWN;
		return;
	}
	if (step.attempt <= session->answered) {
		out->why = SKEX_E_REPLAY;
		return;
	}
	out->why = skex_pairwise_rekey_leaf(
		pairwise->crypto, session->keys.rs, peer, step.attempt, leaf);
	if (out->why == SKEX_OK)
		out->why = skex_pairwise_begin(
			&exchange, pairwise->crypto, SKEX_PAIRWISE_K1, peer, step.attempt, leaf);
	if (out->why == SKEX_OK)
		out->why = skex_pairwise_read_first(
			&exchange, pairwise->crypto, pairwise->state->ac, message, pairwise->plain);
	if (out->why == SKEX_OK)
		take_rekey(&step);
	else if (out->why == SKEX_E_AUTH)
		pairwise->counters.forged++;
	skex_wipe(leaf, sizeof(leaf));
	skex_wipe(&exchange, sizeof(exchange));
}

/* ---- the third message ---- */

static struct skex_pairwise_half *awaiting(
	const struct skex_pairwise *pairwise, const struct skex_pairwise_message *message)
{
	struct skex_pairwise_half *found = NULL;
	unsigned i;

	for (i = 0; i < pairwise->halves_count; i++) {
		struct skex_pairwise_half *half = &pairwise->halves[i];

		if ((half->state == SKEX_PAIRWISE_HALF_OPEN ||
			    half->state == SKEX_PAIRWISE_HALF_DONE ||
			    half->state == SKEX_PAIRWISE_HALF_REFUSED) &&
			message->type == half->exchange.first + 2 &&
			skex_ct_equal(half->exchange.ids[2], message->id, SKEX_PAIRWISE_ID_BYTES))
			found = half;
	}
	return found;
}

/* M3 whose tag is right. */
static void take_third(struct skex_pairwise_half *half, struct skex_pairwise_step *step)
{
	if (skex_pairwise_take_payload(step->pairwise, step->message, step->out) != SKEX_OK)
		skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_SPOILT, step);
	else if (half->attempt != 0 && half->session == NULL)
		skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_RESEED, step);
	else
		skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_THIRD, step);
}

void skex_pairwise_receive_third(struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_half *half = awaiting(pairwise, message);
	struct skex_pairwise_exchange exchange;
	struct skex_pairwise_keys keys;
	struct skex_pairwise_step step = {.pairwise = pairwise,
		.input = input,
		.message = message,
		.exchange = &exchange,
		.keys = &keys,
		.out = out};

	if (half == NULL) {
		pairwise->counters.unknown++;
		out->why = SKEX_E_UNKNOWN;
		return;
	}
	if (half->state != SKEX_PAIRWISE_HALF_OPEN) {
		skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_THIRD, &step);
		return;
	}
	exchange = half->exchange;
	out->why = skex_pairwise_read_third(&exchange, pairwise->crypto, message, pairwise->plain);
	if (out->why == SKEX_OK)
		out->why = skex_pairwise_exchange_keys(
			&half->exchange, pairwise->crypto, &keys, 0, NULL);
	if (out->why == SKEX_OK)
		take_third(half, &step);
	else if (out->why == SKEX_E_AUTH)
		pairwise->counters.forged++;
	skex_wipe(&exchange, sizeof(exchange));
	skex_wipe(&keys, sizeof(keys));
}
