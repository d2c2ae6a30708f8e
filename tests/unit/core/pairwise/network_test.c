/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * What a network can do to messages that are right (docs/spec/pairwise.md, section 14): lose them,
 * copy them, hold them back, bring them again.  Attacks stand under their numbers.
 */

static struct scene scene;

/* 1 */
static unsigned lost_type;

static enum scene_fate lose_first_of_type(struct scene *s, const struct scene_message *message)
{
	if (scene_type_of(message) == lost_type && s->counter > 0) {
		s->counter--;
		return SCENE_LOSE;
	}
	return SCENE_PASS;
}

static void attack_01_loss_of_each_message(void **state)
{
	(void)state;
	for (lost_type = 1; lost_type <= 4; lost_type++) {
		for (unsigned times = 1; times <= 4; times++) {
			scene_init(&scene, NULL, lost_type);
			scene.fate = lose_first_of_type;
			scene.counter = times;
			scene_start(&scene, 0);
			scene_pass(&scene, 62000);
			scene_assert_one_session(&scene, 1);
			assert_int_equal(scene.party[0].state.next, 1);
			assert_int_equal(scene.party[0].nvm.commits, 1);
			assert_int_equal(scene.party[1].nvm.commits, 1);
			assert_int_equal(scene.party[0].confirmed, 1);
		}
	}
	/* R1 and R2, after two runs that nobody heard. */
	for (lost_type = 5; lost_type <= 6; lost_type++) {
		scene_init(&scene, NULL, lost_type);
		scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
		scene.fate = lose_first_of_type;
		scene.counter = 2;
		scene_start(&scene, 0);
		scene_pass(&scene, 30000);
		assert_int_equal(scene.party[0].ready, 1);
		assert_int_equal(scene.party[0].nvm.commits, 0);
		scene_start(&scene, 0);
		scene_deliver(&scene);
		scene_assert_one_session(&scene, 1);
	}
}

/* 2 */
static void attack_02_every_message_many_times(void **state)
{
	(void)state;
	for (unsigned copies = 1; copies <= 10; copies++) {
		scene_init(&scene, NULL, 20 + copies);
		scene_start(&scene, 0);
		while (scene.queued > 0) {
			const struct scene_message *message = &scene.log[scene.queue[0]];

			scene.queued--;
			memmove(scene.queue, scene.queue + 1,
				scene.queued * sizeof(scene.queue[0]));
			for (unsigned i = 0; i < copies; i++)
				scene_give(&scene, (uint8_t)(1 - message->from), message->bytes,
					message->size);
			if (scene.logged > 400)
				break;
		}
		scene_assert_one_session(&scene, 1);
		assert_int_equal(scene.party[0].nvm.commits, 1);
		assert_int_equal(scene.party[1].nvm.commits, 1);
		/* What answers a copy is the answer there is. */
		for (unsigned i = 0; i < scene.logged; i++) {
			for (unsigned j = 0; j < i; j++) {
				if (scene_type_of(&scene.log[i]) == scene_type_of(&scene.log[j]))
					assert_memory_equal(scene.log[i].bytes, scene.log[j].bytes,
						scene.log[i].size);
			}
		}
	}
}

/* Somebody who copies, and drops nothing, uses up the answers at once: what the peer sends again is
 * answered all the same, for time gives answers back. */
static unsigned answers_to(const struct scene_message *message, unsigned copies)
{
	const unsigned sent = scene.party[1].sent;

	for (unsigned i = 0; i < copies; i++)
		(void)scene_give(&scene, 1, message->bytes, message->size);
	return scene.party[1].sent - sent;
}

