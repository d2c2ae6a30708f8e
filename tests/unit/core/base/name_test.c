/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/name.h"

static void good_names_are_taken_as_they_are(void **state)
{
	static const char longest[] =
		"0123456789012345678901234567890123456789012345678901234567890ab";
	static const char *const good[] = {
		"a", "0", "agent1", "hub-1.site_2", "a--", "9.9.9", longest};

	(void)state;
	assert_int_equal(strlen(longest), SKEX_NAME_MAX);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct skex_name name;

		memset(&name, 0xee, sizeof(name));
		assert_true(skex_name_parse(&name, skex_view(good[i], strlen(good[i]))));
		assert_int_equal(name.size, strlen(good[i]));
		assert_string_equal(name.text, good[i]);
		assert_int_equal(skex_name_view(&name).size, name.size);
	}
}

static void bad_names_leave_the_output_untouched(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} bad[] = {
		{"", 0},
		{NULL, 0},
		{"-a", 2},
		{".a", 2},
		{"_a", 2},
		{"A", 1},
		{"aB", 2},
		{"a b", 3},
		{"a/b", 3},
		{"a\0b", 3},
		{"a\n", 2},
		{"\xc3\xa9", 2},
		{"0123456789012345678901234567890123456789012345678901234567890abc", 64},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct skex_name name = {4, "kept"};

		assert_false(skex_name_parse(&name, skex_view(bad[i].text, bad[i].size)));
		assert_int_equal(name.size, 4);
		assert_string_equal(name.text, "kept");
	}
}

/* Every byte in both places, against the rule as the header words it. */
static void each_byte_is_allowed_where_it_should_be(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t text[2] = {(uint8_t)c, 'a'};
		struct skex_name name;
		bool first =
			c != 0 && strchr("abcdefghijklmnopqrstuvwxyz0123456789", (int)c) != NULL;
		bool later = first || c == '.' || c == '_' || c == '-';

		assert_int_equal(skex_name_parse(&name, skex_view(text, 2)), first);
		text[0] = 'a';
		text[1] = (uint8_t)c;
		assert_int_equal(skex_name_parse(&name, skex_view(text, 2)), later);
	}
}

static void a_name_may_be_parsed_onto_itself(void **state)
{
	struct skex_name name;

	(void)state;
	assert_true(skex_name_parse(&name, skex_view("abc", 3)));
	assert_true(skex_name_parse(&name, skex_view(name.text + 1, 2)));
	assert_string_equal(name.text, "bc");
}

static void names_are_equal_byte_by_byte(void **state)
{
	struct skex_name a;
	struct skex_name b;

	(void)state;
	assert_true(skex_name_parse(&a, skex_view("hub1", 4)));
	assert_true(skex_name_parse(&b, skex_view("hub1", 4)));
	assert_true(skex_name_equal(&a, &b));
	assert_true(skex_name_parse(&b, skex_view("hub", 3)));
	assert_false(skex_name_equal(&a, &b));
	assert_true(skex_name_parse(&b, skex_view("hub2", 4)));
	assert_false(skex_name_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names_are_taken_as_they_are),
		cmocka_unit_test(bad_names_leave_the_output_untouched),
		cmocka_unit_test(each_byte_is_allowed_where_it_should_be),
		cmocka_unit_test(a_name_may_be_parsed_onto_itself),
		cmocka_unit_test(names_are_equal_byte_by_byte),
	};

	return cmocka_run_group_tests_name("core/base/name", tests, NULL, NULL);
}
