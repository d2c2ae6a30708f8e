/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * R1 and R2 (docs/spec/pairwise.md, sections 12.1 and 14): who may cause them, what they cost, and
 * how far they move anything.
 */

static struct scene scene;

/* 18 and 19 */
static void attack_18_and_19_r1_again_and_again(void **state)
{
	struct party *b = &scene.party[1];
	const struct scene_message *r1, *r2;
	uint64_t before;
	unsigned hmac, sent;

	(void)state;
	scene_init(&scene, NULL, 220);
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	scene_deliver(&scene);
	r1 = &scene.log[0];
	r2 = &scene.log[1];
	assert_int_equal(scene_type_of(r2), 6);
	before = scene_print(b);
	hmac = b->hasher.hmac;
	sent = b->sent;
	for (unsigned i = 0; i < 10000; i++)
		scene_give(&scene, 1, r1->bytes, r1->size);
	/* Three tokens were left; each costs 3 HMAC to open and 3 to answer. */
	assert_int_equal(b->sent - sent, SKEX_PAIRWISE_R1_BURST - 1);
	assert_true(b->hasher.hmac - hmac <= 6 * (SKEX_PAIRWISE_R1_BURST - 1));
	assert_int_equal(scene_print(b), before);
	scene.queued = 0;
	/* Ordinary runs go on all the while; an old R1 moves nothing afterwards. */
	for (unsigned i = 0; i < 20; i++) {
		scene_start(&scene, 0);
		scene_deliver(&scene);
	}
	scene_assert_one_session(&scene, 20);
	scene_pass(&scene, 100000);
	before = scene_print(b);
	scene_give(&scene, 1, r1->bytes, r1->size);
	assert_int_equal(scene_print(b), before);
	assert_int_equal(b->peer_rollbacks, 0);
	scene.queued = 0;
	/* An old R2 is bound to its R1. */
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	before = scene_print(&scene.party[0]);
	assert_int_equal(scene_give(&scene, 0, r2->bytes, r2->size), 0);
	assert_int_equal(scene_print(&scene.party[0]), before);
}

/* R1 claims what is durable: else a crash would leave the peer's window ahead, and the next R2
 * would speak of a rollback that was none. */
static void rule_r1_claims_what_is_durable(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];

	(void)state;
	scene_init(&scene, NULL, 619);
	for (unsigned i = 0; i < 9; i++) {
		a->nvm.fails = 1;
		scene_start(&scene, 0);
	}
	assert_int_equal(a->state.next, 9);
	a->pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	assert_int_equal(scene_message(&scene, -1)->bytes[0], 16 + SKEX_PAIRWISE_R1);
	scene_pass(&scene, 5000);
	assert_int_equal(b->state.in.top, 0);
	scene_crash(a);
	assert_true(scene_boot(&scene, 0));
	assert_true(scene_succeed(&scene, 0));
	assert_int_equal(a->rollbacks, 0);
}

/* Rule 1: a random R1 costs no HMAC, and one lane's recovery moves no other. */
static void rule_a_random_r1_costs_nothing(void **state)
{
	struct scene_options without = {.no_locators = true};
	uint64_t random = 9;
	uint8_t bytes[52];

	(void)state;
	for (unsigned table = 0; table < 2; table++) {
		unsigned hmac;

		scene_init(&scene, table ? NULL : &without, 230 + table);
		hmac = scene.party[1].hasher.hmac;
		for (unsigned i = 0; i < 1000; i++) {
			scene_fill(&random, bytes, sizeof(bytes));
			bytes[0] = 0x15;
			bytes[1] = 0;
			bytes[2] = 0;
			bytes[3] = 8;
			assert_int_equal(scene_give(&scene, 1, bytes, sizeof(bytes)), 0);
		}
		/* Without the table each costs an HMAC, as long as tags are checked. */
		if (table)
			assert_int_equal(scene.party[1].hasher.hmac, hmac);
		else
			assert_int_equal(
				scene.party[1].hasher.hmac, hmac + SKEX_PAIRWISE_R1_CHECKS);
	}
}

/* A locator can be had by everybody who saw an R1.  What bears it under a wrong tag costs little,
 * and takes nothing from an R1 that is right, however long it goes on. */
