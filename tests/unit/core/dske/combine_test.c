/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/dske/block.h"
#include "tests/unit/core/slow.h"

#define SIZE 144u /* one 256-bit key */

/* A block that was split, and what arrives of it.  Each buffer is a heap block of its own, so that
 * a sanitizer sees the first byte beyond it. */
struct block {
	uint8_t n;
	uint8_t k;
	size_t size;
	uint8_t *vector;
	uint8_t *share[SKEX_HUBS_MAX];
	const uint8_t *given[SKEX_HUBS_MAX];
	uint8_t tag[16];
	uint32_t suspects;
	uint32_t budget;
};

static uint8_t *allocate(size_t size)
{
	uint8_t *bytes = malloc(size);

	assert_non_null(bytes);
	return bytes;
}

/* Random shares for the first k hubs, the others and the vector from them. */
static void make(struct block *block, uint8_t n, uint8_t k, size_t size, uint64_t *seed)
{
	uint8_t x[SKEX_HUBS_MAX];

	memset(block, 0, sizeof(*block));
	block->n = n;
	block->k = k;
	block->size = size;
	block->vector = allocate(size);
	for (uint8_t i = 0; i < n; i++) {
		x[i] = (uint8_t)(i + 1);
		block->given[i] = block->share[i] = allocate(size);
		if (i < k)
			slow_fill(seed, block->share[i], size);
	}
	for (uint8_t i = k; i < n; i++)
		assert_int_equal(skex_share_interpolate(&skex_math_portable, block->share[i],
					 (uint8_t)(i + 1), x, block->given, k, size),
			SKEX_OK);
	assert_int_equal(skex_share_interpolate(
				 &skex_math_portable, block->vector, 0, x, block->given, k, size),
		SKEX_OK);
	skex_block_tag(&skex_math_portable, block->vector, size, block->tag);
}

static void clear(struct block *block)
{
	for (uint8_t i = 0; i < block->n; i++)
		free(block->share[i]);
	free(block->vector);
}

/* Combines, and checks that failure touches nothing and that scratch is wiped. */
static enum skex_error combine(const struct block *block, uint8_t *vector, uint32_t *inconsistent)
{
	struct skex_block_combine input = {
		.math = &skex_math_portable,
		.n = block->n,
		.k = block->k,
		.shares = block->given,
		.size = block->size,
		.tag = block->tag,
		.suspects = block->suspects,
		.budget = block->budget,
		.scratch = allocate(block->size),
	};
	enum skex_error error;

	memset(vector, 0xee, block->size);
	memset(input.scratch, 0, block->size);
	*inconsistent = 0xeeeeeeee;
	error = skex_block_combine(&input, vector, inconsistent);
	for (size_t i = 0; i < block->size; i++) {
		assert_int_equal(input.scratch[i], 0);
		if (error != SKEX_OK)
			assert_int_equal(vector[i], 0xee);
	}
	if (error != SKEX_OK)
		assert_int_equal(*inconsistent, 0xeeeeeeee);
	free(input.scratch);
	return error;
}

/* Hubs as bits (1 << index). */
static uint32_t off_polynomial(const struct block *block, const uint8_t *x, uint8_t *vector)
{
	const uint8_t *y[SKEX_HUBS_MAX];
	uint32_t off = 0;

	for (size_t i = 0; i < block->k; i++)
		y[i] = block->given[x[i] - 1];
	assert_int_equal(
		skex_share_interpolate(&skex_math_portable, vector, 0, x, y, block->k, block->size),
		SKEX_OK);
	for (uint8_t i = 1; i <= block->n; i++) {
		if (block->given[i - 1] != NULL &&
			!skex_share_consistent(&skex_math_portable, i, block->given[i - 1], x, y,
				block->k, block->size))
			off |= UINT32_C(1) << i;
	}
	return off;
}

static unsigned count_bits(uint32_t bits)
{
	unsigned count = 0;

	for (; bits != 0; bits >>= 1)
		count += bits & 1u;
	return count;
}

