/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "pairwise/internal.h"
#include "platform/memory.h"

/*
 * The record of a state: u8 1 | u64 wall time of the last run that gave keys | the state as
 * core/pairwise/state.h encodes it.
 */
#define RECORD_VERSION 1u
#define HEAD_BYTES     9u

struct waiting {
	struct skex_association *association;
	uint64_t persist;
};

/* Durable, and the key of the record before is destroyed. */
static void persisted(void *owner, enum skex_error error)
{
	struct waiting *waiting = owner;
	struct skex_association *association = waiting->association;
	const uint64_t persist = waiting->persist;

	free(waiting);
	/* At the end of a daemon the association is gone. */
	if (error != SKEX_OK)
		return;
	association_durable(association, persist);
	association_release(association);
}

static enum skex_error put(struct skex_association *association, struct skex_txn *txn)
{
	struct skex_associations *all = association->all;
	struct skex_pairwise_state *state = &association->engine->state;
	const size_t room = skex_pairwise_state_size(state->depth, state->window, false);
	uint8_t head[HEAD_BYTES];
	struct skex_view parts[2];
	struct skex_writer writer;
	enum skex_error error;
	size_t size = 0;
	uint8_t *bytes = skex_secret_new(room);

	if (bytes == NULL)
		return SKEX_E_MEMORY;
	skex_writer_init(&writer, head, sizeof(head));
	skex_write_u8(&writer, RECORD_VERSION);
	skex_write_u64(&writer, association->success_wall_ms);
	error = skex_pairwise_state_encode(
		state, all->crypto, state->sequence + 1, bytes, room, &size);
	if (error == SKEX_OK) {
		state->sequence++;
		parts[0] = skex_view(head, sizeof(head));
		parts[1] = skex_view(bytes, size);
		skex_txn_put_secret(txn, all->commit->store, all->table,
			skex_view(association->key, association->key_size), parts, 2);
	}
	skex_secret_free(bytes);
	return error;
}

static void write_one(struct skex_association *association)
{
	struct skex_commit *commit = association->all->commit;
	struct skex_txn *txn = skex_commit_txn(commit);
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (txn == NULL || waiting == NULL || put(association, txn) != SKEX_OK) {
		/* What waits for it is never sent: the association says nothing any more. */
		free(waiting);
		association->engine->pairwise.broken = true;
		return;
	}
	waiting->association = association;
	waiting->persist = association->persist_number;
	association->refs++;
	skex_commit_after_erased(commit, persisted, waiting);
}

uint64_t association_persist(struct skex_association *association)
{
	struct skex_associations *all = association->all;

	if (!association->dirty) {
		association->dirty = true;
		association->persist_number++;
		association->next_dirty = all->dirty;
		all->dirty = association;
		all->platform->wake(all->platform->context);
	}
	return association->persist_number;
}

void associations_write(struct skex_associations *all)
{
	while (all->dirty != NULL) {
		struct skex_association *association = all->dirty;

		all->dirty = association->next_dirty;
		association->dirty = false;
		if (!association->dead)
			write_one(association);
		else if (association->refs == 0)
			association_free(association);
	}
}

enum skex_error association_load(struct skex_association *association)
{
	struct skex_associations *all = association->all;
	struct engine *engine = association->engine;
	const size_t room = HEAD_BYTES + skex_pairwise_state_size(32, WINDOW, false);
	const struct skex_pairwise_memory memory = {
		.out = engine->nodes, .in = engine->nodes + 32, .window_max = WINDOW};
	struct skex_reader reader;
	enum skex_error error;
	size_t size = 0;
	uint8_t *bytes = skex_secret_new(room);

	if (bytes == NULL)
		return SKEX_E_MEMORY;
	error = skex_store_get(all->commit->store, all->table,
		skex_view(association->key, association->key_size), bytes, room, &size);
	if (error == SKEX_OK) {
		skex_reader_init(&reader, skex_view(bytes, size));
		if (skex_read_u8(&reader) != RECORD_VERSION)
			error = SKEX_E_VERSION;
		association->success_wall_ms = skex_read_u64(&reader);
	}
	if (error == SKEX_OK)
		error = reader.failed
			? SKEX_E_CORRUPT
			: skex_pairwise_state_decode(&engine->state, all->crypto,
				  skex_view(bytes + HEAD_BYTES, size - HEAD_BYTES), &memory);
	if (error == SKEX_OK && (engine->state.window != WINDOW || engine->state.ahead != AHEAD))
		error = SKEX_E_CORRUPT;
	skex_secret_free(bytes);
	return error;
}
