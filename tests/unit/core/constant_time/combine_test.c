/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/pairwise/schedule.h"
#include "crypto/sha256_small.h"
#include "tests/unit/core/constant_time/secrets.h"
#include "tests/unit/core/dske/scene.h"

/*
 * Combining decides by the errors of shares, which memcheck cannot tell from the shares (see the
 * top of core/dske/combine.c).  So what it decides by is made public here, where it is looked at,
 * and written down: nothing else may steer a branch or an address, and what is written down is the
 * same whatever the secret and the honest shares are.
 */

/* What was made public so far (FNV-1a). */
static uint64_t looked_at;
static unsigned looks;

static void look(const void *data, size_t size)
{
	const uint8_t *bytes = data;

	reveal(data, size);
	for (size_t i = 0; i < size; i++)
		looked_at = (looked_at ^ bytes[i]) * UINT64_C(0x100000001b3);
	looked_at = (looked_at ^ size) * UINT64_C(0x100000001b3);
	looks++;
}

bool __real_skex_ct_is_zero(const void *data, size_t size);
bool __wrap_skex_ct_is_zero(const void *data, size_t size);
bool __real_skex_ct_equal(const void *a, const void *b, size_t size);
bool __wrap_skex_ct_equal(const void *a, const void *b, size_t size);

/* Of residues: what a share differs by from the polynomial through others. */
bool __wrap_skex_ct_is_zero(const void *data, size_t size)
{
	look(data, size);
	return __real_skex_ct_is_zero(data, size);
}

/* Of tags: whether they are the same, and no byte of them. */
bool __wrap_skex_ct_equal(const void *a, const void *b, size_t size)
{
	bool equal = __real_skex_ct_equal(a, b, size);

	look(&equal, sizeof(equal));
	return equal;
}

struct row {
	uint8_t n;
	uint8_t k;
	uint32_t absent; /* bit (1 << index): hubs without a share */
	uint32_t liars;
	bool together; /* all liars shift by a polynomial that is 0 at 0 */
	bool accepted;
};

/* The same errors whatever the shares are. */
static void lie(struct scene *scene, const struct row *row)
{
	uint64_t seed = 99;
	uint8_t slope[SCENE_BYTES_MAX], error[SCENE_BYTES_MAX];

	slow_fill(&seed, slope, sizeof(slope));
	for (uint8_t i = 1; i <= row->n; i++) {
		uint8_t *share = scene->offers[i - 1].share;

		if ((row->liars & UINT32_C(1) << i) == 0)
			continue;
		slow_fill(&seed, error, sizeof(error));
		if (row->together) {
			memset(error, 0, sizeof(error));
			skex_math_portable.gf256_mul_add(error, slope, i, sizeof(error));
		}
		skex_xor(share, share, error, scene->bytes);
	}
}

/* A batch of three blocks from the pads to both ends' confirmations. */
static void converse(const struct row *row, uint64_t seed, const struct skex_math *math)
{
	static struct scene scene;
	bool accepted = false;

	scene_init(&scene, row->n, row->k, 3, 48, seed);
	scene.math = scene.alice.math = math;
	scene.no_pad = row->absent;
	(void)VALGRIND_MAKE_MEM_UNDEFINED(scene.pad, sizeof(scene.pad));
	(void)VALGRIND_MAKE_MEM_UNDEFINED(scene.pad_b, sizeof(scene.pad_b));
	assert_true(scene_start(&scene));
	lie(&scene, row);
	/* The secret tags go with every share, in the header. */
	for (uint8_t i = 0; i < row->n; i++)
		reveal(scene.offers[i].tags, sizeof(scene.offers[i].tags));
	scene_meet(&scene, (row->absent & 2u) == 0 ? 1 : 2);
	for (uint8_t i = 1; i <= row->n; i++)
		accepted |= scene_give(&scene, i);
	assert_silent();
	assert_int_equal(accepted, row->accepted);
	if (!accepted)
		return;
	assert_int_equal(scene.bob.inconsistent, row->liars);
	assert_true(scene_bob_durable(&scene));
	assert_true(scene_confirm_ba(&scene, row->n));
	assert_true(scene_alice_durable(&scene));
	assert_true(scene_confirm_ab(&scene));
	assert_silent();
	reveal(scene.plain, sizeof(scene.plain));
	reveal(scene.bob_vector, sizeof(scene.bob_vector));
	assert_true(scene_same_secrets(&scene));
}

