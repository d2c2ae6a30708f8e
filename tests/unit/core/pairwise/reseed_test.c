/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * Reseeding: a new generation from a secret that both ends were given (docs/spec/pairwise.md,
 * sections 12 and 14).
 */

static struct scene scene;

static const struct scene_options reseeding = {.reseed = true};
static const struct skex_pairwise_start make_generation = {.reseed = true};

static void a_reseed_begins_a_generation(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];

	(void)state;
	scene_init(&scene, &reseeding, 720);
	for (unsigned round = 1; round < 5; round++) {
		scene_start_with(&scene, 0, &make_generation);
		scene_deliver(&scene);
		assert_int_equal(a->state.generation, round);
		assert_int_equal(b->state.generation, round - 1);
		assert_int_equal(b->reseed.pending, SKEX_PAIRWISE_PENDING_NEW);
		assert_int_equal(a->reseed.pending, SKEX_PAIRWISE_PENDING_OLD);
		/* Before B has moved, what it begins goes by the old generation. */
		scene_start(&scene, 1);
		scene_deliver(&scene);
		assert_int_equal(a->delivered, b->delivered);
		scene_start(&scene, 0);
		scene_deliver(&scene);
		assert_int_equal(b->state.generation, round);
		assert_int_equal(b->reseed.pending, SKEX_PAIRWISE_PENDING_NONE);
		assert_int_equal(a->reseed.pending, SKEX_PAIRWISE_PENDING_NONE);
		assert_memory_equal(a->state.fingerprint, b->state.fingerprint, 8);
		scene_start(&scene, 1);
		scene_deliver(&scene);
		assert_int_equal(a->delivered, 4 * round);
		assert_int_equal(b->delivered, 4 * round);
		scene_pass(&scene, 100000);
	}
	scene_assert_distinct(&scene);
	/* Only slot 0, and only where it is on. */
	scene_start_with(&scene, 1, &make_generation);
	assert_int_equal(scene.queued, 0);
	scene_init(&scene, NULL, 721);
	scene_start_with(&scene, 0, &make_generation);
	assert_int_equal(scene.queued, 0);
}

/* 49: every message is lost, or the power goes at every step, and either end comes back. */
static unsigned fault;

static enum scene_fate reseed_fault(struct scene *s, const struct scene_message *message)
{
	const unsigned at = s->counter++;

	if (fault < 16 && at == fault)
		return SCENE_LOSE;
	if (fault >= 16 && fault < 32 && at == fault - 16) {
		scene_crash(&s->party[1 - message->from]);
		return SCENE_LOSE;
	}
	return SCENE_PASS;
}

static void rule_each_step_of_a_reseed_may_fail(void **state)
{
	(void)state;
	for (fault = 0; fault < 44; fault++) {
		scene_init(&scene, &reseeding, 730 + fault);
		scene.fate = reseed_fault;
		if (fault >= 32) {
			struct nvm *nvm = &scene.party[fault % 2].nvm;

			/* The power goes around the first, second or third commit. */
			scene_start(&scene, 1);
			scene_deliver(&scene);
			nvm->dead_before = fault % 4 < 2;
			nvm->dead_after = !nvm->dead_before;
		}
		for (unsigned round = 0; round < 6; round++) {
			for (uint8_t who = 0; who < 2; who++) {
				if (!scene.party[who].alive)
					assert_true(scene_boot(&scene, who));
			}
			scene_start_with(&scene, 0,
				round < 3 ? &make_generation : &(struct skex_pairwise_start){0});
			scene_pass(&scene, 130000);
		}
		scene.fate = NULL;
		assert_true(scene_succeed(&scene, 0));
		assert_true(scene_succeed(&scene, 1));
		assert_int_equal(scene.party[0].state.generation, scene.party[1].state.generation);
		assert_true(scene.party[0].state.generation > 0);
		assert_int_equal(scene.party[0].alarms + scene.party[1].alarms, 0);
		scene_assert_distinct(&scene);
	}
}