/*
 * By trying every k shares: true when `off` is what some polynomial that carries the tag leaves
 * out, and none that does leaves out fewer.  *choices counts the different answers as good as this
 * one.
 */
static bool is_a_best_answer(const struct block *block, uint32_t off, unsigned *choices)
{
	uint8_t *vector = allocate(block->size);
	uint32_t seen[64];
	unsigned best = SKEX_HUBS_MAX;
	bool found = false;

	*choices = 0;
	for (uint32_t set = 0; set < UINT32_C(1) << block->n; set++) {
		uint8_t x[SKEX_HUBS_MAX], tag[16];
		uint32_t left_out;
		size_t count = 0;
		unsigned i = 0;

		if (count_bits(set) != block->k)
			continue;
		for (uint8_t index = 1; index <= block->n; index++) {
			if (set >> (index - 1) & 1u && block->given[index - 1] != NULL)
				x[count++] = index;
		}
		if (count < block->k)
			continue;
		left_out = off_polynomial(block, x, vector);
		skex_block_tag(&skex_math_portable, vector, block->size, tag);
		if (memcmp(tag, block->tag, 16) != 0 || count_bits(left_out) > best)
			continue;
		if (count_bits(left_out) < best) {
			best = count_bits(left_out);
			*choices = 0;
			found = false;
		}
		while (i < *choices && seen[i] != left_out)
			i++;
		if (i == *choices)
			seen[(*choices)++] = left_out;
		found |= left_out == off;
	}
	free(vector);
	return found;
}

enum lie {
	LIE_RANDOM,   /* another share altogether */
	LIE_U,        /* the first 48 bytes */
	LIE_W,        /* the next 64 */
	LIE_S,        /* the rest */
	LIE_ONE_BIT,  /* a different one each */
	LIE_CONSTANT, /* the same everywhere and for all that lie */
	LIE_ZERO,     /* a share of nothing */
	LIE_SWAP,     /* the share of another hub */
	LIES,
};

static void tell(struct block *block, uint8_t index, enum lie lie, uint64_t *seed)
{
	uint8_t *share = block->share[index - 1];
	size_t from = lie == LIE_W ? 48 : lie == LIE_S ? 112 : 0;
	size_t to = lie == LIE_U ? 48 : lie == LIE_W ? 112 : block->size;
	size_t bit;

	switch (lie) {
	case LIE_RANDOM:
	case LIE_U:
	case LIE_W:
	case LIE_S:
		slow_fill(seed, share + from, to - from);
		break;
	case LIE_ONE_BIT:
		bit = slow_random(seed) % (8 * block->size);
		share[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		break;
	case LIE_CONSTANT:
		for (size_t i = 0; i < block->size; i++)
			share[i] ^= 0x55;
		break;
	case LIE_ZERO:
		memset(share, 0, block->size);
		break;
	case LIE_SWAP:
		memcpy(share, block->share[index % block->n], block->size);
		break;
	case LIES:
		break;
	}
}

/* One block, these hubs silent, those lying: the secret is right and the liars are named. */
static void check_pattern(uint8_t n, uint8_t k, uint32_t silent, uint32_t liars, enum lie lie)
{
	uint8_t vector[SIZE];
	struct block block;
	uint64_t seed = n * 1000000u + silent * 1000u + liars * 10u + lie;
	uint32_t inconsistent;
	unsigned choices;

	make(&block, n, k, SIZE, &seed);
	for (uint8_t index = 1; index <= n; index++) {
		if (liars >> index & 1u)
			tell(&block, index, lie, &seed);
		if (silent >> index & 1u)
			block.given[index - 1] = NULL;
	}
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_OK);
	assert_memory_equal(vector, block.vector, SIZE);
	if (n <= 7)
		assert_true(is_a_best_answer(&block, inconsistent, &choices));
	/* Lies that are related can leave several answers; see core/dske/block.h. */
	if (n > 7 || choices == 1)
		assert_int_equal(inconsistent, liars);
	if (lie == LIE_RANDOM && n <= 7)
		assert_int_equal(choices, 1);
	clear(&block);
}

