/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_MATH_X86_H
#define SKEX_CORE_MATH_X86_H

#include "core/math/math.h"

#if defined(__x86_64__)

/*
 * Variants for x86-64.  Each function names the instructions that it needs (SKEX_TARGET), so that
 * one file builds with any flags, and is called only when the processor has them.
 */
#define SKEX_TARGET(instructions) __attribute__((target(instructions)))

/* Contracts as in struct skex_math. */
void skex_gf256_mul_add_ssse3(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size);
void skex_gf256_mul_add_avx2(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size);
void skex_gf256_mul_add_gfni(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size);
void skex_gf256_mul_add_gfni512(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size);
void skex_gf256_rows_ssse3(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size);
void skex_gf256_rows_avx2(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size);
void skex_gf256_rows_gfni(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size);
void skex_gf256_rows_gfni512(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size);
void skex_polyval_pclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);
void skex_polyval_reverse_pclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);
void skex_polyval_vpclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);
void skex_polyval_reverse_vpclmul(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);

#endif

#endif
