/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/key_id.h"
#include "crypto/openssl.h"
#include "tests/unit/core/wire/mutate.h"
#include "tests/unit/core/wire/samples.h"

struct names {
	struct skex_name alice;
	struct skex_name bob;
};

static struct names names(void)
{
	const struct names pair = {sample_name("alice"), sample_name("bob")};

	return pair;
}

static enum skex_error encode(const struct skex_key_id *id, uint8_t uuid[static 16])
{
	const struct names pair = names();

	return skex_key_id_encode(skex_crypto_openssl(), id, &pair.alice, &pair.bob, uuid);
}

static enum skex_error decode(struct skex_key_id *id, const uint8_t uuid[static 16])
{
	const struct names pair = names();

	return skex_key_id_decode(skex_crypto_openssl(), id, &pair.alice, &pair.bob, uuid);
}

static struct skex_key_id make(uint32_t instance, uint64_t counter, uint32_t offset, uint32_t size)
{
	const struct skex_key_id id = {{instance, counter}, offset, size};

	return id;
}

static void comes_back_as_it_was(void **state)
{
	static const uint32_t instances[] = {0, 1, 0x80000000, UINT32_MAX};
	static const uint64_t counters[] = {
		0, 1, 0x3fff, 0x4000, UINT64_C(1) << 41, SKEX_COUNTER_MAX - 1, SKEX_COUNTER_MAX};
	static const struct {
		uint32_t offset;
		uint32_t size;
	} ranges[] = {{0, 1}, {0, 32}, {0, 65535}, {0, 65536}, {16, 65520}, {65520, 1}, {65520, 16},
		{32768, 32768}};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t c = 0; c < 7; c++) {
			for (size_t r = 0; r < 8; r++) {
				const struct skex_key_id id = make(instances[i], counters[c],
					ranges[r].offset, ranges[r].size);
				struct skex_key_id back = make(9, 9, 9, 9);
				uint8_t uuid[16];

				assert_int_equal(encode(&id, uuid), SKEX_OK);
				assert_int_equal(uuid[6] >> 4, 8);
				assert_int_equal(uuid[8] >> 6, 2);
				assert_int_equal(decode(&back, uuid), SKEX_OK);
				assert_int_equal(back.block.instance, id.block.instance);
				assert_true(back.block.counter == id.block.counter);
				assert_int_equal(back.offset, id.offset);
				assert_int_equal(back.size, id.size);
			}
		}
	}
}

static void values_out_of_range_are_refused(void **state)
{
	static const struct skex_key_id bad[] = {
		{{0, SKEX_COUNTER_MAX + 1}, 0, 32},
		{{0, UINT64_MAX}, 0, 32},
		{{0, 0}, 8, 32},
		{{0, 0}, 1, 32},
		{{0, 0}, 0, 0},
		{{0, 0}, 0, 65537},
		{{0, 0}, 16, 65521},
		{{0, 0}, 16, 65536},
		{{0, 0}, 65520, 17},
		{{0, 0}, 65536, 1},
		{{0, 0}, 0xfffffff0, 16},
		{{0, 0}, 0, UINT32_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t uuid[16];
		uint8_t before[16];

		memset(uuid, 0xa5, sizeof(uuid));
		memcpy(before, uuid, sizeof(uuid));
		assert_int_equal(encode(&bad[i], uuid), SKEX_E_ARGUMENT);
		assert_memory_equal(uuid, before, sizeof(uuid));
	}
}

/* Offset and size as they lie in the second half, with a check that fits: ranges are looked at. */
static void ranges_out_of_a_block_are_refused_with_a_right_check(void **state)
{
	static const struct {
		uint32_t unit;
		uint32_t size;
		bool valid;
	} rows[] = {{1, 32, true}, {0, 0, true}, {4095, 16, true}, {1, 0, false}, {4095, 0, false},
		{4095, 17, false}, {1, 65521, false}, {2048, 32769, false}};
	const struct names pair = names();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t low = (uint64_t)rows[i].unit << 36 | (uint64_t)rows[i].size << 20;
		const uint64_t rest = low >> 20;
		uint8_t located[13] = {0};
		uint8_t uuid[16] = {0, 0, 0, 0, 0, 0, 0x80, 0};
		uint8_t hash[SKEX_HASH_BYTES];
		const uint8_t lengths[2] = {5, 3};
		struct skex_key_id id;
		struct skex_view parts[6];

		for (size_t b = 0; b < 5; b++)
			located[8 + b] = (uint8_t)(rest << 2 >> (32 - 8 * b));
		located[7] = (uint8_t)(rest >> 38);
		parts[0] = skex_view("skex key id/1", 13);
		parts[1] = skex_view(&lengths[0], 1);
		parts[2] = skex_name_view(&pair.alice);
		parts[3] = skex_view(&lengths[1], 1);
		parts[4] = skex_name_view(&pair.bob);
		parts[5] = skex_view(located, sizeof(located));
		assert_int_equal(skex_crypto_openssl()->sha256(NULL, parts, 6, hash), SKEX_OK);
		low |= (uint64_t)hash[0] << 12 | (uint64_t)hash[1] << 4 | hash[2] >> 4;
		low |= UINT64_C(1) << 63;
		for (size_t b = 0; b < 8; b++)
			uuid[8 + b] = (uint8_t)(low >> (56 - 8 * b));
		assert_int_equal(decode(&id, uuid), rows[i].valid ? SKEX_OK : SKEX_E_SYNTAX);
	}
}

