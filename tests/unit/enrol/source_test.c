/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "enrol/source.h"
#include "tests/sim/store_scene.h"

static struct scene scene;
static struct skex_registry *registry;
static char directory[64];
static bool unmarked;
static struct skex_reason reason;

static int set_up(void **state)
{
	(void)state;
	scene_init(&scene, 3);
	(void)snprintf(directory, sizeof(directory), "/tmp/skex-source-XXXXXX");
	return mkdtemp(directory) != NULL && skex_registry_open(":memory:", &registry) == SKEX_OK
		? 0
		: -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"a", "b", "a.skex-used", "b.skex-used"};
	char path[128];

	(void)state;
	unmarked = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		(void)unlink(path);
	}
	skex_registry_close(registry);
	scene_clear(&scene);
	return rmdir(directory);
}

static const char *file_of(const char *name, uint8_t seed, size_t size)
{
	static char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	for (size_t i = 0; i < size; i++)
		assert_true(fputc((int)(uint8_t)(seed + i * 7), file) != EOF);
	assert_int_equal(fclose(file), 0);
	return path;
}

static enum skex_error open_source(
	const char *path, uint64_t bytes, struct skex_pad_source **source)
{
	const struct skex_pad_source_order order = {path, bytes, unmarked};

	return skex_pad_source_open(
		&scene.platform, scene.crypto, registry, &order, source, &reason);
}

static void the_kernel_is_computational(void **state)
{
	struct skex_pad_source *source;
	uint8_t bytes[100] = {0};
	size_t got = 0;

	(void)state;
	assert_int_equal(open_source(NULL, 1000, &source), SKEX_OK);
	assert_int_equal(skex_pad_source_class(source), SKEX_CLASS_COMPUTATIONAL);
	assert_string_equal(skex_pad_source_text(source), "kernel");
	assert_int_equal(skex_pad_source_read(source, bytes, sizeof(bytes), &got, NULL), SKEX_OK);
	assert_int_equal(got, sizeof(bytes));
	skex_pad_source_close(source);
	assert_int_equal(open_source("/dev/urandom", 16, &source), SKEX_E_REFUSED);
	assert_int_equal(open_source("/dev/zero", 16, &source), SKEX_E_REFUSED);
	assert_int_equal(open_source("/", 16, &source), SKEX_E_ARGUMENT);
	assert_int_equal(open_source("/nothing", 16, &source), SKEX_E_UNKNOWN);
}

/* No byte of a file is ever given twice, whatever becomes of what it was for. */
static void a_file_is_used_once(void **state)
{
	const char *path = file_of("a", 1, 32 + 100);
	struct skex_pad_source *source;
	uint8_t bytes[64];
	size_t got = 0;

	(void)state;
	assert_int_equal(open_source(path, 101, &source), SKEX_E_EXHAUSTED);
	assert_int_equal(open_source(path, 48, &source), SKEX_OK);
	assert_int_equal(skex_pad_source_class(source), SKEX_CLASS_ITS);
	assert_string_equal(skex_pad_source_text(source), "file a");
	assert_int_equal(skex_pad_source_read(source, bytes, 48, &got, NULL), SKEX_OK);
	for (size_t i = 0; i < got; i++)
		assert_int_equal(bytes[i], (uint8_t)(1 + (32 + i) * 7));
	skex_pad_source_close(source);
	/* Claimed, and never read: burnt. */
	assert_int_equal(open_source(path, 16, &source), SKEX_OK);
	skex_pad_source_close(source);
	assert_int_equal(open_source(path, 37, &source), SKEX_E_EXHAUSTED);
	assert_int_equal(open_source(path, 36, &source), SKEX_OK);
	assert_int_equal(skex_pad_source_read(source, bytes, 36, &got, NULL), SKEX_OK);
	assert_int_equal(bytes[0], (uint8_t)(1 + (32 + 64) * 7));
	skex_pad_source_close(source);
	/* Its copy under another name is the same. */
	assert_int_equal(open_source(file_of("b", 1, 32 + 100), 1, &source), SKEX_E_EXHAUSTED);
	/* Another file is another. */
	assert_int_equal(open_source(file_of("b", 2, 32 + 100), 100, &source), SKEX_OK);
	skex_pad_source_close(source);
	assert_int_equal(open_source(file_of("b", 3, 31), 1, &source), SKEX_E_EXHAUSTED);
}

