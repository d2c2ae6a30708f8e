/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "deliver/openssl/probe.h"

/* A server of OpenSSL, in memory. */
struct server {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in;
	BIO *out;
};

static const uint8_t key[32] = "thirty-two bytes that are a key";
static const uint8_t other_key[32] = "thirty-two bytes of another key";
static const char identity[] = "lab.01000000-0000-0000-0000-000000000000";

static int find_session(SSL *ssl, const unsigned char *name, size_t size, SSL_SESSION **session)
{
	static const unsigned char suite[] = {0x13, 0x01};

	*session = NULL;
	if (size != strlen(identity) || memcmp(name, identity, size) != 0)
		return 1;
	*session = SSL_SESSION_new();
	assert_int_equal(SSL_SESSION_set1_master_key(*session, key, sizeof(key)), 1);
	assert_int_equal(SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, suite)), 1);
	assert_int_equal(SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION), 1);
	return 1;
}

/* So that it can be asked in another way. */
static void give_certificate(SSL_CTX *context)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	assert_non_null(pair);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
	assert_int_equal(X509_set_pubkey(certificate, pair), 1);
	assert_true(X509_sign(certificate, pair, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, pair), 1);
	X509_free(certificate);
	EVP_PKEY_free(pair);
}

static struct server make_server(int version, bool certificate)
{
	struct server server = {.context = SSL_CTX_new(TLS_server_method())};

	assert_non_null(server.context);
	assert_int_equal(SSL_CTX_set_min_proto_version(server.context, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(server.context, version), 1);
	SSL_CTX_set_psk_find_session_callback(server.context, find_session);
	if (certificate)
		give_certificate(server.context);
	server.ssl = SSL_new(server.context);
	server.in = BIO_new(BIO_s_mem());
	server.out = BIO_new(BIO_s_mem());
	assert_non_null(server.ssl);
	SSL_set_bio(server.ssl, server.in, server.out);
	SSL_set_accept_state(server.ssl);
	return server;
}

static void clear_server(struct server *server)
{
	SSL_free(server->ssl);
	SSL_CTX_free(server->context);
}

/* Until one of them has nothing to say any more; what the server sends comes in pieces. */
static enum skex_tls_verdict ask(
	struct server *server, const char *name, const uint8_t *psk, int piece)
{
	enum skex_tls_verdict verdict;
	struct skex_tls_probe *probe;
	uint8_t bytes[8192];
	struct skex_view out;
	int size = 0;

	assert_int_equal(skex_tls_probe_new(name, skex_view(psk, 32), &probe), SKEX_OK);
	verdict = skex_tls_probe_step(probe, skex_view(NULL, 0), &out);
	assert_int_equal(verdict, SKEX_TLS_GOING);
	assert_true(out.size > 0);
	while (verdict == SKEX_TLS_GOING) {
		if (out.size > 0) {
			assert_int_equal(BIO_write(server->in, out.data, (int)out.size), out.size);
			(void)SSL_do_handshake(server->ssl);
		}
		size = BIO_read(server->out, bytes, piece);
		if (size <= 0)
			break;
		verdict = skex_tls_probe_step(probe, skex_view(bytes, (size_t)size), &out);
	}
	skex_tls_probe_free(probe);
	return verdict;
}

static enum skex_tls_verdict ask_once(
	int version, bool certificate, const char *name, const uint8_t *psk, int piece)
{
	struct server server = make_server(version, certificate);
	const enum skex_tls_verdict verdict = ask(&server, name, psk, piece);

	/* It never saw a client that was done. */
	assert_int_equal(SSL_is_init_finished(server.ssl), 0);
	clear_server(&server);
	return verdict;
}

static void taken(void **state)
{
	(void)state;
	assert_int_equal(ask_once(TLS1_3_VERSION, false, identity, key, 8192), SKEX_TLS_TAKEN);
	assert_int_equal(ask_once(TLS1_3_VERSION, true, identity, key, 8192), SKEX_TLS_TAKEN);
	assert_int_equal(ask_once(TLS1_3_VERSION, false, identity, key, 1), SKEX_TLS_TAKEN);
}

static void refused(void **state)
{
	(void)state;
	assert_int_equal(
		ask_once(TLS1_3_VERSION, false, identity, other_key, 8192), SKEX_TLS_REFUSED);
	assert_int_equal(ask_once(TLS1_3_VERSION, false, "another", key, 8192), SKEX_TLS_REFUSED);
	/* It would rather show a certificate, which says nothing of the key. */
	assert_int_equal(ask_once(TLS1_3_VERSION, true, "another", key, 8192), SKEX_TLS_REFUSED);
}

static void strange(void **state)
{
	static const char text[] = "220 mail.example ESMTP\r\n";
	struct skex_tls_probe *probe;
	struct skex_view out;

	(void)state;
	assert_int_equal(ask_once(TLS1_2_VERSION, true, identity, key, 8192), SKEX_TLS_STRANGE);
	assert_int_equal(skex_tls_probe_new(identity, skex_view(key, 32), &probe), SKEX_OK);
	assert_int_equal(skex_tls_probe_step(probe, skex_view(NULL, 0), &out), SKEX_TLS_GOING);
	assert_int_equal(
		skex_tls_probe_step(probe, skex_view(text, strlen(text)), &out), SKEX_TLS_STRANGE);
	assert_int_equal(out.size, 0);
	skex_tls_probe_free(probe);
}

static void bad_keys(void **state)
{
	struct skex_tls_probe *probe = NULL;
	uint8_t much[65] = {1};
	char name[300];

	(void)state;
	assert_int_equal(
		skex_tls_probe_new(identity, skex_view(much, 15), &probe), SKEX_E_ARGUMENT);
	assert_int_equal(
		skex_tls_probe_new(identity, skex_view(much, 65), &probe), SKEX_E_ARGUMENT);
	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	assert_int_equal(skex_tls_probe_new(name, skex_view(key, 32), &probe), SKEX_E_ARGUMENT);
	assert_null(probe);
	skex_tls_probe_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken),
		cmocka_unit_test(refused),
		cmocka_unit_test(strange),
		cmocka_unit_test(bad_keys),
	};

	return cmocka_run_group_tests_name("deliver tls probe", tests, NULL, NULL);
}