/* A generation is never made by an attempt that is not newer, however late it comes. */
static void rule_reseed_attempts_only_rise(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];

	(void)state;
	scene_init(&scene, &reseeding, 780);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	scene_start_with(&scene, 0, &make_generation);
	scene_deliver(&scene);
	assert_int_equal(b->reseed.attempt, 1);
	/* The number is durable before M1 leaves. */
	scene_init(&scene, &reseeding, 781);
	scene_start_with(&scene, 0, &make_generation);
	scene.queued = 0;
	assert_true(scene_boot(&scene, 0));
	assert_int_equal(a->reseed.attempt, 1);
	scene_start_with(&scene, 0, &make_generation);
	scene_deliver(&scene);
	assert_int_equal(b->reseed.attempt, 2);
	/* Pending is durable before M4 leaves, and the half that waits for it sends nothing else.
	 */
	scene_init(&scene, &reseeding, 782);
	scene_start_with(&scene, 0, &make_generation);
	for (unsigned i = 0; i < 2; i++)
		scene_deliver_one(&scene);
	b->nvm.fails = 1;
	scene_deliver(&scene);
	assert_int_equal(b->sent, 1);
	assert_int_equal(b->delivered, 0);
	assert_int_equal(a->state.generation, 0);
	/* An attempt that is not newer is refused. */
	scene_init(&scene, &reseeding, 783);
	b->reseed.attempt = 1;
	scene_start_with(&scene, 0, &make_generation);
	scene_deliver(&scene);
	assert_int_equal(a->alert, SKEX_PAIRWISE_ALERT_RESEED);
	assert_int_equal(b->reseed.pending, SKEX_PAIRWISE_PENDING_NONE);
}

/* M3 of an attempt that a newer one has passed does not take its place, for there the peer is. */
static void rule_an_older_reseed_does_not_replace_a_newer(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];
	struct skex_pairwise_output ignored;
	struct scene_message late;

	(void)state;
	scene_init(&scene, &reseeding, 784);
	scene_start_with(&scene, 0, &make_generation);
	scene_deliver_one(&scene);
	scene_deliver_one(&scene);
	late = *scene_message(&scene, -1);
	scene.queued = 0;
	assert_int_equal(late.bytes[0], 16 + SKEX_PAIRWISE_M3);
	skex_pairwise_run_stop(&a->pairwise, &a->runs[0], &ignored);
	scene_start_with(&scene, 0, &make_generation);
	scene_deliver(&scene);
	assert_int_equal(a->state.generation, 1);
	assert_int_equal(b->reseed.attempt, 2);
	assert_int_equal(scene_give(&scene, 1, late.bytes, late.size), 0);
	assert_int_equal(b->reseed.attempt, 2);
	scene_deliver(&scene);
	assert_true(scene_succeed(&scene, 0));
	assert_true(scene_succeed(&scene, 1));
	assert_int_equal(b->state.generation, 1);
}

/* Healing and recovery from backups exclude each other: an old backup is locked out, like a thief.
 */
static void rule_a_backup_from_before_a_reseed_is_locked_out(void **state)
{
	static struct nvm backup;

	(void)state;
	scene_init(&scene, &reseeding, 790);
	backup = scene.party[0].nvm;
	scene_start_with(&scene, 0, &make_generation);
	scene_deliver(&scene);
	scene_start(&scene, 0);
	scene_deliver(&scene);
	assert_int_equal(scene.party[1].state.generation, 1);
	scene.party[0].nvm = backup;
	assert_true(scene_boot(&scene, 0));
	assert_false(scene_succeed(&scene, 0));
	/* Told by silence, which the daemon reports; never by a key. */
	assert_int_equal(scene.party[0].ready, 0);
}

/* The old R1 window works on for the generation that is pending at slot 1. */
static void recovery_works_while_a_generation_is_pending(void **state)
{
	struct party *a = &scene.party[0], *b = &scene.party[1];

	(void)state;
	scene_init(&scene, &reseeding, 795);
	scene_start_with(&scene, 0, &make_generation);
	scene_deliver(&scene);
	assert_int_equal(a->state.generation, 1);
	for (unsigned i = 0; i < 12; i++) {
		scene_start(&scene, 0); /* nobody hears it */
		scene.queued = 0;
		skex_pairwise_run_init(&a->runs[i % 4], a->run_messages[i % 4], SCENE_MESSAGE);
		for (unsigned r = 0; r < SCENE_RUNS; r++)
			skex_pairwise_run_init(&a->runs[r], a->run_messages[r], SCENE_MESSAGE);
	}
	assert_int_equal(a->state.next, 12);
	a->pairwise.failures = SKEX_PAIRWISE_FAILURES;
	scene_start(&scene, 0);
	scene_pass(&scene, 4000);
	assert_int_equal(a->ready, 1);
	assert_true(scene_succeed(&scene, 0));
	assert_int_equal(b->state.generation, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reseed_begins_a_generation),
		cmocka_unit_test(rule_each_step_of_a_reseed_may_fail),
		cmocka_unit_test(rule_reseed_attempts_only_rise),
		cmocka_unit_test(rule_an_older_reseed_does_not_replace_a_newer),
		cmocka_unit_test(rule_a_backup_from_before_a_reseed_is_locked_out),
		cmocka_unit_test(recovery_works_while_a_generation_is_pending),
	};

	return cmocka_run_group_tests_name("core/pairwise/reseed", tests, NULL, NULL);
}
