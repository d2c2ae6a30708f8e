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
#include "tests/sim/store_thief.h"

/*
 * Random transactions against a model, and the power fails at any moment: while writing, while
 * opening, while compacting.  What must hold when the store is open again:
 *   - its state is what the first p transactions of the last life made of the state before, for
 * some p, and p is not less than the number that was reported durable;
 *   - a secret that is not in that state cannot be opened by a thief with the disk and the KEK, and
 * those in it can (or the thief proves nothing).
 */
enum {
	KEYS = 24,
	TXNS_MAX = 400,
	CHANGES_MAX = 5,
	MARK_BYTES = 16,
	SECRETS_MAX = 4096
};

struct value {
	bool there;
	bool secret;
	uint32_t size;
	uint64_t seed; /* the bytes follow from it */
};

struct change {
	uint8_t key;
	struct value value;
};

struct txn_model {
	unsigned count;
	struct change changes[CHANGES_MAX];
};

struct torture {
	struct scene scene;
	struct skex_store *store;
	struct value base[KEYS]; /* when this life began */
	struct txn_model txns[TXNS_MAX];
	unsigned submitted;
	unsigned reported;
	bool failed;
	uint64_t secrets[SECRETS_MAX]; /* seeds of all that were ever put */
	unsigned secrets_count;
	/* What was covered, so that a test that tests nothing is seen. */
	unsigned lives;
	unsigned cut_openings;
	unsigned trims;
	unsigned lost;
};

static uint8_t *value_bytes(const struct value *value)
{
	struct scene generator = {.random = value->seed};
	uint8_t *bytes = malloc((size_t)value->size + 1);

	assert_non_null(bytes);
	scene_bytes(&generator, bytes, value->size);
	return bytes;
}

static uint8_t table_of(uint8_t key)
{
	return key % 2 == 0 ? 1 : 7;
}

static struct skex_view key_of(uint8_t key, uint8_t out[8])
{
	/* Keys that are prefixes of others. */
	size_t size = 1 + key % 5u;

	memset(out, 'k', 8);
	out[size - 1] = (uint8_t)('a' + key);
	return skex_view(out, size);
}

static struct value value_random(struct torture *t)
{
	struct value value = {.there = true, .seed = scene_random(&t->scene)};
	uint64_t kind = scene_below(&t->scene, 100);

	value.secret = scene_below(&t->scene, 2) == 0;
	value.size = kind < 60 ? 16 + (uint32_t)scene_below(&t->scene, 100)
		: kind < 97    ? 16 + (uint32_t)scene_below(&t->scene, 4000)
			       : 60000 + (uint32_t)scene_below(&t->scene, 40000);
	if (!value.secret && kind == 0)
		value.size = 0;
	return value;
}

static void done(void *owner, enum skex_error error)
{
	struct torture *t = owner;

	if (error == SKEX_OK) {
		assert_false(t->failed);
		t->reported++;
	} else {
		t->failed = true;
	}
}

static void submit_random(struct torture *t)
{
	struct txn_model *model = &t->txns[t->submitted];
	struct skex_txn *txn = skex_txn_begin(t->store);
	uint8_t text[8];

	assert_non_null(txn);
	model->count = (unsigned)scene_below(&t->scene, CHANGES_MAX + 1);
	for (unsigned i = 0; i < model->count; i++) {
		struct change *change = &model->changes[i];
		change->key = (uint8_t)scene_below(&t->scene, KEYS);
		change->value = value_random(t);
		struct skex_view key = key_of(change->key, text);
		if (scene_below(&t->scene, 3) == 0) {
			change->value = (struct value){0};
			skex_txn_remove(txn, t->store, table_of(change->key), key);
			continue;
		}
		uint8_t *bytes = value_bytes(&change->value);
		struct skex_view parts[2] = {skex_view(bytes, change->value.size / 3),
			skex_view(bytes + change->value.size / 3,
				change->value.size - change->value.size / 3)};
		if (change->value.secret) {
			assert_true(t->secrets_count < SECRETS_MAX);
			t->secrets[t->secrets_count++] = change->value.seed;
			skex_txn_put_secret(txn, t->store, table_of(change->key), key, parts, 2);
		} else {
			skex_txn_put(txn, t->store, table_of(change->key), key, parts, 2);
		}
		free(bytes);
	}
	if (scene_below(&t->scene, 20) == 0) {
		skex_txn_abandon(txn, t->store);
		return;
	}
	if (skex_txn_submit(txn, t->store, done, t) == SKEX_OK)
		t->submitted++;
	else
		t->failed = true;
}

