/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/math/intrinsics_x86.h"
#include "core/math/portable.h"
#include "core/math/tables_x86.h"
#include "core/math/x86.h"

#if defined(__x86_64__)

/*
 * With GFNI a product takes one instruction and needs no tables: it goes over a strip in the first
 * cache, by a function whose object can be read (constant_time_objects).
 *
 * With AVX2, rows in one pass: a column of 64 bytes of every vector is read once, and up to four
 * sums of products stay in registers.  More rows are made four at a time.
 */
#define GROUP  4u
#define COLUMN 64u

#define ROWS SKEX_TARGET("avx2") static inline __attribute__((always_inline))

void skex_gf256_rows_ssse3(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size)
{
	skex_gf256_rows_by(skex_gf256_mul_add_ssse3, out, add, outs, coefficients, in, ins, size);
}

void skex_gf256_rows_gfni(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size)
{
	skex_gf256_rows_by(skex_gf256_mul_add_gfni, out, add, outs, coefficients, in, ins, size);
}

void skex_gf256_rows_gfni512(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size)
{
	skex_gf256_rows_by(skex_gf256_mul_add_gfni512, out, add, outs, coefficients, in, ins, size);
}

/* The sums are in registers only if the compiler writes each of them out. */
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 4")
#endif

/* The bytes after the last whole column. */
static void rest(uint8_t *out, const uint8_t *add, const uint8_t *coefficients,
	const uint8_t *const *in, size_t ins, size_t done, size_t size)
{
	size_t i;

	if (done == size)
		return;
	if (add == NULL)
		memset(out + done, 0, size - done);
	else if (add != out)
		memcpy(out + done, add + done, size - done);
	for (i = 0; i < ins; i++)
		skex_gf256_mul_add_avx2(out + done, in[i] + done, coefficients[i], size - done);
}

ROWS __m256i load(const uint8_t *from)
{
	return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

ROWS void store(uint8_t *to, __m256i a)
{
	_mm256_storeu_si256((__m256i *)(void *)to, a);
}

/* tables[i * outs + j] is that of coefficient i of row j. */
ROWS void group_avx2(uint8_t *const *out, const uint8_t *const *add, unsigned outs,
	const struct tables *tables, const uint8_t *const *in, size_t ins, size_t size)
{
	const __m256i nibble = _mm256_set1_epi8(0x0f);
	size_t done;

	for (done = 0; size - done >= COLUMN; done += COLUMN) {
		__m256i sum[GROUP][2];
		const struct tables *table = tables;
		unsigned j;
		size_t i;

		UNROLL
		for (j = 0; j < outs; j++) {
			sum[j][0] = add[j] == NULL ? _mm256_setzero_si256() : load(add[j] + done);
			sum[j][1] =
				add[j] == NULL ? _mm256_setzero_si256() : load(add[j] + done + 32);
		}
		for (i = 0; i < ins; i++) {
			__m256i a = load(in[i] + done);
			__m256i b = load(in[i] + done + 32);
			__m256i a_high = _mm256_and_si256(_mm256_srli_epi16(a, 4), nibble);
			__m256i b_high = _mm256_and_si256(_mm256_srli_epi16(b, 4), nibble);

			a = _mm256_and_si256(a, nibble);
			b = _mm256_and_si256(b, nibble);
			UNROLL
			for (j = 0; j < outs; j++, table++) {
				__m256i low = _mm256_broadcastsi128_si256(table->low);
				__m256i high = _mm256_broadcastsi128_si256(table->high);

				sum[j][0] =
					_mm256_xor_si256(sum[j][0], _mm256_shuffle_epi8(low, a));
				sum[j][1] =
					_mm256_xor_si256(sum[j][1], _mm256_shuffle_epi8(low, b));
				sum[j][0] = _mm256_xor_si256(
					sum[j][0], _mm256_shuffle_epi8(high, a_high));
				sum[j][1] = _mm256_xor_si256(
					sum[j][1], _mm256_shuffle_epi8(high, b_high));
			}
		}
		UNROLL
		for (j = 0; j < outs; j++) {
			store(out[j] + done, sum[j][0]);
			store(out[j] + done + 32, sum[j][1]);
		}
	}
}

SKEX_TARGET("avx2")
void skex_gf256_rows_avx2(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size)
{
	SKEX_UNSET struct tables tables[SKEX_MATH_ROWS_MAX * GROUP];
	const size_t columns = size / COLUMN * COLUMN;
	size_t first;

	for (first = 0; first < outs; first += GROUP) {
		size_t count = outs - first < GROUP ? outs - first : GROUP;
		size_t i;
		size_t j;

		for (i = 0; columns > 0 && i < ins; i++) {
			for (j = 0; j < count; j++)
				tables[i * count + j] =
					make_tables(coefficients[(first + j) * ins + i]);
		}
		if (count == 1)
			group_avx2(out + first, add + first, 1, tables, in, ins, columns);
		else if (count == 2)
			group_avx2(out + first, add + first, 2, tables, in, ins, columns);
		else if (count == 3)
			group_avx2(out + first, add + first, 3, tables, in, ins, columns);
		else
			group_avx2(out + first, add + first, 4, tables, in, ins, columns);
		for (j = first; j < first + count; j++)
			rest(out[j], add[j], coefficients + j * ins, in, ins, columns, size);
	}
}

#endif
