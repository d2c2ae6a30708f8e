/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_HTTPS_IDENTITY_H
#define SKEX_DELIVER_HTTPS_IDENTITY_H

#include <stdint.h>

#include "core/base/error.h"
#include "deliver/https/text.h"

/*
 * Who the client is: the name in its certificate, after the certificate was verified, or the
 * identity of its PSK, after the handshake proved it.
 *
 * In a certificate it is the one common name of the subject; when the subject has none, the one
 * alternative name of type URI or DNS.  Two of them are none, as it would be open which one the
 * operator meant.
 */
struct skex_https_identity {
	struct skex_https_name name;
	int64_t expires_s; /* the certificate; seconds since 1970; a PSK: INT64_MAX */
};

/*
 * session is a gnutls_session_t after its handshake.  SKEX_E_AUTH when the client gave no
 * certificate, one that does not verify to status 0 for a TLS client, or one without a name.
 */
SKEX_MUST_USE enum skex_error skex_https_identity_verify(
	void *session, struct skex_https_identity *identity);

/* Before the handshake: clients of TLS 1.2 that name no group get one of RFC 7919 for DHE-PSK. */
void skex_https_identity_prepare(void *session);

/* Answers a client that is nobody with 401, without a body, and ends the stream towards it. */
void skex_https_identity_refuse(void *session);

#endif
