/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "platform/memory.h"
#include "store/pad_internal.h"

/*
 * Destroying what was used, in steps of which each is safe to lose:
 *
 *   1. the rest of the segment that the mark stands in goes, under a new key, into the tail area
 * that is not in use; sync
 *   2. the slot of the chunk leads to the next segment's key and to the tail; the slots of all
 * chunks before are destroyed; sync
 *   3. the older copy of the chunk's slot is overwritten; sync
 *
 * Until 2 is durable the slot leads to the segment itself, or to the tail before, and what comes
 * after the mark is never without a key.  After 3 nothing leads to what lies before the mark.
 *
 * The slot that a life finds may be one that the life before it wrote and nobody synced: until it
 * is durable the disk may have a slot that leads to the other tail area.  So before its first 1 a
 * life has the slots synced.
 */
#define DELAY_MS  (SKEX_PAD_FORGET_MS / 2u)
#define IDLE_MS   2000u
#define SWEEP_MAX 256u /* slots looked at in one go */

static void step_tail(struct skex_pad_file *file);
static void step_slot(struct skex_pad_file *file);
static void step_older(struct skex_pad_file *file);
static void step_end(struct skex_pad_file *file);

static void fail(struct skex_pad_file *file, enum skex_error error)
{
	file->failed = error;
	file->phase = SKEX_PAD_IDLE;
	skex_pad_cache_clear(file);
	skex_log(file->platform, SKEX_LEVEL_ERROR, "pad: used bytes cannot be destroyed: %s",
		skex_error_name(error));
}

static void advance(struct skex_pad_file *file, enum skex_error error)
{
	if (error != SKEX_OK) {
		fail(file, error);
		return;
	}
	switch (file->phase) {
	case SKEX_PAD_IDLE:
		break;
	case SKEX_PAD_SYNC_FOUND:
		file->synced = true;
		step_tail(file);
		break;
	case SKEX_PAD_SYNC_TAIL:
		step_slot(file);
		break;
	case SKEX_PAD_SYNC_SLOT:
		step_older(file);
		break;
	case SKEX_PAD_SYNC_OLDER:
		step_end(file);
		break;
	}
}

static void synced(void *owner, enum skex_error error)
{
	struct skex_pad_file *file = owner;

	if (!file->settling)
		advance(file, error);
}

static enum skex_error slots_sync(struct skex_pad_file *file)
{
	return file->settling ? SKEX_OK : skex_key_slots_sync(file->slots, synced, file);
}

/* ---- planning ---- */

/* What the slot of chunk has to lead to when everything before mark, which lies in it, is gone. */
static enum skex_error next_plan(
	struct skex_pad_file *file, const struct skex_pad_chunk *chunk, uint64_t mark)
{
	struct skex_pad_step *step = &file->step;
	unsigned within = (unsigned)(mark % SKEX_PAD_CHUNK_BYTES);
	unsigned segment = within / SKEX_PAD_SEGMENT_BYTES;
	unsigned offset = within % SKEX_PAD_SEGMENT_BYTES;
	unsigned first = offset == 0 ? segment : segment + 1;

	bool there = first == chunk->first &&
		(offset == 0 ? chunk->tail_area == 0
			     : chunk->tail_area != 0 && chunk->tail_offset == offset);
	if (there)
		return SKEX_OK;
	struct skex_pad_chunk *next = skex_secret_new(sizeof(*next));
	if (next == NULL)
		return SKEX_E_MEMORY;
	memcpy(next, chunk, sizeof(*next));
	next->first = (uint8_t)first;
	next->tail_offset = (uint16_t)offset;
	next->tail_area = 0;
	for (unsigned j = 0; j < first; j++)
		skex_wipe(next->keys[j], sizeof(next->keys[j]));
	skex_wipe(next->tail_key, sizeof(next->tail_key));
	step->next = next;
	step->change = true;
	if (offset == 0)
		return SKEX_OK;
	next->tail_area = chunk->tail_area == 1 ? 2 : 1;
	return file->platform->random(
		file->platform->context, next->tail_key, sizeof(next->tail_key));
}

static enum skex_error tail_write(struct skex_pad_file *file)
{
	const struct skex_files *files = file->platform->files;
	const struct skex_pad_chunk *next = file->step.next;
	struct skex_pad_segment *segment = NULL;
	uint8_t sealed[SKEX_PAD_SEGMENT_BYTES + SKEX_AEAD_TAG_BYTES];
	uint8_t *tag = sealed + SKEX_PAD_SEGMENT_BYTES;
	size_t size = skex_pad_segment_size(file->size, next->number, next->first - 1u);
	size_t from = next->tail_offset;
	uint64_t at = skex_pad_tail_offset(next->tail_area);

