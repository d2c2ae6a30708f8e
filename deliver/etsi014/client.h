/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_ETSI014_CLIENT_H
#define SKEX_DELIVER_ETSI014_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

/*
 * A client of ETSI GS QKD 014 V1.1.1: one key at a time, mutual TLS over one kept-alive connection.
 * Blocks.
 */
#define SKEX_ETSI014_CLIENT_KEY_MAX     1024u /* bytes of a key */
#define SKEX_ETSI014_CLIENT_ID_MAX      63u
#define SKEX_ETSI014_CLIENT_MESSAGE_MAX 512u

struct skex_etsi014_client;

/* url is "https://HOST:PORT"; the next are PEM files; timeout_ms is of each call. */
SKEX_MUST_USE enum skex_error skex_etsi014_client_new(const char *url, const char *ca,
	const char *certificate, const char *key, uint32_t timeout_ms,
	struct skex_etsi014_client **client);
void skex_etsi014_client_free(struct skex_etsi014_client *client); /* NULL is fine */

/*
 * From now on no call goes on after this, by the clock of skex_posix_now_ms; what is asked for
 * then, or is under way, fails with SKEX_E_OFFLINE.  UINT64_MAX, as at first: each call has the
 * time of its own.
 */
void skex_etsi014_client_until(struct skex_etsi014_client *client, uint64_t until_ms);

struct skex_etsi014_key {
	char id[SKEX_ETSI014_CLIENT_ID_MAX + 1];
	uint8_t bytes[SKEX_ETSI014_CLIENT_KEY_MAX];
	size_t size;
};

/*
 * A fresh key for this SAE and the slave SAE.  key is in locked memory, the caller's.
 * SKEX_E_OFFLINE when nobody answers, SKEX_E_EMPTY for 503, SKEX_E_REFUSED for 401 and 400,
 * SKEX_E_SYNTAX for an answer that makes no sense; message then says more, in UTF-8.
 */
SKEX_MUST_USE enum skex_error skex_etsi014_client_enc(struct skex_etsi014_client *client,
	const char *slave, uint32_t bits, struct skex_etsi014_key *key,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX]);
/* The key that the master SAE got under this id; errors as above. */
SKEX_MUST_USE enum skex_error skex_etsi014_client_dec(struct skex_etsi014_client *client,
	const char *master, const char *id, struct skex_etsi014_key *key,
	char message[static SKEX_ETSI014_CLIENT_MESSAGE_MAX]);

#endif
