/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/internal.h"
#include "platform/memory.h"

/*
 * What goes out.  Small sends are collected and leave in one write at the end of the turn; what the
 * system does not take at once flies: it is lent to libuv, one write at a time, while more is
 * collected.
 */

static void buffer_free(struct net_buffer *buffer, bool local)
{
	if (local)
		skex_secret_free(buffer->data);
	else
		free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}

/* Makes room for more bytes; false, and nothing changed, when there is no memory. */
static bool buffer_reserve(struct net_buffer *buffer, size_t more, bool local)
{
	size_t capacity = buffer->capacity == 0 ? 512 : buffer->capacity;
	char *data;

	if (more > SIZE_MAX / 4 || buffer->size > SIZE_MAX / 4)
		return false;
	while (capacity < buffer->size + more)
		capacity *= 2;
	if (capacity == buffer->capacity)
		return true;
	if (!local) {
		data = realloc(buffer->data, capacity);
		if (data == NULL)
			return false;
	} else {
		data = skex_secret_new(capacity);
		if (data == NULL)
			return false;
		if (buffer->size > 0)
			memcpy(data, buffer->data, buffer->size);
		skex_secret_free(buffer->data);
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void net_output_free(struct skex_stream *stream)
{
	buffer_free(&stream->collected, stream->local);
	buffer_free(&stream->flying, stream->local);
}

/* All that was sent is with the system. */
static void drained(struct skex_stream *stream)
{
	if (stream->state == NET_OPEN && stream->events != NULL && stream->events->drained != NULL)
		stream->events->drained(stream->owner, stream);
}

/*
 * Nothing can be written any more.  When the other end has gone, what it said before, and why it
 * left, may still lie in the socket: while that is being read, its end is the end of the stream.
 * That it has one is not left to the other end.
 */
static void break_off(struct skex_stream *stream, int error)
{
	bool gone = error == UV_EPIPE || error == UV_ECONNRESET;
	uv_os_fd_t fd;

	if (gone && uv_fileno(&stream->uv.handle, &fd) == 0)
		(void)shutdown(fd, SHUT_RDWR);
	stream->why = net_error(error);
	stream->broken = true;
	buffer_free(&stream->collected, stream->local);
	net_list_remove(&stream->dirty);
	if (!gone || stream->paused || stream->events == NULL)
		net_stream_fail(stream, stream->why);
}

static bool flush(struct skex_stream *stream);

static void on_written(uv_write_t *request, int status)
{
	struct skex_stream *stream = request->data;

	buffer_free(&stream->flying, stream->local);
	if (stream->state != NET_OPEN || stream->broken)
		return;
	if (status < 0)
		break_off(stream, status);
	else if (flush(stream))
		drained(stream);
}

/* Lends to libuv what is left of the collected bytes. */
static void fly(struct skex_stream *stream, size_t written)
{
	uv_buf_t buffer;
	int error;

	stream->flying = stream->collected;
	memset(&stream->collected, 0, sizeof(stream->collected));
	buffer.base = stream->flying.data + written;
	buffer.len = stream->flying.size - written;
	stream->request.write.data = stream;
	error = uv_write(&stream->request.write, &stream->uv.stream, &buffer, 1, on_written);
	if (error != 0) {
		buffer_free(&stream->flying, stream->local);
		break_off(stream, error);
	}
}

/* Writes what was collected; whether nothing at all is left queued. */
static bool flush(struct skex_stream *stream)
{
	uv_buf_t buffer;
	int written;

	net_list_remove(&stream->dirty);
	if (stream->flying.data != NULL)
		return false;
	if (stream->collected.size == 0)
		return true;
	buffer.base = stream->collected.data;
	buffer.len = stream->collected.size;
	written = uv_try_write(&stream->uv.stream, &buffer, 1);
	if (written < 0 && written != UV_EAGAIN) {
		break_off(stream, written);
		return false;
	}
	if (written < 0 || (size_t)written < stream->collected.size) {
		fly(stream, written < 0 ? 0 : (size_t)written);
		return false;
	}
	buffer_free(&stream->collected, stream->local);
	return true;
}

void net_output_try(struct skex_stream *stream)
{
	uv_buf_t buffer;

	if (stream->flying.data != NULL || stream->collected.size == 0)
		return;
	buffer.base = stream->collected.data;
	buffer.len = stream->collected.size;
	(void)uv_try_write(&stream->uv.stream, &buffer, 1);
	buffer_free(&stream->collected, stream->local);
}

void net_flush_dirty(struct skex_loop *loop)
{
	struct net_list dirty;
	struct net_link *link;

	/* What drained sends is for the next turn: else one fast reader could hold up all others.
	 */
	net_list_take(&dirty, &loop->dirty);
	while ((link = net_list_pop(&dirty)) != NULL) {
		struct skex_stream *stream = NET_OWNER(link, struct skex_stream, dirty);

		/* Whoever wants another turn for it wakes the loop: for most, nothing is left to
		 * do. */
		if (flush(stream))
			drained(stream);
	}
}

/* ---- sending ---- */

/* Adds the parts, without their first skip bytes. */
static bool collect(
	struct skex_stream *stream, const struct skex_view *parts, size_t count, size_t skip)
{
	struct net_buffer *buffer = &stream->collected;
	size_t size = 0;

	for (size_t i = 0; i < count; i++)
		size += parts[i].size;
	if (!buffer_reserve(buffer, size - skip, stream->local))
		return false;
	for (size_t i = 0; i < count; i++) {
		size_t done = skip < parts[i].size ? skip : parts[i].size;

		skip -= done;
		if (done == parts[i].size)
			continue;
		memcpy(buffer->data + buffer->size, parts[i].data + done, parts[i].size - done);
		buffer->size += parts[i].size - done;
	}
	return true;
}

#define WRITE_PARTS 8

/* Writes parts from where they lie, when nothing waits before them; how many bytes are done. */
static size_t write_now(struct skex_stream *stream, const struct skex_view *parts, size_t count)
{
	uv_buf_t buffers[WRITE_PARTS];
	int written;

	if (count > WRITE_PARTS || stream->collected.size > 0 || stream->flying.data != NULL)
		return 0;
	for (size_t i = 0; i < count; i++) {
		/* libuv only reads them, but does not say so. */
		memcpy(&buffers[i].base, &parts[i].data, sizeof(buffers[i].base));
		buffers[i].len = parts[i].size;
	}
	written = uv_try_write(&stream->uv.stream, buffers, (unsigned)count);
	if (written < 0 && written != UV_EAGAIN)
		break_off(stream, written);
	else if (stream->local)
		net_linger_answered(&stream->loop->linger, uv_hrtime());
	return written < 0 ? 0 : (size_t)written;
}

enum skex_error net_send(struct skex_stream *stream, const struct skex_view *parts, size_t count)
{
	size_t size = 0;
	size_t written = 0;

	if (stream->state != NET_OPEN || stream->broken)
		return SKEX_E_OFFLINE;
	for (size_t i = 0; i < count; i++)
		size += parts[i].size;
	/* A local caller waits for this one answer: only what follows in the same turn is
	 * collected. */
	if (size >= NET_COLLECT_BYTES || (stream->local && !net_link_linked(&stream->dirty)))
		written = write_now(stream, parts, count);
	if (stream->broken)
		return SKEX_E_OFFLINE;
	if (written < size && !collect(stream, parts, count, written)) {
		/* A message of which a part is gone cannot be taken back. */
		if (written > 0)
			net_stream_fail(stream, SKEX_E_MEMORY);
		return SKEX_E_MEMORY;
	}
	if (stream->collected.size >= NET_COLLECT_BYTES || (written > 0 && written < size))
		(void)flush(stream);
	if (stream->state != NET_OPEN || stream->broken)
		return SKEX_E_OFFLINE;
	if (size > 0 && stream->flying.data == NULL)
		net_list_add(&stream->loop->dirty, &stream->dirty);
	return SKEX_OK;
}

size_t net_queued(struct skex_stream *stream)
{
	size_t flying = 0;

	if (stream->state == NET_OPEN && stream->flying.data != NULL)
		flying = uv_stream_get_write_queue_size(&stream->uv.stream);
	return stream->collected.size + flying;
}
