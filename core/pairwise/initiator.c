/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/initiator.h"

#include "core/base/mem.h"
#include "core/pairwise/engine.h"
#include "core/pairwise/reseed.h"
#include "core/pairwise/resync_message.h"

static struct skex_view sent(const struct skex_pairwise_run *run)
{
	return skex_view(run->message, run->size);
}

/* What the protocol itself has to say in the first message. */
static struct skex_pairwise_payload complete(const struct skex_pairwise_step *step,
	const struct skex_pairwise_run *run, const struct skex_pairwise_payload *given)
{
	const struct skex_pairwise_state *state = step->pairwise->state;
	struct skex_pairwise_payload payload;

	memset(&payload, 0, sizeof(payload));
	if (given != NULL)
		payload = *given;
	if (step->pairwise->policy->suites.size != 0 && run->exchange.first != SKEX_PAIRWISE_K1) {
		payload.present |= 1u << SKEX_PAIRWISE_FIELD_OFFERED;
		payload.offered = step->pairwise->policy->suites;
		/* Nobody answers P1: there is nothing to choose. */
		if (run->exchange.first == SKEX_PAIRWISE_P1)
			payload.offered.size = 1;
	}
	if (state->rollback != 0 && run->exchange.first != SKEX_PAIRWISE_K1) {
		payload.present |= 1u << SKEX_PAIRWISE_FIELD_ROLLBACK;
		payload.rollback = state->rollback - 1;
	}
	if (run->attempt != 0 && run->exchange.first == SKEX_PAIRWISE_M1) {
		payload.present |= 1u << SKEX_PAIRWISE_FIELD_RESEED;
		payload.critical |= 1u << SKEX_PAIRWISE_FIELD_RESEED;
		payload.reseed = run->attempt;
	}
	return payload;
}

/* The first message of a leaf, into the run's buffer. */
static enum skex_error make_first(struct skex_pairwise_run *run, struct skex_pairwise_step *step,
	uint8_t first, uint64_t index, const uint8_t leaf[SKEX_HASH_BYTES])
{
	const struct skex_crypto *crypto = step->pairwise->crypto;
	const struct skex_pairwise_state *state = step->pairwise->state;
	uint8_t nonce[SKEX_PAIRWISE_NONCE_BYTES];
	struct skex_pairwise_payload payload;
	struct skex_hmac key;
	enum skex_error error;
	size_t size = 0;

	error = skex_pairwise_begin(&run->exchange, crypto, first, state->slot, index, leaf);
	if (error == SKEX_OK)
		error = skex_hmac_init(crypto, &key, leaf);
	if (error == SKEX_OK)
		error = skex_pairwise_nonce(crypto, &key, "na", step->input->random.data, nonce);
	skex_wipe(&key, sizeof(key));
	if (error != SKEX_OK)
		return error;
	payload = complete(step, run, step->payload);
	error = skex_pairwise_send_first(
		&run->exchange, crypto, state->ac, nonce, &payload, run->message, run->room, &size);
	run->size = (uint16_t)size;
	return error;
}

/* The next index: its leaf stays in the exchange only, and it is gone from the state. */
static bool take_index(
	struct skex_pairwise_run *run, struct skex_pairwise_step *step, uint8_t first)
{
	struct skex_pairwise_state *state = step->pairwise->state;
	const uint64_t index = state->next;
	uint8_t leaf[SKEX_HASH_BYTES];
	enum skex_error error;

	if (index > SKEX_PAIRWISE_INDEX_MAX)
		return skex_pairwise_step_fail(step, SKEX_E_EXHAUSTED);
	error = skex_pairwise_tree_leaf(&state->out, step->pairwise->crypto, index, NULL, leaf);
	if (error == SKEX_OK)
		error = make_first(run, step, first, index, leaf);
	skex_wipe(leaf, sizeof(leaf));
	if (error == SKEX_OK) {
		error = skex_pairwise_tree_puncture(
			&state->out, step->pairwise->crypto, index, index + 1);
		step->pairwise->broken = error != SKEX_OK;
	}
	if (error != SKEX_OK) {
		skex_wipe(&run->exchange, sizeof(run->exchange));
		return skex_pairwise_step_fail(step, error);
	}
	state->next = index + 1;
	if (run->attempt != 0)
		state->reseed->attempt = run->attempt;
	run->generation = state->generation;
	run->started_ms = step->input->now_ms;
	return true;
}

