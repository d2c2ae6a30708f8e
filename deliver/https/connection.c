/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/https/connection.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "platform/network.h"
#include "platform/posix.h"

static const uint64_t phase_limit_ms[] = {
	[SKEX_HTTPS_PHASE_FREE] = UINT64_MAX,
	[SKEX_HTTPS_PHASE_CONNECTED] = 10000,
	[SKEX_HTTPS_PHASE_IDLE] = 60000,
	[SKEX_HTTPS_PHASE_READING] = 15000,
	[SKEX_HTTPS_PHASE_WAITING] = UINT64_MAX, /* the backend ends it */
	[SKEX_HTTPS_PHASE_ANSWERED] = UINT64_MAX,
	[SKEX_HTTPS_PHASE_SENDING] = 30000,
};

enum skex_error skex_https_connections_new(const struct skex_https_service *service,
	struct skex_https_backend *backend, struct skex_https_connections **connections)
{
	struct skex_https_connections *made = calloc(1, sizeof(*made));

	if (made == NULL)
		return SKEX_E_MEMORY;
	made->service = service;
	made->backend = backend;
	made->requests = calloc(SKEX_HTTPS_CONNECTIONS_MAX, service->request_size);
	if (made->requests == NULL) {
		free(made);
		return SKEX_E_MEMORY;
	}
	for (size_t i = 0; i < SKEX_HTTPS_CONNECTIONS_MAX; i++) {
		made->each[i].all = made;
		made->each[i].request = made->requests + i * service->request_size;
	}
	*connections = made;
	return SKEX_OK;
}

void skex_https_phase_set(struct skex_https_connection *connection, enum skex_https_phase phase)
{
	connection->phase = phase;
	connection->since_ms = skex_posix_now_ms(NULL);
}

void skex_https_connection_clear(struct skex_https_connection *connection)
{
	if (connection->ticket != 0)
		skex_https_backend_forget(connection->all->backend, connection->ticket);
	connection->ticket = 0;
	skex_https_reply_clear(&connection->reply);
	free(connection->body);
	connection->body = NULL;
	connection->body_size = 0;
	connection->body_room = 0;
	connection->begun = false;
	connection->refused = false;
}

void skex_https_connections_free(struct skex_https_connections *connections)
{
	if (connections == NULL)
		return;
	for (size_t i = 0; i < SKEX_HTTPS_CONNECTIONS_MAX; i++)
		skex_https_connection_clear(&connections->each[i]);
	free(connections->requests);
	free(connections);
}

void skex_https_connections_resume(struct skex_https_connections *connections)
{
	for (size_t i = 0; i < SKEX_HTTPS_CONNECTIONS_MAX; i++) {
		struct skex_https_connection *connection = &connections->each[i];
		if (connection->phase != SKEX_HTTPS_PHASE_WAITING)
			continue;
		connection->phase = SKEX_HTTPS_PHASE_ANSWERED;
		MHD_resume_connection(connection->mhd);
	}
}

/* The daemon does not look at one that is suspended.  A client that only has ended its own
 * direction cannot be told from one that has gone: it gets the words. */
static bool is_gone(const struct skex_https_connection *connection)
{
	struct pollfd look = {.fd = connection->descriptor, .events = POLLRDHUP};

	return poll(&look, 1, 0) == 1;
}

/* Nobody is there to take what it waits for. */
static void withdraw(struct skex_https_connection *connection)
{
	struct skex_https_problem problem;

	skex_https_backend_forget(connection->all->backend, connection->ticket);
	connection->ticket = 0;
	skex_https_problem_set(&problem, 503, "the client has closed before it was its turn");
	connection->all->service->problem(&connection->reply, &problem);
	connection->phase = SKEX_HTTPS_PHASE_ANSWERED;
	MHD_resume_connection(connection->mhd);
}

void skex_https_connections_sweep(struct skex_https_connections *connections, uint64_t now_ms)
{
	for (size_t i = 0; i < SKEX_HTTPS_CONNECTIONS_MAX; i++) {
		struct skex_https_connection *connection = &connections->each[i];
		if (connection->phase == SKEX_HTTPS_PHASE_WAITING &&
			skex_https_backend_waits(connections->backend, connection->ticket) &&
			is_gone(connection))
			withdraw(connection);
		if (now_ms - connection->since_ms < phase_limit_ms[connection->phase])
			continue;
		/* The daemon finds the end of the stream and closes. */
		shutdown(connection->descriptor, SHUT_RDWR);
	}
}

