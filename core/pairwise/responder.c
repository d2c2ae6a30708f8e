/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/responder.h"

#include "core/base/mem.h"
#include "core/pairwise/engine.h"
#include "core/pairwise/reseed.h"

static struct skex_view sent(const struct skex_pairwise_half *half)
{
	return skex_view(half->message, half->size);
}

/* What one answers to, to know it again. */
static void remember(struct skex_pairwise_half *half, const struct skex_pairwise_message *message)
{
	memcpy(half->mark, message->tag, sizeof(half->mark));
	half->repeats = 0;
}

static bool same(const struct skex_pairwise_half *half, const struct skex_pairwise_message *message)
{
	return skex_ct_equal(half->mark, message->tag, sizeof(half->mark));
}

/* The exchange was read by the caller; its index is punctured. */
static void take(struct skex_pairwise_half *half, const struct skex_pairwise_step *step)
{
	half->exchange = *step->exchange;
	half->first_size = (uint16_t)step->message->whole.size;
	half->alert = step->alert;
	half->chosen = step->chosen;
	half->attempt = step->attempt;
	half->session = step->session;
	half->deadline_ms = step->input->now_ms + SKEX_PAIRWISE_HALF_MS;
	half->size = 0;
	half->refilled = 0;
	remember(half, step->message);
}

static bool first(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	take(half, step);
	half->actions = SKEX_PAIRWISE_PERSIST;
	return true;
}

/* The second message, within the bound on what an answer may be longer. */
static bool make_second(struct skex_pairwise_half *half, struct skex_pairwise_step *step,
	const struct skex_pairwise_payload *payload)
{
	const struct skex_crypto *crypto = step->pairwise->crypto;
	struct skex_pairwise_exchange exchange = half->exchange;
	uint8_t nonce[SKEX_PAIRWISE_NONCE_BYTES];
	struct skex_hmac key;
	enum skex_error error;
	size_t size = 0;

	if (step->input->random.size != SKEX_PAIRWISE_RANDOM_BYTES)
		return skex_pairwise_step_fail(step, SKEX_E_ENTROPY);
	error = skex_hmac_init(crypto, &key, exchange.secret);
	if (error == SKEX_OK)
		error = skex_pairwise_nonce(crypto, &key, "nb", step->input->random.data, nonce);
	if (error == SKEX_OK)
		error = skex_pairwise_send_second(
			&exchange, crypto, nonce, payload, half->message, half->room, &size);
	if (error == SKEX_OK && size > (size_t)half->first_size + SKEX_PAIRWISE_GROWTH) {
		skex_wipe(half->message, size);
		error = SKEX_E_QUOTA;
	}
	if (error == SKEX_OK) {
		half->exchange = exchange;
		half->size = (uint16_t)size;
		step->out->message = sent(half);
	}
	skex_wipe(&key, sizeof(key));
	skex_wipe(&exchange, sizeof(exchange));
	return error == SKEX_OK ? true : skex_pairwise_step_fail(step, error);
}

static bool answer(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	struct skex_pairwise_payload payload;

	memset(&payload, 0, sizeof(payload));
	if (step->payload != NULL)
		payload = *step->payload;
	if (half->chosen != 0) {
		payload.present |= 1u << SKEX_PAIRWISE_FIELD_CHOSEN;
		payload.chosen = half->chosen;
	}
	if (!make_second(half, step, &payload))
		return false;
	half->actions = SKEX_PAIRWISE_SEND;
	return true;
}

/* The keys to come are gone; only the answer stays, for an M1 that comes again. */
static bool refuse(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	struct skex_pairwise_payload payload;

	memset(&payload, 0, sizeof(payload));
	payload.present = 1u << SKEX_PAIRWISE_FIELD_ALERT;
	payload.alert = step->alert;
	if (!make_second(half, step, &payload))
		return false;
	skex_wipe(half->exchange.secret, sizeof(half->exchange.secret));
	skex_wipe(half->exchange.hash, sizeof(half->exchange.hash));
	half->actions = SKEX_PAIRWISE_SEND;
	return true;
}

/* The attempt is used, and the keys before it stay until the new ones are confirmed. */
static bool rekey(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	take(half, step);
	if (!make_second(half, step, step->payload)) {
		skex_wipe(&half->exchange, sizeof(half->exchange));
		half->session = NULL;
		return false;
	}
	step->session->answered = (uint8_t)step->attempt;
	half->actions = SKEX_PAIRWISE_SEND;
	return true;
}