/* ---- checking ---- */

static bool value_same(const struct value *a, const struct value *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return a->size == b->size && (a->size == 0 || a->seed == b->seed);
}

static bool state_same(const struct value *a, const struct value *b)
{
	for (unsigned i = 0; i < KEYS; i++) {
		if (!value_same(&a[i], &b[i]))
			return false;
	}
	return true;
}

static void txn_apply(struct value *state, const struct txn_model *txn)
{
	for (unsigned i = 0; i < txn->count; i++)
		state[txn->changes[i].key] = txn->changes[i].value;
}

struct reading {
	struct torture *t;
	struct value *state;
	unsigned count;
	uint8_t last[8];
	size_t last_size;
};

/* Which of the values that this key may have is it? */
static enum skex_error read_one(void *owner, struct skex_view key, struct skex_view bytes)
{
	struct reading *reading = owner;
	struct torture *t = reading->t;
	uint8_t index = (uint8_t)(key.data[key.size - 1] - 'a');

	assert_true(index < KEYS);
	int order = memcmp(reading->last, key.data,
		reading->last_size < key.size ? reading->last_size : key.size);
	assert_true(order < 0 || (order == 0 && reading->last_size < key.size));
	memcpy(reading->last, key.data, key.size);
	reading->last_size = key.size;
	reading->count++;

	const struct value *candidates[TXNS_MAX * CHANGES_MAX + 1];
	unsigned count = 0;
	candidates[count++] = &t->base[index];
	for (unsigned i = 0; i < t->submitted; i++) {
		for (unsigned k = 0; k < t->txns[i].count; k++) {
			if (t->txns[i].changes[k].key == index)
				candidates[count++] = &t->txns[i].changes[k].value;
		}
	}
	for (unsigned i = 0; i < count; i++) {
		if (!candidates[i]->there || candidates[i]->size != bytes.size)
			continue;
		uint8_t *expected = value_bytes(candidates[i]);
		bool same = bytes.size == 0 || memcmp(expected, bytes.data, bytes.size) == 0;
		free(expected);
		if (same) {
			reading->state[index] = *candidates[i];
			return SKEX_OK;
		}
	}
	fail_msg("key %u has a value that it was never given", index);
	return SKEX_E_FATAL;
}

static void state_read(struct torture *t, struct value *state)
{
	memset(state, 0, KEYS * sizeof(*state));
	for (uint8_t table = 1; table < SKEX_STORE_TABLES; table++) {
		struct reading reading = {.t = t, .state = state};
		assert_int_equal(
			skex_store_each(t->store, table, skex_view(NULL, 0), read_one, &reading),
			SKEX_OK);
	}
}

static void state_check(struct torture *t)
{
	struct value state[KEYS], model[KEYS];
	unsigned prefix = 0;

	state_read(t, state);
	memcpy(model, t->base, sizeof(model));
	for (unsigned i = 0; i < t->reported; i++)
		txn_apply(model, &t->txns[i]);
	for (prefix = t->reported; prefix < t->submitted; prefix++) {
		if (state_same(state, model))
			break;
		txn_apply(model, &t->txns[prefix]);
	}
	if (!state_same(state, model))
		fail_msg("life %u: no prefix of %u submitted (%u reported) makes this state",
			t->lives, t->submitted, t->reported);
	t->lost += t->submitted - prefix;
	memcpy(t->base, state, sizeof(t->base));
	t->submitted = 0;
	t->reported = 0;
}

static void thief_check(struct torture *t)
{
	struct thief *thief = thief_new(t->scene.disk, t->scene.crypto, t->scene.kek);

	for (unsigned i = 0; i < t->secrets_count; i++) {
		struct value value = {.seed = t->secrets[i], .size = MARK_BYTES};
		bool live = false;
		for (unsigned k = 0; k < KEYS; k++)
			live = live || (t->base[k].there && t->base[k].seed == t->secrets[i]);
		uint8_t *mark = value_bytes(&value);
		bool found = thief_has(thief, mark, MARK_BYTES);
		free(mark);
		if (found != live)
			fail_msg("life %u: a secret that is %s is %s", t->lives,
				live ? "alive" : "gone", found ? "found" : "not found");
	}
	thief_free(thief);
}

/* ---- lives ---- */

