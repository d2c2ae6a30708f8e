/* SPDX-License-Identifier: Apache-2.0 */
#include "core/math/arm.h"
#include "core/math/math.h"
#include "core/math/portable.h"
#include "core/math/x86.h"

const struct skex_math skex_math_portable = {
	.name = "portable",
	.gf256_mul_add = skex_gf256_mul_add_portable,
	.gf256_rows = skex_gf256_rows_portable,
	.polyval = skex_polyval_portable,
	.polyval_reverse = skex_polyval_reverse_portable,
};

#if defined(__x86_64__) || defined(SKEX_NEON)

struct variant {
	uint32_t needs;
	struct skex_math math;
};

#define VARIANT(label, features, gf256, polyval_kind)                                              \
	{                                                                                          \
		.needs = (features),                                                               \
		.math = {                                                                          \
			.name = (label),                                                           \
			.gf256_mul_add = skex_gf256_mul_add_##gf256,                               \
			.gf256_rows = skex_gf256_rows_##gf256,                                     \
			.polyval = skex_polyval_##polyval_kind,                                    \
			.polyval_reverse = skex_polyval_reverse_##polyval_kind,                    \
		},                                                                                 \
	}
#define SSSE3  (SKEX_CPU_SSSE3 | SKEX_CPU_PCLMUL)
#define AVX2   (SSSE3 | SKEX_CPU_AVX2)
#define GFNI   (AVX2 | SKEX_CPU_GFNI)
#define AVX512 (GFNI | SKEX_CPU_AVX512)

/* The fastest first. */
static const struct variant variants[] = {
#if defined(__x86_64__)
	VARIANT("gfni-avx512-vpclmul", AVX512 | SKEX_CPU_VPCLMUL, gfni512, vpclmul),
	VARIANT("gfni-avx512", AVX512, gfni512, pclmul),
	VARIANT("gfni-avx2-vpclmul", GFNI | SKEX_CPU_VPCLMUL, gfni, vpclmul),
	VARIANT("gfni-avx2", GFNI, gfni, pclmul),
	VARIANT("avx2-vpclmul", AVX2 | SKEX_CPU_VPCLMUL, avx2, vpclmul),
	VARIANT("avx2", AVX2, avx2, pclmul),
	VARIANT("ssse3", SSSE3, ssse3, pclmul),
#else
#if defined(SKEX_PMULL)
	VARIANT("neon-pmull", SKEX_CPU_NEON | SKEX_CPU_PMULL, neon, pmull),
#endif
	VARIANT("neon", SKEX_CPU_NEON, neon, portable),
#endif
};

const struct skex_math *skex_math_select(uint32_t features)
{
	size_t i;

	for (i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		if ((variants[i].needs & ~features) == 0)
			return &variants[i].math;
	}
	return &skex_math_portable;
}

#else

const struct skex_math *skex_math_select(uint32_t features)
{
	(void)features;
	return &skex_math_portable;
}

#endif
