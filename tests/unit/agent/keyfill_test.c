/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/keyfill_internal.h"
#include "crypto/openssl.h"

static const uint8_t id[SKEX_KIT_ID_BYTES] = {1, 2, 3};

static void a_counter_says_where_a_block_lies(void **state)
{
	static const struct fill_block blocks[] = {{0, 1, 0}, {0x1fff, 8, (1u << 26) - 1},
		{1, 1, 0}, {0, 2, 0}, {0, 1, 1}, {77, 5, 999}};
	uint64_t seen[6];
	size_t i;
	size_t j;

	(void)state;
	for (i = 0; i < 6; i++) {
		struct fill_block back;

		seen[i] = fill_counter(blocks[i]);
		back = fill_block_of(seen[i]);
		assert_true(seen[i] <= SKEX_COUNTER_MAX);
		assert_int_equal(back.check, blocks[i].check);
		assert_int_equal(back.count, blocks[i].count);
		assert_int_equal(back.first, blocks[i].first);
		for (j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
	assert_int_equal(fill_counter(blocks[1]), SKEX_COUNTER_MAX);
	/* All counters of a file are in range. */
	assert_true(SKEX_FILL_PIECES_MAX <= 1u << 26);
	assert_true(FILL_BLOCK_MAX * FILL_KEY_BYTES >= SKEX_KEY_MAX);
}

/* The product is that of RFC 8452, whose vectors the tests of core/math have. */
static void a_key_is_a_times_x_plus_b(void **state)
{
	static const uint8_t h[16] = {0x25, 0x62, 0x93, 0x47, 0x58, 0x92, 0x42, 0x76, 0x1d, 0x31,
		0xf8, 0x26, 0xba, 0x4b, 0x75, 0x7b};
	static const uint8_t x1[16] = {0x4f, 0x4f, 0x95, 0x66, 0x8c, 0x83, 0xdf, 0xb6, 0x40, 0x17,
		0x62, 0xbb, 0x2d, 0x01, 0xa2, 0x62};
	uint8_t material[SKEX_FILL_PIECE_BYTES] = {0};
	uint8_t key[FILL_KEY_BYTES];
	uint8_t swapped[FILL_KEY_BYTES];
	uint8_t acc[16] = {0};
	size_t i;

	(void)state;
	skex_math_portable.polyval(acc, h, x1, 1);
	/* The first and the last unit, each with a b of its own. */
	memcpy(material, h, 16);
	memcpy(material + FILL_KEY_BYTES - 16, h, 16);
	memset(material + FILL_KEY_BYTES, 0x5a, 16);
	memset(material + SKEX_FILL_PIECE_BYTES - 16, 0xa5, 16);
	fill_key(&skex_math_portable, x1, material, key);
	for (i = 0; i < 16; i++) {
		assert_int_equal(key[i], acc[i] ^ 0x5a);
		assert_int_equal(key[FILL_KEY_BYTES - 16 + i], acc[i] ^ 0xa5);
	}
	for (i = 16; i < FILL_KEY_BYTES - 16; i++)
		assert_int_equal(key[i], 0);
	/* The product is one: a and x may be exchanged. */
	memcpy(material, x1, 16);
	fill_key(&skex_math_portable, h, material, swapped);
	assert_memory_equal(swapped, key, 16);
}

/* Two keys out of the same material give a, and with it everything; one gives nothing: for any
 * other key there is exactly one a and b that would give both. */
static void one_purpose_says_nothing_of_another(void **state)
{
	uint8_t x[2][16];
	uint16_t check[2];
	uint8_t material[SKEX_FILL_PIECE_BYTES];
	uint8_t first[FILL_KEY_BYTES];
	uint8_t other[FILL_KEY_BYTES];
	size_t i;

	(void)state;
	assert_int_equal(
		fill_purpose(skex_crypto_openssl(), id, 0, "app:a", x[0], &check[0]), SKEX_OK);
	assert_int_equal(
		fill_purpose(skex_crypto_openssl(), id, 0, "app:b", x[1], &check[1]), SKEX_OK);
	assert_memory_not_equal(x[0], x[1], 16);
	assert_true(check[0] < 1u << 13 && check[1] < 1u << 13);
	/* The same key for a, with every byte of a changed and b made to fit: another key for b. */
	memset(material, 0x11, sizeof(material));
	fill_key(&skex_math_portable, x[0], material, first);
	fill_key(&skex_math_portable, x[1], material, other);
	for (i = 1; i < 8; i++) {
		uint8_t changed[SKEX_FILL_PIECE_BYTES];
		uint8_t again[FILL_KEY_BYTES];
		size_t j;

		memset(changed, 0, sizeof(changed));
		memset(changed, (int)(0x11 + i), FILL_KEY_BYTES);
		fill_key(&skex_math_portable, x[0], changed, again);
		for (j = 0; j < FILL_KEY_BYTES; j++)
			changed[FILL_KEY_BYTES + j] = again[j] ^ first[j];
		fill_key(&skex_math_portable, x[0], changed, again);
		assert_memory_equal(again, first, sizeof(again));
		fill_key(&skex_math_portable, x[1], changed, again);
		for (j = 0; j < FILL_KEY_BYTES; j += 16)
			assert_memory_not_equal(again + j, other + j, 16);
	}
}

/* Each file and each direction has an x of its own. */
static void a_purpose_is_bound_to_file_and_direction(void **state)
{
	static const uint8_t other[SKEX_KIT_ID_BYTES] = {1, 2, 4};
	uint8_t x[3][16];
	uint16_t check;

	(void)state;
	assert_int_equal(
		fill_purpose(skex_crypto_openssl(), id, 0, "app:a", x[0], &check), SKEX_OK);
	assert_int_equal(
		fill_purpose(skex_crypto_openssl(), id, 1, "app:a", x[1], &check), SKEX_OK);
	assert_int_equal(
		fill_purpose(skex_crypto_openssl(), other, 0, "app:a", x[2], &check), SKEX_OK);
	assert_memory_not_equal(x[0], x[1], 16);
	assert_memory_not_equal(x[0], x[2], 16);
}

/* Of one identity at the responder, and not of the house. */
static void whom_it_serves(void **state)
{
	(void)state;
	assert_true(fill_serves("app:x"));
	assert_true(fill_serves("etsi014:a>b"));
	assert_false(fill_serves("etsi014:a>b,c"));
	assert_false(fill_serves("skex:note"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_says_where_a_block_lies),
		cmocka_unit_test(a_key_is_a_times_x_plus_b),
		cmocka_unit_test(one_purpose_says_nothing_of_another),
		cmocka_unit_test(a_purpose_is_bound_to_file_and_direction),
		cmocka_unit_test(whom_it_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
