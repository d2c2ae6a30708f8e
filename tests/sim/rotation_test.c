/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/rotation_scene.h"

#define MINUTE 60000u
#define HOUR   3600000u

static unsigned worlds(unsigned usual)
{
	return getenv("SKEX_LONG") != NULL ? usual * 50 : usual; /* rule 6: a switch of the tests */
}

/* Nothing fails: each key is used for its time, and no traffic is lost. */
static void quiet(enum scene_kind kind)
{
	const bool one_place = kind == SCENE_ONE_PLACE;

	for (unsigned seed = 1; seed <= worlds(20); seed++) {
		struct scene scene;

		scene_init(&scene, seed, kind, 2 * MINUTE, HOUR, true);
		scene.faults.delay_ms = 500;
		assert_true(scene_settles(&scene, MINUTE));
		scene.refused = 0;
		scene_run(&scene, HOUR);
		assert_in_range(scene.end[0].machine.rotations, 28, 31);
		assert_int_equal(scene.end[0].machine.failed + scene.end[1].machine.failed, 0);
		assert_int_equal(scene.dark_ms, 0);
		if (!one_place)
			assert_int_equal(scene.refused, 0);
		assert_int_equal(scene.crowded, 0);
		assert_true(scene_settles(&scene, MINUTE));
	}
}

static void quiet_many(void **state)
{
	(void)state;
	quiet(SCENE_MANY);
}

static void quiet_one_place(void **state)
{
	(void)state;
	quiet(SCENE_ONE_PLACE);
}

static void quiet_once(void **state)
{
	(void)state;
	quiet(SCENE_ONCE);
}

/* Notes are lost, late, repeated and out of order: traffic goes on. */
static void bad_notes(enum scene_kind kind)
{
	for (unsigned seed = 1; seed <= worlds(20); seed++) {
		struct scene scene;

		scene_init(&scene, seed * 7, kind, 2 * MINUTE, HOUR, true);
		scene.faults = (struct scene_faults){.loss = 40, .twice = 30, .delay_ms = 8000};
		assert_true(scene_settles(&scene, 10 * MINUTE));
		scene_run(&scene, HOUR);
		assert_true(scene.end[0].machine.rotations >= 10);
		assert_int_equal(scene.dark_ms, 0);
		scene.faults = (struct scene_faults){.delay_ms = 100};
		assert_true(scene_settles(&scene, 5 * MINUTE));
	}
}

static void bad_notes_many(void **state)
{
	(void)state;
	bad_notes(SCENE_MANY);
}

static void bad_notes_one_place(void **state)
{
	(void)state;
	bad_notes(SCENE_ONE_PLACE);
}

static void bad_notes_once(void **state)
{
	(void)state;
	bad_notes(SCENE_ONCE);
}

/* No hub for an hour: the tunnel stays by policy, and both meet again when hubs are back. */
static void hubs_cut(enum scene_kind kind)
{
	const bool one_place = kind == SCENE_ONE_PLACE;

	for (unsigned seed = 1; seed <= worlds(20); seed++) {
		struct scene scene;

		scene_init(&scene, seed * 13, kind, 2 * MINUTE, 24 * HOUR, true);
		scene.faults.delay_ms = 1000;
		assert_true(scene_settles(&scene, MINUTE));
		/* At any moment of a rotation. */
		scene_run(&scene, 2 * MINUTE - 5000 + scene_random(&scene, 100) * 100);
		scene.faults.hubs_cut = true;
		scene_run(&scene, HOUR);
		assert_int_equal(scene.end[0].closed + scene.end[1].closed, 0);
		/* One place: a cut in the middle can cost a session, until both keys were tried. */
		assert_true(scene.dark_ms <= (one_place ? 3 * MINUTE : 0));
		assert_true(scene_traffic(&scene));
		scene.faults.hubs_cut = false;
		assert_true(scene_settles(&scene, 5 * MINUTE));
	}
}

static void hubs_cut_many(void **state)
{
	(void)state;
	hubs_cut(SCENE_MANY);
}

static void hubs_cut_one_place(void **state)
{
	(void)state;
	hubs_cut(SCENE_ONE_PLACE);
}

static void hubs_cut_once(void **state)
{
	(void)state;
	hubs_cut(SCENE_ONCE);
}

