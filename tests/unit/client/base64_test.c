/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/client/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* RFC 4648 section 10. */
static void test_rfc4648(void **state)
{
	static const char *const vectors[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
		{"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const char *plain = vectors[i][0];
		const char *text = vectors[i][1];
		char encoded[16] = "";
		uint8_t decoded[16];
		size_t size = 99;

		assert_int_equal(skex_base64_size(strlen(plain)), strlen(text));
		skex_base64_encode(encoded, (const uint8_t *)plain, strlen(plain));
		assert_string_equal(encoded, text);
		assert_true(
			skex_base64_decode(decoded, sizeof(decoded), &size, text, strlen(text)));
		assert_int_equal(size, strlen(plain));
		assert_memory_equal(decoded, plain, size);
	}
}

/* Every value of six bits, at each of the four places. */
static void test_alphabet(void **state)
{
	uint32_t value;
	unsigned place;

	(void)state;
	for (place = 0; place < 4; place++) {
		for (value = 0; value < 64; value++) {
			uint32_t word = value << (18 - 6 * place);
			uint8_t bytes[3] = {
				(uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word};
			uint8_t decoded[3];
			char text[4];
			size_t size;

			skex_base64_encode(text, bytes, 3);
			assert_int_equal(text[place], alphabet[value]);
			assert_true(skex_base64_decode(decoded, 3, &size, text, 4));
			assert_int_equal(size, 3);
			assert_memory_equal(decoded, bytes, 3);
		}
	}
}

/* Every byte that is no character of the alphabet is refused, at each place. */
static void test_strange_characters(void **state)
{
	unsigned place;
	unsigned c;

	(void)state;
	for (place = 0; place < 4; place++) {
		for (c = 0; c < 256; c++) {
			char text[4] = {'A', 'A', 'A', 'A'};
			bool fine = c != 0 && strchr(alphabet, (int)c) != NULL;
			uint8_t decoded[3];
			size_t size;

			text[place] = (char)c;
			if (c == '=' && place == 3)
				fine = true;
			assert_int_equal(skex_base64_decode(decoded, 3, &size, text, 4), fine);
		}
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg==Zg==", "=",
		"==", "====", "A===", "Zh==", "Zm9=", "Zm8=\n", "Zm8 =", "Z=8=", "Zg=a"};
	uint8_t decoded[16];
	uint8_t before[16];
	size_t i;

	(void)state;
	memset(decoded, 0xcc, sizeof(decoded));
	memcpy(before, decoded, sizeof(before));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t size = 77;

		assert_false(skex_base64_decode(
			decoded, sizeof(decoded), &size, bad[i], strlen(bad[i])));
		assert_int_equal(size, 77);
		assert_memory_equal(decoded, before, sizeof(before));
	}
}

static void test_room(void **state)
{
	uint8_t *data;
	uint8_t decoded[64];
	char text[96];
	size_t bytes;
	size_t size;

	(void)state;
	for (bytes = 0; bytes < 64; bytes++) {
		data = malloc(bytes + 1);
		assert_non_null(data);
		memset(data, (int)(bytes * 37), bytes);
		skex_base64_encode(text, data, bytes);
		assert_true(
			skex_base64_decode(decoded, bytes, &size, text, skex_base64_size(bytes)));
		assert_int_equal(size, bytes);
		assert_memory_equal(decoded, data, bytes);
		if (bytes > 0)
			assert_false(skex_base64_decode(
				decoded, bytes - 1, &size, text, skex_base64_size(bytes)));
		free(data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc4648),
		cmocka_unit_test(test_alphabet),
		cmocka_unit_test(test_strange_characters),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
