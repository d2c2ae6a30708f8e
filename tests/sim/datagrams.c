/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/datagrams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FREE_PORT    49152
#define ADDRESS_SIZE 6u

/* A datagram on its way, or, with a lookup, an answer to it. */
struct event {
	struct event *next;
	uint64_t at;
	struct skex_lookup *lookup;
	uint32_t to_node; /* the socket is looked for when it arrives */
	uint16_t to_port;
	struct skex_net_address from;
	size_t size;
	uint8_t bytes[];
};

struct skex_socket {
	struct skex_socket *next;
	struct sim_datagrams *datagrams;
	uint32_t node;
	uint16_t port;
	uint64_t last_ms; /* what is sent later arrives later, unless it is late by the rules */
	skex_received_fn received;
	void *owner;
};

struct skex_lookup {
	struct skex_socket *socket;
	struct skex_net_address address; /* of size 0: no such name */
	skex_resolved_fn done;
	void *owner;
};

struct sim_datagrams {
	const struct sim_net_rules *rules;
	uint64_t (*random)(void *owner);
	void *random_owner;
	char names[SIM_NODES_MAX][32];
	struct skex_socket *sockets;
	struct event *events; /* by time, then in the order of making */
	const uint64_t *now;
	const uint64_t *apart; /* may be NULL */
	struct sim_tape *tape; /* the same */
};

static uint64_t below(struct sim_datagrams *datagrams, uint64_t limit)
{
	return limit == 0 ? 0 : datagrams->random(datagrams->random_owner) % limit;
}

static bool chance(struct sim_datagrams *datagrams, uint32_t per_million)
{
	return per_million > 0 && below(datagrams, 1000000) < per_million;
}

static void schedule(struct sim_datagrams *datagrams, struct event *event, uint64_t at)
{
	struct event **link = &datagrams->events;

	event->at = at;
	while (*link != NULL && (*link)->at <= at)
		link = &(*link)->next;
	event->next = *link;
	*link = event;
}

static struct skex_net_address address_of(uint32_t node, int port)
{
	struct skex_net_address address = {.size = ADDRESS_SIZE};
	const uint8_t bytes[ADDRESS_SIZE] = {(uint8_t)(node >> 24), (uint8_t)(node >> 16),
		(uint8_t)(node >> 8), (uint8_t)node, (uint8_t)(port >> 8), (uint8_t)port};

	memcpy(address.bytes, bytes, sizeof(bytes));
	return address;
}

