/* SPDX-License-Identifier: Apache-2.0 */
#include "enrol/join.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "enrol/join_checks.h"
#include "enrol/leg_state.h"
#include "platform/memory.h"

#define PIECE_BYTES     65536u
#define PIECES_PER_STEP 8u

enum phase {
	JOIN_MAKE, /* the pad files have to be begun */
	JOIN_FILL,
	JOIN_STORE, /* the kit was verified: the keys have to be stored */
	JOIN_STORED,
	JOIN_REMOVED, /* the records of a replaced leg are being removed */
	JOIN_DONE,
	JOIN_FAILED,
};

struct skex_join {
	struct skex_join_setup setup;
	struct skex_kit *kit;
	enum phase phase;
	bool waiting; /* for the store; then only its answer may free this */
	bool abandoned;
	enum skex_error stored;
	uint64_t replaced;
	struct skex_pad_makers makers;
	uint64_t filled[2];
	uint8_t piece[PIECE_BYTES];
};

static enum skex_error fail(struct skex_join *join, enum skex_error error, const char *code,
	const char *what, struct skex_reason *reason)
{
	return skex_reason_set(reason, error, code,
		"check the directory, its disk and the space left on it, then join again",
		"%s: %s (%s); the kit was not taken in and can be joined again",
		join->setup.directory, what, skex_error_name(error));
}

/* Takes the kit, whatever comes of it. */
static enum skex_error begin(const struct skex_join_setup *setup, struct skex_kit *kit,
	const char *path, struct skex_join **join, struct skex_reason *reason)
{
	struct skex_join *made = skex_secret_new(sizeof(*made));
	enum skex_error error;

	if (made == NULL) {
		skex_kit_close(kit);
		return skex_reason_set(
			reason, SKEX_E_MEMORY, "memory", "free some memory", "no memory");
	}
	made->setup = *setup;
	made->kit = kit;
	error = join_check(&made->setup, made->kit, path, &made->replaced, reason);
	if (error != SKEX_OK) {
		skex_join_free(made);
		return error;
	}
	*join = made;
	return SKEX_OK;
}

enum skex_error skex_join_begin(const struct skex_join_setup *setup, const char *path,
	const uint8_t *key, struct skex_join **join, struct skex_reason *reason)
{
	struct skex_kit *kit;
	enum skex_error error =
		skex_kit_open(setup->platform, setup->crypto, path, key, &kit, reason);

	return error == SKEX_OK ? begin(setup, kit, path, join, reason) : error;
}

enum skex_error skex_join_begin_given(const struct skex_join_setup *setup, const char *name,
	const struct skex_kit_header *header, struct skex_join **join, struct skex_reason *reason)
{
	struct skex_kit *kit;
	enum skex_error error =
		skex_kit_given(setup->platform, setup->crypto, name, header, &kit, reason);

	return error == SKEX_OK ? begin(setup, kit, name, join, reason) : error;
}

static void stored(void *owner, enum skex_error error)
{
	struct skex_join *join = owner;

	join->waiting = false;
	join->stored = error;
	if (join->abandoned)
		skex_join_free(join);
	else
		join->setup.platform->wake(join->setup.platform->context);
}

static enum skex_error fill_piece(struct skex_join *join, int direction, struct skex_reason *reason)
{
	uint64_t left =
		skex_kit_header_get(join->kit)->pad_bytes[direction] - join->filled[direction];
	size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
	struct skex_pad_maker *maker = join->makers.makers[direction];
	enum skex_error error = skex_kit_read(join->kit, join->piece, size, reason);

	if (error != SKEX_OK)
		return error;
	/* Without a maker the file was finished in an interrupted try. */
	if (maker != NULL)
		error = skex_pad_maker_add(maker, join->piece, size);
	skex_wipe(join->piece, size);
	if (error != SKEX_OK)
		return fail(join, error, "pad_file", "a pad cannot be written", reason);
	join->filled[direction] += size;
	return SKEX_OK;
}

