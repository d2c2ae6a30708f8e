/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "enrol/grant.h"
#include "tests/sim/enrol_bed.h"

/* What is drawn for a kit: numbers and keys that no other one has. */

static struct bed bed;

static int set_up(void **state)
{
	(void)state;
	bed_init(&bed, 13);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	bed_clear(&bed);
	return 0;
}

static void enrol(bool again)
{
	struct skex_enrol_request request = bed_request(SKEX_KIT_ENROL);

	request.again = again;
	assert_int_equal(bed_enrol(&bed, &request), SKEX_OK);
	assert_int_equal(bed_take(&bed, BED_KIT), SKEX_OK);
}

/* The header of the kit that was taken. */
static struct skex_kit_header header_taken(void)
{
	struct skex_kit_header header;
	struct skex_kit *kit;

	assert_int_equal(skex_kit_open(&bed.scene.platform, bed.scene.crypto, BED_KIT, NULL, &kit,
				 &bed.reason),
		SKEX_OK);
	header = *skex_kit_header_get(kit);
	skex_kit_close(kit);
	return header;
}

static void two_kits_have_nothing_in_common(void **state)
{
	struct skex_kit_header kits[2];
	uint64_t numbers[6];
	const uint8_t *keys[4];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		enrol(i > 0);
		kits[i] = header_taken();
		numbers[3 * i] = kits[i].leg;
		for (unsigned j = 0; j < 2; j++) {
			numbers[3 * i + 1 + j] = kits[i].pads[j];
			keys[2 * i + j] = kits[i].envelope_keys[j];
		}
	}
	for (unsigned i = 0; i < 6; i++)
		for (unsigned j = 0; j < i; j++)
			assert_true(numbers[i] != numbers[j]);
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(keys[i], keys[j], SKEX_AEAD_KEY_BYTES);
}

/* Of a leg that is made on line both ends compute the number: one that was there is not taken. */
static void a_number_of_a_leg_is_given_once(void **state)
{
	const struct skex_name alice = bed_name("alice");
	struct skex_kit_header header;
	struct skex_txn *txn;

	(void)state;
	enrol(false);
	header = header_taken();
	header.kind = SKEX_PAD_RATCHET;
	for (unsigned i = 0; i < 2; i++) {
		txn = skex_txn_begin(bed.hub_store);
		assert_non_null(txn);
		assert_int_equal(skex_enrol_grant_put(&bed.hub, txn, &header), SKEX_E_BUSY);
		header.leg++;
		assert_int_equal(skex_enrol_grant_put(&bed.hub, txn, &header), SKEX_OK);
		header.leg--;
		skex_txn_abandon(txn, bed.hub_store);
		assert_int_equal(skex_enrol_evict(&bed.hub, &alice, &bed.reason), SKEX_OK);
		bed_settle(&bed);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_kits_have_nothing_in_common),
		TEST(a_number_of_a_leg_is_given_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
