/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/foreign.h"
#include "platform/memory.h"

#define NOBODY 65534

static char folder[64];
static char path[128];
static char why[SKEX_FOREIGN_WHY_BYTES];
static struct skex_foreign_file file;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s", "/tmp/skex-foreign-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/keys", folder);
	file = (struct skex_foreign_file){
		path, SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP, SKEX_FOREIGN_KEEP};
	why[0] = '\0';
	return 0;
}

/* Nothing but the file may be left. */
static int tear_down(void **state)
{
	(void)state;
	(void)remove(path);
	return rmdir(folder);
}

static const char *beside(void)
{
	static char name[160];

	(void)snprintf(name, sizeof(name), "%s.skex-new", path);
	return name;
}

static void put(const char *name, const char *text, mode_t mode)
{
	const int to = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(to >= 0);
	assert_int_equal(write(to, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(to, mode), 0);
	assert_int_equal(close(to), 0);
}

static struct stat status_of(const char *name)
{
	struct stat status;

	assert_int_equal(stat(name, &status), 0);
	return status;
}

static enum skex_error give(const char *text)
{
	return skex_foreign_write(&file, NULL, skex_view(text, strlen(text)), why);
}

static void assert_holds(const char *text)
{
	struct skex_foreign_content content;

	assert_int_equal(skex_foreign_read(&file, &content, why), SKEX_OK);
	assert_true(content.mark.there);
	assert_int_equal(content.size, strlen(text));
	if (content.size > 0)
		assert_memory_equal(content.bytes, text, content.size);
	skex_foreign_clear(&content);
}

static void making(void **state)
{
	struct skex_foreign_content content;

	(void)state;
	assert_int_equal(skex_foreign_read(&file, &content, why), SKEX_OK);
	assert_false(content.mark.there);
	assert_null(content.bytes);
	assert_int_equal(give("one"), SKEX_OK);
	assert_holds("one");
	assert_int_equal(status_of(path).st_mode & 07777, 0600);
	assert_int_equal(give(""), SKEX_OK);
	assert_holds("");
	assert_int_equal(skex_foreign_remove(&file, why), SKEX_OK);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(skex_foreign_remove(&file, why), SKEX_OK);
	assert_string_equal(why, "");
}

static void mode_and_owner(void **state)
{
	(void)state;
	put(path, "old", 0640);
	assert_int_equal(give("new"), SKEX_OK);
	assert_int_equal(status_of(path).st_mode & 07777, 0640);
	file.mode = 0400;
	assert_int_equal(give("newer"), SKEX_OK);
	assert_int_equal(status_of(path).st_mode & 07777, 0400);
	file.mode = SKEX_FOREIGN_KEEP;
	if (geteuid() != 0)
		return;
	/* As it was, or as it should be. */
	assert_int_equal(chown(path, NOBODY, 7), 0);
	assert_int_equal(give("theirs"), SKEX_OK);
	assert_int_equal(status_of(path).st_uid, NOBODY);
	assert_int_equal(status_of(path).st_gid, 7);
	file.user = 8;
	file.group = 9;
	assert_int_equal(give("other"), SKEX_OK);
	assert_int_equal(status_of(path).st_uid, 8);
	assert_int_equal(status_of(path).st_gid, 9);
	assert_int_equal(status_of(path).st_mode & 07777, 0400);
}

/* A reader has the old file or the new one. */
static void another_file(void **state)
{
	const int reader = (put(path, "old", 0600), open(path, O_RDONLY));
	char text[8] = "";

	(void)state;
	assert_true(reader >= 0);
	assert_int_equal(give("new"), SKEX_OK);
	assert_int_equal(read(reader, text, sizeof(text)), 3);
	assert_memory_equal(text, "old", 3);
	assert_int_equal(close(reader), 0);
}

static void leftover(void **state)
{
	(void)state;
	put(beside(), "half a k", 0644);
	assert_int_equal(give("whole"), SKEX_OK);
	assert_holds("whole");
	/* One that is a link is not followed. */
	assert_int_equal(symlink(path, beside()), 0);
	assert_int_equal(give("again"), SKEX_OK);
	assert_holds("again");
	assert_int_equal(access(beside(), F_OK), -1);
	/* A folder cannot be a leftover: it stays. */
	assert_int_equal(mkdir(beside(), 0700), 0);
	assert_int_equal(give("more"), SKEX_E_IO);
	assert_non_null(strstr(why, ".skex-new"));
	assert_int_equal(rmdir(beside()), 0);
	assert_holds("again");
}

static void refuse_all(enum skex_error error, const char *words)
{
	struct skex_foreign_content content;

	assert_int_equal(skex_foreign_read(&file, &content, why), error);
	assert_non_null(strstr(why, words));
	assert_int_equal(give("x"), error);
	assert_non_null(strstr(why, words));
	assert_int_equal(skex_foreign_remove(&file, why), error);
	assert_non_null(strstr(why, words));
}

static void odd_files(void **state)
{
	char target[128];

	(void)state;
	(void)snprintf(target, sizeof(target), "%s/target", folder);
	put(target, "theirs", 0600);
	assert_int_equal(symlink(target, path), 0);
	refuse_all(SKEX_E_REFUSED, "symbolic link");
	assert_int_equal(status_of(target).st_size, 6);
	assert_int_equal(unlink(target), 0);
	refuse_all(SKEX_E_REFUSED, "symbolic link");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	refuse_all(SKEX_E_REFUSED, "no plain file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	refuse_all(SKEX_E_REFUSED, "no plain file");
	file.path = "keys";
	refuse_all(SKEX_E_REFUSED, "absolute");
	file.path = "/tmp/";
	refuse_all(SKEX_E_REFUSED, "absolute");
	file.path = "/nonexistent/keys";
	refuse_all(SKEX_E_IO, "make its folder");
}

static void changed_meanwhile(void **state)
{
	struct skex_foreign_content content;

	(void)state;
	assert_int_equal(skex_foreign_read(&file, &content, why), SKEX_OK);
	put(path, "made", 0600);
	assert_int_equal(
		skex_foreign_write(&file, &content.mark, skex_view("mine", 4), why), SKEX_E_BUSY);
	assert_holds("made");
	assert_int_equal(skex_foreign_read(&file, &content, why), SKEX_OK);
	assert_int_equal(
		skex_foreign_write(&file, &content.mark, skex_view("mine", 4), why), SKEX_OK);
	assert_holds("mine");
	/* Replaced by another one of the same size. */
	assert_int_equal(
		skex_foreign_write(&file, &content.mark, skex_view("more", 4), why), SKEX_E_BUSY);
	assert_holds("mine");
	skex_foreign_clear(&content);
}

static void sizes(void **state)
{
	uint8_t *much = skex_secret_new(SKEX_FOREIGN_BYTES_MAX + 1);
	struct skex_foreign_content content;

	(void)state;
	assert_non_null(much);
	for (size_t i = 0; i <= SKEX_FOREIGN_BYTES_MAX; i++)
		much[i] = (uint8_t)i;
	assert_int_equal(
		skex_foreign_write(&file, NULL, skex_view(much, SKEX_FOREIGN_BYTES_MAX), why),
		SKEX_OK);
	assert_int_equal(skex_foreign_read(&file, &content, why), SKEX_OK);
	assert_int_equal(content.size, SKEX_FOREIGN_BYTES_MAX);
	assert_memory_equal(content.bytes, much, content.size);
	skex_foreign_clear(&content);
	assert_int_equal(truncate(path, SKEX_FOREIGN_BYTES_MAX + 1), 0);
	assert_int_equal(skex_foreign_read(&file, &content, why), SKEX_E_SPACE);
	assert_non_null(strstr(why, "1 MiB"));
	skex_secret_free(much);
}

/* A write that fails in the middle: the old file stays, and nothing is left beside it. */
static void full_disk(void **state)
{
	struct rlimit before;
	struct rlimit little;

	(void)state;
	put(path, "old", 0600);
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = before;
	little.rlim_cur = 5;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_int_equal(give("longer than that"), SKEX_E_SPACE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(why, "make room"));
	assert_holds("old");
}

static void not_allowed(void **state)
{
	struct skex_foreign_content content;

	(void)state;
	put(path, "old", 0600);
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	assert_int_equal(give("new"), SKEX_E_IO);
	assert_non_null(strstr(why, "Permission denied; let the user of skexd write"));
	assert_int_equal(skex_foreign_remove(&file, why), SKEX_E_IO);
	assert_int_equal(skex_foreign_read(&file, &content, why), SKEX_E_IO);
	assert_non_null(strstr(why, "cannot be opened: Permission denied"));
	assert_int_equal(seteuid(0), 0);
	/* An owner that it cannot be given. */
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	file.group = 0;
	assert_int_equal(give("new"), SKEX_E_IO);
	assert_non_null(strstr(why, "owner and group"));
	assert_int_equal(seteuid(0), 0);
	assert_holds("old");
}

static void not_allowed_if_root(void **state)
{
	if (geteuid() != 0)
		skip();
	not_allowed(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(making),
		TEST(mode_and_owner),
		TEST(another_file),
		TEST(leftover),
		TEST(odd_files),
		TEST(changed_meanwhile),
		TEST(sizes),
		TEST(full_disk),
		TEST(not_allowed_if_root),
	};

	return cmocka_run_group_tests_name("platform foreign", tests, NULL, NULL);
}
