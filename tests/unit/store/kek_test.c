/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "store/kek.h"
#include "tests/unit/store/fixture.h"

static void a_key_file_is_made_once_and_read(void **state)
{
	const char *path = fixture_path("kek");
	uint8_t kek[32] = {1}, again[32] = {0}, before[32] = {1};

	(void)state;
	assert_int_equal(skex_kek_read(&fixture_platform, path, kek), SKEX_E_UNKNOWN);
	assert_memory_equal(kek, before, 32);
	assert_int_equal(skex_kek_make(&fixture_platform, path), SKEX_OK);
	assert_int_equal(skex_kek_make(&fixture_platform, path), SKEX_E_BUSY);
	assert_int_equal(skex_kek_read(&fixture_platform, path, kek), SKEX_OK);
	assert_int_equal(skex_kek_read(&fixture_platform, path, again), SKEX_OK);
	assert_memory_equal(kek, again, 32);
	assert_false(skex_ct_is_zero(kek, 32));

	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(skex_kek_read(&fixture_platform, path, again), SKEX_E_CORRUPT);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(skex_kek_read(&fixture_platform, path, again), SKEX_E_CORRUPT);
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(skex_kek_read(&fixture_platform, path, again), SKEX_OK);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 31), 0);
	assert_int_equal(skex_kek_read(&fixture_platform, path, again), SKEX_E_CORRUPT);
	assert_int_equal(truncate(path, 33), 0);
	assert_int_equal(skex_kek_read(&fixture_platform, path, again), SKEX_E_CORRUPT);
	assert_memory_equal(kek, again, 32);
}

/* Writes kek.argon2 with costs that suit a test. */
static void write_costs(const char *path, uint8_t version, uint8_t passes)
{
	uint8_t bytes[40] = "skexkdf2";
	FILE *file = fopen(path, "w");

	bytes[11] = version;
	bytes[15] = passes;
	bytes[21] = 1; /* 64 KiB */
	bytes[30] = 77;
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, sizeof(bytes), file), sizeof(bytes));
	fclose(file);
}

static void a_passphrase_gives_the_same_key_again(void **state)
{
	const struct skex_view words = skex_view("correct horse", 13);
	uint8_t kek[32] = {0}, again[32] = {0}, other[32] = {0};
	char directory[256], path[300];

	(void)state;
	snprintf(directory, sizeof(directory), "%s", fixture_path("phrase"));
	snprintf(path, sizeof(path), "%s/kek.argon2", directory);
	assert_int_equal(mkdir(directory, 0700), 0);
	write_costs(path, 1, 1);
	assert_int_equal(skex_kek_derive(&fixture_platform, directory, words, kek), SKEX_OK);
	assert_int_equal(skex_kek_derive(&fixture_platform, directory, words, again), SKEX_OK);
	assert_memory_equal(kek, again, 32);
	assert_int_equal(
		skex_kek_derive(&fixture_platform, directory, skex_view("correct hors", 12), other),
		SKEX_OK);
	assert_memory_not_equal(kek, other, 32);

	assert_int_equal(skex_kek_derive(&fixture_platform, directory, skex_view("", 0), again),
		SKEX_E_ARGUMENT);
	write_costs(path, 2, 1);
	assert_int_equal(
		skex_kek_derive(&fixture_platform, directory, words, again), SKEX_E_VERSION);
	write_costs(path, 1, 0);
	assert_int_equal(
		skex_kek_derive(&fixture_platform, directory, words, again), SKEX_E_CORRUPT);
	assert_int_equal(truncate(path, 20), 0);
	assert_int_equal(
		skex_kek_derive(&fixture_platform, directory, words, again), SKEX_E_CORRUPT);
	assert_memory_equal(kek, again, 32);
}

static void the_first_use_makes_salt_and_costs(void **state)
{
	const struct skex_view words = skex_view("correct horse", 13);
	uint8_t kek[32] = {0}, again[32] = {0};
	const char *directory = fixture_path("first");

	(void)state;
	assert_int_equal(mkdir(directory, 0700), 0);
	assert_int_equal(skex_kek_derive(&fixture_platform, directory, words, kek), SKEX_OK);
	assert_int_equal(skex_kek_derive(&fixture_platform, directory, words, again), SKEX_OK);
	assert_memory_equal(kek, again, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_file_is_made_once_and_read),
		cmocka_unit_test(a_passphrase_gives_the_same_key_again),
		cmocka_unit_test(the_first_use_makes_salt_and_costs),
	};

	return cmocka_run_group_tests_name("store kek", tests, fixture_setup, fixture_teardown);
}
