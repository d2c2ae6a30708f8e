/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "tests/unit/core/dske/field.h"
#include "tests/unit/core/dske/gate.h"

/*
 * Attacks on the secret tag (docs/spec/rules.md).  Each is carried out twice: against a variant
 * without the rule, made here, where it succeeds, and against the core, where it does not.
 */

typedef void weak_tag_fn(const struct scene *scene, const uint8_t *vector, uint8_t tag[16]);

/* ---- the tag covers w ---- */

/* Over S alone. */
static void tag_over_s(const struct scene *scene, const uint8_t *vector, uint8_t tag[16])
{
	memset(tag, 0, 16);
	scene->math->polyval_reverse(
		tag, vector, vector + SKEX_BLOCK_EXTRA_BYTES, scene->common.secret_size / 16);
	scene->math->polyval(tag, vector, vector + 32, 1);
	skex_xor(tag, tag, vector + 16, 16);
}

/* The search of a responder, with another tag: the first k shares whose candidate carries it.
 * Gives the hubs that are off the accepted polynomial, or all bits when there is none. */
static uint32_t weak_combine(
	const struct scene *scene, weak_tag_fn *tag_of, const uint8_t tag[16], uint8_t *vector)
{
	const uint8_t n = scene->profile.n;
	uint32_t set;

	for (set = 0; set < UINT32_C(1) << n; set++) {
		const uint8_t *y[SKEX_HUBS_MAX];
		uint8_t x[SKEX_HUBS_MAX];
		uint32_t off = 0;
		uint8_t found[16];
		size_t k = 0;
		uint8_t i;

		if (scene_count(set) != scene->profile.k)
			continue;
		for (i = 0; i < n; i++) {
			if ((set & UINT32_C(1) << i) == 0)
				continue;
			x[k] = (uint8_t)(i + 1);
			y[k++] = scene->offers[i].share;
		}
		assert_int_equal(
			skex_share_interpolate(scene->math, vector, 0, x, y, k, scene->size),
			SKEX_OK);
		tag_of(scene, vector, found);
		if (memcmp(found, tag, 16) != 0)
			continue;
		for (i = 0; i < n; i++) {
			if (!skex_share_consistent(scene->math, (uint8_t)(i + 1),
				    scene->offers[i].share, x, y, k, scene->size))
				off |= UINT32_C(2) << i;
		}
		return off;
	}
	return UINT32_MAX;
}

static void rule_tag_covers_w(void **state)
{
	uint8_t vector[SCENE_BYTES_MAX];
	uint8_t confirm[16];
	uint8_t expected[16];
	struct scene scene;
	struct gate gate;
	uint8_t tag[16];
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 61);
	assert_true(scene_start(&scene));
	/* Hub 1 shifts w: with its share the two ends would have other confirmation keys. */
	scene.offers[0].share[SKEX_BLOCK_U_BYTES + 3] ^= 0x21;

	/* Without the rule bob accepts, takes the honest hubs 4 and 5 for liars, and is not
	 * confirmed. */
	tag_over_s(&scene, scene.plain, tag);
	assert_int_equal(
		weak_combine(&scene, tag_over_s, tag, vector), UINT32_C(1) << 4 | UINT32_C(1) << 5);
	assert_memory_equal(vector + SKEX_BLOCK_EXTRA_BYTES, scene.plain + SKEX_BLOCK_EXTRA_BYTES,
		scene.common.secret_size);
	for (i = 0; i < 2; i++)
		assert_int_equal(skex_block_confirm(scene.math,
					 (i == 0 ? vector : scene.plain) + SKEX_BLOCK_U_BYTES,
					 SKEX_CONFIRM_BA, &scene.common, scene.common.first.counter,
					 tag, SKEX_CLASS_ITS, i == 0 ? confirm : expected),
			SKEX_OK);
	assert_memory_not_equal(confirm, expected, 16);

	/* With it the liar is the one that is named, and alice is confirmed. */
	gate_init(&gate, &scene);
	for (i = 1; i <= 5; i++)
		gate_give(&gate, i, &scene.offers[i - 1]);
	assert_true(gate_agrees(&gate));
	assert_int_equal(gate_named(&gate), UINT32_C(1) << 1);
	memcpy(scene.bob_confirm, gate.accepted->confirm, sizeof(scene.bob_confirm));
	assert_true(scene_confirm_ba(&scene, 4));
}

/* ---- the tag has three elements ---- */

/* With c and d only: o = d XOR POLYVAL(c, y_m .. y_1). */
static void tag_of_two(const struct scene *scene, const uint8_t *vector, uint8_t tag[16])
{
	memset(tag, 0, 16);
	scene->math->polyval_reverse(
		tag, vector, vector + SKEX_BLOCK_U_BYTES, (scene->size - SKEX_BLOCK_U_BYTES) / 16);
	skex_xor(tag, tag, vector + 16, 16);
}

