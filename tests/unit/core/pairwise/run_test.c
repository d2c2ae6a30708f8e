/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/* Runs as they go when nothing is in their way, what they cost, and what stays of them. */

static struct scene scene;

static void a_run_gives_both_ends_the_same_keys(void **state)
{
	static const uint8_t depths[] = {0, 8, 32};

	(void)state;
	for (unsigned d = 0; d < 3; d++) {
		struct scene_options options = {.depth = depths[d]};

		scene_init(&scene, &options, 1 + d);
		for (unsigned i = 0; i < 20; i++) {
			const uint8_t who = (uint8_t)(i % 3 == 0);
			const unsigned logged = scene.logged;

			scene_start(&scene, who);
			scene_deliver(&scene);
			assert_int_equal(scene.logged, logged + 4);
			for (unsigned m = 0; m < 4; m++)
				assert_int_equal(scene_type_of(&scene.log[logged + m]), m + 1);
			assert_int_equal(scene.party[0].delivered, i + 1);
			assert_int_equal(scene.party[1].delivered, i + 1);
			assert_int_equal(scene.party[0].confirmed, i + 1);
			assert_int_equal(scene.party[1].confirmed, i + 1);
			assert_memory_equal(&scene_last(&scene.party[0])->keys,
				&scene_last(&scene.party[1])->keys,
				sizeof(struct skex_pairwise_keys));
			assert_int_equal(scene_last(&scene.party[0])->initiator, who);
		}
		/* One commit on each side for each run. */
		assert_int_equal(scene.party[0].nvm.commits, 20);
		assert_int_equal(scene.party[1].nvm.commits, 20);
		scene_assert_distinct(&scene);
	}
}

/* 144 bytes in four messages. */
static void the_messages_have_the_sizes_of_the_specification(void **state)
{
	static const unsigned sizes[] = {44, 44, 28, 28};

	(void)state;
	scene_init(&scene, NULL, 4);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	for (unsigned m = 0; m < 4; m++)
		assert_int_equal(scene.log[m].size, sizes[m]);
}

/* At d = 0: 12 HMAC, one more for the hedged nonce, and 3 hashes; the responder fills one place of
 * its table besides, which costs at most 3. */
static void a_run_costs_13_hmac_and_3_hashes(void **state)
{
	struct party *a = &scene.party[0];
	struct party *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 5);
	for (unsigned i = 0; i < 30; i++) {
		a->hasher.hmac = a->hasher.sha = b->hasher.hmac = b->hasher.sha = 0;
		scene_start(&scene, 0);
		scene_deliver(&scene);
		assert_int_equal(a->delivered, i + 1);
		assert_int_equal(a->hasher.hmac, 13);
		assert_int_equal(a->hasher.sha, 3);
		assert_in_range(b->hasher.hmac, 13, 13 + 3);
		assert_int_equal(b->hasher.sha, 3);
	}
}

/*
 * What a device needs, on a machine with pointers of 64 bits: message buffers for payloads of up to
 * 7 bytes, and everything else that one association has.  Only stack is not in it.
 */
static size_t memory(
	uint16_t window, uint16_t ahead, unsigned runs, unsigned halves, bool with_state)
{
	const size_t message = SKEX_PAIRWISE_ROOM_MIN;
	size_t all = sizeof(struct skex_pairwise) + sizeof(struct skex_pairwise_session) + message;

	all += ((size_t)window + ahead) * SKEX_PAIRWISE_ID_BYTES;
	all += runs * (sizeof(struct skex_pairwise_run) + message);
	all += halves * (sizeof(struct skex_pairwise_half) + message);
	if (with_state)
		all += sizeof(struct skex_pairwise_state) +
			skex_pairwise_tree_room(0, window) * sizeof(struct skex_pairwise_node);
	return all;
}

static void an_association_fits_into_a_kibibyte(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct skex_pairwise_node), SKEX_PAIRWISE_STATE_NODE);
	/* A device that only begins runs, and one that only answers: with the state. */
	assert_in_range(memory(1, 1, 1, 0, true), 1, 1023);
	assert_in_range(memory(4, 4, 0, 1, true), 1, 1023);
	/* Both at once with the usual window, beside the state that lies in the store. */
	assert_in_range(memory(8, 8, 1, 1, false), 1, 1023);
}

/* 64 bits can be those of two indices: the tag decides which it is. */
static void two_indices_with_one_pseudonym(void **state)
{
	struct party *a = &scene.party[0];
	struct party *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 60);
	scene_start(&scene, 0);
	scene.queued = 0; /* lost: index 0 waits */
	scene_start(&scene, 0);
	memcpy(b->ids[0], b->ids[1], sizeof(b->ids[0]));
	scene_deliver(&scene);
	assert_int_equal(a->delivered, 1);
	assert_int_equal(b->delivered, 1);
	assert_true(scene_holds(b, scene_last(a)));
	/* The other one waits still. */
	assert_true(skex_pairwise_tree_holds(&b->state.in.tree, 0));
	assert_false(skex_pairwise_tree_holds(&b->state.in.tree, 1));
}

/* Only slot 0 begins it, where it is configured; and where it is not it is refused. */
static void reseeding_is_off_unless_both_are_set_so(void **state)
{
	static const struct scene_options reseeding = {.reseed = true};
	const struct skex_pairwise_start start = {.reseed = true};
	struct party *a = &scene.party[0];
	struct party *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 61);
	scene_start_with(&scene, 0, &start);
	scene_deliver(&scene);
	assert_int_equal(scene.logged, 0);
	scene_init(&scene, &reseeding, 62);
	scene_start_with(&scene, 1, &start);
	scene_deliver(&scene);
	assert_int_equal(scene.logged, 0);
	/* Set at one end alone. */
	b->state.reseed = NULL;
	scene_start_with(&scene, 0, &start);
	scene_deliver(&scene);
	assert_int_equal(a->alert, SKEX_PAIRWISE_ALERT_RESEED);
	assert_int_equal(a->delivered + b->delivered, 0);
	assert_int_equal(a->state.generation, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reseeding_is_off_unless_both_are_set_so),
		cmocka_unit_test(two_indices_with_one_pseudonym),
		cmocka_unit_test(a_run_gives_both_ends_the_same_keys),
		cmocka_unit_test(the_messages_have_the_sizes_of_the_specification),
		cmocka_unit_test(a_run_costs_13_hmac_and_3_hashes),
		cmocka_unit_test(an_association_fits_into_a_kibibyte),
	};

	return cmocka_run_group_tests_name("core/pairwise/run", tests, NULL, NULL);
}