static bool start(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	if (!take_index(run, step, SKEX_PAIRWISE_M1))
		return false;
	run->actions = SKEX_PAIRWISE_PERSIST;
	return true;
}

static bool push(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	if (!take_index(run, step, SKEX_PAIRWISE_P1))
		return false;
	run->actions = SKEX_PAIRWISE_PERSIST;
	return true;
}

/* Nothing is persisted: the session lives in memory, and so does the number of the attempt. */
static bool rekey(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	struct skex_pairwise_session *session = step->session;
	const uint8_t attempt = (uint8_t)(session->asked + 1);
	uint8_t leaf[SKEX_HASH_BYTES];
	enum skex_error error;

	error = skex_pairwise_rekey_leaf(step->pairwise->crypto, session->keys.rs,
		step->pairwise->state->slot, attempt, leaf);
	if (error == SKEX_OK)
		error = make_first(run, step, SKEX_PAIRWISE_K1, attempt, leaf);
	skex_wipe(leaf, sizeof(leaf));
	if (error != SKEX_OK) {
		skex_wipe(&run->exchange, sizeof(run->exchange));
		return skex_pairwise_step_fail(step, error);
	}
	session->asked = attempt;
	session->asking = run;
	run->session = session;
	run->sends = 1;
	run->started_ms = run->sent_ms = step->input->now_ms;
	step->out->message = sent(run);
	run->actions = SKEX_PAIRWISE_SEND;
	return true;
}

/* R1: the nonce is the generator's own, because nothing that is delivered hangs on it. */
static bool recover(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	const struct skex_pairwise_state *state = step->pairwise->state;
	const struct skex_crypto *crypto = step->pairwise->crypto;
	struct skex_view whole = skex_view(run->message, SKEX_PAIRWISE_RESYNC_BYTES);
	enum skex_error error;

	error = skex_pairwise_r1_make(crypto, state->recovery, state->ac, state->slot,
		step->input->random.data, step->pairwise->claim, run->message, run->room);
	if (error == SKEX_OK)
		error = crypto->sha256(crypto->context, &whole, 1, run->exchange.hash);
	if (error == SKEX_OK)
		error = skex_pairwise_answer_locator(crypto, state->recovery, state->slot,
			run->exchange.hash, run->exchange.ids[1]);
	if (error != SKEX_OK)
		return skex_pairwise_step_fail(step, error);
	run->exchange.first = SKEX_PAIRWISE_R1;
	run->size = SKEX_PAIRWISE_RESYNC_BYTES;
	run->sends = 1;
	run->started_ms = run->sent_ms = step->input->now_ms;
	step->out->message = sent(run);
	run->actions = SKEX_PAIRWISE_SEND;
	return true;
}

static bool send(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	run->sends = 1;
	run->started_ms = run->sent_ms = step->input->now_ms;
	step->out->message = sent(run);
	run->actions = SKEX_PAIRWISE_SEND;
	return true;
}

static bool pushed(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	struct skex_pairwise_keys keys;
	enum skex_error error =
		skex_pairwise_exchange_keys(&run->exchange, step->pairwise->crypto, &keys, 0, NULL);

	if (error != SKEX_OK)
		return skex_pairwise_step_fail(step, error);
	skex_pairwise_session_make(&step->out->session, &keys, &run->exchange, NULL);
	skex_wipe(&keys, sizeof(keys));
	skex_wipe(run->exchange.secret, sizeof(run->exchange.secret));
	step->pairwise->state->rollback = 0;
	step->out->message = sent(run);
	run->actions = SKEX_PAIRWISE_SEND | SKEX_PAIRWISE_DELIVER;
	return true;
}

/* The peer answered under this index, so it knows all that M1 said. */
static void heard(struct skex_pairwise_run *run, struct skex_pairwise *pairwise)
{
	struct skex_pairwise_state *state = pairwise->state;

	if (run->session != NULL)
		return;
	pairwise->failures = 0;
	if (run->generation != state->generation)
		return;
	if (run->exchange.index >= state->rollback)
		state->rollback = 0;
	if (state->reseed != NULL && state->reseed->pending == SKEX_PAIRWISE_PENDING_OLD)
		skex_pairwise_reseed_forget(pairwise);
}