/* A few pieces; SKEX_OK when the kit was read to its verified end. */
static enum skex_error fill(struct skex_join *join, struct skex_reason *reason)
{
	const struct skex_kit_header *header = skex_kit_header_get(join->kit);
	unsigned pieces = 0;

	for (int i = 0; i < 2; i++)
		while (join->filled[i] < header->pad_bytes[i]) {
			enum skex_error error;

			if (pieces++ == PIECES_PER_STEP)
				return SKEX_E_BUSY;
			error = fill_piece(join, i, reason);
			if (error != SKEX_OK)
				return error;
		}
	return skex_kit_end(join->kit, reason);
}

static enum skex_error store_keys(struct skex_join *join)
{
	const struct skex_kit_header *header = skex_kit_header_get(join->kit);
	struct skex_store *store = join->setup.store;
	struct skex_txn *txn;
	enum skex_error error;

	if (header->type != SKEX_KIT_ENROL)
		return SKEX_OK;
	txn = skex_txn_begin(store);
	if (txn == NULL)
		return SKEX_E_MEMORY;
	error = skex_leg_state_put(join->setup.crypto, store, txn, header);
	if (error != SKEX_OK) {
		skex_txn_abandon(txn, store);
		return error;
	}
	error = skex_txn_submit(txn, store, stored, join);
	join->waiting = error == SKEX_OK;
	return error;
}

static enum skex_error put_leg(struct skex_join *join)
{
	const struct skex_kit_header *header = skex_kit_header_get(join->kit);
	struct skex_registry *registry = join->setup.registry;
	struct skex_leg_record leg;
	enum skex_error error = SKEX_OK;

	if (join->replaced != 0)
		error = skex_registry_leg_remove(registry, join->replaced);
	if (error != SKEX_OK)
		return error;
	skex_leg_state_row(
		header, &header->hub_name, skex_join_class(join), header->addresses, &leg);
	error = skex_registry_leg_put(registry, &leg);
	if (error == SKEX_OK && join->setup.agent == NULL)
		error = join_remember_name(registry, &header->agent);
	return error;
}

static enum skex_error put_rows(struct skex_join *join)
{
	const struct skex_kit_header *header = skex_kit_header_get(join->kit);
	struct skex_registry *registry = join->setup.registry;
	enum skex_error error = skex_registry_begin(registry);

	if (error != SKEX_OK)
		return error;
	if (header->type == SKEX_KIT_ENROL)
		error = put_leg(join);
	if (error == SKEX_OK)
		error = skex_leg_state_put_pads(registry, header);
	if (error == SKEX_OK)
		error = join_remember_kit(registry, skex_kit_lock_get(join->kit)->id, header->leg);
	if (error == SKEX_OK)
		return skex_registry_commit(registry);
	skex_registry_undo(registry);
	return error;
}

static enum skex_error commit(struct skex_join *join, struct skex_reason *reason)
{
	enum skex_error error = skex_pad_makers_finish(&join->makers);

	if (error != SKEX_OK)
		return fail(join, error, "pad_file", "the pads cannot be finished", reason);
	/* The old pads first: as long as their rows are there, joining again comes back to it. */
	if (join->replaced != 0)
		error = join_destroy_leg(&join->setup, join->replaced);
	if (error != SKEX_OK)
		return fail(join, error, "pad_file", "the old pads cannot be destroyed", reason);
	error = put_rows(join);
	/* What the disk has is read when the registry is opened again. */
	if (error != SKEX_OK && skex_registry_failed(join->setup.registry) != SKEX_OK)
		return skex_reason_set(reason, error, "registry",
			"check the disk, start skexd again if it ended, then join again: what was "
			"taken in already is said",
			"%s: the registry cannot be synced (%s): whether the kit was taken in is "
			"known at the next start",
			join->setup.directory, skex_error_name(error));
	if (error != SKEX_OK)
		return fail(join, error, "registry", "the registry cannot be written", reason);
	return SKEX_OK;
}

