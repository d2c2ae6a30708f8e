/* SPDX-License-Identifier: Apache-2.0 */
#include "api/connection.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes);
static void on_drained(void *owner, struct skex_stream *stream);
static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why);

static const struct skex_stream_events events = {
	.received = on_received,
	.drained = on_drained,
	.closed = on_closed,
};

struct skex_api_connection *skex_api_connection_new(struct skex_api_server *server,
	const struct skex_platform *platform, struct skex_stream *stream, unsigned rights,
	const char *consumer)
{
	struct skex_api_connection *connection = calloc(1, sizeof(*connection));

	if (connection == NULL) {
		platform->net->close(stream);
		return NULL;
	}
	connection->server = server;
	connection->platform = platform;
	connection->stream = stream;
	connection->rights = rights;
	connection->consumer = consumer;
	connection->calls_max = consumer != NULL ? SKEX_API_CALLS_MAX_OWN : SKEX_API_CALLS_MAX;
	platform->net->attach(stream, &events, connection);
	return connection;
}

void skex_api_connection_end(struct skex_api_connection *connection, const char *why)
{
	if (connection->gone)
		return;
	if (why != NULL)
		skex_log(connection->platform, SKEX_LEVEL_WARNING,
			"api: connection %llu dropped: %s", (unsigned long long)connection->number,
			why);
	connection->gone = true;
	if (connection->stream != NULL)
		connection->platform->net->close(connection->stream);
	connection->stream = NULL;
	skex_api_server_wake(connection->server);
}

void skex_api_connection_free(struct skex_api_connection *connection)
{
	struct skex_api_call *call;

	while ((call = connection->calls) != NULL) {
		connection->calls = call->next;
		if (call->cancelled != NULL)
			call->cancelled(call->owner, call->data);
		free(call);
	}
	if (connection->input != NULL)
		skex_wipe(connection->input, connection->input_room);
	free(connection->input);
	free(connection);
}

/* ---- calls ---- */

struct skex_api_call *skex_api_call_new(struct skex_api_connection *connection, int64_t id)
{
	struct skex_api_call *call = calloc(1, sizeof(*call));

	if (call == NULL)
		return NULL;
	call->connection = connection;
	call->id = id;
	call->next = connection->calls;
	if (call->next != NULL)
		call->next->previous = call;
	connection->calls = call;
	connection->calls_count++;
	return call;
}

struct skex_api_call *skex_api_call_find(const struct skex_api_connection *connection, int64_t id)
{
	struct skex_api_call *call = connection->calls;

	while (call != NULL && call->id != id)
		call = call->next;
	return call;
}

void skex_api_call_free(struct skex_api_call *call)
{
	struct skex_api_connection *connection = call->connection;

	if (call->previous != NULL)
		call->previous->next = call->next;
	else
		connection->calls = call->next;
	if (call->next != NULL)
		call->next->previous = call->previous;
	connection->calls_count--;
	connection->expected -= call->expected;
	if (connection->paused && !connection->resuming) {
		connection->resuming = true;
		skex_api_server_wake(connection->server);
	}
	free(call);
}

/* ---- in ---- */

static bool held_back(const struct skex_api_connection *connection)
{
	return connection->calls_count >= connection->calls_max ||
		connection->expected > SKEX_API_PROMISED_MAX ||
		connection->platform->net->queued(connection->stream) > SKEX_API_QUEUE_PAUSE;
}

/* Handles the lines in bytes until there is none or the connection is held back; gives what was
 * used. */
static size_t read_lines(struct skex_api_connection *connection, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	connection->reading = true;
	while (!connection->gone && !held_back(connection)) {
		const uint8_t *end = memchr(bytes + at, '\n', size - at);
		size_t length = end != NULL ? (size_t)(end - (bytes + at)) : size - at;

		if (length >= SKEX_API_LINE_MAX) {
			skex_api_server_too_long(connection);
			break;
		}
		if (end == NULL)
			break;
		skex_api_server_line(connection, skex_view(bytes + at, length));
		at += length + 1;
	}
	connection->reading = false;
	return at;
}

