/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent.h"
#include "api/keys_cost.h"

#define SMALL 300u
#define MANY  2000u
#define CROWD 128u /* requests of one that asks for much */

static struct skex_https_turns turns;
static struct skex_https_turn all[MANY];

static int setup(void **state)
{
	(void)state;
	memset(&turns, 0, sizeof(turns));
	memset(all, 0, sizeof(all));
	return 0;
}

/* Whatever a case did: when all have left nothing is there. */
static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < MANY; i++)
		if (all[i].state != SKEX_HTTPS_TURN_NONE)
			skex_https_turns_leave(&turns, &all[i]);
	return turns.first != NULL || turns.owed[0] != 0 || turns.owed[1] != 0;
}

static void join(struct skex_https_turn *turn, const char *who, size_t bytes)
{
	struct skex_https_name name;

	snprintf(name.text, sizeof(name.text), "%s", who);
	assert_int_equal(skex_https_turns_join(&turns, turn, &name, bytes), SKEX_OK);
	assert_int_equal(turn->state, SKEX_HTTPS_TURN_WAITING);
}

/* It is the turn of this one. */
static void assert_next(struct skex_https_turn *turn)
{
	assert_ptr_equal(skex_https_turns_next(&turns), turn);
	if (turn != NULL)
		assert_int_equal(turn->state, SKEX_HTTPS_TURN_UNDER_WAY);
}

static void answered(struct skex_https_turn *turn)
{
	skex_https_turns_answered(&turns, turn);
	assert_int_equal(turn->state, SKEX_HTTPS_TURN_ANSWERED);
}

static void leave(struct skex_https_turn *turn)
{
	skex_https_turns_leave(&turns, turn);
	assert_int_equal(turn->state, SKEX_HTTPS_TURN_NONE);
}

static size_t largest(void)
{
	return skex_keys_text_most(SKEX_KEYS_MAX, SKEX_KEY_MAX);
}

static void one_in_order(void **state)
{
	(void)state;
	assert_next(NULL);
	for (unsigned i = 0; i < 5; i++)
		join(&all[i], "a", SMALL);
	for (unsigned i = 0; i < 5; i++)
		assert_next(&all[i]);
	assert_next(NULL);
	for (unsigned i = 0; i < 5; i++)
		leave(&all[4 - i]);
	assert_null(turns.first);
}

static void rule_identities_have_their_turn(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		join(&all[i], "a", SMALL);
	for (unsigned i = 3; i < 5; i++)
		join(&all[i], "b", SMALL);
	join(&all[5], "c", SMALL);
	assert_next(&all[0]);
	assert_next(&all[3]);
	assert_next(&all[5]);
	assert_next(&all[1]);
	assert_next(&all[4]);
	assert_next(&all[2]);
	assert_next(NULL);
	/* Who had the last turn is behind those that come now. */
	join(&all[6], "a", SMALL);
	join(&all[7], "b", SMALL);
	join(&all[8], "d", SMALL);
	assert_next(&all[7]);
	assert_next(&all[6]);
	assert_next(&all[8]);
}

/* Many of the largest, and asked again and again: others go on. */
static void rule_one_that_asks_for_much_leaves_room(void **state)
{
	(void)state;
	assert_true(largest() <= SKEX_HTTPS_LARGE_ALL);
	for (unsigned i = 0; i < CROWD; i++)
		join(&all[i], "greedy", largest());
	assert_next(&all[0]);
	assert_next(NULL);
	for (unsigned i = 0; i < 100; i++) {
		join(&all[200], "b", SMALL);
		join(&all[201], "c", skex_keys_text_most(SKEX_KEYS_MAX, 32));
		assert_next(&all[200]);
		assert_next(&all[201]);
		assert_next(NULL);
		leave(&all[200]);
		leave(&all[201]);
	}
	/* And another that asks for as much has the next turn. */
	join(&all[202], "b", largest());
	assert_next(NULL);
	leave(&all[0]);
	assert_next(&all[202]);
	assert_next(NULL);
	leave(&all[202]);
	assert_next(&all[1]);
}

/* Nor by many small ones: of each part it has no more than half, whatever it waits for. */
static void rule_many_small_ones_leave_room(void **state)
{
	struct skex_https_turn *turn;
	unsigned sent = 0;
	unsigned i = 0;

	(void)state;
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned j = 0; j < CROWD; j++)
			join(&all[i++], "greedy", 2000);
		while ((turn = skex_https_turns_next(&turns)) != NULL)
			sent++;
	}
	assert_int_equal(sent, SKEX_HTTPS_SMALL_ALL / 2 / 2000);
	for (unsigned j = 0; j < 6; j++) {
		char who[8];

		snprintf(who, sizeof(who), "other%u", j);
		join(&all[1000 + j], who, SMALL);
		assert_next(&all[1000 + j]);
	}
}

