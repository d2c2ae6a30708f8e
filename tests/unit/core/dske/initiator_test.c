/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "tests/unit/core/dske/scene.h"

/* bob has gathered the shares of all hubs and answered: alice may be confirmed now. */
static void let_bob_answer(struct scene *scene)
{
	uint8_t i;

	scene_meet(scene, 1);
	for (i = 1; i <= scene->profile.n; i++)
		(void)scene_give(scene, i);
	assert_int_equal(scene->bob.state, SKEX_RESPONDER_COMMITTING);
	assert_true(scene_bob_durable(scene));
}

/* Brings alice into a state by genuine events only. */
static void go_to(struct scene *scene, unsigned state)
{
	scene_init(scene, 5, 3, 2, 32, 11);
	if (state == SKEX_INITIATOR_NEW)
		return;
	assert_true(scene_start(scene));
	let_bob_answer(scene);
	if (state == SKEX_INITIATOR_FAILED) {
		assert_true(skex_initiator_step(&scene->alice, SKEX_INITIATOR_DEADLINE, NULL));
	} else if (state != SKEX_INITIATOR_SHARING) {
		assert_true(scene_confirm_ba(scene, 1));
		if (state == SKEX_INITIATOR_DONE)
			assert_true(scene_alice_durable(scene));
	}
	assert_int_equal(scene->alice.state, state);
}

/* Feeds an event with input that is as good as can be. */
static bool feed(struct scene *scene, unsigned event)
{
	static uint8_t index;
	struct skex_initiator_pads pads = {0};
	uint8_t bodies[SKEX_HUBS_MAX][SCENE_BYTES_MAX];
	uint8_t i;

	switch (event) {
	case SKEX_INITIATOR_START:
		for (i = 0; i < scene->profile.n; i++) {
			pads.pads[i] = scene->pad[i];
			pads.bodies[i] = bodies[i];
		}
		return skex_initiator_step(&scene->alice, SKEX_INITIATOR_START, &pads);
	case SKEX_INITIATOR_REFUSED:
		index = 5;
		return skex_initiator_step(&scene->alice, SKEX_INITIATOR_REFUSED, &index);
	case SKEX_INITIATOR_CONFIRM:
		return scene_confirm_ba(scene, 2);
	default:
		return skex_initiator_step(&scene->alice, (enum skex_initiator_event)event, NULL);
	}
}

/* What a step from `state` into `next` asks of the caller. */
static uint32_t actions_of(uint8_t state, uint8_t next)
{
	if (next == SKEX_INITIATOR_SHARING)
		return SKEX_DSKE_SEND_SHARES;
	if (next == SKEX_INITIATOR_COMMITTING)
		return SKEX_DSKE_PERSIST;
	if (next == SKEX_INITIATOR_DONE)
		return SKEX_DSKE_SEND_CONFIRM | SKEX_DSKE_DELIVER;
	assert_int_equal(next, SKEX_INITIATOR_FAILED);
	assert_true(state == SKEX_INITIATOR_NEW || state == SKEX_INITIATOR_SHARING);
	return SKEX_DSKE_DROP;
}

static void initiator_each_row_is_reached(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < skex_initiator_rows_count; i++) {
		const struct skex_row *row = &skex_initiator_rows[i];
		struct scene scene;

		go_to(&scene, row->state);
		if (row->event == SKEX_INITIATOR_REFUSED) {
			/* This row needs so many refusals that fewer than k hubs are left. */
			uint8_t index;

			for (index = 1; index <= 2; index++)
				assert_false(skex_initiator_step(
					&scene.alice, SKEX_INITIATOR_REFUSED, &index));
		}
		assert_true(feed(&scene, row->event));
		assert_int_equal(scene.alice.state, row->next);
		assert_int_equal(scene.alice.actions, actions_of(row->state, row->next));
	}
}

static bool has_row(unsigned state, unsigned event)
{
	size_t found = 0;
	size_t i;

	for (i = 0; i < skex_initiator_rows_count; i++)
		found += skex_initiator_rows[i].state == state &&
			skex_initiator_rows[i].event == event;
	assert_true(found <= 1); /* a second row would never run */
	return found == 1;
}

static void initiator_what_has_no_row_changes_nothing(void **state)
{
	unsigned missing = 0;
	unsigned s;
	unsigned e;

	(void)state;
	for (s = 0; s < SKEX_INITIATOR_STATES; s++) {
		for (e = 0; e < SKEX_INITIATOR_EVENTS; e++) {
			struct scene scene;
			uint64_t before;

			if (has_row(s, e))
				continue;
			missing++;
			go_to(&scene, s);
			before = scene_alice_print(&scene);
			assert_false(feed(&scene, e));
			assert_int_equal(scene.alice.actions, 0);
			assert_true(scene_alice_print(&scene) == before);
		}
	}
	assert_int_equal(
		missing + skex_initiator_rows_count, SKEX_INITIATOR_STATES * SKEX_INITIATOR_EVENTS);
}

