/* SPDX-License-Identifier: Apache-2.0 */
#include "pairwise/association.h"

#include <stdlib.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "pairwise/internal.h"
#include "platform/memory.h"

#define OUT_NODES 32u /* skex_pairwise_tree_room(32, 1) */
#define IN_NODES  (32u + WINDOW - 1u)

/* ---- memory ------------------------------------------------------------------------------------
 */

/* Nodes for a tree of the greatest depth are needed while the depth is not known. */
static struct engine *engine_new(void)
{
	return skex_secret_new(
		sizeof(struct engine) + (OUT_NODES + IN_NODES) * sizeof(struct skex_pairwise_node));
}

/* Of 10,000 associations almost all have depth 0, and need few nodes. */
static struct engine *engine_fit(struct engine *engine)
{
	struct skex_pairwise_state *state = &engine->state;
	const size_t out = skex_pairwise_tree_room(state->depth, 1);
	const size_t in = skex_pairwise_tree_room(state->depth, WINDOW);
	struct engine *fitted =
		skex_secret_new(sizeof(*fitted) + (out + in) * sizeof(struct skex_pairwise_node));

	if (fitted == NULL)
		return engine;
	fitted->state = *state;
	memcpy(fitted->nodes, state->out.nodes, state->out.count * sizeof(*fitted->nodes));
	memcpy(fitted->nodes + out, state->in.tree.nodes,
		state->in.tree.count * sizeof(*fitted->nodes));
	fitted->state.out.nodes = fitted->nodes;
	fitted->state.out.room = (uint16_t)out;
	fitted->state.in.tree.nodes = fitted->nodes + out;
	fitted->state.in.tree.room = (uint16_t)in;
	skex_secret_free(engine);
	return fitted;
}

void association_free(struct skex_association *association)
{
	struct skex_associations *all = association->all;

	if (association->self != NULL) {
		*association->self = association->next;
		if (association->next != NULL)
			association->next->self = association->self;
	}
	if (association->engine != NULL) {
		association_unlist(association);
		skex_schedule_remove(&all->schedule, &association->due);
	}
	if (association->self != NULL && !association->dead)
		all->count--;
	sessions_clear(association);
	skex_secret_free(association->engine);
	free(association);
}

void association_release(struct skex_association *association)
{
	if (--association->refs == 0 && association->dead)
		association_free(association);
}

static struct skex_association *association_new(
	struct skex_associations *all, struct skex_view key, enum skex_error *error)
{
	const size_t messages = SKEX_ASSOCIATION_RUNS + SKEX_ASSOCIATION_HALVES;
	struct skex_association *association;

	*error = SKEX_E_ARGUMENT;
	if (key.size == 0 || key.size > SKEX_ASSOCIATION_KEY_MAX)
		return NULL;
	*error = id_table_reserve(&all->ids, all->count + 1);
	if (*error == SKEX_OK)
		*error = skex_schedule_reserve(&all->schedule, all->count + 1);
	if (*error != SKEX_OK)
		return NULL;
	*error = SKEX_E_MEMORY;
	association = calloc(1, sizeof(*association) + messages * all->room);
	if (association == NULL)
		return NULL;
	association->all = all;
	association->due.item = association;
	association->key_size = (uint8_t)key.size;
	memcpy(association->key, key.data, key.size);
	association->engine = engine_new();
	if (association->engine == NULL) {
		free(association);
		return NULL;
	}
	*error = SKEX_OK;
	return association;
}

/* The state is there: it goes to work. */
static enum skex_error set_up(struct skex_association *association)
{
	struct skex_associations *all = association->all;
	struct engine *engine = association->engine = engine_fit(association->engine);
	const struct skex_pairwise_parts parts = {.ids = association->ids,
		.locators = association->locators,
		.runs = engine->runs,
		.runs_count = SKEX_ASSOCIATION_RUNS,
		.halves = engine->halves,
		.halves_count = SKEX_ASSOCIATION_HALVES,
		.plain = all->plain,
		.plain_room = SKEX_PAIRWISE_SEALED_MAX};
	uint8_t *message = association->messages;
	unsigned i;

	for (i = 0; i < SKEX_ASSOCIATION_RUNS; i++, message += all->room)
		skex_pairwise_run_init(&engine->runs[i], message, all->room);
	for (i = 0; i < SKEX_ASSOCIATION_HALVES; i++, message += all->room)
		skex_pairwise_half_init(&engine->halves[i], message, all->room);
	return skex_pairwise_open(&engine->pairwise, &engine->state, all->crypto, &parts);
}

static void link_in(struct skex_association *association)
{
	struct skex_associations *all = association->all;

	association->next = all->first;
	association->self = &all->first;
	if (association->next != NULL)
		association->next->self = &association->next;
	all->first = association;
	all->count++;
}

