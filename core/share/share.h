/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_SHARE_SHARE_H
#define SKEX_CORE_SHARE_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/math/math.h"

/*
 * Shamir's sharing over GF(2^8), bytewise ("How to share a secret", 1979).  The vector is f(0); the
 * share of the hub with index x is f(x); f has degree below k.  Index 0 is the vector itself and is
 * never a share.
 */
#define SKEX_HUBS_MAX 16 /* n: 2 <= k <= n <= 16 */

/* The Lagrange coefficients that give f(at) from f(x[0]) .. f(x[k-1]); SKEX_E_ARGUMENT when an
 * index repeats or k is 0 or above SKEX_HUBS_MAX.  An x equal to at is allowed. */
SKEX_MUST_USE enum skex_error skex_share_coefficients(
	uint8_t *coefficients, const uint8_t *x, size_t k, uint8_t at);

/* out = f(at) over size bytes, from the k values y[i] = f(x[i]).  out does not overlap any y. */
SKEX_MUST_USE enum skex_error skex_share_interpolate(const struct skex_math *math, uint8_t *out,
	uint8_t at, const uint8_t *x, const uint8_t *const *y, size_t k, size_t size);

/*
 * True when y_at is f(at) for the polynomial through the k points, over size bytes.  The time
 * depends on size, k and the indices only, not on where a difference lies.
 */
SKEX_MUST_USE bool skex_share_consistent(const struct skex_math *math, uint8_t at,
	const uint8_t *y_at, const uint8_t *x, const uint8_t *const *y, size_t k, size_t size);

#endif
