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
#include "store/file_pool.h"
#include "store/pad_file.h"
#include "tests/sim/store_scene.h"
#include "tests/sim/store_thief.h"

/*
 * Pads are read and forgotten at random and the power fails at any moment.  What must hold:
 *   - what is read is the original, and what lies before the mark is refused;
 *   - what lies after the mark is never lost;
 *   - a thief with the disk and the KEK finds nothing of what lies before the mark, once the time
 * to forget is over; he finds all that lies after it, or he proves nothing.
 */
enum {
	PAD_MAX = 300000
};

struct pads {
	struct scene scene;
	struct skex_file_pool pool; /* under every second seed: each use opens a file again */
	struct skex_pad_file *file;
	uint8_t original[PAD_MAX];
	uint8_t found[PAD_MAX];
	size_t size;
	uint64_t mark;      /* durable elsewhere */
	uint64_t forgotten; /* what the file knows of it */
	size_t filled;
	unsigned lives;
	unsigned cut_openings;
};

static enum skex_error fill(void *owner, uint8_t *out, size_t size)
{
	struct pads *t = owner;

	assert_true(size <= SKEX_PAD_CHUNK_BYTES && size <= t->size - t->filled);
	memcpy(out, t->original + t->filled, size);
	t->filled += size;
	return SKEX_OK;
}

static enum skex_error pad_make(struct pads *t)
{
	t->filled = 0;
	return skex_pad_file_make(
		&t->scene.platform, t->scene.crypto, "pad", t->scene.kek, t->size, fill, t);
}

static enum skex_error pad_open(struct pads *t)
{
	return skex_pad_file_open(
		&t->scene.platform, t->scene.crypto, "pad", t->scene.kek, t->mark, &t->file);
}

static void pads_init(struct pads *t, uint64_t seed, size_t size)
{
	memset(t, 0, sizeof(*t));
	scene_init(&t->scene, seed);
	if (seed % 2) {
		skex_file_pool_init(&t->pool, t->scene.platform.files, 1);
		t->scene.platform.files = &t->pool.files;
	}
	disk_keep_remains(t->scene.disk);
	t->size = size;
	scene_bytes(&t->scene, t->original, size);
}

static void read_some(struct pads *t)
{
	uint64_t offset = scene_below(&t->scene, t->size + 100);
	size_t size = (size_t)scene_below(&t->scene, scene_below(&t->scene, 4) == 0 ? 70000 : 200);
	uint8_t *out = malloc(size + 1);

	/* Mostly near the mark, as in use. */
	if (scene_below(&t->scene, 4) > 0)
		offset = t->mark + scene_below(&t->scene, 9000);
	assert_non_null(out);
	enum skex_error error = skex_pad_file_read(t->file, offset, out, size);
	if (offset > t->size || size > t->size - offset)
		assert_true(error == SKEX_E_EXHAUSTED || error == SKEX_E_IO);
	else if (offset < t->forgotten && size > 0)
		assert_true(error == SKEX_E_SPENT || error == SKEX_E_IO);
	else if (error == SKEX_OK)
		assert_memory_equal(out, t->original + offset, size);
	else
		assert_int_equal(error, SKEX_E_IO);
	free(out);
}

static void forget_some(struct pads *t)
{
	uint64_t far = scene_below(&t->scene, 10) == 0 ? 100000 : 3000;
	uint64_t mark = t->mark + scene_below(&t->scene, far) / 16 * 16;

	if (scene_below(&t->scene, 6) == 0)
		mark = (mark + 4095) / 4096 * 4096;
	if (mark > t->size)
		mark = t->size;
	t->mark = mark;
	/* The power may fail between the two. */
	if (scene_below(&t->scene, 10) > 0) {
		skex_pad_file_forget(t->file, mark);
		t->forgotten = mark;
	}
}

static void turns(struct pads *t, unsigned count, unsigned ms)
{
	for (unsigned i = 0; i < count; i++) {
		t->scene.now_ms += ms;
		skex_pad_file_turn(t->file, t->scene.now_ms);
		disk_turn(t->scene.disk);
	}
}

