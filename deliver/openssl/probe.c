/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/openssl/probe.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "core/base/mem.h"

#define KEY_MAX      64u
#define IDENTITY_MAX 256u
#define OUT_BYTES    8192u

struct skex_tls_probe {
	SSL_CTX *context;
	SSL *ssl;
	BIO *from_server; /* both belong to ssl */
	BIO *to_server;
	size_t key_size;
	uint8_t key[KEY_MAX];
	char identity[IDENTITY_MAX];
	uint8_t out[OUT_BYTES];
};

/* A suite of SHA-256, which is the hash of an external PSK of which nobody says another. */
static SSL_SESSION *make_session(SSL *ssl, const struct skex_tls_probe *probe)
{
	static const unsigned char suite[] = {0x13, 0x01}; /* TLS_AES_128_GCM_SHA256 */
	const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
	SSL_SESSION *session = SSL_SESSION_new();

	if (session != NULL && cipher != NULL &&
		SSL_SESSION_set1_master_key(session, probe->key, probe->key_size) == 1 &&
		SSL_SESSION_set_cipher(session, cipher) == 1 &&
		SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1)
		return session;
	SSL_SESSION_free(session);
	return NULL;
}

/* Only suites of its hash are offered, so md is of no interest. */
static int use_session(SSL *ssl, const EVP_MD *md, const unsigned char **identity,
	size_t *identity_size, SSL_SESSION **session)
{
	const struct skex_tls_probe *probe = SSL_get_app_data(ssl);

	(void)md;
	*session = make_session(ssl, probe);
	*identity = (const unsigned char *)probe->identity;
	*identity_size = strlen(probe->identity);
	return *session != NULL;
}

/* A server that shows a certificate did not take the key. */
static int refuse_certificate(X509_STORE_CTX *store, void *argument)
{
	(void)argument;
	X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

static bool set_up(struct skex_tls_probe *probe)
{
	probe->context = SSL_CTX_new(TLS_client_method());
	if (probe->context == NULL ||
		SSL_CTX_set_min_proto_version(probe->context, TLS1_3_VERSION) != 1 ||
		SSL_CTX_set_ciphersuites(
			probe->context, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") != 1)
		return false;
	SSL_CTX_set_psk_use_session_callback(probe->context, use_session);
	SSL_CTX_set_verify(probe->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(probe->context, refuse_certificate, NULL);
	probe->ssl = SSL_new(probe->context);
	probe->from_server = BIO_new(BIO_s_mem());
	probe->to_server = BIO_new(BIO_s_mem());
	if (probe->ssl == NULL || probe->from_server == NULL || probe->to_server == NULL) {
		BIO_free(probe->from_server);
		BIO_free(probe->to_server);
		return false;
	}
	SSL_set_bio(probe->ssl, probe->from_server, probe->to_server);
	SSL_set_app_data(probe->ssl, probe);
	SSL_set_connect_state(probe->ssl);
	return true;
}

enum skex_error skex_tls_probe_new(
	const char *identity, struct skex_view key, struct skex_tls_probe **out)
{
	struct skex_tls_probe *probe;

	if (strlen(identity) >= IDENTITY_MAX || key.size < 16 || key.size > KEY_MAX)
		return SKEX_E_ARGUMENT;
	probe = OPENSSL_zalloc(sizeof(*probe));
	if (probe == NULL)
		return SKEX_E_MEMORY;
	memcpy(probe->identity, identity, strlen(identity));
	memcpy(probe->key, key.data, key.size);
	probe->key_size = key.size;
	if (!set_up(probe)) {
		skex_tls_probe_free(probe);
		return SKEX_E_MEMORY;
	}
	*out = probe;
	return SKEX_OK;
}

void skex_tls_probe_free(struct skex_tls_probe *probe)
{
	if (probe == NULL)
		return;
	SSL_free(probe->ssl);
	SSL_CTX_free(probe->context);
	OPENSSL_clear_free(probe, sizeof(*probe));
}

/* Alerts of the server are reasons from SSL_AD_REASON_OFFSET on. */
static enum skex_tls_verdict verdict_of(unsigned long error)
{
	const int reason = ERR_GET_REASON(error);

	if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason != SSL_R_TLSV1_ALERT_PROTOCOL_VERSION &&
		(reason > SSL_AD_REASON_OFFSET || reason == SSL_R_CERTIFICATE_VERIFY_FAILED))
		return SKEX_TLS_REFUSED;
	return SKEX_TLS_STRANGE;
}

enum skex_tls_verdict skex_tls_probe_step(
	struct skex_tls_probe *probe, struct skex_view in, struct skex_view *out)
{
	int result;
	int size;

	*out = skex_view(NULL, 0);
	if (in.size > INT32_MAX ||
		(in.size > 0 &&
			BIO_write(probe->from_server, in.data, (int)in.size) != (int)in.size))
		return SKEX_TLS_STRANGE;
	ERR_clear_error();
	result = SSL_do_handshake(probe->ssl);
	if (result == 1)
		return SSL_session_reused(probe->ssl) == 1 ? SKEX_TLS_TAKEN : SKEX_TLS_REFUSED;
	if (SSL_get_error(probe->ssl, result) != SSL_ERROR_WANT_READ)
		return verdict_of(ERR_peek_error());
	size = BIO_read(probe->to_server, probe->out, sizeof(probe->out));
	if (size > 0)
		*out = skex_view(probe->out, (size_t)size);
	return SKEX_TLS_GOING;
}