static enum skex_error store_open(struct torture *t)
{
	enum skex_error error = skex_log_store_open(
		&t->scene.platform, t->scene.crypto, "state", t->scene.kek, &t->store);

	if (error == SKEX_OK) {
		struct skex_log *log = skex_log_of(t->store);
		log->segment_bytes = 20000;
		log->reserve_bytes = 4096;
	}
	return error;
}

static void turns(struct torture *t, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t oldest = skex_log_of(t->store)->oldest;
		t->scene.now_ms += scene_below(&t->scene, 40);
		skex_store_turn(t->store, t->scene.now_ms);
		if (scene_below(&t->scene, 3) > 0)
			disk_turn(t->scene.disk);
		t->trims += skex_log_of(t->store)->oldest - oldest;
	}
}

/* Until nothing is left to do, more than the time in which secrets have to be gone. */
static void settle(struct torture *t)
{
	for (unsigned i = 0; i < 400 && !t->failed; i++) {
		t->scene.now_ms += 10;
		skex_store_turn(t->store, t->scene.now_ms);
		disk_turn(t->scene.disk);
	}
	assert_int_equal(t->reported, t->submitted);
}

static void live(struct torture *t, bool cut)
{
	unsigned steps = (unsigned)scene_below(&t->scene, 60);

	if (cut)
		disk_stop_after(t->scene.disk, scene_below(&t->scene, 150));
	for (unsigned i = 0; i < steps && !t->failed; i++) {
		unsigned txns = (unsigned)scene_below(&t->scene, 5);
		for (unsigned k = 0; k < txns && !t->failed; k++)
			submit_random(t);
		turns(t, (unsigned)scene_below(&t->scene, 4));
	}
	if (!cut && scene_below(&t->scene, 4) == 0) {
		settle(t);
		state_check(t);
		thief_check(t);
	}
	if (!cut && scene_below(&t->scene, 3) == 0) {
		assert_int_equal(skex_store_settle(t->store), SKEX_OK);
		assert_int_equal(t->reported, t->submitted);
		disk_turn(t->scene.disk);
		state_check(t);
		thief_check(t);
	}
	skex_store_close(t->store);
	t->store = NULL;
}

static void torture_run(uint64_t seed, unsigned lives, struct torture *t)
{
	*t = (struct torture){0};
	scene_init(&t->scene, seed);
	disk_keep_remains(t->scene.disk);
	while (t->lives < lives && t->secrets_count + TXNS_MAX * CHANGES_MAX < SECRETS_MAX) {
		bool cut_opening = scene_below(&t->scene, 3) == 0;
		if (cut_opening)
			disk_stop_after(t->scene.disk, scene_below(&t->scene, 12));
		enum skex_error error = store_open(t);
		if (error != SKEX_OK) {
			assert_true(cut_opening);
			assert_int_equal(error, SKEX_E_IO);
			t->cut_openings++;
			disk_power_cut(t->scene.disk, scene_random(&t->scene));
			continue;
		}
		disk_stop_after(t->scene.disk, UINT64_MAX);
		t->lives++;
		state_check(t);
		thief_check(t);
		t->failed = false;
		bool cut = scene_below(&t->scene, 2) == 0;
		live(t, cut);
		/* A process that is killed loses nothing that it wrote; a power cut may. */
		if (cut || scene_below(&t->scene, 2) == 0)
			disk_power_cut(t->scene.disk, scene_random(&t->scene));
		else
			disk_crash(t->scene.disk);
	}
	scene_clear(&t->scene);
}

static void survives_power_cuts_at_any_moment(void **state)
{
	unsigned rounds = scene_rounds(40, 1000);
	unsigned lives = 0, cut_openings = 0, trims = 0, lost = 0;
	struct torture *t = malloc(sizeof(*t));

	(void)state;
	assert_non_null(t);
	for (unsigned seed = 0; seed < rounds; seed++) {
		torture_run(seed, 12, t);
		lives += t->lives;
		cut_openings += t->cut_openings;
		trims += t->trims;
		lost += t->lost;
	}
	free(t);
	print_message("# %u lives, %u cut openings, %u segments compacted, %u transactions lost\n",
		lives, cut_openings, trims, lost);
	assert_true(lives > rounds * 5);
	assert_true(cut_openings > rounds);
	assert_true(trims > rounds);
	assert_true(lost > rounds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_power_cuts_at_any_moment),
	};

	return cmocka_run_group_tests_name("sim store torture", tests, NULL, NULL);
}
