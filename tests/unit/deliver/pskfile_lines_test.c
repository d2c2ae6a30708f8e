/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/pskfile/plan.h"

#define HEX1    "1111111111111111111111111111111111111111111111111111111111111111"
#define HEX2    "2222222222222222222222222222222222222222222222222222222222222222"
#define HEX3    "3333333333333333333333333333333333333333333333333333333333333333"
#define ID1     "01000000-0000-0000-0000-000000000000"
#define ID2     "02000000-0000-0000-0000-000000000000"
#define ID3     "03000000-0000-0000-0000-000000000000"
#define ID0     "00000000-0000-0000-0000-000000000000"
#define OURS(n) "lab." ID##n ":" HEX##n "\n"

static struct skex_pskfile_line key(unsigned number)
{
	struct skex_pskfile_line line = {.known = true, .size = 32};

	memset(line.bytes, (int)(number * 0x11), 32);
	line.id[0] = (uint8_t)number;
	return line;
}

static struct skex_pskfile_line lost(unsigned number)
{
	struct skex_pskfile_line line = {.optional = true};

	line.id[0] = (uint8_t)number;
	return line;
}

static char *merged(const char *file, size_t size, const struct skex_pskfile_lines *lines)
{
	/* On the heap, and no larger than it has to be: the sanitizer watches the bounds. */
	static char text[8192];
	uint8_t *in = malloc(size + 1);
	uint8_t *out = malloc(skex_pskfile_merge_room(size));
	size_t got;

	assert_non_null(in);
	assert_non_null(out);
	memcpy(in, file, size);
	in = realloc(in, size > 0 ? size : 1);
	assert_int_equal(skex_pskfile_merge(skex_view(in, size), lines, out, &got), SKEX_OK);
	assert_in_range(got, 0, skex_pskfile_merge_room(size));
	/* Once more changes nothing. */
	if (got < sizeof(text) - 1) {
		memcpy(text, out, got);
		text[got] = '\0';
	}
	free(in);
	free(out);
	return text;
}

static void assert_merged(
	const char *file, const struct skex_pskfile_lines *lines, const char *expected)
{
	char again[8192];

	(void)snprintf(again, sizeof(again), "%s", merged(file, strlen(file), lines));
	assert_string_equal(again, expected);
	assert_string_equal(merged(again, strlen(again), lines), expected);
	assert_true(skex_pskfile_has(skex_view(expected, strlen(expected)), lines, true));
}

static void placing(void **state)
{
	struct skex_pskfile_lines lines = {.name = "lab", .count = 1, .line = {key(1)}};

	(void)state;
	assert_merged("", &lines, OURS(1));
	assert_merged("their:0011\n", &lines, "their:0011\n" OURS(1));
	/* Without an end, with the ends of another system, and what is no line of keys. */
	assert_merged("their:0011", &lines, "their:0011\n" OURS(1));
	assert_merged("their:0011\r\n\r\n", &lines, "their:0011\r\n\r\n" OURS(1));
	assert_merged("# \303\251\377\n\n", &lines, "# \303\251\377\n\n" OURS(1));
	/* Where ours were. */
	assert_merged(
		"a:00\n" OURS(2) "b:00\n" OURS(3) "c:00", &lines, "a:00\n" OURS(1) "b:00\nc:00");
	assert_merged("a:00\nlab." ID2 ":" HEX2, &lines, "a:00\n" OURS(1));
	/* A client takes the first of all. */
	lines.first = true;
	assert_merged("a:00\n" OURS(2) "b:00", &lines, OURS(1) "a:00\nb:00");
	lines.count = 2;
	lines.line[1] = key(2);
	assert_merged("a:00\n", &lines, OURS(1) OURS(2) "a:00\n");
}

