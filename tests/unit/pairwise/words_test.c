/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pairwise/words.h"

#define GROUP_TEXT (SKEX_WORDS_PER_GROUP * 6u)

/* Made by another implementation; "lusab babad" is 127.0.0.1 in the paper that has proquints. */
static const struct {
	uint8_t psk[SKEX_HASH_BYTES];
	const char *text;
} vectors[] = {
	{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
		 25, 26, 27, 28, 29, 30, 31},
		"babad bamag bibaj bimal nurif\nboban bomar bubat bumaz vafar\n"
		"dabid damig dibij dimil pavok\ndobin domir dubit dumiz dubun\n"},
	{{0x7f, 0, 0, 1},
		"lusab babad babab babab lozuv\nbabab babab babab babab kagog\n"
		"babab babab babab babab tofaf\nbabab babab babab babab salak\n"},
};

static enum skex_error decode(const char *text, struct skex_words_wrong *wrong)
{
	uint8_t psk[SKEX_HASH_BYTES];
	uint8_t before[SKEX_HASH_BYTES];
	enum skex_error error;

	memset(psk, 0x5a, sizeof(psk));
	memset(before, 0x5a, sizeof(before));
	memset(wrong, 0xee, sizeof(*wrong));
	error = skex_words_decode(skex_view(text, strlen(text)), psk, wrong);
	if (error != SKEX_OK)
		assert_memory_equal(psk, before, sizeof(psk));
	return error;
}

static void append(char *text, size_t room, const char *more)
{
	const size_t size = strlen(text);

	snprintf(text + size, room - size, "%s", more);
}

static void test_vectors(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char text[SKEX_WORDS_TEXT];
		uint8_t psk[SKEX_HASH_BYTES] = {0};
		struct skex_words_wrong wrong;

		skex_words_encode(text, vectors[i].psk);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(
			skex_words_decode(skex_view(text, strlen(text)), psk, &wrong), SKEX_OK);
		assert_memory_equal(psk, vectors[i].psk, sizeof(psk));
	}
}

/* Each value of 16 bits, at some place. */
static void test_every_word(void **state)
{
	uint8_t psk[SKEX_HASH_BYTES];
	uint32_t value;
	size_t i;

	(void)state;
	for (value = 0; value < 65536;) {
		char text[SKEX_WORDS_TEXT];
		uint8_t found[SKEX_HASH_BYTES] = {0};

		for (i = 0; i < sizeof(psk); i += 2, value++) {
			psk[i] = (uint8_t)(value >> 8);
			psk[i + 1] = (uint8_t)value;
		}
		skex_words_encode(text, psk);
		assert_int_equal(
			skex_words_decode(skex_view(text, strlen(text)), found, NULL), SKEX_OK);
		assert_memory_equal(found, psk, sizeof(psk));
	}
}

static void test_as_people_type(void **state)
{
	char text[2 * SKEX_WORDS_TEXT] = "  ";
	struct skex_words_wrong wrong;
	size_t i;

	(void)state;
	append(text, sizeof(text), vectors[0].text);
	for (i = 0; text[i] != '\0'; i++)
		text[i] = text[i] == ' ' ? '-' : (char)toupper(text[i]);
	assert_int_equal(decode(text, &wrong), SKEX_OK);
	append(text, sizeof(text), "\r\n\t");
	assert_int_equal(decode(text, &wrong), SKEX_OK);
}

