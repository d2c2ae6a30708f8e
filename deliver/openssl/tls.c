/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/openssl/tls.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PURPOSE_DEFAULT "tls:default"
#define WAIT_DEFAULT_MS 5000u /* the first keys of a purpose have to be made */

enum skex_client_class skex_lib_tls_fail(struct skex_client_error *error,
	enum skex_client_class error_class, const char *code, const char *act, const char *what)
{
	if (error == NULL)
		return error_class;
	error->error_class = error_class;
	snprintf(error->code, sizeof(error->code), "%s", code);
	snprintf(error->message, sizeof(error->message), "%s", what);
	snprintf(error->act, sizeof(error->act), "%s", act);
	return error_class;
}

/* ---- application data of OpenSSL's objects ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int context_index = -1;
static int connection_index = -1;

static void context_free(
	void *parent, void *value, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
	struct tls_context *tls = value;

	(void)parent, (void)data, (void)index, (void)number, (void)pointer;
	if (tls != NULL)
		free(tls->socket);
	free(tls);
}

static void connection_free(
	void *parent, void *value, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
	struct tls_connection *connection = value;

	(void)parent, (void)data, (void)index, (void)number, (void)pointer;
	if (connection != NULL)
		SSL_SESSION_free(connection->psk);
	free(connection);
}

/* A copy of a connection has no key yet. */
static int connection_dup(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **value, int index,
	long number, void *pointer)
{
	(void)to, (void)from, (void)index, (void)number, (void)pointer;
	*value = NULL;
	return 1;
}

static void make_indices(void)
{
	context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, context_free);
	connection_index = SSL_get_ex_new_index(0, NULL, NULL, connection_dup, connection_free);
}

const struct tls_context *skex_lib_tls_context_get(const SSL_CTX *context)
{
	return SSL_CTX_get_ex_data(context, context_index);
}

struct tls_connection *skex_lib_tls_connection_get(const SSL *ssl)
{
	return connection_index < 0 ? NULL : SSL_get_ex_data(ssl, connection_index);
}

struct tls_connection *skex_lib_tls_connection(SSL *ssl)
{
	struct tls_connection *connection = skex_lib_tls_connection_get(ssl);

	if (connection != NULL)
		return connection;
	connection = calloc(1, sizeof(*connection));
	if (connection != NULL && SSL_set_ex_data(ssl, connection_index, connection) != 1) {
		free(connection);
		return NULL;
	}
	return connection;
}

/* ---- setting up ---- */

static enum skex_client_class no_memory(struct skex_client_error *error)
{
	return skex_lib_tls_fail(
		error, SKEX_CLIENT_ENVIRONMENT, "memory", "free memory", "there is no memory");
}

static enum skex_client_class misuse(struct skex_client_error *error, const char *what)
{
	return skex_lib_tls_fail(error, SKEX_CLIENT_USAGE, "bad_options", "mend the program", what);
}

/* The name of our agent, which its peers know it by. */
static enum skex_client_class ask_name(struct tls_context *tls, struct skex_client_error *error)
{
	struct skex_client *client;
	enum skex_client_class result = skex_client_open(tls->socket, &client, error);
	char *text = NULL;
	json_t *status;
	const char *name;

	if (result != SKEX_CLIENT_OK)
		return result;
	result = skex_client_status(client, &text, error);
	skex_client_close(client);
	if (result != SKEX_CLIENT_OK)
		return result;
	status = json_loads(text, 0, NULL);
	skex_client_text_free(text);
	name = json_string_value(json_object_get(status, "name"));
	if (name == NULL || !skex_name_parse(&tls->own, skex_view(name, strlen(name))))
		result = skex_lib_tls_fail(error, SKEX_CLIENT_PEER, "bad_answer",
			"check that the socket is skexd's and that library and daemon fit",
			"the daemon does not say its agent's name");
	json_decref(status);
	return result;
}

