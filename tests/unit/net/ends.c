/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/ends.h"

#include <string.h>

void end_send(struct end *end, const void *data, size_t size)
{
	struct skex_view view = skex_view(data, size);

	end->inside = true;
	assert_int_equal(end->world->net->send(end->stream, &view, 1), SKEX_OK);
	end->inside = false;
}

uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 7 + at / 251);
}

void end_pump(struct end *end)
{
	uint8_t chunk[50000];

	while (end->to_send > 0 && end->world->net->queued(end->stream) < 200000) {
		size_t most = end->chunk == 0 ? sizeof(chunk) : end->chunk;
		size_t size = end->to_send < most ? end->to_send : most;

		for (size_t i = 0; i < size; i++)
			chunk[i] = pattern(end->sent + i);
		end_send(end, chunk, size);
		end->sent += size;
		end->to_send -= size;
	}
}

static void on_opened(void *owner, struct skex_stream *stream)
{
	struct end *end = owner;

	assert_false(end->inside);
	assert_false(end->dead);
	assert_ptr_equal(stream, end->stream);
	end->opened++;
	if (end->close_when_opened)
		end_close(end);
	else
		end_pump(end);
}

static void on_received(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	struct end *end = owner;

	assert_false(end->inside);
	assert_false(end->dead);
	assert_ptr_equal(stream, end->stream);
	assert_true(bytes.size > 0);
	for (size_t i = 0; i < bytes.size; i++)
		end->wrong += bytes.data[i] != pattern(end->received + i);
	end->pieces++;
	end->received += bytes.size;
	if (end->echo)
		end_send(end, bytes.data, bytes.size);
	if (end->close_when_received)
		end_close(end);
}

static void on_drained(void *owner, struct skex_stream *stream)
{
	struct end *end = owner;

	assert_false(end->inside);
	assert_false(end->dead);
	assert_ptr_equal(stream, end->stream);
	assert_int_equal(end->world->net->queued(stream), 0);
	end->drained++;
	end_pump(end);
	if (end->close_when_drained)
		end_close(end);
}

static void on_closed(void *owner, struct skex_stream *stream, enum skex_error why)
{
	struct end *end = owner;

	assert_false(end->inside);
	assert_false(end->dead);
	assert_ptr_equal(stream, end->stream);
	end->closed++;
	end->why = why;
	end->dead = true;
	if (end->close_when_closed)
		end_close(end);
}

const struct skex_stream_events end_events = {
	.opened = on_opened,
	.received = on_received,
	.drained = on_drained,
	.closed = on_closed,
};

static void on_accepted(void *owner, struct skex_stream *stream)
{
	struct server *server = owner;

	server->accepted++;
	if (server->refuse) {
		server->world->net->close(stream);
		return;
	}
	if (server->forget)
		return;
	server->end.stream = stream;
	server->end.dead = false;
	server->world->net->attach(stream, &end_events, &server->end);
	if (server->pause)
		server->world->net->pause(stream, true);
	end_pump(&server->end);
}

void server_listen(struct server *server, struct world *world, const char *host, int port)
{
	memset(server, 0, sizeof(*server));
	server->world = world;
	server->end.world = world;
	assert_int_equal(world->net->listen(world->net->context, host, port, on_accepted, server,
				 &server->listener),
		SKEX_OK);
}

void end_connect(struct end *end, struct world *world, const char *host, int port)
{
	end->world = world;
	end->dead = false;
	end->inside = true;
	assert_int_equal(world->net->connect(
				 world->net->context, host, port, &end_events, end, &end->stream),
		SKEX_OK);
	end->inside = false;
}

bool client_has(void *state)
{
	struct pair *pair = state;

	return pair->client.received >= pair->want;
}

bool server_has(void *state)
{
	struct pair *pair = state;

	return pair->server.end.received >= pair->want;
}

bool client_closed(void *state)
{
	struct pair *pair = state;

	return pair->client.closed > 0;
}

bool server_closed(void *state)
{
	struct pair *pair = state;

	return pair->server.end.closed > 0;
}

bool both_open(void *state)
{
	struct pair *pair = state;

	return pair->client.opened > 0 && pair->server.accepted > 0;
}

void pair_init(struct pair *pair, const char *host)
{
	memset(pair, 0, sizeof(*pair));
	world_init(&pair->world);
	server_listen(&pair->server, &pair->world, host, 0);
}

void pair_connect(struct pair *pair, const char *host)
{
	end_connect(
		&pair->client, &pair->world, host, pair->world.net->port(pair->server.listener));
}

bool client_opened(void *state)
{
	struct pair *pair = state;

	return pair->client.opened > 0;
}

void end_close(struct end *end)
{
	end->inside = true;
	end->dead = true;
	end->world->net->close(end->stream);
	end->inside = false;
}

int server_port(struct server *server)
{
	return server->world->net->port(server->listener);
}

void pair_clear(struct pair *pair)
{
	unsigned closed = pair->client.closed + pair->server.end.closed;

	/* The loop ends first: no owner hears of it. */
	world_clear(&pair->world);
	assert_int_equal(pair->client.closed + pair->server.end.closed, closed);
}
