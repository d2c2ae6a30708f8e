/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/slots.h"

#include "core/base/mem.h"

/* What is read back at a time: no second buffer of the size of a slot. */
#define PIECE_BYTES 32u

void skex_pairwise_slots_init(struct skex_pairwise_slots *slots,
	const struct skex_pairwise_medium *medium, const struct skex_crypto *crypto, uint8_t *work,
	uint32_t size)
{
	memset(slots, 0, sizeof(*slots));
	slots->medium = medium;
	slots->crypto = crypto;
	slots->work = work;
	slots->size = size;
}

/* SKEX_OK when the slot holds what lies in work. */
static enum skex_error read_back(const struct skex_pairwise_slots *slots, uint8_t slot)
{
	const struct skex_pairwise_medium *medium = slots->medium;
	uint8_t piece[PIECE_BYTES];
	enum skex_error error = SKEX_OK;
	size_t at;

	for (at = 0; at < slots->size && error == SKEX_OK; at += sizeof(piece)) {
		const size_t rest = slots->size - at;
		const size_t size = rest < sizeof(piece) ? rest : sizeof(piece);

		error = medium->read(medium->context, slot, at, piece, size);
		if (error == SKEX_OK && !skex_ct_equal(piece, slots->work + at, size))
			error = SKEX_E_CORRUPT;
	}
	skex_wipe(piece, sizeof(piece));
	return error;
}

/* Puts all of work into a slot: durable, and seen to be there. */
static enum skex_error put(const struct skex_pairwise_slots *slots, uint8_t slot)
{
	const struct skex_pairwise_medium *medium = slots->medium;
	enum skex_error error = medium->write(medium->context, slot, slots->work, slots->size);

	if (error == SKEX_OK)
		error = medium->sync(medium->context);
	if (error == SKEX_OK)
		error = read_back(slots, slot);
	return error;
}

static enum skex_error zeroise(const struct skex_pairwise_slots *slots, uint8_t slot)
{
	memset(slots->work, 0, slots->size);
	return put(slots, slot);
}

/*
 * A whole slot is written, with zeros behind the state: an attempt that failed before may have left
 * a longer one there.
 */
static enum skex_error put_state(
	struct skex_pairwise_slots *slots, uint8_t slot, struct skex_pairwise_state *state)
{
	const uint64_t sequence = state->sequence + 1;
	enum skex_error error;
	size_t size;

	error = skex_pairwise_state_encode(
		state, slots->crypto, sequence, slots->work, slots->size, &size);
	if (error != SKEX_OK)
		return error;
	memset(slots->work + size, 0, slots->size - size);
	error = put(slots, slot);
	if (error == SKEX_OK) {
		state->sequence = sequence;
		slots->current = slot;
		slots->loaded = true;
	}
	return error;
}

enum skex_error skex_pairwise_slots_create(
	struct skex_pairwise_slots *slots, struct skex_pairwise_state *state)
{
	enum skex_error error;

	slots->loaded = false;
	error = zeroise(slots, 1);
	if (error == SKEX_OK)
		error = put_state(slots, 0, state);
	skex_wipe(slots->work, slots->size);
	return error;
}

enum skex_error skex_pairwise_slots_commit(
	struct skex_pairwise_slots *slots, struct skex_pairwise_state *state)
{
	const uint8_t old = slots->current;
	enum skex_error error;

	if (!slots->loaded)
		return SKEX_E_STATE;
	error = put_state(slots, (uint8_t)(1 - old), state);
	/* When only this fails, the next commit goes over the old slot, which is still there. */
	if (error == SKEX_OK)
		error = zeroise(slots, old);
	skex_wipe(slots->work, slots->size);
	return error;
}

static enum skex_error read_slot(const struct skex_pairwise_slots *slots, uint8_t slot)
{
	const struct skex_pairwise_medium *medium = slots->medium;

	return medium->read(medium->context, slot, 0, slots->work, slots->size);
}

/* Which slot holds the state. */
static enum skex_error choose(const struct skex_pairwise_slots *slots, uint8_t *which)
{
	uint64_t highest = 0;
	bool found = false;
	uint8_t slot;

	for (slot = 0; slot < 2; slot++) {
		uint64_t sequence = 0;
		enum skex_error error = read_slot(slots, slot);

		if (error == SKEX_OK)
			error = skex_pairwise_state_sequence(
				slots->crypto, skex_view(slots->work, slots->size), &sequence);
		if (error == SKEX_E_CORRUPT)
			continue;
		if (error != SKEX_OK)
			return error;
		if (!found || sequence > highest) {
			*which = slot;
			highest = sequence;
		}
		found = true;
	}
	return found ? SKEX_OK : SKEX_E_CORRUPT;
}

/* Zeros, and no wear when they are there already. */
static enum skex_error clear(const struct skex_pairwise_slots *slots, uint8_t slot)
{
	enum skex_error error = read_slot(slots, slot);

	if (error != SKEX_OK || skex_ct_is_zero(slots->work, slots->size))
		return error;
	return zeroise(slots, slot);
}

enum skex_error skex_pairwise_slots_load(struct skex_pairwise_slots *slots,
	struct skex_pairwise_state *state, const struct skex_pairwise_memory *memory)
{
	struct skex_pairwise_state found;
	uint8_t which = 0;
	/* After a restart without a loss of power, what is read may not be durable yet. */
	enum skex_error error = slots->medium->sync(slots->medium->context);

	slots->loaded = false;
	if (error == SKEX_OK)
		error = choose(slots, &which);
	if (error == SKEX_OK)
		error = read_slot(slots, which);
	if (error == SKEX_OK)
		error = skex_pairwise_state_decode(
			&found, slots->crypto, skex_view(slots->work, slots->size), memory);
	if (error == SKEX_OK) {
		error = clear(slots, (uint8_t)(1 - which));
		if (error == SKEX_OK) {
			*state = found;
			slots->current = which;
			slots->loaded = true;
		} else {
			skex_pairwise_state_wipe(&found);
		}
		skex_wipe(&found, sizeof(found));
	}
	skex_wipe(slots->work, slots->size);
	return error;
}
