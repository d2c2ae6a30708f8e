/* SPDX-License-Identifier: Apache-2.0 */
#include "api/client/base64.h"
#include "core/auth/psk_import.h"
#include "core/base/hex.h"
#include "core/base/mem.h"
#include "core/combiner/combiner.h"
#include "core/dske/relay.h"
#include "core/leg/ratchet.h"
#include "core/pairwise/schedule.h"
#include "core/pairwise/tree.h"
#include "core/wire/message.h"
#include "crypto/openssl.h"
#include "crypto/sha256_small.h"
#include "tests/unit/core/constant_time/secrets.h"

/* What derives keys from secrets, puts them under pads, combines them and writes them as text. */

/* The small hash is ours; the other provider is what daemons use, and libcrypto below it. */
static const struct skex_crypto *providers[2];

static void hashes(void **state)
{
	const struct skex_view part = skex_view(secret[1], 100);
	uint8_t hash[SKEX_HASH_BYTES];

	(void)state;
	need_valgrind();
	for (size_t p = 0; p < 2; p++) {
		const struct skex_crypto *crypto = providers[p];
		const bool good = crypto->sha256(crypto->context, &part, 1, hash) == SKEX_OK &&
			crypto->hmac_sha256(crypto->context, skex_view(secret[2], 70), &part, 1,
				hash) == SKEX_OK;

		assert_silent();
		assert_true(good);
	}
}

static bool credential(const struct skex_crypto *crypto)
{
	uint8_t first[SKEX_HASH_BYTES], chain[SKEX_HASH_BYTES], recovery[SKEX_HASH_BYTES];
	uint8_t ac[SKEX_HASH_BYTES] = {1}, print[SKEX_PAIRWISE_ID_BYTES];

	return skex_pairwise_generation(crypto, ac, secret[0], first) == SKEX_OK &&
		skex_pairwise_first_chain(crypto, first, 1, 0, chain) == SKEX_OK &&
		skex_pairwise_recovery(crypto, first, 2, recovery) == SKEX_OK &&
		skex_pairwise_fingerprint(crypto, first, print) == SKEX_OK;
}

static bool leaves(const struct skex_crypto *crypto)
{
	struct skex_pairwise_node nodes[40];
	struct skex_pairwise_tree tree;
	uint8_t leaf[SKEX_HASH_BYTES];

	skex_pairwise_tree_init(&tree, 32, nodes, 40, secret[0]);
	return skex_pairwise_tree_puncture(&tree, crypto, 5, 0) == SKEX_OK &&
		skex_pairwise_tree_leaf(&tree, crypto, 9, NULL, leaf) == SKEX_OK &&
		skex_pairwise_tree_drop(&tree, crypto, 17) == SKEX_OK &&
		skex_pairwise_tree_leaf(&tree, crypto, UINT64_C(1) << 33, NULL, leaf) == SKEX_OK;
}

static bool run(const struct skex_crypto *crypto)
{
	const struct skex_view part = skex_view(secret[1], 100);
	uint8_t ids[SKEX_PAIRWISE_IDS][SKEX_PAIRWISE_ID_BYTES];
	uint8_t nonce[SKEX_PAIRWISE_NONCE_BYTES], tag[SKEX_PAIRWISE_TAG_BYTES];
	uint8_t leaf[SKEX_HASH_BYTES], reseed[SKEX_HASH_BYTES], key[48];
	struct skex_pairwise_keys keys;
	struct skex_hmac hmac;

	return skex_hmac_init(crypto, &hmac, secret[2]) == SKEX_OK &&
		skex_pairwise_ids(crypto, &hmac, ids) == SKEX_OK &&
		skex_pairwise_nonce(crypto, &hmac, "na", secret[5], nonce) == SKEX_OK &&
		skex_pairwise_tag(crypto, &hmac, "t1", &part, 1, tag) == SKEX_OK &&
		skex_kdf_xor(crypto, &hmac, "s1", skex_view(NULL, 0), secret[3], secret[3],
			SECRET_BYTES) == SKEX_OK &&
		skex_pairwise_finish(crypto, &hmac, secret[4], &keys, 3, reseed) == SKEX_OK &&
		skex_pairwise_rekey_leaf(crypto, keys.rs, 1, 2, leaf) == SKEX_OK &&
		skex_pairwise_export(crypto, keys.exp, "app", skex_view(ids[0], 4), key,
			sizeof(key)) == SKEX_OK &&
		skex_pairwise_next_phase(crypto, keys.exp) == SKEX_OK;
}

static void the_schedule_of_the_pairwise_mode(void **state)
{
	(void)state;
	need_valgrind();
	for (size_t p = 0; p < 2; p++) {
		const bool good =
			credential(providers[p]) && leaves(providers[p]) && run(providers[p]);

		assert_silent();
		assert_true(good);
	}
}

static void pads_that_are_computed(void **state)
{
	const struct skex_crypto *crypto = skex_crypto_openssl();
	struct skex_ratchet ratchet;
	uint8_t pad[2100];
	bool good;

	(void)state;
	need_valgrind();
	good = skex_ratchet_init(&ratchet, crypto, secret[0], 7, 1, 0) == SKEX_OK &&
		skex_ratchet_read(&ratchet, crypto, 1008, pad, sizeof(pad)) == SKEX_OK &&
		skex_ratchet_forget(&ratchet, crypto, 4096) == SKEX_OK;
	assert_silent();
	assert_true(good);
}

