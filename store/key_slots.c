/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "store/key_slots_internal.h"

#define GROW_GROUPS 16u

enum skex_error skex_key_slots_failed(const struct skex_key_slots *slots)
{
	return slots->failed;
}

/* Reads both copies; *newest is the one that counts, or 2 when neither does. */
static enum skex_error slot_read(struct skex_key_slots *slots, uint32_t slot, unsigned *newest)
{
	unsigned best = 2;

	if (slot >= slots->count)
		return SKEX_E_ARGUMENT;
	for (unsigned which = 0; which < 2; which++) {
		enum skex_error error =
			skex_key_slots_copy_read(slots, slot, which, &slots->copies[which]);
		if (error != SKEX_OK)
			return error;
		enum skex_slot_kind kind = slots->copies[which].kind;
		if (kind != SKEX_SLOT_VALUE && kind != SKEX_SLOT_DESTROYED)
			continue;
		if (best == 2 || slots->copies[which].sequence > slots->copies[best].sequence)
			best = which;
	}
	*newest = best;
	return SKEX_OK;
}

/* Room for every slot; without memory less is known. */
static struct skex_slot_known *known_of(struct skex_key_slots *slots, uint32_t slot)
{
	if (slot >= slots->known_count && slot < slots->count) {
		struct skex_slot_known *more = realloc(slots->known, slots->count * sizeof(*more));

		if (more != NULL) {
			memset(more + slots->known_count, 0,
				(slots->count - slots->known_count) * sizeof(*more));
			slots->known = more;
			slots->known_count = slots->count;
		}
	}
	return slot < slots->known_count ? &slots->known[slot] : NULL;
}

static void learn(
	struct skex_key_slots *slots, uint32_t slot, unsigned newest, uint64_t sequence, bool value)
{
	struct skex_slot_known *known = known_of(slots, slot);

	if (known != NULL)
		*known = (struct skex_slot_known){sequence, (uint8_t)newest, value};
	else
		slots->grown_from = UINT32_MAX; /* this one is empty no more */
}

/* Before a slot is written: what happens to it may not be known when that fails. */
static void unlearn(struct skex_key_slots *slots, uint32_t slot)
{
	if (slot < slots->known_count)
		slots->known[slot] = (struct skex_slot_known){.newest = 2};
}

/* The copy that counts (2: neither) and its sequence, from what is known or from the disk. */
static enum skex_error slot_state(
	struct skex_key_slots *slots, uint32_t slot, unsigned *newest, uint64_t *sequence)
{
	const struct skex_slot_known *known =
		slot < slots->known_count ? &slots->known[slot] : NULL;
	enum skex_error error = SKEX_OK;

	if (known != NULL && known->sequence > 0) {
		*newest = known->newest;
		*sequence = known->sequence;
		return SKEX_OK;
	}
	if (slot >= slots->grown_from && slot < slots->count &&
		(known == NULL || known->newest != 2)) {
		*newest = 2;
		*sequence = 0;
		return SKEX_OK;
	}
	error = slot_read(slots, slot, newest);
	if (error == SKEX_OK)
		*sequence = *newest == 2 ? 0 : slots->copies[*newest].sequence;
	return error;
}

static void forget_copies(struct skex_key_slots *slots)
{
	skex_wipe(slots->copies, sizeof(slots->copies));
}

enum skex_error skex_key_slots_put(
	struct skex_key_slots *slots, uint32_t slot, const uint8_t data[static SKEX_SLOT_BYTES])
{
	unsigned newest;
	uint64_t sequence;
	enum skex_error error = slot_state(slots, slot, &newest, &sequence);

	if (error == SKEX_OK) {
		unsigned other = newest == 0 ? 1 : 0;
		unlearn(slots, slot);
		if (sequence == SKEX_SLOT_SEQUENCE_MAX)
			error = SKEX_E_EXHAUSTED;
		else
			error = skex_key_slots_copy_write(
				slots, slot, other, SKEX_SLOT_VALUE, sequence + 1, data);
		if (error == SKEX_OK)
			learn(slots, slot, other, sequence + 1, true);
	}
	forget_copies(slots);
	return error;
}

enum skex_error skex_key_slots_get(
	struct skex_key_slots *slots, uint32_t slot, uint8_t data[static SKEX_SLOT_BYTES])
{
	unsigned newest;
	enum skex_error error = slot_read(slots, slot, &newest);

	if (error == SKEX_OK && newest == 2) {
		bool empty = slots->copies[0].kind == SKEX_SLOT_EMPTY &&
			slots->copies[1].kind == SKEX_SLOT_EMPTY;
		error = empty ? SKEX_E_UNKNOWN : SKEX_E_CORRUPT;
	} else if (error == SKEX_OK && slots->copies[newest].kind == SKEX_SLOT_DESTROYED) {
		error = SKEX_E_UNKNOWN;
	} else if (error == SKEX_OK) {
		memcpy(data, slots->copies[newest].data, SKEX_SLOT_BYTES);
	}
	forget_copies(slots);
	return error;
}

