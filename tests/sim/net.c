/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/net_internal.h"

#define UNREACHED_MS 3000u /* until an attempt to connect ends */

static void schedule(struct sim_net *net, struct event *event, uint64_t at)
{
	event->stream->mentions++;
	sim_events_add(&net->events, &event->head, at);
}

static struct event *take(struct sim_net *net)
{
	struct event *event = (struct event *)sim_events_take(&net->events);

	event->stream->mentions--;
	return event;
}

struct event *sim_event_new(enum event_kind kind, struct skex_stream *stream, size_t size)
{
	struct event *event = calloc(1, sizeof(*event) + size);

	event->kind = kind;
	event->stream = stream;
	event->size = size;
	return event;
}

void sim_deliver(struct skex_stream *to, struct event *event)
{
	struct sim_net *net = to->net;
	uint64_t delay = 1 +
		(net->rules.delay_ms == 0 ? 0
					  : net->random(net->random_owner) % net->rules.delay_ms);
	uint64_t at = net->now + delay;

	if (at < to->last_ms)
		at = to->last_ms;
	to->last_ms = at;
	schedule(net, event, at);
}

static bool chance(struct sim_net *net, uint32_t per_million)
{
	return per_million > 0 && net->random(net->random_owner) % 1000000 < per_million;
}

static bool apart(const struct sim_net *net, uint32_t a, uint32_t b)
{
	return sim_net_apart(net->apart[a], b);
}

struct skex_stream *sim_stream_new(struct sim_net *net, uint32_t node)
{
	struct skex_stream *stream = calloc(1, sizeof(*stream));

	stream->net = net;
	stream->node = node;
	stream->serial = ++net->serial;
	stream->last_ms = net->now;
	stream->next = net->streams;
	if (net->streams != NULL)
		net->streams->previous = stream;
	net->streams = stream;
	stream->next_of_node = net->of_node[node];
	if (stream->next_of_node != NULL)
		stream->next_of_node->previous_of_node = stream;
	net->of_node[node] = stream;
	return stream;
}

static void set_torn(struct skex_stream *stream, bool torn)
{
	stream->net->torn += torn;
	stream->net->torn -= stream->torn;
	stream->torn = torn;
}

/* It is freed when nothing mentions it any more. */
static void set_dead(struct skex_stream *stream)
{
	if (!stream->dead) {
		stream->next_dead = stream->net->dead;
		stream->net->dead = stream;
	}
	stream->dead = true;
	stream->open = false;
}

/* The other end learns of it later. */
static void end(struct skex_stream *stream)
{
	struct skex_stream *other = stream->other;

	set_dead(stream);
	stream->other = NULL;
	if (other == NULL)
		return;
	other->other = NULL;
	sim_deliver(other, sim_event_new(EVENT_CLOSED, other, 0));
}

/* ---- the table's functions ---------------------------------------------------------------------
 */

static enum skex_error net_listen(void *context, const char *host, int port,
	void (*accepted)(void *owner, struct skex_stream *stream), void *owner,
	struct skex_listener **out)
{
	struct table *table = context;
	struct skex_listener *listener = calloc(1, sizeof(*listener));

	(void)host;
	listener->net = table->net;
	listener->node = table->node;
	snprintf(listener->name, sizeof(listener->name), "%s", table->name);
	listener->port = port;
	listener->serial = ++table->net->listeners_made;
	listener->accepted = accepted;
	listener->owner = owner;
	listener->next = table->net->listeners;
	table->net->listeners = listener;
	*out = listener;
	return SKEX_OK;
}

static uint16_t net_port(struct skex_listener *listener)
{
	return (uint16_t)listener->port;
}

static void net_unlisten(struct skex_listener *listener)
{
	struct skex_listener **link = &listener->net->listeners;

	while (*link != listener)
		link = &(*link)->next;
	*link = listener->next;
	free(listener);
}

