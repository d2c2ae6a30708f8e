/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "deliver/rotation/rotation.h"

/* What a note of the other end means in each state, and how long things take: sections 4 and 6 of
 * docs/spec/bindings.md. */

#define IN(state) SKEX_ROTATION_##state

static const uint8_t binding[16] = "notes";
static struct skex_rotation_policy policy;

enum {
	OLD = 1,
	ACTIVE,
	NEXT,
	OTHER
};

static void give(struct skex_rotation_key *key, uint8_t id)
{
	key->there = key->held = true;
	memset(key->id, id, sizeof(key->id));
}

/* In round 7, with three keys. */
static void set_up(struct skex_rotation *machine, bool leads, uint8_t state)
{
	policy = (struct skex_rotation_policy){
		.period_ms = 100000000, .close = false, .leads = leads, .one_place = true};
	skex_rotation_init(machine, &policy, binding, NULL, 1000);
	machine->due_ms = UINT64_MAX;
	machine->state = state;
	machine->actions = 0;
	machine->round = 7;
	give(&machine->next, NEXT);
	give(&machine->active, ACTIVE);
	give(&machine->old, OLD);
}

struct meaning {
	uint8_t state;
	uint8_t round; /* of the note */
	uint8_t phase;
	uint8_t active; /* there */
	uint8_t next;   /* state after it */
	bool told;      /* whether it is answered when it asks */
};

static const struct meaning leads[] = {
	/* The key in question, whatever else the note says. */
	{IN(TELLING), 3, IN(NOTHING), ACTIVE, IN(SETTLING), false},
	{IN(TELLING), 9, IN(STAGED), ACTIVE, IN(SETTLING), false},
	{IN(IDLE), 9, IN(REFUSED), ACTIVE, IN(IDLE), true},
	{IN(PROVING), 7, IN(REFUSED), NEXT, IN(PROVING), false},
	/* Rounds. */
	{IN(OFFERING), 7, IN(STAGED), OLD, IN(STAGING), false},
	{IN(OFFERING), 6, IN(STAGED), OLD, IN(OFFERING), false},
	{IN(OFFERING), 8, IN(STAGED), OLD, IN(OFFERING), true},
	{IN(TELLING), 8, IN(STAGED), OTHER, IN(IDLE), false},
	/* Phases. */
	{IN(OFFERING), 7, IN(REFUSED), OLD, IN(IDLE), false},
	{IN(OFFERING), 7, IN(ACTIVE), OTHER, IN(IDLE), false},
	{IN(OFFERING), 7, IN(OFFERED), OTHER, IN(OFFERING), false},
	{IN(OFFERING), 7, IN(DROPPED), OTHER, IN(OFFERING), false},
	{IN(TELLING), 7, IN(ACTIVE), OTHER, IN(SETTLING), true},
	{IN(TELLING), 6, IN(REFUSED), OTHER, IN(TELLING), false},
	{IN(TELLING), 7, IN(REFUSED), 0, IN(IDLE), false},
	{IN(TELLING), 6, IN(REFUSED), 0, IN(TELLING), false},
	{IN(TELLING), 8, IN(REFUSED), 0, IN(IDLE), false},
};

static const struct meaning follows[] = {
	{IN(PREPARED), 3, IN(NOTHING), NEXT, IN(SETTLING), true},
	{IN(TELLING), 9, IN(OFFERED), ACTIVE, IN(SETTLING), true},
	/* None is in question in IDLE. */
	{IN(IDLE), 6, IN(ACTIVE), ACTIVE, IN(IDLE), true},
	{IN(IDLE), 8, IN(OFFERED), ACTIVE, IN(FETCHING), false},
	{IN(IDLE), 7, IN(OFFERED), ACTIVE, IN(IDLE), true},
	{IN(IDLE), 8, IN(ACTIVE), ACTIVE, IN(IDLE), true},
	{IN(IDLE), 8, IN(STAGED), ACTIVE, IN(IDLE), false},
	{IN(IDLE), 8, IN(REFUSED), ACTIVE, IN(IDLE), false},
	{IN(IDLE), 8, IN(NOTHING), ACTIVE, IN(IDLE), false},
	{IN(PREPARED), 7, IN(OFFERED), ACTIVE, IN(PREPARED), true},
	{IN(PREPARED), 6, IN(DROPPED), ACTIVE, IN(PREPARED), true},
	{IN(PREPARED), 7, IN(DROPPED), ACTIVE, IN(SETTLING), true},
	{IN(PREPARED), 7, IN(ACTIVE), ACTIVE, IN(SETTLING), true},
	{IN(PREPARED), 8, IN(OFFERED), ACTIVE, IN(SETTLING), true},
	{IN(TELLING), 7, IN(ACTIVE), OTHER, IN(SETTLING), true},
	{IN(TELLING), 7, IN(DROPPED), OLD, IN(SETTLING), true},
};