static void lines_of_others(void **state)
{
	struct skex_pskfile_lines lines = {.name = "lab", .count = 1, .line = {key(1)}};
	static const char theirs[] =
		/* Another binding, whose name begins with ours or ends with it. */
		"lab.b." ID2 ":" HEX2 "\n"
		"labs." ID2 ":" HEX2 "\n"
		"my.lab." ID2 ":" HEX2 "\n"
		" lab." ID2 ":" HEX2 "\n"
		/* What only looks like ours. */
		"lab." ID2 "\n"
		"lab." ID2 " :" HEX2 "\n"
		"lab.02000000-0000-0000-0000-00000000000g:" HEX2 "\n"
		"lab.0200000000000000000000000000000000000:" HEX2 "\n"
		"LAB." ID2 ":" HEX2 "\n"
		"lab.\nlab\nlab.02";
	char expected[2048];

	(void)state;
	(void)snprintf(expected, sizeof(expected), "%s\n" OURS(1), theirs);
	assert_merged(theirs, &lines, expected);
}

static void keeping(void **state)
{
	struct skex_pskfile_lines lines = {
		.name = "lab", .count = 3, .line = {lost(1), lost(2), key(3)}};
	struct skex_pskfile_line nobody = {.known = true, .keep = true, .size = 32};
	const char *file = "a:00\nlab." ID2 ":abcd";

	(void)state;
	/* What is there of keys whose bytes are not known. */
	assert_string_equal(merged(file, strlen(file), &lines), "a:00\nlab." ID2 ":abcd\n" OURS(3));
	file = merged(file, strlen(file), &lines);
	skex_pskfile_drop_absent(skex_view(file, strlen(file)), &lines);
	assert_int_equal(lines.count, 2);
	assert_int_equal(lines.line[0].id[0], 2);
	assert_int_equal(lines.line[1].id[0], 3);
	/* The key of nobody is made once. */
	lines.count = 1;
	lines.line[0] = nobody;
	memset(lines.line[0].bytes, 0x22, 32);
	assert_merged("a:00\n" OURS(1), &lines, "a:00\nlab." ID0 ":" HEX2 "\n");
	memset(lines.line[0].bytes, 0x33, 32);
	assert_merged("a:00\nlab." ID0 ":" HEX2 "\n", &lines, "a:00\nlab." ID0 ":" HEX2 "\n");
}

static bool has(const char *file, const struct skex_pskfile_lines *lines, bool exact)
{
	return skex_pskfile_has(skex_view(file, strlen(file)), lines, exact);
}

static void having(void **state)
{
	struct skex_pskfile_lines lines = {.name = "lab", .count = 1, .line = {key(1)}};

	(void)state;
	assert_true(has(OURS(1), &lines, true));
	assert_true(has("x\nlab." ID1 ":" HEX1, &lines, true));
	assert_false(has("", &lines, false));
	assert_false(has("lab." ID1 ":" HEX2 "\n", &lines, false));
	assert_false(has("lab." ID1 ":" HEX1 "1\n", &lines, false));
	assert_false(has("lab." ID1 ":11\n", &lines, false));
	/* An old key that came back, or the same one twice. */
	assert_false(has(OURS(1) OURS(2), &lines, true));
	assert_false(has(OURS(1) OURS(1), &lines, true));
	assert_true(has(OURS(1) OURS(2), &lines, false));
	lines.line[0] = lost(1);
	assert_true(has("lab." ID1 ":" HEX2 "\n", &lines, true));
}

static void large_and_odd_files(void **state)
{
	struct skex_pskfile_lines lines = {.name = "lab", .count = 1, .line = {key(1)}};
	const size_t size = 1024 * 1024;
	char *file = malloc(size);
	uint8_t *out = malloc(skex_pskfile_merge_room(size));
	size_t got;

	(void)state;
	assert_non_null(file);
	assert_non_null(out);
	memset(file, 'x', size);
	assert_int_equal(skex_pskfile_merge(skex_view(file, size), &lines, out, &got), SKEX_OK);
	assert_int_equal(got, size + 1 + strlen(OURS(1)));
	assert_memory_equal(out, file, size);
	memset(file, '\n', size);
	assert_int_equal(skex_pskfile_merge(skex_view(file, size), &lines, out, &got), SKEX_OK);
	assert_int_equal(got, size + strlen(OURS(1)));
	file[size / 2] = '\0';
	got = 7;
	assert_int_equal(
		skex_pskfile_merge(skex_view(file, size), &lines, out, &got), SKEX_E_CORRUPT);
	assert_int_equal(got, 7);
	free(file);
	free(out);
}

