/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/openssl.h"
#include "crypto/sha256_small.h"
#include "tests/unit/crypto/sha256_examples.h"

#define LENGTHS 260u

static void small_sha256_of_fips_180_4(void **state)
{
	(void)state;
	check_sha256_of_fips_180_4(skex_crypto_small());
}

/* Every length around the blocks, and every length of a key, as libcrypto has it. */
static void small_agrees_with_libcrypto(void **state)
{
	const struct skex_crypto *small = skex_crypto_small();
	const struct skex_crypto *other = skex_crypto_openssl();
	uint8_t data[LENGTHS];
	uint8_t mine[SKEX_HASH_BYTES], theirs[SKEX_HASH_BYTES];

	(void)state;
	for (size_t i = 0; i < LENGTHS; i++)
		data[i] = (uint8_t)(i * 167 + 13);
	for (size_t size = 0; size < LENGTHS; size++) {
		const struct skex_view all = skex_view(data, size);
		const struct skex_view rest = skex_view(data, LENGTHS - size);

		assert_int_equal(small->sha256(NULL, &all, 1, mine), SKEX_OK);
		assert_int_equal(other->sha256(NULL, &all, 1, theirs), SKEX_OK);
		assert_memory_equal(mine, theirs, sizeof(mine));
		assert_int_equal(small->hmac_sha256(NULL, all, &rest, 1, mine), SKEX_OK);
		assert_int_equal(other->hmac_sha256(NULL, all, &rest, 1, theirs), SKEX_OK);
		assert_memory_equal(mine, theirs, sizeof(mine));
	}
}

/* A key that was made ready gives what the key gives, and the states of both are the same. */
static void a_key_made_ready_is_the_key(void **state)
{
	const struct skex_crypto *const providers[] = {skex_crypto_small(), skex_crypto_openssl()};
	uint8_t key[SKEX_HASH_BYTES], data[LENGTHS];
	uint8_t mac[SKEX_HASH_BYTES], keyed[SKEX_HASH_BYTES];
	struct skex_hmac ready[2];

	(void)state;
	for (size_t i = 0; i < LENGTHS; i++)
		data[i] = (uint8_t)(i * 31 + 7);
	memcpy(key, data + 100, sizeof(key));
	for (size_t p = 0; p < 2; p++) {
		const struct skex_crypto *crypto = providers[p];

		assert_int_equal(crypto->hmac_key(NULL, key, &ready[p]), SKEX_OK);
		for (size_t size = 0; size < LENGTHS; size++) {
			const struct skex_view parts[] = {skex_view(data, size / 3),
				skex_view(NULL, 0), skex_view(data, size)};

			assert_int_equal(
				crypto->hmac_sha256(NULL, skex_view(key, 32), parts, 3, mac),
				SKEX_OK);
			assert_int_equal(
				crypto->hmac_keyed(NULL, &ready[p], parts, 3, keyed), SKEX_OK);
			assert_memory_equal(mac, keyed, sizeof(mac));
		}
	}
	assert_memory_equal(&ready[0], &ready[1], sizeof(ready[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_sha256_of_fips_180_4),
		cmocka_unit_test(small_agrees_with_libcrypto),
		cmocka_unit_test(a_key_made_ready_is_the_key),
	};

	return cmocka_run_group_tests_name("crypto_sha256_small", tests, NULL, NULL);
}