static void wipe(struct skex_pairwise_half *half)
{
	skex_wipe(&half->exchange, sizeof(half->exchange));
	skex_wipe(half->message, half->size);
	skex_wipe(half->mark, sizeof(half->mark));
	half->size = 0;
	half->session = NULL;
}

static bool forget(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;

	(void)input;
	wipe(half);
	half->actions = SKEX_PAIRWISE_DROP;
	return true;
}

/* An M4 was sent, or nobody asked for one: it was no failure. */
static bool release(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;

	(void)input;
	wipe(half);
	return true;
}

/* The session of an exchange that waited for a commit. */
static bool make_session(const struct skex_pairwise_half *half, struct skex_pairwise_step *step)
{
	struct skex_pairwise_keys keys;
	enum skex_error error = skex_pairwise_exchange_keys(
		&half->exchange, step->pairwise->crypto, &keys, 0, NULL);

	if (error != SKEX_OK)
		return skex_pairwise_step_fail(step, error);
	skex_pairwise_session_make(&step->out->session, &keys, &half->exchange, NULL);
	skex_wipe(&keys, sizeof(keys));
	return true;
}

static bool pushed(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;

	if (!make_session(half, skex_pairwise_step_of(input)))
		return false;
	wipe(half);
	half->actions = SKEX_PAIRWISE_DELIVER;
	return true;
}

/*
 * Copies use up the answers, and anybody can make some: time gives one back each second, so that
 * what the peer sends again finds one.
 */
static void refill(struct skex_pairwise_half *half, uint64_t now_ms)
{
	const uint64_t came_ms = half->deadline_ms - SKEX_PAIRWISE_HALF_MS;
	const uint64_t age_ms = now_ms < came_ms ? 0 : now_ms - came_ms;
	uint32_t seconds = UINT16_MAX;
	uint32_t gained;

	/* Machines of 32 bits divide no 64 without help. */
	if (age_ms < (uint64_t)UINT16_MAX * SKEX_PAIRWISE_REPEAT_MS)
		seconds = (uint32_t)age_ms / SKEX_PAIRWISE_REPEAT_MS;
	if (seconds <= half->refilled)
		return;
	gained = seconds - half->refilled;
	half->repeats = (uint8_t)(gained < half->repeats ? half->repeats - gained : 0);
	half->refilled = (uint16_t)seconds;
}

static bool again(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	if (!same(half, step->message) || half->size == 0)
		return skex_pairwise_step_fail(step, SKEX_E_REPLAY);
	refill(half, step->input->now_ms);
	if (half->repeats >= SKEX_PAIRWISE_REPEATS) {
		step->pairwise->counters.limited++;
		return skex_pairwise_step_fail(step, SKEX_E_QUOTA);
	}
	half->repeats++;
	step->out->message = sent(half);
	half->actions = SKEX_PAIRWISE_SEND;
	return true;
}

/* The fourth message, when the third asks for it; exchange is after the third. */
static bool make_fourth(struct skex_pairwise_half *half, struct skex_pairwise_step *step,
	const struct skex_pairwise_payload *payload)
{
	struct skex_pairwise_exchange exchange = *step->exchange;
	enum skex_error error;
	size_t size = 0;

	error = skex_pairwise_send_fourth(
		&exchange, step->pairwise->crypto, payload, half->message, half->room, &size);
	skex_wipe(&exchange, sizeof(exchange));
	if (error != SKEX_OK)
		return skex_pairwise_step_fail(step, error);
	skex_wipe(half->message + size, half->room - size);
	half->size = (uint16_t)size;
	return true;
}

/* What stays of a half that was accepted: who it was, and the answer to the third message. */
static void settle(struct skex_pairwise_half *half)
{
	skex_wipe(half->exchange.secret, sizeof(half->exchange.secret));
	skex_wipe(half->exchange.hash, sizeof(half->exchange.hash));
	half->repeats = 0;
}

static bool accept(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	const bool wanted =
		step->message != NULL && (step->message->flags & SKEX_PAIRWISE_ACKREQ) != 0;

	if (wanted && !make_fourth(half, step, NULL))
		return false;
	if (!wanted) {
		skex_wipe(half->message, half->size);
		half->size = 0;
	}
	skex_pairwise_session_make(&step->out->session, step->keys, &half->exchange, half->session);
	half->actions = SKEX_PAIRWISE_DELIVER | SKEX_PAIRWISE_CONFIRMED;
	if (wanted) {
		step->out->message = sent(half);
		half->actions |= SKEX_PAIRWISE_SEND;
	}
	if (half->session != NULL)
		half->actions |= SKEX_PAIRWISE_RETIRE;
	if (step->message != NULL)
		remember(half, step->message);
	half->session = NULL;
	settle(half);
	return true;
}

