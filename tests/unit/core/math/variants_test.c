/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/math/math.h"
#include "core/share/share.h"
#include "platform/posix.h"
#include "tests/unit/core/slow.h"

/* Every variant that this machine can run, against the portable one. */

#define SIZE_MOST  257u
#define ALIGN_MOST 64u
#define GUARD      16u
#define ALL_BITS   256u

/* Calls test once for each variant that some of the machine's features select. */
static void for_each_variant(void (*test)(const struct skex_math *math))
{
	const struct skex_math *seen[ALL_BITS];
	uint32_t machine = skex_posix_cpu_features();
	size_t count = 0;

	for (uint32_t features = 0; features < ALL_BITS; features++) {
		const struct skex_math *math;
		size_t i = 0;

		if ((features & ~machine) != 0)
			continue;
		math = skex_math_select(features);
		assert_non_null(math);
		while (i < count && seen[i] != math)
			i++;
		if (i < count)
			continue;
		seen[count++] = math;
		print_message("# variant %s\n", math->name);
		test(math);
	}
}

static void check_products(const struct skex_math *math)
{
	/* A size that every path of every variant has a part of: blocks, and a rest. */
	uint8_t in[256 + 64 + 16 + 8 + 3], out[sizeof(in)], expected[sizeof(in)];

	for (unsigned c = 0; c < 256; c++) {
		for (size_t i = 0; i < sizeof(in); i++) {
			in[i] = (uint8_t)(i * 167 + 1);
			out[i] = expected[i] = (uint8_t)(i + c);
		}
		/* 167 is odd, so the first 256 bytes are all bytes. */
		math->gf256_mul_add(out, in, (uint8_t)c, sizeof(in));
		skex_math_portable.gf256_mul_add(expected, in, (uint8_t)c, sizeof(in));
		assert_memory_equal(out, expected, sizeof(in));
		for (size_t i = 0; i < 256; i++) {
			uint8_t one = 0;

			math->gf256_mul_add(&one, in + i, (uint8_t)c, 1);
			assert_int_equal(one, skex_gf256_mul_public((uint8_t)c, in[i]));
		}
	}
}

static void every_product_in_every_variant(void **state)
{
	(void)state;
	for_each_variant(check_products);
}

static void check_sizes(const struct skex_math *math)
{
	static uint8_t in[ALIGN_MOST + SIZE_MOST + ALIGN_MOST];
	static uint8_t out[GUARD + ALIGN_MOST + SIZE_MOST + GUARD];
	static uint8_t expected[sizeof(out)];
	uint64_t seed = 64;

	slow_fill(&seed, in, sizeof(in));
	for (size_t align = 0; align < ALIGN_MOST; align++) {
		for (size_t size = 0; size <= SIZE_MOST; size++) {
			uint8_t c = (uint8_t)(align * 41 + size * 3 + 2);
			const uint8_t *from = in + (align * 7 + size) % ALIGN_MOST;

			memset(out, 0x5a, sizeof(out));
			memset(expected, 0x5a, sizeof(expected));
			math->gf256_mul_add(out + GUARD + align, from, c, size);
			skex_math_portable.gf256_mul_add(expected + GUARD + align, from, c, size);
			assert_memory_equal(out, expected, sizeof(out));
		}
	}
}

static void every_size_at_every_alignment(void **state)
{
	(void)state;
	for_each_variant(check_sizes);
}

/* Coefficients of rows: any, zeros and ones with some rows that differ by these, or an
 * interpolation. */
enum coefficients {
	ANY,
	NEAR,
	INTERPOLATION,
	COEFFICIENTS
};

static void fill_coefficients(
	uint8_t *coefficients, enum coefficients which, size_t outs, size_t ins, uint64_t *seed)
{
	uint8_t x[SKEX_MATH_ROWS_MAX];

	slow_fill(seed, coefficients, SKEX_MATH_ROWS_MAX * SKEX_MATH_ROWS_MAX);
	for (size_t i = 0; i < ins; i++)
		x[i] = (uint8_t)(i + 1);
	for (size_t j = 0; j < outs; j++) {
		for (size_t i = 0; which == NEAR && i < ins; i++) {
			uint8_t *one = &coefficients[j * ins + i];

			if (j % 3 == 0)
				*one = i % 3 == 0 ? *one : *one & 1;
			else
				*one = coefficients[(j - 1) * ins + i] ^ (*one & 1);
		}
		if (which == INTERPOLATION && ins > 0)
			assert_int_equal(skex_share_coefficients(coefficients + j * ins, x, ins,
						 j == 0 ? 0 : (uint8_t)(ins + j)),
				SKEX_OK);
	}
}

