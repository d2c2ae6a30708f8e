/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * Parallel runs, rekeying and one-pass push.  With reseed_test.c and outside_test.c these are the
 * numbers 41 to 49 and 53 to 56 of the list of attacks and faults (docs/spec/pairwise.md, section
 * 14).
 *
 * Not here: 42, two processes on one store, which is a lock of the store; 50, group keys, which are
 * bytes in a payload to the engines; 51, constant time, which tests/unit/core/constant_time looks
 * at with valgrind; 52, which is fuzz/pairwise.c; of 53 and 56 what needs a daemon or a consumer.
 */

static struct scene scene;

/* ---- parallel runs ---- */

/*
 * The regression that SAKE is known by: two runs in parallel, one from each end or both from one,
 * without loss. Of the 924 orders in which six messages of each can be handled 58 complete both in
 * SAKE; all of them do here. Each order is a word of two letters: whose message is handled next.
 */
static void interleave(uint8_t second_from, unsigned word)
{
	unsigned handled[2] = {0, 0};
	unsigned of[2][SCENE_QUEUE];
	unsigned count[2] = {0, 0};
	unsigned seen = 0;

	scene_init(&scene, NULL, 600);
	for (unsigned step = 0; step < 12; step++) {
		const unsigned run = word >> step & 1;

		/* The first of the six is that the run begins; the others that a message of it is
		 * handled, or, when there is none, that nothing happens. */
		if (handled[run]++ == 0) {
			scene_start(&scene, run == 0 ? 0 : second_from);
		} else if (count[run] > 0) {
			const struct scene_message *message = &scene.log[of[run][0]];

			count[run]--;
			memmove(of[run], of[run] + 1, count[run] * sizeof(of[run][0]));
			scene_give(&scene, (uint8_t)(1 - message->from), message->bytes,
				message->size);
		}
		for (; seen < scene.logged; seen++)
			of[run][count[run]++] = seen;
		scene.queued = 0;
	}
	assert_int_equal(scene.party[0].delivered, 2);
	assert_int_equal(scene.party[1].delivered, 2);
	assert_int_equal(scene.party[0].confirmed, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_true(scene_holds(&scene.party[1], &scene.party[0].sessions[i]));
}

static void all_924_interleavings_complete_both_runs(void **state)
{
	unsigned words = 0;

	(void)state;
	for (unsigned word = 0; word < 1u << 12; word++) {
		unsigned ones = 0;

		for (unsigned bit = 0; bit < 12; bit++)
			ones += word >> bit & 1;
		if (ones != 6)
			continue;
		words++;
		interleave(0, word);
		interleave(1, word);
	}
	assert_int_equal(words, 924);
}

/* 41 */
static void slots_for_runs_and_half_open_runs_are_bounded(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 610);
	b->halves_count = 2;
	b->pairwise.halves_count = 2;
	for (unsigned i = 0; i < 6; i++)
		scene_start(&scene, 0);
	for (unsigned i = 0; i < 6; i++)
		scene_deliver_one(&scene);
	/* The two newest are open; they complete, and the others run out. */
	assert_int_equal(b->halves[0].state, SKEX_PAIRWISE_HALF_OPEN);
	assert_int_equal(b->halves[1].state, SKEX_PAIRWISE_HALF_OPEN);
	assert_int_equal(b->halves[0].exchange.index + b->halves[1].exchange.index, 4 + 5);
	scene_deliver(&scene);
	/* A accepts what was evicted since, too, and is never confirmed of it. */
	assert_int_equal(b->delivered, 2);
	assert_int_equal(a->confirmed, 2);
	scene_pass(&scene, 100000);
	assert_int_equal(a->confirmed + a->unconfirmed + a->dropped, 6);
	assert_int_equal(b->delivered, 2);
}