static enum skex_client_class read_options(struct tls_context *tls,
	const struct skex_tls_options *options, struct skex_client_error *error)
{
	const char *purpose = options->purpose != NULL ? options->purpose : PURPOSE_DEFAULT;

	if (options->peer == NULL && !tls->server)
		return misuse(error, "a client has to say at which agent the server is: peer");
	if (options->peer != NULL &&
		!skex_name_parse(&tls->peer, skex_view(options->peer, strlen(options->peer))))
		return misuse(error, "peer is no name of an agent");
	if (!skex_purpose_valid(skex_view(purpose, strlen(purpose))))
		return misuse(error, "purpose is not KIND:NAME, of at most 191 bytes");
	if (options->hash != SKEX_TLS_SHA384 && options->hash != SKEX_TLS_SHA256)
		return misuse(error, "hash is neither SHA-384 nor SHA-256");
	memcpy(tls->purpose, purpose, strlen(purpose) + 1);
	tls->require = options->require;
	tls->wait_ms = options->wait_ms != 0 ? options->wait_ms : WAIT_DEFAULT_MS;
	tls->hash = options->hash;
	tls->certificates = options->certificates;
	if (options->socket != NULL) {
		tls->socket = strdup(options->socket);
		if (tls->socket == NULL)
			return no_memory(error);
	}
	return SKEX_CLIENT_OK;
}

/* Nothing that a PSK of one hash and one use does not fit. */
static bool restrict_context(SSL_CTX *context, const struct tls_context *tls)
{
	const char *suites = tls->hash == SKEX_TLS_SHA384
		? "TLS_AES_256_GCM_SHA384"
		: "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";

	SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	SSL_CTX_clear_options(context, SSL_OP_ALLOW_NO_DHE_KEX);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	/* Until TLS 1.4 is looked at. */
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
		SSL_CTX_set_ciphersuites(context, suites) == 1 &&
		SSL_CTX_set_num_tickets(context, 0) == 1 &&
		SSL_CTX_set_max_early_data(context, 0) == 1;
}

static void set_callbacks(SSL_CTX *context, const struct tls_context *tls)
{
	if (tls->server)
		SSL_CTX_set_psk_find_session_callback(context, skex_lib_tls_find_session);
	else
		SSL_CTX_set_psk_use_session_callback(context, skex_lib_tls_use_session);
	if (tls->certificates)
		return;
	if (tls->server) {
		SSL_CTX_set_cert_cb(context, skex_lib_tls_no_certificate, NULL);
	} else {
		/* Without this a server could pass the key over and show any certificate. */
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
		SSL_CTX_set_cert_verify_callback(context, skex_lib_tls_refuse_certificate, NULL);
	}
}

static enum skex_client_class fill(SSL_CTX *context, struct tls_context *tls,
	const struct skex_tls_options *options, struct skex_client_error *error)
{
	enum skex_client_class result = read_options(tls, options, error);

	if (result == SKEX_CLIENT_OK)
		result = ask_name(tls, error);
	if (result == SKEX_CLIENT_OK && skex_name_equal(&tls->own, &tls->peer))
		result = misuse(error, "peer is the agent on this machine");
	if (result == SKEX_CLIENT_OK && !restrict_context(context, tls))
		result = misuse(error, "the SSL_CTX cannot do TLS 1.3 with the suites of the hash");
	if (result == SKEX_CLIENT_OK && SSL_CTX_set_ex_data(context, context_index, tls) != 1)
		result = no_memory(error);
	return result;
}

static enum skex_client_class set_up(SSL_CTX *context, const struct skex_tls_options *options,
	bool server, struct skex_client_error *error)
{
	enum skex_client_class result;
	struct tls_context *tls;

	if (pthread_once(&once, make_indices) != 0 || context_index < 0 || connection_index < 0)
		return no_memory(error);
	if (skex_lib_tls_context_get(context) != NULL)
		return misuse(error, "the SSL_CTX has a role already");
	tls = calloc(1, sizeof(*tls));
	if (tls == NULL)
		return no_memory(error);
	tls->server = server;
	result = fill(context, tls, options, error);
	if (result == SKEX_CLIENT_OK) {
		set_callbacks(context, tls);
	} else {
		free(tls->socket);
		free(tls);
	}
	return result;
}

enum skex_client_class skex_tls_client(
	SSL_CTX *context, const struct skex_tls_options *options, struct skex_client_error *error)
{
	return set_up(context, options, false, error);
}

enum skex_client_class skex_tls_server(
	SSL_CTX *context, const struct skex_tls_options *options, struct skex_client_error *error)
{
	return set_up(context, options, true, error);
}
