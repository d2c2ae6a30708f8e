/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Large ones are kept when they are freed: what comes back is wiped, no part of another live one,
 * and not without limit. */
static void large_objects_come_back_wiped(void **state)
{
	static const size_t sizes[] = {9000, 66000, 60000, 650000, 640000, 200000, 9u << 20};
	enum {
		COUNT = sizeof(sizes) / sizeof(sizes[0])
	};
	uint8_t *objects[COUNT];

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		for (size_t i = 0; i < COUNT; i++) {
			const size_t size = sizes[(i + round) % COUNT] - 16 * (size_t)round;

			objects[i] = skex_secret_new(size);
			assert_non_null(objects[i]);
			assert_true(skex_ct_is_zero(objects[i], size));
			memset(objects[i], (int)(i + 1), size);
		}
		for (size_t i = 0; i < COUNT; i++) {
			const size_t size = sizes[(i + round) % COUNT] - 16 * (size_t)round;

			for (size_t k = 0; k < size; k++)
				assert_int_equal(objects[i][k], i + 1);
			skex_secret_free(objects[i]);
		}
	}
}

/* Of this process, locked. */
static size_t locked_kib(void)
{
	char line[256];
	size_t kib = 0;
	FILE *file = fopen("/proc/self/status", "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "VmLck:", 6) == 0)
			kib = strtoul(line + 6, NULL, 10);
	}
	fclose(file);
	return kib;
}

static void not_all_that_is_freed_is_kept(void **state)
{
	enum {
		COUNT = 200
	};
	static void *objects[COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		objects[i] = skex_secret_new(100000);
		assert_non_null(objects[i]);
	}
	for (size_t i = 0; i < COUNT; i++)
		skex_secret_free(objects[i]);
	assert_true(locked_kib() <= 10 * 1024);
}

/* In a process of its own that may lock 2 MiB: 0 when all that it needs at a time is locked. */
static int lock_little(void)
{
	const struct rlimit little = {2u << 20, 2u << 20};
	void *first;
	void *second;

	if (setrlimit(RLIMIT_MEMLOCK, &little) != 0 || (geteuid() == 0 && setuid(65534) != 0))
		return 2;
	first = skex_secret_new(1500000);
	if (first == NULL || skex_secret_unlocked_bytes() != 0)
		return 3;
	skex_secret_free(first);
	second = skex_secret_new(1900000);
	return second != NULL && skex_secret_unlocked_bytes() == 0 ? 0 : 1;
}

static void what_is_kept_takes_no_lock_away(void **state)
{
	struct rlimit limit;
	int status = 0;
	pid_t child;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	if (limit.rlim_max < 2u << 20)
		skip();
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(lock_little());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
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
		/* Before this process keeps anything itself. */
		cmocka_unit_test(what_is_kept_takes_no_lock_away),
		cmocka_unit_test(every_size_is_zeroed_and_whole),
		cmocka_unit_test(objects_do_not_overlap),
		cmocka_unit_test(large_objects_come_back_wiped),
		cmocka_unit_test(not_all_that_is_freed_is_kept),
		cmocka_unit_test(the_limit_is_told),
	};

	return cmocka_run_group_tests_name("platform memory", tests, NULL, NULL);
}