/* Every set of legs with pad: k of them are enough, fewer change nothing. */
static void initiator_start_takes_any_k_legs(void **state)
{
	uint32_t set;

	(void)state;
	for (set = 0; set < 32; set++) {
		const uint32_t there = set << 1;
		struct scene scene;
		uint32_t bare = 0;
		uint64_t before;
		uint8_t i;

		scene_init(&scene, 5, 3, 2, 16, 12 + set);
		scene.no_pad = scene_all(5) & ~there;
		before = scene_alice_print(&scene);
		if (scene_count(there) < 3) {
			assert_false(scene_start(&scene));
			assert_true(scene_alice_print(&scene) == before);
			continue;
		}
		assert_true(scene_start(&scene));
		assert_int_equal(scene.alice.members, there);
		for (i = 1; i <= 5 && scene_count(bare) < 3; i++)
			bare |= there & UINT32_C(1) << i;
		assert_int_equal(scene.alice.bare, bare);
		/* Who carries no body has the pad itself as share. */
		for (i = 1; i <= 5; i++) {
			if ((bare & UINT32_C(1) << i) != 0)
				assert_memory_equal(
					scene.offers[i - 1].share, scene.pad[i - 1], scene.bytes);
		}
	}
}

static void initiator_start_needs_its_own_profile(void **state)
{
	uint32_t what;

	(void)state;
	for (what = 0; what < 3; what++) {
		struct scene scene;

		scene_init(&scene, 5, 3, 1, 16, 13);
		if (what == 0)
			scene.alice.common.k = 2;
		else if (what == 1)
			scene.alice.common.n = 4;
		else
			scene.alice.common.profile[7] ^= 1;
		assert_false(scene_start(&scene));
		assert_int_equal(scene.alice.state, SKEX_INITIATOR_NEW);
	}
}

static bool refuse(struct scene *scene, uint8_t index)
{
	return skex_initiator_step(&scene->alice, SKEX_INITIATOR_REFUSED, &index);
}

static void initiator_goes_on_while_k_hubs_can_deliver(void **state)
{
	struct scene scene;

	(void)state;
	go_to(&scene, SKEX_INITIATOR_SHARING);
	assert_false(refuse(&scene, 4));
	assert_false(refuse(&scene, 4));
	assert_false(refuse(&scene, 4)); /* one hub, however often */
	assert_false(refuse(&scene, 0));
	assert_false(refuse(&scene, 6));
	assert_false(refuse(&scene, 200));
	assert_int_equal(scene.alice.refused, UINT32_C(1) << 4);
	assert_false(refuse(&scene, 1));
	assert_int_equal(scene.alice.state, SKEX_INITIATOR_SHARING);
	/* A hub that refused may still bring the confirmation: it refused before it knew more. */
	assert_true(scene_confirm_ba(&scene, 4));

	go_to(&scene, SKEX_INITIATOR_SHARING);
	assert_false(refuse(&scene, 4));
	assert_false(refuse(&scene, 1));
	assert_true(refuse(&scene, 2));
	assert_int_equal(scene.alice.state, SKEX_INITIATOR_FAILED);
	assert_int_equal(scene.alice.actions, SKEX_DSKE_DROP);
}

static void initiator_refusals_count_for_members_only(void **state)
{
	struct scene scene;
	uint8_t i;

	(void)state;
	scene_init(&scene, 5, 3, 1, 16, 14);
	scene.no_pad = UINT32_C(1) << 1 | UINT32_C(1) << 2;
	assert_true(scene_start(&scene));
	for (i = 0; i < 3; i++)
		assert_false(refuse(&scene, (uint8_t)(i % 2 + 1)));
	assert_int_equal(scene.alice.refused, 0);
	/* No hub to spare. */
	assert_true(refuse(&scene, 5));
	assert_int_equal(scene.alice.state, SKEX_INITIATOR_FAILED);
}

/* Nothing of the secret may go out before it is durable. */
static void initiator_persists_before_it_confirms_or_delivers(void **state)
{
	struct scene scene;

	(void)state;
	go_to(&scene, SKEX_INITIATOR_SHARING);
	assert_true(scene_confirm_ba(&scene, 3));
	assert_int_equal(scene.alice.actions, SKEX_DSKE_PERSIST);
	assert_false(scene_confirm_ba(&scene, 4));
	assert_int_equal(scene.alice.actions, 0);
	assert_true(scene_alice_durable(&scene));
	assert_int_equal(scene.alice.actions, SKEX_DSKE_SEND_CONFIRM | SKEX_DSKE_DELIVER);
	assert_false(scene_alice_durable(&scene));
	assert_int_equal(scene.alice.actions, 0);
}