/* Rows of a size at an alignment: sums to nothing, to other bytes and to themselves. */
static void check_rows(const struct skex_math *math, enum coefficients which, size_t outs,
	size_t ins, size_t size, size_t align)
{
	static uint8_t in[SKEX_MATH_ROWS_MAX][ALIGN_MOST + SIZE_MOST];
	static uint8_t base[SKEX_MATH_ROWS_MAX][ALIGN_MOST + SIZE_MOST];
	static uint8_t got[SKEX_MATH_ROWS_MAX][GUARD + ALIGN_MOST + SIZE_MOST + GUARD];
	static uint8_t expected[SKEX_MATH_ROWS_MAX][GUARD + ALIGN_MOST + SIZE_MOST + GUARD];
	uint8_t coefficients[SKEX_MATH_ROWS_MAX * SKEX_MATH_ROWS_MAX];
	const uint8_t *from[SKEX_MATH_ROWS_MAX] = {NULL}, *add[SKEX_MATH_ROWS_MAX] = {NULL};
	uint8_t *out[SKEX_MATH_ROWS_MAX] = {NULL};
	uint64_t seed = 1 + outs + 20 * ins + 400 * size + 200000 * align;

	fill_coefficients(coefficients, which, outs, ins, &seed);
	for (size_t i = 0; i < ins; i++) {
		slow_fill(&seed, in[i], sizeof(in[i]));
		from[i] = in[i] + (align * 7 + i * 5 + size) % ALIGN_MOST;
	}
	for (size_t j = 0; j < outs; j++) {
		uint8_t *to;

		slow_fill(&seed, base[j], sizeof(base[j]));
		memset(got[j], 0x5a, sizeof(got[j]));
		memset(expected[j], 0x5a, sizeof(expected[j]));
		out[j] = got[j] + GUARD + (align * (j + 1)) % ALIGN_MOST;
		to = expected[j] + (out[j] - got[j]);
		add[j] = j % 3 == 0 ? NULL : j % 3 == 1 ? base[j] + align : out[j];
		if (j % 3 == 0)
			memset(to, 0, size);
		if (j % 3 == 1)
			memcpy(to, base[j] + align, size);
		for (size_t i = 0; i < ins; i++)
			skex_math_portable.gf256_mul_add(
				to, from[i], coefficients[j * ins + i], size);
	}
	math->gf256_rows(out, add, outs, coefficients, from, ins, size);
	for (size_t j = 0; j < outs; j++)
		assert_memory_equal(got[j], expected[j], sizeof(got[j]));
}

static void check_all_rows(const struct skex_math *math)
{
	for (size_t align = 0; align < ALIGN_MOST; align++) {
		for (size_t size = 0; size <= SIZE_MOST; size++) {
			const enum coefficients which =
				(enum coefficients)((size + align) % COEFFICIENTS);

			check_rows(math, which, 1 + (size + align) % 6, 2 + size % 3, size, align);
			/* The splits of the usual profiles. */
			check_rows(math, INTERPOLATION, 3, 3, size, align);
			check_rows(math, INTERPOLATION, 2, 2, size, align);
		}
	}
	for (size_t outs = 0; outs <= SKEX_MATH_ROWS_MAX; outs++) {
		for (size_t ins = 0; ins <= SKEX_MATH_ROWS_MAX; ins++) {
			check_rows(math, ANY, outs, ins, SIZE_MOST - ins, outs);
			check_rows(math, NEAR, outs, ins, SIZE_MOST - ins, outs);
			check_rows(math, INTERPOLATION, outs, ins, SIZE_MOST - ins, outs);
		}
	}
}

static void rows_of_every_size_at_every_alignment(void **state)
{
	(void)state;
	for_each_variant(check_all_rows);
}

/* Every product: each coefficient with each byte, in each of four rows and in a row alone. */
static void check_products_in_rows(const struct skex_math *math)
{
	uint8_t in[256], got[5][256];
	uint8_t *out[5];
	const uint8_t *from = in, *add[5] = {NULL};

	for (unsigned i = 0; i < 256; i++)
		in[i] = (uint8_t)i;
	for (size_t j = 0; j < 5; j++)
		out[j] = got[j];
	for (unsigned c = 0; c < 256; c++) {
		const uint8_t coefficients[5] = {(uint8_t)c, (uint8_t)(c + 1), (uint8_t)(c + 2),
			(uint8_t)(c + 3), (uint8_t)(c + 4)};

		math->gf256_rows(out, add, 5, coefficients, &from, 1, sizeof(in));
		for (size_t j = 0; j < 5; j++) {
			for (unsigned i = 0; i < 256; i++)
				assert_int_equal(got[j][i],
					skex_gf256_mul_public(coefficients[j], (uint8_t)i));
		}
	}
}

