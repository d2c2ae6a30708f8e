/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cursor.h"
#include "core/base/mem.h"
#include "crypto/openssl_hash.h"
#include "deliver/openssl/tls.h"

/* The part of a handshake that is ours: a key, and the PSK that is made of it. */

const struct skex_crypto skex_lib_tls_crypto = {
	.sha256 = skex_openssl_sha256,
	.hmac_sha256 = skex_openssl_hmac_sha256,
};

#define KEY_BITS 256u

/* What a suite of the hash is called in a session: one stands for all of its hash. */
static const unsigned char *suite_of(enum skex_tls_hash hash)
{
	static const unsigned char sha384[] = {0x13, 0x02}; /* TLS_AES_256_GCM_SHA384 */
	static const unsigned char sha256[] = {0x13, 0x01}; /* TLS_AES_128_GCM_SHA256 */

	return hash == SKEX_TLS_SHA384 ? sha384 : sha256;
}

static size_t psk_size(enum skex_tls_hash hash)
{
	return hash == SKEX_TLS_SHA384 ? 48 : 32;
}

bool skex_lib_tls_derive_psk(const struct tls_binding *binding,
	const uint8_t key[static SKEX_HASH_BYTES], uint8_t psk[static TLS_PSK_MAX])
{
	uint8_t bytes[SKEX_KDF_CONTEXT_MAX];
	struct skex_writer writer;
	size_t size;

	skex_writer_init(&writer, bytes, sizeof(bytes));
	skex_write_lp8(&writer, binding->purpose);
	skex_write_lp8(&writer, skex_name_view(binding->client));
	skex_write_lp8(&writer, skex_name_view(binding->server));
	skex_write_bytes(&writer, suite_of(binding->hash), 2);
	skex_write_lp8(&writer, binding->identity);
	return skex_writer_end(&writer, &size) == SKEX_OK &&
		skex_kdf(&skex_lib_tls_crypto, key, "skex tls psk/1", skex_view(bytes, size), psk,
			psk_size(binding->hash)) == SKEX_OK;
}