/* 43: two replicas, each with a lane; one crashes and comes back from the past. */
static void lanes_do_not_touch_each_other(void **state)
{
	static struct scene other;
	static struct nvm backup;
	struct scene_options options = {.lane = 1};

	(void)state;
	scene_init(&scene, NULL, 620);
	scene_init(&other, &options, 621);
	backup = other.party[0].nvm;
	for (unsigned i = 0; i < 6; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
		scene_start(&other, 0);
		scene_deliver(&other);
	}
	for (unsigned i = 0; i < 6; i++)
		assert_false(scene_holds(&other.party[1], &scene.party[0].sessions[i]));
	for (unsigned i = 0; i < other.logged; i++) {
		for (uint8_t to = 0; to < 2; to++) {
			const uint64_t before = scene_print(&scene.party[to]);

			assert_int_equal(
				scene_give(&scene, to, other.log[i].bytes, other.log[i].size), 0);
			assert_int_equal(scene_print(&scene.party[to]), before);
		}
	}
	other.party[0].nvm = backup;
	assert_true(scene_boot(&other, 0));
	assert_true(scene_succeed(&other, 0));
	assert_int_equal(other.party[0].rollbacks, 1);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(scene.party[0].delivered, 7);
	assert_int_equal(scene.party[0].rollbacks, 0);
}

/* 44 */
static void messages_before_their_time_are_ignored(void **state)
{
	static struct scene ahead;

	(void)state;
	scene_init(&scene, NULL, 630);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	/* The same run again, from the same random bytes, so that its M3 and M4 are known. */
	scene_init(&ahead, NULL, 630);
	scene_start(&ahead, 0);
	assert_memory_equal(ahead.log[0].bytes, scene.log[0].bytes, scene.log[0].size);
	for (unsigned stage = 0; stage < 3; stage++) {
		for (unsigned later = stage + 1; later < 4; later++) {
			const struct scene_message *message = &scene.log[later];

			if (later != stage + 1 || message->from == ahead.log[stage].from)
				assert_int_equal(scene_give(&ahead, (uint8_t)(1 - message->from),
							 message->bytes, message->size),
					0);
		}
		scene_deliver_one(&ahead);
	}
	scene_deliver(&ahead);
	assert_int_equal(ahead.party[0].confirmed, 1);
	assert_int_equal(ahead.party[1].delivered, 1);
}

/* ---- records instead of M3 and M4 ---- */

static void rule_a_record_confirms_as_well_as_a_message(void **state)
{
	const struct skex_pairwise_start start = {.records = true};
	struct skex_pairwise_session tried;
	struct skex_pairwise_output out;
	struct skex_pairwise_half *half;
	struct skex_pairwise_run *run;

	(void)state;
	scene_init(&scene, NULL, 640);
	run = scene_start_with(&scene, 0, &start);
	scene_deliver_one(&scene);
	scene_deliver_one(&scene);
	scene.queued = 0; /* M3 is lost; a record comes */
	half = &scene.party[1].halves[0];
	assert_int_equal(skex_pairwise_half_try(&scene.party[1].pairwise, half, &tried), SKEX_OK);
	assert_memory_equal(tried.keys.exp, scene_last(&scene.party[0])->keys.exp, 32);
	assert_int_equal(scene.party[1].delivered, 0);
	skex_pairwise_half_record(&scene.party[1].pairwise, half, &out);
	assert_int_equal(out.actions, SKEX_PAIRWISE_DELIVER | SKEX_PAIRWISE_CONFIRMED);
	assert_memory_equal(out.session.keys.exp, tried.keys.exp, 32);
	skex_pairwise_half_record(&scene.party[1].pairwise, half, &out);
	assert_int_equal(out.actions, 0);
	skex_pairwise_run_record(&scene.party[0].pairwise, run, &out);
	assert_int_equal(out.actions, SKEX_PAIRWISE_CONFIRMED);
	assert_true(skex_ct_is_zero(&run->exchange, sizeof(run->exchange)));
}

