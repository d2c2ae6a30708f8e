/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/schedule.h"

/* The schedule, beside a list that is searched from end to end. */

#define ENTRIES 300u
#define ROUNDS  200000u

static uint64_t state_of_dice = 0x5eed;

static uint32_t dice(uint32_t sides)
{
	state_of_dice ^= state_of_dice >> 12;
	state_of_dice ^= state_of_dice << 25;
	state_of_dice ^= state_of_dice >> 27;
	return (uint32_t)((state_of_dice * 0x2545f4914f6cdd1du) >> 33) % sides;
}

/* The slow one: when each is due, UINT64_MAX when it is not there. */
static uint64_t list[ENTRIES];
static bool there[ENTRIES];

static uint64_t list_first(void)
{
	uint64_t first = UINT64_MAX;
	size_t i;

	for (i = 0; i < ENTRIES; i++) {
		if (there[i] && list[i] < first)
			first = list[i];
	}
	return first;
}

static void check(const struct skex_schedule *schedule, const struct skex_schedule_entry *entries)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < ENTRIES; i++) {
		count += there[i];
		if (!there[i]) {
			assert_int_equal(entries[i].place, 0);
			continue;
		}
		assert_true(entries[i].due_ms == list[i]);
		assert_ptr_equal(schedule->heap[entries[i].place - 1], &entries[i]);
	}
	assert_int_equal(schedule->count, count);
	for (i = 1; i < count; i++)
		assert_true(schedule->heap[(i - 1) / 2]->due_ms <= schedule->heap[i]->due_ms);
	assert_true(skex_schedule_first_ms(schedule) == list_first());
}

static void like_a_list(void **state)
{
	static struct skex_schedule_entry entries[ENTRIES];
	static size_t numbers[ENTRIES];
	struct skex_schedule schedule = {0};
	uint32_t taken = 0;
	uint32_t round;
	size_t i;

	(void)state;
	assert_int_equal(skex_schedule_reserve(&schedule, ENTRIES), SKEX_OK);
	for (i = 0; i < ENTRIES; i++) {
		numbers[i] = i;
		entries[i].item = &numbers[i];
	}
	assert_null(skex_schedule_take(&schedule, UINT64_MAX));
	check(&schedule, entries);
	for (round = 0; round < ROUNDS; round++) {
		if (dice(10) == 0) {
			i = dice(ENTRIES);
			there[i] = false;
			skex_schedule_remove(&schedule, &entries[i]);
		} else if (dice(3) > 0) {
			i = dice(ENTRIES);
			/* Often the same time, sometimes the end of all. */
			list[i] = dice(50) == 0 ? UINT64_MAX : dice(1000);
			there[i] = true;
			skex_schedule_set(&schedule, &entries[i], list[i]);
		} else {
			const uint64_t now_ms = dice(100);
			const size_t *item = skex_schedule_take(&schedule, now_ms);

			assert_int_equal(item != NULL, list_first() <= now_ms);
			if (item != NULL) {
				assert_true(list[*item] == list_first());
				there[*item] = false;
				taken++;
			}
		}
		if (round % 64 == 0)
			check(&schedule, entries);
	}
	assert_true(taken > 1000);
	skex_schedule_clear(&schedule);
	assert_null(schedule.heap);
}

static void all_come_in_their_order(void **state)
{
	static struct skex_schedule_entry entries[ENTRIES];
	struct skex_schedule schedule = {0};
	const struct skex_schedule_entry *entry;
	uint64_t last_ms = 0;
	size_t count = 0;
	size_t i;

	(void)state;
	assert_int_equal(skex_schedule_reserve(&schedule, ENTRIES), SKEX_OK);
	for (i = 0; i < ENTRIES; i++) {
		entries[i].item = &entries[i];
		skex_schedule_set(&schedule, &entries[i], dice(1000000));
	}
	/* Set again: sooner, later, and to the same. */
	for (i = 0; i < ENTRIES; i++)
		skex_schedule_set(
			&schedule, &entries[i], i % 3 == 0 ? entries[i].due_ms : dice(1000000));
	while ((entry = skex_schedule_take(&schedule, UINT64_MAX - 1)) != NULL) {
		assert_true(entry->due_ms >= last_ms);
		last_ms = entry->due_ms;
		count++;
	}
	assert_int_equal(count, ENTRIES);
	assert_true(skex_schedule_first_ms(&schedule) == UINT64_MAX);
	skex_schedule_clear(&schedule);
}

static void of_nothing(void **state)
{
	struct skex_schedule schedule = {0};

	(void)state;
	assert_int_equal(skex_schedule_reserve(&schedule, 0), SKEX_OK);
	assert_true(skex_schedule_first_ms(&schedule) == UINT64_MAX);
	assert_null(skex_schedule_take(&schedule, UINT64_MAX));
	skex_schedule_clear(&schedule);
	skex_schedule_clear(&schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(like_a_list),
		cmocka_unit_test(all_come_in_their_order),
		cmocka_unit_test(of_nothing),
	};

	return cmocka_run_group_tests_name("platform/schedule", tests, NULL, NULL);
}
