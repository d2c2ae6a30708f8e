/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/math/math.h"
#include "tests/unit/core/slow.h"

/* FIPS 197 section 4.2 */
static void published_products(void **state)
{
	(void)state;
	assert_int_equal(slow_gf256_mul(0x57, 0x83), 0xc1);
	assert_int_equal(slow_gf256_mul(0x57, 0x13), 0xfe);
	assert_int_equal(skex_gf256_mul_public(0x57, 0x83), 0xc1);
	assert_int_equal(skex_gf256_mul_public(0x57, 0x13), 0xfe);
}

static void all_products_agree_with_the_reference(void **state)
{
	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++)
			assert_int_equal(skex_gf256_mul_public((uint8_t)a, (uint8_t)b),
				slow_gf256_mul((uint8_t)a, (uint8_t)b));
	}
}

static void all_inverses(void **state)
{
	(void)state;
	for (unsigned a = 1; a < 256; a++) {
		uint8_t inverse = skex_gf256_inverse_public((uint8_t)a);

		assert_int_equal(slow_gf256_mul((uint8_t)a, inverse), 1);
		assert_int_equal(slow_gf256_inverse((uint8_t)a), inverse);
	}
}

/* All products through the vector path, on top of something that is there already. */
static void mul_add_gives_all_products(void **state)
{
	uint8_t in[256], out[256];

	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		for (unsigned i = 0; i < 256; i++) {
			in[i] = (uint8_t)i;
			out[i] = (uint8_t)(i * 7 + c);
		}
		skex_math_portable.gf256_mul_add(out, in, (uint8_t)c, sizeof(in));
		for (unsigned i = 0; i < 256; i++)
			assert_int_equal(out[i],
				(uint8_t)(i * 7 + c) ^ slow_gf256_mul((uint8_t)c, (uint8_t)i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_products),
		cmocka_unit_test(all_products_agree_with_the_reference),
		cmocka_unit_test(all_inverses),
		cmocka_unit_test(mul_add_gives_all_products),
	};

	return cmocka_run_group_tests_name("core/math/gf256", tests, NULL, NULL);
}
