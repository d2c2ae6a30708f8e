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
#include "store/key_slots.h"
#include "tests/sim/store_scene.h"

/* Key slots on a disk that forgets and decays. */

static struct skex_key_slots *slots_open(struct scene *scene)
{
	struct skex_key_slots *slots = NULL;

	assert_int_equal(
		skex_key_slots_open(&scene->platform, scene->crypto, "slots", scene->kek, &slots),
		SKEX_OK);
	return slots;
}

static void data_of(uint64_t seed, uint8_t data[SKEX_SLOT_BYTES])
{
	struct scene generator = {.random = seed};

	scene_bytes(&generator, data, SKEX_SLOT_BYTES);
}

static void values_are_kept_replaced_and_destroyed(void **state)
{
	struct scene scene;
	uint8_t data[SKEX_SLOT_BYTES], read[SKEX_SLOT_BYTES], untouched[SKEX_SLOT_BYTES] = {1};

	(void)state;
	scene_init(&scene, 1);
	struct skex_key_slots *slots = slots_open(&scene);
	assert_int_equal(skex_key_slots_count(slots), 0);
	assert_int_equal(skex_key_slots_get(slots, 0, read), SKEX_E_ARGUMENT);
	assert_int_equal(skex_key_slots_grow(slots, 100), SKEX_OK);
	assert_true(skex_key_slots_count(slots) >= 100);
	memcpy(read, untouched, sizeof(read));
	assert_int_equal(skex_key_slots_get(slots, 40, read), SKEX_E_UNKNOWN);
	assert_memory_equal(read, untouched, sizeof(read));
	for (uint64_t i = 0; i < 100; i++) {
		for (uint64_t version = 0; version <= i % 4; version++) {
			data_of(i * 10 + version, data);
			assert_int_equal(skex_key_slots_put(slots, (uint32_t)i, data), SKEX_OK);
		}
		if (i % 5 == 0)
			assert_int_equal(skex_key_slots_destroy(slots, (uint32_t)i, true), SKEX_OK);
		else if (i % 5 == 1)
			assert_int_equal(
				skex_key_slots_destroy(slots, (uint32_t)i, false), SKEX_OK);
	}
	assert_int_equal(skex_key_slots_sync_wait(slots), SKEX_OK);
	skex_key_slots_close(slots);
	disk_power_cut(scene.disk, 0);

	slots = slots_open(&scene);
	for (uint64_t i = 0; i < 100; i++) {
		enum skex_error error = skex_key_slots_get(slots, (uint32_t)i, read);
		bool destroyed = false;
		assert_int_equal(
			skex_key_slots_is_destroyed(slots, (uint32_t)i, i % 5 == 0, &destroyed),
			SKEX_OK);
		if (i % 5 < 2)
			assert_true(destroyed);
		if (i % 5 == 0) {
			assert_int_equal(error, SKEX_E_UNKNOWN);
			continue;
		}
		data_of(i * 10 + i % 4, data);
		assert_int_equal(error, SKEX_OK);
		assert_memory_equal(read, data, sizeof(data));
	}
	/* A destroyed slot is as good as new. */
	assert_int_equal(skex_key_slots_put(slots, 0, data), SKEX_OK);
	assert_int_equal(skex_key_slots_get(slots, 0, read), SKEX_OK);
	assert_memory_equal(read, data, sizeof(data));
	skex_key_slots_close(slots);
	scene_clear(&scene);
}

static void only_its_own_kek_opens_it(void **state)
{
	struct scene scene;
	struct skex_key_slots *slots = NULL;
	uint8_t wrong[32] = {3};

	(void)state;
	scene_init(&scene, 2);
	skex_key_slots_close(slots_open(&scene));
	assert_int_equal(skex_key_slots_open(&scene.platform, scene.crypto, "slots", wrong, &slots),
		SKEX_E_AUTH);
	assert_true(disk_damage(scene.disk, "slots", 11, 3));
	assert_int_equal(
		skex_key_slots_open(&scene.platform, scene.crypto, "slots", scene.kek, &slots),
		SKEX_E_VERSION);
	assert_true(disk_damage(scene.disk, "slots", 0, 1));
	assert_int_equal(
		skex_key_slots_open(&scene.platform, scene.crypto, "slots", scene.kek, &slots),
		SKEX_E_CORRUPT);
	assert_null(slots);
	scene_clear(&scene);
}

