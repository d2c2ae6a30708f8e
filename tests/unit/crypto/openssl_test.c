/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base/mem.h"
#include "crypto/openssl.h"
#include "tests/unit/crypto/sha256_examples.h"

#define THREADS 8u
#define BIG     ((size_t)1 << 20)

static const struct skex_crypto *crypto(void)
{
	return skex_crypto_openssl();
}

static const uint8_t some_key[32] = {9};

static void sha256_of_fips_180_4(void **state)
{
	(void)state;
	check_sha256_of_fips_180_4(crypto());
}

static void hmac_of_rfc_4231(void **state)
{
	static const struct {
		const char *key;
		const char *data;
		size_t size; /* of the part that is published */
		const char *mac;
	} rows[] = {
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265", 32,
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f", 32,
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
			"dddddddddddddddddddddddddddd",
			32, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{"0102030405060708090a0b0c0d0e0f10111213141516171819",
			"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
			"cdcdcdcdcdcdcdcdcdcdcdcdcdcd",
			32, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
		{"0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
			"546573742057697468205472756e636174696f6e", 16,
			"a3b6167473100ee06e0c796c2955552b"},
	};
	static const char *const long_keys[][2] = {
		{"Test Using Larger Than Block-Size Key - Hash Key First",
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{"This is a test using a larger than block-size key and a larger than block-size "
		 "data. The key needs to be hashed before being used by the HMAC algorithm.",
			"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
	};
	uint8_t key[131];
	uint8_t data[256];
	uint8_t mac[SKEX_HASH_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t key_size = unhex(key, rows[i].key);
		const struct skex_view view = skex_view(data, unhex(data, rows[i].data));

		assert_int_equal(
			crypto()->hmac_sha256(NULL, skex_view(key, key_size), &view, 1, mac),
			SKEX_OK);
		assert_int_equal(strlen(rows[i].mac), 2 * rows[i].size);
		assert_hex(mac, rows[i].mac);
	}
	memset(key, 0xaa, sizeof(key));
	for (size_t i = 0; i < 2; i++) {
		const struct skex_view view = skex_view(long_keys[i][0], strlen(long_keys[i][0]));

		assert_int_equal(
			crypto()->hmac_sha256(NULL, skex_view(key, 131), &view, 1, mac), SKEX_OK);
		assert_hex(mac, long_keys[i][1]);
	}
}

struct aead_row {
	enum skex_aead aead;
	const char *key;
	const char *nonce;
	const char *associated;
	const char *plain;
	const char *sealed;
	const char *tag;
};

/* Test cases 13 to 16 of the specification of GCM that SP 800-38D rests on; RFC 8439, 2.8.2. */
static const struct aead_row aead_rows[] = {
	{SKEX_AEAD_AES_256_GCM, "0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{SKEX_AEAD_AES_256_GCM, "0000000000000000000000000000000000000000000000000000000000000000",
		"000000000000000000000000", "", "00000000000000000000000000000000",
		"cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
	{SKEX_AEAD_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"cafebabefacedbaddecaf888", "",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953"
		"2fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3d"
		"a7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
		"b094dac5d93471bdec1a502270e3cc6c"},
	{SKEX_AEAD_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		"cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595680953"
		"2fcf0e2449a6b525b16aedf5aa0de657ba637b39",
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3d"
		"a7b08b1056828838c5f61e6393ba7a0abcc9f662",
		"76fc6ece0f4e1768cddf8853bb2d551b"},
	{SKEX_AEAD_CHACHA20_POLY1305,
		"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
		"070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
		"4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f6620273939"
		"3a204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220"
		"746865206675747572652c2073756e73637265656e20776f756c642062652069742e",
		"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca96712"
		"82fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58"
		"fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116",
		"1ae10b594f09e26a7e902ecbd0600691"},
};

#define AEAD_ROWS (sizeof(aead_rows) / sizeof(aead_rows[0]))

struct aead_case {
	uint8_t key[32];
	uint8_t nonce[12];
	uint8_t associated[64];
	uint8_t plain[256];
	uint8_t sealed[256];
	uint8_t tag[16];
	size_t associated_size;
	size_t size;
};

static struct aead_case load(const struct aead_row *row)
{
	struct aead_case loaded;

	memset(&loaded, 0, sizeof(loaded));
	assert_int_equal(unhex(loaded.key, row->key), 32);
	assert_int_equal(unhex(loaded.nonce, row->nonce), 12);
	loaded.associated_size = unhex(loaded.associated, row->associated);
	loaded.size = unhex(loaded.plain, row->plain);
	assert_int_equal(unhex(loaded.sealed, row->sealed), loaded.size);
	assert_int_equal(unhex(loaded.tag, row->tag), 16);
	return loaded;
}

static enum skex_error open_case(
	const struct aead_row *row, const struct aead_case *loaded, uint8_t *out)
{
	return crypto()->aead_open(NULL, row->aead, loaded->key, loaded->nonce,
		skex_view(loaded->associated, loaded->associated_size),
		skex_view(loaded->sealed, loaded->size), loaded->tag, out);
}

static void aead_of_the_specifications(void **state)
{
	(void)state;
	for (size_t i = 0; i < AEAD_ROWS; i++) {
		const struct aead_case loaded = load(&aead_rows[i]);
		uint8_t out[256];
		uint8_t tag[16];

		assert_int_equal(
			crypto()->aead_seal(NULL, aead_rows[i].aead, loaded.key, loaded.nonce,
				skex_view(loaded.associated, loaded.associated_size),
				skex_view(loaded.plain, loaded.size), out, tag),
			SKEX_OK);
		assert_memory_equal(out, loaded.sealed, loaded.size);
		assert_memory_equal(tag, loaded.tag, 16);
		assert_int_equal(open_case(&aead_rows[i], &loaded, out), SKEX_OK);
		assert_memory_equal(out, loaded.plain, loaded.size);
		/* In place. */
		memcpy(out, loaded.plain, loaded.size);
		assert_int_equal(
			crypto()->aead_seal(NULL, aead_rows[i].aead, loaded.key, loaded.nonce,
				skex_view(loaded.associated, loaded.associated_size),
				skex_view(out, loaded.size), out, tag),
			SKEX_OK);
		assert_memory_equal(out, loaded.sealed, loaded.size);
	}
}

/* One bit of anything, and nothing of the plain text is left in out. */
static void aead_refuses_every_changed_bit(void **state)
{
	(void)state;
	for (size_t i = 0; i < AEAD_ROWS; i++) {
		const struct aead_case good = load(&aead_rows[i]);
		struct aead_case bad;
		uint8_t *const fields[] = {bad.key, bad.nonce, bad.associated, bad.sealed, bad.tag};
		const size_t sizes[] = {32, 12, good.associated_size, good.size, 16};

		for (size_t field = 0; field < 5; field++) {
			for (size_t bit = 0; bit < 8 * sizes[field]; bit++) {
				uint8_t out[256];

				bad = good;
				fields[field][bit / 8] ^= (uint8_t)(1u << bit % 8);
				memset(out, 0xa5, sizeof(out));
				assert_int_equal(open_case(&aead_rows[i], &bad, out), SKEX_E_AUTH);
				assert_true(skex_ct_is_zero(out, good.size));
				assert_int_equal(out[good.size], 0xa5);
			}
		}
		/* And after a refusal the contexts are as good as before. */
		assert_int_equal(open_case(&aead_rows[i], &good, bad.plain), SKEX_OK);
	}
}

static void aead_of_a_megabyte(void **state)
{
	static const enum skex_aead aeads[] = {SKEX_AEAD_AES_256_GCM, SKEX_AEAD_CHACHA20_POLY1305};
	static const uint8_t key[32] = {1};
	static const uint8_t nonce[12] = {2};
	uint8_t *plain = malloc(BIG);
	uint8_t *data = malloc(BIG);
	uint8_t tag[16];

	(void)state;
	assert_non_null(plain);
	assert_non_null(data);
	assert_int_equal(crypto()->stream(NULL, key, plain, BIG), SKEX_OK);
	memcpy(data, plain, BIG);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(crypto()->aead_seal(NULL, aeads[i], key, nonce, skex_view(NULL, 0),
					 skex_view(data, BIG), data, tag),
			SKEX_OK);
		assert_memory_not_equal(data, plain, BIG);
		assert_int_equal(crypto()->aead_open(NULL, aeads[i], key, nonce, skex_view(NULL, 0),
					 skex_view(data, BIG), tag, data),
			SKEX_OK);
		assert_memory_equal(data, plain, BIG);
	}
	free(plain);
	free(data);
}

/* Message after message under one key made ready: the tag that aead_seal gives without text. */
static void gmac_is_the_aead_without_text(void **state)
{
	uint8_t message[300];
	uint8_t nonce[12] = {0};
	uint8_t key[32];
	uint8_t expected[16];
	uint8_t tag[16];
	uint8_t round;
	size_t size;

	(void)state;
	assert_int_equal(crypto()->stream(NULL, some_key, message, sizeof(message)), SKEX_OK);
	for (round = 0; round < 2; round++) {
		struct skex_gmac *gmac = NULL;

		memset(key, 1 + round, sizeof(key));
		assert_int_equal(crypto()->gmac_new(NULL, key, &gmac), SKEX_OK);
		for (size = 0; size <= sizeof(message); size++) {
			const struct skex_view about = skex_view(message, size);

			nonce[0] = (uint8_t)(size / 2); /* the same one twice, too */
			assert_int_equal(crypto()->aead_seal(NULL, SKEX_AEAD_AES_256_GCM, key,
						 nonce, about, skex_view(NULL, 0), tag, expected),
				SKEX_OK);
			memset(tag, 0, sizeof(tag));
			assert_int_equal(crypto()->gmac(gmac, nonce, about, tag), SKEX_OK);
			assert_memory_equal(tag, expected, sizeof(tag));
		}
		/* What is refused changes nothing. */
		assert_int_equal(crypto()->gmac(gmac, nonce, skex_view(message, SIZE_MAX), tag),
			SKEX_E_ARGUMENT);
		assert_memory_equal(tag, expected, sizeof(tag));
		crypto()->gmac_free(gmac);
	}
	crypto()->gmac_free(NULL);
}

static void arguments_out_of_range(void **state)
{
	static const uint8_t zero[32];
	const struct skex_view huge = skex_view(zero, ((size_t)1 << 30) + 1);
	const struct skex_view none = skex_view(NULL, 0);
	uint8_t out[16];
	uint8_t tag[16];

	(void)state;
	assert_int_equal(
		crypto()->aead_seal(NULL, (enum skex_aead)3, zero, zero, none, none, out, tag),
		SKEX_E_ARGUMENT);
	assert_int_equal(
		crypto()->aead_open(NULL, (enum skex_aead)0, zero, zero, none, none, tag, out),
		SKEX_E_ARGUMENT);
	assert_int_equal(
		crypto()->aead_seal(NULL, SKEX_AEAD_AES_256_GCM, zero, zero, none, huge, out, tag),
		SKEX_E_ARGUMENT);
	assert_int_equal(
		crypto()->aead_open(NULL, SKEX_AEAD_AES_256_GCM, zero, zero, huge, none, tag, out),
		SKEX_E_ARGUMENT);
	assert_int_equal(crypto()->stream(NULL, zero, out, huge.size), SKEX_E_ARGUMENT);
}

/*
 * SP 800-38A counter mode from a zero block: blocks 0, 1 and 2 under the zero key are published, as
 * GCM's hash key, as the tag of nothing and as its first sealed block; so is block 0 under the key
 * of the cases 15 and 16.
 */
static void stream_of_sp_800_38a(void **state)
{
	static const uint8_t zero[32];
	uint8_t key[32];
	uint8_t out[48];

	(void)state;
	assert_int_equal(crypto()->stream(NULL, zero, out, sizeof(out)), SKEX_OK);
	assert_hex(out,
		"dc95c078a2408989ad48a21492842087 530f8afbc74536b9a963b4f1c4cb738b "
		"cea7403d4d606b6e074ec5d3baf39d18");
	assert_int_equal(unhex(key, aead_rows[3].key), 32);
	assert_int_equal(crypto()->stream(NULL, key, out, 16), SKEX_OK);
	assert_hex(out, "acbef20579b4b8ebce889bac8732dad7");
}

/* Far beyond one byte of counter: GCM with a zero nonce goes through the same blocks from 2 on. */
static void stream_is_counter_mode_throughout(void **state)
{
	static const uint8_t nonce[12];
	static const uint8_t key[32] = {7, 7, 7};
	uint8_t *stream = malloc(BIG + 32);
	uint8_t *zeros = calloc(1, BIG);
	uint8_t tag[16];

	(void)state;
	assert_non_null(stream);
	assert_non_null(zeros);
	assert_int_equal(crypto()->stream(NULL, key, stream, BIG + 32), SKEX_OK);
	assert_int_equal(crypto()->aead_seal(NULL, SKEX_AEAD_AES_256_GCM, key, nonce,
				 skex_view(NULL, 0), skex_view(zeros, BIG), zeros, tag),
		SKEX_OK);
	assert_memory_equal(stream + 32, zeros, BIG);
	for (size_t size = 0; size < 100; size++) {
		uint8_t piece[100];

		memset(piece, 0xa5, sizeof(piece));
		assert_int_equal(crypto()->stream(NULL, key, piece, size), SKEX_OK);
		assert_memory_equal(piece, stream, size);
		assert_int_equal(piece[size], 0xa5);
	}
	free(stream);
	free(zeros);
}

static void *all_of_it(void *failed)
{
	static const uint8_t key[32] = {3};
	static const uint8_t nonce[12] = {4};
	uint8_t first[32];
	uint8_t again[32];
	bool *bad = failed;

	for (unsigned i = 0; i < 3000; i++) {
		uint8_t data[100];
		uint8_t tag[16];
		const struct skex_view view = skex_view(data, sizeof(data));
		const struct skex_view hash = skex_view(first, sizeof(first));

		if (crypto()->stream(NULL, key, data, sizeof(data)) != SKEX_OK ||
			crypto()->sha256(NULL, &view, 1, first) != SKEX_OK ||
			crypto()->hmac_sha256(NULL, hash, &view, 1, first) != SKEX_OK ||
			crypto()->aead_seal(NULL, 1 + i % 2, key, nonce, hash, view, data, tag) !=
				SKEX_OK ||
			crypto()->aead_open(NULL, 1 + i % 2, key, nonce, hash, view, tag, data) !=
				SKEX_OK ||
			crypto()->sha256(NULL, &view, 1, again) != SKEX_OK ||
			crypto()->hmac_sha256(NULL, skex_view(again, 32), &view, 1, again) !=
				SKEX_OK ||
			!skex_ct_equal(first, again, sizeof(first)))
			*bad = true;
	}
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	pthread_t threads[THREADS];
	bool failed[THREADS] = {false};

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, all_of_it, &failed[i]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_false(failed[i]);
	}
}

/* Parts are gathered and padded by us: libcrypto, of the whole at once, is right. */
static void hashes_of_parts_are_those_of_the_whole(void **state)
{
	static const size_t firsts[] = {0, 1, 31, 55, 56, 63, 64, 65, 255, 256, 300};
	uint8_t data[700], key[SKEX_HASH_BYTES], made[SKEX_HASH_BYTES], whole[SKEX_HASH_BYTES];
	struct skex_hmac ready;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 89 + 3);
	memcpy(key, data + 7, sizeof(key));
	assert_int_equal(crypto()->hmac_key(NULL, key, &ready), SKEX_OK);
	for (size_t f = 0; f < sizeof(firsts) / sizeof(firsts[0]); f++) {
		for (size_t size = firsts[f]; size <= sizeof(data); size++) {
			const size_t rest = size - firsts[f];
			const struct skex_view parts[] = {skex_view(data, firsts[f]),
				skex_view(data + firsts[f], rest / 2),
				skex_view(data + firsts[f] + rest / 2, rest - rest / 2)};

			assert_int_equal(
				EVP_Digest(data, size, whole, NULL, EVP_sha256(), NULL), 1);
			assert_int_equal(crypto()->sha256(NULL, parts, 3, made), SKEX_OK);
			assert_memory_equal(made, whole, sizeof(made));
			assert_non_null(
				HMAC(EVP_sha256(), key, sizeof(key), data, size, whole, NULL));
			assert_int_equal(
				crypto()->hmac_keyed(NULL, &ready, parts, 3, made), SKEX_OK);
			assert_memory_equal(made, whole, sizeof(made));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_of_parts_are_those_of_the_whole),
		cmocka_unit_test(sha256_of_fips_180_4),
		cmocka_unit_test(hmac_of_rfc_4231),
		cmocka_unit_test(aead_of_the_specifications),
		cmocka_unit_test(aead_refuses_every_changed_bit),
		cmocka_unit_test(aead_of_a_megabyte),
		cmocka_unit_test(gmac_is_the_aead_without_text),
		cmocka_unit_test(arguments_out_of_range),
		cmocka_unit_test(stream_of_sp_800_38a),
		cmocka_unit_test(stream_is_counter_mode_throughout),
		cmocka_unit_test(threads_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests_name("crypto_openssl", tests, NULL, NULL);
}
