/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/unit/core/dske/scene.h"

/*
 * Every order in which the messages of a small batch can arrive, every loss and every repetition.
 *
 * A walk over all states that can be reached: at each one every message that exists and has not
 * arrived yet may arrive next, either end's deadline may pass, and either end's write may become
 * durable.  A message that never comes is lost: so losses need no event.  At each state every
 * message that has arrived is given once more, and nothing may change.
 */
#define HUBS_MAX 5u

enum {
	SHARE_1,                   /* and on: the share through hub 1, 2, .. */
	BA_1 = SHARE_1 + HUBS_MAX, /* CONF_BA through hub 1, 2, .. */
	AB = BA_1 + HUBS_MAX,      /* CONF_AB; the hub makes no difference */
	DURABLE_A,
	DURABLE_B,
	DEADLINE_A,
	DEADLINE_B,
	HAPPENINGS,
};

/* Of a scene, what moves: from alice on. */
#define MOVING offsetof(struct scene, alice)

struct walk {
	struct scene scene;
	uint64_t *seen;
	size_t seen_count;
	uint32_t liar; /* bit (1 << index) */
	bool agreed;   /* reached by some way */
	bool failed;
	uint8_t n;
};

#define SEEN_ROOM (1u << 20)

static bool first_time(struct walk *walk, uint64_t print)
{
	size_t at = (size_t)(print % SEEN_ROOM);

	while (walk->seen[at] != 0) {
		if (walk->seen[at] == print)
			return false;
		at = (at + 1) % SEEN_ROOM;
	}
	walk->seen[at] = print;
	assert_true(++walk->seen_count < SEEN_ROOM / 2);
	return true;
}

static bool bob_has_answered(const struct scene *scene)
{
	return scene->bob.state == SKEX_RESPONDER_ACCEPTED ||
		scene->bob.state == SKEX_RESPONDER_CONFIRMED;
}

/* Can this happen at all now? */
static bool possible(const struct walk *walk, uint32_t what)
{
	const struct scene *scene = &walk->scene;

	if (what < BA_1)
		return what < walk->n;
	if (what < AB)
		return what - BA_1 < walk->n && bob_has_answered(scene);
	if (what == AB)
		return scene->alice.state == SKEX_INITIATOR_DONE;
	if (what == DURABLE_A)
		return scene->alice.state == SKEX_INITIATOR_COMMITTING;
	if (what == DURABLE_B)
		return scene->bob.state == SKEX_RESPONDER_COMMITTING;
	return true;
}

static void happen(struct walk *walk, uint32_t what)
{
	struct scene *scene = &walk->scene;

	if (what < BA_1)
		(void)scene_give(scene, (uint8_t)(what + 1));
	else if (what < AB)
		(void)scene_confirm_ba(scene, (uint8_t)(what - BA_1 + 1));
	else if (what == AB)
		(void)scene_confirm_ab(scene);
	else if (what == DURABLE_A)
		(void)scene_alice_durable(scene);
	else if (what == DURABLE_B)
		(void)scene_bob_durable(scene);
	else if (what == DEADLINE_A)
		(void)skex_initiator_step(&scene->alice, SKEX_INITIATOR_DEADLINE, NULL);
	else
		(void)skex_responder_step(&scene->bob, SKEX_RESPONDER_DEADLINE, NULL);
}

static void check(struct walk *walk)
{
	const struct scene *scene = &walk->scene;
	const bool alice_has = scene->alice.state == SKEX_INITIATOR_COMMITTING ||
		scene->alice.state == SKEX_INITIATOR_DONE;

	/* bob has a secret only if it is alice's, and alice only trusts hers when bob has it. */
	if (scene->bob.state != SKEX_RESPONDER_GATHERING &&
		scene->bob.state != SKEX_RESPONDER_FAILED)
		assert_true(scene_same_secrets(scene));
	if (alice_has)
		assert_true(bob_has_answered(scene));
	if (scene->bob.state == SKEX_RESPONDER_CONFIRMED)
		assert_int_equal(scene->alice.state, SKEX_INITIATOR_DONE);
	assert_int_equal(scene->bob.inconsistent & ~walk->liar, 0);
	assert_int_equal(scene->bob.accepted & walk->liar, 0);
	walk->agreed |= scene->bob.state == SKEX_RESPONDER_CONFIRMED;
	walk->failed |= scene->alice.state == SKEX_INITIATOR_FAILED &&
		scene->bob.state == SKEX_RESPONDER_FAILED;
}