static bool accept(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	struct skex_pairwise *pairwise = step->pairwise;
	struct skex_pairwise_exchange exchange = *step->exchange;
	uint8_t secret[SKEX_HASH_BYTES];
	struct skex_pairwise_keys keys;
	enum skex_error error;
	size_t size = 0;

	error = skex_pairwise_exchange_keys(
		&exchange, pairwise->crypto, &keys, run->attempt, run->attempt ? secret : NULL);
	if (error == SKEX_OK)
		error = skex_pairwise_send_third(&exchange, pairwise->crypto, run->answer,
			step->payload, run->message, run->room, &size);
	if (error == SKEX_OK) {
		if (run->attempt != 0)
			memcpy(pairwise->state->reseed->secret, secret, sizeof(secret));
		skex_pairwise_session_make(&step->out->session, &keys, &exchange, run->session);
		heard(run, pairwise);
		run->exchange = exchange;
		run->size = (uint16_t)size;
		run->sends = 1;
		run->sent_ms = step->input->now_ms;
		step->out->message = sent(run);
		run->actions = SKEX_PAIRWISE_SEND | SKEX_PAIRWISE_DELIVER;
	}
	skex_wipe(secret, sizeof(secret));
	skex_wipe(&keys, sizeof(keys));
	skex_wipe(&exchange, sizeof(exchange));
	return error == SKEX_OK ? true : skex_pairwise_step_fail(step, error);
}

/* Nothing of a run stays behind. */
static void end(struct skex_pairwise_run *run)
{
	if (run->session != NULL && run->session->asking == run)
		run->session->asking = NULL;
	skex_wipe(&run->exchange, sizeof(run->exchange));
	skex_wipe(run->message, run->size);
	run->size = 0;
	run->session = NULL;
}

static bool confirmed(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	const bool rekeyed = run->session != NULL;

	(void)input;
	end(run);
	run->actions = SKEX_PAIRWISE_CONFIRMED;
	if (rekeyed)
		run->actions |= SKEX_PAIRWISE_RETIRE;
	return true;
}

static bool switch_generation(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	enum skex_error error = skex_pairwise_reseed_own(step->pairwise);

	if (error != SKEX_OK)
		return skex_pairwise_step_fail(step, error);
	run->actions = SKEX_PAIRWISE_PERSIST;
	return true;
}

static bool refused(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	heard(run, step->pairwise);
	step->out->alert = step->alert;
	end(run);
	run->actions = SKEX_PAIRWISE_REFUSED | SKEX_PAIRWISE_DROP;
	return true;
}

static bool again(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	run->sends++;
	step->out->message = sent(run);
	run->actions = SKEX_PAIRWISE_SEND;
	return true;
}

static bool drop(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;

	(void)input;
	end(run);
	run->actions = SKEX_PAIRWISE_DROP;
	return true;
}

static bool silent(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	if (run->session == NULL && step->pairwise->failures < SKEX_PAIRWISE_FAILURES)
		step->pairwise->failures++;
	end(run);
	run->actions = SKEX_PAIRWISE_DROP;
	return true;
}

/* No R2 either: the next run is tried all the same. */
static bool unheard(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	step->pairwise->failures = SKEX_PAIRWISE_FAILURES - 1;
	end(run);
	run->actions = SKEX_PAIRWISE_DROP;
	return true;
}

static bool unconfirmed(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;

	(void)input;
	end(run);
	run->actions = SKEX_PAIRWISE_UNCONFIRMED;
	return true;
}

static bool ready(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);

	step->pairwise->failures = 0;
	end(run);
	run->actions = SKEX_PAIRWISE_READY;
	return true;
}

/* The peer has seen indices that this end did not use: its state is from the past, or cloned. */
static bool jump(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;
	struct skex_pairwise_step *step = skex_pairwise_step_of(input);
	struct skex_pairwise_state *state = step->pairwise->state;
	enum skex_error error =
		skex_pairwise_tree_drop(&state->out, step->pairwise->crypto, step->target);

	if (error != SKEX_OK) {
		step->pairwise->broken = true;
		return skex_pairwise_step_fail(step, error);
	}
	state->rollback = state->next + 1;
	state->next = step->target;
	run->exchange.index = step->target;
	run->actions = SKEX_PAIRWISE_PERSIST | SKEX_PAIRWISE_ROLLBACK;
	return true;
}

