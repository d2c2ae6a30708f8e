/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/base/text.h"

static void by_table(void **state)
{
	static const struct {
		const char *text;
		const char *mended;
	} cases[] = {
		{"", ""},
		{"a b~\x01\x7f", "a b~\x01\x7f"},
		{"Schl\xc3\xbcssel \xe2\x82\xac \xf0\x9f\x94\x91",
			"Schl\xc3\xbcssel \xe2\x82\xac "
			"\xf0\x9f\x94\x91"},
		/* Cut in the middle of a character. */
		{"Schl\xc3", "Schl?"},
		{"\xe2\x82", "??"},
		{"\xf0\x9f\x94", "???"},
		{"\xc3(", "?("},
		{"\xe2\x82x", "??x"},
		/* The second half alone, and Latin-1. */
		{"\xbcssel", "?ssel"},
		{"Schl\xfcssel", "Schl?ssel"},
		/* Longer than they have to be, surrogates, and beyond the last. */
		{"\xc0\x80", "??"},
		{"\xc1\xbf", "??"},
		{"\xe0\x9f\xbf", "???"},
		{"\xed\xa0\x80", "???"},
		{"\xf0\x8f\xbf\xbf", "????"},
		{"\xf4\x90\x80\x80", "????"},
		{"\xf8\x88\x80\x80\x80", "?????"},
		{"\xff\xfe", "??"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(text, cases[i].text, strlen(cases[i].text) + 1);
		skex_text_mend(text);
		assert_string_equal(text, cases[i].mended);
	}
}

/* What is UTF-8 stays as it is, and the JSON library takes all that is mended. */
static void as_json_has_it(void **state)
{
	(void)state;
	/* Two bytes, and the upper half of a third. */
	for (uint32_t i = 0; i < UINT32_C(1) << 20; i++) {
		const char text[4] = {(char)(i >> 12), (char)(i >> 4), (char)(i << 4)};
		char mended[4];
		json_t *before;
		json_t *after;

		memcpy(mended, text, sizeof(mended));
		skex_text_mend(mended);
		assert_int_equal(strlen(mended), strlen(text));
		before = json_string(text);
		after = json_string(mended);
		assert_non_null(after);
		assert_int_equal(before != NULL, strcmp(mended, text) == 0);
		json_decref(before);
		json_decref(after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_table),
		cmocka_unit_test(as_json_has_it),
	};

	return cmocka_run_group_tests_name("base text", tests, NULL, NULL);
}
