/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/dske/spent.h"
#include "tests/unit/core/dske/gate.h"

/*
 * Attacks on the way in which a responder gathers shares (docs/spec/rules.md), against a variant
 * without the rule, where they succeed, and against the core, where they do not.
 */

/* A responder that takes header and tags from the first share and then any share for this block. */
static void weak_meet(struct scene *scene, uint8_t index)
{
	scene_meet(scene, index);
}

static bool weak_give(struct scene *scene, uint8_t index)
{
	const struct scene_offer *offer = &scene->offers[index - 1];
	const struct skex_responder_share share = {index, offer->share, offer->stamp_ms};

	return skex_responder_step(&scene->bob, SKEX_RESPONDER_SHARE, &share);
}

/* ---- groups by identical (C, o) ---- */

static void rule_groups_agree_on_the_secret_tag(void **state)
{
	struct scene scene;
	struct gate gate;
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 71);
	assert_true(scene_start(&scene));
	scene.offers[1].tags[3] ^= 1;

	/* Without the rule one hub that comes first, with another o, costs the block. */
	weak_meet(&scene, 2);
	for (i = 1; i <= 5; i++)
		assert_false(weak_give(&scene, i));
	assert_int_equal(scene.bob.why, SKEX_E_INCONSISTENT);

	gate_init(&gate, &scene);
	gate_give(&gate, 2, &scene.offers[1]);
	for (i = 1; i <= 5; i++)
		gate_give(&gate, i, &scene.offers[i - 1]);
	assert_true(gate_agrees(&gate));
	gate_deadline(&gate);
	assert_int_equal(gate_named(&gate), UINT32_C(1) << 2);
}

static void rule_groups_agree_on_the_header(void **state)
{
	struct scene scene;
	struct gate gate;
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 72);
	assert_true(scene_start(&scene));
	memcpy(scene.offers[1].common.purpose, "app:evil", 8);

	/* Without the rule one hub moves the key to another application. */
	weak_meet(&scene, 2);
	for (i = 1; i <= 5; i++)
		(void)weak_give(&scene, i);
	assert_int_equal(scene.bob.state, SKEX_RESPONDER_COMMITTING);
	assert_true(scene_same_secrets(&scene));
	assert_memory_equal(scene.bob.common.purpose, "app:evil", 8);
	/* It would be found out by the confirmation; but a caller may not wait for that. */
	assert_true(scene_bob_durable(&scene));
	assert_false(scene_confirm_ba(&scene, 1));

	gate_init(&gate, &scene);
	gate_give(&gate, 2, &scene.offers[1]);
	for (i = 1; i <= 5; i++)
		gate_give(&gate, i, &scene.offers[i - 1]);
	assert_true(gate_agrees(&gate));
	assert_memory_equal(gate.accepted->bob.common.purpose, "app:test", 8);
}

/* ---- the index of a hub is its place in the profile ---- */

static void rule_index_is_never_read_from_the_wire(void **state)
{
	uint8_t chosen[SCENE_BYTES_MAX];
	uint8_t vector[SCENE_BYTES_MAX];
	const uint8_t wire[3] = {0, 2, 3}; /* hub 1 says of itself that it is 0 */
	const uint8_t *y[3];
	struct skex_responder_share share = {0, chosen, 1};
	struct scene scene;
	uint8_t tag[16];

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 73);
	assert_true(scene_start(&scene));
	/* A vector of the hub's choice, with the tag that everybody saw. */
	random_fill(&scene.random, chosen, scene.size);
	skex_block_tag(scene.math, chosen, scene.size, tag);
	skex_xor(tag, tag, scene.tags, 16);
	skex_xor(chosen + 16, chosen + 16, tag, 16);

	/* Without the rule that vector is the result, whatever the others say. */
	y[0] = chosen;
	y[1] = scene.offers[1].share;
	y[2] = scene.offers[2].share;
	assert_int_equal(
		skex_share_interpolate(scene.math, vector, 0, wire, y, 3, scene.size), SKEX_OK);
	assert_memory_equal(vector, chosen, scene.size);
	skex_block_tag(scene.math, vector, scene.size, tag);
	assert_memory_equal(tag, scene.tags, 16);

	/* The index comes with the leg; 0 is no place in a profile, and as hub 1 it is one liar. */
	scene_meet(&scene, 2);
	assert_false(skex_responder_step(&scene.bob, SKEX_RESPONDER_SHARE, &share));
	assert_int_equal(scene.bob.members, 0);
	memcpy(scene.offers[0].share, chosen, scene.size);
	assert_false(scene_give(&scene, 1));
	assert_false(scene_give(&scene, 2));
	assert_false(scene_give(&scene, 3));
	assert_true(scene_give(&scene, 4));
	assert_true(scene_same_secrets(&scene));
	assert_int_equal(scene.bob.inconsistent, UINT32_C(1) << 1);
}

