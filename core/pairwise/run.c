/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/pairwise/engine.h"
#include "core/pairwise/resync_message.h"

void skex_pairwise_run_init(struct skex_pairwise_run *run, uint8_t *message, uint16_t room)
{
	memset(run, 0, sizeof(*run));
	run->message = message;
	run->room = room;
}

bool skex_pairwise_run_over(const struct skex_pairwise_run *run)
{
	return run->state == SKEX_PAIRWISE_RUN_IDLE || run->state == SKEX_PAIRWISE_RUN_DONE ||
		run->state == SKEX_PAIRWISE_RUN_FAILED;
}

/* A run that is over begins anew; one that is under way is left alone. */
static bool begin(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	const struct skex_pairwise_input *input, struct skex_pairwise_output *out)
{
	skex_pairwise_nothing(out, SKEX_OK);
	if (pairwise->broken)
		out->why = SKEX_E_FATAL;
	else if (!skex_pairwise_run_over(run))
		out->why = SKEX_E_STATE;
	else if (input->random.size != SKEX_PAIRWISE_RANDOM_BYTES)
		out->why = SKEX_E_ENTROPY;
	else
		skex_pairwise_run_init(run, run->message, run->room);
	return out->why == SKEX_OK;
}

/* The number of a reseed, or 0. */
static bool number_reseed(const struct skex_pairwise *pairwise, bool wanted, uint32_t *attempt,
	struct skex_pairwise_output *out)
{
	const struct skex_pairwise_reseed *reseed = pairwise->state->reseed;
	unsigned i;

	*attempt = 0;
	if (!wanted)
		return true;
	if (reseed == NULL || pairwise->state->slot != 0)
		out->why = SKEX_E_REFUSED;
	else if (reseed->pending != SKEX_PAIRWISE_PENDING_NONE)
		out->why = SKEX_E_BUSY;
	else if (reseed->attempt == UINT32_MAX)
		out->why = SKEX_E_EXHAUSTED;
	for (i = 0; i < pairwise->runs_count && out->why == SKEX_OK; i++) {
		if (pairwise->runs[i].attempt != 0 && !skex_pairwise_run_over(&pairwise->runs[i]))
			out->why = SKEX_E_BUSY;
	}
	if (out->why != SKEX_OK)
		return false;
	*attempt = reseed->attempt + 1;
	return true;
}

void skex_pairwise_run_start(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	const struct skex_pairwise_start *start, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {
		.pairwise = pairwise, .input = input, .payload = start->payload, .out = out};
	uint32_t attempt;

	skex_pairwise_nothing(out, SKEX_OK);
	if (!number_reseed(pairwise, start->reseed, &attempt, out) ||
		!begin(pairwise, run, input, out))
		return;
	if (pairwise->failures >= SKEX_PAIRWISE_FAILURES) {
		skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_RECOVER, &step);
		return;
	}
	run->attempt = attempt;
	run->answer = !start->records || attempt != 0;
	skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_START, &step);
}

void skex_pairwise_run_push(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	const struct skex_pairwise_payload *payload, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {
		.pairwise = pairwise, .input = input, .payload = payload, .out = out};

	if (begin(pairwise, run, input, out))
		skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_PUSH, &step);
}

void skex_pairwise_run_rekey(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	const struct skex_pairwise_start *start, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {.pairwise = pairwise,
		.input = input,
		.payload = start->payload,
		.session = input->session,
		.out = out};
	unsigned i;

	if (!begin(pairwise, run, input, out))
		return;
	if (input->session->asking != NULL)
		out->why = SKEX_E_BUSY;
	else if (input->session->asked >= SKEX_PAIRWISE_ATTEMPTS)
		out->why = SKEX_E_EXHAUSTED;
	/* What the peer asked for first is not crossed. */
	for (i = 0; i < pairwise->halves_count; i++) {
		if (pairwise->halves[i].state == SKEX_PAIRWISE_HALF_OPEN &&
			pairwise->halves[i].session == input->session)
			out->why = SKEX_E_BUSY;
	}
	if (out->why != SKEX_OK)
		return;
	run->answer = !start->records;
	skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_REKEY, &step);
}

/* An index that a crash could take back is not claimed: the peer's window would be ahead of it. */
static void note_durable(struct skex_pairwise *pairwise, const struct skex_pairwise_run *run)
{
	uint64_t next = 0;

	if (run->state == SKEX_PAIRWISE_RUN_JUMPING)
		next = run->exchange.index;
	else if ((run->state == SKEX_PAIRWISE_RUN_COMMITTING ||
			 run->state == SKEX_PAIRWISE_RUN_PUSHING) &&
		run->generation == pairwise->state->generation)
		next = run->exchange.index + 1;
	if (next > pairwise->claim)
		pairwise->claim = next;
}

