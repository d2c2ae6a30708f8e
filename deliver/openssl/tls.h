/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_DELIVER_OPENSSL_TLS_H
#define SKEX_DELIVER_OPENSSL_TLS_H

#include <skex/openssl.h>

#include "core/auth/crypto.h"
#include "core/wire/common.h"
#include "deliver/openssl/identity.h"

/*
 * What a context and its connections carry, in the application data of OpenSSL's objects.  Names
 * that are not public begin with skex_lib, for whoever links libskex-openssl.a.
 */

/* A context in its role. */
struct tls_context {
	bool server;
	char *socket; /* NULL: the default */
	struct skex_name own;
	struct skex_name peer; /* empty: any */
	char purpose[SKEX_PURPOSE_MAX + 1];
	uint32_t require;
	uint32_t wait_ms;
	enum skex_tls_hash hash;
	bool certificates;
};

/* A connection, from its first hello on. */
struct tls_connection {
	SSL_SESSION *psk; /* kept for the second hello after a HelloRetryRequest; NULL afterwards */
	char identity[SKEX_IDENTITY_MAX + 1];
	size_t identity_size;
	uint8_t random[32]; /* of the hello for which a server fetched the key */
	struct skex_tls_session session;
	bool failed;
	struct skex_client_error error;
};

/* What the application data of an SSL_CTX and an SSL is; NULL when there is none.
 * skex_lib_tls_connection makes it; NULL when there is no memory. */
const struct tls_context *skex_lib_tls_context_get(const SSL_CTX *context);
struct tls_connection *skex_lib_tls_connection_get(const SSL *ssl);
struct tls_connection *skex_lib_tls_connection(SSL *ssl);

/* The callbacks of OpenSSL. */
int skex_lib_tls_use_session(SSL *ssl, const EVP_MD *md, const unsigned char **identity,
	size_t *identity_size, SSL_SESSION **psk);
int skex_lib_tls_find_session(
	SSL *ssl, const unsigned char *identity, size_t identity_size, SSL_SESSION **psk);
int skex_lib_tls_no_certificate(SSL *ssl, void *argument);
int skex_lib_tls_refuse_certificate(X509_STORE_CTX *store, void *argument);

#define TLS_PSK_MAX 48u

/* What a PSK is for. */
struct tls_binding {
	struct skex_view purpose;
	const struct skex_name *client; /* agents */
	const struct skex_name *server;
	enum skex_tls_hash hash;
	struct skex_view identity;
};

/*
 * KDF(key, "skex tls psk/1", lp8(purpose) lp8(client) lp8(server) u16 suite lp8(identity), size of
 * the hash): a key serves one purpose, one client, one server and one hash.  suite is 0x1302 for
 * SHA-384 and 0x1301 for SHA-256.  False when it cannot be made.
 */
bool skex_lib_tls_derive_psk(const struct tls_binding *binding,
	const uint8_t key[static SKEX_HASH_BYTES], uint8_t psk[static TLS_PSK_MAX]);

/* Fills *error, when it is there, and gives the class. */
enum skex_client_class skex_lib_tls_fail(struct skex_client_error *error,
	enum skex_client_class error_class, const char *code, const char *act, const char *what);

/* SHA-256 of libcrypto, as the core asks for it; no AEAD. */
extern const struct skex_crypto skex_lib_tls_crypto;

#endif
