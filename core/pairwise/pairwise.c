/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/pairwise.h"

#include "core/base/mem.h"
#include "core/pairwise/initiator.h"
#include "core/pairwise/reseed.h"
#include "core/pairwise/responder.h"
#include "core/pairwise/resync_message.h"

void skex_pairwise_nothing(struct skex_pairwise_output *out, enum skex_error why)
{
	memset(out, 0, sizeof(*out));
	out->why = why;
}

static const struct skex_pairwise_policy no_policy;

/* The pseudonym of one index goes into its place. */
static enum skex_error list_one(const struct skex_pairwise *pairwise,
	struct skex_pairwise_listener *listener, uint64_t index)
{
	const struct skex_pairwise_state *state = pairwise->state;
	const uint64_t mask = (uint64_t)state->window + state->ahead - 1;
	uint8_t ids[SKEX_PAIRWISE_IDS][SKEX_PAIRWISE_ID_BYTES];
	uint8_t leaf[SKEX_HASH_BYTES];
	struct skex_hmac key;
	enum skex_error error;

	error = skex_pairwise_tree_leaf(
		&listener->window->tree, pairwise->crypto, index, &listener->ahead, leaf);
	if (error == SKEX_OK)
		error = skex_hmac_init(pairwise->crypto, &key, leaf);
	if (error == SKEX_OK)
		error = skex_pairwise_ids(pairwise->crypto, &key, ids);
	if (error == SKEX_OK)
		memcpy(listener->ids[index & mask], ids[0], SKEX_PAIRWISE_ID_BYTES);
	skex_wipe(leaf, sizeof(leaf));
	skex_wipe(&key, sizeof(key));
	skex_wipe(ids, sizeof(ids));
	return error;
}

enum skex_error skex_pairwise_list(
	const struct skex_pairwise *pairwise, struct skex_pairwise_listener *listener)
{
	const struct skex_pairwise_window *window = listener->window;
	uint64_t end = window->top + pairwise->state->ahead;

	if (end > SKEX_PAIRWISE_INDEX_MAX + 1)
		end = SKEX_PAIRWISE_INDEX_MAX + 1;
	if (listener->listed == 0 || listener->ahead.epoch < window->tree.chain.epoch)
		listener->ahead = window->tree.chain;
	if (listener->listed < window->base)
		listener->listed = window->base;
	while (listener->listed < end) {
		enum skex_error error = SKEX_OK;

		if (skex_pairwise_tree_holds(&window->tree, listener->listed))
			error = list_one(pairwise, listener, listener->listed);
		if (error != SKEX_OK)
			return error;
		listener->listed++;
	}
	return SKEX_OK;
}

enum skex_error skex_pairwise_locate(struct skex_pairwise *pairwise)
{
	const uint8_t r = (uint8_t)(1 - pairwise->state->slot);
	uint8_t which;

	if (pairwise->locators == NULL)
		return SKEX_OK;
	for (which = 0; which < SKEX_PAIRWISE_LOCATORS; which++) {
		enum skex_error error = skex_pairwise_locator(pairwise->crypto,
			pairwise->state->recovery, r, which, pairwise->locators[which]);

		if (error != SKEX_OK)
			return error;
	}
	return SKEX_OK;
}

enum skex_error skex_pairwise_open(struct skex_pairwise *pairwise,
	struct skex_pairwise_state *state, const struct skex_crypto *crypto,
	const struct skex_pairwise_parts *parts)
{
	enum skex_error error;

	memset(pairwise, 0, sizeof(*pairwise));
	pairwise->state = state;
	pairwise->claim = state->next;
	pairwise->crypto = crypto;
	pairwise->main.window = &state->in;
	pairwise->main.ids = parts->ids;
	if (parts->spare != NULL) {
		memset(parts->spare, 0, sizeof(*parts->spare));
		parts->spare->ids = parts->spare_ids;
		pairwise->spare = parts->spare;
	}
	pairwise->locators = parts->locators;
	pairwise->runs = parts->runs;
	pairwise->runs_count = parts->runs_count;
	pairwise->halves = parts->halves;
	pairwise->halves_count = parts->halves_count;
	pairwise->plain = parts->plain;
	pairwise->plain_room = parts->plain_room;
	pairwise->policy = parts->policy == NULL ? &no_policy : parts->policy;
	pairwise->tokens = SKEX_PAIRWISE_R1_BURST;
	error = skex_pairwise_list(pairwise, &pairwise->main);
	if (error == SKEX_OK)
		error = skex_pairwise_locate(pairwise);
	if (error == SKEX_OK && state->reseed != NULL &&
		state->reseed->pending != SKEX_PAIRWISE_PENDING_NONE) {
		pairwise->spare->window = &state->reseed->spare;
		error = skex_pairwise_list(pairwise, pairwise->spare);
	}
	return error;
}

void skex_pairwise_close(struct skex_pairwise *pairwise)
{
	const size_t ids =
		((size_t)pairwise->state->window + pairwise->state->ahead) * SKEX_PAIRWISE_ID_BYTES;
	uint8_t *message;
	uint16_t room;
	unsigned i;

	for (i = 0; i < pairwise->runs_count; i++) {
		message = pairwise->runs[i].message;
		room = pairwise->runs[i].room;
		skex_wipe(&pairwise->runs[i], sizeof(pairwise->runs[i]));
		skex_pairwise_run_init(&pairwise->runs[i], message, room);
	}
	for (i = 0; i < pairwise->halves_count; i++) {
		message = pairwise->halves[i].message;
		room = pairwise->halves[i].room;
		skex_wipe(&pairwise->halves[i], sizeof(pairwise->halves[i]));
		skex_pairwise_half_init(&pairwise->halves[i], message, room);
	}
	skex_wipe(pairwise->plain, pairwise->plain_room);
	skex_wipe(pairwise->main.ids, ids);
	if (pairwise->spare != NULL) {
		skex_wipe(pairwise->spare->ids, ids);
		skex_wipe(pairwise->spare, sizeof(*pairwise->spare));
	}
	skex_wipe(pairwise, sizeof(*pairwise));
}

