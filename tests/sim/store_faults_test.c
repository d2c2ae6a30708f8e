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
#include "store/log.h"
#include "tests/sim/store_scene.h"

/* The log store on a disk that fails, fills up or decays. */

struct told {
	unsigned ok;
	unsigned failed;
	enum skex_error error;
};

static void tell(void *owner, enum skex_error error)
{
	struct told *told = owner;

	if (error == SKEX_OK) {
		assert_int_equal(told->failed, 0);
		told->ok++;
	} else {
		told->failed++;
		told->error = error;
	}
}

static struct skex_store *store_open(struct scene *scene)
{
	struct skex_store *store = NULL;

	assert_int_equal(
		skex_log_store_open(&scene->platform, scene->crypto, "state", scene->kek, &store),
		SKEX_OK);
	skex_log_of(store)->segment_bytes = 20000;
	skex_log_of(store)->reserve_bytes = 4096;
	return store;
}

static enum skex_error put(
	struct skex_store *store, struct told *told, unsigned number, size_t size, bool secret)
{
	static uint8_t bytes[70000];
	uint8_t name[4] = {(uint8_t)(number >> 8), (uint8_t)number};
	struct skex_view value = skex_view(bytes, size);
	struct skex_txn *txn = skex_txn_begin(store);

	assert_non_null(txn);
	memset(bytes, (int)number, size);
	if (secret)
		skex_txn_put_secret(txn, store, 1, skex_view(name, sizeof(name)), &value, 1);
	else
		skex_txn_put(txn, store, 1, skex_view(name, sizeof(name)), &value, 1);
	return skex_txn_submit(txn, store, tell, told);
}

static void turns(struct scene *scene, struct skex_store *store, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		scene->now_ms += 10;
		skex_store_turn(store, scene->now_ms);
		disk_turn(scene->disk);
	}
}

static enum skex_error count_one(void *owner, struct skex_view key, struct skex_view value)
{
	unsigned number = (unsigned)key.data[0] << 8 | key.data[1];

	for (size_t i = 0; i < value.size; i++)
		assert_int_equal(value.data[i], (uint8_t)number);
	++*(unsigned *)owner;
	return SKEX_OK;
}

static unsigned count_all(struct skex_store *store)
{
	unsigned count = 0;

	assert_int_equal(skex_store_each(store, 1, skex_view(NULL, 0), count_one, &count), SKEX_OK);
	return count;
}

static void no_claim(void *owner, enum skex_error error, uint64_t from, uint64_t to)
{
	(void)owner;
	(void)error;
	(void)from;
	(void)to;
	fail();
}

/* Submits until something fails; everything that was taken must be told, and told the truth. */
static void fail_once(uint64_t seed, bool write, uint64_t n)
{
	struct scene scene;
	struct told told = {0};
	unsigned taken = 0;
	uint8_t out[16];
	size_t size;

	scene_init(&scene, seed);
	struct skex_store *store = store_open(&scene);
	if (write)
		disk_fail_write(scene.disk, n);
	else
		disk_fail_sync(scene.disk, n);
	for (unsigned i = 0; i < 60; i++) {
		size_t bytes = (size_t)scene_below(&scene, 3000);
		enum skex_error error = put(store, &told, i, bytes, scene_below(&scene, 2) == 0);
		if (error == SKEX_OK)
			taken++;
		else
			assert_int_equal(error, SKEX_E_IO);
		turns(&scene, store, (unsigned)scene_below(&scene, 3));
	}
	turns(&scene, store, 100);
	assert_int_equal(told.ok + told.failed, taken);
	/* After it has failed once it takes nothing and gives nothing, though the disk works again.
	 */
	enum skex_error state = skex_log_of(store)->failed;
	assert_int_equal(state, SKEX_E_IO);
	assert_int_equal(put(store, &told, 100, 10, false), SKEX_E_IO);
	assert_int_equal(
		skex_store_get(store, 1, skex_view("x", 1), out, sizeof(out), &size), SKEX_E_IO);
	enum skex_error error = skex_store_claim(store, 2, skex_view("x", 1), 1, 9, no_claim, NULL);
	assert_int_equal(error, SKEX_E_IO);
	skex_store_close(store);
	/* What the next process finds, be it in memory, outlives the power as well. */
	disk_crash(scene.disk);
	store = store_open(&scene);
	unsigned found = count_all(store);
	assert_true(found >= told.ok && found <= 60);
	skex_store_close(store);
	disk_power_cut(scene.disk, seed);
	store = store_open(&scene);
	assert_int_equal(count_all(store), found);
	skex_store_close(store);
	scene_clear(&scene);
}

