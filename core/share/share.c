/* SPDX-License-Identifier: Apache-2.0 */
#include "core/share/share.h"
#include "core/base/mem.h"

/* What skex_share_consistent computes at a time, on the stack. */
#define PIECE_BYTES 256u

enum skex_error skex_share_coefficients(
	uint8_t *coefficients, const uint8_t *x, size_t k, uint8_t at)
{
	size_t i;
	size_t j;

	if (k == 0 || k > SKEX_HUBS_MAX)
		return SKEX_E_ARGUMENT;
	for (i = 0; i < k; i++) {
		for (j = 0; j < i; j++) {
			if (x[i] == x[j])
				return SKEX_E_ARGUMENT;
		}
	}
	for (i = 0; i < k; i++) {
		uint8_t above = 1;
		uint8_t below = 1;

		for (j = 0; j < k; j++) {
			if (j == i)
				continue;
			above = skex_gf256_mul_public(above, at ^ x[j]);
			below = skex_gf256_mul_public(below, x[i] ^ x[j]);
		}
		coefficients[i] = skex_gf256_mul_public(above, skex_gf256_inverse_public(below));
	}
	return SKEX_OK;
}

enum skex_error skex_share_interpolate(const struct skex_math *math, uint8_t *out, uint8_t at,
	const uint8_t *x, const uint8_t *const *y, size_t k, size_t size)
{
	uint8_t coefficients[SKEX_HUBS_MAX];
	enum skex_error error = skex_share_coefficients(coefficients, x, k, at);
	const uint8_t *nothing = NULL;

	if (error != SKEX_OK)
		return error;
	math->gf256_rows(&out, &nothing, 1, coefficients, y, k, size);
	return SKEX_OK;
}

bool skex_share_consistent(const struct skex_math *math, uint8_t at, const uint8_t *y_at,
	const uint8_t *x, const uint8_t *const *y, size_t k, size_t size)
{
	uint8_t coefficients[SKEX_HUBS_MAX];
	uint8_t difference[PIECE_BYTES];
	const uint8_t *from[SKEX_HUBS_MAX];
	bool consistent = true;
	uint8_t *const out = difference;
	size_t done;
	size_t i;

	if (skex_share_coefficients(coefficients, x, k, at) != SKEX_OK)
		return false;
	for (done = 0; done < size; done += PIECE_BYTES) {
		size_t piece = size - done < PIECE_BYTES ? size - done : PIECE_BYTES;
		const uint8_t *wanted = y_at + done;

		for (i = 0; i < k; i++)
			from[i] = y[i] + done;
		math->gf256_rows(&out, &wanted, 1, coefficients, from, k, piece);
		consistent &= skex_ct_is_zero(difference, piece);
	}
	skex_wipe(difference, sizeof(difference));
	return consistent;
}
