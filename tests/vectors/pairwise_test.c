/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/pairwise/exchange.h"
#include "core/pairwise/resync_message.h"
#include "crypto/openssl.h"
#include "crypto/sha256_small.h"
#include "tests/vectors/pairwise_party.h"

/* The published vectors of the pairwise mode, byte for byte, with both hash providers. */

static json_t *vectors;
static const struct skex_crypto *crypto;

static void check_element(
	const uint8_t *data, size_t size, const json_t *object, const char *name, size_t i)
{
	static struct bytes expected;

	element_of(&expected, object, name, i);
	assert_int_equal(size, expected.size);
	assert_memory_equal(data, expected.data, size);
}

static void check_leaves(void)
{
	const json_t *row;
	uint8_t leaf[32];
	size_t i;

	json_array_foreach(array_of(vectors, "leaves"), i, row)
	{
		const uint64_t index = wide_of(row, "i");
		static struct party party;

		party_of(&party, crypto, object_of(vectors, "config"), row);
		assert_int_equal(
			skex_pairwise_tree_leaf(&party.tree, crypto, index, NULL, leaf), SKEX_OK);
		check_hex(leaf, sizeof(leaf), row, "leaf");
		/* When everything before it is gone, it is the same. */
		assert_int_equal(skex_pairwise_tree_drop(&party.tree, crypto, index), SKEX_OK);
		assert_int_equal(
			skex_pairwise_tree_leaf(&party.tree, crypto, index, NULL, leaf), SKEX_OK);
		check_hex(leaf, sizeof(leaf), row, "leaf");
	}
}

/* Both ends of one run, whose payloads are decoded from the file and encoded again. */
struct run {
	struct skex_pairwise_exchange a;
	struct skex_pairwise_exchange b;
	uint8_t message[SKEX_PAIRWISE_MESSAGE_MAX];
	size_t size;
	uint8_t plain[SKEX_PAIRWISE_SEALED_MAX];
	struct skex_pairwise_message decoded;
	struct bytes text;
	struct skex_pairwise_payload payload;
};

static const struct skex_pairwise_payload *payload_of(
	struct run *run, const json_t *row, size_t number, bool padded)
{
	element_of(&run->text, row, "plain", number);
	assert_int_equal(
		skex_pairwise_payload_decode(&run->payload, view_of(&run->text), padded), SKEX_OK);
	return &run->payload;
}

static void decode(struct run *run)
{
	assert_int_equal(
		skex_pairwise_decode(&run->decoded, skex_view(run->message, run->size)), SKEX_OK);
}

static void check_plain(const struct run *run)
{
	assert_int_equal(run->decoded.sealed.size, run->text.size);
	assert_memory_equal(run->plain, run->text.data, run->text.size);
}

#define OUT(run) (run)->message, sizeof((run)->message), &(run)->size

static void check_exports(const json_t *row, const struct skex_pairwise_keys *keys)
{
	const json_t *wanted;
	uint8_t phase[32];
	size_t i;

	json_array_foreach(array_of(row, "exports"), i, wanted)
	{
		const size_t size = (size_t)number_of(wanted, "size");
		uint8_t key[256];
		struct bytes context;

		assert_true(size <= sizeof(key));
		bytes_of(&context, wanted, "context");
		assert_int_equal(skex_pairwise_export(crypto, keys->exp, text_of(wanted, "label"),
					 view_of(&context), key, size),
			SKEX_OK);
		check_hex(key, size, wanted, "key");
	}
	memcpy(phase, keys->exp, sizeof(phase));
	assert_int_equal(skex_pairwise_next_phase(crypto, phase), SKEX_OK);
	check_hex(phase, sizeof(phase), row, "next_phase");
}