/* ---- plans -------------------------------------------------------------------------------------
 */

static void assert_plan(
	const struct skex_pskfile_plan *plan, bool writes, const char *ids, const char *wants)
{
	assert_int_equal(plan->writes, writes);
	assert_int_equal(plan->lines.count, strlen(ids));
	for (size_t i = 0; i < plan->lines.count; i++)
		assert_int_equal(plan->lines.line[i].id[0], ids[i] - '0');
	assert_int_equal(plan->wants_count, strlen(wants) / 2);
	for (size_t i = 0; i < plan->wants_count; i++) {
		assert_int_equal(plan->want[i].taken, wants[2 * i] == '+');
		assert_int_equal(plan->want[i].key.id[0], wants[2 * i + 1] - '0');
	}
}

static void plans(void **state)
{
	struct skex_pskfile_keys keys = {.next_there = true,
		.active_there = true,
		.next = key(2),
		.active = key(1),
		.nobody = {.known = true, .keep = true, .size = 32}};
	struct skex_pskfile_plan plan;

	(void)state;
	keys.peer_active_id[0] = 1;
	skex_pskfile_plan(&plan, SKEX_ROTATION_DO_STAGE, false, "lab", &keys);
	assert_plan(&plan, true, "12", "+2");
	skex_pskfile_plan(&plan, SKEX_ROTATION_DO_STAGE, true, "lab", &keys);
	assert_plan(&plan, false, "", "+2");
	skex_pskfile_plan(&plan, SKEX_ROTATION_DO_SWITCH, true, "lab", &keys);
	assert_plan(&plan, true, "21", "");
	assert_true(plan.lines.first);
	/* The round came to nothing, or was settled. */
	skex_pskfile_plan(&plan, SKEX_ROTATION_DO_SETTLE, false, "lab", &keys);
	assert_plan(&plan, true, "1", "+1-2");
	keys.next_there = false;
	keys.old_there = true;
	keys.old = key(3);
	skex_pskfile_plan(&plan, SKEX_ROTATION_DO_SETTLE, false, "lab", &keys);
	assert_plan(&plan, true, "1", "+1-3");
	skex_pskfile_plan(&plan, SKEX_ROTATION_DO_SETTLE, true, "lab", &keys);
	assert_plan(&plan, true, "1", "");
	/* The other end is at a key that is neither of ours. */
	keys.next_there = true;
	keys.peer_active_id[0] = 3;
	skex_pskfile_plan(&plan, SKEX_ROTATION_DO_STAGE, false, "lab", &keys);
	assert_plan(&plan, true, "132", "+2");
	assert_true(plan.lines.line[1].known);
	keys.peer_active_id[0] = 7;
	skex_pskfile_plan(&plan, SKEX_ROTATION_DO_STAGE, false, "lab", &keys);
	assert_plan(&plan, true, "172", "+2");
	assert_true(plan.lines.line[1].optional);
	/* No key. */
	keys.active_there = false;
	keys.next_there = false;
	keys.old_there = false;
	skex_pskfile_plan(&plan, SKEX_ROTATION_DO_SETTLE, false, "lab", &keys);
	assert_plan(&plan, true, "0", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(placing),
		cmocka_unit_test(lines_of_others),
		cmocka_unit_test(keeping),
		cmocka_unit_test(having),
		cmocka_unit_test(large_and_odd_files),
		cmocka_unit_test(plans),
	};

	return cmocka_run_group_tests_name("deliver pskfile lines", tests, NULL, NULL);
}