static enum skex_error destroy_older(struct skex_key_slots *slots, uint32_t slot)
{
	unsigned newest;
	enum skex_error error = slot_read(slots, slot, &newest);

	if (error != SKEX_OK || newest == 2)
		return error;
	unsigned older = newest == 0 ? 1 : 0;
	if (slots->copies[older].kind == SKEX_SLOT_EMPTY)
		return SKEX_OK;
	return skex_key_slots_copy_clear(slots, slot, older);
}

/*
 * A mark of destruction with a higher sequence goes over the older copy, and another over the
 * newer: in whatever order these reach the disk, an older value does not come back.
 */
static enum skex_error destroy_both(struct skex_key_slots *slots, uint32_t slot)
{
	static const uint8_t zero[SKEX_SLOT_BYTES];
	unsigned newest;
	uint64_t sequence;
	enum skex_error error = slot_state(slots, slot, &newest, &sequence);

	if (error != SKEX_OK)
		return error;
	unsigned first = newest == 0 ? 1 : 0;
	unlearn(slots, slot);
	for (unsigned i = 0; i < 2; i++) {
		unsigned which = i == 0 ? first : 1 - first;
		if (sequence + i >= SKEX_SLOT_SEQUENCE_MAX)
			return SKEX_E_EXHAUSTED;
		error = skex_key_slots_copy_write(
			slots, slot, which, SKEX_SLOT_DESTROYED, sequence + 1 + i, zero);
		if (error != SKEX_OK)
			return error;
	}
	learn(slots, slot, 1 - first, sequence + 2, false);
	return SKEX_OK;
}

enum skex_error skex_key_slots_is_destroyed(
	struct skex_key_slots *slots, uint32_t slot, bool wholly, bool *destroyed)
{
	uint8_t kinds[2];

	if (slot >= slots->count)
		return SKEX_E_ARGUMENT;
	for (unsigned which = 0; which < 2; which++) {
		enum skex_error error = skex_key_slots_copy_kind(slots, slot, which, &kinds[which]);
		if (error != SKEX_OK)
			return error;
	}
	bool bare[2];
	for (unsigned which = 0; which < 2; which++)
		bare[which] =
			kinds[which] == SKEX_SLOT_EMPTY || kinds[which] == SKEX_SLOT_DESTROYED;
	if (wholly)
		*destroyed = bare[0] && bare[1];
	else
		*destroyed = kinds[0] == SKEX_SLOT_EMPTY || kinds[1] == SKEX_SLOT_EMPTY ||
			(bare[0] && bare[1]);
	return SKEX_OK;
}

enum skex_error skex_key_slots_destroy(struct skex_key_slots *slots, uint32_t slot, bool wholly)
{
	bool destroyed = false;
	enum skex_error error = SKEX_OK;

	/* A slot that was put in this life is not. */
	if (!wholly || slot >= slots->known_count || slots->known[slot].sequence == 0 ||
		!slots->known[slot].value)
		error = skex_key_slots_is_destroyed(slots, slot, wholly, &destroyed);
	if (error == SKEX_OK && !destroyed)
		error = wholly ? destroy_both(slots, slot) : destroy_older(slots, slot);
	forget_copies(slots);
	return error;
}

uint32_t skex_key_slots_count(const struct skex_key_slots *slots)
{
	return slots->count;
}

enum skex_error skex_key_slots_grow(struct skex_key_slots *slots, uint32_t count)
{
	if (count <= slots->count)
		return SKEX_OK;
	if (count > SKEX_SLOTS_MAX)
		return SKEX_E_ARGUMENT;
	uint32_t groups = (count + SKEX_SLOTS_PER_GROUP - 1) / SKEX_SLOTS_PER_GROUP;
	groups = (groups + GROW_GROUPS - 1) / GROW_GROUPS * GROW_GROUPS;
	enum skex_error error = slots->platform->files->resize(
		slots->file, SKEX_SLOTS_PAGE_BYTES + (uint64_t)groups * SKEX_SLOTS_GROUP_BYTES);
	if (error == SKEX_OK)
		slots->count = groups * SKEX_SLOTS_PER_GROUP;
	return error;
}

enum skex_error skex_key_slots_sync(struct skex_key_slots *slots, skex_done_fn done, void *owner)
{
	enum skex_error error = skex_key_slots_write_gathered(slots);

	return error == SKEX_OK ? slots->platform->files->sync(slots->file, done, owner) : error;
}

enum skex_error skex_key_slots_sync_wait(struct skex_key_slots *slots)
{
	enum skex_error error = skex_key_slots_write_gathered(slots);

	return error == SKEX_OK ? slots->platform->files->sync_wait(slots->file) : error;
}
