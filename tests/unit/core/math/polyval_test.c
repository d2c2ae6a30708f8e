/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "core/math/math.h"
#include "tests/unit/core/slow.h"

#define BLOCKS_MAX 40u

struct vector {
	const char *key;
	const char *blocks;
	const char *result;
};

/* The slow reference must give the published numbers before it may judge anything. */
static const struct vector rfc8452[] = {
	/* Appendix A */
	{"25629347589242761d31f826ba4b757b",
		"4f4f95668c83dfb6401762bb2d01a262d1a24ddd2721d006bbe45f20d3c9f362",
		"f7a3b47b846119fae5b7866cf5e5b77e"},
	/* Appendix C.1, the POLYVAL inputs and results of the first five messages */
	{"d9b360279694941ac5dbc6987ada7377", "00000000000000000000000000000000",
		"00000000000000000000000000000000"},
	{"d9b360279694941ac5dbc6987ada7377",
		"01000000000000000000000000000000"
		"00000000000000004000000000000000",
		"eb93b7740962c5e49d2a90a7dc5cec74"},
	{"d9b360279694941ac5dbc6987ada7377",
		"01000000000000000000000000000000"
		"00000000000000006000000000000000",
		"48eb6c6c5a2dbe4a1dde508fee06361b"},
	{"d9b360279694941ac5dbc6987ada7377",
		"01000000000000000000000000000000"
		"00000000000000008000000000000000",
		"20806c26e3c1de019e111255708031d6"},
	{"d9b360279694941ac5dbc6987ada7377",
		"01000000000000000000000000000000"
		"02000000000000000000000000000000"
		"00000000000000000001000000000000",
		"ce6edc9a50b36d9a98986bbf6a261c3b"},
};

static void published_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rfc8452) / sizeof(rfc8452[0]); i++) {
		uint8_t key[16], blocks[64], expected[16];
		uint8_t acc[16] = {0};
		size_t size = slow_hex(blocks, rfc8452[i].blocks);

		slow_hex(key, rfc8452[i].key);
		slow_hex(expected, rfc8452[i].result);
		slow_polyval(acc, key, blocks, size / 16);
		assert_memory_equal(acc, expected, 16);
		memset(acc, 0, sizeof(acc));
		skex_math_portable.polyval(acc, key, blocks, size / 16);
		assert_memory_equal(acc, expected, 16);
	}
}

/* RFC 8452 section 7: a product, and the same with x^-128. */
static void published_products_agree_with_the_reference(void **state)
{
	uint8_t a[16], b[16], expected[16], product[16];
	uint8_t acc[16] = {0};

	(void)state;
	slow_hex(a, "66e94bd4ef8a2c3b884cfa59ca342b2e");
	slow_hex(b, "ff000000000000000000000000000000");
	slow_hex(expected, "37856175e9dc9df26ebc6d6171aa0ae9");
	slow_polyval_mul(product, a, b);
	assert_memory_equal(product, expected, 16);
	slow_hex(expected, "ebe563401e7e91ea3ad6426b8140c394");
	slow_dot(product, a, b);
	assert_memory_equal(product, expected, 16);
	skex_math_portable.polyval(acc, a, b, 1);
	assert_memory_equal(acc, expected, 16);
}

/* Each of 128 x 128 products of single bits, so that no column of the multiplication is untried. */
static void every_pair_of_bits(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 128; i++) {
		for (unsigned j = 0; j < 128; j++) {
			uint8_t a[16] = {0}, b[16] = {0}, expected[16];
			uint8_t acc[16] = {0};

			a[i / 8] = (uint8_t)(1u << (i % 8));
			b[j / 8] = (uint8_t)(1u << (j % 8));
			slow_dot(expected, a, b);
			skex_math_portable.polyval(acc, a, b, 1);
			assert_memory_equal(acc, expected, 16);
		}
	}
}

/* All bits set: the most that can meet in a column. */
static void the_densest_product(void **state)
{
	uint8_t ones[16], expected[16];
	uint8_t acc[16] = {0};

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	slow_dot(expected, ones, ones);
	skex_math_portable.polyval(acc, ones, ones, 1);
	assert_memory_equal(acc, expected, 16);
}

