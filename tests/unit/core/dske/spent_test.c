/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/dske/spent.h"
#include "tests/unit/core/dske/scene.h"

/* The plain set that the model is held against. */
#define SPACE 2048u

struct model {
	struct skex_spent spent;
	bool set[SPACE];
	uint32_t joins; /* how often a gap was lost */
};

static void check_shape(const struct skex_spent *spent)
{
	uint64_t end = spent->floor;
	uint32_t i;

	assert_true(spent->count <= SKEX_SPENT_RANGES);
	for (i = 0; i < spent->count; i++) {
		assert_true(spent->ranges[i].from > end);
		assert_true(spent->ranges[i].to > spent->ranges[i].from);
		end = spent->ranges[i].to;
	}
}

static bool model_any(const struct model *model, uint64_t from, uint32_t blocks)
{
	uint32_t i;

	for (i = 0; i < blocks; i++) {
		if (model->set[from + i])
			return true;
	}
	return false;
}

static uint32_t gaps(const struct model *model)
{
	uint32_t found = 0;
	uint32_t i;

	for (i = 1; i < SPACE; i++)
		found += model->set[i] && !model->set[i - 1];
	return found;
}

static void model_add(struct model *model, uint64_t from, uint32_t blocks)
{
	uint32_t i;

	skex_spent_add(&model->spent, from, blocks);
	for (i = 0; i < blocks; i++)
		model->set[from + i] = true;
	check_shape(&model->spent);
}

/* A spent counter is always reported; an unspent one is, unless its gap was given up. */
static void check_all(const struct model *model, bool exact)
{
	uint32_t i;

	for (i = 0; i < SPACE; i++) {
		if (model->set[i])
			assert_true(skex_spent_any(&model->spent, i, 1));
		else if (exact)
			assert_false(skex_spent_any(&model->spent, i, 1));
	}
}

/* As long as the set has at most 32 ranges (and the one from 0), the answers are exact. */
static void spent_is_the_plain_set_while_the_ranges_suffice(void **state)
{
	struct random random = {.state = 1};
	uint32_t round;

	(void)state;
	for (round = 0; round < 300; round++) {
		struct model model = {0};
		uint32_t i;

		skex_spent_init(&model.spent);
		for (i = 0; i < 60; i++) {
			uint32_t blocks = 1 + random_below(&random, round % 2 ? 256 : 8);
			uint32_t from = random_below(&random, SPACE - blocks);
			struct model next = model;
			uint32_t j;

			for (j = 0; j < blocks; j++)
				next.set[from + j] = true;
			if (gaps(&next) > SKEX_SPENT_RANGES)
				continue;
			assert_int_equal(skex_spent_any(&model.spent, from, blocks),
				model_any(&model, from, blocks));
			model_add(&model, from, blocks);
			check_all(&model, true);
		}
	}
}

static void spent_never_forgets_when_the_ranges_do_not_suffice(void **state)
{
	struct random random = {.state = 2};
	uint32_t round;

	(void)state;
	for (round = 0; round < 100; round++) {
		struct model model = {0};
		uint32_t i;

		skex_spent_init(&model.spent);
		for (i = 0; i < 400; i++) {
			uint32_t blocks = 1 + random_below(&random, 3);
			uint32_t from = random_below(&random, SPACE - blocks);

			if (model_any(&model, from, blocks))
				assert_true(skex_spent_any(&model.spent, from, blocks));
			model_add(&model, from, blocks);
			if (i % 16 == 0)
				check_all(&model, false);
		}
		check_all(&model, false);
	}
}

/* In order, with a few that come late: the way it is used. */
static void spent_in_order_takes_no_room(void **state)
{
	struct skex_spent spent;
	uint64_t at;

	(void)state;
	skex_spent_init(&spent);
	for (at = 0; at < 100000; at += 16) {
		assert_false(skex_spent_any(&spent, at, 16));
		skex_spent_add(&spent, at, 16);
		assert_true(skex_spent_any(&spent, at, 16));
		assert_int_equal(spent.count, 0);
		assert_int_equal(spent.floor, at + 16);
	}
}

static void spent_what_is_there_already_loses_no_gap(void **state)
{
	struct skex_spent spent;
	struct skex_spent before;
	uint32_t i;

	(void)state;
	skex_spent_init(&spent);
	for (i = 0; i < SKEX_SPENT_RANGES; i++)
		skex_spent_add(&spent, 10 + 2 * i, 1);
	assert_int_equal(spent.count, SKEX_SPENT_RANGES);
	memcpy(&before, &spent, sizeof(spent));
	skex_spent_add(&spent, 10, 1);
	skex_spent_add(&spent, 10 + 2 * 31, 1);
	assert_memory_equal(&before, &spent, sizeof(spent));
	/* One that joins two ranges makes room instead of taking it. */
	skex_spent_add(&spent, 11, 1);
	assert_int_equal(spent.count, SKEX_SPENT_RANGES - 1);
	assert_int_equal(spent.floor, 0);
	assert_false(skex_spent_any(&spent, 0, 10));
}

static void spent_one_range_too_many_joins_the_lowest(void **state)
{
	struct skex_spent spent;
	uint32_t i;

	(void)state;
	skex_spent_init(&spent);
	for (i = 0; i < SKEX_SPENT_RANGES; i++)
		skex_spent_add(&spent, 100 + 10 * i, 1);
	skex_spent_add(&spent, 5000, 1);
	assert_int_equal(spent.floor, 101);
	assert_int_equal(spent.count, SKEX_SPENT_RANGES);
	assert_true(skex_spent_any(&spent, 0, 1));
	assert_false(skex_spent_any(&spent, 101, 9));
	/* Also when the new one is the lowest itself. */
	skex_spent_add(&spent, 103, 2);
	assert_int_equal(spent.floor, 105);
	assert_int_equal(spent.count, SKEX_SPENT_RANGES);
	assert_true(skex_spent_any(&spent, 102, 1));
	assert_false(skex_spent_any(&spent, 105, 5));
}

static void spent_knows_its_edges(void **state)
{
	struct skex_spent spent;

	(void)state;
	skex_spent_init(&spent);
	assert_false(skex_spent_any(&spent, 0, 256));
	skex_spent_add(&spent, 20, 10);
	assert_false(skex_spent_any(&spent, 19, 1));
	assert_true(skex_spent_any(&spent, 19, 2));
	assert_true(skex_spent_any(&spent, 20, 1));
	assert_true(skex_spent_any(&spent, 29, 1));
	assert_false(skex_spent_any(&spent, 30, 1));
	assert_true(skex_spent_any(&spent, 10, 256));
	skex_spent_add(&spent, 30, 0);
	assert_false(skex_spent_any(&spent, 30, 1));
	skex_spent_add(&spent, UINT64_MAX - 2, 256);
	assert_true(skex_spent_any(&spent, UINT64_MAX - 1, 200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spent_is_the_plain_set_while_the_ranges_suffice),
		cmocka_unit_test(spent_never_forgets_when_the_ranges_do_not_suffice),
		cmocka_unit_test(spent_in_order_takes_no_room),
		cmocka_unit_test(spent_what_is_there_already_loses_no_gap),
		cmocka_unit_test(spent_one_range_too_many_joins_the_lowest),
		cmocka_unit_test(spent_knows_its_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
