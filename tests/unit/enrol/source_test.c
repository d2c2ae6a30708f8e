/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "enrol/source.h"
#include "tests/sim/store_scene.h"

static struct scene scene;
static struct skex_registry *registry;
static char directory[64];

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
	char path[128];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/a", directory);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/b", directory);
	(void)unlink(path);
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
	struct skex_reason reason;

	return skex_pad_source_open(
		&scene.platform, scene.crypto, registry, path, bytes, source, &reason);
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
		TEST(a_pipe_gives_what_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
