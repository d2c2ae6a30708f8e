/* SPDX-License-Identifier: Apache-2.0 */
#include "core/math/intrinsics_x86.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What objects_test.py has to find: each of these functions lets a secret byte steer a branch, an
 * address or a mask.  The part of the name after leaks_ is what it has to say.  Nobody calls them.
 */
#define LEAKY __attribute__((target("gfni,avx2,avx512f,avx512bw,avx512vl"), used, noinline))

unsigned leaks_load(const uint8_t *secret);
unsigned leaks_move(const uint8_t *secret, const uint8_t *table);
unsigned leaks_flags(const uint8_t *secret);
unsigned leaks_gather(const uint8_t *secret, int *table);
unsigned leaks_mask(const uint8_t *secret, uint8_t *out);
unsigned leaks_call(const uint8_t *secret, unsigned (*other)(__m256i));
unsigned leaks_stack(const uint8_t *secret);

__attribute__((target("gfni,avx2"), always_inline)) static inline __m256i product_of(
	const uint8_t *secret)
{
	return _mm256_gf2p8mul_epi8(
		_mm256_loadu_si256((const __m256i *)(const void *)secret), _mm256_set1_epi8(3));
}

/* An ordinary branch on an ordinary byte. */
LEAKY unsigned leaks_load(const uint8_t *secret)
{
	return (secret[0] & 1) != 0 ? leaks_flags(secret) : 0;
}

LEAKY unsigned leaks_move(const uint8_t *secret, const uint8_t *table)
{
	return table[_mm256_extract_epi8(product_of(secret), 5)];
}

LEAKY unsigned leaks_flags(const uint8_t *secret)
{
	const __m256i product = product_of(secret);

	return _mm256_testz_si256(product, product) ? leaks_load(secret + 1) : 1;
}

LEAKY unsigned leaks_gather(const uint8_t *secret, int *table)
{
	const __m256i found = _mm256_i32gather_epi32(table, product_of(secret), 4);

	_mm256_storeu_si256((__m256i *)(void *)table, found);
	return 0;
}

LEAKY unsigned leaks_mask(const uint8_t *secret, uint8_t *out)
{
	const __m256i product = product_of(secret);

	_mm256_mask_storeu_epi8(
		out, _mm256_cmpeq_epi8_mask(product, _mm256_setzero_si256()), product);
	return 0;
}

/* Where that goes nobody knows. */
LEAKY unsigned leaks_call(const uint8_t *secret, unsigned (*other)(__m256i))
{
	return 1 + other(product_of(secret));
}

/* By way of memory of its own. */
LEAKY unsigned leaks_stack(const uint8_t *secret)
{
	uint8_t bytes[32];

	_mm256_storeu_si256((__m256i *)(void *)bytes, product_of(secret));
	/* Claims to change them, so that they are read again. */
	__asm__ volatile("" : : "r"(bytes) : "memory");
	return bytes[7] == 0 ? leaks_load(secret + 2) : 1;
}