static void any_failed_write_or_sync_ends_it(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 40; n++) {
		fail_once(n, true, n);
		fail_once(n + 1000, false, 1 + n / 4);
	}
}

static void a_full_disk_is_told_and_survived(void **state)
{
	struct scene scene;
	struct told told = {0};
	unsigned taken = 0;
	enum skex_error error = SKEX_OK;

	(void)state;
	scene_init(&scene, 7);
	struct skex_store *store = store_open(&scene);
	disk_set_room(scene.disk, 300000);
	while (error == SKEX_OK) {
		error = put(store, &told, taken, 2000, taken % 2 == 0);
		taken += error == SKEX_OK;
		turns(&scene, store, 2);
		assert_true(taken < 1000);
	}
	assert_int_equal(error, SKEX_E_SPACE);
	turns(&scene, store, 20);
	assert_int_equal(told.ok, taken);
	assert_int_equal(told.failed, 0);
	assert_int_equal(count_all(store), taken);
	/* It goes on when there is room again. */
	disk_set_room(scene.disk, UINT64_MAX);
	turns(&scene, store, 200);
	assert_int_equal(put(store, &told, taken++, 60000, true), SKEX_OK);
	turns(&scene, store, 20);
	assert_int_equal(told.ok, taken);
	skex_store_close(store);
	disk_power_cut(scene.disk, 3);
	store = store_open(&scene);
	assert_int_equal(count_all(store), taken);
	skex_store_close(store);
	scene_clear(&scene);
}

static void too_much_at_once_is_refused(void **state)
{
	static uint8_t large[SKEX_STORE_VALUE_MAX];
	struct scene scene;
	struct told told = {0};
	struct skex_view value = skex_view(large, sizeof(large));
	enum skex_error error = SKEX_OK;
	unsigned taken = 0;

	(void)state;
	scene_init(&scene, 8);
	struct skex_store *store = store_open(&scene);
	for (; error == SKEX_OK && taken < 100; taken += error == SKEX_OK) {
		struct skex_txn *txn = skex_txn_begin(store);
		skex_txn_put(txn, store, 1, skex_view("a", 1), &value, 1);
		error = skex_txn_submit(txn, store, tell, &told);
	}
	assert_int_equal(error, SKEX_E_BUSY);
	assert_int_equal(taken, SKEX_STORE_PENDING_MAX / SKEX_STORE_VALUE_MAX - 1);
	turns(&scene, store, 10);
	assert_int_equal(told.ok, taken);
	assert_int_equal(put(store, &told, 1, 10, false), SKEX_OK);
	turns(&scene, store, 10);
	assert_int_equal(told.ok, taken + 1);
	skex_store_close(store);
	scene_clear(&scene);
}

/* ---- decay ---- */

static void store_fill(struct scene *scene)
{
	struct told told = {0};
	struct skex_store *store = store_open(scene);

	for (unsigned i = 0; i < 60; i++) {
		assert_int_equal(put(store, &told, i, 1000, i % 3 == 0), SKEX_OK);
		turns(scene, store, 2);
	}
	turns(scene, store, 50);
	assert_int_equal(told.ok, 60);
	skex_store_close(store);
	disk_crash(scene->disk);
}

/* Flips one bit; whatever it is, the store says so or the bit meant nothing, and nothing is lost by
 * trying. */
