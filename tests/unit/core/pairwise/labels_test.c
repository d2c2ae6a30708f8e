/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/pairwise/scene.h"

/*
 * All labels of the pairwise mode, by the key that they are used with (docs/spec/pairwise.md,
 * sections 3 to 5 and 12).  Every HMAC of runs of all kinds is looked at: under one key no two
 * purposes have the same label, be it of a KDF or a MAC, and what is hashed begins with the label's
 * length and the label, or with the block before.  So no input for one purpose is one for another.
 *
 * An initiator that reserves R indices ahead would need R <= LA, or one crash would take it out of
 * the window of its peer.  That has no test, because nothing is reserved: each index has a commit
 * of its own before its message is sent (R = 1), and LA is at least 1.
 */
#define LABELS_MAX 8u
#define KEYS_MAX   4096u
#define INPUT_MAX  80u
#define KDF_PARTS  7u /* of the inputs of core/auth/kdf.c; a MAC here has fewer */
#define EXPORT     "test"
#define OUT(run)   (run).message, sizeof((run).message), &(run).size

enum use {
	EXTRACT, /* the input is secret, and the only one */
	KDF,
	MAC,
};

struct label {
	uint8_t size;
	enum use use;
	const char *text;
};

#define K(text)                                                                                    \
	{                                                                                          \
		sizeof(text) - 1, KDF, text                                                        \
	}
#define M(text)                                                                                    \
	{                                                                                          \
		sizeof(text) - 1, MAC, text                                                        \
	}

/* Each kind of key, and all that it is used for. */
static const struct row {
	const char *key;
	struct label labels[LABELS_MAX];
} rows[] = {
	{"AC", {{0, EXTRACT, ""}}},
	{"PRK", {K("gen")}},
	{"GS", {K("c0"), K("rec"), K("fp")}},
	{"CK", {K("ck"), K("rt")}},
	{"node", {K("n\0"), K("n\1")}},
	{"L", {K("id"), M("na"), M("nb"), K("s1"), M("t1"), K("hs"), K("h1")}},
	{"hs", {K("s2"), M("t2"), K("s3"), M("t3"), K("s4"), M("t4"), K("ms")}},
	{"ms", {K("exp"), K("rs"), K("sid"), K("reseed")}},
	{"rs", {K("rk")}},
	{"exp", {K("x:" EXPORT), K("kp")}},
	{"Krec", {K("l1"), K("q1"), M("u1"), K("l2"), K("q2"), M("u2")}},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool seen[ROWS][LABELS_MAX];

static struct key {
	struct skex_hmac key;
	size_t row;
	uint8_t last[SKEX_HASH_BYTES];
} keys[KEYS_MAX];
static unsigned keys_count;

static struct scene scene;

/* ---- what is heard ---- */

static struct key *key_of(const struct skex_hmac *key)
{
	for (unsigned i = 0; i < keys_count; i++) {
		if (memcmp(&keys[i].key, key, sizeof(*key)) == 0) /* rule 3: a test's own */
			return &keys[i];
	}
	assert_in_range(keys_count, 0, KEYS_MAX - 1);
	keys[keys_count].key = *key;
	keys[keys_count].row = ROWS;
	return &keys[keys_count++];
}

/* The beginning of an input in one piece, and its size. */
static size_t join(const struct skex_view *parts, size_t count, uint8_t out[INPUT_MAX])
{
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < parts[i].size; k++, size++) {
			if (size < INPUT_MAX)
				out[size] = parts[i].data[k];
		}
	}
	return size;
}

static bool is_label(const struct label *label, enum use use, const uint8_t *input)
{
	return label->text != NULL && label->use == use &&
		(use == EXTRACT ||
			(input[0] == label->size &&
				skex_view_equal(skex_view(input + 1, label->size),
					skex_view(label->text, label->size))));
}

static bool is_alone(const struct key *key, size_t size)
{
	return key->row == ROWS ? size == SKEX_HASH_BYTES : rows[key->row].labels[0].size == 0;
}

