/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "tests/unit/core/dske/scene.h"

/* Brings bob into a state by genuine events only; hubs 1..k have given their shares by then. */
static void go_to(struct scene *scene, unsigned state)
{
	scene_init(scene, 5, 3, 2, 32, 21);
	assert_true(scene_start(scene));
	scene_meet(scene, 1);
	assert_false(scene_give(scene, 1));
	if (state == SKEX_RESPONDER_FAILED) {
		assert_true(skex_responder_step(&scene->bob, SKEX_RESPONDER_DEADLINE, NULL));
	} else if (state != SKEX_RESPONDER_GATHERING) {
		assert_false(scene_give(scene, 2));
		assert_true(scene_give(scene, 3));
		if (state != SKEX_RESPONDER_COMMITTING) {
			assert_true(scene_bob_durable(scene));
			assert_true(scene_confirm_ba(scene, 1));
			assert_true(scene_alice_durable(scene));
		}
		if (state == SKEX_RESPONDER_CONFIRMED)
			assert_true(scene_confirm_ab(scene));
	}
	assert_int_equal(scene->bob.state, state);
}

/* Feeds an event with input that is as good as can be. */
static bool feed(struct scene *scene, unsigned event)
{
	if (event == SKEX_RESPONDER_SHARE)
		return scene_give(scene, 4);
	if (event == SKEX_RESPONDER_CONFIRM)
		return scene_confirm_ab(scene);
	return skex_responder_step(&scene->bob, (enum skex_responder_event)event, NULL);
}

static void responder_each_row_is_reached(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < skex_responder_rows_count; i++) {
		const struct skex_row *row = &skex_responder_rows[i];
		struct scene scene;

		go_to(&scene, row->state);
		if (row->state == row->next) {
			/* A late share is only judged. */
			assert_int_equal(row->event, SKEX_RESPONDER_SHARE);
			assert_int_equal(scene.bob.accepted & UINT32_C(1) << 4, 0);
			assert_false(feed(&scene, row->event));
			assert_int_equal(scene.bob.accepted & UINT32_C(1) << 4, UINT32_C(1) << 4);
			assert_int_equal(scene.bob.actions, 0);
		} else if (row->next == SKEX_RESPONDER_COMMITTING) {
			assert_false(scene_give(&scene, 5));
			assert_true(feed(&scene, row->event));
			assert_int_equal(scene.bob.actions, SKEX_DSKE_PERSIST);
		} else {
			assert_true(feed(&scene, row->event));
			assert_int_equal(scene.bob.actions,
				row->next == SKEX_RESPONDER_ACCEPTED ? SKEX_DSKE_SEND_CONFIRM
					: row->next == SKEX_RESPONDER_CONFIRMED ? SKEX_DSKE_DELIVER
										: SKEX_DSKE_DROP);
		}
		assert_int_equal(scene.bob.state, row->next);
	}
}

static bool has_row(unsigned state, unsigned event)
{
	size_t found = 0;
	size_t i;

	for (i = 0; i < skex_responder_rows_count; i++)
		found += skex_responder_rows[i].state == state &&
			skex_responder_rows[i].event == event;
	assert_true(found <= 1); /* a second row would never run */
	return found == 1;
}

static void responder_what_has_no_row_changes_nothing(void **state)
{
	unsigned missing = 0;
	unsigned s;
	unsigned e;

	(void)state;
	for (s = 0; s < SKEX_RESPONDER_STATES; s++) {
		for (e = 0; e < SKEX_RESPONDER_EVENTS; e++) {
			struct scene scene;
			uint64_t before;

			if (has_row(s, e))
				continue;
			missing++;
			go_to(&scene, s);
			before = scene_bob_print(&scene);
			assert_false(feed(&scene, e));
			assert_int_equal(scene.bob.actions, 0);
			assert_true(scene_bob_print(&scene) == before);
		}
	}
	assert_int_equal(
		missing + skex_responder_rows_count, SKEX_RESPONDER_STATES * SKEX_RESPONDER_EVENTS);
}

