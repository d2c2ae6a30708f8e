/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/share/share.h"
#include "tests/unit/core/slow.h"

#define SIZE 300u /* more than a piece, and no multiple of a word */

struct sharing {
	uint8_t f[SIZE][SKEX_HUBS_MAX];         /* the coefficients of each column */
	uint8_t share[SKEX_HUBS_MAX + 1][SIZE]; /* share[x] is f(x) */
};

static void make(struct sharing *sharing, size_t k, uint64_t *seed)
{
	slow_fill(seed, sharing->f, sizeof(sharing->f));
	for (uint8_t x = 0; x <= SKEX_HUBS_MAX; x++) {
		for (size_t i = 0; i < SIZE; i++)
			sharing->share[x][i] = slow_gf256_eval(sharing->f[i], k, x);
	}
}

/* k different indices out of 1..16, in any order. */
static void choose(uint8_t *x, size_t k, uint64_t *seed)
{
	uint8_t all[SKEX_HUBS_MAX];

	for (size_t i = 0; i < SKEX_HUBS_MAX; i++)
		all[i] = (uint8_t)(i + 1);
	for (size_t i = 0; i < k; i++) {
		size_t j = i + slow_random(seed) % (SKEX_HUBS_MAX - i);
		uint8_t swap = all[j];

		all[j] = all[i];
		x[i] = all[i] = swap;
	}
}

static void any_k_shares_give_every_other_point(void **state)
{
	static struct sharing sharing;
	uint64_t seed = 1979;

	(void)state;
	for (size_t k = 1; k <= SKEX_HUBS_MAX; k++) {
		make(&sharing, k, &seed);
		for (int round = 0; round < 5; round++) {
			const uint8_t *y[SKEX_HUBS_MAX];
			uint8_t x[SKEX_HUBS_MAX], out[SIZE];

			choose(x, k, &seed);
			for (size_t i = 0; i < k; i++)
				y[i] = sharing.share[x[i]];
			for (uint8_t at = 0; at <= SKEX_HUBS_MAX; at++) {
				assert_int_equal(skex_share_interpolate(&skex_math_portable, out,
							 at, x, y, k, SIZE),
					SKEX_OK);
				assert_memory_equal(out, sharing.share[at], SIZE);
				assert_true(skex_share_consistent(
					&skex_math_portable, at, sharing.share[at], x, y, k, SIZE));
			}
		}
	}
}

static void long_vectors_are_whole(void **state)
{
	static uint8_t y0[10000], y1[10000], out[10000];
	const uint8_t *const y[2] = {y0, y1};
	const uint8_t x[2] = {3, 14};
	uint64_t seed = 10000;

	(void)state;
	slow_fill(&seed, y0, sizeof(y0));
	slow_fill(&seed, y1, sizeof(y1));
	assert_int_equal(
		skex_share_interpolate(&skex_math_portable, out, 0, x, y, 2, sizeof(out)), SKEX_OK);
	for (size_t i = 0; i < sizeof(out); i++) {
		const uint8_t points[2] = {y0[i], y1[i]};

		assert_int_equal(out[i], slow_gf256_lagrange(x, points, 2, 0));
	}
	assert_true(skex_share_consistent(&skex_math_portable, 0, out, x, y, 2, sizeof(out)));
}