static void check_run(const json_t *row, const struct party *party, struct skex_pairwise_keys *keys)
{
	const uint8_t r = (uint8_t)number_of(row, "r");
	const uint64_t index = wide_of(row, "i");
	uint8_t leaf[32], random[32], nonce[16], secret[32];
	const json_t *reseed = object_of(row, "reseed");
	const uint32_t attempt = (uint32_t)number_of(reseed, "attempt");
	struct skex_pairwise_keys others;
	struct skex_hmac hmac;
	static struct run run;

	assert_int_equal(skex_pairwise_tree_leaf(&party->tree, crypto, index, NULL, leaf), SKEX_OK);
	check_hex(leaf, sizeof(leaf), row, "leaf");
	assert_int_equal(
		skex_pairwise_begin(&run.a, crypto, SKEX_PAIRWISE_M1, r, index, leaf), SKEX_OK);
	assert_int_equal(
		skex_pairwise_begin(&run.b, crypto, SKEX_PAIRWISE_M1, r, index, leaf), SKEX_OK);
	assert_int_equal(skex_hmac_init(crypto, &hmac, leaf), SKEX_OK);

	fixed_of(random, sizeof(random), row, "random_a");
	assert_int_equal(skex_pairwise_nonce(crypto, &hmac, "na", random, nonce), SKEX_OK);
	check_hex(nonce, sizeof(nonce), row, "na");
	assert_int_equal(skex_pairwise_send_first(&run.a, crypto, party->ac, nonce,
				 payload_of(&run, row, 0, false), OUT(&run)),
		SKEX_OK);
	check_element(run.message, run.size, row, "m", 0);
	decode(&run);
	assert_int_equal(
		skex_pairwise_read_first(&run.b, crypto, party->ac, &run.decoded, run.plain),
		SKEX_OK);
	check_plain(&run);

	fixed_of(random, sizeof(random), row, "random_b");
	assert_int_equal(skex_pairwise_nonce(crypto, &hmac, "nb", random, nonce), SKEX_OK);
	check_hex(nonce, sizeof(nonce), row, "nb");
	assert_int_equal(skex_pairwise_send_second(
				 &run.b, crypto, nonce, payload_of(&run, row, 1, false), OUT(&run)),
		SKEX_OK);
	check_element(run.message, run.size, row, "m", 1);
	decode(&run);
	assert_int_equal(
		skex_pairwise_read_second(&run.a, crypto, &run.decoded, run.plain), SKEX_OK);
	check_plain(&run);
	assert_int_equal(
		skex_pairwise_exchange_keys(&run.a, crypto, keys, attempt, secret), SKEX_OK);
	assert_int_equal(skex_pairwise_exchange_keys(&run.b, crypto, &others, 0, NULL), SKEX_OK);
	assert_memory_equal(keys, &others, sizeof(others));
	check_hex(secret, sizeof(secret), reseed, "secret");

	assert_int_equal(skex_pairwise_send_third(
				 &run.a, crypto, true, payload_of(&run, row, 2, true), OUT(&run)),
		SKEX_OK);
	check_element(run.message, run.size, row, "m", 2);
	decode(&run);
	assert_int_equal(
		skex_pairwise_read_third(&run.b, crypto, &run.decoded, run.plain), SKEX_OK);
	check_plain(&run);
	assert_int_equal(skex_pairwise_send_fourth(
				 &run.b, crypto, payload_of(&run, row, 3, false), OUT(&run)),
		SKEX_OK);
	check_element(run.message, run.size, row, "m", 3);
	decode(&run);
	assert_int_equal(
		skex_pairwise_read_fourth(&run.a, crypto, &run.decoded, run.plain), SKEX_OK);
	check_plain(&run);
}

