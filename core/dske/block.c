/* SPDX-License-Identifier: Apache-2.0 */
#include "core/dske/block.h"
#include "core/auth/onetime.h"
#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "core/wire/confirm_message.h"

void skex_block_tag(const struct skex_math *math, const uint8_t *vector, size_t size,
	uint8_t tag[static SKEX_BLOCK_TAG_BYTES])
{
	const uint8_t *c = vector;
	const uint8_t *d = vector + 16;
	const uint8_t *e = vector + 32;
	uint8_t acc[16] = {0};

	math->polyval_reverse(
		acc, c, vector + SKEX_BLOCK_U_BYTES, (size - SKEX_BLOCK_U_BYTES) / 16);
	math->polyval(acc, c, e, 1);
	skex_xor(tag, acc, d, SKEX_BLOCK_TAG_BYTES);
	skex_wipe(acc, sizeof(acc));
}

enum skex_error skex_block_split(const struct skex_math *math, uint8_t n, uint8_t k,
	const uint8_t *const *pads, size_t size, uint8_t *vector, uint8_t *const *bodies,
	bool *carried)
{
	uint8_t coefficients[SKEX_HUBS_MAX * SKEX_HUBS_MAX];
	const uint8_t *y[SKEX_HUBS_MAX];
	const uint8_t *add[SKEX_HUBS_MAX];
	uint8_t *out[SKEX_HUBS_MAX];
	uint8_t x[SKEX_HUBS_MAX];
	enum skex_error error;
	size_t rows = 0;
	size_t found = 0;
	uint8_t i;

	if (k < 2 || k > n || n > SKEX_HUBS_MAX || size == 0)
		return SKEX_E_ARGUMENT;
	for (i = 0; i < n && found < k; i++) {
		if (pads[i] == NULL)
			continue;
		x[found] = (uint8_t)(i + 1);
		y[found++] = pads[i];
	}
	if (found < k)
		return SKEX_E_OFFLINE;

	out[rows] = vector;
	add[rows++] = NULL;
	error = skex_share_coefficients(coefficients, x, k, 0);
	for (i = 0; i < n && error == SKEX_OK; i++) {
		carried[i] = pads[i] != NULL && i >= x[k - 1];
		if (!carried[i])
			continue;
		error = skex_share_coefficients(coefficients + rows * k, x, k, (uint8_t)(i + 1));
		out[rows] = bodies[i];
		add[rows++] = pads[i];
	}
	if (error == SKEX_OK)
		math->gf256_rows(out, add, rows, coefficients, y, k, size);
	return error;
}

enum skex_error skex_block_confirm(const struct skex_math *math,
	const uint8_t w[static SKEX_BLOCK_W_BYTES], uint8_t which, const struct skex_common *common,
	uint64_t counter, const uint8_t tag[static SKEX_BLOCK_TAG_BYTES], uint8_t class_responder,
	uint8_t out[static 16])
{
	uint8_t message[1 + SKEX_COMMON_MAX + SKEX_BLOCK_TAG_BYTES + 1];
	struct skex_common own = *common;
	struct skex_onetime state;
	struct skex_writer writer;
	size_t size;

	if (which != SKEX_CONFIRM_BA && which != SKEX_CONFIRM_AB)
		return SKEX_E_ARGUMENT;
	if (class_responder != SKEX_CLASS_COMPUTATIONAL && class_responder != SKEX_CLASS_ITS)
		return SKEX_E_ARGUMENT;
	own.first.counter = counter;
	skex_writer_init(&writer, message, sizeof(message));
	skex_write_u8(&writer, which);
	skex_common_encode(&writer, &own);
	skex_write_bytes(&writer, tag, SKEX_BLOCK_TAG_BYTES);
	skex_write_u8(&writer, class_responder);
	if (skex_writer_end(&writer, &size) != SKEX_OK)
		return SKEX_E_ARGUMENT;

	skex_onetime_init(&state, math, which == SKEX_CONFIRM_BA ? w : w + 32);
	skex_onetime_text(&state, skex_view(message, size));
	skex_onetime_final(&state, out);
	return SKEX_OK;
}
