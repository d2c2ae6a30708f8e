/* SPDX-License-Identifier: Apache-2.0 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

#define HOST_MAX 255u

/* One name to be looked up for a socket, in another thread. */
struct skex_lookup {
	uv_getaddrinfo_t request;
	struct skex_socket *socket; /* NULL: given up while another thread was using the request */
	struct net_link of_socket;
	struct net_link found; /* a literal address: nothing to look up, done from the next turn */
	struct skex_net_address address;
	skex_resolved_fn done;
	void *owner;
	int port;
	char host[HOST_MAX + 1];
};

static void finish(struct skex_lookup *lookup, enum skex_error error)
{
	skex_resolved_fn done = lookup->done;
	void *owner = lookup->owner;
	const struct skex_net_address address = lookup->address;

	net_list_remove(&lookup->of_socket);
	free(lookup);
	done(owner, error, error == SKEX_OK ? &address : NULL);
}

void net_finish_lookups(struct skex_loop *loop)
{
	struct net_list found;
	struct net_link *link;

	/* Those that a done asks for wait for the next turn. */
	net_list_take(&found, &loop->found);
	while ((link = net_list_pop(&found)) != NULL) {
		struct skex_lookup *lookup = NET_OWNER(link, struct skex_lookup, found);

		finish(lookup, lookup->address.size == 0 ? SKEX_E_OFFLINE : SKEX_OK);
	}
}

/* The first address that the socket can reach; the order is the resolver's. */
static bool choose(struct skex_lookup *lookup, const struct addrinfo *list)
{
	for (; list != NULL; list = list->ai_next) {
		union net_address address;

		if (list->ai_family != lookup->socket->family || list->ai_addrlen > sizeof(address))
			continue;
		memset(&address, 0, sizeof(address));
		memcpy(&address, list->ai_addr, list->ai_addrlen);
		net_address_set_port(&address, lookup->port);
		net_address_set(&lookup->address, &address.any);
		return true;
	}
	return false;
}

static void on_looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct skex_lookup *lookup = request->data;
	bool found;

	if (lookup->socket == NULL) {
		uv_freeaddrinfo(list);
		free(lookup);
		return;
	}
	found = status == 0 && choose(lookup, list);
	uv_freeaddrinfo(list);
	if (!found)
		net_log(lookup->socket->loop, SKEX_LEVEL_DEBUG, "look up", lookup->host,
			lookup->port, status != 0 ? status : UV_EAI_NODATA);
	finish(lookup, found ? SKEX_OK : SKEX_E_OFFLINE);
}

static int look_up(struct skex_lookup *lookup, struct skex_loop *loop)
{
	struct addrinfo hints;

	memset(&hints, 0, sizeof(hints));
	hints.ai_socktype = SOCK_DGRAM;
	hints.ai_family = lookup->socket->family;
	lookup->request.data = lookup;
	return uv_getaddrinfo(
		&loop->uv, &lookup->request, on_looked_up, lookup->host, NULL, &hints);
}

enum skex_error net_resolve(struct skex_socket *socket, const char *host, int port,
	skex_resolved_fn done, void *owner, struct skex_lookup **out)
{
	const size_t size = strlen(host);
	struct skex_loop *loop = socket->loop;
	struct skex_lookup *lookup;
	union net_address literal;
	int error = 0;

	if (port < 1 || port > UINT16_MAX || size == 0 || size > HOST_MAX)
		return SKEX_E_ARGUMENT;
	lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL)
		return SKEX_E_MEMORY;
	memcpy(lookup->host, host, size);
	lookup->port = port;
	lookup->socket = socket;
	lookup->done = done;
	lookup->owner = owner;
	if (net_address_parse(host, port, &literal)) {
		if (literal.any.sa_family == socket->family)
			net_address_set(&lookup->address, &literal.any);
		net_list_add(&loop->found, &lookup->found);
		loop->again = true;
	} else {
		error = look_up(lookup, loop);
	}
	if (error != 0) {
		free(lookup);
		return error == UV_ENOMEM ? SKEX_E_MEMORY : SKEX_E_ARGUMENT;
	}
	net_list_add(&socket->lookups, &lookup->of_socket);
	*out = lookup;
	return SKEX_OK;
}

void net_unresolve(struct skex_lookup *lookup)
{
	const bool looking = lookup != NULL && !net_link_linked(&lookup->found);

	if (lookup == NULL)
		return;
	net_list_remove(&lookup->of_socket);
	net_list_remove(&lookup->found);
	if (!looking) {
		free(lookup);
		return;
	}
	/* Another thread may be using it: the callback, which comes in any case, frees it. */
	lookup->socket = NULL;
	(void)uv_cancel((uv_req_t *)&lookup->request);
}

void net_lookups_end(struct skex_socket *socket)
{
	struct net_link *link;

	while ((link = net_list_first(&socket->lookups)) != NULL)
		net_unresolve(NET_OWNER(link, struct skex_lookup, of_socket));
}
