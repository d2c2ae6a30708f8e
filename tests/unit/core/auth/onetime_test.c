/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/auth/onetime.h"
#include "tests/unit/core/slow.h"

#define ASSOCIATED 37u
#define TEXT       50u

static uint8_t key[SKEX_ONETIME_KEY_BYTES];
static uint8_t associated[ASSOCIATED + 16];
static uint8_t text[TEXT + 16];

static int fill(void **state)
{
	uint64_t seed = 1981;

	(void)state;
	slow_fill(&seed, key, sizeof(key));
	slow_fill(&seed, associated, sizeof(associated));
	slow_fill(&seed, text, sizeof(text));
	return 0;
}

static size_t padded(uint8_t *out, const uint8_t *data, size_t size)
{
	memset(out, 0, size + 16);
	memcpy(out, data, size);
	return (size + 15) / 16 * 16;
}

/* The definition, in one piece. */
static void reference(size_t associated_size, size_t text_size, uint8_t tag[16])
{
	uint8_t message[256], acc[16] = {0};
	uint8_t lengths[16] = {0};
	size_t size = padded(message, associated, associated_size);

	size += padded(message + size, text, text_size);
	lengths[0] = (uint8_t)(8 * associated_size);
	lengths[1] = (uint8_t)(8 * associated_size >> 8);
	lengths[8] = (uint8_t)(8 * text_size);
	lengths[9] = (uint8_t)(8 * text_size >> 8);
	memcpy(message + size, lengths, 16);
	slow_polyval(acc, key, message, size / 16 + 1);
	for (size_t i = 0; i < 16; i++)
		tag[i] = acc[i] ^ key[16 + i];
}

static void begin(struct skex_onetime *state)
{
	skex_onetime_init(state, &skex_math_portable, key);
}

static void tags_of_all_small_sizes(void **state)
{
	(void)state;
	for (size_t a = 0; a <= 33; a++) {
		for (size_t t = 0; t <= 33; t++) {
			struct skex_onetime onetime;
			uint8_t tag[16], expected[16];

			reference(a, t, expected);
			begin(&onetime);
			skex_onetime_associated(&onetime, skex_view(associated, a));
			skex_onetime_text(&onetime, skex_view(text, t));
			skex_onetime_final(&onetime, tag);
			assert_memory_equal(tag, expected, 16);
		}
	}
}

/* Both parts cut in three at every pair of points, the pieces possibly empty. */
static void pieces_give_the_same_tag_at_every_split(void **state)
{
	uint8_t tag[16], expected[16];
	struct skex_onetime onetime;

	(void)state;
	reference(ASSOCIATED, TEXT, expected);
	for (size_t i = 0; i <= TEXT; i++) {
		for (size_t j = i; j <= TEXT; j++) {
			begin(&onetime);
			skex_onetime_associated(&onetime, skex_view(associated, ASSOCIATED));
			skex_onetime_text(&onetime, skex_view(text, i));
			skex_onetime_text(&onetime, skex_view(text + i, j - i));
			skex_onetime_text(&onetime, skex_view(text + j, TEXT - j));
			skex_onetime_final(&onetime, tag);
			assert_memory_equal(tag, expected, 16);
		}
	}
	for (size_t i = 0; i <= ASSOCIATED; i++) {
		for (size_t j = i; j <= ASSOCIATED; j++) {
			begin(&onetime);
			skex_onetime_associated(&onetime, skex_view(associated, i));
			skex_onetime_associated(&onetime, skex_view(associated + i, j - i));
			skex_onetime_associated(
				&onetime, skex_view(associated + j, ASSOCIATED - j));
			skex_onetime_text(&onetime, skex_view(text, TEXT));
			skex_onetime_final(&onetime, tag);
			assert_memory_equal(tag, expected, 16);
		}
	}
}

static void bytes_one_by_one_and_a_clone_in_mid_stream(void **state)
{
	struct skex_onetime onetime, clone;
	uint8_t tag[16], expected[16];

	(void)state;
	reference(ASSOCIATED, TEXT, expected);
	begin(&onetime);
	for (size_t i = 0; i < ASSOCIATED; i++)
		skex_onetime_associated(&onetime, skex_view(associated + i, 1));
	for (size_t i = 0; i < TEXT; i++) {
		clone = onetime;
		skex_onetime_text(&clone, skex_view(text + i, TEXT - i));
		skex_onetime_final(&clone, tag);
		assert_memory_equal(tag, expected, 16);
		skex_onetime_text(&onetime, skex_view(text + i, 1));
	}
	skex_onetime_final(&onetime, tag);
	assert_memory_equal(tag, expected, 16);
}

/* Moving a byte from one part to the other, or adding a zero, is another message. */
static void the_border_and_the_length_are_under_the_tag(void **state)
{
	uint8_t a[32], b[32];
	struct skex_onetime onetime;

	(void)state;
	memset(associated, 0, sizeof(associated));
	memset(text, 0, sizeof(text));
	for (size_t size = 0; size < 40; size++) {
		begin(&onetime);
		skex_onetime_associated(&onetime, skex_view(associated, size));
		skex_onetime_final(&onetime, a);
		begin(&onetime);
		skex_onetime_text(&onetime, skex_view(text, size));
		skex_onetime_final(&onetime, b);
		assert_int_equal(memcmp(a, b, 16) == 0, size == 0);
		begin(&onetime);
		skex_onetime_text(&onetime, skex_view(text, size + 1));
		skex_onetime_final(&onetime, a);
		assert_int_not_equal(memcmp(a, b, 16), 0);
	}
	fill(state);
}

static bool all_zero(const void *data, size_t size)
{
	const uint8_t *bytes = data;

	while (size > 0 && bytes[size - 1] == 0)
		size--;
	return size == 0;
}

static void verify_takes_the_right_tag_only_and_wipes(void **state)
{
	uint8_t tag[16];
	struct skex_onetime onetime;

	(void)state;
	reference(ASSOCIATED, TEXT, tag);
	for (unsigned bit = 0; bit <= 128; bit++) {
		uint8_t given[16];

		memcpy(given, tag, 16);
		if (bit < 128)
			given[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		begin(&onetime);
		skex_onetime_associated(&onetime, skex_view(associated, ASSOCIATED));
		skex_onetime_text(&onetime, skex_view(text, TEXT));
		assert_int_equal(skex_onetime_verify(&onetime, given), bit == 128);
		assert_true(all_zero(&onetime, sizeof(onetime)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_of_all_small_sizes),
		cmocka_unit_test(pieces_give_the_same_tag_at_every_split),
		cmocka_unit_test(bytes_one_by_one_and_a_clone_in_mid_stream),
		cmocka_unit_test(the_border_and_the_length_are_under_the_tag),
		cmocka_unit_test(verify_takes_the_right_tag_only_and_wipes),
	};

	return cmocka_run_group_tests_name("core/auth/onetime", tests, fill, NULL);
}