static void all_is_there(struct pads *t)
{
	uint8_t *out = malloc(t->size + 1);
	size_t size = t->size - (size_t)t->mark;

	assert_non_null(out);
	assert_int_equal(skex_pad_file_read(t->file, t->mark, out, size), SKEX_OK);
	assert_memory_equal(out, t->original + t->mark, size);
	free(out);
}

static void thief_check(struct pads *t)
{
	struct thief *thief = thief_new(t->scene.disk, t->scene.crypto, t->scene.kek);

	thief_pad(thief, t->original, t->size, t->found);
	thief_free(thief);
	for (size_t i = 0; i < t->size; i++) {
		if (t->found[i] != (i >= t->mark))
			fail_msg("life %u: byte %u of %u, mark %u: %s", t->lives, (unsigned)i,
				(unsigned)t->size, (unsigned)t->mark,
				t->found[i] ? "found" : "not found");
	}
}

static void live(struct pads *t)
{
	unsigned steps = (unsigned)scene_below(&t->scene, 40);

	if (scene_below(&t->scene, 2) == 0)
		disk_stop_after(t->scene.disk, scene_below(&t->scene, 40));
	for (unsigned i = 0; i < steps; i++) {
		read_some(t);
		if (scene_below(&t->scene, 3) == 0)
			forget_some(t);
		unsigned count = (unsigned)scene_below(&t->scene, 3);
		turns(t, count, (unsigned)scene_below(&t->scene, 400));
	}
	skex_pad_file_close(t->file);
	if (scene_below(&t->scene, 4) > 0)
		disk_power_cut(t->scene.disk, scene_random(&t->scene));
	else
		disk_crash(t->scene.disk);
}

static void torture_run(struct pads *t, uint64_t seed)
{
	uint64_t random = seed * 77 + 1;
	size_t size = 16 + (size_t)(random * UINT64_C(0x9E3779B97F4A7C15) >> 40) % 280000;

	pads_init(t, seed, size / 16 * 16);
	assert_int_equal(pad_make(t), SKEX_OK);
	while (t->lives < 8) {
		bool cut = scene_below(&t->scene, 4) == 0;
		if (cut)
			disk_stop_after(t->scene.disk, scene_below(&t->scene, 3));
		enum skex_error error = pad_open(t);
		if (error != SKEX_OK) {
			assert_true(cut && error == SKEX_E_IO);
			t->cut_openings++;
			disk_power_cut(t->scene.disk, scene_random(&t->scene));
			continue;
		}
		disk_stop_after(t->scene.disk, UINT64_MAX);
		t->lives++;
		t->forgotten = t->mark;
		assert_int_equal(skex_pad_file_size(t->file), t->size);
		all_is_there(t);
		turns(t, 30, SKEX_PAD_FORGET_MS / 30 + 1);
		thief_check(t);
		all_is_there(t);
		live(t);
	}
	scene_clear(&t->scene);
}

static void used_pad_is_gone_and_unused_pad_is_not(void **state)
{
	unsigned rounds = scene_rounds(40, 1000);
	struct pads *t = malloc(sizeof(*t));

	(void)state;
	assert_non_null(t);
	for (unsigned seed = 0; seed < rounds; seed++)
		torture_run(t, seed);
	free(t);
}

/* Without a cut: within the promised time after each mark. */
static void it_is_gone_in_time(void **state)
{
	struct pads *t = malloc(sizeof(*t));

	(void)state;
	assert_non_null(t);
	pads_init(t, 5, 200000);
	assert_int_equal(pad_make(t), SKEX_OK);
	assert_int_equal(pad_open(t), SKEX_OK);
	while (t->mark < t->size) {
		t->mark += 16 * scene_below(&t->scene, 900);
		if (t->mark > t->size)
			t->mark = t->size;
		all_is_there(t);
		skex_pad_file_forget(t->file, t->mark);
		all_is_there(t);
		uint64_t end = t->scene.now_ms + SKEX_PAD_FORGET_MS;
		while (t->scene.now_ms < end) {
			uint64_t due = skex_pad_file_turn(t->file, t->scene.now_ms);
			if (disk_turn(t->scene.disk))
				continue;
			t->scene.now_ms = due < end ? due : end;
		}
		thief_check(t);
	}
	skex_pad_file_close(t->file);
	scene_clear(&t->scene);
	free(t);
}

