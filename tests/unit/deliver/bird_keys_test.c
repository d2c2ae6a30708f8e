/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/bird/keys.h"

#define A64   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64   "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define A20   "qqqqqqqqqqqqqqqqqqqq" /* base64 of 15 bytes 0xaa */
#define B20   "u7u7u7u7u7u7u7u7u7u7"
#define A_ID  "01010101-0101-0101-0101-010101010101"
#define B_ID  "02020202-0202-0202-0202-020202020202"
#define NO_ID "00000000-0000-0000-0000-000000000000"
#define HEAD  "# Written by skexd for the binding site-b, anew with every key.\n"

static uint8_t bytes_a[32];
static uint8_t bytes_b[32];
static uint8_t bytes_c[32];
static uint8_t nobody[32];
static const struct skex_bird_keys empty;

static int set_up(void **state)
{
	(void)state;
	memset(bytes_a, 0xaa, sizeof(bytes_a));
	memset(bytes_b, 0xbb, sizeof(bytes_b));
	memset(bytes_c, 0xcc, sizeof(bytes_c));
	memset(nobody, 0xee, sizeof(nobody));
	return 0;
}

static struct skex_rotation_secret secret(uint8_t id, const uint8_t *bytes)
{
	struct skex_rotation_secret key = {.there = true, .bytes = bytes, .size = 32};

	memset(key.id, id, sizeof(key.id));
	return key;
}

static void expect(
	enum skex_bird_method method, const struct skex_bird_keys *keys, const char *text)
{
	char out[SKEX_BIRD_TEXT_MAX + 1] = {0};
	struct skex_bird_keys back;
	size_t size = skex_bird_text(method, "site-b", keys, out);

	assert_int_equal(size, strlen(text));
	assert_string_equal(out, text);
	skex_bird_text_read(skex_view((const uint8_t *)out, size), &back);
	assert_int_equal(back.count, keys->count);
	for (size_t i = 0; i < back.count; i++) {
		assert_memory_equal(back.key[i].id, keys->key[i].id, 16);
		assert_string_equal(back.key[i].secret, keys->key[i].secret);
		if (method != SKEX_BIRD_TCP_MD5)
			assert_int_equal(back.key[i].number, keys->key[i].number);
	}
}

/* Numbers of these ids: the sum of id * 31^i, modulo 255, plus one. */
static void texts(void **state)
{
	const struct skex_rotation_keys keys = {
		.active = secret(1, bytes_a), .next = secret(2, bytes_b)};
	struct skex_bird_keys out;

	(void)state;
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_STAGE, &keys, &empty, nobody, &out));
	out.key[0].number = 17;
	out.key[1].number = 255;
	expect(SKEX_BIRD_OSPF, &out,
		HEAD "authentication cryptographic;\n"
		     "password \"" A64 "\" { id 17; algorithm hmac sha256; };  # " A_ID "\n"
		     "password \"" B64 "\" { id 255; algorithm hmac sha256; "
		     "generate to \"2000-01-01\"; };  # " B_ID "\n");
	expect(SKEX_BIRD_TCP_AO, &out,
		HEAD "authentication ao;\nkeys {\n"
		     "key { id 17; secret \"" A64
		     "\"; algorithm hmac sha256; preferred; };  # " A_ID "\n"
		     "key { id 255; secret \"" B64
		     "\"; algorithm hmac sha256; deprecated; };  # " B_ID "\n};\n");
	assert_true(skex_bird_plan(
		SKEX_BIRD_BFD, SKEX_ROTATION_DO_SWITCH, &keys, &empty, nobody, &out));
	out.key[0].number = 9;
	out.key[1].number = 8;
	expect(SKEX_BIRD_BFD, &out,
		HEAD "authentication meticulous keyed sha1;\n"
		     "password \"" B20 "\" { id 9; };  # " B_ID "\n"
		     "password \"" A20 "\" { id 8; generate to \"2000-01-01\"; };  # " A_ID "\n");
	assert_true(skex_bird_plan(
		SKEX_BIRD_TCP_MD5, SKEX_ROTATION_DO_STAGE, &keys, &empty, nobody, &out));
	expect(SKEX_BIRD_TCP_MD5, &out, HEAD "password \"" B64 "\";  # " B_ID "\n");
}

