/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/* The encoded state: torn at every byte, with every value out of its range, and two slots of it. */

static struct scene scene;
static uint8_t bytes[SCENE_SLOT], other[SCENE_SLOT];

static size_t encode(struct party *party, uint64_t sequence, uint8_t *out)
{
	size_t size = 0;

	assert_int_equal(skex_pairwise_state_encode(&party->state, &party->hasher.crypto, sequence,
				 out, SCENE_SLOT, &size),
		SKEX_OK);
	assert_true(size <= party->nvm.size);
	return size;
}

/* Decodes into memory of its own. */
static enum skex_error decode(const uint8_t *data, size_t size, struct skex_pairwise_state *state,
	uint16_t window_max, bool reseed)
{
	static struct skex_pairwise_node out[SCENE_NODES], in[SCENE_NODES], spare[SCENE_NODES];
	static struct skex_pairwise_reseed other_reseed;
	const struct skex_pairwise_memory memory = {.out = out,
		.in = in,
		.reseed = reseed ? &other_reseed : NULL,
		.spare = spare,
		.window_max = window_max};
	enum skex_error error;

	memset(out, 0, sizeof(out));
	memset(in, 0, sizeof(in));
	memset(spare, 0, sizeof(spare));
	error = skex_pairwise_state_decode(
		state, &scene.party[0].hasher.crypto, skex_view(data, size), &memory);
	if (error != SKEX_OK) {
		assert_true(skex_ct_is_zero(out, sizeof(out)));
		assert_true(skex_ct_is_zero(in, sizeof(in)));
		assert_true(skex_ct_is_zero(spare, sizeof(spare)));
	}
	return error;
}

static void seal(size_t size)
{
	const struct skex_view body = skex_view(bytes, size - SKEX_PAIRWISE_INTEGRITY_BYTES);
	uint8_t hash[SKEX_HASH_BYTES];

	assert_int_equal(skex_pairwise_hash(&scene.party[0].hasher.crypto, "state", &body, 1, hash),
		SKEX_OK);
	memcpy(bytes + body.size, hash, SKEX_PAIRWISE_INTEGRITY_BYTES);
}

/* A state with holes in its window. */
static size_t prepare(uint8_t depth, bool reseed)
{
	struct scene_options options = {.depth = depth, .reseed = reseed};

	scene_init(&scene, &options, 31);
	for (unsigned i = 0; i < 6; i++) {
		scene_start(&scene, 1);
		if (i % 2 == 0) {
			scene_deliver(&scene);
		} else {
			scene.queued = 0;
		}
	}
	scene_start(&scene, 0);
	return encode(&scene.party[0], 77, bytes);
}

static void a_state_comes_back_as_it_was(void **state)
{
	static const uint8_t depths[] = {0, 8, 32};

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		const size_t size = prepare(depths[i % 3], i >= 3);
		struct skex_pairwise_state found;
		size_t again = 0;

		assert_int_equal(decode(bytes, SCENE_SLOT, &found, 8, i >= 3), SKEX_OK);
		assert_int_equal(found.sequence, 77);
		assert_int_equal(skex_pairwise_state_encode(&found, &scene.party[0].hasher.crypto,
					 77, other, SCENE_SLOT, &again),
			SKEX_OK);
		assert_int_equal(again, size);
		assert_memory_equal(bytes, other, size);
	}
}

static void the_size_of_a_slot_is_never_exceeded(void **state)
{
	static const uint8_t depths[] = {0, 8, 32};
	uint64_t random = 5;

	(void)state;
	/* Exactly reached at d = 0, when all but the newest of the window wait. */
	prepare(0, false);
	for (unsigned i = 0; i < 7; i++) {
		scene.queued = 0;
		scene_start(&scene, 1);
	}
	scene_deliver(&scene);
	assert_int_equal(encode(&scene.party[0], 1, bytes), skex_pairwise_state_size(0, 8, false));
	for (unsigned i = 0; i < 3; i++) {
		prepare(depths[i], false);
		for (unsigned run = 0; run < 300; run++) {
			scene_start(&scene, 1);
			if (scene_next(&random) % 2 == 0)
				scene.queued = 0;
			scene_deliver(&scene);
			scene.logged = 0;
			scene_pass(&scene, 130000);
			scene.logged = 0;
			(void)encode(&scene.party[0], 1, bytes);
		}
	}
}