static void check(bool lead, const struct meaning *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct skex_rotation_view view = {
			.round = rows[i].round, .phase = rows[i].phase, .asks = true};
		const struct skex_rotation_input input = {.view = &view};
		struct skex_rotation machine;

		memset(view.active_id, rows[i].active, sizeof(view.active_id));
		memset(view.key_id, rows[i].phase == IN(STAGED) ? NEXT : OTHER,
			sizeof(view.key_id));
		/* Of another binding it is nothing. */
		set_up(&machine, lead, rows[i].state);
		skex_rotation_step(&machine, SKEX_ROTATION_VIEW, &input, 2000);
		assert_int_equal(machine.state, rows[i].state);
		assert_int_equal(machine.actions, 0);
		memcpy(view.binding, binding, sizeof(binding));
		skex_rotation_step(&machine, SKEX_ROTATION_VIEW, &input, 2000);
		if (machine.state != rows[i].next ||
			((machine.actions & SKEX_ROTATION_DO_TELL) != 0) != rows[i].told)
			fail_msg("%s %zu: state %u, actions %x", lead ? "leads" : "follows", i,
				machine.state, machine.actions);
		assert_int_equal(machine.mine.asks,
			machine.state == IN(OFFERING) || machine.state == IN(TELLING));
	}
}

static void what_the_leader_hears(void **state)
{
	(void)state;
	check(true, leads, sizeof(leads) / sizeof(leads[0]));
}

/* A round of the same number that is of another key is given up: the next one has a number that
 * neither of them had. */
static void a_key_that_is_not_ours_is_not_staged(void **state)
{
	struct skex_rotation_view view = {.round = 7, .phase = IN(STAGED)};
	const struct skex_rotation_input input = {.view = &view};
	struct skex_rotation machine;

	(void)state;
	memcpy(view.binding, binding, sizeof(binding));
	memset(view.active_id, OLD, sizeof(view.active_id));
	memset(view.key_id, OTHER, sizeof(view.key_id));
	set_up(&machine, true, IN(OFFERING));
	skex_rotation_step(&machine, SKEX_ROTATION_VIEW, &input, 2000);
	assert_int_equal(machine.state, IN(IDLE));
}

/* The follower was started again with an older memory while the leader's consumer settled: it says
 * so once.  That it has the key asks for nothing. */
static void a_refusal_is_heard_while_it_settles(void **state)
{
	static const struct {
		uint8_t round, phase, active, next;
	} notes[] = {
		{7, IN(ACTIVE), ACTIVE, IN(IDLE)},
		{7, IN(ACTIVE), OLD, IN(GETTING)},
		{7, IN(REFUSED), OTHER, IN(GETTING)},
		{8, IN(STAGED), OTHER, IN(GETTING)},
		{6, IN(ACTIVE), OLD, IN(IDLE)},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		struct skex_rotation_view view = {.round = notes[i].round, .phase = notes[i].phase};
		const struct skex_rotation_input input = {.view = &view};
		struct skex_rotation machine;

		memcpy(view.binding, binding, sizeof(binding));
		memset(view.active_id, notes[i].active, sizeof(view.active_id));
		set_up(&machine, true, IN(SETTLING));
		skex_rotation_step(&machine, SKEX_ROTATION_VIEW, &input, 2000);
		assert_int_equal(machine.state, IN(SETTLING));
		assert_int_equal(machine.actions, 0);
		skex_rotation_step(&machine, SKEX_ROTATION_DONE, NULL, 2001);
		(void)skex_rotation_time(&machine, 2002);
		assert_int_equal(machine.state, notes[i].next);
	}
}

static void what_the_follower_hears(void **state)
{
	(void)state;
	check(false, follows, sizeof(follows) / sizeof(follows[0]));
}

/* What is the same as before is answered only when it asks. */
static void who_does_not_ask_hears_nothing(void **state)
{
	const uint8_t states[] = {IN(IDLE), IN(PREPARED), IN(TELLING)};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(states); i++) {
		struct skex_rotation_view view = {
			.round = 6, .phase = IN(OFFERED), .asks = i % 2 == 1};
		const struct skex_rotation_input input = {.view = &view};
		struct skex_rotation machine;

		memcpy(view.binding, binding, sizeof(binding));
		set_up(&machine, false, states[i / 2]);
		skex_rotation_step(&machine, SKEX_ROTATION_VIEW, &input, 2000);
		assert_int_equal(machine.state, states[i / 2]);
		assert_int_equal(machine.actions, view.asks ? SKEX_ROTATION_DO_TELL : 0);
	}
}