static void nothing_is_read_of_others(void **state)
{
	static const char *const texts[] = {"", "\n", "password \"x\";\n", "# " A_ID "\n",
		"password \"" A64 "a\" { id 1; };  # " A_ID "\n",  /* too long */
		"password \"" A64 "\" { id 256; };  # " A_ID "\n", /* no number of a key */
		"password \"" A64 "\" { id 99999999999; };  # " A_ID "\n",
		"password \"" A64 " { id 1; };  # " A_ID "\n",    /* no end */
		"password \"" A64 "\" { id 1; };  # " A_ID " \n", /* not at the end */
		"password \"" A64 "\" { id 1; };  # 0" A_ID "x\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct skex_bird_keys keys = {.count = 3};

		skex_bird_text_read(skex_view((const uint8_t *)texts[i], strlen(texts[i])), &keys);
		assert_int_equal(keys.count, 0);
	}
}

/* Every beginning of a file is read within its bounds, and whole lines of it are found. */
static void cut_off(void **state)
{
	static const char line[] = "password \"" A64 "\" { id 17; };  # " A_ID;
	struct skex_bird_keys keys;

	(void)state;
	for (size_t size = 0; size < sizeof(line); size++) {
		uint8_t exact[sizeof(line)];

		memset(exact, '"', sizeof(exact));
		memcpy(exact, line, size);
		skex_bird_text_read(skex_view(exact, size), &keys);
		assert_int_equal(keys.count, size == sizeof(line) - 1);
	}
	assert_int_equal(keys.key[0].number, 17);
}

static void numbers(void **state)
{
	uint8_t id[16] = {0};
	unsigned seen[256] = {0};

	(void)state;
	assert_int_equal(skex_bird_number(id, 0), 1);
	assert_int_equal(skex_bird_number(id, 1), 2);
	assert_int_equal(skex_bird_number(id, 2), 1);
	for (unsigned i = 0; i < 65536; i++) {
		uint8_t number;

		id[3] = (uint8_t)(i >> 8);
		id[15] = (uint8_t)i;
		number = skex_bird_number(id, 0);
		assert_int_not_equal(number, 0);
		seen[number]++;
		/* Another one than the one in use, and 255 has a next one too. */
		assert_int_not_equal(skex_bird_number(id, number), number);
		assert_int_not_equal(skex_bird_number(id, number), 0);
		assert_int_equal(skex_bird_number(id, (uint8_t)(number ^ 1)), number);
	}
	for (unsigned i = 1; i < 256; i++)
		assert_in_range(seen[i], 200, 320);
}

/* Of plans: which keys, and whose numbers. */
static void plans(void **state)
{
	struct skex_rotation_keys keys = {.active = secret(1, bytes_a),
		.next = secret(2, bytes_b),
		.old = secret(3, bytes_c)};
	struct skex_bird_keys given = {0};
	struct skex_bird_keys out;

	(void)state;
	/* The active key has the number that the next one would have. */
	given.count = 1;
	memset(given.key[0].id, 1, 16);
	given.key[0].number = skex_bird_number(keys.next.id, 0);
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_STAGE, &keys, &given, nobody, &out));
	assert_int_equal(out.count, 2);
	assert_int_equal(out.key[0].id[0], 1);
	assert_string_equal(out.key[0].secret, A64);
	assert_int_equal(out.key[0].number, given.key[0].number);
	assert_int_equal(out.key[1].id[0], 2);
	assert_int_not_equal(out.key[1].number, given.key[0].number);
	/* It keeps it when it comes first, and when it is the only one. */
	given = out;
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_SWITCH, &keys, &given, nobody, &out));
	assert_int_equal(out.count, 2);
	assert_int_equal(out.key[0].id[0], 2);
	assert_int_equal(out.key[0].number, given.key[1].number);
	assert_int_equal(out.key[1].number, given.key[0].number);
	given = out;
	keys.active = keys.next;
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_SETTLE, &keys, &given, nobody, &out));
	assert_int_equal(out.count, 1);
	assert_int_equal(out.key[0].number, given.key[0].number);
	/* Without its bytes it is taken from the file, or cannot be had. */
	keys.active.bytes = NULL;
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_SETTLE, &keys, &given, nobody, &out));
	assert_string_equal(out.key[0].secret, B64);
	assert_false(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_SETTLE, &keys, &empty, nobody, &out));
	/* No key. */
	keys.active.there = false;
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_SETTLE, &keys, &given, nobody, &out));
	assert_int_equal(out.count, 1);
	assert_memory_equal(out.key[0].id, (uint8_t[16]){0}, 16);
	assert_memory_equal(out.key[0].secret, "eeee", 4);
	/* The first of all: it is the only one, and sent with. */
	keys.next = secret(2, bytes_b);
	assert_true(
		skex_bird_plan(SKEX_BIRD_BFD, SKEX_ROTATION_DO_STAGE, &keys, &empty, nobody, &out));
	assert_int_equal(out.count, 1);
	assert_string_equal(out.key[0].secret, B20);
	/* A key of another size is none. */
	keys.next.size = 31;
	assert_false(
		skex_bird_plan(SKEX_BIRD_BFD, SKEX_ROTATION_DO_STAGE, &keys, &empty, nobody, &out));
}

