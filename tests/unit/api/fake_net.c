/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/fake_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t now_ms(void *context)
{
	return ((struct fake_net *)context)->now_ms;
}

static uint64_t wall_ms(void *context)
{
	return 1763722000000u + ((struct fake_net *)context)->now_ms;
}

static void log_line(void *context, enum skex_level level, const char *line)
{
	struct fake_net *net = context;

	net->log_lines++;
	snprintf(net->log, sizeof(net->log), "%d %s", (int)level, line);
}

static void wake(void *context)
{
	((struct fake_net *)context)->wakes++;
}

static enum skex_error fake_listen(void *context, const char *host, int port,
	void (*accepted)(void *owner, struct skex_stream *stream), void *owner,
	struct skex_listener **listener)
{
	struct fake_net *net = context;
	FILE *file = port == -1 ? fopen(host, "w") : NULL;

	if (port == -1 && file == NULL)
		return SKEX_E_IO;
	if (file != NULL)
		fclose(file);
	net->accepted = accepted;
	net->accepted_owner = owner;
	*listener = (struct skex_listener *)net;
	return SKEX_OK;
}

static void fake_unlisten(struct skex_listener *listener)
{
	((struct fake_net *)listener)->accepted = NULL;
}

static void attach(struct skex_stream *stream, const struct skex_stream_events *events, void *owner)
{
	stream->events = events;
	stream->owner = owner;
}

static enum skex_error send_parts(
	struct skex_stream *stream, const struct skex_view *parts, size_t count)
{
	size_t i;

	if (stream->closed)
		abort();
	if (stream->refuses)
		return SKEX_E_OFFLINE;
	for (i = 0; i < count; i++) {
		size_t need = stream->size + parts[i].size + 1;

		if (need > stream->room) {
			stream->room = need * 2;
			stream->text = realloc(stream->text, stream->room);
		}
		if (stream->text == NULL)
			abort();
		memcpy(stream->text + stream->size, parts[i].data, parts[i].size);
		stream->size += parts[i].size;
		stream->text[stream->size] = '\0';
	}
	return SKEX_OK;
}

static size_t queued(struct skex_stream *stream)
{
	if (stream->closed)
		abort();
	return stream->lazy ? stream->size - stream->read_before : 0;
}

static void pause_stream(struct skex_stream *stream, bool paused)
{
	if (stream->closed)
		abort();
	stream->paused = paused;
}

static void close_stream(struct skex_stream *stream)
{
	if (stream->closed)
		abort();
	stream->closed = true;
}

static enum skex_error credentials(
	struct skex_stream *stream, uint32_t *user, uint32_t *group, int32_t *process)
{
	if (stream->net->credentials_fail)
		return SKEX_E_STATE;
	*user = stream->user;
	*group = 7;
	*process = 4711;
	return SKEX_OK;
}

void fake_net_init(struct fake_net *net)
{
	memset(net, 0, sizeof(*net));
	net->now_ms = 1000;
	net->net.context = net;
	net->net.listen = fake_listen;
	net->net.unlisten = fake_unlisten;
	net->net.attach = attach;
	net->net.send = send_parts;
	net->net.queued = queued;
	net->net.pause = pause_stream;
	net->net.close = close_stream;
	net->net.credentials = credentials;
	net->platform.context = net;
	net->platform.now_ms = now_ms;
	net->platform.wall_ms = wall_ms;
	net->platform.log = log_line;
	net->platform.wake = wake;
	net->platform.net = &net->net;
}

struct skex_stream *fake_pair(struct fake_net *net)
{
	struct skex_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		abort();
	stream->net = net;
	return stream;
}

struct skex_stream *fake_connect(struct fake_net *net, uint32_t user)
{
	struct skex_stream *stream = fake_pair(net);

	stream->user = user;
	net->accepted(net->accepted_owner, stream);
	return stream;
}

void fake_send_bytes(struct skex_stream *stream, const void *bytes, size_t size)
{
	/* A copy of its own, so that a reader that goes too far is found. */
	void *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL || stream->paused || stream->closed)
		abort();
	memcpy(copy, bytes, size);
	stream->events->received(stream->owner, stream, skex_view(copy, size));
	free(copy);
}

void fake_send(struct skex_stream *stream, const char *text)
{
	fake_send_bytes(stream, text, strlen(text));
}

const char *fake_take(struct skex_stream *stream)
{
	static char *taken;

	free(taken);
	taken = stream->text != NULL ? stream->text : strdup("");
	stream->text = NULL;
	stream->size = 0;
	stream->room = 0;
	stream->read_before = 0;
	return taken;
}

void fake_read(struct skex_stream *stream)
{
	stream->read_before = stream->size;
	if (!stream->closed)
		stream->events->drained(stream->owner, stream);
}

void fake_hang_up(struct skex_stream *stream)
{
	stream->closed = true;
	stream->events->closed(stream->owner, stream, SKEX_OK);
}

void fake_stream_free(struct skex_stream *stream)
{
	free(stream->text);
	free(stream);
}
