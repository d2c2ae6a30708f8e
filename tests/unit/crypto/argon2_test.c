/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/argon2.h"

#define KIB UINT64_C(1024)

/* By the reference implementation: argon2 SALT -id -t OPS -k KIB -p 1 -l 32. */
static void matches_the_reference_implementation(void **state)
{
	static const struct {
		const char *passphrase;
		const char *salt;
		uint32_t ops;
		uint64_t kib;
		uint8_t key[32];
	} rows[] = {
		{"password", "somesaltsomesalt", 3, 1024,
			{0xf6, 0x63, 0x22, 0x0e, 0x2d, 0x95, 0x4b, 0x93, 0x58, 0x8e, 0xbc, 0xbc,
				0xdb, 0xe3, 0x08, 0xae, 0x6b, 0x2d, 0xbb, 0x62, 0xd3, 0x17, 0xb6,
				0xd6, 0xfe, 0xff, 0x63, 0x53, 0x5b, 0x6e, 0x3a, 0x6e}},
		{"x", "0123456789abcdef", 1, 8,
			{0x27, 0x92, 0xfd, 0xa9, 0xfd, 0xc6, 0x83, 0x44, 0x7f, 0x48, 0x31, 0x82,
				0x6b, 0x70, 0x13, 0xdd, 0x8b, 0x42, 0xa9, 0x2b, 0x3c, 0xda, 0x9b,
				0xc2, 0xdd, 0xa4, 0xd9, 0x47, 0x7e, 0x81, 0x53, 0xc3}},
		{"passphrase", "0123456789abcdef", 2, 65536,
			{0x5b, 0x62, 0x7e, 0xf9, 0xb3, 0x1c, 0x4f, 0xd7, 0x7f, 0x15, 0xc3, 0xf7,
				0x69, 0xa1, 0x93, 0xdf, 0xc0, 0x9a, 0xe8, 0x17, 0x8f, 0x48, 0xd5,
				0x0c, 0xa0, 0xc8, 0x49, 0x12, 0x50, 0xb1, 0xc9, 0x92}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t key[32];

		assert_int_equal(
			skex_argon2id(key,
				skex_view(rows[i].passphrase, strlen(rows[i].passphrase)),
				(const uint8_t *)rows[i].salt, rows[i].ops, rows[i].kib * KIB),
			SKEX_OK);
		assert_memory_equal(key, rows[i].key, sizeof(key));
	}
}

static void arguments_by_table(void **state)
{
	static const struct {
		uint32_t ops;
		uint64_t mem_bytes;
		size_t passphrase;
		enum skex_error error;
	} rows[] = {
		{0, 8 * KIB, 8, SKEX_E_ARGUMENT},
		{1, 8 * KIB - 1, 8, SKEX_E_ARGUMENT},
		{1, 0, 8, SKEX_E_ARGUMENT},
		{1, 8 * KIB, 8, SKEX_OK},
		{1, 8 * KIB, 0, SKEX_OK},
		{1, 8 * KIB, 65536, SKEX_OK},
		{1, 8 * KIB, 65537, SKEX_E_ARGUMENT},
		{SKEX_ARGON2_OPS_MAX, 8 * KIB, 8, SKEX_OK},
		{SKEX_ARGON2_OPS_MAX + 1, 8 * KIB, 8, SKEX_E_ARGUMENT},
		{UINT32_MAX, 8 * KIB, 8, SKEX_E_ARGUMENT},
		{1, SKEX_ARGON2_MEM_MAX + 1, 8, SKEX_E_ARGUMENT},
		{1, UINT64_MAX, 8, SKEX_E_ARGUMENT},
	};
	static const uint8_t salt[16] = {1};
	static char passphrase[65537];

	(void)state;
	memset(passphrase, 'p', sizeof(passphrase));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t key[32];
		uint8_t before[32];

		memset(key, 0xa5, sizeof(key));
		memcpy(before, key, sizeof(key));
		assert_int_equal(skex_argon2id(key, skex_view(passphrase, rows[i].passphrase), salt,
					 rows[i].ops, rows[i].mem_bytes),
			rows[i].error);
		if (rows[i].error != SKEX_OK)
			assert_memory_equal(key, before, sizeof(key));
		else
			assert_memory_not_equal(key, before, sizeof(key));
	}
}

static void an_empty_passphrase_may_have_no_data(void **state)
{
	static const uint8_t salt[16] = {1};
	uint8_t a[32];
	uint8_t b[32];

	(void)state;
	assert_int_equal(skex_argon2id(a, skex_view(NULL, 0), salt, 1, 8 * KIB), SKEX_OK);
	assert_int_equal(skex_argon2id(b, skex_view("", 0), salt, 1, 8 * KIB), SKEX_OK);
	assert_memory_equal(a, b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_the_reference_implementation),
		cmocka_unit_test(arguments_by_table),
		cmocka_unit_test(an_empty_passphrase_may_have_no_data),
	};

	return cmocka_run_group_tests_name("crypto_argon2", tests, NULL, NULL);
}
