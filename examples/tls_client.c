/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <skex/openssl.h>

/*
 * TLS 1.3 to a server at the agent PEER, with a fresh key for each line of standard input:
 *
 *	tls_client HOST:PORT PEER
 *
 *	cc tls_client.c -lskex-openssl -lskex -lssl -lcrypto
 */

static int explain(const SSL *ssl)
{
	struct skex_client_error error;

	if (skex_tls_get_error(ssl, &error))
		fprintf(stderr, "%s; %s\n", error.message, error.act);
	else
		ERR_print_errors_fp(stderr);
	return 1;
}

static int say(SSL_CTX *context, char *address, const char *line)
{
	BIO *bio = BIO_new_ssl_connect(context);
	struct skex_tls_session session;
	char answer[256];
	SSL *ssl = NULL;
	int size;

	BIO_get_ssl(bio, &ssl);
	BIO_set_conn_hostname(bio, address);
	if (BIO_do_connect(bio) != 1 || !skex_tls_get_session(ssl, &session)) {
		int code = explain(ssl);

		BIO_free_all(bio);
		return code;
	}
	BIO_write(bio, line, (int)strlen(line));
	size = BIO_read(bio, answer, sizeof(answer));
	printf("%s %s %s %.*s", session.peer, session.key_id, SSL_get_cipher(ssl),
		size > 0 ? size : 0, answer);
	fflush(stdout);
	BIO_free_all(bio);
	return size > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct skex_tls_options options = {.peer = argc > 2 ? argv[2] : NULL};
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct skex_client_error error;
	enum skex_client_class result;
	char line[256];
	int code = 0;

	if (argc != 3 || context == NULL) {
		fprintf(stderr, "usage: tls_client HOST:PORT PEER\n");
		return 1;
	}
	result = skex_tls_client(context, &options, &error);
	if (result != SKEX_CLIENT_OK) {
		fprintf(stderr, "%s; %s\n", error.message, error.act);
		code = (int)result;
	}
	while (code == 0 && fgets(line, sizeof(line), stdin) != NULL)
		code = say(context, argv[1], line);
	SSL_CTX_free(context);
	return code;
}
