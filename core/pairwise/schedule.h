/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_CORE_PAIRWISE_SCHEDULE_H
#define SKEX_CORE_PAIRWISE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/auth/crypto.h"
#include "core/base/error.h"
#include "core/base/view.h"

/*
 * The key schedule of the pairwise mode (docs/spec/pairwise.md, sections 3 and 5): from the
 * credential to the association, and from the leaf of a run to its messages and its session.
 *
 * Every function leaves its outputs untouched when the crypto provider fails, and wipes what lies
 * between.
 */
#define SKEX_PAIRWISE_ID_BYTES       8u
#define SKEX_PAIRWISE_NONCE_BYTES    16u
#define SKEX_PAIRWISE_TAG_BYTES      16u
#define SKEX_PAIRWISE_IDS            4u /* pseudonyms of a run, one for each message */
#define SKEX_PAIRWISE_RANDOM_BYTES   32u
#define SKEX_PAIRWISE_NAME_MAX       255u /* bytes of an identity */
#define SKEX_PAIRWISE_PURPOSE_MAX    255u
#define SKEX_PAIRWISE_SUITES_MAX     16u
#define SKEX_PAIRWISE_SUITE_HMAC     1u /* HMAC-SHA256, the only one of this version */
#define SKEX_PAIRWISE_LOCATORS       16u
#define SKEX_PAIRWISE_EXPORT_CONTEXT 256u
#define SKEX_PAIRWISE_EXPORT_LABEL   64u

/* What both ends are given besides the credential: all of it enters every key. */
struct skex_pairwise_config {
	struct skex_view id[2];   /* of slot 0 and of slot 1: 1..255 bytes, and not the same */
	struct skex_view suites;  /* 1..16 suite numbers, the first of which is used: 1 */
	struct skex_view purpose; /* at most 255 bytes */
	uint8_t depth;            /* d: 0, 8 or 32 */
};

/* The association context AC.  SKEX_E_ARGUMENT when a field is out of its range. */
SKEX_MUST_USE enum skex_error skex_pairwise_associate(const struct skex_crypto *crypto,
	const struct skex_pairwise_config *config, uint8_t ac[static SKEX_HASH_BYTES]);
/* The secret of generation 0 from the credential, 32 uniformly random bytes.  The caller wipes psk
 * and secret as soon as the chains are made. */
SKEX_MUST_USE enum skex_error skex_pairwise_generation(const struct skex_crypto *crypto,
	const uint8_t ac[static SKEX_HASH_BYTES], const uint8_t psk[static SKEX_HASH_BYTES],
	uint8_t secret[static SKEX_HASH_BYTES]);
/* What a generation secret gives: the first chain key of initiator slot r in a lane, the recovery
 * key of a lane, and the fingerprint that people compare. */
SKEX_MUST_USE enum skex_error skex_pairwise_first_chain(const struct skex_crypto *crypto,
	const uint8_t secret[static SKEX_HASH_BYTES], uint8_t r, uint8_t lane,
	uint8_t chain[static SKEX_HASH_BYTES]);
SKEX_MUST_USE enum skex_error skex_pairwise_recovery(const struct skex_crypto *crypto,
	const uint8_t secret[static SKEX_HASH_BYTES], uint8_t lane,
	uint8_t recovery[static SKEX_HASH_BYTES]);
SKEX_MUST_USE enum skex_error skex_pairwise_fingerprint(const struct skex_crypto *crypto,
	const uint8_t secret[static SKEX_HASH_BYTES],
	uint8_t fingerprint[static SKEX_PAIRWISE_ID_BYTES]);

/* The pseudonyms of the four messages of a run. */
SKEX_MUST_USE enum skex_error skex_pairwise_ids(const struct skex_crypto *crypto,
	const struct skex_hmac *leaf,
	uint8_t ids[static SKEX_PAIRWISE_IDS][SKEX_PAIRWISE_ID_BYTES]);
/* A nonce that is good while either the generator or the leaf is: label is "na" or "nb". */
SKEX_MUST_USE enum skex_error skex_pairwise_nonce(const struct skex_crypto *crypto,
	const struct skex_hmac *leaf, const char *label,
	const uint8_t random[static SKEX_PAIRWISE_RANDOM_BYTES],
	uint8_t nonce[static SKEX_PAIRWISE_NONCE_BYTES]);

/* MAC(key, label, parts)[0..15]; label has at most 255 bytes, count is at most 4. */
SKEX_MUST_USE enum skex_error skex_pairwise_tag(const struct skex_crypto *crypto,
	const struct skex_hmac *key, const char *label, const struct skex_view *parts, size_t count,
	uint8_t tag[static SKEX_PAIRWISE_TAG_BYTES]);
/* SKEX_OK when tag is right, SKEX_E_AUTH when it is not, in constant time; or the provider's
 * error. */
SKEX_MUST_USE enum skex_error skex_pairwise_verify(const struct skex_crypto *crypto,
	const struct skex_hmac *key, const char *label, const struct skex_view *parts, size_t count,
	const uint8_t tag[static SKEX_PAIRWISE_TAG_BYTES]);
/* H("SKEX-U/1 NAME" | parts); count is at most 4. */
SKEX_MUST_USE enum skex_error skex_pairwise_hash(const struct skex_crypto *crypto, const char *name,
	const struct skex_view *parts, size_t count, uint8_t hash[static SKEX_HASH_BYTES]);

#define SKEX_PAIRWISE_WHERE_BYTES 9u
/* u8 r | u64 i: which leaf of the association a message hangs on. */
void skex_pairwise_where(uint8_t out[static SKEX_PAIRWISE_WHERE_BYTES], uint8_t r, uint64_t i);

/* What a run leaves: the exporter's key, the root of a rekey, and a public name for both ends. */
struct skex_pairwise_keys {
	uint8_t exp[SKEX_HASH_BYTES];
	uint8_t rs[SKEX_HASH_BYTES];
	uint8_t sid[SKEX_PAIRWISE_ID_BYTES];
};

/*
 * ms = KDF(hs, "ms", transcript) and what hangs on it.  reseed, unless it is NULL, gets KDF(ms,
 * "reseed", u32 attempt | transcript): the secret of the next generation.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_finish(const struct skex_crypto *crypto,
	const struct skex_hmac *hs, const uint8_t transcript[static SKEX_HASH_BYTES],
	struct skex_pairwise_keys *keys, uint32_t attempt, uint8_t *reseed);
/* The leaf of a rekey. */
SKEX_MUST_USE enum skex_error skex_pairwise_rekey_leaf(const struct skex_crypto *crypto,
	const uint8_t rs[static SKEX_HASH_BYTES], uint8_t requester, uint32_t attempt,
	uint8_t leaf[static SKEX_HASH_BYTES]);

/*
 * A key for an application: KDF(exp, "x:" label, context, size).  label is 1..64 bytes and names
 * the consumer; context, at most 256 bytes, begins with the rekey number as u32, so that two
 * generations of one session never give the same key.
 */
SKEX_MUST_USE enum skex_error skex_pairwise_export(const struct skex_crypto *crypto,
	const uint8_t exp[static SKEX_HASH_BYTES], const char *label, struct skex_view context,
	uint8_t *out, size_t size);
/* One step of the one-way ratchet of a session without messages: exp = KDF(exp, "kp"). */
SKEX_MUST_USE enum skex_error skex_pairwise_next_phase(
	const struct skex_crypto *crypto, uint8_t exp[static SKEX_HASH_BYTES]);

#endif
