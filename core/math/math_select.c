/* SPDX-License-Identifier: Apache-2.0 */
#include "core/math/math.h"
#include "core/math/portable.h"

const struct skex_math skex_math_portable = {
	.name = "portable",
	.gf256_mul_add = skex_gf256_mul_add_portable,
	.polyval = skex_polyval_portable,
	.polyval_reverse = skex_polyval_reverse_portable,
};

const struct skex_math *skex_math_select(uint32_t features)
{
	(void)features;
	return &skex_math_portable;
}