	enum skex_error error = skex_pad_segment_get(
		file, file->step.mark / SKEX_PAD_SEGMENT_BYTES, (unsigned)from, &segment);
	if (error == SKEX_OK) {
		error = skex_pad_tail_seal(&file->seal, next,
			skex_view(segment->bytes + from, size - from), sealed, tag);
	}
	if (error == SKEX_OK)
		error = files->write(file->file, at, sealed, size - from);
	if (error == SKEX_OK) {
		error = files->write(
			file->file, at + SKEX_PAD_SEGMENT_BYTES, tag, SKEX_AEAD_TAG_BYTES);
	}
	return error;
}

/* ---- the steps ---- */

/* Destroys the slots of chunks before the mark's, a bounded number; *wrote when there were any. */
static enum skex_error sweep(struct skex_pad_file *file, bool *wrote)
{
	for (unsigned i = 0; i < SWEEP_MAX && file->swept < file->step.chunk; i++) {
		bool destroyed = false;
		enum skex_error error =
			skex_key_slots_is_destroyed(file->slots, file->swept, true, &destroyed);
		if (error == SKEX_OK && !destroyed) {
			error = skex_key_slots_destroy(file->slots, file->swept, true);
			*wrote = true;
		}
		if (error != SKEX_OK)
			return error;
		file->swept++;
	}
	return SKEX_OK;
}

/* Whether an older copy of the slot of the mark's chunk waits to be overwritten. */
static enum skex_error older_waits(struct skex_pad_file *file, bool *waits)
{
	bool destroyed = true;
	enum skex_error error = SKEX_OK;

	if (file->step.chunk < file->chunks) {
		error = skex_key_slots_is_destroyed(
			file->slots, file->step.chunk, false, &destroyed);
	}
	*waits = !destroyed;
	return error;
}

static void step_slot(struct skex_pad_file *file)
{
	uint8_t data[SKEX_SLOT_BYTES];
	bool wrote = file->step.change || !file->synced, waits = false;
	enum skex_error error = SKEX_OK;

	if (file->step.change) {
		skex_pad_chunk_encode(file->step.next, data);
		error = skex_key_slots_put(file->slots, file->step.chunk, data);
		skex_wipe(data, sizeof(data));
	}
	if (error == SKEX_OK)
		error = sweep(file, &wrote);
	/* What another life wrote, and what it destroyed, may not be durable: the first step syncs
	 * in any case, and no copy is overwritten before a sync. */
	if (error == SKEX_OK)
		error = older_waits(file, &waits);
	file->phase = SKEX_PAD_SYNC_SLOT;
	if (error == SKEX_OK && (wrote || waits))
		error = slots_sync(file);
	else if (error == SKEX_OK)
		step_end(file);
	if (error != SKEX_OK)
		fail(file, error);
}

static void step_older(struct skex_pad_file *file)
{
	bool wrote = false;

	file->synced = true;
	enum skex_error error = older_waits(file, &wrote);

	if (error == SKEX_OK && wrote)
		error = skex_key_slots_destroy(file->slots, file->step.chunk, false);
	if (error == SKEX_OK)
		error = sweep(file, &wrote);
	file->phase = SKEX_PAD_SYNC_OLDER;
	if (error == SKEX_OK && wrote)
		error = slots_sync(file);
	else if (error == SKEX_OK)
		step_end(file);
	if (error != SKEX_OK)
		fail(file, error);
}

/* The cached keys follow what the slots hold now. */
static void cache_update(struct skex_pad_file *file)
{
	struct skex_pad_step *step = &file->step;

	for (size_t i = 0; i < SKEX_PAD_CACHED_CHUNKS; i++) {
		struct skex_pad_chunk *cached = file->cached[i];
		if (cached == NULL || cached->number > step->chunk)
			continue;
		if (cached->number < step->chunk) {
			skex_secret_free(cached);
			file->cached[i] = NULL;
		} else if (step->next != NULL) {
			skex_secret_free(cached);
			file->cached[i] = step->next;
			step->next = NULL;
		}
	}
	skex_secret_free(step->next);
	step->next = NULL;
}

static void step_end(struct skex_pad_file *file)
{
	const struct skex_platform *platform = file->platform;

	cache_update(file);
	file->phase = SKEX_PAD_IDLE;
	if (file->swept >= file->step.chunk)
		file->done = file->step.mark;
	else
		file->due_ms = 0;
	if (file->due_ms != UINT64_MAX && platform->wake != NULL)
		platform->wake(platform->context);
}

