/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SKEX_TESTS_UNIT_API_FAKE_NET_H
#define SKEX_TESTS_UNIT_API_FAKE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/platform.h"

/*
 * A platform in memory, for tests of the server: clients are streams whose other end is the test.
 * The clock stands until the test moves it.
 */
struct fake_net {
	struct skex_platform platform; /* first: the context is found from it */
	struct skex_net net;
	uint64_t now_ms;
	unsigned wakes;
	unsigned log_lines;
	char log[4096]; /* the last line */
	void (*accepted)(void *owner, struct skex_stream *stream);
	void *accepted_owner;
	bool credentials_fail;
};

struct skex_stream {
	struct fake_net *net;
	const struct skex_stream_events *events;
	void *owner;
	uint32_t user;
	char *text; /* what was sent to the client, zero-terminated */
	size_t size;
	size_t room;
	size_t read_before; /* bytes the client took, when it does not read at once */
	bool lazy;          /* does not read: everything stays queued */
	bool paused;
	bool closed;  /* by the server */
	bool refuses; /* sends fail */
};

void fake_net_init(struct fake_net *net);
/* A client that connects as this user. */
struct skex_stream *fake_connect(struct fake_net *net, uint32_t user);
/* A stream that the daemon made itself. */
struct skex_stream *fake_pair(struct fake_net *net);
/* The client sends; nothing may come in while the stream is paused or closed. */
void fake_send(struct skex_stream *stream, const char *text);
void fake_send_bytes(struct skex_stream *stream, const void *bytes, size_t size);
/* What the client got since the last call; valid until the next. */
const char *fake_take(struct skex_stream *stream);
/* A lazy client reads all; the server is told. */
void fake_read(struct skex_stream *stream);
/* The client goes away. */
void fake_hang_up(struct skex_stream *stream);
void fake_stream_free(struct skex_stream *stream);

#endif
