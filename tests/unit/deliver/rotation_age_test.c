/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/rotation/rotation.h"

/* A key that is older than the machine has been up is as old as it is: sections 6 and 7 of
 * docs/spec/bindings.md. */

#define SECOND   UINT64_C(1000)
#define HOUR     (3600 * SECOND)
#define DAY      (24 * HOUR)
#define START_MS (300 * SECOND)

static const uint8_t binding[16] = "age";
static const uint64_t uptimes_ms[] = {10 * SECOND, 23 * HOUR, 30 * DAY};

#define UPTIMES (sizeof(uptimes_ms) / sizeof(uptimes_ms[0]))

static struct skex_rotation_policy policy;

static void begin(
	struct skex_rotation *machine, bool leads, uint64_t age_ms, bool rested, uint64_t uptime_ms)
{
	const struct skex_rotation_memory memory = {.round = 7,
		.active = true,
		.key_id = {1},
		.age_ms = age_ms,
		.rested = rested,
		.settled = true};

	policy = (struct skex_rotation_policy){
		.period_ms = DAY, .grace_ms = DAY, .close = true, .leads = leads};
	skex_rotation_init(machine, &policy, binding, &memory, uptime_ms);
}

/* The other end has the same key, and the consumer nothing to do. */
static void agree(struct skex_rotation *machine, uint64_t now_ms)
{
	struct skex_rotation_view view = {
		.round = 7, .phase = SKEX_ROTATION_ACTIVE, .active_id = {1}};
	const struct skex_rotation_input input = {.view = &view};

	memcpy(view.binding, binding, sizeof(binding));
	skex_rotation_step(machine, SKEX_ROTATION_VIEW, &input, now_ms);
	assert_int_equal(machine->state, SKEX_ROTATION_SETTLING);
	skex_rotation_step(machine, SKEX_ROTATION_DONE, NULL, now_ms);
	assert_int_equal(machine->state, SKEX_ROTATION_IDLE);
}

/* Who leads asks for a key at once when that is due, and else when it is. */
static void a_key_that_is_due_is_replaced_at_once(void **state)
{
	static const struct {
		uint64_t age_ms;
		bool rested;
		uint64_t due_ms; /* from the start */
	} cases[] = {
		{HOUR, false, 0},
		{HOUR, true, 23 * HOUR},
		{DAY - 1, true, 1},
		{DAY, true, 0},
		{25 * HOUR, true, 0},
		{3000 * DAY, true, 0},
		{UINT64_MAX, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < UPTIMES * sizeof(cases) / sizeof(cases[0]); i++) {
		const uint64_t now_ms = uptimes_ms[i % UPTIMES];
		const uint64_t due_ms = now_ms + cases[i / UPTIMES].due_ms;
		struct skex_rotation machine;

		begin(&machine, true, cases[i / UPTIMES].age_ms, cases[i / UPTIMES].rested, now_ms);
		agree(&machine, now_ms);
		assert_int_equal(skex_rotation_settled(&machine, now_ms), due_ms > now_ms);
		if (due_ms > now_ms) {
			assert_true(skex_rotation_time(&machine, due_ms - 1) == due_ms);
			assert_int_equal(machine.state, SKEX_ROTATION_IDLE);
		}
		(void)skex_rotation_time(&machine, due_ms);
		assert_int_equal(machine.state, SKEX_ROTATION_GETTING);
		assert_true(machine.actions == SKEX_ROTATION_DO_GET);
		assert_true(machine.active.there);
	}
}

/* Without one it is used until its grace, counted from when it came into use, is over; what is due
 * at a start has some minutes to be replaced. */
static void its_grace_counts_from_when_it_came_into_use(void **state)
{
	static const struct {
		uint64_t age_ms;
		bool rested;
		uint64_t closes_ms; /* from the start */
	} cases[] = {
		{20 * HOUR, false, 28 * HOUR},
		{20 * HOUR, true, 28 * HOUR},
		{40 * HOUR, false, 8 * HOUR},
		{40 * HOUR, true, 8 * HOUR},
		{2 * DAY - SECOND, false, START_MS},
		{2 * DAY - SECOND, true, START_MS},
		{3 * DAY, false, START_MS},
		{3 * DAY, true, START_MS},
		{3000 * DAY, false, START_MS},
		{UINT64_MAX, true, START_MS},
	};

	(void)state;
	for (size_t i = 0; i < 2 * UPTIMES * sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t at = i / UPTIMES / 2;
		const uint64_t now_ms = uptimes_ms[i % UPTIMES];
		const uint64_t closes_ms = now_ms + cases[at].closes_ms;
		struct skex_rotation machine;

		begin(&machine, i / UPTIMES % 2 == 0, cases[at].age_ms, cases[at].rested, now_ms);
		assert_true(skex_rotation_closes_ms(&machine) == closes_ms);
		(void)skex_rotation_time(&machine, closes_ms - 1);
		assert_true(machine.active.there && !machine.closed);
		(void)skex_rotation_time(&machine, closes_ms);
		assert_true(!machine.active.there && machine.closed);
		assert_true((machine.actions & SKEX_ROTATION_DO_SETTLE) != 0);
	}
}

/* Who goes on with a key that is not due has no more time for it than the one before. */
static void another_one_does_not_prolong_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < UPTIMES; i++) {
		struct skex_rotation machine;

		begin(&machine, true, DAY - SECOND, true, uptimes_ms[i]);
		policy.grace_ms = 0;
		assert_true(skex_rotation_closes_ms(&machine) == uptimes_ms[i] + SECOND);
	}
}

static void it_grows_older(void **state)
{
	const uint64_t ages_ms[] = {0, HOUR, 25 * HOUR, 3000 * DAY};

	(void)state;
	for (size_t i = 0; i < UPTIMES * sizeof(ages_ms) / sizeof(ages_ms[0]); i++) {
		const uint64_t now_ms = uptimes_ms[i % UPTIMES];
		const uint64_t age_ms = ages_ms[i / UPTIMES];
		struct skex_rotation machine;

		begin(&machine, true, age_ms, false, now_ms);
		assert_true(skex_rotation_age_ms(&machine.active, now_ms) == age_ms);
		assert_true(skex_rotation_age_ms(&machine.active, now_ms + DAY) == age_ms + DAY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_that_is_due_is_replaced_at_once),
		cmocka_unit_test(its_grace_counts_from_when_it_came_into_use),
		cmocka_unit_test(another_one_does_not_prolong_it),
		cmocka_unit_test(it_grows_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