/* The grace is over: no traffic, by policy; and it opens again with a new key. */
static void grace_ends(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		const bool close = i % 2 == 0;
		struct scene scene;

		scene_init(&scene, 5 + i, i / 2 == 1, 2 * MINUTE, 20 * MINUTE, close);
		assert_true(scene_settles(&scene, MINUTE));
		scene.faults.hubs_cut = true;
		scene_run(&scene, 20 * MINUTE);
		assert_true(scene_traffic(&scene));
		scene_run(&scene, 10 * MINUTE);
		assert_int_equal(scene_traffic(&scene), !close);
		assert_int_equal(scene.end[0].machine.closed, close);
		assert_int_equal(scene.end[1].machine.closed, close);
		assert_int_equal(scene_known(&scene.end[1].consumer), !close);
		scene.faults.hubs_cut = false;
		assert_true(scene_settles(&scene, 5 * MINUTE));
		assert_false(scene.end[0].machine.closed);
	}
}

/* Somebody wants a new key now. */
static void order(struct scene *scene, unsigned number)
{
	struct scene_end *end = &scene->end[number];

	skex_rotation_step(&end->machine, SKEX_ROTATION_ORDER, NULL, scene->now_ms + end->skew_ms);
}

/* Both agents start again in the middle of a round, so that nobody knows which of two keys a
 * consumer with one place was left with: it is not left so for a whole period. */
static void agents_start_in_a_round(enum scene_kind kind, bool rest)
{
	const bool one_place = kind == SCENE_ONE_PLACE;

	for (unsigned seed = 1; seed <= worlds(40); seed++) {
		struct scene scene;

		scene_init(&scene, seed * 17, kind, 24 * HOUR, HOUR, true);
		scene.faults.delay_ms = 500;
		assert_true(scene_settles(&scene, MINUTE));
		order(&scene, 0);
		scene_run(&scene, scene_random(&scene, 40) * 100);
		scene_restart_agent(&scene, 0, true);
		scene_restart_agent(&scene, 1, true);
		/* Nor when those that go on for these had no keys to mend it. */
		if (rest) {
			scene.faults.keyless = 100;
			scene_run(&scene, MINUTE / 2);
			scene_rest_agent(&scene, 0);
			scene_rest_agent(&scene, 1);
			scene.faults.keyless = 0;
			scene.dark_ms = 0;
		}
		scene_run(&scene, 30 * MINUTE);
		assert_true(scene.dark_ms <= (one_place ? MINUTE : 0));
		assert_true(scene_settles(&scene, MINUTE));
		assert_true(scene_traffic(&scene));
	}
}

/* The same of the end that follows, alone: its consumer may have the old key still, and it is not
 * the other end's turn to find that out. */
static void follower_starts_in_a_round(enum scene_kind kind, unsigned keyless)
{
	for (unsigned seed = 1; seed <= worlds(40); seed++) {
		struct scene scene;

		scene_init(&scene, seed * 23, kind, 24 * HOUR, HOUR, true);
		scene.faults.delay_ms = 500;
		assert_true(scene_settles(&scene, MINUTE));
		order(&scene, 0);
		scene_run(&scene, scene_random(&scene, 40) * 100);
		/* Its first words are lost, or its last ones too, or none. */
		scene.faults.hubs_cut = seed % 3 != 0;
		scene_run(&scene, seed % 3 == 1 ? MINUTE / 3 : 0);
		scene_restart_agent(&scene, 1, true);
		scene_run(&scene, 5000);
		scene.faults.hubs_cut = false;
		scene.faults.keyless = keyless;
		scene_run(&scene, 30 * MINUTE);
		scene.faults.keyless = 0;
		/* One place may hold the next key, and nobody has the bytes of the one before. */
		if (kind != SCENE_ONE_PLACE)
			assert_int_equal(scene.dark_ms, 0);
		else if (keyless == 0)
			assert_true(scene.dark_ms <= MINUTE);
		assert_true(scene_settles(&scene, MINUTE));
		assert_true(scene_traffic(&scene));
	}
}

/* When nothing was under way it goes on with its key, however it ended. */
static void follower_starts_at_rest(void **state)
{
	(void)state;
	for (unsigned kind = SCENE_MANY; kind <= SCENE_ONCE; kind++) {
		struct scene scene;
		uint8_t before[SKEX_ROTATION_ID_BYTES];

		scene_init(&scene, 41 + kind, (enum scene_kind)kind, 24 * HOUR, HOUR, true);
		scene.faults.delay_ms = 500;
		assert_true(scene_settles(&scene, MINUTE));
		memcpy(before, scene.end[0].machine.active.id, sizeof(before));
		scene_run(&scene, MINUTE);
		scene_restart_agent(&scene, 1, true);
		scene_run(&scene, MINUTE);
		assert_true(scene_settles(&scene, MINUTE));
		assert_memory_equal(scene.end[0].machine.active.id, before, sizeof(before));
		assert_int_equal(scene.dark_ms, 0);
	}
}