/* ---- only the profile that policy names, with its own n and k ---- */

/* Two hubs make a block of their own under a header that says k = 2. */
static void forge_with_two(struct scene *forged, const struct scene *real)
{
	scene_init(forged, real->profile.n, 2, 1, 32, 74);
	forged->common = real->common;
	forged->common.k = 2;
	memcpy(forged->profile.id, real->profile.id, sizeof(forged->profile.id));
	forged->alice.common = forged->common;
	assert_true(scene_start(forged));
}

static void rule_n_and_k_are_the_profiles_own(void **state)
{
	struct scene forged;
	struct scene scene;
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 75);
	forge_with_two(&forged, &scene);

	/* Without the rule the header's k counts: two hubs have chosen a key. */
	scene_meet(&forged, 1);
	assert_false(scene_give(&forged, 1));
	assert_true(scene_give(&forged, 2));
	assert_true(scene_same_secrets(&forged));

	/* bob knows the profile himself. */
	memcpy(scene.offers, forged.offers, sizeof(scene.offers));
	scene_meet(&scene, 1);
	assert_int_equal(scene.bob.state, SKEX_RESPONDER_FAILED);
	for (i = 1; i <= 2; i++)
		assert_false(scene_give(&scene, i));

	/* Nor does it help them to put the right k into the header. */
	for (i = 0; i < 5; i++)
		scene.offers[i].common.k = 3;
	scene_meet(&scene, 1);
	assert_false(scene_give(&scene, 1));
	assert_false(scene_give(&scene, 2));
	assert_int_equal(scene.bob.state, SKEX_RESPONDER_GATHERING);
	assert_int_equal(scene.bob.why, SKEX_E_EMPTY);
}

/* What a daemon does with the profile of a header: it finds it in the list of the peer, or not. */
static const struct skex_profile *find_profile(
	const struct skex_profile *const *listed, size_t count, const struct skex_common *common)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (skex_profile_fits(listed[i], common))
			return listed[i];
	}
	return NULL;
}

static void rule_only_listed_profiles_are_accepted(void **state)
{
	const struct skex_profile *known[2];
	struct scene strong;
	struct scene weak;

	(void)state;
	scene_init(&strong, 5, 3, 1, 32, 76);
	scene_init(&weak, 3, 2, 1, 32, 77); /* a profile that bob has for another peer */
	assert_true(scene_start(&weak));
	known[0] = &strong.profile;
	known[1] = &weak.profile;

	/* Without the rule any known profile does: two hubs of the weak one forge a block. */
	assert_ptr_equal(find_profile(known, 2, &weak.common), &weak.profile);
	scene_meet(&weak, 1);
	assert_false(scene_give(&weak, 1));
	assert_true(scene_give(&weak, 2));

	/* For this peer only the strong one is listed: no engine is started. */
	assert_null(find_profile(known, 1, &weak.common));
	assert_ptr_equal(find_profile(known, 1, &strong.common), &strong.profile);
}

/* ---- the first accepted result is final ---- */

/*
 * An initiator that wants bob to hold two keys under one id: two polynomials that meet in the share
 * of hub 3, with one secret tag.
 */
static void make_two_faced(struct scene *scene, uint8_t *second)
{
	const uint8_t x[3] = {0, 3, 4};
	const uint8_t *y[3];
	uint8_t tag[16];

	random_fill(&scene->random, second, scene->size);
	skex_block_tag(scene->math, second, scene->size, tag);
	skex_xor(tag, tag, scene->tags, 16);
	skex_xor(second + 16, second + 16, tag, 16);
	random_fill(&scene->random, scene->offers[3].share, scene->size);
	y[0] = second;
	y[1] = scene->offers[2].share;
	y[2] = scene->offers[3].share;
	assert_int_equal(skex_share_interpolate(
				 scene->math, scene->offers[4].share, 5, x, y, 3, scene->size),
		SKEX_OK);
}

