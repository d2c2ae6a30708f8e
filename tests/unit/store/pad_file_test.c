/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "platform/posix.h"
#include "store/pad_internal.h"
#include "tests/unit/store/fixture.h"

/* A pad on the real files of this machine; power cuts and thieves are tests/sim's. */
enum {
	SIZE = 200000
};

static enum skex_error fill(void *owner, uint8_t *out, size_t size)
{
	uint32_t *at = owner;

	for (size_t i = 0; i < size; i++, ++*at)
		out[i] = (uint8_t)(*at ^ *at >> 8);
	return SKEX_OK;
}

static void expect(struct skex_pad_file *file, uint32_t offset, size_t size)
{
	uint8_t *out = malloc(size), *expected = malloc(size);

	assert_non_null(out);
	assert_non_null(expected);
	assert_int_equal(skex_pad_file_read(file, offset, out, size), SKEX_OK);
	assert_int_equal(fill(&offset, expected, size), SKEX_OK);
	assert_memory_equal(out, expected, size);
	free(out);
	free(expected);
}

static enum skex_error open_at(const char *path, uint64_t mark, struct skex_pad_file **file)
{
	return skex_pad_file_open(
		&fixture_platform, fixture_crypto(), path, fixture_kek, mark, file);
}

static void a_pad_from_its_making_to_its_end(void **state)
{
	const char *path = fixture_path("a.pad");
	struct skex_pad_file *file = NULL;
	uint32_t at = 0;
	uint8_t out[32];
	struct stat status;

	(void)state;
	assert_int_equal(skex_pad_file_make(&fixture_platform, fixture_crypto(), path, fixture_kek,
				 SIZE, fill, &at),
		SKEX_OK);
	assert_int_equal(at, SIZE);
	assert_int_equal(skex_pad_file_make(&fixture_platform, fixture_crypto(), path, fixture_kek,
				 SIZE, fill, &at),
		SKEX_E_BUSY);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	for (uint32_t mark = 0; mark < SIZE - 30000; mark += 30000) {
		assert_int_equal(open_at(path, mark, &file), SKEX_OK);
		assert_int_equal(skex_pad_file_size(file), SIZE);
		expect(file, mark, SIZE - mark);
		expect(file, mark + 16, 100);
		skex_pad_file_forget(file, mark + 15008);
		assert_int_equal(skex_pad_file_read(file, mark + 15000, out, 16), SKEX_E_SPENT);
		/* By turns, and by a stop in the middle. */
		for (uint64_t ms = 0; ms < SKEX_PAD_FORGET_MS; ms += 100) {
			skex_pad_file_turn(file, skex_posix_now_ms(NULL) + ms);
			skex_posix_files_turn();
		}
		expect(file, mark + 15008, SIZE - mark - 15008);
		skex_pad_file_forget(file, mark + 20000);
		assert_int_equal(skex_pad_file_settle(file), SKEX_OK);
		expect(file, mark + 20000, 4096);
		skex_pad_file_close(file);
	}
	assert_int_equal(skex_pad_file_destroy(&fixture_platform, path), SKEX_OK);
	assert_int_equal(open_at(path, 0, &file), SKEX_E_UNKNOWN);
	assert_int_equal(stat(path, &status), -1);
}

static void a_mark_beyond_the_end_is_refused(void **state)
{
	const char *path = fixture_path("b.pad");
	struct skex_pad_file *file = NULL;
	uint32_t at = 0;
	uint8_t out[1];

	(void)state;
	assert_int_equal(skex_pad_file_make(&fixture_platform, fixture_crypto(), path, fixture_kek,
				 16, fill, &at),
		SKEX_OK);
	assert_int_equal(open_at(path, 32, &file), SKEX_E_ARGUMENT);
	assert_int_equal(open_at(path, 16, &file), SKEX_OK);
	assert_int_equal(skex_pad_file_read(file, 16, out, 1), SKEX_E_EXHAUSTED);
	assert_int_equal(skex_pad_file_read(file, 16, out, 0), SKEX_OK);
	assert_int_equal(skex_pad_file_read(file, 0, out, 1), SKEX_E_SPENT);
	assert_int_equal(skex_pad_file_read(file, UINT64_MAX, out, 1), SKEX_E_EXHAUSTED);
	assert_int_equal(skex_pad_file_settle(file), SKEX_OK);
	skex_pad_file_close(file);
}

