/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/mem.h"
#include "net/internal.h"

/* ---- life ---- */

struct skex_stream *net_stream_new(struct skex_loop *loop, bool local)
{
	struct skex_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->loop = loop;
	stream->local = local;
	stream->state = NET_CONNECTING;
	net_list_add(&loop->streams, &stream->all);
	return stream;
}

int net_stream_open(struct skex_stream *stream)
{
	int error;

	if (stream->local)
		error = uv_pipe_init(&stream->loop->uv, &stream->uv.pipe, 0);
	else
		error = uv_tcp_init(&stream->loop->uv, &stream->uv.tcp);
	stream->uv.handle.data = stream;
	return error;
}

void net_stream_free(struct skex_stream *stream)
{
	net_list_remove(&stream->all);
	net_output_free(stream);
	free(stream);
}

static void on_gone(uv_handle_t *handle)
{
	net_stream_free(handle->data);
}

void net_stream_connected(struct skex_stream *stream)
{
	int size = (int)sizeof(stream->peer);
	unsigned silence_ms = NET_SILENCE_S * 1000;
	uv_os_fd_t fd;

	stream->state = NET_OPEN;
	if (stream->local)
		return;
	(void)uv_tcp_nodelay(&stream->uv.tcp, 1);
	/* The other end may vanish without a word: ask an idle one, and do not wait for ever. */
	(void)uv_tcp_keepalive(&stream->uv.tcp, 1, NET_SILENCE_S / 2);
	if (uv_fileno(&stream->uv.handle, &fd) == 0)
		(void)setsockopt(
			fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms, sizeof(silence_ms));
	(void)uv_tcp_getpeername(&stream->uv.tcp, (struct sockaddr *)(void *)&stream->peer, &size);
}

void net_stream_close(struct skex_stream *stream)
{
	if (stream->state == NET_CLOSED)
		return;
	if (stream->state == NET_OPEN)
		net_output_try(stream);
	stream->state = NET_CLOSED;
	stream->events = NULL;
	net_list_remove(&stream->dirty);
	net_list_remove(&stream->failed);
	net_connect_abandon(stream);
	/* A connecting stream may be between two handles: then the closing one sees the new state.
	 */
	if (!uv_is_closing(&stream->uv.handle))
		uv_close(&stream->uv.handle, on_gone);
}

void net_stream_fail(struct skex_stream *stream, enum skex_error why)
{
	if (stream->state == NET_FAILED || stream->state == NET_CLOSED)
		return;
	if (stream->state == NET_OPEN) {
		(void)uv_read_stop(&stream->uv.stream);
		/* The other end may only have ended its own sending. */
		if (why == SKEX_OK)
			net_output_try(stream);
	}
	stream->state = NET_FAILED;
	stream->why = stream->broken ? stream->why : why;
	net_list_remove(&stream->dirty);
	net_list_add(&stream->loop->failed, &stream->failed);
	stream->loop->again = true;
}

void net_finish_failed(struct skex_loop *loop)
{
	struct net_list failed;
	struct net_link *link;

	net_list_take(&failed, &loop->failed);
	while ((link = net_list_pop(&failed)) != NULL) {
		struct skex_stream *stream = NET_OWNER(link, struct skex_stream, failed);
		const struct skex_stream_events *events = stream->events;
		void *owner = stream->owner;
		enum skex_error why = stream->why;

		net_stream_close(stream);
		if (events != NULL && events->closed != NULL)
			events->closed(owner, stream, why);
	}
}

/* ---- reading ---- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	const struct skex_stream *stream = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(stream->loop->receive_buffer, NET_RECEIVE_BYTES);
}

static void on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer)
{
	struct skex_stream *stream = handle->data;

	if (size == 0)
		return;
	if (size < 0) {
		net_stream_fail(stream, net_error((int)size));
		return;
	}
	if (stream->local)
		net_linger_asked(&stream->loop->linger);
	if (stream->events->received != NULL)
		stream->events->received(
			stream->owner, stream, skex_view(buffer->base, (size_t)size));
	/* What comes over the network is ciphertext; a local socket can bring keys. */
	if (stream->local)
		skex_wipe(buffer->base, (size_t)size);
}

void net_stream_read(struct skex_stream *stream)
{
	int error;

	if (stream->state != NET_OPEN || stream->paused || stream->events == NULL)
		return;
	error = uv_read_start(&stream->uv.stream, on_room, on_read);
	if (error != 0 && error != UV_EALREADY)
		net_stream_fail(stream, net_error(error));
}

/* ---- the table ---- */

static void stream_attach(
	struct skex_stream *stream, const struct skex_stream_events *events, void *owner)
{
	if (stream->state == NET_CLOSED)
		return;
	stream->events = events;
	stream->owner = owner;
	net_stream_read(stream);
}

static void stream_pause(struct skex_stream *stream, bool paused)
{
	stream->paused = paused;
	if (stream->state != NET_OPEN)
		return;
	if (paused)
		(void)uv_read_stop(&stream->uv.stream);
	else
		net_stream_read(stream);
}

static void stream_peer(struct skex_stream *stream, char text[64])
{
	union net_address address;

	memset(&address, 0, sizeof(address));
	memcpy(&address, &stream->peer, sizeof(stream->peer));
	if (stream->local)
		(void)snprintf(text, 64, "local");
	else
		net_address_print(&address, text);
}

static enum skex_error stream_credentials(
	struct skex_stream *stream, uint32_t *user, uint32_t *group, int32_t *process)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	uv_os_fd_t fd;

	if (!stream->local || stream->state != NET_OPEN)
		return SKEX_E_STATE;
	if (uv_fileno(&stream->uv.handle, &fd) != 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
		return SKEX_E_IO;
	*user = credentials.uid;
	*group = credentials.gid;
	*process = credentials.pid;
	return SKEX_OK;
}

void net_streams_init(struct skex_net *net)
{
	net->attach = stream_attach;
	net->send = net_send;
	net->queued = net_queued;
	net->pause = stream_pause;
	net->close = net_stream_close;
	net->peer = stream_peer;
	net->credentials = stream_credentials;
}

enum skex_error net_stream_adopt(
	struct skex_loop *loop, int descriptor, bool local, struct skex_stream **out)
{
	struct skex_stream *stream = net_stream_new(loop, local);
	int error;

	if (stream == NULL)
		return SKEX_E_MEMORY;
	error = net_stream_open(stream);
	if (error != 0) {
		net_stream_free(stream);
		return net_error(error);
	}
	error = local ? uv_pipe_open(&stream->uv.pipe, descriptor)
		      : uv_tcp_open(&stream->uv.tcp, descriptor);
	if (error != 0) {
		net_stream_close(stream);
		return net_error(error);
	}
	net_stream_connected(stream);
	*out = stream;
	return SKEX_OK;
}

enum skex_error skex_loop_adopt(struct skex_loop *loop, int descriptor, struct skex_stream **out)
{
	const uv_handle_type type = uv_guess_handle(descriptor);

	if (type != UV_TCP && type != UV_NAMED_PIPE)
		return SKEX_E_ARGUMENT;
	return net_stream_adopt(loop, descriptor, type == UV_NAMED_PIPE, out);
}