/* One share per hub and batch: the first. */
static void responder_second_share_of_a_hub_changes_nothing(void **state)
{
	unsigned s;

	(void)state;
	for (s = 0; s < SKEX_RESPONDER_STATES; s++) {
		struct skex_responder_share again;
		struct scene scene;
		uint64_t before;

		go_to(&scene, s);
		before = scene_bob_print(&scene);
		scene.offers[0].share[200] ^= 1;
		again.index = 1;
		again.share = scene.offers[1].share;
		again.stamp_ms = 7;
		assert_false(skex_responder_step(&scene.bob, SKEX_RESPONDER_SHARE, &again));
		assert_true(scene_bob_print(&scene) == before);
	}
}

static void responder_share_without_a_place_in_the_profile_changes_nothing(void **state)
{
	static const uint8_t wrong[] = {0, 6, 16, 17, 31, 32, 255};
	unsigned s;
	size_t i;

	(void)state;
	for (s = 0; s < SKEX_RESPONDER_STATES; s++) {
		for (i = 0; i < sizeof(wrong); i++) {
			struct skex_responder_share share = {wrong[i], NULL, 7};
			struct scene scene;
			uint64_t before;

			go_to(&scene, s);
			share.share = scene.offers[4].share;
			before = scene_bob_print(&scene);
			assert_false(skex_responder_step(&scene.bob, SKEX_RESPONDER_SHARE, &share));
			assert_true(scene_bob_print(&scene) == before);
		}
	}
}

/* One that was withdrawn counts no more, and may come again; later nothing is withdrawn. */
static void responder_withdrawn_share_was_never_there(void **state)
{
	static const uint8_t wrong[] = {0, 6, 16, 32, 255};
	struct scene scene;
	uint64_t before;
	unsigned s;
	size_t i;

	(void)state;
	scene_init(&scene, 5, 3, 2, 48, 23);
	assert_true(scene_start(&scene));
	scene_meet(&scene, 1);
	(void)scene_give(&scene, 1);
	skex_responder_withdraw(&scene.bob, 1);
	assert_int_equal(scene.bob.members, 0);
	assert_null(scene.bob.shares[0]);
	(void)scene_give(&scene, 2);
	(void)scene_give(&scene, 3);
	for (i = 0; i < sizeof(wrong); i++)
		skex_responder_withdraw(&scene.bob, wrong[i]);
	assert_int_equal(scene.bob.members, 3u << 2);
	assert_int_equal(scene.bob.state, SKEX_RESPONDER_GATHERING);
	(void)scene_give(&scene, 1);
	assert_int_equal(scene.bob.state, SKEX_RESPONDER_COMMITTING);
	assert_int_equal(scene.bob.inconsistent, 0);
	for (s = 0; s < SKEX_RESPONDER_STATES; s++) {
		if (s == SKEX_RESPONDER_GATHERING)
			continue;
		go_to(&scene, s);
		before = scene_bob_print(&scene);
		skex_responder_withdraw(&scene.bob, 1);
		assert_true(scene_bob_print(&scene) == before);
	}
}

static void responder_accepts_any_k_shares(void **state)
{
	uint32_t set;

	(void)state;
	for (set = 0; set < 32; set++) {
		struct scene scene;
		uint8_t i;

		scene_init(&scene, 5, 3, 2, 48, 22);
		assert_true(scene_start(&scene));
		scene_meet(&scene, 1);
		for (i = 1; i <= 5; i++) {
			if ((set << 1 & UINT32_C(1) << i) != 0)
				(void)scene_give(&scene, i);
		}
		assert_int_equal(scene.bob.members, set << 1);
		assert_int_equal(scene.bob.inconsistent, 0);
		if (scene_count(set) < 3) {
			assert_int_equal(scene.bob.state, SKEX_RESPONDER_GATHERING);
			assert_int_equal(scene.bob.why, SKEX_E_EMPTY);
			continue;
		}
		assert_int_equal(scene.bob.state, SKEX_RESPONDER_COMMITTING);
		assert_int_equal(scene.bob.accepted, set << 1);
		assert_true(scene_same_secrets(&scene));
	}
}

