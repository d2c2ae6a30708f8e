/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_IDENTITY_H
#define SKEX_DELIVER_ETSI014_IDENTITY_H

#include <stdint.h>

#include "core/base/error.h"
#include "deliver/etsi014/request.h"

/*
 * Who the client is: the SAE id in its certificate, after the certificate was verified.
 *
 * The id is the one common name of the subject; when the subject has none, the one alternative name
 * of type URI or DNS.  Two of them are none, as it would be open which one the operator meant.
 */
struct skex_etsi014_identity {
	struct skex_etsi014_sae sae;
	int64_t expires_s; /* the certificate; seconds since 1970 */
};

/*
 * session is a gnutls_session_t after its handshake.  SKEX_E_AUTH when the client gave no
 * certificate, one that does not verify to status 0 for a TLS client, or one without an SAE id.
 */
SKEX_MUST_USE enum skex_error skex_etsi014_identity_verify(
	void *session, struct skex_etsi014_identity *identity);

/* Answers a client that is nobody with 401, without a body, and ends the stream towards it. */
void skex_etsi014_identity_refuse(void *session);

#endif
