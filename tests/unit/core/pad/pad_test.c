/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/pad/pad.h"

#define MAX64        UINT64_MAX
#define SIZE_MAX_PAD SKEX_PAD_SIZE_MAX

static struct skex_pad_position at(uint32_t generation, uint64_t offset)
{
	struct skex_pad_position position = {generation, offset};

	return position;
}

static struct skex_pad_range range_of(uint32_t generation, uint64_t offset, uint64_t size)
{
	struct skex_pad_range range = {generation, offset, size};

	return range;
}

static void assert_position(struct skex_pad_position a, struct skex_pad_position b)
{
	assert_int_equal(a.generation, b.generation);
	assert_true(a.offset == b.offset);
}

static void compare_orders_by_generation_first(void **state)
{
	static const struct skex_pad_position ascending[] = {
		{0, 0}, {0, 16}, {0, MAX64}, {1, 0}, {1, 16}, {UINT32_MAX, 0}, {UINT32_MAX, MAX64}};
	const size_t count = sizeof(ascending) / sizeof(ascending[0]);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < count; j++) {
			const int order = skex_pad_compare(ascending[i], ascending[j]);

			assert_int_equal(order < 0, i < j);
			assert_int_equal(order > 0, i > j);
		}
	}
}

static void align_rounds_up_and_never_wraps(void **state)
{
	static const struct {
		uint64_t size;
		uint64_t aligned;
	} rows[] = {
		{0, 0},
		{1, 16},
		{15, 16},
		{16, 16},
		{17, 32},
		{UINT64_C(1) << 63, UINT64_C(1) << 63},
		{(UINT64_C(1) << 63) - 1, UINT64_C(1) << 63},
		{MAX64 - 16, MAX64 - 15},
		{MAX64 - 15, MAX64 - 15},
		{MAX64 - 14, MAX64 - 15},
		{MAX64, MAX64 - 15},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(skex_pad_align(rows[i].size) == rows[i].aligned);
}

static void end_of_a_range_saturates(void **state)
{
	(void)state;
	assert_position(skex_pad_end(range_of(3, 32, 48)), at(3, 80));
	assert_position(skex_pad_end(range_of(0, 0, 0)), at(0, 0));
	assert_position(skex_pad_end(range_of(1, MAX64, 0)), at(1, MAX64));
	assert_position(skex_pad_end(range_of(1, MAX64 - 15, 16)), at(1, MAX64));
	assert_position(skex_pad_end(range_of(1, 16, MAX64)), at(1, MAX64));
}

static void position_of_the_wire(void **state)
{
	(void)state;
	assert_true(skex_pad_position_valid(at(UINT32_MAX, 0)));
	assert_true(skex_pad_position_valid(at(0, SIZE_MAX_PAD)));
	assert_false(skex_pad_position_valid(at(0, 8)));
	assert_false(skex_pad_position_valid(at(0, SIZE_MAX_PAD + 16)));
	assert_false(skex_pad_position_valid(at(0, MAX64 - 15)));
}

/* The two sides take the same marks and sizes. */
static void init_takes_only_marks_inside_the_pad(void **state)
{
	static const struct {
		uint64_t offset;
		uint64_t size;
		enum skex_error error;
	} rows[] = {
		{0, 0, SKEX_OK},
		{0, 16, SKEX_OK},
		{16, 16, SKEX_OK},
		{32, 16, SKEX_E_ARGUMENT},
		{8, 16, SKEX_E_ARGUMENT},
		{0, 24, SKEX_E_ARGUMENT},
		{0, SIZE_MAX_PAD, SKEX_OK},
		{SIZE_MAX_PAD, SIZE_MAX_PAD, SKEX_OK},
		{0, SIZE_MAX_PAD + 16, SKEX_E_ARGUMENT},
		{0, MAX64, SKEX_E_ARGUMENT},
		{MAX64, MAX64, SKEX_E_ARGUMENT},
		{MAX64 - 15, 64, SKEX_E_ARGUMENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct skex_pad_position mark = at(7, rows[i].offset);
		struct skex_pad_tx tx;
		struct skex_pad_tx tx_before;
		struct skex_pad_rx rx;
		struct skex_pad_rx rx_before;

		memset(&tx, 0xa5, sizeof(tx));
		memset(&rx, 0xa5, sizeof(rx));
		tx_before = tx;
		rx_before = rx;
		assert_int_equal(skex_pad_tx_init(&tx, mark, rows[i].size), rows[i].error);
		assert_int_equal(skex_pad_rx_init(&rx, mark, rows[i].size), rows[i].error);
		if (rows[i].error != SKEX_OK) {
			assert_memory_equal(&tx, &tx_before, sizeof(tx));
			assert_memory_equal(&rx, &rx_before, sizeof(rx));
			continue;
		}
		assert_position(tx.next, mark);
		assert_position(tx.reserved, mark);
		assert_position(rx.mark, mark);
		assert_int_equal(rx.failures, 0);
		assert_true(skex_pad_tx_left(&tx) == rows[i].size - rows[i].offset);
	}
}

static void plan_stays_inside_the_pad(void **state)
{
	static const struct {
		uint64_t next;
		uint64_t reserved;
		uint64_t stride;
		uint64_t mark; /* MAX64: exhausted */
	} rows[] = {
		{0, 0, 0, 0},
		{0, 0, 1, 16},
		{0, 0, 16, 16},
		{0, 0, 17, 32},
		{0, 0, 159, 160},
		{0, 0, 160, 160},
		{0, 0, 161, 160},
		{0, 0, MAX64, 160},
		{0, 0, MAX64 - 15, 160},
		{16, 32, 16, 32},
		{16, 32, 1, 32},
		{16, 64, 16, 64},
		{16, 32, 32, 48},
		{144, 144, 1, 160},
		{144, 144, MAX64, 160},
		{144, 160, 16, MAX64},
		{160, 160, 16, MAX64},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct skex_pad_tx tx = {160, at(2, rows[i].next), at(2, rows[i].reserved)};
		struct skex_pad_position mark = at(99, 99);
		const enum skex_error error = skex_pad_tx_plan(&tx, rows[i].stride, &mark);

		if (rows[i].mark == MAX64) {
			assert_int_equal(error, SKEX_E_EXHAUSTED);
			assert_position(mark, at(99, 99));
		} else {
			assert_int_equal(error, SKEX_OK);
			assert_position(mark, at(2, rows[i].mark));
		}
	}
}

static void plan_of_an_empty_generation(void **state)
{
	struct skex_pad_position mark;
	struct skex_pad_tx tx;

	(void)state;
	assert_int_equal(skex_pad_tx_init(&tx, at(0, 0), 0), SKEX_OK);
	assert_int_equal(skex_pad_tx_plan(&tx, 16, &mark), SKEX_E_EXHAUSTED);
}

static void reserved_marks_never_go_back(void **state)
{
	static const struct {
		struct skex_pad_position mark;
		uint64_t reserved;
	} rows[] = {
		{{2, 64}, 64}, {{2, 48}, 64}, /* older */
		{{2, 64}, 64},                /* the same */
		{{1, 160}, 64},               /* of the generation before */
		{{3, 16}, 64},                /* of one that is not yet current */
		{{2, 72}, 64},                /* not aligned */
		{{2, 176}, 64},               /* after the end */
		{{2, MAX64 - 15}, 64},        /* far after the end */
		{{2, 160}, 160},              /* the end */
	};
	struct skex_pad_tx tx;

	(void)state;
	assert_int_equal(skex_pad_tx_init(&tx, at(2, 32), 160), SKEX_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		skex_pad_tx_reserved(&tx, rows[i].mark);
		assert_position(tx.reserved, at(2, rows[i].reserved));
		assert_position(tx.next, at(2, 32));
	}
}

static void take_uses_only_what_is_reserved(void **state)
{
	static const struct {
		uint64_t next;
		uint64_t reserved;
		uint64_t size;
		enum skex_error error;
		uint64_t taken;
	} rows[] = {
		{0, 0, 0, SKEX_E_ARGUMENT, 0},
		{0, 0, 1, SKEX_E_RESERVE, 0},
		{0, 16, 1, SKEX_OK, 16},
		{0, 16, 16, SKEX_OK, 16},
		{0, 16, 17, SKEX_E_RESERVE, 0},
		{16, 64, 48, SKEX_OK, 48},
		{16, 64, 33, SKEX_OK, 48},
		{16, 64, 49, SKEX_E_RESERVE, 0},
		{16, 64, 144, SKEX_E_RESERVE, 0},
		{16, 64, 145, SKEX_E_EXHAUSTED, 0},
		{16, 160, 144, SKEX_OK, 144},
		{16, 160, 145, SKEX_E_EXHAUSTED, 0},
		{144, 160, 16, SKEX_OK, 16},
		{160, 160, 1, SKEX_E_EXHAUSTED, 0},
		{0, 160, MAX64, SKEX_E_EXHAUSTED, 0},
		{0, 160, MAX64 - 15, SKEX_E_EXHAUSTED, 0},
		{0, 160, UINT64_C(1) << 63, SKEX_E_EXHAUSTED, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skex_pad_tx tx = {160, at(2, rows[i].next), at(2, rows[i].reserved)};
		const struct skex_pad_tx before = tx;
		struct skex_pad_range range = range_of(99, 99, 99);

		assert_int_equal(skex_pad_tx_take(&tx, rows[i].size, &range), rows[i].error);
		if (rows[i].error != SKEX_OK) {
			assert_memory_equal(&tx, &before, sizeof(tx));
			assert_int_equal(range.generation, 99);
			continue;
		}
		assert_int_equal(range.generation, 2);
		assert_true(range.offset == rows[i].next);
		assert_true(range.size == rows[i].taken);
		assert_position(tx.next, at(2, rows[i].next + rows[i].taken));
	}
}

static void take_at_the_end_of_the_largest_pad(void **state)
{
	const uint64_t last = SKEX_PAD_RATCHET_SIZE - 16;
	struct skex_pad_position mark;
	struct skex_pad_range range;
	struct skex_pad_tx tx;

	(void)state;
	assert_int_equal(skex_pad_tx_init(&tx, at(0, last), SKEX_PAD_RATCHET_SIZE), SKEX_OK);
	assert_int_equal(skex_pad_tx_plan(&tx, MAX64, &mark), SKEX_OK);
	assert_position(mark, at(0, SKEX_PAD_RATCHET_SIZE));
	skex_pad_tx_reserved(&tx, mark);
	assert_int_equal(skex_pad_tx_take(&tx, 17, &range), SKEX_E_EXHAUSTED);
	assert_int_equal(skex_pad_tx_take(&tx, 16, &range), SKEX_OK);
	assert_position(skex_pad_end(range), at(0, SKEX_PAD_RATCHET_SIZE));
	assert_int_equal(skex_pad_tx_take(&tx, 1, &range), SKEX_E_EXHAUSTED);
}

static void switch_burns_the_rest_and_reserves_nothing(void **state)
{
	struct skex_pad_tx tx = {160, at(2, 32), at(2, 160)};
	const struct skex_pad_tx before = tx;
	struct skex_pad_range range;

	(void)state;
	assert_int_equal(skex_pad_tx_switch(&tx, 40), SKEX_E_ARGUMENT);
	assert_int_equal(skex_pad_tx_switch(&tx, SIZE_MAX_PAD + 16), SKEX_E_ARGUMENT);
	assert_memory_equal(&tx, &before, sizeof(tx));

	assert_int_equal(skex_pad_tx_switch(&tx, 64), SKEX_OK);
	assert_position(tx.next, at(3, 0));
	assert_position(tx.reserved, at(3, 0));
	assert_true(skex_pad_tx_left(&tx) == 64);
	assert_int_equal(skex_pad_tx_take(&tx, 16, &range), SKEX_E_RESERVE);

	/* The write of the old generation's mark completes only now. */
	skex_pad_tx_reserved(&tx, at(2, 160));
	assert_int_equal(skex_pad_tx_take(&tx, 16, &range), SKEX_E_RESERVE);
	skex_pad_tx_reserved(&tx, at(3, 16));
	assert_int_equal(skex_pad_tx_take(&tx, 16, &range), SKEX_OK);
	assert_int_equal(range.generation, 3);
}

static void switch_stops_at_the_last_generation(void **state)
{
	struct skex_pad_tx tx = {160, at(UINT32_MAX, 32), at(UINT32_MAX, 160)};
	const struct skex_pad_tx before = tx;

	(void)state;
	assert_int_equal(skex_pad_tx_switch(&tx, 160), SKEX_E_EXHAUSTED);
	assert_memory_equal(&tx, &before, sizeof(tx));
}

static void a_damaged_sender_uses_nothing(void **state)
{
	struct skex_pad_tx tx = {160, at(2, 64), at(2, 32)};
	struct skex_pad_range range;

	(void)state;
	assert_int_equal(skex_pad_tx_take(&tx, 16, &range), SKEX_E_RESERVE);
	tx.next.offset = 176;
	assert_true(skex_pad_tx_left(&tx) == 0);
	assert_int_equal(skex_pad_tx_take(&tx, 16, &range), SKEX_E_EXHAUSTED);
}

static void check_by_table(void **state)
{
	static const struct {
		struct skex_pad_range range;
		uint64_t size;
		enum skex_error error;
	} rows[] = {
		/* mark is (5, 64), the generation has 160 bytes */
		{{5, 64, 16}, 0, SKEX_OK},
		{{5, 64, 96}, 0, SKEX_OK},
		{{5, 64, 112}, 0, SKEX_E_EXHAUSTED},
		{{5, 80, 80}, 0, SKEX_OK}, /* a gap */
		{{5, 144, 16}, 0, SKEX_OK},
		{{5, 144, 32}, 0, SKEX_E_EXHAUSTED},
		{{5, 160, 16}, 0, SKEX_E_EXHAUSTED},
		{{5, 176, 16}, 0, SKEX_E_EXHAUSTED},
		{{5, 48, 16}, 0, SKEX_E_REPLAY},
		{{5, 48, 32}, 0, SKEX_E_REPLAY}, /* overlaps the mark */
		{{5, 0, 160}, 0, SKEX_E_REPLAY},
		{{5, 64, 0}, 0, SKEX_E_SYNTAX},
		{{5, 64, 8}, 0, SKEX_E_SYNTAX},
		{{5, 72, 16}, 0, SKEX_E_SYNTAX},
		{{5, MAX64 - 15, 16}, 0, SKEX_E_SYNTAX},
		{{5, 80, MAX64 - 15}, 0, SKEX_E_SYNTAX},
		{{5, 80, MAX64 - 95}, 0, SKEX_E_EXHAUSTED},
		{{5, UINT64_C(1) << 63, 16}, 0, SKEX_E_EXHAUSTED},
		{{4, 64, 16}, 160, SKEX_E_REPLAY},
		{{0, 64, 16}, 160, SKEX_E_REPLAY},
		{{6, 0, 16}, 0, SKEX_E_UNKNOWN},
		{{6, 0, 16}, 160, SKEX_OK},
		{{6, 0, 160}, 160, SKEX_OK},
		{{6, 0, 176}, 160, SKEX_E_EXHAUSTED},
		{{6, 16, 16}, 160, SKEX_OK},
		{{7, 0, 16}, 0, SKEX_E_UNKNOWN},
		{{7, 0, 16}, 160, SKEX_OK},
		{{7, 0, 176}, 160, SKEX_E_EXHAUSTED},
		{{UINT32_MAX, 0, 16}, 0, SKEX_E_UNKNOWN},
	};
	const struct skex_pad_rx rx = {160, {5, 64}, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			skex_pad_rx_check(&rx, rows[i].range, rows[i].size), rows[i].error);
}

static void check_does_not_wrap_at_the_last_generation(void **state)
{
	const struct skex_pad_rx rx = {160, {UINT32_MAX, 0}, 0};

	(void)state;
	assert_int_equal(skex_pad_rx_check(&rx, range_of(0, 0, 16), 160), SKEX_E_REPLAY);
	assert_int_equal(skex_pad_rx_check(&rx, range_of(UINT32_MAX, 0, 16), 160), SKEX_OK);
}

static void advance_goes_forward_only(void **state)
{
	struct skex_pad_rx rx = {160, {5, 64}, 3};

	(void)state;
	skex_pad_rx_advance(&rx, range_of(5, 96, 16), 160);
	assert_position(rx.mark, at(5, 112));
	assert_int_equal(rx.failures, 3);
	skex_pad_rx_advance(&rx, range_of(5, 64, 16), 160);
	assert_position(rx.mark, at(5, 112));
	skex_pad_rx_advance(&rx, range_of(4, 144, 16), 160);
	assert_position(rx.mark, at(5, 112));
	skex_pad_rx_advance(&rx, range_of(5, 160, 16), 160);
	assert_position(rx.mark, at(5, 112));
	skex_pad_rx_advance(&rx, range_of(5, MAX64 - 15, 16), 160);
	assert_position(rx.mark, at(5, 112));
	skex_pad_rx_advance(&rx, range_of(6, 0, 32), 64);
	assert_position(rx.mark, at(6, 32));
	assert_true(rx.size == 64);
	assert_int_equal(rx.failures, 0);
}

static void failures_pause_the_leg(void **state)
{
	struct skex_pad_rx rx = {160, {5, 64}, 0};

	(void)state;
	for (uint32_t i = 0; i < SKEX_PAD_FAILURES_MAX; i++) {
		if (i % 4096 == 0)
			assert_int_equal(skex_pad_rx_check(&rx, range_of(5, 64, 16), 0), SKEX_OK);
		skex_pad_rx_failed(&rx);
		assert_position(rx.mark, at(5, 64));
	}
	assert_int_equal(skex_pad_rx_check(&rx, range_of(5, 64, 16), 0), SKEX_E_PAUSED);
	assert_int_equal(skex_pad_rx_check(&rx, range_of(6, 0, 16), 160), SKEX_E_PAUSED);
	skex_pad_rx_failed(&rx);
	assert_int_equal(rx.failures, SKEX_PAD_FAILURES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compare_orders_by_generation_first),
		cmocka_unit_test(align_rounds_up_and_never_wraps),
		cmocka_unit_test(end_of_a_range_saturates),
		cmocka_unit_test(position_of_the_wire),
		cmocka_unit_test(init_takes_only_marks_inside_the_pad),
		cmocka_unit_test(plan_stays_inside_the_pad),
		cmocka_unit_test(plan_of_an_empty_generation),
		cmocka_unit_test(reserved_marks_never_go_back),
		cmocka_unit_test(take_uses_only_what_is_reserved),
		cmocka_unit_test(take_at_the_end_of_the_largest_pad),
		cmocka_unit_test(switch_burns_the_rest_and_reserves_nothing),
		cmocka_unit_test(switch_stops_at_the_last_generation),
		cmocka_unit_test(a_damaged_sender_uses_nothing),
		cmocka_unit_test(check_by_table),
		cmocka_unit_test(check_does_not_wrap_at_the_last_generation),
		cmocka_unit_test(advance_goes_forward_only),
		cmocka_unit_test(failures_pause_the_leg),
	};

	return cmocka_run_group_tests_name("pad", tests, NULL, NULL);
}
