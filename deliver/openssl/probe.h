/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_OPENSSL_PROBE_H
#define SKEX_DELIVER_OPENSSL_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/view.h"

/*
 * Does a TLS server take this external PSK?  The client's part of a TLS 1.3 handshake, with that
 * PSK and nothing else (psk_dhe_ke, SHA-256), up to the server's Finished, which only who knows the
 * key can make.  Ours is never sent: the server's application sees nothing of it, and its log says
 * that the client went away.
 *
 * No I/O: bytes go in and come out.
 */
enum skex_tls_verdict {
	SKEX_TLS_GOING,   /* there is more to come from the server */
	SKEX_TLS_TAKEN,   /* it knows the key */
	SKEX_TLS_REFUSED, /* it says no, or proves who it is in another way */
	SKEX_TLS_STRANGE, /* it does not speak TLS 1.3 */
};

struct skex_tls_probe;

/* identity and key (16 to 64 bytes) are copied.  SKEX_E_ARGUMENT, SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_tls_probe_new(
	const char *identity, struct skex_view key, struct skex_tls_probe **probe);
/* NULL is fine. */
void skex_tls_probe_free(struct skex_tls_probe *probe);

/* Takes what the server sent (nothing at first), and gives what to send to it: valid until the next
 * call.  After another verdict than GOING nothing is to be sent. */
enum skex_tls_verdict skex_tls_probe_step(
	struct skex_tls_probe *probe, struct skex_view in, struct skex_view *out);

#endif
