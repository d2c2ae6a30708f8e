/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "pairwise/internal.h"

/*
 * From an id to its association, in constant time.  Ids come out of a pseudorandom function, so
 * their own bits spread them over the buckets, and whoever chooses ids that are unknown finds
 * buckets of the usual size.
 *
 * Most of what comes in during a flood is of nobody here.  So each bucket has a byte that says
 * which of eight kinds of ids are in it, by other bits of theirs: with many associations these
 * bytes stay in the processor's cache, where buckets and places do not.
 */
#define BUCKETS_FIRST 256u

static uint64_t bits_of(const uint8_t *id)
{
	uint64_t bits = 0;
	unsigned i;

	for (i = 0; i < SKEX_PAIRWISE_ID_BYTES; i++)
		bits = bits << 8 | id[i];
	return bits;
}

static size_t bucket_of(const struct id_table *table, const uint8_t *id)
{
	return bits_of(id) & (table->size - 1);
}

static uint8_t kind_of(const uint8_t *id)
{
	return (uint8_t)(1u << (id[0] >> 5));
}

static void put(struct id_table *table, struct id_place *place)
{
	const size_t bucket = bucket_of(table, place->id);

	place->next = table->buckets[bucket];
	table->buckets[bucket] = place;
	table->kinds[bucket] |= kind_of(place->id);
}

/* Room for so many associations: a table never grows while a message is dealt with. */
enum skex_error id_table_reserve(struct id_table *table, size_t count)
{
	struct id_table grown = {NULL, NULL, BUCKETS_FIRST, table->count};
	size_t i;

	while (grown.size < count * PLACES)
		grown.size *= 2;
	if (table->buckets != NULL && grown.size <= table->size)
		return SKEX_OK;
	grown.buckets = calloc(grown.size, sizeof(struct id_place *));
	grown.kinds = calloc(grown.size, 1);
	if (grown.buckets == NULL || grown.kinds == NULL) {
		id_table_clear(&grown);
		return SKEX_E_MEMORY;
	}
	for (i = 0; table->buckets != NULL && i < table->size; i++) {
		while (table->buckets[i] != NULL) {
			struct id_place *place = table->buckets[i];

			table->buckets[i] = place->next;
			put(&grown, place);
		}
	}
	id_table_clear(table);
	*table = grown;
	return SKEX_OK;
}

void id_table_clear(struct id_table *table)
{
	free(table->buckets);
	free(table->kinds);
	*table = (struct id_table){0};
}

static void take_out(struct id_table *table, struct id_place *place)
{
	const size_t bucket = bucket_of(table, place->id);
	struct id_place **link = &table->buckets[bucket];
	const struct id_place *left;

	while (*link != place)
		link = &(*link)->next;
	*link = place->next;
	table->kinds[bucket] = 0;
	for (left = table->buckets[bucket]; left != NULL; left = left->next)
		table->kinds[bucket] |= kind_of(left->id);
	place->listed = false;
	table->count--;
}

struct skex_association *id_table_find(
	const struct id_table *table, const uint8_t id[SKEX_PAIRWISE_ID_BYTES])
{
	const struct id_place *place;
	size_t bucket;

	if (table->buckets == NULL)
		return NULL;
	bucket = bucket_of(table, id);
	if ((table->kinds[bucket] & kind_of(id)) == 0)
		return NULL;
	for (place = table->buckets[bucket]; place != NULL; place = place->next) {
		if (skex_ct_equal(place->id, id, SKEX_PAIRWISE_ID_BYTES))
			return place->association;
	}
	return NULL;
}

/* ---- what an association is known by ----------------------------------------------------------
 */

static const uint8_t *id_of_run(const struct skex_pairwise_run *run)
{
	switch (run->state) {
	case SKEX_PAIRWISE_RUN_WAIT_ANSWER:
	case SKEX_PAIRWISE_RUN_RECOVERING:
		return run->exchange.ids[1];
	case SKEX_PAIRWISE_RUN_WAIT_CONFIRM:
		return run->exchange.ids[3];
	default:
		return NULL;
	}
}

static const uint8_t *id_of_half(const struct skex_pairwise_half *half, bool third)
{
	if (half->state == SKEX_PAIRWISE_HALF_FREE)
		return NULL;
	if (!third)
		return half->exchange.ids[0];
	return half->state == SKEX_PAIRWISE_HALF_OPEN || half->state == SKEX_PAIRWISE_HALF_DONE ||
			half->state == SKEX_PAIRWISE_HALF_REFUSED
		? half->exchange.ids[2]
		: NULL;
}

static const uint8_t *id_of_session(const struct skex_association *association, unsigned attempt)
{
	const uint8_t peer = (uint8_t)(1 - association->engine->state.slot);
	const struct kept_session *kept;

	for (kept = association->sessions; kept != NULL; kept = kept->next) {
		if (kept->current && kept->session.initiator == peer && kept->session.listening)
			return kept->session.ids[attempt];
	}
	return NULL;
}

static const uint8_t *id_of_window(const struct skex_association *association, unsigned i)
{
	const struct skex_pairwise_listener *main = &association->engine->pairwise.main;

	/* Before so many are listed the rest of the places is empty. */
	return i < main->listed ? association->ids[i] : NULL;
}

static const uint8_t *id_of(const struct skex_association *association, unsigned i)
{
	const struct engine *engine = association->engine;

	if (!association->open)
		return NULL;
	if (i < PLACE_LOCATORS)
		return id_of_window(association, i - PLACE_WINDOW);
	if (i < PLACE_RUNS)
		return association->locators[i - PLACE_LOCATORS];
	if (i < PLACE_HALVES)
		return id_of_run(&engine->runs[i - PLACE_RUNS]);
	if (i < PLACE_SESSIONS)
		return id_of_half(
			&engine->halves[(i - PLACE_HALVES) / 2], (i - PLACE_HALVES) % 2 == 1);
	return id_of_session(association, i - PLACE_SESSIONS);
}

static void update(struct skex_association *association, unsigned i, const uint8_t *id)
{
	struct id_table *table = &association->all->ids;
	struct id_place *place = &association->places[i];

	if (place->listed && id != NULL && skex_ct_equal(place->id, id, SKEX_PAIRWISE_ID_BYTES))
		return;
	if (place->listed)
		take_out(table, place);
	if (id == NULL)
		return;
	place->association = association;
	memcpy(place->id, id, SKEX_PAIRWISE_ID_BYTES);
	place->listed = true;
	table->count++;
	put(table, place);
}

void association_list(struct skex_association *association)
{
	unsigned i;

	for (i = 0; i < PLACES; i++)
		update(association, i, id_of(association, i));
}

void association_unlist(struct skex_association *association)
{
	unsigned i;

	for (i = 0; i < PLACES; i++)
		update(association, i, NULL);
}
