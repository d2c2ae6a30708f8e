/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/core/cross/leaks.h"

#include <arm_neon.h>

void leak_branch(uint8_t *out, const uint8_t *in, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		/* The volatile store keeps the branch from becoming a selection. */
		if (in[i] > 0x7f)
			*(volatile uint8_t *)&out[i] = 1;
	}
}

void leak_index(uint8_t *out, const uint8_t *in, size_t size)
{
	static const uint8_t table[4] = {1, 2, 4, 8};

	for (size_t i = 0; i + 16 <= size; i += 16) {
		/* By way of a vector register, as a slip of intrinsics would do it. */
		uint8x16_t a = vandq_u8(vld1q_u8(in + i), vdupq_n_u8(3));

		out[i] = table[vgetq_lane_u8(a, 0)];
	}
}

void leak_flags(uint8_t *out, const uint8_t *in, size_t size)
{
	/* The comparison of vector registers sets flags; that no branch takes them is no excuse. */
	for (size_t i = 0; i + 16 <= size; i += 16)
		__asm__ volatile("ldr d0, [%0]\n\tldr d1, [%0, #8]\n\tfcmp d0, d1" ::"r"(in + i)
				 : "v0", "v1", "cc", "memory");
	out[0] = 0;
}