/* One bit of one copy: the other copy is given, or the damage is told; never something else. */
static void a_damaged_copy_is_never_believed(void **state)
{
	struct scene scene;
	uint8_t old[SKEX_SLOT_BYTES], new[SKEX_SLOT_BYTES], read[SKEX_SLOT_BYTES];

	(void)state;
	scene_init(&scene, 3);
	struct skex_key_slots *slots = slots_open(&scene);
	assert_int_equal(skex_key_slots_grow(slots, 1), SKEX_OK);
	data_of(1, old);
	data_of(2, new);
	assert_int_equal(skex_key_slots_put(slots, 0, old), SKEX_OK);
	assert_int_equal(skex_key_slots_sync_wait(slots), SKEX_OK);
	for (unsigned bit = 0; bit < 128 * 8; bit++) {
		/* The first value lies in copy 0, the next in copy 1. */
		uint64_t at = 4096 + bit / 8;
		uint8_t mask = (uint8_t)(1u << bit % 8);
		assert_true(disk_damage(scene.disk, "slots", at, mask));
		memset(read, 0, sizeof(read));
		assert_int_equal(skex_key_slots_get(slots, 0, read), SKEX_E_CORRUPT);
		assert_true(skex_ct_is_zero(read, sizeof(read)));
		assert_true(disk_damage(scene.disk, "slots", at, mask));
	}
	assert_int_equal(skex_key_slots_put(slots, 0, new), SKEX_OK);
	assert_int_equal(skex_key_slots_sync_wait(slots), SKEX_OK);
	for (unsigned bit = 0; bit < 128 * 8; bit++) {
		uint64_t at = 8192 + bit / 8;
		uint8_t mask = (uint8_t)(1u << bit % 8);
		assert_true(disk_damage(scene.disk, "slots", at, mask));
		assert_int_equal(skex_key_slots_get(slots, 0, read), SKEX_OK);
		assert_memory_equal(read, old, sizeof(read));
		assert_true(disk_damage(scene.disk, "slots", at, mask));
	}
	assert_int_equal(skex_key_slots_get(slots, 0, read), SKEX_OK);
	assert_memory_equal(read, new, sizeof(read));
	skex_key_slots_close(slots);
	scene_clear(&scene);
}

/* ---- power cuts ---- */

enum {
	SLOTS = 40,
	HISTORY = 64
};

/* What a slot may be after a cut: what it was at the last sync, or anything since. */
struct model {
	uint64_t seeds[HISTORY]; /* 0: destroyed */
	unsigned count;
};

static void change_one(struct scene *scene, struct skex_key_slots *slots, struct model *models)
{
	uint32_t slot = (uint32_t)scene_below(scene, SLOTS);
	struct model *model = &models[slot];
	uint8_t data[SKEX_SLOT_BYTES];
	uint64_t seed = 0;
	enum skex_error error;

	if (model->count == HISTORY)
		return;
	if (scene_below(scene, 3) > 0) {
		seed = scene_random(scene) | 1;
		data_of(seed, data);
		error = skex_key_slots_put(slots, slot, data);
	} else {
		error = skex_key_slots_destroy(slots, slot, true);
	}
	model->seeds[model->count++] = seed;
	assert_true(error == SKEX_OK || error == SKEX_E_IO);
}