/* Byte `where` of a file becomes another one, and what it was when that is done again. */
static void change(const char *path, uint64_t where)
{
	FILE *raw = fopen(path, "r+b");
	uint8_t byte;

	assert_non_null(raw);
	assert_int_equal(fseek(raw, (long)where, SEEK_SET), 0);
	assert_int_equal(fread(&byte, 1, 1, raw), 1);
	assert_int_equal(fseek(raw, (long)where, SEEK_SET), 0);
	assert_int_equal(fputc(byte ^ 1, raw), byte ^ 1);
	assert_int_equal(fclose(raw), 0);
}

/* Whole segments are read in runs: each is still opened by itself, and nothing of a run that is
 * wrong anywhere is given. */
static void damage_anywhere_in_a_run_is_found(void **state)
{
	const char *path = fixture_path("c.pad");
	static uint8_t out[SIZE], zero[SIZE];
	struct skex_pad_file *file = NULL;
	uint32_t at = 0;

	(void)state;
	assert_int_equal(skex_pad_file_make(&fixture_platform, fixture_crypto(), path, fixture_kek,
				 SIZE, fill, &at),
		SKEX_OK);
	for (uint32_t bad = 1; bad < 16; bad++) {
		const uint64_t where = SKEX_PAD_CHUNKS_AT + bad * SKEX_PAD_SEGMENT_BYTES + 7;

		change(path, where);
		assert_int_equal(open_at(path, 0, &file), SKEX_OK);
		memset(out, 1, sizeof(out));
		assert_int_equal(skex_pad_file_read(file, 0, out, SIZE), SKEX_E_CORRUPT);
		assert_memory_equal(out, zero, SIZE);
		expect(file, (bad + 1) * SKEX_PAD_SEGMENT_BYTES, 100000);
		expect(file, 0, bad * SKEX_PAD_SEGMENT_BYTES);
		skex_pad_file_close(file);
		change(path, where);
	}
}

/* What the keys lead to at the mark, a segment or a tail, is looked at when a file is opened: where
 * a disk lost it nothing before it could be destroyed, however long the file was in use. */
static void what_is_lost_at_the_mark_is_found_at_once(void **state)
{
	static const struct {
		uint64_t mark, where;
	} losses[] = {
		{0, SKEX_PAD_CHUNKS_AT + 7},
		{100, SKEX_PAD_TAILS_AT},
		{5000, SKEX_PAD_TAILS_AT + SKEX_PAD_SEGMENT_BYTES}, /* its tag */
		{3 * SKEX_PAD_SEGMENT_BYTES, SKEX_PAD_CHUNKS_AT + 4 * SKEX_PAD_SEGMENT_BYTES - 1},
	};
	const char *path = fixture_path("d.pad");

	(void)state;
	for (size_t i = 0; i < sizeof(losses) / sizeof(losses[0]); i++) {
		const uint64_t mark = losses[i].mark;
		struct skex_pad_file *file = NULL;
		uint32_t at = 0;

		assert_int_equal(skex_pad_file_make(&fixture_platform, fixture_crypto(), path,
					 fixture_kek, SIZE, fill, &at),
			SKEX_OK);
		assert_int_equal(open_at(path, 0, &file), SKEX_OK);
		skex_pad_file_forget(file, mark);
		assert_int_equal(skex_pad_file_settle(file), SKEX_OK);
		skex_pad_file_close(file);
		change(path, losses[i].where);
		assert_int_equal(open_at(path, mark, &file), SKEX_E_CORRUPT);
		change(path, losses[i].where);
		assert_int_equal(open_at(path, mark, &file), SKEX_OK);
		expect(file, (uint32_t)mark, SIZE - mark);
		skex_pad_file_close(file);
		assert_int_equal(skex_pad_file_destroy(&fixture_platform, path), SKEX_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pad_from_its_making_to_its_end),
		cmocka_unit_test(a_mark_beyond_the_end_is_refused),
		cmocka_unit_test(damage_anywhere_in_a_run_is_found),
		cmocka_unit_test(what_is_lost_at_the_mark_is_found_at_once),
	};

	return cmocka_run_group_tests_name(
		"store pad file", tests, fixture_setup, fixture_teardown);
}
