/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/math/arm.h"

#if defined(SKEX_PMULL)

#include <arm_neon.h>

/*
 * POLYVAL with carryless multiplication, as polyval_x86.c does it: many blocks at a time are
 * multiplied by as many powers of the key, with one reduction for all of them.  PMULL takes the low
 * halves of two registers and PMULL2 the high ones, so a power is kept a second time with its
 * halves exchanged.
 */
#define PMULL SKEX_PMULL_TARGET static inline __attribute__((always_inline))

#define POWERS 8u

/* From here on the powers pay for themselves. */
#define LONG_BLOCKS 24u

/* A product of 256 bits, the middle not yet added: value = low + middle x^64 + high x^128. */
struct product {
	uint8x16_t low, middle, high;
};

struct factor {
	uint8x16_t plain, exchanged;
};

PMULL uint8x16_t exchange(uint8x16_t a)
{
	return vextq_u8(a, a, 8);
}

PMULL uint8x16_t mul_low(uint8x16_t a, uint8x16_t b)
{
	return vreinterpretq_u8_p128(vmull_p64(vgetq_lane_p64(vreinterpretq_p64_u8(a), 0),
		vgetq_lane_p64(vreinterpretq_p64_u8(b), 0)));
}

PMULL uint8x16_t mul_high(uint8x16_t a, uint8x16_t b)
{
	return vreinterpretq_u8_p128(
		vmull_high_p64(vreinterpretq_p64_u8(a), vreinterpretq_p64_u8(b)));
}

PMULL struct factor make_factor(uint8x16_t a)
{
	struct factor factor = {a, exchange(a)};

	return factor;
}

PMULL struct product nothing(void)
{
	struct product product = {vdupq_n_u8(0), vdupq_n_u8(0), vdupq_n_u8(0)};

	return product;
}

PMULL void add_product(struct product *sum, uint8x16_t a, const struct factor *b)
{
	sum->low = veorq_u8(sum->low, mul_low(a, b->plain));
	sum->high = veorq_u8(sum->high, mul_high(a, b->plain));
	sum->middle = veorq_u8(sum->middle, mul_low(a, b->exchanged));
	sum->middle = veorq_u8(sum->middle, mul_high(a, b->exchanged));
}

/* The product times x^-128: twice, the low 64 bits are cleared by adding them times the polynomial,
 * of which 1 and x^128 are moves and x^121 + x^126 + x^127 is the constant. */
PMULL uint8x16_t reduce(const struct product *product)
{
	const uint8x16_t zero = vdupq_n_u8(0);
	const uint8x16_t polynomial =
		vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0xc200000000000000)));
	uint8x16_t low = veorq_u8(product->low, vextq_u8(zero, product->middle, 8));
	uint8x16_t high = veorq_u8(product->high, vextq_u8(product->middle, zero, 8));
	int i;

	for (i = 0; i < 2; i++)
		low = veorq_u8(exchange(low), mul_low(low, polynomial));
	return veorq_u8(high, low);
}

PMULL uint8x16_t dot(uint8x16_t a, const struct factor *b)
{
	struct product product = nothing();

	add_product(&product, a, b);
	return reduce(&product);
}

/* Block number i in the order of the hash. */
PMULL uint8x16_t load_block(const uint8_t *blocks, size_t count, size_t i, bool back)
{
	return vld1q_u8(blocks + 16 * (back ? count - 1 - i : i));
}

/* back: from the last block to the first. */
PMULL void polyval(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count, bool back)
{
	SKEX_UNSET struct factor power[POWERS]; /* key^8 .. key^1 */
	uint8x16_t sum = vld1q_u8(acc);
	size_t done = 0;
	size_t i;

	power[POWERS - 1] = make_factor(vld1q_u8(key));
	if (count >= LONG_BLOCKS) {
		for (i = POWERS - 1; i-- > 0;)
			power[i] = make_factor(dot(power[i + 1].plain, &power[POWERS - 1]));
		for (; count - done >= POWERS; done += POWERS) {
			struct product product = nothing();

			/* The first block last: the others need not wait for the sum. */
			for (i = POWERS; i-- > 1;)
				add_product(&product, load_block(blocks, count, done + i, back),
					&power[i]);
			sum = veorq_u8(sum, load_block(blocks, count, done, back));
			add_product(&product, sum, &power[0]);
			sum = reduce(&product);
		}
	}
	for (; done < count; done++) {
		sum = veorq_u8(sum, load_block(blocks, count, done, back));
		sum = dot(sum, &power[POWERS - 1]);
	}
	vst1q_u8(acc, sum);
	skex_wipe(power, sizeof(power));
}

SKEX_PMULL_TARGET
void skex_polyval_pmull(uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	polyval(acc, key, blocks, count, false);
}

SKEX_PMULL_TARGET
void skex_polyval_reverse_pmull(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	polyval(acc, key, blocks, count, true);
}

#endif
