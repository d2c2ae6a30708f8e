/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_MATH_MATH_H
#define SKEX_CORE_MATH_MATH_H

#include <stddef.h>
#include <stdint.h>

/*
 * The field arithmetic, reached through a table so that one program holds the portable and the
 * vector variants, and tests can hold them against each other.
 *
 * Every variant is constant time in its data: no branch and no table index depends on a secret
 * byte.  The coefficients are public (they are Lagrange coefficients of hub indices) and may steer
 * the code.
 */
#define SKEX_MATH_ROWS_MAX 16

struct skex_math {
	const char *name;

	/*
	 * out[i] ^= coefficient * in[i] in GF(2^8) with the polynomial x^8+x^4+x^3+x+1 (0x11B,
	 * FIPS 197), for size bytes.  out and in do not overlap.  Any alignment, any size.
	 */
	void (*gf256_mul_add)(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size);

	/*
	 * The product of a matrix with vectors over the same field, in one pass over the data: for
	 * each j < outs
	 *
	 *     out[j] = add[j] XOR (sum over i < ins of coefficients[j * ins + i] * in[i])
	 *
	 * over size bytes; add[j] may be NULL, for zeros, or out[j] itself.  Nothing else overlaps.
	 * outs and ins are at most SKEX_MATH_ROWS_MAX.  Any alignment, any size.
	 */
	void (*gf256_rows)(uint8_t *const *out, const uint8_t *const *add, size_t outs,
		const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size);

	/*
	 * POLYVAL of RFC 8452: for each of count 16-byte blocks X, acc = dot(acc XOR X, key).
	 * With acc all zero at first this is POLYVAL(key, X_1 .. X_count).
	 */
	void (*polyval)(
		uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);

	/* The same over the blocks in reverse order: the last block first. */
	void (*polyval_reverse)(
		uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);
};

/* Runs on every machine and is always right: the reference for the others. */
extern const struct skex_math skex_math_portable;

/*
 * Features of the processor that a variant may need; found by the platform, never by the core.
 * A bit that is not set is never used.
 */
enum skex_cpu_feature {
	SKEX_CPU_SSSE3 = 1 << 0,
	SKEX_CPU_AVX2 = 1 << 1,
	SKEX_CPU_GFNI = 1 << 2,
	SKEX_CPU_AVX512 = 1 << 3, /* F, BW and VL */
	SKEX_CPU_PCLMUL = 1 << 4,
	SKEX_CPU_VPCLMUL = 1 << 5,
	SKEX_CPU_NEON = 1 << 6,  /* of 64-bit ARM */
	SKEX_CPU_PMULL = 1 << 7, /* of 64-bit ARM, on 64-bit polynomials */
};

/* The fastest variant that these features allow; never NULL. */
const struct skex_math *skex_math_select(uint32_t features);

/* Single-element public arithmetic in GF(2^8): not constant time, for coefficients only. */
uint8_t skex_gf256_mul_public(uint8_t a, uint8_t b);
/* The inverse; a is not 0. */
uint8_t skex_gf256_inverse_public(uint8_t a);

#endif
