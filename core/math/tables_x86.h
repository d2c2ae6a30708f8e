/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_MATH_TABLES_X86_H
#define SKEX_CORE_MATH_TABLES_X86_H

#include "core/math/intrinsics_x86.h"
#include "core/math/x86.h"

#if defined(__x86_64__)

/*
 * SSSE3 and AVX2: the product of a byte is the sum of those of its two halves, each found by a
 * shuffle in a register of 16 products.  A shuffle takes the same time for every index.
 */
struct tables {
	__m128i low;  /* coefficient * 0x00 .. 0x0f */
	__m128i high; /* coefficient * 0x00 .. 0xf0 */
};

SKEX_TARGET("ssse3") static inline __m128i four_bits(uint8_t *power)
{
	const __m128i index = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	__m128i sum = _mm_setzero_si128();
	unsigned value;
	int bit;

	/* Multiplication is linear: the products of 1, 2, 4 and 8 make all of them. */
	for (bit = 1; bit <= 8; bit <<= 1) {
		__m128i set = _mm_cmpeq_epi8(
			_mm_and_si128(index, _mm_set1_epi8((char)bit)), _mm_set1_epi8((char)bit));

		sum = _mm_xor_si128(sum, _mm_and_si128(set, _mm_set1_epi8((char)*power)));
		value = *power;
		*power = (uint8_t)((value << 1) ^ (0x1bu & (0u - (value >> 7))));
	}
	return sum;
}

SKEX_TARGET("ssse3") static inline struct tables make_tables(uint8_t coefficient)
{
	struct tables tables;
	uint8_t power = coefficient;

	tables.low = four_bits(&power);
	tables.high = four_bits(&power);
	return tables;
}

#endif

#endif