/* Every product in rows of the shape that a split has. */
static void check_products_in_split(
	const struct skex_math *math, const uint8_t *coefficients, size_t outs, size_t ins)
{
	static uint8_t in[3][256], add[3][256], got[3][256];
	uint8_t *out[3] = {got[0], got[1], got[2]};
	const uint8_t *from[3] = {in[0], in[1], in[2]}, *to[3] = {NULL, add[1], add[2]};

	for (unsigned i = 0; i < 256; i++) {
		for (unsigned k = 0; k < 3; k++) {
			in[k][i] = (uint8_t)(i * (2 * k + 1));
			add[k][i] = (uint8_t)(i + k);
		}
	}
	math->gf256_rows(out, to, outs, coefficients, from, ins, 256);
	for (unsigned i = 0; i < 256; i++) {
		for (size_t j = 0; j < outs; j++) {
			uint8_t expected = j == 0 ? 0 : add[j][i];

			for (size_t k = 0; k < ins; k++)
				expected ^=
					skex_gf256_mul_public(coefficients[j * ins + k], in[k][i]);
			assert_int_equal(got[j][i], expected);
		}
	}
}

static void check_products_in_splits(const struct skex_math *math)
{
	for (unsigned c = 0; c < 256; c++) {
		const uint8_t a = (uint8_t)c, b = (uint8_t)(c ^ 0x55);
		const uint8_t five_three[9] = {1, 1, 1, a, b, a ^ b ^ 1, a, b ^ 1, a ^ b};
		const uint8_t three_two[4] = {a, a ^ 1, a ^ 1, a};

		check_products_in_split(math, five_three, 3, 3);
		check_products_in_split(math, three_two, 2, 2);
	}
}

static void every_product_in_rows(void **state)
{
	(void)state;
	for_each_variant(check_products_in_rows);
	for_each_variant(check_products_in_splits);
}

static void check_hash(const struct skex_math *math, const uint8_t *blocks, size_t count,
	const uint8_t key[static 16], const uint8_t start[static 16])
{
	uint8_t acc[16], expected[16];

	memcpy(acc, start, 16);
	memcpy(expected, start, 16);
	math->polyval(acc, key, blocks, count);
	skex_math_portable.polyval(expected, key, blocks, count);
	assert_memory_equal(acc, expected, 16);
	memcpy(acc, start, 16);
	memcpy(expected, start, 16);
	math->polyval_reverse(acc, key, blocks, count);
	skex_math_portable.polyval_reverse(expected, key, blocks, count);
	assert_memory_equal(acc, expected, 16);
}

static void check_polyval(const struct skex_math *math)
{
	static uint8_t blocks[16 * SIZE_MOST + ALIGN_MOST];
	uint64_t seed = 128;
	uint8_t key[16], start[16];

	/* Against itself it says nothing. */
	if (math->polyval == skex_math_portable.polyval)
		return;
	for (size_t count = 0; count <= SIZE_MOST; count++) {
		slow_fill(&seed, key, sizeof(key));
		slow_fill(&seed, start, sizeof(start));
		slow_fill(&seed, blocks, 16 * count + ALIGN_MOST);
		for (size_t align = 0; align < ALIGN_MOST; align++)
			check_hash(math, blocks + align, count, key, start);
	}
	/* A page's worth of blocks and more, so that every loop comes round often. */
	for (size_t align = 0; align < ALIGN_MOST; align++) {
		static uint8_t many[16 * 1000 + ALIGN_MOST];

		slow_fill(&seed, many, sizeof(many));
		check_hash(math, many + align, 1000 - align, key, start);
	}
	for (unsigned i = 0; i < 128; i++) {
		for (unsigned j = 0; j < 128; j++) {
			uint8_t a[16] = {0}, b[16] = {0}, acc[16] = {0}, expected[16] = {0};

			a[i / 8] = (uint8_t)(1u << (i % 8));
			b[j / 8] = (uint8_t)(1u << (j % 8));
			math->polyval(acc, a, b, 1);
			skex_math_portable.polyval(expected, a, b, 1);
			assert_memory_equal(acc, expected, 16);
		}
	}
}

static void polyval_of_every_length_at_every_alignment(void **state)
{
	(void)state;
	for_each_variant(check_polyval);
}

static void no_features_select_the_portable_one(void **state)
{
	(void)state;
	assert_ptr_equal(skex_math_select(0), &skex_math_portable);
	/* Bits that nobody knows yet change nothing. */
	assert_ptr_equal(skex_math_select(UINT32_C(1) << 31), &skex_math_portable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_product_in_every_variant),
		cmocka_unit_test(every_size_at_every_alignment),
		cmocka_unit_test(rows_of_every_size_at_every_alignment),
		cmocka_unit_test(every_product_in_rows),
		cmocka_unit_test(polyval_of_every_length_at_every_alignment),
		cmocka_unit_test(no_features_select_the_portable_one),
	};

	return cmocka_run_group_tests_name("core/math/variants", tests, NULL, NULL);
}