static void version_and_variant_are_checked(void **state)
{
	const struct skex_key_id id = make(7, 8, 16, 32);
	struct skex_key_id back = make(9, 9, 9, 9);
	uint8_t uuid[16];

	(void)state;
	assert_int_equal(encode(&id, uuid), SKEX_OK);
	for (unsigned version = 0; version < 16; version++) {
		uint8_t changed[16];

		memcpy(changed, uuid, 16);
		changed[6] = (uint8_t)(version << 4 | (uuid[6] & 0xf));
		assert_int_equal(decode(&back, changed) == SKEX_OK, version == 8);
	}
	back = make(9, 9, 9, 9);
	for (unsigned variant = 0; variant < 4; variant++) {
		uint8_t changed[16];

		if (variant == 2)
			continue;
		memcpy(changed, uuid, 16);
		changed[8] = (uint8_t)(variant << 6 | (uuid[8] & 0x3f));
		assert_int_equal(decode(&back, changed), SKEX_E_SYNTAX);
		assert_true(back.block.counter == 9);
	}
}

/* A wrong digit slips through with 2^-20, and never when it lies in the check. */
static void mistyped_digits_are_found(void **state)
{
	unsigned long tried = 0;
	unsigned long missed = 0;
	uint64_t random = 1;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		const struct skex_key_id id = make((uint32_t)draw(&random),
			draw(&random) & SKEX_COUNTER_MAX, 16 * (uint32_t)(draw(&random) % 2048),
			1 + (uint32_t)(draw(&random) % 32768));
		uint8_t uuid[16];

		assert_int_equal(encode(&id, uuid), SKEX_OK);
		for (unsigned digit = 0; digit < 32; digit++) {
			for (unsigned other = 1; other < 16; other++) {
				struct skex_key_id back;
				uint8_t typed[16];

				memcpy(typed, uuid, 16);
				typed[digit / 2] ^= (uint8_t)(digit % 2 == 0 ? other << 4 : other);
				tried++;
				if (decode(&back, typed) != SKEX_OK)
					continue;
				missed++;
				assert_true(digit < 27);
			}
		}
	}
	assert_int_equal(tried, 288000);
	/* Expected 0.27; more than 5 has a chance below 10^-6. */
	assert_true(missed <= 5);
}

static void swapped_digits_are_found(void **state)
{
	unsigned long missed = 0;
	uint64_t random = 2;

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		const struct skex_key_id id =
			make((uint32_t)draw(&random), draw(&random) & SKEX_COUNTER_MAX, 0, 32);
		char text[SKEX_KEY_ID_TEXT_BYTES];
		uint8_t uuid[16];
		uint8_t typed[16];

		assert_int_equal(encode(&id, uuid), SKEX_OK);
		for (size_t at = 0; at + 1 < 36; at++) {
			struct skex_key_id back;
			char c;

			skex_uuid_print(uuid, text);
			c = text[at];
			if (c == text[at + 1] || c == '-' || text[at + 1] == '-')
				continue;
			text[at] = text[at + 1];
			text[at + 1] = c;
			assert_int_equal(skex_uuid_parse(typed, skex_view(text, 36)), SKEX_OK);
			missed += decode(&back, typed) == SKEX_OK;
		}
	}
	assert_true(missed <= 4);
}

