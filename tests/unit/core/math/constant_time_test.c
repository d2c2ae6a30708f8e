/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>

#include "core/auth/onetime.h"
#include "core/base/mem.h"
#include "core/dske/block.h"
#include "core/pairwise/schedule.h"
#include "core/pairwise/tree.h"
#include "core/wire/confirm_message.h"
#include "crypto/sha256_small.h"
#include "tests/unit/core/slow.h"

/*
 * Secrets are marked as undefined, and memcheck complains when a branch or an address depends on
 * them.  (Langley's ctgrind.)  Without valgrind there is nothing to see and every test is skipped.
 *
 * skex_block_combine is not here: it decides by the errors of shares, which memcheck cannot tell
 * from the shares; see the top of core/dske/combine.c.
 */

#define SIZE 400u

static const struct skex_math *variants[3];
static uint8_t secret[SKEX_HUBS_MAX][SIZE];
static unsigned errors_before;
static volatile unsigned sink;

static int begin(void **state)
{
	uint64_t seed = 7;

	(void)state;
	slow_fill(&seed, secret, sizeof(secret));
	(void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof(secret));
	errors_before = VALGRIND_COUNT_ERRORS;
	return 0;
}

/* The test's own comparisons are no business of memcheck's. */
static void reveal(void *data, size_t size)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(data, size);
}

static void assert_silent(void)
{
	unsigned errors = VALGRIND_COUNT_ERRORS;

	assert_int_equal(errors, errors_before);
}

static void need_valgrind(void)
{
	if (!RUNNING_ON_VALGRIND)
		skip();
}

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

static void memory_functions(void **state)
{
	uint8_t out[SIZE];
	bool equal[3];

	(void)state;
	need_valgrind();
	skex_xor(out, secret[0], secret[1], SIZE);
	equal[0] = skex_ct_equal(secret[0], secret[1], SIZE);
	equal[1] = skex_ct_equal(secret[0], secret[0], SIZE - 1);
	equal[2] = skex_ct_is_zero(secret[0], SIZE);
	assert_silent();
	reveal(equal, sizeof(equal));
	assert_false(equal[0]);
	assert_true(equal[1]);
	assert_false(equal[2]);
}

static void field_arithmetic(void **state)
{
	(void)state;
	need_valgrind();
	for (size_t v = 0; v < 3; v++) {
		for (unsigned c = 0; c < 256; c++)
			variants[v]->gf256_mul_add(secret[0], secret[1], (uint8_t)c, SIZE - c % 70);
		for (size_t count = 0; count <= SIZE / 16 - 4; count++) {
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
	for (size_t v = 0; v < 3; v++) {
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
	uint8_t bodies[SKEX_HUBS_MAX][SIZE];
	uint8_t *room[SKEX_HUBS_MAX];
	uint8_t vector[SIZE], tag[16], x[3] = {1, 2, 3};
	bool carried[SKEX_HUBS_MAX];
	bool consistent;

	(void)state;
	need_valgrind();
	for (size_t i = 0; i < SKEX_HUBS_MAX; i++) {
		pads[i] = secret[i];
		room[i] = bodies[i];
	}
	for (size_t v = 0; v < 3; v++) {
		assert_int_equal(
			skex_block_split(variants[v], 5, 3, pads, SIZE, vector, room, carried),
			SKEX_OK);
		skex_block_tag(variants[v], vector, SIZE, tag);
		skex_xor(bodies[4], bodies[4], secret[4], SIZE);
		consistent = skex_share_consistent(variants[v], 5, bodies[4], x, pads, 3, SIZE);
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
	for (size_t v = 0; v < 3; v++) {
		assert_int_equal(
			skex_block_confirm(variants[v], secret[0] + SKEX_BLOCK_U_BYTES,
				SKEX_CONFIRM_BA, &common, 1, secret[1], SKEX_CLASS_ITS, out),
			SKEX_OK);
		assert_silent();
	}
}

/* The hash of small devices, and what the pairwise mode derives with it from a secret. */
static void keys_of_the_pairwise_mode(void **state)
{
	const struct skex_crypto *crypto = skex_crypto_small();
	const struct skex_view part = skex_view(secret[1], 100);
	uint8_t ids[SKEX_PAIRWISE_IDS][SKEX_PAIRWISE_ID_BYTES];
	uint8_t leaf[SKEX_HASH_BYTES], tag[SKEX_PAIRWISE_TAG_BYTES];
	struct skex_pairwise_node nodes[40];
	struct skex_pairwise_tree tree;
	struct skex_pairwise_keys keys;
	struct skex_hmac hmac;
	bool good;

	(void)state;
	need_valgrind();
	skex_pairwise_tree_init(&tree, 32, nodes, 40, secret[0]);
	good = crypto->sha256(NULL, &part, 1, leaf) == SKEX_OK &&
		crypto->hmac_sha256(NULL, skex_view(secret[2], 70), &part, 1, leaf) == SKEX_OK &&
		skex_pairwise_tree_puncture(&tree, crypto, 5, 0) == SKEX_OK &&
		skex_pairwise_tree_leaf(&tree, crypto, 9, NULL, leaf) == SKEX_OK &&
		skex_hmac_init(crypto, &hmac, leaf) == SKEX_OK &&
		skex_pairwise_ids(crypto, &hmac, ids) == SKEX_OK &&
		skex_pairwise_tag(crypto, &hmac, "t1", &part, 1, tag) == SKEX_OK &&
		skex_kdf_xor(crypto, &hmac, "s1", skex_view(NULL, 0), secret[3], secret[3], SIZE) ==
			SKEX_OK &&
		skex_pairwise_finish(crypto, &hmac, secret[4], &keys, 0, NULL) == SKEX_OK;
	assert_silent();
	assert_true(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_method_sees_a_branch_and_an_index, begin),
		cmocka_unit_test_setup(memory_functions, begin),
		cmocka_unit_test_setup(field_arithmetic, begin),
		cmocka_unit_test_setup(one_time_tags, begin),
		cmocka_unit_test_setup(sharing_and_blocks, begin),
		cmocka_unit_test_setup(confirmations, begin),
		cmocka_unit_test_setup(keys_of_the_pairwise_mode, begin),
	};
	uint32_t features = 0;

	/* What valgrind can run. */
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("ssse3") && __builtin_cpu_supports("pclmul"))
		features |= SKEX_CPU_SSSE3 | SKEX_CPU_PCLMUL;
#endif
	variants[0] = skex_math_select(0);
	variants[1] = skex_math_select(features);
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		features |= SKEX_CPU_AVX2;
#endif
	variants[2] = skex_math_select(features);
	return cmocka_run_group_tests_name("constant time", tests, NULL, NULL);
}
