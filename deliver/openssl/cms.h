/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_OPENSSL_CMS_H
#define SKEX_DELIVER_OPENSSL_CMS_H

#include "deliver/openssl/ber.h"
#include "deliver/openssl/identity.h"

/*
 * Messages of CMS (RFC 5652) of the kind AuthEnvelopedData (RFC 5083), in AES-256-GCM (RFC 5084),
 * with a recipient of the kind KEKRecipientInfo: a key of skex wraps the message's own key
 * (id-aes256-wrap, RFC 3394), and the text of deliver/openssl/identity.h is its keyIdentifier.
 *
 * Both ways in constant memory, for messages of any size that AES-GCM can take, below 64 GiB.  That
 * is why the CMS of libcrypto is not used: it reads a message as one piece, and passes over errors
 * when it writes a stream.
 */
#define CMS_KEY_BYTES   32u
#define CMS_WRAP_BYTES  40u
#define CMS_NONCE_BYTES 12u
#define CMS_TAG_BYTES   16u

/* Takes all of it, or gives an error, which goes to the caller. */
struct cms_sink {
	enum skex_error (*write)(void *owner, const uint8_t *data, size_t size);
	void *owner;
};

/*
 * Encrypts all that the source gives, with a key of the message's own that `key` wraps.  Lengths
 * are indefinite (BER), but for the recipient.  SKEX_E_QUOTA: it is too long; SKEX_E_CRYPTO; or the
 * error of source or sink.
 */
SKEX_MUST_USE enum skex_error cms_seal(const uint8_t key[static CMS_KEY_BYTES],
	const struct skex_identity *identity, struct ber_source source, struct cms_sink sink);

enum cms_recipient {
	CMS_NONE,  /* there is no key of skex in the message */
	CMS_OTHER, /* there is one, for another agent: identity */
	CMS_OURS,
};

/* A message that is read; on the heap, for its size. */
struct cms_message {
	struct ber ber; /* its error and what is wrong */
	enum cms_recipient recipient;
	struct skex_identity identity;
	uint8_t wrapped[CMS_WRAP_BYTES];
	uint8_t nonce[CMS_NONCE_BYTES];
	uint64_t content_bytes;
};

/* Reads what stands before the content, and looks for a recipient that is this agent. */
SKEX_MUST_USE enum skex_error cms_open_begin(
	struct cms_message *message, const struct skex_name *own, struct ber_source source);

/*
 * Reads the rest, up to the end of the source, and decrypts it.  What goes to the sink is NOT
 * verified before this gives SKEX_OK: the caller keeps it back until then.  With a key of NULL it
 * says whether the message is whole, and how long; the sink is not used.
 * SKEX_E_SYNTAX: malformed, truncated, or something stands behind it; SKEX_E_AUTH: another key, or
 * it was changed; or the error of source or sink.
 */
SKEX_MUST_USE enum skex_error cms_open_rest(
	struct cms_message *message, const uint8_t *key, struct cms_sink sink);

#endif