static bool alarm(void *machine, const void *input)
{
	struct skex_pairwise_run *run = machine;

	(void)input;
	end(run);
	run->actions = SKEX_PAIRWISE_DROP | SKEX_PAIRWISE_ALARM;
	return true;
}

#define RUN(name) SKEX_PAIRWISE_RUN_##name

const struct skex_row skex_pairwise_initiator_rows[] = {
	{RUN(IDLE), RUN(START), RUN(COMMITTING), start},
	{RUN(IDLE), RUN(PUSH), RUN(PUSHING), push},
	{RUN(IDLE), RUN(REKEY), RUN(WAIT_ANSWER), rekey},
	{RUN(IDLE), RUN(RECOVER), RUN(RECOVERING), recover},
	{RUN(COMMITTING), RUN(DURABLE), RUN(WAIT_ANSWER), send},
	{RUN(COMMITTING), RUN(UNDURABLE), RUN(FAILED), drop},
	{RUN(COMMITTING), RUN(STOP), RUN(FAILED), drop},
	{RUN(PUSHING), RUN(DURABLE), RUN(DONE), pushed},
	{RUN(PUSHING), RUN(UNDURABLE), RUN(FAILED), drop},
	{RUN(PUSHING), RUN(STOP), RUN(FAILED), drop},
	{RUN(WAIT_ANSWER), RUN(ANSWER), RUN(WAIT_CONFIRM), accept},
	{RUN(WAIT_ANSWER), RUN(REFUSAL), RUN(FAILED), refused},
	{RUN(WAIT_ANSWER), RUN(TIMER), RUN(WAIT_ANSWER), again},
	{RUN(WAIT_ANSWER), RUN(DEADLINE), RUN(FAILED), silent},
	{RUN(WAIT_ANSWER), RUN(STOP), RUN(FAILED), drop},
	{RUN(WAIT_CONFIRM), RUN(CONFIRM), RUN(DONE), confirmed},
	{RUN(WAIT_CONFIRM), RUN(RECORD), RUN(DONE), confirmed},
	{RUN(WAIT_CONFIRM), RUN(SWITCH), RUN(SWITCHING), switch_generation},
	{RUN(WAIT_CONFIRM), RUN(REFUSAL), RUN(FAILED), refused},
	{RUN(WAIT_CONFIRM), RUN(TIMER), RUN(WAIT_CONFIRM), again},
	{RUN(WAIT_CONFIRM), RUN(DEADLINE), RUN(FAILED), unconfirmed},
	{RUN(WAIT_CONFIRM), RUN(STOP), RUN(FAILED), unconfirmed},
	{RUN(SWITCHING), RUN(DURABLE), RUN(DONE), confirmed},
	{RUN(SWITCHING), RUN(UNDURABLE), RUN(FAILED), unconfirmed},
	{RUN(RECOVERING), RUN(IN_STEP), RUN(DONE), ready},
	{RUN(RECOVERING), RUN(BEHIND), RUN(JUMPING), jump},
	{RUN(RECOVERING), RUN(TOO_FAR), RUN(FAILED), alarm},
	{RUN(RECOVERING), RUN(TIMER), RUN(RECOVERING), again},
	{RUN(RECOVERING), RUN(DEADLINE), RUN(FAILED), unheard},
	{RUN(RECOVERING), RUN(STOP), RUN(FAILED), drop},
	{RUN(JUMPING), RUN(DURABLE), RUN(DONE), ready},
	{RUN(JUMPING), RUN(UNDURABLE), RUN(FAILED), drop},
};
const size_t skex_pairwise_initiator_rows_count =
	sizeof(skex_pairwise_initiator_rows) / sizeof(skex_pairwise_initiator_rows[0]);

void skex_pairwise_run_step(struct skex_pairwise_run *run, enum skex_pairwise_run_event event,
	struct skex_pairwise_step *step)
{
	run->actions = 0;
	if (skex_machine_step(skex_pairwise_initiator_rows, skex_pairwise_initiator_rows_count,
		    &run->state, (uint8_t)event, run, &step))
		step->out->actions = run->actions;
	else if (step->out->why == SKEX_OK)
		step->out->why = SKEX_E_STATE;
	step->out->run = run;
}
