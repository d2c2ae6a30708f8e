/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_NET_ENDS_H
#define TESTS_UNIT_NET_ENDS_H

#include "tests/unit/net/world.h"

/* One end of a connection: sends a pattern, checks what it receives, counts what happens to it. */
struct end {
	struct world *world;
	struct skex_stream *stream;
	bool inside; /* a call of ours is on the stack: no callback may come */
	bool dead;   /* closed, by us or them: no callback may come any more */
	unsigned opened;
	unsigned drained;
	unsigned closed;
	unsigned pieces; /* calls of received */
	enum skex_error why;
	size_t received;
	size_t wrong;   /* received bytes that are not those of the pattern */
	size_t to_send; /* bytes of the pattern that are still to be sent */
	size_t sent;
	size_t chunk; /* sent at a time; 0: 50,000 */
	bool echo;
	bool close_when_opened;
	bool close_when_received;
	bool close_when_drained;
	bool close_when_closed;
};

/* A listener whose connections are served by one end, the latest. */
struct server {
	struct world *world;
	struct skex_listener *listener;
	struct end end;
	unsigned accepted;
	bool refuse; /* closes in accepted */
	bool forget; /* attaches nothing */
	bool pause;
};

struct pair {
	struct world world;
	struct server server;
	struct end client;
	size_t want; /* bytes */
	bool closed; /* by the test */
};

uint8_t pattern(size_t at);
void end_send(struct end *end, const void *data, size_t size);
/* Sends what is to be sent, as far as the queue stays short. */
void end_pump(struct end *end);
void end_connect(struct end *end, struct world *world, const char *host, int port);
void end_close(struct end *end);
void server_listen(struct server *server, struct world *world, const char *host, int port);
int server_port(struct server *server);
extern const struct skex_stream_events end_events;

/* A server that listens on host and a free port, no client yet. */
void pair_init(struct pair *pair, const char *host);
void pair_connect(struct pair *pair, const char *host);
void pair_clear(struct pair *pair);

/* For world_run, with a pair. */
bool client_opened(void *pair);
bool client_has(void *pair);
bool server_has(void *pair);
bool client_closed(void *pair);
bool server_closed(void *pair);
bool both_open(void *pair);

#endif