/* A confirmation may not leave, nor the secret be used, before both are durable. */
static void responder_persists_before_it_confirms_or_delivers(void **state)
{
	struct scene scene;

	(void)state;
	go_to(&scene, SKEX_RESPONDER_GATHERING);
	assert_false(scene_give(&scene, 2));
	assert_int_equal(scene.bob.actions, 0);
	assert_true(scene_give(&scene, 5));
	assert_int_equal(scene.bob.actions, SKEX_DSKE_PERSIST);
	assert_true(scene_bob_durable(&scene));
	assert_int_equal(scene.bob.actions, SKEX_DSKE_SEND_CONFIRM);
	assert_false(scene_bob_durable(&scene));
	assert_int_equal(scene.bob.actions, 0);
	assert_true(scene_confirm_ba(&scene, 1));
	assert_true(scene_confirm_ab(&scene));
	assert_int_equal(scene.bob.actions, SKEX_DSKE_DELIVER);
}

static void responder_wipes_u_and_w_once_accepted(void **state)
{
	struct scene scene;
	uint16_t b;

	(void)state;
	go_to(&scene, SKEX_RESPONDER_COMMITTING);
	for (b = 0; b < scene.blocks; b++)
		assert_true(skex_ct_is_zero(
			scene.bob_vector + (size_t)b * scene.size, SKEX_BLOCK_EXTRA_BYTES));
	assert_true(scene_same_secrets(&scene));
	assert_false(skex_ct_is_zero(scene.bob_expected, (size_t)scene.blocks * 16));
	go_to(&scene, SKEX_RESPONDER_CONFIRMED);
	assert_true(skex_ct_is_zero(scene.bob_expected, (size_t)scene.blocks * 16));
}

static void responder_wrong_confirmations_change_nothing(void **state)
{
	struct scene scene;
	uint32_t what;

	(void)state;
	go_to(&scene, SKEX_RESPONDER_ACCEPTED);
	for (what = 0; what < scene.blocks * 128u + 7; what++) {
		struct skex_confirm_message message = scene_ab(&scene);
		uint8_t tags[SCENE_TAGS_MAX];
		const uint64_t before = scene_bob_print(&scene);

		memcpy(tags, scene.confirm, sizeof(tags));
		message.tags.data = tags;
		if (what < scene.blocks * 128u)
			tags[what / 8] ^= (uint8_t)(1u << what % 8);
		else if (what == scene.blocks * 128u)
			message.which = SKEX_CONFIRM_BA;
		else if (what == scene.blocks * 128u + 1)
			message.blocks = 1;
		else if (what == scene.blocks * 128u + 2)
			message.first.counter++;
		else if (what == scene.blocks * 128u + 3)
			message.first.instance++;
		else if (what == scene.blocks * 128u + 4)
			message.initiator.text[0] = 'b';
		else if (what == scene.blocks * 128u + 5)
			message.responder = scene.common.initiator;
		else
			memcpy(tags, scene.bob_confirm, sizeof(tags)); /* reflected */
		assert_false(skex_responder_step(&scene.bob, SKEX_RESPONDER_CONFIRM, &message));
		assert_true(scene_bob_print(&scene) == before);
	}
	assert_true(scene_confirm_ab(&scene));
}

static void responder_names_a_late_share_that_does_not_fit(void **state)
{
	unsigned s;

	(void)state;
	for (s = SKEX_RESPONDER_COMMITTING; s <= SKEX_RESPONDER_CONFIRMED; s++) {
		struct scene scene;
		uint32_t byte;

		go_to(&scene, s);
		byte = random_below(&scene.random, (uint32_t)scene.bytes);
		scene.offers[4].share[byte] ^= 0x10;
		assert_false(scene_give(&scene, 5));
		assert_int_equal(scene.bob.inconsistent, UINT32_C(1) << 5);
		assert_int_equal(scene.bob.accepted & UINT32_C(1) << 5, 0);
		assert_false(scene_give(&scene, 4));
		assert_int_equal(scene.bob.inconsistent, UINT32_C(1) << 5);
		assert_true(scene_same_secrets(&scene));
		assert_int_equal(scene.bob.state, s);
	}
}

