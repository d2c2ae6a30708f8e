/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "platform/memory.h"

static void every_size_is_zeroed_and_whole(void **state)
{
	(void)state;
	for (size_t size = 0; size < 20000; size += 1 + size / 7) {
		uint8_t *secret = skex_secret_new(size);
		assert_non_null(secret);
		assert_int_equal((uintptr_t)secret % 16, 0);
		assert_true(skex_ct_is_zero(secret, size));
		memset(secret, 0xA5, size);
		skex_secret_free(secret);
		/* The same memory comes back, wiped. */
		secret = skex_secret_new(size);
		assert_non_null(secret);
		assert_true(skex_ct_is_zero(secret, size));
		memset(secret, 0x5A, size);
		skex_secret_free(secret);
	}
	skex_secret_free(NULL);
	assert_null(skex_secret_new(SIZE_MAX));
}

/* Many live objects of random sizes, each with a pattern of its own that must survive the others.
 */
static void objects_do_not_overlap(void **state)
{
	enum {
		COUNT = 3000
	};
	static uint8_t *objects[COUNT];
	static size_t sizes[COUNT];
	uint32_t random = 1;

	(void)state;
	for (int step = 0; step < 60000; step++) {
		random = random * 1664525u + 1013904223u;
		uint32_t i = (random >> 8) % COUNT;
		uint8_t pattern = (uint8_t)i;
		if (objects[i] != NULL) {
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(objects[i][k], pattern);
			skex_secret_free(objects[i]);
			objects[i] = NULL;
			continue;
		}
		sizes[i] = 1 + (random >> 20) % (step % 50 == 0 ? 70000 : 300);
		objects[i] = skex_secret_new(sizes[i]);
		assert_non_null(objects[i]);
		assert_true(skex_ct_is_zero(objects[i], sizes[i]));
		memset(objects[i], pattern, sizes[i]);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		skex_secret_free(objects[i]);
		objects[i] = NULL;
	}
}

static void the_limit_is_told(void **state)
{
	size_t before = skex_secret_unlocked_bytes();
	void *large = skex_secret_new(64u << 20);

	(void)state;
	assert_non_null(large);
	assert_true(skex_secret_unlocked_bytes() >= before);
	skex_secret_free(large);
	assert_int_equal(skex_secret_unlocked_bytes(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_size_is_zeroed_and_whole),
		cmocka_unit_test(objects_do_not_overlap),
		cmocka_unit_test(the_limit_is_told),
	};

	return cmocka_run_group_tests_name("platform memory", tests, NULL, NULL);
}
