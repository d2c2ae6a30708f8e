/* SPDX-License-Identifier: Apache-2.0 */
#include "core/math/intrinsics_x86.h"
#include "core/math/portable.h"
#include "core/math/tables_x86.h"
#include "core/math/x86.h"

#if defined(__x86_64__)

SKEX_TARGET("ssse3")
void skex_gf256_mul_add_ssse3(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size)
{
	const __m128i nibble = _mm_set1_epi8(0x0f);
	struct tables tables;

	if (size >= 16) {
		tables = make_tables(coefficient);
		for (; size >= 16; size -= 16) {
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)in);
			__m128i sum = _mm_loadu_si128((const __m128i *)(const void *)out);
			__m128i low = _mm_and_si128(a, nibble);
			__m128i high = _mm_and_si128(_mm_srli_epi16(a, 4), nibble);

			sum = _mm_xor_si128(sum, _mm_shuffle_epi8(tables.low, low));
			sum = _mm_xor_si128(sum, _mm_shuffle_epi8(tables.high, high));
			_mm_storeu_si128((__m128i *)(void *)out, sum);
			out += 16;
			in += 16;
		}
	}
	skex_gf256_mul_add_portable(out, in, coefficient, size);
}

SKEX_TARGET("avx2")
void skex_gf256_mul_add_avx2(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size)
{
	const __m256i nibble = _mm256_set1_epi8(0x0f);
	struct tables tables;
	__m256i low_table;
	__m256i high_table;

	if (size >= 32) {
		tables = make_tables(coefficient);
		low_table = _mm256_broadcastsi128_si256(tables.low);
		high_table = _mm256_broadcastsi128_si256(tables.high);
		for (; size >= 32; size -= 32) {
			__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)in);
			__m256i sum = _mm256_loadu_si256((const __m256i *)(const void *)out);
			__m256i low = _mm256_and_si256(a, nibble);
			__m256i high = _mm256_and_si256(_mm256_srli_epi16(a, 4), nibble);

			sum = _mm256_xor_si256(sum, _mm256_shuffle_epi8(low_table, low));
			sum = _mm256_xor_si256(sum, _mm256_shuffle_epi8(high_table, high));
			_mm256_storeu_si256((__m256i *)(void *)out, sum);
			out += 32;
			in += 32;
		}
	}
	skex_gf256_mul_add_ssse3(out, in, coefficient, size);
}

/* GFNI: the processor multiplies in this very field. */
SKEX_TARGET("gfni,avx2")
void skex_gf256_mul_add_gfni(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size)
{
	const __m256i c = _mm256_set1_epi8((char)coefficient);

	for (; size >= 32; size -= 32) {
		__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)in);
		__m256i sum = _mm256_loadu_si256((const __m256i *)(const void *)out);

		sum = _mm256_xor_si256(sum, _mm256_gf2p8mul_epi8(a, c));
		_mm256_storeu_si256((__m256i *)(void *)out, sum);
		out += 32;
		in += 32;
	}
	if (size >= 16) {
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)in);
		__m128i sum = _mm_loadu_si128((const __m128i *)(const void *)out);

		sum = _mm_xor_si128(sum, _mm_gf2p8mul_epi8(a, _mm256_castsi256_si128(c)));
		_mm_storeu_si128((__m128i *)(void *)out, sum);
		out += 16;
		in += 16;
		size -= 16;
	}
	skex_gf256_mul_add_portable(out, in, coefficient, size);
}

SKEX_TARGET("gfni,avx512f,avx512bw,avx512vl")
void skex_gf256_mul_add_gfni512(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size)
{
	const __m512i c = _mm512_set1_epi8((char)coefficient);

	for (; size >= 64; size -= 64) {
		__m512i a = _mm512_loadu_si512(in);
		__m512i sum = _mm512_loadu_si512(out);

		sum = _mm512_xor_si512(sum, _mm512_gf2p8mul_epi8(a, c));
		_mm512_storeu_si512(out, sum);
		out += 64;
		in += 64;
	}
	if (size > 0) {
		/* Bytes outside of the mask are neither read nor written. */
		__mmask64 mask = (UINT64_C(1) << size) - 1;
		__m512i a = _mm512_maskz_loadu_epi8(mask, in);
		__m512i sum = _mm512_maskz_loadu_epi8(mask, out);

		sum = _mm512_xor_si512(sum, _mm512_gf2p8mul_epi8(a, c));
		_mm512_mask_storeu_epi8(out, mask, sum);
	}
}

#endif
