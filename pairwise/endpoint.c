/* SPDX-License-Identifier: Apache-2.0 */
#include "pairwise/endpoint.h"

#include <stdlib.h>
#include <string.h>

#define HOST_MAX       255u
/* A name is looked up again when it is so old and the peer was not heard from since, or so old. */
#define LOOK_SILENT_MS 5000u
#define LOOK_MS        600000u

/* How one association is reached. */
struct route {
	struct route *next;
	struct route **self;
	struct skex_endpoint *endpoint;
	struct skex_association *association;
	struct skex_lookup *lookup;
	struct skex_net_address found; /* what the name stands for */
	struct skex_net_address last;  /* where the peer was heard from */
	uint64_t looked_ms;
	uint64_t heard_ms;
	uint16_t port;
	uint16_t waiting_size;
	uint8_t *waiting; /* a message that waits for the name */
	char *host;       /* NULL: none is set */
};

struct skex_endpoint {
	const struct skex_platform *platform;
	struct skex_socket *socket;
	struct skex_associations *associations;
	struct route *routes;
	struct skex_endpoint_counters counters;
};

static struct route *route_of(const struct skex_association *association)
{
	return skex_association_route(association);
}

static struct route *route_make(
	struct skex_endpoint *endpoint, struct skex_association *association)
{
	struct route *route = route_of(association);

	if (route != NULL)
		return route;
	route = calloc(1, sizeof(*route));
	if (route == NULL)
		return NULL;
	route->endpoint = endpoint;
	route->association = association;
	route->next = endpoint->routes;
	route->self = &endpoint->routes;
	if (route->next != NULL)
		route->next->self = &route->next;
	endpoint->routes = route;
	skex_association_set_route(association, route);
	return route;
}

static void forget_name(struct route *route)
{
	route->endpoint->platform->net->unresolve(route->lookup);
	free(route->waiting);
	free(route->host);
	route->lookup = NULL;
	route->waiting = NULL;
	route->host = NULL;
	route->found.size = 0;
}

static void route_free(struct route *route)
{
	forget_name(route);
	*route->self = route->next;
	if (route->next != NULL)
		route->next->self = route->self;
	skex_association_set_route(route->association, NULL);
	free(route);
}

/* ---- sending -----------------------------------------------------------------------------------
 */

static void transmit(
	struct skex_endpoint *endpoint, const struct skex_net_address *to, struct skex_view bytes)
{
	/* Not taken is the same as lost: it is sent again. */
	if (to->size > 0 &&
		endpoint->platform->net->send_to(endpoint->socket, to, bytes) == SKEX_OK)
		endpoint->counters.sent++;
	else
		endpoint->counters.unsent++;
}

static void resolved(void *owner, enum skex_error error, const struct skex_net_address *address)
{
	struct route *route = owner;

	route->lookup = NULL;
	if (error == SKEX_OK)
		route->found = *address;
	if (route->waiting != NULL)
		transmit(route->endpoint, &route->found,
			skex_view(route->waiting, route->waiting_size));
	free(route->waiting);
	route->waiting = NULL;
}

static void look_up(struct route *route, uint64_t now_ms)
{
	struct skex_endpoint *endpoint = route->endpoint;

	if (route->lookup != NULL)
		return;
	route->looked_ms = now_ms;
	if (endpoint->platform->net->resolve(endpoint->socket, route->host, route->port, resolved,
		    route, &route->lookup) != SKEX_OK)
		route->lookup = NULL;
}

/* Only the newest message waits: the one before is sent again by its timer. */
static void wait_for_name(struct route *route, struct skex_view bytes)
{
	uint8_t *waiting = realloc(route->waiting, bytes.size);

	if (waiting == NULL)
		return;
	memcpy(waiting, bytes.data, bytes.size);
	route->waiting = waiting;
	route->waiting_size = (uint16_t)bytes.size;
}

static void begin_with(struct route *route, struct skex_view bytes)
{
	const struct skex_platform *platform = route->endpoint->platform;
	const uint64_t now_ms = platform->now_ms(platform->context);
	const uint64_t age_ms = now_ms - route->looked_ms;
	const bool silent = route->heard_ms < route->looked_ms;

	if (route->found.size == 0 || age_ms > LOOK_MS || (silent && age_ms > LOOK_SILENT_MS))
		look_up(route, now_ms);
	if (route->found.size > 0)
		transmit(route->endpoint, &route->found, bytes);
	else if (route->lookup != NULL)
		wait_for_name(route, bytes);
	else
		route->endpoint->counters.unsent++;
}

