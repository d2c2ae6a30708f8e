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
	uint64_t number; /* in the order in which they came */
	uint64_t end_ms;
};

struct skex_metrics {
	const struct skex_platform *platform;
	struct skex_listener *listener;
	char *(*text)(void *owner);
	void *owner;
	struct reader readers[CONNECTIONS_MAX];
	uint64_t ever;
	uint64_t next_ms; /* none has its end before */
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

	if (bytes.size > REQUEST_MAX - reader->filled) {
		drop(reader);
		return;
	}
	memcpy(reader->request + reader->filled, bytes.data, bytes.size);
	reader->filled += bytes.size;
	reader->request[reader->filled] = '\0';
	whole = strstr(reader->request, "\r\n\r\n") != NULL;
	if (!whole)
		return;
	/* It has its one answer: what it says now would be answered again, into memory. */
	reader->metrics->platform->net->pause(stream, true);
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

/* One that is free, or the oldest ends: silent ones keep nobody from being answered. */
static struct reader *make_room(struct skex_metrics *metrics)
{
	struct reader *oldest = &metrics->readers[0];

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct reader *reader = &metrics->readers[i];

		if (reader->stream == NULL)
			return reader;
		if (reader->number < oldest->number)
			oldest = reader;
	}
	drop(oldest);
	return oldest;
}

static void accepted(void *owner, struct skex_stream *stream)
{
	struct skex_metrics *metrics = owner;
	const struct skex_platform *platform = metrics->platform;
	struct reader *reader = make_room(metrics);

	reader->metrics = metrics;
	reader->stream = stream;
	reader->number = ++metrics->ever;
	reader->end_ms = platform->now_ms(platform->context) + SKEX_METRICS_MS;
	if (reader->end_ms < metrics->next_ms)
		metrics->next_ms = reader->end_ms;
	platform->net->attach(stream, &events, reader);
}

uint64_t skex_metrics_turn(struct skex_metrics *metrics, uint64_t now_ms)
{
	if (metrics == NULL)
		return UINT64_MAX;
	if (now_ms < metrics->next_ms)
		return metrics->next_ms;
	metrics->next_ms = UINT64_MAX;
	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct reader *reader = &metrics->readers[i];

		if (reader->stream == NULL)
			continue;
		if (now_ms >= reader->end_ms)
			drop(reader);
		else if (reader->end_ms < metrics->next_ms)
			metrics->next_ms = reader->end_ms;
	}
	return metrics->next_ms;
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
	made->next_ms = UINT64_MAX;
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
