/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

/*
 * What the kernel may fill in one call.  libuv gives each datagram 64 KiB of it, since one may be
 * as long as that; of each only the pages that were written cost memory.  At most 16 a call, and no
 * further call once there were 32, keep a turn below SKEX_DATAGRAMS_A_TURN.
 */
#define DATAGRAMS_A_CALL 16u
#define DATAGRAM_ROOM    65536u
/* What the kernel keeps for a socket while a turn lasts, as far as the machine's limit goes. */
#define KERNEL_BYTES     (1024 * 1024)

void net_address_set(struct skex_net_address *address, const struct sockaddr *from)
{
	const struct sockaddr_in *from4 = (const struct sockaddr_in *)(const void *)from;
	const struct sockaddr_in6 *from6 = (const struct sockaddr_in6 *)(const void *)from;
	union net_address one; /* field by field: there is one form of each */

	memset(address, 0, sizeof(*address));
	memset(&one, 0, sizeof(one));
	if (from->sa_family == AF_INET) {
		one.v4.sin_family = AF_INET;
		one.v4.sin_port = from4->sin_port;
		one.v4.sin_addr = from4->sin_addr;
		address->size = sizeof(one.v4);
	} else {
		one.v6.sin6_family = AF_INET6;
		one.v6.sin6_port = from6->sin6_port;
		one.v6.sin6_addr = from6->sin6_addr;
		one.v6.sin6_scope_id = from6->sin6_scope_id;
		address->size = sizeof(one.v6);
	}
	memcpy(address->bytes, &one, address->size);
}

/* False when it is none of this table's. */
static bool address_get(const struct skex_net_address *address, union net_address *out)
{
	if (address->size != sizeof(out->v4) && address->size != sizeof(out->v6))
		return false;
	memset(out, 0, sizeof(*out));
	memcpy(out, address->bytes, address->size);
	return out->any.sa_family == (address->size == sizeof(out->v4) ? AF_INET : AF_INET6);
}

void net_address_text(const struct skex_net_address *address, char text[64])
{
	union net_address one;

	if (address_get(address, &one))
		net_address_print(&one, text);
	else
		(void)snprintf(text, 64, "unknown");
}

static void on_gone(uv_handle_t *handle)
{
	free(handle->data);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	const struct skex_socket *socket = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(socket->loop->datagrams, DATAGRAMS_A_CALL * DATAGRAM_ROOM);
}

/* Also called with nothing, to say that the buffer is free, and for errors, which pass. */
static void on_datagram(uv_udp_t *handle, ssize_t size, const uv_buf_t *buffer,
	const struct sockaddr *from, unsigned flags)
{
	struct skex_socket *socket = handle->data;
	struct skex_net_address address;

	/* libuv goes on with what it has taken off the kernel when the socket was unbound. */
	if (uv_is_closing(&socket->uv.handle))
		return;
	if (from == NULL || size <= 0 || size > SKEX_DATAGRAM_MAX || (flags & UV_UDP_PARTIAL) != 0)
		return;
	net_address_set(&address, from);
	socket->received(socket->owner, socket, &address, skex_view(buffer->base, (size_t)size));
}

static int open_udp(struct skex_socket *socket, const char *host, int port)
{
	union net_address address;
	int kernel_bytes = KERNEL_BYTES;
	unsigned flags = 0;
	int error;

	if (!net_address_parse(host, port, &address))
		return UV_EINVAL;
	/* As for listening: [::] and 0.0.0.0 side by side. */
	if (address.any.sa_family == AF_INET6)
		flags = UV_UDP_IPV6ONLY;
	socket->family = address.any.sa_family;
	error = uv_udp_bind(&socket->uv.udp, &address.any, flags);
	if (error != 0)
		return error;
	(void)uv_recv_buffer_size(&socket->uv.handle, &kernel_bytes);
	return uv_udp_recv_start(&socket->uv.udp, on_room, on_datagram);
}

enum skex_error net_bind(void *context, const char *host, int port, skex_received_fn received,
	void *owner, struct skex_socket **out)
{
	struct skex_loop *loop = context;
	struct skex_socket *socket;
	int error;

	if (port < 0 || port > UINT16_MAX)
		return SKEX_E_ARGUMENT;
	if (loop->datagrams == NULL)
		loop->datagrams = malloc((size_t)DATAGRAMS_A_CALL * DATAGRAM_ROOM);
	socket = calloc(1, sizeof(*socket));
	if (socket == NULL || loop->datagrams == NULL ||
		uv_udp_init_ex(&loop->uv, &socket->uv.udp, AF_UNSPEC | UV_UDP_RECVMMSG) != 0) {
		free(socket);
		return SKEX_E_MEMORY;
	}
	socket->uv.handle.data = socket;
	socket->loop = loop;
	socket->received = received;
	socket->owner = owner;
	net_list_init(&socket->lookups);
	net_list_add(&loop->sockets, &socket->all);
	error = open_udp(socket, host, port);
	if (error != 0) {
		net_log(loop, SKEX_LEVEL_ERROR, "bind to", host, port, error);
		net_unbind(socket);
		return net_error(error);
	}
	*out = socket;
	return SKEX_OK;
}

uint16_t net_bound_port(struct skex_socket *socket)
{
	union net_address address;
	int size = (int)sizeof(address);

	if (uv_udp_getsockname(&socket->uv.udp, &address.any, &size) != 0)
		return 0;
	return net_address_port(&address);
}

void net_unbind(struct skex_socket *socket)
{
	if (socket == NULL || uv_is_closing(&socket->uv.handle))
		return;
	net_lookups_end(socket);
	net_list_remove(&socket->all);
	uv_close(&socket->uv.handle, on_gone);
}

enum skex_error net_send_to(
	struct skex_socket *socket, const struct skex_net_address *address, struct skex_view bytes)
{
	char copy[SKEX_DATAGRAM_MAX];
	union net_address to;
	uv_buf_t buffer;

	if (bytes.size == 0 || bytes.size > SKEX_DATAGRAM_MAX || !address_get(address, &to) ||
		to.any.sa_family != socket->family)
		return SKEX_E_ARGUMENT;
	/* A copy: libuv's buffers serve both ways, and are not const. */
	memcpy(copy, bytes.data, bytes.size);
	buffer = uv_buf_init(copy, (unsigned)bytes.size);
	if (uv_is_closing(&socket->uv.handle) ||
		uv_udp_try_send(&socket->uv.udp, &buffer, 1, &to.any) < 0)
		return SKEX_E_OFFLINE;
	return SKEX_OK;
}
