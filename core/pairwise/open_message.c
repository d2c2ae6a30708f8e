/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pairwise/open_message.h"

static bool valid(uint8_t type, uint8_t flags)
{
	switch (type) {
	case SKEX_PAIRWISE_M1:
	case SKEX_PAIRWISE_M2:
	case SKEX_PAIRWISE_K1:
	case SKEX_PAIRWISE_K2:
		return (flags & ~SKEX_PAIRWISE_PAD) == 0;
	case SKEX_PAIRWISE_P1:
		return (flags & ~SKEX_PAIRWISE_PAD) == SKEX_PAIRWISE_ONEPASS;
	default:
		return false;
	}
}

enum skex_error skex_pairwise_open_encode(uint8_t type, uint8_t flags,
	const uint8_t id[static SKEX_PAIRWISE_ID_BYTES],
	const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES], size_t sealed, uint8_t *out,
	size_t room, size_t *size)
{
	struct skex_writer writer;
	size_t head = 0;

	if (!valid(type, flags) || sealed > SKEX_PAIRWISE_SEALED_MAX)
		return SKEX_E_ARGUMENT;
	if (room < SKEX_PAIRWISE_OPEN_BYTES || room - SKEX_PAIRWISE_OPEN_BYTES < sealed)
		return SKEX_E_SPACE;
	skex_writer_init(&writer, out, SKEX_PAIRWISE_OPEN_SEALED);
	skex_pairwise_write_header(&writer, type, flags, id, sealed);
	skex_write_bytes(&writer, nonce, SKEX_PAIRWISE_NONCE_BYTES);
	if (skex_writer_end(&writer, &head) != SKEX_OK)
		return SKEX_E_SPACE;
	*size = head + sealed;
	return SKEX_OK;
}

enum skex_error skex_pairwise_open_decode(
	struct skex_pairwise_message *message, struct skex_view bytes)
{
	struct skex_pairwise_message found;

	if (skex_pairwise_read_fields(&found, bytes, true) != SKEX_OK ||
		!valid(found.type, found.flags))
		return SKEX_E_SYNTAX;
	*message = found;
	return SKEX_OK;
}
