/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "store/log.h"

/* Slots overwritten for one sync: a bounded piece of a turn. */
#define DESTROY_MAX 256u
/* How long the first waits for company, or for a sync that has to be anyway. */
#define DELAY_MS    200u
#define GROW_MIN    512u

static bool is_used(const struct skex_log_slots *slots, uint32_t slot)
{
	return (slots->used[slot / 64] >> slot % 64 & 1u) != 0;
}

static void set_used(struct skex_log_slots *slots, uint32_t slot)
{
	slots->used[slot / 64] |= UINT64_C(1) << slot % 64;
	slots->used_count++;
}

static void set_free(struct skex_log_slots *slots, uint32_t slot)
{
	slots->used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
	slots->used_count--;
}

/* The bits follow the count of the file. */
static enum skex_error resize_bits(struct skex_log_slots *slots)
{
	uint32_t count = skex_key_slots_count(slots->file);
	size_t words = ((size_t)count + 63) / 64, before = ((size_t)slots->count + 63) / 64;

	if (words > before) {
		uint64_t *used = realloc(slots->used, words * sizeof(*used));
		if (used == NULL)
			return SKEX_E_MEMORY;
		memset(used + before, 0, (words - before) * sizeof(*used));
		slots->used = used;
	}
	slots->count = count;
	return SKEX_OK;
}

enum skex_error skex_log_slots_init(struct skex_log_slots *slots, struct skex_key_slots *file)
{
	*slots = (struct skex_log_slots){.file = file, .doomed_ms = UINT64_MAX};
	return resize_bits(slots);
}

void skex_log_slots_clear(struct skex_log_slots *slots)
{
	skex_key_slots_close(slots->file);
	free(slots->used);
	free(slots->doomed);
	*slots = (struct skex_log_slots){0};
}

static enum skex_error grow(struct skex_log_slots *slots)
{
	uint32_t more = slots->count / 4 > GROW_MIN ? slots->count / 4 : GROW_MIN;
	enum skex_error error = skex_key_slots_grow(slots->file, slots->count + more);

	return error == SKEX_OK ? resize_bits(slots) : error;
}

enum skex_error skex_log_slots_take(struct skex_log_slots *slots, uint32_t *slot)
{
	if (slots->used_count == slots->count) {
		enum skex_error error = grow(slots);
		if (error != SKEX_OK)
			return error;
	}
	/* Neighbours share pages, so that a group of them is a small sync. */
	if (slots->cursor >= slots->count)
		slots->cursor = 0;
	while (is_used(slots, slots->cursor)) {
		uint64_t word = slots->used[slots->cursor / 64];
		bool full = word == UINT64_MAX && slots->cursor % 64 == 0;
		slots->cursor += full ? 64 : 1;
		if (slots->cursor >= slots->count)
			slots->cursor = 0;
	}
	*slot = slots->cursor++;
	set_used(slots, *slot);
	return SKEX_OK;
}

enum skex_error skex_log_slots_doom(struct skex_log_slots *slots, uint32_t slot)
{
	if (slots->doomed_count == slots->doomed_room) {
		size_t room = slots->doomed_room == 0 ? 64 : slots->doomed_room * 2;
		uint32_t *doomed = realloc(slots->doomed, room * sizeof(*doomed));
		if (doomed == NULL)
			return SKEX_E_MEMORY;
		slots->doomed = doomed;
		slots->doomed_room = room;
	}
	slots->doomed[slots->doomed_count++] = slot;
	slots->ever_doomed++;
	return SKEX_OK;
}

enum skex_error skex_log_slots_destroy(struct skex_log_slots *slots)
{
	while (slots->destroyed < slots->doomed_count && slots->destroyed < DESTROY_MAX) {
		uint32_t slot = slots->doomed[slots->destroyed];
		enum skex_error error = skex_key_slots_destroy(slots->file, slot, true);
		if (error != SKEX_OK)
			return error;
		slots->destroyed++;
	}
	return SKEX_OK;
}

uint64_t skex_log_slots_due(struct skex_log_slots *slots, uint64_t now_ms)
{
	if (slots->doomed_count == 0)
		return UINT64_MAX;
	if (slots->doomed_ms == UINT64_MAX)
		slots->doomed_ms = now_ms;
	return slots->hurried || slots->doomed_count >= DESTROY_MAX ? now_ms
								    : slots->doomed_ms + DELAY_MS;
}

void skex_log_slots_synced(struct skex_log_slots *slots, uint64_t now_ms)
{
	for (size_t i = 0; i < slots->destroyed; i++)
		set_free(slots, slots->doomed[i]);
	if (slots->destroyed == 0)
		return;
	slots->doomed_count -= slots->destroyed;
	slots->ever_gone += slots->destroyed;
	memmove(slots->doomed, slots->doomed + slots->destroyed,
		slots->doomed_count * sizeof(*slots->doomed));
	slots->destroyed = 0;
	slots->doomed_ms = slots->doomed_count > 0 ? now_ms : UINT64_MAX;
}

enum skex_error skex_log_slots_claim(struct skex_log_slots *slots, uint32_t slot)
{
	if (slot >= slots->count || is_used(slots, slot))
		return SKEX_E_CORRUPT;
	set_used(slots, slot);
	return SKEX_OK;
}

enum skex_error skex_log_slots_reclaim(struct skex_log_slots *slots)
{
	for (uint32_t slot = 0; slot < slots->count; slot++) {
		if (is_used(slots, slot))
			continue;
		enum skex_error error = skex_key_slots_destroy(slots->file, slot, true);
		if (error != SKEX_OK)
			return error;
	}
	return skex_key_slots_sync_wait(slots->file);
}