static void rule_a_forged_r1_takes_no_token(void **state)
{
	struct party *b = &scene.party[1];
	struct scene_message forged;
	const struct scene_message *real;
	uint64_t random = 10;
	unsigned hmac;

	(void)state;
	scene_init(&scene, NULL, 240);
	scene.party[0].pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	assert_int_equal(scene.queued, 1);
	real = scene_message(&scene, -1);
	assert_int_equal(scene_type_of(real), SKEX_PAIRWISE_R1);
	forged = *real;
	scene.queued = 0;
	hmac = b->hasher.hmac;
	for (unsigned second = 0; second < 60; second++) {
		for (unsigned i = 0; i < 1000; i++) {
			scene_fill(&random, forged.bytes + real->size - 16, 16);
			assert_int_equal(scene_give(&scene, 1, forged.bytes, real->size), 0);
		}
		scene.now_ms += 1000;
	}
	assert_int_equal(b->pairwise.counters.forged, 60 * SKEX_PAIRWISE_R1_CHECKS);
	assert_int_equal(b->pairwise.counters.limited, 60 * (1000 - SKEX_PAIRWISE_R1_CHECKS));
	assert_true(b->hasher.hmac - hmac <= 60 * 2 * SKEX_PAIRWISE_R1_CHECKS);
	/* All that the bucket holds is there for what is right, and no more than that. */
	for (unsigned i = 0; i < 2 * SKEX_PAIRWISE_R1_BURST; i++) {
		const uint32_t actions = scene_give(&scene, 1, real->bytes, real->size);

		assert_int_equal(
			actions, i < SKEX_PAIRWISE_R1_BURST ? (uint32_t)SKEX_PAIRWISE_SEND : 0);
	}
	scene_deliver(&scene);
	assert_int_equal(scene.party[0].ready, 1);
}

static void rule_lanes_recover_apart(void **state)
{
	static struct scene lane;
	struct scene_options options = {.lane = 1};
	uint8_t r1[SKEX_PAIRWISE_RESYNC_BYTES];
	const uint8_t nonce[SKEX_PAIRWISE_NONCE_BYTES] = {5};
	uint64_t before;

	(void)state;
	scene_init(&scene, NULL, 235);
	scene_init(&lane, &options, 236);
	/* The lanes have one fingerprint, as they have one credential, and nothing else in common.
	 */
	assert_memory_equal(scene.party[0].state.fingerprint, lane.party[0].state.fingerprint, 8);
	assert_memory_not_equal(scene.party[0].state.recovery, lane.party[0].state.recovery, 32);
	assert_int_equal(
		skex_pairwise_r1_make(&scene.party[0].hasher.crypto, scene.party[0].state.recovery,
			scene.party[0].state.ac, 0, nonce, 5000, r1, sizeof(r1)),
		SKEX_OK);
	before = scene_print(&lane.party[1]);
	assert_int_equal(scene_give(&lane, 1, r1, sizeof(r1)), 0);
	assert_int_equal(scene_print(&lane.party[1]), before);
	/* With one recovery key for all lanes the same message moves both. */
	memcpy(lane.party[1].state.recovery, scene.party[1].state.recovery, 32);
	assert_int_equal(skex_pairwise_locate(&lane.party[1].pairwise), SKEX_OK);
	scene_give(&lane, 1, r1, sizeof(r1));
	assert_int_equal(lane.party[1].state.in.top, 5000);
}

/* 20, and rule 2: a jump is bounded on both sides. */
static void rule_a_jump_of_recovery_is_bounded(void **state)
{
	static const uint8_t depths[] = {0, 8};
	static const uint8_t h_nonce[SKEX_PAIRWISE_NONCE_BYTES] = {3};

	(void)state;
	for (unsigned d = 0; d < 2; d++) {
		struct scene_options options = {.depth = depths[d]};
		const uint64_t most = skex_pairwise_jump_max(depths[d]);
		struct party *a = &scene.party[0], *b = &scene.party[1];
		uint8_t bytes[SKEX_PAIRWISE_RESYNC_BYTES];
		uint8_t h1[SKEX_HASH_BYTES];
		struct skex_view whole;
		uint64_t before;
		unsigned hmac;

		/* A holder of the recovery key says what he likes. */
		scene_init(&scene, &options, 240 + d);
		a->pairwise.failures = SKEX_PAIRWISE_FAILURES;
		scene_start(&scene, 0);
		whole = skex_view(scene.log[0].bytes, scene.log[0].size);
		assert_int_equal(a->hasher.crypto.sha256(&a->hasher, &whole, 1, h1), SKEX_OK);
		assert_int_equal(
			skex_pairwise_r2_make(&a->hasher.crypto, a->state.recovery, a->state.ac, 0,
				h1, h_nonce, most + 1, bytes, sizeof(bytes)),
			SKEX_OK);
		hmac = a->hasher.hmac;
		scene_give(&scene, 0, bytes, sizeof(bytes));
		assert_int_equal(a->alarms, 1);
		assert_int_equal(a->state.next, 0);
		assert_int_equal(a->nvm.commits, 0);
		assert_true(a->hasher.hmac - hmac <= 4);

		/* Nor does R2 ever move an index down. */
		scene_init(&scene, &options, 243 + d);
		assert_int_equal(
			skex_pairwise_tree_drop(&a->state.out, &a->hasher.crypto, 50), SKEX_OK);
		a->state.next = 50;
		a->pairwise.failures = SKEX_PAIRWISE_FAILURES;
		scene_start(&scene, 0);
		whole = skex_view(scene.log[0].bytes, scene.log[0].size);
		assert_int_equal(a->hasher.crypto.sha256(&a->hasher, &whole, 1, h1), SKEX_OK);
		assert_int_equal(skex_pairwise_r2_make(&a->hasher.crypto, a->state.recovery,
					 a->state.ac, 0, h1, h_nonce, 7, bytes, sizeof(bytes)),
			SKEX_OK);
		scene_give(&scene, 0, bytes, sizeof(bytes));
		assert_int_equal(a->state.next, 50);
		assert_int_equal(a->alarms, 0);
		assert_int_equal(a->ready, 1);

		assert_int_equal(skex_pairwise_r1_make(&a->hasher.crypto, b->state.recovery,
					 b->state.ac, 0, h_nonce, most + 1, bytes, sizeof(bytes)),
			SKEX_OK);
		before = scene_print(b);
		hmac = b->hasher.hmac;
		scene_give(&scene, 1, bytes, sizeof(bytes));
		assert_int_equal(b->alarms, 1);
		assert_int_equal(scene_print(b), before);
		assert_true(b->hasher.hmac - hmac <= 4);
		assert_int_equal(b->sent, 0);
	}
}

