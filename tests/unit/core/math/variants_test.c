/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/math/math.h"
#include "tests/unit/core/slow.h"

/* Every variant that this machine can run, against the portable one. */

#define SIZE_MOST  257u
#define ALIGN_MOST 64u
#define GUARD      16u
#define ALL_BITS   64u

static uint32_t machine_features(void)
{
	uint32_t features = 0;

#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("ssse3"))
		features |= SKEX_CPU_SSSE3;
	if (__builtin_cpu_supports("avx2"))
		features |= SKEX_CPU_AVX2;
	if (__builtin_cpu_supports("gfni"))
		features |= SKEX_CPU_GFNI;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl"))
		features |= SKEX_CPU_AVX512;
	if (__builtin_cpu_supports("pclmul"))
		features |= SKEX_CPU_PCLMUL;
	if (__builtin_cpu_supports("vpclmulqdq"))
		features |= SKEX_CPU_VPCLMUL;
#endif
	return features;
}

/* Calls test once for each variant that some of the machine's features select. */
static void for_each_variant(void (*test)(const struct skex_math *math))
{
	const struct skex_math *seen[ALL_BITS];
	uint32_t machine = machine_features();
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

static void check_polyval(const struct skex_math *math)
{
	static uint8_t blocks[16 * 300 + ALIGN_MOST];
	uint64_t seed = 128;
	uint8_t key[16], start[16];

	slow_fill(&seed, blocks, sizeof(blocks));
	for (size_t count = 0; count <= 300; count++) {
		const uint8_t *from = blocks + (count * 11) % ALIGN_MOST;
		uint8_t acc[16], expected[16];

		slow_fill(&seed, key, sizeof(key));
		slow_fill(&seed, start, sizeof(start));
		memcpy(acc, start, 16);
		memcpy(expected, start, 16);
		math->polyval(acc, key, from, count);
		skex_math_portable.polyval(expected, key, from, count);
		assert_memory_equal(acc, expected, 16);
		memcpy(acc, start, 16);
		memcpy(expected, start, 16);
		math->polyval_reverse(acc, key, from, count);
		skex_math_portable.polyval_reverse(expected, key, from, count);
		assert_memory_equal(acc, expected, 16);
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

static void polyval_of_every_length(void **state)
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
		cmocka_unit_test(polyval_of_every_length),
		cmocka_unit_test(no_features_select_the_portable_one),
	};

	return cmocka_run_group_tests_name("core/math/variants", tests, NULL, NULL);
}
