/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/pad_internal.h"
#include "tests/sim/store_scene.h"
#include "tests/sim/store_thief.h"

/* A pad whose syncs fail, or end after the life that asked for them. */
#define SIZE (4u << 20)

static uint8_t original[SIZE];
static struct scene scene;
static struct skex_pad_file *file;

static enum skex_error fill(void *owner, uint8_t *out, size_t size)
{
	size_t *filled = owner;

	memcpy(out, original + *filled, size);
	*filled += size;
	return SKEX_OK;
}

static void begin(uint64_t seed)
{
	size_t filled = 0;

	scene_init(&scene, seed);
	scene_bytes(&scene, original, SIZE);
	assert_int_equal(skex_pad_file_make(&scene.platform, scene.crypto, "pad", scene.kek, SIZE,
				 fill, &filled),
		SKEX_OK);
}

static enum skex_error open_at(uint64_t mark)
{
	return skex_pad_file_open(&scene.platform, scene.crypto, "pad", scene.kek, mark, &file);
}

static void end(void)
{
	skex_pad_file_close(file);
	scene_clear(&scene);
}

/* Until nothing is due, or it failed. */
static void work(void)
{
	for (unsigned i = 0; i < 12; i++) {
		scene.now_ms += SKEX_PAD_FORGET_MS;
		(void)skex_pad_file_turn(file, scene.now_ms);
		disk_turn(scene.disk);
	}
}

static void check_rest(uint64_t mark)
{
	static uint8_t out[SIZE];

	assert_true(skex_pad_file_begins(file) == mark);
	assert_int_equal(skex_pad_file_read(file, mark, out, SIZE - mark), SKEX_OK);
	assert_memory_equal(out, original + mark, SIZE - mark);
}

/* Used bytes that a thief of the disk can read. */
static size_t stolen(uint64_t mark)
{
	static uint8_t found[SIZE];
	struct thief *thief = thief_new(scene.disk, scene.crypto, scene.kek);
	size_t count = 0;

	memset(found, 0, sizeof(found));
	thief_pad(thief, original, SIZE, found);
	thief_free(thief);
	for (size_t i = 0; i < mark; i++)
		count += found[i] != 0;
	return count;
}

/* The process ends while the slot that leads to the second tail area is not synced yet; the next
 * one, whose mark is the same or further on, writes the first area; then the power fails. */
static void a_process_that_ends_in_a_step_and_then_the_power(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		const uint64_t mark = seed % 3 == 0 ? 1024 : 1536;

		begin(seed);
		assert_int_equal(open_at(0), SKEX_OK);
		skex_pad_file_forget(file, 512);
		assert_int_equal(skex_pad_file_settle(file), SKEX_OK);
		skex_pad_file_close(file);
		disk_crash(scene.disk);
		assert_int_equal(open_at(512), SKEX_OK);
		work();
		skex_pad_file_forget(file, 1024);
		scene.now_ms += SKEX_PAD_FORGET_MS;
		while (file->phase != SKEX_PAD_SYNC_SLOT) {
			(void)skex_pad_file_turn(file, scene.now_ms);
			disk_turn(scene.disk);
		}
		skex_pad_file_close(file);
		disk_crash(scene.disk);
		assert_int_equal(open_at(mark), SKEX_OK);
		for (uint64_t i = 0; i < seed % 5; i++) {
			(void)skex_pad_file_turn(file, scene.now_ms);
			disk_turn(scene.disk);
		}
		skex_pad_file_close(file);
		disk_power_cut(scene.disk, seed);
		assert_int_equal(open_at(mark), SKEX_OK);
		check_rest(mark);
		end();
	}
}

/* After a sync that fails memory shows what the disk does not have, and no other sync writes it.
 * Opened again, what is used is gone from the disk, and nothing of the rest. */
static void a_sync_that_fails(void **state)
{
	const uint64_t mark = 3300000; /* in another chunk */
	unsigned failed = 0;

	(void)state;
	for (uint64_t n = 1; n <= 8; n++) {
		begin(n);
		assert_int_equal(open_at(0), SKEX_OK);
		work();
		skex_pad_file_forget(file, mark - 5000);
		work();
		skex_pad_file_forget(file, mark);
		disk_fail_sync(scene.disk, n);
		work();
		if (skex_pad_file_failed(file) != SKEX_OK) {
			failed++;
			skex_pad_file_close(file);
			assert_int_equal(skex_pad_file_reopen(&scene.platform, scene.crypto, "pad",
						 scene.kek, mark, &file),
				SKEX_OK);
			assert_false(skex_pad_file_proven(file));
			work();
		}
		assert_int_equal(skex_pad_file_failed(file), SKEX_OK);
		assert_true(skex_pad_file_proven(file));
		assert_int_equal(stolen(mark), 0);
		check_rest(mark);
		skex_pad_file_close(file);
		disk_power_cut(scene.disk, n);
		assert_int_equal(open_at(mark), SKEX_OK);
		check_rest(mark);
		end();
	}
	assert_true(failed >= 3); /* the tail, the slot, its older copy */
}

static bool no_random;

static enum skex_error random_if(void *context, void *out, size_t size)
{
	(void)context;
	if (no_random)
		return SKEX_E_ENTROPY;
	scene_bytes(&scene, out, size);
	return SKEX_OK;
}

/* A stop that cannot destroy ends all the same: the next start does it. */
static void a_stop_without_random_bytes_ends(void **state)
{
	(void)state;
	begin(3);
	scene.platform.random = random_if;
	assert_int_equal(open_at(0), SKEX_OK);
	skex_pad_file_forget(file, 1024);
	no_random = true;
	assert_int_equal(skex_pad_file_settle(file), SKEX_E_ENTROPY);
	no_random = false;
	skex_pad_file_close(file);
	disk_crash(scene.disk);
	assert_int_equal(open_at(1024), SKEX_OK);
	work();
	assert_int_equal(stolen(1024), 0);
	check_rest(1024);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_ends_in_a_step_and_then_the_power),
		cmocka_unit_test(a_sync_that_fails),
		cmocka_unit_test(a_stop_without_random_bytes_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