static void check_rekey(
	const json_t *row, const struct party *party, const struct skex_pairwise_keys *keys)
{
	const json_t *rekey = object_of(row, "rekey");
	const uint8_t requester = (uint8_t)number_of(rekey, "requester");
	const uint32_t attempt = (uint32_t)number_of(rekey, "attempt");
	uint8_t leaf[32], na[16], nb[16];
	struct skex_pairwise_keys next;
	static struct run run;

	fixed_of(na, sizeof(na), row, "na");
	fixed_of(nb, sizeof(nb), row, "nb");
	assert_int_equal(
		skex_pairwise_rekey_leaf(crypto, keys->rs, requester, attempt, leaf), SKEX_OK);
	check_hex(leaf, sizeof(leaf), rekey, "leaf");
	assert_int_equal(
		skex_pairwise_begin(&run.a, crypto, SKEX_PAIRWISE_K1, requester, attempt, leaf),
		SKEX_OK);
	run.b = run.a;
	assert_int_equal(
		skex_pairwise_send_first(&run.a, crypto, party->ac, nb, NULL, OUT(&run)), SKEX_OK);
	check_element(run.message, run.size, rekey, "k", 0);
	decode(&run);
	assert_int_equal(
		skex_pairwise_read_first(&run.b, crypto, party->ac, &run.decoded, run.plain),
		SKEX_OK);
	assert_int_equal(skex_pairwise_send_second(&run.b, crypto, na, NULL, OUT(&run)), SKEX_OK);
	check_element(run.message, run.size, rekey, "k", 1);
	decode(&run);
	assert_int_equal(
		skex_pairwise_read_second(&run.a, crypto, &run.decoded, run.plain), SKEX_OK);
	assert_int_equal(skex_pairwise_exchange_keys(&run.a, crypto, &next, 0, NULL), SKEX_OK);
	check_hex(next.sid, sizeof(next.sid), rekey, "sid");
	check_hex(next.exp, sizeof(next.exp), rekey, "exp");
	assert_int_equal(skex_pairwise_send_third(&run.a, crypto, true, NULL, OUT(&run)), SKEX_OK);
	check_element(run.message, run.size, rekey, "k", 2);
	decode(&run);
	assert_int_equal(
		skex_pairwise_read_third(&run.b, crypto, &run.decoded, run.plain), SKEX_OK);
	assert_int_equal(skex_pairwise_send_fourth(&run.b, crypto, NULL, OUT(&run)), SKEX_OK);
	check_element(run.message, run.size, rekey, "k", 3);
}

static void check_push(const json_t *row, const struct party *party)
{
	const json_t *push = object_of(row, "push");
	struct skex_pairwise_keys keys;
	uint8_t leaf[32], na[16];
	static struct run run;

	fixed_of(leaf, sizeof(leaf), row, "leaf");
	fixed_of(na, sizeof(na), row, "na");
	bytes_of(&run.text, push, "plain");
	assert_int_equal(
		skex_pairwise_payload_decode(&run.payload, view_of(&run.text), false), SKEX_OK);
	assert_int_equal(skex_pairwise_begin(&run.a, crypto, SKEX_PAIRWISE_P1,
				 (uint8_t)number_of(row, "r"), wide_of(row, "i"), leaf),
		SKEX_OK);
	run.b = run.a;
	assert_int_equal(
		skex_pairwise_send_first(&run.a, crypto, party->ac, na, &run.payload, OUT(&run)),
		SKEX_OK);
	check_hex(run.message, run.size, push, "p1");
	decode(&run);
	assert_int_equal(
		skex_pairwise_read_first(&run.b, crypto, party->ac, &run.decoded, run.plain),
		SKEX_OK);
	check_plain(&run);
	assert_int_equal(skex_pairwise_exchange_keys(&run.b, crypto, &keys, 0, NULL), SKEX_OK);
	check_hex(keys.sid, sizeof(keys.sid), push, "sid");
	check_hex(keys.exp, sizeof(keys.exp), push, "exp");
}

static void check_recovery(const json_t *row, const struct party *party)
{
	const json_t *recovery = object_of(row, "recovery");
	const uint8_t r = (uint8_t)number_of(row, "r");
	const uint64_t claim = wide_of(row, "i");
	const uint64_t target = wide_of(recovery, "target");
	struct skex_pairwise_message message;
	uint8_t na[16], nb[16], h1[32], bytes[SKEX_PAIRWISE_RESYNC_BYTES];
	uint64_t found = 0;

	fixed_of(na, sizeof(na), row, "na");
	fixed_of(nb, sizeof(nb), row, "nb");
	assert_int_equal(skex_pairwise_r1_make(crypto, party->recovery, party->ac, r, na, claim,
				 bytes, sizeof(bytes)),
		SKEX_OK);
	check_hex(bytes, sizeof(bytes), recovery, "r1");
	assert_int_equal(skex_pairwise_decode(&message, skex_view(bytes, sizeof(bytes))), SKEX_OK);
	assert_int_equal(
		skex_pairwise_r1_open(crypto, party->recovery, party->ac, r, &message, &found),
		SKEX_OK);
	assert_int_equal(found, claim);
	assert_int_equal(crypto->sha256(crypto->context, &message.whole, 1, h1), SKEX_OK);
	assert_int_equal(skex_pairwise_r2_make(crypto, party->recovery, party->ac, r, h1, nb,
				 target, bytes, sizeof(bytes)),
		SKEX_OK);
	check_hex(bytes, sizeof(bytes), recovery, "r2");
	assert_int_equal(skex_pairwise_decode(&message, skex_view(bytes, sizeof(bytes))), SKEX_OK);
	assert_int_equal(
		skex_pairwise_r2_open(crypto, party->recovery, party->ac, r, h1, &message, &found),
		SKEX_OK);
	assert_int_equal(found, target);
}