void skex_pairwise_run_durable(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	bool durable, const struct skex_pairwise_input *input, struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {.pairwise = pairwise, .input = input, .out = out};

	skex_pairwise_nothing(out, SKEX_OK);
	if (durable)
		note_durable(pairwise, run);
	skex_pairwise_run_step(
		run, durable ? SKEX_PAIRWISE_RUN_DURABLE : SKEX_PAIRWISE_RUN_UNDURABLE, &step);
}

/* What R2 says: which event it is. */
static void receive_r2(struct skex_pairwise_run *run, struct skex_pairwise_step *step)
{
	const struct skex_pairwise_state *state = step->pairwise->state;
	enum skex_error error;

	error = skex_pairwise_r2_open(step->pairwise->crypto, state->recovery, state->ac,
		state->slot, run->exchange.hash, step->message, &step->target);
	if (error != SKEX_OK) {
		step->pairwise->counters.forged++;
		step->out->why = error;
	} else if (step->target <= state->next) {
		skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_IN_STEP, step);
	} else if (step->target > SKEX_PAIRWISE_INDEX_MAX + 1 ||
		step->target - state->next > skex_pairwise_jump_max(state->depth)) {
		skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_TOO_FAR, step);
	} else {
		skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_BEHIND, step);
	}
}

/* The peer's choice among the session suites that were offered: never anything else. */
static bool chosen_well(const struct skex_pairwise_step *step, const struct skex_pairwise_run *run)
{
	const struct skex_view suites = step->pairwise->policy->suites;
	const struct skex_pairwise_payload *payload = &step->out->payload;
	size_t i;

	if (suites.size == 0 || run->exchange.first != SKEX_PAIRWISE_M1)
		return !skex_pairwise_has(payload, SKEX_PAIRWISE_FIELD_CHOSEN);
	if (!skex_pairwise_has(payload, SKEX_PAIRWISE_FIELD_CHOSEN))
		return false;
	for (i = 0; i < suites.size; i++) {
		if (suites.data[i] == payload->chosen)
			return true;
	}
	return false;
}

/* M2 or K2, whose tag is right: which event it is. */
static void judge_answer(struct skex_pairwise_run *run, struct skex_pairwise_step *step)
{
	if (skex_pairwise_take_payload(step->pairwise, step->message, step->out) != SKEX_OK) {
		step->alert = SKEX_PAIRWISE_ALERT_PAYLOAD;
	} else if (skex_pairwise_has(&step->out->payload, SKEX_PAIRWISE_FIELD_ALERT)) {
		step->alert = step->out->payload.alert;
	} else if (!chosen_well(step, run)) {
		step->alert = SKEX_PAIRWISE_ALERT_SUITE;
	}
	skex_pairwise_run_step(
		run, step->alert == 0 ? SKEX_PAIRWISE_RUN_ANSWER : SKEX_PAIRWISE_RUN_REFUSAL, step);
}

/* M4 or K4, whose tag is right. */
static void judge_confirm(struct skex_pairwise_run *run, struct skex_pairwise_step *step)
{
	const struct skex_pairwise_payload *payload = &step->out->payload;

	if (skex_pairwise_take_payload(step->pairwise, step->message, step->out) != SKEX_OK)
		step->alert = SKEX_PAIRWISE_ALERT_PAYLOAD;
	else if (skex_pairwise_has(payload, SKEX_PAIRWISE_FIELD_ALERT))
		step->alert = payload->alert;
	if (step->alert != 0)
		skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_REFUSAL, step);
	else if (run->attempt != 0 && skex_pairwise_has(payload, SKEX_PAIRWISE_FIELD_RESEEDED) &&
		payload->reseeded == run->attempt)
		skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_SWITCH, step);
	else
		skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_CONFIRM, step);
}