/* Rule 4: without records M3 asks for an answer; without one A keeps the keys, as unconfirmed. */
static enum scene_fate lose_m4(struct scene *s, const struct scene_message *message)
{
	(void)s;
	return scene_type_of(message) == 4 ? SCENE_LOSE : SCENE_PASS;
}

static void rule_keys_without_an_answer_stay_unconfirmed(void **state)
{
	const struct skex_pairwise_start records = {.records = true};

	(void)state;
	scene_init(&scene, NULL, 645);
	scene.fate = lose_m4;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(scene.log[2].bytes[1], SKEX_PAIRWISE_ACKREQ);
	scene_pass(&scene, 100000);
	assert_int_equal(scene.party[0].delivered, 1);
	assert_int_equal(scene.party[0].confirmed, 0);
	assert_int_equal(scene.party[0].unconfirmed, 1);
	assert_int_equal(scene.party[0].dropped, 0);
	scene_init(&scene, NULL, 646);
	scene_start_with(&scene, 0, &records);
	scene_deliver(&scene);
	assert_int_equal(scene.log[2].bytes[1], 0);
	assert_int_equal(scene.logged, 3);
}

/* ---- rekeying ---- */

static void a_session_is_rekeyed_again_and_again(void **state)
{
	(void)state;
	scene_establish(&scene, NULL, 650);
	for (unsigned i = 1; i < 12; i++) {
		const uint8_t who = (uint8_t)(i % 2);
		const unsigned commits[] = {scene.party[0].nvm.commits, scene.party[1].nvm.commits};

		assert_non_null(scene_rekey(&scene, who, scene.party[who].session));
		scene_deliver(&scene);
		for (unsigned side = 0; side < 2; side++) {
			struct party *party = &scene.party[side];

			assert_int_equal(party->delivered, i + 1);
			assert_int_equal(party->retired, i);
			assert_int_equal(party->nvm.commits, commits[side]);
			party->session = scene_last(party);
			assert_int_equal(party->session->number, i);
			assert_int_equal(party->session->initiator, 0);
			assert_int_equal(
				skex_pairwise_listen(&party->pairwise, party->session), SKEX_OK);
		}
		assert_memory_equal(&scene_last(&scene.party[0])->keys,
			&scene_last(&scene.party[1])->keys, sizeof(struct skex_pairwise_keys));
	}
	scene_assert_distinct(&scene);
}

/* 45 and 46: both ask at once, with every pattern of loss of the first dozen messages. */
static unsigned losses;

static enum scene_fate lose_by_pattern(struct scene *s, const struct scene_message *message)
{
	const unsigned bit = s->counter++;

	if (scene_type_of(message) < 9 || bit >= 10)
		return SCENE_PASS;
	return (losses >> bit & 1) != 0 ? SCENE_LOSE : SCENE_PASS;
}

/* Which keys a party would use: the newest that is confirmed to it, or it may fall back on. */
static void rule_both_ends_keep_a_common_key_while_rekeying(void **state)
{
	(void)state;
	for (losses = 0; losses < 1u << 10; losses += 3) {
		bool common = false;

		scene_establish(&scene, NULL, 660);
		scene.fate = lose_by_pattern;
		scene.counter = 0;
		assert_non_null(scene_rekey(&scene, 0, scene.party[0].session));
		assert_non_null(scene_rekey(&scene, 1, scene.party[1].session));
		scene_pass(&scene, 100000);
		/* Who gave the old one up has a new one that the other end has too. */
		for (unsigned who = 0; who < 2; who++) {
			struct party *party = &scene.party[who];

			if (party->retired == 0)
				continue;
			assert_true(scene_holds(&scene.party[1 - who], scene_last(party)));
		}
		for (unsigned i = 0; i < scene.party[0].delivered; i++)
			common =
				common || scene_holds(&scene.party[1], &scene.party[0].sessions[i]);
		assert_true(common);
		/* The initiator of the session goes on; both do not give way. */
		assert_true(scene.party[0].delivered <= 2);
		assert_true(scene.party[1].delivered <= 2);
		if (losses == 0) {
			assert_int_equal(scene.party[0].delivered, 2);
			assert_int_equal(scene.party[0].retired, 1);
			assert_int_equal(scene.party[1].retired, 1);
		}
	}
}

