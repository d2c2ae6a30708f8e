/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_RESYNC_MESSAGE_H
#define SKEX_CORE_PAIRWISE_RESYNC_MESSAGE_H

#include "core/pairwise/message.h"

/*
 * R1 and R2, by which an initiator whose runs find no answer learns from which index on they do.
 *
 *    R1  initiator to responder    hdr | LOC 8 | N_R 16 | claim, sealed 8  | TAG 16     52 bytes
 *    R2  responder to initiator    hdr | LOC 8 | N_S 16 | target, sealed 8 | TAG 16     52 bytes
 *
 * They hang on the static recovery key and never on a key that is delivered.
 */

/* A locator by which R1 of initiator slot r is found: which is below
 * SKEX_PAIRWISE_LOCATORS, the low four bits of the nonce's first byte. */
SKEX_MUST_USE enum skex_error skex_pairwise_locator(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], uint8_t r, uint8_t which,
	uint8_t locator[static SKEX_PAIRWISE_ID_BYTES]);
/* The locator of the R2 that answers the R1 whose hash is h1. */
SKEX_MUST_USE enum skex_error skex_pairwise_answer_locator(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], uint8_t r,
	const uint8_t h1[static SKEX_HASH_BYTES], uint8_t locator[static SKEX_PAIRWISE_ID_BYTES]);
/* Writes a whole R1 that claims an index.  SKEX_E_SPACE, or the provider's error. */
SKEX_MUST_USE enum skex_error skex_pairwise_r1_make(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], const uint8_t ac[static SKEX_HASH_BYTES],
	uint8_t r, const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES], uint64_t claim,
	uint8_t *out, size_t room);
/* Verifies R1 and gives its claim.  SKEX_E_AUTH when locator or tag are wrong. */
SKEX_MUST_USE enum skex_error skex_pairwise_r1_open(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], const uint8_t ac[static SKEX_HASH_BYTES],
	uint8_t r, const struct skex_pairwise_message *message, uint64_t *claim);
/* Writes a whole R2, the answer to the R1 whose hash is h1. */
SKEX_MUST_USE enum skex_error skex_pairwise_r2_make(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], const uint8_t ac[static SKEX_HASH_BYTES],
	uint8_t r, const uint8_t h1[static SKEX_HASH_BYTES],
	const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES], uint64_t target, uint8_t *out,
	size_t room);
/* Verifies that R2 answers the R1 whose hash is h1, and gives its target.  SKEX_E_AUTH. */
SKEX_MUST_USE enum skex_error skex_pairwise_r2_open(const struct skex_crypto *crypto,
	const uint8_t recovery[static SKEX_HASH_BYTES], const uint8_t ac[static SKEX_HASH_BYTES],
	uint8_t r, const uint8_t h1[static SKEX_HASH_BYTES],
	const struct skex_pairwise_message *message, uint64_t *target);
/* SKEX_E_SYNTAX for anything else than a well-formed message of these types. */
SKEX_MUST_USE enum skex_error skex_pairwise_resync_decode(
	struct skex_pairwise_message *message, struct skex_view bytes);

#endif