/* An orderly stop waits for it, whatever is under way. */
static void settling_forgets_at_once(void **state)
{
	struct pads *t = malloc(sizeof(*t));

	(void)state;
	assert_non_null(t);
	for (uint64_t seed = 0; seed < 30; seed++) {
		pads_init(t, seed, 200000);
		assert_int_equal(pad_make(t), SKEX_OK);
		assert_int_equal(pad_open(t), SKEX_OK);
		for (unsigned i = 0; i < 5; i++) {
			t->mark += 16 * scene_below(&t->scene, 2000);
			skex_pad_file_forget(t->file, t->mark);
			t->scene.now_ms += 600;
			skex_pad_file_turn(t->file, t->scene.now_ms);
			if (scene_below(&t->scene, 2) == 0)
				disk_turn(t->scene.disk);
		}
		assert_int_equal(skex_pad_file_settle(t->file), SKEX_OK);
		thief_check(t);
		disk_turn(t->scene.disk);
		all_is_there(t);
		skex_pad_file_close(t->file);
		scene_clear(&t->scene);
	}
	free(t);
}

/* The power fails at every operation of the making: then there is no pad, or a whole one. */
static void making_is_atomic(void **state)
{
	struct pads *t = malloc(sizeof(*t));
	unsigned made = 0, not_made = 0;

	(void)state;
	assert_non_null(t);
	for (uint64_t stop = 0; stop < 45; stop++) {
		for (uint64_t seed = 0; seed < 6; seed++) {
			pads_init(t, seed, 150000);
			disk_stop_after(t->scene.disk, stop);
			enum skex_error error = pad_make(t);
			disk_power_cut(t->scene.disk, seed);
			enum skex_error opened = pad_open(t);
			assert_true(opened == SKEX_OK || opened == SKEX_E_UNKNOWN);
			assert_true(error != SKEX_OK || opened == SKEX_OK);
			if (opened == SKEX_E_UNKNOWN) {
				not_made++;
				assert_int_equal(pad_make(t), SKEX_OK);
				assert_int_equal(pad_open(t), SKEX_OK);
			} else {
				made++;
				assert_int_equal(pad_make(t), SKEX_E_BUSY);
			}
			all_is_there(t);
			skex_pad_file_close(t->file);
			t->file = NULL;
			scene_clear(&t->scene);
		}
	}
	free(t);
	assert_true(made > 10 && not_made > 10);
}

static enum skex_error fill_half(void *owner, uint8_t *out, size_t size)
{
	struct pads *t = owner;

	return t->filled > t->size / 2 ? SKEX_E_IO : fill(owner, out, size);
}

static void count_file(void *owner, const char *name)
{
	(void)name;
	++*(unsigned *)owner;
}

static unsigned files_count(struct pads *t)
{
	const struct skex_files *files = disk_files(t->scene.disk);
	unsigned count = 0;

	assert_int_equal(files->list(files->context, ".", count_file, &count), SKEX_OK);
	return count;
}