static void check_repetitions(struct walk *walk, uint32_t done)
{
	const uint64_t alice = scene_alice_print(&walk->scene);
	const uint64_t bob = scene_bob_print(&walk->scene);
	uint32_t what;

	for (what = 0; what < DURABLE_A; what++) {
		if ((done & UINT32_C(1) << what) == 0)
			continue;
		walk->scene.alice.actions = 0;
		walk->scene.bob.actions = 0;
		happen(walk, what);
		assert_true(scene_alice_print(&walk->scene) == alice);
		assert_true(scene_bob_print(&walk->scene) == bob);
		assert_int_equal(walk->scene.alice.actions, 0);
		assert_int_equal(walk->scene.bob.actions, 0);
	}
}

static void visit(struct walk *walk, uint32_t done)
{
	const size_t size = sizeof(walk->scene) - MOVING;
	uint64_t print = scene_alice_print(&walk->scene) * 31 + scene_bob_print(&walk->scene);
	uint8_t *kept;
	uint32_t what;

	print = (print * 31 + done) | 1;
	if (!first_time(walk, print))
		return;
	check(walk);
	check_repetitions(walk, done);
	kept = malloc(size);
	assert_non_null(kept);
	memcpy(kept, (uint8_t *)&walk->scene + MOVING, size);
	for (what = 0; what < HAPPENINGS; what++) {
		if ((done & UINT32_C(1) << what) != 0 || !possible(walk, what))
			continue;
		happen(walk, what);
		visit(walk, done | UINT32_C(1) << what);
		memcpy((uint8_t *)&walk->scene + MOVING, kept, size);
	}
	free(kept);
}

/* The liar, if any, bends its share; hub 0 is none. */
static void walk_all(uint8_t n, uint8_t k, uint8_t liar)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	assert_non_null(walk);
	walk->seen = calloc(SEEN_ROOM, sizeof(*walk->seen));
	assert_non_null(walk->seen);
	walk->n = n;
	scene_init(&walk->scene, n, k, 2, 16, 31);
	assert_true(scene_start(&walk->scene));
	if (liar != 0) {
		walk->liar = UINT32_C(1) << liar;
		walk->scene.offers[liar - 1].share[150] ^= 0x40;
	}
	scene_meet(&walk->scene, liar == 1 ? 2 : 1);
	visit(walk, 0);
	assert_true(walk->agreed);
	assert_true(walk->failed);
	assert_true(walk->seen_count > 30);
	free(walk->seen);
	free(walk);
}

static void patterns_of_three_honest_hubs(void **state)
{
	(void)state;
	walk_all(3, 2, 0);
}

static void patterns_of_three_hubs_with_a_liar(void **state)
{
	uint8_t liar;

	(void)state;
	for (liar = 1; liar <= 3; liar++)
		walk_all(3, 2, liar);
}

static void patterns_of_two_hubs(void **state)
{
	(void)state;
	walk_all(2, 2, 0);
}

static void patterns_of_five_hubs(void **state)
{
	(void)state;
	walk_all(5, 3, 0);
	walk_all(5, 3, 1);
	walk_all(5, 3, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_of_three_honest_hubs),
		cmocka_unit_test(patterns_of_three_hubs_with_a_liar),
		cmocka_unit_test(patterns_of_two_hubs),
		cmocka_unit_test(patterns_of_five_hubs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