static SSL_SESSION *make_session(SSL *ssl, enum skex_tls_hash hash, const uint8_t *psk)
{
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite_of(hash));
	SSL_SESSION *session = SSL_SESSION_new();

	if (session != NULL && cipher != NULL &&
		SSL_SESSION_set1_master_key(session, psk, psk_size(hash)) == 1 &&
		SSL_SESSION_set_cipher(session, cipher) == 1 &&
		SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

/* ---- a key of the daemon ---- */

static bool fail(struct tls_connection *connection, enum skex_client_class error_class,
	const char *code, const char *act, const char *what)
{
	connection->failed = true;
	(void)skex_lib_tls_fail(&connection->error, error_class, code, act, what);
	return false;
}

/* What was known of an earlier handshake on the same SSL. */
static void forget(struct tls_connection *connection)
{
	SSL_SESSION_free(connection->psk);
	memset(connection, 0, sizeof(*connection));
}

/* One fresh key towards the server's agent, or the one that a client offers. */
static enum skex_client_class take_key(const struct tls_context *tls, const char *other,
	const char *key_id, struct skex_client_keys **keys, struct skex_client_error *error)
{
	struct skex_client_request request = {.peer = other,
		.purpose = tls->purpose,
		.require = tls->require,
		.bits = KEY_BITS,
		.wait_ms = tls->wait_ms};
	struct skex_client *client;
	enum skex_client_class result = skex_client_open(tls->socket, &client, error);

	if (result != SKEX_CLIENT_OK)
		return result;
	if (!tls->server) {
		result = skex_client_get(client, &request, keys, error);
	} else {
		/* The client has it confirmed: it is here now or never. */
		request.wait_ms = 0;
		result = skex_client_fetch(client, &request, &key_id, 1, keys, error);
	}
	skex_client_close(client);
	return result;
}

static void describe(struct tls_connection *connection, const struct skex_name *other,
	const struct skex_client_key *key)
{
	struct skex_tls_session *session = &connection->session;

	memcpy(session->peer, other->text, sizeof(session->peer));
	memcpy(session->key_id, key->id, sizeof(session->key_id));
	session->secrecy = key->secrecy;
	session->confirmed = key->confirmed;
	session->forward_secret = key->forward_secret;
}

/* identity->key_id is what a server wants, and what a client gets. */
static bool key_connection(SSL *ssl, const struct tls_context *tls,
	struct tls_connection *connection, const struct skex_name *other,
	struct skex_identity *identity)
{
	struct tls_binding binding = {.purpose = skex_view(tls->purpose, strlen(tls->purpose)),
		.client = tls->server ? other : &tls->own,
		.server = tls->server ? &tls->own : other,
		.hash = tls->hash};
	struct skex_client_keys *keys;
	uint8_t psk[TLS_PSK_MAX];
	bool good;

	if (take_key(tls, other->text, identity->key_id, &keys, &connection->error) !=
		SKEX_CLIENT_OK) {
		connection->failed = true;
		return false;
	}
	memcpy(identity->key_id, keys->list[0].id, sizeof(identity->key_id));
	connection->identity_size = skex_identity_print(identity, connection->identity);
	binding.identity = skex_view(connection->identity, connection->identity_size);
	describe(connection, other, &keys->list[0]);
	good = keys->list[0].size == SKEX_HASH_BYTES &&
		skex_lib_tls_derive_psk(&binding, keys->list[0].bytes, psk);
	skex_client_keys_free(keys);
	if (good) {
		connection->psk = make_session(ssl, tls->hash, psk);
		skex_wipe(psk, sizeof(psk));
	}
	return connection->psk != NULL ||
		fail(connection, SKEX_CLIENT_ENVIRONMENT, "openssl",
			"look at OpenSSL's error queue", "OpenSSL cannot make a PSK of the key");
}

/* The caller of OpenSSL's callbacks takes a reference. */
static bool give(const struct tls_connection *connection, SSL_SESSION **psk)
{
	if (SSL_SESSION_up_ref(connection->psk) != 1)
		return false;
	*psk = connection->psk;
	return true;
}

/* ---- client ---- */

/* Called for each hello: the first without md, and after a HelloRetryRequest with that of the suite
 * that the server chose. */
int skex_lib_tls_use_session(SSL *ssl, const EVP_MD *md, const unsigned char **identity,
	size_t *identity_size, SSL_SESSION **psk)
{
	const struct tls_context *tls = skex_lib_tls_context_get(SSL_get_SSL_CTX(ssl));
	struct tls_connection *connection = skex_lib_tls_connection(ssl);
	struct skex_identity fresh = {.key_id = ""};

	if (tls == NULL || connection == NULL)
		return 0;
	if (md == NULL) {
		forget(connection);
		fresh.from = tls->own;
		if (!key_connection(ssl, tls, connection, &tls->peer, &fresh))
			return 0;
	} else if (EVP_MD_get_type(md) !=
		(tls->hash == SKEX_TLS_SHA384 ? NID_sha384 : NID_sha256)) {
		/* Passing the PSK over here would drop it without a word. */
		return fail(connection, SKEX_CLIENT_PEER, "wrong_hash",
			"give both ends the same hash",
			"the server chose a suite of another hash than the key's");
	}
	if (connection->psk == NULL || !give(connection, psk))
		return 0;
	*identity = (const unsigned char *)connection->identity;
	*identity_size = connection->identity_size;
	return 1;
}

int skex_lib_tls_refuse_certificate(X509_STORE_CTX *store, void *argument)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_connection *connection = ssl != NULL ? skex_lib_tls_connection(ssl) : NULL;

	(void)argument;
	if (connection != NULL)
		fail(connection, SKEX_CLIENT_PEER, "certificate",
			"check that the server is the one of the peer's agent, and takes keys",
			"the server passed the key over and showed a certificate");
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

/* ---- server ---- */

static bool check_identity(const struct tls_context *tls, struct tls_connection *connection,
	struct skex_view text, struct skex_identity *identity)
{
	if (!skex_identity_parse(identity, text, false))
		return fail(connection, SKEX_CLIENT_PEER, "bad_identity",
			"check that the client uses libskex-openssl of the same version",
			"the client's PSK identity is none of skex");
	if (skex_name_equal(&identity->from, &tls->own))
		return fail(connection, SKEX_CLIENT_PEER, "reflected",
			"look for who sends this agent's hellos back to it",
			"the client offers a key that this agent itself handed out");
	if (tls->peer.size > 0 && !skex_name_equal(&identity->from, &tls->peer))
		return fail(connection, SKEX_CLIENT_REFUSED, "other_peer",
			"name no peer, or this one, in the server's options",
			"the client is at another agent than the one that is allowed");
	return true;
}

/* The same hello, or its repetition after a HelloRetryRequest.  Who repeats another's hello does
 * not get further with it: the random comes along, but the key does not. */
static bool same_hello(SSL *ssl, struct tls_connection *connection)
{
	uint8_t random[sizeof(connection->random)] = {0};

	(void)SSL_get_client_random(ssl, random, sizeof(random));
	if (skex_view_equal(skex_view(random, sizeof(random)),
		    skex_view(connection->random, sizeof(random))))
		return true;
	forget(connection);
	memcpy(connection->random, random, sizeof(random));
	return false;
}

/* Called for each identity of each hello, until there is one. */
int skex_lib_tls_find_session(
	SSL *ssl, const unsigned char *identity, size_t identity_size, SSL_SESSION **psk)
{
	const struct skex_view text = skex_view(identity, identity_size);
	const struct tls_context *tls = skex_lib_tls_context_get(SSL_get_SSL_CTX(ssl));
	struct tls_connection *connection = skex_lib_tls_connection(ssl);
	struct skex_identity offered;

	*psk = NULL;
	if (tls == NULL || connection == NULL)
		return 0;
	if (same_hello(ssl, connection)) {
		/* The daemon is asked once for a hello, however many identities it has. */
		if (connection->psk != NULL &&
			skex_view_equal(
				text, skex_view(connection->identity, connection->identity_size)))
			return give(connection, psk);
		return tls->certificates ? 1 : 0;
	}
	if (!check_identity(tls, connection, text, &offered) ||
		!key_connection(ssl, tls, connection, &offered.from, &offered))
		return tls->certificates ? 1 : 0;
	return give(connection, psk);
}

/* Comes when no PSK was chosen, before a certificate is. */
int skex_lib_tls_no_certificate(SSL *ssl, void *argument)
{
	struct tls_connection *connection = skex_lib_tls_connection(ssl);

	(void)argument;
	if (connection != NULL && !connection->failed)
		fail(connection, SKEX_CLIENT_PEER, "no_key",
			"give the client skex_tls_client with the same hash",
			"the client offers no key");
	return 0;
}

/* ---- what came of it ---- */

bool skex_tls_get_session(SSL *ssl, struct skex_tls_session *session)
{
	struct tls_connection *connection = skex_lib_tls_connection_get(ssl);

	if (connection == NULL || SSL_is_init_finished(ssl) != 1)
		return false;
	SSL_SESSION_free(connection->psk);
	connection->psk = NULL;
	if (SSL_session_reused(ssl) != 1 || connection->identity_size == 0)
		return false;
	*session = connection->session;
	return true;
}

bool skex_tls_get_error(const SSL *ssl, struct skex_client_error *error)
{
	const struct tls_connection *connection = skex_lib_tls_connection_get(ssl);

	if (connection == NULL || !connection->failed)
		return false;
	*error = connection->error;
	return true;
}
