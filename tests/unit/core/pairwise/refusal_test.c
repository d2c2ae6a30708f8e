/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * What the two ends do not agree on (docs/spec/pairwise.md, sections 7, 9 and 10): suites,
 * payloads, times, and what an alert ends.
 */

static struct scene scene;

/* 22 */
static void rule_no_downgrade_of_session_suites(void **state)
{
	static const struct {
		const char *a, *b;
		uint8_t alert_a; /* what A hears, or finds */
		uint8_t chosen;
	} rows[] = {{"\x02\x01", "\x01\x02", 0, 1}, {"\x02\x01", "\x02", 0, 2},
		{"\x02", "\x01", SKEX_PAIRWISE_ALERT_SUITE, 0},
		{"", "\x01", SKEX_PAIRWISE_ALERT_SUITE, 0},
		{"\x01", "", SKEX_PAIRWISE_ALERT_SUITE, 0}, {"", "", 0, 0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct party *a = &scene.party[0], *b = &scene.party[1];

		scene_init(&scene, NULL, 260 + i);
		a->policy.suites = skex_view(rows[i].a, strlen(rows[i].a));
		b->policy.suites = skex_view(rows[i].b, strlen(rows[i].b));
		scene_start(&scene, 0);
		scene_deliver(&scene);
		assert_int_equal(a->refused, rows[i].alert_a != 0);
		assert_int_equal(a->delivered, rows[i].alert_a == 0);
		assert_int_equal(b->delivered, rows[i].alert_a == 0);
		if (rows[i].alert_a != 0)
			assert_int_equal(a->alert, rows[i].alert_a);
		/* Never tried again with less: the application begins the next run, if any. */
		scene.queued = 0;
		scene.logged = 0;
		scene_pass(&scene, 300000);
		assert_int_equal(a->delivered, rows[i].alert_a == 0);
	}
	/* P1 has one suite, and the session that came of M1 is rekeyed without. */
	for (unsigned i = 1; i <= 2; i++) {
		struct party *a = &scene.party[0], *b = &scene.party[1];

		scene_init(&scene, NULL, 268 + i);
		a->policy.suites = skex_view("\x02\x01", 2);
		b->policy.suites = skex_view(i == 1 ? "\x01" : "\x02", 1);
		b->policy.time_needed = false;
		scene_push(&scene, 0, NULL);
		scene_deliver(&scene);
		assert_int_equal(b->delivered, i == 2);
		b->policy.suites = skex_view("\x01", 1);
		scene_start(&scene, 0);
		scene_deliver(&scene);
		b->session = scene_last(b);
		b->policy.time_needed = true;
		assert_int_equal(skex_pairwise_listen(&b->pairwise, b->session), SKEX_OK);
		assert_non_null(scene_rekey(&scene, 0, scene_last(a)));
		scene_deliver(&scene);
		assert_int_equal(b->retired, 1);
	}
	/* A choice that was not offered is an abort, though it is authentic. */
	{
		struct skex_pairwise_payload payload = {0};

		scene_init(&scene, NULL, 270);
		scene.party[0].policy.suites = skex_view("\x02", 1);
		payload.present = 1u << SKEX_PAIRWISE_FIELD_CHOSEN;
		payload.chosen = 1;
		scene.party[1].reply = &payload;
		scene_start(&scene, 0);
		scene_deliver(&scene);
		assert_int_equal(scene.party[0].delivered, 0);
		assert_int_equal(scene.party[0].alert, SKEX_PAIRWISE_ALERT_SUITE);
	}
}

/* 23, and rule 4: M2 with an alert makes no session anywhere, and the index is used. */
static void rule_an_alert_ends_the_run_at_both_ends(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 280);
	b->reply_alert = SKEX_PAIRWISE_ALERT_REFUSED;
	scene_start(&scene, 0);
	scene_deliver_one(&scene);
	scene.queued = 0; /* M2 is lost, M1 comes again: the same refusal */
	scene_pass(&scene, 2000);
	assert_int_equal(a->refused, 1);
	assert_int_equal(a->alert, SKEX_PAIRWISE_ALERT_REFUSED);
	assert_int_equal(a->delivered + b->delivered, 0);
	assert_int_equal(a->state.next, 1);
	assert_int_equal(b->state.in.top, 1);
	assert_int_equal(b->nvm.commits, 1);
	for (unsigned i = 0; i < scene.logged; i++)
		assert_true(scene_type_of(&scene.log[i]) <= 2);
	assert_true(skex_ct_is_zero(b->halves[0].exchange.secret, 32));
	/* Refusals are answers: they do not lead to recovery. */
	assert_int_equal(a->pairwise.failures, 0);
	b->reply_alert = 0;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	scene_assert_one_session(&scene, 1);
}