/* R2 says the later of claim and top, and never while a move is not durable. */
static uint64_t said_by_r2(const struct skex_pairwise_output *out, const uint8_t *r1)
{
	const struct skex_view whole = skex_view(r1, SKEX_PAIRWISE_RESYNC_BYTES);
	struct party *a = &scene.party[0];
	struct skex_pairwise_message message;
	uint8_t h1[SKEX_HASH_BYTES];
	uint64_t target = 0;

	assert_int_equal(out->actions, SKEX_PAIRWISE_SEND);
	assert_int_equal(skex_pairwise_decode(&message, out->message), SKEX_OK);
	assert_int_equal(a->hasher.crypto.sha256(&a->hasher, &whole, 1, h1), SKEX_OK);
	assert_int_equal(skex_pairwise_r2_open(&a->hasher.crypto, a->state.recovery, a->state.ac, 0,
				 h1, &message, &target),
		SKEX_OK);
	return target;
}

static void rule_r2_waits_until_a_move_is_durable(void **state)
{
	static const uint8_t random[SKEX_PAIRWISE_RANDOM_BYTES] = {4};
	static const uint8_t nonce[SKEX_PAIRWISE_NONCE_BYTES] = {8};
	struct skex_pairwise_input input = {.random = skex_view(random, sizeof(random))};
	struct party *b = &scene.party[1];
	uint8_t near[SKEX_PAIRWISE_RESYNC_BYTES], far[SKEX_PAIRWISE_RESYNC_BYTES];
	struct skex_pairwise_output out;

	(void)state;
	scene_init(&scene, NULL, 247);
	assert_int_equal(skex_pairwise_r1_make(&b->hasher.crypto, b->state.recovery, b->state.ac, 0,
				 nonce, 3, near, sizeof(near)),
		SKEX_OK);
	assert_int_equal(skex_pairwise_r1_make(&b->hasher.crypto, b->state.recovery, b->state.ac, 0,
				 nonce, 900, far, sizeof(far)),
		SKEX_OK);
	skex_pairwise_receive(&b->pairwise, skex_view(near, sizeof(near)), &input, &out);
	assert_int_equal(said_by_r2(&out, near), 3);
	skex_pairwise_receive(&b->pairwise, skex_view(far, sizeof(far)), &input, &out);
	assert_int_equal(out.actions, SKEX_PAIRWISE_PERSIST);
	skex_pairwise_receive(&b->pairwise, skex_view(far, sizeof(far)), &input, &out);
	assert_int_equal(out.actions, 0);
	assert_int_equal(out.why, SKEX_E_BUSY);
	skex_pairwise_moved(&b->pairwise, false);
	input.now_ms += 100000;
	skex_pairwise_receive(&b->pairwise, skex_view(far, sizeof(far)), &input, &out);
	assert_int_equal(out.actions, SKEX_PAIRWISE_PERSIST);
	skex_pairwise_moved(&b->pairwise, true);
	skex_pairwise_receive(&b->pairwise, skex_view(far, sizeof(far)), &input, &out);
	assert_int_equal(said_by_r2(&out, far), 900);
	skex_pairwise_receive(&b->pairwise, skex_view(near, sizeof(near)), &input, &out);
	assert_int_equal(said_by_r2(&out, near), 900);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attack_18_and_19_r1_again_and_again),
		cmocka_unit_test(rule_a_random_r1_costs_nothing),
		cmocka_unit_test(rule_r1_claims_what_is_durable),
		cmocka_unit_test(rule_a_forged_r1_takes_no_token),
		cmocka_unit_test(rule_lanes_recover_apart),
		cmocka_unit_test(rule_a_jump_of_recovery_is_bounded),
		cmocka_unit_test(rule_r2_waits_until_a_move_is_durable),
	};

	return cmocka_run_group_tests_name("core/pairwise/recovery", tests, NULL, NULL);
}
