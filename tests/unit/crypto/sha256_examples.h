/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CRYPTO_SHA256_EXAMPLES_H
#define SKEX_TESTS_UNIT_CRYPTO_SHA256_EXAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/auth/crypto.h"

/* Hexadecimal text; the size is half of its length, without blanks. */
static inline size_t unhex(uint8_t *out, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t nibbles = 0;

	for (; *text != '\0'; text++) {
		const char *digit = strchr(digits, *text);

		if (*text == ' ')
			continue;
		assert_non_null(digit);
		if (nibbles % 2 == 0)
			out[nibbles / 2] = 0;
		out[nibbles / 2] = (uint8_t)(out[nibbles / 2] << 4 | (digit - digits));
		nibbles++;
	}
	assert_int_equal(nibbles % 2, 0);
	return nibbles / 2;
}

static inline void assert_hex(const uint8_t *data, const char *text)
{
	uint8_t expected[1024];
	const size_t size = unhex(expected, text);

	assert_memory_equal(data, expected, size);
}

/* FIPS 180-4: the examples that NIST publishes with it. */
static inline void check_sha256_of_fips_180_4(const struct skex_crypto *crypto)
{
	static const struct {
		const char *text;
		const char *hash;
	} rows[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
		 "klmnopqrlmnopqrsmnopqrstnopqrstu",
			"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	};
	uint8_t hash[SKEX_HASH_BYTES];
	uint8_t *million = malloc(1000000);
	struct skex_view view = skex_view(million, 1000000);

	assert_non_null(million);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct skex_view whole = skex_view(rows[i].text, strlen(rows[i].text));

		assert_int_equal(crypto->sha256(NULL, &whole, 1, hash), SKEX_OK);
		assert_hex(hash, rows[i].hash);
		/* In two parts, cut everywhere. */
		for (size_t cut = 0; cut <= whole.size; cut++) {
			const struct skex_view parts[] = {skex_view(whole.data, cut),
				skex_view(NULL, 0), skex_view(whole.data + cut, whole.size - cut)};

			assert_int_equal(crypto->sha256(NULL, parts, 3, hash), SKEX_OK);
			assert_hex(hash, rows[i].hash);
		}
	}
	memset(million, 'a', 1000000);
	assert_int_equal(crypto->sha256(NULL, &view, 1, hash), SKEX_OK);
	assert_hex(hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	assert_int_equal(crypto->sha256(NULL, NULL, 0, hash), SKEX_OK);
	assert_hex(hash, rows[0].hash);
	free(million);
}

#endif
