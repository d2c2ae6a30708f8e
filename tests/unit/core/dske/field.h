/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_CORE_DSKE_FIELD_H
#define SKEX_TESTS_UNIT_CORE_DSKE_FIELD_H

#include <stdint.h>
#include <string.h>

#include "core/math/math.h"

/* What an attacker computes in the field of POLYVAL, whose product is dot of RFC 8452. */
struct element {
	uint8_t bytes[16];
};

static inline struct element element_of(const uint8_t bytes[16])
{
	struct element a;

	memcpy(a.bytes, bytes, 16);
	return a;
}

static inline struct element element_add(struct element a, struct element b)
{
	int i;

	for (i = 0; i < 16; i++)
		a.bytes[i] ^= b.bytes[i];
	return a;
}

static inline struct element element_mul(struct element a, struct element b)
{
	struct element product = {{0}};

	skex_math_portable.polyval(product.bytes, b.bytes, a.bytes, 1);
	return product;
}

/* The neutral element of dot: x^128. */
static inline struct element element_one(void)
{
	struct element one = {{0x01, [15] = 0xc2}};

	return one;
}

/* a^(2^128 - 2), which is 1 / a. */
static inline struct element element_inverse(struct element a)
{
	struct element result = element_one();
	int i;

	for (i = 0; i < 127; i++) {
		a = element_mul(a, a);
		result = element_mul(result, a);
	}
	return result;
}

/* a^(2^127), the one element whose square is a. */
static inline struct element element_root(struct element a)
{
	int i;

	for (i = 0; i < 127; i++)
		a = element_mul(a, a);
	return a;
}

#endif
