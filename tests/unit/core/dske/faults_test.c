/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "tests/unit/core/dske/gate.h"

static const struct {
	uint8_t n;
	uint8_t k;
	uint8_t tolerated; /* min(k - 1, n - k) */
} shapes[] = {{3, 2, 1}, {5, 3, 2}, {7, 4, 3}};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* A batch, and an earlier one between the same two over the same hubs. */
struct pair {
	struct scene scene;
	struct scene earlier;
	struct gate gate;
};

static struct pair *pair_new(uint8_t n, uint8_t k, uint64_t seed)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	scene_init(&pair->earlier, n, k, 2, 32, seed ^ UINT64_C(0xabcdef));
	assert_true(scene_start(&pair->earlier));
	scene_init(&pair->scene, n, k, 2, 32, seed);
	assert_true(scene_start(&pair->scene));
	gate_init(&pair->gate, &pair->scene);
	return pair;
}

static void bend(struct pair *pair, uint8_t index, enum fault fault)
{
	fault_apply(&pair->scene, fault, &pair->scene.offers[index - 1],
		&pair->earlier.offers[index - 1]);
}

enum order {
	LIARS_FIRST,
	LIARS_LAST,
	MIXED,
	ORDERS,
};

static void give_all(struct pair *pair, uint32_t liars, enum order order)
{
	const uint8_t n = pair->scene.profile.n;
	uint8_t turn[SKEX_HUBS_MAX] = {0};
	uint8_t i;

	for (i = 0; i < n; i++)
		turn[i] = (uint8_t)(i + 1);
	for (i = (uint8_t)(n - 1); i > 0; i--) {
		const uint32_t j = random_below(&pair->scene.random, i + 1u);
		const uint8_t other = turn[j];

		turn[j] = turn[i];
		turn[i] = other;
	}
	for (i = 0; i < n; i++) {
		if (order == MIXED ||
			((liars & UINT32_C(1) << turn[i]) != 0) == (order == LIARS_FIRST))
			gate_give(&pair->gate, turn[i], &pair->scene.offers[turn[i] - 1]);
	}
	for (i = 0; i < n; i++) /* those that did not have their turn */
		gate_give(&pair->gate, turn[i], &pair->scene.offers[turn[i] - 1]);
	gate_deadline(&pair->gate);
}

/* Through every honest hub bob's answer confirms alice, and hers him. */
static void confirm(struct pair *pair, uint32_t liars)
{
	struct skex_responder *bob = &pair->gate.accepted->bob;
	struct scene *scene = &pair->scene;
	struct skex_confirm_message message = scene_ba(scene);
	struct skex_initiator_confirm from = {1, &message};

	message.tags.data = pair->gate.accepted->confirm;
	while ((liars & UINT32_C(1) << from.index) != 0)
		from.index++;
	assert_true(skex_initiator_step(&scene->alice, SKEX_INITIATOR_CONFIRM, &from));
	assert_true(scene_alice_durable(scene));
	message = scene_ab(scene);
	assert_true(skex_responder_step(bob, SKEX_RESPONDER_CONFIRM, &message));
	assert_int_equal(bob->actions, SKEX_DSKE_DELIVER);
}

/* Each fault, with every set of so many hubs, in every order: keys agree and the hubs are named. */
static void each_fault(enum fault fault)
{
	uint64_t seed = 51 + (uint64_t)fault * 1000003;
	size_t s;

	for (s = 0; s < SHAPES; s++) {
		uint32_t liars;

		for (liars = 0; liars < UINT32_C(2) << shapes[s].n; liars += 2) {
			uint32_t order;

			if (scene_count(liars) > shapes[s].tolerated)
				continue;
			for (order = 0; order < ORDERS; order++) {
				struct pair *pair = pair_new(shapes[s].n, shapes[s].k, seed++);
				uint8_t i;

				for (i = 1; i <= shapes[s].n; i++) {
					if ((liars & UINT32_C(1) << i) != 0)
						bend(pair, i, fault);
				}
				give_all(pair, liars, (enum order)order);
				assert_true(gate_agrees(&pair->gate));
				assert_int_equal(gate_named(&pair->gate), liars);
				confirm(pair, liars);
				free(pair);
			}
		}
	}
}