static void check_all(struct scene *scene, struct model *models)
{
	struct skex_key_slots *slots = slots_open(scene);
	uint8_t data[SKEX_SLOT_BYTES], read[SKEX_SLOT_BYTES];

	assert_int_equal(skex_key_slots_grow(slots, SLOTS), SKEX_OK);
	for (uint32_t i = 0; i < SLOTS; i++) {
		enum skex_error error = skex_key_slots_get(slots, i, read);
		uint64_t found = UINT64_MAX;
		for (unsigned k = 0; k < models[i].count; k++) {
			uint64_t seed = models[i].seeds[k];
			data_of(seed, data);
			if (seed == 0 ? error == SKEX_E_UNKNOWN
				      : error == SKEX_OK && memcmp(read, data, sizeof(data)) == 0)
				found = seed;
		}
		if (found == UINT64_MAX)
			fail_msg(
				"slot %u: %s, and not what it ever was", i, skex_error_name(error));
		models[i].seeds[0] = found;
		models[i].count = 1;
	}
	assert_int_equal(skex_key_slots_sync_wait(slots), SKEX_OK);
	skex_key_slots_close(slots);
}

/* A slot is one of its values, whole, however the cut tears the sectors. */
static void a_cut_leaves_one_value_or_the_other(void **state)
{
	unsigned rounds = scene_rounds(300, 10000);

	(void)state;
	for (unsigned seed = 0; seed < rounds; seed++) {
		struct scene scene;
		struct model models[SLOTS];

		scene_init(&scene, seed);
		memset(models, 0, sizeof(models));
		for (unsigned i = 0; i < SLOTS; i++)
			models[i].count = 1;
		for (unsigned life = 0; life < 5; life++) {
			check_all(&scene, models);
			struct skex_key_slots *slots = slots_open(&scene);
			disk_stop_after(scene.disk, scene_below(&scene, 200));
			unsigned changes = (unsigned)scene_below(&scene, 100);
			for (unsigned i = 0; i < changes; i++) {
				change_one(&scene, slots, models);
				if (scene_below(&scene, 10) > 0 ||
					skex_key_slots_sync_wait(slots) != SKEX_OK)
					continue;
				for (unsigned k = 0; k < SLOTS; k++) {
					struct model *model = &models[k];
					model->seeds[0] = model->seeds[model->count - 1];
					model->count = 1;
				}
			}
			skex_key_slots_close(slots);
			disk_power_cut(scene.disk, scene_random(&scene));
		}
		scene_clear(&scene);
	}
}

static void put_run(struct skex_key_slots *slots, uint32_t first, uint32_t end, uint64_t seed)
{
	uint8_t data[SKEX_SLOT_BYTES];

	for (uint32_t i = first; i < end; i++) {
		data_of(seed + i, data);
		assert_int_equal(skex_key_slots_put(slots, i, data), SKEX_OK);
	}
}

static void expect_run(struct skex_key_slots *slots, uint32_t first, uint32_t end, uint64_t seed)
{
	uint8_t data[SKEX_SLOT_BYTES], read[SKEX_SLOT_BYTES];

	for (uint32_t i = first; i < end; i++) {
		data_of(seed + i, data);
		assert_int_equal(skex_key_slots_get(slots, i, read), SKEX_OK);
		assert_memory_equal(read, data, sizeof(data));
	}
}

