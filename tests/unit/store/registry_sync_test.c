/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "store/state.h"
#include "tests/unit/store/fixture.h"

/*
 * A registry on a disk whose sync fails once.  Linux calls the pages that it was for clean then:
 * they are read from memory as if they were on the disk, and no later sync writes them.
 *
 * The real file is what memory shows, FILE.disk what the disk has.  A sync writes the pages that
 * were changed since the last one; a sync that fails forgets that they were.
 */
#define PAGE      4096u
#define PAGES_MAX 1024u

struct kept {
	sqlite3_file *file;
	const sqlite3_io_methods *real;
	sqlite3_io_methods methods;
	char path[256];
	bool changed[PAGES_MAX];
};

static struct kept kepts[2]; /* the database and its log */
static sqlite3_vfs lossy;
static const char *failing = ""; /* the end of its path: its next sync fails */

/* In the process of another life, which has no test to fail. */
static bool alone;

static void check(bool fine)
{
	if (!fine && alone)
		_exit(1);
	assert_true(fine);
}

static bool ends_with(const char *path, const char *end)
{
	const size_t size = strlen(path);

	return size >= strlen(end) && strcmp(path + size - strlen(end), end) == 0;
}

static void disk_of(const char *path, char disk[300])
{
	(void)snprintf(disk, 300, "%s.disk", path);
}

/* Of the pages that this says, or all of them; the other file then has the size of this one. */
static void copy(const char *from, const char *to, const bool *which)
{
	const int in = open(from, O_RDONLY);
	const int out = open(to, O_RDWR | O_CREAT, 0600);
	uint8_t page[PAGE];
	struct stat status;

	check(in >= 0 && out >= 0);
	check(fstat(in, &status) == 0);
	for (size_t i = 0; i < PAGES_MAX; i++) {
		ssize_t got;

		if (which != NULL && !which[i])
			continue;
		got = pread(in, page, PAGE, (off_t)(i * PAGE));
		check(got >= 0);
		check(pwrite(out, page, (size_t)got, (off_t)(i * PAGE)) == got);
	}
	check(ftruncate(out, status.st_size) == 0);
	close(in);
	close(out);
}

/* Memory forgets what the disk does not have. */
static void forget(const char *path)
{
	char disk[300];

	disk_of(path, disk);
	if (access(path, F_OK) == 0 && access(disk, F_OK) == 0)
		copy(disk, path, NULL);
}

static struct kept *kept_of(sqlite3_file *file)
{
	return kepts[0].file == file ? &kepts[0] : &kepts[1];
}

static int kept_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
	struct kept *kept = kept_of(file);
	const int code = kept->real->xWrite(file, data, size, offset);
	const size_t last = (size_t)(offset + size - 1) / PAGE;

	check(last < PAGES_MAX);
	for (size_t i = (size_t)offset / PAGE; i <= last; i++)
		kept->changed[i] = true;
	return code;
}