static void check_all_patterns(uint8_t n, uint8_t k)
{
	for (uint32_t silent = 0; silent < UINT32_C(2) << n; silent += 2) {
		unsigned there = n - count_bits(silent);

		for (uint32_t liars = 0; liars < UINT32_C(2) << n; liars += 2) {
			if ((liars & silent) != 0 || count_bits(liars) > k - 1u ||
				count_bits(liars) + k > there)
				continue;
			for (enum lie lie = LIE_RANDOM; lie < LIES; lie++)
				check_pattern(n, k, silent, liars, lie);
		}
	}
}

static void all_patterns_of_3_2(void **state)
{
	(void)state;
	check_all_patterns(3, 2);
}

static void all_patterns_of_5_3(void **state)
{
	(void)state;
	check_all_patterns(5, 3);
}

static void all_patterns_of_7_4(void **state)
{
	(void)state;
	for (uint32_t liars = 0; liars < UINT32_C(2) << 7; liars += 2) {
		if (count_bits(liars) > 3)
			continue;
		for (enum lie lie = LIE_RANDOM; lie < LIES; lie++)
			check_pattern(7, 4, 0, liars, lie);
	}
}

static void some_patterns_of_16_8(void **state)
{
	(void)state;
	for (enum lie lie = LIE_RANDOM; lie <= LIE_S; lie++)
		check_pattern(16, 8, 0, 1u << 1, lie);
	for (enum lie lie = LIE_ONE_BIT; lie < LIES; lie++)
		check_pattern(16, 8, 0, 1u << 1, lie);
	for (uint8_t index = 2; index <= 16; index++)
		check_pattern(16, 8, 0, 1u << index, LIE_RANDOM);
	check_pattern(16, 8, 0, 0xfeu, LIE_RANDOM);              /* 1..7 */
	check_pattern(16, 8, 0, 0x1fc00u & 0xfe00u, LIE_RANDOM); /* 10..15 */
	check_pattern(16, 8, 0, 0x5554u, LIE_S);                 /* each second one */
	check_pattern(16, 8, 0xfe00u, 1u << 1, LIE_RANDOM);      /* nine there */
	check_pattern(16, 8, 0x1fe00u, 0, LIE_RANDOM);           /* eight there */
	check_pattern(16, 2, 0, 1u << 1, LIE_ONE_BIT);
	check_pattern(16, 9, 0, 0xfeu, LIE_W);
	check_pattern(16, 16, 0, 0, LIE_RANDOM);
}

static void a_liar_in_the_last_byte_of_the_longest_block(void **state)
{
	uint8_t *vector = allocate(SKEX_BLOCK_MAX);
	struct block block;
	uint32_t inconsistent;
	uint64_t seed = 65536;

	(void)state;
	make(&block, 5, 3, SKEX_BLOCK_MAX, &seed);
	block.share[0][SKEX_BLOCK_MAX - 1] ^= 1;
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_OK);
	assert_memory_equal(vector, block.vector, SKEX_BLOCK_MAX);
	assert_int_equal(inconsistent, 1u << 1);
	clear(&block);
	free(vector);
}

static void fewer_than_k_shares_are_too_few(void **state)
{
	uint8_t vector[SIZE];
	struct block block;
	uint32_t inconsistent;
	uint64_t seed = 1;

	(void)state;
	make(&block, 5, 3, SIZE, &seed);
	for (uint8_t gone = 5; gone > 2; gone--)
		block.given[gone - 1] = NULL;
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_E_EMPTY);
	block.given[0] = NULL;
	block.given[1] = NULL;
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_E_EMPTY);
	clear(&block);
}