/* Small steps of others would take the room that it waits for. */
static void rule_a_large_one_is_not_passed_for_ever(void **state)
{
	const size_t medium = 300000;

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		join(&all[i], i % 2 == 0 ? "a" : "b", medium);
	for (unsigned i = 0; i < 4; i++)
		assert_next(&all[i]);
	join(&all[10], "large", largest());
	for (unsigned i = 0; i < 4; i++) {
		assert_next(NULL);
		leave(&all[i]);
	}
	assert_next(&all[10]);
	leave(&all[10]);
	assert_next(&all[4]);
}

static void rule_small_ones_do_not_wait_for_large_ones(void **state)
{
	(void)state;
	join(&all[0], "a", largest());
	join(&all[1], "b", largest());
	join(&all[2], "c", SKEX_HTTPS_SMALL_MAX + 1);
	join(&all[3], "d", SKEX_HTTPS_SMALL_MAX);
	assert_next(&all[0]);
	assert_next(&all[3]);
	assert_next(NULL);
	leave(&all[0]);
	assert_next(&all[1]);
	assert_next(&all[2]);
}

/* Who does not read it gets no more of them, and others wait for nothing. */
static void rule_an_answer_is_owed_until_it_was_sent(void **state)
{
	unsigned sent = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		join(&all[i], "silent", largest());
	assert_next(&all[0]);
	answered(&all[0]);
	assert_next(NULL);
	for (unsigned i = 0; i < 10; i++) {
		join(&all[10], "b", largest());
		assert_next(&all[10]);
		answered(&all[10]);
		leave(&all[10]);
	}
	/* What is sent makes room, one that is not wanted any more does not. */
	leave(&all[1]);
	assert_next(NULL);
	leave(&all[0]);
	assert_next(&all[2]);
	/* The same with small ones. */
	for (unsigned i = 100; i < 200; i++)
		join(&all[i], "small", SKEX_HTTPS_SMALL_MAX);
	for (struct skex_https_turn *turn; (turn = skex_https_turns_next(&turns)) != NULL; sent++)
		answered(turn);
	assert_int_equal(sent, SKEX_HTTPS_SMALL_ALL / SKEX_HTTPS_SMALL_MAX);
	join(&all[20], "b", SKEX_HTTPS_SMALL_MAX);
	assert_next(&all[20]);
}

/* From the front, the middle and the end of its queue. */
static void some_do_not_wait_any_longer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		join(&all[i], "a", SMALL);
	leave(&all[0]);
	leave(&all[2]);
	leave(&all[4]);
	join(&all[5], "a", SMALL);
	assert_next(&all[1]);
	assert_next(&all[3]);
	assert_next(&all[5]);
	assert_next(NULL);
}

#define CALLERS 7u

/* However much it is, and however little: the agent takes what is under way, and of one identity no
 * more is in memory. */
static void no_more_than_the_agent_takes(void **state)
{
	struct skex_https_turn *turn;
	char who[16];
	unsigned seed = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (seed = seed * 1103515245u + 12345u) >> 16 & 1023;
		size_t bytes = (seed >> 3) % 3 == 0 ? seed % (2u << 20) : seed % 70000;
		size_t owed = 0, count = 0, held[CALLERS] = {0};

		if (all[i].state == SKEX_HTTPS_TURN_UNDER_WAY && seed % 2 == 0) {
			answered(&all[i]);
		} else if (all[i].state != SKEX_HTTPS_TURN_NONE) {
			leave(&all[i]);
		} else {
			snprintf(who, sizeof(who), "sae-%u", i % CALLERS);
			join(&all[i], who, bytes);
		}
		while ((turn = skex_https_turns_next(&turns)) != NULL)
			assert_int_equal(turn->state, SKEX_HTTPS_TURN_UNDER_WAY);
		for (i = 0; i < 1024; i++) {
			if (all[i].state >= SKEX_HTTPS_TURN_UNDER_WAY)
				held[i % CALLERS] += all[i].bytes;
			if (all[i].state != SKEX_HTTPS_TURN_UNDER_WAY)
				continue;
			owed += all[i].bytes;
			count++;
		}
		assert_true(owed <= SKEX_API_PROMISED_MAX);
		assert_true(count < SKEX_API_CALLS_MAX_OWN);
		for (unsigned j = 0; j < CALLERS; j++)
			assert_true(held[j] <= SKEX_API_PROMISED_MAX);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_in_order),
		CASE(rule_identities_have_their_turn),
		CASE(rule_one_that_asks_for_much_leaves_room),
		CASE(rule_many_small_ones_leave_room),
		CASE(rule_a_large_one_is_not_passed_for_ever),
		CASE(rule_small_ones_do_not_wait_for_large_ones),
		CASE(rule_an_answer_is_owed_until_it_was_sent),
		CASE(some_do_not_wait_any_longer),
		CASE(no_more_than_the_agent_takes),
	};

	return cmocka_run_group_tests_name("https turns", tests, NULL, NULL);
}
