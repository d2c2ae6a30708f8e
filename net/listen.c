/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/internal.h"
#include "platform/posix.h"

#define BACKLOG 1024
/* A flood of failing accepts makes one log line in this time. */
#define WARN_MS 10000

static void on_gone(uv_handle_t *handle)
{
	struct skex_listener *listener = handle->data;

	net_list_remove(&listener->all);
	free(listener->path);
	free(listener);
}

static void warn(struct skex_listener *listener, int error)
{
	uint64_t now_ms = skex_posix_now_ms(NULL);

	if (listener->warned_ms != 0 && now_ms - listener->warned_ms < WARN_MS)
		return;
	listener->warned_ms = now_ms;
	skex_log(&listener->loop->platform, SKEX_LEVEL_WARNING, "accept: %s", uv_strerror(error));
}

static void on_connection(uv_stream_t *handle, int status)
{
	struct skex_listener *listener = handle->data;
	struct skex_stream *stream;
	int error = status;

	if (error != 0) {
		warn(listener, error);
		return;
	}
	stream = net_stream_new(listener->loop, listener->path != NULL);
	if (stream == NULL) {
		warn(listener, UV_ENOMEM);
		return;
	}
	error = net_stream_open(stream);
	if (error != 0) {
		warn(listener, error);
		net_stream_free(stream);
		return;
	}
	error = uv_accept(handle, &stream->uv.stream);
	if (error != 0) {
		warn(listener, error);
		net_stream_close(stream);
		return;
	}
	net_stream_connected(stream);
	listener->accepted(listener->owner, stream);
	if (stream->events == NULL)
		net_stream_close(stream);
}

/* True when a socket lies at path and nobody listens on it: left over by a process that was killed.
 */
static bool left_over(const union net_address *address)
{
	struct stat status;
	bool refused;
	int fd;

	if (lstat(address->local.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, &address->any, sizeof(address->local)) != 0 && errno == ECONNREFUSED;
	(void)close(fd);
	return refused;
}

static int bind_local(int fd, const union net_address *address)
{
	/* Before bind, so that there is no moment at which others may connect. */
	if (fchmod(fd, 0600) != 0)
		return -errno;
	if (bind(fd, &address->any, sizeof(address->local)) == 0)
		return 0;
	if (errno != EADDRINUSE || !left_over(address))
		return -errno;
	if (unlink(address->local.sun_path) != 0 ||
		bind(fd, &address->any, sizeof(address->local)) != 0)
		return -errno;
	return 0;
}

static int open_local(struct skex_listener *listener, const char *path)
{
	union net_address address;
	int error;
	int fd;

	if (!net_address_local(path, &address))
		return UV_ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = bind_local(fd, &address);
	if (error == 0)
		error = uv_pipe_open(&listener->uv.pipe, fd);
	if (error != 0) {
		(void)close(fd);
		return error;
	}
	listener->path = strdup(path);
	return listener->path == NULL ? UV_ENOMEM : 0;
}

static int open_tcp(struct skex_listener *listener, const char *host, int port)
{
	union net_address address;
	unsigned flags = 0;

	if (!net_address_parse(host, port, &address))
		return UV_EINVAL;
	/* So that [::] and 0.0.0.0 can be listened on side by side. */
	if (address.any.sa_family == AF_INET6)
		flags = UV_TCP_IPV6ONLY;
	return uv_tcp_bind(&listener->uv.tcp, &address.any, flags);
}

enum skex_error net_listen(void *context, const char *host, int port,
	void (*accepted)(void *owner, struct skex_stream *stream), void *owner,
	struct skex_listener **out)
{
	struct skex_loop *loop = context;
	struct skex_listener *listener;
	int error;

	if (port < -1 || port > UINT16_MAX)
		return SKEX_E_ARGUMENT;
	listener = calloc(1, sizeof(*listener));
	if (listener == NULL)
		return SKEX_E_MEMORY;
	listener->loop = loop;
	listener->accepted = accepted;
	listener->owner = owner;
	net_list_add(&loop->listeners, &listener->all);
	if (port == -1)
		(void)uv_pipe_init(&loop->uv, &listener->uv.pipe, 0);
	else
		(void)uv_tcp_init(&loop->uv, &listener->uv.tcp);
	listener->uv.handle.data = listener;
	error = port == -1 ? open_local(listener, host) : open_tcp(listener, host, port);
	if (error == 0)
		error = uv_listen(&listener->uv.stream, BACKLOG, on_connection);
	if (error != 0) {
		net_log(loop, SKEX_LEVEL_ERROR, "listen on", host, port, error);
		net_unlisten(listener);
		return net_error(error);
	}
	*out = listener;
	return SKEX_OK;
}

uint16_t net_listener_port(struct skex_listener *listener)
{
	union net_address address;
	int size = (int)sizeof(address);

	if (listener->path != NULL ||
		uv_tcp_getsockname(&listener->uv.tcp, &address.any, &size) != 0)
		return 0;
	return net_address_port(&address);
}

void net_unlisten(struct skex_listener *listener)
{
	if (uv_is_closing(&listener->uv.handle))
		return;
	/* At once: a successor in this process may want the name before libuv is done. */
	if (listener->path != NULL)
		(void)unlink(listener->path);
	net_list_remove(&listener->all);
	uv_close(&listener->uv.handle, on_gone);
}