static void a_failed_making_leaves_nothing(void **state)
{
	struct pads *t = malloc(sizeof(*t));
	struct skex_pad_maker *maker = NULL;

	(void)state;
	assert_non_null(t);
	pads_init(t, 1, 250000);
	assert_int_equal(skex_pad_file_make(&t->scene.platform, t->scene.crypto, "pad",
				 t->scene.kek, t->size, fill_half, t),
		SKEX_E_IO);
	assert_int_equal(files_count(t), 0);
	disk_set_room(t->scene.disk, 100000);
	assert_int_equal(pad_make(t), SKEX_E_SPACE);
	assert_int_equal(files_count(t), 0);
	disk_set_room(t->scene.disk, UINT64_MAX);

	assert_int_equal(skex_pad_maker_new(&t->scene.platform, t->scene.crypto, "pad",
				 t->scene.kek, t->size, &maker),
		SKEX_OK);
	assert_int_equal(skex_pad_maker_add(maker, t->original, 200001), SKEX_OK);
	assert_int_equal(skex_pad_maker_finish(maker), SKEX_E_STATE);
	assert_int_equal(skex_pad_maker_add(maker, t->original, 50000), SKEX_E_ARGUMENT);
	skex_pad_maker_free(maker);
	skex_pad_maker_free(NULL);
	assert_int_equal(files_count(t), 0);
	/* What was written of it cannot be read by anyone. */
	struct thief *thief = thief_new(t->scene.disk, t->scene.crypto, t->scene.kek);
	thief_pad(thief, t->original, t->size, t->found);
	thief_free(thief);
	assert_true(skex_ct_is_zero(t->found, t->size));

	assert_int_equal(skex_pad_maker_new(&t->scene.platform, t->scene.crypto, "pad",
				 t->scene.kek, 24, &maker),
		SKEX_E_ARGUMENT);
	assert_int_equal(skex_pad_maker_new(&t->scene.platform, t->scene.crypto, "pad",
				 t->scene.kek, 0, &maker),
		SKEX_E_ARGUMENT);
	scene_clear(&t->scene);
	free(t);
}

static void pieces_of_any_size_make_the_same_pad(void **state)
{
	struct pads *t = malloc(sizeof(*t));
	struct skex_pad_maker *maker = NULL;

	(void)state;
	assert_non_null(t);
	pads_init(t, 2, 250000);
	assert_int_equal(skex_pad_maker_new(&t->scene.platform, t->scene.crypto, "pad",
				 t->scene.kek, t->size, &maker),
		SKEX_OK);
	for (size_t at = 0; at < t->size;) {
		size_t piece = (size_t)scene_below(&t->scene, 90000);
		if (piece > t->size - at)
			piece = t->size - at;
		assert_int_equal(skex_pad_maker_add(maker, t->original + at, piece), SKEX_OK);
		at += piece;
	}
	assert_int_equal(skex_pad_maker_finish(maker), SKEX_OK);
	skex_pad_maker_free(maker);
	disk_power_cut(t->scene.disk, 0);
	assert_int_equal(pad_open(t), SKEX_OK);
	all_is_there(t);
	skex_pad_file_close(t->file);
	scene_clear(&t->scene);
	free(t);
}

/* The power fails at every operation: afterwards it can be destroyed still, and then is. */
static void destroying_is_final(void **state)
{
	struct pads *t = malloc(sizeof(*t));

	(void)state;
	assert_non_null(t);
	for (uint64_t stop = 0; stop < 12; stop++) {
		for (uint64_t seed = 0; seed < 6; seed++) {
			pads_init(t, seed, 150000);
			assert_int_equal(pad_make(t), SKEX_OK);
			disk_stop_after(t->scene.disk, stop);
			enum skex_error error = skex_pad_file_destroy(&t->scene.platform, "pad");
			disk_power_cut(t->scene.disk, seed);
			enum skex_error opened = pad_open(t);
			assert_true(opened == SKEX_OK || opened == SKEX_E_UNKNOWN ||
				opened == SKEX_E_CORRUPT);
			if (opened == SKEX_OK) {
				assert_int_not_equal(error, SKEX_OK);
				all_is_there(t);
				skex_pad_file_close(t->file);
			}
			assert_int_equal(skex_pad_file_destroy(&t->scene.platform, "pad"), SKEX_OK);
			assert_int_equal(skex_pad_file_destroy(&t->scene.platform, "pad"), SKEX_OK);
			assert_int_equal(files_count(t), 0);
			assert_int_equal(pad_open(t), SKEX_E_UNKNOWN);
			struct thief *thief =
				thief_new(t->scene.disk, t->scene.crypto, t->scene.kek);
			thief_pad(thief, t->original, t->size, t->found);
			thief_free(thief);
			assert_true(skex_ct_is_zero(t->found, t->size));
			scene_clear(&t->scene);
		}
	}
	free(t);
}