static enum skex_error net_connect(void *context, const char *host, int port,
	const struct skex_stream_events *events, void *owner, struct skex_stream **out)
{
	struct table *table = context;
	struct sim_net *net = table->net;
	struct skex_stream *stream = sim_stream_new(net, table->node);
	struct skex_listener *listener = net->listeners;
	struct event *event;

	stream->events = events;
	stream->owner = owner;
	*out = stream;
	while (listener != NULL && !(strcmp(listener->name, host) == 0 && listener->port == port))
		listener = listener->next;
	if (listener != NULL && apart(net, table->node, listener->node)) {
		schedule(net, sim_event_new(EVENT_CLOSED, stream, 0), net->now + UNREACHED_MS);
		return SKEX_OK;
	}
	if (listener == NULL || chance(net, net->rules.reset_per_million)) {
		sim_deliver(stream, sim_event_new(EVENT_CLOSED, stream, 0));
		return SKEX_OK;
	}
	stream->other = sim_stream_new(net, listener->node);
	stream->other->other = stream;
	event = sim_event_new(EVENT_ACCEPTED, stream->other, 0);
	event->listener = listener->serial;
	sim_deliver(stream->other, event);
	sim_deliver(stream, sim_event_new(EVENT_OPENED, stream, 0));
	return SKEX_OK;
}

static void net_attach(
	struct skex_stream *stream, const struct skex_stream_events *events, void *owner)
{
	stream->events = events;
	stream->owner = owner;
}

static enum skex_error net_send(
	struct skex_stream *stream, const struct skex_view *parts, size_t count)
{
	struct skex_stream *other = stream->other;
	struct event *event;
	size_t size = 0;
	size_t i;

	if (!stream->open || stream->dead)
		return SKEX_E_OFFLINE;
	if (other == NULL)
		return SKEX_OK; /* into the void: closed follows */
	if (apart(stream->net, stream->node, other->node)) {
		set_torn(stream, true);
		return SKEX_OK;
	}
	if (chance(stream->net, stream->net->rules.reset_per_million)) {
		struct event *closed = sim_event_new(EVENT_CLOSED, stream, 0);

		stream->other = NULL;
		other->other = NULL;
		sim_deliver(other, sim_event_new(EVENT_CLOSED, other, 0));
		sim_deliver(stream, closed);
		return SKEX_OK;
	}
	for (i = 0; i < count; i++)
		size += parts[i].size;
	event = sim_event_new(EVENT_BYTES, other, size);
	for (i = 0, size = 0; i < count; i++) {
		memcpy(event->bytes + size, parts[i].data, parts[i].size);
		size += parts[i].size;
	}
	if (chance(stream->net, stream->net->rules.flip_per_million))
		event->bytes[stream->net->random(stream->net->random_owner) % size] ^=
			(uint8_t)(1u << (stream->net->random(stream->net->random_owner) % 8));
	sim_tape_bytes(stream->net->tape, other, event);
	stream->queued += size;
	sim_deliver(other, event);
	return SKEX_OK;
}

static size_t net_queued(struct skex_stream *stream)
{
	return stream->queued;
}

static void held_free(struct skex_stream *stream)
{
	while (stream->held != NULL) {
		struct event *event = stream->held;

		stream->held = event->next;
		free(event);
	}
}

/* The bytes that came while it was paused, joined as TCP would join them. */
static struct event *held_bytes(struct skex_stream *stream)
{
	struct event *joined;
	size_t size = 0;

	for (struct event *event = stream->held; event != NULL && event->kind == EVENT_BYTES;
		event = event->next)
		size += event->size;
	if (size == 0)
		return NULL;
	joined = sim_event_new(EVENT_BYTES, stream, size);
	for (size = 0; stream->held != NULL && stream->held->kind == EVENT_BYTES;) {
		struct event *event = stream->held;

		memcpy(joined->bytes + size, event->bytes, event->size);
		size += event->size;
		stream->held = event->next;
		free(event);
	}
	return joined;
}

/* What was held comes before all that is on its way. */
static void net_pause(struct skex_stream *stream, bool paused)
{
	struct sim_net *net = stream->net;
	struct event *bytes;
	size_t count = 0;

	stream->paused = paused;
	if (paused)
		return;
	bytes = held_bytes(stream);
	if (bytes != NULL) {
		bytes->next = stream->held;
		stream->held = bytes;
	}
	for (const struct event *event = stream->held; event != NULL; event = event->next)
		count++;
	sim_events_make_room_before(&net->events, count);
	while (stream->held != NULL) {
		struct event *event = stream->held;

		stream->held = event->next;
		stream->mentions++;
		sim_events_add_before(&net->events, &event->head);
	}
}

