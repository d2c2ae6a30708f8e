/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/psk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define K32 "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"

static void finds_a_key(void **state)
{
	static const char text[] = "# clients\n\na:" K32 "\nab:" K32 K32;
	uint8_t key[SKEX_HTTPS_PSK_MOST];
	unsigned line = 77;
	size_t size = 0;

	(void)state;
	assert_int_equal(skex_https_psk_check(text, &line), SKEX_OK);
	assert_int_equal(skex_https_psk_find(text, "a", key, &size), SKEX_OK);
	assert_int_equal(size, 32);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(key[i], i);
	assert_int_equal(skex_https_psk_find(text, "ab", key, &size), SKEX_OK);
	assert_int_equal(size, 64);
	assert_int_equal(skex_https_psk_find(text, "b", key, &size), SKEX_E_UNKNOWN);
	assert_int_equal(skex_https_psk_find(text, "", key, &size), SKEX_E_UNKNOWN);
	assert_int_equal(skex_https_psk_find(text, "# clients", key, &size), SKEX_E_UNKNOWN);
}

static void finds_what_is_wrong(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} wrong[] = {{"", 0}, {"# a\n", 0}, {"a", 1}, {"a:", 1}, {":" K32, 1}, {"a:00", 1},
		{"a:" K32 "0", 1}, {"a:" K32 K32 "00", 1}, {"a b:" K32, 1}, {"a:" K32 "\r\n", 1},
		{"a:" K32 "\na:" K32, 2}, {"a:" K32 "\n\nb:" K32 "zz", 3}};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		unsigned line = 77;
		assert_int_equal(skex_https_psk_check(wrong[i].text, &line), SKEX_E_SYNTAX);
		assert_int_equal(line, wrong[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_key),
		cmocka_unit_test(finds_what_is_wrong),
	};

	return cmocka_run_group_tests_name("https_psk", tests, NULL, NULL);
}
