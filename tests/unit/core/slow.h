/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_SLOW_H
#define SKEX_TESTS_UNIT_CORE_SLOW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * References that are slow, plain, and share nothing with the code under test: one bit at a time,
 * straight from the definitions.
 */

/* A reproducible sequence of bytes (splitmix64). */
static inline uint64_t slow_random(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline void slow_fill(uint64_t *seed, void *out, size_t size)
{
	uint8_t *bytes = out;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)slow_random(seed);
}

/* The product of two polynomials over GF(2), then long division by x^8 + x^4 + x^3 + x + 1. */
static inline uint8_t slow_gf256_mul(uint8_t a, uint8_t b)
{
	unsigned product = 0;

	for (unsigned i = 0; i < 8; i++) {
		for (unsigned j = 0; j < 8; j++)
			product ^= ((a >> i) & (b >> j) & 1u) << (i + j);
	}
	for (unsigned i = 14; i >= 8; i--) {
		if (product >> i & 1u)
			product ^= 0x11bu << (i - 8);
	}
	return (uint8_t)product;
}

/* By trying all; 0 when there is none. */
static inline uint8_t slow_gf256_inverse(uint8_t a)
{
	for (unsigned b = 1; b < 256; b++) {
		if (slow_gf256_mul(a, (uint8_t)b) == 1)
			return (uint8_t)b;
	}
	return 0;
}

/* f(x) by Horner's rule, f[0] the constant term. */
static inline uint8_t slow_gf256_eval(const uint8_t *f, size_t terms, uint8_t x)
{
	uint8_t y = 0;

	while (terms > 0)
		y = slow_gf256_mul(y, x) ^ f[--terms];
	return y;
}

/* Lagrange's formula as in a textbook. */
static inline uint8_t slow_gf256_lagrange(
	const uint8_t *x, const uint8_t *y, size_t count, uint8_t at)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < count; i++) {
		uint8_t term = y[i];

		for (size_t j = 0; j < count; j++) {
			if (j == i)
				continue;
			term = slow_gf256_mul(term, at ^ x[j]);
			term = slow_gf256_mul(term, slow_gf256_inverse(x[i] ^ x[j]));
		}
		sum ^= term;
	}
	return sum;
}

static inline unsigned slow_bit(const uint8_t a[16], unsigned i)
{
	return a[i / 8] >> (i % 8) & 1u;
}

/* RFC 8452 section 3: the product modulo x^128 + x^127 + x^126 + x^121 + 1. */
static inline void slow_polyval_mul(uint8_t out[16], const uint8_t a[16], const uint8_t b[16])
{
	static const unsigned low_terms[] = {127, 126, 121, 0};
	uint8_t product[32] = {0};

	for (unsigned i = 0; i < 128; i++) {
		for (unsigned j = 0; j < 128; j++) {
			if (slow_bit(a, i) & slow_bit(b, j))
				product[(i + j) / 8] ^= (uint8_t)(1u << ((i + j) % 8));
		}
	}
	for (unsigned i = 255; i >= 128; i--) {
		if ((product[i / 8] >> (i % 8) & 1u) == 0)
			continue;
		product[i / 8] ^= (uint8_t)(1u << (i % 8));
		for (unsigned t = 0; t < 4; t++) {
			unsigned to = i - 128 + low_terms[t];

			product[to / 8] ^= (uint8_t)(1u << (to % 8));
		}
	}
	memcpy(out, product, 16);
}

/* dot(a, b) = a * b * x^-128, where x^-128 = x^127 + x^124 + x^121 + x^114 + 1. */
static inline void slow_dot(uint8_t out[16], const uint8_t a[16], const uint8_t b[16])
{
	static const uint8_t inverse[16] = {
		0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x04, 0x92};
	uint8_t product[16];

	slow_polyval_mul(product, a, b);
	slow_polyval_mul(out, product, inverse);
}

static inline void slow_polyval(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < 16; j++)
			acc[j] ^= blocks[16 * i + j];
		slow_dot(acc, acc, key);
	}
}

/* Bytes of a text of hex digits; the text is right and even. */
static inline size_t slow_hex(uint8_t *out, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t size = strlen(text) / 2;

	for (size_t i = 0; i < size; i++) {
		const char *high = strchr(digits, text[2 * i]);
		const char *low = strchr(digits, text[2 * i + 1]);

		out[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return size;
}

#endif
