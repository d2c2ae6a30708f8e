/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/backoff.h"

static void it_doubles_up_to_the_most(void **state)
{
	static const uint64_t waits[] = {100, 200, 400, 800, 1000, 1000};
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		assert_int_equal(skex_back_off(100, i, 1000), waits[i]);
	assert_int_equal(skex_back_off(100, 0, 50), 50);
}

static void many_failures_do_not_overflow(void **state)
{
	uint32_t times;

	(void)state;
	for (times = 10; times < 200; times++)
		assert_int_equal(skex_back_off(UINT32_MAX, times, 60000), 60000);
	assert_int_equal(skex_back_off(1, UINT32_MAX, 60000), 60000);
	assert_int_equal(
		skex_back_off(UINT32_MAX, UINT32_MAX, UINT64_MAX), (uint64_t)UINT32_MAX << 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_doubles_up_to_the_most),
		cmocka_unit_test(many_failures_do_not_overflow),
	};

	return cmocka_run_group_tests_name("core/base/backoff", tests, NULL, NULL);
}
