/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/internal.h"
#include "platform/posix.h"

#define BACKLOG  1024
/* Connections that are taken before others have their turn. */
#define TURN_MAX 64
/* How long a listener rests when the system gives it no connection: those that wait stay in the
 * backlog, and all else goes on. */
#define REST_MS  100
/* A flood of failing accepts makes one log line in this time. */
#define WARN_MS  10000

static void on_gone(uv_handle_t *handle)
{
	struct skex_listener *listener = handle->data;

	if (--listener->closing > 0)
		return;
	free(listener->path);
	free(listener);
}

static void warn(struct skex_listener *listener, const char *what)
{
	uint64_t now_ms = skex_posix_now_ms(NULL);

	if (listener->warned_ms != 0 && now_ms - listener->warned_ms < WARN_MS)
		return;
	listener->warned_ms = now_ms;
	skex_log(&listener->loop->platform, SKEX_LEVEL_WARNING, "accept: %s", what);
}

static void take(struct skex_listener *listener, int descriptor)
{
	struct skex_stream *stream;
	const enum skex_error error =
		net_stream_adopt(listener->loop, descriptor, listener->path != NULL, &stream);

	if (error != SKEX_OK) {
		warn(listener, skex_error_name(error));
		(void)close(descriptor);
		return;
	}
	listener->accepted(listener->owner, stream);
	if (stream->events == NULL)
		net_stream_close(stream);
}

static void reserve(struct skex_listener *listener)
{
	if (listener->reserve < 0)
		listener->reserve = fcntl(listener->descriptor, F_DUPFD_CLOEXEC, 0);
}