static void nothing_depends_on_the_secret_or_an_honest_share(void **state)
{
	static const struct row rows[] = {
		{3, 2, 0, 0, false, true},
		{5, 3, 0, 0, false, true},
		{5, 3, 1u << 1, 0, false, true},
		{5, 3, 0, 1u << 1, false, true},
		{5, 3, 0, 1u << 4, false, true},
		{5, 3, 0, 1u << 2 | 1u << 5, false, true},
		{5, 3, 0, 1u << 1 | 1u << 2 | 1u << 3, false, false},
		{7, 3, 0, 1u << 1 | 1u << 2 | 1u << 6, false, true},
		{7, 4, 1u << 1, 1u << 2 | 1u << 3, false, true},
		{9, 3, 0, 1u << 1 | 1u << 9, true, true},
		{16, 8, 0, 1u << 1 | 1u << 3 | 1u << 16, false, true},
	};
	const struct skex_math *variants[VARIANTS];

	(void)state;
	need_valgrind();
	variants_of_valgrind(variants);
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		uint64_t first = 0;
		unsigned first_looks = 0;

		for (uint64_t seed = 1; seed <= 3; seed++) {
			looked_at = UINT64_C(0xcbf29ce484222325);
			looks = 0;
			converse(&rows[r], seed * 1000 + r, variants[seed - 1]);
			if (seed == 1) {
				first = looked_at;
				first_looks = looks;
			}
			assert_int_equal(looks, first_looks);
			assert_true(looked_at == first);
		}
		assert_true(first_looks > 0);
	}
}

/* Right or wrong is all that is looked at. */
static void a_tag_of_the_pairwise_mode_is_judged_as_a_whole(void **state)
{
	const struct skex_crypto *crypto = skex_crypto_small();
	const struct skex_view part = skex_view(secret[1], 100);
	uint8_t tag[SKEX_PAIRWISE_TAG_BYTES];
	enum skex_error right, wrong;
	struct skex_hmac hmac;

	(void)state;
	need_valgrind();
	assert_int_equal(skex_hmac_init(crypto, &hmac, secret[0]), SKEX_OK);
	assert_int_equal(skex_pairwise_tag(crypto, &hmac, "t1", &part, 1, tag), SKEX_OK);
	right = skex_pairwise_verify(crypto, &hmac, "t1", &part, 1, tag);
	tag[0] ^= 1;
	wrong = skex_pairwise_verify(crypto, &hmac, "t1", &part, 1, tag);
	assert_silent();
	assert_int_equal(right, SKEX_OK);
	assert_int_equal(wrong, SKEX_E_AUTH);
}

/* The proof that it would show: a share that is looked at is another one for another secret. */
static void what_is_looked_at_would_show_a_share(void **state)
{
	uint64_t of[2];

	(void)state;
	need_valgrind();
	for (uint64_t seed = 0; seed < 2; seed++) {
		static struct scene scene;

		scene_init(&scene, 3, 2, 1, 32, seed);
		(void)VALGRIND_MAKE_MEM_UNDEFINED(scene.pad, sizeof(scene.pad));
		assert_true(scene_start(&scene));
		looked_at = 0;
		look(scene.offers[2].share, scene.bytes);
		of[seed] = looked_at;
	}
	assert_silent();
	assert_true(of[0] != of[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			nothing_depends_on_the_secret_or_an_honest_share, secrets_begin),
		cmocka_unit_test_setup(
			a_tag_of_the_pairwise_mode_is_judged_as_a_whole, secrets_begin),
		cmocka_unit_test_setup(what_is_looked_at_would_show_a_share, secrets_begin),
	};

	return cmocka_run_group_tests_name("constant time of combining", tests, NULL, NULL);
}