static void check_whole(void)
{
	const json_t *row;
	size_t i;

	json_array_foreach(array_of(vectors, "whole"), i, row)
	{
		struct skex_pairwise_keys keys;
		static struct party party;

		party_of(&party, crypto, object_of(vectors, "config"), row);
		check_run(row, &party, &keys);
		check_hex(keys.sid, sizeof(keys.sid), row, "sid");
		check_hex(keys.exp, sizeof(keys.exp), row, "exp");
		check_hex(keys.rs, sizeof(keys.rs), row, "rs");
		check_exports(row, &keys);
		check_rekey(row, &party, &keys);
		check_push(row, &party);
		check_recovery(row, &party);
	}
}

static void vectors_with_libcrypto(void **state)
{
	(void)state;
	crypto = skex_crypto_openssl();
	check_leaves();
	check_whole();
}

static void vectors_with_the_small_hash(void **state)
{
	(void)state;
	crypto = skex_crypto_small();
	check_leaves();
	check_whole();
}

/* Those with which the design began: they must never change. */
static void the_vectors_of_the_design_stand(void **state)
{
	const json_t *design = object_of(vectors, "design");
	const json_t *first = json_array_get(array_of(vectors, "runs"), 0);
	const json_t *response = object_of(first, "response");
	uint8_t exp[32], key[32];

	(void)state;
	crypto = skex_crypto_openssl();
	fixed_of(exp, sizeof(exp), design, "exp");
	assert_int_equal(
		skex_pairwise_export(crypto, exp, "wireguard-psk", skex_view(NULL, 0), key, 32),
		SKEX_OK);
	check_hex(key, sizeof(key), design, "wireguard_psk");
	assert_string_equal(text_of(design, "wireguard_psk"),
		"d31b8bbbae8b351da12ca512b967d0bbfc062344cfa9c650c5051854dc48a557");
	assert_string_equal(text_of(response, "m1"),
		"110000005061a2a0a21ad259a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
		"ad01f0ec4917edbaf701c921edfa2d94");
	assert_string_equal(text_of(response, "m2"),
		"12000000c15f22b3be0b41ebb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
		"c2e1f5eb973b76fce86efab46c229683");
	assert_string_equal(text_of(response, "m3"),
		"1302000019c7436d7cf7a64f3d788ec865e1e733923118c4eaca8032");
	assert_string_equal(text_of(response, "m4"),
		"140000007d344a472147687c1417c0ab363cf072d4b1768776971609");
	assert_string_equal(text_of(design, "r1"),
		"150000083cddb53b602036d6a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
		"981e5bea1f1120bd2eb665ab0cef29140e98297b5b3c0d77");
	assert_string_equal(text_of(design, "r2"),
		"1600000882988444ee023050b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
		"631d49495cf316cfd1bf97ec728df8635f479b1e1993c6cf");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_with_libcrypto),
		cmocka_unit_test(vectors_with_the_small_hash),
		cmocka_unit_test(the_vectors_of_the_design_stand),
	};
	json_error_t error;
	int failed;

	if (argc != 2)
		return 2;
	vectors = json_load_file(argv[1], 0, &error);
	if (vectors == NULL) {
		fprintf(stderr, "%s: %s\n", argv[1], error.text);
		return 2;
	}
	failed = cmocka_run_group_tests_name("pairwise vectors", tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}
