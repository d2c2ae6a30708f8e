/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A client of a key delivery server that sends one request after the other on one kept-alive
 * connection, for benchmarks:
 * https_client HOST PORT CA CERTIFICATE KEY PATH STATUS SECONDS
 * It prints {"requests":N,"seconds":S,"rate":N/S,"us":[p50,p99,p99.9]}, or says what went wrong and
 * exits with 1; an answer of another status is wrong.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#define REQUESTS_MAX 1000000u

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "https_client: %s: %s\n", what, why);
	exit(1);
}

static int connected(const char *host, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	const int on = 1;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		fail(host, "no such host");
	int descriptor = socket(found->ai_family, SOCK_STREAM, 0);
	if (descriptor < 0 || connect(descriptor, found->ai_addr, found->ai_addrlen) != 0)
		fail(host, strerror(errno));
	setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	freeaddrinfo(found);
	return descriptor;
}

static gnutls_session_t session_open(char **argv)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;
	int error;

	gnutls_certificate_allocate_credentials(&credentials);
	if (gnutls_certificate_set_x509_trust_file(credentials, argv[3], GNUTLS_X509_FMT_PEM) < 1)
		fail(argv[3], "no CA in it");
	error = gnutls_certificate_set_x509_key_file(
		credentials, argv[4], argv[5], GNUTLS_X509_FMT_PEM);
	if (error != 0)
		fail(argv[4], gnutls_strerror(error));
	gnutls_init(&session, GNUTLS_CLIENT);
	gnutls_set_default_priority(session);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_session_set_verify_cert(session, NULL, 0);
	int descriptor = connected(argv[1], argv[2]); /* not below: that is a macro with two uses */
	gnutls_transport_set_int(session, descriptor);
	do {
		error = gnutls_handshake(session);
	} while (error < 0 && gnutls_error_is_fatal(error) == 0);
	if (error < 0)
		fail("handshake", gnutls_strerror(error));
	return session;
}

/* Reads one answer: the headers, and as much as its Content-Length says. */
static void answer_read(gnutls_session_t session, const char *status)
{
	static char answer[65536];
	size_t size = 0, wanted = 0;

	while (wanted == 0 || size < wanted) {
		ssize_t n = gnutls_record_recv(session, answer + size, sizeof(answer) - 1 - size);
		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			continue;
		if (n <= 0)
			fail("answer", n == 0 ? "closed" : gnutls_strerror((int)n));
		size += (size_t)n;
		answer[size] = '\0';
		const char *end = strstr(answer, "\r\n\r\n");
		const char *length = strstr(answer, "Content-Length: ");
		if (end != NULL && length != NULL)
			wanted = (size_t)(end + 4 - answer) + strtoul(length + 16, NULL, 10);
	}
	if (strncmp(answer, "HTTP/1.1 ", 9) != 0 || strncmp(answer + 9, status, 3) != 0)
		fail("answer", answer);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double us[REQUESTS_MAX];
	char request[512];
	size_t count = 0;

	if (argc != 9)
		fail("usage", "HOST PORT CA CERTIFICATE KEY PATH STATUS SECONDS");
	gnutls_session_t session = session_open(argv);
	int size = snprintf(
		request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", argv[6], argv[1]);
	double began = now(), end = began + strtod(argv[8], NULL), before = began;
	while (before < end && count < REQUESTS_MAX) {
		if (gnutls_record_send(session, request, (size_t)size) != size)
			fail("request", "not sent");
		answer_read(session, argv[7]);
		double after = now();
		us[count++] = (after - before) * 1e6;
		before = after;
	}
	if (count == 0)
		fail("request", "there was no time for one");
	qsort(us, count, sizeof(us[0]), compare);
	printf("{\"requests\":%zu,\"seconds\":%.3f,\"rate\":%.1f,\"us\":[%.1f,%.1f,%.1f]}\n", count,
		before - began, (double)count / (before - began), us[count / 2],
		us[count * 99 / 100], us[count * 999 / 1000]);
	return 0;
}