void skex_pairwise_run_receive(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	const struct skex_pairwise_message *message, const struct skex_pairwise_payload *payload,
	const struct skex_pairwise_input *input, struct skex_pairwise_output *out)
{
	struct skex_pairwise_exchange exchange = run->exchange;
	struct skex_pairwise_step step = {.pairwise = pairwise,
		.input = input,
		.message = message,
		.payload = payload,
		.exchange = &exchange,
		.out = out};
	enum skex_error error;

	skex_pairwise_nothing(out, SKEX_OK);
	if (run->state == SKEX_PAIRWISE_RUN_RECOVERING) {
		receive_r2(run, &step);
	} else if (run->state == SKEX_PAIRWISE_RUN_WAIT_ANSWER) {
		error = skex_pairwise_read_second(
			&exchange, pairwise->crypto, message, pairwise->plain);
		if (error == SKEX_OK)
			judge_answer(run, &step);
		else
			out->why = error;
	} else {
		error = skex_pairwise_read_fourth(
			&exchange, pairwise->crypto, message, pairwise->plain);
		if (error == SKEX_OK)
			judge_confirm(run, &step);
		else
			out->why = error;
	}
	if (out->why == SKEX_E_AUTH && run->state != SKEX_PAIRWISE_RUN_RECOVERING)
		pairwise->counters.forged++;
	skex_wipe(&exchange, sizeof(exchange));
}

void skex_pairwise_run_record(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {.pairwise = pairwise, .out = out};

	skex_pairwise_nothing(out, SKEX_OK);
	/* A reseed needs to know that the peer's part is durable, which only M4 says. */
	if (run->attempt != 0)
		out->why = SKEX_E_STATE;
	else
		skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_RECORD, &step);
}

static bool waits(const struct skex_pairwise_run *run)
{
	return run->state == SKEX_PAIRWISE_RUN_WAIT_ANSWER ||
		run->state == SKEX_PAIRWISE_RUN_WAIT_CONFIRM ||
		run->state == SKEX_PAIRWISE_RUN_RECOVERING;
}

static uint64_t deadline(const struct skex_pairwise_run *run)
{
	/* A resend never outlives what it addresses: M3 the half at the responder. */
	return run->state == SKEX_PAIRWISE_RUN_WAIT_CONFIRM
		? run->started_ms + SKEX_PAIRWISE_HALF_MS
		: run->sent_ms + SKEX_PAIRWISE_ANSWER_MS;
}

uint64_t skex_pairwise_run_due(const struct skex_pairwise_run *run)
{
	uint64_t next;

	if (!waits(run))
		return UINT64_MAX;
	if (run->sends >= SKEX_PAIRWISE_RUN_RESENDS)
		return deadline(run);
	next = run->sent_ms + ((UINT64_C(1) << run->sends) - 1) * 1000;
	return next < deadline(run) ? next : deadline(run);
}

void skex_pairwise_run_tick(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	uint64_t now_ms, struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {.pairwise = pairwise, .out = out};

	skex_pairwise_nothing(out, SKEX_OK);
	if (now_ms < skex_pairwise_run_due(run))
		return;
	skex_pairwise_run_step(run,
		now_ms >= deadline(run) ? SKEX_PAIRWISE_RUN_DEADLINE : SKEX_PAIRWISE_RUN_TIMER,
		&step);
}

void skex_pairwise_run_give_up(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {.pairwise = pairwise, .out = out};
	unsigned i;

	skex_pairwise_nothing(out, SKEX_OK);
	skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_DEADLINE, &step);
	/* Or with several at a time more indices would be used up before they are compared. */
	for (i = 0; i < pairwise->runs_count; i++) {
		if (pairwise->runs[i].state == SKEX_PAIRWISE_RUN_WAIT_ANSWER &&
			pairwise->runs[i].session == NULL &&
			pairwise->failures < SKEX_PAIRWISE_FAILURES)
			pairwise->failures++;
	}
}

void skex_pairwise_run_stop(struct skex_pairwise *pairwise, struct skex_pairwise_run *run,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_step step = {.pairwise = pairwise, .out = out};

	skex_pairwise_nothing(out, SKEX_OK);
	skex_pairwise_run_step(run, SKEX_PAIRWISE_RUN_STOP, &step);
}

struct skex_pairwise_run *skex_pairwise_run_find(
	const struct skex_pairwise *pairwise, const struct skex_pairwise_message *message)
{
	struct skex_pairwise_run *found = NULL;
	unsigned i;

	for (i = 0; i < pairwise->runs_count; i++) {
		struct skex_pairwise_run *run = &pairwise->runs[i];
		const unsigned number = run->state == SKEX_PAIRWISE_RUN_WAIT_CONFIRM ? 3 : 1;

		if (waits(run) && message->type == run->exchange.first + number &&
			skex_ct_equal(
				run->exchange.ids[number], message->id, SKEX_PAIRWISE_ID_BYTES))
			found = run;
	}
	return found;
}