static void what_is_torn_or_changed_is_found(void **state)
{
	const size_t size = prepare(0, false);
	struct skex_pairwise_state found;

	(void)state;
	for (size_t torn = 0; torn < size; torn++) {
		memcpy(other, bytes, torn);
		memset(other + torn, 0, SCENE_SLOT - torn);
		assert_int_not_equal(decode(other, SCENE_SLOT, &found, 8, false), SKEX_OK);
		memset(other + torn, 0xff, SCENE_SLOT - torn);
		assert_int_not_equal(decode(other, SCENE_SLOT, &found, 8, false), SKEX_OK);
		assert_int_not_equal(decode(bytes, torn, &found, 8, false), SKEX_OK);
	}
	for (size_t bit = 0; bit < size * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(decode(bytes, SCENE_SLOT, &found, 8, false), SKEX_OK);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(decode(bytes, SCENE_SLOT, &found, 8, false), SKEX_OK);
}

/* With the integrity made right again, so that the values themselves are looked at. */
static void values_out_of_range_are_refused(void **state)
{
	const size_t size = prepare(0, false);
	static const struct {
		size_t at;
		uint8_t value;
		enum skex_error error;
	} rows[] = {
		{4, 0, SKEX_E_VERSION}, {4, 2, SKEX_E_VERSION},
		{5, 2, SKEX_E_SYNTAX},   /* neither with nor without reseeding */
		{5, 1, SKEX_E_SPACE},    /* with, where it is off */
		{18, 2, SKEX_E_SYNTAX},  /* slot */
		{20, 1, SKEX_E_SYNTAX},  /* d */
		{22, 0, SKEX_E_SYNTAX},  /* W */
		{22, 9, SKEX_E_SYNTAX},  /* W + LA is no power of two */
		{24, 0, SKEX_E_SYNTAX},  /* LA */
		{22, 24, SKEX_E_SPACE},  /* W + LA is one, and more than there is room for */
		{101, 1, SKEX_E_SYNTAX}, /* n far above */
	};
	struct skex_pairwise_state found;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint8_t before = bytes[rows[i].at];

		bytes[rows[i].at] = rows[i].value;
		seal(size);
		assert_int_equal(decode(bytes, SCENE_SLOT, &found, 8, false), rows[i].error);
		bytes[rows[i].at] = before;
	}
	seal(size);
	assert_int_equal(decode(bytes, SCENE_SLOT, &found, 8, false), SKEX_OK);
}

/* A tree whose nodes overlap, lie in the chain or below the window would open what is spent. */
static void trees_that_cannot_be_are_refused(void **state)
{
	struct party *party = &scene.party[0];
	struct skex_pairwise_state found;
	struct skex_pairwise_node kept;

	(void)state;
	prepare(0, false);
	assert_true(party->state.in.tree.count >= 2);
	kept = party->in[0];
	party->in[0] = party->in[1];
	(void)encode(party, 1, bytes);
	assert_int_equal(decode(bytes, SCENE_SLOT, &found, 8, false), SKEX_E_SYNTAX);
	party->in[0] = kept;
	party->in[0].start[4] = 200; /* in the chain */
	(void)encode(party, 1, bytes);
	assert_int_equal(decode(bytes, SCENE_SLOT, &found, 8, false), SKEX_E_SYNTAX);
	party->in[0] = kept;
	party->in[0].height = 1;
	(void)encode(party, 1, bytes);
	assert_int_equal(decode(bytes, SCENE_SLOT, &found, 8, false), SKEX_E_SYNTAX);
	party->in[0] = kept;
	party->state.in.base = party->state.in.top;
	(void)encode(party, 1, bytes);
	assert_int_equal(decode(bytes, SCENE_SLOT, &found, 8, false), SKEX_E_SYNTAX);
	party->state.in.base = 0;
	party->state.in.top = 9;
	(void)encode(party, 1, bytes);
	assert_int_equal(decode(bytes, SCENE_SLOT, &found, 8, false), SKEX_E_SYNTAX);
}

static enum skex_error sequence_of(const uint8_t *slot, uint64_t *sequence)
{
	return skex_pairwise_state_sequence(
		&scene.party[0].hasher.crypto, skex_view(slot, SCENE_SLOT), sequence);
}