static void send(void *owner, struct skex_association *association,
	const struct skex_net_address *to, struct skex_view bytes)
{
	struct skex_endpoint *endpoint = owner;
	struct route *route = route_of(association);

	if (to != NULL)
		transmit(endpoint, to, bytes);
	else if (route != NULL && route->host != NULL)
		begin_with(route, bytes);
	else if (route != NULL)
		transmit(endpoint, &route->last, bytes);
	else
		endpoint->counters.unsent++;
}

static void heard(
	void *owner, struct skex_association *association, const struct skex_net_address *from)
{
	struct skex_endpoint *endpoint = owner;
	struct route *route = route_make(endpoint, association);

	if (route == NULL)
		return;
	route->last = *from;
	route->heard_ms = endpoint->platform->now_ms(endpoint->platform->context);
}

static void received(void *owner, struct skex_socket *socket, const struct skex_net_address *from,
	struct skex_view bytes)
{
	struct skex_endpoint *endpoint = owner;

	(void)socket;
	endpoint->counters.received++;
	if (!skex_associations_receive(endpoint->associations, from, bytes))
		endpoint->counters.unknown++;
}

/* ---- life --------------------------------------------------------------------------------------
 */

enum skex_error skex_endpoint_open(
	const struct skex_endpoint_setup *setup, struct skex_endpoint **out)
{
	struct skex_associations_setup associations = setup->associations;
	struct skex_endpoint *endpoint = calloc(1, sizeof(*endpoint));
	enum skex_error error;

	if (endpoint == NULL)
		return SKEX_E_MEMORY;
	endpoint->platform = associations.platform;
	associations.carrier = (struct skex_association_carrier){endpoint, send, heard};
	error = skex_associations_new(&associations, &endpoint->associations);
	if (error == SKEX_OK)
		error = endpoint->platform->net->bind(endpoint->platform->net->context, setup->host,
			setup->port, received, endpoint, &endpoint->socket);
	if (error != SKEX_OK) {
		skex_endpoint_free(endpoint);
		return error;
	}
	*out = endpoint;
	return SKEX_OK;
}

void skex_endpoint_free(struct skex_endpoint *endpoint)
{
	if (endpoint == NULL)
		return;
	while (endpoint->routes != NULL)
		route_free(endpoint->routes);
	skex_associations_free(endpoint->associations);
	endpoint->platform->net->unbind(endpoint->socket);
	free(endpoint);
}

struct skex_associations *skex_endpoint_associations(struct skex_endpoint *endpoint)
{
	return endpoint->associations;
}

uint16_t skex_endpoint_port(const struct skex_endpoint *endpoint)
{
	return endpoint->platform->net->bound_port(endpoint->socket);
}

enum skex_error skex_endpoint_aim(struct skex_endpoint *endpoint,
	struct skex_association *association, const char *host, uint16_t port)
{
	struct route *route;
	char *copy = NULL;

	if (host != NULL && strlen(host) > HOST_MAX)
		return SKEX_E_ARGUMENT;
	route = route_make(endpoint, association);
	if (host != NULL)
		copy = strdup(host);
	if (route == NULL || (host != NULL && copy == NULL)) {
		free(copy);
		return SKEX_E_MEMORY;
	}
	forget_name(route);
	route->host = copy;
	route->port = port;
	return SKEX_OK;
}

void skex_endpoint_remove(struct skex_endpoint *endpoint, struct skex_association *association)
{
	struct route *route = route_of(association);

	(void)endpoint;
	if (route != NULL)
		route_free(route);
	skex_association_remove(association);
}

bool skex_endpoint_aimed(const struct skex_association *association)
{
	const struct route *route = route_of(association);

	return route != NULL && (route->host != NULL || route->last.size > 0);
}

void skex_endpoint_where(const struct skex_association *association, char text[64])
{
	const struct route *route = route_of(association);

	text[0] = '\0';
	if (route != NULL && route->last.size > 0)
		route->endpoint->platform->net->address_text(&route->last, text);
}

void skex_endpoint_counters(
	const struct skex_endpoint *endpoint, struct skex_endpoint_counters *counters)
{
	*counters = endpoint->counters;
}