static void net_close(struct skex_stream *stream)
{
	end(stream);
}

static void net_peer(struct skex_stream *stream, char text[64])
{
	snprintf(text, 64, "node%u:1", stream->other == NULL ? 0 : (unsigned)stream->other->node);
}

static enum skex_error net_credentials(
	struct skex_stream *stream, uint32_t *user, uint32_t *group, int32_t *process)
{
	(void)stream;
	(void)user;
	(void)group;
	(void)process;
	return SKEX_E_STATE;
}

static enum skex_error net_bind(void *context, const char *host, int port,
	skex_received_fn received, void *owner, struct skex_socket **out)
{
	struct table *table = context;

	(void)host;
	return sim_datagrams_bind(table->net->datagrams, table->node, port, received, owner, out);
}

/* ---- for the world -----------------------------------------------------------------------------
 */

struct sim_net *sim_net_new(uint64_t (*random)(void *owner), void *owner)
{
	struct sim_net *net = calloc(1, sizeof(*net));

	net->random = random;
	net->random_owner = owner;
	net->datagrams = sim_datagrams_new(&net->rules, &net->now, random, owner);
	sim_datagrams_part(net->datagrams, net->apart[0]);
	return net;
}

void sim_net_rules(struct sim_net *net, const struct sim_net_rules *rules)
{
	net->rules = *rules;
}

/* Both ends of a stream learn that it is gone. */
static void tear(struct skex_stream *stream)
{
	struct skex_stream *other = stream->other;

	set_torn(stream, false);
	if (other == NULL || stream->dead)
		return;
	stream->other = NULL;
	other->other = NULL;
	sim_deliver(other, sim_event_new(EVENT_CLOSED, other, 0));
	sim_deliver(stream, sim_event_new(EVENT_CLOSED, stream, 0));
}

static void set_apart(struct sim_net *net, uint32_t of, uint32_t other, bool apart)
{
	uint64_t *word = &net->apart[of][other / 64];
	const uint64_t bit = UINT64_C(1) << other % 64;

	*word = apart ? *word | bit : *word & ~bit;
}

void sim_net_part(struct sim_net *net, uint32_t a, uint32_t b, bool apart)
{
	struct skex_stream *stream;

	set_apart(net, a, b, apart);
	set_apart(net, b, a, apart);
	if (apart || net->torn == 0)
		return;
	for (stream = net->streams; stream != NULL; stream = stream->next) {
		if (stream->torn)
			tear(stream);
	}
}

const struct skex_net *sim_net_table(struct sim_net *net, uint32_t node, const char *name)
{
	struct table *table = net->tables[node];

	if (table == NULL) {
		table = calloc(1, sizeof(*table));
		net->tables[node] = table;
		table->net = net;
		table->node = node;
		snprintf(table->name, sizeof(table->name), "%s", name);
		table->functions.context = table;
		table->functions.listen = net_listen;
		table->functions.port = net_port;
		table->functions.unlisten = net_unlisten;
		table->functions.connect = net_connect;
		table->functions.attach = net_attach;
		table->functions.send = net_send;
		table->functions.queued = net_queued;
		table->functions.pause = net_pause;
		table->functions.close = net_close;
		table->functions.peer = net_peer;
		table->functions.credentials = net_credentials;
		table->functions.bind = net_bind;
		sim_datagrams_table(&table->functions);
		sim_datagrams_name(net->datagrams, node, name);
	}
	return &table->functions;
}

void sim_net_kill(struct sim_net *net, uint32_t node)
{
	struct skex_listener **link = &net->listeners;
	struct skex_stream *stream;

	sim_datagrams_kill(net->datagrams, node);
	while (*link != NULL) {
		struct skex_listener *listener = *link;

		if (listener->node == node) {
			*link = listener->next;
			free(listener);
		} else {
			link = &listener->next;
		}
	}
	for (stream = net->of_node[node]; stream != NULL; stream = stream->next_of_node) {
		if (!stream->dead)
			end(stream);
	}
}

