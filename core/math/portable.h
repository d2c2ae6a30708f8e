/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_MATH_PORTABLE_H
#define SKEX_CORE_MATH_PORTABLE_H

#include <stdbool.h>

#include "core/math/math.h"

/* What every machine can do; the variants fall back on these.  Contracts as in struct skex_math. */
void skex_gf256_mul_add_portable(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size);
void skex_gf256_rows_portable(uint8_t *const *out, const uint8_t *const *add, size_t outs,
	const uint8_t *coefficients, const uint8_t *const *in, size_t ins, size_t size);
void skex_polyval_portable(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);
void skex_polyval_reverse_portable(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);

/* The rows by a mul_add of a variant, a strip after the other. */
void skex_gf256_rows_by(
	void (*mul_add)(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size),
	uint8_t *const *out, const uint8_t *const *add, size_t outs, const uint8_t *coefficients,
	const uint8_t *const *in, size_t ins, size_t size);

/* Of one row the bytes from `from` up to `to`. */
void skex_gf256_row_by(
	void (*mul_add)(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size),
	uint8_t *out, const uint8_t *add, const uint8_t *coefficients, const uint8_t *const *in,
	size_t ins, size_t from, size_t to);

#endif
