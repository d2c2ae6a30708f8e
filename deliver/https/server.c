/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/server.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/server.h"
#include "core/base/mem.h"
#include "deliver/https/connection.h"
#include "deliver/https/listen.h"
#include "deliver/https/psk.h"
#include "platform/confine.h"
#include "platform/memory.h"
#include "platform/posix.h"

#define SWEEP_MS       1000u
#define QUIET_MS       10000u /* between two lines about clients */
#define IDLE_S         60u
#define HEADERS_MAX    16384u /* bytes of memory that one request line and its headers may take */
#define TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

/* Ciphers of 256 bits only, like the keys.  In TLS 1.3 the hash of an external PSK is SHA-256, with
 * which no AES of 256 bits goes, so that ChaCha20 is left; a list has one set of ciphers for both
 * versions, so that AES of 128 bits for the one would be in the other as well. */
#define PSK_PRIORITIES                                                                             \
	"NONE:+VERS-TLS1.3:+VERS-TLS1.2:+DHE-PSK:+ECDHE-PSK:+PSK:+AES-256-GCM:+AES-256-CBC:"       \
	"+CHACHA20-POLY1305:+AEAD:+SHA384:+SHA256:+SHA1:+COMP-NULL:+GROUP-ALL:"                    \
	"+SIGN-ALL:+CTYPE-X509:%SERVER_PRECEDENCE"

struct server {
	const struct skex_https_service *service;
	struct skex_https_backend *backend;
	char *psks; /* the text of the file; NULL: certificates */
	struct skex_https_connections *connections;
	struct MHD_Daemon *daemon;
	int signals;
	uint64_t sweep_ms;
	uint64_t told_ms;
	uint32_t refused;
};

/* One service in a process. */
static const char *log_label = "";