static void one_independent_fault_too_many_gives_no_key(void **state)
{
	static const struct {
		uint8_t n;
		uint8_t k;
		uint32_t liars;
	} rows[] = {{3, 2, 0x6}, {5, 3, 0xe}, {5, 3, 0x2a}, {7, 4, 0x1e}, {7, 4, 0xaa}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (enum lie lie = LIE_RANDOM; lie <= LIE_S; lie++) {
			uint8_t vector[SIZE];
			struct block block;
			uint32_t inconsistent;
			uint64_t seed = 100 * i + lie;

			make(&block, rows[i].n, rows[i].k, SIZE, &seed);
			for (uint8_t index = 1; index <= rows[i].n; index++) {
				if (rows[i].liars >> index & 1u)
					tell(&block, index, lie, &seed);
			}
			assert_int_equal(
				combine(&block, vector, &inconsistent), SKEX_E_INCONSISTENT);
			clear(&block);
		}
	}
}

static void a_wrong_tag_gives_no_key(void **state)
{
	uint8_t vector[SIZE];
	struct block block;
	uint32_t inconsistent;
	uint64_t seed = 6;

	(void)state;
	for (unsigned bit = 0; bit < 128; bit++) {
		make(&block, 5, 3, SIZE, &seed);
		block.tag[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		assert_int_equal(combine(&block, vector, &inconsistent), SKEX_E_INCONSISTENT);
		clear(&block);
	}
}

/* Adds D(x) = factor * product of (x - roots) to the shares of these hubs. */
static void shift(struct block *block, uint32_t hubs, const uint8_t *roots, size_t count)
{
	for (uint8_t index = 1; index <= block->n; index++) {
		uint8_t value = 0x7b;

		if ((hubs >> index & 1u) == 0)
			continue;
		for (size_t i = 0; i < count; i++)
			value = slow_gf256_mul(value, index ^ roots[i]);
		for (size_t i = 0; i < block->size; i++)
			block->share[index - 1][i] ^= value;
	}
}

/* Three hubs of seven move together so that three honest ones agree with them: six against four. */
static void a_decoy_larger_than_the_honest_set_is_no_key(void **state)
{
	static const uint8_t roots[] = {4, 5, 6};
	uint8_t vector[SIZE];
	struct block block;
	uint32_t inconsistent;
	uint64_t seed = 74;

	(void)state;
	make(&block, 7, 4, SIZE, &seed);
	shift(&block, 0x0e, roots, 3);
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_OK);
	assert_memory_equal(vector, block.vector, SIZE);
	assert_int_equal(inconsistent, 0x0e);

	/* The decoy is the first candidate; then come all four of seven that it does not hold,
	 * those without suspects first. */
	block.budget = 1;
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_E_QUOTA);
	block.budget = 20;
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_E_QUOTA);
	block.budget = 21;
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_OK);
	block.budget = 2;
	block.suspects = 0x0e;
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_OK);
	assert_int_equal(inconsistent, 0x0e);
	clear(&block);
}

/*
 * Two hubs of five move together so that the secret stays what it is: either pair may be the one
 * that lies, and nothing in the shares tells which.  That is why nobody acts on a name by itself.
 */
static void hubs_that_work_together_can_make_others_look_wrong(void **state)
{
	static const uint8_t roots[] = {0, 3};
	uint8_t vector[SIZE];
	struct block block;
	uint32_t inconsistent;
	uint64_t seed = 53;
	unsigned choices;

	(void)state;
	make(&block, 5, 3, SIZE, &seed);
	shift(&block, 0x06, roots, 2);
	for (uint32_t suspects = 0x06; suspects <= 0x30; suspects += 0x30 - 0x06) {
		block.suspects = suspects;
		assert_int_equal(combine(&block, vector, &inconsistent), SKEX_OK);
		assert_memory_equal(vector, block.vector, SIZE);
		assert_int_equal(inconsistent, suspects);
		assert_true(is_a_best_answer(&block, inconsistent, &choices));
		assert_true(choices > 1);
	}
	clear(&block);
}