/* A hub that shifts its share by shift / L shifts the vector by shift: L is public. */
static void shift_through_hub_1(struct scene *scene, const uint8_t *shift)
{
	const uint8_t x[3] = {1, 2, 3};
	uint8_t coefficients[3];

	assert_int_equal(skex_share_coefficients(coefficients, x, 3, 0), SKEX_OK);
	scene->math->gf256_mul_add(scene->offers[0].share, shift,
		skex_gf256_inverse_public(coefficients[0]), scene->size);
}

/*
 * The shift that leaves a tag right although c becomes c + gamma.  The tag is the value at c of
 *
 *    P(x) = d + y_1 x^first + .. + y_m x^(first + m - 1)          (+ e x when first is 2)
 *
 * and Q(x) = P(x + gamma) has the same value at c + gamma.  An attacker who knows Y knows every
 * coefficient of Q that depends on Y alone; e is guessed to be 0.
 */
static void make_shift(const struct scene *scene, const uint8_t *y, unsigned first, uint8_t *shift)
{
	const size_t m = (scene->size - SKEX_BLOCK_U_BYTES) / 16;
	struct element power[16] = {{{0}}};
	struct element gamma = {{7, 1, 2}};
	size_t i;
	size_t j;

	assert_true(m + first <= 16);
	memset(shift, 0, scene->size);
	memcpy(shift, gamma.bytes, 16);
	power[0] = element_one();
	for (i = 1; i < 16; i++)
		power[i] = element_mul(power[i - 1], gamma);
	for (i = first; i < m + first; i++) {
		const struct element yi = element_of(y + (i - first) * 16);

		for (j = 0; j < i; j++) {
			const struct element term = element_mul(yi, power[i - j]);
			uint8_t *at = shift + 16;

			if (((i - j) & j) != 0) /* the binomial of i over j is even */
				continue;
			if (j >= first)
				at = shift + SKEX_BLOCK_U_BYTES + (j - first) * 16;
			else if (j == 1)
				at = shift + 32;
			skex_xor(at, at, term.bytes, 16);
		}
	}
}

/* What the tag covers may be known before the last share is there: a caller may have used S. */
static void rule_tag_has_three_elements(void **state)
{
	uint8_t vector[SCENE_BYTES_MAX];
	uint8_t shift[SCENE_BYTES_MAX];
	const uint8_t *y;
	struct scene scene;
	struct gate gate;
	uint8_t tag[16];
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 48, 62);
	assert_true(scene_start(&scene));
	y = scene.plain + SKEX_BLOCK_U_BYTES;

	/* With two elements the shifted secret is accepted, with certainty. */
	tag_of_two(&scene, scene.plain, tag);
	make_shift(&scene, y, 1, shift);
	shift_through_hub_1(&scene, shift);
	assert_int_equal(
		weak_combine(&scene, tag_of_two, tag, vector), UINT32_C(1) << 4 | UINT32_C(1) << 5);
	assert_memory_not_equal(vector + SKEX_BLOCK_EXTRA_BYTES,
		scene.plain + SKEX_BLOCK_EXTRA_BYTES, scene.common.secret_size);

	/* With the third the same attacker has to guess e. */
	scene_init(&scene, 5, 3, 1, 48, 62);
	assert_true(scene_start(&scene));
	make_shift(&scene, scene.plain + SKEX_BLOCK_U_BYTES, 2, shift);
	shift_through_hub_1(&scene, shift);
	gate_init(&gate, &scene);
	for (i = 1; i <= 3; i++)
		gate_give(&gate, i, &scene.offers[i - 1]);
	assert_null(gate.accepted);
	for (i = 4; i <= 5; i++)
		gate_give(&gate, i, &scene.offers[i - 1]);
	assert_true(gate_agrees(&gate));
	assert_int_equal(gate_named(&gate), UINT32_C(1) << 1);
}

/* The same attacker, told e: so the shift above is the right one, and e is all that stands there.
 */
static void rule_tag_has_three_elements_and_rests_on_the_third(void **state)
{
	uint8_t shift[SCENE_BYTES_MAX];
	struct element gamma;
	struct element lost;
	struct scene scene;
	struct gate gate;
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 48, 62);
	assert_true(scene_start(&scene));
	make_shift(&scene, scene.plain + SKEX_BLOCK_U_BYTES, 2, shift);
	gamma = element_of(shift);
	lost = element_mul(gamma, element_of(scene.plain + 32));
	skex_xor(shift + 16, shift + 16, lost.bytes, 16);
	shift_through_hub_1(&scene, shift);
	gate_init(&gate, &scene);
	for (i = 1; i <= 3; i++)
		gate_give(&gate, i, &scene.offers[i - 1]);
	assert_non_null(gate.accepted);
	assert_false(gate_agrees(&gate));
}

