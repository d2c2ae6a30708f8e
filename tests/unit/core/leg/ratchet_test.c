/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/leg/ratchet.h"
#include "crypto/openssl.h"

#define LEG     UINT64_C(0x0102030405060708)
#define SEGMENT SKEX_RATCHET_SEGMENT_BYTES

static const uint8_t seed[32] = {1, 2, 3};

static struct skex_ratchet make(uint64_t leg, uint8_t direction, uint32_t generation)
{
	struct skex_ratchet ratchet;

	assert_int_equal(skex_ratchet_init(
				 &ratchet, skex_crypto_openssl(), seed, leg, direction, generation),
		SKEX_OK);
	assert_true(ratchet.segment == 0);
	return ratchet;
}

static enum skex_error read_at(
	const struct skex_ratchet *ratchet, uint64_t offset, uint8_t *out, size_t size)
{
	const struct skex_ratchet before = *ratchet;
	const enum skex_error error =
		skex_ratchet_read(ratchet, skex_crypto_openssl(), offset, out, size);

	assert_memory_equal(ratchet, &before, sizeof(before));
	return error;
}

/* Four segments, as the definition says, out of the provider's primitives. */
static void by_definition(uint8_t pad[static 4 * SEGMENT])
{
	static const uint8_t context[] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0, 9};
	const struct skex_crypto *crypto = skex_crypto_openssl();
	uint8_t key[32];
	uint8_t out[32];

	assert_int_equal(
		skex_kdf(crypto, seed, "pad", skex_view(context, sizeof(context)), key, 32),
		SKEX_OK);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(
			skex_kdf(crypto, key, "out", skex_view(NULL, 0), out, 32), SKEX_OK);
		assert_int_equal(crypto->stream(NULL, out, pad + i * SEGMENT, SEGMENT), SKEX_OK);
		assert_int_equal(
			skex_kdf(crypto, key, "next", skex_view(NULL, 0), out, 32), SKEX_OK);
		memcpy(key, out, 32);
	}
}

static void bytes_are_those_of_the_definition(void **state)
{
	const struct skex_ratchet ratchet = make(LEG, 1, 9);
	static uint8_t expected[4 * SEGMENT];
	static uint8_t pad[4 * SEGMENT];

	(void)state;
	by_definition(expected);
	assert_int_equal(read_at(&ratchet, 0, pad, sizeof(pad)), SKEX_OK);
	assert_memory_equal(pad, expected, sizeof(pad));
}

static void any_piece_is_the_same(void **state)
{
	static const uint64_t offsets[] = {0, 1, 16, 1008, 1023, 1024, 1025, 2047, 2048, 3072};
	static const size_t sizes[] = {0, 1, 15, 16, 17, 1023, 1024};
	const struct skex_ratchet ratchet = make(LEG, 1, 9);
	static uint8_t expected[4 * SEGMENT + SEGMENT];

	(void)state;
	by_definition(expected);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++) {
			uint8_t piece[SEGMENT + 1];

			if (offsets[i] + sizes[j] > 4 * SEGMENT)
				continue;
			memset(piece, 0xa5, sizeof(piece));
			assert_int_equal(read_at(&ratchet, offsets[i], piece, sizes[j]), SKEX_OK);
			assert_memory_equal(piece, expected + offsets[i], sizes[j]);
			assert_int_equal(piece[sizes[j]], 0xa5);
		}
	}
}

static void after_forget_the_rest_is_the_same(void **state)
{
	const struct skex_ratchet whole = make(LEG, 0, 0);
	struct skex_ratchet ratchet = whole;
	static const uint64_t forgotten[] = {0, 1023, 1024, 1025, 3000, 3071, 3072, 10240, 10241};

	(void)state;
	for (size_t i = 0; i < sizeof(forgotten) / sizeof(forgotten[0]); i++) {
		const uint64_t at = forgotten[i];
		uint8_t before[3000];
		uint8_t after[3000];

		assert_int_equal(read_at(&whole, at, before, sizeof(before)), SKEX_OK);
		assert_int_equal(skex_ratchet_forget(&ratchet, skex_crypto_openssl(), at), SKEX_OK);
		assert_true(ratchet.segment == at / SEGMENT);
		assert_int_equal(read_at(&ratchet, at, after, sizeof(after)), SKEX_OK);
		assert_memory_equal(before, after, sizeof(before));
	}
}

