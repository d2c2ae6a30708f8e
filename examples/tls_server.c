/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>

#include <openssl/err.h>
#include <skex/openssl.h>

/*
 * TLS 1.3 for clients at this agent's peers; it sends back what each of them says first:
 *
 *	tls_server ADDRESS:PORT
 *
 *	cc tls_server.c -lskex-openssl -lskex -lssl -lcrypto
 */

static void serve(SSL *ssl)
{
	struct skex_tls_session session;
	struct skex_client_error error;
	char line[256];
	int size;

	if (SSL_accept(ssl) == 1 && skex_tls_get_session(ssl, &session)) {
		size = SSL_read(ssl, line, sizeof(line));
		printf("%s %s\n", session.peer, session.key_id);
		if (size > 0)
			SSL_write(ssl, line, size);
		SSL_shutdown(ssl);
	} else if (skex_tls_get_error(ssl, &error)) {
		printf("refused: %s; %s\n", error.message, error.act);
	} else {
		printf("refused: %s\n", ERR_reason_error_string(ERR_peek_error()));
	}
	ERR_clear_error();
	fflush(stdout);
}

int main(int argc, char **argv)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	BIO *listener = BIO_new_accept(argc > 1 ? argv[1] : "");
	struct skex_tls_options options = {.peer = NULL};
	struct skex_client_error error;
	enum skex_client_class result;

	signal(SIGPIPE, SIG_IGN);
	if (argc != 2 || context == NULL || BIO_do_accept(listener) != 1) {
		fprintf(stderr, "usage: tls_server ADDRESS:PORT, which is free\n");
		return 1;
	}
	result = skex_tls_server(context, &options, &error);
	if (result != SKEX_CLIENT_OK) {
		fprintf(stderr, "%s; %s\n", error.message, error.act);
		SSL_CTX_free(context);
		BIO_free_all(listener);
		return (int)result;
	}
	printf("listening\n");
	fflush(stdout);
	while (BIO_do_accept(listener) == 1) {
		BIO *connection = BIO_pop(listener);
		SSL *ssl = SSL_new(context);

		SSL_set_bio(ssl, connection, connection);
		serve(ssl);
		SSL_free(ssl);
	}
	return 1;
}