static void rule_rekey_refuses_what_is_not_newer(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];
	struct skex_pairwise_output out;
	struct skex_pairwise_run *run;
	unsigned k1, k2;
	uint64_t before;

	(void)state;
	/* A first attempt is given up after K1 was answered; then a second. */
	scene_establish(&scene, NULL, 670);
	run = scene_rekey(&scene, 0, a->session);
	k1 = scene.logged - 1;
	scene_deliver_one(&scene);
	k2 = scene.logged - 1;
	assert_int_equal(scene_type_of(&scene.log[k2]), 10);
	scene.queued = 0;
	skex_pairwise_run_stop(&a->pairwise, run, &out);
	assert_null(a->session->asking);
	assert_non_null(scene_rekey(&scene, 0, a->session));
	assert_int_equal(a->session->asked, 2);
	/* The late K2 of the first says nothing to the second. */
	before = scene_print(a);
	assert_int_equal(scene_give(&scene, 0, scene.log[k2].bytes, scene.log[k2].size), 0);
	assert_int_equal(scene_print(a), before);
	scene_deliver(&scene);
	assert_int_equal(a->delivered, 2);
	assert_int_equal(b->delivered, 2);
	/* The first K1 comes again, when its half has been forgotten. */
	scene_pass(&scene, 100000);
	before = scene_print(b);
	assert_int_equal(scene_give(&scene, 1, scene.log[k1].bytes, scene.log[k1].size), 0);
	assert_int_equal(scene_print(b), before);
	/* Without the rule it would be answered once more. */
	b->session->answered = 0;
	assert_int_equal(
		scene_give(&scene, 1, scene.log[k1].bytes, scene.log[k1].size), SKEX_PAIRWISE_SEND);
	/* Nor is the last attempt newer than itself, when nothing came of it. */
	scene_establish(&scene, NULL, 671);
	run = scene_rekey(&scene, 0, a->session);
	k1 = scene.logged - 1;
	scene_deliver_one(&scene);
	scene.queued = 0;
	skex_pairwise_run_stop(&a->pairwise, run, &out);
	scene_pass(&scene, 100000);
	scene.queued = 0;
	before = scene_print(b);
	assert_int_equal(scene_give(&scene, 1, scene.log[k1].bytes, scene.log[k1].size), 0);
	assert_int_equal(scene_print(b), before);
}

/* 46: the old key stays good at the responder until the new one is confirmed. */
static void rule_rekey_keeps_the_old_key_until_confirmation(void **state)
{
	struct skex_pairwise_output out;

	(void)state;
	scene_establish(&scene, NULL, 680);
	assert_non_null(scene_rekey(&scene, 0, scene.party[0].session));
	scene_deliver_one(&scene);
	assert_int_equal(scene.party[1].delivered, 1);
	assert_int_equal(scene.party[1].retired, 0);
	scene_deliver_one(&scene); /* K2: A has both */
	assert_int_equal(scene.party[0].delivered, 2);
	assert_int_equal(scene.party[0].retired, 0);
	scene.queued = 0; /* K3 is lost for good */
	scene_pass(&scene, 500);
	scene.queued = 0;
	scene.fate = lose_by_pattern;
	losses = ~0u;
	scene.counter = 0;
	scene_pass(&scene, 120000);
	scene.fate = NULL;
	assert_int_equal(scene.party[1].delivered, 1);
	assert_int_equal(scene.party[1].retired, 0);
	assert_int_equal(scene.party[0].retired, 0);
	assert_int_equal(scene.party[0].unconfirmed, 1);
	/* A record under the new keys is as good as K3, and retires the old ones. */
	scene_establish(&scene, NULL, 681);
	assert_non_null(scene_rekey(&scene, 0, scene.party[0].session));
	scene_deliver_one(&scene);
	for (unsigned i = 0; i < SCENE_HALVES; i++) {
		struct skex_pairwise_half *half = &scene.party[1].halves[i];

		if (half->state != SKEX_PAIRWISE_HALF_OPEN)
			continue;
		skex_pairwise_half_record(&scene.party[1].pairwise, half, &out);
		assert_int_equal(out.actions,
			SKEX_PAIRWISE_DELIVER | SKEX_PAIRWISE_CONFIRMED | SKEX_PAIRWISE_RETIRE);
		assert_int_equal(out.session.number, 1);
	}
}