static void rule_first_accepted_result_is_final(void **state)
{
	const size_t at = SKEX_BLOCK_EXTRA_BYTES;
	uint8_t second[SCENE_BYTES_MAX];
	uint8_t first_confirm[16];
	struct skex_spent spent;
	struct scene scene;
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 78);
	assert_true(scene_start(&scene));
	make_two_faced(&scene, second);
	skex_spent_init(&spent);

	/* With the rule: later shares are judged only, and name hubs at most. */
	assert_false(skex_spent_any(&spent, scene.common.first.counter, 1));
	scene_meet(&scene, 1);
	for (i = 1; i <= 3; i++)
		(void)scene_give(&scene, i);
	assert_true(scene_same_secrets(&scene));
	skex_spent_add(&spent, scene.common.first.counter, 1);
	memcpy(first_confirm, scene.bob_confirm, 16);
	for (i = 4; i <= 5; i++)
		assert_false(scene_give(&scene, i));
	assert_true(scene_same_secrets(&scene));
	assert_memory_equal(first_confirm, scene.bob_confirm, 16);
	/* And once the run is forgotten, the counter still is not. */
	assert_true(skex_spent_any(&spent, scene.common.first.counter, 1));

	/* Without it, a run that begins anew with what comes later gives another key of this id. */
	scene_meet(&scene, 3);
	assert_false(scene_give(&scene, 3));
	assert_false(scene_give(&scene, 4));
	assert_true(scene_give(&scene, 5));
	assert_false(scene_same_secrets(&scene));
	assert_memory_equal(scene.bob_vector + at, second + at, scene.common.secret_size);
}

/* ---- a hub alone spends no counter ---- */

static void rule_fewer_than_k_hubs_spend_no_counter(void **state)
{
	struct skex_spent careless;
	struct skex_spent spent;
	struct scene scene;
	struct gate gate;
	uint32_t ahead;
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 32, 79);
	assert_true(scene_start(&scene));
	skex_spent_init(&careless);
	skex_spent_init(&spent);
	/* Hub 1 invents shares of blocks to come; each group fails at its deadline. */
	for (ahead = 0; ahead < 40; ahead++) {
		struct scene_offer offer = scene.offers[0];
		struct gate invented;

		offer.common.first.counter += 2u * ahead;
		gate_init(&invented, &scene);
		gate_give(&invented, 1, &offer);
		gate_deadline(&invented);
		skex_spent_add(&careless, offer.common.first.counter, 1);
		if (scene_count(invented.groups[0].bob.members) >= scene.profile.k)
			skex_spent_add(&spent, offer.common.first.counter, 1);
	}
	/* Without the rule alice's own blocks are over before she makes them. */
	assert_true(skex_spent_any(&careless, scene.common.first.counter, 1));
	assert_true(skex_spent_any(&careless, scene.common.first.counter + 1, 1));
	assert_false(skex_spent_any(&spent, scene.common.first.counter, 100));
	gate_init(&gate, &scene);
	for (i = 2; i <= 5; i++)
		gate_give(&gate, i, &scene.offers[i - 1]);
	assert_true(gate_agrees(&gate));
}

/* ---- naming is a report, nothing more ---- */

/* A malicious initiator sends a bad share through an honest hub, which then looks like a liar. */
static uint32_t frame(struct scene *scene, uint8_t victim)
{
	uint8_t i;

	scene->offers[victim - 1].share[100] ^= 4;
	scene_meet(scene, 1);
	for (i = 1; i <= scene->profile.n; i++)
		(void)scene_give(scene, i);
	return scene->bob.inconsistent;
}

static void rule_never_act_on_a_named_hub(void **state)
{
	uint32_t excluded = 0;
	struct scene scene;
	uint8_t i;

	(void)state;
	for (i = 1; i <= 3; i++) {
		scene_init(&scene, 5, 3, 1, 32, 80 + i);
		assert_true(scene_start(&scene));
		excluded |= frame(&scene, i);
	}
	assert_int_equal(excluded, UINT32_C(1) << 1 | UINT32_C(1) << 2 | UINT32_C(1) << 3);

	/* If bob left out whom he has seen named, his honest peers would have no key any more. */
	scene_init(&scene, 5, 3, 1, 32, 90);
	assert_true(scene_start(&scene));
	scene_meet(&scene, 1);
	for (i = 1; i <= 5; i++) {
		if ((excluded & UINT32_C(1) << i) == 0)
			assert_false(scene_give(&scene, i));
	}
	assert_int_equal(scene.bob.state, SKEX_RESPONDER_GATHERING);

	/* Suspects only come last in the search: they are accepted like all others. */
	scene_meet(&scene, 1);
	scene.bob.suspects = excluded;
	for (i = 1; i <= 3; i++)
		(void)scene_give(&scene, i);
	assert_true(scene_same_secrets(&scene));
	assert_int_equal(scene.bob.inconsistent, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_groups_agree_on_the_secret_tag),
		cmocka_unit_test(rule_groups_agree_on_the_header),
		cmocka_unit_test(rule_index_is_never_read_from_the_wire),
		cmocka_unit_test(rule_n_and_k_are_the_profiles_own),
		cmocka_unit_test(rule_only_listed_profiles_are_accepted),
		cmocka_unit_test(rule_first_accepted_result_is_final),
		cmocka_unit_test(rule_fewer_than_k_hubs_spend_no_counter),
		cmocka_unit_test(rule_never_act_on_a_named_hub),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