static void damage_once(struct scene *scene, const char *path, uint64_t offset)
{
	struct skex_store *store = NULL;

	assert_true(disk_damage(scene->disk, path, offset, 0x10));
	enum skex_error error =
		skex_log_store_open(&scene->platform, scene->crypto, "state", scene->kek, &store);
	if (error == SKEX_OK)
		skex_store_close(store);
	disk_crash(scene->disk);
	assert_true(disk_damage(scene->disk, path, offset, 0x10));
	/* In the header of a segment only the bytes after the tag mean nothing. */
	if (error == SKEX_OK && (offset < 88 || offset >= SKEX_LOG_HEADER_BYTES))
		fail_msg("%s: damage at %u was not seen", path, (unsigned)offset);
	if (error != SKEX_OK && error != SKEX_E_CORRUPT && error != SKEX_E_VERSION)
		fail_msg("%s: damage at %u: %s", path, (unsigned)offset, skex_error_name(error));
}

static void damage_is_found_and_changes_nothing(void **state)
{
	struct scene scene;
	const uint8_t *bytes = NULL;
	size_t size = 0;

	(void)state;
	scene_init(&scene, 9);
	store_fill(&scene);
	/* An opening settles the last segment; from then on openings that change nothing stay that.
	 */
	skex_store_close(store_open(&scene));
	for (unsigned number = 1; number <= 3; number++) {
		char path[64];
		snprintf(path, sizeof(path), "state/%08u.log", number);
		assert_true(disk_durable(scene.disk, path, &bytes, &size));
		for (uint64_t offset = 0; offset < 20000; offset += 1 + scene_below(&scene, 90))
			damage_once(&scene, path, offset);
	}
	struct skex_store *store = store_open(&scene);
	assert_int_equal(count_all(store), 60);
	skex_store_close(store);
	scene_clear(&scene);
}

/* The last group may be torn: then it was never reported, and what is torn off is void for ever. */
static void a_bit_in_the_middle_of_the_last_segment_is_damage(void **state)
{
	struct scene scene;
	struct told told = {0};

	(void)state;
	scene_init(&scene, 10);
	struct skex_store *store = store_open(&scene);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(put(store, &told, i, 1000, false), SKEX_OK);
		turns(&scene, store, 2);
	}
	uint64_t end = skex_log_of(store)->current->end;
	skex_store_close(store);
	disk_crash(scene.disk);
	for (uint64_t offset = SKEX_LOG_HEADER_BYTES; offset < end - 2 * 1090; offset += 37)
		damage_once(&scene, "state/00000001.log", offset);
	/* In the last frame it cannot be told from a write that the power cut. */
	assert_true(disk_damage(scene.disk, "state/00000001.log", end - 100, 1));
	store = store_open(&scene);
	assert_int_equal(count_all(store), 5);
	skex_store_close(store);
	scene_clear(&scene);
}

static void remove_file(struct scene *scene, const char *path)
{
	const struct skex_files *files = disk_files(scene->disk);

	assert_int_equal(files->remove(files->context, path), SKEX_OK);
	assert_int_equal(files->sync_directory(files->context, "state"), SKEX_OK);
}

static void a_missing_segment_is_damage(void **state)
{
	(void)state;
	for (unsigned number = 1; number <= 2; number++) {
		struct scene scene;
		struct skex_store *store = NULL;
		char path[64];

		scene_init(&scene, 11);
		store_fill(&scene);
		snprintf(path, sizeof(path), "state/%08u.log", number);
		remove_file(&scene, path);
		assert_int_equal(skex_log_store_open(
					 &scene.platform, scene.crypto, "state", scene.kek, &store),
			SKEX_E_CORRUPT);
		scene_clear(&scene);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_failed_write_or_sync_ends_it),
		cmocka_unit_test(a_full_disk_is_told_and_survived),
		cmocka_unit_test(too_much_at_once_is_refused),
		cmocka_unit_test(damage_is_found_and_changes_nothing),
		cmocka_unit_test(a_bit_in_the_middle_of_the_last_segment_is_damage),
		cmocka_unit_test(a_missing_segment_is_damage),
	};

	return cmocka_run_group_tests_name("sim store faults", tests, NULL, NULL);
}