static void attempts_to_rekey_are_bounded(void **state)
{
	struct party *a = &scene.party[0];

	(void)state;
	scene_establish(&scene, NULL, 690);
	for (unsigned i = 0; i < SKEX_PAIRWISE_ATTEMPTS; i++) {
		struct skex_pairwise_output out;
		struct skex_pairwise_run *run = scene_rekey(&scene, 0, a->session);

		assert_non_null(run);
		assert_null(scene_rekey(&scene, 0, a->session)); /* one at a time */
		scene.queued = 0;
		skex_pairwise_run_stop(&a->pairwise, run, &out);
	}
	assert_null(scene_rekey(&scene, 0, a->session));
	/* And what a session without ids is asked is not known. */
	scene_establish(&scene, NULL, 691);
	scene.party[1].session->listening = false;
	scene_rekey(&scene, 0, a->session);
	scene_deliver(&scene);
	assert_int_equal(a->delivered, 1);
}

/* 47: the keys of one rekey give neither those before nor those after. */
static void a_known_session_key_gives_no_other(void **state)
{
	struct skex_pairwise_session sessions[3];
	struct hasher *hasher = &scene.party[0].hasher;
	uint8_t made[SKEX_HASH_BYTES];

	(void)state;
	scene_establish(&scene, NULL, 700);
	sessions[0] = *scene.party[0].session;
	for (unsigned i = 1; i < 3; i++) {
		scene_rekey(&scene, 0, scene.party[0].session);
		scene_deliver(&scene);
		for (unsigned who = 0; who < 2; who++) {
			scene.party[who].session = scene_last(&scene.party[who]);
			assert_int_equal(skex_pairwise_listen(&scene.party[who].pairwise,
						 scene.party[who].session),
				SKEX_OK);
		}
		sessions[i] = *scene.party[0].session;
	}
	/* What is published is exp of the second; every derivation that the protocol has from it.
	 */
	for (unsigned i = 0; i < 3; i += 2) {
		static const char *const labels[] = {"exp", "rs", "sid", "ms", "ck", "rt", "rk"};

		for (unsigned l = 0; l < 7; l++) {
			assert_int_equal(skex_kdf(&hasher->crypto, sessions[1].keys.exp, labels[l],
						 skex_view(NULL, 0), made, sizeof(made)),
				SKEX_OK);
			assert_memory_not_equal(made, sessions[i].keys.exp, 32);
			assert_memory_not_equal(made, sessions[i].keys.rs, 32);
		}
		assert_memory_not_equal(sessions[1].keys.exp, sessions[i].keys.exp, 32);
		assert_memory_not_equal(sessions[1].keys.rs, sessions[i].keys.rs, 32);
		assert_memory_not_equal(sessions[1].keys.sid, sessions[i].keys.sid, 8);
	}
	/* A phase is a step of a one-way function, and no export. */
	memcpy(made, sessions[1].keys.exp, 32);
	assert_int_equal(skex_pairwise_next_phase(&hasher->crypto, made), SKEX_OK);
	assert_memory_not_equal(made, sessions[1].keys.exp, 32);
}

/* ---- one-pass push ---- */

