/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/math/intrinsics_x86.h"
#include "core/math/portable.h"
#include "core/math/x86.h"

#if defined(__x86_64__)

/*
 * POLYVAL with carryless multiplication.  Long messages go eight blocks at a time, against the
 * first eight powers of the key, with one reduction for all eight (Gueron and Kounavis, "Intel
 * carry-less multiplication instruction and its usage for computing the GCM mode").
 */
#define PCLMUL SKEX_TARGET("pclmul,ssse3") static inline

#define POWERS 8u

/* From here on the powers pay for themselves. */
#define LONG_BLOCKS 24u

/* A product of 256 bits, the middle not yet added: value = low + middle x^64 + high x^128. */
struct product {
	__m128i low, middle, high;
};

PCLMUL void add_product(struct product *sum, __m128i a, __m128i b)
{
	__m128i cross =
		_mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x10), _mm_clmulepi64_si128(a, b, 0x01));

	sum->low = _mm_xor_si128(sum->low, _mm_clmulepi64_si128(a, b, 0x00));
	sum->high = _mm_xor_si128(sum->high, _mm_clmulepi64_si128(a, b, 0x11));
	sum->middle = _mm_xor_si128(sum->middle, cross);
}

/* The product times x^-128: twice, the low 64 bits are cleared by adding them times the polynomial,
 * of which 1 and x^128 are moves and x^121 + x^126 + x^127 is the constant. */
PCLMUL __m128i reduce(const struct product *product)
{
	const __m128i polynomial = _mm_set_epi64x(0, (long long)UINT64_C(0xc200000000000000));
	__m128i low = _mm_xor_si128(product->low, _mm_slli_si128(product->middle, 8));
	__m128i high = _mm_xor_si128(product->high, _mm_srli_si128(product->middle, 8));
	int i;

	for (i = 0; i < 2; i++) {
		__m128i added = _mm_clmulepi64_si128(low, polynomial, 0x00);

		low = _mm_xor_si128(_mm_shuffle_epi32(low, 0x4e), added);
	}
	return _mm_xor_si128(high, low);
}

PCLMUL __m128i dot(__m128i a, __m128i b)
{
	struct product product = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};

	add_product(&product, a, b);
	return reduce(&product);
}

PCLMUL __m128i load(const uint8_t *from)
{
	return _mm_loadu_si128((const __m128i *)(const void *)from);
}

/* Block number i in the order of the hash. */
PCLMUL __m128i load_block(const uint8_t *blocks, size_t count, size_t i, bool back)
{
	return load(blocks + 16 * (back ? count - 1 - i : i));
}

/* back: from the last block to the first. */
PCLMUL void polyval(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count, bool back)
{
	__m128i power[POWERS]; /* key^8 .. key^1 */
	__m128i sum = load(acc);
	size_t done = 0;
	size_t i;

	power[POWERS - 1] = load(key);
	if (count >= LONG_BLOCKS) {
		for (i = POWERS - 1; i-- > 0;)
			power[i] = dot(power[i + 1], power[POWERS - 1]);
		for (; count - done >= POWERS; done += POWERS) {
			struct product product = {
				_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128()};

			sum = _mm_xor_si128(sum, load_block(blocks, count, done, back));
			add_product(&product, sum, power[0]);
			for (i = 1; i < POWERS; i++)
				add_product(&product, load_block(blocks, count, done + i, back),
					power[i]);
			sum = reduce(&product);
		}
	}
	for (; done < count; done++) {
		sum = _mm_xor_si128(sum, load_block(blocks, count, done, back));
		sum = dot(sum, power[POWERS - 1]);
	}
	_mm_storeu_si128((__m128i *)(void *)acc, sum);
	skex_wipe(power, sizeof(power));
}

SKEX_TARGET("pclmul,ssse3")
void skex_polyval_pclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	polyval(acc, key, blocks, count, false);
}

SKEX_TARGET("pclmul,ssse3")
void skex_polyval_reverse_pclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	polyval(acc, key, blocks, count, true);
}

#endif
