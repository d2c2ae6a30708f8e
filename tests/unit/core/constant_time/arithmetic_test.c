/* SPDX-License-Identifier: Apache-2.0 */
#include "core/auth/onetime.h"
#include "core/base/mem.h"
#include "core/dske/block.h"
#include "core/wire/confirm_message.h"
#include "tests/unit/core/constant_time/secrets.h"

/* What the field arithmetic and everything next to it does with secrets, in every variant. */

static const struct skex_math *variants[VARIANTS];
static volatile unsigned sink;

static void the_method_sees_a_branch_and_an_index(void **state)
{
	static const uint8_t table[256] = {1, 2, 3};
	unsigned errors;

	(void)state;
	need_valgrind();
	if (secret[0][0] & 1)
		sink = 1;
	errors = VALGRIND_COUNT_ERRORS;
	assert_int_not_equal(errors, errors_before);
	sink = table[secret[0][1]];
	assert_true(VALGRIND_COUNT_ERRORS > errors);
}

/* The mistake that is most often made: it ends at the first byte that differs. */
static void the_method_sees_a_comparison_that_is_not_constant_time(void **state)
{
	int (*volatile compare)(const void *, const void *, size_t) = memcmp;
	unsigned errors;

	(void)state;
	need_valgrind();
	/* rule 3: it is what has to be found */
	sink = compare(secret[0], secret[1], SKEX_ONETIME_TAG_BYTES) == 0;
	errors = VALGRIND_COUNT_ERRORS;
	assert_int_not_equal(errors, errors_before);
}

static void memory_functions(void **state)
{
	uint8_t out[SECRET_BYTES];
	bool equal[3];

	(void)state;
	need_valgrind();
	skex_xor(out, secret[0], secret[1], SECRET_BYTES);
	equal[0] = skex_ct_equal(secret[0], secret[1], SECRET_BYTES);
	equal[1] = skex_ct_equal(secret[0], secret[0], SECRET_BYTES - 1);
	equal[2] = skex_ct_is_zero(secret[0], SECRET_BYTES);
	assert_silent();
	reveal(equal, sizeof(equal));
	assert_false(equal[0]);
	assert_true(equal[1]);
	assert_false(equal[2]);
}

static void field_arithmetic(void **state)
{
	const uint8_t *in[3] = {secret[5], secret[6] + 1, secret[7] + 2};
	const uint8_t *add[5] = {NULL, secret[0], secret[1], NULL, secret[10] + 3};
	uint8_t *out[5] = {secret[8], secret[9], secret[1], secret[11], secret[12] + 1};

	(void)state;
	need_valgrind();
	for (size_t v = 0; v < VARIANTS; v++) {
		for (unsigned c = 0; c < 240; c++) {
			uint8_t coefficients[15];

			for (unsigned i = 0; i < 15; i++)
				coefficients[i] = (uint8_t)(c + i);
			variants[v]->gf256_rows(out, add, 1 + c % 5, coefficients, in, 3,
				SECRET_BYTES - 3 - c % 70);
		}
		for (unsigned c = 0; c < 256; c++)
			variants[v]->gf256_mul_add(
				secret[0], secret[1], (uint8_t)c, SECRET_BYTES - c % 70);
		for (size_t count = 0; count <= SECRET_BYTES / 16 - 4; count++) {
			variants[v]->polyval(secret[2], secret[3] + 1, secret[4] + 3, count);
			variants[v]->polyval_reverse(secret[2], secret[3], secret[4], count);
		}
	}
	assert_silent();
}

static void one_time_tags(void **state)
{
	struct skex_onetime onetime;
	uint8_t tag[16];
	bool right;

	(void)state;
	need_valgrind();
	for (size_t v = 0; v < VARIANTS; v++) {
		skex_onetime_init(&onetime, variants[v], secret[0]);
		skex_onetime_associated(&onetime, skex_view(secret[1], 45));
		skex_onetime_text(&onetime, skex_view(secret[2], 301));
		skex_onetime_final(&onetime, tag);
		skex_onetime_init(&onetime, variants[v], secret[0]);
		skex_onetime_associated(&onetime, skex_view(secret[1], 45));
		skex_onetime_text(&onetime, skex_view(secret[2], 301));
		right = skex_onetime_verify(&onetime, tag);
		assert_silent();
		reveal(&right, sizeof(right));
		assert_true(right);
	}
}

static void sharing_and_blocks(void **state)
{
	const uint8_t *pads[SKEX_HUBS_MAX];
	uint8_t bodies[SECRETS][SECRET_BYTES];
	uint8_t *room[SKEX_HUBS_MAX];
	uint8_t vector[SECRET_BYTES], tag[16], x[3] = {1, 2, 3};
	bool carried[SKEX_HUBS_MAX];
	bool consistent;

	(void)state;
	need_valgrind();
	for (size_t i = 0; i < SKEX_HUBS_MAX; i++) {
		pads[i] = secret[i];
		room[i] = bodies[i];
	}
	for (size_t v = 0; v < VARIANTS; v++) {
		assert_int_equal(skex_block_split(variants[v], 5, 3, pads, SECRET_BYTES, vector,
					 room, carried),
			SKEX_OK);
		skex_block_tag(variants[v], vector, SECRET_BYTES, tag);
		skex_xor(bodies[4], bodies[4], secret[4], SECRET_BYTES);
		consistent =
			skex_share_consistent(variants[v], 5, bodies[4], x, pads, 3, SECRET_BYTES);
		assert_silent();
		reveal(&consistent, sizeof(consistent));
		assert_true(consistent);
	}
}

static void confirmations(void **state)
{
	struct skex_common common;
	uint8_t out[16];

	(void)state;
	need_valgrind();
	memset(&common, 0, sizeof(common));
	assert_true(skex_name_parse(&common.initiator, skex_view("a", 1)));
	assert_true(skex_name_parse(&common.responder, skex_view("b", 1)));
	common.n = 5;
	common.k = 3;
	common.secret_size = 32;
	common.class_initiator = SKEX_CLASS_ITS;
	common.purpose_size = 1;
	common.purpose[0] = 'p';
	common.lifetime_s = 1;
	for (size_t v = 0; v < VARIANTS; v++) {
		assert_int_equal(
			skex_block_confirm(variants[v], secret[0] + SKEX_BLOCK_U_BYTES,
				SKEX_CONFIRM_BA, &common, 1, secret[1], SKEX_CLASS_ITS, out),
			SKEX_OK);
		assert_silent();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_method_sees_a_branch_and_an_index, secrets_begin),
		cmocka_unit_test_setup(
			the_method_sees_a_comparison_that_is_not_constant_time, secrets_begin),
		cmocka_unit_test_setup(memory_functions, secrets_begin),
		cmocka_unit_test_setup(field_arithmetic, secrets_begin),
		cmocka_unit_test_setup(one_time_tags, secrets_begin),
		cmocka_unit_test_setup(sharing_and_blocks, secrets_begin),
		cmocka_unit_test_setup(confirmations, secrets_begin),
	};

	variants_of_valgrind(variants);
	return cmocka_run_group_tests_name("constant time of arithmetic", tests, NULL, NULL);
}