static void hears(const struct skex_hmac *hmac, const struct skex_view *parts, size_t count,
	const uint8_t out[SKEX_HASH_BYTES])
{
	struct key *key = key_of(hmac);
	uint8_t input[INPUT_MAX] = {0};
	const size_t size = join(parts, count, input);
	enum use use = count == KDF_PARTS ? KDF : MAC;
	size_t row;
	size_t l = LABELS_MAX;

	/* A later block. */
	if (use == KDF && parts[0].size > 0) {
		assert_int_not_equal(key->row, ROWS);
		assert_memory_equal(input, key->last, SKEX_HASH_BYTES);
		memcpy(key->last, out, SKEX_HASH_BYTES);
		return;
	}
	/* In one piece: a child of a node, or the extraction. */
	if (count == 1)
		use = is_alone(key, size) ? EXTRACT : KDF;
	for (row = 0; row < ROWS; row++) {
		for (l = 0; l < LABELS_MAX && !is_label(&rows[row].labels[l], use, input); l++)
			;
		if (l < LABELS_MAX)
			break;
	}
	if (row == ROWS)
		fail_msg("an input of %u bytes in %u parts has no label that is on the list",
			(unsigned)size, (unsigned)count);
	if (key->row == ROWS)
		key->row = row;
	if (key->row != row)
		fail_msg("%s of %s under a key that is %s", rows[row].labels[l].text, rows[row].key,
			rows[key->row].key);
	seen[row][l] = true;
	memcpy(key->last, out, SKEX_HASH_BYTES);
}

/* ---- what is done ---- */

static void listen_to_sessions(void)
{
	for (unsigned who = 0; who < 2; who++) {
		struct party *party = &scene.party[who];

		party->session = scene_last(party);
		assert_int_equal(skex_pairwise_listen(&party->pairwise, party->session), SKEX_OK);
	}
}

/* Runs, rekeys, pushes, recoveries and generations, of each end. */
static void converse(uint8_t depth)
{
	const struct scene_options options = {.depth = depth, .reseed = true};
	struct skex_pairwise_payload payload = {
		.present = 1u << SKEX_PAIRWISE_FIELD_EARLY, .early = skex_view("20 C", 4)};
	const struct skex_pairwise_start reseed = {.reseed = true};

	scene_init(&scene, &options, 900 + depth);
	for (uint8_t who = 0; who < 2; who++) {
		scene_start(&scene, who);
		scene_deliver(&scene);
		listen_to_sessions();
		assert_non_null(scene_rekey(&scene, who, scene.party[who].session));
		scene_deliver(&scene);
		scene_push(&scene, who, &payload);
		scene_deliver(&scene);
		scene.party[who].pairwise.failures = SKEX_PAIRWISE_FAILURES;
		scene_start(&scene, who);
		scene_deliver(&scene);
		assert_int_equal(scene.party[who].ready, 1);
		scene_start_with(
			&scene, who, who == 0 ? &reseed : &(struct skex_pairwise_start){0});
		scene_deliver(&scene);
		scene_start(&scene, who);
		scene_deliver(&scene);
		assert_true(scene_succeed(&scene, who));
	}
}

/* The engines seal nothing in the third and fourth message unless there is a reason. */
struct run {
	struct skex_pairwise_exchange a, b;
	uint8_t message[SCENE_MESSAGE];
	uint8_t plain[SKEX_PAIRWISE_SEALED_MAX];
	size_t size;
	struct skex_pairwise_message decoded;
};

