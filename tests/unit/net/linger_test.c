/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/linger.h"

#define START 1000000u

/* How many answers in a row go without a stay from now on; the first that has one is in vain. */
static unsigned answers_without(struct net_linger *linger, uint64_t *now)
{
	unsigned count = 0;

	for (;;) {
		net_linger_answered(linger, *now);
		if (net_linger_stays(linger, *now))
			break;
		count++;
	}
	*now += NET_LINGER_NS;
	assert_false(net_linger_stays(linger, *now));
	return count;
}

static void stays_after_an_answer(void **state)
{
	struct net_linger linger = {0};

	(void)state;
	assert_false(net_linger_stays(&linger, START));
	net_linger_answered(&linger, START);
	assert_true(net_linger_stays(&linger, START));
	assert_true(net_linger_stays(&linger, START + NET_LINGER_NS - 1));
	assert_false(net_linger_stays(&linger, START + NET_LINGER_NS));
	assert_false(net_linger_stays(&linger, START));
}

static void a_caller_that_asks_again_always_finds_it_awake(void **state)
{
	struct net_linger linger = {0};
	uint64_t now = START;

	(void)state;
	for (unsigned i = 0; i < 100000; i++, now += NET_LINGER_NS / 2) {
		net_linger_answered(&linger, now);
		assert_true(net_linger_stays(&linger, now));
		net_linger_asked(&linger);
		assert_false(net_linger_stays(&linger, now));
	}
}

static void stays_in_vain_become_rare(void **state)
{
	struct net_linger linger = {0};
	uint64_t now = START;

	(void)state;
	assert_int_equal(answers_without(&linger, &now), 0);
	for (unsigned rest = 1; rest < NET_LINGER_REST_MAX; rest *= 2)
		assert_int_equal(answers_without(&linger, &now), rest);
	assert_int_equal(answers_without(&linger, &now), NET_LINGER_REST_MAX);
	assert_int_equal(answers_without(&linger, &now), NET_LINGER_REST_MAX);
}

static void one_that_pays_ends_the_rest(void **state)
{
	struct net_linger linger = {0};
	uint64_t now = START;

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		(void)answers_without(&linger, &now);
	/* Asked while it rests: that says nothing. */
	net_linger_answered(&linger, now);
	net_linger_asked(&linger);
	for (unsigned i = 0; i < 15; i++)
		net_linger_answered(&linger, now);
	assert_false(net_linger_stays(&linger, now));
	net_linger_answered(&linger, now);
	assert_true(net_linger_stays(&linger, now));
	net_linger_asked(&linger);
	assert_int_equal(answers_without(&linger, &now), 0);
	assert_int_equal(answers_without(&linger, &now), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_after_an_answer),
		cmocka_unit_test(a_caller_that_asks_again_always_finds_it_awake),
		cmocka_unit_test(stays_in_vain_become_rare),
		cmocka_unit_test(one_that_pays_ends_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