/* The registry of before, or that of another daemon. */
static void other_registry(void)
{
	skex_registry_close(registry);
	assert_int_equal(skex_registry_open(":memory:", &registry), SKEX_OK);
}

static const char *mark_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s.skex-used", directory, name);
	return path;
}

static void write_mark(const char *name, const char *text)
{
	FILE *file = fopen(mark_of(name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void read_mark(const char *name, char text[static 256])
{
	FILE *file = fopen(mark_of(name), "r");
	size_t size;

	assert_non_null(file);
	size = fread(text, 1, 255, file);
	text[size] = '\0';
	assert_int_equal(fclose(file), 0);
}

static void take(const char *path, uint64_t bytes, uint8_t first)
{
	struct skex_pad_source *source;
	uint8_t byte = 0;
	size_t got = 0;

	assert_int_equal(open_source(path, bytes, &source), SKEX_OK);
	assert_int_equal(skex_pad_source_read(source, &byte, 1, &got, &reason), SKEX_OK);
	assert_int_equal(byte, first);
	skex_pad_source_close(source);
}

/* A registry that went back in time, or never knew: the mark beside the file knows. */
static void rule_a_restored_registry_gives_no_byte_of_a_file_again(void **state)
{
	const char *path = file_of("a", 1, 32 + 100);
	struct skex_pad_source *source;
	char link[128];
	char text[256];

	(void)state;
	take(path, 48, (uint8_t)(1 + 32 * 7));
	read_mark("a", text);
	assert_non_null(strstr(text, " 80\n"));
	other_registry();
	take(path, 16, (uint8_t)(1 + 80 * 7));
	other_registry();
	/* By another name that leads to it. */
	(void)snprintf(link, sizeof(link), "%s/b", directory);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(open_source(link, 37, &source), SKEX_E_EXHAUSTED);
	take(link, 16, (uint8_t)(1 + 96 * 7));
	/* Nor does a mark that went back, beside a registry that did not. */
	write_mark("a", text);
	take(path, 16, (uint8_t)(1 + 112 * 7));
	assert_int_equal(open_source(path, 5, &source), SKEX_E_EXHAUSTED);
	assert_int_equal(unlink(link), 0);
}

static void a_mark_that_is_not_the_files_own_is_refused(void **state)
{
	const char *path = file_of("a", 1, 32 + 100);
	struct skex_pad_source *source;
	char text[256];

	(void)state;
	take(path, 16, (uint8_t)(1 + 32 * 7));
	read_mark("a", text);
	unmarked = true;
	write_mark("a", "skex pad source used/1\n");
	assert_int_equal(open_source(path, 16, &source), SKEX_E_CORRUPT);
	write_mark("a", "");
	assert_int_equal(open_source(path, 16, &source), SKEX_E_CORRUPT);
	text[strlen(text) - 1] = ' ';
	write_mark("a", text);
	assert_int_equal(open_source(path, 16, &source), SKEX_E_CORRUPT);
	text[strlen(text) - 1] = '\n';
	write_mark("a", text);
	/* Another file under its name: nothing of it is used, and nothing is noted over. */
	(void)file_of("a", 2, 32 + 100);
	assert_int_equal(open_source(path, 16, &source), SKEX_E_REFUSED);
	assert_string_equal(reason.code, "pad_source_mark");
	(void)file_of("a", 1, 32 + 100);
	take(path, 16, (uint8_t)(1 + 48 * 7));
}

/* A mark that cannot be written: no byte, unless the operator says that the registry suffices. */
static void a_source_without_a_mark_needs_the_operators_word(void **state)
{
	const char *path = file_of("a", 1, 32 + 100);
	struct skex_pad_source *source;
	char fresh[160];

	(void)state;
	/* In the way of the mark, for root too. */
	(void)snprintf(fresh, sizeof(fresh), "%s.new", mark_of("a"));
	assert_int_equal(mkdir(fresh, 0700), 0);
	assert_int_equal(open_source(path, 16, &source), SKEX_E_IO);
	assert_string_equal(reason.code, "pad_source_mark");
	assert_non_null(strstr(reason.act, "--pad-source-unmarked"));
	unmarked = true;
	take(path, 16, (uint8_t)(1 + 32 * 7));
	take(path, 16, (uint8_t)(1 + 48 * 7));
	assert_int_equal(rmdir(fresh), 0);
	unmarked = false;
	take(path, 16, (uint8_t)(1 + 64 * 7));
}

/* What was not claimed is not read, though it is there. */
static void no_more_is_read_than_was_claimed(void **state)
{
	const char *path = file_of("a", 1, 32 + 100);
	struct skex_pad_source *source;
	uint8_t bytes[64];
	size_t got = 0;

	(void)state;
	assert_int_equal(open_source(path, 16, &source), SKEX_OK);
	assert_int_equal(
		skex_pad_source_read(source, bytes, sizeof(bytes), &got, &reason), SKEX_OK);
	assert_int_equal(got, 16);
	assert_int_equal(skex_pad_source_read(source, bytes, sizeof(bytes), &got, &reason),
		SKEX_E_EXHAUSTED);
	skex_pad_source_close(source);
	/* Cut off after it was claimed. */
	assert_int_equal(open_source(path, 16, &source), SKEX_OK);
	assert_int_equal(truncate(path, 48), 0);
	assert_int_equal(skex_pad_source_read(source, bytes, sizeof(bytes), &got, &reason),
		SKEX_E_EXHAUSTED);
	skex_pad_source_close(source);
}

/* Two daemons do not claim the same bytes at the same time. */
static void one_claims_at_a_time(void **state)
{
	const char *path = file_of("a", 1, 32 + 100);
	struct skex_pad_source *source;
	int other = open(path, O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(other >= 0);
	assert_int_equal(flock(other, LOCK_EX), 0);
	assert_int_equal(open_source(path, 16, &source), SKEX_E_BUSY);
	assert_int_equal(close(other), 0);
	take(path, 16, (uint8_t)(1 + 32 * 7));
}

static void a_pipe_gives_what_there_is(void **state)
{
	struct skex_pad_source *source;
	uint8_t bytes[64];
	size_t got = 0;
	char path[128];
	int writer;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/a", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(open_source(path, 1000, &source), SKEX_OK);
	assert_int_equal(skex_pad_source_class(source), SKEX_CLASS_ITS);
	writer = open(path, O_WRONLY);
	assert_int_equal(
		skex_pad_source_read(source, bytes, sizeof(bytes), &got, NULL), SKEX_E_EMPTY);
	assert_int_equal(write(writer, "twelve bytes", 12), 12);
	assert_int_equal(skex_pad_source_read(source, bytes, sizeof(bytes), &got, NULL), SKEX_OK);
	assert_int_equal(got, 12);
	assert_int_equal(close(writer), 0);
	assert_int_equal(
		skex_pad_source_read(source, bytes, sizeof(bytes), &got, NULL), SKEX_E_EXHAUSTED);
	skex_pad_source_close(source);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_kernel_is_computational),
		TEST(a_file_is_used_once),
		TEST(rule_a_restored_registry_gives_no_byte_of_a_file_again),
		TEST(a_mark_that_is_not_the_files_own_is_refused),
		TEST(a_source_without_a_mark_needs_the_operators_word),
		TEST(no_more_is_read_than_was_claimed),
		TEST(one_claims_at_a_time),
		TEST(a_pipe_gives_what_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