/* A mark from a restored backup lies before what is destroyed. */
static void an_older_mark_gives_nothing_back(void **state)
{
	struct pads *t = malloc(sizeof(*t));
	uint8_t out[16];

	(void)state;
	assert_non_null(t);
	pads_init(t, 3, 250000);
	assert_int_equal(pad_make(t), SKEX_OK);
	assert_int_equal(pad_open(t), SKEX_OK);
	skex_pad_file_forget(t->file, 140000);
	turns(t, 30, 100);
	skex_pad_file_close(t->file);
	disk_crash(t->scene.disk);
	t->mark = 1600;
	assert_int_equal(pad_open(t), SKEX_OK);
	assert_int_equal(skex_pad_file_read(t->file, 1600, out, 16), SKEX_E_SPENT);
	assert_int_equal(skex_pad_file_read(t->file, 140000 - 16, out, 16), SKEX_E_SPENT);
	assert_int_equal(skex_pad_file_read(t->file, 140000, out, 16), SKEX_OK);
	assert_memory_equal(out, t->original + 140000, 16);
	skex_pad_file_close(t->file);
	scene_clear(&t->scene);
	free(t);
}

static void damage_is_found(void **state)
{
	struct pads *t = malloc(sizeof(*t));
	uint8_t out[16] = {0};

	(void)state;
	assert_non_null(t);
	pads_init(t, 4, 140000);
	assert_int_equal(pad_make(t), SKEX_OK);
	assert_int_equal(pad_open(t), SKEX_OK);
	/* A sealed byte, a tag; other segments are still good. */
	assert_true(disk_damage(t->scene.disk, "pad", 16384 + 5000, 1));
	assert_true(disk_damage(t->scene.disk, "pad", 16384 + 65536 + 16 * 3 + 2, 1));
	assert_int_equal(skex_pad_file_read(t->file, 4096, out, 16), SKEX_E_CORRUPT);
	assert_int_equal(skex_pad_file_read(t->file, 3 * 4096, out, 16), SKEX_E_CORRUPT);
	assert_true(skex_ct_is_zero(out, sizeof(out)));
	assert_int_equal(skex_pad_file_read(t->file, 2 * 4096, out, 16), SKEX_OK);
	assert_memory_equal(out, t->original + 8192, 16);
	skex_pad_file_close(t->file);
	uint8_t kek = t->scene.kek[0]++;
	assert_int_equal(pad_open(t), SKEX_E_AUTH);
	t->scene.kek[0] = kek;
	assert_true(disk_damage(t->scene.disk, "pad", 11, 2));
	assert_int_equal(pad_open(t), SKEX_E_VERSION);
	assert_true(disk_damage(t->scene.disk, "pad", 11, 2));
	assert_int_equal(pad_open(t), SKEX_OK);
	skex_pad_file_close(t->file);
	const struct skex_files *files = disk_files(t->scene.disk);
	assert_int_equal(files->remove(files->context, "pad.keys"), SKEX_OK);
	assert_int_equal(pad_open(t), SKEX_E_CORRUPT);
	assert_int_equal(files_count(t), 1);
	scene_clear(&t->scene);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(used_pad_is_gone_and_unused_pad_is_not),
		cmocka_unit_test(it_is_gone_in_time),
		cmocka_unit_test(settling_forgets_at_once),
		cmocka_unit_test(making_is_atomic),
		cmocka_unit_test(a_failed_making_leaves_nothing),
		cmocka_unit_test(pieces_of_any_size_make_the_same_pad),
		cmocka_unit_test(destroying_is_final),
		cmocka_unit_test(an_older_mark_gives_nothing_back),
		cmocka_unit_test(damage_is_found),
	};

	return cmocka_run_group_tests_name("sim pad torture", tests, NULL, NULL);
}