static int next(const struct skex_listener *listener)
{
	return accept4(listener->descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

enum shed {
	SHED_ONE,
	SHED_NONE_WAITS,
	SHED_CANNOT
};

/* Closes the next connection, for which there is no descriptor: its client hears of it now.  That
 * cannot be done once another thread took the descriptor that was given up for it. */
static enum shed shed(struct skex_listener *listener)
{
	int fd;
	int error;

	if (listener->reserve < 0)
		return SHED_CANNOT;
	(void)close(listener->reserve);
	listener->reserve = -1;
	fd = next(listener);
	error = errno;
	if (fd >= 0)
		(void)close(fd);
	reserve(listener);
	if (listener->reserve < 0 || (fd < 0 && error != EAGAIN))
		return SHED_CANNOT;
	return fd >= 0 ? SHED_ONE : SHED_NONE_WAITS;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *timer)
{
	struct skex_listener *listener = timer->data;

	reserve(listener);
	(void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void rest(struct skex_listener *listener, const char *why)
{
	warn(listener, why);
	(void)uv_poll_stop(&listener->poll);
	(void)uv_timer_start(&listener->pause, on_rested, REST_MS, 0);
}

/* What libuv has for this takes connections for ever, with all else waiting, where it lost the
 * descriptor that it keeps for the case that there are no others.  False when some wait that cannot
 * be taken now. */
static bool take_waiting(struct skex_listener *listener, int most)
{
	for (int i = 0; i < most && listener->closing == 0; i++) {
		const int fd = next(listener);
		const int error = errno;
		enum shed gone = SHED_CANNOT;

		if (fd >= 0) {
			take(listener, fd);
			continue;
		}
		if (error == EAGAIN)
			return true;
		if (error == EINTR || error == ECONNABORTED)
			continue;
		/* It comes even when nobody waits: the kernel looks for a descriptor first. */
		if (error == EMFILE)
			gone = shed(listener);
		if (gone == SHED_NONE_WAITS)
			return true;
		if (gone == SHED_CANNOT) {
			rest(listener, strerror(error));
			return false;
		}
		warn(listener, strerror(error));
	}
	return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct skex_listener *listener = poll->data;

	(void)events;
	if (status != 0)
		rest(listener, uv_strerror(status));
	else
		(void)take_waiting(listener, TURN_MAX);
}

/* Those that wait now come first, and are no more than the kernel lets wait, which is one more than
 * it was asked for: a flood of others does not hold this up. */
bool net_listeners_drain(struct skex_loop *loop)
{
	bool drained = true;
	struct net_list left;
	struct net_link *link;

	/* Whoever is given a connection may end any listener. */
	net_list_take(&left, &loop->listeners);
	while ((link = net_list_pop(&left)) != NULL) {
		struct skex_listener *listener = NET_OWNER(link, struct skex_listener, all);

		net_list_add(&loop->listeners, link);
		if (listener->path != NULL)
			drained = take_waiting(listener, BACKLOG + 1) && drained;
	}
	return drained;
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

static int open_local(const char *path, int *out)
{
	union net_address address;
	int error;

	if (!net_address_local(path, &address))
		return UV_ENAMETOOLONG;
	*out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*out < 0)
		return -errno;
	error = bind_local(*out, &address);
	if (error != 0)
		return error;
	if (listen(*out, BACKLOG) == 0)
		return 0;
	error = -errno;
	(void)unlink(path);
	return error;
}

static int open_tcp(const char *host, int port, int *out)
{
	const int on = 1;
	union net_address address;
	bool six;

	if (!net_address_parse(host, port, &address))
		return UV_EINVAL;
	six = address.any.sa_family == AF_INET6;
	*out = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*out < 0)
		return -errno;
	/* V6ONLY: so that [::] and 0.0.0.0 can be listened on side by side. */
	if (setsockopt(*out, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		(six && setsockopt(*out, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
		bind(*out, &address.any, six ? sizeof(address.v6) : sizeof(address.v4)) != 0 ||
		listen(*out, BACKLOG) != 0)
		return -errno;
	return 0;
}

/* Takes the descriptor over when it is 0. */
static int listener_new(
	struct skex_loop *loop, int descriptor, const char *path, struct skex_listener **out)
{
	struct skex_listener *listener = calloc(1, sizeof(*listener));
	int error = UV_ENOMEM;

	if (listener == NULL)
		return error;
	if (path != NULL)
		listener->path = strdup(path);
	if (path == NULL || listener->path != NULL)
		error = uv_poll_init(&loop->uv, &listener->poll, descriptor);
	if (error != 0) {
		free(listener->path);
		free(listener);
		return error;
	}
	listener->loop = loop;
	listener->descriptor = descriptor;
	listener->reserve = -1;
	reserve(listener);
	(void)uv_timer_init(&loop->uv, &listener->pause);
	listener->poll.data = listener->pause.data = listener;
	net_list_add(&loop->listeners, &listener->all);
	*out = listener;
	return 0;
}

enum skex_error net_listen(void *context, const char *host, int port,
	void (*accepted)(void *owner, struct skex_stream *stream), void *owner,
	struct skex_listener **out)
{
	struct skex_loop *loop = context;
	const char *path = port == -1 ? host : NULL;
	struct skex_listener *listener = NULL;
	int descriptor = -1;
	int error;

	if (port < -1 || port > UINT16_MAX)
		return SKEX_E_ARGUMENT;
	error = path != NULL ? open_local(path, &descriptor) : open_tcp(host, port, &descriptor);
	if (error == 0) {
		error = listener_new(loop, descriptor, path, &listener);
		if (error != 0 && path != NULL)
			(void)unlink(path);
	}
	if (error != 0) {
		net_log(loop, SKEX_LEVEL_ERROR, "listen on", host, port, error);
		if (descriptor >= 0)
			(void)close(descriptor);
		return net_error(error);
	}
	listener->accepted = accepted;
	listener->owner = owner;
	(void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
	*out = listener;
	return SKEX_OK;
}

uint16_t net_listener_port(struct skex_listener *listener)
{
	union net_address address;
	socklen_t size = (socklen_t)sizeof(address);

	if (listener->path != NULL || getsockname(listener->descriptor, &address.any, &size) != 0)
		return 0;
	return net_address_port(&address);
}

void net_unlisten(struct skex_listener *listener)
{
	if (listener->closing > 0)
		return;
	/* At once: a successor in this process may want the name before libuv is done. */
	if (listener->path != NULL)
		(void)unlink(listener->path);
	net_list_remove(&listener->all);
	listener->closing = 2;
	uv_close((uv_handle_t *)&listener->poll, on_gone);
	uv_close((uv_handle_t *)&listener->pause, on_gone);
	(void)close(listener->descriptor);
	if (listener->reserve >= 0)
		(void)close(listener->reserve);
}
