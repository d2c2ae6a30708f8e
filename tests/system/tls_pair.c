/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <skex/openssl.h>

/*
 * Both ends of TLS in one process, each at its own agent, over memory:
 *
 *	tls-pair SOCKET1 SOCKET2 CERTIFICATE KEY
 *
 * for what the options say and what a program may do to its SSL_CTX afterwards.
 */

static const char *sockets[2];
static const char *certificate;
static const char *private_key;
static int count;
static int failures;

static void check(const char *name, bool good)
{
	count++;
	failures += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", count, name);
	if (!good)
		ERR_print_errors_fp(stderr);
	ERR_clear_error();
}

struct ends {
	SSL_CTX *contexts[2]; /* client, server */
	SSL *ssl[2];
};

static void wire(struct ends *ends)
{
	BIO *near, *far;

	BIO_new_bio_pair(&near, 0, &far, 0);
	SSL_set_bio(ends->ssl[0], near, near);
	SSL_set_bio(ends->ssl[1], far, far);
}

static void connect_ends(struct ends *ends)
{
	for (int i = 0; i < 2; i++) {
		SSL_free(ends->ssl[i]);
		ends->ssl[i] = SSL_new(ends->contexts[i]);
	}
	wire(ends);
	SSL_set_connect_state(ends->ssl[0]);
	SSL_set_accept_state(ends->ssl[1]);
}