static void log_line(enum skex_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void log_line(enum skex_level level, const char *format, ...)
{
	char line[640];
	va_list arguments;
	size_t at = (size_t)snprintf(line, sizeof(line), "%s: ", log_label);

	va_start(arguments, format);
	vsnprintf(line + at, sizeof(line) - at, format, arguments);
	va_end(arguments);
	skex_posix_log(NULL, level, line);
}

/* The library has a line for every client that misbehaves: they are counted by us instead. */
static void log_library(void *context, const char *format, va_list arguments)
{
	(void)context;
	(void)format;
	(void)arguments;
}

/* ---- start ---- */

struct files {
	char *ca;
	char *certificate;
	char *key;
};

static enum skex_error file_load(const char *path, const char *what, char **text)
{
	enum skex_error error = skex_https_file_read(path, text);

	if (error != SKEX_OK)
		log_line(SKEX_LEVEL_ERROR, "cannot read the %s %s: %s", what, path,
			error == SKEX_E_IO ? strerror(errno) : skex_error_name(error));
	return error;
}

static enum skex_error files_load(struct files *files, const struct skex_https_tls *config)
{
	enum skex_error error = file_load(config->ca, "CA", &files->ca);

	if (error == SKEX_OK)
		error = file_load(config->certificate, "certificate", &files->certificate);
	if (error == SKEX_OK)
		error = file_load(config->key, "key", &files->key);
	return error;
}

static void files_clear(struct files *files)
{
	skex_secret_free(files->ca);
	skex_secret_free(files->certificate);
	skex_secret_free(files->key);
	*files = (struct files){NULL, NULL, NULL};
}

/* Nothing but the name of a client that is known gets a key, and so a handshake. */
static int psk_give(void *context, const struct MHD_Connection *mhd, const char *name, void **psk,
	size_t *psk_size)
{
	const struct server *server = context;
	uint8_t key[SKEX_HTTPS_PSK_MOST];
	size_t size = 0;
	void *copy = NULL;

	(void)mhd;
	if (skex_https_psk_find(server->psks, name, key, &size) == SKEX_OK)
		copy = malloc(size); /* the library gives it to free(3) */
	if (copy != NULL) {
		memcpy(copy, key, size);
		*psk = copy;
		*psk_size = size;
	}
	skex_wipe(key, sizeof(key));
	return copy != NULL ? 0 : -1;
}

static struct MHD_Daemon *daemon_start(
	struct server *server, const struct files *files, int listener)
{
	/* Not MHD_USE_ERROR_LOG: see log_library. */
	unsigned flags = MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME;
	struct MHD_OptionItem by_certificate[] = {{MHD_OPTION_HTTPS_MEM_TRUST, 0, files->ca},
		{MHD_OPTION_HTTPS_MEM_CERT, 0, files->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, files->key}, {MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem by_psk[] = {{MHD_OPTION_HTTPS_CRED_TYPE, GNUTLS_CRD_PSK, NULL},
		{MHD_OPTION_GNUTLS_PSK_CRED_HANDLER, (intptr_t)psk_give, server},
		{MHD_OPTION_END, 0, NULL}};

	return MHD_start_daemon(flags, 0, NULL, NULL, skex_https_on_request, server->connections,
		MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_LISTEN_SOCKET, listener,
		MHD_OPTION_ARRAY, server->psks != NULL ? by_psk : by_certificate,
		MHD_OPTION_HTTPS_PRIORITIES, server->psks != NULL ? PSK_PRIORITIES : TLS_PRIORITIES,
		MHD_OPTION_NOTIFY_CONNECTION, skex_https_on_connection, server->connections,
		MHD_OPTION_URI_LOG_CALLBACK, skex_https_on_uri, server->connections,
		MHD_OPTION_NOTIFY_COMPLETED, skex_https_on_completed, server->connections,
		MHD_OPTION_CONNECTION_LIMIT, SKEX_HTTPS_CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, SKEX_HTTPS_PER_ADDRESS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)HEADERS_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static enum skex_error psks_load(struct server *server, const char *path)
{
	enum skex_error error = file_load(path, "PSK file", &server->psks);
	unsigned line = 0;

	if (error != SKEX_OK)
		return error;
	error = skex_https_psk_check(server->psks, &line);
	if (error == SKEX_OK)
		return SKEX_OK;
	log_line(SKEX_LEVEL_ERROR,
		"%s:%u: has to be NAME:HEX with a key of %u to %u bytes, each name once", path,
		line, SKEX_HTTPS_PSK_LEAST, SKEX_HTTPS_PSK_MOST);
	return SKEX_E_CONFIG;
}

static void tls_unusable(const struct skex_https_tls *tls)
{
	if (tls->psk_file[0] != '\0')
		log_line(SKEX_LEVEL_ERROR, "the TLS library cannot use pre-shared keys");
	else
		log_line(SKEX_LEVEL_ERROR,
			"cannot use %s, %s and %s for TLS: check that they are "
			"PEM and that the key fits the certificate",
			tls->ca, tls->certificate, tls->key);
}

static enum skex_error server_listen(struct server *server, const struct skex_https_tls *tls)
{
	struct files files = {NULL, NULL, NULL};
	char url[SKEX_HTTPS_URL_MAX];
	int listener = -1;
	enum skex_error error = tls->psk_file[0] != '\0' ? psks_load(server, tls->psk_file)
							 : files_load(&files, tls);

	if (error != SKEX_OK)
		goto out;
	error = skex_https_listen(tls->listen, &listener, url);
	if (error != SKEX_OK) {
		log_line(SKEX_LEVEL_ERROR, "cannot listen on %s port %u: %s", tls->listen->host,
			(unsigned)tls->listen->port,
			error == SKEX_E_IO ? strerror(errno) : "no such host");
		goto out;
	}
	server->daemon = daemon_start(server, &files, listener);
	if (server->daemon == NULL) {
		tls_unusable(tls);
		close(listener);
		error = SKEX_E_CONFIG;
		goto out;
	}
	log_line(SKEX_LEVEL_INFO, "listening on %s", url);
out:
	files_clear(&files);
	return error;
}

static enum skex_error signals_open(int *descriptor)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return SKEX_E_IO;
	int made = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (made < 0)
		return SKEX_E_IO;
	*descriptor = made;
	return SKEX_OK;
}

/* What the parent had open, pads above all, is not for this process.  And select(2) takes only low
 * descriptors: gives the one to use for the API. */
static int descriptors_keep(int api_descriptor)
{
	unsigned kept = (unsigned)api_descriptor;

	close_range(kept + 1, ~0u, 0);
	if (kept <= 3)
		return api_descriptor;
	close_range(3, kept - 1, 0);
	int low = fcntl(api_descriptor, F_DUPFD_CLOEXEC, 3);
	if (low < 0)
		return api_descriptor;
	close(api_descriptor);
	return low;
}

static void process_prepare(void)
{
	skex_process_protect();
	/* Key bytes pass through its strings. */
	json_set_alloc_funcs(skex_secret_new, skex_secret_free);
}

static enum skex_error server_open(
	struct server *server, int api_descriptor, const struct skex_https_tls *tls)
{
	/* Of each connection one that waits, and what the agent owes, perhaps to who has gone. */
	enum skex_error error = skex_https_backend_new(api_descriptor,
		SKEX_HTTPS_CONNECTIONS_MAX + SKEX_API_CALLS_MAX_OWN, &server->backend);

	if (error == SKEX_OK)
		error = skex_https_connections_new(
			server->service, server->backend, &server->connections);
	if (error == SKEX_OK)
		error = signals_open(&server->signals);
	if (error == SKEX_OK)
		error = server_listen(server, tls);
	return error;
}

/* It has its certificates and its sockets: no file, no other socket and no program from now on. */
static enum skex_error process_confine(void)
{
	const struct skex_platform platform = {.log = skex_posix_log};
	const struct skex_confine_files nothing = {.paths = NULL};

	return skex_confine(&platform, log_label, &nothing, SKEX_CALLS_SERVER);
}

/* ---- run ---- */

static void server_sweep(struct server *server, uint64_t now_ms)
{
	server->sweep_ms = now_ms + SWEEP_MS;
	skex_https_backend_expire(server->backend, now_ms);
	skex_https_connections_sweep(server->connections, now_ms);
	server->refused += skex_https_connections_refused(server->connections);
	if (server->refused == 0 || now_ms < server->told_ms)
		return;
	log_line(SKEX_LEVEL_WARNING,
		"connections refused, without an acceptable client certificate: %u",
		server->refused);
	server->refused = 0;
	server->told_ms = now_ms + QUIET_MS;
}

static struct timeval timeout_of(struct server *server, uint64_t now_ms)
{
	uint64_t left = server->sweep_ms > now_ms ? server->sweep_ms - now_ms : 0;
	MHD_UNSIGNED_LONG_LONG wanted = 0;

	if (MHD_get_timeout(server->daemon, &wanted) == MHD_YES && wanted < left)
		left = wanted;
	return (struct timeval){
		.tv_sec = (time_t)(left / 1000), .tv_usec = (suseconds_t)(left % 1000 * 1000)};
}

struct ready {
	fd_set read;
	fd_set write;
	fd_set except;
};

/*
 * With select(2): the epoll of this library turns without end while a client that has begun a
 * handshake is silent, and poll(2) it has only for threads of its own.
 */
static enum skex_error server_wait(struct server *server, struct ready *ready, uint64_t now_ms)
{
	int backend = skex_https_backend_descriptor(server->backend);
	struct timeval timeout = timeout_of(server, now_ms);
	int most = server->signals > backend ? server->signals : backend;

	FD_ZERO(&ready->read);
	FD_ZERO(&ready->write);
	FD_ZERO(&ready->except);
	if (MHD_get_fdset2(server->daemon, &ready->read, &ready->write, &ready->except, &most,
		    FD_SETSIZE) != MHD_YES)
		return SKEX_E_IO;
	FD_SET(server->signals, &ready->read);
	FD_SET(backend, &ready->read);
	if (skex_https_backend_unsent(server->backend))
		FD_SET(backend, &ready->write);
	if (select(most + 1, &ready->read, &ready->write, &ready->except, &timeout) >= 0)
		return SKEX_OK;
	return errno == EINTR ? SKEX_E_BUSY : SKEX_E_IO;
}

/* Answers first: the connections that they resume are served by the same turn. */
static enum skex_error server_turn(struct server *server, struct ready *ready, uint64_t now_ms)
{
	struct skex_https_backend *backend = server->backend;
	int descriptor = skex_https_backend_descriptor(backend);
	enum skex_error error = SKEX_OK;

	if (FD_ISSET(descriptor, &ready->read) || FD_ISSET(descriptor, &ready->write))
		error = skex_https_backend_turn(backend, now_ms);
	if (error == SKEX_OK &&
		MHD_run_from_select(server->daemon, &ready->read, &ready->write, &ready->except) !=
			MHD_YES)
		error = SKEX_E_IO;
	return error != SKEX_OK ? error : skex_https_backend_flush(backend, now_ms);
}

static enum skex_error server_run(struct server *server)
{
	enum skex_error error = SKEX_OK;
	struct ready ready;

	while (error == SKEX_OK || error == SKEX_E_BUSY) {
		uint64_t now_ms = skex_posix_now_ms(NULL);
		if (now_ms >= server->sweep_ms)
			server_sweep(server, now_ms);
		error = server_wait(server, &ready, now_ms);
		if (error != SKEX_OK)
			continue;
		if (FD_ISSET(server->signals, &ready.read))
			return SKEX_OK;
		error = server_turn(server, &ready, skex_posix_now_ms(NULL));
	}
	return error;
}

static void server_close(struct server *server)
{
	if (server->connections != NULL)
		skex_https_connections_resume(server->connections);
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	skex_https_connections_free(server->connections);
	skex_https_backend_free(server->backend);
	skex_secret_free(server->psks);
	if (server->signals >= 0)
		close(server->signals);
}

int skex_https_main(int api_descriptor, const struct skex_https_tls *tls,
	const struct skex_https_service *service)
{
	struct server server = {.signals = -1, .service = service};
	enum skex_error error;

	log_label = service->label;
	process_prepare();
	error = server_open(&server, descriptors_keep(api_descriptor), tls);
	if (error == SKEX_OK)
		error = process_confine();
	if (error == SKEX_OK) {
		error = server_run(&server);
		/* The agent has ended: so does what it started. */
		if (error == SKEX_E_OFFLINE)
			error = SKEX_OK;
		else if (error != SKEX_OK)
			log_line(SKEX_LEVEL_ERROR, "stopped: %s", skex_error_name(error));
	}
	server_close(&server);
	return (int)skex_error_class(error);
}
