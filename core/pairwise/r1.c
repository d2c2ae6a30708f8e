/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/pairwise/engine.h"
#include "core/pairwise/resync_message.h"

/*
 * A bucket of tokens: what an old R1 that is sent again and again may cost.  Whether there is one;
 * only an R1 whose tag is right takes it, for a locator can be had by everybody who saw one.
 */
static bool token(struct skex_pairwise *pairwise, uint64_t now_ms)
{
	while (pairwise->tokens < SKEX_PAIRWISE_R1_BURST &&
		now_ms - pairwise->token_ms >= SKEX_PAIRWISE_R1_MS) {
		pairwise->tokens++;
		pairwise->token_ms += SKEX_PAIRWISE_R1_MS;
	}
	if (pairwise->tokens == SKEX_PAIRWISE_R1_BURST)
		pairwise->token_ms = now_ms;
	return pairwise->tokens > 0;
}

/* What R1 with a wrong tag may cost.  They leave the tokens to those that are right. */
static bool check(struct skex_pairwise *pairwise, uint64_t now_ms)
{
	if ((uint16_t)(now_ms - pairwise->check_ms) >= SKEX_PAIRWISE_R1_CHECK_MS) {
		pairwise->check_ms = (uint16_t)now_ms;
		pairwise->checks = 0;
	}
	if (pairwise->checks >= SKEX_PAIRWISE_R1_CHECKS)
		return false;
	pairwise->checks++;
	return true;
}

/* The window answers claim and what follows it from now on. */
static enum skex_error move(
	struct skex_pairwise *pairwise, struct skex_pairwise_listener *listener, uint64_t claim)
{
	struct skex_pairwise_window *window = listener->window;
	const uint16_t most = pairwise->state->window;
	const uint64_t base =
		claim > most && claim - most > window->base ? claim - most : window->base;
	enum skex_error error = skex_pairwise_tree_drop(&window->tree, pairwise->crypto, base);

	if (error == SKEX_OK) {
		window->top = claim;
		window->base = base;
		error = skex_pairwise_list(pairwise, listener);
	}
	if (error != SKEX_OK)
		pairwise->broken = true;
	return error;
}

/* R2 for an R1 whose claim needs no move. */
static void answer_r1(struct skex_pairwise_step *step,
	const struct skex_pairwise_listener *listener, const uint8_t *recovery, uint64_t claim)
{
	struct skex_pairwise *pairwise = step->pairwise;
	const struct skex_crypto *crypto = pairwise->crypto;
	const uint64_t target = claim > listener->window->top ? claim : listener->window->top;
	uint8_t h1[SKEX_HASH_BYTES];

	if (step->input->random.size != SKEX_PAIRWISE_RANDOM_BYTES ||
		pairwise->plain_room < SKEX_PAIRWISE_RESYNC_BYTES) {
		step->out->why = SKEX_E_ENTROPY;
		return;
	}
	step->out->why = crypto->sha256(crypto->context, &step->message->whole, 1, h1);
	if (step->out->why == SKEX_OK)
		step->out->why = skex_pairwise_r2_make(crypto, recovery, pairwise->state->ac,
			(uint8_t)(1 - pairwise->state->slot), h1, step->input->random.data, target,
			pairwise->plain, pairwise->plain_room);
	if (step->out->why != SKEX_OK)
		return;
	step->out->message = skex_view(pairwise->plain, SKEX_PAIRWISE_RESYNC_BYTES);
	step->out->actions = SKEX_PAIRWISE_SEND;
}

/*
 * An authentic R1.  Anybody can send one again, so it says nothing about the peer but that its
 * index was once so; the window only ever moves up, and never far.  When it moves, R2 waits for the
 * next R1: the peer sends it again, and by then the move is durable.
 */
static void take_r1(struct skex_pairwise_step *step, struct skex_pairwise_listener *listener,
	const uint8_t *recovery, uint64_t claim)
{
	struct skex_pairwise *pairwise = step->pairwise;
	const struct skex_pairwise_state *state = pairwise->state;
	const uint64_t top = listener->window->top;

	if (claim > SKEX_PAIRWISE_INDEX_MAX + 1 ||
		(claim > top && claim - top > skex_pairwise_jump_max(state->depth))) {
		step->out->why = SKEX_E_QUOTA;
		step->out->actions = SKEX_PAIRWISE_ALARM;
		return;
	}
	if (claim >= top + state->ahead) {
		step->out->why = move(pairwise, listener, claim);
		if (step->out->why != SKEX_OK)
			return;
		pairwise->moving = SKEX_PAIRWISE_NOT_MOVED;
	}
	if (pairwise->moving == SKEX_PAIRWISE_NOT_MOVED) {
		pairwise->moving = SKEX_PAIRWISE_MOVING;
		step->out->actions = SKEX_PAIRWISE_PERSIST;
	} else if (pairwise->moving == SKEX_PAIRWISE_MOVING) {
		step->out->why = SKEX_E_BUSY;
	} else {
		answer_r1(step, listener, recovery, claim);
	}
}

/* The recovery key of the generation that is pending at slot 1: its R1 is understood too. */
static enum skex_error open_pending(
	struct skex_pairwise_step *step, uint8_t *recovery, uint64_t *claim)
{
	const struct skex_pairwise_state *state = step->pairwise->state;
	enum skex_error error;

	if (state->reseed == NULL || state->reseed->pending != SKEX_PAIRWISE_PENDING_NEW)
		return SKEX_E_UNKNOWN;
	error = skex_pairwise_recovery(
		step->pairwise->crypto, state->reseed->secret, state->lane, recovery);
	if (error == SKEX_OK)
		error = skex_pairwise_r1_open(step->pairwise->crypto, recovery, state->ac,
			(uint8_t)(1 - state->slot), step->message, claim);
	return error;
}

static bool known_locator(
	const struct skex_pairwise *pairwise, const struct skex_pairwise_message *message)
{
	const uint8_t which = message->nonce[0] & (SKEX_PAIRWISE_LOCATORS - 1);
	const struct skex_pairwise_reseed *reseed = pairwise->state->reseed;

	return pairwise->locators == NULL ||
		skex_ct_equal(pairwise->locators[which], message->id, SKEX_PAIRWISE_ID_BYTES) ||
		(reseed != NULL && reseed->pending == SKEX_PAIRWISE_PENDING_NEW);
}

void skex_pairwise_receive_r1(struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out)
{
	const struct skex_pairwise_state *state = pairwise->state;
	struct skex_pairwise_step step = {
		.pairwise = pairwise, .input = input, .message = message, .out = out};
	uint8_t recovery[SKEX_HASH_BYTES];
	uint64_t claim = 0;

	if (!known_locator(pairwise, message)) {
		pairwise->counters.unknown++;
		out->why = SKEX_E_UNKNOWN;
		return;
	}
	if (!token(pairwise, input->now_ms) || !check(pairwise, input->now_ms)) {
		pairwise->counters.limited++;
		out->why = SKEX_E_QUOTA;
		return;
	}
	out->why = skex_pairwise_r1_open(pairwise->crypto, state->recovery, state->ac,
		(uint8_t)(1 - state->slot), message, &claim);
	if (out->why == SKEX_OK) {
		pairwise->tokens--;
		take_r1(&step, &pairwise->main, state->recovery, claim);
		return;
	}
	out->why = open_pending(&step, recovery, &claim);
	if (out->why == SKEX_OK) {
		pairwise->tokens--;
		take_r1(&step, pairwise->spare, recovery, claim);
	} else {
		pairwise->counters.forged++;
	}
	skex_wipe(recovery, sizeof(recovery));
}