static struct ends make_ends(
	const struct skex_tls_options *client, const struct skex_tls_options *server)
{
	struct skex_tls_options options[2] = {*client, *server};
	struct skex_client_error error = {.message = ""};
	struct ends ends = {.ssl = {NULL, NULL}};
	enum skex_client_class result;

	if (options[0].peer == NULL)
		options[0].peer = "agent2";
	for (int i = 0; i < 2; i++) {
		ends.contexts[i] = SSL_CTX_new(TLS_method());
		options[i].socket = sockets[i];
		result = i == 0 ? skex_tls_client(ends.contexts[i], &options[i], &error)
				: skex_tls_server(ends.contexts[i], &options[i], &error);
		if (result != SKEX_CLIENT_OK) {
			fprintf(stderr, "%s; %s\n", error.message, error.act);
			exit(1);
		}
	}
	if (SSL_CTX_use_certificate_file(ends.contexts[1], certificate, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_use_PrivateKey_file(ends.contexts[1], private_key, SSL_FILETYPE_PEM) != 1)
		exit(1);
	connect_ends(&ends);
	return ends;
}

static void free_ends(struct ends *ends)
{
	for (int i = 0; i < 2; i++) {
		SSL_free(ends->ssl[i]);
		SSL_CTX_free(ends->contexts[i]);
	}
}

/* True when the handshake was finished at both ends. */
static bool shake(struct ends *ends)
{
	for (int turn = 0; turn < 20; turn++) {
		int done = 0;

		for (int i = 0; i < 2; i++) {
			int result = SSL_do_handshake(ends->ssl[i]);

			if (result != 1 &&
				SSL_get_error(ends->ssl[i], result) != SSL_ERROR_WANT_READ)
				return false;
			done += result == 1;
		}
		if (done == 2)
			return true;
	}
	return false;
}

static bool keyed(struct ends *ends)
{
	struct skex_tls_session client, server;

	return skex_tls_get_session(ends->ssl[0], &client) &&
		skex_tls_get_session(ends->ssl[1], &server) && strcmp(client.peer, "agent2") == 0 &&
		strcmp(server.peer, "agent1") == 0 && strcmp(client.key_id, server.key_id) == 0 &&
		client.confirmed && server.confirmed;
}

static bool error_is(const SSL *ssl, const char *code)
{
	struct skex_client_error error = {.code = ""};
	bool there = skex_tls_get_error(ssl, &error);

	if (there && strcmp(error.code, code) != 0)
		fprintf(stderr, "# %s: %s\n", error.code, error.message);
	return there ? strcmp(error.code, code) == 0 : code[0] == '\0';
}

/* One pair of ends: whether the handshake succeeds, is keyed, and what either end has to say. */
static void expect(const char *name, const struct skex_tls_options *client,
	const struct skex_tls_options *server, bool success, const char *code_client,
	const char *code_server)
{
	struct ends ends = make_ends(client, server);
	struct skex_tls_session session;

	check(name,
		shake(&ends) == success &&
			(success ? keyed(&ends) : !skex_tls_get_session(ends.ssl[0], &session)) &&
			error_is(ends.ssl[0], code_client) && error_is(ends.ssl[1], code_server));
	free_ends(&ends);
}

static const struct skex_tls_options plain = {.hash = SKEX_TLS_SHA384};

static void options(void)
{
	const struct skex_tls_options sha256 = {.hash = SKEX_TLS_SHA256};
	const struct skex_tls_options both = {.certificates = true};
	const struct skex_tls_options agent1 = {.peer = "agent1"};
	const struct skex_tls_options agent3 = {.peer = "agent3"};
	const struct skex_tls_options purpose = {.purpose = "tls:other"};
	const struct skex_tls_options its = {.require = SKEX_CLIENT_REQUIRE_ITS};

	expect("SHA-384", &plain, &plain, true, "", "");
	expect("SHA-256", &sha256, &sha256, true, "", "");
	expect("a client of SHA-256 only", &sha256, &plain, false, "", "");
	expect("a server of SHA-256 only", &plain, &sha256, false, "", "");
	expect("the one peer that is allowed", &plain, &agent1, true, "", "");
	expect("another peer", &plain, &agent3, false, "", "other_peer");
	expect("another purpose at both ends", &purpose, &purpose, true, "", "");
	expect("another purpose at one end", &purpose, &plain, false, "", "unknown_key");
	expect("keyed, though certificates are allowed", &both, &both, true, "", "");
	expect("what is required of the key", &its, &plain, false, "not_its", "");
}

static void usage(void)
{
	const struct skex_tls_options bad[] = {{.peer = NULL}, {.peer = "Agent 2"},
		{.peer = "agent2", .purpose = "tls: x"},
		{.peer = "agent2", .hash = (enum skex_tls_hash)7}};
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	struct skex_tls_options good = {.peer = "agent2", .socket = sockets[0]};
	struct skex_client_error error;
	bool refused = true;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused = skex_tls_client(context, &bad[i], &error) == SKEX_CLIENT_USAGE && refused;
	check("options that make no sense are refused", refused);
	check("the context can still be used",
		skex_tls_client(context, &good, &error) == SKEX_CLIENT_OK);
	check("in one role",
		skex_tls_server(context, &good, &error) == SKEX_CLIENT_USAGE &&
			strstr(error.message, "role") != NULL);
	SSL_CTX_free(context);
}

/* ---- certificates ---- */

static void certificates(void)
{
	const struct skex_tls_options both = {.certificates = true};
	struct skex_tls_session session;
	struct ends ends = make_ends(&plain, &plain);

	/* A client that knows nothing of skex. */
	SSL_CTX_free(ends.contexts[0]);
	ends.contexts[0] = SSL_CTX_new(TLS_client_method());
	connect_ends(&ends);
	check("a server with a certificate does not show it by itself",
		!shake(&ends) && error_is(ends.ssl[1], "no_key"));
	free_ends(&ends);

	ends = make_ends(&plain, &both);
	SSL_CTX_free(ends.contexts[0]);
	ends.contexts[0] = SSL_CTX_new(TLS_client_method());
	connect_ends(&ends);
	check("it does when it is allowed", shake(&ends));
	check("and that is no connection of skex",
		!skex_tls_get_session(ends.ssl[1], &session) && error_is(ends.ssl[1], ""));
	free_ends(&ends);

	ends = make_ends(&both, &plain);
	SSL_CTX_free(ends.contexts[1]);
	ends.contexts[1] = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate_file(ends.contexts[1], certificate, SSL_FILETYPE_PEM);
	SSL_CTX_use_PrivateKey_file(ends.contexts[1], private_key, SSL_FILETYPE_PEM);
	connect_ends(&ends);
	check("a client takes one when it is allowed",
		shake(&ends) && !skex_tls_get_session(ends.ssl[0], &session));
	free_ends(&ends);

	/* A server that has another key under the identity is the same as one without. */
	ends = make_ends(&plain, &both);
	SSL_CTX_set_psk_find_session_callback(ends.contexts[1], NULL);
	connect_ends(&ends);
	check("otherwise it refuses it", !shake(&ends) && error_is(ends.ssl[0], "certificate"));
	free_ends(&ends);
}

/* ---- one key, one handshake ---- */

static void once(void)
{
	struct ends ends = make_ends(&plain, &plain);
	struct skex_tls_session first, second;
	SSL_SESSION *session;
	char byte;

	check("not keyed before the handshake", !skex_tls_get_session(ends.ssl[0], &first));
	check("a handshake", shake(&ends) && keyed(&ends));
	skex_tls_get_session(ends.ssl[0], &first);
	/* Whatever the server still has to say would come now. */
	SSL_read(ends.ssl[0], &byte, 1);
	session = SSL_get1_session(ends.ssl[0]);
	check("no ticket came",
		SSL_SESSION_has_ticket(session) == 0 &&
			SSL_SESSION_get_max_early_data(session) == 0);
	connect_ends(&ends);
	SSL_set_session(ends.ssl[0], session);
	SSL_SESSION_free(session);
	check("a session is not resumed: a fresh key",
		shake(&ends) && keyed(&ends) && skex_tls_get_session(ends.ssl[0], &second) &&
			strcmp(first.key_id, second.key_id) != 0);
	free_ends(&ends);
}

/* The same SSL once more, whose client did not ask how the first connection was keyed: it has a
 * fresh key nevertheless, and its server fetches it. */
static void again(void)
{
	struct ends ends = make_ends(&plain, &plain);
	struct skex_tls_session first, second;
	bool good = shake(&ends) && skex_tls_get_session(ends.ssl[1], &first);

	SSL_set_shutdown(ends.ssl[0], SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_shutdown(ends.ssl[1], SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	good = good && SSL_clear(ends.ssl[0]) == 1 && SSL_clear(ends.ssl[1]) == 1;
	wire(&ends);
	check("the same SSL once more has another key",
		good && shake(&ends) && keyed(&ends) &&
			skex_tls_get_session(ends.ssl[0], &second) &&
			strcmp(first.key_id, second.key_id) != 0);
	free_ends(&ends);
}

/* The server answers with a HelloRetryRequest, and with a suite that the client's key is not for.
 */
static void retry(void)
{
	const struct skex_tls_options both = {.certificates = true};
	struct ends ends = make_ends(&plain, &both);
	int groups[] = {NID_secp384r1};

	SSL_set1_groups(ends.ssl[1], groups, 1);
	check("after a HelloRetryRequest, the same key", shake(&ends) && keyed(&ends));
	connect_ends(&ends);
	SSL_set1_groups(ends.ssl[1], groups, 1);
	SSL_set_ciphersuites(ends.ssl[0], "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384");
	SSL_set_ciphersuites(ends.ssl[1], "TLS_AES_128_GCM_SHA256");
	check("a suite of another hash is refused in words",
		!shake(&ends) && error_is(ends.ssl[0], "wrong_hash"));
	free_ends(&ends);
}

static void import(void)
{
	static const uint8_t key[32] = {1};
	struct skex_tls_import to = {.external_identity = "id",
		.external_identity_size = 2,
		.context = "a>b",
		.context_size = 3,
		.hash = SKEX_TLS_SHA256};
	static const uint8_t wire[] = {0, 2, 'i', 'd', 0, 3, 'a', '>', 'b', 3, 4, 0, 1};
	uint8_t out[64], psk[SKEX_TLS_IMPORT_MAX];
	struct skex_client_error error;
	size_t size = 0;

	check("an identity is imported",
		skex_tls_import_identity(&to, out, sizeof(out), &size, &error) == SKEX_CLIENT_OK &&
			size == sizeof(wire) && memcmp(out, wire, size) == 0);
	check("a key is imported for SHA-256",
		skex_tls_import_psk(key, 32, &to, psk, &size, &error) == SKEX_CLIENT_OK &&
			size == 32);
	to.hash = SKEX_TLS_SHA384;
	check("and for SHA-384",
		skex_tls_import_psk(key, 32, &to, psk, &size, &error) == SKEX_CLIENT_OK &&
			size == 48);
	check("a short key is not",
		skex_tls_import_psk(key, 15, &to, psk, &size, &error) == SKEX_CLIENT_USAGE);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 1;
	sockets[0] = argv[1];
	sockets[1] = argv[2];
	certificate = argv[3];
	private_key = argv[4];
	options();
	usage();
	certificates();
	once();
	again();
	retry();
	import();
	printf("1..%d\n", count);
	return failures > 0;
}