#define FAULT_TEST(name, fault)                                                                    \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		each_fault(fault);                                                                 \
	}

FAULT_TEST(hubs_with_a_bad_share_are_named, FAULT_BAD_SHARE)
FAULT_TEST(hubs_with_a_bad_u_are_named, FAULT_BAD_U)
FAULT_TEST(hubs_with_a_bad_w_are_named, FAULT_BAD_W)
FAULT_TEST(hubs_that_lie_in_one_block_are_named, FAULT_ONE_BLOCK)
FAULT_TEST(hubs_with_random_bytes_are_named, FAULT_RANDOM)
FAULT_TEST(hubs_that_swap_shares_are_named, FAULT_SWAPPED)
FAULT_TEST(hubs_that_replay_are_named, FAULT_REPLAYED)
FAULT_TEST(hubs_with_a_bad_tag_are_named, FAULT_BAD_TAG)
FAULT_TEST(hubs_with_a_wrong_sender_are_named, FAULT_WRONG_SENDER)
FAULT_TEST(hubs_with_a_wrong_purpose_are_named, FAULT_WRONG_PURPOSE)

/* Random mixtures: each liar another fault, some hubs silent, as long as k honest ones speak. */
static void mixed_faults_within_the_bound(void **state)
{
	struct random random = {.state = 52};
	uint32_t round;

	(void)state;
	for (round = 0; round < 1500; round++) {
		const size_t s = random_below(&random, SHAPES);
		struct pair *pair = pair_new(shapes[s].n, shapes[s].k, random_next(&random));
		const uint32_t bad = random_below(&random, shapes[s].tolerated + 1u);
		uint32_t liars = 0;
		uint32_t silent = 0;

		while (scene_count(liars | silent) < bad) {
			const uint8_t i = (uint8_t)(1 + random_below(&random, shapes[s].n));

			if (((liars | silent) & UINT32_C(1) << i) != 0)
				continue;
			if (random_below(&random, 4) == 0) {
				silent |= UINT32_C(1) << i;
				pair->gate.seen |= UINT32_C(1) << i;
				continue;
			}
			liars |= UINT32_C(1) << i;
			bend(pair, i, (enum fault)random_below(&random, FAULTS));
		}
		give_all(pair, liars, MIXED);
		assert_true(gate_agrees(&pair->gate));
		assert_int_equal(gate_named(&pair->gate), liars);
		free(pair);
	}
}

/* One hub more, each on its own account and in every block: no key, and it is said why. */
static void one_more_fault_gives_no_key(void **state)
{
	struct random random = {.state = 53};
	size_t s;

	(void)state;
	for (s = 0; s < SHAPES; s++) {
		uint32_t liars;

		for (liars = 0; liars < UINT32_C(2) << shapes[s].n; liars += 2) {
			struct pair *pair;
			size_t g;
			uint8_t i;

			if (scene_count(liars) != shapes[s].tolerated + 1u)
				continue;
			pair = pair_new(shapes[s].n, shapes[s].k, random_next(&random));
			for (i = 1; i <= shapes[s].n; i++) {
				enum fault fault = (enum fault)random_below(&random, FAULTS);

				if (fault == FAULT_ONE_BLOCK)
					fault = FAULT_BAD_U;
				if ((liars & UINT32_C(1) << i) != 0)
					bend(pair, i, fault);
			}
			give_all(pair, liars, MIXED);
			assert_null(pair->gate.accepted);
			for (g = 0; g < pair->gate.count; g++) {
				const enum skex_error why = pair->gate.groups[g].bob.why;

				assert_true(why == SKEX_E_EMPTY || why == SKEX_E_INCONSISTENT);
			}
			/* alice hears nothing, and gives up in time. */
			assert_true(skex_initiator_step(
				&pair->scene.alice, SKEX_INITIATOR_DEADLINE, NULL));
			assert_int_equal(pair->scene.alice.actions, SKEX_DSKE_DROP);
			free(pair);
		}
	}
}

