/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "platform/posix.h"

struct heard {
	int lines;
	enum skex_level level;
	char line[2048];
};

static void hear(void *context, enum skex_level level, const char *line)
{
	struct heard *heard = context;

	heard->lines++;
	heard->level = level;
	snprintf(heard->line, sizeof(heard->line), "%s", line);
}

static void one_call_is_one_line(void **state)
{
	struct heard heard = {0};
	const struct skex_platform platform = {.context = &heard, .log = hear};
	char text[2000];

	(void)state;
	skex_log(&platform, SKEX_LEVEL_NOTICE, "leg %d of %s", 7, "hub1");
	assert_int_equal(heard.lines, 1);
	assert_int_equal(heard.level, SKEX_LEVEL_NOTICE);
	assert_string_equal(heard.line, "leg 7 of hub1");

	skex_log(&platform, SKEX_LEVEL_INFO, "%s", "two\nlines\x1b[1m\x7f");
	assert_string_equal(heard.line, "two?lines?[1m?");

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	skex_log(&platform, SKEX_LEVEL_DEBUG, "%s", text);
	assert_int_equal(strlen(heard.line), 1023);
}

static void random_fills_every_byte(void **state)
{
	uint8_t bytes[1000];
	uint8_t seen[1000] = {0};

	(void)state;
	for (int i = 0; i < 20; i++) {
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(skex_posix_random(NULL, bytes, sizeof(bytes)), SKEX_OK);
		for (size_t k = 0; k < sizeof(bytes); k++)
			seen[k] |= bytes[k];
	}
	for (size_t k = 0; k < sizeof(seen); k++)
		assert_int_not_equal(seen[k], 0);
}

static void clocks_run(void **state)
{
	(void)state;
	uint64_t before = skex_posix_now_ms(NULL);
	assert_true(skex_posix_now_ms(NULL) >= before);
	assert_true(skex_posix_wall_ms(NULL) > UINT64_C(1600000000000));
	skex_posix_cpu_features();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_call_is_one_line),
		cmocka_unit_test(random_fills_every_byte),
		cmocka_unit_test(clocks_run),
	};

	return cmocka_run_group_tests_name("platform log", tests, NULL, NULL);
}
