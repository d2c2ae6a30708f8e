/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/mem.h"
#include "core/math/portable.h"

/*
 * Eight field elements in one 64-bit word, a handful of words at a time: a loop of fixed length
 * that compilers turn into vector instructions where there are any.
 */
#define WORDS 8u
#define CHUNK (WORDS * 8u)

#define LOW_BITS  UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Multiplies eight elements by x. */
static inline uint64_t times_x(uint64_t a)
{
	uint64_t carry = a & HIGH_BITS;

	/* 0x80 - 0x01 = 0x7f covers 0x1b, the low part of the polynomial. */
	return ((a ^ carry) << 1) ^ ((carry - (carry >> 7)) & (LOW_BITS * 0x1b));
}

static void mul_add_chunk(uint8_t *out, const uint8_t *in, unsigned coefficient)
{
	uint64_t power[WORDS]; /* in, in * x, in * x^2, ... */
	uint64_t sum[WORDS];
	size_t i;

	memcpy(power, in, CHUNK);
	memcpy(sum, out, CHUNK);
	for (;;) {
		if (coefficient & 1) {
			for (i = 0; i < WORDS; i++)
				sum[i] ^= power[i];
		}
		coefficient >>= 1;
		if (coefficient == 0)
			break;
		for (i = 0; i < WORDS; i++)
			power[i] = times_x(power[i]);
	}
	memcpy(out, sum, CHUNK);
}

static void mul_add_word(uint8_t *out, const uint8_t *in, unsigned coefficient, size_t size)
{
	uint64_t power = 0;
	uint64_t sum = 0;

	memcpy(&power, in, size);
	for (; coefficient != 0; coefficient >>= 1) {
		sum ^= power & (0 - (uint64_t)(coefficient & 1));
		power = times_x(power);
	}
	memcpy(&power, out, size);
	sum ^= power;
	memcpy(out, &sum, size);
}

void skex_gf256_mul_add_portable(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size)
{
	if (coefficient == 0)
		return;
	for (; size >= CHUNK; size -= CHUNK) {
		mul_add_chunk(out, in, coefficient);
		out += CHUNK;
		in += CHUNK;
	}
	for (; size >= 8; size -= 8) {
		mul_add_word(out, in, coefficient, 8);
		out += 8;
		in += 8;
	}
	if (size > 0)
		mul_add_word(out, in, coefficient, size);
}

uint8_t skex_gf256_mul_public(uint8_t a, uint8_t b)
{
	unsigned power = a;
	unsigned sum = 0;
	unsigned bits;

	for (bits = b; bits != 0; bits >>= 1) {
		sum ^= power & (0u - (bits & 1u));
		power = (power << 1) ^ (0x11bu & (0u - (power >> 7)));
	}
	return (uint8_t)sum;
}

uint8_t skex_gf256_inverse_public(uint8_t a)
{
	/* a^255 = 1, so the inverse is a^254 = a^(2 + 4 + ... + 128). */
	uint8_t power = a;
	uint8_t product = 1;
	int i;

	for (i = 1; i < 8; i++) {
		power = skex_gf256_mul_public(power, power);
		product = skex_gf256_mul_public(product, power);
	}
	return product;
}