static int kept_sync(sqlite3_file *file, int flags)
{
	struct kept *kept = kept_of(file);
	const bool fails = failing[0] != '\0' && ends_with(kept->path, failing);
	char disk[300];

	(void)flags;
	disk_of(kept->path, disk);
	if (!fails)
		copy(kept->path, disk, kept->changed);
	memset(kept->changed, 0, sizeof(kept->changed));
	if (fails)
		failing = "";
	return fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int kept_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *flags_out)
{
	const int code = sqlite3_vfs_find("unix")->xOpen(vfs, path, file, flags, flags_out);
	struct kept *kept;
	char disk[300];

	if (code != SQLITE_OK || (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0)
		return code;
	kept = &kepts[ends_with(path, "-wal")];
	(void)snprintf(kept->path, sizeof(kept->path), "%s", path);
	kept->file = file;
	kept->real = file->pMethods;
	kept->methods = *kept->real;
	kept->methods.xWrite = kept_write;
	kept->methods.xSync = kept_sync;
	file->pMethods = &kept->methods;
	memset(kept->changed, 0, sizeof(kept->changed));
	disk_of(path, disk);
	if (access(disk, F_OK) != 0)
		copy(path, disk, NULL);
	return SQLITE_OK;
}

static enum skex_error files_open(
	void *context, const char *path, unsigned flags, struct skex_file **file)
{
	if ((flags & SKEX_OPEN_FRESH) != 0)
		forget(path);
	return fixture_platform.files->open(context, path, flags, file);
}

static void open_state(struct skex_state *opened)
{
	static struct skex_platform platform;
	static struct skex_files files;

	files = *fixture_platform.files;
	files.open = files_open;
	platform = fixture_platform;
	platform.files = &files;
	check(skex_state_open(&platform, fixture_crypto(), fixture_path("state"), fixture_kek,
		      opened) == SKEX_OK);
}

static void set(struct skex_state *opened, const char *name)
{
	check(skex_registry_set(opened->registry, name, skex_view("x", 1)) == SKEX_OK);
}

static enum skex_error get(struct skex_state *opened, const char *name)
{
	uint8_t value[8];
	size_t size = 0;

	return skex_registry_get(opened->registry, name, value, sizeof(value), &size);
}

static void see_a_sync_fail(struct skex_state *opened)
{
	check(skex_registry_failed(opened->registry) == SKEX_OK);
	failing = "-wal";
	check(skex_registry_set(opened->registry, "lost", skex_view("x", 1)) == SKEX_E_IO);
	check(failing[0] == '\0');
}

/* A life of a daemon that is killed in the end; what it found is all that comes back. */
static void live(void (*life)(struct skex_state *opened))
{
	const pid_t process = fork();
	int status = -1;

	if (process == 0) {
		struct skex_state opened;

		alone = true;
		open_state(&opened);
		life(&opened);
		for (size_t i = 0; i < 2; i++)
			for (size_t k = 0; k < PAGES_MAX; k++)
				check(!kepts[i].changed[k]);
		_exit(0);
	}
	assert_true(process > 0);
	assert_int_equal(waitpid(process, &status, 0), process);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void first_life(struct skex_state *opened)
{
	set(opened, "first");
	see_a_sync_fail(opened);
}

static void second_life(struct skex_state *opened)
{
	check(get(opened, "first") == SKEX_OK);
	set(opened, "second");
}

static void what_is_called_durable_is_not_behind_what_was_lost(void **state)
{
	struct skex_state opened;

	(void)state;
	live(first_life);
	live(second_life);
	/* The power fails. */
	forget(fixture_path("state/registry.db"));
	forget(fixture_path("state/registry.db-wal"));
	open_state(&opened);
	assert_int_equal(get(&opened, "first"), SKEX_OK);
	assert_int_equal(get(&opened, "second"), SKEX_OK);
	assert_int_equal(get(&opened, "lost"), SKEX_E_UNKNOWN);
	skex_state_close(&opened);
}

static void ends_badly(struct skex_state *opened)
{
	set(opened, "first");
	failing = ".db";
	skex_state_close(opened);
	check(failing[0] == '\0');
}

static void the_log_stays_until_the_database_has_it(void **state)
{
	struct skex_state opened;

	(void)state;
	live(ends_badly);
	forget(fixture_path("state/registry.db"));
	forget(fixture_path("state/registry.db-wal"));
	open_state(&opened);
	assert_int_equal(get(&opened, "first"), SKEX_OK);
	skex_state_close(&opened);
}

static bool see_nobody(void *owner, const struct skex_member *member)
{
	(void)owner;
	(void)member;
	return true;
}

static void after_a_sync_that_failed_it_says_nothing(void **state)
{
	struct skex_state opened;

	(void)state;
	open_state(&opened);
	set(&opened, "first");
	see_a_sync_fail(&opened);
	assert_int_equal(skex_registry_failed(opened.registry), SKEX_E_IO);
	assert_int_equal(get(&opened, "first"), SKEX_E_IO);
	assert_int_equal(skex_registry_set(opened.registry, "next", skex_view("x", 1)), SKEX_E_IO);
	assert_int_equal(skex_registry_members(opened.registry, NULL, see_nobody, NULL), SKEX_E_IO);
	assert_int_equal(skex_registry_begin(opened.registry), SKEX_E_IO);
	skex_state_close(&opened);
}

/* The same of several changes that are one. */
static void after_a_commit_that_failed_it_says_nothing(void **state)
{
	struct skex_state opened;

	(void)state;
	open_state(&opened);
	assert_int_equal(skex_registry_begin(opened.registry), SKEX_OK);
	set(&opened, "first");
	failing = "-wal";
	assert_int_equal(skex_registry_commit(opened.registry), SKEX_E_IO);
	assert_int_equal(skex_registry_failed(opened.registry), SKEX_E_IO);
	assert_int_equal(get(&opened, "first"), SKEX_E_IO);
	skex_state_close(&opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_called_durable_is_not_behind_what_was_lost,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			the_log_stays_until_the_database_has_it, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			after_a_sync_that_failed_it_says_nothing, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(after_a_commit_that_failed_it_says_nothing,
			fixture_setup, fixture_teardown),
	};

	lossy = *sqlite3_vfs_find("unix");
	lossy.zName = "lossy";
	lossy.xOpen = kept_open;
	if (sqlite3_vfs_register(&lossy, 1) != SQLITE_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