static void follower_starts_in_a_round_many(void **state)
{
	(void)state;
	follower_starts_in_a_round(SCENE_MANY, 0);
	follower_starts_in_a_round(SCENE_MANY, 100);
}

static void follower_starts_in_a_round_one_place(void **state)
{
	(void)state;
	follower_starts_in_a_round(SCENE_ONE_PLACE, 0);
	follower_starts_in_a_round(SCENE_ONE_PLACE, 100);
}

static void follower_starts_in_a_round_once(void **state)
{
	(void)state;
	follower_starts_in_a_round(SCENE_ONCE, 0);
	follower_starts_in_a_round(SCENE_ONCE, 100);
}

static void agents_start_in_a_round_many(void **state)
{
	(void)state;
	agents_start_in_a_round(SCENE_MANY, false);
	agents_start_in_a_round(SCENE_MANY, true);
}

static void agents_start_in_a_round_one_place(void **state)
{
	(void)state;
	agents_start_in_a_round(SCENE_ONE_PLACE, false);
	agents_start_in_a_round(SCENE_ONE_PLACE, true);
}

static void agents_start_in_a_round_once(void **state)
{
	(void)state;
	agents_start_in_a_round(SCENE_ONCE, false);
	agents_start_in_a_round(SCENE_ONCE, true);
}

/* An end that stopped in order while nothing was under way goes on with its key, for the rest of
 * its time and no longer; a consumer that lost it meanwhile has a new one at once. */
static void one_goes_on_for_another(enum scene_kind kind)
{
	for (unsigned i = 0; i < 8; i++) {
		struct scene scene;
		uint8_t before[SKEX_ROTATION_ID_BYTES];
		const struct skex_rotation_key *key = &scene.end[0].machine.active;

		scene_init(&scene, i * 19, kind, HOUR, HOUR, true);
		scene.faults.delay_ms = 500;
		assert_true(scene_settles(&scene, MINUTE));
		memcpy(before, key->id, sizeof(before));
		scene_run(&scene, 20 * MINUTE);
		scene_rest_agent(&scene, i % 2);
		if (i >= 4)
			scene_rest_agent(&scene, 1 - i % 2);
		scene_run(&scene, 30 * MINUTE);
		assert_true(scene_settles(&scene, MINUTE));
		assert_memory_equal(key->id, before, sizeof(before));
		assert_true(scene_traffic(&scene) && scene.dark_ms == 0);
		/* An end that did not stop has the bytes of the key, and gives them back. */
		if (i >= 6)
			scene_restart_consumer(&scene, 0);
		scene_run(&scene, (i >= 6 ? 2 : 15) * MINUTE);
		assert_true(scene_settles(&scene, MINUTE));
		assert_memory_not_equal(key->id, before, sizeof(before));
	}
}

static void one_goes_on_for_another_many(void **state)
{
	(void)state;
	one_goes_on_for_another(SCENE_MANY);
}

static void one_goes_on_for_another_one_place(void **state)
{
	(void)state;
	one_goes_on_for_another(SCENE_ONE_PLACE);
}

static void one_goes_on_for_another_once(void **state)
{
	(void)state;
	one_goes_on_for_another(SCENE_ONCE);
}

/* Agents that start again all the time do not prolong the grace. */
static void starts_do_not_prolong_it(void **state)
{
	struct scene scene;

	(void)state;
	scene_init(&scene, 77, false, 2 * MINUTE, 20 * MINUTE, true);
	assert_true(scene_settles(&scene, MINUTE));
	scene.faults.hubs_cut = true;
	for (unsigned i = 0; i < 5; i++) {
		scene_run(&scene, 4 * MINUTE);
		scene_restart_agent(&scene, 0, true);
		scene_restart_agent(&scene, 1, true);
	}
	scene_run(&scene, 6 * MINUTE);
	assert_true(scene.end[0].machine.closed && scene.end[1].machine.closed);
	assert_int_equal(scene_known(&scene.end[0].consumer), 0);
}

/* The machines were off for days, and start with a clock that is younger than the key: it is
 * replaced at once, or else closed when the time of a start is over. */