/* The envelope keys of the leg that was replaced.  Already harmless: a failure changes nothing. */
static void remove_replaced(struct skex_join *join)
{
	struct skex_store *store = join->setup.store;
	struct skex_txn *txn = skex_txn_begin(store);

	if (txn == NULL)
		return;
	skex_leg_state_remove(store, txn, join->replaced);
	join->waiting = skex_txn_submit(txn, store, stored, join) == SKEX_OK;
}

static enum skex_error step_store(struct skex_join *join, struct skex_reason *reason)
{
	enum skex_error error = store_keys(join);

	if (error != SKEX_OK)
		return fail(join, error, "store", "the keys cannot be stored", reason);
	join->phase = JOIN_STORED;
	return join->waiting ? SKEX_E_EMPTY : SKEX_E_BUSY;
}

static enum skex_error step_commit(struct skex_join *join, struct skex_reason *reason)
{
	enum skex_error error = commit(join, reason);

	if (error != SKEX_OK)
		return error;
	join->phase = JOIN_DONE;
	if (join->replaced == 0)
		return SKEX_OK;
	join->phase = JOIN_REMOVED;
	remove_replaced(join);
	return SKEX_E_BUSY;
}

static enum skex_error step(struct skex_join *join, struct skex_reason *reason)
{
	const struct skex_join_setup *setup = &join->setup;
	enum skex_error error;

	switch (join->phase) {
	case JOIN_MAKE:
		error = skex_pad_makers_new(setup->platform, setup->crypto, setup->directory,
			setup->kek, skex_kit_header_get(join->kit), &join->makers);
		if (error != SKEX_OK)
			return fail(join, error, "pad_file", "the pads cannot be made", reason);
		join->phase = JOIN_FILL;
		return SKEX_E_BUSY;
	case JOIN_FILL:
		error = fill(join, reason);
		if (error != SKEX_OK)
			return error;
		join->phase = JOIN_STORE;
		return SKEX_E_BUSY;
	case JOIN_STORE:
		return step_store(join, reason);
	case JOIN_STORED:
		return step_commit(join, reason);
	case JOIN_REMOVED:
		join->phase = JOIN_DONE;
		return SKEX_OK;
	case JOIN_DONE:
		return SKEX_OK;
	case JOIN_FAILED:
	default:
		return skex_reason_set(reason, SKEX_E_STATE, "failed", "", "it has failed before");
	}
}

enum skex_error skex_join_step(struct skex_join *join, struct skex_reason *reason)
{
	enum skex_error error;

	if (join->waiting)
		return SKEX_E_EMPTY;
	if (join->stored != SKEX_OK && join->phase != JOIN_REMOVED)
		error = fail(join, join->stored, "store", "the keys cannot be stored", reason);
	else
		error = step(join, reason);
	if (error != SKEX_OK && error != SKEX_E_BUSY && error != SKEX_E_EMPTY)
		join->phase = JOIN_FAILED;
	return error;
}

void skex_join_release(struct skex_join *join)
{
	if (join == NULL)
		return;
	skex_pad_makers_free(&join->makers);
	skex_kit_close(join->kit);
	skex_secret_free(join);
}

void skex_join_free(struct skex_join *join)
{
	if (join != NULL && join->waiting)
		join->abandoned = true;
	else
		skex_join_release(join);
}

const struct skex_kit_header *skex_join_header(const struct skex_join *join)
{
	return skex_kit_header_get(join->kit);
}

enum skex_class skex_join_class(const struct skex_join *join)
{
	return skex_kit_class(skex_kit_header_get(join->kit), skex_kit_lock_get(join->kit));
}

uint64_t skex_join_replaced(const struct skex_join *join)
{
	return join->replaced;
}