static bool keep_input(struct skex_api_connection *connection, struct skex_view bytes)
{
	size_t need = connection->input_size + bytes.size;
	size_t room = connection->input_room;
	uint8_t *input;

	if (need > room) {
		room = need < 4096 ? 4096 : need * 2;
		input = malloc(room);
		if (input == NULL)
			return false;
		if (connection->input_size > 0)
			memcpy(input, connection->input, connection->input_size);
		if (connection->input != NULL)
			skex_wipe(connection->input, connection->input_room);
		free(connection->input);
		connection->input = input;
		connection->input_room = room;
	}
	memcpy(connection->input + connection->input_size, bytes.data, bytes.size);
	connection->input_size = need;
	return true;
}

static void read_input(struct skex_api_connection *connection)
{
	size_t used;

	if (connection->input_size == 0)
		return;
	used = read_lines(connection, connection->input, connection->input_size);
	memmove(connection->input, connection->input + used, connection->input_size - used);
	connection->input_size -= used;
	/* A connection may stay for long. */
	skex_wipe(connection->input + connection->input_size, used);
}

/* Only the turn lets it go again: there may be lines left in the input. */
static void hold_back(struct skex_api_connection *connection)
{
	if (connection->gone || connection->paused || !held_back(connection))
		return;
	connection->paused = true;
	connection->platform->net->pause(connection->stream, true);
	skex_api_server_wake(connection->server); /* from now on the time counts */
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct skex_api_connection *connection = owner;
	size_t used = 0;

	(void)stream;
	if (connection->gone)
		return;
	/* Most often whole lines come in at once, and nothing is copied. */
	if (connection->input_size == 0)
		used = read_lines(connection, bytes.data, bytes.size);
	if (connection->gone)
		return;
	if (used < bytes.size &&
		!keep_input(connection, skex_view(bytes.data + used, bytes.size - used))) {
		skex_api_connection_end(connection, "no memory for its request");
		return;
	}
	if (used == 0 && connection->input_size > 0)
		read_input(connection);
	hold_back(connection);
}

/* ---- out ---- */

void skex_api_connection_send(
	struct skex_api_connection *connection, const struct skex_view *parts, size_t count)
{
	const struct skex_net *net = connection->platform->net;

	if (connection->gone)
		return;
	if (net->send(connection->stream, parts, count) != SKEX_OK) {
		skex_api_connection_end(connection, NULL);
		return;
	}
	for (size_t i = 0; i < count; i++)
		connection->sent += parts[i].size;
	if (net->queued(connection->stream) > SKEX_API_QUEUE_MAX)
		skex_api_connection_end(connection, "it does not read what it asked for");
	else
		hold_back(connection);
}

static void on_drained(void *owner, struct skex_stream *stream)
{
	struct skex_api_connection *connection = owner;

	(void)stream;
	if (connection->paused && !connection->resuming) {
		connection->resuming = true;
		skex_api_server_wake(connection->server);
	}
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct skex_api_connection *connection = owner;

	(void)stream;
	(void)why;
	connection->stream = NULL;
	skex_api_connection_end(connection, NULL);
}

/* What waits for the agent is not stuck, only what waits for the client to read.  That it reads
 * something is not enough: by a byte now and then answers would lie in locked memory for ever. */
static bool is_stuck(struct skex_api_connection *connection, uint64_t now_ms)
{
	const size_t queued =
		connection->paused ? connection->platform->net->queued(connection->stream) : 0;
	const uint64_t read = connection->sent - queued;

	if (queued == 0) {
		connection->read_least = 0;
		return false;
	}
	if (connection->read_least == 0 || read >= connection->read_least) {
		connection->read_least =
			read + (queued < SKEX_API_READ_LEAST ? queued : SKEX_API_READ_LEAST);
		connection->stuck_since_ms = now_ms;
	}
	return now_ms - connection->stuck_since_ms >= SKEX_API_STUCK_MS;
}

bool skex_api_connection_turn(struct skex_api_connection *connection, uint64_t now_ms)
{
	if (connection->gone || connection->reading)
		return false;
	connection->resuming = false;
	if (connection->paused && !held_back(connection))
		read_input(connection);
	if (connection->gone)
		return false;
	if (connection->paused && !held_back(connection)) {
		connection->paused = false;
		connection->platform->net->pause(connection->stream, false);
	}
	if (is_stuck(connection, now_ms))
		skex_api_connection_end(connection, "it reads too little");
	return connection->paused && !connection->gone;
}