/* M4 is made, and held until the generation that it speaks of is durable. */
static bool hold(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	uint8_t secret[SKEX_HASH_BYTES];
	struct skex_pairwise_payload payload;
	struct skex_pairwise_keys keys;
	enum skex_error error;

	/* A newer attempt may have become pending since M1: the peer may be there already. */
	if (half->attempt <= step->pairwise->state->reseed->attempt)
		return skex_pairwise_step_fail(step, SKEX_E_REPLAY);
	memset(&payload, 0, sizeof(payload));
	payload.present = 1u << SKEX_PAIRWISE_FIELD_RESEEDED;
	payload.reseeded = half->attempt;
	if (!make_fourth(half, step, &payload))
		return false;
	error = skex_pairwise_exchange_keys(
		&half->exchange, step->pairwise->crypto, &keys, half->attempt, secret);
	if (error == SKEX_OK)
		error = skex_pairwise_reseed_pend(step->pairwise, half->attempt, secret);
	skex_wipe(secret, sizeof(secret));
	skex_wipe(&keys, sizeof(keys));
	if (error != SKEX_OK)
		return skex_pairwise_step_fail(step, error);
	remember(half, step->message);
	half->actions = SKEX_PAIRWISE_PERSIST;
	return true;
}

static bool held(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	if (!make_session(half, step))
		return false;
	step->out->message = sent(half);
	half->actions = SKEX_PAIRWISE_SEND | SKEX_PAIRWISE_DELIVER | SKEX_PAIRWISE_CONFIRMED;
	settle(half);
	return true;
}

/* M3 is authentic, and asks for what nobody here understands. */
static bool spoil(void *machine, const void *input)
{
	struct skex_pairwise_half *half = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	struct skex_pairwise_payload payload;

	memset(&payload, 0, sizeof(payload));
	payload.present = 1u << SKEX_PAIRWISE_FIELD_ALERT;
	payload.alert = SKEX_PAIRWISE_ALERT_PAYLOAD;
	if (!make_fourth(half, step, &payload))
		return false;
	remember(half, step->message);
	half->session = NULL;
	settle(half);
	step->out->message = sent(half);
	half->actions = SKEX_PAIRWISE_SEND | SKEX_PAIRWISE_DROP;
	return true;
}

#define HALF(name) SKEX_PAIRWISE_HALF_##name

const struct skex_row skex_pairwise_responder_rows[] = {
	{HALF(FREE), HALF(FIRST), HALF(COMMITTING), first},
	{HALF(FREE), HALF(PUSH), HALF(PUSHING), first},
	{HALF(FREE), HALF(REKEY), HALF(OPEN), rekey},
	{HALF(COMMITTING), HALF(DURABLE), HALF(OPEN), answer},
	{HALF(COMMITTING), HALF(REFUSE), HALF(REFUSED), refuse},
	{HALF(COMMITTING), HALF(UNDURABLE), HALF(FREE), forget},
	{HALF(PUSHING), HALF(DURABLE), HALF(FREE), pushed},
	{HALF(PUSHING), HALF(UNDURABLE), HALF(FREE), forget},
	{HALF(OPEN), HALF(AGAIN), HALF(OPEN), again},
	{HALF(OPEN), HALF(THIRD), HALF(DONE), accept},
	{HALF(OPEN), HALF(RECORD), HALF(DONE), accept},
	{HALF(OPEN), HALF(RESEED), HALF(ENDING), hold},
	{HALF(OPEN), HALF(SPOILT), HALF(REFUSED), spoil},
	{HALF(OPEN), HALF(DEADLINE), HALF(FREE), forget},
	{HALF(OPEN), HALF(EVICT), HALF(FREE), forget},
	{HALF(ENDING), HALF(DURABLE), HALF(DONE), held},
	{HALF(ENDING), HALF(UNDURABLE), HALF(FREE), forget},
	{HALF(DONE), HALF(THIRD), HALF(DONE), again},
	{HALF(DONE), HALF(DEADLINE), HALF(FREE), release},
	{HALF(DONE), HALF(EVICT), HALF(FREE), release},
	{HALF(REFUSED), HALF(AGAIN), HALF(REFUSED), again},
	{HALF(REFUSED), HALF(THIRD), HALF(REFUSED), again},
	{HALF(REFUSED), HALF(DEADLINE), HALF(FREE), release},
	{HALF(REFUSED), HALF(EVICT), HALF(FREE), release},
};
const size_t skex_pairwise_responder_rows_count =
	sizeof(skex_pairwise_responder_rows) / sizeof(skex_pairwise_responder_rows[0]);