/* An M3 that is authentic and cannot be taken: B says so in M4, and neither has a session. */
static void rule_a_spoilt_third_message_makes_no_session(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];
	struct skex_pairwise_exchange exchange;
	struct skex_view parts[2];
	uint8_t body[64] = {0x13, SKEX_PAIRWISE_ACKREQ, 0, 2};
	struct skex_hmac key;

	(void)state;
	scene_init(&scene, NULL, 285);
	scene_start(&scene, 0);
	scene_deliver_one(&scene);
	exchange = b->halves[0].exchange; /* hs and th2, as A has them too in a moment */
	scene_deliver_one(&scene);
	scene.queued = 0;
	assert_int_equal(a->delivered, 1);
	/* An unknown critical field, of no length, sealed and tagged as A would. */
	memcpy(body + 4, exchange.ids[2], 8);
	body[12] = 0xff;
	assert_int_equal(skex_hmac_init(&a->hasher.crypto, &key, exchange.secret), SKEX_OK);
	assert_int_equal(skex_kdf_xor(&a->hasher.crypto, &key, "s3", skex_view(NULL, 0), body + 12,
				 body + 12, 2),
		SKEX_OK);
	parts[0] = skex_view(exchange.hash, sizeof(exchange.hash));
	parts[1] = skex_view(body, 14);
	assert_int_equal(
		skex_pairwise_tag(&a->hasher.crypto, &key, "t3", parts, 2, body + 14), SKEX_OK);
	assert_int_equal(scene_give(&scene, 1, body, 30), SKEX_PAIRWISE_SEND | SKEX_PAIRWISE_DROP);
	assert_int_equal(b->delivered, 0);
	assert_true(skex_ct_is_zero(b->halves[0].exchange.secret, 32));
	/* Nor does the true one make a session afterwards. */
	scene_give_logged(&scene, 2);
	assert_int_equal(b->delivered, 0);
}

/* With TAG4 over th2 only, an M4 would fit any M3 of the run: A could be told that B took one M3,
 * when B had taken another. */
