/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/kernels_bounds.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 5")
#endif

__attribute__((target("avx2"), always_inline)) static inline void touch(
	uint8_t *const *out, size_t outs, const uint8_t *const *in, size_t ins, size_t size)
{
	const uint8_t *from[5];
	uint8_t *to[3];

	for (size_t i = 0; i < ins; i++)
		from[i] = in[i];
	for (size_t j = 0; j < outs; j++)
		to[j] = out[j];
	for (size_t done = 0; size - done >= 64; done += 64) {
		__m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};

		for (size_t half = 0; half < 2; half++) {
			const size_t at = done + 32 * half;

			UNROLL
			for (size_t i = 0; i < ins; i++)
				sum[half] = _mm256_xor_si256(sum[half],
					_mm256_loadu_si256(
						(const __m256i *)(const void *)(from[i] + at)));
			UNROLL
			for (size_t j = 0; j < outs; j++)
				_mm256_storeu_si256((__m256i *)(void *)(to[j] + at), sum[half]);
		}
		__asm__ volatile("" : : "x"(sum[0]), "x"(sum[1]));
	}
}

/* The compiler writes out the loops over the vectors where it knows how many there are. */
__attribute__((target("avx2"))) void bound_memory(
	uint8_t *const *out, size_t outs, const uint8_t *const *in, size_t ins, size_t size)
{
	if (outs == 0 && ins == 1)
		touch(out, 0, in, 1, size);
	else if (outs == 1 && ins == 2)
		touch(out, 1, in, 2, size);
	else if (outs == 1 && ins == 5)
		touch(out, 1, in, 5, size);
	else if (outs == 3 && ins == 5)
		touch(out, 3, in, 5, size);
	else
		abort();
}

/* Eight that do not wait for each other. */
#define EIGHT(what) what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7)
#define KEEP(i)     __asm__ volatile("" : "+x"(r[i]));

__attribute__((target("avx2"))) bool bound_shuffles(
	const struct skex_math *math, size_t products, size_t size)
{
	__m256i r[8] = {_mm256_setzero_si256()};
	const __m256i table = _mm256_set1_epi8(0x0f);

	if (strncmp(math->name, "avx2", 4) != 0)
		return false;
#define SHUFFLE(i) r[i] = _mm256_shuffle_epi8(table, r[i]);
	/* Two a product and 32 bytes. */
	for (size_t left = 2 * products * (size / 32); left >= 8; left -= 8) {
		EIGHT(KEEP)
		EIGHT(SHUFFLE)
	}
	EIGHT(KEEP)
	return true;
}

__attribute__((target("vpclmulqdq,pclmul,avx2"))) bool bound_clmul(
	const struct skex_math *math, size_t size)
{
	__m256i r[8] = {_mm256_setzero_si256()};
	const __m256i key = _mm256_set1_epi8(0x35);

	if (strstr(math->name, "vpclmul") == NULL)
		return false;
#define MULTIPLY(i) r[i] = _mm256_clmulepi64_epi128(key, r[i], 0x00);
	/* Three for two blocks (Karatsuba). */
	for (size_t left = 3 * (size / 32); left >= 8; left -= 8) {
		EIGHT(KEEP)
		EIGHT(MULTIPLY)
	}
	EIGHT(KEEP)
	return true;
}

#else

void bound_memory(
	uint8_t *const *out, size_t outs, const uint8_t *const *in, size_t ins, size_t size)
{
	for (size_t done = 0; size - done >= 32; done += 32) {
		uint64_t sum[4] = {0}, next[4];

		for (size_t i = 0; i < ins; i++) {
			memcpy(next, in[i] + done, sizeof(next));
			for (size_t word = 0; word < 4; word++)
				sum[word] ^= next[word];
		}
		for (size_t j = 0; j < outs; j++)
			memcpy(out[j] + done, sum, sizeof(sum));
	}
}

bool bound_shuffles(const struct skex_math *math, size_t products, size_t size)
{
	(void)math;
	(void)products;
	(void)size;
	return false;
}

bool bound_clmul(const struct skex_math *math, size_t size)
{
	(void)math;
	(void)size;
	return false;
}

#endif
