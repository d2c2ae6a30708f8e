/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/math/arm.h"
#include "core/math/portable.h"

#if defined(SKEX_NEON)

#include <arm_neon.h>

/*
 * The product of a byte is the sum of those of its two halves, each found by TBL in a register of
 * 16 products.  TBL takes the same time for every index.
 */
struct tables {
	uint8x16_t low;  /* coefficient * 0x00 .. 0x0f */
	uint8x16_t high; /* coefficient * 0x00 .. 0xf0 */
};

/*
 * A column of every vector is read once, and the sums of up to four rows stay in registers: sixteen
 * of 32, with eight for the halves of what is read.
 */
#define GROUP   4u
#define VECTORS 4u
#define COLUMN  (16u * VECTORS)

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 4")
#endif

INLINE uint8x16_t four_bits(uint8_t *power)
{
	static const uint8_t count[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	const uint8x16_t index = vld1q_u8(count);
	uint8x16_t sum = vdupq_n_u8(0);
	unsigned value;
	unsigned bit;

	/* Multiplication is linear: the products of 1, 2, 4 and 8 make all of them. */
	for (bit = 1; bit <= 8; bit <<= 1) {
		uint8x16_t set = vtstq_u8(index, vdupq_n_u8((uint8_t)bit));

		sum = veorq_u8(sum, vandq_u8(set, vdupq_n_u8(*power)));
		value = *power;
		*power = (uint8_t)((value << 1) ^ (0x1bu & (0u - (value >> 7))));
	}
	return sum;
}

static struct tables make_tables(uint8_t coefficient)
{
	struct tables tables;
	uint8_t power = coefficient;

	tables.low = four_bits(&power);
	tables.high = four_bits(&power);
	return tables;
}

INLINE uint8x16_t product(const struct tables *tables, uint8x16_t low, uint8x16_t high)
{
	return veorq_u8(vqtbl1q_u8(tables->low, low), vqtbl1q_u8(tables->high, high));
}

void skex_gf256_mul_add_neon(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size)
{
	const uint8x16_t nibble = vdupq_n_u8(0x0f);

	if (size >= 16) {
		const struct tables tables = make_tables(coefficient);

		for (; size >= 16; size -= 16) {
			uint8x16_t a = vld1q_u8(in);
			uint8x16_t sum = product(&tables, vandq_u8(a, nibble), vshrq_n_u8(a, 4));

			vst1q_u8(out, veorq_u8(vld1q_u8(out), sum));
			out += 16;
			in += 16;
		}
	}
	skex_gf256_mul_add_portable(out, in, coefficient, size);
}

/* tables[i * outs + j] is that of coefficient i of row j. */
INLINE void group(uint8_t *const *out, const uint8_t *const *add, unsigned outs,
	const struct tables *tables, const uint8_t *const *in, size_t ins, size_t size)
{
	const uint8x16_t nibble = vdupq_n_u8(0x0f);
	size_t done;

	for (done = 0; size - done >= COLUMN; done += COLUMN) {
		uint8x16_t sum[GROUP][VECTORS];
		const struct tables *table = tables;
		unsigned j;
		unsigned v;
		size_t i;

		UNROLL
		for (j = 0; j < outs; j++) {
			UNROLL
			for (v = 0; v < VECTORS; v++)
				sum[j][v] = add[j] == NULL ? vdupq_n_u8(0)
							   : vld1q_u8(add[j] + done + 16 * v);
		}
		for (i = 0; i < ins; i++) {
			uint8x16_t low[VECTORS];
			uint8x16_t high[VECTORS];

			UNROLL
			for (v = 0; v < VECTORS; v++) {
				uint8x16_t a = vld1q_u8(in[i] + done + 16 * v);

				low[v] = vandq_u8(a, nibble);
				high[v] = vshrq_n_u8(a, 4);
			}
			UNROLL
			for (j = 0; j < outs; j++, table++) {
				UNROLL
				for (v = 0; v < VECTORS; v++)
					sum[j][v] = veorq_u8(
						sum[j][v], product(table, low[v], high[v]));
			}
		}
		UNROLL
		for (j = 0; j < outs; j++) {
			UNROLL
			for (v = 0; v < VECTORS; v++)
				vst1q_u8(out[j] + done + 16 * v, sum[j][v]);
		}
	}
}

void skex_gf256_rows_neon(uint8_t *const *out, const uint8_t *const *add, size_t outs,
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
			group(out + first, add + first, 1, tables, in, ins, columns);
		else if (count == 2)
			group(out + first, add + first, 2, tables, in, ins, columns);
		else if (count == 3)
			group(out + first, add + first, 3, tables, in, ins, columns);
		else
			group(out + first, add + first, 4, tables, in, ins, columns);
		for (j = first; j < first + count; j++)
			skex_gf256_row_by(skex_gf256_mul_add_neon, out[j], add[j],
				coefficients + j * ins, in, ins, columns, size);
	}
}

#endif
