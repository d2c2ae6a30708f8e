/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/client/base64.h"
#include "core/base/hex.h"
#include "deliver/hook/call.h"
#include "deliver/hook/format.h"

/* What is said of a program that failed, when it printed its key. */

#define KEY_BYTES 32u
#define ID        "00112233-4455-6677-8899-aabbccddeeff"

static const char *const argv[] = {"/usr/local/bin/hook", NULL};
static const struct skex_hook_program program = {.argv = argv, .timeout_ms = 1000};
static uint8_t key[KEY_BYTES];
static char hex[2 * KEY_BYTES + 1];
static char upper[2 * KEY_BYTES + 1];
static char base64[KEY_BYTES / 3 * 4 + 4 + 1];

static int set_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < KEY_BYTES; i++)
		key[i] = (uint8_t)(0x9a + 7 * i);
	skex_hex_write(key, KEY_BYTES, hex);
	for (unsigned i = 0; i < sizeof(upper); i++)
		upper[i] = (char)(hex[i] >= 'a' ? hex[i] - 'a' + 'A' : hex[i]);
	skex_base64_encode(base64, key, KEY_BYTES);
	return 0;
}

static const char *said_of(const char *line)
{
	static char text[512];
	const struct skex_hook_key keys[] = {{skex_view("another key", 11), SKEX_KEY_HEX},
		{skex_view(key, sizeof(key)), SKEX_KEY_RAW}};
	const struct skex_program_end end = {.status = 1, .line = line};

	skex_hook_problem(&program, &end, keys, 2, text, sizeof(text));
	return text;
}

static void assert_hidden(const char *line)
{
	const char *text = said_of(line);

	if (strstr(text, "it printed the key, which is not repeated here") == NULL)
		fail_msg("repeated: %s", text);
}

static void assert_repeated(const char *line)
{
	const char *text = said_of(line);

	if (strstr(text, line) == NULL)
		fail_msg("%s: not repeated: %s", line, text);
}

/* Whatever it was given, a program may print it in any of these forms. */
static void keys_are_hidden(void **state)
{
	char line[SKEX_PROGRAM_LINE_MAX];
	size_t at = 0;

	(void)state;
	(void)snprintf(line, sizeof(line), "bad key %s", hex);
	assert_hidden(line);
	(void)snprintf(line, sizeof(line), "bad key %s", upper);
	assert_hidden(line);
	(void)snprintf(line, sizeof(line), "wg: key is not the correct length: `%s'", base64);
	assert_hidden(line);
	(void)snprintf(line, sizeof(line), ID ":%s", hex);
	assert_hidden(line);
	for (unsigned i = 0; i < KEY_BYTES; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at, "%02X:", key[i]);
	assert_hidden(line);
	/* With the alphabet for URLs. */
	(void)snprintf(line, sizeof(line), "key=%s", base64);
	for (char *c = line; *c != '\0'; c++)
		*c = (char)(*c == '+' ? '-' : (*c == '/' ? '_' : *c));
	assert_hidden(line);
}

/* What is cut, and what stands in the middle of something else. */
static void parts_are_hidden(void **state)
{
	char line[SKEX_PROGRAM_LINE_MAX];
	uint8_t around[KEY_BYTES + 2] = {0};

	(void)state;
	for (unsigned i = 0; i + 6 <= KEY_BYTES; i++) {
		(void)snprintf(line, sizeof(line), "byte %u: '%.12s'", i, hex + 2 * i);
		assert_hidden(line);
	}
	/* At the two other places that a byte can have in a group of three. */
	for (unsigned before = 1; before < 3; before++) {
		memcpy(around + before, key, KEY_BYTES - 1);
		memset(line, 0, sizeof(line));
		skex_base64_encode(line, around, sizeof(around));
		assert_hidden(line);
	}
	/* Five bytes are no reason to hide what an operator has to read. */
	(void)snprintf(line, sizeof(line), "no such device: %.10s", hex);
	assert_repeated(line);
}

/* The bytes themselves: of a line what is not printable is a '?'. */
static void bytes_are_hidden(void **state)
{
	char line[SKEX_PROGRAM_LINE_MAX] = "";

	(void)state;
	for (unsigned i = 0; i < KEY_BYTES; i++)
		line[i] = (char)(key[i] >= ' ' && key[i] <= '~' ? key[i] : '?');
	assert_hidden(line);
	assert_repeated("????????????????????????????????");
}

static void words_are_repeated(void **state)
{
	(void)state;
	assert_repeated("no peer for key " ID);
	assert_repeated("dead beef: cafe 0123456789abcdef, a bad face");
	assert_repeated("cannot open /etc/some/where/key-of-the-peer: Permission denied");
	assert_non_null(strstr(said_of(""), "it printed nothing"));
}

/* A key of before our start is known as it stands in its file. */
static void formats_are_read(void **state)
{
	static const uint8_t id[SKEX_ROTATION_ID_BYTES] = {1, 2, 3};
	uint8_t text[SKEX_KEY_FORMAT_MAX];
	uint8_t bytes[SKEX_KEY_FORMAT_BYTES_MAX];

	(void)state;
	for (unsigned format = 0; format < SKEX_KEY_FORMATS; format++) {
		const size_t size = skex_key_format_write(
			(enum skex_key_format)format, id, key, KEY_BYTES, text);

		assert_int_equal(
			skex_key_format_read((enum skex_key_format)format, text, size, bytes),
			KEY_BYTES);
		assert_memory_equal(bytes, key, KEY_BYTES);
		/* In another format it is none, and as bytes it is all of it. */
		if (format != SKEX_KEY_RAW) {
			assert_int_equal(skex_key_format_read((enum skex_key_format)format,
						 (const uint8_t *)"??", 2, bytes),
				0);
			assert_int_equal(skex_key_format_read((enum skex_key_format)format,
						 (const uint8_t *)"\n", 1, bytes),
				0);
			assert_int_equal(
				skex_key_format_read((enum skex_key_format)format, text, 0, bytes),
				0);
		}
	}
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_are_hidden),
		TEST(parts_are_hidden),
		TEST(bytes_are_hidden),
		TEST(words_are_repeated),
		TEST(formats_are_read),
	};

	return cmocka_run_group_tests_name("deliver hook call", tests, NULL, NULL);
}