static void rule_copies_do_not_use_up_what_resends_need(void **state)
{
	(void)state;
	for (unsigned type = 1; type <= 3; type += 2) {
		const struct scene_message *message;

		scene_init(&scene, NULL, 40 + type);
		scene_start(&scene, 0);
		while (scene_type_of(&scene.log[scene.queue[0]]) != type)
			assert_true(scene_deliver_one(&scene));
		message = &scene.log[scene.queue[0]];
		scene.queued = 0;
		/* The first is no repetition. */
		assert_int_equal(answers_to(message, 100), 1 + SKEX_PAIRWISE_REPEATS);
		/* Those went to who made the copies. */
		scene.queued = 0;
		scene.now_ms += SKEX_PAIRWISE_REPEAT_MS - 1;
		assert_int_equal(answers_to(message, 100), 0);
		scene.now_ms += 1;
		assert_int_equal(answers_to(message, 100), 1);
		scene.now_ms += 3 * SKEX_PAIRWISE_REPEAT_MS;
		assert_int_equal(answers_to(message, 100), 3);
		scene.now_ms += 40 * SKEX_PAIRWISE_REPEAT_MS;
		assert_int_equal(answers_to(message, 100), SKEX_PAIRWISE_REPEATS);
		scene.queued = 0;
		scene_pass(&scene, 20000);
		scene_assert_one_session(&scene, 1);
		assert_int_equal(scene.party[0].confirmed, 1);
	}
}

/* 3: all orders of four, and of eight the reversed one and the last first. */
static void attack_03_any_order_within_the_window(void **state)
{
	unsigned order[4];

	(void)state;
	for (unsigned permutation = 0; permutation < 24; permutation++) {
		unsigned rest[4] = {0, 1, 2, 3};
		unsigned left = 4, code = permutation;

		scene_init(&scene, NULL, 40 + permutation);
		for (unsigned i = 0; i < 4; i++) {
			scene_start(&scene, 0);
			order[i] = rest[code % left];
			rest[code % left] = rest[left - 1];
			code /= left--;
		}
		scene.queued = 0;
		for (unsigned i = 0; i < 4; i++)
			scene_give_logged(&scene, order[i]);
		scene_deliver(&scene);
		assert_int_equal(scene.party[0].delivered, 4);
		assert_int_equal(scene.party[1].delivered, 4);
	}
	/* More late than W: dropped, and nothing comes of it. */
	scene_init(&scene, NULL, 70);
	scene_start(&scene, 0);
	scene.queued = 0;
	for (unsigned i = 0; i < 8; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
	}
	assert_int_equal(scene.party[1].state.in.base, 1);
	assert_int_equal(scene.party[1].delivered, 8);
	{
		const uint64_t before = scene_print(&scene.party[1]);

		scene_give_logged(&scene, 0);
		assert_int_equal(scene_print(&scene.party[1]), before);
	}
	assert_int_equal(scene.party[1].delivered, 8);
}

/* 4 */
static void attack_04_replay_after_completion(void **state)
{
	struct party *b = &scene.party[1];
	unsigned logged, hmac;

	(void)state;
	scene_init(&scene, NULL, 80);
	for (unsigned i = 0; i < 20; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
	}
	scene_pass(&scene, 91000); /* also the places that remember answers are free */
	logged = scene.logged;
	for (unsigned i = 0; i < logged; i++) {
		const uint64_t before = scene_print(b);

		if (scene.log[i].from != 0)
			continue;
		hmac = b->hasher.hmac;
		assert_int_equal(scene_give(&scene, 1, scene.log[i].bytes, scene.log[i].size), 0);
		assert_int_equal(b->hasher.hmac, hmac);
		assert_int_equal(scene_print(b), before);
	}
	assert_int_equal(b->nvm.commits, 20);
	assert_int_equal(scene.logged, logged);
}

/* 5 */
static void attack_05_old_answers_in_a_new_run(void **state)
{
	unsigned logged;

	(void)state;
	scene_init(&scene, NULL, 90);
	for (unsigned i = 0; i < 5; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
	}
	logged = scene.logged;
	scene_start(&scene, 0);
	for (unsigned stage = 0; stage < 4; stage++) {
		for (unsigned i = 0; i < logged; i++) {
			const uint64_t a = scene_print(&scene.party[0]);
			const uint64_t b = scene_print(&scene.party[1]);

			scene_give_logged(&scene, i);
			assert_int_equal(scene_print(&scene.party[0]), a);
			assert_int_equal(scene_print(&scene.party[1]), b);
		}
		/* The last M3 is answered once more, which is all. */
		while (scene.queued > 1)
			scene.queued--;
		scene_deliver_one(&scene);
	}
	scene_assert_one_session(&scene, 6);
}

