/* SPDX-License-Identifier: Apache-2.0 */
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

#include "core/base/mem.h"
#include "platform/posix.h"

static const struct skex_files *const files = &skex_posix_files;
static char directory[64];

static const char *path_of(const char *name)
{
	static char path[2][128];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", directory, name);
	return path[turn];
}

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "%s", "/tmp/skex-files-XXXXXX");
	return mkdtemp(directory) == NULL;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static void opening(void **state)
{
	struct skex_file *file = NULL;
	struct stat status;

	(void)state;
	assert_int_equal(files->open(NULL, path_of("a"), SKEX_OPEN_WRITE, &file), SKEX_E_UNKNOWN);
	assert_null(file);
	unsigned new = SKEX_OPEN_WRITE | SKEX_OPEN_CREATE | SKEX_OPEN_NEW;
	assert_int_equal(files->open(NULL, path_of("a"), new, &file), SKEX_OK);
	assert_int_equal(stat(path_of("a"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(files->check_private(file), SKEX_OK);
	struct skex_file *second = NULL;
	assert_int_equal(files->open(NULL, path_of("a"), new, &second), SKEX_E_BUSY);
	assert_int_equal(files->open(NULL, path_of("a"), SKEX_OPEN_WRITE, &second), SKEX_OK);
	assert_int_equal(files->lock(file), SKEX_OK);
	assert_int_equal(files->lock(second), SKEX_E_BUSY);
	files->close(file);
	assert_int_equal(files->lock(second), SKEX_OK);
	assert_int_equal(chmod(path_of("a"), 0640), 0);
	assert_int_equal(files->check_private(second), SKEX_E_REFUSED);
	files->close(second);
	files->close(NULL);
	assert_int_equal(files->remove(NULL, path_of("a")), SKEX_OK);
	assert_int_equal(files->remove(NULL, path_of("a")), SKEX_E_UNKNOWN);
}

static void reading_and_writing(void **state)
{
	struct skex_file *file = NULL;
	uint64_t size = 0;
	char bytes[16] = "";

	(void)state;
	unsigned flags = SKEX_OPEN_WRITE | SKEX_OPEN_CREATE;
	assert_int_equal(files->open(NULL, path_of("b"), flags, &file), SKEX_OK);
	assert_int_equal(files->write(file, 5, "hello", 5), SKEX_OK);
	assert_int_equal(files->size(file, &size), SKEX_OK);
	assert_int_equal(size, 10);
	assert_int_equal(files->read(file, 4, bytes, 6), SKEX_OK);
	assert_memory_equal(bytes, "\0hello", 6);
	assert_int_equal(files->read(file, 6, bytes, 5), SKEX_E_CORRUPT);
	assert_int_equal(files->resize(file, 100), SKEX_OK);
	assert_int_equal(files->size(file, &size), SKEX_OK);
	assert_int_equal(size, 100);
	assert_int_equal(files->read(file, 9, bytes, 2), SKEX_OK);
	assert_memory_equal(bytes, "o\0", 2);
	assert_int_equal(files->resize(file, 7), SKEX_OK);
	assert_int_equal(files->size(file, &size), SKEX_OK);
	assert_int_equal(size, 7);
	assert_int_equal(files->sync_wait(file), SKEX_OK);
	files->close(file);
	assert_int_equal(files->rename(NULL, path_of("b"), path_of("c")), SKEX_OK);
	assert_int_equal(files->sync_directory(NULL, directory), SKEX_OK);
	assert_int_equal(files->open(NULL, path_of("b"), SKEX_OPEN_READ, &file), SKEX_E_UNKNOWN);
	assert_int_equal(files->remove(NULL, path_of("c")), SKEX_OK);
}

struct order {
	struct skex_file *file;
	int first;
	int second;
	int again;
};

static void note_again(void *owner, enum skex_error error)
{
	struct order *order = owner;

	assert_int_equal(error, SKEX_OK);
	order->again++;
}

static void note_first(void *owner, enum skex_error error)
{
	struct order *order = owner;

	assert_int_equal(error, SKEX_OK);
	order->first++;
	assert_int_equal(order->second, 0);
	assert_int_equal(files->sync(order->file, note_again, order), SKEX_OK);
}

static void note_second(void *owner, enum skex_error error)
{
	struct order *order = owner;

	assert_int_equal(error, SKEX_OK);
	order->second++;
}

static void syncs_finish_in_a_later_turn(void **state)
{
	struct order order = {0};

	(void)state;
	unsigned flags = SKEX_OPEN_WRITE | SKEX_OPEN_CREATE;
	assert_int_equal(files->open(NULL, path_of("d"), flags, &order.file), SKEX_OK);
	assert_int_equal(files->sync(order.file, note_first, &order), SKEX_OK);
	assert_int_equal(files->sync(order.file, note_second, &order), SKEX_OK);
	assert_int_equal(order.first + order.second, 0);
	skex_posix_files_turn();
	assert_int_equal(order.first, 1);
	assert_int_equal(order.second, 1);
	assert_int_equal(order.again, 0);
	skex_posix_files_turn();
	assert_int_equal(order.again, 1);
	assert_int_equal(files->sync(order.file, note_again, &order), SKEX_OK);
	files->close(order.file);
	skex_posix_files_turn();
	assert_int_equal(order.again, 1);
	assert_int_equal(files->remove(NULL, path_of("d")), SKEX_OK);
}

static void count_name(void *owner, const char *name)
{
	(void)name;
	*(int *)owner += 1;
}

static void directories(void **state)
{
	int names = 0;
	struct skex_file *file = NULL;

	(void)state;
	assert_int_equal(files->make_directory(NULL, path_of("sub")), SKEX_OK);
	assert_int_equal(files->make_directory(NULL, path_of("sub")), SKEX_OK);
	unsigned flags = SKEX_OPEN_WRITE | SKEX_OPEN_CREATE;
	assert_int_equal(files->open(NULL, path_of("file"), flags, &file), SKEX_OK);
	files->close(file);
	assert_int_equal(files->make_directory(NULL, path_of("file")), SKEX_E_BUSY);
	assert_int_equal(files->list(NULL, directory, count_name, &names), SKEX_OK);
	assert_int_equal(names, 2);
	assert_int_equal(files->list(NULL, path_of("none"), count_name, &names), SKEX_E_UNKNOWN);
	assert_int_equal(files->sync_directory(NULL, path_of("none")), SKEX_E_UNKNOWN);
	assert_int_equal(files->remove(NULL, path_of("file")), SKEX_OK);
	assert_int_equal(rmdir(path_of("sub")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opening),
		cmocka_unit_test(reading_and_writing),
		cmocka_unit_test(syncs_finish_in_a_later_turn),
		cmocka_unit_test(directories),
	};

	return cmocka_run_group_tests_name(
		"platform files", tests, make_directory, remove_directory);
}
