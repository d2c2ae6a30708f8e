/* SPDX-License-Identifier: Apache-2.0 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"
#include "platform/posix.h"

/*
 * Connecting: look the name up in another thread, then try one address after the other until one
 * answers.  Every try needs a fresh handle, and libuv gives a handle back only in a later callback:
 * hence the step in between.
 */
struct net_connect {
	uv_getaddrinfo_t lookup;
	struct skex_stream *stream; /* NULL: closed while the lookup was under way */
	struct addrinfo *found;     /* NULL when host was literal or a path */
	struct addrinfo *next;
	union net_address address;
	int port;
	bool looking;
	char host[]; /* as it was given, for the log */
};

bool net_address_parse(const char *host, int port, union net_address *address)
{
	return uv_ip4_addr(host, port, &address->v4) == 0 ||
		uv_ip6_addr(host, port, &address->v6) == 0;
}

uint16_t net_address_port(const union net_address *address)
{
	return ntohs(
		address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void net_address_set_port(union net_address *address, int port)
{
	if (address->any.sa_family == AF_INET6)
		address->v6.sin6_port = htons((uint16_t)port);
	else
		address->v4.sin_port = htons((uint16_t)port);
}

void net_address_print(const union net_address *address, char text[64])
{
	char host[INET6_ADDRSTRLEN];

	if (address->any.sa_family == AF_INET && uv_ip4_name(&address->v4, host, sizeof(host)) == 0)
		(void)snprintf(text, 64, "%s:%u", host, net_address_port(address));
	else if (address->any.sa_family == AF_INET6 &&
		uv_ip6_name(&address->v6, host, sizeof(host)) == 0)
		(void)snprintf(text, 64, "[%s]:%u", host, net_address_port(address));
	else
		(void)snprintf(text, 64, "unknown");
}

bool net_address_local(const char *path, union net_address *address)
{
	size_t size = strlen(path);

	if (size == 0 || size >= sizeof(address->local.sun_path))
		return false;
	memset(&address->local, 0, sizeof(address->local));
	address->local.sun_family = AF_UNIX;
	memcpy(address->local.sun_path, path, size);
	return true;
}

static void connect_free(struct net_connect *connect)
{
	if (connect->found != NULL)
		uv_freeaddrinfo(connect->found);
	free(connect);
}

void net_connect_abandon(struct skex_stream *stream)
{
	struct net_connect *connect = stream->connect;

	if (connect == NULL)
		return;
	net_list_remove(&stream->connecting);
	stream->connect = NULL;
	if (!connect->looking) {
		connect_free(connect);
		return;
	}
	/* Another thread may be using it: the callback, which comes in any case, frees it. */
	connect->stream = NULL;
	(void)uv_cancel((uv_req_t *)&connect->lookup);
}

static void try_address(struct skex_stream *stream);

/* libuv let go of the handle of a try that failed. */
static void on_retry(uv_handle_t *handle)
{
	struct skex_stream *stream = handle->data;

	if (stream->state == NET_CLOSED) {
		net_stream_free(stream);
		return;
	}
	(void)net_stream_open(stream);
	if (stream->state == NET_CONNECTING)
		try_address(stream);
}

static void try_failed(struct skex_stream *stream, int error)
{
	struct net_connect *connect = stream->connect;

	net_list_remove(&stream->connecting);
	if (connect->next != NULL)
		connect->next = connect->next->ai_next;
	if (connect->next != NULL) {
		uv_close(&stream->uv.handle, on_retry);
		return;
	}
	net_log(stream->loop, SKEX_LEVEL_DEBUG, "connect to", connect->host,
		stream->local ? -1 : connect->port, error);
	net_stream_fail(stream, net_error(error));
}

/* A connect to a free port of this machine can meet itself when it is given the same port. */
static bool met_itself(struct skex_stream *stream)
{
	struct sockaddr_storage self;
	struct sockaddr_storage peer;
	int self_size = (int)sizeof(self);
	int peer_size = (int)sizeof(peer);

	memset(&self, 0, sizeof(self));
	memset(&peer, 0, sizeof(peer));
	return !stream->local &&
		uv_tcp_getsockname(&stream->uv.tcp, (struct sockaddr *)&self, &self_size) == 0 &&
		uv_tcp_getpeername(&stream->uv.tcp, (struct sockaddr *)&peer, &peer_size) == 0 &&
		self_size == peer_size && memcmp(&self, &peer, (size_t)self_size) == 0;
}

static void on_connected(uv_connect_t *request, int status)
{
	struct skex_stream *stream = request->data;

	if (status == UV_ECANCELED || stream->state != NET_CONNECTING)
		return;
	if (status == 0 && met_itself(stream))
		status = UV_ECONNREFUSED;
	if (status != 0) {
		try_failed(stream, status);
		return;
	}
	net_connect_abandon(stream);
	net_stream_connected(stream);
	if (stream->events->opened != NULL)
		stream->events->opened(stream->owner, stream);
	net_stream_read(stream);
}

/* Tries the address whose turn it is. */
static void try_address(struct skex_stream *stream)
{
	struct net_connect *connect = stream->connect;
	uv_connect_t *request = &stream->request.connect;
	int error;

	request->data = stream;
	if (stream->local) {
		uv_pipe_connect(
			request, &stream->uv.pipe, connect->address.local.sun_path, on_connected);
		return;
	}
	if (connect->next != NULL) {
		memcpy(&connect->address, connect->next->ai_addr, connect->next->ai_addrlen);
		net_address_set_port(&connect->address, connect->port);
	}
	error = uv_tcp_connect(request, &stream->uv.tcp, &connect->address.any, on_connected);
	if (error != 0) {
		try_failed(stream, error);
		return;
	}
	stream->connect_deadline_ms = skex_posix_now_ms(NULL) + NET_CONNECT_MS;
	net_list_add(&stream->loop->connecting, &stream->connecting);
}

void net_connect_expire(struct skex_loop *loop, uint64_t now_ms)
{
	struct net_link *link;

	while ((link = net_list_first(&loop->connecting)) != NULL) {
		struct skex_stream *stream = NET_OWNER(link, struct skex_stream, connecting);

		if (stream->connect_deadline_ms > now_ms)
			return;
		try_failed(stream, UV_ETIMEDOUT);
	}
}

static void on_looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
	struct net_connect *connect = lookup->data;
	struct skex_stream *stream = connect->stream;

	connect->looking = false;
	connect->found = found;
	connect->next = found;
	if (stream == NULL)
		connect_free(connect);
	else if (status != 0 || found == NULL)
		try_failed(stream, status != 0 ? status : UV_EAI_NODATA);
	else
		try_address(stream);
}

static int look_up(struct skex_stream *stream, const char *host)
{
	struct net_connect *connect = stream->connect;
	struct addrinfo hints;
	int error;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_STREAM;
	connect->lookup.data = connect;
	error = uv_getaddrinfo(
		&stream->loop->uv, &connect->lookup, on_looked_up, host, NULL, &hints);
	connect->looking = error == 0;
	return error;
}

static struct net_connect *connect_new(const char *host, int port)
{
	size_t size = strlen(host) + 1;
	struct net_connect *connect = calloc(1, sizeof(*connect) + size);

	if (connect == NULL)
		return NULL;
	memcpy(connect->host, host, size);
	connect->port = port;
	return connect;
}

enum skex_error net_connect(void *context, const char *host, int port,
	const struct skex_stream_events *events, void *owner, struct skex_stream **out)
{
	struct skex_loop *loop = context;
	union net_address address;
	struct skex_stream *stream;
	bool local = port == -1;

	if (port < -1 || port == 0 || port > UINT16_MAX || host[0] == '\0')
		return SKEX_E_ARGUMENT;
	if (local && !net_address_local(host, &address))
		return SKEX_E_ARGUMENT;
	stream = net_stream_new(loop, local);
	if (stream == NULL)
		return SKEX_E_MEMORY;
	stream->connect = connect_new(host, port);
	if (stream->connect == NULL || net_stream_open(stream) != 0) {
		free(stream->connect);
		net_stream_free(stream);
		return SKEX_E_MEMORY;
	}
	stream->connect->stream = stream;
	stream->events = events;
	stream->owner = owner;
	if (local || net_address_parse(host, port, &address)) {
		stream->connect->address = address;
		try_address(stream);
	} else if (look_up(stream, host) != 0) {
		net_stream_close(stream);
		return SKEX_E_ARGUMENT;
	}
	*out = stream;
	return SKEX_OK;
}
