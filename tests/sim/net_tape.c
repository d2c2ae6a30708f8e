/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/net_internal.h"

/* Who is on every wire, keeps what went over it, and says it again: on the connection that is there
 * now, on one of its own, or as a datagram from the same address. */
#define PIECES_MAX 256u /* the last ones */

struct piece {
	uint32_t from;
	uint32_t to;
	uint64_t serial; /* of the receiving stream; 0: a datagram */
	uint16_t to_port;
	struct skex_net_address address; /* of its sender */
	size_t size;
	uint8_t bytes[];
};

struct sim_tape {
	struct piece *pieces[PIECES_MAX]; /* a ring */
	uint64_t count;                   /* that there ever were */
};

void sim_net_record(struct sim_net *net)
{
	if (net->tape == NULL)
		net->tape = calloc(1, sizeof(*net->tape));
	sim_datagrams_record(net->datagrams, net->tape);
}

void sim_tape_free(struct sim_tape *tape)
{
	uint32_t i;

	for (i = 0; tape != NULL && i < PIECES_MAX; i++)
		free(tape->pieces[i]);
	free(tape);
}

static struct piece *add(struct sim_tape *tape, size_t size)
{
	struct piece **place = &tape->pieces[tape->count++ % PIECES_MAX];

	free(*place);
	*place = calloc(1, sizeof(**place) + size);
	(*place)->size = size;
	return *place;
}

void sim_tape_bytes(struct sim_tape *tape, const struct skex_stream *to, const struct event *event)
{
	struct piece *piece;

	if (tape == NULL)
		return;
	piece = add(tape, event->size);
	piece->from = to->other->node;
	piece->to = to->node;
	piece->serial = to->serial;
	memcpy(piece->bytes, event->bytes, event->size);
}

void sim_tape_datagram(struct sim_tape *tape, const struct skex_net_address *from, uint32_t to,
	uint16_t to_port, struct skex_view bytes)
{
	struct piece *piece;

	if (tape == NULL)
		return;
	piece = add(tape, bytes.size);
	piece->to = to;
	piece->to_port = to_port;
	piece->address = *from;
	memcpy(piece->bytes, bytes.data, bytes.size);
}

/* ---- again -------------------------------------------------------------------------------------
 */

static void say(struct skex_stream *to, const struct piece *piece)
{
	struct event *event = sim_event_new(EVENT_BYTES, to, piece->size);

	memcpy(event->bytes, piece->bytes, piece->size);
	event->foreign = true;
	sim_deliver(to, event);
}

/* Into the connection between the same two that is there now. */
static bool inject(struct sim_net *net, const struct piece *piece)
{
	struct skex_stream *to = net->of_node[piece->to];

	while (to != NULL &&
		!(to->open && !to->dead && to->other != NULL && to->other->node == piece->from))
		to = to->next_of_node;
	if (to != NULL)
		say(to, piece);
	return to != NULL;
}

static void hear(void *owner, struct skex_stream *stream, struct skex_view bytes)
{
	(void)owner;
	(void)stream;
	(void)bytes;
}

static void hear_end(void *owner, struct skex_stream *stream, enum skex_error why)
{
	(void)owner;
	(void)stream;
	(void)why;
}

static const struct skex_stream_events silent = {.received = hear, .closed = hear_end};

/* A whole recorded connection from its beginning, or from where the tape has it. */
static bool play(struct sim_net *net, const struct piece *like)
{
	struct skex_listener *listener = net->listeners;
	struct skex_stream *stream;
	struct event *event;
	uint64_t i;

	while (listener != NULL && listener->node != like->to)
		listener = listener->next;
	if (listener == NULL)
		return false;
	stream = sim_stream_new(net, like->from);
	stream->events = &silent;
	stream->open = true;
	stream->other = sim_stream_new(net, like->to);
	stream->other->other = stream;
	event = sim_event_new(EVENT_ACCEPTED, stream->other, 0);
	event->listener = listener->serial;
	sim_deliver(stream->other, event);
	for (i = net->tape->count < PIECES_MAX ? 0 : net->tape->count - PIECES_MAX;
		i < net->tape->count; i++) {
		const struct piece *piece = net->tape->pieces[i % PIECES_MAX];

		if (piece->serial == like->serial)
			say(stream->other, piece);
	}
	return true;
}

bool sim_net_replay(struct sim_net *net, uint64_t any)
{
	const uint64_t count = net->tape->count < PIECES_MAX ? net->tape->count : PIECES_MAX;
	const struct piece *piece;

	if (count == 0)
		return false;
	piece = net->tape->pieces[any / 2 % count];
	if (piece->serial != 0)
		return any % 2 == 0 ? inject(net, piece) : play(net, piece);
	sim_datagrams_again(net->datagrams, &piece->address, piece->to, piece->to_port,
		skex_view(piece->bytes, piece->size));
	return true;
}