/* What the threshold means: k hubs together know the vector, and can make another one. */
static void k_hubs_together_choose_the_secret(void **state)
{
	static const uint8_t points[2] = {0, 1};
	uint8_t vector[SIZE], forged[SIZE], tag[16];
	const uint8_t *values[2];
	struct block block;
	uint32_t inconsistent;
	uint64_t seed = 32;

	(void)state;
	make(&block, 3, 2, SIZE, &seed);
	memcpy(forged, block.vector, SIZE);
	forged[SIZE - 1] ^= 1;
	skex_block_tag(&skex_math_portable, forged, SIZE, tag);
	for (size_t i = 0; i < 16; i++)
		forged[16 + i] ^= tag[i] ^ block.tag[i];
	values[0] = forged;
	values[1] = block.share[0];
	assert_int_equal(skex_share_interpolate(
				 &skex_math_portable, block.share[1], 2, points, values, 2, SIZE),
		SKEX_OK);
	block.given[2] = NULL;
	assert_int_equal(combine(&block, vector, &inconsistent), SKEX_OK);
	assert_memory_equal(vector, forged, SIZE);
	clear(&block);
}

/* One liar placed first costs no more than one candidate, suspected or not. */
static void one_liar_costs_one_candidate(void **state)
{
	uint8_t vector[SIZE];
	struct block block;
	uint32_t inconsistent;
	uint64_t seed = 168;

	(void)state;
	for (uint32_t suspects = 0; suspects <= 0x1fffe; suspects += 0x1fffe / 3) {
		make(&block, 16, 8, SIZE, &seed);
		tell(&block, 1, LIE_S, &seed);
		block.budget = 1;
		block.suspects = suspects;
		assert_int_equal(combine(&block, vector, &inconsistent), SKEX_OK);
		assert_int_equal(inconsistent, 1u << 1);
		clear(&block);
	}
}

static void what_is_out_of_range_is_refused(void **state)
{
	static const struct {
		uint8_t n;
		uint8_t k;
		size_t size;
	} rows[] = {{5, 1, SIZE}, {5, 0, SIZE}, {5, 6, SIZE}, {17, 3, SIZE}, {0, 0, SIZE},
		{5, 3, 112}, {5, 3, 136}, {5, 3, 0}, {5, 3, SKEX_BLOCK_MAX + 16}};
	uint8_t vector[SIZE], scratch[SIZE] = {0};
	struct block block;
	uint64_t seed = 2;

	(void)state;
	make(&block, 5, 3, SIZE, &seed);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skex_block_combine input = {
			.math = &skex_math_portable,
			.n = rows[i].n,
			.k = rows[i].k,
			.shares = block.given,
			.size = rows[i].size,
			.tag = block.tag,
			.scratch = scratch,
		};
		uint32_t inconsistent = 7;

		assert_int_equal(
			skex_block_combine(&input, vector, &inconsistent), SKEX_E_ARGUMENT);
		assert_int_equal(inconsistent, 7);
	}
	clear(&block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_patterns_of_3_2),
		cmocka_unit_test(all_patterns_of_5_3),
		cmocka_unit_test(all_patterns_of_7_4),
		cmocka_unit_test(some_patterns_of_16_8),
		cmocka_unit_test(a_liar_in_the_last_byte_of_the_longest_block),
		cmocka_unit_test(fewer_than_k_shares_are_too_few),
		cmocka_unit_test(one_independent_fault_too_many_gives_no_key),
		cmocka_unit_test(a_wrong_tag_gives_no_key),
		cmocka_unit_test(a_decoy_larger_than_the_honest_set_is_no_key),
		cmocka_unit_test(hubs_that_work_together_can_make_others_look_wrong),
		cmocka_unit_test(k_hubs_together_choose_the_secret),
		cmocka_unit_test(one_liar_costs_one_candidate),
		cmocka_unit_test(what_is_out_of_range_is_refused),
	};

	return cmocka_run_group_tests_name("core/dske/combine", tests, NULL, NULL);
}
