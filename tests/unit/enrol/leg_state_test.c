/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "enrol/enrolment.h"
#include "enrol/grant.h"
#include "enrol/leg_state.h"
#include "store/tables.h"
#include "tests/sim/enrol_bed.h"

/* What the hub's store says of a leg, and what follows where it does not say it. */

static struct bed bed;
static uint64_t leg;

static int set_up(void **state)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);
	struct skex_member member;

	(void)state;
	bed_init(&bed, 17);
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(bed_take(&bed, BED_KIT), SKEX_OK);
	assert_int_equal(bed_member(&bed, &member), SKEX_OK);
	leg = member.leg;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bed_clear(&bed);
	return 0;
}

static void put(uint8_t table, size_t size)
{
	bed_put_zero(&bed, leg, table, size);
}

/* Whether it is certain that the leg was used, that it was not, or neither. */
enum answer {
	UNUSED,
	USED,
	UNREADABLE,
};

static enum answer asked(void)
{
	bool used = true;

	if (skex_enrol_leg_used(&bed.hub, leg, &used) == SKEX_OK)
		return used ? USED : UNUSED;
	assert_false(used);
	return UNREADABLE;
}

/* Neither is a token that is shown twice given the leg of the first time, nor is a kit made. */
static void check_waits(void)
{
	const struct skex_name alice = bed_name("alice");
	struct skex_enrol_request request = bed_request(SKEX_KIT_REFILL);
	enum skex_error error = skex_enrol_grant_check(&bed.hub, &alice, leg);

	assert_true(error != SKEX_OK && error != SKEX_E_SPENT);
	assert_int_equal(bed_enrol(&bed, &request), error);
	assert_string_equal(bed.reason.code, "store");
	request = bed_request(SKEX_KIT_ENROL);
	request.again = true;
	assert_int_equal(bed_enrol(&bed, &request), error);
	assert_string_equal(bed.reason.code, "store");
}

static void an_epoch_that_cannot_be_read_says_nothing(void **state)
{
	static const size_t sizes[] = {0, 3, 4, 35, 37};
	const struct skex_name alice = bed_name("alice");

	(void)state;
	assert_true(skex_leg_state_present(bed.hub_store, leg));
	assert_int_equal(asked(), UNUSED);
	assert_int_equal(skex_enrol_grant_check(&bed.hub, &alice, leg), SKEX_OK);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put(SKEX_TABLE_EPOCH, sizes[i]);
		assert_true(skex_leg_state_present(bed.hub_store, leg));
		assert_int_equal(asked(), UNREADABLE);
		check_waits();
	}
	put(SKEX_TABLE_EPOCH, 36);
	assert_int_equal(asked(), UNUSED);
	put(SKEX_TABLE_EPOCH, SIZE_MAX);
	assert_false(skex_leg_state_present(bed.hub_store, leg));
	assert_int_equal(asked(), UNUSED);
	bed_connect(&bed);
	assert_int_equal(asked(), USED);
	assert_int_equal(skex_enrol_grant_check(&bed.hub, &alice, leg), SKEX_E_SPENT);
}

static void a_mark_that_cannot_be_read_says_nothing(void **state)
{
	static const size_t sizes[] = {0, 4, 11, 13};
	struct skex_pad_position mark;

	(void)state;
	put(SKEX_TABLE_MARK, SIZE_MAX);
	assert_int_equal(skex_leg_state_mark(bed.hub_store, leg, SKEX_TO_HUB, &mark), SKEX_OK);
	assert_int_equal(asked(), UNUSED);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put(SKEX_TABLE_MARK, sizes[i]);
		mark.generation = 7;
		assert_int_not_equal(
			skex_leg_state_mark(bed.hub_store, leg, SKEX_TO_HUB, &mark), SKEX_OK);
		assert_true(mark.generation == 0 && mark.offset == 0);
		assert_int_equal(asked(), UNREADABLE);
		check_waits();
	}
	put(SKEX_TABLE_MARK, 12);
	assert_int_equal(skex_leg_state_mark(bed.hub_store, leg, SKEX_TO_HUB, &mark), SKEX_OK);
	assert_int_equal(asked(), UNUSED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_epoch_that_cannot_be_read_says_nothing),
		TEST(a_mark_that_cannot_be_read_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
