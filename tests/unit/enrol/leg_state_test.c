/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cursor.h"
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

/* Records of this table, of both directions, become size zero bytes; none with SIZE_MAX. */
static void put(uint8_t table, size_t size)
{
	static const uint8_t zero[64];
	const struct skex_view part = skex_view(zero, size);
	struct skex_txn *txn = skex_txn_begin(bed.hub_store);
	struct skex_writer writer;
	uint8_t key[9];

	assert_non_null(txn);
	for (uint8_t direction = 0; direction < 2; direction++) {
		skex_writer_init(&writer, key, sizeof(key));
		skex_write_u64(&writer, leg);
		skex_write_u8(&writer, direction);
		if (size == SIZE_MAX)
			skex_txn_remove(txn, bed.hub_store, table, skex_view(key, 9));
		else
			skex_txn_put(txn, bed.hub_store, table, skex_view(key, 9), &part, 1);
	}
	assert_int_equal(skex_txn_submit(txn, bed.hub_store, NULL, NULL), SKEX_OK);
	bed_settle(&bed);
}

/* A token that is shown twice, and the leg that the first one made: that is evicted only when it
 * was never used. */
static void an_epoch_that_cannot_be_read_is_of_a_leg_in_use(void **state)
{
	static const size_t sizes[] = {0, 3, 4, 35, 37};
	const struct skex_name alice = bed_name("alice");

	(void)state;
	assert_true(skex_leg_state_present(bed.hub_store, leg));
	assert_false(skex_enrol_leg_used(&bed.hub, leg));
	assert_int_equal(skex_enrol_grant_check(&bed.hub, &alice, leg), SKEX_OK);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put(SKEX_TABLE_EPOCH, sizes[i]);
		assert_true(skex_leg_state_present(bed.hub_store, leg));
		assert_true(skex_leg_state_connected(bed.hub_store, leg));
		assert_int_equal(skex_enrol_grant_check(&bed.hub, &alice, leg), SKEX_E_SPENT);
	}
	put(SKEX_TABLE_EPOCH, 36);
	assert_false(skex_enrol_leg_used(&bed.hub, leg));
	put(SKEX_TABLE_EPOCH, SIZE_MAX);
	assert_false(skex_leg_state_present(bed.hub_store, leg));
	assert_false(skex_leg_state_connected(bed.hub_store, leg));
}

static void a_mark_that_cannot_be_read_lies_behind_all(void **state)
{
	static const size_t sizes[] = {0, 4, 11, 13};
	struct skex_pad_position mark;

	(void)state;
	put(SKEX_TABLE_MARK, SIZE_MAX);
	assert_int_equal(skex_leg_state_mark(bed.hub_store, leg, SKEX_TO_HUB, &mark), SKEX_OK);
	assert_false(skex_leg_state_reached(bed.hub_store, leg, 1));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put(SKEX_TABLE_MARK, sizes[i]);
		mark.generation = 7;
		assert_int_not_equal(
			skex_leg_state_mark(bed.hub_store, leg, SKEX_TO_HUB, &mark), SKEX_OK);
		assert_true(mark.generation == 0 && mark.offset == 0);
		assert_true(skex_leg_state_reached(bed.hub_store, leg, 1));
		assert_true(skex_enrol_leg_used(&bed.hub, leg));
	}
	put(SKEX_TABLE_MARK, 12);
	assert_int_equal(skex_leg_state_mark(bed.hub_store, leg, SKEX_TO_HUB, &mark), SKEX_OK);
	assert_false(skex_enrol_leg_used(&bed.hub, leg));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_epoch_that_cannot_be_read_is_of_a_leg_in_use),
		TEST(a_mark_that_cannot_be_read_lies_behind_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