/* Neighbours leave together; and what a cut left of a file that grew is not taken for empty. */
static void runs_of_neighbours_and_a_growth_that_was_cut(void **state)
{
	unsigned rounds = scene_rounds(200, 5000);

	(void)state;
	for (unsigned seed = 0; seed < rounds; seed++) {
		struct scene scene;
		uint8_t read[SKEX_SLOT_BYTES];
		uint32_t first;

		scene_init(&scene, seed);
		struct skex_key_slots *slots = slots_open(&scene);
		assert_int_equal(skex_key_slots_grow(slots, 10), SKEX_OK);
		first = skex_key_slots_count(slots);
		put_run(slots, 0, first, 1000);
		assert_int_equal(skex_key_slots_sync_wait(slots), SKEX_OK);
		assert_int_equal(skex_key_slots_grow(slots, 3 * first), SKEX_OK);
		/* Twice, so that what is left of a slot is newer than the first value after it. */
		put_run(slots, first, 3 * first, 2000);
		put_run(slots, first, 3 * first, 2500);
		skex_key_slots_close(slots);
		disk_power_cut(scene.disk, scene_random(&scene));

		slots = slots_open(&scene);
		expect_run(slots, 0, first, 1000);
		assert_int_equal(skex_key_slots_grow(slots, 4 * first), SKEX_OK);
		for (uint32_t i = first; i < 4 * first; i++) {
			const enum skex_error error = skex_key_slots_get(slots, i, read);

			assert_true(error == SKEX_OK || error == SKEX_E_UNKNOWN);
		}
		put_run(slots, first, 4 * first, 3000);
		assert_int_equal(skex_key_slots_sync_wait(slots), SKEX_OK);
		skex_key_slots_close(slots);
		disk_power_cut(scene.disk, scene_random(&scene));
		slots = slots_open(&scene);
		expect_run(slots, 0, first, 1000);
		expect_run(slots, first, 4 * first, 3000);
		skex_key_slots_close(slots);
		scene_clear(&scene);
	}
}

/* It may show at a read only, and is not forgotten. */
static void after_a_write_that_fails_nothing_is_taken(void **state)
{
	struct scene scene;
	uint8_t data[SKEX_SLOT_BYTES] = {1};

	(void)state;
	scene_init(&scene, 1);
	struct skex_key_slots *slots = slots_open(&scene);
	assert_int_equal(skex_key_slots_grow(slots, 10), SKEX_OK);
	put_run(slots, 0, 10, 1000);
	assert_int_equal(skex_key_slots_sync_wait(slots), SKEX_OK);
	disk_fail_write(scene.disk, 1);
	put_run(slots, 2, 5, 2000);
	assert_int_equal(skex_key_slots_failed(slots), SKEX_OK);
	assert_int_not_equal(skex_key_slots_get(slots, 7, data), SKEX_OK);
	assert_int_not_equal(skex_key_slots_failed(slots), SKEX_OK);
	assert_int_not_equal(skex_key_slots_put(slots, 8, data), SKEX_OK);
	assert_int_not_equal(skex_key_slots_sync_wait(slots), SKEX_OK);
	skex_key_slots_close(slots);
	disk_power_cut(scene.disk, 1);
	slots = slots_open(&scene);
	expect_run(slots, 5, 10, 1000);
	skex_key_slots_close(slots);
	scene_clear(&scene);
}

/* The file itself: at every operation of its making the power fails, and the next opening makes it.
 */
static void making_is_atomic(void **state)
{
	(void)state;
	for (uint64_t stop = 0; stop < 12; stop++) {
		for (uint64_t seed = 0; seed < 50; seed++) {
			struct scene scene;
			struct skex_key_slots *slots = NULL;

			scene_init(&scene, seed);
			disk_stop_after(scene.disk, stop);
			if (skex_key_slots_open(&scene.platform, scene.crypto, "slots", scene.kek,
				    &slots) == SKEX_OK)
				skex_key_slots_close(slots);
			disk_power_cut(scene.disk, seed);
			skex_key_slots_close(slots_open(&scene));
			scene_clear(&scene);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_kept_replaced_and_destroyed),
		cmocka_unit_test(only_its_own_kek_opens_it),
		cmocka_unit_test(a_damaged_copy_is_never_believed),
		cmocka_unit_test(a_cut_leaves_one_value_or_the_other),
		cmocka_unit_test(runs_of_neighbours_and_a_growth_that_was_cut),
		cmocka_unit_test(after_a_write_that_fails_nothing_is_taken),
		cmocka_unit_test(making_is_atomic),
	};

	return cmocka_run_group_tests_name("sim key slots", tests, NULL, NULL);
}
