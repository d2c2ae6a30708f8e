/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_BENCH_KERNELS_BOUNDS_H
#define SKEX_BENCH_KERNELS_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/math/math.h"

/*
 * What a kernel cannot be faster than: the same bytes read and written with nothing computed, and
 * the multiplications alone, of values that are in registers.
 */

/* Reads ins vectors of size bytes and writes outs, each of them the XOR of all that was read. */
void bound_memory(
	uint8_t *const *out, size_t outs, const uint8_t *const *in, size_t ins, size_t size);

/* The shuffles for as many products of size bytes; false if math does not multiply by them. */
bool bound_shuffles(const struct skex_math *math, size_t products, size_t size);

/* The carryless multiplications for a hash of size bytes; false if it is not made of them. */
bool bound_clmul(const struct skex_math *math, size_t size);

#endif
