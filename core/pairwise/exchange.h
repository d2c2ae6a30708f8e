/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_EXCHANGE_H
#define SKEX_CORE_PAIRWISE_EXCHANGE_H

#include "core/pairwise/message.h"
#include "core/pairwise/payload.h"
#include "core/pairwise/schedule.h"

/*
 * The cryptography of one run, from its leaf to its keys, message by message
 * (docs/spec/pairwise.md, section 5).  No states, no time, no storage: the engines in initiator.h
 * and responder.h decide when to call what.
 *
 * Both ends call begin, then   A: send_first  read_second  keys  send_third  read_fourth
 *                              B: read_first  send_second  keys  read_third  send_fourth
 * where keys takes what stands there before the third message: B gives read_third a copy.  What
 * fails leaves the exchange as it was.
 */
struct skex_pairwise_exchange {
	uint64_t index;
	uint8_t secret[SKEX_HASH_BYTES]; /* the leaf, from the second message on hs */
	uint8_t hash[SKEX_HASH_BYTES];   /* th1, from the second message on th2, then th3 */
	uint8_t ids[SKEX_PAIRWISE_IDS][SKEX_PAIRWISE_ID_BYTES];
	uint8_t first; /* type of the first message: M1, K1 or P1 */
	uint8_t r;
};

/* The leaf is copied.  r is the slot of who sends the first message, index that of the leaf. */
SKEX_MUST_USE enum skex_error skex_pairwise_begin(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, uint8_t first, uint8_t r, uint64_t index,
	const uint8_t leaf[static SKEX_HASH_BYTES]);

/*
 * Senders write a whole message of *size bytes at out.  payload is NULL for none.  SKEX_E_SPACE
 * when room does not suffice, SKEX_E_ARGUMENT for a payload out of its range.
 *
 * Readers verify the tag and then decrypt into plain, which has room for message->sealed.size
 * bytes.  SKEX_E_AUTH when type, pseudonym or tag are wrong.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_send_first(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const uint8_t ac[static SKEX_HASH_BYTES],
	const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES],
	const struct skex_pairwise_payload *payload, uint8_t *out, size_t room, size_t *size);
SKEX_MUST_USE enum skex_error skex_pairwise_read_first(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const uint8_t ac[static SKEX_HASH_BYTES],
	const struct skex_pairwise_message *message, uint8_t *plain);
SKEX_MUST_USE enum skex_error skex_pairwise_send_second(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES],
	const struct skex_pairwise_payload *payload, uint8_t *out, size_t room, size_t *size);
SKEX_MUST_USE enum skex_error skex_pairwise_read_second(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct skex_pairwise_message *message,
	uint8_t *plain);
SKEX_MUST_USE enum skex_error skex_pairwise_send_third(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, bool answer, const struct skex_pairwise_payload *payload,
	uint8_t *out, size_t room, size_t *size);
SKEX_MUST_USE enum skex_error skex_pairwise_read_third(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct skex_pairwise_message *message,
	uint8_t *plain);
SKEX_MUST_USE enum skex_error skex_pairwise_send_fourth(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct skex_pairwise_payload *payload, uint8_t *out,
	size_t room, size_t *size);
SKEX_MUST_USE enum skex_error skex_pairwise_read_fourth(struct skex_pairwise_exchange *exchange,
	const struct skex_crypto *crypto, const struct skex_pairwise_message *message,
	uint8_t *plain);

/*
 * The keys of the run: from hs and th2, so after the second message and before the third; for P1
 * from the leaf and th1.  reseed is NULL, or gets the secret of generation attempt.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_exchange_keys(
	const struct skex_pairwise_exchange *exchange, const struct skex_crypto *crypto,
	struct skex_pairwise_keys *keys, uint32_t attempt, uint8_t *reseed);

#endif