static void off_for_days(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct scene scene;
		uint8_t before[SKEX_ROTATION_ID_BYTES];

		scene_init(&scene, 61 + i, (enum scene_kind)(i / 2), 24 * HOUR, 24 * HOUR, true);
		scene.faults.delay_ms = 500;
		assert_true(scene_settles(&scene, MINUTE));
		memcpy(before, scene.end[0].machine.active.id, sizeof(before));
		scene.faults.hubs_cut = i % 2 == 0;
		for (unsigned end = 0; end < 2; end++) {
			scene.end[end].wall_skew_ms += 72 * (int64_t)HOUR;
			scene_restart_agent(&scene, end, true);
		}
		scene_run(&scene, 4 * MINUTE);
		assert_int_equal(scene.end[0].closed + scene.end[1].closed, 0);
		assert_int_equal(scene.dark_ms, 0);
		scene_run(&scene, 2 * MINUTE);
		assert_int_equal(scene.end[0].machine.closed, i % 2 == 0);
		assert_int_equal(scene.end[1].machine.closed, i % 2 == 0);
		scene.faults.hubs_cut = false;
		assert_true(scene_settles(&scene, 5 * MINUTE));
		assert_memory_not_equal(scene.end[0].machine.active.id, before, sizeof(before));
	}
}

/* An end, or both, start with what they remembered half an hour ago: they meet at a key that was
 * never in use before, and the one that is meanwhile in use is not taken for an old one. */
static void backups(enum scene_kind kind)
{
	for (unsigned seed = 1; seed <= worlds(20); seed++) {
		struct scene scene;
		uint64_t last;

		scene_init(&scene, seed * 29, kind, 2 * MINUTE, HOUR, true);
		scene.faults.delay_ms = 500;
		assert_true(scene_settles(&scene, MINUTE));
		scene_take_backup(&scene, 0);
		scene_take_backup(&scene, 1);
		scene_run(&scene, 30 * MINUTE + scene_random(&scene, 100) * 100);
		last = scene.end[0].place[SCENE_ACTIVE].id;
		for (unsigned i = 0; i < 2; i++)
			if ((seed % 3 + 1) & (1u << i))
				scene_restore_backup(&scene, i);
		assert_true(scene_settles(&scene, 5 * MINUTE));
		assert_true(scene.end[0].place[SCENE_ACTIVE].id > last);
		assert_int_equal(scene.dark_ms, 0);
		scene_run(&scene, 20 * MINUTE);
		assert_int_equal(scene.dark_ms, 0);
	}
}

static void backups_many(void **state)
{
	(void)state;
	backups(SCENE_MANY);
}

static void backups_one_place(void **state)
{
	(void)state;
	backups(SCENE_ONE_PLACE);
}

static void backups_once(void **state)
{
	(void)state;
	backups(SCENE_ONCE);
}

static void order_round(struct scene *scene)
{
	order(scene, 0);
	scene_run(scene, MINUTE / 2);
	assert_true(scene_settles(scene, MINUTE));
}

/* The end that follows knows no key any more, and at most a round of long ago: it gets a new key
 * now, not when the next one is due. */
static void lost_long_ago(enum scene_kind kind)
{
	for (unsigned seed = 1; seed <= worlds(20); seed++) {
		struct scene scene;
		const bool backup = seed % 2 == 0;

		scene_init(&scene, seed * 31, kind, 24 * HOUR, HOUR, true);
		scene.faults.delay_ms = 500;
		assert_true(scene_settles(&scene, MINUTE));
		scene_take_backup(&scene, 1);
		for (unsigned i = 0; i < 3; i++)
			order_round(&scene);
		/* What it says at first is lost. */
		scene.faults.hubs_cut = seed % 4 >= 2;
		if (backup)
			scene_restore_backup(&scene, 1);
		else
			scene_restart_agent(&scene, 1, false);
		scene_restart_consumer(&scene, 1);
		scene_run(&scene, 10000);
		scene.faults.hubs_cut = false;
		assert_true(scene_settles(&scene, 2 * MINUTE));
	}
}

static void lost_long_ago_many(void **state)
{
	(void)state;
	lost_long_ago(SCENE_MANY);
}

static void lost_long_ago_one_place(void **state)
{
	(void)state;
	lost_long_ago(SCENE_ONE_PLACE);
}

static void lost_long_ago_once(void **state)
{
	(void)state;
	lost_long_ago(SCENE_ONCE);
}