uint32_t skex_https_connections_refused(struct skex_https_connections *connections)
{
	uint32_t refused = connections->refused;

	connections->refused = 0;
	return refused;
}

/* ---- a connection ---- */

struct skex_https_connection *skex_https_connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

static uint8_t network_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info != NULL ? skex_network_of(info->client_addr) : 0;
}

static bool is_stranger(const struct skex_https_connection *connection)
{
	return connection->phase == SKEX_HTTPS_PHASE_CONNECTED && !connection->pushed_out;
}

static void push_out(struct skex_https_connection *connection)
{
	connection->pushed_out = true;
	/* The daemon finds the end of the stream and closes. */
	shutdown(connection->descriptor, SHUT_RDWR);
}

/* Who floods from one network takes places of its own. */
static void strangers_limit(struct skex_https_connections *connections)
{
	struct skex_https_connection *oldest = NULL;
	uint32_t of_network[SKEX_NETWORKS] = {0};
	uint32_t strangers = 0;

	for (size_t i = 0; i < SKEX_HTTPS_CONNECTIONS_MAX; i++) {
		const struct skex_https_connection *connection = &connections->each[i];

		if (!is_stranger(connection))
			continue;
		strangers++;
		of_network[connection->network]++;
	}
	if (strangers <= SKEX_HTTPS_STRANGERS_MAX)
		return;
	for (size_t i = 0; i < SKEX_HTTPS_CONNECTIONS_MAX; i++) {
		struct skex_https_connection *connection = &connections->each[i];
		uint32_t count;

		if (!is_stranger(connection))
			continue;
		count = of_network[connection->network];
		if (oldest == NULL || count > of_network[oldest->network] ||
			(count == of_network[oldest->network] &&
				connection->number < oldest->number))
			oldest = connection;
	}
	push_out(oldest);
}

/* For it is known now whose it is. */
void skex_https_connection_place(struct skex_https_connection *connection)
{
	struct skex_https_connections *connections = connection->all;
	struct skex_https_connection *idlest = NULL;
	uint32_t count = 0;

	for (size_t i = 0; i < SKEX_HTTPS_CONNECTIONS_MAX; i++) {
		struct skex_https_connection *other = &connections->each[i];

		if (other->phase == SKEX_HTTPS_PHASE_FREE || other->pushed_out ||
			other->trust != SKEX_HTTPS_TRUST_GOOD ||
			strcmp(other->identity.name.text, connection->identity.name.text) != 0)
			continue;
		count++;
		if (other->phase == SKEX_HTTPS_PHASE_IDLE &&
			(idlest == NULL || other->since_ms < idlest->since_ms))
			idlest = other;
	}
	if (count <= SKEX_HTTPS_PER_IDENTITY_MAX)
		return;
	/* Otherwise who keeps connections for later would shut itself out for as long. */
	if (idlest != NULL)
		push_out(idlest);
	else if (count <= SKEX_HTTPS_PER_IDENTITY_MAX + SKEX_HTTPS_SURPLUS_MAX)
		connection->surplus = true;
	else
		push_out(connection);
}

static void connection_begin(struct skex_https_connections *connections, struct MHD_Connection *mhd,
	void **socket_context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	for (size_t i = 0; info != NULL && i < SKEX_HTTPS_CONNECTIONS_MAX; i++) {
		struct skex_https_connection *connection = &connections->each[i];
		if (connection->phase != SKEX_HTTPS_PHASE_FREE)
			continue;
		connection->mhd = mhd;
		connection->descriptor = info->connect_fd;
		connection->trust = SKEX_HTTPS_TRUST_OPEN;
		skex_https_phase_set(connection, SKEX_HTTPS_PHASE_CONNECTED);
		connection->number = ++connections->numbers;
		connection->network = network_of(mhd);
		connection->pushed_out = false;
		connection->surplus = false;
		*socket_context = connection;
		info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
		if (info != NULL)
			skex_https_identity_prepare(info->tls_session);
		strangers_limit(connections);
		return;
	}
}

void skex_https_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
	enum MHD_ConnectionNotificationCode code)
{
	struct skex_https_connection *connection = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection_begin(context, mhd, socket_context);
	} else if (connection != NULL) {
		skex_https_connection_clear(connection);
		connection->phase = SKEX_HTTPS_PHASE_FREE;
		*socket_context = NULL;
	}
}
