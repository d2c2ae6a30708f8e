/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/dske/block.h"
#include "core/wire/confirm_message.h"
#include "tests/unit/core/slow.h"

#define SIZE_MAX_HERE (SKEX_BLOCK_EXTRA_BYTES + 64u)

/* o = d XOR POLYVAL(c, y_m, ..., y_1, e), by the slow reference. */
static void slow_tag(const uint8_t *vector, size_t size, uint8_t tag[16])
{
	uint8_t acc[16] = {0};

	for (size_t at = size - 16; at >= SKEX_BLOCK_U_BYTES; at -= 16)
		slow_polyval(acc, vector, vector + at, 1);
	slow_polyval(acc, vector, vector + 32, 1);
	for (size_t i = 0; i < 16; i++)
		tag[i] = acc[i] ^ vector[16 + i];
}

static void tag_agrees_with_the_reference(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (size_t size = 128; size <= SIZE_MAX_HERE; size += 16) {
		uint8_t vector[SIZE_MAX_HERE], tag[16], expected[16];

		slow_fill(&seed, vector, sizeof(vector));
		slow_tag(vector, size, expected);
		skex_block_tag(&skex_math_portable, vector, size, tag);
		assert_memory_equal(tag, expected, 16);
	}
}

/* u, w and S: all of it. */
static void every_bit_of_the_vector_is_under_the_tag(void **state)
{
	uint8_t vector[SIZE_MAX_HERE], tag[16], changed[16];
	uint64_t seed = 2;

	(void)state;
	slow_fill(&seed, vector, sizeof(vector));
	skex_block_tag(&skex_math_portable, vector, sizeof(vector), tag);
	for (size_t bit = 0; bit < 8 * sizeof(vector); bit++) {
		vector[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		skex_block_tag(&skex_math_portable, vector, sizeof(vector), changed);
		assert_int_not_equal(memcmp(tag, changed, 16), 0);
		vector[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
}

struct split {
	uint8_t pad[SKEX_HUBS_MAX][SIZE_MAX_HERE];
	uint8_t body[SKEX_HUBS_MAX][SIZE_MAX_HERE];
	uint8_t vector[SIZE_MAX_HERE];
	const uint8_t *pads[SKEX_HUBS_MAX];
	uint8_t *bodies[SKEX_HUBS_MAX];
	bool carried[SKEX_HUBS_MAX];
};

/* Legs with a bit in `without` have no pad. */
static void prepare(struct split *split, uint32_t without, uint64_t seed)
{
	memset(split, 0xee, sizeof(*split));
	slow_fill(&seed, split->pad, sizeof(split->pad));
	for (size_t i = 0; i < SKEX_HUBS_MAX; i++) {
		split->pads[i] = without >> i & 1 ? NULL : split->pad[i];
		split->bodies[i] = split->body[i];
	}
}

static void check_split(uint8_t n, uint8_t k, uint32_t without, size_t size)
{
	static struct split split;
	uint8_t x[SKEX_HUBS_MAX] = {0};
	size_t first = 0;

	prepare(&split, without, n * 1000u + k * 50u + without);
	assert_int_equal(skex_block_split(&skex_math_portable, n, k, split.pads, size, split.vector,
				 split.bodies, split.carried),
		SKEX_OK);
	for (uint8_t i = 0; i < n; i++) {
		if (split.pads[i] != NULL && first < k)
			x[first++] = (uint8_t)(i + 1);
	}
	for (size_t at = 0; at < size; at += 7) {
		uint8_t y[SKEX_HUBS_MAX];

		for (size_t i = 0; i < k; i++)
			y[i] = split.pad[x[i] - 1][at];
		assert_int_equal(split.vector[at], slow_gf256_lagrange(x, y, k, 0));
		for (uint8_t i = 0; i < n; i++) {
			if (split.carried[i])
				assert_int_equal(split.body[i][at] ^ split.pad[i][at],
					slow_gf256_lagrange(x, y, k, (uint8_t)(i + 1)));
		}
	}
	for (uint8_t i = 0; i < n; i++) {
		bool carried = split.pads[i] != NULL && i + 1 > x[k - 1];

		assert_int_equal(split.carried[i], carried);
		if (!carried)
			assert_int_equal(split.body[i][0], 0xee);
		if (size < SIZE_MAX_HERE)
			assert_int_equal(split.body[i][size], 0xee);
	}
}

static void split_agrees_with_lagrange(void **state)
{
	(void)state;
	check_split(2, 2, 0, 144);
	check_split(3, 2, 0, 144);
	check_split(3, 2, 1, 128);
	check_split(5, 3, 0, 144);
	check_split(5, 3, 1u << 1, 160);
	check_split(5, 3, 1u << 0 | 1u << 3, 144);
	check_split(7, 4, 1u << 6, 144);
	check_split(16, 8, 0, 144);
	check_split(16, 16, 0, 144);
	check_split(16, 2, 0x1ff, 144);
}

static void a_batch_is_its_blocks_one_after_another(void **state)
{
	static struct split both, one;

	(void)state;
	prepare(&both, 0, 77);
	assert_int_equal(skex_block_split(&skex_math_portable, 5, 3, both.pads, 2 * 64, both.vector,
				 both.bodies, both.carried),
		SKEX_OK);
	for (size_t half = 0; half < 2; half++) {
		prepare(&one, 0, 77);
		for (size_t i = 0; i < 5; i++)
			one.pads[i] = one.pad[i] + 64 * half;
		assert_int_equal(skex_block_split(&skex_math_portable, 5, 3, one.pads, 64,
					 one.vector, one.bodies, one.carried),
			SKEX_OK);
		assert_memory_equal(one.vector, both.vector + 64 * half, 64);
		for (size_t i = 3; i < 5; i++)
			assert_memory_equal(one.body[i], both.body[i] + 64 * half, 64);
	}
}

static void what_cannot_be_split_touches_nothing(void **state)
{
	static const struct {
		uint8_t n;
		uint8_t k;
		uint32_t without;
		size_t size;
		enum skex_error error;
	} rows[] = {
		{5, 1, 0, 144, SKEX_E_ARGUMENT},
		{5, 0, 0, 144, SKEX_E_ARGUMENT},
		{5, 6, 0, 144, SKEX_E_ARGUMENT},
		{17, 3, 0, 144, SKEX_E_ARGUMENT},
		{1, 1, 0, 144, SKEX_E_ARGUMENT},
		{0, 0, 0, 144, SKEX_E_ARGUMENT},
		{5, 3, 0, 0, SKEX_E_ARGUMENT},
		{5, 3, 0x7, 144, SKEX_E_OFFLINE},
		{5, 3, 0x1f, 144, SKEX_E_OFFLINE},
		{16, 16, 1, 144, SKEX_E_OFFLINE},
	};
	static struct split split, before;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		prepare(&split, rows[i].without, i);
		before = split;
		assert_int_equal(
			skex_block_split(&skex_math_portable, rows[i].n, rows[i].k, split.pads,
				rows[i].size, split.vector, split.bodies, split.carried),
			rows[i].error);
		assert_memory_equal(&split, &before, sizeof(split));
	}
}

static void make_common(struct skex_common *common)
{
	memset(common, 0, sizeof(*common));
	assert_true(skex_name_parse(&common->initiator, skex_view("alice", 5)));
	assert_true(skex_name_parse(&common->responder, skex_view("bob", 3)));
	common->first.instance = 0x01020304;
	common->first.counter = 41;
	memset(common->profile, 0xab, sizeof(common->profile));
	common->n = 5;
	common->k = 3;
	common->secret_size = 32;
	common->class_initiator = SKEX_CLASS_ITS;
	common->purpose_size = 3;
	memcpy(common->purpose, "app", 3);
	common->lifetime_s = 3600;
}

/* which | C with counter 42 | o | class, written down byte by byte. */
static const char confirmed[] = "01"                               /* C: version */
				"05616c696365"                     /* alice */
				"03626f62"                         /* bob */
				"01020304"                         /* instance */
				"000000000000002a"                 /* counter */
				"abababababababababababababababab" /* profile */
				"0503"                             /* n, k */
				"00000020"                         /* secret size */
				"02"                               /* class of the initiator */
				"00"                               /* purpose in clear */
				"03617070"                         /* app */
				"00000e10";                        /* lifetime */

static void check_confirmation(uint8_t which, const uint8_t *w, uint8_t class_responder)
{
	uint8_t message[256] = {0}, tag[16], acc[16] = {0}, out[16];
	struct skex_common common;
	size_t size = 0;
	size_t blocks;

	memset(tag, 0x5c, sizeof(tag));
	message[size++] = which;
	size += slow_hex(message + size, confirmed);
	memcpy(message + size, tag, 16);
	size += 16;
	message[size++] = class_responder;
	blocks = (size + 15) / 16;
	/* The length block: no associated data, 8 * size bits of text. */
	message[16 * blocks + 8] = (uint8_t)(8 * size);
	message[16 * blocks + 9] = (uint8_t)(8 * size >> 8);
	slow_polyval(acc, which == 1 ? w : w + 32, message, blocks + 1);
	for (size_t i = 0; i < 16; i++)
		acc[i] ^= (which == 1 ? w : w + 32)[16 + i];

	make_common(&common);
	assert_int_equal(skex_block_confirm(&skex_math_portable, w, which, &common, 42, tag,
				 class_responder, out),
		SKEX_OK);
	assert_memory_equal(out, acc, 16);
}

static void confirmations_agree_with_the_definition(void **state)
{
	uint8_t w[SKEX_BLOCK_W_BYTES];
	uint64_t seed = 9;

	(void)state;
	slow_fill(&seed, w, sizeof(w));
	check_confirmation(SKEX_CONFIRM_BA, w, SKEX_CLASS_ITS);
	check_confirmation(SKEX_CONFIRM_BA, w, SKEX_CLASS_COMPUTATIONAL);
	check_confirmation(SKEX_CONFIRM_AB, w, SKEX_CLASS_ITS);
}

static void bad_confirmations_touch_nothing(void **state)
{
	uint8_t w[SKEX_BLOCK_W_BYTES] = {1}, tag[16] = {2}, out[16], before[16];
	struct skex_common common;

	(void)state;
	memset(out, 0xee, 16);
	memset(before, 0xee, 16);
	make_common(&common);
	assert_int_equal(skex_block_confirm(&skex_math_portable, w, 0, &common, 42, tag, 1, out),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_block_confirm(&skex_math_portable, w, 3, &common, 42, tag, 1, out),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_block_confirm(&skex_math_portable, w, 1, &common, 42, tag, 0, out),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_block_confirm(&skex_math_portable, w, 1, &common,
				 SKEX_COUNTER_MAX + 1, tag, 1, out),
		SKEX_E_ARGUMENT);
	common.k = 6;
	assert_int_equal(skex_block_confirm(&skex_math_portable, w, 1, &common, 42, tag, 1, out),
		SKEX_E_ARGUMENT);
	assert_memory_equal(out, before, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tag_agrees_with_the_reference),
		cmocka_unit_test(every_bit_of_the_vector_is_under_the_tag),
		cmocka_unit_test(split_agrees_with_lagrange),
		cmocka_unit_test(a_batch_is_its_blocks_one_after_another),
		cmocka_unit_test(what_cannot_be_split_touches_nothing),
		cmocka_unit_test(confirmations_agree_with_the_definition),
		cmocka_unit_test(bad_confirmations_touch_nothing),
	};

	return cmocka_run_group_tests_name("core/dske/block", tests, NULL, NULL);
}