/* 48 */
static void rule_push_is_taken_once_while_storage_holds(void **state)
{
	struct skex_pairwise_payload payload = {0};
	static struct nvm backup;
	struct party *b = &scene.party[1];

	(void)state;
	payload.present = 1u << SKEX_PAIRWISE_FIELD_EARLY;
	payload.early = skex_view("21.5 C", 6);
	scene_init(&scene, NULL, 710);
	backup = b->nvm;
	scene_push(&scene, 0, &payload);
	assert_int_equal(scene_type_of(&scene.log[0]), 13);
	assert_int_equal(scene.party[0].nvm.commits, 1);
	assert_int_equal(scene.party[0].delivered, 1);
	scene_deliver(&scene);
	assert_int_equal(scene.logged, 1); /* nobody answers */
	assert_int_equal(b->delivered, 1);
	assert_int_equal(b->nvm.commits, 1);
	assert_true(skex_view_equal(b->payload.early, skex_view("21.5 C", 6)));
	assert_memory_equal(&scene_last(b)->keys, &scene_last(&scene.party[0])->keys,
		sizeof(struct skex_pairwise_keys));
	assert_true(scene_last(b)->onepass);
	assert_int_equal(scene_give(&scene, 1, scene.log[0].bytes, scene.log[0].size), 0);
	/* To somebody else, or as another type: nothing. */
	assert_int_equal(scene_give(&scene, 0, scene.log[0].bytes, scene.log[0].size), 0);
	/* It is no M1, and an M1 is no push: the type stands under the tag. */
	scene_push(&scene, 0, NULL);
	scene.queued = 0;
	{
		uint8_t bytes[SCENE_MESSAGE];

		memcpy(bytes, scene.log[1].bytes, scene.log[1].size);
		bytes[0] = 0x11;
		bytes[1] = 0;
		assert_int_equal(scene_give(&scene, 1, bytes, scene.log[1].size), 0);
		assert_int_equal(b->pairwise.counters.forged, 1);
	}
	/* A responder that went back takes it again: said in the specification. */
	b->nvm = backup;
	assert_true(scene_boot(&scene, 1));
	scene_give(&scene, 1, scene.log[0].bytes, scene.log[0].size);
	assert_int_equal(b->delivered, 2);
	/* With a time in it, and a window, it does not. */
	scene_init(&scene, NULL, 711);
	backup = b->nvm;
	b->policy.time_window_ms = 60000;
	b->policy.time_needed = true;
	payload.present |= 1u << SKEX_PAIRWISE_FIELD_TIME;
	payload.time_ms = scene.wall_ms;
	scene_push(&scene, 0, &payload);
	scene_deliver(&scene);
	assert_int_equal(b->delivered, 1);
	b->nvm = backup;
	assert_true(scene_boot(&scene, 1));
	scene.wall_ms += 3600000;
	scene_give(&scene, 1, scene.log[0].bytes, scene.log[0].size);
	assert_int_equal(b->delivered, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_924_interleavings_complete_both_runs),
		cmocka_unit_test(slots_for_runs_and_half_open_runs_are_bounded),
		cmocka_unit_test(lanes_do_not_touch_each_other),
		cmocka_unit_test(messages_before_their_time_are_ignored),
		cmocka_unit_test(rule_a_record_confirms_as_well_as_a_message),
		cmocka_unit_test(rule_keys_without_an_answer_stay_unconfirmed),
		cmocka_unit_test(a_session_is_rekeyed_again_and_again),
		cmocka_unit_test(rule_both_ends_keep_a_common_key_while_rekeying),
		cmocka_unit_test(rule_rekey_refuses_what_is_not_newer),
		cmocka_unit_test(rule_rekey_keeps_the_old_key_until_confirmation),
		cmocka_unit_test(attempts_to_rekey_are_bounded),
		cmocka_unit_test(a_known_session_key_gives_no_other),
		cmocka_unit_test(rule_push_is_taken_once_while_storage_holds),
	};

	return cmocka_run_group_tests_name("core/pairwise/session", tests, NULL, NULL);
}