void skex_pairwise_half_init(struct skex_pairwise_half *half, uint8_t *message, uint16_t room)
{
	memset(half, 0, sizeof(*half));
	half->message = message;
	half->room = room;
}

void skex_pairwise_half_step(struct skex_pairwise_half *half, enum skex_pairwise_half_event event,
	struct skex_pairwise_step *step)
{
	half->actions = 0;
	if (skex_machine_step(skex_pairwise_responder_rows, skex_pairwise_responder_rows_count,
		    &half->state, (uint8_t)event, half, &step))
		step->out->actions |= half->actions;
	else if (step->out->why == SKEX_OK)
		step->out->why = SKEX_E_STATE;
	step->out->half = half;
}

void skex_pairwise_half_durable(struct skex_pairwise *pairwise, struct skex_pairwise_half *half,
	bool durable, const struct skex_pairwise_reply *reply,
	const struct skex_pairwise_input *input, struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {.pairwise = pairwise,
		.input = input,
		.payload = reply == NULL ? NULL : reply->payload,
		.alert = half->alert,
		.out = out};
	enum skex_pairwise_half_event event = SKEX_PAIRWISE_HALF_DURABLE;

	skex_pairwise_nothing(out, SKEX_OK);
	if (step.alert == 0 && reply != NULL)
		step.alert = reply->alert;
	/* A push that is refused is forgotten: nobody waits for an answer. */
	if (!durable || (step.alert != 0 && half->state == SKEX_PAIRWISE_HALF_PUSHING))
		event = SKEX_PAIRWISE_HALF_UNDURABLE;
	else if (step.alert != 0 && half->state == SKEX_PAIRWISE_HALF_COMMITTING)
		event = SKEX_PAIRWISE_HALF_REFUSE;
	skex_pairwise_half_step(half, event, &step);
}

enum skex_error skex_pairwise_half_try(const struct skex_pairwise *pairwise,
	const struct skex_pairwise_half *half, struct skex_pairwise_session *session)
{
	struct skex_pairwise_keys keys;
	enum skex_error error;

	if (half->state != SKEX_PAIRWISE_HALF_OPEN)
		return SKEX_E_STATE;
	error = skex_pairwise_exchange_keys(&half->exchange, pairwise->crypto, &keys, 0, NULL);
	if (error == SKEX_OK)
		skex_pairwise_session_make(session, &keys, &half->exchange, half->session);
	skex_wipe(&keys, sizeof(keys));
	return error;
}

void skex_pairwise_half_record(struct skex_pairwise *pairwise, struct skex_pairwise_half *half,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {.pairwise = pairwise, .out = out};
	struct skex_pairwise_keys keys;

	skex_pairwise_nothing(out, SKEX_OK);
	/* A run that makes a generation is ended by M3 only: its answer says that it is durable. */
	if (half->state != SKEX_PAIRWISE_HALF_OPEN ||
		(half->attempt != 0 && half->session == NULL)) {
		out->why = SKEX_E_STATE;
		return;
	}
	out->why = skex_pairwise_exchange_keys(&half->exchange, pairwise->crypto, &keys, 0, NULL);
	step.keys = &keys;
	if (out->why == SKEX_OK)
		skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_RECORD, &step);
	skex_wipe(&keys, sizeof(keys));
}

uint64_t skex_pairwise_half_due(const struct skex_pairwise_half *half)
{
	return half->state == SKEX_PAIRWISE_HALF_OPEN || half->state == SKEX_PAIRWISE_HALF_DONE ||
			half->state == SKEX_PAIRWISE_HALF_REFUSED
		? half->deadline_ms
		: UINT64_MAX;
}

void skex_pairwise_half_tick(struct skex_pairwise *pairwise, struct skex_pairwise_half *half,
	uint64_t now_ms, struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {.pairwise = pairwise, .out = out};

	skex_pairwise_nothing(out, SKEX_OK);
	if (now_ms >= skex_pairwise_half_due(half))
		skex_pairwise_half_step(half, SKEX_PAIRWISE_HALF_DEADLINE, &step);
}
