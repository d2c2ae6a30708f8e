/* SPDX-License-Identifier: Apache-2.0 */
#include "api/metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 16u
#define REQUEST_MAX     4096u

struct reader {
	struct skex_metrics *metrics;
	struct skex_stream *stream; /* NULL: free */
	char request[REQUEST_MAX + 1];
	size_t filled;
};

struct skex_metrics {
	const struct skex_platform *platform;
	struct skex_listener *listener;
	char *(*text)(void *owner);
	void *owner;
	struct reader readers[CONNECTIONS_MAX];
};

static void drop(struct reader *reader)
{
	reader->metrics->platform->net->close(reader->stream);
	reader->stream = NULL;
	reader->filled = 0;
}

static void answer(struct reader *reader, const char *status, const char *type, const char *body)
{
	const struct skex_net *net = reader->metrics->platform->net;
	char head[256];
	int size = snprintf(head, sizeof(head),
		"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n"
		"\r\n",
		status, type, strlen(body));
	struct skex_view parts[2] = {
		skex_view(head, size > 0 ? (size_t)size : 0), skex_view(body, strlen(body))};

	/* What could not be written at once is waited for. */
	if (net->send(reader->stream, parts, 2) != SKEX_OK || net->queued(reader->stream) == 0)
		drop(reader);
}

static void handle(struct reader *reader)
{
	struct skex_metrics *metrics = reader->metrics;
	char *text;

	if (strncmp(reader->request, "GET ", 4) != 0) {
		answer(reader, "405 Method Not Allowed", "text/plain", "only GET\n");
	} else if (strncmp(reader->request + 4, "/metrics ", 9) != 0) {
		answer(reader, "404 Not Found", "text/plain", "look at /metrics\n");
	} else {
		text = metrics->text(metrics->owner);
		if (text != NULL)
			answer(reader, "200 OK", "text/plain; version=0.0.4", text);
		else
			answer(reader, "503 Service Unavailable", "text/plain", "no memory\n");
		free(text);
	}
}

static void received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct reader *reader = owner;
	bool whole;

	(void)stream;
	if (bytes.size > REQUEST_MAX - reader->filled) {
		drop(reader);
		return;
	}
	memcpy(reader->request + reader->filled, bytes.data, bytes.size);
	reader->filled += bytes.size;
	reader->request[reader->filled] = '\0';
	whole = strstr(reader->request, "\r\n\r\n") != NULL;
	if (whole)
		handle(reader);
}

static void drained(void *owner, struct skex_stream *stream)
{
	struct reader *reader = owner;

	if (reader->stream == stream)
		drop(reader);
}

static void closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct reader *reader = owner;

	(void)stream;
	(void)why;
	reader->stream = NULL;
	reader->filled = 0;
}

static const struct skex_stream_events events = {
	.received = received,
	.drained = drained,
	.closed = closed,
};

/* When all places are taken the newcomer is sent away. */
static void accepted(void *owner, struct skex_stream *stream)
{
	struct skex_metrics *metrics = owner;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct reader *reader = &metrics->readers[i];

		if (reader->stream != NULL)
			continue;
		reader->metrics = metrics;
		reader->stream = stream;
		reader->filled = 0;
		metrics->platform->net->attach(stream, &events, reader);
		return;
	}
	metrics->platform->net->close(stream);
}

enum skex_error skex_metrics_new(const struct skex_platform *platform, const char *host,
	uint16_t port, char *(*text)(void *owner), void *owner, struct skex_metrics **metrics)
{
	struct skex_metrics *made = calloc(1, sizeof(*made));
	enum skex_error error;

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->platform = platform;
	made->text = text;
	made->owner = owner;
	error = platform->net->listen(
		platform->net->context, host, port, accepted, made, &made->listener);
	if (error != SKEX_OK) {
		free(made);
		return error;
	}
	*metrics = made;
	return SKEX_OK;
}

void skex_metrics_free(struct skex_metrics *metrics)
{
	if (metrics == NULL)
		return;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (metrics->readers[i].stream != NULL)
			drop(&metrics->readers[i]);
	metrics->platform->net->unlisten(metrics->listener);
	free(metrics);
}