static void responder_cannot_judge_what_it_forgot(void **state)
{
	struct scene scene;

	(void)state;
	go_to(&scene, SKEX_RESPONDER_ACCEPTED);
	skex_responder_forget(&scene.bob);
	scene.offers[4].share[0] ^= 1;
	assert_false(scene_give(&scene, 5));
	assert_int_equal(scene.bob.inconsistent, 0);
	assert_int_equal(scene.bob.members & UINT32_C(1) << 5, 0);
	assert_true(scene_confirm_ab(&scene));
}

static void responder_refuses_a_header_of_another_profile(void **state)
{
	uint32_t what;

	(void)state;
	for (what = 0; what < 4; what++) {
		struct scene scene;
		uint64_t before;

		go_to(&scene, SKEX_RESPONDER_GATHERING);
		if (what == 0)
			scene.offers[0].common.k = 2;
		else if (what == 1)
			scene.offers[0].common.n = 4;
		else if (what == 2)
			scene.offers[0].common.profile[15] ^= 0x80;
		if (what < 3)
			scene_meet(&scene, 1);
		else /* fewer tags than blocks */
			skex_responder_init(&scene.bob, scene.math, &scene.profile, &scene.common,
				2, SKEX_CLASS_ITS, skex_view(scene.tags, 16), scene.bob_vector,
				scene.bob_scratch, scene.bob_tags, scene.bob_confirm,
				scene.bob_expected);
		assert_int_equal(scene.bob.state, SKEX_RESPONDER_FAILED);
		before = scene_bob_print(&scene);
		assert_false(scene_give(&scene, 1));
		assert_false(scene_give(&scene, 2));
		assert_false(scene_give(&scene, 3));
		assert_true(scene_bob_print(&scene) == before);
	}
}

/* What one hub does to one block costs it the batch; the others carry it. */
static void responder_hub_that_lies_in_one_block_is_out_of_the_batch(void **state)
{
	uint16_t b;

	(void)state;
	for (b = 0; b < 3; b++) {
		struct scene scene;
		uint8_t i;

		scene_init(&scene, 5, 3, 3, 16, 23);
		assert_true(scene_start(&scene));
		scene.offers[1].share[(size_t)b * scene.size + 50] ^= 0xff;
		scene_meet(&scene, 1);
		for (i = 1; i <= 3; i++)
			assert_false(scene_give(&scene, i));
		assert_int_equal(scene.bob.why, SKEX_E_INCONSISTENT);
		assert_true(scene_give(&scene, 4));
		assert_int_equal(scene.bob.inconsistent, UINT32_C(1) << 2);
		assert_int_equal(
			scene.bob.accepted, UINT32_C(1) << 1 | UINT32_C(1) << 3 | UINT32_C(1) << 4);
		assert_true(scene_same_secrets(&scene));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responder_each_row_is_reached),
		cmocka_unit_test(responder_what_has_no_row_changes_nothing),
		cmocka_unit_test(responder_second_share_of_a_hub_changes_nothing),
		cmocka_unit_test(responder_share_without_a_place_in_the_profile_changes_nothing),
		cmocka_unit_test(responder_withdrawn_share_was_never_there),
		cmocka_unit_test(responder_accepts_any_k_shares),
		cmocka_unit_test(responder_persists_before_it_confirms_or_delivers),
		cmocka_unit_test(responder_wipes_u_and_w_once_accepted),
		cmocka_unit_test(responder_wrong_confirmations_change_nothing),
		cmocka_unit_test(responder_names_a_late_share_that_does_not_fit),
		cmocka_unit_test(responder_cannot_judge_what_it_forgot),
		cmocka_unit_test(responder_refuses_a_header_of_another_profile),
		cmocka_unit_test(responder_hub_that_lies_in_one_block_is_out_of_the_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
