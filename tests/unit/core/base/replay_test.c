/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/replay.h"
#include "tests/unit/core/slow.h"

#define W   SKEX_REPLAY_WINDOW
#define TOP (UINT64_MAX - 1)

struct row {
	uint64_t number;
	uint64_t sequence;
	bool accepted;
};

static void run(const struct row *rows, size_t count)
{
	struct skex_replay window;

	skex_replay_init(&window);
	for (size_t i = 0; i < count; i++) {
		struct skex_replay before = window;

		if (skex_replay_check(&window, rows[i].sequence) != rows[i].accepted)
			fail_msg("row %u: check", (unsigned)rows[i].number);
		assert_memory_equal(&window, &before, sizeof(window));
		if (skex_replay_accept(&window, rows[i].sequence) != rows[i].accepted)
			fail_msg("row %u: accept", (unsigned)rows[i].number);
		if (!rows[i].accepted)
			assert_memory_equal(&window, &before, sizeof(window));
		if (skex_replay_check(&window, rows[i].sequence))
			fail_msg("row %u: accepted twice", (unsigned)rows[i].number);
	}
}

#define RUN(rows) run(rows, sizeof(rows) / sizeof((rows)[0]))

static void boundary_table(void **state)
{
	static const struct row rows[] = {
		{1, 0, true},
		{2, 1, true},
		{3, 1, false},
		{4, 9, true},
		{5, 8, true},
		{6, 7, true},
		{7, 7, false},
		{8, W, true},
		{9, W - 1, true},
		{10, W - 1, false},
		{11, 2, true},
		{12, 2, false},
		{13, W + 16, true},
		{14, 3, false},  /* too old now: 3 is W + 13 behind */
		{15, 15, false}, /* W + 1 behind */
		{16, 16, true},  /* W behind, the last that is taken */
		{17, 16, false},
		{18, W + 15, true},
		{19, W * 4, true}, /* a jump over everything */
		{20, W * 4 - (W - 1), true},
		{21, 10, false},
		{22, W * 4 - W, true},
		{23, W * 4 - (W + 1), false},
		{24, W * 4 - (W - 2), true},
		{25, W * 4 + 1, true},
		{26, 0, false},
		{27, TOP, true},
		{28, TOP, false},
		{29, UINT64_MAX, false}, /* never */
		{30, TOP - W, true},
		{31, TOP - W - 1, false},
		{32, TOP - 1, true},
		{33, 0, false},
	};

	(void)state;
	RUN(rows);
}

static void first_number_may_be_anything(void **state)
{
	static const struct row late[] = {{1, 1000, true}, {2, 1000 - W, true},
		{3, 1000 - W - 1, false}, {4, 999, true}, {5, 1000, false}};
	static const struct row top[] = {{1, TOP, true}, {2, TOP - W, true}, {3, 5, false}};
	static const struct row never[] = {{1, UINT64_MAX, false}, {2, 0, true}};

	(void)state;
	RUN(late);
	RUN(top);
	RUN(never);
}

static void whole_windows_are_taken_once_in_any_direction(void **state)
{
	struct skex_replay window;

	(void)state;
	for (uint64_t base = 0; base < 70; base++) {
		skex_replay_init(&window);
		for (uint64_t i = base; i <= base + W; i++)
			assert_true(skex_replay_accept(&window, i));
		for (uint64_t i = base; i <= base + W; i++)
			assert_false(skex_replay_accept(&window, i));

		skex_replay_init(&window);
		for (uint64_t i = base + W + 1; i-- > base;)
			assert_true(skex_replay_accept(&window, i));
		for (uint64_t i = base + W + 1; i-- > base;)
			assert_false(skex_replay_accept(&window, i));
	}
}

/* Random walks against a plain list of everything that was taken. */
static void random_walks_agree_with_a_list(void **state)
{
	enum {
		SPAN = 4096
	};
	uint64_t seed = 1;

	(void)state;
	for (int walk = 0; walk < 50; walk++) {
		const uint64_t base = walk % 2 == 0 ? 0 : slow_random(&seed) >> 1;
		bool taken[SPAN] = {false};
		struct skex_replay window;
		uint64_t next = 0;
		uint64_t centre = 0;

		skex_replay_init(&window);
		for (int step = 0; step < 3000; step++) {
			uint64_t s = centre + slow_random(&seed) % (2 * W + 40);
			bool expected;

			centre += slow_random(&seed) % 3 == 0;
			if (s >= SPAN)
				break;
			expected = !taken[s] && (s >= next || next - 1 - s <= W);
			assert_int_equal(skex_replay_accept(&window, base + s), expected);
			if (expected) {
				taken[s] = true;
				next = s >= next ? s + 1 : next;
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boundary_table),
		cmocka_unit_test(first_number_may_be_anything),
		cmocka_unit_test(whole_windows_are_taken_once_in_any_direction),
		cmocka_unit_test(random_walks_agree_with_a_list),
	};

	return cmocka_run_group_tests_name("core/base/replay", tests, NULL, NULL);
}