/* The clock of a machine that starts jumps: nothing is closed at once, and nothing lasts for ever.
 */
static void clock_jumps(void **state)
{
	const int64_t jumps[] = {-(int64_t)(100 * HOUR), 100 * (int64_t)HOUR};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct scene scene;

		scene_init(&scene, 90 + i, false, 2 * MINUTE, 20 * MINUTE, true);
		assert_true(scene_settles(&scene, MINUTE));
		scene.end[i % 2].wall_skew_ms = jumps[i / 2];
		scene_restart_agent(&scene, i % 2, true);
		scene_run(&scene, MINUTE);
		assert_int_equal(scene.end[0].closed + scene.end[1].closed, 0);
		assert_true(scene_settles(&scene, 5 * MINUTE));
		assert_int_equal(scene.dark_ms, 0);
		scene.faults.hubs_cut = true;
		scene_run(&scene, 25 * MINUTE);
		assert_true(scene.end[0].machine.closed && scene.end[1].machine.closed);
	}
}

/* The peer never has the key: it is refused, and the old one stays at work at both ends. */
static void peer_without_keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct scene scene;
		uint32_t before;

		scene_init(&scene, 31 + i, i == 1, 2 * MINUTE, HOUR, true);
		assert_true(scene_settles(&scene, MINUTE));
		before = scene.end[0].machine.rotations;
		scene.faults.keyless = 100;
		scene_run(&scene, 20 * MINUTE);
		assert_int_equal(scene.end[0].machine.rotations, before);
		assert_int_equal(scene.end[0].machine.reason, SKEX_ROTATION_NO_KEY);
		assert_int_equal(scene.dark_ms, 0);
		/* Pauses grow to a minute: a pool is not asked all the time. */
		assert_in_range(scene.end[0].machine.failures, 15, 30);
		scene.faults.keyless = 0;
		assert_true(scene_settles(&scene, 5 * MINUTE));
	}
}

/* Once: however many rounds come to nothing, none needs the number that the key in use has. */
static void numbers(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= worlds(20); seed++) {
		struct scene scene;

		scene_init(&scene, seed * 41, SCENE_ONCE, 15000, HOUR, true);
		assert_true(scene_settles(&scene, MINUTE));
		scene.faults = (struct scene_faults){.keyless = 40, .refuse = 20};
		scene_run(&scene, HOUR);
		assert_true(scene.end[0].machine.failed >= 20);
		assert_true(scene.end[0].machine.rotations >= 5);
		assert_int_equal(scene.crowded, 0);
		assert_int_equal(scene.dark_ms, 0);
	}
}

static void mend(struct scene *scene)
{
	memset(&scene->faults, 0, sizeof(scene->faults));
	scene->faults.delay_ms = 100;
	for (unsigned i = 0; i < 2; i++) {
		if (!scene->end[i].up)
			scene_restart_agent(scene, i, true);
		if (!scene->end[i].consumer.up)
			scene_restart_consumer(scene, i);
	}
}

static void disturb(struct scene *scene)
{
	struct scene_faults *faults = &scene->faults;
	const unsigned end = (unsigned)scene_random(scene, 2);

	switch (scene_random(scene, 16)) {
	case 0:
		faults->hubs_cut = !faults->hubs_cut;
		break;
	case 1:
		faults->link_cut = !faults->link_cut;
		break;
	case 2:
		scene_restart_agent(scene, end, scene_random(scene, 3) != 0);
		break;
	case 3:
		scene_restart_consumer(scene, end);
		break;
	case 4:
		scene->end[end].wall_skew_ms =
			(int64_t)scene_random(scene, 2 * HOUR) - (int64_t)HOUR;
		break;
	case 5:
		scene->end[end].up = !scene->end[end].up;
		if (scene->end[end].up)
			scene_restart_agent(scene, end, true);
		break;
	case 6:
		scene->end[end].consumer.up = !scene->end[end].consumer.up;
		if (scene->end[end].consumer.up)
			scene_restart_consumer(scene, end);
		break;
	case 7:
		faults->loss = (unsigned)scene_random(scene, 90);
		break;
	case 8:
		faults->delay_ms = (unsigned)scene_random(scene, 60000);
		break;
	case 9:
		faults->keyless = (unsigned)scene_random(scene, 60);
		break;
	case 10:
		faults->refuse = (unsigned)scene_random(scene, 60);
		break;
	case 11:
		order(scene, end);
		break;
	case 12:
		scene_take_backup(scene, end);
		break;
	case 13:
		scene_restore_backup(scene, end);
		break;
	default:
		/* Some good time in between, or nothing would ever be under way. */
		mend(scene);
		break;
	}
}