/* Whatever one character becomes, it is found, and the right group is named. */
static void test_each_character(void **state)
{
	const char *right = vectors[0].text;
	struct skex_words_wrong wrong;
	char text[SKEX_WORDS_TEXT];
	size_t at;
	unsigned c;

	(void)state;
	for (at = 0; right[at] != '\0'; at++) {
		const bool letter = isalpha(right[at]) != 0;

		memcpy(text, right, sizeof(text));
		for (c = 1; c < 256; c++) {
			if (letter ? tolower((int)c) == right[at]
				   : strchr(" \t\r\n-", (int)c) != NULL)
				continue;
			text[at] = (char)c;
			assert_int_not_equal(decode(text, &wrong), SKEX_OK);
			assert_int_equal(wrong.group, at / GROUP_TEXT + 1);
			assert_true(wrong.word == 0 || wrong.word == at % GROUP_TEXT / 6 + 1);
		}
		memcpy(text, right, sizeof(text));
		memmove(text + at, right + at + 1, strlen(right) - at);
		if (text[at] != '\0') {
			assert_int_equal(decode(text, &wrong), SKEX_E_SYNTAX);
			assert_int_equal(wrong.group, at / GROUP_TEXT + 1);
		}
		memcpy(text, right, sizeof(text));
		text[at] = '\0';
		if (right[at + 1] != '\0') {
			assert_int_equal(decode(text, &wrong), SKEX_E_SYNTAX);
			assert_int_equal(
				wrong.group, at / GROUP_TEXT + (at % GROUP_TEXT == 29) + 1);
		}
	}
}

/* Two words of a group, and two groups, that changed places; words too many. */
static void test_order_and_number(void **state)
{
	const char *right = vectors[0].text;
	struct skex_words_wrong wrong;
	char text[2 * SKEX_WORDS_TEXT];
	unsigned a, b;

	(void)state;
	for (a = 0; a < SKEX_WORDS_GROUPS * SKEX_WORDS_PER_GROUP; a++) {
		for (b = a + 1; b < SKEX_WORDS_GROUPS * SKEX_WORDS_PER_GROUP; b++) {
			snprintf(text, sizeof(text), "%s", right);
			memcpy(text + (size_t)a * 6, right + (size_t)b * 6, 5);
			memcpy(text + (size_t)b * 6, right + (size_t)a * 6, 5);
			assert_int_equal(decode(text, &wrong), SKEX_E_CORRUPT);
			assert_int_equal(wrong.group, a / SKEX_WORDS_PER_GROUP + 1);
			assert_int_equal(wrong.word, 0);
		}
	}
	for (a = 0; a < SKEX_WORDS_GROUPS; a++) {
		for (b = a + 1; b < SKEX_WORDS_GROUPS; b++) {
			snprintf(text, sizeof(text), "%s", vectors[1].text);
			memcpy(text + a * GROUP_TEXT, vectors[1].text + b * GROUP_TEXT, GROUP_TEXT);
			memcpy(text + b * GROUP_TEXT, vectors[1].text + a * GROUP_TEXT, GROUP_TEXT);
			assert_int_equal(decode(text, &wrong), SKEX_E_CORRUPT);
			assert_int_equal(wrong.group, a + 1);
		}
	}
	snprintf(text, sizeof(text), "%s", right);
	append(text, sizeof(text), "babab");
	assert_int_equal(decode(text, &wrong), SKEX_E_SYNTAX);
	assert_int_equal(wrong.group, 0);
	assert_int_equal(decode("", &wrong), SKEX_E_SYNTAX);
	assert_int_equal(wrong.group, 1);
	assert_int_equal(wrong.word, 1);
}

static void test_one_group(void **state)
{
	struct skex_words_wrong wrong = {0, 0};
	uint8_t bytes[8] = {0};
	char group[GROUP_TEXT + 8];

	(void)state;
	snprintf(group, sizeof(group), "%.*s", (int)GROUP_TEXT, vectors[0].text + GROUP_TEXT);
	assert_int_equal(skex_words_decode_group(skex_view(group, strlen(group)), 2, bytes, &wrong),
		SKEX_OK);
	assert_memory_equal(bytes, vectors[0].psk + 8, sizeof(bytes));
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(skex_words_decode_group(skex_view(group, strlen(group)), 3, bytes, &wrong),
		SKEX_E_CORRUPT);
	assert_int_equal(wrong.group, 3);
	append(group, sizeof(group), "babab");
	assert_int_equal(skex_words_decode_group(skex_view(group, strlen(group)), 2, bytes, &wrong),
		SKEX_E_SYNTAX);
	assert_int_equal(wrong.group, 0);
	assert_int_equal(bytes[7], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_word),
		cmocka_unit_test(test_as_people_type),
		cmocka_unit_test(test_each_character),
		cmocka_unit_test(test_order_and_number),
		cmocka_unit_test(test_one_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
