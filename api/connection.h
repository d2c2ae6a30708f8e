/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_API_CONNECTION_H
#define SKEX_API_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/server.h"

/*
 * One connection of the local API: cuts what comes in into lines, keeps its unanswered calls, and
 * holds back a client that does not read its answers.  For api/server.c, which says what a line
 * means.
 *
 * A connection that ends is only marked and is taken away by the next turn of the server: an
 * operation, or an event of the agent, may be running on it.
 */
struct skex_api_connection;

struct skex_api_call {
	struct skex_api_connection *connection;
	struct skex_api_call *next;
	struct skex_api_call *previous;
	int64_t id;
	size_t expected; /* bytes of its answer */
	void (*cancelled)(void *owner, uint64_t data);
	void *owner;
	uint64_t data;
};

struct skex_api_connection {
	struct skex_api_server *server;
	struct skex_api_connection *next;
	const struct skex_platform *platform;
	struct skex_stream *stream;
	unsigned rights;
	const char *consumer;
	uint32_t user;   /* of a connection to the socket */
	uint64_t number; /* for log lines */

	uint8_t *input; /* bytes that are not cut into lines yet */
	size_t input_size;
	size_t input_room;
	bool reading;  /* lines are being handled */
	bool paused;   /* the stream gives nothing */
	bool resuming; /* the turn is to look whether it may be read again */
	bool gone;

	struct skex_api_call *calls;
	size_t calls_count;
	size_t calls_max;
	size_t expected;

	uint64_t sent;       /* bytes */
	uint64_t read_least; /* of them: so far it has to read, or it is stuck; 0: nothing waits */
	uint64_t stuck_since_ms;
};

/* Takes the stream over and attaches to it.  NULL when there is no memory; then the stream is
 * closed. */
struct skex_api_connection *skex_api_connection_new(struct skex_api_server *server,
	const struct skex_platform *platform, struct skex_stream *stream, unsigned rights,
	const char *consumer);
/* Marks it; the stream is closed now, the rest happens in the turn.  why is for the log, or NULL.
 */
void skex_api_connection_end(struct skex_api_connection *connection, const char *why);
/* Cancels its calls and frees it; it has ended. */
void skex_api_connection_free(struct skex_api_connection *connection);

/* Sends these parts as one piece; the last ends with the newline. */
void skex_api_connection_send(
	struct skex_api_connection *connection, const struct skex_view *parts, size_t count);

/* Sends an error that ends no call; id below 0 is null. */
void skex_api_connection_error(struct skex_api_connection *connection, int64_t id,
	enum skex_error error, const char *code, const char *message, const char *act);

/* Reads on when it was held back and need not be any more, and drops it when the client reads too
 * little.  True when it is held back still, so that the time counts. */
bool skex_api_connection_turn(struct skex_api_connection *connection, uint64_t now_ms);

/* NULL when there is no memory. */
struct skex_api_call *skex_api_call_new(struct skex_api_connection *connection, int64_t id);
struct skex_api_call *skex_api_call_find(const struct skex_api_connection *connection, int64_t id);
/* The call was answered. */
void skex_api_call_free(struct skex_api_call *call);

/* What the server gives: a line without its newline, and a line that is too long. */
void skex_api_server_line(struct skex_api_connection *connection, struct skex_view line);
void skex_api_server_too_long(struct skex_api_connection *connection);
/* Something is left for the turn. */
void skex_api_server_wake(struct skex_api_server *server);

#endif
