/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "tests/unit/core/dske/field.h"
#include "tests/unit/core/dske/gate.h"

/*
 * Attacks on the confirmation (docs/spec/rules.md), against a variant without the rule, where they
 * succeed, and against the core, where they do not.
 */

/* Up to where bob has answered alice. */
static void answered(struct scene *scene, uint64_t seed)
{
	uint8_t i;

	scene_init(scene, 5, 3, 1, 32, seed);
	scene->class_responder = SKEX_CLASS_COMPUTATIONAL;
	assert_true(scene_start(scene));
	scene_meet(scene, 1);
	for (i = 1; i <= 5; i++)
		(void)scene_give(scene, i);
	assert_true(scene_bob_durable(scene));
}

static void confirm_ba(const struct scene *scene, const uint8_t *w,
	const struct skex_common *common, const uint8_t *tag, uint8_t class, uint8_t out[16])
{
	assert_int_equal(skex_block_confirm(scene->math, w, SKEX_CONFIRM_BA, common,
				 common->first.counter, tag, class, out),
		SKEX_OK);
}

/* ---- each half of w tags one message ---- */

/*
 * Two messages that differ in the class only, under one half of w.  The class is the last byte of
 * the last block before the length block, so the difference of the tags is that of the blocks times
 * the square of the hash key.
 */
static void steal_half(
	const uint8_t one[16], const uint8_t other[16], const struct scene *scene, uint8_t w[64])
{
	const size_t size = 1 + skex_common_size(&scene->common) + 16 + 1;
	struct element difference = {{0}};
	struct element product;
	struct element key;
	uint8_t mask[16];

	difference.bytes[(size - 1) % 16] = SKEX_CLASS_COMPUTATIONAL ^ SKEX_CLASS_ITS;
	product = element_add(element_of(one), element_of(other));
	key = element_root(element_mul(product, element_inverse(difference)));
	memset(w, 0, 64);
	memcpy(w, key.bytes, 16);
	confirm_ba(scene, w, &scene->common, scene->tags, SKEX_CLASS_COMPUTATIONAL, mask);
	skex_xor(w + 16, mask, one, 16);
}

static void rule_each_half_of_w_tags_one_message(void **state)
{
	struct skex_common common;
	struct scene scene;
	const uint8_t *w;
	uint8_t first[16];
	uint8_t second[16];
	uint8_t stolen[64];
	uint8_t forged[16];
	uint8_t right[16];

	(void)state;
	answered(&scene, 91);
	w = scene.plain + SKEX_BLOCK_U_BYTES;

	/* Without the rule bob says his class again, when it changed, under the same w. */
	confirm_ba(&scene, w, &scene.common, scene.tags, SKEX_CLASS_COMPUTATIONAL, first);
	confirm_ba(&scene, w, &scene.common, scene.tags, SKEX_CLASS_ITS, second);
	steal_half(first, second, &scene, stolen);
	assert_memory_equal(stolen, w, 32);
	/* Whoever relayed both now confirms what he likes, for instance another purpose. */
	common = scene.common;
	memcpy(common.purpose, "app:evil", 8);
	confirm_ba(&scene, stolen, &common, scene.tags, SKEX_CLASS_ITS, forged);
	confirm_ba(&scene, w, &common, scene.tags, SKEX_CLASS_ITS, right);
	assert_memory_equal(forged, right, 16);

	/* The engine made its answer once; w is gone, and nothing makes it say anything else. */
	assert_memory_equal(scene.bob_confirm, first, 16);
	assert_true(skex_ct_is_zero(scene.bob_vector + SKEX_BLOCK_U_BYTES, SKEX_BLOCK_W_BYTES));
	scene.bob.class_responder = SKEX_CLASS_ITS;
	assert_false(scene_bob_durable(&scene));
	assert_false(scene_give(&scene, 1));
	assert_memory_equal(scene.bob_confirm, first, 16);
}

/* Under one key the two confirmations would be two messages, and whoever relays both had it. */
static void rule_each_end_has_a_half_of_its_own(void **state)
{
	static struct scene scene;
	uint8_t before[2][16], after[2][16];
	uint8_t w[SKEX_BLOCK_W_BYTES];

	(void)state;
	answered(&scene, 97);
	memcpy(w, scene.plain + SKEX_BLOCK_U_BYTES, sizeof(w));
	for (size_t i = 0; i <= sizeof(w); i++) {
		for (uint8_t which = SKEX_CONFIRM_BA; which <= SKEX_CONFIRM_AB; which++)
			assert_int_equal(
				skex_block_confirm(scene.math, w, which, &scene.common,
					scene.common.first.counter, scene.tags, SKEX_CLASS_ITS,
					i == 0 ? before[which - 1] : after[which - 1]),
				SKEX_OK);
		if (i > 0) {
			assert_int_equal(memcmp(after[0], before[0], 16) != 0, i <= 32);
			assert_int_equal(memcmp(after[1], before[1], 16) != 0, i > 32);
			w[i - 1] ^= 0x10;
		}
		if (i < sizeof(w))
			w[i] ^= 0x10;
	}
}

static void rule_alice_uses_her_half_once(void **state)
{
	struct scene scene;
	uint8_t first[16];

	(void)state;
	answered(&scene, 92);
	assert_true(scene_confirm_ba(&scene, 1));
	memcpy(first, scene.confirm, 16);
	assert_true(skex_ct_is_zero(scene.vector, SKEX_BLOCK_EXTRA_BYTES));
	assert_true(scene_alice_durable(&scene));
	scene.class_responder = SKEX_CLASS_ITS;
	assert_false(scene_confirm_ba(&scene, 2));
	assert_memory_equal(scene.confirm, first, 16);
}

