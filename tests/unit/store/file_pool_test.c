/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "store/file_pool.h"
#include "store/pad_file.h"
#include "tests/unit/store/fixture.h"

enum {
	PADS = 60,
	MAX = 8,
	SIZE = 8192
};

static struct skex_file_pool pool;
static struct skex_platform platform;

static void begin(uint32_t max)
{
	platform = fixture_platform;
	skex_file_pool_init(&pool, fixture_platform.files, max);
	platform.files = &pool.files;
}

static enum skex_error fill(void *owner, uint8_t *out, size_t size)
{
	memset(out, *(const int *)owner, size);
	return SKEX_OK;
}

static const char *name_of(int i)
{
	static char name[16];

	snprintf(name, sizeof(name), "pad%d", i);
	return fixture_path(name);
}

/* More files than the process may have descriptors: with room for few of them all are usable. */
static void many_files_need_few_descriptors(void **state)
{
	static struct skex_pad_file *files[PADS];
	struct rlimit before;
	struct rlimit few;
	uint8_t out[32];
	int round;
	int i;

	(void)state;
	begin(MAX);
	for (i = 0; i < PADS; i++)
		assert_int_equal(skex_pad_file_make(&fixture_platform, fixture_crypto(), name_of(i),
					 fixture_kek, SIZE, fill, &i),
			SKEX_OK);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 2 * MAX + 16;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (i = 0; i < PADS; i++)
		assert_int_equal(skex_pad_file_open(&platform, fixture_crypto(), name_of(i),
					 fixture_kek, 0, &files[i]),
			SKEX_OK);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < PADS; i++) {
			const int at = round % 2 ? PADS - 1 - i : i;
			const uint64_t from = (uint64_t)round * 4096 % SIZE + 256;

			assert_int_equal(
				skex_pad_file_read(files[at], from, out, sizeof(out)), SKEX_OK);
			assert_int_equal(out[0], at);
			assert_int_equal(out[31], at);
			assert_true(pool.open <= MAX);
		}
		for (i = 0; i < PADS; i++)
			skex_pad_file_forget(files[i], (uint64_t)(round + 1) * 48);
	}
	for (i = 0; i < PADS; i++) {
		assert_int_equal(skex_pad_file_settle(files[i]), SKEX_OK);
		assert_true(pool.open <= MAX);
	}
	for (i = 0; i < PADS; i++)
		skex_pad_file_close(files[i]);
	assert_int_equal(pool.open, 0);
	assert_int_equal(pool.pinned, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* What is written and not synced keeps its descriptor, and is none to be closed. */
static void unsynced_files_are_pinned(void **state)
{
	const struct skex_files *files = &pool.files;
	struct skex_file *file[4] = {NULL};
	uint8_t byte = 7;
	int i;

	(void)state;
	begin(2);
	for (i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "plain%d", i);
		assert_int_equal(
			files->open(files->context, fixture_path(name),
				SKEX_OPEN_WRITE | SKEX_OPEN_CREATE | SKEX_OPEN_NEW, &file[i]),
			SKEX_OK);
		assert_true(pool.open <= 2);
	}
	assert_false(skex_file_pool_crowded(&pool));
	for (i = 0; i < 4; i++) {
		byte = (uint8_t)i;
		assert_int_equal(files->write(file[i], 0, &byte, 1), SKEX_OK);
	}
	assert_int_equal(pool.pinned, 4);
	assert_int_equal(pool.open, 4);
	assert_true(skex_file_pool_crowded(&pool));
	for (i = 0; i < 4; i++)
		assert_int_equal(files->sync_wait(file[i]), SKEX_OK);
	assert_int_equal(pool.pinned, 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(files->read(file[i], 0, &byte, 1), SKEX_OK);
		assert_int_equal(byte, i);
	}
	/* Which were made anew are not made a second time. */
	assert_int_equal(files->read(file[0], 0, &byte, 1), SKEX_OK);
	assert_true(pool.open <= 2 || pool.pinned == 0);
	for (i = 0; i < 4; i++)
		files->close(file[i]);
	files->close(NULL);
	assert_int_equal(pool.open, 0);
}

/* A file that is gone is told, and one that comes back is found again. */
static void a_lost_file_is_an_error(void **state)
{
	const struct skex_files *files = &pool.files;
	struct skex_file *one = NULL;
	struct skex_file *other = NULL;
	uint8_t byte = 1;

	(void)state;
	begin(1);
	assert_int_equal(files->open(files->context, fixture_path("one"),
				 SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &one),
		SKEX_OK);
	assert_int_equal(files->write(one, 0, &byte, 1), SKEX_OK);
	assert_int_equal(files->sync_wait(one), SKEX_OK);
	assert_int_equal(files->open(files->context, fixture_path("other"),
				 SKEX_OPEN_WRITE | SKEX_OPEN_CREATE, &other),
		SKEX_OK);
	assert_int_equal(
		files->rename(files->context, fixture_path("one"), fixture_path("away")), SKEX_OK);
	assert_int_equal(files->read(one, 0, &byte, 1), SKEX_E_UNKNOWN);
	assert_int_equal(files->write(one, 0, &byte, 1), SKEX_E_UNKNOWN);
	assert_int_equal(
		files->rename(files->context, fixture_path("away"), fixture_path("one")), SKEX_OK);
	assert_int_equal(files->read(one, 0, &byte, 1), SKEX_OK);
	files->close(one);
	files->close(other);
	assert_int_equal(pool.open, 0);
	assert_int_equal(pool.pinned, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_files_need_few_descriptors),
		cmocka_unit_test(unsynced_files_are_pinned),
		cmocka_unit_test(a_lost_file_is_an_error),
	};

	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
