/* SPDX-License-Identifier: Apache-2.0 */
#include "core/math/math.h"
#include "core/math/portable.h"
#include "core/math/x86.h"

const struct skex_math skex_math_portable = {
	.name = "portable",
	.gf256_mul_add = skex_gf256_mul_add_portable,
	.polyval = skex_polyval_portable,
	.polyval_reverse = skex_polyval_reverse_portable,
};

#if defined(__x86_64__)

struct variant {
	uint32_t needs;
	struct skex_math math;
};

#define VARIANT(label, features, gf256)                                                            \
	{                                                                                          \
		.needs = (features) | SKEX_CPU_SSSE3 | SKEX_CPU_PCLMUL,                            \
		.math = {                                                                          \
			.name = (label),                                                           \
			.gf256_mul_add = (gf256),                                                  \
			.polyval = skex_polyval_pclmul,                                            \
			.polyval_reverse = skex_polyval_reverse_pclmul,                            \
		},                                                                                 \
	}

/* The fastest first. */
static const struct variant variants[] = {
	VARIANT("gfni-avx512", SKEX_CPU_GFNI | SKEX_CPU_AVX512, skex_gf256_mul_add_gfni512),
	VARIANT("gfni-avx2", SKEX_CPU_GFNI | SKEX_CPU_AVX2, skex_gf256_mul_add_gfni),
	VARIANT("avx2", SKEX_CPU_AVX2, skex_gf256_mul_add_avx2),
	VARIANT("ssse3", 0, skex_gf256_mul_add_ssse3),
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
