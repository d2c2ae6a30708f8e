/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_MATH_ARM_H
#define SKEX_CORE_MATH_ARM_H

#include "core/math/math.h"

/* Little-endian only: elsewhere the lanes of a register lie in another order than bytes in memory.
 */
#if defined(__aarch64__) && defined(__AARCH64EL__)
#define SKEX_NEON
/* An old LLVM knows the carryless multiplication only when all of a file is compiled for it. */
#if !defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_AES)
#define SKEX_PMULL
#endif
#endif

#if defined(SKEX_NEON)

/* Variants for 64-bit ARM. */

/* Contracts as in struct skex_math. */
void skex_gf256_mul_add_neon(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size);
void skex_gf256_rows_neon(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size);

#endif

#if defined(SKEX_PMULL)

/* The instruction that these need is named here, so that one file builds with any flags. */
#if defined(__clang__)
#define SKEX_PMULL_TARGET __attribute__((target("crypto")))
#else
#define SKEX_PMULL_TARGET __attribute__((target("+crypto")))
#endif

/* Contracts as in struct skex_math. */
void skex_polyval_pmull(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);
void skex_polyval_reverse_pmull(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);

#endif

#endif
