/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_OPENSSL_H
#define SKEX_OPENSSL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include <skex/client.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * libskex-openssl: TLS 1.3 between programs at two agents, keyed by skexd, with OpenSSL 3.
 *
 *	struct skex_tls_options options = {.peer = "agent2", .purpose = "tls:backup"};
 *	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
 *
 *	if (skex_tls_client(context, &options, &error) != SKEX_CLIENT_OK)
 *		errx(1, "%s; %s", error.message, error.act);
 *	... SSL_new, SSL_connect as always: each connection has a fresh key ...
 *
 * and at agent2 skex_tls_server in the same way.  After the handshake, at both ends:
 *
 *	struct skex_tls_session session;
 *
 *	if (!skex_tls_get_session(ssl, &session))
 *		... not keyed by skex: close ...
 *
 * Conventions are those of <skex/client.h>.  In addition:
 *
 * - Each handshake takes one key: the client a fresh one, whose id it offers as the identity of an
 *   external PSK (RFC 8446 section 4.2.11), the server that key by its id.  To change the key of a
 *   long connection, make a new one and close the old.  No tickets, no resumption, no early data;
 *   the handshake always has (EC)DHE too (psk_dhe_ke), for forward secrecy.
 * - The PSK is derived from the key under a label with the purpose, the agents in their roles and
 *   the hash.  So it is known to one client and one server, and a reflected hello finds no key
 *   (RFC 9257).  Identities are in clear on the wire: "skex1/", the key id, "/" and the name of the
 *   client's agent.
 * - The callbacks ask the daemon while the handshake runs, and block as skex_client calls do.
 * - An SSL_CTX is for one of the two roles.  Set up your own things before calling skex_tls_client
 *   or skex_tls_server: protocol versions, cipher suites, session cache, verification and the
 *   callbacks for PSK and certificates are set there, and are to be left as they are.
 */

/* The hash of the PSK, the same at both ends; it decides which cipher suites there are. */
enum skex_tls_hash {
	SKEX_TLS_SHA384 = 0, /* TLS_AES_256_GCM_SHA384 */
	SKEX_TLS_SHA256 = 1, /* TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256 */
};

/* Members that are zero have the default.  Texts are copied. */
struct skex_tls_options {
	const char *socket; /* of the daemon, as for skex_client_open */
	const char *peer;   /* agent at the other end; obligatory for a client.  Without it a server
			     * takes clients of every peer */
	const char *purpose;     /* the same at both ends, and accepted by the server's agent;
				  * "tls:default" */
	uint32_t require;        /* of enum skex_client_require; CONFIRMED */
	uint32_t wait_ms;        /* client: how long to wait for a key that is being made; 5,000 */
	enum skex_tls_hash hash; /* SKEX_TLS_SHA384 */
	bool certificates; /* also allow handshakes that certificates authenticate; verification is
			    * the program's then, and skex_tls_get_session tells which it was */
};

/*
 * Makes every connection of a context as a client be keyed by skexd.  Asks the daemon for the
 * agent's name.  What was set goes with the context.
 * SKEX_CLIENT_USAGE: no peer, a text too long, or the context has a role already; otherwise the
 * errors of skex_client_open and skex_client_status.
 */
enum skex_client_class skex_tls_client(
	SSL_CTX *context, const struct skex_tls_options *options, struct skex_client_error *error);

/*
 * The same as a server.  Without certificates allowed, a client that offers no key, or one that is
 * not there, fails the handshake, also when the context has a certificate.
 */
enum skex_client_class skex_tls_server(
	SSL_CTX *context, const struct skex_tls_options *options, struct skex_client_error *error);

/* How a connection was keyed. */
struct skex_tls_session {
	char peer[64]; /* the agent at the other end, which the handshake has authenticated */
	char key_id[SKEX_CLIENT_ID_SIZE];
	enum skex_client_secrecy secrecy; /* of the key; the connection's is computational */
	bool confirmed;
	bool forward_secret;
};

/*
 * True, and *session set, when the handshake of this connection is over and a key of skexd made it.
 * False before, and when certificates did.  Call it after every handshake: it is the last line
 * against settings that were changed, and drops the key from memory.
 */
bool skex_tls_get_session(SSL *ssl, struct skex_tls_session *session);

/*
 * Why a handshake failed, as far as skex knows: true and *error set.  False when nothing went wrong
 * here; then OpenSSL's error queue says it.
 */
bool skex_tls_get_error(const SSL *ssl, struct skex_client_error *error);

/* ---- the importer of RFC 9258, for TLS libraries that have it ---- */

#define SKEX_TLS_IMPORT_MAX 48 /* bytes of an imported PSK */

struct skex_tls_import {
	const void *external_identity; /* at least 1 byte: for instance the key id */
	size_t external_identity_size;
	const void *context; /* who provisioned the key, and the roles of both ends */
	size_t context_size;
	bool dtls;               /* DTLS 1.3; otherwise TLS 1.3 and QUIC version 1 */
	enum skex_tls_hash hash; /* of the imported PSK */
};

/*
 * Writes the ImportedIdentity, which is the PSK identity on the wire, and sets *size, at most
 * 65,535.  SKEX_CLIENT_USAGE: a member is out of range; SKEX_CLIENT_LIMIT: out is too small.
 */
enum skex_client_class skex_tls_import_identity(const struct skex_tls_import *import, uint8_t *out,
	size_t out_size, size_t *size, struct skex_client_error *error);

/*
 * Derives the imported PSK out of an external one of at least 16 bytes, whose hash is SHA-256, and
 * sets *size: 32 or 48.  Wipe it after use.  OpenSSL cannot make the binders of imported PSKs
 * ("imp binder"): given to it, this is an external PSK like any other and not RFC 9258.
 */
enum skex_client_class skex_tls_import_psk(const void *key, size_t key_size,
	const struct skex_tls_import *import, uint8_t psk[SKEX_TLS_IMPORT_MAX], size_t *size,
	struct skex_client_error *error);

#ifdef __cplusplus
}
#endif

#endif