static enum skex_error step_plan(struct skex_pad_file *file)
{
	struct skex_pad_chunk *chunk = NULL;
	uint64_t mark = file->mark;

	file->step = (struct skex_pad_step){.mark = mark, .chunk = file->chunks};
	if (mark >= file->size)
		return SKEX_OK;
	file->step.chunk = (uint32_t)(mark / SKEX_PAD_CHUNK_BYTES);
	enum skex_error error = skex_pad_chunk_get(file, file->step.chunk, &chunk);
	if (error == SKEX_OK)
		error = next_plan(file, chunk, mark);
	return error == SKEX_E_UNKNOWN ? SKEX_E_CORRUPT : error;
}

/* Nothing leads to what was written: it is tried again. */
static void step_later(struct skex_pad_file *file, enum skex_error error)
{
	const uint64_t now_ms = file->platform->now_ms(file->platform->context);

	if (error != SKEX_E_MEMORY && error != SKEX_E_ENTROPY) {
		fail(file, error);
		return;
	}
	skex_secret_free(file->step.next);
	file->step.next = NULL;
	file->phase = SKEX_PAD_IDLE;
	file->due_ms = now_ms + DELAY_MS;
	file->late = error;
}

static void step_tail(struct skex_pad_file *file)
{
	enum skex_error error = tail_write(file);

	if (error == SKEX_OK) {
		file->phase = SKEX_PAD_SYNC_TAIL;
		if (!file->settling)
			error = file->platform->files->sync(file->file, synced, file);
	}
	if (error != SKEX_OK)
		step_later(file, error);
}

static void step_begin(struct skex_pad_file *file)
{
	enum skex_error error = step_plan(file);

	file->due_ms = UINT64_MAX;
	file->late = SKEX_OK;
	if (error != SKEX_OK) {
		step_later(file, error);
	} else if (!file->step.change || file->step.next->tail_area == 0) {
		step_slot(file);
	} else if (file->synced) {
		step_tail(file);
	} else {
		file->phase = SKEX_PAD_SYNC_FOUND;
		error = slots_sync(file);
		if (error != SKEX_OK)
			fail(file, error);
	}
}

/* ---- what others call ---- */

void skex_pad_file_forget(struct skex_pad_file *file, uint64_t mark)
{
	if (mark > file->size)
		mark = file->size;
	if (mark <= file->mark)
		return;
	file->mark = mark;
	skex_pad_cache_trim(file, mark);
	if (file->due_ms == UINT64_MAX)
		file->due_ms = file->platform->now_ms(file->platform->context) + DELAY_MS;
}

static bool cache_is_empty(const struct skex_pad_file *file)
{
	for (size_t i = 0; i < SKEX_PAD_CACHED_SEGMENTS; i++) {
		if (file->segments[i] != NULL)
			return false;
	}
	return file->cached[0] == NULL && file->cached[1] == NULL;
}

uint64_t skex_pad_file_turn(struct skex_pad_file *file, uint64_t now_ms)
{
	if (file->failed == SKEX_OK && file->phase == SKEX_PAD_IDLE && file->due_ms <= now_ms)
		step_begin(file);
	if (file->failed != SKEX_OK)
		return UINT64_MAX;
	if (file->phase != SKEX_PAD_IDLE)
		return UINT64_MAX;
	/* A pad that rests costs no memory. */
	uint64_t idle_ms = file->read_ms + IDLE_MS;
	if (idle_ms <= now_ms)
		skex_pad_cache_clear(file);
	if (cache_is_empty(file) || file->due_ms < idle_ms)
		return file->due_ms;
	return idle_ms;
}

enum skex_error skex_pad_file_settle(struct skex_pad_file *file)
{
	const struct skex_files *files = file->platform->files;

	file->settling = true;
	file->late = SKEX_OK;
	while (file->failed == SKEX_OK && file->late == SKEX_OK &&
		(file->phase != SKEX_PAD_IDLE || file->due_ms != UINT64_MAX)) {
		if (file->phase == SKEX_PAD_IDLE)
			step_begin(file);
		else if (file->phase == SKEX_PAD_SYNC_TAIL)
			advance(file, files->sync_wait(file->file));
		else
			advance(file, skex_key_slots_sync_wait(file->slots));
	}
	/* What could not be done now the next start does. */
	return file->failed != SKEX_OK ? file->failed : file->late;
}
