/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pairwise/internal.h"

/* From an id to its association: with so many that every bucket is shared, and while ids come and
 * go. */

#define MANY   500u
#define ROUNDS 40u

static uint64_t random_state = 7;

static uint8_t random_byte(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1;
	return (uint8_t)(random_state >> 56);
}

static void random_id(uint8_t id[SKEX_PAIRWISE_ID_BYTES])
{
	for (size_t i = 0; i < SKEX_PAIRWISE_ID_BYTES; i++)
		id[i] = random_byte();
}

static struct skex_association *association_with_ids(struct skex_associations *all)
{
	struct skex_association *association = calloc(1, sizeof(*association));

	assert_non_null(association);
	association->engine = calloc(1, sizeof(*association->engine));
	assert_non_null(association->engine);
	association->all = all;
	association->open = true;
	association->engine->pairwise.main.listed = WINDOW + AHEAD;
	for (unsigned i = 0; i < WINDOW + AHEAD; i++)
		random_id(association->ids[i]);
	for (unsigned i = 0; i < SKEX_PAIRWISE_LOCATORS; i++)
		random_id(association->locators[i]);
	association_list(association);
	return association;
}

static void all_are_found(const struct skex_associations *all, struct skex_association *const *many)
{
	for (unsigned i = 0; i < MANY; i++) {
		for (unsigned j = 0; j < WINDOW + AHEAD; j++)
			assert_ptr_equal(id_table_find(&all->ids, many[i]->ids[j]), many[i]);
		for (unsigned j = 0; j < SKEX_PAIRWISE_LOCATORS; j++)
			assert_ptr_equal(id_table_find(&all->ids, many[i]->locators[j]), many[i]);
	}
}

static void what_is_listed_is_found_and_nothing_else(void **state)
{
	struct skex_association *many[MANY];
	struct skex_associations all = {0};
	uint8_t gone[MANY][SKEX_PAIRWISE_ID_BYTES];
	uint8_t nobody[SKEX_PAIRWISE_ID_BYTES];
	size_t full;

	(void)state;
	/* Far fewer buckets than ids; it grows once with ids in it. */
	assert_int_equal(id_table_reserve(&all.ids, 1), SKEX_OK);
	for (unsigned i = 0; i < MANY; i++) {
		if (i == MANY / 2)
			assert_int_equal(id_table_reserve(&all.ids, 20), SKEX_OK);
		many[i] = association_with_ids(&all);
	}
	full = all.ids.count;
	assert_true(full > 4 * all.ids.size);
	all_are_found(&all, many);

	/* As the window moves: an id of each goes, and another comes. */
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			uint8_t *id = many[i]->ids[round % (WINDOW + AHEAD)];

			memcpy(gone[i], id, sizeof(gone[i]));
			random_id(id);
			association_list(many[i]);
		}
		for (unsigned i = 0; i < MANY; i++)
			assert_null(id_table_find(&all.ids, gone[i]));
		all_are_found(&all, many);
		assert_int_equal(all.ids.count, full);
	}
	for (unsigned i = 0; i < 100000; i++) {
		random_id(nobody);
		assert_null(id_table_find(&all.ids, nobody));
	}

	for (unsigned i = 0; i < MANY; i++)
		association_unlist(many[i]);
	assert_int_equal(all.ids.count, 0);
	for (size_t i = 0; i < all.ids.size; i++)
		assert_true(all.ids.buckets[i] == NULL && all.ids.kinds[i] == 0);
	for (unsigned i = 0; i < MANY; i++) {
		assert_null(id_table_find(&all.ids, many[i]->ids[0]));
		free(many[i]->engine);
		free(many[i]);
	}
	id_table_clear(&all.ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_listed_is_found_and_nothing_else),
	};

	return cmocka_run_group_tests_name("pairwise/table", tests, NULL, NULL);
}