enum skex_error skex_pairwise_take_payload(const struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, struct skex_pairwise_output *out)
{
	enum skex_error error = skex_pairwise_payload_decode(&out->payload,
		skex_view(pairwise->plain, message->sealed.size),
		(message->flags & SKEX_PAIRWISE_PAD) != 0);

	out->has_payload = error == SKEX_OK;
	return error;
}

void skex_pairwise_session_make(struct skex_pairwise_session *session,
	const struct skex_pairwise_keys *keys, const struct skex_pairwise_exchange *exchange,
	const struct skex_pairwise_session *parent)
{
	memset(session, 0, sizeof(*session));
	session->keys = *keys;
	session->index = parent != NULL ? 0 : exchange->index;
	session->number = parent != NULL ? parent->number + 1 : 0;
	session->initiator = parent != NULL ? parent->initiator : exchange->r;
	session->onepass = exchange->first == SKEX_PAIRWISE_P1;
}

enum skex_error skex_pairwise_listen(
	const struct skex_pairwise *pairwise, struct skex_pairwise_session *session)
{
	const uint8_t peer = (uint8_t)(1 - pairwise->state->slot);
	struct skex_pairwise_exchange exchange;
	uint8_t leaf[SKEX_HASH_BYTES];
	enum skex_error error = SKEX_OK;
	uint32_t attempt;

	for (attempt = 1; attempt <= SKEX_PAIRWISE_ATTEMPTS && error == SKEX_OK; attempt++) {
		error = skex_pairwise_rekey_leaf(
			pairwise->crypto, session->keys.rs, peer, attempt, leaf);
		if (error == SKEX_OK)
			error = skex_pairwise_begin(
				&exchange, pairwise->crypto, SKEX_PAIRWISE_K1, peer, attempt, leaf);
		if (error == SKEX_OK)
			memcpy(session->ids[attempt - 1], exchange.ids[0], SKEX_PAIRWISE_ID_BYTES);
	}
	session->listening = error == SKEX_OK;
	skex_wipe(leaf, sizeof(leaf));
	skex_wipe(&exchange, sizeof(exchange));
	return error;
}

uint8_t skex_pairwise_attempt_of(const struct skex_pairwise_session *session,
	const uint8_t id[static SKEX_PAIRWISE_ID_BYTES])
{
	uint8_t found = 0;
	uint8_t i;

	if (!session->listening)
		return 0;
	for (i = 0; i < SKEX_PAIRWISE_ATTEMPTS; i++) {
		if (skex_ct_equal(session->ids[i], id, SKEX_PAIRWISE_ID_BYTES))
			found = (uint8_t)(i + 1);
	}
	return found;
}

void skex_pairwise_moved(struct skex_pairwise *pairwise, bool durable)
{
	if (pairwise->moving == SKEX_PAIRWISE_MOVING)
		pairwise->moving = durable ? SKEX_PAIRWISE_STILL : SKEX_PAIRWISE_NOT_MOVED;
}

/* Messages that answer what was sent here. */
static void receive_answer(struct skex_pairwise *pairwise,
	const struct skex_pairwise_message *message, const struct skex_pairwise_input *input,
	struct skex_pairwise_output *out)
{
	struct skex_pairwise_run *run = skex_pairwise_run_find(pairwise, message);

	if (run != NULL) {
		skex_pairwise_run_receive(pairwise, run, message, NULL, input, out);
		return;
	}
	pairwise->counters.unknown++;
	out->why = SKEX_E_UNKNOWN;
}

void skex_pairwise_receive(struct skex_pairwise *pairwise, struct skex_view bytes,
	const struct skex_pairwise_input *input, struct skex_pairwise_output *out)
{
	struct skex_pairwise_message message;

	skex_pairwise_nothing(out, skex_pairwise_decode(&message, bytes));
	if (out->why == SKEX_OK && message.sealed.size > pairwise->plain_room)
		out->why = SKEX_E_SPACE;
	if (out->why != SKEX_OK) {
		pairwise->counters.malformed++;
		return;
	}
	if (pairwise->broken) {
		out->why = SKEX_E_FATAL;
		return;
	}
	switch (message.type) {
	case SKEX_PAIRWISE_M1:
	case SKEX_PAIRWISE_P1:
		skex_pairwise_receive_first(pairwise, &message, input, out);
		break;
	case SKEX_PAIRWISE_K1:
		skex_pairwise_receive_rekey(pairwise, &message, input, out);
		break;
	case SKEX_PAIRWISE_M3:
	case SKEX_PAIRWISE_K3:
		skex_pairwise_receive_third(pairwise, &message, input, out);
		break;
	case SKEX_PAIRWISE_R1:
		skex_pairwise_receive_r1(pairwise, &message, input, out);
		break;
	default:
		receive_answer(pairwise, &message, input, out);
		break;
	}
}