static uint32_t address_node(const struct skex_net_address *address)
{
	const uint8_t *b = address->bytes;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint16_t address_port(const struct skex_net_address *address)
{
	return (uint16_t)(address->bytes[4] << 8 | address->bytes[5]);
}

static struct skex_socket *find(const struct sim_datagrams *datagrams, uint32_t node, int port)
{
	struct skex_socket *socket = datagrams->sockets;

	while (socket != NULL && !(socket->node == node && socket->port == port))
		socket = socket->next;
	return socket;
}

/* ---- the table's functions ---------------------------------------------------------------------
 */

enum skex_error sim_datagrams_bind(struct sim_datagrams *datagrams, uint32_t node, int port,
	skex_received_fn received, void *owner, struct skex_socket **out)
{
	struct skex_socket *socket;

	if (port < 0 || port > UINT16_MAX)
		return SKEX_E_ARGUMENT;
	if (port == 0) {
		for (port = FREE_PORT; find(datagrams, node, port) != NULL;)
			port++;
	}
	if (find(datagrams, node, port) != NULL)
		return SKEX_E_BUSY;
	socket = calloc(1, sizeof(*socket));
	socket->datagrams = datagrams;
	socket->node = node;
	socket->port = (uint16_t)port;
	socket->received = received;
	socket->owner = owner;
	socket->next = datagrams->sockets;
	datagrams->sockets = socket;
	*out = socket;
	return SKEX_OK;
}

static uint16_t bound_port(struct skex_socket *socket)
{
	return socket->port;
}

/* Takes out the answers that are on their way to a lookup, or to any of a socket's. */
static void forget(struct sim_datagrams *datagrams, const struct skex_socket *socket,
	const struct skex_lookup *lookup)
{
	struct event **link = &datagrams->events;

	while (*link != NULL) {
		struct event *event = *link;

		if (event->lookup == NULL ||
			(event->lookup != lookup && event->lookup->socket != socket)) {
			link = &event->next;
			continue;
		}
		*link = event->next;
		free(event->lookup);
		free(event);
	}
}

static void unbind(struct skex_socket *socket)
{
	struct skex_socket **link;

	if (socket == NULL)
		return;
	forget(socket->datagrams, socket, NULL);
	link = &socket->datagrams->sockets;
	while (*link != socket)
		link = &(*link)->next;
	*link = socket->next;
	free(socket);
}

static void put_on_the_way(
	struct skex_socket *socket, const struct skex_net_address *address, struct skex_view bytes)
{
	struct sim_datagrams *datagrams = socket->datagrams;
	const struct sim_net_rules *rules = datagrams->rules;
	struct event *event = calloc(1, sizeof(*event) + bytes.size);
	uint64_t at = *datagrams->now + 1 + below(datagrams, rules->delay_ms);

	event->to_node = address_node(address);
	event->to_port = address_port(address);
	event->from = address_of(socket->node, socket->port);
	event->size = bytes.size;
	memcpy(event->bytes, bytes.data, bytes.size);
	if (chance(datagrams, rules->flip_per_million))
		event->bytes[below(datagrams, bytes.size)] ^= (uint8_t)(1u << below(datagrams, 8));
	if (chance(datagrams, rules->late_per_million)) {
		at += 1 + below(datagrams, 4 * (uint64_t)rules->delay_ms + 4);
	} else {
		at = at < socket->last_ms ? socket->last_ms : at;
		socket->last_ms = at;
	}
	schedule(datagrams, event, at);
}

static enum skex_error send_to(
	struct skex_socket *socket, const struct skex_net_address *address, struct skex_view bytes)
{
	struct sim_datagrams *datagrams = socket->datagrams;
	const struct skex_net_address from = address_of(socket->node, socket->port);

	if (bytes.size == 0 || bytes.size > SKEX_DATAGRAM_MAX || address->size != ADDRESS_SIZE)
		return SKEX_E_ARGUMENT;
	if (datagrams->apart != NULL && address_node(address) < SIM_NODES_MAX &&
		sim_net_apart(datagrams->apart + (size_t)socket->node * SIM_APART_WORDS,
			address_node(address)))
		return SKEX_OK;
	sim_tape_datagram(
		datagrams->tape, &from, address_node(address), address_port(address), bytes);
	if (chance(datagrams, datagrams->rules->lost_per_million))
		return SKEX_OK;
	put_on_the_way(socket, address, bytes);
	if (chance(datagrams, datagrams->rules->twice_per_million))
		put_on_the_way(socket, address, bytes);
	return SKEX_OK;
}

static enum skex_error resolve(struct skex_socket *socket, const char *host, int port,
	skex_resolved_fn done, void *owner, struct skex_lookup **out)
{
	struct sim_datagrams *datagrams = socket->datagrams;
	struct skex_lookup *lookup;
	struct event *event;
	uint32_t node = 0;

	if (port < 1 || port > UINT16_MAX || host[0] == '\0' || strlen(host) > 255)
		return SKEX_E_ARGUMENT;
	lookup = calloc(1, sizeof(*lookup));
	while (node < SIM_NODES_MAX && strcmp(datagrams->names[node], host) != 0)
		node++;
	if (node < SIM_NODES_MAX)
		lookup->address = address_of(node, port);
	lookup->socket = socket;
	lookup->done = done;
	lookup->owner = owner;
	event = calloc(1, sizeof(*event));
	event->lookup = lookup;
	schedule(datagrams, event,
		*datagrams->now + 1 + below(datagrams, datagrams->rules->delay_ms));
	*out = lookup;
	return SKEX_OK;
}

static void unresolve(struct skex_lookup *lookup)
{
	if (lookup != NULL)
		forget(lookup->socket->datagrams, NULL, lookup);
}

static void address_text(const struct skex_net_address *address, char text[64])
{
	(void)snprintf(text, 64, "node %u:%u", address_node(address), address_port(address));
}

void sim_datagrams_part(struct sim_datagrams *datagrams, const uint64_t *apart)
{
	datagrams->apart = apart;
}

void sim_datagrams_record(struct sim_datagrams *datagrams, struct sim_tape *tape)
{
	datagrams->tape = tape;
}

void sim_datagrams_again(struct sim_datagrams *datagrams, const struct skex_net_address *from,
	uint32_t to, uint16_t to_port, struct skex_view bytes)
{
	struct event *event = calloc(1, sizeof(*event) + bytes.size);

	event->to_node = to;
	event->to_port = to_port;
	event->from = *from;
	event->size = bytes.size;
	memcpy(event->bytes, bytes.data, bytes.size);
	schedule(datagrams, event,
		*datagrams->now + 1 + below(datagrams, datagrams->rules->delay_ms));
}

void sim_datagrams_table(struct skex_net *net)
{
	net->bound_port = bound_port;
	net->unbind = unbind;
	net->send_to = send_to;
	net->resolve = resolve;
	net->unresolve = unresolve;
	net->address_text = address_text;
}

/* ---- for the network ---------------------------------------------------------------------------
 */

struct sim_datagrams *sim_datagrams_new(const struct sim_net_rules *rules, const uint64_t *now,
	uint64_t (*random)(void *owner), void *owner)
{
	struct sim_datagrams *datagrams = calloc(1, sizeof(*datagrams));

	datagrams->rules = rules;
	datagrams->now = now;
	datagrams->random = random;
	datagrams->random_owner = owner;
	return datagrams;
}

void sim_datagrams_name(struct sim_datagrams *datagrams, uint32_t node, const char *name)
{
	snprintf(datagrams->names[node], sizeof(datagrams->names[node]), "%s", name);
}

void sim_datagrams_kill(struct sim_datagrams *datagrams, uint32_t node)
{
	struct skex_socket *socket = datagrams->sockets;

	while (socket != NULL) {
		struct skex_socket *next = socket->next;

		if (socket->node == node)
			unbind(socket);
		socket = next;
	}
}

uint64_t sim_datagrams_due(const struct sim_datagrams *datagrams)
{
	return datagrams->events == NULL ? UINT64_MAX : datagrams->events->at;
}

static void answer(struct skex_lookup *lookup)
{
	const bool found = lookup->address.size != 0;

	lookup->done(
		lookup->owner, found ? SKEX_OK : SKEX_E_OFFLINE, found ? &lookup->address : NULL);
	free(lookup);
}

bool sim_datagrams_step(struct sim_datagrams *datagrams, uint32_t *node)
{
	struct event *event = datagrams->events;
	struct skex_socket *to;

	if (event == NULL || event->at > *datagrams->now)
		return false;
	datagrams->events = event->next;
	*node = event->to_node;
	if (event->lookup != NULL) {
		*node = event->lookup->socket->node;
		answer(event->lookup);
	} else {
		to = find(datagrams, event->to_node, event->to_port);
		if (to != NULL)
			to->received(
				to->owner, to, &event->from, skex_view(event->bytes, event->size));
	}
	free(event);
	return true;
}

void sim_datagrams_free(struct sim_datagrams *datagrams)
{
	while (datagrams->sockets != NULL)
		unbind(datagrams->sockets);
	while (datagrams->events != NULL) {
		struct event *event = datagrams->events;

		datagrams->events = event->next;
		free(event);
	}
	free(datagrams);
}
