/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "pairwise/internal.h"
#include "tests/sim/pair_bed.h"

/* How long a session is good for (docs/spec/pairwise.md, section 13.1). */

static void one(struct bed *bed)
{
	const uint32_t before = bed->end[0].sessions_count;

	assert_int_equal(bed_begin(&bed->end[0], "again", 7), SKEX_OK);
	bed_run(bed, 100);
	assert_int_equal(bed->end[0].sessions_count, before + 1);
}

/* Sixty-four rekeys, and then a run. */
static void a_session_is_rekeyed_so_often(void **state)
{
	struct bed bed;
	uint32_t i;

	(void)state;
	bed_init(&bed, 1, NULL);
	for (i = 0; i <= 64; i++) {
		one(&bed);
		assert_int_equal(bed_last(&bed.end[0])->number, i);
	}
	one(&bed);
	assert_int_equal(bed_last(&bed.end[0])->number, 0);
	bed_check(&bed);
	bed_clear(&bed);
}

/* A mebibyte of exports, those of rekeys counted in; a rekey does not prolong the time. */
static void a_session_gives_so_many_bytes(void **state)
{
	struct kept_session *kept;
	uint64_t ends_ms;
	struct bed bed;

	(void)state;
	bed_init(&bed, 2, NULL);
	one(&bed);
	kept = bed.end[0].association->sessions;
	assert_non_null(kept);
	assert_true(kept->exported > 0);
	ends_ms = kept->ends_ms;
	kept->exported = (1u << 20) - 1;
	one(&bed);
	assert_int_equal(bed_last(&bed.end[0])->number, 1);
	kept = session_of(bed.end[0].association, 0, bed.now);
	assert_null(kept);
	kept = bed.end[0].association->sessions;
	assert_true(kept->exported >= 1u << 20);
	assert_true(kept->ends_ms == ends_ms);
	one(&bed);
	assert_int_equal(bed_last(&bed.end[0])->number, 0);
	bed_check(&bed);
	bed_clear(&bed);
}

/* What the batch was made of is gone when it is made; what a rekey needs is not. */
static void exp_is_gone_when_the_batch_is_made(void **state)
{
	const struct kept_session *kept;
	struct bed bed;
	unsigned i;

	(void)state;
	bed_init(&bed, 3, NULL);
	one(&bed);
	one(&bed);
	for (i = 0; i < 2; i++) {
		unsigned seen = 0;

		for (kept = bed.end[i].association->sessions; kept != NULL; kept = kept->next) {
			assert_true(skex_ct_is_zero(
				kept->session.keys.exp, sizeof(kept->session.keys.exp)));
			assert_false(skex_ct_is_zero(
				kept->session.keys.rs, sizeof(kept->session.keys.rs)));
			seen++;
		}
		assert_true(seen > 0);
	}
	bed_clear(&bed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_rekeyed_so_often),
		cmocka_unit_test(a_session_gives_so_many_bytes),
		cmocka_unit_test(exp_is_gone_when_the_batch_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