static void what_was_forgotten_cannot_be_read(void **state)
{
	struct skex_ratchet ratchet = make(LEG, 0, 0);
	struct skex_ratchet before;
	uint8_t out[16] = {0};

	(void)state;
	assert_int_equal(
		skex_ratchet_forget(&ratchet, skex_crypto_openssl(), 5 * SEGMENT + 7), SKEX_OK);
	before = ratchet;
	assert_int_equal(read_at(&ratchet, 5 * SEGMENT, out, 16), SKEX_OK);
	memset(out, 0xa5, sizeof(out));
	assert_int_equal(read_at(&ratchet, 5 * SEGMENT - 1, out, 16), SKEX_E_REPLAY);
	assert_int_equal(read_at(&ratchet, 0, out, 16), SKEX_E_REPLAY);
	assert_int_equal(out[0], 0xa5);
	assert_int_equal(skex_ratchet_forget(&ratchet, skex_crypto_openssl(), 5 * SEGMENT - 1),
		SKEX_E_REPLAY);
	assert_memory_equal(&ratchet, &before, sizeof(before));
}

static void jumps_are_bounded(void **state)
{
	struct skex_ratchet ratchet = make(LEG, 0, 0);
	const struct skex_ratchet before = ratchet;
	const uint64_t most = SKEX_RATCHET_JUMP_MAX * SEGMENT;
	uint8_t out[16];
	uint8_t again[16];

	(void)state;
	memset(out, 0xa5, sizeof(out));
	assert_int_equal(read_at(&ratchet, most + SEGMENT, out, 16), SKEX_E_QUOTA);
	assert_int_equal(read_at(&ratchet, UINT64_MAX, out, 16), SKEX_E_QUOTA);
	assert_int_equal(out[0], 0xa5);
	assert_int_equal(
		skex_ratchet_forget(&ratchet, skex_crypto_openssl(), most + SEGMENT), SKEX_E_QUOTA);
	assert_memory_equal(&ratchet, &before, sizeof(before));

	assert_int_equal(read_at(&ratchet, most + 1008, out, 16), SKEX_OK);
	assert_int_equal(
		skex_ratchet_forget(&ratchet, skex_crypto_openssl(), most + 1008), SKEX_OK);
	assert_true(ratchet.segment == SKEX_RATCHET_JUMP_MAX);
	assert_int_equal(read_at(&ratchet, most + 1008, again, 16), SKEX_OK);
	assert_memory_equal(out, again, sizeof(out));
	/* And from there as far again. */
	assert_int_equal(read_at(&ratchet, 2 * most + SEGMENT, out, 16), SKEX_E_QUOTA);
}

static void other_legs_directions_and_generations_differ(void **state)
{
	const struct skex_ratchet ratchets[] = {
		make(LEG, 0, 0), make(LEG, 1, 0), make(LEG, 0, 1), make(LEG + 1, 0, 0)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < i; j++) {
			uint8_t a[32];
			uint8_t b[32];

			assert_int_equal(read_at(&ratchets[i], 0, a, 32), SKEX_OK);
			assert_int_equal(read_at(&ratchets[j], 0, b, 32), SKEX_OK);
			assert_memory_not_equal(a, b, 32);
		}
	}
}

static unsigned streams_left;

static enum skex_error failing_stream(
	void *context, const uint8_t key[SKEX_AEAD_KEY_BYTES], uint8_t *out, size_t size)
{
	if (streams_left-- == 0)
		return SKEX_E_CRYPTO;
	return skex_crypto_openssl()->stream(context, key, out, size);
}

static void a_failing_provider_leaves_no_pad(void **state)
{
	const struct skex_ratchet ratchet = make(LEG, 0, 0);
	struct skex_crypto broken = *skex_crypto_openssl();
	uint8_t out[3 * SEGMENT];

	(void)state;
	broken.stream = failing_stream;
	for (unsigned good = 0; good < 3; good++) {
		memset(out, 0, sizeof(out));
		streams_left = good;
		assert_int_equal(
			skex_ratchet_read(&ratchet, &broken, 0, out, sizeof(out)), SKEX_E_CRYPTO);
		assert_true(skex_ct_is_zero(out, sizeof(out)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_those_of_the_definition),
		cmocka_unit_test(any_piece_is_the_same),
		cmocka_unit_test(after_forget_the_rest_is_the_same),
		cmocka_unit_test(what_was_forgotten_cannot_be_read),
		cmocka_unit_test(jumps_are_bounded),
		cmocka_unit_test(other_legs_directions_and_generations_differ),
		cmocka_unit_test(a_failing_provider_leaves_no_pad),
	};

	return cmocka_run_group_tests_name("leg_ratchet", tests, NULL, NULL);
}