/* What k hubs know together: all of V.  So the threshold is what its name says. */
static void k_colluding_hubs_break_secrecy_and_agreement(void **state)
{
	struct pair *pair = pair_new(5, 3, 54);
	struct scene *scene = &pair->scene;
	struct scene *forged = &pair->earlier;
	const uint8_t x[3] = {2, 3, 5};
	const uint8_t *y[3];
	uint8_t known[SCENE_BYTES_MAX];
	uint8_t tags[SCENE_TAGS_MAX];
	struct skex_confirm_message message = scene_ba(scene);
	struct skex_initiator_confirm from = {2, &message};
	uint16_t b;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		y[i] = scene->offers[x[i] - 1].share;
	assert_int_equal(
		skex_share_interpolate(scene->math, known, 0, x, y, 3, scene->bytes), SKEX_OK);
	assert_memory_equal(known, scene->plain, scene->bytes);

	/* They give bob a block of their own under alice's header, and answer alice themselves. */
	for (i = 0; i < 3; i++) {
		forged->offers[x[i] - 1].common = scene->common;
		gate_give(&pair->gate, x[i], &forged->offers[x[i] - 1]);
	}
	assert_non_null(pair->gate.accepted);
	assert_false(gate_agrees(&pair->gate));
	for (b = 0; b < scene->blocks; b++)
		assert_int_equal(
			skex_block_confirm(scene->math,
				known + (size_t)b * scene->size + SKEX_BLOCK_U_BYTES,
				SKEX_CONFIRM_BA, &scene->common, scene->common.first.counter + b,
				scene->tags + 16 * b, SKEX_CLASS_ITS, tags + 16 * b),
			SKEX_OK);
	message.tags.data = tags;
	assert_true(skex_initiator_step(&scene->alice, SKEX_INITIATOR_CONFIRM, &from));
	free(pair);
}

/* One hub less learns nothing: for every secret there is a polynomial through its shares. */
static void k_minus_1_hubs_learn_nothing(void **state)
{
	struct pair *pair = pair_new(5, 3, 55);
	struct scene *scene = &pair->scene;
	const uint8_t x[3] = {1, 4, 0};
	uint8_t wanted[SCENE_BYTES_MAX];
	const uint8_t *y[3];
	uint8_t third[SCENE_BYTES_MAX];
	uint8_t vector[SCENE_BYTES_MAX];
	const uint8_t again_x[3] = {1, 4, 2};

	(void)state;
	random_fill(&scene->random, wanted, scene->bytes);
	y[0] = scene->offers[0].share;
	y[1] = scene->offers[3].share;
	y[2] = wanted;
	/* f(0) = wanted, whatever it is, with f(1) and f(4) as the two hubs saw them. */
	assert_int_equal(
		skex_share_interpolate(scene->math, third, 2, x, y, 3, scene->bytes), SKEX_OK);
	y[2] = third;
	assert_int_equal(
		skex_share_interpolate(scene->math, vector, 0, again_x, y, 3, scene->bytes),
		SKEX_OK);
	assert_memory_equal(vector, wanted, scene->bytes);
	free(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hubs_with_a_bad_share_are_named),
		cmocka_unit_test(hubs_with_a_bad_u_are_named),
		cmocka_unit_test(hubs_with_a_bad_w_are_named),
		cmocka_unit_test(hubs_that_lie_in_one_block_are_named),
		cmocka_unit_test(hubs_with_random_bytes_are_named),
		cmocka_unit_test(hubs_that_swap_shares_are_named),
		cmocka_unit_test(hubs_that_replay_are_named),
		cmocka_unit_test(hubs_with_a_bad_tag_are_named),
		cmocka_unit_test(hubs_with_a_wrong_sender_are_named),
		cmocka_unit_test(hubs_with_a_wrong_purpose_are_named),
		cmocka_unit_test(mixed_faults_within_the_bound),
		cmocka_unit_test(one_more_fault_gives_no_key),
		cmocka_unit_test(k_colluding_hubs_break_secrecy_and_agreement),
		cmocka_unit_test(k_minus_1_hubs_learn_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