/* ---- making, opening, removing -----------------------------------------------------------------
 */

enum skex_error skex_association_make(struct skex_associations *all, struct skex_view key,
	const struct skex_pairwise_config *config, uint8_t slot,
	const uint8_t psk[static SKEX_HASH_BYTES], struct skex_association **out)
{
	const struct skex_pairwise_local local = {.slot = slot, .window = WINDOW, .ahead = AHEAD};
	struct skex_pairwise_memory memory = {.window_max = WINDOW};
	struct skex_association *association;
	enum skex_error error;

	association = association_new(all, key, &error);
	if (association == NULL)
		return error;
	memory.out = association->engine->nodes;
	memory.in = association->engine->nodes + OUT_NODES;
	error = skex_pairwise_state_init(
		&association->engine->state, all->crypto, config, &local, psk, &memory);
	if (error == SKEX_OK)
		error = set_up(association);
	if (error != SKEX_OK) {
		association_free(association);
		return error;
	}
	link_in(association);
	(void)association_persist(association);
	*out = association;
	return SKEX_OK;
}

enum skex_error skex_association_open(
	struct skex_associations *all, struct skex_view key, struct skex_association **out)
{
	struct skex_association *association;
	enum skex_error error;

	association = association_new(all, key, &error);
	if (association == NULL)
		return error;
	error = association_load(association);
	if (error == SKEX_OK)
		error = set_up(association);
	if (error != SKEX_OK) {
		association_free(association);
		return error;
	}
	link_in(association);
	association->open = true;
	association_settle(association);
	*out = association;
	return SKEX_OK;
}

void skex_association_remove(struct skex_association *association)
{
	struct skex_associations *all = association->all;
	struct skex_txn *txn = skex_commit_txn(all->commit);

	if (txn != NULL)
		skex_txn_remove(txn, all->commit->store, all->table,
			skex_view(association->key, association->key_size));
	association_unlist(association);
	skex_schedule_remove(&all->schedule, &association->due);
	association->dead = true;
	association->open = false;
	all->count--;
	/* What waits for it goes first; keys go at once. */
	sessions_clear(association);
	skex_pairwise_close(&association->engine->pairwise);
	skex_pairwise_state_wipe(&association->engine->state);
	/* One that is on the list of what is to be written is freed after that. */
	if (association->refs == 0 && !association->dirty)
		association_free(association);
}

void *skex_association_data(const struct skex_association *association)
{
	return association->data;
}

void skex_association_set_data(struct skex_association *association, void *data)
{
	association->data = data;
}

void *skex_association_route(const struct skex_association *association)
{
	return association->route;
}

void skex_association_set_route(struct skex_association *association, void *route)
{
	association->route = route;
}

/* ---- keys, status ------------------------------------------------------------------------------
 */

enum skex_error skex_association_export(const struct skex_association_keys *keys, const char *label,
	struct skex_view context, uint8_t *out, size_t size)
{
	const struct skex_crypto *crypto = keys->association->all->crypto;
	struct skex_reader reader;
	enum skex_error error;

	/* No two sessions of one number may give the same key for the same context. */
	skex_reader_init(&reader, context);
	if (skex_read_u32(&reader) != keys->number || reader.failed)
		return SKEX_E_ARGUMENT;
	error = skex_pairwise_export(crypto, keys->session->keys.exp, label, context, out, size);
	if (error == SKEX_OK)
		*keys->exported += size;
	return error;
}

static const char *state_word(const struct skex_association *association)
{
	unsigned i;

	if (association->engine->pairwise.broken)
		return "broken";
	if (!association->open)
		return "new";
	for (i = 0; i < SKEX_ASSOCIATION_RUNS; i++) {
		const uint8_t state = association->engine->runs[i].state;

		if (state == SKEX_PAIRWISE_RUN_RECOVERING || state == SKEX_PAIRWISE_RUN_JUMPING)
			return "recovering";
	}
	if (association->silent)
		return "silent";
	return association->success_wall_ms == 0 ? "new" : "ready";
}

void skex_association_status(
	const struct skex_association *association, struct skex_association_status *status)
{
	const struct skex_pairwise_state *state = &association->engine->state;

	status->slot = state->slot;
	memcpy(status->fingerprint, state->fingerprint, sizeof(status->fingerprint));
	status->state = state_word(association);
	status->success_wall_ms = association->success_wall_ms;
	status->begun = association->begun;
	status->answered = association->answered;
	status->rekeyed = association->rekeyed;
	status->failed = association->failed;
	status->next = state->next;
	status->counters = association->engine->pairwise.counters;
}
