/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_MATH_PORTABLE_H
#define SKEX_CORE_MATH_PORTABLE_H

#include <stdbool.h>

#include "core/math/math.h"

/* What every machine can do; the variants fall back on these.  Contracts as in struct skex_math. */
void skex_gf256_mul_add_portable(uint8_t *out, const uint8_t *in, uint8_t coefficient, size_t size);
void skex_polyval_portable(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);
void skex_polyval_reverse_portable(
	uint8_t acc[16], const uint8_t key[16], const uint8_t *blocks, size_t count);

#endif