static bool edges[2][SKEX_ROTATION_STATES][SKEX_ROTATION_STATES];

static void note_edges(const struct scene *scene)
{
	const bool *from = &scene->edges[0][0][0];
	bool *to = &edges[0][0][0];

	for (size_t i = 0; i < sizeof(edges) / sizeof(bool); i++)
		to[i] = to[i] || from[i];
}

/* All of it at once, at any moment; then all is well again, and both ends have to meet. */
static void storms(enum scene_kind kind)
{
	for (unsigned seed = 1; seed <= worlds(200); seed++) {
		struct scene scene;

		scene_init(&scene, seed * 1009, kind, (seed % 4 + 1) * 15000, 30 * MINUTE, true);
		for (unsigned i = 0; i < 100; i++) {
			scene_run(&scene, scene_random(&scene, 200) * SCENE_TICK_MS);
			disturb(&scene);
		}
		mend(&scene);
		/* A note that was overtaken by a minute can undo what is done meanwhile. */
		scene_run(&scene, MINUTE);
		if (!scene_settles(&scene, 15 * MINUTE))
			fail_msg("seed %u: states %u and %u", seed, scene.end[0].machine.state,
				scene.end[1].machine.state);
		/* And from then on nothing is lost. */
		scene.dark_ms = 0;
		scene_run(&scene, 20 * MINUTE);
		assert_int_equal(scene.dark_ms, 0);
		note_edges(&scene);
	}
}

static void storms_many(void **state)
{
	(void)state;
	storms(SCENE_MANY);
}

static void storms_one_place(void **state)
{
	(void)state;
	storms(SCENE_ONE_PLACE);
}

static void storms_once(void **state)
{
	(void)state;
	storms(SCENE_ONCE);
}

/* There was a storm for each way from one state to another. */
static void every_way_was_gone(void **state)
{
	const struct skex_row *const rows[] = {skex_rotation_lead_rows, skex_rotation_follow_rows};
	const size_t counts[] = {skex_rotation_lead_rows_count, skex_rotation_follow_rows_count};

	(void)state;
	for (unsigned end = 0; end < 2; end++)
		for (size_t i = 0; i < counts[end]; i++)
			if (!edges[end][rows[end][i].state][rows[end][i].next])
				fail_msg("no storm of end %u from state %u by event %u", end,
					rows[end][i].state, rows[end][i].event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_many),
		cmocka_unit_test(quiet_one_place),
		cmocka_unit_test(quiet_once),
		cmocka_unit_test(bad_notes_many),
		cmocka_unit_test(bad_notes_one_place),
		cmocka_unit_test(bad_notes_once),
		cmocka_unit_test(hubs_cut_many),
		cmocka_unit_test(hubs_cut_one_place),
		cmocka_unit_test(hubs_cut_once),
		cmocka_unit_test(backups_many),
		cmocka_unit_test(backups_one_place),
		cmocka_unit_test(backups_once),
		cmocka_unit_test(agents_start_in_a_round_many),
		cmocka_unit_test(agents_start_in_a_round_one_place),
		cmocka_unit_test(agents_start_in_a_round_once),
		cmocka_unit_test(one_goes_on_for_another_many),
		cmocka_unit_test(one_goes_on_for_another_one_place),
		cmocka_unit_test(one_goes_on_for_another_once),
		cmocka_unit_test(grace_ends),
		cmocka_unit_test(starts_do_not_prolong_it),
		cmocka_unit_test(off_for_days),
		cmocka_unit_test(follower_starts_at_rest),
		cmocka_unit_test(follower_starts_in_a_round_many),
		cmocka_unit_test(follower_starts_in_a_round_one_place),
		cmocka_unit_test(follower_starts_in_a_round_once),
		cmocka_unit_test(lost_long_ago_many),
		cmocka_unit_test(lost_long_ago_one_place),
		cmocka_unit_test(lost_long_ago_once),
		cmocka_unit_test(clock_jumps),
		cmocka_unit_test(peer_without_keys),
		cmocka_unit_test(numbers),
		cmocka_unit_test(storms_many),
		cmocka_unit_test(storms_one_place),
		cmocka_unit_test(storms_once),
		cmocka_unit_test(every_way_was_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
