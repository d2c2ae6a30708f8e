/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_CROSS_CMOCKA_H
#define SKEX_TESTS_UNIT_CORE_CROSS_CMOCKA_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * So much of cmocka that a test of the core runs where there is no such library: on another
 * processor, linked statically.  Speaks TAP; what is wrong ends the program at once.
 */
struct CMUnitTest {
	const char *name;
	void (*test)(void **state);
};

#define cmocka_unit_test(function)                                                                 \
	{                                                                                          \
#function, function                                                                \
	}

#define SHIM_ASSERT(good)                                                                          \
	do {                                                                                       \
		if (!(good)) {                                                                     \
			printf("not ok - %s:%d: %s\n", __FILE__, __LINE__, #good);                 \
			exit(1);                                                                   \
		}                                                                                  \
	} while (false)

#define assert_non_null(pointer)        SHIM_ASSERT((pointer) != NULL)
#define assert_ptr_equal(a, b)          SHIM_ASSERT((a) == (b))
#define assert_int_equal(a, b)          SHIM_ASSERT((a) == (b))
#define assert_memory_equal(a, b, size) SHIM_ASSERT(memcmp((a), (b), (size)) == 0)
#define print_message(...)              printf(__VA_ARGS__)

/* setup and teardown are NULL. */
#define cmocka_run_group_tests_name(group, tests, setup, teardown)                                 \
	shim_run((group), (tests), sizeof(tests) / sizeof((tests)[0]))

static inline int shim_run(const char *group, const struct CMUnitTest *tests, size_t count)
{
	size_t i;

	printf("# %s\n", group);
	for (i = 0; i < count; i++) {
		void *state = NULL;

		tests[i].test(&state);
		printf("ok - %s\n", tests[i].name);
		fflush(stdout);
	}
	return 0;
}

#endif
