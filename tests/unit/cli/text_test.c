/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/arguments.h"
#include "cli/text.h"

static void test_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1.0 KiB"},
		{1536, "1.5 KiB"},
		{1048524, "1023.9 KiB"},
		{1048525, "1.0 MiB"},
		{1048576, "1.0 MiB"},
		{UINT64_C(5) << 30, "5.0 GiB"},
		{UINT64_MAX, "16.0 EiB"},
	};
	char text[SKEX_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		skex_text_size(text, cases[i].bytes);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_duration_and_age(void **state)
{
	static const struct {
		uint64_t then_ms;
		uint64_t now_ms;
		const char *text;
	} cases[] = {
		{0, 1000, "never"},
		{0, 0, "never"},
		{1000, 1000, "just now"},
		{1000, 1999, "just now"},
		{1000, 2000, "1 s ago"},
		{1000, 120999, "119 s ago"},
		{1000, 121000, "2 min ago"},
		{1000, 1000 + 119 * 60000, "119 min ago"},
		{1000, 1000 + 120 * 60000, "2 h ago"},
		{1000, 1000 + 47 * 3600000, "47 h ago"},
		{1000, 1000 + 48 * 3600000, "2 days ago"},
		{1000, UINT64_MAX, "213503982334 days ago"},
		{2000, 1000, "in 1 s"},
	};
	char text[SKEX_TEXT_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		skex_text_age(text, cases[i].then_ms, cases[i].now_ms);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_time(void **state)
{
	char text[SKEX_TEXT_MAX];

	(void)state;
	skex_text_time(text, 0);
	assert_string_equal(text, "unknown");
	skex_text_time(text, 1763722000999);
	assert_string_equal(text, "2025-11-21 10:46:40 UTC");
	skex_text_time(text, UINT64_MAX);
	assert_true(strlen(text) > 0);
}

static void test_count(void **state)
{
	char text[SKEX_TEXT_MAX];

	(void)state;
	skex_text_count(text, 0, "key");
	assert_string_equal(text, "0 keys");
	skex_text_count(text, 1, "key");
	assert_string_equal(text, "1 key");
	skex_text_count(text, 999, "key");
	assert_string_equal(text, "999 keys");
	skex_text_count(text, 1000, "key");
	assert_string_equal(text, "1,000 keys");
	skex_text_count(text, UINT64_MAX, "key");
	assert_string_equal(text, "18,446,744,073,709,551,615 keys");
}

static void check_columns(struct skex_columns *columns, const char *wanted)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_true(skex_columns_print(columns, out, "  "));
	fclose(out);
	assert_string_equal(text, wanted);
	free(text);
}

static void test_columns(void **state)
{
	static const char *const heads[] = {"NAME", "N", "LAST"};
	static const char *const rows[][3] = {{"a", "100", ""}, {"longer", "1", "x\033[31my\n"}};
	struct skex_columns columns;
	size_t i;

	(void)state;
	skex_columns_init(&columns, heads, 3);
	for (i = 0; i < 2; i++)
		skex_columns_add(&columns, rows[i]);
	/* What would steer a terminal does not come through. */
	check_columns(&columns,
		"  NAME    N    LAST\n"
		"  a       100\n"
		"  longer  1    x?[31my?\n");
	skex_columns_init(&columns, heads, 3);
	check_columns(&columns, "  NAME  N  LAST\n");
}

static void test_time_words(void **state)
{
	static const struct {
		const char *text;
		uint64_t milliseconds;
	} good[] = {{"0", 0}, {"0s", 0}, {"500ms", 500}, {"5s", 5000}, {"5 s", 5000},
		{"2min", 120000}, {"1h", 3600000}, {"30d", UINT64_C(2592000000)},
		{"213503982334d", UINT64_C(18446744073657600000)}};
	static const char *const bad[] = {"", "5", "s", "-5s", "+5s", "5S", "5 s ", "5  s", " 5s",
		"5m", "1.5s", "0x5s", "1e3s", "213503982335d", "18446744073709551616ms", "5sec"};
	uint64_t value;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(skex_time_parse(good[i].text, &value));
		assert_int_equal(value, good[i].milliseconds);
	}
	value = 77;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(skex_time_parse(bad[i], &value));
	assert_int_equal(value, 77);
}

static void test_size_words(void **state)
{
	static const char *const bad[] = {"", "KiB", "-1", "1kb", "1KB", "1 KiB ", "1.5KiB",
		"18446744073709551616", "16777216TiB", "0x10"};
	uint64_t value;
	size_t i;

	(void)state;
	assert_true(skex_size_parse("64KiB", &value));
	assert_int_equal(value, 65536);
	assert_true(skex_size_parse("1 GiB", &value));
	assert_int_equal(value, 1 << 30);
	assert_true(skex_size_parse("16777215TiB", &value));
	value = 77;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(skex_size_parse(bad[i], &value));
	assert_int_equal(value, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_duration_and_age),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_time_words),
		cmocka_unit_test(test_size_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
