/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_PSKFILE_ASK_H
#define SKEX_DELIVER_PSKFILE_ASK_H

#include "deliver/openssl/probe.h"
#include "platform/platform.h"

/* One look at a service over the network: does it take this key?  (probe.h) */
enum skex_pskfile_answer {
	SKEX_PSKFILE_TAKEN,
	SKEX_PSKFILE_REFUSED,
	SKEX_PSKFILE_SILENT, /* it cannot be reached, or went away without a word */
	SKEX_PSKFILE_STRANGE,
};

struct skex_pskfile_ask;

typedef void (*skex_pskfile_answered_fn)(void *owner, enum skex_pskfile_answer answer);

/* identity and key are copied.  answered follows, once, and the ask is gone then.  How long it may
 * take is the caller's affair.  SKEX_E_ARGUMENT, SKEX_E_MEMORY, or what connecting gives. */
SKEX_MUST_USE enum skex_error skex_pskfile_ask(const struct skex_platform *platform,
	const char *host, int port, const char *identity, struct skex_view key,
	skex_pskfile_answered_fn answered, void *owner, struct skex_pskfile_ask **ask);
/* Gives it up; answered does not follow.  NULL is fine. */
void skex_pskfile_ask_drop(struct skex_pskfile_ask *ask);

#endif