static void rule_the_fourth_message_answers_the_third(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];
	struct skex_pairwise_payload payload = {0};
	struct skex_pairwise_exchange before, second;
	struct skex_pairwise_message message;
	struct skex_pairwise_output out;
	const struct scene_message *m2;
	uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES] = {0};
	struct skex_pairwise_input input = {0};
	uint8_t other[SCENE_MESSAGE];
	struct skex_view parts[2];
	struct skex_hmac key;
	size_t size = 0;

	(void)state;
	scene_init(&scene, NULL, 287);
	input.random = skex_view(random, sizeof(random));
	input.now_ms = scene.now_ms;
	scene_start(&scene, 0);
	scene_deliver_one(&scene);
	before = second = b->halves[0].exchange;
	m2 = scene_message(&scene, -1);
	scene.queued = 0;
	/* A says one thing in M3, and B gets another one under the same keys. */
	payload.present = 1u << SKEX_PAIRWISE_FIELD_BLOB;
	payload.blob = skex_view("what A says", 11);
	assert_int_equal(skex_pairwise_decode(&message, skex_view(m2->bytes, m2->size)), SKEX_OK);
	skex_pairwise_run_receive(&a->pairwise, &a->runs[0], &message, &payload, &input, &out);
	assert_true((out.actions & SKEX_PAIRWISE_SEND) != 0);
	payload.blob = skex_view("what B gets", 11);
	assert_int_equal(skex_pairwise_send_third(&before, &b->hasher.crypto, true, &payload, other,
				 sizeof(other), &size),
		SKEX_OK);
	assert_int_equal(
		scene_give(&scene, 1, other, size) & SKEX_PAIRWISE_SEND, SKEX_PAIRWISE_SEND);
	assert_int_equal(b->delivered, 1);
	assert_int_equal(scene_type_of(scene_message(&scene, -1)), 4);
	scene_deliver(&scene);
	assert_int_equal(a->confirmed, 0);
	assert_int_equal(a->pairwise.counters.forged, 1);
	/* Over th2, which is the same at both ends whatever M3 said, it would have been right. */
	memcpy(other, scene_message(&scene, -1)->bytes, 12);
	assert_int_equal(skex_hmac_init(&a->hasher.crypto, &key, second.secret), SKEX_OK);
	parts[0] = skex_view(second.hash, sizeof(second.hash));
	parts[1] = skex_view(other, 12);
	assert_int_equal(
		skex_pairwise_tag(&b->hasher.crypto, &key, "t4", parts, 2, other + 12), SKEX_OK);
	assert_memory_equal(a->runs[0].exchange.secret, second.secret, 32);
	assert_int_equal(
		skex_pairwise_verify(&a->hasher.crypto, &key, "t4", parts, 2, other + 12), SKEX_OK);
	assert_int_equal(scene_give(&scene, 0, other, 28), 0);
	assert_int_equal(a->confirmed, 0);
}

/* 24 */
static void rule_times_are_looked_at_by_policy(void **state)
{
	static const struct {
		int64_t off_ms;
		uint32_t window_ms;
		bool clock;
		bool said;
		bool needed;
		bool good;
	} rows[] = {{0, 60000, true, true, true, true}, {60000, 60000, true, true, true, true},
		{60001, 60000, true, true, true, false}, {-60000, 60000, true, true, true, true},
		{-60001, 60000, true, true, true, false}, {-999999999, 0, true, true, true, true},
		{-999999999, 60000, false, true, true, true}, {0, 60000, true, false, true, false},
		{0, 60000, true, false, false, true}};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct skex_pairwise_payload payload = {0};
		const struct skex_pairwise_start start = {.payload = &payload};
		struct party *b = &scene.party[1];

		scene_init(&scene, NULL, 290 + i);
		b->policy.time_window_ms = rows[i].window_ms;
		b->policy.time_needed = rows[i].needed;
		payload.time_ms = (uint64_t)((int64_t)scene.wall_ms + rows[i].off_ms);
		if (rows[i].said)
			payload.present = 1u << SKEX_PAIRWISE_FIELD_TIME;
		if (!rows[i].clock)
			scene.wall_ms = 0;
		scene_start_with(&scene, 0, &start);
		scene_deliver(&scene);
		assert_int_equal(b->delivered, rows[i].good);
		assert_int_equal(scene.party[0].alert, rows[i].good ? 0 : SKEX_PAIRWISE_ALERT_TIME);
		/* Used, so that a stale M1 cannot come again when the clock is set back. */
		assert_int_equal(b->state.in.top, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_no_downgrade_of_session_suites),
		cmocka_unit_test(rule_an_alert_ends_the_run_at_both_ends),
		cmocka_unit_test(rule_a_spoilt_third_message_makes_no_session),
		cmocka_unit_test(rule_the_fourth_message_answers_the_third),
		cmocka_unit_test(rule_times_are_looked_at_by_policy),
	};

	return cmocka_run_group_tests_name("core/pairwise/refusal", tests, NULL, NULL);
}