/* A share from one pad to the other, and under the tag of the message that carries it. */
static void shares_under_pads(void **state)
{
	const struct skex_scope scope = {.leg = 3, .pad = 4, .direction = SKEX_TO_AGENT};
	uint8_t header[SKEX_MESSAGE_PREFIX_BYTES + 60] = {0};
	const struct skex_pad_position at = {1, 4096};
	const struct skex_math *variants[VARIANTS];
	uint8_t body[SECRET_BYTES];
	struct skex_prefix prefix;
	bool right;

	(void)state;
	need_valgrind();
	variants_of_valgrind(variants);
	for (size_t v = 0; v < VARIANTS; v++) {
		skex_relay_share(body, secret[0], secret[1], secret[2], sizeof(body));
		skex_relay_share(body, NULL, secret[1], secret[2], sizeof(body));
		skex_message_seal(variants[v], &scope, SKEX_MESSAGE_SHARE, at, secret[3], header,
			sizeof(header), skex_view(body, sizeof(body)));
		assert_int_equal(
			skex_prefix_decode(&prefix, skex_view(header, sizeof(header))), SKEX_OK);
		right = skex_message_verify(
			variants[v], &scope, &prefix, secret[3], skex_view(body, sizeof(body)));
		assert_silent();
		reveal(&right, sizeof(right));
		assert_true(right);
	}
}

static void set_name(struct skex_name *name, const char *text)
{
	assert_true(skex_name_parse(name, skex_view(text, strlen(text))));
}

static void secrets_that_are_combined(void **state)
{
	struct skex_component components[2] = {
		{.provider = "dske", .block = {1, 2}, .class = SKEX_CLASS_ITS, .roots_count = 1},
		{.provider = "pairwise", .class = SKEX_CLASS_COMPUTATIONAL, .roots_count = 1}};
	struct skex_combination combination = {.size = SECRET_BYTES,
		.purpose = skex_view("app:test", 8),
		.components = {&components[0], &components[1]}};
	struct skex_name names[2];
	struct skex_combined combined;
	uint8_t out[SECRET_BYTES];

	(void)state;
	need_valgrind();
	set_name(&names[0], "alice");
	set_name(&names[1], "bob");
	combination.initiator = &names[0];
	combination.responder = &names[1];
	components[0].secret = secret[0];
	components[1].secret = secret[1];
	components[0].roots[0].kind = SKEX_ROOT_HUB;
	for (size_t p = 0; p < 2; p++) {
		components[1].roots[0].kind = SKEX_ROOT_CREDENTIAL;
		assert_int_equal(
			skex_combine_two(providers[p], &combination, out, &combined), SKEX_OK);
		assert_true(combined.disjoint);
		components[1].roots[0].kind = SKEX_ROOT_HOUSE;
		assert_int_equal(
			skex_combine_two(providers[p], &combination, out, &combined), SKEX_OK);
		assert_false(combined.disjoint);
		assert_silent();
	}
}

static void imported_psks(void **state)
{
	const struct skex_psk_import import = {skex_view("id", 2), skex_view("context", 7),
		SKEX_PSK_IMPORT_TLS_1_3, SKEX_PSK_IMPORT_SHA384};
	uint8_t psk[SKEX_PSK_IMPORT_MAX];
	size_t size;

	(void)state;
	need_valgrind();
	for (size_t p = 0; p < 2; p++) {
		const enum skex_error error = skex_psk_import_derive(
			providers[p], skex_view(secret[0], 32), &import, psk, &size);

		assert_silent();
		assert_int_equal(error, SKEX_OK);
	}
}

static void keys_as_text(void **state)
{
	uint8_t key[SECRET_BYTES];
	char text[2 * SECRET_BYTES];
	size_t size = 0;
	bool good;

	(void)state;
	need_valgrind();
	skex_hex_write(secret[0], SECRET_BYTES, text);
	good = skex_hex_read(text, key, SECRET_BYTES);
	assert_silent();
	reveal(&good, sizeof(good));
	assert_true(good);
	/* Decoding branches on whether the text is one, and on the '=' at its end: both public. */
	skex_base64_encode(text, secret[1], SECRET_BYTES);
	assert_silent();
	reveal(text, sizeof(text));
	assert_true(
		skex_base64_decode(key, sizeof(key), &size, text, skex_base64_size(SECRET_BYTES)));
	assert_int_equal(size, SECRET_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(hashes, secrets_begin),
		cmocka_unit_test_setup(the_schedule_of_the_pairwise_mode, secrets_begin),
		cmocka_unit_test_setup(pads_that_are_computed, secrets_begin),
		cmocka_unit_test_setup(shares_under_pads, secrets_begin),
		cmocka_unit_test_setup(secrets_that_are_combined, secrets_begin),
		cmocka_unit_test_setup(imported_psks, secrets_begin),
		cmocka_unit_test_setup(keys_as_text, secrets_begin),
	};

	providers[0] = skex_crypto_small();
	providers[1] = skex_crypto_openssl();
	return cmocka_run_group_tests_name("constant time of keys", tests, NULL, NULL);
}