static void seal_four(const struct skex_crypto *crypto)
{
	static const uint8_t leaf[32] = "a leaf that is in no tree", ac[32], nonce[16];
	struct skex_pairwise_payload payload = {
		.present = 1u << SKEX_PAIRWISE_FIELD_BLOB, .blob = skex_view("blob", 4)};
	struct skex_pairwise_keys made;
	static struct run run;

	assert_int_equal(
		skex_pairwise_begin(&run.a, crypto, SKEX_PAIRWISE_M1, 0, 5, leaf), SKEX_OK);
	run.b = run.a;
	assert_int_equal(
		skex_pairwise_send_first(&run.a, crypto, ac, nonce, &payload, OUT(run)), SKEX_OK);
	assert_int_equal(
		skex_pairwise_decode(&run.decoded, skex_view(run.message, run.size)), SKEX_OK);
	assert_int_equal(
		skex_pairwise_read_first(&run.b, crypto, ac, &run.decoded, run.plain), SKEX_OK);
	assert_int_equal(
		skex_pairwise_send_second(&run.b, crypto, nonce, &payload, OUT(run)), SKEX_OK);
	assert_int_equal(
		skex_pairwise_decode(&run.decoded, skex_view(run.message, run.size)), SKEX_OK);
	assert_int_equal(
		skex_pairwise_read_second(&run.a, crypto, &run.decoded, run.plain), SKEX_OK);
	assert_int_equal(skex_pairwise_exchange_keys(&run.a, crypto, &made, 0, NULL), SKEX_OK);
	assert_int_equal(
		skex_pairwise_send_third(&run.a, crypto, true, &payload, OUT(run)), SKEX_OK);
	assert_int_equal(
		skex_pairwise_decode(&run.decoded, skex_view(run.message, run.size)), SKEX_OK);
	assert_int_equal(
		skex_pairwise_read_third(&run.b, crypto, &run.decoded, run.plain), SKEX_OK);
	assert_int_equal(skex_pairwise_send_fourth(&run.b, crypto, &payload, OUT(run)), SKEX_OK);
	assert_int_equal(
		skex_pairwise_decode(&run.decoded, skex_view(run.message, run.size)), SKEX_OK);
	assert_int_equal(
		skex_pairwise_read_fourth(&run.a, crypto, &run.decoded, run.plain), SKEX_OK);
}

static void export_and_step(const struct skex_crypto *crypto)
{
	uint8_t *exp = scene_last(&scene.party[0])->keys.exp;
	uint8_t out[100];

	assert_int_equal(skex_pairwise_export(
				 crypto, exp, EXPORT, skex_view("context", 7), out, sizeof(out)),
		SKEX_OK);
	assert_int_equal(skex_pairwise_next_phase(crypto, exp), SKEX_OK);
}

/* ---- tests ---- */

/* The list itself: no label twice under a key, whatever it is used for. */
static void rule_labels_under_one_key_are_disjoint(void **state)
{
	(void)state;
	for (size_t row = 0; row < ROWS; row++) {
		const struct label *labels = rows[row].labels;

		for (unsigned i = 0; i < LABELS_MAX && labels[i].text != NULL; i++) {
			for (unsigned k = 0; k < i; k++)
				assert_false(
					skex_view_equal(skex_view(labels[i].text, labels[i].size),
						skex_view(labels[k].text, labels[k].size)));
			/* What secret input stands alone under: no label could be told from it. */
			assert_true(labels[i].use != EXTRACT || labels[1].text == NULL);
		}
	}
}

/* And it is all that there is: every input of every key is on it, in one row for each key. */
static void rule_inputs_begin_with_the_labels_of_their_key(void **state)
{
	static const uint8_t depths[] = {0, 8, 32};
	const struct skex_crypto *crypto = &scene.party[0].hasher.crypto;

	(void)state;
	hasher_hears = hears;
	for (unsigned i = 0; i < 3; i++) {
		converse(depths[i]);
		export_and_step(crypto);
	}
	seal_four(crypto);
	hasher_hears = NULL;
	for (size_t row = 0; row < ROWS; row++) {
		for (unsigned i = 0; i < LABELS_MAX && rows[row].labels[i].text != NULL; i++) {
			if (!seen[row][i])
				fail_msg("%s was not used under %s", rows[row].labels[i].text,
					rows[row].key);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_labels_under_one_key_are_disjoint),
		cmocka_unit_test(rule_inputs_begin_with_the_labels_of_their_key),
	};

	return cmocka_run_group_tests_name("core/pairwise/labels", tests, NULL, NULL);
}