/* 6 */
static void rule_a_resend_never_outlives_what_it_addresses(void **state)
{
	(void)state;
	/* Held back past A's end: a half that times out, and nothing else. */
	scene_init(&scene, NULL, 101);
	scene.party[1].alive = false;
	scene_start(&scene, 0);
	scene_pass(&scene, 64000);
	scene.party[1].alive = true;
	assert_int_equal(scene.party[0].dropped, 1);
	assert_int_equal(scene.party[0].sent, 6); /* at 0, 1, 3, 7, 15 and 31 s */
	scene_give_logged(&scene, 0);
	scene.queued = 0;
	assert_int_equal(scene.party[1].halves[0].state, SKEX_PAIRWISE_HALF_OPEN);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	scene_assert_one_session(&scene, 1);
	scene_pass(&scene, 90500);
	for (unsigned i = 0; i < SCENE_HALVES; i++)
		assert_int_equal(scene.party[1].halves[i].state, SKEX_PAIRWISE_HALF_FREE);

	/* M2 comes when A has all but given up, and M3 is lost: it is sent again only for as long
	 * as the half that it is for lives, which began when the first M1 came. */
	for (unsigned late = 1000; late < 63000; late += 1700) {
		struct scene_message m2;
		uint64_t last = 0;

		scene_init(&scene, NULL, 110 + late);
		scene_start(&scene, 0);
		scene_deliver_one(&scene);
		m2 = *scene_message(&scene, -1);
		scene.queued = 0;
		lost_type = 1;
		scene.counter = 1000;
		scene.fate = lose_first_of_type;
		scene_pass(&scene, late);
		lost_type = 3;
		scene_give(&scene, 0, m2.bytes, m2.size);
		assert_int_equal(scene.party[0].delivered, 1);
		for (unsigned i = 0; i < 300; i++) {
			const unsigned logged = scene.logged;

			scene_pass(&scene, 500);
			if (scene.logged == logged)
				continue;
			last = scene.now_ms;
			assert_int_equal(scene_type_of(scene_message(&scene, -1)), 3);
			assert_int_equal(scene.party[1].halves[0].state, SKEX_PAIRWISE_HALF_OPEN);
		}
		assert_true(last < 1000000 + SKEX_PAIRWISE_HALF_MS);
		assert_int_equal(scene.party[0].unconfirmed, 1);
		assert_int_equal(scene.party[1].delivered, 0);
	}
}

/* 7 */
static void attack_07_held_back_first_messages_together(void **state)
{
	unsigned held;

	(void)state;
	scene_init(&scene, NULL, 120);
	scene.party[0].runs_count = SCENE_RUNS;
	for (unsigned i = 0; i < 7; i++)
		scene_start(&scene, 0);
	held = scene.logged;
	scene.queued = 0;
	for (unsigned i = 0; i < held; i++)
		scene_give_logged(&scene, i);
	scene.queued = 0;
	for (unsigned i = 0; i < SCENE_HALVES; i++)
		assert_int_equal(scene.party[1].halves[i].state, SKEX_PAIRWISE_HALF_OPEN);
	/* The newest ones stayed, and the true one, newer still, goes through. */
	for (unsigned i = 0; i < SCENE_HALVES; i++)
		assert_true(scene.party[1].halves[i].exchange.index >= 7 - SCENE_HALVES);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	scene_assert_one_session(&scene, 1);
	/* From the newest down: those that come later are dropped, without a trace. */
	scene_init(&scene, NULL, 121);
	for (unsigned i = 0; i < 7; i++)
		scene_start(&scene, 0);
	scene.queued = 0;
	for (unsigned i = 7; i-- > 0;) {
		const uint64_t before = scene_print(&scene.party[1]);

		scene_give_logged(&scene, i);
		if (i < 7 - SCENE_HALVES)
			assert_int_equal(scene_print(&scene.party[1]), before);
	}
	assert_int_equal(scene.party[1].pairwise.counters.full, 7 - SCENE_HALVES);
}