uint64_t sim_net_due(const struct sim_net *net)
{
	const uint64_t datagram = sim_datagrams_due(net->datagrams);

	const uint64_t event = sim_events_due(&net->events);

	return datagram < event ? datagram : event;
}

/* NULL when it is no more. */
static struct skex_listener *listener_of(const struct sim_net *net, uint64_t serial)
{
	struct skex_listener *listener = net->listeners;

	while (listener != NULL && listener->serial != serial)
		listener = listener->next;
	return listener;
}

static void stream_free(struct skex_stream *stream)
{
	struct sim_net *net = stream->net;

	set_torn(stream, false);
	if (stream->other != NULL)
		stream->other->other = NULL;
	if (stream->previous != NULL)
		stream->previous->next = stream->next;
	else
		net->streams = stream->next;
	if (stream->next != NULL)
		stream->next->previous = stream->previous;
	if (stream->previous_of_node != NULL)
		stream->previous_of_node->next_of_node = stream->next_of_node;
	else
		net->of_node[stream->node] = stream->next_of_node;
	if (stream->next_of_node != NULL)
		stream->next_of_node->previous_of_node = stream->previous_of_node;
	held_free(stream);
	free(stream);
}

/* Frees streams that are dead and that no event mentions. */
static void collect(struct sim_net *net)
{
	struct skex_stream **link = &net->dead;

	while (*link != NULL) {
		struct skex_stream *stream = *link;

		if (stream->mentions == 0) {
			*link = stream->next_dead;
			stream_free(stream);
		} else {
			link = &stream->next_dead;
		}
	}
}

static void happen(struct sim_net *net, struct event *event)
{
	struct skex_stream *stream = event->stream;
	struct skex_listener *listener;

	switch (event->kind) {
	case EVENT_ACCEPTED:
		listener = listener_of(net, event->listener);
		if (listener == NULL) {
			end(stream);
			return;
		}
		stream->open = true;
		listener->accepted(listener->owner, stream);
		return;
	case EVENT_OPENED:
		stream->open = true;
		stream->events->opened(stream->owner, stream);
		return;
	case EVENT_BYTES:
		if (stream->other != NULL && !event->foreign) {
			stream->other->queued -= event->size;
			if (stream->other->queued == 0 && !stream->other->dead &&
				stream->other->open)
				sim_deliver(stream->other,
					sim_event_new(EVENT_DRAINED, stream->other, 0));
		}
		if (stream->events != NULL)
			stream->events->received(
				stream->owner, stream, skex_view(event->bytes, event->size));
		return;
	case EVENT_DRAINED:
		if (stream->events->drained != NULL)
			stream->events->drained(stream->owner, stream);
		return;
	case EVENT_CLOSED:
		set_dead(stream);
		if (stream->events != NULL)
			stream->events->closed(stream->owner, stream, SKEX_E_OFFLINE);
		return;
	}
}

/* Nobody reads: neither bytes nor the end are noticed. */
static void hold(struct event *event)
{
	struct event **link = &event->stream->held;

	while (*link != NULL)
		link = &(*link)->next;
	event->next = NULL;
	*link = event;
}

bool sim_net_step(struct sim_net *net, uint64_t now_ms, uint32_t *node)
{
	struct event *event;

	net->now = now_ms;
	if (sim_events_due(&net->events) > now_ms)
		return sim_datagrams_step(net->datagrams, node);
	event = take(net);
	*node = event->stream->node;
	if (event->stream->paused && !event->stream->dead &&
		(event->kind == EVENT_BYTES || event->kind == EVENT_CLOSED)) {
		hold(event);
		return true;
	}
	if (!event->stream->dead)
		happen(net, event);
	if (event->kind == EVENT_CLOSED)
		collect(net);
	free(event);
	return true;
}

void sim_net_free(struct sim_net *net)
{
	uint32_t i;

	sim_events_free(&net->events);
	while (net->streams != NULL)
		stream_free(net->streams);
	while (net->listeners != NULL)
		net_unlisten(net->listeners);
	for (i = 0; i < SIM_NODES_MAX; i++)
		free(net->tables[i]);
	sim_datagrams_free(net->datagrams);
	sim_tape_free(net->tape);
	free(net);
}
