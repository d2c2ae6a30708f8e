/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_PSKFILE_PSKFILE_H
#define SKEX_DELIVER_PSKFILE_PSKFILE_H

#include "deliver/hook/call.h"
#include "deliver/pskfile/lines.h"
#include "deliver/pskfile/signal.h"
#include "deliver/rotation/consumer.h"
#include "platform/foreign.h"
#include "platform/platform.h"

/*
 * External PSKs of TLS in a key file, for services that read one: stunnel, servers of GnuTLS,
 * mosquitto.  The identity is the binding's name, a point, and the id of the key (lines.h).
 *
 * A server, which follows, has the old key and the new one side by side from STAGE to SETTLE.  A
 * client, which leads, takes the first of its file: that is the new key from SWITCH on, and the old
 * one comes after it until SETTLE.
 *
 * What is known of the service: that it takes a key, or does not any more, if `probe_host` is
 * given: a handshake with that key (deliver/openssl/probe.h).  A server's STAGE waits for it, and
 * its SETTLE for the refusal of the key that went; a client's STAGE waits for it too, so that a
 * client is never switched to a key that the server does not take.  Without it, that a service read
 * its file again is taken on trust `pause_ms` after it was told to.  That a client uses its new key
 * is taken on trust unless a program checks.
 */
struct skex_pskfile_config {
	const char *binding; /* a name (core/base/name.h), the same at both ends */
	const char *peer;    /* the agent at the other end: for programs */
	struct skex_foreign_file file;
	bool client;
	struct skex_pskfile_signal signal; /* how it is told to read the file again: this, and */
	struct skex_hook_program reload;   /* this, with the event "reload"; argv NULL: none */
	uint32_t pause_ms;
	uint32_t answer_ms; /* the time that it has to read it; it is told once more in between */
	const char *probe_host; /* of the server, as a client reaches it; NULL: none */
	int probe_port;
	struct skex_hook_program check; /* with the event "check"; argv NULL: none */
};

/* What is usual. */
#define SKEX_PSKFILE_PAUSE_MS  1000u
#define SKEX_PSKFILE_ANSWER_MS 10000u

#define SKEX_PSKFILE_KEY_BYTES 32u

struct skex_pskfile;

/* platform and config outlive it.  SKEX_E_ARGUMENT when the name is none, or a path is not
 * absolute, or a signal has no program; SKEX_E_MEMORY. */
SKEX_MUST_USE enum skex_error skex_pskfile_new(const struct skex_platform *platform,
	const struct skex_pskfile_config *config, struct skex_pskfile **pskfile);
/* NULL is fine. */
void skex_pskfile_free(struct skex_pskfile *pskfile);

/* Its context is a struct skex_pskfile. */
extern const struct skex_consumer skex_pskfile_consumer;

#endif
