/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
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

#include "platform/posix.h"
#include "store/pad_file.h"
#include "store/store.h"
#include "tests/unit/store/fixture.h"

/* The first bytes of the files of a state (docs/spec/state.md, section 1): another version is
 * refused, anything else is damage, and neither is touched. */

#define STORE "versions"
#define PAD   "versions.pad"

enum {
	PAD_BYTES = 4096,
	FILE_MOST = 1 << 20
};

static enum skex_error fill(void *owner, uint8_t *out, size_t size)
{
	(void)owner;
	memset(out, 7, size);
	return SKEX_OK;
}

static enum skex_error open_store(struct skex_store **store)
{
	return skex_log_store_open(
		&fixture_platform, fixture_crypto(), fixture_path(STORE), fixture_kek, store);
}

static void tell(void *owner, enum skex_error error)
{
	*(bool *)owner = error == SKEX_OK;
}

/* A store with one secret, and a pad. */
static int set_up(void **state)
{
	const struct skex_view key = skex_view("a", 1);
	struct skex_store *store = NULL;
	struct skex_txn *txn;
	bool told = false;

	if (fixture_setup(state) != 0 || open_store(&store) != SKEX_OK ||
		skex_pad_file_make(&fixture_platform, fixture_crypto(), fixture_path(PAD),
			fixture_kek, PAD_BYTES, fill, NULL) != SKEX_OK)
		return -1;
	txn = skex_txn_begin(store);
	skex_txn_put_secret(txn, store, 1, key, &key, 1);
	if (skex_txn_submit(txn, store, tell, &told) != SKEX_OK)
		return -1;
	for (int i = 0; i < 100 && !told; i++) {
		skex_store_turn(store, skex_posix_now_ms(NULL));
		skex_posix_files_turn();
	}
	skex_store_close(store);
	return told ? 0 : -1;
}

static size_t load(const char *path, uint8_t *out)
{
	FILE *file = fopen(path, "rb");
	size_t size;

	assert_non_null(file);
	size = fread(out, 1, FILE_MOST, file);
	fclose(file);
	return size;
}

static void store_at(const char *path, const uint8_t *bytes, size_t size)
{
	FILE *file = fopen(path, "r+b");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

/* The one segment that has frames; which number it has is the store's own. */
static const char *segment(void)
{
	static char path[512];
	const struct dirent *entry;
	DIR *folder = opendir(fixture_path(STORE));

	assert_non_null(folder);
	path[0] = '\0';
	while ((entry = readdir(folder)) != NULL)
		if (strstr(entry->d_name, ".log") != NULL && strstr(entry->d_name, ".new") == NULL)
			(void)snprintf(
				path, sizeof(path), "%s/%s", fixture_path(STORE), entry->d_name);
	closedir(folder);
	assert_true(path[0] != '\0');
	return path;
}

static enum skex_error try_all(void)
{
	struct skex_store *store = NULL;
	struct skex_pad_file *pad = NULL;
	enum skex_error error = open_store(&store);

	if (error == SKEX_OK)
		skex_store_close(store);
	if (error == SKEX_OK)
		error = skex_pad_file_open(&fixture_platform, fixture_crypto(), fixture_path(PAD),
			fixture_kek, 0, &pad);
	if (error == SKEX_OK)
		skex_pad_file_close(pad);
	return error;
}

/* Byte `at` of a file becomes another one: all that is opened says so, and leaves it as it is. */
static void changed(const char *path, size_t at, enum skex_error wanted)
{
	static uint8_t bytes[FILE_MOST], after[FILE_MOST];
	const size_t size = load(path, bytes);

	bytes[at] ^= 3;
	store_at(path, bytes, size);
	assert_int_equal(try_all(), wanted);
	assert_int_equal(load(path, after), size);
	assert_memory_equal(after, bytes, size);
	bytes[at] ^= 3;
	store_at(path, bytes, size);
}

static void each(size_t at, enum skex_error wanted)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/secrets.keys", fixture_path(STORE));
	changed(path, at, wanted);
	(void)snprintf(path, sizeof(path), "%s", segment());
	changed(path, at, wanted);
	changed(fixture_path(PAD), at, wanted);
	(void)snprintf(path, sizeof(path), "%s.keys", fixture_path(PAD));
	changed(path, at, wanted);
	assert_int_equal(try_all(), SKEX_OK);
}

static void files_of_another_version_are_refused_and_left_alone(void **state)
{
	(void)state;
	each(11, SKEX_E_VERSION);
}

static void files_that_begin_with_something_else_are_damage(void **state)
{
	(void)state;
	each(0, SKEX_E_CORRUPT);
}

static void modes_of_files_and_directories(void **state)
{
	const struct dirent *entry;
	struct stat status;
	DIR *folder = opendir(fixture_path(STORE));
	char path[512];
	unsigned seen = 0;

	(void)state;
	assert_non_null(folder);
	assert_int_equal(stat(fixture_path(STORE), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", fixture_path(STORE), entry->d_name);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 07777, 0600);
		seen++;
	}
	closedir(folder);
	/* The lock, the keys, a segment. */
	assert_true(seen >= 3);
	assert_int_equal(stat(fixture_path(PAD), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	(void)snprintf(path, sizeof(path), "%s.keys", fixture_path(PAD));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void a_store_without_segments_is_new(void **state)
{
	struct skex_store *store = NULL;
	const struct dirent *entry;
	DIR *folder = opendir(fixture_path(STORE));
	uint8_t value[8];
	size_t size = 0;

	(void)state;
	assert_int_equal(open_store(&store), SKEX_OK);
	assert_int_equal(
		skex_store_get(store, 1, skex_view("a", 1), value, sizeof(value), &size), SKEX_OK);
	skex_store_close(store);
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		if (strstr(entry->d_name, ".log") != NULL)
			assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
	closedir(folder);
	assert_int_equal(open_store(&store), SKEX_OK);
	assert_int_equal(skex_store_get(store, 1, skex_view("a", 1), value, sizeof(value), &size),
		SKEX_E_UNKNOWN);
	skex_store_close(store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_of_another_version_are_refused_and_left_alone),
		TEST(files_that_begin_with_something_else_are_damage),
		TEST(modes_of_files_and_directories),
		TEST(a_store_without_segments_is_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