static void initiator_wipes_u_and_w_once_confirmed(void **state)
{
	struct scene scene;
	uint16_t b;

	(void)state;
	go_to(&scene, SKEX_INITIATOR_COMMITTING);
	for (b = 0; b < scene.blocks; b++) {
		uint8_t expected[16];

		assert_true(skex_ct_is_zero(
			scene.vector + (size_t)b * scene.size, SKEX_BLOCK_EXTRA_BYTES));
		assert_memory_equal(scene.vector + scene_secret_at(&scene, b),
			scene.plain + scene_secret_at(&scene, b), scene.common.secret_size);
		assert_int_equal(
			skex_block_confirm(scene.math,
				scene.plain + (size_t)b * scene.size + SKEX_BLOCK_U_BYTES,
				SKEX_CONFIRM_AB, &scene.common, scene.common.first.counter + b,
				scene.tags + 16 * b, scene.class_responder, expected),
			SKEX_OK);
		assert_memory_equal(scene.confirm + 16 * b, expected, 16);
	}
}

static bool try_ba(struct scene *scene, uint8_t index, const struct skex_confirm_message *message)
{
	const struct skex_initiator_confirm from = {index, message};

	return skex_initiator_step(&scene->alice, SKEX_INITIATOR_CONFIRM, &from);
}

/* A confirmation of another batch is not a candidate: it uses up no hub's one attempt. */
static void initiator_confirmation_of_another_batch_is_ignored(void **state)
{
	uint32_t what;

	(void)state;
	for (what = 0; what < 7; what++) {
		struct skex_confirm_message message;
		struct scene scene;
		uint64_t before;
		uint8_t index = 1;

		go_to(&scene, SKEX_INITIATOR_SHARING);
		message = scene_ba(&scene);
		if (what == 0)
			message.which = SKEX_CONFIRM_AB;
		else if (what == 1)
			message.first.counter++;
		else if (what == 2)
			message.first.instance++;
		else if (what == 3)
			message.blocks = 1;
		else if (what == 4)
			message.initiator = scene.common.responder;
		else if (what == 5)
			message.responder.text[0] = 'c';
		else
			index = 6;
		before = scene_alice_print(&scene);
		assert_false(try_ba(&scene, index, &message));
		assert_true(scene_alice_print(&scene) == before);
		assert_true(scene_confirm_ba(&scene, 1));
	}
}

/* Every bit of every tag matters, and so does the class that comes with them. */
static void initiator_wrong_confirmations_are_refused(void **state)
{
	struct scene fresh;
	uint32_t bit;

	(void)state;
	go_to(&fresh, SKEX_INITIATOR_SHARING);
	for (bit = 0; bit <= fresh.blocks * 128u; bit++) {
		struct skex_confirm_message message;
		uint8_t tags[SCENE_TAGS_MAX];
		const uint32_t tried = fresh.alice.tried;

		fresh.alice.tried = 0;
		message = scene_ba(&fresh);
		memcpy(tags, fresh.bob_confirm, sizeof(tags));
		message.tags.data = tags;
		if (bit < fresh.blocks * 128u)
			tags[bit / 8] ^= (uint8_t)(1u << bit % 8);
		else
			message.class_responder = SKEX_CLASS_COMPUTATIONAL;
		assert_false(try_ba(&fresh, 1, &message));
		assert_int_equal(fresh.alice.state, SKEX_INITIATOR_SHARING);
		assert_int_equal(fresh.alice.tried, UINT32_C(1) << 1);
		assert_int_equal(tried & ~(UINT32_C(1) << 1), 0);
	}
	assert_true(scene_confirm_ba(&fresh, 2));
}

static void initiator_hub_without_a_share_brings_no_confirmation(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 5, 3, 1, 16, 15);
	scene.no_pad = UINT32_C(1) << 5;
	assert_true(scene_start(&scene));
	scene_meet(&scene, 1);
	(void)scene_give(&scene, 1);
	(void)scene_give(&scene, 2);
	assert_true(scene_give(&scene, 4));
	assert_false(scene_confirm_ba(&scene, 5));
	assert_false(scene_confirm_ba(&scene, 0));
	assert_false(scene_confirm_ba(&scene, 255));
	assert_int_equal(scene.alice.tried, 0);
	assert_true(scene_confirm_ba(&scene, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initiator_each_row_is_reached),
		cmocka_unit_test(initiator_what_has_no_row_changes_nothing),
		cmocka_unit_test(initiator_start_takes_any_k_legs),
		cmocka_unit_test(initiator_start_needs_its_own_profile),
		cmocka_unit_test(initiator_goes_on_while_k_hubs_can_deliver),
		cmocka_unit_test(initiator_refusals_count_for_members_only),
		cmocka_unit_test(initiator_persists_before_it_confirms_or_delivers),
		cmocka_unit_test(initiator_wipes_u_and_w_once_confirmed),
		cmocka_unit_test(initiator_confirmation_of_another_batch_is_ignored),
		cmocka_unit_test(initiator_wrong_confirmations_are_refused),
		cmocka_unit_test(initiator_hub_without_a_share_brings_no_confirmation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