static void random_messages_agree_with_the_reference(void **state)
{
	uint64_t seed = 8452;

	(void)state;
	for (size_t count = 0; count < BLOCKS_MAX; count++) {
		uint8_t key[16], blocks[16 * BLOCKS_MAX], backwards[16 * BLOCKS_MAX];
		uint8_t start[16], expected[16], acc[16];

		slow_fill(&seed, key, 16);
		slow_fill(&seed, start, 16);
		slow_fill(&seed, blocks, sizeof(blocks));
		memcpy(expected, start, 16);
		slow_polyval(expected, key, blocks, count);
		memcpy(acc, start, 16);
		skex_math_portable.polyval(acc, key, blocks, count);
		assert_memory_equal(acc, expected, 16);

		for (size_t i = 0; i < count; i++)
			memcpy(backwards + 16 * i, blocks + 16 * (count - 1 - i), 16);
		memcpy(acc, start, 16);
		skex_math_portable.polyval_reverse(acc, key, backwards, count);
		assert_memory_equal(acc, expected, 16);
	}
}

static void aes_block(const uint8_t key[32], const uint8_t in[16], uint8_t out[16])
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int size = 0;

	assert_non_null(context);
	assert_int_equal(EVP_EncryptInit_ex(context, EVP_aes_256_ecb(), NULL, key, NULL), 1);
	EVP_CIPHER_CTX_set_padding(context, 0);
	assert_int_equal(EVP_EncryptUpdate(context, out, &size, in, 16), 1);
	assert_int_equal(size, 16);
	EVP_CIPHER_CTX_free(context);
}

/* GHASH(H, blocks || u64 bits || u64 0) with H = AES(key, 0), taken out of an AES-GCM tag. */
static void openssl_ghash(
	const uint8_t key[32], const uint8_t *blocks, size_t count, uint8_t out[16])
{
	uint8_t counter[16] = {0}, mask[16];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int size = 0;

	counter[15] = 1;
	aes_block(key, counter, mask);
	assert_non_null(context);
	/* The nonce is the first 12 bytes of the counter block: zero. */
	assert_int_equal(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, counter), 1);
	assert_int_equal(EVP_EncryptUpdate(context, NULL, &size, blocks, (int)(16 * count)), 1);
	assert_int_equal(EVP_EncryptFinal_ex(context, out, &size), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, out), 1);
	EVP_CIPHER_CTX_free(context);
	for (size_t i = 0; i < 16; i++)
		out[i] ^= mask[i];
}

static void reverse_bytes(uint8_t out[16], const uint8_t in[16])
{
	for (size_t i = 0; i < 16; i++)
		out[i] = in[15 - i];
}

/* Undoes mulX_GHASH of RFC 8452 Appendix A. */
static void divide_by_x_ghash(uint8_t a[16])
{
	unsigned carry = a[0] >> 7;

	if (carry)
		a[0] ^= 0xe1;
	for (size_t i = 0; i < 15; i++)
		a[i] = (uint8_t)(a[i] << 1 | a[i + 1] >> 7);
	a[15] = (uint8_t)((unsigned)a[15] << 1 | carry);
}

/*
 * RFC 8452 Appendix A: POLYVAL(H, X_1, ...) =
 * ByteReverse(GHASH(mulX_GHASH(ByteReverse(H)), ByteReverse(X_1), ...)).
 */
static void openssl_ghash_agrees(void **state)
{
	uint64_t seed = 38;

	(void)state;
	for (size_t count = 1; count < BLOCKS_MAX; count++) {
		uint8_t key[32], zero[16] = {0}, hash_key[16], turned[16], ghash[16];
		uint8_t blocks[16 * BLOCKS_MAX], polyval_blocks[16 * (BLOCKS_MAX + 1)];
		uint8_t lengths[16] = {0}, acc[16] = {0}, expected[16];

		slow_fill(&seed, key, sizeof(key));
		slow_fill(&seed, blocks, sizeof(blocks));
		openssl_ghash(key, blocks, count, ghash);
		reverse_bytes(expected, ghash);

		aes_block(key, zero, hash_key);
		divide_by_x_ghash(hash_key);
		reverse_bytes(turned, hash_key);
		for (size_t i = 0; i < count; i++)
			reverse_bytes(polyval_blocks + 16 * i, blocks + 16 * i);
		lengths[6] = (uint8_t)(count * 128 >> 8);
		lengths[7] = (uint8_t)(count * 128);
		reverse_bytes(polyval_blocks + 16 * count, lengths);
		skex_math_portable.polyval(acc, turned, polyval_blocks, count + 1);
		assert_memory_equal(acc, expected, 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(published_products_agree_with_the_reference),
		cmocka_unit_test(every_pair_of_bits),
		cmocka_unit_test(the_densest_product),
		cmocka_unit_test(random_messages_agree_with_the_reference),
		cmocka_unit_test(openssl_ghash_agrees),
	};

	return cmocka_run_group_tests_name("core/math/polyval", tests, NULL, NULL);
}