/* ---- the same in a small field, over everything ---- */

#define SMALL 8u
#define M     3u /* elements of Y */

static uint8_t small_mul(uint8_t a, uint8_t b)
{
	uint8_t product = 0;
	int i;

	for (i = 0; i < 3; i++) {
		if ((b & 1u << i) != 0)
			product = (uint8_t)(product ^ a << i);
	}
	for (i = 4; i >= 3; i--) {
		if ((product & 1u << i) != 0)
			product = (uint8_t)(product ^ 0xbu << (i - 3)); /* x^3 + x + 1 */
	}
	return product;
}

/* The tag without d. */
static uint8_t small_tag(bool third, uint8_t c, uint8_t e, const uint8_t y[M])
{
	uint8_t acc = 0;
	int i;

	for (i = M - 1; i >= 0; i--)
		acc = small_mul((uint8_t)(acc ^ y[i]), c);
	return third ? small_mul((uint8_t)(acc ^ e), c) : acc;
}

/* Of all keys, how many accept the best of all shifts that change Y?  In 1 / (SMALL * SMALL). */
static unsigned best_shift(bool third, const uint8_t y[M])
{
	unsigned best = 0;
	uint32_t shift;

	for (shift = 0; shift < SMALL * SMALL * SMALL * SMALL * SMALL; shift++) {
		const uint8_t gamma = shift % SMALL;
		const uint8_t epsilon = shift / SMALL % SMALL;
		unsigned hits[SMALL] = {0}; /* for each shift of d */
		uint8_t other[M];
		uint32_t key;
		int i;

		for (i = 0; i < (int)M; i++)
			other[i] = (uint8_t)(y[i] ^ (shift >> (6 + 3 * i)) % SMALL);
		if (memcmp(other, y, M) == 0)
			continue;
		for (key = 0; key < SMALL * SMALL; key++) {
			const uint8_t c = key % SMALL;
			const uint8_t e = (uint8_t)(key / SMALL);
			const uint8_t right = small_tag(third, c, e, y);
			const uint8_t found =
				small_tag(third, c ^ gamma, (uint8_t)(e ^ epsilon), other);

			hits[right ^ found]++;
		}
		for (i = 0; i < (int)SMALL; i++)
			best = hits[i] > best ? hits[i] : best;
	}
	return best;
}

/* Two elements: certainty.  Three: at most (m + 1) / |F|, the bound of the text. */
static void rule_tag_has_three_elements_in_a_small_field(void **state)
{
	struct random random = {.state = 63};
	unsigned round;

	(void)state;
	for (round = 0; round < 8; round++) {
		uint8_t y[M];
		int i;

		for (i = 0; i < (int)M; i++)
			y[i] = (uint8_t)random_below(&random, SMALL);
		y[M - 1] |= 1;
		assert_int_equal(best_shift(false, y), SMALL * SMALL);
		assert_true(best_shift(true, y) <= (M + 1) * SMALL);
	}
}

/* ---- the tag says nothing ---- */

/*
 * A short digest of S inside the shared vector lets fewer than k hubs test guesses of S.  Here for
 * every guess there are keys under which the tag is the one that everybody saw.
 */
static void rule_tag_does_not_let_candidates_be_tested(void **state)
{
	struct random random = {.state = 64};
	struct scene scene;
	unsigned round;

	(void)state;
	scene_init(&scene, 3, 2, 1, 16, 65);
	assert_true(scene_start(&scene));
	for (round = 0; round < 50; round++) {
		uint8_t guess[SCENE_BYTES_MAX];
		uint8_t tag[16];

		memcpy(guess, scene.plain, scene.size);
		random_fill(&random, guess + SKEX_BLOCK_U_BYTES, scene.size - SKEX_BLOCK_U_BYTES);
		skex_block_tag(scene.math, guess, scene.size, tag);
		assert_memory_not_equal(tag, scene.tags, 16);
		/* Exactly one d makes it fit, and d is as likely as any other. */
		skex_xor(tag, tag, scene.tags, 16);
		skex_xor(guess + 16, guess + 16, tag, 16);
		skex_block_tag(scene.math, guess, scene.size, tag);
		assert_memory_equal(tag, scene.tags, 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_tag_covers_w),
		cmocka_unit_test(rule_tag_has_three_elements),
		cmocka_unit_test(rule_tag_has_three_elements_and_rests_on_the_third),
		cmocka_unit_test(rule_tag_has_three_elements_in_a_small_field),
		cmocka_unit_test(rule_tag_does_not_let_candidates_be_tested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