/* A key that somebody took out of the file keeps the number that it had beside another one. */
static void numbers_of_a_lost_file(void **state)
{
	const struct skex_rotation_keys keys = {.active = secret(2, bytes_b)};
	const uint8_t number = skex_bird_number(keys.active.id, 0);
	struct skex_bird_keys before = {.count = 1};
	struct skex_bird_keys found = {0};
	struct skex_bird_keys out;

	(void)state;
	memcpy(before.key[0].id, keys.active.id, 16);
	before.key[0].number = skex_bird_number(keys.active.id, number);
	assert_int_not_equal(before.key[0].number, number);
	skex_bird_add_missing(&found, &before);
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_SETTLE, &keys, &found, nobody, &out));
	assert_int_equal(out.key[0].number, before.key[0].number);
	/* What the file says is right. */
	found.key[0].number = number;
	skex_bird_add_missing(&found, &before);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.key[0].number, number);
	/* There is no room for more than it may hold. */
	found.count = SKEX_BIRD_KEYS_MAX - 1;
	memset(found.key, 0, sizeof(found.key));
	before.count = 2;
	memset(before.key[1].id, 9, 16);
	skex_bird_add_missing(&found, &before);
	assert_int_equal(found.count, SKEX_BIRD_KEYS_MAX);
	assert_memory_equal(found.key[SKEX_BIRD_KEYS_MAX - 1].id, keys.active.id, 16);
}

static void plans_of_the_peers_key(void **state)
{
	struct skex_rotation_keys keys = {.active = secret(1, bytes_a),
		.next = secret(2, bytes_b),
		.old = secret(3, bytes_c)};
	struct skex_bird_keys given = {.count = 1};
	struct skex_bird_keys out;

	(void)state;
	memset(keys.peer_active_id, 3, 16);
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_STAGE, &keys, &empty, nobody, &out));
	assert_int_equal(out.count, 3);
	assert_int_equal(out.key[2].id[0], 3);
	/* It is not known. */
	memset(keys.peer_active_id, 4, 16);
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_STAGE, &keys, &empty, nobody, &out));
	assert_int_equal(out.count, 2);
	/* It is in the file, by a number that another one needs. */
	memset(given.key[0].id, 4, 16);
	given.key[0].number = skex_bird_number(keys.next.id, 0);
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_STAGE, &keys, &given, nobody, &out));
	assert_int_equal(out.count, 2);
	given.key[0].number ^= 64;
	assert_true(skex_bird_plan(
		SKEX_BIRD_OSPF, SKEX_ROTATION_DO_STAGE, &keys, &given, nobody, &out));
	assert_int_equal(out.count, 3);
}

static void plans_of_one_place(void **state)
{
	struct skex_rotation_keys keys = {.active = secret(1, bytes_a),
		.next = secret(2, bytes_b),
		.old = secret(3, bytes_c)};
	struct skex_bird_keys out;

	(void)state;
	assert_true(skex_bird_plan(
		SKEX_BIRD_TCP_MD5, SKEX_ROTATION_DO_STAGE, &keys, &empty, nobody, &out));
	assert_int_equal(out.count, 1);
	assert_int_equal(out.key[0].id[0], 2);
	assert_false(skex_bird_plan(
		SKEX_BIRD_TCP_MD5, SKEX_ROTATION_DO_SWITCH, &keys, &empty, nobody, &out));
	assert_true(skex_bird_plan(
		SKEX_BIRD_TCP_MD5, SKEX_ROTATION_DO_SWAP, &keys, &empty, nobody, &out));
	assert_int_equal(out.key[0].id[0], 1);
	keys.swapped = true;
	assert_true(skex_bird_plan(
		SKEX_BIRD_TCP_MD5, SKEX_ROTATION_DO_SWAP, &keys, &empty, nobody, &out));
	assert_int_equal(out.key[0].id[0], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(nothing_is_read_of_others),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(numbers),
		cmocka_unit_test(plans),
		cmocka_unit_test(numbers_of_a_lost_file),
		cmocka_unit_test(plans_of_the_peers_key),
		cmocka_unit_test(plans_of_one_place),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