static void ids_of_another_pair_are_refused(void **state)
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	const struct names pair = names();
	const struct skex_name carol = sample_name("carol");
	/* The same letters, cut elsewhere. */
	const struct skex_name alic = sample_name("alic");
	const struct skex_name ebob = sample_name("ebob");
	const struct skex_key_id id = make(7, 8, 16, 32);
	struct skex_key_id back;
	uint8_t uuid[16];

	(void)state;
	assert_int_equal(encode(&id, uuid), SKEX_OK);
	assert_int_equal(
		skex_key_id_decode(crypto, &back, &pair.bob, &pair.alice, uuid), SKEX_E_SYNTAX);
	assert_int_equal(
		skex_key_id_decode(crypto, &back, &pair.alice, &carol, uuid), SKEX_E_SYNTAX);
	assert_int_equal(skex_key_id_decode(crypto, &back, &carol, &pair.bob, uuid), SKEX_E_SYNTAX);
	assert_int_equal(skex_key_id_decode(crypto, &back, &alic, &ebob, uuid), SKEX_E_SYNTAX);
}

static void text_there_and_back(void **state)
{
	const uint8_t uuid[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x8d, 0xef, 0x80, 0x12, 0x34,
		0x56, 0x78, 0x9a, 0xbc, 0xde};
	static const char lower[] = "01234567-89ab-8def-8012-3456789abcde";
	static const char upper[] = "01234567-89AB-8DEF-8012-3456789ABCDE";
	char text[SKEX_KEY_ID_TEXT_BYTES];
	uint8_t back[16];

	(void)state;
	skex_uuid_print(uuid, text);
	assert_string_equal(text, lower);
	assert_int_equal(skex_uuid_parse(back, skex_view(upper, 36)), SKEX_OK);
	assert_memory_equal(back, uuid, 16);
}

static void text_is_strict(void **state)
{
	static const char good[] = "01234567-89ab-8def-8012-3456789abcde";
	char text[SKEX_KEY_ID_TEXT_BYTES + 1];
	uint8_t uuid[16];
	uint8_t before[16];

	(void)state;
	memset(uuid, 0xa5, sizeof(uuid));
	memcpy(before, uuid, sizeof(uuid));
	for (size_t size = 0; size < 36; size++)
		assert_int_equal(skex_uuid_parse(uuid, skex_view(good, size)), SKEX_E_SYNTAX);
	memcpy(text, good, sizeof(good));
	text[36] = '0';
	assert_int_equal(skex_uuid_parse(uuid, skex_view(text, 37)), SKEX_E_SYNTAX);
	for (size_t at = 0; at < 36; at++) {
		for (unsigned c = 0; c < 256; c++) {
			const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
				(c >= 'A' && c <= 'F');
			const bool hyphen = good[at] == '-';

			memcpy(text, good, sizeof(good));
			text[at] = (char)c;
			if (hyphen ? c == '-' : digit)
				continue;
			assert_int_equal(skex_uuid_parse(uuid, skex_view(text, 36)), SKEX_E_SYNTAX);
		}
	}
	assert_memory_equal(uuid, before, sizeof(uuid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was),
		cmocka_unit_test(values_out_of_range_are_refused),
		cmocka_unit_test(ranges_out_of_a_block_are_refused_with_a_right_check),
		cmocka_unit_test(version_and_variant_are_checked),
		cmocka_unit_test(mistyped_digits_are_found),
		cmocka_unit_test(swapped_digits_are_found),
		cmocka_unit_test(ids_of_another_pair_are_refused),
		cmocka_unit_test(text_there_and_back),
		cmocka_unit_test(text_is_strict),
	};

	return cmocka_run_group_tests_name("wire_key_id", tests, NULL, NULL);
}