static void a_round_has_the_next_number(void **state)
{
	const uint8_t id[SKEX_ROTATION_ID_BYTES] = {NEXT};
	const struct skex_rotation_input input = {.key_id = id};

	(void)state;
	for (uint64_t active = 1; active <= 7; active++) {
		struct skex_rotation machine;

		set_up(&machine, true, IN(GETTING));
		machine.active.round = active;
		skex_rotation_step(&machine, SKEX_ROTATION_KEY, &input, 2000);
		/* 8 is taken while the key of round 4 is in use. */
		assert_true(machine.mine.round == (active == 4 ? 9 : 8));
		assert_int_equal(machine.mine.phase, IN(OFFERED));
	}
}

/* Said or asked again after 1 s, twice as long each time, at most 30 s. */
static void it_is_said_again(void **state)
{
	static const uint64_t gaps_ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
	const struct {
		uint8_t from;
		enum skex_rotation_event event;
		uint8_t to;
		uint32_t action;
	} cases[] = {
		{IN(GETTING), SKEX_ROTATION_KEY, IN(OFFERING), SKEX_ROTATION_DO_TELL},
		{IN(PROVING), SKEX_ROTATION_USED, IN(TELLING), SKEX_ROTATION_DO_TELL},
		{IN(SWITCHING), SKEX_ROTATION_FAILED, IN(SETTLING), SKEX_ROTATION_DO_SETTLE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t id[SKEX_ROTATION_ID_BYTES] = {NEXT};
		const struct skex_rotation_input input = {.key_id = id, .reason = 2};
		struct skex_rotation machine;
		uint64_t now_ms = 5000;

		set_up(&machine, true, cases[i].from);
		skex_rotation_step(&machine, cases[i].event, &input, now_ms);
		assert_int_equal(machine.state, cases[i].to);
		for (size_t n = 0; n < sizeof(gaps_ms) / sizeof(gaps_ms[0]); n++) {
			now_ms += gaps_ms[n];
			(void)skex_rotation_time(&machine, now_ms - 1);
			assert_int_equal(machine.actions, 0);
			assert_true(skex_rotation_time(&machine, now_ms - 1) == now_ms);
			(void)skex_rotation_time(&machine, now_ms);
			assert_int_equal(machine.actions, cases[i].action);
		}
	}
}

/* An end that follows and has no key says so until it is heard, but costs little where nobody leads
 * yet. */
static void who_has_forgotten_says_so_again(void **state)
{
	uint64_t now_ms = 1000;
	uint64_t gap_ms = SKEX_ROTATION_AGAIN_MS;
	struct skex_rotation machine;

	(void)state;
	policy = (struct skex_rotation_policy){.period_ms = 100000000};
	skex_rotation_init(&machine, &policy, binding, NULL, now_ms);
	assert_int_equal(machine.mine.phase, IN(REFUSED));
	assert_int_equal(machine.mine.reason, SKEX_ROTATION_FORGOTTEN);
	for (unsigned i = 0; i < 20; i++) {
		(void)skex_rotation_time(&machine, now_ms + gap_ms - 1);
		assert_int_equal(machine.actions, 0);
		now_ms += gap_ms;
		(void)skex_rotation_time(&machine, now_ms);
		assert_int_equal(machine.actions, SKEX_ROTATION_DO_TELL);
		gap_ms = 2 * gap_ms < SKEX_ROTATION_FORGOT_MOST_MS ? 2 * gap_ms
								   : SKEX_ROTATION_FORGOT_MOST_MS;
	}
}

/* A follower that remembers an active key, and not that its consumer had it, does not claim it,
 * asked or not, until it has another; one that remembers that, or rested, does. */
static void who_is_not_sure_of_its_key_does_not_claim_it(void **state)
{
	const struct skex_rotation_memory memory[] = {
		{.round = 7, .active = true, .key_id = {ACTIVE}},
		{.round = 7, .active = true, .key_id = {ACTIVE}, .rested = true},
		{.round = 7, .active = true, .key_id = {ACTIVE}, .settled = true},
	};
	uint8_t none[SKEX_ROTATION_ID_BYTES] = {0};
	struct skex_rotation_view asked = {
		.round = 7, .phase = IN(ACTIVE), .active_id = {ACTIVE}, .asks = true};

	(void)state;
	memcpy(asked.binding, binding, sizeof(binding));
	policy = (struct skex_rotation_policy){.period_ms = 100000000};
	for (size_t i = 0; i < 3; i++) {
		const uint8_t phase = i == 0 ? IN(REFUSED) : IN(ACTIVE);
		const uint8_t *claimed = i == 0 ? none : memory[i].key_id;
		const struct skex_rotation_input input = {.view = &asked};
		struct skex_rotation machine;

		skex_rotation_init(&machine, &policy, binding, &memory[i], 1000);
		assert_int_equal(machine.actions, SKEX_ROTATION_DO_TELL);
		assert_int_equal(machine.mine.phase, phase);
		assert_memory_equal(machine.mine.active_id, claimed, sizeof(none));
		assert_int_equal(skex_rotation_has_active(&machine), i > 0);
		skex_rotation_step(&machine, SKEX_ROTATION_VIEW, &input, 1500);
		assert_int_equal(machine.mine.phase, phase);
		assert_memory_equal(machine.mine.active_id, claimed, sizeof(none));
		assert_true(machine.active.there);
		(void)skex_rotation_time(&machine, 1000 + SKEX_ROTATION_AGAIN_MS);
		assert_int_equal(machine.actions, i == 0 ? SKEX_ROTATION_DO_TELL : 0);
	}
}

/* Another process may go on with the key only when none is owed: not after a failure, an order, or
 * when it is due. */
static void what_is_owed_does_not_rest(void **state)
{
	struct skex_rotation machine;

	(void)state;
	set_up(&machine, true, IN(IDLE));
	assert_true(skex_rotation_settled(&machine, 2000));
	machine.failures = 1;
	assert_false(skex_rotation_settled(&machine, 2000));
	machine.failures = 0;
	machine.ordered = true;
	assert_false(skex_rotation_settled(&machine, 2000));
	machine.ordered = false;
	machine.due_ms = 2000;
	assert_false(skex_rotation_settled(&machine, 2000));
	machine.due_ms = 2001;
	assert_true(skex_rotation_settled(&machine, 2000));
	machine.active.there = false;
	assert_false(skex_rotation_settled(&machine, 2000));
	set_up(&machine, true, IN(SETTLING));
	assert_false(skex_rotation_settled(&machine, 2000));
}

/* Who leads helps an end that has no key, whatever round that remembers, when nothing is under way;
 * a refusal of an end that has one is of a round that is over. */
static void an_end_without_a_key_is_heard(void **state)
{
	static const struct {
		uint8_t in, phase, active;
		bool heard;
	} notes[] = {
		{IN(IDLE), IN(REFUSED), 0, true},
		{IN(SETTLING), IN(REFUSED), 0, true},
		{IN(IDLE), IN(REFUSED), OLD, false},
		{IN(IDLE), IN(ACTIVE), OLD, false},
		{IN(IDLE), IN(STAGED), 0, false},
		{IN(OFFERING), IN(REFUSED), 0, false},
		{IN(PROVING), IN(REFUSED), 0, false},
		{IN(TELLING), IN(REFUSED), 0, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		struct skex_rotation_view view = {.round = 2, .phase = notes[i].phase};
		const struct skex_rotation_input input = {.view = &view};
		struct skex_rotation machine;

		memcpy(view.binding, binding, sizeof(binding));
		memset(view.active_id, notes[i].active, sizeof(view.active_id));
		set_up(&machine, true, notes[i].in);
		skex_rotation_step(&machine, SKEX_ROTATION_VIEW, &input, 2000);
		assert_int_equal(machine.state, notes[i].in);
		assert_int_equal(machine.round, 7);
		assert_int_equal(machine.ordered, notes[i].heard);
	}
}

/* PROVING lasts 15 s at most; PREPARED, with one place, 45 s. */
static void nothing_lasts_for_ever(void **state)
{
	struct skex_rotation machine;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const bool lead = i == 0;
		const uint64_t late_ms = 5000 + (lead ? 15000 : 45000);
		const bool lasts = i == 2;

		set_up(&machine, lead, lead ? IN(SWITCHING) : IN(STAGING));
		policy.one_place = !lasts;
		skex_rotation_step(&machine, SKEX_ROTATION_DONE, NULL, 5000);
		assert_int_equal(machine.state, lead ? IN(PROVING) : IN(PREPARED));
		assert_true(skex_rotation_time(&machine, late_ms - 1) ==
			(lasts ? UINT64_MAX : late_ms));
		assert_int_equal(machine.state, lead ? IN(PROVING) : IN(PREPARED));
		(void)skex_rotation_time(&machine, late_ms);
		assert_int_equal(machine.state, lasts ? IN(PREPARED) : IN(SETTLING));
		if (!lasts)
			assert_int_equal(machine.mine.reason, SKEX_ROTATION_NOT_USED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_leader_hears),
		cmocka_unit_test(a_key_that_is_not_ours_is_not_staged),
		cmocka_unit_test(a_refusal_is_heard_while_it_settles),
		cmocka_unit_test(what_the_follower_hears),
		cmocka_unit_test(who_does_not_ask_hears_nothing),
		cmocka_unit_test(a_round_has_the_next_number),
		cmocka_unit_test(who_has_forgotten_says_so_again),
		cmocka_unit_test(what_is_owed_does_not_rest),
		cmocka_unit_test(who_is_not_sure_of_its_key_does_not_claim_it),
		cmocka_unit_test(an_end_without_a_key_is_heard),
		cmocka_unit_test(it_is_said_again),
		cmocka_unit_test(nothing_lasts_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