static void the_sequence_of_a_slot(void **state)
{
	const struct skex_crypto *crypto = &scene.party[0].hasher.crypto;
	uint64_t sequence = 5;
	size_t size;

	(void)state;
	size = prepare(0, false);
	memset(other, 0, sizeof(other));
	assert_int_equal(sequence_of(other, &sequence), SKEX_E_CORRUPT);
	assert_int_equal(sequence, 5);
	assert_int_equal(sequence_of(bytes, &sequence), SKEX_OK);
	assert_int_equal(sequence, 77);
	bytes[4] = 2;
	assert_int_equal(sequence_of(bytes, &sequence), SKEX_E_CORRUPT);
	seal(size);
	assert_int_equal(sequence_of(bytes, &sequence), SKEX_E_VERSION);
	/* Across 32 bits, and at the end. */
	(void)encode(&scene.party[0], (uint64_t)UINT32_MAX + 1, bytes);
	assert_int_equal(sequence_of(bytes, &sequence), SKEX_OK);
	assert_int_equal(sequence, (uint64_t)UINT32_MAX + 1);
	bytes[size / 2] ^= 1;
	assert_int_equal(sequence_of(bytes, &sequence), SKEX_E_CORRUPT);
	assert_int_equal(skex_pairwise_state_encode(&scene.party[0].state, crypto, UINT64_MAX,
				 other, SCENE_SLOT, &size),
		SKEX_E_EXHAUSTED);
	assert_int_equal(skex_pairwise_state_encode(
				 &scene.party[0].state, crypto, 1, other, size - 1, &size),
		SKEX_E_SPACE);
}

static void arguments_out_of_range(void **state)
{
	static const struct skex_pairwise_local bad[] = {
		{2, 0, 8, 8}, {0, 0, 0, 8}, {0, 0, 8, 0}, {0, 0, 8, 7}, {0, 0, 16, 16}};
	struct party *party = &scene.party[0];
	struct skex_pairwise_config config = {.id = {skex_view("a", 1), skex_view("b", 1)},
		.suites = skex_view("\x01", 1),
		.purpose = skex_view("p", 1)};
	const struct skex_pairwise_local good = {0, 0, 8, 8};
	static uint8_t psk[SKEX_HASH_BYTES];
	struct skex_pairwise_state made;

	(void)state;
	prepare(0, false);
	/* All zero is no credential. */
	assert_int_equal(skex_pairwise_state_init(
				 &made, &party->hasher.crypto, &config, &good, psk, &party->memory),
		SKEX_E_ARGUMENT);
	psk[0] = 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(skex_pairwise_state_init(&made, &party->hasher.crypto, &config,
					 &bad[i], psk, &party->memory),
			SKEX_E_ARGUMENT);
	config.id[1] = config.id[0];
	assert_int_equal(skex_pairwise_state_init(
				 &made, &party->hasher.crypto, &config, &good, psk, &party->memory),
		SKEX_E_ARGUMENT);
	config.id[1] = skex_view("b", 1);
	config.depth = 7;
	assert_int_equal(skex_pairwise_state_init(
				 &made, &party->hasher.crypto, &config, &good, psk, &party->memory),
		SKEX_E_ARGUMENT);
	config.depth = 0;
	config.suites = skex_view("\x02", 1);
	assert_int_equal(skex_pairwise_state_init(
				 &made, &party->hasher.crypto, &config, &good, psk, &party->memory),
		SKEX_E_ARGUMENT);
	config.suites = skex_view("\x01", 1);
	assert_int_equal(skex_pairwise_state_init(
				 &made, &party->hasher.crypto, &config, &good, psk, &party->memory),
		SKEX_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_comes_back_as_it_was),
		cmocka_unit_test(the_size_of_a_slot_is_never_exceeded),
		cmocka_unit_test(what_is_torn_or_changed_is_found),
		cmocka_unit_test(values_out_of_range_are_refused),
		cmocka_unit_test(trees_that_cannot_be_are_refused),
		cmocka_unit_test(the_sequence_of_a_slot),
		cmocka_unit_test(arguments_out_of_range),
	};

	return cmocka_run_group_tests_name("core/pairwise/state", tests, NULL, NULL);
}