static void one_bit_anywhere_is_inconsistent(void **state)
{
	static struct sharing sharing;
	const uint8_t x[3] = {5, 1, 9};
	const uint8_t *y[3];
	uint64_t seed = 3;

	(void)state;
	make(&sharing, 3, &seed);
	for (size_t i = 0; i < 3; i++)
		y[i] = sharing.share[x[i]];
	for (size_t bit = 0; bit < 8 * SIZE; bit++) {
		sharing.share[2][bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_false(skex_share_consistent(
			&skex_math_portable, 2, sharing.share[2], x, y, 3, SIZE));
		assert_int_equal(skex_share_consistent(&skex_math_portable, 2, sharing.share[2], x,
					 y, 3, bit / 8),
			true);
		sharing.share[2][bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
}

static void coefficients_agree_with_lagrange(void **state)
{
	uint64_t seed = 1795;

	(void)state;
	for (size_t k = 1; k <= SKEX_HUBS_MAX; k++) {
		uint8_t x[SKEX_HUBS_MAX], coefficients[SKEX_HUBS_MAX];

		choose(x, k, &seed);
		for (unsigned at = 0; at < 256; at++) {
			assert_int_equal(
				skex_share_coefficients(coefficients, x, k, (uint8_t)at), SKEX_OK);
			for (size_t i = 0; i < k; i++) {
				uint8_t unit[SKEX_HUBS_MAX] = {0};

				unit[i] = 1;
				if (at % 17 == 0)
					assert_int_equal(coefficients[i],
						slow_gf256_lagrange(x, unit, k, (uint8_t)at));
			}
		}
		/* At one of the points themselves nothing but that point counts. */
		assert_int_equal(skex_share_coefficients(coefficients, x, k, x[k - 1]), SKEX_OK);
		for (size_t i = 0; i < k; i++)
			assert_int_equal(coefficients[i], i == k - 1);
	}
}

static void bad_indices_are_refused_and_touch_nothing(void **state)
{
	static const uint8_t twice[] = {1, 2, 3, 2};
	static const uint8_t many[SKEX_HUBS_MAX + 1] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
	const uint8_t *y[SKEX_HUBS_MAX + 1];
	uint8_t some[4] = {1, 2, 3, 4};
	uint8_t out[SKEX_HUBS_MAX + 1];
	uint8_t before[SKEX_HUBS_MAX + 1];

	(void)state;
	for (size_t i = 0; i <= SKEX_HUBS_MAX; i++)
		y[i] = some;
	memset(out, 0xee, sizeof(out));
	memcpy(before, out, sizeof(out));
	assert_int_equal(skex_share_coefficients(out, twice, 4, 0), SKEX_E_ARGUMENT);
	assert_int_equal(skex_share_coefficients(out, twice, 0, 0), SKEX_E_ARGUMENT);
	assert_int_equal(skex_share_coefficients(out, many, SKEX_HUBS_MAX + 1, 0), SKEX_E_ARGUMENT);
	assert_int_equal(skex_share_interpolate(&skex_math_portable, out, 0, twice, y, 4, 4),
		SKEX_E_ARGUMENT);
	assert_false(skex_share_consistent(&skex_math_portable, 0, some, twice, y, 4, 4));
	assert_memory_equal(out, before, sizeof(out));
	assert_int_equal(skex_share_coefficients(out, twice, 3, 0), SKEX_OK);
}

/* Whatever a share is, each secret is as likely: k - 1 hubs learn nothing.  k = 2, all of it. */
static void one_share_of_two_says_nothing(void **state)
{
	const uint8_t x[2] = {1, 2};

	(void)state;
	for (unsigned share = 0; share < 256; share++) {
		bool seen[256] = {false};

		for (unsigned other = 0; other < 256; other++) {
			const uint8_t a = (uint8_t)share, b = (uint8_t)other;
			const uint8_t *const y[2] = {&a, &b};
			uint8_t secret;

			assert_int_equal(
				skex_share_interpolate(&skex_math_portable, &secret, 0, x, y, 2, 1),
				SKEX_OK);
			assert_false(seen[secret]);
			seen[secret] = true;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_k_shares_give_every_other_point),
		cmocka_unit_test(long_vectors_are_whole),
		cmocka_unit_test(one_bit_anywhere_is_inconsistent),
		cmocka_unit_test(coefficients_agree_with_lagrange),
		cmocka_unit_test(bad_indices_are_refused_and_touch_nothing),
		cmocka_unit_test(one_share_of_two_says_nothing),
	};

	return cmocka_run_group_tests_name("core/share", tests, NULL, NULL);
}