/* 15: whoever sends the bytes first, the answer is one, and so is the session.  That both sources
 * get it is the daemon's to show: the engine gives the same SEND for each. */
static void attack_15_another_source_is_faster(void **state)
{
	unsigned first;

	(void)state;
	scene_init(&scene, NULL, 190);
	scene_start(&scene, 0);
	scene.queued = 0;
	scene_give_logged(&scene, 0);
	first = scene.logged - 1;
	scene_give_logged(&scene, 0);
	assert_int_equal(scene.logged, first + 2);
	assert_memory_equal(scene.log[first].bytes, scene.log[first + 1].bytes, 44);
	scene_deliver(&scene);
	scene_assert_one_session(&scene, 1);
	assert_int_equal(scene.party[1].nvm.commits, 1);
}

/* 21 */
static enum scene_fate count_growth(struct scene *s, const struct scene_message *message)
{
	/* An answer has an even type, and the message before it is what it answers. */
	if (message != s->log && scene_type_of(message) % 2 == 0)
		assert_true(message->size * 10u <= message[-1].size * 14u);
	return SCENE_PASS;
}

static void rule_answers_do_not_amplify(void **state)
{
	struct skex_pairwise_payload payload = {0};
	struct party *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 250);
	scene.fate = count_growth;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	b->sent = 0;
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(b->sent, 1);

	/* An application that says more than the first message allows gets no answer sent. */
	scene_init(&scene, NULL, 251);
	payload.present = 1u << SKEX_PAIRWISE_FIELD_BLOB;
	payload.blob = skex_view(scene.log[0].bytes, 15);
	b->reply = &payload;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(b->sent, 0);
	payload.blob.size = 14;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_true(b->sent > 0);
	assert_int_equal(scene.party[0].delivered, 1);
	/* A longer M1 allows a longer M2. */
	payload.blob.size = 200;
	{
		struct skex_pairwise_payload padded = {.pad_to = 200};
		const struct skex_pairwise_start start = {.payload = &padded};

		scene_start_with(&scene, 0, &start);
		scene_deliver(&scene);
		assert_int_equal(scene.party[0].delivered, 2);
	}
}

/* 25 */
static void attack_25_both_begin_at_once(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 64; order++) {
		scene_init(&scene, NULL, 300 + order);
		scene_start(&scene, 0);
		scene_start(&scene, 1);
		for (unsigned step = 0; scene.queued > 0; step++) {
			if (scene.queued > 1 && (order >> step % 6 & 1) != 0) {
				const unsigned first = scene.queue[0];

				scene.queue[0] = scene.queue[1];
				scene.queue[1] = first;
			}
			scene_deliver_one(&scene);
		}
		assert_int_equal(scene.party[0].delivered, 2);
		assert_int_equal(scene.party[1].delivered, 2);
		for (unsigned i = 0; i < 2; i++)
			assert_true(scene_holds(&scene.party[1], &scene.party[0].sessions[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attack_01_loss_of_each_message),
		cmocka_unit_test(attack_02_every_message_many_times),
		cmocka_unit_test(rule_copies_do_not_use_up_what_resends_need),
		cmocka_unit_test(attack_03_any_order_within_the_window),
		cmocka_unit_test(attack_04_replay_after_completion),
		cmocka_unit_test(attack_05_old_answers_in_a_new_run),
		cmocka_unit_test(rule_a_resend_never_outlives_what_it_addresses),
		cmocka_unit_test(attack_07_held_back_first_messages_together),
		cmocka_unit_test(attack_15_another_source_is_faster),
		cmocka_unit_test(rule_answers_do_not_amplify),
		cmocka_unit_test(attack_25_both_begin_at_once),
	};

	return cmocka_run_group_tests_name("core/pairwise/network", tests, NULL, NULL);
}