/* CONF_AB leaves only after CONF_BA: nobody gets a message under its key without bob's share. */
static void rule_alice_confirms_only_who_confirmed(void **state)
{
	struct scene scene;
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 93);
	assert_true(scene_start(&scene));
	assert_true(skex_ct_is_zero(scene.confirm, sizeof(scene.confirm)));
	random_fill(&scene.random, scene.bob_confirm, 16);
	for (i = 1; i <= 5; i++)
		assert_false(scene_confirm_ba(&scene, i));
	assert_true(skex_ct_is_zero(scene.confirm, sizeof(scene.confirm)));
}

/* The halves are apart: what bob says is not what alice has to say. */
static void rule_confirmations_cannot_be_reflected(void **state)
{
	struct skex_confirm_message message;
	struct scene scene;

	(void)state;
	answered(&scene, 94);
	message = scene_ab(&scene);
	message.tags = skex_view(scene.bob_confirm, 16);
	assert_false(skex_responder_step(&scene.bob, SKEX_RESPONDER_CONFIRM, &message));
	assert_memory_not_equal(scene.bob_confirm, scene.bob_expected, 16);
}

/* ---- the class is part of what is confirmed ---- */

static void rule_class_is_confirmed(void **state)
{
	struct skex_confirm_message message;
	const struct skex_initiator_confirm from = {1, &message};
	struct scene scene;
	uint8_t without[16];

	(void)state;
	answered(&scene, 95);
	/* Before the confirmation bob's class is not known: the key is computational. */
	assert_int_equal(scene.alice.class_responder, 0);
	message = scene_ba(&scene);
	message.class_responder = SKEX_CLASS_ITS; /* by the hub; bob said computational */

	/* Without the class under the tag nothing shows: the tag does not depend on it. */
	confirm_ba(&scene, scene.plain + SKEX_BLOCK_U_BYTES, &scene.common, scene.tags,
		SKEX_CLASS_COMPUTATIONAL, without);
	assert_memory_equal(without, message.tags.data, 16);

	assert_false(skex_initiator_step(&scene.alice, SKEX_INITIATOR_CONFIRM, &from));
	assert_int_equal(scene.alice.class_responder, 0);
	assert_true(scene_confirm_ba(&scene, 2));
	assert_int_equal(scene.alice.class_responder, SKEX_CLASS_COMPUTATIONAL);
}

/* alice's class is in the header that bob confirms, and that groups agree on. */
static void rule_class_of_the_initiator_is_confirmed(void **state)
{
	struct scene scene;
	struct gate gate;
	uint8_t other[16];
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 96);
	scene.alice.common.class_initiator = SKEX_CLASS_COMPUTATIONAL;
	scene.common.class_initiator = SKEX_CLASS_COMPUTATIONAL;
	assert_true(scene_start(&scene));
	scene.offers[0].common.class_initiator = SKEX_CLASS_ITS;
	gate_init(&gate, &scene);
	for (i = 1; i <= 5; i++)
		gate_give(&gate, i, &scene.offers[i - 1]);
	gate_deadline(&gate);
	assert_true(gate_agrees(&gate));
	assert_int_equal(gate.accepted->bob.common.class_initiator, SKEX_CLASS_COMPUTATIONAL);
	assert_int_equal(gate_named(&gate), UINT32_C(1) << 1);
	confirm_ba(&scene, scene.plain + SKEX_BLOCK_U_BYTES, &scene.offers[0].common, scene.tags,
		SKEX_CLASS_ITS, other);
	assert_memory_not_equal(other, gate.accepted->confirm, 16);
}

/* ---- one candidate per hub ---- */

/*
 * A tag of which an attacker knows all but a few bits, as it would be if it were short: with as
 * many attempts as it likes a hub finds it; with one it does not.
 */
static void rule_each_hub_brings_one_candidate(void **state)
{
	struct skex_confirm_message message;
	const struct skex_initiator_confirm from = {1, &message};
	struct scene scene;
	uint8_t guess[16];
	unsigned round;
	bool found = false;

	(void)state;
	answered(&scene, 97);
	memcpy(guess, scene.bob_confirm, 16);
	message = scene_ba(&scene);
	message.tags.data = guess;
	guess[5] = (uint8_t)(guess[5] + 1);
	for (round = 0; round < 256 && !found; round++, guess[5]++)
		found = memcmp(guess, scene.bob_confirm, 16) == 0;
	assert_true(found); /* without the rule */

	guess[5] = (uint8_t)(scene.bob_confirm[5] + 1);
	for (round = 0; round < 256; round++, guess[5]++)
		assert_false(skex_initiator_step(&scene.alice, SKEX_INITIATOR_CONFIRM, &from));
	assert_int_equal(scene.alice.state, SKEX_INITIATOR_SHARING);
	/* And it costs nobody but that hub. */
	assert_true(scene_confirm_ba(&scene, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_each_half_of_w_tags_one_message),
		cmocka_unit_test(rule_each_end_has_a_half_of_its_own),
		cmocka_unit_test(rule_alice_uses_her_half_once),
		cmocka_unit_test(rule_alice_confirms_only_who_confirmed),
		cmocka_unit_test(rule_confirmations_cannot_be_reflected),
		cmocka_unit_test(rule_class_is_confirmed),
		cmocka_unit_test(rule_class_of_the_initiator_is_confirmed),
		cmocka_unit_test(rule_each_hub_brings_one_candidate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
